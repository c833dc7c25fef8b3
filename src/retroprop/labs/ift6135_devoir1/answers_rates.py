"""Question 4.3: the learning rate of ResNet-18."""

from collections.abc import Iterator

from retroprop.labs.ift6135_devoir1.outcomes import (
    complete_cells,
    course,
    outcome_table,
    ranking,
    scale,
    tested,
)
from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.report.document import Block, Table
from retroprop.report.lab_report import LabReport, only
from retroprop.report.results import curves_section
from retroprop.report.study_report import StudyReport
from retroprop.studies.summary import CellSummary, curve

RATES = "ift6135-resnet18-rates"
DOCUMENT_RATE = 0.001
"""The learning rate that the document finds best for ResNet-18."""


def learning_rates(lab: LabReport) -> Iterator[Block]:
    """Which rate is best, with the four figures."""
    report = lab.study(RATES)
    yield from ranking(lab, report, "learning_rate")
    yield from _beside_document(lab, report)
    yield from tested(lab, report)
    yield from scale(lab, report)
    yield from only("picture", lab.blocks(report, curves_section))
    yield outcome_table(lab, report, "learning_rate")


def _beside_document(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """Our best rate beside that of the document."""
    rates = complete_cells(report, "learning_rate")
    best, same = report.best_cell, rates.get(DOCUMENT_RATE)
    if best is None:
        return
    rate = best.cell.get("learning_rate")
    if same is not None and len(rates) == 1:
        yield lab.prose(
            "The document finds 0.001 best; no other rate has a finished model here, so there is "
            "nothing to compare it with."
        )
    elif rate == DOCUMENT_RATE:
        yield lab.prose("The document finds 0.001 best too.")
    elif same is None:
        yield lab.prose("The document finds 0.001 best, which has no finished model here.")
    elif report.verdict(best, same).sign > 0:
        yield lab.prose(
            "The document finds 0.001 best; here {rate} is ahead of it by more than noise.",
            rate=lab.numbers.setting(rate),
        )
    else:
        yield lab.prose(
            "The document finds 0.001 best. Here {rate} is ahead of it, but not by more than "
            "noise: these records do not contradict the document.",
            rate=lab.numbers.setting(rate),
        )


def why_learning_rates(lab: LabReport) -> Iterator[Block]:
    """What a rate means for the weights, and what the records show at both ends."""
    from retroprop.labs.ift6135_devoir1.checks import largest_layer_deviation

    sigma = largest_layer_deviation()
    yield lab.prose(
        "Adam moves a parameter by about the learning rate $eta$ in each step, whatever the size "
        "of its gradient (Kingma and Ba, 2015, section 2.1). So the rate is to be compared with "
        "the weights: in the largest convolution of ResNet-18 they begin with a standard "
        "deviation of {sigma}, computed while this was written. The table shows one step, and all "
        "steps of the study if they went the same way, in units of it.",
        title="Too large and too small",
        sigma=lab.numbers.decimal(sigma, 4),
    )
    report = lab.study(RATES)
    yield _step_table(lab, report, sigma)
    best, cells = report.best_cell, complete_cells(report, "learning_rate")
    if best is None or len(cells) < 2:
        return
    largest, smallest = cells[max(cells)], cells[min(cells)]
    steps = report.steps_per_epoch(report.runs)
    if _is_behind(report, best, largest):
        yield _too_large(lab, report, best, largest, sigma)
    else:
        yield lab.prose(
            "The largest rate that finished, {rate}, is the best: too large was not tried."
            if largest.key == best.key
            else "The largest rate that finished, {rate}, is not behind the best by more than "
            "noise.",
            rate=lab.numbers.setting(largest.cell["learning_rate"]),
        )
    if not _is_behind(report, best, smallest):
        yield lab.prose(
            "The smallest rate that finished, {rate}, is the best: too small was not tried."
            if smallest.key == best.key
            else "The smallest rate that finished, {rate}, is not behind the best by more than "
            "noise.",
            rate=lab.numbers.setting(smallest.cell["learning_rate"]),
        )
    elif steps is not None:
        yield _too_small(lab, report, best, smallest, sigma, steps)


def _is_behind(report: StudyReport, best: CellSummary, cell: CellSummary) -> bool:
    """Whether the best cell is another one, and ahead by more than noise."""
    return cell.key != best.key and report.verdict(best, cell).sign > 0


def _too_large(
    lab: LabReport, report: StudyReport, best: CellSummary, largest: CellSummary, sigma: float
) -> Block:
    rate = largest.cell["learning_rate"]
    found = course(report, largest.runs)
    if found == "guessing":
        text = (
            "With {rate} one step is {ratio} times the weights, and the network is never better "
            "than guessing."
        )
    elif found == "unsteady":
        text = (
            "With {rate} one step is {ratio} times the weights, and the validation loss jumps from "
            "epoch to epoch, as it does when steps overshoot."
        )
    else:
        text = (
            "With {rate} one step is {ratio} times the weights, and the best accuracy is {points} "
            "below that of {best}; its curves show no divergence."
        )
    return lab.prose(
        text,
        rate=lab.numbers.setting(rate),
        ratio=lab.numbers.significant(rate / sigma),
        points=report.points((best.mean or 0.0) - (largest.mean or 0.0)),
        best=lab.numbers.setting(best.cell["learning_rate"]),
    )


def _too_small(
    lab: LabReport,
    report: StudyReport,
    best: CellSummary,
    smallest: CellSummary,
    sigma: float,
    steps: int,
) -> Block:
    rate = smallest.cell["learning_rate"]
    steps *= report.record.config.get("epochs") or 1
    train = curve(smallest.runs, "train_loss").without_epoch_0().mean
    of_best = curve(best.runs, "train_loss").without_epoch_0().mean
    slower = bool(train) and bool(of_best) and train[-1] > of_best[-1]
    return lab.prose(
        "With {rate} the {steps} steps of a model move a weight by {reach} of its initial size at "
        "most. The network ends {gap} below the best, and its train loss is higher too, {train} "
        "against {of_best}: that is not overfitting, it has not come as far."
        if slower
        else "With {rate} the {steps} steps of a model move a weight by {reach} of its initial "
        "size at most. The network ends {gap} below the best; its train loss, {train} against "
        "{of_best}, is not higher, so slowness alone does not explain that.",
        rate=lab.numbers.setting(rate),
        steps=lab.numbers.integer(steps),
        reach=lab.numbers.percent(rate * steps / sigma, digits=0),
        gap=report.points((best.mean or 0.0) - (smallest.mean or 0.0)),
        train=lab.numbers.decimal(train[-1], 3) if train else "—",
        of_best=lab.numbers.decimal(of_best[-1], 3) if of_best else "—",
    )


def _step_table(lab: LabReport, report: StudyReport, sigma: float) -> Table:
    say, numbers = lab.say, lab.numbers
    per_epoch = report.steps_per_epoch(report.runs)
    steps = (per_epoch or 0) * (report.record.config.get("epochs") or 0)
    rows = []
    for rate in report.values("learning_rate"):
        far = numbers.significant(rate * steps / sigma) if steps else "—"
        rows.append((numbers.setting(rate), [numbers.significant(rate / sigma), far]))
    return facts(
        "adam-steps",
        say("What Adam’s steps are beside the initial weights (standard deviation σ)"),
        say("learning rate"),
        [
            say("one step ÷ σ"),
            say("{n} steps one way ÷ σ").format(n=numbers.integer(steps) if steps else "—"),
        ],
        rows,
    )
