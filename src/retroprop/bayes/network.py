"""A discrete network as data: variables with states, a graph, and one table per variable.

    P(x₁, …, xₙ) = ∏ᵢ P(xᵢ | parents of xᵢ)

A network never changes: its arrays are read-only, and surgery returns a new network. So whatever is
worked out about it once (orders of elimination, compiled plans) stays true and is kept. `BayesNet`
is a network that answers questions.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), chapters 3 and 21.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from retroprop.bayes.graph import children_of, reachable, topological_order
from retroprop.bayes.table import position_of
from retroprop.bayes.validation import (
    checked_parents,
    checked_states,
    checked_table,
    repeated,
)
from retroprop.errors import UserError, did_you_mean

AnyNetwork = TypeVar("AnyNetwork", bound="Network")
"""A function of a network that returns one returns one of the same class."""


class Network:
    """An immutable discrete network: its variables, their states, the graph and the tables.

    Attributes:
        variables: Names, in the order of the specification.
        states: Variable to the names of its states.
        parents: Variable to its parents.
        tables: Variable to P(variable | parents): read-only float64 array [parents…, variable].
        worked_out: What an engine has worked out about it and keeps, by the engine's class.
    """

    variables: tuple[str, ...]
    states: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, np.ndarray]
    worked_out: dict[type, Any]

    def __init__(
        self,
        spec: Mapping[str, tuple[Any, Sequence[str]]],
        states: Mapping[str, Sequence[str]] | None = None,
    ):
        """Check and keep a network.

        Args:
            spec: Variable to (table, parents); the axes of a table are [parents…, variable].
            states: Variable to the names of its states; "0", "1", … where left out.

        Raises:
            UserError: For anything that is no Bayesian network, naming the variable, the
                configuration of its parents and the fix. Sums within 1e-3 of one are normalised.
        """
        parents = checked_parents(spec)
        names = checked_states(spec, states)
        tables = {
            name: checked_table(name, spec[name][0], parents[name], names) for name in parents
        }
        self.variables = tuple(parents)
        self.parents = MappingProxyType(parents)
        self.states = MappingProxyType(names)
        self.tables = MappingProxyType(tables)
        self.worked_out = {}

    # --- structure --------------------------------------------------------------------------------

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Variable to its children."""
        return MappingProxyType(children_of(self.parents))

    @cached_property
    def topological_order(self) -> tuple[str, ...]:
        """The variables, every parent before its children."""
        order = topological_order(self.parents)
        assert order is not None
        return order

    def ancestors(self, variables: str | Sequence[str]) -> frozenset[str]:
        """Everything from which a directed path leads to one of the variables (themselves not)."""
        start = self.names_of(variables)
        return frozenset(reachable(start, self.parents) - set(start))

    def descendants(self, variables: str | Sequence[str]) -> frozenset[str]:
        """Everything to which a directed path leads from one of the variables (themselves not)."""
        start = self.names_of(variables)
        return frozenset(reachable(start, self.children) - set(start))

    def names_of(self, variables: str | Sequence[str]) -> tuple[str, ...]:
        """One name or several as a tuple of known, different variables.

        Raises:
            UserError: For an unknown or a repeated variable.
        """
        names = (variables,) if isinstance(variables, str) else tuple(variables)
        for name in names:
            if name not in self.tables:
                hint = did_you_mean(str(name), self.variables)
                raise UserError(f"There is no variable {name!r}. {hint}")
        if twice := repeated(names):
            raise UserError(f"The variable {twice} is named twice.")
        return names

    def state_index(self, variable: str, state: Any) -> int:
        """The position of a state given by its name or its position.

        Raises:
            UserError: For a variable or state that the network does not have.
        """
        (name,) = self.names_of(variable)
        return position_of(name, self.states[name], state)

    def state_indices(self, states: Mapping[str, Any]) -> dict[str, int]:
        """The positions of some variables' states; see `state_index`."""
        return {name: self.state_index(name, state) for name, state in states.items()}

    def written(self, states: Mapping[str, Any]) -> str:
        """States as people write them, by name: "R=r1, S=s0"."""
        indices = self.state_indices(states)
        return ", ".join(f"{name}={self.states[name][i]}" for name, i in indices.items())

    def factor(self, variable: str) -> str:
        """What a variable's table holds, as it is written: "P(G | S, D)"."""
        parents = self.parents[variable]
        return f"P({variable}{' | ' * bool(parents)}{', '.join(parents)})"

    def intervene(self: AnyNetwork, do: Mapping[str, Any]) -> AnyNetwork:
        """The network after do(…): each variable loses its parents and is fixed to its state.

        Source: Pearl, Causality (2009), 3.2.3 (the truncated factorisation).
        """
        spec = self.specification()
        for name, state in do.items():
            fixed = np.zeros(len(self.states[self.names_of(name)[0]]))
            fixed[self.state_index(name, state)] = 1
            spec[name] = (fixed, ())
        return type(self)(spec, self.states)

    def specification(self) -> dict[str, tuple[Any, Sequence[str]]]:
        """Variable to (table, parents), of which the same network can be made, or a changed one."""
        return {name: (self.tables[name], self.parents[name]) for name in self.variables}

    # --- as an object -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        """The size of the network, and its variables when they are few."""
        arcs = sum(map(len, self.parents.values()))
        head = f"{type(self).__name__}: {len(self.variables)} variables, {arcs} arcs"
        if len(self.variables) > 12:
            return head
        lines = [
            f"  {self.factor(name)}  {', '.join(self.states[name])}" for name in self.variables
        ]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        """The variables, their parents and states, for a notebook."""
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{html.escape(', '.join(cells))}</td>"
                for cells in ([name], self.parents[name], self.states[name])
            )
            + "</tr>"
            for name in self.variables
        )
        head = "<tr><th>variable</th><th>parents</th><th>states</th></tr>"
        return f"<table>{head}{rows}</table>"

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        return tuple(
            (name, self.states[name], self.parents[name], self.tables[name].tobytes())
            for name in self.variables
        )

    def __eq__(self, other: object) -> bool:
        """Whether both have the same variables, states, parents and tables, in the same order."""
        return isinstance(other, Network) and self._key == other._key

    def __hash__(self) -> int:
        """Equal networks have equal hashes."""
        return hash(self._key)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickle the network without what was worked out about it."""
        return type(self), (self.specification(), dict(self.states))
