"""INF8225, TP1, part 1, with the names of its template: sixteen questions to a Bayesian network.

    P(S, D, R, G, L) = P(S) P(D) P(R | S) P(G | S, D) P(L | G)

    from retroprop.labs.inf8225_tp1.bayes import *

The tables have the document's five axes (S, D, R, G, L), of size 1 where a variable is not in the
table, so their product is the joint table and its cells run unchanged. The answers come from that
table, digit by digit as in the document (`joint`); `retroprop.bayes`, which never forms it, gives
the same to rounding. An intervention is graph surgery.

>>> joint = Pr_S * Pr_D * Pr_R_given_S * Pr_G_given_SD * Pr_L_given_G
>>> joint.shape, bool(np.isclose(joint.sum(), 1))
((2, 2, 2, 3, 2), True)
>>> with np.printoptions(precision=5):
...     print(answer_m, answer_l)  # observing the grade, setting it
[0.24515 0.75485] [0.34 0.66]

Source: INF8225, TP1 (2025), part 1.
"""

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.networks import load
from retroprop.labs.inf8225_tp1.joint import ask_joint, on_five_axes
from retroprop.labs.inf8225_tp1.queries import QUESTIONS

__all__ = [
    "Pr_D",
    "Pr_G_given_SD",
    "Pr_L_given_G",
    "Pr_R_given_S",
    "Pr_S",
    "answer_a",
    "answer_b",
    "answer_c",
    "answer_d",
    "answer_e",
    "answer_f",
    "answer_g",
    "answer_h",
    "answer_i",
    "answer_j",
    "answer_k",
    "answer_l",
    "answer_m",
    "answer_n",
    "answer_o",
    "answer_p",
]

_net = load("inf8225")


def _answer(letter: str) -> NDArray[np.float64]:
    """The distribution that a question asks for, from the joint table as in the document.

    Products and sums of single numbers have the same last digit on every processor; the matrix
    products of `BayesNet.ask` do not.
    """
    return ask_joint(_net, QUESTIONS[letter].question)


Pr_S = on_five_axes(_net, "S").copy()  # (2, 1, 1, 1, 1)
Pr_D = on_five_axes(_net, "D").copy()  # (1, 2, 1, 1, 1)
Pr_R_given_S = on_five_axes(_net, "R").copy()  # (2, 1, 2, 1, 1)
Pr_G_given_SD = on_five_axes(_net, "G").copy()  # (2, 2, 1, 3, 1)
Pr_L_given_G = on_five_axes(_net, "L").copy()  # (1, 1, 1, 3, 2)

answer_a = _answer("a")  # Pr(G)
answer_b = _answer("b")  # Pr(G | R=r1)
answer_c = _answer("c")  # Pr(G | R=r0)
answer_d = _answer("d")  # Pr(G | R=r1, S=s0)
answer_e = _answer("e")  # Pr(G | R=r0, S=s0)
answer_f = _answer("f")  # Pr(R | D=d1)
answer_g = _answer("g")  # Pr(R | D=d0)
answer_h = _answer("h")  # Pr(R | D=d1, G=g2)
answer_i = _answer("i")  # Pr(R | D=d0, G=g2)
answer_j = _answer("j")  # Pr(R | D=d1, L=l1)
answer_k = _answer("k")  # Pr(R | D=d0, L=l1)
answer_l = _answer("l")  # Pr(R | do(G=g2))
answer_m = _answer("m")  # Pr(R | G=g2)
answer_n = _answer("n")  # Pr(R)
answer_o = _answer("o")  # Pr(G | do(L=l1))
answer_p = float(_answer("p"))  # Pr(G=g1 | L=l1), a number
