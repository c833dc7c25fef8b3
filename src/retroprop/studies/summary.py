"""Which numbers a report states: cells, their spread over seeds, the best cells, and differences.

A *cell* is one combination of the varied settings; its models differ by their seed only. For the n
values of a cell we state the mean and the sample standard deviation

    s = sqrt( sum_i (x_i - mean)^2 / (n - 1) ),

which is undefined for n = 1. Two cells are compared seed by seed: d_i = a_i - b_i for the seeds
they share, because models with the same seed share their initial weights and their minibatches.
Nothing here reads a database or knows a language.
"""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from retroprop.studies.records import RunRecord

ACCURACY = "best_validation_accuracy"


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """The models of one cell, and one value of theirs over the seeds.

    `mean` and `deviation` are None unless the cell is complete: a mean over the seeds that happened
    to finish is not the number that the study set out to measure. `deviation` is also None for one
    seed. `n` counts the planned seeds, `finished` those that ended without diverging.
    """

    cell: dict[str, Any]
    runs: tuple[RunRecord, ...]
    mean: float | None
    deviation: float | None
    n: int
    diverged: int
    finished: int

    @property
    def complete(self) -> bool:
        """Whether every seed finished and none diverged."""
        return self.finished == self.n

    @property
    def key(self) -> str:
        """A text that is equal for equal cells."""
        return cell_key(self.cell)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """The difference between two cells over the seeds that they share.

    `deviation` is the sample standard deviation s of the differences, None for one seed. Two cells
    are told apart by the paired t-test: the 95 % confidence interval of the mean difference,
    mean ± t s / √n with t the quantile of Student's distribution, does not contain 0.
    """

    mean: float
    deviation: float | None
    n: int

    @property
    def margin(self) -> float | None:
        """Half the width of the 95 % confidence interval of the mean; None for one seed."""
        if self.deviation is None:
            return None
        return student_quantile(self.n - 1) * self.deviation / math.sqrt(self.n)

    @property
    def distinguishable(self) -> bool:
        """Whether the 95 % confidence interval excludes 0 (never with one seed)."""
        return self.margin is not None and abs(self.mean) > self.margin


# The 97.5 % quantiles of Student's t distribution for 1 to 30 degrees of freedom.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def student_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution.

    Beyond the table, the normal quantile z with its first correction, z + (z³ + z) / 4ν, which is
    right to three digits there (Abramowitz & Stegun, 26.7.5).

    >>> student_quantile(2), round(student_quantile(60), 3)
    (4.303, 2.0)
    """
    if degrees <= len(_STUDENT):
        return _STUDENT[degrees - 1]
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * degrees)


def cell_key(cell: dict[str, Any]) -> str:
    """A text that is equal for equal cells, whatever the order of their keys.

    >>> cell_key({"b": 1, "a": 2}) == cell_key({"a": 2, "b": 1})
    True
    """
    return json.dumps(cell, sort_keys=True)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (None for a single value).

    >>> mean_and_deviation([1.0, 3.0])
    (2.0, 1.4142135623730951)
    >>> mean_and_deviation([1.0])
    (1.0, None)
    """
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return statistics.fmean(values), deviation


def chance_margin(first: float, second: float, n: int) -> float:
    """How far two accuracies may differ by the choice of the n images alone (95 %).

    Each counts right answers among n images, so its variance is p (1 − p) / n, and

        margin = 1.96 √( (p₁(1 − p₁) + p₂(1 − p₂)) / n ).

    Both models see the same images, which makes their difference vary less: the margin is on the
    safe side. It says nothing of what another seed would change.

    >>> round(chance_margin(0.5, 0.5, 1000), 4)
    0.0438
    """
    return 1.96 * math.sqrt((first * (1 - first) + second * (1 - second)) / n)


def summarise_cells(runs: Iterable[RunRecord], value: str = ACCURACY) -> list[CellSummary]:
    """Group models by cell, in the order of the grid, and summarise one value of each cell.

    Args:
        runs: The models of one study run.
        value: The name of a numeric field of RunRecord.
    """
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(cell_key(run.cell), []).append(run)
    return [_summarise(group, value) for group in groups.values()]


def _summarise(runs: Sequence[RunRecord], value: str) -> CellSummary:
    finished = sum(run.status == "finished" for run in runs)
    values = [getattr(run, value) for run in runs]
    mean = deviation = None
    if finished == len(runs) and all(number is not None for number in values):
        mean, deviation = mean_and_deviation(values)
    return CellSummary(
        cell=dict(runs[0].cell),
        runs=tuple(runs),
        mean=mean,
        deviation=deviation,
        n=len(runs),
        diverged=sum(run.status == "diverged" for run in runs),
        finished=finished,
    )


def best_cells(cells: Iterable[CellSummary], best_per: Sequence[str] = ()) -> list[CellSummary]:
    """The complete cell with the highest mean for each combination of the `best_per` settings.

    The first in the order of the grid wins a tie; a combination without a complete cell has none.
    """
    groups: dict[str, list[CellSummary]] = {}
    for cell in cells:
        group = groups.setdefault(json.dumps([cell.cell.get(name) for name in best_per]), [])
        if cell.mean is not None:
            group.append(cell)
    return [max(group, key=lambda cell: cell.mean or 0.0) for group in groups.values() if group]


def paired_difference(
    first: CellSummary, second: CellSummary, value: str = ACCURACY
) -> PairedDifference | None:
    """First minus second over the seeds that both have; None when they share none."""
    of_first = {run.seed: getattr(run, value) for run in first.runs}
    of_second = {run.seed: getattr(run, value) for run in second.runs}
    shared = [seed for seed in of_first if seed in of_second]
    pairs = [(of_first[seed], of_second[seed]) for seed in shared]
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    if not differences:
        return None
    mean, deviation = mean_and_deviation(differences)
    return PairedDifference(mean=mean, deviation=deviation, n=len(differences))
