"""Loss and accuracy over the epochs, train and validation, with the spread over seeds.

A line is the mean over the seeds, its band reaches from the lowest to the highest seed. Solid is
validation, dashed is train; a series (for instance an optimizer) has its colour and its marker.

Epoch 0, the untrained model, is far from all others (10 % against 80 % accuracy with ten classes).
When it would take more than two thirds of the height, the axis shows the trained epochs, a triangle
at epoch 0 points to where it is, and its value is written above the panel.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from retroprop.figures.style import (
    INK,
    PAPER_WIDTH_IN,
    EndLabel,
    SeriesStyle,
    decimal_text,
    dress,
    label_ends,
    logarithmic,
    new_figure,
    series_style,
)
from retroprop.languages import Say, say_later, translator
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import Curve, curve

Metric = Literal["loss", "accuracy"]
Part = Literal["validation", "train"]
PARTS = {  # the line style of each part
    say_later("validation"): "-",
    say_later("train"): (0, (3.2, 1.6)),
}
MARKERS = 12
"""Markers along a long line, about: more would cover it."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What all panels of one figure share."""

    parts: Sequence[Part]
    loss_label: str
    steps_per_epoch: int | None
    notes: Sequence[str]
    language: str
    part_in_title: bool = False
    compared: Sequence[Curve] = ()  # of all panels that share their heights


def loss_and_accuracy_curves(
    models: Mapping[str, Sequence[RunRecord]],
    *,
    metrics: Sequence[Metric] = ("loss", "accuracy"),
    parts: Sequence[Part] = ("validation", "train"),
    stacked: bool = False,
    name_parts: bool = True,
    loss_label: str = "loss (nats)",
    steps_per_epoch: int | None = None,
    notes: Sequence[str] = (),
    language: str = "en",
) -> Figure:
    """Draw one panel for each metric, side by side or stacked.

    Args:
        models: For each label ("SGD", "Adam") the seeds of one cell; a label without models keeps
            its colour free.
        metrics: The panels, in order.
        parts: Which sets are drawn.
        stacked: Put the panels above each other: narrow enough for a telephone.
        name_parts: Label every line with its name (if there are several) and part; otherwise a
            name stands at its first part's line alone, and the caption must say what dashes mean.
        loss_label: The title of the loss panel, in English, with the unit.
        steps_per_epoch: Draw a second axis above, in steps, when all models make as many.
        notes: Labels of what has no line, with the reason ("0.1: diverged").
        language: "en" or "fr".
    """
    n = len(metrics)
    look = _Look(
        parts=parts,
        loss_label=loss_label,
        steps_per_epoch=steps_per_epoch,
        notes=notes,
        language=language,
    )
    above = 0.0 if steps_per_epoch is None else 0.3
    figure = (
        new_figure(PAPER_WIDTH_IN, 3.3 * n + above)
        if stacked
        else new_figure(PAPER_WIDTH_IN * n, 3.3 + above)
    )
    grid = figure.subplots(n, 1, squeeze=False) if stacked else figure.subplots(1, n, squeeze=False)
    for axes, metric in zip(grid.flat, metrics, strict=True):
        _panel(axes, models, metric, look, name_parts=name_parts)
        if stacked:  # one axis of steps serves all panels below it
            look = dataclasses.replace(look, steps_per_epoch=None)
    return figure


def curves_by_part(
    models: Mapping[str, Sequence[RunRecord]],
    metric: Metric,
    *,
    parts: Sequence[Part] = ("validation", "train"),
    loss_label: str = "loss (nats)",
    steps_per_epoch: int | None = None,
    notes: Sequence[str] = (),
    language: str = "en",
) -> Figure:
    """Draw one metric of many models: a panel for each set, above each other.

    Arguments as for `loss_and_accuracy_curves`; every line has its name, and the panels share their
    heights, so that the sets can be compared.
    """
    lines = [curve(runs, f"{part}_{metric}") for runs in models.values() for part in parts]
    look = _Look(
        parts=(),
        loss_label=loss_label,
        steps_per_epoch=steps_per_epoch,
        notes=notes,
        language=language,
        part_in_title=True,
        compared=[line for line in lines if line.epochs],
    )
    above = 0.0 if steps_per_epoch is None else 0.3
    figure = new_figure(PAPER_WIDTH_IN, 3.3 * len(parts) + above)
    panels = figure.subplots(len(parts), 1, squeeze=False)
    for axes, part in zip(panels.flat, parts, strict=True):
        look = dataclasses.replace(look, parts=(part,))
        _panel(axes, models, metric, look, name_parts=False)
        look = dataclasses.replace(look, steps_per_epoch=None, notes=())
    return figure


def _panel(
    axes: Axes,
    models: Mapping[str, Sequence[RunRecord]],
    metric: Metric,
    look: _Look,
    *,
    name_parts: bool,
) -> None:
    say = translator(look.language)
    scale = 100 if metric == "accuracy" else 1
    y_label = say("accuracy (%)") if metric == "accuracy" else say(look.loss_label)
    if look.part_in_title:
        part = say(look.parts[0])
        y_label = say("{name}: {cell}").format(name=part, cell=y_label)
    dress(axes, x_label=say("epoch"), y_label=y_label, language=look.language)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))

    lines: list[tuple[Curve, str, Part, SeriesStyle]] = []  # curve, name, part, style
    for index, (name, runs) in enumerate(models.items()):
        for part in look.parts:
            line = curve(runs, f"{part}_{metric}")
            if line.epochs:
                lines.append((line, name, part, series_style(index)))
    if not lines:
        return
    compared = look.compared or [line for line, *_ in lines]
    logarithmically = metric == "loss" and _spans_decades(compared)
    untrained = None if logarithmically else _untrained_far_away(compared)
    drawn: list[EndLabel] = []
    last = max(line.epochs[-1] for line, *_ in lines)
    for line, name, part, style in lines:
        shown = line.without_epoch_0() if untrained else line
        draw_line(axes, shown, style, scale=scale, part=part)
        if name_parts or part == look.parts[0]:
            drawn.append(
                EndLabel(
                    text=_label(name, part, say, alone=len(models) == 1) if name_parts else name,
                    colour=style.light,
                    x=shown.epochs[-1],
                    y=scale * shown.mean[-1],
                    leader=shown.epochs[-1] == last,
                )
            )
    if look.compared:
        shown = [line.without_epoch_0() if untrained else line for line in compared]
        axes.set_ylim(*_heights(shown, scale, logarithmically=logarithmically))
    if logarithmically:
        axes.set_yscale("log")
        logarithmic(axes.yaxis, *axes.get_ylim(), language=look.language)
    if untrained:
        below = y_label if look.part_in_title else ""  # too long for both in one line
        _point_to_untrained(axes, untrained, scale, look.language, below=below)
    if look.steps_per_epoch is not None:
        _steps_axis(axes, look.steps_per_epoch, say)
    drawn += [EndLabel(text=note, colour=INK) for note in look.notes]
    label_ends(axes, drawn)


def draw_line(
    axes: Axes,
    line: Curve,
    style: SeriesStyle,
    *,
    scale: int,
    part: Part,
    markers: int = MARKERS,
) -> None:
    """The band between the seeds and the line of their mean, times `scale`, with some markers."""
    axes.fill_between(
        line.epochs,
        [scale * value for value in line.low],
        [scale * value for value in line.high],
        color=style.light,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(
        line.epochs,
        [scale * value for value in line.mean],
        color=style.light,
        linestyle=PARTS[part],
        linewidth=1.5,
        marker=style.marker,
        markevery=max(1, len(line.epochs) // markers),
        markersize=4,
        markerfacecolor=style.light if part == "validation" else "none",
    )


def _label(name: str, part: Part, say: Say, *, alone: bool) -> str:
    return say(part) if alone else f"{name}, {say(part)}"


def _spans_decades(lines: Sequence[Curve]) -> bool:
    """Whether losses lie so far apart that a linear axis would show the largest alone."""
    values = [value for line in lines for value in (*line.low, *line.high)]
    return min(values) > 0 and max(values) > 30 * min(values)


def _heights(lines: Sequence[Curve], scale: int, *, logarithmically: bool) -> tuple[float, float]:
    """Limits of an axis that hold all lines, with a margin of a twentieth."""
    values = [scale * value for line in lines for value in (*line.low, *line.high)]
    low, high = min(values), max(values)
    if logarithmically:
        margin = (high / low) ** 0.05
        return low / margin, high * margin
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _steps_axis(axes: Axes, steps_per_epoch: int, say: Say) -> None:
    above = axes.secondary_xaxis(
        "top",
        functions=(
            lambda epoch: np.asarray(epoch) * steps_per_epoch,
            lambda step: np.asarray(step) / steps_per_epoch,
        ),
    )
    above.set_xlabel(say("step"), fontsize=9, color=INK)
    above.tick_params(labelsize=8.5, colors=INK, length=3, width=0.6)
    above.spines["top"].set_color(INK)
    above.spines["top"].set_linewidth(0.6)
    above.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    # A narrow no-break space between groups of three digits is read in both languages.
    above.xaxis.set_major_formatter(
        FuncFormatter(lambda step, _: f"{step:,.0f}".replace(",", "\u202f"))
    )


def _untrained_far_away(lines: Sequence[Curve]) -> tuple[float, float] | None:
    """Lowest and highest value of epoch 0, when it would flatten the trained epochs."""
    ends = [value for line in lines if line.epochs[0] == 0 for value in (line.low[0], line.high[0])]
    trained = [line.without_epoch_0() for line in lines]
    later = [value for line in trained for value in (*line.low, *line.high)]
    if not ends or max(len(line.epochs) for line in trained) < 2:
        return None  # without epoch 0 a line of one epoch is a dot
    if not all(line.epochs for line in trained):
        return None
    height = max(later) - min(later)
    whole = max(*later, *ends) - min(*later, *ends)
    outside = min(ends) > max(later) or max(ends) < min(later)
    return (min(ends), max(ends)) if outside and whole > 3 * height > 0 else None


def _point_to_untrained(
    axes: Axes,
    untrained: tuple[float, float],
    scale: int,
    language: str,
    *,
    below: str,
) -> None:
    """Mark where epoch 0 lies, and write its value on the right, or `below` a title."""
    above = scale * untrained[0] > axes.get_ylim()[1]
    axes.plot(
        [0],
        [0.975 if above else 0.025],
        transform=axes.get_xaxis_transform(),
        marker="^" if above else "v",
        markersize=5,
        color=INK,
        clip_on=False,
    )
    digits = 1 if scale == 100 else 2
    ends = dict.fromkeys(f"{scale * value:.{digits}f}" for value in untrained)
    say = translator(language)
    text = say("epoch 0: {value}").format(value="–".join(ends))
    text = ("▲ " if above else "▼ ") + text
    text = decimal_text(text, language)
    if below:
        axes.set_title(f"{below}\n{text}", fontsize=8.5, color=INK, loc="left", pad=10)
    else:
        axes.set_title(text, fontsize=8.5, color=INK, loc="right", pad=10)


def describe_curves(
    models: Mapping[str, Sequence[RunRecord]],
    metric: Metric,
    *,
    parts: Sequence[Part] = ("validation", "train"),
    say: Say,
    number: Callable[[float], str],
) -> str:
    """What the panel of a metric shows, in sentences, from the same numbers.

    Args:
        models: As for `loss_and_accuracy_curves`.
        metric: The panel.
        parts: Which sets are drawn.
        say: Turns an English text into the reader's language.
        number: Writes a value of the metric.
    """
    sentences: list[str] = []
    for name, runs in models.items():
        for part in parts:
            line = curve(runs, f"{part}_{metric}")
            if line.epochs:
                sentence = say(
                    "{name}, {part}: from {first} at epoch {start} to {last} at epoch {end}."
                )
                sentences.append(
                    sentence.format(
                        name=name,
                        part=say(part),
                        first=number(line.mean[0]),
                        start=line.epochs[0],
                        last=number(line.mean[-1]),
                        end=line.epochs[-1],
                    )
                )
    return " ".join(sentences)
