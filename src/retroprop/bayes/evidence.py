"""What is observed, what is fixed, what is only likely: read, checked, and numbered.

A state given as one name or number makes a single query. A list or array of states makes a batch:
one answer per row; single states then hold for every row.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.rows import Rows
from retroprop.bayes.table import position_of
from retroprop.errors import UserError, did_you_mean

Given = Mapping[str, Any] | None


class Evidence(NamedTuple):
    """Checked evidence; variables are numbers, in increasing order.

    Attributes:
        given: Observed variable to its state, or to the states of the rows.
        do: The same for interventions.
        soft: Variable to its likelihood (states,), or (rows, states).
        n_rows: Number of rows; None for a single query.
    """

    given: dict[int, Any]
    do: dict[int, Any]
    soft: dict[int, np.ndarray]
    n_rows: int | None

    def row(self) -> list[int]:
        """The states of a single query: given, then do."""
        return [*self.given.values(), *self.do.values()]

    def rows(self, cards: list[int]) -> Rows:
        """The rows of a batch, single states repeated; a single query is one row."""
        count = 1 if self.n_rows is None else self.n_rows
        columns = {
            v: np.broadcast_to(np.asarray(state, dtype=np.intp), (count,))
            for states in (self.given, self.do)
            for v, state in states.items()
        }
        likelihoods = {
            v: np.broadcast_to(values, (count, cards[v])) for v, values in self.soft.items()
        }
        return Rows(columns, likelihoods, cards, count)


def read_evidence(net: CodedNetwork, given: Given, do: Given, soft: Given) -> Evidence:
    """Check the evidence of a query.

    Raises:
        UserError: For an unknown variable or state, a variable with two roles, columns of different
            lengths, or a likelihood that is none.
    """
    fixed = _read_states(net, do) if do else {}
    seen = _read_states(net, given) if given else {}
    likely = _read_likelihoods(net, soft) if soft else {}
    roles = {"given": seen, "done": fixed, "soft": likely}
    for one, other in (("given", "done"), ("given", "soft"), ("soft", "done")):
        for v in roles[one].keys() & roles[other].keys():
            raise UserError(
                f"{net.names[v]} is both {one} and {other}: keep one of them "
                f"(given observes it, do fixes it, soft weighs its states)."
            )
    return Evidence(seen, fixed, likely, _row_count(net, seen, fixed, likely))


def _number(net: CodedNetwork, name: Any) -> int:
    v = net.number.get(name) if isinstance(name, str) else None
    if v is None:
        raise UserError(f"There is no variable {name!r}. {did_you_mean(str(name), net.names)}")
    return v


def _read_states(net: CodedNetwork, states: Mapping[str, Any]) -> dict[int, Any]:
    if not isinstance(states, Mapping):
        raise UserError(f"Evidence is a mapping from variables to states, got {states!r}.")
    found = {}
    for name, state in states.items():
        v = _number(net, name)
        if type(state) is int and 0 <= state < net.cards[v]:
            found[v] = state
        elif isinstance(state, str | int | np.integer | np.bool_):
            found[v] = position_of(name, net.states[v], state)
        else:
            found[v] = _column(net, v, state)
    return dict(sorted(found.items())) if len(found) > 1 else found


def _column(net: CodedNetwork, v: int, states: Any) -> Any:
    """The positions of a column of states, or of one state that hides in an array."""
    name = net.names[v]
    column = np.asarray(states)
    if column.ndim == 0:
        return position_of(name, net.states[v], column.item())
    if column.ndim > 1:
        raise UserError(f"The states of {name} are a column, got the shape {column.shape}.")
    if column.dtype.kind in "iu":
        wrong = (column < 0) | (column >= net.cards[v])
        if wrong.any():
            position_of(name, net.states[v], int(column[wrong][0]))
        return column.astype(np.intp)
    if column.dtype.kind == "f" and np.isnan(column).any():
        raise UserError(f"The column of {name} has missing values: leave these rows out.")
    names = column.tolist()
    code = {state: position_of(name, net.states[v], state) for state in dict.fromkeys(names)}
    return np.array([code[state] for state in names], dtype=np.intp)


def _read_likelihoods(net: CodedNetwork, soft: Mapping[str, Any]) -> dict[int, np.ndarray]:
    found = {}
    for name, weights in soft.items():
        v = _number(net, name)
        try:
            values = np.array(weights, dtype=float)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"The likelihood of {name} is no array of numbers ({error})."
            ) from error
        if values.ndim not in (1, 2) or values.shape[-1] != net.cards[v]:
            raise UserError(
                f"The likelihood of {name} needs the shape ({net.cards[v]},), or "
                f"(rows, {net.cards[v]}), got {values.shape}."
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise UserError(f"The likelihood of {name} must be finite and not negative: {weights}.")
        if values.ndim == 1 and not values.any():
            raise UserError(f"The likelihood of {name} is 0 for every state.")
        found[v] = values
    return dict(sorted(found.items()))


def _row_count(net: CodedNetwork, *roles: dict[int, Any]) -> int | None:
    """The common length of all columns."""
    lengths = {}
    for states in roles:
        for v, value in states.items():
            if isinstance(value, np.ndarray) and (value.ndim == 2 or roles[2] is not states):
                lengths[net.names[v]] = len(value)
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise UserError(f"The columns of evidence must have one length, but {text} rows.")
    return next(iter(lengths.values()), None)
