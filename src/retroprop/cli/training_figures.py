"""The pictures that `retroprop train` and `retroprop lr-find` leave in a folder."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from retroprop.errors import UserError, in_short
from retroprop.figures.architectures import accuracy_curves, curve_of, gradient_norm_curves
from retroprop.figures.confusion import confusion_matrix
from retroprop.figures.curves import Part
from retroprop.figures.lr_finder import range_test_curve
from retroprop.figures.style import to_bytes
from retroprop.files import replace_file
from retroprop.studies.one_run import FIGURES
from retroprop.studies.summary import Curve


def draw_run(
    folder: Path, name: str, history: Sequence[Any], counts: Any, classes: Sequence[str]
) -> list[str]:
    """accuracy.svg, gradient-norm.svg and confusion.svg of one training; the names of those drawn.

    Args:
        folder: Where they go.
        name: What stands at its curve.
        history: Its epochs, as they are recorded.
        counts: The confusion matrix on the test set; None if it was not tested.
        classes: The names of the classes.
    """
    trained = [epoch for epoch in history if epoch.epoch > 0]
    curves: dict[Part, Curve] = {
        "validation": curve_of([epoch.validation_accuracy for epoch in trained]),
        "train": curve_of([epoch.train_accuracy for epoch in trained]),
    }
    norms = [epoch.gradient_norm or 0.0 for epoch in trained]
    norms = [norm if math.isfinite(norm) else 0.0 for norm in norms]  # a gap in the line
    accuracy, gradient_norm, confusion = FIGURES
    figures = {accuracy: accuracy_curves({name: curves})}
    if any(norm > 0 for norm in norms):
        figures[gradient_norm] = gradient_norm_curves({"": curve_of(norms)})
    if counts is not None:
        figures[confusion] = confusion_matrix(counts.numpy(), classes)
    for file, figure in figures.items():
        save(figure, folder / file)
    return list(figures)


def draw_range_test(result: Any, file: Path) -> None:
    """The curve of a learning-rate range test."""
    figure = range_test_curve(
        result.learning_rates, result.losses, result.smoothed, result.suggestion
    )
    save(figure, file)


def save(figure: Figure, file: Path) -> None:
    """Write a figure in the format that its name says.

    Raises:
        UserError: If the format is unknown or the file cannot be written.
    """
    check_name(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = to_bytes(figure, file.suffix, bbox_inches="tight", dpi=150)
        replace_file(file, picture, durable=True)  # before a record says that it is there
    except OSError as error:
        raise UserError(f"{file} cannot be written ({in_short(error)}).") from error


def check_name(file: Path) -> None:
    """Refuse a name that says no format, before anything is computed.

    Raises:
        UserError: If it does not end in .svg, .png or .pdf.
    """
    if file.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise UserError(f"{file} should end in .svg, .png or .pdf; rename it.")
