"""The pictures of what each varied setting does: curves by value, accuracy against value."""

from collections.abc import Sequence
from typing import Any

from retroprop.figures.curves import Part, describe_curves, loss_and_accuracy_curves
from retroprop.figures.effects import Point, describe_effect, effect_of_setting
from retroprop.figures.style import SERIES
from retroprop.report.document import Block, Paragraph, Picture, Section
from retroprop.report.pictures import picture
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import MOST_POINTS, Variation, fixed, lost, spread, variations
from retroprop.report.words import LOSS_AXES, capital
from retroprop.studies.summary import CellSummary

MOST_WITH_TRAIN = 3  # with more values, the train curves would hide those of validation


def influence_sections(report: StudyReport, *, keys: Sequence[str] | None = None) -> list[Section]:
    """The pictures "effect-of-setting" and "curves-by-setting" that the [report] asks for.

    Args:
        report: The study's records.
        keys: The settings to draw; None for all that the study varies.
    """
    say = report.say
    effects: list[Block] = []
    curves: list[Block] = []
    for key in report.varied if keys is None else keys:
        shown = [v for v in variations(report, key) if _complete(v) > 1]
        if "effect-of-setting" in report.figures and shown:
            effects.append(_effect(report, key, shown))
        if "curves-by-setting" in report.figures:
            curves += [_curves(report, v, number) for number, v in enumerate(shown, start=1)]
    sections = []
    if effects:
        text = say(
            "Each picture changes one setting and keeps the others at those of the best cell. "
            "Points are means over the seeds of the best validation accuracy, bars reach from the "
            "lowest to the highest seed. A value whose cell diverged has a cross instead."
        )
        heading = say("The influence of each setting")
        sections.append(
            Section(name="influence", heading=heading, blocks=[Paragraph(text=text), *effects])
        )
    if curves:
        text = say(
            "Each picture changes one setting and keeps the others at those of the best cell. "
            "Lines are means over the seeds, bands reach from the lowest to the highest seed. A "
            "value whose cell diverged has no line."
        )
        heading = say("Curves for each value of a setting")
        sections.append(
            Section(name="values", heading=heading, blocks=[Paragraph(text=text), *curves])
        )
    return sections


def _complete(variation: Variation) -> int:
    return sum(cell.mean is not None for _, cell in variation.cells)


def _accuracies(cell: CellSummary) -> list[float]:
    found = [run.best_validation_accuracy for run in cell.runs]
    return [accuracy for accuracy in found if accuracy is not None]


def _effect(report: StudyReport, key: str, shown: Sequence[Variation]) -> Picture:
    say = report.say
    lines = {}
    values = report.values(key)
    if len(values) > MOST_POINTS:
        values = [value for value, _ in spread(shown[0].cells, MOST_POINTS)]
    for variation in shown:
        name = report.group(variation.base.cell) if len(shown) > 1 else ""
        lines[name or report.name(variation.base)] = [
            _point(report, key, value, variation) for value in values
        ]
    figure = effect_of_setting(
        lines,
        x_label=report.setting_name(key),
        language=report.language,
    )
    description = describe_effect(lines, say=say, number=report.numbers.percent)
    settings = [fixed(report, variation) for variation in shown]
    if shown[0].each_at_its_best and len(report.varied) > 1:
        text = say("{name}: best validation accuracy, each value at its own best settings")
    elif all(settings):
        text = say("{name}: best validation accuracy, with {settings}")
    else:
        text = say("{name}: best validation accuracy")
    caption = text.format(name=capital(report.setting_name(key)), settings=say("; ").join(settings))
    if len(values) < len(report.values(key)):
        part = say("{n} of {all} values are drawn.").format(
            n=len(values), all=report.numbers.integer(len(report.values(key)))
        )
        caption = f"{caption}. {part}"
    return picture(f"effect-{key.replace('_', '-')}", caption, description, figure, half=True)


def _point(report: StudyReport, key: str, value: Any, variation: Variation) -> Point:
    cell = dict(variation.cells).get(value)
    label = report.setting(key, value, short=True)
    if cell is None or cell.mean is None:
        return Point(value=value, label=label, mean=None)
    accuracies = _accuracies(cell)
    return Point(
        value=value,
        label=label,
        mean=cell.mean,
        low=min(*accuracies, cell.mean),  # the mean of equal numbers may be beside them by an ulp
        high=max(*accuracies, cell.mean),
    )


def _curves(report: StudyReport, variation: Variation, number: int) -> Picture:
    say, numbers, key = report.say, report.numbers, variation.key
    complete = [(value, cell) for value, cell in variation.cells if cell.mean is not None]
    drawn = spread(complete, len(SERIES))
    models = {report.setting(key, value, short=True): cell.runs for value, cell in drawn}
    runs = [run for group in models.values() for run in group]
    parts: Sequence[Part] = (
        ("validation", "train") if len(drawn) <= MOST_WITH_TRAIN else ("validation",)
    )
    loss = report.loss(runs)
    # Losses of different kinds have no common axis.
    metrics = ("accuracy",) if loss == "mixed" else ("loss", "accuracy")
    notes = lost(report, variation)
    figure = loss_and_accuracy_curves(
        models,
        metrics=metrics,
        parts=parts,
        stacked=True,
        name_parts=False,
        loss_label=LOSS_AXES[loss],
        steps_per_epoch=report.steps_per_epoch(runs),
        notes=notes,
        language=report.language,
    )
    described = []
    for metric in metrics:
        write = numbers.percent if metric == "accuracy" else lambda value: numbers.decimal(value, 3)
        words = describe_curves(models, metric, parts=parts, say=say, number=write)
        title = say("accuracy (%)") if metric == "accuracy" else say(LOSS_AXES[loss])
        described.append(report.named(title, words))
    described += [f"{note}." for note in notes]
    settings = fixed(report, variation)
    if variation.each_at_its_best and len(report.varied) > 1:
        text = say("{name}: curves of each value at its own best settings ({settings})")
        settings = say("; ").join(report.varied_settings(cell.cell) for _, cell in drawn)
    else:
        text = say("{name}: curves with {settings}") if settings else say("{name}: curves by value")
    caption = text.format(name=capital(report.setting_name(key)), settings=settings) + "."
    if "train" in parts:
        caption += " " + say("Solid is validation, dashed is train.")
    else:
        caption += " " + say("Validation only.")
    if len(drawn) < len(complete):
        caption += " " + say("{n} of {all} values are drawn.").format(
            n=len(drawn), all=len(complete)
        )
    if loss == "mixed":
        caption += " " + say("Losses of different kinds are not compared.")
    if notes:
        caption += " " + say("Without a line: {notes}.").format(notes=say("; ").join(notes))
    return picture(
        f"curves-{key.replace('_', '-')}-{number}", caption, " ".join(described), figure, half=True
    )
