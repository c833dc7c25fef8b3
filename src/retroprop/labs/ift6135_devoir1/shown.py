"""The blocks that several answers of this assignment use: source code, checks, tables of facts."""

from collections.abc import Callable, Sequence
from typing import Any

from retroprop.labs.source_code import source_of
from retroprop.report.document import Cell, Code, Row, Table
from retroprop.report.lab_story import LabStory

ROUNDING = 1e-9
"""Relative errors below this are rounding: double precision has 16 digits, long sums lose some."""


def source(*objects: Callable[..., Any]) -> Code:
    """The source of functions or classes as the library has it.

    Left out are docstrings and refusals of wrong inputs: the words around say what they do.
    """
    return Code(text=source_of(*objects, refusals=False))


def error(lab: LabStory, value: float) -> str:
    """An error with two digits and a power of ten: 4.4 × 10⁻¹⁶."""
    return lab.numbers.power_of_ten(value)


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
