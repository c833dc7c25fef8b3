"""What a population trains: a kind of model with its optimizer, for seeds × learning rates.

A `Learner` holds the parameters of all members, (seeds, rates, …), and knows how to compute their
outputs and how to learn from one minibatch. There is one for each family of by-hand models, and one
in `autograd` that trains the same models by automatic differentiation; `factories` chooses. A
learner with a batch size of one takes blocks of examples where its model has an exact shortcut, on
a CPU. Whatever a learner makes, it makes on the device of its parameters.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from retroprop.byhand.block import spread_over
from retroprop.byhand.block_steps import block_size, train_network_in_blocks
from retroprop.byhand.cnn import CNN
from retroprop.byhand.fast_mlp import FastMLP, Output
from retroprop.byhand.losses import softmax_cross_entropy_gradient
from retroprop.byhand.online import BLOCK, train_one_by_one
from retroprop.byhand.optimizers import OPTIMIZERS, SGD, Adam, LearningRate, Optimizer
from retroprop.byhand.perceptron import Perceptron
from retroprop.byhand.softmax_regression import Reduction, SoftmaxRegression
from retroprop.training.settings import PopulationSettings, RunSettings

_SMALL = 25
"""Up to this batch size, blocks of steps of gradient descent are faster than one by one."""

Layout = Literal["augmented", "rows", "images"]
"""Inputs as x̃ = [x, 1], as rows of pixels, or as images (channels, height, width)."""

Loss = Literal["cross-entropy", "squared-error"]


def parameter_type(settings: RunSettings) -> torch.dtype:
    """The number type of the parameters; with "bfloat16" the products alone are in it."""
    return torch.float64 if settings.precision == "float64" else torch.float32


def takes_blocks(parameters: Mapping[str, Tensor]) -> bool:
    """Whether blocks of steps may be taken: they were written and measured for a CPU."""
    return next(iter(parameters.values())).device.type == "cpu"


def learning_rates(settings: PopulationSettings, like: Tensor) -> Tensor:
    """η of the members of one seed, on the device of a parameter."""
    return torch.tensor(settings.learning_rates, dtype=parameter_type(settings), device=like.device)


@runtime_checkable
class Learner(Protocol):
    """A population of models that can compute and learn.

    Attributes:
        layout: How the inputs come.
        loss: What the outputs are measured by.
        parameters: By name, each (seeds, rates, …).
        examples_per_call: How many examples `learn` takes at most: a minibatch, or a block of
            single examples.
    """

    layout: Layout
    loss: Loss
    parameters: dict[str, Tensor]
    examples_per_call: int

    def outputs(self, x: Tensor) -> Tensor:
        """(seeds, rates, batch, classes) for inputs of `layout`, shared or one set per seed."""
        ...

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Make one step, or one per example of a block; x (seeds, batch, …), y one-hot."""
        ...

    def scale_rates(self, factor: float) -> None:
        """From now on, every member learns with `factor` times its own learning rate."""
        ...

    def export(self) -> None:
        """Bring `parameters` up to date, where they are a copy."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        ...


class _ByHand:
    """What the by-hand learners share: one optimizer of one tensor."""

    optimizer: Optimizer
    rate: LearningRate
    """What the optimizer has when nothing is scheduled."""

    def scale_rates(self, factor: float) -> None:
        """From now on, every member learns with `factor` times its own learning rate."""
        self.optimizer.learning_rate = self.rate * factor

    def export(self) -> None:
        """Nothing to do: `parameters` are what is trained."""

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers."""
        return self.optimizer.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        self.optimizer.load_state(state)


class LinearLearner(_ByHand):
    """Softmax regression and the perceptron: one matrix W (seeds, rates, features + 1, classes)."""

    layout: Layout = "augmented"

    def __init__(self, settings: PopulationSettings, parameters: Mapping[str, Tensor]) -> None:
        """Take the initial parameters of all members."""
        self.settings = settings
        perceptron = settings.output == "linear"
        self.loss: Loss = "squared-error" if perceptron else "cross-entropy"
        self.model = (Perceptron if perceptron else SoftmaxRegression)(parameters["W"])
        self.parameters = {"W": self.model.W}
        self.rate = learning_rates(settings, self.model.W).view(-1, 1, 1)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.W, self.rate)
        known = ("sgd",) if perceptron else ("sgd", "adam")
        self._shortcut = (
            takes_blocks(parameters)
            and settings.batch_size == 1
            and settings.optimizer in known
            and settings.schedule == "constant"
        )
        self.examples_per_call = BLOCK if self._shortcut else settings.batch_size

    def outputs(self, x: Tensor) -> Tensor:
        """Logits, or the perceptron's outputs."""
        if isinstance(self.model, Perceptron):
            return self.model.outputs(x)
        return self.model.logits(x)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """One minibatch, or one block of single examples."""
        if not self._shortcut:
            y = y.unsqueeze(1)  # the same for all learning rates of a seed
            dW = self.model.gradient(x, y, reduction=cast(Reduction, self.settings.gradient))
            self.optimizer.step(self.model.W, dW)
        elif isinstance(self.model, Perceptron):
            self.model.train_one_by_one(x, y, self.optimizer.learning_rate)
        elif isinstance(self.optimizer, SGD | Adam):
            train_one_by_one(self.model.W, x, y, self.optimizer)


class NetworkLearner(_ByHand):
    """Multilayer perceptrons by hand; all their parameters are one block of memory."""

    layout: Layout = "rows"

    def __init__(self, settings: PopulationSettings, parameters: Mapping[str, Tensor]) -> None:
        """Take the initial parameters of all members."""
        self.settings = settings
        self.loss: Loss = "cross-entropy" if settings.output == "softmax" else "squared-error"
        self.model = FastMLP(
            parameters,
            activation=settings.activation,
            output=cast(Output, settings.output),
            products=torch.bfloat16 if settings.precision == "bfloat16" else None,
        )
        self.parameters = self.model.parameters
        rates = learning_rates(settings, self.model.theta)
        each = rates.expand(self.model.population)
        # η as a number where all members have the same; else, for descent, one for each member
        # before two axes of a minibatch, and for another optimizer one for each value of θ
        self.rate: LearningRate = settings.learning_rates[0]
        if len(rates) > 1 and settings.optimizer == "sgd":
            self.rate = each[..., None, None]
        elif len(rates) > 1:
            self.rate = spread_over(self.model.theta, self.model.shapes, each)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.theta, self.rate)
        self._shortcut = (
            takes_blocks(parameters)
            and settings.batch_size <= _SMALL
            and isinstance(self.optimizer, SGD)
            and settings.depth > 0
            and settings.precision != "bfloat16"
            and settings.schedule == "constant"
        )
        self.examples_per_call = (
            block_size(settings.batch_size) if self._shortcut else settings.batch_size
        )

    def outputs(self, x: Tensor) -> Tensor:
        """Logits or linear outputs."""
        return self.model.forward(x, training=False)[0].to(parameter_type(self.settings))

    def learn(self, x: Tensor, y: Tensor) -> None:
        """One minibatch, or one block of single examples."""
        if self._shortcut:
            train_network_in_blocks(
                self.model,
                x,
                y,
                self.rate,
                batch_size=self.settings.batch_size,
                reduction=cast(Reduction, self.settings.gradient),
            )
            return
        y, reduction = y.unsqueeze(1), cast(Reduction, self.settings.gradient)
        if isinstance(self.optimizer, SGD):
            self.model.descend(x, y, self.optimizer.learning_rate, reduction=reduction)
        else:
            dtheta = self.model.gradient(x, y, reduction=reduction)
            self.optimizer.step(self.model.theta, dtheta)


class ConvolutionLearner:
    """Convolutional networks by hand, with one optimizer per parameter."""

    layout: Layout = "images"
    loss: Loss = "cross-entropy"

    def __init__(self, settings: PopulationSettings, parameters: Mapping[str, Tensor]) -> None:
        """Take the initial parameters of all members."""
        self.settings = settings
        self.model = CNN(parameters, activation=settings.activation)
        self.parameters = self.model.parameters
        self.examples_per_call = settings.batch_size
        rates = learning_rates(settings, next(iter(self.parameters.values())))
        one = len(rates) == 1
        self._rates: dict[str, LearningRate] = {
            name: settings.learning_rates[0] if one else rates.view(-1, *(1,) * (tensor.ndim - 2))
            for name, tensor in self.parameters.items()
        }
        make = OPTIMIZERS[settings.optimizer]
        self.optimizers: dict[str, Optimizer] = {
            name: make(tensor, self._rates[name]) for name, tensor in self.parameters.items()
        }

    def outputs(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.model.forward(x, training=False)[0]

    def learn(self, x: Tensor, y: Tensor) -> None:
        """One minibatch."""
        z, saved = self.model.forward(x)
        dz = softmax_cross_entropy_gradient(z, y.unsqueeze(1))
        if self.settings.gradient == "mean":
            dz /= z.shape[-2]
        gradients = self.model.parameter_gradients(dz, saved)
        for name, optimizer in self.optimizers.items():
            optimizer.step(self.parameters[name], gradients[name])

    def scale_rates(self, factor: float) -> None:
        """From now on, every member learns with `factor` times its own learning rate."""
        for name, optimizer in self.optimizers.items():
            optimizer.learning_rate = self._rates[name] * factor

    def export(self) -> None:
        """Nothing to do: `parameters` are what is trained."""

    def state(self) -> dict[str, Tensor]:
        """What the optimizers remember, by "parameter/name"."""
        return {
            f"{parameter}/{name}": tensor
            for parameter, optimizer in self.optimizers.items()
            for name, tensor in optimizer.state().items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for parameter, optimizer in self.optimizers.items():
            prefix = f"{parameter}/"
            optimizer.load_state(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
