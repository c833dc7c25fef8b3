"""A table whose axes have names and whose indices are states: the answer to a query."""

import html
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from retroprop.errors import UserError, did_you_mean

MAX_LINES = 60  # of a printed table; the rest is counted, not shown
MAX_COLUMNS = 1000  # of a printed batch


class NamedTable:
    """Probabilities of one or several variables, indexed by their states.

    Attributes:
        values: Read-only float64 array (*states of each variable), or (rows, *states) for a batch.
        names: One variable per axis, the axis of the rows left out.
        states: The states of every variable of `names`.
        impossible: For a batch, a mask (rows,): evidence of probability 0, where the values are 0.
            None for a single answer.

    >>> table = NamedTable([[0.1, 0.2], [0.3, 0.4]], ["A", "B"], {"A": ["a0", "a1"], "B": ["b0", "b1"]})
    >>> table
    A   B   P(A, B)
    a0  b0      0.1
    a0  b1      0.2
    a1  b0      0.3
    a1  b1      0.4
    >>> table["a1", "b0"], table[{"B": "b1", "A": "a0"}]
    (0.3, 0.2)
    >>> table[{"B": "b0"}].names
    ('A',)
    """  # noqa: E501 - the example

    __slots__ = ("_title", "impossible", "names", "states", "values")

    def __init__(
        self,
        values: Any,
        names: Sequence[str],
        states: Mapping[str, Sequence[str]],
        impossible: np.ndarray | None = None,
        title: str | None = None,
    ):
        """Name the axes of an array.

        Args:
            values: Array-like (*states), or (rows, *states) together with `impossible`.
            names: The variables, one per axis.
            states: The states of these variables (others are ignored).
            impossible: Mask (rows,) that makes the table a batch.
            title: What heads the column of numbers; "P(names)" by default.
        """
        self.values = np.array(values, dtype=float)
        self.values.setflags(write=False)
        self.names = tuple(names)
        self.states = {name: tuple(states[name]) for name in self.names}
        self.impossible = impossible
        self._title: str | Callable[[], str] | None = title
        shape = tuple(len(self.states[name]) for name in self.names)
        rows = () if impossible is None else impossible.shape
        if self.values.shape != rows + shape:
            raise UserError(
                f"{self.title} needs the shape {rows + shape}, got {self.values.shape}."
            )

    @classmethod
    def unchecked(
        cls,
        values: np.ndarray,
        names: tuple[str, ...],
        states: Mapping[str, tuple[str, ...]],
        impossible: np.ndarray | None,
        title: Callable[[], str],
    ) -> "NamedTable":
        """A table of our own making: nothing copied, the title written when it is read."""
        table = cls.__new__(cls)
        values.setflags(write=False)
        table.values, table.names, table.states = values, names, states
        table.impossible, table._title = impossible, title
        return table

    @property
    def title(self) -> str:
        """What heads the column of numbers, as "P(G | R=1)"."""
        if self._title is None or callable(self._title):
            self._title = self._title() if self._title else f"P({', '.join(self.names)})"
        return self._title

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The values, for NumPy."""
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    @property
    def is_batch(self) -> bool:
        """Whether the first axis of the values is one of rows."""
        return self.impossible is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self.values.shape

    def __len__(self) -> int:
        """The number of rows of a batch, otherwise of states of the first variable."""
        return len(self.values)

    def __getitem__(self, key: Any) -> Any:
        """The entry or the part at some states.

        Args:
            key: States of the first variables, in their order (`t["a1"]`, `t["a1", "b0"]`), or a
                mapping from variables to states (`t[{"B": "b0"}]`). A state is a name or its
                position. In a batch an integer alone is a row.

        Returns:
            A number when every variable has a state (rows of numbers in a batch), else a table.

        Raises:
            UserError: For a variable or state that the table does not have.
        """
        if self.impossible is not None and isinstance(key, int | np.integer):
            if self.impossible[key]:
                raise UserError(f"The evidence of row {key} has probability 0: it has no answer.")
            return NamedTable(self.values[key], self.names, self.states, title=self.title)
        if not isinstance(key, Mapping):
            key = key if isinstance(key, tuple) else (key,)
            if len(key) > len(self.names):
                raise UserError(f"{self.title} has {len(self.names)} axes, got {len(key)} states.")
            key = dict(zip(self.names, key, strict=False))
        for name in key:
            if name not in self.states:
                raise UserError(
                    f"{self.title} has no variable {name!r}. {did_you_mean(str(name), self.names)}"
                )
        index = [
            position_of(name, self.states[name], key[name]) if name in key else slice(None)
            for name in self.names
        ]
        rows = [slice(None)] if self.is_batch else []
        part = self.values[tuple(rows + index)]
        left = [name for name in self.names if name not in key]
        if left:
            return NamedTable(part, left, self.states, self.impossible, self._title_at(key))
        return part if self.is_batch else float(part)

    def _title_at(self, states: Mapping[str, Any]) -> str:
        """The title of a part: "P(A, B)" at B=b0 becomes "P(A, B=b0)"."""
        fixed = [f"{name}={states[name]}" if name in states else name for name in self.names]
        before = f"P({', '.join(self.names)}"
        return self.title.replace(before, f"P({', '.join(fixed)}", 1)

    def to_dict(self) -> dict[Any, float]:
        """States to probability; the keys are tuples when there are several variables."""
        if self.is_batch:
            raise UserError("A batch has many answers: take one row first, table[row].to_dict().")
        entries = zip(self._configurations(), self.values.ravel(), strict=True)
        one = len(self.names) == 1
        return {states[0] if one else states: float(value) for states, value in entries}

    def _configurations(self) -> Iterator[tuple[str, ...]]:
        return itertools.product(*(self.states[name] for name in self.names))

    def _lines(self) -> tuple[list[list[str]], int]:
        """Lines of cells, the header first, and how many of the first columns hold words."""
        if self.impossible is not None:
            heads = itertools.islice(self._configurations(), MAX_COLUMNS)
            lines = [["row", *(", ".join(states) for states in heads)]]
            rows = zip(self.values[:MAX_LINES], self.impossible, strict=False)
            for row, (values, masked) in enumerate(rows):
                shown = [*map(_number, values.flat[:MAX_COLUMNS])]
                lines.append([str(row), *(["impossible"] * len(shown) if masked else shown)])
            return lines, 0
        lines = [[*self.names, self.title]]
        entries = zip(self._configurations(), self.values.flat[:MAX_LINES], strict=False)
        lines += [[*states, _number(value)] for states, value in entries]
        return lines, len(self.names)

    def _left_out(self) -> str:
        lines = len(self.values) if self.is_batch else self.values.size
        columns = math.prod(self.values.shape[1:]) if self.is_batch else 0
        more = [(lines - MAX_LINES, "lines"), (columns - MAX_COLUMNS, "columns")]
        found = [f"{count:,} {what}" for count, what in more if count > 0]
        return f"… {' and '.join(found)} more" if found else ""

    def __repr__(self) -> str:
        """An aligned table."""
        title = self.title if self.is_batch else ""
        return "\n".join(filter(None, [title, *in_columns(*self._lines()), self._left_out()]))

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        lines, words = self._lines()
        rows = []
        for line in lines:
            tag = "td" if rows else "th"
            rows.append("<tr>")
            for i, cell in enumerate(line):
                side = "left" if i < words else "right"
                rows.append(f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>')
            rows.append("</tr>")
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.is_batch else ""
        more = f"<p>{self._left_out()}</p>" if self._left_out() else ""
        return f"<table>{caption}{''.join(rows)}</table>{more}"


def in_columns(lines: Sequence[Sequence[str]], words: int) -> list[str]:
    """Lines of cells under each other: columns of words to the left, then numbers to the right.

    >>> in_columns([["S", "P(S)"], ["s0", "0.2"]], words=1)
    ['S   P(S)', 's0   0.2']
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def position_of(variable: str, states: Sequence[str], state: Any) -> int:
    """The position of a state given by its name or by its position.

    True and False are the states so named ("true", "yes" and "false", "no" in any case, "1" and
    "0"); they are never positions, because many files write "yes" before "no".

    Raises:
        UserError: For a state that the variable does not have.
    """
    if isinstance(state, str):
        if state in states:
            return states.index(state)
        problem = f"has no state {state!r}. {did_you_mean(state, states)}"
    elif isinstance(state, bool | np.bool_):
        words = ("true", "yes", "1") if state else ("false", "no", "0")
        found = [i for i, name in enumerate(states) if name.lower() in words]
        if len(found) == 1:
            return found[0]
        problem = f"has no state that {bool(state)} could mean: give one of {', '.join(states)}."
    elif isinstance(state, int | np.integer):
        if 0 <= state < len(states):
            return int(state)
        problem = f"has the states 0 to {len(states) - 1} ({', '.join(states)}), got {state}."
    else:
        problem = f"takes the name of a state or its position, got {state!r}."
    raise UserError(f"{variable} {problem}")


def _number(value: float) -> str:
    return f"{value:.6g}"
