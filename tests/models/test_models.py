"""The networks by automatic differentiation: shapes, parameters, gradients, learning, files."""

import pytest
import torch
from torch.nn import functional as F

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.models.cnn import CNN
from retroprop.models.mlp import MLP, Linear
from retroprop.models.mlpmixer import DropPath, MixerBlock, Mlp, MLPMixer, PatchEmbed
from retroprop.models.resnet18 import BasicBlock, ResNet18

SMALL = {  # name -> the network, and the shape of the images it takes
    "mlp": (lambda: MLP(48, [16, 8], 5), (3, 4, 4)),
    "mlp-tanh": (lambda: MLP(48, [16], 5, activation="tanh"), (3, 4, 4)),
    "mlp-sigmoid": (lambda: MLP(48, [16], 5, activation="sigmoid"), (3, 4, 4)),
    "softmax-regression": (lambda: MLP(48, [], 5), (3, 4, 4)),
    "cnn": (
        lambda: CNN(
            1,
            5,
            n_channels=(4, 6),
            kernel_sizes=(3, 2),
            strides=(1, 2),
            paddings=(1, 0),
            dense_hiddens=(12,),
        ),
        (1, 21, 19),
    ),
    "resnet18": (lambda: ResNet18(5, widths=(4, 4, 6, 8)), (3, 16, 16)),
    "mixer": (lambda: MLPMixer(5, 8, 4, 12, 2), (3, 8, 8)),
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("batch", [1, 3])
def test_logits_have_one_row_per_image_and_one_column_per_class(name, batch):
    make, shape = SMALL[name]
    network = make().eval()
    assert network(torch.randn(batch, *shape)).shape == (batch, 5)


@pytest.mark.parametrize("name", SMALL)
def test_finite_gradients_reach_every_parameter(name):
    make, shape = SMALL[name]
    network = make().double()
    F.cross_entropy(
        network(torch.randn(6, *shape, dtype=torch.float64)), torch.arange(6) % 5
    ).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # the bias that every channel of a token shares is what the next normalization takes away
        if not parameter_name.endswith("mlp_tokens.fc2.bias"):
            assert parameter.grad.abs().max() > 1e-12, parameter_name


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: MLP(784, [256, 256], 10), 269_322),  # the document's own count
        (lambda: MLP(3072, [1024, 512, 64, 64], 10), 3_709_194),
        (lambda: ResNet18(), 11_173_962),
        # 3·16·256 + 256; a block: 4·256 + (64·128 + 128 + 128·64 + 64) + (256·1024·2 + 1280); …
        (lambda: MLPMixer(10, 32, 4, 256, 4), 2_188_298),
        (lambda: CNN(1, 10), 283_898),
    ],
    ids=["mlp", "deep-mlp", "resnet18", "mixer", "cnn"],
)
def test_the_number_of_parameters_is_known(make, count):
    assert sum(parameter.numel() for parameter in make().parameters()) == count


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_network_loads_and_computes_the_same(name, tmp_path):
    make, shape = SMALL[name]
    network, other = make(), make()
    images = torch.randn(4, *shape)
    network(images)  # moves the running statistics, which must travel too
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    assert not torch.equal(network.eval()(images), other.eval()(images))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(network(images), other(images))


@pytest.mark.parametrize(
    ("make", "steps", "rate"),
    [
        (lambda: MLP(3072, [32], 10), 60, 1e-3),
        (lambda: CNN(3, 10, n_channels=(8, 8, 8), dense_hiddens=(32,)), 80, 5e-3),
        (lambda: ResNet18(widths=(8, 8, 8, 16)), 25, 1e-2),
        (lambda: MLPMixer(10, 32, 8, 32, 2), 40, 5e-3),
    ],
    ids=["mlp", "cnn", "resnet18", "mixer"],
)
def test_the_network_learns_thirty_two_images_by_heart(make, steps, rate):
    sample = load("cifar10-sample")
    images = torch.tensor(sample.train_images[:32]).permute(0, 3, 1, 2) / 255.0 - 0.5
    labels = torch.tensor(sample.train_labels[:32]).long()
    network = make()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network(images).argmax(1) == labels).float().mean() == 1


def test_the_mixer_starts_with_the_assignments_weights():
    network = MLPMixer(10, 32, 4, 256, 2)
    for name, layer in network.named_modules():
        if isinstance(layer, torch.nn.Linear):
            bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
            assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01), name
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05), name
        if isinstance(layer, torch.nn.LayerNorm):
            assert layer.eps == (1e-5 if name == "norm" else 1e-6), name
            assert (layer.weight == 1).all(), name
        if hasattr(layer, "bias"):
            assert (layer.bias == 0).all(), name
    patches = network.patchemb.proj.weight
    assert patches.std().item() == pytest.approx((2 / patches[0].numel()) ** 0.5, rel=0.05)
    assert patches.abs().max() > 3 * patches.std()  # normal, not uniform


def test_weights_of_the_mixer_can_be_drawn_anew():
    network = MLPMixer(10, 32, 4, 16, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 7.0)
    torch.manual_seed(1)
    network.apply(network.init_weights)
    for name, value in network.state_dict().items():
        drawn = value.ndim > 1
        assert torch.equal(value, before[name]) is not drawn, name
        assert not (value == 7).any(), name


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (Linear(3, 2), {"weight", "bias"}),
        (
            MLP(3, [2], 2),
            {
                "hidden_layers.0.weight", "hidden_layers.0.bias",
                "output_layer.weight", "output_layer.bias",
            },
        ),
        (Mlp(3, 2), {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}),
        (PatchEmbed(8, 4, embed_dim=2), {"proj.weight", "proj.bias"}),
    ],
    ids=["Linear", "MLP", "Mlp", "PatchEmbed"],
)  # fmt: skip
def test_the_state_dict_has_the_names_of_the_assignment(module, names):
    assert set(module.state_dict()) == names


def test_the_state_dicts_of_the_large_networks_have_the_names_of_the_assignment():
    resnet = set(ResNet18(widths=(2, 2, 2, 2)).state_dict())
    assert {"conv1.weight", "bn1.running_mean", "linear.weight", "linear.bias"} <= resnet
    for stage in range(1, 5):
        for block in range(2):
            for layer in ("conv1", "bn1", "conv2", "bn2"):
                assert f"layer{stage}.{block}.{layer}.weight" in resnet
    assert "layer2.0.shortcut.0.weight" in resnet
    assert "layer2.0.shortcut.1.running_var" in resnet
    assert not any(name.startswith("layer1.0.shortcut") for name in resnet)
    assert not any(name.endswith("conv1.bias") for name in resnet)
    mixer = set(MLPMixer(2, 4, 2, 4, 1).state_dict())
    assert {"patchemb.proj.weight", "norm.weight", "norm.bias", "head.weight"} <= mixer
    for part in ("norm1", "mlp_tokens.fc1", "mlp_tokens.fc2", "norm2", "mlp_channels.fc1"):
        assert f"blocks.0.{part}.weight" in mixer


def test_a_linear_layer_starts_with_zero_bias_and_weights_of_xaviers_variance():
    layer = MLP(400, [600], 10).hidden_layers[0]
    assert torch.equal(layer.bias, torch.zeros(600))
    assert layer.weight.shape == (600, 400)
    assert layer.weight.std().item() == pytest.approx((2 / 1000) ** 0.5, rel=0.02)


def test_the_hidden_dimensions_of_a_block_are_half_and_four_times_the_embedding():
    block = MixerBlock(dim=12, seq_len=9)
    assert block.mlp_tokens.fc1.weight.shape == (6, 9)
    assert block.mlp_channels.fc1.weight.shape == (48, 12)


def test_patches_are_the_squares_of_the_image_row_by_row():
    embed = PatchEmbed(4, 2, in_chans=1, embed_dim=4)
    with torch.no_grad():
        embed.proj.weight.copy_(torch.eye(4).view(4, 1, 2, 2))
        embed.proj.bias.zero_()
        tokens = embed(torch.arange(16.0).view(1, 1, 4, 4))
    assert embed.grid_size == 2
    assert embed.num_patches == 4
    assert tokens[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_a_block_shrinks_the_image_by_its_stride():
    block = BasicBlock(3, 5, stride=2)
    assert block(torch.randn(2, 3, 7, 9)).shape == (2, 5, 4, 5)
    assert len(BasicBlock(3, 3).shortcut) == 0


def test_stochastic_depth_leaves_out_whole_examples_and_keeps_the_mean():
    path = DropPath(0.25)
    branch = torch.ones(4000, 3)
    rows = path(branch)
    assert (rows.amin(1) == rows.amax(1)).all()
    assert set(rows.unique().tolist()) == {0.0, (torch.ones(1) / 0.75).item()}
    assert rows.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(path.eval()(branch), branch)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MLP(3, [2], 2, activation="rleu"), "Did you mean 'relu'?"),
        (lambda: MLPMixer(10, 32, 5, 8, 1), "use 1, 2, 4, 8, 16 or 32"),
        (lambda: PatchEmbed(8, 4)(torch.zeros(1, 3, 8, 12)), "and got 8 × 12"),
        (lambda: PatchEmbed(8, 4)(torch.zeros(1, 1, 8, 8)), r"\(batch, 3, 8, 8\), and got \(1, 1"),
        (lambda: MLP(3, [0], 2), r"1 unit or more each, and got \(3, 0, 2\)"),
        (lambda: MLP(3, [2], 2)(torch.zeros(1, 4)), "images of 3 numbers each, and got"),
        (lambda: ResNet18()(torch.zeros(1, 1, 8, 8)), "three colours"),
        (lambda: CNN(1, 10)(torch.zeros(1, 3, 28, 28)), r"\(batch, 1, height, width\), and got"),
        (lambda: CNN(1, 10)(torch.zeros(1, 1, 15, 28)), "convolution 3 has a kernel of 3 × 3"),
        (lambda: CNN(1, 10, strides=(1, 0, 1)), "strides must be whole numbers from 1"),
        (lambda: CNN(1, 10, n_channels=(4, 4)), "n_channels 2, kernel_sizes 3"),
        (
            lambda: CNN(1, 10, n_channels=(), kernel_sizes=(), strides=(), paddings=()),
            "at least one",
        ),
    ],
)
def test_a_network_that_cannot_be_is_explained(make, sentence):
    with pytest.raises(UserError, match=sentence.replace("?", r"\?")):
        make()
