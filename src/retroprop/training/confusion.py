"""Which classes a model takes for which, counted on the device where its predictions are.

C[i, j] is the number of examples of class i that were called j. Minibatch by minibatch the counts
are added up; nothing waits for the device until somebody reads them.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from retroprop.errors import UserError


def count_pairs(
    labels: Int[Tensor, "batch"], predicted: Int[Tensor, "batch"], classes: int
) -> Int[Tensor, "classes classes"]:
    """The confusion matrix of one minibatch, int64, on the device of the labels.

    Args:
        labels: True classes, in [0, classes). They are not checked here, see `confusion_matrix`.
        predicted: The classes that the model gave, in [0, classes).
        classes: How many classes there are.
    """
    pairs = labels.long() * classes + predicted.long()
    counts = torch.zeros(classes * classes, dtype=torch.int64, device=labels.device)
    return counts.scatter_add_(0, pairs, torch.ones_like(pairs)).view(classes, classes)


def confusion_matrix(
    batches: Iterable[tuple[Tensor, Tensor]], classes: int
) -> Int[Tensor, "classes classes"]:
    """The confusion matrix of many minibatches.

    Args:
        batches: Pairs of outputs and true labels. Outputs are (batch, classes) logits or
            probabilities, of which the largest counts (the first of equal ones), or (batch,)
            classes.
        classes: How many classes there are.

    Raises:
        UserError: If a label or a prediction is not in [0, classes).
    """
    total: Tensor | None = None
    lowest: Tensor | None = None
    highest: Tensor | None = None
    for outputs, labels in batches:
        if len(labels) == 0:
            continue
        predicted = outputs.argmax(1) if outputs.ndim == 2 else outputs
        low, high = torch.stack((labels.long(), predicted.long())).aminmax()
        lowest = low if lowest is None else torch.minimum(lowest, low)
        highest = high if highest is None else torch.maximum(highest, high)
        within = [classified.clamp(0, classes - 1) for classified in (labels, predicted)]
        counts = count_pairs(within[0], within[1], classes)
        total = counts if total is None else total.add_(counts)
    if total is None or lowest is None or highest is None:
        return torch.zeros(classes, classes, dtype=torch.int64)
    if lowest < 0 or highest >= classes:
        raise UserError(
            f"expected labels and predictions from 0 to {classes - 1}, and got them from "
            f"{int(lowest)} to {int(highest)}; does the model have as many outputs as the data "
            "have classes?"
        )
    return total


def class_accuracies(
    counts: Int[Tensor, "classes classes"],
) -> Float[Tensor, "classes"]:
    """Of each class, the share of its examples that were called right; NaN where there are none."""
    return counts.diagonal().double() / counts.sum(1)


def accuracy(counts: Int[Tensor, "classes classes"]) -> float:
    """The share of all examples that were called right.

    Raises:
        UserError: If there are no examples.
    """
    total = int(counts.sum())
    if total == 0:
        raise UserError("expected at least one example to compute an accuracy, and got none.")
    return int(counts.diagonal().sum()) / total
