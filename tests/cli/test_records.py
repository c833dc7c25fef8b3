"""`retroprop records export | import | delete`, as people type them."""

import importlib.util
import shutil

import pytest
from PIL import Image

from retroprop.cli import records as command
from retroprop.studies.records import Records

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed"
)

STUDY = """
name = "tiny"
title = "Tiny"
dataset = "cifar10-sample"
epochs = 2
seeds = [0]
split = { validation = 0.2, seed = 1, images = 200 }
[grid]
learning_rate = [0.01, 0.001]
[report]
figures = ["loss-curves", "confusion"]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shared_cache):
    """A folder with records of a study of two models, and tiny.toml."""
    from retroprop.studies.runner import run_study
    from retroprop.studies.schema import load_study

    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROPROP_CACHE", str(shared_cache))
        study = load_study(str(folder / "tiny.toml"))
        run_study(study, Records.open(folder / "retroprop.db"), workers=1)
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """A copy of it, in which the command works."""
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def elsewhere(here, call, tmp_path, monkeypatch):
    """An empty folder of a colleague, with the exported file beside it."""
    assert call("records", "export", "../mine.zip")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def test_a_colleague_reads_reports_and_evaluates_without_training(call, elsewhere):
    code, out, _ = call("records", "import", "../mine.zip")
    assert code == 0
    assert ": 2 models; runs 1 to 2 are 1 to 2 here." in out
    code, out, _ = call("runs", "tiny")
    assert (code, out.count("finished")) == (0, 3)
    code, out, _ = call("show", "1")
    assert code == 0
    assert "imported" in out
    assert "from mine.zip, SHA-256" in out
    assert call("compare", "1", "2")[0] == 0
    code, out, err = call("evaluate", "1")
    assert code == 0, err
    assert "airplane" in out
    Image.new("RGB", (32, 32), "red").save("picture.png")
    assert call("predict", "1", "picture.png")[0] == 0
    code, out, err = call("run", "../here/tiny.toml", "--workers", "1")
    assert code == 0, err
    assert "is finished already: nothing to train" in out
    code, out, err = call("report", "tiny", "--format", "html")
    assert code == 0, err
    page = (elsewhere / "reports" / "tiny-en.html").read_text()
    assert "from mine.zip, SHA-256" in page
    code, out, _ = call("records", "import", "../mine.zip")
    assert (code, "is recorded already; nothing was added." in out) == (0, True)


def test_a_french_report_says_imported_in_french(call, elsewhere):
    call("records", "import", "../mine.zip")
    assert call("report", "tiny", "--format", "html", "--lang", "fr")[0] == 0
    assert "importé" in (elsewhere / "reports" / "tiny-fr.html").read_text()


def test_an_export_says_what_it_wrote(call, here):
    code, out, _ = call("records", "export", "x.zip", "tiny")
    assert code == 0
    assert out.startswith("x.zip: 1 study run, ")
    assert "retroprop records import x.zip" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "x.zip", "tny"), "Did you mean 'tiny'?"),
        (("export", "nowhere/x.zip"), "nowhere/x.zip cannot be written"),
        (("export", "."), "cannot be written"),
        (("import", "x.zip"), "x.zip cannot be read (No such file or directory)"),
        (("import", "tiny.toml"), "tiny.toml is neither a file that retroprop records export"),
        (("import", "."), "cannot be read (Is a directory)"),
        (("import", "nonsense://me:secret@nowhere/x"), "needs a driver"),
        (("import", "retroprop.db"), "retroprop.db is the database to import into"),
        (("delete",), "records delete takes the ids of study runs"),
        (("delete", "1"), "run 1 is one of the 2 models of tiny-"),
        (("delete", "9"), "there is no run 9"),
        (("delete", "9" * 5000), "holds no study run '999"),
        (("delete", "²"), "holds no study run '²'"),
        (("delete", "tiny"), "add --yes to delete them"),
        (("delete", "tny", "--yes"), "Did you mean 'tiny'?"),
        (("export", "x", "--db", "none.db"), "no records at none.db"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(refused, here, words, sentence):
    said = refused("records", *words)
    assert sentence in said
    assert "secret" not in said
    assert len(Records.open("retroprop.db").study_runs()) == 1


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("", False)])
def test_deleting_asks_at_a_terminal(call, here, monkeypatch, answer, gone):
    class Terminal:
        def isatty(self):
            return True

        def readline(self):
            return answer

    monkeypatch.setattr(command.sys, "stdin", Terminal())
    code, out, _ = call("records", "delete", "tiny")
    assert code == 0
    assert "Delete 1 study run with 2 models and " in out
    assert ("Deleted 1 study run: " in out) is gone
    assert ("Nothing was deleted." in out) is not gone
    assert (Records.open("retroprop.db").study_runs() == []) is gone
    assert bool(list((here / "checkpoints").iterdir())) is not gone


def test_deleting_says_what_it_freed(call, here):
    size = sum(file.stat().st_size for file in here.rglob("*.safetensors"))
    code, out, _ = call("records", "delete", "tiny", "--yes")
    assert (code, out) == (0, f"Deleted 1 study run: {size / 1e6:.1f} MB of files are free.\n")


def test_more_epochs_continue_a_study_on_the_command_line(call, here):
    code, out, err = call("run", "tiny.toml", "--epochs", "3", "--workers", "1")
    assert code == 0, err
    assert "has 2 of these 3 epochs: its models go on from there." in out
    assert call("report", "tiny", "--format", "html")[0] == 0
    (page,) = (file.read_text() for file in (here / "reports").glob("tiny-*-en.html"))
    assert "continues" in page
    assert "one session, not interrupted" in page


def test_more_epochs_continue_a_training_in_its_folder(call, here):
    words = ("train", "mlp", "--dataset", "cifar10-sample", "--images", "100", "--batch-size", "50",
             "--threads", "1", "--set", "hidden_sizes=4", "--folder", "one")  # fmt: skip
    assert call(*words, "--epochs", "1")[0] == 0
    code, out, err = call(*words, "--epochs", "2")
    assert code == 0, err
    assert "has 1 of these 2 epochs: its models go on from there." in out
    code, _, err = call(*words, "--epochs", "1")
    assert code == 2
    assert "one holds a training with other settings (epochs 2 and not 1)" in err


@needs_tensorboard
def test_tensorboard_reads_what_was_exported(call, here):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second replaces the first
        code, out, err = call("records", "export", "tb", "tiny", "--to", "tensorboard")
        assert code == 0, err
        assert "tb: 2 models." in out
    records = Records.open("retroprop.db")
    (study_run,) = records.study_runs()
    for run in records.runs(study_run.id):
        found = EventAccumulator(f"tb/{study_run.id}/run-{run.id}")
        found.Reload()
        losses = {event.step: event.value for event in found.Scalars("loss/validation")}
        assert losses == pytest.approx({e.epoch: e.validation_loss for e in run.epochs})
        assert len(found.Scalars("accuracy/train")) == 3
        (best,) = found.Scalars("result/best_validation_accuracy")
        assert best.value == pytest.approx(run.best_validation_accuracy)
        assert "_hparams_/session_start_info" in found.PluginTagToContent("hparams")
        (text,) = found.Tensors("setting of the numbers/text_summary")
        assert study_run.fingerprint.encode() in text.tensor_proto.string_val[0]


def test_tensorboard_that_is_missing_is_one_sentence(refused, here, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    sentence = refused("records", "export", "tb", "--to", "tensorboard")
    assert "pip install -c constraints.txt -e '.[trackers]'" in sentence
