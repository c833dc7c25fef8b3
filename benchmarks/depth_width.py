"""Depth × width: 30 networks, 5 epochs, full evaluations, as `retroprop run inf8225-mlp` does it.

The wall time of the study from an empty folder, in float32 and with --precision bf16, and the time
and accuracy of the networks of width 1000 alone in both precisions.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.data import load
from retroprop.studies.records import Records
from retroprop.studies.summary import mean_and_deviation


def study(*options: str, kept: Path | None = None) -> tuple[float, dict[str, float], float]:
    """Run the study in a new folder, or in one to keep.

    Returns its wall time, the best validation accuracy of each cell, and the best test accuracy.
    """
    with tempfile.TemporaryDirectory() as new:
        folder = new if kept is None else str(kept)
        command = [sys.executable, "-m", "retroprop", "run", "inf8225-mlp", *options]
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
        wall_s = time.perf_counter() - started
        records = Records.open(Path(folder) / "retroprop.db")
        runs = records.runs(records.study_run("inf8225-mlp").id)
        records.engine.dispose()
    accuracies = {
        ", ".join(str(value) for value in run.cell.values()): run.best_validation_accuracy or 0.0
        for run in runs
    }
    return wall_s, accuracies, max(run.test_accuracy or 0.0 for run in runs)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=1)
    parser.add_argument("--folder", type=Path, help="run the whole study there, and keep it")
    parser.add_argument("--only-wide", action="store_true", help="compare the precisions only")
    arguments = parser.parse_args()
    load("fashion-mnist")
    results: dict[str, object] = {}
    if not arguments.only_wide:
        walls = []
        for _ in range(arguments.rounds):
            wall_s, accuracies, test = study(kept=arguments.folder)
            walls.append(wall_s)
            best = max(accuracies, key=accuracies.__getitem__)
            say(f"30 networks: {wall_s:.0f} s; best validation {accuracies[best]:.2%} ({best})")
            say(f"  test {test:.2%}")
            results |= {"wall_s": walls, "accuracies": accuracies, "test": test}
        say(f"the study: {spread(walls)} s (asked: at most 540)")
    wide = ("--set", "grid.width=1000", "--set", "grid.depth=3", "--epochs", "2")
    ratios, gaps = [], []
    for _ in range(max(2, arguments.rounds)):
        slow_s, slow, _ = study(*wide, "--workers", "1")
        fast_s, fast, _ = study(*wide, "--workers", "1", "--precision", "bf16")
        ratios.append(slow_s / fast_s)
        gaps += [fast[cell] - slow[cell] for cell in slow]
    mean, _ = mean_and_deviation(gaps)
    say(f"width 1000, float32 / bfloat16, whole command: {spread(ratios)} (asked: 1.5)")
    say(
        f"accuracy, bfloat16 − float32: {100 * mean:+.2f} points, at worst "
        f"{100 * min(gaps, key=lambda gap: -abs(gap)):+.2f} (asked: within 0.5)"
    )
    keep("depth_width", {**results, "bf16_ratio": ratios, "bf16_gap": gaps})


if __name__ == "__main__":
    main()
