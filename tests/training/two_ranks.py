"""Trains a small network and prints its parameters as JSON; alone, or as one of torchrun's ranks.

    torchrun --nproc-per-node 2 two_ranks.py KIND FILE
"""

import json
import sys
from pathlib import Path

import torch

from retroprop.models.build import build_model
from retroprop.models.resnet18 import ResNet18
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
    if kind == "resnet18":
        model = ResNet18(4, widths=(4, 4, 6, 6))
    else:
        options = {"patch_size": 4, "embedding": 8, "blocks": 1} if kind == "mlp-mixer" else {}
        model = build_model(kind, (8, 8, 3), 4, options)
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
