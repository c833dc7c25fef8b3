"""One network of a study on its way through its epochs: what `Trajectory` is for a population."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from retroprop.training.checkpoints import save_tensors
from retroprop.training.epochs import EpochRecord, Progress
from retroprop.training.factories import FACTORIES, network_of
from retroprop.training.image_sets import ImageSet
from retroprop.training.ranks import Ranks
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer, load_weights
from retroprop.training.trajectories import member_name


class NetworkTrajectory:
    """A trainer, seen as a population of one."""

    def __init__(
        self,
        settings: RunSettings,
        train: ImageSet,
        validation: ImageSet,
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        """Prepare the untrained network."""
        model = network_of(settings, train.image_shape, train.n_classes)
        if settings.channels_last is None:
            last = FACTORIES[settings.kind].convolutional(settings)
            settings = replace(settings, channels_last=last)
        self.trainer = Trainer(model, train, validation, settings, device=device, ranks=ranks)

    @property
    def done(self) -> bool:
        """Whether no epoch is left to make."""
        return self.trainer.done

    @property
    def epoch(self) -> int:
        """The last finished epoch."""
        return self.trainer.epoch

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(p.numel() for p in self.trainer.model.parameters())

    @property
    def progress(self) -> list[Progress]:
        """How far the network has come."""
        return [self.trainer.progress]

    def advance(self, *, on_step: Callable[[int], None] = lambda _: None) -> list[EpochRecord]:
        """Make the next epoch."""
        return [self.trainer.advance(on_step=on_step)]

    def save(self, path: Path, *, about: str) -> None:
        """Write everything that continuing needs."""
        self.trainer.save(path, about=about)

    def load(self, path: Path, *, about: str) -> None:
        """Continue from what `save` wrote."""
        self.trainer.load(path, about=about)

    def save_best(self, path: Path, *, about: str) -> None:
        """Write the best parameters, as `trained_network` reads them."""
        settings = self.trainer.settings
        prefix = member_name(settings.seed, settings.learning_rate)
        best = {f"{prefix}/{name}": tensor.cpu() for name, tensor in self.trainer.best.items()}
        save_tensors(path, best, about=about)


def trained_network(
    settings: RunSettings,
    image_shape: tuple[int, int, int],
    n_classes: int,
    tensors: Mapping[str, Tensor],
    source: Path,
) -> nn.Module:
    """The network with the best parameters that `NetworkTrajectory.save_best` wrote.

    Raises:
        UserError: If they belong to another architecture.
    """
    model = network_of(settings, image_shape, n_classes)
    prefix = f"{member_name(settings.seed, settings.learning_rate)}/"
    weights = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
    load_weights(model, weights, source)
    return model
