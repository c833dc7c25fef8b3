"""A convolutional network for images of any size: convolutions, pooling, dense layers, logits.

    conv, φ, max-pool 2 × 2 … conv, φ, max-pool onto 4 × 4, flatten, dense, φ … dense

The last convolution is followed by an adaptive pooling, so the dense layers see 4 × 4 values per
channel whatever the size of the image. Source: IFT3395, devoir 3, question 5; LeCun et al.,
Gradient-based learning applied to document recognition (1998).
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from retroprop.errors import UserError
from retroprop.models.activations import activation_class
from retroprop.models.pooling import PooledSequential

POOLED = 4
"""Height and width of what the dense layers see."""


class Convolution(NamedTuple):
    """The sizes of one convolution."""

    channels: int
    kernel_size: int
    stride: int
    padding: int


def convolutions_of(
    n_channels: Sequence[int],
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    paddings: Sequence[int],
) -> list[Convolution]:
    """The convolutions that four lists describe, one value each.

    Raises:
        UserError: If the lists differ in length or are empty, or a size cannot be.
    """
    lists = {
        "n_channels": n_channels,
        "kernel_sizes": kernel_sizes,
        "strides": strides,
        "paddings": paddings,
    }
    if not n_channels or len({len(values) for values in lists.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in lists.items())
        raise UserError(
            f"expected one value per convolution, at least one each, and got {lengths} values."
        )
    for name, values in lists.items():
        lowest = 0 if name == "paddings" else 1
        if min(values) < lowest:
            raise UserError(f"{name} must be whole numbers from {lowest}, and got {tuple(values)}.")
    return [Convolution(*sizes) for sizes in zip(*lists.values(), strict=True)]


def pooled_size(height: int, width: int, convolutions: Sequence[Convolution]) -> tuple[int, int]:
    """Height and width of what reaches the last pooling: a max-pooling of 2 stands between two.

    Raises:
        UserError: If a kernel is larger than its padded input, or nothing is left to pool.

    >>> pooled_size(28, 28, convolutions_of((16, 32, 48), (3, 3, 3), (1, 1, 1), (0, 0, 0)))
    (3, 3)
    """
    for number, (_, kernel, stride, padding) in enumerate(convolutions, start=1):
        if number > 1:
            height, width = height // 2, width // 2
        if kernel > min(height, width) + 2 * padding:
            raise UserError(
                f"convolution {number} has a kernel of {kernel} × {kernel}, larger than its input "
                f"of {height} × {width} with a padding of {padding}; make that kernel or the ones "
                "before it smaller, use fewer convolutions, or pad."
            )
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
    return height, width


class CNN(PooledSequential):
    """(batch, in_channels, height, width) → (batch, num_classes).

    The layers with parameters are called conv1, conv2, …, dense1, dense2, …, output.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        n_channels: Sequence[int] = (16, 32, 48),
        kernel_sizes: Sequence[int] = (3, 3, 3),
        strides: Sequence[int] = (1, 1, 1),
        paddings: Sequence[int] = (0, 0, 0),
        dense_hiddens: Sequence[int] = (256, 256),
        activation: str = "relu",
    ) -> None:
        """Make the layers, with torch's initialization.

        Args:
            in_channels: Channels of the images.
            num_classes: How many logits come out.
            n_channels: Channels of each convolution.
            kernel_sizes: Height and width of each kernel.
            strides: Stride of each convolution.
            paddings: Zeros around the input of each convolution.
            dense_hiddens: Units of each hidden dense layer.
            activation: relu, tanh, sigmoid or gelu.

        Raises:
            UserError: If the activation is unknown, there is no convolution, or the four lists of
                the convolutions differ in length.
        """
        convolutions = convolutions_of(n_channels, kernel_sizes, strides, paddings)
        phi = activation_class(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for i, (out, kernel, stride, padding) in enumerate(convolutions, start=1):
            layers[f"conv{i}"] = nn.Conv2d(channels, out, kernel, stride, padding)
            layers[f"conv{i}_activation"] = phi()
            last = i == len(n_channels)
            layers[f"pool{i}"] = nn.AdaptiveMaxPool2d((POOLED, POOLED)) if last else nn.MaxPool2d(2)
            channels = out
        layers["flatten"] = nn.Flatten()
        features = channels * POOLED**2
        for i, units in enumerate(dense_hiddens, start=1):
            layers[f"dense{i}"] = nn.Linear(features, units)
            layers[f"dense{i}_activation"] = phi()
            features = units
        layers["output"] = nn.Linear(features, num_classes)
        super().__init__(layers)
        self.convolutions, self.in_channels = convolutions, in_channels

    def forward(self, input: Tensor) -> Tensor:
        """(batch, in_channels, height, width) → (batch, num_classes).

        Raises:
            UserError: If the images have another number of channels, or are too small.
        """
        if input.ndim != 4 or input.shape[1] != self.in_channels:
            raise UserError(
                f"expected images of shape (batch, {self.in_channels}, height, width), and got "
                f"{tuple(input.shape)}; make the network for their number of channels."
            )
        pooled_size(input.shape[2], input.shape[3], self.convolutions)
        return super().forward(input)
