"""`retroprop theory`: the theory sheet proved while one waits, one derivation, or a PDF."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Flag, ReadersLanguage
from retroprop.errors import UserError, in_short
from retroprop.files import replace_file
from retroprop.languages import Language, Say, reader_language, translator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retroprop.labs.ift3395_theorie.numerical_check import Result
    from retroprop.labs.ift3395_theorie.proved_question import ProvedQuestion

console = Terminal()


def theory(
    question: str | None = None,
    /,
    *,
    pdf: Flag = False,
    lang: ReadersLanguage = None,
    author: Annotated[str, Parameter(negative=())] = "",
) -> None:
    """Prove the theory sheet, show one derivation step by step, or typeset the whole.

    Parameters
    ----------
    question
        A question of the sheet, 1a to 3e, to show its derivation; with --pdf the file to write.
    pdf
        Write the sheet as a PDF, or the one question that is named.
    lang
        The language of the derivations: en or fr. Default: the reader's.
    author
        With --pdf, whose sheet it is: a line below the title.
    """
    import torch

    from retroprop.labs.ift3395_theorie.sheet import SHEET, find_question

    torch.set_num_threads(1)  # the tensors are small
    language = lang or reader_language()
    if author and not pdf:
        raise UserError("--author goes on the PDF; add --pdf.")
    if pdf:
        path, questions = _target(question, language)
        _write(path, _examine(questions), language, author)
    elif question is None:
        _list(SHEET, language)
    else:
        _show(find_question(question), language)


def _examine(questions: "Sequence[ProvedQuestion]") -> "list[Result]":
    """Prove and check, with a bar on a terminal."""
    from retroprop.labs.ift3395_theorie.numerical_check import examine

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=len(questions))
        results = []
        for one in questions:
            progress.update(bar, description=one.name)
            results.append(examine(one))
            progress.advance(bar)
    return results


def _error(error: float, language: Language) -> str:
    """0, 2.2e-16 or 2,2e-16."""
    text = "0" if error == 0 else f"{error:.1e}"
    return text.replace(".", ",") if language == "fr" else text


# -- the list ---------------------------------------------------------------------------------


def _list(questions: "Sequence[ProvedQuestion]", language: Language) -> None:
    """A line for each question as soon as it is known; exit code 1 if one fails."""
    from retroprop.labs.ift3395_theorie.numerical_check import examine
    from retroprop.labs.ift3395_theorie.sheet import PARTS

    say = translator(language)
    started = time.monotonic()
    results: list[Result] = []
    width = console.readable_width
    title_width = width - 21
    heading = Text(f"{say('Worst error'):>{width - 1}}", style="bold")
    console.print(heading, soft_wrap=True)
    for one in questions:
        if not results or results[-1].question.part != one.part:
            console.print(Text(say(PARTS[one.part]), style="bold cyan"), soft_wrap=True)
        result = examine(one)
        results.append(result)
        title = say(one.title)
        shown = title if len(title) <= title_width else title[: title_width - 1] + "…"
        mark, style = ("✓", "green") if result.passed else ("✗", "bold red")
        console.print(
            Text.assemble(
                (f"  {mark} ", style),
                f"{one.name}  {shown:<{title_width}}",
                f"{_error(result.error, language):>12}",
            ),
            soft_wrap=True,
        )
    _summary(results, f"{time.monotonic() - started:.0f} s", language)


def _summary(results: "Sequence[Result]", took: str, language: Language) -> None:
    say = translator(language)
    failed = [one.question.name for one in results if not one.passed]
    if failed:
        text = say("✗ {questions} fail ({took}).").format(questions=", ".join(failed), took=took)
        console.print(Text(text, style="bold red"))
        sys.exit(1)
    proofs = sum(len(one.proofs) for one in results)
    checks = sum(len(one.checks) for one in results)
    text = say(
        "✓ {n} questions: {proofs} statements proved by SymPy, {checks} comparisons (worst error "
        "{error}), {variants} false variants refuted ({took})."
    ).format(
        n=len(results),
        proofs=proofs,
        checks=checks,
        error=_error(max(one.error for one in results), language),
        variants=proofs + checks,
        took=took,
    )
    console.print(Text(text, style="green"))
    more = say("One derivation: retroprop theory 2i      PDF: retroprop theory --pdf")
    console.print(Text(more, style="dim"))


# -- one question -----------------------------------------------------------------------------


def _show(question: "ProvedQuestion", language: Language) -> None:
    """The derivation in steps, then what was proved and checked; exit code 1 if that fails."""
    from retroprop.labs.ift3395_theorie.numerical_check import examine

    say = translator(language)
    heading = f"{question.label}  {say(question.title)}"
    console.print(
        Text.assemble((heading, "bold"), (f"  [{_points(question, say)}]", "dim")), soft_wrap=True
    )
    console.print(_prose(say(question.task)))
    console.print()
    for number, step in enumerate(question.steps, start=1):
        console.print(Text.assemble((f"{number}. ", "bold cyan"), _prose(say(step.why))))
        _formula(step.formula, language)
        if not step.formula:
            console.print()
    console.print(Text(say("Answer"), style="bold green"))
    _formula(question.answer, language)
    if question.hypotheses:
        console.print(_prose(f"{say('Provided that')} {say(question.hypotheses)}"))
        console.print()
    if question.remark:
        console.print(_prose(say(question.remark)))
        console.print()
    result = examine(question)
    _evidence(result, language)
    if not result.passed:
        sys.exit(1)


def _points(question: "ProvedQuestion", say: Say) -> str:
    """2 points; bonus, 2 points; beyond the sheet."""
    if question.beyond:
        return say("beyond the sheet")
    text = say("{n}\u00a0point" if question.points == 1 else "{n}\u00a0points")
    text = text.format(n=question.points)
    return say("bonus, {points}").format(points=text) if question.bonus else text


def _formula(source: str, language: Language) -> None:
    """A formula in two dimensions, indented, with an empty line above and below."""
    if not source:
        return
    from retroprop.mathematics.drawing import draw
    from retroprop.report.formula_words import formula_in

    lines = draw(formula_in(source, language), width=console.readable_width - 6)
    console.print()
    for line in lines:
        indent = "    " if line else ""
        console.print(Text(indent) + _bold(line), no_wrap=True, overflow="ignore", crop=False)
    console.print()


def _bold(line: str) -> Text:
    """A drawn line; the bold letters of formulas in the terminal's bold."""
    from retroprop.mathematics.drawing import bold_spans

    return Text.assemble(*((text, "bold" if bold else "") for text, bold in bold_spans(line)))


def _prose(text: str) -> Text:
    from retroprop.mathematics.drawing import one_line
    from retroprop.mathematics.prose import spans

    shown = Text()
    for span in spans(text):
        match span.kind:
            case "math":
                shown += _bold(one_line(span.text))
            case "strong":
                shown.append(span.text, style="bold")
            case _:
                shown.append(span.text)
    return shown


def _evidence(result: "Result", language: Language) -> None:
    """What was proved, what was refuted, what was compared, and where the code is."""
    from retroprop.labs.ift3395_theorie.numerical_check import CHECKED, PROVED, REFUTED
    from retroprop.report.formula_words import formula_in

    say = translator(language)

    def line(passed: bool, verdict: str, text: str, scope: str = "") -> None:
        mark, style = ("✓", "green") if passed else ("✗", "bold red")
        label = (say(verdict) if passed else f"*{say(verdict)}*") + scope
        told = say("{label}: {text}").format(label=label, text=text)
        console.print(Text(f"{mark} ", style=style) + _prose(told))

    for one in result.proofs:
        claim, false = (formula_in(each, language) for each in (one.proof.claim, one.proof.false))
        line(one.proved, PROVED[one.proved], f"${claim}$", f" (SymPy), {say(one.proof.scope)}")
        line(one.refuted, REFUTED[one.refuted], f"${false}$")
    for one in result.checks:
        text = say("{claim}, against {oracle}, worst error {error}").format(
            claim=say(one.check.claim),
            oracle=say(one.check.against),
            error=_error(one.error, language),
        )
        line(one.passed, CHECKED[one.passed], text)
    for code in result.question.code:
        where = say("In the code: {place}, {function}")
        where = where.format(place=code.place, function=code.function)
        console.print(Text("· ", style="dim") + Text(where))
        console.print(Text(f"    {code.text}"), soft_wrap=True)


# -- the PDF ----------------------------------------------------------------------------------


def _target(word: str | None, language: Language) -> "tuple[Path, Sequence[ProvedQuestion]]":
    """The file to write, and the questions that go into it."""
    from retroprop.labs.ift3395_theorie.sheet import SHEET, find_question

    if word is None:
        return Path(f"theory-{language}.pdf"), SHEET
    path = Path(word)
    if path.suffix.lower() == ".pdf":
        if not path.parent.is_dir():  # before anything is proved
            raise UserError(f"there is no folder {path.parent}; make it, or name another file.")
        return path, SHEET
    if len(path.parts) > 1 or path.suffix:
        raise UserError(f"--pdf writes a file whose name ends in .pdf, and got {word!r}.")
    question = find_question(word)
    return Path(f"theory-{question.name}-{language}.pdf"), [question]


def _write(path: Path, results: "Sequence[Result]", language: Language, author: str) -> None:
    from retroprop.labs.ift3395_theorie.questions import sheet_document
    from retroprop.report.pdf import render_pdf

    document = sheet_document(results, language=language, author=author)
    pages = render_pdf(document, when="")  # no date: the same sheet is the same file
    try:
        replace_file(path, pages)
    except OSError as error:
        raise UserError(f"cannot write {path}: {in_short(error)}; name another file.") from None
    console.print(Text(f"wrote {path}"), soft_wrap=True)
    if not all(one.passed for one in results):
        _summary(results, "PDF", language)
