"""One style for every figure, and SVG that is the same on every machine.

Colours follow Okabe and Ito (2008), "Color Universal Design", darkened where needed so that a label
in its series' colour keeps a contrast of 4.5 on white (and lightened on black). No information is
in colour alone: series also differ by marker, their parts by line style, and labels sit beside the
lines. Text is drawn as paths, so a figure needs no font; its words are in its description.

Figures are made with matplotlib's objects, never with pyplot's global state.
"""

import io
import re
from dataclasses import dataclass
from html import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

INK = "#1b1b1b"  # text and axes; becomes the page's own text colour
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


def dress(axes: Axes, *, x_label: str, y_label: str, decimal_comma: bool = False) -> None:
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
    if decimal_comma:
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
