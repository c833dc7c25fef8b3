"""The by-hand multilayer perceptron: the clear one, the fast one, and exact blocks of its steps.

The shallow network, which is written in the assignment's letters, is compared with it.
"""

import itertools

import pytest
import torch

from retroprop.byhand.block import one_block, spread_over, views
from retroprop.byhand.block_steps import BLOCK, train_network_in_blocks
from retroprop.byhand.fast_mlp import COLUMNS, FastMLP
from retroprop.byhand.losses import (
    one_hot,
    softmax_cross_entropy_gradient,
    squared_error_and_hits,
    squared_error_gradient,
)
from retroprop.byhand.mlp import MLP, initial_parameters
from retroprop.byhand.shallow_network import ShallowNetwork

FEATURES, CLASSES = 9, 3
POPULATIONS = [  # of the weights, and of the inputs
    ((), ()),
    ((1,), ()),
    ((3,), ()),
    ((3,), (3,)),
    ((2, 3), (2,)),
    ((2, 3), ()),
    ((2, 1), (2,)),
    ((1, 3), (1,)),
    ((2, 3), (2, 3)),
]
PHI = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
}
LOSS_GRADIENTS = {"softmax": softmax_cross_entropy_gradient, "linear": squared_error_gradient}


@pytest.mark.parametrize("hidden", [(), (7,), (7, 4)])
@pytest.mark.parametrize("output", ["softmax", "linear"])
@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize(
    ("population", "groups", "batch"),
    [
        ((2, 3), (2,), COLUMNS + 1),
        ((3,), (), COLUMNS),
        ((3,), (3,), COLUMNS),
        *((population, groups, 6) for population, groups in POPULATIONS),
    ],
)
def test_every_gradient_equals_autograd(population, groups, batch, activation, output, hidden):
    parameters = random_parameters(population, hidden)
    x, targets = random_examples(groups, batch)
    x.requires_grad_()
    named = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    wide = (*groups, *(1,) * (len(population) - len(groups)))
    h, targets = x.view(*wide, *x.shape[-2:]), targets.view(*wide, *targets.shape[-2:])
    for layer in range(len(hidden)):
        name = f"hidden_layers.{layer}"
        h = PHI[activation](h @ named[f"{name}.W"] + named[f"{name}.b"].unsqueeze(-2))
    z = h @ named["output_layer.W"] + named["output_layer.b"].unsqueeze(-2)
    if output == "softmax":
        loss = -(torch.log_softmax(z, -1) * targets).sum()
    else:
        loss = 0.5 * (z - targets).square().sum()
    *expected, expected_dx = torch.autograd.grad(loss, [*named.values(), x])

    with torch.no_grad():
        fast = FastMLP(parameters, activation=activation, output=output)
        of_loss = LOSS_GRADIENTS[output]
        for network in (MLP(parameters, activation=activation), fast):
            ours, saved = network.forward(x)
            torch.testing.assert_close(ours, z, rtol=1e-12, atol=1e-12)
            dx, gradients = network.backward(of_loss(ours, targets), saved)
            assert list(gradients) == list(named)
            for name, wanted in zip(named, expected, strict=True):
                assert gradients[name].shape == wanted.shape
                assert relative_error(gradients[name], wanted) < 1e-12, name
            assert relative_error(dx, expected_dx) < 1e-12
        flat = fast.gradient(x, targets, reduction="sum")
        for name, wanted in zip(named, expected, strict=True):
            got = views(flat, fast.shapes)[name]
            assert relative_error(got.mT if name.endswith("W") else got, wanted) < 1e-12


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize(("population", "groups"), POPULATIONS)
def test_the_fast_network_is_the_clear_one(population, groups, activation, depth):
    parameters = random_parameters(population, (7, 4, 5, 3)[:depth])
    clear = MLP(parameters, activation=activation)
    for output, batch in itertools.product(LOSS_GRADIENTS, (1, 6, COLUMNS + 1)):
        fast = FastMLP(parameters, activation=activation, output=output)
        x, targets = random_examples(groups, batch)
        targets = targets.view(*groups, *(1,) * (len(population) - len(groups)), batch, CLASSES)
        z, saved = clear.forward(x)
        fast_z, fast_saved = fast.forward(x)
        assert relative_error(fast_z, z) < 1e-13
        dz = LOSS_GRADIENTS[output](z, targets) / batch
        dx, gradients = clear.backward(dz.clone(), saved)
        fast_dx, fast_gradients = fast.backward(dz.clone(), fast_saved)
        in_one_block = views(fast.gradient(x, targets).clone(), fast.shapes)
        assert relative_error(fast_dx, dx) < 1e-12
        for name, gradient in gradients.items():
            assert relative_error(fast_gradients[name], gradient) < 1e-12, name
            stored = in_one_block[name]
            stored = stored.mT if name.endswith("W") else stored
            assert relative_error(stored, gradient) < 1e-12, name
        fast.descend(x, targets, 0.5)
        for name, gradient in gradients.items():
            stepped = parameters[name] - 0.5 * gradient
            assert relative_error(fast.parameters[name], stepped) < 1e-12, name


def test_the_parameters_are_views_of_one_block():
    network = FastMLP(random_parameters((2,), (7,)))
    network.theta.fill_(0.25)
    assert all((tensor == 0.25).all() for tensor in network.parameters.values())
    assert sum(tensor.numel() for tensor in network.parameters.values()) == len(network.theta)


@pytest.mark.parametrize("batch", [1, 6, COLUMNS])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("population", "groups"), POPULATIONS)
def test_descending_is_a_step_along_the_gradient(population, groups, reduction, batch):
    x, targets = random_examples((), batch)
    x = x.expand(*groups, *x.shape)
    plain, direct = (FastMLP(random_parameters(population, (7, 4))) for _ in range(2))
    eta = torch.rand(population, generator=torch.Generator().manual_seed(1)).double()
    each = spread_over(plain.theta, plain.shapes, eta)
    for _ in range(3):
        plain.theta.sub_(each * plain.gradient(x, targets, reduction=reduction))
        direct.descend(x, targets, eta[..., None, None], reduction=reduction)
    assert relative_error(direct.theta, plain.theta) < 1e-12


def test_a_mean_gradient_is_the_sum_divided_by_the_batch():
    network = FastMLP(random_parameters((), (7,)))
    x, targets = random_examples((), 5)
    summed = network.gradient(x, targets, reduction="sum").clone()
    torch.testing.assert_close(network.gradient(x, targets), summed / 5, rtol=1e-12, atol=0)


def test_an_unknown_activation_is_named_with_a_suggestion():
    for network in (MLP, FastMLP):
        with pytest.raises(ValueError, match=r"unknown activation 'rely'\. Did you mean 'relu'"):
            network(random_parameters((), (7,)), activation="rely")


def test_initial_parameters_of_a_seed_do_not_depend_on_the_others():
    together = initial_parameters(9, (7,), 3, seeds=[0, 1, 2])
    alone = initial_parameters(9, (7,), 3, seeds=[1])
    for name, tensor in together.items():
        assert torch.equal(tensor[1], alone[name][0])


def test_automatic_initial_scale_keeps_the_variance_of_the_signal():
    drawn = initial_parameters(1000, (2000, 2000), 10, seeds=[0])
    h = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    for layer in range(2):
        h = (h @ drawn[f"hidden_layers.{layer}.W"][0]).relu()
        assert 0.9 < h.square().mean() < 1.1


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("examples", "batch"),
    [(1, 1), (BLOCK - 1, 1), (BLOCK, 1), (2 * BLOCK + 3, 1), (3 * BLOCK + 1, 8), (70, 70)],
)
@pytest.mark.parametrize(
    ("seeds", "rates", "activation", "output", "hidden"),
    [
        (1, 1, "sigmoid", "linear", (7,)),
        (2, 3, "relu", "softmax", (7, 5)),
        (2, 3, "tanh", "linear", (7, 5, 4)),
        (3, 1, "gelu", "softmax", (6,)),
        (1, 4, "relu", "softmax", (6,)),
    ],
)
def test_blocks_of_steps_equal_the_plain_loop(
    seeds, rates, activation, output, hidden, examples, batch, reduction
):
    parameters = random_parameters((seeds, rates), hidden)
    plain, blocked = (FastMLP(parameters, activation=activation, output=output) for _ in range(2))
    x, targets = random_examples((seeds,), examples)
    eta = torch.linspace(0.01, 0.1, seeds * rates, dtype=torch.float64).view(seeds, rates)
    each = spread_over(plain.theta, plain.shapes, eta)
    for some, target in zip(x.split(batch, 1), targets.split(batch, 1), strict=True):
        gradient = plain.gradient(some, target.unsqueeze(1), reduction=reduction)
        plain.theta.sub_(each * gradient)
    half = examples // 2 // batch * batch
    for part in (slice(0, half), slice(half, None)) if half else (slice(None),):
        train_network_in_blocks(
            blocked, x[:, part], targets[:, part], eta, batch_size=batch, reduction=reduction
        )
    assert relative_error(blocked.theta, plain.theta) < 1e-11


def test_single_example_steps_of_a_network_without_hidden_layer_are_refused():
    network = FastMLP(random_parameters((1, 1), ()))
    x, targets = random_examples((1,), 4)
    with pytest.raises(ValueError, match="expected a network with a hidden layer"):
        train_network_in_blocks(network, x, targets, 0.1)


@pytest.mark.parametrize("population", [(), (2,), (2, 3)])
def test_the_shallow_network_is_the_mlp_with_one_sigmoid_layer(population):
    parameters = random_parameters(population, (7,))
    mlp = FastMLP(parameters, activation="sigmoid", output="linear")
    shallow = ShallowNetwork(
        *(
            torch.cat((parameters[f"{name}.W"], parameters[f"{name}.b"].unsqueeze(-2)), -2)
            for name in ("hidden_layers.0", "output_layer")
        )
    )
    groups = population[:1]
    for _ in range(20):
        x, targets = random_examples(groups, 1)
        t = targets.view(*groups, *(1,) * (len(population) - len(groups)), 1, CLASSES)
        shallow.step(x, t, 0.1)
        mlp.theta.sub_(mlp.gradient(x, t), alpha=0.1)
    for W, name in zip(
        shallow.parameters.values(), ("hidden_layers.0", "output_layer"), strict=True
    ):
        assert relative_error(W[..., :-1, :], mlp.parameters[f"{name}.W"]) < 1e-12
        assert relative_error(W[..., -1, :], mlp.parameters[f"{name}.b"]) < 1e-12


def test_the_shallow_rule_is_that_of_the_document():
    """The four equations of part 2, neuron by neuron."""
    generator = torch.Generator().manual_seed(1)
    w1 = torch.randn(4, 6, generator=generator, dtype=torch.float64)  # w_ij: neuron i, input j
    w2 = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    network = ShallowNetwork(w1.T, w2.T)
    x = [*torch.rand(5, generator=generator, dtype=torch.float64).tolist(), 1.0]
    t, eta = [0.0, 1.0, 0.0], 0.05
    y1 = [1 / (1 + float(torch.exp(-sum(w1[i, j] * x[j] for j in range(6))))) for i in range(4)]
    y1_and_one = [*y1, 1.0]
    y2 = [sum(w2[i, j] * y1_and_one[j] for j in range(5)) for i in range(3)]
    delta2 = [t[i] - y2[i] for i in range(3)]
    delta1 = [y1[i] * (1 - y1[i]) * sum(delta2[j] * w2[j, i] for j in range(3)) for i in range(4)]
    for i, j in itertools.product(range(3), range(5)):
        w2[i, j] += eta * delta2[i] * y1_and_one[j]
    for i, j in itertools.product(range(4), range(6)):
        w1[i, j] += eta * delta1[i] * x[j]
    inputs = torch.tensor([x[:-1]], dtype=torch.float64)
    network.step(inputs, torch.tensor([t], dtype=torch.float64), eta)
    torch.testing.assert_close(network.W1, w1.T, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(network.W2, w2.T, rtol=1e-13, atol=1e-14)


def test_squared_error_and_hits_equal_the_plain_sum():
    z = torch.randn(2, 8, CLASSES, dtype=torch.float64)
    labels = torch.arange(8) % CLASSES
    loss, hits = squared_error_and_hits(z, labels)
    targets = one_hot(labels, CLASSES, torch.float64)
    torch.testing.assert_close(loss, 0.5 * (z - targets).square().sum((-2, -1)))
    assert torch.equal(hits, (z.argmax(-1) == labels).sum(-1))


def test_a_block_holds_its_parameters_one_after_the_other():
    theta, named = one_block({"W": torch.ones(2, 3), "b": torch.zeros(2)})
    assert theta.tolist() == [1, 1, 1, 1, 1, 1, 0, 0]
    named["b"] += 7
    assert theta.tolist() == [1, 1, 1, 1, 1, 1, 7, 7]


def random_parameters(population, hidden):
    generator = torch.Generator().manual_seed(4)
    sizes = list(itertools.pairwise((FEATURES, *hidden, CLASSES)))
    named = {}
    for layer, (n_in, n_out) in enumerate(sizes):
        name = "output_layer" if layer == len(sizes) - 1 else f"hidden_layers.{layer}"
        for key, shape in (("W", (n_in, n_out)), ("b", (n_out,))):
            draw = torch.randn(*population, *shape, generator=generator, dtype=torch.float64)
            named[f"{name}.{key}"] = draw / n_in**0.5
    return named


def random_examples(groups, n):
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(*groups, n, FEATURES, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (*groups, n), generator=generator)
    targets = one_hot(labels, CLASSES, torch.float64)
    return x, targets


def relative_error(got, expected):
    return float((got - expected).abs().max() / expected.abs().max())
