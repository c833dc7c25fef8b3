"""Training a network with hidden layers on small minibatches, the first layer block by block.

The first layer of an image classifier holds most of the weights, and its inputs do not depend on
any weight. So, as in `online`, its weights are not visited inside a block of examples: a step on
minibatch s changes them by −X_sᵀ (η dA_s), and the pre-activations that minibatch t meets are

    A_t = X_t W_0 + b_0 − Σ_{s<t} (X_t X_sᵀ + 1) η dA_s

where the 1 is the bias's input. X W_0 and X Xᵀ of a block are two matrix products. The later layers
are small: they make each step of gradient descent as it comes. The result is that of the plain loop
up to rounding (`tests/byhand` proves it); it pays up to some 32 examples per minibatch.

η multiplies dz at the output: everything behind it is linear in dz, so each update is then a
difference.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import make_activation
from retroprop.byhand.block import views
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.losses import softmax_cross_entropy_gradient, squared_error_gradient
from retroprop.byhand.softmax_regression import Reduction

BLOCK = 50
"""Examples per block, as in `online`; or as many whole minibatches as fit."""


def block_size(batch_size: int) -> int:
    """Examples per block of minibatches of this size.

    >>> block_size(1), block_size(8), block_size(128)
    (50, 48, 128)
    """
    return max(1, BLOCK // batch_size) * batch_size


def train_network_in_blocks(
    network: FastMLP,
    x: Float[Tensor, "*groups examples features"],
    targets: Float[Tensor, "*groups examples outputs"],
    learning_rate: float | Tensor,
    *,
    batch_size: int = 1,
    reduction: Reduction = "mean",
) -> None:
    """Make one step of gradient descent per minibatch, in order; θ is updated in place.

    Args:
        network: With at least one hidden layer; its population axes are `groups`, and then those
            of members that read the same examples.
        x: Inputs, in the order of the steps.
        targets: One-hot labels.
        learning_rate: η; a number, or one for each member (*population).
        batch_size: Examples per step; the last step may have fewer.
        reduction: Of a minibatch's gradient: "mean" or "sum".

    Raises:
        ValueError: If the network has no hidden layer.
    """
    if len(network.shapes) < 4:
        raise ValueError(
            "expected a network with a hidden layer; one without is a Perceptron or a "
            "SoftmaxRegression, which have their own train_one_by_one."
        )
    if isinstance(learning_rate, Tensor):
        learning_rate = learning_rate.reshape(-1, 1, 1)
    x, targets = (t.reshape(-1, *t.shape[-2:]) for t in (x, targets))
    n = block_size(batch_size)
    for x_block, t_block in zip(x.split(n, 1), targets.split(n, 1), strict=True):
        _train_block(network, x_block, t_block, learning_rate, batch_size, reduction)


def _train_block(
    network: FastMLP,
    x: Tensor,
    targets: Tensor,
    eta: float | Tensor,
    batch_size: int,
    reduction: Reduction,
) -> None:
    (W_1, b_1), *later = _layers(network)
    groups = len(x)
    members, units, features = W_1.shape  # stored transposed
    rows = W_1.view(groups, -1, features)  # (groups, sharing·units, features)
    a_0 = torch.baddbmm(b_1.view(groups, 1, -1), x, rows.mT)  # (groups, block, sharing·units)
    products = torch.bmm(x, x.mT).add_(1)  # (groups, block, block)
    steps = torch.zeros_like(a_0)  # η dA of the steps made; the rows of later steps are still 0
    phi = make_activation(network.activation)
    last = len(later) - 1
    loss_gradient = (
        softmax_cross_entropy_gradient if network.output == "softmax" else squared_error_gradient
    )
    for product, a_t, t, step in zip(
        *(tensor.split(batch_size, 1) for tensor in (products, a_0, targets, steps)), strict=True
    ):
        n = a_t.shape[1]
        a = torch.baddbmm(a_t, product, steps, alpha=-1)  # (groups, n, sharing·units)
        a = a.view(groups, n, -1, units).transpose(1, 2).reshape(members, n, units)
        h, kept = phi.forward_(a)
        inputs = [(h, kept)]
        for layer, (W, b) in enumerate(later):
            h = torch.baddbmm(b, h, W.mT)
            if layer < last:
                h, kept = phi.forward_(h)
                inputs.append((h, kept))
        t = t.unsqueeze(1).expand(-1, members // groups, -1, -1).reshape(members, n, -1)
        dz = loss_gradient(h, t).mul_(eta)
        if reduction == "mean" and n > 1:
            dz /= n
        for (W, b), (h, kept) in zip(reversed(later), reversed(inputs), strict=True):
            dh = torch.bmm(dz, W)
            if n == 1:
                W.addcmul_(dz.mT, h, value=-1)  # W ← W − hᵀ dz
                b.sub_(dz)
            else:
                W.baddbmm_(dz.mT, h, alpha=-1)
                b.sub_(dz.sum(1, keepdim=True))
            dz = phi.backward_(dh, kept)
        step.view(groups, n, -1, units).transpose(1, 2).copy_(dz.view(groups, -1, n, units))
    rows -= torch.bmm(steps.mT, x)
    b_1.view(groups, -1).sub_(steps.sum(1))


def _layers(network: FastMLP) -> list[tuple[Tensor, Tensor]]:
    """(W, b) of each layer, W (members, out, in) as it is stored and b (members, 1, out)."""
    of_one = len(network.population)
    tensors = [
        tensor.view(-1, *tensor.shape[of_one:])
        for tensor in views(network.theta, network.shapes).values()
    ]
    return [(W, b.unsqueeze(1)) for W, b in zip(tensors[::2], tensors[1::2], strict=True)]
