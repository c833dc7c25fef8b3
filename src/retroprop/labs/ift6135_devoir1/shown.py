"""The blocks that several answers of this assignment use: source code, checks, tables of facts."""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from retroprop.report.document import Cell, Code, Row, Table
from retroprop.report.lab_story import LabStory

ROUNDING = 1e-9
"""Relative errors below this are rounding: double precision has 16 digits, long sums lose some."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def source(*objects: Callable[..., Any]) -> Code:
    """The source of functions or classes as the library has it.

    Left out are docstrings and refusals of wrong inputs: the words around say what they do.
    """
    return Code(text="\n\n".join(_essence(one) for one in objects))


def _essence(one: Callable[..., Any]) -> str:
    text = textwrap.dedent(inspect.getsource(one)).rstrip()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        left_out: list[ast.stmt] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            left_out = [part for part in node.body if _is_refusal(part)]
            left_out += node.body[:1] if ast.get_docstring(node) else []
        for part in left_out:
            for at in range(part.lineno - 1, part.end_lineno or part.lineno):
                lines[at] = "\0"
    kept = [line for line in lines if line != "\0"]
    # the blank line that followed a docstring opens nothing now
    return "\n".join(
        line for at, line in enumerate(kept) if line.strip() or not _opens(kept[at - 1])
    )


def _is_refusal(part: ast.stmt) -> bool:
    return isinstance(part, ast.If) and isinstance(part.body[-1], ast.Raise)


def _opens(line: str) -> bool:
    return line.rstrip().endswith(":")


def error(lab: LabStory, value: float) -> str:
    """An error with two digits and a power of ten: 4.4 × 10⁻¹⁶.

    >>> from retroprop.report.lab_story import LabStory
    >>> error(LabStory(None, None, "fr"), 4.44e-16).replace(chr(0xA0), " ")
    '4,4 × 10⁻¹⁶'
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    exponent = math.floor(math.log10(abs(value)))
    mantissa = lab.numbers.decimal(value / 10.0**exponent, 1)
    return f"{mantissa}\u00a0×\u00a010{str(exponent).translate(_SUPERSCRIPT)}"


def shape(sizes: Sequence[int]) -> str:
    """The shape of a tensor: 64 × 32 × 32."""
    return " × ".join(map(str, sizes)).replace(" ", "\u00a0")


def facts(
    name: str,
    caption: str,
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str | Cell]]],
    *,
    words: Sequence[int] = (),
    notes: Sequence[str] = (),
) -> Table:
    """A table of numbers from rows of texts; `words` are the columns that hold words."""
    return Table(
        name=name,
        caption=caption,
        corner=corner,
        columns=columns,
        rows=[
            Row(
                header=header,
                cells=[one if isinstance(one, Cell) else Cell(text=one) for one in cells],
            )
            for header, cells in rows
        ],
        words=words,
        notes=notes,
    )


def agreement_table(lab: LabStory, names: Sequence[str]) -> Table:
    """Rows of `retroprop verify`, compared now: by hand, automatic, and by central differences."""
    from retroprop.labs.ift6135_devoir1.checks import agreement

    say = lab.say
    rows = []
    for name in names:
        found = agreement(name)
        differences = found.with_differences
        rows.append(
            (
                name,
                [
                    error(lab, found.with_autograd),
                    "—" if differences is None else error(lab, differences),
                    lab.numbers.integer(found.cases),
                ],
            )
        )
    return facts(
        "agreement",
        say("The output and every gradient, derived by hand: largest relative error, in float64"),
        say("layer or network"),
        [say("against autograd"), say("against central differences"), say("shapes tried")],
        rows,
        notes=[say("Computed while this document was written; retroprop verify tries all shapes.")],
    )
