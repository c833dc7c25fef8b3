"""Which tables a query needs: barren variables and d-separated ones are left out.

A variable that is no ancestor of a target or of evidence is barren: its table sums to one. In what
is left, tables are cut at the evidence (an observed variable is a number, no axis), and those that
no chain of free variables links to a target are independent of it given the evidence: this is
d-separation, read off the moral graph of the ancestors. Such tables contribute one factor, the
probability of their evidence, which is needed only to know that it is not zero.

Source: Shachter, Bayes-Ball (1998); Koller and Friedman (2009), 9.3.1 and 9.7.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from retroprop.bayes.coding import CodedNetwork, members


class Signature(NamedTuple):
    """What is asked, without the observed states: one compiled plan serves all of them.

    Attributes:
        targets: Variables of the answer, in the order of its axes; None for every variable.
        given: Variables with hard evidence.
        do: Variables fixed by intervention.
        soft: Variables with a likelihood.
    """

    targets: tuple[int, ...] | None
    given: tuple[int, ...] = ()
    do: tuple[int, ...] = ()
    soft: tuple[int, ...] = ()


class Leaf(NamedTuple):
    """One factor of the product: the table of a variable, or its likelihood.

    Attributes:
        variable: Whose table it is.
        scope: Free variables, in the order of the table's axes.
        observed: Parents and own variable that evidence or an intervention fixes.
        is_likelihood: Whether this is the soft evidence on the variable, not its table.
    """

    variable: int
    scope: tuple[int, ...]
    observed: tuple[int, ...]
    is_likelihood: bool = False


def relevant_leaves(net: CodedNetwork, signature: Signature) -> list[Leaf]:
    """The factors whose product, summed over the free variables, answers the query.

    Factors that do not bear on the targets are kept only where they can show that the evidence is
    impossible.
    """
    targets, given, do, soft = signature
    if targets is None:
        kept = (1 << len(net.names)) - 1
    else:
        kept = net.ancestral_set((*targets, *given, *soft), do)
    fixed = {*given, *do}
    leaves = []
    for v in members(kept):
        if v not in do:
            family = net.families[v]
            free = tuple(u for u in family if u not in fixed)
            leaves.append(Leaf(v, free, tuple(u for u in family if u in fixed)))
    leaves += [Leaf(v, (v,), (), is_likelihood=True) for v in soft]
    if not targets:
        return leaves
    linked = linked_factors([leaf.scope for leaf in leaves], targets)
    apart = (leaf.variable for i, leaf in enumerate(leaves) if i not in linked)
    suspects = suspicious(net, signature, apart)
    tested = net.ancestral_set(suspects, do) if suspects else 0
    return [leaf for i, leaf in enumerate(leaves) if i in linked or tested >> leaf.variable & 1]


def linked_factors(scopes: Sequence[Sequence[int]], targets: Sequence[int]) -> set[int]:
    """The factors that a chain of shared free variables links to a target."""
    holders: dict[int, list[int]] = {}
    for i, scope in enumerate(scopes):
        for v in scope:
            if v in holders:
                holders[v].append(i)
            else:
                holders[v] = [i]
    linked: set[int] = set()
    waiting = list(targets)
    for v in waiting:  # the list grows while we walk it
        for i in holders.pop(v, ()):
            if i not in linked:
                linked.add(i)
                waiting.extend(scopes[i])
    return linked


def suspicious(net: CodedNetwork, signature: Signature, apart: Iterable[int]) -> list[int]:
    """The evidence, of some variables apart from the targets, that could be impossible.

    Evidence on a variable whose table holds no 0 is possible whatever its parents are. So evidence
    is possible if that on the other variables is: extend any state of these and their ancestors,
    parents first.
    """
    return [v for v in apart if v in signature.soft or (v in signature.given and net.has_zero[v])]
