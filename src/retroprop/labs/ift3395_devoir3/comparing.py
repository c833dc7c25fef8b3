"""Two recorded models side by side: which is better, and whether that is more than chance."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from retroprop.report.study_report import StudyReport
from retroprop.report.variations import no_mean
from retroprop.report.verdict_sentence import verdict_sentence
from retroprop.studies.summary import (
    ACCURACY,
    CellSummary,
    Curve,
    Verdict,
    curve,
    gaps,
    verdict_of_images,
    verdict_of_seeds,
)

ACCURACIES = (ACCURACY, "test_accuracy")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A finished cell of a study, with the numbers that the answers compare.

    Attributes:
        name: For sentences and labels.
        cell: Its models; several where the study has several seeds.
        validation: The best validation accuracy, a mean over the seeds.
        train_loss, train_accuracy, validation_loss, validation_accuracy, norm: Over the epochs.
    """

    name: str
    cell: CellSummary
    validation: float
    train_loss: Curve
    train_accuracy: Curve
    validation_loss: Curve
    validation_accuracy: Curve
    norm: Curve

    @property
    def test(self) -> float | None:
        """The test accuracy; None unless every seed was tested."""
        found = self.cell.test_accuracies
        return sum(found) / len(found) if found else None

    @property
    def gap(self) -> float:
        """How far train lies above validation at the last epoch."""
        return self.train_accuracy.mean[-1] - self.validation_accuracy.mean[-1]

    @property
    def parameters(self) -> int | None:
        """How many numbers it learns."""
        return self.cell.runs[0].parameters

    @property
    def epoch_s(self) -> float | None:
        """Mean training seconds per epoch."""
        found = [run.train_s_per_epoch for run in self.cell.runs]
        known = [seconds for seconds in found if seconds is not None]
        return sum(known) / len(known) if known else None

    def reaches(self, accuracy: float) -> int | None:
        """The first epoch with this validation accuracy, if there is one."""
        line = self.validation_accuracy
        reached = (n for n, value in zip(line.epochs, line.mean, strict=True) if value >= accuracy)
        return next(reached, None)


def measured_cell(cell: CellSummary, name: str) -> Measured | None:
    """The numbers of a cell; None where it is not finished, diverged or misses a metric."""
    if cell.mean is None:
        return None
    lines = {
        metric: curve(cell.runs, metric)
        for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    }
    if not all(len(line.epochs) > 1 for line in lines.values()):
        return None
    return Measured(
        name=name, cell=cell, validation=cell.mean, norm=curve(cell.runs, "gradient_norm"), **lines
    )


def measured(report: StudyReport, architecture: str) -> Measured | None:
    """A network of the study of architectures; None where it is not finished or not there."""
    for cell in report.cells:
        if cell.cell.get("architecture") == architecture:
            return measured_cell(cell, report.setting("architecture", architecture))
    return None


def measured_networks(report: StudyReport, architectures: Sequence[str]) -> list[Measured]:
    """Those of these networks that are finished."""
    found = (measured(report, one) for one in architectures)
    return [one for one in found if one is not None]


def missing_networks(report: StudyReport, architectures: Sequence[str]) -> str:
    """Which of these networks have no numbers, and why, in a sentence; "" where all have."""
    reasons = {
        cell.cell.get("architecture"): no_mean(report, cell) or report.say("not evaluated")
        for cell in report.cells
        if measured_cell(cell, "") is None
    }
    known = {cell.cell.get("architecture") for cell in report.cells}
    notes = [
        report.say("{name}: {cell}").format(
            name=report.setting("architecture", one),
            cell=reasons.get(one, report.say("not in the study")),
        )
        for one in architectures
        if one in reasons or one not in known
    ]
    if not notes:
        return ""
    return report.say("Without numbers: {notes}.").format(notes=report.say("; ").join(notes))


def comparison(
    report: StudyReport, first: Measured, second: Measured, value: str = ACCURACY
) -> str:
    """The verdict on two networks in a sentence, with their accuracies; "" unless both have one."""
    means = [one.validation if value == ACCURACY else one.test for one in (first, second)]
    if None in means:
        return ""
    a, b = (report.numbers.percent(mean or 0.0) for mean in means)
    names = f"{first.name} ({a})", f"{second.name} ({b})"
    return verdict_sentence(report, report.verdict(first.cell, second.cell, value), *names, value)


def gap_verdict(report: StudyReport, first: Measured, second: Measured) -> Verdict:
    """Whether the gap between train and validation differs by more than chance.

    With one seed the train accuracy counts so many images that only the validation images leave
    something to chance.
    """
    pairs = zip(gaps(first.cell.runs), gaps(second.cell.runs), strict=False)  # [] where unknown
    if len(differences := [a - b for a, b in pairs]) > 1:
        return verdict_of_seeds(differences)
    end, other_end = (one.validation_accuracy.mean[-1] for one in (first, second))
    found = verdict_of_images(end, other_end, report.validation_images)
    return dataclasses.replace(found, difference=first.gap - second.gap)
