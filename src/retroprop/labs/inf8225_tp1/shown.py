"""What several answers show: the source of a function, a small table, the models of one optimizer.

`retroprop.labs.inf8225_tp1.checks` computes what the tables of checks hold.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from retroprop.labs.source_code import source_of
from retroprop.mathematics.prose import Words
from retroprop.report.document import Cell, Code, Row, Table
from retroprop.report.lab_story import LabStory
from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary


def named(code: str) -> Words:
    """A title that is a name of the assignment's code, the same in every language."""
    return Words(code, code)


def source(*functions: Callable[..., Any] | type) -> Code:
    """The source of functions as it stands in the library.

    Left out are docstrings and refusals of wrong inputs: the words around say what they do.
    """
    return Code(text=source_of(*functions, refusals=False))


def check_table(lab: LabStory, name: str, caption: str, rows: Sequence[tuple[str, float]]) -> Table:
    """Comparisons computed while the document is written, each with its largest difference."""
    return Table(
        name=name,
        caption=caption,
        corner=lab.say("compared with"),
        columns=[lab.say("largest difference")],
        rows=[
            Row(header=header, cells=[Cell(text=lab.numbers.power_of_ten(value))])
            for header, value in rows
        ],
    )


def of_optimizer(story: Story, optimizer: str) -> Story:
    """The study with the models of one optimizer only."""
    runs = tuple(run for run in story.runs if run.cell.get("optimizer") == optimizer)
    return dataclasses.replace(story, runs=runs)


def without_optimizer(story: Story, cell: CellSummary) -> str:
    """A cell in words where the optimizer is clear: "learning rate 0.01, batch size 1"."""
    return story.describe(cell.cell, without=["optimizer"])
