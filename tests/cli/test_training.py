"""`retroprop train | evaluate | predict | lr-find | export` as a person meets them."""

import dataclasses
import html
import importlib.util
import inspect
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
import torch
from PIL import Image
from tests import processes

from retroprop import cli
from retroprop.cli.help_texts import MODELS
from retroprop.cli.training import NetworkOptions, TrainingOptions
from retroprop.data import find, load
from retroprop.studies.records import Records
from retroprop.training.epochs import EpochRecord
from retroprop.training.model_files import load_model
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer

COMMANDS = {
    "train": "training:train", "lr-find": "training:lr_find", "evaluate": "trained:evaluate",
    "predict": "trained:predict", "export": "trained:export",
}  # fmt: skip
# a second for each training: 16 hidden units and a few hundred of the sample's images
SMALL = ("--dataset", "cifar10-sample", "--set", "hidden_sizes=16", "--threads", "1")
FEW = (*SMALL, "--images", "300", "--batch-size", "100", "--folder", "run")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shared_cache):
    """The folders of an MLP in colour and of one in grey, trained once."""
    os.environ["RETROPROP_CACHE"] = str(shared_cache)
    folder = tmp_path_factory.mktemp("trained")
    for name, dataset, images in (("colour", "cifar10-sample", 1800), ("grey", "mnist", 500)):
        with pytest.raises(SystemExit, match="0"):
            cli.main(
                [
                    "train", "MLP", "--dataset", dataset, "--set", "hidden_sizes=16", "--threads",
                    "1", "--epochs", "2", "--images", str(images), "--batch-size", "100",
                    "--folder", str(folder / name), "--db", str(folder / "retroprop.db"),
                ]
            )  # fmt: skip
    return folder


@pytest.fixture
def pictures(trained, tmp_path):
    """Some pictures of the sample's test set, and files that are none."""
    shown = load("cifar10-sample").test_images
    Image.fromarray(shown[0]).save(tmp_path / "a.png")
    Image.fromarray(shown[1]).resize((300, 200)).save(tmp_path / "b.jpg")
    Image.fromarray(shown[2]).convert("L").save(tmp_path / "grey.png")
    (tmp_path / "text.txt").write_text("no picture")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def record_of(folder):
    return json.loads((Path(folder) / "record.json").read_text(encoding="utf-8"))


def numbers(record):
    """All that two executions of one training must have in common: not the seconds."""
    epochs = [
        {k: v for k, v in e.items() if not k.endswith("_s")} for e in record["epochs"]
    ]  # train_s, evaluate_s
    return epochs, *(
        record[k]
        for k in (
            "best_epoch", "diverged_epoch", "test_accuracy", "test_loss", "test_confusion",
            "settings", "study", "seed", "status",
        )
    )  # fmt: skip


def state_files():
    return [file.name for file in Path("checkpoints").rglob("state-*")]


def stop_before(monkeypatch, epoch):
    """Press Ctrl-C in the middle of an epoch, once."""
    train_epoch = Trainer.train_epoch
    pressed = []

    def stopped(self, number, *, on_step):
        def press(n):
            if number == epoch and not pressed:
                pressed.append(n)
                raise KeyboardInterrupt
            on_step(n)

        return train_epoch(self, number, on_step=press)

    monkeypatch.setattr(Trainer, "train_epoch", stopped)


# --- train ----------------------------------------------------------------------------------------


def test_a_training_leaves_its_model_its_record_and_its_figures(trained):
    folder = trained / "colour"
    assert sorted(file.name for file in folder.iterdir()) == [
        "accuracy.svg", "confusion.svg", "gradient-norm.svg", "model.safetensors", "record.json",
    ]  # fmt: skip
    _, card, _ = load_model(folder / "model.safetensors")
    assert card.kind == "mlp"
    assert card.options == {
        "hidden_sizes": (16,), "activation": "relu", "initialization": "xavier",
    }  # fmt: skip
    assert (card.classes, card.dataset) == (find("cifar10-sample").classes, "cifar10-sample")
    record = record_of(folder)
    assert record["data_checksum"] == find("cifar10-sample").checksum
    assert record["settings"]["architecture"] == "mlp 16"
    assert record["settings"]["initialization"] == "xavier"
    assert record["settings"]["normalization"] == "per-channel"
    split = {"source": "train", "validation": 0.1, "seed": 0, "images": 1800}
    assert record["study"]["split"] == split
    assert record["settings"]["learning_rate"] == 1e-3
    assert record["environment"]["threads_per_worker"] == 1
    assert [e["epoch"] for e in record["epochs"]] == [0, 1, 2]
    accuracies = [e["validation_accuracy"] for e in record["epochs"]]
    assert record["best_epoch"] == accuracies.index(max(accuracies)) > 0
    assert record["epochs"][2]["train_loss"] < record["epochs"][0]["train_loss"]
    assert record["epochs"][0]["gradient_norm"] is None
    assert record["epochs"][1]["gradient_norm"] > 0
    seconds = sum(e["train_s"] + e["evaluate_s"] for e in record["epochs"])
    assert seconds < record["wall_s"] < seconds + 20  # with what saving takes
    counts = np.array(record["test_confusion"])
    assert counts.sum(1).tolist() == [50] * 10
    assert record["test_accuracy"] == counts.trace() / 500
    assert counts.trace() / 500 > 0.15  # it has learnt something


def test_the_record_in_the_folder_is_the_one_in_the_database(trained):
    records = Records.open(trained / "retroprop.db")
    for name in ("colour", "grey"):
        record = record_of(trained / name)
        run, study_run = records.run(record["id"]), records.study_run(record["study_run_id"])
        assert json.loads(json.dumps(dataclasses.asdict(run))) == {
            key: record[key] for key in dataclasses.asdict(run)
        }
        assert study_run.config == record["study"]
        assert study_run.status == "finished"
        (session,) = study_run.sessions
        assert session.environment == record["environment"]
        assert study_run.fingerprint == record["fingerprint"]


def test_other_commands_know_a_training(call, trained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    db = ("--db", str(trained / "retroprop.db"))
    one, two = (record_of(trained / name)["id"] for name in ("colour", "grey"))
    code, out, err = call("runs", *db)
    assert (code, err) == (0, "")
    assert re.search(r"train-mlp-cifar10-sample-\w{8} +finished +1/1", out)
    accuracy = record_of(trained / "colour")["test_accuracy"]
    out = call("show", str(one), *db)[1]
    assert re.search(r"\narchitecture +mlp 16 *\n", out)
    assert re.search(rf"\ntest +{accuracy:.2%} *\n", out)
    out = call("compare", str(one), str(two), *db)[1]
    assert f"{accuracy:.2%}" in out


@pytest.mark.parametrize(
    ("lang", "words", "of_many"),
    [
        ("en", "The only model, trained on", ("cell", "over the seeds", "± deviation", "Each an")),
        ("fr", "Le seul modèle, entraîné", ("cellule", "sur les graines", "± écart", "Chaque ré")),
    ],
)
def test_the_report_of_a_training_compares_nothing(call, trained, lang, words, of_many):
    record = record_of(trained / "colour")
    db = ("--db", str(trained / "retroprop.db"))
    code, _, err = call("report", "train-mlp-cifar10-sample", *db, "--lang", lang)
    assert (code, err) == (0, "")
    assert Path(f"reports/train-mlp-cifar10-sample-{lang}.pdf").stat().st_size > 10_000
    page = Path(f"reports/train-mlp-cifar10-sample-{lang}.html").read_text(encoding="utf-8")
    page = re.sub(r"<(style|script|svg|math).*?</\1>", "", page, flags=re.DOTALL)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    assert words in text
    assert f"{100 * record['test_accuracy']:.2f}".replace(".", "," if lang == "fr" else ".") in text
    assert [word for word in of_many if word in text] == []


def test_the_report_of_a_training_that_diverged_says_so(call):
    assert call("train", "mlp", *FEW, "--optimizer", "sgd", "--lr", "1e30")[0] == 0
    assert call("report", "train-mlp-cifar10-sample", "--lang", "en", "--format", "html")[0] == 0
    (page,) = Path("reports").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "diverged: its numbers stopped being finite." in text
    assert "best cell" not in text


def test_a_training_in_memory_is_refused(refused):
    assert "a database in memory is gone when the training ends" in refused(
        "train", "mlp", *FEW, "--db", "sqlite://"
    )


def test_what_is_printed_is_what_is_recorded(call):
    code, out, err = call("train", "mlp", *FEW, "--epochs", "1")
    assert (code, err) == (0, "")
    first, titles, *rows = out.splitlines()
    assert first.startswith(
        "mlp on cifar10-sample: 49,338 parameters, 300 training and 200 validation images, 1 thread"
    )
    assert titles.split() == [
        "epoch", "train", "loss", "acc.", "valid.", "loss", "acc.", "|grad|", "images/s",
    ]  # fmt: skip
    record = record_of("run")
    for row, epoch in zip(rows, record["epochs"], strict=False):
        words = row.split()
        assert words[0] == str(epoch["epoch"])
        assert words[1] == f"{epoch['train_loss']:.4f}"
        assert words[4] == f"{epoch['validation_accuracy']:.1%}"
    assert f"test of cifar10-sample: accuracy {record['test_accuracy']:.2%}" in out
    assert re.search(r"\nairplane +[\d.]+% +\w+ \(", out)
    assert f"Recorded as run 1 of {record['study_run_id']}.\n" in out
    assert out.endswith("Model, record and figures:  run\n")


def test_a_finished_training_is_not_made_again(call):
    command = ("train", "mlp", *FEW, "--epochs", "1")
    assert call(*command)[0] == 0
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    code, out, err = call(*command)
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"train-mlp-cifar10-sample-\w{8} is finished already: nothing to train \(--fresh trains it "
        r"again\)\.\n",
        out,
    )
    assert before == {file.name: file.read_bytes() for file in Path("run").iterdir()}


def test_a_training_looks_through_its_database_once(call):
    asked = []

    def note(connection, cursor, statement, *_):
        asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert call("train", "mlp", *FEW, "--epochs", "1")[0] == 0
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert sum("integrity_check" in statement for statement in asked) == 1


def test_a_result_that_is_gone_is_written_again_from_the_records(call):
    command = ("train", "mlp", *FEW, "--epochs", "1")
    assert call(*command)[0] == 0
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    for gone in [*([name] for name in before), list(before)]:  # each file, and then all
        for name in gone:
            Path("run", name).unlink()
        code, out, err = call(*command)
        assert (code, err) == (0, "")
        assert "is finished already" in out
        after = {file.name: file.read_bytes() for file in Path("run").iterdir()}
        assert before.keys() == after.keys()
        assert before["model.safetensors"] == after["model.safetensors"]
        assert before["record.json"] == after["record.json"]


def test_a_stopped_training_goes_on_to_the_same_numbers(call, monkeypatch):
    command = ["train", "mlp", *FEW, "--epochs", "3", "--augment", "--schedule", "warmup-cosine"]
    assert call(*command)[0] == 0
    whole = record_of("run")
    command[command.index("run")] = "stopped"
    command += ["--db", "stopped.db"]
    stop_before(monkeypatch, epoch=2)
    code, out, err = call(*command)
    assert code == 130
    assert err.startswith("Stopped; every finished epoch is kept. Continue with: ")
    assert list(Path("stopped").iterdir()) == []
    assert state_files() == ["state-00001.safetensors"]
    (study_run,) = Records.open("stopped.db").study_runs()
    assert study_run.status == "interrupted"
    code, out, _ = call(*command)
    assert code == 0
    assert out.startswith(f"Continuing {study_run.id} after epoch 1.\n")
    assert len([line for line in out.splitlines() if re.match(r" {4}\d ", line)]) == 4
    assert numbers(record_of("stopped")) == numbers(whole)
    assert state_files() == []
    assert len(Records.open("stopped.db").study_run(study_run.id).sessions) == 2


def test_a_training_that_was_killed_before_its_test_is_finished(call, monkeypatch):
    command = ("train", "mlp", *FEW, "--epochs", "1")

    def killed(*_):
        raise KeyboardInterrupt

    for place in (
        "studies.worker.Worker._test",
        "cli.training_display.draw_run",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"retroprop.{place}", killed)
            assert call(*command)[0] == 130
        assert not Path("run/record.json").exists()
    assert call(*command)[0] == 0
    assert record_of("run")["best_epoch"] >= 0
    assert record_of("run")["test_accuracy"] > 0
    (study_run,) = Records.open("retroprop.db").study_runs()
    assert study_run.status == "finished"


def test_a_lost_state_starts_the_training_again(call, monkeypatch):
    command = ("train", "mlp", *FEW, "--epochs", "2")
    assert call(*command)[0] == 0
    whole = numbers(record_of("run"))
    again = ["again" if word == "run" else word for word in (*command, "--db", "again.db")]
    stop_before(monkeypatch, epoch=2)
    assert call(*again)[0] == 130
    (state,) = Path("checkpoints").rglob("state-*")
    state.write_bytes(b"half a file")
    code, out, _ = call(*again)
    assert code == 0
    assert f"learning_rate=0.001,seed=0 starts again: {Path.cwd()}/checkpoints/" in out
    assert numbers(record_of("again")) == whole


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (["--lr", "0.01"], "learning_rate 0.001 and not 0.01"),
        (["--set", "hidden_sizes=17,5"], "architecture mlp 16 and not mlp 17-5"),
        (["--momentum", "0.5"], "momentum 0.9 and not 0.5"),
        (["--validation", "0.2"], "validation 0.1 and not 0.2"),
        (["--clip-norm", "1"], "clip_norm none and not 1.0"),
        (["--augment"], "augmentation none and not flip-crop"),
        (["--seed", "1"], "seeds 0 and not 1"),
        (["--images", "200"], "images 300 and not 200"),
        (["--channels-last"], "channels_last False and not True"),
        (["--normalization", "unit"], "normalization per-channel and not unit"),
    ],
)
def test_other_settings_are_refused_and_named(call, refused, trained, changes, difference):
    if not Path("run").exists():
        assert call("train", "mlp", *FEW, "--epochs", "1")[0] == 0
    given = [*FEW, "--epochs", "1"]
    for option in set(changes) & set(given) - {"--set"}:
        del given[given.index(option) : given.index(option) + 2]
    sentence = refused("train", "mlp", *given, *changes)
    assert f"run holds a training with other settings ({difference}" in sentence
    assert sentence.endswith("name another --folder, or --fresh to start it again.")


def test_fresh_starts_again_and_forgets_what_was_there(call, monkeypatch):
    assert call("train", "mlp", *FEW, "--epochs", "1")[0] == 0
    first = numbers(record_of("run"))
    other = ("train", "mlp", *FEW, "--epochs", "2", "--fresh")
    stop_before(monkeypatch, epoch=1)
    assert call(*other)[0] == 130
    assert not Path("run/record.json").exists()  # it would be taken for the new training's
    assert not Path("run/model.safetensors").exists()
    code, out, _ = call("train", "mlp", *FEW, "--epochs", "2")
    assert code == 0
    assert re.match(r"Continuing train-mlp-cifar10-sample-\w{8} after epoch 0\.\n", out)
    assert call("train", "mlp", *FEW, "--epochs", "1", "--fresh")[0] == 0
    assert numbers(record_of("run")) == first


@pytest.mark.parametrize("text", ["{}", "[1]", '{"study": 1}', '{"study": {"epo', ""])
def test_the_record_of_another_program_is_refused(refused, text):
    Path("run").mkdir()
    Path("run/record.json").write_text(text)
    sentence = refused("train", "mlp", *FEW)
    assert "run/record.json is not of a training by retroprop train, or damaged: " in sentence
    assert "name another --folder" in sentence


def test_a_diverging_training_is_a_sentence_and_a_record(call):
    code, out, err = call(
        "train", "mlp", *FEW, "--epochs", "5", "--optimizer", "sgd", "--lr", "1e30"
    )
    assert (code, err) == (0, "")
    assert "The training diverged in epoch 1: its numbers are no longer finite. Use a" in out
    record = record_of("run")
    assert (record["diverged_epoch"], record["best_epoch"]) == (1, 0)
    assert (record["status"], record["test_accuracy"]) == ("diverged", None)  # it is not final
    assert record["epochs"][1]["train_loss"] is None  # JSON has no NaN
    assert len(record["epochs"]) == 2
    assert not Path("run/confusion.svg").exists()
    assert call("evaluate", "run")[::2] == (0, "")


def test_patience_stops_a_training(call):
    code, out, _ = call(
        "train", "mlp", *FEW, "--optimizer", "sgd", "--lr", "1e-12", "--patience", "2"
    )
    assert code == 0
    assert "No better validation accuracy for 2 epochs: stopped early.\nbest epoch by " in out
    assert [e["epoch"] for e in record_of("run")["epochs"]] == [0, 1, 2]
    assert (
        "is finished already"
        in call("train", "mlp", *FEW, "--optimizer", "sgd", "--lr", "1e-12", "--patience", "2")[1]
    )


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ("mpl", [], "there is no model 'mpl'. Did you mean 'mlp'?"),
        ("mlp", ["--dataset", "cifar"], "unknown data set 'cifar'. Did you mean 'cifar10'"),
        ("mlp", ["--optimizer", "adma"], "--optimizer: unknown optimizer 'adma'. Did"),
        ("mlp", ["--optimizer", "adagrad"], "unknown optimizer of a network 'adagrad'"),
        ("mlp", ["--lr", "0"], "--lr must be greater than 0, and got 0.0"),
        ("mlp", ["--lr", "nan"], "--lr must be a finite number, and got nan"),
        ("mlp", ["--lr", "inf"], "--lr must be a finite number, and got inf"),
        ("mlp", ["--lr", "fast"], "fast"),
        ("mlp", ["--momentum", "1"], "--momentum must be less than 1, and got 1.0"),
        ("mlp", ["--optimizer", "nesterov", "--momentum", "0"], "nesterov needs a momentum above"),
        ("mlp", ["--epochs", "0"], "--epochs must be greater than or equal to 1, and got 0"),
        ("mlp", ["--epochs", "2.5"], "expected a whole number, and got '2.5'"),
        ("mlp", ["--batch-size", "0"], "--batch-size must be greater than or equal to 1"),
        ("mlp", ["--batch-size", "1801"], "--batch-size 1801 is larger than the 1800 train"),
        ("mlp", ["--batch-size", "128", "--images", "20"], "larger than the 20 training examples"),
        ("mlp", ["--images", "1"], "is larger than the 1 training example of cifar10-sample"),
        ("mlp", ["--images", "1801"], "--images must be at most 1800: so many images of cifar10-"),
        ("mlp", ["--images", "0"], "--images must be greater than or equal to 1, and got 0"),
        ("mlp", ["--validation", "2"], "--validation must be less than 1, and got 2.0"),
        ("mlp", ["--validation", "1e-12"], "leaves 2000 images to train on"),
        ("mlp", ["--schedule", "cosine"], "--schedule must be 'constant' or 'warmup-cosi"),
        ("mlp", ["--precision", "half"], "--precision must be 'float32', 'float64' or 'bfl"),
        ("mlp", ["--precision", "float64"], "mean gradient, in float32 or bfloat16; leave"),
        ("mlp", ["--normalization", "pixel"], "Did you mean 'per-pixel'?"),
        ("mlp", ["--patience", "0"], "--patience must be greater than or equal to 1"),
        ("mlp", ["--clip-norm", "-1"], "--clip-norm must be greater than 0"),
        ("mlp", ["--threads", "0"], "--threads must be from 1 to 1024, and got 0"),
        ("mlp", ["--seed", "-1"], "--seed must be greater than or equal to 0"),
        ("mlp", ["--seed", "99999999999999999999"], "--seed must be less than 2147483648"),
        ("mlp", ["--set", "hidden_sizes"], "--set 'hidden_sizes' is not key=value; write for"),
        ("mlp", ["--set", "depth=3"], "MLP has no option 'depth'"),
        ("mlp", ["--set", "activation=rleu"], "no activation 'rleu'. Did you mean 'relu'"),
        ("cnn", ["--set", "kernel_sizes=33"], "a kernel of 33 × 33, larger than its input of 32"),
        ("mlp-mixer", ["--set", "patch_size=5"], "patch_size 5 does not divide image size 32"),
        ("mlp-mixer", ["--set", "drop_rate=nan"], "drop_rate is a probability below 1"),
        ("resnet18", ["--dataset", "mnist"], "ResNet-18 takes images of 3 channels, and got 1"),
        ("mlp", ["--epohcs", "3"], "Did you mean --epochs"),
        ("mlp", ["--device", "gpu"], "there is no device 'gpu'. Did you mean 'cpu'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_explained_in_one_sentence(refused, model, options, sentence):
    dataset = () if "--dataset" in options else ("--dataset", "cifar10-sample")
    assert sentence in refused("train", model, *dataset, *options)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["train", "mlp", "--lr", "nan"],
        ["train", "mlp", "--db", "nonsense://x"],
        ["train", "resnet18", "--dataset", "cifar10", "--epochs", "99999999999999999999"],
        ["lr-find", "mlp", "--batch-size", "0"],
        ["summary", "mlp", "--input-shape", "3,32"],
        ["summary", "mlp", "--batch-size", "0"],
    ],
)
def test_what_needs_no_network_is_refused_before_torch_is_imported(command):
    program = "import sys; sys.modules['torch'] = None\nfrom retroprop import cli; cli.main()"
    done = processes.run(**processes.python("-c", program, *command))
    assert done.returncode == 2
    assert done.stderr.startswith("retroprop: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_gpu_that_is_not_there_is_refused(refused):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for command in (["train", "mlp"], ["lr-find", "mlp"], ["evaluate", "runs"]):
        assert "no CUDA GPU was found on this machine; use --device cpu" in refused(
            *command, "--device", "cuda"
        )


def test_a_folder_that_cannot_be_written_is_refused(refused):
    Path("file").write_text("no folder")
    assert "the folder file cannot be made" in refused("train", "mlp", *SMALL, "--folder", "file")


def test_ctrl_c_in_a_terminal_stops_with_a_sentence_and_the_same_command_continues(shared_cache):
    arguments = ("train", "mlp", *SMALL, "--epochs", "10000", "--folder", "run")
    program = processes.python("-m", "retroprop", *arguments)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for number in (signal.SIGINT, signal.SIGTERM):
        with processes.started(**program, **pipes) as job:
            printed = []
            for line in job.stdout:
                printed.append(line)
                if re.match(rb" *([3-9]|\d\d+) ", line):  # in the midst of a later epoch
                    break
            job.send_signal(number)
            _, said = job.communicate()
        assert job.returncode == 130
        assert said.decode().strip() == (
            "Stopped; every finished epoch is kept. Continue with: "
            + shlex.join(["retroprop", *arguments])
        )
        assert list(Path("run").iterdir()) == []
        (state,) = state_files()
        (run,) = Records.open("retroprop.db").runs(
            Records.open("retroprop.db").study_run("train-mlp-cifar10-sample").id
        )
        assert state == f"state-{run.epochs[-1].epoch:05d}.safetensors"
    assert any(line.startswith(b"Continuing train-mlp-cifar10-sample-") for line in printed)


# --- evaluate -------------------------------------------------------------------------------------


def test_evaluating_gives_the_numbers_of_the_record(call, trained):
    record = record_of(trained / "colour")
    for file in (trained / "colour", trained / "colour" / "model.safetensors"):
        code, out, err = call("evaluate", str(file))
        assert (code, err) == (0, "")
        assert out.startswith(
            f"test of cifar10-sample: accuracy {record['test_accuracy']:.2%}, "
            f"loss {record['test_loss']:.4f}\n"
        )
        classes = find("cifar10-sample").classes
        for k, (name, row) in enumerate(zip(classes, record["test_confusion"], strict=True)):
            assert re.search(rf"\n{name} +{row[k] / 50:.1%} ", out)


def test_data_of_other_images_or_classes_are_refused(refused, trained):
    sentence = refused("evaluate", str(trained / "grey"), "--dataset", "fashion-mnist")
    assert "tells 10 classes (0, 1, 2, …) apart, and fashion-mnist has 10 classes (T-" in sentence
    sentence = refused("evaluate", str(trained / "grey"), "--dataset", "cifar10-sample")
    assert "reads images of 28 × 28 × 1, and cifar10-sample has images of 32 × 32 × 3" in sentence
    assert "unknown data set 'mnits'" in refused(
        "evaluate", str(trained / "grey"), "--dataset", "mnits"
    )


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_a_file_that_is_no_model_is_refused(refused, pictures, command):
    more = [str(pictures / "a.png")] if command == "predict" else []
    for name in ("nothing.safetensors", "hello"):
        assert f"'{name}' is neither the number of a run, which " in refused(command, name, *more)
    Path("empty").mkdir()
    assert "there is no file empty/model.safetensors" in refused(command, "empty", *more)
    picture = str(pictures / "a.png")
    assert "a.png is damaged or no file of weights (" in refused(command, picture, *more)


# --- predict --------------------------------------------------------------------------------------


def said_of(out, path):
    (line,) = (line for line in out.splitlines() if line.startswith(f"{path}: "))
    return [tuple(one.rsplit(" ", 1)) for one in line.removeprefix(f"{path}: ").split(", ")]


@pytest.mark.parametrize("model", ["colour", "grey"])
def test_pictures_get_their_most_probable_classes(call, trained, pictures, model):
    paths = [str(pictures / name) for name in ("a.png", "b.jpg", "grey.png")]
    code, out, err = call("predict", str(trained / model), *paths, "--top", "10")
    assert (code, err) == (0, "")
    assert sum(line.startswith(" ") for line in out.splitlines()) == len(out.splitlines()) - 3
    for path in paths:
        said = said_of(out, path)
        dataset = record_of(trained / model)["study"]["dataset"]
        assert {name for name, _ in said} == set(find(dataset).classes)
        percents = [float(percent.rstrip("%")) for _, percent in said]
        assert percents == sorted(percents, reverse=True)
        assert sum(percents) == pytest.approx(100, abs=1)
    three = call("predict", str(trained / model), paths[0])[1]
    assert said_of(three, paths[0]) == said_of(out, paths[0])[:3]


def test_a_picture_of_the_test_set_gets_the_class_that_evaluating_gives(call, trained, tmp_path):
    """All 500 of them, so that the confusion matrix is that of the record."""
    data, record = load("cifar10-sample"), record_of(trained / "colour")
    paths = []
    for number, image in enumerate(data.test_images):
        paths.append(str(tmp_path / f"{number:03d}.png"))
        Image.fromarray(image).save(paths[-1])
    _, out, _ = call("predict", str(trained / "colour"), *paths, "--top", "1")
    counts = np.zeros((10, 10), int)
    for path, label in zip(paths, data.test_labels, strict=True):
        ((name, _),) = said_of(out, path)
        counts[label, data.info.classes.index(name)] += 1
    assert counts.tolist() == record["test_confusion"]


def test_a_digit_is_read_in_grey(call, trained, tmp_path):
    data, path = load("mnist"), tmp_path / "digit.png"
    Image.fromarray(data.test_images[0]).save(path)
    model, card, normalization = import_module("retroprop.training.model_files").load_model(
        trained / "grey" / "model.safetensors"
    )
    with torch.inference_mode():
        p = model(normalization(torch.from_numpy(data.test_images[:1].copy()))).softmax(1)
    ((name, percent),) = said_of(call("predict", str(trained / "grey"), str(path), "--top", "1")[1],
                                 path)  # fmt: skip
    assert (name, percent) == (card.classes[int(p.argmax())], f"{float(p.max()):.1%}")


def test_what_was_done_to_a_picture_is_said(call, trained, tmp_path):
    data, path = load("fashion-mnist"), tmp_path / "shoe.png"

    def line(picture, *options, model="grey"):
        picture.save(path)
        answers, *notes = call("predict", str(trained / model), str(path), *options)[1].splitlines()
        return answers, " ".join(notes).strip()

    known = Image.fromarray(data.test_images[0])
    as_learned, note = line(known)
    assert note == ""
    reversed_ = Image.fromarray(255 - data.test_images[0])
    answers, note = line(reversed_)
    assert answers == as_learned
    assert "dark on light" in note
    assert "inverted" in note
    assert line(reversed_, "--invert", "no") != (as_learned, "")
    assert line(reversed_, "--invert", "no")[1] == ""
    assert line(reversed_, "--invert", "yes") == (as_learned, "inverted")
    wide = line(known.resize((60, 40)))[1]
    assert wide == "60 × 40 pixels, the square in the middle scaled to 28 × 28"
    clear = known.convert("RGBA")
    assert line(clear) == (as_learned, "")
    clear.putalpha(100)
    assert line(clear)[1].startswith("transparent pixels laid on white")
    assert "inverted" not in line(reversed_, model="colour")[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["text.txt"], "text.txt is not a picture that can be read; use PNG or JPEG"),
        (["half.png"], "half.png cannot be read ("),
        (["none.png"], "none.png; name a PNG or JPEG picture"),
        (["a.png", "text.txt"], "text.txt is not a picture"),
        (["a.png", "--top", "99"], "--top must be from 1 to 10, and got 99"),
        (["a.png", "--top", "0"], "--top must be from 1 to 10, and got 0"),
        ([], "IMAGES is missing."),
    ],
)
def test_what_cannot_be_predicted_is_explained(refused, trained, pictures, arguments, sentence):
    paths = [str(pictures / one) if "." in one else one for one in arguments]
    assert sentence in refused("predict", str(trained / "colour"), *paths).replace("\n", " ")


# --- lr-find --------------------------------------------------------------------------------------


def test_a_range_test_suggests_a_rate_and_a_command_that_works(call):
    options = ("--batch-size", "100", "--optimizer", "sgd", "--normalization", "unit", "--augment")
    code, out, err = call(
        "lr-find", "MLP", "--dataset", "cifar10-sample", "--set", "hidden_sizes=16", *options,
        "--high", "10", "--steps", "60", "--figure", "rates.svg",
    )  # fmt: skip
    assert (code, err) == (0, "")
    rate = re.search(r"the loss falls fastest at (\S+)\. ", out)[1]
    assert "Nothing was applied: give the rate to the training yourself." in out
    assert "Figure:  rates.svg\n" in out
    assert Path("rates.svg").read_text(encoding="utf-8").count("<path") > 10
    again = shlex.split(re.search(r"Train with it:  (.*)\n", out)[1])
    assert again[:2] == ["retroprop", "train"]
    assert float(again[again.index("--lr") + 1]) == pytest.approx(float(rate))
    assert call(*again[1:], "--epochs", "1", "--threads", "1")[0] == 0
    (record,) = Path("runs").rglob("record.json")
    settings = json.loads(record.read_text())["settings"]
    assert settings["learning_rate"] == pytest.approx(float(rate))
    assert (settings["optimizer"], settings["batch_size"]) == ("sgd", 100)
    assert settings["augmentation"] == "flip-crop"
    assert settings["normalization"] == "unit"
    assert settings["architecture"] == "mlp 16"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--steps", "3"], "a range test takes at least 10 steps, and got 3"),
        (["--low", "1", "--high", "0.1"], "0 < low < high, and got 1 and 0.1"),
        (["--figure", "rates.txt"], "rates.txt should end in .svg, .png or .pdf"),
        (["--batch-size", "5000"], "--batch-size 5000 is larger than the 1800 training examples"),
        (["--optimizer", "adma"], "Did you mean 'adam'"),
    ],
)
def test_a_range_test_that_cannot_be_is_refused(refused, options, sentence):
    assert sentence in refused("lr-find", "mlp", "--dataset", "cifar10-sample", *options)


# --- export ---------------------------------------------------------------------------------------

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra retroprop[onnx] is not installed",
)


@needs_onnx
def test_an_exported_model_gives_the_same_probabilities(call, trained):
    import onnxruntime

    code, out, err = call("export", str(trained / "colour"), "--output", "deep/model.onnx")
    assert (code, err) == (0, "")
    assert out.startswith("deep/model.onnx: reads bytes (n, 32, 32, 3), gives probabilities of 10")
    assert float(re.search(r"from torch's by at most (\S+)\.\n", out)[1]) < 1e-5
    images = load("cifar10-sample").test_images[:7]
    session = onnxruntime.InferenceSession("deep/model.onnx", providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {"images": np.ascontiguousarray(images)})
    model, _, normalization = import_module("retroprop.training.model_files").load_model(
        trained / "colour" / "model.safetensors"
    )
    with torch.inference_mode():
        theirs = model(normalization(torch.from_numpy(images.copy()))).softmax(1)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@needs_onnx
def test_a_file_whose_outputs_differ_is_not_kept(refused, trained, monkeypatch):
    exporting = import_module("retroprop.training.onnx_export").BytesToProbabilities
    plain = exporting.forward

    def wrong(self, images):
        return plain(self, images) + (0.01 if torch.compiler.is_exporting() else 0)

    monkeypatch.setattr(exporting, "forward", wrong)
    sentence = refused("export", str(trained / "colour"), "--output", "wrong.onnx")
    assert "would differ from the model's by 1.0e-02, so it was not kept" in sentence
    assert not Path("wrong.onnx").exists()
    assert "cannot be written" in refused("export", str(trained / "colour"), "--output", ".")


def test_an_export_that_cannot_be_is_refused(refused, trained):
    assert "there is no format 'onx'. Did you mean 'onnx'?" in refused(
        "export", str(trained / "colour"), "--to", "onx"
    )


def test_what_the_export_needs_is_named(refused, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert refused("export", str(trained / "colour")) == (
        "exporting needs onnxruntime; in the folder of retroprop, run first: pip install -c "
        "constraints.txt -e '.[onnx]'."
    )


# --- help -----------------------------------------------------------------------------------------


OPTIONS = {"network": NetworkOptions, "training": TrainingOptions}


def function_of(command):
    module, name = COMMANDS[command].split(":")
    return getattr(import_module(f"retroprop.cli.{module}"), name)


def documented_options(function):
    """Names and texts of the options that a command takes from its dataclasses."""
    for parameter in set(OPTIONS) & {*inspect.signature(function).parameters}:
        source = inspect.getsource(OPTIONS[parameter])
        fields = re.findall(r'\n    (\w+): [^\n]*\n    """(.*?)"""', source, re.DOTALL)
        assert [name for name, _ in fields] == [
            field.name for field in dataclasses.fields(OPTIONS[parameter])
        ], "an option has no text"
        for name, text in fields:
            written = " ".join(text.replace("`", "").split())
            yield "set" if name == "options" else name.replace("_", "-"), written


def test_options_that_are_settings_have_their_defaults():
    """All but those that are chosen for one network rather than for a study."""
    settings = {field.name: field.default for field in dataclasses.fields(RunSettings)}
    for options in OPTIONS.values():
        for field in dataclasses.fields(options):
            if field.name in settings and field.name not in ("optimizer", "batch_size", "epochs"):
                usual = False if field.name == "channels_last" else settings[field.name]
                assert field.default == usual, field.name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_parameters(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    function = function_of(command)
    assert function.__doc__.splitlines()[0] == MODELS[command].splitlines()[0]
    described = " ".join(re.sub(r"[│╭╰╮╯─]", " ", out).split())
    for name in inspect.signature(function).parameters:
        if name in ("run", "db"):  # described where their types are
            assert re.search(r"(--db|RUN) (STR )?(The records: |A number )", described)
        elif name not in OPTIONS:
            assert re.search(rf"\n +{name}\n", function.__doc__), f"{name} is not described"
    for name, text in documented_options(function):
        assert f"--{name} {text}" in re.sub(r" (STR|INT|FLOAT)(\.\.\.)?", "", described), name
    for line in MODELS[command].split("```")[1].strip().splitlines():
        assert line.strip() in out


def test_every_option_of_the_examples_exists():
    for command in COMMANDS:
        known = [*inspect.signature(function_of(command)).parameters]
        known += [name for name, _ in documented_options(function_of(command))]
        names = {"--" + name.replace("_", "-") for name in known} | {"--nproc-per-node"}
        assert set(re.findall(r"--[a-z-]+", MODELS[command])) <= names


def test_finite_numbers_only_reach_a_record():
    finite = import_module("retroprop.files").without_nan
    assert finite({"a": [math.nan, 1.5, (math.inf,)]}) == {"a": [None, 1.5, [None]]}


@pytest.mark.parametrize("norm", [math.inf, math.nan, None])
def test_a_training_with_a_wild_gradient_has_its_figures(tmp_path, norm):
    history = [
        EpochRecord(
            epoch=number, train_loss=1.0, train_accuracy=0.5, validation_loss=1.0,
            validation_accuracy=0.5, train_s=1.0, evaluate_s=1.0, gradient_norm=value,
        )
        for number, value in enumerate((None, 2.0, norm))
    ]  # fmt: skip
    draw = import_module("retroprop.cli.training_figures").draw_run
    draw(tmp_path, "mlp", history, torch.eye(3, dtype=torch.int64), ("a", "b", "c"))
    names = ["accuracy.svg", "confusion.svg", "gradient-norm.svg"]
    assert sorted(file.name for file in tmp_path.glob("*.svg")) == names
