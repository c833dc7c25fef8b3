"""The header of .npy files: what NumPy writes is read, and nothing else is evaluated."""

import io

import numpy as np
import pytest

from retroprop.data.npy import read_header


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3), ">i4"),
        np.array(True),
        np.ones(1, np.complex64),
    ],
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_what_numpy_writes_is_read(array, version):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    file.seek(0)
    header = read_header(file)
    assert (header.dtype, header.shape) == (array.dtype, array.shape)
    numbers = np.frombuffer(file.read(), header.dtype)
    order = "F" if header.is_fortran else "C"
    np.testing.assert_array_equal(numbers.reshape(header.shape, order=order), array)


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros(2, "u1,u1"), np.array([None])])
def test_other_elements_than_numbers_are_refused(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    file.seek(0)
    with pytest.raises(ValueError, match="not that of an array of numbers"):
        read_header(file)


@pytest.mark.parametrize("length", range(128))
def test_a_header_that_ends_too_early_is_refused(length):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"it does not begin|not that of"):
        read_header(io.BytesIO(file.getvalue()[:length]))
