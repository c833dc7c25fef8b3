"""The multilayer perceptron by hand against autograd: seconds per step, one thread.

Both sides start from the same weights and read the same minibatches of 128 real images, already in
memory as float32. Autograd: torch.nn.Linear and ReLU, torch.nn.functional.cross_entropy, backward,
and torch.optim with its defaults. By hand: `FastMLP.descend`, or `FastMLP.gradient` and our Adam.
The two are timed in turn, some steps each, with a ratio in every round. After the three steps of
warm-up both losses must agree to 1e-4 (later, rounding takes deep networks their own ways).

The machine's rate of matrix products is measured in the same rounds, as (256 × 784) @ (784 × 1024)
and two squares; "of the rate" is what the products of a step would take at the best of these rates,
divided by what the step took.
"""

import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.harness import arguments_of, fashion_mnist, keep, say, spread
from retroprop.byhand.fast_mlp import FastMLP
from retroprop.byhand.losses import one_hot
from retroprop.byhand.mlp import initial_parameters
from retroprop.byhand.optimizers import OPTIMIZERS
from retroprop.studies.worker import prepare_thread

BATCH = 128
RATES = {"sgd": 0.01, "adam": 0.0001}
NETWORKS = [(width,) * depth for depth in (1, 3, 5) for width in (25, 100, 256, 300, 500, 1000)]
NETWORKS += [(256, 256), (64,) * 20]


class Pair:
    """One network twice, and the minibatches that both read."""

    def __init__(self, hidden: tuple[int, ...], optimizer: str, x: Tensor, labels: Tensor) -> None:
        self.optimizer = optimizer
        self.batches = list(zip(x.split(BATCH), labels.split(BATCH), strict=True))
        self.targets = [one_hot(y, 10) for _, y in self.batches]
        parameters = {n: t[0] for n, t in initial_parameters(784, hidden, 10, seeds=[0]).items()}
        self.by_hand = FastMLP(parameters)
        self.ours = OPTIMIZERS[optimizer](self.by_hand.theta, RATES[optimizer])
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise((784, *hidden, 10)):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.autograd = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for theirs, ours in zip(self.autograd.parameters(), parameters.values(), strict=True):
                theirs.copy_(ours.T if ours.ndim == 2 else ours)
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
        self.theirs = make(self.autograd.parameters(), lr=RATES[optimizer])
        self.flop = 6 * BATCH * sum(a * b for a, b in itertools.pairwise((784, *hidden, 10)))
        self.flop -= 2 * BATCH * 784 * hidden[0]  # nobody needs the gradient of the images

    def step_by_hand(self, t: int) -> None:
        (x, _), targets = self.batches[t % len(self.batches)], self.targets[t % len(self.batches)]
        with torch.inference_mode():
            if self.optimizer == "sgd":
                self.by_hand.descend(x, targets, RATES["sgd"])
            else:
                self.ours.step(self.by_hand.theta, self.by_hand.gradient(x, targets))

    def step_by_autograd(self, t: int) -> None:
        x, y = self.batches[t % len(self.batches)]
        self.theirs.zero_grad()
        nn.functional.cross_entropy(self.autograd(x), y).backward()
        self.theirs.step()

    def check(self) -> None:
        x, labels = self.batches[0]
        with torch.no_grad():
            z, _ = self.by_hand.forward(x)
            ours = float(nn.functional.cross_entropy(z, labels))
            theirs = float(nn.functional.cross_entropy(self.autograd(x), labels))
        if abs(ours - theirs) > 1e-4 * theirs:
            raise SystemExit(f"the two networks differ: loss {ours} by hand, {theirs} by autograd")


def seconds(step: Callable[[int], None], first: int, n: int) -> float:
    """Seconds per step."""
    started = time.perf_counter()
    for t in range(first, first + n):
        step(t)
    return (time.perf_counter() - started) / n


def product_rate() -> float:
    """FLOP per second of float32 matrix products of the sizes that matter here."""
    best = 0.0
    for m, k, n in ((256, 784, 1024), (512, 512, 512), (1024, 1024, 1024)):
        a, b = torch.randn(m, k), torch.randn(k, n)
        out = torch.empty(m, n)
        repeat = max(1, int(4e8 / (2 * m * k * n)))
        torch.mm(a, b, out=out)
        started = time.perf_counter()
        for _ in range(repeat):
            torch.mm(a, b, out=out)
        best = max(best, 2 * m * k * n * repeat / (time.perf_counter() - started))
    return best


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=7)
    parser.add_argument("--seconds", type=float, default=0.4, help="of work per network and round")
    arguments = parser.parse_args()
    prepare_thread()
    examples, _ = fashion_mnist(12_800)
    x, labels = examples.images.float() / 255, examples.labels
    results = {}
    say("hidden layers, optimizer: autograd / by hand; step by hand; share of the product rate")
    for hidden in NETWORKS:
        for optimizer in RATES:
            pair = Pair(hidden, optimizer, x, labels)
            warm = seconds(pair.step_by_autograd, 0, 3) + seconds(pair.step_by_hand, 0, 3)
            pair.check()
            n = max(2, int(arguments.seconds / warm * 2))
            ratios, steps, shares = [], [], []
            for number in range(arguments.rounds):
                first = 3 + number * n
                theirs = seconds(pair.step_by_autograd, first, n)
                ours = seconds(pair.step_by_hand, first, n)
                ratios.append(theirs / ours)
                steps.append(ours)
                shares.append(pair.flop / product_rate() / ours)
            name = f"{hidden[0]} x {len(hidden)}, {optimizer}"
            say(
                f"{name}: {spread(ratios)}; {1e3 * statistics.median(steps):.3g} ms; "
                f"{statistics.median(shares):.0%}"
            )
            results[name] = {"ratio": ratios, "by_hand_s": steps, "share_of_rate": shares}
    medians = {name: statistics.median(r["ratio"]) for name, r in results.items()}
    slowest = min(medians, key=medians.__getitem__)
    say(f"lowest ratio: {medians[slowest]:.2f} ({slowest}); asked: never below 1")
    narrow = {n: m for n, m in medians.items() if "adam" in n and int(n.split()[0]) <= 500}
    lowest = min(narrow, key=narrow.__getitem__)
    say(f"lowest ratio with Adam up to width 500: {narrow[lowest]:.2f} ({lowest}); asked: 1.2")
    say(f"64 x 20: SGD {medians['64 x 20, sgd']:.2f} (asked: 1.35), ")
    say(f"         Adam {medians['64 x 20, adam']:.2f} (asked: 1.7)")
    wide = {
        n: statistics.median(r["share_of_rate"])
        for n, r in results.items()
        if "sgd" in n and int(n.split()[0]) >= 256
    }
    lowest = min(wide, key=wide.__getitem__)
    say(f"lowest share of the product rate, SGD, width >= 256: {wide[lowest]:.0%} ({lowest})")
    keep("mlp", results)


if __name__ == "__main__":
    main()
