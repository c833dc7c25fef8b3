"""A network with its variables numbered: what the inference works on.

Sets of variables are integers whose bit v stands for variable v, so that a union of ancestors is
one machine operation and no result depends on the hash seed of strings.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from retroprop.bayes.network import Network

_ALL = slice(None)


class CodedNetwork:
    """Numbers for the variables of a network.

    Attributes:
        names: Variable number to name; `number` is the inverse.
        cards: How many states each variable has.
        parents: The numbers of each variable's parents.
        children: The numbers of each variable's children.
        families: The axes of each table: the parents, then the variable.
        tables: P(variable | parents), axes [parents…, variable].
        closure: Bit set of each variable and its ancestors.
        smallest: log2 of the smallest entry above 0 of each table.
        has_zero: Whether a table has an entry 0.
    """

    def __init__(self, net: Network):
        """Number the variables in the order of the network."""
        self.names = net.variables
        self.number = {name: v for v, name in enumerate(self.names)}
        self.states = [net.states[name] for name in self.names]
        self.cards = [len(states) for states in self.states]
        self.parents = [tuple(self.number[p] for p in net.parents[name]) for name in self.names]
        self.families: list[tuple[int, ...]] = [
            (*parents, v) for v, parents in enumerate(self.parents)
        ]
        self.tables = [net.tables[name] for name in self.names]
        self.children = [tuple(self.number[c] for c in net.children[name]) for name in self.names]
        self.closure = [0] * len(self.names)
        for name in net.topological_order:
            v = self.number[name]
            self.closure[v] = 1 << v
            for parent in self.parents[v]:
                self.closure[v] |= self.closure[parent]
        self._look_at_tables()

    def _look_at_tables(self) -> None:
        self.has_zero = [bool((table == 0).any()) for table in self.tables]
        self.smallest = [
            float(np.log2(np.min(table, where=table > 0, initial=1.0))) for table in self.tables
        ]

    def with_tables(self, tables: Mapping[str, np.ndarray]) -> "CodedNetwork":
        """The same network with other tables of the same shapes."""
        other = copy.copy(self)
        other.tables = [tables[name] for name in self.names]
        other._look_at_tables()
        return other

    def table_at(self, v: int, fixed: Mapping[int, int]) -> np.ndarray:
        """The table of a variable at the states that are fixed, over the other axes."""
        return self.tables[v][tuple([fixed.get(u, _ALL) for u in self.families[v]])]

    def ancestral_set(self, variables: Iterable[int], do: Iterable[int]) -> int:
        """Bit set of the variables and all their ancestors, in the graph without arcs into `do`."""
        cut = 0
        for v in do:
            cut |= 1 << v
        wanted = list(variables)
        found = 0
        for v in wanted:
            found |= self.closure[v]
        if not found & cut:
            return found
        found = 0  # an arc is cut somewhere above: walk
        while wanted:
            v = wanted.pop()
            if not found >> v & 1:
                found |= 1 << v
                if not cut >> v & 1:
                    wanted.extend(self.parents[v])
        return found


def members(bits: int) -> Iterator[int]:
    """The numbers in a bit set, in increasing order.

    >>> list(members(0b1011))
    [0, 1, 3]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
