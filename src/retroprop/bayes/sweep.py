"""All posteriors in one reverse sweep: backpropagation through the circuit of the evidence.

The root of the circuit is Z = P(evidence). It is linear in every factor, so with the adjoint
Z̄(n) = ∂Z/∂n of a node n,

    P(x, evidence) = Σ_{scope of n without x} n · Z̄(n)          for any node n that holds x,
    Z̄(a) = Σ Z̄(n) · b                                           for a product n = Σ a · b.

This is reverse-mode differentiation, and costs twice the forward pass whatever the number of
variables. The adjoints are nodes of the same circuit: they are tabulated, deduplicated and rescaled
as all others.

Source: Darwiche, A differential approach to inference in Bayesian networks (2003).
"""

from retroprop.bayes.circuit import Circuit
from retroprop.bayes.ordering import SECONDS_PER_PRODUCT, SECONDS_PER_STEP

OVERHEAD = int(SECONDS_PER_STEP / SECONDS_PER_PRODUCT)  # products that cost as much as one step


def add_posteriors(circuit: Circuit) -> None:
    """Extend a circuit by one output for every free variable of its leaves."""
    reader = _Reader(circuit)
    variables = sorted(frozenset().union(*(node.scope for node in circuit.nodes)))
    places = [(v, reader.place(v)) for v in variables]
    adjoints = _add_adjoints(circuit, reader)
    for v, k in places:
        adjoint = adjoints[k]
        if adjoint is None and circuit.nodes[k].scope == {v}:
            circuit.outputs[(v,)] = k
        else:
            children = (k,) if adjoint is None else (k, adjoint)
            circuit.outputs[(v,)] = circuit.add(children, {v})


def add_families(circuit: Circuit) -> None:
    """Extend a circuit by one output for every table: the leaf times its adjoint."""
    leaves = [
        (k, leaf.scope)
        for k, leaf in enumerate(circuit.leaves)
        if leaf.scope and not leaf.is_likelihood
    ]
    reader = _Reader(circuit)
    for k, _ in leaves:
        reader.needed.update(reader.chain(k))
    adjoints = _add_adjoints(circuit, reader)
    for k, scope in leaves:
        adjoint = adjoints[k]
        circuit.outputs[scope] = k if adjoint is None else circuit.add((k, adjoint), scope)


class _Reader:
    """Chooses where each variable is read, so that few adjoints are needed.

    Attributes:
        needed: Nodes whose adjoint some reading needs.
        parents: Node to the one that multiplies it.
    """

    def __init__(self, circuit: Circuit):
        self.circuit = circuit
        self.parents = {child: k for k, node in enumerate(circuit.nodes) for child in node.children}
        self.needed: set[int] = set()
        self.holders: dict[int, list[int]] = {}
        self.size = [circuit.size(node.scope) for node in circuit.nodes]
        for k, node in enumerate(circuit.nodes):
            for v in node.scope:
                self.holders.setdefault(v, []).append(k)

    def chain(self, k: int) -> list[int]:
        """The nodes from k upwards whose adjoints are still missing, the root left out."""
        missing = []
        while k in self.parents and k not in self.needed:
            missing.append(k)
            k = self.parents[k]
        return missing

    def cost(self, k: int) -> int:
        """Products, and steps counted as products, for reading a variable at a node."""
        above = [self.size[self.parents[q]] * 2 + OVERHEAD for q in self.chain(k)]
        return self.size[k] + sum(above)

    def place(self, v: int) -> int:
        """The cheapest node that holds a variable, which is then needed."""
        best = min(reversed(self.holders[v]), key=self.cost)
        self.needed.update(self.chain(best))
        return best


def _add_adjoints(circuit: Circuit, reader: _Reader) -> dict[int, int | None]:
    """The node with the adjoint of every needed node; None stands for the constant 1."""
    adjoints: dict[int, int | None] = dict.fromkeys(circuit.roots)
    for k in range(len(circuit.nodes) - 1, -1, -1):
        for child in circuit.nodes[k].children:
            if child not in reader.needed:
                continue
            others = [other for other in circuit.nodes[k].children if other != child]
            factors = [node for node in (adjoints[k], *others) if node is not None]
            adjoints[child] = _product(circuit, factors, circuit.nodes[child].scope)
    return adjoints


def _product(circuit: Circuit, factors: list[int], scope: frozenset[int]) -> int | None:
    """The product of at most two nodes, restricted to a scope; no new node where none is needed."""
    if not factors:
        return None
    held = frozenset().union(*(circuit.nodes[k].scope for k in factors))
    if len(factors) == 1 and held <= scope:
        return factors[0]
    return circuit.add(tuple(factors), held & scope)
