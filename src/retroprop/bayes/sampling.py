"""Exact samples from the posterior: no rejection, no burn-in, however unlikely the evidence.

Eliminating x from a product f(x, y) leaves Σₓ f(x, y). Once y is drawn, x follows the distribution
f(x, y) / Σₓ f(x, y). So the tree of the elimination, walked back from its root, draws every
variable given those that were drawn before it; all samples take each step together. Barren
variables, which are no ancestors of evidence, are then drawn from their own tables, parents first.

Source: Koller and Friedman (2009), 9.3 and 12.1; Dawid (1992).
"""

import math

import numpy as np

from retroprop.bayes.coding import CodedNetwork
from retroprop.bayes.contraction import Axes
from retroprop.bayes.evidence import Given, read_evidence
from retroprop.bayes.logspace import Labelled, side_by_side
from retroprop.bayes.memory import (
    ENTRY,
    check_bytes,
    check_tree,
    memory_of,
    tree_bytes,
)
from retroprop.bayes.network import Network
from retroprop.bayes.ordering import Step, Tree, find_tree
from retroprop.bayes.pruning import Signature, relevant_leaves
from retroprop.bayes.queries import impossible, inference_of
from retroprop.errors import UserError

DRAWN_ENTRIES = 1 << 16  # weights of states of so many samples at a time


def sample(
    net: Network,
    n: int,
    given: Given = None,
    do: Given = None,
    soft: Given = None,
    generator: np.random.Generator | int = 0,
    memory: int | None = None,
) -> dict[str, np.ndarray]:
    """Independent draws of all variables from their joint posterior, exactly.

    Args:
        net: The network.
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
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise UserError(f"The number of samples is an integer that is not negative, got {n!r}.")
    limit = memory_of(memory)
    coded = inference_of(net).coded
    evidence = read_evidence(coded, given, do, soft)
    if evidence.n_rows is not None:
        raise UserError("sample takes one state per variable: call it once for each row.")
    columns = ENTRY * n * (len(coded.cards) + 2)  # a column of draws and its random numbers too
    check_bytes(columns, limit, f"A sample of {n:,} cases", "draw fewer at a time")
    stream = np.random.default_rng(generator)
    fixed = {**evidence.given, **evidence.do}
    drawn = {v: np.full(n, state) for v, state in fixed.items()}
    signature = Signature((), tuple(evidence.given), tuple(evidence.do), tuple(evidence.soft))
    leaves = relevant_leaves(coded, signature)
    tree = find_tree([leaf.scope for leaf in leaves], coded.cards, ())
    check_tree(tree, columns + tree_bytes(tree, coded.cards, keeps=True, whole=True), limit)
    values = [
        (leaf.scope, evidence.soft[leaf.variable])
        if leaf.is_likelihood
        else (leaf.scope, coded.table_at(leaf.variable, fixed))
        for leaf in leaves
    ]
    _eliminate(tree, values)
    if not all(values[root][1] > 0 for root in tree.roots):
        raise impossible(given, do, soft)
    for step in reversed(tree.steps):
        _draw_step(values, step, drawn, n, stream, coded)
    for name in net.topological_order:
        v = coded.number[name]
        if v not in drawn:
            table = (coded.families[v], coded.tables[v])
            drawn[v] = _draw([table], (v,), drawn, n, stream, coded)
    return {name: drawn[v] for v, name in enumerate(coded.names)}


def _eliminate(tree: Tree, values: list[Labelled]) -> None:
    """Append the value of every step, each with its largest entry 1: only ratios matter here."""
    for step in tree.steps:
        below = (values[child] for child in step.children)
        kept, _, parts = side_by_side(below, step.scope)
        product = parts[0] if len(parts) == 1 else parts[0] * parts[1]
        total = product.sum(tuple(range(len(kept), product.ndim)))
        values.append((kept, total / (total.max() or 1.0)))


def _draw_step(
    values: list[Labelled],
    step: Step,
    drawn: dict[int, np.ndarray],
    n: int,
    stream: np.random.Generator,
    net: CodedNetwork,
) -> None:
    """Draw the variables that a step summed out, given all that were drawn before."""
    gone = tuple(sorted(step.summed))
    if not gone:
        return
    factors = [values[child] for child in step.children]
    chosen = _draw(factors, gone, drawn, n, stream, net)
    states = np.unravel_index(chosen, [net.cards[v] for v in gone])
    drawn.update(zip(gone, states, strict=True))


def _draw(
    factors: list[Labelled],
    gone: Axes,
    drawn: dict[int, np.ndarray],
    n: int,
    stream: np.random.Generator,
    net: CodedNetwork,
) -> np.ndarray:
    """The states of some variables together, as one number per sample, (n,).

    The samples are drawn some at a time: each has its own weights for all states.
    """
    uniform = stream.random((n, 1))
    chosen = np.empty(n, dtype=np.intp)
    step = max(1, DRAWN_ENTRIES // math.prod(net.cards[v] for v in gone))
    for start in range(0, n, step):
        part = slice(start, start + step)
        some = {v: states[part] for v, states in drawn.items()}
        weights = _weights(factors, gone, some, len(uniform[part]), net)
        cumulative = weights.cumsum(1)
        totals = cumulative[:, -1:]
        place = (cumulative <= uniform[part] * totals).sum(1)
        chosen[part] = np.minimum(place, (cumulative < totals).sum(1))  # rounding must not choose 0
    return chosen


def _weights(
    factors: list[Labelled], gone: Axes, drawn: dict[int, np.ndarray], n: int, net: CodedNetwork
) -> np.ndarray:
    """The product of the factors at what was drawn, (n, states of `gone` together)."""
    weights = np.ones((1,) * (len(gone) + 1))  # (samples or 1, *states of what is drawn)
    for axes, value in factors:
        known = [v for v in axes if v in drawn]
        order = [*known, *(v for v in gone if v in axes)]
        value = value.transpose([axes.index(v) for v in order])[tuple(drawn[v] for v in known)]
        lengths = [net.cards[v] if v in axes else 1 for v in gone]
        weights = weights * value.reshape(n if known else 1, *lengths)
    return np.broadcast_to(weights.reshape(len(weights), -1), (n, weights[0].size))
