"""The cache of decoded arrays: a folder per data set, memory-mapped, replaced whole or not at all.

    $RETROPROP_CACHE (or the user's cache folder) / data / fashion-mnist / train_images.npy …

A data set is written to a temporary folder beside its place and moved there in one step, under a
lock, so two processes that fetch at once do each other no harm and a failed fetch leaves the cache
as it was. Arrays are checked against the catalog's checksums before they enter the cache; opening
them checks type, shape and length only, and `retroprop data verify` hashes them again.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from retroprop.data.catalog import ARRAY_NAMES, Arrays, DatasetInfo, check_arrays
from retroprop.errors import UserError

_LOCK_TIMEOUT_S = 600


def cache_folder() -> Path:
    """Where decoded data sets are kept: $RETROPROP_CACHE/data, or the user's cache folder."""
    own = os.environ.get("RETROPROP_CACHE")
    if own:
        return Path(own).expanduser() / "data"
    import platformdirs  # the training rooms must import on a machine that lacks it

    return Path(platformdirs.user_cache_dir("retroprop")) / "data"


def open_cached(info: DatasetInfo) -> Arrays | None:
    """Memory-map the arrays of a data set; None if they are not in the cache.

    Raises:
        UserError: If they are there but not what the catalog says.
    """
    folder = cache_folder() / info.name
    if not folder.is_dir():
        return None
    arrays = {}
    for name in ARRAY_NAMES:
        path = folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(_damaged(info, path, str(error))) from error
        if array.dtype != np.uint8 or array.shape != info.shape(name):
            found = f"it holds {array.dtype} {array.shape} and not uint8 {info.shape(name)}"
            raise UserError(_damaged(info, path, found))
        arrays[name] = array
    return arrays


def store(info: DatasetInfo, arrays: Mapping[str, np.ndarray]) -> None:
    """Check arrays against the catalog and put them into the cache, in place of what is there.

    Call it while holding `locked`.

    Raises:
        UserError: If the bytes are not the published ones; the cache is then as it was.
        OSError: If the cache cannot be written; likewise.
    """
    check_arrays(info, arrays)
    folder = cache_folder()
    for left_over in folder.glob(f".{info.name}.*/"):  # of a killed process: we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{info.name}.", dir=folder))
    try:
        for name in ARRAY_NAMES:
            np.save(temporary / f"{name}.npy", arrays[name], allow_pickle=False)
        _replace(temporary, folder / info.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(info: DatasetInfo) -> Iterator[None]:
    """Hold a data set's place in the cache; another process waits for it.

    Raises:
        OSError: If the cache cannot be written.
        UserError: If another process holds it for ten minutes.
    """
    from filelock import FileLock, Timeout

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{info.name}.lock", timeout=_LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process has been writing {info.name} for {_LOCK_TIMEOUT_S // 60} minutes; "
            "end it, or name another cache folder by RETROPROP_CACHE."
        ) from None
    try:
        yield
    finally:
        lock.release()


def cannot_write(error: OSError) -> str:
    """One sentence for a cache that cannot be written."""
    if error.errno == errno.ENOSPC:
        return (
            f"the disk of the cache folder {cache_folder()} is full; free some space or name "
            "another folder by the environment variable RETROPROP_CACHE"
        )
    return (
        f"the cache folder {cache_folder()} cannot be written ({error.strerror or error}); name "
        "another folder by the environment variable RETROPROP_CACHE"
    )


def _replace(new: Path, place: Path) -> None:
    """Move a folder to its place; one that was there is moved aside first, then removed."""
    if not place.exists():
        os.replace(new, place)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.old.", dir=place.parent))
    os.replace(place, aside / place.name)
    try:
        os.replace(new, place)
    except OSError:
        os.replace(aside / place.name, place)  # as it was
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _damaged(info: DatasetInfo, path: Path, reason: str) -> str:
    return (
        f"{path} in the cache is damaged ({reason}); run retroprop data fetch {info.name} to make "
        "it anew."
    )
