"""What the document's networks share: the loop over presentations, the test, the command line.

For a number of steps, present an example to the network, in a random order in which each is
presented once before any is presented again; then test. The performance is the share of examples
whose largest output is the label's.
"""

import argparse
import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.errors import UserError
from retroprop.labs.lyon_tp.data import CLASSES, PIXELS, load_data, presentations
from retroprop.randomness import generator

_CHUNK = 1000
"""Presentations between two reports of progress, and images that are tested at once."""

_SHOWN = 5000
"""Training images on which the command line shows how far the training is."""

Progress = Callable[[int], None]
"""Told how many steps are made."""


class Network(ABC):
    """A network that learns from presentations.

    Attributes:
        batch_size: How many examples a step presents together.
        dtype: Number type of the weights.
    """

    batch_size: int = 1
    dtype: torch.dtype = torch.float32

    @abstractmethod
    def activity(self, x: Float[Tensor, "batch 784"]) -> Float[Tensor, "batch 10"]:
        """The outputs y, one row per image."""

    @abstractmethod
    def learn(
        self, x: Float[Tensor, "examples 784"], t: Float[Tensor, "examples 10"], eta: float
    ) -> None:
        """Make the steps for these examples, `batch_size` at a time, in their order."""

    def train(
        self,
        images: Any,
        labels: Any,
        *,
        steps: int,
        eta: float,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Present examples for a number of steps.

        Args:
            images: (n, 784), arrays or tensors, as `load_data` gives them.
            labels: One-hot, (n, 10).
            steps: How many steps to make, from 1.
            eta: The learning rate η, above 0.
            seed: Fixes the order of the presentations.
            progress: Told after every thousand presentations how many steps are made.

        Raises:
            UserError: If a value is out of its range, or the weights stop being finite.
        """
        at_least_one("steps", steps)
        positive("eta", eta)
        x, t = torch.as_tensor(images), torch.as_tensor(labels)
        if x.ndim != 2 or x.shape[1] != PIXELS or t.shape != (len(x), CLASSES):
            raise UserError(
                "expected images (n, 784) and one-hot labels (n, 10), and got "
                f"{tuple(x.shape)} and {tuple(t.shape)}; load_data gives them so."
            )
        order = presentations(len(x), steps * self.batch_size, seed=seed)
        done = 0
        for chosen in order.split(self.batch_size * max(1, _CHUNK // self.batch_size)):
            self.learn(x[chosen].to(self.dtype), t[chosen].to(self.dtype), eta)
            done += len(chosen) // self.batch_size
            if not self.activity(x[chosen[-1:]].to(self.dtype)).isfinite().all():
                raise UserError(
                    f"with eta = {eta:g} the weights grew without bound within {done} steps; "
                    "give a smaller eta."
                )
            if progress:
                progress(done)

    def test(self, images: Any, labels: Any) -> float:
        """The performance on images (n, 784) with one-hot labels (n, 10), in [0, 1]."""
        right = 0.0
        x, t = torch.as_tensor(images), torch.as_tensor(labels)
        for some_x, some_t in zip(x.split(_CHUNK), t.split(_CHUNK), strict=True):
            right += accuracy(self.activity(some_x.to(self.dtype)), some_t) * len(some_x)
        return right / len(x)


def accuracy(y: Float[Tensor, "batch classes"], t: Float[Tensor, "batch classes"]) -> float:
    """The share of rows whose largest output is the label's.

    >>> accuracy(torch.tensor([[0.2, 0.9], [3.0, -1.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    0.5
    """
    return float((y.argmax(1) == t.argmax(1)).double().mean())


def initial_weights(
    sizes: Sequence[int],
    *,
    seed: int,
    scale: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[Float[Tensor, "inputs_and_one outputs"]]:
    """Weights from N(0, scale²) for each layer, that of the bias's input 1 in the last row.

    Args:
        sizes: Numbers of inputs, of units in each hidden layer, and of outputs.
        seed: Fixes the draw; all the document's networks of the same sizes draw the same.
        scale: The standard deviation; None takes 1 / √inputs in each layer.
        dtype: Number type of the result.

    Raises:
        UserError: If a size is below 1 or the scale is negative.

    >>> [tuple(W.shape) for W in initial_weights([784, 100, 10], seed=0)]
    [(785, 100), (101, 10)]
    """
    for size in sizes:
        at_least_one("the number of neurons in a layer", size)
    if scale is not None and not (math.isfinite(scale) and scale >= 0):
        raise UserError(f"the initial scale must be 0 or more, and got {scale}.")
    stream = generator("weights", seed)
    weights = []
    for n_in, n_out in pairwise(sizes):
        draw = torch.randn(n_in + 1, n_out, generator=stream, dtype=torch.float64)
        weights.append((draw * (n_in**-0.5 if scale is None else scale)).to(dtype))
    return weights


def at_least_one(name: str, value: int) -> None:
    """Refuse anything but a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{name} must be a whole number from 1, and got {value}.")


def positive(name: str, value: float) -> None:
    """Refuse anything but a finite number above 0."""
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise UserError(f"{name} must be a number above 0, such as 0.001, and got {value}.")


# --- the command line ----------------------------------------------------------------------------


def arguments(module: str, *, steps: int = 60_000, eta: float) -> argparse.ArgumentParser:
    """The options that all four commands have.

    Args:
        module: Name of the module that is run.
        steps: The default number of steps.
        eta: The default η.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m retroprop.labs.lyon_tp.{module}",
        description="Train on MNIST and print the performance on the test base.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--steps", type=int, default=steps, help="how many steps to make")
    parser.add_argument("--eta", type=float, default=eta, help="the learning rate η")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the order")
    parser.add_argument("--data", help="a mnist.pkl.gz; None is the MNIST of this package")
    return parser


def add_initial_scale(parser: argparse.ArgumentParser, default: float | None = None) -> None:
    """The option of the networks whose weights `initial_weights` draws."""
    parser.add_argument(
        "--initial-scale",
        type=float,
        default=default,
        help="standard deviation of the initial weights; None is 1/√inputs",
    )


def run(
    parser: argparse.ArgumentParser,
    make: Callable[[argparse.Namespace], Network],
    argv: Sequence[str] | None,
) -> int:
    """Train and test the network that the options describe; returns the exit code."""
    options = parser.parse_args(argv)
    torch.set_num_threads(1)  # the networks are small: more threads cost more than they bring
    try:
        network = make(options)
        (train_images, train_labels), (test_images, test_labels) = load_data(options.data)
        started = time.perf_counter()
        shown = 0

        def show(step: int) -> None:
            nonlocal shown
            if step * 10 // options.steps > shown:
                shown = step * 10 // options.steps
                on_training = network.test(train_images[:_SHOWN], train_labels[:_SHOWN])
                print(
                    f"step {step:>9,} / {options.steps:,}   {time.perf_counter() - started:6.1f} s"
                    f"   performance on {_SHOWN:,} training images {on_training:.2%}",
                    flush=True,
                )

        network.train(
            train_images,
            train_labels,
            steps=options.steps,
            eta=options.eta,
            seed=options.seed,
            progress=show,
        )
        print(f"performance on the test base: {network.test(test_images, test_labels):.2%}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        return 130
    return 0
