"""A query answered at once: variables are eliminated while their order is being found.

No tree is kept and nothing is compiled: for a question that is asked once this is the shortest way.
Factors are arrays with their variables; the next variable is the one whose product is smallest, as
in `ordering.py`, and it is summed out on the spot.
"""

import heapq
from collections.abc import Sequence

import numpy as np

from retroprop.bayes.coding import CodedNetwork, members
from retroprop.bayes.contraction import SMALLEST_TOTAL, contract
from retroprop.bayes.memory import MOST_AXES
from retroprop.bayes.pruning import Signature, linked_factors, suspicious

SECONDS_PER_VARIABLE = 10e-6  # of a relevant variable, from pruning to the answer
MATRICES = 1 << 12  # entries of a product from which preparing a matrix product pays
WIDEST = 1 << 18  # entries of a product up to which no search for a better order pays

Factor = tuple[tuple[int, ...], np.ndarray]  # variables and entries


class TooWide(Exception):  # noqa: N818 - a decision, no error
    """The greedy order meets a product so large that a search for a better one pays."""


def answer_directly(
    net: CodedNetwork,
    signature: Signature,
    given: dict[int, int],
    do: dict[int, int],
    soft: dict[int, np.ndarray],
    widest: int = WIDEST,
) -> np.ndarray | None:
    """P(targets | evidence), one axis per target.

    Args:
        net: The network.
        signature: What is asked.
        given: Observed states.
        do: Fixed states.
        soft: Likelihoods.
        widest: Entries of the largest product that may be formed.

    Returns:
        The answer; None if the evidence is impossible, or so unlikely that this is not certain.

    Raises:
        TooWide: If a product would have more than `widest` entries, or too many axes.
    """
    targets = signature.targets or ()
    factors, total = _factors(net, signature, given, do, soft)
    if not total > SMALLEST_TOTAL:
        return None
    elimination = _Elimination(net.cards, factors, targets, widest)
    left = elimination.run()
    return _joined(left, targets, net.cards)


def _factors(
    net: CodedNetwork,
    signature: Signature,
    given: dict[int, int],
    do: dict[int, int],
    soft: dict[int, np.ndarray],
) -> tuple[list[Factor], float]:
    """The relevant tables cut at the evidence, and the product of those that are numbers."""
    fixed = {**given, **do}
    kept = net.ancestral_set((*(signature.targets or ()), *given, *soft), do)
    variables = [v for v in members(kept) if v not in do]
    scopes = [net.families[v] for v in variables]
    cut = {i for i, family in enumerate(scopes) if not fixed.keys().isdisjoint(family)}
    for i in cut:
        scopes[i] = tuple([u for u in scopes[i] if u not in fixed])
    needed = _needed(net, signature, [*variables, *soft], [*scopes, *((v,) for v in soft)])
    factors: list[Factor] = []
    number = 1.0
    for i, v in enumerate(variables):
        if i not in needed:
            continue
        table = net.tables[v]
        if i in cut:
            table = net.table_at(v, fixed)
        if scopes[i]:
            factors.append((scopes[i], table))
        else:
            number *= float(table)
    likelihoods = enumerate(soft.items(), start=len(variables))
    factors += [((v,), weights) for i, (v, weights) in likelihoods if i in needed]
    return factors, number


def _needed(
    net: CodedNetwork,
    signature: Signature,
    variables: Sequence[int],
    scopes: Sequence[tuple[int, ...]],
) -> set[int]:
    """Which factors bear on the targets, or can show that the evidence is impossible."""
    if not signature.targets:
        return set(range(len(variables)))
    needed = linked_factors(scopes, signature.targets)
    suspects = suspicious(net, signature, [v for i, v in enumerate(variables) if i not in needed])
    if suspects:
        tested = net.ancestral_set(suspects, signature.do)
        needed.update([i for i, v in enumerate(variables) if tested >> v & 1])
    return needed


class _Elimination:
    def __init__(
        self, cards: Sequence[int], factors: list[Factor], keep: Sequence[int], widest: int
    ):
        self.cards = cards
        self.widest = widest
        self.keep = set(keep)
        self.near: dict[int, set[int]] = {}
        self.holders: dict[int, dict[int, Factor]] = {}
        self.next = 0
        for factor in factors:
            self.add(factor)
            for v in factor[0]:
                if v in self.near:
                    self.near[v].update(factor[0])
                else:
                    self.near[v] = set(factor[0])

    def add(self, factor: Factor) -> None:
        for v in factor[0]:
            holders = self.holders.get(v)
            if holders is None:
                holders = self.holders[v] = {}
            holders[self.next] = factor
        self.next += 1

    def size(self, v: int) -> int:
        size = 1
        for u in self.near[v]:
            size *= self.cards[u]
        return size

    def run(self) -> list[Factor]:
        """Eliminate all variables that are not kept; return what is left."""
        done: list[Factor] = []
        near, holders = self.near, self.holders
        current = {v: self.size(v) for v in near if v not in self.keep}
        heap = [(size, v) for v, size in current.items()]
        heapq.heapify(heap)
        while heap:
            size, v = heapq.heappop(heap)
            if current.get(v) != size:
                continue
            if size > self.widest or len(near[v]) > MOST_AXES:
                raise TooWide
            del current[v]
            clique = near.pop(v)
            clique.discard(v)
            bucket = holders.pop(v)
            for i, factor in bucket.items():
                for u in factor[0]:
                    if u != v:
                        del holders[u][i]
            scope, value = _sum_out(v, list(bucket.values()), self.cards, size)
            if scope:
                self.add((scope, value))
            else:
                done.append((scope, value))
            for u in sorted(clique):
                mine = near[u]
                mine |= clique
                mine.discard(v)
                if u in current:
                    current[u] = size = self.size(u)
                    heapq.heappush(heap, (size, u))
        left: dict[int, Factor] = {}
        for holding in holders.values():
            left.update(holding)
        return [*done, *left.values()]


def _sum_out(v: int, factors: list[Factor], cards: Sequence[int], size: int) -> Factor:
    """Σ_v of the product, which has `size` entries, of the factors that hold v."""
    if len(factors) == 1:
        axes, value = factors[0]
        i = axes.index(v)
        return axes[:i] + axes[i + 1 :], value.sum(i)
    factors.sort(key=lambda factor: factor[1].size)
    axes, value = factors[0]
    for other_axes, other in factors[1:-1]:
        axes, value = _multiply(axes, value, other_axes, other)
    if size >= MATRICES:
        last_axes, last = factors[-1]
        keep = {u for u in (*axes, *last_axes) if u != v}
        out, product = contract(axes, last_axes, keep, cards)
        return out, product(value, last)
    return _multiply_and_sum(v, axes, value, *factors[-1])


def _multiply(
    a_axes: tuple[int, ...], a: np.ndarray, b_axes: tuple[int, ...], b: np.ndarray
) -> Factor:
    """The product over the union of the variables; b's axes come last, in their order."""
    if a_axes == b_axes:
        return a_axes, a * b
    only = [u for u in a_axes if u not in b_axes]
    shared = [u for u in b_axes if u in a_axes]
    a = a.transpose([a_axes.index(u) for u in (*only, *shared)])
    shape = [*a.shape[: len(only)]]
    shape += [b.shape[i] if u in a_axes else 1 for i, u in enumerate(b_axes)]
    return (*only, *b_axes), a.reshape(shape) * b


def _multiply_and_sum(
    v: int, a_axes: tuple[int, ...], a: np.ndarray, b_axes: tuple[int, ...], b: np.ndarray
) -> Factor:
    """Σ_v a b: one matrix product where v is all that both share."""
    if not any(u in b_axes for u in a_axes if u != v):
        a_axes, a = _last(v, a_axes, a)
        b_axes, b = _last(v, b_axes, b)
        if a.ndim == 1 or b.ndim == 1:
            return (*a_axes[:-1], *b_axes[:-1]), (b.dot(a) if a.ndim == 1 else a.dot(b))
        states = a.shape[-1]
        product = a.reshape(-1, states).dot(b.reshape(-1, states).T)
        shape = a.shape[:-1] + b.shape[:-1]
        return (*a_axes[:-1], *b_axes[:-1]), product.reshape(shape)
    axes, product = _multiply(a_axes, a, b_axes, b)
    i = axes.index(v)
    return axes[:i] + axes[i + 1 :], product.sum(i)


def _last(v: int, axes: tuple[int, ...], array: np.ndarray) -> Factor:
    """The array with the axis of v last."""
    i = axes.index(v)
    if i == len(axes) - 1:
        return axes, array
    rest = axes[:i] + axes[i + 1 :]
    return (*rest, v), array.transpose([j for j in range(len(axes)) if j != i] + [i])


def _joined(
    left: list[Factor], targets: tuple[int, ...], cards: Sequence[int]
) -> np.ndarray | None:
    """The normalised product of the factors over the targets alone, one array of that size."""
    answer = np.ones([cards[v] for v in targets])
    for axes, value in left:
        if not axes:
            if not value > SMALLEST_TOTAL:
                return None
            continue
        order = [v for v in targets if v in axes]
        value = value.transpose([axes.index(v) for v in order])
        answer *= value.reshape([cards[v] if v in axes else 1 for v in targets])
    total = answer.sum()
    if not total > SMALLEST_TOTAL:
        return None
    answer /= total
    return answer
