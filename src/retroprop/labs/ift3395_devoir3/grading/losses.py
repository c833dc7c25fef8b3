"""Question 8: the loss and the accuracy of a minibatch, and the gradients of the loss.

A wrong loss costs the check of its value; the checks of its gradients and of its finiteness take
it as it is, and look at these alone.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from retroprop.grading import accuracies
from retroprop.grading.checks import Check, Mistake, Question, Values
from retroprop.grading.comparison import numbers_of
from retroprop.labs.ift3395_devoir3.grading.common import drawn_to_tell, tensor_instead_of_float
from retroprop.languages import say_later

EPSILON = 1e-9
PIXELS, HIDDEN, CLASSES = 12, 6, 5
"""Sizes of the small network: images (n, 1, 3, 4), one hidden layer of tanh, softmax."""


def drawn_batch(generator: Generator, n: int) -> dict[str, Any]:
    """A small network, images (n, 1, 3, 4) and labels."""
    shapes = [(HIDDEN, PIXELS), (HIDDEN,), (CLASSES, HIDDEN), (CLASSES,)]
    return {
        "weights": [torch.randn(shape, generator=generator) * 0.6 for shape in shapes],
        "images": torch.randn(n, 1, 3, 4, generator=generator),
        "labels": torch.randint(0, CLASSES, (n,), generator=generator),
        "n_classes": CLASSES,
    }


def probabilities(weights: Sequence[Tensor], images: Tensor) -> Tensor:
    """What the small network gives: (n, classes)."""
    W1, b1, W2, b2 = weights
    return F.linear(F.linear(images.flatten(1), W1, b1).tanh(), W2, b2).softmax(1)


def loss_of(p: Tensor, labels: Tensor, *, over: str = "examples", **switches: Any) -> Tensor:
    """The mean cross-entropy, −Σ_c y_c ln p_c averaged over the examples, or a wrong loss.

    Args:
        p: Probabilities (n, classes).
        labels: (n,).
        over: What is averaged: "examples", "elements" of the matrix, or "sum" for nothing.
        **switches: Of `terms_of`.
    """
    return reduced(terms_of(p, labels, **switches), over)


def reduced(terms: Tensor, over: str) -> Tensor:
    """One number of the terms (n, classes); `over` is that of `loss_of`."""
    return terms.sum() / {"examples": len(terms), "elements": terms.numel(), "sum": 1}[over]


def terms_of(
    p: Tensor,
    labels: Tensor,
    *,
    kind: str = "cross-entropy",
    log: str = "natural",
    sign: int = -1,
    softmax_again: bool = False,
    clamp: bool | str = True,
    epsilon: float = EPSILON,
) -> Tensor:
    """The terms of the loss before they are added: (n, classes).

    Args:
        p: Probabilities (n, classes).
        labels: (n,).
        kind: "cross-entropy", "binary" cross-entropy of each output, or "squared" error.
        log: "natural", "2", "10" or "none".
        sign: −1, or 1.
        softmax_again: Whether the probabilities go through another softmax.
        clamp: Whether they are clamped; "picked" if not, where only the label's is looked at.
        epsilon: To [epsilon, 1 − epsilon].
    """
    y = F.one_hot(labels, p.shape[1]).to(p)
    if softmax_again:
        p = p.softmax(1)
    if clamp is True:
        p = p.clamp(epsilon, 1 - epsilon)
    if kind == "squared":
        return -sign * (p - y).square()
    terms = torch.where(y > 0, _log(p, log), 0) if clamp == "picked" else y * _log(p, log)
    if kind == "binary":
        terms = terms + (1 - y) * _log(1 - p, log).clamp(min=-100)  # as torch's BCELoss does
    return sign * terms


def _log(p: Tensor, base: str) -> Tensor:
    if base == "none":
        return p
    return p.log() / {"natural": 1.0, "2": math.log(2), "10": math.log(10)}[base]


_BINARY = Mistake(
    name="binary cross-entropy",
    sentence=say_later(
        "the loss adds the terms (1 − y) ln(1 − p), as for independent outputs: the classes "
        "exclude one another"
    ),
    switches={"kind": "binary"},
)
_SQUARED = Mistake(
    name="squared error",
    sentence=say_later("the loss is the squared error: the cross-entropy is asked for"),
    switches={"kind": "squared"},
)
LOSSES = [
    Mistake(
        name="no logarithm in the loss",
        sentence=say_later(
            "the loss leaves out the logarithm: NLLLoss expects the logarithms of probabilities"
        ),
        switches={"log": "none"},
    ),
    Mistake(
        name="loss summed over the batch",
        sentence=say_later(
            "the loss is summed over the batch: average it, so divide by the number of examples"
        ),
        switches={"over": "sum"},
    ),
    Mistake(
        name="loss averaged over the classes too",
        sentence=say_later(
            "the loss is averaged over examples and classes: add over the classes, average over "
            "the examples"
        ),
        switches={"over": "elements"},
    ),
    Mistake(
        name="softmax twice",
        sentence=say_later(
            "the loss takes the softmax of probabilities: CrossEntropyLoss expects scores, and the "
            "network ends with a softmax already"
        ),
        switches={"softmax_again": True},
    ),
    Mistake(
        name="sign of the loss",
        sentence=say_later("the loss has the wrong sign"),
        switches={"sign": 1},
    ),
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
    _BINARY,
    replace(_BINARY, switches={"kind": "binary", "over": "elements"}),  # torch's BCELoss
    _SQUARED,
    replace(_SQUARED, switches={"kind": "squared", "over": "elements"}),  # torch's MSELoss
]
SWAPPED = Mistake(
    name="accuracy before loss",
    sentence=say_later("loss and accuracy are returned in the wrong order"),
    switches={"swapped": True},
)


# --- the values -----------------------------------------------------------------------------------


def accuracy_of(p: Tensor, labels: Tensor, counted: str = "fraction") -> Tensor:
    """The fraction of examples whose most probable class is theirs, or a wrong accuracy.

    Args:
        p: Probabilities (n, classes).
        labels: (n,).
        counted: "fraction", "percent", "count", "errors", "batch axis", "above one half" or
            "elements".
    """
    y = F.one_hot(labels, p.shape[1])
    right = {
        "batch axis": lambda: p.argmax(0) == y.argmax(0),
        "above one half": lambda: ((p > 0.5) == y).all(1),
        "elements": lambda: (p > 0.5) == y,
        "errors": lambda: p.argmax(1) != labels,
    }.get(counted, lambda: p.argmax(1) == labels)()
    if counted == "count":
        return right.sum()
    return right.double().mean() * (100 if counted == "percent" else 1)


def loss(values: Values, answer: Any, *, swapped: bool = False, **switches: Any) -> Tensor:
    """The first part of what is returned; the arguments of `loss_of`."""
    p = probabilities(values["weights"], values["images"])
    return accuracy_of(p, values["labels"]) if swapped else loss_of(p, values["labels"], **switches)


def accuracy(
    values: Values, answer: Any, *, swapped: bool = False, counted: str = "fraction"
) -> Tensor:
    """The second part of what is returned."""
    p = probabilities(values["weights"], values["images"])
    return loss_of(p, values["labels"]) if swapped else accuracy_of(p, values["labels"], counted)


def the_loss(values: Values, answer: Any) -> Any:
    """What is compared: the first of the two values."""
    return answer["loss"]


def the_accuracy(values: Values, answer: Any) -> Any:
    """What is compared: the second of the two values."""
    return answer["accuracy"]


ACCURACIES = [
    *accuracies.ACCURACIES,
    Mistake(
        name="probabilities above one half",
        sentence=say_later(
            "an example counts only where a probability is above one half: take the largest"
        ),
        switches={"counted": "above one half"},
    ),
]


def accuracy_part(answer: Any) -> Any:
    """Of an answer with both."""
    return answer["accuracy"]


# --- gradients and extremes -----------------------------------------------------------------------


def gradients_of(
    weights: Sequence[Tensor], images: Tensor, labels: Tensor, **switches: Any
) -> tuple[Tensor, list[Tensor]]:
    """The loss, and its gradients with respect to the small network's weights."""
    leaves = [weight.clone().requires_grad_() for weight in weights]
    value = loss_of(probabilities(leaves, images), labels, **switches)
    return value.detach(), list(torch.autograd.grad(value, leaves))


def gradients(
    values: Values, answer: Any, *, graph: bool = True, untouched: bool = True, **switches: Any
) -> dict[str, Any]:
    """What backward() on the loss leaves.

    Args:
        values: With network, images and labels.
        answer: Ignored.
        graph: Whether the loss has one.
        untouched: Whether the gradients are empty before.
        **switches: Of `loss_of`.
    """
    if not graph:
        return {"graph": False}
    if not untouched:
        return {"graph": True, "untouched": False}
    _, found = gradients_of(values["weights"], values["images"], values["labels"], **switches)
    return {"graph": True, "untouched": True, "gradients": found}


def where_a_probability_is_zero(
    values: Values,
    answer: Any,
    *,
    clamp: bool | str = True,
    epsilon: float | str = EPSILON,
    swapped: bool = False,
    **switches: Any,
) -> Tensor:
    """The loss of a network that is sure of one class.

    Args:
        values: With network, images and labels.
        answer: For the mistake of another epsilon.
        clamp: As `loss_of` has it.
        epsilon: Of the clamp, or "other" for a power of ten that would explain the answer.
        swapped: Whether the accuracy stands in its place.
        **switches: Of `loss_of`.
    """
    p = probabilities(values["weights"], values["images"])
    if swapped:
        return accuracy_of(p, values["labels"])
    if epsilon == "other":
        given = numbers_of(answer["loss"])
        assert given is not None
        losses = [loss_of(p, values["labels"], epsilon=10.0**-k, **switches) for k in POWERS]
        return min(losses, key=lambda value: abs(float(value - given)))
    return loss_of(p, values["labels"], clamp=clamp, epsilon=epsilon, **switches)


POWERS = [k for k in range(2, 31) if k != 9]


_NO_CLAMP = Mistake(
    name="no clamp",
    sentence=say_later(
        "the probabilities are not clamped to [epsilon, 1 − epsilon], so the loss is infinite or "
        "NaN"
    ),
    switches={"clamp": False},
)


def _batch_to_count(generator: Generator) -> Values:
    ways = [mistake.switches for mistake in ACCURACIES]
    return drawn_to_tell(generator, lambda generator: drawn_batch(generator, 16), accuracy, ways)


def _extreme_batch(generator: Generator) -> dict[str, Any]:
    drawn = drawn_batch(generator, 6)
    drawn["weights"][-1] = torch.tensor([0.0, 0.0, 0.0, 0.0, 400.0])
    drawn["labels"] = torch.tensor([0, 1, 4, 2, 3, 4])[torch.randperm(6, generator=generator)]
    return drawn


_ALSO_RIGHT = [mistake.switches for mistake in LOSSES]
"""The loss is another check: here, its own mistakes are not counted again."""

LOSS = Question(
    number="8",
    name=say_later("loss and accuracy"),
    points=4,
    checks=[
        Check(
            name=say_later("value of the loss"),
            share=0.4,
            probe="loss_and_accuracy",
            inputs=lambda generator: drawn_batch(generator, 7),
            reference=loss,
            measure=the_loss,
            mistakes=[*LOSSES, SWAPPED],
            public=True,
        ),
        Check(
            name=say_later("value of the accuracy"),
            share=0.2,
            probe="loss_and_accuracy",
            inputs=_batch_to_count,
            reference=accuracy,
            measure=the_accuracy,
            mistakes=[*ACCURACIES, SWAPPED],
            pairs=False,
            remarks=[tensor_instead_of_float(accuracy_part)],
        ),
        Check(
            name=say_later("gradients flow from the loss"),
            share=0.2,
            probe="gradients_of_loss",
            inputs=lambda generator: drawn_batch(generator, 7),
            reference=gradients,
            also_right=_ALSO_RIGHT,
            mistakes=[
                Mistake(
                    name="loss without graph",
                    sentence=say_later(
                        "no gradient can flow from the loss: .item(), detach(), no_grad() or a "
                        "conversion cuts its graph"
                    ),
                    switches={"graph": False},
                ),
                Mistake(
                    name="backward in compute_loss_and_accuracy",
                    sentence=say_later(
                        "compute_loss_and_accuracy calls backward() itself: leave it to "
                        "training_step"
                    ),
                    switches={"untouched": False},
                ),
            ],
            pairs=False,
        ),
        Check(
            name=say_later("finite where a probability is 0"),
            share=0.2,
            probe="loss_and_accuracy",
            inputs=_extreme_batch,
            reference=where_a_probability_is_zero,
            measure=the_loss,
            also_right=_ALSO_RIGHT,
            mistakes=[
                _NO_CLAMP,
                replace(_NO_CLAMP, switches={"clamp": "picked"}),
                Mistake(
                    name="another epsilon",
                    sentence=say_later(
                        "the probabilities are clamped at another value than self.epsilon"
                    ),
                    switches={"epsilon": "other"},
                ),
                SWAPPED,
            ],
            pairs=False,
        ),
    ],
)
