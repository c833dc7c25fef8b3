"""The tables of a network from data, its graph and states being known.

With n(x, p) cases in which a variable is in state x and its parents in configuration p:

    maximum likelihood    P(x | p) = n(x, p) / n(p)
    Dirichlet prior       P(x | p) = (n(x, p) + a(x, p)) / (n(p) + Σ_x a(x, p))

A prior is the same number of imagined cases for every entry, `BDeu(size)` (imagined cases of one
total size for every table, so that tables of many entries are not weighed more), or a table of
numbers for each variable.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), 17.2 and 17.4; Heckerman, Geiger
and Chickering, Learning Bayesian networks (1995), for BDeu.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retroprop.bayes.network import AnyNetwork, Network
from retroprop.bayes.table import position_of
from retroprop.errors import UserError, did_you_mean

Unseen = Literal["refuse", "uniform", "keep"]


@dataclass(frozen=True)
class BDeu:
    """A Dirichlet prior worth `size` imagined cases, spread evenly over each table."""

    size: float = 1.0


Prior = float | BDeu | Mapping[str, Any]


def fit(
    net: AnyNetwork, data: Any, *, prior: Prior | None = None, unseen: Unseen = "refuse"
) -> AnyNetwork:
    """The network with the same graph and states, and tables estimated from complete data.

    Args:
        net: The graph and the states; its tables are used only for `unseen="keep"`.
        data: A data frame or a mapping with a column for each variable (other columns are left
            alone), or a two-dimensional array whose columns are the variables in their order.
            States are names, or positions as whole numbers.
        prior: None for maximum likelihood; a number of imagined cases for every entry (1 is
            Laplace's rule), `BDeu(size)`, or a table of numbers for each variable.
        unseen: What a row becomes whose configuration of the parents never occurs, when no prior
            fills it: refused, uniform, or the network's own.

    Raises:
        UserError: For a missing column, a missing value, an unknown state, columns of different
            lengths, or a configuration of the parents that never occurs.
    """
    if unseen not in ("refuse", "uniform", "keep"):
        hint = did_you_mean(str(unseen), ("refuse", "uniform", "keep"))
        raise UserError(f"unseen is refuse, uniform or keep, and got {unseen!r}. {hint}")
    _check_prior(net, prior)
    columns = _columns(net, data)
    spec = {}
    for name in net.variables:
        counts = _counts(net, name, columns) + _imagined(net, name, prior)
        spec[name] = (_normalised(net, name, counts, unseen), net.parents[name])
    return type(net)(spec, net.states)


def _counts(net: Network, name: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """How often each entry of a table occurs."""
    family = (*net.parents[name], name)
    shape = net.tables[name].shape
    flat = np.zeros(len(columns[name]), dtype=np.intp)
    for one, size in zip(family, shape, strict=True):
        flat = flat * size + columns[one]
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def _normalised(net: Network, name: str, counts: np.ndarray, unseen: Unseen) -> np.ndarray:
    totals = counts.sum(-1, keepdims=True)
    empty = totals[..., 0] == 0
    if not empty.any():
        return counts / totals
    if unseen == "refuse":
        parents = net.parents[name]
        first = np.argwhere(empty)[0]
        where = net.written(dict(zip(parents, first, strict=True)))
        what = f"no case has {where}" if parents else "there is no case"
        raise UserError(
            f"{what}, so the data say nothing about {name} there ({int(empty.sum())} of "
            f"{empty.size} rows of its table); give a prior, such as prior=1, or unseen='uniform'."
        )
    other = net.tables[name] if unseen == "keep" else 1 / counts.shape[-1]
    return np.where(empty[..., None], other, counts / np.where(totals > 0, totals, 1))


# --- the prior ------------------------------------------------------------------------------------


def _check_prior(net: Network, prior: Prior | None) -> None:
    if isinstance(prior, Mapping):
        net.names_of(tuple(prior))
        for name, table in prior.items():
            imagined = np.asarray(table, dtype=float)
            if imagined.shape != net.tables[name].shape:
                raise UserError(
                    f"the prior of {name} needs the shape {net.tables[name].shape}, and got "
                    f"{imagined.shape}."
                )
            if not (np.isfinite(imagined) & (imagined >= 0)).all():
                raise UserError(f"the prior of {name} must be numbers from 0.")
        return
    size = prior.size if isinstance(prior, BDeu) else prior
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int | float | np.number):
        raise UserError(
            f"a prior is a number of imagined cases, BDeu(size) or a table for each variable, and "
            f"got {prior!r}."
        )
    if not (np.isfinite(size) and size >= 0):
        raise UserError(f"a prior is a number of imagined cases from 0, and got {size}.")


def _imagined(net: Network, name: str, prior: Prior | None) -> np.ndarray | float:
    """How often each entry of a table is imagined."""
    if prior is None:
        return 0.0
    if isinstance(prior, Mapping):
        return np.asarray(prior.get(name, 0.0), dtype=float)
    if isinstance(prior, BDeu):
        return prior.size / net.tables[name].size
    return float(prior)


# --- the data -------------------------------------------------------------------------------------


def _columns(net: Network, data: Any) -> dict[str, np.ndarray]:
    """The position of the state in each case, for each variable."""
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):  # a data frame of any library
        names = list(data.columns)
        raw = {name: data[name] for name in net.variables if name in names}
    elif isinstance(data, Mapping):
        names = list(data)
        raw = {name: data[name] for name in net.variables if name in data}
    else:
        names = list(net.variables)
        raw = _columns_of_array(net, data)
    for name in net.variables:
        if name not in raw:
            hint = did_you_mean(name, [str(one) for one in names])
            hint = hint if len(hint) < 300 else ""
            raise UserError(f"the data have no column {name!r}. {hint}".rstrip())
    columns = {name: _positions(net, name, column) for name, column in raw.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    if lengths[shortest] != lengths[longest]:
        raise UserError(
            f"the columns must have one length, and {shortest} has {lengths[shortest]} cases but "
            f"{longest} has {lengths[longest]}."
        )
    return columns


def _columns_of_array(net: Network, data: Any) -> dict[str, Any]:
    values = np.asarray(data)
    if values.ndim != 2 or values.shape[1] != len(net.variables):
        raise UserError(
            "the data are a data frame, a mapping from variables to columns, or an array "
            f"(cases, {len(net.variables)}), and got an array of shape {values.shape}."
        )
    return {name: values[:, i] for i, name in enumerate(net.variables)}


def _positions(net: Network, name: str, column: Any) -> np.ndarray:
    """The positions of a column of states."""
    column = column.to_numpy() if hasattr(column, "to_numpy") else column
    # NumPy would make text of a missing value among names.
    values = np.array(column, dtype=object if isinstance(column, list | tuple) else None)
    if values.ndim != 1:
        raise UserError(f"the column {name} must have one axis, and got {values.ndim}.")
    states = net.states[name]
    if values.dtype.kind in "iu":
        wrong = np.flatnonzero((values < 0) | (values >= len(states)))
        if len(wrong):
            case = int(wrong[0])
            raise UserError(f"case {case} of the data: {_refusal(name, states, int(values[case]))}")
        return values.astype(np.intp)
    objects = values.tolist()
    for case, value in enumerate(objects):
        if _is_missing(value):
            raise UserError(
                f"{name} is missing in case {case} of the data; missing values are not filled in: "
                "leave such cases out, or complete them first."
            )
    positions: dict[Any, int] = {}
    for case, value in enumerate(objects):
        if not value.__hash__:
            raise UserError(f"case {case} of the data: {name} has no state {value!r}.")
        key = (type(value), value)
        if key in positions:
            continue
        try:
            positions[key] = position_of(name, states, value)
        except UserError as error:
            raise UserError(f"case {case} of the data: {error}") from None
    return np.array([positions[type(value), value] for value in objects], dtype=np.intp)


def _refusal(name: str, states: Sequence[str], value: int) -> str:
    hint = " (a number is a position; for a name, make the column text)"
    hint = hint if str(value) in states else ""
    return f"{name} has the positions 0 to {len(states) - 1}{hint}, and got {value}."


def _is_missing(value: Any) -> bool:
    """None, not-a-number, or a data frame's own mark of a missing value."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value
