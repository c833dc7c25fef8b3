"""Rows of evidence, and which of them look alike from a node of a circuit.

A node sees only the evidence below it. Two rows that agree there have the same value there, so a
batch of a thousand rows costs a node no more than its distinct configurations.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from retroprop.bayes.contraction import Axes

DENSE = 8  # configurations per row, up to which a table of marks replaces sorting


class Distinct:
    """The distinct configurations among rows.

    Attributes:
        code: Configuration of each row, (rows,).
        count: How many configurations there are.
    """

    __slots__ = ("_first", "code", "count")

    def __init__(self, code: np.ndarray, count: int):
        """Keep the configurations; where most rows differ, every row is one of its own.

        Then codes are the numbers of the rows, and nothing needs to be gathered.
        """
        if 4 * count > 3 * len(code):
            code, count = np.arange(len(code)), len(code)
        self.code = code
        self.count = count
        self._first: np.ndarray | None = None

    @property
    def first(self) -> np.ndarray:
        """A row that has each configuration, (count,)."""
        if self._first is None:
            self._first = np.empty(self.count, dtype=np.intp)
            self._first[self.code] = np.arange(len(self.code))
        return self._first


def distinct(code: np.ndarray, space: int) -> Distinct:
    """Number the values that occur among codes below `space`, in increasing order."""
    if space <= DENSE * len(code):
        marks = np.zeros(space, dtype=bool)
        marks[code] = True
        rank = np.cumsum(marks) - 1
        return Distinct(rank[code], int(rank[-1]) + 1)
    values, inverse = np.unique(code, return_inverse=True)
    return Distinct(inverse, len(values))


class Rows:
    """Rows of evidence, and their distinct configurations for any set of observed variables."""

    def __init__(
        self,
        columns: Mapping[int, np.ndarray],
        likelihoods: Mapping[int, np.ndarray],
        cards: Sequence[int],
        count: int,
    ):
        """Keep the columns.

        Args:
            columns: Observed variable to its states, (rows,).
            likelihoods: Variable to its soft evidence, (rows, states).
            cards: Number of states of each variable.
            count: How many rows there are.
        """
        self.columns = columns
        self.likelihoods = likelihoods
        self.cards = cards
        self.count = count
        self._known: dict[Axes, Distinct] = {(): Distinct(np.zeros(count, dtype=np.intp), 1)}

    def distinct(self, evidence: Axes) -> Distinct:
        """The configurations of some observed variables; ~v stands for the likelihood of v."""
        found = self._known.get(evidence)
        if found is None:
            found = self._one(evidence[0]) if len(evidence) == 1 else self._several(evidence)
            self._known[evidence] = found
        return found

    def _one(self, v: int) -> Distinct:
        if v >= 0:
            return distinct(self.columns[v], self.cards[v])
        _, code = np.unique(self.likelihoods[~v], axis=0, return_inverse=True)
        code = code.reshape(-1)
        return Distinct(code, int(code.max(initial=-1)) + 1)

    def _several(self, evidence: Axes) -> Distinct:
        """Join two parts, the larger of which is known if any is."""
        wanted = set(evidence)
        part = max((key for key in self._known if wanted.issuperset(key)), key=len)
        code, count = self._known[part].code, self._known[part].count
        for v in evidence:
            if v not in part:
                one = self.distinct((v,))
                joined = distinct(code * one.count + one.code, count * one.count)
                code, count = joined.code, joined.count
        return Distinct(code, count)

    def lookup(self, evidence: Axes) -> np.ndarray:
        """For each distinct configuration of hard evidence, its place in a flattened table."""
        first = self.distinct(evidence).first
        place = np.zeros(len(first), dtype=np.intp)
        for v in evidence:
            place = place * self.cards[v] + self.columns[v][first]
        return place

    def all_evidence(self) -> Axes:
        """Every observed variable, as the evidence of a node."""
        return (*sorted(~v for v in self.likelihoods), *sorted(self.columns))

    def at(self, places: np.ndarray) -> "Rows":
        """Some of the rows."""
        return Rows(
            {v: column[places] for v, column in self.columns.items()},
            {v: likelihood[places] for v, likelihood in self.likelihoods.items()},
            self.cards,
            len(places),
        )
