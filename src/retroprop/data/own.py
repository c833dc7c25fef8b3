"""A data set of one's own: a folder of pictures, or arrays of NumPy.

    folder:PATH     one folder per class, with PNG and JPEG pictures of any size; or two such
                    folders, PATH/train and PATH/test
    npz:PATH        x_train, y_train, x_test, y_test, as Keras has them; or images, labels

Options stand behind, between commas: `folder:photos,side=64,grey`.

    side=32         pixels: the largest square in the middle of a picture is scaled to it
    grey            the luminance of coloured pictures; by default, in colour if any picture is
    test=0.2        how much is set aside as test images, where the data do not say which
    seed=0          of that draw
    skip            leave out what cannot be read

What was decoded is kept in the cache, under the names, sizes and dates of the files: the newest
sets, up to `MOST_KEPT` and `MOST_KEPT_BYTES`.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from retroprop.data.bounded import read_up_to
from retroprop.data.cache import cache_folder, locked, open_cached, store
from retroprop.data.catalog import ARRAY_NAMES, Arrays, DatasetInfo, sha256_of
from retroprop.data.pictures import luminance, read_picture
from retroprop.data.safe_npz import read_npz
from retroprop.data.splits import train_validation_split
from retroprop.errors import UserError, in_short
from retroprop.files import replace_file
from retroprop.progress import told

LARGEST_SIDE = 512
MOST_FILES = 200_000
MOST_BYTES = 2**32
"""Of the decoded pictures."""
MOST_ARCHIVE_BYTES = 2**30
MOST_CLASSES = 256
MOST_KEPT = 32
"""Sets in the cache; of more, those that were opened longest ago are removed."""
MOST_KEPT_BYTES = 2**34
"""Of all of them together."""
MOST_NAMED = 3
"""Files that an error names."""
_OPTION = re.compile(r"(.*),(side=\d{1,6}|test=\d?\.?\d{1,9}|seed=\d{1,9}|grey|skip)")
_NAMES_OF_ARRAYS = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("images", "labels"),
    ("x_train", "y_train"),
)
_JUNK = {"Thumbs.db", "desktop.ini", "__MACOSX"}
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}


@dataclass(frozen=True, kw_only=True)
class Own:
    """What the name of such a data set says."""

    kind: str
    path: Path
    side: int = 32
    grey: bool = False
    test: float = 0.2
    seed: int = 0
    skip: bool = False

    @property
    def name(self) -> str:
        """The same for the same data, wherever it is typed: the path is absolute."""
        usual = asdict(Own(kind=self.kind, path=self.path))
        said = [
            key if value is True else f"{key}={_written(value)}"
            for key, value in asdict(self).items()
            if value != usual[key]
        ]
        return ",".join([f"{self.kind}:{self.path}", *said])


def _written(value: float | str | Path) -> str:
    return f"{value:.9f}".rstrip("0") if isinstance(value, float) else str(value)


def parse(name: str) -> Own:
    """Read the name of a data set of one's own.

    Raises:
        UserError: If it has no path, or an option is out of range.

    >>> parse("folder:/photos,grey,side=64").name
    'folder:/photos,side=64,grey'
    """
    kind, _, rest = name.partition(":")
    own = _read(kind, rest)
    if not rest or rest.startswith(","):
        raise UserError(f"{in_short(name)} has no path; write {kind}:PATH.")
    if not own.name.isprintable():  # it is printed, and kept in records and models
        raise UserError(f"the path in {in_short(name)} has characters that no line can show.")
    if _read(kind, own.name.removeprefix(f"{kind}:")) != own:
        raise UserError(f"{in_short(str(own.path))} ends as an option does; give it another name.")
    if not 4 <= own.side <= LARGEST_SIDE:
        raise UserError(f"side must be from 4 to {LARGEST_SIDE} pixels, and got {own.side}.")
    if not 0 < own.test < 1:
        raise UserError(f"test must be between 0 and 1, such as 0.2, and got {own.test:g}.")
    return own


def _read(kind: str, rest: str) -> Own:
    """A path and the options behind it."""
    options: dict[str, str] = {}
    while found := _OPTION.fullmatch(rest):
        rest, option = found.groups()
        key, _, value = option.partition("=")
        options.setdefault(key, value)
    return Own(
        kind=kind,
        path=Path(os.path.abspath(os.path.expanduser(rest))),
        side=int(options.get("side", 32)),
        grey="grey" in options,
        test=float(options.get("test", 0.2)),
        seed=int(options.get("seed", 0)),
        skip="skip" in options,
    )


@lru_cache(maxsize=8)
def open_own(name: str) -> tuple[DatasetInfo, Arrays]:
    """What is known of such a data set, and its arrays; the first time, everything is decoded.

    To one process it stays what it was when it was opened first.

    Raises:
        UserError: If it is not there, cannot be read, or is no data set.
    """
    own = parse(name)
    if name in _RECEIVED:
        return _RECEIVED[name]
    files = _files(own)
    key = _key(own, files)
    kept = _described(own, key)
    if kept is not None:
        with contextlib.suppress(UserError):  # its cache is damaged: it is made anew
            if (cached := open_cached(replace(kept, name=key))) is not None:
                with contextlib.suppress(OSError):  # the cache may be read only
                    os.utime(_description(key))
                return kept, cached.arrays
    classes, arrays = _from_folder(own, files) if own.kind == "folder" else _from_npz(own)
    known = {
        "name": own.name,
        "classes": list(classes),
        "image_shape": list(arrays["train_images"].shape[1:]),
        "n_train": len(arrays["train_labels"]),
        "n_test": len(arrays["test_labels"]),
        "sha256": {array: sha256_of(arrays[array]) for array in ARRAY_NAMES},
    }
    info = _info(own, known)
    if missing := [k for k in range(len(classes)) if k not in arrays["train_labels"]]:
        raise UserError(
            f"no image of the class {in_short(classes[missing[0]])} of {own.path} is left to train "
            "on; add some, or draw the test with another seed."
        )
    with contextlib.suppress(OSError):  # without a cache it is decoded each time
        with locked(key):
            _remove_older(own, key)
            _keep(key, info, arrays)
        _keep_the_newest()
    return info, arrays


_RECEIVED: dict[str, tuple[DatasetInfo, Arrays]] = {}
"""Those of other machines, under the names that they have there: their files are not here."""


def receive_own(
    name: str, checksum: str, read: Callable[[], tuple[Mapping[str, Any], Arrays]]
) -> None:
    """Have such a data set of another machine ready; `retroprop.data.receive` explains.

    Raises:
        UserError: If the arrays are not those of the checksum.
    """
    own, key = parse(name), f"own-{checksum}"
    with locked(key):
        info = _described(own, key)
        cached = None if info is None else open_cached(replace(info, name=key))
        if info is None or cached is None:
            known, arrays = read()
            info = _info(own, known)
            if info.checksum != checksum:
                raise UserError(f"the data that were sent for {name} are not those of {checksum}.")
            _keep(key, info, arrays)
        else:
            arrays = cached.arrays
    _RECEIVED[name] = (info, arrays)
    open_own.cache_clear()


def _keep(key: str, info: DatasetInfo, arrays: Arrays) -> None:
    """Put a data set into the cache under a key that is held."""
    store(replace(info, name=key), arrays)
    replace_file(_description(key), _sealed(info.known).encode(), durable=True)


def without_folder(name: str) -> str:
    """The name of such a data set for others: without the folder in which it lies.

    >>> without_folder("folder:/home/me/photos,side=64")
    'folder:photos,side=64'
    """
    own = parse(name)
    return replace(own, path=Path(own.path.name)).name


# --- what is kept ---------------------------------------------------------------------------------


def _key(own: Own, files: Mapping[str, Sequence[Path]]) -> str:
    """A name in the cache that changes with the options and with any of the files."""
    lines = [own.name]
    for paths in files.values():
        for path in paths:
            status = path.stat()
            lines.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return f"own-{hashlib.sha256(os.fsencode(chr(10).join(lines))).hexdigest()[:16]}"


def _description(key: str) -> Path:
    return cache_folder() / f"{key}.json"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A data set of one's own that lies in the cache.

    Attributes:
        info: What is known of it.
        opened: When it was opened last, in seconds since 1970.
    """

    info: DatasetInfo
    opened: float
    file: Path


def kept_sets() -> list[Kept]:
    """What the cache holds of such data sets, the one that was opened last first."""
    found = []
    for file in cache_folder().glob("own-*.json"):
        known = _kept(file)
        with contextlib.suppress(OSError, UserError):
            if known is not None:
                info = _info(parse(known["name"]), known)
                found.append(Kept(info=info, opened=file.stat().st_mtime, file=file))
    return sorted(found, key=lambda one: -one.opened)


def _keep_the_newest() -> None:
    """Remove what was opened longest ago, where the cache holds too much."""
    total = 0
    for position, one in enumerate(kept_sets()):
        total += one.info.decoded_bytes
        if position and (position >= MOST_KEPT or total > MOST_KEPT_BYTES):
            _remove(one.file)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    shutil.rmtree(file.with_suffix(""), ignore_errors=True)


def _remove_older(own: Own, key: str) -> None:
    """Remove what the same data set was before its files changed."""
    for file in cache_folder().glob("own-*.json"):
        older = _kept(file)
        if older is not None and older.get("name") == own.name and file.stem != key:
            _remove(file)


def _sealed(known: Mapping[str, Any]) -> str:
    text = json.dumps(known)
    return json.dumps([hashlib.sha256(text.encode()).hexdigest(), text])


def _described(own: Own, key: str) -> DatasetInfo | None:
    """What was known when the arrays were decoded; None where nothing was, or it is damaged."""
    kept = _kept(_description(key))
    return None if kept is None else _info(own, kept)


def _kept(file: Path) -> dict[str, Any] | None:
    try:
        digest, text = json.loads(file.read_bytes())
        if hashlib.sha256(text.encode()).hexdigest() == digest:
            return json.loads(text)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    return None


def _info(own: Own, known: Mapping[str, Any]) -> DatasetInfo:
    classes = tuple(known["classes"])
    return DatasetInfo(
        name=own.name,
        title=own.path.stem if own.kind == "npz" else own.path.name,
        image_shape=tuple(known["image_shape"]),
        n_train=known["n_train"],
        n_test=known["n_test"],
        classes=classes,
        classes_fr=classes,
        download_bytes=0,
        licence="your own",
        licence_note="",
        citation="",
        sha256=known["sha256"],
        bundled=False,
    )


# --- files ----------------------------------------------------------------------------------------


def _files(own: Own) -> dict[str, list[Path]]:
    """The files that hold the data: of the parts train and test, or of "" where there are none."""
    hint = ""
    if "," in own.path.name:
        hint = " (the options behind it are side=, grey, test=, seed= and skip)"
    if own.kind == "npz":
        if not own.path.is_file():
            raise UserError(f"there is no file {own.path}; name an .npz file of NumPy{hint}.")
        return {"": [own.path]}
    if not own.path.is_dir():
        raise UserError(
            f"there is no folder {own.path}; name one with a folder for each class{hint}."
        )
    folders = {one.name for one in own.path.iterdir() if one.is_dir()}
    named = sorted(one for one in folders if one.lower() in _PARTS)
    if named not in ([], ["test", "train"]):
        raise UserError(
            f"{own.path} has the folders {', '.join(named)}: name them train and test, with a "
            "folder for each class in both; what validates is drawn from train."
        )
    parts = ("train", "test") if named else ("",)
    found = {part: list(islice(_below(own.path / part), MOST_FILES + 1)) for part in parts}
    if sum(map(len, found.values())) > MOST_FILES:
        raise UserError(f"{own.path} holds more than {MOST_FILES:,} files; name a smaller folder.")
    return found


def _below(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The visible files in the folders of a folder, in the order of their names.

    Links to folders are not followed: they may lead back.

    Raises:
        OSError: If a folder may not be read.
    """
    for one in sorted(folder.iterdir()):
        if one.name.startswith(".") or one.name in _JUNK:
            continue
        if one.is_dir():
            if not one.is_symlink():
                yield from _below(one, depth + 1)
        elif depth:
            yield one


# --- pictures -------------------------------------------------------------------------------------


def _from_folder(own: Own, files: Mapping[str, Sequence[Path]]) -> tuple[list[str], Arrays]:
    paths = [path for part in files.values() for path in part]
    if 3 * own.side**2 * len(paths) > MOST_BYTES:
        raise UserError(
            f"{len(paths):,} pictures of {own.side} × {own.side} pixels are more than "
            f"{MOST_BYTES // 2**30} GiB; give a smaller side, or fewer pictures."
        )
    parts = {part: _pictures(own.path / part, some, own.side) for part, some in files.items()}
    broken = [reason for part in parts.values() for reason in part.broken]
    if broken and not own.skip:
        named = "; ".join(broken[:MOST_NAMED])
        more = f"; and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
        raise UserError(
            f"{len(broken)} of {len(paths):,} files cannot be read: {named}{more}. Take them away, "
            f"or leave them out with the option skip: {replace(own, skip=True).name}"
        )
    classes = sorted({label for part in parts.values() for label in part.labels})
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise UserError(
            f"{own.path} should hold a folder of pictures for each class, from 2 to "
            f"{MOST_CLASSES}, and holds {len(classes)}."
        )
    for part, some in parts.items():
        if not some.labels:
            raise UserError(f"there is no picture in the folders of {own.path / part}.")
    if strange := [label for label in classes if not label.isprintable() or len(label) > 100]:
        raise UserError(
            f"the folder {in_short(strange[0])} of {own.path} should have a name of one line, as a "
            "class has."
        )
    grey = own.grey or not any(part.coloured for part in parts.values())
    pairs = {
        part: (
            np.stack([*map(luminance, some.images)]) if grey else some.images,
            np.array([classes.index(label) for label in some.labels], np.uint8),
        )
        for part, some in parts.items()
    }
    return classes, _divided(own, *pairs.values())


@dataclass(frozen=True, kw_only=True)
class _Pictures:
    """The pictures of a part, (n, side, side, 3), each with its class; why others are none."""

    images: np.ndarray
    labels: list[str]
    broken: list[str]

    @property
    def coloured(self) -> bool:
        """Whether one has a pixel that is not grey."""
        return bool((self.images != self.images[..., :1]).any())


def _pictures(root: Path, paths: Sequence[Path], side: int) -> _Pictures:
    images = np.empty((len(paths), side, side, 3), np.uint8)
    labels: list[str] = []
    broken: list[str] = []
    for path in told(f"reading {root.name}", paths):
        try:
            images[len(labels)] = read_picture(path, side=side)
            labels.append(path.relative_to(root).parts[0])
        except UserError as error:
            broken.append(str(error).rstrip("."))
    return _Pictures(images=images[: len(labels)], labels=labels, broken=broken)


def _divided(own: Own, *pairs: tuple[np.ndarray, np.ndarray]) -> Arrays:
    """Training and test arrays; a pair alone is divided by chance."""
    if len(pairs) == 1:
        ((images, labels),) = pairs
        split = train_validation_split(len(labels), validation=own.test, seed=own.seed)
        kept, out = (part.numpy() for part in split)
        pairs = ((images[kept], labels[kept]), (images[out], labels[out]))
    arrays = [array for pair in pairs for array in pair]
    return dict(zip(ARRAY_NAMES, map(np.ascontiguousarray, arrays), strict=True))


# --- arrays ---------------------------------------------------------------------------------------


def _from_npz(own: Own) -> tuple[list[str], Arrays]:
    with own.path.open("rb") as file:
        data = read_up_to(file, MOST_ARCHIVE_BYTES + 1)
    if len(data) > MOST_ARCHIVE_BYTES:
        raise UserError(f"{own.path} has more than {MOST_ARCHIVE_BYTES:,} bytes.")
    arrays = read_npz(data, name=str(own.path))
    names = next((names for names in _NAMES_OF_ARRAYS if set(names) <= arrays.keys()), None)
    if names is None:
        raise UserError(
            f"{own.path} should hold {', '.join(_NAMES_OF_ARRAYS[1])}, or images and labels, and "
            f"holds {', '.join(map(in_short, arrays)) or 'nothing'}."
        )
    chosen = [arrays[name] for name in names]
    images = [_images(own.path, *pair) for pair in zip(names[::2], chosen[::2], strict=True)]
    labels = [_labels(own.path, *pair) for pair in zip(names[1::2], chosen[1::2], strict=True)]
    for name, some, of_them in zip(names, images, labels, strict=False):
        if len(some) != len(of_them):
            raise UserError(
                f"{own.path} should hold a label for each of {name}, and holds {len(of_them)} "
                f"labels for {len(some)} images."
            )
    if len({some.shape[1:] for some in images}) > 1:
        raise UserError(f"{own.path} should hold training and test images of one shape.")
    number = 1 + max((int(some.max(initial=0)) for some in labels), default=0)
    classes = [str(k) for k in range(max(2, number))]
    return classes, _divided(own, *zip(images, labels, strict=True))


def _images(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    right = array.ndim == 3 or (array.ndim == 4 and array.shape[-1] == 3)
    if array.dtype != np.uint8 or not right or not all(array.shape):
        raise UserError(
            f"{name} of {path} should be uint8, (n, height, width) or (n, height, width, 3), and "
            f"is {array.dtype} {array.shape}."
        )
    return array


def _labels(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    whole = array.reshape(-1) if array.ndim == 2 and array.shape[-1] == 1 else array
    right = whole.ndim == 1 and whole.dtype.kind in "iu"
    if not right or (whole.size and not 0 <= whole.min() <= whole.max() < MOST_CLASSES):
        raise UserError(
            f"{name} of {path} should be whole numbers from 0 to {MOST_CLASSES - 1}, (n,), and is "
            f"{array.dtype} {array.shape}."
        )
    return whole.astype(np.uint8)
