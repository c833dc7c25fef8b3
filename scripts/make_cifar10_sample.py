"""Make the CIFAR-10 sample that ships with the package, from the full decoded data set.

The first 200 training and the first 50 test images of each class, kept in official order, so
that anyone who holds CIFAR-10 can rebuild the same files and see the same checksums:

    retroprop data fetch cifar10
    python scripts/make_cifar10_sample.py --output src/retroprop/data/bundled/cifar10-sample

Images are a PNG strip: one image per row, its 32 x 32 pixels laid out row by row (1,024 pixels).
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from retroprop.data import load

TRAIN_PER_CLASS = 200
TEST_PER_CLASS = 50


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Return the positions of the first `per_class` images of every class, in official order."""
    positions = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(positions))


def write_split(output: Path, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Write one strip and its labels, and print the checksums for the catalog."""
    strip = images.reshape(len(images), 32 * 32, 3)  # (image, pixel, channel)
    Image.fromarray(strip).save(output / f"{split}-images.png", optimize=True)
    (output / f"{split}-labels.json").write_text(json.dumps(labels.tolist()) + "\n")
    for kind, array in (("images", images), ("labels", labels)):
        digest = hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
        print(f"{split}_{kind}: {digest}")


def main() -> None:
    """Read the full data from the cache and write the four files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    full = load("cifar10")
    train = first_of_each_class(full.train_labels, TRAIN_PER_CLASS)
    test = first_of_each_class(full.test_labels, TEST_PER_CLASS)
    write_split(output, "train", full.train_images[train], full.train_labels[train])
    write_split(output, "test", full.test_images[test], full.test_labels[test])


if __name__ == "__main__":
    main()
