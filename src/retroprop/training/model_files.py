"""A trained model in one file: weights, what it was built from, and what its inputs must be.

    model.safetensors       "weight.NAME" …, "normalization.mean", "normalization.std",
                            and a `ModelCard` as JSON in the file's metadata, with the SHA-256
                            of card and tensors

A damaged file is refused, wherever it was moved, by the digest in it. The file is read without
running anything in it: names and shapes are compared with the model that the card describes before
a number is taken.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retroprop.data.catalog import is_own
from retroprop.errors import UserError
from retroprop.models.catalog import build
from retroprop.training.checkpoints import read_tensors, save_tensors
from retroprop.training.image_sets import Normalization
from retroprop.training.trainer import check_weights, load_weights

_FORMAT = "retroprop model 2"
_WITHOUT_DIGEST = "retroprop model 1"
_LARGEST = 100_000
"""Most pixels of a side, channels and classes that a card may ask for."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model was built from and trained on.

    Attributes:
        kind: A name of `MODELS`.
        options: The model's options, as `catalog.build` takes them.
        image_shape: (height, width, channels).
        classes: The names of the classes, in the order of the outputs.
        dataset: A name of the catalog of data, or of one's own; a file holds that one without its
            folder, for it may be given to others.
        data_checksum: Of data of one's own, so that they are known where they lie elsewhere.
    """

    kind: str
    options: dict[str, Any]
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    dataset: str
    data_checksum: str = ""


def save_model(
    path: Path, state: Mapping[str, Tensor], card: ModelCard, normalization: Normalization
) -> None:
    """Write a state dict with its card.

    Raises:
        UserError: If the file cannot be written.
    """
    tensors = {f"weight.{name}": tensor.cpu() for name, tensor in state.items()}
    tensors |= {"normalization.mean": normalization.mean, "normalization.std": normalization.std}
    about = {"format": _FORMAT, **asdict(card)}
    if is_own(card.dataset):
        from retroprop.data.own import without_folder  # it reads pictures, by a library more

        about["dataset"] = without_folder(card.dataset)
    save_tensors(path, tensors, about=json.dumps(about | {"sha256": _digest(about, tensors)}))


def load_model(path: Path) -> tuple[nn.Module, ModelCard, Normalization]:
    """Read what `save_model` wrote; the model is in evaluation mode, on the CPU.

    Raises:
        UserError: If the file is missing, damaged, or no model of ours.
    """
    tensors, about = read_tensors(path)
    card = _card(path, about)
    _check_digest(path, json.loads(about or ""), tensors)
    weights = {
        name.removeprefix("weight."): tensor
        for name, tensor in tensors.items()
        if name.startswith("weight.")
    }
    height, width, channels = card.image_shape
    described = (card.kind, (channels, height, width), len(card.classes), card.options)
    try:
        with torch.device("meta"):  # shapes alone: nothing is allocated before they are compared
            sketch = build(*described)
    except UserError as error:
        raise UserError(f"{path} describes a model that cannot be built: {error}") from None
    _check(path, sketch, weights)
    model = build(*described, seed=0)
    load_weights(model, weights, path)
    return model.eval(), card, _normalization(path, card, tensors)


def _card(path: Path, about: str | None) -> ModelCard:
    """The card of a file, of which nothing is believed before it is seen.

    Whether kind, options and values are those of a model is for `build` to say.
    """
    refusal = UserError(
        f"{path} is not a model of retroprop; give a model.safetensors that retroprop train wrote."
    )
    try:
        given = json.loads(about or "")
        kind, options, shape, classes, dataset = (
            given[name] for name in ("kind", "options", "image_shape", "classes", "dataset")
        )
        data_checksum = given.get("data_checksum", "")
        of_ours = given["format"] in (_FORMAT, _WITHOUT_DIGEST)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refusal from None
    if not (
        of_ours
        and _is_list_of(int, shape)
        and len(shape) == 3
        and all(1 <= size <= _LARGEST for size in shape)
        and _is_list_of(str, classes)
        and 1 <= len(classes) <= _LARGEST
        and isinstance(kind, str)
        and isinstance(dataset, str)
        and isinstance(data_checksum, str)
        and all(
            word.isprintable() for word in (*classes, dataset, data_checksum)
        )  # they are printed
        and isinstance(options, dict)
    ):
        raise refusal
    height, width, channels = shape
    return ModelCard(
        kind=kind,
        options={k: tuple(v) if isinstance(v, list) else v for k, v in options.items()},
        image_shape=(height, width, channels),
        classes=tuple(classes),
        dataset=dataset,
        data_checksum=data_checksum,
    )


def _digest(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 of a card as JSON, and of each tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_digest(path: Path, about: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a file whose card or tensors changed since they were written."""
    if about["format"] == _FORMAT and about.pop("sha256", None) != _digest(about, tensors):
        raise UserError(
            f"{path} is damaged: its card and its numbers are not those that were written; put a "
            "whole copy there, or train again to have one."
        )


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _normalization(path: Path, card: ModelCard, tensors: Mapping[str, Tensor]) -> Normalization:
    """Mean and standard deviation, one per channel or one per pixel."""
    height, width, channels = card.image_shape
    parts: dict[str, Tensor] = {}
    for name in ("mean", "std"):
        tensor = tensors.get(f"normalization.{name}")
        if (
            tensor is None
            or tensor.dtype != torch.float32
            or tensor.shape not in ((channels, 1, 1), (channels, height, width))
        ):
            raise UserError(f"{path} has no normalization.{name} for its images; train it again.")
        parts[name] = tensor
    if not all(part.isfinite().all() for part in parts.values()) or not (parts["std"] > 0).all():
        raise UserError(
            f"{path} has a normalization that is not finite or divides by zero; train it again."
        )
    return Normalization(**parts)


def _check(path: Path, sketch: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Names, shapes, types and numbers must be those of a model like the sketch."""
    check_weights(sketch, weights, path)
    for name, tensor in sketch.state_dict().items():
        if weights[name].dtype != tensor.dtype:
            raise UserError(
                f"{path} has numbers of type {weights[name].dtype} in {name}, and not "
                f"{tensor.dtype}; train it again."
            )
        if not weights[name].isfinite().all():
            raise UserError(f"{path} has numbers in {name} that are not finite; train it again.")
