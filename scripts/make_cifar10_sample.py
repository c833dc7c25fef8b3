"""Make the CIFAR-10 sample that ships with the package, from the full data set.

The first 200 training and the first 50 test images of each class, kept in official order, so
that anyone who holds CIFAR-10 (here in FOLDER, as an archive or unpacked) can rebuild the same
arrays and see the same checksums:

    python scripts/make_cifar10_sample.py --from FOLDER

Images are a PNG strip: one image per row, its 32 x 32 pixels laid out row by row (1,024 pixels).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from retroprop.data.catalog import check_arrays, find, sha256_of
from retroprop.data.cifar import decode_folder

TRAIN_PER_CLASS = 200
TEST_PER_CLASS = 50
BUNDLED = Path(__file__).parents[1] / "src/retroprop/data/bundled/cifar10-sample"


def main() -> None:
    """Decode and check the full data, and write the four files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=BUNDLED)
    arguments = parser.parse_args()
    full, _ = decode_folder(arguments.folder)
    check_arrays(find("cifar10"), full)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for split, per_class in (("train", TRAIN_PER_CLASS), ("test", TEST_PER_CLASS)):
        images, labels = full[f"{split}_images"], full[f"{split}_labels"]
        chosen = first_of_each_class(labels, per_class)
        write_split(arguments.output, split, images[chosen], labels[chosen])


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Return the positions of the first `per_class` images of every class, in official order."""
    positions = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(positions))


def write_split(output: Path, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Write one strip and its labels, and print the checksums for the catalog."""
    strip = images.reshape(len(images), 32 * 32, 3)  # (image, pixel, channel)
    Image.fromarray(strip).save(output / f"{split}.png", optimize=True)
    (output / f"{split}-labels.json").write_text(json.dumps(labels.tolist()) + "\n")
    for kind, array in (("images", images), ("labels", labels)):
        print(f"{split}_{kind}: {sha256_of(array)}")


if __name__ == "__main__":
    main()
