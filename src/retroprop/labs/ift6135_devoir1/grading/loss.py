"""Question 4.1, the cross-entropy; questions 4.5 and 4.6, the pictures of weights."""

import math
from typing import Any

import torch
from torch import Tensor

from retroprop.grading.checks import Check, Mistake, Question, Values
from retroprop.labs.ift6135_devoir1.grading.networks import only
from retroprop.languages import say_later

# --- 4.1: cross_entropy_loss ----------------------------------------------------------------------

GAPS = (60.0, 110.0, 200.0, 1000.0)
"""Differences of logits: e⁻⁶⁰ is a number of single precision, e⁻¹¹⁰ is 0, and e¹¹⁰ is infinite."""


def cross_entropies(
    logits: Tensor,
    labels: Tensor,
    *,
    exponentials: str = "of differences",
    epsilon: float = 0.0,
    logarithm: str = "natural",
    axis: int = 1,
    twice: bool = False,
    sign: int = -1,
) -> Tensor:
    """The loss of each example.

    Args:
        logits: (batch, classes), in single precision where mistakes overflow there.
        labels: (batch,).
        exponentials: "of logits" and "softmax first" are not stable.
        epsilon: Added to the probability before the logarithm.
        logarithm: "none", "base 2" or "base 10" are mistakes.
        axis: Of the softmax.
        twice: Whether the softmax is taken twice.
        sign: Of the loss.
    """
    z = logits.softmax(axis) if twice else logits
    if exponentials == "of differences" and not epsilon:
        log_p = z.double().log_softmax(axis)
    elif exponentials == "of logits":
        log_p = (z.exp() / z.exp().sum(axis, keepdim=True) + epsilon).log()
    else:
        log_p = (z.softmax(axis) + epsilon).log()
    chosen = log_p.gather(1, labels.unsqueeze(1)).squeeze(1)
    if logarithm == "none":
        return sign * chosen.exp()
    return (
        sign * chosen / {"natural": 1.0, "base 2": math.log(2), "base 10": math.log(10)}[logarithm]
    )


def loss(
    values: Values, answer: Any, *, reduction: str = "mean", graph: bool = True, **switches: Any
) -> dict[str, Any]:
    """The loss of a minibatch and its gradient."""
    logits = values["logits"].clone().requires_grad_()
    each = cross_entropies(logits, values["labels"], **switches)
    total = {
        "mean": each.mean,
        "sum": each.sum,
        "mean over the classes": lambda: each.sum() / logits.numel(),
        "none": lambda: each,
    }[reduction]()
    flows = graph and total.numel() == 1
    return {
        "loss": total.detach(),
        "numbers": total.numel(),
        "gradient": torch.autograd.grad(total, logits)[0] if flows else None,
    }


def losses_of_rows(
    values: Values, answer: Any, *, epsilon: bool = False, reduction: str = "mean", **switches: Any
) -> list[float]:
    """The loss of each example alone.

    With `epsilon`, some small number is added to the probabilities: which one is seen at the last
    example, where the probability is 0.
    """
    added = math.exp(-float(answer[-1])) if epsilon else 0.0
    if epsilon and not 1e-40 < added < 1e-2:
        raise ValueError("no small number explains this")
    divisor = values["logits"].shape[1] if reduction == "mean over the classes" else 1
    rows = zip(values["logits"].split(1), values["labels"].split(1), strict=True)
    return [
        float(cross_entropies(logits, labels, epsilon=added, **switches)) / divisor
        for logits, labels in rows
    ]


LOSS_MISTAKES = (
    Mistake(
        name="missing minus",
        sentence=say_later("the loss has the wrong sign: it is minus the mean log-probability"),
        switches={"sign": 1},
    ),
    Mistake(
        name="no logarithm",
        sentence=say_later("the logarithm is missing: the loss is minus the probability itself"),
        switches={"logarithm": "none"},
    ),
    Mistake(
        name="base 2",
        sentence=say_later("the logarithm has base 2: the natural one is wanted"),
        switches={"logarithm": "base 2"},
    ),
    Mistake(
        name="base 10",
        sentence=say_later("the logarithm has base 10: the natural one is wanted"),
        switches={"logarithm": "base 10"},
    ),
    Mistake(
        name="softmax twice",
        sentence=say_later("the softmax is taken twice: the loss takes it once, of the logits"),
        switches={"twice": True},
    ),
)
REDUCTIONS = (
    Mistake(
        name="sum over the batch",
        sentence=say_later("the loss is summed over the batch: its mean is wanted"),
        switches={"reduction": "sum"},
    ),
    Mistake(
        name="one loss per example",
        sentence=say_later("there is one loss for each example: their mean is wanted"),
        switches={"reduction": "none"},
    ),
)
OVER_CLASSES = Mistake(
    name="mean over the classes too",
    sentence=say_later(
        "the mean is taken over the classes too: sum over them, and average over the examples"
    ),
    switches={"reduction": "mean over the classes"},
)
OVER_BATCH = Mistake(
    name="softmax over the batch",
    sentence=say_later("the softmax is taken over the batch: the classes are dim=1"),
    switches={"axis": 0},
)
NO_GRAPH = Mistake(
    name="no gradient",
    sentence=say_later(
        "no gradient flows from the loss: it leaves the graph (.item(), .detach(), no_grad)"
    ),
    switches={"graph": False},
)
UNSTABLE = (
    Mistake(
        name="exponentials of the logits",
        sentence=say_later(
            "e to the power of a logit overflows: take the largest logit off first, or use "
            "logsumexp"
        ),
        switches={"exponentials": "of logits"},
    ),
    Mistake(
        name="logarithm of the softmax",
        sentence=say_later(
            "the softmax is rounded to 0 before the logarithm: the loss is infinite; take both in "
            "one (log_softmax)"
        ),
        switches={"exponentials": "softmax first"},
    ),
    Mistake(
        name="small number in the logarithm",
        sentence=say_later(
            "a small number is added to the probability, so the loss is wrong where the "
            "probability is smaller; take softmax and logarithm in one (log_softmax)"
        ),
        switches={"epsilon": True},
    ),
)


def _batch(generator: torch.Generator, examples: int, classes: int) -> Values:
    return {
        "logits": 2 * torch.randn(examples, classes, generator=generator),
        "labels": torch.randint(classes, (examples,), generator=generator),
    }


def _gaps(generator: torch.Generator) -> Values:
    """The label's logit below the others, above them, and all of them large or small."""
    logits, labels = [], []
    for gap in GAPS:
        small = torch.rand(3, generator=generator)
        for size in (gap, -gap):
            logits.append(small + torch.tensor([size, 0.0, 0.0]))
            labels.append(1 if size > 0 else 0)
    for gap in (*GAPS, GAPS[-1]):
        logits.append(gap + torch.rand(3, generator=generator))
        labels.append(2)
    logits.append(torch.tensor([-GAPS[-1], 0.0, 0.0]))
    labels.append(0)
    return {"logits": torch.stack(logits), "labels": torch.tensor(labels)}


LOSS = Question(
    number="4.1",
    name=say_later("the cross-entropy"),
    points=5.0,
    checks=(
        Check(
            name=say_later("the loss"),
            share=0.4,
            probe="loss",
            inputs=lambda generator: _batch(generator, 7, 5),
            reference=only(("loss",), loss),
            mistakes=(*LOSS_MISTAKES, *REDUCTIONS, OVER_CLASSES, OVER_BATCH),
            public=True,
        ),
        Check(
            name=say_later("its gradient"),
            share=0.2,
            probe="loss",
            inputs=lambda generator: _batch(generator, 6, 10),
            reference=only(("numbers", "gradient"), loss),
            mistakes=(*LOSS_MISTAKES, *REDUCTIONS, OVER_CLASSES, OVER_BATCH, NO_GRAPH),
        ),
        Check(
            name=say_later("differences of 60, 110, 200 and 1000"),
            share=0.4,
            probe="losses_of_rows",
            inputs=_gaps,
            reference=losses_of_rows,
            mistakes=(*UNSTABLE, *LOSS_MISTAKES, OVER_CLASSES, OVER_BATCH),
        ),
    ),
)

# --- 4.5, 4.6: visualize --------------------------------------------------------------------------


def written(
    values: Values, answer: Any, *, inside: bool = True, elsewhere: bool = False
) -> dict[str, bool]:
    """Whether a picture is written into the folder, and nothing elsewhere."""
    return {"inside": inside, "elsewhere": elsewhere}


PICTURE_MISTAKES = (
    Mistake(
        name="nothing written",
        sentence=say_later("visualize writes no file: save the figure into logdir"),
        switches={"inside": False},
    ),
    Mistake(
        name="written elsewhere",
        sentence=say_later(
            "visualize writes its file elsewhere: join logdir and the name (os.path.join)"
        ),
        switches={"inside": False, "elsewhere": True},
    ),
)


def _picture(number: str, name: str, probe: str) -> Question:
    """A question without points: the assignment lets students draw in their notebook instead."""
    check = Check(
        name=say_later("a file in logdir"),
        share=1.0,
        probe=probe,
        inputs=lambda generator: {},
        reference=written,
        mistakes=PICTURE_MISTAKES,
        pairs=False,
        measure=lambda values, answer: (
            answer if not answer["inside"] else {**answer, "elsewhere": False}
        ),
        public=True,
    )
    return Question(number=number, name=name, points=0.0, checks=(check,))


QUESTIONS = (
    LOSS,
    _picture("4.5", say_later("the picture of the first kernels"), "picture_of_resnet18"),
    _picture("4.6", say_later("the picture of the token mixing"), "picture_of_mixer"),
)
