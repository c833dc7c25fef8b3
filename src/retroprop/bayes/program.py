"""A circuit made runnable: for one row of evidence, or for many rows side by side.

A `Program` holds closures in order. In a run for many rows every value has the axis of its distinct
configurations of evidence last, so that products of a table with a value are one matrix product.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.contraction import BATCH, Axes, Product, contract, reduce_to
from retroprop.bayes.rows import Rows

TINY = 2.0**-900  # a largest entry below this may have lost its neighbours to underflow
KEEP_ALL = 1 << 20  # entries of all values together up to which none is released early

Value = Any  # np.ndarray; a constant, a value of one row, or of distinct configurations


class Program:
    """What a run does, in order: look tables up, multiply, keep what is wanted.

    Attributes:
        axes: Labels of the axes of every needed node.
    """

    def __init__(self, circuit: Circuit, wanted: Iterable[int], batched: bool):
        """Prepare the closures.

        Args:
            circuit: The circuit; its tables must not have been released.
            wanted: The nodes whose values are asked.
            batched: Whether runs are for many rows.
        """
        self.circuit = circuit
        self.batched = batched
        self.wanted = list(wanted)
        nodes = circuit.nodes
        signature = circuit.signature
        column = {v: i for i, v in enumerate((*signature.given, *signature.do))}
        self.template: list[Value] = [None] * len(nodes)
        self.axes: dict[int, Axes] = {}
        self.lookups: list[tuple[int, np.ndarray, Callable[[Any], Any]]] = []
        self.likelihoods: list[tuple[int, int]] = []
        self.steps: list[tuple[int, int, int, Callable[[Value, Value], Value]]] = []
        needed = circuit.needed(self.wanted)
        for k in needed:
            node = nodes[k]
            self.axes[k] = (*node.axes, BATCH) if batched and node.evidence else node.axes
            if node.table is not None and not node.evidence:
                self.template[k] = self._load(node.table)
            elif node.table is not None:
                self.lookups.append(self._lookup(k, node.table, node.evidence, column))
            elif not node.children:
                self.likelihoods.append((k, ~node.evidence[0]))
            else:
                self._add_step(k)
        self.rescaled = any(nodes[k].rescale for k, *_ in self.steps)
        self.releases = self._releases(needed)

    def _lookup(
        self, k: int, table: np.ndarray, evidence: Axes, column: dict[int, int]
    ) -> tuple[int, np.ndarray, Any]:
        if not self.batched:
            return k, table, itemgetter(*(column[v] for v in evidence))
        free = table.shape[len(evidence) :]
        last = np.ascontiguousarray(table.reshape(-1, int(np.prod(free, dtype=int))).T)
        return k, self._load(last.reshape(*free, -1)), None

    def _add_step(self, k: int) -> None:
        node = self.circuit.nodes[k]
        first = node.children[0]
        if len(node.children) == 2:
            second = node.children[1]
            keep = node.scope | {BATCH} if self.batched else node.scope
            axes, product = self._contract(self.axes[first], self.axes[second], keep)
        else:
            second = first
            kept = tuple(v for v in self.axes[first] if v in node.scope or v == BATCH)
            axes, product = kept, self._reduce(self.axes[first], kept)

        self.axes[k] = axes
        self.steps.append((k, first, second, product))

    def _releases(self, needed: Sequence[int]) -> dict[int, list[int]]:
        """After which step a value is not needed any more, for circuits with large values."""
        sizes = {k: self.circuit.size(self.circuit.nodes[k].scope) for k in needed}
        if sum(sizes[k] for k, *_ in self.steps) <= KEEP_ALL and not self.batched:
            return {}
        last: dict[int, int] = {}
        for k, first, second, _ in self.steps:
            last[first] = last[second] = k
        releases: dict[int, list[int]] = {}
        kept = {*self.wanted}
        for k, step in last.items():
            if k not in kept and self.template[k] is None:
                releases.setdefault(step, []).append(k)
        return releases

    def peak_entries(self) -> int:
        """The most entries that a run for one row holds at one time, constants left out."""
        sizes = {k: self.circuit.size(self.circuit.nodes[k].scope) for k in self.axes}
        live = sum(sizes[k] for k, *_ in self.lookups)
        peak = live
        for k, *_ in self.steps:
            live += sizes[k]
            peak = max(peak, live)
            live -= sum(sizes[released] for released in self.releases.get(k, ()))
        return peak

    # --- one row ----------------------------------------------------------------------------------

    def run_row(
        self, row: Sequence[int], likelihoods: Sequence[np.ndarray] = ()
    ) -> tuple[list[Value], float | None]:
        """Every value for one row of evidence.

        Args:
            row: States of the given variables, then of the fixed ones.
            likelihoods: Of the variables with soft evidence, in their order in the signature.

        Returns:
            The values by node, and the sum of the logs of the scales; None for the latter when an
            underflow may have lost something.
        """
        values = self.template.copy()
        for k, table, place in self.lookups:
            values[k] = table[place(row)]
        if self.likelihoods:
            soft = self.circuit.signature.soft
            for k, v in self.likelihoods:
                values[k] = likelihoods[soft.index(v)]
        if self.rescaled or self.releases:
            return values, self._careful_steps(values)
        for k, first, second, product in self.steps:
            values[k] = product(values[first], values[second])
        return values, 0.0

    def _careful_steps(self, values: list[Value]) -> float | None:
        nodes = self.circuit.nodes
        lost = False
        scales: dict[int, float] = {}
        for k, first, second, product in self.steps:
            value = product(values[first], values[second])
            scale = 0.0
            if scales:
                scale = scales.get(first, 0.0)
                scale += scales.get(second, 0.0) if second != first else 0.0
            if nodes[k].rescale:
                largest = float(value.max())
                lost |= largest < TINY
                if largest > 0:
                    value = value / largest
                    scale += float(np.log(largest))
            values[k] = value
            if scale:
                scales[k] = scale
            for released in self.releases.get(k, ()):
                values[released] = None
        return None if lost else sum(scales.get(k, 0.0) for k in self.wanted)

    # --- many rows --------------------------------------------------------------------------------

    def run_rows(self, rows: Rows) -> tuple[list[Value], dict[int, np.ndarray]]:
        """Every value for all distinct configurations of evidence.

        Returns:
            The values by node, the distinct configurations last, and the logs of the scales of the
            nodes that have any; +inf where an underflow may have lost something.
        """
        nodes = self.circuit.nodes
        values = self.template.copy()
        scales: dict[int, np.ndarray] = {}
        for k, table, _ in self.lookups:
            values[k] = self._take(table, rows.lookup(nodes[k].evidence))
        for k, v in self.likelihoods:
            first = rows.distinct(nodes[k].evidence).first
            values[k] = self._load(np.ascontiguousarray(rows.likelihoods[v][first].T))
        for k, first, second, product in self.steps:
            target = nodes[k].evidence
            a = spread_over(values[first], nodes[first].evidence, target, rows, self._take)
            b = a if first == second else None
            if b is None:
                b = spread_over(values[second], nodes[second].evidence, target, rows, self._take)
            value = product(a, b)
            if self.rescaled:
                value = self._rescale_rows(k, value, rows, scales)
            values[k] = value
            for released in self.releases.get(k, ()):
                values[released] = None
        for k in self.wanted:
            values[k] = self._unload(values[k])
        return values, scales

    def _rescale_rows(
        self, k: int, value: Value, rows: Rows, scales: dict[int, np.ndarray]
    ) -> Value:
        node = self.circuit.nodes[k]
        for child in node.children:
            if child in scales:
                below = self.circuit.nodes[child].evidence
                spread = spread_over(scales[child], below, node.evidence, rows, np.take)
                scales[k] = scales[k] + spread if k in scales else spread
        if not node.rescale:
            return value
        largest = self._largest(value)
        positive = np.where(largest > 0, largest, 1.0)
        scale = np.where(largest < TINY, np.inf, np.log(positive))
        scales[k] = scales[k] + scale if k in scales else scale
        return value / self._load(positive)

    # --- what another array library does otherwise: see torch_program.py --------------------------

    def _contract(self, left: Axes, right: Axes, keep: frozenset[int]) -> tuple[Axes, Product]:
        return contract(left, right, keep, self.circuit.net.cards)

    def _reduce(self, axes: Axes, kept: Axes) -> Product:
        reduced = reduce_to(axes, kept)
        return lambda a, _: reduced(a)

    def _load(self, array: np.ndarray) -> Value:
        return array

    def _unload(self, value: Value) -> np.ndarray:
        return value

    def _take(self, value: Value, places: np.ndarray) -> Value:
        """Some entries of the last axis."""
        return value.take(places, axis=-1)

    def _largest(self, value: Value) -> np.ndarray:
        """The largest entry of every row, (rows,)."""
        return value.max(tuple(range(value.ndim - 1))) if value.ndim > 1 else value


def spread_over(
    value: Value,
    evidence: Axes,
    target: Axes,
    rows: Rows,
    take: Callable[[Value, np.ndarray], Value],
) -> Value:
    """A value by configuration of some evidence as one by configuration of more evidence."""
    if not evidence or evidence == target:
        return value
    own, wanted = rows.distinct(evidence), rows.distinct(target)
    if own.count == wanted.count == rows.count:
        return value
    return take(value, own.code[wanted.first])
