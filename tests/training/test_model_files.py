"""Model files: read back as they were written, and never believed before they are seen."""

import json
import math
import struct
import tracemalloc

import pytest
import torch
from safetensors.torch import load_file, save_file

from retroprop.errors import UserError
from retroprop.models.catalog import MODELS, build
from retroprop.training import checkpoints, model_files
from retroprop.training.image_sets import ImageSet, Normalization
from retroprop.training.model_files import ModelCard, load_model, save_model
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer

SHAPE = (3, 12, 12)
OPTIONS = {
    "mlp": {"hidden_sizes": (16, 8), "activation": "tanh", "initialization": "torch"},
    "cnn": {"n_channels": (4, 6), "dense_hiddens": (), "kernel_sizes": (3,)},
    "resnet18": {"widths": (4, 6, 8, 10)},
    "mlp-mixer": {"patch_size": 4, "embed_dim": 8, "num_blocks": 2, "drop_rate": 0.25},
}


def card_of(kind, **changes):
    values = {
        "kind": kind,
        "options": OPTIONS[kind],
        "image_shape": (12, 12, 3),
        "classes": ("cat", "dog", "chaise longue", "été"),
        "dataset": "cifar10",
    }
    return ModelCard(**(values | changes))


def normalization(*shape):
    return Normalization(mean=torch.rand(*shape), std=1 + torch.rand(*shape))


def write(path, of="mlp", /, **changes):
    """A model file, with fields of its card or tensors changed (None takes one away)."""
    model = build(of, SHAPE, 4, OPTIONS[of], seed=1)
    save_model(path, model.state_dict(), card_of(of), normalization(3, 1, 1))
    tensors = load_file(path)
    with checkpoints._opened(path) as file:  # pyright: ignore[reportPrivateUsage]
        about = json.loads(file.metadata()["about"])
    for name, value in changes.items():
        of_tensors = "." in name
        place = tensors if of_tensors else about
        place[name] = value
        if value is None:
            del place[name]
    about["sha256"] = model_files._digest(  # as whoever writes such a file on purpose
        {name: value for name, value in about.items() if name != "sha256"}, tensors
    )
    save_file(tensors, path, metadata={"about": json.dumps(about)})
    return path


@pytest.fixture
def refused(tmp_path):
    """Load a file; it must be refused in one sentence that names it, and without much memory."""

    def run(path):
        tracemalloc.start()
        with pytest.raises(UserError) as raised:
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50e6
        sentence = str(raised.value)
        assert str(path) in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")
        return sentence

    return run


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("per_pixel", [False, True])
def test_a_model_is_read_back_as_it_was_written(tmp_path, kind, per_pixel):
    model = build(kind, SHAPE, 4, OPTIONS[kind], seed=1)
    with torch.no_grad():
        model(torch.randn(5, *SHAPE))  # batch normalization has statistics of its own
    scale = normalization(*(SHAPE if per_pixel else (3, 1, 1)))
    path = tmp_path / "deep" / "model.safetensors"
    save_model(path, model.state_dict(), card_of(kind), scale)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]
    state = torch.get_rng_state()
    read, card, same_scale = load_model(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert card == card_of(kind)
    assert torch.equal(same_scale.mean, scale.mean)
    assert torch.equal(same_scale.std, scale.std)
    assert not read.training
    assert read.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name
    x = torch.randn(3, *SHAPE)
    assert torch.equal(read(x), model.eval()(x))


def test_every_cut_of_a_file_is_refused(tmp_path, refused):
    path = write(tmp_path / "m.safetensors")
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "is damaged or no file of weights" in refused(path)


def test_a_file_with_one_wrong_bit_is_refused_wherever_it_is(tmp_path, refused):
    path = write(tmp_path / "m.safetensors")
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        refused(path)


def test_a_file_of_an_older_version_without_a_digest_is_read(tmp_path):
    path = write(tmp_path / "m.safetensors", format="retroprop model 1")
    assert load_model(path)[1] == card_of("mlp")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"PK\x03\x04" + bytes(100),  # torch.save writes such files
        b"\x80\x04\x95" + b"cos\nsystem\n(S'echo no'\ntR.",  # a pickle that would run something
        struct.pack("<Q", 2**60) + b"{}",  # a header of 2⁶⁰ bytes
        struct.pack("<Q", 2) + b"[]",
    ],
)
def test_a_file_of_another_program_is_refused(tmp_path, refused, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert "is damaged or no file of weights" in refused(path)


def header_only(path, entry):
    header = json.dumps({"weight.x": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]},
        {"dtype": "F32", "shape": [2**63, 4], "data_offsets": [0, 0]},
        {"dtype": "F33", "shape": [1], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
    ],
)
def test_a_header_that_promises_what_is_not_there_is_refused(tmp_path, refused, entry):
    header_only(tmp_path / "m.safetensors", entry)
    assert "is damaged or no file of weights" in refused(tmp_path / "m.safetensors")


def test_a_safetensors_file_of_another_program_is_refused(tmp_path, refused):
    path = tmp_path / "m.safetensors"
    for metadata in (None, {"format": "pt"}, {"about": "a study"}, {"about": "[]"}):
        save_file({"weight.a": torch.zeros(2)}, path, metadata=metadata)
        assert "is not a model of retroprop; give a model.safetensors" in refused(path)


@pytest.mark.parametrize(
    "about",
    ["[" * 100_000, '{"format":' * 50_000, "9" * 10_000, "null", '"text"', "{}", "\x00", "NaN"],
    ids=lambda text: text[:10],
)
def test_a_card_that_is_no_card_is_refused(tmp_path, refused, about):
    path = tmp_path / "m.safetensors"
    save_file({"weight.a": torch.zeros(2)}, path, metadata={"about": about})
    assert "is not a model of retroprop" in refused(path)


NOT_OURS = "is not a model of retroprop"
CANNOT = "describes a model that cannot be built: "


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": "retroprop model 99"}, NOT_OURS),
        ({"format": None}, NOT_OURS),
        ({"kind": None}, NOT_OURS),
        ({"kind": ["mlp"]}, NOT_OURS),
        ({"kind": "transformer"}, CANNOT + "there is no model 'transformer'"),
        ({"dataset": 3}, NOT_OURS),
        ({"options": [1, 2]}, NOT_OURS),
        ({"options": {"hidden_sizes": [10**5] * 900}}, "belongs to another architecture"),
        ({"options": {"hidden_sizes": [10**9]}}, CANNOT + "hidden_sizes is at most"),
        ({"options": {"hidden_sizes": [2] * 2000}}, CANNOT + "hidden_sizes has at most"),
        ({"options": {"hidden_sizes": [-1]}}, CANNOT + "hidden_sizes is at least 1"),
        ({"options": {"hidden_sizes": [2.5]}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"hidden_sizes": ["a"]}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"hidden_sizes": [[1]]}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"hidden_sizes": [True]}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"hidden_sizes": {"a": 1}}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"hidden_sizes": None}}, CANNOT + "hidden_sizes takes whole numbers"),
        ({"options": {"activation": "__import__"}}, CANNOT + "there is no activation"),
        ({"options": {"activation": 3}}, CANNOT + "activation takes a word"),
        ({"options": {"forward": 3}}, CANNOT + "MLP has no option 'forward'"),
        ({"image_shape": [12, 12]}, NOT_OURS),
        ({"image_shape": [12, 12, "3"]}, NOT_OURS),
        ({"image_shape": [12, 12, 3.0]}, NOT_OURS),
        ({"image_shape": [12, 12, True]}, NOT_OURS),
        ({"image_shape": [12, 12, -3]}, NOT_OURS),
        ({"image_shape": [12, 12, 10**6]}, NOT_OURS),
        ({"image_shape": [10**5, 10**5, 10**5]}, "architecture"),
        ({"image_shape": "abc"}, NOT_OURS),
        ({"image_shape": 12}, NOT_OURS),
        ({"image_shape": None}, NOT_OURS),
        ({"classes": []}, NOT_OURS),
        ({"classes": "cats"}, NOT_OURS),
        ({"classes": [1, 2, 3, 4]}, NOT_OURS),
        ({"classes": ["x"] * 100_001}, NOT_OURS),
        ({"classes": ["a", "b", "c", "\x1b[2J"]}, NOT_OURS),  # it would clear the screen
        ({"classes": ["a", "b"]}, "output_layer.bias is (4,) and not (2,)"),
    ],
)
def test_a_hostile_card_is_refused(tmp_path, refused, changes, sentence):
    assert sentence in refused(write(tmp_path / "m.safetensors", **changes))


def test_sizes_without_weights_are_not_allocated(tmp_path, refused):
    """The card asks for 40 GB, and the file lacks the tensors that would say otherwise."""
    path = write(
        tmp_path / "m.safetensors",
        options={"hidden_sizes": [100_000, 100_000]},
        **{"weight.hidden_layers.0.weight": None, "weight.hidden_layers.1.weight": None},
    )
    assert "belongs to another architecture: it lacks 'hidden_layers.0.weight'" in refused(path)
    path = write(path, "cnn", options={"n_channels": [10**6], "kernel_sizes": [12]})
    assert "belongs to another architecture" in refused(path)
    many = {"n_channels": [10**6, 10**6], "kernel_sizes": [10**6], "paddings": [10**6]}
    assert "the memory does not suffice for" in refused(write(path, "cnn", options=many))


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"weight.output_layer.bias": None}, "it lacks 'output_layer.bias'"),
        ({"weight.extra": torch.zeros(1)}, "it has 'extra'"),
        ({"weight.output_layer.bias": torch.zeros(5)}, "is (5,) and not (4,)"),
        ({"weight.output_layer.bias": torch.full((4,), math.nan)}, "in output_layer.bias that are"),
        ({"weight.output_layer.bias": torch.full((4,), -math.inf)}, "are not finite; train"),
        ({"weight.output_layer.bias": torch.zeros(4, dtype=torch.float64)}, "type torch.float64"),
        ({"weight.output_layer.bias": torch.zeros(4, dtype=torch.complex64)}, "torch.complex64"),
        ({"weight.output_layer.bias": torch.zeros(4, dtype=torch.float8_e5m2)}, "torch.float8"),
        ({"normalization.mean": None}, "has no normalization.mean for its images"),
        ({"normalization.std": torch.zeros(3, 1, 1)}, "divides by zero"),
        ({"normalization.std": -torch.ones(3, 1, 1)}, "divides by zero"),
        ({"normalization.std": torch.full((3, 1, 1), math.nan)}, "not finite or divides"),
        ({"normalization.mean": torch.full((3, 1, 1), math.inf)}, "not finite or divides"),
        ({"normalization.mean": torch.zeros(1, 1, 1)}, "has no normalization.mean"),
        ({"normalization.mean": torch.zeros(3, 12, 13)}, "has no normalization.mean"),
        ({"normalization.std": torch.ones(3, 1, 1, dtype=torch.int64)}, "no normalization.std"),
    ],
)
def test_hostile_tensors_are_refused(tmp_path, refused, tensors, sentence):
    assert sentence in refused(write(tmp_path / "m.safetensors", **tensors))


@pytest.mark.parametrize("kind", MODELS)
def test_the_weights_of_another_architecture_are_refused(tmp_path, refused, kind):
    path = write(tmp_path / "m.safetensors", kind)
    for other in MODELS.keys() - {kind}:
        changed = write(path, kind, kind=other, options=OPTIONS[other])
        assert "belongs to another architecture" in refused(changed)


def test_a_missing_file_and_a_folder_are_refused(tmp_path, refused):
    assert "there is no file" in refused(tmp_path / "none.safetensors")
    assert str(tmp_path) in refused(tmp_path)


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("no folder")
    state = build("mlp", SHAPE, 4, OPTIONS["mlp"]).state_dict()
    with pytest.raises(UserError, match="cannot be written"):
        save_model(
            tmp_path / "file" / "m.safetensors", state, card_of("mlp"), normalization(3, 1, 1)
        )


# --- checkpoints of a training that goes on -------------------------------------------------------


def trainer(**options):
    images = ImageSet(images=torch.randn(8, *SHAPE), labels=torch.arange(8) % 4, n_classes=4)
    model = build("mlp", SHAPE, 4, {"hidden_sizes": (5,)} | options, seed=0)
    return Trainer(model, images, images, RunSettings(epochs=2, batch_size=4))


@pytest.mark.parametrize(
    "changes",
    [
        {"history": None},
        {"history": torch.zeros(4, dtype=torch.uint8)},
        {"history": torch.tensor(list(b'[{"epoch": 0}]'), dtype=torch.uint8)},
        {"history": torch.tensor(list(b'{"epoch": 0}'), dtype=torch.uint8)},
        {"other.thing": torch.zeros(1)},
        {"optimizer.99.exp_avg": torch.zeros(1)},
        {"optimizer.x.exp_avg": torch.zeros(1)},
        {"optimizer.0.exp_avg": torch.zeros(3, 3)},
        {"best.output_layer.bias": torch.zeros(7)},
        {"model.output_layer.bias": torch.zeros(7)},
        {"model.output_layer.bias": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_damaged_checkpoint_is_refused_and_changes_nothing(tmp_path, changes):
    path, ours = tmp_path / "last.safetensors", trainer()
    ours.fit()
    ours.save(path, about="a test")
    tensors = load_file(path) | changes
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, path, metadata={"about": "a test"})
    other = trainer()
    before = {name: tensor.clone() for name, tensor in other.model.state_dict().items()}
    with pytest.raises(UserError) as raised:
        other.load(path, about="a test")
    assert str(path) in str(raised.value)
    assert other.epoch == -1
    assert all(torch.equal(other.model.state_dict()[name], t) for name, t in before.items())


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    path, ours = tmp_path / "last.safetensors", trainer()
    ours.advance()
    ours.save(path, about="a test")
    for about, options in (("another test", {}), ("a test", {"hidden_sizes": (6,)})):
        with pytest.raises(UserError, match=r"belongs to (another architecture|'a test' and not)"):
            trainer(**options).load(path, about=about)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    checkpoints.save_tensors(path, {"a": torch.zeros(3)}, about="old")

    def stop(tensors, metadata):
        yield b"half"
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "_serialized", stop)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save_tensors(path, {"a": torch.ones(3)}, about="new")
    assert checkpoints.read_about(path) == "old"
    assert [file.name for file in tmp_path.glob("*last*")] == [path.name]
    assert [file.name for file in tmp_path.glob(".*")] == []
