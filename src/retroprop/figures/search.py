"""The pictures of a search: best so far, importance, parallel coordinates, slices.

Trials that trained to their end are dots, pruned ones crosses, the best one is a star; a diverged
trial has no accuracy, and lies at the foot of a panel as a triangle. A setting stands on the scale
that it was drawn on: choices side by side, intervals from their low to their high end.
"""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from retroprop.figures.style import INK, dress, new_figure, new_panel, plain, series_style
from retroprop.languages import Say, translator

DONE, PRUNED, BEST = series_style(0).light, series_style(5).light, series_style(1).light
MOST_IN_PARALLEL = 7
"""Settings of which the axes have room beside one another."""


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """A searched setting: choices with their labels, or an interval.

    `name` and `labels` are in the reader's language.
    """

    key: str
    name: str
    choices: Sequence[Any] = ()
    labels: Sequence[str] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    def place(self, value: Any) -> float:
        """Where a value stands between the ends, from 0 to 1.

        >>> Dimension(key="x", name="x", low=0.01, high=1.0, log=True).place(0.1)
        0.5
        >>> Dimension(key="x", name="x", choices=["a", "b"], labels=["a", "b"]).place("b")
        1.0
        """
        if self.choices:
            last = len(self.choices) - 1
            return list(self.choices).index(value) / last if last else 0.5
        if self.log:
            return round(math.log(value / self.low) / math.log(self.high / self.low), 12)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, language: str, most: int = 6) -> list[tuple[float, str]]:
        """Places and labels: of the choices, or of the ends and what lies between them."""
        if self.choices:
            step = math.ceil(len(self.choices) / max(most, 6))
            pairs = zip(self.choices, self.labels, strict=True)
            return [(self.place(one), label) for one, label in pairs][::step]
        values = [self.low, self.high]
        if most > 2 and self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            for value in (10.0**power for power in powers):
                if all(abs(self.place(value) - self.place(other)) > 0.22 for other in values):
                    values.append(value)
        elif most > 2:
            values.append((self.low + self.high) / 2)
        return [(self.place(value), plain(value, language)) for value in sorted(values)]


@dataclass(frozen=True, kw_only=True)
class DrawnTrial:
    """A trial as the pictures show it; `accuracy` is a fraction, None for a diverged one.

    `status` is "finished", "pruned" or "diverged".
    """

    number: int
    accuracy: float | None
    status: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""
        return self.status == "finished"


def best_of(trials: Sequence[DrawnTrial]) -> DrawnTrial | None:
    """The finished trial with the highest accuracy, the first in a tie."""
    done = [trial for trial in trials if trial.finished and trial.accuracy is not None]
    return max(done, key=lambda trial: trial.accuracy or 0.0, default=None)


def improvements(trials: Sequence[DrawnTrial]) -> list[DrawnTrial]:
    """The finished trials that were better than all before them."""
    found: list[DrawnTrial] = []
    for trial in trials:
        if best_of([*found, trial]) is trial:
            found.append(trial)
    return found


def best_quarter(trials: Sequence[DrawnTrial]) -> list[DrawnTrial]:
    """The finished trials that are among the best quarter of all trials; one at least."""
    done = [trial for trial in trials if trial.finished and trial.accuracy is not None]
    ranked = sorted(done, key=lambda trial: -(trial.accuracy or 0.0))
    return ranked[: max(1, math.ceil(len(trials) / 4))]


# -- best so far -----------------------------------------------------------------------------------


def best_so_far(trials: Sequence[DrawnTrial], *, language: str = "en") -> Figure:
    """Each trial's accuracy in the order in which they were drawn, and the best until then."""
    say = translator(language)
    figure, axes = new_panel(
        2.9, x_label=say("trial"), y_label=say("best validation accuracy (%)"), language=language
    )
    steps = improvements(trials)
    xs = [trial.number for trial in steps]
    ys = [100 * (trial.accuracy or 0.0) for trial in steps]
    if steps:
        last = max(trial.number for trial in trials)
        axes.step([*xs, last], [*ys, ys[-1]], where="post", color=BEST, linewidth=1.3)
    _scatter(axes, trials, lambda trial: trial.number)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, trials, language)
    return figure


def describe_best_so_far(
    trials: Sequence[DrawnTrial], *, say: Say, number: Callable[[float], str]
) -> str:
    """Which trials were the best so far, and how all trials ended."""
    sentences = [
        say("Trial {n} is the best so far with {accuracy}.").format(
            n=trial.number, accuracy=number(trial.accuracy or 0.0)
        )
        for trial in improvements(trials)
    ]
    counts = {
        status: sum(trial.status == status for trial in trials)
        for status in ("finished", "pruned", "diverged")
    }
    text = say("Trials that trained to their end: {finished}; pruned: {pruned}; diverged: {lost}.")
    ended = text.format(
        finished=counts["finished"], pruned=counts["pruned"], lost=counts["diverged"]
    )
    return " ".join([*sentences, ended])


# -- importance ------------------------------------------------------------------------------------


def importance_bars(shares: Mapping[str, float], *, language: str = "en") -> Figure:
    """A bar for each setting, by its name, with its share in per cent; the largest above."""
    say = translator(language)
    figure, axes = new_panel(
        0.9 + 0.36 * len(shares), x_label=say("importance (%)"), y_label="", language=language
    )
    names = [textwrap.fill(name, 24) for name in shares]
    values = [100 * share for share in shares.values()]
    axes.barh(range(len(names)), values, color=DONE, height=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max(values) * 1.16)
    for at, value in enumerate(values):
        axes.annotate(
            plain(round(value), language),
            xy=(value, at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
        )
    return figure


# -- parallel coordinates --------------------------------------------------------------------------


def parallel_coordinates(
    dimensions: Sequence[Dimension], trials: Sequence[DrawnTrial], *, language: str = "en"
) -> Figure:
    """Each trial as a line over all settings, ending at its accuracy.

    The best quarter is blue and thick, the best trial vermilion with stars; others are grey, dashed
    where they were pruned. Diverged trials have no accuracy to end at, and no line.
    """
    say = translator(language)
    shown = [trial for trial in trials if trial.accuracy is not None]
    scale = _accuracy_scale(shown, say)
    axes_of = [*dimensions[:MOST_IN_PARALLEL], scale]
    figure = new_figure(height_in=3.6)
    axes = figure.subplots()
    axes.patch.set_alpha(0.0)
    axes.set_axis_off()
    top, best = best_quarter(trials), best_of(trials)
    for trial in sorted(shown, key=lambda one: (one is best, one in top)):
        xs, ys = _line(axes_of, trial)
        chosen = trial in top
        axes.plot(
            xs,
            ys,
            color=BEST if trial is best else DONE if chosen else PRUNED,
            linewidth=2.0 if trial is best else 1.4 if chosen else 0.8,
            alpha=1.0 if chosen else 0.55,
            linestyle="-" if trial.finished else (0, (4, 3)),
            marker="*" if trial is best else None,
            markersize=9,
        )
    for x, one in enumerate(axes_of):
        _upright(axes, x, one, language, after=x == len(axes_of) - 1)
    axes.set_xlim(-0.35, len(axes_of) - 0.5)
    axes.set_ylim(-0.04, 1.06)
    return figure


def _accuracy_scale(trials: Sequence[DrawnTrial], say: Say) -> Dimension:
    found = [100 * (trial.accuracy or 0.0) for trial in trials]
    low, high = math.floor(min(found)), math.ceil(max(found))
    name = say("best validation accuracy (%)")
    return Dimension(key="", name=name, low=low, high=max(high, low + 1))


def _line(axes_of: Sequence[Dimension], trial: DrawnTrial) -> tuple[list[float], list[float]]:
    *settings, scale = axes_of
    ys = [one.place(trial.values[one.key]) for one in settings]
    return list(range(len(axes_of))), [*ys, scale.place(100 * (trial.accuracy or 0.0))]


def _upright(axes: Axes, x: int, one: Dimension, language: str, *, after: bool) -> None:
    """One axis: its choices or its ends on the left, or after it, and its name below.

    What lies between the ends would stand in the lines.
    """
    axes.plot([x, x], [0, 1], color=INK, linewidth=0.8)
    for place, label in one.ticks(language, most=2):
        axes.plot([x - 0.03, x], [place, place], color=INK, linewidth=0.8)
        axes.annotate(
            textwrap.fill(label, 12, break_long_words=False),
            xy=(x, place),
            xytext=(5 if after else -4, 0),
            textcoords="offset points",
            ha="left" if after else "right",
            va="center",
            fontsize=8,
            color=INK,
        )
    axes.annotate(
        textwrap.fill(one.name, 12, break_long_words=False),
        xy=(x, 0),
        xytext=(0, -8),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8.5,
        color=INK,
    )


def describe_values(
    dimensions: Sequence[Dimension],
    trials: Sequence[DrawnTrial],
    *,
    say: Say,
    name: Callable[[str, Any], str],
) -> str:
    """Where the best quarter of the trials lies on each setting.

    Args:
        dimensions: The searched settings.
        trials: All trials.
        say: Turns an English text into the reader's language.
        name: From a setting and its value to the value in words.
    """
    top, sentences = best_quarter(trials), []
    if not top:
        return say("No trial was trained to its end yet.")
    for one in dimensions:
        values = sorted({trial.values[one.key] for trial in top}, key=one.place)
        words = [name(one.key, value) for value in values]
        shown = say(", ").join(words)
        if len(words) > 1 and not one.choices:
            shown = say("{low} to {high}").format(low=words[0], high=words[-1])
        sentences.append(say("{name}: {cell}").format(name=one.name, cell=shown))
    lead = say("The best quarter of the trials has: {values}.")
    return lead.format(values=say("; ").join(sentences))


# -- slices ----------------------------------------------------------------------------------------


def slices(
    dimensions: Sequence[Dimension], trials: Sequence[DrawnTrial], *, language: str = "en"
) -> Figure:
    """A panel for each setting: the accuracy of each trial against its value."""
    say = translator(language)
    columns = min(2, len(dimensions))
    rows = math.ceil(len(dimensions) / columns)
    figure = new_figure(height_in=0.5 + 1.95 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for at, (axes, one) in enumerate(zip(panels, dimensions, strict=False)):
        label = say("best validation accuracy (%)") if at == 0 else ""
        dress(axes, x_label=one.name, y_label=label, language=language)
        _scatter(axes, trials, lambda trial, one=one: _aside(one, trial))
        ticks = one.ticks(language, most=5)
        axes.xaxis.set_major_locator(FixedLocator([place for place, _ in ticks]))
        axes.xaxis.set_major_formatter(FixedFormatter([label for _, label in ticks]))
        axes.set_xlim(-0.12, 1.12)
    for axes in panels[len(dimensions) :]:
        axes.set_axis_off()
    _legend(figure, trials, language)
    return figure


def _aside(one: Dimension, trial: DrawnTrial) -> float:
    """The place of a trial's value; equal choices stand a little aside, that each is seen."""
    place = one.place(trial.values[one.key])
    if not one.choices:
        return place
    room = 0.3 / max(2, len(one.choices))
    return place + room * ((0.618 * trial.number) % 1 - 0.5)


# -- what they share -------------------------------------------------------------------------------


def _scatter(
    axes: Axes, trials: Sequence[DrawnTrial], place: Callable[[DrawnTrial], float]
) -> None:
    """A mark for each trial: dot, cross or star at its accuracy, a triangle below without one."""
    best = best_of(trials)
    for trial in trials:
        if trial.accuracy is None:
            style = {"marker": "v", "color": PRUNED, "markersize": 5, "clip_on": False}
            axes.plot([place(trial)], [0.02], transform=axes.get_xaxis_transform(), **style)
            continue
        style = (
            {"marker": "*", "color": BEST, "markersize": 11, "zorder": 4}
            if trial is best
            else {"marker": "o", "color": DONE, "markersize": 5, "zorder": 3}
            if trial.finished
            else {"marker": "x", "color": PRUNED, "markersize": 5, "markeredgewidth": 1.4}
        )
        axes.plot([place(trial)], [100 * trial.accuracy], linestyle="none", **style)
    axes.margins(y=0.12)


def _legend(figure: Figure, trials: Sequence[DrawnTrial], language: str) -> None:
    """What the marks mean: those that there are."""
    say = translator(language)
    found = {trial.status for trial in trials}
    marks = [
        ("best", "*", BEST, say("best trial"), best_of(trials) is not None),
        ("finished", "o", DONE, say("trained to its end"), "finished" in found),
        ("pruned", "x", PRUNED, say("pruned"), "pruned" in found),
        ("diverged", "v", PRUNED, say("diverged"), "diverged" in found),
    ]
    axes = figure.axes[0]
    handles = [
        axes.plot([], [], marker=mark, color=colour, linestyle="none", label=label)[0]
        for _, mark, colour, label, there in marks
        if there
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        handletextpad=0.2,
        columnspacing=1.2,
    )
