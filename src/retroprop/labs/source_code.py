"""The source of a function as it stands in the library, for the answers that show it."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from retroprop.report.document import Code


def source(*objects: Callable[..., Any] | type, title: str = "", refusals: bool = False) -> Code:
    """The source of functions or classes without their docstrings: the words around explain them.

    Args:
        objects: What to show.
        title: Of the block.
        refusals: Whether to show what refuses wrong inputs (`if …: raise …`).
    """
    return Code(title=title, text="\n\n".join(_essence(one, refusals) for one in objects))


def _essence(one: Callable[..., Any] | type, refusals: bool) -> str:
    lines = textwrap.dedent(inspect.getsource(one)).rstrip().splitlines()
    left_out: set[int] = set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts = [] if refusals else [part for part in node.body if _is_refusal(part)]
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
