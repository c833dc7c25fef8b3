"""The network of question 2, one hidden layer, with every gradient written in four ways.

    hᵃ = W⁽¹⁾ x + b⁽¹⁾     hˢ = σ(hᵃ)     oᵃ = W⁽²⁾ hˢ + b⁽²⁾     oˢ = softmax(oᵃ)     L = −ln oˢ_y

*scalar*: each number by its formula, in loops; *matrix*: the matrix expressions; *by hand*: the
layers of `byhand`; *autograd*: automatic differentiation. The sheet's vectors are columns and its
W⁽¹⁾ is (d_h, d); `byhand` has examples as rows and W (d, d_h), so its arrays are transposed here.

Source: the theory sheet of IFT3395, question 2, in its letters.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from retroprop.byhand.activations import Sigmoid
from retroprop.byhand.linear import Linear
from retroprop.byhand.losses import one_hot, softmax_cross_entropy_gradient
from retroprop.byhand.mlp import MLP
from retroprop.calculus.functions import sigmoid, softmax

Gradients = dict[str, Tensor]
"""∂L/∂ of each quantity by its name: oa, W2, b2, hs, ha, W1, b1, x; in its quantity's shape."""


class Network(NamedTuple):
    """The parameters, an example and its class y in [0, m)."""

    W1: Float[Tensor, "d_h d"]
    b1: Float[Tensor, "d_h"]
    W2: Float[Tensor, "m d_h"]
    b2: Float[Tensor, "m"]
    x: Float[Tensor, "d"]
    y: int


class Activities(NamedTuple):
    """What the network computes on the way to its output."""

    ha: Float[Tensor, "d_h"]
    hs: Float[Tensor, "d_h"]
    oa: Float[Tensor, "m"]
    os: Float[Tensor, "m"]


def draw_network(g: Generator) -> tuple[Network]:
    """A random network of random size, with an example of a random class."""
    d, d_h, m = (int(torch.randint(low, 8, (), generator=g)) for low in (1, 2, 2))
    sizes = ((d_h, d), (d_h,), (m, d_h), (m,), (d,))
    W1, b1, W2, b2, x = (torch.randn(size, generator=g, dtype=torch.float64) for size in sizes)
    return (Network(W1, b1, W2, b2, x, int(torch.randint(m, (), generator=g))),)


def forward(net: Network) -> Activities:
    """The four vectors, by the matrix expressions of 2 (a) to (c)."""
    ha = net.W1 @ net.x + net.b1
    hs = sigmoid(ha)
    oa = net.W2 @ hs + net.b2
    return Activities(ha, hs, oa, softmax(oa))


def forward_by_elements(net: Network) -> Activities:
    """The same, one number after the other, as the sums of 2 (a) and (b) are written."""
    ha = _vector(
        sum(net.W1[j, i] * net.x[i] for i in range(len(net.x))) + net.b1[j]
        for j in range(len(net.b1))
    )
    hs = _vector(1 / (1 + torch.exp(-one)) for one in ha)
    oa = _vector(
        sum(net.W2[k, j] * hs[j] for j in range(len(hs))) + net.b2[k] for k in range(len(net.b2))
    )
    total = sum(torch.exp(one) for one in oa)
    return Activities(ha, hs, oa, _vector(torch.exp(one) / total for one in oa))


def forward_by_hand(net: Network) -> Activities:
    """The same by the layers of `byhand`."""
    ha, _ = Linear(net.W1.mT, net.b1).forward(net.x[None])
    hs, _ = Sigmoid().forward(ha)
    oa, _ = Linear(net.W2.mT, net.b2).forward(hs)
    return Activities(ha[0], hs[0], oa[0], softmax(oa)[0])


def forward_by_torch(net: Network) -> Activities:
    """The same by torch's own functions."""
    ha = F.linear(net.x, net.W1, net.b1)
    hs = torch.sigmoid(ha)
    oa = F.linear(hs, net.W2, net.b2)
    return Activities(ha, hs, oa, torch.softmax(oa, -1))


def scalar_gradients(net: Network) -> Gradients:
    """Each derivative by its own formula: 2 (i), (j), (l), (n)."""
    ha, hs, _, os = forward(net)
    d, d_h, m = len(net.x), len(net.b1), len(net.b2)
    oa = _vector(os[k] - float(k == net.y) for k in range(m))
    W2 = torch.stack([_vector(oa[k] * hs[j] for j in range(d_h)) for k in range(m)])
    dhs = _vector(sum(oa[k] * net.W2[k, j] for k in range(m)) for j in range(d_h))
    dha = _vector(dhs[j] * sigmoid(ha[j]) * (1 - sigmoid(ha[j])) for j in range(d_h))
    W1 = torch.stack([_vector(dha[j] * net.x[i] for i in range(d)) for j in range(d_h)])
    x = _vector(sum(dha[j] * net.W1[j, i] for j in range(d_h)) for i in range(d))
    return {
        **{"oa": oa, "W2": W2, "b2": oa, "hs": dhs},
        **{"ha": dha, "W1": W1, "b1": dha, "x": x},
    }


def matrix_gradients(net: Network) -> Gradients:
    """The matrix expressions: 2 (i), (k), (m), (o)."""
    ha, hs, _, os = forward(net)
    oa = os - one_hot(torch.tensor(net.y), len(net.b2), net.b2.dtype)
    dhs = net.W2.mT @ oa
    dha = dhs * sigmoid(ha) * (1 - sigmoid(ha))
    return {
        **{"oa": oa, "W2": torch.outer(oa, hs), "b2": oa, "hs": dhs},
        **{"ha": dha, "W1": torch.outer(dha, net.x), "b1": dha, "x": net.W1.mT @ dha},
    }


def byhand_gradients(net: Network) -> Gradients:
    """The backward passes of `byhand`: a linear layer, a sigmoid, a linear layer, the loss."""
    first, phi, last = Linear(net.W1.mT, net.b1), Sigmoid(), Linear(net.W2.mT, net.b2)
    ha, kept_first = first.forward(net.x[None])
    hs, kept_phi = phi.forward(ha)
    oa, kept_last = last.forward(hs)
    doa = softmax_cross_entropy_gradient(oa, _targets(net))
    dhs, of_last = last.backward(doa, kept_last)
    dha, _ = phi.backward(dhs.clone(), kept_phi)
    dx, of_first = first.backward(dha, kept_first)
    return {
        **{"oa": doa[0], "W2": of_last["W"].mT, "b2": of_last["b"], "hs": dhs[0]},
        **{"ha": dha[0], "W1": of_first["W"].mT, "b1": of_first["b"], "x": dx[0]},
    }


def as_mlp(net: Network) -> MLP:
    """The same network as an `MLP`."""
    return MLP(
        {
            "hidden_layers.0.W": net.W1.mT,
            "hidden_layers.0.b": net.b1,
            "output_layer.W": net.W2.mT,
            "output_layer.b": net.b2,
        },
        activation="sigmoid",
    )


def mlp_gradients(net: Network) -> Gradients:
    """Those of the parameters and of x, by the `MLP`."""
    mlp = as_mlp(net)
    z, saved = mlp.forward(net.x[None])
    dx, named = mlp.backward(softmax_cross_entropy_gradient(z, _targets(net)), saved)
    return {
        "W1": named["hidden_layers.0.W"].mT,
        "b1": named["hidden_layers.0.b"],
        "W2": named["output_layer.W"].mT,
        "b2": named["output_layer.b"],
        "x": dx[0],
    }


def autograd_gradients(net: Network) -> Gradients:
    """Automatic differentiation of torch's cross-entropy."""
    leaves = [one.clone().requires_grad_() for one in (net.W1, net.b1, net.W2, net.b2, net.x)]
    W1, b1, W2, b2, x = leaves
    ha = F.linear(x, W1, b1)
    hs = torch.sigmoid(ha)
    oa = F.linear(hs, W2, b2)
    loss = F.cross_entropy(oa[None], torch.tensor([net.y]))
    wanted = {"oa": oa, "W2": W2, "b2": b2, "hs": hs, "ha": ha, "W1": W1, "b1": b1, "x": x}
    return dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))


def _targets(net: Network) -> Tensor:
    return one_hot(torch.tensor([net.y]), len(net.b2), net.b2.dtype)


def _vector(numbers) -> Tensor:
    return torch.stack(list(numbers))
