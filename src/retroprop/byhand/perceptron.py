"""The perceptron of the Lyon assignment: linear outputs, one example at a time, for a population.

    y_i = Σ_j w_ij x_j            Δw_ij = η x_j (t_i − y_i)

With x̃ = [x, 1] as a row and W_ji = w_ij this is y = x̃ W and W ← W + η x̃ᵀ (t − y): a step of
gradient descent on L = ½ Σ_i (t_i − y_i)². Sources: TP « Introduction à l'apprentissage profond »
(Lyon, 2019), part 1; Widrow & Hoff, Adaptive switching circuits (1960).

The steps of a block of examples need not be made one after the other. With X (n, features + 1) the
block, T its targets and e_t = t_t − y_t the error that example t meets when its turn comes,

    y_t = x_t (W + η Σ_{s<t} x_sᵀ e_s)    ⟺    (I + η tril(X Xᵀ, −1)) E = T − X W

so one triangular system gives the errors of all n steps, and then W ← W + η Xᵀ E: the same numbers
up to rounding, some hundred times faster. `docs/derivations/perceptron.md` derives it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear, linear_weight_gradient
from retroprop.byhand.losses import squared_error_gradient
from retroprop.byhand.softmax_regression import Reduction

BLOCK = 50
"""Examples per triangular system: longer ones pay more for X Xᵀ, shorter ones for visiting W."""


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
        """`step` for each example in turn, computed block by block.

        Args:
            x: Augmented examples in the order of the steps. The weights have one population axis
                more than `groups`, the members that share these examples, or none more.
            targets: One-hot labels.
            learning_rate: η; a number, or (members, 1, 1).
        """
        # a member of its own gets the axis of those who share their examples
        W = self.W.unsqueeze(-3) if self.W.ndim == x.ndim else self.W
        for X, T in zip(x.split(BLOCK, -2), targets.split(BLOCK, -2), strict=True):
            _train_block(W, X, T, learning_rate)


def _train_block(W: Tensor, X: Tensor, T: Tensor, learning_rate: float | Tensor) -> None:
    """W ← W + η Xᵀ E with (I + η tril(X Xᵀ, −1)) E = T − X W, in place."""
    before = (X @ X.mT).tril_(-1).unsqueeze(-3)  # (*groups, 1, n, n): x_t · x_s for s < t
    residual = T.unsqueeze(-3) - linear(X, W)  # T − X W, (*groups, members, n, classes)
    E = torch.linalg.solve_triangular(
        learning_rate * before, residual, upper=False, unitriangular=True
    )
    W += linear_weight_gradient(X, learning_rate * E)
