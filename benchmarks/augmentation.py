"""The training images of CIFAR-10: batched augmentation against a DataLoader, image by image.

Both give minibatches of 128 images in a random order, each image in its own random resized crop
(scale 0.8–1, ratio 0.9–1.1), mirrored or not, and normalised; float32, one thread for each process.

- theirs: what torchvision does to the pictures of its `CIFAR10`, written with the same calls to
  Pillow and torch (it is not installed): `RandomResizedCrop`, `RandomHorizontalFlip`, `ToTensor`,
  `Normalize`; torch's DataLoader with 0 and with 2 workers (warm before the clock runs);
- ours: `retroprop.training.augmentation`, from a set that was normalised once (float32); eight
  minibatches at a time, one at a time, and one at a time from a set that stays uint8.

The same crops are also made in the two ways that were left out: `grid_sample`, and two batches of
matrix products, each eight minibatches at a time.

The pixels are random: no operation depends on their values. The sides take turns, round by round; a
ratio compares the same round, and is above 1 where ours is faster. Processor seconds are compared
too, where one process does it all: they do not depend on what else the machine does at the time.
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
AT_A_TIME = 8 * BATCH
SIDE = 32
AUGMENTATION = Augmentation()

Batches = Callable[[], Iterator[tuple[Tensor, Tensor]]]
"""Images and labels."""


class PerImage(Dataset):
    """One picture at a time, with the calls that torchvision's CIFAR10 and transforms make."""

    def __init__(self, images: np.ndarray, labels: list[int]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = random_resized_crop(Image.fromarray(self.images[index]))
        if torch.rand(1) < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return normalized(to_tensor(picture)), self.labels[index]


def random_resized_crop(picture: Image.Image) -> Image.Image:
    """`RandomResizedCrop`: `get_params`, crop, resize."""
    top, left, height, width = box_of_one_image(picture)
    picture = picture.crop((left, top, left + width, top + height))
    return picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


def box_of_one_image(picture: Image.Image) -> tuple[int, int, int, int]:
    """Top, left, height, width."""
    whole_width, whole_height = picture.size
    area = whole_height * whole_width
    log_ratio = torch.log(torch.tensor(AUGMENTATION.crop_ratio))
    for _ in range(10):
        target = area * torch.empty(1).uniform_(*AUGMENTATION.crop_scale).item()
        low, high = log_ratio[0], log_ratio[1]
        ratio = torch.exp(torch.empty(1).uniform_(low, high)).item()  # pyright: ignore
        width, height = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < width <= whole_width and 0 < height <= whole_height:
            top = int(torch.randint(0, whole_height - height + 1, size=(1,)).item())
            left = int(torch.randint(0, whole_width - width + 1, size=(1,)).item())
            return top, left, height, width
    return 0, 0, whole_height, whole_width


def to_tensor(picture: Image.Image) -> Tensor:
    """`ToTensor`."""
    pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
    pixels = pixels.view(picture.size[1], picture.size[0], 3)
    return pixels.permute((2, 0, 1)).contiguous().to(torch.float32).div(255)


def normalized(image: Tensor) -> Tensor:
    """`Normalize`, which copies the image and looks at the deviations each time."""
    image = image.clone()
    mean = torch.as_tensor(CIFAR10_MEAN, dtype=image.dtype, device=image.device)
    std = torch.as_tensor(CIFAR10_STD, dtype=image.dtype, device=image.device)
    if (std == 0).any():
        raise ValueError("std must not be 0")
    return image.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


def in_batches(
    labels: Tensor, make: Callable[[Tensor], Tensor], at_a_time: int = AT_A_TIME
) -> Batches:
    """Minibatches of `make(indices)` in a random order, so many images at a time."""
    stream = torch.Generator().manual_seed(0)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for indices in torch.randperm(len(labels), generator=stream).split(at_a_time):
            yield from zip(make(indices).split(BATCH), labels[indices].split(BATCH), strict=True)

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


def images_per_s(batches: Batches) -> tuple[float, float]:
    """By the clock, and per second of this process on a processor."""
    started, worked = time.perf_counter(), time.process_time()
    n = sum(len(labels) for _, labels in batches())
    return n / (time.perf_counter() - started), n / (time.process_time() - worked)


def loader(images: np.ndarray, labels: Tensor, workers: int) -> Batches:
    loads = DataLoader(
        PerImage(images, labels.tolist()),
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
    pixels = np.random.default_rng(0).integers(0, 256, (25_600, SIDE, SIDE, 3), dtype=np.uint8)
    as_bytes = torch.from_numpy(pixels)
    labels = torch.arange(len(pixels)) % 10
    as_floats = normalize(as_bytes, CIFAR10_MEAN, CIFAR10_STD)
    check_equal(as_floats)
    stream = torch.Generator().manual_seed(0)
    few = slice(20 * BATCH)
    sides: dict[str, Batches] = {
        "ours": in_batches(
            labels, lambda indices: AUGMENTATION(as_floats, stream, indices=indices)
        ),
        "ours_one_at_a_time": in_batches(
            labels, lambda indices: AUGMENTATION(as_floats, stream, indices=indices), BATCH
        ),
        "ours_uint8": in_batches(
            labels,
            lambda indices: AUGMENTATION(
                normalize(as_bytes[indices], CIFAR10_MEAN, CIFAR10_STD), stream
            ),
            BATCH,
        ),
        "grid_sample": in_batches(
            labels, lambda indices: by_grid_sample(as_floats, indices, stream)
        ),
        "matrix_products": in_batches(
            labels, lambda indices: by_matrix_products(as_floats, indices, stream)
        ),
        "loader_0_workers": loader(pixels[few], labels[few], 0),
        "loader_2_workers": loader(pixels[few], labels[few], 2),
    }
    for batches in sides.values():
        images_per_s(batches)  # starts the workers
    speeds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        for side in list(sides) if number % 2 == 0 else reversed(sides):
            speeds[side].append(images_per_s(sides[side]))
    record: dict[str, list[float]] = {}
    for side, of_side in speeds.items():
        by_clock = [clock for clock, _ in of_side]
        record[f"{side}_images_per_s"] = by_clock
        say(f"{side}: {statistics.median(by_clock):,.0f} images/s")
        for at, kind in enumerate(("ratio", "processor_ratio")):
            in_workers = side == "loader_2_workers" and kind == "processor_ratio"
            if side == "ours" or in_workers:
                continue
            pairs = zip(speeds["ours"], of_side, strict=True)
            ratios = [ours[at] / other[at] for ours, other in pairs]
            record[f"{kind}_to_{side}"] = ratios
            asked = " (asked: 20)" if side.startswith("loader") else ""
            say(f"  ours / {side}, {kind.replace('_', ' ')}: {spread(ratios)}{asked}")
    keep("augmentation", {"batch_size": BATCH, **record})


if __name__ == "__main__":
    main()
