"""Which numbers a report states: cells, their spread over seeds, the best cells, and verdicts.

A *cell* is one combination of the varied settings; its models differ by their seed only. For the n
values of a cell we state the mean and the sample standard deviation

    s = sqrt( sum_i (x_i - mean)^2 / (n - 1) ),

which is undefined for n = 1. Two cells are compared seed by seed: d_i = a_i - b_i for the seeds
they share, because models with the same seed share their initial weights and their minibatches.
Whether that difference is more than chance is a `Verdict`. Nothing here reads a database or knows a
language.
"""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retroprop.studies.records import RunRecord

ACCURACY = "best_validation_accuracy"

_encoded = json.JSONEncoder(sort_keys=True).encode  # json.dumps makes one for each cell


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
    def pruned(self) -> bool:
        """Whether a search gave it up before its last epoch."""
        return any(run.status == "pruned" for run in self.runs)

    @property
    def key(self) -> str:
        """A text that is equal for equal cells."""
        return cell_key(self.cell)

    @property
    def test_accuracies(self) -> list[float]:
        """The test accuracies of its models; [] unless all of them were tested."""
        found = [run.test_accuracy for run in self.runs if run.test_accuracy is not None]
        return found if len(found) == self.n else []


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric of several seeds over the epochs that all of them have."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def without_epoch_0(self) -> "Curve":
        """The trained epochs only."""
        start = 1 if self.epochs[:1] == (0,) else 0
        return Curve(
            epochs=self.epochs[start:],
            mean=self.mean[start:],
            low=self.low[start:],
            high=self.high[start:],
        )


def curve(runs: Sequence[RunRecord], metric: str) -> Curve:
    """Mean, lowest and highest value of a metric over the models, per epoch.

    An epoch that one of the models lacks, or where a value was not finite, is left out.

    Args:
        runs: The seeds of one cell.
        metric: A name such as "validation_loss".
    """
    by_epoch: dict[int, list[float]] = {}
    for run in runs:
        for epoch in run.epochs:
            value = getattr(epoch, metric)
            if value is not None:
                by_epoch.setdefault(epoch.epoch, []).append(value)
    kept = {n: values for n, values in sorted(by_epoch.items()) if len(values) == len(runs)}
    return Curve(
        epochs=tuple(kept),
        mean=tuple(sum(values) / len(values) for values in kept.values()),
        low=tuple(min(values) for values in kept.values()),
        high=tuple(max(values) for values in kept.values()),
    )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether one accuracy, A, is above another, B, by more than chance (95 %).

    Attributes:
        difference: A less B, a fraction of the images; over several seeds its mean.
        margin: What chance may explain of it; None when that is not known.
        seeds: How many seeds A and B share; 0 when there is nothing to compare.
        images: How many images the margin comes from; None when it comes from the seeds.
    """

    difference: float
    margin: float | None
    seeds: int
    images: int | None = None

    @property
    def basis(self) -> Literal["seeds", "images", "nothing"]:
        """What it rests on: the spread over the seeds, the number of images, or nothing."""
        if self.margin is None:
            return "nothing"
        return "seeds" if self.images is None else "images"

    @property
    def distinguishable(self) -> bool:
        """Whether the difference is larger than the margin."""
        return self.margin is not None and abs(self.difference) > self.margin

    @property
    def sign(self) -> int:
        """1 when A is above B, −1 when it is below, 0 when they are not distinguishable."""
        return 0 if not self.distinguishable else 1 if self.difference > 0 else -1


def verdict(
    first: CellSummary, second: CellSummary, value: str = ACCURACY, images: int | None = None
) -> Verdict:
    """Compare two cells: over several shared seeds by these, with one by what the images leave.

    Args:
        first: A.
        second: B.
        value: The name of an accuracy of RunRecord.
        images: How many images it was measured on; None when that is not known.
    """
    of_first = {run.seed: getattr(run, value) for run in first.runs}
    of_second = {run.seed: getattr(run, value) for run in second.runs}
    pairs = [(of_first[seed], of_second[seed]) for seed in of_first if seed in of_second]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) == 1:
        return verdict_of_images(*known[0], images)
    return verdict_of_seeds([a - b for a, b in known])


def verdict_of_seeds(differences: Sequence[float]) -> Verdict:
    """The paired t-test: 0 is outside the 95 % confidence interval, mean ± t s / √n.

    t is the quantile of Student's distribution; with one seed there is no interval.
    """
    n = len(differences)
    if n == 0:
        return Verdict(difference=0.0, margin=None, seeds=0)
    mean, deviation = mean_and_deviation(differences)
    margin = None if deviation is None else student_quantile(n - 1) * deviation / math.sqrt(n)
    return Verdict(difference=mean, margin=margin, seeds=n)


def verdict_of_images(first: float, second: float, images: int | None) -> Verdict:
    """Compare two accuracies by what the choice of the images leaves to chance (`chance_margin`).

    For one seed, and for models of different studies, which have no seed in common. It says nothing
    of what another seed would change.
    """
    margin = chance_margin(first, second, images) if images else None
    return Verdict(difference=first - second, margin=margin, seeds=1, images=images)


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
    return _encoded(cell)


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
    return [summarise(group, value) for group in groups.values()]


def summarise(runs: Sequence[RunRecord], value: str = ACCURACY) -> CellSummary:
    """Summarise one value of the models of one cell; see `summarise_cells`."""
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
        group.append(cell)
    found = (best_cell(group) for group in groups.values())
    return [cell for cell in found if cell is not None]


def best_cell(cells: Iterable[CellSummary]) -> CellSummary | None:
    """The complete cell with the highest mean, the first in a tie; None without one."""
    complete = (cell for cell in cells if cell.mean is not None)
    return max(complete, key=lambda cell: cell.mean or 0.0, default=None)


def gaps(runs: Sequence[RunRecord]) -> list[float]:
    """How far train is above validation at each model's last epoch; [] unless known of all."""
    lasts = [run.epochs[-1] for run in runs if run.epochs]
    found = [
        last.train_accuracy - last.validation_accuracy
        for last in lasts
        if last.train_accuracy is not None and last.validation_accuracy is not None
    ]
    return found if len(found) == len(runs) else []
