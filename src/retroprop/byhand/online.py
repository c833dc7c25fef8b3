"""Training one example at a time, with many exact steps per pass over the weights.

With a minibatch of one the gradient is an outer product, dW_t = x_t δ_tᵀ, and the step costs more
than finding it. Both functions make the very sequence of steps of the plain loop, block by block,
in another order of summation: equal up to rounding, which `tests/byhand` proves.

`sgd_one_by_one` does without the updated weights: a step on example t changes them by a rank-one
term, W_t = W_{t−1} − x_t (η δ_t)ᵀ, so

    z_t = x_t W_0 − Σ_{s<t} (x_t · x_s) η δ_s            δ_t = softmax(z_t) − y_t

All x_t W_0 and all products x_t · x_s of a block are two matrix products; what is left for each
step does not depend on the number of features. At the end of the block W ← W − Xᵀ (η Δ).

`adam_one_by_one` needs every weight at every step, so it saves passes over memory instead: the
decay of the moments and the learning rates are kept as numbers during the block. With i the step
within the block,

    m_t = β₁ⁱ M_i,   M_i = M_{i−1} + (1 − β₁) β₁⁻ⁱ x_t δ_tᵀ          (likewise v_t = β₂ⁱ V_i)
    W_t = η U_i,     U_i = U_{i−1} − m̂_t / (√v̂_t + ε)

which leaves six passes of nine. Over 50 steps the numbers grow by 0.9⁻⁵⁰ = 194 at most.

Source: the algebra is elementary; the first is the delayed update of the perceptron's dual form
(Schölkopf & Smola, Learning with Kernels, 2002, 10.1), applied block by block.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear
from retroprop.byhand.losses import softmax
from retroprop.byhand.optimizers import SGD, Adam

BLOCK = 50
"""Examples per block: longer ones pay more for x_t · x_s, shorter ones for visiting all of W."""


def train_one_by_one(
    W: Float[Tensor, "*groups members features classes"],
    x: Float[Tensor, "*groups examples features"],
    targets: Float[Tensor, "*groups examples classes"],
    optimizer: SGD | Adam,
) -> None:
    """Make one step of softmax regression per example, in order; W is updated in place.

    Args:
        W: Weights; `W.mT` must be contiguous, as `SoftmaxRegression` stores it.
        x: Augmented inputs, in the order of the steps; all members of a group read them.
        targets: One-hot labels.
        optimizer: The optimizer of W; its learning rate has the shape (members, 1, 1).
    """
    for x_block, y_block in zip(x.split(BLOCK, -2), targets.split(BLOCK, -2), strict=True):
        if isinstance(optimizer, SGD):
            sgd_one_by_one(W, x_block, y_block, optimizer)
        else:
            adam_one_by_one(W, x_block, y_block, optimizer)


def sgd_one_by_one(W: Tensor, x: Tensor, targets: Tensor, optimizer: SGD) -> None:
    """One block of SGD steps; the arguments are those of `train_one_by_one`."""
    rates = optimizer.learning_rate.view(-1, 1)
    z_0 = linear(x, W).movedim(-3, -2)  # (*groups, block, members, classes)
    products = x @ x.mT  # (*groups, block, block)
    steps = torch.zeros_like(z_0, memory_format=torch.contiguous_format)  # η δ of the steps made
    columns = steps.flatten(-2)  # the same memory, (*groups, block, members·classes)
    for product, z, y, step in zip(
        products.unsqueeze(-2).unbind(-3),
        z_0.unbind(-3),
        targets.unsqueeze(-2).unbind(-3),
        steps.unbind(-3),
        strict=True,
    ):
        made = (product @ columns).view_as(z)  # rows of later steps are still 0
        torch.mul(softmax(z - made).sub_(y), rates, out=step)
    rows = _rows(W)
    rows -= columns.mT @ x


def adam_one_by_one(W: Tensor, x: Tensor, targets: Tensor, optimizer: Adam) -> None:
    """One block of Adam steps; the arguments are those of `train_one_by_one`."""
    beta_1, beta_2, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    W /= optimizer.learning_rate  # now U
    # all of shape (*groups, members, classes, features), contiguous
    U, M, V, scratch = (t.mT for t in (W, optimizer.m, optimizer.v, optimizer.scratch))
    columns = _rows(W).mT  # the memory of U, (*groups, features, members·classes)
    rates = optimizer.learning_rate.squeeze(-1).expand(U.shape[:-1]).contiguous()
    as_rows = x[..., None, None, :]
    i = 0
    for i, (x_t, row, row_squared, y) in enumerate(
        zip(
            x.unsqueeze(-2).unbind(-3),  # each (*groups, 1, features)
            as_rows.unbind(-4),  # each (*groups, 1, 1, features)
            as_rows.square().unbind(-4),
            targets.unsqueeze(-2).unbind(-3),  # each (*groups, 1, classes)
            strict=True,
        ),
        start=1,
    ):
        t = optimizer.t + i
        c, decay = math.sqrt(1 - beta_2**t), beta_2 ** (i / 2)  # √v̂ = decay · √V / c
        z = (x_t @ columns).view_as(rates) * rates
        delta = softmax(z).sub_(y).unsqueeze(-1)  # (*groups, members, classes, 1)
        M.addcmul_(delta, row, value=(1 - beta_1) * beta_1**-i)
        V.addcmul_(delta.square(), row_squared, value=(1 - beta_2) * beta_2**-i)
        root = torch.rsqrt(V, out=scratch).reciprocal_().add_(c * epsilon / decay)
        U.addcdiv_(M, root, value=-(beta_1**i) / (1 - beta_1**t) * c / decay)
    optimizer.t += i
    optimizer.m *= beta_1**i
    optimizer.v *= beta_2**i
    W *= optimizer.learning_rate


def _rows(W: Tensor) -> Tensor:
    """The memory of W as (*groups, members·classes, features)."""
    return W.mT.view(*W.shape[:-3], W.shape[-3] * W.shape[-1], W.shape[-2])
