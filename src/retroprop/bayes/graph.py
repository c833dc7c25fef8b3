"""Directed graphs given by the parents of every node: order, cycle, ancestors, descendants."""

from collections.abc import Iterable, Mapping, Sequence


def children_of(parents: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The children of every node, in the order of the nodes."""
    children: dict[str, list[str]] = {node: [] for node in parents}
    for node, its_parents in parents.items():
        for parent in its_parents:
            children[parent].append(node)
    return {node: tuple(its_children) for node, its_children in children.items()}


def topological_order(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """The nodes with every parent before its children, or None if there is a cycle.

    >>> topological_order({"b": ["a"], "a": [], "c": ["b"]})
    ('a', 'b', 'c')
    """
    children = children_of(parents)
    missing = {node: len(its_parents) for node, its_parents in parents.items()}
    order = [node for node, count in missing.items() if count == 0]
    for node in order:  # the list grows while we walk it
        for child in children[node]:
            missing[child] -= 1
            if missing[child] == 0:
                order.append(child)
    return tuple(order) if len(order) == len(missing) else None


def find_cycle(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """A directed cycle, first node repeated at the end; empty if there is none.

    >>> find_cycle({"a": ["c"], "b": ["a"], "c": ["b"]})
    ['a', 'b', 'c', 'a']
    """
    left = {node: set(its_parents) for node, its_parents in parents.items()}
    free = [node for node, its_parents in left.items() if not its_parents]
    children = children_of(parents)
    while free:
        node = free.pop()
        del left[node]
        for child in children[node]:
            left[child].discard(node)
            if not left[child]:
                free.append(child)
    if not left:
        return []
    # Every node that is left has a parent that is left: walking up must meet a node twice.
    walk = [next(iter(left))]
    first_at: dict[str, int] = {}
    while walk[-1] not in first_at:
        first_at[walk[-1]] = len(walk) - 1
        walk.append(next(parent for parent in parents[walk[-1]] if parent in left))
    cycle = walk[first_at[walk[-1]] :]
    cycle.reverse()
    return cycle


def reachable(start: Iterable[str], neighbours: Mapping[str, Sequence[str]]) -> set[str]:
    """Every node that a path from the start leads to, the start itself left out unless met."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for node in neighbours[waiting.pop()]:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found
