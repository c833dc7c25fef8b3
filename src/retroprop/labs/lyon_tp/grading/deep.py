"""Part 3: the deep network by automatic differentiation, with any number of hidden layers.

With one hidden layer its outputs and steps are those of part 2.
"""

from retroprop.grading.checks import Check, Mistake, Question
from retroprop.labs.lyon_tp.grading.mistakes import (
    BIAS_FIRST,
    COLUMNS,
    HIDDEN,
    LAYERS_WITHOUT_BIAS,
    NO_BIAS,
    ONLY_HIDDEN,
    ONLY_OUTPUT,
    SMOOTH_OUTPUTS,
    STEPS,
    TOGETHER,
    not_kept,
)
from retroprop.labs.lyon_tp.grading.reference import changed, drawn, outputs, steps_by_autograd
from retroprop.languages import say_later

ONE, SEVERAL = [12], [14, 12, 9]
"""Numbers of units in each hidden layer."""

_FORWARD = [
    NO_BIAS,
    *LAYERS_WITHOUT_BIAS,
    BIAS_FIRST,
    *HIDDEN,
    *SMOOTH_OUTPUTS,
]
_STEPS = [*STEPS, not_kept("deep network"), ONLY_OUTPUT, ONLY_HIDDEN]
_ACCUMULATED = Mistake(
    name="gradients not emptied",
    sentence=say_later(
        "the gradients of an example are added to those of the ones before: set .grad to 0 after "
        "each step"
    ),
    switches={"emptied": False},
)

QUESTIONS = [
    Question(
        number="3.1",
        name=say_later("Deep network: the outputs"),
        points=2,
        checks=[
            Check(
                name=say_later("one hidden layer"),
                share=0.4,
                probe="deep_outputs",
                inputs=lambda generator: drawn(generator, ONE, 5),
                reference=outputs,
                mistakes=[*_FORWARD, COLUMNS],
                public=True,
            ),
            Check(
                name=say_later("several hidden layers"),
                share=0.6,
                probe="deep_outputs",
                inputs=lambda generator: drawn(generator, SEVERAL, 5),
                reference=outputs,
                mistakes=[*_FORWARD, COLUMNS],
            ),
        ],
    ),
    Question(
        number="3.2",
        name=say_later("Deep network: the steps"),
        points=4,
        checks=[
            Check(
                name=say_later("one step, one hidden layer"),
                share=0.25,
                probe="deep_steps",
                inputs=lambda generator: drawn(generator, ONE, 1),
                reference=steps_by_autograd,
                mistakes=[*_FORWARD, *_STEPS],
                measure=changed,
                tolerance=2e-3,
                public=True,
            ),
            Check(
                name=say_later("several steps, one hidden layer"),
                share=0.35,
                probe="deep_steps",
                inputs=lambda generator: drawn(generator, ONE, 4),
                reference=steps_by_autograd,
                mistakes=[*_FORWARD, *_STEPS, *TOGETHER, _ACCUMULATED],
                measure=changed,
                tolerance=2e-3,
            ),
            Check(
                name=say_later("several steps, several hidden layers"),
                share=0.4,
                probe="deep_steps",
                inputs=lambda generator: drawn(generator, SEVERAL, 4),
                reference=steps_by_autograd,
                mistakes=[*_FORWARD, *_STEPS, *TOGETHER, _ACCUMULATED],
                measure=changed,
                tolerance=2e-3,
            ),
        ],
    ),
]
