"""The script for a bare GPU machine, from packing to the records, on a CPU and on few images."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests import processes

from benchmarks import gpu_deep
from retroprop.data import find, load
from retroprop.errors import UserError
from retroprop.studies.records import Records


@pytest.fixture
def packed(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_deep, "STUDIES", ("ift6135-mixer-patches",))
    monkeypatch.setattr(gpu_deep, "PART_BYTES", 1_000_000)
    gpu_deep.pack(tmp_path / "packed", dataset="cifar10-sample", size="smoke")
    return tmp_path / "packed"


def test_the_parts_give_the_published_arrays_back(packed):
    parts = sorted(file.name for file in packed.glob("*train_images.part-*"))
    assert len(parts) > 1
    assert all(file.stat().st_size <= 1_000_000 for file in packed.glob("*.part-*"))
    arrays = gpu_deep.joined(packed, find("cifar10-sample"))
    assert np.array_equal(arrays["train_images"], load("cifar10-sample").train_images)


@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_a_damaged_part_is_found(packed, damage):
    part = sorted(packed.glob("*train_images.part-*"))[-1]
    if damage == "missing":
        for file in packed.glob("*train_images.part-*"):
            file.unlink()
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:-100])
    else:
        labels = load("cifar10-sample").train_labels.copy()
        labels[0] = (labels[0] + 1) % 10
        (packed / "cifar10-sample.train_labels.part-00").write_bytes(gpu_deep.squeeze(labels))
    with pytest.raises(UserError, match=r"no parts|damaged|checksum|SHA-256"):
        gpu_deep.joined(packed, find("cifar10-sample"))


def test_everything_runs_is_continued_and_reaches_the_records(packed, tmp_path, monkeypatch):
    small = {"mlp-mixer": gpu_deep.FOR_THE_RECORD["mlp-mixer"] | {"embedding": 16, "blocks": 1}}
    monkeypatch.setattr(gpu_deep, "FOR_THE_RECORD", small)
    out = tmp_path / "out"
    gpu_deep.run(packed, out, device="cpu", minutes=0.0, compile=False)
    assert not list(out.glob("*.json"))  # no time, no run
    gpu_deep.run(packed, out, device="cpu", minutes=60.0, compile=False)
    record = json.loads((out / "record-mlp-mixer.json").read_text())
    assert [epoch["epoch"] for epoch in record["epochs"]] == [0, 1]
    before = {file: file.stat().st_mtime_ns for file in out.glob("ift6135-*.json")}
    gpu_deep.run(packed, out, device="cpu", minutes=60.0, compile=False)
    assert before == {file: file.stat().st_mtime_ns for file in out.glob("ift6135-*.json")}
    gpu_deep.collect(packed, out, db=str(tmp_path / "records.db"))
    records = Records.open(tmp_path / "records.db")
    (study_run,) = records.study_runs()
    assert study_run.status == "finished"
    runs = records.runs(study_run.id)
    assert [run.cell["patch_size"] for run in runs] == [4, 16]
    assert {run.status for run in runs} == {"finished"}
    (tested,) = [run for run in runs if run.test_accuracy is not None]
    assert np.sum(tested.test_confusion) == 500
    assert (tmp_path / tested.checkpoint).is_file()


BARE = """
import sys
from pathlib import Path
for name in ("pydantic", "cyclopts", "sqlalchemy", "platformdirs", "filelock", "psutil", "PIL"):
    sys.modules[name] = None
from benchmarks import gpu_deep
sys.argv = ["gpu_deep", "run", "nowhere", "out", "--device", "cpu"]
gpu_deep.main()
"""


def test_the_run_imports_nothing_that_a_bare_machine_lacks(tmp_path):
    root = str(Path(gpu_deep.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {root!r})\n" + BARE
    done = processes.run(**processes.python("-c", program), cwd=tmp_path)
    assert "nowhere has no plan.json" in done.stderr, done.stderr


def test_a_gpu_is_asked_for_by_default():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="no CUDA GPU"):
        gpu_deep.run(
            gpu_deep.Path("x"), gpu_deep.Path("y"), device="cuda", minutes=1, compile=False
        )
