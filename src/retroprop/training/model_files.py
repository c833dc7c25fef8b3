"""A trained model in one file: weights, what it was built from, and what its inputs must be.

    model.safetensors       "weight.NAME" …, "normalization.mean", "normalization.std",
                            and a `ModelCard` as JSON in the file's metadata

The file is read without running anything in it: names and shapes are compared with the model that
the card describes before a number is taken.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retroprop.errors import UserError
from retroprop.models.build import MODELS, build_model
from retroprop.training.checkpoints import read_tensors, save_tensors
from retroprop.training.deep import load_weights
from retroprop.training.image_sets import Normalization

_FORMAT = "retroprop model 1"
_LARGEST = 100_000
"""Most units of a layer, pixels of a side and classes that a card may ask for."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model was built from and trained on.

    Attributes:
        kind: A name of `MODELS`.
        options: The model's options, as `build_model` takes them.
        image_shape: (height, width, channels).
        classes: The names of the classes, in the order of the outputs.
        dataset: A name of the catalog of data.
    """

    kind: str
    options: dict[str, Any]
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    dataset: str


def save_model(
    path: Path, state: Mapping[str, Tensor], card: ModelCard, normalization: Normalization
) -> None:
    """Write a state dict with its card.

    Raises:
        UserError: If the file cannot be written.
    """
    tensors = {f"weight.{name}": tensor.cpu() for name, tensor in state.items()}
    tensors |= {"normalization.mean": normalization.mean, "normalization.std": normalization.std}
    save_tensors(path, tensors, about=json.dumps({"format": _FORMAT, **asdict(card)}))


def load_model(path: Path) -> tuple[nn.Module, ModelCard, Normalization]:
    """Read what `save_model` wrote; the model is in evaluation mode, on the CPU.

    Raises:
        UserError: If the file is missing, damaged, or no model of ours.
    """
    tensors, about = read_tensors(path)
    card = _card(path, about)
    mean, std = (_normalization_part(path, card, tensors, name) for name in ("mean", "std"))
    if not bool((std != 0).all() and mean.isfinite().all() and std.isfinite().all()):
        raise UserError(f"{path} has a normalization that divides by zero; train it again.")
    weights = {
        name.removeprefix("weight."): tensor
        for name, tensor in tensors.items()
        if name.startswith("weight.")
    }
    with torch.device("meta"):  # shapes alone: nothing is allocated before they are compared
        sketch = build_model(card.kind, card.image_shape, len(card.classes), card.options)
    _check_shapes(path, sketch, weights)
    model = build_model(card.kind, card.image_shape, len(card.classes), card.options, seed=0)
    load_weights(model, weights, path)
    return model.eval(), card, Normalization(mean=mean, std=std)


def _card(path: Path, about: str | None) -> ModelCard:
    refusal = UserError(
        f"{path} is not a model of retroprop; give a model.safetensors that retroprop train wrote."
    )
    try:
        fields = json.loads(about or "")
        if fields.pop("format") != _FORMAT:
            raise refusal
        options = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in dict(fields.pop("options")).items()
        }
        card = ModelCard(
            options=options,
            image_shape=tuple(fields.pop("image_shape")),
            classes=tuple(fields.pop("classes")),
            **fields,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise refusal from None
    numbers = [*card.image_shape, len(card.classes)]
    for value in options.values():
        numbers += value if isinstance(value, tuple) else [value]
    whole = [n for n in numbers if isinstance(n, int)]
    sizes_fit = all(0 <= n <= _LARGEST for n in whole) and len(numbers) <= 10_000
    texts = [card.kind, card.dataset, *card.classes]
    if (
        not sizes_fit
        or len(card.image_shape) != 3
        or not all(isinstance(n, int | float | str) for n in numbers)
        or not all(isinstance(text, str) for text in texts)
        or card.kind not in MODELS
    ):
        raise refusal
    return card


def _normalization_part(
    path: Path, card: ModelCard, tensors: Mapping[str, Tensor], name: str
) -> Tensor:
    """The mean or the standard deviation, one per channel or one per pixel."""
    height, width, channels = card.image_shape
    tensor = tensors.get(f"normalization.{name}")
    if tensor is None or tensor.shape not in ((channels, 1, 1), (channels, height, width)):
        raise UserError(f"{path} has no normalization.{name} for its images; train it again.")
    return tensor.float()


def _check_shapes(path: Path, sketch: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in sketch.state_dict().items():
        if name in weights and weights[name].shape != tensor.shape:
            raise UserError(
                f"{path} does not hold the model of its card: {name} is "
                f"{tuple(weights[name].shape)} and not {tuple(tensor.shape)}."
            )
        if name in weights and not weights[name].isfinite().all():
            raise UserError(f"{path} has numbers in {name} that are not finite; train it again.")
