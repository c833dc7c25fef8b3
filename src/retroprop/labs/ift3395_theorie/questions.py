"""The theory sheet of IFT3395 as an assignment: derivations, proofs, checks, and the code.

Nothing is written twice: tasks, steps and answers are those of `SHEET`, and what was proved and
compared is computed while the document is written.
"""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import groupby

from retroprop.calculus.theory.checking import CheckResult, ProofResult, Result, examine
from retroprop.calculus.theory.code_lines import CodeLine
from retroprop.calculus.theory.prose import FIGURE, error_text, formula_in, label
from retroprop.calculus.theory.question import Question as Sheet
from retroprop.calculus.theory.sheet import PARTS, SHEET, find_question
from retroprop.labs.ift3395_theorie.figure import loss_gradients
from retroprop.languages import say_later
from retroprop.mathematics.prose import Words
from retroprop.report.document import Block, Code, Equation, Prose
from retroprop.report.lab_story import Lab, LabStory, Part, Question
from retroprop.report.pictures import picture


@cache
def examined(name: str) -> Result:
    """The verdict on a question, once for all documents: those in French and on paper too."""
    return examine(find_question(name))


# --- one answer -----------------------------------------------------------------------------------


def answer(name: str, lab: LabStory) -> Iterator[Block]:
    """The derivation of a question, its answer, and how it was verified."""
    sheet = find_question(name)
    yield from _derivation(lab, sheet)
    if sheet.figure == "gradients":
        caption, description = (lab.text(FIGURE[one]) for one in ("caption", "description"))
        yield picture(sheet.figure, caption, description, loss_gradients(lab.language))
    yield from _result(lab, sheet)
    found = examined(name)
    for proof in found.proofs:
        yield from _proof(lab, proof)
    for check in found.checks:
        yield _check(lab, check)
    yield from _code(lab, sheet.code)


def _derivation(lab: LabStory, sheet: Sheet) -> Iterator[Block]:
    """Each step: why, then the formula that follows; not the last one when it is the answer."""
    if sheet.hypotheses:
        yield Prose(title=lab.say("Hypotheses"), text=_begun(lab.text(sheet.hypotheses)))
    for step in sheet.steps:
        yield Prose(text=lab.text(step.why))
        if step.formula and (step is not sheet.steps[-1] or step.formula != sheet.answer):
            yield Equation(source=formula_in(step.formula, lab.language))


def _result(lab: LabStory, sheet: Sheet) -> Iterator[Block]:
    """The answer by itself, and what else a reader may want to know."""
    yield Prose(text=f"*{_label(lab, 'answer')}*{label('colon', lab.language)}")
    yield Equation(source=formula_in(sheet.answer, lab.language))
    if sheet.remark:
        yield Prose(title=lab.say("Remark"), text=lab.text(sheet.remark))


def _proof(lab: LabStory, result: ProofResult) -> Iterator[Prose]:
    """What SymPy said of a statement, and of the same with one thing wrong."""
    proof, colon = result.proof, label("colon", lab.language)
    proved, refuted = result.verdict == "proved", result.false_variant == "refuted"
    yield Prose(
        title=f"{_label(lab, 'proved' if proved else 'not_proved')} (SymPy)",
        text=f"{_begun(lab.text(proof.scope))}{colon} ${formula_in(proof.claim, lab.language)}$",
    )
    yield Prose(
        title=_label(lab, "false_variant" if refuted else "not_refused"),
        text=f"${formula_in(proof.false, lab.language)}$",
    )


def _check(lab: LabStory, result: CheckResult) -> Prose:
    """What was compared with what on random inputs, and the worst errors."""
    text = lab.say(
        "“{claim}” against {oracle}: the worst error is {error}; with one thing wrong, {wrong}."
        if result.check.rounds == 1
        else "“{claim}” against {oracle}: the worst error over {n} random inputs is {error}; with "
        "one thing wrong, {wrong}."
    )
    return Prose(
        title=_label(lab, "checked" if result.passed else "not_checked"),
        text=text.format(
            claim=lab.text(result.check.claim),
            oracle=lab.text(result.check.against),
            error=error_text(result.error, lab.language),
            wrong=error_text(result.false_variant, lab.language),
            n=result.check.rounds,
        ),
    )


def _code(lab: LabStory, lines: Sequence[CodeLine]) -> Iterator[Code]:
    """The lines of the library that compute it, with their place."""
    for (path, function), group in groupby(lines, lambda one: (one.path, one.function)):
        of_function = list(group)
        numbers = ", ".join(str(one.number()) for one in of_function)
        yield Code(
            title=lab.say("In the code: {file}, {function}, line {numbers}").format(
                file=path, function=function, numbers=numbers
            ),
            text="\n".join(one.text for one in of_function),
        )


def _label(lab: LabStory, name: str) -> str:
    return label(name, lab.language)


def _begun(text: str) -> str:
    """The text as a sentence begins; a formula stays as it is."""
    return text[:1].upper() + text[1:]


# --- the assignment -------------------------------------------------------------------------------


def summary(lab: LabStory) -> Iterator[str]:
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
        error=error_text(max(one.error for one in results), lab.language),
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
    print(f"worst error {{one.error:.1e}}: {{one.check.claim.en}}")
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


def _question(sheet: Sheet) -> Question:
    more = f"print({_MORE[sheet.name]})\n" if sheet.name in _MORE else ""
    return Question(
        name=sheet.name,
        label=f"{sheet.part} ({sheet.name[1:]})",
        title=sheet.title,
        asked=sheet.task,
        answers=(partial(answer, sheet.name),),
        points=None if sheet.beyond else sheet.points,
        bonus=sheet.bonus,
        beyond=sheet.beyond,
        code=f'{_CODE.format(name=sheet.name)}{more}lab.answer("{sheet.name}")',
    )


LAB = Lab(
    name="ift3395-theorie",
    title=say_later("The theory sheet, proved and checked"),
    source=say_later("IFT3395, assignment 3, theoretical part (Université de Montréal)"),
    parts=(
        *(
            Part(
                name=f"part-{number}",
                title=Words(f"{number}. {title.en}", f"{number}. {title.fr}"),
                questions=tuple(
                    _question(one) for one in SHEET if one.part == number and not one.beyond
                ),
            )
            for number, title in PARTS.items()
        ),
        Part(
            name="beyond",
            title=say_later("Beyond the sheet"),
            introduction=say_later(
                "The sheet ends at the activations of the hidden layer. One step more completes "
                "the gradient of all parameters."
            ),
            questions=tuple(_question(one) for one in SHEET if one.beyond),
        ),
    ),
    summary=summary,
    imports="from retroprop.calculus.convolution import solve_convolution\n"
    "from retroprop.calculus.stack import measure\n"
    "from retroprop.labs.ift3395_theorie import examine, find_question",
)
