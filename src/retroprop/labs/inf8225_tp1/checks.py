"""What is computed while the document is written: our functions beside PyTorch's, in milliseconds.

Every check draws its inputs from a generator with a fixed seed, in double precision unless it says
otherwise, and returns the largest absolute difference. Nothing here is trained on images.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from retroprop.labs.inf8225_tp1 import mlp, regression
from retroprop.labs.inf8225_tp1.mlp import MLPModel
from retroprop.labs.inf8225_tp1.regression import InMemoryLoader, LinearModel

FEATURES, CLASSES, BATCH = 784, 10, 32
STEPS = 20
STABLE_EXAMPLE = (1000.0, 10000.0, 100000.0)


@contextlib.contextmanager
def _seeded(seed: int = 0) -> Iterator[None]:
    """Draws from torch's global generator are those of a seed, and leave no trace outside."""
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
        torch.manual_seed(seed)
        yield


def _largest(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())


def _batch(n: int = BATCH, features: int = FEATURES) -> tuple[Tensor, Tensor]:
    """Random inputs between 0 and 1 and random one-hot labels, in double precision."""
    x = torch.rand(n, features, dtype=torch.float64)
    labels = torch.randint(CLASSES, (n,))
    return x, torch.nn.functional.one_hot(labels, CLASSES).double()


# --- part 2 ---------------------------------------------------------------------------------------


def accuracy_by_counting() -> float:
    """The number of well classified examples of `accuracy` against a loop over a thousand."""
    with _seeded():
        _, y = _batch(1000, 1)
        y_pred = torch.rand(1000, CLASSES, dtype=torch.float64)
        counted = sum(
            int(max(range(CLASSES), key=p.__getitem__) == t.index(1.0))
            for p, t in zip(y_pred.tolist(), y.tolist(), strict=True)
        )
        return abs(float(regression.accuracy(y, y_pred)[1][0]) - counted)


def cross_entropy_of_torch() -> float:
    """`cross_entropy` of our softmax against torch's summed cross-entropy, relative to it."""
    with _seeded():
        _, y = _batch()
        logits = torch.randn(BATCH, CLASSES, dtype=torch.float64)
        ours = regression.cross_entropy(y, regression.softmax(logits))
        theirs = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
        return float((ours / theirs - 1).abs())


def cross_entropy_of_zero() -> float:
    """The cross-entropy of a prediction that gives the true class no probability at all."""
    return float(regression.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])))


def softmax_example() -> tuple[list[float], list[float]]:
    """The document's example, [1000, 10000, 100000]: by our softmax, and by exp(x) / Σ exp(x)."""
    x = torch.tensor([STABLE_EXAMPLE])
    naive = x.exp() / x.exp().sum(-1, keepdim=True)
    return regression.softmax(x)[0].tolist(), naive[0].tolist()


def softmax_of_torch() -> float:
    """`softmax` against torch's, on a thousand rows of logits between about −40 and 40."""
    with _seeded():
        x = 10 * torch.randn(1000, CLASSES, dtype=torch.float64)
        return _largest(regression.softmax(x), x.softmax(-1))


def softmax_shifted() -> float:
    """`softmax` against itself after adding the same number to all logits of a row."""
    with _seeded():
        x = torch.randn(1000, CLASSES, dtype=torch.float64)
        return _largest(regression.softmax(x), regression.softmax(x + 100))


def augmented_product() -> float:
    """x̃ θ against x W + b, where b is the last row of θ."""
    with _seeded():
        x, _ = _batch()
        theta = torch.randn(FEATURES + 1, CLASSES, dtype=torch.float64)
        return _largest(regression.inputs_tilde(x) @ theta, x @ theta[:-1] + theta[-1])


def _linear_model() -> LinearModel:
    model = LinearModel(FEATURES, CLASSES)
    model.params = model.params.double()
    return model


def regression_forward() -> float:
    """`LinearModel.forward` against torch's linear map and softmax."""
    with _seeded():
        model, (x, _) = _linear_model(), _batch()
        weight, bias = model.params[:-1].mT, model.params[-1]
        return _largest(
            model.forward(x), torch.nn.functional.linear(x, weight, bias).softmax(dim=-1)
        )


def regression_gradient() -> dict[str, float]:
    """`LinearModel.get_grads` against autograd and against central differences."""
    with _seeded():
        model, (x, y) = _linear_model(), _batch()
        ours = model.get_grads(y, model.forward(x), x)
        theta = model.params.clone().requires_grad_()
        x_tilde = torch.cat((x, x.new_ones(BATCH, 1)), 1)
        loss = torch.nn.functional.cross_entropy(x_tilde @ theta, y, reduction="sum")
        (theirs,) = torch.autograd.grad(loss, theta)
        return {
            "autograd": _largest(ours, theirs),
            "differences": _central_differences(ours, model, x, y),
        }


def _central_differences(ours: Tensor, model: LinearModel, x: Tensor, y: Tensor) -> float:
    """The gradient against (L(θ + h) − L(θ − h)) / 2h, along a hundred random coordinates."""
    h, worst = 1e-5, 0.0
    for place in torch.randint(model.params.numel(), (100,)).tolist():
        row, column = divmod(place, CLASSES)
        losses = []
        for step in (h, -2 * h):
            model.params[row, column] += step
            losses.append(float(regression.cross_entropy(y, model.forward(x))))
        model.params[row, column] += h
        slope = (losses[0] - losses[1]) / (2 * h)
        worst = max(worst, abs(slope - float(ours[row, column])))
    return worst


def regression_steps(optimizer: str) -> float:
    """The parameters after twenty steps against those of torch.optim, from equal gradients."""
    with _seeded():
        model = _linear_model()
        twin = torch.nn.Parameter(model.params.clone())
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
        theirs = make([twin], lr=0.01)
        for _ in range(STEPS):
            x, y = _batch()
            grads = model.get_grads(y, model.forward(x), x)
            twin.grad = grads.clone()
            theirs.step()
            (model.sgd_update if optimizer == "sgd" else model.adam_update)(0.01, grads)
        return _largest(model.params, twin.detach())


def adam_of_the_paper() -> float:
    """`adam_update` against algorithm 1 of the paper, line by line, over twenty steps."""
    with _seeded():
        model = _linear_model()
        theta, m, v = model.params.clone(), torch.tensor(0.0), torch.tensor(0.0)
        for t in range(1, STEPS + 1):
            g = torch.randn(model.params.shape, dtype=torch.float64)
            model.adam_update(0.01, g)
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
            theta = theta - 0.01 * m_hat / (v_hat.sqrt() + 1e-8)
        return _largest(model.params, theta)


def scaled_gradients(optimizer: str) -> float:
    """How far twenty steps lead with gradients 200 times as large, relative to the usual way."""
    with _seeded():
        start = _linear_model().params
        ways = []
        gradients = torch.randn(STEPS, *start.shape, dtype=torch.float64)
        for scale in (1, 200):
            model = _linear_model()
            model.params = start.clone()
            for g in gradients:
                (model.sgd_update if optimizer == "sgd" else model.adam_update)(0.001, scale * g)
            ways.append((model.params - start).norm())
        return float(ways[1] / ways[0])


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What `train` returned after a training on 64 made-up images, and the model that it trained.

    Attributes:
        accuracies: On validation, after each epoch from 0.
        returned: The best validation accuracy that `train` returned.
        of_copy: That of the model that it returned, evaluated again.
        of_live_model: That of the model that it was given, evaluated again.
    """

    accuracies: list[float]
    returned: float
    of_copy: float
    of_live_model: float


def best_model_kept() -> Kept:
    """Train on 64 noisy images with a rate too large for them, and evaluate what is returned."""
    with _seeded():
        shapes = torch.rand(CLASSES, 1, 28, 28)
        train, validation = (_noisy(shapes) for _ in range(2))
        model = LinearModel(FEATURES, CLASSES)
        best, accuracy, logger = regression.train(
            model, lr=1.0, nb_epochs=3, data_loader_train=train, data_loader_val=validation
        )
        evaluate = regression.accuracy_and_loss_whole_dataset
        return Kept(
            accuracies=[float(value) for value in logger.accuracies_valid],
            returned=float(accuracy),
            of_copy=float(evaluate(validation, best)[0]),
            of_live_model=float(evaluate(validation, model)[0]),
        )


def _noisy(shapes: Tensor) -> InMemoryLoader:
    labels = torch.randint(CLASSES, (64,))
    return InMemoryLoader(shapes[labels] + torch.rand(64, 1, 28, 28), labels, 8)


# --- part 3 ---------------------------------------------------------------------------------------


def relu_of_torch() -> dict[str, float]:
    """`relu_forward` and `relu_backward` against torch.relu and its derivative by autograd."""
    with _seeded():
        x = torch.randn(1000, dtype=torch.float64)
        x[0] = 0.0
        twin = x.clone().requires_grad_()
        value = torch.relu(twin)
        (slope,) = torch.autograd.grad(value.sum(), twin)
        return {
            "forward": _largest(mlp.relu_forward(x), value.detach()),
            "backward": _largest(mlp.relu_backward(x), slope),
        }


def softmax_cross_entropy_of_torch() -> float:
    """`softmax_cross_entropy_backward` against the gradient of torch's cross-entropy."""
    with _seeded():
        _, y = _batch()
        logits = torch.randn(BATCH, CLASSES, dtype=torch.float64).requires_grad_()
        loss = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
        (theirs,) = torch.autograd.grad(loss, logits)
        ours = mlp.softmax_cross_entropy_backward(y, mlp.softmax(logits.detach()))
        return _largest(ours, theirs)


def _mlp(width: int, depth: int, dtype: torch.dtype = torch.float64) -> MLPModel:
    model = MLPModel(FEATURES, width, depth, CLASSES)
    model.params = [theta.to(dtype) for theta in model.params]
    return model


def _autograd(theta: Sequence[Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """The gradients of the summed cross-entropy of the same network, by autograd."""
    h = x
    for layer, weights in enumerate(theta):
        a = torch.cat((h, h.new_ones(len(h), 1)), 1) @ weights
        h = torch.relu(a) if layer < len(theta) - 1 else a
    loss = torch.nn.functional.cross_entropy(h, y, reduction="sum")
    return torch.autograd.grad(loss, list(theta))


def mlp_gradients(depths: Sequence[int], widths: Sequence[int]) -> dict[tuple[int, int], float]:
    """`MLPModel.backward` against autograd: all entries of all layers, relative to the largest."""
    found = {}
    for depth in depths:
        for width in widths:
            with _seeded():
                model, (x, y) = _mlp(width, depth), _batch()
                ours = model.backward(y, model.forward(x))
                theirs = _autograd([p.clone().requires_grad_() for p in model.params], x, y)
                found[depth, width] = max(
                    _largest(a, b) / float(b.abs().max()) for a, b in zip(ours, theirs, strict=True)
                )
    return found


def mlp_steps(
    optimizer: str, depths: Sequence[int], dtype: torch.dtype, width: int = 100
) -> dict[int, float]:
    """The parameters after twenty steps by hand against autograd and torch.optim, by depth."""
    found = {}
    for depth in depths:
        with _seeded():
            model = _mlp(width, depth, dtype)
            theta = [torch.nn.Parameter(p.clone()) for p in model.params]
            make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
            rate = {"sgd": 0.1 / BATCH, "adam": 0.001}[optimizer]
            theirs = make(theta, lr=rate)
            for _ in range(STEPS):
                x, y = (one.to(dtype) for one in _batch())
                grads = model.backward(y, model.forward(x))
                for parameter, gradient in zip(theta, _autograd(theta, x, y), strict=True):
                    parameter.grad = gradient
                theirs.step()
                (model.sgd_update if optimizer == "sgd" else model.adam_update)(rate, grads)
            found[depth] = max(
                _largest(a, b.detach()) for a, b in zip(model.params, theta, strict=True)
            )
    return found


def multiplications(depth: int, width: int) -> dict[str, int]:
    """The multiplications of one example: of the forward pass, and of the backward pass."""
    widths = [FEATURES, *[width] * depth, CLASSES]
    layers = [n_out * (n_in + 1) for n_in, n_out in pairwise(widths)]
    return {"forward": sum(layers), "backward": sum(layers) + sum(layers[1:])}
