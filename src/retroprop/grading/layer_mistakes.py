"""The bank of mistakes of a layer of one's own: what each gives in the place of a right tensor."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from retroprop.grading.layer_cases import Situation
from retroprop.languages import say_later


@dataclass(frozen=True)
class LayerMistake:
    """A way to be wrong, and what it gives instead of a tensor (None where it cannot be made)."""

    name: str
    sentence: str
    makes: Callable[[Situation, str], Tensor | None]


def known_mistakes(row: str, tensor: str) -> list[LayerMistake]:
    """Those of this tensor of this row, the special ones first."""
    special = _OF_ROW.get(row, {}).get(tensor, [])
    if tensor == "y":
        return [*special, *_OF_OUTPUTS]
    return [
        *special,
        *(_OF_INPUT_GRADIENTS if tensor in ("dx", "dz") else _OF_PARAMETERS),
        *_OF_ALL,
    ]


_OF_ALL = [
    LayerMistake(
        "zero",
        say_later("is zero everywhere: it is never computed, or overwritten"),
        lambda s, t: torch.zeros_like(s.right[t]),
    ),
    LayerMistake("sign", say_later("has the wrong sign"), lambda s, t: -s.right[t]),
    LayerMistake(
        "transposed",
        say_later("is transposed"),
        lambda s, t: s.right[t].mT if s.right[t].ndim == 2 else None,
    ),
    LayerMistake(
        "missing factor 1/n",
        say_later("is the right one times the number of examples: the factor 1/n is missing"),
        lambda s, t: s.right[t] * s.batch,
    ),
    LayerMistake(
        "extra factor 1/n",
        say_later("is divided by the number of examples, and the output is no average over them"),
        lambda s, t: s.right[t] / s.batch,
    ),
    LayerMistake(
        "factor 2",
        say_later("is twice the right one"),
        lambda s, t: 2 * s.right[t],
    ),
    LayerMistake(
        "dL/dy left out",
        say_later("is the derivative of the sum of the outputs: it is not multiplied by dL/dy"),
        lambda s, t: s.gradient(t[1:], torch.ones_like(s.dy)),
    ),
]

_OF_PARAMETERS = [
    LayerMistake(
        "not summed over the batch",
        say_later("is not summed over the examples: each example has a gradient of its own"),
        lambda s, t: s.per_example.get(t),
    ),
    LayerMistake(
        "first example only",
        say_later("is the gradient of the first example alone: sum over the examples"),
        lambda s, t: s.per_example[t][0],
    ),
    LayerMistake(
        "last example only",
        say_later("is the gradient of the last example alone: it is overwritten instead of added"),
        lambda s, t: s.per_example[t][-1],
    ),
    LayerMistake(
        "sum of dL/dy over everything",
        say_later("adds all of dL/dy into one number: sum over the examples alone"),
        lambda s, t: s.dy.sum().expand_as(s.right[t]) if t == "db" else None,
    ),
]

_OF_INPUT_GRADIENTS = [
    LayerMistake(
        "dL/dy handed on",
        say_later("is dL/dy itself: it is not multiplied by the derivative of the layer"),
        lambda s, t: s.dy if s.dy.shape == s.right[t].shape else None,
    ),
    LayerMistake(
        "derivative at the output",
        say_later("takes the derivative at the output y instead of at the input x"),
        lambda s, t: (
            s.gradient(t[1:], s.dy, **{t[1:]: s.right["y"]})
            if s.right["y"].shape == s.x.shape
            else None
        ),
    ),
]

_OF_OUTPUTS = [
    LayerMistake(
        "zero", say_later("is zero everywhere"), lambda s, t: torch.zeros_like(s.right["y"])
    ),
    LayerMistake(
        "bias missing",
        say_later("lacks the bias"),
        lambda s, t: (
            s.twin({**s.tensors, "b": torch.zeros_like(s.tensors["b"])})
            if "b" in s.tensors
            else None
        ),
    ),
    LayerMistake(
        "transposed",
        say_later("is transposed"),
        lambda s, t: s.right["y"].mT if s.right["y"].ndim == 2 else None,
    ),
    LayerMistake("input handed on", say_later("is the input, unchanged"), lambda s, t: s.x),
]


def _gate(s: Situation, t: str) -> Tensor:
    return s.dy * (s.dy > 0)


def _flipped(s: Situation) -> Tensor:
    return s.tensors["W"].flip(-1, -2)


def _normalized_axes(s: Situation) -> tuple[int, ...]:
    return (0, 2, 3) if s.x.ndim == 4 and s.tensors["gamma"].numel() == s.x.shape[1] else (-1,)


def _statistics_constant(s: Situation, t: str) -> Tensor:
    """γ dy / σ: mean and variance are taken for constants."""
    axes = _normalized_axes(s)
    variance = s.x.var(axes, correction=0, keepdim=True)
    gamma = s.tensors["gamma"]
    scale = gamma.view(-1, 1, 1) if axes == (0, 2, 3) else gamma
    return s.dy * scale / (variance + 1e-5).sqrt()


def _targets(s: Situation) -> Tensor:
    return next(iter(s.constants.values()))


_FLIP_SENTENCE = say_later(
    "is that of a convolution with the kernel turned by 180°; the layer is a cross-correlation"
)

_OF_ROW: dict[str, dict[str, list[LayerMistake]]] = {
    "ReLU": {
        "dx": [
            LayerMistake(
                "gate of the output's gradient",
                say_later("lets through where dL/dy is positive: the gate is where x is positive"),
                _gate,
            ),
            LayerMistake(
                "gate open everywhere",
                say_later("is dL/dy itself: where x is negative the gradient is 0"),
                lambda s, t: s.dy,
            ),
            LayerMistake(
                "gate reversed",
                say_later("lets through where x is negative"),
                lambda s, t: s.dy * (s.x < 0),
            ),
            LayerMistake(
                "multiplied by x",
                say_later("is multiplied by the output instead of by 0 or 1"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Sigmoid": {
        "dx": [
            LayerMistake(
                "y (1 − y) at x",
                say_later("is dL/dy · x (1 − x): σ′ is y (1 − y), with the output y"),
                lambda s, t: s.dy * s.x * (1 - s.x),
            ),
            LayerMistake(
                "factor 1 − y missing",
                say_later("is dL/dy · y: the factor 1 − y is missing"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Tanh": {
        "dx": [
            LayerMistake(
                "1 − y² at x",
                say_later("is dL/dy (1 − x²): tanh′ is 1 − y², with the output y"),
                lambda s, t: s.dy * (1 - s.x**2),
            ),
            LayerMistake(
                "1 − y instead of 1 − y²",
                say_later("is dL/dy (1 − y): the square is missing"),
                lambda s, t: s.dy * (1 - s.right["y"]),
            ),
        ]
    },
    "GELU": {
        "dx": [
            LayerMistake(
                "x φ(x) missing",
                say_later("is dL/dy · Φ(x): the term x φ(x) is missing"),
                lambda s, t: s.dy * torch.special.ndtr(s.x),
            )
        ]
    },
    "Softmax": {
        "dx": [
            LayerMistake(
                "diagonal of the Jacobian",
                say_later(
                    "takes the diagonal y (1 − y) of the Jacobian alone; it is diag(y) − y yᵀ"
                ),
                lambda s, t: s.dy * s.right["y"] * (1 - s.right["y"]),
            ),
            LayerMistake(
                "− y yᵀ missing",
                say_later("is dL/dy · y: the term − y yᵀ of the Jacobian is missing"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Linear": {
        "y": [
            LayerMistake(
                "W transposed",
                say_later("multiplies by the transpose of W"),
                lambda s, t: (
                    s.x @ s.tensors["W"].mT + s.tensors["b"]
                    if s.tensors["W"].shape[0] == s.tensors["W"].shape[1]
                    else None
                ),
            )
        ],
    },
    "Conv2d": {
        "y": [
            LayerMistake(
                "kernel turned",
                _FLIP_SENTENCE,
                lambda s, t: s.twin({**s.tensors, "W": _flipped(s)}),
            )
        ],
        "dx": [
            LayerMistake(
                "kernel not turned",
                say_later(
                    "comes from the kernel turned by 180°: dx is the full cross-correlation of dy "
                    "with the turned kernel, which is turned once too often or too rarely here"
                ),
                lambda s, t: s.gradient("x", s.dy, W=_flipped(s)),
            )
        ],
        "dW": [
            LayerMistake(
                "kernel turned",
                say_later("is turned by 180° within each kernel"),
                lambda s, t: s.right[t].flip(-1, -2),
            ),
            LayerMistake(
                "channels exchanged",
                say_later("has input and output channels exchanged"),
                lambda s, t: s.right[t].transpose(0, 1),
            ),
        ],
    },
    "BatchNorm2d": {
        "dx": [
            LayerMistake(
                "statistics taken for constants",
                say_later("takes mean and variance for constants: they depend on x too"),
                _statistics_constant,
            )
        ]
    },
    "LayerNorm": {
        "dx": [
            LayerMistake(
                "statistics taken for constants",
                say_later("takes mean and variance for constants: they depend on x too"),
                _statistics_constant,
            )
        ]
    },
    "MaxPool2d": {
        "dx": [
            LayerMistake(
                "spread over the window",
                say_later("is spread evenly over each window; only the largest value gets it"),
                lambda s, t: torch.autograd.grad(
                    F.avg_pool2d(
                        leaf := s.x.clone().requires_grad_(),
                        s.options["kernel"],
                        s.options["stride"],
                        s.options["padding"],
                    ),
                    leaf,
                    s.dy,
                )[0],
            )
        ]
    },
    "softmax_cross_entropy": {
        "dz": [
            LayerMistake(
                "targets not subtracted",
                say_later("is the softmax alone: subtract the targets"),
                lambda s, t: s.right[t] + _targets(s) * _share(s),
            ),
            LayerMistake(
                "gradient by the probabilities",
                say_later("is −t / p, the gradient by the probabilities and not by the scores"),
                lambda s, t: -_targets(s) / s.x.softmax(-1) * _share(s),
            ),
        ]
    },
}


def _share(s: Situation) -> float:
    """What p − t of an example is multiplied by."""
    return 1 / s.batch if s.averaged else 1.0
