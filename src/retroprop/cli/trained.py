"""`retroprop evaluate | predict | export`: trained models, of any run or file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Database, WholeNumber
from retroprop.errors import UserError, did_you_mean
from retroprop.files import DEFAULT_DATABASE

if TYPE_CHECKING:
    import numpy as np

    from retroprop.data.pictures import Picture

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
    top: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    invert: Annotated[Literal["auto", "yes", "no"], Parameter(negative=())] = "auto",
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Say what pictures show: the most probable classes of each PNG or JPEG.

    Parameters
    ----------
    images
        PNG or JPEG files of any size; they are scaled to the size that the model reads.
    top
        How many classes to print for each. Default: three.
    invert
        auto: make pictures light on dark that are dark on light, where the model learned such
        (mnist, fashion-mnist). yes: all of them. no: none.
    """
    import numpy as np
    import torch

    from retroprop.data.pictures import luminance, open_picture
    from retroprop.studies.run_models import find_model
    from retroprop.studies.worker import prepare_thread

    prepare_thread()
    model = find_model(run, db)
    card = model.card
    top = top if top is not None else min(3, len(card.classes))
    if not 1 <= top <= len(card.classes):
        raise UserError(f"--top must be from 1 to {len(card.classes)}, and got {top}.")
    side, width, channels = card.image_shape
    if side != width or channels not in (1, 3):
        raise UserError(
            f"{model.source} reads images of {_times(card.image_shape)}, and pictures are made "
            "square, in grey or three colours; name another model."
        )
    pictures, notes = [], []
    for path in images:
        picture = open_picture(path, side=side)
        pixels, done = picture.pixels, _scaled(picture, side)
        if invert == "yes" or (invert == "auto" and _is_reversed(pixels, card.dataset)):
            pixels = 255 - pixels
            done.append("inverted" if invert == "yes" else f"dark on light, and {card.dataset} is "
                        "light on dark: inverted (--invert no leaves it)")  # fmt: skip
        pictures.append(luminance(pixels) if channels == 1 else pixels)
        notes.append("; ".join(done))
    with torch.inference_mode():
        z = model.network(model.normalization(torch.from_numpy(np.stack(pictures))))
    answered = z if model.scores else z.softmax(1)
    for path, row, note in zip(images, answered, notes, strict=True):
        best = row.topk(top)
        answers = ", ".join(
            f"{card.classes[int(k)]} {float(value):{'.2f' if model.scores else '.1%'}}"
            for value, k in zip(best.values, best.indices, strict=True)
        )
        console.print(f"{path}: {answers}", soft_wrap=True)
        if note:
            console.print(f"    {note}", soft_wrap=True, style="dim")
    if model.scores:
        console.print(
            "These are scores and no probabilities: the model learned by the squared error.",
            soft_wrap=True,
        )


def _scaled(picture: "Picture", side: int) -> list[str]:
    """What was done to a picture so that the model can read it."""
    done = []
    if picture.size != (side, side):
        square = "" if picture.size[0] == picture.size[1] else "the square in the middle "
        done.append(f"{_times(picture.size)} pixels, {square}scaled to {side} × {side}")
    if picture.on_white:
        done.append("transparent pixels laid on white")
    return done


def _is_reversed(pixels: "np.ndarray", dataset: str) -> bool:
    """Whether a picture is dark on light, and what the model learned from light on dark."""
    from retroprop.data import CATALOG
    from retroprop.data.pictures import is_on_light, luminance

    return dataset in CATALOG and CATALOG[dataset].light_on_dark and is_on_light(luminance(pixels))


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
