"""Reading pickles: arrays and plain containers come through, nothing else does, nothing runs."""

import datetime
import io
import os
import pickle
import struct
import time
import tracemalloc
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


def text_of(raw):
    """Bytes as Python 2 writes them in protocol 0: quoted, with everything else escaped."""
    return b"S'" + "".join(f"\\x{byte:02x}" for byte in raw).encode() + b"'\n"


def python2_array(array):
    """An array as Python 2's cPickle wrote it in protocol 0, opcode by opcode."""
    code, order = array.dtype.str[1:].encode(), array.dtype.str[:1].encode()
    shape = b"".join(b"I%d\n" % size for size in array.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(" + shape + b"tcnumpy\ndtype\n(S'" + code + b"'\nI0\nI1\ntR"
        b"(I3\nS'" + order + b"'\nNNNI-1\nI-1\nI0\ntbI00\n" + text_of(array.tobytes()) + b"tb"
    )


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.1, -2.5e8], [np.pi, 1 / 255]], np.float32),
        np.linspace(-1, 1, 7),
        np.arange(256, dtype=np.uint8),
        np.array([3, -4], ">i4"),
    ],
    ids=["float32", "float64", "every byte", "big endian"],
)
def test_an_array_that_python_2_wrote_as_text_comes_through(array):
    file = b"(" + python2_array(array) + b"I7\nt."
    with np.errstate(all="ignore"):
        theirs, seven = pickle.loads(file, encoding="latin1")  # as people read such files
    ours, number = read_pickle(file, name="python2.pkl")
    assert (ours.dtype, number) == (array.dtype, seven)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, array)


def test_every_byte_and_both_quotes_of_python_2_text_come_out_as_bytes():
    every = bytes(range(256))
    assert read_pickle(text_of(every) + b".", name="text") == every
    assert read_pickle(b'S"it\'s"\n.', name="text") == b"it's"
    assert read_pickle(b"S'\\'\\\\\\n\\t'\n.", name="text") == b"'\\\n\t"
    assert read_pickle(b"S''\n.", name="text") == b""


@pytest.mark.parametrize(
    "line", [b"abc", b"'abc", b"abc'", b"'abc\"", b"'", b"", b"'a' + 'b", b"'\xe9'", b"'\\x4'"]
)
def test_python_2_text_that_is_not_one_quoted_line_is_refused(line):
    with pytest.raises(UserError, match="text should be a pickle file, but it is damaged"):
        read_pickle(b"S" + line + b"\n.", name="text")
    with pytest.raises(UserError, match="damaged"):
        read_pickle(b"S'abc'", name="text")  # no end of line


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"cos\nsystem\n(S'\\x65cho > marker'\ntR.", r"asks for os\.system"),
        (b"(S'echo > marker'\nios\nsystem\n.", "uses the instruction INST"),
        (b"(cos\nsystem\nS'echo > marker'\no.", r"asks for os\.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.", r"asks for __builtin__\.eval"),
        (b"cnumpy\nload\n(S'marker'\ntR.", r"asks for numpy\.load"),
        (b"S'os'\nS'system'\n\x93(S'echo > marker'\ntR.", "asks for "),
        (b"Pmarker\n.", "uses the instruction PERSID"),
        (b"S'marker'\nQ.", "uses the instruction BINPERSID"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n.", r"asks for torch\._utils"),
        (b"ctorch\nFloatStorage\n.", r"asks for torch\.FloatStorage"),
        (b"ccollections\nOrderedDict\n(tR.", r"asks for collections\.OrderedDict"),
        (b"V\\u001b[2J\\u000a\nVname\n\x93.", r"asks for '\\x1b\[2J\\n\.name'"),
    ],
)
def test_hostile_pickles_written_by_hand_are_refused_and_do_not_run(file, sentence):
    with pytest.raises(UserError, match=f"hand should hold .* {sentence}"):
        read_pickle(file, name="hand")
    assert not Path("marker").exists()


def test_python_2_text_of_another_length_than_the_array_is_refused():
    honest = b"(" + python2_array(np.arange(4, dtype=np.float32)) + b"t."
    for wrong in (honest.replace(b"I4\n", b"I5\n"), honest.replace(b"\\x40'", b"'")):
        assert wrong != honest
        with pytest.raises(UserError, match=r"shape \([45],\) in 1[56] bytes"):
            read_pickle(wrong, name="short")


def test_a_truncated_pickle_of_python_2_is_refused_wherever_it_ends():
    whole = b"(" + python2_array(np.arange(3, dtype=np.float32)) + b"t."
    for length in range(len(whole)):
        with pytest.raises(UserError, match="cut should"):
            read_pickle(whole[:length], name="cut")


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


# --- small files that are much work ---------------------------------------------------------------


def nested(levels):
    """A tuple of two times a tuple of two times … : its text would have 2^levels parts."""
    return b"(t" + b"".join(b"p%d\ng%d\n\x86" % (i, i) for i in range(levels))


@pytest.fixture
def little_work():
    """Fail if the test takes more than two seconds of processor time."""
    before = time.process_time()
    yield
    assert time.process_time() - before < 2


BOMB = nested(60)
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(tR"
ELEMENTS = b"cnumpy\ndtype\n(Vu1\ntR"
LARGE = b"\x8a\xff" + b"\x7f" * 255  # a number of 614 digits
LATIN = b"c_codecs\nencode\n"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"cnumpy\ndtype\n" + BOMB + b"\x85R.", "describes an array by a tuple"),
        (BOMB + b"Vx\n\x93.", "asks for something that is not a name"),
        (b"Vos\n" + BOMB + b"\x93.", "asks for something that is not a name"),
        (LATIN + BOMB + b"Vlatin1\n\x86R.", "bytes that are written as a tuple"),
        (LATIN + b"Va\n" + BOMB + b"\x86R.", "describes an array by a tuple"),
        (b"}" + BOMB + b"I1\ns.", "a tuple as a dictionary key"),
        (ELEMENTS + b"(I3\n" + BOMB + b"NNNI-1\nI-1\nI0\ntb.", "describes an array by a tuple"),
        (ARRAY + b"(I1\n" + BOMB + ELEMENTS + b"\x89Vx\ntb.", "not made of plain numbers"),
        (ARRAY + b"(I1\n(" + BOMB + b"t" + ELEMENTS + b"\x89C\x01xtb.", "an impossible shape"),
        (ARRAY + b"(I1\n(L" + b"9" * 900 + b"\nt" + ELEMENTS + b"\x89C\x01xtb.", "impossible"),
        (ARRAY + b"(I1\n(" + LARGE + b"t" + ELEMENTS + b"\x89C\x01xtb.", "an impossible shape"),
        (b"\x8b" + struct.pack("<i", 5_000) + b"\x7f" * 5_000 + b".", "more than 255 bytes"),
        (b"L" + b"9" * 5_000 + b"L\n.", "is damaged"),
        (b"V" + b"x" * 2**21 + b"\\u2603\n.", "a text of 2,097,159 bytes that is no array"),
        (b"X" + struct.pack("<I", 2**21 + 3) + b"x" * 2**21 + "☃".encode() + b".", "no array"),
        (b"X\xff\xff\xff\xff.", "is damaged"),
        (b"\x8d" + b"\xff" * 8 + b"x.", "is damaged"),
        (b"\x8e" + b"\xff" * 8 + b"x.", "is damaged"),
        (b"N0" * 150_000 + b"N.", "more than 300,000 instructions"),
        (b"g" + b"9" * 900 + b"\n.", "is damaged"),
    ],
    ids=range(20),
)  # fmt: skip
def test_a_small_file_that_would_be_much_work_is_refused_at_once(file, sentence, little_work):
    with pytest.raises(UserError, match=sentence) as caught:
        read_pickle(file, name="bomb")
    assert len(str(caught.value)) < 300


def test_numbers_of_one_hash_are_no_dictionary_keys(little_work):
    prime = 2**61 - 1  # Python's hash of a number is its remainder by this
    with pytest.raises(UserError, match="a very large number as a dictionary key"):
        read_pickle(pickle.dumps({k * prime: None for k in range(1, 3_000)}), name="bomb")
    for key in (-(2**60) + 1, 2**60 - 1, 2.0**300, True):
        assert read_pickle(pickle.dumps({key: 1}), name="plain") == {key: 1}


def test_many_arrays_beside_many_remembered_values_take_linear_time(little_work):
    values = b"".join(b"Nr" + struct.pack("<I", i) + b"0" for i in range(2, 20_000))
    announced, element = ARRAY + b"q\x000", ELEMENTS + b"q\x010"
    described = b"h\x00(I1\n(I1\nth\x01\x89C\x01xtb0"
    file = announced + element + values
    read_pickle(file + b"N.", name="remembered")
    again = ARRAY + b"(I1\n(I1\nth\x01\x89C\x01xtb0"
    read_pickle(file + described + again * 4_000 + b"N.", name="arrays")


def test_a_long_text_takes_no_more_memory_than_it_has_bytes():
    text = b"x" * 2**22 + "☃".encode()
    file = b"X" + struct.pack("<I", len(text)) + text + b"."
    tracemalloc.start()
    with pytest.raises(UserError, match="no array"):
        read_pickle(file, name="bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * len(file)


@pytest.mark.parametrize("code", [b"X", b"T", b"B", b"\x8d", b"\x8e", b"\x96"])
def test_a_length_that_no_bytes_follow_takes_no_memory(code):
    length = struct.pack("<Q" if code > b"\x80" else "<I", 2**29 - 1)
    file = io.BufferedReader(io.BytesIO(code + length + b"x" * 50))
    tracemalloc.start()
    with pytest.raises(UserError, match="damaged"):
        read_pickle(file, name="bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_bytes_written_as_text_are_not_made_again_and_again(little_work):
    text = b"X" + struct.pack("<I", 2**20) + b"x" * 2**20 + b"q\x000"
    encoded = LATIN + b"h\x00Vlatin1\n\x86R0"
    with pytest.raises(UserError, match="more than 536,870,912 bytes"):
        read_pickle(text + encoded * 1_000 + b"N.", name="bomb")


def test_a_pickle_is_read_from_a_stream_too():
    assert read_pickle(io.BytesIO(pickle.dumps(PLAIN)), name="stream") == PLAIN
