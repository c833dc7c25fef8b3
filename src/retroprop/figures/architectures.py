"""Several architectures in one plot: their accuracies on both sets, and their gradient norms.

Fewer markers than epochs: a marker every few epochs tells the lines apart without covering them.
"""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from retroprop.errors import UserError
from retroprop.figures.curves import Part, draw_line
from retroprop.figures.style import (
    EndLabel,
    SeriesStyle,
    label_ends,
    logarithmic,
    new_panel,
    series_style,
)
from retroprop.languages import Say, translator
from retroprop.studies.summary import Curve

MARKERS = 8
"""Markers along a line, about."""


def curve_of(values: Sequence[float], *, first_epoch: int = 1) -> Curve:
    """One model's values as a curve, from this epoch on.

    >>> curve_of([0.5, 0.75]).epochs
    (1, 2)
    """
    same = tuple(float(value) for value in values)
    epochs = tuple(range(first_epoch, first_epoch + len(same)))
    return Curve(epochs=epochs, mean=same, low=same, high=same)


def accuracy_curves(
    models: Mapping[str, Mapping[Part, Curve]],
    *,
    language: str = "en",
) -> Figure:
    """Draw train (dashed) and validation accuracy (solid) of two or three architectures.

    A name stands at its validation line.

    Args:
        models: For each architecture's name its curves, as fractions.
        language: "en" or "fr".
    """
    say = translator(language)
    figure, axes = new_panel(
        3.6,
        x_label=say("epoch"),
        y_label=f"{say('accuracy (%)')}\n{say('solid: validation; dashed: train')}",
        language=language,
    )
    ends: list[EndLabel] = []
    for index, (name, parts) in enumerate(models.items()):
        style = series_style(index)
        for part, line in parts.items():
            draw_line(axes, line, style, scale=100, part=part, markers=MARKERS)
        if parts:
            named = parts.get("validation", next(iter(parts.values())))
            ends.append(_end(name, named, style, scale=100))
    _epochs_axis(axes, [line for parts in models.values() for line in parts.values()])
    label_ends(axes, ends)
    return figure


def gradient_norm_curves(
    models: Mapping[str, Curve],
    *,
    language: str = "en",
) -> Figure:
    """Draw the norm of the gradient over the epochs, on a logarithmic axis.

    Args:
        models: For each architecture's name its curve; a norm of 0 has no place on the axis, and
            leaves a gap in the line.
        language: "en" or "fr".

    Raises:
        UserError: If there is no positive norm to draw.
    """
    say = translator(language)
    positive = [value for line in models.values() for value in (*line.low, *line.high) if value > 0]
    if not positive:
        raise UserError("expected gradient norms above 0 to draw, and got none.")
    figure, axes = new_panel(x_label=say("epoch"), y_label=say("norm of the gradient"))
    axes.set_yscale("log", nonpositive="mask")
    ends: list[EndLabel] = []
    for index, (name, line) in enumerate(models.items()):
        style = series_style(index)
        draw_line(axes, line, style, scale=1, part="validation", markers=MARKERS)
        ends.append(_end(name, line, style, scale=1))
    low, high = min(positive) / 1.3, max(positive) * 1.3
    axes.set_ylim(low, high)
    logarithmic(axes.yaxis, low, high, language=language)
    _epochs_axis(axes, list(models.values()))
    if len(models) > 1:
        label_ends(axes, ends)
    return figure


def _epochs_axis(axes: Axes, lines: Sequence[Curve]) -> None:
    """Whole numbers of epochs, also where there is one alone."""
    epochs = {epoch for line in lines for epoch in line.epochs}
    if len(epochs) == 1:
        axes.set_xticks(list(epochs))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _end(text: str, line: Curve, style: SeriesStyle, *, scale: int) -> EndLabel:
    """The label beside the last value that can be drawn."""
    if not line.mean:
        return EndLabel(text=text, colour=style.light)
    drawable = [at for at, value in enumerate(line.mean) if scale != 1 or value > 0]
    last = drawable[-1] if drawable else len(line.mean) - 1
    return EndLabel(text=text, colour=style.light, x=line.epochs[last], y=scale * line.mean[last])


def describe_gradient_norms(
    models: Mapping[str, Curve], *, say: Say, number: Callable[[float], str]
) -> str:
    """The first and the last norm of each architecture, in sentences.

    Args:
        models: As for `gradient_norm_curves`.
        say: Turns an English text into the reader's language.
        number: Writes a norm.
    """
    return " ".join(
        say("{name}: from {first} at epoch {start} to {last} at epoch {end}.").format(
            name=name,
            first=number(line.mean[0]),
            start=line.epochs[0],
            last=number(line.mean[-1]),
            end=line.epochs[-1],
        )
        for name, line in models.items()
        if line.epochs
    )
