"""Many small images side by side: weights of a layer, or what a layer makes of a picture.

The tiles are numbered by row and column, so that a text can name them: (3, 1) is the first tile of
the third row. Weights are shown by a diverging map whose lightness grows from the most negative to
the most positive value: 0 is the middle grey, and the signs stay apart for colour-blind readers and
in a grey print. Method: Kovesi, Good colour maps: how to design them (2015), a "linear diverging"
map from blue through grey to yellow.
"""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter

from retroprop.errors import UserError
from retroprop.figures.style import INK, plain

# L* in equal steps from 24 through 64 to 95; the chroma grows faster, as the power 0.55, so that
# small values have their hue.
DIVERGING = LinearSegmentedColormap.from_list(
    "blue-grey-yellow",
    (
        "#003879", "#194381", "#314f89", "#445b90", "#556797", "#66739e", "#7780a3", "#888da5",
        "#9b9b9b",
        "#b0a57c", "#bfb072", "#ccbb6c", "#d8c667", "#e5d064", "#f1db61", "#fee75f", "#fff25d",
    ),
    N=512,
)  # fmt: skip

DOTS = 720
"""Dots along the longer side of a mosaic; each value becomes a square of whole dots.

A viewer may smooth an image when it enlarges it: with many dots only the edges are smoothed.
"""


LETTERS_PER_IN = 14
"""Of a label beside the scale."""


def normalized(tiles: np.ndarray, *, each: bool = False) -> np.ndarray:
    """The tiles divided by their largest absolute value, together or each by its own.

    Tiles of zeros stay zeros.

    Raises:
        UserError: If a value is not finite.
    """
    tiles = np.asarray(tiles, dtype=np.float64)
    if not np.isfinite(tiles).all():
        raise UserError(
            "expected finite weights to draw, and got NaN or infinity; the training diverged."
        )
    largest = np.abs(tiles).max(axis=(-2, -1) if each else None, keepdims=True)
    return np.divide(tiles, largest, out=np.zeros_like(tiles), where=largest > 0)


def mosaic(tiles: np.ndarray, columns: int, *, dots: int = 1, gap: int = 1) -> np.ndarray:
    """Lay tiles out row by row, with gaps of NaN between them.

    Args:
        tiles: (n, height, width).
        columns: Tiles in a row; the last row may be shorter.
        dots: Each value becomes a square of so many dots a side.
        gap: Dots between two tiles.

    >>> mosaic(np.arange(3.0).reshape(3, 1, 1), columns=2)
    array([[ 0., nan,  1.],
           [nan, nan, nan],
           [ 2., nan, nan]])
    """
    tiles = tiles.repeat(dots, axis=1).repeat(dots, axis=2)
    n, height, width = tiles.shape
    rows = math.ceil(n / columns)
    laid = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, tile in enumerate(tiles):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        laid[top : top + height, left : left + width] = tile
    return laid


def square_columns(n: int) -> int:
    """Columns that make n tiles about as wide as high, without a short last row if possible.

    >>> [square_columns(n) for n in (64, 256, 32, 128, 7)]
    [8, 16, 8, 16, 3]
    """
    least = math.ceil(math.sqrt(n))
    return next((c for c in range(least, 2 * least + 1) if n % c == 0), least)


def draw_tiles(
    axes: Axes, tiles: np.ndarray, *, columns: int, title: str, every: int = 1
) -> AxesImage:
    """Draw tiles of values from −1 to 1 in one panel, rows and columns numbered.

    Args:
        axes: The panel.
        tiles: (n, height, width).
        columns: Tiles in a row.
        title: What stands above the panel.
        every: Number every row and column (1), or every second one (2), and so on.
    """
    n, height, width = tiles.shape
    rows = math.ceil(n / columns)
    dots = max(1, DOTS // max(rows * height, columns * width))
    gap = max(2, round(0.14 * dots * max(height, width)))
    image = axes.imshow(
        mosaic(tiles, columns, dots=dots, gap=gap),
        cmap=DIVERGING,
        vmin=-1,
        vmax=1,
        interpolation="none",
    )
    axes.patch.set_alpha(0.0)
    axes.set_title(title, fontsize=9, color=INK, loc="left", pad=14)
    columns_at = (np.arange(columns) + 0.5) * (dots * width + gap) - gap / 2
    rows_at = (np.arange(rows) + 0.5) * (dots * height + gap) - gap / 2
    axes.set_xticks(columns_at[::every], [str(n) for n in range(1, columns + 1, every)])
    axes.set_yticks(rows_at[::every], [str(n) for n in range(1, rows + 1, every)])
    axes.tick_params(labelsize=7.5, colors=INK, length=0, pad=2, labeltop=True, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def scale_bar(
    figure: Figure,
    image: AxesImage,
    panels: Sequence[Axes],
    *,
    label: str,
    share: float = 1.0,
    language: str = "en",
) -> None:
    """One colour bar for all panels, to their right.

    Args:
        figure: The figure of the panels.
        image: What has the map and its limits.
        panels: Whose bar it is.
        label: What the numbers are.
        share: The part of the figure's height that the panels take.
        language: "en" or "fr".
    """
    bar = figure.colorbar(image, ax=list(panels), fraction=0.04, pad=0.03, aspect=28)
    letters = int(LETTERS_PER_IN * 0.8 * share * figure.get_figheight())
    bar.set_label(textwrap.fill(label, letters), fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, length=2, width=0.6)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: plain(value, language).replace("-", "−"))
    )
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
