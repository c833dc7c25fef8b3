"""INF8225, TP1, part 3, with the names of its template: the multilayer perceptron by hand.

    h⁰ = x          a^l = h̃^{l−1} θ^l          h^l = ReLU(a^l)          p = softmax(a^{L+1})

    da^{L+1} = p − y            dθ^l = h̃^{l−1}ᵀ da^l
    dh^l = da^{l+1} θ^{l+1}ᵀ without its last column            da^l = dh^l ⊙ ReLU′(a^l)

    from retroprop.labs.inf8225_tp1.mlp import *

in place of the notebook's own definitions, and its cells run unchanged. The document writes
θ^l h̃ for a column h̃; here a minibatch is rows, as in its part 2, so `params[l − 1]` is that θ^l
transposed, (inputs + 1, outputs), with the biases in the last row. As in part 2, the gradient of a
minibatch is *summed*, so a learning rate that suits one batch size is too large for a larger one.

`docs/derivations/backpropagation.md` derives this, for one example and for a minibatch.
Source: INF8225, TP1 (2025), part 3; He et al., Delving deep into rectifiers (2015), for the scale
of the initial weights.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear, linear_input_gradient, linear_weight_gradient
from retroprop.byhand.optimizers import SGD
from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1.adam_state import AdamState
from retroprop.labs.inf8225_tp1.regression import (
    Logger,
    accuracy,
    accuracy_and_loss_whole_dataset,
    cross_entropy,
    get_fashion_mnist_dataloaders,
    inputs_tilde,
    plot_samples,
    reshape_input,
    softmax,
    train_by,
)

__all__ = [
    "Logger",
    "MLPModel",
    "accuracy",
    "accuracy_and_loss_whole_dataset",
    "cross_entropy",
    "get_fashion_mnist_dataloaders",
    "inputs_tilde",
    "plot_samples",
    "relu_backward",
    "relu_forward",
    "reshape_input",
    "softmax",
    "softmax_cross_entropy_backward",
    "train",
]


def relu_forward(x: Tensor) -> Tensor:
    """max(0, x), element by element.

    >>> relu_forward(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 3.])
    """
    return x.clamp(min=0)


def relu_backward(x: Tensor) -> Tensor:
    """ReLU′(x), element by element: 1 where x > 0 and 0 elsewhere, at 0 too.

    >>> relu_backward(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 1.])
    """
    return (x > 0).to(x.dtype)


def softmax_cross_entropy_backward(
    y: Float[Tensor, "batch classes"], y_pred: Float[Tensor, "batch classes"]
) -> Float[Tensor, "batch classes"]:
    """p − y: the gradient of each example's cross-entropy with respect to the softmax's input."""
    return y_pred - y


class MLPModel(AdamState):
    """Hidden layers of one width with ReLU, and a softmax output.

    Attributes:
        params: θ^1 … θ^{L+1}, each (inputs + 1, outputs), with the biases in the last row.
        a: After `forward`: a^1 … a^{L+1}, each (batch, outputs).
        h: After `forward`: h^0 = x, h^1 … h^L, each (batch, features), without the 1.
        t, m_t, v_t: Adam's number of steps and its moments, one tensor per layer; 0 before.
    """

    def __init__(
        self, n_features: int, n_hidden_features: int, n_hidden_layers: int, n_classes: int
    ) -> None:
        """Draw θ from torch's global generator: N(0, 2 / inputs) before a ReLU, N(0, 1 / inputs)
        before the softmax, and biases of 0.

        Raises:
            UserError: If a size is below 1 or the number of hidden layers is negative.
        """  # noqa: D205 - one sentence, too long for a line
        sizes = {
            "n_features": n_features,
            "n_hidden_features": n_hidden_features,
            "n_classes": n_classes,
        }
        for name, size in sizes.items():
            if size < 1:
                raise UserError(f"{name} must be a whole number from 1, and got {size}.")
        if n_hidden_layers < 0:
            raise UserError(f"n_hidden_layers must be 0 or more, and got {n_hidden_layers}.")
        self.n_features, self.n_hidden_features = n_features, n_hidden_features
        self.n_hidden_layers, self.n_classes = n_hidden_layers, n_classes
        widths = [n_features, *[n_hidden_features] * n_hidden_layers, n_classes]
        self.params = []
        for layer, (n_in, n_out) in enumerate(pairwise(widths)):
            variance = (2 if layer < n_hidden_layers else 1) / n_in
            theta = torch.normal(0.0, math.sqrt(variance), (n_in + 1, n_out))
            theta[-1] = 0
            self.params.append(theta)
        print(f"Teta params={[p.shape for p in self.params]}")
        self.a: list[Tensor] = []
        self.h: list[Tensor] = []

    def forward(self, x: Float[Tensor, "batch features"]) -> Float[Tensor, "batch classes"]:
        """The probability of each class; keeps every a and h for `backward`."""
        self.a, self.h = [], [x]
        for theta in self.params[:-1]:
            self.a.append(linear(inputs_tilde(self.h[-1]), theta))  # (batch, hidden)
            self.h.append(relu_forward(self.a[-1]))
        self.a.append(linear(inputs_tilde(self.h[-1]), self.params[-1]))  # (batch, classes)
        return softmax(self.a[-1])

    def backward(
        self, y: Float[Tensor, "batch classes"], y_pred: Float[Tensor, "batch classes"]
    ) -> list[Tensor]:
        """dL/dθ of every layer, summed over the minibatch that `forward` saw last.

        Raises:
            UserError: If `forward` has not seen a minibatch of this size.
        """
        if not self.a or len(self.a[-1]) != len(y):
            seen = f"one of {len(self.a[-1])}" if self.a else "none"
            raise UserError(
                f"backward got a minibatch of {len(y)} examples, and forward last saw {seen}; "
                "call forward on the same minibatch first."
            )
        grads = []
        da = softmax_cross_entropy_backward(y, y_pred)  # of layer L + 1
        for layer in reversed(range(len(self.params))):
            grads.append(linear_weight_gradient(inputs_tilde(self.h[layer]), da))
            if layer:
                dh_tilde = linear_input_gradient(da, self.params[layer])  # (batch, hidden + 1)
                da = dh_tilde[:, :-1] * relu_backward(self.a[layer - 1])
        return grads[::-1]

    def sgd_update(self, lr: float, grads: list[Tensor]) -> None:
        """One step of stochastic gradient descent."""
        for theta, grad in zip(self.params, grads, strict=True):
            SGD(theta, lr).step(theta, grad)

    def adam_update(self, lr: float, grads: list[Tensor]) -> None:
        """One step of Adam, with β₁ = 0.9, β₂ = 0.999, ε = 1e-8."""
        for adam, theta, grad in zip(self.adams(), self.params, grads, strict=True):
            adam.learning_rate = lr
            adam.step(theta, grad)


def train(
    model: MLPModel,
    lr: float = 0.1,
    nb_epochs: int = 10,
    sgd: bool = True,
    data_loader_train: Iterable[tuple[Tensor, Tensor]] | None = None,
    data_loader_val: Iterable[tuple[Tensor, Tensor]] | None = None,
) -> tuple[MLPModel, Tensor, Logger]:
    """Train by minibatches; epoch 0 evaluates the untrained model.

    Returns:
        A copy of the model at its best validation accuracy, that accuracy, and the logger.

    Raises:
        UserError: If a loader is missing.
    """
    return train_by(
        lambda x, y, y_pred: model.backward(y, y_pred),
        model,
        lr=lr,
        nb_epochs=nb_epochs,
        sgd=sgd,
        data_loader_train=data_loader_train,
        data_loader_val=data_loader_val,
    )
