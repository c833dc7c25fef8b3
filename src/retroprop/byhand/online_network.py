"""Training a network with hidden layers one example at a time, the first layer block by block.

The first layer of an image classifier holds most of the weights, and its inputs do not depend on
any weight. So, as in `online`, its weights are not visited inside a block of examples: a step on
example s changes them by −x_sᵀ (η da_s), and the pre-activation that example t meets is

    a_t = x_t W_0 + b_0 − Σ_{s<t} (x_t · x_s + 1) η da_s

where the 1 is the bias's input. All x_t W_0 and all x_t · x_s of a block are two matrix products.
The later layers are small: they make each step of gradient descent as it comes. The result is that
of the plain loop up to rounding (`tests/byhand` proves it).

η multiplies dz at the output: everything behind it is linear in dz, so each update is then a
difference.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import ACTIVATIONS
from retroprop.byhand.block import views
from retroprop.byhand.losses import softmax_cross_entropy_gradient, squared_error_gradient
from retroprop.byhand.mlp import MLP

BLOCK = 50
"""Examples per block, as in `online`."""


def train_network_one_by_one(
    network: MLP,
    x: Float[Tensor, "*groups examples features"],
    targets: Float[Tensor, "*groups examples outputs"],
    learning_rate: float | Tensor,
) -> None:
    """Make one step of gradient descent per example, in order; θ is updated in place.

    Args:
        network: An MLP with at least one hidden layer; its population axes are `groups`, and then
            those of members that read the same examples.
        x: Inputs, in the order of the steps.
        targets: One-hot labels.
        learning_rate: η; a number, or one for each member (*population).

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
    for x_block, t_block in zip(x.split(BLOCK, 1), targets.split(BLOCK, 1), strict=True):
        _train_block(network, x_block, t_block, learning_rate)


def _train_block(network: MLP, x: Tensor, targets: Tensor, eta: float | Tensor) -> None:
    (W_1, b_1), *later = _layers(network)
    groups, block, _ = x.shape
    members, units, features = W_1.shape  # stored transposed
    rows = W_1.view(groups, -1, features)  # (groups, members·units, features)
    a_0 = torch.baddbmm(b_1.view(groups, 1, -1), x, rows.mT)  # (groups, block, members·units)
    products = torch.bmm(x, x.mT).add_(1)  # (groups, block, block)
    steps = torch.zeros_like(a_0)  # η da of the steps made; the rows of later steps are still 0
    per_group = members // groups
    targets = targets.transpose(0, 1).unsqueeze(2).expand(-1, -1, per_group, -1)
    targets = targets.reshape(block, members, 1, -1)
    made = a_0.new_empty(groups, 1, a_0.shape[-1])
    a = a_0.new_empty(groups, a_0.shape[-1])
    phi = ACTIVATIONS[network.activation]()
    last = len(later) - 1
    loss_gradient = (
        softmax_cross_entropy_gradient if network.output == "softmax" else squared_error_gradient
    )
    for product, a_t, t, step in zip(
        products.unsqueeze(-2).unbind(1),  # each (groups, 1, block)
        a_0.unbind(1),
        targets.unbind(0),
        steps.unbind(1),
        strict=True,
    ):
        torch.bmm(product, steps, out=made)
        torch.sub(a_t, made.squeeze(1), out=a)
        h, kept = phi.forward(a.view(members, 1, units))
        inputs = [(h, kept)]
        for layer, (W, b) in enumerate(later):
            h = torch.baddbmm(b, h, W.mT)
            if layer < last:
                h, kept = phi.forward(h)
                inputs.append((h, kept))
        dz = loss_gradient(h, t).mul_(eta)
        for (W, b), (h, kept) in zip(reversed(later), reversed(inputs), strict=True):
            dh = torch.bmm(dz, W)
            W.addcmul_(dz.mT, h, value=-1)  # W ← W − hᵀ dz
            b.sub_(dz)
            dz, _ = phi.backward(dh, kept)
        step.copy_(dz.view(groups, -1))
    rows -= torch.bmm(steps.mT, x)
    b_1.view(groups, -1).sub_(steps.sum(1))


def _layers(network: MLP) -> list[tuple[Tensor, Tensor]]:
    """(W, b) of each layer, W (members, out, in) as it is stored and b (members, 1, out)."""
    of_one = len(network.population)
    tensors = [
        tensor.view(-1, *tensor.shape[of_one:])
        for tensor in views(network.theta, network.shapes).values()
    ]
    return [(W, b.unsqueeze(1)) for W, b in zip(tensors[::2], tensors[1::2], strict=True)]
