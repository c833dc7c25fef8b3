"""Tensors on disk: safetensors files, written whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from retroprop.errors import UserError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, about: str) -> None:
    """Write named tensors to a safetensors file; an interrupted write leaves the old file.

    Args:
        path: The file; its folder is created.
        tensors: What to write.
        about: What the tensors belong to; `load_tensors` refuses a file about something else.

    Raises:
        UserError: If the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(plain, temporary, metadata={"about": about})
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise UserError(_cannot_write(path, error)) from error
    finally:  # also after Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


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


def _about(file: Any) -> str | None:
    return (file.metadata() or {}).get("about")


def _cannot_write(path: Path, error: Exception) -> str:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full:
        return (
            f"the disk is full: {path} could not be written; free some space and run the same "
            "command again, everything up to the last finished epoch is kept."
        )
    return (
        f"{path} cannot be written ({error}); choose a folder that you may write to, with "
        "--folder for a training or --db FOLDER/retroprop.db for a study."
    )
