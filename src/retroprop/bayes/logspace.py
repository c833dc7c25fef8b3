"""A circuit in logarithms: slow, and safe from underflow whatever the evidence.

Rescaled values keep about 270 orders of magnitude below their largest entry. Where a run finds that
this may not have been enough, its row is worked out again here: products become sums, and sums
become log-sum-exp. The same code with max for the sum finds the most probable explanation.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.contraction import Axes
from retroprop.bayes.memory import ENTRY, check_bytes

Labelled = tuple[Axes, np.ndarray]  # the variables of the axes, and the entries


def log(array: np.ndarray) -> np.ndarray:
    """The logarithm, −inf at 0 without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(array)


def log_sum_exp(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """log Σ exp over some axes; −inf where every entry is."""
    if not axes:
        return array
    largest = array.max(axes, keepdims=True)
    safe = np.where(np.isneginf(largest), 0.0, largest)
    return log(np.exp(array - safe).sum(axes)) + safe.reshape(safe.squeeze(axes).shape)


def aligned(array: np.ndarray, axes: Axes, wanted: Axes) -> np.ndarray:
    """A view with the wanted axes, of length one where the array has none."""
    order = sorted(range(len(axes)), key=lambda i: wanted.index(axes[i]))
    lengths = dict(zip(axes, array.shape, strict=True))
    return array.transpose(order).reshape([lengths.get(v, 1) for v in wanted])


def side_by_side(
    factors: Iterable[Labelled], scope: Collection[int]
) -> tuple[Axes, Axes, list[np.ndarray]]:
    """Factors as views with the same axes: those of the scope, then those to be summed out.

    Returns:
        The axes that stay, the axes that go, and the views.
    """
    factors = list(factors)
    axes = tuple(dict.fromkeys(v for own, _ in factors for v in own))
    kept = tuple(v for v in axes if v in scope)
    gone = tuple(v for v in axes if v not in scope)
    return kept, gone, [aligned(array, own, (*kept, *gone)) for own, array in factors]


def log_values(
    circuit: Circuit,
    wanted: Sequence[int],
    row: Sequence[int],
    likelihoods: Sequence[np.ndarray],
    memory: int,
) -> dict[int, tuple[Axes, np.ndarray]]:
    """Axes and logarithm of the wanted nodes, for one row of evidence.

    Raises:
        UserError: If it needs more bytes than `memory`; nothing is allocated then.
    """
    check_bytes(_log_bytes(circuit, wanted), memory)
    signature = circuit.signature
    state = dict(zip((*signature.given, *signature.do), row, strict=True))
    values: dict[int, tuple[Axes, np.ndarray]] = {}
    for k in circuit.needed(wanted):
        node = circuit.nodes[k]
        if node.table is not None:
            values[k] = node.axes, log(node.table[tuple(state[v] for v in node.evidence)])
        elif not node.children:
            values[k] = node.axes, log(likelihoods[signature.soft.index(~node.evidence[0])])
        else:
            below = (values[child] for child in node.children)
            kept, gone, parts = side_by_side(below, node.scope)
            total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
            values[k] = kept, log_sum_exp(total, tuple(range(len(kept), len(kept) + len(gone))))
    return {k: values[k] for k in wanted}


def _log_bytes(circuit: Circuit, wanted: Sequence[int]) -> int:
    """Every value, and of the largest product the sum, its difference from the largest, and exp."""
    nodes = circuit.nodes
    needed = circuit.needed(wanted)
    products = [
        circuit.size(frozenset().union(*(nodes[child].scope for child in nodes[k].children)))
        for k in needed
        if nodes[k].table is None
    ]
    return ENTRY * (
        sum(circuit.size(nodes[k].scope) for k in needed) + 3 * max(products, default=0)
    )
