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

from retroprop.mathematics.prose import Words
from retroprop.report.document import Cell, Code, Row, Table
from retroprop.report.lab_story import LabStory
from retroprop.report.numbers import NO_BREAK, Numbers
from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def named(code: str) -> Words:
    """A title that is a name of the assignment's code, the same in every language."""
    return Words(code, code)


def source(*functions: Callable[..., Any] | type) -> Code:
    """The source of functions as it stands in the library.

    Left out are docstrings and refusals of wrong inputs: the words around say what they do.
    """
    return Code(text="\n\n".join(_essence(one) for one in functions))


def _essence(function: Callable[..., Any] | type) -> str:
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    left_out: set[int] = set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts = [part for part in node.body if _is_refusal(part)]
            parts += node.body[:1] if ast.get_docstring(node) is not None else []
            for part in parts:
                left_out |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
    kept = [line for number, line in enumerate(lines, start=1) if number not in left_out]
    # the blank line that followed a docstring opens nothing now
    return "\n".join(line for at, line in enumerate(kept) if line or kept[at - 1][-1:] != ":")


def _is_refusal(part: ast.stmt) -> bool:
    if isinstance(part, ast.For):
        return all(_is_refusal(one) for one in part.body)
    return isinstance(part, ast.If) and isinstance(part.body[-1], ast.Raise)


def scientific(numbers: Numbers, value: float) -> str:
    """A small number with its power of ten: 2.2 × 10⁻¹⁶.

    >>> scientific(Numbers("fr"), 2.22e-16).replace(NO_BREAK, " "), scientific(Numbers("en"), 0.0)
    ('2,2 × 10⁻¹⁶', '0')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(_SUPERSCRIPT)
    return f"{numbers.decimal(float(mantissa), 1)} × 10{power}".replace(" ", NO_BREAK)


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
