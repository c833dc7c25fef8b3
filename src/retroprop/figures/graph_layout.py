"""Where the boxes of a directed graph go: layers from causes to effects, few crossings.

    1. layers        a node below all its parents, a root just above its first child
    2. bends         an arrow over several layers gets a place of its own in each
    3. order         medians of the neighbours, layer by layer, down and up, and swaps of
                     neighbours; the arrangement with the fewest crossings is kept
    4. positions     each layer moves to the means of its neighbours as far as widths allow,
                     which is an isotonic regression

Deterministic: the same graph is always drawn the same.

Source: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system
structures (1981); Gansner et al., A technique for drawing directed graphs (1993).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from retroprop.bayes.graph import children_of, topological_order

SWEEPS = 12
SETTLING = 100
BEND_WIDTH = 14.0
Node = str | tuple[str, str, int]  # a box, or the bend of an arrow in a layer


@dataclass(frozen=True)
class Layout:
    """Places in units of the drawing; y grows downwards.

    Attributes:
        boxes: Node to the middle of its upper edge.
        bends: Arrow (tail, head) to the places of its bends, from tail to head: (x, layer).
        tops: Of each layer.
        bottoms: Of each layer.
        width: Of everything.
        height: Of everything.
    """

    boxes: Mapping[str, tuple[float, float]]
    bends: Mapping[tuple[str, str], Sequence[tuple[float, int]]]
    layers: Mapping[str, int]
    tops: Sequence[float]
    bottoms: Sequence[float]
    width: float
    height: float


def lay_out(
    parents: Mapping[str, Sequence[str]],
    sizes: Mapping[str, tuple[float, float]],
    *,
    gap: float = 26.0,
    layer_gap: float = 54.0,
) -> Layout:
    """Place the boxes of a graph.

    Args:
        parents: Of each node; there must be no cycle.
        sizes: Width and height of each node's box.
        gap: Between boxes of a layer.
        layer_gap: Between layers.
    """
    layers = _layers(parents)
    order, above, below = _with_bends(parents, layers)
    order = _fewest_crossings(order, above, below)
    widths = {node: sizes[node][0] if isinstance(node, str) else BEND_WIDTH
              for layer in order for node in layer}  # fmt: skip
    x = _positions(order, above, below, widths, gap)
    tops, bottoms = [], []
    y = 0.0
    for layer in order:
        tops.append(y)
        y += max(sizes[node][1] for node in layer if isinstance(node, str))
        bottoms.append(y)
        y += layer_gap
    left = min(x[node] - widths[node] / 2 for node in x)
    x = {node: place - left for node, place in x.items()}
    bends: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for layer in order:
        for node in layer:
            if not isinstance(node, str):
                bends.setdefault(node[:2], []).append((x[node], node[2]))
    return Layout(
        boxes={node: (x[node], tops[layers[node]]) for node in parents},
        bends=bends,
        layers=layers,
        tops=tops,
        bottoms=bottoms,
        width=max(x[node] + widths[node] / 2 for node in x),
        height=bottoms[-1],
    )


def _layers(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    order = topological_order(parents)
    assert order is not None
    layer: dict[str, int] = {}
    for node in order:
        layer[node] = 1 + max((layer[parent] for parent in parents[node]), default=-1)
    for node, children in children_of(parents).items():
        if not parents[node] and children:
            layer[node] = min(layer[child] for child in children) - 1
    return layer


_Order = list[list[Node]]
_Neighbours = dict[Node, list[Node]]


def _with_bends(
    parents: Mapping[str, Sequence[str]], layers: Mapping[str, int]
) -> tuple[_Order, _Neighbours, _Neighbours]:
    """The nodes and bends of each layer, and what each is joined to above and below."""
    order: _Order = [[] for _ in range(max(layers.values()) + 1)]
    for node, layer in layers.items():  # in an order that keeps families together
        order[layer].append(node)
    above: _Neighbours = {node: [] for node in layers}
    below: _Neighbours = {node: [] for node in layers}
    for head, tails in parents.items():
        for tail in tails:
            chain: list[Node] = [tail]
            for layer in range(layers[tail] + 1, layers[head]):
                bend = (tail, head, layer)
                order[layer].append(bend)
                above[bend], below[bend] = [], []
                chain.append(bend)
            chain.append(head)
            for upper, lower in pairwise(chain):
                below[upper].append(lower)
                above[lower].append(upper)
    return order, above, below


# --- order ----------------------------------------------------------------------------------------


def _fewest_crossings(order: _Order, above: _Neighbours, below: _Neighbours) -> _Order:
    best, fewest = [list(layer) for layer in order], _crossings(order, below)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        for i in range(1, len(order)) if downwards else reversed(range(len(order) - 1)):
            neighbours, beside = (above, order[i - 1]) if downwards else (below, order[i + 1])
            _sort_by_median(order[i], neighbours, beside)
        _swap_neighbours(order, above, below)
        count = _crossings(order, below)
        if count < fewest:
            best, fewest = [list(layer) for layer in order], count
    return best


def _sort_by_median(layer: list[Node], neighbours: _Neighbours, beside: list[Node]) -> None:
    """Sort by the median place of the neighbours; a node without any keeps its place."""
    place = {node: i for i, node in enumerate(beside)}
    keys: dict[Node, float] = {}
    for i, node in enumerate(layer):
        places = sorted(place[one] for one in neighbours[node])
        middle = len(places) // 2
        if not places:
            keys[node] = i * len(beside) / len(layer)
        elif len(places) % 2:
            keys[node] = places[middle]
        else:
            keys[node] = (places[middle - 1] + places[middle]) / 2
    layer.sort(key=keys.__getitem__)


def _swap_neighbours(order: _Order, above: _Neighbours, below: _Neighbours) -> None:
    """Swap two that stand beside each other while that removes a crossing."""
    for _ in range(8):
        improved = False
        for i, layer in enumerate(order):
            up = {node: k for k, node in enumerate(order[i - 1])} if i else {}
            down = {node: k for k, node in enumerate(order[i + 1])} if i + 1 < len(order) else {}
            for k in range(len(layer) - 1):
                one, other = layer[k], layer[k + 1]
                sides = [
                    ([place[n] for n in side[one]], [place[n] for n in side[other]])
                    for side, place in ((above, up), (below, down))
                ]
                now = sum(a > b for first, second in sides for a in first for b in second)
                then = sum(a < b for first, second in sides for a in first for b in second)
                if then < now:
                    layer[k], layer[k + 1] = other, one
                    improved = True
        if not improved:
            return


def _crossings(order: _Order, below: _Neighbours) -> int:
    """How many pairs of arrows cross, over all layers."""
    total = 0
    for upper, lower in pairwise(order):
        place = {node: i for i, node in enumerate(lower)}
        ends: list[int] = []
        for node in upper:
            these = sorted(place[one] for one in below[node])
            total += sum(before > end for end in these for before in ends)
            ends += these
    return total


# --- positions ------------------------------------------------------------------------------------


def _positions(
    order: _Order,
    above: _Neighbours,
    below: _Neighbours,
    widths: Mapping[Node, float],
    gap: float,
) -> dict[Node, float]:
    """The middle of each node: near the means of its neighbours, in order, without overlap."""
    x: dict[Node, float] = {}
    for layer in order:
        wanted = [0.0] * len(layer)
        _place(layer, wanted, [1.0] * len(layer), widths, gap, x)
    for sweep in range(SETTLING):
        downwards = sweep % 2 == 0
        settled = sweep >= SETTLING // 4  # first from one side, so that the layers find each other
        middles = _middles(x) if settled else {}
        for layer in order if downwards else reversed(order):
            wanted, weights = [], []
            for node in layer:
                if settled and not isinstance(node, str):  # a long arrow is straight in its middle
                    tail, head, _ = node
                    wanted.append(0.8 * middles[tail, head] + 0.1 * (x[tail] + x[head]))
                    weights.append(4.0)
                    continue
                sides = (
                    above[node] + below[node] if settled else (above, below)[not downwards][node]
                )
                wanted.append(sum(x[one] for one in sides) / len(sides) if sides else x[node])
                weights.append(len(sides) or 0.1)
            _place(layer, wanted, weights, widths, gap, x)
    return x


def _middles(x: Mapping[Node, float]) -> dict[tuple[str, str], float]:
    """The mean place of the bends of each long arrow."""
    places: dict[tuple[str, str], list[float]] = {}
    for node, place in x.items():
        if not isinstance(node, str):
            places.setdefault(node[:2], []).append(place)
    return {arrow: sum(these) / len(these) for arrow, these in places.items()}


def _place(
    layer: Sequence[Node],
    wanted: Sequence[float],
    weights: Sequence[float],
    widths: Mapping[Node, float],
    gap: float,
    x: dict[Node, float],
) -> None:
    """The places nearest to the wanted ones, in least squares, that keep order and distance.

    With the distances taken off, the places must only not decrease: blocks that would are merged
    into their mean.
    """
    offsets = [0.0]
    for one, other in pairwise(layer):
        between = gap if isinstance(one, str) and isinstance(other, str) else gap / 2
        offsets.append(offsets[-1] + (widths[one] + widths[other]) / 2 + between)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for place, offset, weight in zip(wanted, offsets, weights, strict=True):
        mean, total, length = place - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, its_weight, its_length = blocks.pop()
            mean = (before * its_weight + mean * total) / (its_weight + total)
            total, length = its_weight + total, its_length + length
        blocks.append((mean, total, length))
    i = 0
    for mean, _, length in blocks:
        for _ in range(length):
            x[layer[i]] = mean + offsets[i]
            i += 1
