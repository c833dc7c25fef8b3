"""ResNet-18 for small images: a 3 × 3 stem, four stages of two basic blocks, one linear layer.

    block      y = ReLU(BN(conv(ReLU(BN(conv(x))))) + s(x))

s is the identity, or a 1 × 1 convolution with batch normalization where the shape changes. The
convolutions have no bias: batch normalization would subtract it again.

Source: He et al., Deep residual learning for image recognition (2016), table 1 and section 4.2: the
stem of the CIFAR-10 networks (no 7 × 7 convolution, no max-pooling) with the blocks of ResNet-18.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.errors import UserError


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions with batch normalization, and a shortcut around them."""

    def __init__(self, in_planes: int, planes: int, stride: int = 1) -> None:
        """Go from `in_planes` to `planes` channels; the stride is that of the first convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_planes, height, width) → (batch, planes, height / stride, width / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class ResNet18(nn.Module):
    """(batch, 3, height, width) → (batch, num_classes); 11,173,962 parameters for 10 classes."""

    def __init__(
        self, num_classes: int = 10, *, widths: Sequence[int] = (64, 128, 256, 512)
    ) -> None:
        """Make the network.

        Args:
            num_classes: How many logits come out.
            widths: Channels of the four stages; smaller ones make a small network for tests.
        """
        super().__init__()
        first, second, third, fourth = widths
        self.conv1 = nn.Conv2d(3, first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = self._make_layer(first, first, stride=1)
        self.layer2 = self._make_layer(first, second, stride=2)
        self.layer3 = self._make_layer(second, third, stride=2)
        self.layer4 = self._make_layer(third, fourth, stride=2)
        self.linear = nn.Linear(fourth, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, after global average pooling.

        Raises:
            UserError: If the images are not (batch, 3, height, width).
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise UserError(
                "expected images in three colours, (batch, 3, height, width), and got "
                f"{tuple(images.shape)}."
            )
        h = F.relu(self.bn1(self.conv1(images)))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))  # (batch, widths[3], h/8, w/8)
        return self.linear(h.mean((-2, -1)))

    def _make_layer(self, in_planes: int, planes: int, stride: int) -> nn.Sequential:
        return nn.Sequential(BasicBlock(in_planes, planes, stride), BasicBlock(planes, planes))
