"""Which variables tell something about which others, by the graph alone: d-separation.

A path carries information from x to y given Z unless it is blocked: by a chain → z → or a fork
← z → through an observed z, or by a collider → c ← such that neither c nor a descendant of c is
observed.
The search walks over (node, direction) pairs, so it takes time linear in the graph.

Source: Koller and Friedman, Probabilistic Graphical Models (2009), algorithm 3.1; Pearl, Causality
(2009), 1.2.3.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from retroprop.bayes.graph import children_of, reachable
from retroprop.bayes.network import Network
from retroprop.errors import UserError

Parents = Mapping[str, Sequence[str]]
_UP, _DOWN = "up", "down"  # how the walk arrived: from a child, or from a parent


def d_separated(
    net: Network,
    x: str | Sequence[str],
    y: str | Sequence[str],
    given: str | Sequence[str] = (),
) -> bool:
    """Whether the graph makes x and y independent given some variables.

    Then they are independent whatever the tables are.

    Raises:
        UserError: For an unknown variable, or one that is on two sides.
    """
    return open_path(net, x, y, given) is None


def open_path(
    net: Network,
    x: str | Sequence[str],
    y: str | Sequence[str],
    given: str | Sequence[str] = (),
) -> str | None:
    """A path that carries information from x to y, with its arrows, or None if there is none.

    A collider on it is observed, or has an observed descendant, which the path does not show.

    Raises:
        UserError: For an unknown variable, or one that is on two sides.
    """
    starts, ends, observed = (net.names_of(names) for names in (x, y, given))
    for one, other in ((starts, ends), (starts, observed), (ends, observed)):
        if twice := set(one) & set(other):
            raise UserError(f"{min(twice)} stands on two sides of the question.")
    came_from = _walk(net.parents, net.children, starts, set(observed))
    for end in ends:
        for direction in (_DOWN, _UP):
            if (end, direction) in came_from:
                return _in_words(net.parents, came_from, (end, direction))
    return None


def connected(parents: Parents, sources: Iterable[str], given: Collection[str]) -> set[str]:
    """Every variable that is not d-separated from the sources; the sources among them."""
    walk = _walk(parents, children_of(parents), sources, set(given))
    return {node for node, _ in walk} - set(given)


def without_arrows_from(parents: Parents, nodes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The graph after removing every arrow that leaves one of these nodes."""
    return {
        node: tuple(parent for parent in its_parents if parent not in nodes)
        for node, its_parents in parents.items()
    }


_State = tuple[str, str]


def _walk(
    parents: Parents, children: Parents, sources: Iterable[str], given: set[str]
) -> dict[_State, _State | None]:
    """Every (node, direction) that is reached, and from where."""
    opened = given | reachable(given, parents)  # a collider here is open
    came_from: dict[_State, _State | None] = {}
    waiting: list[tuple[_State, _State | None]] = [((node, _UP), None) for node in sources]
    for state, before in waiting:  # the list grows while we walk it: shortest paths first
        if state in came_from:
            continue
        came_from[state] = before
        node, direction = state
        upwards = node not in given if direction == _UP else node in opened
        if upwards:
            waiting.extend(((parent, _UP), state) for parent in parents[node])
        if node not in given:
            waiting.extend(((child, _DOWN), state) for child in children[node])
    return came_from


def _in_words(parents: Parents, came_from: Mapping[_State, _State | None], end: _State) -> str:
    nodes = [end[0]]
    state = came_from[end]
    while state is not None:
        nodes.append(state[0])
        state = came_from[state]
    nodes.reverse()
    words = [nodes[0]]
    for before, after in pairwise(nodes):
        words += ["→" if before in parents[after] else "←", after]
    return " ".join(words)
