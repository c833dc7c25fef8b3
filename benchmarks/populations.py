"""A population of 16 networks (width 100, depth 3) against 16 separate runs, SGD, one thread.

Both sides are by hand and make the same steps on the same real images, in memory as float32. At
small batches there are two ways to train: the plain loop (`FastMLP.descend`), and the exact blocks
of `block_steps`. The population takes the faster one, and separate runs are timed both ways.

Also the Lyon perceptron: seconds for one epoch of 60,000 steps of batch 1, for 8 values of η.
"""

import statistics
import time

import torch

from benchmarks.harness import arguments_of, fashion_mnist, keep, say, spread
from retroprop.byhand.block_steps import train_network_in_blocks
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.linear import augment
from retroprop.byhand.losses import one_hot
from retroprop.byhand.mlp import initial_parameters
from retroprop.byhand.perceptron import Perceptron
from retroprop.data import load
from retroprop.studies.worker import prepare_thread

MEMBERS, HIDDEN, RATE = 16, (100, 100, 100), 0.001
ASKED = {128: 1.2, 8: 2.5, 1: 8.0}


def plain_s(network: FastMLP, x: torch.Tensor, y: torch.Tensor, batch: int) -> float:
    """Seconds of training on all of x, step by step."""
    started = time.perf_counter()
    for x_batch, y_batch in zip(x.split(batch), y.split(batch), strict=True):
        network.descend(x_batch, y_batch, RATE)
    return time.perf_counter() - started


def blocks_s(network: FastMLP, x: torch.Tensor, y: torch.Tensor, batch: int) -> float:
    """The same in exact blocks."""
    started = time.perf_counter()
    train_network_in_blocks(network, x, y, RATE, batch_size=batch)
    return time.perf_counter() - started


def networks() -> tuple[FastMLP, list[FastMLP]]:
    drawn = initial_parameters(784, HIDDEN, 10, seeds=range(MEMBERS))
    alone = [FastMLP({name: t[i] for name, t in drawn.items()}) for i in range(MEMBERS)]
    return FastMLP(drawn), alone


def perceptron_s() -> float:
    """Seconds for 60,000 steps of batch 1 at 8 values of η."""
    dataset = load("mnist")
    x = augment(torch.from_numpy(dataset.train_images.copy()).flatten(1).float() / 255)
    t = one_hot(torch.from_numpy(dataset.train_labels.copy()), 10)
    rates = torch.logspace(-5, -3, 8).view(8, 1, 1)
    network = Perceptron(torch.randn(8, 785, 10) * 0.01)
    started = time.perf_counter()
    network.train_one_by_one(x, t, rates)
    seconds = time.perf_counter() - started
    hits = (network.outputs(x).argmax(-1) == t.argmax(-1)).float().mean(-1)
    if hits.max() < 0.8:
        raise SystemExit("no perceptron learned anything: a wrong benchmark")
    return seconds


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=5)
    rounds = parser.parse_args().rounds
    prepare_thread()
    examples, _ = fashion_mnist(12_800)
    x, y = examples.images.float() / 255, one_hot(examples.labels, 10)
    results: dict[str, list[float]] = {}
    with torch.inference_mode():
        for batch, n in ((128, 12_800), (8, 1600), (1, 400)):
            for number in range(rounds + 1):
                together, alone = networks()
                ours = {"plain": plain_s(together, x[:n], y[:n], batch)}
                theirs = {"plain": sum(plain_s(one, x[:n], y[:n], batch) for one in alone)}
                if batch < 50:
                    together, alone = networks()
                    ours["blocks"] = blocks_s(together, x[:n], y[:n], batch)
                    theirs["blocks"] = sum(blocks_s(one, x[:n], y[:n], batch) for one in alone)
                    error = (together.theta.view(-1)[:10] - alone[0].theta[:10]).abs().max()
                    assert float(error) < 1e-4
                if number == 0:
                    continue  # warm-up
                best = min(ours.values())
                for way, seconds in theirs.items():
                    results.setdefault(f"batch {batch}, separate {way}", []).append(seconds / best)
        for name, ratios in results.items():
            asked = ASKED[int(name.split()[1].rstrip(","))]
            say(f"16 separate / population, {name}: {spread(ratios)} (asked: {asked})")
        epochs = [perceptron_s() for _ in range(rounds)]
    say(f"perceptron, 60,000 steps, 8 values of η: {spread(epochs)} s (asked: at most 1)")
    say(f"that is {statistics.median(epochs) / 480_000 * 1e9:.0f} ns per step and model")
    keep("populations", {"ratio": results, "perceptron_s": epochs})


if __name__ == "__main__":
    main()
