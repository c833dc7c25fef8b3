"""The theory sheet of IFT3395 as an assignment: derivations, proofs, checks, and the code.

Nothing is written twice: tasks, steps and answers are those of `SHEET`, and what was proved and
compared is computed while the document is written. `sheet_document` is the sheet to hand in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from retroprop.labs.assignments import heading
from retroprop.labs.ift3395_theorie.figure import CAPTION, DESCRIPTION, loss_gradients
from retroprop.labs.ift3395_theorie.numerical_check import (
    CHECKED,
    PROVED,
    REFUTED,
    CheckResult,
    ProofResult,
    Result,
    examine,
)
from retroprop.labs.ift3395_theorie.proved_question import ProvedQuestion
from retroprop.labs.ift3395_theorie.sheet import PARTS, SHEET, find_question
from retroprop.languages import say_later
from retroprop.mathematics.prose import on_one_line
from retroprop.report.document import (
    Block,
    Cell,
    Code,
    Document,
    Equation,
    Prose,
    Row,
    Section,
    Table,
)
from retroprop.report.formula_words import formula_in
from retroprop.report.lab_content import compose_lab
from retroprop.report.lab_report import Lab, LabReport, Part, Question
from retroprop.report.pictures import picture


@cache
def examined(name: str) -> Result:
    """The verdict on a question, once for all documents: those in French and on paper too."""
    return examine(find_question(name))


# --- one answer -----------------------------------------------------------------------------------


def answer(name: str, lab: LabReport) -> Iterator[Block]:
    """The derivation of a question, its answer, and how it was verified."""
    yield from answer_blocks(examined(name), lab)


def answer_blocks(result: Result, lab: LabReport) -> Iterator[Block]:
    """The answer to a question that was examined."""
    question = result.question
    yield from _derivation(lab, question)
    if question.figure == "gradients":
        figure = loss_gradients(lab.language)
        yield picture(question.figure, lab.say(CAPTION), lab.say(DESCRIPTION), figure)
    yield Prose(text=lab.say("*Answer*:"))
    yield Equation(source=formula_in(question.answer, lab.language), boxed=True)
    if question.remark:
        yield Prose(title=lab.say("Remark"), text=lab.say(question.remark))
    for proof in result.proofs:
        yield from _proof(lab, proof)
    for check in result.checks:
        yield _check(lab, check)
    for line in question.code:
        title = lab.say("In the code: {place}, {function}")
        yield Code(title=title.format(place=line.place, function=line.function), text=line.text)


def _derivation(lab: LabReport, question: ProvedQuestion) -> Iterator[Block]:
    """Each step: why, then the formula that follows; not the last one when it is the answer."""
    if question.hypotheses:
        yield Prose(title=lab.say("Hypotheses"), text=_begun(lab.say(question.hypotheses)))
    for step in question.steps:
        yield Prose(text=lab.say(step.why))
        if step.formula and (step is not question.steps[-1] or step.formula != question.answer):
            yield Equation(source=formula_in(step.formula, lab.language))


def _proof(lab: LabReport, result: ProofResult) -> Iterator[Prose]:
    """What SymPy said of a statement, and of the same with one thing wrong."""
    proof = result.proof
    claim, false = (formula_in(one, lab.language) for one in (proof.claim, proof.false))
    yield Prose(
        title=f"{lab.say(PROVED[result.proved])} (SymPy)",
        text=lab.say("{label}: {text}").format(
            label=_begun(lab.say(proof.scope)), text=f"${claim}$"
        ),
        quiet=True,
    )
    yield Prose(title=lab.say(REFUTED[result.refuted]), text=f"${false}$", quiet=True)


def _check(lab: LabReport, result: CheckResult) -> Prose:
    """What was compared with what on random inputs, and the worst errors."""
    text = lab.say(
        "“{claim}” against {oracle}: the worst error is {error}; with one thing wrong, {wrong}."
        if result.check.rounds == 1
        else "“{claim}” against {oracle}: the worst error over {n} random inputs is {error}; with "
        "one thing wrong, {wrong}."
    )
    return Prose(
        title=lab.say(CHECKED[result.passed]),
        text=text.format(
            claim=lab.say(result.check.claim),
            oracle=lab.say(result.check.against),
            error=lab.numbers.power_of_ten(result.error),
            wrong=lab.numbers.power_of_ten(result.false_variant),
            n=result.check.rounds,
        ),
        quiet=True,
    )


def _begun(text: str) -> str:
    """The text as a sentence begins; a formula stays as it is."""
    return text[:1].upper() + text[1:]


# --- the assignment -------------------------------------------------------------------------------


def summary(lab: LabReport) -> Iterator[str]:
    """How much was proved and compared, and whether anything failed."""
    results = [examined(one.name) for one in SHEET]
    proofs = sum(len(one.proofs) for one in results)
    checks = sum(len(one.checks) for one in results)
    yield lab.say(
        "SymPy was asked to prove {proofs} statements, and {checks} were compared with an "
        "independent computation on random inputs: the worst error is {error}."
    ).format(
        proofs=proofs,
        checks=checks,
        error=lab.numbers.power_of_ten(max(one.error for one in results)),
    )
    failed = [one.question.name for one in results if not one.passed]
    yield lab.say(
        "This did not succeed everywhere: see {questions}."
        if failed
        else "All were proved and all agree; each was also tried with one thing wrong, and all "
        "{n} false variants were refuted."
    ).format(questions=", ".join(failed), n=proofs + checks)


_CODE = """\
result = examine(find_question("{name}"))
for one in result.proofs:
    print(f"{{one.verdict}}: {{one.proof.claim}}")
    print(f"{{one.false_variant}}: {{one.proof.false}}")
for one in result.checks:
    print(f"worst error {{one.error:.1e}}: {{one.check.claim}}")
"""
_MORE = {
    "3a": '[(row.text, row.shape, row.values) for row in measure("3x128x128 > conv 32 k8 s2 > '
    'maxpool 5 > conv 128 k4 p1")]',
    "3b": 'measure("3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1")[-1].weights',
    "3c": "solve_convolution(32, 4, padding=0, dilation=1)",
    "3d": "solve_convolution(32, 4, padding=2, dilation=2)",
    "3e": "solve_convolution(32, 4, padding=1, dilation=1, stride=2)",
}
"""What else the library has to say of a question, beside its proofs."""


def lab_of(
    sheet: Sequence[ProvedQuestion], answered: Callable[[str, LabReport], Iterator[Block]] = answer
) -> Lab:
    """Questions of the sheet as an assignment, in the sheet's parts."""

    def asked(question: ProvedQuestion) -> Question:
        more = f"print({_MORE[question.name]})\n" if question.name in _MORE else ""
        return Question(
            name=question.name,
            label=question.label,
            title=question.title,
            asked=question.task,
            answers=(partial(answered, question.name),),
            points=None if question.beyond else question.points,
            bonus=question.bonus,
            beyond=question.beyond,
            code=f'{_CODE.format(name=question.name)}{more}lab.answer("{question.name}")',
        )

    parts = [
        Part(
            name=f"part-{number}",
            title=title,
            questions=tuple(asked(one) for one in sheet if one.part == number and not one.beyond),
        )
        for number, title in PARTS.items()
    ]
    beyond = Part(
        name="beyond",
        title=say_later("Beyond the sheet"),
        introduction=say_later(
            "The sheet ends at the activations of the hidden layer. One step more completes the "
            "gradient of all parameters."
        ),
        questions=tuple(asked(one) for one in sheet if one.beyond),
    )
    return Lab(
        **heading("ift3395-theorie"),
        parts=tuple(part for part in (*parts, beyond) if part.questions),
        imports="from retroprop.calculus.convolution_arithmetic import solve_convolution\n"
        "from retroprop.calculus.stack import measure\n"
        "from retroprop.labs.ift3395_theorie import examine, find_question",
    )


LAB = replace(lab_of(SHEET), summary=summary)


# --- the sheet to hand in -------------------------------------------------------------------------


def sheet_document(results: Sequence[Result], *, language: str, author: str = "") -> Document:
    """Questions with what was said of them, as a document of their own.

    Args:
        results: What `examine` said of each question, in the order of the sheet.
        language: "en" or "fr".
        author: Whose sheet it is.
    """
    found = {one.question.name: one for one in results}
    sheet = [one.question for one in results]
    lab = LabReport(
        lab_of(sheet, lambda name, lab: answer_blocks(found[name], lab)), None, language
    )
    document = compose_lab(lab)
    course = "IFT3395, Fundamentals of machine learning · assignment 3, theoretical part"
    return replace(
        document,
        subtitle=lab.say(course),
        author=author,
        summary=[
            lab.say(
                "Each answer is derived in steps. Beneath it stand what SymPy proved, for which "
                "dimensions, and the worst error of a comparison with an independent computation "
                "on random inputs. For every proof and comparison a false variant was also tried, "
                "and refuted."
            )
        ],
        sections=[*document.sections, *([_verdicts(lab, results)] if len(results) > 1 else [])],
        footer=lab.say(course),
    )


def _verdicts(lab: LabReport, results: Sequence[Result]) -> Section:
    """A table of all verdicts, one row a question."""
    rows = []
    for result in results:
        question = result.question
        scope = lab.say("; ").join(on_one_line(lab.say(one.scope)) for one in question.proofs)
        cells = [
            Cell(text=lab.say(question.title), link=f"q-{question.name}"),
            Cell(text=f"{'✓' if result.passed else '✗'} {scope}"),
            Cell(text=lab.numbers.power_of_ten(result.error)),
        ]
        rows.append(Row(header=question.label, cells=cells))
    table = Table(
        name="verdicts",
        caption=lab.say("For what each answer is proved, and the worst error of its comparisons"),
        corner=lab.say("Question"),
        columns=[lab.say("Answer"), lab.say("Proved"), lab.say("Worst error")],
        rows=rows,
        words=(0, 1),
    )
    return Section(name="verdicts", heading=lab.say("What was proved, and how"), blocks=[table])
