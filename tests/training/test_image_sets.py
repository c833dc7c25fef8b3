"""Images as a network reads them: normalised by the numbers of the training images."""

import numpy as np
import pytest
import torch

from retroprop.data import find
from retroprop.data.catalog import CIFAR10_MEAN, CIFAR10_STD
from retroprop.errors import UserError
from retroprop.training.image_sets import (
    ImageSet,
    Normalization,
    fit_normalization,
    image_set,
    normalization_of,
    planes_of,
)


def images(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("shape", [(2500, 5, 4), (1001, 3, 7, 3), (1, 2, 2, 3)])
def test_statistics_are_those_of_numpy(shape):
    x = images(*shape)
    x[..., 0] //= 3  # columns or channels that differ
    planes = planes_of(x).numpy().astype(np.float64)
    for kind, axes in (("per-pixel", 0), ("per-channel", (0, 2, 3))):
        fitted = fit_normalization(kind, x)
        mean, std = (f(axis=axes, keepdims=True)[0] for f in (planes.mean, planes.std))
        std[std == 0] = 1  # of a single image every pixel is constant
        np.testing.assert_allclose(fitted.mean.numpy(), mean, rtol=1e-6)
        np.testing.assert_allclose(fitted.std.numpy(), std, rtol=1e-6)
        np.testing.assert_allclose(fitted(x).numpy(), (planes - mean) / std, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["per-pixel", "per-channel"])
def test_normalised_training_images_have_mean_0_and_deviation_1(kind):
    x = images(3000, 4, 4, 3)
    z = fit_normalization(kind, x)(x).double()
    axes = 0 if kind == "per-pixel" else (0, 2, 3)
    assert z.mean(axes).abs().max() < 1e-5
    assert (z.std(axes, correction=0) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["per-pixel", "per-channel"])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_constant_pixel_becomes_0_and_never_nan(kind, value):
    x = images(1500, 3, 3)
    x[:, 1, 1] = value
    if kind == "per-channel":
        x[:] = value
    fitted = fit_normalization(kind, x)
    assert (fitted(x)[:, 0, 1, 1] == 0).all()
    other = x.clone()
    other[:, 1, 1] = 255 - value  # an image that is not constant there
    assert fitted(other).isfinite().all()


def test_raw_and_unit_images_are_bytes_and_shares_of_255():
    x = images(10, 3, 3, 3)
    assert torch.equal(fit_normalization("raw", x)(x), planes_of(x).float())
    assert torch.equal(fit_normalization("unit", x)(x), planes_of(x).float() / 255)


def test_cifar10_has_its_published_numbers_and_others_their_own():
    x = images(20, 4, 4, 3)
    for name in ("cifar10", "cifar10-sample"):
        fitted = normalization_of("per-channel", find(name), x)
        np.testing.assert_allclose(fitted.mean.flatten(), np.multiply(CIFAR10_MEAN, 255), rtol=1e-6)
        np.testing.assert_allclose(fitted.std.flatten(), np.multiply(CIFAR10_STD, 255), rtol=1e-6)
        per_pixel = normalization_of("per-pixel", find(name), x)
        assert torch.equal(per_pixel.mean, fit_normalization("per-pixel", x).mean)
    grey = images(20, 4, 4)
    fitted = normalization_of("per-channel", find("mnist"), grey)
    assert fitted.mean.item() == pytest.approx(grey.double().mean().item())


def test_channels_come_first_in_a_fresh_contiguous_tensor():
    x = images(6, 2, 5, 3)
    made = image_set(
        x, torch.arange(6, dtype=torch.uint8), fit_normalization("raw", x), n_classes=6
    )
    assert made.images.shape == (6, 3, 2, 5)
    assert made.images.is_contiguous()
    assert made.image_shape == (2, 5, 3)
    assert made.images[4, 2, 1, 3] == x[4, 1, 3, 2]
    assert made.labels.dtype == torch.int64
    assert (len(made), len(made.first(2)), len(made.first(2).images)) == (6, 2, 2)
    assert x.dtype == torch.uint8  # the bytes are as they were
    grey = images(6, 2, 5)
    assert fit_normalization("raw", grey)(grey).shape == (6, 1, 2, 5)


def test_a_normalization_does_not_change_its_input():
    x = planes_of(images(4, 3, 3)).float().permute(0, 2, 3, 1).to(torch.uint8)
    before = x.clone()
    Normalization(mean=torch.ones(1, 1, 1), std=2 * torch.ones(1, 1, 1))(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: fit_normalization("per-image", images(2, 2, 2)), "Did you mean 'per-pixel' or"),
        (
            lambda: fit_normalization(
                "per-channel", images(2, 2, 2), mean=[0.5] * 3, std=[0.5] * 3
            ),
            "a mean and a std for each of 1 channels, and got 3 and 3",
        ),
        (
            lambda: ImageSet(images=torch.zeros(0, 1, 2, 2), labels=torch.arange(0), n_classes=2),
            "at least one, and got 0 images and 0 labels",
        ),
        (
            lambda: ImageSet(images=torch.zeros(2, 1, 2, 2), labels=-torch.arange(2), n_classes=2),
            "labels must be from 0 to 1, and got -1 to 0",
        ),
    ],
)
def test_what_cannot_be_a_set_of_images_is_refused(call, sentence):
    with pytest.raises(UserError) as raised:
        call()
    assert sentence in str(raised.value)
