"""Grading one submission, question by question, and a class of them on several workers.

    submissions → (worker: fork server → session → checks → findings) → sheets

The points depend on the submissions, the rubric and the teacher's secret alone: not on the number
of workers, nor on the order. Every sheet is handed over after each question, so that a kill loses
one question.
"""

import hashlib
import hmac
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from retroprop.errors import Interrupted
from retroprop.grading.by_hand import evidence_in, evidence_of_running
from retroprop.grading.checks import Check, Finding, LabGrading, Question, Values, judge
from retroprop.grading.results import (
    QuestionResult,
    Sheet,
    Trouble,
    check_result,
)
from retroprop.grading.rubric import Rubric
from retroprop.grading.sessions import (
    Confine,
    ForkServer,
    NoAnswer,
    Note,
    Raised,
    Server,
    Session,
)
from retroprop.grading.submissions import Submission
from retroprop.languages import Language, Say, translator

OnQuestion = Callable[[Sheet], None]
"""Called with a sheet after each question, in the thread of its worker."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What grading depends on, besides the submissions.

    Attributes:
        rubric: The lab's checks, and what they are worth.
        secret: The teacher's: hidden inputs are drawn with it.
        language: Of all sentences.
        confine: "require", "best" or "none".
        public_only: Ask the public checks alone, as students do.
    """

    rubric: Rubric
    secret: bytes
    language: Language
    confine: Confine = "require"
    public_only: bool = False

    @property
    def grading(self) -> LabGrading:
        """The lab's, with the rubric applied."""
        return self.rubric.grading

    @property
    def say(self) -> Say:
        """Says a text in the language."""
        return translator(self.language)


def grade_class(
    order: Order,
    submissions: Sequence[Submission],
    *,
    workers: int,
    on_question: OnQuestion,
    stop: threading.Event | None = None,
) -> list[Sheet]:
    """Grade all submissions, each once, and return their sheets in the order of the submissions.

    Args:
        order: How.
        submissions: Those that cannot be read get a sheet too.
        workers: Threads, each with a fork server; the confined processes do most of the work.
        on_question: What to do with a sheet that has grown.
        stop: Set it to end after the question in flight.

    Raises:
        Interrupted: If `stop` was set before the end.
        UserError: If this machine cannot confine and `order.confine` asks for it.
    """
    stop = stop or threading.Event()
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(submissions)):
        waiting.put(index)
    sheets: dict[int, Sheet] = {}

    def work() -> None:
        with ForkServer(order.confine) as server:
            while not stop.is_set():
                try:
                    index = waiting.get_nowait()
                except queue.Empty:
                    return
                sheets[index] = grade(order, submissions[index], server, on_question, stop)

    # torch imports much with its first optimizer, which two threads must not do at once
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    workers = max(1, min(workers, len(submissions)))
    with ThreadPoolExecutor(workers) as threads:
        futures = [threads.submit(work) for _ in range(workers)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise
    if stop.is_set():
        raise Interrupted
    return [sheets[index] for index in range(len(submissions))]


def grade(
    order: Order,
    submission: Submission,
    server: Server,
    on_question: OnQuestion,
    stop: threading.Event,
) -> Sheet:
    """Grade one submission.

    Raises:
        Interrupted: If `stop` is set between two questions.
    """
    began = time.perf_counter()
    sheet = Sheet(submission=submission, grading=order.grading)
    sheet.manual = order.rubric.manual_results(submission, order.language)
    if submission.unreadable is not None:
        sheet.finished = True
        on_question(sheet)
        return sheet
    sheet.evidence = evidence_in(submission.files, order.grading, order.say)
    with Session(
        server,
        submission.files,
        order.grading.probes,
        order.rubric.limits,
        observed=bool(order.grading.by_hand),
    ) as session:
        grader = _Grader(order, session, sheet)
        for question in order.grading.questions:
            if stop.is_set():
                raise Interrupted
            sheet.questions.append(grader.graded(question))
            sheet.notes, sheet.held = list(map(_trouble, session.notes)), session.held
            sheet.seconds = time.perf_counter() - began
            on_question(sheet)
    sheet.processor_s, sheet.peak_bytes = session.processor_s, session.peak_bytes
    sheet.finished = True
    on_question(sheet)
    return sheet


def generator_of(
    secret: bytes, lab: str, question: str, check: str, files: Mapping[str, str]
) -> torch.Generator:
    """Random numbers for the inputs of a check: the same for the same files and secret."""
    text = "\0".join([lab, question, check, *(f"{n}\0{files[n]}" for n in sorted(files))])
    digest = hmac.new(secret, hashlib.sha256(text.encode()).digest(), "sha256").digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


class _Grader:
    """Asks a submission's process one question after the other.

    Attributes:
        charged: The name of each mistake that was found → the number of its question.
    """

    def __init__(self, order: Order, session: Session, sheet: Sheet) -> None:
        self.order, self.session, self.sheet = order, session, sheet
        self.charged: dict[str, str] = {}

    @property
    def lost(self) -> list[str]:
        """The numbers of the questions that have lost points so far."""
        return [one.question.number for one in self.sheet.questions if one.score < one.max_score]

    def graded(self, question: Question) -> QuestionResult:
        """A question's checks, each asked and judged."""
        public_only = self.order.public_only
        results = []
        for check in [one for one in question.checks if one.public or not public_only]:
            began = time.perf_counter()
            finding, raised = self._found(question, check)
            results.append(
                check_result(
                    question,
                    check,
                    finding,
                    seconds=time.perf_counter() - began,
                    raised=raised,
                    strict=self.order.rubric.strict,
                )
            )
        for one in results:
            if not one.finding.passed:
                for name in one.finding.mistakes:
                    self.charged.setdefault(name, question.number)
        return QuestionResult(question=question, checks=results)

    def _found(self, question: Question, check: Check) -> tuple[Finding, Trouble | None]:
        """What is found of an answer, or of one that earlier questions do not spoil."""
        grading, files = self.order.grading, self.sheet.submission.files
        random = generator_of(self.order.secret, grading.lab, question.number, check.name, files)
        values = check.inputs(random)
        finding, raised = self._judged(question, check, values)
        if finding.passed or finding.mistakes:
            return finding, raised
        asked = [one.question.number for one in self.sheet.questions]
        known = [number for number in asked if number in grading.substitutes]
        helping = [number for number in known if number in self.lost]
        if not helping or helping == known:  # who has none of them has handed in nothing to help
            return finding, raised
        other, _ = self._judged(question, check, values, substitutes=helping)
        if other.passed:
            sentence = self.order.say("right, given a right answer to question {number}")
            return replace(other, sentence=sentence.format(number=", ".join(helping))), None
        return (other, None) if other.mistakes else (finding, raised)

    def _judged(
        self, question: Question, check: Check, values: Values, *, substitutes: Sequence[str] = ()
    ) -> tuple[Finding, Trouble | None]:
        """What is found of an answer, with right functions in place of those of some questions."""
        say = self.order.say
        sources: dict[str, str] = {}
        for number in substitutes:
            for file, source in self.order.grading.substitutes[number].items():
                sources[file] = f"{sources.get(file, '')}\n{source}"
        ask = self.session.ask
        try:
            answer = ask(check.probe, values, seconds=check.seconds, substitutes=sources)
        except Raised as error:
            return Finding(passed=False), Trouble(
                type=error.type,
                message=error.message,
                file=_module(error.file),
                line=error.line,
                text=error.text,
            )
        except NoAnswer as ended:
            return Finding(passed=False), Trouble(message=ended.said(say))
        seen = self.session.seen
        self.sheet.evidence += evidence_of_running(seen, answer, check, question, self.sheet, say)
        finding = judge(
            check, values, answer, say=say, ask=ask, charged=self.charged, lost=self.lost
        )
        return finding, None


def _trouble(note: Note) -> Trouble:
    """What went wrong at load; where the process ended, the message is ours."""
    kind = "" if note.type == "Ended" else note.type
    return Trouble(type=kind, message=note.message, file=_module(note.file), line=note.line)


def _module(file: str | None) -> str:
    """The name of a file's module."""
    return (file or "").removesuffix(".py")
