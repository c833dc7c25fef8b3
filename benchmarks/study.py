"""The whole study: 72 softmax regressions, 5 epochs each, full evaluation after every epoch.

Runs `retroprop run inf8225-logistic` from an empty folder three times, as a person does, and prints
its wall time, the peak memory of all its processes together (proportional set size, sampled), and
the accuracies beside those that the assignment's document printed for single runs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.data import load
from retroprop.studies.records import Records
from retroprop.studies.summary import best_cells, mean_and_deviation, summarise_cells

PUBLISHED = {"sgd": (0.857, 0.831), "adam": (0.854, 0.839)}  # best validation, test


def main() -> None:
    parser = arguments_of(__doc__)
    rounds = parser.parse_args().rounds
    load("fashion-mnist")  # decoded once, as it is from the second use on
    walls, memories, results = [], [], {}
    for number in range(rounds):
        wall_s, peak_mb, results = one_round()
        walls.append(wall_s)
        memories.append(peak_mb)
        say(f"round {number + 1}: {wall_s:.1f} s, peak memory {peak_mb:.0f} MB")
    model_epochs = 72 * 5
    say(f"wall time, all included: {spread(walls)} s (asked: at most 40, aim 25)")
    say(f"per model-epoch: {statistics.median(walls) / model_epochs:.4f} s")
    say(f"peak memory of all processes: {max(memories):.0f} MB (asked: below 2,000)")
    for optimizer, (validation, deviation, test) in results.items():
        document = PUBLISHED[optimizer]
        say(
            f"{optimizer}: best validation {validation:.2%} ± {100 * deviation:.2f} points (3 "
            f"seeds; document, one run: {document[0]:.1%}), test {test:.2%} ({document[1]:.1%})"
        )
    keep(
        "study",
        {"wall_s": walls, "peak_memory_mb": memories, "best validation, deviation, test": results},
    )


def one_round() -> tuple[float, float, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "retroprop", "run", "inf8225-logistic"]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        peak_mb = 0.0
        while process.poll() is None:
            peak_mb = max(peak_mb, memory_mb(process.pid))
            time.sleep(2)  # reading the maps of a process stops it for some milliseconds
        wall_s = time.perf_counter() - started
        if process.returncode != 0:
            raise SystemExit(f"the study ended with code {process.returncode}")
        records = Records.open(Path(folder) / "retroprop.db")
        runs = records.runs(records.study_run("inf8225-logistic").id)
        records.engine.dispose()
    results = {}
    for cell in best_cells(summarise_cells(runs), ["optimizer"]):
        test, _ = mean_and_deviation([run.test_accuracy or 0.0 for run in cell.runs])
        results[cell.cell["optimizer"]] = (cell.mean, cell.deviation, test)
    return wall_s, peak_mb, results


def memory_mb(pid: int) -> float:
    """Proportional set size of a process and all its children: shared pages are counted once."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.Error:  # it ended while we looked
        return 0.0
    return total / 1e6


if __name__ == "__main__":
    main()
