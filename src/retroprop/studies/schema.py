"""Study files: their schema, their catalog, and errors that name the key and the fix.

A study file is TOML. It is validated once, here, with every problem reported at once; behind this
module a study is a frozen `Study`. `grid` lists the values of the varied hyperparameters, `search`
has ranges of them (`studies.search_schema`); what is not varied stands in `[training]` or has its
default.
"""

import dataclasses
import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from retroprop.data import CATALOG, DatasetInfo, find
from retroprop.data.catalog import is_own
from retroprop.data.splits import training_size
from retroprop.errors import UserError, did_you_mean, in_short, unquoted
from retroprop.studies.kinds import (
    KINDS,
    NEWER,
    OPTIMIZERS,
    Kind,
    optimizers_of,
    settings_of_kind,
    usual_value,
)
from retroprop.studies.problems import Location, Strict, explained, part_of_key
from retroprop.studies.search_schema import SETTING_TYPES, Range, Ranges, Search, check_search
from retroprop.studies.study_text import MOST_PARTS, SIZES, USUAL_SIZE, parse_toml, read_text
from retroprop.training.settings import (
    Derivation,
    Hyperparameters,
    LearningRate,
    OneOf,
    RunSettings,
    WrongValueError,
    check_known,
    checked,
    is_number,
    without_none,
)

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

MOST_MODELS = 100_000
"""Cells × seeds of a study: beyond, it is a typing error, and its plan would fill the memory."""
MOST_VALUES = 1_000
"""Of one key of a grid."""

Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _plain_text(text: str) -> str:
    """Refuse what no report and not every database can hold: control characters."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"text of one line is expected, without {character!r}; leave it out")
    return text


Text = Annotated[str, Field(max_length=500), AfterValidator(_plain_text)]


class _Rates:
    """What marks the learning rate of [training]: a number, or a table with one an optimizer."""

    said = "a number, or a table with one for each optimizer"

    def check(self, value: Any) -> None:
        for name, rate in value.items() if isinstance(value, dict) else [(None, value)]:
            if name is not None:
                check_known(name, OPTIMIZERS, "optimizer")
            if not is_number(rate):
                raise WrongValueError(self.said)
            checked(rate, LearningRate)


@dataclasses.dataclass(frozen=True)
class _Setting:
    """What checks a value of a setting."""

    setting: Any
    """Its type."""

    def __call__(self, value: Any) -> Any:
        try:
            return checked(value, self.setting)
        except WrongValueError as error:
            wanted = str(error).replace("{", "{{").replace("}", "}}")
            raise PydanticCustomError("setting", wanted) from None  # pyright: ignore[reportArgumentType] - no literal


def _setting(kind: Any) -> Any:
    """The type of a setting as pydantic takes it; `training.settings.checked` decides."""
    return Annotated[Any, AfterValidator(_Setting(kind))]


def one_of(known: Iterable[str], what: str) -> AfterValidator:
    """What marks a key whose words must be known."""
    return AfterValidator(OneOf(known, what))


def _known_dataset(name: str) -> str:
    """A data set of the catalog, or one's own, by the name that it has everywhere."""
    return find(name).name if is_own(name) else check_known(name, CATALOG, "dataset")


class InLanguages(Strict):
    """A text in each language; one text stands for the language that has none."""

    en: Text
    fr: Text

    @model_validator(mode="before")
    @classmethod
    def _in_both_languages(cls, given: Any) -> Any:
        """`title = "My study"` and a text in one language hold for both."""
        if isinstance(given, str):
            return {"en": given, "fr": given}
        if not isinstance(given, Mapping):
            raise ValueError('a text is expected, or one for each language: { en = "…", fr = "…" }')
        if len(given) == 1 and (text := given.get("en", given.get("fr"))) is not None:
            return {"en": text, "fr": text}
        return given


class Title(InLanguages):
    """The study's title."""

    en: Annotated[Text, Field(min_length=1)]
    fr: Annotated[Text, Field(min_length=1)]


class Split(Strict):
    """Which images train and which validate; the split has its own seed.

    `validation` is the part of the training set that validates, drawn at random. With `source =
    "test"` all training images train, and the first `validation_images` of the test set validate;
    the others are its test. `images` and `validation_images` take fewer than there are.
    """

    source: Literal["train", "test"] = "train"
    """Where the validation images are taken from."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Part of the training set that validates, drawn at random; not with `source = "test"`."""
    seed: Seed = 0
    """Of the draws."""
    images: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Train on so many images, drawn at random; without it, on all."""
    validation_images: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Validate on so many; without it, on all of that part, or on half of the test set."""

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


class Model(Strict):
    """The kind of model and how its gradient is obtained."""

    kind: Annotated[str, one_of(KINDS, "model kind")] = "softmax-regression"
    """Which model is trained."""
    derivation: Derivation = "by-hand"
    """Whether gradients come from our own formulas or from autograd."""


class _Training(Strict):
    """The hyperparameters that are not varied; `Training` has a key for each.

    `learning_rate` is a number, or a table with one for each optimizer. `initial_scale` is that of
    the kind of model where it is left out.
    """

    @model_serializer(mode="wrap")
    def _without_newer_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What studies could always say, and what they say of settings that came later."""
        return {
            key: value
            for key, value in serialize(self).items()
            if key not in NEWER or getattr(self, key) != usual_value(key)
        }


_VARIED_LATER = {
    *("gradient", "precision", "initialization", "drop_rate", "shuffle", "loss", "momentum"),
    *("clip_norm", "patience", "train_metrics", *NEWER),
}


class _Varied(Strict):
    """What every grid can do; `Grid` has a list for each setting."""

    @model_validator(mode="after")
    def _lists_each_once(self) -> "_Varied":
        for key, values in self.varied().items():
            if len(set(values)) < len(values):
                raise ValueError(
                    f"grid.{key} lists a value twice: {in_short(values)}; list each once"
                )
        return self

    @model_serializer(mode="wrap")
    def _without_newer_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keys that grids could not always vary are there where they are varied."""
        return {
            key: value
            for key, value in serialize(self).items()
            if value is not None or key not in _VARIED_LATER
        }

    def varied(self) -> dict[str, list[Any]]:
        """The varied keys with their values, in the order of the schema."""
        return {key: value for key, value in self if value is not None}


_USUAL = {field.name: field.default for field in dataclasses.fields(Hyperparameters)}

_training_keys: dict[str, Any] = {
    name: (_setting(kind), (_USUAL | {"initial_scale": None})[name])
    for name, kind in (SETTING_TYPES | {"learning_rate": Annotated[Any, _Rates()]}).items()
}
Training = create_model(
    "Training", __base__=_Training, __doc__="The settings that are not varied.", **_training_keys
)
"""[training]: `Hyperparameters` as keys of a study file."""

_grid_keys: dict[str, Any] = {
    name: (
        list[_setting(without_none(kind))] | None,
        Field(default=None, min_length=1, max_length=MOST_VALUES),
    )
    for name, kind in (SETTING_TYPES | {"derivation": Derivation}).items()
}
Grid = create_model(
    "Grid",
    __base__=_Varied,
    __doc__="Lists of values: every combination of them is trained with every seed.",
    **_grid_keys,
)
"""[grid]: for each of them, and for the derivation, the list of values that are varied."""


class Selection(Strict):
    """Which cells are final: the best one by validation of each combination of `best_per`."""

    best_per: list[str] = Field(default=[])
    """Varied settings: the best cell of each combination of their values is tested."""


class Table(Strict):
    """A table of the report: one value over one or two varied keys, one table per `split_by`."""

    rows: str
    """The varied setting that has a row for each value."""
    columns: str | None = None
    """The one that has a column for each value."""
    split_by: str | None = None
    """The one that has a table for each value."""
    value: Annotated[str, one_of(VALUES, "table value")] = "best_validation_accuracy"
    """What stands in the table, as the mean over the seeds."""


class Report(Strict):
    """What the report of the study shows."""

    tables: list[Table] = Field(default=[])
    figures: list[Annotated[str, one_of(FIGURES, "figure")]] = Field(
        default=["loss-curves", "accuracy-curves"]
    )
    """The figures of the report, in this order."""


class Study(Strict):
    """One validated study file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    """Lower-case letters, digits and hyphens: by it the records know the study."""
    title: Title
    """What its report is called."""
    source: InLanguages = InLanguages(en="", fr="")
    """Where it comes from: a course, a paper."""
    dataset: Annotated[str, AfterValidator(_known_dataset)]
    """A name that `retroprop data list` prints, or one's own data: folder:PATH, npz:PATH."""
    size: Literal["smoke", "laptop", "full"] = "full"
    """Which of its sizes this is: `--size` says it, and a file need not."""
    split: Split = Split()
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training images."""
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MOST_MODELS)]
    """Of initial weights and orders; each trains the whole grid once more."""
    model: Model = Model()
    training: Training = Training()  # pyright: ignore[reportInvalidTypeForm] - made above
    grid: Grid  # pyright: ignore[reportInvalidTypeForm] - likewise
    search: Search | None = None
    selection: Selection = Selection()
    report: Report = Report()

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_kind(cls, document: Any) -> Any:
        """Write the defaults of the kind into [training], so that the fingerprint has them too."""
        if "search" in document:  # it stands for the grid
            document = {"grid": {}, **document}
        model, training = document.get("model", {}), document.get("training", {})
        if not (isinstance(model, dict) and isinstance(training, dict)):
            return document  # validation says what is wrong
        kind = model.get("kind")
        row = KINDS.get(kind) if isinstance(kind, str) else None
        return {**document, "training": {**row.defaults, **training}} if row else document

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"a seed is listed twice in {in_short(seeds)}; list each once")
        return seeds

    @model_serializer(mode="wrap")
    def _without_newer_tables(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """[search] is there where it is: other studies are what they were."""
        return {
            key: value
            for key, value in serialize(self).items()
            if key != "search" or value is not None
        }

    @property
    def ranges(self) -> dict[str, Range]:
        """What a search draws from: its ranges, and the lists of the grid beside it."""
        if self.search is None:
            return {}
        lists = {key: Range(choices=values) for key, values in self.grid.varied().items()}
        return lists | self.search.ranges.given()

    def varied(self) -> dict[str, list[Any]]:
        """The varied settings with their values; those of a range are its ends."""
        if self.search is None:
            return self.grid.varied()
        return {key: one.ends for key, one in self.ranges.items()}

    @property
    def trials(self) -> int | None:
        """How many trials a search makes; None where its seconds decide, or without a search."""
        return None if self.search is None else self.search.trials

    @property
    def models(self) -> int:
        """How many it trains: one for each cell of the grid, or each trial, and each seed.

        Where the seconds of a search decide, those of its first round.
        """
        if self.search is not None:
            return (self.search.trials or self.search.parallel) * len(self.seeds)
        return math.prod(map(len, self.grid.varied().values())) * len(self.seeds)

    @model_validator(mode="after")
    def _varies_something(self) -> "Study":
        if self.search is None:
            if not self.grid.varied():
                raise ValueError(
                    "the grid is empty; give at least one list, such as learning_rate = [0.1, 0.01]"
                )
            return self
        for key in self.grid.varied():
            if getattr(self.search.ranges, key) is not None:
                raise ValueError(f"{key} is in grid and in search.ranges; leave one of them out")
        check_search(self.search, self.ranges)
        return self

    @model_validator(mode="after")
    def _is_no_larger_than_studies_are(self) -> "Study":
        if self.models > MOST_MODELS:
            cells = self.models // len(self.seeds)
            what = "trials" if self.search else "cells of the grid"
            raise ValueError(
                f"{cells:,} {what} × {len(self.seeds):,} seeds are {self.models:,} "
                f"models, and a study has at most {MOST_MODELS:,}; vary fewer values, or make "
                "several studies of it"
            )
        return self

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
            check_known(key, known, f"grid key in {where}")
        self._check_kind()
        return self

    @model_validator(mode="after")
    def _suits_its_data(self) -> "Study":
        info = find(self.dataset)
        self._check_shapes(info)
        held_out = self.split.evaluated_images(info.n_train, info.n_test)
        if self.split.source == "test" and held_out >= info.n_test:
            raise ValueError(
                f"split.validation_images {held_out} leaves nothing of the {info.n_test} test "
                f"images of {self.dataset}; use at most {info.n_test - 1}"
            )
        n_train = self.split.training_images(info.n_train)
        if min(n_train, held_out) < 1:
            raise ValueError(
                f"split.validation {self.split.validation} leaves {n_train} images to train on and "
                f"{held_out} to validate; give a fraction such as 0.1"
            )
        for size in self._values("batch_size"):
            if size > n_train:
                raise ValueError(
                    f"batch_size {size} is larger than the {n_train} training "
                    f"example{'' if n_train == 1 else 's'} of {self.dataset}; use at most {n_train}"
                )
        return self

    def _values(self, key: str) -> list[Any]:
        """What a setting is over the whole study; of a range its ends."""
        return self.varied().get(key) or [getattr(self.training, key)]

    def _check_kind(self) -> None:
        """Every setting must apply to the kind of model, and every combination must exist."""
        kind, row, training = self.model.kind, self.kind, self.training
        known = settings_of_kind(kind)
        for name in self._values("optimizer"):
            check_known(name, optimizers_of(row.engine), f"optimizer of a {kind}")
        given = training.model_fields_set - {"gradient", "precision"}
        ranges = self.search.ranges.given() if self.search else {}
        places = {"grid": self.grid.varied(), "search.ranges": ranges, "training": given}
        for place, keys in places.items():
            for key in keys:
                if key not in known:
                    raise ValueError(
                        f"{place}.{key} does not apply to a {kind}; it has {', '.join(known)}"
                    )
        rates = training.learning_rate
        if isinstance(rates, dict) and "learning_rate" not in self.varied():
            missing = set(self._values("optimizer")) - set(rates)
            if missing:
                raise ValueError(
                    f"training.learning_rate has no value for {', '.join(sorted(missing))}; add one"
                )
        self._check_arithmetic()

    def _check_shapes(self, info: DatasetInfo) -> None:
        """Its kind of model must read images of this shape, with each value of the grid."""
        kind, row = self.model.kind, self.kind
        if row.colour and len(info.image_shape) < 3:
            raise ValueError(
                f"a {kind} reads colour images, and {self.dataset} is grey; use cifar10, or a "
                "network"
            )
        varied = self.varied()
        first = {key: values[0] for key, values in varied.items()}
        for key, values in varied.items():
            for value in values:
                row.check(self.settings(first | {key: value}), info)

    def _check_arithmetic(self) -> None:
        """Derivation, gradient and precision must be those of the kind's engine."""
        kind, row, training = self.model.kind, self.kind, self.training
        precisions = self._values("precision")
        if row.engine == "trainer":
            if "derivation" in self.model.model_fields_set and self.model.derivation == "by-hand":
                raise ValueError(f"a {kind} is derived by autograd; leave model.derivation out")
            if training.gradient != "mean" or "float64" in precisions:
                raise ValueError(
                    f"a {kind} learns from the mean gradient, in float32 or bfloat16; leave "
                    "gradient and precision out"
                )
            return
        derivations = self.varied().get("derivation") or [self.model.derivation]
        if "bfloat16" in precisions and not (row.half and "autograd" not in derivations):
            halves = " or ".join(sorted(name for name, one in KINDS.items() if one.half))
            raise ValueError(
                f"precision bfloat16 is for networks of kind {halves}, derived by hand; use "
                "float32 here"
            )

    @property
    def kind(self) -> Kind:
        """What is known of its kind of model."""
        return KINDS[self.model.kind]

    def settings(self, cell: Mapping[str, Any], seed: int = 0) -> RunSettings:
        """Everything that fixes the training of a cell of the grid with a seed."""
        derivation = "autograd" if self.kind.engine == "trainer" else self.model.derivation
        values = {
            **dict(self.training),
            **{"kind": self.model.kind, "derivation": derivation},
            **{"epochs": self.epochs, "seed": seed},
            **self.kind.fixed,
            **cell,
        }
        if isinstance(values["learning_rate"], dict):
            values["learning_rate"] = values["learning_rate"][values["optimizer"]]
        values["learning_rate"] = float(values["learning_rate"])
        if values["initial_scale"] is None:
            values["initial_scale"] = self.kind.initial_scale
        return RunSettings(**values)

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
            its smoke size, and no laptop size: it is full then.

    Raises:
        UserError: One sentence per problem, each naming the key and the fix.
    """
    source, text = read_study(name_or_file)
    document = _resized(parse_toml(text, source), size, source)
    for change in changes:
        _apply(document, change)
    if epochs is not None:
        document["epochs"] = epochs
    study = study_from(document, source)
    if study.name in catalog_names() and study.name != name_or_file:
        _check_name(study, source, changes=changes, epochs=epochs, size=size)
    return study


def _check_name(study: "Study", source: str, **options: Any) -> None:
    """The name of a shipped study is for that study alone: reports find records by names."""
    try:
        same = load_study(study.name, **options).fingerprint == study.fingerprint
    except UserError:  # the shipped study cannot have these changes
        same = False
    if not same:
        raise UserError(
            f"{source}: {study.name} is the name of a study of retroprop, and this is another "
            "one; give it a name of its own."
        )


def study_from(document: Mapping[str, Any], source: str = "the study") -> Study:
    """The study that a document describes.

    Args:
        document: What a study file says.
        source: Where it comes from, for the sentences.

    Raises:
        UserError: One sentence per problem, each naming the key and the fix.
    """
    try:
        return Study.model_validate(document)
    except ValidationError as error:
        place = partial(_as_given, document)
        raise UserError(explained(source, error, _known_keys, place, whole="the study")) from None


def catalog() -> dict[str, Study]:
    """All studies that ship with the package, by name."""
    return {name: load_study(name) for name in catalog_names()}


def catalog_names() -> list[str]:
    """The names of the studies that ship with the package."""
    files = (item.name for item in _shipped().iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def _shipped() -> Traversable:
    return resources.files("retroprop") / "studies" / "catalog"


def size_option(name: str, size: str) -> str:
    """What `retroprop run` needs behind a study's name to train it at a size; "" for the usual."""
    smaller = name in catalog_names() and load_study(name, size=USUAL_SIZE).size == USUAL_SIZE
    usual = size == USUAL_SIZE or (size == "full" and not smaller)
    return "" if usual else f" --size {size}"


def read_study(name_or_file: str) -> tuple[str, str]:
    """What to call the file of a study in a sentence, and its text.

    Args:
        name_or_file: A name of `catalog_names`, or the path of a .toml file.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    if name_or_file.endswith(".toml") or "/" in name_or_file:
        path, shown = Path(name_or_file), unquoted(name_or_file)
        try:
            return str(path), read_text(path)
        except FileNotFoundError:
            raise UserError(
                f"there is no study file {shown}; give the path of a .toml file or a name "
                "that retroprop studies lists."
            ) from None
        except (OSError, ValueError) as error:  # ValueError: its encoding, or no path at all
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"the study file {shown} cannot be read: {reason}.") from error
    names = catalog_names()
    if name_or_file not in names and Path(name_or_file).is_file():
        raise UserError(
            f"the file {in_short(name_or_file)} is no study file by its name; give it one that "
            "ends in .toml, if it is written in TOML."
        )
    if name_or_file not in names:
        raise UserError(
            f"there is no study {in_short(name_or_file)}. {did_you_mean(name_or_file, names)} "
            "(retroprop studies lists them; a file's name ends in .toml)"
        )
    text = (_shipped() / f"{name_or_file}.toml").read_text(encoding="utf-8")
    return f"study {name_or_file}", text


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
            f"{source}: sizes.{part_of_key(min(unknown))} is unknown; the sizes are "
            "[sizes.smoke] and [sizes.laptop], and the file itself is full."
        )
    if size == "full" or (size == "laptop" and size not in sizes):
        return document | {"size": "full"}
    seeds = document.get("seeds")
    smoke = {
        "epochs": 1,
        "seeds": seeds[:1] if isinstance(seeds, list) else [0],
        "split": {"images": 1000, "validation_images": 250},
    } | ({"search": {"trials": 2}} if "search" in document else {})
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
    if not separator or not all(path) or len(path) > MOST_PARTS:
        raise UserError(
            f"--set {in_short(change)} is not key=value; write for example --set seeds=0 or "
            "--set grid.batch_size=20,200."
        )
    table = document
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UserError(
                f"--set {in_short(change)}: {in_short(part)} is not a table of the study file."
            )
    is_list = (path[0] == "grid" and len(path) > 1) or path == ["seeds"] or path[-1] == "choices"
    table[path[-1]] = _value(value, is_list=is_list)


class _OneValue(list[Any]):
    """What somebody gave as one value, where a list is due."""


def _value(text: str, *, is_list: bool) -> Any:
    """A TOML value; a bare word is text, and a list needs no brackets where one is due.

    >>> _value("0.1", is_list=False), _value("adam", is_list=False)
    (0.1, 'adam')
    >>> _value("20,200", is_list=True), _value("[20, 200]", is_list=True)
    ([20, 200], [20, 200])
    """
    text = text.strip()
    if is_list and not text.startswith("["):
        items = [_value(item, is_list=False) for item in text.split(",")]
        return _OneValue(items) if len(items) == 1 else items
    try:
        return parse_toml(f"value = {text}", "--set")["value"]
    except UserError:
        return text


def _as_given(document: Mapping[str, Any], location: Location) -> Location:
    """The place of a value: without its position where somebody gave one value and no list."""
    found: Any = document
    try:
        for part in location[:-1]:
            found = found[part]
    except (LookupError, TypeError):  # what validation added
        return location
    return location[:-1] if isinstance(found, _OneValue) else location


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place of a study file may have."""
    places: dict[str, type[BaseModel]] = {
        "title": Title,
        "source": InLanguages,
        "split": Split,
        "model": Model,
        "training": Training,
        "grid": Grid,
        "selection": Selection,
        "report": Report,
        "search": Search,
    }
    if "tables" in location:
        return list(Table.model_fields)
    if location[:2] == ("search", "ranges"):
        return list((Ranges if len(location) == 2 else Range).model_fields)
    return list((places[str(location[0])] if location else Study).model_fields)
