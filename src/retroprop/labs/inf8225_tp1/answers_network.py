"""Part 1: the tables, the sixteen queries, and what observing is beside intervening.

The sentences and drawings are those of the report `inf8225-bayes`. Everything is computed while the
document is written, and once more from the joint table.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from retroprop.bayes import BayesNet
from retroprop.bayes.networks import load
from retroprop.bayes.table import NamedTable
from retroprop.labs.inf8225_tp1.interpretation import DOWNWARDS, Interpretation, Passage
from retroprop.labs.inf8225_tp1.joint import ask_joint, joint_table, on_five_axes
from retroprop.labs.inf8225_tp1.queries import QUESTIONS
from retroprop.labs.source_code import source
from retroprop.report.document import Block, Cell, Code, Equation, Paragraph, Row, Table
from retroprop.report.lab_report import Answer, LabReport


def _interpretation(lab: LabReport) -> Interpretation:
    return Interpretation(load("inf8225"), lab.say, lab.numbers, lab.language)


def network(lab: LabReport) -> Iterator[Block]:
    """The graph and its variables."""
    said = _interpretation(lab)
    yield lab.prose(
        "Each variable depends on its parents alone, so the joint probability is the product of "
        "five tables:"
    )
    yield Equation(source="P(S, D, R, G, L) = P(S) P(D) P(R | S) P(G | S, D) P(L | G)")
    yield said.variables()
    yield said.drawing("prior")


def tables(lab: LabReport) -> Iterator[Block]:
    """The five tables, and whether they are distributions."""
    net = load("inf8225")
    yield lab.prose(
        "A table holds one distribution for every combination of the parents’ states, one row "
        "each. As five-dimensional arrays with the axes (S, D, R, G, L), of size 1 where a "
        "variable does not occur, their product by broadcasting is the joint table:"
    )
    shapes = "\n".join(f"{name}  {shape}" for name, shape in _shapes(net))
    yield Code(text=shapes, language="text")
    yield _conditional_tables(lab, net)
    rows = [net.tables[name].sum(-1) for name in net.variables]
    off = max(float(np.abs(sums - 1).max()) for sums in rows)
    joint = joint_table(net)
    text = lab.say(
        "Computed now: each row sums to 1 (largest difference {rows}), and so do the {cells} cells "
        "of the joint table ({joint})."
    )
    yield Paragraph(
        text=text.format(
            rows=lab.numbers.power_of_ten(off),
            cells=joint.size,
            joint=lab.numbers.power_of_ten(abs(float(joint.sum()) - 1)),
        )
    )


_ARRAYS = {"S": "Pr_S", "D": "Pr_D", "R": "Pr_R_given_S", "G": "Pr_G_given_SD", "L": "Pr_L_given_G"}


def _shapes(net: BayesNet) -> Iterator[tuple[str, str]]:
    """The name of each array in the document, and its shape."""
    for variable, name in _ARRAYS.items():
        shape = on_five_axes(net, variable).shape
        yield name.ljust(13), f"({', '.join(map(str, shape))})"


def _conditional_tables(lab: LabReport, net: BayesNet) -> Table:
    rows = []
    for name in net.variables:
        parents = net.parents[name]
        for states in product(*(range(len(net.states[parent])) for parent in parents)):
            given = ", ".join(
                f"{parent}={net.states[parent][state]}"
                for parent, state in zip(parents, states, strict=True)
            )
            cells = [Cell(text=lab.numbers.setting(float(p))) for p in net.tables[name][states]]
            missing = Cell(text="", mark="absent", spoken=lab.say("no such state"))
            cells += [missing] * (3 - len(cells))
            rows.append(Row(header=f"P({name} | {given})" if given else f"P({name})", cells=cells))
    return Table(
        name="tables",
        caption=lab.say("The conditional probabilities of the document"),
        corner=lab.say("Table"),
        columns=[lab.say("state {n}").format(n=state) for state in range(3)],
        rows=rows,
    )


def how(lab: LabReport) -> Iterator[Block]:
    """How an answer is computed, with and without an intervention, and the check of all sixteen."""
    yield lab.prose(
        "A query sums the joint probability over the variables that it does not name, and divides "
        "by the probability of what is observed. With $X$ the variable that is asked for and "
        "$e$ the observed values:"
    )
    yield Equation(source="P(X | e) = frac(P(X, e), P(e)) = frac(P(X, e), sum_x P(x, e))")
    yield lab.prose(
        "An intervention $do(G = g)$ takes the table of $G$ out of the product and keeps the cells "
        "with $G = g$; the other tables stay as they are:"
    )
    yield Equation(source="P(S, D, R, L | do(G = g)) = P(S) P(D) P(R | S) P(L | G = g)")
    net = load("inf8225")
    worst = max(_difference(net, letter) for letter in QUESTIONS)
    said = _interpretation(lab)
    equal = sum(said.is_printed(letter) for letter in QUESTIONS)
    text = lab.say(
        "Computed now, twice: by elimination of variables, which never forms the joint table, and "
        "from the joint table as the document’s cells do it. The sixteen answers differ by {worst} "
        "at most; from the joint table, {n} of {all} have every digit that the document prints."
    )
    yield Paragraph(
        text=text.format(worst=lab.numbers.power_of_ten(worst), n=equal, all=len(QUESTIONS))
    )
    yield Paragraph(text=said.how_numbers_are_written())
    yield source(ask_joint)


def _difference(net: BayesNet, letter: str) -> float:
    question = QUESTIONS[letter].question
    answer = net.ask(question)
    values = answer.values if isinstance(answer, NamedTable) else answer
    return float(np.abs(ask_joint(net, question) - values).max())


def queries(letters: str) -> Answer:
    """Our answers to some queries, beside the document's."""

    def answer(lab: LabReport) -> Iterator[Block]:
        yield _interpretation(lab).answers(tuple(letters))

    return answer


def told(*passages: Passage) -> Answer:
    """Passages without their titles, which name the letters that the question has already."""

    def answer(lab: LabReport) -> Iterator[Block]:
        for passage in passages:
            yield Paragraph(text=_interpretation(lab).paragraph(passage).text)

    return answer


def prior(lab: LabReport) -> Iterator[Block]:
    """What the grade is before anything is known."""
    said = _interpretation(lab)
    text = lab.say(
        "Before anything is known, {top} of the students have the top grade, {middle} the middle "
        "one and {low} the lowest: the mean of the four rows of P(G | S, D), weighted by the "
        "probabilities of S and D."
    )
    yield Paragraph(
        text=text.format(
            top=said.percent("P(G=g2)"),
            middle=said.percent("P(G=g1)"),
            low=said.percent("P(G=g0)"),
        )
    )


def two_networks(lab: LabReport) -> Iterator[Block]:
    """The top grade observed, and set."""
    said = _interpretation(lab)
    yield said.drawing("observed", given={"G": "g2"})
    yield said.drawing("done", do={"G": "g2"})


def comparison(lab: LabReport) -> Iterator[Block]:
    """All comparisons of an observation with an intervention in one table."""
    said = _interpretation(lab)
    seen, done = said.share("P(R=r1 | G=g2)"), said.share("P(R=r1 | do(G=g2))")
    before = said.share("P(R=r1)")
    yield lab.prose(
        "*Observing* is a passive measurement: among all students, keep those with the value, and "
        "count. It selects, so it tells of causes too. *Intervening* is an experiment: give the "
        "value to every student, whatever made it before, and count. It tells of effects only. "
        "The first uses the joint distribution alone; the second needs the arrows, for it must "
        "know which table to take out (Pearl, Causality, 2009, chapter 3)."
    )
    text = lab.say(
        "In our model observing the top grade moves P(R=r1) by {seen}, and setting it by {done}."
        if abs(seen - before) > 1e-12
        else "In our model neither observing nor setting the top grade moves P(R=r1)."
    )
    points = lab.numbers.share
    yield Paragraph(
        text=text.format(
            seen=_in_points(lab, points(seen - before)), done=_in_points(lab, points(done - before))
        )
    )
    yield said.comparison()
    yield from told(DOWNWARDS)(lab)


def _in_points(lab: LabReport, number: str) -> str:
    return lab.say("{n} points").format(n=number)
