"""Equivariance in four panels: the image, its features, and what a movement changes.

A layer f is equivariant to a movement g when f(g(x)) = g(f(x)). The panels show x, f(x) and
|g(f(x)) − f(g(x))| for a shift and for a rotation. The two differences share one scale, that of the
features, so that "small" and "large" mean the same in all three.
"""

import numpy as np
from matplotlib.figure import Figure

from retroprop.figures.style import INK, PAPER_WIDTH_IN, decimal_text, new_figure
from retroprop.languages import translator


def equivariance_panels(
    original: np.ndarray,
    features: np.ndarray,
    shift_difference: np.ndarray,
    rotation_difference: np.ndarray,
    *,
    language: str = "en",
) -> Figure:
    """Draw the four panels, two by two.

    Args:
        original: The image, (height, width).
        features: What the layers make of it, (height, width).
        shift_difference: |shift(features) − features of the shifted image|, of the same shape.
        rotation_difference: The same for a rotation.
        language: "en" or "fr".
    """
    say = translator(language)
    figure = new_figure(PAPER_WIDTH_IN, 5.6)
    grid = figure.subplots(2, 2)
    top = max(float(np.max(features)), np.finfo(np.float32).tiny)
    panels = (
        (say("original image"), original, float(np.max(original))),
        (say("features"), features, top),
        (say("|shift difference|"), shift_difference, top),
        (say("|rotation difference|"), rotation_difference, top),
    )
    for axes, (title, values, brightest) in zip(grid.flat, panels, strict=True):
        axes.imshow(values, cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        largest = f"{float(np.max(values)):.2g}"
        label = say("largest value: {value}").format(value=decimal_text(largest, language))
        axes.set_xlabel(label, fontsize=8.5, color=INK)
        for spine in axes.spines.values():
            spine.set_color(INK)
            spine.set_linewidth(0.6)
    return figure
