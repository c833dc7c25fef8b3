"""A population that is too large for the memory of a GPU: its members train chunk by chunk.

A chunk is some seeds × some learning rates, and a population of its own. Members never influence
each other, so chunks give the numbers of the whole up to rounding, as separate runs do. Between its
turns a chunk waits in the memory of the CPU, where the tensors of all members are those that a
`Trajectory` of the whole population would save: so a file does not say how it was made, and goes on
with other chunks, or as a whole, on another device.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from retroprop.byhand.block import views
from retroprop.training.checkpoints import load_tensors, save_tensors
from retroprop.training.epochs import EpochRecord, Progress
from retroprop.training.learners import NetworkLearner
from retroprop.training.populations import Examples
from retroprop.training.settings import PopulationSettings
from retroprop.training.trajectories import (
    BEST,
    OPTIMIZER,
    PARAMETER,
    Trajectory,
    named_members,
    progress_in,
)

Chunk = tuple[slice, slice]
"""Which seeds and which learning rates of a population."""
Tensors = dict[str, Tensor]


def cut(seeds: int, rates: int, fits: Callable[[int, int], bool]) -> list[Chunk]:
    """The fewest chunks that fit, of whole seeds where at least one seed does.

    Args:
        seeds: Of the population.
        rates: Of the population.
        fits: Whether a chunk of so many seeds and so many learning rates has room. One member is a
            chunk in any case.

    >>> cut(4, 3, lambda seeds, rates: seeds * rates <= 6)
    [(slice(0, 2, None), slice(0, 3, None)), (slice(2, 4, None), slice(0, 3, None))]
    """
    sizes = [(-(-seeds // n), rates) for n in range(1, seeds + 1)]
    sizes += [(1, -(-rates // n)) for n in range(2, rates + 1)]
    of_seeds, of_rates = next((size for size in sizes if fits(*size)), sizes[-1])
    return [
        (slice(i, min(i + of_seeds, seeds)), slice(j, min(j + of_rates, rates)))
        for i in range(0, seeds, of_seeds)
        for j in range(0, rates, of_rates)
    ]


class ChunkedTrajectory:
    """A population on its way through its epochs, chunk by chunk; see `Trajectory`.

    Attributes:
        epoch: The last finished epoch; -1 before the untrained models were evaluated.
        tensors: Everything that continuing needs, on the CPU; empty before.
    """

    def __init__(
        self,
        settings: PopulationSettings,
        train: Examples,
        validation: Examples,
        device: torch.device,
        chunks: list[Chunk],
    ) -> None:
        """Prepare the untrained population."""
        self.settings, self.device, self.chunks = settings, device, chunks
        self.train, self.validation = train.to(device), validation.to(device)
        self.epoch = -1
        self.tensors: Tensors = {}

    @property
    def done(self) -> bool:
        """Whether no epoch is left to make."""
        return self.epoch >= self.settings.epochs

    @property
    def parameters(self) -> int:
        """How many numbers one member learns."""
        return self._untrained((slice(0, 1), slice(0, 1))).parameters

    @property
    def progress(self) -> list[Progress]:
        """How far each member has come, seed by seed."""
        return progress_in(self.tensors)

    def advance(self, *, on_step: Callable[[int], None] = lambda _: None) -> list[EpochRecord]:
        """Make the next epoch of every chunk, in turn; its numbers for each member, seed by seed.

        Args:
            on_step: As of `Trajectory.advance`; all chunks together visit each example once.
        """
        steps = _Share(on_step, len(self.chunks))
        shape = len(self.settings.seeds), len(self.settings.learning_rates)
        records: dict[tuple[int, int], EpochRecord] = {}
        alike: Tensors = {}
        for chunk in self.chunks:
            trajectory = self._trajectory(chunk)
            epochs = trajectory.advance(on_step=steps)
            places = [(i, j) for i in _places(chunk[0]) for j in _places(chunk[1])]
            records.update(zip(places, epochs, strict=True))
            alike = _put(self.tensors, trajectory.tensors(), chunk, shape, _block(trajectory))
        self.tensors |= alike
        self.epoch += 1
        return [records[place] for place in sorted(records)]

    def save(self, path: Path, *, about: str) -> None:
        """Write what `Trajectory.save` would write of the whole population."""
        save_tensors(path, self.tensors, about=about)

    def load(self, path: Path, *, about: str) -> None:
        """Continue from what `save` wrote, or `Trajectory.save`.

        Raises:
            UserError: If the file is missing, damaged or about something else.
        """
        self.tensors = load_tensors(path, about=about)
        self.epoch = int(self.tensors["epoch"])

    def save_best(self, path: Path, *, about: str) -> None:
        """Write the best parameters of each member, as `member_parameters` reads them."""
        best = {n.removeprefix(BEST): t for n, t in self.tensors.items() if n.startswith(BEST)}
        save_tensors(path, named_members(self.settings, best), about=about)

    def _trajectory(self, chunk: Chunk) -> Trajectory:
        """A chunk on the device, as of the last epoch."""
        if self.epoch < 0:
            return self._untrained(chunk)
        parameters = {
            name.removeprefix(PARAMETER): tensor[chunk]
            for name, tensor in self.tensors.items()
            if name.startswith(PARAMETER)
        }
        trajectory = self._untrained(chunk, parameters)
        trajectory.take(_taken(self.tensors, chunk, _block(trajectory)))
        return trajectory

    def _untrained(
        self, chunk: Chunk, parameters: Mapping[str, Tensor] | None = None
    ) -> Trajectory:
        """A chunk before its first epoch, from `parameters` or from those that its seeds draw."""
        settings = replace(
            self.settings,
            seeds=self.settings.seeds[chunk[0]],
            learning_rates=self.settings.learning_rates[chunk[1]],
        )
        return Trajectory(settings, self.train, self.validation, self.device, parameters)


class _Share:
    """Tells of each example once, after all chunks have visited as many."""

    def __init__(self, on_step: Callable[[int], None], chunks: int) -> None:
        self.on_step, self.chunks = on_step, chunks
        self.visited = self.told = 0

    def __call__(self, examples: int) -> None:
        self.visited += examples
        by_all = self.visited // self.chunks
        self.on_step(by_all - self.told)
        self.told = by_all


# -- the tensors of some members, among those of all ---------------------------------------------

Shapes = Mapping[str, tuple[int, ...]]
_OF_MEMBER = re.compile(rf"({re.escape(OPTIMIZER)})(\d+)\.(\d+)(\..+)")
"""Of `AutogradLearner`: the optimizers of the members have names of their own."""


def _block(trajectory: Trajectory) -> Shapes:
    """The shapes in the one block of memory of multilayer perceptrons; of others, none."""
    learner = trajectory.population.learner
    return learner.model.shapes if isinstance(learner, NetworkLearner) else {}


def _put(
    whole: Tensors, some: Mapping[str, Tensor], chunk: Chunk, shape: tuple[int, int], block: Shapes
) -> Tensors:
    """Write the tensors of a chunk where they belong; returns those that all members share.

    Args:
        whole: Of all members, on the CPU; what it lacks is added.
        some: Of the members of the chunk, on any device.
        chunk: Which they are.
        shape: (seeds, rates) of all members.
        block: See `_block`.
    """
    alike = {}
    for name, tensor in some.items():
        if of_member := _OF_MEMBER.fullmatch(name):
            whole[_moved(of_member, chunk, 1)] = tensor.cpu()
        elif tensor.ndim == 0:
            alike[name] = tensor.cpu()
        else:
            parts = _parts(tensor, block)
            shapes = {key: (*shape, *part.shape[2:]) for key, part in parts.items()}
            if name not in whole:
                values = sum(math.prod(one) for one in shapes.values())
                whole[name] = torch.empty(values, dtype=tensor.dtype, device="cpu")
                if tensor.ndim > 1:
                    whole[name] = whole[name].view(shapes[""])
            for key, part in _parts(whole[name], shapes).items():
                part[chunk] = parts[key].cpu()
    return alike


def _taken(whole: Mapping[str, Tensor], chunk: Chunk, block: Shapes) -> Tensors:
    """The tensors of a chunk, among those of all members; the reverse of `_put`."""
    some = {}
    shape = whole["best_epoch"].shape
    shapes = {key: (*shape, *one[2:]) for key, one in block.items()}
    for name, tensor in whole.items():
        if of_member := _OF_MEMBER.fullmatch(name):
            place = int(of_member[2]), int(of_member[3])
            if all(at in _places(where) for at, where in zip(place, chunk, strict=True)):
                some[_moved(of_member, chunk, -1)] = tensor
        elif tensor.ndim == 0:
            some[name] = tensor
        elif tensor.ndim == 1:
            some[name] = torch.cat([t[chunk].flatten() for t in views(tensor, shapes).values()])
        else:
            some[name] = tensor[chunk]
    return some


def _parts(tensor: Tensor, block: Shapes) -> dict[str, Tensor]:
    """The views (seeds, rates, …) of a tensor: each parameter of a block, or the tensor itself."""
    return views(tensor, block) if tensor.ndim == 1 else {"": tensor}


def _moved(of_member: re.Match[str], chunk: Chunk, sign: int) -> str:
    """The name of a member's tensor, its places counted from the chunk's first or from all's."""
    optimizer, seed, rate, rest = of_member.groups()
    first = (where.start * sign for where in chunk)
    return f"{optimizer}{int(seed) + next(first)}.{int(rate) + next(first)}{rest}"


def _places(where: slice) -> range:
    return range(where.start, where.stop)
