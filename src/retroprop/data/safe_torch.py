"""Read what `torch.save` wrote without running anything, and without torch: tensors come as arrays.

    since torch 1.6   a zip without compression: a pickle data.pkl, and data/KEY for each storage
    before            five pickles (a magic number, a version, the machine, the object, the keys of
                      its storages), then for each key a length (8 bytes) and its numbers

In the object's pickle a storage is a persistent id, ("storage", type, key, place, length), and a
tensor is a call of `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`. These
two are recognised by name and by shape, as arrays are by `safe_pickle`; nothing else is allowed
beside what plain pickles may hold, so neither modules nor parameters are. torch's own
`load(weights_only=True)` is less strict: it makes parameters, sparse and quantized tensors and
whatever a program has declared safe, by torch's functions with the file's arguments.

Source: `_save` and `_legacy_save` in torch's `serialization.py`.
"""

import io
import math
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retroprop.data.safe_npz import open_zip
from retroprop.data.safe_pickle import Global, Machine, Refused, Unfinished, explained, is_size

_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_START = pickle.dumps(_MAGIC, 2)

_ELEMENTS = {
    "torch.BoolStorage": "b1",
    "torch.ByteStorage": "u1",
    "torch.CharStorage": "i1",
    "torch.ShortStorage": "i2",
    "torch.IntStorage": "i4",
    "torch.LongStorage": "i8",
    "torch.HalfStorage": "f2",
    "torch.FloatStorage": "f4",
    "torch.DoubleStorage": "f8",
}
_REBUILD = "torch._utils._rebuild_tensor_v2"
_ORDERED = "collections.OrderedDict"  # the hooks of every tensor, an empty one
_AXES = 8


def is_torch_file(data: bytes) -> bool:
    """Whether a file looks like one of `torch.save`, of either form."""
    return data.startswith((b"PK", _OLD_START))


def read_torch_file(data: bytes, *, name: str) -> Any:
    """The object of a file of `torch.save`: builtin containers, scalars, arrays for tensors.

    The arrays are views of the storages, and read-only.

    Raises:
        UserError: If the file needs anything else, or is damaged.
    """
    read = _read_zip if data.startswith(b"PK") else _read_old
    return explained(lambda: read(data), name=name)


def _read_zip(data: bytes) -> Any:
    with open_zip(data) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise Refused("it is a compressed zip, which torch.save does not write")
        if sum(member.file_size for member in members) > len(data):
            raise Refused("its parts are larger than the file")
        pickles = [member.filename for member in members if member.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("it is a zip that torch.save did not write")
        root = pickles[0].removesuffix("data.pkl")
        files = {
            member.filename.removeprefix(root): archive.read(member)
            for member in members
            if member.filename.startswith(root)
        }
    order = ">" if files.get("byteorder") == b"big" else "<"
    storages = {
        path.removeprefix("data/"): raw for path, raw in files.items() if path.startswith("data/")
    }
    return _TorchMachine(storages, order).run(io.BytesIO(files["data.pkl"]))


def _read_old(data: bytes) -> Any:
    file = io.BytesIO(data)
    _, _, machine = (Machine().run(file) for _ in range(3))
    order = "<" if machine["little_endian"] else ">"
    start, sizes = file.tell(), _TorchMachine(None, order)
    sizes.run(file)  # the storages come behind the object, which says how long they are
    storages = {}
    for key in Machine().run(file):
        length = np.frombuffer(file.read(8), f"{order}i8")[0]
        if type(key) is not str:
            raise Refused("it refers to an impossible storage")
        element, expected = sizes.seen[key]
        if length != expected:
            raise Refused(f"it has a storage of {length} numbers in place of {expected}")
        storages[key] = file.read(expected * element.itemsize)
    file.seek(start)
    return _TorchMachine(storages, order).run(file)


@dataclass(eq=False)
class _Storage(Unfinished):
    """The numbers that tensors are views of; None while only their length is wanted."""

    values: np.ndarray | None


class _TorchMachine(Machine):
    """The machine of plain pickles, with storages and tensors.

    Attributes:
        seen: Element type and length of every storage that the pickle names.
    """

    allowed = Machine.allowed | _ELEMENTS.keys() | {_REBUILD, _ORDERED}

    def __init__(self, storages: Mapping[str, bytes] | None, order: str) -> None:
        super().__init__()
        self.storages, self.order = storages, order
        self.seen: dict[str, tuple[np.dtype, int]] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """As of plain pickles; BINPERSID names a storage."""
        if opcode == "BINPERSID":
            self.stack.append(self._storage(self.stack.pop()))
        else:
            super().step(opcode, argument)

    def describe(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """As of plain pickles; a rebuilt tensor is a view of its storage."""
        if function == _ORDERED and arguments == ():
            return {}
        if function == _REBUILD and len(arguments) == 6:
            return _view(*arguments[:4])
        return super().describe(function, arguments)

    def _storage(self, reference: Any) -> _Storage:
        # ("storage", type, key, place, length), and in old files whether it is part of another one
        plain = type(reference) is tuple and len(reference) in (5, 6)
        if not plain or type(reference[0]) is not str or reference[0] != "storage":
            raise Refused("it refers to something that is no storage")
        if not isinstance(reference[1], Global) or reference[1].name not in _ELEMENTS:
            raise Refused("it refers to something that is no storage")
        kind, key, length = reference[1], reference[2], reference[4]
        if type(key) is not str or not is_size(length) or reference[5:] not in ((), (None,)):
            raise Refused("it refers to an impossible storage")
        element = np.dtype(self.order + _ELEMENTS[kind.name])
        self.seen[key] = element, length
        if self.storages is None:
            return _Storage(None)
        raw = self.storages.get(key, b"")
        if len(raw) != length * element.itemsize:
            raise Refused(f"it has a storage of {length:,} numbers in {len(raw):,} bytes")
        return _Storage(np.frombuffer(raw, element))


def _view(storage: Any, offset: Any, size: Any, stride: Any) -> np.ndarray | None:
    """The tensor of a storage, if it lies inside and has no more numbers than that."""
    if not isinstance(storage, _Storage) or type(size) is not tuple or type(stride) is not tuple:
        raise Refused("it has a tensor that is not made of plain numbers")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or len(size) > _AXES:
        raise Refused("it has a tensor with an impossible shape")
    if not all(map(is_size, numbers)):
        raise Refused("it has a tensor with an impossible shape")
    if storage.values is None:
        return None
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) > len(storage.values) or (0 not in size and last >= len(storage.values)):
        raise Refused(f"it has a tensor of shape {size} beyond its storage")
    if 0 in size:
        return np.empty(size, storage.values.dtype)
    itemsize = storage.values.itemsize
    return np.lib.stride_tricks.as_strided(
        storage.values[offset:], size, [step * itemsize for step in stride], writeable=False
    )
