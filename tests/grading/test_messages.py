"""Messages: what is sent comes back; what is malformed or too large is refused."""

import json

import pytest
import torch

from retroprop.grading.comparison import Unknown
from retroprop.grading.confined.messages import (
    LENGTHS,
    MOST_JSON,
    MOST_TENSORS,
    Incoming,
    TooLarge,
    packed,
)


def received(data, chunk=None):
    incoming = Incoming(Unknown)
    found = []
    for start in range(0, len(data), chunk or len(data)):
        incoming.add(data[start : start + (chunk or len(data))])
        while (message := incoming.message()) is not None:
            found += message
    return found


@pytest.mark.parametrize("chunk", [None, 1, 7])
def test_messages_come_back_one_by_one_however_they_are_cut(chunk):
    message = {"a": [1, (None, "é")], "t": torch.eye(2), "deep": {"u": [torch.zeros(0, 3)]}}
    one, other = received(packed(message) + packed(5), chunk)
    assert other == 5
    assert (one["a"], one["deep"]["u"][0].shape) == ([1, (None, "é")], (0, 3))
    assert torch.equal(one["t"], torch.eye(2))


def framed(text, body=b""):
    return LENGTHS.pack(len(text), len(body)) + text + body


TENSORS = json.dumps({"t0": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()


@pytest.mark.parametrize(
    "data",
    [
        framed(b""),
        framed(b"no JSON"),
        framed(b"\xff\xfe"),
        framed(b"[1, 2]"),
        framed(b'{"list": 3}'),
        framed(b'{"list": [], "dict": {}}'),
        framed(b'{"pickle": "x"}'),
        framed(b'{"tensor": "t0"}'),
        framed(b'{"tensor": ["t0"]}'),
        framed(b'{"list":[' * 100_000),
        framed(b"9" * 5_000),
        framed(b'{"tensor": "t0"}', b"no tensors"),
        framed(b'{"tensor": "t0"}', (2**60).to_bytes(8, "little") + TENSORS),
        framed(b'{"tensor": "t0"}', len(TENSORS).to_bytes(8, "little") + TENSORS + b"1234"),
        LENGTHS.pack(MOST_JSON + 1, 0),
        LENGTHS.pack(2, 2**32 - 1),
        b"\xff" * 8,
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        received(data)


@pytest.mark.parametrize(
    "message",
    [
        torch.zeros(MOST_TENSORS // 4 + (1 << 20)),
        [torch.zeros(MOST_TENSORS // 8 + (1 << 20))] * 2,
        ["x" * 10_000] * (MOST_JSON // 10_000 + 1),
    ],
)
def test_what_is_too_large_is_not_sent(message):
    with pytest.raises(TooLarge):
        packed(message)


def test_what_holds_itself_is_not_sent():
    message = []
    message.append(message)
    with pytest.raises(RecursionError):
        packed(message)


def test_a_text_as_long_as_a_file_comes_back_whole():
    text = "x = 1\n" * 20_000
    assert received(packed({"source": text})) == [{"source": text}]
