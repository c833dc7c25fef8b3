"""The networks by hand equal functional twins under autograd, gradient by gradient, in float64."""

import pytest
import torch
import torch.nn.functional as F
from oracle import check, draw

from retroprop.byhand.activations import ACTIVATIONS
from retroprop.byhand.cnn import CNN, cnn_parameters
from retroprop.byhand.layer import below
from retroprop.byhand.mlp_mixer import (
    EPSILON,
    LAST_EPSILON,
    ChannelMixing,
    MLPMixer,
    PatchEmbedding,
    TokenMixing,
    mlp_mixer_parameters,
)
from retroprop.byhand.resnet18 import ResNet18, resnet18_parameters
from retroprop.errors import UserError
from retroprop.models import mlpmixer
from retroprop.parity.names import from_state_dict

SHARING = [((), ()), ((), (2,)), ((2,), (2,)), ((2,), (2, 2))]


def seeded():
    return torch.Generator().manual_seed(0)


def shaken(parameters):
    """The parameters plus noise, so that no bias is 0 and no scale 1."""
    return {
        name: p + 0.1 * draw(*p.shape, seed=i) for i, (name, p) in enumerate(parameters.items())
    }


def linear(x, p):
    return x @ p["W"] + p["b"]


# -- CNN ------------------------------------------------------------------------------------------


def cnn_reference(strides, paddings, dense, phi):
    def reference(x, p):
        for i, (stride, padding) in enumerate(zip(strides, paddings, strict=True), start=1):
            x = phi(F.conv2d(x, p[f"conv{i}.W"], p[f"conv{i}.b"], stride, padding))
            last = i == len(strides)
            x = F.adaptive_max_pool2d(x, (4, 4)) if last else F.max_pool2d(x, 2)
        x = x.flatten(1)
        for i in range(1, dense + 1):
            x = phi(linear(x, below(p, f"dense{i}")))
        return linear(x, below(p, "output"))

    return reference


FUNCTIONS = {name: getattr(F, name) for name in ACTIVATIONS}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize(("groups", "population"), SHARING)
def test_cnn_equals_autograd(groups, population, activation):
    strides, paddings = (1, 2), (1, 0)
    parameters = cnn_parameters(
        2, (3, 4), (3, 2), (6, 5), 3, generator=seeded(), population=population, dtype=torch.float64
    )
    network = CNN(shaken(parameters), strides=strides, paddings=paddings, activation=activation)
    reference = cnn_reference(strides, paddings, 2, FUNCTIONS[activation])
    check(network, reference, draw(*groups, 3, 2, 9, 8), groups=groups, population=population)


def test_the_wide_cnn_of_one_convolution_equals_autograd():
    parameters = cnn_parameters(1, (5,), (28,), (6,), generator=seeded(), dtype=torch.float64)
    network = CNN(shaken(parameters), strides=(1,), paddings=(0,))
    check(network, cnn_reference((1,), (0,), 1, F.relu), draw(2, 1, 28, 28))


def test_cnn_refuses_what_it_cannot_build():
    parameters = cnn_parameters(1, generator=seeded())
    with pytest.raises(UserError, match="each of 3 convolutions"):
        CNN(parameters, strides=(1, 1))
    with pytest.raises(UserError, match="Did you mean 'relu'"):
        CNN(parameters, activation="relo")
    with pytest.raises(UserError, match="one kernel size for each"):
        cnn_parameters(1, (3, 4), (3,), generator=seeded())


# -- ResNet-18 ------------------------------------------------------------------------------------


def resnet_reference(*, training):
    def norm(x, p):
        running = p["running_mean"].clone(), p["running_variance"].clone()
        return F.batch_norm(x, *running, p["gamma"], p["beta"], training=training)

    def reference(x, p):
        x = F.relu(norm(F.conv2d(x, p["conv1.W"], padding=1), below(p, "bn1")))
        for stage in (1, 2, 3, 4):
            for block in (0, 1):
                q = below(p, f"layer{stage}.{block}")
                stride = 2 if stage > 1 and block == 0 else 1
                h = F.relu(norm(F.conv2d(x, q["conv1.W"], None, stride, 1), below(q, "bn1")))
                h = norm(F.conv2d(h, q["conv2.W"], padding=1), below(q, "bn2"))
                if "shortcut.0.W" in q:
                    x = norm(F.conv2d(x, q["shortcut.0.W"], None, stride), below(q, "shortcut.1"))
                x = F.relu(h + x)
        return linear(x.mean((-2, -1)), below(p, "linear"))

    return reference


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("groups", "population"), SHARING)
def test_resnet18_equals_autograd(groups, population, training):
    parameters = resnet18_parameters(
        3, widths=(4, 5, 6, 7), generator=seeded(), population=population, dtype=torch.float64
    )
    network = ResNet18(shaken(parameters))
    check(
        network,
        resnet_reference(training=training),
        draw(*groups, 2, 3, 11, 16),
        groups=groups,
        population=population,
        training=training,
    )


def test_resnet18_has_its_published_number_of_parameters():
    parameters = resnet18_parameters(generator=seeded())
    assert sum(p.numel() for p in parameters.values()) == 11_173_962
    assert set(ResNet18(parameters).parameters) == set(parameters)


def test_resnet18_names_are_those_of_the_module():
    from retroprop.models.resnet18 import ResNet18 as Module

    words = {"weight": "gamma", "bias": "beta"}
    named = set()
    for name, tensor in Module().state_dict().items():
        head, _, last = name.rpartition(".")
        if last.startswith("running"):
            named.add(f"{head}.{last.replace('var', 'variance')}")
        elif tensor.ndim == 1 and head != "linear":
            named.add(f"{head}.{words[last]}")
        elif tensor.ndim > 0:
            named.add(f"{head}.{'b' if last == 'bias' else 'W'}")
    network = ResNet18(resnet18_parameters(widths=(2, 2, 2, 2), generator=seeded()))
    # with equal widths stage 2 still halves the image, so the names of the shortcuts are the same
    assert set(network.parameters) | set(network.buffers) == named


# -- MLP-Mixer ------------------------------------------------------------------------------------


def mlp(x, p, phi=F.gelu):
    return linear(phi(linear(x, below(p, "fc1"))), below(p, "fc2"))


def mixer_reference(patch, blocks):
    def norm(x, p, epsilon=EPSILON):
        return F.layer_norm(x, (x.shape[-1],), p["gamma"], p["beta"], epsilon)

    def reference(x, p):
        x = F.conv2d(x, p["patchemb.proj.W"], p["patchemb.proj.b"], patch).flatten(2).mT
        for i in range(blocks):
            q = below(p, f"blocks.{i}")
            x = x + mlp(norm(x, below(q, "norm1")).mT, below(q, "mlp_tokens")).mT
            x = x + mlp(norm(x, below(q, "norm2")), below(q, "mlp_channels"))
        return linear(norm(x, below(p, "norm"), LAST_EPSILON).mean(-2), below(p, "head"))

    return reference


@pytest.mark.parametrize("patch", [1, 2, 6])
@pytest.mark.parametrize(("groups", "population"), SHARING)
def test_mlp_mixer_equals_autograd(groups, population, patch):
    parameters = mlp_mixer_parameters(
        3, 6, patch, 8, 2, generator=seeded(), population=population, dtype=torch.float64
    )
    network = MLPMixer(shaken(parameters))
    x = draw(*groups, 3, 3, 6, 6)
    check(network, mixer_reference(patch, 2), x, groups=groups, population=population)


@pytest.mark.parametrize("values", [1, 200, 10**6])
@pytest.mark.parametrize("population", [(), (1,), (2, 3)])
@pytest.mark.parametrize("batch", [1, 4])
def test_mixing_equals_autograd_in_pieces_of_any_size(population, batch, values, monkeypatch):
    monkeypatch.setattr("retroprop.byhand.in_pieces.VALUES_IN_CACHE", values)

    def parameters(width):
        return {
            "fc1.W": draw(*population, width, 7),
            "fc1.b": draw(*population, 7),
            "fc2.W": draw(*population, 7, width),
            "fc2.b": draw(*population, width),
        }

    x, lead = draw(*population, batch, 5, 6), {"groups": population, "population": population}
    check(TokenMixing(parameters(5)), lambda x, p: mlp(x.mT, p).mT, x, **lead)
    check(ChannelMixing(parameters(6)), mlp, x, **lead)


def test_patch_embedding_equals_autograd():
    layer = PatchEmbedding({"proj.W": draw(5, 3, 2, 2), "proj.b": draw(5)})
    check(
        layer,
        lambda x, p: F.conv2d(x, p["proj.W"], p["proj.b"], 2).flatten(2).mT,
        draw(2, 3, 4, 6),
    )


def test_mixer_with_dropout_is_itself_in_evaluation_and_repeats_with_its_seed():
    parameters = mlp_mixer_parameters(3, 4, 2, 8, 1, generator=seeded(), dtype=torch.float64)
    x = draw(2, 3, 4, 4)
    plain = MLPMixer(parameters).forward(x)[0]
    dropped = MLPMixer(parameters, drop_rate=0.5, generator=seeded())
    again = MLPMixer(parameters, drop_rate=0.5, generator=seeded())
    assert torch.equal(dropped.forward(x, training=False)[0], plain)
    y, saved = dropped.forward(x)
    assert not torch.equal(y, plain)
    assert torch.equal(y, again.forward(x)[0])
    _, gradients = dropped.backward(torch.ones_like(y), saved)
    assert all(g.isfinite().all() for g in gradients.values())


def test_the_mixer_starts_with_weights_distributed_as_those_of_its_twin():
    by_hand = mlp_mixer_parameters(10, 32, 4, 128, 2, generator=seeded(), population=(2,))
    torch.manual_seed(0)
    twin = from_state_dict(mlpmixer.MLPMixer(10, 32, 4, 128, 2).state_dict())
    assert {name: value.shape[1:] for name, value in by_hand.items()} == {
        name: value.shape for name, value in twin.items()
    }
    for name, value in by_hand.items():
        if name.endswith(".W"):
            assert value.std().item() == pytest.approx(twin[name].std().item(), rel=0.05), name
            largest = value.abs().max() / twin[name].abs().max()
            assert name.startswith("patchemb") or largest.item() == pytest.approx(1, rel=0.01)
            assert not torch.equal(value[0], value[1])
        else:
            assert (value == twin[name]).all(), name


def test_mixer_refuses_patches_that_do_not_tile_the_image():
    with pytest.raises(UserError, match="patch_size 5 does not divide image size 32; use 1, 2, 4"):
        mlp_mixer_parameters(10, 32, 5, 8, 1, generator=seeded())
    network = MLPMixer(mlp_mixer_parameters(10, 8, 4, 8, 1, generator=seeded()))
    with pytest.raises(UserError, match="does not divide image size 10"):
        network.forward(torch.zeros(1, 3, 10, 10))
    with pytest.raises(UserError, match="needs a generator"):
        MLPMixer(mlp_mixer_parameters(10, 8, 4, 8, 1, generator=seeded()), drop_rate=0.1)


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_the_gradients_of_the_parameters_do_not_need_that_of_the_image(channels):
    """By patches of one and of several channels, and by Winograd's way (40 channels)."""
    generator = torch.Generator().manual_seed(0)
    parameters = cnn_parameters(
        channels, (40, 3, 2), dense_hiddens=(5,), generator=generator, dtype=torch.float64
    )
    network = CNN(parameters)
    x = torch.randn(2, channels, 20, 20, generator=generator, dtype=torch.float64)
    z, saved = network.forward(x)
    dz = torch.randn(z.shape, generator=generator, dtype=torch.float64)
    _, whole = network.backward(dz.clone(), saved)
    _, saved = network.forward(x)
    alone = network.parameter_gradients(dz.clone(), saved)
    assert set(alone) == set(whole)
    for name, gradient in whole.items():
        assert torch.equal(alone[name], gradient), name
