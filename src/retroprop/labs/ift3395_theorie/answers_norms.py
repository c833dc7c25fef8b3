"""The sheet, question 1 (f) and (g): the gradients of the norms."""

import torch
from torch import Generator, Tensor

from retroprop.calculus import functions
from retroprop.labs.ift3395_theorie.answers_usual_functions import AUTOGRAD, slope
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.proved_question import ANY_N, Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sp

_n, _k, _l = (sp.Symbol(name, integer=True, positive=True) for name in "nkl")
_vector = sp.IndexedBase("x", real=True)


def _vectors(g: Generator) -> tuple[Tensor]:
    return (torch.randn(3, 7, generator=g, dtype=torch.float64),)


def _squares() -> Expr:
    return sp.Sum(_vector[_l] ** 2, (_l, 1, _n))


def _absolute_values() -> Expr:
    return sp.Sum(sp.Abs(_vector[_l]), (_l, 1, _n))


SQUARED_NORM = ProvedQuestion(
    name="1f",
    points=1,
    title="The gradient of the squared norm",
    task="Write the gradient of $norm(bx)_2^2 = sum_i x_i^2$ as a vector.",
    answer="frac(partial norm(bx)_2^2, partial bx) = 2 bx",
    steps=(
        Step(
            "Of the sum, only the term of index $k$ depends on $x_k$:",
            "frac(partial, partial x_k) sum_(i = 1)^n x_i^2 = sum_(i = 1)^n 2 x_i bone_(i = k) "
            "= 2 x_k",
        ),
        Step("The $n$ partial derivatives, one under the other, are the vector $2 bx$."),
    ),
    proofs=(
        Proof(
            claim="frac(partial norm(bx)_2^2, partial x_k) = 2 x_k",
            scope=ANY_N,
            sides=lambda: [(sp.diff(_squares(), _vector[_k]), 2 * _vector[_k])],
            false="frac(partial norm(bx)_2^2, partial x_k) = x_k",
            wrong=lambda: [(sp.diff(_squares(), _vector[_k]), _vector[_k])],
            indices={"k": "n"},
        ),
    ),
    checks=(
        Check(
            claim="2 x",
            against=AUTOGRAD,
            draw=_vectors,
            claimed=functions.squared_l2_norm_gradient,
            oracle=slope(lambda x: x.square().sum(-1)),
            wrong=lambda x: x,
        ),
    ),
    code=(CodeLine("calculus.functions", "squared_l2_norm_gradient", "return 2 * x"),),
)

ABSOLUTE_NORM = ProvedQuestion(
    name="1g",
    points=1,
    title="The gradient of the L1 norm",
    task="Write the gradient of $norm(bx)_1 = sum_i abs(x_i)$ as a vector.",
    answer="frac(partial norm(bx)_1, partial bx) = sign(bx)",
    hypotheses="$x_i != 0$ for all $i$: where $x_i = 0$ the partial derivative does not exist; any "
    "number from −1 to 1 is a subgradient there, and $sign(0) = 0$ is the usual choice.",
    steps=(
        Step(
            "For $x_k > 0$, $abs(x_k) = x_k$ has slope 1; for $x_k < 0$, $abs(x_k) = -x_k$ has "
            "slope −1: the slope is the sign.",
            "frac(partial, partial x_k) sum_(i = 1)^n abs(x_i) = sum_(i = 1)^n sign(x_i) "
            "bone_(i = k) = sign(x_k)",
        ),
        Step("As a vector: the sign of each component."),
    ),
    proofs=(
        Proof(
            claim="frac(partial norm(bx)_1, partial x_k) = sign(x_k)",
            scope="for every dimension $n$, where no component is 0",
            sides=lambda: [(sp.diff(_absolute_values(), _vector[_k]), sp.sign(_vector[_k]))],
            false="frac(partial norm(bx)_1, partial x_k) = 1",
            wrong=lambda: [(sp.diff(_absolute_values(), _vector[_k]), sp.S(1))],
            indices={"k": "n"},
        ),
    ),
    checks=(
        Check(
            claim="sign(x)",
            against=AUTOGRAD,
            draw=_vectors,
            claimed=functions.l1_norm_gradient,
            oracle=slope(lambda x: x.abs().sum(-1)),
            wrong=torch.ones_like,
            tolerance=0.0,
        ),
    ),
    code=(CodeLine("calculus.functions", "l1_norm_gradient", "return sign(x)"),),
)

QUESTIONS = (SQUARED_NORM, ABSOLUTE_NORM)
