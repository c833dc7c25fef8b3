"""Shift and rotate images by tensor operations, with the pixels that torchvision gives.

The point (x, y) of the result, measured from the middle of the image with y downwards, shows what
the image has at R(−α)((x, y) − t): turned back by α after the shift t is taken away. The value is
that of the nearest pixel; outside the image everything is 0. Both are
`torchvision.transforms.functional.affine(image, angle, translate, scale=1, shear=0)`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from retroprop.errors import UserError


def affine(
    images: Float[Tensor, "*batch channels height width"],
    angle: float = 0.0,
    translate: tuple[float, float] = (0.0, 0.0),
) -> Float[Tensor, "*batch channels height width"]:
    """Rotate images around their middle, then shift them.

    Args:
        images: One image or many, with their channels.
        angle: Degrees, clockwise.
        translate: Pixels to the right and pixels down.

    Raises:
        UserError: If the images are not floating-point tensors of three dimensions or more.

    >>> affine(torch.arange(9.0).view(1, 3, 3), translate=(1, 0))
    tensor([[[0., 0., 1.],
             [0., 3., 4.],
             [0., 6., 7.]]])
    """
    if images.ndim < 3 or not images.is_floating_point():
        raise UserError(
            "expected images of floating-point numbers, (channels, height, width) or with more "
            f"dimensions in front, and got {tuple(images.shape)} of {images.dtype}."
        )
    height, width = images.shape[-2:]
    turn = math.radians(angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    right, down = translate
    backwards = torch.tensor(
        [
            [cosine, sine, -cosine * right - sine * down],
            [-sine, cosine, sine * right - cosine * down],
        ],
        dtype=images.dtype,
        device=images.device,
    )
    half = torch.tensor([width / 2, height / 2], dtype=images.dtype, device=images.device)
    places = _pixels(height, width, images) @ (backwards.T / half)  # (height, width, 2) in [−1, 1]
    flat = images.reshape(-1, *images.shape[-3:])
    grid = places.expand(len(flat), -1, -1, -1)
    moved = F.grid_sample(flat, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.view(images.shape)


def shift(
    images: Float[Tensor, "*batch channels height width"], right: int, down: int
) -> Float[Tensor, "*batch channels height width"]:
    """Shift images by whole pixels; what comes in from outside is 0.

    >>> shift(torch.arange(4.0).view(1, 2, 2), right=0, down=1)
    tensor([[[0., 0.],
             [0., 1.]]])
    """
    return affine(images, translate=(right, down))


def rotate(
    images: Float[Tensor, "*batch channels height width"], angle: float
) -> Float[Tensor, "*batch channels height width"]:
    """Rotate images around their middle, counter-clockwise, as `torchvision`'s `rotate` does.

    >>> rotate(torch.arange(4.0).view(1, 2, 2), 90)
    tensor([[[1., 3.],
             [0., 2.]]])
    """
    return affine(images, angle=-angle)


def _pixels(height: int, width: int, like: Tensor) -> Float[Tensor, "height width 3"]:
    """(x, y, 1) of the middle of every pixel, measured from the middle of the image."""
    options = {"dtype": like.dtype, "device": like.device}
    x = torch.arange(width, **options) - (width - 1) / 2
    y = torch.arange(height, **options) - (height - 1) / 2
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((x, y, torch.ones_like(x)), dim=-1)
