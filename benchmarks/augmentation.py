"""The training images of CIFAR-10: batched augmentation against a DataLoader, image by image.

Both give minibatches of 128 images in a random order, each image in its own random resized crop
(scale 0.8–1, ratio 0.9–1.1), mirrored or not, and normalised; float32, one thread for each process.

- theirs: what torchvision's `Compose` does to the pictures of its `CIFAR10`, written with the same
  calls to Pillow and torch: `RandomResizedCrop`, `RandomHorizontalFlip`, `ToTensor`, `Normalize`;
  torch's DataLoader with 0 and with 2 workers (started, and warm, before the clock runs);
- ours: `retroprop.training.augmentation`, from a set that was normalised once (float32), and from
  one that stays uint8 and is normalised batch by batch.

The same crops are also made in the two ways that were left out: `grid_sample`, and two batches of
matrix products.

The pixels are random: no operation depends on their values. The sides take turns, round by round; a
ratio compares the same round, and is above 1 where ours is faster.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.studies.worker import prepare_thread
from retroprop.training.augmentation import (
    CIFAR10_MEAN,
    CIFAR10_STD,
    Augmentation,
    _positions,
    normalize,
)

BATCH = 128
SIDE = 32
AUGMENTATION = Augmentation()

Batches = Callable[[], Iterator[Tensor]]


class PerImage(Dataset):
    """One picture at a time, with the operations of torchvision's transforms."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.mean = torch.tensor(CIFAR10_MEAN).view(-1, 1, 1)
        self.std = torch.tensor(CIFAR10_STD).view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        picture = Image.fromarray(self.images[index])
        top, left, height, width = box_of_one_image()
        picture = picture.crop((left, top, left + width, top + height))
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        if torch.rand(1) < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
        return pixels.to(torch.float32).div(255).sub_(self.mean).div_(self.std)


def box_of_one_image() -> tuple[int, int, int, int]:
    """Top, left, height, width, as `RandomResizedCrop.get_params` draws them."""
    low, high = torch.log(torch.tensor(AUGMENTATION.crop_ratio)).tolist()
    for _ in range(10):
        area = SIDE * SIDE * torch.empty(1).uniform_(*AUGMENTATION.crop_scale).item()
        ratio = torch.exp(torch.empty(1).uniform_(low, high)).item()
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= SIDE and 0 < height <= SIDE:
            top = int(torch.randint(0, SIDE - height + 1, size=(1,)).item())
            left = int(torch.randint(0, SIDE - width + 1, size=(1,)).item())
            return top, left, height, width
    return 0, 0, SIDE, SIDE


def in_batches(n: int, make: Callable[[Tensor], Tensor]) -> Batches:
    """Minibatches of `make(indices)` in a random order."""
    stream = torch.Generator().manual_seed(0)

    def batches() -> Iterator[Tensor]:
        for indices in torch.randperm(n, generator=stream).split(BATCH):
            yield make(indices)

    return batches


def by_grid_sample(images: Tensor, indices: Tensor, stream: torch.Generator) -> Tensor:
    x, y = sampling_positions(len(indices), stream)
    x, y = (2 * x + 1) / SIDE - 1, (2 * y + 1) / SIDE - 1
    shape = (len(indices), SIDE, SIDE)
    grid = torch.stack((x[:, None, :].expand(shape), y[:, :, None].expand(shape)), -1)
    return F.grid_sample(images[indices], grid, align_corners=False, padding_mode="border")


def by_matrix_products(images: Tensor, indices: Tensor, stream: torch.Generator) -> Tensor:
    pixels = torch.arange(SIDE)
    A_x, A_y = (
        (1 - (at[:, :, None] - pixels).abs_()).clamp_min_(0)
        for at in sampling_positions(len(indices), stream)
    )
    return A_y[:, None] @ (images[indices] @ A_x[:, None].mT)


def sampling_positions(batch: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    crops = AUGMENTATION.draw(batch, SIDE, SIDE, generator=stream)
    x = _positions(crops.corner[1], crops.size[1], SIDE)
    x = torch.where(crops.mirrored[:, None], x.flip(1), x)
    return x, _positions(crops.corner[0], crops.size[0], SIDE)


def check_equal(images: Tensor) -> None:
    """Stop when the three ways do not give the same pictures."""
    indices = torch.arange(BATCH)
    made = AUGMENTATION(images, torch.Generator().manual_seed(1), indices=indices)
    for other in (by_grid_sample, by_matrix_products):
        difference = (other(images, indices, torch.Generator().manual_seed(1)) - made).abs().max()
        if difference > 1e-4:
            raise SystemExit(f"{other.__name__} differs by {difference:.1e}: a wrong benchmark")


def images_per_s(batches: Batches) -> float:
    started = time.perf_counter()
    n = sum(len(batch) for batch in batches())
    return n / (time.perf_counter() - started)


def loader(images: np.ndarray, workers: int) -> Batches:
    loads = DataLoader(
        PerImage(images),
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=lambda _: torch.set_num_threads(1),
    )
    return lambda: iter(loads)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=9)
    arguments = parser.parse_args()
    prepare_thread()
    pixels = np.random.default_rng(0).integers(0, 256, (51_200, SIDE, SIDE, 3), dtype=np.uint8)
    as_bytes = torch.from_numpy(pixels)
    as_floats = normalize(as_bytes, CIFAR10_MEAN, CIFAR10_STD)
    check_equal(as_floats)
    stream = torch.Generator().manual_seed(0)
    few = pixels[: 20 * BATCH]
    sides: dict[str, Batches] = {
        "ours": in_batches(
            len(pixels), lambda indices: AUGMENTATION(as_floats, stream, indices=indices)
        ),
        "ours_uint8": in_batches(
            len(pixels),
            lambda indices: AUGMENTATION(
                normalize(as_bytes[indices], CIFAR10_MEAN, CIFAR10_STD), stream
            ),
        ),
        "grid_sample": in_batches(
            len(pixels), lambda indices: by_grid_sample(as_floats, indices, stream)
        ),
        "matrix_products": in_batches(
            len(pixels), lambda indices: by_matrix_products(as_floats, indices, stream)
        ),
        "loader_0_workers": loader(few, 0),
        "loader_2_workers": loader(few, 2),
    }
    for batches in sides.values():
        images_per_s(batches)  # starts the workers
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        for side in list(sides) if number % 2 == 0 else reversed(sides):
            speeds[side].append(images_per_s(sides[side]))
    record: dict[str, list[float]] = {}
    for side, of_side in speeds.items():
        record[f"{side}_images_per_s"] = of_side
        say(f"{side}: {statistics.median(of_side):,.0f} images/s")
        if side != "ours":
            ratios = [ours / other for ours, other in zip(speeds["ours"], of_side, strict=True)]
            record[f"ratio_to_{side}"] = ratios
            asked = " (asked: 20)" if side.startswith("loader") else ""
            say(f"  ours / {side}: {spread(ratios)}{asked}")
    keep("augmentation", {"batch_size": BATCH, **record})


if __name__ == "__main__":
    main()
