"""Tables that several answers of this assignment use: of facts, and of agreements."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retroprop.report.document import Cell, Table, row
from retroprop.report.lab_report import LabReport

if TYPE_CHECKING:
    from retroprop.models.summary import LayerSummary

ROUNDING = 1e-9
"""Relative errors below this are rounding: double precision has 16 digits, long sums lose some."""


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
        rows=[row(header, *cells) for header, cells in rows],
        words=words,
        notes=notes,
    )


def work(lab: LabReport, parts: Sequence["LayerSummary"]) -> list[tuple[str, list[str]]]:
    """A row for each part of a network: output shape, parameters, millions of multiplications."""
    write = lab.numbers
    return [
        (
            one.name,
            [
                shape(one.output_shape),
                write.integer(one.parameters),
                write.decimal(one.multiply_adds / 1e6, 1),
            ],
        )
        for one in parts
    ]


def agreement_table(lab: LabReport, names: Sequence[str]) -> Table:
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
                    lab.numbers.power_of_ten(found.with_autograd),
                    "—" if differences is None else lab.numbers.power_of_ten(differences),
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
