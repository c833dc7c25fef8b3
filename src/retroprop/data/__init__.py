"""Real images: what there is (`CATALOG`), and how to have it as arrays (`load`, `fetch`, `verify`).

Fashion-MNIST, MNIST and a sample of CIFAR-10 ship with the package; the full CIFAR-10 is fetched
from the first source that has it. Whatever the source, the decoded bytes must have the known
checksum. Only `fetch` opens a network connection.
"""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retroprop.data.cache import (
    UnreadableError,
    cannot_write,
    locked,
    open_cached,
    read_cached,
    store,
)
from retroprop.data.catalog import (
    ARRAY_NAMES,
    CATALOG,
    Arrays,
    DatasetInfo,
    check_arrays,
    is_own,
    joint_checksum,
    sha256_of,
)
from retroprop.data.catalog import find as find_published
from retroprop.errors import UserError

if TYPE_CHECKING:
    from retroprop.data.sources import Progress, SourceAttempt

__all__ = ["CATALOG", "Dataset", "DatasetInfo", "fetch", "find", "load", "receive", "verify"]


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no single truth value
class Dataset:
    """A data set as read-only arrays of uint8.

    Attributes:
        info: Its entry in the catalog.
        train_images, test_images: (n, height, width) in grey or (n, height, width, 3) in colour.
        train_labels, test_labels: (n,), indices into `info.classes`.
        checksum: Identifies the bytes that were read, in a record; empty for arrays that were put
            together by hand.
    """

    info: DatasetInfo
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    checksum: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of hashing one array again: whether it is as published, and where it was read."""

    dataset: str
    array: str
    where: str
    ok: bool


def find(name: str) -> DatasetInfo:
    """What is known of a data set: of the catalog, or of one's own (`retroprop.data.own`).

    Raises:
        UserError: If there is none of that name, or one's own cannot be read.
    """
    if is_own(name):
        from retroprop.data.own import open_own

        return open_own(name)[0]
    return find_published(name)


def load(name: str, *, folder: Path | None = None) -> Dataset:
    """Open a data set, from the cache if it is there; the first time, decode and check it.

    What the cache holds is checked too: bytes that somebody altered are refused, and files that
    are no arrays any more are made anew from the package if it has them.

    Args:
        name: A name of the catalog, or of one's own data: folder:PATH, npz:PATH.
        folder: For data that does not ship with the package: a folder that has its archive.

    Raises:
        UserError: If there is no such data set, it must be fetched first, or its cache is damaged.
    """
    if is_own(name):
        from retroprop.data.own import open_own

        info, arrays = open_own(name)
        return Dataset(info=info, **arrays, checksum=info.checksum)
    info = find_published(name)
    try:
        cached = open_cached(info)
    except UnreadableError:
        if not info.bundled:
            raise
        cached = None  # made anew below
    if cached is None:
        arrays = _decode(info, folder)
        try:
            with locked(info.name):
                store(info, arrays)
                cached = open_cached(info)
        except OSError as error:
            warnings.warn(
                f"{cannot_write(error)}; {info.title} is decoded into memory this time.",
                RuntimeWarning,
                stacklevel=2,
            )
        if cached is None:
            return Dataset(info=info, **arrays, checksum=info.checksum)  # as `_decode` checked
    return Dataset(info=info, **cached.arrays, checksum=joint_checksum(cached.sha256))


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

    _refuse_own(name)
    info = find_published(name)
    attempts = []
    try:
        with locked(info.name):  # a second process waits here, and then finds the data in the cache
            try:
                if open_cached(info, again=True) is not None:
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


def receive(name: str, checksum: str, read: Callable[[], tuple[Mapping[str, Any], Arrays]]) -> None:
    """Have a data set of another machine in the cache; this process calls it by its name there.

    Other processes of this machine wait meanwhile, and then find it in the cache.

    Args:
        name: As the other machine calls it: folder:/home/me/photos, or a name of the catalog.
        checksum: Of the data there.
        read: Gives what is known of it (`DatasetInfo.known`), and its arrays.

    Raises:
        UserError: If the arrays are not those of the checksum.
    """
    if is_own(name):
        from retroprop.data.own import receive_own

        receive_own(name, checksum, read)
        return
    info = find_published(name)
    with locked(info.name):
        if open_cached(info) is None:
            store(info, read()[1])


def verify(name: str) -> list[Check]:
    """Hash the arrays of a data set again, those in the cache and those in the package.

    Raises:
        UserError: If there is no such data set, or nothing of it to verify.
    """
    _refuse_own(name)
    info = find_published(name)
    digests: dict[str, dict[str, str]] = {}
    if info.bundled:
        bundled = _read_bundled(info)
        digests["package"] = {array: sha256_of(bundled[array]) for array in ARRAY_NAMES}
    cached = read_cached(info, again=True)
    if cached is not None:
        digests["cache"] = cached.sha256
    if not digests:
        raise UserError(f"{name} is not here yet; run retroprop data fetch {name} first.")
    return [
        Check(dataset=name, array=array, where=where, ok=digest == info.sha256[array])
        for where, sha256 in digests.items()
        for array, digest in sha256.items()
    ]


def _refuse_own(name: str) -> None:
    if is_own(name):
        raise UserError(
            f"{name} is your own: it is read from its files, and has no published bytes."
        )


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
