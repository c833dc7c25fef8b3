"""What the size of the patches costs a Mixer: seconds per epoch, and parameters.

Two panels above each other, both logarithmic, over the patch size in doublings: a smaller patch
means more patches, so more work for each layer, while only the token-mixing layers grow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retroprop.figures.style import (
    INK,
    PAPER_WIDTH_IN,
    dress,
    logarithmic,
    new_figure,
    series_style,
    value_ticks,
)

Translate = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class PatchCost:
    """What one patch size costs.

    Attributes:
        patch_size: Pixels along each side of a patch.
        epoch_s: Training seconds of each measured epoch.
        parameters: Of the whole model.
    """

    patch_size: int
    epoch_s: Sequence[float]
    parameters: int


def cost_of_patches(
    costs: Sequence[PatchCost], *, translate: Translate = str, decimal_comma: bool = False
) -> Figure:
    """Draw seconds per epoch (median, from lowest to highest) and parameters over the patch size.

    Args:
        costs: One for each patch size, each with at least one epoch.
        translate: Turns the English words of the figure into the reader's language.
        decimal_comma: Write 0,5 instead of 0.5.
    """
    costs = sorted(costs, key=lambda cost: cost.patch_size)
    sizes = [cost.patch_size for cost in costs]
    seconds = [_median(cost.epoch_s) for cost in costs]
    figure = new_figure(PAPER_WIDTH_IN, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    dress(upper, x_label="", y_label=translate("training seconds per epoch"))
    dress(lower, x_label=translate("patch size (pixels)"), y_label=translate("parameters"))
    spread = [
        [median - min(cost.epoch_s) for median, cost in zip(seconds, costs, strict=True)],
        [max(cost.epoch_s) - median for median, cost in zip(seconds, costs, strict=True)],
    ]
    lowest = min(min(cost.epoch_s) for cost in costs)
    highest = max(max(cost.epoch_s) for cost in costs)
    _points(upper, sizes, seconds, spread, 0, (lowest, highest), decimal_comma)
    parameters = [float(cost.parameters) for cost in costs]
    _points(lower, sizes, parameters, None, 1, (min(parameters), max(parameters)), decimal_comma)
    tops = [max(cost.epoch_s) for cost in costs]
    for axes, values, heights, write in (
        (upper, seconds, tops, lambda value: f"{value:.3g}\u202fs"),
        (lower, parameters, parameters, short_count),
    ):
        for x, value, top in zip(sizes, values, heights, strict=True):
            text = write(value)
            axes.annotate(
                text.replace(".", ",") if decimal_comma else text,
                xy=(x, top),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=INK,
            )
    value_ticks(lower, [float(size) for size in sizes], [str(size) for size in sizes])
    return figure


def _points(
    axes: Axes,
    sizes: Sequence[int],
    values: Sequence[float],
    spread: list[list[float]] | None,
    series: int,
    limits: tuple[float, float],
    decimal_comma: bool,
) -> None:
    style = series_style(series)
    """Draw one panel's points and give it its limits, in seconds or in parameters."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.errorbar(
        sizes,
        values,
        yerr=spread,
        color=style.light,
        linewidth=1.3,
        elinewidth=1.0,
        capsize=3,
        marker=style.marker,
        markersize=5,
    )
    axes.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    low, high = limits[0] / 1.5, limits[1] * 2
    axes.set_ylim(low, high)
    logarithmic(axes.yaxis, low, high, decimal_comma=decimal_comma)
    if series:
        axes.yaxis.set_major_formatter(
            lambda value, _: short_count(value).replace(".", "," if decimal_comma else ".")
        )


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
    costs: Sequence[PatchCost], *, translate: Translate, number: Callable[[float], str]
) -> str:
    """Every point in a sentence.

    Args:
        costs: As for `cost_of_patches`.
        translate: Turns an English text into the reader's language.
        number: Writes seconds.
    """
    items = [
        translate("patches of {size}: {seconds} per epoch, {parameters} parameters").format(
            size=cost.patch_size,
            seconds=number(_median(cost.epoch_s)),
            parameters=f"{cost.parameters:,}".replace(",", "\u202f"),
        )
        for cost in sorted(costs, key=lambda cost: cost.patch_size)
    ]
    return translate("; ").join(items) + "."


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
