"""Both derivations trained side by side: same start, same minibatches, same loss curve.

By hand: forward, dz of the loss, backward, a step of the by-hand optimizer on each parameter. By
autograd: the network of `models`, torch's loss, `torch.optim`. A hundred steps on real images in
float64 must give the same losses: whatever is wrong in a gradient, an optimizer or a schedule grows
from step to step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.byhand.cnn import CNN
from retroprop.byhand.layer import Flatten, Gradients, Layer, Sequential
from retroprop.byhand.linear import augment
from retroprop.byhand.losses import (
    one_hot,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
    squared_error,
    squared_error_gradient,
)
from retroprop.byhand.mlp import MLP
from retroprop.byhand.mlp_mixer import MLPMixer
from retroprop.byhand.optimizers import OnePerParameter
from retroprop.byhand.perceptron import Perceptron
from retroprop.byhand.resnet18 import ResNet18
from retroprop.byhand.schedules import warmup_cosine
from retroprop.byhand.shallow_network import ShallowNetwork
from retroprop.byhand.softmax_regression import SoftmaxRegression
from retroprop.data import load
from retroprop.errors import UserError
from retroprop.models import cnn as twin_cnn
from retroprop.models import mlp as twin_mlp
from retroprop.models import mlpmixer as twin_mixer
from retroprop.models import resnet18 as twin_resnet
from retroprop.parity.names import from_state_dict
from retroprop.parity.optimizers import twin_optimizer
from retroprop.parity.rows import Case, Tensors, TrainingRow, case

CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the two networks are made and trained.

    Attributes:
        dataset: A data set that ships with the package.
        twin: Makes the network of `models`.
        by_hand: The same network by hand, from the initial state dict of the twin.
        loss: Which loss, as the mean over a minibatch.
        optimizer: A name of `byhand.optimizers.OPTIMIZERS`, and the options of both.
        learning_rate: η.
        scheduled: Whether η warms up and falls along a cosine.
        resize: Height and width to which the images are shrunk; None leaves them.
    """

    dataset: str
    twin: Callable[[], nn.Module]
    by_hand: Callable[[Mapping[str, Tensor]], "_Layered | _OneMatrix"]
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    scheduled: bool = False
    resize: int | None = None


def train_both(recipe: Recipe, one: Case) -> tuple[Tensor, Tensor]:
    """The loss at every step, by hand and by autograd."""
    (batch,) = one.shape
    steps = {**OPTIONS, **one.options}["steps"]
    images, labels = _images(recipe, batch * steps)
    targets = one_hot(labels, CLASSES, torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        twin = recipe.twin().double()
    by_hand = recipe.by_hand({name: t.detach().clone() for name, t in twin.state_dict().items()})
    ours = OnePerParameter(recipe.optimizer, by_hand.parameters, recipe.learning_rate)
    theirs = twin_optimizer(recipe.optimizer, twin.parameters(), recipe.learning_rate)
    losses, twin_losses = [], []
    for step in range(steps):
        if recipe.scheduled:
            scale = warmup_cosine(step, warmup_steps=steps // 10, total_steps=steps)
            for optimizer in ours.of.values():
                optimizer.learning_rate = scale * recipe.learning_rate
            theirs.param_groups[0]["lr"] = scale * recipe.learning_rate
        rows = slice(step * batch, (step + 1) * batch)
        loss, gradients = by_hand.loss_and_gradients(images[rows], targets[rows])
        ours.step(by_hand.parameters, gradients)
        losses.append(float(loss))

        twin_loss = _LOSSES[recipe.loss][2](twin(images[rows]), labels[rows], targets[rows])
        theirs.zero_grad()
        twin_loss.backward()
        theirs.step()
        twin_losses.append(float(twin_loss.detach()))
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(twin_losses, dtype=torch.float64)


OPTIONS = {"steps": 100}

_LOSSES: dict[str, tuple[Any, Any, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    "cross-entropy": (
        softmax_cross_entropy,
        softmax_cross_entropy_gradient,
        lambda z, labels, targets: F.cross_entropy(z, labels),
    ),
    "squared-error": (
        squared_error,
        squared_error_gradient,
        lambda y, labels, targets: F.mse_loss(y, targets, reduction="sum") / (2 * len(y)),
    ),
}
"""The sum over a minibatch and its gradient by hand, and the mean from the twin's outputs."""


class _Layered:
    """A network that is a layer: loss, its gradient, and backward."""

    def __init__(self, network: Layer, loss: str = "cross-entropy") -> None:
        self.network, self.loss = network, loss

    @property
    def parameters(self) -> Tensors:
        return self.network.parameters

    def loss_and_gradients(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Gradients]:
        z, saved = self.network.forward(x)
        value, gradient, _ = _LOSSES[self.loss]
        dz = gradient(z, targets) / len(x)
        return value(z, targets) / len(x), self.network.backward(dz, saved)[1]


class _OneMatrix:
    """A model with augmented inputs and one matrix, which has the gradient of its own loss."""

    def __init__(self, model: SoftmaxRegression | Perceptron) -> None:
        self.model = model

    @property
    def parameters(self) -> Tensors:
        return {"W": self.model.W}

    def loss_and_gradients(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Gradients]:
        x = augment(x.flatten(1))
        if isinstance(self.model, Perceptron):
            loss = squared_error(self.model.outputs(x), targets)
        else:
            loss = softmax_cross_entropy(self.model.logits(x), targets)
        return loss / len(x), {"W": self.model.gradient(x, targets)}


def _flat(network: Layer) -> Layer:
    """The network behind a layer that makes rows of images."""
    return Sequential({"flatten": Flatten(), "network": network})


def _augmented(state: Mapping[str, Tensor], layer: str) -> Tensor:
    """(in + 1, out): a linear layer's weights, its bias as the last row."""
    return torch.cat((state[f"{layer}.weight"].T, state[f"{layer}.bias"][None]))


def _images(recipe: Recipe, count: int) -> tuple[Tensor, Tensor]:
    """The first training images, channels first and centred on 0, and their labels."""
    data = load(recipe.dataset)
    if count > len(data.train_images):
        raise UserError(
            f"{recipe.dataset} has {len(data.train_images):,} training images, and these steps "
            f"need {count:,}; take a smaller batch or fewer steps."
        )
    images = torch.tensor(data.train_images[:count]).double() / 255 - 0.5
    images = images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1)
    if recipe.resize is not None:
        images = F.adaptive_avg_pool2d(images, recipe.resize)
    return images.contiguous(), torch.tensor(data.train_labels[:count]).long()


def _row(name: str, batch: int, recipe: Recipe) -> TrainingRow:
    return TrainingRow(
        name=name,
        covers=(OnePerParameter,),
        options=OPTIONS,
        cases=(case(batch),),
        losses=lambda one: train_both(recipe, one),
    )


_CNN: dict[str, Any] = {
    "n_channels": (4, 6),
    "kernel_sizes": (3, 3),
    "strides": (1, 1),
    "paddings": (0, 1),
}

TRAINING_ROWS = [
    _row(
        "SoftmaxRegression-training",
        20,
        Recipe(
            dataset="fashion-mnist",
            twin=lambda: twin_mlp.MLP(784, (), CLASSES),
            by_hand=lambda state: _OneMatrix(SoftmaxRegression(_augmented(state, "output_layer"))),
            optimizer="adagrad",
            learning_rate=0.01,
        ),
    ),
    _row(
        "Perceptron-training",
        1,
        Recipe(
            dataset="mnist",
            twin=lambda: twin_mlp.MLP(784, (), CLASSES),
            by_hand=lambda state: _OneMatrix(Perceptron(_augmented(state, "output_layer"))),
            loss="squared-error",
            learning_rate=0.001,
        ),
    ),
    _row(
        "ShallowNetwork-training",
        10,
        Recipe(
            dataset="mnist",
            twin=lambda: twin_mlp.MLP(784, (30,), CLASSES, activation="sigmoid"),
            by_hand=lambda state: _Layered(
                _flat(
                    ShallowNetwork(
                        _augmented(state, "hidden_layers.0"), _augmented(state, "output_layer")
                    )
                ),
                "squared-error",
            ),
            loss="squared-error",
            optimizer="momentum",
            learning_rate=0.01,
        ),
    ),
    _row(
        "MLP-training",
        20,
        Recipe(
            dataset="fashion-mnist",
            twin=lambda: twin_mlp.MLP(784, (40, 30), CLASSES),
            by_hand=lambda state: _Layered(_flat(MLP(from_state_dict(state)))),
            optimizer="adam",
            learning_rate=0.001,
            scheduled=True,
        ),
    ),
    _row(
        "CNN-training",
        8,
        Recipe(
            dataset="fashion-mnist",
            twin=lambda: twin_cnn.CNN(1, CLASSES, **_CNN, dense_hiddens=(16,)),
            by_hand=lambda state: _Layered(
                CNN(from_state_dict(state), strides=_CNN["strides"], paddings=_CNN["paddings"])
            ),
            optimizer="adamw",
            learning_rate=0.003,
        ),
    ),
    _row(
        "ResNet18-training",
        8,
        Recipe(
            dataset="cifar10-sample",
            twin=lambda: twin_resnet.ResNet18(widths=(3, 4, 5, 6)),
            by_hand=lambda state: _Layered(ResNet18(from_state_dict(state))),
            optimizer="momentum",
            learning_rate=0.02,
            scheduled=True,
            resize=12,
        ),
    ),
    _row(
        "MLPMixer-training",
        8,
        Recipe(
            dataset="cifar10-sample",
            twin=lambda: twin_mixer.MLPMixer(CLASSES, 32, 8, 16, 2),
            by_hand=lambda state: _Layered(MLPMixer(from_state_dict(state))),
            optimizer="adamw",
            learning_rate=0.003,
            scheduled=True,
        ),
    ),
]
