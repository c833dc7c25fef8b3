"""Training one example at a time, with many exact steps per pass over the weights.

With a minibatch of one the gradient is an outer product, dW_t = x_t δ_tᵀ, and the step costs more
than finding it. These functions make the very sequence of steps of the plain loop, block by block,
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

`perceptron_one_by_one` has linear outputs. With X (n, features + 1) the block, T its targets and
e_t = t_t − y_t the error that example t meets when its turn comes,

    y_t = x_t (W + η Σ_{s<t} x_sᵀ e_s)    ⟺    (I + η tril(X Xᵀ, −1)) E = T − X W

so one triangular system gives the errors of all n steps, and then W ← W + η Xᵀ E, some hundred
times faster. `docs/derivations/perceptron.md` derives it.

Source: the algebra is elementary; the first is the delayed update of the perceptron's dual form
(Schölkopf & Smola, Learning with Kernels, 2002, 10.1), applied block by block.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear, linear_weight_gradient
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
    rows, x, targets = _side_by_side(W, x, targets)
    groups, block, classes = len(x), x.shape[-2], W.shape[-1]
    members = W.shape[-3]
    rates = _rates(optimizer, W).view(-1, 1)
    products = x @ x.mT  # (groups, block, block)
    z_0 = (rows @ x.mT).mT.view(groups, block, members, classes)
    steps = x.new_zeros(groups, block, members * classes)  # η δ of the steps made
    made = x.new_empty(groups, 1, members * classes)
    z = x.new_empty(groups, members, classes)
    for product, z_t, y, step in zip(
        products.unsqueeze(-2).unbind(1),  # each (groups, 1, block)
        z_0.unbind(1),
        targets.unbind(1),
        steps.view(z_0.shape).unbind(1),
        strict=True,
    ):
        torch.bmm(product, steps, out=made)  # rows of later steps are still 0
        torch.sub(z_t, made.view_as(z), out=z)
        torch.mul(_softmax_in_place(z).sub_(y), rates, out=step)
    rows -= steps.mT @ x


def adam_one_by_one(W: Tensor, x: Tensor, targets: Tensor, optimizer: Adam) -> None:
    """One block of Adam steps; the arguments are those of `train_one_by_one`."""
    beta_1, beta_2, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    optimizer.settle()  # V = v
    learning_rate = _rates(optimizer, W)
    W /= learning_rate  # now U
    rows, x, targets = _side_by_side(W, x, targets)
    # all of shape (groups, members, classes, features), contiguous
    shape = (len(x), W.shape[-3], W.shape[-1], W.shape[-2])
    U, M, V, scratch = (t.mT.view(shape) for t in (W, optimizer.m, optimizer.V, optimizer.scratch))
    rates = learning_rate.squeeze(-1).expand(shape[:-1]).contiguous()
    z = x.new_empty(len(x), 1, rows.shape[-2])
    delta = z.view(shape[:-1])
    column, column_squared = delta.unsqueeze(-1), x.new_empty(*shape[:-1], 1)
    x_rows = x[:, :, None, None]  # (groups, block, 1, 1, features)
    i = 0
    for i, (x_t, row, row_squared, y) in enumerate(
        zip(
            x.unsqueeze(-2).unbind(1),  # each (groups, 1, features)
            x_rows.unbind(1),
            x_rows.square().unbind(1),
            targets.unbind(1),
            strict=True,
        ),
        start=1,
    ):
        t = optimizer.t + i
        c, decay = math.sqrt(1 - beta_2**t), beta_2 ** (i / 2)  # √v̂ = decay · √V / c
        torch.bmm(x_t, rows.mT, out=z)
        _softmax_in_place(delta.mul_(rates)).sub_(y)  # z and delta are the same memory
        torch.mul(column, column, out=column_squared)
        M.addcmul_(column, row, value=(1 - beta_1) * beta_1**-i)
        V.addcmul_(column_squared, row_squared, value=(1 - beta_2) * beta_2**-i)
        root = torch.sqrt(V, out=scratch).add_(c * epsilon / decay)
        U.addcdiv_(M, root, value=-(beta_1**i) / (1 - beta_1**t) * c / decay)
    optimizer.t += i
    optimizer.m *= beta_1**i
    optimizer.V *= beta_2**i
    W *= learning_rate


def perceptron_one_by_one(
    W: Float[Tensor, "*population features classes"],
    x: Float[Tensor, "*groups examples features"],
    targets: Float[Tensor, "*groups examples classes"],
    learning_rate: float | Tensor,
) -> None:
    """Make one step of the perceptron's rule per example, in order; W is updated in place.

    Args:
        W: Weights, with one population axis more than `groups`, the members that share these
            examples, or none more.
        x: Augmented inputs, in the order of the steps.
        targets: One-hot labels.
        learning_rate: η; a number, or (members, 1, 1).
    """
    # a member of its own gets the axis of those who share their examples
    W = W.unsqueeze(-3) if W.ndim == x.ndim else W
    for X, T in zip(x.split(BLOCK, -2), targets.split(BLOCK, -2), strict=True):
        before = (X @ X.mT).tril_(-1).unsqueeze(-3)  # (*groups, 1, n, n): x_t · x_s for s < t
        residual = T.unsqueeze(-3) - linear(X, W)  # T − X W, (*groups, members, n, classes)
        E = torch.linalg.solve_triangular(
            learning_rate * before, residual, upper=False, unitriangular=True
        )
        W += linear_weight_gradient(X, learning_rate * E)


def _side_by_side(W: Tensor, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One group axis in place of any number, and the members of a group as rows of one matrix.

    Returns:
        The memory of W as (groups, members·classes, features), x as (groups, block, features) and
        the targets as (groups, block, 1, classes).
    """
    members, features, classes = W.shape[-3:]
    rows = W.mT.view(-1, members * classes, features)
    groups, examples = len(rows), x.shape[-2]
    return (
        rows,
        x.reshape(groups, examples, features),
        targets.reshape(groups, examples, 1, classes),
    )


def _rates(optimizer: SGD | Adam, W: Tensor) -> Tensor:
    """The learning rates as (members, 1, 1), whether they were given as a number or as a tensor."""
    rates = torch.as_tensor(optimizer.learning_rate, dtype=W.dtype, device=W.device)
    return rates if rates.ndim else rates.expand(W.shape[-3], 1, 1)


def _softmax_in_place(z: Tensor) -> Tensor:
    """`losses.softmax` over the last axis, without new memory: it is called at every step."""
    z.sub_(z.amax(-1, keepdim=True)).exp_()
    return z.div_(z.sum(-1, keepdim=True))
