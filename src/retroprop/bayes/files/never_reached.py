"""Rows of zeros: whether the parents that they are for can occur.

A row of zeros makes the product of the tables 0 wherever its parents have those states. If they
never have, P(parents) = 0, the product is a distribution all the same, and whatever the row holds
instead changes none of its probabilities. If they can, the tables are no Bayesian network.

So each table with such rows gets a witness, a child of the same parents that says whether their
configuration is one of them; the network with these witnesses, the rows made uniform, answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.graph import reachable
from retroprop.bayes.network import Network
from retroprop.bayes.queries import posteriors, query
from retroprop.errors import UserError

MOST_VARIABLES = 5_000  # a sweep over as many takes two seconds
MEMORY = 2**28  # bytes

Table = NDArray[np.float64]


def reached_row(
    states: Mapping[str, tuple[str, ...]],
    parents: Mapping[str, tuple[str, ...]],
    tables: Mapping[str, Table],
    zeros: Mapping[str, NDArray[np.bool_]],
) -> tuple[str, Sequence[Any], str]:
    """A row of zeros whose parents can occur.

    Args:
        states: Of each variable.
        parents: Of each variable.
        tables: Of each variable, its rows of zeros made uniform.
        zeros: Variable to which rows of its table were zeros, an axis for each parent.

    Returns:
        The variable, the states of its parents and why the row is refused; "" for the variable
        where no such parents can occur.
    """
    relevant = reachable(zeros, parents) | set(zeros)
    first = next(iter(zeros))
    somewhere = np.argwhere(zeros[first])[0]
    if len(relevant) > MOST_VARIABLES:
        return first, somewhere, (
            f"and whether these parents can occur is worked out only for at most "
            f"{MOST_VARIABLES:,} variables"
        )  # fmt: skip
    spec: dict[str, tuple[Table, Sequence[str]]] = {
        name: (table, parents[name]) for name, table in tables.items() if name in relevant
    }
    witnesses = {name: f"\0{name}" for name in zeros}  # no variable of a file has such a name
    for name, witness in witnesses.items():
        spec[witness] = (
            np.stack([~zeros[name], zeros[name]], axis=-1).astype(float),
            parents[name],
        )
    net = Network(spec, {name: states[name] for name in relevant})
    try:
        answers = posteriors(net, memory=MEMORY)
        for name, witness in witnesses.items():
            if answers[witness].values[1] > 0:
                return name, *_most_probable(net, name, zeros[name])
    except UserError:
        return first, somewhere, "and whether these parents can occur takes too much memory to say"
    return "", (), ""


def _most_probable(net: Network, name: str, zeros: NDArray[np.bool_]) -> tuple[Sequence[Any], str]:
    its_parents = net.parents[name]
    joint = query(net, its_parents, memory=MEMORY).values if its_parents else np.ones(())
    joint = np.where(zeros, joint, 0.0)
    index = np.unravel_index(int(np.argmax(joint)), joint.shape)
    return index, (
        f"and these parents occur with probability {float(joint[index]):.6g}; only a row whose "
        "parents never occur may be zeros"
        if its_parents
        else "and a variable without parents always has a state"
    )
