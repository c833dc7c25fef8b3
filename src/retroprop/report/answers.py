"""What the study shows, in sentences computed from its records.

One paragraph for each varied setting: which value is best, by how much, whether that is more than
chance, and which values diverged. Then what the epochs show, the gap between train and validation,
and which derivation is faster. A sentence appears only when the records decide it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from retroprop.figures.effects import places
from retroprop.report.derivations import pairs, speed_sentences
from retroprop.report.document import Block, Paragraph, Section
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import Variation, bases, fixed, variations
from retroprop.report.verdict_sentence import verdict_sentence
from retroprop.report.words import capital
from retroprop.studies.summary import CellSummary, Curve, curve, gaps, verdict_of_seeds

SMALLEST = {"depth": 0, "initial_scale": 0, "weight_decay": 0} | dict.fromkeys(
    ("batch_size", "width", "kernel_size", "patch_size", "blocks"), 1
)  # of settings whose range ends there, so that no study can try less
SMALL_GAP = 0.01  # less than a point between train and validation is not called overfitting


def answers_section(report: StudyReport) -> Section | None:
    """The paragraphs; None when no cell is complete and nothing can be said."""
    say = report.say
    heading = say("What the study shows")
    if report.unfinished:
        text = say("The answers are written once the study is finished.")
        return Section(name="answers", heading=heading, blocks=[Paragraph(text=text)])
    blocks: list[Block] = []
    for key in report.varied if report.search is None else ():  # trials differ in all settings
        for variation in variations(report, key):
            text = influence(report, variation)
            if text:
                blocks.append(Paragraph(title=capital(report.setting_name(key)), text=text))
    for base in bases(report):
        if text := progress(report, base):
            group = report.group(base.cell) if len(report.best) > 1 else ""
            title = (
                say("Epochs and overfitting, {group}") if group else say("Epochs and overfitting")
            )
            blocks.append(Paragraph(title=title.format(group=group), text=text))
    compared = pairs(report)
    if compared:
        blocks.append(Paragraph(title=say("Training time"), text=speed_sentences(report, compared)))
    if not blocks or report.single or report.search is not None:
        return Section(name="answers", heading=heading, blocks=blocks) if blocks else None
    text = say(
        "Each answer changes one setting and keeps the others at those of the best cell; "
        "differences are those of the best validation accuracy. The best cell was chosen on the "
        "same accuracies, so a test between it and another describes this study; it proves "
        "nothing beyond it."
    )
    return Section(name="answers", heading=heading, blocks=[Paragraph(text=text), *blocks])


def influence(report: StudyReport, variation: Variation) -> str:
    """What one setting does, in sentences; "" when no value has a mean."""
    say = report.say
    complete = [(value, cell) for value, cell in variation.cells if cell.mean is not None]
    if not complete:
        return ""
    ranked = sorted(complete, key=lambda item: -(item[1].mean or 0.0))
    sentences = [_ranking(report, variation, ranked)]
    if len(ranked) > 1:
        sentences += _tests(report, variation.key, ranked)
    sentences += _trend(report, variation.key, complete)
    sentences += _losses(report, variation)
    opening = fixed(report, variation)
    if variation.each_at_its_best and len(variation.cells[0][1].cell) > 1:
        lead = say("Each value at its own best settings: {sentence}")
    elif opening:
        lead = say("With {settings}: {sentence}")
    else:
        lead = "{sentence}"
        sentences[0] = capital(sentences[0])
    sentences[0] = lead.format(settings=opening, sentence=sentences[0])
    return " ".join(sentences)


def _ranking(
    report: StudyReport, variation: Variation, ranked: Sequence[tuple[Any, CellSummary]]
) -> str:
    """Which value is best, and by how much."""
    say, key = report.say, variation.key
    (best, top), *others = ranked
    assert top.mean is not None
    if not others:
        text = say("only {best} has a mean, {accuracy}.")
        return text.format(
            best=report.quoted(key, best), accuracy=report.numbers.percent(top.mean, top.deviation)
        )
    next_best, second = others[0]
    worst, last = others[-1]
    equal = [value for value, cell in ranked if report.alike(cell, top)]
    if len(equal) > 1:
        text = (
            "{values} reach the same mean accuracy, {accuracy}."
            if report.alike(last, top)
            else "{values} reach the same mean accuracy, {accuracy}, {far} above the worst, "
            "{worst}."
        )
    elif len(others) > 1:
        text = (
            "the best value is {best}, with {accuracy}: {near} above the next, {next}, and {far} "
            "above the worst, {worst}."
        )
    else:
        text = "the better value is {best}, with {accuracy}: {near} above {next}."
    return say(text).format(
        best=report.quoted(key, best),
        values=report.listed([report.quoted(key, value) for value in equal]),
        accuracy=report.numbers.percent(top.mean, top.deviation),
        near=report.points(top.mean - (second.mean or 0.0)),
        next=report.quoted(key, next_best),
        far=report.points(top.mean - (last.mean or 0.0)),
        worst=report.quoted(key, worst),
    )


def _tests(report: StudyReport, key: str, ranked: Sequence[tuple[Any, CellSummary]]) -> list[str]:
    """Whether the best value is above the next one by more than chance, or else above the worst."""
    (best, top), (next_best, second), *_ = ranked
    worst, last = ranked[-1]
    found = report.verdict(top, second)
    if not found.seeds or report.alike(second, top):
        return []
    names = report.phrase(key, best), report.phrase(key, next_best)
    sentences = [verdict_sentence(report, found, *names)]
    if not found.distinguishable and found.margin is not None and last is not second:
        text = report.say(
            "The lead of {best} over the worst, {worst}, is more than chance."
            if report.verdict(top, last).distinguishable
            else "The lead of {best} over the worst, {worst}, may be chance too."
        )
        sentences.append(
            text.format(best=report.quoted(key, best), worst=report.quoted(key, worst))
        )
    return sentences


def _trend(report: StudyReport, key: str, complete: Sequence[tuple[Any, CellSummary]]) -> list[str]:
    """Whether the accuracy rises or falls with a number, and whether the best lies at an end."""
    scale = places([value for value, _ in complete])[1]
    numeric = all(isinstance(value, int | float) for value, _ in complete)
    if (scale == "words" and not numeric) or len(complete) < 3:
        return []
    in_order = sorted(complete, key=lambda item: item[0])
    means = [round(cell.mean or 0.0, 4) for _, cell in in_order]  # as they are printed
    steps = [later - earlier for earlier, later in pairwise(means)]
    top = means.index(max(means))
    if all(step > 0 for step in steps):
        text = "The mean accuracy rises with every larger value"
    elif all(step < 0 for step in steps):
        text = "The mean accuracy falls with every larger value"
    elif means.count(max(means)) > 1:
        return []
    elif 0 < top < len(means) - 1:
        return [report.say("Values on both sides of the best do worse.")]
    elif top == 0:
        text = "The best value is the smallest that has a mean"
    else:
        text = "The best value is the largest that has a mean"
    sentence = report.say(text)
    lost = set(report.values(key)) - {value for value, _ in complete}
    edge = in_order[-1][0] if top == len(means) - 1 else in_order[0][0]
    beyond = [
        value
        for value in lost
        if isinstance(value, int | float) and (value > edge if top else value < edge)
    ]
    if not beyond:
        open_end = (
            "nothing larger was tried"
            if top
            else "nothing smaller exists"
            if edge == SMALLEST.get(key)
            else "nothing smaller was tried"
        )
        sentence = report.say("{sentence}; {open_end}").format(
            sentence=sentence, open_end=report.say(open_end)
        )
    return [sentence + "."]


def _losses(report: StudyReport, variation: Variation) -> list[str]:
    """Which values diverged."""
    say, key = report.say, variation.key
    diverged = [
        say("{name} ({k} of {n} seeds)").format(
            name=report.quoted(key, value), k=cell.diverged, n=cell.n
        )
        for value, cell in variation.cells
        if cell.diverged
    ]
    if not diverged:
        return []
    return [say("Diverged, so without a mean: {values}.").format(values=report.listed(diverged))]


def progress(report: StudyReport, base: CellSummary) -> str:
    """What the epochs do for a best cell: how far they bring it, and whether it overfits."""
    return " ".join([*_progress(report, base), *_generalisation(report, base)])


def _progress(report: StudyReport, base: CellSummary) -> list[str]:
    """What the number of epochs, so of steps, does for the best cell."""
    say, numbers = report.say, report.numbers
    line = curve(base.runs, "validation_accuracy").without_epoch_0()
    if len(line.epochs) < 2:
        return []
    top = line.mean.index(max(line.mean))
    first, last = line.mean[0], line.mean[-1]
    text = (
        "The best cell reaches {first} on validation after epoch {start}{steps}; its highest, "
        "{last}, comes at the last epoch, {end}."
        if top == len(line.mean) - 1
        else "The best cell reaches {first} on validation after epoch {start}{steps}, its highest, "
        "{best}, after epoch {top}, and {last} after the last, epoch {end}."
    )
    if report.single:
        text = (
            "The model reaches {first} on validation after epoch {start}{steps}; its highest, "
            "{last}, comes at the last epoch, {end}."
            if top == len(line.mean) - 1
            else "The model reaches {first} on validation after epoch {start}{steps}, its highest, "
            "{best}, after epoch {top}, and {last} after the last, epoch {end}."
        )
    per_epoch = report.steps_per_epoch(base.runs)
    steps = (
        say(" ({n} steps)").format(n=numbers.integer(per_epoch * line.epochs[0]))
        if per_epoch is not None
        else ""
    )
    return [
        say(text).format(
            first=numbers.percent(first),
            start=line.epochs[0],
            steps=steps,
            top=line.epochs[top],
            best=numbers.percent(line.mean[top]),
            last=numbers.percent(last),
            end=line.epochs[-1],
        )
    ]


def _generalisation(report: StudyReport, base: CellSummary) -> list[str]:
    """The gap between train and validation at the last epoch, and whether the loss has turned."""
    say = report.say
    found = verdict_of_seeds(gaps(base.runs))
    if not found.seeds:
        return []
    mean = found.difference
    if report.running:
        text = (
            "At the last epoch its train accuracy, a mean over the epoch while the model was "
            "learning, is {points} above that on validation."
            if mean > 0
            else "At the last epoch its train accuracy, a mean over the epoch while the model was "
            "learning, is not above that on validation; that does not exclude overfitting."
        )
    elif found.seeds == 1:
        text = (
            "At the last epoch its train accuracy is {points} above that on validation, with one "
            "seed and so without a spread."
            if mean > 0
            else "At the last epoch its train accuracy is not above that on validation."
        )
    elif mean > 0 and found.distinguishable and mean >= SMALL_GAP:
        text = (
            "At the last epoch its train accuracy is {points} above that on validation (95 % "
            "confidence interval over {seeds}): a sign of overfitting."
        )
    elif mean > 0 and found.distinguishable:
        text = (
            "At the last epoch its train accuracy is only {points} above that on validation (95 % "
            "confidence interval over {seeds})."
        )
    else:
        text = (
            "At the last epoch its train accuracy is not distinguishably above that on "
            "validation, so there is no sign of overfitting."
        )
    sentences = [
        say(text).format(
            points=report.points(abs(mean), found.margin), seeds=report.seeds(found.seeds)
        )
    ]
    return sentences + _turned(report, curve(base.runs, "validation_loss"))


def _turned(report: StudyReport, loss: Curve) -> list[str]:
    """The epoch after which the mean validation loss rose, if it did not end at its lowest."""
    if not loss.mean or loss.mean[-1] == min(loss.mean):
        return []
    lowest = loss.mean.index(min(loss.mean))
    text = report.say(
        "Its validation loss is lowest after epoch {epoch}, {low}, and {last} at the last."
    )
    return [
        text.format(
            epoch=loss.epochs[lowest],
            low=report.numbers.decimal(loss.mean[lowest], 3),
            last=report.numbers.decimal(loss.mean[-1], 3),
        )
    ]
