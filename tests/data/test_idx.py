"""The IDX reader takes exactly the array that it was told to expect, and says why not otherwise."""

import gzip
import tracemalloc

import numpy as np
import pytest

from retroprop.data.idx import decode_idx, read_idx_gzip
from retroprop.errors import UserError

SHAPE = (3, 2, 5)
ARRAY = np.arange(30, dtype=np.uint8).reshape(SHAPE)


def idx(array: np.ndarray = ARRAY, *, type_code: int = 8) -> bytes:
    header = bytes([0, 0, type_code, array.ndim])
    return header + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images.gz"


def test_a_file_comes_back_as_the_array_that_was_written(path):
    path.write_bytes(gzip.compress(idx()))
    read = read_idx_gzip(path, shape=SHAPE)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, ARRAY)


def test_a_missing_file_is_named(path):
    with pytest.raises(UserError, match=r"images\.gz is missing"):
        read_idx_gzip(path, shape=SHAPE)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    whole = gzip.compress(idx())
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"images\.gz should"):
            read_idx_gzip(path, shape=SHAPE)


def test_a_flipped_bit_in_the_compressed_bytes_is_never_read_as_another_array(path):
    whole = bytearray(gzip.compress(idx()))
    for position in range(10, len(whole)):  # after gzip's header, which holds a date and a name
        damaged = whole.copy()
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"images\.gz should"):
            read_idx_gzip(path, shape=SHAPE)


def test_a_file_that_is_not_gzip_is_refused(path):
    path.write_bytes(idx())
    with pytest.raises(UserError, match="should be a gzip file, but it is damaged"):
        read_idx_gzip(path, shape=SHAPE)


@pytest.mark.parametrize("data", [b"", b"\x01" + idx()[1:], idx(type_code=9), idx(ARRAY[0])])
def test_a_wrong_magic_number_is_refused(data):
    with pytest.raises(UserError, match="IDX magic number 00000803, got"):
        decode_idx(data, name="images", shape=SHAPE)


def test_a_wrong_number_of_images_is_refused():
    with pytest.raises(UserError, match=r"shape \(3, 2, 5\), got \(2, 2, 5\)"):
        decode_idx(idx(ARRAY[:2]), name="images", shape=SHAPE)


def test_a_truncated_header_is_refused():
    with pytest.raises(UserError, match="header of 16 bytes, got 15"):
        decode_idx(idx()[:15], name="images", shape=SHAPE)


def test_missing_and_trailing_bytes_are_refused(path):
    with pytest.raises(UserError, match="should have 46 bytes, got 45"):
        decode_idx(idx()[:-1], name="images", shape=SHAPE)
    with pytest.raises(UserError, match="should have 46 bytes, got 47"):
        decode_idx(idx() + b"\0", name="images", shape=SHAPE)
    path.write_bytes(gzip.compress(idx() + b"\0"))
    with pytest.raises(UserError, match="expand to 46 bytes, but it holds more"):
        read_idx_gzip(path, shape=SHAPE)


def test_a_zip_bomb_is_refused_without_expanding_it(path):
    with gzip.open(path, "wb") as file:
        file.write(idx())
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="it holds more"):
            read_idx_gzip(path, shape=SHAPE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
