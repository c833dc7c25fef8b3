"""The grading of a lab proves itself on submissions that we wrote.

The right one and every unusual one get all points, the template gets none, and each planted mistake
is named, in its question and in no other.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from retroprop.grading.class_grading import Order, grade_class
from retroprop.grading.results import Sheet
from retroprop.grading.submissions import Submission
from retroprop.grading.variants import Variants
from retroprop.languages import Say


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One submission of ours, and whether its sheet is what it should be.

    Attributes:
        name: What it is.
        expected: In words.
        found: In words.
        passed: Whether both agree.
    """

    name: str
    expected: str
    found: str
    passed: bool


def selftest(
    order: Order,
    variants: Variants,
    *,
    workers: int,
    on_sheet: Callable[[Sheet], None],
    stop: threading.Event | None = None,
) -> list[Proof]:
    """Grade all submissions of ours.

    Args:
        order: With the rubric that should prove itself.
        variants: Of the lab.
        workers: How many are graded at once.
        on_sheet: Called when one is graded.
        stop: Set it to end early.

    Raises:
        Interrupted: If `stop` was set.
        UserError: If this machine cannot confine as required.
    """
    submissions = [
        Submission(name="right", files=variants.right),
        Submission(name="template", files=order.grading.template),
        *(Submission(name=one.name, files=one.files) for one in variants.unusual),
        *(Submission(name=one.mistake, files=one.files) for one in variants.wrong),
    ]

    def on_question(sheet: Sheet) -> None:
        if sheet.finished:
            on_sheet(sheet)

    sheets = grade_class(order, submissions, workers=workers, on_question=on_question, stop=stop)
    n_right = 2 + len(variants.unusual)
    right = [sheets[0], *sheets[2:n_right]]
    planted = zip(variants.wrong, sheets[n_right:], strict=True)
    return [
        *(_points(sheet, sheet.max_score, order.say) for sheet in right),
        _points(sheets[1], 0.0, order.say),
        *(_named(sheet, one.mistake, one.question, order.say) for one, sheet in planted),
    ]


def _points(sheet: Sheet, points: float, say: Say) -> Proof:
    lost = [one.question.number for one in sheet.questions if one.score < one.max_score]
    found = say("{score} of {all} points").format(score=f"{sheet.score:g}", all=sheet.max_score)
    if lost and points:
        found += say("; lost in question {numbers}").format(numbers=", ".join(lost))
    return Proof(
        name=sheet.submission.name,
        expected=say("{points} points").format(points=f"{points:g}"),
        found=found,
        passed=abs(sheet.score - points) < 1e-9,
    )


def _named(sheet: Sheet, mistake: str, question: str, say: Say) -> Proof:
    """It is named alone in its question, and no other question loses points."""
    named = {
        one.question.number: {name for check in one.checks for name in check.finding.mistakes}
        for one in sheet.questions
        if not all(check.finding.passed for check in one.checks)  # it may be worth no points
    }
    words = [f"{number}: {', '.join(sorted(names)) or '–'}" for number, names in named.items()]
    return Proof(
        name=sheet.submission.name,
        expected=say("named in question {number}").format(number=question),
        found="; ".join(words) or say("no points lost"),
        passed=named == {question: {mistake}},
    )
