"""Which classes a model takes for which, and how well it knows each.

Row i, column j of a confusion matrix: the examples of class i that were called j. A cell shows the
share of its row in percent and, smaller, the count; the darker, the larger the share. Cells without
examples are empty.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from retroprop.errors import UserError
from retroprop.figures.style import INK, decimal_text, new_figure, new_panel, series_style
from retroprop.languages import Say, translator

SHADES = LinearSegmentedColormap.from_list(
    "white-blue", ("#f4f8fb", "#c3daea", "#7fb1d3", "#3b82b5", "#0a558c", "#06335a"), N=256
)
ON_LIGHT, ON_DARK = "#010101", "#ffffff"
"""Text on light and on dark cells; cells keep their colour on a dark page, so these do too.

Pure black would be left out of the SVG, and then take the page's colour.
"""

HATCHES = ("", "///", "...", "xxx")

LETTERS_SIDE_BY_SIDE = 3
"""Of a class, whose name then stands upright above its column, as digits do."""
LETTERS_OF_LEGEND = 42
"""In one line above the bars; longer legends stand below each other."""


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Each row divided by its sum; a class without examples has a row of zeros.

    Args:
        counts: (classes, classes), the true class in rows.

    Raises:
        UserError: If it is no square matrix of counts.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise UserError(
            f"expected a square matrix of counts, a row for each class, and got an array of shape "
            f"{counts.shape}."
        )
    of_row = counts.sum(1, keepdims=True).astype(np.float64)
    return np.divide(counts, of_row, out=np.zeros(counts.shape), where=of_row > 0)


def confusion_matrix(
    counts: np.ndarray,
    classes: Sequence[str],
    *,
    language: str = "en",
) -> Figure:
    """Draw a confusion matrix.

    Args:
        counts: (classes, classes), the true class in rows.
        classes: Their names, in the reader's language.
        language: "en" or "fr".
    """
    say = translator(language)
    counts = np.asarray(counts)
    shares = row_shares(counts)
    n = len(counts)
    _check_classes(n, classes)
    side = max(2.4, 0.5 * n)
    figure = new_figure(side + 1.5, side + 1.2)
    axes = figure.subplots()
    axes.patch.set_alpha(0.0)
    for (row, column), share in np.ndenumerate(shares):
        axes.fill(
            [column, column + 1, column + 1, column],
            [row, row, row + 1, row + 1],
            facecolor=SHADES(share),
            edgecolor="#ffffff",
            linewidth=0.8,
        )
        if counts[row, column]:
            _write_cell(axes, row, column, share, int(counts[row, column]), language)
    axes.set_xlim(0, n)
    axes.set_ylim(n, 0)
    axes.set_aspect("equal")
    middles = np.arange(n) + 0.5
    if max(map(len, classes)) <= LETTERS_SIDE_BY_SIDE:
        axes.set_xticks(middles, classes)
    else:
        axes.set_xticks(middles, classes, rotation=45, ha="left", rotation_mode="anchor")
    axes.set_yticks(middles, classes)
    axes.tick_params(
        labelsize=8.5, colors=INK, length=0, labeltop=True, labelbottom=False, bottom=False
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(say("predicted class"), fontsize=9, color=INK)
    axes.set_ylabel(say("true class"), fontsize=9, color=INK)
    axes.annotate(
        say("large: % of the row; small: examples"),
        xy=(0, 0),
        xytext=(0, -6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8,
        color=INK,
        va="top",
    )
    return figure


def _write_cell(axes: Axes, row: int, column: int, share: float, count: int, language: str) -> None:
    percent = 100 * share
    text = f"{percent:.1f}" if percent < 99.95 else "100"
    linear = [channel**2.2 for channel in SHADES(share)[:3]]  # sRGB, nearly
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18
    for height, words, size in (
        (0.40, decimal_text(text, language), 8.5),
        (0.76, f"{count:,}".replace(",", "\u202f"), 7),
    ):
        axes.text(
            column + 0.5,
            row + height,
            words,
            ha="center",
            va="center",
            fontsize=size,
            color=ON_LIGHT if light else ON_DARK,
        )


def class_accuracies(
    accuracies: Mapping[str, Sequence[float]],
    classes: Sequence[str],
    *,
    language: str = "en",
) -> Figure:
    """Draw a bar for each class, in the order of the classes; several models side by side.

    Args:
        accuracies: For each model's name the accuracy of each class, a fraction; NaN for a class
            without examples. With one model its name is not written.
        classes: Their names, in the reader's language.
        language: "en" or "fr".

    Raises:
        UserError: If a model does not have one accuracy for each class.
    """
    say = translator(language)
    n, models = len(classes), len(accuracies)
    for of_model in accuracies.values():
        _check_classes(len(of_model), classes)
    thick = 0.78 / models
    columns = models if sum(map(len, accuracies)) < LETTERS_OF_LEGEND else 1
    legend = 0.2 * (models // columns - 1)
    height_in = 0.9 + legend + n * max(0.27, 0.17 * models)
    figure, axes = new_panel(height_in, x_label=say("accuracy (%)"), y_label="")
    for index, (name, of_model) in enumerate(accuracies.items()):
        style = series_style(index)
        places = np.arange(n) + (index - (models - 1) / 2) * thick
        percents = 100 * np.nan_to_num(np.asarray(of_model, dtype=np.float64))
        axes.barh(
            places,
            percents,
            height=thick * 0.9,
            color="none" if index else style.light,
            edgecolor=style.light,
            hatch=HATCHES[index % len(HATCHES)],
            linewidth=0.8,
            label=name,
        )
        for place, percent, known in zip(places, percents, np.isfinite(of_model), strict=True):
            text = f"{percent:.1f}" if known else "–"
            axes.text(
                percent + 1,
                place,
                decimal_text(text, language),
                va="center",
                fontsize=8 if models == 1 else 7,
                color=INK,
            )
    axes.set_yticks(np.arange(n), classes)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(n - 0.5, -0.5)
    axes.set_xlim(0, 109)
    axes.set_xticks([0, 20, 40, 60, 80, 100])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=INK, alpha=0.14, linewidth=0.6)
    if models > 1:
        axes.legend(
            fontsize=8.5,
            labelcolor=INK,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
            borderaxespad=0.2,
        )
    return figure


def describe_confusion(
    counts: np.ndarray,
    classes: Sequence[str],
    *,
    largest: int = 3,
    say: Say,
    number: Callable[[float], str],
) -> str:
    """The accuracy of each class and the most frequent mistakes, in sentences.

    Args:
        counts: (classes, classes), the true class in rows.
        classes: Their names, in the reader's language.
        largest: How many mistakes are named.
        say: Turns an English text into the reader's language.
        number: Writes a share.
    """
    shares = row_shares(counts)
    of_classes = [
        say("{name}: {cell}").format(name=name, cell=number(float(share)))
        for name, share in zip(classes, shares.diagonal(), strict=True)
    ]
    text = say("Right, by class: {items}.").format(items=say("; ").join(of_classes))
    mistakes = shares * (1 - np.eye(len(shares)))
    items = []
    for flat in np.argsort(-mistakes, axis=None, kind="stable")[:largest]:
        row, column = divmod(int(flat), len(shares))
        if mistakes[row, column] > 0:
            items.append(
                say("{name} taken for {other}, {share} of its examples").format(
                    name=classes[row],
                    other=classes[column],
                    share=number(float(mistakes[row, column])),
                )
            )
    if items:
        mistakes_text = say("Most frequent mistakes: {items}.")
        text += " " + mistakes_text.format(items=say("; ").join(items))
    return text


def _check_classes(n: int, classes: Sequence[str]) -> None:
    if n != len(classes):
        raise UserError(f"expected a name for each of {n} classes, and got {len(classes)} names.")
