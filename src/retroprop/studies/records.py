"""The records: one database that every number of a report, a figure or a page is read from.

A *study run* is one execution of a study file; it has one *run* per trained model (a cell of the
grid with one seed), and each run has one row per epoch, epoch 0 being the untrained model. Each
*session* that worked on a study run leaves its environment and its seconds, so a study that was
interrupted and resumed says so.

SQLite in WAL mode by default; any SQLAlchemy URL otherwise. One epoch of a population is one
transaction: a killed process loses at most the epoch in flight. Where a server is restarted, what
is `retried` is done again once it answers, and so may be done twice.

A metric that is not a number (a diverged model) is stored as NULL and read back as None.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import IntegrityError

from retroprop.errors import UserError, did_you_mean, in_short, unquoted
from retroprop.studies.addresses import without_passwords
from retroprop.studies.database import DEFAULT_DATABASE, Database
from retroprop.studies.patience import Patience, retried
from retroprop.studies.tables import (
    EPOCHS,
    METRICS,
    RUNS,
    SCHEMA_VERSION,
    SESSIONS,
    STUDY_RUNS,
    create_tables,
    recorded_version,
    upgrade_tables,
)
from retroprop.training.epochs import EpochRecord, Progress

STORE = "store"
"""The key of a session's environment that says where files are, if not beside the records."""
ENDED = ("finished", "diverged", "pruned")
"""The statuses of models that need no more training."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One trained model: a cell of the grid with one seed.

    `cell` holds the varied keys only (for instance optimizer, learning_rate, batch_size);
    `settings` everything that fixes the training. `status` is "planned", "running", "interrupted",
    "finished", "diverged" or "pruned" (a search gave it up; it keeps its best epoch so far). The
    test columns are filled for the selected models only, once; `test_confusion` counts test images
    by their class (rows) and the predicted one (columns).

    `checkpoint_sha256` is that of the file `checkpoint`; `state_sha256` that of the state file of
    the last epoch, from which an unfinished run continues, and a finished one with more epochs
    where it is kept. Older records have neither.
    """

    id: int
    study_run_id: str
    position: int
    population: str
    cell: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    status: str
    best_epoch: int | None = None
    best_validation_accuracy: float | None = None
    best_validation_loss: float | None = None
    diverged_epoch: int | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    checkpoint: str | None = None
    parameters: int | None = None
    test_confusion: list[list[int]] | None = None
    checkpoint_sha256: str | None = None
    state_sha256: str | None = None
    epochs: tuple[EpochRecord, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it needs no more training."""
        return self.status in ENDED

    @property
    def train_s_per_epoch(self) -> float | None:
        """Mean seconds of training per epoch; None when no epoch was trained."""
        seconds = [epoch.train_s for epoch in self.epochs if epoch.epoch > 0]
        return sum(seconds) / len(seconds) if seconds else None


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """One stretch of work on a study run: when, for how long, on what."""

    started_at: str
    wall_s: float
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyRunRecord:
    """One execution of a study file, with its full validated configuration.

    `status` is "running" (also after a kill), "interrupted" (Ctrl-C) or "finished".
    """

    id: str
    study: str
    fingerprint: str
    config: dict[str, Any]
    data_checksum: str
    status: str
    created_at: str
    finished_at: str | None
    sessions: tuple[SessionRecord, ...] = ()

    @property
    def store(self) -> str | None:
        """Where its files are; None if they are in the folder of the records."""
        return self.sessions[-1].environment.get(STORE) if self.sessions else None

    @property
    def wall_s(self) -> float:
        """Seconds that all sessions together worked on this study run."""
        return sum(session.wall_s for session in self.sessions)


@dataclass(kw_only=True)
class Tally:
    """How far the models of a study run are: how many, those that are done, the best of them."""

    models: int = 0
    trained: int = 0
    best_validation_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """What the planner knows of a model before it is trained."""

    position: int
    population: str
    cell: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, kw_only=True)
class RunUpdate:
    """What one epoch changes in one run: a new row of metrics, and how far the model has come."""

    run_id: int
    epoch: EpochRecord
    progress: Progress


@dataclass
class Records(Database):
    """An open records database.

    Open one with `Records.open(url)`. Safe to use from several processes, each with its own.
    """

    @classmethod
    def open(
        cls,
        url: str | Path | URL = DEFAULT_DATABASE,
        *,
        create: bool = True,
        checked: bool = False,
        patience: Patience | None = None,
    ) -> "Records":
        """Open the database at a SQLAlchemy URL or a SQLite file's path.

        What may only be read is opened for that; writing to it is the error then.

        Args:
            url: "results.db", "sqlite:///results.db", "postgresql+psycopg://user@host/name".
            create: Create the database when it does not exist; otherwise that is an error.
            checked: Whether this command has opened it before: a SQLite file is not looked through
                again, which takes 0.1 s for 12,000 models.
            patience: How to wait for a server that is away; None to say so at once.

        Raises:
            UserError: If it cannot be opened, is damaged, is not ours or is of another version.
        """
        records = cls.connect(url, create=create)
        records.patience, records.was_there = patience, checked
        records._check_or_create(create=create, checked=checked)
        return records

    # -- writing ------------------------------------------------------------------------------

    @retried
    def add_study_run(
        self,
        *,
        id: str,
        study: str,
        fingerprint: str,
        config: Mapping[str, Any],
        data_checksum: str,
        runs: Sequence[NewRun],
    ) -> None:
        """Record a study run and all its planned runs in one transaction."""
        with self.transaction() as connection:
            connection.execute(
                STUDY_RUNS.table.insert().values(
                    id=id,
                    study=study,
                    fingerprint=fingerprint,
                    config=dict(config),
                    data_checksum=data_checksum,
                    status="running",
                    created_at=_now(),
                )
            )
            _insert_runs(connection, id, runs)

    @retried
    def add_runs(self, study_run_id: str, runs: Sequence[NewRun]) -> None:
        """Record more planned runs of a study run, all or none: the next trials of a search.

        Those that are recorded already, by their positions, are not added again.
        """
        mine = sa.select(RUNS.c.position).where(RUNS.c.study_run_id == study_run_id)
        with self.transaction() as connection:
            there = set(connection.execute(mine).scalars())
            new = [run for run in runs if run.position not in there]
            if new:
                _insert_runs(connection, study_run_id, new)

    def start_session(self, study_run_id: str, environment: Mapping[str, Any]) -> int:
        """Record that work on a study run starts; returns the session's number."""
        return self._start_session(study_run_id, dict(environment), _now())

    @retried
    def _start_session(self, study_run_id: str, environment: dict[str, Any], now: str) -> int:
        """The same; a session that has not worked yet, of the same second, is this one."""
        with self.transaction() as connection:
            connection.execute(
                STUDY_RUNS.table.update()
                .where(STUDY_RUNS.c.id == study_run_id, STUDY_RUNS.c.status != "finished")
                .values(status="running")
            )
            begun = sa.select(SESSIONS.c.id, SESSIONS.c.environment).where(
                SESSIONS.c.study_run_id == study_run_id,
                SESSIONS.c.started_at == now,
                SESSIONS.c.wall_s == 0,
            )
            for number, recorded in connection.execute(begun):
                if recorded == environment:
                    return int(number)
            result = connection.execute(
                SESSIONS.table.insert().values(
                    study_run_id=study_run_id,
                    started_at=now,
                    wall_s=0.0,
                    environment=environment,
                )
            )
            (session_id,) = result.inserted_primary_key or (0,)
            STUDY_RUNS.seal(connection, STUDY_RUNS.c.id == study_run_id)
            SESSIONS.seal(connection, SESSIONS.c.id == session_id)
            return int(session_id)

    def update_session(self, session_id: int, wall_s: float) -> None:
        """Record how long a session has worked so far, in seconds."""
        with self.transaction() as connection:
            connection.execute(
                SESSIONS.table.update().where(SESSIONS.c.id == session_id).values(wall_s=wall_s)
            )
            SESSIONS.seal(connection, SESSIONS.c.id == session_id)

    @retried
    def add_epoch(self, updates: Sequence[RunUpdate], *, state_sha256: str | None = None) -> None:
        """Record one epoch of a whole population and its state file, in one transaction.

        Rows that are there, equal to the last digit of their seconds, are those of a transaction
        whose answer was lost.
        """
        checksum = EPOCHS.checksum()
        rows = [{"run_id": update.run_id, **epoch_values(update.epoch)} for update in updates]
        rows = [row | {"row_crc": checksum(list(row.values()))} for row in rows]
        try:
            self._add_epoch(updates, rows, state_sha256)
        except UserError as error:
            if not isinstance(error.__cause__, IntegrityError) or not self._has_epoch(rows):
                raise

    def _add_epoch(
        self,
        updates: Sequence[RunUpdate],
        rows: Sequence[dict[str, Any]],
        state_sha256: str | None,
    ) -> None:
        with self.transaction() as connection:
            connection.execute(EPOCHS.table.insert(), rows)
            values = [
                {**_progress_values(update.progress), "state_sha256": state_sha256}
                for update in updates
            ]
            connection.execute(
                RUNS.table.update()
                .where(RUNS.c.id == sa.bindparam("of_run"))
                .values({name: sa.bindparam(f"new_{name}") for name in values[0]}),
                [
                    {"of_run": update.run_id} | {f"new_{name}": one for name, one in row.items()}
                    for update, row in zip(updates, values, strict=True)
                ],
            )
            RUNS.seal(connection, RUNS.c.id.in_([update.run_id for update in updates]))

    def _has_epoch(self, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether these very rows of one epoch are recorded."""
        asked = {row["run_id"]: row["row_crc"] for row in rows}
        query = sa.select(EPOCHS.c.run_id, EPOCHS.c.row_crc).where(
            EPOCHS.c.run_id.in_(list(asked)), EPOCHS.c.epoch == rows[0]["epoch"]
        )
        with self.reading() as connection:
            return {row.run_id: row.row_crc for row in connection.execute(query)} == asked

    @retried
    def finish_population(
        self,
        run_ids: Sequence[int],
        checkpoint: str,
        *,
        sha256: str | None = None,
        state_sha256: str | None = None,
        pruned: bool = False,
    ) -> None:
        """Mark the trained runs of a population as finished (diverged ones stay diverged).

        Args:
            run_ids: Its runs.
            checkpoint: The file of their best parameters, relative to `folder`.
            sha256: Of that file.
            state_sha256: Of the state file of their last epoch, where it is kept.
            pruned: Whether they end as "pruned", before their last epoch.
        """
        with self.transaction() as connection:
            of_population = RUNS.c.id.in_(list(run_ids))
            connection.execute(
                RUNS.table.update()
                .where(of_population)
                .values(checkpoint=checkpoint, checkpoint_sha256=sha256, state_sha256=state_sha256)
            )
            connection.execute(
                RUNS.table.update()
                .where(of_population, RUNS.c.status != "diverged")
                .values(status="pruned" if pruned else "finished")
            )
            RUNS.seal(connection, of_population)

    @retried
    def forget_epochs(self, run_ids: Sequence[int], after: int) -> None:
        """Delete the epochs later than `after` of some runs, before they are trained again."""
        with self.transaction() as connection:
            connection.execute(
                EPOCHS.table.delete().where(
                    EPOCHS.c.run_id.in_(list(run_ids)), EPOCHS.c.epoch > after
                )
            )
            if after < 0:
                connection.execute(
                    RUNS.table.update()
                    .where(RUNS.c.id.in_(list(run_ids)))
                    .values(
                        status="planned",
                        best_epoch=None,
                        best_validation_accuracy=None,
                        best_validation_loss=None,
                        diverged_epoch=None,
                        checkpoint=None,
                        checkpoint_sha256=None,
                        state_sha256=None,
                        test_accuracy=None,
                        test_loss=None,
                        test_confusion=None,
                    )
                )
            RUNS.seal(connection, RUNS.c.id.in_(list(run_ids)))

    @retried
    def set_parameters(self, run_ids: Sequence[int], parameters: int) -> None:
        """Record how many parameters each of some runs has."""
        with self.transaction() as connection:
            of_ids = RUNS.c.id.in_(list(run_ids))
            connection.execute(RUNS.table.update().where(of_ids).values(parameters=parameters))
            RUNS.seal(connection, of_ids)

    @retried
    def set_test(
        self,
        run_id: int,
        *,
        accuracy: float,
        loss: float,
        confusion: list[list[int]] | None = None,
    ) -> None:
        """Record the one evaluation of a selected model on the test set."""
        with self.transaction() as connection:
            connection.execute(
                RUNS.table.update()
                .where(RUNS.c.id == run_id)
                .values(
                    test_accuracy=_finite(accuracy),
                    test_loss=_finite(loss),
                    test_confusion=confusion,
                )
            )
            RUNS.seal(connection, RUNS.c.id == run_id)

    @retried
    def set_status(self, study_run_id: str, status: str) -> None:
        """Record that a study run, and what runs of it, is "finished" or "interrupted"."""
        finished_at = _now() if status == "finished" else None
        with self.transaction() as connection:
            connection.execute(
                RUNS.table.update()
                .where(RUNS.c.study_run_id == study_run_id, RUNS.c.status == "running")
                .values(status=status)
            )
            connection.execute(
                STUDY_RUNS.table.update()
                .where(STUDY_RUNS.c.id == study_run_id)
                .values(status=status, finished_at=finished_at)
            )
            STUDY_RUNS.seal(connection, STUDY_RUNS.c.id == study_run_id)
            RUNS.seal(connection, RUNS.c.study_run_id == study_run_id)

    # -- reading ------------------------------------------------------------------------------

    @retried
    def study_runs(self, study: str | None = None) -> list[StudyRunRecord]:
        """All study runs, newest last; of one study when it is named.

        They are ordered by the numbers of their runs: a clock may be set back.
        """
        number = sa.select(sa.func.min(RUNS.c.id)).where(RUNS.c.study_run_id == STUDY_RUNS.c.id)
        query = STUDY_RUNS.whole.order_by(number.scalar_subquery(), STUDY_RUNS.c.id)
        if study is not None:
            query = query.where(STUDY_RUNS.c.study == study)
        with self.reading() as connection:
            sessions: dict[str, list[SessionRecord]] = {}
            for row in SESSIONS.read(connection, SESSIONS.whole.order_by(SESSIONS.c.id)):
                of_study = sessions.setdefault(row["study_run_id"], [])
                of_study.append(_session(row))
            return [
                StudyRunRecord(**row, sessions=tuple(sessions.get(row["id"], ())))
                for row in STUDY_RUNS.read(connection, query)
            ]

    def trained_studies(self) -> set[str]:
        """The names of the studies of which a model was trained for at least one epoch."""
        of_runs = RUNS.c.study_run_id == STUDY_RUNS.c.id
        of_epochs = EPOCHS.c.run_id == RUNS.c.id
        query = sa.select(STUDY_RUNS.c.study).where(of_runs, of_epochs, EPOCHS.c.epoch > 0)
        with self.reading() as connection:
            return set(connection.execute(query.distinct()).scalars())

    def study_run(self, name: str) -> StudyRunRecord:
        """The study run with this id, or the latest one of the study with this name.

        Raises:
            UserError: If there is none, with the nearest known names.
        """
        known = self.study_runs()
        for record in reversed(known):
            if name in (record.id, record.study):
                return record
        if not known:
            raise UserError(f"{self.location} holds no study run yet: start with retroprop run.")
        names = {record.study for record in known} | {record.id for record in known}
        if name.isdigit():
            raise UserError(
                f"{name} is no study, but perhaps the number of a model: retroprop show {name} "
                f"shows it. {did_you_mean('', names)}"
            )
        how = (
            "train it first"
            if name.startswith("train-")
            else f"run it first (retroprop run {unquoted(name)})"
        )
        raise UserError(
            f"{self.location} holds no run of {in_short(name)}: {how}. {did_you_mean(name, names)}"
        )

    @retried
    def runs(
        self, study_run_id: str, *, with_epochs: bool = True, ids: Sequence[int] | None = None
    ) -> list[RunRecord]:
        """All runs of a study run, or those with some ids, in the order of its grid."""
        of_study = RUNS.c.study_run_id == study_run_id
        if ids is not None:
            of_study &= RUNS.c.id.in_(list(ids))
        with self.reading() as connection:
            rows = list(RUNS.read(connection, RUNS.whole.where(of_study).order_by("position")))
            mine = EPOCHS.c.run_id.in_(sa.select(RUNS.c.id).where(of_study))
            by_run = _epochs_by_run(connection, mine) if with_epochs else {}
        return [RunRecord(**row, epochs=tuple(by_run.get(row["id"], ()))) for row in rows]

    @retried
    def tallies(self) -> dict[str, Tally]:
        """How far all study runs are, by their ids: each run is read and checked, none is kept."""
        found: dict[str, Tally] = {}
        with self.reading() as connection:
            for run in RUNS.rows(connection, RUNS.whole):
                tally = found.setdefault(run.study_run_id, Tally())
                tally.models += 1
                tally.trained += run.status in ENDED
                scores = (tally.best_validation_accuracy, run.best_validation_accuracy)
                tally.best_validation_accuracy = max(
                    (score for score in scores if score is not None), default=None
                )
        return found

    @retried
    def run(self, run_id: int) -> RunRecord:
        """One run with its epochs.

        Raises:
            UserError: If there is no such run.
        """
        with self.reading() as connection:
            last = connection.execute(sa.select(sa.func.max(RUNS.c.id))).scalar() or 0
            row = None
            if 0 < run_id <= last:
                row = next(RUNS.read(connection, RUNS.whole.where(RUNS.c.id == run_id)), None)
            if row is None:
                self.study_runs()  # says whether rows are missing
                held = f"runs 1 to {last}" if last else "no run yet"
                raise UserError(f"there is no run {run_id}: {self.location} holds {held}.")
            epochs = _epochs_by_run(connection, EPOCHS.c.run_id == run_id)
        return RunRecord(**row, epochs=tuple(epochs.get(run_id, ())))

    # -- the edge -----------------------------------------------------------------------------

    @retried
    def _check_or_create(self, *, create: bool, checked: bool) -> None:
        with self.reading() as connection:
            if self.file is not None and not checked:
                damage = connection.execute(sa.text("PRAGMA integrity_check(1)")).scalar()
                if damage != "ok":
                    raise self.damaged(str(damage))
            version = recorded_version(connection, self.location)
            if self.file is not None and version is not None and not checked:
                # other servers keep their rows
                orphan = connection.execute(sa.text("PRAGMA foreign_key_check")).first()
                if orphan is not None:
                    raise self.damaged(f"rows of {orphan[2]} are missing")
        if version == str(SCHEMA_VERSION):
            return
        if version is None and not create:
            raise UserError(
                f"{self.location} holds no records yet: run a study first (retroprop run "
                "inf8225-logistic) or name the database with --db."
            )
        if version is not None and not self.writable:
            self.copy_to_memory()
        with self.changing_tables() as connection:
            version = recorded_version(
                connection, self.location
            )  # another process may have been faster
            if version is None:
                create_tables(connection)
            elif version != str(SCHEMA_VERSION):
                upgrade_tables(connection, int(version))


def _insert_runs(connection: Connection, study_run_id: str, runs: Sequence[NewRun]) -> None:
    connection.execute(
        RUNS.table.insert(),
        [
            {
                "study_run_id": study_run_id,
                "position": run.position,
                "population": run.population,
                "cell": dict(run.cell),
                "settings": dict(run.settings),
                "seed": run.seed,
                "status": "planned",
            }
            for run in runs
        ],
    )
    STUDY_RUNS.seal(connection, STUDY_RUNS.c.id == study_run_id)
    RUNS.seal(connection, RUNS.c.study_run_id == study_run_id)


def epoch_values(record: EpochRecord) -> dict[str, Any]:
    """The row of an epoch, by its columns but the first, which is the run's number."""
    return {
        "epoch": record.epoch,
        **{name: _finite(getattr(record, name)) for name in METRICS},
        "train_s": record.train_s,
        "evaluate_s": record.evaluate_s,
        "gradient_norm": _finite(record.gradient_norm),
    }


def _progress_values(progress: Progress) -> dict[str, Any]:
    return {
        "status": "running" if progress.diverged_epoch is None else "diverged",
        "best_epoch": progress.best_epoch,
        "best_validation_accuracy": _finite(progress.best_validation_accuracy),
        "best_validation_loss": _finite(progress.best_validation_loss),
        "diverged_epoch": progress.diverged_epoch,
    }


def _session(row: Mapping[str, Any]) -> SessionRecord:
    """A session, without the passwords that older versions recorded."""
    environment = dict(row["environment"])
    if "command" in environment:
        environment["command"] = without_passwords(str(environment["command"]))
    return SessionRecord(
        started_at=row["started_at"], wall_s=row["wall_s"], environment=environment
    )


def _epochs_by_run(
    connection: Connection, condition: sa.ColumnElement[bool]
) -> dict[int, list[EpochRecord]]:
    by_run: dict[int, list[EpochRecord]] = {}
    query = EPOCHS.whole.where(condition).order_by(EPOCHS.c.run_id, EPOCHS.c.epoch)
    for run_id, epoch, *metrics, train_s, evaluate_s, norm, _ in EPOCHS.rows(connection, query):
        loss, accuracy, validation_loss, validation_accuracy = metrics
        record = EpochRecord(  # by its names, which costs half of what a dictionary does
            epoch=epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            train_s=train_s,
            evaluate_s=evaluate_s,
            gradient_norm=norm,
        )
        by_run.setdefault(run_id, []).append(record)
    return by_run


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
