"""A query compiled for many uses: call it with states, one row or a batch at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from retroprop.bayes.evidence import Given, read_evidence
from retroprop.bayes.memory import check_answer, memory_of
from retroprop.bayes.network import Network
from retroprop.bayes.plan import Plan
from retroprop.bayes.pruning import Signature
from retroprop.bayes.queries import Posteriors, impossible, inference_of, title_of
from retroprop.bayes.table import NamedTable, position_of
from retroprop.bayes.validation import repeated
from retroprop.errors import UserError, did_you_mean

USES = 1000  # how many calls a compiled query is prepared for


class CompiledQuery:
    """A query of which only the states are missing.

    Attributes:
        targets: What is asked; every variable when it is None.
        given: The observed variables.
        do: The variables that interventions fix.
        soft: The variables with soft evidence.
    """

    def __init__(
        self,
        net: Network,
        targets: str | Sequence[str] | None,
        given: Sequence[str],
        do: Sequence[str],
        soft: Sequence[str],
        memory: int | None,
        device: str | None = None,
    ):
        """Search, order and tabulate: see `BayesNet.compile`."""
        self.net = net
        self.targets = None if targets is None else net.names_of(targets)
        coded = inference_of(net).coded
        self.given, self.do, self.soft = (net.names_of(names) for names in (given, do, soft))
        self._names = (*self.given, *self.do, *self.soft)
        if twice := repeated((*(self.targets or ()), *self._names)):
            raise UserError(f"{twice} has two roles in this query: asked, given, done or soft.")
        if targets is not None and not self.targets:
            raise UserError('Ask for at least one variable, as compile("G", …), or None for all.')
        asked = None if self.targets is None else tuple(coded.number[v] for v in self.targets)
        roles = (self.given, self.do, self.soft)
        in_order = (tuple(sorted(coded.number[name] for name in names)) for names in roles)
        signature = Signature(asked, *in_order)
        limit = memory_of(memory)
        check_answer([coded.cards[v] for v in asked or ()], None, limit)
        self._plan = Plan(coded, signature, limit, USES, device=device)
        observed = (*signature.given, *signature.do)
        self._columns = [(coded.names[v], coded.cards[v]) for v in observed]
        self._shape = [len(net.states[name]) for name in self.targets or ()]
        self._states = {name: net.states[name] for name in self.targets or ()}

    def __call__(self, evidence: Mapping[str, Any] | None = None, **states: Any) -> Any:
        """The answer for some states.

        Args:
            evidence: Variable to its state or a column of states, for names that are no keywords.
            states: The same, by keyword. Soft evidence is a likelihood, or one per row.

        Returns:
            What `query` returns (`posteriors` for a query of every variable).

        Raises:
            UserError: For a missing or unknown variable, or a bad state; impossible evidence in a
                single query.
        """
        if evidence:
            states = {**evidence, **states}
        if len(states) != len(self._names):
            self._check_names(states)
        row = []
        try:
            for name, card in self._columns:
                state = states[name]
                if type(state) is not int or not 0 <= state < card:
                    if not isinstance(state, str | int):
                        return self._read(states)
                    state = position_of(name, self.net.states[name], state)
                row.append(state)
        except KeyError:
            self._check_names(states)
        if self.soft or self.targets is None:
            return self._read(states)
        answer = self._plan.answer_row(row, ())
        if answer is None:
            raise impossible(*self._by_role(states))
        return NamedTable.unchecked(
            answer.reshape(self._shape),
            self.targets,
            self._states,
            None,
            lambda: title_of(self.targets or (), *self._by_role(states)),
        )

    def _by_role(self, states: Mapping[str, Any]) -> tuple[Given, Given, Given]:
        given, do, soft = (
            {name: states[name] for name in names} for names in (self.given, self.do, self.soft)
        )
        return given, do, soft

    def _check_names(self, states: Mapping[str, Any]) -> None:
        for name in states:
            if name not in self._names:
                hint = did_you_mean(name, self._names) if self._names else "It takes no evidence."
                raise UserError(f"This query was not compiled for {name!r}. {hint}")
        for name in self._names:
            if name not in states:
                raise UserError(f"This query was compiled for {name}: give its state.")

    def _read(self, states: Mapping[str, Any]) -> Any:
        """Columns, likelihoods, or all posteriors."""
        self._check_names(states)
        roles = self._by_role(states)
        evidence = read_evidence(inference_of(self.net).coded, *roles)
        for v in evidence.soft:
            if (name := self.net.variables[v]) not in self.soft:
                raise UserError(
                    f"The column of {name} has gaps, and this query was compiled for a state in "
                    "every row: ask `query` or `posteriors`."
                )
        answer, mask = self._plan.answer(evidence)
        if answer is None:
            raise impossible(*roles)
        if self.targets is None:
            return Posteriors(self.net, self._plan, answer, evidence, mask, roles)
        targets = self.targets
        shape = self._shape if mask is None else [-1, *self._shape]
        return NamedTable.unchecked(
            answer.reshape(shape), targets, self._states, mask, lambda: title_of(targets, *roles)
        )

    def __repr__(self) -> str:
        """What it was compiled for."""
        names = self.targets or ("every variable",)
        conditions = [*self.given, *(f"do({name})" for name in self.do)]
        conditions += [f"soft {name}" for name in self.soft]
        text = f"P({', '.join(names)}{' | ' * bool(conditions)}{', '.join(conditions)})"
        return f"CompiledQuery: {text}"
