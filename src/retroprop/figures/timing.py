"""What each value of a setting costs: seconds per epoch, and parameters.

Two panels above each other, both with logarithmic heights. Numbers stand at their place, in
doublings: a smaller patch of a Mixer means more patches, so more work for each layer, while only
the token-mixing layers grow. Words stand side by side, without a line between them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retroprop.figures.style import (
    INK,
    PAPER_WIDTH_IN,
    decimal_text,
    dress,
    logarithmic,
    new_figure,
    series_style,
    value_ticks,
)
from retroprop.languages import Say, translator


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one value of a setting costs.

    Attributes:
        value: The value: a number above 0 has its place on the axis.
        label: The value in the reader's language, for the axis.
        name: What the value makes of the setting, for a sentence ("4 × 4 patches").
        epoch_s: Training seconds of each measured epoch.
        parameters: Of the whole model.
    """

    value: object
    label: str
    name: str
    epoch_s: Sequence[float]
    parameters: int


def cost_of_setting(
    costs: Sequence[Cost],
    *,
    x_label: str,
    language: str = "en",
) -> Figure:
    """Draw seconds per epoch (median, from lowest to highest) and parameters over the values.

    Args:
        costs: One for each value, each with at least one epoch.
        x_label: The name of the setting, already in the reader's language.
        language: "en" or "fr".
    """
    say = translator(language)
    places = _places(costs)
    if places is not None:
        order = sorted(range(len(costs)), key=places.__getitem__)
        costs, places = [costs[at] for at in order], [places[at] for at in order]
    at = places or [float(place) for place in range(len(costs))]
    seconds = [median(cost.epoch_s) for cost in costs]
    figure = new_figure(PAPER_WIDTH_IN, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    dress(upper, x_label="", y_label=say("training seconds per epoch"))
    dress(lower, x_label=x_label, y_label=say("parameters"))
    if places is None:
        lower.set_xlim(-0.5, len(at) - 0.5)
    else:
        lower.set_xscale("log", base=2)
        lower.set_xlim(min(at) / 1.3, max(at) * 1.3)
    tops = [max(cost.epoch_s) for cost in costs]
    spread = [
        [middle - min(cost.epoch_s) for middle, cost in zip(seconds, costs, strict=True)],
        [top - middle for middle, top in zip(seconds, tops, strict=True)],
    ]
    lowest = min(min(cost.epoch_s) for cost in costs)
    joined = places is not None
    _points(upper, at, seconds, spread, 0, (lowest, max(tops)), language, joined=joined)
    parameters = [float(cost.parameters) for cost in costs]
    ends = (min(parameters), max(parameters))
    _points(lower, at, parameters, None, 1, ends, language, joined=joined)
    for axes, values, heights, write in (
        (upper, seconds, tops, lambda value: f"{value:.3g}\u202fs"),
        (lower, parameters, parameters, short_count),
    ):
        for x, value, top in zip(at, values, heights, strict=True):
            text = write(value)
            axes.annotate(
                decimal_text(text, language),
                xy=(x, top),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=INK,
            )
    value_ticks(lower, at, [cost.label for cost in costs])
    return figure


def _places(costs: Sequence[Cost]) -> list[float] | None:
    """Where numbers stand; None for words, or where a number has no place in doublings."""
    numbers = [
        float(cost.value)
        for cost in costs
        if isinstance(cost.value, int | float) and not isinstance(cost.value, bool)
    ]
    return numbers if len(numbers) == len(costs) and min(numbers) > 0 else None


def _points(
    axes: Axes,
    at: Sequence[float],
    values: Sequence[float],
    spread: list[list[float]] | None,
    series: int,
    limits: tuple[float, float],
    language: str,
    *,
    joined: bool,
) -> None:
    """Draw one panel's points and give it its limits, in seconds or in parameters."""
    style = series_style(series)
    axes.set_yscale("log")
    axes.errorbar(
        at,
        values,
        yerr=spread,
        color=style.light,
        linewidth=1.3 if joined else 0,
        elinewidth=1.0,
        capsize=3,
        marker=style.marker,
        markersize=5,
    )
    decades = math.log10(limits[1] / limits[0])
    low, high = limits[0] / 1.5, limits[1] * 10 ** (0.2 + 0.18 * decades)  # room for the numbers
    axes.set_ylim(low, high)
    logarithmic(axes.yaxis, low, high, language=language)
    if series:
        axes.yaxis.set_major_formatter(lambda value, _: decimal_text(short_count(value), language))


def short_count(value: float) -> str:
    """A count in thousands or millions, three digits.

    >>> short_count(590), short_count(59_020), short_count(11_173_962)
    ('590', '59k', '11.2M')
    """
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def describe_costs(
    costs: Sequence[Cost],
    *,
    say: Say,
    number: Callable[[float], str],
    count: Callable[[float], str],
) -> str:
    """Every point in a sentence.

    Args:
        costs: As for `cost_of_setting`.
        say: Turns an English text into the reader's language.
        number: Writes seconds.
        count: Writes a number of parameters.
    """
    items = [
        say("{name}: {seconds} per epoch, {parameters} parameters").format(
            name=cost.name,
            seconds=number(median(cost.epoch_s)),
            parameters=count(cost.parameters),
        )
        for cost in costs
    ]
    return say("; ").join(items) + "."
