"""The images of a study, split as it says, as its engine reads them."""

import functools
from collections.abc import Mapping
from typing import Any

from retroprop.data import load
from retroprop.data.parts import Part, parts_of
from retroprop.errors import UserError
from retroprop.training.image_sets import ImageSet, Normalization, image_set, normalization_of
from retroprop.training.populations import Examples, examples_from


class StudyData:
    """Training, validation and test images of one study.

    Args:
        dataset: A name of the catalog of data, or one's own.
        split: What the study says of its split.

    Attributes:
        info: The row of its data set in the catalog.
        checksum: Of the data that were read.
        parts: The images as bytes.
    """

    def __init__(self, dataset: str, split: Mapping[str, Any]) -> None:
        whole = load(dataset)
        self.info, self.checksum = whole.info, whole.checksum
        self.parts = parts_of(whole, **split)

    def check(self, recorded: str) -> None:
        """Refuse other data than those that a record speaks of.

        Raises:
            UserError: If the files of one's own data were changed meanwhile.
        """
        if self.checksum != recorded:
            raise UserError(
                f"the files of {self.info.title} were changed while the study ran; run it again."
            )

    @functools.cached_property
    def examples(self) -> tuple[Examples, Examples]:
        """The training and the validation set as a population reads them."""
        return self._examples(self.parts.train), self._examples(self.parts.validation)

    @property
    def test_examples(self) -> Examples:
        """The test set as a population reads it."""
        return self._examples(self.parts.test)

    def images(self, normalization: str) -> tuple[ImageSet, ImageSet]:
        """The training and the validation set as the trainer reads them."""
        fitted = self.normalization(normalization)
        return self._images(self.parts.train, fitted), self._images(self.parts.validation, fitted)

    def test_images(self, normalization: str) -> ImageSet:
        """The test set as the trainer reads it."""
        return self._images(self.parts.test, self.normalization(normalization))

    def normalization(self, kind: str) -> Normalization:
        """The normalization of a kind, with the numbers of the training images."""
        return normalization_of(kind, self.info, self.parts.train.images)

    def _examples(self, part: Part) -> Examples:
        return examples_from(part.images, part.labels, classes=self.info.classes)

    def _images(self, part: Part, fitted: Normalization) -> ImageSet:
        n_classes = len(self.info.classes)
        return image_set(part.images, part.labels, fitted, n_classes=n_classes)
