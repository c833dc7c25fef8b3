"""Study files: their schema, their catalog, and errors that name the key and the fix.

A study file is TOML. It is validated once, here, with every problem reported at once; behind this
module a study is a frozen `Study`. `grid` lists the values of the varied hyperparameters; what is
not varied stands in `[training]` or has its default.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from retroprop.data import CATALOG
from retroprop.data.splits import training_size
from retroprop.errors import UserError, did_you_mean
from retroprop.models.architectures import parse_architecture

DATASETS = tuple(CATALOG)
OPTIMIZER_NAMES = ("sgd", "momentum", "adagrad", "adam", "adamw")
TRAINER_OPTIMIZER_NAMES = ("sgd", "momentum", "nesterov", "adam", "adamw")
ACTIVATION_NAMES = ("relu", "sigmoid", "tanh", "gelu")
NORMALIZATION_NAMES = ("raw", "unit", "per-pixel", "per-channel")
SIZES = ("smoke", "laptop", "full")

# What a kind of model can be given, beside what every model has.
OF_EVERY_KIND = ("optimizer", "learning_rate", "schedule", "batch_size", "derivation")
OF_KIND = {
    "softmax-regression": ("initial_scale", "initial_sign"),
    "perceptron": ("initial_scale", "initial_sign"),
    "shallow": ("initial_scale", "initial_sign", "width"),
    "mlp": ("initial_scale", "initial_sign", "depth", "width", "activation", "output"),
    "cnn": ("kernel_size", "activation"),
}
# What one visible loop trains, one network at a time, on a CPU or a GPU.
OF_TRAINER = (
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
)
TRAINER_KINDS = {
    "network": ("architecture", "activation", "initialization", *OF_TRAINER),
    "resnet18": OF_TRAINER,
    "mlp-mixer": ("patch_size", "embedding", "blocks", "drop_rate", "activation", *OF_TRAINER),
}
OF_KIND |= TRAINER_KINDS
# What a kind of model has where a study leaves it out, in place of the default of every kind.
DEFAULTS = {"mlp-mixer": {"activation": "gelu"}}
# What a kind of model always has.
FIXED = {
    "perceptron": {"output": "linear"},
    "shallow": {"depth": 1, "activation": "sigmoid", "output": "linear"},
}
MODEL_KINDS = tuple(OF_KIND)
VALUES = (
    "best_validation_accuracy",
    "best_validation_loss",
    "best_epoch",
    "test_accuracy",
    "test_loss",
    "train_s",
    "parameters",
)
FIGURES = (
    "loss-curves",
    "accuracy-curves",
    "curves-by-setting",
    "effect-of-setting",
    "speed",
    "gradient-norms",
    "pairs",
    "kernels",
    "token-mixing",
    "confusion",
    "time-by-setting",
)

Seed = Annotated[int, Field(ge=0, lt=2**31)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BatchSize = Annotated[int, Field(ge=1)]
Sign = Literal["both", "positive", "negative"]
Depth = Annotated[int, Field(ge=0, le=1000)]
Width = Annotated[int, Field(ge=1, le=100_000)]
KernelSize = Annotated[int, Field(ge=1, le=64)]
Output = Literal["softmax", "linear"]
Derivation = Literal["by-hand", "autograd"]
Precision = Literal["float32", "float64", "bfloat16"]
Schedule = Literal["constant", "warmup-cosine"]
Augmentation = Literal["none", "flip-crop"]
TrainerLoss = Literal["cross-entropy", "clamped-cross-entropy"]
Share = Annotated[float, Field(ge=0, lt=1)]
PatchSize = Annotated[int, Field(ge=1, le=1024)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _check_scale(value: Any) -> Any:
    if value == "auto" or (_is_number(value) and 0 <= value <= 1e3):
        return value
    raise PydanticCustomError("scale", 'Input should be a number from 0 to 1000, or "auto"')


def _check_rates(value: Any) -> Any:
    for name, rate in value.items() if isinstance(value, dict) else [(None, value)]:
        if name is not None:
            _one_of(name, {*OPTIMIZER_NAMES, *TRAINER_OPTIMIZER_NAMES}, "optimizer")
        if not _is_number(rate):
            raise PydanticCustomError(
                "rate", "Input should be a number, or a table with one for each optimizer"
            )
        if not math.isfinite(rate):
            raise PydanticCustomError("rate", "Input should be a finite number")
        if rate <= 0:
            raise PydanticCustomError("rate", "Input should be greater than 0")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


InitialScale = Annotated[Any, AfterValidator(_check_scale)]
LearningRates = Annotated[Any, AfterValidator(_check_rates)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Title(_Strict):
    """The study's title in each language."""

    en: str = Field(min_length=1)
    fr: str = Field(min_length=1)


class Split(_Strict):
    """Which images train and which validate; the split has its own seed.

    `validation` is the part of the training set that validates, drawn at random. With `source =
    "test"` all training images train, and the first `validation_images` of the test set validate;
    the others are its test. `images` and `validation_images` take fewer than there are.
    """

    source: Literal["train", "test"] = "train"
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Seed = 0
    images: Annotated[int, Field(ge=1)] | None = None
    validation_images: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _fits_its_source(self) -> "Split":
        if self.source == "test" and "validation" in self.model_fields_set:
            raise ValueError(
                'split.validation is a part of the training set, and source = "test" takes none of '
                "it; give validation_images instead"
            )
        return self

    def training_images(self, n_train: int) -> int:
        """How many images train, of a training set of `n_train`."""
        left = n_train if self.source == "test" else training_size(n_train, self.validation)
        return left if self.images is None else min(left, self.images)

    def evaluated_images(self, n_train: int, n_test: int) -> int:
        """How many images validate."""
        if self.source == "test":
            return n_test // 2 if self.validation_images is None else self.validation_images
        held_out = n_train - training_size(n_train, self.validation)
        return min(held_out, self.validation_images or held_out)


class Model(_Strict):
    """The kind of model and how its gradient is obtained."""

    kind: str = "softmax-regression"
    derivation: Derivation = "by-hand"

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return _one_of(kind, MODEL_KINDS, "model kind")


class Training(_Strict):
    """The hyperparameters that are not varied.

    `learning_rate` is a number, or a table with one for each optimizer. `initial_scale` is the
    standard deviation of the initial weights, or "auto" (by fan-in: He before ReLU and GELU, LeCun
    otherwise), which is also what networks have when it is left out; linear models then have 0.01.
    """

    optimizer: str = "sgd"
    learning_rate: LearningRates = 0.01
    schedule: Schedule = "constant"
    batch_size: BatchSize = 100
    initial_scale: InitialScale = None
    initial_sign: Sign = "both"
    depth: Depth = 1
    width: Width = 100
    activation: str = "relu"
    output: Output = "softmax"
    kernel_size: KernelSize = 3
    gradient: Literal["mean", "sum"] = "mean"
    precision: Precision = "float32"
    # of the networks that the visible loop trains
    architecture: str = "mlp 256-256"
    initialization: Literal["torch", "xavier"] = "torch"
    patch_size: PatchSize = 4
    embedding: Width = 256
    blocks: Annotated[int, Field(ge=1, le=100)] = 4
    drop_rate: Share = 0.0
    normalization: str = "per-channel"
    augmentation: Augmentation = "none"
    shuffle: bool = True
    loss: TrainerLoss = "cross-entropy"
    momentum: Share = 0.9
    weight_decay: Decay = 0.0
    label_smoothing: Share = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    train_metrics: Literal["evaluated", "running"] = "evaluated"

    @field_validator("architecture")
    @classmethod
    def _known_architecture(cls, text: str) -> str:
        parse_architecture(text)
        return text

    @field_validator("normalization")
    @classmethod
    def _known_normalization(cls, name: str) -> str:
        return _one_of(name, NORMALIZATION_NAMES, "normalization")

    @field_validator("precision", mode="before")
    @classmethod
    def _short_precision(cls, name: Any) -> Any:
        return {"bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}.get(name, name)

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str) -> str:
        return _one_of(name, {*OPTIMIZER_NAMES, *TRAINER_OPTIMIZER_NAMES}, "optimizer")

    @field_validator("activation")
    @classmethod
    def _known_activation(cls, name: str) -> str:
        return _one_of(name, ACTIVATION_NAMES, "activation")


class Grid(_Strict):
    """The values of the varied hyperparameters; every combination is a cell."""

    optimizer: list[str] | None = Field(default=None, min_length=1)
    learning_rate: list[LearningRate] | None = Field(default=None, min_length=1)
    schedule: list[Schedule] | None = Field(default=None, min_length=1)
    batch_size: list[BatchSize] | None = Field(default=None, min_length=1)
    initial_scale: list[InitialScale] | None = Field(default=None, min_length=1)
    initial_sign: list[Sign] | None = Field(default=None, min_length=1)
    depth: list[Depth] | None = Field(default=None, min_length=1)
    width: list[Width] | None = Field(default=None, min_length=1)
    activation: list[str] | None = Field(default=None, min_length=1)
    output: list[Output] | None = Field(default=None, min_length=1)
    kernel_size: list[KernelSize] | None = Field(default=None, min_length=1)
    derivation: list[Derivation] | None = Field(default=None, min_length=1)
    architecture: list[str] | None = Field(default=None, min_length=1)
    patch_size: list[PatchSize] | None = Field(default=None, min_length=1)
    embedding: list[Width] | None = Field(default=None, min_length=1)
    blocks: list[Annotated[int, Field(ge=1, le=100)]] | None = Field(default=None, min_length=1)
    normalization: list[str] | None = Field(default=None, min_length=1)
    augmentation: list[Augmentation] | None = Field(default=None, min_length=1)
    weight_decay: list[Decay] | None = Field(default=None, min_length=1)
    label_smoothing: list[Share] | None = Field(default=None, min_length=1)

    @field_validator("optimizer")
    @classmethod
    def _known_optimizers(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            _one_of(name, {*OPTIMIZER_NAMES, *TRAINER_OPTIMIZER_NAMES}, "optimizer")
        return names

    @field_validator("architecture")
    @classmethod
    def _known_architectures(cls, texts: list[str] | None) -> list[str] | None:
        for text in texts or ():
            parse_architecture(text)
        return texts

    @field_validator("normalization")
    @classmethod
    def _known_normalizations(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            _one_of(name, NORMALIZATION_NAMES, "normalization")
        return names

    @field_validator("activation")
    @classmethod
    def _known_activations(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            _one_of(name, ACTIVATION_NAMES, "activation")
        return names

    @model_validator(mode="after")
    def _varies_something(self) -> "Grid":
        for key, values in self.varied().items():
            if len(set(values)) < len(values):
                raise ValueError(f"grid.{key} lists a value twice: {values}; list each once")
        if not self.varied():
            raise ValueError(
                "the grid is empty; give at least one list, such as learning_rate = [0.1, 0.01]"
            )
        return self

    def varied(self) -> dict[str, list[Any]]:
        """The varied keys with their values, in the order of the schema."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class Selection(_Strict):
    """Which cells are final: the best one by validation of each combination of `best_per`."""

    best_per: list[str] = []


class Table(_Strict):
    """A table of the report: one value over one or two varied keys, one table per `split_by`."""

    rows: str
    columns: str | None = None
    split_by: str | None = None
    value: str = "best_validation_accuracy"

    @field_validator("value")
    @classmethod
    def _known_value(cls, value: str) -> str:
        return _one_of(value, VALUES, "table value")


class Report(_Strict):
    """What the report of the study shows."""

    tables: list[Table] = []
    figures: list[str] = ["loss-curves", "accuracy-curves"]

    @field_validator("figures")
    @classmethod
    def _known_figures(cls, names: list[str]) -> list[str]:
        for name in names:
            _one_of(name, FIGURES, "figure")
        return names


class Study(_Strict):
    """One validated study file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    title: Title
    source: str = ""
    dataset: str
    size: Literal["smoke", "laptop", "full"] = "full"
    split: Split = Split()
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    model: Model = Model()
    training: Training = Training()
    grid: Grid
    selection: Selection = Selection()
    report: Report = Report()

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_kind(cls, document: Any) -> Any:
        """Write the defaults of the kind into [training], so that the fingerprint has them too."""
        model, training = document.get("model", {}), document.get("training", {})
        if not (isinstance(model, dict) and isinstance(training, dict)):
            return document  # validation says what is wrong
        return {**document, "training": DEFAULTS.get(str(model.get("kind")), {}) | training}

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        return _one_of(name, DATASETS, "dataset")

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"a seed is listed twice in {seeds}; list each once")
        return seeds

    @model_validator(mode="after")
    def _names_varied_keys(self) -> "Study":
        known = list(Grid.model_fields)
        wanted = [("selection.best_per", key) for key in self.selection.best_per]
        for table in self.report.tables:
            wanted.append(("report.tables.rows", table.rows))
            if table.columns is not None:
                wanted.append(("report.tables.columns", table.columns))
            if table.split_by is not None:
                wanted.append(("report.tables.split_by", table.split_by))
        for where, key in wanted:
            _one_of(key, known, f"grid key in {where}")
        self._check_kind()
        info = CATALOG[self.dataset]
        held_out = self.split.evaluated_images(info.n_train, info.n_test)
        if self.split.source == "test" and held_out >= info.n_test:
            raise ValueError(
                f"split.validation_images {held_out} leaves nothing of the {info.n_test} test "
                f"images of {self.dataset}; use at most {info.n_test - 1}"
            )
        n_train = self.split.training_images(info.n_train)
        for size in self.grid.batch_size or [self.training.batch_size]:
            if size > n_train:
                raise ValueError(
                    f"batch_size {size} is larger than the {n_train} training examples of "
                    f"{self.dataset}; use at most {n_train}"
                )
        return self

    def _check_kind(self) -> None:
        """Every setting must apply to the kind of model, and every combination must exist."""
        kind, training = self.model.kind, self.training
        known = OF_EVERY_KIND + OF_KIND[kind]
        if kind in TRAINER_KINDS:
            known = tuple(key for key in known if key != "derivation")
            self._check_trainer()
        for name in self.grid.optimizer or [training.optimizer]:
            names = TRAINER_OPTIMIZER_NAMES if kind in TRAINER_KINDS else OPTIMIZER_NAMES
            _one_of(name, names, f"optimizer of a {kind}")
        given = training.model_fields_set - {"gradient", "precision"}
        for place, keys in (("grid", self.grid.varied()), ("training", given)):
            for key in keys:
                if key not in known:
                    raise ValueError(
                        f"{place}.{key} does not apply to a {kind}; it has {', '.join(known)}"
                    )
        rates = training.learning_rate
        if isinstance(rates, dict) and self.grid.learning_rate is None:
            missing = set(self.grid.optimizer or [training.optimizer]) - set(rates)
            if missing:
                raise ValueError(
                    f"training.learning_rate has no value for {', '.join(sorted(missing))}; add one"
                )
        if (
            training.precision == "bfloat16"
            and kind not in TRAINER_KINDS
            and (
                kind not in ("mlp", "shallow")
                or "autograd" in (self.grid.derivation or [self.model.derivation])
            )
        ):
            raise ValueError(
                "precision bfloat16 is for networks of kind mlp or shallow, derived by hand; use "
                "float32 here"
            )
        if kind == "cnn":
            for size in self.grid.kernel_size or [training.kernel_size]:
                _check_kernel(size, CATALOG[self.dataset].image_shape)

    def _check_trainer(self) -> None:
        """What only networks of the visible loop can be refused for."""
        kind, training, info = self.model.kind, self.training, CATALOG[self.dataset]
        if "derivation" in self.model.model_fields_set and self.model.derivation == "by-hand":
            raise ValueError(f"a {kind} is derived by autograd; leave model.derivation out")
        if training.gradient != "mean" or training.precision == "float64":
            raise ValueError(
                f"a {kind} learns from the mean gradient, in float32 or bfloat16; leave gradient "
                "and precision out"
            )
        colour = len(info.image_shape) == 3
        if kind != "network" and not colour:
            raise ValueError(
                f"a {kind} reads colour images, and {self.dataset} is grey; use cifar10, or a "
                "network"
            )
        if kind == "mlp-mixer":
            side = info.image_shape[0]
            for size in self.grid.patch_size or [training.patch_size]:
                if side % size:
                    fitting = [str(n) for n in range(1, side + 1) if side % n == 0]
                    raise ValueError(
                        f"patch_size {size} does not divide image size {side}; use "
                        f"{', '.join(fitting[:-1])} or {fitting[-1]}"
                    )
        if kind == "network":
            for text in self.grid.architecture or [training.architecture]:
                chosen = parse_architecture(text)
                if chosen.channels:
                    _check_kernel(chosen.kernel_size, info.image_shape, len(chosen.channels))

    @property
    def by_trainer(self) -> bool:
        """Whether the visible loop trains it, one network at a time."""
        return self.model.kind in TRAINER_KINDS

    def settings(self, cell: dict[str, Any]) -> dict[str, Any]:
        """Everything that fixes the training of a cell of the grid, by name."""
        training = self.training.model_dump()
        derivation = "autograd" if self.by_trainer else self.model.derivation
        every = training | {"derivation": derivation} | FIXED.get(self.model.kind, {})
        chosen = every | cell
        if isinstance(chosen["learning_rate"], dict):
            chosen["learning_rate"] = chosen["learning_rate"][chosen["optimizer"]]
        if chosen["initial_scale"] is None:
            linear = self.model.kind in ("softmax-regression", "perceptron")
            chosen["initial_scale"] = 0.01 if linear else "auto"
        kept = {*OF_EVERY_KIND, *OF_KIND[self.model.kind], *FIXED.get(self.model.kind, {})}
        kept |= {"precision"} if self.by_trainer else {"gradient", "precision"}
        return {"kind": self.model.kind} | {k: v for k, v in chosen.items() if k in kept}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that the numbers depend on; the report's layout is left out."""
        essential = self.model_dump(exclude={"title", "source", "report", "size"})
        text = json.dumps(essential, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load_study(
    name_or_file: str,
    *,
    changes: Sequence[str] = (),
    epochs: int | None = None,
    size: str = "full",
) -> Study:
    """Read a study from the catalog or from a file, with changes applied, and validate it.

    Args:
        name_or_file: A name of the catalog (inf8225-logistic) or the path of a .toml file.
        changes: Settings such as "grid.learning_rate=0.1,0.01" or "seeds=0"; the value is TOML, a
            bare word is text, and a list needs no brackets.
        epochs: Number of epochs in place of the study's own.
        size: "full" is the study as it stands; "laptop" and "smoke" take what the file says under
            [sizes]. A file that does not say has one epoch of 1,000 images and its first seed as
            its smoke size, and is whole at laptop size.

    Raises:
        UserError: One sentence per problem, each naming the key and the fix.
    """
    source, text = _read(name_or_file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML: {error}.") from error
    document = _resized(document, size, source)
    for change in changes:
        _apply(document, change)
    if epochs is not None:
        document["epochs"] = epochs
    try:
        return Study.model_validate(document)
    except ValidationError as error:
        raise UserError(_explain(source, error)) from None


def catalog() -> dict[str, Study]:
    """All studies that ship with the package, by name."""
    return {name: load_study(name) for name in catalog_names()}


def catalog_names() -> list[str]:
    """The names of the studies that ship with the package."""
    folder = resources.files("retroprop.studies") / "catalog"
    return sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )


def _read(name_or_file: str) -> tuple[str, str]:
    if name_or_file.endswith(".toml") or "/" in name_or_file:
        path = Path(name_or_file)
        try:
            return str(path), path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(
                f"there is no study file {path}; give the path of a .toml file or a name that "
                "retroprop studies lists."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the study file {path} cannot be read: {error}.") from error
    names = catalog_names()
    if name_or_file not in names:
        raise UserError(
            f"there is no study {name_or_file!r}. {did_you_mean(name_or_file, names)} "
            "(retroprop studies lists them; a file's name ends in .toml)"
        )
    file = resources.files("retroprop.studies") / "catalog" / f"{name_or_file}.toml"
    return f"study {name_or_file}", file.read_text(encoding="utf-8")


def _resized(document: dict[str, Any], size: str, source: str) -> dict[str, Any]:
    """The study at one of its sizes: what [sizes.NAME] says, in place of what stands above it."""
    if size not in SIZES:
        raise UserError(f"there is no size {size!r}. {did_you_mean(size, SIZES)}")
    sizes = document.pop("sizes", {})
    if not isinstance(sizes, dict) or not all(isinstance(one, dict) for one in sizes.values()):
        raise UserError(
            f"{source}: sizes is not made of tables; write [sizes.smoke], and below it what "
            "changes, such as epochs = 1."
        )
    if unknown := set(sizes) - {"smoke", "laptop"}:
        raise UserError(
            f"{source}: sizes.{min(unknown)} is unknown; the sizes are [sizes.smoke] and "
            "[sizes.laptop], and the file itself is full."
        )
    if size == "full":
        return document | {"size": size}
    seeds = document.get("seeds")
    smoke = {
        "epochs": 1,
        "seeds": seeds[:1] if isinstance(seeds, list) else [0],
        "split": {"images": 1000, "validation_images": 250},
    }
    chosen = sizes.get(size, smoke if size == "smoke" else {})
    return _merged(document, chosen) | {"size": size}


def _merged(document: Any, chosen: Any) -> Any:
    """Tables are merged, and everything else is replaced."""
    if not (isinstance(document, dict) and isinstance(chosen, dict)):
        return chosen
    both = {key: _merged(document[key], chosen[key]) for key in document.keys() & chosen.keys()}
    return document | chosen | both


def _apply(document: dict[str, Any], change: str) -> None:
    key, separator, value = change.partition("=")
    path = key.strip().split(".")
    if not separator or not all(path):
        raise UserError(
            f"--set {change!r} is not key=value; write for example --set seeds=0 or "
            "--set grid.batch_size=20,200."
        )
    table = document
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UserError(f"--set {change!r}: {part!r} is not a table of the study file.")
    table[path[-1]] = _value(
        value, is_list=(path[0] == "grid" and len(path) > 1) or path == ["seeds"]
    )


def _value(text: str, *, is_list: bool) -> Any:
    """A TOML value; a bare word is text, and a list needs no brackets where one is due.

    >>> _value("0.1", is_list=False), _value("adam", is_list=False)
    (0.1, 'adam')
    >>> _value("20,200", is_list=True), _value("[20, 200]", is_list=True)
    ([20, 200], [20, 200])
    """
    text = text.strip()
    if is_list and not text.startswith("["):
        return [_value(item, is_list=False) for item in text.split(",")]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _one_of(word: str, known: Iterable[str], what: str) -> str:
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}. {did_you_mean(word, known)}")
    return word


def _check_kernel(size: int, image_shape: tuple[int, ...], layers: int = 3) -> None:
    """Convolutions with halvings between them must leave at least one pixel."""
    side = min(image_shape[:2])
    left = side
    for layer in range(layers):
        left = (left if layer == 0 else left // 2) - size + 1
        if left < 1:
            raise ValueError(
                f"kernel_size {size} leaves nothing of a {side} × {side} image after "
                f"{layer + 1} convolutions; use a smaller one"
            )


def _explain(source: str, error: ValidationError) -> str:
    """All problems of a study file, one line each, in our words rather than the library's."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "the study"
        value = problem.get("input")
        if problem["type"] == "extra_forbidden":
            known = _known_keys(problem["loc"][:-1])
            lines.append(f"unknown key {key}. {did_you_mean(str(problem['loc'][-1]), known)}")
        elif problem["type"] == "missing":
            lines.append(f"{key} is missing; add it to the file")
        elif problem["type"] == "value_error":
            place = f"{key}: " if problem["loc"] else ""
            lines.append(f"{place}{problem.get('ctx', {}).get('error')}")
        elif problem["type"] == "too_short":
            lines.append(f"{key} is an empty list; give at least one value")
        else:
            wanted = problem["msg"].removeprefix("Input should be ")
            lines.append(f"{key} must be {wanted}, and got {value!r}")
    if len(lines) == 1:
        return f"{source}: {lines[0]}" + ("" if lines[0][-1] in ".?" else ".")
    return f"{source} has {len(lines)} problems:\n" + "\n".join(f"  - {line}" for line in lines)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place of a study file may have."""
    places: dict[str, type[BaseModel]] = {
        "title": Title,
        "split": Split,
        "model": Model,
        "training": Training,
        "grid": Grid,
        "selection": Selection,
        "report": Report,
    }
    if "tables" in location:
        return list(Table.model_fields)
    return list((places[str(location[0])] if location else Study).model_fields)
