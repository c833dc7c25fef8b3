"""The command `retroprop check`: a student's own files against the public checks, or a layer."""

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.grade import Confine
from retroprop.cli.parameters import ReadersLanguage
from retroprop.errors import UserError
from retroprop.languages import Language, Say, reader_language, translator

if TYPE_CHECKING:
    from retroprop.grading.results import Sheet

console = Terminal(soft_wrap=True)

STUDENTS_SECRET = b"the public checks"
"""Draws the inputs of whoever checks their own files: the same each time."""


def check(
    lab: str | None = None,
    /,
    *files: Path,
    layer: Annotated[str | None, Parameter(negative=())] = None,
    like: Annotated[str | None, Parameter(negative=())] = None,
    confine: Confine = "best",
    lang: ReadersLanguage = None,
) -> None:
    """Check your own answers to an assignment, or a layer that you derived by hand.

    Args:
        lab: A name that `retroprop lab list` prints.
        files: Your files or notebooks, or the folder that they are in.
        layer: FILE.py:NAME, a class with forward and backward; or FILE.py:FORWARD,BACKWARD, two
            functions.
        like: What the layer should be: linear, conv2d, relu, layer-norm, softmax-cross-entropy, or
            another one that `retroprop verify` lists.
        confine: As for `retroprop grade`; on systems other than Linux nothing is confined.
        lang: The language: en or fr. Default: the reader's.

    Raises:
        UserError: If something is missing, or an answer is not right.
    """
    language = lang or reader_language()
    if layer is not None or like is not None:
        if lab is not None or layer is None or like is None:
            raise UserError("write: retroprop check --layer FILE.py:NAME --like conv2d.")
        _check_layer(layer, like, confine, translator(language))
    elif lab is None or not files:
        raise UserError("write: retroprop check LAB FILE…, or retroprop check --layer FILE.py:NAME "
                        "--like conv2d.")  # fmt: skip
    else:
        _check_files(lab, files, confine, language)


def _check_files(lab: str, files: tuple[Path, ...], confine: Any, language: Language) -> None:
    import torch

    from retroprop.grading.class_grading import Order, grade
    from retroprop.grading.rubric import read_rubric
    from retroprop.grading.submissions import read_submission
    from retroprop.labs.catalog import find_grading

    torch.set_num_threads(1)
    order = Order(
        rubric=read_rubric(None, find_grading(lab)),
        secret=STUDENTS_SECRET,
        language=language,
        confine=confine,
        public_only=True,
    )
    say = order.say
    submission = read_submission(files, order.grading, say)
    if submission.unreadable:
        raise UserError(submission.unreadable)
    with _server(confine) as server:
        sheet = grade(order, submission, server, lambda _: None, threading.Event())
    wrong = _print_sheet(sheet, say)
    if wrong:
        raise UserError(say("public checks that are not right yet: {n}.").format(n=wrong))
    console.print(Text(say("All public checks are right; the hidden ones are the teacher's.")))


def _print_sheet(sheet: "Sheet", say: Say) -> int:
    """Every check with its sentence; how many are not right."""
    from retroprop.grading.results import explained
    from retroprop.grading.results_files import notes_of

    for note in notes_of(sheet, say):
        console.print(Text(f"• {note}"))
    wrong = 0
    for question in sheet.questions:
        for result in question.checks:
            passed = result.score >= result.max_score
            wrong += not passed
            label = f"{question.question.number}. {say(question.question.name)}"
            named = say("{label}: {text}").format(label=label, text=say(result.check.name))
            mark = Text("✓ " if passed else "✗ ", style="green" if passed else "bold red")
            console.print(mark + Text(named))
            if sentence := explained(result, sheet.grading, say):
                console.print(Text(f"    {sentence}"))
    return wrong


def _check_layer(layer: str, like: str, confine: Any, say: Say) -> None:
    from retroprop.grading.own_layer import PROBES, check_layer
    from retroprop.grading.sessions import NoAnswer, Raised, Session

    path, _, names = layer.rpartition(":")
    if not path or not names:
        raise UserError(f"--layer is FILE.py:NAME, or FILE.py:FORWARD,BACKWARD, and not {layer!r}.")
    parts = [name.strip() for name in names.split(",")]
    files = {"layer": _source(Path(path))}
    with _server(confine) as server, Session(server, files, PROBES) as session:

        def answer(case: Mapping[str, Any]) -> Any:
            try:
                return session.ask("probe", {"names": parts, "case": dict(case)})
            except NoAnswer as none:
                if isinstance(none, Raised) and none.line is not None:
                    none.file = path.rpartition("/")[2]
                    raise  # in the layer; else it was not even called
                raise UserError(
                    say("{layer} gave no answer: {why}.").format(
                        layer=layer, why=none.said(say).rstrip(".")
                    )
                ) from None

        found = check_layer(answer, like, say)
    for one in found.tensors:
        mark = Text("✓ " if one.passed else "✗ ", style="green" if one.passed else "bold red")
        counted = say("right in {right} of {all} cases").format(right=one.right, all=one.cases)
        console.print(mark + Text(f"{one.tensor:<8} {counted}"))
        if not one.passed:
            console.print(Text(f"    {one.tensor} {one.sentence} ({one.where})"))
    for why in dict.fromkeys(found.raised.values()):
        cases = [case for case, reason in found.raised.items() if reason == why]
        no_answer = say("no answer in {n} cases, first in {case}: {why}")
        said = no_answer.format(n=len(cases), case=cases[0], why=why)
        console.print(Text("✗ ", style="bold red") + Text(said))
    for case, lacking in found.left_out.items():
        left_out = say("left out: {case}, because the layer has no {names}")
        console.print(Text("– " + left_out.format(case=case, names=", ".join(lacking))))
    if not found.passed:
        raise UserError(say("{layer} is not {like}.").format(layer=names, like=like))
    console.print(Text(say("{layer} is proved like {like}.").format(layer=names, like=like)))


def _server(confine: Any) -> Any:
    """What begins the processes: your own files need no confinement where there is none."""
    from retroprop.grading.sessions import ForkServer, PlainServer

    if sys.platform == "linux" or confine == "require":
        return ForkServer(confine)
    return PlainServer()


def _source(path: Path) -> str:
    from retroprop.errors import in_short

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({in_short(error)}); give a Python file.") from None
