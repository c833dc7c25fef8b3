"""Problem 1: a linear layer, the layers of an MLP and their start, the forward pass."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Remark, Values
from retroprop.labs.ift6135_devoir1.grading.networks import (
    OUTPUT,
    OUTPUTS,
    Shapes,
    Weights,
    answer_of,
    only,
    output,
    random_weights,
)
from retroprop.languages import say_later

# --- 1.1: Linear ----------------------------------------------------------------------------------

TRANSPOSED = Mistake(
    name="weight transposed",
    sentence=say_later(
        "the weight is used as if it were (in, out): keep it as (out, in) and multiply by its "
        "transpose"
    ),
    switches={"transposed": True},
)
LINEAR_MISTAKES = (
    TRANSPOSED,
    Mistake(
        name="bias left out",
        sentence=say_later("the bias is not added"),
        switches={"with_bias": False},
    ),
    Mistake(
        name="not parameters",
        sentence=say_later(
            "weight and bias get no gradient that an optimizer finds: wrap them in nn.Parameter"
        ),
        switches={"trained": False},
    ),
)


def linear_shapes(inputs: int, outputs: int, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """The weights of a linear layer."""
    return {f"{prefix}weight": (outputs, inputs), f"{prefix}bias": (outputs,)}


def affine(
    x: Tensor,
    weights: Weights,
    prefix: str = "",
    *,
    transposed: bool = False,
    with_bias: bool = True,
) -> Tensor:
    """Y = x Wᵀ + b."""
    weight = weights[f"{prefix}weight"]
    y = x @ (weight if transposed else weight.T)
    return y + weights[f"{prefix}bias"] if with_bias else y


def linear_layer(
    values: Values, answer: Any, *, trained: bool = True, **switches: Any
) -> dict[str, Any]:
    """The reference of question 1.1."""
    shapes = _transposed(values["names"]) if switches.get("transposed") else values["names"]
    found = answer_of(values, answer, shapes, lambda x, w: affine(x, w, **switches))
    return found if trained else _untrained(found)


def _untrained(found: dict[str, Any]) -> dict[str, Any]:
    """The answer of a network whose weights get no gradient."""
    if "gradients" not in found:
        return found
    gradients = {name: g if name == "x" else None for name, g in found["gradients"].items()}
    return {**found, "gradients": gradients}


def _transposed(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes of layers that keep their weights as (in, out)."""
    return {name: shape[::-1] for name, shape in shapes.items()}


def _linear_inputs(generator: torch.Generator, inputs: int, outputs: int, batch: int) -> Values:
    shapes = linear_shapes(inputs, outputs)
    return {
        "in": inputs,
        "out": outputs,
        "names": shapes,
        "weights": random_weights(shapes, generator),
        "x": torch.randn(batch, inputs, generator=generator),
    }


def _linear_check(name: str, share: float, sizes: tuple[int, int, int], public: bool) -> Check:
    return Check(
        name=name,
        share=share,
        probe="linear",
        inputs=lambda generator: _linear_inputs(generator, *sizes),
        reference=linear_layer,
        mistakes=LINEAR_MISTAKES,
        public=public,
    )


LINEAR = Question(
    number="1.1",
    name=say_later("the linear layer"),
    points=1.5,
    checks=(
        _linear_check(say_later("values and gradients"), 0.5, (4, 3, 5), True),
        _linear_check(say_later("as many outputs as inputs"), 0.3, (5, 5, 3), False),
        _linear_check(say_later("one example, one output"), 0.2, (6, 1, 1), False),
    ),
)

# --- 1.2: the layers and their initial weights ----------------------------------------------------


def mlp_shapes(sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The weights of a network with these sizes, from the input to the classes."""
    *hidden, last = itertools.pairwise(sizes)
    shapes: dict[str, tuple[int, ...]] = {}
    for number, pair in enumerate(hidden):
        shapes |= linear_shapes(*pair, prefix=f"hidden_layers.{number}.")
    return shapes | linear_shapes(*last, prefix="output_layer.")


def _mlp_values(input_size: int, hidden: Sequence[int], classes: int, activation: str) -> Values:
    return {
        "input_size": input_size,
        "hidden_sizes": list(hidden),
        "classes": classes,
        "activation": activation,
        "names": mlp_shapes([input_size, *hidden, classes]),
    }


def _held_shapes(values: Values, answer: Any) -> Any:
    """A measure: the shape of each weight."""
    return {name: list(tensor.shape) for name, tensor in answer["weights"].items()}


def _layer_shapes(
    values: Values, *, transposed: bool = False, chain: str = "right"
) -> dict[str, tuple[int, ...]]:
    """The shapes of the layers; `chain` names a mistake in their sizes."""
    hidden, classes = values["hidden_sizes"], values["classes"]
    inputs = [values["input_size"], *hidden]
    match chain:
        case "input":  # every hidden layer takes the images
            inputs = [values["input_size"] for _ in hidden] + inputs[-1:]
        case "first left out":
            inputs, hidden = inputs[1:], hidden[1:]
        case "last left out":
            inputs, hidden = inputs[:-1], hidden[:-1]
    shapes: dict[str, tuple[int, ...]] = {}
    names = [*(f"hidden_layers.{number}." for number in range(len(hidden))), "output_layer."]
    for name, *sides in zip(names, inputs, [*hidden, classes], strict=True):
        shapes |= linear_shapes(*sides, prefix=name)
    return _transposed(shapes) if transposed else shapes


def layers(values: Values, answer: Any, **switches: Any) -> dict[str, list[int]]:
    """The reference of the layers' shapes."""
    return {name: list(shape) for name, shape in _layer_shapes(values, **switches).items()}


LAST_LEFT_OUT = Mistake(
    name="last hidden layer left out",
    sentence=say_later("the last hidden layer is missing: there is one per hidden size"),
    switches={"chain": "last left out"},
)
CHAIN_MISTAKES = (
    Mistake(
        name="every layer takes the input",
        sentence=say_later(
            "every hidden layer takes input_size numbers: each takes what the one before gives"
        ),
        switches={"chain": "input"},
    ),
    Mistake(
        name="first hidden layer left out",
        sentence=say_later(
            "the first hidden layer is missing: it goes from input_size to hidden_sizes[0]"
        ),
        switches={"chain": "first left out"},
    ),
    LAST_LEFT_OUT,
)

START_SIZES = (400, (100, 300), 100)  # 30,000 weights or more a layer, and unequal sides


def _kept_shapes(values: Values, answer: Any, kind: str) -> dict[str, tuple[int, ...]]:
    """The weights or biases as the student has them: which there are is another check's."""
    held = answer.get("weights", {}) if isinstance(answer, Mapping) else {}
    expected = {name: shape for name, shape in values["names"].items() if name.endswith(kind)}
    kept = {name: tuple(held[name].shape) for name in expected if name in held}
    return kept or expected


def _deviations(values: Values, answer: Any) -> Any:
    """A measure: standard deviation and kurtosis of each weight matrix."""
    measured = {}
    for name in _kept_shapes(values, answer, "weight"):
        weight = answer["weights"][name].double()
        centred = weight - weight.mean()
        deviation = centred.square().mean().sqrt()
        kurtosis = centred.pow(4).mean() / deviation**4 if deviation > 0 else 0.0
        measured[name] = {"deviation": float(deviation), "kurtosis": float(kurtosis)}
    return measured


def _zero_biases(values: Values, answer: Any) -> Any:
    """A measure: whether the bias of each layer is zero."""
    held = answer["weights"]
    return {name: not held[name].any() for name in _kept_shapes(values, answer, "bias")}


def initial_weights(
    values: Values, answer: Any, *, start: str = "xavier normal", only: str = ""
) -> dict[str, Any]:
    """Deviation and kurtosis of the initial weights.

    Args:
        values: With the shapes.
        answer: With the student's.
        start: How weights are drawn.
        only: The beginning of the names of the layers that are drawn so; others are right.
    """
    measured = {}
    for name, (outputs, inputs) in _kept_shapes(values, answer, "weight").items():
        how = start if name.startswith(only) else "xavier normal"
        deviation = {
            "xavier normal": math.sqrt(2 / (inputs + outputs)),
            "xavier uniform": math.sqrt(2 / (inputs + outputs)),
            "gain": 2 / math.sqrt(inputs + outputs),
            "kaiming normal": math.sqrt(2 / inputs),
            "kaiming uniform": math.sqrt(2 / inputs),
            "torch": 1 / math.sqrt(3 * inputs),
            "standard normal": 1.0,
            "small normal": 0.01,
            "standard uniform": 1 / math.sqrt(12),
        }[how]
        uniform = how in ("xavier uniform", "kaiming uniform", "torch", "standard uniform")
        measured[name] = {"deviation": deviation, "kurtosis": 1.8 if uniform else 3.0}
    return measured


OUTPUT_NOT_INITIALIZED = Mistake(
    name="output layer not initialized",
    sentence=say_later("the output layer keeps torch's own start: it is not initialized"),
    switches={"start": "torch", "only": "output_layer"},
)
START_MISTAKES = (
    Mistake(
        name="Xavier uniform",
        sentence=say_later(
            "the weights are drawn from Xavier's uniform distribution: the normal one is wanted "
            "(nn.init.xavier_normal_)"
        ),
        switches={"start": "xavier uniform"},
    ),
    Mistake(
        name="Kaiming normal",
        sentence=say_later(
            "the weights have Kaiming's variance, 2 / in: Xavier's is 2 / (in + out)"
        ),
        switches={"start": "kaiming normal"},
    ),
    Mistake(
        name="Kaiming uniform",
        sentence=say_later(
            "the weights are Kaiming's uniform ones: Xavier's normal ones are wanted "
            "(nn.init.xavier_normal_)"
        ),
        switches={"start": "kaiming uniform"},
    ),
    Mistake(
        name="gain of ReLU",
        sentence=say_later("the weights are √2 times too large: Xavier's variance has no gain"),
        switches={"start": "gain"},
    ),
    Mistake(
        name="not initialized",
        sentence=say_later(
            "the weights keep U(−1/√in, 1/√in), torch's own start: they are not initialized"
        ),
        switches={"start": "torch"},
    ),
    OUTPUT_NOT_INITIALIZED,
    Mistake(
        name="standard normal",
        sentence=say_later("the weights have variance 1: Xavier's is 2 / (in + out)"),
        switches={"start": "standard normal"},
    ),
    Mistake(
        name="small normal",
        sentence=say_later(
            "the weights have standard deviation 0.01: Xavier's is √(2 / (in + out))"
        ),
        switches={"start": "small normal"},
    ),
    Mistake(
        name="U(0, 1)",
        sentence=say_later("the weights are drawn from U(0, 1): they are all positive"),
        switches={"start": "standard uniform"},
    ),
)


def zero_biases(
    values: Values, answer: Any, *, start: str = "zero", only: str = ""
) -> dict[str, bool]:
    """Whether the bias of each layer is zero; the arguments are those of `initial_weights`."""
    return {
        name: start == "zero" or not name.startswith(only)
        for name in _kept_shapes(values, answer, "bias")
    }


BIAS_MISTAKES = (
    Mistake(
        name="bias not zero",
        sentence=say_later("the biases do not start at zero: fill them with zeros"),
        switches={"start": "other"},
    ),
    OUTPUT_NOT_INITIALIZED,
)

BUILD = Question(
    number="1.2",
    name=say_later("the layers of the MLP and their initial weights"),
    points=2.0,
    checks=(
        Check(
            name=say_later("the layers"),
            share=0.2,
            probe="mlp_start",
            inputs=lambda generator: _mlp_values(12, (7, 5, 6), 4, "relu"),
            reference=layers,
            mistakes=(*CHAIN_MISTAKES, TRANSPOSED),
            measure=_held_shapes,
            public=True,
        ),
        Check(
            name=say_later("no hidden layer"),
            share=0.1,
            probe="mlp_start",
            inputs=lambda generator: _mlp_values(6, (), 4, "relu"),
            reference=layers,
            mistakes=(TRANSPOSED,),
            measure=_held_shapes,
        ),
        Check(
            name=say_later("Xavier's normal weights"),
            share=0.5,
            probe="mlp_start",
            inputs=lambda generator: _mlp_values(*START_SIZES, "relu"),
            reference=initial_weights,
            mistakes=START_MISTAKES,
            pairs=False,
            measure=_deviations,
            tolerance=0.06,  # ten standard errors of a deviation, seven of a kurtosis
        ),
        Check(
            name=say_later("zero biases"),
            share=0.2,
            probe="mlp_start",
            inputs=lambda generator: _mlp_values(*START_SIZES, "relu"),
            reference=zero_biases,
            mistakes=BIAS_MISTAKES,
            pairs=False,
            measure=_zero_biases,
            public=True,
        ),
    ),
)

# --- 1.3: the activation function and the forward pass --------------------------------------------

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
LARGE = (-1000.0, -100.0, 100.0, 1000.0)


def activations(
    values: Values, answer: Any, *, use: str | None = None, exponentials: bool = False
) -> Tensor:
    """The activation function at small and large numbers.

    Args:
        values: With its name.
        answer: Not looked at.
        use: Another function in its place.
        exponentials: Whether it is written with eˣ and e⁻ˣ as in the book, which overflow.
    """
    name, x = use or values["activation"], values["x"]
    if exponentials and name == "tanh":
        return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())
    if exponentials and name == "sigmoid":
        return x.exp() / (1 + x.exp())
    return ACTIVATIONS[name](x.double())


def _activation_values(name: str, generator: torch.Generator) -> Values:
    small = 3 * torch.randn(13, generator=generator)
    return {"activation": name, "x": torch.cat([small, torch.tensor(LARGE)])}


ALWAYS = tuple(
    Mistake(name=name, sentence=sentence, switches={"use": use})
    for use, name, sentence in (
        ("relu", "always ReLU", say_later("this is ReLU, whatever activation is asked for")),
        ("tanh", "always tanh", say_later("this is tanh, whatever activation is asked for")),
        (
            "sigmoid",
            "always sigmoid",
            say_later("this is the sigmoid, whatever activation is asked for"),
        ),
    )
)
OVERFLOW = Mistake(
    name="exponentials overflow",
    sentence=say_later(
        "eˣ overflows at large inputs, and infinity over infinity is NaN: use torch.tanh and "
        "torch.sigmoid, or exponentials of −|x| only"
    ),
    switches={"exponentials": True},
)
NAN_SLOPE = Remark(
    name="NaN in the derivative",
    sentence=say_later(
        "the derivative is NaN at inputs of ±100 or ±1000, though the value is right"
    ),
    applies=lambda values, answer: bool(
        answer["dx"].isnan().any() and answer["y"].isfinite().all()
    ),
)


def _activation_check(name: str, title: str) -> Check:
    return Check(
        name=title,
        share=0.1,
        probe="activation",
        inputs=lambda generator: _activation_values(name, generator),
        reference=activations,
        mistakes=[
            *(one for one in ALWAYS if one.switches["use"] != name),
            *([OVERFLOW] if name != "relu" else []),
        ],
        measure=lambda values, answer: answer["y"],
        remarks=(NAN_SLOPE,),
        public=name == "relu",
    )


def perceptron(
    values: Values,
    answer: Any,
    *,
    use: str | None = None,
    hidden: str = "activated",
    last: bool = False,
    out: str = "logits",
    trained: bool = True,
    chain: str = "right",
    **linear: Any,
) -> dict[str, Any]:
    """The reference of the forward pass.

    Args:
        values: With sizes, weights and images.
        answer: With the student's weights, where none were given.
        use: Another activation function than the one that is asked for.
        hidden: "linear" leaves the activation out; "last linear", after the last hidden layer.
        last: Whether the output layer has the activation too.
        out: See `output`.
        trained: Whether the weights get a gradient.
        chain: See `_layer_shapes`.
        linear: The mistakes of question 1.1.
    """
    phi = ACTIVATIONS[use or values["activation"]]
    shapes = _layer_shapes(values, transposed=linear.get("transposed", False), chain=chain)
    depth = len(shapes) // 2 - 1

    def forward(images: Tensor, weights: Weights) -> Tensor:
        h = images.flatten(1)
        for number in range(depth):
            h = affine(h, weights, f"hidden_layers.{number}.", **linear)
            if hidden == "activated" or (hidden == "last linear" and number + 1 < depth):
                h = phi(h)
        logits = affine(h, weights, "output_layer.", **linear)
        return output(phi(logits) if last else logits, out)

    found = answer_of(values, answer, shapes, forward)
    return found if trained else _untrained(found)


MLP_MISTAKES = (
    *ALWAYS,
    Mistake(
        name="activation after the output layer",
        sentence=say_later("the output layer has the activation too: logits are wanted"),
        switches={"last": True},
    ),
    *OUTPUTS,
    Mistake(
        name="no activation between the layers",
        sentence=say_later("the hidden layers have no activation: the network is linear"),
        switches={"hidden": "linear"},
    ),
    Mistake(
        name="no activation after the last hidden layer",
        sentence=say_later("the activation after the last hidden layer is missing"),
        switches={"hidden": "last linear"},
    ),
    *LINEAR_MISTAKES,
    LAST_LEFT_OUT,
)


def _with_own_linear(values: Values, answer: Any, ask: Ask) -> Any:
    """The output that is right with the student's own linear layers, whatever the gradients."""
    phi, held = ACTIVATIONS[values["activation"]], answer["weights"]

    def layer(x: Tensor, prefix: str) -> Tensor:
        weights = {name: held[prefix + name] for name in ("weight", "bias")}
        given = {"names": {name: tuple(w.shape) for name, w in weights.items()}}
        return ask("linear_output", {**given, **weights, "weights": weights, "x": x})

    h = values["x"].flatten(1)
    for number in range(len(values["hidden_sizes"])):
        h = phi(layer(h, f"hidden_layers.{number}."))
    return {**answer, "y": layer(h, "output_layer.")}


def _images(generator: torch.Generator, values: Values, *, ours: bool) -> Values:
    """Values with images, and with weights of ours."""
    side = math.isqrt(values["input_size"] // 3)
    weights = {"weights": random_weights(values["names"], generator)} if ours else {}
    return {**values, **weights, "x": torch.randn(3, 3, side, side, generator=generator)}


def _forward_check(
    name: str,
    share: float,
    activation: str,
    hidden: Sequence[int],
    *,
    ours: bool = True,
    gradients: bool = True,
    public: bool = False,
) -> Check:
    impossible = {("use", activation)}  # what changes nothing here
    impossible |= set() if gradients else {("trained", False)}
    mistakes = [one for one in MLP_MISTAKES if not impossible & set(one.switches.items())]
    if not hidden:
        mistakes = [one for one in mistakes if not one.switches.keys() & {"use", "hidden", "chain"}]
    return Check(
        name=name,
        share=share,
        probe="mlp",
        inputs=lambda generator: _images(
            generator, _mlp_values(27, hidden, 4, activation), ours=ours
        ),
        reference=perceptron if gradients else only(OUTPUT, perceptron),
        mistakes=mistakes,
        earlier=Earlier(question="1.1", reference=_with_own_linear),
        public=public,
    )


FORWARD = Question(
    number="1.3",
    name=say_later("the activation functions and the forward pass of the MLP"),
    points=1.5,
    checks=(
        _activation_check("relu", say_later("ReLU, at large numbers too")),
        _activation_check("tanh", say_later("tanh, at large numbers too")),
        _activation_check("sigmoid", say_later("sigmoid, at large numbers too")),
        _forward_check(
            say_later("values and gradients with tanh"), 0.2, "tanh", (7, 5), public=True
        ),
        _forward_check(
            say_later("values and gradients with the sigmoid"), 0.2, "sigmoid", (6, 5, 8)
        ),
        _forward_check(say_later("values with ReLU"), 0.1, "relu", (9, 6), gradients=False),
        _forward_check(
            say_later("with the weights that it was made with"), 0.1, "tanh", (8, 6), ours=False
        ),
        _forward_check(say_later("without hidden layers"), 0.1, "tanh", ()),
    ),
)

QUESTIONS = (LINEAR, BUILD, FORWARD)
