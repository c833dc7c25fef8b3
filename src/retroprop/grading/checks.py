"""What a lab's grading is made of, and how an answer is judged: by values alone, in our process.

    question → checks → (inputs → probe in the confined submission → answer) → judge → finding

The reference of a check is a function with switches. Without them it gives the right answer; each
known mistake is a setting of the switches, so that it gives what a submission with that mistake
answers. A mistake is named only if it explains the whole answer: singles first, then pairs. What
none explains is described by its first difference.

Nobody is charged twice for one mistake: in a later question, an answer that is explained by
mistakes that were charged already, or that is right for somebody with the student's own answer to
an earlier question (`Earlier`), counts as right.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import torch

from retroprop.grading.comparison import close, first_difference
from retroprop.languages import Say

Values = Mapping[str, Any]
"""What a probe gets: numbers, texts, tensors, and lists of them."""

Ask = Callable[[str, Values], Any]
"""Run a probe (by its name) with some values in the submission's process; its answer."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A way of being wrong.

    Attributes:
        name: In the field's terms, and the same wherever a lab meets the mistake.
        sentence: What it does to the answer, and the remedy; `say_later` marks it.
        switches: Of the check's reference.
    """

    name: str
    sentence: str
    switches: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something about an answer that the assignment leaves open: said, and not charged.

    Attributes:
        name: As a rubric names it under `strict`, where a teacher wants it charged.
        sentence: `say_later` marks it.
        applies: Whether it does, from the values and the answer.
    """

    name: str
    sentence: str
    applies: Callable[[Values, Any], bool]


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The right answer for somebody with the student's own answer to an earlier question.

    Attributes:
        question: Its number.
        others: Numbers of other questions whose answers it builds on, too.
        reference: Values, answer and how to ask the submission's earlier function → what is right
            given that function. It raises where that function gives nothing to build on.
    """

    question: str
    others: Sequence[str] = ()
    reference: Callable[[Values, Any, Ask], Any]


def _as_it_is(values: Values, answer: Any) -> Any:
    return answer


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that is asked of a submission.

    Attributes:
        name: Unique in its question; `say_later` marks it.
        share: Of the points of its question.
        probe: Name of the function of the lab's probes that asks.
        inputs: The values for the probe, drawn with a generator.
        reference: (values, answer, **switches) → the right answer, or a wrong one. It has the
            submission's answer because a network's outputs depend on its own weights.
        mistakes: What a wrong answer is compared with.
        pairs: Whether two mistakes at once are, too.
        also_right: Other settings of the switches that are as right.
        measure: (values, answer) → what is compared, such as the deviation of random weights.
        remarks: What is said without being charged.
        public: Whether students have it (`retroprop check`); else it says no more than needed.
        tolerance: Relative.
        earlier: The student's own earlier function, where this check builds on one.
        seconds: Of processor time that an answer may take.
    """

    name: str
    share: float
    probe: str
    inputs: Callable[[torch.Generator], Values]
    reference: Callable[..., Any]
    mistakes: Sequence[Mistake] = ()
    pairs: bool = True
    also_right: Sequence[Mapping[str, Any]] = ()
    measure: Callable[[Values, Any], Any] = _as_it_is
    remarks: Sequence[Remark] = ()
    public: bool = False
    tolerance: float = 1e-4
    earlier: Earlier | None = None
    seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of an assignment.

    Attributes:
        number: As the assignment numbers it.
        name: `say_later` marks it.
        points: What it is worth.
        checks: Their shares add up to 1.
    """

    number: str
    name: str
    points: float
    checks: Sequence[Check]


@dataclass(frozen=True, kw_only=True)
class LabGrading:
    """How the submissions of an assignment are graded.

    Attributes:
        lab: Its name.
        files: The Python files of a submission, without ".py". A lab of one file takes whatever a
            submission's only file is called.
        probes: The source of the probes: functions (submission, values) → answer, that run in the
            confined process and know nothing that is secret; `submission.mlp` is the file mlp.py.
        questions: In their order.
        template: File → what students are given.
        by_hand: File → names of modules and functions that should not be used, for evidence.
        derivatives: The probes whose answers are derivatives by hand; that they were found by
            finite differences is evidence, too.
        substitutes: Number of a question → file → source of the right function, which takes the
            place of a wrong one where a later answer needs it.
    """

    lab: str
    files: Sequence[str]
    probes: str
    questions: Sequence[Question]
    template: Mapping[str, str] = field(default_factory=dict)
    by_hand: Mapping[str, Sequence[str]] = field(default_factory=dict)
    derivatives: Collection[str] = ()
    substitutes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the judge found.

    Attributes:
        passed: Whether the answer counts as right.
        sentence: Why not, or given what; empty for what is simply right.
        mistakes: The names of those that explain the answer.
        remarks: Names of the remarks that apply to an answer that counts as right.
    """

    passed: bool
    sentence: str = ""
    mistakes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def judge(
    check: Check,
    values: Values,
    answer: Any,
    *,
    say: Say,
    ask: Ask,
    charged: Mapping[str, str],
    lost: Collection[str] = (),
) -> Finding:
    """Judge an answer, whatever it is.

    Args:
        check: What was asked.
        values: With which values.
        answer: What came back.
        say: The language of the sentence.
        ask: Asks the submission again.
        charged: Mistakes that were charged in earlier questions, with the question's number.
        lost: Numbers of the earlier questions that lost points.
    """
    try:
        measured = check.measure(values, answer)
        finding = _compared(check, values, answer, measured, say=say, charged=charged)
        if not finding.passed and check.earlier is not None:
            finding = (
                _given_earlier(
                    check, check.earlier, values, answer, measured, say=say, ask=ask, lost=lost
                )
                or finding
            )
    except Exception as error:  # whatever was sent, the next check goes on
        kind = type(error).__name__
        return Finding(
            passed=False, sentence=say("the answer cannot be read ({kind})").format(kind=kind)
        )
    if not finding.passed:
        return finding
    return replace(finding, remarks=tuple(_that_apply(check.remarks, values, answer)))


def _that_apply(remarks: Sequence[Remark], values: Values, answer: Any) -> Iterator[str]:
    for remark in remarks:
        with contextlib.suppress(Exception):  # of another kind of answer, nothing is remarked
            if remark.applies(values, answer):
                yield remark.name


def _compared(
    check: Check,
    values: Values,
    answer: Any,
    measured: Any,
    *,
    say: Say,
    charged: Mapping[str, str],
) -> Finding:
    rights = [{}, *check.also_right]
    for switches in rights:
        if close(measured, check.reference(values, answer, **switches), check.tolerance):
            return Finding(passed=True)
    tried = explanations(check, charged)
    for mistakes in sorted(tried, key=lambda one: not _are_charged(one, charged)):
        if explains(check, values, answer, measured, mistakes):
            names = tuple(mistake.name for mistake in mistakes)
            sentence = say("; and ").join(say(mistake.sentence) for mistake in mistakes)
            if _are_charged(mistakes, charged):
                numbers = ", ".join(sorted({charged[name] for name in names}))
                paid = say("counted in question {number} already: {sentence}")
                sentence = paid.format(number=numbers, sentence=sentence)
                return Finding(passed=True, sentence=sentence, mistakes=names)
            return Finding(passed=False, sentence=sentence, mistakes=names)
    right = check.reference(values, answer)
    return Finding(passed=False, sentence=first_difference(measured, right, check.tolerance, say))


def _given_earlier(
    check: Check,
    earlier: Earlier,
    values: Values,
    answer: Any,
    measured: Any,
    *,
    say: Say,
    ask: Ask,
    lost: Collection[str],
) -> Finding | None:
    """That an answer is right given the student's own earlier ones, if some of these are wrong."""
    numbers = [number for number in (earlier.question, *earlier.others) if number in lost]
    if not numbers:
        return None
    try:
        own = earlier.reference(values, answer, ask)
    except Exception:  # the student's function gives nothing, or ends: there is nothing to build on
        return None
    if not close(measured, own, check.tolerance):
        return None
    sentence = say("right, given the student's own answer to question {number}")
    return Finding(passed=True, sentence=sentence.format(number=", ".join(numbers)))


def _are_charged(mistakes: Sequence[Mistake], charged: Mapping[str, str]) -> bool:
    return all(mistake.name in charged for mistake in mistakes)


def explanations(check: Check, charged: Collection[str] = ()) -> Iterator[tuple[Mistake, ...]]:
    """Every mistake; those that were charged, together, and with one more; then every two.

    Mistakes that set the same switch exclude each other.
    """
    yield from ((mistake,) for mistake in check.mistakes)
    earlier = tuple(mistake for mistake in check.mistakes if mistake.name in charged)
    together = [earlier, *((*earlier, one) for one in check.mistakes)]
    pairs = combinations(check.mistakes, 2) if check.pairs else ()
    for mistakes in (*together, *pairs):
        switches = [name for mistake in mistakes for name in mistake.switches]
        if len(mistakes) > 1 and len(set(switches)) == len(switches):
            yield mistakes


def explains(
    check: Check, values: Values, answer: Any, measured: Any, mistakes: Sequence[Mistake]
) -> bool:
    """Whether a submission with these mistakes would answer this."""
    wrong = {name: value for mistake in mistakes for name, value in mistake.switches.items()}
    for switches in ({}, *check.also_right):
        try:
            answered = check.reference(values, answer, **{**switches, **wrong})
        except Exception:  # a mistake that cannot be made on these values, or with this answer
            continue
        if close(measured, answered, check.tolerance):
            return True
    return False
