r"""The header of NumPy's .npy files, read without evaluating it.

    \x93NUMPY  major  minor  length of the header  {'descr': '|u1', 'fortran_order': False,
    'shape': (60000, 28, 28), }  and then the numbers

NumPy's own reader evaluates the header as a Python literal, and so reads more than NumPy writes,
fails in a dozen ways, and reserves memory for any shape that it announces. Here it is compared with
a pattern, and only arrays of numbers and truth values come through.

Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".
"""

import re
from dataclasses import dataclass
from typing import IO

import numpy as np

ELEMENT = re.compile(r"[|<>=]?(b1|[iu][1248]|f[248]|c8|c16)")
"""The element types of arrays of plain numbers, as NumPy writes them."""

_MAGIC = b"\x93NUMPY"
_LONGEST = 1000  # a header that NumPy writes has some 120 bytes
_HEADER = re.compile(
    rb"\{'descr': '(?P<descr>[|<>=\w]{2,4})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(\d{1,15}, ?)*(\d{1,15})?)\), \} *\n"
)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is said of the numbers that follow."""

    dtype: np.dtype
    shape: tuple[int, ...]
    is_fortran: bool


def read_header(file: IO[bytes]) -> Header:
    """Read the header of a .npy file that is open at its beginning, and leave it behind that.

    Raises:
        ValueError: If it is no header of an array of numbers.
    """
    start = file.read(8)
    if start[:6] != _MAGIC or start[6:8] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise ValueError("it does not begin as a .npy file")
    length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
    found = _HEADER.fullmatch(file.read(min(length, _LONGEST + 1)))
    if found is None or not ELEMENT.fullmatch(descr := found["descr"].decode()):
        raise ValueError("its header is not that of an array of numbers")
    shape = tuple(int(size) for size in found["shape"].replace(b" ", b"").split(b",") if size)
    return Header(dtype=np.dtype(descr), shape=shape, is_fortran=found["fortran"] == b"True")
