"""The cases in which a layer of one's own is compared with its twin, and what is right in each.

They are those of the parity table (`retroprop verify`), without populations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from retroprop.parity.rows import Case, FunctionRow, drawing


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A case, and what is right in it.

    Attributes:
        case: Of the parity table.
        options: All of the row's options, with the case's values.
        tensors: Name → what is differentiated by, the input first.
        constants: Name → what the layer takes besides, such as targets.
        dy: dL/dy.
        right: "y", and "dx", "dW"… → what the twin gives.
        per_example: "dW"… → the gradient of each example alone, (batch, *shape).
        twin: The layer, derived automatically.
        averaged: Whether `right` is of a loss that is an average over the batch, and not a sum.
    """

    case: Case
    options: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]
    dy: Tensor
    right: Mapping[str, Tensor]
    per_example: Mapping[str, Tensor]
    twin: Callable[[dict[str, Tensor]], Tensor]
    averaged: bool = False

    @property
    def batch(self) -> int:
        """How many examples there are."""
        return self.case.shape[0]

    @property
    def x(self) -> Tensor:
        """The input."""
        return next(iter(self.tensors.values()))

    def gradient(self, name: str, dy: Tensor, **changed: Tensor) -> Tensor:
        """The twin's gradient by a tensor, for another dL/dy or at other tensors."""
        leaves = {n: t.clone().requires_grad_() for n, t in {**self.tensors, **changed}.items()}
        y = self.twin(leaves)
        (gradient,) = torch.autograd.grad(y, leaves[name], dy.expand_as(y))
        return gradient


SHOWN_BY_SHAPES = {"outputs", "kernel", "hidden", "bias"}
"""Options that a layer with parameters sees in their shapes."""


def arguments(row: FunctionRow, one: Situation) -> dict[str, Any]:
    """What `confined.own_layer.answer_of` takes of a situation."""
    by_shapes = SHOWN_BY_SHAPES if len(one.tensors) > 1 else set()
    return {
        "tensors": dict(one.tensors),
        "constants": dict(one.constants),
        "dy": one.dy,
        "options": {n: v for n, v in one.options.items() if n not in by_shapes},
        "needed": [n for n, v in one.options.items() if v != row.options[n] and n not in by_shapes],
    }


def situation(row: FunctionRow, one: Case) -> Situation:
    """A case of a row, with what its twin gives."""
    problem = row.problem(one)
    leaves = {name: t.clone().requires_grad_() for name, t in problem.tensors.items()}
    y = problem.twin(leaves)
    dy = drawing("dy", row.name, str(one))(*y.shape) if row.kind == "layer" else torch.ones_like(y)
    exact = torch.autograd.grad(y, list(leaves.values()), dy, retain_graph=True)
    right = {"y": y.detach()} | {f"d{n}": g for n, g in zip(leaves, exact, strict=True)}
    per_example = {}
    if y.ndim and y.shape[0] == one.shape[0]:
        for name in list(leaves)[1:]:
            single = torch.zeros_like(dy)
            gradients = []
            for i in range(one.shape[0]):
                single.zero_()[i] = dy[i]
                gradients.append(torch.autograd.grad(y, leaves[name], single, retain_graph=True)[0])
            per_example[f"d{name}"] = torch.stack(gradients)
    return Situation(
        case=one,
        options={**row.options, **one.options},
        tensors=problem.tensors,
        constants=problem.constants,
        dy=dy,
        right=right,
        per_example=per_example,
        twin=problem.twin,
    )
