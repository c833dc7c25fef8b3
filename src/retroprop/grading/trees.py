"""The files of what was handed in, whether they lie in a folder or in a zip, read within bounds.

Nothing is unpacked to the disk and no symbolic link is followed, so a path that leads out of its
archive leads nowhere. A file that cannot be read stays in the list, and says why when it is read.
"""

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO

from retroprop.data.bounded import Bounded
from retroprop.data.safe_npz import open_zip
from retroprop.errors import UserError, in_short
from retroprop.languages import Say

MOST_FILES = 100_000
"""Of a class; few of them are opened."""
MOST_FOLDERS = 30
"""Inside one another."""
MOST_ARCHIVE_BYTES = 2**29
"""Of a zip, as it lies on the disk."""

_JUNK = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"}
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others take memory as they like
_ENCRYPTED = 1  # in the flags of a member


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A file of what was handed in.

    Attributes:
        parts: The names of the folders above it and its own, as people read them.
        read: (limit) → its bytes; raises UserError where it has more, or cannot be read.
        refused: Why it will not be read, if that is known already.
        note: What a teacher should know of it.
    """

    parts: tuple[str, ...]
    read: Callable[[int], bytes]
    refused: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Of the file, without its folders."""
        return self.parts[-1]

    @property
    def path(self) -> str:
        """With its folders."""
        return "/".join(self.parts)

    @property
    def stem(self) -> str:
        """Its name without the suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Of its name, in lower case and with its point."""
        return PurePosixPath(self.name).suffix.lower()

    def below(self) -> "Leaf":
        """The same file, seen from the first folder of its path."""
        return replace(self, parts=self.parts[1:])

    def under(self, *folders: str) -> "Leaf":
        """The same file, with more folders above it."""
        return replace(self, parts=(*folders, *self.parts))


def leaves_of(path: Path, say: Say, results: Path | None = None) -> list[Leaf]:
    """The files of a folder and of those below it; of a zip; or a file alone.

    Args:
        path: A folder, a zip or a file.
        say: The language of reasons.
        results: A folder that is left out: the one for the results may lie among submissions.

    Raises:
        UserError: If it is not there or cannot be read, or holds more than a class hands in.
    """
    if path.is_dir():
        found = list(islice(_in_folder(path, (), say, results), MOST_FILES + 1))
        if len(found) > MOST_FILES:
            too_many = say("{path} holds more than {n} files; give the folder of one class.")
            raise UserError(too_many.format(path=shown(str(path)), n=f"{MOST_FILES:,}"))
    elif not path.exists():
        raise UserError(
            say("there is no {path}; give a folder, a zip or a file with submissions.").format(
                path=shown(str(path))
            )
        )
    else:
        leaf = Leaf(parts=(shown(path.name),), read=_reader(path, say))
        found = leaves_in_zip(leaf, say) if leaf.suffix == ".zip" else [leaf]
    return sorted(found, key=lambda leaf: leaf.parts)


def leaves_in_zip(leaf: Leaf, say: Say, limit: int = MOST_ARCHIVE_BYTES) -> list[Leaf]:
    """The files of a zip. Of several with one name the last counts, as when it is unpacked.

    Raises:
        UserError: If it is no zip, or damaged, or holds too many files, or more than `limit` bytes.
    """
    data = leaf.read(limit)
    try:
        archive = open_zip(data)
        members = archive.infolist()
    except Exception as error:  # zipfile raises many kinds on what is damaged
        raise UserError(
            say("{name} is no zip that can be read: {reason}").format(
                name=leaf.path, reason=in_short(error)
            )
        ) from None
    count = Counter(member.filename for member in members)
    last = {member.filename: member for member in members if member.filename[-1:] != "/"}
    found = [_member(archive, member, count[name], say) for name, member in last.items()]
    return [one for one in found if not _is_junk(one.parts)]


def shown(name: str) -> str:
    r"""A name from a disk or an archive as people can read it, whatever its bytes.

    >>> shown("caf\udce9.py"), shown("a\nb")
    ('caf\\xe9.py', 'a\\nb')
    """
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in readable)


# --- folders --------------------------------------------------------------------------------------


def empty_folders(path: Path, leaves: Sequence[Leaf], results: Path | None = None) -> list[str]:
    """The folders right below a path that none of its files lies in."""
    if not path.is_dir():
        return []
    filled = {leaf.parts[0] for leaf in leaves}
    below = [entry for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    names = [shown(entry.name) for entry in below if not _is_same(entry.path, results)]
    return [name for name in names if name not in filled and not _is_junk((name,))]


def _is_same(path: str, other: Path | None) -> bool:
    return other is not None and other.exists() and os.path.samefile(path, other)


def _in_folder(
    folder: Path, above: tuple[str, ...], say: Say, results: Path | None = None
) -> Iterator[Leaf]:
    """Every file below a folder; links, pipes and devices are named and not opened."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _refused((*above, "…"), say("{name} cannot be read: {reason}"), in_short(error))
        return
    for entry in entries:
        parts = (*above, shown(entry.name))
        path = Path(entry.path)
        if _is_junk(parts):
            continue
        if entry.is_symlink():
            yield _refused(parts, say("{name} is a symbolic link; hand in the file itself"))
        elif entry.is_dir():
            if _is_same(entry.path, results):
                continue
            if len(parts) > MOST_FOLDERS:
                yield _refused(parts, say("{name} lies in too many folders"))
            else:
                yield from _in_folder(path, parts, say, results)
        elif entry.is_file():
            yield Leaf(parts=parts, read=_reader(path, say))
        else:
            yield _refused(parts, say("{name} is no file"))


def _reader(path: Path, say: Say) -> Callable[[int], bytes]:
    """Reads a file of the disk, if it still is one: a pipe would never end."""

    def read(limit: int) -> bytes:
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise UserError(say("{name} is no file").format(name=shown(path.name)))
                return _all_of(file, shown(path.name), limit, say)
        except OSError as error:
            raise UserError(_unreadable(shown(path.name), in_short(error), say)) from None

    return read


# --- archives -------------------------------------------------------------------------------------


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, count: int, say: Say) -> Leaf:
    given = member.filename.replace("\\", "/")
    names = [name for name in given.split("/") if name not in ("", ".")]
    parts = tuple(map(shown, names)) or ("?",)
    if ".." in names or given.startswith("/") or ":" in parts[0]:
        return _refused(parts, say("{name} leads out of its archive"))
    if stat.S_ISLNK(member.external_attr >> 16):
        return _refused(parts, say("{name} is a symbolic link; hand in the file itself"))
    if member.flag_bits & _ENCRYPTED:
        return _refused(parts, say("{name} is encrypted; hand it in without a password"))
    if member.compress_type not in _COMPRESSIONS:
        return _refused(parts, say("{name} is compressed in an unusual way; use an ordinary zip"))
    if len(parts) > MOST_FOLDERS:
        return _refused(parts, say("{name} lies in too many folders"))
    name = "/".join(parts)

    def read(limit: int) -> bytes:
        try:
            with archive.open(member) as file:
                return _all_of(file, name, limit, say)
        except UserError:
            raise
        except Exception as error:  # zipfile raises many kinds on what is damaged
            raise UserError(_unreadable(name, in_short(error), say)) from None

    twice = say("{name} is {n} times in the archive; the last one counts")
    return Leaf(parts=parts, read=read, note=twice.format(name=name, n=count) if count > 1 else "")


# --- both -----------------------------------------------------------------------------------------


def _all_of(file: IO[bytes], name: str, limit: int, say: Say) -> bytes:
    too_long = say("{name} has more than {limit} bytes").format(name=name, limit=f"{limit:,}")
    unreadable = _unreadable(name, "{error}", say)
    return Bounded(file, limit=limit, too_long=too_long, unreadable=unreadable).readall()


def _unreadable(name: str, reason: str, say: Say) -> str:
    return say("{name} cannot be read: {reason}").format(name=name, reason=reason)


def _refused(parts: tuple[str, ...], sentence: str, reason: str = "") -> Leaf:
    refused = sentence.format(name="/".join(parts), reason=reason)

    def read(limit: int) -> bytes:
        raise UserError(refused)

    return Leaf(parts=parts, read=read, refused=refused)


def _is_junk(parts: tuple[str, ...]) -> bool:
    """What systems and editors leave beside somebody's work: hidden files and caches."""
    return any(part in _JUNK or (part[0] == "." and part != "..") for part in parts)
