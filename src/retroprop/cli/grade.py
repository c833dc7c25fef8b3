"""The commands `retroprop grade` and `retroprop grade rubric | selftest | pack`."""

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Flag, ReadersLanguage, WholeNumber
from retroprop.errors import Interrupted, UserError, in_short
from retroprop.files import replace_file
from retroprop.languages import reader_language, translator

if TYPE_CHECKING:
    from retroprop.grading.class_grading import Order
    from retroprop.grading.results import Sheet
    from retroprop.grading.submissions import Submission

console = Terminal(soft_wrap=True)

Confine = Annotated[Literal["require", "best", "none"], Parameter(negative=())]
Workers = Annotated[WholeNumber | None, Parameter(negative=())]
SHORTEST_SECRET = 16
"""Bytes."""


def grade(
    lab: str,
    submissions: Path,
    /,
    *,
    out: Path = Path("grades"),
    rubric: Path | None = None,
    secret: Path | None = None,
    workers: Workers = None,
    confine: Confine = "require",
    similarity: Flag = False,
    lang: ReadersLanguage = None,
) -> None:
    """Grade the submissions of an assignment.

    Args:
        lab: A name that `retroprop lab list` prints.
        submissions: A folder or a zip of submissions: files, folders, zips, notebooks, or what
            Gradescope exports.
        out: The folder for the results; it is made when missing.
        rubric: A TOML file with your points and limits; `retroprop grade rubric LAB` writes one.
        secret: A file of 16 bytes or more, with which hidden inputs are drawn. Default: one that
            is made in the folder of the results, and used again there.
        workers: How many submissions are graded at once. Default: one per core. It changes no
            score.
        confine: require: refuse where this machine cannot confine what it runs. best: take what
            there is. none: submissions run as any program; for files that you trust.
        similarity: Compare all submissions with each other, and show what looks alike.
        lang: The language of all that is written: en or fr. Default: the reader's.

    Raises:
        UserError: If the assignment is unknown, nothing can be read, or the machine cannot confine.
    """
    from retroprop.grading.class_results import results_folder
    from retroprop.grading.submissions import read_class
    from retroprop.labs.catalog import find_grading

    find_grading(lab)  # what is wrong is said before a folder is made
    if out.resolve() == submissions.resolve():
        raise UserError(
            f"{out} holds the submissions; name another folder for the results with --out."
        )
    with results_folder(out):
        order = _order(lab, rubric, secret, out, confine, lang)
        handed_in = read_class(submissions, order.grading, order.say, results=out)
        for name in order.rubric.strangers(handed_in):
            nobody = order.say("the rubric gives points to {name}, who handed in nothing.")
            console.print(Text(nobody.format(name=name)))
        _grade(lab, order, handed_in, out, workers=_workers(workers), similarity=similarity)


def _grade(
    lab: str,
    order: "Order",
    handed_in: "Sequence[Submission]",
    out: Path,
    *,
    workers: int,
    similarity: bool,
) -> None:
    from retroprop.grading.class_grading import grade_class
    from retroprop.grading.class_results import ClassResults
    from retroprop.labs.catalog import find_lab

    results = ClassResults(
        out, handed_in, order=order, title=find_lab(lab).title, similarity=similarity
    )
    stop = threading.Event()
    done: "list[Sheet]" = []

    def on_question(sheet: "Sheet") -> None:
        results.keep(sheet)
        if sheet.finished:
            done.append(sheet)
            console.print(Text(_line(sheet, len(done), len(handed_in))))

    try:
        with _interruptible(stop):
            grade_class(order, handed_in, workers=workers, on_question=on_question, stop=stop)
    except Interrupted:
        results.write(done)
        raise Interrupted(
            f"Stopped; the results of {len(done)} of {len(handed_in)} submissions are in {out}."
        ) from None
    for path in results.write(done):
        console.print(Text(f"wrote {path}"))


def rubric(lab: str, /, *, lang: ReadersLanguage = None) -> None:
    """Print the rubric of an assignment, to change and to give back.

    Args:
        lab: A name that `retroprop lab list` prints.
        lang: The language of its comments: en or fr. Default: the reader's.

    Raises:
        UserError: If the assignment is unknown.
    """
    from retroprop.grading.rubric import default_rubric
    from retroprop.labs.catalog import find_grading

    say = translator(lang or reader_language())
    console.print(default_rubric(find_grading(lab), say), end="")


def selftest(
    lab: str,
    /,
    *,
    rubric: Path | None = None,
    workers: Workers = None,
    confine: Confine = "require",
    lang: ReadersLanguage = None,
) -> None:
    """Let the grading of an assignment prove itself.

    Args:
        lab: A name that `retroprop lab list` prints.
        rubric: The TOML file that should prove itself.
        workers: How many submissions are graded at once. Default: one per core.
        confine: As for `retroprop grade`.
        lang: The language: en or fr. Default: the reader's.

    Raises:
        UserError: If something is not as it should be, or the machine cannot confine.
    """
    from retroprop.grading.selftest import selftest as prove
    from retroprop.labs.catalog import find_variants

    order = _order(lab, rubric, None, None, confine, lang)
    say = order.say
    stop = threading.Event()
    with _interruptible(stop):
        proofs = prove(
            order,
            find_variants(lab),
            workers=_workers(workers),
            on_sheet=lambda sheet: console.print(Text(f"  {sheet.submission.name}")),
            stop=stop,
        )
    wrong = [proof for proof in proofs if not proof.passed]
    for proof in wrong:
        expected = say("expected: {expected}; found: {found}")
        said = expected.format(expected=proof.expected, found=proof.found)
        console.print(Text(f"✗ {proof.name}: {said}"))
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(proofs)} submissions were not graded as they should."
        )
    console.print(Text(say("all {n} submissions were graded as they should").format(n=len(proofs))))


def pack(
    lab: str,
    /,
    *,
    out: Path = Path("autograder.zip"),
    rubric: Path | None = None,
    secret: Path | None = None,
    confine: Confine = "best",
    lang: ReadersLanguage = None,
) -> None:
    """Write a zip that grades an assignment on Gradescope.

    Args:
        lab: A name that `retroprop lab list` prints.
        out: The zip.
        rubric: A TOML file with your points and limits.
        secret: A file of 16 bytes or more, with which hidden inputs are drawn. Default: a new
            secret, which the zip alone has.
        confine: As for `retroprop grade`; on Gradescope each submission has a container.
        lang: The language of what students read: en or fr. Default: the reader's.

    Raises:
        UserError: If the assignment is unknown, the rubric is not right, or the zip cannot be
            written.
    """
    from retroprop.grading.pack import write_pack
    from retroprop.grading.rubric import read_rubric
    from retroprop.labs.catalog import find_grading

    read_rubric(rubric, find_grading(lab))  # Gradescope would say too late what is wrong
    try:
        write_pack(
            out,
            lab=lab,
            secret=_secret(secret, None) if secret else secrets.token_bytes(32),
            language=lang or reader_language(),
            confine=confine,
            rubric=rubric.read_text(encoding="utf-8") if rubric else None,
        )
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({in_short(error)}); name another with --out."
        ) from None
    console.print(Text(f"wrote {out}"))


def _order(
    lab: str,
    rubric: Path | None,
    secret: Path | None,
    out: Path | None,
    confine: Literal["require", "best", "none"],
    lang: ReadersLanguage,
) -> "Order":
    """How to grade."""
    import torch

    from retroprop.grading.class_grading import Order
    from retroprop.grading.rubric import read_rubric
    from retroprop.labs.catalog import find_grading

    torch.set_num_threads(1)  # of the judge; the submissions have processes of their own
    return Order(
        rubric=read_rubric(rubric, find_grading(lab)),
        secret=_secret(secret, out),
        language=lang or reader_language(),
        confine=confine,
    )


def _secret(path: Path | None, out: Path | None) -> bytes:
    """The bytes of a file, or of one in the folder of the results, which is made if need be."""
    if path is None and out is None:
        return bytes(SHORTEST_SECRET)  # of our own submissions nothing is to be hidden
    chosen = path or out / "secret"  # pyright: ignore[reportOptionalOperand] - not both are None
    try:
        if path is None and not chosen.exists():
            replace_file(chosen, secrets.token_bytes(32), durable=True, private=True)
        found = chosen.read_bytes()
    except OSError as error:
        raise UserError(
            f"the secret {chosen} cannot be read or made ({in_short(error)}); name a file with "
            "--secret FILE."
        ) from None
    if len(found) < SHORTEST_SECRET:
        raise UserError(
            f"the secret {chosen} has {len(found)} bytes, and {SHORTEST_SECRET} are the least."
        )
    return found


def _workers(given: int | None) -> int:
    from retroprop.studies.environment import usable_cores

    if given is not None and given < 1:
        raise UserError(f"--workers must be at least 1, and got {given}.")
    return given or usable_cores()


def _line(sheet: "Sheet", done: int, all_of_them: int) -> str:
    """One submission on the terminal."""
    score = sheet.submission.unreadable or f"{sheet.score:5.2f} / {sheet.max_score:g}"
    return f"{done:>{len(str(all_of_them))}} / {all_of_them}  {score}  {sheet.submission.name}"


@contextlib.contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C ends the grading after the question in flight."""
    try:
        yield
    except KeyboardInterrupt:
        stop.set()
        raise Interrupted from None
