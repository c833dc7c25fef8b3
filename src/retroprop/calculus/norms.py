"""Norms of gradients and Jacobians, whatever the shapes of the inputs and of the output.

    gradient_norm(f, x₁, …, x_n) = √(Σ_i ‖∂f/∂x_i‖²)          f scalar
    jacobian_norm(f, x) = √(Σ_ab (∂f_a/∂x_b)²)                 Frobenius norm

Automatic differentiation computes the derivatives; the norm is the scaled one of `functions`, which
neither overflows nor vanishes. Source: IFT3395, devoir 3, questions 1 and 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from retroprop.calculus.functions import l2_norm
from retroprop.errors import UserError


@torch.enable_grad()
def gradient_norm(function: Callable[..., Tensor], *tensor_list: Tensor) -> float:
    """Euclidean norm of the gradient of `function(*tensor_list)` over all inputs together.

    An input that the function ignores has a gradient of 0. The tensors themselves are left as they
    are: neither their `requires_grad` nor their `grad` changes.

    Args:
        function: Takes the tensors and returns one number.
        *tensor_list: Inputs of any shapes.

    Raises:
        UserError: If an input is not floating point, or if the function does not return one number.

    >>> gradient_norm(lambda x, y: x.square().sum() + 0 * y.sum(), torch.ones(4), torch.ones(2, 3))
    4.0
    """
    inputs = [_leaf(tensor) for tensor in tensor_list]
    if not inputs:
        return 0.0
    value = _evaluate(function, *inputs)
    if value.numel() != 1:
        raise UserError(
            "gradient_norm needs a function whose value is one number, and got a tensor of shape "
            f"{tuple(value.shape)}; for a tensor, use jacobian_norm."
        )
    if not value.requires_grad:  # it ignores every input
        return 0.0
    gradients = torch.autograd.grad(value.sum(), inputs, allow_unused=True)
    return _norm([gradient for gradient in gradients if gradient is not None])


@torch.enable_grad()
def jacobian_norm(function: Callable[[Tensor], Tensor], input_tensor: Tensor) -> float:
    """Frobenius norm of the Jacobian of `function` at `input_tensor`.

    Args:
        function: Takes a tensor of any shape and returns one of any shape.
        input_tensor: Where the Jacobian is taken; it is left as it is.

    Raises:
        UserError: If the input is not floating point, or the function returns no tensor.

    >>> round(jacobian_norm(lambda x: 3 * x, torch.ones(2, 2)), 6)
    6.0
    """
    x = _leaf(input_tensor)
    y = _evaluate(function, x).flatten()
    if not y.requires_grad:  # it ignores its input
        return 0.0
    rows = []
    for place in range(len(y)):  # one row of the Jacobian at a time
        (row,) = torch.autograd.grad(y[place], x, retain_graph=True, allow_unused=True)
        if row is not None:
            rows.append(l2_norm(row.reshape(-1)) if row.numel() else row.sum())
    return _norm(rows)


def _leaf(tensor: Tensor) -> Tensor:
    """The same numbers as an input of automatic differentiation."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise UserError(
            f"a derivative needs tensors of floating-point numbers, and got {kind}; "
            "convert it with torch.as_tensor(x, dtype=torch.float32)."
        )
    return tensor.detach().clone().requires_grad_()


def _evaluate(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    value = function(*inputs)
    if not isinstance(value, Tensor):
        raise UserError(
            f"expected a function that returns a tensor, and got {type(value).__name__}; "
            "keep its operations in torch, without .item()."
        )
    return value


def _norm(tensors: list[Tensor]) -> float:
    numbers = [tensor.reshape(-1) for tensor in tensors]
    if not numbers or not sum(map(len, numbers)):
        return 0.0
    return float(l2_norm(torch.cat([one.double() for one in numbers])))
