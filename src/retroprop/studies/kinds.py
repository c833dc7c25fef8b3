"""The kinds of models and the optimizers that studies know: one row each, and nowhere else a list.

A row says which settings a kind has, what is fixed for it, who trains it, how large it is, and
which formulas its report shows. Its classes are in `training.factories`, for this table is read
without torch. The settings themselves are in `training.settings`.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from retroprop.calculus.architectures import Architecture, parse_architecture
from retroprop.data.catalog import DatasetInfo
from retroprop.training.settings import RunSettings

Engine = Literal["population", "trainer"]
"""Populations of small networks as one program, or one torch network at a time."""


class Size(NamedTuple):
    """How large a model is, roughly: what predictions of its time and its memory need."""

    weights: float
    products: float
    """Multiplications for one example."""
    layers: int
    values: float
    """Numbers that training keeps of one example, temporary ones included."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a study may say of one kind of model, and what follows from it.

    Attributes:
        engine: Who trains it.
        settings: Those that it has beside those of its engine.
        fixed: Settings that it always has, and no study may give.
        defaults: What it has where a study leaves a setting out, in place of the usual default.
        initial_scale: The same for this setting, which a study's fingerprint does not name.
        loss: The unit of its loss; "by-output" where a setting decides.
        colour: Whether it reads colour images only.
        half: Whether its products may be in bfloat16 when derived by hand.
        report: What its report shows of it, in order: names of `report.model_formulas`, settings
            (the formula of each of their values), and paragraphs of `report.models`.
        size: Of a model with these settings, for images of this data set.
        check: Refuses settings that no model can have, by a ValueError.
    """

    engine: Engine
    settings: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    initial_scale: float | Literal["auto"] = "auto"
    loss: Literal["nats", "squared", "by-output"] = "nats"
    colour: bool = False
    half: bool = False
    report: tuple[str, ...]
    size: Callable[[RunSettings, DatasetInfo], Size]
    check: Callable[[RunSettings, DatasetInfo], None] = lambda settings, info: None


# -- sizes -----------------------------------------------------------------------------------------


def _linear_size(settings: RunSettings, info: DatasetInfo) -> Size:
    return _dense_size((math.prod(info.image_shape), len(info.classes)))._replace(layers=1)


def _mlp_size(settings: RunSettings, info: DatasetInfo) -> Size:
    hidden = (settings.width,) * settings.depth
    return _dense_size((math.prod(info.image_shape), *hidden, len(info.classes)))


def _dense_size(sizes: Sequence[int]) -> Size:
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    return Size(weights, weights, len(sizes), 1.5 * sum(sizes[1:]))


def _network_size(settings: RunSettings, info: DatasetInfo) -> Size:
    chosen, classes = parse_architecture(settings.architecture), len(info.classes)
    if not chosen.channels:
        return _dense_size((math.prod(info.image_shape), *chosen.dense, classes))
    side = info.image_shape[0]
    before = math.prod(info.image_shape) // side**2
    weights = products = values = 0
    for channels, kernel, stride, padding in _convolutions(chosen):
        side = max(1, (side + 2 * padding - kernel) // stride + 1)
        kernels = channels * before * kernel**2
        weights, products = weights + kernels, products + kernels * side**2
        values += 7 * channels * side**2
        side, before = side // 2, channels
    dense, _, layers, _ = _dense_size((16 * before, *chosen.dense, classes))
    # pooling and activations of few channels cost as much as the products: counted twice
    return Size(weights + dense, 2 * products + dense, layers + 4 * len(chosen.channels), values)


def _mixer_size(settings: RunSettings, info: DatasetInfo) -> Size:
    dim, of_patch = settings.embedding, 3 * settings.patch_size**2
    tokens = math.prod(info.image_shape) // of_patch
    mixing = settings.blocks * (tokens * dim + 8 * dim**2)
    products = tokens * of_patch * dim + settings.blocks * (
        dim * tokens * dim + tokens * 8 * dim**2
    )
    values = 32 * tokens * dim * settings.blocks
    return Size(of_patch * dim + mixing, products, 14 * settings.blocks, values)


def _resnet_size(settings: RunSettings, info: DatasetInfo) -> Size:
    widths, pixels = settings.widths, math.prod(info.image_shape) // 3
    weights = 27 * widths[0] + 36 * widths[0] ** 2
    for before, after in itertools.pairwise(widths):
        weights += 10 * before * after + 27 * after**2
    values = sum(16 * pixels * width / 4**stage for stage, width in enumerate(widths))
    return Size(weights, 540_000 * pixels * (widths[-1] / 512) ** 2, 60, values)


def _cnn_size(settings: RunSettings, info: DatasetInfo) -> Size:
    """Of three convolutions by hand, whose windows are laid out side by side."""
    side, windows = info.image_shape[0], 0
    before = math.prod(info.image_shape) // side**2
    for channels in (16, 32, 48):
        side = max(1, side - settings.kernel_size + 1)
        windows += side**2 * (4 * channels + before * settings.kernel_size**2)
        side, before = side // 2, channels
    return Size(300_000, 2_500_000, 20, 1.4 * windows)


# -- what cannot be --------------------------------------------------------------------------------


def _convolutions(chosen: Architecture) -> list[tuple[int, int, int, int]]:
    """(channels, kernel, stride, padding) of each."""
    return list(
        zip(chosen.channels, chosen.kernel_sizes, chosen.strides, chosen.paddings, strict=True)
    )


def _check_cnn(settings: RunSettings, info: DatasetInfo) -> None:
    _check_kernels([(0, settings.kernel_size, 1, 0)] * 3, info)


def _check_network(settings: RunSettings, info: DatasetInfo) -> None:
    _check_kernels(_convolutions(parse_architecture(settings.architecture)), info)


def _check_kernels(convolutions: Sequence[tuple[int, int, int, int]], info: DatasetInfo) -> None:
    """Convolutions with halvings between them must leave at least one pixel."""
    side = min(info.image_shape[:2])
    left = side
    for layer, (_, kernel, stride, padding) in enumerate(convolutions):
        padded = (left if layer == 0 else left // 2) + 2 * padding
        if kernel > padded:
            raise ValueError(
                f"kernel_size {kernel} leaves nothing of a {side} × {side} image after "
                f"{layer + 1} convolutions; use a smaller one"
            )
        left = (padded - kernel) // stride + 1


def _check_mixer(settings: RunSettings, info: DatasetInfo) -> None:
    side, size = info.image_shape[0], settings.patch_size
    if side % size:
        fitting = [str(n) for n in range(1, side + 1) if side % n == 0]
        raise ValueError(
            f"patch_size {size} does not divide image size {side}; use "
            f"{', '.join(fitting[:-1])} or {fitting[-1]}"
        )
    if settings.embedding < 2:
        raise ValueError("embedding 1 has no half for the hidden layer of a block; use at least 2")


# -- the tables ------------------------------------------------------------------------------------

_INITIAL = ("initial_scale", "initial_sign")

_UPDATES = ("convention", "all-parameters", "optimizer", "steps", "schedule")
_OF_DELTA = ("convention", "other-optimizers", "steps", "schedule")
_OF_TRAINER = (
    *("loss", "label_smoothing", "derivation", "convention", "all-parameters", "weight_decay"),
    *("optimizer", "steps", "schedule", "training"),
)

KINDS: dict[str, Kind] = {
    "softmax-regression": Kind(
        engine="population",
        settings=_INITIAL,
        initial_scale=0.01,
        report=("model", "convention", "gradient", "optimizer", "steps", "schedule"),
        size=_linear_size,
    ),
    "perceptron": Kind(
        engine="population",
        settings=_INITIAL,
        fixed={"output": "linear"},
        initial_scale=0.01,
        loss="squared",
        report=("perceptron-model", "perceptron-update", *_OF_DELTA),
        size=_linear_size,
    ),
    "shallow": Kind(
        engine="population",
        settings=(*_INITIAL, "width"),
        fixed={"depth": 1, "activation": "sigmoid", "output": "linear"},
        loss="squared",
        half=True,
        report=("shallow-model", "shallow-errors", "shallow-update", *_OF_DELTA),
        size=_mlp_size,
    ),
    "mlp": Kind(
        engine="population",
        settings=(*_INITIAL, "depth", "width", "activation", "output"),
        loss="by-output",
        half=True,
        report=("mlp-model", "activation", "output", "derivation", "mlp-backward", *_UPDATES),
        size=_mlp_size,
    ),
    "cnn": Kind(
        engine="population",
        settings=("kernel_size", "activation"),
        report=("cnn-layers", "derivation", "recorded-layers", *_UPDATES),
        size=_cnn_size,
        check=_check_cnn,
    ),
    "network": Kind(
        engine="trainer",
        settings=("architecture", "activation", "initialization"),
        report=("architecture", "activation", *_OF_TRAINER),
        size=_network_size,
        check=_check_network,
    ),
    "resnet18": Kind(
        engine="trainer",
        settings=("widths",),
        colour=True,
        report=("resnet-block", "batch-norm", "resnet18-layers", *_OF_TRAINER),
        size=_resnet_size,
    ),
    "mlp-mixer": Kind(
        engine="trainer",
        settings=("patch_size", "embedding", "blocks", "drop_rate", "activation"),
        defaults={"activation": "gelu"},
        colour=True,
        report=("mixer-block", "mixer-layers", "activation", *_OF_TRAINER),
        size=_mixer_size,
        check=_check_mixer,
    ),
}

_OF_EVERY_KIND = ("optimizer", "learning_rate", "schedule", "batch_size")
_OF_ENGINE: dict[Engine, tuple[str, ...]] = {
    "population": ("gradient", "precision"),
    "trainer": (
        "normalization",
        "augmentation",
        "shuffle",
        "loss",
        "momentum",
        "weight_decay",
        "label_smoothing",
        "clip_norm",
        "patience",
        "train_metrics",
        "warmup",
        "channels_last",
        "compile",
        "precision",
    ),
}
NEWER = ("warmup", "widths", "channels_last", "compile")
"""Settings that came later: left out of records and fingerprints where they have their default."""


@dataclass(frozen=True, kw_only=True)
class OptimizerInfo:
    """Who can train with an optimizer, and what its step costs.

    Attributes:
        engines: By hand and by autograd in populations, or in the trainer.
        passes: Over the parameters, of one step, relative to those of Adam.
        remembers: Numbers per parameter, from one step to the next.
    """

    engines: tuple[Engine, ...] = ("population", "trainer")
    passes: float = 0.2
    remembers: int = 0


OPTIMIZERS: dict[str, OptimizerInfo] = {
    "sgd": OptimizerInfo(),
    "momentum": OptimizerInfo(remembers=1),
    "nesterov": OptimizerInfo(engines=("trainer",), remembers=1),
    "adagrad": OptimizerInfo(engines=("population",), passes=1.0, remembers=1),
    "adam": OptimizerInfo(passes=1.0, remembers=2),
    "adamw": OptimizerInfo(passes=1.0, remembers=2),
}


def settings_of_kind(kind: str) -> tuple[str, ...]:
    """The settings that a study of this kind may give, in the order in which it is told so."""
    row = KINDS[kind]
    derivation = ("derivation",) if row.engine == "population" else ()
    return (*_OF_EVERY_KIND, *derivation, *row.settings, *_OF_ENGINE[row.engine])


def optimizers_of(engine: Engine) -> list[str]:
    """The names of the optimizers that an engine has."""
    return [name for name, row in OPTIMIZERS.items() if engine in row.engines]


_USUAL = RunSettings()


def usual_value(name: str) -> Any:
    """What a setting is where neither a study nor an older record says it."""
    return getattr(_USUAL, name)


def recorded(settings: RunSettings) -> dict[str, Any]:
    """What a record holds of a run's settings: those that its kind has, by name.

    Epochs and seed have places of their own in a record.
    """
    row, given = KINDS[settings.kind], vars(settings)
    names = dict.fromkeys(("kind", *settings_of_kind(settings.kind), *row.fixed, "derivation"))
    return {
        name: given[name] for name in names if name not in NEWER or given[name] != usual_value(name)
    }
