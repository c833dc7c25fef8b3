"""Devoir 1 of IFT6135: the template's names, state dicts, command line and results."""

import inspect
import json
import math
import shlex

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.labs.ift6135_devoir1 import main as lab
from retroprop.labs.ift6135_devoir1.config import get_config_parser, shipped_config
from retroprop.labs.ift6135_devoir1.mlp import MLP, Linear
from retroprop.labs.ift6135_devoir1.mlpmixer import MixerBlock, Mlp, MLPMixer, PatchEmbed
from retroprop.labs.ift6135_devoir1.resnet18 import BasicBlock, ResNet18
from retroprop.labs.ift6135_devoir1.utils import (
    compute_accuracy,
    cross_entropy_loss,
    epoch_curves,
    generate_plots,
    seed_experiment,
    to_device,
)
from retroprop.models import resnet18
from retroprop.training.augmentation import Augmentation
from retroprop.training.trainer import Trainer

RESULTS = {"train_losses", "valid_losses", "train_accs", "valid_accs", "test_loss", "test_acc"}


def parameters_of(function):
    return [
        name if parameter.default is parameter.empty else (name, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (Linear, ["in_features", "out_features"]),
        (MLP, ["input_size", "hidden_sizes", "num_classes", ("activation", "relu")]),
        (MLP._build_layers, ["self", "input_size", "hidden_sizes", "num_classes"]),
        (MLP._initialize_linear_layer, ["self", "module"]),
        (MLP.activation_fn, ["self", "activation", "inputs"]),
        (BasicBlock, ["in_planes", "planes", ("stride", 1)]),
        (ResNet18, [("num_classes", 10)]),
        (ResNet18._make_layer, ["self", "in_planes", "planes", "stride"]),
        (ResNet18.visualize, ["self", "logdir"]),
        (PatchEmbed, ["img_size", "patch_size", ("in_chans", 3), ("embed_dim", 768)]),
        (Mlp, ["in_features", "hidden_features", ("act_layer", nn.GELU), ("drop", 0.0)]),
        (
            MixerBlock,
            [
                "dim", "seq_len", ("mlp_ratio", (0.5, 4.0)), ("activation", "gelu"), ("drop", 0.0),
                ("drop_path", 0.0),
            ],
        ),
        (
            MLPMixer,
            [
                "num_classes", "img_size", "patch_size", "embed_dim", "num_blocks",
                ("drop_rate", 0.0), ("activation", "gelu"),
            ],
        ),
        (MLPMixer.init_weights, ["self", "module"]),
        (MLPMixer.visualize, ["self", "logdir"]),
        (lab.train, ["epoch", "model", "dataloader", "optimizer", "args"]),
        (lab.evaluate, ["epoch", "model", "dataloader", "args", ("mode", "val")]),
        (get_config_parser, []),
        (cross_entropy_loss, ["logits", "labels"]),
        (compute_accuracy, ["logits", "labels"]),
        (to_device, ["tensors", "device"]),
        (seed_experiment, ["seed"]),
        (generate_plots, ["list_of_dirs", "legend_names", "save_path"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)  # fmt: skip
def test_arguments_and_defaults_are_the_templates(function, parameters):
    assert parameters_of(function) == parameters


def test_the_state_dict_of_the_mlp_is_complete():
    network = MLP(12, [5, 4], 3)
    assert {name: tuple(t.shape) for name, t in network.state_dict().items()} == {
        "hidden_layers.0.weight": (5, 12),
        "hidden_layers.0.bias": (5,),
        "hidden_layers.1.weight": (4, 5),
        "hidden_layers.1.bias": (4,),
        "output_layer.weight": (3, 4),
        "output_layer.bias": (3,),
    }
    assert isinstance(network.hidden_layers, nn.ModuleList)
    assert (network.input_size, network.hidden_sizes, network.num_classes) == (12, [5, 4], 3)
    assert network.activation == "relu"


def test_the_state_dict_of_resnet18_is_complete():
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {"conv1.weight", "linear.weight", "linear.bias", *(f"bn1.{name}" for name in norm)}
    for stage in range(1, 5):
        for block in range(2):
            place = f"layer{stage}.{block}"
            for number in (1, 2):
                names |= {f"{place}.conv{number}.weight"}
                names |= {f"{place}.bn{number}.{name}" for name in norm}
        if stage > 1:
            names |= {f"layer{stage}.0.shortcut.0.weight"}
            names |= {f"layer{stage}.0.shortcut.1.{name}" for name in norm}
    network = ResNet18()
    assert set(network.state_dict()) == names
    assert network.conv1.weight.shape == (64, 3, 3, 3)
    assert [network.get_submodule(f"layer{i}.0").conv1.stride for i in range(1, 5)] == [
        (1, 1), (2, 2), (2, 2), (2, 2),
    ]  # fmt: skip


def test_the_state_dict_of_the_mixer_is_complete():
    names = {
        "patchemb.proj.weight", "patchemb.proj.bias", "norm.weight", "norm.bias", "head.weight",
        "head.bias",
    }  # fmt: skip
    for block in range(2):
        for part in (
            "norm1", "norm2", "mlp_tokens.fc1", "mlp_tokens.fc2", "mlp_channels.fc1",
            "mlp_channels.fc2",
        ):  # fmt: skip
            names |= {f"blocks.{block}.{part}.weight", f"blocks.{block}.{part}.bias"}
    network = MLPMixer(10, 32, 4, 16, 2)
    assert set(network.state_dict()) == names
    assert (network.patchemb.num_patches, network.patchemb.grid_size) == (64, 8)
    assert network.num_classes == 10
    dropped = MLPMixer(10, 32, 4, 16, 1, drop_rate=0.3).blocks[0].mlp_channels
    assert (dropped.drop1.p, dropped.drop2.p) == (0.3, 0.3)


def test_a_stage_of_resnet18_is_two_blocks_of_which_the_first_has_the_stride():
    first, second = ResNet18()._make_layer(8, 12, 2)
    assert (first.conv1.in_channels, first.conv1.stride) == (8, (2, 2))
    assert (second.conv1.in_channels, second.conv1.stride) == (12, (1, 1))


def test_weights_of_the_original_template_load():
    """The template's own mixer has these modules, in this order, and no other parameters."""
    original = nn.ModuleDict({
        "fc1": nn.Linear(4, 6), "act": nn.GELU(), "drop1": nn.Dropout(0.1),
        "fc2": nn.Linear(6, 4), "drop2": nn.Dropout(0.1),
    })  # fmt: skip
    ours = Mlp(4, 6, drop=0.1)
    ours.load_state_dict(original.state_dict())
    assert [name for name, _ in ours.named_children()] == list(original)
    assert torch.equal(ours.fc2.weight, original["fc2"].weight)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("mlp", MLP, 3_709_194),
        ("resnet18", ResNet18, 11_173_962),
        ("mlpmixer", MLPMixer, 2_188_298),
    ],
)
def test_the_shipped_configurations_make_the_documents_networks(name, kind, expected):
    network = lab.build(name, None)
    assert type(network) is kind
    assert count(network) == expected
    assert network.eval()(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_the_mlp_of_devoir_3_has_its_number_of_parameters():
    assert count(MLP(784, [256, 256], 10)) == 269_322


def test_a_linear_layer_multiplies_by_its_transposed_weight():
    layer = Linear(3, 2)
    x = torch.randn(5, 3)
    assert torch.allclose(layer(x), x @ layer.weight.T + layer.bias, atol=1e-6)
    network = MLP(3, [4], 2)
    layer.bias.data.fill_(1)
    network._initialize_linear_layer(layer)
    assert torch.equal(layer.bias, torch.zeros(2))
    torchs = nn.Linear(3, 2)
    network._initialize_linear_layer(torchs)
    assert torch.equal(torchs.bias, torch.zeros(2))
    network._initialize_linear_layer(nn.Linear(3, 2, bias=False))
    with pytest.raises(UserError, match="Did you mean 'relu'"):
        network.activation_fn("rleu", x)
    assert torch.equal(network.activation_fn("tanh", x), torch.tanh(x))


# --- utils ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 1e5])
def test_the_loss_and_its_gradient_are_those_of_torch(scale):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(7, 5, dtype=torch.float64, generator=generator)
    labels = torch.randint(5, (7,), generator=generator)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss, expected = cross_entropy_loss(ours, labels), F.cross_entropy(theirs, labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    loss.backward()
    expected.backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-14)
    assert ours.grad.abs().max() > 0.01


def test_the_loss_does_not_call_torchs(monkeypatch):
    def refused(*args, **kwargs):
        raise AssertionError("the library's cross-entropy was called")

    for name in ("cross_entropy", "nll_loss", "log_softmax"):
        monkeypatch.setattr(F, name, refused)
        monkeypatch.setattr(torch, name, refused, raising=False)
    monkeypatch.setattr(torch.Tensor, "log_softmax", refused)
    assert cross_entropy_loss(torch.zeros(2, 4), torch.tensor([0, 3])).item() == pytest.approx(
        math.log(4)
    )


def test_accuracy_is_a_fraction():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 0.0]])
    assert compute_accuracy(logits, torch.tensor([0, 1, 1])).item() == pytest.approx(2 / 3)


def test_containers_are_moved_to_a_device():
    moved = to_device({"a": [torch.ones(2)], "b": (torch.zeros(1), torch.ones(1))}, "meta")
    assert moved["a"][0].device.type == "meta"
    assert isinstance(moved["b"], tuple)
    assert len(moved["b"]) == 2
    with pytest.raises(UserError, match="got str"):
        to_device("images", "cpu")


def test_a_seed_fixes_all_generators():
    drawn = []
    for _ in range(2):
        seed_experiment(42)
        drawn.append((torch.rand(1).item(), np.random.rand()))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: cross_entropy_loss(torch.zeros(2, 3), torch.tensor([0, 3])), "0 to 2, as there"),
        (lambda: cross_entropy_loss(torch.zeros(2, 3), torch.tensor([-1, 0])), "from -1 to 0"),
        (lambda: cross_entropy_loss(torch.zeros(0, 3), torch.tensor([]).long()), "at least one"),
        (lambda: compute_accuracy(torch.zeros(1, 3), torch.tensor([7])), "reach from 7 to 7"),
        (lambda: seed_experiment(-1), "seed must be a whole number"),
        (lambda: generate_plots(["a"], ["a", "b"], "out"), "1 folders and 2 names"),
        (lambda: generate_plots(["a", "b"], ["x", "x"], "out"), "names must differ"),
        (lambda: generate_plots(["nowhere"], ["x"], "out"), "there is no nowhere/results.json"),
    ],
)
def test_what_the_helpers_cannot_use_is_explained(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call()


def test_four_figures_are_drawn_from_two_runs(tmp_path):
    for name, last in (("adam", 0.5), ("sgd", None)):
        curves = {curve: [2.0, 1.0, last] for curve in ("train_losses", "valid_losses")}
        curves |= {curve: [0.2, 0.5, last] for curve in ("train_accs", "valid_accs")}
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(curves))
    files = generate_plots([tmp_path / "adam", tmp_path / "sgd"], ["Adam", "SGD"], tmp_path / "out")
    assert [file.name for file in files] == [
        "train_accs.png", "valid_accs.png", "train_losses.png", "valid_losses.png",
    ]  # fmt: skip
    for file in files:
        with Image.open(file) as picture:
            assert min(picture.size) > 300
            assert picture.convert("RGBA").getpixel((1, 1)) == (255, 255, 255, 255)  # not clear
    (tmp_path / "sgd" / "results.json").write_text('{"train_accs": [1]}')
    with pytest.raises(UserError, match="a list of numbers called 'valid_accs'"):
        generate_plots([tmp_path / "sgd"], ["SGD"], tmp_path / "out")
    (tmp_path / "sgd" / "results.json").write_text("{")
    with pytest.raises(UserError, match="cannot read"):
        generate_plots([tmp_path / "sgd"], ["SGD"], tmp_path / "out")


def test_the_names_stand_at_the_ends_of_their_curves():
    series = {"low": [2.0, 1.0], "high": [2.0, 1.9], "lost": [None, None]}
    (axes,) = epoch_curves(series, "valid_losses").axes
    low, high, lost = axes.texts
    assert (low.get_text(), high.get_text(), lost.get_text()) == ("low", "high", "lost: diverged")
    assert high.get_position()[1] - low.get_position()[1] > 0.5
    assert axes.get_title(loc="left") == "validation loss (nats)"


# --- the command line -----------------------------------------------------------------------------

ORIGINAL = (
    "--model mlp --model_config ./model_configs/mlp.json --batch_size 128 --epochs 15 "
    "--optimizer adamw --lr 1e-3 --momentum 0.9 --weight_decay 5e-4 --logdir exps/mlp --seed 42 "
    "--device cpu --print_every 80 --visualize"
)


def test_the_original_command_line_is_understood():
    args = vars(get_config_parser().parse_args(shlex.split(ORIGINAL)))
    args = {name: str(value) for name, value in args.items()}
    assert args == {
        "model": "mlp",
        "model_config": "model_configs/mlp.json",
        "batch_size": "128",
        "dataset": "cifar10",
        "epochs": "15",
        "optimizer": "adamw",
        "lr": "0.001",
        "momentum": "0.9",
        "weight_decay": "0.0005",
        "logdir": "exps/mlp",
        "seed": "42",
        "device": "cpu",
        "print_every": "80",
        "visualize": "True",
    }


def test_the_defaults_are_the_templates():
    args = get_config_parser().parse_args([])
    assert (args.model, args.batch_size, args.epochs, args.optimizer) == (
        "mlp", 128, 15, "adamw",
    )  # fmt: skip
    assert (args.lr, args.momentum, args.weight_decay) == (1e-3, 0.9, 5e-4)
    assert (args.seed, args.print_every, args.visualize) == (42, 80, False)


def test_options_may_be_abbreviated():
    args = get_config_parser().parse_args(shlex.split("--epoch 3 --opt sgd --batch 7"))
    assert (args.epochs, args.optimizer, args.batch_size, args.model) == (3, "sgd", 7, "mlp")


@pytest.mark.parametrize("model", ["mlp", "resnet18", "mlpmixer"])
def test_an_original_main_can_use_the_options_as_they_come(model):
    """It opens `model_config`, compares `device` with "cuda" and moves tensors to it."""
    args = get_config_parser().parse_args(["--model", model])
    with open(args.model_config) as file:
        network = lab.MODELS[args.model](**json.load(file))
    assert args.device in ("cpu", "cuda")
    assert next(network.to(args.device).parameters()).device.type == args.device


def test_a_device_is_one_of_torchs(capsys):
    args = get_config_parser().parse_args(["--device", "meta"])
    assert torch.zeros(1, device=args.device).is_meta
    with pytest.raises(SystemExit):
        get_config_parser().parse_args(["--device", "gpu"])
    assert "there is no device 'gpu'; use auto, cpu or cuda." in capsys.readouterr().err


def run(*words):
    return lab.main([*words, "--dataset", "cifar10-sample", "--device", "cpu"])


@pytest.fixture
def tiny(tmp_path):
    """Files of networks that train in a second."""
    configs = {
        "mlp": {"input_size": 3072, "hidden_sizes": [16], "num_classes": 10},
        "mlpmixer": {
            "num_classes": 10, "img_size": 32, "patch_size": 8, "embed_dim": 16, "num_blocks": 1,
        },
    }  # fmt: skip
    for name, arguments in configs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(arguments))
    return tmp_path


@pytest.mark.parametrize("model", ["mlp", "mlpmixer"])
def test_main_trains_and_writes_the_results(tiny, model, capsys):
    words = ["--model", model, "--model_config", f"{tiny}/{model}.json", "--epochs", "2"]
    words += ["--batch_size", "100", "--print_every", "10", "--visualize"]
    assert run(*words, "--logdir", f"{tiny}/logs") == 0
    results = json.loads((tiny / "logs" / "results.json").read_text())
    assert set(results) == RESULTS
    for name in RESULTS - {"test_loss", "test_acc"}:
        assert len(results[name]) == 2
        assert all(isinstance(value, float) for value in results[name])
    assert results["train_losses"][1] < results["train_losses"][0]
    assert 0.05 < results["test_acc"] < 0.6
    said = capsys.readouterr().out
    assert "Epoch: 2, Iter: 10, 1,000 of 1,800 images" in said
    drawn = {file.name for file in (tiny / "logs").glob("*.png")}
    of_mixer = {"token_mixing_filters.png", "filtered_picture.png"}
    assert drawn == (of_mixer if model == "mlpmixer" else set())
    again = tiny / "again"
    assert run(*words, "--logdir", str(again)) == 0
    assert json.loads((again / "results.json").read_text()) == results


def test_a_run_that_diverges_says_so_and_writes_null(tiny, capsys):
    words = ["--model", "mlp", "--model_config", f"{tiny}/mlp.json", "--epochs", "3"]
    words += ["--optimizer", "sgd", "--lr", "1e30", "--logdir", str(tiny)]
    assert run(*words) == 0
    results = json.loads((tiny / "results.json").read_text())
    assert results["valid_losses"] == [None]
    assert results["test_acc"] is None
    assert "diverged in epoch 1" in capsys.readouterr().out


def test_training_is_what_the_document_says(tiny):
    args = get_config_parser().parse_args(["--dataset", "cifar10-sample"])
    settings = lab.settings_of(args)
    assert settings.augmentation == "flip-crop"
    augmentation = Augmentation()
    assert (augmentation.crop_scale, augmentation.crop_ratio) == ((0.8, 1.0), (0.9, 1.1))
    assert augmentation.flip
    assert (settings.optimizer, settings.weight_decay) == ("adamw", 5e-4)
    adam = get_config_parser().parse_args(["--optimizer", "adam", "--weight_decay", "0.05"])
    assert lab.settings_of(adam).weight_decay == 0  # as in the template
    train, validation, test = lab.image_sets("cifar10-sample", 42)
    assert (len(train), len(validation), len(test)) == (1800, 200, 500)
    data = load("cifar10-sample")
    pixel = torch.tensor(data.test_images[3, 5, 7]) / 255
    mean = torch.tensor([0.49139968, 0.48215841, 0.44653091])
    std = torch.tensor([0.24703223, 0.24348513, 0.26158784])
    assert torch.allclose(test.images[3, :, 5, 7], (pixel - mean) / std, atol=1e-5)
    both = torch.cat((train.images, validation.images)).flatten(1).sum(1).sort().values
    everything = torch.tensor(data.train_images).permute(0, 3, 1, 2) / 255 - mean[:, None, None]
    everything = (everything / std[:, None, None]).flatten(1).sum(1).sort().values
    assert torch.allclose(both, everything, atol=1e-2)  # every image is in one of the two


def test_the_kernels_of_resnet18_are_drawn(tmp_path):
    file = ResNet18().visualize(tmp_path / "new" / "folder")
    with Image.open(file) as picture:
        assert min(picture.size) > 300
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        ResNet18().visualize(tmp_path / "file")


OF_MIXER = ("--model", "mlpmixer", "--model_config")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model_config", "nowhere.json"], "there is no file nowhere.json"),
        (["--model_config", "broken.json"], "cannot read broken.json as JSON"),
        (["--model_config", "list.json"], "should hold an object of arguments"),
        (
            ["--model", "mlpmixer", "--model_config", "word.json"],
            "mlpmixer has no argument 'patchsize'. Did you mean",
        ),
        (
            ["--model", "mlpmixer", "--model_config", "short.json"],
            "mlpmixer needs the argument 'img_size'",
        ),
        (
            ["--model", "mlpmixer", "--model_config", "type.json"],
            "patch_size should be a whole number, and is 'four'",
        ),
        (
            ["--model", "mlpmixer", "--model_config", "patch.json"],
            "patch_size 5 does not divide image size 32",
        ),
        ([*OF_MIXER, "few.json"], "the network has 4 outputs"),
        ([*OF_MIXER, "size.json"], "and got 32 × 32"),
        (["--lr", "0"], "learning_rate must be greater than 0"),
        (["--batch_size", "5000"], "larger than the 1800 training images"),
        (["--print_every", "0"], "--print_every must be at least 1"),
        (["--epochs", "0"], "epochs must be greater than or equal to 1"),
        (["--seed", "-3"], "seed must be greater than or equal to 0"),
    ],
)
def test_what_main_cannot_use_is_one_sentence(words, sentence, capsys):
    good = json.loads(shipped_config("mlpmixer").read_text()) | {"embed_dim": 8, "num_blocks": 1}
    short = {name: value for name, value in good.items() if name != "img_size"}
    for name, content in {
        "list": [1],
        "word": good | {"patchsize": 4},
        "short": short,
        "type": good | {"patch_size": "four"},
        "patch": good | {"patch_size": 5},
        "few": good | {"num_classes": 4},
        "size": good | {"img_size": 64},
    }.items():
        with open(f"{name}.json", "w") as file:
            json.dump(content, file)
    with open("broken.json", "w") as file:
        file.write("{")
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_without_cifar10_one_is_told_where_to_get_it(capsys):
    assert lab.main(["--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "retroprop data fetch cifar10" in said
    assert "--dataset cifar10-sample" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_without_a_gpu_asking_for_one_warns_and_uses_the_cpu(name):
    with pytest.warns(UserWarning, match="no CUDA GPU was found on this machine, so the CPU is"):
        args = get_config_parser().parse_args(["--device", name])
    assert args.device == "cpu"


def test_a_device_that_the_library_does_not_train_on_is_explained(capsys):
    assert lab.main(["--device", "meta", "--dataset", "cifar10-sample"]) == 2
    assert "there is no device 'meta'" in capsys.readouterr().err


# --- train and evaluate, as a notebook imports them -----------------------------------------------


@pytest.fixture
def loader():
    """Torch's own loader of sixty images; the last minibatch has twelve."""
    images, labels = sample(60)
    return DataLoader(TensorDataset(images, labels), batch_size=16, shuffle=True)


def sample(n):
    data = load("cifar10-sample")
    images = torch.tensor(data.train_images[:n]).permute(0, 3, 1, 2) / 255 - 0.5
    return images, torch.tensor(data.train_labels[:n]).long()


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP(3072, [32], 10),
        lambda: resnet18.ResNet18(10, widths=(4, 4, 6, 8)),
        lambda: MLPMixer(10, 32, 8, 32, 1, drop_rate=0.1),
    ],
    ids=["mlp", "resnet", "mixer"],
)
def test_a_notebooks_own_loop_trains_our_networks(make, loader, capsys):
    """The original notebook's lines, on torch's loader and optimizer."""
    args = get_config_parser().parse_args(["--device", "cpu", "--print_every", "2"])
    seed_experiment(args.seed)
    model = make().to(args.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for epoch in range(12):
        loss, accuracy, wall_time = lab.train(epoch, model, loader, optimizer, args)
        assert model.training
        losses.append(loss)
        valid_loss, valid_accuracy, _ = lab.evaluate(epoch, model, loader, args)
        assert not model.training
    assert losses[-1] < 0.8 * losses[0]
    assert 0 < wall_time < 60
    assert {type(value) for value in (loss, accuracy, valid_loss, valid_accuracy)} == {float}
    said = capsys.readouterr().out
    assert "[TRAIN] Epoch: 3, Iter: 2, 32 of 60 images" in said
    assert "[VAL] Epoch: 3, Iter: 4, 60 of 60 images" in said
    lab.evaluate(3, model, loader, args, mode="test")
    assert "[TEST] Epoch: 3, Iter: 4" in capsys.readouterr().out


def test_means_are_over_all_images_and_evaluating_changes_nothing(loader):
    args = get_config_parser().parse_args(["--device", "cpu"])
    torch.manual_seed(0)
    model = MLP(3072, [8], 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = sample(60)
    logits = model(images).detach()
    loss, accuracy, _ = lab.evaluate(0, model, loader, args)
    assert loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    assert lab.train(0, model, loader, still, args)[:2] == pytest.approx((loss, accuracy))


def test_training_is_the_librarys_loop():
    """`main`'s minibatches by `train`, and the same by the loop that trains the studies."""
    args = get_config_parser().parse_args(["--device", "cpu", "--opt", "momentum", "--lr", "0.01"])
    train, validation, _ = lab.image_sets("cifar10-sample", 42)
    trainers = []
    for _ in range(2):
        torch.manual_seed(0)
        model = MLP(3072, [16], 10)
        trainers.append(Trainer(model, train, validation, lab.settings_of(args)))
    ours, librarys = trainers
    loader = [(images, labels) for images, labels, _ in ours.minibatches(1)]
    loss, accuracy, _ = lab.train(1, ours.model, loader, ours.optimizer, args)
    scores, _ = librarys.train_epoch(1)
    assert loss == pytest.approx(scores.loss, rel=1e-5)
    assert accuracy == pytest.approx(scores.accuracy, abs=2e-3)
    for a, b in zip(ours.model.parameters(), librarys.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_a_loader_without_a_minibatch_is_explained():
    args = get_config_parser().parse_args(["--device", "cpu"])
    with pytest.raises(UserError, match="the loader gave no minibatch"):
        lab.evaluate(0, MLP(3072, [8], 10), [], args)
