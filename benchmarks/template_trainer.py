"""The Trainer of IFT3395's devoir 3 against a straightforward one: seconds per `train_loop`.

The straightforward one does what the assignment asks, as students write it: one-hot rows filled in
a Python loop, accuracy counted image by image, the gradient norm parameter by parameter, torch's
own layers. Both start from the same weights, read the same normalized Fashion-MNIST in the same
order and log the same quantities; every round compares all logged numbers. The two take turns in
one process. Beside the ratio of wall times stands that of processor times, which other programs on
the machine disturb less. --threads 2 only means something on an idle machine: on a busy one, two
threads wait for each other most of the time, on either side.
"""

import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.labs.ift3395_devoir3.solution import NetworkConfiguration, Trainer

ASKED, TOLERANCE = 1.5, 1e-6


class StraightforwardTrainer:
    """The assignment's training, written with loops over examples and over parameters."""

    def __init__(self, network: nn.Module, train: tuple, valid: tuple, lr: float, batch_size: int):
        self.network, self.train, self.valid = network, train, valid
        self.optimizer = torch.optim.Adam(network.parameters(), lr=lr)
        self.batch_size, self.n_classes, self.epsilon = batch_size, 10, 1e-9
        self.train_logs = {
            "train_accuracy": [],
            "validation_accuracy": [],
            "train_loss": [],
            "validation_loss": [],
            "train_gradient_norm": [],
        }

    def one_hot(self, y: Tensor) -> Tensor:
        y_one_hot = torch.zeros(len(y), self.n_classes)
        for i in range(len(y)):
            y_one_hot[i, y[i]] = 1
        return y_one_hot

    def compute_loss_and_accuracy(self, X: Tensor, y: Tensor) -> tuple[Tensor, float]:
        probabilities = torch.clamp(self.network(X), self.epsilon, 1 - self.epsilon)
        loss = -torch.mean(torch.sum(y * torch.log(probabilities), dim=1))
        correct = 0
        for i in range(len(X)):
            if torch.argmax(probabilities[i]) == torch.argmax(y[i]):
                correct += 1
        return loss, correct / len(X)

    def compute_gradient_norm(self) -> float:
        total = 0.0
        for parameter in self.network.parameters():
            assert parameter.grad is not None
            total += torch.sum(parameter.grad**2).item()
        return total**0.5

    def training_step(self, X_batch: Tensor, y_batch: Tensor) -> float:
        self.optimizer.zero_grad()
        loss, _ = self.compute_loss_and_accuracy(X_batch, y_batch)
        loss.backward()
        self.optimizer.step()
        return self.compute_gradient_norm()

    def log_metrics(self, X: Tensor, y: Tensor, X_valid: Tensor, y_valid: Tensor) -> None:
        with torch.no_grad():
            train_loss, train_accuracy = self.compute_loss_and_accuracy(X, y)
            valid_loss, valid_accuracy = self.compute_loss_and_accuracy(X_valid, y_valid)
        self.train_logs["train_accuracy"].append(train_accuracy)
        self.train_logs["validation_accuracy"].append(valid_accuracy)
        self.train_logs["train_loss"].append(train_loss.item())
        self.train_logs["validation_loss"].append(valid_loss.item())

    def train_loop(self, n_epochs: int) -> dict[str, list[float]]:
        X_train, y_train = self.train[0], self.one_hot(self.train[1])
        X_valid, y_valid = self.valid[0], self.one_hot(self.valid[1])
        size = self.batch_size
        n_batches = -(-len(X_train) // size)
        self.log_metrics(X_train[:2000], y_train[:2000], X_valid, y_valid)
        for _ in range(n_epochs):
            gradient_norm = 0.0
            for i in range(n_batches):
                part = slice(i * size, (i + 1) * size)
                gradient_norm = self.training_step(X_train[part], y_train[part])
            self.train_logs["train_gradient_norm"].append(gradient_norm)
            self.log_metrics(X_train[:2000], y_train[:2000], X_valid, y_valid)
        return self.train_logs


def pair(trainer: Trainer, n_train: int) -> tuple[Trainer, StraightforwardTrainer]:
    """Both trainers with the initial weights of `trainer`, on its first `n_train` images."""
    ours = copy.copy(trainer)
    ours.network = copy.deepcopy(trainer.network)
    ours.optimizer = torch.optim.Adam(ours.network.parameters(), lr=trainer.lr)
    ours.train_logs = {name: [] for name in trainer.train_logs}
    ours.train = (trainer.train[0][:n_train], trainer.train[1][:n_train])
    network = copy.deepcopy(trainer.network)
    assert isinstance(network, nn.Sequential)
    layers = nn.Sequential(*network)  # torch's own, without our way of pooling
    theirs = StraightforwardTrainer(layers, ours.train, ours.valid, ours.lr, ours.batch_size)
    return ours, theirs


def largest_difference(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> float:
    """The largest difference between two logs, relative to the value where that is above 1."""
    return max(
        abs(a - b) / max(1.0, abs(b))
        for name in theirs
        for a, b in zip(ours[name], theirs[name], strict=True)
    )


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time."""
    started = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def compare(trainer: Trainer, *, rounds: int, epochs: int, images: int) -> dict[str, Any]:
    """Both trainers in turn, each first in every other round."""
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    difference = 0.0
    for number in range(rounds):
        both = dict(zip(("ours", "theirs"), pair(trainer, images), strict=True))
        for name in sorted(both, reverse=bool(number % 2)):
            taken[name].append(seconds(lambda run=both[name]: run.train_loop(epochs)))
        logs = [run.train_logs for run in both.values()]
        difference = max(difference, largest_difference(*logs))
    if difference > TOLERANCE:
        raise SystemExit(f"the logs differ by {difference}: a wrong benchmark")
    pairs = list(zip(taken["theirs"], taken["ours"], strict=True))
    return {
        "ratio": [theirs[0] / ours[0] for theirs, ours in pairs],
        "ratio_of_processor_time": [theirs[1] / ours[1] for theirs, ours in pairs],
        "ours_s": [wall for wall, _ in taken["ours"]],
        "straightforward_s": [wall for wall, _ in taken["theirs"]],
        "largest_difference": difference,
    }


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=5)
    parser.add_argument("--epochs", type=int, default=1, help="of each train_loop")
    parser.add_argument("--images", type=int, default=60_000, help="to train on")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="one after the other")
    arguments = parser.parse_args()
    results = {}
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for kind in ("mlp", "cnn"):
            name = f"{kind}, {threads} thread{'s' * (threads > 1)}"
            found = compare(
                Trainer(kind, NetworkConfiguration()),
                rounds=arguments.rounds,
                epochs=arguments.epochs,
                images=arguments.images,
            )
            say(
                f"{name}: straightforward / ours {spread(found['ratio'])}, in processor time "
                f"{spread(found['ratio_of_processor_time'])} (asked: {ASKED}); "
                f"ours {spread(found['ours_s'])} s; logs differ by at most "
                f"{found['largest_difference']:.1e}"
            )
            results[name] = found
    lowest = min(results, key=lambda name: statistics.median(results[name]["ratio"]))
    say(f"lowest median: {statistics.median(results[lowest]['ratio']):.2f} ({lowest})")
    keep("template_trainer", {"epochs": arguments.epochs, "images": arguments.images, **results})


if __name__ == "__main__":
    main()
