"""The accuracy reached against the values of one setting.

A point is the mean over the seeds, its bar reaches from the lowest to the highest seed. Numbers
stand at their place, on a logarithmic axis when the largest is at least ten times the smallest;
words (and lists that hold 0 or a word) stand side by side, without a line between them. A value
whose cell diverged is a cross on the axis: it has no mean.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retroprop.figures.style import (
    INK,
    EndLabel,
    decimal_text,
    label_ends,
    logarithmic,
    new_panel,
    series_style,
    value_ticks,
)
from retroprop.languages import Say, translator


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of the setting and what its seeds reached; `mean` is None when one diverged."""

    value: object
    label: str
    mean: float | None
    low: float | None = None
    high: float | None = None


def places(values: Sequence[object]) -> tuple[list[float], str]:
    """Where values stand on the axis, and the axis: "linear", "log" or "words".

    >>> places([0.1, 0.001])
    ([0.1, 0.001], 'log')
    >>> places([1, 3, 5])
    ([1.0, 3.0, 5.0], 'linear')
    >>> places([0.0, 0.01, 1.0]), places(["sgd", "adam"])
    (([0.0, 1.0, 2.0], 'words'), ([0.0, 1.0], 'words'))
    """
    numbers = [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < len(values) or not numbers:
        return [float(at) for at in range(len(values))], "words"
    if min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
        return numbers, "log"
    if max(abs(number) for number in numbers) >= 10 * min(abs(number) for number in numbers):
        return [float(at) for at in range(len(values))], "words"  # 0.0, 0.01, 1.0
    return numbers, "linear"


def effect_of_setting(
    lines: Mapping[str, Sequence[Point]],
    *,
    x_label: str,
    language: str = "en",
) -> Figure:
    """Draw the accuracy over the values of one setting.

    Args:
        lines: For each label ("SGD", "Adam") a point for each value; the same values in each.
        x_label: The name of the setting, already in the reader's language.
        language: "en" or "fr".
    """
    say = translator(language)
    y_label = say("best validation accuracy (%)")
    figure, axes = new_panel(x_label=x_label, y_label=y_label, language=language)
    values = list(next(iter(lines.values())))
    at, scale = places([point.value for point in values])
    if scale == "log":
        axes.set_xscale("log")
    elif scale == "words":
        axes.set_xlim(-0.5, len(at) - 0.5)

    ends: list[EndLabel] = []
    lost: list[tuple[float, str]] = []
    for index, (name, points) in enumerate(lines.items()):
        style = series_style(index)
        aside = 0.14 * (index - (len(lines) - 1) / 2) if scale == "words" else 0.0
        drawn = sorted(
            (x + aside, 100 * point.mean, 100 * (point.low or 0), 100 * (point.high or 0))
            for x, point in zip(at, points, strict=True)
            if point.mean is not None
        )
        lost += [
            (x + aside, style.light)
            for x, point in zip(at, points, strict=True)
            if point.mean is None
        ]
        if not drawn:
            continue
        xs, means, lows, highs = (list(column) for column in zip(*drawn, strict=True))
        axes.errorbar(
            xs,
            means,
            yerr=[
                [mean - low for mean, low in zip(means, lows, strict=True)],
                [high - mean for mean, high in zip(means, highs, strict=True)],
            ],
            color=style.light,
            linestyle="none" if scale == "words" else "-",
            linewidth=1.3,
            elinewidth=1.0,
            capsize=3,
            marker=style.marker,
            markersize=5,
        )
        ends.append(EndLabel(text=name, colour=style.light, x=xs[-1], y=means[-1]))
        if len(lines) == 1:
            _write_values(axes, xs, means, lows, highs, language)
    axes.margins(y=0.16)
    low, high = axes.get_xlim()
    if scale == "log":
        # Crosses have to fit too; limits are set before the labels measure where lines end.
        axes.set_xlim(min(low, min(at) / 1.3), max(high, max(at) * 1.3))
        logarithmic(axes.xaxis, min(at), max(at), language=language)
    elif scale == "linear":
        margin = 0.06 * (max(at) - min(at))
        axes.set_xlim(min(low, min(at) - margin), max(high, max(at) + margin))
    for x, colour in lost:
        axes.plot(
            [x],
            [0.03],
            transform=axes.get_xaxis_transform(),
            marker="x",
            markersize=6,
            markeredgewidth=1.6,
            color=colour,
            linestyle="none",
            clip_on=False,
        )
    if lost:
        axes.set_title(say("× diverged"), fontsize=8.5, color=INK, loc="right", pad=10)
    in_order = sorted(zip(at, (point.label for point in values), strict=True))
    value_ticks(axes, [x for x, _ in in_order], [label for _, label in in_order])
    if len(lines) > 1:
        label_ends(axes, ends)
    return figure


def _write_values(
    axes: Axes,
    xs: Sequence[float],
    means: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    language: str,
) -> None:
    """Write each mean above its bar, or below where the line comes down to it from above."""
    for at, (x, mean) in enumerate(zip(xs, means, strict=True)):
        neighbours = [*means[max(at - 1, 0) : at], *means[at + 1 : at + 2]]
        below = bool(neighbours) and mean < sum(neighbours) / len(neighbours)
        text = f"{mean:.1f}"
        axes.annotate(
            decimal_text(text, language),
            xy=(x, lows[at] if below else highs[at]),
            xytext=(0, -5 if below else 5),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=8.5,
            color=INK,
        )


def describe_effect(
    lines: Mapping[str, Sequence[Point]],
    *,
    say: Say,
    number: Callable[[float], str],
) -> str:
    """The points of the figure in sentences.

    Args:
        lines: As for `effect_of_setting`.
        say: Turns an English text into the reader's language.
        number: Writes an accuracy.
    """
    sentences = []
    for name, points in lines.items():
        items = [
            say("{name}: {cell}").format(
                name=point.label,
                cell=say("diverged")
                if point.mean is None
                else say("{mean} (from {low} to {high})").format(
                    mean=number(point.mean),
                    low=number(point.low or 0),
                    high=number(point.high or 0),
                )
                if point.low != point.high
                else number(point.mean),
            )
            for point in points
        ]
        sentence = say("; ").join(items) + "."
        if len(lines) > 1:
            sentence = say("{name}: {cell}").format(name=name, cell=sentence)
        sentences.append(sentence)
    return " ".join(sentences)
