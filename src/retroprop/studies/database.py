"""The database behind the records: its address, its transactions, and what its errors mean.

SQLite and PostgreSQL are asked for the same things: a transaction holds changes of the tables too,
one process at a time changes them, and what a driver raises becomes one sentence, without a
password.

Python's sqlite3 begins transactions by itself, and none before CREATE TABLE: here BEGIN is ours, as
SQLAlchemy's manual advises (dialects/sqlite, "Enabling Non-Legacy SQLite Transactional Modes").
"""

import hashlib
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from retroprop.errors import UserError, in_short
from retroprop.files import DEFAULT_DATABASE
from retroprop.studies.addresses import HIDDEN, NO_ADDRESS, parse_address, secrets, shown
from retroprop.studies.patience import Patience, ServerAwayError, server_is_away
from retroprop.studies.seals import DamagedRowError

# Whoever creates or upgrades tables on PostgreSQL holds this lock; the number is arbitrary.
_POSTGRES_LOCK = 0x726574726F

# A server's connections of one process: that of the lock, and one for all transactions; a reading
# within a reading needs one more for a moment.
_POOL = {"pool_size": 2, "max_overflow": 2, "pool_pre_ping": True}

# A server whose machine is gone without a word is noticed within a minute (options of libpq).
_OF_LIBPQ = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


@dataclass
class Database:
    """An open database.

    Attributes:
        url: Its address.
        engine: Its connections.
        writable: False where its file or its folder may only be read.
        patience: How to wait for a server that is away; None to say so at once.
        was_there: Whether its server has ever answered.
    """

    url: URL
    engine: Engine = field(repr=False)
    writable: bool = True
    patience: Patience | None = field(default=None, repr=False)
    was_there: bool = False
    _held: list["_Hold"] = field(default_factory=list, repr=False)

    @classmethod
    def connect(cls, address: str | Path | URL, *, create: bool) -> Self:
        """Get ready to work on the database at an address.

        Args:
            address: "results.db", "sqlite:///results.db", "postgresql+psycopg://user@host/name".
            create: Whether a SQLite file may be made.

        Raises:
            UserError: If the address is none, or nothing can be opened there.
        """
        url = parse_address(address)
        file = _sqlite_file(url)
        writable = True
        if file is not None:
            _check_file(file, create=create)
            writable = os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
        engine = _engine(url)
        if url.get_backend_name() == "sqlite":
            _prepare_sqlite(engine, None if file is None else _sqlite_name(file, writable))
        database = cls(url, engine, writable)
        if database.has_server:
            event.listen(engine, "connect", database._note_that_it_is_there)
        return database

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None for another database or one in memory."""
        return _sqlite_file(self.url)

    @property
    def folder(self) -> Path:
        """Where files that belong to the records live: beside a SQLite file, else here."""
        return self.file.parent.resolve() if self.file is not None else Path.cwd()

    @property
    def has_server(self) -> bool:
        """Whether another process answers, which may be restarted; SQLite has none."""
        return self.url.get_backend_name() != "sqlite"

    def _note_that_it_is_there(self, *_: Any) -> None:
        self.was_there = True

    @property
    def in_memory(self) -> bool:
        """Whether only this process can see the records (SQLite in memory)."""
        return self.url.get_backend_name() == "sqlite" and self.file is None

    @property
    def location(self) -> str:
        """The database's name for people, without a password."""
        return _printable(str(self.file)) if self.file is not None else shown(self.url)

    @property
    def option(self) -> str:
        """What a command needs to find the database; "" where it is at its usual place."""
        return "" if self.location == DEFAULT_DATABASE else f" --db {shlex.quote(self.location)}"

    def copy_to_memory(self) -> None:
        """Go on with a copy of a SQLite database in memory: one that may only be read is older."""
        copy = sa.create_engine("sqlite://", poolclass=StaticPool)
        _prepare_sqlite(copy, None)
        with self.reading() as source, copy.connect() as target:
            theirs: Any = source.connection.driver_connection
            theirs.backup(target.connection.driver_connection)
        self.engine = copy

    # -- transactions -------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads: all of it sees one state of the database."""
        with self.explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes, whole or not at all.

        Raises:
            UserError: If the database may only be read, or refuses.
        """
        if not self.writable:
            raise UserError(self._unwritable("it may only be read"))
        with self._changing() as connection:
            yield connection

    @contextmanager
    def changing_tables(self) -> Iterator[Connection]:
        """A transaction that may create and change tables: one process at a time."""
        with self._changing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRES_LOCK)))
            yield connection
        self._keep_a_log()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with self.explained(), self.engine.execution_options(writes=True).begin() as connection:
            yield connection

    def _keep_a_log(self) -> None:
        """Let readers and the writer of SQLite work at once (WAL): kept in the file for ever.

        Where other processes are at work it cannot be switched now, and some file systems cannot
        do it at all: then they wait for each other.
        """
        if self.file is not None and self.writable:
            with suppress(DBAPIError), self.engine.connect() as connection:
                cursor = connection.connection.cursor()  # not in a transaction
                with suppress(sqlite3.OperationalError):
                    cursor.execute("PRAGMA journal_mode = WAL")
                cursor.close()

    @contextmanager
    def held(self, name: str, *, busy: str, wait_s: int = 0) -> Iterator[None]:
        """Hold a name for this process, among all machines that share the database.

        PostgreSQL has a lock for it, which ends with our connection; where a machine is gone
        without a word, within a minute. After a restart of the server `hold_on` takes it again. A
        SQLite file is of one machine: there the lock of a folder is enough (`files.held`).

        Args:
            name: What to hold, such as the id of a study run.
            busy: What to say when another process has it.
            wait_s: How long to wait for it.

        Raises:
            UserError: If another process has it.
        """
        if self.url.get_backend_name() != "postgresql":
            yield
            return
        digest = hashlib.sha256(f"retroprop {name}".encode()).digest()
        hold = _Hold(int.from_bytes(digest[:8], "big", signed=True), busy)
        try:
            with self.explained():
                hold.take(self.engine, wait_s)
            self._held.append(hold)
            yield
        finally:
            hold.leave()
            self._held = [other for other in self._held if other is not hold]

    def hold_on(self) -> None:
        """Take again what a server that was restarted has forgotten; call it now and then.

        While the server is away nobody can take it: it is for the next call then.

        Raises:
            UserError: If another process has taken it meanwhile.
        """
        for hold in self._held:
            with suppress(ServerAwayError), self.explained():
                if not hold.lasts():
                    hold.take(self.engine)

    # -- sentences ----------------------------------------------------------------------------

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what a database driver raises into one sentence."""
        try:
            yield
        except UserError:
            raise
        except DamagedRowError as error:
            raise self.damaged(str(error)) from error
        except UnicodeDecodeError as error:  # what sqlite3 makes of a name in a damaged file
            raise self.damaged("a text is not UTF-8") from error
        except DBAPIError as error:
            if self.has_server and server_is_away(error, was_there=self.was_there):
                raise ServerAwayError(self._away(str(error.orig))) from error
            raise UserError(self._sentence(str(error.orig))) from error
        except SQLAlchemyError as error:
            raise UserError(self._sentence(str(error))) from error

    def damaged(self, detail: str) -> UserError:
        """The sentence for a database whose content cannot be what was written."""
        return UserError(
            f"{self.location} is not a readable database ({_line(detail)}); "
            "restore it from a copy, or move it away and name a new one with --db."
        )

    def _unwritable(self, detail: str) -> str:
        return (
            f"{self.location} cannot be written ({detail}); choose a folder that you may "
            "write to, with --db FOLDER/retroprop.db."
        )

    def _away(self, detail: str) -> str:
        return (
            f"the database server of {self.location} is away ({self._shown(detail)}); what is "
            "recorded is kept: run the same command again once it answers."
        )

    def _shown(self, detail: str) -> str:
        for secret in secrets(self.url):
            detail = detail.replace(secret, HIDDEN)
        return _line(detail) or "no detail given"

    def _sentence(self, detail: str) -> str:
        detail = self._shown(detail)
        text = detail.lower()
        if any(sign in text for sign in _SIGNS_OF_DAMAGE):
            return str(self.damaged(detail))
        log = self.file and self.file.with_name(self.file.name + "-wal")
        if "unable to open" in text and not self.writable and log and log.exists():
            return (
                f"the last records are in {_printable(str(log))}, which can only be read in a "
                "folder that you may write to; copy both files into one, and name it with --db."
            )
        if "readonly" in text or "unable to open" in text or "permission denied" in text:
            return self._unwritable(detail)
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
        return f"the database {self.location} refused: {detail}; check the address given by --db."


@dataclass
class _Hold:
    """A lock of PostgreSQL that lasts as long as a connection of ours."""

    key: int
    busy: str
    connection: Connection | None = None

    def take(self, engine: Engine, wait_s: int = 0) -> None:
        """Take it on a new connection; wait so long for another process that has it.

        Raises:
            UserError: If another process has it.
        """
        self.leave()
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with ExitStack() as undo:
            undo.callback(_end, connection)
            for setting, value in (("idle", 30), ("interval", 10), ("count", 3)):
                connection.execute(sa.text(f"SET tcp_keepalives_{setting} = {value}"))
            if wait_s:
                connection.execute(sa.text(f"SET lock_timeout = '{wait_s}s'"))
                with suppress(DBAPIError):  # it was waited for in vain
                    connection.execute(sa.select(sa.func.pg_advisory_lock(self.key)))
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self.key))):
                raise UserError(self.busy)
            undo.pop_all()
        self.connection = connection

    def lasts(self) -> bool:
        """Whether its connection still answers."""
        try:
            return self.connection is not None and self.connection.scalar(sa.text("SELECT 1")) == 1
        except DBAPIError:
            return False

    def leave(self) -> None:
        """Let go of it."""
        if self.connection is not None:
            _end(self.connection)
            self.connection = None


def _end(connection: Connection) -> None:
    """End a connection, and the locks with it; the pool would keep it."""
    connection.invalidate()
    connection.close()


_SIGNS_OF_DAMAGE = (
    "malformed", "not a database", "no such column", "no such table", "could not decode",
)  # fmt: skip


def _line(text: str) -> str:
    """The first line of a text, as much of it as a sentence can hold."""
    return (text.strip().splitlines() or [""])[0][:200]


def check_address(address: str | Path | URL) -> None:
    """Refuse an address that is none, or whose driver is not installed; nothing is opened.

    Raises:
        UserError: With what an address looks like.
    """
    _engine(parse_address(address))


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            return sa.create_engine(url)
        options: dict[str, Any] = {}
        if url.get_driver_name() in ("psycopg", "psycopg2"):
            options = {name: value for name, value in _OF_LIBPQ.items() if name not in url.query}
        return sa.create_engine(url, connect_args=options, **_POOL)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(
            "the database URL needs a driver that is not installed; for PostgreSQL write "
            "postgresql+psycopg://…, and run in the folder of retroprop: "
            "pip install -c constraints.txt -e '.[postgres]'."
        ) from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise UserError(NO_ADDRESS) from error


def _named(path: Path) -> str:
    """A path in a sentence: between quotes where its letters would read as a misprint.

    >>> _named(Path("results/one.db")), _named(Path("[")), _named(Path("a b, c.db"))
    ('results/one.db', "'['", "'a b, c.db'")
    """
    text = _printable(str(path))
    return text if re.fullmatch(r"[\w/.~+:\\-]+", text) else f"'{text}'"


def _printable(text: str) -> str:
    """A path for people, where a byte that is no UTF-8 is a question mark."""
    return os.fsencode(text).decode("utf-8", errors="replace")


# -- SQLite ------------------------------------------------------------------------------------


def _sqlite_file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _check_file(file: Path, *, create: bool) -> None:
    """Make the file where it may be made, with the rights that the umask leaves."""
    name = _named(file)
    try:
        if not create and not file.exists():
            raise UserError(
                f"no records at {name}: run a study first (retroprop run inf8225-logistic) "
                "or name the database with --db."
            )
        if not file.parent.is_dir():
            raise UserError(
                f"the folder {_named(file.parent)} of the database does not exist; "
                "create it or name another database with --db."
            )
        if not file.exists():
            file.touch()
        elif not file.is_file():
            raise UserError(f"{name} is not a file; name the database's file with --db.")
        elif not os.access(file, os.R_OK):
            raise UserError(f"{name} may not be read; ask its owner, or name another with --db.")
    except OSError as error:
        raise UserError(
            f"{name} cannot be opened ({in_short(error)}); choose a folder that you may "
            "write to, with --db FOLDER/retroprop.db."
        ) from error


def _sqlite_name(file: Path, writable: bool) -> str:
    """The file as a URI of SQLite, whatever characters its name has.

    A file that nobody can write is opened as one that does not change: otherwise SQLite makes files
    beside it. Where such files are there they are read too.
    """
    if writable:
        mode = "mode=rw"
    elif any(_has_content(file.with_name(file.name + end)) for end in ("-wal", "-journal")):
        mode = "mode=ro"
    else:
        mode = "mode=ro&immutable=1"
    return f"{file.absolute().as_uri()}?{mode}"


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _prepare_sqlite(engine: Engine, name: str | None) -> None:
    def open_by_uri(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[0] = name
        options["uri"] = True

    def tune(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # no BEGIN but ours
        _tune_sqlite(connection, _)

    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes then fails when another one wrote between.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if name is not None:
        event.listen(engine, "do_connect", open_by_uri)
    event.listen(engine, "connect", tune)
    event.listen(engine, "begin", begin)


def _tune_sqlite(connection: Any, _: Any) -> None:
    """A busy writer is waited for up to 60 s; what is committed is on the disk (FULL)."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 60000")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
