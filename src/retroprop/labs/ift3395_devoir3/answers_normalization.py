"""IFT3395, devoir 3, part 2, question 2: normalised pixels, and three learning rates."""

import math
from collections.abc import Iterator
from functools import cache

from retroprop.data import load
from retroprop.labs.ift3395_devoir3.comparing import Measured, measured_cell
from retroprop.labs.ift3395_devoir3.solution import Trainer, examples
from retroprop.report.answers import influence
from retroprop.report.document import Block, Cell, Paragraph, Picture, Prose, Row, Table
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import LabReport
from retroprop.report.results import tables_section
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import no_mean, variations
from retroprop.studies.summary import CellSummary, verdict_of_images

STUDY = "ift3395-normalization"
RAW, NORMALISED = "raw", "per-pixel"
WANTED = 0.8
"""What the document asks the best combination to pass."""

LEVELS = (0.8, 0.85, 0.88)
"""Validation accuracies whose first epoch tells how fast a model learns."""

STILL = 1e-9
"""A mean norm of the gradient that no longer moves anything."""


def curves(lab: LabReport) -> Iterator[Block]:
    """2.2: the two figures, the table, and the check."""
    report = lab.study(STUDY)
    yield from _check(lab, report)
    for section in influence_sections(report):
        for block in section.blocks:
            if isinstance(block, Picture) and block.name.startswith("curves-learning-rate"):
                yield block
    yield from lab.blocks(report, tables_section)


def _check(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """Whether the best combination passes 80 %."""
    top = report.best_cell
    if top is None or top.mean is None:
        yield lab.prose("No combination is finished yet, so there is no best one to check.")
        return
    yield lab.prose(
        "The best combination so far, {cell}, reaches {accuracy} on validation: more than the "
        "{wanted} that the assignment asks for as a check."
        if report.unfinished and top.mean > WANTED
        else "The best combination so far, {cell}, reaches {accuracy} on validation: not yet the "
        "{wanted} that the assignment asks for as a check."
        if report.unfinished
        else "The best combination, {cell}, reaches {accuracy} on validation: more than the "
        "{wanted} that the assignment asks for as a check."
        if top.mean > WANTED
        else "The best combination, {cell}, reaches only {accuracy} on validation: less than the "
        "{wanted} that the assignment asks for as a check.",
        title="The check",
        cell=report.describe({key: top.cell[key] for key in report.varied if key in top.cell}),
        accuracy=lab.numbers.percent(top.mean, top.deviation),
        wanted=lab.numbers.percent(WANTED, digits=0),
    )


def effect(lab: LabReport) -> Iterator[Block]:
    """2.2 (a): what the pixels are before and after, then rate by rate."""
    raw, normalised = _lengths()
    number = lab.numbers.integer
    yield lab.prose(
        "Normalisation gives every pixel mean 0 and standard deviation 1 over the training images. "
        "It makes the inputs small, {raw} against {normalised} for the mean length "
        "$norm(bx)_1 = sum_j abs(x_j)$ of an image, and it puts all pixels on one scale. With "
        "Adam, which moves every weight by about $eta$ in its first steps whatever the size of the "
        "gradient, a hidden unit moves by up to $eta norm(bx)_1$ in one step: the same learning "
        "rate is about {ratio} times as bold on raw pixels.",
        raw=number(raw),
        normalised=number(normalised),
        ratio=number(raw / normalised),
    )
    report = lab.study(STUDY)
    rates = [rate for rate in report.values("learning_rate") if isinstance(rate, float)]
    sentences = [text for rate in rates if (text := _by_rate(report, rate))]
    if sentences:
        yield Paragraph(title=lab.say("Measured"), text=" ".join(sentences))
    else:
        yield lab.prose("No learning rate is finished both with raw and with normalised pixels.")
    yield from _starts(lab, report)


@cache
def _lengths() -> tuple[float, float]:
    """The mean Σ|x| of an image, raw and normalised, over the first 2,000 training images."""
    found = load("fashion-mnist")
    part = examples(found.train_images[:2000], found.train_labels[:2000])
    scaled = Trainer.normalize(part, part, part)[0]
    raw, normalised = (float(X.flatten(1).abs().sum(1).mean()) for X, _ in (part, scaled))
    return raw, normalised


def _cell(report: StudyReport, normalization: str, rate: float) -> CellSummary | None:
    wanted = {"normalization": normalization, "learning_rate": rate}
    return next(
        (
            cell
            for cell in report.cells
            if all(cell.cell.get(key, value) == value for key, value in wanted.items())
        ),
        None,
    )


def _measured(report: StudyReport, normalization: str, rate: float) -> Measured | None:
    cell = _cell(report, normalization, rate)
    if cell is None:
        return None
    return measured_cell(cell, report.phrase("normalization", normalization))


def _by_rate(report: StudyReport, rate: float) -> str:
    """Raw against normalised pixels at one learning rate; "" where there is nothing to say."""
    say = report.say
    pair = [_measured(report, kind, rate) for kind in (NORMALISED, RAW)]
    opening = say("With {setting}:").format(setting=report.phrase("learning_rate", rate))
    normalised, raw = pair
    if normalised is not None and raw is not None:
        text = say(
            "normalised pixels reach {high} on validation, raw ones {low}: a gain of {points}, "
            "{chance}."
            if normalised.validation > raw.validation
            else "raw pixels reach {high} on validation, normalised ones {low}: normalisation "
            "loses {points}, {chance}."
            if normalised.validation < raw.validation
            else "both reach {high} on validation."
        )
        found = report.verdict(normalised.cell, raw.cell)
        chance = say("more than chance" if found.distinguishable else "not more than chance allows")
        ends = sorted((normalised.validation, raw.validation))
        text = text.format(
            high=report.numbers.percent(ends[1]),
            low=report.numbers.percent(ends[0]),
            points=report.points(ends[1] - ends[0]),
            chance=chance,
        )
        return f"{opening} {text}"
    reasons = [
        say("{name}: {cell}").format(name=report.phrase("normalization", kind), cell=reason)
        for kind in (NORMALISED, RAW)
        if (cell := _cell(report, kind, rate)) is not None and (reason := no_mean(report, cell))
    ]
    if not reasons:
        return ""
    return f"{opening} {say('without numbers')} ({say('; ').join(reasons)})."


def _starts(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """Loss before the training and norm of the gradient in the first epoch at the smallest rate."""
    rates = [rate for rate in report.values("learning_rate") if isinstance(rate, float)]
    if not rates:
        return
    rate = min(rates)
    raw, normalised = (_measured(report, kind, rate) for kind in (RAW, NORMALISED))
    if raw is None or normalised is None or not (raw.norm.mean and normalised.norm.mean):
        return
    if raw.validation_loss.epochs[0] != 0:
        return
    values = (raw.norm.mean[0], normalised.norm.mean[0])
    write = lab.numbers.significant
    losses = (raw.validation_loss.mean[0], normalised.validation_loss.mean[0])
    text = (
        "The untrained network shows the scale: its validation loss is {raw_loss} nats on raw "
        "pixels and {loss} on normalised ones, where guessing costs ln 10 = {chance}; the norms of "
        "the gradient in the first epoch are {raw_norm} and {norm} (with {rate}, which hardly "
        "moves the weights)."
    )
    yield lab.prose(
        text,
        raw_loss=lab.numbers.decimal(losses[0], 2),
        loss=lab.numbers.decimal(losses[1], 2),
        chance=lab.numbers.decimal(math.log(10), 2),
        raw_norm=write(values[0]),
        norm=write(values[1]),
        rate=report.phrase("learning_rate", rate),
    )


def convergence(lab: LabReport) -> Iterator[Block]:
    """2.2 (b): epochs until given accuracies, and the lowest validation loss."""
    report = lab.study(STUDY)
    rates = [
        rate
        for rate in report.values("learning_rate")
        if isinstance(rate, float) and _measured(report, NORMALISED, rate) is not None
    ]
    if not rates:
        yield lab.prose("No model with normalised pixels is finished yet.")
        return
    rate = max(rates, key=lambda one: _known(_measured(report, NORMALISED, one)).validation)
    normalised, raw = _known(_measured(report, NORMALISED, rate)), _measured(report, RAW, rate)
    if raw is None:
        yield lab.prose(
            "With {rate}, the best for normalised pixels, the model with raw pixels has no "
            "numbers: the two cannot be compared.",
            rate=report.phrase("learning_rate", rate),
        )
        return
    low, raw_low = min(normalised.validation_loss.mean), min(raw.validation_loss.mean)
    early = [(normalised.reaches(level), raw.reaches(level)) for level in LEVELS]
    sooner = sum(_sooner(a, b) for a, b in early)
    values = {
        "rate": report.phrase("learning_rate", rate),
        "low": lab.numbers.decimal(low, 3),
        "raw": lab.numbers.decimal(raw_low, 3),
    }
    undefined = all(one is None for pair in early for one in pair)
    yield lab.prose(
        "With {rate}, the best for normalised pixels, neither model reaches one of the accuracies "
        "below, so their speed is not compared. At its lowest, the validation loss is {low} nats "
        "with normalised pixels and {raw} with raw ones."
        if undefined
        else "Yes. With {rate}, the best for normalised pixels, the model reaches given accuracies "
        "sooner, and a lower validation loss: {low} nats at its lowest against {raw}."
        if sooner > 0 and low < raw_low
        else "Not here: with {rate}, the best for normalised pixels, the model with raw pixels is "
        "as fast or faster, and its validation loss is as low or lower, {raw} nats at its lowest "
        "against {low}."
        if sooner <= 0 and low >= raw_low
        else "Only in part: with {rate}, the best for normalised pixels, speed and loss do not "
        "agree. At its lowest, the validation loss is {low} nats with normalised pixels and {raw} "
        "with raw ones.",
        **values,
    )
    yield _speed_table(lab, report, normalised, raw, rate)
    yield lab.prose(
        "The usual explanation: along the weights of a layer the curvature of the loss goes with "
        "the square of the inputs. Raw pixels are all positive and differ in scale, so a few "
        "directions, that of their common mean first, are much steeper than the others; one "
        "learning rate is then too large for these or too small for the rest (LeCun, Bottou, Orr & "
        "Müller, Efficient BackProp, 1998). Adam divides by the size of each gradient, which "
        "repairs the scale of single weights, but not the directions that mix all of them."
    )
    tail = _tail(lab, report, normalised, raw)
    if tail is not None:
        yield tail


def _known(found: Measured | None) -> Measured:
    assert found is not None
    return found


def _sooner(first: int | None, second: int | None) -> int:
    """1 where the first model comes sooner, −1 where later, 0 where both do alike."""
    a, b = (math.inf if epoch is None else epoch for epoch in (first, second))
    return (a < b) - (a > b)


def _speed_table(
    lab: LabReport, report: StudyReport, normalised: Measured, raw: Measured, rate: float
) -> Table:
    say = lab.say
    rows = [
        Row(
            header=lab.numbers.percent(level, digits=0),
            cells=[
                Cell(
                    text=say("never") if epoch is None else str(epoch), link=report.anchor(one.cell)
                )
                for one in (raw, normalised)
                for epoch in [one.reaches(level)]
            ],
        )
        for level in LEVELS
    ]
    caption = say("First epoch with this validation accuracy, {rate}").format(
        rate=report.phrase("learning_rate", rate)
    )
    return Table(
        name="speed",
        caption=caption,
        corner=say("validation accuracy"),
        columns=[raw.name, normalised.name],
        rows=rows,
    )


def _tail(lab: LabReport, report: StudyReport, normalised: Measured, raw: Measured) -> Block | None:
    """How steep the gradients still are at the end, for the claim about bold steps."""
    if not (normalised.norm.mean and raw.norm.mean):
        return None
    ours, other = normalised.norm.mean[-1], raw.norm.mean[-1]
    write = lab.numbers.significant
    return lab.prose(
        "The recorded gradients fit this: in the last epoch their norm is still {raw} on raw "
        "pixels, and {ours} on normalised ones."
        if other > ours
        else "The recorded gradients do not show it: in the last epoch their norm is {raw} on raw "
        "pixels, and {ours} on normalised ones.",
        raw=write(other),
        ours=write(ours),
    )


def learning_rates(lab: LabReport) -> Iterator[Block]:
    """2.2 (c): the smallest and the largest rate, each in its own words."""
    yield lab.prose(
        "A very small learning rate moves the weights too little in the epochs there are: the "
        "curves still rise when the training ends, and the model underfits. A very large one steps "
        "over the minima: the loss jumps about, or the first steps throw the network to a place "
        "without a slope, from which it never comes back."
    )
    report = lab.study(STUDY)
    for variation in variations(report, "learning_rate"):
        if text := influence(report, variation):
            yield Paragraph(text=text)
    rates = [rate for rate in report.values("learning_rate") if isinstance(rate, float)]
    if len(rates) < 2:
        return
    for rate, tell in ((min(rates), _smallest), (max(rates), _largest)):
        sentences = [
            tell(lab, report, found)
            for kind in (RAW, NORMALISED)
            if (found := _measured(report, kind, rate)) is not None
        ]
        lost = [
            report.say("{name}: {cell}").format(
                name=report.phrase("normalization", kind), cell=no_mean(report, cell)
            )
            for kind in (RAW, NORMALISED)
            if (cell := _cell(report, kind, rate)) is not None and no_mean(report, cell)
        ]
        if lost:
            text = lab.say("Without numbers: {notes}.")
            sentences.append(text.format(notes=lab.say("; ").join(lost)))
        if sentences:
            phrase = report.phrase("learning_rate", rate)
            title = phrase[:1].upper() + phrase[1:]
            yield Paragraph(title=title, text=" ".join(sentences))


def _smallest(lab: LabReport, report: StudyReport, one: Measured) -> str:
    """Whether a model with the smallest rate had still far to go."""
    line, loss = one.validation_accuracy, one.validation_loss
    rising = line.mean[-1] == max(line.mean) and line.mean[-1] > line.mean[0]
    slow = one.validation < max(cell.mean or 0.0 for cell in report.cells) - 0.05
    text = lab.say(
        "With {name}, the accuracy rises from {first} to {last} and is highest at the last epoch, "
        "{epoch}, while the loss has come from {loss} to {end} nats: underfitting, for want of "
        "steps."
        if rising and slow
        else "With {name}, the accuracy is highest at the last epoch, {epoch}, with {last}, from "
        "{first}; the loss has come from {loss} to {end} nats."
        if rising
        else "With {name}, the accuracy goes from {first} to {last} at the last epoch, {epoch}, "
        "and was higher before; the loss goes from {loss} to {end} nats."
        if lab.numbers.percent(max(line.mean)) != lab.numbers.percent(line.mean[-1])
        else "With {name}, the accuracy goes from {first} to {last} at the last epoch, {epoch}, "
        "and was not higher before; the loss goes from {loss} to {end} nats."
    )
    return text.format(
        name=one.name,
        first=lab.numbers.percent(line.mean[0]),
        last=lab.numbers.percent(line.mean[-1]),
        epoch=line.epochs[-1],
        loss=lab.numbers.decimal(loss.mean[0], 2),
        end=lab.numbers.decimal(loss.mean[-1], 2),
    )


def _largest(lab: LabReport, report: StudyReport, one: Measured) -> str:
    """Whether a model with the largest rate is stuck, jumps about, or learns."""
    line, loss = one.validation_accuracy, one.validation_loss
    best, last = max(line.mean), line.mean[-1]
    falls = verdict_of_images(best, last, report.validation_images).sign > 0
    stuck = bool(one.norm.mean) and one.norm.mean[-1] <= STILL
    values = {
        "name": one.name,
        "best": lab.numbers.percent(best),
        "epoch": line.epochs[line.mean.index(best)],
        "last": lab.numbers.percent(last),
        "end": lab.numbers.decimal(loss.mean[-1], 2),
    }
    if stuck:
        cut = -math.log(1e-9)
        constant = math.isclose(loss.mean[-1], (1 - last) * cut, rel_tol=0.01)
        text = lab.say(
            "With {name}, the network stands still: the norm of its gradient is 0 and its accuracy "
            "{last}. Its loss, {end} nats, is the share of errors, {wrong}, times "
            "−ln ε = {cut}: it gives one class the probability 1, the cut of question 1.8 has no "
            "slope there, and no step can follow."
            if constant
            else "With {name}, the network stands still: the norm of its gradient is 0, its "
            "accuracy {last} and its loss {end} nats."
        )
        return text.format(
            **values,
            cut=lab.numbers.decimal(cut, 2),
            wrong=lab.numbers.percent(1 - last),
        )
    text = lab.say(
        "With {name}, the best accuracy, {best}, comes after epoch {epoch} and does not hold: "
        "{last} at the last epoch, with a loss of {end} nats. The steps are too large for it to "
        "settle."
        if falls
        else "With {name}, the accuracy reaches {best} after epoch {epoch} and is {last} at the "
        "last, with a loss of {end} nats: this rate is not too large for it."
    )
    return text.format(**values)


def summary(lab: LabReport) -> Iterator[str]:
    """The best combination."""
    report = lab.study(STUDY)
    for block in _check(lab, report):
        if isinstance(block, Prose):
            yield block.text
