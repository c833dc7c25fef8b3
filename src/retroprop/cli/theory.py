"""`retroprop theory`: the theory sheet proved while one waits, one derivation, or a PDF."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from retroprop.cli.parameters import Flag, ReadersLanguage
from retroprop.errors import UserError
from retroprop.languages import Language, reader_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retroprop.calculus.theory.checking import Result
    from retroprop.calculus.theory.question import Question
    from retroprop.mathematics.prose import Words

console = Console(highlight=False)


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

    from retroprop.calculus.theory.sheet import SHEET, find_question

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


def _examine(questions: "Sequence[Question]") -> "list[Result]":
    """Prove and check, with a bar on a terminal."""
    from retroprop.calculus.theory.checking import examine

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


# -- the list ---------------------------------------------------------------------------------


def _list(questions: "Sequence[Question]", language: Language) -> None:
    """A line for each question as soon as it is known; exit code 1 if one fails."""
    from retroprop.calculus.theory.checking import examine
    from retroprop.calculus.theory.prose import error_text, label
    from retroprop.calculus.theory.sheet import PARTS
    from retroprop.mathematics.prose import choose

    started = time.monotonic()
    results: list[Result] = []
    title_width = console.width - 21
    console.print(Text(f"{label('error', language):>{console.width - 1}}", style="bold"))
    for one in questions:
        if not results or results[-1].question.part != one.part:
            heading = f"{one.part}. {choose(PARTS[one.part], language)}"
            console.print(Text(heading, style="bold cyan"), soft_wrap=True)
        result = examine(one)
        results.append(result)
        title = choose(one.title, language)
        shown = title if len(title) <= title_width else title[: title_width - 1] + "…"
        mark, style = ("✓", "green") if result.passed else ("✗", "bold red")
        console.print(
            Text.assemble(
                (f"  {mark} ", style),
                f"{one.name}  {shown:<{title_width}}",
                f"{error_text(result.error, language):>12}",
            )
        )
    _summary(results, f"{time.monotonic() - started:.0f} s", language)


def _summary(results: "Sequence[Result]", took: str, language: Language) -> None:
    from retroprop.calculus.theory.prose import error_text

    failed = [one.question.name for one in results if not one.passed]
    if failed:
        words = ("fail", "échouent")[language == "fr"]
        console.print(Text(f"✗ {', '.join(failed)} {words} ({took}).", style="bold red"))
        sys.exit(1)
    proofs = sum(len(one.proofs) for one in results)
    checks = sum(len(one.checks) for one in results)
    worst = error_text(max(one.error for one in results), language)
    if language == "fr":
        text = (
            f"✓ {len(results)} questions : {proofs} énoncés prouvés par SymPy, {checks} "
            f"comparaisons (plus grande erreur {worst}), {proofs + checks} variantes fausses "
            f"réfutées ({took})."
        )
        more = "Une dérivation : retroprop theory 2i --lang fr"
    else:
        text = (
            f"✓ {len(results)} questions: {proofs} statements proved by SymPy, {checks} "
            f"comparisons (worst error {worst}), {proofs + checks} false variants refuted ({took})."
        )
        more = "One derivation: retroprop theory 2i"
    console.print(Text(text, style="green"))
    console.print(Text(f"{more}      PDF: retroprop theory --pdf", style="dim"))


# -- one question -----------------------------------------------------------------------------


def _show(question: "Question", language: Language) -> None:
    """The derivation in steps, then what was proved and checked; exit code 1 if that fails."""
    from retroprop.calculus.theory.checking import examine
    from retroprop.calculus.theory.pdf import points
    from retroprop.calculus.theory.prose import label
    from retroprop.mathematics.prose import choose

    name = f"{question.name[0]} ({question.name[1:]})"
    heading = f"{name}  {choose(question.title, language)}"
    console.print(
        Text.assemble((heading, "bold"), (f"  [{points(question, language)}]", "dim")),
        soft_wrap=True,
    )
    console.print(_prose(question.task, language))
    console.print()
    for number, step in enumerate(question.steps, start=1):
        console.print(Text.assemble((f"{number}. ", "bold cyan"), _prose(step.why, language)))
        _formula(step.formula, language)
        if not step.formula:
            console.print()
    console.print(Text(label("answer", language), style="bold green"))
    _formula(question.answer, language)
    if question.hypotheses:
        start = Text(f"{label('hypotheses', language)} ")
        console.print(start + _prose(question.hypotheses, language))
        console.print()
    if question.remark:
        console.print(_prose(question.remark, language))
        console.print()
    result = examine(question)
    _evidence(result, language)
    if not result.passed:
        sys.exit(1)


def _formula(source: str, language: Language) -> None:
    """A formula in two dimensions, indented, with an empty line above and below."""
    if not source:
        return
    from retroprop.calculus.theory.prose import formula_in
    from retroprop.mathematics.drawing import draw

    lines = draw(formula_in(source, language), width=console.width - 6)
    console.print()
    for line in lines:
        indent = "    " if line else ""
        console.print(Text(indent) + _bold(line), no_wrap=True, overflow="ignore", crop=False)
    console.print()


def _bold(line: str) -> Text:
    """A drawn line; the bold letters of formulas in the terminal's bold."""
    from retroprop.mathematics.drawing import bold_spans

    return Text.assemble(*((text, "bold" if bold else "") for text, bold in bold_spans(line)))


def _prose(words: "Words", language: Language) -> Text:
    from retroprop.mathematics.drawing import one_line
    from retroprop.mathematics.prose import choose, spans

    text = Text()
    for span in spans(choose(words, language)):
        match span.kind:
            case "math":
                text += _bold(one_line(span.text))
            case "strong":
                text.append(span.text, style="bold")
            case _:
                text.append(span.text)
    return text


def _evidence(result: "Result", language: Language) -> None:
    """What was proved, what was refuted, what was compared, and where the code is."""
    from retroprop.calculus.theory.prose import error_text, label
    from retroprop.mathematics.drawing import one_line
    from retroprop.mathematics.prose import choose

    def line(ok: bool | None, start: str, *parts: Text | str) -> None:
        mark, style = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "dim")}[ok]
        colon = label("colon", language)
        text = Text.assemble((start, "bold" if ok is False else ""), *parts[:1], colon, " ")
        for part in parts[1:]:
            text += part if isinstance(part, Text) else Text(part)
        console.print(Text(f"{mark} ", style=style) + text)

    for proof in result.proofs:
        proved, refuted = proof.verdict == "proved", proof.false_variant == "refuted"
        word = label("proved" if proved else "not_proved", language)
        scope = Text(" (SymPy), ") + _prose(proof.proof.scope, language)
        line(proved, word, scope, _bold(one_line(proof.proof.claim)))
        word = label("false_variant" if refuted else "not_refused", language)
        line(refuted, word, "", _bold(one_line(proof.proof.false)))
    for check in result.checks:
        word = label("checked" if check.passed else "not_checked", language)
        claim, against = choose(check.check.claim, language), choose(check.check.against, language)
        error = f"{label('worst_error', language)} {error_text(check.error, language)}"
        line(check.passed, word, "", f"{claim}, {label('against', language)} {against}, {error}")
    for code in result.question.code:
        where = f"{code.path}:{code.number()}, {code.function}"
        line(None, label("code", language), "", where)
        console.print(Text(f"    {code.text}"), soft_wrap=True)


# -- the PDF ----------------------------------------------------------------------------------


def _target(word: str | None, language: Language) -> "tuple[Path, Sequence[Question]]":
    """The file to write, and the questions that go into it."""
    from retroprop.calculus.theory.sheet import SHEET, find_question

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
    from retroprop.calculus.theory.pdf import render_pdf

    pages = render_pdf(results, language=language, author=author, figure_svg=_figure(language))
    try:
        path.write_bytes(pages)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; name another file.") from None
    console.print(Text(f"wrote {path}"), soft_wrap=True)
    if not all(one.passed for one in results):
        _summary(results, "PDF", language)


def _figure(language: Language) -> str:
    """The picture of 2 (f): both gradients against the pre-activation."""
    from retroprop.calculus.theory.prose import FIGURE
    from retroprop.figures.style import to_svg
    from retroprop.labs.ift3395_theorie.figure import loss_gradients
    from retroprop.mathematics.prose import choose

    words = {name: choose(text, language) for name, text in FIGURE.items()}
    return to_svg(
        loss_gradients(language),
        name="gradients",
        title=words["caption"],
        description=words["description"],
    )
