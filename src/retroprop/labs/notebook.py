"""An assignment in a notebook or a program: train what it needs, and show its answers."""

from dataclasses import dataclass, replace
from pathlib import Path

from retroprop.errors import UserError, did_you_mean
from retroprop.labs.catalog import find_lab
from retroprop.labs.running import plan_lab, run_lab, total_s
from retroprop.languages import translator
from retroprop.report.document import Document, Section
from retroprop.report.lab_content import compose_lab, question_section, run_command
from retroprop.report.lab_report import Lab, LabReport, Question
from retroprop.report.study_report import StudyReport
from retroprop.studies.records import Records
from retroprop.studies.runner import open_engine
from retroprop.studies.study_text import USUAL_SIZE


@dataclass(frozen=True)
class OpenLab:
    """An assignment with its records. A notebook shows what its methods return."""

    lab: Lab
    records: Records | None
    language: str
    size: str | None = None

    @classmethod
    def open(cls, name: str, *, db: str | Path, language: str, size: str | None) -> "OpenLab":
        """Open an assignment with its records; see `retroprop.labs.open_lab`."""
        translator(language)  # an unknown language is said now
        lab = find_lab(name)
        return cls(lab, Records.open(db) if lab.studies else None, language, size)

    def run(
        self, size: str = USUAL_SIZE, *, workers: int | None = None, device: str = "cpu"
    ) -> None:
        """Train what the records lack; nothing, in a moment, where they lack nothing.

        Args:
            size: "smoke" for seconds, "laptop", or "full" as the assignment asks.
            workers: Worker processes; one per core by default.
            device: Where models train: "cpu", "cuda" or "auto".

        Raises:
            UserError: If the size is unknown, data are missing or a device is.
            Interrupted: After Ctrl-C; every finished epoch is kept.
        """
        if self.records is None:
            return
        plans = plan_lab(self.lab.studies, self.records, size)
        if left := [one for one in plans if not one.finished]:
            seconds = total_s(left, workers)
            names = ", ".join(one.name for one in left)
            print(f"Training {names}: about {seconds / 60:.0f} min, a rough guess.")
        with open_engine(None, workers) as engine:
            run_lab(plans, self.records, engine, workers=workers, device=device)

    def study(self, name: str) -> StudyReport:
        """The records of a study that the answers speak of: the assignment's own.

        Raises:
            UserError: If it has no finished epoch.
        """
        found = self._report.find_study(name)
        if found is None:
            raise UserError(
                f"the study {name} of the assignment has no finished epoch yet; train it first: "
                f"{run_command(self._report, name)}"
            )
        return found

    def answer(self, name: str) -> "ShownAnswer":
        """The answer to one question from the records as they are now.

        Raises:
            UserError: If the assignment has no such question.
        """
        return ShownAnswer(question_section(self._report, self._question(name)), self._frame)

    @property
    def document(self) -> Document:
        """The whole document."""
        return compose_lab(self._report)

    @property
    def _report(self) -> LabReport:
        """The records as they are now."""
        return LabReport(self.lab, self.records, self.language, self.size)

    @property
    def _frame(self) -> Document:
        """The document without its questions, which take their time."""
        empty = replace(self.lab, parts=(), summary=None)
        return compose_lab(LabReport(empty, None, self.language, self.size))

    def _question(self, name: str) -> Question:
        for question in self.lab.questions:
            if question.name == name:
                return question
        known = [question.name for question in self.lab.questions]
        raise UserError(
            f"{self.lab.name} has no question {name!r}; it has {', '.join(known)}. "
            f"{did_you_mean(name, known)}"
        )


@dataclass(frozen=True)
class ShownAnswer:
    """One answered question, as a notebook shows it."""

    section: Section
    document: Document

    def _repr_html_(self) -> str:
        from retroprop.report.html import fragment_html

        return fragment_html(self.section, self.document)

    def __repr__(self) -> str:
        texts = [getattr(block, "text", "") for block in self.section.blocks]
        return "\n\n".join([self.section.heading, *filter(None, texts)])
