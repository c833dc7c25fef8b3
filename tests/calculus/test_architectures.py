"""Architectures in one line of text."""

import pytest

from retroprop.calculus.architectures import LARGEST, Architecture, parse_architecture
from retroprop.errors import UserError, in_short
from retroprop.models.catalog import build
from retroprop.studies.schema import load_study


def cnn(channels, kernel_sizes, strides=None, paddings=None, dense=(256, 256)):
    ones, zeros = (1,) * len(channels), (0,) * len(channels)
    return Architecture("cnn", dense, channels, kernel_sizes, strides or ones, paddings or zeros)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mlp 256-256", Architecture("mlp", (256, 256))),
        ("mlp 1", Architecture("mlp", (1,))),
        ("mlp 64x3", Architecture("mlp", (64, 64, 64))),
        ("mlp 1024-512-64x2-7", Architecture("mlp", (1024, 512, 64, 64, 7))),
        ("cnn 16-32-45 k3", cnn((16, 32, 45), (3, 3, 3))),
        ("cnn 8x2 k1 dense 20", cnn((8, 8), (1, 1), dense=(20,))),
        ("  cnn  29   k28 dense 10x2 ", cnn((29,), (28,), dense=(10, 10))),
        ("cnn 8-16 k5-3 s2-1 p2 dense 9", cnn((8, 16), (5, 3), (2, 1), (2, 2), (9,))),
        ("cnn 8x2 k5-3 p0-1", cnn((8, 8), (5, 3), paddings=(0, 1))),
    ],
)
def test_a_text_is_an_architecture(text, expected):
    assert parse_architecture(text) == expected
    assert parse_architecture(expected.text) == expected
    assert len(expected.text) <= len(text)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("mlp 256-256", 269_322),  # the document's own number
        ("mlp 64x53", 267_210),
        ("cnn 16-32-45 k3", 270_743),
    ],
)
def test_the_architectures_of_the_assignment_have_its_parameters(text, parameters):
    chosen = parse_architecture(text)
    model = build(chosen.kind, (1, 28, 28), 10, chosen.options)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_every_architecture_of_the_catalog_can_be_built():
    for text in load_study("ift3395-architectures").grid.architecture:
        chosen = parse_architecture(text)
        assert build(chosen.kind, (1, 28, 28), 10, chosen.options)


@pytest.mark.parametrize(
    "text",
    [
        "", "mlp", "256-256", "mlp 256 256", "mlp 256--256", "mlp -3", "mlp 2.5", "mlp 3x",
        "mlp x3", "mlp " + "9" * 5000, "cnn 5 k" + "9" * 5000, "mlp ٣٤",
        "MLP 3", "cnn 16", "cnn 16 3", "cnn 16 k", "cnn 16 k3 20", "cnn 16 k3 dense",
        "cnn 16 k3 dense 20 20", "cnn 16 k3 sparse 20", "rnn 16",
        "cnn 16 s1", "cnn 16 p0 k3", "cnn 16 k3 k3", "cnn 16 k3-", "cnn 16 k3 s-1", "cnn 16 k3 t1",
        "cnn k3 16",
    ],
)  # fmt: skip
def test_a_text_that_is_none_is_refused_with_examples(text):
    with pytest.raises(UserError) as raised:
        parse_architecture(text)
    assert in_short(text) in str(raised.value)
    assert "write for example 'mlp 256-256'" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mlp 0", "layers have from 1 to 100,000 units, and '0' has not"),
        (f"mlp {LARGEST + 1}", "layers have from 1 to 100,000 units"),
        ("mlp 5x0", "and '5x0' has not"),
        ("mlp 5x999999999", "and '5x999999999' has not"),
        ("mlp 5x1000-5", "has more than 1,000 layers"),
        ("cnn 5 k0", "a kernel has from 1 to 100,000 pixels a side"),
        ("cnn 5 k100001", "a kernel has from 1 to 100,000 pixels a side"),
        ("cnn 5 k3 s0", "a stride has from 1 to 100,000 pixels"),
        ("cnn 5-6-7 k3-1", "has 2 kernel sizes for 3 convolutions; give one for all, or one for"),
        ("cnn 5-6 k3 p0-1-2", "has 3 paddings for 2 convolutions"),
    ],
)
def test_sizes_that_cannot_be_are_refused(text, sentence):
    with pytest.raises(UserError) as raised:
        parse_architecture(text)
    assert sentence in str(raised.value)
