"""The perceptron's rule, and the triangular systems that make many of its steps at once."""

import itertools

import pytest
import torch

from retroprop.byhand.losses import one_hot
from retroprop.byhand.online import BLOCK
from retroprop.byhand.perceptron import Perceptron

FEATURES, CLASSES = 21, 4


def test_a_step_is_the_rule_of_the_document():
    """Δw_ij = η x_j (t_i − y_i), weight by weight."""
    generator = torch.Generator().manual_seed(1)
    w = torch.randn(CLASSES, FEATURES, generator=generator, dtype=torch.float64)
    x = torch.rand(FEATURES, generator=generator, dtype=torch.float64)
    t, eta = torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=torch.float64), 0.01
    network = Perceptron(w.T)
    y = [sum(w[i, j] * x[j] for j in range(FEATURES)) for i in range(CLASSES)]
    for i, j in itertools.product(range(CLASSES), range(FEATURES)):
        w[i, j] += eta * x[j] * (t[i] - y[i])
    network.step(x[None], t[None], eta)
    torch.testing.assert_close(network.W, w.T, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, 3 * BLOCK + 7])
@pytest.mark.parametrize(
    ("groups", "members"), [((), ()), ((), (8,)), ((2,), (3,)), ((2,), ()), ((), (1,))]
)
def test_blocks_of_steps_equal_the_plain_loop(groups, members, n):
    generator = torch.Generator().manual_seed(2)
    W = torch.randn(*groups, *members, FEATURES, CLASSES, generator=generator, dtype=torch.float64)
    x = torch.rand(*groups, n, FEATURES, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (*groups, n), generator=generator)
    t = one_hot(labels, CLASSES, torch.float64)
    eta = torch.logspace(-4, -1, *members, dtype=torch.float64).view(-1, 1, 1) if members else 0.01
    plain, blocked = Perceptron(W), Perceptron(W)
    for i in range(n):
        target = t[..., i : i + 1, :]
        plain.step(x[..., i : i + 1, :], target.unsqueeze(-3) if members else target, eta)
    blocked.train_one_by_one(x, t, eta)
    error = (blocked.W - plain.W).abs().max() / plain.W.abs().max()
    assert float(error) < 1e-13


def test_a_diverging_member_leaves_the_others_alone():
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(300, FEATURES, generator=generator)
    t = one_hot(torch.randint(0, CLASSES, (300,), generator=generator), CLASSES)
    W = torch.zeros(2, FEATURES, CLASSES)
    wild = Perceptron(W)
    wild.train_one_by_one(x, t, torch.tensor([0.01, 1e30]).view(2, 1, 1))
    calm = Perceptron(W)
    calm.train_one_by_one(x, t, torch.tensor([0.01, 0.01]).view(2, 1, 1))
    assert not wild.W[1].isfinite().all()
    torch.testing.assert_close(wild.W[0], calm.W[0], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_equals_autograd(reduction):
    W = torch.randn(3, FEATURES, CLASSES, dtype=torch.float64, requires_grad=True)
    x = torch.rand(5, FEATURES, dtype=torch.float64)
    t = one_hot(torch.arange(5) % CLASSES, CLASSES, torch.float64)
    loss = 0.5 * (x @ W - t).square().sum()
    (expected,) = torch.autograd.grad(loss / 5 if reduction == "mean" else loss, W)
    got = Perceptron(W.detach()).gradient(x, t, reduction=reduction)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)
