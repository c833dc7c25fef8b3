"""The split of a training set into training and validation examples."""

from typing import TYPE_CHECKING

from retroprop.errors import UserError

if TYPE_CHECKING:  # torch is imported when a split is made: reports only ask for `training_size`
    from torch import Tensor


def training_size(n_examples: int, validation: float) -> int:
    """How many examples are left to train on when a fraction is kept for validation.

    As in the assignment, int(n_examples · (1 − validation)), but safe from rounding: 60,000 and
    0.1 give 54,000.

    >>> training_size(60_000, 0.1)
    54000
    """
    return int(round(n_examples * (1.0 - validation), 6))


def train_validation_split(
    n_examples: int, *, validation: float, seed: int
) -> "tuple[Tensor, Tensor]":
    """Choose at random which examples validate; the split has its own seed.

    Args:
        n_examples: How many examples the whole training set has.
        validation: Fraction in (0, 1) of examples kept for validation.
        seed: Seed of the split, independent of the seeds of the models.

    Returns:
        Sorted indices of the training examples and of the validation examples, int64.

    Raises:
        UserError: If either part would be empty.

    >>> train, held_out = train_validation_split(60_000, validation=0.1, seed=0)
    >>> len(train), len(held_out)
    (54000, 6000)
    """
    import torch

    from retroprop.randomness import generator

    n_train = training_size(n_examples, validation)
    if not 0 < n_train < n_examples:
        raise UserError(
            f"split.validation = {validation} of {n_examples} examples leaves {n_train} to train "
            "on; give a fraction between 0 and 1 such as 0.1."
        )
    order = torch.randperm(n_examples, generator=generator("split", seed))
    return order[:n_train].sort().values, order[n_train:].sort().values
