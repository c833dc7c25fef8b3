"""Part 3: any number of hidden layers and a linear output, with automatic differentiation.

    y^l = φ(w^l ỹ^{l−1})        ỹ = [y, 1], y⁰ = x        the last layer has no φ
    L = ½ Σ_i (t_i − y_i)²      w^l ← w^l − η dL/dw^l

Every weight is a tensor with `requires_grad=True`. `backward()` on the loss leaves dL/dw in
`w.grad`, which is used and set to 0 by hand. With one hidden layer of sigmoid neurons this is
`shallow`, number for number, and a test proves it.

The optional part is here too: tanh and ReLU, Adam and Adagrad of `torch.optim`, and minibatches,
whose loss is the mean of the examples' losses, so that η means the same for every size.

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), parts 3 and 4.
"""

import sys
from collections.abc import Callable, Collection, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.linear import augment
from retroprop.errors import UserError, did_you_mean
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS
from retroprop.labs.lyon_tp.network import (
    Network,
    add_initial_scale,
    arguments,
    at_least_one,
    initial_weights,
    run,
)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
OPTIMIZERS: dict[str, type[torch.optim.Optimizer] | None] = {
    "sgd": None,  # written out below
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
}


class DeepNetwork(Network):
    """Layers of weights `w`, each (outputs, inputs + 1), one row per neuron."""

    def __init__(
        self,
        w: Sequence[Tensor],
        *,
        activation: str = "sigmoid",
        optimizer: str = "sgd",
        batch_size: int = 1,
    ) -> None:
        """Take copies of the initial weights; their last columns are the biases.

        Args:
            w: The weights of each layer, (outputs, inputs + 1), from the first to the output.
            activation: sigmoid, tanh or relu, of the hidden layers.
            optimizer: sgd, adam or adagrad.
            batch_size: How many examples a step presents together, from 1.

        Raises:
            UserError: If a name is unknown or the batch size is below 1.
        """
        _known("activation", activation, ACTIVATIONS)
        _known("optimizer", optimizer, OPTIMIZERS)
        at_least_one("batch_size", batch_size)
        self.w = [layer.detach().clone().requires_grad_(True) for layer in w]
        self.dtype = self.w[0].dtype
        self.batch_size = batch_size
        self._phi = ACTIVATIONS[activation]
        make = OPTIMIZERS[optimizer]
        self._optimizer = None if make is None else make(self.w, lr=1.0)  # pyright: ignore[reportCallIssue] - lr is an argument of all

    @classmethod
    def random(
        cls,
        hidden: Sequence[int] = (100,),
        *,
        scale: float | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        activation: str = "sigmoid",
        optimizer: str = "sgd",
        batch_size: int = 1,
    ) -> "DeepNetwork":
        """For MNIST, with weights from N(0, scale²); a scale of None is 1/√inputs."""
        sizes = [PIXELS, *hidden, CLASSES]
        W = initial_weights(sizes, seed=seed, scale=scale, dtype=dtype)
        return cls(
            [layer.mT for layer in W],
            activation=activation,
            optimizer=optimizer,
            batch_size=batch_size,
        )

    def activity(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """The outputs, without a graph."""
        with torch.no_grad():
            return self._forward(x)

    def learn(
        self, x: Float[Tensor, "examples inputs"], t: Float[Tensor, "examples outputs"], eta: float
    ) -> None:
        """One step per minibatch: forward, loss, backward, modify the weights."""
        for some_x, some_t in zip(x.split(self.batch_size), t.split(self.batch_size), strict=True):
            with torch.enable_grad():
                y = self._forward(some_x)
                loss = 0.5 * (some_t - y).square().sum() / len(some_x)
            loss.backward()
            self._modify(eta)

    def _forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.w
        for w in hidden:
            x = self._phi(augment(x) @ w.mT)
        return augment(x) @ last.mT

    def _modify(self, eta: float) -> None:
        if self._optimizer is None:
            with torch.no_grad():
                for w in self.w:
                    w.sub_(eta * _gradient_of(w))
        else:
            for group in self._optimizer.param_groups:
                group["lr"] = eta
            self._optimizer.step()
        for w in self.w:
            _gradient_of(w).zero_()  # backward adds to it


def _gradient_of(w: Tensor) -> Tensor:
    """What `backward` left in `w.grad`."""
    assert w.grad is not None
    return w.grad


def _known(kind: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is not known, with a suggestion."""
    if name not in known:
        raise UserError(f"unknown {kind} {name!r}. {did_you_mean(name, known)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Train on MNIST from the command line."""
    parser = arguments("deep", eta=0.01)
    add_initial_scale(parser)
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[100], help="neurons in each hidden layer"
    )
    parser.add_argument("--activation", default="sigmoid", help="sigmoid, tanh or relu")
    parser.add_argument("--optimizer", default="sgd", help="sgd, adam or adagrad")
    parser.add_argument("--batch-size", type=int, default=1, help="examples per step")
    return run(
        parser,
        lambda o: DeepNetwork.random(
            o.hidden,
            scale=o.initial_scale,
            seed=o.seed,
            activation=o.activation,
            optimizer=o.optimizer,
            batch_size=o.batch_size,
        ),
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
