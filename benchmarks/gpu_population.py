"""A population of 1,000 networks on a GPU beside populations of 16 on one CPU core.

Each member is an MLP of one hidden layer of 100 units on Fashion-MNIST, minibatches of 100, Adam:
10 seeds × 100 learning rates on the GPU, 2 × 8 of them on the core, which is what a study gives it.
What is compared is how many examples all members together learn from in a second, in epochs that
alternate. A member that both have must have learned the same, up to rounding.

    python -m benchmarks.gpu_population                        needs a CUDA GPU; writes its record
    python -m benchmarks.gpu_population --device cpu --seeds 2 --rates 8 --examples 500

On a CPU it shows that it runs, and writes no record.
"""

import statistics

import torch

from benchmarks.harness import arguments_of, fashion_mnist, keep, say, spread
from retroprop.errors import UserError
from retroprop.studies.worker import prepare_thread
from retroprop.training.devices import choose_device, now
from retroprop.training.populations import Examples, Population
from retroprop.training.settings import PopulationSettings

CPU = torch.device("cpu")
ON_CORE = (2, 8)
"""Seeds and learning rates of the core's population."""
APART = 0.02
"""Of the accuracies of one member after the epochs; rounding grows on the way."""


def population_of(seeds: int, rates: int, device: torch.device) -> Population:
    """Members whose first seeds and learning rates are the same in every size."""
    settings = PopulationSettings(
        kind="mlp",
        width=100,
        optimizer="adam",
        batch_size=100,
        seeds=tuple(range(seeds)),
        learning_rates=tuple(0.001 * (1 + rate / 100) for rate in range(rates)),
    )
    return Population(settings, (28, 28, 1), 10, device=device)


def epoch_s(population: Population, examples: Examples, epoch: int) -> float:
    """Seconds of an epoch of training."""
    started = now(population.device)
    population.train_epoch(examples, epoch)
    return now(population.device) - started


def speed(population: Population, examples: Examples, seconds: float) -> float:
    """Examples that all members together learned from in a second."""
    seeds, rates = population.shape
    return seeds * rates * len(examples) / seconds


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rates", type=int, default=100)
    parser.add_argument("--examples", type=int, default=10_000)
    given = parser.parse_args()
    try:
        device = choose_device(given.device)
    except UserError as error:
        raise SystemExit(f"nothing was measured: {error}") from None
    prepare_thread()
    train, validation = fashion_mnist(given.examples)
    with torch.inference_mode():
        core = population_of(*ON_CORE, CPU)
        there = population_of(given.seeds, given.rates, device)
        on_device = train.to(device)
        speeds: dict[str, list[float]] = {"core": [], "device": []}
        for epoch in range(1, given.rounds + 2):  # the first is the warm-up
            seconds = epoch_s(core, train, epoch), epoch_s(there, on_device, epoch)
            if epoch > 1:
                speeds["core"].append(speed(core, train, seconds[0]))
                speeds["device"].append(speed(there, on_device, seconds[1]))
        accuracies = [
            float(population.evaluate(validation.to(population.device)).accuracy[0, 0])
            for population in (core, there)
        ]
    if abs(accuracies[0] - accuracies[1]) > APART:
        raise SystemExit(f"one member learned two things: accuracies {accuracies}")
    ratios = [ours / theirs for theirs, ours in zip(*speeds.values(), strict=True)]
    for name, values in speeds.items():
        say(f"{name}: {spread(values)} examples of members a second")
    members = given.seeds * given.rates
    say(f"{members:,} members on {device} / 16 on one CPU core: {spread(ratios)} times")
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        median = statistics.median(ratios)
        keep("gpu_population", {"gpu": name, "members": members, "ratio": median} | speeds)
    else:
        say("no record is written: this was no GPU.")


if __name__ == "__main__":
    main()
