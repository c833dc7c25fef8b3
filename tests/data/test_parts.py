"""A data set in three parts: no image in two of them, and the same ones every time."""

import numpy as np
import pytest
import torch

from retroprop.data import Dataset, find, load
from retroprop.data.parts import parts_of
from retroprop.data.splits import train_validation_split
from retroprop.errors import UserError


@pytest.fixture(scope="module")
def dataset():
    """40 images to train and 20 to test; the first pixel of each image is its number."""
    images = np.zeros((60, 4, 4), np.uint8)
    images[:, 0, 0] = np.arange(60)
    labels = (np.arange(60) % 10).astype(np.uint8)
    return Dataset(
        info=find("mnist"),
        train_images=images[:40],
        train_labels=labels[:40],
        test_images=images[40:],
        test_labels=labels[40:],
    )


def numbers(part):
    """Which images they are; each must have kept its label."""
    shown = part.images[:, 0, 0].long()
    assert torch.equal(part.labels, shown % 10)
    assert part.labels.dtype == torch.int64
    assert len(part) == len(part.images)
    return shown.tolist()


def test_the_parts_share_no_image_and_lose_none(dataset):
    parts = parts_of(dataset, validation=0.25)
    train, validation, test = map(numbers, (parts.train, parts.validation, parts.test))
    assert (len(train), len(validation)) == (30, 10)
    assert sorted(train + validation) == list(range(40))
    assert test == list(range(40, 60))


def test_the_split_is_that_of_the_populations(dataset):
    kept, out = train_validation_split(40, validation=0.25, seed=3)
    parts = parts_of(dataset, validation=0.25, seed=3)
    assert numbers(parts.train) == kept.tolist()
    assert numbers(parts.validation) == out.tolist()
    assert numbers(parts_of(dataset, validation=0.25, seed=4).train) != kept.tolist()


def test_validation_from_the_test_set_takes_its_first_images(dataset):
    parts = parts_of(dataset, source="test", validation_images=4)
    assert numbers(parts.train) == list(range(40))
    assert numbers(parts.validation) == [40, 41, 42, 43]
    assert numbers(parts.test) == list(range(44, 60))
    assert len(parts_of(dataset, source="test").validation) == 10  # half of them


def test_fewer_images_are_drawn_from_their_part_alone(dataset):
    whole = parts_of(dataset, validation=0.25)
    fewer = parts_of(dataset, validation=0.25, images=7, validation_images=3)
    train, validation = numbers(fewer.train), numbers(fewer.validation)
    assert (len(train), len(validation)) == (7, 3)
    assert set(train) < set(numbers(whole.train))
    assert set(validation) < set(numbers(whole.validation))
    assert train == sorted(train) != numbers(whole.train)[:7]
    assert numbers(fewer.test) == numbers(whole.test)
    again = parts_of(dataset, validation=0.25, images=7, validation_images=3)
    assert numbers(again.train) == train
    other = parts_of(dataset, validation=0.25, images=7, seed=1)
    assert numbers(other.train) != train


def test_more_images_than_there_are_take_all(dataset):
    parts = parts_of(dataset, validation=0.25, images=1000, validation_images=1000)
    assert (len(parts.train), len(parts.validation)) == (30, 10)


def test_a_part_is_a_copy(dataset):
    parts_of(dataset).test.images[:] = 255
    assert dataset.test_images.max() < 255


def test_colours_stay_last():
    parts = parts_of(load("cifar10-sample"))
    assert parts.train.images.shape == (1800, 32, 32, 3)
    assert parts.train.images.dtype == torch.uint8


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"source": "tset"}, "there is no source 'tset'. Did you mean 'test'?"),
        ({"source": "test", "validation_images": 20}, "leave nothing of the 20 test images; use"),
        ({"source": "test", "validation_images": 0}, "validation_images must be at least 1"),
        ({"images": 0}, "images must be at least 1 or None, and got 0"),
        ({"validation_images": -3}, "validation_images must be at least 1"),
        ({"validation": 0.0}, "leaves 40 to train on"),
        ({"validation": 0.999}, "leaves 0 to train on"),
    ],
)
def test_a_split_that_cannot_be_is_refused(dataset, wrong, sentence):
    with pytest.raises(UserError) as raised:
        parts_of(dataset, **wrong)
    assert sentence in str(raised.value)
