"""The sheet, question 1 (a) to (e): sign, rectifier, sigmoid, softplus."""

from collections.abc import Callable
from typing import Any

import mpmath
import torch
from torch import Generator, Tensor

from retroprop.calculus import functions
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.numerical_check import by_autograd
from retroprop.labs.ift3395_theorie.proved_question import (
    ALL_REAL,
    Check,
    Proof,
    ProvedQuestion,
    Step,
)
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sigma, sp
from retroprop.languages import say_later

AUTOGRAD = say_later("torch’s automatic differentiation")
MANY_DIGITS = say_later("50-digit arithmetic")

_x = sp.Symbol("x", real=True)
_positive, _negative = sp.Symbol("p", positive=True), sp.Symbol("q", negative=True)


def numbers(g: Generator) -> tuple[Tensor]:
    """100 numbers of several sizes and both signs; none of them is 0."""
    return (torch.randn(100, generator=g, dtype=torch.float64) * 5,)


def _numbers_and_zero(g: Generator) -> tuple[Tensor]:
    (x,) = numbers(g)
    x[::10] = 0
    return (x,)


def slope(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The gradient of Σ function(x) by autograd."""
    return lambda x: by_autograd(lambda leaf: function(leaf).sum(), x)[0]


def _precisely(function: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    """The function of each number in 50 digits, rounded at the end."""

    def of(x: Tensor) -> Tensor:
        with mpmath.workdps(50):
            values = [float(function(mpmath.mpf(one))) for one in x.tolist()]
        return torch.tensor(values, dtype=torch.float64)

    return of


# -- the symbolic sides ------------------------------------------------------------------------


def _indicator(condition: Any) -> Expr:
    return sp.Piecewise((1, condition), (0, True))


def _softplus(x: Expr) -> Expr:
    return sp.log(1 + sp.exp(x))


def _rectifier_slopes() -> list[Expr]:
    """The derivative of max(0, x) right and left of 0."""
    return [sp.diff(sp.Max(0, _x), _x).subs(_x, x) for x in (_positive, _negative)]


# -- the questions -----------------------------------------------------------------------------

SIGN = ProvedQuestion(
    name="1a",
    points=1,
    title="The sign, by indicators",
    task="Write $sign(x)$ with indicator functions alone.",
    answer="sign(x) = bone_({x > 0})(x) - bone_({x < 0})(x)",
    steps=(
        Step(
            "A real number is positive, negative or 0. In the three cases the right side is",
            'cases(1 - 0 = 1 "if" x > 0, 0 - 1 = -1 "if" x < 0, 0 - 0 = 0 "if" x = 0)',
        ),
        Step("which is the definition of the sign."),
    ),
    remark="In the same way $H(x) = bone_({x > 0})(x) + frac(1, 2) bone_({x = 0})(x)$ and $rect(x) "
    "= x bone_({x > 0})(x)$. The sheet prints $rect(x) = bone_({x > 0})(x)$, where the factor $x$ "
    "is missing.",
    proofs=(
        Proof(
            claim="sign(x) = bone_({x > 0})(x) - bone_({x < 0})(x)",
            scope="for $x > 0$, $x < 0$ and $x = 0$, so for every real $x$",
            sides=lambda: [
                (sp.sign(x), _indicator(x > 0) - _indicator(x < 0))
                for x in (_positive, _negative, sp.S(0))
            ],
            false="sign(x) = bone_({x > 0})(x) - bone_({x <= 0})(x)",
            wrong=lambda: [
                (sp.sign(x), _indicator(x > 0) - _indicator(x <= 0))
                for x in (_positive, _negative, sp.S(0))
            ],
        ),
    ),
    checks=(
        Check(
            claim="the difference of indicators",
            against="torch.sign, also at 0",
            draw=_numbers_and_zero,
            claimed=lambda x: [
                functions.indicator(x > 0, x.dtype) - functions.indicator(x < 0, x.dtype),
                functions.sign(x),
            ],
            oracle=lambda x: [torch.sign(x)] * 2,
            wrong=lambda x: (
                [functions.indicator(x > 0, x.dtype) - functions.indicator(x <= 0, x.dtype)] * 2
            ),
            tolerance=0.0,
        ),
    ),
    code=(CodeLine("calculus.functions", "sign", "return torch.where(x.isnan(), x, x.sign())"),),
)

RECTIFIER = ProvedQuestion(
    name="1b",
    points=2,
    title="The derivative of the rectifier",
    task="Write the derivative of $rect(x) = max(0, x)$ wherever it exists.",
    answer="rect'(x) = bone_({x > 0})(x)",
    hypotheses="$x != 0$: at 0 the derivative does not exist, and the code returns 0 there.",
    steps=(
        Step(
            "On either side of 0 the function is linear:",
            'rect(x) = cases(x "if" x > 0, 0 "if" x < 0)',
        ),
        Step("so its slope is constant there:", 'rect\'(x) = cases(1 "if" x > 0, 0 "if" x < 0)'),
        Step(
            "At 0 the slopes from the right and from the left differ, so there is none:",
            "lim_(h -> 0^+) frac(rect(h) - rect(0), h) = 1 quad != quad "
            "lim_(h -> 0^-) frac(rect(h) - rect(0), h) = 0",
        ),
    ),
    proofs=(
        Proof(
            claim="rect'(x) = bone_({x > 0})(x)",
            scope="for every $x > 0$ and every $x < 0$",
            sides=lambda: list(zip(_rectifier_slopes(), (sp.S(1), sp.S(0)), strict=True)),
            false="rect'(x) = x bone_({x > 0})(x)",
            wrong=lambda: list(zip(_rectifier_slopes(), (_positive, sp.S(0)), strict=True)),
        ),
        Proof(
            claim="lim_(h -> 0^+) frac(rect(h), h) = 1, quad lim_(h -> 0^-) frac(rect(h), h) = 0",
            scope="at $x = 0$",
            sides=lambda: [
                (sp.limit(sp.Max(0, _positive) / _positive, _positive, 0, "+"), sp.S(1)),
                (sp.limit(sp.Max(0, _negative) / _negative, _negative, 0, "-"), sp.S(0)),
            ],
            false="lim_(h -> 0^+) frac(rect(h), h) = 0",
            wrong=lambda: [
                (sp.limit(sp.Max(0, _positive) / _positive, _positive, 0, "+"), sp.S(0))
            ],
        ),
    ),
    checks=(
        Check(
            claim="rect′, also at 0",
            against=AUTOGRAD,
            draw=_numbers_and_zero,
            claimed=functions.rectifier_derivative,
            oracle=slope(torch.relu),
            wrong=lambda x: x * functions.rectifier_derivative(x),
            tolerance=0.0,
        ),
    ),
    code=(
        CodeLine("byhand.activations", "ReLU.backward_", "return dy.mul_(saved.sign_())"),
        CodeLine(
            "calculus.functions",
            "rectifier_derivative",
            "return torch.where(x.isnan(), x, indicator(x > 0, x.dtype))",
        ),
    ),
)

SIGMOID = ProvedQuestion(
    name="1c",
    points=1,
    title="The derivative of the sigmoid",
    task="Write $sigma'$ with the function $sigma$ alone.",
    answer="sigma'(x) = sigma(x) (1 - sigma(x))",
    steps=(
        Step(
            "By the chain rule, with $sigma(x) = (1 + e^(-x))^(-1)$,",
            "sigma'(x) = -(1 + e^(-x))^(-2) (-e^(-x)) = frac(e^(-x), (1 + e^(-x))^2)",
        ),
        Step(
            "Split the fraction in two factors:",
            "sigma'(x) = frac(1, 1 + e^(-x)) dot frac(e^(-x), 1 + e^(-x))",
        ),
        Step(
            "The first is $sigma(x)$. In the second, add and subtract 1 above the line:",
            "frac(e^(-x), 1 + e^(-x)) = frac((1 + e^(-x)) - 1, 1 + e^(-x)) = 1 - sigma(x)",
        ),
    ),
    remark="For large $x$, $1 - sigma(x)$ loses its digits; the code writes it $sigma(-x)$.",
    proofs=(
        Proof(
            claim="sigma'(x) = sigma(x) (1 - sigma(x))",
            scope=ALL_REAL,
            sides=lambda: [(sp.diff(sigma(_x), _x), sigma(_x) * (1 - sigma(_x)))],
            false="sigma'(x) = sigma(x) (1 + sigma(x))",
            wrong=lambda: [(sp.diff(sigma(_x), _x), sigma(_x) * (1 + sigma(_x)))],
        ),
    ),
    checks=(
        Check(
            claim="σ (1 − σ)",
            against=AUTOGRAD,
            draw=numbers,
            claimed=lambda x: [
                functions.sigmoid(x) * (1 - functions.sigmoid(x)),
                functions.sigmoid_derivative(x),
            ],
            oracle=lambda x: [slope(torch.sigmoid)(x)] * 2,
            wrong=lambda x: [functions.sigmoid(x) * (1 + functions.sigmoid(x))] * 2,
        ),
    ),
    code=(
        CodeLine(
            "byhand.activations",
            "Sigmoid.backward_",
            "return dy.mul_(saved.addcmul_(saved, saved, value=-1))",
        ),
        CodeLine("calculus.functions", "sigmoid_derivative", "return sigmoid(x) * sigmoid(-x)"),
    ),
)

LOG_SIGMOID = ProvedQuestion(
    name="1d",
    points=1,
    title="The logarithm of the sigmoid",
    task="Show that $ln sigma(x) = -softplus(-x)$.",
    answer="ln sigma(x) = -softplus(-x)",
    steps=(
        Step(
            "The logarithm of an inverse is the opposite of the logarithm:",
            "ln sigma(x) = ln frac(1, 1 + e^(-x)) = -ln(1 + e^(-x))",
        ),
        Step("and $softplus(-x) = ln(1 + e^(-x))$ by definition."),
    ),
    proofs=(
        Proof(
            claim="ln sigma(x) = -softplus(-x)",
            scope=ALL_REAL,
            sides=lambda: [(sp.expand_log(sp.log(sigma(_x))), -_softplus(-_x))],
            false="ln sigma(x) = -softplus(x)",
            wrong=lambda: [(sp.expand_log(sp.log(sigma(_x))), -_softplus(_x))],
        ),
    ),
    checks=(
        Check(
            claim="−softplus(−x), for |x| up to 1,000",
            against=MANY_DIGITS,
            draw=lambda g: (torch.randn(40, generator=g, dtype=torch.float64) * 300,),
            claimed=lambda x: [-functions.softplus(-x), functions.log_sigmoid(x)],
            oracle=lambda x: [_precisely(lambda t: -mpmath.log1p(mpmath.exp(-t)))(x)] * 2,
            wrong=lambda x: [-functions.softplus(x)] * 2,
            rounds=5,
        ),
    ),
    code=(CodeLine("calculus.functions", "log_sigmoid", "return -softplus(-x)"),),
)

SOFTPLUS = ProvedQuestion(
    name="1e",
    points=1,
    title="A difference of softplus",
    task="Show that $softplus(x) - softplus(-x) = x$.",
    answer="softplus(x) - softplus(-x) = x",
    steps=(
        Step(
            "A difference of logarithms is the logarithm of a quotient:",
            "softplus(x) - softplus(-x) = ln frac(1 + e^x, 1 + e^(-x))",
        ),
        Step(
            "Take $e^x$ out of the numerator, $1 + e^x = e^x (e^(-x) + 1)$:",
            "ln frac(e^x (e^(-x) + 1), 1 + e^(-x)) = ln e^x = x",
        ),
    ),
    proofs=(
        Proof(
            claim="softplus(x) - softplus(-x) = x",
            scope=ALL_REAL,
            sides=lambda: [(_softplus_difference(), _x)],
            false="softplus(x) - softplus(-x) = 2 x",
            wrong=lambda: [(_softplus_difference(), 2 * _x)],
        ),
    ),
    checks=(
        Check(
            claim="softplus(x) − softplus(−x)",
            against="x itself",
            draw=lambda g: (torch.randn(100, generator=g, dtype=torch.float64) * 300,),
            claimed=lambda x: functions.softplus(x) - functions.softplus(-x),
            oracle=lambda x: x,
            wrong=lambda x: functions.softplus(x) + functions.softplus(-x),
        ),
    ),
    code=(
        CodeLine(
            "calculus.functions", "softplus", "return torch.logaddexp(torch.zeros_like(x), x)"
        ),
    ),
)


def _softplus_difference() -> Expr:
    """The difference as one logarithm, whose argument SymPy then simplifies."""
    difference = sp.logcombine(_softplus(_x) - _softplus(-_x), force=False)
    return sp.simplify(difference)


QUESTIONS = (SIGN, RECTIFIER, SIGMOID, LOG_SIGMOID, SOFTPLUS)
