"""A circuit in logarithms: slow, and safe from underflow whatever the evidence.

Rescaled values keep about 270 orders of magnitude below their largest entry. Where a run finds that
this may not have been enough, its row is worked out again here: products become sums, and sums
become log-sum-exp. The same code with max for the sum finds the most probable explanation.
"""

from collections.abc import Callable, Sequence

import numpy as np

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.contraction import Axes

Reduction = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]


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


def log_values(
    circuit: Circuit, wanted: Sequence[int], row: Sequence[int], likelihoods: Sequence[np.ndarray]
) -> dict[int, tuple[Axes, np.ndarray]]:
    """Axes and logarithm of the wanted nodes, for one row of evidence."""
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
            axes = tuple(dict.fromkeys(v for child in node.children for v in values[child][0]))
            parts = [aligned(values[child][1], values[child][0], axes) for child in node.children]
            total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
            summed = tuple(i for i, v in enumerate(axes) if v not in node.scope)
            kept = tuple(v for v in axes if v in node.scope)
            values[k] = kept, log_sum_exp(total, summed)
    return {k: values[k] for k in wanted}
