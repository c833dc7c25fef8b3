"""Part 4: a convolutional network with `torch.nn`, trained by Adam on minibatches.

    conv 5×5 (16), ReLU, max-pool 2×2, conv 5×5 (32), ReLU, max-pool onto 4×4, dense, 10 outputs

The outputs are logits and the loss is the cross-entropy of their softmax, the mean over the
minibatch. The network is `retroprop.models.cnn.CNN`, whose sizes are options there.

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), part 4; LeCun et al.,
Gradient-based learning applied to document recognition (1998).
"""

import sys
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from retroprop.labs.lyon_tp.data import CLASSES
from retroprop.labs.lyon_tp.network import Network, arguments, at_least_one, run
from retroprop.models.cnn import CNN


class ConvolutionalNetwork(Network):
    """Two convolutions, each followed by a pooling, and one dense hidden layer."""

    def __init__(
        self,
        *,
        channels: Sequence[int] = (16, 32),
        dense: Sequence[int] = (100,),
        seed: int = 0,
        batch_size: int = 32,
    ) -> None:
        """Make the network with torch's initialization, drawn from the seed alone.

        Args:
            channels: Channels of each 5×5 convolution.
            dense: Neurons of each dense hidden layer.
            seed: Of the initial weights.
            batch_size: How many examples a step presents together, from 1.

        Raises:
            UserError: If the batch size is below 1.
        """
        at_least_one("batch_size", batch_size)
        self.batch_size = batch_size
        n = len(channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = CNN(
                1,
                CLASSES,
                n_channels=channels,
                kernel_sizes=(5,) * n,
                strides=(1,) * n,
                paddings=(0,) * n,
                dense_hiddens=dense,
            )
        self._optimizer = torch.optim.Adam(self.network.parameters())

    def activity(self, x: Float[Tensor, "batch 784"]) -> Float[Tensor, "batch 10"]:
        """The logits, without a graph."""
        with torch.no_grad():
            return self.network(x.view(-1, 1, 28, 28))

    def learn(
        self, x: Float[Tensor, "examples 784"], t: Float[Tensor, "examples 10"], eta: float
    ) -> None:
        """One step of Adam per minibatch."""
        for group in self._optimizer.param_groups:
            group["lr"] = eta
        for some_x, some_t in zip(x.split(self.batch_size), t.split(self.batch_size), strict=True):
            with torch.enable_grad():
                loss = cross_entropy(self.network(some_x.view(-1, 1, 28, 28)), some_t)
            loss.backward()
            self._optimizer.step()
            self._optimizer.zero_grad()


def main(argv: Sequence[str] | None = None) -> int:
    """Train on MNIST from the command line."""
    parser = arguments("convolutional", steps=2000, eta=0.001)
    parser.add_argument("--batch-size", type=int, default=32, help="examples per step")
    return run(parser, lambda o: ConvolutionalNetwork(seed=o.seed, batch_size=o.batch_size), argv)


if __name__ == "__main__":
    sys.exit(main())
