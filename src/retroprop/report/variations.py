"""What a study shows of one setting: its values, with all other settings held at a best cell's.

A figure or a sentence about the influence of a setting compares the cells of one `Variation`. The
settings that `best_per` names have a best cell for each of their values: these are compared with
each value at its own best settings, as the study selects them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retroprop.figures.style import SERIES
from retroprop.report.study_report import StudyReport, hashable
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary, best_cell, best_cells

MOST_POINTS = 40  # of a figure: more values than that have no room for their labels
MOST_GROUPS = 3  # with more best cells than this, only the best of them is varied


@dataclass(frozen=True, kw_only=True)
class Variation:
    """The cells that differ in one setting.

    Attributes:
        key: The setting.
        base: The best cell that the others are like.
        cells: The value and the cell, in the order of the grid.
        each_at_its_best: Whether each value has its own best settings instead of the base's.
    """

    key: str
    base: CellSummary
    cells: Sequence[tuple[Any, CellSummary]]
    each_at_its_best: bool

    @property
    def runs(self) -> list[RunRecord]:
        """The models of all cells."""
        return [run for _, cell in self.cells for run in cell.runs]


def bases(report: StudyReport) -> list[CellSummary]:
    """The best cells around which settings are varied: one for each group, if they are few."""
    return report.best if len(report.best) <= MOST_GROUPS else best_cells(report.best)


def variations(report: StudyReport, key: str) -> list[Variation]:
    """The comparisons that show the influence of one varied setting, one for each base."""
    top = report.best_cell
    if top is None:
        return []
    if key in report.best_per:
        cells = _best_by_value(report, key)
        return [Variation(key=key, base=top, cells=cells, each_at_its_best=True)]
    return [
        Variation(key=key, base=base, cells=_alike(report, key, base), each_at_its_best=False)
        for base in bases(report)
    ]


def spread(cells: Sequence[tuple[Any, CellSummary]], most: int) -> list[tuple[Any, CellSummary]]:
    """At most so many of some values and their cells: the best, and others spread over them."""
    if len(cells) <= most:
        return list(cells)
    kept = {round(place * (len(cells) - 1) / (most - 2)) for place in range(most - 1)}
    kept.add(max(range(len(cells)), key=lambda at: cells[at][1].mean or 0.0))
    return [cell for at, cell in enumerate(cells) if at in kept]


def some_best(report: StudyReport) -> list[CellSummary]:
    """The best cells, as many as a figure has styles: those with the highest means."""
    kept = sorted(report.best, key=lambda cell: -(cell.mean or 0.0))[: len(SERIES)]
    keys = {cell.key for cell in kept}
    return [cell for cell in report.best if cell.key in keys]


def of_all(report: StudyReport, shown: int, every: int) -> str:
    """How many of the best cells are shown, as a sentence; "" where all are."""
    if shown == every:
        return ""
    text = report.say("The {n} highest of {all} best cells are drawn.")
    return text.format(n=shown, all=report.numbers.integer(every))


def fixed(report: StudyReport, variation: Variation) -> str:
    """What the cells of a variation have in common, in words: "SGD, batch size 1"; "" if nothing.

    Only settings that the study varies are named.
    """
    if variation.each_at_its_best:
        return ""
    return report.varied_settings(variation.base.cell, without=[variation.key])


def lost(report: StudyReport, variation: Variation) -> list[str]:
    """The values without a mean, with the reason, in words: "0.1: diverged 2/3"."""
    notes = []
    for value, cell in variation.cells:
        if reason := no_mean(report, cell):
            label = report.setting(variation.key, value, short=True)
            notes.append(report.named(label, reason))
    return notes


def no_mean(report: StudyReport, cell: CellSummary) -> str:
    """Why a cell has no mean, in words; "" when it has one."""
    if cell.diverged:
        return report.say("diverged {k}/{n}").format(k=cell.diverged, n=cell.n)
    if cell.pruned:
        return report.say("pruned")
    return "" if cell.complete else report.say("not finished")


def _alike(report: StudyReport, key: str, base: CellSummary) -> list[tuple[Any, CellSummary]]:
    """The cells that equal the base but for one setting."""
    found = {
        hashable(cell.cell.get(key)): cell
        for cell in report.cells
        if all(cell.cell.get(name) == value for name, value in base.cell.items() if name != key)
        and cell.cell.keys() | {key} == base.cell.keys() | {key}
    }
    return [(value, found[value]) for value in report.values(key) if value in found]


def _best_by_value(report: StudyReport, key: str) -> list[tuple[Any, CellSummary]]:
    """The best complete cell with each value of a setting, or else any cell with it."""
    having: dict[Any, list[CellSummary]] = {}
    for cell in report.cells:
        having.setdefault(hashable(cell.cell.get(key)), []).append(cell)
    return [
        (value, best_cell(having[value]) or having[value][0])
        for value in report.values(key)
        if value in having
    ]
