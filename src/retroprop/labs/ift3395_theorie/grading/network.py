"""Question 2 of the sheet: the network of one hidden layer, its losses and its gradients."""

from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Check, Question
from retroprop.labs.ift3395_theorie.grading.results import TRANSPOSED, check_of, vector
from retroprop.languages import say_later

D, D_H, M = 3, 5, 4
"""Inputs, hidden units and classes, all different, so that shapes tell."""


def forward(
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    x: Tensor,
    *,
    hidden: Any = torch.sigmoid,
    output: Any = lambda oa: oa.softmax(0),
) -> list[Tensor]:
    """h^a, h^s, o^a and o^s."""
    ha = W1 @ x + b1
    hs = hidden(ha)
    oa = W2 @ hs + b2
    return [ha, hs, oa, output(oa)]


def parameters(generator: Generator) -> list[Tensor]:
    """W1, b1, W2, b2 and x."""
    return [
        vector(generator, D_H * D).view(D_H, D),
        vector(generator, D_H),
        vector(generator, M * D_H).view(M, D_H),
        vector(generator, M),
        vector(generator, D),
    ]


def scores_and_class(generator: Generator) -> list[Any]:
    """A vector, and a class that is not 0."""
    return [vector(generator, M), int(torch.randint(1, M, (), generator=generator))]


def probabilities_and_class(generator: Generator) -> list[Any]:
    """The same with probabilities."""
    scores, y = scores_and_class(generator)
    return [scores.softmax(0), y]


def numbers_and_label(generator: Generator) -> list[Any]:
    """Numbers and the label 1 or 0 of all."""
    return [vector(generator, 6), int(torch.randint(0, 2, (), generator=generator))]


def onehot(os: Tensor, y: int) -> Tensor:
    """The vector of a class."""
    return torch.eye(len(os)).double()[y]


def outer_check(function: str, n: int, inputs: int, share: float) -> Check:
    """A check of the gradient of a matrix (n, inputs)."""
    return check_of(
        function,
        lambda generator: [vector(generator, n), vector(generator, inputs)],
        torch.outer,
        [("gradient transposed", TRANSPOSED, lambda g, inputs: torch.outer(inputs, g))],
        name=say_later("the gradient of the weights"),
        share=share,
    )


def bias_check(function: str, n: int, share: float) -> Check:
    """A check of the gradient of a bias (n,)."""
    return check_of(
        function,
        lambda generator: [vector(generator, n)],
        lambda g: g,
        [
            (
                "bias gradient summed",
                say_later("the gradient of the bias is summed: each unit has its own bias"),
                torch.sum,
            )
        ],
        name=say_later("the gradient of the biases"),
        share=share,
    )


TANH = ("tanh in the hidden layer", say_later("the hidden layer has tanh: it is the sigmoid"))
RELU = ("ReLU in the hidden layer", say_later("the hidden layer has ReLU: it is the sigmoid"))


def _mse(x: Tensor, y: int) -> Tensor:
    return 2 * (x.sigmoid() - y) * x.sigmoid() * (1 - x.sigmoid())


QUESTIONS = [
    Question(
        number="2a-c",
        name=say_later("The network's vectors"),
        points=5,
        checks=[
            check_of(
                "forward",
                parameters,
                forward,
                [
                    (
                        "hidden bias left out",
                        say_later("the bias of the hidden layer is missing"),
                        lambda W1, b1, *others: forward(W1, 0 * b1, *others),
                    ),
                    (
                        "output bias left out",
                        say_later("the bias of the output layer is missing"),
                        lambda W1, b1, W2, b2, x: forward(W1, b1, W2, 0 * b2, x),
                    ),
                    (*TANH, lambda *arguments: forward(*arguments, hidden=torch.tanh)),
                    (*RELU, lambda *arguments: forward(*arguments, hidden=torch.relu)),
                    (
                        "sigmoid of the scores",
                        say_later("the outputs have a sigmoid: they are a softmax, and sum to 1"),
                        lambda *arguments: forward(*arguments, output=torch.sigmoid),
                    ),
                    (
                        "exponentials not divided",
                        say_later("the exponentials are not divided by their sum"),
                        lambda *arguments: forward(*arguments, output=torch.exp),
                    ),
                ],
            )
        ],
    ),
    Question(
        number="2d",
        name=say_later("The gradient of the squared error"),
        points=2,
        checks=[
            check_of(
                "gradient_mse",
                numbers_and_label,
                _mse,
                [
                    (
                        "σ′ missing in the gradient of the squared error",
                        say_later("the factor σ (1 − σ) is missing: the error goes through σ"),
                        lambda x, y: 2 * (x.sigmoid() - y),
                    ),
                    (
                        "sign of the gradient of the squared error",
                        say_later("the gradient has the wrong sign: it is along σ − y"),
                        lambda x, y: -_mse(x, y),
                    ),
                    (
                        "squared error not derived",
                        say_later("it is the squared error, not its derivative"),
                        lambda x, y: (x.sigmoid() - y) ** 2,
                    ),
                ],
                also_right={"half": lambda x, y: _mse(x, y) / 2},
                each=True,
            )
        ],
    ),
    Question(
        number="2e",
        name=say_later("The gradient of the cross-entropy"),
        points=2,
        checks=[
            check_of(
                "gradient_cross_entropy",
                numbers_and_label,
                lambda x, y: x.sigmoid() - y,
                [
                    (
                        "sign of the gradient of the cross-entropy",
                        say_later("the gradient has the wrong sign: it is σ − y"),
                        lambda x, y: y - x.sigmoid(),
                    ),
                    (
                        "σ′ left in the gradient of the cross-entropy",
                        say_later("the factor σ (1 − σ) is still there: the logarithm cancels it"),
                        lambda x, y: _mse(x, y) / 2,
                    ),
                    (
                        "derived by σ(o^a)",
                        say_later("it is the derivative by σ(oᵃ): go on to oᵃ"),
                        lambda x, y: (1 - y) / (1 - x.sigmoid()) - y / x.sigmoid(),
                    ),
                ],
                each=True,
            )
        ],
    ),
    Question(
        number="2g",
        name=say_later("The loss from the scores"),
        points=2,
        checks=[
            check_of(
                "loss",
                scores_and_class,
                lambda oa, y: -oa.log_softmax(0)[y],
                [
                    (
                        "sign of L",
                        say_later("the loss has the wrong sign: it is positive"),
                        lambda oa, y: oa.log_softmax(0)[y],
                    ),
                    (
                        "logarithm of the sum missing",
                        say_later("the term ln Σ exp(oᵃ) of the loss is missing"),
                        lambda oa, y: -oa[y],
                    ),
                    (
                        "logarithm missing",
                        say_later("it is −oˢ_y: the logarithm of the loss is missing"),
                        lambda oa, y: -oa.softmax(0)[y],
                    ),
                    (
                        "classes from 1",
                        say_later("the classes are counted from 1: the template's are from 0"),
                        lambda oa, y: -oa.log_softmax(0)[y - 1],
                    ),
                ],
            )
        ],
    ),
    Question(
        number="2h",
        name=say_later("The number of parameters"),
        points=2,
        checks=[
            check_of(
                "number_of_parameters",
                lambda generator: (
                    torch.randperm(40, generator=generator)[:3] + torch.tensor([60, 20, 100])
                ).tolist(),
                lambda d, d_h, m: d_h * (d + 1) + m * (d_h + 1),
                [
                    (
                        "biases not counted",
                        say_later("the biases are not counted: d_h and m of them"),
                        lambda d, d_h, m: d_h * d + m * d_h,
                    ),
                    (
                        "one bias for each layer",
                        say_later("each layer is given one bias: each of its units has one"),
                        lambda d, d_h, m: d_h * d + m * d_h + 2,
                    ),
                    (
                        "biases of the outputs not counted",
                        say_later("the m biases of the output layer are not counted"),
                        lambda d, d_h, m: d_h * (d + 1) + m * d_h,
                    ),
                    (
                        "biases of the hidden layer not counted",
                        say_later("the d_h biases of the hidden layer are not counted"),
                        lambda d, d_h, m: d_h * d + m * (d_h + 1),
                    ),
                ],
            )
        ],
    ),
    Question(
        number="2i",
        name=say_later("The gradient of the scores"),
        points=3,
        checks=[
            check_of(
                "gradient_oa",
                probabilities_and_class,
                lambda os, y: os - onehot(os, y),
                [
                    (
                        "sign of the gradient of the scores",
                        say_later("the gradient has the wrong sign: it is oˢ − onehot(y)"),
                        lambda os, y: onehot(os, y) - os,
                    ),
                    (
                        "onehot(y) missing",
                        say_later("onehot(y) is not subtracted"),
                        lambda os, y: os,
                    ),
                    (
                        "classes from 1",
                        say_later("the classes are counted from 1: the template's are from 0"),
                        lambda os, y: os - onehot(os, y - 1),
                    ),
                    (
                        "derived by o^s",
                        say_later("it is the derivative by oˢ: go on to oᵃ"),
                        lambda os, y: -onehot(os, y) / os,
                    ),
                ],
            )
        ],
    ),
    Question(
        number="2j-k",
        name=say_later("The gradients of the output layer"),
        points=5,
        checks=[outer_check("gradient_W2", M, D_H, 0.6), bias_check("gradient_b2", M, 0.4)],
    ),
    Question(
        number="2l-m",
        name=say_later("The gradient of the hidden layer's outputs"),
        points=4,
        checks=[
            check_of(
                "gradient_hs",
                lambda generator: [vector(generator, M * D_H).view(M, D_H), vector(generator, M)],
                lambda W2, g: W2.mT @ g,
                [
                    (
                        "gradient not multiplied by W2",
                        say_later("the gradient of the scores is added without its weights"),
                        lambda W2, g: g.sum().expand(W2.shape[1]),
                    ),
                    (
                        "products not added",
                        say_later("the products are not added over the classes"),
                        lambda W2, g: W2 * g[:, None],
                    ),
                    (
                        "W2 without the gradient",
                        say_later("only the weights are added: the gradient of the scores counts"),
                        lambda W2, g: W2.sum(0),
                    ),
                ],
            )
        ],
    ),
    Question(
        number="2n-o",
        name=say_later("The gradient of the hidden layer's activations"),
        points=5,
        checks=[
            check_of(
                "gradient_ha",
                lambda generator: [vector(generator, D_H), vector(generator, D_H).sigmoid()],
                lambda g, hs: g * hs * (1 - hs),
                [
                    (
                        "σ′ missing in the hidden layer",
                        say_later("the factor hˢ (1 − hˢ) is missing"),
                        lambda g, hs: g,
                    ),
                    (
                        "sigmoid taken again",
                        say_later("σ is taken of hˢ, which is σ(hᵃ) already"),
                        lambda g, hs: g * hs.sigmoid() * (1 - hs.sigmoid()),
                    ),
                    (
                        "1 − hs²",
                        say_later("the factor is 1 − hˢ²: that is tanh′"),
                        lambda g, hs: g * (1 - hs**2),
                    ),
                    (
                        "summed over the hidden layer",
                        say_later("the products are added: each unit has its own"),
                        lambda g, hs: (g * hs * (1 - hs)).sum(),
                    ),
                    (*TANH, lambda g, hs: g * (1 - hs**2)),
                    (*RELU, lambda g, hs: g * (hs > 0)),
                ],
            )
        ],
    ),
    Question(
        number="2p",
        name=say_later("The gradients of the hidden layer"),
        points=2,
        checks=[outer_check("gradient_W1", D_H, D, 0.5), bias_check("gradient_b1", D_H, 0.5)],
    ),
]
