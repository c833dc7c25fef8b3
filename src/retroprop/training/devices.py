"""Where a training runs, and what to say when its memory is full."""

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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


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
