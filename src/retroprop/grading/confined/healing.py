"""A file that cannot be parsed, without what cannot be parsed: the rest still earns its points."""

import ast
import re
from dataclasses import dataclass

MOST_CUTS = 20
FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")
STATEMENT = re.compile(r"[^\s#)\]}]")
"""The first character of a line that begins a statement of the file itself."""


@dataclass(frozen=True)
class Cut:
    """What was left out of a file.

    Attributes:
        line: Where it could not be parsed.
        reason: What Python says.
        name: Of the function; empty for lines that are in none.
    """

    line: int
    reason: str
    name: str


def healed(source: str, file: str) -> tuple[str, ast.Module, list[Cut]]:
    """A file that can be parsed, its tree, and what was left out of it.

    A function that cannot be parsed raises SyntaxError when it is called; every line keeps its
    number.

    Raises:
        SyntaxError: If too much cannot be parsed.
    """
    source = source.removeprefix("\ufeff").replace("\0", "")
    cuts: list[Cut] = []
    while (error := fault(source, file)) is not None:
        found = without_fault(source, error, file) if len(cuts) < MOST_CUTS else None
        if found is None:
            raise error
        source, cut = found
        cuts.append(cut)
    return source, ast.parse(source, file), cuts


def fault(source: str, file: str) -> SyntaxError | None:
    """The first thing in a source that Python does not accept."""
    try:
        compile(source, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        return error
    return None


def without_fault(source: str, error: SyntaxError, file: str) -> tuple[str, Cut] | None:
    """The source without the part whose absence lets Python get further.

    That need not be the part where Python noticed: a function without a body is noticed in the
    next one. So the function around the line is tried, then the one before, then the statement.
    """
    lines = source.split("\n")
    line = min(max(error.lineno or 1, 1), len(lines))
    for start, name in candidates(lines, line):
        tried = "\n".join(without_part(lines, start, name, line, error.msg))
        left = fault(tried, file)
        if left is None or (left.lineno or 0) > line:
            return tried, Cut(line, error.msg, name)
    return None


def candidates(lines: list[str], line: int) -> list[tuple[int, str]]:
    """Parts that may be at fault: index of their first line, and name of the function."""
    above = range(line - 1, -1, -1)
    functions = [(i, found[1]) for i in above if (found := FUNCTION.match(lines[i]))]
    statement = next((i for i in above if STATEMENT.match(lines[i])), 0)
    return [*functions[:2], (line - 1, ""), (statement, "")]


def without_part(lines: list[str], start: int, name: str, line: int, reason: str) -> list[str]:
    """The lines without the part that begins there, up to the next line that is not within it.

    A function raises its SyntaxError in the line of the fault, where that is one of its own.
    """
    margin = " " * indentation(lines[start])
    stop = start + 1
    while stop < len(lines) and (not lines[stop].strip() or indentation(lines[stop]) > len(margin)):
        stop += 1
    left = [margin + "pass", *[""] * (stop - start - 1)]
    if name and start < line - 1 < stop:
        left[0] = f"{margin}def {name}(*_, **__):"
        left[line - 1 - start] = f"{margin} raise SyntaxError({reason!r})"
    elif name:
        reason = f"line {line}: {reason}"
        left[0] = f"{margin}def {name}(*_, **__): raise SyntaxError({reason!r})"
    return [*lines[:start], *left, *lines[stop:]]


def indentation(line: str) -> int:
    """Columns before a line's first character."""
    wide = line.expandtabs(8)
    return len(wide) - len(wide.lstrip())
