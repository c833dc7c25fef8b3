"""The questions of part 1: a Bayesian network by hand."""

from retroprop.labs.inf8225_tp1 import answers_network as answers
from retroprop.labs.inf8225_tp1 import interpretation as passages
from retroprop.report.lab_story import Part, Question

TABLES = """\
from retroprop.labs.inf8225_tp1.bayes import *

joint = Pr_S * Pr_D * Pr_R_given_S * Pr_G_given_SD * Pr_L_given_G
print(joint.shape, joint.sum())
lab.answer("1.1")"""


def _ask(name: str, *questions: str) -> str:
    """A cell that asks the network, then shows the answer."""
    lines = [f'print(network.ask("{question}"))' for question in questions]
    return "\n".join([*lines, f'lab.answer("{name}")'])


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
            name="1.2a",
            label="2 a)",
            title="The grade",
            asked="$Pr(G)$",
            answers=(answers.prior, answers.queries("a")),
            code=_ask("1.2a", "P(G)"),
        ),
        Question(
            name="1.2bc",
            label="2 b), c)",
            title="The grade, once the interview is known",
            asked="$Pr(G | R = r^1)$ and $Pr(G | R = r^0)$",
            answers=(answers.told(passages.TWO_EFFECTS), answers.queries("bc")),
            code=_ask("1.2bc", "P(G | R=r1)", "P(G | R=r0)"),
        ),
        Question(
            name="1.2de",
            label="2 d), e)",
            title="The same of a student who did not prepare",
            asked="$Pr(G | R = r^1, S = s^0)$ and $Pr(G | R = r^0, S = s^0)$",
            answers=(answers.told(passages.KNOWN_CAUSE), answers.queries("de")),
            code=_ask("1.2de", "P(G | R=r1, S=s0)", "P(G | R=r0, S=s0)"),
        ),
        Question(
            name="1.2fg",
            label="2 f), g)",
            title="The interview, once the difficulties are known",
            asked="$Pr(R | D = d^1)$ and $Pr(R | D = d^0)$",
            answers=(answers.told(passages.TWO_CAUSES), answers.queries("fg")),
            code=_ask("1.2fg", "P(R | D=d1)", "P(R | D=d0)"),
        ),
        Question(
            name="1.2hi",
            label="2 h), i)",
            title="The same of a student with the top grade",
            asked="$Pr(R | D = d^1, G = g^2)$ and $Pr(R | D = d^0, G = g^2)$",
            answers=(answers.told(passages.KNOWN_EFFECT), answers.queries("hi")),
            code=_ask("1.2hi", "P(R | D=d1, G=g2)", "P(R | D=d0, G=g2)"),
        ),
        Question(
            name="1.2jk",
            label="2 j), k)",
            title="The same of a student on the honour list",
            asked="$Pr(R | D = d^1, L = l^1)$ and $Pr(R | D = d^0, L = l^1)$",
            answers=(answers.told(passages.EFFECT_OF_THE_EFFECT), answers.queries("jk")),
            code=_ask("1.2jk", "P(R | D=d1, L=l1)", "P(R | D=d0, L=l1)"),
        ),
        Question(
            name="1.2lmn",
            label="2 l), m), n)",
            title="The interview: the top grade set, observed, unknown",
            asked="$Pr(R | do(G = g^2))$, $Pr(R | G = g^2)$ and $Pr(R)$",
            answers=(
                answers.told(passages.TWO_SITUATIONS, passages.INTERVIEW_AND_GRADE),
                answers.two_networks,
                answers.queries("lmn"),
            ),
            code=_ask("1.2lmn", "P(R | do(G=g2))", "P(R | G=g2)", "P(R)"),
        ),
        Question(
            name="1.2op",
            label="2 o), p)",
            title="The grade: the honour set, observed",
            asked="$Pr(G | do(L = l^1))$ and $Pr(G = g^1 | L = l^1)$",
            answers=(answers.told(passages.GRADE_AND_HONOURS), answers.queries("op")),
            code=_ask("1.2op", "P(G | do(L=l1))", "P(G=g1 | L=l1)"),
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
