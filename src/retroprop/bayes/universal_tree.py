"""One tree for every question: what a network answers from when it is asked something once.

The circuit of all posteriors without evidence is worked out once, every value n and every adjoint
Z̄(n) kept. Evidence then changes a few leaves. To read a target at a node k, only this is new:

* the values between the changed leaves and the path from k to the root,
* the adjoints on that path, below the first place where such a value enters.

Everything else is as it was. No search and no compilation is needed, so a question with evidence
never seen before costs little, as long as the tree is narrow. It is not pruned, so for wide
networks eliminating directly (`direct.py`) is cheaper; the predicted costs decide.

An intervention on v replaces the table of v by the indicator of its state, which cuts the arcs into
v: that is the same surgery.
"""

from collections.abc import Sequence

import numpy as np

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.contraction import SMALLEST_TOTAL, Product, contract, reduce_to
from retroprop.bayes.memory import MOST_AXES, axes_of
from retroprop.bayes.ordering import (
    SECONDS_PER_PRODUCT,
    SECONDS_PER_STEP,
    contraction_tree,
    find_order,
)
from retroprop.bayes.pruning import Signature, relevant_leaves

MOST_VARIABLES = 256  # of a network that gets a tree: its paths grow, what pruning leaves does not
LARGEST_TREE = 1 << 20  # products of all its steps
NARROW_READING = 16  # times the size of its own table: where a variable may be read
SEARCH_USES = 20  # questions for which the order is searched


class UniversalTree:
    """Values and adjoints of a network without evidence, and how to change them.

    Attributes:
        circuit: The leaves and the tree; every node has its table.
        adjoints: Node to the table of its adjoint and its axes.
    """

    def __init__(self, circuit: Circuit):
        """Work out every value and every adjoint."""
        self.circuit = circuit
        nodes = circuit.nodes
        self.values = [np.asarray(node.table) for node in nodes]
        self.axes = [node.axes for node in nodes]
        self.sizes = [circuit.size(node.scope) for node in nodes]
        self.parent = {child: k for k, node in enumerate(nodes) for child in node.children}
        self.leaf_of = {leaf.variable: k for k, leaf in enumerate(circuit.leaves)}
        self.reading: dict[int, int] = {}
        for k, node in enumerate(nodes):
            for v in node.scope:
                best = self.reading.get(v)
                # of the narrow nodes the one nearest to the root: its path is shortest
                if best is None or self.sizes[k] <= NARROW_READING * self.sizes[self.leaf_of[v]]:
                    self.reading[v] = k
        self.adjoints: dict[int, np.ndarray] = {}
        self.adjoint_axes: dict[int, tuple[int, ...]] = {}
        self._products: dict[int, Product] = {}
        self._adjoint_products: dict[int, Product] = {}
        self._readings: dict[tuple[int, int], Product] = {}
        one = np.ones(())
        for root in circuit.roots:
            self.adjoints[root], self.adjoint_axes[root] = one, ()
        for k in range(len(nodes) - 1, -1, -1):
            for child in nodes[k].children:
                self.adjoint_axes[child] = self._prepare_adjoint(child, k)
                self.adjoints[child] = self._adjoint(child, k, self.adjoints[k], self.values)

    def _sibling(self, child: int, k: int) -> int | None:
        others = [other for other in self.circuit.nodes[k].children if other != child]
        return others[0] if others else None

    def _prepare_adjoint(self, child: int, k: int) -> tuple[int, ...]:
        """Compile the product that gives a child's adjoint; return its axes."""
        scope = self.circuit.nodes[child].scope
        sibling = self._sibling(child, k)
        above = self.adjoint_axes[k]
        if sibling is None:
            kept = tuple(v for v in above if v in scope)
            return above if kept == above else kept
        cards = self.circuit.net.cards
        out, self._adjoint_products[child] = contract(above, self.axes[sibling], scope, cards)
        return out

    def _adjoint(
        self, child: int, k: int, above: np.ndarray, values: Sequence[np.ndarray]
    ) -> np.ndarray:
        sibling = self._sibling(child, k)
        if sibling is not None:
            return self._adjoint_products[child](above, values[sibling])
        axes, kept = self.adjoint_axes[k], self.adjoint_axes[child]
        return above if axes == kept else reduce_to(axes, kept)(above)

    # --- one question -----------------------------------------------------------------------------

    def _plan(self, target: int, observed: Sequence[int]) -> tuple[list[int], list[int], set[int]]:
        """The path from the target's node up, the changed nodes in order, and their set."""
        parent = self.parent
        k = self.reading[target]
        path = [k]
        while path[-1] in parent:
            path.append(parent[path[-1]])
        above = set(path[1:])
        changed: set[int] = set()
        for v in observed:
            node: int | None = self.leaf_of[v]
            while node is not None and node not in changed and node not in above:
                changed.add(node)
                node = parent.get(node)
        return path, sorted(changed), changed

    def seconds(self, target: int, observed: Sequence[int]) -> float:
        """What a question should take."""
        path, steps, changed = self._plan(target, observed)
        products = sum(self.sizes[self.parent.get(k, k)] for k in (*steps, *path))
        return (len(changed) + len(path)) * SECONDS_PER_STEP + products * SECONDS_PER_PRODUCT

    def answer(
        self,
        target: int,
        given: dict[int, int],
        do: dict[int, int],
        soft: dict[int, np.ndarray],
    ) -> np.ndarray | None:
        """P(target | evidence), (states,).

        None if the evidence is impossible, or so unlikely that this is not certain.
        """
        path, steps, changed = self._plan(target, (*given, *do, *soft))
        values = self.values.copy()
        for v, state in given.items():
            values[self.leaf_of[v]] = _observed(values[self.leaf_of[v]], state)
        for v, state in do.items():
            values[self.leaf_of[v]] = _fixed(values[self.leaf_of[v]], state)
        for v, weights in soft.items():
            values[self.leaf_of[v]] = values[self.leaf_of[v]] * weights
        nodes = self.circuit.nodes
        for k in steps:
            if nodes[k].children:
                values[k] = self._value(k, values)
            if k not in self.parent and k not in path and not values[k] > SMALLEST_TOTAL:
                return None
        adjoint = self._adjoint_on(path, changed, values)
        k = path[0]
        reading = self._readings.get((k, target))
        if reading is None:
            cards = self.circuit.net.cards
            _, reading = contract(self.axes[k], self.adjoint_axes[k], {target}, cards)
            self._readings[(k, target)] = reading
        answer = reading(values[k], adjoint)
        total = answer.sum()
        return answer / total if total > SMALLEST_TOTAL else None

    def _value(self, k: int, values: list[np.ndarray]) -> np.ndarray:
        node = self.circuit.nodes[k]
        product = self._products.get(k)
        if product is None:
            first = self.axes[node.children[0]]
            if len(node.children) == 1:
                reduced = reduce_to(first, self.axes[k])
                product = self._products[k] = lambda a, _: reduced(a)
            else:
                second = self.axes[node.children[1]]
                _, product = contract(first, second, node.scope, self.circuit.net.cards)
                self._products[k] = product
        return product(values[node.children[0]], values[node.children[-1]])

    def _adjoint_on(
        self, path: list[int], changed: set[int], values: list[np.ndarray]
    ) -> np.ndarray:
        """The adjoint of the first node of a path, new from where changed values enter."""
        adjoint = None
        for child, k in zip(path[-2::-1], path[:0:-1], strict=True):
            if adjoint is None:
                if self._sibling(child, k) not in changed:
                    continue
                adjoint = self.adjoints[k]
            adjoint = self._adjoint(child, k, adjoint, values)
        return self.adjoints[path[0]] if adjoint is None else adjoint


def build_universal_tree(net: CodedNetwork) -> UniversalTree | None:
    """The tree of a network, or None where the network is too wide for one."""
    if len(net.cards) > MOST_VARIABLES:
        return None
    signature = Signature(None)
    leaves = relevant_leaves(net, signature)
    scopes = [frozenset(leaf.scope) for leaf in leaves]
    order = find_order(scopes, net.cards, frozenset(), SEARCH_USES)
    tree = contraction_tree(scopes, order, net.cards, frozenset())
    if tree.products > LARGEST_TREE or axes_of(tree) > MOST_AXES:
        return None
    circuit = Circuit(net, signature, leaves)
    circuit.add_leaves()
    circuit.add_tree(tree, release=False)
    return UniversalTree(circuit)


def _observed(table: np.ndarray, state: int) -> np.ndarray:
    """A table [parents…, v] where v has a state: zero for all others."""
    masked = np.zeros(table.shape)
    masked[..., state] = table[..., state]
    return masked


def _fixed(table: np.ndarray, state: int) -> np.ndarray:
    """The indicator of a state of v, whatever the parents: the arcs into v are cut."""
    masked = np.zeros(table.shape)
    masked[..., state] = 1.0
    return masked
