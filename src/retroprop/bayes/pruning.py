"""Which tables a query needs: barren variables and d-separated ones are left out.

A variable that is no ancestor of a target or of evidence is barren: its table sums to one. In what
is left, tables are cut at the evidence (an observed variable is a number, no axis), and those that
no chain of free variables links to a target are independent of it given the evidence: this is
d-separation, read off the moral graph of the ancestors. Such tables contribute one factor, the
probability of their evidence, which is needed only to know that it is not zero.

Source: Shachter, Bayes-Ball (1998); Koller and Friedman (2009), 9.3.1 and 9.7.
"""

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
    """The factors whose product, summed over the free variables, answers the query."""
    targets, given, do, soft = signature
    if targets is None:
        kept = (1 << len(net.names)) - 1
    else:
        kept = net.ancestral_set((*targets, *given, *soft), do)
    fixed = {*given, *do}
    leaves = []
    for v in members(kept):
        if v not in do:
            family = (*net.parents[v], v)
            free = tuple(u for u in family if u not in fixed)
            leaves.append(Leaf(v, free, tuple(u for u in family if u in fixed)))
    leaves += [Leaf(v, (v,), (), is_likelihood=True) for v in soft]
    return leaves


def components(leaves: list[Leaf]) -> list[list[Leaf]]:
    """The leaves in groups that share no free variable; a leaf without any is its own group."""
    holders: dict[int, list[int]] = {}
    for i, leaf in enumerate(leaves):
        for v in leaf.scope:
            holders.setdefault(v, []).append(i)
    group = [-1] * len(leaves)
    groups: list[list[Leaf]] = []
    for start in range(len(leaves)):
        if group[start] >= 0:
            continue
        group[start] = len(groups)
        found = [start]
        for i in found:  # the list grows while we walk it
            for v in leaves[i].scope:
                for j in holders.pop(v, ()):
                    if group[j] < 0:
                        group[j] = group[start]
                        found.append(j)
        groups.append([leaves[i] for i in sorted(found)])
    return groups
