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
from retroprop.calculus.architectures import Architecture, parse_architecture
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

CPU = torch.device("cpu")

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
    *,
    device: torch.device = CPU,
) -> Learner:
    """The learner of a population, from given parameters or from those that its seeds draw.

    Args:
        settings: What fixes the population.
        image_shape: (height, width, channels) of the images.
        n_classes: How many classes there are.
        parameters: By name, each (seeds, rates, …).
        device: Where it learns; every tensor that it makes follows its parameters there.
    """
    factory = FACTORIES[settings.kind]
    if factory.learner is None or factory.parameters is None:
        raise ValueError(f"a {settings.kind} is trained alone, and not in a population")
    rates = len(settings.learning_rates)
    if parameters is None:
        drawn = factory.parameters(settings, image_shape, n_classes)  # on the CPU: see `randomness`
        drawn = {name: tensor.to(device) for name, tensor in drawn.items()}
        parameters = {
            name: t.unsqueeze(1).expand(-1, rates, *(-1,) * (t.ndim - 1))
            for name, t in drawn.items()
        }
    parameters = {name: tensor.to(device) for name, tensor in parameters.items()}
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
    """The untrained torch network that a run's settings describe, with the weights of its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
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


def options_of(settings: RunSettings) -> tuple[str, dict[str, Any]]:
    """The network of `models.catalog` that a kind is, and its options.

    A kind that the catalog does not have stays as it is, with no options.
    """
    if settings.kind != "network":
        options = _OPTIONS.get(settings.kind, {})
        return settings.kind, {name: getattr(settings, key) for name, key in options.items()}
    architecture = parse_architecture(settings.architecture)
    names = ("activation", "initialization") if architecture.kind == "mlp" else ("activation",)
    return architecture.kind, {
        **architecture.options,
        **{name: getattr(settings, name) for name in names},
    }


def settings_of(model: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind and the settings of a network of `models.catalog` with all its options.

    >>> settings_of("mlp", {"hidden_sizes": (64, 64), "activation": "relu"})
    ('network', {'activation': 'relu', 'architecture': 'mlp 64x2'})
    """
    if model in _OPTIONS:
        return model, {key: options[name] for name, key in _OPTIONS[model].items()}
    rest = dict(options)
    if model == "mlp":
        architecture = Architecture("mlp", rest.pop("hidden_sizes"))
    else:
        channels, dense = rest.pop("n_channels"), rest.pop("dense_hiddens")
        geometry = [rest.pop(name) for name in ("kernel_sizes", "strides", "paddings")]
        architecture = Architecture("cnn", dense, channels, *geometry)
    return "network", rest | {"architecture": architecture.text}


_OPTIONS = {
    "resnet18": {"widths": "widths"},
    "mlp-mixer": {
        "patch_size": "patch_size",
        "embed_dim": "embedding",
        "num_blocks": "blocks",
        "drop_rate": "drop_rate",
        "activation": "activation",
    },
}
"""The settings that are options of a network in `models.catalog`, by the option's name there."""


def _built(settings: RunSettings, image_shape: Shape, n_classes: int) -> nn.Module:
    """The network of `models.catalog` with the initial weights of the run's seed."""
    height, width, channels = image_shape
    model, options = options_of(settings)
    return build(model, (channels, height, width), n_classes, options, seed=settings.seed)


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
        network=_built,
        convolutional=lambda s: bool(parse_architecture(s.architecture).channels),
    ),
    "resnet18": Factory(network=_built, convolutional=lambda settings: True),
    "mlp-mixer": Factory(network=_built),
}
