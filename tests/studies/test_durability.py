"""Finished stays finished: power cuts, lost, damaged and swapped files, two trainings at once."""

import json
import os
import shutil
import sqlite3
from types import SimpleNamespace

import pytest
import torch
from power_cuts import Disk
from small import Listening, numbers, small_study

from retroprop.data import CATALOG
from retroprop.errors import UserError
from retroprop.files import held, is_as_written
from retroprop.report.weights import NoWeightsError, trained_weights
from retroprop.studies import runner
from retroprop.studies.messages import state_name
from retroprop.studies.one_run import FIGURES, holds, train_one, write_model, write_record
from retroprop.studies.plan import plan_study
from retroprop.studies.pools import Silent
from retroprop.studies.records import Records
from retroprop.studies.removal import only_one
from retroprop.studies.run_models import find_model
from retroprop.studies.stores import Folder
from retroprop.training.ranks import Ranks

FEW = {"split": {"images": 100, "validation_images": 50}, "epochs": 2, "seeds": [3]}
NETWORK = small_study(
    **FEW, model={"kind": "network"}, training={"architecture": "mlp 4", "batch_size": 50},
    grid={"learning_rate": [0.01]}, selection={},
)  # fmt: skip
TWO = small_study(**FEW)  # two populations, by their optimizers, of two learning rates


def train(folder, study=TWO, *, display=None, fresh=False, database="r.db", finish=False):
    """Train in this process, as `retroprop train` does; the records and the study run."""
    records = Records.open(folder / database)

    def write(study_run):
        (run,) = records.runs(study_run.id)
        if not holds(folder / "result", study_run):
            write_model(folder / "result", records, run.id)
            write_record(folder / "result", records, study_run)

    study_run = train_one(
        study,
        str(folder / database),
        folder / "result",
        device=torch.device("cpu"),
        ranks=Ranks(),
        threads=1,
        fresh=fresh,
        display=display or Listening(),
        finish=write if finish else None,
    )
    return records, study_run


def outcome(records, study_run):
    """Everything that must be equal between two executions, the weights too."""
    files = [run.checkpoint_sha256 for run in records.runs(study_run.id)]
    return numbers(records, study_run.id), files


def stopped(folder, *, after, study=TWO, **options):
    """Press Ctrl-C after so many epochs of populations were recorded."""
    seen = []

    def press(report):
        seen.append(report)
        if len(seen) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(folder, study, display=Listening(press), **options)
    records = Records.open(folder / "r.db")
    return records, records.study_runs()[-1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared_cache):
    """A finished study of two populations, and what it gave."""
    os.environ["RETROPROP_CACHE"] = str(shared_cache)
    folder = tmp_path_factory.mktemp("whole")
    records, study_run = train(folder)
    return SimpleNamespace(folder=folder, outcome=outcome(records, study_run), id=study_run.id)


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of the finished study, to spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(whole.folder, folder)
    return folder


def flip(path, place, bit=0):
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


# --- power cuts -----------------------------------------------------------------------------------


def check_promises(folder):
    """What the records say after a power cut is there."""
    if not (folder / "r.db").exists():
        return
    records = Records.open(folder / "r.db")
    for study_run in records.study_runs():
        for run in records.runs(study_run.id):
            place = folder / "checkpoints" / study_run.id / run.population
            if run.checkpoint is not None:
                assert is_as_written(folder / run.checkpoint, run.checkpoint_sha256)
            if run.epochs and (run.checkpoint is None or run.state_sha256 is not None):
                assert is_as_written(place / state_name(run.epochs[-1].epoch), run.state_sha256)
        if (folder / "result" / "record.json").exists():
            assert holds(folder / "result", study_run)
    records.engine.dispose()


@pytest.mark.parametrize("study", [NETWORK, TWO], ids=["one network", "two populations"])
def test_a_power_cut_at_any_moment_loses_nothing_that_is_recorded(tmp_path, study):
    alone = study is NETWORK
    root = tmp_path / "cut"
    root.mkdir()
    disk = Disk(root, root / "r.db")
    with disk.watching():
        expected = outcome(*train(root, study, finish=alone))
    assert len(disk.outcomes) > 15
    for number, left in enumerate(disk.outcomes):
        folder = tmp_path / f"left-{number}"
        disk.restore(left, folder)
        check_promises(folder)
        if number % 8 == 0:
            assert outcome(*train(folder, study, finish=alone)) == expected
            check_promises(folder)
            assert not [*folder.rglob("*.tmp"), *folder.rglob(".lock")]
            assert {state.name for state in folder.rglob("state-*")} == {state_name(study.epochs)}
            if alone:
                model = (folder / "result" / "model.safetensors").read_bytes()
                assert model == (root / "result" / "model.safetensors").read_bytes()


def test_a_commit_of_the_records_is_on_the_disk(tmp_path):
    records = Records.open(tmp_path / "r.db")
    with records.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


# --- files that are gone --------------------------------------------------------------------------


def test_finished_models_without_their_files_are_shown_from_their_records(copy, whole):
    shutil.rmtree(copy / "checkpoints")
    listening = Listening()
    assert outcome(*train(copy, display=listening)) == whole.outcome
    lost, finished = listening.notes
    assert lost.startswith("2 of 2 files with the models of finished runs are missing or damaged (")
    assert "the records keep all their numbers" in lost
    assert "is finished already" in finished


def test_ctrl_c_without_the_checkpoints_forgets_no_finished_model(tmp_path, whole):
    records, study_run = stopped(tmp_path, after=4)  # in the second population
    before = {run.id: run for run in records.runs(study_run.id) if run.checkpoint}
    assert len(before) == 2
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    stopped(tmp_path, after=1)
    assert {run.id: run for run in records.runs(study_run.id) if run.checkpoint} == before
    with pytest.raises(UserError, match=r"the test of run \d needs its parameters, which are not"):
        train(tmp_path)
    assert {run.id: run for run in records.runs(study_run.id) if run.id in before} == before
    assert records.study_run(study_run.id).status != "finished"
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "checkpoints", dirs_exist_ok=True)
    assert outcome(*train(tmp_path)) == whole.outcome


def test_a_run_that_is_forgotten_has_no_test(copy):
    records = Records.open(copy / "r.db")
    run = next(run for run in records.runs(records.study_runs()[0].id) if run.test_accuracy)
    records.forget_epochs([run.id], after=-1)
    run = records.run(run.id)
    assert (run.status, run.epochs) == ("planned", ())
    assert (run.test_accuracy, run.test_loss, run.test_confusion) == (None, None, None)
    assert (run.checkpoint, run.checkpoint_sha256, run.state_sha256) == (None, None, None)


# --- files that are other files -------------------------------------------------------------------


@pytest.mark.parametrize("place", [3, 200, -1], ids=["length", "header", "numbers"])
def test_a_state_with_one_wrong_bit_is_lost_and_said(tmp_path, whole, place):
    stopped(tmp_path, after=2)
    (state,) = tmp_path.rglob("state-*")
    flip(state, place)
    listening = Listening()
    assert outcome(*train(tmp_path, display=listening)) == whole.outcome
    (note,) = listening.notes
    assert f"starts again: {state} is damaged, or not the file that was recorded" in note
    assert note.endswith("its SHA-256 is another one.")  # and no advice: it trains already


def test_a_state_that_is_gone_is_said_without_advice(tmp_path, whole):
    stopped(tmp_path, after=2)
    (state,) = tmp_path.rglob("state-*")
    state.unlink()
    listening = Listening()
    assert outcome(*train(tmp_path, display=listening)) == whole.outcome
    (note,) = listening.notes
    assert note.endswith(f"starts again: there is no file {state}.")


def test_a_model_with_one_wrong_bit_is_refused_everywhere(copy, whole):
    records = Records.open(copy / "r.db")
    run = records.runs(whole.id)[0]
    flip(copy / run.checkpoint, -1)
    with pytest.raises(UserError, match="is damaged, or not the file that was recorded"):
        find_model(str(run.id), records.location)
    with pytest.raises(NoWeightsError, match="is damaged"):
        trained_weights(SimpleNamespace(say=str, folder=copy), run, "W")
    listening = Listening()
    train(copy, display=listening)
    assert listening.notes[0].startswith("1 of 2 files with the models")


def test_the_test_refuses_a_model_with_one_wrong_bit(tmp_path):
    records, study_run = stopped(tmp_path, after=4)
    run = next(run for run in records.runs(study_run.id) if run.checkpoint)
    flip(tmp_path / run.checkpoint, -1)
    with pytest.raises(UserError, match="is damaged, or not the file that was recorded"):
        train(tmp_path)
    assert records.run(run.id).test_accuracy is None


def test_swapped_models_are_refused(copy, whole):
    records = Records.open(copy / "r.db")
    first, second = sorted({run.checkpoint for run in records.runs(whole.id)})
    (copy / first).rename(copy / "aside")
    (copy / second).rename(copy / first)
    (copy / "aside").rename(copy / second)
    for run in records.runs(whole.id):
        with pytest.raises(UserError, match="not the file that was recorded"):
            find_model(str(run.id), records.location)


def make_older(database):
    """Turn a database into one of version 2, which has no checksums."""
    with sqlite3.connect(database) as connection:
        for column in ("state_sha256", "checkpoint_sha256"):
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        for table in ("study_runs", "sessions", "runs", "epochs"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN row_crc")
        connection.execute("UPDATE retroprop_meta SET value = '2' WHERE key = 'schema_version'")
    connection.close()


def test_a_study_of_an_older_version_goes_on_without_checksums(tmp_path, whole):
    records, study_run = stopped(tmp_path, after=4)
    records.engine.dispose()
    make_older(tmp_path / "r.db")
    listening = Listening()
    assert outcome(*train(tmp_path, display=listening))[0] == whole.outcome[0]
    assert listening.notes == []
    records = Records.open(tmp_path / "r.db")
    old = [run for run in records.runs(study_run.id) if run.checkpoint_sha256 is None]
    assert len(old) == 2
    assert find_model(str(old[0].id), records.location).card.kind == "softmax-regression"


def test_a_finished_study_of_an_older_version_is_shown(copy, whole):
    make_older(copy / "r.db")
    assert outcome(*train(copy))[0] == whole.outcome[0]


# --- the folder of a training ---------------------------------------------------------------------


@pytest.fixture
def result(tmp_path):
    """The folder of a finished training."""
    train(tmp_path, NETWORK, finish=True)
    return tmp_path / "result"


def test_a_model_is_refused_beside_the_record_of_another_and_works_alone(result, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    train(other, small_study(**NETWORK.model_dump(exclude_unset=True) | {"seeds": [4]}),
          finish=True)  # fmt: skip
    assert find_model(str(result), "no.db").batch_size == 50
    shutil.copy(other / "result" / "model.safetensors", result)
    with pytest.raises(UserError, match=r"not the model of .*record.json beside it; put"):
        find_model(str(result), "no.db")
    alone = tmp_path / "alone.safetensors"
    shutil.copy(result / "model.safetensors", alone)
    assert find_model(str(alone), "no.db").batch_size is None


@pytest.mark.parametrize("spoiled", ["model.safetensors", "record.json"])
def test_a_result_that_is_damaged_is_written_again(result, tmp_path, spoiled):
    before = {file.name: file.read_bytes() for file in result.iterdir()}
    if spoiled == "model.safetensors":
        (result / spoiled).write_bytes(bytes(len(before[spoiled])))
    else:
        (result / spoiled).unlink()
    train(tmp_path, NETWORK, finish=True)
    assert {file.name: file.read_bytes() for file in result.iterdir()} == before


@pytest.mark.parametrize("content", ["", "{", "{}", '{"study": 1}'])
def test_a_record_that_cannot_be_read_is_refused_with_its_repair(result, tmp_path, content):
    record = result / "record.json"
    before = record.read_bytes()
    record.write_text(content)
    with pytest.raises(UserError, match="delete it to have it written again from the database"):
        train(tmp_path, NETWORK, finish=True)
    assert record.read_text() == content
    record.unlink()
    train(tmp_path, NETWORK, finish=True)
    assert record.read_bytes() == before


@pytest.mark.parametrize("lost", [True, False])
def test_a_training_whose_model_is_gone_everywhere_is_not_called_finished(result, tmp_path, lost):
    (file,) = (tmp_path / "checkpoints").rglob("best.safetensors")
    (result / "model.safetensors").unlink()
    file.unlink() if lost else file.write_bytes(file.read_bytes()[:-1] + b"?")
    told = Listening()
    with pytest.raises(UserError, match=r"are not at|is damaged"):
        train(tmp_path, NETWORK, finish=True, display=told)
    assert told.notes == []


def test_two_trainings_do_not_share_a_folder(result, tmp_path):
    before = json.loads((result / "record.json").read_text())
    with (
        held(result, busy="nobody"),
        pytest.raises(UserError, match=r"another retroprop process is training into .*result; "),
    ):
        train(tmp_path, NETWORK, database="other.db", fresh=True)
    assert json.loads((result / "record.json").read_text()) == before


def test_a_fresh_training_that_is_stopped_leaves_nothing_of_the_old_one(result, tmp_path):
    for name in FIGURES:
        (result / name).write_text("of the old one")
    stopped(tmp_path, after=1, study=NETWORK, fresh=True)
    assert list(result.iterdir()) == []


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    stopped(tmp_path, after=2)
    (state,) = tmp_path.rglob("state-*")
    names = [
        "state-00000.safetensors", ".state-00001.safetensors.1234.tmp", ".best.safetensors.ab.tmp",
    ]  # fmt: skip
    others = [folder for folder in state.parent.parent.iterdir() if folder != state.parent]
    left = [state.with_name(name) for name in names]
    left += [tmp_path / "result" / ".record.json.abc.tmp"]
    left += [folder / "state-00002.safetensors" for folder in others]
    kept = [state.with_name("notes.txt"), tmp_path / "result" / ".mine.tmp", state]
    for path in (*left, *kept[:2]):
        path.write_bytes(b"left")
    stopped(tmp_path, after=1)
    assert [path for path in left if path.exists() and path.read_bytes() == b"left"] == []
    assert [path.exists() for path in kept] == [True, True, False]  # the state was continued from


def test_models_may_be_read_by_all_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        train(tmp_path, NETWORK, finish=True)
    finally:
        os.umask(before)
    files = [*tmp_path.rglob("*.safetensors"), tmp_path / "result" / "record.json"]
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o640}


# --- the records ----------------------------------------------------------------------------------


def test_after_ctrl_c_no_run_says_that_it_is_running(tmp_path):
    records, study_run = stopped(tmp_path, after=4)
    assert study_run.status == "interrupted"
    statuses = {run.status for run in records.runs(study_run.id)}
    assert statuses == {"finished", "interrupted"}


def test_a_study_run_that_another_machine_adds_meanwhile_is_taken(tmp_path, monkeypatch):
    records, plan = Records.open(tmp_path / "r.db"), plan_study(TWO)
    data, store = CATALOG[TWO.dataset].checksum, Folder(tmp_path)
    first = runner._find_or_add(plan, records, store, data, Silent(), fresh=False)  # pyright: ignore
    found, calls = Records.study_runs, []

    def late(records, study=None):
        calls.append(study)
        return found(records, study) if len(calls) > 1 else []

    monkeypatch.setattr(Records, "study_runs", late)
    assert runner._find_or_add(plan, records, store, data, Silent(), fresh=False) == first  # pyright: ignore
    assert len(calls) == 2


def test_two_machines_on_one_postgresql_do_not_train_the_same_study(postgres, tmp_path):
    here, there = Records.open(postgres), Records.open(postgres)
    one, other = tmp_path / "one" / "small", tmp_path / "other" / "small"
    with (
        only_one(here, one),
        pytest.raises(
            UserError, match="another retroprop process is training or changing small; wait"
        ),
        only_one(there, other),
    ):
        pass
    with only_one(there, other):
        pass
    here.engine.dispose()
    there.engine.dispose()
