"""Accuracy and cross-entropy of a minibatch, right and wrong.

L = −Σ_i Σ_k y_ik ln p_ik, summed over the examples
"""

import math
from typing import Any

import torch
from torch import Tensor

from retroprop.grading.checks import Mistake, Values
from retroprop.languages import say_later

# --- accuracy -------------------------------------------------------------------------------------


def well_classified(y: Tensor, p: Tensor, counted: str = "fraction") -> Tensor:
    """Which examples are (or, over the batch, which classes)."""
    dim = 0 if counted == "batch axis" else 1
    right = p.argmax(dim) == y.argmax(dim)
    return ~right if counted == "errors" else right


def fraction(values: Values, answer: Any, *, counted: str = "fraction") -> Tensor:
    """|C| / |D|, or a wrong accuracy: "percent", "count", "errors", "batch axis", "elements"."""
    y, p = values["arguments"]
    right = well_classified(y, p, counted)
    if counted == "elements":
        return ((p > 0.5) == (y > 0.5)).double().mean()
    number = right.sum().double()
    if counted == "count":
        return number
    return number / len(y) * (100 if counted == "percent" else 1)


def counts(
    values: Values, answer: Any, *, counted: str = "fraction", order: str = "C, D"
) -> list[Tensor]:
    """(|C|, |D|), or in the wrong order."""
    y, p = values["arguments"]
    C, D = well_classified(y, p, counted).sum(), torch.tensor(len(y))
    return [D, C] if order == "D, C" else [C, D]


COUNTS = [
    Mistake(
        name="counts swapped",
        sentence=say_later("the counts are swapped: first those well classified, then all"),
        switches={"order": "D, C"},
    ),
]

# --- cross-entropy --------------------------------------------------------------------------------


def cross_entropy(values: Values, answer: Any, **switches: Any) -> Tensor:
    """The reference; the switches of `loss_of`."""
    return loss_of(*values["arguments"], **switches)


def loss_of(
    y: Tensor,
    p: Tensor,
    *,
    over: str = "sum",
    log: str = "natural",
    sign: int = -1,
    binary: bool = False,
) -> Tensor:
    """The summed cross-entropy, or a wrong one.

    Args:
        y: One-hot rows.
        p: Probabilities.
        over: "sum", or the mean over "examples" or "elements".
        log: "natural", "2", "10" or "none".
        sign: −1, or 1.
        binary: Whether terms of the other classes are added.
    """
    p = p.double()
    terms = y * _log(p, log)
    if binary:
        terms = terms + (1 - y) * _log(1 - p, log)
    return sign * terms.sum() / {"sum": 1, "examples": len(y), "elements": y.numel()}[over]


def _log(p: Tensor, log: str) -> Tensor:
    if log == "none":
        return p
    return p.clamp(min=1e-12).log() / {"natural": 1, "2": math.log(2), "10": math.log(10)}[log]


AVERAGED = Mistake(
    name="loss averaged over the batch",
    sentence=say_later(
        "the loss is averaged over the examples: it is a sum, which the evaluation of a whole "
        "set divides"
    ),
    switches={"over": "examples"},
)
WRONG_SIGN = Mistake(
    name="sign of the loss",
    sentence=say_later("the loss has the wrong sign"),
    switches={"sign": 1},
)
LOSSES = [
    AVERAGED,
    Mistake(
        name="loss averaged over the classes too",
        sentence=say_later("the loss is averaged over examples and classes: it is a sum"),
        switches={"over": "elements"},
    ),
    WRONG_SIGN,
    Mistake(
        name="logarithm to base 2",
        sentence=say_later("the loss takes logarithms to base 2: natural ones are meant"),
        switches={"log": "2"},
    ),
    Mistake(
        name="logarithm to base 10",
        sentence=say_later("the loss takes logarithms to base 10: natural ones are meant"),
        switches={"log": "10"},
    ),
    Mistake(
        name="no logarithm in the loss",
        sentence=say_later("the loss leaves out the logarithm of the probabilities"),
        switches={"log": "none"},
    ),
    Mistake(
        name="binary cross-entropy",
        sentence=say_later(
            "the loss adds the terms (1 − y) ln(1 − p), as for independent outputs: the classes "
            "exclude one another"
        ),
        switches={"binary": True},
    ),
]
