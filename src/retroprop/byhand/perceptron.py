"""The perceptron of the Lyon assignment: linear outputs, one example at a time, for a population.

    y_i = Σ_j w_ij x_j            Δw_ij = η x_j (t_i − y_i)

With x̃ = [x, 1] as a row and W_ji = w_ij this is y = x̃ W and W ← W + η x̃ᵀ (t − y): a step of
gradient descent on L = ½ Σ_i (t_i − y_i)². Sources: TP « Introduction à l'apprentissage profond »
(Lyon, 2019), part 1; Widrow & Hoff, Adaptive switching circuits (1960).

`online.perceptron_one_by_one` makes many steps of this rule at once, exactly.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear, linear_weight_gradient
from retroprop.byhand.losses import squared_error_gradient
from retroprop.byhand.online import perceptron_one_by_one
from retroprop.byhand.softmax_regression import Reduction


class Perceptron:
    """y = x̃ W, trained by the perceptron's rule. W (*population, features + 1, classes)."""

    def __init__(self, W: Float[Tensor, "*population features_and_one classes"]) -> None:
        """Take the initial weights; they are copied, transposed in memory."""
        self.W = W.mT.clone(memory_format=torch.contiguous_format).mT

    def outputs(
        self, x: Float[Tensor, "*groups batch features_and_one"]
    ) -> Float[Tensor, "*population batch classes"]:
        """y = x̃ W, for augmented inputs x̃."""
        return linear(x, self.W)

    def gradient(
        self,
        x: Float[Tensor, "*groups batch features_and_one"],
        targets: Float[Tensor, "*#population batch classes"],
        *,
        reduction: Reduction = "mean",
    ) -> Float[Tensor, "*population features_and_one classes"]:
        """dL/dW = −x̃ᵀ (t − y) of a minibatch of the squared error.

        Args:
            x: Augmented inputs; as in `linear`, without the population axes that share them.
            targets: One-hot labels.
            reduction: "mean" over the minibatch, or "sum".
        """
        dy = squared_error_gradient(self.outputs(x), targets)
        if reduction == "mean":
            dy /= x.shape[-2]
        return linear_weight_gradient(x, dy)

    def step(
        self,
        x: Float[Tensor, "*groups 1 features_and_one"],
        target: Float[Tensor, "*#population 1 classes"],
        learning_rate: float | Tensor,
    ) -> None:
        """The document's rule for one example: W ← W + η x̃ᵀ (t − y).

        Args:
            x: The augmented example.
            target: Its one-hot label.
            learning_rate: η; a number, or `*population 1 1`.
        """
        error = target - self.outputs(x)
        self.W += learning_rate * linear_weight_gradient(x, error)

    def train_one_by_one(
        self,
        x: Float[Tensor, "*groups examples features_and_one"],
        targets: Float[Tensor, "*groups examples classes"],
        learning_rate: float | Tensor,
    ) -> None:
        """`step` for each example in turn: see `perceptron_one_by_one`."""
        perceptron_one_by_one(self.W, x, targets, learning_rate)
