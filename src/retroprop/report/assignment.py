"""What an assignment asks, as data: a lab has parts, a part has questions, a question has answers.

An answer is a function of a `LabStory` that yields the blocks of a document, one after the other.
It asks the story for the studies it speaks of; where one is not recorded yet, what was yielded
until then stays, and the report says which command makes the rest.

Every text is English and marked with `say_later`, and the document translates it. What is asked may
hold formulas between dollars (see `report.document.Prose`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retroprop.report.document import Block

if TYPE_CHECKING:
    from retroprop.report.lab_story import LabStory

Answer = Callable[["LabStory"], Iterator[Block]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of an assignment.

    Attributes:
        name: A short name without spaces, unique in its lab: "2.3a".
        label: How the assignment numbers it: "3 (a)"; shown before the title.
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
    label: str
    title: str = ""
    function: str = ""
    asked: str
    answers: Sequence[Answer]
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
    """

    name: str
    title: str
    source: str
    parts: tuple[Part, ...]
    summary: Callable[["LabStory"], Iterator[str]] | None = None
    imports: str = field(default="")

    @property
    def questions(self) -> list[Question]:
        """All questions in order."""
        return [question for part in self.parts for question in part.questions]

    @property
    def studies(self) -> list[str]:
        """Every study that a question needs, in order."""
        return list(dict.fromkeys(name for one in self.questions for name in one.studies))
