"""`retroprop summary` as a person meets it."""

import inspect
import re

import pytest

from retroprop.cli.help_texts import MODELS
from retroprop.cli.summary import summary


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_resnet18_is_shown_layer_by_layer(call):
    code, out, err = call("summary", "resnet18")
    assert (code, err) == (0, "")
    assert re.search(r"layer4\.1\.conv2 +Conv2d +512 × 4 × 4 +2,359,296 +37,748,736\n", out)
    assert re.search(r"Parameters: +11,173,962\n", out)
    assert re.search(r"Multiply-adds: +555,422,720 for one example\n", out)
    assert re.search(r"Weights file: +44\.7 MB", out)
    assert len([line for line in out.splitlines() if "Conv2d" in line]) == 20


def test_a_depth_adds_layers_up(call):
    _, out, _ = call("summary", "resnet18", "--depth", "1")
    assert re.search(r"layer1 +64 × 32 × 32 +147,968 +150,994,944\n", out)
    assert len(out.splitlines()) < 20


def test_options_and_shapes_change_the_network(call):
    code, out, _ = call(
        "summary", "cnn", "--input-shape", "3,32,32", "--set", "n_channels=16,32,45"
    )
    assert code == 0
    assert re.search(r"Parameters: +271,031\n", out)
    assert "n_channels=16,32,45; kernel_sizes=3;" in out


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18", "mlp-mixer"])
def test_a_network_is_shown_for_the_images_that_train_takes(call, refused, model):
    _, out, _ = call("summary", model)
    channels, height, width = map(int, re.search(r"input +(\d+) × (\d+) × (\d+)\n", out).groups())
    n_train = 54_000 if (channels, height, width) == (1, 28, 28) else 1_800
    assert (channels, height, width) in ((1, 28, 28), (3, 32, 32))
    assert f"at most {n_train}" in refused("train", model, "--images", "1000000")


def test_memory_depends_on_the_batch(call):
    texts = [call("summary", "mlp", "--batch-size", size)[1] for size in ("1", "10000")]
    memory = [re.search(r"Training memory: +about (.*) with Adam", text)[1] for text in texts]
    assert memory == ["21.9 MB", "120 MB"]


def test_help_explains_every_parameter_and_shows_examples(call):
    code, out, err = call("summary", "--help")
    assert (code, err) == (0, "")
    for name in inspect.signature(summary).parameters:
        assert re.search(rf"\n +{name}\n", summary.__doc__), name
    for option in ("--input-shape", "--classes", "--batch-size", "--depth", "--set"):
        assert option in out
    assert summary.__doc__.splitlines()[0] == MODELS["summary"].splitlines()[0]


@pytest.mark.parametrize("line", MODELS["summary"].split("```")[1].strip().splitlines())
def test_the_examples_of_the_help_work(call, line):
    program, *arguments = line.split()
    assert program == "retroprop"
    assert call(*arguments)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("resnet",), "there is no model 'resnet'. Did you mean 'resnet18'?"),
        (("mlp", "--input-shape", "3"), "--input-shape is CHANNELS,HEIGHT,WIDTH"),
        (("mlp", "--input-shape", "3,0,1"), "--input-shape is CHANNELS,HEIGHT,WIDTH"),
        (("mlp", "--input-shape", "3,32,5000"), "sizes from 1 to 4,096"),
        (("mlp", "--set", "hidden"), "--set 'hidden' is not key=value"),
        (("mlp", "--set", "hidden=3"), "MLP has no option 'hidden'"),
        (("mlp", "--classes", "0"), "a model has from 1 to 1,000,000 classes, and got 0"),
        (("mlp", "--depth", "0"), "--depth is a whole number from 1 on, and got 0"),
        (("mlp", "--classes", "2.5"), "2.5"),
        (
            ("cnn", "--input-shape", "1,4,4"),
            "a kernel of 3 × 3, larger than its input of 1 × 1",
        ),
        (("mlp-mixer", "--set", "patch_size=5"), "patch_size 5 does not divide image size 32"),
        (("mlp", "--set", "hidden_sizes=99999999999999999999"), "at most 1,000,000"),
    ],
)
def test_what_cannot_be_is_explained_in_one_sentence(refused, arguments, sentence):
    assert sentence in refused("summary", *arguments)
