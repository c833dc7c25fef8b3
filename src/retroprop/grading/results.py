"""What grading a submission gives: the points of each check, and why.

A `Sheet` grows question by question. It is what `results.json`, the CSV of the class and the pages
are written from, so that a number stands in one place, and so does what a student may know of a
hidden check.
"""

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from retroprop.errors import in_short
from retroprop.grading.checks import Check, Finding, LabGrading, Question
from retroprop.grading.submissions import Submission
from retroprop.languages import Say

LONGEST_MESSAGE = 300
"""Characters of what a student's code says when it fails."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What a submission's code raised, at load or when it was asked, or how its process ended.

    Attributes:
        type: Of the exception; empty where the process ended, and `message` is our sentence.
        message: The student's text, or ours.
        file: Module name, such as "solution".
        line: In that file, from 1.
        text: Of the line.
    """

    type: str = ""
    message: str = ""
    file: str = ""
    line: int | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Something that a teacher should look at by hand; nothing is deducted for it.

    Attributes:
        sentence: In the reader's language.
        file: Module name; empty for what concerns no place.
        line: From 1.
        text: Of the line.
        question: The number of the question that it concerns, if it is known.
    """

    sentence: str
    file: str = ""
    line: int | None = None
    text: str = ""
    question: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: What was asked.
        finding: What the judge says of the answer, or why there was none.
        score: Points.
        max_score: Points.
        seconds: Of wall time that asking and judging took.
        raised: What came in place of an answer: an exception, or how the process ended.
    """

    check: Check
    finding: Finding
    score: float
    max_score: float
    seconds: float
    raised: Trouble | None = None


def check_result(
    question: Question,
    check: Check,
    finding: Finding,
    *,
    seconds: float,
    raised: Trouble | None = None,
    strict: Collection[str] = (),
) -> CheckResult:
    """The result of a check, with its points.

    Args:
        question: Whose points the check has a share of.
        check: What was asked.
        finding: What was found.
        seconds: Of wall time that it took.
        raised: What came in place of an answer: an exception, or how the process ended.
        strict: Names of the remarks that cost the points of their check (`Rubric.strict`).
    """
    most = question.points * check.share
    earned = finding.passed and not set(finding.remarks) & set(strict)
    return CheckResult(
        check=check,
        finding=finding,
        score=most if earned else 0.0,
        max_score=most,
        seconds=seconds,
        raised=raised,
    )


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """What the checks of one question found."""

    question: Question
    checks: Sequence[CheckResult]

    @property
    def score(self) -> float:
        """Points."""
        return sum(one.score for one in self.checks)

    @property
    def max_score(self) -> float:
        """Points."""
        return self.question.points


@dataclass(frozen=True, kw_only=True)
class ManualResult:
    """A line that a teacher grades by hand, as a report.

    Attributes:
        name: In the reader's language.
        max_score: Points.
        score: None until the teacher gave points.
        comment: The teacher's.
    """

    name: str
    max_score: float
    score: float | None = None
    comment: str = ""


@dataclass(kw_only=True)
class Sheet:
    """What grading one submission gave so far.

    Attributes:
        submission: What was graded.
        grading: With the rubric applied.
        questions: Those that were graded, in order.
        manual: The teacher's own lines.
        notes: What went wrong at load.
        evidence: What to look at by hand.
        held: The layers of confinement that held.
        processor_s: Of the confined processes.
        peak_bytes: Of memory of the confined processes.
        seconds: Of wall time.
        finished: Whether every question was graded.
    """

    submission: Submission
    grading: LabGrading
    questions: list[QuestionResult] = field(default_factory=list)
    manual: list[ManualResult] = field(default_factory=list)
    notes: list[Trouble] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    held: Sequence[str] = ()
    processor_s: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0
    finished: bool = False

    @property
    def score(self) -> float:
        """Points so far, those that the teacher gave by hand included."""
        graded = sum(one.score for one in self.questions)
        return graded + sum(one.score or 0.0 for one in self.manual)

    @property
    def max_score(self) -> float:
        """Points of all questions, graded or not, and of the teacher's own lines."""
        questions = sum(one.points for one in self.grading.questions)
        return questions + sum(one.max_score for one in self.manual)


# --- in words -------------------------------------------------------------------------------------


def where(trouble: Trouble | Evidence, grading: LabGrading, say: Say) -> str:
    """The place of something in a submission: "line 7", "mlp.py, line 7", or nothing."""
    if trouble.line is None:
        return ""
    if len(grading.files) == 1 and trouble.file in ("", *grading.files):
        return say("line {line}").format(line=trouble.line)
    return say("{file}, line {line}").format(file=f"{trouble.file}.py", line=trouble.line)


def said_of(trouble: Trouble, grading: LabGrading, say: Say, *, hidden: bool = False) -> str:
    """What a submission's code raised, with its place.

    Args:
        trouble: What it raised.
        grading: Of the lab.
        say: The language.
        hidden: Whether a hidden check asked. Then its message and a name of its own are left out:
            they may hold the values that were asked with.
    """
    if not trouble.type:
        return trouble.message
    known = isinstance(getattr(builtins, trouble.type, None), type)
    kind = trouble.type if known or not hidden else say("an exception of its own")
    message = "" if hidden else in_short(Exception(trouble.message), LONGEST_MESSAGE)
    raised = f"{in_short(Exception(kind))}: {message}" if message else in_short(Exception(kind))
    place = where(trouble, grading, say)
    if not place:
        return raised
    return say("{what} ({place})").format(what=raised, place=place)


def explained(result: CheckResult, grading: LabGrading, say: Say, *, hidden: bool = False) -> str:
    """Why a check gave its points: empty for what is simply right.

    Args:
        result: Of the check.
        grading: Of the lab.
        say: The language.
        hidden: Whether a student reads this of a hidden check: then no more than the name of a
            mistake, or the type of an exception and its line, is said.
    """
    finding = result.finding
    sentences = []
    if result.raised is not None:
        sentences.append(said_of(result.raised, grading, say, hidden=hidden))
    elif hidden and not finding.passed and not finding.mistakes:
        sentences.append(say("another answer than expected"))
    elif finding.sentence:
        sentences.append(finding.sentence)
    for remark in result.check.remarks:
        if remark.name in finding.remarks:
            sentences.append(say(remark.sentence))
    return say("; ").join(sentences)
