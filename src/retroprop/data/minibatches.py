"""The order in which an epoch visits the training examples."""

import torch
from torch import Tensor

from retroprop.randomness import generator


def epoch_order(n_examples: int, *, seed: int, epoch: int) -> Tensor:
    """A permutation of the training examples, fixed by the model's seed and the epoch alone.

    Models of one seed visit the examples in one order whatever their batch size, optimizer or
    learning rate, so that comparisons between them are paired.

    Returns:
        int64 tensor of shape (n_examples,), on the CPU.

    >>> epoch_order(5, seed=0, epoch=1).sort().values.tolist()
    [0, 1, 2, 3, 4]
    """
    stream = generator("minibatches", seed, epoch)
    return torch.randperm(n_examples, generator=stream, device=stream.device)
