"""What several answers show: the source of a function, a small table, the models of one optimizer.

`retroprop.labs.inf8225_tp1.checks` computes what the tables of checks hold.
"""

import ast
import dataclasses
import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from retroprop.report.document import Cell, Code, Row, Table
from retroprop.report.lab_story import LabStory
from retroprop.report.numbers import Numbers
from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary


def source(*functions: Callable[..., Any] | type) -> Code:
    """The source of functions as it stands in the library, without their docstrings."""
    return Code(text="\n\n".join(_without_docstring(one) for one in functions))


def _without_docstring(function: Callable[..., Any] | type) -> str:
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    (node,) = ast.parse("\n".join(lines)).body
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(line.split("  # noqa")[0] for line in lines).rstrip()


def scientific(numbers: Numbers, value: float) -> str:
    """A small number as 2.2e-16 (in French 2,2e-16); 0 for none.

    >>> scientific(Numbers("fr"), 2.22e-16), scientific(Numbers("en"), 0.0)
    ('2,2e-16', '0')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    text = f"{value:.1e}"
    return text.replace(".", ",") if numbers.language == "fr" else text


def check_table(lab: LabStory, name: str, caption: str, rows: Sequence[tuple[str, float]]) -> Table:
    """Comparisons computed while the document is written, each with its largest difference."""
    return Table(
        name=name,
        caption=caption,
        corner=lab.say("compared with"),
        columns=[lab.say("largest difference")],
        rows=[
            Row(header=header, cells=[Cell(text=scientific(lab.numbers, value))])
            for header, value in rows
        ],
    )


def of_optimizer(story: Story, optimizer: str) -> Story:
    """The study with the models of one optimizer only."""
    runs = tuple(run for run in story.runs if run.cell.get("optimizer") == optimizer)
    return dataclasses.replace(story, runs=runs)


def best_cell(story: Story) -> CellSummary | None:
    """The complete cell with the highest mean validation accuracy; None before there is one."""
    return max(story.best, key=lambda cell: cell.mean or 0.0, default=None)


def without_optimizer(story: Story, cell: CellSummary) -> str:
    """A cell in words where the optimizer is clear: "learning rate 0.01, batch size 1"."""
    return story.describe(cell.cell, without=["optimizer"])


def binomial_margin(*shares: tuple[float, int]) -> float:
    """Half the 95 % interval of an accuracy, or of the difference of two, from counting images.

    Each share is an accuracy p measured on n images, of variance p (1 − p) / n; the variances of
    independent sets add up. Two models that saw the same images vary together, so their difference
    varies less than that.

    >>> round(binomial_margin((0.85, 6000)), 4)
    0.009
    """
    return 1.96 * math.sqrt(sum(p * (1 - p) / n for p, n in shares))
