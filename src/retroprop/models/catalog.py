"""The networks by the names that people type, with their options and the shapes they take.

`build("mlp-mixer", (3, 32, 32), 10, {"patch_size": 8})` is the MLP-Mixer with patches of 8 and all
other options as listed here. Options are named as the arguments of the classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.models.cnn import CNN, convolutions_of, pooled_size
from retroprop.models.mlp import MLP
from retroprop.models.mlpmixer import MLPMixer
from retroprop.models.resnet18 import ResNet18

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""

Option = int | float | str | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """One network that people can name.

    Attributes:
        title: Its name in a text.
        options: What can be chosen, with the values of the documents.
        build: From image shape, number of classes and all options to the network.
    """

    title: str
    options: Mapping[str, Option]
    build: Callable[[Shape, int, Mapping[str, Any]], nn.Module]


def _mlp(shape: Shape, classes: int, options: Mapping[str, Any]) -> nn.Module:
    channels, height, width = shape
    model = MLP(channels * height * width, options["hidden_sizes"], classes, options["activation"])
    if options["initialization"] == "torch":
        for layer in (*model.hidden_layers, model.output_layer):
            nn.Linear.reset_parameters(layer)  # pyright: ignore[reportArgumentType]
    elif options["initialization"] != "xavier":
        hint = did_you_mean(options["initialization"], ("xavier", "torch"))
        raise UserError(f"there is no initialization {in_short(options['initialization'])}. {hint}")
    return model


def _cnn(shape: Shape, classes: int, options: Mapping[str, Any]) -> nn.Module:
    n = len(options["n_channels"])
    geometry = {  # one value stands for all convolutions
        name: options[name] * n if len(options[name]) == 1 else options[name]
        for name in ("kernel_sizes", "strides", "paddings")
    }
    pooled_size(*shape[1:], convolutions_of(options["n_channels"], **geometry))
    return CNN(
        shape[0],
        classes,
        n_channels=options["n_channels"],
        dense_hiddens=options["dense_hiddens"],
        activation=options["activation"],
        **geometry,
    )


def _resnet18(shape: Shape, classes: int, options: Mapping[str, Any]) -> nn.Module:
    _three_channels("ResNet-18", shape)
    if len(options["widths"]) != 4:
        raise UserError(
            "ResNet-18 has four stages, so widths has four values, and got "
            f"{in_short(options['widths'])}."
        )
    return ResNet18(classes, widths=options["widths"])


def _mlp_mixer(shape: Shape, classes: int, options: Mapping[str, Any]) -> nn.Module:
    _three_channels("The MLP-Mixer", shape)
    if shape[1] != shape[2]:
        raise UserError(
            f"the MLP-Mixer takes square images, and got {shape[1]} × {shape[2]} pixels."
        )
    return MLPMixer(classes, shape[1], **options)


def _three_channels(title: str, shape: Shape) -> None:
    if shape[0] != 3:
        raise UserError(f"{title} takes images of 3 channels, and got {shape[0]}.")


MODELS: dict[str, ModelInfo] = {
    "mlp": ModelInfo(
        title="MLP",
        options={
            "hidden_sizes": (1024, 512, 64, 64),
            "activation": "relu",
            "initialization": "xavier",
        },
        build=_mlp,
    ),
    "cnn": ModelInfo(
        title="CNN",
        options={
            "n_channels": (16, 32, 48),
            "kernel_sizes": (3,),
            "strides": (1,),
            "paddings": (0,),
            "dense_hiddens": (256, 256),
            "activation": "relu",
        },
        build=_cnn,
    ),
    "resnet18": ModelInfo(
        title="ResNet-18", options={"widths": (64, 128, 256, 512)}, build=_resnet18
    ),
    "mlp-mixer": ModelInfo(
        title="MLP-Mixer",
        options={
            "patch_size": 4,
            "embed_dim": 256,
            "num_blocks": 4,
            "drop_rate": 0.0,
            "activation": "gelu",
        },
        build=_mlp_mixer,
    ),
}


def model_name(name: str) -> str:
    """The name in MODELS that somebody means; case, underscores and hyphens do not matter.

    Raises:
        UserError: If there is none.

    >>> model_name("ResNet_18")
    'resnet18'
    """
    by_letters = {known.replace("-", ""): known for known in MODELS}
    letters = name.lower().replace("-", "").replace("_", "")
    if letters not in by_letters:
        raise UserError(f"there is no model {in_short(name)}. {did_you_mean(name, MODELS)}")
    return by_letters[letters]


def find_model(name: str) -> ModelInfo:
    """The network of this name, as `model_name` understands it.

    Raises:
        UserError: If there is none.
    """
    return MODELS[model_name(name)]


def build(
    name: str,
    shape: Shape,
    classes: int,
    options: Mapping[str, Option] | None = None,
    *,
    seed: int | None = None,
) -> nn.Module:
    """Make a network with the initial weights of a seed.

    Args:
        name: A name of MODELS.
        shape: Channels, height and width of the images.
        classes: How many logits come out.
        options: Those that differ from the catalog's.
        seed: Of the initial weights; by default torch's present generator draws on.

    Raises:
        UserError: If the name, an option or a value is not one that there is, the network cannot
            take such images, or does not fit in memory.
    """
    info = find_model(name)
    chosen = dict(info.options)
    for key, value in (options or {}).items():
        if key not in chosen:
            raise UserError(
                f"{info.title} has no option {in_short(key)}. {did_you_mean(key, chosen)}"
            )
        chosen[key] = _of_kind(key, value, chosen[key])
    if not 1 <= classes <= _LARGEST:
        raise UserError(f"a model has from 1 to {_LARGEST:,} classes, and got {classes}.")
    if min(shape) < 1:
        raise UserError(f"channels, height and width are at least 1, and got {shape}.")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            return info.build(shape, classes, chosen)
        except RuntimeError as error:
            if not any(sign in str(error) for sign in ("overflow", "allocate memory")):
                raise
            raise UserError(
                f"the memory does not suffice for an {info.title} of such sizes; choose smaller "
                "ones."
            ) from None


def read_option(info: ModelInfo, key: str, text: str) -> Option:
    """The value of an option from its text: 4, 0.1, relu, or 16,32,48.

    Raises:
        UserError: If there is no such option, or the text is no value of its kind.
    """
    if key not in info.options:
        raise UserError(
            f"{info.title} has no option {in_short(key)}. {did_you_mean(key, info.options)}"
        )
    default = info.options[key]
    try:
        if isinstance(default, tuple):
            return tuple(int(part) for part in text.split(",") if part.strip())
        return type(default)(text)
    except ValueError:
        raise UserError(
            f"{key} {_KINDS[type(default)]}, such as {written(default)}, and got {in_short(text)}."
        ) from None


def written(value: object) -> str:
    """The value of an option as `read_option` reads it: 4, relu, or 16,32,48."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


_KINDS: dict[type, str] = {
    int: "takes a whole number",
    float: "takes a number",
    str: "takes a word",
    tuple: "takes whole numbers with commas",
}


_LEAST = {"paddings": 0, "drop_rate": 0, "embed_dim": 2}
"""The smallest value of an option, where it is not 1. Half of the embedding is a hidden layer."""

_MOST = {"num_blocks": 1_000}
_LARGEST, _LONGEST = 1_000_000, 1_000
"""The largest number and the longest list: beyond them a typing error would fill the memory."""


def _of_kind(key: str, value: Any, default: Option) -> Any:
    """The value, if it is of the default's kind and in range."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    kind = type(default)
    if type(value) is not kind:
        raise UserError(
            f"{key} {_KINDS[kind]}, such as {written(default)}, and got {in_short(value)}."
        )
    numbers: list[Any] = [*value] if isinstance(value, tuple) else [value]
    least = _LEAST.get(key, 1)
    most = _MOST.get(key, _LARGEST)
    if {type(number) for number in numbers} - {int if kind is tuple else kind}:
        raise UserError(f"{key} {_KINDS[kind]}, and got {in_short(value)}.")
    for number in () if kind is str else numbers:
        if number < least:
            raise UserError(f"{key} is at least {least}, and got {written(value)[:80]}.")
        if number > most:
            raise UserError(f"{key} is at most {most:,}, and got {written(value)[:80]}.")
    if len(numbers) > _LONGEST:
        raise UserError(f"{key} has at most {_LONGEST:,} values, and got {len(numbers):,}.")
    if key == "drop_rate" and isinstance(value, float) and not value < 1:  # nor NaN
        raise UserError(f"drop_rate is a probability below 1, and got {in_short(value)}.")
    return value
