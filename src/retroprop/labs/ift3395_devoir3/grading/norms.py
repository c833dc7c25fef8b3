"""Questions 1, 2 and 9: Euclidean norms of a gradient, of a Jacobian, of a network's gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Check, Mistake, Question, Remark, Values
from retroprop.labs.ift3395_devoir3.grading.common import (
    ACCUMULATES,
    NEEDS_REQUIRES_GRAD,
    all_but,
    tensor_instead_of_float,
)
from retroprop.labs.ift3395_devoir3.grading.probes import FUNCTIONS
from retroprop.languages import say_later


def the_norm(values: Values, answer: Any) -> Any:
    """What is compared; a probe's other calls are for the remarks."""
    return answer["norm"]


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of some tensors in one vector."""
    return torch.cat([tensor.flatten() for tensor in tensors])


COMBINED = {
    "together": lambda tensors: flat(tensors).norm(),
    "sum of norms": lambda tensors: sum(tensor.norm() for tensor in tensors),
    "mean of norms": lambda tensors: sum(tensor.norm() for tensor in tensors) / len(tensors),
    "squared": lambda tensors: flat(tensors).square().sum(),
    "first": lambda tensors: tensors[0].norm(),
    "last": lambda tensors: tensors[-1].norm(),
    "L1": lambda tensors: flat(tensors).abs().sum(),
    "largest": lambda tensors: flat(tensors).abs().max(),
    "root mean square": lambda tensors: flat(tensors).square().mean().sqrt(),
    "spectral": lambda tensors: torch.stack(
        [torch.linalg.norm(tensor, 2) for tensor in tensors]
    ).norm(),
    "matrices": lambda tensors: flat([one for one in tensors if one.ndim > 1]).norm(),
}
"""Ways to make one number of the gradients of several tensors; "together" is right."""


# --- question 1 -----------------------------------------------------------------------------------


def gradient_norm(
    values: Values, answer: Any, *, combined: str = "together", times: int = 1
) -> Tensor:
    """The norm of the gradient over all inputs.

    Args:
        values: With the function's name and the inputs.
        answer: Ignored.
        combined: One of COMBINED.
        times: How often the gradient was accumulated.
    """
    inputs = [x.clone().requires_grad_() for x in values["inputs"]]
    value = FUNCTIONS[values["function"]](*inputs)
    gradients = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
    return COMBINED[combined]([times * gradient for gradient in gradients])


OVER_INPUTS = [
    Mistake(
        name="sum of norms over inputs",
        sentence=say_later(
            "the norms of the inputs' gradients are added: the norm of all together is the root of "
            "the sum of squares"
        ),
        switches={"combined": "sum of norms"},
    ),
    Mistake(
        name="mean of norms over inputs",
        sentence=say_later("the norms of the inputs' gradients are averaged"),
        switches={"combined": "mean of norms"},
    ),
    Mistake(
        name="squared norm over inputs",
        sentence=say_later("it is the squared norm of the gradient: the square root is missing"),
        switches={"combined": "squared"},
    ),
    Mistake(
        name="first input only",
        sentence=say_later("the gradient is taken with respect to the first input alone"),
        switches={"combined": "first"},
    ),
    Mistake(
        name="last input only",
        sentence=say_later("the gradient is taken with respect to the last input alone"),
        switches={"combined": "last"},
    ),
    Mistake(
        name="L1 norm over inputs",
        sentence=say_later("it is the sum of absolute values, not the Euclidean norm"),
        switches={"combined": "L1"},
    ),
    Mistake(
        name="largest derivative",
        sentence=say_later("it is the largest absolute value, not the Euclidean norm"),
        switches={"combined": "largest"},
    ),
    Mistake(
        name="root mean square over inputs",
        sentence=say_later("the squares are averaged instead of added"),
        switches={"combined": "root mean square"},
    ),
    Mistake(
        name="gradient accumulated twice",
        sentence=say_later(
            "the gradient is counted twice: backward() adds to .grad, so call it once, or empty "
            ".grad before"
        ),
        switches={"times": 2},
    ),
]


def _gradient_check(
    name: str,
    share: float,
    function: str,
    shapes: Sequence[tuple[int, ...]],
    mistakes: Sequence[Mistake],
    *,
    public: bool = False,
) -> Check:
    def inputs(generator: Generator) -> dict[str, Any]:
        drawn = [torch.randn(shape, generator=generator) for shape in shapes]
        return {"norm": "gradient_norm", "function": function, "inputs": drawn}

    return Check(
        name=name,
        share=share,
        probe="norm_of_derivatives",
        inputs=inputs,
        reference=gradient_norm,
        measure=the_norm,
        mistakes=mistakes,
        remarks=[tensor_instead_of_float(_norm), ACCUMULATES, NEEDS_REQUIRES_GRAD],
        public=public,
    )


def _norm(answer: Mapping[str, Any]) -> Any:
    return answer["norm"]


GRADIENT_NORM = Question(
    number="1",
    name=say_later("norm of a gradient"),
    points=3,
    checks=[
        _gradient_check(
            say_later("two inputs of one shape"),
            0.5,
            "product",
            [(2, 3), (2, 3)],
            OVER_INPUTS,
            public=True,
        ),
        _gradient_check(
            say_later("three inputs of different shapes"),
            0.35,
            "three shapes",
            [(3, 4), (4, 2), (5,)],
            OVER_INPUTS,
        ),
        _gradient_check(
            say_later("an input that the function ignores"),
            0.15,
            "second unused",
            [(3,), (2, 2)],
            # The gradient of the second input is 0, so these are right here.
            all_but(OVER_INPUTS, "sum of norms over inputs", "first input only"),
        ),
    ],
)


# --- question 2 -----------------------------------------------------------------------------------


def jacobian_norm(
    values: Values, answer: Any, *, combined: str = "together", accumulates: bool = False
) -> Tensor:
    """The Frobenius norm of a Jacobian.

    Args:
        values: With the function's name and its input.
        answer: Ignored.
        combined: One of OF_JACOBIAN.
        accumulates: Whether every row holds the rows before it, too.
    """
    (x,) = values["inputs"]
    jacobian = torch.autograd.functional.jacobian(FUNCTIONS[values["function"]], x)
    matrix = jacobian.reshape(-1, x.numel())  # (outputs, inputs)
    return OF_JACOBIAN[combined](matrix.cumsum(0) if accumulates else matrix)


OF_JACOBIAN = {
    "together": lambda matrix: matrix.norm(),
    "gradient of the sum": lambda matrix: matrix.sum(0).norm(),
    "spectral": lambda matrix: torch.linalg.matrix_norm(matrix, 2),
    "nuclear": lambda matrix: torch.linalg.matrix_norm(matrix, "nuc"),
    "squared": lambda matrix: matrix.square().sum(),
    "sum of rows": lambda matrix: matrix.norm(dim=1).sum(),
    "L1": lambda matrix: matrix.abs().sum(),
    "largest": lambda matrix: matrix.abs().max(),
    "first output": lambda matrix: matrix[0].norm(),
    "last output": lambda matrix: matrix[-1].norm(),
}
"""Ways to make one number of a Jacobian (outputs, inputs); "together" is right."""

OVER_OUTPUTS = [
    Mistake(
        name="gradient of the summed output",
        sentence=say_later(
            "it is the norm of the gradient of the summed output: the Jacobian keeps the outputs "
            "apart"
        ),
        switches={"combined": "gradient of the sum"},
    ),
    Mistake(
        name="spectral norm of the Jacobian",
        sentence=say_later(
            "it is the largest singular value of the Jacobian, not its Frobenius norm"
        ),
        switches={"combined": "spectral"},
    ),
    Mistake(
        name="nuclear norm of the Jacobian",
        sentence=say_later(
            "it is the sum of the singular values of the Jacobian, not its Frobenius norm"
        ),
        switches={"combined": "nuclear"},
    ),
    Mistake(
        name="squared Frobenius norm",
        sentence=say_later("it is the squared Frobenius norm: the square root is missing"),
        switches={"combined": "squared"},
    ),
    Mistake(
        name="sum of row norms",
        sentence=say_later(
            "the norms of the Jacobian's rows are added: take the root of the sum of squares"
        ),
        switches={"combined": "sum of rows"},
    ),
    Mistake(
        name="L1 norm of the Jacobian",
        sentence=say_later("it is the sum of absolute values, not the Frobenius norm"),
        switches={"combined": "L1"},
    ),
    Mistake(
        name="largest element of the Jacobian",
        sentence=say_later("it is the largest absolute value, not the Frobenius norm"),
        switches={"combined": "largest"},
    ),
    Mistake(
        name="first output only",
        sentence=say_later("only the first output is derived"),
        switches={"combined": "first output"},
    ),
    Mistake(
        name="last output only",
        sentence=say_later(
            "only the last output counts: the rows before it are overwritten or not kept"
        ),
        switches={"combined": "last output"},
    ),
    Mistake(
        name="rows accumulate",
        sentence=say_later(
            "each row of the Jacobian holds the rows before it: backward() adds to .grad, so empty "
            ".grad for every output"
        ),
        switches={"accumulates": True},
    ),
]


def _jacobian_check(
    name: str,
    share: float,
    function: str,
    shape: tuple[int, ...],
    mistakes: Sequence[Mistake],
    *,
    public: bool = False,
) -> Check:
    def inputs(generator: Generator) -> dict[str, Any]:
        x = torch.randn(shape, generator=generator)
        return {"norm": "jacobian_norm", "function": function, "inputs": [x]}

    return Check(
        name=name,
        share=share,
        probe="norm_of_derivatives",
        inputs=inputs,
        reference=jacobian_norm,
        measure=the_norm,
        mistakes=mistakes,
        remarks=[tensor_instead_of_float(_norm), ACCUMULATES, NEEDS_REQUIRES_GRAD],
        public=public,
    )


_ONE_ROW = [
    "gradient of the summed output",
    "spectral norm of the Jacobian",
    "nuclear norm of the Jacobian",
    "sum of row norms",
    "first output only",
    "last output only",
    "rows accumulate",
]
"""What is right where the Jacobian has one row."""

JACOBIAN_NORM = Question(
    number="2",
    name=say_later("norm of a Jacobian"),
    points=2,
    checks=[
        _jacobian_check(
            say_later("a vector of outputs"), 0.5, "vector", (2, 3), OVER_OUTPUTS, public=True
        ),
        _jacobian_check(say_later("a matrix of outputs"), 0.3, "matrix", (3, 2), OVER_OUTPUTS),
        _jacobian_check(
            say_later("one output"), 0.2, "number", (4,), all_but(OVER_OUTPUTS, *_ONE_ROW)
        ),
    ],
)


# --- question 9 -----------------------------------------------------------------------------------


def norm_of_gradients(values: Values, answer: Any, *, over: str = "together") -> Tensor:
    """The norm of the gradients of all parameters of a network.

    Args:
        values: With the gradients, and with the weights for one of the mistakes.
        answer: Ignored.
        over: One of COMBINED, or "weights": of the parameters themselves.
    """
    if over == "weights":
        kernels = [] if values["kernels"] is None else [values["kernels"]]
        return flat([*kernels, *values["weights"]]).norm()
    return COMBINED[over](values["gradients"])


OVER_PARAMETERS = [
    Mistake(
        name="sum of norms over parameters",
        sentence=say_later(
            "the norms of the parameters' gradients are added: take the root of the sum of squares"
        ),
        switches={"over": "sum of norms"},
    ),
    Mistake(
        name="mean of norms over parameters",
        sentence=say_later("the norms of the parameters' gradients are averaged"),
        switches={"over": "mean of norms"},
    ),
    Mistake(
        name="squared norm over parameters",
        sentence=say_later(
            "it is the squared norm of the parameters' gradients: the square root is missing"
        ),
        switches={"over": "squared"},
    ),
    Mistake(
        name="first parameter only",
        sentence=say_later("only the first parameter's gradient counts"),
        switches={"over": "first"},
    ),
    Mistake(
        name="last parameter only",
        sentence=say_later("only the last parameter's gradient counts"),
        switches={"over": "last"},
    ),
    Mistake(
        name="norm of the parameters",
        sentence=say_later("it is the norm of the parameters, not of their gradients"),
        switches={"over": "weights"},
    ),
    Mistake(
        name="biases left out",
        sentence=say_later("the gradients of the biases are left out"),
        switches={"over": "matrices"},
    ),
    Mistake(
        name="L1 norm over parameters",
        sentence=say_later("it is the sum of the absolute values of the parameters' gradients"),
        switches={"over": "L1"},
    ),
    Mistake(
        name="largest gradient",
        sentence=say_later("it is the largest absolute value of the parameters' gradients"),
        switches={"over": "largest"},
    ),
    Mistake(
        name="root mean square over parameters",
        sentence=say_later("the squares of the gradients are averaged instead of added"),
        switches={"over": "root mean square"},
    ),
    Mistake(
        name="spectral norms",
        sentence=say_later(
            "a matrix's norm of order 2 is its largest singular value: flatten the gradients before"
        ),
        switches={"over": "spectral"},
    ),
]


def _network_check(name: str, share: float, *, kernels: bool, public: bool = False) -> Check:
    def inputs(generator: Generator) -> dict[str, Any]:
        shapes = [(6, 12), (6,), (5, 6), (5,)]
        convolved = (3, 2, 3, 3)
        weights, gradients = (
            [torch.randn(shape, generator=generator) * 0.4 for shape in shapes] for _ in range(2)
        )
        drawn = torch.randn(convolved, generator=generator) if kernels else None
        if kernels:
            gradients = [torch.randn(convolved, generator=generator), *gradients]
        return {"weights": weights, "kernels": drawn, "gradients": gradients}

    return Check(
        name=name,
        share=share,
        probe="norm_of_gradients",
        inputs=inputs,
        reference=norm_of_gradients,
        measure=the_norm,
        # torch knows no spectral norm of a kernel of four axes
        mistakes=all_but(OVER_PARAMETERS, *(["spectral norms"] if kernels else [])),
        remarks=[tensor_instead_of_float(_norm), NEEDS_ALL_GRADIENTS],
        public=public,
    )


def _needs_all_gradients(values: Values, answer: Any) -> bool:
    return answer["frozen"] is None


NEEDS_ALL_GRADIENTS = Remark(
    name="a parameter without gradient",
    sentence=say_later(
        "it fails where the .grad of a parameter is None, as a frozen parameter's is: leave it out"
    ),
    applies=_needs_all_gradients,
)

PARAMETERS_NORM = Question(
    number="9",
    name=say_later("norm of a network's gradient"),
    points=2,
    checks=[
        _network_check(say_later("a dense network"), 0.5, kernels=False, public=True),
        _network_check(
            say_later("a network with a convolution, inside another"), 0.5, kernels=True
        ),
    ],
)
