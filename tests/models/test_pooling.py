"""Pooling through another layout: the same bits as torch's, forward and backward."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from retroprop.models.pooling import PooledSequential, adaptive_max_pool2d, max_pool2d

SHAPES = [(1, 1, 2, 2), (2, 3, 7, 5), (3, 16, 26, 26), (1, 5, 11, 12), (4, 1, 9, 3)]


def images_like(shape, kind):
    """Images without ties, with many, all equal, and negative."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    return {
        "random": x,
        "ties": x.round(),
        "constant": torch.full(shape, 0.5),
        "negative": -x.abs() - 1,
    }[kind]


def value_and_gradient(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y.dtype)
    return y.detach(), torch.autograd.grad(y, x, weights)[0]


def assert_same_bits(ours, theirs, x):
    for a, b in zip(value_and_gradient(ours, x), value_and_gradient(theirs, x), strict=True):
        assert a.is_contiguous()
        assert torch.equal(a, b)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "ties", "constant", "negative"])
@pytest.mark.parametrize("size", [2, 3])
def test_max_pooling_has_torchs_bits(shape, kind, size):
    if min(shape[2:]) >= size:
        x = images_like(shape, kind)
        assert_same_bits(lambda x: max_pool2d(x, size), lambda x: F.max_pool2d(x, size), x)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "ties", "constant"])
def test_adaptive_pooling_has_torchs_bits(shape, kind):
    x = images_like(shape, kind)
    assert_same_bits(
        lambda x: adaptive_max_pool2d(x, (4, 4)), lambda x: F.adaptive_max_pool2d(x, (4, 4)), x
    )


@pytest.mark.parametrize("kind", ["random", "ties", "constant", "negative"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pooling_before_the_relu_has_the_bits_of_pooling_after_it(kind, dtype):
    layers = [nn.ReLU(), nn.MaxPool2d(2), nn.ReLU(), nn.AdaptiveMaxPool2d((4, 4))]
    x = images_like((3, 4, 13, 11), kind).to(dtype)
    assert_same_bits(PooledSequential(*layers), nn.Sequential(*layers), x)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
def test_a_network_has_the_bits_of_a_plain_sequential(activation):
    torch.manual_seed(0)
    phi = activation()
    theirs = nn.Sequential(
        nn.Conv2d(1, 4, 3), phi, nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), phi,
        nn.AdaptiveMaxPool2d((4, 4)), nn.Flatten(), nn.Linear(96, 5),
    )  # fmt: skip
    ours = PooledSequential(*copy.deepcopy(theirs))
    x = torch.randn(7, 1, 20, 21)
    for network in (ours, theirs):
        network(x).square().sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def test_a_layer_with_a_hook_is_called():
    layers = PooledSequential(nn.ReLU(), nn.MaxPool2d(2))
    seen = []
    layers[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.shape))
    layers(torch.randn(1, 2, 6, 6))
    assert seen == [(1, 2, 6, 6)]


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(3, stride=2),
        nn.MaxPool2d(2, padding=1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d((2, 3)),
        nn.MaxPool2d(2, dilation=2),
        nn.AdaptiveMaxPool2d(3),
        nn.AdaptiveMaxPool2d((None, 2)),
    ],
    ids=str,
)
def test_other_pooling_layers_are_left_to_torch(layer):
    x = images_like((2, 3, 7, 7), "ties")
    assert_same_bits(PooledSequential(nn.ReLU(), layer), nn.Sequential(nn.ReLU(), layer), x)


def test_second_derivatives_are_torchs():
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: max_pool2d(x).square(), x)
    assert torch.autograd.gradgradcheck(lambda x: adaptive_max_pool2d(x, (3, 3)).square(), x)


def test_images_too_small_to_pool_are_refused_as_torch_does():
    with pytest.raises(RuntimeError, match="too small"):
        PooledSequential(nn.MaxPool2d(2))(torch.zeros(1, 1, 1, 1))


def test_functional_transforms_see_a_plain_sequential():
    layers = PooledSequential(nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveMaxPool2d((2, 2)))
    x = torch.randn(3, 2, 4, 6, 6)
    ours = torch.func.vmap(torch.func.grad(lambda x: layers(x).square().sum()))(x)
    theirs = [torch.func.grad(lambda x: nn.Sequential(*layers)(x).square().sum())(one) for one in x]
    assert torch.equal(ours, torch.stack(theirs))
