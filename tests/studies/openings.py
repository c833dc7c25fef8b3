"""A process of its own that opens a database in children: many at once, or one that is killed.

    python openings.py together URL          16 children open a database that does not exist yet
    python openings.py killed URL [VERSION]  one child for every statement: it dies before it
    python openings.py full URL              children that may write files of some sizes only

Prints what every child came to. VERSION: there is a database of this version each time.
"""

import os
import resource
import sqlite3
import sys
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from written import fill

from retroprop.errors import UserError
from retroprop.studies.records import NewRun, Records
from retroprop.studies.tables import SCHEMA_VERSION

KILLED = 9


def say(word):
    os.write(1, f"{word}\n".encode())  # whole, whoever else writes


def child(work):
    """Do some work in a child; its process id."""
    number = os.fork()
    if number == 0:
        try:
            work()
        except UserError as error:
            say(str(error))
        os._exit(0)
    return number


def code_of(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def together(url):
    waiting, go = os.pipe()

    def open_when_told():
        os.close(go)
        os.read(waiting, 1)
        Records.open(url)
        say("opened")

    children = [child(open_when_told) for _ in range(16)]
    os.close(go)
    for number in children:
        code_of(number)


def die_before(number):
    """End this process before its statement of this number, as a power cut does."""
    left = number

    def count(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(KILLED)

    def count_all(connection, _):
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(count)  # COMMIT and PRAGMA too

    event.listen(sa.pool.Pool, "connect", count_all)
    event.listen(sa.Engine, "before_cursor_execute", count)
    event.listen(sa.Engine, "commit", count)


def prepare(url, old):
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        for end in ("", "-wal", "-shm", "-journal"):
            Path(url.removeprefix("sqlite:///") + end).unlink(missing_ok=True)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    if old:
        fill(url, old)


def check(url, old):
    records = Records.open(url)
    with records.engine.connect() as connection:
        meta = dict(connection.execute(sa.text("SELECT key, value FROM retroprop_meta")).all())
    assert meta["schema_version"] == str(SCHEMA_VERSION)
    if old:
        runs = [run for record in records.study_runs() for run in records.runs(record.id)]
        assert sum(len(run.epochs) for run in runs) == 34
    else:
        new = NewRun(position=0, population="p", cell={"x": 1}, settings={}, seed=0)
        of_study = {"study": "s", "fingerprint": "f", "config": {}, "data_checksum": "c"}
        records.add_study_run(id="s-1", runs=[new], **of_study)
        assert records.run(1).cell == {"x": 1}
    say("right")


def killed(url, old=None):
    for number in range(1, 1000):
        child_of = [
            lambda: prepare(url, old),
            lambda number=number: (die_before(number), Records.open(url)),
            lambda: check(url, old),
        ]
        codes = [code_of(child(work)) for work in child_of]
        if codes[1] != KILLED:
            say("whole")
            return
        say("killed")


def full(url):
    def open_with(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        Records.open(url)
        say("whole")

    for size in range(0, 160_000, 10_000):
        for work in (
            lambda: prepare(url, None),
            lambda size=size: open_with(size),
            lambda: check(url, None),
        ):
            code_of(child(work))


if __name__ == "__main__":
    mode, address, *rest = sys.argv[1:]
    sa.create_engine(address)  # imports what all children need
    match mode:
        case "together":
            together(address)
        case "killed":
            killed(address, *map(int, rest))
        case "full":
            full(address)
