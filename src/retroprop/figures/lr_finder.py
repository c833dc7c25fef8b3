"""The loss of a learning-rate range test over the rate, with the suggestion marked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from retroprop.figures.style import INK, logarithmic, new_panel, plain, series_style
from retroprop.languages import translator


def range_test_curve(
    learning_rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float | None,
    *,
    language: str = "en",
) -> Figure:
    """Draw the losses (points), their running mean (line) and the suggested rate.

    Args:
        learning_rates: The rate of each step, growing.
        losses: The loss of each step.
        smoothed: Its running mean.
        suggestion: The suggested rate, if there is one.
        language: "en" or "fr".
    """
    say = translator(language)
    figure, axes = new_panel(
        x_label=say("learning rate"), y_label=say("loss (nats)"), language=language
    )
    raw, line = series_style(5), series_style(0)
    axes.plot(learning_rates, losses, linestyle="none", marker=".", markersize=4, color=raw.light)
    axes.plot(learning_rates, smoothed, color=line.light, linewidth=1.8)
    axes.set_xscale("log")
    logarithmic(axes.xaxis, min(learning_rates), max(learning_rates), language=language)
    axes.set_ylim(*_limits(losses, smoothed))
    if suggestion is not None:
        mark = series_style(1)
        height = float(np.interp(np.log(suggestion), np.log(learning_rates), smoothed))
        axes.axvline(suggestion, color=mark.light, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot([suggestion], [height], marker=mark.marker, markersize=6, color=mark.light)
        axes.annotate(
            say("suggested: {value}").format(value=plain(float(f"{suggestion:.2g}"), language)),
            xy=(suggestion, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-4, -2),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8.5,
            color=mark.light,
        )
    axes.set_title(
        say("points: each step; line: running mean"),
        fontsize=8.5,
        color=INK,
        loc="right",
        pad=10,
    )
    return figure


def _limits(losses: Sequence[float], smoothed: Sequence[float]) -> tuple[float, float]:
    """The height in which the fall is seen; the blow-up at the end leaves the panel."""
    low = min((value for value in losses if np.isfinite(value)), default=0.0)
    start = smoothed[0]
    height = max(start - low, 0.05 * abs(start), 1e-6)
    return low - 0.08 * height, start + 0.4 * height
