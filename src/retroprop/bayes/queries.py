"""Questions put to a network: read the evidence, find or compile the plan, run it, name it."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.direct import SECONDS_PER_VARIABLE, WIDEST, TooWide, answer_directly
from retroprop.bayes.evidence import Evidence, Given, one_hot, read_evidence
from retroprop.bayes.logspace import log
from retroprop.bayes.memory import DEFAULT_MEMORY, TABLE_AXES, check_answer, memory_of
from retroprop.bayes.network import Network
from retroprop.bayes.plan import Plan
from retroprop.bayes.pruning import Signature
from retroprop.bayes.table import NamedTable
from retroprop.bayes.universal_tree import UniversalTree, build_universal_tree
from retroprop.errors import UserError

KEPT_PLANS = 256  # per network; the one unused for longest goes first
KEPT_BYTES = DEFAULT_MEMORY // 4  # of the tables that all kept plans together hold
READ_OFF = 1 << 12  # entries of a joint table up to which one entry of it is read off
USES = 30  # for how many runs a plan is prepared that was asked for a second time
SECONDS_PER_TREE_VARIABLE = 400e-6  # building the universal tree, for each variable
LOWEST = -700.0  # log2 of the evidence's smallest entries together: below, only plans rescale


class Inference:
    """What a network has worked out about itself: its numbers, its plans, its universal tree."""

    def __init__(self, net: Network):
        """Number the variables."""
        self.net = net
        self.coded = CodedNetwork(net)
        self.plans: dict[Signature, Plan] = {}
        self._asked: dict[Signature, None] = {}
        self._tree: UniversalTree | None = None
        self._tree_built = False
        self._spent_s = 0.0  # what questions asked once should have taken so far

    def plan(self, signature: Signature, memory: int, uses: float) -> Plan:
        """The plan for a signature, compiled if none is kept or many more uses pay for a better."""
        found = self.plans.pop(signature, None)
        if found is None or found.memory != memory or uses >= USES * found.uses:
            found = Plan(self.coded, signature, memory, uses)
            room = KEPT_BYTES - found.kept_bytes
            while sum(plan.kept_bytes for plan in self.plans.values()) > max(0, room):
                del self.plans[next(iter(self.plans))]
        self.plans[signature] = found
        _forget_oldest(self.plans)
        return found

    @property
    def has_tree(self) -> bool:
        """Whether the universal tree has been built."""
        return self._tree is not None

    def forget_questions(self) -> None:
        """Drop all plans and what was asked; the universal tree is kept."""
        self.plans.clear()
        self._asked.clear()

    def plan_for(self, signature: Signature, evidence: Evidence, memory: int) -> Plan:
        """The plan for some evidence: prepared for the rows of a batch, for more if asked again."""
        again = signature in self._asked
        self._note(signature)
        uses = (evidence.n_rows or 1) * (USES if again else 1)
        return self.plan(signature, memory, uses)

    def _note(self, signature: Signature) -> None:
        self._asked[signature] = None
        _forget_oldest(self._asked)

    def answer(self, signature: Signature, evidence: Evidence, memory: int) -> np.ndarray | None:
        """The answer to a single question about some targets; None for impossible evidence.

        What is asked for the first time is answered at once, by the universal tree or by direct
        elimination, whichever should be faster; the second time a plan is compiled and kept. A
        large joint table is never the answer of a plan where it need not be: that holds several.
        """
        row, likelihoods = evidence.row(), list(evidence.soft.values())
        large = math.prod(self.coded.cards[v] for v in signature.targets or ()) > WIDEST
        if large or (signature not in self._asked and signature not in self.plans):
            self._note(signature)
            answer = self._answer_once(signature, evidence, memory)
            if answer is not None:
                return answer
        if large:  # whether there is an answer is known before room is asked for it
            plan = self.plan(signature._replace(targets=()), memory, 1)
            if np.isneginf(plan.log_evidence_row(row, likelihoods)):
                return None
        return self.plan(signature, memory, USES).answer_row(row, likelihoods)

    def _answer_once(
        self, signature: Signature, evidence: Evidence, memory: int
    ) -> np.ndarray | None:
        """The answer without a plan; None if only a plan can say."""
        coded = self.coded
        targets, given, do, soft = signature
        smallest = [coded.smallest[u] for v in given for u in (v, *coded.children[v])]
        smallest += [_log2_ratio(weights) for weights in evidence.soft.values()]
        if sum(smallest) < LOWEST:
            return None
        relevant = coded.ancestral_set((*(targets or ()), *given, *soft), do)
        direct_s = relevant.bit_count() * SECONDS_PER_VARIABLE
        tree = self._universal_tree(direct_s)
        if tree and targets and len(targets) == 1:
            observed = (*given, *do, *soft)
            if tree.seconds(targets[0], observed) < direct_s:
                return tree.answer(targets[0], evidence.given, evidence.do, evidence.soft)
        try:
            widest = min(WIDEST, memory // 32)
            return answer_directly(coded, signature, *evidence[:3], widest=widest)
        except TooWide:
            return None

    def _universal_tree(self, seconds: float) -> UniversalTree | None:
        """The network's tree, built once the questions so far have cost as much as building it."""
        if not self._tree_built:
            self._spent_s += seconds
            if self._spent_s > SECONDS_PER_TREE_VARIABLE * len(self.coded.cards):
                self._tree = build_universal_tree(self.coded)
                self._tree_built = True
        return self._tree


def inference_of(net: Network) -> Inference:
    """What the network has worked out about itself so far, which it keeps."""
    found = net.worked_out.get(Inference)
    if found is None:
        found = net.worked_out[Inference] = Inference(net)
    return found


def _forget_oldest(kept: dict[Signature, Any]) -> None:
    if len(kept) > KEPT_PLANS:
        del kept[next(iter(kept))]


def _log2_ratio(weights: np.ndarray) -> float:
    """log2 of the smallest weight above 0."""
    return float(np.log2(np.min(weights, where=weights > 0, initial=1.0)))


def query(
    net: Network,
    targets: str | Sequence[str],
    given: Given = None,
    do: Given = None,
    soft: Given = None,
    memory: int | None = None,
) -> NamedTable:
    """The joint probability of the targets after observing and intervening.

    Args:
        net: The network.
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
    inference = inference_of(net)
    evidence = read_evidence(inference.coded, given, do, soft)
    wanted = target_numbers(net, targets, evidence)
    signature = signature_of(wanted, evidence)
    names = tuple(inference.coded.names[v] for v in wanted)
    states = {name: net.states[name] for name in names}

    def title() -> str:
        return title_of(names, given, do, soft)

    cards = inference.coded.cards
    shape = [cards[v] for v in wanted]
    limit = memory_of(memory)
    check_answer(shape, evidence.n_rows, limit)
    if evidence.n_rows is not None:
        plan = inference.plan_for(signature, evidence, limit)
        values, mask = plan.answer_rows(evidence.rows(cards))
        return NamedTable.unchecked(values.reshape(-1, *shape), names, states, mask, title)
    answer = inference.answer(signature, evidence, limit)
    if answer is None:
        raise impossible(given, do, soft)
    return NamedTable.unchecked(answer.reshape(shape), names, states, None, title)


def posteriors(
    net: Network,
    given: Given = None,
    do: Given = None,
    soft: Given = None,
    memory: int | None = None,
) -> "Posteriors":
    """The probability of every variable, in one sweep; what is given or done is certain.

    Args and errors as for `query`.
    """
    inference = inference_of(net)
    evidence = read_evidence(inference.coded, given, do, soft)
    plan = inference.plan_for(signature_of(None, evidence), evidence, memory_of(memory))
    values, mask = plan.answer(evidence)
    if values is None:
        raise impossible(given, do, soft)
    return Posteriors(net, plan, values, evidence, mask, (given, do, soft))


class Posteriors(Mapping[str, NamedTable]):
    """The probability of every variable: a mapping from names to tables.

    A table is made when it is read; what is given or done is certain.
    """

    def __init__(
        self,
        net: Network,
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
        v = inference_of(self._net).coded.number.get(name)
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
        certain = one_hot(state, inference_of(self._net).coded.cards[v])
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
    net: Network,
    given: Given = None,
    do: Given = None,
    soft: Given = None,
    memory: int | None = None,
) -> float | np.ndarray:
    """log P(given | do), one number, or one per row of a batch; −inf where it is impossible.

    Args and errors as for `query`, but impossible evidence is no error here.
    """
    inference = inference_of(net)
    evidence = read_evidence(inference.coded, given, do, soft)
    plan = inference.plan_for(signature_of((), evidence), evidence, memory_of(memory))
    if evidence.n_rows is not None:
        return plan.log_evidence_rows(evidence.rows(inference.coded.cards))
    return plan.log_evidence_row(evidence.row(), list(evidence.soft.values()))


def query_at(
    net: Network,
    targets: Sequence[str],
    at: Mapping[str, int],
    given: Given = None,
    do: Given = None,
    soft: Given = None,
    memory: int | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The joint probability of the targets where some of them have a state.

    A large joint table is not formed for it: with a for the states and b for the other targets,

        P(a, b | e) = P(a, e) / P(e) · P(b | a, e)

    Args:
        net: The network.
        targets: As for `query`.
        at: States of some of the targets, or of all.
        given: As for `query`.
        do: As for `query`.
        soft: As for `query`, one likelihood per variable.
        memory: As for `query`.

    Returns:
        The probabilities, one axis per target without a state, after one of rows for a batch; 0
        where one is too small for a float. And which rows are impossible, None for one answer.

    Raises:
        UserError: As for `query`.
    """
    entries = math.prod(len(net.states[name]) for name in targets)
    if entries <= READ_OFF and len(targets) < TABLE_AXES:
        table = query(net, targets, given, do, soft, memory)
        part = table[at] if at else table
        values = part.values if isinstance(part, NamedTable) else np.asarray(part)
        return values, table.impossible
    evidence = read_evidence(inference_of(net).coded, given, do, soft)
    target_numbers(net, targets, evidence)
    weights = {name: likelihood for name, likelihood in (soft or {}).items() if name not in at}
    seen = {**(given or {}), **at}
    of_evidence = np.asarray(log_evidence(net, given, do, soft, memory))
    masked = np.isneginf(of_evidence)
    if evidence.n_rows is None and masked:
        raise impossible(given, do, soft)
    of_both = np.asarray(log_evidence(net, seen, do, weights, memory))
    for name in at.keys() & (soft or {}).keys():
        of_both = of_both + log(np.asarray((soft or {})[name], dtype=float)[at[name]])
    share = np.exp(of_both - np.where(masked, 0.0, of_evidence))
    rest = [name for name in targets if name not in at]
    if rest:
        shape = [len(net.states[name]) for name in rest]
        check_answer(shape, evidence.n_rows, memory_of(memory))
        if evidence.n_rows is None and np.isneginf(of_both):
            return np.zeros(shape), None
        values = query(net, rest, seen, do, weights, memory).values
        share = values * share.reshape(*share.shape, *(1 for _ in rest))
    return share, None if evidence.n_rows is None else masked


def target_numbers(
    net: Network, targets: str | Sequence[str], evidence: Evidence
) -> tuple[int, ...]:
    """The numbers of the targets.

    Raises:
        UserError: For no target, an unknown one, or one whose state is already known.
    """
    names = net.names_of(targets)
    if not names:
        raise UserError('Ask for at least one variable, as query("G") or query(["R", "G"]).')
    wanted = tuple(inference_of(net).coded.number[name] for name in names)
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
    under = f" under do({_some_of(do)})" if do else ""
    return UserError(
        f"The evidence {_some_of(evidence)}{under} has probability 0 in this network: nothing "
        "follows from it. Leave out a part of it, or check the states."
    )


def _some_of(states: Mapping[str, Any], most: int = 12) -> str:
    """The first states as people write them, and how many more there are."""
    shown = [
        name if np.ndim(state) else f"{name}={state}"
        for name, state in itertools.islice(states.items(), most)
    ]
    more = len(states) - most
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")
