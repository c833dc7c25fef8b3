"""What the runner and its worker processes tell each other (importing this is light: no torch)."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from retroprop.studies.plan import PlannedPopulation
from retroprop.studies.records import RunRecord, RunUpdate
from retroprop.studies.schema import Study


@dataclass(frozen=True, kw_only=True)
class StudyJob:
    """Get ready for a study, in the place of the one before: the jobs that follow are of it."""

    study: Study
    database: URL  # as text, some versions of SQLAlchemy lose a "?" of a file
    checkpoints: Path
    device: str
    data_checksum: str
    waits_s: tuple[float, ...]  # for a database server that is away


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Train one population; `run_ids` are in the order of its members."""

    study_run_id: str
    population: PlannedPopulation
    run_ids: tuple[int, ...]
    recorded_epoch: int  # the last epoch in the records, -1 for none
    state_sha256: str | None = None  # of the state file of that epoch; None in older records


def state_name(epoch: int) -> str:
    """The file of a population's state after an epoch."""
    return f"state-{epoch:05d}.safetensors"


@dataclass(frozen=True, kw_only=True)
class TestJob:
    """Evaluate the best parameters of some runs on the test set, once."""

    study_run_id: str
    runs: tuple[RunRecord, ...]


Job = TrainJob | TestJob


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """So many examples were visited since the last report."""

    population: str
    examples: int


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """An epoch of a population is in the records; `done` says that it was the last one."""

    population: str
    updates: tuple[RunUpdate, ...]
    done: bool = False


@dataclass(frozen=True, kw_only=True)
class NoteReport:
    """A sentence for the person who waits."""

    text: str


Report = StepReport | EpochReport | NoteReport


@dataclass(frozen=True, kw_only=True)
class DoneReport:
    """The job is done."""


@dataclass(frozen=True, kw_only=True)
class FailureReport:
    """The job failed; `expected` tells a user's error from one of ours."""

    text: str
    expected: bool
