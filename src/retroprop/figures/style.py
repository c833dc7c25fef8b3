"""One style for every figure, and SVG that is the same on every machine.

Colours follow Okabe and Ito (2008), "Color Universal Design", darkened where needed so that a label
in its series' colour keeps a contrast of 4.5 on white (and lightened on black). No information is
in colour alone: series also differ by marker, their parts by line style, and labels sit beside the
lines. Text is drawn as paths, so a figure needs no font; its words are in its description.

Figures are made with matplotlib's objects, never with pyplot's global state.
"""

import io
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    LogLocator,
    NullLocator,
    ScalarFormatter,
)

INK = "#1b1b1b"  # text and axes; becomes the page's own text colour
LABEL_WIDTH = 20  # characters of a label beside a line, before it is broken
PAPER_WIDTH_IN = 4.7  # narrow enough to be read on a telephone without zooming


@dataclass(frozen=True)
class SeriesStyle:
    """How one series looks on light and on dark ground."""

    light: str
    dark: str
    marker: str


SERIES = (
    SeriesStyle("#0067a5", "#56b4e9", "o"),  # blue
    SeriesStyle("#b34700", "#f0a030", "s"),  # vermilion, orange
    SeriesStyle("#00734f", "#2fc79a", "^"),  # bluish green
    SeriesStyle("#9c3f78", "#e49bc4", "D"),  # reddish purple
    SeriesStyle("#6b5d00", "#e6d74a", "v"),  # dark yellow
    SeriesStyle("#4a4a4a", "#b8b8b8", "P"),  # grey
    SeriesStyle("#5a4fb0", "#a9a2f0", "X"),  # violet
    SeriesStyle("#8c2d2d", "#f09a92", "<"),  # dark red
)


def series_style(index: int) -> SeriesStyle:
    """The style of the series with this index; after the last one the first comes again."""
    return SERIES[index % len(SERIES)]


class DecimalComma(ScalarFormatter):
    """Writes 0,5 on an axis instead of 0.5, whatever the locale of the machine."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of the tick at x."""
        return super().__call__(x, pos).replace(".", ",")


def new_figure(width_in: float = PAPER_WIDTH_IN, height_in: float = 3.3) -> Figure:
    """An empty figure on transparent ground."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    figure.patch.set_alpha(0.0)
    return figure


def new_panel(
    height_in: float = 3.3, *, x_label: str, y_label: str, language: str = "en"
) -> tuple[Figure, Axes]:
    """A figure of the usual width with one panel, whose axes are labelled."""
    figure = new_figure(height_in=height_in)
    axes = figure.subplots()
    dress(axes, x_label=x_label, y_label=y_label, language=language)
    return figure, axes


def dress(axes: Axes, *, x_label: str, y_label: str, language: str = "en") -> None:
    """Label the axes and leave only the lines that carry something."""
    axes.patch.set_alpha(0.0)
    axes.set_xlabel(x_label, fontsize=9, color=INK)
    # A horizontal title reads without turning one's head.
    axes.set_title(y_label, fontsize=9, color=INK, loc="left", pad=10)
    axes.tick_params(labelsize=8.5, colors=INK, length=3, width=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
        axes.spines[side].set_linewidth(0.6)
    axes.grid(axis="y", color=INK, alpha=0.14, linewidth=0.6)
    axes.set_axisbelow(True)
    if language == "fr":
        axes.yaxis.set_major_formatter(DecimalComma(useOffset=False))


def spread_labels(heights: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move label heights apart until neighbours are `gap` apart, staying in [low, high] if it fits.

    >>> [round(height, 2) for height in spread_labels([0.5, 0.5], 0.1, 0.0, 1.0)]
    [0.45, 0.55]
    >>> spread_labels([0.2, 0.8], 0.1, 0.0, 1.0)
    [0.2, 0.8]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    # Neighbours that overlap form a block, laid out around the mean of what they point at.
    blocks: list[tuple[list[int], float]] = []
    for index in order:
        members, centre = [index], heights[index]
        while blocks:
            before, before_centre = blocks[-1]
            if centre - before_centre >= gap * (len(before) + len(members)) / 2 - 1e-12:
                break
            blocks.pop()
            members = before + members
            centre = sum(heights[member] for member in members) / len(members)
        half = gap * (len(members) - 1) / 2
        blocks.append((members, min(max(centre, low + half), high - half)))
    placed = list(heights)
    for members, centre in blocks:
        for place, member in enumerate(members):
            placed[member] = centre + gap * (place - (len(members) - 1) / 2)
    return placed


@dataclass(frozen=True, kw_only=True)
class EndLabel:
    """The label of one line, to stand right of the panel.

    Attributes:
        text: What it says.
        colour: The line's colour, or INK for a note.
        x: Where the line ends; None for a note without a line.
        y: The value there.
        leader: Whether a thin line leads to the end.
    """

    text: str
    colour: str
    x: float | None = None
    y: float = 0.0
    leader: bool = True


def label_ends(axes: Axes, labels: Sequence[EndLabel], *, gap: float = 0.075) -> None:
    """Write each line's name to the right of its last point, without overlap.

    Args:
        axes: The panel, with all that sets its limits and scales.
        labels: Of every line; notes without a line go to the bottom.
        gap: Height of a line of text as a share of the panel's height.
    """
    axes.get_ylim()  # limits that matplotlib has put off; transLimits does not ask for them
    to_share = axes.transScale + axes.transLimits
    ends = [
        0.0 if label.x is None else float(to_share.transform((label.x, label.y))[1])
        for label in labels
    ]
    texts = [textwrap.fill(label.text, LABEL_WIDTH) for label in labels]
    lines = max((text.count("\n") + 1 for text in texts), default=1)
    heights = spread_labels(ends, gap=gap * lines, low=0.0, high=1.0)
    for label, text, height in zip(labels, texts, heights, strict=True):
        leads = label.leader and label.x is not None
        axes.annotate(
            text,
            xy=(0.0, 0.0) if label.x is None else (label.x, label.y),
            xytext=(1.045, height),
            textcoords="axes fraction",
            fontsize=8.5,
            color=label.colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.5, "shrinkB": 4}
            if leads
            else None,
            annotation_clip=False,
        )


def decimal_text(number: str, language: str) -> str:
    """A number's text with the decimal sign of the language."""
    return number.replace(".", ",") if language == "fr" else number


def plain(value: float, language: str) -> str:
    """A tick's number without needless digits: 0.001, 0,5, 1e-5.

    >>> plain(0.5, "fr"), plain(1e-05, "en"), plain(1000.0, "en")
    ('0,5', '1e-5', '1000')
    """
    text = f"{value:g}".replace("e-0", "e-").replace("e+0", "e")
    return decimal_text(text, language)


def logarithmic(axis: Axis, low: float, high: float, *, language: str = "en") -> None:
    """Give a logarithmic axis ticks that people count in: 1, 2, 5, 10, or powers of 10 alone."""
    decades = math.log10(high / low)
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if decades < 2.5 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value, language)))
    axis.set_minor_locator(NullLocator())


def value_ticks(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Put ticks at exactly these places; where labels would touch, the later ones are left out.

    Labels of several words stand in two lines.
    """
    labels = [_in_two_lines(label) for label in labels]
    axes.get_xlim()  # as in label_ends
    to_share = axes.transScale + axes.transLimits
    width_in = PAPER_WIDTH_IN * 0.68  # of the panel, about
    shown: list[str] = []
    free_from = -math.inf
    for place, label in zip(places, labels, strict=True):
        centre = width_in * float(to_share.transform((place, 0.5))[0])
        half = 0.033 * max(map(len, label.split("\n"))) + 0.02
        fits = centre - half >= free_from
        shown.append(label if fits else "")
        free_from = centre + half if fits else free_from
    axes.xaxis.set_major_locator(FixedLocator(list(places)))
    axes.xaxis.set_major_formatter(FixedFormatter(shown))
    axes.xaxis.set_minor_locator(NullLocator())


def _in_two_lines(label: str) -> str:
    """Break a long label at the space nearest to its middle.

    >>> _in_two_lines("negative only").splitlines(), _in_two_lines("Adam").splitlines()
    (['negative', 'only'], ['Adam'])
    """
    spaces = [place for place, letter in enumerate(label) if letter == " "]
    if len(label) < 10 or not spaces:
        return label
    middle = min(spaces, key=lambda place: abs(2 * place - len(label)))
    return label[:middle] + "\n" + label[middle + 1 :]


def to_bytes(figure: Figure, suffix: str, **options: Any) -> bytes:
    """The figure as a file whose name ends in this suffix, by the options of `savefig`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix.removeprefix(".").lower() or None, **options)
    return buffer.getvalue()


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """The figure as an SVG element with a title and a description, without date or machine.

    Args:
        figure: What to draw.
        name: A word that makes the element's ids unique in its page ("loss-curves").
        title: What the figure shows, in a few words.
        description: What a reader who cannot see it should know.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        _lay_out(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    opening, rest = svg.split(">", 1)
    opening = re.sub(r' (width|height)="[^"]*pt"', "", opening)
    return (
        f'{opening} role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{rest}'
    )


def _lay_out(figure: Figure) -> None:
    """Place the parts of a figure as it will be drawn, once.

    savefig would draw a figure that has a layout engine twice, and the first time for its layout
    alone: a quarter of the time.
    """
    layout = figure.get_layout_engine()
    if layout is not None:
        FigureCanvasSVG(figure)  # measures texts as they are drawn
        figure.dpi = 72  # the points of SVG
        layout.execute(figure)
        figure.set_layout_engine(None)


def for_page(svg: str) -> str:
    """The same SVG with the colours of the page it is in, so that it follows light and dark."""
    svg = re.sub(re.escape(INK), "currentColor", svg, flags=re.IGNORECASE)
    for index, style in enumerate(SERIES):
        variable = f"var(--series-{index + 1}, {style.light})"
        svg = re.sub(re.escape(style.light), variable, svg, flags=re.IGNORECASE)
    return svg


def page_colours(dark: bool = False) -> str:
    """The CSS declarations that `for_page` relies on."""
    return " ".join(
        f"--series-{index + 1}: {style.dark if dark else style.light};"
        for index, style in enumerate(SERIES)
    )
