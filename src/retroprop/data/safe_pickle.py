"""Read NumPy arrays out of a pickle file without running anything that the file says.

A pickle is a program for a small stack machine, and `pickle.load` runs it: a hostile file can
call any function. Here `pickletools` only *names* the instructions (it executes none) and
we interpret the few that plain data needs. Arrays are described in a pickle as calls of
`numpy.core.multiarray._reconstruct` and friends; we recognise those descriptions by name and
build the array ourselves with `np.frombuffer`. Any other global is refused, by name.

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
from typing import Any, BinaryIO, TypeVar

import numpy as np

from retroprop.errors import UserError


def read_pickle(data: bytes, *, name: str) -> Any:
    """Return the object a pickle describes: builtin containers, scalars and NumPy arrays.

    >>> import pickle
    >>> read_pickle(pickle.dumps({"labels": [1, 2]}), name="labels.pkl")
    {'labels': [1, 2]}

    Raises:
        UserError: If the file needs anything else, or is damaged.
    """
    return explained(lambda: Machine().run(io.BytesIO(data)), name=name)


Value = TypeVar("Value")


def explained(read: Callable[[], Value], *, name: str) -> Value:
    """What a reader gives; whatever stops it becomes one sentence about the file of this name.

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
    except Exception as error:
        # A stack machine fed with rubbish fails in many ways; all mean the same.
        raise UserError(
            f"{name} should be a pickle file, but it is damaged ({error or type(error).__name__}); "
            "get the file again"
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
    """An array announced but not yet described."""


_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_NDARRAY = "numpy.ndarray"
_DTYPE = "numpy.dtype"
_ENCODE = "_codecs.encode"  # how Python 3 writes bytes in the old protocols
_FROM_BUFFER = (  # how NumPy describes an array in protocol 5
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
)
_EMPTY_BYTES = ("__builtin__.bytes", "builtins.bytes")  # b"" in the old protocols

_ELEMENT = re.compile(r"[|<>=]?(b1|[iu][1248]|f[248]|c8|c16)")

# Instructions whose argument is the value to push, as pickletools decodes it.
_LITERALS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "STRING",
))  # fmt: skip
_PYTHON2_TEXT = frozenset(("BINSTRING", "SHORT_BINSTRING"))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"MARK": _Mark, "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
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
                stack.append(self.memo[argument])
            case "GLOBAL":
                stack.append(self.named(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                module, attribute = self._pop_last(2)
                stack.append(self.named(f"{module}.{attribute}"))
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
            raise Refused(f"it asks for {name[:80]}")
        return Global(name)

    def describe(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """What a call in the file stands for, without calling anything of the file's choice."""
        if function in _RECONSTRUCT:
            return _Array()
        if function == _DTYPE:
            code = _text(arguments[0])
            if not _ELEMENT.fullmatch(code):
                raise Refused(f"it has an array with elements of type {code[:20]!r}")
            return _Dtype(np.dtype(code))
        if (
            function == _ENCODE
            and _is_tuple(arguments, 2)
            and arguments[1] in ("latin1", b"latin1")
        ):
            return str(arguments[0]).encode("latin-1")
        if function in _EMPTY_BYTES and arguments == ():
            return b""
        if function in _FROM_BUFFER and _is_tuple(arguments, 4):
            raw, element, shape, order = arguments
            return _make_array(shape, element, raw, is_fortran=_text(order) == "F")
        raise Refused(f"it calls {function}")

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
            target[key] = value

    def _build(self) -> None:
        """Complete the array or the element type on the stack from its state."""
        unfinished, state = self._pop_last(2)
        if isinstance(unfinished, _Dtype) and _is_tuple(state, 8):
            # (version, byte order, subarray, names, fields, size, alignment, flags)
            if any(part is not None for part in state[2:5]):
                raise Refused("it has an array of records")
            order = _text(state[1])
            if order not in ("<", ">", "|", "="):
                raise Refused(f"it has an array in the byte order {order[:20]!r}")
            unfinished.dtype = unfinished.dtype.newbyteorder(order)
            self.stack.append(unfinished)
        elif isinstance(unfinished, _Array) and _is_tuple(state, 5):
            _, shape, element, is_fortran, raw = state  # first comes a version number
            array = _make_array(shape, element, raw, is_fortran=bool(is_fortran))
            self.stack.append(array)
            # The announced array may have been remembered; later references mean the finished one.
            for key, value in self.memo.items():
                if value is unfinished:
                    self.memo[key] = array
        else:
            raise Refused(f"it sets the state of a {type(unfinished).__name__.strip('_')}")


def instructions(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Name and argument of one instruction after the other, to the end of the file.

    As `pickletools.genops`, but for STRING: genops takes it for ASCII, and Python 2 wrote any bytes
    that way.
    """
    while code := file.read(1):
        if code not in _OPCODES:
            raise ValueError(f"there is no instruction {code!r}")
        opcode = _OPCODES[code]
        if opcode.name == "STRING":
            yield opcode.name, _quoted(file.readline())
        else:
            yield opcode.name, None if opcode.arg is None else opcode.arg.reader(file)


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
    if not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 8:
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


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
