"""What the runner and its worker processes tell each other (importing this is light: no torch)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import URL

from retroprop import __version__
from retroprop.errors import UserError
from retroprop.studies.plan import PlannedPopulation
from retroprop.studies.records import RunRecord, RunUpdate
from retroprop.studies.schema import Study
from retroprop.studies.stores import CHECKPOINTS, Store


@dataclass(frozen=True, kw_only=True)
class StudyJob:
    """Get ready for a study, in the place of the one before: the jobs that follow are of it."""

    study: Study
    database: URL  # as text, some versions of SQLAlchemy lose a "?" of a file
    store: Store
    device: str
    data_checksum: str
    waits_s: tuple[float, ...] = ()  # for a database server that is away
    version: str = __version__  # of whoever started it


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Train one population; `run_ids` are in the order of its members.

    With `until` it is left after that epoch, to be continued by another job. `prune` ends it there:
    its best parameters so far are kept.
    """

    study_run_id: str
    population: PlannedPopulation
    run_ids: tuple[int, ...]
    recorded_epoch: int  # the last epoch in the records, -1 for none
    state_sha256: str | None = None  # of the state file of that epoch; None in older records
    until: int | None = None
    prune: bool = False

    @property
    def folder(self) -> str:
        """Where the files of this population are in a store."""
        return population_folder(self.study_run_id, self.population.name)


def population_folder(study_run_id: str, population: str) -> str:
    """Where the files of a population are in a store."""
    return f"{CHECKPOINTS}/{study_run_id}/{population}"


def train_job(
    study_run_id: str,
    population: PlannedPopulation,
    members: Sequence[RunRecord],
    *,
    until: int | None = None,
    prune: bool = False,
) -> TrainJob | None:
    """What is left to train of a population; None if it is finished, wherever its file may be.

    Args:
        study_run_id: What it belongs to.
        population: As planned.
        members: What is recorded of it, in its order.
        until: The epoch after which it is left; nothing is left if that is recorded.
        prune: Whether it ends there, whatever is recorded.
    """
    if all(run.checkpoint for run in members):
        return None
    recorded = min(run.epochs[-1].epoch if run.epochs else -1 for run in members)
    if until is not None and recorded >= until and not prune:
        return None
    return TrainJob(
        study_run_id=study_run_id,
        population=population,
        run_ids=tuple(run.id for run in members),
        recorded_epoch=recorded,
        state_sha256=members[0].state_sha256,
        until=until,
        prune=prune,
    )


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


def failed(report: FailureReport) -> Exception:
    """What the runner raises for a failure: a user's error, or one of ours with its traceback."""
    if report.expected:
        return UserError(report.text)
    return RuntimeError(f"a worker process failed:\n{report.text}")
