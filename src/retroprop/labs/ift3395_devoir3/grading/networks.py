"""Questions 3 to 5: an activation function, an MLP and a CNN.

A network is known by its outputs: the submission's own weights come back with them, and the right
network, or a wrong one, computes with these weights (`architectures`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator

from retroprop.grading.checks import Check, Mistake, Question, Values
from retroprop.labs.ift3395_devoir3.grading.architectures import ACTIVATIONS, Network
from retroprop.labs.ift3395_devoir3.grading.common import all_but
from retroprop.languages import say_later

# --- question 3 -----------------------------------------------------------------------------------


def activation(
    values: Values, answer: Any, *, kind: str = "module", gives: str | None = None
) -> dict[str, Any]:
    """What an activation function is, and its outputs.

    Args:
        values: With its name and its inputs.
        answer: Ignored.
        kind: "module", "function" or "class".
        gives: The activation function that it is; by default the one of that name.
    """
    return {"kind": kind, "outputs": ACTIVATIONS[gives or values["name"]](values["x"])}


_KINDS = [
    Mistake(
        name="activation as a function",
        sentence=say_later("a function is returned, and a torch.nn.Module is wanted"),
        switches={"kind": "function"},
    ),
    Mistake(
        name="activation as a class",
        sentence=say_later("the class is returned, not a module: the parentheses are missing"),
        switches={"kind": "class"},
    ),
]
_GIVES_RELU = Mistake(
    name="ReLU whatever the name",
    sentence=say_later("it is ReLU, for another name"),
    switches={"gives": "relu"},
)
_GIVES_TANH = Mistake(
    name="tanh whatever the name",
    sentence=say_later("it is tanh, for another name"),
    switches={"gives": "tanh"},
)
_GIVES_SIGMOID = Mistake(
    name="sigmoid whatever the name",
    sentence=say_later("it is the sigmoid, for another name"),
    switches={"gives": "sigmoid"},
)
_GIVES_OTHERS = [
    Mistake(
        name="leaky ReLU",
        sentence=say_later("it is the leaky ReLU"),
        switches={"gives": "leaky relu"},
    ),
    Mistake(
        name="softmax as an activation",
        sentence=say_later("it is the softmax"),
        switches={"gives": "softmax"},
    ),
    Mistake(
        name="identity",
        sentence=say_later("it changes nothing"),
        switches={"gives": "none"},
    ),
]


def _activation_check(name: str, label: str, mistakes: Sequence[Mistake]) -> Check:
    def inputs(generator: Generator) -> dict[str, Any]:
        return {"name": name, "x": torch.randn(3, 5, generator=generator) * 2}

    return Check(
        name=label,
        share=1 / 3,
        probe="activation",
        inputs=inputs,
        reference=activation,
        mistakes=[*_KINDS, *mistakes, *_GIVES_OTHERS],
        public=True,
    )


ACTIVATION = Question(
    number="3",
    name=say_later("activation functions"),
    points=1,
    checks=[
        _activation_check("relu", say_later("the name relu"), [_GIVES_TANH, _GIVES_SIGMOID]),
        _activation_check("tanh", say_later("the name tanh"), [_GIVES_RELU, _GIVES_SIGMOID]),
        _activation_check("sigmoid", say_later("the name sigmoid"), [_GIVES_RELU, _GIVES_TANH]),
    ],
)


# --- questions 4 and 5 ----------------------------------------------------------------------------


def network(values: Values, answer: Any, **switches: Any) -> dict[str, Any]:
    """Layers, weights and outputs of the right network, or of one with mistakes.

    Args:
        values: With the configuration and the images.
        answer: With the submission's weights.
        **switches: Attributes of Network.
    """
    weights = answer.get("weights") if isinstance(answer, Mapping) else None
    if switches and not weights:
        raise ValueError("without weights, no mistake explains anything")
    return Network(**switches).answer(values, weights if isinstance(weights, list) else [])


DENSE = [
    Mistake(
        name="activation after the last layer",
        sentence=say_later(
            "the activation is applied after the last layer too, before the softmax"
        ),
        switches={"activated": "all"},
    ),
    Mistake(
        name="no activation between dense layers",
        sentence=say_later("the activation is not applied after the hidden dense layers"),
        switches={"activated": "none"},
    ),
    Mistake(
        name="no activation after the last hidden layer",
        sentence=say_later("the activation is missing after the last hidden layer"),
        switches={"activated": "all but the last hidden"},
    ),
    Mistake(
        name="activation after Flatten",
        sentence=say_later("the activation is applied after Flatten, where no layer precedes it"),
        switches={"flattened": True},
    ),
    Mistake(
        name="ReLU instead of the given activation",
        sentence=say_later("ReLU is used instead of the activation that is given"),
        switches={"gives": "relu"},
    ),
    Mistake(
        name="no softmax",
        sentence=say_later("the network does not end with a softmax"),
        switches={"softmax": "none"},
    ),
    Mistake(
        name="softmax over the batch",
        sentence=say_later("the softmax is taken over the batch (dim=0): the classes are dim=1"),
        switches={"softmax": "batch"},
    ),
    Mistake(
        name="log-softmax",
        sentence=say_later("the network ends with a log-softmax: probabilities are wanted"),
        switches={"softmax": "log"},
    ),
    Mistake(
        name="network ends with two softmax",
        sentence=say_later("the softmax is applied twice"),
        switches={"softmax": "twice"},
    ),
    Mistake(
        name="sigmoid instead of softmax",
        sentence=say_later("the network ends with a sigmoid: its outputs do not add up to 1"),
        switches={"softmax": "sigmoid"},
    ),
    Mistake(
        name="first hidden size repeated",
        sentence=say_later("every hidden layer has the first size of dense_hiddens"),
        switches={"hidden": "first repeated"},
    ),
    Mistake(
        name="two hidden layers whatever the configuration",
        sentence=say_later("only the first two sizes of dense_hiddens are used"),
        switches={"hidden": "first two"},
    ),
    Mistake(
        name="a hidden layer too few",
        sentence=say_later("the last size of dense_hiddens is not used"),
        switches={"hidden": "all but the last"},
    ),
    Mistake(
        name="a hidden layer too many",
        sentence=say_later("there is one more layer of the last size of dense_hiddens"),
        switches={"hidden": "last twice"},
    ),
    Mistake(
        name="ten classes whatever n_classes",
        sentence=say_later("there are ten outputs, whatever n_classes is"),
        switches={"classes": 10},
    ),
    Mistake(
        name="layers without biases",
        sentence=say_later("the layers have no biases"),
        switches={"biases": False},
    ),
    Mistake(
        name="layers that are not torch's",
        sentence=say_later("the layers are no instances of torch.nn.Linear and torch.nn.Conv2d"),
        switches={"layers": "own"},
    ),
]
CONVOLUTIONAL = [
    *DENSE,
    Mistake(
        name="no activation after convolutions",
        sentence=say_later("the activation is not applied after the convolutions"),
        switches={"convolved": False},
    ),
    Mistake(
        name="pooling after the last convolution",
        sentence=say_later(
            "MaxPool2d follows the last convolution too: only AdaptiveMaxPool2d belongs there"
        ),
        switches={"pooled": "everywhere"},
    ),
    Mistake(
        name="no pooling between convolutions",
        sentence=say_later("there is no MaxPool2d between the convolutions"),
        switches={"pooled": "nowhere"},
    ),
    Mistake(
        name="AvgPool2d",
        sentence=say_later("the pooling between convolutions takes the mean, not the maximum"),
        switches={"pooled": "mean"},
    ),
    Mistake(
        name="pooling with stride 1",
        sentence=say_later("MaxPool2d moves by 1: kernel_size=2 alone moves it by 2"),
        switches={"pooled": "stride 1"},
    ),
    Mistake(
        name="AdaptiveAvgPool2d",
        sentence=say_later("the adaptive pooling takes the mean, not the maximum"),
        switches={"adaptive": "mean"},
    ),
    Mistake(
        name="no adaptive pooling",
        sentence=say_later("AdaptiveMaxPool2d((4, 4)) is missing before Flatten"),
        switches={"adaptive": "none"},
    ),
    Mistake(
        name="another adaptive size",
        sentence=say_later("the adaptive pooling does not give 4 × 4 numbers"),
        switches={"adaptive": "other grid"},
    ),
    Mistake(
        name="strides ignored",
        sentence=say_later("the strides of the configuration are not used"),
        switches={"strides": False},
    ),
    Mistake(
        name="paddings ignored",
        sentence=say_later("the paddings of the configuration are not used"),
        switches={"paddings": False},
    ),
    Mistake(
        name="stride and padding swapped",
        sentence=say_later("the strides and the paddings are taken for each other"),
        switches={"swapped": True},
    ),
]


def _network_check(
    name: str,
    share: float,
    mistakes: Sequence[Mistake],
    *,
    size: int,
    public: bool = False,
    **configuration: Any,
) -> Check:
    """A check of a configuration, on images (3, 2, size, size) and five classes."""
    cnn = "n_channels" in configuration

    def inputs(generator: Generator) -> dict[str, Any]:
        return {
            "kind": "cnn" if cnn else "mlp",
            "first": 2 if cnn else 2 * size**2,
            "n_classes": 5,
            "images": torch.randn(3, 2, size, size, generator=generator),
            "seed": int(torch.randint(10**9, (), generator=generator)),
            **{"n_channels": [], "kernel_sizes": [], "strides": [], "paddings": []},
            **configuration,
        }

    return Check(
        name=name,
        share=share,
        probe="network",
        inputs=inputs,
        reference=network,
        mistakes=mistakes,
        public=public,
    )


_ONE_HIDDEN = (  # what is right, or cannot be, where there is one hidden layer
    "no activation after the last hidden layer",
    "first hidden size repeated",
    "two hidden layers whatever the configuration",
)
_MLP_CHECKS = [
    _network_check(
        say_later("two hidden layers, tanh"),
        0.4,
        all_but(DENSE, "two hidden layers whatever the configuration"),
        size=6,
        public=True,
        activation="tanh",
        dense_hiddens=[7, 6],
    ),
    _network_check(
        say_later("four hidden layers, sigmoid"),
        0.3,
        DENSE,
        size=5,
        activation="sigmoid",
        dense_hiddens=[9, 4, 6, 5],
    ),
    _network_check(
        say_later("one hidden layer, relu"),
        0.3,
        all_but(DENSE, *_ONE_HIDDEN, "ReLU instead of the given activation"),
        size=4,
        activation="relu",
        dense_hiddens=[8],
    ),
]
_CNN_CHECKS = [
    _network_check(
        say_later("three convolutions, tanh"),
        0.4,
        all_but(CONVOLUTIONAL, *_ONE_HIDDEN, "strides ignored", "stride and padding swapped"),
        size=20,
        public=True,
        activation="tanh",
        n_channels=[3, 4, 5],
        kernel_sizes=[3, 3, 3],
        strides=[1, 1, 1],
        paddings=[1, 1, 1],
        dense_hiddens=[6],
    ),
    _network_check(
        say_later("strides and paddings, sigmoid"),
        0.3,
        all_but(CONVOLUTIONAL, "two hidden layers whatever the configuration"),
        size=26,
        activation="sigmoid",
        n_channels=[4, 3],
        kernel_sizes=[5, 2],
        strides=[2, 1],
        paddings=[1, 2],
        dense_hiddens=[7, 6],
    ),
    _network_check(
        say_later("one convolution, tanh"),
        0.3,
        all_but(
            CONVOLUTIONAL,
            "no pooling between convolutions",
            "AvgPool2d",
            "pooling with stride 1",
            "paddings ignored",
            "strides ignored",
            "stride and padding swapped",
            "two hidden layers whatever the configuration",
        ),
        size=9,
        activation="tanh",
        n_channels=[3],
        kernel_sizes=[3],
        strides=[1],
        paddings=[0],
        dense_hiddens=[6, 5],
    ),
]
MLP = Question(number="4", name=say_later("construction of an MLP"), points=5, checks=_MLP_CHECKS)
CNN = Question(number="5", name=say_later("construction of a CNN"), points=5, checks=_CNN_CHECKS)
