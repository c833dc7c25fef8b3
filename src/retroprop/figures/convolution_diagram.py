"""A picture of one layer with windows: its input, one window, and the value that this fills.

Cells are pixels, without channels. Around the input stands its padding; the holes of a dilated
kernel stay open. A transposed convolution is drawn as what it equals, a convolution without stride
over the input spread out by zeros: Dumoulin & Visin, A guide to convolution arithmetic (2016).

`draw` is a still picture, `retroprop.figures.moving_convolution` one that moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from retroprop.calculus.layers import AdaptivePool, Conv, Layer, Pool, Shape, TransposedConv
from retroprop.errors import UserError
from retroprop.figures.style import INK, PAPER_WIDTH_IN, new_figure, series_style
from retroprop.languages import Say

MOST_CELLS = 160
"""Along an axis: more would be narrower than the lines between them."""

PIXEL, KERNEL, MADE = (series_style(index) for index in (0, 1, 2))
"""The colours of the input, of the window and of the output."""


@dataclass(frozen=True)
class Along:
    """One axis of the picture, in cells counted from the first cell of the padding.

    Attributes:
        cells: How many there are, padding and inserted zeros included.
        pixels: The cells that are pixels of the input.
        windows: (first cell, number of cells) of each window, one for each value of the output.
        taps: The cells of a window that the kernel looks at, from its first; None for all.
    """

    cells: int
    pixels: Sequence[int]
    windows: Sequence[tuple[int, int]]
    taps: Sequence[int] | None


@dataclass(frozen=True)
class Scene:
    """What a picture shows: the height and the width."""

    height: Along
    width: Along

    @property
    def output(self) -> tuple[int, int]:
        """Values along both axes."""
        return len(self.height.windows), len(self.width.windows)

    @property
    def pixels(self) -> tuple[int, int]:
        """Pixels along both axes."""
        return len(self.height.pixels), len(self.width.pixels)

    @property
    def inserted(self) -> bool:
        """Whether zeros stand between the pixels."""
        return any(len(a.pixels) > 1 and a.pixels[1] > a.pixels[0] + 1 for a in self.axes)

    @property
    def padded(self) -> bool:
        """Whether there are cells before the pixels."""
        return any(a.pixels[0] > 0 for a in self.axes)

    @property
    def surrounded(self) -> bool:
        """Whether there are cells around the pixels, or after them where windows end outside."""
        return any(a.cells > len(a.pixels) for a in self.axes)

    @property
    def axes(self) -> tuple[Along, Along]:
        """Height and width."""
        return self.height, self.width


def scene(layer: Layer, shape: Shape) -> Scene:
    """The picture of a layer on an input of this shape (channels, height, width).

    Raises:
        UserError: If the layer has no windows, does not take the shape, or has too many pixels.
    """
    layer.shape(shape)
    if not drawable(layer):
        raise UserError("only convolutions and poolings have windows that can be drawn.")
    height, width = (_along(layer, axis, shape[axis + 1]) for axis in (0, 1))
    most = max(along.cells for along in (height, width))
    most = max(most, len(height.windows), len(width.windows))
    if most > MOST_CELLS:
        raise UserError(
            f"a picture has at most {MOST_CELLS} cells along an axis, and this layer {most}; draw "
            "it on a smaller input: the windows are the same."
        )
    return Scene(height, width)


def drawable(layer: Layer) -> TypeGuard[Conv | Pool | AdaptivePool]:
    """Whether a layer has windows."""
    return isinstance(layer, Conv | Pool | AdaptivePool)


def _along(layer: Conv | Pool | AdaptivePool, axis: int, size: int) -> Along:
    seen = layer.seen(axis, size)
    if isinstance(layer, AdaptivePool):
        return Along(size, range(size), [(one[0], len(one)) for one in seen], None)
    kernel, stride, padding, dilation = (
        getattr(layer, name)[axis] for name in ("kernel", "stride", "padding", "dilation")
    )
    taps = range(0, dilation * (kernel - 1) + 1, dilation)
    reach = taps[-1] + 1
    spread = 1
    if isinstance(layer, TransposedConv):
        spread, stride, padding = stride, 1, reach - 1 - padding
    before = max(0, padding)  # a large padding of a transposed convolution cuts pixels off
    pixels = range(before, before + spread * (size - 1) + 1, spread)
    windows = [(i * stride - padding + before, reach) for i in range(len(seen))]
    cells = max(pixels[-1] + 1 + before, windows[-1][0] + reach)
    return Along(cells, pixels, windows, taps)


# -- the still picture ------------------------------------------------------------------------


def draw(
    picture: Scene,
    *,
    window: tuple[int, int] | None = None,
    say: Say = str,
) -> Figure:
    """Draw one window and the value of the output that it fills.

    Args:
        picture: What to draw.
        window: (row, column) of the value; one in the upper third by default.
        say: Turns the English words into the reader's language.
    """
    rows, columns = picture.output
    row, column = window or (min(1, rows - 1), min(1, columns - 1))
    if not (0 <= row < rows and 0 <= column < columns):
        raise UserError(f"there are {rows} × {columns} windows, and no window {row}, {column}.")
    gap = max(2.0, 0.14 * (picture.width.cells + columns))
    wide, high = picture.width.cells + gap + columns, max(picture.height.cells, rows)
    width_in = PAPER_WIDTH_IN
    figure = new_figure(width_in, min(6.0, width_in * high / wide + 0.75))
    axes = figure.subplots()
    axes.patch.set_alpha(0.0)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-0.1, wide + 0.1)
    axes.set_ylim(high + 0.1, -0.1)
    top, right = (high - picture.height.cells) / 2, picture.width.cells + gap
    top_right = (high - rows) / 2
    _input(axes, picture, top)
    _footprint(axes, picture, row, column, top)
    _output(axes, picture, (right, top_right), row, column)
    (y, tall), (x, broad) = picture.height.windows[row], picture.width.windows[column]
    for from_y, to_y in ((y, row), (y + tall, row + 1)):
        axes.plot(
            [x + broad, right + column],
            [top + from_y, top_right + to_y],
            color=KERNEL.light, linewidth=0.7, solid_capstyle="round",
        )  # fmt: skip
    middles = (picture.width.cells / 2, right + columns / 2)
    for middle, text, bottom in zip(
        middles, captions(picture, say), (top + picture.height.cells, top_right + rows),
        strict=True,
    ):  # fmt: skip
        axes.annotate(
            text, (middle, bottom), (0, -5), textcoords="offset points", ha="center", va="top",
            fontsize=8.5, color=INK, annotation_clip=False,
        )  # fmt: skip
    return figure


def captions(picture: Scene, say: Say) -> tuple[str, str]:
    """What stands under the input and under the output."""
    size = " × ".join(map(str, picture.pixels))
    if picture.inserted:
        text = say("input {size}, spread out by zeros")
    elif picture.padded:
        text = say("input {size}, with padding")
    elif picture.surrounded:
        text = say("input {size}, windows may end outside")
    else:
        text = say("input {size}")
    made = say("output {size}").format(size=" × ".join(map(str, picture.output)))
    return text.format(size=size), made


def _input(axes: Axes, picture: Scene, top: float) -> None:
    height, width = picture.axes
    if picture.surrounded:
        _grid(axes, (0, top), (height.cells, width.cells), alpha=0.25, dashed=True)
    corner = (width.pixels[0], top + height.pixels[0])
    if picture.inserted:
        cells = [Rectangle((x, top + y), 1, 1) for y in height.pixels for x in width.pixels]
        axes.add_collection(
            PatchCollection(cells, facecolor="none", edgecolor=PIXEL.light, linewidth=0.6)
        )
    else:
        cells = [Rectangle(corner, *picture.pixels[::-1])]
        _grid(axes, corner, picture.pixels, colour=PIXEL.light, alpha=0.8)
    axes.add_collection(PatchCollection(cells, facecolor=PIXEL.light, alpha=0.22, edgecolor="none"))


def _footprint(axes: Axes, picture: Scene, row: int, column: int, top: float) -> None:
    (y, tall), (x, broad) = picture.height.windows[row], picture.width.windows[column]
    down = range(tall) if picture.height.taps is None else picture.height.taps
    across = range(broad) if picture.width.taps is None else picture.width.taps
    taps = [Rectangle((x + v, top + y + u), 1, 1) for u in down for v in across]
    axes.add_collection(
        PatchCollection(
            taps, facecolor=KERNEL.light, alpha=0.6, edgecolor=KERNEL.light, linewidth=0.5, zorder=3
        )
    )
    axes.add_patch(
        Rectangle(
            (x, top + y), broad, tall, fill=False, edgecolor=KERNEL.light, linewidth=1.6, zorder=4
        )
    )


def _output(axes: Axes, picture: Scene, corner: tuple[float, float], row: int, column: int) -> None:
    x, y = corner
    _grid(axes, corner, picture.output, colour=MADE.light, alpha=0.8)
    done = [(0, 0, len(picture.width.windows), row), (0, row, column, 1)]
    axes.add_collection(
        PatchCollection(
            [Rectangle((x + left, y + up), w, h) for left, up, w, h in done],
            facecolor=MADE.light, alpha=0.25, edgecolor="none",
        )
    )  # fmt: skip
    axes.add_patch(
        Rectangle(
            (x + column, y + row), 1, 1, facecolor=MADE.light, edgecolor=KERNEL.light,
            linewidth=1.2, zorder=4,
        )
    )  # fmt: skip


def _grid(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[int, int],
    *,
    colour: str = INK,
    alpha: float,
    dashed: bool = False,
) -> None:
    """The lines between and around `size` = (rows, columns) cells."""
    x, y = corner
    rows, columns = size
    lines = [[(x, y + i), (x + columns, y + i)] for i in range(rows + 1)]
    lines += [[(x + j, y), (x + j, y + rows)] for j in range(columns + 1)]
    style = (0, (2, 2)) if dashed and max(size) <= 40 else "-"
    width = 0.6 if max(size) <= 40 else 0.25
    axes.add_collection(
        LineCollection(lines, colors=colour, alpha=alpha, linewidths=width, linestyles=style)
    )
