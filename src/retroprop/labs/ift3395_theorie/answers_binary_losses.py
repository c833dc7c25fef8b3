"""The sheet, question 2 (d) to (f): squared error or cross-entropy after a sigmoid output."""

from collections.abc import Callable

import mpmath
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from retroprop.calculus.functions import sigmoid, softplus
from retroprop.labs.ift3395_theorie.answers_usual_functions import AUTOGRAD
from retroprop.labs.ift3395_theorie.numerical_check import by_autograd
from retroprop.labs.ift3395_theorie.proved_question import Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sigma, sp
from retroprop.languages import say_later

_o, _y = sp.symbols("o y", real=True)

EVERY = say_later("for all real $o$ and $y$")
POSITIVE_CLASS = say_later("for $y = 1$ and every real $o$")

WRONG_AND_SURE = (-20.0, -15.0, -10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 3.0)


def squared_gradient(o: Tensor, y: Tensor) -> Tensor:
    """∂(σ(o) − y)²/∂o = 2 (σ(o) − y) σ(o) (1 − σ(o))."""
    return 2 * (sigmoid(o) - y) * sigmoid(o) * sigmoid(-o)


def cross_entropy_gradient(o: Tensor, y: Tensor) -> Tensor:
    """∂L_CE/∂o = σ(o) − y."""
    return sigmoid(o) - y


def gradient_curves(
    low: float = -10.0, high: float = 10.0, points: int = 201
) -> dict[str, list[float]]:
    """Both gradients for y = 1 over the pre-activation: "o", "MSE" and "CE"."""
    o = torch.linspace(low, high, points, dtype=torch.float64)
    y = torch.ones_like(o)
    return {
        "o": o.tolist(),
        "MSE": squared_gradient(o, y).tolist(),
        "CE": cross_entropy_gradient(o, y).tolist(),
    }


def _draw(g: Generator) -> tuple[Tensor, Tensor]:
    """Pre-activations and classes 0 or 1."""
    o = torch.randn(50, generator=g, dtype=torch.float64) * 4
    return o, torch.randint(2, (50,), generator=g).double()


def _slope(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda o, y: by_autograd(lambda leaf: loss(leaf, y).sum(), o)[0]


def _squared() -> Expr:
    return (sigma(_o) - _y) ** 2


def _cross_entropy() -> Expr:
    return -_y * sp.log(sigma(_o)) - (1 - _y) * sp.log(1 - sigma(_o))


def _slopes_at_one() -> tuple[Expr, Expr]:
    """The derivatives of both losses for y = 1: squared error, cross-entropy."""
    return sp.diff(_squared(), _o).subs(_y, 1), sp.diff(_cross_entropy(), _o).subs(_y, 1)


def _limits(expected: tuple[int, int]) -> list[tuple[Expr, Expr]]:
    """Both derivatives, y = 1, where the network is sure and wrong: o → −∞."""
    # SymPy finds these limits of rational functions of t = eᵒ → 0
    t = sp.Symbol("t", positive=True)
    return [
        (sp.limit(sp.simplify(slope.subs(_o, sp.log(t))), t, 0, "+"), sp.S(value))
        for slope, value in zip(_slopes_at_one(), expected, strict=True)
    ]


def _curvatures(sign: int) -> list[tuple[Expr, Expr]]:
    """Both second derivatives for y = 1 beside their factored forms."""
    s = sigma(_o)
    squared, cross_entropy = (sp.diff(slope, _o) for slope in _slopes_at_one())
    return [(squared, sign * 2 * s * (1 - s) ** 2 * (3 * s - 1)), (cross_entropy, s * (1 - s))]


def _precise(o: Tensor) -> list[Tensor]:
    """Both derivatives for y = 1 in 50 digits, relative to those of the code: all ones."""
    with mpmath.workdps(50):
        sigmas = [1 / (1 + mpmath.exp(-mpmath.mpf(one))) for one in o.tolist()]
        squared = [float(-2 * s * (1 - s) ** 2) for s in sigmas]
        cross_entropy = [float(s - 1) for s in sigmas]
    return [torch.tensor(one, dtype=torch.float64) for one in (squared, cross_entropy)]


SQUARED = ProvedQuestion(
    name="2d",
    points=2,
    title="The squared error after a sigmoid",
    task="Binary classification, one output $sigma(bo^a)$. Write the squared error $L_MSE "
    "(sigma(bo^a), y)$ and its derivative with respect to $bo^a$.",
    answer="frac(partial L_MSE, partial bo^a) = 2 (sigma(bo^a) - y) sigma(bo^a) (1 - sigma(bo^a))",
    steps=(
        Step(
            "For one example the mean has one term:", "L_MSE (sigma(bo^a), y) = (sigma(bo^a) - y)^2"
        ),
        Step(
            "By the chain rule,",
            "frac(partial L_MSE, partial bo^a) = 2 (sigma(bo^a) - y) sigma'(bo^a)",
        ),
        Step(
            "and 1 (c) gives $sigma' = sigma (1 - sigma)$:",
            "frac(partial L_MSE, partial bo^a) = 2 (sigma(bo^a) - y) sigma(bo^a) (1 - sigma(bo^a))",
        ),
    ),
    remark="With the convention $frac(1, 2) (sigma(bo^a) - y)^2$ the factor 2 goes away.",
    proofs=(
        Proof(
            claim="frac(partial L_MSE, partial o) = 2 (sigma(o) - y) sigma(o) (1 - sigma(o))",
            scope=EVERY,
            sides=lambda: [
                (sp.diff(_squared(), _o), 2 * (sigma(_o) - _y) * sigma(_o) * (1 - sigma(_o)))
            ],
            false="frac(partial L_MSE, partial o) = 2 (sigma(o) - y)",
            wrong=lambda: [(sp.diff(_squared(), _o), 2 * (sigma(_o) - _y))],
        ),
    ),
    checks=(
        Check(
            claim="2 (σ − y) σ (1 − σ)",
            against=AUTOGRAD,
            draw=_draw,
            claimed=squared_gradient,
            oracle=_slope(lambda o, y: (torch.sigmoid(o) - y).square()),
            wrong=lambda o, y: 2 * (sigmoid(o) - y),
        ),
    ),
)

CROSS_ENTROPY = ProvedQuestion(
    name="2e",
    points=2,
    bonus=True,
    title="The cross-entropy after a sigmoid",
    task="The same with the cross-entropy $L_CE (sigma(bo^a), y)$.",
    answer="frac(partial L_CE, partial bo^a) = sigma(bo^a) - y",
    steps=(
        Step(
            "The cross-entropy of the true class $y in {0, 1}$ is",
            "L_CE (sigma(bo^a), y) = -y ln sigma(bo^a) - (1 - y) ln(1 - sigma(bo^a))",
        ),
        Step(
            "By 1 (d) and $1 - sigma(x) = sigma(-x)$ the logarithms are softplus:",
            "L_CE = y softplus(-bo^a) + (1 - y) softplus(bo^a)",
        ),
        Step(
            "The derivative of softplus is $sigma$:",
            "frac(partial L_CE, partial bo^a) = -y sigma(-bo^a) + (1 - y) sigma(bo^a) "
            "= -y (1 - sigma(bo^a)) + (1 - y) sigma(bo^a) = sigma(bo^a) - y",
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial L_CE, partial o) = sigma(o) - y",
            scope=EVERY,
            sides=lambda: [(sp.diff(_cross_entropy(), _o), sigma(_o) - _y)],
            false="frac(partial L_CE, partial o) = (sigma(o) - y) sigma(o) (1 - sigma(o))",
            wrong=lambda: [
                (sp.diff(_cross_entropy(), _o), (sigma(_o) - _y) * sigma(_o) * (1 - sigma(_o)))
            ],
        ),
    ),
    checks=(
        Check(
            claim="σ − y, and the loss by softplus",
            against=AUTOGRAD,
            draw=_draw,
            claimed=lambda o, y: [
                cross_entropy_gradient(o, y),
                y * softplus(-o) + (1 - y) * softplus(o),
            ],
            oracle=lambda o, y: [
                _slope(F.binary_cross_entropy_with_logits)(o, y) * len(o),
                F.binary_cross_entropy_with_logits(o, y, reduction="none"),
            ],
            wrong=lambda o, y: [
                squared_gradient(o, y) / 2,
                y * softplus(o) + (1 - y) * softplus(-o),
            ],
        ),
    ),
)

WHY = ProvedQuestion(
    name="2f",
    points=2,
    bonus=True,
    title="Why cross-entropy",
    task="From the last two results, show that the cross-entropy is the more appropriate loss.",
    answer="frac(partial L_MSE, partial bo^a) = 2 sigma(bo^a) (1 - sigma(bo^a)) "
    "frac(partial L_CE, partial bo^a)",
    steps=(
        Step(
            "The two gradients differ by a factor, which is at most $frac(1, 2)$:",
            "frac(partial L_MSE, partial bo^a) = underbrace(2 sigma(bo^a) (1 - sigma(bo^a)), "
            "<= 1 slash 2) dot frac(partial L_CE, partial bo^a)",
        ),
        Step(
            "*A sure mistake is not corrected by the squared error.* Let $y = 1$, and let the "
            "network be sure of the contrary, $bo^a -> -infinity$:",
            "frac(partial L_MSE, partial bo^a) = -2 sigma(bo^a) (1 - sigma(bo^a))^2 -> 0, quad "
            "frac(partial L_CE, partial bo^a) = sigma(bo^a) - 1 -> -1",
        ),
        Step(
            "The worse the mistake, the smaller the step of the squared error; the cross-entropy’s "
            "is the error $sigma(bo^a) - y$ itself, and vanishes only where the answer is right."
        ),
        Step(
            "*The cross-entropy is convex in the pre-activation, the squared error is not*, "
            "because $3 sigma(bo^a) - 1 < 0$ for $bo^a < -ln 2$:",
            "frac(partial^2 L_CE, partial (bo^a)^2) &= sigma(bo^a) (1 - sigma(bo^a)) > 0 \\ "
            "frac(partial^2 L_MSE, partial (bo^a)^2) &= 2 sigma(bo^a) (1 - sigma(bo^a))^2 "
            "(3 sigma(bo^a) - 1)",
        ),
        Step(
            "*It is what the output means.* $sigma(bo^a)$ is the probability of class 1, and "
            "minimising $L_CE$ maximises the likelihood of the observed classes."
        ),
    ),
    proofs=(
        Proof(
            claim="frac(partial L_MSE, partial o) = 2 sigma(o) (1 - sigma(o)) "
            "frac(partial L_CE, partial o)",
            scope=EVERY,
            sides=lambda: [
                (
                    sp.diff(_squared(), _o),
                    2 * sigma(_o) * (1 - sigma(_o)) * sp.diff(_cross_entropy(), _o),
                )
            ],
            false="frac(partial L_MSE, partial o) = 2 frac(partial L_CE, partial o)",
            wrong=lambda: [(sp.diff(_squared(), _o), 2 * sp.diff(_cross_entropy(), _o))],
        ),
        Proof(
            claim="lim_(o -> -infinity) frac(partial L_MSE, partial o) = 0, quad "
            "lim_(o -> -infinity) frac(partial L_CE, partial o) = -1",
            scope="for $y = 1$",
            sides=lambda: _limits((0, -1)),
            false="lim_(o -> -infinity) frac(partial L_MSE, partial o) = -1",
            wrong=lambda: _limits((-1, -1)),
        ),
        Proof(
            claim="frac(partial^2 L_MSE, partial o^2) = 2 sigma(o) (1 - sigma(o))^2 "
            "(3 sigma(o) - 1), quad frac(partial^2 L_CE, partial o^2) = sigma(o) (1 - sigma(o))",
            scope=POSITIVE_CLASS,
            sides=lambda: _curvatures(1),
            false="frac(partial^2 L_MSE, partial o^2) = 2 sigma(o) (1 - sigma(o))^2 "
            "(1 - 3 sigma(o))",
            wrong=lambda: _curvatures(-1),
        ),
    ),
    checks=(
        Check(
            claim="both gradients at y = 1, o from −20 to 3",
            against="50-digit arithmetic",
            draw=lambda g: (torch.tensor(WRONG_AND_SURE, dtype=torch.float64),),
            claimed=lambda o: [
                squared_gradient(o, torch.ones_like(o)),
                cross_entropy_gradient(o, torch.ones_like(o)),
            ],
            oracle=_precise,
            wrong=lambda o: [2 * cross_entropy_gradient(o, torch.ones_like(o))] * 2,
            rounds=1,
        ),
    ),
    figure="gradients",
)

QUESTIONS = (SQUARED, CROSS_ENTROPY, WHY)
