"""A stream that gives so many bytes and no more, however far a small file would expand."""

import io
import zlib
from typing import TYPE_CHECKING, Protocol

from retroprop.errors import UserError, in_short

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


PIECE = 2**20
"""Bytes asked for at once: a reader sets aside what it is asked for, whatever there is."""


def read_up_to(file: "_Readable", length: int) -> bytes:
    """As many bytes as asked for, or those that there are; no more memory than they take."""
    read = io.BytesIO()
    while piece := file.read(min(PIECE, length - read.tell())):
        read.write(piece)
    return read.getvalue()


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bounded(io.RawIOBase):
    """The bytes of another stream, with a sentence for what goes wrong in reading it.

    Args:
        stream: A file, or what `gzip.open` gives.
        limit: The most bytes it may have.
        too_long: What to say when it has more.
        unreadable: What to say when it cannot be read, with {error} in place of the reason.
    """

    def __init__(self, stream: _Readable, *, limit: int, too_long: str, unreadable: str) -> None:
        super().__init__()
        self.stream, self.left = stream, limit
        self.too_long, self.unreadable = too_long, unreadable

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill a buffer as far as the stream goes; the number of bytes, 0 at the end.

        Raises:
            UserError: If there are more bytes than may be, or they cannot be read.
        """
        view = memoryview(buffer).cast("B")
        try:
            # One byte too many tells a stream that goes on from one that ends at the limit.
            data = self.stream.read(min(len(view), self.left + 1, PIECE))
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(self.unreadable.replace("{error}", in_short(error))) from error
        self.left -= len(data)
        if self.left < 0:
            raise UserError(self.too_long)
        view[: len(data)] = data
        return len(data)
