"""The parts of a report, as plain data that the HTML and the PDF template both draw.

Every text in here is already in the reader's language and is text, never markup: the templates
escape it. Only a `Prose` and an `Equation` hold formulas, in the notation of
`mathematics.notation`. `kind` names the block for the templates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """Sentences, optionally with a title in front and a command line under them."""

    text: str
    title: str = ""
    command: str = ""
    kind: str = "paragraph"


@dataclass(frozen=True, kw_only=True)
class Prose:
    """A paragraph with formulas between dollars and *stressed* words; optionally a title.

    A `quiet` one is set smaller on paper and paler on a page: evidence beside the argument.
    """

    text: str
    title: str = ""
    quiet: bool = False
    kind: str = "prose"


@dataclass(frozen=True, kw_only=True)
class Equation:
    """A formula on lines of its own; `&` aligns its lines and a backslash ends one.

    `name` is that of a formula which several reports show. A `boxed` one stands in a frame on paper
    and on a page: a result.
    """

    source: str
    name: str = ""
    boxed: bool = False
    kind: str = "equation"


@dataclass(frozen=True, kw_only=True)
class Code:
    """Lines of code or of pseudocode, as they are; `language` is "python", "text" or "console"."""

    text: str
    language: str = "python"
    title: str = ""
    kind: str = "code"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A warning that a reader must not miss, and optionally a command line under it."""

    title: str
    text: str
    command: str = ""
    kind: str = "notice"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What is written.
        mark: "", "best", "diverged", "unfinished".
        spoken: Said before the text by a screen reader ("best").
        link: The anchor of the rows that the number comes from.
        value: The number or word for programs, in a table saved as CSV; else it is the text.
    """

    text: str
    mark: str = ""
    spoken: str = ""
    link: str = ""
    value: float | str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table; `anchor` is what links lead to."""

    header: str
    cells: Sequence[Cell]
    anchor: str = ""


def row(header: str, *cells: Cell | str, anchor: str = "") -> Row:
    """A row of a table; a text is a cell that has nothing else."""
    written = [Cell(text=one) if isinstance(one, str) else one for one in cells]
    return Row(header=header, cells=written, anchor=anchor)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with one header column.

    Attributes:
        name: The table's anchor.
        caption: What it shows, with the unit.
        corner: The header of the header column.
        columns: The headers of the other columns.
        rows: The rows.
        across: What the other columns vary, if anything.
        notes: Sentences under the table.
        numeric: Whether it holds numbers, set to the right, or sentences.
        words: The columns of a numeric table that hold words all the same.
        file: The file beside the document with the whole table, where this is a part of it.
    """

    name: str
    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[Row]
    across: str = ""
    notes: Sequence[str] = ()
    numeric: bool = True
    words: Sequence[int] = ()
    file: str = ""
    kind: str = "table"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as SVG, once for paper (fixed colours) and once for a page (the page's colours).

    `half` pictures stand side by side on paper; `wide` ones have small texts, and stand alone.
    """

    name: str
    caption: str
    description: str
    svg: str
    page_svg: str
    half: bool = False
    wide: bool = False
    kind: str = "picture"


Block = Paragraph | Prose | Equation | Code | Notice | Table | Picture


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what is under it.

    Attributes:
        name: Its anchor.
        heading: Its heading.
        blocks: What is under it.
        level: 1, or 2 for a part of the section of level 1 before it.
        asked: What an assignment asks here, as prose; "" where nothing is asked.
        points: What the assignment gives for it, in words.
        code: Python that makes the answer, the code cell of a notebook; "" for none.
    """

    name: str
    heading: str
    blocks: Sequence[Block]
    level: int = 1
    asked: str = ""
    points: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report. `labels` holds the few words that the templates themselves need.

    Attributes:
        long: Whether it has contents on paper, of parts and questions, before the first part.
        setup: Python that the code of its sections needs, the first code cell of a notebook.
        author: Whose document it is, under the subtitle; "" where it is the program's own.
    """

    language: str
    title: str
    subtitle: str
    summary: Sequence[str]
    notices: Sequence[Notice]
    sections: Sequence[Section]
    footer: str
    labels: dict[str, str] = field(default_factory=dict)
    long: bool = False
    setup: str = ""
    author: str = ""
