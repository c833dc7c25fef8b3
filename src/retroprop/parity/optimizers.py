"""The rows of the optimizers, each with its twin from `torch.optim`."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from retroprop.byhand.optimizers import OPTIMIZERS, PART, SGD, Adagrad, Adam, AdamW, Momentum
from retroprop.parity.rows import OptimizerRow, Options, case

STEPS = 50

WEIGHTS = [
    case(1, 1),
    case(5, 3),
    case(4, 7, population=(3,)),
    case(3, 2, population=(2, 3)),
    case(PART + 3, steps=3),  # a block of parameters that is visited part by part
]


def _settings(*settings: dict[str, Any]) -> tuple[Any, ...]:
    """The default hyperparameters on all of `WEIGHTS`, each other setting on two shapes."""
    others = [(*shape, setting) for shape in (((5, 3), ()), ((3, 2), (2,))) for setting in settings]
    return (
        *WEIGHTS,
        *(case(*shape, population=population, **setting) for shape, population, setting in others),
    )


_ADAM = {"steps": STEPS, "learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
_ADAM_SETTINGS = (
    {"learning_rate": 0.1},
    {"beta_1": 0.5, "beta_2": 0.9},
    {"beta_1": 0.0},
    {"epsilon": 1e-3},
)


def _torch_adam(o: Options) -> dict[str, Any]:
    return {"betas": (o["beta_1"], o["beta_2"]), "eps": o["epsilon"]}


OPTIMIZER_ROWS = [
    OptimizerRow(
        name="SGD",
        options={"steps": STEPS, "learning_rate": 0.01},
        by_hand=lambda W, rate, o: SGD(W, rate, **o),
        twin=lambda W, rate, o: torch.optim.SGD(W, lr=rate),
        cases=_settings({"learning_rate": 1.0}),
        covers=(SGD,),
    ),
    OptimizerRow(
        name="Momentum",
        options={"steps": STEPS, "learning_rate": 0.01, "momentum": 0.9},
        by_hand=lambda W, rate, o: Momentum(W, rate, **o),
        twin=lambda W, rate, o: torch.optim.SGD(W, lr=rate, momentum=o["momentum"]),
        cases=_settings({"momentum": 0.0}, {"momentum": 0.5, "learning_rate": 0.5}),
        covers=(Momentum,),
    ),
    OptimizerRow(
        name="Adagrad",
        options={"steps": STEPS, "learning_rate": 0.01, "epsilon": 1e-10},
        by_hand=lambda W, rate, o: Adagrad(W, rate, **o),
        twin=lambda W, rate, o: torch.optim.Adagrad(W, lr=rate, eps=o["epsilon"]),
        cases=_settings({"learning_rate": 1.0}, {"epsilon": 0.1}),
        covers=(Adagrad,),
    ),
    OptimizerRow(
        name="Adam",
        options=_ADAM,
        by_hand=lambda W, rate, o: Adam(W, rate, **o),
        twin=lambda W, rate, o: torch.optim.Adam(W, lr=rate, **_torch_adam(o)),
        cases=_settings(*_ADAM_SETTINGS),
        covers=(Adam,),
    ),
    OptimizerRow(
        name="AdamW",
        options={**_ADAM, "weight_decay": 0.01},
        by_hand=lambda W, rate, o: AdamW(W, rate, **o),
        twin=lambda W, rate, o: torch.optim.AdamW(
            W, lr=rate, weight_decay=o["weight_decay"], **_torch_adam(o)
        ),
        cases=_settings(*_ADAM_SETTINGS, {"weight_decay": 0.0}, {"weight_decay": 0.5}),
        covers=(AdamW,),
    ),
]


def twin_optimizer(kind: str, parameters: Iterable[Tensor], rate: float) -> torch.optim.Optimizer:
    """The twin of a kind of `byhand.optimizers.OPTIMIZERS`, with the defaults of its row."""
    (row,) = (row for row in OPTIMIZER_ROWS if row.covers == (OPTIMIZERS[kind],))
    return row.twin(list(parameters), rate, row.options)
