"""Whole study runs, from one place of the records to another: read, written and deleted at once.

What `records import` adds, what a longer study takes over from a shorter one, and what `records
delete` removes are whole study runs, with all models, epochs and sessions, in one transaction: the
records never hold a part of one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from retroprop.studies.messages import population_folder
from retroprop.studies.records import STORE, Records, RunRecord, StudyRunRecord, epoch_values
from retroprop.studies.stores import BEST
from retroprop.studies.tables import EPOCHS, RUNS, SESSIONS, STUDY_RUNS

CONTINUES = "continues"
"""The key of a session's environment that says of which study run it was a session first."""
IMPORTED = "imported"
"""The key of a session's environment that says when and from where it was imported."""


@dataclass(frozen=True, kw_only=True)
class WholeRun:
    """A study run with all its models and their epochs, in the order of the grid."""

    record: StudyRunRecord
    runs: tuple[RunRecord, ...]

    @property
    def content(self) -> str:
        """A text that is equal for copies of one study run, whatever their ids and numbers are."""
        record = self.record
        return json.dumps(
            {
                "study": [record.fingerprint, record.data_checksum, record.created_at],
                "status": _at_rest(record.status),
                "sessions": [
                    [one.started_at, one.wall_s, _original(one.environment)]
                    for one in record.sessions
                ],
                "models": [
                    [
                        *(run.position, run.seed, _at_rest(run.status), run.best_epoch),
                        *(run.test_accuracy, run.test_loss, run.test_confusion),
                        [list(epoch_values(epoch).values()) for epoch in run.epochs],
                    ]
                    for run in self.runs
                ],
            },
            sort_keys=True,
        )

    def named(self, id: str) -> "WholeRun":
        """The same study run with another id, which stands in the names of its files too."""
        runs = tuple(
            replace(
                run,
                study_run_id=id,
                checkpoint=run.checkpoint and best_file(id, run.population),
            )
            for run in self.runs
        )
        return WholeRun(record=replace(self.record, id=id), runs=runs)


def best_file(study_run_id: str, population: str) -> str:
    """Where the best parameters of a population lie, from the folder of the records."""
    return f"{population_folder(study_run_id, population)}/{BEST}"


def read_whole(records: Records, study_run_id: str) -> WholeRun:
    """A study run as it is recorded now."""
    record = records.study_run(study_run_id)
    return WholeRun(record=record, runs=tuple(records.runs(record.id)))


def insert_whole(records: Records, whole: Sequence[WholeRun]) -> list[dict[int, int]]:
    """Add study runs in one transaction; for each, the new number of a model by its old one.

    Raises:
        UserError: If an id exists already, or the database refuses; nothing is added then.
    """
    with records.transaction() as connection:
        return [_insert(connection, one) for one in whole]


def delete_whole(records: Records, study_run_ids: Sequence[str]) -> None:
    """Delete study runs with everything that belongs to them, in one transaction."""
    ids = list(study_run_ids)
    of_study_runs = RUNS.c.study_run_id.in_(ids)
    with records.transaction() as connection:
        mine = sa.select(RUNS.c.id).where(of_study_runs)
        connection.execute(EPOCHS.table.delete().where(EPOCHS.c.run_id.in_(mine)))
        connection.execute(RUNS.table.delete().where(of_study_runs))
        connection.execute(SESSIONS.table.delete().where(SESSIONS.c.study_run_id.in_(ids)))
        connection.execute(STUDY_RUNS.table.delete().where(STUDY_RUNS.c.id.in_(ids)))


def _insert(connection: Connection, whole: WholeRun) -> dict[int, int]:
    record, id = whole.record, whole.record.id
    connection.execute(STUDY_RUNS.table.insert().values(**_values(STUDY_RUNS.columns, record)))
    if record.sessions:
        connection.execute(
            SESSIONS.table.insert(),
            [{"study_run_id": id} | vars(session) for session in record.sessions],
        )
    columns = [column for column in RUNS.columns if column.name != "id"]
    connection.execute(RUNS.table.insert(), [_values(columns, run) for run in whole.runs])
    of_study = RUNS.c.study_run_id == id
    found = connection.execute(sa.select(RUNS.c.position, RUNS.c.id).where(of_study)).all()
    new = {position: number for position, number in found}  # noqa: C416 - rows, for the types
    checksum = EPOCHS.checksum()
    rows = [
        {"run_id": new[run.position], **epoch_values(epoch)}
        for run in whole.runs
        for epoch in run.epochs
    ]
    if rows:
        connection.execute(
            EPOCHS.table.insert(),
            [row | {"row_crc": checksum(list(row.values()))} for row in rows],
        )
    STUDY_RUNS.seal(connection, STUDY_RUNS.c.id == id)
    SESSIONS.seal(connection, SESSIONS.c.study_run_id == id)
    RUNS.seal(connection, of_study)
    return {run.id: new[run.position] for run in whole.runs}


def _values(columns: Sequence[sa.Column[Any]], of: object) -> dict[str, Any]:
    return {column.name: getattr(of, column.name) for column in columns}


def _at_rest(status: str) -> str:
    """A status as it is when nobody trains: what was running is interrupted."""
    return "interrupted" if status == "running" else status


def _original(environment: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in environment.items() if key not in (IMPORTED, STORE)}
