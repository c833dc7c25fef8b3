"""More epochs for a finished study run: a longer study takes over what a shorter one has trained.

The longer study is another study, with a study run and a fingerprint of its own; what is recorded
of the shorter one stays as it is. A population goes on from the last state of the shorter one where
nothing in its first epochs depended on how many there would be: with a constant learning rate. Then
its numbers are those of a training that was never interrupted, bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from retroprop.files import checksum_of, is_as_written
from retroprop.studies.messages import population_folder, state_name
from retroprop.studies.plan import Plan, PlannedPopulation
from retroprop.studies.records import STORE, Records, RunRecord, StudyRunRecord
from retroprop.studies.schema import Study
from retroprop.studies.stores import Store, open_store
from retroprop.studies.whole_runs import CONTINUES, WholeRun, insert_whole, read_whole

KEPT_BYTES = 2**28
"""States of finished populations are kept as long as those of the whole study take no more."""


@dataclass(frozen=True, kw_only=True)
class Shorter:
    """A finished study run that has fewer epochs of a study.

    Attributes:
        whole: The study run.
        continued: Those of its populations that can go on.
        epochs: How many it has.
    """

    whole: WholeRun
    continued: frozenset[str]
    epochs: int

    def said(self, study: Study) -> str:
        """The sentence about what becomes of it, for the person who waits."""
        id, n = self.whole.record.id, len({run.population for run in self.whole.runs})
        has = f"{id} has {self.epochs} of these {study.epochs} epochs"
        if not self.continued:
            return f"{has}, and cannot go on: {self._why()}. A new run starts."
        if len(self.continued) == n:
            return f"{has}: its models go on from there."
        return (
            f"{has}: {len(self.continued)} of its {n} populations go on from there, and the others "
            f"begin again: {self._why()}."
        )

    def _why(self) -> str:
        schedules = {_schedule(run) for run in self.whole.runs} - {"constant"}
        if schedules:
            return (
                f"a learning rate of schedule {' and '.join(sorted(schedules))} depends on the "
                "number of epochs"
            )
        return (
            "the state after the last epoch is not there (it is kept for studies whose states take "
            f"{KEPT_BYTES // 2**20} MiB at most together, and no file of records has it)"
        )


def is_kept(state_bytes: int, study: Study, population: PlannedPopulation) -> bool:
    """Whether the state of a finished population stays, for more epochs one day.

    Args:
        state_bytes: Of its file: up to four times the parameters of its members.
        study: Of which it is.
        population: That is finished.
    """
    if study.search is not None:
        return False
    small = state_bytes * study.models <= KEPT_BYTES * len(population.runs)
    return small and population.settings.schedule == "constant"


def find_shorter(
    study: Study, records: Records, known: Sequence[StudyRunRecord], data_checksum: str
) -> Shorter | None:
    """The finished study run with the most epochs that this study has more of; None without one.

    A search has none: which trials it draws depends on its epochs.

    Args:
        study: Of the models to train.
        records: The open database.
        known: What it holds of studies of this name.
        data_checksum: Of the data as they were read.
    """
    if study.search is not None:
        return None
    found: list[tuple[int, StudyRunRecord]] = []
    for one in known:
        epochs = one.config.get("epochs")
        if (
            one.status == "finished"
            and one.data_checksum == data_checksum
            and isinstance(epochs, int)
            and epochs < study.epochs
            and study.model_copy(update={"epochs": epochs}).fingerprint == one.fingerprint
        ):
            found.append((epochs, one))
    if not found:
        return None
    epochs, record = max(found, key=lambda pair: pair[0])
    whole = read_whole(records, record.id)
    store = open_store(record.store, records.folder)
    one_of_each = {run.population: run for run in whole.runs}  # all have the state, and schedule
    continued = {
        name
        for name, run in one_of_each.items()
        if _schedule(run) == "constant" and _has_state(store, run)
    }
    return Shorter(whole=whole, continued=frozenset(continued), epochs=epochs)


def add_longer(
    plan: Plan, records: Records, store: Store, study_run_id: str, shorter: Shorter
) -> None:
    """Record the study run of a longer study, with what a shorter one has of it.

    States are copied first, then all rows are added in one transaction.

    Raises:
        UserError: If the database or the folder refuses.
    """
    before = {run.position: run for run in shorter.whole.runs}
    old, sha256 = shorter.whole.record.id, {}
    place = open_store(shorter.whole.record.store, records.folder)
    for run in before.values():
        if run.population in shorter.continued and run.population not in sha256:
            sha256[run.population] = _copy_state(run, place, study_run_id, store)
    runs = []
    for new in plan.runs:
        values = {
            **{"id": new.position + 1, "study_run_id": study_run_id, "position": new.position},
            **{"population": new.population, "cell": dict(new.cell), "seed": new.seed},
            **{"settings": dict(new.settings), "status": "planned"},
        }
        run = RunRecord(**values)
        if new.population in sha256:
            run = _taken_over(run, before[new.position], sha256[new.population])
        runs.append(run)
    sessions = tuple(
        replace(session, environment=_there(session.environment) | {CONTINUES: old})
        for session in shorter.whole.record.sessions
    )
    record = replace(
        shorter.whole.record,
        id=study_run_id,
        fingerprint=plan.study.fingerprint,
        config=plan.study.model_dump(mode="json", exclude_none=True),
        status="running",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        finished_at=None,
        sessions=sessions,
    )
    insert_whole(records, [WholeRun(record=record, runs=tuple(runs))])


def state_of(run: RunRecord) -> str:
    """The file of the last state of a run's population, in its store."""
    folder = population_folder(run.study_run_id, run.population)
    return f"{folder}/{state_name(len(run.epochs) - 1)}"


def _has_state(store: Store, run: RunRecord) -> bool:
    if run.state_sha256 is None:
        return False
    with store.reading(state_of(run)) as path:
        return is_as_written(path, run.state_sha256)


def _there(environment: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of a session, without the place of its files."""
    return {key: value for key, value in environment.items() if key != STORE}


def _taken_over(run: RunRecord, before: RunRecord, state_sha256: str) -> RunRecord:
    """A model with the epochs that the shorter study run has of it."""
    return replace(
        run,
        status="running" if before.diverged_epoch is None else "diverged",
        best_epoch=before.best_epoch,
        best_validation_accuracy=before.best_validation_accuracy,
        best_validation_loss=before.best_validation_loss,
        diverged_epoch=before.diverged_epoch,
        parameters=before.parameters,
        state_sha256=state_sha256,
        epochs=before.epochs,
    )


def _copy_state(run: RunRecord, place: Store, study_run_id: str, store: Store) -> str:
    """Copy a state for another study run, whose name is in the file; its checksum."""
    from retroprop.training.checkpoints import load_tensors, save_tensors  # with torch

    with place.reading(state_of(run)) as path:
        tensors = load_tensors(path, about=f"{run.study_run_id} {run.population}")
    with store.writing(state_of(replace(run, study_run_id=study_run_id))) as path:
        save_tensors(path, tensors, about=f"{study_run_id} {run.population}")
        return checksum_of(path)


def _schedule(run: RunRecord) -> str:
    return str(run.settings.get("schedule", "constant"))
