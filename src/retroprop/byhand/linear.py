"""The linear map, forward and backward, for one model or a population.

    z = x W + b           dW = xᵀ dz        db = Σ_batch dz        dx = dz Wᵀ
    z = x̃ W, x̃ = [x, 1]   bias by the augmented input: the last row of W is the bias

The functions know no bias: give them x̃. The layer `Linear` has one.

Weights carry leading population axes, W (*population, features, classes). The inputs carry the
first of them, or none: members that differ only in the last population axes read the same inputs.
With W (seeds, rates, features, classes) and x (seeds, batch, features), all learning rates of a
seed share its minibatches. Source: Goodfellow et al., Deep Learning (2016), 6.5; the augmented
input is that of INF8225, TP1.

Ours differs in one thing, for speed: members that share their inputs are laid side by side as rows
of one tall matrix, so the inputs are read once for all of them, and products are formed with the
examples as columns, which is what the matrix library does fastest on the narrow matrices of a
classifier (measured: 1.7 times at 30 rows and a batch of 200). `tests/byhand` proves both equal to
the plain `x̃ @ W`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.layer import Gradients, Saved


def augment(x: Float[Tensor, "*lead features"]) -> Float[Tensor, "*lead features_and_one"]:
    """Append the constant input 1 whose weight is the bias: x̃ = [x, 1].

    >>> augment(torch.tensor([[2.0, 3.0]]))
    tensor([[2., 3., 1.]])
    """
    return torch.cat((x, x.new_ones((*x.shape[:-1], 1))), dim=-1)


def linear(
    x: Float[Tensor, "*groups batch features"],
    W: Float[Tensor, "*population features classes"],
) -> Float[Tensor, "*population batch classes"]:
    """z = x W for every member of the population.

    Args:
        x: Inputs; `groups` are the first population axes, those whose members read other inputs.
        W: Weights. Fastest when `W.mT` is contiguous.

    >>> x, W = torch.ones(3, 20, 785), torch.ones(3, 5, 785, 10)  # 3 seeds × 5 learning rates
    >>> linear(x, W).shape
    torch.Size([3, 5, 20, 10])
    """
    shared = W.ndim - x.ndim
    rows = W.mT.flatten(-2 - shared, -2) if shared else W.mT  # (*groups, members·classes, features)
    # (*groups, members·classes, batch); a single row is faster from the left
    z = _product(x, rows.mT).mT if x.shape[-2] == 1 else _product(rows, x.mT)
    return z.view(*W.shape[:-2], W.shape[-1], x.shape[-2]).mT


def linear_weight_gradient(
    x: Float[Tensor, "*groups batch features"],
    dz: Float[Tensor, "*population batch classes"],
) -> Float[Tensor, "*population features classes"]:
    """dW = xᵀ dz, summed over the batch.

    Args:
        x: The inputs that `linear` was given.
        dz: Gradient of the loss with respect to its output.
    """
    shared = dz.ndim - x.ndim
    if x.shape[-2] == 1:  # one example: an outer product, which needs no matrix library
        return (dz.mT * x.view(*x.shape[:-2], *(1,) * shared, 1, x.shape[-1])).mT
    rows = dz.mT.flatten(-2 - shared, -2) if shared else dz.mT  # (*groups, members·classes, batch)
    dW = _product(rows, x)  # (*groups, members·classes, features)
    return dW.view(*dz.shape[:-2], dz.shape[-1], x.shape[-1]).mT


def linear_input_gradient(
    dz: Float[Tensor, "*population batch classes"],
    W: Float[Tensor, "*population features classes"],
    shared: int = 0,
) -> Float[Tensor, "*groups batch features"]:
    """dx = dz Wᵀ, summed over the members that share their inputs.

    Args:
        dz: Gradient of the loss with respect to the output of `linear`.
        W: Its weights.
        shared: How many of the last population axes the inputs lack.
    """
    if not shared:
        return _product(dz, W.mT)
    rows = dz.mT.flatten(-2 - shared, -2)  # (*groups, members·classes, batch)
    return _product(rows.mT, W.mT.flatten(-2 - shared, -2))


class Linear:
    """z = x W + b, with parameters W (*population, in, out) and b (*population, out).

    W is stored transposed, as the functions of this module like it best. Source: Goodfellow et al.,
    Deep Learning (2016), 6.5.6.
    """

    def __init__(
        self,
        W: Float[Tensor, "*population features outputs"],
        b: Float[Tensor, "*population outputs"],
    ) -> None:
        """Take copies of the initial parameters."""
        self.W = W.mT.clone(memory_format=torch.contiguous_format).mT
        self.b = b.clone()

    @property
    def parameters(self) -> dict[str, Tensor]:
        """W and b."""
        return {"W": self.W, "b": self.b}

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """z = x W + b."""
        if x.ndim == self.W.ndim == 2:
            return torch.addmm(self.b, x, self.W), x
        return linear(x, self.W).add_(self.b.unsqueeze(-2)), x

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """dW = xᵀ dz, db = Σ_batch dz, dx = dz Wᵀ."""
        shared = self.W.ndim - saved.ndim
        gradients = {"W": linear_weight_gradient(saved, dy), "b": dy.sum(-2)}
        return linear_input_gradient(dy, self.W, shared), gradients


class LeftLinear(Linear):
    """Z = Wᵀ X + b 1ᵀ for each example's matrix X (in, dim), with the parameters of `Linear`."""

    def forward(
        self, x: Float[Tensor, "*population batch inputs dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch outputs dim"], Saved]:
        """Z = Wᵀ X + b 1ᵀ."""
        z = self.W.mT.unsqueeze(-3) @ x
        return z.add_(self.b[..., None, :, None]), x

    def backward(
        self, dy: Float[Tensor, "*population batch outputs dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch inputs dim"], Gradients]:
        """dW = Σ_b X dZᵀ, db = Σ_b dZ 1, dX = W dZ."""
        gradients = {"W": (dy @ saved.mT).sum(-3).mT, "b": dy.sum((-3, -1))}
        return self.W.unsqueeze(-3) @ dy, gradients


def _product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product a @ b; by the batched product itself where it applies.

    `a @ b` first finds out what to broadcast, which costs ten microseconds a call here.
    """
    return torch.bmm(a, b) if a.ndim == b.ndim == 3 else a @ b
