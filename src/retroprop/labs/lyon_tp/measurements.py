"""What the document of the assignment measures while it is written: milliseconds, no training.

Errors compare an implementation with an independent one, in float64, on MNIST: they are rounding
or they are mistakes. The other measurements are the evidence behind explanations.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from retroprop.byhand import cnn
from retroprop.byhand.cnn import cnn_parameters
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.linear import augment
from retroprop.byhand.losses import softmax_cross_entropy_gradient
from retroprop.byhand.mlp import MLP, initial_parameters
from retroprop.byhand.optimizers import Adagrad, Adam
from retroprop.data import load
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.deep import DeepNetwork
from retroprop.labs.lyon_tp.network import initial_weights
from retroprop.labs.lyon_tp.perceptron import Perceptron
from retroprop.labs.lyon_tp.shallow import ShallowNetwork
from retroprop.models.cnn import CNN
from retroprop.parity.names import to_state_dict
from retroprop.randomness import generator

FEW, MANY = 200, 5000
"""Images of a comparison, and of a mean."""


@cache
def examples(n: int) -> tuple[Tensor, Tensor]:
    """The first n training images (n, 784) in [0, 1], and their one-hot labels, in float64."""
    mnist = load("mnist")
    x = torch.tensor(mnist.train_images[:n], dtype=torch.float64).flatten(1) / 255
    return x, torch.eye(CLASSES, dtype=torch.float64)[torch.tensor(mnist.train_labels[:n]).long()]


def largest(differences: Sequence[Tensor]) -> float:
    """The largest absolute value in some tensors."""
    return max(float(one.abs().max()) for one in differences)


# --- the implementations --------------------------------------------------------------------------


def perceptron_gradient_error() -> float:
    """The document's Δw of one example against −η dL/dw by autograd, η = 1."""
    network = Perceptron.random(scale=0.1, dtype=torch.float64)
    before, (x, t) = network.w.clone(), examples(1)
    w = before.clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(0.5 * (t - augment(x) @ w.mT).square().sum(), w)
    network.modify(x, t, 1.0)
    return largest([network.w - before + gradient])


def perceptron_blocks_error() -> float:
    """The steps computed in blocks against the same steps one after the other."""
    (x, t), blocks = examples(FEW), Perceptron.random(dtype=torch.float64)
    singly = Perceptron(blocks.w)
    blocks.learn(x, t, 0.001)
    for one in range(FEW):
        singly.modify(x[one : one + 1], t[one : one + 1], 0.001)
    return largest([blocks.w - singly.w])


def shallow_against_deep() -> float:
    """Part 2 by its equations against part 3 by autograd: all weights after the same steps."""
    (x, t), ours = examples(FEW), ShallowNetwork.random(30, dtype=torch.float64)
    deep = DeepNetwork([ours.w1, ours.w2])
    for one in range(FEW):
        ours.modify(x[one : one + 1], t[one : one + 1], 0.03)
    deep.learn(x, t, 0.03)
    return largest([ours.w1 - deep.w[0].detach(), ours.w2 - deep.w[1].detach()])


def shallow_gradient_error() -> float:
    """The document's Δw of one example against −η dL/dw by autograd, η = 1."""
    (x, t), ours = examples(1), ShallowNetwork.random(30, dtype=torch.float64)
    w1, w2 = ours.w1.clone().requires_grad_(), ours.w2.clone().requires_grad_()
    with torch.enable_grad():
        y = augment(torch.sigmoid(augment(x) @ w1.mT)) @ w2.mT
        gradients = torch.autograd.grad(0.5 * (t - y).square().sum(), [w1, w2])
    ours.modify(x, t, 1.0)
    return largest(
        [
            ours.w1 - w1.detach() + gradients[0],
            ours.w2 - w2.detach() + gradients[1],
        ]
    )


def deep_gradient_error(hidden: int, activation: str) -> float:
    """dL/dw by autograd against the library's by hand, for 20 examples and layers of 30 units."""
    x, t = examples(20)
    W = initial_weights([PIXELS, *[30] * hidden, CLASSES], seed=0, dtype=torch.float64)
    deep = DeepNetwork([one.mT for one in W], activation=activation, batch_size=20)
    deep.learn(x, t, 1.0)
    ours = _by_hand(W, activation)
    ours.descend(x, t, 1.0)
    return largest(
        [
            one - torch.cat((ours.parameters[f"{name}.W"], ours.parameters[f"{name}.b"][None])).mT
            for one, name in zip([w.detach() for w in deep.w], _names(hidden), strict=True)
        ]
    )


def _names(hidden: int) -> list[str]:
    return [*(f"hidden_layers.{layer}" for layer in range(hidden)), "output_layer"]


def _by_hand(W: Sequence[Tensor], activation: str) -> FastMLP:
    named = {}
    for one, name in zip(W, _names(len(W) - 1), strict=True):
        named |= {f"{name}.W": one[:-1], f"{name}.b": one[-1]}
    return FastMLP(named, activation=activation, output="linear")


def optimizer_error(name: str) -> float:
    """Twenty steps of Adam or Adagrad by their equations against those of torch.optim."""
    x, t = examples(FEW)
    (W,) = initial_weights([PIXELS, CLASSES], seed=0, dtype=torch.float64)
    deep = DeepNetwork([W.mT], optimizer=name, batch_size=10)
    deep.learn(x, t, 0.01)
    optimizer = {"adam": Adam, "adagrad": Adagrad}[name](W, 0.01)
    for some_x, some_t in zip(augment(x).split(10), t.split(10), strict=True):
        optimizer.step(W, some_x.mT @ (some_x @ W - some_t) / 10)
    return largest([deep.w[0].detach() - W.mT])


def convolution_error() -> float:
    """Every gradient of the convolutional network by hand against torch.nn's with autograd."""
    x, t = examples(4)
    x = x.view(-1, 1, 28, 28)
    parameters = cnn_parameters(1, generator=generator("weights", 0), dtype=torch.float64)
    ours, network = cnn.CNN(parameters), CNN(1, CLASSES).double()
    network.load_state_dict(to_state_dict(parameters))
    with torch.enable_grad():
        cross_entropy(network(x), t).backward()
    z, saved = ours.forward(x)
    _, gradients = ours.backward(softmax_cross_entropy_gradient(z, t) / len(x), saved)
    theirs = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    named = to_state_dict(gradients)
    return largest([named[name] - theirs[name] for name in theirs])


# --- the images -----------------------------------------------------------------------------------


class ImageNorms(NamedTuple):
    """‖x̃‖² of the images with their constant input, and what part of it one direction holds."""

    mean: float
    lowest: float
    highest: float
    share: float
    cosine: float
    """Between that direction and the mean image."""


@cache
def image_norms() -> ImageNorms:
    """Of the first images: the largest eigenvalue of E[x̃ x̃ᵀ] by the power method."""
    x = augment(examples(MANY)[0])
    squares = x.square().sum(1)
    mean = x.mean(0)
    direction = mean / mean.norm()
    for _ in range(30):  # the second eigenvalue is eight times smaller
        direction = x.mT @ (x @ direction)
        direction /= direction.norm()
    along = (x @ direction).square().mean()
    return ImageNorms(
        mean=float(squares.mean()),
        lowest=float(squares.min()),
        highest=float(squares.max()),
        share=float(along / squares.mean()),
        cosine=float((direction @ mean).abs() / mean.norm()),
    )


@cache
def silent_pixels() -> int:
    """Pixels that are black in every training image, so that their weights never change."""
    images = torch.tensor(load("mnist").train_images).flatten(1)
    return int((images.amax(0) == 0).sum())


# --- networks before their first step -------------------------------------------------------------


def hidden_squares(width: int, scale: float | str) -> float:
    """The mean of ‖ỹ¹‖² over images: what the output layer of a shallow network starts from."""
    return float(augment(_sigmoids(width, scale)).square().sum(1).mean())


def sigmoid_slope(width: int, scale: float | str) -> float:
    """The mean of y¹ (1 − y¹), the factor of δ¹; at most ¼."""
    y = _sigmoids(width, scale)
    return float((y * (1 - y)).mean())


@cache
def _sigmoids(width: int, scale: float | str) -> Tensor:
    named = _initial(1, width, "sigmoid", scale)
    x = examples(1000)[0]
    return torch.sigmoid(x @ named["hidden_layers.0.W"] + named["hidden_layers.0.b"])


def _initial(depth: int, width: int, activation: str, scale: float | str) -> dict[str, Tensor]:
    named = initial_parameters(
        PIXELS,
        (width,) * depth,
        CLASSES,
        seeds=[0],
        activation=activation,
        scale=scale,  # pyright: ignore[reportArgumentType] - "auto" or a number, from a record
        dtype=torch.float64,
    )
    return {name: one[0] for name, one in named.items()}


def activity_by_layer(depth: int, width: int, scale: float | str) -> list[float]:
    """The mean square of the activities of each hidden layer of ReLU units."""
    named, h, found = _initial(depth, width, "relu", scale), examples(1000)[0], []
    for name in _names(depth)[:-1]:
        h = torch.relu(h @ named[f"{name}.W"] + named[f"{name}.b"])
        found.append(float(h.square().mean()))
    return found


def gradient_by_layer(activation: str, depth: int, width: int) -> list[float]:
    """The norm of dL/dW of each layer of an untrained network, by hand, for 1,000 images."""
    network = MLP(_initial(depth, width, activation, "auto"), activation=activation)
    x, t = examples(1000)
    y, saved = network.forward(x)
    _, gradients = network.backward((y - t) / len(x), saved)
    return [float(gradients[f"{name}.W"].norm()) for name in _names(depth)]


def equal_neurons() -> float:
    """How far the hidden neurons are apart after 200 steps from weights that are all 0.1."""
    x, t = examples(FEW)
    network = ShallowNetwork(
        torch.full((30, PIXELS + 1), 0.1, dtype=torch.float64),
        torch.full((CLASSES, 31), 0.1, dtype=torch.float64),
    )
    for one in range(FEW):
        network.modify(x[one : one + 1], t[one : one + 1], 0.03)
    return largest([network.w1 - network.w1[:1]])
