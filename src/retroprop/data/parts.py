"""A data set in three parts, as tensors: what trains, what validates, what tests."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from retroprop.data import Dataset
from retroprop.data.splits import train_validation_split
from retroprop.errors import UserError, did_you_mean
from retroprop.randomness import generator

SOURCES = ("train", "test")
"""Where validation images may be taken from."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Images as bytes, (n, height, width) or (n, height, width, channels), with labels (n,)."""

    images: UInt8[Tensor, "n height width *channels"]
    labels: Int[Tensor, "n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The three parts of a data set; no image is in two of them."""

    train: Part
    validation: Part
    test: Part


def parts_of(
    dataset: Dataset,
    *,
    source: str = "train",
    validation: float = 0.1,
    seed: int = 0,
    images: int | None = None,
    validation_images: int | None = None,
) -> Parts:
    """Split a data set.

    Args:
        dataset: Opened by `retroprop.data.load`.
        source: Where the validation images are taken from. "train": at random from the training
            set. "test": the first `validation_images` of the test set, as the template of IFT3395
            has it; the others are the test.
        validation: Part of the training set that validates, for "train".
        seed: Of the draws.
        images: Train on so many at most, drawn at random; None takes all.
        validation_images: Validate on so many at most; None takes all. For "test" so many exactly;
            None takes half the test set.

    Raises:
        UserError: If the source is unknown, or a part would be empty.
    """
    if source not in SOURCES:
        raise UserError(f"there is no source {source!r}. {did_you_mean(source, SOURCES)}")
    for name, number in (("images", images), ("validation_images", validation_images)):
        if number is not None and number < 1:
            raise UserError(f"{name} must be at least 1 or None, and got {number}.")
    train = _part(dataset.train_images, dataset.train_labels)
    test = _part(dataset.test_images, dataset.test_labels)
    if source == "test":
        n = validation_images if validation_images is not None else len(test) // 2
        if n >= len(test):
            raise UserError(
                f"{n} validation_images leave nothing of the {len(test)} test images; use at most "
                f"{len(test) - 1}."
            )
        held_out = Part(images=test.images[:n], labels=test.labels[:n])
        test = Part(images=test.images[n:], labels=test.labels[n:])
    else:
        kept, out = train_validation_split(len(train), validation=validation, seed=seed)
        held_out = _some(_chosen(train, out), validation_images, "validation subset", seed)
        train = _chosen(train, kept)
    return Parts(train=_some(train, images, "subset", seed), validation=held_out, test=test)


def _part(images: np.ndarray, labels: np.ndarray) -> Part:
    return Part(
        images=torch.from_numpy(images.copy()), labels=torch.from_numpy(labels.copy()).long()
    )


def _chosen(part: Part, indices: Tensor) -> Part:
    return Part(images=part.images[indices], labels=part.labels[indices])


def _some(part: Part, n: int | None, what: str, seed: int) -> Part:
    """n examples drawn at random, in their order; all of them if there are no more."""
    if n is None or n >= len(part):
        return part
    order = torch.randperm(len(part), generator=generator(what, seed))
    return _chosen(part, order[:n].sort().values)
