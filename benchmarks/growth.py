"""How the cost of a population grows with its members: time of one epoch and peak memory.

54,000 images, one thread, each population in a fresh process, in turns. Members are seeds ×
learning rates, as in studies: one seed up to 4 members, 8 seeds × 32 learning rates for 256. The
curve is for a batch of 200; for batches of 1 and 20 the ratio of 24 members to one is measured on
6,000 images. Memory is the peak during training (VmHWM, reset before it; Linux). Writes the curve
beside the record.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import N_TRAIN, RESULTS, arguments_of, fashion_mnist, keep, say

SHAPES = {1: (1, 1), 4: (1, 4), 16: (2, 8), 24: (3, 8), 64: (4, 16), 256: (8, 32)}
OPTIMIZERS = ("sgd", "adam")
BATCH_SIZE = 200


def measure(members: int, optimizer: str, batch_size: int) -> dict[str, float]:
    """Median seconds of some epochs, and the peak memory of this process while training, in MB."""
    import torch

    from retroprop.studies.worker import prepare_thread
    from retroprop.training.populations import Population
    from retroprop.training.settings import PopulationSettings

    prepare_thread()
    seeds, rates = SHAPES[members]
    examples, _ = fashion_mnist(N_TRAIN if batch_size == BATCH_SIZE else 6000)
    settings = PopulationSettings(
        optimizer=optimizer,
        batch_size=batch_size,
        learning_rates=tuple(0.1 * 0.9**i for i in range(rates)),
        seeds=tuple(range(seeds)),
    )
    times = []
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    with torch.inference_mode():
        population = Population(settings, examples.image_shape, examples.n_classes)
        for epoch in range(1, 6 if members <= 24 else 2):
            started = time.perf_counter()
            population.train_epoch(examples, epoch)
            times.append(time.perf_counter() - started)
    return {"s": statistics.median(times), "peak_mb": peak_mb()}


def peak_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def in_fresh_process(
    members: int, optimizer: str, batch_size: int = BATCH_SIZE
) -> dict[str, float]:
    arguments = ["--one", str(members), optimizer, str(batch_size)]
    command = [sys.executable, "-m", "benchmarks.growth", *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--one", nargs=3, metavar=("MEMBERS", "OPTIMIZER", "BATCH"))
    arguments = parser.parse_args()
    if arguments.one:
        members, optimizer, batch_size = arguments.one
        print(json.dumps(measure(int(members), optimizer, int(batch_size))))
        return
    rows = [row for optimizer in OPTIMIZERS for row in curve(optimizer, arguments.rounds)]
    ratios = {
        f"{optimizer}, batch {batch_size}": ratio(optimizer, batch_size, arguments.rounds)
        for optimizer in OPTIMIZERS
        for batch_size in (1, 20, BATCH_SIZE)
    }
    draw(rows, RESULTS / "growth.svg")
    keep("growth", {"rows": rows, "24 members / 1 member": ratios})


def curve(optimizer: str, rounds: int) -> list[dict[str, float | str]]:
    measured: dict[int, list[dict[str, float]]] = {n: [] for n in SHAPES}
    for _ in range(rounds):
        for n in SHAPES:
            measured[n].append(in_fresh_process(n, optimizer))
    rows: list[dict[str, float | str]] = []
    for n, values in measured.items():
        seconds = statistics.median(value["s"] for value in values)
        memory = max(value["peak_mb"] for value in values)
        rows.append({"optimizer": optimizer, "members": n, "epoch_s": seconds, "peak_mb": memory})
        say(
            f"{optimizer:>4}, {n:>3} members: {seconds:6.3f} s an epoch, {seconds / n:.4f} s a "
            f"member, {memory:.0f} MB"
        )
    return rows


def ratio(optimizer: str, batch_size: int, rounds: int) -> list[float]:
    ratios = []
    for _ in range(rounds):
        one = in_fresh_process(1, optimizer, batch_size)["s"]
        ratios.append(in_fresh_process(24, optimizer, batch_size)["s"] / one)
    asked = " (asked: at most 5)" if batch_size == BATCH_SIZE else ""
    say(
        f"{optimizer}, batch {batch_size}: 24 members cost {statistics.median(ratios):.2f} times "
        f"one{asked}"
    )
    return ratios


def draw(rows: list[dict[str, float | str]], path: Path) -> None:
    """Seconds an epoch and memory against the number of members."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    of_time, of_memory = figure.subplots(1, 2)
    for optimizer, style in zip(OPTIMIZERS, ("o-", "s--"), strict=True):
        mine = [row for row in rows if row["optimizer"] == optimizer]
        members = [float(row["members"]) for row in mine]
        label = {"sgd": "SGD", "adam": "Adam"}[optimizer]
        of_time.loglog(members, [float(row["epoch_s"]) for row in mine], style, label=label)
        of_memory.semilogx(members, [float(row["peak_mb"]) for row in mine], style, label=label)
    first = float(rows[0]["epoch_s"])
    of_time.loglog([1, 256], [first, 256 * first], ":", color="grey", label="SGD, one by one")
    of_time.set(xlabel="members", ylabel="seconds per epoch", title="Time, batch 200, one core")
    of_memory.set(xlabel="members", ylabel="peak memory (MB)", title="Memory of the process")
    of_memory.set_ylim(bottom=0)
    for axes in (of_time, of_memory):
        axes.legend()
        axes.grid(alpha=0.3)
        axes.minorticks_off()
        axes.set_xticks([n for n in SHAPES if n != 24], [str(n) for n in SHAPES if n != 24])
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
