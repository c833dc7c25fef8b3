"""The networks by name, and what they are made of."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from retroprop.errors import UserError
from retroprop.models.catalog import MODELS, build, find_model, read_option
from retroprop.models.mlpmixer import MLPMixer
from retroprop.models.summary import summarize

GREY, COLOUR = (1, 28, 28), (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "shape", "options", "parameters"),
    [
        ("mlp", GREY, {"hidden_sizes": (256, 256)}, 269_322),  # as the document's question 3 (a)
        ("cnn", GREY, {"n_channels": (16, 32, 45)}, 270_743),
        ("resnet18", COLOUR, {}, 11_173_962),
        ("mlp-mixer", COLOUR, {}, 2_188_298),
    ],
)
def test_the_parameters_are_the_known_ones_and_each_belongs_to_one_layer(
    name, shape, options, parameters
):
    summary = summarize(build(name, shape, 10, options), shape)
    assert summary.parameters == parameters
    assert sum(layer.parameters for layer in summary.layers) == parameters
    assert summary.layers[-1].output_shape == (10,)


def test_resnet18_makes_about_half_a_billion_multiply_adds():
    summary = summarize(build("resnet18", COLOUR, 10), COLOUR)
    assert summary.multiply_adds == 555_422_720
    by_name = {layer.name: layer for layer in summary.layers}
    assert by_name["conv1"].multiply_adds == 64 * 32 * 32 * 3 * 3 * 3
    assert by_name["layer2.0.shortcut.0"].output_shape == (128, 16, 16)
    assert by_name["layer2.0.shortcut.0"].parameters == 64 * 128


@pytest.mark.parametrize("name", MODELS)
def test_multiply_adds_are_half_of_the_operations_that_torch_counts(name):
    with torch.device("meta"):
        network = build(name, COLOUR, 7)
    counter = FlopCounterMode(display=False)
    with counter:
        network.eval()(torch.zeros(1, *COLOUR, device="meta"))
    assert 2 * summarize(network, COLOUR).multiply_adds == counter.get_total_flops()


@pytest.mark.parametrize("name", MODELS)
def test_without_numbers_the_summary_is_the_same(name):
    with torch.device("meta"):
        of_nothing = summarize(build(name, COLOUR, 10), COLOUR)
    real = summarize(build(name, COLOUR, 10), COLOUR)
    assert (of_nothing.layers, of_nothing.parameters) == (real.layers, real.parameters)
    assert of_nothing.kept_bytes == pytest.approx(real.kept_bytes, rel=0.02)


def test_what_is_kept_for_the_backward_pass_is_counted_once():
    network = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    kept = summarize(network, (5,)).kept_bytes
    # The input; the ReLU's output, which the second layer keeps too; no parameter.
    assert kept == 4 * (5 + 7)


def test_memory_of_training_grows_with_the_batch_and_holds_four_numbers_per_parameter():
    summary = summarize(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7)), (5,))
    assert summary.parameters == 5 * 7 + 7 + 7 + 7
    assert summary.buffers == 7 + 7 + 1
    assert summary.model_bytes == 4 * (56 + 15)
    assert summary.training_bytes(10) == 4 * (4 * 56 + 15) + 10 * summary.kept_bytes


def test_the_network_is_left_as_it_was():
    network = build("resnet18", COLOUR, 10, {"widths": (2, 2, 3, 4)})
    network.layer1.eval()
    modes = [module.training for module in network.modules()]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    summarize(network, (3, 16, 16))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_layer_that_is_used_twice_has_its_parameters_once():
    shared = nn.Linear(4, 4)
    summary = summarize(nn.Sequential(shared, nn.ReLU(), shared), (4,))
    assert [layer.parameters for layer in summary.layers] == [20, 0, 0]
    assert summary.multiply_adds == 32


def test_rows_are_added_up_to_a_depth():
    summary = summarize(build("mlp-mixer", COLOUR, 10), COLOUR)
    rows = summary.grouped(2)
    assert [row.name for row in rows] == [
        "patchemb.proj", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "norm", "head",
    ]  # fmt: skip
    assert sum(row.parameters for row in rows) == summary.parameters
    assert sum(row.multiply_adds for row in rows) == summary.multiply_adds
    assert summary.grouped(9) == summary.layers


def test_a_kernel_that_is_larger_than_its_input_is_explained():
    small = r"convolution 2 has a kernel of 3 × 3, larger than its input of 1 × 1"
    with pytest.raises(UserError, match=small):
        summarize(build("cnn", (1, 28, 28), 10), (1, 4, 4))
    with pytest.raises(UserError, match=small):
        build("cnn", (1, 4, 4), 10)
    with pytest.raises(UserError, match=r"cannot take an input of 1 × 4 × 4: .*Kernel size"):
        summarize(nn.Conv2d(1, 1, 5), (1, 4, 4))


# --- the catalog ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp-mixer", "MLPMixer", "mlp_mixer", "Mlp-Mixer"])
def test_a_name_may_be_written_in_several_ways(name):
    assert isinstance(build(name, COLOUR, 10, {"num_blocks": 1}), MLPMixer)


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("resnet", COLOUR, {}, "no model 'resnet'. Did you mean 'resnet18'"),
        ("mlp", COLOUR, {"width": 3}, "MLP has no option 'width'"),
        ("mlp", COLOUR, {"hidden_sizes": 3}, "hidden_sizes takes whole numbers with commas"),
        ("mlp", COLOUR, {"hidden_sizes": (3, 0)}, "hidden_sizes is at least 1, and got 3,0"),
        ("mlp", COLOUR, {"hidden_sizes": (3, True)}, "hidden_sizes takes whole numbers"),
        ("mlp", COLOUR, {"activation": "rellu"}, "Did you mean 'relu'"),
        ("cnn", COLOUR, {"paddings": (-1,)}, "paddings is at least 0, and got -1"),
        ("cnn", COLOUR, {"kernel_sizes": (3, 3)}, "one value per convolution"),
        ("resnet18", GREY, {}, "ResNet-18 takes images of 3 channels, and got 1"),
        ("resnet18", COLOUR, {"widths": (4, 4)}, "four stages"),
        ("mlp-mixer", GREY, {}, "3 channels, and got 1"),
        ("mlp-mixer", (3, 32, 16), {}, "square images, and got 32 × 16"),
        ("mlp-mixer", COLOUR, {"patch_size": 5}, "patch_size 5 does not divide"),
        ("mlp-mixer", COLOUR, {"drop_rate": 1}, "drop_rate is a probability below 1"),
        ("mlp-mixer", COLOUR, {"embed_dim": 1}, "embed_dim is at least 2"),
        ("mlp-mixer", COLOUR, {"num_blocks": 10**6}, "num_blocks is at most 1,000"),
        ("mlp", COLOUR, {"hidden_sizes": (10**30,)}, "hidden_sizes is at most 1,000,000"),
        ("mlp", COLOUR, {"hidden_sizes": (1,) * 1001}, "at most 1,000 values, and got 1,001"),
        ("mlp", (3, 0, 32), {}, "at least 1, and got"),
    ],
)
def test_a_network_that_cannot_be_is_explained(name, shape, options, message):
    with pytest.raises(UserError, match=message):
        build(name, shape, 10, options)


def test_a_network_without_classes_is_refused():
    with pytest.raises(UserError, match="from 1 to 1,000,000 classes, and got 0"):
        build("mlp", COLOUR, 0)


def test_one_value_stands_for_all_convolutions():
    options = {"n_channels": (8, 16, 32, 64), "kernel_sizes": (1,)}
    assert build("cnn", GREY, 10, options).conv4.kernel_size == (1, 1)


@pytest.mark.parametrize(
    ("name", "key", "text", "value"),
    [
        ("mlp", "hidden_sizes", "1024,512", (1024, 512)),
        ("mlp", "hidden_sizes", "64", (64,)),
        ("mlp", "activation", "tanh", "tanh"),
        ("mlp-mixer", "patch_size", "8", 8),
        ("mlp-mixer", "drop_rate", "0.1", 0.1),
    ],
)
def test_options_are_read_from_text(name, key, text, value):
    assert read_option(find_model(name), key, text) == value


@pytest.mark.parametrize(("key", "text"), [("patch_size", "2.5"), ("drop_rate", "little")])
def test_a_text_that_is_no_value_of_an_option_is_explained(key, text):
    with pytest.raises(UserError, match=f"{key} takes a .*such as .*and got '{text}'"):
        read_option(find_model("mlp-mixer"), key, text)
