"""Every file that this program writes: whole or not at all, and on the disk before it is spoken of.

A file is written beside its place and moved there in one step, so a reader never sees half of one.
After a power cut a file system keeps only what was asked of it: `durable` writes wait (fsync) until
the content and then the name are on the disk. Records name a file only after such a write, by its
SHA-256, and `is_as_written` tells later whether it still is that file.
"""

import contextlib
import errno
import hashlib
import math
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from retroprop.errors import UserError, in_short

DEFAULT_DATABASE = "retroprop.db"
"""The file of the records where nobody names another."""
_LOCK = ".lock"
_WAIT_FOR_LOCK_S = 2


def replace_file(
    path: Path,
    data: bytes | Iterable[bytes | memoryview],
    *,
    durable: bool = False,
    private: bool = False,
) -> None:
    """Write a file beside its final place, then move it there in one step.

    An interrupted write leaves the old file, and nothing beside it; a killed one leaves what
    `unfinished(NAME)` matches.

    Args:
        path: The file; its folder exists. A symbolic link stays one, and a device or a pipe is
            written to.
        data: What it shall hold, in one part or several.
        durable: Whether it must outlive a power cut from now on.
        private: Whether its owner alone may read it; else all whom the umask lets.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    parts = [data] if isinstance(data, bytes) else data
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            file.writelines(parts)
        return
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _naming(path), open(temporary, "xb", opener=_private if private else None) as file:
            file.writelines(parts)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(place.parent)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write at any place of it, which is moved to its own place at the end of the block.

    What `replace_file` says of an interrupted and a killed write holds here too.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _naming(path), temporary.open("xb") as file:
            yield file
        os.replace(temporary, place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error about an open file say which file it is, as those about a path do."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _private(path: str, flags: int) -> int:
    """Open a file that its owner alone may read."""
    return os.open(path, flags, 0o600)


def unfinished(name: str) -> str:
    """The pattern of the files that killed writes of files of this name leave."""
    return f".{name}.*.tmp"


def make_folder(folder: Path) -> None:
    """Make a folder that outlives a power cut, with those above it.

    Raises:
        OSError: If it cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        _sync_folder(one.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there; a power cut does not bring it back.

    Raises:
        OSError: If it cannot be removed.
    """
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def remove_leftovers(folder: Path, *patterns: str, keep: str | None = None) -> None:
    """Remove what a killed process left in a folder that this one holds.

    Args:
        folder: Where to look; it need not be there, and folders below it are left alone.
        patterns: Names of files, with * for any characters.
        keep: The name of the one that is still needed.
    """
    for pattern in patterns:
        for file in [file for file in folder.glob(pattern) if file.name != keep]:
            with contextlib.suppress(OSError):  # it takes room, and is in nobody's way
                remove_file(file)


def checksum_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_as_written(path: Path, checksum: str | None) -> bool:
    """Whether a file is there and has this checksum; None, of an older record, is any."""
    try:
        return path.is_file() and checksum in (None, checksum_of(path))
    except OSError:
        return False


@contextlib.contextmanager
def held(folder: Path, *, busy: str, wait_s: float = _WAIT_FOR_LOCK_S) -> Iterator[None]:
    """Hold a folder, which is made when it is missing: only one process has it at a time.

    Args:
        folder: What to hold, by the file .lock in it.
        busy: What to say when another process has it.
        wait_s: How long to wait for it.

    Raises:
        UserError: If another process has it.
        OSError: If the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    make_folder(folder)
    lock = FileLock(folder / _LOCK, timeout=wait_s)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(busy) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # while we have it, so it is nobody else's
            remove_file(folder / _LOCK)
        lock.release()


def without_nan(value: Any) -> Any:
    """The same value for JSON, which has no NaN and no infinity: None stands for them.

    >>> without_nan({"loss": [0.5, float("nan")]})
    {'loss': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_name(folder: Path, fix: str) -> None:
    """Refuse a folder whose name is not UTF-8: files of weights cannot be read from there.

    Args:
        folder: Where a training will write.
        fix: What to do instead.

    Raises:
        UserError: If its name is not UTF-8.
    """
    for name in folder.absolute().parts:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"the name of the folder {in_short(name)} is not UTF-8, and files of weights "
                f"cannot be kept there; {fix}."
            ) from None


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "nt":  # which cannot open a folder, and writes names in order
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with _naming(folder):
            os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no such thing
            raise
    finally:
        os.close(handle)
