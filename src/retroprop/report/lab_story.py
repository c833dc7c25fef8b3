"""The records that one lab reads, together with the words for them in one language."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retroprop.languages import Say, translator
from retroprop.report.assignment import Lab
from retroprop.report.document import Block, Prose, Section
from retroprop.report.numbers import Numbers
from retroprop.report.story import Story
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.schema import load_study

SIZES = ("smoke", "laptop", "full")


class NotRecordedError(Exception):
    """A study has no finished epoch in the records."""

    def __init__(self, study: str) -> None:
        """Name the study."""
        super().__init__(study)
        self.study = study


@dataclass(frozen=True)
class LabStory:
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
    def say(self) -> Say:
        """Turns an English text into the reader's language."""
        return translator(self.language)

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers in the reader's language."""
        return Numbers(self.language)

    @cached_property
    def _found(self) -> dict[str, Story | None]:
        return {}

    def study(self, name: str) -> Story:
        """The records of a study.

        Raises:
            NotRecordedError: If it has no finished epoch; the report then names the command.
        """
        story = self.find_study(name)
        if story is None:
            raise NotRecordedError(name)
        return story

    def find_study(self, name: str) -> Story | None:
        """The records of a study that fit best; None when it has no finished epoch.

        In this order: of the size that is asked for; the study as the catalog has it; finished;
        the larger size; the newer.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Story | None:
        if self.records is None:
            return None
        as_shipped = {load_study(name, size=size).fingerprint for size in SIZES}

        def rank(run: StudyRunRecord) -> tuple[Any, ...]:
            size = str(run.config.get("size") or "full")
            return (
                size == self.size,
                run.fingerprint in as_shipped,
                run.status == "finished",
                SIZES.index(size) if size in SIZES else -1,
                run.created_at,
            )

        for record in sorted(self.records.study_runs(name), key=rank, reverse=True):
            runs = self.records.runs(record.id)
            if any(epoch.epoch > 0 for run in runs for epoch in run.epochs):
                return Story(
                    record, tuple(runs), self.records.location, self.language, self.records.folder
                )
        return None

    @property
    def stories(self) -> list[Story]:
        """The studies that have records, in the order of the lab."""
        return [story for name in self.lab.studies if (story := self.find_study(name))]

    def prose(self, text: str, *, title: str = "", **values: Any) -> Prose:
        """A translated paragraph; `values` fill its places, and are written as they are."""
        words = self.say(text)
        return Prose(
            text=words.format(**values) if values else words,
            title=self.say(title) if title else "",
        )

    def blocks(self, story: Story, *sections: Callable[[Story], Section | None]) -> Iterator[Block]:
        """The blocks of sections of a study's own report: its tables, curves, answers."""
        for section in sections:
            found = section(story)
            if found is not None:
                yield from found.blocks


def only(kind: str, blocks: Sequence[Block] | Iterator[Block]) -> Iterator[Block]:
    """The blocks of one kind, "table" or "picture" for instance."""
    return (block for block in blocks if block.kind == kind)
