"""Columns of states: read as positions, whatever library they come from, gaps among them.

A gap is a case in which the variable was not seen. It is written None, NaN, a data frame's own
mark, a masked entry, an empty text, or "?" where no state has that name.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from retroprop.bayes.table import position_of
from retroprop.errors import UserError

GAP = -1  # the position of a gap


def as_array(column: Any) -> np.ndarray:
    """A column as an array; of text and other values together, nothing is made text."""
    column = column.to_numpy() if hasattr(column, "to_numpy") else column
    mask = getattr(column, "mask", None) if isinstance(column, np.ndarray) else None
    if mask is not None:  # a masked array
        column = np.array(np.asarray(column), dtype=object)
        column[np.broadcast_to(mask, column.shape)] = None
    values = np.asarray(column)
    if values.dtype.kind in "US" and not isinstance(column, np.ndarray):
        values = np.array(column, dtype=object)
    return values


def positions(
    name: str,
    states: Sequence[str],
    values: np.ndarray,
    row_name: str,
    refusal: Callable[[int], str],
) -> np.ndarray:
    """The position of the state in each row, GAP where there is none, (rows,).

    Args:
        name: The variable.
        states: Its states.
        values: One axis: names of states, or positions as whole numbers. In a column of floats,
            which is how whole numbers with gaps are kept, whole ones are positions.
        row_name: What a sentence calls a row, as "row {}".
        refusal: The sentence on a whole number that is no position.

    Raises:
        UserError: Naming the row of the first value that is no state.
    """
    if values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(states)))
        if len(wrong):
            row = int(wrong[0])
            raise UserError(f"{row_name.format(row)}: {refusal(int(values[row]))}")
        return values.astype(np.intp)
    objects = values.tolist()
    whole = values.dtype.kind == "f" and any(value != value for value in objects)
    found = np.full(len(objects), GAP, dtype=np.intp)
    known: dict[Any, int] = {}
    for row, value in enumerate(objects):
        if is_gap(value, states):
            continue
        if not value.__hash__:
            raise UserError(f"{row_name.format(row)}: {name} has no state {value!r:.80}.")
        key = (type(value), value)
        if key not in known:
            state = int(value) if whole and value.is_integer() else value
            try:
                known[key] = position_of(name, states, state)
            except UserError as error:
                raise UserError(f"{row_name.format(row)}: {error}") from None
        found[row] = known[key]
    return found


def is_gap(value: Any, states: Sequence[str]) -> bool:
    """Whether a value says that the variable was not seen."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return value == "" or (value == "?" and value not in states)
    return isinstance(value, float) and value != value
