"""Where checkpoints and data are kept: a folder, and a real S3 server on loopback."""

import shutil

import numpy as np
import pytest
from small import everything, small_study
from tests.processes import python, run

from retroprop import data
from retroprop.data import find, load
from retroprop.errors import UserError
from retroprop.files import checksum_of
from retroprop.studies.plan import plan_study
from retroprop.studies.records import Records
from retroprop.studies.run_models import model_of_run
from retroprop.studies.runner import run_study
from retroprop.studies.shared_data import receive, share
from retroprop.studies.stores import Folder, RemoteStore, is_kept, open_store, recorded_file
from retroprop.studies.tables import STUDY_RUNS


@pytest.fixture(params=["folder", "s3"])
def address(request, tmp_path):
    """Of an empty store."""
    if request.param == "folder":
        return str(tmp_path / "store")
    return f"{request.getfixturevalue('s3_server')}/{tmp_path.name}"


def write(store, name, content):
    with store.writing(name) as path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return checksum_of(path)


def content(store, name):
    with store.reading(name) as path:
        return path.read_bytes() if path.is_file() else None


def test_what_is_written_is_read_until_it_is_removed(address, tmp_path):
    store = open_store(address, tmp_path)
    name = "checkpoints/study/lr=0.1,seed=0/state-00003.safetensors"
    assert content(store, name) is None
    assert not store.has(name)
    sha256 = write(store, name, b"tensors")
    assert content(store, name) == b"tensors"
    recorded = store.recorded(name)
    assert is_kept(recorded, sha256, tmp_path)
    with recorded_file(recorded, tmp_path) as path:
        assert checksum_of(path) == sha256
    store.remove(name)
    store.remove(name)
    assert content(store, name) is None
    assert not is_kept(recorded, sha256, tmp_path)


def test_leftover_states_go_and_the_needed_one_and_the_best_stay(address, tmp_path):
    store = open_store(address, tmp_path)
    names = ["state-00001.safetensors", "state-00002.safetensors", "best.safetensors"]
    for name in names:
        write(store, f"checkpoints/one/{name}", b"tensors")
    write(store, "checkpoints/other/state-00001.safetensors", b"tensors")
    store.remove_leftovers("checkpoints/one", keep="state-00002.safetensors")
    assert [store.has(f"checkpoints/one/{name}") for name in names] == [False, True, True]
    assert store.has("checkpoints/other/state-00001.safetensors")
    store.remove_leftovers("checkpoints/none", keep=None)


def test_a_study_ends_with_the_same_numbers_and_finds_its_store_by_itself(address, tmp_path):
    records = Records.open(tmp_path / "r.db")
    elsewhere = run_study(small_study(), records, workers=1, store=address)
    (tmp_path / "usual").mkdir()
    usual = Records.open(tmp_path / "usual" / "r.db")
    assert everything(records, elsewhere.id) == everything(
        usual, run_study(small_study(), usual, workers=1).id
    )
    one = records.runs(elsewhere.id)[0]
    assert one.checkpoint.startswith(address)
    assert model_of_run(records, one.id).network is not None
    records.forget_epochs([run.id for run in records.runs(elsewhere.id)], after=-1)
    records.set_status(elsewhere.id, "interrupted")
    again = run_study(small_study(), records, workers=1)  # nobody names the store again
    assert again.sessions[-1].environment["store"] == elsewhere.sessions[0].environment["store"]
    assert records.runs(again.id)[0].checkpoint == one.checkpoint


def test_a_model_that_was_changed_in_the_store_is_refused(address, tmp_path):
    records = Records.open(tmp_path / "r.db")
    result = run_study(small_study(epochs=1), records, workers=1, store=address)
    one = records.runs(result.id)[0]
    name = f"checkpoints/{result.id}/{one.population}/best.safetensors"
    write(open_store(address, tmp_path), name, b"something else")
    with pytest.raises(UserError, match="SHA-256 is another one"):
        model_of_run(records, one.id)


def test_own_data_reach_a_machine_that_has_none_of_their_files(address, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    photos = tmp_path / "photos.npz"
    np.savez(photos, images=pixels, labels=np.arange(60) % 3)
    name, store = f"npz:{photos}", open_store(address, tmp_path)
    here = load(name)
    share(name, store)
    share(name, store)  # it is there already
    photos.unlink()
    program = (
        "import sys; from pathlib import Path; from retroprop.data import load\n"
        "from retroprop.studies.shared_data import receive\n"
        "from retroprop.studies.stores import open_store\n"
        "name, checksum, address = sys.argv[1:]\n"
        "receive(name, checksum, open_store(address, Path()))\n"
        "print(load(name).checksum, load(name).train_images.sum(), load(name).info.classes)"
    )
    command = python(
        "-c", program, name, here.checksum, address, RETROPROP_CACHE=str(tmp_path / "c")
    )
    expected = f"{here.checksum} {here.train_images.sum()} {here.info.classes}\n"
    assert run(**command, check=True).stdout == expected
    shutil.rmtree(store.path) if isinstance(store, Folder) else store.remove(
        f"data/{here.checksum}.safetensors"
    )
    assert run(**command, check=True).stdout == expected  # once a machine: now from its cache
    with pytest.raises(UserError, match="so does the store"):
        receive("npz:/nowhere.npz", "0" * 16, store)


def test_data_that_are_not_those_of_the_checksum_are_refused(tmp_path):
    store = Folder(tmp_path / "store")
    share("cifar10-sample", store)
    assert not (tmp_path / "store").exists()  # it ships with the package
    write(store, "data/0123456789abcdef.safetensors", b"no tensors")
    with pytest.raises(UserError, match="damaged"):
        receive("npz:/nowhere.npz", "0123456789abcdef", store)
    sample = load("cifar10-sample")
    arrays = {name: getattr(sample, name) for name in find("cifar10-sample").sha256}
    with pytest.raises(UserError, match="not those of"):
        data.receive("npz:/nowhere.npz", "0" * 16, lambda: (sample.info.known, arrays))


def test_a_study_goes_on_where_its_files_are_or_begins_again(tmp_path):
    records, study = Records.open(tmp_path / "r.db"), small_study(epochs=1)
    first = run_study(study, records, workers=1, store=str(tmp_path / "one"))
    with pytest.raises(UserError, match=r"keeps its files in .*one; leave --store out"):
        run_study(study, records, workers=1, store=str(tmp_path / "other"))
    again = run_study(study, records, workers=1, store=str(tmp_path / "other"), fresh=True)
    assert again.id != first.id
    assert again.store == str(tmp_path / "other")


def test_a_store_that_refuses_leaves_no_study_run(s3_server, tmp_path):
    records = Records.open(tmp_path / "r.db")
    with pytest.raises(UserError, match="refused"):
        run_study(small_study(), records, workers=1, store="s3://no-such-bucket/folder")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="cannot be written"):
        run_study(small_study(), records, workers=1, store=str(tmp_path / "file"))
    assert records.study_runs() == []


def test_two_databases_do_not_share_the_files_of_one_study_run(tmp_path):
    store, study = str(tmp_path / "store"), small_study(epochs=1)
    run_study(study, Records.open(tmp_path / "one.db"), workers=1, store=store)
    with pytest.raises(UserError, match="of other records, begun"):
        study_of_other_records(tmp_path, study, store)


def study_of_other_records(folder, study, store):
    records = Records.open(folder / "other.db")
    plan = plan_study(study)
    records.add_study_run(
        id=f"{study.name}-{study.fingerprint[:8]}",
        study=study.name,
        fingerprint=study.fingerprint,
        config=study.model_dump(mode="json", exclude_none=True),
        data_checksum=find(study.dataset).checksum,
        runs=plan.runs,
    )
    with records.transaction() as connection:  # it began at another time
        connection.execute(STUDY_RUNS.table.update().values(created_at="2020-01-01T00:00:00+00:00"))
        STUDY_RUNS.seal(connection, STUDY_RUNS.c.study == study.name)
    run_study(study, records, workers=1, store=store)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://host/folder", "no store that many machines reach"),
        ("memory://a", "s3://"),
        ("s3://", "names no place"),
        ("sftp://me:secret@host/folder", "must not hold a password"),
        ("gs://bucket/folder", "needs the package gcsfs"),
    ],
)
def test_an_address_of_no_store_is_refused_with_the_fix(address, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence) as caught:
        open_store(address, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_store_that_refuses_ends_in_one_sentence(s3_server, tmp_path):
    store = RemoteStore("s3://no-such-bucket/folder")
    with pytest.raises(UserError, match="the store s3://no-such-bucket/folder refused"):
        write(store, "checkpoints/one/best.safetensors", b"tensors")
