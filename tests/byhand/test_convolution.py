"""The convolution and its gradients equal autograd's; patches and their fold are transposes."""

import pytest
import torch
import torch.nn.functional as F
from oracle import POPULATIONS, assert_close, check, draw

from retroprop.byhand.convolution import Conv2d, Geometry, extract_patches, fold_patches
from retroprop.errors import UserError

GEOMETRIES = [
    # batch, channels, height, width, out, kernel, stride, padding, dilation
    (1, 1, 1, 1, 1, (1, 1), 1, 0, 1),
    (1, 3, 7, 5, 4, (3, 3), 1, 1, 1),
    (2, 3, 8, 8, 4, (3, 3), 2, 1, 1),
    (3, 2, 9, 6, 5, (3, 2), (2, 1), (1, 0), 1),
    (2, 3, 9, 9, 2, (3, 3), 1, 2, 2),
    (2, 2, 10, 7, 3, (2, 3), (3, 2), (0, 2), (2, 1)),
    (2, 4, 6, 6, 8, (1, 1), 2, 0, 1),
    (2, 3, 5, 6, 7, (5, 6), 1, 0, 1),  # the kernel is the image
    (2, 3, 8, 6, 4, (3, 3), 1, 0, 1),
    (3, 2, 4, 7, 3, (3, 3), 1, (2, 1), 1),
    (2, 2, 3, 3, 3, (3, 3), 1, 0, 1),
    (1, 2, 3, 3, 2, (5, 5), 1, 2, 1),  # and larger than it
    (2, 3, 8, 8, 6, (4, 4), 4, 0, 1),  # patches that touch
    (2, 3, 8, 8, 6, (2, 2), 3, 0, 1),  # and pixels that none sees
]


def reference(**geometry):
    return lambda x, p: F.conv2d(x, p["W"], p.get("b"), **geometry)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", GEOMETRIES)
def test_convolution_equals_autograd(case, bias, way):
    batch, channels, height, width, out, kernel, *rest = case
    geometry = dict(zip(("stride", "padding", "dilation"), rest, strict=True))
    layer = Conv2d(draw(out, channels, *kernel), draw(out) if bias else None, **geometry)
    check(layer, reference(**geometry), draw(batch, channels, height, width))


@pytest.mark.parametrize(("groups", "population"), POPULATIONS)
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_of_a_population_equals_autograd(groups, population, stride, way):
    layer = Conv2d(draw(*population, 4, 3, 3, 3), draw(*population, 4), stride=stride, padding=1)
    x = draw(*groups, 2, 3, 5, 6)
    check(layer, reference(stride=stride, padding=1), x, groups=groups, population=population)


@pytest.fixture(params=[32, 0], ids=["patches", "tiles"])
def way(request, monkeypatch):
    """Few channels go by patches; a lower limit sends every 3 × 3 kernel of stride 1 by tiles."""
    monkeypatch.setattr("retroprop.byhand.convolution.FEWEST_CHANNELS", request.param)


@pytest.mark.parametrize("values", [1, 300, 10**6])
def test_pieces_change_no_result(values, way, monkeypatch):
    monkeypatch.setattr("retroprop.byhand.convolution.TILES_TOGETHER", values)
    monkeypatch.setattr("retroprop.byhand.convolution.PATCHES_IN_CACHE", values)
    layer = Conv2d(draw(2, 4, 3, 3, 3), draw(2, 4), padding=1)
    check(layer, reference(padding=1), draw(5, 3, 4, 4), population=(2,))


@pytest.mark.parametrize("case", GEOMETRIES)
def test_fold_is_the_transpose_of_the_patches(case):
    batch, channels, height, width, _, kernel, *rest = case
    pairs = [(value, value) if isinstance(value, int) else value for value in rest]
    geometry = Geometry(kernel, *pairs)
    x = draw(batch, height, width, channels)
    patches = extract_patches(x, geometry)
    g = draw(*patches.shape)
    folded = fold_patches(g, height, width, geometry)
    assert_close((folded * x).sum(), (g * patches).sum(), "⟨Pᵀg, x⟩ = ⟨g, Px⟩", 1e-12)


def test_a_channels_last_input_gives_the_same():
    layer = Conv2d(draw(4, 3, 3, 3))
    x = draw(2, 3, 6, 6)
    check(layer, reference(), x.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv2d(draw(1, 1, 5, 3)).forward(draw(1, 1, 4, 4)), "height 5.*at least 1"),
        (
            lambda: Conv2d(draw(1, 1, 1, 3), dilation=3).forward(draw(1, 1, 4, 4)),
            "width 3.*least 2",
        ),
        (lambda: Conv2d(draw(1, 3, 1, 1)).forward(draw(1, 2, 4, 4)), "3 channels"),
        (lambda: Conv2d(draw(1, 1, 1, 1), stride=0), "stride of at least 1"),
        (lambda: Conv2d(draw(1, 1, 1, 1), padding=(0, -1)), "padding of at least 0"),
    ],
)
def test_a_wrong_size_says_which_and_how_to_fix_it(make, words):
    with pytest.raises(UserError, match=words):
        make()
