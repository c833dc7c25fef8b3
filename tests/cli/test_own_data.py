"""Commands with pictures of one's own: trained, told apart, shown, and not mistaken for others."""

import numpy as np
import pytest
from PIL import Image

from retroprop.data import own
from retroprop.studies.records import Records

STUDY = """
name = "mine"
title = "My pictures"
dataset = "folder:photos,side=8"
epochs = 1
seeds = [0]
[model]
kind = "mlp"
[training]
depth = 1
width = 4
batch_size = 4
[grid]
learning_rate = [0.1]
"""


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of dark and light pictures, beside the working folder's records."""
    monkeypatch.chdir(tmp_path)
    own.open_own.cache_clear()
    for label, shade in {"dark": 30, "light": 220}.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((12, 9), shade + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i}.png")
    return tmp_path / "photos"


def test_a_study_of_own_pictures_begins_anew_when_one_of_them_changes(call, photos, tmp_path):
    (tmp_path / "mine.toml").write_text(STUDY)
    for _ in range(2):  # the second time, everything is recorded
        assert call("run", "mine.toml", "--workers", "1")[0] == 0
    Image.new("L", (9, 12), 90).save(photos / "dark" / "0.png")
    own.open_own.cache_clear()
    assert call("run", "mine.toml", "--workers", "1")[0] == 0
    recorded = Records.open("retroprop.db").study_runs("mine")
    assert len({one.data_checksum for one in recorded}) == len(recorded) == 2
    for one in recorded:  # neither is written over the other
        code, out, _ = call("report", one.id, "--format", "html")
        assert (code, out) == (0, f"wrote reports/{one.id}-en.html\n")
    text = (tmp_path / "reports" / f"{one.id}-en.html").read_text(encoding="utf-8")
    assert "photos" in text
    assert "folder:" not in text.partition("</h1>")[0]


def test_a_network_learns_own_pictures_and_tells_new_ones_apart(call, photos, tmp_path):
    options = [
        "--epochs",
        "8",
        "--batch-size",
        "4",
        "--lr",
        "0.01",
        "--set",
        "hidden_sizes=8",
        "--device",
        "cpu",
    ]
    code, out, _ = call("train", "mlp", "--dataset", "folder:photos,side=8", *options)
    assert code == 0
    assert "test of photos: accuracy 100.00%" in out
    Image.new("RGB", (50, 40), (240, 235, 230)).save(tmp_path / "new.jpg")
    code, out, _ = call("predict", "runs/mlp-photos", "new.jpg")
    assert code == 0
    assert out.startswith("new.jpg: light ")
    assert ", dark " in out.splitlines()[0]  # all two classes
    assert call("data", "show", "folder:photos,side=8")[0] == 0
    assert (tmp_path / "photos-samples.png").is_file()


def test_a_model_file_has_no_folder_and_finds_its_data_again(call, refused, photos, tmp_path):
    command = "train mlp --dataset folder:photos,side=8 --epochs 1 --batch-size 4 --device cpu"
    assert call(*command.split())[0] == 0
    model = tmp_path / "runs" / "mlp-photos" / "model.safetensors"
    assert str(tmp_path).encode() not in model.read_bytes()
    given = tmp_path / "given" / "mine.safetensors"
    given.parent.mkdir()
    model.rename(given)  # without the record beside it
    assert call("evaluate", str(given))[0] == 0
    assert call("predict", str(given), str(photos / "dark" / "0.png"))[0] == 0
    Image.new("L", (9, 12), 90).save(photos / "dark" / "0.png")
    own.open_own.cache_clear()
    assert "was trained on other files than photos holds now" in refused("evaluate", str(given))


def test_the_list_of_data_names_own_sets_that_were_used(call, photos):
    assert call("data", "show", "folder:photos,side=8")[0] == 0
    line = next(one for one in call("data", "list")[1].splitlines() if "photos,side=8" in one)
    assert line.split()[1:] == ["8×8", "16", "4", "0", "MB", "your", "own", "cache"]


def test_a_model_is_not_tested_on_what_it_may_have_learned(call, refused, photos, tmp_path):
    command = "train mlp --dataset folder:photos,side=8 --epochs 1 --batch-size 4 --device cpu"
    assert call(*command.split())[0] == 0
    assert call("evaluate", "runs/mlp-photos")[0] == 0
    report, page = ("report", "train-mlp-photos", "--format", "html"), "train-mlp-photos-en.html"
    assert call(*report)[0] == 0
    assert "14 train images" in (tmp_path / "reports" / page).read_text(encoding="utf-8")
    for i in range(10):  # 30 pictures are 24 and 6, and of the 24 three validate
        Image.new("L", (9, 12), 90).save(photos / "dark" / f"new{i}.png")
    own.open_own.cache_clear()
    for model in ("runs/mlp-photos", "1"):
        assert "was trained on other files than photos holds now" in refused("evaluate", model)
    assert "was trained on other files" in refused("predict", "1", "photos/dark/new0.png")
    assert call("predict", "runs/mlp-photos", "photos/dark/new0.png")[0] == 0
    assert call(*report)[0] == 0
    assert "21 train images" not in (tmp_path / "reports" / page).read_text(encoding="utf-8")
