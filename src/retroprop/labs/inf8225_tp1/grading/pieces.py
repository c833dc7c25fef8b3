"""The functions that are asked for one by one, those of part 2 and those of part 3."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from retroprop.grading.accuracies import ACCURACIES, OVER_BATCH
from retroprop.grading.checks import Check, Mistake, Question, Remark, Values
from retroprop.grading.comparison import close, numbers_of
from retroprop.labs.inf8225_tp1.grading import losses
from retroprop.labs.inf8225_tp1.grading.functions import (
    ERROR,
    ERRORS,
    RELU,
    RELUS,
    SLOPE,
    SLOPES,
    SOFTMAX_AXIS,
    SOFTMAX_AXIS_IGNORED,
    SOFTMAX_EVERYTHING,
    SOFTMAX_NOT_DIVIDED,
    TILDES,
    UNSTABLE,
    softmax_of,
    tilde_of,
)
from retroprop.languages import say_later


def the_answer(values: Values, answer: Any) -> Any:
    """What is compared: what the function gave of its first arguments."""
    return answer["answer"]


def drawn_probabilities(generator: Generator, n: int, classes: int) -> tuple[Tensor, Tensor]:
    """One-hot rows and probabilities (n, classes), none of which is small."""
    labels = torch.randint(0, classes, (n,), generator=generator)
    p = torch.randn(n, classes, generator=generator).softmax(1)
    return F.one_hot(labels, classes).float(), p


# --- accuracy and cross-entropy -------------------------------------------------------------------


def _to_count(generator: Generator) -> Values:
    """Outputs on which every way of counting gives another fraction."""
    while True:
        y, p = drawn_probabilities(generator, 17, 5)
        y[:8] = F.one_hot(p[:8].argmax(1), 5).float()  # enough that are right
        values = {"function": "accuracy", "arguments": [y, p]}
        found = [
            losses.fraction(values, None),
            *(losses.fraction(values, None, **one.switches) for one in ACCURACIES),
        ]
        if not any(
            close(one, other, 1e-3) for i, one in enumerate(found) for other in found[i + 1 :]
        ):
            return values


def _fraction(values: Values, answer: Any) -> Any:
    return _pair(answer)[0]


def _counts(values: Values, answer: Any) -> Any:
    return _pair(answer)[1]


def _pair(answer: Any) -> Any:
    """The accuracy and the counts; without these, the accuracy may still be right."""
    given = answer["answer"]
    return given if isinstance(given, list | tuple) and len(given) == 2 else (given, None)


ACCURACY = Question(
    number="2.1",
    name=say_later("accuracy"),
    points=2,
    checks=[
        Check(
            name=say_later("the fraction"),
            share=0.6,
            probe="function",
            inputs=_to_count,
            reference=losses.fraction,
            measure=_fraction,
            mistakes=ACCURACIES,
            pairs=False,
            public=True,
        ),
        Check(
            name=say_later("the two counts"),
            share=0.4,
            probe="function",
            inputs=_to_count,
            reference=losses.counts,
            measure=_counts,
            mistakes=[*losses.COUNTS, OVER_BATCH],
            pairs=False,
        ),
    ],
)


def _losses(generator: Generator) -> Values:
    y, p = drawn_probabilities(generator, 7, 5)
    sure = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    return {"function": "cross_entropy", "arguments": [y, p], "also": [sure, sure.flip(0)]}


def _infinite(values: Values, answer: Any) -> bool:
    found = numbers_of(answer["also"])
    return found is None or not bool(found.isfinite().all())


CROSS_ENTROPY = Question(
    number="2.2",
    name=say_later("cross-entropy"),
    points=2,
    checks=[
        Check(
            name=say_later("value of the loss"),
            share=1,
            probe="function",
            inputs=_losses,
            reference=losses.cross_entropy,
            measure=the_answer,
            mistakes=losses.LOSSES,
            remarks=[
                Remark(
                    name="loss infinite where a probability is 0",
                    sentence=say_later(
                        "the loss is infinite or NaN where the probability of the label is 0: "
                        "clamp it at a small number"
                    ),
                    applies=_infinite,
                )
            ],
            public=True,
        )
    ],
)

# --- softmax and inputs_tilde ---------------------------------------------------------------------


def softmax(values: Values, answer: Any, *, softmax: str = "right") -> Tensor:
    """The reference of the softmax."""
    x, *axis = values["arguments"]
    return softmax_of(x, *axis, softmax=softmax)


def _scores(generator: Generator) -> Values:
    return {"function": "softmax", "arguments": [torch.randn(4, 6, generator=generator)]}


def _scores_on_axis_0(generator: Generator) -> Values:
    return {"function": "softmax", "arguments": [torch.randn(5, 3, generator=generator), 0]}


def _large_scores(generator: Generator) -> Values:
    x = torch.tensor([[1e3, 1e4, 1e5], [-1e5, -1e5, -1e5], [1e5, 1e5, 1e5]])
    x[1:] += torch.rand(2, 3, generator=generator).mul(16).round() / 8  # exact beside 1e5
    return {"function": "softmax", "arguments": [x]}


SOFTMAX = Question(
    number="2.3",
    name=say_later("softmax"),
    points=3,
    checks=[
        Check(
            name=say_later("probabilities of each row"),
            share=0.4,
            probe="function",
            inputs=_scores,
            reference=softmax,
            measure=the_answer,
            mistakes=[SOFTMAX_AXIS, SOFTMAX_EVERYTHING, SOFTMAX_NOT_DIVIDED],
            public=True,
        ),
        Check(
            name=say_later("along another axis"),
            share=0.2,
            probe="function",
            inputs=_scores_on_axis_0,
            reference=softmax,
            measure=the_answer,
            mistakes=[SOFTMAX_AXIS_IGNORED, SOFTMAX_EVERYTHING, SOFTMAX_NOT_DIVIDED],
        ),
        Check(
            name=say_later("scores up to 1e5"),
            share=0.4,
            probe="function",
            inputs=_large_scores,
            reference=softmax,
            measure=the_answer,
            mistakes=[*UNSTABLE, SOFTMAX_AXIS, SOFTMAX_EVERYTHING, SOFTMAX_NOT_DIVIDED],
            pairs=False,
            tolerance=0.02,  # log-sum-exp is right to the eight thousandths that are left at 1e5
        ),
    ],
)


def tilde(values: Values, answer: Any, *, tilde: str = "ones last") -> Tensor:
    """The reference of inputs_tilde."""
    return tilde_of(values["arguments"][0], tilde=tilde)


def _to_augment(generator: Generator) -> Values:
    x = torch.randn(5, 3, generator=generator)
    return {"function": "inputs_tilde", "arguments": [x], "also": [x, 0]}


def _one_axis_only(values: Values, answer: Any) -> bool:
    found = numbers_of(answer["also"])
    return found is None or found.shape != (6, 3)


INPUTS_TILDE = Question(
    number="2.4",
    name="inputs_tilde",
    points=2,
    checks=[
        Check(
            name=say_later("ones after the inputs"),
            share=1,
            probe="function",
            inputs=_to_augment,
            reference=tilde,
            measure=the_answer,
            mistakes=TILDES,
            remarks=[
                Remark(
                    name="axis of inputs_tilde ignored",
                    sentence=say_later("inputs_tilde works on the last axis only"),
                    applies=_one_axis_only,
                )
            ],
            public=True,
        )
    ],
)

OF_THE_REGRESSION: Sequence[Question] = [ACCURACY, CROSS_ENTROPY, SOFTMAX, INPUTS_TILDE]

# --- part 3 ---------------------------------------------------------------------------------------


def relu(values: Values, answer: Any, *, relu: str = "right") -> Tensor:
    """The reference of relu_forward."""
    return RELUS[relu](values["arguments"][0])


def slope(values: Values, answer: Any, *, slope: str = "right") -> Tensor:
    """The reference of relu_backward."""
    return SLOPES[slope](values["arguments"][0])


def error(values: Values, answer: Any, *, error: str = "right") -> Tensor:
    """The reference of softmax_cross_entropy_backward."""
    return ERRORS[error](*values["arguments"])


def _both_signs(function: str) -> Any:
    def inputs(generator: Generator) -> Values:
        x = torch.randn(4, 5, generator=generator)
        x[0, 0], x[1, 1] = -0.7, 0.4
        return {"function": function, "arguments": [x]}

    return inputs


def _errors(generator: Generator) -> Values:
    return {
        "function": "softmax_cross_entropy_backward",
        "arguments": list(drawn_probabilities(generator, 6, 4)),
    }


def _of_one_check(
    number: str, name: str, points: float, inputs: Any, reference: Any, mistakes: Sequence[Mistake]
) -> Question:
    return Question(
        number=number,
        name=name,
        points=points,
        checks=[
            Check(
                name=say_later("its values"),
                share=1,
                probe="function",
                inputs=inputs,
                reference=reference,
                measure=the_answer,
                mistakes=mistakes,
                public=True,
            )
        ],
    )


OF_THE_MLP: Sequence[Question] = [
    _of_one_check("3.1", "relu_forward", 1.0, _both_signs("relu_forward"), relu, RELU),
    _of_one_check("3.2", "relu_backward", 2.0, _both_signs("relu_backward"), slope, SLOPE),
    _of_one_check("3.3", "softmax_cross_entropy_backward", 3.0, _errors, error, ERROR),
]
