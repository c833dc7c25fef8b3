"""What data sets there are: names, shapes, classes, licences and the checksums of their bytes.

A checksum is the SHA-256 of a *decoded* array (uint8, C order; images `(n, height, width[, 3])`,
labels `(n,)`), so it does not depend on the container the bytes came in: the official archives,
a mirror's PNG files and our own cache must all give the same four numbers.

Sources: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747 (Fashion-MNIST); LeCun, Bottou, Bengio
and Haffner (1998), Proc. IEEE 86(11) (MNIST); Krizhevsky (2009), Learning Multiple Layers of
Features from Tiny Images (CIFAR-10).
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from retroprop.errors import UserError, did_you_mean

Arrays = dict[str, np.ndarray]
"""The four decoded arrays of a data set, keyed by the names in `ARRAY_NAMES`."""

OWN = ("folder", "npz")
"""How the names of data sets of one's own begin, before a colon."""

ARRAY_NAMES = ("train_images", "train_labels", "test_images", "test_labels")

CIFAR10_MEAN = (0.49139968, 0.48215841, 0.44653091)
"""Mean of each channel (red, green, blue) over the 50,000 training images, pixels in [0, 1]."""

CIFAR10_STD = (0.24703223, 0.24348513, 0.26158784)
"""Standard deviation of each channel over the same images and pixels (dividing by n)."""


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """All we know about a data set before opening it."""

    name: str
    title: str
    image_shape: tuple[int, ...]  # (height, width) in grey or (height, width, 3) in colour
    n_train: int
    n_test: int
    classes: tuple[str, ...]
    classes_fr: tuple[str, ...]
    download_bytes: int  # 0 when the data ships with the package
    licence: str
    licence_note: str
    citation: str
    sha256: Mapping[str, str] = field(hash=False)  # array name -> hex digest of its bytes
    bundled: bool
    light_on_dark: bool = False  # as a display shows digits, and not as a pen writes them

    @property
    def known(self) -> dict[str, Any]:
        """What a machine must be told of data that it cannot read itself, for JSON."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "image_shape": list(self.image_shape),
            "n_train": self.n_train,
            "n_test": self.n_test,
            "sha256": dict(self.sha256),
        }

    @property
    def checksum(self) -> str:
        """What identifies the data in a record: the published ones, or one's own and their classes.

        >>> find("fashion-mnist").checksum
        'aecc6c94b3b72d5f'
        """
        if not is_own(self.name):
            return joint_checksum(self.sha256)
        classes = "\n".join([joint_checksum(self.sha256), *self.classes])
        return hashlib.sha256(classes.encode()).hexdigest()[:16]

    def shape(self, array_name: str) -> tuple[int, ...]:
        """Return the shape of one of the four arrays.

        >>> find("cifar10").shape("test_images")
        (10000, 32, 32, 3)
        """
        n = self.n_train if array_name.startswith("train") else self.n_test
        return (n, *self.image_shape) if array_name.endswith("images") else (n,)

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of an image.

        >>> find("mnist").size
        (28, 28, 1)
        """
        height, width, *channels = self.image_shape
        return height, width, channels[0] if channels else 1

    @property
    def slug(self) -> str:
        """Its name where only letters, digits and hyphens can stand.

        >>> find("mnist").slug
        'mnist'
        """
        if self.name in CATALOG:
            return self.name
        return re.sub("[^a-z0-9]+", "-", self.title.lower()).strip("-")[:30] or "own"

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the four arrays together."""
        return sum(math.prod(self.shape(name)) for name in ARRAY_NAMES)

    def class_names(self, lang: str = "en") -> tuple[str, ...]:
        """Return the class names in English ("en") or French ("fr")."""
        if lang not in ("en", "fr"):
            raise UserError(f"lang is {lang!r}; use 'en' or 'fr'")
        return self.classes_fr if lang == "fr" else self.classes


def find(name: str) -> DatasetInfo:
    """Return the catalog entry called `name`.

    >>> find("mnist").n_train
    60000

    Raises:
        UserError: If there is none, with the nearest names.
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise UserError(f"unknown data set {name!r}. {did_you_mean(name, CATALOG)}") from None


def is_own(name: str) -> bool:
    """Whether a data set is one's own (`retroprop.data.own`), and not one of the catalog.

    >>> is_own("folder:photos"), is_own("mnist")
    (True, False)
    """
    kind, colon, _ = name.partition(":")
    return bool(colon) and kind in OWN


def sha256_of(array: np.ndarray) -> str:
    """Return the hex SHA-256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def joint_checksum(sha256: Mapping[str, str]) -> str:
    """Identify data in a record: 16 hex digits of the SHA-256 over the digests of the four arrays.

    Args:
        sha256: The hex digest of each array.
    """
    lines = "".join(f"{name} {sha256[name]}\n" for name in ARRAY_NAMES)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def check_arrays(info: DatasetInfo, arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Refuse arrays that are not exactly the published data.

    Returns:
        The hex SHA-256 of each array, as read.

    Raises:
        UserError: Naming the first array whose type, shape or checksum differs.
    """
    sha256 = {}
    for name in ARRAY_NAMES:
        array = arrays[name]
        if array.dtype != np.uint8 or array.shape != info.shape(name):
            raise UserError(
                f"{info.name} {name} should be uint8 {info.shape(name)}, "
                f"got {array.dtype} {array.shape}; get the files again"
            )
        sha256[name] = sha256_of(array)
        if sha256[name] != info.sha256[name]:
            raise UserError(f"{differs(info, name, sha256[name])}; get the files again")
    return sha256


def differs(info: DatasetInfo, name: str, digest: str) -> str:
    """Say that an array has another SHA-256 than the published one, as the start of a sentence."""
    return (
        f"{info.name} {name} should have the SHA-256 {info.sha256[name][:12]}…, "
        f"got {digest[:12]}…: the bytes differ from the published ones"
    )


_DIGITS = tuple("0123456789")

_CIFAR10 = DatasetInfo(
    name="cifar10",
    title="CIFAR-10",
    image_shape=(32, 32, 3),
    n_train=50_000,
    n_test=10_000,
    classes=(
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
    classes_fr=(
        "avion", "automobile", "oiseau", "chat", "cerf", "chien", "grenouille", "cheval",
        "bateau", "camion",
    ),
    download_bytes=170_052_171,
    licence="none stated",
    licence_note=(
        "redistributed by its authors without a stated licence; cite Krizhevsky (2009); "
        "https://www.cs.toronto.edu/~kriz/cifar.html"
    ),
    citation=(
        "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, "
        "technical report, University of Toronto, 2009"
    ),
    sha256={
        "train_images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test_images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
    bundled=False,
)  # fmt: skip

CATALOG: dict[str, DatasetInfo] = {
    "fashion-mnist": DatasetInfo(
        name="fashion-mnist",
        title="Fashion-MNIST",
        image_shape=(28, 28),
        n_train=60_000,
        n_test=10_000,
        classes=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
            "Bag", "Ankle boot",
        ),
        classes_fr=(
            "T-shirt/haut", "Pantalon", "Pull", "Robe", "Manteau", "Sandale", "Chemise", "Basket",
            "Sac", "Bottine",
        ),
        download_bytes=0,
        licence="MIT",
        licence_note="© 2017 Zalando SE; https://github.com/zalandoresearch/fashion-mnist",
        citation=(
            "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for "
            "Benchmarking Machine Learning Algorithms, arXiv:1708.07747, 2017"
        ),
        sha256={
            "train_images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "train_labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            "test_images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "test_labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
        bundled=True,
        light_on_dark=True,
    ),
    "mnist": DatasetInfo(
        name="mnist",
        title="MNIST",
        image_shape=(28, 28),
        n_train=60_000,
        n_test=10_000,
        classes=_DIGITS,
        classes_fr=_DIGITS,
        download_bytes=0,
        licence="CC BY-SA 3.0",
        licence_note=(
            "© Yann LeCun and Corinna Cortes; https://creativecommons.org/licenses/by-sa/3.0/"
        ),
        citation=(
            "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to "
            "Document Recognition, Proceedings of the IEEE 86(11), 1998"
        ),
        sha256={
            "train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        },
        bundled=True,
        light_on_dark=True,
    ),
    "cifar10": _CIFAR10,
    "cifar10-sample": replace(
        _CIFAR10,
        name="cifar10-sample",
        title="CIFAR-10 (a balanced sample)",
        n_train=2_000,
        n_test=500,
        download_bytes=0,
        sha256={
            "train_images": "4e5ac895e46a9b569a45d0220f845bd1c317a6bbb96ae905af26bf5b6ca10a16",
            "train_labels": "cc4c5aa56e0ea34249936cd7a5956a98ebba578dba9473e0684b0d70ce1161df",
            "test_images": "b130bd64837d7ea45dc3fbd2d32f1f70eda695648ee6ceacee1ee0a41dc4202a",
            "test_labels": "ef05233573cbaa3aef37039dda9546f3232a1e96050a39502b89413dc8c9e952",
        },
        bundled=True,
    ),
}  # fmt: skip
