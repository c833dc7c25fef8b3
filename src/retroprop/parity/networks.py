"""The rows of the networks, each with its twin from `models`, which autograd differentiates."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from retroprop.byhand import linear, losses
from retroprop.byhand.cnn import CNN
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.layer import Layer
from retroprop.byhand.mlp import MLP
from retroprop.byhand.mlp_mixer import MixerBlock, MLPMixer
from retroprop.byhand.perceptron import Perceptron
from retroprop.byhand.resnet18 import BasicBlock, ResNet18
from retroprop.byhand.shallow_network import ShallowNetwork
from retroprop.byhand.softmax_regression import SoftmaxRegression
from retroprop.models import cnn as twin_cnn
from retroprop.models import mlp as twin_mlp
from retroprop.models import mlpmixer as twin_mixer
from retroprop.models import resnet18 as twin_resnet
from retroprop.parity.names import from_state_dict, to_state_dict
from retroprop.parity.rows import (
    FEATURES,
    IMAGES,
    TOKENS,
    Case,
    FunctionRow,
    Kind,
    Options,
    Problem,
    Pullback,
    Tensors,
    case,
    drawing,
    each_member,
    layer_row,
    over_populations,
)

TOLERANCE = 1e-8
"""Of whole networks: rounding adds up from layer to layer."""


@cache
def twin_network(kind: type[nn.Module], *sizes: Any, **options: Any) -> nn.Module:
    """A network of `models` in float64, made once; its own parameters are never used."""
    return kind(*sizes, **options).double()


def run_twin(network: nn.Module, state: Tensors, x: Tensor, *, training: bool = True) -> Tensor:
    """The network's output with these parameters in place of its own.

    Its running estimates are new ones, 0 and 1: those of the module would remember earlier calls.
    """
    fresh = {
        name: torch.ones_like(buffer) if name.endswith("running_var") else torch.zeros_like(buffer)
        for name, buffer in network.named_buffers()
    }
    return functional_call(network.train(training), state | fresh, (x,))


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """The by-hand parameters of a network of `models`."""
    return {name: tuple(t.shape) for name, t in from_state_dict(network.state_dict()).items()}


# --- networks with one matrix: their gradient is that of the loss ---------------------------------


def _regression_row(
    model: type[SoftmaxRegression] | type[Perceptron],
    *,
    outputs: Callable[[Any, Tensor], Tensor],
    value: Callable[[Tensor, Tensor], Tensor],
    twin: Callable[[Tensor, Tensor], Tensor],
) -> FunctionRow:
    """The row of a model with augmented inputs and the method `gradient`; options "mean" 0 or 1."""
    name, options = model.__name__, {"outputs": 3, "mean": 0}

    def problem(one: Case) -> Problem:
        chosen = {**options, **one.options}
        batch, features = one.shape
        draw = drawing(name, str(one))
        groups = one.population[: len(one.population) - one.shared]
        x = linear.augment(draw(*groups, batch, features))
        targets = draw(*groups, *(1,) * one.shared, batch, chosen["outputs"]).softmax(-1)
        examples = batch if chosen["mean"] else 1

        def forward(tensors: Tensors) -> tuple[Tensor, Pullback]:
            by_hand = model(tensors["W"])
            reduction = "mean" if chosen["mean"] else "sum"

            def pullback(dL: Tensor) -> Tensors:
                dW = by_hand.gradient(x, targets, reduction=reduction)
                return {"W": dL[..., None, None] * dW}

            return value(outputs(by_hand, x), targets) / examples, pullback

        def of_member(own: Tensors) -> Tensor:
            z = F.linear(own["x"][:, :-1], own["W"][:-1].T, own["W"][-1])
            return twin(z, own["targets"]) / examples

        wide = targets.expand(*one.population, *targets.shape[-2:])
        return Problem(
            tensors={"W": draw(*one.population, features + 1, chosen["outputs"])},
            by_hand=forward,
            twin=lambda tensors: each_member(
                of_member, {**tensors, "x": x, "targets": wide}, one.population, one.shared
            ),
        )

    return FunctionRow(
        kind="network",
        name=name,
        covers=(model, linear.augment),
        axes=FEATURES,
        options=options,
        cases=over_populations(case(1, 4), case(5, 7, mean=1), case(3, 1, outputs=1)),
        problem=problem,
        tolerance=TOLERANCE,
    )


# --- fully connected networks ---------------------------------------------------------------------


def _row(
    network: type,
    twin: Callable[[tuple[int, ...], Options], nn.Module],
    by_hand: Callable[[Tensors, Options], Layer],
    *,
    kind: Kind = "network",
    axes: tuple[str, ...] = IMAGES,
    elements: int = 3,
    joint: bool = True,
    **others: Any,
) -> FunctionRow:
    """The row of a network or a block with the names of its twin, from the input's shape."""
    return layer_row(
        network,
        kind=kind,
        axes=axes,
        # an activation that the twin does not know is refused later, with the case
        parameters=lambda shape, o: _shapes(twin(shape, {**o, "activation": "relu"})),
        by_hand=by_hand,
        twin=lambda x, p, o: run_twin(
            twin(tuple(x.shape), o), to_state_dict(p), x, training=bool(o.get("training", 1))
        ),
        tolerance=TOLERANCE,
        elements=elements,
        joint=joint,
        **others,
    )


def _twin_mlp(shape: tuple[int, ...], o: Options) -> nn.Module:
    hidden = (o["hidden"],) * o["layers"]
    return twin_network(twin_mlp.MLP, shape[-1], hidden, o["outputs"], activation=o["activation"])


def _mlp_row(network: type[MLP] | type[FastMLP]) -> FunctionRow:
    return _row(
        network,
        _twin_mlp,
        lambda p, o: network(p, activation=o["activation"]),
        axes=FEATURES,
        options={"hidden": 5, "layers": 2, "outputs": 3, "activation": "relu"},
        cases=over_populations(
            case(1, 4),
            case(5, 7, layers=3, activation="tanh"),
            case(3, 1, hidden=1, outputs=1, layers=1, activation="sigmoid"),
            case(4, 6, layers=0, activation="gelu"),
        ),
        elements=8,
        joint=False,
    )


def _shallow_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    network = _twin_mlp(tuple(x.shape), {**o, "layers": 1, "activation": "sigmoid"})
    state = {
        "hidden_layers.0.weight": p["W1"][:-1].T,
        "hidden_layers.0.bias": p["W1"][-1],
        "output_layer.weight": p["W2"][:-1].T,
        "output_layer.bias": p["W2"][-1],
    }
    return run_twin(network, state, x)


FULLY_CONNECTED_ROWS = [
    _regression_row(
        SoftmaxRegression,
        outputs=SoftmaxRegression.logits,
        value=losses.softmax_cross_entropy,
        twin=lambda z, t: F.cross_entropy(z, t, reduction="sum"),
    ),
    _regression_row(
        Perceptron,
        outputs=Perceptron.outputs,
        value=losses.squared_error,
        twin=lambda y, t: F.mse_loss(y, t, reduction="sum") / 2,
    ),
    layer_row(
        ShallowNetwork,
        kind="network",
        axes=FEATURES,
        options={"hidden": 5, "outputs": 3},
        parameters=lambda shape, o: {
            "W1": (shape[-1] + 1, o["hidden"]),
            "W2": (o["hidden"] + 1, o["outputs"]),
        },
        by_hand=lambda p, o: ShallowNetwork(p["W1"], p["W2"]),
        twin=_shallow_twin,
        cases=over_populations(case(1, 4), case(5, 7), case(3, 1, hidden=1, outputs=1)),
        tolerance=TOLERANCE,
        elements=8,
    ),
    _mlp_row(MLP),
    _mlp_row(FastMLP),
]

# --- networks of blocks ---------------------------------------------------------------------------


def _twin_cnn(shape: tuple[int, ...], o: Options) -> nn.Module:
    several = o["convolutions"]
    return twin_network(
        twin_cnn.CNN,
        shape[1],
        o["outputs"],
        n_channels=(o["channels"],) * several,
        kernel_sizes=(o["kernel"],) * several,
        strides=(o["stride"],) * several,
        paddings=(o["padding"],) * several,
        dense_hiddens=(o["hidden"],),
        activation=o["activation"],
    )


def _cnn(p: Tensors, o: Options) -> CNN:
    strides, paddings = ((o[name],) * o["convolutions"] for name in ("stride", "padding"))
    return CNN(p, strides=strides, paddings=paddings, activation=o["activation"])


def _twin_resnet(shape: tuple[int, ...], o: Options) -> nn.Module:
    widths = tuple(o["width"] * 2**stage for stage in range(4))
    return twin_network(twin_resnet.ResNet18, o["outputs"], widths=widths)


def _twin_mixer(shape: tuple[int, ...], o: Options) -> nn.Module:
    return twin_network(
        twin_mixer.MLPMixer, o["outputs"], shape[2], o["kernel"], o["dim"], o["blocks"]
    )


BLOCK_ROWS = [
    _row(
        BasicBlock,
        lambda shape, o: twin_network(twin_resnet.BasicBlock, shape[1], o["outputs"], o["stride"]),
        lambda p, o: BasicBlock(p, o["stride"]),
        kind="layer",
        options={"outputs": 3, "stride": 1},
        cases=over_populations(
            case(1, 3, 3, 4),
            case(2, 3, 5, 7, stride=2),
            case(2, 2, 4, 3, outputs=3),
            sharing=False,
        ),
    ),
    _row(
        MixerBlock,
        lambda shape, o: twin_network(twin_mixer.MixerBlock, shape[2], shape[1]),
        lambda p, o: MixerBlock(p),
        kind="layer",
        axes=TOKENS,
        cases=over_populations(case(1, 1, 4), case(2, 5, 6), sharing=False),
    ),
]

CONVOLUTIONAL_ROWS = [
    _row(
        CNN,
        _twin_cnn,
        _cnn,
        options={
            "convolutions": 2,
            "channels": 3,
            "kernel": 3,
            "stride": 1,
            "padding": 0,
            "hidden": 5,
            "outputs": 3,
            "activation": "relu",
        },
        cases=over_populations(
            case(1, 1, 12, 12),
            case(2, 3, 13, 11, stride=2, padding=2, activation="tanh"),
            case(3, 2, 6, 5, convolutions=1, kernel=1, activation="gelu"),
        ),
    ),
    _row(
        ResNet18,
        _twin_resnet,
        lambda p, o: ResNet18(p),
        options={"width": 2, "outputs": 3, "training": 1},
        cases=(
            case(2, 3, 16, 16),
            case(1, 3, 17, 20, width=1),
            case(2, 3, 16, 16, population=(2,)),
            case(2, 3, 16, 16, population=(2,), shared=1),
            case(3, 3, 12, 9, width=1, population=(2, 3), shared=1),
            case(1, 3, 8, 8, training=0),
            case(2, 3, 16, 16, width=64, outputs=10),  # the whole network
        ),
        elements=2,
    ),
    _row(
        MLPMixer,
        _twin_mixer,
        lambda p, o: MLPMixer(p),
        options={"kernel": 2, "dim": 6, "blocks": 2, "outputs": 3},
        cases=(
            *over_populations(case(2, 3, 4, 4), case(1, 3, 6, 6, kernel=3, blocks=1)),
            case(2, 3, 32, 32, kernel=4, dim=256, blocks=4, outputs=10),  # the document's
        ),
    ),
]

NETWORK_ROWS = [*FULLY_CONNECTED_ROWS, *CONVOLUTIONAL_ROWS]
