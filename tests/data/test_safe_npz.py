"""Reading .npz files: arrays come through, and nothing is unpacked further than it is long."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from retroprop.data.safe_npz import is_npz, read_npz
from retroprop.errors import UserError

ARRAYS = {
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "number": np.array(3, ">i4"),
    "empty": np.zeros((0, 3), np.float32),
}


def saved(save=np.savez, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def zip_of(content, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("x.npy", content)
    return buffer.getvalue()


def npy(shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_through(save):
    file = saved(save, **ARRAYS)
    assert is_npz(file)
    read = read_npz(file, name="arrays.npz")
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype, name
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy((2**40,)), "larger arrays than MNIST"),
        (npy((10**14, 10**14)), "larger arrays than MNIST"),
        (npy((1,) * 40) + b"x", "larger arrays than MNIST"),
        (npy((3,)) + b"xx", r"shape \(3,\) in another number of bytes"),
        (npy((3,)) + bytes(2**26), r"shape \(3,\) in another number of bytes"),
        (b"no array", "does not begin as a .npy file"),
    ],
)
def test_what_announces_too_much_is_refused_without_unpacking_it(content, sentence):
    file = zip_of(content)
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"bomb\.npz should .*{sentence}"):
        read_npz(file, name="bomb.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_objects_and_other_compressions_are_refused():
    with pytest.raises(UserError, match="not that of an array of numbers"):
        read_npz(saved(x=np.array([None])), name="objects.npz")
    with pytest.raises(UserError, match="a way that NumPy does not use"):
        read_npz(zip_of(bytes(2**20), zipfile.ZIP_LZMA), name="bomb.npz")


def test_a_truncated_file_is_refused_wherever_it_ends():
    whole = saved(x=np.arange(9))
    for length in range(0, len(whole), 5):
        with pytest.raises(UserError, match=r"an \.npz file of NumPy, but it is damaged"):
            read_npz(whole[:length], name="cut.npz")
