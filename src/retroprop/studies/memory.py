"""How much memory a study needs, said before any of it is taken.

A population holds its parameters several times: the parameters, their gradient, the best ones so
far, what the optimizer remembers, and copies while its state is written. A factor counts them. To
these come the examples of a minibatch, or of a chunk of an evaluation, on their way through all
members. Measured against real trainings, it is right within a factor of two.
"""

import math
from dataclasses import replace

import psutil

from retroprop.data import find
from retroprop.errors import UserError
from retroprop.studies.kinds import OPTIMIZERS
from retroprop.studies.schema import Study
from retroprop.training.settings import PopulationSettings

PROCESS = 300e6
"""Bytes of a worker with torch, before it has an image."""
CHUNK = 500
"""Examples that a population reads at once (`training.populations`)."""


def population_bytes(study: Study, settings: PopulationSettings) -> float:
    """What one worker needs at most, about, to train a population."""
    info = find(study.dataset)
    size = study.kind.size(settings, info)
    number = 8 if settings.precision == "float64" else 4
    pixels = math.prod(info.image_shape)
    images = 2 * pixels * (info.n_train + info.n_test)  # as bytes: all, and the parts of a split
    seeds = len(settings.seeds)
    members = seeds * len(settings.learning_rates)
    remembered = OPTIMIZERS[settings.optimizer].remembers
    if study.kind.engine == "trainer":
        images += number * pixels * study.split.training_images(info.n_train)
        inputs, copies = 0, 5 + remembered
    else:
        inputs = 2 * number * pixels * seeds * max(settings.batch_size, CHUNK)
        copies = 7 + 2 * remembered
    batch = max(settings.batch_size, CHUNK / 3)  # an evaluation has no backward pass
    each = copies * size.weights + batch * size.values
    return PROCESS + images + inputs + number * members * each


def fits_on_device(
    study: Study, settings: PopulationSettings, seeds: int, rates: int, free: float
) -> bool:
    """Whether so many seeds and learning rates of a population have room in a GPU's free bytes.

    The prediction may be wrong by a factor of two, so it takes half of them.
    """
    some = replace(
        settings,
        seeds=settings.seeds[:seeds],
        learning_rates=settings.learning_rates[:rates],
    )
    return 2 * (population_bytes(study, some) - PROCESS) <= free


def memory_warning(needed: float, name: str, workers: int, largest: float) -> str | None:
    """A sentence where more memory is needed than is free now; None where it suffices.

    Args:
        needed: Bytes of all workers together.
        name: Of the largest population.
        workers: How many train at once.
        largest: Bytes of the largest population.

    Raises:
        UserError: If the largest population alone is beyond all memory of this machine.
    """
    whole, free = psutil.virtual_memory(), psutil.virtual_memory().available
    there = whole.total + psutil.swap_memory().total
    smaller = "vary fewer seeds and learning rates at once, or make the model or batch_size smaller"
    if largest > 2 * there:  # the prediction may be wrong by a factor of two
        raise UserError(
            f"the population {name} needs about {in_bytes(largest)} of memory, and this machine "
            f"has {in_bytes(there)}; {smaller}."
        )
    if needed <= free:
        return None
    fewer = f"--workers {workers - 1} or less, or " if workers > 1 and largest <= free else ""
    many = "1 worker" if workers == 1 else f"{workers} workers"
    return (
        f"This needs about {in_bytes(needed)} of memory with {many}, and {in_bytes(free)} are "
        f"free: it may be ended by the system. Use {fewer}a smaller study: {smaller}."
    )


def in_bytes(size: float) -> str:
    """A number of bytes for people.

    >>> in_bytes(7.1e9), in_bytes(3e14)
    ('7.1 GB', '300,000 GB')
    """
    return f"{size / 1e9:,.1f} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
