"""Reading pickles: arrays and plain containers come through, nothing else does, nothing runs."""

import datetime
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from retroprop.data.safe_pickle import read_pickle
from retroprop.errors import UserError

ARRAYS = {
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(4, dtype=">i4"),
    "strided": np.arange(8, dtype=np.int64)[::2],
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float32),
}
PLAIN = {
    "list": [1, -3, 2**70, True, None, 2.5, "é", b"\xff\x00", b""],
    "tuple": (1, (2, 3, 4, 5), ()),
    "dict": {3: [], "inner": {}},
}


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_come_through_every_protocol(protocol):
    read = read_pickle(pickle.dumps(ARRAYS, protocol), name="arrays")
    assert list(read) == list(ARRAYS)
    for key, array in ARRAYS.items():
        assert read[key].dtype == array.dtype, key
        np.testing.assert_array_equal(read[key], array)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_come_through_every_protocol(protocol):
    assert read_pickle(pickle.dumps(PLAIN, protocol), name="plain") == PLAIN


def test_an_array_referred_to_twice_is_the_same_array():
    array = np.arange(3)
    first, second = read_pickle(pickle.dumps([array, array], 2), name="twice")
    assert first is second
    np.testing.assert_array_equal(first, array)


def test_python_2_text_comes_out_as_bytes(cifar):
    batch = read_pickle(cifar.python2_batch("data_batch_1"), name="data_batch_1")
    assert set(batch) == {b"batch_label", b"labels", b"data"}
    assert batch[b"batch_label"] == b"one batch"
    assert batch[b"labels"] == cifar.labels["data_batch_1"].tolist()
    assert batch[b"data"].shape == (cifar.rows, 3072)


class _Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_refused_by_name_and_does_not_run(protocol):
    hostile = pickle.dumps({"data": _Runs("echo > marker")}, protocol)
    with pytest.raises(UserError, match=rf"batch should hold .* asks for {os.name}\.system"):
        read_pickle(hostile, name="batch")
    assert not Path("marker").exists()
    pickle.loads(hostile)  # the same bytes do run in pickle itself
    assert Path("marker").exists()


def test_an_instance_of_a_class_is_refused_by_name():
    with pytest.raises(UserError, match=r"asks for datetime\.date"):
        read_pickle(pickle.dumps(datetime.date(2009, 4, 8)), name="date")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_objects_are_refused(protocol):
    hostile = pickle.dumps(np.array([{"a": 1}, None], dtype=object), protocol)
    with pytest.raises(UserError, match="elements of type 'O8'"):
        read_pickle(hostile, name="objects")


def test_arrays_of_records_are_refused():
    records = np.zeros(2, dtype=[("x", "u1"), ("y", "u1")])
    with pytest.raises(UserError, match="elements of type 'V2'"):
        read_pickle(pickle.dumps(records), name="records")


@pytest.mark.parametrize("unfinished", [np.ndarray, [np.dtype], {"a": (np.dtype("u1"),)}])
def test_a_description_that_never_becomes_an_array_is_refused(unfinished):
    with pytest.raises(UserError, match="it is incomplete"):
        read_pickle(pickle.dumps(unfinished), name="part")


def test_an_array_with_fewer_bytes_than_its_shape_needs_is_refused():
    honest = pickle.dumps(np.arange(200, dtype=np.uint8), 2)
    assert honest.count(b"K\xc8") == 1  # the one number 200: its shape
    with pytest.raises(UserError, match=r"shape \(201,\) in 200 bytes"):
        read_pickle(honest.replace(b"K\xc8", b"K\xc9"), name="short")


@pytest.mark.parametrize("protocol", range(6))
def test_a_truncated_pickle_is_refused_wherever_it_ends(protocol):
    whole = pickle.dumps({"data": np.arange(4, dtype=np.uint8), "labels": [1, 2]}, protocol)
    for length in range(len(whole)):
        with pytest.raises(UserError, match="cut should"):
            read_pickle(whole[:length], name="cut")


def test_deep_nesting_does_not_overflow_the_stack():
    depth = 100_000
    value = read_pickle(b"(" * depth + b"t" * depth + b".", name="deep")
    levels = 1
    while value:
        (value,) = value
        levels += 1
    assert levels == depth


def test_rubbish_is_refused_with_one_sentence():
    with pytest.raises(UserError, match="noise should be a pickle file") as caught:
        read_pickle(b"\x89PNG not a pickle", name="noise")
    assert "\n" not in str(caught.value)
