"""How the models of each kind are made: one row each.

What a kind may be given is in `studies.kinds`, which is read without torch; a test holds both
tables together. A population starts from numbers that its seeds draw by hand, also where it is
derived by autograd; a network of the trainer is drawn by torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from retroprop.byhand.cnn import cnn_parameters
from retroprop.byhand.mlp import Sign, initial_parameters
from retroprop.byhand.softmax_regression import initial_weights
from retroprop.calculus.architectures import parse_architecture
from retroprop.models.catalog import build
from retroprop.models.cnn import CNN
from retroprop.models.mlp import MLP
from retroprop.randomness import generator
from retroprop.training.autograd import AutogradLearner
from retroprop.training.learners import (
    ConvolutionLearner,
    Learner,
    LinearLearner,
    NetworkLearner,
    parameter_type,
)
from retroprop.training.settings import PopulationSettings, RunSettings
from retroprop.training.vectorized import FEWEST_MEMBERS, VectorizedAutogradLearner

Shape = tuple[int, int, int]
"""Height, width and channels of an image."""
Parameters = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Factory:
    """What makes the models of one kind.

    Attributes:
        network: From settings, image shape and number of classes to the untrained torch network.
        learner: What trains a population by hand; None for kinds of the trainer.
        parameters: The initial parameters of a population by name, each (seeds, …).
        convolutional: Whether it reads images rather than rows of pixels, and is fastest with its
            channels last in memory.
    """

    network: Callable[[RunSettings, Shape, int], nn.Module]
    learner: Callable[[PopulationSettings, Mapping[str, Tensor]], Learner] | None = None
    parameters: Callable[[PopulationSettings, Shape, int], Parameters] | None = None
    convolutional: Callable[[RunSettings], bool] = lambda settings: False


def make_learner(
    settings: PopulationSettings,
    image_shape: Shape,
    n_classes: int,
    parameters: Mapping[str, Tensor] | None = None,
) -> Learner:
    """The learner of a population, from given parameters or from those that its seeds draw.

    Args:
        settings: What fixes the population.
        image_shape: (height, width, channels) of the images.
        n_classes: How many classes there are.
        parameters: By name, each (seeds, rates, …).
    """
    factory = FACTORIES[settings.kind]
    if factory.learner is None or factory.parameters is None:
        raise ValueError(f"a {settings.kind} is trained alone, and not in a population")
    rates = len(settings.learning_rates)
    if parameters is None:
        drawn = factory.parameters(settings, image_shape, n_classes)
        parameters = {
            name: t.unsqueeze(1).expand(-1, rates, *(-1,) * (t.ndim - 1))
            for name, t in drawn.items()
        }
    if settings.derivation == "by-hand":
        return factory.learner(settings, parameters)
    images = factory.convolutional(settings)
    one_program = rates * len(settings.seeds) >= FEWEST_MEMBERS and not images
    return (VectorizedAutogradLearner if one_program else AutogradLearner)(
        settings,
        parameters,
        lambda: factory.network(settings, image_shape, n_classes),
        layout="images" if images else "rows",
    )


def network_of(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    """The untrained torch network that the settings of a run describe."""
    return FACTORIES[settings.kind].network(settings, image_shape, n_classes)


# -- populations -----------------------------------------------------------------------------------


def _linear_network(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    height, width, channels = image_shape
    return nn.Linear(height * width * channels, n_classes)


def _linear_parameters(
    settings: PopulationSettings, image_shape: Shape, n_classes: int
) -> Parameters:
    height, width, channels = image_shape
    W = initial_weights(
        height * width * channels,
        n_classes,
        seeds=settings.seeds,
        scale=0.01 if settings.initial_scale == "auto" else settings.initial_scale,
        dtype=parameter_type(settings),
    )
    if settings.initial_sign != "both":
        W = W.abs() if settings.initial_sign == "positive" else -W.abs()
    return {"W": W}


def _mlp(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    height, width, channels = image_shape
    hidden = (settings.width,) * settings.depth
    return MLP(height * width * channels, hidden, n_classes, settings.activation)


def _mlp_parameters(settings: PopulationSettings, image_shape: Shape, n_classes: int) -> Parameters:
    height, width, channels = image_shape
    return initial_parameters(
        height * width * channels,
        (settings.width,) * settings.depth,
        n_classes,
        seeds=settings.seeds,
        activation=settings.activation,
        scale=settings.initial_scale,
        sign=cast(Sign, settings.initial_sign),
        dtype=parameter_type(settings),
    )


def _cnn(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    kernels = (settings.kernel_size,) * 3
    return CNN(image_shape[2], n_classes, kernel_sizes=kernels, activation=settings.activation)


def _cnn_parameters(settings: PopulationSettings, image_shape: Shape, n_classes: int) -> Parameters:
    draws = [
        cnn_parameters(
            image_shape[2],
            kernel_sizes=(settings.kernel_size,) * 3,
            n_classes=n_classes,
            generator=generator("weights", seed),
            dtype=parameter_type(settings),
        )
        for seed in settings.seeds
    ]
    return {name: torch.stack([draw[name] for draw in draws]) for name in draws[0]}


# -- networks of the trainer -----------------------------------------------------------------------


def _built(
    kind: str, options: Callable[[RunSettings], dict[str, Any]]
) -> Callable[[RunSettings, Shape, int], nn.Module]:
    """The network of `models.catalog` with the initial weights of the run's seed."""

    def network(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
        height, width, channels = image_shape
        shape = (channels, height, width)
        return build(kind, shape, n_classes, options(settings), seed=settings.seed)

    return network


def _network(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    architecture = parse_architecture(settings.architecture)
    options: dict[str, Any] = {**architecture.options, "activation": settings.activation}
    if architecture.kind == "mlp":
        options["initialization"] = settings.initialization
    return _built(architecture.kind, lambda _: options)(settings, image_shape, n_classes)


_LINEAR = Factory(network=_linear_network, learner=LinearLearner, parameters=_linear_parameters)
_LAYERED = Factory(network=_mlp, learner=NetworkLearner, parameters=_mlp_parameters)

FACTORIES: dict[str, Factory] = {
    "softmax-regression": _LINEAR,
    "perceptron": _LINEAR,
    "shallow": _LAYERED,
    "mlp": _LAYERED,
    "cnn": Factory(
        network=_cnn,
        learner=ConvolutionLearner,
        parameters=_cnn_parameters,
        convolutional=lambda settings: True,
    ),
    "network": Factory(
        network=_network,
        convolutional=lambda s: bool(parse_architecture(s.architecture).channels),
    ),
    "resnet18": Factory(
        network=_built("resnet18", lambda s: {"widths": s.widths}),
        convolutional=lambda settings: True,
    ),
    "mlp-mixer": Factory(
        network=_built(
            "mlp-mixer",
            lambda s: {
                "patch_size": s.patch_size,
                "embed_dim": s.embedding,
                "num_blocks": s.blocks,
                "drop_rate": s.drop_rate,
                "activation": s.activation,
            },
        )
    ),
}
