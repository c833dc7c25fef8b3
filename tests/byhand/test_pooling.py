"""Every pooling layer and its gradient equal autograd's, ties included."""

import pytest
import torch
import torch.nn.functional as F
from oracle import check, draw

from retroprop.byhand.pooling import (
    AdaptiveMaxPool2d,
    AveragePool2d,
    GlobalAveragePool2d,
    MaxPool2d,
)
from retroprop.errors import UserError

SHAPES = [(1, 1, 6, 6), (2, 3, 7, 5), (3, 2, 9, 8)]
LEADS = [(), (1,), (7,), (2, 3)]


def inputs(shape, *, ties, lead=()):
    """Random values, or so few different ones that most windows have several maxima."""
    x = draw(*lead, *shape)
    return x.sign() if ties else x


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(2, None, 0), (3, 1, 0), (3, 2, 1), ((2, 3), (1, 2), (1, 0)), (2, 3, 0), (5, 5, 0)],
)
def test_max_pooling_equals_autograd(kernel, stride, padding, shape, ties):
    x = inputs(shape, ties=ties) - 3  # negative, so zeros in the padding would win
    check(
        MaxPool2d(kernel, stride, padding),
        lambda x, _: F.max_pool2d(x, kernel, stride, padding),
        x,
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 2, 3), (1, 2, 1, 1)])
@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 2), (5, 7)])
def test_adaptive_max_pooling_equals_autograd(size, shape, ties):
    check(
        AdaptiveMaxPool2d(size),
        lambda x, _: F.adaptive_max_pool2d(x, size),
        inputs(shape, ties=ties),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel", "stride"), [(2, None), (3, 1), ((2, 3), (1, 2)), (2, 3)])
def test_average_pooling_equals_autograd(kernel, stride, shape):
    check(AveragePool2d(kernel, stride), lambda x, _: F.avg_pool2d(x, kernel, stride), draw(*shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_global_average_pooling_equals_autograd(shape):
    check(GlobalAveragePool2d(), lambda x, _: x.mean((-2, -1)), draw(*shape))


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        (MaxPool2d(2), lambda x, _: F.max_pool2d(x, 2)),
        (AdaptiveMaxPool2d((4, 4)), lambda x, _: F.adaptive_max_pool2d(x, (4, 4))),
        (AveragePool2d(2), lambda x, _: F.avg_pool2d(x, 2)),
        (GlobalAveragePool2d(), lambda x, _: x.mean((-2, -1))),
    ],
    ids=["max", "adaptive", "average", "global"],
)
def test_pooling_of_a_population_equals_autograd(layer, reference, lead):
    x = inputs((2, 3, 7, 6), ties=True, lead=lead)
    check(layer, reference, x, groups=lead, population=lead)


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = torch.ones(1, 1, 2, 2)
    for layer in (MaxPool2d(2), AdaptiveMaxPool2d((1, 1))):
        y, saved = layer.forward(x)
        dx, _ = layer.backward(torch.ones_like(y), saved)
        assert dx.flatten().tolist() == [1, 0, 0, 0]


def test_padding_of_more_than_half_a_window_is_refused():
    with pytest.raises(UserError, match="at most half the kernel"):
        MaxPool2d(2, padding=2)


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match="kernel of height 3"):
        MaxPool2d(3).forward(draw(1, 1, 2, 2))


def test_a_window_of_no_pixel_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        AveragePool2d(0)
