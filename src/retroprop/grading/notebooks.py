r"""A notebook as Python files: its cells one after the other, and what it writes by `%%writefile`.

What only IPython understands (magics, shell commands, questions for help) becomes a comment on the
same line, so that a line of an error is a line of the cell. A cell is searched by a scanner that
knows strings, comments and brackets: `x = (a\n     % b)` has no magic in it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retroprop.errors import UserError
from retroprop.languages import Say

MOST_CELLS = 5_000

_STILL_PYTHON = {"time", "timeit", "capture", "prun", "python", "python3", "py", "memit"}
"""The magics under which a cell holds Python."""
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[ \t]*([^\n]*)\n?")
_MAGIC = re.compile(
    r"[ \t]*(?:%(?!=)[^\n]*|![^\n]*|\?[\w.*%]+[^\n]*|[\w.%*]+[ \t]*\?{1,2}[ \t]*(?=\n|\Z)"
    r"|(?:pip3?|conda|mamba)[ \t]+(?:install|uninstall|list)\b[^\n]*|cd[ \t]+[\w./~\"'][^\n]*)"
)
_ASSIGNED = re.compile(r"[ \t]*[\w., ]+=[ \t]*[!%][^\n]*")
_TIMED = re.compile(r"([ \t]*)%(?:time|prun|memit)[ \t]+(?!-)([^\n]*)")
_NEXT = re.compile(r'"""|\'\'\'|["\'()\[\]{}#\n\\]')
_END_OF_STRING = {
    '"""': re.compile(r'(?:[^\\"]|\\.|"(?!""))*+(?:"""|\Z)', re.DOTALL),
    "'''": re.compile(r"(?:[^\\']|\\.|'(?!''))*+(?:'''|\Z)", re.DOTALL),
    '"': re.compile(r'(?:[^\\"\n]|\\.)*+(?:"|(?=\n)|\Z)', re.DOTALL),
    "'": re.compile(r"(?:[^\\'\n]|\\.)*+(?:'|(?=\n)|\Z)", re.DOTALL),
}


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """What a notebook holds.

    Attributes:
        code: Its cells as one Python text, each below a comment with its number.
        files: What `%%writefile NAME` writes: name → text.
    """

    code: str
    files: Mapping[str, str]


def read_notebook(data: bytes, name: str, say: Say) -> Notebook:
    """Read a Jupyter notebook of format 3 or 4.

    Args:
        data: Of the .ipynb file.
        name: Of the file, for the sentences.
        say: The language of the sentences.

    Raises:
        UserError: If it is none.
    """
    none = say("{name} is no Jupyter notebook; save it again, or hand in a .py file")
    try:
        document = json.loads(data.decode("utf-8-sig"))
        cells = list(_cells(document))
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        raise UserError(none.format(name=name)) from None
    if len(cells) > MOST_CELLS:
        too_many = say("{name} has more than {n} cells; a solution has fewer")
        raise UserError(too_many.format(name=name, n=f"{MOST_CELLS:,}"))
    files: dict[str, str] = {}
    pieces = [_python_of(number, cell, files) for number, cell in enumerate(cells, start=1)]
    return Notebook(code="".join(pieces), files=files)


def _cells(document: Mapping[str, Any]) -> Iterator[str]:
    """The texts of the code cells; a text may be one string or a list of lines."""
    sheets = document.get("worksheets")  # of format 3
    cells = document["cells"] if sheets is None else [c for s in sheets for c in s["cells"]]
    for cell in cells:
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            text = source if isinstance(source, str) else "".join(source)
            yield text.replace("\r\n", "\n").replace("\r", "\n")


def _python_of(number: int, cell: str, files: dict[str, str]) -> str:
    """The lines that a cell gives to the notebook's code; what it writes is added to the files."""
    header = f"# --- cell {number}\n"
    magic = _CELL_MAGIC.match(cell)
    if magic is None:
        return f"{header}{_ended(without_magics(cell))}"
    rest = cell[magic.end() :]
    if magic[1] in _STILL_PYTHON:
        return f"{header}{_commented(magic[0].strip())}{_ended(without_magics(rest))}"
    if magic[1] in ("writefile", "file"):
        words = magic[2].split()
        target = next((word.strip("\"'") for word in words if not word.startswith("-")), "")
        before = files.get(target, "") if {"-a", "--append"} & set(words) else ""
        files[target] = before + _ended(rest)
    return f"{header}{_commented(cell.rstrip())}"


def _ended(text: str) -> str:
    return text.rstrip("\n") + "\n"


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.split("\n"))


def without_magics(cell: str) -> str:
    r"""The Python of a cell, line for line.

    >>> without_magics("%matplotlib inline\nx = 1\n!pip install torch")
    'pass  # %matplotlib inline\nx = 1\npass  # !pip install torch'
    """
    pieces = []
    place = 0
    while place < len(cell):
        end, replaced = _statement(cell, place)
        pieces.append(replaced)
        place = end
    return "".join(pieces)


def _statement(cell: str, start: int) -> tuple[int, str]:
    """Where the statement (or several of one line) that starts here ends, and its Python."""
    if timed := _TIMED.match(cell, start):
        return timed.end(), timed[1] + timed[2]
    magic = _MAGIC.match(cell, start) or _ASSIGNED.match(cell, start)
    if magic is not None:
        end = magic.end()
        while cell[end - 1] == "\\" and end < len(cell):  # it goes on in the next line
            line_end = cell.find("\n", end + 1)
            end = len(cell) if line_end < 0 else line_end
        return end, _replaced(cell[start:end])
    end = _end_of_statement(cell, start)
    return end, cell[start:end]


def _replaced(magic: str) -> str:
    """A magic as a statement that does nothing, or as a name that is None."""
    body = magic.lstrip(" \t")
    indent = magic[: len(magic) - len(body)]
    name, equals, _ = body.partition("=")
    does_nothing = f"{name.strip()} = None" if equals and _ASSIGNED.match(body) else "pass"
    first, *rest = body.split("\n")
    lines = [f"{indent}{does_nothing}  # {first.rstrip(chr(92))}"]
    return "\n".join([*lines, *(f"# {line.rstrip(chr(92))}" for line in rest)])


def _end_of_statement(cell: str, start: int) -> int:
    """After the line feed that ends what starts here, or the end of the cell."""
    depth, place = 0, start
    while found := _NEXT.search(cell, place):
        place = found.end()
        token = found[0]
        if token in _END_OF_STRING:
            place = _END_OF_STRING[token].match(cell, place).end()  # pyright: ignore[reportOptionalMemberAccess] - it always matches
        elif token == "#":
            line_end = cell.find("\n", place)
            place = len(cell) if line_end < 0 else line_end
        elif token == "\\":
            place += 1
        elif token == "\n":
            if depth == 0:
                return place
        else:
            depth = depth + 1 if token in "([{" else max(0, depth - 1)
    return len(cell)
