"""What would have been: the twin network.

Beside the world that was seen stands another, in which an intervention holds. Both share whatever
makes the variables vary, so evidence in one tells of the other. Only the variables that the
intervention reaches have a twin; all others are the same in both worlds.

What the worlds share of a variable c with a table that is not 0 and 1 throughout, its table does not
say: P(c | parents) gives how often c takes a state, not whether the same case would have taken it with
other parents. So a functional model must be chosen, or the network must be structural: noise in
variables of its own, everything else determined. The choices, for a case with parents p in one world
and q in the other:

    "structural"    every needed table is 0 and 1; nothing is assumed, anything else is refused
    "monotone"      c = F⁻¹(u | parents), one uniform u: states in their listed order never cross
    "gumbel-max"    c = argmax_k log P(k | parents) + g_k, one Gumbel noise per state: a state gains
                    only by becoming likelier (counterfactual stability)
    "independent"   another draw whenever the parents differ

Each is a joint distribution of c and its twin c* that agrees with the table in both worlds, and with
equal parents c* = c. The noise is integrated out, so the twin network is an ordinary one.

Source: Balke and Pearl, Probabilistic evaluation of counterfactual queries (1994); Oberst and Sontag,
Counterfactual off-policy evaluation with Gumbel-max structural causal models (2019).
"""  # noqa: E501 - the table of choices

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from retroprop.bayes.graph import reachable
from retroprop.bayes.memory import (
    DEFAULT_MEMORY,
    ENTRY,
    TABLE_AXES,
    check_answer,
    check_bytes,
    memory_of,
)
from retroprop.bayes.network import AnyNetwork, Network
from retroprop.bayes.queries import log_evidence, query
from retroprop.bayes.table import NamedTable
from retroprop.errors import UserError, did_you_mean

LARGEST_TABLE = 2**22
"""Entries of a twin's table: its own states and its parents' count twice."""

Coupling = Callable[[np.ndarray, np.ndarray], np.ndarray]


def counterfactual(
    net: Network,
    targets: str | Sequence[str],
    *,
    given: Mapping[str, Any],
    do: Mapping[str, Any],
    mechanism: str | Mapping[str, str] = "structural",
    memory: int | None = None,
) -> NamedTable:
    """The probability of what the targets would have been under do, where `given` was seen.

    Args:
        net: The network.
        targets: One variable or several, in the world of the intervention.
        given: What was seen in the world as it was; it may hold variables of `do` and targets.
        do: What is set in the other world.
        mechanism: How a variable would have varied: see this module; one word for all, or a word
            for each variable that needs one.
        memory: As for `query`.

    Raises:
        UserError: For unknown names, for evidence that is impossible, for a variable that needs a
            mechanism and has none, or for a twin network that is too large.
    """
    wanted = net.names_of(targets)
    check_answer([len(net.states[name]) for name in wanted], None, memory_of(memory))
    twins, names = twin_network(net, wanted, given=given, do=do, mechanism=mechanism)
    seen = net.state_indices(given)
    set_to = net.state_indices(do)
    # What is set, and what is seen and the same in both worlds, is certain.
    certain = {name: state for name, state in seen.items() if name not in names} | set_to
    asked = [names.get(name, name) for name in wanted if name not in certain]
    if asked:
        values = np.asarray(query(twins, asked, given=seen, memory=memory).values)
    elif np.isneginf(log_evidence(twins, seen, memory=memory)):
        raise UserError("what is given has probability 0, so nothing can be said of such a case.")
    else:
        values = np.ones(())
    values = _with_certain(values, wanted, certain, net)
    return NamedTable(values, wanted, net.states, title=_title(net, wanted, given, do))


def twin_network(
    net: AnyNetwork,
    targets: str | Sequence[str],
    *,
    given: Mapping[str, Any],
    do: Mapping[str, Any],
    mechanism: str | Mapping[str, str] = "structural",
) -> tuple[AnyNetwork, dict[str, str]]:
    """The twin network and the names of the twins, "G*" for G; see `counterfactual`.

    Only the variables between the intervention and the targets have twins.

    Raises:
        UserError: As for `counterfactual`.
    """
    wanted = net.names_of(targets)
    set_to = net.state_indices(do)
    seen = net.state_indices(given)
    if not set_to:
        raise UserError("a counterfactual needs do={…}: what would have been different?")
    cut = {name: () if name in set_to else net.parents[name] for name in net.variables}
    needed = set(wanted) | reachable(wanted, cut)
    twinned = [
        name
        for name in net.topological_order
        if name in needed and name in net.descendants(list(set_to)) and name not in set_to
    ]
    # A variable that neither is seen nor leads to something seen is drawn anew: what it was in the
    # world that was seen is not known, so it does not matter what the two worlds share of it.
    informed = set(seen) | reachable(seen, net.parents)
    names: dict[str, str] = {}
    for name in twinned:
        names[name] = f"{name}*"
        while names[name] in net.tables:
            names[name] += "*"
    chosen = _mechanisms(net, [name for name in twinned if name in informed], mechanism)
    sizes = [_twin_entries(net, name, names, set_to) for name in chosen]
    check_bytes(2 * ENTRY * sum(sizes), DEFAULT_MEMORY, "This twin network", "ask fewer variables")
    spec = net.specification()
    for name in twinned:
        spec[names[name]] = _twin(net, name, names, set_to, chosen.get(name))
    states = {**net.states, **{twin: net.states[name] for name, twin in names.items()}}
    return type(net)(spec, states), names


def _mechanisms(
    net: Network, needed: Sequence[str], mechanism: str | Mapping[str, str]
) -> dict[str, Coupling]:
    """How each variable varies together with its twin."""
    words = mechanism if isinstance(mechanism, Mapping) else dict.fromkeys(needed, mechanism)
    net.names_of(tuple(words))
    for word in words.values():
        if word != "structural" and word not in COUPLINGS:
            known = ("structural", *COUPLINGS)
            raise UserError(f"no mechanism {word!r}. {did_you_mean(str(word), known)}")
    chosen = {name: words.get(name, "structural") for name in needed}
    refused = [
        name
        for name, word in chosen.items()
        if word == "structural" and not np.isin(net.tables[name], (0.0, 1.0)).all()
    ]
    if refused:
        what = ", ".join(refused[:5]) + (", …" if len(refused) > 5 else "")
        raise UserError(
            f"the table of {what} leaves open what would have been with other parents; choose a "
            f"mechanism ({', '.join(COUPLINGS)}), which is an assumption, or give the noise a "
            "variable of its own, so that the table is 0 and 1."
        )
    return {
        name: independent if word == "structural" else COUPLINGS[word]
        for name, word in chosen.items()
    }


def _twin(
    net: Network,
    name: str,
    names: Mapping[str, str],
    set_to: Mapping[str, int],
    coupling: Coupling | None,
) -> tuple[np.ndarray, list[str]]:
    """The table of a twin and its parents.

    Without a coupling it is the variable's own table, its parents those of the other world. With
    one, the variable itself and its parents in the world that was seen are parents too.
    """
    parents = net.parents[name]
    table = net.tables[name]
    index = tuple(set_to[p] if p in set_to else slice(None) for p in parents)
    other = [names.get(p, p) for p in parents if p not in set_to]
    if coupling is None:
        return table[index], other
    axes = list(dict.fromkeys([*parents, *other]))
    original = {twin: p for p, twin in names.items()}
    sizes = [len(net.states[original.get(axis, axis)]) for axis in axes]
    size = table.shape[-1]
    result = np.empty((*sizes, size, size))
    place = {axis: i for i, axis in enumerate(axes)}
    kept: dict[tuple[tuple[int, ...], tuple[int, ...]], np.ndarray] = {}
    for configuration in np.ndindex(*sizes):
        here = tuple(configuration[place[p]] for p in parents)
        there = tuple(
            set_to[p] if p in set_to else configuration[place[names.get(p, p)]] for p in parents
        )
        if (here, there) not in kept:
            kept[here, there] = _conditional(table[here], table[there], here == there, coupling)
        result[configuration] = kept[here, there]
    return result, [*axes, name]


def _twin_entries(
    net: Network, name: str, names: Mapping[str, str], set_to: Mapping[str, int]
) -> int:
    """How many entries the table of a twin has whose parents are those in both worlds.

    Raises:
        UserError: For more than are made.
    """
    table, parents = net.tables[name], net.parents[name]
    again = [len(net.states[p]) for p in parents if p not in set_to and p in names]
    entries = math.prod([*table.shape, table.shape[-1], *again])
    if entries > LARGEST_TABLE:
        raise UserError(
            f"the twin of {name} needs a table of {entries:,} entries, its parents in both "
            f"worlds; at most {LARGEST_TABLE:,} are made."
        )
    if len(parents) + len(again) + 2 > TABLE_AXES:
        raise UserError(
            f"the twin of {name} needs a table of more than {TABLE_AXES} axes, its parents in both "
            "worlds; leave out those that have one state."
        )
    return entries


def _conditional(p: np.ndarray, q: np.ndarray, same: bool, coupling: Coupling) -> np.ndarray:
    """P(twin | variable) for one configuration of the parents in both worlds."""
    if same:
        return np.eye(len(p))
    joint = coupling(p, q)
    of_variable = joint.sum(1, keepdims=True)
    # A state that never occurs may have any twin: the network is never asked about it.
    return np.where(of_variable > 0, joint / np.where(of_variable > 0, of_variable, 1), q)


# --- couplings: the joint distribution of a state under p and the state under q -------------------


def independent(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """P(i, j) = p_i q_j.

    >>> independent(np.array([0.5, 0.5]), np.array([0.2, 0.8])).tolist()
    [[0.1, 0.4], [0.1, 0.4]]
    """
    return np.outer(p, q)


def monotone(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """How much the intervals of the states in both cumulative distributions overlap.

    >>> monotone(np.array([0.5, 0.5]), np.array([0.25, 0.75])).tolist()
    [[0.25, 0.25], [0.0, 0.5]]
    """
    tops, other_tops = (np.cumsum(one) / np.sum(one) for one in (p, q))
    bottoms, other_bottoms = (np.concatenate([[0.0], one[:-1]]) for one in (tops, other_tops))
    overlap = np.minimum.outer(tops, other_tops) - np.maximum.outer(bottoms, other_bottoms)
    return np.where(np.outer(p > 0, q > 0), np.maximum(overlap, 0), 0)


def gumbel_max(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The winners of one race E_k / p_k and E_k / q_k with the same exponential E_k, exactly.

    The smallest E_k / p_k is the largest log p_k + Gumbel noise. Given that i wins under p and j
    under q, with r = E_i / E_j, the others leave ∫ dr / (1 + r + Σ_k max(r p_k / p_i, q_k / q_j))²
    over r from q_i / q_j to p_i / p_j, which is piecewise rational.

    >>> gumbel_max(np.array([0.5, 0.5]), np.array([0.25, 0.75])).round(6).tolist()
    [[0.25, 0.25], [0.0, 0.5]]
    """
    joint = np.zeros((len(p), len(q)))
    for i in np.flatnonzero(p > 0).tolist():
        ratio = p / p[i]
        for j in np.flatnonzero(q > 0).tolist():
            other = q / q[j]
            if i == j:
                joint[i, j] = 1 / np.maximum(ratio, other).sum()
            else:
                joint[i, j] = _race(ratio, other, i, j)
    return joint


def _race(ratio: np.ndarray, other: np.ndarray, i: int, j: int) -> float:
    """The integral of `gumbel_max` for i ≠ j: ratio = p / p_i, other = q / q_j."""
    low, high = other[i], np.inf if ratio[j] == 0 else 1 / ratio[j]
    if low >= high:
        return 0.0
    rest = [k for k in range(len(ratio)) if k not in (i, j)]
    turns = [other[k] / ratio[k] for k in rest if ratio[k] > 0]
    edges = [low, *sorted(turn for turn in turns if low < turn < high), high]
    total = 0.0
    for start, end in pairwise(edges):
        middle = start + 1 if end == np.inf else (start + end) / 2
        slopes = [k for k in rest if middle * ratio[k] > other[k]]
        slope = 1 + ratio[slopes].sum()
        level = 1 + sum(other[k] for k in rest if k not in slopes)
        if end == np.inf:
            total += 1 / (slope * (level + slope * start))
        else:
            total += (end - start) / ((level + slope * start) * (level + slope * end))
    return float(total)


COUPLINGS: dict[str, Coupling] = {
    "monotone": monotone,
    "gumbel-max": gumbel_max,
    "independent": independent,
}


# --- the answer -----------------------------------------------------------------------------------


def _with_certain(
    values: np.ndarray, names: Sequence[str], certain: Mapping[str, int], net: Network
) -> np.ndarray:
    """The values with an axis for each name; an axis of a certain one is 1 at its state."""
    for axis, name in enumerate(names):
        if name in certain:
            fixed = np.zeros(len(net.states[name]))
            fixed[certain[name]] = 1
            values = np.expand_dims(values, axis) * fixed.reshape(
                (-1,) + (1,) * (values.ndim - axis)
            )
    return values


def _title(
    net: Network, wanted: Sequence[str], given: Mapping[str, Any], do: Mapping[str, Any]
) -> str:
    """P(G, with S=1 | R=0): the other world before the bar."""
    seen = f" | {net.written(given)}" if given else ""
    return f"P({', '.join(wanted)} if do({net.written(do)}){seen})"
