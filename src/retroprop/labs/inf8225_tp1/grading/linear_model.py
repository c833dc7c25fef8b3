"""Questions 2.5 to 2.8: the logistic regression's outputs, gradient and updates.

p = softmax(x̃ θ)        dL/dθ = x̃ᵀ (p − y), summed over the minibatch
"""

from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Values
from retroprop.labs.inf8225_tp1.grading import steps
from retroprop.labs.inf8225_tp1.grading.functions import (
    ERROR,
    NO_BIAS,
    SOFTMAX_AXIS,
    SOFTMAX_EVERYTHING,
    SOFTMAX_NOT_DIVIDED,
    TILDES,
    Functions,
    functions,
    own_functions,
)
from retroprop.labs.inf8225_tp1.grading.pieces import drawn_probabilities
from retroprop.languages import say_later

FEATURES, CLASSES, EXAMPLES = 6, 4, 5

SCORES = Mistake(
    name="no softmax",
    sentence=say_later("the scores are returned: the model ends with a softmax"),
    switches={"ends": "scores"},
)
TRANSPOSED = Mistake(
    name="gradient transposed",
    sentence=say_later("the gradient is transposed: it has the shape of the parameters"),
    switches={"transposed": True},
)
OF_SOFTMAX = [SOFTMAX_AXIS, SOFTMAX_EVERYTHING, SOFTMAX_NOT_DIVIDED]


def affine(x: Tensor, theta: Tensor, use: Functions, *, bias: bool = True) -> Tensor:
    """x̃ θ, or x W without the last row of θ."""
    return use.tilde(x) @ theta if bias else x @ theta[:-1]


# --- outputs --------------------------------------------------------------------------------------


def outputs(
    values: Values, answer: Any, *, ends: str = "softmax", bias: bool = True, **switches: Any
) -> list[Tensor]:
    """Probabilities; the switches of `functions`."""
    return _outputs(values, functions(**switches), ends=ends, bias=bias)


def _outputs(
    values: Values, use: Functions, *, ends: str = "softmax", bias: bool = True
) -> list[Tensor]:
    network = values["networks"][0]
    scores = affine(network["x"], network["weights"][0], use, bias=bias)
    return [use.softmax(scores) if ends == "softmax" else scores]


def _own_outputs(values: Values, answer: Any, ask: Ask) -> list[Tensor]:
    return _outputs(values, own_functions(ask))


def _network(generator: Generator) -> Values:
    return {
        "model": "linear",
        "networks": [
            {
                "weights": [torch.randn(FEATURES + 1, CLASSES, generator=generator)],
                "x": torch.randn(EXAMPLES, FEATURES, generator=generator),
            }
        ],
    }


FORWARD = Question(
    number="2.5",
    name="LinearModel.forward",
    points=2,
    checks=[
        Check(
            name=say_later("the probabilities"),
            share=1,
            probe="outputs",
            inputs=_network,
            reference=outputs,
            mistakes=[SCORES, NO_BIAS, *OF_SOFTMAX, *TILDES],
            public=True,
            earlier=Earlier(question="2.3", others=("2.4",), reference=_own_outputs),
        )
    ],
)

# --- the gradient ---------------------------------------------------------------------------------


def gradient(
    values: Values,
    answer: Any,
    *,
    bias: bool = True,
    transposed: bool = False,
    **switches: Any,
) -> Tensor:
    """dL/dθ; the switches of `functions`."""
    found = _gradient(values, functions(**switches), bias=bias)
    return found.T if transposed else found


def _gradient(values: Values, use: Functions, *, bias: bool = True) -> Tensor:
    x = use.tilde(values["x"]) if bias else values["x"]
    return x.T @ use.error(values["y"], values["p"]).to(x)


def _own_gradient(values: Values, answer: Any, ask: Ask) -> Tensor:
    x = own_functions(ask).tilde(values["x"])
    return x.T @ (values["p"] - values["y"]).to(x)


def _minibatch(generator: Generator) -> Values:
    """Labels, images and the model's own probabilities: whoever computes them again has these."""
    y, _ = drawn_probabilities(generator, EXAMPLES, CLASSES)
    weights = torch.randn(FEATURES + 1, CLASSES, generator=generator) * 0.4
    x = torch.randn(EXAMPLES, FEATURES, generator=generator)
    p = affine(x, weights, functions()).softmax(1)
    return {"weights": [weights], "x": x, "y": y, "p": p}


GRADIENT = Question(
    number="2.6",
    name="LinearModel.get_grads",
    points=3,
    checks=[
        Check(
            name=say_later("the gradient"),
            share=1,
            probe="gradients_of_linear",
            inputs=_minibatch,
            reference=gradient,
            mistakes=[*ERROR, NO_BIAS, TRANSPOSED, *TILDES],
            public=True,
            earlier=Earlier(question="2.4", reference=_own_gradient),
        )
    ],
)

QUESTIONS = [FORWARD, GRADIENT, *steps.OF_LINEAR]
