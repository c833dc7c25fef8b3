"""IFT6135, devoir 1, `resnet18.py`: ResNet-18 with the names of the template, and its kernels.

`BasicBlock(in_planes, planes, stride)` and the network are those of `retroprop.models.resnet18`.
"""

from pathlib import Path

from retroprop.labs.ift6135_devoir1.utils import save_figure
from retroprop.models import resnet18
from retroprop.models.resnet18 import BasicBlock

__all__ = ["BasicBlock", "ResNet18"]


class ResNet18(resnet18.ResNet18):
    """(batch, 3, height, width) → (batch, num_classes); 11,173,962 parameters for 10 classes."""

    def __init__(self, num_classes: int = 10) -> None:
        """Make the network.

        Args:
            num_classes: How many logits come out.
        """
        super().__init__(num_classes)

    def visualize(self, logdir: str | Path) -> Path:
        """Draw the 64 kernels of the first layer: those of the red channel, and the channel means.

        Args:
            logdir: A folder, which is made when it is not there.

        Returns:
            The picture, kernels.png.

        Raises:
            UserError: If it cannot be written, or a weight is not finite.
        """
        from retroprop.figures.kernels import first_layer_kernels

        weights = self.conv1.weight.detach().cpu().numpy()  # (64, 3, 3, 3)
        return save_figure(first_layer_kernels(weights), Path(logdir) / "kernels.png")
