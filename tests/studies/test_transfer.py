"""Study runs that go to a file and come back, and what a stranger may put into one."""

import hashlib
import json
import shutil
import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import Listening, numbers, small_study
from written import VERSION_1

from retroprop.data.own import open_own
from retroprop.errors import UserError
from retroprop.studies import transfer
from retroprop.studies.bundle_checks import _as_study_file
from retroprop.studies.bundles import MANIFEST
from retroprop.studies.records import Records
from retroprop.studies.removal import (
    checkpoints,
    delete_study_runs,
    mark,
    only_one,
    plan_deletion,
    remove_unrecorded,
)
from retroprop.studies.run_models import model_of_run
from retroprop.studies.runner import run_study
from retroprop.studies.schema import Study, catalog_names, load_study
from retroprop.studies.transfer import export_records, import_records
from retroprop.studies.whole_runs import IMPORTED, delete_whole, read_whole
from retroprop.training.checkpoints import load_tensors, save_tensors


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shared_cache):
    """Records of a finished study, in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROPROP_CACHE", str(shared_cache))
        records = Records.open(tmp_path_factory.mktemp("trained") / "r.db")
        run_study(small_study(), records, workers=1)
    return records


@pytest.fixture(scope="module")
def handed_on(trained, tmp_path_factory):
    """The file of these records."""
    path = tmp_path_factory.mktemp("file") / "small.zip"
    export_records(trained, path)
    return path


@pytest.fixture
def others(tmp_path):
    """The records of somebody else: empty."""
    (tmp_path / "others").mkdir()
    return Records.open(tmp_path / "others" / "r.db")


def files_of(records):
    """All files beside a database but its own."""
    files = [file for file in records.folder.rglob("*") if file.is_file()]
    places = [str(file.relative_to(records.folder)) for file in files]
    return sorted(place for place in places if "r.db" not in place)


# -- there and back --------------------------------------------------------------------------------


def test_an_imported_study_run_is_the_exported_one(trained, handed_on, others):
    (done,) = import_records(others, str(handed_on))
    before, after = read_whole(trained, done.old), read_whole(others, done.id)
    assert done.id == done.old
    assert numbers(others, done.id) == numbers(trained, done.old)
    assert [run.test_confusion for run in after.runs] == [run.test_confusion for run in before.runs]
    assert after.record.config == before.record.config
    assert after.record.wall_s == before.record.wall_s
    first = {run.position: run.id for run in before.runs}
    assert done.numbers == {first[run.position]: run.id for run in after.runs}


def test_an_imported_model_computes_what_the_exported_one_does(trained, handed_on, others):
    import_records(others, str(handed_on))
    for mine, theirs in zip(
        read_whole(trained, "small").runs, read_whole(others, "small").runs, strict=True
    ):
        here, there = model_of_run(trained, mine.id), model_of_run(others, theirs.id)
        for name, tensor in here.network.state_dict().items():
            assert torch.equal(tensor, there.network.state_dict()[name])


def test_running_an_imported_study_trains_nothing(handed_on, others):
    (done,) = import_records(others, str(handed_on))
    listening = Listening(lambda report: pytest.fail("an epoch was trained"))
    assert run_study(small_study(), others, workers=1, display=listening).id == done.id
    assert "is finished already" in listening.notes[0]


def test_an_imported_study_run_says_from_where_it_came_beside_where_it_was_trained(
    trained, handed_on, others
):
    import_records(others, str(handed_on))
    (before,), (after,) = trained.study_runs()[0].sessions, others.study_runs()[0].sessions
    origin = after.environment.pop(IMPORTED)
    assert after == before
    assert "from small.zip, SHA-256 " + hashlib.sha256(handed_on.read_bytes()).hexdigest() in origin


def test_the_same_records_make_the_same_bytes(trained, handed_on, tmp_path):
    export_records(trained, tmp_path / "again.zip", ["small"])
    assert (tmp_path / "again.zip").read_bytes() == handed_on.read_bytes()


def test_importing_a_file_twice_adds_nothing(handed_on, others, trained):
    import_records(others, str(handed_on))
    before = files_of(others)
    for source in (handed_on, trained.file):
        (again,) = import_records(others, str(source))
        assert (again.id, again.numbers) == (trained.study_runs()[0].id, {})
    assert len(others.study_runs()) == 1
    assert files_of(others) == before


def test_a_study_run_that_is_imported_on_is_still_the_same(trained, handed_on, others, tmp_path):
    import_records(others, str(handed_on))
    export_records(others, tmp_path / "on.zip")
    (again,) = import_records(trained, str(tmp_path / "on.zip"))
    assert again.numbers == {}


def test_another_study_run_of_the_same_id_gets_a_free_one_with_models_that_can_be_used(
    handed_on, others, tmp_path
):
    run_study(small_study(), others, workers=1)  # the same numbers at another time
    (done,) = import_records(others, str(handed_on))
    assert done.id == f"{done.old}-2"
    assert sorted(done.numbers.values()) == list(range(9, 17))
    assert numbers(others, done.id) == numbers(others, done.old)
    assert model_of_run(others, 9).source == "run 9"
    export_records(others, tmp_path / "both.zip")
    empty = Records.open(tmp_path / "empty.db")
    assert len(import_records(empty, str(tmp_path / "both.zip"))) == 2
    assert run_study(small_study(), others, workers=1, fresh=True).id == f"{done.old}-3"


def test_databases_are_merged(trained, others, tmp_path):
    run_study(small_study(seeds=[5], epochs=1), others, workers=1)
    (others.folder / ".retroprop-import-99999999").write_bytes(b"of an import that was killed")
    (done,) = import_records(others, f"sqlite:///{trained.file}")
    assert sorted(done.numbers.values()) == list(range(5, 13))
    assert len(others.study_runs()) == 2
    assert not list(others.folder.glob(".retroprop*"))
    with pytest.raises(UserError, match="is the database to import into"):
        import_records(others, str(others.file))


def test_postgresql_is_merged_from_and_into(trained, postgres, others, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # where its checkpoints lie
    server = Records.open(postgres)
    (there,) = import_records(server, str(trained.file))
    assert numbers(server, there.id) == numbers(trained, there.old)
    (back,) = import_records(others, postgres)
    assert model_of_run(others, back.numbers[there.numbers[1]]).source == "run 1"
    delete_study_runs(server, plan_deletion(server, [there.id]))
    assert server.study_runs() == []
    server.engine.dispose()


def test_an_unfinished_study_run_is_imported_with_its_epochs_and_can_be_finished(
    others, tmp_path, trained
):
    (tmp_path / "mine").mkdir()
    mine = Records.open(tmp_path / "mine" / "r.db")

    def stop(report):
        if report.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(small_study(), mine, workers=1, display=Listening(stop))
    export_records(mine, tmp_path / "part.zip")
    (done,) = import_records(others, str(tmp_path / "part.zip"))
    whole = read_whole(others, done.id)
    assert whole.record.status == "interrupted"
    assert {run.status for run in whole.runs} <= {"finished", "interrupted", "planned"}
    assert any(len(run.epochs) == 4 for run in whole.runs)
    run_study(small_study(), others, workers=1)
    assert numbers(others, done.id) == numbers(trained, done.id)


def test_weights_that_are_lost_are_said_and_their_numbers_go_along(trained, others, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "mine")
    mine = Records.open(tmp_path / "mine" / "r.db")
    (run, *_) = mine.runs("small-8b4ef8dc")
    (mine.folder / str(run.checkpoint)).write_bytes(b"damaged")
    assert export_records(mine, tmp_path / "part.zip").lost == (f"small-8b4ef8dc {run.population}",)
    (done,) = import_records(others, str(tmp_path / "part.zip"))
    assert done.lost == 1
    assert numbers(others, done.id) == numbers(trained, done.id)
    with pytest.raises(UserError, match="the parameters of run 1 are not at"):
        model_of_run(others, 1)


def test_an_older_database_is_exported_only_where_its_settings_are_known(tmp_path, others):
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(VERSION_1)
    connection.close()
    with pytest.raises(UserError, match="is not what a record holds"):
        import_records(others, str(tmp_path / "old.db"))
    assert others.study_runs() == []


@pytest.mark.parametrize("name", catalog_names())
def test_a_recorded_study_of_the_catalog_is_the_study_again(name):
    for size in ("full", "laptop", "smoke"):
        study = load_study(name, size=size)
        recorded = json.loads(json.dumps(study.model_dump(mode="json", exclude_none=True)))
        again = Study.model_validate(_as_study_file(recorded))
        assert again.fingerprint == study.fingerprint
        assert again.model_dump(mode="json", exclude_none=True) == recorded


# -- from strangers --------------------------------------------------------------------------------


def unpacked(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, members, *, honest=True, compression=zipfile.ZIP_STORED):
    """Write a zip; `honest` ones have a manifest with the sizes and checksums of their files."""
    if honest:
        manifest = json.loads(members[MANIFEST])
        for name in manifest["files"]:
            if name in members:
                content = members[name]
                digest = hashlib.sha256(content).hexdigest()
                manifest["files"][name] = {"bytes": len(content), "sha256": digest}
        members = {**members, MANIFEST: json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


def with_line(members, number, **changes):
    """The members of a file, with other values in a line of its study run."""
    lines = members["1.jsonl"].split(b"\n")
    lines[number] = json.dumps({**json.loads(lines[number]), **changes}).encode()
    return {**members, "1.jsonl": b"\n".join(lines)}


def with_text(members, old, new):
    assert old.encode() in members["1.jsonl"]
    return {**members, "1.jsonl": members["1.jsonl"].replace(old.encode(), new.encode(), 1)}


def refused(records, path):
    """Import a file that cannot be: one sentence, and nothing is left of it."""
    with pytest.raises(UserError) as caught:
        import_records(records, path)
    assert records.study_runs() == []
    assert files_of(records) == []
    assert not [file for file in records.folder.parent.rglob("*") if "escaped" in file.name]
    assert len(str(caught.value)) < 600
    assert "nothing" in str(caught.value)
    return str(caught.value)


def config_of(members):
    return json.loads(members["1.jsonl"].split(b"\n")[0])["config"]


def first_epochs(members):
    return json.loads(members["1.jsonl"].split(b"\n")[1])["epochs"]


HOSTILE_STUDIES = {
    "another name": lambda m: {"study": "inf8225-logistic"},
    "an id that is a path": lambda m: {"id": "../../escaped"},
    "an id of another study": lambda m: {"id": "small-00000000"},
    "an id with a path behind it": lambda m: {"id": "small-8b4ef8dc/../escaped"},
    "a shipped study's name with other settings": lambda m: {
        "study": "inf8225-logistic",
        "id": f"inf8225-logistic-{load_study('inf8225-logistic').fingerprint[:8]}",
        "fingerprint": load_study("inf8225-logistic").fingerprint,
        "config": config_of(m) | {"name": "inf8225-logistic"},
    },
    "other settings": lambda m: {"config": config_of(m) | {"epochs": 4}},
    "another fingerprint": lambda m: {"fingerprint": "0" * 64},
    "no settings": lambda m: {"config": {}},
    "settings that are no table": lambda m: {"config": {"model": 3}},
    "an unknown data set": lambda m: {"config": config_of(m) | {"dataset": "x"}},
    "data that are a list": lambda m: {"config": config_of(m) | {"dataset": ["x"]}},
    "more models": lambda m: {"models": 9},
    "a text for a number": lambda m: {"models": "8"},
    "an unknown status": lambda m: {"status": "done"},
    "no moment": lambda m: {"created_at": "yesterday"},
    "an unknown key": lambda m: {"sudo": True},
    "a session that is none": lambda m: {"sessions": [3]},
    "a session with a table in it": lambda m: {
        "sessions": [
            {
                "started_at": "2026-01-01T00:00:00+00:00",
                "wall_s": 1.0,
                "environment": {"command": {"a": 1}},
            }
        ]
    },
    "a checksum that is none": lambda m: {"data_checksum": "../.."},
}
HOSTILE_MODELS = {
    "a population that is a path": lambda m: {"population": "../../escaped"},
    "another population": lambda m: {"population": "optimizer=x"},
    "another seed": lambda m: {"seed": 7},
    "a seed that is a truth value": lambda m: {"seed": "0"},
    "another cell": lambda m: {"cell": {"optimizer": "sgd", "learning_rate": 9.0}},
    "a setting that does not exist": lambda m: {"settings": {"rm": "-rf"}},
    "another setting": lambda m: {"settings": {"batch_size": 7}},
    "a huge whole number": lambda m: {"parameters": 10**30},
    "a huge position": lambda m: {"position": 10**400},
    "an accuracy above 1": lambda m: {"test_accuracy": 1.5},
    "a loss that is infinite": lambda m: {"test_loss": float("inf")},
    "an epoch that is missing": lambda m: {"epochs": first_epochs(m)[1:]},
    "an epoch twice": lambda m: {"epochs": [*first_epochs(m), first_epochs(m)[-1]]},
    "more epochs than the study": lambda m: {
        "epochs": [*first_epochs(m), [4, *first_epochs(m)[-1][1:]]]
    },
    "a best epoch that it does not have": lambda m: {"best_epoch": 9},
    "a short epoch": lambda m: {"epochs": [[0, 1.0]]},
    "classes that are none": lambda m: {"test_confusion": [[1, 2], [3]]},
    "other classes": lambda m: {"test_confusion": [[1]]},
    "a negative count": lambda m: {"test_confusion": [[-1]]},
    "a divergence that did not happen": lambda m: {"diverged_epoch": 2},
    "no weights in a finished study": lambda m: {"trained": False, "status": "planned"},
    "deep nesting": lambda m: {"cell": json.loads("[" * 300 + "]" * 300)},
}


@pytest.mark.parametrize("what", HOSTILE_STUDIES)
def test_a_study_run_that_cannot_be_is_refused(handed_on, others, tmp_path, what):
    members = unpacked(handed_on)
    hostile = with_line(members, 0, **HOSTILE_STUDIES[what](members))
    assert "is refused: " in refused(others, packed(tmp_path / "x.zip", hostile))


@pytest.mark.parametrize("what", HOSTILE_MODELS)
def test_a_model_that_cannot_be_is_refused(handed_on, others, tmp_path, what):
    members = unpacked(handed_on)
    hostile = with_line(members, 1, **HOSTILE_MODELS[what](members))
    assert "is refused: " in refused(others, packed(tmp_path / "x.zip", hostile))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 5000, '"0.5"', "true"])
def test_a_number_that_is_none_is_refused(handed_on, others, tmp_path, number):
    members = unpacked(handed_on)
    loss = json.dumps(first_epochs(members)[2][1])
    hostile = with_text(members, loss, number)
    assert "is refused: model 0 of" in refused(others, packed(tmp_path / "x.zip", hostile))


def test_lines_that_are_missing_or_no_json_are_refused(handed_on, others, tmp_path):
    members = unpacked(handed_on)
    lines = members["1.jsonl"].split(b"\n")
    for kept in ([], lines[:1], lines[:-1], [*lines, lines[-1]], [b"\xff\xfe", *lines[1:]]):
        hostile = {**members, "1.jsonl": b"\n".join(kept)}
        assert "is refused: " in refused(others, packed(tmp_path / "x.zip", hostile))


def test_files_that_are_missing_or_too_many_are_refused(handed_on, others, tmp_path):
    members = unpacked(handed_on)
    for name in members:
        if name != MANIFEST:
            hostile = {key: value for key, value in members.items() if key != name}
            refused(others, packed(tmp_path / "x.zip", hostile, honest=False))
    for name in ("../escaped", "/tmp/escaped", "2.jsonl", "1-3.safetensors"):
        sentence = refused(others, packed(tmp_path / "x.zip", {**members, name: b"x"}))
        assert "not those that its manifest lists" in sentence


def test_names_of_the_manifest_that_are_paths_are_refused(handed_on, others, tmp_path):
    members = unpacked(handed_on)
    for name in ("../escaped.safetensors", "1-0.safetensors", "a.jsonl", "1-1.safetensors\n"):
        text = members[MANIFEST].replace(b"1-1.safetensors", json.dumps(name)[1:-1].encode())
        hostile = {**members, name: members["1-1.safetensors"], MANIFEST: text}
        del hostile["1-1.safetensors"]
        assert "its manifest is not" in refused(others, packed(tmp_path / "x.zip", hostile))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"[" * 100_000, b'{"format": "retroprop records 2", "files": {}, '
    b'"study_runs": []}', b'{"format": "retroprop records 1", "files": [], "study_runs": {}}']
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(handed_on, others, tmp_path, text):
    members = {**unpacked(handed_on), MANIFEST: text}
    assert "is refused: " in refused(others, packed(tmp_path / "x.zip", members, honest=False))


def test_two_files_of_one_name_are_refused(handed_on, others, tmp_path):
    path = packed(tmp_path / "x.zip", unpacked(handed_on))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("1.jsonl", b"other")
    assert "two files in it have the same name" in refused(others, path)


@pytest.mark.parametrize("name", ["1.jsonl", "1-1.safetensors"])
def test_a_file_with_another_checksum_is_refused(handed_on, others, tmp_path, name):
    members = unpacked(handed_on)
    content = bytearray(members[name])
    content[len(content) // 2] ^= 1
    hostile = {**members, name: bytes(content)}
    sentence = refused(others, packed(tmp_path / "x.zip", hostile, honest=False))
    assert f"{name} in it is not what was written" in sentence


def test_a_zip_bomb_is_refused_before_it_is_unpacked(handed_on, others, tmp_path):
    members = {**unpacked(handed_on), "1.jsonl": b"0" * 50_000_000}
    path = packed(tmp_path / "x.zip", members, compression=zipfile.ZIP_DEFLATED)
    assert Path(path).stat().st_size < 2_000_000
    assert "its files are compressed" in refused(others, path)


def test_a_zip_of_very_many_files_is_refused_before_their_list_is_read(others, tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK\x01\x02" * 200_001)
    assert "a zip of more than 200,000 files" in refused(others, str(path))


def test_a_file_that_is_cut_off_or_no_zip_is_refused(handed_on, others, tmp_path):
    path = tmp_path / "x.zip"
    content = handed_on.read_bytes()
    for cut in (content[:-1], content[: len(content) // 2], content[:30], b"PK"):
        path.write_bytes(cut)
        assert "it is damaged, or no such file" in refused(others, str(path))
    path.write_bytes(b"\x80\x04.")  # a pickle
    with pytest.raises(UserError, match="is neither a file that retroprop records export wrote"):
        import_records(others, str(path))


@pytest.mark.parametrize("damage", ["nan", "shape", "type", "name", "more", "about"])
def test_weights_that_are_not_those_of_the_models_are_refused(
    trained, handed_on, others, tmp_path, damage
):
    study_run = trained.study_runs()[0].id
    about = f"{study_run} optimizer=adam"
    tensors = load_tensors(
        checkpoints(trained) / study_run / "optimizer=adam/best.safetensors", about=about
    )
    name = next(iter(tensors))
    if damage == "nan":
        tensors[name][0] = float("nan")
    elif damage == "shape":
        tensors[name] = tensors[name][:1]
    elif damage == "type":
        tensors[name] = tensors[name].double()
    elif damage == "name":
        tensors["../../escaped"] = tensors.pop(name)
    elif damage == "more":
        tensors["more"] = tensors[name]
    else:
        about = "other"
    save_tensors(tmp_path / "w.safetensors", tensors, about=about)
    hostile = {**unpacked(handed_on), "1-1.safetensors": (tmp_path / "w.safetensors").read_bytes()}
    assert "are not those of its models" in refused(others, packed(tmp_path / "x.zip", hostile))
    hostile["1-1.safetensors"] = b"no tensors"
    assert "are damaged" in refused(others, packed(tmp_path / "x.zip", hostile))


def test_control_characters_of_an_environment_are_not_imported(handed_on, others, tmp_path):
    members = unpacked(handed_on)
    (session,) = json.loads(members["1.jsonl"].split(b"\n")[0])["sessions"]
    session["environment"]["cpu"] = "a\x1b[2Jb"
    hostile = with_line(members, 0, sessions=[session])
    import_records(others, packed(tmp_path / "x.zip", hostile))
    assert others.study_runs()[0].sessions[0].environment["cpu"] == "a?[2Jb"


def test_a_study_of_data_that_are_not_here_is_imported(others, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    images = np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8)
    np.savez("own.npz", images=images, labels=np.arange(40) % 2)
    mine = Records.open(tmp_path / "mine" / "r.db")
    study = small_study(dataset="npz:own.npz", training={"batch_size": 5}, epochs=1, seeds=[0])
    run_study(study, mine, workers=1)
    export_records(mine, tmp_path / "own.zip")
    (tmp_path / "mine" / "own.npz").unlink()
    open_own.cache_clear()
    (done,) = import_records(others, str(tmp_path / "own.zip"))
    assert numbers(others, done.id) == numbers(mine, done.old)
    with pytest.raises(UserError, match=r"own\.npz"):
        model_of_run(others, 1)


def test_an_import_that_the_database_refuses_leaves_no_file(handed_on, others, monkeypatch):
    def refuse(*_):
        raise UserError("the disk is full.")

    monkeypatch.setattr(transfer, "insert_whole", refuse)
    with pytest.raises(UserError, match="disk is full"):
        import_records(others, str(handed_on))
    assert files_of(others) == []


def test_what_a_killed_import_left_is_removed_by_the_next_one(handed_on, others, monkeypatch):
    def killed(*_):
        raise UserError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "insert_whole", killed)
        patch.setattr(transfer, "_take_back", lambda folders: None)
        with pytest.raises(UserError, match="killed"):
            import_records(others, str(handed_on))
    assert files_of(others)
    (done,) = import_records(others, str(handed_on))
    assert done.id == done.old
    assert [place for place in files_of(others) if ".unrecorded" in place] == []


def test_an_import_that_another_one_overtakes_harms_nothing_of_it(handed_on, others, monkeypatch):
    def late(*_):  # the other import ends after the id was chosen
        monkeypatch.undo()
        import_records(others, str(handed_on))
        return "small-8b4ef8dc"

    monkeypatch.setattr(transfer, "_free", late)
    with pytest.raises(UserError, match="another process imports small-8b4ef8dc"):
        import_records(others, str(handed_on))
    assert len(others.study_runs()) == 1
    assert model_of_run(others, 1).source == "run 1"


# -- deleting --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_study_runs(trained, tmp_path_factory, shared_cache):
    """The finished study's records with another study run."""
    folder = tmp_path_factory.mktemp("two") / "records"
    shutil.copytree(trained.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROPROP_CACHE", str(shared_cache))
        run_study(small_study(seeds=[5], epochs=1), Records.open(folder / "r.db"), workers=1)
    return folder


@pytest.fixture
def mine(two_study_runs, tmp_path):
    """A copy of them, to delete from."""
    shutil.copytree(two_study_runs, tmp_path / "mine")
    return Records.open(tmp_path / "mine" / "r.db")


def test_deleting_a_study_run_takes_its_rows_and_files_and_nothing_else(mine):
    gone, kept = (one.id for one in mine.study_runs())
    deletion = plan_deletion(mine, [gone])
    assert (deletion.models, deletion.bytes > 900_000) == (8, True)
    before = read_whole(mine, kept)
    delete_study_runs(mine, deletion)
    assert [one.id for one in mine.study_runs()] == [kept]
    assert read_whole(mine, kept) == before
    assert {Path(file).parts[1] for file in files_of(mine)} == {kept}
    assert Records.open(mine.url, create=False).study_runs()  # nothing hangs in the air


def test_one_model_of_several_is_not_deleted(mine):
    with pytest.raises(UserError, match="run 3 is one of the 8 models of small-8b4ef8dc"):
        plan_deletion(mine, ["3"])
    with pytest.raises(UserError, match="'small' has 2 study runs; name one of small-8b4ef8dc"):
        plan_deletion(mine, ["small"])
    with pytest.raises(UserError, match="Did you mean"):
        plan_deletion(mine, ["smal"])


def test_a_study_run_that_is_trained_now_is_not_deleted(mine):
    id = mine.study_runs()[0].id
    with (
        only_one(mine, checkpoints(mine) / id),
        pytest.raises(UserError, match="another retroprop process is training or"),
    ):
        delete_study_runs(mine, plan_deletion(mine, [id]))
    assert len(mine.study_runs()) == 2


def test_files_that_a_database_beside_needs_too_are_kept(mine):
    with sqlite3.connect(mine.folder / "copy.db") as copy, sqlite3.connect(mine.file) as source:
        source.backup(copy)
    copy.close()
    source.close()
    id = mine.study_runs()[0].id
    before = {file for file in files_of(mine) if "copy" not in file}
    deletion = plan_deletion(mine, [id])
    delete_study_runs(mine, deletion)
    assert deletion.bytes == 0
    assert {file for file in files_of(mine) if "copy" not in file} == before


def test_what_a_killed_deletion_left_is_removed_by_the_next_one(mine):
    gone, kept = (one.id for one in mine.study_runs())
    for id in (gone, kept):
        mark(mine, checkpoints(mine) / id)
    (checkpoints(mine) / "others").mkdir()
    other = replace(mine, url=mine.url.set(database=str(mine.folder / "other.db")))
    mark(other, checkpoints(mine) / "others")
    delete_whole(mine, [gone])  # and the kill comes here
    remove_unrecorded(mine)
    found = {file.name for file in checkpoints(mine).iterdir()}
    assert found == {kept, "others"}
    assert not (checkpoints(mine) / kept / ".unrecorded").exists()
