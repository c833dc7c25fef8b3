"""What the right network of questions 4 and 5 gives, or one that is wrong in some ways.

It computes with the weights of the submission, in the order in which its layers run, so that only
the architecture decides whether the outputs are the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from retroprop.grading.checks import Values

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky relu": F.leaky_relu,
    "softmax": lambda x: x.softmax(-1),
    "none": lambda x: x,
}
POOLINGS = {
    "between": lambda h: F.max_pool2d(h, 2),
    "everywhere": lambda h: F.max_pool2d(h, 2),
    "nowhere": lambda h: h,
    "stride 1": lambda h: F.max_pool2d(h, 2, stride=1),
    "mean": lambda h: F.avg_pool2d(h, 2),
}
ENDS = {
    "classes": lambda h: h.softmax(1),
    "batch": lambda h: h.softmax(0),
    "log": lambda h: h.log_softmax(1),
    "twice": lambda h: h.softmax(1).softmax(1),
    "sigmoid": torch.sigmoid,
    "none": lambda h: h,
}
GRID = 4
"""Height and width after the adaptive pooling."""

Layer = tuple[Tensor, Tensor | None]
"""Weight and bias."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """The network of a configuration; each attribute can make it wrong in one way.

    Attributes:
        layers: "torch", or "own" where none is a torch.nn.Linear or Conv2d.
        biases: Whether layers have them.
        hidden: The hidden sizes: "each", "first repeated", "first two", "all but the last", "last
            twice".
        classes: How many there are, if not as many as asked for.
        gives: The activation function, if not the one that was given.
        activated: The dense layers with the activation after them: "hidden", "all", "none", "all
            but the last hidden".
        flattened: Whether it is applied after Flatten, too.
        softmax: Over "classes" or over the "batch"; "log", "twice", "sigmoid" or "none" instead.
        convolved: Whether the activation is applied after convolutions.
        pooled: Where MaxPool2d stands: "between", "everywhere" or "nowhere"; "stride 1" or "mean"
            where it is another pooling.
        adaptive: The pooling before Flatten: "maximum", "mean", "other grid" or "none".
        strides: Whether they are used.
        paddings: Whether they are used.
        swapped: Whether strides and paddings are taken for each other.
    """

    layers: str = "torch"
    biases: bool = True
    hidden: str = "each"
    classes: int | None = None
    gives: str | None = None
    activated: str = "hidden"
    flattened: bool = False
    softmax: str = "classes"
    convolved: bool = True
    pooled: str = "between"
    adaptive: str = "maximum"
    strides: bool = True
    paddings: bool = True
    swapped: bool = False

    def answer(self, values: Values, weights: Sequence[Any]) -> dict[str, Any]:
        """What the probe finds.

        Args:
            values: With the configuration and the images.
            weights: Of the submission, a weight and a bias for every layer. Where they do not have
                this network's shapes, zeros of these stand for them.
        """
        kernels, matrices = self._weight_shapes(values, weights)
        shapes = [
            part for shape in (*kernels, *matrices) for part in (shape, self._bias_shape(shape))
        ]
        if [tuple(one.shape) if isinstance(one, Tensor) else one for one in weights] == shapes:
            outputs = self._outputs(values, list(zip(weights[::2], weights[1::2], strict=True)))
        else:
            weights = [None if shape is None else torch.zeros(shape) for shape in shapes]
            outputs = torch.zeros(len(values["images"]), values["n_classes"])
        kinds = ["Conv2d"] * len(kernels) + ["Linear"] * len(matrices)
        return {
            "layers": kinds if self.layers == "torch" else [],
            "weights": list(weights),
            "outputs": outputs,
        }

    # --- shapes -----------------------------------------------------------------------------------

    def _weight_shapes(
        self, values: Values, weights: Sequence[Any]
    ) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Shapes of the kernels and of the dense weights."""
        kernels: list[tuple[int, ...]] = []
        first = values["first"]
        if values["kind"] == "cnn":
            channels = [values["first"], *values["n_channels"]]
            sizes = zip(pairwise(channels), values["kernel_sizes"], strict=True)
            kernels = [(n_to, n_from, size, size) for (n_from, n_to), size in sizes]
            first = self._flattened(values, kernels, weights)
        sizes = [first, *self._hidden(values["dense_hiddens"]), self.classes or values["n_classes"]]
        return kernels, [(n_to, n_from) for n_from, n_to in pairwise(sizes)]

    def _bias_shape(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return shape[:1] if self.biases else None

    def _flattened(
        self, values: Values, kernels: Sequence[tuple[int, ...]], weights: Sequence[Any]
    ) -> int:
        """How many numbers there are after Flatten."""
        if self.adaptive == "other grid":
            return weights[2 * len(kernels)].shape[1]  # of the first dense layer
        if self.adaptive == "none":
            layers = [(torch.zeros(shape), None) for shape in kernels]
            return self._features(values, layers)[0].numel()
        return values["n_channels"][-1] * GRID**2

    def _hidden(self, sizes: Sequence[int]) -> list[int]:
        return {
            "each": [*sizes],
            "first repeated": [sizes[0]] * len(sizes),
            "first two": [*sizes[:2]],
            "all but the last": [*sizes[:-1]],
            "last twice": [*sizes, sizes[-1]],
        }[self.hidden]

    # --- outputs ----------------------------------------------------------------------------------

    def _outputs(self, values: Values, layers: Sequence[Layer]) -> Tensor:
        act = ACTIVATIONS[self.gives or values["activation"]]
        h = values["images"]
        if values["kind"] == "cnn":
            convolutions = len(values["n_channels"])
            h = self._features(values, layers[:convolutions])
            if self.adaptive == "other grid":
                grid = math.isqrt(layers[convolutions][0].shape[1] // h.shape[1])
                h = F.adaptive_max_pool2d(h, (grid, grid))
            layers = layers[convolutions:]
        h = act(h.flatten(1)) if self.flattened else h.flatten(1)
        for left, layer in zip(range(len(layers) - 1, -1, -1), layers, strict=True):
            h = F.linear(h, *layer)
            if self._is_activated(left):
                h = act(h)
        return ENDS[self.softmax](h)

    def _is_activated(self, left: int) -> bool:
        """Whether the activation follows a dense layer after which some are `left`."""
        least = {"hidden": 1, "all": 0, "all but the last hidden": 2}
        return self.activated != "none" and left >= least[self.activated]

    def _features(self, values: Values, layers: Sequence[Layer]) -> Tensor:
        """What comes out of the convolutions, before Flatten."""
        act = ACTIVATIONS[self.gives or values["activation"]]
        strides, paddings = values["strides"], values["paddings"]
        if self.swapped:
            strides, paddings = paddings, strides
        h = values["images"]  # (batch, channels, height, width)
        for place, (weight, bias) in enumerate(layers):
            stride = strides[place] if self.strides else 1
            padding = paddings[place] if self.paddings else 0
            h = F.conv2d(h, weight, bias, stride, padding)
            if self.convolved:
                h = act(h)
            if self.pooled == "everywhere" or place < len(layers) - 1:
                h = POOLINGS[self.pooled](h)
        if self.adaptive == "maximum":
            return F.adaptive_max_pool2d(h, (GRID, GRID))
        if self.adaptive == "mean":
            return F.adaptive_avg_pool2d(h, (GRID, GRID))
        return h
