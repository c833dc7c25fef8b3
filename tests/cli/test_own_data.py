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
    code, out, _ = call("predict", "runs/mlp-photos", "new.jpg", "--top", "1")
    assert code == 0
    assert out.startswith("new.jpg: light")
    assert call("data", "show", "folder:photos,side=8")[0] == 0
    assert (tmp_path / "photos-samples.png").is_file()
