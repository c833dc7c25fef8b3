"""Shifts and rotations give the pixels that torchvision gives."""

import math

import pytest
import torch

from retroprop.data.transforms import affine, rotate, shift
from retroprop.errors import UserError

IMAGES = torch.arange(1.0, 2 * 3 * 5 * 7 + 1).view(2, 3, 5, 7)


def by_pixels(image, angle, translate):
    """The definition, pixel by pixel, for one channel."""
    height, width = image.shape
    turn = math.radians(angle)
    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            x = column - (width - 1) / 2 - translate[0]
            y = row - (height - 1) / 2 - translate[1]
            from_x = x * math.cos(turn) + y * math.sin(turn) + (width - 1) / 2
            from_y = -x * math.sin(turn) + y * math.cos(turn) + (height - 1) / 2
            i, j = round(from_y), round(from_x)
            if 0 <= i < height and 0 <= j < width:
                result[row, column] = image[i, j]
    return result


@pytest.mark.parametrize("right", [0, 1, 5, -2, 9])
@pytest.mark.parametrize("down", [0, 2, -4])
def test_a_shift_moves_every_pixel_and_brings_zeros_in(right, down):
    shifted = shift(IMAGES, right, down)
    expected = torch.zeros_like(IMAGES)
    for row in range(5):
        for column in range(7):
            if 0 <= row - down < 5 and 0 <= column - right < 7:
                expected[..., row, column] = IMAGES[..., row - down, column - right]
    assert torch.equal(shifted, expected)


@pytest.mark.parametrize("side", [4, 5, 24, 28])
def test_a_quarter_turn_loses_no_pixel(side):
    image = torch.arange(float(side * side)).view(1, side, side)
    assert torch.equal(affine(image, angle=90), torch.rot90(image, -1, (1, 2)))  # clockwise
    assert torch.equal(rotate(image, 90), torch.rot90(image, 1, (1, 2)))
    assert torch.equal(rotate(image, 180), torch.rot90(image, 2, (1, 2)))
    assert torch.equal(rotate(image, -90), affine(image, angle=90))


@pytest.mark.parametrize("angle", [17, 30.5, 61, -100, 200])
@pytest.mark.parametrize("translate", [(0, 0), (2, -1)])
def test_any_angle_takes_the_nearest_pixel_of_the_place_turned_back(angle, translate):
    image = IMAGES[0, :1].double()
    assert torch.equal(
        affine(image, angle=angle, translate=translate)[0], by_pixels(image[0], angle, translate)
    )


def test_one_image_and_many_are_moved_alike():
    assert torch.equal(affine(IMAGES, 40, (1, 2))[1], affine(IMAGES[1], 40, (1, 2)))
    assert torch.equal(shift(IMAGES, 0, 0), IMAGES)


@pytest.mark.parametrize("images", [torch.zeros(4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8)])
def test_what_is_no_image_is_explained(images):
    with pytest.raises(UserError, match="expected images of floating-point numbers"):
        affine(images)
