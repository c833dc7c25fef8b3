"""Question 1 of the sheet: usual functions, their derivatives, and the softmax's Jacobian."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from retroprop.grading.checks import Question
from retroprop.labs.ift3395_theorie.grading.results import check_of, vector
from retroprop.languages import say_later


def numbers(generator: Generator) -> list[Tensor]:
    """Six numbers that are not 0."""
    return [vector(generator, 6)]


def with_zero(generator: Generator) -> list[Tensor]:
    """Four numbers and 0."""
    return [torch.cat([vector(generator, 4), torch.zeros(1).double()])]


def _jacobian(x: Tensor, sign: float = -1.0) -> Tensor:
    S = x.softmax(0)
    return S.diag() + sign * S.outer(S)


QUESTIONS = [
    Question(
        number="1a",
        name=say_later("The sign by indicators"),
        points=1,
        checks=[
            check_of(
                "sign",
                with_zero,
                torch.sign,
                [
                    (
                        "sign of 0",
                        say_later("sign(0) should be 0: neither indicator holds there"),
                        lambda x: torch.where(x >= 0, 1.0, -1.0),
                    ),
                    (
                        "sign(0) = −1",
                        say_later("sign(0) is −1: the indicator of x < 0 does not hold at 0"),
                        lambda x: torch.where(x > 0, 1.0, -1.0),
                    ),
                    (
                        "only the positive indicator",
                        say_later("the sign lacks the indicator of negative numbers"),
                        lambda x: (x > 0).double(),
                    ),
                    (
                        "indicators added",
                        say_later("the indicators are added: subtract that of negative numbers"),
                        lambda x: (x != 0).double(),
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="1b",
        name=say_later("The derivative of ReLU"),
        points=2,
        checks=[
            check_of(
                "relu_derivative",
                numbers,
                lambda x: (x > 0).double(),
                [
                    (
                        "ReLU instead of its derivative",
                        say_later("it is ReLU, not its derivative: the slope of x is 1"),
                        torch.relu,
                    ),
                    (
                        "derivative of |x|",
                        say_later("it is −1 for negative numbers, where ReLU is constant"),
                        torch.sign,
                    ),
                    (
                        "slope 1 everywhere",
                        say_later("it is 1 for negative numbers too, where ReLU is constant"),
                        torch.ones_like,
                    ),
                    (
                        "gate the other way round",
                        say_later("it is 1 for negative numbers and 0 for positive ones"),
                        lambda x: (x < 0).double(),
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="1c",
        name=say_later("The derivative of the sigmoid"),
        points=1,
        checks=[
            check_of(
                "sigmoid_derivative",
                numbers,
                lambda x: x.sigmoid() * (1 - x.sigmoid()),
                [
                    (
                        "σ for σ′",
                        say_later("it is σ, not its derivative σ (1 − σ)"),
                        torch.sigmoid,
                    ),
                    (
                        "sign of σ′",
                        say_later("the derivative of σ has the wrong sign: σ grows"),
                        lambda x: -x.sigmoid() * (1 - x.sigmoid()),
                    ),
                    (
                        "x (1 − x)",
                        say_later("it is x (1 − x): σ (1 − σ) takes σ(x)"),
                        lambda x: x * (1 - x),
                    ),
                    (
                        "1 − σ²",
                        say_later("it is 1 − σ²: that is the form of tanh′"),
                        lambda x: 1 - x.sigmoid() ** 2,
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="1d",
        name=say_later("The logarithm of the sigmoid"),
        points=1,
        checks=[
            check_of(
                "log_sigmoid",
                numbers,
                F.logsigmoid,
                [
                    (
                        "minus before softplus missing",
                        say_later("it is softplus(−x): ln σ(x) is negative"),
                        lambda x: F.softplus(-x),
                    ),
                    (
                        "minus inside softplus missing",
                        say_later("it is −softplus(x), which is ln σ(−x)"),
                        lambda x: -F.softplus(x),
                    ),
                    (
                        "both minus signs missing",
                        say_later("it is softplus(x): both minus signs are missing"),
                        F.softplus,
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="1e",
        name=say_later("Softplus"),
        points=1,
        checks=[
            check_of(
                "softplus",
                numbers,
                F.softplus,
                [
                    (
                        "softplus of −x",
                        say_later("it is softplus(−x): the exponent has no minus"),
                        lambda x: F.softplus(-x),
                    ),
                    (
                        "softplus without 1",
                        say_later("the 1 in ln(1 + eˣ) is missing: ln eˣ is x"),
                        lambda x: x,
                    ),
                    (
                        "softplus by log10",
                        say_later("softplus takes the natural logarithm"),
                        lambda x: F.softplus(x) / torch.tensor(10.0).double().log(),
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="1f",
        name=say_later("The gradient of the squared norm"),
        points=1,
        checks=[
            check_of(
                "gradient_squared_l2",
                numbers,
                lambda x: 2 * x,
                [
                    (
                        "2 in the gradient of the squared norm missing",
                        say_later("the factor 2 of the derivative of a square is missing"),
                        lambda x: x,
                    ),
                    (
                        "gradient of the norm",
                        say_later("it is the gradient x / ‖x‖ of the norm: its square is meant"),
                        lambda x: x / x.norm(),
                    ),
                    (
                        "gradient summed",
                        say_later("the gradient is summed: it is a vector, 2 x"),
                        lambda x: (2 * x).sum(),
                    ),
                    (
                        "2 |x|",
                        say_later("it is 2 |x|: the gradient keeps the signs of x"),
                        lambda x: 2 * x.abs(),
                    ),
                ],
            )
        ],
    ),
    Question(
        number="1g",
        name=say_later("The gradient of the L1 norm"),
        points=1,
        checks=[
            check_of(
                "gradient_l1",
                numbers,
                torch.sign,
                [
                    (
                        "|x| for its derivative",
                        say_later("it is |x|, not its derivative sign(x)"),
                        torch.abs,
                    ),
                    (
                        "ones for signs",
                        say_later("it is 1 everywhere: |x| falls where x is negative"),
                        torch.ones_like,
                    ),
                    (
                        "x for its sign",
                        say_later("it is x: the derivative of |x| is its sign"),
                        lambda x: x,
                    ),
                ],
            )
        ],
    ),
    Question(
        number="1k",
        name=say_later("The Jacobian of the softmax"),
        points=1,
        checks=[
            check_of(
                "softmax_jacobian",
                lambda generator: [vector(generator, 5)],
                _jacobian,
                [
                    (
                        "diag(S) alone",
                        say_later("the term −S Sᵀ of the Jacobian is missing"),
                        lambda x: x.softmax(0).diag(),
                    ),
                    (
                        "S Sᵀ added",
                        say_later("S Sᵀ is added to diag(S): it is subtracted"),
                        lambda x: _jacobian(x, 1.0),
                    ),
                    (
                        "sign of the Jacobian",
                        say_later("the Jacobian has the wrong sign: diag(S) is positive"),
                        lambda x: -_jacobian(x),
                    ),
                    (
                        "diagonal alone",
                        say_later(
                            "only the diagonal S (1 − S) is there: the outputs depend on all inputs"
                        ),
                        lambda x: _jacobian(x).diag().diag(),
                    ),
                ],
            )
        ],
    ),
]
