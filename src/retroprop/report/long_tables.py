"""Tables that nobody can read to their end: a document shows a part, a CSV file beside it has all.

Setting a table on paper costs far more than each of its rows should: of 12,000 rows, minutes. What
is shown is what a reader looks for: where the best cells are, what other numbers lead to, and then
the first rows.
"""

import dataclasses
from collections.abc import Sequence

from retroprop.languages import Say, translator
from retroprop.report.document import Block, Document, Row, Section, Table
from retroprop.report.numbers import Numbers

MOST_ROWS = 300
MOST_COLUMNS = 20


def shortened(document: Document, stem: str) -> tuple[Document, dict[str, Table]]:
    """The document with a part of each long table, and those tables whole.

    Args:
        document: What is written.
        stem: The name of its files without their endings.

    Returns:
        The document, and the tables by the names of the CSV files that hold them.
    """
    say = translator(document.language)
    blocks = [block for section in document.sections for block in section.blocks]
    whole = {
        f"{stem}-{block.name}.csv": block
        for block in blocks
        if isinstance(block, Table) and _is_long(block)
    }
    if not whole:
        return document, {}
    wanted = _wanted(blocks)
    parts = {
        table.name: _part(table, wanted, file, say, Numbers(document.language))
        for file, table in whole.items()
    }
    sections = [
        dataclasses.replace(
            section,
            blocks=[parts.get(getattr(block, "name", ""), block) for block in section.blocks],
        )
        for section in document.sections
    ]
    return dataclasses.replace(document, sections=traced(sections)), whole


def traced(sections: Sequence[Section]) -> list[Section]:
    """The sections with only those links that lead to a row of this document."""
    anchors = {
        row.anchor
        for section in sections
        for block in section.blocks
        if isinstance(block, Table)
        for row in block.rows
        if row.anchor
    }

    def checked(block: Block) -> Block:
        if not isinstance(block, Table):
            return block
        rows = [
            dataclasses.replace(
                row,
                cells=[
                    cell if cell.link in anchors else dataclasses.replace(cell, link="")
                    for cell in row.cells
                ],
            )
            for row in block.rows
        ]
        return dataclasses.replace(block, rows=rows)

    return [
        dataclasses.replace(section, blocks=[checked(block) for block in section.blocks])
        for section in sections
    ]


def _is_long(table: Table) -> bool:
    return len(table.rows) > MOST_ROWS or len(table.columns) > MOST_COLUMNS


def _wanted(blocks: Sequence[Block]) -> dict[str, int]:
    """The anchors that numbers lead to: 0 for those of the best cells, 1 for others."""
    cells = [
        cell
        for block in blocks
        if isinstance(block, Table)
        for row in block.rows
        for cell in row.cells
        if cell.link
    ]
    return {cell.link: 1 for cell in cells} | {c.link: 0 for c in cells if c.mark == "best"}


def _part(table: Table, wanted: dict[str, int], file: str, say: Say, numbers: Numbers) -> Table:
    """The rows and columns of a table that are shown, and a caption that says so."""

    def of_row(row: Row) -> int:
        best = any(cell.mark == "best" for cell in row.cells)
        return 0 if best else wanted.get(row.anchor, 2)

    marked = {at for row in table.rows for at, cell in enumerate(row.cells) if cell.mark == "best"}
    rows = _first([of_row(row) for row in table.rows], MOST_ROWS)
    columns = _first([at not in marked for at in range(len(table.columns))], MOST_COLUMNS)
    counts = []
    if len(rows) < len(table.rows):
        text = say("{n} of {all} rows")
        counts.append(
            text.format(n=numbers.integer(len(rows)), all=numbers.integer(len(table.rows)))
        )
    if len(columns) < len(table.columns):
        text = say("{n} of {all} columns")
        counts.append(
            text.format(n=numbers.integer(len(columns)), all=numbers.integer(len(table.columns)))
        )
    caption = say("{caption} ({counts}; all are in {file}, beside this report)").format(
        caption=table.caption, counts=say(", ").join(counts), file=file
    )
    return dataclasses.replace(
        table,
        caption=caption,
        columns=[table.columns[at] for at in columns],
        rows=[
            dataclasses.replace(
                table.rows[at], cells=[table.rows[at].cells[column] for column in columns]
            )
            for at in rows
        ],
        words=[new for new, old in enumerate(columns) if old in table.words],
        file=file,
    )


def _first(ranks: Sequence[int], most: int) -> list[int]:
    """The places of the lowest ranks, at most so many, in their order; the first of equal ones."""
    return sorted(sorted(range(len(ranks)), key=lambda at: ranks[at])[:most])
