"""Reading the text of study files, of single values of theirs, and of rubrics, within bounds.

Everything that people write in TOML is read here. A file of some kilobytes can keep a parser busy
for minutes or exhaust its stack, so what no such file needs is refused before it is parsed.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from retroprop.errors import UserError, in_short

SIZES = ("smoke", "laptop", "full")
"""Of a study, the smallest first."""
USUAL_SIZE = "laptop"
"""Where nobody names one: a study that has no such size is whole."""
MOST_BYTES = 100_000
"""Of a study file; the largest one that we ship has 1,421."""
MOST_PARTS = 8
"""Of a key, as `split.seed` has two."""
MOST_BRACKETS = 16
"""Inside one another."""

_QUOTED = re.compile(  # what is not closed goes on to its end; tomllib refuses it there
    r"'''.*?(?:'{3,5}|\Z)"
    r'|"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)'
    r"|'[^'\n]*'?"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|#[^\n]*",
    re.DOTALL,
)


def read_text(path: Path, what: str = "study file") -> str:
    """The text of a study file; a byte-order mark, as Windows writes it, is no part of it.

    Args:
        path: The file.
        what: What it is, for the sentences.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is larger than a study file is, or not written in UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes, and a {what} is shorter")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is written in UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not written in UTF-8; save the file as UTF-8") from None


def parse_toml(text: str, source: str, what: str = "study") -> dict[str, Any]:
    """The tables and values of a TOML text.

    Args:
        text: What a study file holds.
        source: Where it comes from, for the sentences.
        what: What it describes, likewise.

    Raises:
        UserError: If it is not TOML, or beyond the bounds above.
    """
    _check_shape(text, source, what)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UserError(f"{source} is nested too deeply; a {what} is not.") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML: {_reason(str(error), text)}.") from None
    except ValueError:  # Python's limit of digits
        raise UserError(f"{source} has a number of thousands of digits.") from None


_REASONS = {
    "Invalid value": "a value is no number, no true or false, and text without its quotes",
    "Illegal character": "text is not closed by its quotes, or holds a control character",
    "Found invalid character": "a character stands where none may be",
    "Cannot overwrite": "a key is given twice",
    "Duplicate inline table key": "a key is given twice",
    "Cannot declare": "a table is begun twice",
    "Cannot mutate": "a table is begun twice",
    "Cannot redefine": "a table is begun twice",
    "An object other than list": "a table is begun twice",
    "There is no nest": "a table is begun twice",
    "Expected newline": "something stands behind a value that is no part of it",
    "Expected '='": "a key is followed by =, and then by its value",
    "Expected ']": "the name of a table stands between [ and ]",
    "Invalid statement": "a line is key = value, or [table]",
    "Invalid initial character": "a key begins with a letter, a digit or a quote",
    "Unclosed array": "a list is not closed by ]",
    "Unclosed inline table": "a table is not closed by }",
    "Unescaped": "a backslash stands alone in text; write two, or text in 'single quotes'",
    "Escaped character": "text has an escaped character that does not exist",
    "Invalid hex value": "text has an escaped character that does not exist",
    "Unterminated string": "text is not closed by its quotes",
    "Expected": "text is not closed by its quotes",
    "Invalid date": "there is no such day or hour",
}
"""What is wrong, by the beginning of what tomllib says; a longer one before a shorter one."""


def _reason(said: str, text: str) -> str:
    """What tomllib found, in our words, with the line on which it stands."""
    found = (ours for its, ours in _REASONS.items() if said.startswith(its))
    reason = next(found, "something is written in another way")
    place = re.search(r"\(at line (\d+), column \d+\)$", said)
    number = int(place[1]) if place else text.count("\n") + (not text.endswith("\n"))
    lines = text.splitlines()
    line = in_short(lines[number - 1].strip(), 60) if number <= len(lines) else "the end"
    return f"{reason} (line {number:,}: {line})"


def _check_shape(text: str, source: str, what: str) -> None:
    """Refuse long keys, which a parser takes quadratic time for, and deep nesting."""
    if len(text) > MOST_BYTES:
        raise UserError(f"{source} has more than {MOST_BYTES:,} characters; a {what} is shorter.")
    bare = _QUOTED.sub('"', text)
    parts = max(piece.count(".") + 1 for piece in re.split(r"[=,\[\]{}\n]", bare))
    if parts > MOST_PARTS:
        raise UserError(
            f"{source} has a key of {parts:,} parts; the keys of a {what} have one to four."
        )
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MOST_BRACKETS:
        raise UserError(
            f"{source} has {deepest:,} brackets inside one another; a {what} needs two or three."
        )
