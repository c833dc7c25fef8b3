"""The searches for hyperparameters, the best models, and SGD beside Adam: parts 2 and 3 alike.

Every function makes the answer for a study and an optimizer. Sentences are chosen by the records.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from retroprop.labs.inf8225_tp1.one_optimizer import of_optimizer, without_optimizer
from retroprop.report.answers import influence, progress
from retroprop.report.content import comparison, no_best_cell
from retroprop.report.document import Block, Paragraph
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import Answer, LabReport, only
from retroprop.report.results import curves_section, tables_section, test_section
from retroprop.report.study_report import StudyReport, setting_of
from retroprop.report.variations import variations
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import CellSummary, best_cell, curve, mean_and_deviation

MOST_NAMED = 3  # more cells than that are counted, not listed
STILL_FALLING = 0.005  # nats: less in an epoch is not called learning
CAPACITY_GAP = 0.01  # a fraction of the images


# --- the search -----------------------------------------------------------------------------------


def search(study: str, optimizer: str, *, figures: bool = False) -> Answer:
    """Which cell of the grid is best, by how much, and what each setting does.

    Args:
        study: The study.
        optimizer: Of its models, those of this optimizer.
        figures: Whether to draw the accuracy against each setting.
    """

    def answer(lab: LabReport) -> Iterator[Block]:
        report = of_optimizer(lab.study(study), optimizer)
        yield Paragraph(text=" ".join(best_sentences(report)))
        yield from only("table", lab.blocks(report, tables_section))
        if report.unfinished:
            return
        for key in report.varied:
            for variation in variations(report, key):
                if text := influence(report, variation):
                    name = report.setting_name(key)
                    yield Paragraph(title=name[:1].upper() + name[1:], text=text)
        if figures:
            for section in influence_sections(report)[:1]:
                yield from section.blocks

    return answer


def best_sentences(report: StudyReport) -> list[str]:
    """The best cell, the next, and which others the seeds do not tell from it."""
    say, best = report.say, report.best_cell
    if best is None or best.mean is None:
        return [no_best_cell(report)]
    others = [cell for cell in report.cells if cell.mean is not None and cell is not best]
    opening = say(
        "So far the best of {n} cells has {cell}: {accuracy} on validation ({spread})."
        if report.unfinished
        else "The best of {n} cells has {cell}: {accuracy} on validation ({spread})."
    ).format(
        n=len(report.cells),
        cell=without_optimizer(report, best),
        accuracy=report.numbers.percent(best.mean, best.deviation),
        spread=report.spread(best.n),
    )
    if ties := [cell for cell in others if report.alike(cell, best)]:
        opening += " " + _shared(report, ties)
    return [opening, *_rivals(report, best, others)] if others else [opening]


def _shared(report: StudyReport, ties: Sequence[CellSummary]) -> str:
    """Which other cells print the same accuracy as the best one."""
    names = report.say("; ").join(without_optimizer(report, cell) for cell in ties)
    if len(ties) > MOST_NAMED:
        names = report.say("{n} other cells").format(n=len(ties))
    return report.say("The same number is reached by {names}.").format(names=names)


def _rivals(report: StudyReport, best: CellSummary, others: Sequence[CellSummary]) -> list[str]:
    """The next cell, the worst one, and those that are not told from the best."""
    say, top = report.say, best.mean or 0.0
    ranked = sorted(others, key=lambda cell: -(cell.mean or 0.0))
    behind = [cell for cell in ranked if not report.alike(cell, best)]
    if not behind:
        return []
    second, last = behind[0], behind[-1]
    text = say(
        "The next, {next}, is {near} below, and the worst, {worst}, {far}."
        if second is not last
        else "The other, {next}, is {near} below."
        if len(ranked) == 1
        else "The only one below, {next}, is {near} below."
    )
    sentences = [
        text.format(
            next=without_optimizer(report, second),
            near=report.points(top - (second.mean or 0.0)),
            worst=without_optimizer(report, last),
            far=report.points(top - (last.mean or 0.0)),
        )
    ]
    near = [cell for cell in ranked if report.verdict(best, cell).sign <= 0]
    names = say("; ").join(without_optimizer(report, cell) for cell in near)
    if best.n > 1:
        text = (
            "The paired t-test over {seeds} tells the best from every other cell (95 %)."
            if not near
            else "The paired t-test over {seeds} tells it from all others but {names} (95 %)."
            if len(near) <= MOST_NAMED
            else "The paired t-test over {seeds} does not tell it from {k} of the {n} others "
            "(95 %)."
        )
    else:
        text = (
            "With one seed there is no test over seeds; its lead over every other cell is larger "
            "than what the choice of {images} validation images leaves to chance (95 %, binomial)."
            if not near
            else "With one seed there is no test over seeds; the choice of {images} validation "
            "images alone may explain its lead over {names} (95 %, binomial)."
            if len(near) <= MOST_NAMED
            else "With one seed there is no test over seeds; the choice of {images} validation "
            "images alone may explain its lead over {k} of the {n} others (95 %, binomial)."
        )
    sentences.append(
        say(text).format(
            seeds=report.seeds(best.n),
            names=names,
            k=len(near),
            n=len(others),
            images=report.numbers.integer(report.validation_images or 0),
        )
    )
    return sentences


# --- what a learning rate means for a batch size --------------------------------------------------


def rates_and_batches(study: str, optimizer: str) -> Answer:
    """Whether the best learning rate falls with the batch size, as the summed gradient asks."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = of_optimizer(lab.study(study), optimizer)
        best = _best_rates(report)
        if len(best) < 2 or report.unfinished:
            return
        yield Paragraph(
            title=lab.say("The learning rate and the batch size together"),
            text=" ".join([*_rate_sentences(report, optimizer, best), *_loud_errors(report)]),
        )

    return answer


def _best_rates(report: StudyReport) -> dict[int, float]:
    """The best learning rate of each batch size, where all of its cells have a mean."""
    found: dict[int, float] = {}
    for size in sorted(report.values("batch_size")):
        best = best_cell(cell for cell in report.cells if cell.cell.get("batch_size") == size)
        if best is not None:
            found[size] = best.cell["learning_rate"]
    return found


def _rate_sentences(report: StudyReport, optimizer: str, best: dict[int, float]) -> list[str]:
    say, numbers = report.say, report.numbers
    rates = list(best.values())
    listed = report.listed(
        [
            say("{rate} for batch size {size}").format(
                rate=numbers.setting(rate), size=numbers.integer(size)
            )
            for size, rate in best.items()
        ]
    )
    sentences = [say("The best learning rate is {listed}.").format(listed=listed)]
    if len(set(rates)) == 1:
        return [_same_rate(report, rates[0])]
    falls = all(a >= b for a, b in pairwise(rates)) and rates[0] > rates[-1]
    rises = all(a <= b for a, b in pairwise(rates)) and rates[0] < rates[-1]
    if optimizer == "sgd":
        text = (
            "It falls as the batch grows. That is what the summed gradient asks: a step is the "
            "learning rate times a sum over the batch, so a larger batch needs a smaller rate for "
            "a step of the same length."
            if falls
            else "It does not fall steadily as the batch grows, though the summed gradient makes "
            "the steps of a larger batch longer: in this grid something else weighs as much, the "
            "number of steps in an epoch for instance."
        )
    else:
        text = (
            "It rises with the batch. Adam’s step does not depend on the scale of the gradient, so "
            "the sum is not the reason; a larger batch makes fewer and less noisy steps, and can "
            "make them longer."
            if rises
            else "It does not rise steadily with the batch; Adam’s step does not depend on the "
            "scale of the gradient, so the sum over the batch asks for nothing here."
        )
    return [*sentences, say(text)]


def _same_rate(report: StudyReport, rate: float) -> str:
    """What it says that one learning rate is best for every batch size."""
    text = report.say(
        "The best learning rate is {rate} for every batch size, the smallest of the grid: whether "
        "a larger batch asks for a smaller rate than a smaller one lies outside of it."
        if rate == min(report.values("learning_rate"))
        else "The best learning rate is {rate} for every batch size, the largest of the grid: the "
        "best may lie outside of it."
        if rate == max(report.values("learning_rate"))
        else "The best learning rate is {rate} for every batch size, so here the batch size does "
        "not ask for another rate."
    )
    return text.format(rate=report.numbers.setting(rate))


def _loud_errors(report: StudyReport) -> list[str]:
    """The cell with the largest loss at the end, if it is worse than knowing nothing."""
    ends = [
        (curve(cell.runs, "validation_loss"), curve(cell.runs, "validation_accuracy"), cell)
        for cell in report.cells
        if cell.mean is not None
    ]
    ends = [one for one in ends if one[0].mean and one[1].mean]
    if not ends:
        return []
    loss, accuracy, cell = max(ends, key=lambda one: one[0].mean[-1])
    untrained = loss.mean[0]
    if loss.epochs[0] != 0 or loss.mean[-1] <= untrained:
        return []
    text = report.say(
        "With {cell} the last validation loss is {loss} nats, above the {untrained} of the "
        "untrained model, although {accuracy} of the images are well classified: the steps are so "
        "long that the model is nearly certain everywhere, also where it is wrong. The accuracy "
        "does not show that; the loss does, and more so without the document’s clamp, which lets "
        "no image cost more than 27.6 nats."
    )
    return [
        text.format(
            cell=without_optimizer(report, cell),
            loss=report.numbers.decimal(loss.mean[-1], 2),
            untrained=report.numbers.decimal(untrained, 2),
            accuracy=report.numbers.percent(accuracy.mean[-1], digits=1),
        )
    ]


# --- the best model -------------------------------------------------------------------------------


def best_model(study: str, optimizer: str) -> Answer:
    """The curves of the best model, what they show, and the test set, used once."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = of_optimizer(lab.study(study), optimizer)
        best = report.best_cell
        if best is None:
            yield Paragraph(text=" ".join(best_sentences(report)))
            return
        yield Paragraph(text=_tested(report, best))
        yield from only("picture", lab.blocks(report, curves_section))
        texts = [progress(report, best), *_fitting(report, best)]
        title = lab.say("Epochs, overfitting and underfitting")
        yield Paragraph(title=title, text=" ".join(filter(None, texts)))
        if kept := [*_last_and_best(report, best), *_all_last_and_best(report)]:
            yield Paragraph(title=lab.say("Which epoch is kept"), text=" ".join(kept))
        yield from lab.blocks(report, test_section)

    return answer


def _tested(report: StudyReport, best: CellSummary) -> str:
    say, numbers, tested = report.say, report.numbers, best.test_accuracies
    cell = without_optimizer(report, best)
    assert best.mean is not None
    validation = numbers.percent(best.mean, best.deviation)
    if not tested:
        text = say(
            "The best model has {cell} and {validation} on validation; it has not been evaluated "
            "on the test set yet."
        )
        return text.format(cell=cell, validation=validation)
    mean, deviation = mean_and_deviation(tested)
    text = say(
        "The best model has {cell}. It reaches {test} on the test set and {validation} on "
        "validation ({spread}), so {points} less on the test set, on which nothing was chosen."
        if mean < best.mean
        else "The best model has {cell}. It reaches {test} on the test set and {validation} on "
        "validation ({spread}): the choice on validation did not flatter it."
    )
    return text.format(
        cell=cell,
        test=numbers.percent(mean, deviation),
        validation=validation,
        spread=report.spread(best.n),
        points=report.points(abs(best.mean - mean)),
    )


def _fitting(report: StudyReport, best: CellSummary) -> list[str]:
    """Whether the losses still fell at the last epoch: a sign that it was stopped early."""
    train, validation = curve(best.runs, "train_loss"), curve(best.runs, "validation_loss")
    if len(train.mean) < 3 or len(validation.mean) < 3:
        return []
    fell = [line.mean[-2] - line.mean[-1] for line in (train, validation)]
    constant = {setting_of(run, "schedule") for run in best.runs} <= {None, "constant"}
    text = report.say(
        "In the last epoch the loss changed by {train} nats on train and {validation} on "
        "validation (downwards positive). The schedule takes the learning rate to 0 there, so this "
        "does not tell whether more epochs would help."
        if not constant and min(fell) <= STILL_FALLING
        else "In the last epoch the loss still fell, by {train} nats on train and {validation} on "
        "validation: {n} epochs do not exhaust this model, which is a mild underfitting."
        if min(fell) > STILL_FALLING
        else "In the last epoch the loss fell by {train} nats on train but not on validation "
        "({validation}): what it still learns no longer helps other images."
        if fell[0] > STILL_FALLING and fell[1] <= 0
        else "In the last epoch the loss hardly moved (by {train} nats on train and {validation} "
        "on validation, downwards positive): more epochs of the same would change little."
        if max(map(abs, fell)) <= STILL_FALLING
        else "In the last epoch the loss changed by {train} nats on train and {validation} on "
        "validation (downwards positive)."
    )
    digits = report.numbers.decimal
    return [
        text.format(train=digits(fell[0], 3), validation=digits(fell[1], 3), n=train.epochs[-1])
    ]


def _below_best(runs: Sequence[RunRecord]) -> list[float]:
    """How far the last epoch of each model is below its best one; [] if that is not known of all.

    What a reference to the live model would have lost.
    """
    losses = []
    for run in runs:
        last = run.epochs[-1].validation_accuracy if run.epochs else None
        if last is None or run.best_validation_accuracy is None:
            return []
        losses.append(run.best_validation_accuracy - last)
    return losses


def _all_last_and_best(report: StudyReport) -> list[str]:
    """The same over all models of the optimizer."""
    runs = [run for run in report.runs if run.status == "finished"]
    losses = _below_best(runs)
    below = [loss for loss in losses if loss > 0]
    if not below:
        return []
    text = report.say(
        "Over all {n} finished models of this optimizer, the last epoch is below the best one in "
        "{k}, by {points} on average and {most} at most."
    )
    return [
        text.format(
            n=len(runs),
            k=len(below),
            points=report.points(sum(below) / len(below)),
            most=report.points(max(below)),
        )
    ]


def _last_and_best(report: StudyReport, best: CellSummary) -> list[str]:
    """Which epochs are the best of the best cell, and how far the last is below them."""
    losses = _below_best(best.runs)
    if not losses:
        return []
    mean = sum(losses) / len(losses)
    epochs = ", ".join(str(run.best_epoch) for run in best.runs)
    text = report.say(
        "The best epoch on validation, by seed: {epochs}. The last epoch is {points} below the "
        "best on average; a reference to the live model, as the document keeps, would be tested "
        "with the last."
        if mean > 0
        else "The best epoch on validation, by seed: {epochs}. The last epoch is the best one for "
        "every seed, so here a reference to the live model would have been the same."
    )
    return [text.format(epochs=epochs, points=report.points(mean))]


# --- SGD beside Adam ------------------------------------------------------------------------------


def compared(study: str) -> Answer:
    """The best SGD model beside the best Adam model, on validation and on the test set."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = lab.study(study)
        if len(report.best) < 2 or report.unfinished:
            yield Paragraph(text=lab.say("Both are compared once the study is finished."))
            return
        yield Paragraph(text=" ".join(comparison(report)))
        yield from only("picture", lab.blocks(report, curves_section))
        if text := _start(report):
            yield Paragraph(title=lab.say("After one epoch"), text=text)
        yield from only("table", lab.blocks(report, test_section))

    return answer


def _start(report: StudyReport) -> str:
    """Who is ahead after the first epoch."""
    firsts = []
    for cell in report.best:
        line = curve(cell.runs, "validation_accuracy").without_epoch_0()
        if not line.mean or line.epochs[0] != 1:
            return ""
        firsts.append((line.mean[0], report.name(cell)))
    (high, first), (low, second) = sorted(firsts, reverse=True)[:2]
    text = report.say(
        "After the first epoch {first} has {high} and {second} {low}: {first} starts faster."
        if high - low >= CAPACITY_GAP
        else "After the first epoch both are close: {first} has {high} and {second} {low}."
    )
    percent = report.numbers.percent
    return text.format(
        first=first, second=second, high=percent(high, digits=1), low=percent(low, digits=1)
    )
