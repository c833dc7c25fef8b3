"""The text of a network file: read within limits, and every place in it by line and column.

A file may come from anywhere. So its size is bounded before it is decoded, a gzip file is unpacked
only as far as the bound, and what a parser allocates is bounded too (`Limits`).
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn

from retroprop.errors import UserError, did_you_mean

GZIP_MAGIC = b"\x1f\x8b"
LONGEST_SENTENCE = 400  # characters, whatever names a file gives; its own name not counted
_TOKEN = re.compile(r"[^\s;,(){}\[\]]+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a file may cost before it is refused.

    The largest published networks need a tenth of this: munin has 1,041 variables and its file
    1.2 MB, mildew 547,158 table entries.

    Attributes:
        bytes: Of the file's text, after gzip.
        variables: In the network.
        states: Of one variable.
        entries: In all tables together; each takes 8 bytes.
    """

    bytes: int = 32 * 2**20
    variables: int = 100_000
    states: int = 10_000
    entries: int = 2**24


LIMITS = Limits()


@dataclass(frozen=True)
class Source:
    """A text and the name that messages give it."""

    text: str
    name: str

    def where(self, offset: int) -> str:
        r"""The place of a character, counted from 1.

        >>> Source("ab\ncd", "x.bif").where(4)
        'x.bif, line 2, column 2'
        """
        offset = min(max(offset, 0), len(self.text))
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        return f"{self.name}, line {line}, column {column}"

    def fail(self, offset: int, sentence: str) -> NoReturn:
        """Raise a UserError that names the place.

        Raises:
            UserError: Always.
        """
        raise refusal(self.where(offset), sentence)

    def expected(self, offset: int, what: str) -> NoReturn:
        """Raise a UserError that says what was expected at a place and what stands there.

        Raises:
            UserError: Always.
        """
        if offset >= len(self.text):
            got = "the end of the file"
        else:
            found = _TOKEN.match(self.text, offset, offset + 40)
            got = repr(shortened(found[0] if found else self.text[offset]))
        self.fail(offset, f"expected {what}, and got {got}")


def refusal(place: str, sentence: str) -> UserError:
    """The error about a place of a file; the sentence is cut when it quotes too much of it."""
    sentence = shortened(sentence, LONGEST_SENTENCE)
    end = "" if sentence.endswith((".", "?", "…")) else "."
    return UserError(f"{place}: {sentence}{end}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """What was meant, or "" where saying that would take more than a line.

    >>> suggestion("rian", ["Rain", "Cloudy"])
    "Did you mean 'Rain'?"
    """
    names = [shortened(name) for name in islice(known, 2000)]
    near = did_you_mean(shortened(word), names) if names else ""
    return near if len(near) < 200 else ""


def shortened(text: str, longest: int = 30) -> str:
    """The text, cut when it is too long for a sentence."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def number(word: str) -> float | None:
    """The number that a word is, or None; Python alone would also read 1_000, nan and ١.

    >>> number("1e-3"), number("1_000")
    (0.001, None)
    """
    return float(word) if _NUMBER.fullmatch(word) else None


def read_bytes(path: Path, limits: Limits) -> bytes:
    """The bytes of a file, unpacked if it is gzipped (whatever its suffix).

    Raises:
        UserError: If it cannot be read, is damaged, or is larger than the limit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"the network file {path} cannot be read: {reason}.") from None
    return unpacked(data, str(path), limits)


def unpacked(data: bytes, name: str, limits: Limits) -> bytes:
    """The data, through gzip if they begin like a gzip file.

    Raises:
        UserError: If they are damaged or larger than the limit.
    """
    if data[:2] == GZIP_MAGIC:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(limits.bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            if len(data) > limits.bytes:
                data = data[: limits.bytes + 1]  # cut by us, not damaged
            else:
                raise UserError(
                    f"{name} should be a gzip file, but it is damaged: {error}."
                ) from None
    if len(data) > limits.bytes:
        raise UserError(
            f"{name} holds more than {limits.bytes:,} bytes; if you trust it, raise the limit: "
            "BayesNet.read(…, limits=Limits(bytes=…))."
        )
    return data


def decoded(data: bytes, name: str) -> Source:
    """The text of a file in UTF-8, its line ends made one character.

    A byte-order mark is left out; one of UTF-16, which Windows calls Unicode, is believed.

    Raises:
        UserError: If it is no such text.
    """
    utf_16 = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}, line {line}: expected text in UTF-8, and got the byte "
            f"{data[error.start]:#04x}; save it as UTF-8."
        ) from None
    return Source(text.replace("\r\n", "\n").replace("\r", "\n"), name)
