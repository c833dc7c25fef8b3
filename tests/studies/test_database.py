"""The database: made once by whoever comes first, whole or not at all, and read where it lies."""

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from written import update

from retroprop.errors import UserError
from retroprop.studies.records import NewRun, Records

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


@pytest.mark.parametrize("old", [[], ["old"]], ids=["new", "of version 1"])
@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_an_opening_that_is_killed_anywhere_can_be_repeated(url, old):
    found = openings("killed", url, *old)
    assert found["killed"] >= 10
    assert found == {"killed": found["killed"], "right": found["killed"] + 1, "whole": 1}


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
            id=name, study="s", fingerprint="f", config={"n": 1}, data_checksum="c", runs=runs
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
