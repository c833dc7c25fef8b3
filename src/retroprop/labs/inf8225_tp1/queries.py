"""The sixteen questions of INF8225, TP1, part 1, about the network `inf8225`.

Source: INF8225, TP1 (Polytechnique Montréal, winter 2025), part 1, question 2.
"""

from dataclasses import dataclass

AXES = ("S", "D", "R", "G", "L")  # of the document's five-dimensional arrays


@dataclass(frozen=True)
class Asked:
    """A question of the document.

    Attributes:
        question: In our notation.
        printed: The numbers of the answer, digit by digit as the document prints them.
    """

    question: str
    printed: tuple[str, ...]


_PRIOR_R = ("0.34", "0.66")
_PRIOR_G = ("0.204", "0.2316", "0.5644")
_G_OF_S0 = ("0.54", "0.278", "0.182")

QUESTIONS = {
    "a": Asked("P(G)", _PRIOR_G),
    "b": Asked("P(G | R=r1)", ("0.13273", "0.22176", "0.64552")),
    "c": Asked("P(G | R=r0)", ("0.34235", "0.25071", "0.40694")),
    "d": Asked("P(G | R=r1, S=s0)", _G_OF_S0),
    "e": Asked("P(G | R=r0, S=s0)", _G_OF_S0),
    "f": Asked("P(R | D=d1)", _PRIOR_R),
    "g": Asked("P(R | D=d0)", _PRIOR_R),
    "h": Asked("P(R | D=d1, G=g2)", ("0.21148", "0.78852")),
    "i": Asked("P(R | D=d0, G=g2)", ("0.24667", "0.75333")),
    "j": Asked("P(R | D=d1, L=l1)", ("0.2475", "0.7525")),
    "k": Asked("P(R | D=d0, L=l1)", ("0.2736", "0.7264")),
    "l": Asked("P(R | do(G=g2))", _PRIOR_R),
    "m": Asked("P(R | G=g2)", ("0.24515", "0.75485")),
    "n": Asked("P(R)", _PRIOR_R),
    "o": Asked("P(G | do(L=l1))", _PRIOR_G),
    "p": Asked("P(G=g1 | L=l1)", ("0.13789900505510602",)),
}


def as_printed(value: float, digits: int = 5) -> str:
    """A number as the document prints it: with five decimals at most.

    >>> as_printed(0.20400000000000001), as_printed(0.132727)
    ('0.204', '0.13273')
    """
    return f"{value:.{digits}f}".rstrip("0")
