"""A set of images in the memory of the device, once, as the numbers that a network reads.

    raw           the bytes 0 … 255 as they are
    unit          x / 255
    per-pixel     (x − mean) / std of each pixel over the training images; constant ones give 0
    per-channel   the same of each channel over all pixels; for CIFAR-10 its published numbers

A `Normalization` is fixed by the training images and goes with the model from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from retroprop.data.catalog import CIFAR10_MEAN, CIFAR10_STD, DatasetInfo
from retroprop.errors import UserError, did_you_mean

NormalizationKind = Literal["raw", "unit", "per-pixel", "per-channel"]
NORMALIZATIONS: tuple[str, ...] = get_args(NormalizationKind)


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """x ← (x − mean) / std, of bytes.

    Attributes:
        mean, std: (channels, 1, 1) or (channels, height, width), in units of a byte.
    """

    mean: Float[Tensor, "channels rows columns"]
    std: Float[Tensor, "channels rows columns"]

    def __call__(
        self, images: UInt8[Tensor, "n height width *channels"]
    ) -> Float[Tensor, "n channels height width"]:
        """Bytes with the channels last become float32 with the channels in front."""
        planes = planes_of(images).to(torch.float32, memory_format=torch.contiguous_format)
        return planes.sub_(self.mean.to(planes.device)).div_(self.std.to(planes.device))


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Normalised images with their labels, on one device.

    Attributes:
        images: (n, channels, height, width) float32, contiguous.
        labels: (n,) int64 in [0, n_classes).
    """

    images: Float[Tensor, "n channels height width"]
    labels: Int[Tensor, "n"]
    n_classes: int

    def __post_init__(self) -> None:
        """Refuse labels that no class has."""
        if len(self.images) != len(self.labels) or len(self.labels) == 0:
            raise UserError(
                f"expected one label for each image, at least one, and got {len(self.images)} "
                f"images and {len(self.labels)} labels."
            )
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.n_classes:
            raise UserError(
                f"labels must be from 0 to {self.n_classes - 1}, and got {low} to {high}; give the "
                "number of classes that the labels have."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        channels, height, width = self.images.shape[1:]
        return height, width, channels

    def to(self, device: torch.device) -> "ImageSet":
        """The same set on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def first(self, n: int) -> "ImageSet":
        """Its first n images."""
        return replace(self, images=self.images[:n], labels=self.labels[:n])


def image_set(
    images: UInt8[Tensor, "n height width *channels"],
    labels: Int[Tensor, "n"] | UInt8[Tensor, "n"],
    normalization: Normalization,
    *,
    n_classes: int,
) -> ImageSet:
    """Normalise images once and keep them."""
    return ImageSet(images=normalization(images), labels=labels.long(), n_classes=n_classes)


def fit_normalization(
    kind: str,
    train_images: UInt8[Tensor, "n height width *channels"],
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Normalization:
    """The normalization of a kind, with the numbers of the training images.

    Args:
        kind: A name of `NORMALIZATIONS`.
        train_images: Where means and standard deviations come from (dividing by n).
        mean: Published means per channel, as fractions of 255, for "per-channel".
        std: The standard deviations that go with them.

    Raises:
        UserError: If the kind is unknown, or there is not one published number for each channel.
    """
    if kind not in NORMALIZATIONS:
        raise UserError(f"there is no normalization {kind!r}. {did_you_mean(kind, NORMALIZATIONS)}")
    planes = planes_of(train_images)
    channels = planes.shape[1]
    if kind in ("raw", "unit"):
        one = torch.ones(channels, 1, 1)
        return Normalization(
            mean=torch.zeros(channels, 1, 1), std=one if kind == "raw" else 255 * one
        )
    if kind == "per-channel" and mean is not None and std is not None:
        if not len(mean) == len(std) == channels:
            raise UserError(
                f"expected a mean and a std for each of {channels} channels, and got {len(mean)} "
                f"and {len(std)}."
            )
        return Normalization(
            mean=255 * torch.tensor(mean).view(-1, 1, 1), std=255 * torch.tensor(std).view(-1, 1, 1)
        )
    axes = (0,) if kind == "per-pixel" else (0, 2, 3)
    n = planes.numel() / planes[0].numel() if kind == "per-pixel" else planes.numel() / channels
    sums = planes.sum(axes, dtype=torch.float64, keepdim=True)[0]
    centre = sums / n
    squares = torch.zeros_like(sums)
    for part in planes.split(1000):  # in float64, and not all at once
        squares += (part.double() - centre).square_().sum(axes, keepdim=True)[0]
    deviation = (squares / n).sqrt()
    deviation[deviation == 0] = 1  # a constant pixel becomes 0
    return Normalization(mean=centre.float(), std=deviation.float())


def normalization_of(
    kind: str, info: DatasetInfo, train_images: UInt8[Tensor, "n height width *channels"]
) -> Normalization:
    """The normalization of a kind for a data set: of CIFAR-10 per channel the published numbers.

    Raises:
        UserError: If the kind is unknown.
    """
    published = info.name.startswith("cifar10")
    return fit_normalization(
        kind,
        train_images,
        mean=CIFAR10_MEAN if published else None,
        std=CIFAR10_STD if published else None,
    )


def planes_of(images: Tensor) -> Tensor:
    """(n, height, width[, channels]) as (n, channels, height, width)."""
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
