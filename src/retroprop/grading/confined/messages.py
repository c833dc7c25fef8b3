"""Messages between the grader and a confined process: JSON and safetensors, never pickle.

    bytes of the JSON (4) | bytes of the tensors (4) | JSON | tensors in safetensors' format

Both sides use this file, and it imports nothing of retroprop. The grader trusts nothing of what it
receives: lengths are bounded before anything is kept, and whatever is malformed is a ValueError.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save

LENGTHS = struct.Struct("<II")
MOST_JSON = 4 << 20
"""Bytes. Ten thousand times that is what Python makes of the worst."""
MOST_TENSORS = 64 << 20
"""Bytes."""
MOST_TENSOR_NAMES = 1 << 20
"""Bytes of the description of the tensors, with which safetensors' format begins."""
MOST_PARTS = 10_000
"""Of a list or dictionary; a longer one is sent as what it is, without its parts."""
ORDINARY_TYPES = {
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.uint8,
    torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip
MOST_BITS = 1_000
"""Of an integer: as large as a float can be, about."""


class TooLarge(ValueError):  # noqa: N818 - it says what is wrong
    """A message that is over the limits."""


class Closed(Exception):  # noqa: N818 - it is how a conversation ends
    """The other side is gone."""


# --- values ---------------------------------------------------------------------------------------


def encode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A value as JSON has it; tensors are put into `tensors`.

    What is no number, text, tensor or container of them becomes the name of its type.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) is float:
        return value
    if type(value) is int:
        return value if value.bit_length() < MOST_BITS else {"unknown": "a huge number"}
    if isinstance(value, list | tuple | dict):
        return _encode_container(value, tensors)
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None:
        value = _from_numpy(value)
    if isinstance(value, torch.Tensor):
        return _encode_tensor(value, tensors)
    return {"unknown": f"{type(value).__module__}.{type(value).__qualname__}"[:200]}


def _encode_container(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if len(value) > MOST_PARTS:
        return {"unknown": f"{type(value).__name__} of {len(value)} values"}
    if isinstance(value, dict):
        return {"dict": {str(key)[:200]: encode(part, tensors) for key, part in value.items()}}
    kind = "tuple" if isinstance(value, tuple) else "list"
    return {kind: [encode(part, tensors) for part in value]}


def _encode_tensor(value: torch.Tensor, tensors: dict[str, torch.Tensor]) -> Any:
    try:
        plain = value.detach().to_dense().cpu().resolve_conj().resolve_neg().contiguous().clone()
        refuse_large(0, plain.numel() * plain.element_size())
        if plain.dtype not in ORDINARY_TYPES:
            save({"only": plain})  # fails for a kind of tensor that the format does not have
    except TooLarge:
        raise
    except Exception as error:  # on no device, quantized, of strings
        return {"unknown": f"a tensor ({type(error).__name__})"}
    name = f"t{len(tensors)}"
    tensors[name] = plain
    return {"tensor": name}


def _from_numpy(value: Any) -> Any:
    """An array, or a number of NumPy's, as a tensor; one of something else stays what it is."""
    import numpy as np

    return torch.from_numpy(np.array(value)) if value.dtype.kind in "fiubc" else value


def decode(value: Any, tensors: dict[str, torch.Tensor], unknown: Callable[[str], Any]) -> Any:
    """The value again.

    Args:
        value: As `encode` wrote it, or as a submission forged it.
        tensors: By name.
        unknown: Makes what stands for a value that could not be sent, from the name of its type.

    Raises:
        ValueError: If it is not what `encode` writes.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a list without its kind")
        return value
    if len(value) != 1:
        raise ValueError("a value of no kind")
    ((kind, content),) = value.items()
    match kind, content:
        case "tensor", str():
            return tensors[content]
        case "list", list():
            return [decode(part, tensors, unknown) for part in content]
        case "tuple", list():
            return tuple(decode(part, tensors, unknown) for part in content)
        case "dict", dict():
            return {key: decode(part, tensors, unknown) for key, part in content.items()}
        case "unknown", str():
            return unknown(content[:200])
    raise ValueError("a value of no known kind")


# --- messages -------------------------------------------------------------------------------------


def packed(message: Any) -> bytes:
    """A message as it is sent.

    Raises:
        TooLarge: If it is over the limits.
    """
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(encode(message, tensors)).encode()
    body = save(tensors) if tensors else b""
    refuse_large(len(text), len(body))
    return LENGTHS.pack(len(text), len(body)) + text + body


def refuse_large(json_bytes: int, tensor_bytes: int) -> None:
    """Raises: TooLarge: If a message with these lengths is over the limits."""
    if json_bytes > MOST_JSON:
        raise TooLarge(f"the answer has more than {MOST_JSON >> 20} MiB of numbers and text")
    if tensor_bytes > MOST_TENSORS + MOST_TENSOR_NAMES:
        raise TooLarge(f"the answer is larger than {MOST_TENSORS >> 20} MiB")


class Incoming:
    """What has arrived, until it is a whole message."""

    def __init__(self, unknown: Callable[[str], Any]) -> None:
        """Args: unknown: As of `decode`."""
        self.unknown = unknown
        self.bytes = bytearray()

    def add(self, data: bytes) -> None:
        """Keep what arrived."""
        self.bytes += data

    def message(self) -> tuple[Any] | None:
        """The next whole message, in a tuple since it may be None; None while it is not there.

        Raises:
            ValueError: If what arrived is no message; TooLarge: if it is over the limits.
        """
        if len(self.bytes) < LENGTHS.size:
            return None
        json_bytes, tensor_bytes = LENGTHS.unpack_from(self.bytes)
        refuse_large(json_bytes, tensor_bytes)
        middle = LENGTHS.size + json_bytes
        end = middle + tensor_bytes
        if len(self.bytes) < end:
            return None
        text, body = bytes(self.bytes[LENGTHS.size : middle]), bytes(self.bytes[middle:end])
        del self.bytes[:end]
        try:
            return (decode(json.loads(text), tensors_of(body), self.unknown),)
        except ValueError:
            raise
        except Exception as error:  # nested too deep, no UTF-8, no safetensors, …
            raise ValueError(f"no message ({type(error).__name__})") from None


def tensors_of(body: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a message, by name."""
    if not body:
        return {}
    if int.from_bytes(body[:8], "little") > MOST_TENSOR_NAMES:
        raise TooLarge("the answer has too many tensors")
    return load(body)


def rehearse() -> None:
    """Send a message to ourselves: what is needed for that is then loaded."""
    incoming = Incoming(str)
    incoming.add(packed({"tensor": torch.ones(1)}))
    incoming.message()
