"""A bounded stream gives what the other has, and a sentence for what goes wrong."""

import gzip
import io
import tracemalloc

import pytest

from retroprop.data.bounded import Bounded
from retroprop.errors import UserError


def bounded(content, *, limit):
    return Bounded(
        gzip.GzipFile(fileobj=io.BytesIO(content)),
        limit=limit,
        too_long="it holds more",
        unreadable="it cannot be read ({error}); get it again",
    )


def test_all_bytes_come_through_up_to_the_limit():
    content = b"line\n" + bytes(range(256))
    stream = io.BufferedReader(bounded(gzip.compress(content), limit=len(content)))
    assert stream.readline() == b"line\n"
    assert stream.read(1) == b"\0"
    assert stream.read() == content[6:]
    with pytest.raises(UserError, match="it holds more"):
        bounded(gzip.compress(content), limit=len(content) - 1).readall()


def test_a_small_file_is_not_expanded_beyond_the_limit():
    bomb = gzip.compress(bytes(2**26))
    tracemalloc.start()
    with pytest.raises(UserError, match="it holds more"):
        io.BufferedReader(bounded(bomb, limit=2**16)).read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("change", [lambda c: c[:-9], lambda c: b"PK" + c, lambda c: c[:-8] + c])
def test_what_keeps_it_from_being_read_is_said(change):
    with pytest.raises(UserError, match=r"it cannot be read \(.+\); get it again"):
        bounded(change(gzip.compress(b"content" * 99)), limit=10_000).readall()
