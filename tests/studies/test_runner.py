"""Running studies for real, with worker processes: equal numbers whatever happens on the way."""

import os
import signal
import subprocess

import psutil
import pytest
from filelock import FileLock
from small import Listening, as_toml, is_worker, numbers, small_study
from tests.processes import python, started, wait_until
from tests.watchdog import family_of, processor_s

from retroprop.errors import UserError
from retroprop.labs.running import StudyPlan, run_lab
from retroprop.studies.plan import plan_study
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study

LONG = 40  # epochs of the studies that are killed on their way: some seconds


@pytest.fixture(scope="module")
def processes(shared_cache):
    """Workers for all tests of this module: each takes seconds to start."""
    os.environ["RETROPROP_CACHE"] = str(shared_cache)
    with WorkerProcesses() as shared:
        yield shared


@pytest.fixture(scope="module")
def expected(tmp_path_factory, processes):
    """The numbers of an uninterrupted run on one worker."""
    records = Records.open(tmp_path_factory.mktemp("whole") / "r.db")
    result = run_study(small_study(), records, workers=1, engine=processes)
    return numbers(records, result.id)


@pytest.fixture(scope="module")
def expected_long(tmp_path_factory, processes):
    records = Records.open(tmp_path_factory.mktemp("whole") / "r.db")
    result = run_study(small_study(epochs=LONG), records, workers=2, engine=processes)
    return numbers(records, result.id)


def test_a_finished_study_has_every_epoch_of_every_model_and_tests_the_best_only(expected):
    assert len(expected) == 8
    assert all(status == "finished" for _, _, _, status, *_ in expected)
    for _, _, _, _, best_epoch, best, best_loss, _, _, epochs in expected:
        assert [e[0] for e in epochs] == [0, 1, 2, 3]
        accuracies = [e[4] for e in epochs]
        assert best == max(accuracies)
        assert best_epoch == accuracies.index(best)
        assert best_loss == epochs[best_epoch][3]
    for optimizer in ("sgd", "adam"):
        by_cell = {}
        for _, cell, _, _, _, best, _, test, _, _ in expected:
            if cell["optimizer"] == optimizer:
                by_cell.setdefault(cell["learning_rate"], []).append((best, test))
        ranked = sorted(by_cell.values(), key=lambda runs: -sum(best for best, _ in runs))
        assert all(test is not None for _, test in ranked[0])
        assert all(test is None for _, test in ranked[1])


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_changes_no_number(tmp_path, processes, expected, workers):
    records = Records.open(tmp_path / "r.db")
    result = run_study(small_study(), records, workers=workers, engine=processes)
    assert result.sessions[0].environment["workers"] == 2  # no more than there are jobs
    assert numbers(records, result.id) == expected


def test_a_lab_starts_its_workers_once_and_no_study_changes_the_numbers_of_the_next(
    tmp_path, expected, monkeypatch
):
    workers = []

    def take(self, count):
        workers.extend(found := take_workers(self, count))
        return found

    take_workers = WorkerProcesses.take
    monkeypatch.setattr(WorkerProcesses, "take", take)
    studies = [small_study(name="before", epochs=1, seeds=[3]), small_study()]
    plans = [StudyPlan(name=study.name, plan=plan_study(study), done=0) for study in studies]
    records = Records.open(tmp_path / "r.db")
    with WorkerProcesses() as engine:
        _, result = run_lab(plans, records, engine, workers=1)
    first, second = workers
    assert first is second
    assert first.process.returncode is not None  # it has ended with the lab
    assert numbers(records, result.id) == expected


def test_kill_9_loses_at_most_the_epoch_in_flight_and_resuming_gives_the_same_numbers(
    tmp_path, processes, expected_long
):
    with long_study(tmp_path) as process:
        before = wait_for_epochs(tmp_path / "r.db", 20, process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        psutil.wait_procs(children)  # workers must leave with their parent: else it never returns
    kept = recorded_epochs(tmp_path / "r.db")
    assert kept >= before
    assert finish_and_compare(tmp_path, processes, expected_long) >= 1


def test_ctrl_c_stops_with_a_sentence_and_resuming_gives_the_same_numbers(
    tmp_path, processes, expected_long
):
    before_s = sum(os.times()[2:4])  # processor time of children that have ended
    with long_study(tmp_path) as process:
        wait_for_epochs(tmp_path / "r.db", 20, process)
        asked_s = sum(map(processor_s, family_of(psutil.Process(process.pid))))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert sum(os.times()[2:4]) - before_s - asked_s < 5
    assert process.returncode == 130
    assert "Stopped; every finished epoch is kept in r.db. Continue with: " in said
    assert "Traceback" not in said
    records = Records.open(tmp_path / "r.db")
    assert records.study_runs()[0].status == "interrupted"
    assert finish_and_compare(tmp_path, processes, expected_long) == 1


def test_ctrl_c_in_a_terminal_while_workers_start_is_quiet_too(tmp_path):
    """A terminal sends Ctrl-C to the workers as well, here while they import torch."""
    with long_study(tmp_path, stdout=subprocess.PIPE) as process:
        assert "models in" in process.stdout.readline()
        wait_until(lambda: importing_torch(process), process)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith("Stopped; every finished epoch is kept")
    assert "Traceback" not in said


def test_a_killed_worker_is_explained_and_resuming_gives_the_same_numbers(
    tmp_path, processes, expected_long
):
    records = Records.open(tmp_path / "r.db")
    seen = []

    def kill_a_worker(report):
        seen.append(report)
        if len(seen) == 30:
            (worker,) = processes.take(1)
            worker.process.kill()

    with pytest.raises(UserError, match=r"ended by signal 9.*run the same command again"):
        run_study(
            small_study(epochs=LONG),
            records,
            workers=1,
            display=Listening(kill_a_worker),
            engine=processes,
        )
    assert finish_and_compare(tmp_path, processes, expected_long) == 1


def test_a_lost_state_starts_its_population_again_and_says_so(tmp_path, processes, expected):
    class StopHere(Exception):  # noqa: N818 - it is no error
        pass

    def stop(report):
        if report.updates[0].epoch.epoch == 1:
            raise StopHere

    records = Records.open(tmp_path / "r.db")
    with pytest.raises(StopHere):
        run_study(small_study(), records, workers=1, display=Listening(stop), engine=processes)
    states = list((tmp_path / "checkpoints").rglob("state-*.safetensors"))
    assert states
    for state in states:
        state.write_bytes(b"damaged")
    listening = Listening()
    result = run_study(small_study(), records, workers=1, display=listening, engine=processes)
    assert any("starts again" in note and "is damaged" in note for note in listening.notes)
    assert numbers(records, result.id) == expected


def test_a_finished_study_is_not_trained_again_and_fresh_gives_the_same_numbers(
    tmp_path, processes, expected
):
    records = Records.open(tmp_path / "r.db")
    first = run_study(small_study(), records, engine=processes)
    listening = Listening()
    again = run_study(small_study(), records, display=listening, engine=processes)
    assert again == first
    assert listening.notes == [
        f"{first.id} is finished already: nothing to train (--fresh trains it again)."
    ]
    fresh = run_study(small_study(), records, fresh=True, engine=processes)
    assert fresh.id != first.id
    assert numbers(records, fresh.id) == numbers(records, first.id) == expected
    assert run_study(small_study(), records, engine=processes).id == fresh.id


def test_a_diverging_member_is_marked_and_the_others_are_what_they_would_be(tmp_path, processes):
    """A learning rate of 1e38 overflows float32 in one step."""
    records = Records.open(tmp_path / "r.db")
    rates = [0.01, 1e38]
    grid = {"optimizer": ["sgd"], "learning_rate": rates}
    result = run_study(small_study(grid=grid), records, workers=1, engine=processes)
    runs = records.runs(result.id)
    wild = [run for run in runs if run.cell["learning_rate"] == 1e38]
    calm = [run for run in runs if run.cell["learning_rate"] == 0.01]
    assert {(run.status, run.diverged_epoch, run.best_epoch) for run in wild} == {
        ("diverged", 1, 0)
    }
    assert all(run.epochs[-1].validation_loss is None for run in wild)
    assert all(run.test_accuracy is None for run in wild)
    assert all(run.test_accuracy is not None for run in calm)
    alone = run_study(
        small_study(grid=grid | {"learning_rate": [0.01]}), records, workers=1, engine=processes
    )
    for ours, theirs in zip(calm, records.runs(alone.id), strict=True):
        assert ours.best_validation_loss == pytest.approx(theirs.best_validation_loss, rel=1e-5)


def test_two_processes_do_not_train_the_same_study_at_once(tmp_path, processes):
    records = Records.open(tmp_path / "r.db")
    run = run_study(small_study(epochs=1), records, workers=1, engine=processes)
    with (
        FileLock(tmp_path / "checkpoints" / run.id / ".lock"),
        pytest.raises(UserError, match="another retroprop process is training or"),
    ):
        run_study(small_study(epochs=1), records, workers=1)


def test_checkpoints_that_cannot_be_written_are_explained(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    records = Records.open(tmp_path / "r.db")
    with pytest.raises(UserError, match="cannot be written"):
        run_study(small_study(), records, workers=1)


def test_a_full_disk_during_training_is_explained_and_resuming_continues(
    tmp_path, processes, expected
):
    """A folder where the state's temporary file should be stands for a disk that refuses it."""
    records = Records.open(tmp_path / "r.db")

    def block(report):
        for folder in (tmp_path / "checkpoints").rglob("optimizer=*"):
            (folder / "state-00002.safetensors").mkdir(exist_ok=True)

    with pytest.raises(UserError, match="cannot be written"):
        run_study(small_study(), records, workers=1, display=Listening(block), engine=processes)
    for folder in (tmp_path / "checkpoints").rglob("state-00002.safetensors"):
        folder.rmdir()
    result = run_study(small_study(), records, workers=1, engine=processes)
    assert numbers(records, result.id) == expected


def test_a_database_in_memory_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be shared with worker processes"):
        run_study(small_study(), Records.open("sqlite://"))


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(tmp_path, workers):
    with pytest.raises(UserError, match="--workers must be at least 1"):
        run_study(small_study(), Records.open(tmp_path / "r.db"), workers=workers)


def long_study(folder, **options):
    """The command line in a process of its own, as a person runs it."""
    file = folder / "study.toml"
    file.write_text(as_toml(small_study(epochs=LONG)), encoding="utf-8")
    command = ("-m", "retroprop", "run", "study.toml", "--workers", "2", "--db", "r.db")
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return started(**python(*command), cwd=folder, text=True, **(pipes | options))


def importing_torch(process):
    """Whether a worker is in the middle of its start."""
    workers = [child for child in psutil.Process(process.pid).children() if is_worker(child)]
    return any("libtorch" in each.path for worker in workers for each in worker.memory_maps())


def recorded_epochs(database):
    if not database.exists():
        return 0
    try:
        records = Records.open(database, create=False)
        runs = [run for s in records.study_runs() for run in records.runs(s.id)]
    except UserError:  # it is being created
        return 0
    return sum(len(run.epochs) for run in runs)


def wait_for_epochs(database, count, process):
    """Wait until so many epochs are recorded, of all models together, and return how many."""
    wait_until(lambda: recorded_epochs(database) >= count, process)
    return recorded_epochs(database)


def finish_and_compare(folder, processes, expected_numbers):
    """Resume, compare with an uninterrupted run; returns how many sessions came before."""
    records = Records.open(folder / "r.db")
    (before,) = records.study_runs()
    assert before.status != "finished"
    assert 0 < recorded_epochs(folder / "r.db") < 8 * (LONG + 1)
    result = run_study(small_study(epochs=LONG), records, workers=2, engine=processes)
    assert result.id == before.id
    assert numbers(records, result.id) == expected_numbers
    return len(result.sessions) - 1
