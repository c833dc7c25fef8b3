"""The functions of which both models are made: right, wrong in known ways, or the student's own.

softmax(x)_k = exp(x_k) / Σ_c exp(x_c)        x̃ = [x, 1]        relu(a) = max(0, a)
relu′(a) = [a > 0]        dL/da = p − y where L = −Σ y ln p and p = softmax(a)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from retroprop.grading.checks import Ask, Mistake
from retroprop.grading.comparison import numbers_of
from retroprop.labs.inf8225_tp1.grading.losses import AVERAGED, WRONG_SIGN
from retroprop.languages import say_later

Unary = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Functions:
    """What a model calls.

    Attributes:
        softmax: Scores (n, classes) → probabilities.
        tilde: (n, features) → (n, features + 1).
        relu: Element by element.
        slope: relu's derivative.
        error: (y, p) → dL/da.
    """

    softmax: Unary
    tilde: Unary
    relu: Unary
    slope: Unary
    error: Callable[[Tensor, Tensor], Tensor]


def functions(
    *,
    softmax: str = "right",
    tilde: str = "ones last",
    relu: str = "right",
    slope: str = "right",
    error: str = "right",
) -> Functions:
    """Functions with some mistakes."""
    return Functions(
        softmax=partial(softmax_of, softmax=softmax),
        tilde=partial(tilde_of, tilde=tilde),
        relu=RELUS[relu],
        slope=SLOPES[slope],
        error=ERRORS[error],
    )


def own_functions(ask: Ask) -> Functions:
    """The submission's own.

    A function of it that answers no tensor raises ValueError when it is used.
    """

    def own(name: str) -> Callable[..., Tensor]:
        def called(*arguments: Any) -> Tensor:
            asked = {"function": name, "arguments": [one.float() for one in arguments]}
            given = numbers_of(ask("function", asked)["answer"])
            if given is None:
                raise ValueError(f"{name} gives nothing to build on")
            return given.float()

        return called

    return Functions(
        softmax=own("softmax"),
        tilde=own("inputs_tilde"),
        relu=own("relu_forward"),
        slope=own("relu_backward"),
        error=own("softmax_cross_entropy_backward"),
    )


# --- softmax --------------------------------------------------------------------------------------


def softmax_of(x: Tensor, axis: int = -1, *, softmax: str = "right") -> Tensor:
    """The softmax along an axis, or a wrong one.

    Args:
        x: Scores.
        axis: Of the classes.
        softmax: "right", "axis 0", "other axis", "axis ignored", "everything", "not divided",
            "unstable", or "global shift", with or without "+ ε" in the denominator.
    """
    if softmax == "axis 0":
        return x.softmax(0)
    if softmax == "axis ignored":
        return x.softmax(-1)
    if softmax == "everything":
        return x.flatten().softmax(0).view_as(x)
    shift = {
        "unstable": torch.zeros_like(x),
        "unstable + ε": torch.zeros_like(x),
        "global shift": x.max(),
        "global shift + ε": x.max(),
    }.get(softmax, x.max(axis, keepdim=True).values)
    exponentials = (x - shift).float().exp()
    if softmax == "not divided":
        return exponentials
    return exponentials / (exponentials.sum(axis, keepdim=True) + 1e-12 * ("ε" in softmax))


SOFTMAX_AXIS = Mistake(
    name="softmax over the batch",
    sentence=say_later("the softmax runs over the examples: the classes are the last axis"),
    switches={"softmax": "axis 0"},
)
SOFTMAX_EVERYTHING = Mistake(
    name="softmax over all numbers",
    sentence=say_later(
        "the exponentials are divided by the sum of all: add along the axis, with keepdim=True"
    ),
    switches={"softmax": "everything"},
)
SOFTMAX_NOT_DIVIDED = Mistake(
    name="softmax not divided",
    sentence=say_later("the exponentials are not divided by their sum"),
    switches={"softmax": "not divided"},
)
SOFTMAX_AXIS_IGNORED = Mistake(
    name="axis of softmax ignored",
    sentence=say_later("softmax runs over the last axis whatever `axis` says"),
    switches={"softmax": "axis ignored"},
)
_UNSTABLE = say_later(
    "softmax overflows for large scores: subtract the largest along the axis before exp"
)
_SHIFT = say_later(
    "softmax subtracts the largest number of all: a row of much smaller scores is lost, so take "
    "the largest along the axis"
)
UNSTABLE = [
    Mistake(name="softmax unstable", sentence=_UNSTABLE, switches={"softmax": "unstable"}),
    Mistake(name="softmax unstable", sentence=_UNSTABLE, switches={"softmax": "unstable + ε"}),
    Mistake(
        name="softmax shifted by one maximum",
        sentence=_SHIFT,
        switches={"softmax": "global shift"},
    ),
    Mistake(
        name="softmax shifted by one maximum",
        sentence=_SHIFT,
        switches={"softmax": "global shift + ε"},
    ),
]

# --- inputs_tilde ---------------------------------------------------------------------------------


def tilde_of(x: Tensor, axis: int = -1, *, tilde: str = "ones last") -> Tensor:
    """The inputs with ones, or what is wrong: "ones first", "zeros", "none", "along rows"."""
    ones = torch.ones_like(x.narrow(axis, 0, 1))
    if tilde == "ones first":
        return torch.cat((ones, x), axis)
    if tilde == "zeros":
        return torch.cat((x, 0 * ones), axis)
    return torch.cat((x, ones), axis)


TILDES = [
    Mistake(
        name="ones first",
        sentence=say_later("the ones stand before the inputs: append them, x̃ = [x, 1]"),
        switches={"tilde": "ones first"},
    ),
    Mistake(
        name="zeros instead of ones",
        sentence=say_later("zeros are appended: with them the biases do nothing"),
        switches={"tilde": "zeros"},
    ),
]

NO_BIAS = Mistake(
    name="bias column missing",
    sentence=say_later(
        "the column of ones is missing, so there is no bias: use inputs_tilde of the inputs"
    ),
    switches={"bias": False},
)

# --- relu -----------------------------------------------------------------------------------------

RELUS: dict[str, Unary] = {
    "right": lambda a: a.clamp(min=0),
    "identity": lambda a: a,
    "negative": lambda a: a.clamp(max=0),
    "absolute": lambda a: a.abs(),
    "step": lambda a: (a > 0).to(a),
}
RELU = [
    Mistake(
        name="relu does nothing",
        sentence=say_later("relu gives back what it gets: negative numbers become 0"),
        switches={"relu": "identity"},
    ),
    Mistake(
        name="relu keeps the negative part",
        sentence=say_later("relu keeps the negative numbers: it is max(0, x), not min(0, x)"),
        switches={"relu": "negative"},
    ),
    Mistake(
        name="absolute value instead of relu",
        sentence=say_later("relu takes absolute values: negative numbers become 0"),
        switches={"relu": "absolute"},
    ),
    Mistake(
        name="step instead of relu",
        sentence=say_later("relu gives 0 or 1: that is its derivative"),
        switches={"relu": "step"},
    ),
]
SLOPES: dict[str, Unary] = {
    "right": lambda a: (a > 0).to(a),
    "relu": lambda a: a.clamp(min=0),
    "ones": torch.ones_like,
    "inverted": lambda a: (a < 0).to(a),
    "sign": torch.sign,
}
SLOPE = [
    Mistake(
        name="relu instead of its derivative",
        sentence=say_later("relu_backward gives relu itself: its derivative is 1 or 0"),
        switches={"slope": "relu"},
    ),
    Mistake(
        name="derivative of relu is 1 everywhere",
        sentence=say_later("relu_backward gives 1 everywhere: it is 0 where x is negative"),
        switches={"slope": "ones"},
    ),
    Mistake(
        name="derivative of relu inverted",
        sentence=say_later(
            "relu_backward gives 1 where x is negative: it is 1 where x is positive"
        ),
        switches={"slope": "inverted"},
    ),
    Mistake(
        name="sign instead of the derivative of relu",
        sentence=say_later("relu_backward gives −1 where x is negative: it is 0 there"),
        switches={"slope": "sign"},
    ),
]

# --- the error ------------------------------------------------------------------------------------

ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "right": lambda y, p: p - y,
    "mean": lambda y, p: (p - y) / len(y),
    "sign": lambda y, p: y - p,
    "slope": lambda y, p: (p - y) * p * (1 - p),
    "loss only": lambda y, p: -y / p,
}
MEAN = Mistake(
    name="gradient averaged over the batch",
    sentence=say_later(
        "the gradient is divided by the number of examples: the loss is summed over them"
    ),
    switches={"error": "mean"},
)
SIGN = Mistake(
    name="sign of the gradient",
    sentence=say_later("the gradient has the wrong sign: it is p − y"),
    switches={"error": "sign"},
)
SLOPE_TWICE = Mistake(
    name="derivative of the softmax again",
    sentence=say_later(
        "the gradient is multiplied by p (1 − p): p − y has the derivative of the softmax already"
    ),
    switches={"error": "slope"},
)
LOSS_ONLY = Mistake(
    name="without the derivative of the softmax",
    sentence=say_later(
        "this is the gradient with respect to the probabilities, −y / p: with respect to the "
        "softmax's input it is p − y"
    ),
    switches={"error": "loss only"},
)
ERROR = [
    MEAN,
    SIGN,
    SLOPE_TWICE,
    LOSS_ONLY,
    replace(AVERAGED, switches={"error": "mean"}),
    replace(WRONG_SIGN, switches={"error": "sign"}),
]
"""Of p − y. The last two derive rightly a loss that was charged already."""
