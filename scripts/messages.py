"""The French texts compared with the texts that the code says.

    python scripts/messages.py    texts without French, French that nobody says

It finds the texts in the code: what stands in a call of say, say_later or prose, as a
literal, on either side of a condition, or in a name that the same function or module gives a value.
The texts of the command line's help are those that its pages say while they are printed, so
docstrings count. `compile_messages.py`, beside this file, has the sources.
"""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from compile_messages import MessagesError, by_file
from cyclopts import App
from rich.console import Console

import retroprop
from retroprop.cli.entry import EPILOGUE, app
from retroprop.cli.help_formatter import HelpFormatter
from retroprop.languages import Say

CODE = Path(retroprop.__file__).parent
SPOKEN_KEYWORDS: dict[str, set[str]] = {  # also said, by name
    "prose": {"title"},
    "Question": {"title", "asked"},
    "Part": {"title", "introduction"},
    "ProvedQuestion": {"title", "task", "hypotheses", "remark"},
    "Step": {"why"},
    "Proof": {"scope"},
    "Check": {"claim", "against"},
    "ModelFormula": set(),
    "SettingWords": {"phrase"},
    "ValueWords": {"short", "phrase"},
}
SPEAKERS = {"say", "say_later", *SPOKEN_KEYWORDS}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Said = tuple[str, int]  # a text and its line


def main() -> None:
    """Print what is missing and what is left over."""
    try:
        found = complaints()
    except MessagesError as error:
        sys.exit(str(error))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


def complaints() -> list[str]:
    """One line for every text without French, and for every French text that nobody says."""
    known = {text: name for name, texts in by_file().items() for text in texts}
    said = texts_said() | texts_of_the_help()
    missing = [f"{where}: not in French: {text!r}" for text, where in said.items()]
    leftover = [f"{name}: nobody says: {text!r}" for text, name in known.items()]
    return [line for text, line in zip(said, missing, strict=True) if text not in known] + [
        line for text, line in zip(known, leftover, strict=True) if text not in said
    ]


# --- the texts in the code ------------------------------------------------------------------------


def texts_said() -> dict[str, str]:
    """Every text that the code says, with the first place where it does."""
    found: dict[str, str] = {}
    for file in sorted(CODE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for text, line in texts_said_in(tree):
            found.setdefault(text, f"{file.relative_to(CODE)}:{line}")
    return found


def texts_of_the_help() -> dict[str, str]:
    """Every text on the pages of the help, with the first page that shows it."""
    found: dict[str, str] = {}
    for page in pages(app):

        def say(text: str, page: str = " ".join(page)) -> str:
            found.setdefault(text, f"retroprop {page} --help")
            return text

        printed(page, say)
    return found


def pages(command: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words after "retroprop" of every page of the help: none, "run", "data list" and so on."""
    yield path
    for name in command:
        if not name.startswith("-"):
            yield from pages(command[name], (*path, name))


def printed(page: tuple[str, ...], say: Say, width: int = 100) -> str:
    """A page of the help, each text said by `say`."""
    lines = io.StringIO()
    before = app.help_formatter, app.help_epilogue
    try:
        app.help_formatter, app.help_epilogue = HelpFormatter(app, say), say(EPILOGUE)
        app.help_print(list(page), console=Console(file=lines, width=width))
    finally:
        app.help_formatter, app.help_epilogue = before
    return lines.getvalue()


def texts_said_in(scope: ast.AST, known: dict[str, set[str]] | None = None) -> Iterator[Said]:
    """Every text that a module or a function says, functions inside it too.

    `known` holds the texts that each name may have around it.
    """
    hidden = {name: set[str]() for name in _parameters(scope)}
    known = {**(known or {}), **hidden, **_values(scope)}
    for node in _own_nodes(scope):
        if isinstance(node, ast.Call) and (speaker := _name(node.func)) in SPEAKERS:
            spoken = {key.arg: key.value for key in node.keywords}
            by_name = [spoken[key] for key in SPOKEN_KEYWORDS.get(speaker, ()) if key in spoken]
            for said in (*node.args[:1], *by_name):
                for text in sorted(_texts_in(said, known)):
                    yield text, node.lineno
        elif isinstance(node, FUNCTIONS):
            yield from texts_said_in(node, known)


def _texts_in(expression: ast.expr, known: dict[str, set[str]]) -> set[str]:
    """The texts that an expression may be."""
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return _texts_in(body, known) | _texts_in(orelse, known)
        case ast.Name(id=name):
            return known.get(name, set())
        case _:
            return set()


def _values(scope: ast.AST) -> dict[str, set[str]]:
    """The texts that the names of a scope are given: x = "…", for x in ("…", "…")."""
    values: dict[str, set[str]] = {}
    for node in _own_nodes(scope):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=given)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as given)
                | ast.NamedExpr(target=ast.Name(id=name), value=given)
            ):
                values[name] = values.get(name, set()) | _texts_in(given, values)
            case ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=elements)) | (
                ast.comprehension(target=ast.Name(id=name), iter=ast.Tuple(elts=elements))
            ):
                values[name] = values.get(name, set()).union(
                    *(_texts_in(element, values) for element in elements)
                )
    return values


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a scope, in the order of the text; functions in it are named, not entered."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, FUNCTIONS):
            yield from _own_nodes(node)


def _parameters(scope: ast.AST) -> list[str]:
    if not isinstance(scope, FUNCTIONS):
        return []
    return [node.arg for node in ast.walk(scope.args) if isinstance(node, ast.arg)]


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


if __name__ == "__main__":
    main()
