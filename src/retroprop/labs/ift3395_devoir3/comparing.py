"""Two recorded models side by side: which is better, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retroprop.figures.curves import Curve, curve
from retroprop.report.story import Story
from retroprop.report.variations import no_mean
from retroprop.studies.summary import CellSummary, chance_margin, paired_difference

ACCURACIES = {"validation": "best_validation_accuracy", "test": "test_accuracy"}


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
        found = [run.test_accuracy for run in self.cell.runs if run.test_accuracy is not None]
        return sum(found) / len(found) if len(found) == self.cell.n else None

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


def measured(story: Story, architecture: str) -> Measured | None:
    """A network of the study of architectures; None where it is not finished or not there."""
    for cell in story.cells:
        if cell.cell.get("architecture") == architecture:
            return measured_cell(cell, story.setting("architecture", architecture))
    return None


def several(story: Story, architectures: Sequence[str]) -> list[Measured]:
    """Those of these networks that are finished."""
    found = (measured(story, one) for one in architectures)
    return [one for one in found if one is not None]


def lacking(story: Story, architectures: Sequence[str]) -> str:
    """Which of these networks have no numbers, and why, in a sentence; "" where all have."""
    reasons = {
        cell.cell.get("architecture"): no_mean(story, cell) or story.say("not evaluated")
        for cell in story.cells
        if measured_cell(cell, "") is None
    }
    known = {cell.cell.get("architecture") for cell in story.cells}
    notes = [
        story.say("{name}: {cell}").format(
            name=story.setting("architecture", one),
            cell=reasons.get(one, story.say("not in the study")),
        )
        for one in architectures
        if one in reasons or one not in known
    ]
    if not notes:
        return ""
    return story.say("Without numbers: {notes}.").format(notes=story.say("; ").join(notes))


class Verdict(NamedTuple):
    """How two models compare: 1, 0 (equal, or not told apart) or −1 for the first; in words."""

    sign: int
    text: str


def compare(story: Story, first: Measured, second: Measured, on: str = "validation") -> Verdict:
    """Compare two models on validation, or on test where both were tested.

    With several seeds by the paired t-test; with one seed by what the number of images leaves to
    chance.
    """
    say, numbers = story.say, story.numbers
    a, b = (one.validation if on == "validation" else one.test for one in (first, second))
    n = images(story, on)
    if a is None or b is None or not n:
        return Verdict(0, "")
    high, low = (first, second) if a >= b else (second, first)
    names = {
        "high": high.name,
        "low": low.name,
        "top": numbers.percent(max(a, b)),
        "points": story.points(abs(a - b)),
        "n": numbers.integer(n),
    }
    if a == b:
        text = (
            "On validation, {high} and {low} reach the same accuracy, {top}."
            if on == "validation"
            else "On test, {high} and {low} reach the same accuracy, {top}."
        )
        return Verdict(0, say(text).format(**names))
    paired = paired_difference(first.cell, second.cell, ACCURACIES[on])
    if paired is not None and paired.margin is not None:
        apart, margin = paired.distinguishable, paired.margin
        reason = (
            "more than the {margin} of the paired t-test over {seeds}"
            if apart
            else "not more than the {margin} of the paired t-test over {seeds}"
        )
    else:
        margin = chance_margin(a, b, n)
        apart = abs(a - b) > margin
        reason = (
            "more than the {margin} that {n} images leave to chance"
            if apart
            else "not more than the {margin} that {n} images leave to chance, so one seed does "
            "not tell them apart"
        )
    text = (
        "On validation, {high} reaches {top}, {points} above {low}: {reason}."
        if on == "validation"
        else "On test, {high} reaches {top}, {points} above {low}: {reason}."
    )
    why = say(reason).format(
        margin=story.points(margin), seeds=story.seeds(first.cell.n), n=names["n"]
    )
    return Verdict((1 if a > b else -1) if apart else 0, say(text).format(reason=why, **names))


def images(story: Story, on: str) -> int:
    """How many images validate, or test; 0 where that is not known."""
    n = story.validation_images or 0
    if on == "validation" or story.info is None or story.split is None:
        return n
    return story.info.n_test - (n if story.split.source == "test" else 0)


def gaps_apart(story: Story, first: Measured, second: Measured) -> int:
    """Whether the gap of the first is larger (1) or smaller (−1) than chance explains, or not (0).

    The train accuracy counts so many images that only the validation images leave something to
    chance.
    """
    n = images(story, "validation")
    if not n:
        return 0
    end, other_end = (one.validation_accuracy.mean[-1] for one in (first, second))
    difference = first.gap - second.gap
    if abs(difference) <= chance_margin(end, other_end, n):
        return 0
    return 1 if difference > 0 else -1
