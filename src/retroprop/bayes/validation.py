"""What a network must satisfy before it is one: names, shapes, probabilities, no cycle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from retroprop.bayes.graph import find_cycle
from retroprop.errors import UserError, did_you_mean

TOLERANCE = 1e-3  # rounding to three digits is normalised away; anything worse is refused
EXACT = 1e-12  # sums that are this near to one are kept bit by bit, so that files round-trip


def checked_parents(spec: Mapping[str, tuple[Any, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """The parents of every variable.

    Raises:
        UserError: For an entry that is no pair, an unknown, repeated or own parent, or a cycle.
    """
    if not isinstance(spec, Mapping) or not spec:
        raise UserError("A network needs at least one variable: {name: (table, [parents…]), …}.")
    parents: dict[str, tuple[str, ...]] = {}
    for name, entry in spec.items():
        if not isinstance(name, str) or not name:
            raise UserError(f"The name of a variable is a non-empty string, got {name!r}.")
        is_pair = isinstance(entry, tuple | list) and len(entry) == 2
        if not is_pair or isinstance(entry[1], str) or not isinstance(entry[1], Iterable):
            raise UserError(f"{name} needs a pair (table, [parents…]).")
        parents[name] = tuple(entry[1])
    for name, its_parents in parents.items():
        for parent in its_parents:
            if parent not in parents:
                hint = did_you_mean(str(parent), parents)
                raise UserError(f"{name} has an unknown parent {parent!r}. {hint}")
        if twice := repeated(its_parents):
            raise UserError(f"{name} has the parent {twice} twice.")
    cycle = find_cycle(parents)
    if cycle:
        raise UserError(f"The graph has a cycle: {' → '.join(cycle)}.")
    return parents


def checked_states(
    spec: Mapping[str, tuple[Any, Sequence[str]]], given: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    """The states of every variable: the given ones, otherwise "0", "1", ….

    Raises:
        UserError: For an unknown variable, no state, a repeated state or one that is no name.
    """
    given = given or {}
    for name in given:
        if name not in spec:
            hint = did_you_mean(str(name), spec)
            raise UserError(f"States are given for an unknown variable {name!r}. {hint}")
    states: dict[str, tuple[str, ...]] = {}
    for name, (table, _) in spec.items():
        if name in given:
            names = given[name]
            if isinstance(names, str):
                raise UserError(f"The states of {name} are a list of names, got {names!r}.")
            states[name] = tuple(names)
        else:
            shape = np.shape(table)
            states[name] = tuple(map(str, range(shape[-1] if shape else 0)))
        if not states[name]:
            raise UserError(f"{name} needs at least one state.")
        for state in states[name]:
            if not isinstance(state, str) or not state:
                raise UserError(f"A state of {name} is a non-empty string, got {state!r}.")
        if twice := repeated(states[name]):
            raise UserError(f"{name} has the state {twice!r} twice.")
    return states


def checked_table(
    name: str, table: Any, parents: Sequence[str], states: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """The table P(name | parents) as a read-only float64 array [parents…, name], sums exactly 1.

    A sum within TOLERANCE of one is divided away (tables are published with few digits).

    Raises:
        UserError: For a wrong shape, an entry that is no probability, or a sum that is not one.
    """
    try:
        values = np.array(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"The table of {name} is no array of numbers ({error}).") from error
    axes = (*parents, name)
    shape = tuple(len(states[axis]) for axis in axes)
    if values.shape != shape:
        layout = ", ".join(axes)
        raise UserError(
            f"The table of {name} needs the shape {shape} [{layout}], got {values.shape}"
            f"{_transposed(values.shape, shape)}."
        )
    for wrong, word in ((~np.isfinite(values), "not finite"), (values < 0, "negative")):
        if wrong.any():
            where = tuple(np.argwhere(wrong)[0])
            entry = _configuration(axes, where, states)
            raise UserError(f"The table of {name} is {word} at {entry}: {values[where]}.")
    sums = values.sum(-1, keepdims=True)
    off = np.abs(sums - 1)
    if (off > TOLERANCE * (1 + 1e-9)).any():
        where = tuple(np.argwhere(off == off.max())[0][:-1])
        given = f" given {_configuration(parents, where, states)}" if parents else ""
        raise UserError(
            f"The probabilities of {name}{given} sum to {float(sums[where][0]):.6g}, not to 1 "
            f"(rounding up to {TOLERANCE} is forgiven)."
        )
    values = divided_by_sums(values)
    values.setflags(write=False)
    return values


def divided_by_sums(table: np.ndarray) -> np.ndarray:
    """A table whose rows sum to 1; a row whose sum is that near already stays bit by bit."""
    sums = table.sum(-1, keepdims=True)
    off = np.abs(sums - 1) > EXACT
    return np.where(off, table / sums, table) if off.any() else table


def repeated(names: Iterable[str]) -> str:
    """The first name that stood there before; "" if there is none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _transposed(shape: tuple[int, ...], needed: tuple[int, ...]) -> str:
    if shape == needed[::-1] or (sorted(shape) == sorted(needed) and len(shape) > 1):
        return " (transposed?)"
    if int(np.prod(shape)) == int(np.prod(needed)):
        return " (flattened?)"
    return ""


def _configuration(
    names: Sequence[str], index: Sequence[int], states: Mapping[str, Sequence[str]]
) -> str:
    return ", ".join(f"{name}={states[name][i]}" for name, i in zip(names, index, strict=True))
