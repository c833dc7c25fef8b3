"""The token-mixing filters of an MLP-Mixer, and what they make of a picture.

A hidden unit of a token-mixing MLP has one weight for each patch, so its weights are a small image
on the grid of patches: 8 × 8 for patches of 4 in images of 32. As in Figure 5 of Tolstikhin et al.,
MLP-Mixer (2021), filters of opposing phase stand side by side, and the pairs are sorted by
frequency, low ones first.

Drawn over a picture, the filters slide as those of a convolution. A Mixer does not do that: each of
its filters sees the whole grid once, at one place. The picture shows what a filter answers to.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from retroprop.errors import UserError
from retroprop.figures.style import INK, PAPER_WIDTH_IN, new_figure
from retroprop.figures.tiles import draw_tiles, normalized, scale_bar, square_columns
from retroprop.languages import Say, translator

LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue add to lightness (ITU-R BT.601)."""


def filter_tiles(weights: np.ndarray, grid_size: tuple[int, int] | None = None) -> np.ndarray:
    """The weights of a first token-mixing layer as images on the grid of patches.

    Args:
        weights: (hidden, patches), such as `blocks[0].mlp_tokens.fc1.weight`.
        grid_size: Patches along the height and the width; by default a square.

    Returns:
        (hidden, grid height, grid width).

    Raises:
        UserError: If the patches do not make such a grid.
    """
    weights = np.asarray(weights)
    patches = weights.shape[-1]
    if grid_size is None:
        grid_size = (round(patches**0.5),) * 2
    if weights.ndim != 2 or grid_size[0] * grid_size[1] != patches:
        raise UserError(
            f"expected token-mixing weights (hidden, patches) on a grid of {grid_size[0]} × "
            f"{grid_size[1]} patches, and got an array of shape {weights.shape}; give the model's "
            "grid_size."
        )
    return weights.reshape(len(weights), *grid_size)


def in_pairs(tiles: np.ndarray) -> np.ndarray:
    """The order in which filters of opposing phase are neighbours, from low to high frequency.

    The two filters with the most negative correlation are the first pair, then the two of what is
    left, and so on. With an odd number, the last filter is alone, at the end.

    Args:
        tiles: (n, height, width).

    Returns:
        (n,) indices; 0 and 1, 2 and 3, … are the pairs.
    """
    n = len(tiles)
    flat = tiles.reshape(n, -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
    correlation = unit @ unit.T
    np.fill_diagonal(correlation, np.inf)
    pairs: list[tuple[int, int]] = []
    for _ in range(n // 2):
        first, second = divmod(int(correlation.argmin()), n)
        pairs.append((min(first, second), max(first, second)))
        correlation[[first, second]] = np.inf
        correlation[:, [first, second]] = np.inf
    frequency = mean_frequency(tiles)
    pairs.sort(key=lambda pair: frequency[pair[0]] + frequency[pair[1]])
    order = [index for pair in pairs for index in pair]
    return np.array(order + sorted(set(range(n)) - set(order)), dtype=int)


def mean_frequency(tiles: np.ndarray) -> np.ndarray:
    """Of each tile, the mean spatial frequency, weighted by power, in cycles per patch.

    >>> stripes = np.array([[[1.0, -1.0], [1.0, -1.0]], [[1.0, 1.0], [1.0, 1.0]]])
    >>> mean_frequency(stripes).tolist()
    [0.5, 0.0]
    """
    power = np.abs(np.fft.fft2(tiles)) ** 2
    rows, columns = (np.fft.fftfreq(side) for side in tiles.shape[1:])
    radius = np.hypot(rows[:, None], columns)
    whole = power.sum((1, 2))
    weighted = (power * radius).sum((1, 2))
    return np.divide(weighted, whole, out=np.zeros_like(whole), where=whole > 0)


def token_mixing_filters(
    weights: np.ndarray,
    *,
    grid_size: tuple[int, int] | None = None,
    language: str = "en",
) -> Figure:
    """Draw every filter of a first token-mixing layer, in pairs of opposing phase.

    Each filter is divided by its own largest absolute weight: the figure compares their shapes.

    Args:
        weights: (hidden, patches), such as `blocks[0].mlp_tokens.fc1.weight`.
        grid_size: Patches along the height and the width; by default a square.
        language: "en" or "fr".
    """
    say = translator(language)
    tiles = filter_tiles(weights, grid_size)
    tiles = normalized(tiles, each=True)[in_pairs(tiles)]
    columns = _even(square_columns(len(tiles)))
    rows = -(-len(tiles) // columns)
    height, width = tiles.shape[1:]
    figure = new_figure(
        PAPER_WIDTH_IN, 0.6 + 0.82 * PAPER_WIDTH_IN * (rows * height) / (columns * width)
    )
    axes = figure.subplots()
    title = say("token-mixing filters, {height} × {width} patches")
    image = draw_tiles(
        axes,
        tiles,
        columns=columns,
        title=title.format(height=height, width=width),
        every=1 if columns <= 16 else 2,
    )
    scale_bar(
        figure,
        image,
        [axes],
        label=say("weight ÷ largest absolute weight of the filter"),
        language=language,
    )
    return figure


def filter_responses(picture: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    """Slide each filter over a picture: correlation, wherever the whole filter fits.

    Args:
        picture: (height, width) or (height, width, 3); of a colour picture the lightness is taken.
        tiles: (n, filter height, filter width).

    Returns:
        (n, height − filter height + 1, width − filter width + 1). The mean of the picture is taken
        off before, so that a filter of one sign does not answer to plain grey.

    Raises:
        UserError: If the picture is smaller than the filters.
    """
    grey = np.asarray(picture, dtype=np.float64)
    if grey.ndim == 3:
        grey = grey[..., :3] @ np.array(LUMA)
    if grey.shape[0] < tiles.shape[1] or grey.shape[1] < tiles.shape[2]:
        raise UserError(
            f"the filters of {tiles.shape[1]} × {tiles.shape[2]} do not fit in a picture of "
            f"{grey.shape[0]} × {grey.shape[1]} pixels; give a larger one."
        )
    windows = np.lib.stride_tricks.sliding_window_view(grey - grey.mean(), tiles.shape[1:])
    return np.einsum("hwij,nij->nhw", windows, tiles, optimize=True)


def filtered_pictures(
    picture: np.ndarray,
    weights: np.ndarray,
    *,
    count: int = 20,
    grid_size: tuple[int, int] | None = None,
    language: str = "en",
) -> Figure:
    """Draw a picture, and under it what some of the filters make of it.

    The filters are spread evenly over the order of `in_pairs`, one of a pair: from low to high
    frequency. Each answer is divided by its own largest absolute value.

    Args:
        picture: (height, width) or (height, width, 3), uint8.
        weights: (hidden, patches).
        count: How many filters, at most.
        grid_size: Patches along the height and the width; by default a square.
        language: "en" or "fr".
    """
    say = translator(language)
    tiles = filter_tiles(weights, grid_size)
    chosen = chosen_filters(tiles, count)
    answers = normalized(filter_responses(picture, tiles[chosen]), each=True)
    answers = (answers * 25).round() / 25  # what the eye tells apart; half the size of the file
    small = normalized(tiles[chosen], each=True)
    columns = min(5, len(chosen))
    rows = -(-len(chosen) // columns)
    heights = [1.15, rows * answers.shape[1] / answers.shape[2]]
    figure = new_figure(PAPER_WIDTH_IN, 0.9 + 0.82 * PAPER_WIDTH_IN * sum(heights) / columns)
    grid = figure.add_gridspec(2, 2, height_ratios=heights)
    original = figure.add_subplot(grid[0, 0])
    original.imshow(picture, cmap="gray", interpolation="none")
    original.set_axis_off()
    original.set_title(say("the picture"), fontsize=9, color=INK, loc="left", pad=6)
    of_filters = figure.add_subplot(grid[0, 1])
    draw_tiles(of_filters, small, columns=columns, title=say("the filters"))
    panel = figure.add_subplot(grid[1, :])
    image = draw_tiles(panel, answers, columns=columns, title=say("the picture, filtered by each"))
    scale_bar(
        figure,
        image,
        [panel],
        label=say("answer ÷ largest absolute answer"),
        share=heights[1] / sum(heights),
        language=language,
    )
    return figure


def chosen_filters(tiles: np.ndarray, count: int) -> np.ndarray:
    """Indices of at most `count` filters, one of a pair, from low to high frequency."""
    first_of_pairs = in_pairs(tiles)[::2]
    kept = min(count, len(first_of_pairs))
    return first_of_pairs[np.linspace(0, len(first_of_pairs) - 1, kept).round().astype(int)]


def describe_filters(
    weights: np.ndarray,
    *,
    grid_size: tuple[int, int] | None = None,
    say: Say,
    number: Callable[[float], str],
) -> str:
    """How many filters there are, and how opposite the pairs are, in a sentence.

    Args:
        weights: (hidden, patches).
        grid_size: Patches along the height and the width; by default a square.
        say: Turns an English text into the reader's language.
        number: Writes a correlation.
    """
    tiles = filter_tiles(weights, grid_size)
    order = in_pairs(tiles)
    even = len(order) // 2 * 2
    flat = tiles.reshape(len(tiles), -1)
    pairs = zip(flat[order[:even:2]], flat[order[1:even:2]], strict=True)
    correlations = [
        float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300)) for a, b in pairs
    ]
    return say(
        "{n} filters of {height} × {width} weights, in pairs of opposing phase: the median "
        "correlation of a pair is {correlation}."
    ).format(
        n=len(tiles),
        height=tiles.shape[1],
        width=tiles.shape[2],
        correlation=number(float(np.median(correlations)) if correlations else 0.0),
    )


def _even(columns: int) -> int:
    """Whole pairs in each row."""
    return columns + columns % 2
