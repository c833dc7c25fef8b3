"""ResNet-18 for small images by hand: a 3 × 3 stem, four stages of two blocks, a linear layer.

    block      h = ReLU(BN₁(W₁ ∗ x))        y = ReLU(BN₂(W₂ ∗ h) + s(x))

s is the identity, or a 1 × 1 convolution with batch normalization where the shape changes. Through
the sum, dy reaches both ways unchanged, and dx is the sum of what both give back:

    da = 1[y > 0] dy        dx = J_branchᵀ da + J_sᵀ da

Source: He et al., Deep residual learning for image recognition (2016), table 1 and section 4.2: the
stem of the CIFAR-10 networks (no 7 × 7 convolution, no max-pooling) with the blocks of ResNet-18.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.convolution import Conv2d
from retroprop.byhand.layer import Gradients, Layer, Residual, Saved, Sequential, below
from retroprop.byhand.linear import Linear
from retroprop.byhand.normalization import BatchNorm2d
from retroprop.byhand.pooling import GlobalAveragePool2d


class BasicBlock(Residual):
    """Two 3 × 3 convolutions with batch normalization, and a shortcut around them."""

    def __init__(self, parameters: Mapping[str, Float[Tensor, "..."]], stride: int = 1) -> None:
        """Take copies of the initial parameters.

        Args:
            parameters: "conv1.W", "bn1.gamma", "bn1.beta", "conv2.W", "bn2.gamma", "bn2.beta" and,
                where the shape changes, "shortcut.0.W", "shortcut.1.gamma", "shortcut.1.beta".
            stride: Stride of the first convolution and of the shortcut.
        """
        layers: dict[str, Layer] = {
            "conv1": Conv2d(**below(parameters, "conv1"), stride=stride, padding=1),
            "bn1": BatchNorm2d(**below(parameters, "bn1"), rectified=True),
            "conv2": Conv2d(**below(parameters, "conv2"), padding=1),
            "bn2": BatchNorm2d(**below(parameters, "bn2")),
        }
        around: dict[str, Layer] = {}
        if "shortcut.0.W" in parameters:
            around["shortcut.0"] = Conv2d(**below(parameters, "shortcut.0"), stride=stride)
            around["shortcut.1"] = BatchNorm2d(**below(parameters, "shortcut.1"))
        super().__init__(Sequential(layers), Sequential(around))

    def forward(
        self, x: Float[Tensor, "*population batch channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch out out_height out_width"], Saved]:
        """y = ReLU(branch(x) + s(x))."""
        a, of_sum = super().forward(x, training=training)
        y = a.clamp_(min=0)
        return y, (of_sum, y)

    def backward(
        self, dy: Float[Tensor, "*population batch out out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch channels height width"], Gradients]:
        """dx = J_branchᵀ da + J_sᵀ da, with da = 1[y > 0] dy."""
        of_sum, y = saved
        return super().backward(dy.masked_fill_(y <= 0, 0), of_sum)


class ResNet18(Sequential):
    """(*groups, batch, 3, height, width) → logits (*population, batch, classes).

    11,173,962 parameters for 10 classes. The layers are conv1, bn1, layer1.0, layer1.1, …,
    layer4.1, pool and linear.
    """

    def __init__(self, parameters: Mapping[str, Float[Tensor, "..."]]) -> None:
        """Take copies of the initial parameters, such as those of `resnet18_parameters`.

        Args:
            parameters: "conv1.W", "bn1.gamma", "bn1.beta", "layer1.0.conv1.W", …, "linear.W",
                "linear.b".
        """
        layers: dict[str, Layer] = {
            "conv1": Conv2d(**below(parameters, "conv1"), padding=1),
            "bn1": BatchNorm2d(**below(parameters, "bn1"), rectified=True),
        }
        for stage in (1, 2, 3, 4):
            for block in (0, 1):
                name = f"layer{stage}.{block}"
                stride = 2 if stage > 1 and block == 0 else 1
                layers[name] = BasicBlock(below(parameters, name), stride)
        layers["pool"] = GlobalAveragePool2d()
        layers["linear"] = Linear(**below(parameters, "linear"))
        super().__init__(layers)


def resnet18_parameters(
    n_classes: int = 10,
    *,
    widths: Sequence[int] = (64, 128, 256, 512),
    generator: torch.Generator,
    population: tuple[int, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> dict[str, Float[Tensor, "..."]]:
    """Kernels from N(0, 2 / inputs), γ = 1, β = 0, for the constructor of `ResNet18`.

    The linear layer's weights are drawn from N(0, 1 / inputs), and its bias is 0.
    Source: He et al., Delving deep into rectifiers (2015), equation 10.

    Args:
        n_classes: How many logits come out.
        widths: Channels of the four stages; smaller ones make a small network for tests.
        generator: Where the weights are drawn from.
        population: Axes of the population; each member draws its own weights.
        dtype: Number type of the result; the draws are the same in each.
    """
    named: dict[str, Tensor] = {}

    def draw(*shape: int, variance: float) -> Tensor:
        W = torch.randn(*population, *shape, generator=generator, dtype=torch.float64)
        return (W * math.sqrt(variance)).to(dtype)

    def convolution(name: str, norm: str, inputs: int, out: int, kernel: int) -> None:
        variance = 2 / (inputs * kernel * kernel)
        named[f"{name}.W"] = draw(out, inputs, kernel, kernel, variance=variance)
        named[f"{norm}.gamma"] = torch.ones(*population, out, dtype=dtype)
        named[f"{norm}.beta"] = torch.zeros(*population, out, dtype=dtype)

    convolution("conv1", "bn1", 3, widths[0], 3)
    planes = widths[0]
    for stage, width in enumerate(widths, start=1):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            convolution(f"{name}.conv1", f"{name}.bn1", planes, width, 3)
            convolution(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            if block == 0 and stage > 1:
                convolution(f"{name}.shortcut.0", f"{name}.shortcut.1", planes, width, 1)
            planes = width
    named["linear.W"] = draw(planes, n_classes, variance=1 / planes)
    named["linear.b"] = torch.zeros(*population, n_classes, dtype=dtype)
    return named
