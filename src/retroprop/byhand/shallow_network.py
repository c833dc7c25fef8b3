"""The shallow network of the Lyon assignment: a sigmoid hidden layer and linear outputs.

    y¹_i = 1 / (1 + exp(−Σ_j w¹_ij x_j))          y²_i = Σ_j w²_ij y¹_j
    δ²_i = t_i − y²_i                             δ¹_i = y¹_i (1 − y¹_i) Σ_j δ²_j w²_ji
    Δw^l_ij = η δ^l_i y^{l−1}_j,   y⁰ = x

Each neuron has one more input, fixed at 1, whose weight is its bias: x̃ = [x, 1], ỹ¹ = [y¹, 1].
δ is −dL/da for L = ½ Σ_i (t_i − y²_i)², so the rule is gradient descent. Here the weights are
stored as W^l_ji = w^l_ij, so that a batch of rows gives Y¹ = σ(X̃ W¹), Y² = Ỹ¹ W².

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), part 2. Written in its letters;
it is the `MLP` with one sigmoid layer and linear outputs, which studies train (a test compares).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import Sigmoid
from retroprop.byhand.layer import Gradients, Saved
from retroprop.byhand.linear import augment, linear, linear_input_gradient, linear_weight_gradient


class ShallowNetwork:
    """W1 (*population, features + 1, hidden) and W2 (*population, hidden + 1, outputs)."""

    def __init__(
        self,
        W1: Float[Tensor, "*population features_and_one hidden"],
        W2: Float[Tensor, "*population hidden_and_one outputs"],
    ) -> None:
        """Take copies of the initial weights; their last rows are the biases."""
        self.W1 = W1.mT.clone(memory_format=torch.contiguous_format).mT
        self.W2 = W2.mT.clone(memory_format=torch.contiguous_format).mT

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Both matrices of weights."""
        return {"W1": self.W1, "W2": self.W2}

    def forward(
        self, x: Float[Tensor, "*groups batch features"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch outputs"], Saved]:
        """y², and what `backward` needs: x̃ and ỹ¹."""
        x_tilde = augment(x)
        y1, _ = Sigmoid().forward_(linear(x_tilde, self.W1))
        y1_tilde = augment(y1)
        return linear(y1_tilde, self.W2), (x_tilde, y1_tilde)

    def backward(
        self, dy: Float[Tensor, "*population batch outputs"], saved: Saved
    ) -> tuple[Tensor, Gradients]:
        """dL/dx, dL/dW1 and dL/dW2 from dy = dL/dy² = −δ²."""
        x_tilde, y1_tilde = saved
        delta2 = -dy
        y1 = y1_tilde[..., :-1]
        delta1 = y1 * (1 - y1) * linear_input_gradient(delta2, self.W2)[..., :-1]
        shared = self.W1.ndim - x_tilde.ndim
        gradients = {
            "W1": -linear_weight_gradient(x_tilde, delta1),
            "W2": -linear_weight_gradient(y1_tilde, delta2),
        }
        return -linear_input_gradient(delta1, self.W1, shared)[..., :-1], gradients

    def step(
        self,
        x: Float[Tensor, "*groups batch features"],
        targets: Float[Tensor, "*#population batch outputs"],
        learning_rate: float | Tensor,
    ) -> None:
        """W^l ← W^l + η Σ_batch δ^l y^{l−1}, for one example or the sum over some.

        Args:
            x: Inputs, without the 1.
            targets: One-hot labels t.
            learning_rate: η; a number, or `*population 1 1`.
        """
        y2, saved = self.forward(x)
        _, gradients = self.backward(y2 - targets, saved)
        self.W1 -= learning_rate * gradients["W1"]
        self.W2 -= learning_rate * gradients["W2"]
