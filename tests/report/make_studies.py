"""Test data: made-up studies of every kind of model, one for each question of the assignments.

No number in here was measured. Accuracies are a top less 2 points for each factor of ten (or each
step of a list of words) away from the best value of every setting, with small steps between seeds.
"""

import math

TRAINING = {
    "optimizer": "sgd",
    "learning_rate": 0.001,
    "batch_size": 1,
    "initial_scale": 0.01,
    "initial_sign": "both",
    "depth": 1,
    "width": 100,
    "activation": "relu",
    "output": "softmax",
    "gradient": "mean",
    "precision": "float32",
    "kernel_size": 3,
}
ALL_FIGURES = [
    "loss-curves",
    "accuracy-curves",
    "curves-by-setting",
    "effect-of-setting",
    "speed",
]
BEST = {
    "optimizer": "adam",
    "learning_rate": 0.001,
    "batch_size": 20,
    "initial_scale": 0.01,
    "initial_sign": "both",
    "depth": 3,
    "width": 300,
    "activation": "relu",
    "output": "softmax",
    "kernel_size": 5,
    "derivation": "by-hand",
}


def study(name, kind, grid, *, tables, derivation="by-hand", best_per=(), epochs=5, **training):
    """The configuration of a made-up study, as a record keeps it."""
    return {
        "name": name,
        "title": {"en": f"The study {name}", "fr": f"L’étude {name}"},
        "source": "a test",
        "dataset": "mnist",
        "split": {"validation": 0.1, "seed": 0},
        "epochs": epochs,
        "seeds": [0, 1, 2],
        "model": {"kind": kind, "derivation": derivation},
        "training": TRAINING | training,
        "grid": grid,
        "selection": {"best_per": list(best_per)},
        "report": {"tables": tables, "figures": ALL_FIGURES},
    }


STUDIES = {
    "perceptron": study(
        "perceptron",
        "perceptron",
        {
            "learning_rate": [0.1, 0.01, 0.001, 0.0001],
            "initial_scale": [0.0, 0.01, 1.0],
            "initial_sign": ["both", "positive"],
        },
        tables=[{"rows": "learning_rate", "columns": "initial_scale", "split_by": "initial_sign"}],
    ),
    "shallow": study(
        "shallow",
        "shallow",
        {
            "optimizer": ["sgd", "momentum", "adagrad"],
            "width": [10, 30, 100, 300, 1000],
            "initial_scale": [0.01, "auto"],
        },
        tables=[
            {"rows": "width", "columns": "optimizer", "value": "best_validation_loss"},
            {"rows": "width", "columns": None, "value": "train_s"},
        ],
        output="linear",
        activation="sigmoid",
        batch_size=20,
    ),
    "deep": study(
        "deep",
        "mlp",
        {
            "optimizer": ["sgd", "adam"],
            "depth": [1, 3, 5],
            "width": [25, 100, 300, 500, 1000],
        },
        tables=[{"rows": "depth", "columns": "width", "split_by": "optimizer"}],
        best_per=["optimizer"],
        batch_size=20,
        learning_rate={"sgd": 0.1, "adam": 0.001},
    ),
    "derivations": study(
        "derivations",
        "mlp",
        {
            "derivation": ["by-hand", "autograd"],
            "depth": [1, 3, 5],
            "width": [25, 100, 300, 1000],
        },
        tables=[
            {"rows": "width", "columns": "depth", "split_by": "derivation", "value": "train_s"}
        ],
        batch_size=200,
    ),
    "activations": study(
        "activations",
        "mlp",
        {
            "activation": ["relu", "sigmoid", "tanh"],
            "output": ["softmax", "linear"],
            "optimizer": ["adamw", "adam"],
        },
        tables=[{"rows": "activation", "columns": "output", "value": "best_validation_loss"}],
        derivation="autograd",
    ),
    "cnn": study(
        "cnn",
        "cnn",
        {"kernel_size": [3, 5, 7], "learning_rate": [0.01, 0.001]},
        tables=[{"rows": "kernel_size", "columns": None}],
        derivation="autograd",
        batch_size=100,
        epochs=8,
    ),
}


def accuracy(cell, seed):
    """The best validation accuracy of a made-up model."""
    away = 0.0
    for key, value in cell.items():
        best = BEST.get(key, value)
        if isinstance(value, str) or isinstance(best, str) or 0 in (value, best):
            away += 0.5 * (value != best)
        else:
            away += abs(math.log10(value / best))
    return 0.95 - 0.02 * away + 0.001 * (seed - 1)


def seconds(cell):
    """Training seconds per epoch: autograd takes 1.8 times as long for 25 units, then less."""
    work = cell.get("depth", 1) * (0.05 + (cell.get("width", 100) / 300) ** 1.5)
    if cell.get("derivation") == "autograd":
        work *= 1.2 + 15 / cell.get("width", 25)
    return work
