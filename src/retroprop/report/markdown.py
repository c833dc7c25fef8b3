"""The blocks of a document as the Markdown of notebooks, with formulas as LaTeX.

Texts stay texts: what Markdown, HTML or MathJax would read as markup is escaped. A dollar and a
backslash stand in an element of their own, since MathJax searches the page after Markdown made it.
Pictures are named as attachments, `attachment:NAME.png`; the notebook holds them.
"""

import re

from retroprop.mathematics.latex import latex
from retroprop.report.document import (
    Block,
    Cell,
    Code,
    Equation,
    Notice,
    Paragraph,
    Picture,
    Prose,
    Table,
)
from retroprop.report.frame import flat_spans, paragraphs

_MARKUP = {
    **{character: f"\\{character}" for character in "`*_[]#~"},
    **{"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "\n": " "},
    **{"$": "<span>&#36;</span>", "\\": "<span>&#92;</span>"},
}


def escape(text: str) -> str:
    r"""A text in which nothing acts as markup.

    >>> escape("a_b | 2 $ <b>")
    'a\\_b &#124; 2 <span>&#36;</span> &lt;b&gt;'
    """
    escaped = "".join(_MARKUP.get(character, character) for character in text.strip())
    escaped = re.sub(r"^([-+]|=+|-+)(?=\s|$)", r"\\\1", escaped)  # a list, an underline
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", escaped)


def prose(text: str) -> str:
    r"""A paragraph of prose: *stressed* words bold, formulas between dollars.

    >>> prose("*Let* $x_i$ be 2_3.")
    '**Let** $x_{i}$ be 2\\_3.'
    """
    pieces = []
    for span, stressed in flat_spans(text):
        if span.kind == "math":
            pieces.append(f"${latex(span.text)}$")
        else:
            before, after = _ends(span.text)
            word = escape(span.text)
            mark = "**" if stressed and word else ""
            pieces.append(f"{before}{mark}{word}{mark}{after}")
    return "".join(pieces)


def _ends(text: str) -> tuple[str, str]:
    """The spaces at both ends of a text, which `escape` takes away."""
    if not text.strip():
        return (" " if text else "", "")
    return (" " if text[0].isspace() else "", " " if text[-1].isspace() else "")


def quoted(text: str) -> str:
    """Paragraphs of Markdown as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def fenced(text: str, language: str) -> str:
    """Lines of code between fences that are longer than any in them."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def block_markdown(block: Block) -> str:
    """A block as Markdown, without a line break at its end."""
    match block:
        case Paragraph(text=text, title=title, command=command):
            return _with_command(_titled(title, escape(text)), command)
        case Prose(text=text, title=title):
            first, *others = map(prose, paragraphs(text))
            return "\n\n".join([_titled(title, first), *others])
        case Equation(source=source):
            return f"$$\n{latex(source)}\n$$"
        case Code(text=text, language=language, title=title):
            code = fenced(text, language)
            return f"{escape(title)}\n\n{code}" if title else code
        case Notice(title=title, text=text, command=command):
            return quoted(_with_command(_titled(title, escape(text)), command))
        case Table():
            return _table(block)
        case Picture(name=name, caption=caption, description=description):
            words = escape(f"{caption} {description}").replace("\\[", "(").replace("\\]", ")")
            return f"![{words}](attachment:{name}.png)\n\n*{escape(caption)}*"


def _titled(title: str, text: str) -> str:
    return f"**{escape(title)}.** {text}" if title else text


def _with_command(text: str, command: str) -> str:
    return f"{text}\n\n{fenced(command, 'console')}" if command else text


def _table(table: Table) -> str:
    """A table with its caption above and its notes below."""
    corner = escape(table.corner)
    if table.across:
        corner = f"{corner} ↓ {escape(table.across)} →"
    words = [not table.numeric or column in table.words for column, _ in enumerate(table.columns)]
    lines = [
        _line([corner, *map(escape, table.columns)]),
        _line([":---", *(":---" if left else "---:" for left in words)]),
        *(_line([escape(row.header), *map(_cell, row.cells)]) for row in table.rows),
    ]
    notes = [f"*{escape(' '.join(table.notes))}*"] if table.notes else []
    return "\n\n".join([f"**{escape(table.caption)}**", "\n".join(lines), *notes])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.mark == "best":
        return f"**★ {text}**"
    return f"*{text}*" if cell.mark == "diverged" and text else text
