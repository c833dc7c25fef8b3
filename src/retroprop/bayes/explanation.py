"""The most probable explanation: the joint state of everything that fits the evidence best.

Max-product is the same elimination with max for the sum: logarithms of tables are added, the
largest entry over the eliminated states is kept, and where it was is remembered. Walking back from
the root reads the states off. Of several equally probable explanations one is returned, always the
same.

Source: Koller and Friedman (2009), 13.2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from retroprop.bayes.contraction import Axes
from retroprop.bayes.evidence import Given, read_evidence
from retroprop.bayes.logspace import Labelled, log, side_by_side
from retroprop.bayes.memory import ENTRY, check_tree, memory_of, tree_bytes
from retroprop.bayes.network import Network
from retroprop.bayes.ordering import Tree, find_tree
from retroprop.bayes.pruning import Signature, relevant_leaves
from retroprop.bayes.queries import impossible, inference_of
from retroprop.bayes.table import in_columns
from retroprop.errors import UserError


@dataclass(frozen=True)
class Explanation:
    """The most probable joint state.

    Attributes:
        states: Every variable to its state; what is given or done included.
        log_probability: log P(these states | do), the given ones included.
    """

    states: Mapping[str, str]
    log_probability: float

    @property
    def probability(self) -> float:
        """P(these states | do); 0.0 where it is too small for a float."""
        return float(np.exp(self.log_probability))

    def __repr__(self) -> str:
        """The states, one per line."""
        lines = in_columns(list(self.states.items()), words=2)
        return "\n".join([f"P = {self.probability:.6g}", *lines])


def most_probable_explanation(
    net: Network, given: Given = None, do: Given = None, memory: int | None = None
) -> Explanation:
    """The most probable joint state of all variables, given the evidence.

    Args and errors as for `query`, with single states only.
    """
    coded = inference_of(net).coded
    evidence = read_evidence(coded, given, do, None)
    if evidence.n_rows is not None:
        raise UserError("mpe takes one state per variable: call it once for each row.")
    fixed = {**evidence.given, **evidence.do}
    signature = Signature(None, tuple(evidence.given), tuple(evidence.do))
    leaves = relevant_leaves(coded, signature)
    tree = find_tree([leaf.scope for leaf in leaves], coded.cards, ())
    steps = tree.scopes[len(leaves) :]
    choices = ENTRY * sum(math.prod(coded.cards[v] for v in scope) for scope in steps)
    check_tree(tree, tree_bytes(tree, coded.cards, whole=True) + choices, memory_of(memory))
    values = [(leaf.scope, log(coded.table_at(leaf.variable, fixed))) for leaf in leaves]
    found = _maximise(tree, values)
    total = float(sum(values[root][1] for root in tree.roots))
    if np.isneginf(total):
        raise impossible(given, do, None)
    states = _walk_back(found, dict(fixed))
    names = {name: coded.states[v][states[v]] for v, name in enumerate(coded.names)}
    return Explanation(names, total)


class _Choice(NamedTuple):
    """The best states of some variables, for every state of those that are fixed later.

    Attributes:
        variables: Those that it fixes.
        lengths: How many states each has.
        kept: The axes of `places`.
        places: Their best states together, as one number.
    """

    variables: Axes
    lengths: tuple[int, ...]
    kept: Axes
    places: np.ndarray


def _maximise(tree: Tree, values: list[Labelled]) -> list[_Choice]:
    """Append the value of every step; return what each chooses."""
    choices = []
    for step in tree.steps:
        below = (values[child] for child in step.children)
        kept, gone, parts = side_by_side(below, step.scope)
        total = parts[0] if len(parts) == 1 else np.add(*parts, order="C")  # flat without a copy
        flat = total.reshape(*total.shape[: len(kept)], -1)
        if gone:
            choices.append(_Choice(gone, total.shape[len(kept) :], kept, flat.argmax(-1)))
        values.append((kept, flat.max(-1)))
        for child in step.children:
            if child >= len(tree.scopes) - len(tree.steps):
                values[child] = ((), np.zeros(0))  # not needed any more
    return choices


def _walk_back(choices: list[_Choice], found: dict[int, int]) -> dict[int, int]:
    """The states of all variables, those eliminated last first."""
    for choice in reversed(choices):
        place = choice.places[tuple(found[v] for v in choice.kept)]
        chosen = map(int, np.unravel_index(int(place), choice.lengths))
        found.update(zip(choice.variables, chosen, strict=True))
    return found
