"""Questions 3.4 to 3.8: the MLP's parameters, outputs, gradients and updates, for 0 to 3 layers.

h⁰ = x    aˡ = h̃ˡ⁻¹ θˡ    hˡ = relu(aˡ)    p = softmax(aᴸ⁺¹)
daᴸ⁺¹ = p − y    dθˡ = h̃ˡ⁻¹ᵀ daˡ    dhˡ⁻¹ = daˡ θˡᵀ without its last column
daˡ⁻¹ = dhˡ⁻¹ ⊙ relu′(aˡ⁻¹)
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Values
from retroprop.labs.inf8225_tp1.grading import steps
from retroprop.labs.inf8225_tp1.grading.functions import (
    ERROR,
    NO_BIAS,
    RELU,
    SLOPE,
    TILDES,
    Functions,
    functions,
    own_functions,
)
from retroprop.labs.inf8225_tp1.grading.linear_model import (
    OF_SOFTMAX,
    SCORES,
    TRANSPOSED,
    affine,
)
from retroprop.labs.inf8225_tp1.grading.pieces import drawn_probabilities
from retroprop.languages import say_later

FEATURES, WIDTH, CLASSES, EXAMPLES = 5, 4, 3, 6

# --- parameters -----------------------------------------------------------------------------------


def parameters(
    values: Values, answer: Any, *, bias: bool = True, start: str = "random", more: int = 0
) -> dict[str, Any]:
    """Shapes of the parameters, and whether each varies.

    Args:
        values: The model's sizes.
        answer: Ignored.
        bias: Whether there is a row for it.
        start: "random" or "equal".
        more: Hidden layers than asked for.
    """
    n_in, width, hidden, n_out = values["sizes"]
    widths = [n_in, *[width] * (hidden + more), n_out]
    shapes = [[one + bias, other] for one, other in pairwise(widths)]
    return {"shapes": shapes, "varies": [start == "random"] * len(shapes)}


def _either_way(values: Values, answer: Any) -> Any:
    """What is compared: shapes as (inputs + 1, outputs), which may be transposed."""
    n_in, width, hidden, _ = values["sizes"]
    inputs = [n_in, *[width] * hidden]
    shapes = [list(shape) for shape in answer["shapes"]]
    for layer, n in enumerate(inputs[: len(shapes)]):
        if shapes[layer][-1] in (n, n + 1) and shapes[layer][0] not in (n, n + 1):
            shapes[layer] = shapes[layer][::-1]
        elif shapes[layer] == [n, n + 1]:
            shapes[layer] = [n + 1, n]
    return {"shapes": shapes, "varies": answer["varies"]}


def _sizes(generator: Generator) -> Values:
    return {"sizes": [9, 5, 2, 3]}


PARAMETERS = Question(
    number="3.4",
    name=say_later("MLPModel: its parameters"),
    points=2,
    checks=[
        Check(
            name=say_later("shapes and initial values"),
            share=1,
            probe="shapes_of_parameters",
            inputs=_sizes,
            reference=parameters,
            measure=_either_way,
            mistakes=[
                NO_BIAS,
                Mistake(
                    name="parameters start equal",
                    sentence=say_later(
                        "the parameters of a layer start at one value, so its units stay alike: "
                        "draw them at random"
                    ),
                    switches={"start": "equal"},
                ),
            ],
            public=True,
        )
    ],
)

# --- outputs --------------------------------------------------------------------------------------


def pass_through(
    network: Values,
    use: Functions,
    *,
    ends: str = "softmax",
    bias: bool = True,
    hidden: str = "relu",
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """a¹ … aᴸ⁺¹; h⁰ … hᴸ; outputs.

    Args:
        network: Weights and inputs.
        use: The functions.
        ends: "softmax", "scores", or "relu" for a relu before the softmax.
        bias: Whether there is one.
        hidden: "relu", or "none" for no activation.
    """
    weights, a, h = network["weights"], [], [network["x"]]
    for layer, theta in enumerate(weights):
        a.append(affine(h[-1], theta.to(h[-1]), use, bias=bias))
        if layer < len(weights) - 1:
            h.append(use.relu(a[-1]) if hidden == "relu" else a[-1])
    last = use.relu(a[-1]) if ends == "relu" else a[-1]
    return a, h, last if ends == "scores" else use.softmax(last)


_PASS = ("ends", "bias", "hidden")


def _split(switches: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The switches of `pass_through`, and those of `functions`."""
    ours = {key: value for key, value in switches.items() if key in _PASS}
    return ours, {key: value for key, value in switches.items() if key not in _PASS}


def outputs(values: Values, answer: Any, **switches: Any) -> list[Tensor]:
    """Of every network; the switches of `pass_through` and `functions`."""
    of_pass, of_functions = _split(switches)
    use = functions(**of_functions)
    return [pass_through(network, use, **of_pass)[2] for network in values["networks"]]


def _own_outputs(values: Values, answer: Any, ask: Ask) -> list[Tensor]:
    use = own_functions(ask)
    return [pass_through(network, use)[2] for network in values["networks"]]


def drawn_networks(generator: Generator, depths: Sequence[int]) -> Values:
    """Networks of some numbers of hidden layers, with a minibatch each."""
    networks = []
    for depth in depths:
        widths = [FEATURES, *[WIDTH] * depth, CLASSES]
        y, _ = drawn_probabilities(generator, EXAMPLES, CLASSES)
        networks.append(
            {
                "weights": [
                    torch.randn(n_in + 1, n_out, generator=generator) * 0.7
                    for n_in, n_out in pairwise(widths)
                ],
                "width": WIDTH,
                "x": torch.randn(EXAMPLES, FEATURES, generator=generator),
                "y": y,
            }
        )
    return {"model": "layered", "networks": networks}


def _lively(depths: Sequence[int]) -> Any:
    """Networks in which every hidden layer has numbers of both signs in each example."""

    def inputs(generator: Generator) -> Values:
        while True:
            values = drawn_networks(generator, depths)
            if all(_is_lively(network) for network in values["networks"]):
                return values

    return inputs


def _is_lively(network: Values) -> bool:
    a, _, p = pass_through(network, functions())
    hidden = a[:-1]
    signs = all(
        bool(((one > 0.01).any(1) & (one < -0.01).any(1)).all() and (one.abs() > 1e-3).all())
        for one in hidden
    )
    return signs and bool((p > 1e-3).all()) and bool((a[-1] < -0.01).any())


HIDDEN = [
    Mistake(
        name="no activation in hidden layers",
        sentence=say_later("the hidden layers have no activation: apply relu after each of them"),
        switches={"hidden": "none"},
    ),
]
RELU_AT_THE_END = Mistake(
    name="relu after the last layer",
    sentence=say_later("relu is applied to the scores of the last layer too"),
    switches={"ends": "relu"},
)
_LAST = [SCORES, RELU_AT_THE_END, *OF_SOFTMAX]


def _of_depths(
    name: str, share: float, depths: Sequence[int], mistakes: Sequence[Mistake], **of_check: Any
) -> Check:
    return Check(
        name=name,
        share=share,
        inputs=_lively(depths),
        mistakes=mistakes,
        tolerance=5e-4,
        **of_check,
    )


_FORWARD: dict[str, Any] = {
    "probe": "outputs",
    "reference": outputs,
    "earlier": Earlier(question="3.1", others=("2.3", "2.4"), reference=_own_outputs),
}
ONE_LAYER = say_later("one hidden layer")
MORE_LAYERS = say_later("two and three hidden layers")

FORWARD = Question(
    number="3.5",
    name="MLPModel.forward",
    points=3,
    checks=[
        _of_depths(
            ONE_LAYER, 0.5, [1], [*_LAST, *HIDDEN, NO_BIAS, *RELU, *TILDES], **_FORWARD, public=True
        ),
        _of_depths(
            MORE_LAYERS, 0.5, [2, 3], [*_LAST, *HIDDEN, NO_BIAS, *RELU, *TILDES], **_FORWARD
        ),
    ],
)

# --- gradients ------------------------------------------------------------------------------------


def gradients(
    values: Values,
    answer: Any,
    *,
    gate: str = "input",
    column: str = "last",
    order: int = 1,
    transposed: bool = False,
    ones: int = 1,
    from_a: bool = False,
    **switches: Any,
) -> list[list[Tensor]]:
    """dL/dθ of every layer of every network, given the outputs that the submission had.

    Args:
        values: The networks.
        answer: With "p" for each of them.
        gate: What relu′ is taken of: the layer's "input", or the "output gradient"; or "none".
        column: Of dh̃ that is dropped.
        order: −1 for the last layer first.
        transposed: Whether the gradients are.
        ones: 0 where the biases get no gradient.
        from_a: Whether dθ is made with a instead of h.
        **switches: Those of `pass_through` and `functions`.
    """
    of_pass, of_functions = _split(switches)
    use = functions(**of_functions)
    found = []
    for place, network in enumerate(values["networks"]):
        p = _outputs_of(answer, place, network, use, of_pass)
        one = _backward(
            network, use, p, of_pass, gate=gate, column=column, ones=ones, from_a=from_a
        )
        one = [gradient.T for gradient in one] if transposed else one
        found.append(one[::order])
    return found


def _outputs_of(
    answer: Any, place: int, network: Values, use: Functions, of_pass: dict[str, Any]
) -> Tensor:
    if answer is None:
        return pass_through(network, use, **of_pass)[2]
    return answer[place]["p"]


def _backward(
    network: Values,
    use: Functions,
    p: Tensor,
    of_pass: dict[str, Any],
    *,
    gate: str = "input",
    column: str = "last",
    ones: int = 1,
    from_a: bool = False,
) -> list[Tensor]:
    a, h, _ = pass_through(network, use, **of_pass)
    bias = of_pass.get("bias", True)
    da = use.error(network["y"], p)
    found = []
    for layer in reversed(range(len(a))):
        theta = network["weights"][layer].to(da)
        x = a[layer - 1] if from_a and layer else h[layer]
        x = (use.tilde(x) if bias else x).to(da)
        dtheta = x.T @ da
        if not ones:
            dtheta = torch.cat([dtheta[:-1], 0 * dtheta[-1:]])
        found.append(dtheta)
        if layer:
            dh = da @ theta.T
            dh = dh[:, :-1] if column == "last" else dh[:, 1:]
            da = dh * _gated(gate, use, a[layer - 1], dh)
    return found[::-1]


def _gated(gate: str, use: Functions, a: Tensor, dh: Tensor) -> Tensor:
    return {
        "input": lambda: use.slope(a),
        "output gradient": lambda: use.slope(dh),
        "none": lambda: torch.ones_like(a),
    }[gate]().to(dh)


def _the_gradients(values: Values, answer: Any) -> Any:
    return [one["gradients"] for one in answer]


def _own_gradients(values: Values, answer: Any, ask: Ask) -> list[list[Tensor]]:
    use = own_functions(ask)
    return [
        _backward(network, use, given["p"], {})
        for network, given in zip(values["networks"], answer, strict=True)
    ]


_OF_EVERY_DEPTH = [
    *ERROR,
    NO_BIAS,
    TRANSPOSED,
    Mistake(
        name="biases without gradient",
        sentence=say_later("the gradient of the biases is zero: it is the sum of da"),
        switches={"ones": 0},
    ),
    *TILDES,
]
_OF_HIDDEN_LAYERS = [
    Mistake(
        name="gate from the output's gradient",
        sentence=say_later(
            "relu′ is taken of the gradient that comes from above: take it of what relu got"
        ),
        switches={"gate": "output gradient"},
    ),
    Mistake(
        name="no gate",
        sentence=say_later("the gradient goes through relu unchanged: multiply by relu′ there"),
        switches={"gate": "none"},
    ),
    Mistake(
        name="first column dropped",
        sentence=say_later(
            "of the gradient of h̃, the first column is dropped: the one of the ones is the last"
        ),
        switches={"column": "first"},
    ),
    Mistake(
        name="gradients in reverse order",
        sentence=say_later("the gradients stand from the last layer to the first: reverse them"),
        switches={"order": -1},
    ),
    Mistake(
        name="a instead of h in the gradient",
        sentence=say_later("the gradient of θ is made with a: it is made with h, after relu"),
        switches={"from_a": True},
    ),
    *HIDDEN,
    *RELU,
    *SLOPE,
]
_BACKWARD: dict[str, Any] = {
    "probe": "gradients_of_layers",
    "reference": gradients,
    "measure": _the_gradients,
    "earlier": Earlier(question="3.2", others=("3.3", "3.1", "2.4"), reference=_own_gradients),
}

BACKWARD = Question(
    number="3.6",
    name="MLPModel.backward",
    points=6,
    checks=[
        _of_depths(
            ONE_LAYER, 0.5, [1], [*_OF_EVERY_DEPTH, *_OF_HIDDEN_LAYERS], **_BACKWARD, public=True
        ),
        _of_depths(MORE_LAYERS, 0.5, [2, 3], [*_OF_EVERY_DEPTH, *_OF_HIDDEN_LAYERS], **_BACKWARD),
    ],
)

QUESTIONS = [PARAMETERS, FORWARD, BACKWARD, *steps.OF_LAYERS]
