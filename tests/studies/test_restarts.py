"""A study outlives a restart of its PostgreSQL server, and says so; what stays away ends it."""

import contextlib
import threading

import pytest
import sqlalchemy as sa
from small import Listening, numbers, small_study
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from written import epoch, update

from retroprop.cli import main
from retroprop.errors import Interrupted, UserError
from retroprop.studies import messages, patience
from retroprop.studies.patience import Patience, ServerAwayError
from retroprop.studies.pools import Session
from retroprop.studies.records import NewRun, Records
from retroprop.studies.runner import run_study

OF_STUDY = {"study": "s", "fingerprint": "f", "config": {}, "data_checksum": "c"}
MODELS = [
    NewRun(position=i, population="p", cell={"batch_size": i}, settings={}, seed=0)
    for i in range(2)
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The numbers of a study that nobody disturbs."""
    records = Records.open(tmp_path_factory.mktemp("undisturbed") / "r.db")
    return numbers(records, run_study(small_study(), records, workers=1).id)


@pytest.fixture
def opened(postgres, tmp_path, monkeypatch):
    """Opens the records on PostgreSQL; all of them are closed at the end."""
    monkeypatch.chdir(tmp_path)
    found = []

    def open_records(**options):
        found.append(Records.open(postgres, **options))
        return found[-1]

    yield open_records
    for records in found:
        records.engine.dispose()


class Once:
    """Does something at the first recorded epoch."""

    def __init__(self, work):
        self.work, self.done = work, False

    def __call__(self, _):
        if not self.done:
            self.done = True
            self.work()


def no_wait(_):
    """Stands for a pause."""


# --- a study ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_study_outlives_a_restart_of_the_server(mode, opened, postgres_server, undisturbed):
    def restart():
        postgres_server.stop(mode)
        postgres_server.start()

    records, display = opened(), Listening(Once(restart))
    done = run_study(small_study(), records, workers=1, display=display)
    assert numbers(records, done.id) == undisturbed
    assert (done.status, len(done.sessions)) == ("finished", 1)
    again = run_study(small_study(), opened(), workers=1, display=display)
    assert (again.id, len(again.sessions)) == (done.id, 1)


def test_a_worker_says_once_that_it_waits_and_goes_on(opened, postgres_server, undisturbed):
    display = Listening(Once(postgres_server.stop))
    started = threading.Event()

    def note(text):
        display.notes.append(text)
        postgres_server.start()
        started.set()

    display.note = note
    records = opened()
    done = run_study(small_study(), records, workers=1, display=display)
    assert started.is_set()
    (text,) = display.notes
    assert "is away: waiting for it, up to 61 s." in text
    assert numbers(records, done.id) == undisturbed


def test_a_server_that_stays_away_ends_the_study_in_a_sentence(
    opened, postgres_server, postgres, undisturbed, monkeypatch, capsys
):
    monkeypatch.setattr(patience, "WAITS_S", (0.0, 0.0))
    study = small_study()
    monkeypatch.setattr("retroprop.studies.schema.load_study", lambda *_, **__: study)
    display = Listening(Once(postgres_server.stop))
    monkeypatch.setattr("retroprop.cli.studies.StudyDisplay", lambda _: display)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["run", "small", "--workers", "1", "--db", postgres])
    finally:
        postgres_server.start()
    assert ended.value.code == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "did not come back within 0 s; everything up to the last finished epoch is kept" in said
    assert "Traceback" not in said
    records = opened()
    done = run_study(study, records, workers=1)
    assert numbers(records, done.id) == undisturbed


# --- two drivers ------------------------------------------------------------------------------


def test_of_two_drivers_one_trains_and_the_other_is_told(opened, tmp_path, undisturbed):
    """The other one is in another folder, as on another machine."""
    told = []

    def drive():
        there = tmp_path / "there"
        there.mkdir()
        with contextlib.chdir(there), pytest.raises(UserError) as refused:
            run_study(small_study(), opened(), workers=1)
        told.append(str(refused.value))

    records = opened()
    done = run_study(small_study(), records, workers=1, display=Listening(Once(drive)))
    (sentence,) = told
    assert (
        f"another retroprop process is training or changing {done.id}; wait for it to end"
        in sentence
    )
    assert [record.id for record in records.study_runs()] == [done.id]
    assert numbers(records, done.id) == undisturbed


def test_a_driver_that_lost_its_lock_to_another_one_is_told(opened, postgres_server):
    """The other one takes it right after the restart of the server."""
    other = contextlib.ExitStack()

    def overtake():
        postgres_server.stop()
        postgres_server.start()
        (study_run,) = opened().study_runs()
        other.enter_context(opened().held(study_run.id, busy=""))

    with (
        other,
        pytest.raises(UserError, match="is training or changing small-"),
    ):
        run_study(small_study(epochs=200), opened(), workers=1, display=Listening(Once(overtake)))


def test_a_lock_is_taken_again_after_a_restart(opened, postgres_server):
    here, there = opened(), opened()
    with here.held("s", busy="here"):
        postgres_server.stop()
        here.hold_on()  # nobody can take it now
        postgres_server.start()
        here.hold_on()
        with pytest.raises(UserError, match="busy"), there.held("s", busy="busy"):
            pass
    with there.held("s", busy="busy"):
        pass


# --- a commit without an answer ---------------------------------------------------------------


def lose_the_answer(records):
    """The next commit takes place, and its connection is lost before the answer."""
    commit, done = records.engine.dialect.do_commit, []

    def without_answer(connection):
        commit(connection)
        if not done:
            done.append(True)
            connection.driver_connection.close()
            raise records.engine.dialect.dbapi.OperationalError("server closed the connection")

    records.engine.dialect.do_commit = without_answer


WRITINGS = {
    "a study run": lambda records: records.add_study_run(id="s-2", runs=MODELS, **OF_STUDY),
    "a session": lambda records: records.start_session("s-1", {"workers": 2}),
    "an epoch": lambda records: records.add_epoch([update(1, 1), update(2, 1)], state_sha256="a"),
    "parameters": lambda records: records.set_parameters([1], 7850),
    "a test": lambda records: records.set_test(1, accuracy=0.5, loss=1.0),
    "the end": lambda records: records.finish_population([1, 2], "checkpoints/x"),
    "a new start": lambda records: records.forget_epochs([1], after=-1),
    "a status": lambda records: records.set_status("s-1", "interrupted"),
}


def contents(records):
    with records.reading() as connection:
        tables = ("study_runs", "sessions", "runs", "epochs")
        return [
            connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY 1, 2")).all()
            for name in tables
        ]


@pytest.mark.parametrize("what", WRITINGS)
def test_what_was_committed_without_an_answer_is_recorded_once(what, opened, monkeypatch):
    monkeypatch.setattr("retroprop.studies.records._now", lambda: "2026-01-01T00:00:00+00:00")
    write, found = WRITINGS[what], []
    for lost in (False, True):
        records = opened(patience=Patience(sleep=no_wait))
        with records.changing_tables() as connection:
            for name in ("epochs", "runs", "sessions", "study_runs"):
                connection.execute(sa.text(f"TRUNCATE {name} RESTART IDENTITY CASCADE"))
        records.add_study_run(id="s-1", runs=MODELS, **OF_STUDY)
        records.add_epoch([update(1, 0), update(2, 0)])
        if lost:
            lose_the_answer(records)
        with contextlib.ExitStack() as stack:
            if lost and what == "a study run":  # the runner looks who has added it
                stack.enter_context(pytest.raises(UserError, match="duplicate key"))
            write(records)
        assert records.study_runs()
        found.append(contents(records))
    assert found[0] == found[1]


def test_an_epoch_that_another_one_recorded_is_still_refused(opened):
    records = opened()
    records.add_study_run(id="s-1", runs=MODELS, **OF_STUDY)
    records.add_epoch([update(1, 0, train_s=0.1), update(2, 0)])
    with pytest.raises(UserError, match="duplicate key"):
        records.add_epoch([update(1, 0, train_s=0.2), update(2, 0)])
    assert records.run(1).epochs == (epoch(0),)


def test_a_study_run_that_was_added_without_an_answer_is_taken(opened, undisturbed):
    records = opened(patience=Patience(sleep=no_wait))
    lose_the_answer(records)
    done = run_study(small_study(), records, workers=1)
    assert [record.id for record in records.study_runs()] == [done.id]
    assert numbers(records, done.id) == undisturbed


# --- patience ---------------------------------------------------------------------------------


def test_a_wait_is_bounded_and_said_once(opened, postgres_server):
    waited, said = [], []
    records = opened(patience=Patience(note=said.append, sleep=waited.append))
    postgres_server.stop()
    try:
        with pytest.raises(UserError, match="did not come back within 61 s"):
            records.study_runs()
    finally:
        postgres_server.start()
    assert sum(waited) == sum(patience.WAITS_S) == 61
    assert len(said) == 1
    assert records.study_runs() == []


def test_who_is_asked_to_stop_does_not_wait(opened, postgres_server):
    records = opened(patience=Patience(must_stop=lambda: True, sleep=no_wait))
    postgres_server.stop()
    try:
        with pytest.raises(Interrupted):
            records.study_runs()
    finally:
        postgres_server.start()


def test_without_patience_it_is_said_at_once(opened, postgres_server):
    records = opened()
    postgres_server.stop()
    try:
        with pytest.raises(ServerAwayError, match=r"is away .*; what is recorded is kept"):
            records.study_runs()
    finally:
        postgres_server.start()


def test_a_server_that_never_answered_is_an_address_to_check(tmp_path):
    with pytest.raises(UserError, match="check the address given by --db") as refused:
        Records.open("postgresql+psycopg://me@127.0.0.1:1/x", patience=Patience(sleep=no_wait))
    assert not isinstance(refused.value, ServerAwayError)


def test_a_sqlite_file_is_never_waited_for(tmp_path):
    def never(_):
        raise AssertionError("it waits")

    records = Records.open(tmp_path / "r.db", checked=True, patience=Patience(sleep=never))

    def refuse(*_):
        raise OperationalError(None, {}, Exception("disk I/O error"))

    event.listen(records.engine, "before_cursor_execute", refuse)
    with pytest.raises(UserError, match="is full"):
        records.study_runs()


def test_workers_that_wait_for_the_same_server_say_it_once(tmp_path):
    records, display = Records.open(tmp_path / "r.db"), Listening()
    study_run_id = run_study(small_study(epochs=1), records, workers=1).id
    session = Session(records, study_run_id, {})
    away = messages.NoteReport(text="away")
    step = messages.StepReport(population="p", examples=1)
    epoch = messages.EpochReport(population="p", updates=())
    for message in (away, step, away, epoch, away):
        session.show(message, display)
    assert display.notes == ["away", "away"]
