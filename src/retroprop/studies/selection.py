"""Which cells of a study are final: the best by validation, never by test."""

import statistics
from collections.abc import Sequence
from typing import Any

from retroprop.studies.records import RunRecord


def best_cells(runs: Sequence[RunRecord], best_per: Sequence[str]) -> list[list[RunRecord]]:
    """The runs of the best cell of each combination of the keys `best_per`.

    The best cell has the highest mean over seeds of the best validation accuracy, among the cells
    whose every seed was trained to the end without diverging; of equal cells the first one wins.
    """
    cells: dict[str, list[RunRecord]] = {}
    for run in runs:
        cells.setdefault(repr(run.cell), []).append(run)
    best: dict[tuple[Any, ...], list[RunRecord]] = {}
    for members in cells.values():
        if any(run.status != "finished" for run in members):
            continue
        group = tuple(members[0].cell.get(key) for key in best_per)
        if group not in best or _score(members) > _score(best[group]):
            best[group] = members
    return list(best.values())


def _score(runs: Sequence[RunRecord]) -> float:
    return statistics.fmean(run.best_validation_accuracy or 0.0 for run in runs)
