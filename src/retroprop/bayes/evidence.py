"""What is observed, what is fixed, what is only likely: read, checked, and numbered.

A state given as one name or number makes a single query. A list or array of states makes a batch:
one answer per row; single states then hold for every row. A row of a column may be a gap.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.columns import GAP, as_array, positions
from retroprop.bayes.memory import DEFAULT_MEMORY, ENTRY, check_bytes
from retroprop.bayes.rows import Rows
from retroprop.bayes.table import position_of
from retroprop.errors import UserError, did_you_mean

Given = Mapping[str, Any] | None


def seen_or_not(states: np.ndarray, card: int) -> np.ndarray:
    """The likelihood of each row's state, (rows, states): one-hot, or ones where there is a gap."""
    return np.where(states[:, None] == GAP, 1.0, one_hot(states, card))


def one_hot(states: Any, card: int) -> np.ndarray:
    """A 1 at the state, or at the state of each row: (states,) or (rows, states)."""
    return np.equal(np.asarray(states)[..., None], np.arange(card)).astype(float)


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

    A column of observed states may have gaps, see `columns`: in such a row the variable is not
    observed. It is then `soft` in all rows.

    Raises:
        UserError: For an unknown variable or state, a variable with two roles, columns of different
            lengths, an intervention with a gap, or a likelihood that is none.
    """
    fixed = _read_states(net, do) if do else {}
    for v, states in fixed.items():
        if np.ndim(states) and (states == GAP).any():
            raise UserError(
                f"The column of {net.names[v]} has missing values, and an intervention sets a "
                "state in every row: leave these rows out, or ask them without it."
            )
    seen = _read_states(net, given) if given else {}
    likely = _read_likelihoods(net, soft) if soft else {}
    roles = {"given": seen, "done": fixed, "soft": likely}
    for one, other in (("given", "done"), ("given", "soft"), ("soft", "done")):
        for v in roles[one].keys() & roles[other].keys():
            raise UserError(
                f"{net.names[v]} is both {one} and {other}: keep one of them "
                f"(given observes it, do fixes it, soft weighs its states)."
            )
    n_rows = _row_count(net, seen, fixed, likely)
    seen, unsure = _without_gaps(net, seen)
    likely = dict(sorted({**likely, **unsure}.items())) if unsure else likely
    return Evidence(seen, fixed, likely, n_rows)


def _number(net: CodedNetwork, name: Any) -> int:
    v = net.number.get(name) if isinstance(name, str) else None
    if v is None:
        raise UserError(f"There is no variable {name!r}. {did_you_mean(str(name), net.names)}")
    return v


def _read_states(net: CodedNetwork, states: Mapping[str, Any]) -> dict[int, Any]:
    if not isinstance(states, Mapping):
        raise UserError(f"Evidence is a mapping from variables to states, got {states!r:.80}.")
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
    name, known = net.names[v], net.states[v]
    column = as_array(states)
    if column.ndim == 0:
        return position_of(name, known, column.item())
    if column.ndim > 1:
        raise UserError(f"The states of {name} are a column, got the shape {column.shape}.")
    count = len(known)

    def refusal(state: int) -> str:
        some = ", ".join(known[:10]) + ", …" * (count > 10)
        return f"{name} has the states 0 to {count - 1} ({some}), got {state}."

    return positions(name, known, column, "row {}", refusal)


def _without_gaps(
    net: CodedNetwork, seen: dict[int, Any]
) -> tuple[dict[int, Any], dict[int, np.ndarray]]:
    """The columns without gaps, and likelihoods for the others: where nothing was seen, all ones.

    So P(row) is that of what was seen, and the variable has an answer like any other.
    """
    with_gaps = [v for v, states in seen.items() if np.ndim(states) and (states == GAP).any()]
    likely = {}
    for v in with_gaps:
        size = ENTRY * len(seen[v]) * net.cards[v]
        check_bytes(
            size, DEFAULT_MEMORY, f"The column of {net.names[v]}", "ask about fewer rows at a time"
        )
        likely[v] = seen_or_not(seen[v], net.cards[v])
    return {v: states for v, states in seen.items() if v not in likely}, likely


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
