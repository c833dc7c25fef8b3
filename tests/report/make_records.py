"""Test data: a made-up run of inf8225-logistic, written through the Records API.

No number in here was measured. They are drawn from a formula so that tests know what to expect.
"""

import math
import random
import tomllib
from importlib.resources import files
from itertools import product
from pathlib import Path

from retroprop.studies.records import NewRun, Records, RunUpdate
from retroprop.training.epochs import EpochRecord, Progress

STUDY_RUN = "inf8225-logistic-test-data"
BEST = {"sgd": (0.01, 1), "adam": (0.001, 20)}
TOP = {"sgd": 0.857, "adam": 0.854}  # mean over the seeds of the best cell
SEED_STEPS = {"sgd": (-0.001, 0.0, 0.001), "adam": (-0.0012, 0.0, 0.0012)}
ENVIRONMENT = {
    "retroprop": "0.1.0",
    "python": "3.11.7",
    "torch": "2.13.0",
    "numpy": "2.4.6",
    "platform": "Linux x86_64",
    "cpu": "Test processor (made up)",
    "cores": 2,
    "memory_gb": 7.8,
    "workers": 2,
    "threads_per_worker": 1,
    "git_revision": "0123456789abcdef",
    "command": "retroprop run inf8225-logistic",
}


def study_config(**changes):
    text = files("retroprop.studies").joinpath("catalog", "inf8225-logistic.toml").read_text()
    return {**tomllib.loads(text), **changes}


def top_accuracy(cell, seed, *, top=None, steps=None):
    """The best validation accuracy of a made-up model."""
    optimizer = cell.get("optimizer", "sgd")
    rate, size = BEST[optimizer]
    away = abs(math.log10(cell["learning_rate"] / rate))
    away += abs(math.log10(cell["batch_size"] / size))
    step = (steps or SEED_STEPS)[optimizer][seed % 3]
    return (top or TOP)[optimizer] - 0.02 * away + step


def make_records(
    path,
    *,
    config=None,
    epochs=5,
    stop_after=None,
    diverged=(),
    tested=True,
    sessions=1,
    environment=ENVIRONMENT,
    accuracy=top_accuracy,
    seconds=lambda cell: 0.5,
    overfitting=0.008,
    study_run_id=STUDY_RUN,
    fingerprint="f" * 12,
    gradient_norm=lambda cell, epoch: None,
    settings=None,
    cells=None,
):
    """Write a study run and return the open records.

    Args:
        path: The database's file.
        config: The study's configuration; that of inf8225-logistic by default.
        epochs: How many epochs each model was trained.
        stop_after: Train only the first models of the grid.
        diverged: (cell, seed) pairs that diverge at epoch 2.
        tested: Evaluate the best cell of each optimizer on the test set.
        sessions: How often work on the study started.
        environment: What each session recorded.
        accuracy: From a cell and a seed to the model's best validation accuracy.
        seconds: From a cell to its training seconds per epoch.
        overfitting: How far the train accuracy is above that on validation.
        study_run_id: The id of the study run.
        fingerprint: Of the study.
        gradient_norm: From a cell and an epoch to the norm of the gradient.
        settings: From a cell to everything that fixes its training; by default the study's
            [training], with the values of the cell.
        cells: Those of the study; by default all of its grid.
    """
    config = config or study_config()
    settings = settings or (lambda cell: {**config["training"], **cell})
    grid = {key: values for key, values in config["grid"].items() if values is not None}
    cells = cells or [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    planned = [(cell, seed) for cell in cells for seed in config["seeds"]]
    records = Records.open(Path(path))
    records.add_study_run(
        id=study_run_id,
        study=config["name"],
        fingerprint=fingerprint,
        config=config,
        data_checksum="c0ffee" * 4,
        runs=[
            NewRun(
                position=position,
                population="p",
                cell=cell,
                settings=settings(cell),
                seed=seed,
            )
            for position, (cell, seed) in enumerate(planned)
        ],
    )
    for _ in range(sessions):
        session = records.start_session(study_run_id, environment)
        records.update_session(session, 100.0 / sessions)
    runs = records.runs(study_run_id)
    trained = runs[:stop_after]
    histories = [
        _history(
            run,
            epochs,
            (run.cell, run.seed) in list(diverged),
            accuracy,
            seconds(run.cell),
            overfitting,
            gradient_norm,
        )
        for run in trained
    ]
    for epoch in range(epochs + 1):
        updates = [history[epoch] for history in histories if epoch < len(history)]
        if updates:
            records.add_epoch(updates)
    if trained:
        records.finish_population([run.id for run in trained], checkpoint="none")
    if stop_after is None:
        if tested:
            for run in runs:
                optimizer = run.cell.get("optimizer", "sgd")
                place = (run.cell.get("learning_rate"), run.cell.get("batch_size"))
                if place == BEST[optimizer]:
                    records.set_test(
                        run.id, accuracy=accuracy(run.cell, run.seed) - 0.02, loss=0.47
                    )
        records.set_status(study_run_id, "finished")
    return records


def _history(run, epochs, diverges, accuracy, train_s, overfitting, gradient_norm):
    """What a made-up training records of one model, epoch by epoch."""
    top = accuracy(run.cell, run.seed)
    noise = random.Random(run.id)
    best = (None, None, None)
    updates = []
    for epoch in range(epochs + 1):
        reached = 0.1 if epoch == 0 else top - 0.03 * (1 - epoch / epochs) ** 1.5
        loss = 2.303 if epoch == 0 else 1.3 * (1 - reached) + 0.25
        values = {
            "train_loss": loss - 0.02 * (epoch > 0) + noise.gauss(0, 0.002),
            "train_accuracy": reached + overfitting * (epoch > 0),
            "validation_loss": loss,
            "validation_accuracy": reached,
        }
        lost = diverges and epoch >= 2
        if lost:
            values = dict.fromkeys(values, math.nan)
        elif best[1] is None or reached > best[1]:
            best = (epoch, reached, loss)
        updates.append(
            RunUpdate(
                run_id=run.id,
                epoch=EpochRecord(
                    epoch=epoch,
                    **values,
                    train_s=0.0 if epoch == 0 else train_s,
                    evaluate_s=0.1,
                    gradient_norm=gradient_norm(run.cell, epoch) if epoch > 0 else None,
                ),
                progress=Progress(
                    best_epoch=best[0],
                    best_validation_accuracy=best[1],
                    best_validation_loss=best[2],
                    diverged_epoch=2 if lost else None,
                ),
            )
        )
        if lost:
            break
    return updates
