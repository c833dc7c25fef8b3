"""Any recorded run can classify pictures, and gives what its study recorded."""

import importlib.util
import re

import numpy as np
import pytest
import torch
from PIL import Image

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.studies.environment import typed_command
from retroprop.studies.kinds import KINDS
from retroprop.studies.one_run import train_one
from retroprop.studies.pools import Silent
from retroprop.studies.records import Records
from retroprop.studies.run_models import find_model, model_of_run
from retroprop.studies.schema import Study, load_study
from retroprop.studies.study_data import StudyData
from retroprop.studies.tables import RUNS
from retroprop.studies.worker import Worker
from retroprop.training.ranks import Ranks

STUDIES = {  # kind, derivation, what is unusual of [training]
    "softmax-regression": ("softmax-regression", "by-hand", {"optimizer": "adam"}),
    "softmax-regression by autograd": ("softmax-regression", "autograd", {}),
    "perceptron": ("perceptron", "by-hand", {}),
    "shallow": ("shallow", "by-hand", {"width": 12}),
    "mlp": ("mlp", "by-hand", {"depth": 2, "width": 12, "activation": "tanh"}),
    "mlp by autograd": ("mlp", "autograd", {"depth": 0}),
    "mlp in float64": ("mlp", "by-hand", {"width": 12, "precision": "float64"}),
    "mlp of squares": ("mlp", "autograd", {"width": 12, "output": "linear"}),
    "cnn": ("cnn", "by-hand", {}),
    "cnn by autograd": ("cnn", "autograd", {"kernel_size": 5}),
    "network": ("network", None, {"architecture": "cnn 4-6 k3-5 p1 dense 8"}),
    "network per pixel": (
        "network", None, {"architecture": "mlp 12", "normalization": "per-pixel"},
    ),
    "resnet18": ("resnet18", None, {"widths": [2, 3, 4, 5]}),
    "mlp-mixer": ("mlp-mixer", None, {"patch_size": 8, "embedding": 6, "blocks": 1}),
}  # fmt: skip
SCORES = {"perceptron", "shallow", "mlp of squares"}


def study_named(name, **changes):
    kind, derivation, training = STUDIES[name]
    model = {"kind": kind} | ({"derivation": derivation} if derivation else {})
    document = {
        "name": "any",
        "title": {"en": name, "fr": name},
        "dataset": "cifar10-sample",
        "split": {"images": 100},
        "epochs": 1,
        "seeds": [3, 4],
        "model": model,
        "training": {"batch_size": 50} | training,
        "grid": {"learning_rate": [0.002, 0.001]},
    }
    return Study.model_validate(document | changes)


def trained(folder, study):
    """Train a study here and now; its records and the run of its best cell's first seed."""
    records = Records.open(folder / "retroprop.db")
    train_one(
        study,
        str(folder / "retroprop.db"),
        folder / "result",
        device=torch.device("cpu"),
        ranks=Ranks(),
        threads=1,
        fresh=False,
        display=Silent(),
    )
    runs = records.runs(records.study_run(study.name).id)
    return records, next(run for run in runs if run.test_accuracy is not None)


@pytest.fixture(scope="module", params=STUDIES)
def recorded(request, tmp_path_factory, shared_cache):
    folder = tmp_path_factory.mktemp("any")
    return request.param, folder, *trained(folder, study_named(request.param))


def test_there_is_a_study_of_every_kind():
    assert {kind for kind, _, _ in STUDIES.values()} == set(KINDS)


def test_evaluating_a_run_gives_its_recorded_test(recorded, call):
    _, folder, _, run = recorded
    code, out, err = call("evaluate", str(run.id), "--db", str(folder / "retroprop.db"))
    assert (code, err) == (0, "")
    assert out.startswith(
        f"test of cifar10-sample: accuracy {run.test_accuracy:.2%}, loss {run.test_loss:.4f}\n"
    )


def test_the_twin_gives_the_classes_that_the_records_counted(recorded):
    _, _, records, run = recorded
    model = model_of_run(records, run.id)
    part = model.test_part("cifar10-sample")
    with torch.inference_mode():
        predicted = model.network(model.normalization(part.images)).argmax(1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (part.labels.numpy(), predicted.numpy()), 1)
    assert counts.tolist() == run.test_confusion


def test_a_picture_of_the_test_set_gets_the_class_of_the_run(recorded, call, tmp_path):
    name, folder, records, run = recorded
    data, paths = load("cifar10-sample"), []
    for number, image in enumerate(data.test_images[:20]):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image).save(paths[-1])
    db = ("--db", str(folder / "retroprop.db"))
    code, out, err = call("predict", str(run.id), *paths, "--top", "1", *db)
    assert (code, err) == (0, "")
    model = model_of_run(records, run.id)
    with torch.inference_mode():
        z = model.network(model.normalization(torch.from_numpy(data.test_images[:20].copy())))
    for path, row, line in zip(paths, z, out.splitlines(), strict=False):
        k = int(row.argmax())
        value = f"{float(row[k]):.2f}" if name in SCORES else f"{float(row.softmax(0)[k]):.1%}"
        assert line == f"{path}: {data.info.classes[k]} {value}"
    said = "These are scores and no probabilities: the model learned by the squared error."
    assert (said in out) == (name in SCORES)


def test_a_run_is_summarized_with_its_own_images(recorded, call):
    name, folder, _, run = recorded
    code, out, err = call("summary", str(run.id), "--db", str(folder / "retroprop.db"))
    assert (code, err) == (0, "")
    assert re.search(r"\ninput +3 × 32 × 32", out)
    assert "50 images per step" in out
    assert f"{run.parameters:,}" in re.search(r"Parameters: +(.*)", out)[1]
    if name == "mlp":
        assert "depth=2; width=12; activation=tanh" in out


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra retroprop[onnx] is not installed",
)
def test_a_run_is_exported(recorded, call):
    name, folder, records, run = recorded
    import onnxruntime

    db = ("--db", str(folder / "retroprop.db"))
    code, out, err = call("export", str(run.id), *db)
    assert (code, err) == (0, "")
    file = f"run-{run.id}.onnx"
    outputs = "scores" if name in SCORES else "probabilities"
    assert out.startswith(f"{file}: reads bytes (n, 32, 32, 3), gives {outputs} of 10 classes; ")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    images = load("cifar10-sample").test_images[:7].copy()
    (ours,) = session.run([outputs], {"images": images})
    model = model_of_run(records, run.id)
    with torch.inference_mode():
        z = model.network(model.normalization(torch.from_numpy(images)))
    theirs = z if name in SCORES else z.softmax(1)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_a_test_set_that_was_split_is_that_of_the_study(tmp_path):
    study = study_named(
        "softmax-regression", split={"source": "test", "images": 100, "validation_images": 200}
    )
    records, run = trained(tmp_path, study)
    part = model_of_run(records, run.id).test_part("cifar10-sample")
    data = StudyData(study.dataset, study.split.model_dump())
    assert len(part) == 300
    assert torch.equal(part.labels, data.parts.test.labels)


# --- runs without a model -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(tmp_path_factory, shared_cache):
    return trained(tmp_path_factory.mktemp("one"), study_named("softmax-regression"))


@pytest.mark.parametrize("command", ["evaluate", "predict", "export", "summary"])
def test_a_run_that_is_not_there_is_refused(refused, records, command):
    picture = ["a.png"] if command == "predict" else []
    assert "no records at retroprop.db: run a study first" in refused(command, "1", *picture)
    sentence = refused(command, "99", *picture, "--db", records[0].location)
    assert f"there is no run 99: {records[0].location} holds runs 1 to 4." in sentence


def test_a_missing_checkpoint_is_named(tmp_path):
    _, run = trained(tmp_path, study_named("softmax-regression"))
    (tmp_path / run.checkpoint).unlink()
    with pytest.raises(UserError, match=rf"parameters of run {run.id} are not at .*best\.safe"):
        find_model(str(run.id), str(tmp_path / "retroprop.db"))


def test_a_run_that_is_not_finished_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Worker, "do", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, study_named("softmax-regression"))
    with pytest.raises(UserError, match="run 1 is planned, and its study is not through: run") as e:
        find_model("1", str(tmp_path / "retroprop.db"))
    assert f"to finish it ({typed_command()})." in str(e.value)


def test_a_run_that_diverged_has_the_model_of_its_best_epoch_or_none(tmp_path):
    study = study_named("network per pixel", seeds=[0], grid={"learning_rate": [1e30, 0.01]})
    records, _ = trained(tmp_path, study)
    run = records.runs(records.study_run("any").id)[0]
    assert (run.status, run.best_epoch) == ("diverged", 0)
    assert find_model(str(run.id), str(tmp_path / "retroprop.db")).card.kind == "mlp"
    with records.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET best_epoch = NULL WHERE id = {run.id}")
        RUNS.seal(connection, RUNS.c.id == run.id)
    with pytest.raises(UserError, match=f"run {run.id} diverged at epoch 1, before any epoch"):
        find_model(str(run.id), str(tmp_path / "retroprop.db"))


def test_the_best_model_of_the_demonstration_predicts(tmp_path, call, shared_cache):
    study = load_study("inf8225-logistic", size="smoke")
    records, run = trained(tmp_path, study)
    db = ("--db", str(tmp_path / "retroprop.db"))
    code, out, err = call("evaluate", str(run.id), *db)
    assert (code, err) == (0, "")
    assert out.startswith(f"test of {study.dataset}: accuracy {run.test_accuracy:.2%}, ")
    data, picture = load(study.dataset), tmp_path / "shoe.png"
    Image.fromarray(data.test_images[0]).save(picture)
    code, out, err = call("predict", str(run.id), str(picture), "--top", "1", *db)
    assert (code, err) == (0, "")
    model = model_of_run(records, run.id)
    with torch.inference_mode():
        z = model.network(model.normalization(torch.from_numpy(data.test_images[:1].copy())))[0]
    expected = f"{data.info.classes[int(z.argmax())]} {float(z.softmax(0).max()):.1%}"
    assert out == f"{picture}: {expected}\n"
