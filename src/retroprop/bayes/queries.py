"""Questions put to a network: read the evidence, find or compile the plan, run it, name it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.evidence import Evidence, Given, read_evidence
from retroprop.bayes.memory import DEFAULT_MEMORY
from retroprop.bayes.plan import Plan
from retroprop.bayes.pruning import Signature
from retroprop.bayes.table import NamedTable
from retroprop.errors import UserError

if TYPE_CHECKING:
    from retroprop.bayes.network import BayesNet

KEPT_PLANS = 256  # per network; the one unused for longest goes first


class Inference:
    """What a network has worked out about itself: its numbers and its plans."""

    def __init__(self, net: "BayesNet"):
        """Number the variables."""
        self.net = net
        self.coded = CodedNetwork(net)
        self.plans: dict[tuple[Signature, bool], Plan] = {}

    def plan(self, signature: Signature, memory: int, uses: float) -> Plan:
        """The plan for a signature, compiled if it is not kept."""
        key = (signature, uses > 1)
        found = self.plans.pop(key, None)
        if found is None or found.memory != memory:
            found = Plan(self.coded, signature, memory, uses)
        self.plans[key] = found
        if len(self.plans) > KEPT_PLANS:
            del self.plans[next(iter(self.plans))]
        return found


def query(
    net: "BayesNet",
    targets: str | Sequence[str],
    given: Given,
    do: Given,
    soft: Given,
    memory: int | None,
) -> NamedTable:
    """See `BayesNet.query`."""
    inference = net.inference
    evidence = read_evidence(inference.coded, given, do, soft)
    wanted = target_numbers(net, targets, evidence)
    signature = signature_of(wanted, evidence)
    names = tuple(inference.coded.names[v] for v in wanted)
    states = {name: net.states[name] for name in names}

    def title() -> str:
        return title_of(names, given, do, soft)

    cards = inference.coded.cards
    shape = [cards[v] for v in wanted]
    plan = inference.plan(signature, memory or DEFAULT_MEMORY, uses=evidence.n_rows or 1)
    if evidence.n_rows is not None:
        values, mask = plan.answer_rows(evidence.rows(cards))
        return NamedTable.unchecked(values.reshape(-1, *shape), names, states, mask, title)
    answer = plan.answer_row(evidence.row(), list(evidence.soft.values()))
    if answer is None:
        raise impossible(given, do, soft)
    return NamedTable.unchecked(answer.reshape(shape), names, states, None, title)


def posteriors(
    net: "BayesNet", given: Given, do: Given, soft: Given, memory: int | None
) -> "Posteriors":
    """See `BayesNet.posteriors`."""
    inference = net.inference
    coded = inference.coded
    evidence = read_evidence(coded, given, do, soft)
    signature = signature_of(None, evidence)
    plan = inference.plan(signature, memory or DEFAULT_MEMORY, uses=evidence.n_rows or 1)
    if evidence.n_rows is None:
        values, mask = plan.answer_row(evidence.row(), list(evidence.soft.values())), None
        if values is None:
            raise impossible(given, do, soft)
    else:
        values, mask = plan.answer_rows(evidence.rows(coded.cards))
    return Posteriors(net, plan, values, evidence, mask, (given, do, soft))


class Posteriors(Mapping[str, NamedTable]):
    """The probability of every variable: a mapping from names to tables.

    A table is made when it is read; what is given or done is certain.
    """

    def __init__(
        self,
        net: "BayesNet",
        plan: Plan,
        values: np.ndarray,
        evidence: Evidence,
        impossible: np.ndarray | None,
        asked: tuple[Given, Given, Given],
    ):
        """Keep the answers of the free variables, side by side."""
        self._net = net
        self._place = plan.place
        self._values = values
        self._evidence = evidence
        self._asked = asked
        self.impossible = impossible

    def __getitem__(self, name: str) -> NamedTable:
        """The probability of one variable."""
        v = self._net.inference.coded.number.get(name)
        if v is None:
            (name,) = self._net.names_of(name)  # it is unknown: this says so
            raise KeyError(name)
        place = self._place.get(v)
        values = self._certain(v) if place is None else self._values[..., place]
        states = {name: self._net.states[name]}
        return NamedTable.unchecked(
            values, (name,), states, self.impossible, lambda: title_of((name,), *self._asked)
        )

    def _certain(self, v: int) -> np.ndarray:
        state = self._evidence.given.get(v, self._evidence.do.get(v))
        certain = np.eye(self._net.inference.coded.cards[v])[state]
        if self.impossible is not None:
            certain = np.where(self.impossible[:, None], 0.0, certain)
        return certain

    def __iter__(self) -> Iterator[str]:
        """The variables, in the order of the network."""
        return iter(self._net.variables)

    def __len__(self) -> int:
        """The number of variables."""
        return len(self._net.variables)

    def __contains__(self, name: object) -> bool:
        """Whether the network has a variable."""
        return name in self._net.tables

    def __repr__(self) -> str:
        """One table under the other."""
        return "\n\n".join(map(repr, self.values()))

    def _repr_html_(self) -> str:
        """One table under the other, for a notebook."""
        return "".join(table._repr_html_() for table in self.values())


def log_evidence(
    net: "BayesNet", given: Given, do: Given, soft: Given, memory: int | None
) -> float | np.ndarray:
    """See `BayesNet.log_evidence`."""
    inference = net.inference
    evidence = read_evidence(inference.coded, given, do, soft)
    signature = signature_of((), evidence)
    plan = inference.plan(signature, memory or DEFAULT_MEMORY, uses=evidence.n_rows or 1)
    if evidence.n_rows is not None:
        return plan.log_evidence_rows(evidence.rows(inference.coded.cards))
    return plan.log_evidence_row(evidence.row(), list(evidence.soft.values()))


def target_numbers(
    net: "BayesNet", targets: str | Sequence[str], evidence: Evidence
) -> tuple[int, ...]:
    """The numbers of the targets.

    Raises:
        UserError: For no target, an unknown one, or one whose state is already known.
    """
    names = net.names_of(targets)
    if not names:
        raise UserError('Ask for at least one variable, as query("G") or query(["R", "G"]).')
    wanted = tuple(net.inference.coded.number[name] for name in names)
    for v, name in zip(wanted, names, strict=True):
        for word, known in (("given", evidence.given), ("fixed by do", evidence.do)):
            if v in known:
                raise UserError(f"{name} is asked and also {word}: its state is known, ask others.")
    return wanted


def signature_of(targets: tuple[int, ...] | None, evidence: Evidence) -> Signature:
    """What is asked, without the states."""
    return Signature(targets, tuple(evidence.given), tuple(evidence.do), tuple(evidence.soft))


def title_of(names: Sequence[str], given: Given, do: Given, soft: Given) -> str:
    """The question as people write it.

    >>> title_of(["G"], {"R": 1}, {"S": "s0"}, None)
    'P(G | R=1, do(S=s0))'
    """
    conditions = [f"{name}={_state(state)}" for name, state in (given or {}).items()]
    conditions += [f"do({name}={_state(state)})" for name, state in (do or {}).items()]
    conditions += [f"soft {name}" for name in soft or {}]
    return f"P({', '.join(names)}{' | ' * bool(conditions)}{', '.join(conditions)})"


def _state(state: Any) -> str:
    return "…" if np.ndim(state) else str(state)


def impossible(given: Given, do: Given, soft: Given) -> UserError:
    """The error for evidence of probability zero."""
    evidence: Mapping[str, Any] = {**(given or {}), **(soft or {})}
    text = ", ".join(
        name if np.ndim(state) else f"{name}={state}" for name, state in evidence.items()
    )
    under = f" under do({', '.join(f'{name}={state}' for name, state in do.items())})" if do else ""
    return UserError(
        f"The evidence {text}{under} has probability 0 in this network: nothing follows from it. "
        f"Leave out a part of it, or check the states."
    )
