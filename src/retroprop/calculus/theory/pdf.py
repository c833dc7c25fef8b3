"""The sheet as PDF, set by typst, tagged for screen readers (PDF/UA-1).

The template holds the form; all texts and formulas arrive as JSON. Formulas are typst's own
notation, read in math mode with only the names of `notation` defined, so a text cannot act as
markup. Only the fonts inside typst's package are used.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

import typst

from retroprop.calculus.theory.checking import CheckResult, ProofResult, Result
from retroprop.calculus.theory.code_lines import CodeLine
from retroprop.calculus.theory.prose import FIGURE, LABELS, error_text, formula_in, label
from retroprop.calculus.theory.question import Question
from retroprop.calculus.theory.sheet import PARTS
from retroprop.mathematics.prose import Words, choose, spans
from retroprop.mathematics.speaking import spoken
from retroprop.mathematics.typesetting import typst_names


def render_pdf(
    results: Sequence[Result], *, language: str = "en", author: str = "", figure_svg: str = ""
) -> bytes:
    """Typeset questions with their verdicts.

    Args:
        results: What `examine` said of each question, in the order of the sheet.
        language: "en" or "fr".
        author: Whose sheet it is, below the title.
        figure_svg: The picture of 2 (f); left out if empty.
    """
    template = typst_names() + files("retroprop.calculus.theory").joinpath("sheet.typ").read_bytes()
    document = _document(results, language, author, figure_svg)
    return typst.compile(
        template,
        format="pdf",
        pdf_standards=["ua-1"],
        ignore_system_fonts=True,
        sys_inputs={"document": json.dumps(document)},
        timestamp=0,  # the same sheet is the same file
    )


def _document(
    results: Sequence[Result], language: str, author: str, figure_svg: str
) -> dict[str, object]:
    labels = {name: choose(words, language) for name, words in LABELS.items()}
    parts = []
    for part, title in PARTS.items():
        of_part = [_question(one, language) for one in results if one.question.part == part]
        if of_part:
            parts.append({"title": choose(title, language), "questions": of_part, "number": part})
    return {
        "language": language,
        "author": author,
        "labels": labels,
        "parts": parts,
        "figure": {"svg": figure_svg}
        | {name: choose(FIGURE[name], language) for name in ("caption", "description")},
    }


def _question(result: Result, language: str) -> dict[str, object]:
    question = result.question
    return {
        "name": f"{question.name[0]} ({question.name[1:]})",
        "anchor": f"q{question.name}",
        "title": choose(question.title, language),
        "points": points(question, language),
        "task": _prose(question.task, language),
        "hypotheses": _prose(question.hypotheses, language),
        "steps": [
            {"why": _prose(step.why, language), "formula": _formula(step.formula, language)}
            for step in question.steps
        ],
        "answer": _formula(question.answer, language),
        "remark": _prose(question.remark, language),
        "proofs": [_proof(one, language) for one in result.proofs],
        "checks": [_check(one, language) for one in result.checks],
        "code": [_code(one) for one in question.code],
        "figure": question.figure,
        "passed": result.passed,
        "error": error_text(result.error, language),
        "scope": _prose(scope(question), language),
    }


def points(question: Question, language: str) -> str:
    """2 points; bonus, 2 points; beyond the sheet."""
    if question.beyond:
        return label("beyond", language)
    text = label("point" if question.points == 1 else "points", language).format(question.points)
    return label("bonus", language).format(text) if question.bonus else text


def scope(question: Question) -> Words:
    """For what its proofs hold."""
    scopes = [one.scope for one in question.proofs]
    return Words("; ".join(one.en for one in scopes), " ; ".join(one.fr for one in scopes))


def _formula(source: str, language: str) -> dict[str, str]:
    source = formula_in(source, language)
    return {"source": source, "alt": spoken(source, language)} if source else {"source": ""}


def _prose(words: Words | None, language: str) -> list[dict[str, str]]:
    pieces = spans(choose(words, language)) if words else []
    return [
        {"kind": one.kind, "text": one.text}
        | ({"alt": spoken(one.text, language)} if one.kind == "math" else {})
        for one in pieces
    ]


def _proof(result: ProofResult, language: str) -> dict[str, object]:
    return {
        "claim": _formula(result.proof.claim, language),
        "scope": _prose(result.proof.scope, language),
        "false": _formula(result.proof.false, language),
        "proved": result.verdict == "proved",
        "refused": result.false_variant == "refuted",
    }


def _check(result: CheckResult, language: str) -> dict[str, object]:
    return {
        "claim": choose(result.check.claim, language),
        "against": choose(result.check.against, language),
        "error": error_text(result.error, language),
        "passed": result.passed,
    }


def _code(line: CodeLine) -> dict[str, str]:
    return {"place": f"{line.path}:{line.number()}", "function": line.function, "text": line.text}
