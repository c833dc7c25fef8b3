"""What fixes the training of one model: every setting with its bounds, its default, its meaning.

Study files and `retroprop train` name these settings, both engines read them, and records hold
those that apply to the kind of model (`studies.kinds`). A setting that a study may give is a field
of `Hyperparameters`; nothing else lists them.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from retroprop.byhand.schedules import WARMUP, Schedule, rate_factor
from retroprop.calculus.architectures import parse_architecture
from retroprop.errors import UserError, did_you_mean

ACTIVATIONS = ("relu", "sigmoid", "tanh", "gelu")
NORMALIZATIONS = ("raw", "unit", "per-pixel", "per-channel")
_SHORT_PRECISIONS = {"bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}


def check_known(word: str, known: Iterable[str], what: str) -> str:
    """The word, if it is known.

    Raises:
        ValueError: With the nearest known words, if it is not.
    """
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}. {did_you_mean(word, known)}")
    return word


def one_of(known: Iterable[str], what: str) -> AfterValidator:
    """What marks a field whose words must be known."""
    return AfterValidator(lambda word: check_known(word, known, what))


def _scale(value: Any) -> Any:
    if value == "auto" or (is_number(value) and 0 <= value <= 1e3):
        return value
    raise PydanticCustomError("scale", 'Input should be a number from 0 to 1000, or "auto"')


def _architecture(text: str) -> str:
    parse_architecture(text)
    return text


def is_number(value: Any) -> bool:
    """Whether it is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=100_000)]
Share = Annotated[float, Field(ge=0, lt=1)]
Widths = Annotated[tuple[Width, Width, Width, Width], Field(strict=False)]
InitialScale = Annotated[Any, AfterValidator(_scale)]
Derivation = Literal["by-hand", "autograd"]
Precision = Literal["float32", "float64", "bfloat16"]


class Strict(BaseModel):
    """A table of a study file: frozen, without unknown keys, and nothing is converted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Hyperparameters(Strict):
    """The settings that a study may give, in the order in which a grid varies them."""

    optimizer: str = "sgd"
    """A name of `studies.kinds.OPTIMIZERS`."""
    learning_rate: LearningRate = 0.01
    """η of the whole training, or the highest of a schedule."""
    schedule: Schedule = "constant"
    """"constant", or "warmup-cosine": a line up, then half a cosine wave down to 0."""
    batch_size: Count = 100
    """Images per step, of all processes together."""
    initial_scale: InitialScale = "auto"
    """Standard deviation of the initial weights, or "auto": by fan-in (He before ReLU and GELU,
    LeCun otherwise); 0.01 for linear models."""
    initial_sign: Literal["both", "positive", "negative"] = "both"
    """Whether initial weights are all made positive or all made negative."""
    depth: Annotated[int, Field(ge=0, le=1000)] = 1
    """Hidden layers."""
    width: Width = 100
    """Units in each hidden layer."""
    activation: Annotated[str, one_of(ACTIVATIONS, "activation")] = "relu"
    """φ, after each hidden layer or convolution."""
    output: Literal["softmax", "linear"] = "softmax"
    """Softmax with the cross-entropy, or linear with the squared error."""
    kernel_size: Annotated[int, Field(ge=1, le=64)] = 3
    """Height and width of all kernels, in pixels."""
    gradient: Literal["mean", "sum"] = "mean"
    """Whether the gradient of a minibatch is the mean or the sum over its examples."""
    precision: Annotated[Precision, BeforeValidator(lambda p: _SHORT_PRECISIONS.get(p, p))] = (
        "float32"
    )
    """Of parameters and products; with "bfloat16" the products alone."""
    architecture: Annotated[str, AfterValidator(_architecture)] = "mlp 256-256"
    """An MLP or a CNN in the notation of `calculus.architectures`."""
    initialization: Literal["torch", "xavier"] = "torch"
    """Of an MLP: uniform by fan-in with biases, or Xavier's normal with biases 0."""
    patch_size: Annotated[int, Field(ge=1, le=1024)] = 4
    """Pixels of a side of a patch."""
    embedding: Width = 256
    """Numbers of a token, at least 2."""
    blocks: Annotated[int, Field(ge=1, le=1000)] = 4
    """Mixer blocks."""
    drop_rate: Share = 0.0
    """Probability with which dropout sets an activation to 0."""
    normalization: Annotated[str, one_of(NORMALIZATIONS, "normalization")] = "per-channel"
    """What is subtracted from the pixels, and what they are divided by."""
    augmentation: Literal["none", "flip-crop"] = "none"
    """How training images are changed."""
    shuffle: bool = True
    """Whether each epoch has its own order; else the images come as they lie."""
    loss: Literal["cross-entropy", "clamped-cross-entropy"] = "cross-entropy"
    """Of logits, or of probabilities cut into [1e-9, 1 − 1e-9]."""
    momentum: Share = 0.9
    """μ of the optimizers that have one."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """λ; added to the gradient as λ θ, and apart from it by "adamw"."""
    label_smoothing: Share = 0.0
    """Part of the target that is spread over all classes."""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Longer gradients are shortened to this norm."""
    patience: Count | None = None
    """Stop after so many epochs without a better validation accuracy."""
    train_metrics: Literal["evaluated", "running"] = "evaluated"
    """Measured on all training images after the epoch, or the means over the minibatches while the
    model was learning from them."""
    warmup: Share = WARMUP
    """Part of all steps that the line up of a schedule takes."""
    widths: Widths = (64, 128, 256, 512)
    """Channels of the four stages of ResNet-18."""
    channels_last: bool | None = None
    """Whether images and kernels have their channels last in memory; None decides by the kind."""
    compile: bool = False
    """Whether torch compiles the model first (it needs a C++ or a CUDA compiler)."""


class RunSettings(Hyperparameters):
    """What fixes the training of one model, beside the data.

    Raises:
        UserError: For a value that cannot be, one sentence for each.
    """

    kind: str = "softmax-regression"
    """A name of `studies.kinds.KINDS`."""
    derivation: Derivation = "by-hand"
    """Whether gradients come from our own formulas or from autograd."""
    epochs: Epochs = 1
    """Passes over the training images, over which a schedule moves the learning rate."""
    seed: Seed = 0
    """Of initial weights, orders, augmentation and dropout."""

    def __init__(self, **values: Any) -> None:
        """Check every value."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            sentences = explain(error, lambda _: type(self).model_fields)
            raise UserError(
                ". ".join(sentence.rstrip(".") for sentence in sentences) + "."
            ) from None
        if self.optimizer == "nesterov" and self.momentum == 0:
            raise UserError("nesterov needs a momentum above 0; use sgd to have none.")

    def rate_factor(self, step: int, steps_per_epoch: int) -> float:
        """What η is multiplied with at a step, counted from 0 over all epochs."""
        total = self.epochs * steps_per_epoch
        return rate_factor(self.schedule, step, total_steps=total, warmup=self.warmup)


class PopulationSettings(RunSettings):
    """What fixes a population: members of `seeds` × `learning_rates` share all else.

    `seed` and `learning_rate` say nothing here: each member has its own.
    """

    learning_rates: tuple[float, ...]
    """η of the members of one seed."""
    seeds: tuple[int, ...]
    """Each draws the initial weights and the orders of its members."""


def explain(
    error: ValidationError, known_keys: Callable[[tuple[int | str, ...]], Iterable[str]]
) -> list[str]:
    """One sentence for each problem that pydantic found, in our words rather than the library's.

    Args:
        error: What pydantic raised.
        known_keys: The keys that the table at a place may have.
    """
    sentences = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        match problem["type"]:
            case "extra_forbidden":
                known = known_keys(problem["loc"][:-1])
                hint = did_you_mean(str(problem["loc"][-1]), known)
                sentences.append(f"unknown key {key}. {hint}")
            case "missing":
                sentences.append(f"{key} is missing; add it to the file")
            case "value_error":
                place = f"{key}: " if key else ""
                sentences.append(f"{place}{problem.get('ctx', {}).get('error')}")
            case "too_short":
                sentences.append(f"{key} is an empty list; give at least one value")
            case _:
                wanted = problem["msg"].removeprefix("Input should be ")
                given = problem.get("input")
                sentences.append(f"{key or 'the study'} must be {wanted}, and got {given!r}")
    return sentences
