"""Softmax regression (multinomial logistic regression) by hand, for one model or a population.

    p(y | x) = softmax(x̃ W)_y          x̃ = [x, 1]
    L = −Σ_i log p(y_i | x_i)           dL/dW = Σ_i x̃_i (p_i − onehot(y_i))ᵀ

The assignment writes θ (classes, features + 1) for our Wᵀ. `W` here has shape
(*population, features + 1, classes) and is stored transposed, which is θ: see `linear`.
Source: INF8225, TP1, part 2; Bishop, Pattern Recognition and Machine Learning (2006), 4.3.4.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import linear, linear_weight_gradient
from retroprop.byhand.losses import softmax, softmax_cross_entropy_gradient
from retroprop.randomness import generator

Reduction = Literal["mean", "sum"]


class SoftmaxRegression:
    """The model p(y | x) = softmax(x̃ W), with its explicit gradient."""

    def __init__(self, W: Float[Tensor, "*population features_and_one classes"]) -> None:
        """Take the initial weights; they are copied, transposed in memory."""
        self.W = W.mT.clone(memory_format=torch.contiguous_format).mT

    def logits(
        self, x: Float[Tensor, "*groups batch features_and_one"]
    ) -> Float[Tensor, "*population batch classes"]:
        """z = x̃ W, for augmented inputs x̃."""
        return linear(x, self.W)

    def probabilities(
        self, x: Float[Tensor, "*groups batch features_and_one"]
    ) -> Float[Tensor, "*population batch classes"]:
        """p(y | x) for augmented inputs x̃."""
        return softmax(self.logits(x))

    def gradient(
        self,
        x: Float[Tensor, "*groups batch features_and_one"],
        targets: Float[Tensor, "*#population batch classes"],
        *,
        reduction: Reduction = "mean",
    ) -> Float[Tensor, "*population features_and_one classes"]:
        """dL/dW of the cross-entropy over a minibatch.

        Args:
            x: Augmented inputs; as in `linear`, without the population axes that share them.
            targets: One-hot labels.
            reduction: "mean" over the minibatch, or "sum" as the assignment writes it: then the
                step grows with the batch, and a learning rate means something else.
        """
        dz = softmax_cross_entropy_gradient(self.logits(x), targets)
        if reduction == "mean":
            dz /= x.shape[-2]
        return linear_weight_gradient(x, dz)


def initial_weights(
    features: int,
    classes: int,
    *,
    seeds: Sequence[int],
    scale: float = 0.01,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "seeds features_and_one classes"]:
    """Weights drawn from N(0, scale²), bias included, one draw per seed.

    The same numbers in float32 and float64 up to rounding: they are drawn in float64.
    """
    draws = [
        torch.randn(
            features + 1, classes, generator=generator("weights", seed), dtype=torch.float64
        )
        for seed in seeds
    ]
    return (torch.stack(draws) * scale).to(dtype)
