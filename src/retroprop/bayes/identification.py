"""What an observer can know of an intervention: back-door and front-door sets, and their formulas.

The network itself answers P(y | do(x)) by surgery, because it has all tables. Who has only data of
some variables needs a formula in observed probabilities:

    back-door Z:     P(y | do(x)) = Σ_z P(y | x, z) P(z)
    front-door M:    P(y | do(x)) = Σ_m P(m | x) Σ_x′ P(y | x′, m) P(x′)

Z holds no descendant of x and blocks every path that enters x. M intercepts every directed path
from x to y, no open path enters x on the way to M, and x blocks every path that enters M on the way
to y.

The minimal back-door sets are the minimal separators of x and y in the moral graph of their
ancestors, arrows out of x removed; they are listed one from the other, moving away from x. The
minimal front-door sets are listed by leaving out a node of one that was found; a fixed point tells
at each step whether there still is a set.

Source: Pearl, Causality (2009), 3.3; van der Zander, Liśkiewicz and Textor, Constructing separators
and adjustment sets in ancestral graphs (2014); Jeong, Tian and Bareinboim, Finding and listing
front-door adjustment sets (2022).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from retroprop.bayes.graph import reachable
from retroprop.bayes.memory import DEFAULT_MEMORY
from retroprop.bayes.network import Network
from retroprop.bayes.queries import query
from retroprop.bayes.separation import Parents, connected, without_arrows_from
from retroprop.bayes.table import NamedTable
from retroprop.errors import UserError

AT_MOST = 1000


@dataclass(frozen=True)
class AdjustmentSet:
    """Variables that identify P(outcome | do(treatment)), with their formula.

    Attributes:
        kind: "back-door" or "front-door".
        treatment: x.
        outcome: y.
        variables: Z or M, in the order of the network; may be empty for a back-door set.
    """

    kind: str
    treatment: str
    outcome: str
    variables: tuple[str, ...]

    @property
    def formula(self) -> str:
        """The estimand.

        >>> AdjustmentSet("back-door", "X", "Y", ("Z",)).formula
        'P(Y | do(X)) = Σ_Z P(Y | X, Z) P(Z)'
        """
        x, y, names = self.treatment, self.outcome, ", ".join(self.variables)
        effect = f"P({y} | do({x}))"
        if not self.variables:
            return f"{effect} = P({y} | {x})"
        below = names if len(self.variables) == 1 else f"{{{names}}}"
        if self.kind == "back-door":
            return f"{effect} = Σ_{below} P({y} | {x}, {names}) P({names})"
        return f"{effect} = Σ_{below} P({names} | {x}) Σ_{x}′ P({y} | {x}′, {names}) P({x}′)"

    def __str__(self) -> str:
        """The set and its formula."""
        return f"{{{', '.join(self.variables)}}} ({self.kind}): {self.formula}"

    def estimate(self, net: Network) -> NamedTable:
        """P(outcome | do(treatment)) by the formula, from observed probabilities only.

        Returns:
            A table [treatment, outcome]; it equals the surgery's answers.

        Raises:
            UserError: If the formula needs a conditional probability whose condition never occurs.
        """
        names = [self.treatment, self.outcome, *self.variables]
        # The formula works with up to four arrays of that size.
        joint = np.asarray(query(net, names, memory=DEFAULT_MEMORY // 4).values)
        joint = joint.reshape(*joint.shape[:2], -1)  # (x, y, z)
        formula = _back_door if self.kind == "back-door" else _front_door
        values = formula(joint, self)
        title = f"P({self.outcome} | do({self.treatment}))"
        return NamedTable(values, names[:2], net.states, title=title)


def backdoor_sets(
    net: Network,
    x: str,
    y: str,
    *,
    unobserved: str | Sequence[str] = (),
    at_most: int = AT_MOST,
) -> list[AdjustmentSet]:
    """All minimal back-door sets, the smallest first.

    Args:
        net: The network.
        x: The treatment.
        y: The outcome.
        unobserved: Variables that nobody measures, so that no set may hold them.
        at_most: More sets than that are refused.

    Raises:
        UserError: For an unknown variable, or if there are too many sets.
    """
    return _smallest_first(net, minimal_backdoor_sets(net, x, y, unobserved=unobserved), at_most)


def minimal_backdoor_sets(
    net: Network, x: str, y: str, *, unobserved: str | Sequence[str] = ()
) -> Iterator[AdjustmentSet]:
    """The minimal back-door sets one after the other, those nearest to x first.

    Raises:
        UserError: For an unknown variable.
    """
    hidden = _checked(net, x, y, unobserved)
    graph = without_arrows_from(net.parents, [x])
    moral = _moral_graph(graph, {x, y} | reachable([x, y], graph))
    for node in (hidden | net.descendants(x)) - {x, y}:
        _eliminate(moral, node)
    for separator in _minimal_separators(moral, x, y):
        yield _as_set("back-door", net, x, y, separator)


def frontdoor_sets(
    net: Network,
    x: str,
    y: str,
    *,
    unobserved: str | Sequence[str] = (),
    at_most: int = AT_MOST,
) -> list[AdjustmentSet]:
    """All minimal front-door sets, the smallest first; see `backdoor_sets` for the arguments.

    Raises:
        UserError: For an unknown variable, or if there are too many sets.
    """
    hidden = _checked(net, x, y, unobserved)
    if y not in net.descendants(x):
        return []  # there is no influence to intercept
    door = _FrontDoor(net.parents, net.children, x, y)
    # Cutting the arrows of what is no ancestor of y closes no path to y.
    minimal = door.minimal_sets(net.ancestors(y) - hidden - {x})
    sets = (_as_set("front-door", net, x, y, one) for one in minimal)
    return _smallest_first(net, sets, at_most)


def _checked(net: Network, x: str, y: str, unobserved: str | Sequence[str]) -> frozenset[str]:
    for name in (x, y):
        if not isinstance(name, str):
            raise UserError(f"the treatment and the outcome are one variable each, got {name!r}.")
    net.names_of([x, y])
    hidden = frozenset(net.names_of(unobserved))
    if wrong := hidden & {x, y}:
        raise UserError(f"{min(wrong)} cannot be unobserved: the question is about it.")
    return hidden


def _as_set(kind: str, net: Network, x: str, y: str, nodes: Collection[str]) -> AdjustmentSet:
    return AdjustmentSet(kind, x, y, tuple(name for name in net.variables if name in nodes))


def _smallest_first(
    net: Network, sets: Iterator[AdjustmentSet], at_most: int
) -> list[AdjustmentSet]:
    """The smallest first, then as the variables stand in the network."""
    found = list(islice(sets, at_most + 1))
    if len(found) > at_most:
        one = found[0]
        raise UserError(
            f"{one.treatment} and {one.outcome} have more than {at_most:,} minimal {one.kind} "
            "sets; allow more with at_most."
        )
    place = {name: i for i, name in enumerate(net.variables)}
    return sorted(
        found, key=lambda one: (len(one.variables), [place[name] for name in one.variables])
    )


# --- back door ------------------------------------------------------------------------------------

_Graph = dict[str, set[str]]


def _moral_graph(parents: Parents, nodes: Collection[str]) -> _Graph:
    """The undirected graph of these nodes in which parents of one child are joined."""
    graph: _Graph = {node: set() for node in nodes}
    for node in nodes:
        for one, other in combinations([node, *parents[node]], 2):
            graph[one].add(other)
            graph[other].add(one)
    return graph


def _eliminate(graph: _Graph, node: str) -> None:
    """Remove a node that no separator may hold, joining its neighbours."""
    around = graph.pop(node, set())
    for one in around:
        graph[one].discard(node)
        graph[one] |= around - {node, one}


def _minimal_separators(graph: _Graph, a: str, b: str) -> Iterator[frozenset[str]]:
    """Every minimal set of nodes that separates a from b, each once."""
    if b in graph[a]:
        return
    first = _nearest_separator(graph, {a}, b)
    seen, waiting = {first}, [first]
    for separator in waiting:  # the list grows while we walk it
        yield separator
        side = _component(graph, a, separator)
        for node in sorted(separator):
            if b not in graph[node]:
                following = _nearest_separator(graph, side | {node}, b)
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)


def _nearest_separator(graph: _Graph, side: set[str], b: str) -> frozenset[str]:
    """The minimal separator from b that lies nearest to one side."""
    around = side.union(*(graph[node] for node in side))
    far = _component(graph, b, around)
    return frozenset(set().union(*(graph[node] for node in far)) - far)


def _component(graph: _Graph, start: str, removed: Collection[str]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for node in graph[waiting.pop()]:
            if node not in found and node not in removed:
                found.add(node)
                waiting.append(node)
    return found


def _back_door(joint: np.ndarray, asked: AdjustmentSet) -> np.ndarray:
    """Σ_z P(y | x, z) P(z) from P(x, y, z)."""
    of_z = joint.sum((0, 1))
    of_xz = joint.sum(1, keepdims=True)  # (x, 1, z)
    if ((of_xz[:, 0] == 0) & (of_z > 0)).any():
        raise _no_overlap(asked)
    return (joint * of_z / np.where(of_xz > 0, of_xz, 1)).sum(-1)


# --- front door -----------------------------------------------------------------------------------


class _FrontDoor:
    """The search for the sets of one treatment and outcome."""

    def __init__(self, parents: Parents, children: Parents, x: str, y: str) -> None:
        self.parents, self.children, self.x, self.y = parents, children, x, y
        self.tied_to_x = connected(without_arrows_from(parents, [x]), [x], ())

    def minimal_sets(self, allowed: frozenset[str]) -> Iterator[frozenset[str]]:
        """Every minimal set among these nodes, each once.

        Whatever other minimal set there is lacks one of the nodes m₁, m₂, … of the one just found:
        it has none of {m₁}, or m₁ and none of {m₂}, and so on.
        """
        waiting = [(frozenset[str](), allowed)]  # nodes that must be in, nodes that may be in
        while waiting:
            inside, region = waiting.pop()
            largest = self.largest(region)
            if largest is None or not inside <= largest:
                continue
            found = self.shrunk(largest, inside)
            if inside <= found:
                yield found
            for node in sorted(found - inside):
                waiting.append((inside, largest - {node}))
                inside |= {node}

    def shrunk(self, nodes: frozenset[str], inside: frozenset[str]) -> frozenset[str]:
        """A minimal set, by leaving out what can be left out, `inside` last."""
        for node in (*sorted(nodes - inside), *sorted(inside)):
            if node in nodes:
                nodes = self.largest(nodes - {node}) or nodes
        return nodes

    def largest(self, allowed: frozenset[str]) -> frozenset[str] | None:
        """The largest front-door set among these nodes, which holds all others; None if none."""
        nodes = set(allowed) - self.tied_to_x
        while True:
            # Arrows that leave the set are cut; fewer nodes cut fewer, so what is tied to y now
            # is tied to it in every smaller set too.
            cut = without_arrows_from(self.parents, nodes)
            tied_to_y = connected(cut, [self.y], [self.x]) & nodes
            if not tied_to_y:
                break
            nodes -= tied_to_y
        return frozenset(nodes) if self._intercepts(nodes) else None

    def _intercepts(self, nodes: set[str]) -> bool:
        """Whether no directed path leads from x to y around these nodes."""
        around = {
            node: () if node in nodes else children for node, children in self.children.items()
        }
        return self.y not in reachable([self.x], around)


def _front_door(joint: np.ndarray, asked: AdjustmentSet) -> np.ndarray:
    """Σ_m P(m | x) Σ_x′ P(y | x′, m) P(x′) from P(x, y, m)."""
    of_xm = joint.sum(1)  # (x, m)
    of_x = of_xm.sum(-1)
    if (of_x == 0).any():
        raise _no_overlap(asked)
    occurs = (of_xm > 0).any(0)
    if ((of_xm == 0) & occurs).any():
        raise _no_overlap(asked)
    outcome = joint / np.where(of_xm > 0, of_xm, 1)[:, None]  # P(y | x, m)
    averaged = np.einsum("xym,x->ym", outcome, of_x)
    return np.einsum("xm,ym->xy", of_xm / of_x[:, None], averaged)


def _no_overlap(asked: AdjustmentSet) -> UserError:
    return UserError(
        f"{asked.formula} needs every state of {asked.treatment} to occur with every "
        f"{', '.join(asked.variables) or 'case'} that occurs, and one never does; ask the network "
        f"itself: query({asked.outcome!r}, do={{{asked.treatment!r}: …}})."
    )
