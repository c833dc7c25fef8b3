"""Stochastic gradient descent one example at a time, many exact steps per pass over the weights.

A step on example t changes the weights by a rank-one term, W_t = W_{t−1} − x_t (η δ_t)ᵀ, so the
logits of example t need no updated weights at all, only the earlier examples' δ:

    z_t = x_t W_0 − Σ_{s<t} (x_t · x_s) η δ_s            δ_t = softmax(z_t) − y_t

All x_t W_0 and all products x_t · x_s of a block of examples are two matrix products; what is left
for each step is small and does not depend on the number of features. At the end of the block
W ← W − Xᵀ (η Δ). It is the same sequence of steps as the plain loop, in another order of
summation: equal up to rounding, which `tests/byhand` proves.

Source: the algebra is ours to write but old; it is the delayed update of the perceptron in its
dual form (Schölkopf & Smola, Learning with Kernels, 2002, 10.1), applied block by block.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear
from retroprop.byhand.losses import softmax

BLOCK = 50
"""Examples per block. Longer blocks pay more for x_t · x_s, shorter ones for visiting W."""


def sgd_one_by_one(
    W: Float[Tensor, "*groups members features classes"],
    x: Float[Tensor, "*groups examples features"],
    targets: Float[Tensor, "*groups examples classes"],
    learning_rate: Float[Tensor, "#members 1 1"],
) -> None:
    """Make one SGD step of softmax regression per example, in order; W is updated in place.

    Args:
        W: Weights; `W.mT` must be contiguous, as `SoftmaxRegression` stores it.
        x: Augmented inputs, in the order of the steps; all members of a group read them.
        targets: One-hot labels.
        learning_rate: η of each member.
    """
    for x_block, y_block in zip(x.split(BLOCK, -2), targets.split(BLOCK, -2), strict=True):
        _one_block(W, x_block, y_block, learning_rate)


def _one_block(W: Tensor, x: Tensor, targets: Tensor, learning_rate: Tensor) -> None:
    members, _, classes = W.shape[-3:]
    z_0 = linear(x, W).movedim(-3, -2)  # (*groups, block, members, classes)
    products = x @ x.mT  # (*groups, block, block)
    steps = torch.zeros_like(z_0, memory_format=torch.contiguous_format)  # η δ of the steps made
    columns = steps.flatten(-2)  # the same memory, (*groups, block, members·classes)
    rates = learning_rate.view(-1, 1)
    y = targets.unsqueeze(-2)  # (*groups, block, 1, classes)
    for product, z, y_t, step in zip(
        products.unsqueeze(-2).unbind(-3),
        z_0.unbind(-3),
        y.unbind(-3),
        steps.unbind(-3),
        strict=True,
    ):
        made = (product @ columns).view(*z.shape)  # rows of later steps are still 0
        torch.mul(softmax(z - made).sub_(y_t), rates, out=step)
    rows = W.mT.view(*W.shape[:-3], members * classes, W.shape[-2])
    rows -= columns.mT @ x
