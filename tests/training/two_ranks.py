"""Trains a small network and prints its parameters as JSON; alone, or as one of torchrun's ranks.

torchrun --nproc-per-node 2 two_ranks.py KIND FILE
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from retroprop.models.catalog import build
from retroprop.training.augmentation import Augmentation
from retroprop.training.deep import DeepSettings, DeepTrainer
from retroprop.training.image_sets import ImageSet
from retroprop.training.ranks import joined_ranks


def main(kind: str, file: Path) -> None:
    """37 images, minibatches of 15: the ranks' shares differ in size."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = ImageSet(
        images=torch.randn(37, 3, 8, 8, generator=generator),
        labels=torch.arange(37) % 4,
        n_classes=4,
    )
    torch.manual_seed(1)
    if kind == "batch-norm":
        model = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4)
        )
    else:
        model = build(kind, (3, 8, 8), 4, {"patch_size": 4, "embed_dim": 8, "num_blocks": 1})
    settings = DeepSettings(
        epochs=2,
        batch_size=15,
        optimizer="momentum",
        learning_rate=0.05,
        augmentation=Augmentation(),
        clip_norm=1.0,
    )
    with joined_ranks("cpu") as ranks:
        trainer = DeepTrainer(model, images, images, settings, ranks=ranks)
        history = trainer.fit()
        if ranks.first:
            result = {
                "state": {k: t.tolist() for k, t in trainer.model.state_dict().items()},
                "losses": [epoch.train.loss for epoch in history],
                "norms": [epoch.gradient_norm for epoch in history[1:]],
            }
            file.write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
