"""Trains small networks and writes what came out as JSON; alone, or as one of torchrun's ranks.

torchrun --nproc-per-node 2 two_ranks.py FILE KIND…
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from retroprop.models.catalog import build
from retroprop.training.image_sets import ImageSet
from retroprop.training.ranks import Ranks, joined_ranks
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer

SHAPE = (3, 8, 8)


def model_of(kind: str) -> nn.Module:
    """The same initial weights in every process."""
    torch.manual_seed(1)
    if kind == "batch-norm":
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4)
        )
    if kind == "cnn":
        return build(kind, SHAPE, 4, {"n_channels": (4, 6), "dense_hiddens": (8,)})
    return build(kind, SHAPE, 4, {"patch_size": 4, "embed_dim": 8, "num_blocks": 1})


def images() -> ImageSet:
    """31 images in minibatches of 15: shares differ in size, and the last has one image for two."""
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        images=torch.randn(31, *SHAPE, generator=generator),
        labels=torch.arange(31) % 4,
        n_classes=4,
    )


def train(kind: str, ranks: Ranks) -> dict[str, object]:
    """Losses, gradient norms and parameters of a short training."""
    settings = RunSettings(
        epochs=2,
        batch_size=15,
        optimizer="momentum",
        learning_rate=0.05,
        augmentation="flip-crop",
        clip_norm=1.0,
        train_metrics="running" if kind == "cnn" else "evaluated",
    )
    trainer = Trainer(model_of(kind), images(), images().first(1), settings, ranks=ranks)
    history = trainer.fit()
    return {
        "state": {name: t.tolist() for name, t in trainer.model.state_dict().items()},
        "losses": [(epoch.train_loss, epoch.validation_loss) for epoch in history],
        "accuracies": [epoch.train_accuracy for epoch in history],
        "norms": [epoch.gradient_norm for epoch in history[1:]],
    }


def main(file: Path, kinds: list[str]) -> None:
    """One process group for all kinds: starting it takes longer than training."""
    torch.set_num_threads(1)
    with joined_ranks("cpu") as ranks:
        results = {kind: train(kind, ranks) for kind in kinds}
        if ranks.first:
            file.write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
