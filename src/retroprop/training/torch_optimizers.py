"""The optimizers of `torch.optim` by the names of `studies.kinds.OPTIMIZERS`."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from retroprop.training.settings import check_known

TORCH_OPTIMIZERS: dict[str, tuple[Callable[..., Optimizer], tuple[str, ...]]] = {
    "sgd": (torch.optim.SGD, ()),
    "momentum": (torch.optim.SGD, ("momentum",)),
    "nesterov": (torch.optim.SGD, ("momentum", "nesterov")),
    "adagrad": (torch.optim.Adagrad, ()),
    "adam": (torch.optim.Adam, ()),
    "adamw": (torch.optim.AdamW, ()),
}
"""The class of each, and what it takes beside learning rate and weight decay."""


def make_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
    *,
    momentum: float = 0.9,
    weight_decay: float | None = None,
    fused: bool = False,
) -> Optimizer:
    """An optimizer by its name.

    Args:
        name: A name of the table.
        parameters: What it updates.
        learning_rate: η.
        momentum: μ, of those that have one.
        weight_decay: λ; None is torch's default: 0.01 for AdamW and 0 for the others.
        fused: Whether one kernel makes the step, where there is one; it rounds in its own way.

    Raises:
        UserError: If there is no such optimizer.
    """
    check_known(name, TORCH_OPTIMIZERS, "optimizer")
    make, takes = TORCH_OPTIMIZERS[name]
    options = {"momentum": momentum, "nesterov": True}
    chosen: dict[str, Any] = {option: options[option] for option in takes}
    if weight_decay is not None:
        chosen["weight_decay"] = weight_decay
    if fused and "fused" in inspect.signature(make).parameters:
        chosen["fused"] = True
    return make(parameters, lr=learning_rate, **chosen)
