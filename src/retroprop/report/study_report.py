"""The records of one study run together with the words for them, in one language.

Every section of a report starts from a `StudyReport`: it knows the cells, the best ones
among them, and how to name a setting, a cell or a count.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retroprop.data import find
from retroprop.data.catalog import DatasetInfo, is_own
from retroprop.data.own import parse
from retroprop.errors import UserError
from retroprop.report.words import LOSS_NAMES, VALUE_NAMES, Loss, Words
from retroprop.studies.kinds import KINDS, Kind
from retroprop.studies.records import DEFAULT_DATABASE, Records, RunRecord, StudyRunRecord
from retroprop.studies.schema import Split, size_option
from retroprop.studies.search import Trial, trials_of
from retroprop.studies.search_schema import Range, Search
from retroprop.studies.summary import (
    ACCURACY,
    CellSummary,
    Verdict,
    best_cell,
    best_cells,
    summarise,
    summarise_cells,
    verdict,
)

# A table may ask for a value that a record keeps under a longer name.
FIELDS = {"train_s": "train_s_per_epoch"}


def hashable(value: Any) -> Any:
    """A list as a tuple, so that a setting's value can be looked up."""
    return tuple(hashable(item) for item in value) if isinstance(value, list) else value


def setting_of(run: RunRecord, key: str) -> Any:
    """The value of a setting in the cell or else in all settings; a list as a tuple (hashable)."""
    return hashable(run.cell.get(key, run.settings.get(key)))


@dataclass(frozen=True)
class StudyReport(Words):
    """The records of one study run, and how to speak of them in one language.

    `folder` is where the checkpoints of the records lie; None when that is not known.
    """

    record: StudyRunRecord
    runs: tuple[RunRecord, ...]
    location: str
    language: str
    folder: Path | None = None

    @classmethod
    def read(cls, records: Records, record: StudyRunRecord, language: str) -> "StudyReport":
        """What the records hold of a study run."""
        runs = tuple(records.runs(record.id))
        return cls(record, runs, records.location, language, records.folder)

    @property
    def begun(self) -> bool:
        """Whether a model has been trained for at least one epoch."""
        return any(epoch.epoch > 0 for run in self.runs for epoch in run.epochs)

    @cached_property
    def cells(self) -> list[CellSummary]:
        """The cells of the grid with their best validation accuracy."""
        return summarise_cells(self.runs)

    def cells_of(self, value: str) -> list[CellSummary]:
        """The cells of the grid with another value of their models, a field of RunRecord."""
        return self.cells if value == ACCURACY else [summarise(c.runs, value) for c in self.cells]

    @cached_property
    def best_per(self) -> list[str]:
        """The settings for each combination of which one cell is selected."""
        return list((self.record.config.get("selection") or {}).get("best_per") or [])

    @cached_property
    def best(self) -> list[CellSummary]:
        """The best cell for each combination of `best_per`."""
        return best_cells(self.cells, self.best_per)

    @cached_property
    def best_cell(self) -> CellSummary | None:
        """The best of all cells; None before one has a mean."""
        return best_cell(self.best)

    def verdict(self, first: CellSummary, second: CellSummary, value: str = ACCURACY) -> Verdict:
        """Whether the first cell is above or below the second by more than chance."""
        tested = value == "test_accuracy"
        return verdict(first, second, value, self.test_images if tested else self.validation_images)

    def alike(self, first: CellSummary, second: CellSummary) -> bool:
        """Whether the means of two cells, both accuracies, are the same number where printed."""
        means = [self.numbers.share(cell.mean or 0.0) for cell in (first, second)]
        return means[0] == means[1]

    @property
    def grid(self) -> dict[str, list[Any]]:
        """The varied settings and their values; [] for those that a search drew from a range."""
        grid = self.record.config.get("grid") or {}
        lists = {key: values for key, values in grid.items() if values is not None}
        return lists | {key: [] for key in self.ranges if key not in lists}

    @cached_property
    def search(self) -> Search | None:
        """How its trials were drawn; None for a grid."""
        try:
            return Search.model_validate(self.record.config["search"])
        except (KeyError, ValidationError):
            return None

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """What the trials of a search were drawn from."""
        if self.search is None:
            return {}
        grid = self.record.config.get("grid") or {}
        lists = {key: Range(choices=values) for key, values in grid.items() if values}
        return lists | self.search.ranges.given()

    @cached_property
    def trials(self) -> list[Trial]:
        """The trials of a search, in the order in which they were drawn."""
        return trials_of(self.runs) if self.search is not None else []

    @property
    def n_planned(self) -> int:
        """How many models the study has when it is finished, as far as that is known."""
        if self.search is None or self.search.trials is None or self.record.status == "finished":
            return len(self.runs)
        return max(len(self.runs), self.search.trials * len({run.seed for run in self.runs}))

    @cached_property
    def alone(self) -> bool:
        """Whether each cell is the best of its group, for it has no other."""
        return len(self.best) == len(self.cells) > 1

    @property
    def single(self) -> bool:
        """Whether it is of one run: there are no cells to choose among, and no spread."""
        return len(self.runs) == 1 and self.search is None

    @cached_property
    def n_done(self) -> int:
        """How many models need no more training."""
        return sum(run.ended for run in self.runs)

    @property
    def unfinished(self) -> bool:
        """Whether some models of the study are still to be trained."""
        if self.search is not None and self.record.status != "finished":
            return True
        return self.n_done < len(self.runs)

    @property
    def dataset(self) -> str:
        """The data set's name for people."""
        name = self.record.config.get("dataset", "?")
        if name == "cifar10-sample":
            return self.say("a small sample of CIFAR-10")
        if is_own(name):
            return parse(name).path.name
        return self.numbers.setting(name)

    @property
    def recorded_command(self) -> str:
        """The command that ran the study, as its newest session recorded it; "" where none did."""
        for session in reversed(self.record.sessions):
            recorded = session.environment.get("command")
            if recorded and {"run", "train"} & set(str(recorded).split()):
                return str(recorded)
        return ""

    @property
    def command(self) -> str:
        """The command that ran the study, which also continues it."""
        if self.recorded_command:
            return self.recorded_command
        size = size_option(self.record.study, self.size)
        return f"retroprop run {self.record.study}{size}{self.database_option}"

    @property
    def database_option(self) -> str:
        """What a command needs to find the records; "" where they are at their usual place."""
        return "" if self.location == DEFAULT_DATABASE else f" --db {shlex.quote(self.location)}"

    @property
    def kind(self) -> str:
        """The kind of model of the study."""
        return str((self.record.config.get("model") or {}).get("kind", ""))

    @property
    def by_trainer(self) -> bool:
        """Whether the trainer trained the models, one network at a time."""
        return self.of_kind is not None and self.of_kind.engine == "trainer"

    @property
    def of_kind(self) -> Kind | None:
        """What is known of the kind of model; None for one that we do not know."""
        return KINDS.get(self.kind)

    @property
    def figures(self) -> list[str]:
        """The figures that the study's [report] asks for."""
        return (self.record.config.get("report") or {}).get("figures") or []

    @property
    def size(self) -> str:
        """One of smoke, laptop and full; older records do not say, and were full."""
        return str(self.record.config.get("size") or "full")

    @cached_property
    def info(self) -> DatasetInfo | None:
        """What is known of the data set; None where it is not here, or not as it was trained on."""
        try:
            info = find(str(self.record.config.get("dataset")))
        except (UserError, OSError):
            return None
        other = is_own(info.name) and info.checksum != self.record.data_checksum
        return None if other else info

    @cached_property
    def split(self) -> Split | None:
        """Which images trained and which validated; None when it was not recorded."""
        recorded = dict(self.record.config.get("split") or {})
        if recorded.get("source") == "test":
            recorded.pop("validation", None)  # a record holds every default, also what has no part
        elif recorded.get("validation") is None:
            return None
        try:
            return Split.model_validate(recorded)
        except ValidationError:
            return None

    @cached_property
    def train_images(self) -> int | None:
        """How many images one epoch of this study goes through; None when we do not know."""
        if self.info is None or self.split is None:
            return None
        return self.split.training_images(self.info.n_train)

    @property
    def data(self) -> tuple[Any, ...]:
        """What it trained and validated on: studies where this differs are not compared."""
        config, record = self.record.config, self.record
        images = self.train_images, self.validation_images
        return config.get("dataset"), record.data_checksum, *images

    @property
    def epochs(self) -> int | None:
        """How many epochs its models are to be trained; None in a record that does not say."""
        return self.record.config.get("epochs")

    @cached_property
    def validation_images(self) -> int | None:
        """How many images validate; None when we do not know."""
        if self.info is None or self.split is None:
            return None
        return self.split.evaluated_images(self.info.n_train, self.info.n_test)

    @cached_property
    def test_images(self) -> int | None:
        """How many images test: those of the test set that do not validate; None if unknown."""
        if self.info is None or self.split is None:
            return None
        validating = (self.validation_images or 0) if self.split.source == "test" else 0
        return self.info.n_test - validating

    @cached_property
    def all_train_images(self) -> int | None:
        """How many images could have trained, had the study not taken fewer."""
        if self.info is None or self.split is None:
            return None
        return self.split.model_copy(update={"images": None}).training_images(self.info.n_train)

    def part_of_images(self) -> dict[str, str]:
        """How many (`n`) of `all` possible images trained; {} where all did, or it is unknown."""
        images, every = self.train_images, self.all_train_images
        if images is None or every is None or images == every:
            return {}
        return {"n": self.numbers.integer(images), "all": self.numbers.integer(every)}

    def test_images_in_words(self) -> str:
        """Which test images validated, where some did; "" otherwise."""
        if self.info is None or self.split is None or self.split.source != "test":
            return ""
        return self.say("The first {n} test images validate, the other {rest} test.").format(
            n=self.numbers.integer(self.validation_images or 0),
            rest=self.numbers.integer(self.test_images or 0),
        )

    @cached_property
    def running(self) -> bool:
        """Whether the train metrics are means over an epoch, while the model was learning."""
        return {setting_of(run, "train_metrics") for run in self.runs} == {"running"}

    def steps_per_epoch(self, runs: Sequence[RunRecord]) -> int | None:
        """How many steps an epoch of these models has; None when they differ or it is unknown."""
        sizes = {setting_of(run, "batch_size") for run in runs}
        if self.train_images is None or len(sizes) != 1:
            return None
        (size,) = sizes
        return ceil(self.train_images / size) if isinstance(size, int) and size > 0 else None

    def loss(self, runs: Sequence[RunRecord] | None = None) -> Loss:
        """What the losses of these models are: nats, squared errors, or some of both."""
        if self.of_kind is not None and self.of_kind.loss != "by-output":
            return self.of_kind.loss
        outputs = {setting_of(run, "output") or "softmax" for run in runs or self.runs}
        if outputs == {"linear"}:
            return "squared"
        return "nats" if outputs == {"softmax"} else "mixed"

    def values(self, key: str) -> list[Any]:
        """The values of a setting that occur in the study, in the order of the grid."""
        if key not in self._values:
            planned = self.grid.get(key) or []
            planned = planned if isinstance(planned, list) else [planned]
            found = [setting_of(cell.runs[0], key) for cell in self.cells]
            if key in self.ranges and all(isinstance(value, int | float) for value in found):
                found.sort()
            present = dict.fromkeys(found)
            first = [value for value in map(hashable, planned) if value in present]
            self._values[key] = list(dict.fromkeys([*first, *present]))
        return list(self._values[key])

    @cached_property
    def _values(self) -> dict[str, list[Any]]:
        """The values of each setting that was asked for: one pass over all cells for each."""
        return {}

    @cached_property
    def varied(self) -> list[str]:
        """The settings with at least two values, in the order of the grid."""
        return [key for key in self.grid if len(self.values(key)) > 1]

    def value_name(self, value: str, runs: Sequence[RunRecord] | None = None) -> str:
        """The name of what a table shows, with the unit that it has for these models."""
        name = self.say(VALUE_NAMES[value])
        if not value.endswith("loss"):
            return name
        return self.say(LOSS_NAMES[self.loss(runs)]).format(name=name)

    def varied_settings(self, cell: dict[str, Any], without: Sequence[str] = ()) -> str:
        """What the study varies of a cell, in words."""
        return self.describe({key: cell[key] for key in self.varied if key in cell}, without)

    def group(self, cell: dict[str, Any]) -> str:
        """The name of what a best cell is the best of: "SGD", or "SGD, 3 hidden layers"."""
        return self.describe({key: cell[key] for key in self.best_per if key in cell})

    def name(self, cell: CellSummary) -> str:
        """The label of a selected cell: its group, or all its settings when there is one group."""
        return self.group(cell.cell) or self.describe(cell.cell) or self.say("the model")

    def anchor(self, cell: CellSummary) -> str:
        """Where the appendix lists the models of a cell."""
        return f"run-{cell.runs[0].id}"

    def spread(self, n: int) -> str:
        """What stands behind the sign ± of a mean over n seeds, or why there is none."""
        if n == 1:
            return self.say("one seed, so no spread")
        text = self.say("mean ± sample standard deviation over {seeds}")
        return text.format(seeds=self.seeds(n))

    def seeds(self, n: int) -> str:
        """A count of seeds in words."""
        return self.say("{n} seed" if n == 1 else "{n} seeds").format(n=n)

    def points(self, difference: float, margin: float | None = None) -> str:
        """A difference of two accuracies in percentage points."""
        number = self.numbers.share(difference, margin)
        singular = self.language == "fr" and round(100 * difference, 2) < 2
        return self.say("{n} point" if singular else "{n} points").format(n=number)

    def title(self) -> str:
        """The study's title in the reader's language, in any language it has, or its name."""
        return self.configured("title") or self.record.study

    def configured(self, key: str) -> str:
        """A text of the study in the reader's language, in any language it has, or ""."""
        text = self.record.config.get(key) or ""
        if isinstance(text, dict):
            text = text.get(self.language) or next(iter(text.values()), "")
        return str(text)

    def write(self, value: str, mean: float, deviation: float | None = None) -> str:
        """A value of a model or of a cell as tables write it: per cent, a loss, epochs, seconds."""
        if value.endswith("accuracy"):
            return self.numbers.share(mean, deviation)
        if value == "train_s":
            return self.numbers.significant(mean, deviation)
        if value == "parameters":
            return self.numbers.integer(mean)
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
                "the scale of an SGD step."
            )
        return self.say("The gradient convention was not recorded.")
