"""The IDX format of MNIST and Fashion-MNIST, read strictly.

A file is: two zero bytes, a type code (8 = uint8), the number of dimensions d, then d big-endian
32-bit sizes, then the array in C order and nothing else. Source: LeCun, Cortes and Burges,
"The MNIST database of handwritten digits".

We know every size beforehand, so a file is decompressed only as far as its known length plus one
byte: one that would expand to gigabytes is refused after reading a few megabytes.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from retroprop.errors import UserError, in_short

_UINT8 = 8


def read_idx_gzip(path: Path, *, shape: tuple[int, ...]) -> np.ndarray:
    """Read a gzip-compressed IDX file of uint8 whose shape is known.

    Raises:
        UserError: If the file cannot be read or is not exactly that array.
    """
    length = _header_length(shape) + math.prod(shape)
    try:
        with gzip.open(path) as file:
            # The byte too many makes gzip reach the end of the file and check its CRC.
            data = file.read(length + 1)
    except FileNotFoundError:
        raise UserError(f"{path.name} is missing from {path.parent}; install again") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path.name} should be a gzip file, but {_reason(error)}; get the file again"
        ) from error
    if len(data) > length:
        raise UserError(
            f"{path.name} should expand to {length:,} bytes, but it holds more; get the file again"
        )
    return decode_idx(data, name=path.name, shape=shape)


def decode_idx(data: bytes, *, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Decode IDX bytes into the uint8 array of the given shape (a read-only view of `data`).

    >>> decode_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), name="labels", shape=(3,))
    array([7, 8, 9], dtype=uint8)

    Raises:
        UserError: If type, dimensions, sizes or length differ from what `shape` demands.
    """
    header = _header_length(shape)
    magic = bytes([0, 0, _UINT8, len(shape)])
    if data[:4] != magic:
        raise UserError(
            f"{name} should begin with the IDX magic number {magic.hex()}, "
            f"got {data[:4].hex() or 'nothing'}; is this the right file?"
        )
    if len(data) < header:
        raise UserError(
            f"{name} should have a header of {header} bytes, got {len(data)}; get the file again"
        )
    sizes = tuple(int(size) for size in np.frombuffer(data, ">u4", len(shape), offset=4))
    if sizes != shape:
        raise UserError(
            f"{name} should hold an array of shape {shape}, got {sizes}; is this the right file?"
        )
    if len(data) != header + math.prod(shape):
        raise UserError(
            f"{name} should have {header + math.prod(shape):,} bytes, got {len(data):,}; "
            "get the file again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _header_length(shape: tuple[int, ...]) -> int:
    return 4 + 4 * len(shape)


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return f"it is damaged ({error})"
    return in_short(error)
