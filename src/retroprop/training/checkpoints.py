"""Tensors on disk: safetensors files, written whole or not at all."""

import contextlib
import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from retroprop.errors import UserError, in_short
from retroprop.files import is_as_written, make_folder, replace_file

_TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, about: str) -> None:
    """Write named tensors to a safetensors file that outlives a power cut.

    An interrupted write leaves the old file.

    Args:
        path: The file; its folder is created.
        tensors: What to write.
        about: What the tensors belong to; `load_tensors` refuses a file about something else.

    Raises:
        UserError: If the folder cannot be written or the disk is full.
    """
    try:
        make_folder(path.parent)
        replace_file(path, _serialized(tensors, {"about": about}), durable=True)
    except OSError as error:
        raise UserError(_cannot_write(path, error)) from error


def why_lost(path: Path, checksum: str | None) -> str | None:
    """Why a file cannot be the one that was recorded with this checksum (None: any); None if it is.

    A clause without a fix: whoever asks says what happens then.
    """
    if not path.is_file():
        return f"there is no file {path}"
    if not is_as_written(path, checksum):
        return f"{path} is damaged, or not the file that was recorded: its SHA-256 is another one"
    return None


def check_file(path: Path, checksum: str | None) -> None:
    """Refuse a file that is not the one that was recorded with this checksum (None: any).

    Raises:
        UserError: If it is another file, or damaged; not if it is missing.
    """
    if path.is_file() and (reason := why_lost(path, checksum)):
        raise UserError(f"{reason}; put the recorded file back, or train again with --fresh.")


def load_tensors(path: Path, *, about: str) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote.

    Raises:
        UserError: If the file is missing, damaged or about something else.
    """
    tensors, written_for = read_tensors(path)
    if written_for != about:
        raise UserError(
            f"the checkpoint {path} belongs to {written_for!r} and not to {about!r}; move it away "
            "and run the study again."
        )
    return tensors


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a safetensors file, and what they belong to; no code of the file is run.

    Raises:
        UserError: If the file is missing or damaged.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _about(file)  # noqa: SIM118


def read_about(path: Path) -> str | None:
    """What the tensors of a safetensors file belong to; none of them is read.

    Raises:
        UserError: If the file is missing or damaged.
    """
    with _opened(path) as file:
        return _about(file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; train to have it.") from None
    except (OSError, SafetensorError) as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise UserError(
            f"{path} is damaged or no file of weights ({reason}); train again to have a whole one."
        ) from error


def _serialized(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> Iterator[bytes | memoryview]:
    """The parts of a safetensors file: its length-prefixed header, then each tensor's own memory.

    `safetensors.torch.save` copies all tensors twice, and `save_file` writes a file of its own that
    nobody finds after a kill. Widest types come first, so that each tensor is aligned.

    Source: the format's description in the README of huggingface/safetensors.
    """
    widest_first = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in widest_first:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in widest_first:
        flat = tensors[name].detach().cpu().contiguous().flatten()
        yield flat.view(torch.uint8).numpy().data


def _about(file: Any) -> str | None:
    return (file.metadata() or {}).get("about")


def _cannot_write(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            f"the disk is full: {path} could not be written; free some space and run the same "
            "command again, everything up to the last finished epoch is kept."
        )
    return (
        f"{path} cannot be written ({in_short(error)}); choose a folder that you may "
        "write to, with --folder for a training or --db FOLDER/retroprop.db for a study."
    )
