"""The questions of part 1: a Bayesian network by hand."""

from typing import Any

from retroprop.labs.inf8225_tp1 import answers_network as answers
from retroprop.labs.inf8225_tp1 import interpretation as passages
from retroprop.labs.inf8225_tp1.queries import QUESTIONS
from retroprop.report.lab_report import Answer, Part, Question

TABLES = """\
from retroprop.labs.inf8225_tp1.bayes import *

joint = Pr_S * Pr_D * Pr_R_given_S * Pr_G_given_SD * Pr_L_given_G
print(joint.shape, joint.sum())
lab.answer("1.1")"""


def _queries(letters: str, *before: Answer) -> dict[str, Any]:
    """What names some of the sixteen queries and answers them, after what is said `before`."""
    name = f"1.2{letters}"
    lines = [f'print(network.ask("{QUESTIONS[letter].question}"))' for letter in letters]
    return {
        "name": name,
        "label": "2 " + ", ".join(f"{letter})" for letter in letters),
        "answers": (*before, answers.queries(letters)),
        "code": "\n".join([*lines, f'lab.answer("{name}")']),
    }


NETWORK = Part(
    name="part-1",
    title="Part 1: a Bayesian network",
    introduction="The assignment gives 16 points to this part. Nothing is trained: every number is "
    "computed while this document is written.",
    questions=(
        Question(
            name="1.1",
            label="1",
            title="The tables of conditional probabilities",
            asked="Fill in the tables $P(S)$, $P(D)$, $P(R | S)$, $P(G | S, D)$ and $P(L | G)$ as "
            "arrays with the axes S, D, R, G, L.",
            answers=(answers.tables, answers.network),
            code=TABLES,
        ),
        Question(
            name="1.2",
            label="2",
            title="How the queries are computed",
            asked="With these tables, compute the queries a) to p). Where an interventional query "
            "stands beside one that is not, say what both situations are physically, and comment "
            "on the results.",
            answers=(answers.how,),
            code='print(network.ask("P(G | R=1, do(S=0))"))  # any other query\nlab.answer("1.2")',
        ),
        Question(
            title="The grade",
            asked="$Pr(G)$",
            **_queries("a", answers.prior),
        ),
        Question(
            title="The grade, once the interview is known",
            asked="$Pr(G | R = r^1)$ and $Pr(G | R = r^0)$",
            **_queries("bc", answers.told(passages.TWO_EFFECTS)),
        ),
        Question(
            title="The same of a student who did not prepare",
            asked="$Pr(G | R = r^1, S = s^0)$ and $Pr(G | R = r^0, S = s^0)$",
            **_queries("de", answers.told(passages.KNOWN_CAUSE)),
        ),
        Question(
            title="The interview, once the difficulties are known",
            asked="$Pr(R | D = d^1)$ and $Pr(R | D = d^0)$",
            **_queries("fg", answers.told(passages.TWO_CAUSES)),
        ),
        Question(
            title="The same of a student with the top grade",
            asked="$Pr(R | D = d^1, G = g^2)$ and $Pr(R | D = d^0, G = g^2)$",
            **_queries("hi", answers.told(passages.KNOWN_EFFECT)),
        ),
        Question(
            title="The same of a student on the honour list",
            asked="$Pr(R | D = d^1, L = l^1)$ and $Pr(R | D = d^0, L = l^1)$",
            **_queries("jk", answers.told(passages.EFFECT_OF_THE_EFFECT)),
        ),
        Question(
            title="The interview: the top grade set, observed, unknown",
            asked="$Pr(R | do(G = g^2))$, $Pr(R | G = g^2)$ and $Pr(R)$",
            **_queries(
                "lmn",
                answers.told(passages.TWO_SITUATIONS, passages.INTERVIEW_AND_GRADE),
                answers.two_networks,
            ),
        ),
        Question(
            title="The grade: the honour set, observed",
            asked="$Pr(G | do(L = l^1))$ and $Pr(G = g^1 | L = l^1)$",
            **_queries("op", answers.told(passages.GRADE_AND_HONOURS)),
        ),
        Question(
            name="1.2x",
            label="2",
            title="Observing and intervening compared",
            asked="What do a query with an intervention and one without it say of the world, and "
            "what do their results say of this model?",
            answers=(answers.comparison,),
            code='draw_network(network, do={"G": "g2"})  # the arrows to G are cut',
        ),
    ),
)
