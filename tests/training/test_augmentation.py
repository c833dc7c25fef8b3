import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from retroprop.errors import UserError
from retroprop.randomness import generator
from retroprop.training.augmentation import (
    CHUNK,
    CIFAR10_MEAN,
    CIFAR10_STD,
    Augmentation,
    Crops,
    crop_and_mirror,
    normalize,
)

WHOLE = Augmentation(flip=False, crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0))


def images_of(*shape, seed=0):
    return torch.randn(*shape, generator=generator("test", seed))


def one_by_one(images, crops):
    """The slow way: cut each box out, let torch enlarge it, mirror it."""
    made = []
    numbers = (*crops.corner.tolist(), *crops.size.tolist(), crops.mirrored.tolist())
    for image, top, left, height, width, mirrored in zip(images, *numbers, strict=True):
        rows = slice(int(top), int(top + height))
        columns = slice(int(left), int(left + width))
        box = image[None, :, rows, columns]
        large = F.interpolate(box, image.shape[-2:], mode="bilinear", align_corners=False)[0]
        made.append(large.flip(-1) if mirrored else large)
    return torch.stack(made)


@pytest.mark.parametrize(
    "shape",
    [(128, 3, 32, 32), (1, 3, 32, 32), (40, 1, 28, 28), (7, 2, 5, 9), (3, 1, 1, 1)],
)
def test_a_minibatch_is_what_the_same_boxes_give_one_by_one(shape):
    images = images_of(*shape)
    augmentation = Augmentation(crop_scale=(0.3, 1.0), crop_ratio=(0.5, 2.0))
    crops = augmentation.draw(shape[0], *shape[-2:], generator=generator("crops"))
    made = augmentation(images, generator("crops"))
    assert made.is_contiguous()
    torch.testing.assert_close(made, one_by_one(images, crops), rtol=0, atol=1e-5)


def test_a_box_is_enlarged_as_pillow_does():
    image = images_of(1, 1, 32, 32)
    crops = Crops(
        corner=torch.tensor([[3.0], [1.0]]),
        size=torch.tensor([[28.0], [30.0]]),
        mirrored=torch.tensor([False]),
    )
    made = crop_and_mirror(image, torch.tensor([0]), crops)
    box = Image.fromarray(image[0, 0].numpy()).crop((1, 3, 31, 31))
    by_pillow = np.array(box.resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(made[0, 0].numpy(), by_pillow, atol=1e-5)


def test_images_of_a_set_are_those_of_the_minibatch_that_holds_them():
    images = images_of(50, 3, 16, 16)
    indices = torch.tensor([4, 0, 49, 4])
    made = Augmentation()(images, generator("crops"), indices=indices)
    assert torch.equal(made, Augmentation()(images[indices], generator("crops")))
    assert not torch.equal(made[0], made[3])  # one image twice, with two boxes


def test_a_large_batch_is_made_in_parts_without_a_seam():
    images = images_of(2 * CHUNK + 3, 1, 8, 8)
    crops = Augmentation().draw(len(images), 8, 8, generator=generator("crops"))
    made = Augmentation()(images, generator("crops"))
    torch.testing.assert_close(made, one_by_one(images, crops), rtol=0, atol=1e-5)


def test_the_generator_decides_everything():
    images = images_of(16, 3, 32, 32)
    kept = images.clone()
    once, again = (Augmentation()(images, generator("epoch", 1)) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, Augmentation()(images, generator("epoch", 2)))
    assert torch.equal(images, kept)
    stream = generator("epoch", 1)
    assert torch.equal(once, Augmentation()(images, stream))
    assert not torch.equal(once, Augmentation()(images, stream))


def test_images_in_another_layout_or_precision_give_the_same_pictures():
    images = images_of(5, 3, 32, 32)
    expected = Augmentation()(images, generator("crops"))
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(Augmentation()(last, generator("crops")), expected)
    double = Augmentation()(images.double(), generator("crops"))
    torch.testing.assert_close(double.float(), expected, rtol=0, atol=1e-6)


def test_the_whole_image_as_its_box_is_the_image():
    images = images_of(6, 3, 32, 32)
    assert torch.equal(WHOLE(images, generator("crops")), images)
    flips = Augmentation(crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0))
    made = flips(images, generator("crops"))
    mirrored = flips.draw(6, 32, 32, generator=generator("crops")).mirrored
    assert mirrored.any()
    assert torch.equal(made, torch.where(mirrored[:, None, None, None], images.flip(3), images))


def test_half_of_the_images_are_mirrored():
    mirrored = Augmentation().draw(10_000, 32, 32, generator=generator("flips")).mirrored
    assert abs(int(mirrored.sum()) - 5_000) < 4 * 50  # four standard deviations


def test_boxes_lie_in_the_image_and_in_the_ranges():
    crops = Augmentation().draw(20_000, 320, 320, generator=generator("boxes"))
    for start, length in zip(crops.corner, crops.size, strict=True):
        assert (start >= 0).all()
        assert (start + length <= 320).all()
        assert (start == start.round()).all()
        assert (length == length.round()).all()
        assert start.min() == 0
        assert (start + length).max() == 320
    height, width = crops.size
    area, ratio = height * width / 320**2, width / height
    assert 0.795 < area.min() < 0.81  # whole pixels leave the range by one in 320
    assert 0.97 < area.max() <= 1
    assert 0.895 < ratio.min() < 0.91
    assert 1.09 < ratio.max() < 1.105


def slow_box(height, width, scale, ratio, random):
    """One box as torchvision's RandomResizedCrop.get_params draws it."""
    for _ in range(10):
        area = height * width * random.uniform(*scale)
        aspect = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return random.integers(0, height - h + 1), random.integers(0, width - w + 1), h, w
    raise AssertionError("ten misfits")


@pytest.mark.parametrize("part", range(4), ids=["top", "left", "height", "width"])
def test_boxes_are_distributed_as_when_they_are_drawn_one_by_one(part):
    n = 20_000
    random = np.random.default_rng(0)
    slow = [slow_box(32, 32, (0.8, 1.0), (0.9, 1.1), random)[part] for _ in range(n)]
    crops = Augmentation().draw(n, 32, 32, generator=generator("boxes"))
    drawn = (*crops.corner, *crops.size)[part].int().numpy()
    slow_counts, counts = (np.bincount(values, minlength=33) for values in (slow, drawn))
    # χ² of two samples; beyond 60 lies less than a millionth at the 5 to 8 values that occur
    both = slow_counts + counts
    assert ((slow_counts - counts) ** 2 / np.maximum(both, 1)).sum() < 60


@pytest.mark.parametrize(
    ("height", "width", "box"), [(10, 40, (10, 20)), (40, 10, (20, 10)), (8, 8, (8, 8))]
)
def test_a_box_that_never_fits_becomes_the_largest_centred_one(height, width, box):
    never = Augmentation(crop_scale=(1.0, 1.0), crop_ratio=(0.5, 2.0))
    crops = never.draw(2_000, height, width, generator=generator("boxes"))
    central = (crops.size == torch.tensor(box)[:, None]).all(0)
    corner = torch.tensor([(height - box[0]) // 2, (width - box[1]) // 2])
    assert (crops.corner[:, central] == corner[:, None]).all()
    assert central.float().mean() > (0.99 if height != width else 0.01)


def test_normalize_gives_each_channel_its_mean_and_its_std():
    images = torch.randint(0, 256, (4, 5, 6, 3), generator=generator("t"), dtype=torch.uint8)
    made = normalize(images, CIFAR10_MEAN, CIFAR10_STD)
    assert made.shape == (4, 3, 5, 6)
    assert made.is_contiguous()
    for channel, (mean, std) in enumerate(zip(CIFAR10_MEAN, CIFAR10_STD, strict=True)):
        expected = (images[..., channel].double() / 255 - mean) / std
        torch.testing.assert_close(made[:, channel].double(), expected, rtol=0, atol=1e-6)
    grey = normalize(images[..., 0], CIFAR10_MEAN[:1], CIFAR10_STD[:1])
    assert torch.equal(grey, made[:, :1])


@pytest.mark.parametrize(
    ("mean", "std"), [([0.5], [0.5]), ([0.5] * 3, [0.5] * 2), ([0.5] * 3, [0.5, 0.0, 0.5])]
)
def test_normalize_refuses_what_does_not_match_the_channels(mean, std):
    with pytest.raises(UserError, match="a mean and a positive std for each of 3 channels"):
        normalize(torch.zeros(1, 2, 2, 3, dtype=torch.uint8), mean, std)


@pytest.mark.parametrize(
    "ranges",
    [
        {"crop_scale": (0.0, 1.0)},
        {"crop_scale": (0.9, 0.8)},
        {"crop_scale": (0.8, 1.5)},
        {"crop_ratio": (0.0, 1.0)},
        {"crop_ratio": (1.1, 0.9)},
    ],
)
def test_a_range_that_no_box_can_have_is_refused(ranges):
    with pytest.raises(UserError, match="lowest and the highest"):
        Augmentation(**ranges)


@pytest.mark.gpu
def test_the_device_of_the_images_does_not_change_the_pictures():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    images = images_of(64, 3, 32, 32)
    expected = Augmentation()(images, generator("crops"))
    made = Augmentation()(images.cuda(), generator("crops"))
    torch.testing.assert_close(made.cpu(), expected, rtol=0, atol=1e-5)
