"""Softmax regression by hand against autograd, central differences and torch's own functions."""

import ast
from pathlib import Path

import pytest
import torch

import retroprop.byhand
from retroprop.byhand.losses import (
    cross_entropy_and_hits,
    one_hot,
    softmax,
    softmax_cross_entropy_gradient,
)
from retroprop.byhand.online import BLOCK, train_one_by_one
from retroprop.byhand.optimizers import SGD, Adam
from retroprop.byhand.softmax_regression import SoftmaxRegression, initial_weights

CLASSES = 4
FEATURES = 6  # the constant 1 included


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize(("of_inputs", "of_weights"), [((), ()), ((), (2,)), ((2,), (2, 7))])
def test_gradient_equals_autograd(reduction, batch, of_inputs, of_weights):
    x, labels, W = example(batch, of_inputs, of_weights)
    model = SoftmaxRegression(W)
    targets = one_hot(labels, CLASSES, torch.float64)
    by_hand = model.gradient(x, wide(targets, of_inputs, of_weights), reduction=reduction)

    W = W.clone().requires_grad_()
    log_p = torch.log_softmax(wide(x, of_inputs, of_weights) @ W, -1)
    loss = -(log_p * wide(targets, of_inputs, of_weights)).sum()
    (expected,) = torch.autograd.grad(loss / batch if reduction == "mean" else loss, W)
    assert relative_error(by_hand, expected) < 1e-12


def test_gradient_equals_central_differences():
    x, labels, W = example(5, (), ())
    targets = one_hot(labels, CLASSES, torch.float64)
    by_hand = SoftmaxRegression(W).gradient(x, targets, reduction="sum")
    for row in range(FEATURES):
        for column in range(CLASSES):
            step = torch.zeros_like(W)
            step[row, column] = 1e-6
            up, _ = cross_entropy_and_hits(x @ (W + step), labels)
            down, _ = cross_entropy_and_hits(x @ (W - step), labels)
            assert abs((up - down) / 2e-6 - by_hand[row, column]) < 1e-7


def test_softmax_is_stable_for_logits_of_a_hundred_thousand():
    p = softmax(torch.tensor([[1e3, 1e4, 1e5], [-1e5, -1e5, -1e5]], dtype=torch.float64))
    assert p.isfinite().all()
    torch.testing.assert_close(p.sum(-1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(p[1], torch.full((3,), 1 / 3, dtype=torch.float64))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_equals_torch_along_any_axis(axis):
    z = torch.randn(3, 5, 4, dtype=torch.float64) * 10
    torch.testing.assert_close(softmax(z, axis), torch.softmax(z, axis))


def test_cross_entropy_equals_torch_and_survives_underflow():
    z = torch.tensor([[0.0, 800.0], [3.0, 1.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0])
    loss, hits = cross_entropy_and_hits(z, labels)
    expected = torch.nn.functional.cross_entropy(z, labels, reduction="sum")
    torch.testing.assert_close(loss, expected)
    assert loss > 800
    assert int(hits) == 1


def test_equal_logits_are_not_all_counted_as_hits():
    _, hits = cross_entropy_and_hits(torch.zeros(10, CLASSES), torch.arange(10) % CLASSES)
    assert int(hits) == 3  # the first class is predicted: labels 0, 4 and 8


def test_gradient_of_the_logits_sums_to_zero_over_classes():
    z = torch.randn(3, 8, CLASSES, dtype=torch.float64)
    dz = softmax_cross_entropy_gradient(z, one_hot(torch.arange(8) % CLASSES, CLASSES))
    assert dz.sum(-1).abs().max() < 1e-14


@pytest.mark.parametrize("by_hand", [SGD, Adam])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_optimizer_equals_torch_over_fifty_steps(by_hand, dtype):
    """Adam on weights whose gradient is often zero, which is where √v is 0."""
    generator = torch.Generator().manual_seed(1)
    ours = torch.randn(3, 5, 2, generator=generator, dtype=dtype)
    theirs = ours.clone().requires_grad_()
    optimizer = by_hand(ours, 0.05)
    reference = {SGD: torch.optim.SGD, Adam: torch.optim.Adam}[by_hand]([theirs], lr=0.05)
    for _ in range(50):
        dW = torch.randn(3, 5, 2, generator=generator, dtype=dtype)
        dW[:, :2] = 0
        optimizer.step(ours, dW)
        theirs.grad = dW.clone()
        reference.step()
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    assert relative_error(ours, theirs.detach()) < tolerance


def test_each_member_follows_its_own_learning_rate():
    W = torch.ones(2, 3, 2, dtype=torch.float64)
    rates = torch.tensor([0.1, 0.5], dtype=torch.float64).view(2, 1, 1)
    SGD(W, rates).step(W, torch.ones_like(W))
    assert torch.equal(W[0], torch.full((3, 2), 0.9, dtype=torch.float64))
    assert torch.equal(W[1], torch.full((3, 2), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("examples", [1, BLOCK - 1, BLOCK, 2 * BLOCK + 3])
@pytest.mark.parametrize("groups", [(), (2,)])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_blocks_of_single_example_steps_equal_the_plain_loop(examples, groups, kind):
    generator = torch.Generator().manual_seed(2)
    W = torch.randn(*groups, 3, FEATURES, CLASSES, generator=generator, dtype=torch.float64)
    x = torch.rand(*groups, examples, FEATURES, generator=generator, dtype=torch.float64)
    x[..., :2] = 0  # pixels that are always black, where both moments stay 0
    labels = torch.randint(0, CLASSES, (*groups, examples), generator=generator)
    y = one_hot(labels, CLASSES, torch.float64)
    rates = torch.tensor([0.5, 0.1, 0.01], dtype=torch.float64).view(3, 1, 1)

    plain = SoftmaxRegression(W)
    optimizer = kind(plain.W, rates)
    for t in range(examples):
        targets = y[..., t : t + 1, :].unsqueeze(-3)
        optimizer.step(plain.W, plain.gradient(x[..., t : t + 1, :], targets))

    blocked = SoftmaxRegression(W)
    same = kind(blocked.W, rates)
    half = examples // 2  # the second call continues where the first one ended
    train_one_by_one(blocked.W, x[..., :half, :], y[..., :half, :], same)
    train_one_by_one(blocked.W, x[..., half:, :], y[..., half:, :], same)
    assert relative_error(blocked.W, plain.W) < 1e-12
    if kind is Adam:
        assert same.t == optimizer.t
        for moment in ("m", "v"):
            ours, expected = getattr(same, moment), getattr(optimizer, moment)
            torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-15)


def test_initial_weights_of_a_seed_do_not_depend_on_the_other_seeds():
    together = initial_weights(4, 3, seeds=[0, 1, 2])
    alone = initial_weights(4, 3, seeds=[1])
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("file", sorted(Path(retroprop.byhand.__file__).parent.glob("*.py")))
def test_byhand_uses_neither_torch_nn_nor_autograd_nor_torch_optim(file):
    assert forbidden_uses(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        "import torch.nn",
        "from torch import nn",
        "import torch.nn.functional as F",
        "from torch.autograd import grad",
        "import torch\ntorch.nn.functional.softmax(x)",
        "import torch\ntorch._C._nn.cross_entropy_loss(x)",
        "import torch\ntorch._fused_adam_([], [])",
        "loss.backward()",
        "z.backward(dz)",
        "z.backward(dz, retain_graph=True)",
        "W.requires_grad_()",
        "torch.tensor(1.0, requires_grad=True)",
        "import torch.optim",
        "torch.softmax(z, -1)",
        "z.log_softmax(-1)",
        "import importlib\nimportlib.import_module('torch.nn')",
    ],
)
def test_the_search_for_forbidden_uses_finds_them(code):
    assert forbidden_uses(code) != []


FORBIDDEN_NAMES = {
    "nn",
    "autograd",
    "optim",
    "backward",
    "requires_grad",
    "requires_grad_",
    "grad",
    "softmax",
    "log_softmax",
    "logsumexp",
    "cross_entropy_loss",
    "vmap",
    "func",
    "importlib",
    "getattr",
}


def forbidden_uses(code):
    """Every import, attribute or keyword that reaches torch's layers, losses or derivatives."""
    found = []
    tree = ast.parse(code)
    # a layer's backward takes dy and what forward saved; a tensor's needs a graph, and so
    # requires_grad, which is searched for too
    of_layers = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            names = (node.module or "").split(".") + [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [] if node.attr == "backward" and id(node) in of_layers else [node.attr]
            if node.attr.startswith("_") and is_torch(node.value):
                found.append(node.attr)
        elif isinstance(node, ast.keyword):
            names = [node.arg or ""]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [node.func.id] if node.func.id == "getattr" else []
        found += [name for name in names if name in FORBIDDEN_NAMES]
    return found


def is_torch(node):
    return isinstance(node, ast.Name) and node.id == "torch"


def example(batch, of_inputs, of_weights):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(*of_inputs, batch, FEATURES, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (*of_inputs, batch), generator=generator)
    W = torch.randn(*of_weights, FEATURES, CLASSES, generator=generator, dtype=torch.float64)
    return x, labels, W


def wide(tensor, of_inputs, of_weights):
    """Insert the population axes that share their inputs."""
    return tensor[(..., *(None,) * (len(of_weights) - len(of_inputs)), slice(None), slice(None))]


def relative_error(got, expected):
    return float((got - expected).abs().max() / expected.abs().max())
