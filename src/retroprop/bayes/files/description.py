"""What a network file says, checked and normalised: plain dictionaries, before any inference.

The parsers fill a `Builder`, which knows the rules that they share: names are declared once,
parents exist, tables are complete, each row is a distribution, no variable is its own ancestor.
A message begins with the place in the file, which the parser hands in.

Published tables are rounded, so their rows sum to 1 only nearly. A row whose sum is within the
tolerance of 1 is divided by it. A row whose sum is 1 up to the rounding of float64 (within 1e-12)
is left as it is, so what we wrote is read back bit for bit.

A row of zeros is no distribution, but the files of competitions have some for configurations of the
parents that never occur. Where that is so, any row gives the same network; we take the uniform one.
Where they can occur, the file is refused, whatever the tolerance.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.files.never_reached import reached_row
from retroprop.bayes.files.source import LIMITS, Limits, shortened, suggestion
from retroprop.bayes.graph import find_cycle
from retroprop.bayes.validation import TOLERANCE, divided_by_sums, repeated

MAX_AXES = 64
"""NumPy's largest number of axes: a variable may have 63 parents."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Description:
    """A network as its file says it.

    Attributes:
        states: The names of each variable's states; the order of the variables is the file's.
        parents: Of each variable, in the order of the table's axes.
        tables: [parents…, child], float64, rows summing to 1.
        name: Of the network; "" when the file has none.
        properties: What else the file says of the network, such as its source, line by line.
        doubts: Sentences about what the file may not have meant, which its reader should see.
    """

    states: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, NDArray[np.float64]]
    name: str = ""
    properties: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def spec(self) -> dict[str, tuple[NDArray[np.float64], list[str]]]:
        """The tables with their parents, as `BayesNet` takes them."""
        return {name: (self.tables[name], list(self.parents[name])) for name in self.states}


class Fail(Protocol):
    """Raises a UserError about a place of the file."""

    def __call__(self, at: int, sentence: str, /) -> NoReturn:
        """Raise."""
        ...


@dataclass
class Builder:
    """Collects a network and refuses what is none; `at` is a place that `fail` understands."""

    fail: Fail
    limits: Limits = LIMITS
    tolerance: float = TOLERANCE
    states: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tables: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _zeros: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    _entries: int = 0

    def add_variable(self, name: str, states: Sequence[str], at: int) -> None:
        """Declare a variable."""
        if not name:
            self.fail(at, "expected the name of a variable, and got an empty one")
        for one in (name, *states):
            if _CONTROL.search(one):
                self.fail(at, f"the name {shortened(one)!r} has a control character")
        if name in self.states:
            self.fail(at, f"the variable {shortened(name)!r} is declared twice")
        if not states:
            self.fail(at, f"the variable {shortened(name)!r} has no states")
        if len(self.states) >= self.limits.variables:
            self.fail(at, f"expected at most {self.limits.variables:,} variables")
        if len(states) > self.limits.states:
            self.fail(
                at,
                f"{shortened(name)!r} has {len(states):,} states; "
                f"at most {self.limits.states:,} are read",
            )
        if not all(states):
            self.fail(at, f"{shortened(name)!r} has a state without a name")
        if twice := repeated(states):
            self.fail(at, f"{shortened(name)!r} has the state {shortened(twice)!r} twice")
        self.states[name] = tuple(states)
        self._places[name] = at

    def add_numbered(self, cards: Iterable[tuple[int, int]]) -> None:
        """Declare v0, v1, … with states 0, 1, …: their places and numbers of states."""
        names: list[str] = []
        shared: dict[int, tuple[str, ...]] = {}  # variables of as many states share their names
        total = 0
        for i, (at, states) in enumerate(cards):
            total += states
            if total > self.limits.entries:
                self.fail(
                    at,
                    "the variables have more states together than the "
                    f"{self.limits.entries:,} entries of tables that are read",
                )
            names += map(str, range(len(names), states))
            if states not in shared:
                shared[states] = tuple(names[:states])
            self.states[f"v{i}"] = shared[states]
            self._places[f"v{i}"] = at

    def known(self, name: str, at: int) -> str:
        """The name, if it is a variable's."""
        if name not in self.states:
            near = suggestion(name, self.states)
            self.fail(at, f"no variable {shortened(name)!r} is declared. {near}".rstrip())
        return name

    def add_family(self, child: str, parents: Sequence[str], at: int) -> tuple[int, ...]:
        """Declare whose table comes, and return its shape: [parents…, child]."""
        family = [self.known(name, at) for name in (*parents, child)]
        label = shortened(child)
        if child in self.parents:
            self.fail(at, f"the variable {label!r} has two tables")
        if twice := repeated(family):
            self.fail(at, f"the table of {label!r} names {shortened(twice)!r} twice")
        if len(family) > MAX_AXES:
            self.fail(at, f"{label!r} has {len(parents)} parents; at most {MAX_AXES - 1} are read")
        shape = tuple(len(self.states[name]) for name in family)
        self._entries += math.prod(shape)
        if self._entries > self.limits.entries:
            self.fail(
                at,
                f"with the table of {label!r} the network has {self._entries:,} entries; at most "
                f"{self.limits.entries:,} are read, unless BayesNet.read gets other limits",
            )
        self.parents[child] = tuple(parents)
        return shape

    def add_table(self, child: str, table: NDArray[np.float64], at: int) -> None:
        """Check and normalise a table of the shape that `add_family` gave."""
        label = shortened(child)
        if not (np.isfinite(table).all() and (table >= 0).all()):
            index = np.unravel_index(int(np.argmin(np.isfinite(table) & (table >= 0))), table.shape)
            self.fail(
                at,
                f"expected probabilities, and got {table[index]} in the table of {label!r}"
                f"{self.configuration(child, index[:-1])}",
            )
        with np.errstate(over="ignore"):
            sums = table.sum(axis=-1)
        zeros = sums == 0
        off = np.where(zeros, 0.0, np.abs(sums - 1))
        if (off > self.tolerance).any():
            index = np.unravel_index(int(np.argmax(off)), sums.shape)
            self.fail(
                at,
                f"the probabilities of {label!r}{self.configuration(child, index)} sum to "
                f"{float(sums[index])!r} instead of 1; {self._fix(child, table)}",
            )
        if zeros.any():
            self._zeros[child] = zeros
            table = np.where(zeros[..., None], 1 / table.shape[-1], table)
        self.tables[child] = divided_by_sums(table)

    def finish(self, name: str = "", properties: Sequence[str] = ()) -> Description:
        """The whole network.

        Raises:
            UserError: If a variable has no table, there is a cycle, or parents can occur for which
                a table has a row of zeros.
        """
        for variable, at in self._places.items():
            if variable not in self.tables:
                self.fail(at, f"the variable {shortened(variable)!r} has no table")
        if not self.states:
            self.fail(0, "expected a network, and got no variable")
        self.refuse_cycles()
        self._refuse_zeros()
        order = list(self.states)
        return Description(
            states=self.states,
            parents={name: self.parents[name] for name in order},
            tables={name: self.tables[name] for name in order},
            name=name,
            properties=tuple(properties),
            doubts=tuple(self.doubts),
        )

    def configuration(self, child: str, index: Sequence[np.intp]) -> str:
        """Which row of a table, in words: " given S=s0, D=d1", or "" without parents."""
        parents = self.parents[child]
        if not parents:
            return ""
        named = [
            f"{shortened(parent)}={shortened(self.states[parent][int(i)])}"
            for parent, i in zip(parents, index, strict=True)
        ]
        return " given " + ", ".join(named[:8]) + (", …" if len(named) > 8 else "")

    def refuse_cycles(self) -> None:
        """Refuse a variable that is its own ancestor, when all families are known."""
        cycle = find_cycle(self.parents)
        if cycle:
            shown = [shortened(name) for name in cycle]
            shown = shown if len(shown) < 12 else [*shown[:6], "…", *shown[-5:]]
            self.fail(self._places[cycle[0]], f"there is a cycle: {' → '.join(shown)}")

    def _refuse_zeros(self) -> None:
        if not self._zeros:
            return
        child, index, sentence = reached_row(self.states, self.parents, self.tables, self._zeros)
        if child:
            self.fail(
                self._places[child],
                f"the probabilities of {shortened(child)!r}{self.configuration(child, index)} are "
                f"all 0, {sentence}",
            )

    def _fix(self, child: str, table: NDArray[np.float64]) -> str:
        """What to do about rows that do not sum to 1."""
        other = table.reshape(table.shape[-1], -1).sum(axis=0)  # the child slowest
        if table.ndim > 1 and (np.abs(other - 1) <= self.tolerance).all():
            return (
                f"they would if the states of {shortened(child)!r} changed slowest, so the program "
                "that wrote this table has another order than the format"
            )
        return f"correct them, or raise the tolerance ({self.tolerance:g})"
