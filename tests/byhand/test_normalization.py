"""Batch and layer normalization, and dropout, equal autograd's."""

import pytest
import torch
import torch.nn.functional as F
from oracle import POPULATIONS, assert_close, check, draw

from retroprop.byhand.dropout import Dropout
from retroprop.byhand.normalization import BatchNorm2d, LayerNorm
from retroprop.errors import UserError


def batch_norm(*population, channels=3):
    layer = BatchNorm2d(draw(*population, channels, seed=1), draw(*population, channels, seed=2))
    layer.running_mean.copy_(draw(*population, channels, seed=3))
    layer.running_variance.copy_(draw(*population, channels, seed=4).square() + 0.1)
    return layer


def batch_norm_reference(*, training):
    def reference(x, p):
        running = p["running_mean"].clone(), p["running_variance"].clone()
        return F.batch_norm(x, *running, p["gamma"], p["beta"], training=training)

    return reference


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(1, 3, 1, 2), (1, 3, 5, 4), (2, 3, 1, 1), (8, 3, 6, 7)])
def test_batch_norm_equals_autograd(shape, training):
    check(
        batch_norm(),
        batch_norm_reference(training=training),
        3 * draw(*shape) + 5,
        training=training,
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("groups", "population"), POPULATIONS)
def test_batch_norm_of_a_population_equals_autograd(groups, population, training):
    check(
        batch_norm(*population),
        batch_norm_reference(training=training),
        draw(*groups, 4, 3, 2, 3),
        groups=groups,
        population=population,
        training=training,
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("groups", "population"), POPULATIONS)
def test_rectified_batch_norm_is_batch_norm_and_relu(groups, population, training):
    layer = batch_norm(*population)
    layer.rectified = True
    plain = batch_norm_reference(training=training)
    check(
        layer,
        lambda x, p: plain(x, p).relu(),
        draw(*groups, 4, 3, 2, 3),
        groups=groups,
        population=population,
        training=training,
    )


@pytest.mark.parametrize("values", [1, 10, 100])
@pytest.mark.parametrize("training", [True, False])
def test_pieces_change_no_normalization(values, training, monkeypatch):
    monkeypatch.setattr("retroprop.byhand.normalization.VALUES_IN_CACHE", values)
    check(
        batch_norm(2),
        batch_norm_reference(training=training),
        3 * draw(5, 3, 3, 2) + 5,
        population=(2,),
        training=training,
    )
    layer = LayerNorm(draw(2, 5, seed=1), draw(2, 5, seed=2))
    check(layer, layer_norm_reference, draw(7, 5), population=(2,))


@pytest.mark.parametrize(("groups", "population"), POPULATIONS)
def test_running_estimates_are_those_of_torch(groups, population):
    layer = batch_norm(*population)
    mean = layer.running_mean.clone().expand(*population, 3).reshape(-1, 3)
    variance = layer.running_variance.clone().reshape(-1, 3)
    shared = (1,) * (len(population) - len(groups))
    for seed in range(3):
        x = draw(*groups, 4, 3, 2, 3, seed=seed)
        layer.forward(x)
        of_members = x.view(*groups, *shared, 4, 3, 2, 3).expand(*population, 4, 3, 2, 3)
        for member, images in enumerate(of_members.reshape(-1, 4, 3, 2, 3)):
            F.batch_norm(images, mean[member], variance[member], training=True)
    layer.forward(x, training=False)  # changes nothing
    assert_close(layer.buffers["running_mean"].view(-1, 3), mean, "running mean", 1e-12)
    assert_close(layer.buffers["running_variance"].view(-1, 3), variance, "running variance", 1e-12)


def test_batch_norm_holds_channels_whose_mean_is_far_from_zero():
    layer = BatchNorm2d(torch.ones(1), torch.zeros(1))
    y, _ = layer.forward(draw(8, 1, 16, 16).float() + 1000)
    assert abs(y.std() - 1) < 1e-2


def test_one_value_per_channel_is_refused_in_training_only():
    layer = batch_norm()
    with pytest.raises(UserError, match="more than one value per channel"):
        layer.forward(draw(1, 3, 1, 1))
    assert layer.forward(draw(1, 3, 1, 1), training=False)[0].shape == (1, 3, 1, 1)


def layer_norm_reference(x, p):
    return F.layer_norm(x, (x.shape[-1],), p["gamma"], p["beta"])


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 6), (3, 4, 5), (2, 3, 4, 5)])
def test_layer_norm_equals_autograd(shape):
    layer = LayerNorm(draw(shape[-1], seed=1), draw(shape[-1], seed=2))
    check(layer, layer_norm_reference, 3 * draw(*shape) + 5)


@pytest.mark.parametrize(("groups", "population"), POPULATIONS)
def test_layer_norm_of_a_population_equals_autograd(groups, population):
    layer = LayerNorm(draw(*population, 5, seed=1), draw(*population, 5, seed=2), epsilon=1e-5)
    check(layer, layer_norm_reference, draw(*groups, 4, 5), groups=groups, population=population)


@pytest.mark.parametrize("population", [(1,), (7,), (2, 3)])
def test_layer_norm_of_tokens_of_a_population_equals_autograd(population):
    layer = LayerNorm(draw(*population, 5, seed=1), draw(*population, 5, seed=2))
    x = draw(*population, 2, 3, 5)
    check(layer, layer_norm_reference, x, groups=population, population=population)


def test_dropout_applies_its_mask_forward_and_backward():
    layer = Dropout(0.3, torch.Generator().manual_seed(0))
    x, dy = draw(50, 40), draw(50, 40, seed=1)
    y, mask = layer.forward(x)
    expected = mask.clone()
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs((mask == 0).double().mean() - 0.3) < 0.05
    assert torch.equal(y, x * mask)
    dx, _ = layer.backward(dy.clone(), mask)
    assert torch.equal(dx, dy * expected)


def test_dropout_draws_from_its_generator_alone():
    masks = [Dropout(0.5, torch.Generator().manual_seed(3)).forward(draw(9, 9))[1] for _ in "ab"]
    assert torch.equal(*masks)


@pytest.mark.parametrize(("probability", "training"), [(0.5, False), (0.0, True)])
def test_dropout_is_the_identity_in_evaluation_and_at_zero(probability, training):
    layer = Dropout(probability, torch.Generator())
    check(layer, lambda x, _: x, draw(3, 4), training=training)


@pytest.mark.parametrize("probability", [-0.1, 1.0, 2.0])
def test_a_dropout_probability_outside_its_range_is_refused(probability):
    with pytest.raises(UserError, match=r"\[0, 1\)"):
        Dropout(probability, torch.Generator())
