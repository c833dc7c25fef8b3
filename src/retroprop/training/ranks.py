"""Several processes that train one model: who they are, and what they tell each other.

Each process (a *rank*) has the whole model and its share of every minibatch. The gradient of the
global minibatch is the mean over the ranks, so n ranks train like one process, whatever n is; batch
normalization takes its means over the shares of all ranks for the same reason.

Started by torchrun, which sets RANK, LOCAL_RANK and WORLD_SIZE. Source: Li et al., PyTorch
Distributed: experiences on accelerating data parallel training (2020).
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

from retroprop.errors import UserError

SILENCE_S = 600
"""Seconds after which a rank that does not answer counts as lost.

One that has ended is noticed at once, its connection being closed: this is for a machine that is
gone. A busy machine, or the first rank's evaluation, may well keep the others waiting for a minute.
"""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """The processes of one training: this one's number, and how many there are."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def share(self, indices: Tensor) -> slice:
        """Which part of a minibatch is this rank's: the parts differ by one example at most."""
        n = len(indices)
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def told(self, word: Any = None) -> Any:
        """What the first rank says, on every rank; it may say any object that pickle knows."""
        words = [word]
        if self.size > 1:
            dist.broadcast_object_list(words, src=0)
        return words[0]

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as the loop calls it: its gradients become means over the ranks."""
        if self.size == 1:
            return model
        synchronize_batch_norm(model)
        on_gpu = device.type == "cuda"
        return DistributedDataParallel(model, device_ids=[device.index] if on_gpu else None)


@contextlib.contextmanager
def joined_ranks(device_type: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started; alone, there is nothing to join.

    Raises:
        UserError: If another rank is lost on the way; what is saved is kept.
    """
    ranks = _announced()
    if ranks.size == 1:
        yield ranks
        return
    backend = "nccl" if device_type == "cuda" else "gloo"
    try:
        if device_type == "cuda":  # where NCCL puts what it sends
            torch.cuda.set_device(ranks.local_rank % torch.cuda.device_count())
        dist.init_process_group(backend, timeout=timedelta(seconds=SILENCE_S))
        yield ranks
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or not _is_loss(error):
            raise
        # torchrun soon ends those that are left, and this one ends by itself, with a sentence
        with contextlib.suppress(ValueError):  # of a thread that may not set it
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise UserError(
            f"rank {ranks.rank} of {ranks.size} lost another process of the job; what is saved is "
            "kept: run the same command again to continue from the last epoch."
        ) from error
    finally:
        with contextlib.suppress(Exception):  # the group may be broken: we leave it anyway
            dist.destroy_process_group()


def _announced() -> Ranks:
    """Who torchrun says that this process is."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = {name: os.environ[name] for name in names if name in os.environ}
    if given.get("WORLD_SIZE", "1") == "1":
        return Ranks()
    try:
        rank, size, local_rank = (int(given[name]) for name in names)
    except (KeyError, ValueError):
        shown = ", ".join(f"{name}={value}" for name, value in given.items())
        raise UserError(
            f"several processes are started by torchrun, which sets {', '.join(names)}, and the "
            f"environment has {shown}; use torchrun, or unset WORLD_SIZE."
        ) from None
    return Ranks(rank=rank, size=size, local_rank=local_rank)


def _is_loss(error: Exception) -> bool:
    """Whether an error of the collective calls means that a process is gone."""
    signs = ("Connection", "connection", "timed out", "Timed out", "peer", "Gloo", "NCCL", "gloo")
    return isinstance(error, dist.DistError) or any(sign in str(error) for sign in signs)


def synchronize_batch_norm(model: nn.Module) -> None:
    """Let every batch normalization of a model take its means over all ranks."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SynchronizedBatchNorm2d


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization of a minibatch that is spread over ranks, on any device.

    The mean over all ranks comes first and the mean square about it second: two sums in forward,
    two in backward. (torch's own SyncBatchNorm runs on GPUs only.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """(share of the batch, channels, height, width) → the same shape."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        x = input.float()
        axes = (0, 2, 3)
        count = torch.full((1,), x.numel() / x.shape[1], dtype=x.dtype, device=x.device)
        sums = all_reduce(torch.cat((x.sum(axes), count)))
        n = sums[-1].detach()
        centred = x - (sums[:-1] / n)[:, None, None]
        variance = all_reduce(centred.square().sum(axes)) / n
        with torch.no_grad():
            momentum = self.momentum if self.momentum is not None else 0.1
            self.num_batches_tracked += 1
            self.running_mean.lerp_(sums[:-1] / n, momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)
