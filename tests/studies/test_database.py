"""The database: made once by whoever comes first, whole or not at all, and read where it lies."""

import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from written import VERSION_1, update

from retroprop.cli import main
from retroprop.errors import UserError
from retroprop.studies.addresses import without_passwords
from retroprop.studies.environment import describe_environment, typed_command
from retroprop.studies.records import NewRun, Records
from retroprop.studies.seals import SealedTable
from retroprop.studies.tables import RUNS, STUDY_RUNS

SERVERS = ["sqlite", "postgres"]


@pytest.fixture
def url(request, tmp_path):
    """The address of a database that does not exist yet."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{tmp_path / 'r.db'}"


def openings(*arguments):
    script = Path(__file__).with_name("openings.py")
    done = subprocess.run(
        [sys.executable, script, *arguments], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    return Counter(done.stdout.splitlines())


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_a_new_database_can_be_opened_by_many_at_once(url):
    assert openings("together", url) == {"opened": 16}


@pytest.mark.parametrize("old", [[], ["1"], ["2"]], ids=["new", "of version 1", "of version 2"])
@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_an_opening_that_is_killed_anywhere_can_be_repeated(url, old):
    found = openings("killed", url, *old)
    assert found["killed"] >= 10
    assert found == {"killed": found["killed"], "right": found["killed"] + 1, "whole": 1}


def test_a_disk_that_fills_at_the_first_start_does_no_lasting_harm(tmp_path):
    found = openings("full", f"sqlite:///{tmp_path / 'r.db'}")
    sentences = [line for line in found if line not in ("right", "whole")]
    assert len(sentences) >= 1
    assert all("is full" in line for line in sentences)
    assert found["right"] == found["whole"] + sum(found[line] for line in sentences)


# --- damage ---------------------------------------------------------------------------------------


def all_of(records):
    return [(record, records.runs(record.id)) for record in records.study_runs()]


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """A database in one file, and what it holds."""
    path = tmp_path_factory.mktemp("intact") / "r.db"
    records = Records.open(path)
    for name in ("s-1", "s-2"):
        runs = [
            NewRun(position=i, population="p", cell={"batch_size": i}, settings={"x": 1}, seed=i)
            for i in range(8)
        ]
        records.add_study_run(
            id=name,
            study="s",
            fingerprint="f",
            config={"dataset": "mnist"},
            data_checksum="c",
            runs=runs,
        )
        session = records.start_session(name, {"workers": 2})
        records.update_session(session, 1.5)
        ids = [run.id for run in records.runs(name)]
        for number in range(5):
            records.add_epoch([update(i, number, train_loss=number / i) for i in ids])
        records.set_test(ids[0], accuracy=0.5, loss=1.0, confusion=[[1, 2], [3, 4]])
        records.finish_population(ids, "checkpoints/x")
        records.set_status(name, "finished")
    found = all_of(records)
    records.engine.dispose()  # the last to leave puts all into the one file
    assert not path.with_name("r.db-wal").exists()
    return path.read_bytes(), found


def test_a_database_that_is_damaged_anywhere_is_refused_or_read_rightly(intact, tmp_path):
    content, written = intact
    chance = random.Random(14)
    used = [place for place, byte in enumerate(content) if byte]
    refused = []
    for number in range(200):
        damaged = bytearray(content)
        place = chance.choice(used)
        for offset in range(chance.choice((1, 1, 4, 64))):
            damaged[(place + offset) % len(content)] ^= chance.randrange(1, 256)
        path = tmp_path / f"{number}.db"
        path.write_bytes(damaged)
        try:
            records = Records.open(path, create=False)
            assert all_of(records) == written, f"byte {place}"
            records.engine.dispose()
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all("\n" not in sentence for sentence in refused)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE epochs SET train_loss = 0.25 WHERE run_id = 1 AND epoch = 2",
        "UPDATE epochs SET train_loss = 'much' WHERE run_id = 1 AND epoch = 2",
        "UPDATE runs SET seed = NULL, row_crc = NULL WHERE id = 1",
        "UPDATE runs SET cell = '{' WHERE id = 1",
        "UPDATE runs SET settings = x'ff00' WHERE id = 1",
        "UPDATE study_runs SET config = CAST(x'ff' AS TEXT) WHERE id = 's-1'",
        "UPDATE sessions SET environment = '[]' WHERE id = 1",
    ],
)
def test_a_value_that_was_not_written_by_us_is_refused(intact, tmp_path, change):
    path = tmp_path / "r.db"
    path.write_bytes(intact[0])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'"
    )
    connection.commit()
    connection.close()
    connection = sqlite3.connect(path)
    connection.execute(change)
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="is not a readable database"):
        all_of(Records.open(path, create=False))


@pytest.mark.parametrize("keys", [True, False], ids=["with all that belongs to them", "alone"])
@pytest.mark.parametrize(
    "lost",
    [
        "epochs WHERE run_id = 9 AND epoch = 1",
        "epochs WHERE run_id = 9 AND epoch = 4",
        "epochs WHERE run_id = 9",
        "runs WHERE id = 3",
        "runs WHERE study_run_id = 's-2'",
        "runs",
        "sessions WHERE id = 2",
    ],
)
def test_rows_that_are_missing_are_noticed(intact, tmp_path, lost, keys):
    path = tmp_path / "r.db"
    path.write_bytes(intact[0])
    with sqlite3.connect(path) as connection:
        connection.execute(f"DELETE FROM {lost}")
        if keys:
            connection.execute("DELETE FROM epochs WHERE run_id NOT IN (SELECT id FROM runs)")
    connection.close()
    with pytest.raises(UserError, match=r"is not a readable database \(.*are missing\); restore"):
        all_of(Records.open(path, create=False))


@pytest.mark.parametrize("command", [
    "run inf8225-logistic --size smoke --workers 1", "runs", "runs s", "report s", "show 3",
    "compare s --by batch_size",
])  # fmt: skip
@pytest.mark.parametrize("lost", ["study_runs", "runs", "runs WHERE id = 3"])
def test_every_command_says_that_rows_are_missing(
    intact, tmp_path, monkeypatch, capsys, lost, command
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.db").write_bytes(intact[0])
    with sqlite3.connect(tmp_path / "r.db") as connection:
        connection.execute(f"DELETE FROM {lost}")
        connection.execute("DELETE FROM epochs WHERE run_id NOT IN (SELECT id FROM runs)")
    connection.close()
    with pytest.raises(SystemExit) as done:
        main([*command.split(), "--db", "r.db"])
    assert done.value.code == 2
    assert "r.db is not a readable database" in capsys.readouterr().err.replace("\n", " ")


def test_a_run_that_is_missing_is_none_that_never_was(intact, tmp_path):
    (tmp_path / "r.db").write_bytes(intact[0])
    with sqlite3.connect(tmp_path / "r.db") as connection:
        connection.execute("DELETE FROM epochs WHERE run_id = 3")
        connection.execute("DELETE FROM runs WHERE id = 3")
    connection.close()
    records = Records.open(tmp_path / "r.db", create=False)
    with pytest.raises(UserError, match="rows of runs are missing"):
        records.run(3)


def test_rows_that_were_sealed_before_counts_were_are_read(intact, tmp_path):
    path = tmp_path / "r.db"
    path.write_bytes(intact[0])
    records = Records.open(path)
    for sealed in (STUDY_RUNS, RUNS):
        with records.transaction() as connection:
            SealedTable(sealed.table).seal(connection)
    assert all_of(records) == intact[1]
    records.set_parameters([1], 7850)  # seals it as it is now
    with records.transaction() as connection:
        connection.execute(sa.text("DELETE FROM epochs WHERE run_id = 1 AND epoch = 4"))
    with pytest.raises(UserError, match="rows of epochs are missing"):
        records.run(1)


# --- a database that may only be read -------------------------------------------------------------

COMMANDS = """
import ctypes, os, sys
from retroprop.cli import main
if os.getuid() == 0:  # rights bind root too once it has no capabilities
    version_3, none = 0x20080522, (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(version_3, 0)
    assert ctypes.CDLL(None).capset(header, none) == 0
for command in sys.stdin.read().splitlines():
    try:
        main(command.split())
        code = 0
    except SystemExit as done:
        code = done.code
    print("CODE", code, flush=True)
"""


def bound_by_rights(database, *commands):
    """What some commands print, in a process that the rights of files bind."""
    return subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(f"{command} --db {database}" for command in commands),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def handed_in(tmp_path):
    """Makes a folder with a database that nobody may write."""
    folder = tmp_path / "handed-in"

    def make(**files):
        folder.mkdir()
        for end, content in files.items():
            (folder / f"r.{end}").write_bytes(content)
            (folder / f"r.{end}").chmod(0o444)
        folder.chmod(0o555)
        return folder / "r.db"

    yield make
    folder.chmod(0o755)


def test_a_database_that_may_only_be_read_is_read(intact, handed_in, tmp_path):
    path = handed_in(db=intact[0])
    done = bound_by_rights(
        path,
        "runs",
        "runs s",
        "show 3",
        "compare 1 2",
        f"report s --format html --output {tmp_path / 'reports'}",
        f"records export {tmp_path / 's.zip'}",
        "run inf8225-logistic --size smoke --workers 1",
        "records delete s-1 --yes",
    )
    assert done.stdout.count("CODE 0") == 6, done.stdout + done.stderr
    assert "run 3 of s-1: finished" in done.stdout
    assert "r.db cannot be written (it may only be read)" in done.stderr
    assert [file.name for file in path.parent.iterdir()] == ["r.db"]


def test_a_read_only_database_of_an_older_version_is_read_and_left_as_it_is(handed_in, tmp_path):
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(VERSION_1)
    connection.close()
    path = handed_in(db=(tmp_path / "old.db").read_bytes())
    assert "65.00%" in bound_by_rights(path, "runs s").stdout
    assert path.read_bytes() == (tmp_path / "old.db").read_bytes()


@pytest.fixture
def in_use(tmp_path):
    """The files of a database whose last records are in its log, as a copy of them finds it."""
    path = tmp_path / "r.db"
    records = Records.open(path)
    new = NewRun(position=0, population="p", cell={"x": 1}, settings={}, seed=0)
    of_study = {"study": "s", "fingerprint": "f", "config": {}, "data_checksum": "c"}
    records.add_study_run(id="in-the-log", runs=[new], **of_study)
    found = {end: path.with_name(f"r.{end}").read_bytes() for end in ("db", "db-wal", "db-shm")}
    records.engine.dispose()
    return found


def test_records_in_the_log_of_a_read_only_database_are_read_too(in_use, handed_in):
    done = bound_by_rights(handed_in(**in_use), "runs")
    assert "in-the-log" in done.stdout, done.stderr


def test_a_log_that_cannot_be_read_is_named(in_use, handed_in):
    path = handed_in(**{end: in_use[end] for end in ("db", "db-wal")})
    done = bound_by_rights(path, "runs")
    assert f"the last records are in {path}-wal, which can only be read in a folder" in done.stderr


# --- addresses ------------------------------------------------------------------------------------

SECRET = "p%40ss/w:rd"


@pytest.mark.parametrize(
    "argument",
    [
        f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/name",
        f"--db=postgresql+psycopg://me:{SECRET}@127.0.0.1:1/name?connect_timeout=1",
        f"postgresql+psycopg://me@127.0.0.1:1/name?password={SECRET}",
        f"postgresql+psycopg://127.0.0.1:1/name?user=me&PASS%57ORD={SECRET}",
        f"postgresql+psycopg://me:one {SECRET}@127.0.0.1:1/name",
    ],
)
def test_a_password_is_in_no_command_and_in_no_sentence(argument, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["retroprop", "run", "x", argument])
    command = describe_environment(1)["command"]
    with pytest.raises(UserError) as refused:
        Records.open(argument.removeprefix("--db="))
    for text in (command, str(refused.value)):
        assert "w:rd" not in text
        assert "127.0.0.1" in text


def test_a_password_with_an_at_sign_is_explained_without_it():
    with pytest.raises(UserError, match="write it as %40") as refused:
        Records.open("postgresql+psycopg://me:one@two@127.0.0.1/name")
    assert "two" not in str(refused.value)


MISTYPED = [
    f"host=127.0.0.1 port=1 user=me password={SECRET} dbname=name",
    f"dbname = name Password = '{SECRET}'",
    f"postgresql:/me:{SECRET}@127.0.0.1/name",
    f"postgresql+psycopg//me:{SECRET}@127.0.0.1/name",
    f"postgresql+psycopg//me:{SECRET}",
    f"postgresql+psycopg://me:{SECRET}",
    "postgresql+psycopg://me:123w:rd",
    f"postgresql+psycopg://m/e:{SECRET}@127.0.0.1/name",
    f"postgresql+psycopg://me;{SECRET}@127.0.0.1/name",
    f"postgresql+psycopg://me:one@two{SECRET}@127.0.0.1/name",
    f"sqlite://me:{SECRET}@127.0.0.1/name",
    f"postgresql+psycopg://me@127.0.0.1/name?password={SECRET}@x",
    f"//me:{SECRET}@127.0.0.1/name",
    f"me:{SECRET}@127.0.0.1",
]


@pytest.mark.parametrize("address", MISTYPED)
def test_nothing_is_shown_of_what_is_like_an_address_and_is_none(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not a database address, and is not shown") as refused:
        Records.open(address)
    monkeypatch.setattr(sys, "argv", ["lab.py", address, f"--db={address}"])
    for text in (str(refused.value), typed_command()):
        assert not any(part in text for part in ("w:rd", "123w", "two"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ["runs", "report", "run", "compare", "summary"])
def test_an_address_at_a_wrong_place_is_not_quoted(command, intact, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "retroprop.db").write_bytes(intact[0])
    with pytest.raises(SystemExit):
        main([*command.split(), f"postgresql+psycopg://me:zq {SECRET}@127.0.0.1/name"])
    said = capsys.readouterr().err
    assert "***" in said
    assert "w:rd" not in said
    assert "zq" not in said


@pytest.mark.parametrize("name", ["a@b.db", "12:30.db", "host=a.db"])
def test_a_file_with_the_signs_of_an_address_is_named_by_its_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Records.open(f"./{name}")
    Records.open(str(tmp_path / name), create=False)
    assert (tmp_path / name).is_file()
    assert without_passwords(f"retroprop run x --db ./{name}") == f"retroprop run x --db ./{name}"


def test_a_password_that_an_older_version_recorded_is_not_read(tmp_path):
    records = Records.open(tmp_path / "r.db")
    new = NewRun(position=0, population="p", cell={"x": 1}, settings={}, seed=0)
    of_study = {"study": "s", "fingerprint": "f", "config": {}, "data_checksum": "c"}
    records.add_study_run(id="s-1", runs=[new], **of_study)
    records.start_session("s-1", {"command": "retroprop run s --db postgresql://me:pw@host/n"})
    (session,) = records.study_run("s").sessions
    assert session.environment["command"] == "retroprop run s --db 'postgresql://me:***@host/n'"


@pytest.mark.parametrize("name", ["a?b#c%41.db", "file:x.db", "a [b] b.db", b"r\xff.db"])
def test_the_file_of_a_name_is_opened_whatever_characters_it_has(name, tmp_path):
    path = tmp_path / os.fsdecode(name)
    records = Records.open(path)
    assert [file.name for file in tmp_path.glob("*.db")] == [path.name]
    again = Records.open(records.url, create=False)  # as a worker process does
    assert again.folder == tmp_path.resolve()
    records.location.encode()


@pytest.mark.parametrize(
    "address", ["sqlite:///x.db?uri=true", "sqlite:///?x=y", "a\0b", "postgresql+psycopg://[/b]"]
)
def test_an_odd_address_is_refused_in_a_sentence(address):
    with pytest.raises(UserError):
        Records.open(address)


# --- what both servers keep -----------------------------------------------------------------------


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_long_names_and_large_numbers_are_kept_whole(url):
    records = Records.open(url)
    long, large = "optimizer=adam," * 100, 2**40
    new = NewRun(position=0, population=long, cell={"x": long}, settings={}, seed=large)
    of_study = {"fingerprint": "f", "config": {}, "data_checksum": "c"}
    records.add_study_run(id=f"{long}-1", study=long, runs=[new], **of_study)
    records.set_parameters([1], large)
    (run,) = records.runs(f"{long}-1")
    assert (run.population, run.seed, run.parameters) == (long, large, large)
    assert records.study_run(long).id == f"{long}-1"
    records.engine.dispose()


def test_the_latest_study_run_is_the_one_that_was_added_last(tmp_path, monkeypatch):
    records = Records.open(tmp_path / "r.db")
    new = NewRun(position=0, population="p", cell={"x": 1}, settings={}, seed=0)
    of_study = {"study": "s", "fingerprint": "f", "config": {}, "data_checksum": "c"}
    for id, clock in (("s-2", "2026-02-01"), ("s-1", "2026-01-01")):  # set back in between
        monkeypatch.setattr("retroprop.studies.records._now", lambda clock=clock: clock)
        records.add_study_run(id=id, runs=[new], **of_study)
    assert records.study_run("s").id == "s-1"
