"""Is a convolution equivariant: does it matter whether an image is moved before it or after?

    f(x) = ReLU(conv(ReLU(conv(x))))          one kernel of 3 × 3, no padding

f is equivariant to g when f(g(x)) = g(f(x)). It is to shifts, but for what enters at the borders.
It is not to rotations, unless its kernel looks the same when it is turned.

Source: IFT3395, devoir 3, question 2.1; the shift and the rotation are those of its template.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from retroprop.data.transforms import affine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHIFT = (5, 5)
"""Pixels to the right and pixels down."""

ANGLE = 90
"""Degrees, clockwise."""


class Equivariance(NamedTuple):
    """What moves with the image and what does not; every array is (1, height, width).

    Attributes:
        original: The image.
        features: What the two convolutions make of it, 4 pixels smaller along each side.
        shift_difference: |shift(features) − features of the shifted image|.
        rotation_difference: |rotation(features) − features of the rotated image|.
    """

    original: Tensor
    features: Tensor
    shift_difference: Tensor
    rotation_difference: Tensor

    def figure(self) -> "Figure":
        """The four panels."""
        from retroprop.figures.equivariance import equivariance_panels

        return equivariance_panels(*(panel[0].numpy() for panel in self))


def compare_movements(
    image: Float[Tensor, "1 height width"], *, seed: int, shift: tuple[int, int] = SHIFT
) -> Equivariance:
    """Move an image, and its features, by a shift and by a quarter turn, and compare.

    Args:
        image: Grey levels in [0, 1], of 5 × 5 pixels or more.
        seed: Of the kernel. A kernel after which nothing of this image passes the ReLUs is drawn
            again: all of its panels would be black.
        shift: Pixels to the right and pixels down.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        conv = nn.Conv2d(in_channels=1, out_channels=1, kernel_size=3)
        for _ in range(100):
            if float(_features(conv, image).std()) > 0:
                break
            conv.reset_parameters()
        return compare_with(conv, image, shift=shift)


@torch.no_grad()
def compare_with(
    conv: nn.Module, image: Float[Tensor, "1 height width"], *, shift: tuple[int, int] = SHIFT
) -> Equivariance:
    """The same with a convolution that is given.

    Args:
        conv: From one channel to one.
        image: Grey levels in [0, 1].
        shift: Pixels to the right and pixels down.
    """
    features = _features(conv, image)
    return Equivariance(
        original=image,
        features=features,
        shift_difference=(
            affine(features, translate=shift) - _features(conv, affine(image, translate=shift))
        ).abs(),
        rotation_difference=(
            affine(features, angle=ANGLE) - _features(conv, affine(image, angle=ANGLE))
        ).abs(),
    )


@torch.no_grad()
def compare_symmetric(image: Float[Tensor, "1 height width"], *, seed: int) -> Equivariance:
    """The same with a random kernel that looks alike after each quarter turn.

    The kernel is the mean of the four turned ones, of the absolute values so that something passes
    the ReLUs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        conv = nn.Conv2d(in_channels=1, out_channels=1, kernel_size=3)
    turned = [conv.weight.abs().rot90(turns, dims=(2, 3)) for turns in range(4)]
    conv.weight.copy_(torch.stack(turned).mean(0))
    return compare_with(conv, image)


def _features(conv: nn.Module, image: Tensor) -> Tensor:
    return torch.relu(conv(torch.relu(conv(image))))
