"""Read the arrays of a .npz file of NumPy without evaluating or reserving what it announces.

A .npz is a zip of .npy files. `numpy.load` reserves an array for any shape that a header announces
and evaluates the header; here it is read by `npy.read_header`, and no member is unpacked further
than its array is long.
"""

import io
import math
import zipfile

import numpy as np

from retroprop.data.npy import read_header
from retroprop.data.safe_pickle import Refused, explained

_MOST_FILES = 10_000  # their list takes ten times its bytes
_MOST_BYTES = 2**29  # of all arrays together; MNIST in float64 is 445 million
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes


def is_npz(data: bytes) -> bool:
    """Whether a file looks like a zip of .npy files."""
    return data.startswith(b"PK") and b".npy" in data[-(2**16) :]  # its list is at its end


def read_npz(data: bytes, *, name: str) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by their names.

    Raises:
        UserError: If it holds anything but arrays of numbers, or is damaged.
    """
    return explained(lambda: _read(data), name=name, what="an .npz file of NumPy")


def open_zip(data: bytes) -> zipfile.ZipFile:
    """Open a zip that has not very many files.

    Raises:
        Refused: If it has.
        Exception: Whatever `zipfile` raises on a damaged one.
    """
    if data.count(b"PK\x01\x02") > _MOST_FILES:
        raise Refused(f"it is a zip of more than {_MOST_FILES:,} files")
    return zipfile.ZipFile(io.BytesIO(data))


def _read(data: bytes) -> dict[str, np.ndarray]:
    arrays, left = {}, _MOST_BYTES
    with open_zip(data) as archive:
        for member in archive.infolist():
            if member.compress_type not in _COMPRESSIONS:
                raise Refused("it is compressed in a way that NumPy does not use")
            with archive.open(member) as file:
                header = read_header(file)
                size = math.prod(header.shape) * header.dtype.itemsize
                left -= size
                if left < 0 or len(header.shape) > 8:
                    raise Refused("it has larger arrays than MNIST")
                raw = file.read(size + 1)
            if len(raw) != size:
                raise Refused(f"it has an array of shape {header.shape} in another number of bytes")
            array = np.frombuffer(raw, header.dtype)
            order = "F" if header.is_fortran else "C"
            arrays[member.filename.removesuffix(".npy")] = array.reshape(header.shape, order=order)
    return arrays
