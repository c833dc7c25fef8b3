"""Small things that the answers share: real source, errors, a comparison with the records."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from retroprop.calculus.theory.prose import error_text
from retroprop.labs.source_code import source_of
from retroprop.report.assignment import Answer
from retroprop.report.document import Block, Code, Paragraph
from retroprop.report.lab_story import LabStory
from retroprop.report.story import Story
from retroprop.report.variations import Variation, variations
from retroprop.studies.summary import CellSummary, curve

ROUNDING = 1e-12
"""Errors above this are no rounding of float64."""


def code(lab: LabStory, *functions: Callable[..., Any]) -> Code:
    """The source of some functions of one module, with its place."""
    module = inspect.getmodule(functions[0])
    assert module is not None
    file = module.__name__.removeprefix("retroprop.").replace(".", "/") + ".py"
    names = ", ".join(one.__qualname__ for one in functions)
    return Code(
        title=lab.say("In the code: {file}, {names}").format(file=file, names=names),
        text=source_of(*functions),
    )


def error(lab: LabStory, value: float) -> str:
    """An error of float64, and a warning where it is more than rounding."""
    text = error_text(value, lab.language)
    if value < ROUNDING:
        return text
    return lab.say("{error} (more than rounding: a mistake)").format(error=text)


def around_the_best(story: Story, key: str) -> Variation | None:
    """The variation of a setting around the best of the best cells; None without one."""
    best = story.best_cell
    found = [one for one in variations(story, key) if best is not None and one.base is best]
    return found[0] if found else None


def divided(variation: Variation) -> tuple[list[Any], list[Any]]:
    """The values that diverged in every seed or in some, and those that did in none."""
    lost = [value for value, cell in variation.cells if cell.diverged]
    return lost, [value for value, cell in variation.cells if cell.mean is not None]


def wearing_off(study: str, key: str) -> Answer:
    """Whether the influence of the initial weights wears off: its range early and late."""

    def answer(lab: LabStory) -> Iterator[Block]:
        story = lab.study(study)
        variation = around_the_best(story, key)
        if variation is None:
            return
        cells = [cell for _, cell in variation.cells if cell.mean is not None]
        text = _wearing_off(lab, story, key, cells)
        if text:
            yield Paragraph(text=text)

    return answer


def _wearing_off(lab: LabStory, story: Story, key: str, cells: list[CellSummary]) -> str:
    lines = [curve(cell.runs, "validation_accuracy").without_epoch_0() for cell in cells]
    if len(lines) < 2 or min(len(line.epochs) for line in lines) < 2:
        return ""
    early = max(line.mean[0] for line in lines) - min(line.mean[0] for line in lines)
    late = max(line.mean[-1] for line in lines) - min(line.mean[-1] for line in lines)
    return lab.say(
        "The influence of the setting “{name}” wears off: between its best and its worst value "
        "there are {early} after the first epoch, and {late} after the last."
        if late < early
        else "The influence of the setting “{name}” does not wear off: between its best and its "
        "worst value there are {early} after the first epoch, and {late} after the last."
    ).format(name=story.setting_name(key), early=story.points(early), late=story.points(late))
