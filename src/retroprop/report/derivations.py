"""By hand against automatic differentiation: the same models, their seconds, their accuracies.

Two cells are a pair when they differ in the derivation alone. Seconds are means over the seeds of
the training seconds per epoch; a model's seconds are its even share of its program's.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from retroprop.figures.speed import describe_lines, time_ratio, training_seconds
from retroprop.report.document import Block, Paragraph, Picture, Section
from retroprop.report.pictures import picture
from retroprop.report.study_report import FIELDS, StudyReport
from retroprop.studies.summary import CellSummary, cell_key

HAND, AUTOGRAD = "by-hand", "autograd"
SECONDS = FIELDS["train_s"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two cells that differ in the derivation alone, with their mean seconds per epoch."""

    hand: CellSummary
    autograd: CellSummary

    @property
    def ratio(self) -> float:
        """Training time by autograd, divided by that by hand."""
        assert self.hand.mean is not None
        assert self.autograd.mean is not None
        return self.autograd.mean / self.hand.mean


def pairs(report: StudyReport) -> list[Pair]:
    """The pairs of which both cells finished with a known time."""
    if "derivation" not in report.varied:
        return []
    by_rest: dict[str, dict[str, CellSummary]] = {}
    for cell in report.cells_of(SECONDS):
        derivation = cell.cell.get("derivation")
        if derivation in (HAND, AUTOGRAD) and cell.mean:
            rest = {name: value for name, value in cell.cell.items() if name != "derivation"}
            by_rest.setdefault(cell_key(rest), {})[derivation] = cell
    return [
        Pair(hand=both[HAND], autograd=both[AUTOGRAD])
        for both in by_rest.values()
        if len(both) == 2
    ]


def speed_sentences(report: StudyReport, found: Sequence[Pair]) -> str:
    """Which derivation trains faster, and how far their accuracies are apart."""
    say, numbers = report.say, report.numbers
    ratios = sorted(pair.ratio for pair in found)
    median = statistics.median(ratios)
    hand_faster = sum(ratio > 1 for ratio in ratios)
    if len(ratios) == 1:
        text = (
            "The derivation by hand trains faster: autograd takes {median} times its time."
            if median > 1
            else "Autograd trains faster: it takes {median} times the time of the derivation by "
            "hand."
            if median < 1
            else "Both derivations take the same time."
        )
    elif hand_faster == len(ratios):
        text = (
            "The derivation by hand trains faster in all {n} pairs of cells: autograd takes "
            "{median} times its time (median; from {low} to {high})."
        )
    elif ratios[-1] < 1:
        text = (
            "Autograd trains faster in all {n} pairs of cells: it takes {median} times the time of "
            "the derivation by hand (median; from {low} to {high})."
        )
    elif median > 1:
        text = (
            "The derivation by hand trains faster in {k} of {n} pairs of cells: autograd takes "
            "{median} times its time (median; from {low} to {high})."
        )
    else:
        text = (
            "Autograd trains faster in {k} of {n} pairs of cells: it takes {median} times the time "
            "of the derivation by hand (median; from {low} to {high})."
        )
    sentence = say(text).format(
        n=len(ratios),
        k=hand_faster if median > 1 else sum(ratio < 1 for ratio in ratios),
        median=numbers.decimal(median, 2),
        low=numbers.decimal(ratios[0], 2),
        high=numbers.decimal(ratios[-1], 2),
    )
    gaps = _accuracy_gaps(found)
    if gaps:
        gap = say(
            "Between models of the same cell and seed, the best validation accuracies differ by "
            "{points} at most."
        )
        sentence += " " + gap.format(points=report.points(max(gaps)))
    return sentence


def _accuracy_gaps(found: Sequence[Pair]) -> list[float]:
    gaps = []
    for pair in found:
        of_hand = {run.seed: run.best_validation_accuracy for run in pair.hand.runs}
        for run in pair.autograd.runs:
            other = of_hand.get(run.seed)
            if other is not None and run.best_validation_accuracy is not None:
                gaps.append(abs(run.best_validation_accuracy - other))
    return gaps


def speed_section(report: StudyReport) -> Section | None:
    """The pictures of the training time, when the [report] asks for "speed"."""
    say = report.say
    axis = next((key for key in ("width", "depth") if key in report.varied), None)
    found = pairs(report)
    if "speed" not in report.figures or axis is None or not found:
        return None
    # Of the other settings, those of the best cell; without one, those of the first pair.
    top = report.best_cell.cell if report.best_cell is not None else {}
    reference = {**found[0].hand.cell, **top}
    others = [key for key in report.varied if key not in ("derivation", "width", "depth")]
    found = [pair for pair in found if all(pair.hand.cell[key] == reference[key] for key in others)]
    if not found:
        return None
    per_panel: dict[str, list[Pair]] = {}
    for pair in found:
        deep = axis == "width" and "depth" in report.varied
        title = report.phrase("depth", pair.hand.cell["depth"]) if deep else ""
        per_panel.setdefault(title, []).append(pair)
    settings = report.describe({key: reference[key] for key in others})
    blocks: list[Block] = [
        Paragraph(
            text=say(
                "Seconds are means over the seeds of one epoch of training, without evaluation. "
                "Models trained as one program share its seconds evenly, whatever the derivation."
            )
        ),
        _seconds(report, axis, per_panel, settings),
        _ratios(report, axis, per_panel, settings),
    ]
    heading = say("Time by hand and by automatic differentiation")
    return Section(name="speed", heading=heading, blocks=blocks)


def _line(axis: str, group: Sequence[Pair], derivation: str) -> list[tuple[float, float]]:
    cells = [pair.hand if derivation == HAND else pair.autograd for pair in group]
    return [(float(cell.cell[axis]), cell.mean) for cell in cells if cell.mean is not None]


def _seconds(
    report: StudyReport, axis: str, per_panel: dict[str, list[Pair]], settings: str
) -> Picture:
    say = report.say
    panels = {
        title: {
            report.setting("derivation", name, short=True): _line(axis, group, name)
            for name in (HAND, AUTOGRAD)
        }
        for title, group in per_panel.items()
    }
    figure = training_seconds(
        panels,
        x_label=report.setting_name(axis),
        language=report.language,
    )
    described = []
    for title, lines in panels.items():
        words = describe_lines(
            lines,
            name=_place(report, axis),
            say=say,
            number=report.seconds,
        )
        described.append(report.named(title, words))
    caption = say("Training seconds per epoch, by hand and by autograd")
    return picture(
        "speed", _with(report, caption, settings), " ".join(described), figure, half=True
    )


def _ratios(
    report: StudyReport, axis: str, per_panel: dict[str, list[Pair]], settings: str
) -> Picture:
    say = report.say
    lines = {
        title: [(float(pair.hand.cell[axis]), pair.ratio) for pair in group]
        for title, group in per_panel.items()
    }
    figure = time_ratio(
        lines,
        x_label=report.setting_name(axis),
        language=report.language,
    )
    description = describe_lines(
        lines,
        name=_place(report, axis),
        say=say,
        number=lambda value: report.numbers.decimal(value, 2),
    )
    caption = say(
        "Training time by autograd divided by the time by hand; above the dashed line, the "
        "derivation by hand is faster"
    )
    return picture("speed-ratio", _with(report, caption, settings), description, figure, half=True)


def _place(report: StudyReport, axis: str) -> str:
    """How a place on the axis is said; "{value}" stands for its number."""
    return report.setting_name(axis) + " {value}"


def _with(report: StudyReport, caption: str, settings: str) -> str:
    return f"{caption} ({settings})" if settings else caption
