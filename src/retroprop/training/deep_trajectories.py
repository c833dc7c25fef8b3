"""One network of a study on its way through its epochs: what `Trajectory` is for a population.

The worker of a study treats both alike: metrics and best epochs are (1, 1) tensors, one seed and
one learning rate.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retroprop.models.architectures import parse_architecture
from retroprop.models.build import build_model
from retroprop.training.augmentation import Augmentation
from retroprop.training.checkpoints import save_tensors
from retroprop.training.deep import DeepEpoch, DeepSettings, DeepTrainer, Scores, load_weights
from retroprop.training.image_sets import ImageSet
from retroprop.training.populations import Evaluation
from retroprop.training.trajectories import EpochResult, member_name


class DeepTrajectory:
    """A trainer, seen as a population of one."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        seed: int,
        epochs: int,
        train: ImageSet,
        validation: ImageSet,
        device: torch.device,
    ) -> None:
        """Prepare the untrained network from the settings of a run."""
        self.seed, self.rate = seed, settings["learning_rate"]
        self.trainer = DeepTrainer(
            model_of(settings, train.image_shape, train.n_classes, seed=seed),
            train,
            validation,
            deep_settings(settings, seed=seed, epochs=epochs),
            device=device,
        )

    @property
    def epoch(self) -> int:
        """The last finished epoch."""
        return self.trainer.epoch

    @property
    def done(self) -> bool:
        """Whether no epoch is left to make."""
        return self.trainer.done

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(p.numel() for p in self.trainer.model.parameters())

    @property
    def best_epoch(self) -> Tensor:
        """The epoch of the best validation accuracy, or -1."""
        return torch.tensor([[self.trainer.best_epoch]])

    @property
    def best_accuracy(self) -> Tensor:
        """The best validation accuracy."""
        return _one(self._best.accuracy)

    @property
    def best_loss(self) -> Tensor:
        """The validation loss of the best epoch."""
        return _one(self._best.loss)

    @property
    def diverged_epoch(self) -> Tensor:
        """The epoch whose numbers were not finite, or -1."""
        at = self.trainer.diverged_epoch
        return torch.tensor([[-1 if at is None else at]])

    def advance(self, *, on_step: Callable[[int], None] = lambda _: None) -> EpochResult:
        """Make the next epoch."""
        result = self.trainer.advance(on_step=on_step)
        return EpochResult(
            epoch=result.epoch,
            train=_evaluation(result.train),
            validation=_evaluation(result.validation),
            train_s=result.train_s,
            evaluate_s=result.evaluate_s,
            gradient_norm=None if result.gradient_norm is None else _one(result.gradient_norm),
        )

    def save(self, path: Path, *, about: str) -> None:
        """Write everything that continuing needs."""
        self.trainer.save(path, about=about)

    def load(self, path: Path, *, about: str) -> None:
        """Continue from what `save` wrote."""
        self.trainer.load(path, about=about)

    def save_best(self, path: Path, *, about: str) -> None:
        """Write the best parameters, as `member_weights` reads them."""
        prefix = member_name(self.seed, self.rate)
        best = {f"{prefix}/{name}": tensor.cpu() for name, tensor in self.trainer.best.items()}
        save_tensors(path, best, about=about)

    @property
    def _best(self) -> Scores:
        history: list[DeepEpoch] = self.trainer.history
        at = self.trainer.best_epoch
        return history[at].validation if at >= 0 else Scores(loss=torch.inf, accuracy=-1.0)


def trained_model(
    settings: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    n_classes: int,
    tensors: Mapping[str, Tensor],
    *,
    seed: int,
    source: Path,
) -> nn.Module:
    """The network with the best parameters that `DeepTrajectory.save_best` wrote.

    Raises:
        UserError: If they belong to another architecture.
    """
    model = model_of(settings, image_shape, n_classes, seed=seed)
    prefix = f"{member_name(seed, settings['learning_rate'])}/"
    weights = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
    load_weights(model, weights, source)
    return model


def model_of(
    settings: Mapping[str, Any], image_shape: tuple[int, int, int], n_classes: int, *, seed: int
) -> nn.Module:
    """The untrained network that the settings of a run describe."""
    kind, options = settings["kind"], {}
    if kind == "network":
        architecture = parse_architecture(settings["architecture"])
        kind = architecture.kind
        options = {**architecture.options, "activation": settings["activation"]}
        if kind == "mlp":
            options["initialization"] = settings["initialization"]
    elif kind == "mlp-mixer":
        names = ("patch_size", "embedding", "blocks", "drop_rate", "activation")
        options = {name: settings[name] for name in names}
    return build_model(kind, image_shape, n_classes, options, seed=seed)


def deep_settings(settings: Mapping[str, Any], *, seed: int, epochs: int) -> DeepSettings:
    """What the trainer wants to know of a run's settings."""
    same = (
        "batch_size",
        "optimizer",
        "learning_rate",
        "momentum",
        "weight_decay",
        "schedule",
        "clip_norm",
        "loss",
        "label_smoothing",
        "shuffle",
        "precision",
        "train_metrics",
        "patience",
    )
    return DeepSettings(
        **{name: settings[name] for name in same},
        augmentation=Augmentation() if settings["augmentation"] == "flip-crop" else None,
        channels_last=settings["kind"] == "resnet18" or _is_cnn(settings),
        epochs=epochs,
        seed=seed,
    )


def _is_cnn(settings: Mapping[str, Any]) -> bool:
    return settings["kind"] == "network" and bool(
        parse_architecture(settings["architecture"]).channels
    )


def _evaluation(scores: Scores) -> Evaluation:
    return Evaluation(loss=_one(scores.loss), accuracy=_one(scores.accuracy))


def _one(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)
