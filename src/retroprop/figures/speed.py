"""Training seconds by hand and by automatic differentiation, and the ratio of the two.

Seconds against the width of the network on logarithmic axes, one panel for each depth, the panels
above each other and on one scale; the ratio autograd / by hand has a picture of its own, where a
dashed line marks 1.
"""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retroprop.figures.style import (
    INK,
    PAPER_WIDTH_IN,
    EndLabel,
    dress,
    label_ends,
    logarithmic,
    new_figure,
    new_panel,
    series_style,
    value_ticks,
)
from retroprop.languages import Say, translator

Line = Sequence[tuple[float, float]]  # (width, seconds or ratio)


def training_seconds(
    panels: Mapping[str, Mapping[str, Line]],
    *,
    x_label: str,
    language: str = "en",
) -> Figure:
    """Draw seconds per epoch, one panel for each title.

    Args:
        panels: For each panel's title ("1 hidden layer") and each label ("by hand") a line.
        x_label: The name of the setting below, in the reader's language.
        language: "en" or "fr".
    """
    say = translator(language)
    n = len(panels)
    figure = new_figure(PAPER_WIDTH_IN, 3.3 if n == 1 else 0.5 + 2.1 * n)
    rows = figure.subplots(n, 1, squeeze=False, sharex=True)[:, 0]
    points = [point for lines in panels.values() for line in lines.values() for point in line]
    widths = sorted({x for x, _ in points})
    seconds = [y for _, y in points]
    for axes, (title, lines) in zip(rows, panels.items(), strict=True):
        y_label = say("training seconds per epoch")
        if title:
            y_label = say("{name}: {cell}").format(name=title, cell=y_label)
        dress(axes, x_label=x_label if axes is rows[-1] else "", y_label=y_label)
        axes.set_yscale("log")
        axes.set_ylim(min(seconds) / 1.4, max(seconds) * 1.4)
        logarithmic(axes.yaxis, min(seconds), max(seconds), language=language)
        _widths(axes, widths)
        label_ends(axes, _draw(axes, lines), gap=0.075 if n == 1 else 0.12)
    return figure


def time_ratio(
    lines: Mapping[str, Line],
    *,
    x_label: str,
    language: str = "en",
) -> Figure:
    """Draw the ratio of the training times, autograd / by hand.

    Args:
        lines: For each label ("1 hidden layer") a line.
        x_label: The name of the setting below, in the reader's language.
        language: "en" or "fr".
    """
    say = translator(language)
    y_label = say("training time, autograd ÷ by hand")
    figure, axes = new_panel(x_label=x_label, y_label=y_label, language=language)
    axes.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    _widths(axes, sorted({x for line in lines.values() for x, _ in line}))
    ends = _draw(axes, lines)
    axes.margins(y=0.12)
    axes.autoscale_view(scalex=False)
    if len(lines) > 1:
        label_ends(axes, ends)
    return figure


def _widths(axes: Axes, widths: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are the widths of the study."""
    if len(widths) > 1:
        axes.set_xscale("log")
        axes.set_xlim(widths[0] / 1.25, widths[-1] * 1.25)
    value_ticks(axes, widths, [f"{width:g}" for width in widths])


def _draw(axes: Axes, lines: Mapping[str, Line]) -> list[EndLabel]:
    ends = []
    for index, (name, line) in enumerate(lines.items()):
        style = series_style(index)
        if not line:
            continue
        in_order = sorted(line)
        axes.plot(
            [x for x, _ in in_order],
            [y for _, y in in_order],
            color=style.light,
            linewidth=1.5,
            linestyle="-" if index % 2 == 0 else (0, (5, 1.5)),
            marker=style.marker,
            markersize=5,
        )
        x, y = in_order[-1]
        ends.append(EndLabel(text=name, colour=style.light, x=x, y=y))
    return ends


def describe_lines(
    lines: Mapping[str, Line],
    *,
    name: str,
    say: Say,
    number: Callable[[float], str],
) -> str:
    """The points of some lines in sentences: "by hand: width 25: 0.31 s; width 100: 0.52 s".

    Args:
        lines: For each label a line.
        name: How a place on the axis is said, with "{value}" where its number stands.
        say: Turns an English text into the reader's language.
        number: Writes a value.
    """
    sentences = []
    for label, line in lines.items():
        items = [
            say("{name}: {cell}").format(name=name.format(value=f"{x:g}"), cell=number(y))
            for x, y in sorted(line)
        ]
        text = say("; ").join(items) + "."
        sentences.append(say("{name}: {cell}").format(name=label, cell=text) if label else text)
    return " ".join(sentences)
