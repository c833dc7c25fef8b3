"""Part 1: the perceptron, by its equations alone.

    y_i = Σ_j w_ij x_j                 the activity of neuron i; the last input is always 1
    Δw_ij = η x_j (t_i − y_i)          after every example

`modify` is this rule as it stands. `train` makes the same steps in blocks, some eight times
faster and equal up to rounding: `docs/derivations/perceptron.md` derives it.

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), part 1.
"""

import sys
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand import perceptron
from retroprop.byhand.linear import augment
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.network import (
    Network,
    add_initial_scale,
    arguments,
    initial_weights,
    run,
)


class Perceptron(Network):
    """Ten neurons that see all pixels; `w` holds their weights, one row per neuron."""

    def __init__(self, w: Float[Tensor, "neurons inputs_and_one"]) -> None:
        """Take a copy of the initial weights w_ij; the last column is the biases."""
        self._model = perceptron.Perceptron(w.mT)
        self.dtype = w.dtype

    @classmethod
    def random(
        cls, *, scale: float | None = 0.01, seed: int = 0, dtype: torch.dtype = torch.float32
    ) -> "Perceptron":
        """For MNIST, with weights from N(0, scale²)."""
        (W,) = initial_weights([PIXELS, CLASSES], seed=seed, scale=scale, dtype=dtype)
        return cls(W.mT)

    @property
    def w(self) -> Float[Tensor, "neurons inputs_and_one"]:
        """The weights w_ij, of neuron i for input j."""
        return self._model.W.mT

    def activity(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch neurons"]:
        """Step 2: y_i = Σ_j w_ij x_j, with the input 1 added."""
        return self._model.outputs(augment(x))

    def modify(
        self, x: Float[Tensor, "1 inputs"], t: Float[Tensor, "1 neurons"], eta: float
    ) -> None:
        """Step 3, for one example: w_ij ← w_ij + η x_j (t_i − y_i)."""
        self._model.step(augment(x), t, eta)

    def learn(
        self, x: Float[Tensor, "examples inputs"], t: Float[Tensor, "examples neurons"], eta: float
    ) -> None:
        """`modify` for each example in turn."""
        self._model.train_one_by_one(augment(x), t, eta)


def main(argv: Sequence[str] | None = None) -> int:
    """Train on MNIST from the command line."""
    parser = arguments("perceptron", eta=0.001)
    add_initial_scale(parser, 0.01)
    return run(parser, lambda o: Perceptron.random(scale=o.initial_scale, seed=o.seed), argv)


if __name__ == "__main__":
    sys.exit(main())
