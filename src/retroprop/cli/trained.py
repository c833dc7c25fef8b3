"""`retroprop evaluate | predict | export`: trained models, of any run or file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Database, WholeNumber
from retroprop.errors import UserError, did_you_mean
from retroprop.studies.records import DEFAULT_DATABASE

console = Terminal()

Run = Annotated[
    str,
    Parameter(
        help="A number that `retroprop runs STUDY` prints, or a model.safetensors that `retroprop "
        "train` wrote, or its folder."
    ),
]


def evaluate(
    run: Run,
    /,
    *,
    dataset: Annotated[str | None, Parameter(negative=())] = None,
    device: Annotated[str, Parameter(negative=())] = "auto",
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Evaluate a trained model on a whole test set, class by class.

    Parameters
    ----------
    dataset
        Another data set with images of the same shape and the same classes. Default: the model's
        own.
    device
        cpu, cuda or auto.
    """
    from retroprop.cli.training_display import print_test
    from retroprop.data import find
    from retroprop.studies.run_models import find_model
    from retroprop.studies.worker import prepare_thread
    from retroprop.training.confusion import count_pairs
    from retroprop.training.devices import choose_device
    from retroprop.training.image_sets import image_set
    from retroprop.training.trainer import evaluate_model

    on = choose_device(device)
    prepare_thread()
    model = find_model(run, db)
    card, info = model.card, find(dataset or model.card.dataset)
    if info.size != card.image_shape:
        raise UserError(
            f"{model.source} reads images of {_times(card.image_shape)}, and {info.name} has "
            f"images of {_times(info.size)}; name {card.dataset}."
        )
    if info.classes != card.classes:
        raise UserError(
            f"{model.source} tells {_classes(card.classes)} apart, and {info.name} has "
            f"{_classes(info.classes)}; name {card.dataset}."
        )
    part = model.test_part(info.name)
    n_classes = len(info.classes)
    test = image_set(part.images, part.labels, model.normalization, n_classes=n_classes)
    scores, predicted = evaluate_model(model.network, test, device=on, squared=model.scores)
    counts = count_pairs(test.labels, predicted, n_classes)
    print_test(console, scores.accuracy, scores.loss, counts, info)


def predict(
    run: Run,
    images: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    top: Annotated[WholeNumber, Parameter(negative=())] = 3,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Say what pictures show: the most probable classes of each PNG or JPEG.

    Parameters
    ----------
    images
        PNG or JPEG files of any size; they are scaled to the size that the model reads.
    top
        How many classes to print for each.
    """
    import numpy as np
    import torch

    from retroprop.data.pictures import luminance, read_picture
    from retroprop.studies.run_models import find_model
    from retroprop.studies.worker import prepare_thread

    prepare_thread()
    model = find_model(run, db)
    card = model.card
    if not 1 <= top <= len(card.classes):
        raise UserError(f"--top must be from 1 to {len(card.classes)}, and got {top}.")
    side, width, channels = card.image_shape
    if side != width or channels not in (1, 3):
        raise UserError(
            f"{model.source} reads images of {_times(card.image_shape)}, and pictures are made "
            "square, in grey or three colours; name another model."
        )
    pictures = np.stack([read_picture(path, side=side) for path in images])
    read = torch.from_numpy(luminance(pictures) if channels == 1 else pictures)
    with torch.inference_mode():
        z = model.network(model.normalization(read))
    for path, row in zip(images, z if model.scores else z.softmax(1), strict=True):
        best = row.topk(top)
        answers = ", ".join(
            f"{card.classes[int(k)]} {float(value):{'.2f' if model.scores else '.1%'}}"
            for value, k in zip(best.values, best.indices, strict=True)
        )
        console.print(f"{path}: {answers}", soft_wrap=True)
    if model.scores:
        console.print(
            "These are scores and no probabilities: the model learned by the squared error.",
            soft_wrap=True,
        )


def export(
    run: Run,
    /,
    *,
    to: Annotated[str, Parameter(negative=())] = "onnx",
    output: Path | None = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Write a trained model as ONNX, and check it with onnxruntime.

    Parameters
    ----------
    to
        The format; onnx.
    output
        The file to write. Default: beside the model's file, or run-NUMBER.onnx.
    """
    from retroprop.studies.run_models import find_model, model_file
    from retroprop.training.onnx_export import export_onnx

    if to != "onnx":
        raise UserError(f"there is no format {to!r}. {did_you_mean(to, ('onnx',))}")
    model = find_model(run, db)
    usual = Path(f"run-{run}.onnx") if run.isdigit() else model_file(run).with_suffix(".onnx")
    target = output or usual
    worst = export_onnx(model.network, model.card, model.normalization, target, scores=model.scores)
    shape = ", ".join(map(str, model.card.image_shape))
    outputs = "scores" if model.scores else "probabilities"
    console.print(
        f"{target}: reads bytes (n, {shape}), gives {outputs} of {len(model.card.classes)} "
        f"classes; its outputs differ from torch's by at most {worst:.1e}.",
        soft_wrap=True,
    )


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _classes(names: Sequence[str]) -> str:
    """The first classes, for a sentence."""
    return f"{len(names)} classes ({', '.join(names[:3])}, …)"
