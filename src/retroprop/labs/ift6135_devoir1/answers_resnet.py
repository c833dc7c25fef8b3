"""Question 4.5: the best ResNet-18, and the kernels of its first layer."""

from collections.abc import Iterator

import numpy as np

from retroprop.labs.ift6135_devoir1.best_model import initial_weights, search
from retroprop.labs.ift6135_devoir1.filter_measures import (
    KINDS,
    chance_range,
    chances,
    change,
    edge_directions,
    grey_share,
    kinds,
    strongest,
)
from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.languages import say_later
from retroprop.report.document import Block, Cell, Notice, Table
from retroprop.report.lab_report import LabReport, only
from retroprop.report.network_pictures import KERNELS, best_run, weights_section
from retroprop.report.weights import NoWeightsError, trained_weights

RESNET = "ift6135-resnet18-best"
PUBLISHED = 0.946
"""The validation accuracy that the document reports after 15 epochs."""

LITTLE = 0.25
"""Weights that moved by less than this part of their norm look as they began."""


def best_resnet(lab: LabReport) -> Iterator[Block]:
    """Its accuracy, its hyperparameters and the search."""
    yield from search(lab, lab.study(RESNET), PUBLISHED)


def kernels(lab: LabReport) -> Iterator[Block]:
    """The 64 kernels, how they were drawn, and what is measured of them."""
    report = lab.study(RESNET)
    run = best_run(report)
    if run is None:
        return
    yield lab.prose(
        "The first convolution has the weights (64, 3, 3, 3): 64 kernels over three channels. The "
        "upper panel shows the kernels of the first channel, red, the lower one the mean over the "
        "three channels, which answers to brightness and not to colour. Each panel is divided by "
        "its largest absolute weight, so the values lie between −1 and 1, 0 stays 0 and the signs "
        "stay; kernels of one panel keep their relative size. The colours grow in lightness from "
        "negative to positive, with grey for 0, so that the sign is seen in a grey print too.",
        title="How the kernels are drawn",
    )
    yield from only("picture", lab.blocks(report, weights_section))
    try:
        weights = trained_weights(report, run, KERNELS).astype(np.float64)
    except NoWeightsError as error:
        yield Notice(title=lab.say("The weights could not be read"), text=str(error))
        return
    initial = initial_weights(report, run, KERNELS)
    yield from _kernel_comment(lab, weights, initial)


def _kernel_comment(lab: LabReport, weights: np.ndarray, initial: np.ndarray) -> Iterator[Block]:
    """What kinds of kernels there are, beside those of random and of untrained weights."""
    yield lab.prose(
        "A kernel of 3 × 3 is a sum of nine orthogonal patterns: products of (1, 1, 1), (−1, 0, 1) "
        "and (1, −2, 1) along its rows and its columns. Its energy, the sum of its squared "
        "weights, is shared among them. *Brightness* is the pattern of equal weights, an *edge* "
        "the two slopes, *second order* the lines, spots and saddles, *texture* the three patterns "
        "that change sign from pixel to pixel (what the document calls flicker). A kernel, "
        "averaged over the channels, is of the kind that holds more than half of its energy, and "
        "mixed if none does. Random weights have known shares, which tell what was learnt.",
        title="What the kernels are, measured",
    )
    grey, before = weights.mean(1), initial.mean(1)
    counts = np.bincount(kinds(grey), minlength=len(KINDS)).tolist()
    yield _kind_table(lab, grey, before)
    n = len(weights)
    unusual = [at for at, share in enumerate(chances()) if not _usual(counts[at], share, n)]
    counts_before = np.bincount(kinds(before), minlength=len(KINDS)).tolist()
    learnt = [at for at in unusual if _usual(counts_before[at], chances()[at], n)]
    by_chance = [at for at in unusual if at not in learnt]
    if learnt:
        yield lab.prose(
            "Outside the range of random kernels, and not so before training: {kinds}. These "
            "counts are what training has changed.",
            kinds=_listed(lab, learnt),
        )
    if by_chance:
        yield lab.prose(
            "Outside the range of random kernels, but so before training too: {kinds}. That is the "
            "luck of this seed, not something learnt.",
            kinds=_listed(lab, by_chance),
        )
    if not unusual:
        yield lab.prose(
            "Every count lies in the range that random kernels give: by this measure the first "
            "layer cannot be told from one that was never trained."
        )
    yield from _edges(lab, grey)
    moved, other = change(weights, initial), int((kinds(grey) != kinds(before)).sum())
    yield lab.prose(
        "Training moved the kernels by {moved} of their initial norm, and {other} of {n} are of "
        "another kind than in the untrained network of the same seed. What the picture shows is "
        "mostly where they began: it invites stories about edges and textures, and the numbers do "
        "not support them."
        if moved < LITTLE and not learnt
        else "Training moved the kernels by {moved} of their initial norm, and {other} of {n} are "
        "of another kind than in the untrained network of the same seed.",
        moved=lab.numbers.percent(moved, digits=1),
        other=other,
        n=n,
    )
    yield lab.prose(
        "{share} of the kernels’ energy treats the three channels alike, where random weights give "
        "a third: {verdict}",
        share=lab.numbers.percent(grey_share(weights), digits=0),
        verdict=lab.say(
            "the kernels look at brightness more than at colour."
            if grey_share(weights) > 0.40
            else "the kernels look at differences of colour more than at brightness."
            if grey_share(weights) < 0.27
            else "no preference for brightness or for colour is seen."
        ),
    )


_KIND_NAMES = {
    "brightness": say_later("brightness"),
    "edge": say_later("edge"),
    "second order": say_later("second order (line, spot, saddle)"),
    "texture": say_later("texture"),
    "mixed": say_later("mixed"),
}


def _kind_table(lab: LabReport, grey: np.ndarray, before: np.ndarray) -> Table:
    say, numbers, n = lab.say, lab.numbers, len(grey)
    counted = [np.bincount(kinds(one), minlength=len(KINDS)) for one in (grey, before)]
    rows: list[tuple[str, list[str | Cell]]] = []
    for at, (kind, share) in enumerate(zip(KINDS, chances(), strict=True)):
        low, high = chance_range(share, n)
        example = strongest(grey, at)
        place = "—" if example is None or kind == "mixed" else _tile(example, n)
        rows.append(
            (
                say(_KIND_NAMES[kind]),
                [
                    numbers.integer(int(counted[0][at])),
                    numbers.integer(int(counted[1][at])),
                    numbers.decimal(n * share, 1),
                    say("{low} to {high}").format(
                        low=numbers.decimal(low, 1), high=numbers.decimal(high, 1)
                    ),
                    place,
                ],
            )
        )
    return facts(
        "kernel-kinds",
        say("Kinds of the {n} kernels, averaged over the channels").format(n=n),
        say("kind"),
        [
            say("after training"),
            say("before training"),
            say("expected of random kernels"),
            say("99 % of random draws"),
            say("clearest (row, column)"),
        ],
        rows,
    )


def _edges(lab: LabReport, grey: np.ndarray) -> Iterator[Block]:
    """Along which directions the edges run."""
    found = edge_directions(grey)
    if not found:
        return
    yield lab.prose(
        "Of the {n} edges {vertical} run vertically, {horizontal} horizontally and {diagonal} "
        "diagonally, to the nearest eighth of a turn; of random slopes half would be diagonal.",
        n=len(found),
        vertical=found.count("vertical"),
        horizontal=found.count("horizontal"),
        diagonal=found.count("diagonal"),
    )


def _tile(index: int, n: int) -> str:
    """The place of a tile in the picture."""
    from retroprop.figures.tiles import square_columns

    row, column = divmod(index, square_columns(n))
    return f"({row + 1}, {column + 1})"


def _usual(count: int, share: float, n: int) -> bool:
    """Whether random kernels give such a count in 99 % of the draws."""
    low, high = chance_range(share, n)
    return low <= count <= high


def _listed(lab: LabReport, at: list[int]) -> str:
    return lab.say("; ").join(lab.say(_KIND_NAMES[KINDS[one]]) for one in at)
