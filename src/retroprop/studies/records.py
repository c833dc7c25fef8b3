"""The records: one database that every number of a report, a figure or a page is read from.

A *study run* is one execution of a study file; it has one *run* per trained model (a cell of the
grid with one seed), and each run has one row per epoch, epoch 0 being the untrained model. Each
*session* that worked on a study run leaves its environment and its seconds, so a study that was
interrupted and resumed says so.

SQLite in WAL mode by default; any SQLAlchemy URL otherwise. One epoch of a population is one
transaction: a killed process loses at most the epoch in flight.

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

from retroprop import __version__
from retroprop.errors import UserError, did_you_mean, in_short, unquoted
from retroprop.studies.addresses import without_passwords
from retroprop.studies.database import DEFAULT_DATABASE, Database
from retroprop.studies.seals import SealedTable, seal_column
from retroprop.training.epochs import EpochRecord, Progress

SCHEMA_VERSION = 3

_tables = sa.MetaData()

_meta = sa.Table(
    "retroprop_meta",
    _tables,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

_study_runs = sa.Table(
    "study_runs",
    _tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("study", sa.Text, nullable=False, index=True),
    sa.Column("fingerprint", sa.String(64), nullable=False, index=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("data_checksum", sa.String(64), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("created_at", sa.String(40), nullable=False),
    sa.Column("finished_at", sa.String(40)),
    seal_column(),
)

_sessions = sa.Table(
    "sessions",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_run_id", sa.ForeignKey("study_runs.id"), nullable=False, index=True),
    sa.Column("started_at", sa.String(40), nullable=False),
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("environment", sa.JSON, nullable=False),
    seal_column(),
)

_runs = sa.Table(
    "runs",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_run_id", sa.ForeignKey("study_runs.id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("cell", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("best_validation_accuracy", sa.Float),
    sa.Column("best_validation_loss", sa.Float),
    sa.Column("diverged_epoch", sa.Integer),
    sa.Column("test_accuracy", sa.Float),
    sa.Column("test_loss", sa.Float),
    sa.Column("checkpoint", sa.Text),
    sa.Column("parameters", sa.BigInteger),
    sa.Column("test_confusion", sa.JSON(none_as_null=True)),
    sa.Column("checkpoint_sha256", sa.String(64)),
    sa.Column("state_sha256", sa.String(64)),
    seal_column(),
    sa.UniqueConstraint("study_run_id", "position"),
)

_METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")

_epochs = sa.Table(
    "epochs",
    _tables,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Float) for name in _METRICS),
    sa.Column("train_s", sa.Float, nullable=False),
    sa.Column("evaluate_s", sa.Float, nullable=False),
    sa.Column("gradient_norm", sa.Float),
    seal_column(),
)

# What a newer version added, by the version: an older database gets it when it is opened.
_ADDED = {
    2: (_runs.c.parameters, _runs.c.test_confusion, _epochs.c.gradient_norm),
    3: (
        _runs.c.checkpoint_sha256,
        _runs.c.state_sha256,
        *(table.c.row_crc for table in (_study_runs, _sessions, _runs, _epochs)),
    ),
}

# What a newer version widened; SQLite keeps any length in any of its columns.
_WIDENED = {
    3: (
        *(_study_runs.c[name] for name in ("id", "study")),
        *(_runs.c[name] for name in ("study_run_id", "population", "seed", "parameters")),
        _sessions.c.study_run_id,
    ),
}

_STUDY_RUNS = SealedTable(_study_runs, (_runs.c.study_run_id, _sessions.c.study_run_id))
_SESSIONS = SealedTable(_sessions)
_RUNS = SealedTable(_runs, (_epochs.c.run_id,))
_EPOCHS = SealedTable(_epochs)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One trained model: a cell of the grid with one seed.

    `cell` holds the varied keys only (for instance optimizer, learning_rate, batch_size);
    `settings` everything that fixes the training. `status` is "planned", "running", "interrupted",
    "finished" or "diverged". The test columns are filled for the selected models only, once;
    `test_confusion` counts test images by their class (rows) and the predicted one (columns).

    `checkpoint_sha256` is that of the file `checkpoint`; `state_sha256` that of the state file of
    the last epoch, from which an unfinished run continues. Older records have neither.
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
    def wall_s(self) -> float:
        """Seconds that all sessions together worked on this study run."""
        return sum(session.wall_s for session in self.sessions)


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
        cls, url: str | Path | URL = DEFAULT_DATABASE, *, create: bool = True, checked: bool = False
    ) -> "Records":
        """Open the database at a SQLAlchemy URL or a SQLite file's path.

        What may only be read is opened for that; writing to it is the error then.

        Args:
            url: "results.db", "sqlite:///results.db", "postgresql+psycopg://user@host/name".
            create: Create the database when it does not exist; otherwise that is an error.
            checked: Whether this command has opened it before: a SQLite file is not looked through
                again, which takes 0.1 s for 12,000 models.

        Raises:
            UserError: If it cannot be opened, is damaged, is not ours or is of another version.
        """
        records = cls.connect(url, create=create)
        records._check_or_create(create=create, checked=checked)
        return records

    # -- writing ------------------------------------------------------------------------------

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
                _study_runs.insert().values(
                    id=id,
                    study=study,
                    fingerprint=fingerprint,
                    config=dict(config),
                    data_checksum=data_checksum,
                    status="running",
                    created_at=_now(),
                )
            )
            connection.execute(
                _runs.insert(),
                [
                    {
                        "study_run_id": id,
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
            _STUDY_RUNS.seal(connection, _study_runs.c.id == id)
            _RUNS.seal(connection, _runs.c.study_run_id == id)

    def start_session(self, study_run_id: str, environment: Mapping[str, Any]) -> int:
        """Record that work on a study run starts; returns the session's number."""
        with self.transaction() as connection:
            connection.execute(
                _study_runs.update()
                .where(_study_runs.c.id == study_run_id, _study_runs.c.status != "finished")
                .values(status="running")
            )
            result = connection.execute(
                _sessions.insert().values(
                    study_run_id=study_run_id,
                    started_at=_now(),
                    wall_s=0.0,
                    environment=dict(environment),
                )
            )
            (session_id,) = result.inserted_primary_key or (0,)
            _STUDY_RUNS.seal(connection, _study_runs.c.id == study_run_id)
            _SESSIONS.seal(connection, _sessions.c.id == session_id)
            return int(session_id)

    def update_session(self, session_id: int, wall_s: float) -> None:
        """Record how long a session has worked so far, in seconds."""
        with self.transaction() as connection:
            connection.execute(
                _sessions.update().where(_sessions.c.id == session_id).values(wall_s=wall_s)
            )
            _SESSIONS.seal(connection, _sessions.c.id == session_id)

    def add_epoch(self, updates: Sequence[RunUpdate], *, state_sha256: str | None = None) -> None:
        """Record one epoch of a whole population and its state file, in one transaction."""
        of_population = _runs.c.id.in_([update.run_id for update in updates])
        rows = [{"run_id": update.run_id, **_epoch_values(update.epoch)} for update in updates]
        checksum = _EPOCHS.checksum()
        with self.transaction() as connection:
            connection.execute(
                _epochs.insert(), [row | {"row_crc": checksum(list(row.values()))} for row in rows]
            )
            values = [
                {**_progress_values(update.progress), "state_sha256": state_sha256}
                for update in updates
            ]
            connection.execute(
                _runs.update()
                .where(_runs.c.id == sa.bindparam("of_run"))
                .values({name: sa.bindparam(f"new_{name}") for name in values[0]}),
                [
                    {"of_run": update.run_id} | {f"new_{name}": one for name, one in row.items()}
                    for update, row in zip(updates, values, strict=True)
                ],
            )
            _RUNS.seal(connection, of_population)

    def finish_population(
        self, run_ids: Sequence[int], checkpoint: str, *, sha256: str | None = None
    ) -> None:
        """Mark the trained runs of a population as finished (diverged ones stay diverged).

        Args:
            run_ids: Its runs.
            checkpoint: The file of their best parameters, relative to `folder`.
            sha256: Of that file.
        """
        with self.transaction() as connection:
            of_population = _runs.c.id.in_(list(run_ids))
            connection.execute(
                _runs.update()
                .where(of_population)
                .values(checkpoint=checkpoint, checkpoint_sha256=sha256, state_sha256=None)
            )
            connection.execute(
                _runs.update()
                .where(of_population, _runs.c.status != "diverged")
                .values(status="finished")
            )
            _RUNS.seal(connection, of_population)

    def forget_epochs(self, run_ids: Sequence[int], after: int) -> None:
        """Delete the epochs later than `after` of some runs, before they are trained again."""
        with self.transaction() as connection:
            connection.execute(
                _epochs.delete().where(_epochs.c.run_id.in_(list(run_ids)), _epochs.c.epoch > after)
            )
            if after < 0:
                connection.execute(
                    _runs.update()
                    .where(_runs.c.id.in_(list(run_ids)))
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
            _RUNS.seal(connection, _runs.c.id.in_(list(run_ids)))

    def set_parameters(self, run_ids: Sequence[int], parameters: int) -> None:
        """Record how many parameters each of some runs has."""
        with self.transaction() as connection:
            of_ids = _runs.c.id.in_(list(run_ids))
            connection.execute(_runs.update().where(of_ids).values(parameters=parameters))
            _RUNS.seal(connection, of_ids)

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
                _runs.update()
                .where(_runs.c.id == run_id)
                .values(
                    test_accuracy=_finite(accuracy),
                    test_loss=_finite(loss),
                    test_confusion=confusion,
                )
            )
            _RUNS.seal(connection, _runs.c.id == run_id)

    def set_status(self, study_run_id: str, status: str) -> None:
        """Record that a study run, and what runs of it, is "finished" or "interrupted"."""
        finished_at = _now() if status == "finished" else None
        with self.transaction() as connection:
            connection.execute(
                _runs.update()
                .where(_runs.c.study_run_id == study_run_id, _runs.c.status == "running")
                .values(status=status)
            )
            connection.execute(
                _study_runs.update()
                .where(_study_runs.c.id == study_run_id)
                .values(status=status, finished_at=finished_at)
            )
            _STUDY_RUNS.seal(connection, _study_runs.c.id == study_run_id)
            _RUNS.seal(connection, _runs.c.study_run_id == study_run_id)

    # -- reading ------------------------------------------------------------------------------

    def study_runs(self, study: str | None = None) -> list[StudyRunRecord]:
        """All study runs, newest last; of one study when it is named.

        They are ordered by the numbers of their runs: a clock may be set back.
        """
        number = sa.select(sa.func.min(_runs.c.id)).where(_runs.c.study_run_id == _study_runs.c.id)
        query = _STUDY_RUNS.whole.order_by(number.scalar_subquery(), _study_runs.c.id)
        if study is not None:
            query = query.where(_study_runs.c.study == study)
        with self.reading() as connection:
            sessions: dict[str, list[SessionRecord]] = {}
            for row in _SESSIONS.read(connection, _SESSIONS.whole.order_by(_sessions.c.id)):
                of_study = sessions.setdefault(row["study_run_id"], [])
                of_study.append(_session(row))
            return [
                StudyRunRecord(**row, sessions=tuple(sessions.get(row["id"], ())))
                for row in _STUDY_RUNS.read(connection, query)
            ]

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

    def runs(self, study_run_id: str, *, with_epochs: bool = True) -> list[RunRecord]:
        """All runs of a study run in the order of its grid, with their epochs."""
        of_study = _runs.c.study_run_id == study_run_id
        with self.reading() as connection:
            rows = list(_RUNS.read(connection, _RUNS.whole.where(of_study).order_by("position")))
            mine = _epochs.c.run_id.in_(sa.select(_runs.c.id).where(of_study))
            by_run = _epochs_by_run(connection, mine) if with_epochs else {}
        return [RunRecord(**row, epochs=tuple(by_run.get(row["id"], ()))) for row in rows]

    def run(self, run_id: int) -> RunRecord:
        """One run with its epochs.

        Raises:
            UserError: If there is no such run.
        """
        with self.reading() as connection:
            last = connection.execute(sa.select(sa.func.max(_runs.c.id))).scalar() or 0
            row = None
            if 0 < run_id <= last:
                row = next(_RUNS.read(connection, _RUNS.whole.where(_runs.c.id == run_id)), None)
            if row is None:
                self.study_runs()  # says whether rows are missing
                held = f"runs 1 to {last}" if last else "no run yet"
                raise UserError(f"there is no run {run_id}: {self.location} holds {held}.")
            epochs = _epochs_by_run(connection, _epochs.c.run_id == run_id)
        return RunRecord(**row, epochs=tuple(epochs.get(run_id, ())))

    # -- the edge -----------------------------------------------------------------------------

    def _check_or_create(self, *, create: bool, checked: bool) -> None:
        with self.reading() as connection:
            if self.file is not None and not checked:
                damage = connection.execute(sa.text("PRAGMA integrity_check(1)")).scalar()
                if damage != "ok":
                    raise self.damaged(str(damage))
            version = self._version(connection)
            if (
                self.file is not None and version is not None and not checked
            ):  # other servers keep their rows
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
            version = self._version(connection)  # another process may have been faster
            if version is None:
                _create(connection)
            elif version != str(SCHEMA_VERSION):
                _upgrade(connection, int(version))

    def _version(self, connection: Connection) -> str | None:
        """The version of the records, one that can be read or upgraded; None where there are none.

        A first start that was interrupted may have left some tables of ours, all of them empty.
        """
        names = set(sa.inspect(connection).get_table_names())
        ours = [table for table in _tables.sorted_tables if table.name in names]
        if ours and _meta not in ours:
            raise UserError(
                f"{self.location} is a database of another program (it has no table "
                f"{_meta.name}); name another one with --db."
            )
        if not any(connection.execute(sa.select(table).limit(1)).first() for table in ours):
            return None
        meta = {row.key: row.value for row in connection.execute(sa.select(_meta))}
        version = meta.get("schema_version", "unknown")
        if version not in map(str, range(1, SCHEMA_VERSION + 1)):
            raise UserError(
                f"{self.location} has records of version {version} "
                f"({meta.get('written_by', 'an unknown program')}) and this is retroprop "
                f"{__version__}, which reads version {SCHEMA_VERSION}; install the retroprop "
                "that wrote it or name another database with --db."
            )
        return str(version)


def _create(connection: Connection) -> None:
    _tables.drop_all(connection)  # what an interrupted start left: empty tables
    _tables.create_all(connection, checkfirst=False)
    connection.execute(
        _meta.insert(),
        [
            {"key": "schema_version", "value": str(SCHEMA_VERSION)},
            {"key": "written_by", "value": f"retroprop {__version__}"},
        ],
    )


def _upgrade(connection: Connection, version: int) -> None:
    """Add and widen the columns that newer versions have; what is recorded stays as it is.

    A column that is there already was added by an upgrade of retroprop 0.1 that was killed.
    """
    inspector = sa.inspect(connection)
    for newer in range(version + 1, SCHEMA_VERSION + 1):
        for column in _ADDED[newer]:
            if column.name in {has["name"] for has in inspector.get_columns(column.table.name)}:
                continue
            kind = column.type.compile(connection.dialect)
            connection.execute(
                sa.text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")
            )
        for column in _WIDENED.get(newer, ()) if connection.dialect.name == "postgresql" else ():
            kind = column.type.compile(connection.dialect)
            connection.execute(
                sa.text(f"ALTER TABLE {column.table.name} ALTER {column.name} TYPE {kind}")
            )
    for sealed in (_STUDY_RUNS, _SESSIONS, _RUNS, _EPOCHS):
        sealed.adopt(connection)
    connection.execute(
        _meta.update().where(_meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION))
    )


def _epoch_values(record: EpochRecord) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        **{name: _finite(getattr(record, name)) for name in _METRICS},
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
    query = _EPOCHS.whole.where(condition).order_by(_epochs.c.run_id, _epochs.c.epoch)
    for run_id, epoch, *metrics, train_s, evaluate_s, norm, _ in _EPOCHS.rows(connection, query):
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
