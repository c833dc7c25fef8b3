"""The rows of the layers, each with its twin from `torch.nn.functional`."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand import linear
from retroprop.byhand.activations import GELU, Activation, ReLU, Sigmoid, Softmax, Tanh
from retroprop.byhand.layer import Flatten, Layer, Residual, Sequential, below
from retroprop.byhand.linear import Linear
from retroprop.parity.rows import (
    ANY,
    FEATURES,
    IMAGES,
    FunctionRow,
    Options,
    Tensors,
    case,
    layer_row,
    off_zero,
    over_populations,
)

# --- element by element ---------------------------------------------------------------------------


def _activation_row(
    layer: type[Activation], twin: Callable[[Tensor], Tensor], **others: Any
) -> FunctionRow:
    """The row of a layer without parameters that takes any shape."""
    return layer_row(
        layer,
        axes=ANY,
        by_hand=lambda p, o: layer(),
        twin=lambda x, p, o: twin(x),
        cases=over_populations(case(1), case(1, 1), case(5, 3), case(2, 3, 5, 7), sharing=False),
        **others,
    )


ACTIVATION_ROWS = [
    _activation_row(ReLU, F.relu, draw_input=off_zero),
    _activation_row(Sigmoid, F.sigmoid),
    _activation_row(Tanh, F.tanh),
    _activation_row(GELU, F.gelu),
    _activation_row(Softmax, lambda x: F.softmax(x, -1)),
]

# --- linear maps, and layers made of layers -------------------------------------------------------


def two_layers(features: int, hidden: int, within: str = "") -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters of features → hidden → features, called `within`fc1 and fc2."""
    return {
        f"{within}fc1.W": (features, hidden),
        f"{within}fc1.b": (hidden,),
        f"{within}fc2.W": (hidden, features),
        f"{within}fc2.b": (features,),
    }


def two_layers_twin(
    x: Tensor, p: Tensors, phi: Callable[[Tensor], Tensor], within: str = ""
) -> Tensor:
    """φ(x W₁ + b₁) W₂ + b₂."""
    return _affine(phi(_affine(x, p, f"{within}fc1")), p, f"{within}fc2")


def _affine(x: Tensor, p: Tensors, name: str) -> Tensor:
    return F.linear(x, p[f"{name}.W"].T, p[f"{name}.b"])


def _chain(p: Tensors) -> Sequential:
    layers = {"fc1": Linear(**below(p, "fc1")), "phi": Tanh(), "fc2": Linear(**below(p, "fc2"))}
    return Sequential(layers)


def _residual_parameters(shape: tuple[int, ...], o: Options) -> dict[str, tuple[int, ...]]:
    named = two_layers(shape[-1], o["hidden"], "branch.")
    if o["shortcut"]:
        named |= {"shortcut.W": (shape[-1], shape[-1]), "shortcut.b": (shape[-1],)}
    return named


def _residual(p: Tensors, o: Options) -> Layer:
    branch = Sequential({"branch": _chain(below(p, "branch"))})
    around = Sequential({"shortcut": Linear(**below(p, "shortcut"))}) if o["shortcut"] else None
    return Residual(branch, around)


def _residual_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    y = two_layers_twin(x, p, F.tanh, "branch.")
    return y + (_affine(x, p, "shortcut") if o["shortcut"] else x)


STRUCTURE_ROWS = [
    layer_row(
        Linear,
        also=(
            linear.linear,
            linear.linear_weight_gradient,
            linear.linear_input_gradient,
        ),
        axes=FEATURES,
        options={"outputs": 3},
        parameters=lambda shape, o: {"W": (shape[-1], o["outputs"]), "b": (o["outputs"],)},
        by_hand=lambda p, o: Linear(p["W"], p["b"]),
        twin=lambda x, p, o: F.linear(x, p["W"].T, p["b"]),
        cases=over_populations(case(1, 4), case(3, 1), case(5, 7), case(2, 5, outputs=1)),
    ),
    layer_row(
        Flatten,
        axes=IMAGES,
        by_hand=lambda p, o: Flatten(),
        twin=lambda x, p, o: x.flatten(1),
        cases=over_populations(case(1, 2, 1, 3), case(3, 2, 5, 4), sharing=False),
    ),
    layer_row(
        Sequential,
        axes=FEATURES,
        options={"hidden": 4},
        parameters=lambda shape, o: two_layers(shape[-1], o["hidden"]),
        by_hand=lambda p, o: _chain(p),
        twin=lambda x, p, o: two_layers_twin(x, p, F.tanh),
        cases=over_populations(case(1, 3), case(5, 2)),
        elements=8,
    ),
    layer_row(
        Residual,
        axes=FEATURES,
        options={"hidden": 4, "shortcut": 0},
        parameters=_residual_parameters,
        by_hand=_residual,
        twin=_residual_twin,
        cases=(
            # x itself is added to each member's output, so it needs each member's axes
            *over_populations(case(1, 3), case(5, 2), sharing=False),
            *over_populations(case(5, 2, shortcut=1)),
        ),
        elements=8,
    ),
]
