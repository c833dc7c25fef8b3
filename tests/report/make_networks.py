"""Test data: made-up runs of the catalog's studies of deep networks.

No number in here was measured: accuracies fall by a point for each place away from the first value
of every setting, or of the first trial of a search; seconds and parameters by their own rules.
"""

import numpy as np
from safetensors.numpy import save_file

from retroprop.studies import kinds
from retroprop.studies.records import RunRecord
from retroprop.studies.schema import load_study

PATCHES = {2: 2_400_000, 4: 2_300_000, 8: 2_350_000, 16: 2_500_000, 32: 3_100_000}


def accuracy_of(study):
    """From a cell and a seed to an accuracy: the first values of the grid are the best."""
    if study.search is not None:
        trials = cells_of(study)
        return lambda cell, seed: 0.9 - 0.01 * trials.index(cell)
    grid = study.grid.varied()

    def accuracy(cell, seed):
        return 0.9 - 0.01 * sum(grid[key].index(value) for key, value in cell.items())

    return accuracy


def cells_of(study):
    """Made-up trials of a search, all different; None for a grid."""
    if study.search is None:
        return None
    return [
        {
            key: one.choices[at % len(one.choices)]
            if one.choices
            else one.low * (one.high / one.low) ** ((at + 0.5) / study.trials)
            for key, one in study.ranges.items()
        }
        for at in range(study.trials)
    ]


def seconds(cell):
    """Training seconds per epoch: small patches are many."""
    return 64.0 / cell.get("patch_size", 4)


def make_networks(
    data,
    folder,
    name,
    *,
    size="full",
    changes=(),
    parameters=None,
    tested=True,
    pruned=(),
    **options,
):
    """Write a made-up run of a study of the catalog, and return the open records.

    Args:
        data: The module `make_records`.
        folder: Where database and checkpoints go.
        name: The study.
        size: Its size.
        changes: As for load_study.
        parameters: From a cell to the number of parameters.
        tested: Whether the best cells are evaluated on the test set.
        pruned: The places of the trials that were given up.
        options: As for make_records.
    """
    study = load_study(name, size=size, changes=list(changes), epochs=options.pop("epochs", 3))
    accuracy = options.pop("accuracy", accuracy_of(study))
    records = data.make_records(
        folder / "test.db",
        config=study.model_dump(),
        epochs=study.epochs,
        accuracy=accuracy,
        seconds=options.pop("seconds", seconds),
        cells=cells_of(study),
        settings=lambda cell: kinds.recorded(study.settings(cell)),
        gradient_norm=options.pop("gradient_norm", lambda cell, epoch: 2.0 / epoch),
        study_run_id=name,
        tested=False,
        **{"fingerprint": load_study(name, size=size).fingerprint, **options},
    )
    count = parameters or (lambda cell: PATCHES.get(cell.get("patch_size", 4), 1))
    for run in records.runs(name):
        records.set_parameters([run.id], count(run.cell))
        if run.best_epoch is not None:
            path = checkpoint(folder, run)
            file = path.relative_to(folder).as_posix()
            records.finish_population([run.id], file, pruned=run.position in pruned)
    if tested:
        _test(records, study)
    return records


def _test(records, study):
    runs = records.runs(study.name)
    groups = {}
    for run in runs:
        group = tuple(run.cell[key] for key in study.selection.best_per)
        groups.setdefault(group, []).append(run)
    for group in groups.values():
        finished = [run for run in group if run.status == "finished"]
        top = max(finished, key=lambda run: run.best_validation_accuracy)
        for run in finished:
            if run.cell == top.cell:
                counts = (np.eye(10, dtype=int) * 700 + 10).tolist()
                records.set_test(run.id, accuracy=0.8, loss=0.5, confusion=counts)


def checkpoint(folder, run: RunRecord):
    """Write weights as a study does: of a first convolution, and of a first token-mixing MLP."""
    path = folder / "checkpoints" / run.study_run_id / str(run.id) / "best.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    of_run = f"seed={run.seed},learning_rate={run.settings['learning_rate']!r}"
    random = np.random.default_rng(run.id)
    weights = {
        f"{of_run}/conv1.weight": random.normal(size=(64, 3, 3, 3)).astype(np.float32),
        f"{of_run}/blocks.0.mlp_tokens.fc1.weight": random.normal(size=(16, 64)).astype(np.float32),
    }
    save_file(weights, path)
    return path
