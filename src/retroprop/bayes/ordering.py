"""In which order to sum variables out, and the tree of pairwise products that follows from it.

Finding the best order is NP-hard. Greedy elimination takes the variable whose product of tables is
smallest; random restarts perturb the sizes and keep the cheapest tree. Both are deterministic: the
generator is seeded, and the number of restarts follows from the predicted cost of the query (a
tenth of it may go into the search), never from a clock.

Source: Kjærulff (1990); Fishelson and Geiger (2003) for the random restarts.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

SECONDS_PER_PRODUCT = 1.5e-9  # of two entries, in a large contraction
SECONDS_PER_STEP = 4e-6  # what a contraction costs however small it is
SECONDS_PER_ELIMINATION = 10e-6  # of a variable, in the search
SECONDS_PER_NEIGHBOUR = 1e-7  # for each pair of its neighbours
SEARCH_SHARE = 0.1  # of the predicted run time
LONGEST_SEARCH_S = 1.5
HOPELESS_S = 3600.0  # predicted for the first order: no search makes that feasible
MAX_RESTARTS = 200
NOISE = (0.3, 0.6, 1.0)  # scale of the Gumbel noise on log2 sizes, in turns


class Step(NamedTuple):
    """One node of a contraction tree: multiply the children, sum out what nobody else needs.

    Attributes:
        children: One or two nodes; leaves come first, in the order given, then the steps.
        scope: The variables that are left.
        summed: The variables that this step sums out.
    """

    children: tuple[int, ...]
    scope: frozenset[int]
    summed: frozenset[int]


class Tree(NamedTuple):
    """A contraction tree (a forest when the leaves fall apart).

    Attributes:
        scopes: Of every node: the leaves, then one per step.
        steps: In an order in which children come first.
        roots: The nodes that no step uses.
        products: How many products of entries all steps form.
    """

    scopes: list[frozenset[int]]
    steps: list[Step]
    roots: list[int]
    products: int


def find_tree(
    scopes: Sequence[Iterable[int]], cards: Sequence[int], keep: Iterable[int], uses: float = 1
) -> Tree:
    """The cheapest contraction tree that the search finds.

    Args:
        scopes: The free variables of each leaf.
        cards: How many states each variable has.
        keep: Variables that must stay to the end.
        uses: How often the tree will be evaluated: more uses pay for more search.
    """
    leaves = [frozenset(scope) for scope in scopes]
    order = find_order(leaves, cards, frozenset(keep), uses)
    return contraction_tree(leaves, order, cards, frozenset(keep))


def find_order(
    scopes: Sequence[frozenset[int]], cards: Sequence[int], keep: frozenset[int], uses: float
) -> list[int]:
    """The cheapest elimination order of some greedy ones, the first of them without noise."""
    weights = {v: math.log2(cards[v]) for v in frozenset().union(*scopes)}
    best, cost, pairs = greedy_order(scopes, weights, keep)
    run_s = cost * SECONDS_PER_PRODUCT + len(scopes) * SECONDS_PER_STEP
    search_s = SECONDS_PER_ELIMINATION * (len(weights) + 1) + SECONDS_PER_NEIGHBOUR * pairs
    allowed_s = min(SEARCH_SHARE * uses * run_s, LONGEST_SEARCH_S)
    if run_s > HOPELESS_S:
        return best
    stream = random.Random(0)
    for attempt in range(min(MAX_RESTARTS, int(allowed_s / search_s))):
        scale = NOISE[attempt % len(NOISE)]
        order, new_cost, _ = greedy_order(
            scopes, weights, keep, lambda s=scale: -s * math.log(stream.expovariate(1.0)), cost
        )
        if new_cost < cost:
            best, cost = order, new_cost
    return best


def greedy_order(
    scopes: Sequence[frozenset[int]],
    weights: dict[int, float],
    keep: frozenset[int],
    noise: Callable[[], float] | None = None,
    limit: float = math.inf,
) -> tuple[list[int], float, int]:
    """An elimination order by minimal size: next comes the variable with the smallest product.

    Args:
        scopes: The variables of each factor.
        weights: log2 of the number of states of each variable.
        keep: Variables that are not eliminated.
        noise: Added to each log2 size.
        limit: Cost at which to give up.

    Returns:
        The order; its cost, the entries of all products, infinite where given up; and how many
        pairs of neighbours were visited.
    """
    near: dict[int, set[int]] = {v: set() for v in sorted(weights)}
    for scope in scopes:
        for v in scope:
            near[v] |= scope  # v itself included: its factor is in the product
    size = {v: sum([weights[u] for u in near[v]]) for v in near}
    heap = [(size[v] + noise() if noise else size[v], v) for v in near if v not in keep]
    heapq.heapify(heap)
    current = {v: priority for priority, v in heap}
    order: list[int] = []
    cost, pairs = 0.0, 0
    while heap:
        priority, v = heapq.heappop(heap)
        if current.get(v) != priority:
            continue  # it has another size by now
        del current[v]
        order.append(v)
        cost += 2.0 ** min(size[v], 1000.0)
        if cost >= limit:
            return order, math.inf, pairs
        clique = near.pop(v)
        clique.discard(v)
        pairs += len(clique) ** 2
        for u in sorted(clique):
            mine = near[u]
            mine |= clique
            mine.discard(v)
            if u in current:
                size[u] = sum([weights[w] for w in mine])
                current[u] = size[u] + noise() if noise else size[u]
                heapq.heappush(heap, (current[u], u))
    return order, cost, pairs


def contraction_tree(
    scopes: Sequence[frozenset[int]],
    order: Iterable[int],
    cards: Sequence[int],
    keep: frozenset[int],
) -> Tree:
    """Bucket elimination as a tree of pairwise products.

    For each variable of the order, the nodes that hold it are multiplied, smallest first; each
    product at once sums out whatever no other node holds.
    """
    build = _TreeBuilder(scopes, cards, keep)
    for v in order:
        build.eliminate(v)
    return build.finish()


class _TreeBuilder:
    def __init__(
        self, scopes: Sequence[frozenset[int]], cards: Sequence[int], keep: frozenset[int]
    ):
        self.scopes = list(scopes)
        self.cards = cards
        self.keep = keep
        self.alive = dict.fromkeys(range(len(scopes)))
        self.holders: dict[int, dict[int, None]] = {}
        for node, scope in enumerate(scopes):
            for v in sorted(scope):
                self.holders.setdefault(v, {})[node] = None
        self.steps: list[Step] = []
        self.products = 0

    def size(self, scope: frozenset[int]) -> int:
        return math.prod(self.cards[v] for v in scope)

    def eliminate(self, v: int) -> None:
        group = list(self.holders[v])
        if group:
            self.merge(group)

    def merge(self, group: list[int]) -> None:
        """Multiply the nodes of a group to one."""
        if len(group) == 1:
            return self.step(tuple(group))
        heap = [(self.size(self.scopes[node]), node) for node in group]
        heapq.heapify(heap)
        while len(heap) > 1:
            _, a = heapq.heappop(heap)
            near = [heapq.heappop(heap) for _ in range(min(len(heap), 6))]
            b = min(near, key=lambda sized: self.size(self.scopes[a] | self.scopes[sized[1]]))
            near.remove(b)
            for sized in near:
                heapq.heappush(heap, sized)
            self.step((a, b[1]))
            new = len(self.scopes) - 1
            heapq.heappush(heap, (self.size(self.scopes[new]), new))
        return None

    def step(self, children: tuple[int, ...]) -> None:
        union = frozenset().union(*(self.scopes[child] for child in children))
        gone = set(children)
        summed = frozenset(
            v for v in union if v not in self.keep and self.holders[v].keys() <= gone
        )
        if len(children) == 1 and not summed:
            return
        node = len(self.scopes)
        scope = union - summed
        for child in children:
            del self.alive[child]
            for v in self.scopes[child]:
                self.holders[v].pop(child, None)
        for v in scope:
            self.holders[v][node] = None
        self.alive[node] = None
        self.scopes.append(scope)
        self.steps.append(Step(children, scope, summed))
        self.products += self.size(union)

    def finish(self) -> Tree:
        """Join what holds kept variables into one root; the rest are numbers, each a root."""
        group = [node for node in self.alive if self.scopes[node]]
        if len(group) > 1:
            self.merge(group)
        return Tree(self.scopes, self.steps, list(self.alive), self.products)
