"""The experiments of the assignment from their records: performance, steps, hyper-parameters.

Each function makes an answer for a study. Its sentences are chosen by the numbers.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from retroprop.report.answers import progress
from retroprop.report.confusions import confusion_section
from retroprop.report.document import Block, Cell, Paragraph, Picture, Row, Table
from retroprop.report.lab_report import Answer, LabReport, only
from retroprop.report.results import curves_section, test_section
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import Variation, bases, lost, variations
from retroprop.studies.summary import (
    curve,
    mean_and_deviation,
)

MOST_EPOCHS = 5  # columns of a table, so that it fits a telephone


def with_figures(
    report: StudyReport, *figures: str, best_per: Sequence[str] | None = None
) -> StudyReport:
    """The same records, of which other figures are asked, or other best cells."""
    config: dict[str, Any] = dict(report.record.config)
    config["report"] = {**(config.get("report") or {}), "figures": list(figures)}
    if best_per is not None:
        config["selection"] = {**(config.get("selection") or {}), "best_per": list(best_per)}
    return dataclasses.replace(report, record=dataclasses.replace(report.record, config=config))


# --- the performance on the test base -------------------------------------------------------------


def performance(study: str) -> Answer:
    """How well the best model of a study does on the test base."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = lab.study(study)
        yield Paragraph(text=_performance(lab, report))
        yield from only("table", lab.blocks(report, test_section))
        yield from lab.blocks(with_figures(report, "confusion"), confusion_section)

    return answer


def _performance(lab: LabReport, report: StudyReport) -> str:
    say, numbers, best = lab.say, lab.numbers, report.best_cell
    if best is None or best.mean is None:
        return say(
            "There is no performance to state yet: no combination of the settings has all its "
            "seeds finished without diverging."
        )
    on_test = best.test_accuracies
    text = say(
        "On the test base the network recognises {test} of the images ({spread}). Its settings, "
        "the best on validation, are {settings}; on validation it reaches {validation}."
        if on_test
        else "The test base is used once, when the study has ended. So far the best settings on "
        "validation are {settings}, with {validation} ({spread})."
    ).format(
        test=numbers.percent(*mean_and_deviation(on_test)) if on_test else "",
        spread=report.spread(best.n),
        settings=report.describe(best.cell) or say("its only cell"),
        validation=numbers.percent(best.mean, best.deviation),
    )
    untrained = curve(best.runs, "validation_accuracy")
    if untrained.epochs[:1] == (0,):
        before = say("Before its first step it recognised {accuracy} of the validation images.")
        text += " " + before.format(accuracy=numbers.percent(untrained.mean[0]))
    return text


# --- the number of steps --------------------------------------------------------------------------


def steps(study: str) -> Answer:
    """What the number of steps does, at the best settings and at each learning rate."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = lab.study(study)
        for base in bases(report):
            group = report.group(base.cell) if len(report.best) > 1 else ""
            yield Paragraph(title=group, text=progress(report, base))
        for variation in variations(report, "learning_rate")[:1]:
            yield from _by_steps(lab, report, variation)
        yield from curves(lab, report)

    return answer


def curves(lab: LabReport, report: StudyReport) -> Iterator[Picture]:
    """Loss and accuracy of the best cells over the epochs, side by side."""
    drawn = with_figures(report, "accuracy-curves", "loss-curves")
    for block in lab.blocks(drawn, curves_section):
        if isinstance(block, Picture):
            yield dataclasses.replace(block, half=True)


def _by_steps(lab: LabReport, report: StudyReport, variation: Variation) -> Iterator[Block]:
    """The accuracy after some numbers of steps, a row for each learning rate."""
    lines = {
        value: dict(zip(line.epochs, line.mean, strict=True))
        for value, cell in variation.cells
        if cell.mean is not None
        and (line := curve(cell.runs, "validation_accuracy").without_epoch_0()).epochs
    }
    shared = sorted(set.intersection(*(set(line) for line in lines.values()))) if lines else []
    if len(lines) < 2 or len(shared) < 2:
        return
    yield Paragraph(text=_steps_and_rates(lab, report, variation, lines, shared))
    yield _steps_table(lab, report, variation, lines, _some(shared))


def _some(epochs: Sequence[int]) -> list[int]:
    """The first and the last epoch, and others between them."""
    if len(epochs) <= MOST_EPOCHS:
        return list(epochs)
    last = len(epochs) - 1
    return [epochs[round(at * last / (MOST_EPOCHS - 1))] for at in range(MOST_EPOCHS)]


def _steps_and_rates(
    lab: LabReport,
    report: StudyReport,
    variation: Variation,
    lines: dict[Any, dict[int, float]],
    epochs: Sequence[int],
) -> str:
    """Which rate is best after few steps and after many, and who gains most from more of them."""
    first, last = epochs[0], epochs[-1]
    early = max(lines, key=lambda value: lines[value][first])
    late = max(lines, key=lambda value: lines[value][last])
    cells = dict(variation.cells)
    gains = {value: line[last] - line[first] for value, line in lines.items()}
    small, large = min(gains), max(gains)
    texts = [
        lab.say(
            "The best learning rate after {few} is also the best after {many}: {early}."
            if early == late
            else "After {few} the best learning rate is {early}, after {many} it is {late}."
            if report.verdict(cells[late], cells[early]).distinguishable
            else "After {few} the best learning rate is {early}, after {many} it is {late}, which "
            "is not distinguishable from {early}."
        ),
        lab.say(
            "Between the two the smallest rate, {small}, gains {small_gain}, and the largest that "
            "did not diverge, {large}, gains {large_gain}: the smaller rate needs more steps."
            if gains[small] > max(gains[large], 0.0)
            else "Between the two the accuracy changes by {small_gain} at the smallest rate, "
            "{small}, and by {large_gain} at the largest that did not diverge, {large}."
        ),
    ]
    key = variation.key
    return " ".join(texts).format(
        few=_after(lab, report, variation, first),
        many=_after(lab, report, variation, last),
        early=report.setting(key, early),
        late=report.setting(key, late),
        small=report.setting(key, small),
        large=report.setting(key, large),
        small_gain=report.points(gains[small]),
        large_gain=report.points(gains[large]),
    )


def _after(lab: LabReport, report: StudyReport, variation: Variation, epoch: int) -> str:
    """An epoch as a number of steps, where each of its models has the same."""
    per_epoch = report.steps_per_epoch(variation.runs)
    if per_epoch is None:
        return lab.say("epoch {n}").format(n=epoch)
    return lab.say("{n} steps").format(n=lab.numbers.integer(per_epoch * epoch))


def _steps_table(
    lab: LabReport,
    report: StudyReport,
    variation: Variation,
    lines: dict[Any, dict[int, float]],
    epochs: Sequence[int],
) -> Table:
    highest = {epoch: max(line[epoch] for line in lines.values()) for epoch in epochs}
    cells = dict(variation.cells)

    def cell(value: Any, epoch: int) -> Cell:
        accuracy = lines[value][epoch]
        best = accuracy == highest[epoch]
        return Cell(
            text=lab.numbers.share(accuracy),
            mark="best" if best else "",
            spoken=lab.say("best") if best else "",
            link=report.anchor(cells[value]),
        )

    notes = [lab.say("Means over the seeds; ★ marks the best of each column.")]
    without = lost(report, variation)
    if without:
        notes.append(lab.say("Without a row: {values}.").format(values=report.listed(without)))
    settings = report.describe(
        {key: variation.base.cell[key] for key in report.varied if key != variation.key}
    )
    caption = lab.say("Validation accuracy (%) after so many steps")
    return Table(
        name=f"steps-{variation.key.replace('_', '-')}",
        caption=f"{caption}, {settings}" if settings else caption,
        corner=report.setting_name(variation.key),
        columns=[_after(lab, report, variation, epoch) for epoch in epochs],
        rows=[
            Row(
                header=report.setting(variation.key, value),
                cells=[cell(value, epoch) for epoch in epochs],
            )
            for value in lines
        ],
        notes=notes,
    )
