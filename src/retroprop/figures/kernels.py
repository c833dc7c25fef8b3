"""The kernels of a first convolution as small images.

A convolution of colour pictures has one kernel for each pair of channels: (out, in, height, width).
One panel shows those of the first input channel, another the mean over the input channels. Each
panel is divided by its largest absolute weight, and both share one scale from −1 to 1.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from retroprop.errors import UserError
from retroprop.figures.style import PAPER_WIDTH_IN, new_figure
from retroprop.figures.tiles import draw_tiles, normalized, scale_bar, square_columns
from retroprop.languages import Say, translator

View = Literal["first channel", "mean"]


def kernel_tiles(weights: np.ndarray, view: View) -> np.ndarray:
    """The kernels as (out, height, width), divided by the largest absolute value of all.

    Args:
        weights: (out, in, height, width).
        view: The kernels of the first input channel, or the mean over the input channels.

    Raises:
        UserError: If the weights are not those of a convolution, or not finite.
    """
    weights = np.asarray(weights)
    if weights.ndim != 4:
        raise UserError(
            "expected the kernels of a convolution (out, in, height, width), and got an array of "
            f"shape {weights.shape}."
        )
    return normalized(weights[:, 0] if view == "first channel" else weights.mean(1))


def first_layer_kernels(
    weights: np.ndarray,
    *,
    views: Sequence[View] = ("first channel", "mean"),
    language: str = "en",
) -> Figure:
    """Draw all kernels of a convolution, one panel for each view, the panels above each other.

    Args:
        weights: (out, in, height, width), such as (64, 3, 3, 3) of ResNet-18.
        views: Which panels, in order.
        language: "en" or "fr".
    """
    say = translator(language)
    titles = {
        "first channel": say("kernels, first input channel"),
        "mean": say("kernels, mean over the input channels"),
    }
    tiles = [kernel_tiles(weights, view) for view in views]
    n, height, width = tiles[0].shape
    columns = square_columns(n)
    shape = (-(-n // columns) * height) / (columns * width)
    figure = new_figure(PAPER_WIDTH_IN, len(views) * (0.55 + 0.82 * PAPER_WIDTH_IN * shape))
    panels = list(figure.subplots(len(views), 1, squeeze=False)[:, 0])
    image = None
    for axes, view, of_view in zip(panels, views, tiles, strict=True):
        image = draw_tiles(axes, of_view, columns=columns, title=titles[view])
    if image is not None:
        label = say("weight ÷ largest absolute weight")
        scale_bar(figure, image, panels, label=label, language=language)
    return figure


def describe_kernels(weights: np.ndarray, *, say: Say) -> str:
    """How many kernels there are, and how many are mostly of one sign, in a sentence."""
    mean = kernel_tiles(weights, "mean")
    of_one_sign = int((np.abs(mean.sum((1, 2))) > 0.9 * np.abs(mean).sum((1, 2))).sum())
    return say(
        "{n} kernels of {height} × {width} weights; averaged over the input channels, {one_sign} "
        "of them have almost only weights of one sign, the others compare neighbouring pixels."
    ).format(n=len(mean), height=mean.shape[1], width=mean.shape[2], one_sign=of_one_sign)
