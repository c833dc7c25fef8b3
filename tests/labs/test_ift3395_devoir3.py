"""Devoir 3 of IFT3395: the template's names, defaults and numbers."""

import copy
import importlib
import inspect
import random

import numpy as np
import pytest
import torch
from benchmarks.template_trainer import largest_difference, pair
from torch import nn

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.figures.equivariance import equivariance_panels
from retroprop.labs.ift3395_devoir3 import equivariance, solution
from retroprop.labs.ift3395_devoir3.solution import (
    NetworkConfiguration,
    Trainer,
    gradient_norm,
    jacobian_norm,
)

LOGS = {
    "train_accuracy", "validation_accuracy", "train_loss", "validation_loss",
    "train_gradient_norm",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(shared_cache):
    """A trainer on the whole of Fashion-MNIST, as the template makes it; tests copy it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROPROP_CACHE", str(shared_cache))
        return Trainer()


@pytest.fixture
def small(whole):
    """Makes a trainer on the first training images, with its own network."""

    def make(kind="mlp", n_train=640, **settings):
        trainer = copy.copy(whole)
        trainer.network_type = kind
        torch.manual_seed(1)
        config = NetworkConfiguration(**settings)
        phi = Trainer.create_activation_function("relu")
        make = {"mlp": Trainer.create_mlp, "cnn": Trainer.create_cnn}[kind]
        trainer.network = make(784 if kind == "mlp" else 1, config, 10, phi)
        return pair(trainer, n_train)

    return make


# --- names ----------------------------------------------------------------------------------------


def parameters_of(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
    }


def test_the_constructor_has_the_templates_arguments_and_defaults():
    assert parameters_of(Trainer) == {
        "network_type": "mlp",
        "net_config": NetworkConfiguration(),
        "datapath": "./data",
        "n_classes": 10,
        "lr": 0.0001,
        "batch_size": 128,
        "activation_name": "relu",
        "normalization": True,
    }


def test_the_network_configuration_has_the_templates_fields_and_defaults():
    assert NetworkConfiguration()._asdict() == {
        "n_channels": (16, 32, 48),
        "kernel_sizes": (3, 3, 3),
        "strides": (1, 1, 1),
        "paddings": (0, 0, 0),
        "dense_hiddens": (256, 256),
    }


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("load_dataset", ["datapath"]),
        ("create_mlp", ["input_dim", "net_config", "n_classes", "activation"]),
        ("create_cnn", ["in_channels", "net_config", "n_classes", "activation"]),
        ("create_activation_function", ["activation_str"]),
        ("compute_gradient_norm", ["network"]),
        ("normalize", ["train", "valid", "test"]),
    ],
)
def test_static_methods_have_the_templates_arguments(name, arguments):
    assert isinstance(inspect.getattr_static(Trainer, name), staticmethod)
    assert list(parameters_of(getattr(Trainer, name))) == arguments


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("one_hot", ["self", "y"]),
        ("compute_loss_and_accuracy", ["self", "X", "y"]),
        ("training_step", ["self", "X_batch", "y_batch"]),
        ("log_metrics", ["self", "X_train", "y_train_oh", "X_valid", "y_valid_oh"]),
        ("train_loop", ["self", "n_epochs"]),
        ("evaluate", ["self", "X", "y"]),
        ("test_equivariance", ["self"]),
    ],
)
def test_methods_have_the_templates_arguments(name, arguments):
    assert list(parameters_of(getattr(Trainer, name))) == arguments


def test_the_norms_have_the_templates_arguments():
    assert list(parameters_of(gradient_norm)) == ["function", "tensor_list"]
    assert list(parameters_of(jacobian_norm)) == ["function", "input_tensor"]
    x, y = torch.tensor([3.0]), torch.tensor([[4.0]])
    assert gradient_norm(lambda x, y: (x**2 / 2).sum() + (y**2 / 2).sum(), x, y) == 5.0
    assert jacobian_norm(lambda x: torch.outer(x, x), torch.tensor([2.0])) == 4.0


def test_importing_the_module_seeds_all_generators_as_the_template_does():
    importlib.reload(solution)
    drawn = torch.rand(1), np.random.rand(), random.random()
    torch.manual_seed(197331)
    np.random.seed(197331)
    random.seed(197331)
    assert drawn == (torch.rand(1), np.random.rand(), random.random())


def test_the_attributes_are_the_templates(whole):
    assert {name for name in vars(whole) if not name.startswith("_")} == {
        "train", "valid", "test", "network_type", "network", "optimizer", "datapath", "n_classes",
        "lr", "batch_size", "epsilon", "train_logs",
    }  # fmt: skip
    assert type(whole.optimizer) is torch.optim.Adam
    assert whole.optimizer.param_groups[0]["params"] == list(whole.network.parameters())
    assert whole.optimizer.defaults["lr"] == 0.0001
    assert (whole.epsilon, whole.network_type) == (1e-9, "mlp")
    assert whole.train_logs == {name: [] for name in LOGS}
    assert sum(p.numel() for p in whole.network.parameters()) == 269_322


# --- data -----------------------------------------------------------------------------------------


def test_the_first_two_thousand_test_images_validate_and_the_others_test():
    train, valid, test = Trainer.load_dataset("./nowhere")
    data = load("fashion-mnist")
    for (images, labels), pixels, numbers in (
        (train, data.train_images, data.train_labels),
        (valid, data.test_images[:2000], data.test_labels[:2000]),
        (test, data.test_images[2000:], data.test_labels[2000:]),
    ):
        assert images.shape == (len(pixels), 1, 28, 28)
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert np.array_equal(images[:, 0].numpy(), pixels)  # raw grey levels, 0 to 255
        assert np.array_equal(labels.numpy(), numbers)


def test_normalizing_uses_the_training_set_alone(whole):
    X = whole.train[0].double()
    assert X.mean(0).abs().max() < 1e-4
    assert (X.std(0) - 1).abs().max() < 1e-4
    raw, raw_valid, raw_test = Trainer.load_dataset("./data")
    mean, std = raw[0].mean(0), raw[0].std(0)
    assert torch.equal(whole.valid[0], (raw_valid[0] - mean) / std)
    assert torch.equal(whole.test[0], (raw_test[0] - mean) / std)
    assert torch.equal(whole.test[1], raw_test[1])


def test_a_constant_feature_is_not_made_nan_and_the_sets_are_left_as_they_are():
    X = torch.tensor([[[[1.0, 0.1]]], [[[3.0, 0.1]]], [[[5.0, 0.1]]]])
    other = torch.tensor([[[[3.0, 0.6]]]])
    y = torch.arange(3)
    before = X.clone()
    train, valid, test = Trainer.normalize((X, y), (other, y[:1]), (other, y[:1]))
    assert train[0].flatten().tolist() == pytest.approx([-1, 0, 0, 0, 1, 0], abs=1e-6)
    assert valid[0].flatten().tolist() == pytest.approx([0, 0.5], abs=1e-6)
    assert torch.equal(valid[0], test[0])
    assert torch.equal(X, before)
    assert train[1] is y
    one = Trainer.normalize((X[:1], y[:1]), (other, y[:1]), (other, y[:1]))
    assert all(images.isfinite().all() for images, _ in one)


def test_one_hot_rows_are_the_documents_example(whole):
    trainer = copy.copy(whole)
    trainer.n_classes = 5
    rows = trainer.one_hot(torch.tensor([1, 0, 3, 4]))
    assert rows.tolist() == [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert trainer.one_hot(torch.tensor([], dtype=torch.int64)).shape == (0, 5)


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("relu", nn.ReLU), ("tanh", nn.Tanh), ("sigmoid", nn.Sigmoid)]
)
def test_activation_functions_are_modules(name, kind):
    assert type(Trainer.create_activation_function(name)) is kind


def test_an_mlp_is_flatten_linear_and_activation_and_softmax_last():
    phi = nn.Tanh()
    network = Trainer.create_mlp(12, NetworkConfiguration(dense_hiddens=(5, 4, 3)), 2, phi)
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Flatten, *[nn.Linear, nn.Tanh] * 3, nn.Linear, nn.Softmax]
    assert [tuple(p.shape) for p in network.parameters() if p.ndim == 2] == [
        (5, 12), (4, 5), (3, 4), (2, 3),
    ]  # fmt: skip
    out = network(torch.randn(7, 3, 2, 2))
    assert out.shape == (7, 2)
    assert torch.allclose(out.sum(1), torch.ones(7))


def test_a_cnn_has_the_documents_layers_and_takes_images_of_other_sizes():
    config = NetworkConfiguration(
        n_channels=(16, 32), kernel_sizes=(4, 5), strides=(1, 2), paddings=(1, 0)
    )
    network = Trainer.create_cnn(1, config, 10, nn.ReLU())
    assert isinstance(network, nn.Sequential)
    assert [type(layer) for layer in network] == [
        nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Conv2d, nn.ReLU, nn.AdaptiveMaxPool2d, nn.Flatten,
        nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear, nn.Softmax,
    ]  # fmt: skip
    first, second = network[0], network[3]
    assert (first.kernel_size, first.stride, first.padding) == ((4, 4), (1, 1), (1, 1))
    assert (second.kernel_size, second.stride, second.padding) == ((5, 5), (2, 2), (0, 0))
    assert (network[2].kernel_size, network[5].output_size) == (2, (4, 4))
    for height, width in ((28, 28), (40, 31)):
        out = network(torch.randn(3, 1, height, width))
        assert out.shape == (3, 10)
        assert torch.allclose(out.sum(1), torch.ones(3))


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 283_898),
        ({"n_channels": (16, 32, 45), "kernel_sizes": (3, 3, 3)}, 270_743),
        ({"n_channels": (8, 16, 32, 64), "kernel_sizes": (1,) * 4, "strides": (1,) * 4,
          "paddings": (0,) * 4}, 333_578),
    ],
)  # fmt: skip
def test_the_number_of_parameters_of_a_cnn_is_known(settings, count):
    network = Trainer.create_cnn(1, NetworkConfiguration(**settings), 10, nn.ReLU())
    assert sum(p.numel() for p in network.parameters()) == count


# --- training -------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_cross_entropy_of_clamped_probabilities(small):
    trainer, _ = small()
    probabilities = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.25, 0.25]], requires_grad=True)
    trainer.n_classes = 3
    trainer.network = nn.Module()
    trainer.network.forward = lambda X: probabilities
    y = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    loss, accuracy = trainer.compute_loss_and_accuracy(torch.zeros(2, 1, 28, 28), y)
    assert isinstance(loss, torch.Tensor)
    assert isinstance(accuracy, float)
    assert loss.item() == pytest.approx((-np.log(1e-9) - np.log(0.25)) / 2)
    assert accuracy == 0.0
    loss.backward()  # it keeps its graph; a clamped probability gets no gradient
    assert probabilities.grad[0].tolist() == [0, 0, 0]
    assert probabilities.grad[1].tolist() == pytest.approx([0, -2, 0])


def test_a_step_returns_the_norm_of_the_gradient_before_it_and_moves_the_parameters(small):
    trainer, _ = small()
    X, y = trainer.train[0][:50], trainer.one_hot(trainer.train[1][:50])
    loss, _ = trainer.compute_loss_and_accuracy(X, y)
    assert trainer.compute_loss_and_accuracy(X=X, y=y.long())[0] == loss  # whole numbers too
    gradients = torch.autograd.grad(loss, list(trainer.network.parameters()))
    expected = torch.cat([g.flatten() for g in gradients]).double().norm().item()
    before = [p.detach().clone() for p in trainer.network.parameters()]
    norm = trainer.training_step(X, y)
    assert isinstance(norm, float)
    assert norm == pytest.approx(expected, rel=1e-6)
    assert Trainer.compute_gradient_norm(trainer.network) == norm
    moved = [(a - b).abs().max() for a, b in zip(before, trainer.network.parameters(), strict=True)]
    assert max(moved).item() == pytest.approx(trainer.lr, rel=1e-2)  # Adam's first step


def test_a_network_without_gradients_has_the_norm_0():
    assert Trainer.compute_gradient_norm(nn.Linear(2, 2)) == 0.0


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_logs_are_those_of_the_straightforward_trainer(small, kind):
    ours, theirs = small(kind, n_train=700)  # 5 minibatches of 128 and one of 60
    logs = ours.train_loop(2)
    assert logs is ours.train_logs
    assert set(logs) == LOGS
    assert {name: len(values) for name, values in logs.items()} == {
        name: 2 if name == "train_gradient_norm" else 3 for name in LOGS
    }
    assert largest_difference(logs, theirs.train_loop(2)) <= 1e-6
    for a, b in zip(ours.network.parameters(), theirs.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_minibatches_are_consecutive_slices_in_the_same_order_every_epoch(small, monkeypatch):
    trainer, _ = small(n_train=300)
    seen = []

    def note(X, y):
        seen.append((X, y))
        return float(len(seen))

    monkeypatch.setattr(trainer, "training_step", note)
    trainer.train_loop(2)
    assert [len(X) for X, _ in seen] == [128, 128, 44] * 2
    X, y = (torch.cat(parts[:3]) for parts in zip(*seen, strict=True))
    assert torch.equal(X, trainer.train[0])
    assert torch.equal(y, trainer.one_hot(trainer.train[1]))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(seen[:3], seen[3:], strict=True))
    assert trainer.train_logs["train_gradient_norm"] == [3.0, 6.0]  # of the last minibatch


def test_the_logs_are_of_the_first_two_thousand_training_images_and_of_the_validation_set(small):
    trainer, _ = small(n_train=2500)
    trainer.train_loop(0)
    X, y = trainer.train
    for name, loss_and_accuracy in {
        "train": trainer.evaluate(X[:2000], y[:2000]),
        "validation": trainer.evaluate(*trainer.valid),
    }.items():
        assert trainer.train_logs[f"{name}_loss"] == [float(loss_and_accuracy[0])]
        assert trainer.train_logs[f"{name}_accuracy"] == [loss_and_accuracy[1]]
    assert trainer.train_logs["train_gradient_norm"] == []


def test_training_can_go_on_in_another_call(small):
    (ours, _), (again, _) = small(n_train=300), small(n_train=300)
    once = ours.train_loop(3)
    again.train_loop(1)
    twice = again.train_loop(2)
    assert twice["train_gradient_norm"] == once["train_gradient_norm"]
    assert twice["train_loss"][-2:] == once["train_loss"][-2:]


def test_evaluating_is_over_the_whole_set_and_keeps_no_graph(small):
    trainer, _ = small()
    X, y = trainer.test[0][:4100], trainer.test[1][:4100]
    loss, accuracy = trainer.evaluate(X, y)
    with torch.no_grad():
        whole_loss, whole_accuracy = trainer.compute_loss_and_accuracy(X, trainer.one_hot(y))
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(whole_loss.item(), rel=1e-6)
    assert accuracy == whole_accuracy
    assert trainer.evaluate(X, trainer.one_hot(y)) == (loss, accuracy)
    assert trainer.network.training


def test_training_learns(small):
    trainer, _ = small(n_train=6400)
    logs = trainer.train_loop(2)
    assert logs["validation_accuracy"][0] < 0.3
    assert logs["validation_accuracy"][-1] > 0.7


# --- equivariance ---------------------------------------------------------------------------------


def test_features_follow_a_shift_inside_the_borders_and_do_not_follow_a_rotation(whole):
    state = torch.get_rng_state()
    panels = whole.test_equivariance()
    assert torch.equal(torch.get_rng_state(), state)
    assert panels._fields == ("original", "features", "shift_difference", "rotation_difference")
    raw = load("fashion-mnist").train_images[0] / 255  # also of a trainer that normalizes
    assert torch.allclose(panels.original[0], torch.tensor(raw).float())
    assert panels.features.shape == (1, 24, 24)
    assert panels.features.std() > 0.01
    inside = panels.shift_difference[0, 5:, 5:]
    assert inside.max() < 1e-6
    assert panels.shift_difference.max() > 0.01  # the strip that enters from outside
    assert panels.rotation_difference[0, 2:-2, 2:-2].max() > 0.01


def test_a_kernel_that_lets_nothing_pass_is_drawn_again():
    image = torch.ones(1, 12, 12) * torch.linspace(0, 1, 12)
    for seed in range(20):
        assert equivariance.compare_movements(image, seed=seed).features.std() > 0


def test_the_figure_has_four_panels_and_one_scale_for_features_and_differences(whole):
    figure = whole.test_equivariance().figure()
    axes = figure.axes
    assert [a.get_title(loc="left") for a in axes] == [
        "original image", "features", "|shift difference|", "|rotation difference|",
    ]  # fmt: skip
    limits = {a.images[0].get_clim() for a in axes[1:]}
    assert len(limits) == 1
    french = equivariance_panels(*[np.full((2, 2), 0.5)] * 4, language="fr")
    assert french.axes[0].get_xlabel().endswith("0,5")


# --- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"network_type": "cn"}, "Did you mean 'cnn'"),
        ({"activation_name": "rleu"}, "Did you mean 'relu'"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1, and got 0"),
        ({"lr": -1.0}, "lr must be a number from 0"),
        ({"lr": float("nan")}, "lr must be a number from 0"),
        (
            {"network_type": "cnn", "net_config": NetworkConfiguration(kernel_sizes=(29, 3, 3))},
            "convolution 1 has a kernel of 29 × 29, larger than its input of 28 × 28",
        ),
        (
            {"network_type": "cnn", "net_config": NetworkConfiguration(kernel_sizes=(7, 7, 7))},
            "convolution 3 has a kernel of 7 × 7, larger than its input of 2 × 2",
        ),
        (
            {"network_type": "cnn", "net_config": NetworkConfiguration(n_channels=(4,))},
            "one value per convolution",
        ),
        ({"net_config": NetworkConfiguration(dense_hiddens=(4, 0))}, "1 unit or more each"),
    ],
)
def test_a_trainer_that_cannot_be_is_explained(settings, sentence, whole, monkeypatch):
    sets = tuple((X[:4], y[:4]) for X, y in (whole.train, whole.valid, whole.test))
    monkeypatch.setattr(Trainer, "load_dataset", staticmethod(lambda datapath: sets))
    with pytest.raises(UserError, match=sentence):
        Trainer(**settings)


def test_labels_and_shapes_that_cannot_be_are_explained(small):
    trainer, _ = small()
    X = trainer.train[0][:3]
    for y in (torch.tensor([0, 10, 2]), torch.tensor([-1, 0, 0])):
        with pytest.raises(UserError, match="whole numbers from 0 to 9, and reach from"):
            trainer.one_hot(y)
        with pytest.raises(UserError, match="whole numbers from 0 to 9"):
            trainer.evaluate(X, y)
    for labels in (torch.zeros(2, 10), torch.zeros(3, 9)):
        with pytest.raises(UserError, match="one row of 10 per image"):
            trainer.training_step(X, labels)
    with pytest.raises(UserError, match="one row of 10 per image"):
        trainer.compute_loss_and_accuracy(X[:0], torch.zeros(0, 10))
    with pytest.raises(UserError, match="n_epochs"):
        trainer.train_loop(-1)
    with pytest.raises(UserError, match="images of one shape"):
        Trainer.normalize((X, X), (X[..., :5], X), (X, X))
