"""Part 2: the shallow network: its outputs, the errors δ of both layers, and its steps."""

from typing import Any

import torch
from torch import Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Values
from retroprop.labs.lyon_tp.grading.mistakes import (
    BIAS_FIRST,
    COLUMNS,
    HIDDEN,
    HIDDEN_AND_SLOPE,
    LAYERS_WITHOUT_BIAS,
    LOSSES,
    NO_BIAS,
    ONLY_HIDDEN,
    ONLY_OUTPUT,
    OUTPUTS,
    SIGN,
    SLOPE_OF_OUTPUT,
    STEPS,
    TOGETHER,
    not_kept,
)
from retroprop.labs.lyon_tp.grading.reference import (
    activities_of,
    changed,
    deltas,
    drawn,
    outputs,
    steps_by_hand,
    with_one,
)
from retroprop.languages import say_later

UNITS = 12
_FORWARD = [NO_BIAS, *LAYERS_WITHOUT_BIAS, BIAS_FIRST, *HIDDEN, *OUTPUTS]
_BACKWARD = [
    *HIDDEN_AND_SLOPE,
    SIGN,
    *LOSSES,
    SLOPE_OF_OUTPUT,
    Mistake(
        name="σ′ missing",
        sentence=say_later("the error of the hidden layer lacks the factor σ′ = y (1 − y)"),
        switches={"slope": "missing"},
    ),
    Mistake(
        name="σ′ at the wrong layer",
        sentence=say_later(
            "the factor y (1 − y) stands at the error of the outputs: it belongs to the hidden "
            "layer's"
        ),
        switches={"slope": "at the output"},
    ),
    Mistake(
        name="σ′ of the activity",
        sentence=say_later(
            "the derivative of the sigmoid is taken at its value y instead of its argument: from "
            "the activity, it is y (1 − y)"
        ),
        switches={"slope": "of the activity"},
    ),
    Mistake(
        name="derivative of tanh",
        sentence=say_later("the error of the hidden layer has 1 − y²: that is tanh′"),
        switches={"slope": "tanh"},
    ),
    Mistake(
        name="y instead of y (1 − y)",
        sentence=say_later("the error of the hidden layer has y where y (1 − y) belongs"),
        switches={"slope": "half"},
    ),
    Mistake(
        name="errors go back without weights",
        sentence=say_later(
            "the errors of the outputs are added for the hidden layer without their weights"
        ),
        switches={"back": "nothing"},
    ),
]
_OF_DELTAS = [
    *_FORWARD,
    *_BACKWARD,
    Mistake(
        name="errors in the other order",
        sentence=say_later("the error of the outputs is returned first: the hidden layer's is"),
        switches={"order": "outputs first"},
    ),
]
_OF_SEVERAL_DELTAS = [
    *_OF_DELTAS,
    Mistake(
        name="errors divided by the batch",
        sentence=say_later("the errors are divided by the number of examples: each has its own"),
        switches={"per": "batch"},
    ),
]
_OF_STEPS = [
    *_FORWARD,
    *_BACKWARD,
    *(mistake for mistake in STEPS if mistake not in _BACKWARD),
    not_kept("shallow network"),
    ONLY_OUTPUT,
    ONLY_HIDDEN,
    Mistake(
        name="η missing in the hidden layer",
        sentence=say_later("the steps of the hidden layer are not multiplied by η"),
        switches={"rate": "output"},
    ),
    Mistake(
        name="output weights updated first",
        sentence=say_later(
            "the errors go back through output weights that are modified already: find both "
            "errors first"
        ),
        switches={"updated_first": True},
    ),
    Mistake(
        name="sums instead of activities",
        sentence=say_later(
            "the step of the output layer takes the sums of the hidden layer: the activities, "
            "after the sigmoid, are its inputs"
        ),
        switches={"sums_as_inputs": True},
    ),
]


def given_own_outputs(values: Values, answer: Any, ask: Ask) -> list[Tensor]:
    """The errors, from the outputs that the submission's network has."""
    y = ask("shallow_outputs", values)
    hidden = activities_of(values["weights"], values["x"])[1]
    delta = values["t"] - y
    return [delta @ values["weights"][1][:, :-1] * hidden * (1 - hidden), delta]


def given_own_deltas(values: Values, answer: Any, ask: Ask) -> list[Tensor]:
    """The changes of the weights by steps from the errors that the submission finds."""
    w1, w2 = values["weights"]
    for x, t in zip(values["x"].split(1), values["t"].split(1), strict=True):
        weights = [w1, w2]
        found = ask("shallow_deltas", {**values, "weights": weights, "x": x, "t": t})
        delta1, delta2 = map(torch.as_tensor, found)
        hidden = activities_of(weights, x)[1]
        w1 = w1 + values["eta"] * delta1.mT @ with_one(x)
        w2 = w2 + values["eta"] * delta2.mT @ with_one(hidden)
    return [w1 - values["weights"][0], w2 - values["weights"][1]]


_GIVEN_OUTPUTS = Earlier(question="2.1", reference=given_own_outputs)
_GIVEN_DELTAS = Earlier(question="2.2", others=["2.1"], reference=given_own_deltas)

QUESTIONS = [
    Question(
        number="2.1",
        name=say_later("Shallow network: the outputs"),
        points=3,
        checks=[
            Check(
                name=say_later("outputs for one example"),
                share=0.5,
                probe="shallow_outputs",
                inputs=lambda generator: drawn(generator, [UNITS], 1),
                reference=outputs,
                mistakes=[*_FORWARD, COLUMNS],
                public=True,
            ),
            Check(
                name=say_later("outputs for several examples"),
                share=0.5,
                probe="shallow_outputs",
                inputs=lambda generator: drawn(generator, [UNITS], 7),
                reference=outputs,
                mistakes=[*_FORWARD, COLUMNS],
            ),
        ],
    ),
    Question(
        number="2.2",
        name=say_later("Shallow network: the errors"),
        points=3,
        checks=[
            Check(
                name=say_later("errors for one example"),
                share=0.5,
                probe="shallow_deltas",
                inputs=lambda generator: drawn(generator, [UNITS], 1),
                reference=deltas,
                mistakes=_OF_DELTAS,
                public=True,
                earlier=_GIVEN_OUTPUTS,
            ),
            Check(
                name=say_later("errors for several examples"),
                share=0.5,
                probe="shallow_deltas",
                inputs=lambda generator: drawn(generator, [UNITS], 7),
                reference=deltas,
                mistakes=_OF_SEVERAL_DELTAS,
                earlier=_GIVEN_OUTPUTS,
            ),
        ],
    ),
    Question(
        number="2.3",
        name=say_later("Shallow network: the steps"),
        points=3,
        checks=[
            Check(
                name=say_later("one step"),
                share=0.5,
                probe="shallow_steps",
                inputs=lambda generator: drawn(generator, [UNITS], 1),
                reference=steps_by_hand,
                mistakes=_OF_STEPS,
                measure=changed,
                tolerance=2e-3,
                public=True,
                earlier=_GIVEN_DELTAS,
            ),
            Check(
                name=say_later("several steps"),
                share=0.5,
                probe="shallow_steps",
                inputs=lambda generator: drawn(generator, [UNITS], 4),
                reference=steps_by_hand,
                mistakes=[*_OF_STEPS, *TOGETHER],
                measure=changed,
                tolerance=2e-3,
                earlier=_GIVEN_DELTAS,
            ),
        ],
    ),
]
