"""The document's way to answer part 1: multiply the five tables, cut, sum, divide.

It has the document's digits on every processor, and is what elimination is checked against. With
five variables the joint table has 48 cells, with fifty no disk would hold it; `retroprop.bayes`
never forms it.
"""

import re

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes import BayesNet
from retroprop.labs.inf8225_tp1.queries import AXES

_QUESTION = re.compile(r"P\((?P<target>\w)(?:=(?P<state>\w+))?(?: \| (?P<given>.*))?\)")
_CONDITION = re.compile(r"(?P<do>do\()?(?P<variable>\w)=(?P<state>\w+)\)?")


def on_five_axes(net: BayesNet, variable: str) -> NDArray[np.float64]:
    """P(variable | parents) with the axes S, D, R, G, L, of size 1 where it does not depend."""
    family = {*net.parents[variable], variable}  # their axes are in this order already
    shape = [len(net.states[axis]) if axis in family else 1 for axis in AXES]
    return net.tables[variable].reshape(shape)


def joint_table(net: BayesNet, without: str = "") -> NDArray[np.float64]:
    """The product of the tables; the table of a variable that is set is left out."""
    joint = np.ones(1)
    for variable in net.variables:
        if variable != without:
            joint = joint * on_five_axes(net, variable)
    return joint * np.ones([len(net.states[axis]) for axis in AXES])  # also axes left out


def ask_joint(net: BayesNet, question: str) -> NDArray[np.float64]:
    """The answer to a question of the document: a distribution, or one number."""
    asked = _QUESTION.fullmatch(question)
    assert asked is not None, question
    conditions = list(_CONDITION.finditer(asked["given"] or ""))
    joint = joint_table(net, *[one["variable"] for one in conditions if one["do"]])
    for one in conditions:
        variable = one["variable"]
        kept = [net.states[variable].index(one["state"])]
        joint = joint.take(kept, axis=AXES.index(variable))
    target = AXES.index(asked["target"])
    sums = joint.sum(axis=tuple(axis for axis in range(len(AXES)) if axis != target))
    shares = sums / joint.sum()
    if asked["state"]:
        return np.array(shares[net.states[asked["target"]].index(asked["state"])])
    return shares
