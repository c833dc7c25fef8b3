"""The loss of a learning-rate range test over the rate, with the suggestion marked."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from retroprop.figures.style import INK, logarithmic, new_panel, plain, series_style
from retroprop.languages import Say, translator


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


def describe_range_test(
    learning_rates: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float | None,
    *,
    say: Say,
    number: Callable[[float], str],
) -> str:
    """The fall of the loss and the suggestion, in a sentence.

    Args:
        learning_rates: The rate of each step, growing.
        smoothed: The running mean of the loss.
        suggestion: The suggested rate, if there is one.
        say: Turns an English text into the reader's language.
        number: Writes a rate or a loss.
    """
    finite = [at for at, value in enumerate(smoothed) if np.isfinite(value)]
    lowest = min(finite, key=smoothed.__getitem__)
    text = say(
        "The smoothed loss is {first} at the learning rate {start}, and lowest, {last}, at {end}."
    ).format(
        first=number(smoothed[finite[0]]),
        start=number(learning_rates[finite[0]]),
        last=number(smoothed[lowest]),
        end=number(learning_rates[lowest]),
    )
    if suggestion is not None:
        fastest = say("It falls fastest at {value}.")
        text += " " + fastest.format(value=number(suggestion))
    return text
