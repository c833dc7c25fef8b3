"""What fixes the training of one model: every setting with its bounds, its default, its meaning.

Study files and `retroprop train` name these settings, both engines read them, and records hold
those that apply to the kind of model (`studies.kinds`). A setting that a study may give is a field
of `Hyperparameters`; nothing else lists them. `checked` is the one place that compares a value with
its bounds: for engines here, for study files in `studies.schema`.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from retroprop.byhand.schedules import WARMUP, Schedule, rate_factor
from retroprop.calculus.architectures import parse_architecture
from retroprop.errors import UserError, did_you_mean, in_short

ACTIVATIONS = ("relu", "sigmoid", "tanh", "gelu")
PRECISIONS = {"fp32": "float32", "fp64": "float64", "bf16": "bfloat16"}
NORMALIZATIONS = ("raw", "unit", "per-pixel", "per-channel")


class WrongValueError(ValueError):
    """A value that a setting cannot have; the text says what it "must be"."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where a number must lie."""

    above: int | float = -math.inf
    least: int | float = -math.inf
    below: int | float = math.inf
    most: int | float = math.inf
    finite: bool = True

    def check(self, value: int | float) -> None:
        """Refuse a number outside of the bounds."""
        if self.finite and isinstance(value, float) and not math.isfinite(value):
            raise WrongValueError("a finite number")
        for holds, limit, words in (
            (value > self.above, self.above, "greater than"),
            (value >= self.least, self.least, "greater than or equal to"),
            (value < self.below, self.below, "less than"),
            (value <= self.most, self.most, "less than or equal to"),
        ):
            if not holds and math.isfinite(limit):
                raise WrongValueError(f"{words} {limit:g}" if limit < 1e6 else f"{words} {limit}")


@dataclass(frozen=True)
class OneOf:
    """Which words there are; an unknown one is answered with the nearest."""

    known: Iterable[str]
    what: str

    def check(self, word: str) -> None:
        """Refuse an unknown word."""
        check_known(word, self.known, self.what)

    def __call__(self, word: str) -> str:
        """The word, if it is known: for pydantic."""
        return check_known(word, self.known, self.what)


class Words:
    """Which words there are; a wrong one is answered with all of them."""

    def __init__(self, *known: str, short: Mapping[str, str] | None = None) -> None:
        """Name the words, and what `short` ones stand for."""
        self.known, self.short = known, short or {}

    def whole(self, word: Any) -> Any:
        """The word that a short one stands for."""
        return self.short.get(word, word) if isinstance(word, str) else word

    def check(self, word: str) -> None:
        """Refuse another word."""
        if word not in self.known:
            *first, last = map(repr, self.known)
            raise WrongValueError(f"{', '.join(first)} or {last}")


class _Scale:
    """A standard deviation, or "auto"."""

    said = 'a number from 0 to 1000, or "auto"'

    def check(self, value: Any) -> None:
        if value != "auto" and not (is_number(value) and 0 <= value <= 1e3):
            raise WrongValueError(self.said)


class _Architecture:
    """A text in the notation of `calculus.architectures`."""

    said = 'text, such as "mlp 256-128" or "cnn 8-16 k5"'

    def check(self, text: str) -> None:
        parse_architecture(text)


def check_known(word: str, known: Iterable[str], what: str) -> str:
    """The word, if it is known.

    Raises:
        UserError: With the nearest known words, if it is not.
    """
    if word not in known:
        raise UserError(f"unknown {what} {in_short(word)}. {did_you_mean(str(word), known)}")
    return word


def is_number(value: Any) -> bool:
    """Whether it is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


Seed = Annotated[int, Bounds(least=0, below=2**63)]
Epochs = Annotated[int, Bounds(least=1, most=10_000)]
LearningRate = Annotated[float, Bounds(above=0, most=1e38)]
"""The largest number of float32 is 3.4e38: a larger rate could not even be multiplied."""
Count = Annotated[int, Bounds(least=1, most=10**9)]
Width = Annotated[int, Bounds(least=1, most=100_000)]
Share = Annotated[float, Bounds(least=0, below=1)]
InitialScale = Annotated[Any, _Scale()]
Precision = Annotated[str, Words(*PRECISIONS.values(), short=PRECISIONS)]
Derivation = Annotated[str, Words("by-hand", "autograd")]


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The settings that a study may give, in the order in which a grid varies them."""

    optimizer: str = "sgd"
    """How a step follows from the gradient; `studies.kinds.OPTIMIZERS` says who has it."""
    learning_rate: LearningRate = 0.01
    """η of the whole training, or the highest of a schedule."""
    schedule: Annotated[str, Words(*get_args(Schedule))] = "constant"
    """"constant", or "warmup-cosine": a line up, then half a cosine wave down to 0."""
    batch_size: Count = 100
    """Images per step, of all processes together."""
    initial_scale: InitialScale = "auto"
    """Standard deviation of the initial weights, or "auto": by fan-in (He before ReLU and GELU,
    LeCun otherwise); 0.01 for linear models."""
    initial_sign: Annotated[str, Words("both", "positive", "negative")] = "both"
    """Whether initial weights are all made positive or all made negative."""
    depth: Annotated[int, Bounds(least=0, most=1000)] = 1
    """Hidden layers."""
    width: Width = 100
    """Units in each hidden layer."""
    activation: Annotated[str, OneOf(ACTIVATIONS, "activation")] = "relu"
    """φ, after each hidden layer or convolution."""
    output: Annotated[str, Words("softmax", "linear")] = "softmax"
    """Softmax with the cross-entropy, or linear with the squared error."""
    kernel_size: Annotated[int, Bounds(least=1, most=64)] = 3
    """Height and width of all kernels, in pixels."""
    gradient: Annotated[str, Words("mean", "sum")] = "mean"
    """Whether the gradient of a minibatch is the mean or the sum over its examples."""
    precision: Precision = "float32"
    """Of parameters and products; with "bfloat16", or "bf16", the products alone."""
    architecture: Annotated[str, _Architecture()] = "mlp 256-256"
    """An MLP or a CNN in the notation of `calculus.architectures`."""
    initialization: Annotated[str, Words("torch", "xavier")] = "torch"
    """Of an MLP: uniform by fan-in with biases, or Xavier's normal with biases 0."""
    patch_size: Annotated[int, Bounds(least=1, most=1024)] = 4
    """Pixels of a side of a patch."""
    embedding: Width = 256
    """Numbers of a token, at least 2."""
    blocks: Annotated[int, Bounds(least=1, most=1000)] = 4
    """Mixer blocks."""
    drop_rate: Share = 0.0
    """Probability with which dropout sets an activation to 0."""
    normalization: Annotated[str, OneOf(NORMALIZATIONS, "normalization")] = "per-channel"
    """What is subtracted from the pixels, and what they are divided by."""
    augmentation: Annotated[str, Words("none", "flip-crop")] = "none"
    """How training images are changed."""
    shuffle: bool = True
    """Whether each epoch has its own order; else the images come as they lie."""
    loss: Annotated[str, Words("cross-entropy", "clamped-cross-entropy")] = "cross-entropy"
    """Of logits, or of probabilities cut into [1e-9, 1 − 1e-9]."""
    momentum: Share = 0.9
    """μ of the optimizers that have one."""
    weight_decay: Annotated[float, Bounds(least=0, most=1e38)] = 0.0
    """λ; added to the gradient as λ θ, and apart from it by "adamw"."""
    label_smoothing: Share = 0.0
    """Part of the target that is spread over all classes."""
    clip_norm: Annotated[float, Bounds(above=0, finite=False)] | None = None
    """Longer gradients are shortened to this norm."""
    patience: Count | None = None
    """Stop after so many epochs without a better validation accuracy."""
    train_metrics: Annotated[str, Words("evaluated", "running")] = "evaluated"
    """Measured on all training images after the epoch, or the means over the minibatches while the
    model was learning from them."""
    warmup: Share = WARMUP
    """Part of all steps that the line up of a schedule takes."""
    widths: tuple[Width, Width, Width, Width] = (64, 128, 256, 512)
    """Channels of the four stages of ResNet-18."""
    channels_last: bool | None = None
    """Whether images and kernels have their channels last in memory; else the kind decides."""
    compile: bool = False
    """Whether torch compiles the model first (it needs a C++ or a CUDA compiler)."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(Hyperparameters):
    """What fixes the training of one model, beside the data.

    Raises:
        UserError: For values that cannot be, a sentence for each.
    """

    kind: str = "softmax-regression"
    """A name of `studies.kinds.KINDS`."""
    derivation: Derivation = "by-hand"
    """Whether gradients come from our own formulas or from autograd."""
    epochs: Epochs = 1
    """Passes over the training images, over which a schedule moves the learning rate."""
    seed: Seed = 0
    """Of initial weights, orders, augmentation and dropout."""

    def __post_init__(self) -> None:
        """Check every value."""
        wrong = []
        for name, kind in types_of(type(self)).items():
            value = getattr(self, name)
            if value is getattr(type(self), name, None):  # the default: most are, in a large plan
                continue
            try:
                object.__setattr__(self, name, checked(value, kind))
            except WrongValueError as error:
                wrong.append(f"{name} must be {error}, and got {in_short(value)}")
            except UserError as error:
                wrong.append(f"{name}: {error}".rstrip("."))
        if wrong:
            raise UserError(". ".join(wrong) + ("" if wrong[-1].endswith("?") else "."))
        if self.optimizer == "nesterov" and self.momentum == 0:
            raise UserError("nesterov needs a momentum above 0; use sgd to have none.")

    def rate_factor(self, step: int, steps_per_epoch: int) -> float:
        """What η is multiplied with at a step, counted from 0 over all epochs."""
        total = self.epochs * steps_per_epoch
        return rate_factor(self.schedule, step, total_steps=total, warmup=self.warmup)


S = TypeVar("S", bound=RunSettings)


@dataclass(frozen=True, kw_only=True)
class PopulationSettings(RunSettings):
    """What fixes a population: members of `seeds` × `learning_rates` share all else.

    `seed` and `learning_rate` say nothing here: each member has its own.
    """

    learning_rates: tuple[float, ...]
    """η of the members of one seed."""
    seeds: tuple[int, ...]
    """Each draws the initial weights and the orders of its members."""


def from_record(kind: type[S], recorded: Mapping[str, Any], **more: Any) -> S:
    """The settings that a record holds, with what it keeps elsewhere.

    Raises:
        UserError: If the record has a setting that we do not know, or a value that cannot be.
    """
    known = {field.name for field in dataclasses.fields(kind)}
    for name in (*recorded, *more):
        if name not in known:
            raise UserError(f"unknown setting {name!r}. {did_you_mean(name, known)}")
    types, values = types_of(kind), {}
    for name, value in {**recorded, **more}.items():
        try:
            values[name] = checked(value, types[name])
        except WrongValueError as error:
            raise UserError(f"{name} must be {error}, and got {in_short(value)}.") from None
    return kind(**values)


@cache
def types_of(settings: type) -> dict[str, Any]:
    """The type of each setting, with its bounds, by name."""
    hints = get_type_hints(settings, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(settings)}


def checked(value: Any, kind: Any) -> Any:
    """The value as a setting of this type has it: a whole number as a float, a list as a tuple.

    Raises:
        WrongValueError: If it is of another type or out of bounds.
        UserError: If it is an unknown word.
    """
    if get_origin(kind) is Annotated:
        plain, *marks = get_args(kind)
        for mark in marks:
            if isinstance(mark, Words):
                value = mark.whole(value)
        value = checked(value, plain)
        for mark in marks:
            mark.check(value)
        return value
    if get_origin(kind) is tuple:
        return _checked_tuple(value, get_args(kind))
    if NoneType in get_args(kind):
        return None if value is None else checked(value, without_none(kind))
    return _checked_plain(value, kind)


def checked_precision(word: str) -> str:
    """The precision that a word stands for: "bf16" for "bfloat16".

    Raises:
        UserError: If there is none.
    """
    try:
        return checked(word, Precision)
    except WrongValueError as error:
        raise UserError(f"the precision must be {error}, and got {in_short(word)}.") from None


def without_none(kind: Any) -> Any:
    """The type of a value that is there."""
    kinds = get_args(kind)
    return next(one for one in kinds if one is not NoneType) if NoneType in kinds else kind


def _checked_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise WrongValueError("a list")
    if kinds[-1] is ...:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise WrongValueError(f"a list of {len(kinds)} values")
    return tuple(checked(one, kind) for one, kind in zip(value, kinds, strict=True))


def _checked_plain(value: Any, kind: Any) -> Any:
    names = {int: "a whole number", float: "a number", str: "text"}
    if kind is float and is_number(value):
        return value if isinstance(value, float) else _as_float(value)
    if kind is Any:
        return value
    if type(value) is not kind:
        raise WrongValueError(names.get(kind, "true or false"))
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise WrongValueError("a finite number") from None
