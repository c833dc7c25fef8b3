"""A convolutional network by hand, for images of any size, for one model or a population.

    conv, φ, max-pool 2 × 2 … conv, φ, max-pool onto 4 × 4, flatten, dense, φ … dense

It is a chain, so its gradients are those of its layers, from the last to the first. The softmax is
in the loss. Source: IFT3395, devoir 3, question 5; LeCun et al., Gradient-based learning applied to
document recognition (1998).
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import make_activation
from retroprop.byhand.convolution import Conv2d
from retroprop.byhand.layer import Flatten, Layer, Sequential, below
from retroprop.byhand.linear import Linear
from retroprop.byhand.pooling import AdaptiveMaxPool2d, MaxPool2d
from retroprop.errors import UserError

POOLED = 4
"""Height and width of what the dense layers see."""


class CNN(Sequential):
    """(*groups, batch, channels, height, width) → logits (*population, batch, classes)."""

    def __init__(
        self,
        parameters: Mapping[str, Float[Tensor, "..."]],
        *,
        strides: Sequence[int] = (1, 1, 1),
        paddings: Sequence[int] = (0, 0, 0),
        activation: str = "relu",
    ) -> None:
        """Take copies of the initial parameters, such as those of `cnn_parameters`.

        Args:
            parameters: "conv1.W", "conv1.b", …, "dense1.W", "dense1.b", …, "output.W", "output.b".
            strides: Stride of each convolution.
            paddings: Zeros around the input of each convolution.
            activation: A name of `ACTIVATIONS`.

        Raises:
            UserError: If the activation is unknown, or there is not one stride and one padding for
                each convolution.
        """
        convolutions = sum(name.startswith("conv") and name.endswith(".W") for name in parameters)
        if not convolutions == len(strides) == len(paddings):
            raise UserError(
                f"expected a stride and a padding for each of {convolutions} convolutions, and got "
                f"strides {tuple(strides)} and paddings {tuple(paddings)}."
            )
        dense = sum(name.startswith("dense") and name.endswith(".W") for name in parameters)
        layers: dict[str, Layer] = {}
        for i, (stride, padding) in enumerate(zip(strides, paddings, strict=True), start=1):
            kernels = below(parameters, f"conv{i}")
            layers[f"conv{i}"] = Conv2d(**kernels, stride=stride, padding=padding)
            layers[f"conv{i}_activation"] = make_activation(activation)
            last = i == convolutions
            layers[f"pool{i}"] = AdaptiveMaxPool2d((POOLED, POOLED)) if last else MaxPool2d(2)
        layers["flatten"] = Flatten()
        for i in range(1, dense + 1):
            layers[f"dense{i}"] = Linear(**below(parameters, f"dense{i}"))
            layers[f"dense{i}_activation"] = make_activation(activation)
        layers["output"] = Linear(**below(parameters, "output"))
        super().__init__(layers)


def cnn_parameters(
    in_channels: int,
    n_channels: Sequence[int] = (16, 32, 48),
    kernel_sizes: Sequence[int] = (3, 3, 3),
    dense_hiddens: Sequence[int] = (256, 256),
    n_classes: int = 10,
    *,
    generator: torch.Generator,
    population: tuple[int, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> dict[str, Float[Tensor, "..."]]:
    """Weights from N(0, 2 / inputs) and biases of zero, for the constructor of `CNN`.

    Source: He et al., Delving deep into rectifiers (2015), equation 10.

    Args:
        in_channels: Channels of the images.
        n_channels: Channels of each convolution.
        kernel_sizes: Height and width of each kernel.
        dense_hiddens: Units of each hidden dense layer.
        n_classes: How many logits come out.
        generator: Where the weights are drawn from.
        population: Axes of the population; each member draws its own weights.
        dtype: Number type of the result; the draws are the same in each.

    Raises:
        UserError: If there is not one kernel size for each convolution, at least one.
    """
    if not n_channels or len(n_channels) != len(kernel_sizes):
        raise UserError(
            "expected one number of channels and one kernel size for each convolution, at least "
            f"one, and got {tuple(n_channels)} and {tuple(kernel_sizes)}."
        )
    shapes: dict[str, tuple[int, ...]] = {}
    channels = in_channels
    for i, (out, kernel) in enumerate(zip(n_channels, kernel_sizes, strict=True), start=1):
        shapes[f"conv{i}"] = (out, channels, kernel, kernel)
        channels = out
    features = channels * POOLED**2
    for i, units in enumerate(dense_hiddens, start=1):
        shapes[f"dense{i}"] = (features, units)
        features = units
    shapes["output"] = (features, n_classes)
    named = {}
    for name, shape in shapes.items():
        inputs, out = (math.prod(shape[1:]), shape[0]) if len(shape) == 4 else shape
        W = torch.randn(*population, *shape, generator=generator, dtype=torch.float64)
        named[f"{name}.W"] = (W * math.sqrt(2 / inputs)).to(dtype)
        named[f"{name}.b"] = torch.zeros(*population, out, dtype=dtype)
    return named
