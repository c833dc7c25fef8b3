"""Training alone, per model-epoch over the grid: against scikit-learn and a PyTorch autograd loop.

One thread on each side, all data in memory, one epoch of 54,000 images.

- ours: the eight populations of the study (9 models each); seconds divided by 72;
- scikit-learn: SGDClassifier with log loss, which knows only its batch of one; `partial_fit` once;
- autograd: torch.nn.functional.cross_entropy, backward and torch.optim (Adam: the default
  implementation), one model, the study's batch sizes, minibatches by indexing tensors; batch sizes
  1 and 20 run on 1/9 of the images and are scaled by 9.

Per wall time of the study our cost is halved again, since it trains on two cores; the ratios here
are per core.
"""

import statistics
import time
import warnings

import torch

from benchmarks.harness import (
    BATCH_SIZES,
    N_TRAIN,
    OPTIMIZERS,
    RATES,
    SEEDS,
    arguments_of,
    fashion_mnist,
    keep,
    say,
    spread,
)
from retroprop.data.minibatches import epoch_order
from retroprop.studies.worker import prepare_thread
from retroprop.training.populations import Examples, Population
from retroprop.training.settings import PopulationSettings


def ours_s(examples: Examples) -> float:
    """Seconds per model-epoch of training, over the study's eight populations."""
    total = 0.0
    with torch.inference_mode():
        for optimizer in OPTIMIZERS:
            for batch_size in BATCH_SIZES:
                settings = PopulationSettings(
                    optimizer=optimizer,
                    batch_size=batch_size,
                    learning_rates=RATES,
                    seeds=SEEDS,
                    gradient="sum",
                )
                population = Population(settings, examples.image_shape, examples.n_classes)
                started = time.perf_counter()
                population.train_epoch(examples, 1)
                total += time.perf_counter() - started
    return total / (len(OPTIMIZERS) * len(BATCH_SIZES) * len(RATES) * len(SEEDS))


def sklearn_s(examples: Examples) -> float:
    from sklearn.linear_model import SGDClassifier

    x = (examples.images.float() / 255).numpy()
    y = examples.labels.numpy()
    model = SGDClassifier(
        loss="log_loss", alpha=0.0001, learning_rate="constant", eta0=0.001, random_state=0
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it always says that one epoch has not converged
        model.partial_fit(x, y, classes=list(range(10)))
    seconds = time.perf_counter() - started
    if model.score(x[:2000], y[:2000]) < 0.7:
        raise SystemExit("scikit-learn's model learned nothing: a wrong benchmark")
    return seconds


def autograd_s(examples: Examples, optimizer_name: str, batch_size: int) -> float:
    share = 9 if batch_size <= 20 else 1
    x = examples.images.float() / 255
    model = torch.nn.Linear(examples.n_features, examples.n_classes)
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer_name]
    optimizer = make(model.parameters(), lr=0.001)
    order = epoch_order(len(examples), seed=0, epoch=1)[: N_TRAIN // share]
    started = time.perf_counter()
    for indices in order.split(batch_size):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[indices]), examples.labels[indices])
        loss.backward()
        optimizer.step()
    return share * (time.perf_counter() - started)


def main() -> None:
    parser = arguments_of(__doc__)
    rounds = parser.parse_args().rounds
    prepare_thread()
    examples, _ = fashion_mnist()
    ours, sklearn, autograd = [], [], []
    for number in range(rounds):
        cells = {(o, b): autograd_s(examples, o, b) for o in OPTIMIZERS for b in BATCH_SIZES}
        autograd.append(statistics.fmean(cells.values()))
        sklearn.append(sklearn_s(examples))
        ours.append(ours_s(examples))
        say(
            f"round {number + 1}: ours {ours[-1]:.3f} s, scikit-learn {sklearn[-1]:.2f} s, "
            f"autograd {autograd[-1]:.2f} s ("
            + ", ".join(f"{o} {b}: {s:.2f}" for (o, b), s in cells.items())
            + ")"
        )
    of_sklearn = [theirs / own for theirs, own in zip(sklearn, ours, strict=True)]
    of_autograd = [theirs / own for theirs, own in zip(autograd, ours, strict=True)]
    say(f"scikit-learn / ours, per model-epoch on one core: {spread(of_sklearn)} (asked: 6)")
    say(f"autograd / ours, per model-epoch on one core: {spread(of_autograd)} (asked: 8)")
    keep(
        "peers",
        {
            "ours_s": ours,
            "sklearn_s": sklearn,
            "autograd_s": autograd,
            "sklearn_ratio": of_sklearn,
            "autograd_ratio": of_autograd,
        },
    )


if __name__ == "__main__":
    main()
