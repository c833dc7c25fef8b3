"""Part 1: sixteen queries to the Bayesian network, one point each.

    P(S, D, R, G, L) = P(S) P(D) P(R | S) P(G | S, D) P(L | G)

The reference cuts, sums and divides the joint table, as the document does, so that what goes wrong
there can be done wrong here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.bayes.networks import load
from retroprop.grading.checks import Check, Mistake, Question, Values
from retroprop.grading.comparison import close
from retroprop.labs.inf8225_tp1.joint import joint_table
from retroprop.labs.inf8225_tp1.queries import AXES
from retroprop.labs.inf8225_tp1.queries import QUESTIONS as QUERIES
from retroprop.languages import say_later

_QUERY = re.compile(r"P\((\w)(?:=\w(\d))?(?: \| (.*))?\)")
_CONDITION = re.compile(r"(do\()?(\w)=\w(\d)")
_NET = load("inf8225")


@dataclass(frozen=True, kw_only=True)
class Query:
    """Pr(target | observed, do(set)).

    Attributes:
        target: A variable.
        state: Of the target, where one number is asked for.
        given: Variable → state, of observed and set ones.
        set_one: The variable that is set, or "".
    """

    target: str
    state: int | None
    given: dict[str, int]
    set_one: str


def parsed(question: str) -> Query:
    """A query in the notation of `queries`: P(R | D=d1, G=g2), P(R | do(G=g2)), P(G=g1 | L=l1)."""
    found = _QUERY.fullmatch(question)
    assert found is not None, question
    conditions = _CONDITION.findall(found[3] or "")
    return Query(
        target=found[1],
        state=int(found[2]) if found[2] else None,
        given={variable: int(state) for _, variable, state in conditions},
        set_one="".join(variable for do, variable, _ in conditions if do),
    )


def answered(
    values: Values,
    answer: Any,
    *,
    do: str = "set",
    divided: bool = True,
    order: int = 1,
    evidence: str = "all",
    target: str = "itself",
    inverted: bool = False,
    scale: float = 1,
    decimals: int = 15,
) -> Tensor:
    """The answer to a query.

    Args:
        values: The question's letter.
        answer: Ignored.
        do: "set", or "observed" where the intervention is taken for an observation.
        divided: By the probability of the evidence.
        order: −1 for the states from the last to the first.
        evidence: "all", "none", "first", "last" or, of each variable, the "other state".
        target: "itself", or "every state" where one is asked for.
        inverted: Whether evidence and target change places.
        scale: 100 for percent.
        decimals: How many are left.
    """
    query = parsed(QUERIES[values["letter"]].question)
    cut = query.set_one if do == "set" else ""
    joint = torch.from_numpy(joint_table(_NET, cut)).clone()
    for variable, state in _kept(query.given, evidence).items():
        axis = AXES.index(variable)
        last = joint.shape[axis] - 1
        at = last - state if evidence == "other state" else state
        joint = joint.narrow(axis, at, 1)
    axis = AXES.index(query.target)
    sums = joint.sum([other for other in range(len(AXES)) if other != axis])
    if (
        inverted and query.given and not query.set_one
    ):  # what is divided by the probability of the target instead
        prior = torch.from_numpy(joint_table(_NET, cut)).sum(
            [other for other in range(len(AXES)) if other != axis]
        )
        shares = sums / prior
    else:
        shares = sums / sums.sum() if divided else sums
    shares = (scale * shares).round(decimals=decimals)
    if query.state is not None and target == "itself":
        return shares[query.state]
    return shares if order == 1 else shares.flip(0)


def _kept(given: dict[str, int], evidence: str) -> dict[str, int]:
    kept = list(given.items())
    return dict({"none": [], "first": kept[:1], "last": kept[-1:]}.get(evidence, kept))


ROUNDED = say_later("the answer is rounded: return what was computed")
MISTAKES = [
    Mistake(
        name="conditioning instead of do",
        sentence=say_later(
            "the intervention is taken for an observation: do(…) cuts the arrows into the variable "
            "that is set, so leave its table out of the product"
        ),
        switches={"do": "observed"},
    ),
    Mistake(
        name="not normalised",
        sentence=say_later(
            "the probabilities do not add up to 1: divide by the probability of the evidence"
        ),
        switches={"divided": False},
    ),
    Mistake(
        name="states in reverse order",
        sentence=say_later("the states stand in reverse order: the first is that of index 0"),
        switches={"order": -1},
    ),
    Mistake(
        name="evidence left out",
        sentence=say_later("the evidence is not used: this is the distribution without it"),
        switches={"evidence": "none"},
    ),
    Mistake(
        name="states of the evidence swapped",
        sentence=say_later("the evidence is taken at another state than the one that is given"),
        switches={"evidence": "other state"},
    ),
    Mistake(
        name="first condition only",
        sentence=say_later("only the first condition is used"),
        switches={"evidence": "first"},
    ),
    Mistake(
        name="second condition only",
        sentence=say_later("only the second condition is used"),
        switches={"evidence": "last"},
    ),
    Mistake(
        name="every state instead of one",
        sentence=say_later("the whole distribution is given where one state is asked for"),
        switches={"target": "every state"},
    ),
    Mistake(
        name="condition and target swapped",
        sentence=say_later(
            "the evidence given the target is answered: divide by the probability of the evidence, "
            "not by that of the target"
        ),
        switches={"inverted": True},
    ),
    Mistake(
        name="probabilities in percent",
        sentence=say_later("the probabilities are in percent: fractions are wanted"),
        switches={"scale": 100.0},
    ),
    *(
        Mistake(name=f"rounded to {n} decimals", sentence=ROUNDED, switches={"decimals": n})
        for n in (2, 3)
    ),
]


def _that_show(letter: str) -> Sequence[Mistake]:
    """The mistakes that change the answer to a query, each other way of being wrong once."""
    values = {"letter": letter}
    found, shown = [answered(values, None)], []
    for mistake in MISTAKES:
        wrong = answered(values, None, **mistake.switches)
        apart = 3e-4 if "decimals" in mistake.switches else 1e-3
        if not any(close(wrong, one, apart) for one in found):
            shown.append(mistake)
            found.append(wrong)
    return shown


def _letter(letter: str) -> Any:
    def inputs(generator: Generator) -> Values:
        return {"letter": letter}

    return inputs


def _question(letter: str) -> Question:
    return Question(
        number=f"1{letter}",
        name=QUERIES[letter].question,
        points=1,
        checks=[
            Check(
                name=say_later("the answer"),
                share=1,
                probe="answer_to_query",
                inputs=_letter(letter),
                reference=answered,
                mistakes=_that_show(letter),
                pairs=False,
                public=True,
            )
        ],
    )


QUESTIONS = [_question(letter) for letter in QUERIES]
