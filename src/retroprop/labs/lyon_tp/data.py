"""MNIST as the document describes it, and the order in which the examples are presented.

    ((train_images, train_labels), (test_images, test_labels)) = load_data()

Images are rows of 784 pixels from 0 (black) to 1 (white), labels are one-hot rows of 10, all
float32. Without a path they come from this package. With a path they are read from a file of that
structure, such as the course's mnist.pkl.gz: a pickle, of Python 2 or 3, or a file of `torch.save`,
gzipped or not; the mnist.npz of Keras is read too. A pickle is a program; here it is read by
`retroprop.data.safe_pickle` and `safe_torch`, which run nothing and accept only arrays, tensors and
containers.

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), section 4.
"""

import gzip
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from retroprop.data import load
from retroprop.data.bounded import Bounded
from retroprop.data.file_kinds import kind_of
from retroprop.data.minibatches import epoch_order
from retroprop.data.safe_npz import is_npz, read_npz
from retroprop.data.safe_pickle import read_pickle
from retroprop.data.safe_torch import is_torch_file, read_torch_file
from retroprop.errors import UserError, in_short
from retroprop.files import replace_file

PIXELS, CLASSES = 784, 10

Examples = tuple[np.ndarray, np.ndarray]
"""Images (n, 784) and one-hot labels (n, 10), both float32."""

_LARGEST = 2**29  # bytes; MNIST in float64 is 445 million
_MOST = 150_000  # images in a part; MNIST has 70,000 in all
_KERAS = ("x_train", "y_train", "x_test", "y_test")  # the arrays of mnist.npz


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Examples, Examples]:
    """The training examples and the test examples.

    Args:
        path: A pickle of ((images, labels), (images, labels)), or what torch.save made of it,
            gzipped or not, or Keras's mnist.npz; None for the MNIST of this package. Images may be
            (n, 784) or (n, 28, 28), whole numbers 0–255 or fractions 0–1; labels one-hot or the
            digits themselves. A file of three parts, as deeplearning.net had it, is taken as
            training, validation and test set, and the first two are joined.

    Raises:
        UserError: If the file is missing, is no such file, or asks for anything but arrays.
    """
    if path is None:
        mnist = load("mnist")
        return (
            _examples(mnist.train_images, mnist.train_labels, "the training set"),
            _examples(mnist.test_images, mnist.test_labels, "the test set"),
        )
    path = Path(path)
    parts = _parts(_read(path), path.name)
    names = [f"part {i} of {path.name}" for i in range(1, len(parts) + 1)]
    read = [_examples(*part, name) for part, name in zip(parts, names, strict=True)]
    if len(read) == 3:
        (x, t), (more_x, more_t), test = read
        return (np.concatenate((x, more_x)), np.concatenate((t, more_t))), test
    return read[0], read[1]


def save_data(path: str | os.PathLike[str], data: tuple[Examples, Examples] | None = None) -> None:
    """Write a file that `load_data`, and scripts that call `pickle.load` themselves, can read.

    Args:
        path: Where to; gzipped when it ends with .gz. A file that is there is replaced.
        data: What to write; None for the MNIST of this package (22 MB gzipped).

    Raises:
        UserError: If it cannot be written there.
    """
    path = Path(path)
    raw = pickle.dumps(load_data() if data is None else data, protocol=4)
    if path.suffix == ".gz":
        raw = gzip.compress(raw, compresslevel=1)
    try:
        replace_file(path, raw)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {in_short(error)}; give a path in a folder of yours."
        ) from error


def presentations(n_examples: int, steps: int, *, seed: int) -> Int[Tensor, "steps"]:
    """Which example is presented at each step: all of them once, in a new order, and so on.

    Args:
        n_examples: How many examples there are, from 1.
        steps: How many presentations are wanted.
        seed: Fixes all the orders; they are those of the library's studies.

    >>> order = presentations(3, 7, seed=0)
    >>> sorted(order[:3].tolist()), sorted(order[3:6].tolist()), len(order)
    ([0, 1, 2], [0, 1, 2], 7)
    """
    epochs = range(1, -(-steps // n_examples) + 1)
    orders = [epoch_order(n_examples, seed=seed, epoch=epoch) for epoch in epochs]
    return torch.cat(orders)[:steps] if orders else torch.empty(0, dtype=torch.int64)


# --- reading -------------------------------------------------------------------------------------


def _read(path: Path) -> Any:
    """The object in a file, gzipped or not."""
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            bounded = Bounded(
                gzip.GzipFile(fileobj=file) if gzipped else file,
                limit=_LARGEST,
                too_long=f"{path.name} should hold MNIST, less than {_LARGEST:,} bytes unpacked, "
                "and holds more; get the file again.",
                unreadable=f"cannot read {path}: {{error}}; get the file again.",
            )
            return _object_in(io.BufferedReader(bounded), path.name, gzipped=gzipped)
    except FileNotFoundError:
        raise UserError(
            f"there is no file {path}; leave the path out to use the MNIST of this package."
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {in_short(error)}; get the file again.") from error


def _object_in(file: io.BufferedReader, name: str, *, gzipped: bool) -> Any:
    """The object in an unpacked file, by the reader of its format."""
    start = file.peek(512)[:512]
    if not is_torch_file(start):
        kind = kind_of(start)
        if kind is None:
            return read_pickle(file, name=name)
    else:
        raw = file.read()
        if is_npz(raw):
            return _of_keras(read_npz(raw, name=name), name)
        if not start.startswith(b"PK") or b"data.pkl" in raw:
            return read_torch_file(raw, name=name)
        kind = "a zip archive of other files"
    raise UserError(
        f"{name} {'unpacks to' if gzipped else 'is'} {kind}, and should be a pickle of "
        "((train_images, train_labels), (test_images, test_labels)), a file of torch.save or "
        "Keras's mnist.npz; leave the path out to use the MNIST of this package."
    )


def _of_keras(arrays: dict[str, np.ndarray], name: str) -> Any:
    """The structure of the document from the arrays of mnist.npz."""
    if missing := [key for key in _KERAS if key not in arrays]:
        raise UserError(
            f"{name} should hold the arrays {', '.join(_KERAS)} of Keras's mnist.npz, and lacks "
            f"{', '.join(missing)}; save_data writes a file that can be read."
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in _KERAS)
    return (x_train, y_train), (x_test, y_test)


def _parts(value: Any, name: str) -> list[tuple[Any, Any]]:
    """The two or three pairs (images, labels) of a file."""

    def is_pair(part: Any) -> bool:
        return isinstance(part, tuple | list) and len(part) == 2

    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        arrived = f"{len(value)} parts" if isinstance(value, tuple | list) else _kind(value)
    elif not all(map(is_pair, value)):
        arrived = "a part that is " + _kind(next(p for p in value if not is_pair(p)))
    else:
        return [(images, labels) for images, labels in value]
    raise UserError(
        f"{name} should hold ((train_images, train_labels), (test_images, test_labels)), and "
        f"holds {arrived}; save_data writes a file of that structure."
    )


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _examples(images: Any, labels: Any, name: str) -> Examples:
    """Checked images in [0, 1] and one-hot labels, new arrays of float32."""
    x, t = _images(images, name), _one_hot(labels, name)
    if len(x) != len(t):
        raise UserError(
            f"{name} should have one label per image, and has {len(x)} images and {len(t)} labels."
        )
    return x, t


def _images(images: Any, name: str) -> np.ndarray:
    """(n, 784) in [0, 1]."""
    x = _numbers(images, f"the images of {name}")
    if x.shape[1:] not in ((PIXELS,), (28, 28)) or not len(x):
        raise UserError(
            f"the images of {name} should have the shape (n, 784) or (n, 28, 28) with n ≥ 1, and "
            f"have {x.shape}."
        )
    whole = x.dtype.kind in "iu"
    largest = 255 if whole else 1
    if not (x.min() >= 0 and x.max() <= largest):  # NaN fails too
        raise UserError(
            f"the images of {name} should lie between 0 and {largest} as they are "
            f"{'whole numbers' if whole else 'fractions'}, and reach from {x.min()} to {x.max()}"
            f"{'.' if whole else '; divide them by 255 if they are grey levels.'}"
        )
    x = x.reshape(len(x), PIXELS).astype(np.float32)
    if whole:
        x /= np.float32(255)
    return x


def _one_hot(labels: Any, name: str) -> np.ndarray:
    """(n, 10), from one-hot rows or from digits."""
    t = _numbers(labels, f"the labels of {name}")
    if t.ndim == 1 and t.dtype.kind in "iu":
        if t.size and not (t.min() >= 0 and t.max() < CLASSES):
            raise UserError(
                f"the labels of {name} should be digits from 0 to 9, and reach from {t.min()} to "
                f"{t.max()}."
            )
        return np.eye(CLASSES, dtype=np.float32)[t]
    if t.shape[1:] != (CLASSES,):
        raise UserError(
            f"the labels of {name} should be one-hot of shape (n, 10) or digits of shape (n,), "
            f"and have the shape {t.shape} and the type {t.dtype}."
        )
    if not (((t == 0) | (t == 1)).all() and (t.sum(1) == 1).all()):
        raise UserError(
            f"the labels of {name} should be one-hot: each row one 1 and nine 0, and a row is not."
        )
    return t.astype(np.float32)


def _numbers(values: Any, name: str) -> np.ndarray:
    """An array of whole numbers, truth values or fractions; lists of digits are taken too."""
    if isinstance(values, list) and values and all(type(v) is int for v in values):
        values = np.array(values)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        kind = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else _kind(values)
        raise UserError(f"{name} should be an array of numbers, and are {kind}.")
    if values.ndim and len(values) > _MOST:
        raise UserError(
            f"{name} should be those of MNIST, at most {_MOST:,}, and are {len(values):,}; take a "
            "part of them."
        )
    return values
