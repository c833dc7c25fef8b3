"""Part 1: the outputs of the perceptron, and its steps Δw_ij = η x_j (t_i − y_i)."""

from typing import Any

from torch import Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Question, Values
from retroprop.labs.lyon_tp.grading.mistakes import (
    BIAS_FIRST,
    COLUMNS,
    NO_BIAS,
    OUTPUTS,
    SLOPE_OF_OUTPUT,
    STEPS,
    TOGETHER,
    not_kept,
)
from retroprop.labs.lyon_tp.grading.reference import (
    changed,
    drawn,
    outputs,
    steps_by_hand,
    with_one,
)
from retroprop.languages import say_later


def given_own_outputs(values: Values, answer: Any, ask: Ask) -> list[Tensor]:
    """The change of the weights by steps from the outputs that the submission's perceptron has."""
    (w,) = values["weights"]
    for x, t in zip(values["x"].split(1), values["t"].split(1), strict=True):
        y = ask("perceptron_outputs", {**values, "weights": [w], "x": x})
        w = w + values["eta"] * (t - y).mT @ with_one(x)
    return [w - values["weights"][0]]


_OF_OUTPUTS = [NO_BIAS, BIAS_FIRST, *OUTPUTS, COLUMNS]
_OF_STEPS = [NO_BIAS, BIAS_FIRST, *OUTPUTS, SLOPE_OF_OUTPUT, *STEPS, not_kept("perceptron")]
_EARLIER = Earlier(question="1.1", reference=given_own_outputs)

QUESTIONS = [
    Question(
        number="1.1",
        name=say_later("Perceptron: the outputs"),
        points=2,
        checks=[
            Check(
                name=say_later("outputs for one example"),
                share=0.5,
                probe="perceptron_outputs",
                inputs=lambda generator: drawn(generator, [], 1),
                reference=outputs,
                mistakes=_OF_OUTPUTS,
                public=True,
            ),
            Check(
                name=say_later("outputs for several examples"),
                share=0.5,
                probe="perceptron_outputs",
                inputs=lambda generator: drawn(generator, [], 7),
                reference=outputs,
                mistakes=_OF_OUTPUTS,
            ),
        ],
    ),
    Question(
        number="1.2",
        name=say_later("Perceptron: the steps"),
        points=3,
        checks=[
            Check(
                name=say_later("one step"),
                share=0.5,
                probe="perceptron_steps",
                inputs=lambda generator: drawn(generator, [], 1),
                reference=steps_by_hand,
                mistakes=_OF_STEPS,
                measure=changed,
                tolerance=2e-3,
                public=True,
                earlier=_EARLIER,
            ),
            Check(
                name=say_later("several steps"),
                share=0.5,
                probe="perceptron_steps",
                inputs=lambda generator: drawn(generator, [], 4),
                reference=steps_by_hand,
                mistakes=[*_OF_STEPS, *TOGETHER],
                measure=changed,
                tolerance=2e-3,
                earlier=_EARLIER,
            ),
        ],
    ),
]
