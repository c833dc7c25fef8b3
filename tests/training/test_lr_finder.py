"""The learning-rate range test."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from retroprop.errors import UserError
from retroprop.randomness import generator
from retroprop.training.lr_finder import RangeTest, find_learning_rate, smooth, steepest


def sgd(parameters, rate):
    return torch.optim.SGD(parameters, lr=rate)


def adam(parameters, rate):
    return torch.optim.Adam(parameters, lr=rate)


def network():
    """Everything that a test could leave changed: weights, running means, dropout."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3)
    )


def examples(n=640):
    x = torch.randn(n, 6, generator=generator("x"))
    return x, x[:, :3].argmax(1)


def shuffled(stream):
    """Minibatches in an order that the stream draws."""
    x, y = examples()

    def batches():
        for indices in torch.randperm(len(y), generator=stream).split(64):
            yield x[indices], y[indices]

    return batches


@pytest.mark.parametrize("make_optimizer", [sgd, adam])
@pytest.mark.parametrize("steps", [10, 137])
def test_everything_is_put_back_exactly(make_optimizer, steps):
    model = network()
    model[1].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    stream = generator("order")
    modes = [module.training for module in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = [id(parameter) for parameter in model.parameters()]
    random, torchs = stream.get_state(), torch.get_rng_state()
    find_learning_rate(
        model, shuffled(stream), make_optimizer, high=100.0, steps=steps, generator=stream
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [id(parameter) for parameter in model.parameters()] == parameters
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[4].weight.grad is None
    assert torch.equal(stream.get_state(), random)
    assert torch.equal(torch.get_rng_state(), torchs)


def test_a_training_after_the_test_equals_one_without_it():
    def trained(with_test):
        model, stream = network(), generator("order")
        if with_test:
            find_learning_rate(model, shuffled(stream), sgd, steps=20, generator=stream)
        optimizer = sgd(model.parameters(), 0.1)
        for x, y in shuffled(stream)():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return model.state_dict()

    without, after = trained(False), trained(True)
    assert all(torch.equal(after[name], tensor) for name, tensor in without.items())


def test_the_model_is_put_back_when_a_step_fails():
    model = network()
    before = [parameter.clone() for parameter in model.parameters()]

    def batches():
        yield from [(examples()[0][:8], examples()[1][:8])] * 5
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        find_learning_rate(model, batches, sgd)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_rates_grow_by_equal_factors_and_batches_are_used_again():
    found = find_learning_rate(
        network(), shuffled(generator("order")), sgd, low=1e-4, high=1e-2, steps=25
    )
    assert len(found.learning_rates) == len(found.losses) == 25  # of ten minibatches each time
    assert found.learning_rates[0] == pytest.approx(1e-4)
    assert found.learning_rates[-1] == pytest.approx(1e-2)
    factors = [later / earlier for earlier, later in pairwise(found.learning_rates)]
    assert factors == pytest.approx([100 ** (1 / 24)] * 24)
    assert found.diverged_at is None


def test_the_losses_are_those_of_a_training_at_these_rates():
    found = find_learning_rate(
        network(), shuffled(generator("order")), sgd, low=0.01, high=1.0, steps=10
    )
    model = network()
    torch.manual_seed(0)
    model = network()
    losses = []
    for rate, (x, y) in zip(found.learning_rates, shuffled(generator("order"))(), strict=True):
        optimizer = sgd(model.parameters(), rate)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
    assert found.losses == pytest.approx(losses, rel=1e-5)


def test_a_quadratic_diverges_where_theory_says():
    # f(w) = λ w² / 2 falls for η < 2 / λ: beyond it every step makes it larger.
    curvature = 50.0
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    data = [(torch.ones(1, 1), torch.zeros(1, 1))]
    found = find_learning_rate(
        model, lambda: data, sgd, low=1e-6, high=10.0, steps=300,
        loss=lambda outputs, _: (curvature / 2 * outputs**2).mean(),
    )  # fmt: skip
    assert found.diverged_at is not None
    assert 2 / curvature < found.diverged_at < 10 * 2 / curvature  # it stops when it blows up
    assert found.suggestion is not None
    assert 1e-4 < found.suggestion < 2 / curvature


def test_the_steepest_place_is_found_per_factor_of_the_rate():
    rates = [10.0**power for power in range(-5, 3)]
    assert steepest(rates, [2.3, 2.3, 2.2, 1.9, 1.0, 0.8, 3.0, 9.0]) == 1e-2
    assert steepest(rates, [2.3, 2.3, 2.2, 1.9, 1.0, math.nan, 0.1, 0.0]) == 1e-2
    assert steepest(rates, [1.0, 1.1, 1.2, 1.3, 2.0, 3.0, 4.0, 5.0]) is None
    assert steepest([1e-3], [2.0]) is None


def test_the_running_mean_is_corrected_for_its_start():
    assert smooth([5.0, 5.0, 5.0]) == pytest.approx([5.0, 5.0, 5.0])
    once = smooth([1.0, 3.0])
    assert once == pytest.approx([1.0, (0.09 * 1.0 + 0.1 * 3.0) / 0.19])


def test_the_sentence_says_what_was_found_and_that_nothing_was_applied():
    found = RangeTest(
        learning_rates=(1e-6, 0.5), losses=(2.0, 9.0), smoothed=(2.0, 9.0),
        suggestion=0.001, diverged_at=0.5,
    )  # fmt: skip
    assert found.sentence == (
        "Over the learning rates 1e-06 to 0.5, the loss falls fastest at 0.001. The training "
        "diverges at 0.5. Nothing was applied: give the rate to the training yourself."
    )


def test_a_loss_that_never_falls_suggests_nothing():
    model = nn.Linear(2, 2)
    data = [(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))]
    found = find_learning_rate(
        model, lambda: data, sgd, low=1e-12, high=1e-11, steps=20,
        loss=lambda outputs, labels: F.cross_entropy(outputs * 0, labels),
    )  # fmt: skip
    assert found.suggestion is None
    assert "no rate is suggested" in found.sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.0}, "0 < low < high"),
        ({"low": 1.0, "high": 0.1}, "0 < low < high"),
        ({"high": math.inf}, "0 < low < high"),
        ({"low": 1e-300, "high": 1e30}, "from 1e-30 to 1e.30 at most, and got 1e-300"),
        ({"high": 1e300}, "at most, and got 1e-06 to 1e.300"),
        ({"steps": 9}, "at least 10 steps, and got 9"),
        ({"steps": 10**12}, "at most 10,000 steps, and got 1000000000000"),
    ],
)
def test_a_range_that_is_none_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        find_learning_rate(network(), shuffled(generator("order")), sgd, **options)


def test_no_minibatch_and_no_finite_loss_are_explained():
    with pytest.raises(UserError, match="at least one minibatch"):
        find_learning_rate(network(), list, sgd)
    x, y = examples(8)
    with pytest.raises(UserError, match="untrained model is nan"):
        find_learning_rate(network(), lambda: [(x * math.nan, y)], sgd)
