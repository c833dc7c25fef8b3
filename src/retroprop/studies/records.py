"""The records: one database that every number of a report, a figure or a page is read from.

A *study run* is one execution of a study file; it has one *run* per trained model (a cell of the
grid with one seed), and each run has one row per epoch, epoch 0 being the untrained model. Each
*session* that worked on a study run leaves its environment and its seconds, so a study that was
interrupted and resumed says so.

SQLite in WAL mode by default; any SQLAlchemy URL otherwise. One epoch of a population is one
transaction: a killed process loses at most the epoch in flight.

A metric that is not a number (a diverged model) is stored as NULL and read back as None.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from retroprop import __version__
from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.training.epochs import EpochRecord, Progress

SCHEMA_VERSION = 2
DEFAULT_DATABASE = "retroprop.db"

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
    sa.Column("id", sa.String(120), primary_key=True),
    sa.Column("study", sa.String(80), nullable=False, index=True),
    sa.Column("fingerprint", sa.String(64), nullable=False, index=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("data_checksum", sa.String(64), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("created_at", sa.String(40), nullable=False),
    sa.Column("finished_at", sa.String(40)),
)

_sessions = sa.Table(
    "sessions",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_run_id", sa.ForeignKey("study_runs.id"), nullable=False, index=True),
    sa.Column("started_at", sa.String(40), nullable=False),
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("environment", sa.JSON, nullable=False),
)

_runs = sa.Table(
    "runs",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_run_id", sa.ForeignKey("study_runs.id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("population", sa.String(160), nullable=False),
    sa.Column("cell", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("best_validation_accuracy", sa.Float),
    sa.Column("best_validation_loss", sa.Float),
    sa.Column("diverged_epoch", sa.Integer),
    sa.Column("test_accuracy", sa.Float),
    sa.Column("test_loss", sa.Float),
    sa.Column("checkpoint", sa.Text),
    sa.Column("parameters", sa.Integer),
    sa.Column("test_confusion", sa.JSON(none_as_null=True)),
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
)

# What a newer version added, by the version: an older database gets it when it is opened.
_ADDED = {2: (_runs.c.parameters, _runs.c.test_confusion, _epochs.c.gradient_norm)}


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One trained model: a cell of the grid with one seed.

    `cell` holds the varied keys only (for instance optimizer, learning_rate, batch_size);
    `settings` everything that fixes the training. `status` is "planned", "running", "finished" or
    "diverged". The test columns are filled for the selected models only, once; `test_confusion`
    counts test images by their class (rows) and the predicted one (columns).
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
class Records:
    """An open records database.

    Open one with `Records.open(url)`. Safe to use from several processes, each with its own.
    """

    url: URL
    engine: sa.Engine = field(repr=False)

    @classmethod
    def open(cls, url: str | Path | URL = DEFAULT_DATABASE, *, create: bool = True) -> "Records":
        """Open the database at a SQLAlchemy URL or a SQLite file's path.

        Args:
            url: "results.db", "sqlite:///results.db", "postgresql+psycopg://user@host/name".
            create: Create the database when it does not exist; otherwise that is an error.

        Raises:
            UserError: If it cannot be opened, is damaged, is not ours or is of another version.
        """
        parsed = _parse_url(url)
        file = _sqlite_file(parsed)
        if file is not None:
            if not create and not file.exists():
                raise UserError(
                    f"no records at {file}: run a study first (retroprop run inf8225-logistic) "
                    "or name the database with --db."
                )
            if not file.parent.is_dir():
                raise UserError(
                    f"the folder {file.parent} of the database does not exist; create it or name "
                    "another database with --db."
                )
        try:
            engine = sa.create_engine(parsed)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise UserError(
                f"the database URL {_shown(parsed)} needs a driver that is not installed "
                f"({error}); for PostgreSQL install retroprop[postgres] and write "
                "postgresql+psycopg://…"
            ) from error
        except ArgumentError as error:
            raise UserError(_no_address(_shown(parsed))) from error
        if file is not None:
            event.listen(engine, "connect", _tune_sqlite)
        records = cls(parsed, engine)
        records._check_or_create(create=create)
        return records

    @property
    def folder(self) -> Path:
        """Where files that belong to the records live: beside a SQLite file, else here."""
        file = _sqlite_file(self.url)
        return file.parent.resolve() if file is not None else Path.cwd()

    @property
    def in_memory(self) -> bool:
        """Whether only this process can see the records (SQLite in memory)."""
        return self.url.get_backend_name() == "sqlite" and _sqlite_file(self.url) is None

    @property
    def location(self) -> str:
        """The database's name for people, without a password."""
        file = _sqlite_file(self.url)
        return str(file) if file is not None else _shown(self.url)

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
        with self._transaction() as connection:
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

    def start_session(self, study_run_id: str, environment: Mapping[str, Any]) -> int:
        """Record that work on a study run starts; returns the session's number."""
        with self._transaction() as connection:
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
            return int(session_id)

    def update_session(self, session_id: int, wall_s: float) -> None:
        """Record how long a session has worked so far, in seconds."""
        with self._transaction() as connection:
            connection.execute(
                _sessions.update().where(_sessions.c.id == session_id).values(wall_s=wall_s)
            )

    def add_epoch(self, updates: Sequence[RunUpdate]) -> None:
        """Record one epoch of a whole population, in one transaction."""
        with self._transaction() as connection:
            connection.execute(
                _epochs.insert(),
                [{"run_id": update.run_id, **_epoch_values(update.epoch)} for update in updates],
            )
            values = [_progress_values(update.progress) for update in updates]
            connection.execute(
                _runs.update()
                .where(_runs.c.id == sa.bindparam("of_run"))
                .values({name: sa.bindparam(f"new_{name}") for name in values[0]}),
                [
                    {"of_run": update.run_id} | {f"new_{name}": one for name, one in row.items()}
                    for update, row in zip(updates, values, strict=True)
                ],
            )

    def finish_population(self, run_ids: Sequence[int], checkpoint: str) -> None:
        """Mark the trained runs of a population as finished (diverged ones stay diverged)."""
        with self._transaction() as connection:
            of_population = _runs.c.id.in_(list(run_ids))
            connection.execute(_runs.update().where(of_population).values(checkpoint=checkpoint))
            connection.execute(
                _runs.update()
                .where(of_population, _runs.c.status != "diverged")
                .values(status="finished")
            )

    def forget_epochs(self, run_ids: Sequence[int], after: int) -> None:
        """Delete the epochs later than `after` of some runs, before they are trained again."""
        with self._transaction() as connection:
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
                    )
                )

    def set_parameters(self, run_ids: Sequence[int], parameters: int) -> None:
        """Record how many parameters each of some runs has."""
        with self._transaction() as connection:
            connection.execute(
                _runs.update().where(_runs.c.id.in_(list(run_ids))).values(parameters=parameters)
            )

    def set_test(
        self,
        run_id: int,
        *,
        accuracy: float,
        loss: float,
        confusion: list[list[int]] | None = None,
    ) -> None:
        """Record the one evaluation of a selected model on the test set."""
        with self._transaction() as connection:
            connection.execute(
                _runs.update()
                .where(_runs.c.id == run_id)
                .values(
                    test_accuracy=_finite(accuracy),
                    test_loss=_finite(loss),
                    test_confusion=confusion,
                )
            )

    def set_status(self, study_run_id: str, status: str) -> None:
        """Record that a study run is "finished" or "interrupted"."""
        finished_at = _now() if status == "finished" else None
        with self._transaction() as connection:
            connection.execute(
                _study_runs.update()
                .where(_study_runs.c.id == study_run_id)
                .values(status=status, finished_at=finished_at)
            )

    # -- reading ------------------------------------------------------------------------------

    def study_runs(self, study: str | None = None) -> list[StudyRunRecord]:
        """All study runs, newest last; of one study when it is named."""
        query = sa.select(_study_runs).order_by(_study_runs.c.created_at, _study_runs.c.id)
        if study is not None:
            query = query.where(_study_runs.c.study == study)
        with self._reading() as connection:
            sessions: dict[str, list[SessionRecord]] = {}
            for row in connection.execute(sa.select(_sessions).order_by(_sessions.c.id)).mappings():
                sessions.setdefault(row["study_run_id"], []).append(
                    SessionRecord(
                        started_at=row["started_at"],
                        wall_s=row["wall_s"],
                        environment=row["environment"],
                    )
                )
            return [
                StudyRunRecord(**row, sessions=tuple(sessions.get(row["id"], ())))
                for row in connection.execute(query).mappings()
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
            else f"run it first (retroprop run {name})"
        )
        raise UserError(
            f"{self.location} holds no run of {in_short(name)}: {how}. {did_you_mean(name, names)}"
        )

    def runs(self, study_run_id: str, *, with_epochs: bool = True) -> list[RunRecord]:
        """All runs of a study run in the order of its grid, with their epochs."""
        query = sa.select(_runs).where(_runs.c.study_run_id == study_run_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(_runs.c.position)).mappings().all()
            by_run = (
                _epochs_by_run(
                    connection,
                    sa.select(_epochs)
                    .join(_runs, _runs.c.id == _epochs.c.run_id)
                    .where(_runs.c.study_run_id == study_run_id),
                )
                if with_epochs
                else {}
            )
        return [RunRecord(**row, epochs=tuple(by_run.get(row["id"], ()))) for row in rows]

    def run(self, run_id: int) -> RunRecord:
        """One run with its epochs.

        Raises:
            UserError: If there is no such run.
        """
        with self._reading() as connection:
            row = (
                connection.execute(sa.select(_runs).where(_runs.c.id == run_id)).mappings().first()
            )
            if row is None:
                last = connection.execute(sa.select(sa.func.max(_runs.c.id))).scalar()
                held = f"runs 1 to {last}" if last else "no run yet"
                raise UserError(f"there is no run {run_id}: {self.location} holds {held}.")
            epochs = _epochs_by_run(
                connection, sa.select(_epochs).where(_epochs.c.run_id == run_id)
            )
        return RunRecord(**row, epochs=tuple(epochs.get(run_id, ())))

    # -- the edge -----------------------------------------------------------------------------

    def _check_or_create(self, *, create: bool) -> None:
        with self._explained(), self.engine.begin() as connection:
            if _sqlite_file(self.url) is not None:
                damage = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar()
                if damage != "ok":
                    raise UserError(self._damaged(str(damage)))
            names = set(sa.inspect(connection).get_table_names())
            if _meta.name not in names:
                if names & set(_tables.tables):
                    raise UserError(
                        f"{self.location} is a database of another program (it has no table "
                        f"{_meta.name}); name another one with --db."
                    )
                if not create:
                    raise UserError(
                        f"{self.location} holds no records yet: run a study first (retroprop run "
                        "inf8225-logistic) or name the database with --db."
                    )
                _tables.create_all(connection)
                connection.execute(
                    _meta.insert(),
                    [
                        {"key": "schema_version", "value": str(SCHEMA_VERSION)},
                        {"key": "written_by", "value": f"retroprop {__version__}"},
                    ],
                )
                return
            meta = {row.key: row.value for row in connection.execute(sa.select(_meta))}
            version = meta.get("schema_version", "unknown")
            if version in map(str, range(1, SCHEMA_VERSION)):
                version = _upgrade(connection, int(version))
            if version != str(SCHEMA_VERSION):
                raise UserError(
                    f"{self.location} has records of version {version} "
                    f"({meta.get('written_by', 'an unknown program')}) and this is retroprop "
                    f"{__version__}, which reads version {SCHEMA_VERSION}; install the retroprop "
                    "that wrote it or name another database with --db."
                )

    def _damaged(self, detail: str) -> str:
        return (
            f"{self.location} is not a readable database ({detail.strip().splitlines()[0]}); "
            "restore it from a copy, or move it away and name a new one with --db."
        )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a database driver raises into one sentence."""
        try:
            yield
        except UserError:
            raise
        except json.JSONDecodeError as error:
            raise UserError(self._damaged(f"a column is not JSON: {error}")) from error
        except DBAPIError as error:
            raise UserError(self._sentence(str(error.orig))) from error
        except SQLAlchemyError as error:
            raise UserError(self._sentence(str(error))) from error

    def _sentence(self, detail: str) -> str:
        text = detail.lower()
        if "malformed" in text or "not a database" in text or "no such column" in text:
            return self._damaged(detail)
        if "readonly" in text or "unable to open" in text or "permission denied" in text:
            return (
                f"{self.location} cannot be written ({detail}); choose a folder that you may "
                "write to, with --db FOLDER/retroprop.db."
            )
        if "disk is full" in text or "disk i/o" in text:
            return (
                f"the disk of {self.location} is full ({detail}); free some space and run the "
                "same command again: everything up to the last finished epoch is kept."
            )
        if "locked" in text:
            return (
                f"{self.location} is locked by another process ({detail}); wait for it to end and "
                "run the same command again."
            )
        first = detail.strip().splitlines()[0] if detail.strip() else "no detail given"
        return f"the database {self.location} refused: {first}; check the address given by --db."


def _parse_url(url: str | Path | URL) -> URL:
    if isinstance(url, URL):
        return url
    text = str(url)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UserError(_no_address(text)) from error


def _no_address(text: str) -> str:
    return (
        f"{text!r} is not a database address; give a file (results.db) or a URL such as "
        "postgresql+psycopg://user@host/name."
    )


def _sqlite_file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _tune_sqlite(connection: Any, _: Any) -> None:
    """WAL lets readers and the writer work at once; a busy writer is waited for up to 60 s."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 60000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _upgrade(connection: Connection, version: int) -> str:
    """Add the columns that newer versions have; what is recorded stays as it is.

    A column that is there already was added by an upgrade that was killed.
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
    connection.execute(
        _meta.update().where(_meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION))
    )
    return str(SCHEMA_VERSION)


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


def _epochs_by_run(connection: Connection, query: sa.Select[Any]) -> dict[int, list[EpochRecord]]:
    by_run: dict[int, list[EpochRecord]] = {}
    ordered = query.order_by(_epochs.c.run_id, _epochs.c.epoch)
    for row in connection.execute(ordered).mappings():
        values = dict(row)
        by_run.setdefault(values.pop("run_id"), []).append(EpochRecord(**values))
    return by_run


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
