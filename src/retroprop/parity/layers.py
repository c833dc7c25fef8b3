"""The rows of the layers, each with its twin from `torch.nn.functional`."""

from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand import linear
from retroprop.byhand.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from retroprop.byhand.layer import Flatten, Layer, Residual, Sequential
from retroprop.byhand.linear import Linear
from retroprop.parity.rows import Options, Tensors, case, layer_row, off_zero, over_populations

FEATURES = ("batch", "features")
IMAGES = ("batch", "channels", "height", "width")
ANY = ("batch", "...")

# --- element by element ---------------------------------------------------------------------------
ELEMENTWISE = over_populations([case(1), case(1, 1), case(5, 3), case(2, 3, 5, 7)], sharing=False)

ACTIVATION_ROWS = [
    layer_row(
        "ReLU",
        axes=ANY,
        by_hand=lambda p, o: ReLU(),
        twin=lambda x, p, o: F.relu(x),
        draw_input=off_zero,
        cases=ELEMENTWISE,
        covers=(ReLU,),
    ),
    layer_row(
        "Sigmoid",
        axes=ANY,
        by_hand=lambda p, o: Sigmoid(),
        twin=lambda x, p, o: F.sigmoid(x),
        cases=ELEMENTWISE,
        covers=(Sigmoid,),
    ),
    layer_row(
        "Tanh",
        axes=ANY,
        by_hand=lambda p, o: Tanh(),
        twin=lambda x, p, o: F.tanh(x),
        cases=ELEMENTWISE,
        covers=(Tanh,),
    ),
    layer_row(
        "GELU",
        axes=ANY,
        by_hand=lambda p, o: GELU(),
        twin=lambda x, p, o: F.gelu(x),
        cases=ELEMENTWISE,
        covers=(GELU,),
    ),
    layer_row(
        "Softmax",
        axes=ANY,
        by_hand=lambda p, o: Softmax(),
        twin=lambda x, p, o: F.softmax(x, -1),
        cases=ELEMENTWISE,
        covers=(Softmax,),
    ),
]


# --- linear maps, and layers made of layers -------------------------------------------------------


def _two_linear_maps(
    shape: tuple[int, ...], o: Options, first: str, second: str
) -> dict[str, tuple[int, ...]]:
    """Shapes of features → hidden → features."""
    features, hidden = shape[-1], o["hidden"]
    return {
        f"{first}.W": (features, hidden),
        f"{first}.b": (hidden,),
        f"{second}.W": (hidden, features),
        f"{second}.b": (features,),
    }


def _chain(p: Tensors, o: Options) -> Layer:
    return Sequential(
        {
            "first": Linear(p["first.W"], p["first.b"]),
            "phi": Tanh(),
            "second": Linear(p["second.W"], p["second.b"]),
        }
    )


def _chain_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    h = F.tanh(F.linear(x, p["first.W"].T, p["first.b"]))
    return F.linear(h, p["second.W"].T, p["second.b"])


def _residual_parameters(shape: tuple[int, ...], o: Options) -> dict[str, tuple[int, ...]]:
    named = _two_linear_maps(shape, o, "branch.first", "branch.second")
    if o["shortcut"]:
        named |= {"shortcut.W": (shape[-1], shape[-1]), "shortcut.b": (shape[-1],)}
    return named


def _residual(p: Tensors, o: Options) -> Layer:
    branch = _chain({n.removeprefix("branch."): t for n, t in p.items()}, o)
    return Residual(branch, Linear(p["shortcut.W"], p["shortcut.b"]) if o["shortcut"] else None)


def _residual_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    y = _chain_twin(x, {n.removeprefix("branch."): t for n, t in p.items()}, o)
    return y + (F.linear(x, p["shortcut.W"].T, p["shortcut.b"]) if o["shortcut"] else x)


STRUCTURE_ROWS = [
    layer_row(
        "Linear",
        axes=FEATURES,
        options={"outputs": 3},
        parameters=lambda shape, o: {"W": (shape[-1], o["outputs"]), "b": (o["outputs"],)},
        by_hand=lambda p, o: Linear(p["W"], p["b"]),
        twin=lambda x, p, o: F.linear(x, p["W"].T, p["b"]),
        cases=over_populations([case(1, 4), case(3, 1), case(5, 7), case(2, 5, outputs=1)]),
        covers=(
            Linear,
            linear.linear,
            linear.linear_weight_gradient,
            linear.linear_input_gradient,
        ),
    ),
    layer_row(
        "Flatten",
        axes=IMAGES,
        by_hand=lambda p, o: Flatten(),
        twin=lambda x, p, o: x.flatten(1),
        cases=over_populations([case(1, 2, 1, 3), case(3, 2, 5, 4)], sharing=False),
        covers=(Flatten,),
    ),
    layer_row(
        "Sequential",
        axes=FEATURES,
        options={"hidden": 4},
        parameters=lambda shape, o: _two_linear_maps(shape, o, "first", "second"),
        by_hand=_chain,
        twin=_chain_twin,
        cases=over_populations([case(1, 3), case(5, 2)]),
        elements=8,
        covers=(Sequential,),
    ),
    layer_row(
        "Residual",
        axes=FEATURES,
        options={"hidden": 4, "shortcut": 0},
        parameters=_residual_parameters,
        by_hand=_residual,
        twin=_residual_twin,
        cases=(
            # x itself is added to each member's output, so it needs each member's axes
            *over_populations([case(1, 3), case(5, 2)], sharing=False),
            *over_populations([case(5, 2, shortcut=1)]),
        ),
        elements=8,
        covers=(Residual,),
    ),
]
