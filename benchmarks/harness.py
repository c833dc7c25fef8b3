"""What the benchmarks share: real data in memory, medians, and records with their setting."""

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from retroprop.data import load
from retroprop.data.splits import train_validation_split
from retroprop.studies.environment import describe_environment
from retroprop.training.populations import Examples, examples_from

RESULTS = Path(__file__).parent / "results"
N_TRAIN = 54_000

# The grid of the study: 2 optimizers × 4 batch sizes, each with 3 learning rates × 3 seeds.
OPTIMIZERS = ("sgd", "adam")
BATCH_SIZES = (1, 20, 200, 1000)
RATES = (0.1, 0.01, 0.001)
SEEDS = (0, 1, 2)


def fashion_mnist(n_train: int = N_TRAIN) -> tuple[Examples, Examples]:
    """The first `n_train` training examples of the study's split, and its validation examples."""
    dataset = load("fashion-mnist")
    images = torch.from_numpy(dataset.train_images.copy())
    labels = torch.from_numpy(dataset.train_labels.copy())
    train, validation = train_validation_split(len(labels), validation=0.1, seed=0)
    classes = dataset.info.classes
    return (
        examples_from(images, labels, train[:n_train], classes=classes),
        examples_from(images, labels, validation, classes=classes),
    )


def spread(values: Sequence[float]) -> str:
    """Median and range: "12.3 (11.0 … 14.2)"."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} … {max(values):.3g})"


def keep(name: str, results: dict[str, Any], *, part: str = "") -> None:
    """Write the record of a benchmark or of its part, with where and when it was measured."""
    RESULTS.mkdir(exist_ok=True)
    environment = describe_environment(workers=0)
    environment.pop("workers")
    environment["command"] = f"python -m benchmarks.{name} {part}".strip()
    record = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment,
        "results": results,
    }
    path = RESULTS / (f"{name}-{part}.json" if part else f"{name}.json")
    text = json.dumps(record, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    print(f"record: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def arguments_of(docstring: str | None) -> argparse.ArgumentParser:
    """A parser with the script's docstring as its help, and --rounds."""
    parser = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of everything")
    return parser


def end_on_interrupt() -> None:
    """Let INT and TERM raise KeyboardInterrupt: in the background, INT may be ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def say(text: str) -> None:
    """Print at once, so that a long benchmark shows where it is."""
    print(text, flush=True)
    sys.stdout.flush()
