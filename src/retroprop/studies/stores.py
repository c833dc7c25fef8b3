"""Where checkpoints are kept: a folder, or a place that many machines reach, by its URL.

    Folder        a folder of this machine, or one that all machines share
    RemoteStore   anything that fsspec knows: s3://bucket/prefix, gs://…, sftp://…

The records name each file with its SHA-256, after it was written whole; whoever reads it compares.
A file that the records name is never written again. Addresses hold no passwords: each kind of store
takes its credentials from where its own tools do (for S3 the variables AWS_…).
"""

import contextlib
import posixpath
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlsplit

from retroprop.errors import UserError, in_short
from retroprop.files import is_as_written, make_folder, remove_file, remove_leftovers, unfinished

KINDS_OF_STORES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "smb": "smbprotocol",
}
"""With the package that reaches each; s3 is tested."""
_WITH_FOLDERS = ("sftp", "smb")

CHECKPOINTS = "checkpoints"
BEST = "best.safetensors"
STATES = "state-*.safetensors"


class Store(Protocol):
    """A place for files, by names with slashes; what is written is there whole, or not at all."""

    @property
    def address(self) -> str | None:
        """What `open_store` takes for it; None for the folder of the records."""
        ...

    def recorded(self, name: str) -> str:
        """What the records call a file."""
        ...

    def writing(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """A path for a file, whose content is kept when the block ends."""
        ...

    def reading(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """A path with the content of a file; there is none at it if there is no such file."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def remove(self, name: str, *, durable: bool = True) -> None:
        """Remove a file, if it is there; if durable, a power cut does not bring it back."""
        ...

    def remove_leftovers(self, folder: str, keep: str | None) -> None:
        """Remove from a folder what killed workers left: other states, half files."""
        ...

    def size(self, folder: str) -> int:
        """The bytes of all files below a folder."""
        ...

    def remove_all(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder. Where it is that of the records, they name its files without it."""

    path: Path
    of_records: bool = True

    @property
    def address(self) -> str | None:
        """The folder, unless it is that of the records."""
        return None if self.of_records else str(self.path)

    def recorded(self, name: str) -> str:
        """A path, relative to the folder of the records where it is in it."""
        return name if self.of_records else (self.path / name).as_posix()

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """The file itself: `save_tensors` writes it in one step, and durably."""
        yield self.path / name

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """The file itself."""
        yield self.path / name

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).is_file()

    def remove(self, name: str, *, durable: bool = True) -> None:
        """Remove a file, if it is there; to be durable takes a wait for the disk."""
        if durable:
            remove_file(self.path / name)
        else:
            (self.path / name).unlink(missing_ok=True)

    def remove_leftovers(self, folder: str, keep: str | None) -> None:
        """Remove what killed workers left."""
        half = (unfinished(STATES), unfinished(BEST))
        remove_leftovers(self.path / folder, STATES, *half, keep=keep)

    def size(self, folder: str) -> int:
        """The bytes of all files below a folder."""
        return sum(one.stat().st_size for one in (self.path / folder).rglob("*") if one.is_file())

    def remove_all(self, folder: str) -> None:
        """Remove a folder with all that is in it."""
        shutil.rmtree(self.path / folder, ignore_errors=True)


@dataclass(frozen=True)
class RemoteStore:
    """A store that fsspec reaches."""

    url: str

    @property
    def address(self) -> str:
        """The URL."""
        return self.url

    def recorded(self, name: str) -> str:
        """The whole address, so that a file is found from anywhere."""
        return f"{self.url}/{name}"

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A file of this machine, which is copied to the store at the end."""
        with self._copy(name) as path:
            yield path
            with self._explained() as (files, root):
                place = f"{root}/{name}"
                if urlsplit(self.url).scheme in _WITH_FOLDERS:  # others would make a bucket
                    files.makedirs(posixpath.dirname(place), exist_ok=True)
                files.put_file(str(path), place)

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """A copy on this machine, while the block lasts."""
        with self._copy(name) as path:
            with self._explained() as (files, root), contextlib.suppress(FileNotFoundError):
                files.get_file(f"{root}/{name}", str(path))
            yield path

    def remove(self, name: str, *, durable: bool = True) -> None:
        """Remove a file, if it is there; always durable."""
        with self._explained() as (files, root), contextlib.suppress(FileNotFoundError):
            files.rm_file(f"{root}/{name}")

    def remove_leftovers(self, folder: str, keep: str | None) -> None:
        """Remove states that are not needed; a store has no half files."""
        with self._explained() as (files, root):
            for place in files.find(f"{root}/{folder}"):
                name = PurePosixPath(place).name
                if PurePosixPath(name).match(STATES) and name != keep:
                    files.rm_file(place)

    def size(self, folder: str) -> int:
        """The bytes of all files below a folder."""
        with self._explained() as (files, root), contextlib.suppress(FileNotFoundError):
            return files.du(f"{root}/{folder}")
        return 0

    def remove_all(self, folder: str) -> None:
        """Remove all files below a folder."""
        with self._explained() as (files, root), contextlib.suppress(FileNotFoundError):
            files.rm(f"{root}/{folder}", recursive=True)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        with self._explained() as (files, root):
            return files.exists(f"{root}/{name}")

    @contextlib.contextmanager
    def _copy(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="retroprop-") as folder:
            yield Path(folder) / PurePosixPath(name).name

    @contextlib.contextmanager
    def _explained(self) -> Iterator[tuple[Any, str]]:
        """The file system and our place in it; what it raises becomes one sentence."""
        try:
            yield _file_system(self.url)
        except UserError:
            raise
        except Exception as error:  # each kind of store has exceptions of its own
            raise UserError(
                f"the store {self.url} refused ({in_short(str(error) or type(error).__name__)}); "
                "check its address, and that every machine that works may read and write there."
            ) from error


def open_store(address: str | None, folder: Path) -> Store:
    """The store at an address; nothing is opened yet.

    Args:
        address: A folder or a URL; None for the folder of the records.
        folder: That of the records.

    Raises:
        UserError: If it is no address, names a password, or what reaches it is not installed.
    """
    if address is None:
        return Folder(folder)
    if not address.strip():
        raise UserError("--store takes a folder, or a URL such as s3://BUCKET/FOLDER; got nothing.")
    kind, separator, rest = address.partition("://")
    if not separator or kind in ("file", "local"):
        path = Path(rest if separator else address).expanduser().absolute()
        return Folder(path, of_records=path == folder.absolute())
    if kind not in KINDS_OF_STORES:
        raise UserError(
            f"{in_short(address)} is no store that many machines reach; give a folder, or a URL "
            f"that begins with {', '.join(f'{one}://' for one in KINDS_OF_STORES)}."
        )
    if "@" in urlsplit(address).netloc and ":" in urlsplit(address).netloc.rpartition("@")[0]:
        raise UserError(
            "an address of a store is recorded, so it must not hold a password; give that to the "
            "store's own tools (for S3: the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)."
        )
    if not rest.strip("/"):
        raise UserError(f"{in_short(address)} names no place; write {kind}://PLACE/FOLDER.")
    store = RemoteStore(address.rstrip("/"))
    _file_system(store.url)
    return store


def check_writable(store: Store) -> None:
    """Write a file and remove it, before anything is recorded that needs the store.

    Raises:
        UserError: If it refuses.
    """
    if store.address is None:
        return
    name = f"{CHECKPOINTS}/writable-{secrets.token_hex(4)}.txt"
    try:
        with store.writing(name) as path:
            make_folder(path.parent)
            path.write_bytes(b"A study begins.")
        store.remove(name)
    except OSError as error:
        raise UserError(
            f"the store {store.address} cannot be written ({in_short(error)}); name another one "
            "with --store."
        ) from error


@contextlib.contextmanager
def recorded_file(recorded: str, folder: Path) -> Iterator[Path]:
    """A path with the content of a file that the records name, while the block lasts.

    Args:
        recorded: As `Store.recorded` gave it.
        folder: That of the records.

    Raises:
        UserError: If its store cannot be reached; not if there is no such file.
    """
    url, _, name = recorded.rpartition("/")
    if "://" not in recorded:
        yield folder / recorded
        return
    with RemoteStore(url).reading(name) as path:
        yield path


def is_kept(recorded: str, sha256: str | None, folder: Path) -> bool:
    """Whether a file that the records name is there; one of a folder is read and compared too."""
    url, _, name = recorded.rpartition("/")
    if "://" not in recorded:
        return is_as_written(folder / recorded, sha256)
    return RemoteStore(url).has(name)


def _file_system(url: str) -> tuple[Any, str]:
    """What fsspec opens there, and the place in it.

    Raises:
        UserError: If what reaches it is not installed.
    """
    import fsspec

    try:
        files, root = fsspec.url_to_fs(url, use_listings_cache=False)  # others write there too
    except ImportError as error:
        kind = urlsplit(url).scheme
        package = KINDS_OF_STORES[kind]
        raise UserError(
            f"a store {kind}:// needs the package {package}: run pip install -c constraints.txt "
            f"{package}."
        ) from error
    return files, str(root).rstrip("/")
