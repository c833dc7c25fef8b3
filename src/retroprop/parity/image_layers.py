"""The rows of the layers for images and tokens, each with its twin from `torch.nn.functional`."""

import torch
from torch import Tensor
from torch.nn import functional as F

from retroprop.byhand import winograd
from retroprop.byhand.activations import GELU
from retroprop.byhand.convolution import FEWEST_CHANNELS, Conv2d, extract_patches, fold_patches
from retroprop.byhand.dropout import Dropout
from retroprop.byhand.in_pieces import InPieces
from retroprop.byhand.layer import Layer, below
from retroprop.byhand.linear import LeftLinear, Linear
from retroprop.byhand.mlp_mixer import ChannelMixing, PatchEmbedding, TokenMixing
from retroprop.byhand.normalization import BatchNorm2d, LayerNorm
from retroprop.byhand.pooling import (
    AdaptiveMaxPool2d,
    AveragePool2d,
    GlobalAveragePool2d,
    MaxPool2d,
    TokenMean,
)
from retroprop.parity.layers import two_layers, two_layers_twin
from retroprop.parity.rows import (
    ANY,
    FEATURES,
    IMAGES,
    TOKENS,
    Options,
    Tensors,
    case,
    distinct,
    layer_row,
    over_populations,
)
from retroprop.randomness import generator

# --- convolution and pooling ----------------------------------------------------------------------


def _kernels(shape: tuple[int, ...], o: Options) -> dict[str, tuple[int, ...]]:
    W = {"W": (o["outputs"], shape[1], o["kernel"], o["kernel"])}
    return W | {"b": (o["outputs"],)} if o["bias"] else W


def _geometry(o: Options) -> dict[str, int]:
    return {name: o[name] for name in ("stride", "padding", "dilation")}


CONVOLUTION_ROWS = [
    layer_row(
        Conv2d,
        also=(
            extract_patches,
            fold_patches,
        ),
        axes=IMAGES,
        options={"outputs": 4, "kernel": 3, "stride": 1, "padding": 0, "dilation": 1, "bias": 1},
        parameters=_kernels,
        by_hand=lambda p, o: Conv2d(p["W"], p.get("b"), **_geometry(o)),
        twin=lambda x, p, o: F.conv2d(x, p["W"], p.get("b"), **_geometry(o)),
        cases=(
            *over_populations(
                case(1, 1, 3, 3),
                case(2, 3, 7, 9, stride=2, padding=1),
                case(2, 3, 8, 5, kernel=2, dilation=3, padding=2, outputs=1),
                case(1, 2, 5, 6, kernel=1, stride=2, bias=0),
                case(3, 2, 5, 4, kernel=5, stride=3, padding=4, dilation=2),
            ),
            case(7, 8, 20, 20),  # more than PATCHES_IN_CACHE: images in two pieces
            case(7, 8, 20, 20, population=(2,), shared=1),
        ),
        elements=8,
    ),
    layer_row(
        Conv2d,
        name="Winograd",
        also=(
            winograd.transform_kernels,
            winograd.kernel_gradient,
            winograd.transform_images,
            winograd.image_gradient,
            winograd.transform_output,
            winograd.output_gradient,
        ),
        axes=IMAGES,
        options={"outputs": FEWEST_CHANNELS + 1, "kernel": 3, "padding": 1, "bias": 1},
        parameters=_kernels,
        by_hand=lambda p, o: Conv2d(p["W"], p.get("b"), padding=o["padding"]),
        twin=lambda x, p, o: F.conv2d(x, p["W"], p.get("b"), padding=o["padding"]),
        cases=(  # Conv2d takes Winograd's way from so many channels on
            *over_populations(
                case(1, FEWEST_CHANNELS, 3, 3, padding=0), case(2, FEWEST_CHANNELS, 5, 4)
            ),
            case(1, FEWEST_CHANNELS + 1, 1, 2, bias=0),
            case(3, FEWEST_CHANNELS, 33, 34),  # more than TILES_TOGETHER: image by image
            case(3, FEWEST_CHANNELS, 33, 34, population=(2,), shared=1, padding=2),
        ),
        elements=4,
    ),
    layer_row(
        MaxPool2d,
        axes=IMAGES,
        options={"kernel": 2, "stride": 2, "padding": 0},
        by_hand=lambda p, o: MaxPool2d(o["kernel"], o["stride"], o["padding"]),
        twin=lambda x, p, o: F.max_pool2d(x, o["kernel"], o["stride"], o["padding"]),
        draw_input=distinct,
        cases=over_populations(
            case(1, 1, 2, 2),
            case(2, 3, 7, 9, kernel=3, padding=1),
            case(1, 2, 5, 6, kernel=3, stride=1),
            case(2, 1, 7, 8, stride=3),
            sharing=False,
        ),
    ),
    layer_row(
        AdaptiveMaxPool2d,
        axes=IMAGES,
        options={"height": 4, "width": 4},
        by_hand=lambda p, o: AdaptiveMaxPool2d((o["height"], o["width"])),
        twin=lambda x, p, o: F.adaptive_max_pool2d(x, (o["height"], o["width"])),
        draw_input=distinct,
        cases=over_populations(
            case(1, 1, 4, 4),
            case(2, 3, 9, 11),
            case(1, 2, 3, 2),
            case(2, 2, 6, 5, height=1, width=3),
            sharing=False,
        ),
    ),
    layer_row(
        AveragePool2d,
        axes=IMAGES,
        options={"kernel": 2, "stride": 2},
        by_hand=lambda p, o: AveragePool2d(o["kernel"], o["stride"]),
        twin=lambda x, p, o: F.avg_pool2d(x, o["kernel"], o["stride"]),
        cases=over_populations(
            case(1, 1, 2, 2),
            case(2, 3, 7, 9, kernel=3),
            case(1, 2, 5, 6, kernel=3, stride=1),
            sharing=False,
        ),
    ),
    layer_row(
        GlobalAveragePool2d,
        axes=IMAGES,
        by_hand=lambda p, o: GlobalAveragePool2d(),
        twin=lambda x, p, o: x.mean((-2, -1)),
        cases=over_populations(case(1, 1, 1, 1), case(2, 3, 5, 4), sharing=False),
    ),
]

# --- normalization and dropout --------------------------------------------------------------------

RUNNING_MEAN, RUNNING_VARIANCE = 0.3, 1.7
"""Of every channel before the case: not 0 and 1, so that evaluation must use them."""


def _batch_norm(p: Tensors, o: Options) -> Layer:
    norm = BatchNorm2d(p["gamma"], p["beta"], rectified=bool(o["rectified"]))
    norm.running_mean.fill_(RUNNING_MEAN)
    norm.running_variance.fill_(RUNNING_VARIANCE)
    return norm


def _batch_norm_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    mean = torch.full_like(p["gamma"], RUNNING_MEAN, requires_grad=False)
    variance = torch.full_like(p["gamma"], RUNNING_VARIANCE, requires_grad=False)
    training = bool(o["training"])
    y = F.batch_norm(x, mean, variance, p["gamma"], p["beta"], training=training)
    return F.relu(y) if o["rectified"] else y


def _layer_norm_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    if x.shape[-1] == 1:  # torch's own rounding, magnified by 1 / √ε, is all there is to compare
        raise ValueError("one feature has no spread, so the output is β whatever x is")
    return F.layer_norm(x, x.shape[-1:], p["gamma"], p["beta"])


def _masks() -> torch.Generator:
    return generator("parity", "masks")


def _dropout_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    if not 0 <= o["probability"] < 1:
        raise ValueError("a probability of dropout is at least 0 and below 1")
    if not o["training"]:
        return x
    u = torch.rand(x.shape, generator=_masks(), dtype=x.dtype)
    return torch.where(u < o["probability"], 0.0, x / (1 - o["probability"]))


NORMALIZATION_ROWS = [
    layer_row(
        BatchNorm2d,
        axes=IMAGES,
        options={"training": 1, "rectified": 0},
        parameters=lambda shape, o: {"gamma": (shape[1],), "beta": (shape[1],)},
        by_hand=_batch_norm,
        twin=_batch_norm_twin,
        cases=(
            *over_populations(
                case(1, 3, 1, 3),  # of two values x̂ is ±1 whatever they are: three at least
                case(3, 1, 1, 1),
                case(3, 2, 5, 4),
                case(2, 3, 4, 3, rectified=1),
                case(1, 2, 1, 1, training=0),
                case(2, 3, 3, 5, training=0, rectified=1),
            ),
            case(2, 3, 110, 111, rectified=1),  # more than VALUES_IN_CACHE: in pieces
            case(2, 2, 110, 111, population=(2,), shared=1),
        ),
        elements=8,
    ),
    layer_row(
        LayerNorm,
        axes=FEATURES,
        parameters=lambda shape, o: {"gamma": (shape[-1],), "beta": (shape[-1],)},
        by_hand=lambda p, o: LayerNorm(p["gamma"], p["beta"]),
        twin=_layer_norm_twin,
        cases=(
            *over_populations(case(1, 3), case(5, 4), case(3, 7)),
            *over_populations(case(2, 3, 5), sharing=False),  # tokens
            case(301, 220),  # more than VALUES_IN_CACHE: in pieces
        ),
        elements=8,
    ),
    layer_row(
        Dropout,
        axes=ANY,
        options={"probability": 0.4, "training": 1},
        by_hand=lambda p, o: Dropout(o["probability"], _masks()),
        twin=_dropout_twin,
        cases=(  # all axes are alike to it: members have no masks of their own to compare
            case(1),
            case(1, 1, training=0),
            case(5, 7),
            case(2, 3, 4, 5, probability=0.0),
            case(2, 3, 4, 5, probability=0.9),
        ),
    ),
]

# --- tokens ---------------------------------------------------------------------------------------


def _mixing_twin(x: Tensor, p: Tensors, o: Options) -> Tensor:
    return two_layers_twin(x, p, F.gelu)


def _in_pieces(p: Tensors, o: Options) -> Layer:
    """The chain of `_mixing_twin`, said to be so wide that one example makes a piece."""
    layers = {"fc1": Linear(**below(p, "fc1")), "phi": GELU(), "fc2": Linear(**below(p, "fc2"))}
    return InPieces(layers, axis=-2, widening=1e9)


TOKEN_CASES = over_populations(case(1, 1, 3), case(2, 5, 3), case(3, 4, 1), sharing=False)

TOKEN_ROWS = [
    layer_row(
        PatchEmbedding,
        axes=IMAGES,
        options={"outputs": 4, "kernel": 2},
        parameters=lambda shape, o: {
            "proj.W": (o["outputs"], shape[1], o["kernel"], o["kernel"]),
            "proj.b": (o["outputs"],),
        },
        by_hand=lambda p, o: PatchEmbedding(p),
        twin=lambda x, p, o: (
            F.conv2d(x, p["proj.W"], p["proj.b"], stride=o["kernel"]).flatten(2).mT
        ),
        cases=over_populations(
            case(1, 3, 4, 4), case(2, 1, 6, 3, kernel=3), case(1, 2, 3, 5, kernel=1)
        ),
        elements=8,
    ),
    layer_row(
        LeftLinear,
        axes=("batch", "inputs", "dim"),
        options={"outputs": 4},
        parameters=lambda shape, o: {"W": (shape[1], o["outputs"]), "b": (o["outputs"],)},
        by_hand=lambda p, o: LeftLinear(p["W"], p["b"]),
        twin=lambda x, p, o: F.linear(x.mT, p["W"].T, p["b"]).mT,
        cases=TOKEN_CASES,
    ),
    layer_row(
        InPieces,
        axes=FEATURES,
        options={"hidden": 4},
        parameters=lambda shape, o: two_layers(shape[1], o["hidden"]),
        by_hand=_in_pieces,
        twin=_mixing_twin,
        cases=over_populations(case(1, 3), case(5, 4), sharing=False),
        elements=8,
    ),
    layer_row(
        TokenMixing,
        axes=TOKENS,
        options={"hidden": 4},
        parameters=lambda shape, o: two_layers(shape[1], o["hidden"]),
        by_hand=lambda p, o: TokenMixing(p),
        twin=lambda x, p, o: _mixing_twin(x.mT, p, o).mT,
        cases=TOKEN_CASES,
        elements=8,
    ),
    layer_row(
        ChannelMixing,
        axes=TOKENS,
        options={"hidden": 4},
        parameters=lambda shape, o: two_layers(shape[2], o["hidden"]),
        by_hand=lambda p, o: ChannelMixing(p),
        twin=_mixing_twin,
        cases=TOKEN_CASES,
        elements=8,
    ),
    layer_row(
        TokenMean,
        axes=TOKENS,
        by_hand=lambda p, o: TokenMean(),
        twin=lambda x, p, o: x.mean(-2),
        cases=TOKEN_CASES,
    ),
]
