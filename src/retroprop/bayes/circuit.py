"""A query as a circuit: tables at the leaves, a tree of products above, outputs that answer.

The circuit depends on what is observed, not on the observed states. Every node knows the evidence
below it. A node whose value is small for all configurations of that evidence together is
*tabulated* when the circuit is built: it becomes a table with evidence axes first, and running the
circuit only looks it up. Nodes without evidence are the special case of a table without such axes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.contraction import Axes, contract, reduce_to
from retroprop.bayes.memory import MOST_AXES
from retroprop.bayes.ordering import Tree
from retroprop.bayes.pruning import Leaf, Signature

TABULATED = 1 << 12  # entries up to which a node is tabulated over its evidence
NARROW = -450.0  # log2 of the smallest entry that a value may have without being rescaled


@dataclass(slots=True)
class Node:
    """One value of a circuit.

    Attributes:
        scope: Its free variables.
        children: None for a leaf, otherwise one or two nodes.
        evidence: Observed variables below it, in increasing order; soft evidence on v is ~v.
        table: Axes [*evidence, *axes], where it is tabulated.
        axes: Order of the free variables in the table.
        rescale: Whether a value of this node must be rescaled, row by row, against underflow.
        floor: Bound below log2 of its smallest entry above 0.
    """

    scope: frozenset[int]
    children: tuple[int, ...] = ()
    evidence: Axes = ()
    table: np.ndarray | None = None
    axes: Axes = ()
    rescale: bool = False
    floor: float = 0.0


@dataclass(slots=True)
class Circuit:
    """The nodes of a query, children before parents.

    Attributes:
        net: The coded network.
        signature: The query.
        leaves: The factors, in the order of the first nodes.
        limit: Entries up to which a node is tabulated over its evidence.
        nodes: All nodes; the leaves and the tree come first.
        roots: The roots of the tree.
        outputs: Variables (or the targets together) to the node with their probabilities, up to a
            factor.
        products: How many products of entries one run forms, tabulated nodes left out.
    """

    net: CodedNetwork
    signature: Signature
    leaves: list[Leaf]
    limit: int = TABULATED
    nodes: list[Node] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    outputs: dict[tuple[int, ...], int] = field(default_factory=dict)
    products: int = 0

    def size(self, scope: Iterable[int]) -> int:
        """The entries of an array over some variables."""
        return math.prod(self.net.cards[v] for v in scope)

    def add_leaves(self) -> None:
        """A node for every factor."""
        for leaf in self.leaves:
            scope = frozenset(leaf.scope)
            if leaf.is_likelihood:
                node = Node(scope, (), (~leaf.variable,), None, leaf.scope, floor=NARROW / 2)
            else:
                family = (*self.net.parents[leaf.variable], leaf.variable)
                observed = tuple(sorted(leaf.observed))
                order = tuple(family.index(v) for v in (*observed, *leaf.scope))
                table = np.ascontiguousarray(self.net.tables[leaf.variable].transpose(order))
                floor = self.net.smallest[leaf.variable]
                node = Node(scope, (), observed, table, leaf.scope, floor=floor)
            self.nodes.append(node)

    def add(self, children: tuple[int, ...], scope: Iterable[int]) -> int:
        """A node that multiplies its children and sums out what is not in the scope."""
        below = [self.nodes[child] for child in children]
        node = Node(frozenset(scope), children)
        node.evidence = tuple(sorted({v for child in below for v in child.evidence}))
        node.floor = sum(child.floor for child in below)
        if self._is_tabulated(node, below):
            self._tabulate(node, below)
        else:
            if node.floor < NARROW:
                node.floor, node.rescale = NARROW / 2, True
            self.products += self.size(frozenset().union(*(child.scope for child in below)))
        self.nodes.append(node)
        return len(self.nodes) - 1

    def add_tree(self, tree: Tree, release: bool) -> None:
        """The steps of a contraction tree over the leaves.

        Args:
            tree: The tree.
            release: Whether nothing but the tree reads its nodes: a table that is inside another
                one is dropped at once.
        """
        for step in tree.steps:
            node = self.add(step.children, step.scope)
            if release and self.nodes[node].table is not None:
                for child in step.children:
                    self.nodes[child].table = None
        self.roots = tree.roots

    def _is_tabulated(self, node: Node, below: list[Node]) -> bool:
        if any(child.table is None for child in below):
            return False
        if not node.evidence:
            return True
        if node.floor < NARROW:
            return False
        axes = (*node.evidence, *node.scope)
        return len(axes) <= MOST_AXES and self.size(axes) <= self.limit

    def _tabulate(self, node: Node, below: list[Node]) -> None:
        """Work the node out for every configuration of its evidence."""
        tables = [child.table for child in below if child.table is not None]
        axes = [(*child.evidence, *child.axes) for child in below]
        out, table = axes[0], tables[0]
        if len(below) == 2:
            keep = node.scope.union(node.evidence)
            out, product = contract(axes[0], axes[1], keep, self.net.cards)
            table = product(tables[0], tables[1])
        node.axes = tuple(v for v in out if v in node.scope)
        table = reduce_to(out, (*node.evidence, *node.axes))(table)
        node.table = np.ascontiguousarray(table)
        if node.floor < NARROW / 2:  # the bound grows with the tables below, not with what is there
            node.floor = float(np.log2(np.min(table, where=table > 0, initial=1.0)))

    def needed(self, wanted: Iterable[int]) -> list[int]:
        """The wanted nodes and what a run must have before them, children first.

        What lies below a tabulated node is not needed.
        """
        found = set(wanted)
        for k in range(len(self.nodes) - 1, -1, -1):
            if k in found and self.nodes[k].table is None:
                found.update(self.nodes[k].children)
        return sorted(found)

    def forget(self, wanted: Iterable[int]) -> None:
        """Release the tables that no run will read."""
        needed = set(self.needed(wanted))
        for k, node in enumerate(self.nodes):
            if k not in needed:
                node.table = None

    def checks(self) -> list[int]:
        """Roots without a target that can be zero: probabilities of evidence apart from it."""
        answered = set(self.outputs.values())
        return [k for k in self.roots if k not in answered and self._can_be_zero(k)]

    def _can_be_zero(self, root: int) -> bool:
        table = self.nodes[root].table
        if table is not None:
            return bool((table == 0).any())
        return any(
            self.leaves[k].is_likelihood or self.net.has_zero[self.leaves[k].variable]
            for k in self._under(root)
            if k < len(self.leaves)
        )

    def _under(self, root: int) -> list[int]:
        found = {root}
        for k in range(root, -1, -1):
            if k in found:
                found.update(self.nodes[k].children)
        return sorted(found)
