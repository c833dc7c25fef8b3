"""A population on its way through its epochs: metrics, best parameters, and exact resumption.

`Trajectory.advance` makes one epoch: epoch 0 evaluates the untrained models, every later epoch
trains and then evaluates on the whole training and validation sets. The best parameters of each
member, by validation accuracy, are kept as a copy. A trajectory that is saved after an epoch and
loaded again continues with the same numbers, bit for bit on the same kind of processor. What is
saved does not say where it was trained: any device goes on from it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retroprop.training.checkpoints import load_tensors, save_tensors
from retroprop.training.devices import now
from retroprop.training.epochs import EpochRecord, Progress
from retroprop.training.factories import CPU
from retroprop.training.populations import Evaluation, Examples, Population
from retroprop.training.settings import PopulationSettings

PARAMETER, BEST, OPTIMIZER = "parameter.", "best.", "optimizer."
"""What the names of a trajectory's tensors begin with."""


class Trajectory:
    """A population, the epochs it has made, and the best parameters of each member so far.

    Attributes:
        epoch: The last finished epoch; -1 before the untrained models were evaluated.
        best: By name, each (seeds, rates, …), the parameters of each member's best epoch.
        best_epoch, best_accuracy, best_loss: (seeds, rates), on the validation set; on the CPU.
        diverged_epoch: (seeds, rates), the epoch after which a member's numbers were no longer
            finite, or -1.
    """

    def __init__(
        self,
        settings: PopulationSettings,
        train: Examples,
        validation: Examples,
        device: torch.device = CPU,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Prepare the untrained population, from `parameters` or from those that its seeds draw."""
        self.settings, self.device = settings, device
        self.train, self.validation = train.to(device), validation.to(device)
        shape, n_classes = train.image_shape, train.n_classes
        self.population = Population(settings, shape, n_classes, parameters, device)
        shape = self.population.shape
        self.epoch = -1
        self.best = {name: torch.zeros_like(t) for name, t in self.population.parameters.items()}
        self.best_epoch = torch.full(shape, -1, device=CPU)
        self.best_accuracy = torch.full(shape, -1.0, dtype=torch.float64, device=CPU)
        self.best_loss = torch.full(shape, torch.inf, dtype=torch.float64, device=CPU)
        self.diverged_epoch = torch.full(shape, -1, device=CPU)

    @property
    def done(self) -> bool:
        """Whether no epoch is left to make."""
        return self.epoch >= self.settings.epochs

    @property
    def parameters(self) -> int:
        """How many numbers one member learns."""
        return sum(t[0, 0].numel() for t in self.population.parameters.values())

    @property
    def progress(self) -> list[Progress]:
        """How far each member has come, seed by seed."""
        return progress_in(self._own_tensors())

    def advance(self, *, on_step: Callable[[int], None] = lambda _: None) -> list[EpochRecord]:
        """Make the next epoch; its numbers for each member, seed by seed.

        Args:
            on_step: Called after each step with the number of examples it visited; what it raises
                stops the epoch, and this trajectory must then be loaded again.
        """
        epoch = self.epoch + 1
        started = now(self.device)
        if epoch > 0:
            self.population.train_epoch(self.train, epoch, on_step=on_step)
        trained = now(self.device)
        train, validation = self._evaluate(self.train), self._evaluate(self.validation)
        self._keep_best(epoch, train, validation)
        self.epoch = epoch
        evaluated = now(self.device)
        members = self.best_epoch.numel()
        columns = (train.loss, train.accuracy, validation.loss, validation.accuracy)
        return [
            EpochRecord(
                epoch=epoch,
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                train_s=(trained - started) / members if epoch > 0 else 0.0,
                evaluate_s=(evaluated - trained) / members,
            )
            for train_loss, train_accuracy, validation_loss, validation_accuracy in zip(
                *map(_listed, columns), strict=True
            )
        ]

    def save(self, path: Path, *, about: str) -> None:
        """Write everything that continuing needs."""
        save_tensors(path, self.tensors(), about=about)

    def load(self, path: Path, *, about: str) -> None:
        """Continue from what `save` wrote.

        Raises:
            UserError: If the file is missing, damaged or about something else.
        """
        self.take(load_tensors(path, about=about))

    def tensors(self) -> dict[str, Tensor]:
        """Everything that continuing needs, by name, wherever it lies."""
        state = self.population.learner.state()
        return self._own_tensors() | {f"{OPTIMIZER}{name}": t for name, t in state.items()}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from what `tensors` gave, on whatever device it was."""
        self.epoch = int(tensors["epoch"])
        own, optimizer = self._own_tensors(), {}
        for name, tensor in tensors.items():
            if name.startswith(OPTIMIZER):
                optimizer[name.removeprefix(OPTIMIZER)] = tensor
            elif name != "epoch":
                own[name].copy_(tensor)
        self.population.learner.load_state(optimizer)

    def save_best(self, path: Path, *, about: str) -> None:
        """Write the best parameters of each member, as `member_parameters` reads them."""
        save_tensors(path, named_members(self.settings, self.best), about=about)

    def _evaluate(self, examples: Examples) -> Evaluation:
        if self.epoch >= 0:
            return self.population.evaluate(examples).cpu()
        return self.population.evaluate_untrained(examples).cpu()

    def _own_tensors(self) -> dict[str, Tensor]:
        return {
            "epoch": torch.tensor(self.epoch, device=CPU),
            **{f"{PARAMETER}{name}": t for name, t in self.population.parameters.items()},
            **{f"{BEST}{name}": t for name, t in self.best.items()},
            "best_epoch": self.best_epoch,
            "best_accuracy": self.best_accuracy,
            "best_loss": self.best_loss,
            "diverged_epoch": self.diverged_epoch,
        }

    def _keep_best(self, epoch: int, train: Evaluation, validation: Evaluation) -> None:
        parameters = self.population.parameters
        finite = torch.isfinite(train.loss) & torch.isfinite(validation.loss)
        numbers = [torch.isfinite(tensor).flatten(2).all(-1) for tensor in parameters.values()]
        finite &= torch.stack(numbers).all(0).cpu()
        self.diverged_epoch[~finite & (self.diverged_epoch < 0)] = epoch
        alive = self.diverged_epoch < 0
        better = alive & (validation.accuracy > self.best_accuracy)
        there = better.to(self.device)
        for name, tensor in parameters.items():
            self.best[name][there] = tensor[there]
        self.best_epoch[better] = epoch
        self.best_accuracy[better] = validation.accuracy[better]
        self.best_loss[better] = validation.loss[better]


def progress_in(tensors: Mapping[str, Tensor]) -> list[Progress]:
    """How far each member has come, seed by seed, in the tensors of a trajectory."""
    names = ("best_epoch", "best_accuracy", "best_loss", "diverged_epoch")
    return [
        Progress(
            best_epoch=epoch if epoch >= 0 else None,
            best_validation_accuracy=accuracy if epoch >= 0 else None,
            best_validation_loss=loss if epoch >= 0 else None,
            diverged_epoch=diverged if diverged >= 0 else None,
        )
        for epoch, accuracy, loss, diverged in zip(
            *(_listed(tensors[name]) for name in names), strict=True
        )
    ]


def named_members(
    settings: PopulationSettings, parameters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The parameters (seeds, rates, …) of a population, member by member."""
    return {
        f"{member_name(seed, rate)}/{name}": tensor[i, j]
        for i, seed in enumerate(settings.seeds)
        for j, rate in enumerate(settings.learning_rates)
        for name, tensor in parameters.items()
    }


def _listed(members: Tensor) -> list[Any]:
    """(seeds, rates) as the list of its numbers, seed by seed."""
    return members.flatten().tolist()


def member_name(seed: int, learning_rate: float) -> str:
    """The name of one member's parameters in a file.

    >>> member_name(0, 0.1)
    'seed=0,learning_rate=0.1'
    """
    return f"seed={seed},learning_rate={learning_rate!r}"


def member_parameters(
    tensors: Mapping[str, Tensor], seed: int, learning_rate: float
) -> dict[str, Tensor]:
    """The parameters of one member, by name, among those that `Trajectory.save_best` wrote.

    Each has the two population axes of its member, of size 1.
    """
    prefix = f"{member_name(seed, learning_rate)}/"
    return {
        name.removeprefix(prefix): tensor[None, None]
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
