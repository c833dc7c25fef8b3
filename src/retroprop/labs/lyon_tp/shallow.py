"""Part 2: one hidden layer of sigmoid neurons and a linear output, by its equations alone.

    y¹_i = 1 / (1 + exp(−Σ_j w¹_ij x_j))          y²_i = Σ_j w²_ij y¹_j
    δ²_i = t_i − y²_i                             δ¹_i = y¹_i (1 − y¹_i) Σ_j δ²_j w²_ji
    Δw^l_ij = η δ^l_i y^{l−1}_j                   y⁰ = x; each layer has one more input, always 1

`modify` is this rule as it stands. `train` makes the same steps, the first layer's in blocks,
three times faster and equal up to rounding: `docs/derivations/online.md` derives it.

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), part 2.
"""

import sys
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.block_steps import train_network_in_blocks
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.shallow_network import ShallowNetwork as ByHand
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.network import (
    Network,
    add_initial_scale,
    arguments,
    initial_weights,
    run,
)


class ShallowNetwork(Network):
    """`w1` (hidden, inputs + 1) and `w2` (outputs, hidden + 1), one row per neuron."""

    def __init__(
        self,
        w1: Float[Tensor, "hidden inputs_and_one"],
        w2: Float[Tensor, "outputs hidden_and_one"],
    ) -> None:
        """Take copies of the initial weights; their last columns are the biases."""
        self._model = ByHand(w1.mT, w2.mT)
        self.dtype = w1.dtype

    @classmethod
    def random(
        cls,
        hidden: int = 100,
        *,
        scale: float | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> "ShallowNetwork":
        """For MNIST, with weights from N(0, scale²); a scale of None is 1/√inputs."""
        sizes = [PIXELS, hidden, CLASSES]
        W1, W2 = initial_weights(sizes, seed=seed, scale=scale, dtype=dtype)
        return cls(W1.mT, W2.mT)

    @property
    def w1(self) -> Float[Tensor, "hidden inputs_and_one"]:
        """The weights of the hidden layer."""
        return self._model.W1.mT

    @property
    def w2(self) -> Float[Tensor, "outputs hidden_and_one"]:
        """The weights of the output layer."""
        return self._model.W2.mT

    def activity(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """Step 2: y²."""
        return self._model.forward(x)[0]

    def modify(
        self, x: Float[Tensor, "1 inputs"], t: Float[Tensor, "1 outputs"], eta: float
    ) -> None:
        """Steps 2 to 4, for one example."""
        self._model.step(x, t, eta)

    def learn(
        self, x: Float[Tensor, "examples inputs"], t: Float[Tensor, "examples outputs"], eta: float
    ) -> None:
        """`modify` for each example in turn."""
        W1, W2 = self._model.W1, self._model.W2
        network = FastMLP(
            {
                "hidden_layers.0.W": W1[:-1],
                "hidden_layers.0.b": W1[-1],
                "output_layer.W": W2[:-1],
                "output_layer.b": W2[-1],
            },
            activation="sigmoid",
            output="linear",
        )
        train_network_in_blocks(network, x, t, eta)
        for W, layer in ((W1, "hidden_layers.0"), (W2, "output_layer")):
            W[:-1] = network.parameters[f"{layer}.W"]
            W[-1] = network.parameters[f"{layer}.b"]


def main(argv: Sequence[str] | None = None) -> int:
    """Train on MNIST from the command line."""
    parser = arguments("shallow", eta=0.01)
    add_initial_scale(parser)
    parser.add_argument("--hidden", type=int, default=100, help="neurons in the hidden layer")
    return run(
        parser,
        lambda o: ShallowNetwork.random(o.hidden, scale=o.initial_scale, seed=o.seed),
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
