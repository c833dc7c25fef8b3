"""A convolutional network for images of any size: convolutions, pooling, dense layers, logits.

    conv, φ, max-pool 2 × 2 … conv, φ, max-pool onto 4 × 4, flatten, dense, φ … dense

The last convolution is followed by an adaptive pooling, so the dense layers see 4 × 4 values per
channel whatever the size of the image. Source: IFT3395, devoir 3, question 5; LeCun et al.,
Gradient-based learning applied to document recognition (1998).
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from retroprop.errors import UserError
from retroprop.models.activations import activation_class

POOLED = 4
"""Height and width of what the dense layers see."""


class CNN(nn.Sequential):
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
        of_convolutions = {
            "n_channels": n_channels,
            "kernel_sizes": kernel_sizes,
            "strides": strides,
            "paddings": paddings,
        }
        if not n_channels or len({len(values) for values in of_convolutions.values()}) > 1:
            lengths = ", ".join(f"{name} {len(v)}" for name, v in of_convolutions.items())
            raise UserError(
                f"expected one value per convolution, at least one each, and got {lengths} values."
            )
        phi = activation_class(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for i, (out, *geometry) in enumerate(zip(*of_convolutions.values(), strict=True), start=1):
            kernel, stride, padding = geometry
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
