"""A layer that somebody derived by hand, against the twin of the same layer: proved or refuted.

The cases, the inputs and the twin are those of the parity table (`retroprop verify`), without
populations. Output and every gradient must agree in every case; where they do not, known mistakes
are tried, and the one that explains a tensor wherever it is wrong is named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from retroprop.errors import UserError
from retroprop.grading.comparison import close, kind_of, numbers_of
from retroprop.languages import Say, say_later
from retroprop.parity.rows import Case, FunctionRow, drawing
from retroprop.parity.table import find_row

PROBES = (Path(__file__).parent / "confined" / "own_layer.py").read_text(encoding="utf-8")
"""What asks a layer in the confined process."""
TOLERANCE, SINGLE = 1e-7, 1e-4
"""Relative, of an answer in float64 and in float32."""

Answer = Callable[[Mapping[str, Any]], Any]
"""Runs the layer on a case (the arguments of `confined.own_layer.answer_of`)."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A case, and what is right in it.

    Attributes:
        case: Of the parity table.
        options: All of the row's options, with the case's values.
        tensors: Name → what is differentiated by, the input first.
        constants: Name → what the layer takes besides, such as targets.
        dy: dL/dy.
        right: "y", and "dx", "dW"… → what the twin gives.
        per_example: "dW"… → the gradient of each example alone, (batch, *shape).
        twin: The layer, derived automatically.
        averaged: Whether `right` is of a loss that is an average over the batch, and not a sum.
    """

    case: Case
    options: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]
    dy: Tensor
    right: Mapping[str, Tensor]
    per_example: Mapping[str, Tensor]
    twin: Callable[[dict[str, Tensor]], Tensor]
    averaged: bool = False

    @property
    def batch(self) -> int:
        """How many examples there are."""
        return self.case.shape[0]

    @property
    def x(self) -> Tensor:
        """The input."""
        return next(iter(self.tensors.values()))

    def gradient(self, name: str, dy: Tensor, **changed: Tensor) -> Tensor:
        """The twin's gradient by a tensor, for another dL/dy or at other tensors."""
        leaves = {n: t.clone().requires_grad_() for n, t in {**self.tensors, **changed}.items()}
        y = self.twin(leaves)
        (gradient,) = torch.autograd.grad(y, leaves[name], dy.expand_as(y))
        return gradient


@dataclass(frozen=True, kw_only=True)
class TensorFinding:
    """What was found about the output or one gradient, over all cases.

    Attributes:
        tensor: "y", "dx", "dW"…
        right: In how many cases it is.
        cases: How many there were.
        sentence: What is wrong, in the first case where something is; empty if nothing is.
        mistake: The name of a known mistake that explains it; empty if none does.
        where: The first case where something is wrong, in words.
    """

    tensor: str
    right: int
    cases: int
    sentence: str = ""
    mistake: str = ""
    where: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is right in all cases."""
        return self.right == self.cases


@dataclass(frozen=True, kw_only=True)
class LayerFindings:
    """What was found about a layer.

    Attributes:
        tensors: The output first, then the gradients by input and parameters.
        left_out: Cases that the layer has no options for: the case in words → what it lacks.
    """

    tensors: Sequence[TensorFinding]
    left_out: Mapping[str, Sequence[str]]

    @property
    def passed(self) -> bool:
        """Whether the layer is proved, in the cases that it can take."""
        return all(one.passed for one in self.tensors)


def check_layer(answer: Answer, like: str, say: Say) -> LayerFindings:
    """Compare a layer with the twin of the row that it should be like.

    Args:
        answer: Runs the layer on a case; what it raises is the caller's.
        like: The name of a layer or loss of the parity table: linear, conv2d, relu…
        say: The language of the sentences.

    Raises:
        UserError: If the table has no such layer or loss, or none of its cases fits.
    """
    row = find_row(like)
    if not isinstance(row, FunctionRow) or row.kind not in ("layer", "loss"):
        raise UserError(
            f"--like takes a layer or a loss, and {row.name} is of the kind {row.kind}; "
            "`retroprop verify` lists them."
        )
    if row.name == "Dropout":
        raise UserError("a dropout layer draws its mask: two of them cannot be compared.")
    situations, answers, left_out = [], [], {}
    for one in (situation(row, case) for case in row.cases if not case.population):
        answered = answer(arguments(row, one))
        if isinstance(answered, Mapping) and "left out" in answered:
            left_out[str(one.case)] = [str(name) for name in answered["left out"]]
        else:
            situations.append(one)
            answers.append(answered)
    if not situations:
        raise UserError(
            f"no case of {row.name} fits this layer; it is called as `retroprop check --help` says."
        )
    if row.kind == "loss":
        situations = [_scaled(s, a) for s, a in zip(situations, answers, strict=True)]
    tensors = dict.fromkeys(tensor for one in situations for tensor in one.right)
    findings = [_finding(row.name, tensor, situations, answers, say) for tensor in tensors]
    return LayerFindings(tensors=findings, left_out=left_out)


SHOWN_BY_SHAPES = {"outputs", "kernel", "hidden", "bias"}
"""Options that a layer with parameters sees in their shapes."""


def arguments(row: FunctionRow, one: Situation) -> dict[str, Any]:
    """What `confined.own_layer.answer_of` takes of a situation."""
    by_shapes = SHOWN_BY_SHAPES if len(one.tensors) > 1 else set()
    return {
        "tensors": dict(one.tensors),
        "constants": dict(one.constants),
        "dy": one.dy,
        "options": {n: v for n, v in one.options.items() if n not in by_shapes},
        "needed": [n for n, v in one.options.items() if v != row.options[n] and n not in by_shapes],
    }


def situation(row: FunctionRow, one: Case) -> Situation:
    """A case of a row, with what its twin gives."""
    problem = row.problem(one)
    leaves = {name: t.clone().requires_grad_() for name, t in problem.tensors.items()}
    y = problem.twin(leaves)
    dy = drawing("dy", row.name, str(one))(*y.shape) if row.kind == "layer" else torch.ones_like(y)
    exact = torch.autograd.grad(y, list(leaves.values()), dy, retain_graph=True)
    right = {"y": y.detach()} | {f"d{n}": g for n, g in zip(leaves, exact, strict=True)}
    per_example = {}
    if y.ndim and y.shape[0] == one.shape[0]:
        for name in list(leaves)[1:]:
            single = torch.zeros_like(dy)
            gradients = []
            for i in range(one.shape[0]):
                single.zero_()[i] = dy[i]
                gradients.append(torch.autograd.grad(y, leaves[name], single, retain_graph=True)[0])
            per_example[f"d{name}"] = torch.stack(gradients)
    return Situation(
        case=one,
        options={**row.options, **one.options},
        tensors=problem.tensors,
        constants=problem.constants,
        dy=dy,
        right=right,
        per_example=per_example,
        twin=problem.twin,
    )


def _scaled(one: Situation, answer: Any) -> Situation:
    """A loss may sum over the batch or average: its value says which, and its gradient follows."""
    mean = {name: tensor / one.batch for name, tensor in one.right.items()}
    if one.batch > 1 and close(_part(answer, "y"), mean["y"], SINGLE):
        return replace(one, right=mean, averaged=True, twin=lambda t: one.twin(t) / one.batch)
    return one


def _part(answer: Any, tensor: str) -> Any:
    """The output or a gradient of an answer; None if it has none."""
    if not isinstance(answer, Mapping):
        return None
    if tensor == "y":
        return answer.get("y")
    gradients = answer.get("gradients")
    return gradients.get(tensor[1:]) if isinstance(gradients, Mapping) else None


def tolerance_of(value: Any) -> float:
    """What rounding an answer may have: that of its own precision."""
    return SINGLE if isinstance(value, Tensor) and value.dtype != torch.float64 else TOLERANCE


def _finding(
    row: str, tensor: str, situations: Sequence[Situation], answers: Sequence[Any], say: Say
) -> TensorFinding:
    pairs = [
        (one, _part(answer, tensor))
        for one, answer in zip(situations, answers, strict=True)
        if tensor in one.right
    ]
    wrong = [
        (one, part) for one, part in pairs if not close(part, one.right[tensor], tolerance_of(part))
    ]
    n = len(pairs)
    if not wrong:
        return TensorFinding(tensor=tensor, right=n, cases=n)
    mistake = next((m for m in known_mistakes(row, tensor) if _explains(m, tensor, wrong)), None)
    one, part = wrong[0]
    return TensorFinding(
        tensor=tensor,
        right=n - len(wrong),
        cases=n,
        sentence=say(mistake.sentence) if mistake else _described(tensor, one, part, say),
        mistake=mistake.name if mistake else "",
        where=str(one.case),
    )


def _explains(mistake: "LayerMistake", tensor: str, wrong: Sequence[tuple[Situation, Any]]) -> bool:
    for one, part in wrong:
        try:
            made = mistake.makes(one, tensor)
        except Exception:  # it cannot be made in this case
            return False
        if made is None or not close(part, made, tolerance_of(part)):
            return False
    return True


def _described(tensor: str, one: Situation, part: Any, say: Say) -> str:
    right = one.right[tensor]
    if part is None:
        return say("is missing: backward returns it, or it stands in the layer as {name}").format(
            name=tensor
        )
    given = numbers_of(part)
    if given is None or given.shape != numbers_of(right).shape:  # pyright: ignore[reportOptionalMemberAccess] - `right` is a tensor
        return say("is {kind}, and {expected} was expected").format(
            kind=kind_of(part, say), expected=kind_of(right, say)
        )
    if given.isnan().any():
        return say("holds NaN")
    ratio = (given * right).sum() / right.square().sum()
    if close(given, ratio * right, SINGLE) and float(ratio) not in (0.0, 1.0):
        return say("is {ratio} times the right one").format(ratio=f"{float(ratio):.6g}")
    difference = (given - right).abs()
    wrong = int((difference > TOLERANCE * (right.abs() + 0.1 * right.abs().max())).sum())
    worst = tuple(int(i) for i in torch.unravel_index(difference.argmax(), right.shape))
    return say("differs in {wrong} of {all} numbers, most at {index}").format(
        wrong=wrong, all=right.numel(), index=list(worst)
    )


# --- known mistakes -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
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


def _mistake(name: str, sentence: str, makes: Callable[[Situation, str], Any]) -> LayerMistake:
    return LayerMistake(name=name, sentence=sentence, makes=makes)


_OF_ALL = [
    _mistake(
        "zero",
        say_later("is zero everywhere: it is never computed, or overwritten"),
        lambda s, t: torch.zeros_like(s.right[t]),
    ),
    _mistake("sign", say_later("has the wrong sign"), lambda s, t: -s.right[t]),
    _mistake(
        "transposed",
        say_later("is transposed"),
        lambda s, t: s.right[t].mT if s.right[t].ndim == 2 else None,
    ),
    _mistake(
        "missing factor 1/n",
        say_later("is the right one times the number of examples: the factor 1/n is missing"),
        lambda s, t: s.right[t] * s.batch,
    ),
    _mistake(
        "extra factor 1/n",
        say_later("is divided by the number of examples, and the output is no average over them"),
        lambda s, t: s.right[t] / s.batch,
    ),
    _mistake(
        "factor 2",
        say_later("is twice the right one"),
        lambda s, t: 2 * s.right[t],
    ),
    _mistake(
        "dL/dy left out",
        say_later("is the derivative of the sum of the outputs: it is not multiplied by dL/dy"),
        lambda s, t: s.gradient(t[1:], torch.ones_like(s.dy)),
    ),
]

_OF_PARAMETERS = [
    _mistake(
        "not summed over the batch",
        say_later("is not summed over the examples: each example has a gradient of its own"),
        lambda s, t: s.per_example.get(t),
    ),
    _mistake(
        "first example only",
        say_later("is the gradient of the first example alone: sum over the examples"),
        lambda s, t: s.per_example[t][0],
    ),
    _mistake(
        "last example only",
        say_later("is the gradient of the last example alone: it is overwritten instead of added"),
        lambda s, t: s.per_example[t][-1],
    ),
    _mistake(
        "sum of dL/dy over everything",
        say_later("adds all of dL/dy into one number: sum over the examples alone"),
        lambda s, t: s.dy.sum().expand_as(s.right[t]) if t == "db" else None,
    ),
]

_OF_INPUT_GRADIENTS = [
    _mistake(
        "dL/dy handed on",
        say_later("is dL/dy itself: it is not multiplied by the derivative of the layer"),
        lambda s, t: s.dy if s.dy.shape == s.right[t].shape else None,
    ),
    _mistake(
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
    _mistake("zero", say_later("is zero everywhere"), lambda s, t: torch.zeros_like(s.right["y"])),
    _mistake(
        "bias missing",
        say_later("lacks the bias"),
        lambda s, t: (
            s.twin({**s.tensors, "b": torch.zeros_like(s.tensors["b"])})
            if "b" in s.tensors
            else None
        ),
    ),
    _mistake(
        "transposed",
        say_later("is transposed"),
        lambda s, t: s.right["y"].mT if s.right["y"].ndim == 2 else None,
    ),
    _mistake("input handed on", say_later("is the input, unchanged"), lambda s, t: s.x),
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
            _mistake(
                "gate of the output's gradient",
                say_later("lets through where dL/dy is positive: the gate is where x is positive"),
                _gate,
            ),
            _mistake(
                "gate open everywhere",
                say_later("is dL/dy itself: where x is negative the gradient is 0"),
                lambda s, t: s.dy,
            ),
            _mistake(
                "gate reversed",
                say_later("lets through where x is negative"),
                lambda s, t: s.dy * (s.x < 0),
            ),
            _mistake(
                "multiplied by x",
                say_later("is multiplied by the output instead of by 0 or 1"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Sigmoid": {
        "dx": [
            _mistake(
                "y (1 − y) at x",
                say_later("is dL/dy · x (1 − x): σ′ is y (1 − y), with the output y"),
                lambda s, t: s.dy * s.x * (1 - s.x),
            ),
            _mistake(
                "factor 1 − y missing",
                say_later("is dL/dy · y: the factor 1 − y is missing"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Tanh": {
        "dx": [
            _mistake(
                "1 − y² at x",
                say_later("is dL/dy (1 − x²): tanh′ is 1 − y², with the output y"),
                lambda s, t: s.dy * (1 - s.x**2),
            ),
            _mistake(
                "1 − y instead of 1 − y²",
                say_later("is dL/dy (1 − y): the square is missing"),
                lambda s, t: s.dy * (1 - s.right["y"]),
            ),
        ]
    },
    "GELU": {
        "dx": [
            _mistake(
                "x φ(x) missing",
                say_later("is dL/dy · Φ(x): the term x φ(x) is missing"),
                lambda s, t: s.dy * torch.special.ndtr(s.x),
            )
        ]
    },
    "Softmax": {
        "dx": [
            _mistake(
                "diagonal of the Jacobian",
                say_later(
                    "takes the diagonal y (1 − y) of the Jacobian alone; it is diag(y) − y yᵀ"
                ),
                lambda s, t: s.dy * s.right["y"] * (1 - s.right["y"]),
            ),
            _mistake(
                "− y yᵀ missing",
                say_later("is dL/dy · y: the term − y yᵀ of the Jacobian is missing"),
                lambda s, t: s.dy * s.right["y"],
            ),
        ]
    },
    "Linear": {
        "y": [
            _mistake(
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
            _mistake(
                "kernel turned",
                _FLIP_SENTENCE,
                lambda s, t: s.twin({**s.tensors, "W": _flipped(s)}),
            )
        ],
        "dx": [
            _mistake(
                "kernel not turned",
                say_later(
                    "comes from the kernel turned by 180°: dx is the full cross-correlation of dy "
                    "with the turned kernel, which is turned once too often or too rarely here"
                ),
                lambda s, t: s.gradient("x", s.dy, W=_flipped(s)),
            )
        ],
        "dW": [
            _mistake(
                "kernel turned",
                say_later("is turned by 180° within each kernel"),
                lambda s, t: s.right[t].flip(-1, -2),
            ),
            _mistake(
                "channels exchanged",
                say_later("has input and output channels exchanged"),
                lambda s, t: s.right[t].transpose(0, 1),
            ),
        ],
    },
    "BatchNorm2d": {
        "dx": [
            _mistake(
                "statistics taken for constants",
                say_later("takes mean and variance for constants: they depend on x too"),
                _statistics_constant,
            )
        ]
    },
    "LayerNorm": {
        "dx": [
            _mistake(
                "statistics taken for constants",
                say_later("takes mean and variance for constants: they depend on x too"),
                _statistics_constant,
            )
        ]
    },
    "MaxPool2d": {
        "dx": [
            _mistake(
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
            _mistake(
                "targets not subtracted",
                say_later("is the softmax alone: subtract the targets"),
                lambda s, t: s.right[t] + _targets(s) * _share(s),
            ),
            _mistake(
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
