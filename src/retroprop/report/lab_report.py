"""What an assignment asks, as data, and the records that its answers read.

A lab has parts, a part has questions, a question has answers. An answer is a function of a
`LabReport` that yields the blocks of a document, one after the other. It asks the report for the
studies it speaks of; where one is not recorded yet, what was yielded until then stays, and the
report says which command makes the rest.

Every text is English, and the document translates it. What is asked may hold formulas between
dollars (see `report.document.Prose`).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retroprop.errors import UserError
from retroprop.report.document import Block, Prose, Section
from retroprop.report.study_report import StudyReport
from retroprop.report.words import Words
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.schema import load_study, size_option

SIZES = ("smoke", "laptop", "full")


Answer = Callable[["LabReport"], Iterator[Block]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of an assignment.

    Attributes:
        name: A short name without spaces, unique in its lab: "2.3a".
        label: How the assignment numbers it: "3 (a)"; shown before the title. By default its name.
        title: In a few words; "" where `function` says it.
        function: The names of the functions that it asks for, the same in every language.
        asked: What the assignment asks, in words of our own.
        answers: Each yields blocks; a study that one lacks does not stop the next.
        studies: The studies that the answers read.
        points: As the assignment counts them; None where it gives none.
        bonus: Whether they are a bonus.
        beyond: Whether it continues the assignment, which does not ask it.
        code: Python that makes the answer with the library, for the notebook. It finds what
            `Lab.setup` defines: `lab`, `SIZE` and the imports.
    """

    name: str
    title: str = ""
    function: str = ""
    asked: str
    answers: Sequence[Answer]
    label: str = ""
    studies: tuple[str, ...] = ()
    points: float | None = None
    bonus: bool = False
    beyond: bool = False
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Questions under one heading; `introduction` is prose."""

    name: str
    title: str
    questions: tuple[Question, ...]
    introduction: str = ""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One assignment.

    Attributes:
        name: As the command line has it: "lyon-tp".
        title: Of the assignment.
        source: Course, document and place: "INF8225, TP1 (Polytechnique Montréal)".
        parts: Its questions.
        summary: What came out, a few sentences from the records; may ask for studies as an answer
            does, and is cut short where one is missing.
        imports: Python that the code of the questions needs beside `lab` and `SIZE`.
        answers_in_code: Whether the code of each question is followed by a call that shows its
            answer; without it, only where a question has no code.
    """

    name: str
    title: str
    source: str
    parts: tuple[Part, ...]
    summary: Callable[["LabReport"], Iterator[str]] | None = None
    imports: str = ""
    answers_in_code: bool = False

    @property
    def questions(self) -> list[Question]:
        """All questions in order."""
        return [question for part in self.parts for question in part.questions]

    def code_of(self, question: Question) -> str:
        """The cell of the notebook that makes its answer."""
        if question.code and not self.answers_in_code:
            return question.code
        return f'{question.code}\nlab.answer("{question.name}")'.lstrip()

    @property
    def studies(self) -> list[str]:
        """Every study that a question needs, in order."""
        return list(dict.fromkeys(name for one in self.questions for name in one.studies))


class NotRecordedError(Exception):
    """A study has no finished epoch in the records."""

    def __init__(self, study: str) -> None:
        """Name the study."""
        super().__init__(study)
        self.study = study


@dataclass(frozen=True)
class LabReport(Words):
    """A lab's records, and how to speak of them in one language.

    Attributes:
        lab: The assignment.
        records: The open database; None when there is none yet.
        language: "en" or "fr".
        size: Which size of the studies to report; None for the largest that is recorded.
    """

    lab: Lab
    records: Records | None
    language: str
    size: str | None = None

    @cached_property
    def _found(self) -> dict[str, StudyReport | None]:
        return {}

    def study(self, name: str) -> StudyReport:
        """The records of a study.

        Raises:
            NotRecordedError: If it has no finished epoch; the report then names the command.
        """
        report = self.find_study(name)
        if report is None:
            raise NotRecordedError(name)
        return report

    def find_study(self, name: str) -> StudyReport | None:
        """The records of a study that fit best; None when it has no finished epoch.

        Only the assignment's own study counts, at any size and precision (`options_of`). In this
        order: of the size that is asked for; finished; the larger size; the newer.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> StudyReport | None:
        if self.records is None:
            return None

        def rank(run: StudyRunRecord) -> tuple[Any, ...]:
            size = size_of(run)
            return (size == self.size, run.status == "finished", SIZES.index(size))

        newest_first = self.records.study_runs(name)[::-1]
        own = [run for run in newest_first if options_of(run) is not None]
        for record in sorted(own, key=rank, reverse=True):
            report = StudyReport.read(self.records, record, self.language)
            if report.begun:
                return report
        return None

    def other_study(self, name: str) -> StudyReport | None:
        """The newest study run of that name which is not the assignment's; without its models."""
        runs = self.records.study_runs(name) if self.records is not None else []
        others = [run for run in runs if options_of(run) is None]
        if self.records is None or not others:
            return None
        return StudyReport(others[-1], (), self.records.location, self.language)

    @property
    def reports(self) -> list[StudyReport]:
        """The studies that have records, in the order of the lab."""
        return [report for name in self.lab.studies if (report := self.find_study(name))]

    def prose(self, text: str, *, title: str = "", **values: Any) -> Prose:
        """A translated paragraph; `values` fill its places, and are written as they are."""
        words = self.say(text)
        return Prose(
            text=words.format(**values) if values else words,
            title=self.say(title) if title else "",
        )

    def blocks(
        self, report: StudyReport, *sections: Callable[[StudyReport], Section | None]
    ) -> Iterator[Block]:
        """The blocks of sections of a study's own report: its tables, curves, answers."""
        for section in sections:
            found = section(report)
            if found is not None:
                yield from found.blocks


def size_of(record: StudyRunRecord) -> str:
    """One of smoke, laptop and full; older records do not say, and were full."""
    size = record.config.get("size")
    return size if size in SIZES else "full"


def options_of(record: StudyRunRecord) -> str | None:
    """What `retroprop run` needs behind the name of a shipped study to make this study run again.

    None where its fingerprint is of another study: of changed settings, a file that took the name,
    or what an older version shipped. Another precision, which `retroprop lab run` offers, is named.
    """
    name, size = record.study, size_of(record)
    option = size_option(name, size)
    if load_study(name, size=size).fingerprint == record.fingerprint:
        return option
    precision = (record.config.get("training") or {}).get("precision")
    with contextlib.suppress(UserError):  # its models cannot have it
        changed = load_study(name, size=size, changes=[f"training.precision={precision}"])
        if changed.fingerprint == record.fingerprint:
            return f"{option} --precision {precision}"
    return None


def only(kind: str, blocks: Sequence[Block] | Iterator[Block]) -> Iterator[Block]:
    """The blocks of one kind, "table" or "picture" for instance."""
    return (block for block in blocks if block.kind == kind)
