"""Every model of the laboratory by name, for images of any size, from options of plain values.

    mlp         hidden=(1024, 512, 64, 64), activation, initialization ("xavier" or "torch")
    cnn         channels=(16, 32, 48), kernel_size, dense=(256, 256), activation
    resnet18    no option
    mlp-mixer   patch_size, embedding, blocks, drop_rate, activation

All take (batch, channels, height, width) and return logits (batch, classes).
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import nn

from retroprop.errors import UserError, did_you_mean
from retroprop.models.cnn import CNN
from retroprop.models.mlp import MLP
from retroprop.models.mlpmixer import MLPMixer
from retroprop.models.resnet18 import ResNet18


def build_model(
    kind: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
) -> nn.Module:
    """A model with its initial weights, which depend on the seed alone.

    Args:
        kind: A name of `MODELS`.
        image_shape: (height, width, channels).
        num_classes: How many logits come out.
        options: Named as in `MODELS[kind]`; what is left out has its default.
        seed: Of the initial weights; by default torch's own generator draws on.

    Raises:
        UserError: If the kind, an option or a value is unknown, or the image does not suit.
    """
    if kind not in MODELS:
        raise UserError(f"there is no model {kind!r}. {did_you_mean(kind, MODELS)}")
    make = MODELS[kind]
    known = list(signature(make).parameters)[2:]
    for name in options or {}:
        if name not in known:
            hint = did_you_mean(name, known) if known else "It has no option."
            raise UserError(f"a {kind} has no option {name!r}. {hint}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return make(image_shape, num_classes, **(options or {}))


def _mlp(
    image_shape: tuple[int, int, int],
    num_classes: int,
    hidden: tuple[int, ...] = (1024, 512, 64, 64),
    activation: str = "relu",
    initialization: str = "xavier",
) -> nn.Module:
    height, width, channels = image_shape
    model = MLP(height * width * channels, hidden, num_classes, activation)
    if initialization == "torch":
        for layer in (*model.hidden_layers, model.output_layer):
            nn.Linear.reset_parameters(layer)  # pyright: ignore[reportArgumentType]
    elif initialization != "xavier":
        known = did_you_mean(initialization, ("xavier", "torch"))
        raise UserError(f"there is no initialization {initialization!r}. {known}")
    return model


def _cnn(
    image_shape: tuple[int, int, int],
    num_classes: int,
    channels: tuple[int, ...] = (16, 32, 48),
    kernel_size: int = 3,
    dense: tuple[int, ...] = (256, 256),
    activation: str = "relu",
) -> nn.Module:
    _check_convolutions(image_shape, len(channels), kernel_size)
    return CNN(
        image_shape[2],
        num_classes,
        n_channels=channels,
        kernel_sizes=(kernel_size,) * len(channels),
        strides=(1,) * len(channels),
        paddings=(0,) * len(channels),
        dense_hiddens=dense,
        activation=activation,
    )


def _resnet18(image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    if image_shape[2] != 3:
        raise UserError(
            f"resnet18 reads images of 3 channels, and got {image_shape[2]}; use cifar10, or a cnn."
        )
    return ResNet18(num_classes)


def _mlp_mixer(
    image_shape: tuple[int, int, int],
    num_classes: int,
    patch_size: int = 4,
    embedding: int = 256,
    blocks: int = 4,
    drop_rate: float = 0.0,
    activation: str = "gelu",
) -> nn.Module:
    if image_shape[0] != image_shape[1] or image_shape[2] != 3:
        raise UserError(
            f"mlp-mixer reads square images of 3 channels, and got {image_shape[0]} × "
            f"{image_shape[1]} × {image_shape[2]}; use cifar10, or an mlp."
        )
    return MLPMixer(
        num_classes,
        image_shape[0],
        patch_size,
        embedding,
        blocks,
        drop_rate=drop_rate,
        activation=activation,
    )


def _check_convolutions(image_shape: tuple[int, int, int], layers: int, kernel_size: int) -> None:
    """Every convolution of stride 1 must have an input at least as large as its kernel."""
    side = min(image_shape[:2])
    for layer in range(1, layers + 1):
        if kernel_size > side:
            raise UserError(
                f"convolution {layer} has a kernel of {kernel_size} × {kernel_size}, larger than "
                f"its input of {side} × {side}; use a smaller kernel_size or fewer layers."
            )
        side -= kernel_size - 1
        if layer < layers:
            side //= 2
            if side < 1:
                raise UserError(
                    f"nothing is left of the image after convolution {layer} and its pooling; use "
                    "a smaller kernel_size or fewer layers."
                )


MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "resnet18": _resnet18,
    "mlp-mixer": _mlp_mixer,
}
