"""Training steps of ResNet-18 and the MLP-Mixer: the trainer against a plain PyTorch loop.

Both make the same number of steps of AdamW on the same images of 3 × 32 × 32, on one thread, taking
turns. The plain loop is what a tutorial has: float32, contiguous memory, the optimizer's defaults,
images in memory. Ours is measured twice: in float32 with all that belongs to it (gradient norm,
running metrics), and with what the studies use (bfloat16, and channels last for the ResNet). Above
1: ours is faster.
"""

import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.models.catalog import build
from retroprop.studies.worker import prepare_thread
from retroprop.training.image_sets import ImageSet
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer

MODELS = {"resnet18": {}, "mlp-mixer": {"patch_size": 4, "embed_dim": 256, "num_blocks": 4}}
BATCH_SIZE, STEPS = 64, 2


def main() -> None:
    arguments = arguments_of(__doc__).parse_args()
    prepare_thread()
    generator = torch.Generator().manual_seed(0)
    images = ImageSet(
        images=torch.randn(BATCH_SIZE * STEPS, 3, 32, 32, generator=generator),
        labels=torch.randint(0, 10, (BATCH_SIZE * STEPS,), generator=generator),
        n_classes=10,
    )
    rows = {}
    for name in MODELS:
        ways = {
            "plain": plain(name, images),
            "ours, float32": ours(name, images, precision="float32"),
            "ours": ours(name, images, precision="bfloat16"),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for way in ways.values():
            way()  # the first call allocates
        for _ in range(arguments.rounds):
            for way, run in ways.items():
                started = time.perf_counter()
                run()
                taken[way].append(time.perf_counter() - started)
        rows[name] = {}
        for way in ("ours, float32", "ours"):
            ratios = [a / b for a, b in zip(taken["plain"], taken[way], strict=True)]
            best = BATCH_SIZE * STEPS / min(taken[way])
            rows[name][way] = {"ratio": spread(ratios), "images_per_s": round(best, 1)}
            say(f"{name}, {way}: {spread(ratios)} times the plain loop, {best:.0f} images/s")
        plain_best = BATCH_SIZE * STEPS / min(taken["plain"])
        rows[name]["plain_images_per_s"] = round(plain_best, 1)
        say(f"{name}, plain: {plain_best:.0f} images/s")
    keep("deep_steps", rows)


def plain(name: str, images: ImageSet) -> Callable[[], None]:
    """A tutorial's loop over the minibatches."""
    model: nn.Module = build(name, (3, 32, 32), 10, MODELS[name], seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run() -> None:
        model.train()
        for x, y in zip(
            images.images.split(BATCH_SIZE), images.labels.split(BATCH_SIZE), strict=True
        ):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return run


def ours(
    name: str, images: ImageSet, *, precision: Literal["float32", "bfloat16"]
) -> Callable[[], None]:
    """An epoch of the trainer."""
    settings = RunSettings(
        epochs=1000,
        batch_size=BATCH_SIZE,
        optimizer="adamw",
        learning_rate=1e-4,
        weight_decay=0.01,
        precision=precision,
        channels_last=name == "resnet18",
    )
    model = build(name, (3, 32, 32), 10, MODELS[name], seed=0)
    trainer = Trainer(model, images, images, settings)
    return lambda: void(trainer.train_epoch(1))


def void(_: object) -> None:
    """Drop a result."""


if __name__ == "__main__":
    main()
