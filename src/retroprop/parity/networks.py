"""The rows of the networks, each with its twin from `models`, which autograd differentiates."""

from collections.abc import Callable
from functools import cache
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from retroprop.byhand import linear, losses
from retroprop.byhand.mlp import MLP
from retroprop.byhand.perceptron import Perceptron
from retroprop.byhand.shallow_network import ShallowNetwork
from retroprop.byhand.softmax_regression import SoftmaxRegression
from retroprop.models import mlp as twin_mlp
from retroprop.parity.names import to_state_dict
from retroprop.parity.rows import (
    Case,
    FunctionRow,
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

FEATURES = ("batch", "features")

TOLERANCE = 1e-8
"""Of whole networks: rounding adds up from layer to layer."""


@cache
def twin_network(kind: type[nn.Module], *sizes: Any, **options: Any) -> nn.Module:
    """A network of `models` in float64, made once; its own parameters are never used."""
    return kind(*sizes, **options).double()


def run_twin(network: nn.Module, state: Tensors, x: Tensor, *, training: bool = True) -> Tensor:
    """The network's output with these parameters in place of its own."""
    return functional_call(network.train(training), state, (x,))


# --- networks with one matrix: their gradient is that of the loss ---------------------------------


def _regression_row(
    name: str,
    model: type[SoftmaxRegression] | type[Perceptron],
    *,
    outputs: Callable[[Any, Tensor], Tensor],
    value: Callable[[Tensor, Tensor], Tensor],
    twin: Callable[[Tensor, Tensor], Tensor],
    covers: tuple[Any, ...],
) -> FunctionRow:
    """The row of a model with augmented inputs and the method `gradient`; options "mean" 0 or 1."""
    options = {"outputs": 3, "mean": 0}

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
        covers=covers,
        axes=FEATURES,
        options=options,
        cases=over_populations([case(1, 4), case(5, 7, mean=1), case(3, 1, outputs=1)]),
        problem=problem,
        tolerance=TOLERANCE,
    )


# --- fully connected networks ---------------------------------------------------------------------


def _mlp_sizes(features: int, o: Options) -> list[tuple[str, int, int]]:
    widths = [features, *(o["hidden"],) * o["layers"], o["outputs"]]
    names = [*(f"hidden_layers.{i}" for i in range(o["layers"])), "output_layer"]
    return list(zip(names, widths, widths[1:], strict=False))


def _mlp_parameters(shape: tuple[int, ...], o: Options) -> dict[str, tuple[int, ...]]:
    named: dict[str, tuple[int, ...]] = {}
    for name, n_in, n_out in _mlp_sizes(shape[-1], o):
        named |= {f"{name}.W": (n_in, n_out), f"{name}.b": (n_out,)}
    return named


def _mlp_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    hidden = (o["hidden"],) * o["layers"]
    network = twin_network(
        twin_mlp.MLP, x.shape[-1], hidden, o["outputs"], activation=o["activation"]
    )
    return run_twin(network, to_state_dict(p), x)


def _shallow_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    network = twin_network(
        twin_mlp.MLP, x.shape[-1], (o["hidden"],), o["outputs"], activation="sigmoid"
    )
    state = {
        "hidden_layers.0.weight": p["W1"][:-1].T,
        "hidden_layers.0.bias": p["W1"][-1],
        "output_layer.weight": p["W2"][:-1].T,
        "output_layer.bias": p["W2"][-1],
    }
    return run_twin(network, state, x)


NETWORK_ROWS = [
    _regression_row(
        "SoftmaxRegression",
        SoftmaxRegression,
        outputs=SoftmaxRegression.logits,
        value=losses.softmax_cross_entropy,
        twin=lambda z, t: F.cross_entropy(z, t, reduction="sum"),
        covers=(SoftmaxRegression, linear.augment),
    ),
    _regression_row(
        "Perceptron",
        Perceptron,
        outputs=Perceptron.outputs,
        value=losses.squared_error,
        twin=lambda y, t: F.mse_loss(y, t, reduction="sum") / 2,
        covers=(Perceptron,),
    ),
    layer_row(
        "ShallowNetwork",
        kind="network",
        axes=FEATURES,
        options={"hidden": 5, "outputs": 3},
        parameters=lambda shape, o: {
            "W1": (shape[-1] + 1, o["hidden"]),
            "W2": (o["hidden"] + 1, o["outputs"]),
        },
        by_hand=lambda p, o: ShallowNetwork(p["W1"], p["W2"]),
        twin=_shallow_twin,
        cases=over_populations([case(1, 4), case(5, 7), case(3, 1, hidden=1, outputs=1)]),
        tolerance=TOLERANCE,
        covers=(ShallowNetwork,),
    ),
    layer_row(
        "MLP",
        kind="network",
        axes=FEATURES,
        options={"hidden": 5, "layers": 2, "outputs": 3, "activation": "relu"},
        parameters=_mlp_parameters,
        by_hand=lambda p, o: MLP(p, activation=o["activation"]),
        twin=_mlp_twin,
        cases=over_populations(
            [
                case(1, 4),
                case(5, 7, layers=3, activation="tanh"),
                case(3, 1, hidden=1, outputs=1, layers=1, activation="sigmoid"),
                case(4, 6, layers=0, activation="gelu"),
            ]
        ),
        tolerance=TOLERANCE,
        covers=(MLP,),
    ),
]
