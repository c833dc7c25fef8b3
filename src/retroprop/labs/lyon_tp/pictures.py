"""The picture of the data: one image of each digit."""

import numpy as np
from matplotlib.figure import Figure

from retroprop.data import Dataset
from retroprop.figures.style import INK, PAPER_WIDTH_IN, new_figure


def first_of_each(dataset: Dataset) -> Figure:
    """The first training image of each class, in two rows.

    Args:
        dataset: Grey images of ten classes.
    """
    figure = new_figure(PAPER_WIDTH_IN, 2.3)
    grid = figure.subplots(2, 5)
    for digit, axes in enumerate(grid.flat):
        first = int(np.flatnonzero(dataset.train_labels == digit)[0])
        axes.imshow(dataset.train_images[first], cmap="gray", interpolation="nearest")
        axes.set_title(str(digit), fontsize=9, color=INK)
        axes.set_axis_off()
    return figure
