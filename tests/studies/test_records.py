"""The records: what is written is read back, and a bad database is explained in a sentence."""

import math
import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from written import VERSION_1, epoch, update

from retroprop.errors import UserError
from retroprop.studies.records import NewRun, Records, RunUpdate, Tally
from retroprop.training.epochs import Progress


@pytest.fixture
def records(tmp_path):
    records = Records.open(tmp_path / "r.db")
    records.add_study_run(
        id="s-1",
        study="s",
        fingerprint="f",
        config={"epochs": 2},
        data_checksum="c",
        runs=[
            NewRun(position=i, population="p", cell={"batch_size": i}, settings={"x": 1}, seed=0)
            for i in range(2)
        ],
    )
    return records


def test_epochs_are_read_back_as_they_were_written(records):
    records.add_epoch([update(1, 0), update(2, 0, train_loss=0.25)])
    records.add_epoch([update(1, 1), update(2, 1)])
    first, second = records.runs("s-1")
    assert first.epochs == (epoch(0), epoch(1))
    assert second.epochs[0].train_loss == 0.25
    assert second.best_epoch == 1
    assert records.run(2) == second
    assert records.study_run("s").id == "s-1"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_read_back_as_none(records, value):
    records.add_epoch([update(1, 0, train_loss=value)])
    assert records.run(1).epochs[0].train_loss is None


def test_an_epoch_of_a_population_is_recorded_whole_or_not_at_all(records):
    records.add_epoch([update(2, 0)])
    with pytest.raises(UserError):  # the second row is there already
        records.add_epoch([update(1, 0), update(2, 0)])
    assert records.run(1).epochs == ()


def test_work_is_summed_over_sessions_with_their_environments(records):
    for seconds, workers in ((2.0, 1), (3.0, 2)):
        session = records.start_session("s-1", {"workers": workers})
        records.update_session(session, seconds)
    record = records.study_run("s-1")
    assert record.wall_s == 5.0
    assert [session.environment["workers"] for session in record.sessions] == [1, 2]


def test_forgetting_epochs_returns_a_run_to_its_plan(records):
    records.add_epoch([update(1, 0), update(2, 0)])
    records.forget_epochs([1], after=-1)
    assert records.run(1).epochs == ()
    assert (records.run(1).status, records.run(1).best_epoch) == ("planned", None)
    assert len(records.run(2).epochs) == 1


def test_a_diverged_run_stays_diverged_when_its_population_ends(records):
    records.add_epoch(
        [
            update(1, 0),
            RunUpdate(
                run_id=2,
                epoch=epoch(0, train_loss=math.nan),
                progress=Progress(diverged_epoch=0),
            ),
        ]
    )
    records.finish_population([1, 2], "checkpoints/x")
    assert [run.status for run in records.runs("s-1")] == ["finished", "diverged"]


def test_study_runs_are_tallied_and_their_rows_checked(records):
    records.add_epoch([update(1, 0)])
    records.finish_population([1], "checkpoints/x")
    assert records.tallies() == {"s-1": Tally(models=2, trained=1, best_validation_accuracy=0.7)}
    with records.transaction() as connection:
        connection.execute(sa.text("UPDATE runs SET best_validation_accuracy = 0.9 WHERE id = 1"))
    with pytest.raises(UserError, match="a row of runs is not what was written into it"):
        records.tallies()


def test_an_unknown_run_and_an_unknown_study_are_named_with_what_there_is(records):
    with pytest.raises(UserError, match=r"there is no run 9: .* holds runs 1 to 2"):
        records.run(9)
    with pytest.raises(UserError, match=r"no run of 'z'.*Known: s, s-1"):
        records.study_run("z")


def test_a_database_that_another_version_wrote_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "r.db"
    records = Records.open(path)
    with records.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE retroprop_meta SET value = 99 WHERE key = 'schema_version'")
        )
        connection.execute(
            sa.text("UPDATE retroprop_meta SET value='retroprop 9.0' WHERE key='written_by'")
        )
    records.engine.dispose()
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"records of version 99 \(retroprop 9.0\)"):
        Records.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "r.db"
    path.write_bytes(b"my thesis" * 500)
    with pytest.raises(UserError, match="is not a readable database"):
        Records.open(path)
    assert path.read_bytes() == b"my thesis" * 500


def test_a_database_with_a_damaged_page_is_refused(tmp_path):
    path = tmp_path / "r.db"
    records = Records.open(path)
    records.engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xab" * 4096
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a readable database"):
        Records.open(path)


def test_a_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "r.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (id INTEGER)")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="database of another program"):
        Records.open(path)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("no/such/folder/r.db", "does not exist; create it"),
        ("[/b]", r"the folder '\[' of the database does not exist"),
        ("nonsense://x", "needs a driver that is not installed"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "check the address given by --db"),
        ("sqlite://user:pass:word@[/x", "is not a database address"),
        ("", "'' is not a database address"),
    ],
)
def test_an_address_that_cannot_be_opened_is_explained(url, sentence):
    with pytest.raises(UserError, match=sentence):
        Records.open(url)


def test_reading_commands_do_not_create_a_database(tmp_path):
    with pytest.raises(UserError, match="run a study first"):
        Records.open(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "empty.db").touch()
    with pytest.raises(UserError, match="holds no records yet"):
        Records.open(tmp_path / "empty.db", create=False)


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("database or disk is full", "everything up to the last finished epoch is kept"),
        ("attempt to write a readonly database", "choose a folder that you may write to"),
        ("unable to open database file", "choose a folder that you may write to"),
        ("database disk image is malformed", "is not a readable database"),
        ("database is locked", "locked by another process"),
    ],
)
def test_what_sqlite_reports_is_said_in_a_sentence(records, detail, sentence):
    with (
        pytest.raises(UserError, match=sentence),
        records.explained(),
    ):
        raise OperationalError("INSERT", {}, sqlite3.OperationalError(detail))


def test_a_full_database_stops_with_a_sentence_and_keeps_what_it_has(records):
    """SQLite's own limit on pages stands for a full disk."""
    records.add_epoch([update(1, 0), update(2, 0)])

    def limit(connection, _):
        connection.execute("PRAGMA max_page_count = 1")

    records.engine.dispose()
    event.listen(records.engine, "connect", limit)
    many = [update(1, number) for number in range(1, 2000)]
    with pytest.raises(UserError, match="is full"):
        records.add_epoch(many)
    assert len(records.run(2).epochs) == 1


# --- older databases ------------------------------------------------------------------------------

ADDED = {
    "runs": ["parameters", "test_confusion", "checkpoint_sha256", "state_sha256"],
    "epochs": ["gradient_norm"],
}


@pytest.fixture
def version_1(tmp_path):
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1)
    connection.close()
    return path


def columns(path, table):
    with sqlite3.connect(path) as connection:
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


def check_upgraded(records):
    """All that was recorded is there, and the new columns work."""
    assert records.study_run("s").wall_s == 4.5
    run = records.run(1)
    assert (run.status, run.best_epoch, run.test_accuracy) == ("finished", 1, 0.65)
    assert (run.cell, run.settings) == ({"batch_size": 20}, {"x": 1})
    assert (run.parameters, run.test_confusion) == (None, None)
    assert run.epochs == (
        epoch(0, train_loss=2.3, train_accuracy=0.1, validation_loss=2.4, validation_accuracy=0.1,
              train_s=0.0),
        epoch(1, validation_loss=None),
    )  # fmt: skip
    records.set_parameters([1], 7850)
    records.set_test(1, accuracy=0.5, loss=1.0, confusion=[[1, 2], [3, 4]])
    records.add_epoch([update(1, 2, gradient_norm=1.5)])
    run = records.runs("s-1")[0]
    assert (run.parameters, run.test_confusion) == (7850, [[1, 2], [3, 4]])
    assert [record.gradient_norm for record in run.epochs] == [None, None, 1.5]


def test_a_database_of_version_1_is_upgraded_when_it_is_opened(version_1):
    check_upgraded(Records.open(version_1, create=False))
    for table, names in ADDED.items():
        assert set(names) < set(columns(version_1, table))
    with sqlite3.connect(version_1) as connection:
        meta = dict(connection.execute("SELECT key, value FROM retroprop_meta"))
    connection.close()
    assert meta == {"schema_version": "3", "written_by": "retroprop 0.1.0"}
    assert Records.open(version_1).run(1).parameters == 7850  # and once only


def test_an_upgrade_that_was_killed_half_way_is_finished(version_1):
    with sqlite3.connect(version_1) as connection:
        connection.execute("ALTER TABLE runs ADD COLUMN parameters INTEGER")
    connection.close()
    check_upgraded(Records.open(version_1))


def test_an_upgraded_database_has_the_columns_of_a_new_one(version_1, records, tmp_path):
    Records.open(version_1)
    for table in ("retroprop_meta", "study_runs", "sessions", "runs", "epochs"):
        assert set(columns(version_1, table)) == set(columns(tmp_path / "r.db", table))


def test_a_database_of_version_1_that_cannot_be_written_is_explained(version_1, monkeypatch):
    """SQLite's own switch stands for a file that belongs to somebody else."""
    monkeypatch.setattr(
        "retroprop.studies.database._tune_sqlite",
        lambda connection, _: connection.execute("PRAGMA query_only = ON"),
    )
    with pytest.raises(UserError, match="cannot be written"):
        Records.open(version_1, create=False)
    assert columns(version_1, "runs")[-1] == "checkpoint"
