"""The table [search] of a study file: ranges in place of lists, how trials are drawn from them.

    [search]                                                 # 12 trials, 4 at a time
    trials = 12
    parallel = 4
    [search.ranges]
    learning_rate = { low = 1e-4, high = 1e-1, log = true }
    batch_size = { choices = [64, 128, 256] }

What the keys mean is in docs/search.md; who draws and prunes is `studies.search`.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, Field, create_model, model_validator

from retroprop.errors import in_short
from retroprop.studies.kinds import OPTIMIZERS
from retroprop.studies.problems import Strict
from retroprop.training.settings import (
    Derivation,
    Hyperparameters,
    OneOf,
    WrongValueError,
    checked,
    is_number,
    types_of,
    without_none,
)

SAMPLERS = ("tpe", "random", "grid")
PRUNINGS = ("none", "median", "halving")
MOST_TRIALS = 1_000
MOST_CHOICES = 1_000
"""Of one key; also the most values of a stepped range."""
LARGEST = 1e100
"""Number in a range: no setting needs a larger one."""
MOST_CELLS = 100_000
"""Of a search with sampler = "grid", which lists them all."""

SETTING_TYPES: dict[str, Any] = types_of(Hyperparameters) | {
    "optimizer": Annotated[str, OneOf(OPTIMIZERS, "optimizer")]
}
"""The type of each setting that a study may give, by its name."""


def _number(value: Any) -> Any:
    if value is None:
        return None
    if not is_number(value) or not abs(value) <= LARGEST:
        raise ValueError(f"a number of at most {LARGEST:g} is expected, and got {in_short(value)}")
    return value


_EXAMPLE = "{ low = 0.001, high = 0.1, log = true } or { choices = [64, 128] }"
Number = Annotated[Any, AfterValidator(_number)]


def _table(given: Any, name: str, example: str) -> Any:
    """Refuse what is no table, with an example of one."""
    if not isinstance(given, Mapping | Strict):
        raise ValueError(f"{name} is a table, as {example}, and got {in_short(given)}")
    return given


class Range(Strict):
    """The values that a search may give to one setting: choices, or all from low to high.

    `low`, `high` and `step` of a setting that is a whole number are whole numbers.
    """

    choices: Annotated[list[Any], Field(min_length=1, max_length=MOST_CHOICES)] | None = None
    """The values themselves, in place of low and high."""
    low: Number = None
    """The smallest value."""
    high: Number = None
    """The largest value; with a step, none is above it."""
    step: Number = None
    """The distance of values that follow one another, from low on; without it, all between."""
    log: bool = False
    """Whether each factor is equally likely, as 0.001 to 0.01 and 0.01 to 0.1."""

    @model_validator(mode="before")
    @classmethod
    def _is_table(cls, given: Any) -> Any:
        return _table(given, "a range", _EXAMPLE)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Range":
        ends = (self.low, self.high)
        if self.choices is not None:
            if self.log or any(one is not None for one in (*ends, self.step)):
                raise ValueError("it has choices and an interval; give choices, or low and high")
            return self
        if None in ends:
            raise ValueError("give low and high, or choices = […]")
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs a low above 0, and got {self.low:g}")
        if self.step is not None and (self.log or self.step <= 0):
            raise ValueError(
                "step and log = true do not go together; leave one out"
                if self.log
                else f"step must be above 0, and got {self.step:g}"
            )
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(
                f"step {self.step:g} is larger than the {self.high - self.low:g} between low and "
                "high; give a smaller one"
            )
        if self.step is not None and (self.high - self.low) / self.step >= MOST_CHOICES:
            raise ValueError(f"step {self.step:g} makes more than {MOST_CHOICES:,} values")
        return self

    @property
    def values(self) -> list[Any] | None:
        """All values in order; None for the numbers of an interval, which are not listed."""
        if self.choices is not None or self.step is None:
            return self.choices
        steps = math.floor((self.high - self.low) / self.step + 1e-9)
        values = [self.low + at * self.step for at in range(steps + 1)]
        return values if isinstance(self.low, int) else [float(f"{one:.12g}") for one in values]

    @property
    def count(self) -> float:
        """How many values there are; infinite for real numbers."""
        if (values := self.values) is not None:
            return len(values)
        return self.high - self.low + 1 if isinstance(self.low, int) else math.inf

    def holds(self, value: Any) -> bool:
        """Whether a search can give this value."""
        if (values := self.values) is not None:
            return any(value == one and isinstance(value, type(one)) for one in values)
        whole = isinstance(value, int) or not isinstance(self.low, int)
        return is_number(value) and whole and self.low <= value <= self.high

    @property
    def ends(self) -> list[Any]:
        """The values that stand for all others where something is checked or predicted."""
        return self.choices if self.choices is not None else [self.low, self.high]

    @property
    def middle(self) -> Any:
        """The number in the middle of an interval, on its scale."""
        whole = isinstance(self.low, int)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return round(middle) if whole else middle


def _of_setting(kind: Any, given: Range | None) -> Range | None:
    """The range with its values as a setting of this type has them."""
    if given is None:
        return None
    if given.choices is not None:
        choices = [_fitting("choices", value, kind) for value in given.choices]
        for at, value in enumerate(choices):
            if value in choices[:at]:
                raise ValueError(f"choices has {in_short(value)} twice; list each once")
        return given.model_copy(update={"choices": choices})
    plain = kind
    while get_origin(plain) is Annotated:
        plain = get_args(plain)[0]
    if plain not in (int, float, Any):
        raise ValueError("its values are no numbers; list them: choices = […]")
    converted = {name: _fitting(name, getattr(given, name), kind) for name in ("low", "high")}
    if given.step is not None:
        converted["step"] = _fitting("step", given.step, int if plain is int else float)
    if plain is Any:
        converted = {name: float(value) for name, value in converted.items()}
    return given.model_copy(update=converted)


def _fitting(name: str, value: Any, kind: Any) -> Any:
    try:
        return checked(value, kind)
    except WrongValueError as error:
        raise ValueError(f"{name} must be {error}, and got {in_short(value)}") from None


class _Ranges(Strict):
    """What every table of ranges can do; `Ranges` has a range for each setting."""

    @model_validator(mode="before")
    @classmethod
    def _is_table(cls, given: Any) -> Any:
        return _table(given, "ranges", "[search.ranges] with learning_rate = { low = … } below it")

    def given(self) -> dict[str, Range]:
        """The ranges by the name of their setting, in the order of the schema."""
        return {key: value for key, value in self if value is not None}


_range_keys: dict[str, Any] = {
    name: (
        Annotated[Range | None, AfterValidator(partial(_of_setting, without_none(kind)))],
        None,
    )
    for name, kind in (SETTING_TYPES | {"derivation": Derivation}).items()
}
Ranges = create_model("Ranges", __base__=_Ranges, **_range_keys)
"""[search.ranges]: for each setting, and for the derivation, what the search may give it."""


class Search(Strict):
    """How many trials a search makes, and how it chooses and ends them."""

    trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] | None = None
    """After so many trials the search ends."""
    seconds: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """After so many seconds of work no round begins: all sessions together."""
    sampler: Annotated[str, AfterValidator(OneOf(SAMPLERS, "sampler"))] = "tpe"
    """Whether values are drawn where trials did well (tpe), at random, or from all combinations."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the values that are drawn."""
    parallel: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = 4
    """Trials of a round: they are drawn together, from what the rounds before have shown."""
    pruning: Annotated[str, AfterValidator(OneOf(PRUNINGS, "pruning"))] = "median"
    """Which trials end early: those below the median of earlier ones, or the worse half."""
    ranges: Ranges = Ranges()  # pyright: ignore[reportInvalidTypeForm] - made above

    @model_validator(mode="before")
    @classmethod
    def _is_table(cls, given: Any) -> Any:
        return _table(given, "search", "[search] with trials = 12 below it")

    @model_validator(mode="after")
    def _ends(self) -> "Search":
        if self.trials is None and self.seconds is None:
            raise ValueError("a search must end; give trials = 12, or seconds = 3600, or both")
        return self


def check_search(search: Search, ranges: Mapping[str, Range]) -> None:
    """Refuse a search that has nothing to draw from, or less than it asks for.

    Raises:
        ValueError: With the fix.
    """
    if not ranges:
        raise ValueError(
            "search.ranges is empty; give at least one range, such as "
            "learning_rate = { low = 0.001, high = 0.1, log = true }"
        )
    for key, one in ranges.items():
        if search.sampler == "grid" and one.count == math.inf:
            raise ValueError(
                f'search.sampler = "grid" needs values to list, and search.ranges.{key} is an '
                "interval; give it a step or choices"
            )
    count = math.prod(one.count for one in ranges.values())
    if search.sampler == "grid" and count > MOST_CELLS:
        raise ValueError(
            f"the ranges have {count:,} combinations, and a search of them in order at most "
            f'{MOST_CELLS:,}; give fewer values, or search.sampler = "tpe"'
        )
    if search.trials is not None and search.trials > count:
        raise ValueError(
            f"search.trials {search.trials} is more than the {count:,} combinations of its "
            f"values; use at most {count:,}, or wider ranges"
        )
