"""The tables of the records, and how an older database becomes one of this version.

Every row of a study run, a session, a run and an epoch has a seal. A version adds columns or widens
them; what is recorded stays as it is.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from retroprop import __version__
from retroprop.errors import UserError
from retroprop.studies.seals import SealedTable, seal_column

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

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")

_epochs = sa.Table(
    "epochs",
    _tables,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Float) for name in METRICS),
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

STUDY_RUNS = SealedTable(_study_runs, (_runs.c.study_run_id, _sessions.c.study_run_id))
SESSIONS = SealedTable(_sessions)
RUNS = SealedTable(_runs, (_epochs.c.run_id,))
EPOCHS = SealedTable(_epochs)


def recorded_version(connection: Connection, location: str) -> str | None:
    """The version of the records, one that can be read or upgraded; None where there are none.

    A first start that was interrupted may have left some tables of ours, all of them empty.

    Raises:
        UserError: If they are of another program, or of a version that this one does not know.
    """
    names = set(sa.inspect(connection).get_table_names())
    ours = [table for table in _tables.sorted_tables if table.name in names]
    if ours and _meta not in ours:
        raise UserError(
            f"{location} is a database of another program (it has no table "
            f"{_meta.name}); name another one with --db."
        )
    if not any(connection.execute(sa.select(table).limit(1)).first() for table in ours):
        return None
    meta = {row.key: row.value for row in connection.execute(sa.select(_meta))}
    version = meta.get("schema_version", "unknown")
    if version not in map(str, range(1, SCHEMA_VERSION + 1)):
        raise UserError(
            f"{location} has records of version {version} "
            f"({meta.get('written_by', 'an unknown program')}) and this is retroprop "
            f"{__version__}, which reads version {SCHEMA_VERSION}; install the retroprop "
            "that wrote it or name another database with --db."
        )
    return str(version)


def create_tables(connection: Connection) -> None:
    """Make all tables, empty, in the place of empty ones."""
    _tables.drop_all(connection)  # what an interrupted start left: empty tables
    _tables.create_all(connection, checkfirst=False)
    connection.execute(
        _meta.insert(),
        [
            {"key": "schema_version", "value": str(SCHEMA_VERSION)},
            {"key": "written_by", "value": f"retroprop {__version__}"},
        ],
    )


def upgrade_tables(connection: Connection, version: int) -> None:
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
    for sealed in (STUDY_RUNS, SESSIONS, RUNS, EPOCHS):
        sealed.adopt(connection)
    connection.execute(
        _meta.update().where(_meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION))
    )
