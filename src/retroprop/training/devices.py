"""Where a training runs, on how many threads, and what to say when its memory is full."""

import math
import time
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn import functional as F

from retroprop.errors import UserError, did_you_mean
from retroprop.training.image_sets import ImageSet

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str = "auto", *, local_rank: int = 0) -> torch.device:
    """The device of this name; "auto" is a CUDA GPU where there is one, and else the CPU.

    Raises:
        UserError: If the name is unknown, or a GPU is asked for where there is none.
    """
    if name not in DEVICES:
        raise UserError(f"there is no device {name!r}. {did_you_mean(name, DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "no CUDA GPU was found on this machine; use --device cpu, or --device auto to take a "
            "GPU where there is one."
        )
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", local_rank % torch.cuda.device_count())


def now(device: torch.device) -> float:
    """The clock in seconds, after the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def free_bytes(device: torch.device) -> float:
    """What a GPU can still give; infinite on a CPU, where `Plan.memory_warning` speaks instead."""
    if device.type != "cuda":
        return math.inf
    return float(torch.cuda.mem_get_info(device)[0])


def faster_threads(
    model: nn.Module, minibatch: ImageSet, precision: AbstractContextManager[object], cores: int
) -> int:
    """1, or all cores when forward and backward of a minibatch are a tenth faster with them.

    Small layers are faster on one thread, and threads that wait for each other on a machine with
    other work were measured to be tens of times slower: so it is tried, three times each, and the
    median counts. The model is left as it was. Where the memory does not suffice it is 1: the
    training says so.
    """
    if cores < 2:
        return 1
    buffers = {name: tensor.clone() for name, tensor in model.named_buffers()}
    model.train()
    seconds: dict[int, list[float]] = {1: [], cores: []}
    try:
        with torch.random.fork_rng(devices=[]):
            for _ in range(3):
                for threads, taken in seconds.items():
                    torch.set_num_threads(threads)
                    started = time.perf_counter()
                    with torch.enable_grad(), precision:
                        loss = F.cross_entropy(model(minibatch.images).float(), minibatch.labels)
                    loss.backward()
                    taken.append(time.perf_counter() - started)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return 1
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, tensor in model.named_buffers():
                tensor.copy_(buffers[name])
    one, all_of_them = (sorted(taken)[1] for taken in seconds.values())
    return cores if all_of_them < 0.9 * one else 1


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def is_of_the_compiler(error: BaseException) -> bool:
    """Whether an error comes from `torch.compile` and not from the model."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def explain_memory(
    model: nn.Module, images: ImageSet, batch_size: int, device: torch.device
) -> str:
    """One sentence that names a batch size that fits, found by trying halves."""
    fits = largest_batch_that_fits(model, images, batch_size // 2, device)
    if fits:
        return (
            f"the memory of {device} does not suffice for batch_size {batch_size}; "
            f"batch_size {fits} fits."
        )
    return (
        f"the memory of {device} does not suffice for this model, not even with one image at a "
        "time; use a smaller model or another device."
    )


def largest_batch_that_fits(
    model: nn.Module, images: ImageSet, start: int, device: torch.device
) -> int:
    """The first of start, start / 2, … with room for forward and backward; 0 if none has."""
    size = start
    while size >= 1:
        model.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            with torch.enable_grad():
                z = model(images.images[:size].to(device))
                F.cross_entropy(z, images.labels[:size].to(device)).backward()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
        finally:
            model.zero_grad(set_to_none=True)
    return 0
