"""Submissions that we wrote ourselves, by which a lab's grading proves itself.

A lab's `variants.toml` holds bodies of functions; put into the template, they make whole files:

    [right]                     # all of them together: full points
    "Trainer.one_hot" = '''…'''

    [[unusual]]                 # right too, written otherwise: full points
    name = "one-hot by indexing"
    bodies = { "Trainer.one_hot" = '''…''' }

    [[wrong]]                   # right but for one mistake, which has to be named, in this question
    mistake = "ten columns"
    question = "7"
    bodies = { "Trainer.one_hot" = '''…''' }

In a lab of several files a key starts with the file: "mlp.Linear.forward".
"""

import ast
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.grading.checks import LabGrading

Bodies = Mapping[str, str]
"""Function, as "f" or "Class.method" → the Python code of its body."""


@dataclass(frozen=True, kw_only=True)
class Unusual:
    """A right submission that is written otherwise.

    Attributes:
        name: What is unusual.
        files: File → whole source.
    """

    name: str
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A submission that is right but for one mistake.

    Attributes:
        mistake: Its name, as the grader has to say it.
        question: Number of the only question that is charged.
        bodies: Those that differ from the right submission's.
        files: File → whole source.
    """

    mistake: str
    question: str
    bodies: Bodies
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Variants:
    """The submissions by which a lab's grading proves itself.

    Attributes:
        right: File → whole source.
        right_bodies: Of all functions that are asked for.
        unusual: As right.
        wrong: One mistake each.
    """

    right: Mapping[str, str]
    right_bodies: Bodies
    unusual: Sequence[Unusual]
    wrong: Sequence[Wrong]


def load_variants(path: Path, grading: LabGrading) -> Variants:
    """Read a lab's variants and put them into its template.

    Raises:
        UserError: If the file is no TOML, an entry is not of the form above, or it names a
            function, question or mistake that there is not.
    """
    source = path.name
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError too
        raise UserError(f"{source} cannot be read as TOML: {in_short(error, 200)}.") from None
    _check_keys(read, {"right"}, {"unusual", "wrong"}, source)
    right = _bodies(read["right"], f"{source}, right")
    unusual, wrong = [], []
    for where, entry in _entries(read, "unusual", source):
        _check_keys(entry, {"name", "bodies"}, set(), where)
        bodies = right | _bodies(entry["bodies"], where)
        unusual.append(
            Unusual(name=_text(entry, "name", where), files=submission_of(grading, bodies, where))
        )
    for where, entry in _entries(read, "wrong", source):
        _check_keys(entry, {"mistake", "question", "bodies"}, set(), where)
        bodies = _bodies(entry["bodies"], where)
        wrong.append(
            Wrong(
                mistake=_text(entry, "mistake", where),
                question=_text(entry, "question", where),
                bodies=bodies,
                files=submission_of(grading, right | bodies, where),
            )
        )
        _check_known(wrong[-1], grading, where)
    files = submission_of(grading, right, f"{source}, right")
    return Variants(right=files, right_bodies=right, unusual=unusual, wrong=wrong)


def submission_of(grading: LabGrading, bodies: Bodies, where: str) -> dict[str, str]:
    """The files of a lab's template with some bodies.

    Args:
        grading: With the template.
        bodies: By function; in a lab of several files, by file and function.
        where: What they are, for the sentence of an error.

    Raises:
        UserError: As `with_bodies`, or if a key names no file of the lab.
    """
    by_file: dict[str, dict[str, str]] = {file: {} for file in grading.files}
    for key, body in bodies.items():
        file, _, function = key.partition(".")
        if len(grading.files) == 1:
            file, function = grading.files[0], key
        if file not in by_file:
            raise UserError(
                f"{where}: {in_short(key)} should start with a file of the lab, as "
                f'"{grading.files[0]}.function". {did_you_mean(file, by_file)}'
            )
        by_file[file][function] = body
    return {
        file: with_bodies(grading.template[file], bodies, where) for file, bodies in by_file.items()
    }


def with_bodies(source: str, bodies: Bodies, where: str = "the bodies") -> str:
    """Python source in which the whole bodies of some functions are replaced.

    Args:
        source: Python whose functions have their bodies on lines of their own.
        bodies: Indented in any way; a docstring of `source` goes with the old body.
        where: What the bodies are, for the sentence of an error.

    Raises:
        UserError: If the source has no such function, or a body is no Python.
    """
    functions = dict(_functions(ast.parse(source)))
    lines = source.splitlines()
    found = []
    for name, body in bodies.items():
        if name not in functions:
            raise UserError(
                f"{where}: the template has no function {in_short(name)}. "
                + did_you_mean(name, functions)
            )
        found.append((functions[name], _checked(name, body, where)))
    for function, body in sorted(found, key=lambda pair: -pair[0].lineno):  # from the end upwards
        first = function.body[0]
        indent = " " * first.col_offset
        lines[first.lineno - 1 : function.end_lineno] = textwrap.indent(body, indent).splitlines()
    return "\n".join(lines) + "\n"


def _functions(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions of a module and the methods of its classes, by their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{name}", method) for name, method in _functions(node))


def _checked(name: str, body: str, where: str) -> str:
    body = textwrap.dedent(body.strip("\n")).rstrip()
    try:
        ast.parse("def f():\n" + textwrap.indent(body, " "))
    except SyntaxError as error:
        line = (error.lineno or 2) - 1
        raise UserError(
            f"{where}: the body of {in_short(name)} is no Python: line {line}: {error.msg}."
        ) from None
    return body


# --- what stands in the file ----------------------------------------------------------------------


def _entries(read: dict[str, Any], key: str, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of an array, each with where it stands."""
    entries = read.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{source}: {key} should be tables, each under a line [[{key}]].")
    for number, entry in enumerate(entries, start=1):
        yield f"{source}, {key} {number}", entry


def _check_keys(table: dict[str, Any], needed: set[str], others: set[str], where: str) -> None:
    for key in table.keys() - needed - others:
        known = did_you_mean(key, needed | others)
        raise UserError(f"{where}: there is no key {in_short(key)}. {known}")
    for key in sorted(needed - table.keys()):
        raise UserError(f"{where}: the key {key} is missing.")


def _text(table: dict[str, Any], key: str, where: str) -> str:
    if not isinstance(table[key], str):
        raise UserError(f"{where}: {key} should be a text, and is {in_short(table[key])}.")
    return table[key]


def _bodies(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UserError(
            f"{where}: the bodies should be a table of function and code, and are "
            f"{in_short(value)}."
        )
    return {key: _text(value, key, where) for key in value}


def _check_known(wrong: Wrong, grading: LabGrading, where: str) -> None:
    """Refuse a question that the lab does not have, and a mistake that the question cannot name."""
    questions = {question.number: question for question in grading.questions}
    if wrong.question not in questions:
        raise UserError(
            f"{where}: there is no question {in_short(wrong.question)}. "
            + did_you_mean(wrong.question, questions)
        )
    checks = questions[wrong.question].checks
    names = {mistake.name for check in checks for mistake in check.mistakes}
    if wrong.mistake not in names:
        raise UserError(
            f"{where}: question {wrong.question} knows no mistake {in_short(wrong.mistake)}. "
            + did_you_mean(wrong.mistake, names)
        )
