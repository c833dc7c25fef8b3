"""A discrete Bayesian network: variables with states, a graph, and one table per variable.

    P(x₁, …, xₙ) = ∏ᵢ P(xᵢ | parents of xᵢ)

A `BayesNet` never changes: its arrays are read-only, and surgery returns a new network. So whatever
is worked out about it once (orders of elimination, compiled plans) stays true and is kept.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), chapters 3, 9 and 21.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from retroprop.bayes import queries
from retroprop.bayes.checks import checked_parents, checked_states, checked_table
from retroprop.bayes.compiled import CompiledQuery
from retroprop.bayes.evidence import Given
from retroprop.bayes.explanation import Explanation, most_probable_explanation
from retroprop.bayes.graph import children_of, reachable, topological_order
from retroprop.bayes.queries import Inference, Posteriors
from retroprop.bayes.sampling import sample
from retroprop.bayes.table import NamedTable, position_of
from retroprop.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from retroprop.bayes.draw import Drawing
    from retroprop.bayes.identification import AdjustmentSet


class BayesNet:
    """An immutable discrete Bayesian network.

    Attributes:
        variables: Names, in the order of the specification.
        states: Variable to the names of its states.
        parents: Variable to its parents.
        tables: Variable to P(variable | parents): read-only float64 array [parents…, variable].
    """

    variables: tuple[str, ...]
    states: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, np.ndarray]

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
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"The variable {twice} is named twice.")
        return names

    def state_index(self, variable: str, state: Any) -> int:
        """The position of a state given by its name or its position.

        Raises:
            UserError: For a variable or state that the network does not have.
        """
        (name,) = self.names_of(variable)
        return position_of(name, self.states[name], state)

    def intervene(self, do: Mapping[str, Any]) -> "BayesNet":
        """The network after do(…): each variable loses its parents and is fixed to its state.

        Source: Pearl, Causality (2009), 3.2.3 (the truncated factorisation).
        """
        spec: dict[str, tuple[Any, Sequence[str]]] = {
            name: (self.tables[name], self.parents[name]) for name in self.variables
        }
        for name, state in do.items():
            fixed = np.zeros(len(self.states[self.names_of(name)[0]]))
            fixed[self.state_index(name, state)] = 1
            spec[name] = (fixed, ())
        return BayesNet(spec, self.states)

    # --- questions --------------------------------------------------------------------------------

    @cached_property
    def inference(self) -> Inference:
        """Plans and orders that the network has worked out so far."""
        return Inference(self)

    def query(
        self,
        targets: str | Sequence[str],
        given: Given = None,
        do: Given = None,
        soft: Given = None,
        memory: int | None = None,
    ) -> NamedTable:
        """The joint probability of the targets after observing and intervening.

        Args:
            targets: One variable or several; none of them given or done.
            given: Observed variable to its state (name or position), or to a column of states,
                which makes the query a batch: one answer per row.
            do: Variable to the state at which an intervention fixes it, or a column of states. The
                variable's own table is dropped (graph surgery), so its causes learn nothing.
            soft: Variable to the likelihood of each of its states, up to a factor: (states,), or
                (rows, states). This is virtual evidence: it multiplies the variable's prior.
            memory: Bytes that the values of the query may take; 1 GB by default. A batch is run in
                chunks that fit.

        Returns:
            The answer, with one axis per target in the order asked. Rows of a batch whose evidence
            is impossible are marked in `impossible` and hold zeros, never NaN.

        Raises:
            UserError: For unknown names, variables with two roles, impossible evidence in a single
                query, or a query that needs more memory than it may take.
        """
        return queries.query(self, targets, given, do, soft, memory)

    def posteriors(
        self,
        given: Given = None,
        do: Given = None,
        soft: Given = None,
        memory: int | None = None,
    ) -> Posteriors:
        """The probability of every variable, in one sweep; what is given or done is certain.

        Args and errors as for `query`.
        """
        return queries.posteriors(self, given, do, soft, memory)

    def compile(
        self,
        targets: str | Sequence[str] | None,
        given: Sequence[str] = (),
        do: Sequence[str] = (),
        soft: Sequence[str] = (),
        memory: int | None = None,
        device: str | None = None,
    ) -> CompiledQuery:
        """A query prepared for many calls: `plan = net.compile("G", given=["R"]); plan(R=1)`.

        A thorough search for the best order is made once, and what depends on little evidence is
        tabulated. The call takes states, or columns of them, by keyword.

        Args:
            targets: One variable or several; None asks every one, as `posteriors` does.
            given: Names of the variables that will be observed.
            do: Names of the variables that interventions will fix.
            soft: Names of the variables that will have soft evidence.
            memory: As for `query`.
            device: A torch device on which batches run ("cpu", "cuda"); NumPy where it is None.

        Raises:
            UserError: For unknown names, a name with two roles, or more memory than allowed.
        """
        return CompiledQuery(self, targets, given, do, soft, memory, device)

    def log_evidence(
        self,
        given: Given = None,
        do: Given = None,
        soft: Given = None,
        memory: int | None = None,
    ) -> float | np.ndarray:
        """log P(given | do), one number, or one per row of a batch; −inf where it is impossible.

        Args and errors as for `query`, but impossible evidence is no error here.
        """
        return queries.log_evidence(self, given, do, soft, memory)

    def mpe(self, given: Given = None, do: Given = None, memory: int | None = None) -> Explanation:
        """The most probable joint state of all variables, given the evidence.

        Args and errors as for `query`, with single states only.
        """
        return most_probable_explanation(self, given, do, memory)

    def sample(
        self,
        n: int,
        given: Given = None,
        do: Given = None,
        soft: Given = None,
        generator: np.random.Generator | int = 0,
        memory: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Independent draws of all variables from their joint posterior, exactly.

        Args:
            n: How many.
            given: As for `query`, with single states.
            do: As for `query`, with single states.
            soft: As for `query`, one likelihood per variable.
            generator: A NumPy generator, or a seed.
            memory: As for `query`.

        Returns:
            Variable to the positions of its states, (n,): columns that `query` and `fit` take.

        Raises:
            UserError: As for `query`, or for a number of samples that is none.
        """
        return sample(self, n, given, do, soft, generator, memory)

    # --- words, causes, data, files, pictures: each in a module of its own ------------------------

    def ask(self, text: str) -> NamedTable | float:
        """Answer a question such as "P(G | R=1, do(S=0))"; see `retroprop.bayes.notation`."""
        from retroprop.bayes.notation import ask

        return ask(self, text)

    def d_separated(
        self,
        x: str | Sequence[str],
        y: str | Sequence[str],
        given: str | Sequence[str] = (),
    ) -> bool:
        """Whether the graph alone makes x and y independent; see `retroprop.bayes.separation`."""
        from retroprop.bayes.separation import d_separated

        return d_separated(self, x, y, given)

    def backdoor_sets(
        self, x: str, y: str, *, unobserved: str | Sequence[str] = ()
    ) -> "list[AdjustmentSet]":
        """All minimal back-door sets; see `retroprop.bayes.identification`."""
        from retroprop.bayes.identification import backdoor_sets

        return backdoor_sets(self, x, y, unobserved=unobserved)

    def frontdoor_sets(
        self, x: str, y: str, *, unobserved: str | Sequence[str] = ()
    ) -> "list[AdjustmentSet]":
        """All minimal front-door sets; see `retroprop.bayes.identification`."""
        from retroprop.bayes.identification import frontdoor_sets

        return frontdoor_sets(self, x, y, unobserved=unobserved)

    def average_causal_effect(self, x: str, y: str, **compared: Any) -> float:
        """E[y | do(x = treated)] − E[y | do(x = control)]; see `retroprop.bayes.effects`."""
        from retroprop.bayes.effects import average_causal_effect

        return average_causal_effect(self, x, y, **compared)

    def counterfactual(
        self,
        targets: str | Sequence[str],
        *,
        given: Mapping[str, Any],
        do: Mapping[str, Any],
        mechanism: str | Mapping[str, str] = "structural",
    ) -> NamedTable:
        """What would have been under do where `given` was seen, by the twin network.

        See `retroprop.bayes.counterfactuals` for the mechanisms, each of which is an assumption.
        """
        from retroprop.bayes.counterfactuals import counterfactual

        return counterfactual(self, targets, given=given, do=do, mechanism=mechanism)

    def fit(self, data: Any, *, prior: Any = None, unseen: Any = "refuse") -> "BayesNet":
        """The network with tables estimated from data; see `retroprop.bayes.learning`."""
        from retroprop.bayes.learning import fit

        return fit(self, data, prior=prior, unseen=unseen)

    @staticmethod
    def read(path: str | Path, **options: Any) -> "BayesNet":
        """Read a BIF, XMLBIF, UAI or JSON file; see `retroprop.bayes.files.read_network`."""
        from retroprop.bayes.files import read_network

        return read_network(path, **options)

    def write(self, path: str | Path, **options: Any) -> Path:
        """Write a BIF, XMLBIF, UAI or JSON file; see `retroprop.bayes.files.write_network`."""
        from retroprop.bayes.files import write_network

        return write_network(self, path, **options)

    def draw(self, **options: Any) -> "Drawing":
        """The graph with the posterior of every variable as SVG; see `retroprop.bayes.draw`."""
        from retroprop.bayes.draw import draw

        return draw(self, **options)

    # --- as an object -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        """The size of the network, and its variables when they are few."""
        arcs = sum(map(len, self.parents.values()))
        head = f"BayesNet: {len(self.variables)} variables, {arcs} arcs"
        if len(self.variables) > 12:
            return head
        return "\n".join([head, *("  " + self._line(name) for name in self.variables)])

    def _line(self, name: str) -> str:
        given = f" | {', '.join(self.parents[name])}" if self.parents[name] else ""
        return f"P({name}{given})  {', '.join(self.states[name])}"

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
        return isinstance(other, BayesNet) and self._key == other._key

    def __hash__(self) -> int:
        """Equal networks have equal hashes."""
        return hash(self._key)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickle the network without what was worked out about it."""
        spec = {name: (self.tables[name], self.parents[name]) for name in self.variables}
        return BayesNet, (spec, dict(self.states))
