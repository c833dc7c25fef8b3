"""What the tests of every lab's grading share: the judge alone, and whole submissions."""

import dataclasses
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch

from retroprop.grading.checks import Check, Finding, LabGrading, Question, judge
from retroprop.grading.class_grading import Order, grade
from retroprop.grading.results import CheckResult, Sheet
from retroprop.grading.rubric import Rubric
from retroprop.grading.sessions import ForkServer
from retroprop.grading.submissions import Submission
from retroprop.grading.variants import Wrong
from retroprop.languages import translator

SAY = translator("en")


# --- the judge ------------------------------------------------------------------------------------


def nobody(probe: str, values: Mapping[str, Any]) -> Any:
    raise AssertionError("nobody is there to ask")


def checks_of(grading: LabGrading) -> list[tuple[Question, Check]]:
    """Each check of a lab, with its question."""
    return [(question, check) for question in grading.questions for check in question.checks]


def inputs_of(check: Check, seed: int) -> Any:
    return check.inputs(torch.Generator().manual_seed(seed))


def remembering(check: Check) -> Check:
    """The check for one set of inputs, if its reference looks at no answer: it computes once."""
    known: dict[str, Any] = {}

    def reference(values: Mapping[str, Any], answer: Any, **switches: Any) -> Any:
        key = repr(sorted(switches.items()))
        if key not in known:
            known[key] = check.reference(values, None, **switches)
        return known[key]

    return dataclasses.replace(check, reference=reference)


def judged(check: Check, values: Mapping[str, Any], answer: Any) -> Finding:
    """What is found of an answer, where nothing was charged before."""
    return judge(check, values, answer, say=SAY, ask=nobody, charged={})


def with_several_sentences(grading: LabGrading) -> set[str]:
    """The mistakes that a lab says in more than one way."""
    sentences: dict[str, set[str]] = {}
    for _, check in checks_of(grading):
        for mistake in check.mistakes:
            sentences.setdefault(mistake.name, set()).add(mistake.sentence)
    return {name for name, said in sentences.items() if len(said) > 1}


# --- submissions ----------------------------------------------------------------------------------


def sheet_of(
    grading: LabGrading,
    server: ForkServer,
    files: Mapping[str, str],
    numbers: Collection[str] | None = None,
    secret: bytes = b"a secret",
) -> Sheet:
    """A submission, graded as in a class, in all questions or in those of these numbers."""
    asked = [one for one in grading.questions if numbers is None or one.number in numbers]
    rubric = Rubric(grading=dataclasses.replace(grading, questions=asked))
    order = Order(rubric=rubric, secret=secret, language="en", confine="best")
    submission = Submission(name="one", files=files)
    return grade(order, submission, server, lambda sheet: None, threading.Event())


def results_of(sheet: Sheet, number: str) -> list[CheckResult]:
    """What the checks of a question found."""
    (question,) = [one for one in sheet.questions if one.question.number == number]
    return list(question.checks)


def findings_of(sheet: Sheet, number: str) -> list[Finding]:
    return [result.finding for result in results_of(sheet, number)]


def lost(sheet: Sheet) -> dict[str, set[str]]:
    """The questions in which something is not right, and what is said of it.

    That is the names of mistakes; where none explains an answer, its sentence or exception.
    """
    return _said(sheet, lambda one: one.finding.mistakes or (str(one.raised or one.finding),))


def named(sheet: Sheet) -> dict[str, set[str]]:
    """The questions in which something is not right, and the names of the mistakes alone."""
    return _said(sheet, lambda one: one.finding.mistakes)


def _said(sheet: Sheet, say: Callable[[CheckResult], Iterable[str]]) -> dict[str, set[str]]:
    return {
        question.question.number: {name for one in wrong for name in say(one)}
        for question in sheet.questions
        if (wrong := [one for one in question.checks if not one.finding.passed])
    }


def in_groups(planted: Iterable[Wrong], apart: Callable[[Wrong, Wrong], bool]) -> list[list[Wrong]]:
    """Planted mistakes in as few groups as it takes to keep some of them apart."""
    groups: list[list[Wrong]] = []
    for wrong in planted:
        for group in groups:
            if not any(apart(wrong, other) for other in group):
                group.append(wrong)
                break
        else:
            groups.append([wrong])
    return groups
