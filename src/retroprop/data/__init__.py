"""Real images: what there is (`CATALOG`), and how to have it as arrays (`load`, `fetch`, `verify`).

Fashion-MNIST, MNIST and a sample of CIFAR-10 ship with the package; the full CIFAR-10 is fetched
from the first source that has it. Whatever the source, the decoded bytes must have the known
checksum. Only `fetch` opens a network connection.
"""

import os
import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retroprop.data.cache import cannot_write, locked, open_cached, store
from retroprop.data.catalog import (
    ARRAY_NAMES,
    CATALOG,
    Arrays,
    DatasetInfo,
    check_arrays,
    find,
    sha256_of,
)
from retroprop.errors import UserError

if TYPE_CHECKING:
    from retroprop.data.sources import Progress, SourceAttempt

__all__ = ["CATALOG", "Dataset", "DatasetInfo", "fetch", "find", "load", "verify"]


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no single truth value
class Dataset:
    """A data set as read-only arrays of uint8.

    Attributes:
        info: Its entry in the catalog.
        train_images, test_images: (n, height, width) in grey or (n, height, width, 3) in colour.
        train_labels, test_labels: (n,), indices into `info.classes`.
    """

    info: DatasetInfo
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of hashing one array again: whether it is as published, and where it was read."""

    dataset: str
    array: str
    where: str
    ok: bool


def load(name: str, *, folder: Path | None = None) -> Dataset:
    """Open a data set, from the cache if it is there; the first time, decode and check it.

    Args:
        name: A name of the catalog.
        folder: For data that does not ship with the package: a folder that has its archive.

    Raises:
        UserError: If there is no such data set, or it must be fetched first.
    """
    info = find(name)
    try:
        arrays = open_cached(info)
    except UserError:
        if not info.bundled:
            raise
        arrays = None  # damaged, and made anew below
    if arrays is None:
        arrays = _decode(info, folder)
        try:
            with locked(info):
                store(info, arrays)
                arrays = open_cached(info) or arrays
        except OSError as error:
            warnings.warn(
                f"{cannot_write(error)}; {info.title} is decoded into memory this time.",
                RuntimeWarning,
                stacklevel=2,
            )
    return Dataset(info=info, **arrays)


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    network: bool = True,
    progress: "Progress | None" = None,
) -> "list[SourceAttempt]":
    """Have a data set ready in the cache; the only function that may open a network connection.

    Args:
        name: A name of the catalog.
        folder: A folder that has its archive, tried before the network.
        network: Whether to try the network at all.
        progress: Told what is fetched, the bytes done and the bytes in all (0: unknown).

    Returns:
        The sources that were tried, in order; the last one worked.

    Raises:
        UserError: If no source worked, with a line for each; the cache is as it was.
    """
    from retroprop.data.sources import SourceAttempt, obtain_cifar10

    info = find(name)
    attempts = []
    try:
        with locked(info):  # a second process waits here, and then finds the data in the cache
            try:
                arrays = open_cached(info)
                if arrays is not None:
                    check_arrays(info, arrays)
                    return [SourceAttempt(source="cache", error=None)]
                attempts.append(SourceAttempt(source="cache", error="it is not there yet"))
            except UserError as error:
                attempts.append(SourceAttempt(source="cache", error=str(error)))
            if info.bundled:
                arrays, more = _decode(info, None), [SourceAttempt(source="package", error=None)]
            else:
                arrays, more = obtain_cifar10(folder=folder, network=network, progress=progress)
            store(info, arrays)
    except OSError as error:
        raise UserError(f"{cannot_write(error)}.") from error
    return attempts + more


def verify(name: str) -> list[Check]:
    """Hash the arrays of a data set again, those in the cache and those in the package.

    Raises:
        UserError: If there is no such data set, or nothing of it to verify.
    """
    info = find(name)
    places: list[tuple[str, Arrays | None]] = []
    if info.bundled:
        places.append(("package", _read_bundled(info)))
    cached = open_cached(info)
    if cached is not None:
        places.append(("cache", cached))
    if not places:
        raise UserError(f"{name} is not here yet; run retroprop data fetch {name} first.")
    return [
        Check(
            dataset=name,
            array=array,
            where=where,
            ok=sha256_of(arrays[array]) == info.sha256[array],
        )
        for where, arrays in places
        if arrays is not None
        for array in ARRAY_NAMES
    ]


def _decode(info: DatasetInfo, folder: Path | None) -> Arrays:
    """The checked arrays of a data set from the package or from a folder, without the network."""
    if info.bundled:
        arrays = _read_bundled(info)
        check_arrays(info, arrays)
        return arrays
    if folder is None and not os.environ.get("RETROPROP_DATA"):
        raise UserError(
            f"{info.title} ({info.download_bytes / 1e6:.0f} MB) does not ship with the package; "
            f"run retroprop data fetch {info.name} once (--from FOLDER without a network)."
        )
    from retroprop.data.sources import obtain_cifar10

    return obtain_cifar10(folder=folder, network=False)[0]


def _read_bundled(info: DatasetInfo) -> Arrays:
    """Decode the files that ship with the package."""
    with resources.as_file(resources.files("retroprop.data") / "bundled" / info.name) as folder:
        if info.name == "cifar10-sample":
            from retroprop.data.cifar import decode_sample

            return decode_sample(folder)
        from retroprop.data.idx import read_idx_gzip

        files = {
            "train_images": "train-images-idx3-ubyte.gz",
            "train_labels": "train-labels-idx1-ubyte.gz",
            "test_images": "t10k-images-idx3-ubyte.gz",
            "test_labels": "t10k-labels-idx1-ubyte.gz",
        }
        return {
            name: read_idx_gzip(folder / file, shape=info.shape(name))
            for name, file in files.items()
        }
