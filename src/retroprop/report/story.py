"""The records of one study run together with the words for them, in one language.

Every section of a report starts from a `Story`: it knows the cells, the best ones among them, and
how to name a setting, a cell or a count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retroprop.report.numbers import Numbers
from retroprop.report.translations import Say, say_later, translator
from retroprop.studies.records import DEFAULT_DATABASE, RunRecord, StudyRunRecord
from retroprop.studies.summary import CellSummary, best_cells, summarise_cells

SETTING_NAMES = {
    "optimizer": say_later("optimizer"),
    "learning_rate": say_later("learning rate"),
    "batch_size": say_later("batch size"),
    "width": say_later("width"),
    "depth": say_later("depth"),
    "seed": say_later("seed"),
}
VALUE_NAMES = {
    "best_validation_accuracy": say_later("Best validation accuracy (%)"),
    "best_validation_loss": say_later("Validation loss at the best epoch (nats)"),
    "best_epoch": say_later("Best epoch"),
    "test_accuracy": say_later("Test accuracy (%)"),
    "test_loss": say_later("Test loss (nats)"),
}


@dataclass(frozen=True)
class Story:
    """The records of one study run, and how to speak of them in one language."""

    record: StudyRunRecord
    runs: tuple[RunRecord, ...]
    location: str
    language: str

    @cached_property
    def say(self) -> Say:
        """Turns an English text into the reader's language."""
        return translator(self.language)

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers in the reader's language."""
        return Numbers(self.language)

    @cached_property
    def cells(self) -> list[CellSummary]:
        """The cells of the grid with their best validation accuracy."""
        return summarise_cells(self.runs)

    @cached_property
    def best_per(self) -> list[str]:
        """The settings for each combination of which one cell is selected."""
        return list((self.record.config.get("selection") or {}).get("best_per") or [])

    @cached_property
    def best(self) -> list[CellSummary]:
        """The best cell for each combination of `best_per`."""
        return best_cells(self.cells, self.best_per)

    @property
    def grid(self) -> dict[str, list[Any]]:
        """The varied settings and their values."""
        return dict(self.record.config.get("grid") or {})

    @property
    def n_done(self) -> int:
        """How many models need no more training."""
        return sum(run.status in ("finished", "diverged") for run in self.runs)

    @property
    def unfinished(self) -> bool:
        """Whether some models of the study are still to be trained."""
        return self.n_done < len(self.runs)

    @property
    def dataset(self) -> str:
        """The data set's name for people."""
        return self.numbers.setting(self.record.config.get("dataset", "?"))

    @property
    def command(self) -> str:
        """The command that ran the study, which also continues it."""
        for session in reversed(self.record.sessions):
            recorded = session.environment.get("command")
            if recorded and "run" in str(recorded).split():
                return str(recorded)
        database = "" if self.location == DEFAULT_DATABASE else f" --db {self.location}"
        return f"retroprop run {self.record.study}{database}"

    def setting_name(self, key: str) -> str:
        """The name of a setting for people; an unknown one is shown as the study file has it."""
        name = SETTING_NAMES.get(key)
        return self.say(name) if name else key.replace("_", " ")

    def describe(self, cell: dict[str, Any], without: Sequence[str] = ()) -> str:
        """A cell in words: "learning rate 0.01, batch size 1"."""
        return ", ".join(
            f"{self.setting_name(key)} {self.numbers.setting(value)}"
            for key, value in cell.items()
            if key not in without
        )

    def group(self, cell: dict[str, Any]) -> str:
        """The name of what a best cell is the best of: "SGD", or "width 25, SGD"."""
        return ", ".join(
            self.numbers.setting(cell[key])
            if isinstance(cell[key], str)
            else f"{self.setting_name(key)} {self.numbers.setting(cell[key])}"
            for key in self.best_per
            if key in cell
        )

    def name(self, cell: CellSummary) -> str:
        """The label of a selected cell: its group, or all its settings when there is one group."""
        return self.group(cell.cell) or self.describe(cell.cell) or self.say("the model")

    def anchor(self, cell: CellSummary) -> str:
        """Where the appendix lists the models of a cell."""
        return f"run-{cell.runs[0].id}"

    def seeds(self, n: int) -> str:
        """A count of seeds in words."""
        return self.say("{n} seed" if n == 1 else "{n} seeds").format(n=n)

    def title(self) -> str:
        """The study's title in the reader's language, in any language it has, or its name."""
        title = self.record.config.get("title") or self.record.study
        if isinstance(title, dict):
            title = title.get(self.language) or next(iter(title.values()), self.record.study)
        return str(title)

    def write(self, value: str, mean: float, deviation: float | None = None) -> str:
        """A value of a model or of a cell as the tables write it: per cent, nats, or epochs."""
        if value.endswith("accuracy"):
            return self.numbers.share(mean, deviation)
        return self.numbers.decimal(mean, 1 if value == "best_epoch" else 3, deviation)

    def gradient_sentence(self) -> str:
        """The gradient convention of the study in one sentence."""
        convention = (self.record.config.get("training") or {}).get("gradient")
        if convention == "sum":
            return self.say(
                "The gradient is summed over the minibatch, so a larger batch takes larger SGD "
                "steps at the same learning rate."
            )
        if convention == "mean":
            return self.say(
                "The gradient is averaged over the minibatch, so the batch size does not change "
                "the "
                "scale of an SGD step."
            )
        return self.say("The gradient convention was not recorded.")
