"""Read NumPy arrays out of a pickle file without running anything that the file says.

A pickle is a program for a small stack machine, and `pickle.load` runs it: a hostile file can
call any function. Here `pickletools` only *names* the instructions (it executes none) and
we interpret the few that plain data needs. Arrays are described in a pickle as calls of
`numpy.core.multiarray._reconstruct` and friends; we recognise those descriptions by name and
build the array ourselves with `np.frombuffer`. Any other global is refused, by name.

Nor may a small file keep the machine busy or fill its memory. Every instruction takes time and
memory in proportion to the bytes that it brings, and there are so many at most; nothing of the file
is turned into text, compared or hashed before its type and size are known, because a tuple nested
in itself twenty-five times has millions of parts, and numbers may be chosen to have one hash.

Python 2 text (`str`) comes out as bytes, as with `pickle.load(..., encoding="bytes")`.

Source: the opcode documentation in CPython's `Lib/pickletools.py`.
"""

import codecs
import io
import math
import pickletools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

import numpy as np

from retroprop.data.bounded import read_up_to
from retroprop.data.npy import ELEMENT
from retroprop.errors import UserError, in_short

_MOST_INSTRUCTIONS = 300_000  # MNIST's labels as a list of text take 140,000
_MOST_BYTES = 2**29  # of one value, and of all bytes written as text together
_LONG_LINE = 1_000  # of a number or a name written as text
_LONG_TEXT = 2**20  # beyond it only bytes written as text come through
_LARGEST_SIZE = 2**40  # of an axis, or a length
_LARGEST_KEY = 2**60  # numbers below it differ in their hash


def read_pickle(data: bytes | BinaryIO, *, name: str) -> Any:
    """Return the object a pickle describes: builtin containers, scalars and NumPy arrays.

    Args:
        data: The file's bytes, or the file itself.
        name: What to call it in a sentence.

    >>> import pickle
    >>> read_pickle(pickle.dumps({"labels": [1, 2]}), name="labels.pkl")
    {'labels': [1, 2]}

    Raises:
        UserError: If the file needs anything else, or is damaged.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    return explained(lambda: Machine().run(file), name=name)


Value = TypeVar("Value")


def explained(read: Callable[[], Value], *, name: str, what: str = "a pickle file") -> Value:
    """What a reader gives; whatever stops it becomes one sentence about the file.

    Args:
        read: Reads the file, or raises something.
        name: What to call the file.
        what: What the file should be.

    Raises:
        UserError: If it was stopped.
    """
    try:
        return read()
    except Refused as error:
        raise UserError(
            f"{name} should hold only arrays, lists, dictionaries and numbers, but {error}; "
            "get the file from its official source"
        ) from None
    except UserError:  # of the stream that it is read from
        raise
    except Exception as error:
        # A stack machine fed with rubbish fails in many ways; all mean the same.
        reason = in_short(error) or type(error).__name__
        raise UserError(
            f"{name} should be {what}, but it is damaged ({reason}); get the file again"
        ) from error


class Refused(Exception):  # noqa: N818 - a verdict on the file, named as one
    """The file asks for something that plain data never needs."""


class Unfinished:
    """What may lie on the stack, but is no data."""


class _Mark(Unfinished):
    """Where a tuple, list or dictionary began on the stack."""


@dataclass(eq=False)
class Global(Unfinished):
    """The name of something that the file would import; we only compare it."""

    name: str


@dataclass(eq=False)
class _Dtype(Unfinished):
    """An element type that the file is describing."""

    dtype: np.dtype


@dataclass(eq=False)
class _Array(Unfinished):
    """An array announced, and the array once it is described."""

    finished: np.ndarray | None = None


_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_NDARRAY = "numpy.ndarray"
_DTYPE = "numpy.dtype"
_ENCODE = "_codecs.encode"  # how Python 3 writes bytes in the old protocols
_FROM_BUFFER = (  # how NumPy describes an array in protocol 5
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
)
_EMPTY_BYTES = ("__builtin__.bytes", "builtins.bytes")  # b"" in the old protocols

# Instructions whose argument is the value to push, as pickletools decodes it.
_LITERALS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "STRING",
))  # fmt: skip
_PYTHON2_TEXT = frozenset(("BINSTRING", "SHORT_BINSTRING"))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"MARK": _Mark, "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_TEXTS = {"SHORT_BINUNICODE": 1, "BINUNICODE": 4, "BINUNICODE8": 8}  # bytes of their length
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


class Machine:
    """The stack machine, restricted to plain data and descriptions of arrays.

    Attributes:
        allowed: The names that a file may use; `describe` knows what they stand for.
    """

    allowed = frozenset((
        *_RECONSTRUCT, *_FROM_BUFFER, *_EMPTY_BYTES, _NDARRAY, _DTYPE, _ENCODE
    ))  # fmt: skip

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.bytes_left = _MOST_BYTES

    def run(self, file: BinaryIO) -> Any:
        """The object of the pickle that begins here; the file is left behind its end."""
        for opcode, argument in instructions(file):
            if opcode == "STOP":
                result = self.stack.pop()
                _assert_plain(result)
                return result
            self.step(opcode, argument)
        raise ValueError("it ends before its STOP")

    def step(self, opcode: str, argument: Any) -> None:
        """Do what one instruction says.

        Raises:
            Refused: If plain data does not need it.
        """
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(argument)
            return
        if opcode in _PYTHON2_TEXT:
            stack.append(argument.encode("latin-1"))
            return
        if opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
            return
        if opcode in _EMPTY:
            stack.append(_EMPTY[opcode]())
            return
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "POP":
                stack.pop()
            case "TUPLE":
                stack.append(tuple(self._pop_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._pop_last(int(opcode[-1]))))
            case "LIST":
                stack.append(self._pop_to_mark())
            case "DICT":
                items = self._pop_to_mark()
                stack.append({})
                self._set_items(items)
            case "APPEND":
                items = self._pop_last(1)
                self._container(list).extend(items)
            case "APPENDS":
                items = self._pop_to_mark()
                self._container(list).extend(items)
            case "SETITEM":
                self._set_items(self._pop_last(2))
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                value = self.memo[argument]
                # An array that was remembered when it was announced means the finished one.
                finished = value.finished if isinstance(value, _Array) else None
                stack.append(value if finished is None else finished)
            case "GLOBAL":
                stack.append(self.named(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                module, attribute = self._pop_last(2)
                if type(module) is not str or type(attribute) is not str:
                    raise Refused("it asks for something that is not a name")
                stack.append(self.named(f"{module[:80]}.{attribute[:80]}"))
            case "REDUCE":
                function, arguments = self._pop_last(2)
                if not isinstance(function, Global) or type(arguments) is not tuple:
                    raise Refused("it calls something that is not a function name")
                stack.append(self.describe(function.name, arguments))
            case "BUILD":
                self._build()
            case _:
                raise Refused(f"it uses the instruction {opcode}")

    def named(self, name: str) -> Global:
        """A name that the file uses, if it may."""
        if name not in self.allowed:
            shown = name[:80]
            raise Refused(f"it asks for {shown if shown.isprintable() else in_short(shown)}")
        return Global(name)

    def describe(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """What a call in the file stands for, without calling anything of the file's choice."""
        if function in _RECONSTRUCT:
            return _Array()
        if function == _DTYPE:
            code = _code(arguments[0])
            if not ELEMENT.fullmatch(code):
                raise Refused(f"it has an array with elements of type {code[:20]!r}")
            return _Dtype(np.dtype(code))
        if function == _ENCODE and _is_tuple(arguments, 2) and _code(arguments[1]) == "latin1":
            return self._bytes_of(arguments[0])
        if function in _EMPTY_BYTES and arguments == ():
            return b""
        if function in _FROM_BUFFER and _is_tuple(arguments, 4):
            raw, element, shape, order = arguments
            return _make_array(shape, element, raw, is_fortran=_code(order) == "F")
        raise Refused(f"it calls {function}")

    def _bytes_of(self, text: Any) -> bytes:
        """The bytes that an old protocol has as text; what is remembered could be asked for often.

        Raises:
            Refused: If all of them together are more than a file can have.
        """
        if type(text) is not str:
            raise Refused(f"it has bytes that are written as a {type(text).__name__}")
        self.bytes_left -= len(text)
        if self.bytes_left < 0:
            raise Refused(f"it has more than {_MOST_BYTES:,} bytes")
        return text.encode("latin-1")

    def _pop_last(self, n: int) -> list[Any]:
        if n > len(self.stack):
            raise Refused("its stack runs empty")
        items = self.stack[-n:]
        del self.stack[-n:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def _container(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise Refused(f"it fills a {type(self.stack[-1]).__name__} as a {kind.__name__}")
        return self.stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._container(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a tuple nested a million deep would overflow the interpreter's own stack.
            if not isinstance(key, str | bytes | int | float):
                raise Refused(f"it has a {type(key).__name__} as a dictionary key")
            if isinstance(key, int) and abs(key) >= _LARGEST_KEY:
                raise Refused("it has a very large number as a dictionary key")
            target[key] = value

    def _build(self) -> None:
        """Complete the array or the element type on the stack from its state."""
        unfinished, state = self._pop_last(2)
        if isinstance(unfinished, _Dtype) and _is_tuple(state, 8):
            # (version, byte order, subarray, names, fields, size, alignment, flags)
            if any(part is not None for part in state[2:5]):
                raise Refused("it has an array of records")
            order = _code(state[1])
            if order not in ("<", ">", "|", "="):
                raise Refused(f"it has an array in the byte order {order[:20]!r}")
            unfinished.dtype = unfinished.dtype.newbyteorder(order)
            self.stack.append(unfinished)
        elif isinstance(unfinished, _Array) and _is_tuple(state, 5):
            _, shape, element, is_fortran, raw = state  # first comes a version number
            array = _make_array(shape, element, raw, is_fortran=bool(is_fortran))
            self.stack.append(array)
            unfinished.finished = array
        else:
            raise Refused(f"it sets the state of a {type(unfinished).__name__.strip('_')}")


def instructions(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Name and argument of one instruction after the other, to the end of the file.

    As `pickletools.genops`, but for STRING: genops takes it for ASCII, and Python 2 wrote any bytes
    that way. Arguments that need more memory than they have bytes in the file are refused.
    """
    for _ in range(_MOST_INSTRUCTIONS):
        code = file.read(1)
        if not code:
            return
        if code not in _OPCODES:
            raise ValueError(f"there is no instruction {code!r}")
        opcode = _OPCODES[code]
        yield opcode.name, None if opcode.arg is None else _argument(opcode, file)
    raise Refused(f"it has more than {_MOST_INSTRUCTIONS:,} instructions")


def _argument(opcode: pickletools.OpcodeInfo, file: BinaryIO) -> Any:
    """The argument of the instruction whose code was just read."""
    assert opcode.arg is not None, "the caller asks for instructions that have one"
    if opcode.name == "STRING":
        return _quoted(file.readline())
    if opcode.name == "UNICODE":
        line = file.readline()
        _refuse_wide(line, rb"\\u(?!00)|\\U(?!000000)")
        return str(line.removesuffix(b"\n"), "raw-unicode-escape")
    if opcode.name in _TEXTS:
        raw = _counted(file, _TEXTS[opcode.name])
        _refuse_wide(raw, rb"[\xc4-\xff]")
        return str(raw, "utf-8", "surrogatepass")
    if opcode.name == "LONG4":
        raise Refused("it has a number of more than 255 bytes")
    if opcode.arg.n == pickletools.UP_TO_NEWLINE:
        n_lines = 2 if opcode.name in ("GLOBAL", "INST") else 1
        file = io.BytesIO(b"".join(file.readline(_LONG_LINE) for _ in range(n_lines)))
        return opcode.arg.reader(file)
    return opcode.arg.reader(cast(BinaryIO, _Pieces(file)))


@dataclass
class _Pieces:
    """A file as pickletools reads it, which asks at once for as many bytes as a length claims."""

    file: BinaryIO

    def read(self, length: int) -> bytes:
        return read_up_to(self.file, length)


def _counted(file: BinaryIO, size: int) -> bytes:
    """Bytes behind their number, which takes `size` bytes itself."""
    length = int.from_bytes(file.read(size), "little")
    raw = read_up_to(file, min(length, _MOST_BYTES + 1))
    if len(raw) < length:
        raise ValueError("it ends inside a text")
    return raw


def _refuse_wide(raw: bytes, wide: bytes) -> None:
    """Refuse a long text with characters that take two or four bytes in memory.

    Args:
        raw: The text as it stands in the file.
        wide: A pattern of the characters beyond Latin-1; arrays that are written as text have none.
    """
    if len(raw) > _LONG_TEXT and re.search(wide, raw):
        raise Refused(f"it has a text of {len(raw):,} bytes that is no array")


def _quoted(line: bytes) -> bytes:
    """The bytes of a quoted line with its escapes: all of them below 128, as Python 2 wrote it."""
    quote, text, end = line[:1], memoryview(line)[1:-2], line[-2:]
    if quote not in (b"'", b'"') or end != quote + b"\n" or len(line) < 3 or not line.isascii():
        raise ValueError("it has a text without quotes")
    return codecs.escape_decode(text)[0]


def _make_array(shape: Any, element: Any, raw: Any, *, is_fortran: bool) -> np.ndarray:
    plain = isinstance(element, _Dtype) and isinstance(raw, bytes | bytearray)
    if not plain or type(shape) is not tuple:
        raise Refused("it has an array that is not made of plain numbers")
    if len(shape) > 8 or not all(map(is_size, shape)):
        raise Refused("it has an array with an impossible shape")
    if math.prod(shape) * element.dtype.itemsize != len(raw):
        raise Refused(f"it has an array of shape {shape} in {len(raw):,} bytes")
    return np.frombuffer(raw, element.dtype).reshape(shape, order="F" if is_fortran else "C")


def _assert_plain(result: Any) -> None:
    """Refuse a result in which an unfinished array or a global is left over."""
    seen: set[int] = set()
    waiting = [result]
    while waiting:  # a loop, not recursion: files may nest deeper than Python's stack
        value = waiting.pop()
        if isinstance(value, Unfinished):
            raise Refused("it is incomplete")
        if isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _is_tuple(value: Any, length: int) -> bool:
    return type(value) is tuple and len(value) == length


def is_size(value: Any) -> bool:
    """Whether something of the file is a whole number that can be the length of an axis."""
    return type(value) is int and 0 <= value < _LARGEST_SIZE


def _code(value: Any) -> str:
    """A short text of the file, such as that of an element type.

    Raises:
        Refused: If it is anything else.
    """
    if type(value) not in (str, bytes) or len(value) > 80:
        raise Refused(f"it describes an array by a {type(value).__name__} in place of a code")
    return value.decode("latin-1") if isinstance(value, bytes) else value
