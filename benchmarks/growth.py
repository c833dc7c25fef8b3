"""How the cost of a population grows with its members: time of one epoch and peak memory.

Batch 200, 54,000 images, one thread, each population in a fresh process, in turns. Members are
seeds × learning rates, as in studies. Writes the curve beside the record.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import RESULTS, arguments_of, fashion_mnist, keep, say

SHAPES = {1: (1, 1), 4: (1, 4), 16: (2, 8), 24: (3, 8), 64: (4, 16), 256: (8, 32)}


def measure(seeds: int, rates: int, optimizer: str) -> dict[str, float]:
    """Median seconds of three epochs, and the peak memory of this process in MB."""
    import torch

    from retroprop.studies.worker import prepare_thread
    from retroprop.training.populations import Population, PopulationSettings

    prepare_thread()
    examples, _ = fashion_mnist()
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    settings = PopulationSettings(
        optimizer=optimizer,
        batch_size=200,
        learning_rates=tuple(0.1 * 0.9**i for i in range(rates)),
        seeds=tuple(range(seeds)),
    )
    times = []
    with torch.inference_mode():
        population = Population(settings, examples.n_features, examples.n_classes)
        for epoch in (1, 2, 3):
            started = time.perf_counter()
            population.train_epoch(examples, epoch)
            times.append(time.perf_counter() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"s": statistics.median(times), "peak_mb": peak_mb, "added_mb": peak_mb - before_mb}


def in_fresh_process(seeds: int, rates: int, optimizer: str) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.growth",
        "--one",
        str(seeds),
        str(rates),
        optimizer,
    ]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--one", nargs=3, metavar=("SEEDS", "RATES", "OPTIMIZER"))
    arguments = parser.parse_args()
    if arguments.one:
        seeds, rates, optimizer = arguments.one
        print(json.dumps(measure(int(seeds), int(rates), optimizer)))
        return
    rows, ratios = [], {"sgd": [], "adam": []}
    for optimizer in ("sgd", "adam"):
        measured: dict[int, list[dict[str, float]]] = {n: [] for n in SHAPES}
        for _ in range(arguments.rounds):
            for n, (seeds, rates) in SHAPES.items():
                measured[n].append(in_fresh_process(seeds, rates, optimizer))
            ratios[optimizer].append(measured[24][-1]["s"] / measured[1][-1]["s"])
        for n, values in measured.items():
            seconds = statistics.median(value["s"] for value in values)
            rows.append(
                {
                    "optimizer": optimizer,
                    "members": n,
                    "epoch_s": seconds,
                    "per_member_s": seconds / n,
                    "peak_mb": max(value["peak_mb"] for value in values),
                }
            )
            say(
                f"{optimizer:>4}, {n:>3} members: {seconds:6.3f} s an epoch, {seconds / n:.4f} s a "
                f"member, {rows[-1]['peak_mb']:.0f} MB"
            )
        median = statistics.median(ratios[optimizer])
        say(f"{optimizer}: 24 members cost {median:.2f} times one (asked: at most 5)")
    draw(rows, RESULTS / "growth.svg")
    keep("growth", {"rows": rows, "24 members / 1 member": ratios})


def draw(rows: list[dict[str, float | str]], path: Path) -> None:
    """Seconds an epoch and memory against the number of members, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    of_time, of_memory = figure.subplots(1, 2)
    for optimizer, style in (("sgd", "o-"), ("adam", "s--")):
        mine = [row for row in rows if row["optimizer"] == optimizer]
        members = [float(row["members"]) for row in mine]
        label = {"sgd": "SGD", "adam": "Adam"}[optimizer]
        of_time.loglog(members, [float(row["epoch_s"]) for row in mine], style, label=label)
        of_memory.semilogx(members, [float(row["peak_mb"]) for row in mine], style, label=label)
    first = float(rows[0]["epoch_s"])
    ends = [1.0, 256.0]
    of_time.loglog(ends, [first, 256 * first], ":", color="grey", label="one after the other")
    of_time.set(xlabel="members", ylabel="seconds per epoch", title="Time, batch 200, one core")
    of_memory.set(xlabel="members", ylabel="peak memory of the process (MB)", title="Memory")
    of_memory.set_ylim(bottom=0)
    for axes in (of_time, of_memory):
        axes.legend()
        axes.grid(alpha=0.3)
        axes.set_xticks(list(SHAPES), [str(n) for n in SHAPES])
        axes.minorticks_off()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
