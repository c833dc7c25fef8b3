"""The cache of decoded arrays: a folder per data set, memory-mapped, replaced whole or not at all.

    $RETROPROP_CACHE (or the user's cache folder) / data / fashion-mnist / train_images.npy …

A data set is written to a temporary folder beside its place and moved there in one step, under a
lock, so two processes that fetch at once do each other no harm and a failed fetch leaves the cache
as it was. Arrays are checked against the catalog's checksums before they enter the cache.

What is opened has the published bytes too: checksums.json beside the arrays holds the SHA-256 of
each, with the size, times and inode that its file had when it was hashed. A file of which one of
them changed is hashed again, and `retroprop data verify` hashes all.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retroprop.data.catalog import (
    ARRAY_NAMES,
    Arrays,
    DatasetInfo,
    check_arrays,
    differs,
    sha256_of,
)
from retroprop.data.npy import read_header
from retroprop.errors import UserError, in_short
from retroprop.files import remove_leftovers, replace_file, unfinished

CHECKSUMS = "checksums.json"
_LOCK_TIMEOUT_S = 600


class UnreadableError(UserError):
    """A file of the cache that is not even an array of the right type and shape."""


@dataclass(frozen=True, kw_only=True)
class Cached:
    """The arrays of a data set as they lie in the cache, and the SHA-256 that each was read with.

    A checksum was hashed now, or earlier from a file that has not changed since.
    """

    arrays: Arrays
    sha256: dict[str, str]


def cache_folder() -> Path:
    """Where decoded data sets are kept: $RETROPROP_CACHE/data, or the user's cache folder."""
    own = os.environ.get("RETROPROP_CACHE")
    if own:
        return Path(own).expanduser() / "data"
    import platformdirs  # the training rooms must import on a machine that lacks it

    return Path(platformdirs.user_cache_dir("retroprop")) / "data"


def open_cached(info: DatasetInfo, *, again: bool = False) -> Cached | None:
    """Memory-map the published arrays of a data set; None if they are not in the cache.

    Args:
        info: The data set.
        again: Hash every file, whether it has changed or not.

    Raises:
        UnreadableError: If a file is damaged so that it has another type, shape or length.
        UserError: If the bytes of an array are not the published ones.
    """
    cached = read_cached(info, again=again)
    if cached is None:
        return None
    for name, digest in cached.sha256.items():
        if digest != info.sha256[name]:
            path = cache_folder() / info.name / f"{name}.npy"
            raise UserError(_damaged(info, path, differs(info, name, digest)))
    return cached


def read_cached(info: DatasetInfo, *, again: bool = False) -> Cached | None:
    """As `open_cached`, whatever the bytes are."""
    folder = cache_folder() / info.name
    if not folder.is_dir():
        return None
    kept = {} if again else _read_checksums(folder)
    arrays: Arrays = {}
    entries: dict[str, dict[str, Any]] = {}
    for name in ARRAY_NAMES:
        arrays[name], state = _map(info, name, folder / f"{name}.npy")
        entry = kept.get(name)
        if not isinstance(entry, dict) or entry != {**state, "sha256": str(entry.get("sha256"))}:
            entry = {**state, "sha256": sha256_of(arrays[name])}
        entries[name] = entry
    if entries != kept:
        remove_leftovers(folder, unfinished(CHECKSUMS))
        with contextlib.suppress(OSError):  # a cache that may only be read is hashed each time
            _write_checksums(folder, entries)
    return Cached(arrays=arrays, sha256={name: entry["sha256"] for name, entry in entries.items()})


def store(info: DatasetInfo, arrays: Mapping[str, np.ndarray]) -> None:
    """Check arrays against the catalog and put them into the cache, in place of what is there.

    Call it while holding `locked`.

    Raises:
        UserError: If the bytes are not the published ones; the cache is then as it was.
        OSError: If the cache cannot be written; likewise.
    """
    sha256 = check_arrays(info, arrays)
    folder = cache_folder()
    for left_over in folder.glob(f".{info.name}.*/"):  # of a killed process: we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    temporary = folder / f".{info.name}.{secrets.token_hex(4)}"
    temporary.mkdir()  # mkdtemp would keep it from everybody else who shares the cache
    try:
        entries = {}
        for name in ARRAY_NAMES:
            with (temporary / f"{name}.npy").open("wb") as file:
                np.save(file, arrays[name], allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())  # before its checksum says that it is there
                entries[name] = {**_state(file.fileno()), "sha256": sha256[name]}
        _write_checksums(temporary, entries)
        _replace(temporary, folder / info.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a data set's place in the cache; another process waits for it.

    Raises:
        OSError: If the cache cannot be written.
        UserError: If another process holds it for ten minutes.
    """
    from filelock import FileLock, Timeout

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{name}.lock", timeout=_LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process has been writing {name} for {_LOCK_TIMEOUT_S // 60} minutes; "
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
        f"the cache folder {cache_folder()} cannot be written ({in_short(error)}); name "
        "another folder by the environment variable RETROPROP_CACHE"
    )


def _map(info: DatasetInfo, name: str, path: Path) -> tuple[np.ndarray, dict[str, int]]:
    """The array of a file, read-only, and the state of that very file."""
    try:
        with path.open("rb") as file:
            state, header = _state(file.fileno()), read_header(file)
            if (header.dtype, header.shape) != (np.dtype(np.uint8), info.shape(name)):
                raise ValueError(
                    f"it holds {header.dtype} {header.shape} and not uint8 {info.shape(name)}"
                )
            if header.is_fortran:
                raise ValueError("it holds the array in another order")
            array = np.memmap(file, np.uint8, "r", offset=file.tell(), shape=header.shape)
    except (OSError, ValueError) as error:
        raise UnreadableError(_damaged(info, path, in_short(error))) from error
    return array, state


def _state(handle: int) -> dict[str, int]:
    """What changes when a file is written or replaced, even where its date is set back."""
    status = os.fstat(handle)
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def _read_checksums(folder: Path) -> dict[str, Any]:
    """What checksums.json says; nothing if it is missing or only half there."""
    try:
        kept = json.loads((folder / CHECKSUMS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write_checksums(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    data = (json.dumps(entries, indent=1) + "\n").encode()
    replace_file(folder / CHECKSUMS, data, durable=True)


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
