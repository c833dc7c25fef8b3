"""Records as rows: flat dictionaries of one set of keys, as `pandas.DataFrame(rows)` takes them."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from retroprop.studies.records import RunRecord


def model_rows(runs: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """A row for each model: its number, what is varied, its seed, and what it reached.

    Accuracies are fractions; None stands for what is not known, as the test of a model that is not
    one of the best.
    """
    return [
        {
            "run": run.id,
            **run.cell,
            "seed": run.seed,
            "status": run.status,
            "best_epoch": run.best_epoch,
            "best_validation_accuracy": run.best_validation_accuracy,
            "diverged_epoch": run.diverged_epoch,
            "test_accuracy": run.test_accuracy,
        }
        for run in runs
    ]


def epoch_rows(runs: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """A row for each epoch of each model: what is varied, the seed, and what was measured.

    Epoch 0 is the untrained model. Losses are in the unit of the kind of model, accuracies are
    fractions, and `train_s` is in seconds.
    """
    return [
        {"run": run.id, **run.cell, "seed": run.seed, **asdict(epoch)}
        for run in runs
        for epoch in run.epochs
    ]
