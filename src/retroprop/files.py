"""Writing what other programs and people read: files whole or not at all, JSON without NaN."""

import math
import os
import tempfile
from pathlib import Path
from typing import Any

from retroprop.errors import UserError, in_short


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside its final place, then move it there in one step.

    An interrupted write leaves the old file, and nothing beside it.

    Args:
        path: The file; its folder exists.
        data: What it shall hold.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes files that only their owner may read; this one is meant to be shared.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def without_nan(value: Any) -> Any:
    """The same value for JSON, which has no NaN and no infinity: None stands for them.

    >>> without_nan({"loss": [0.5, float("nan")]})
    {'loss': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_name(folder: Path, fix: str) -> None:
    """Refuse a folder whose name is not UTF-8: files of weights cannot be read from there.

    Args:
        folder: Where a training will write.
        fix: What to do instead.

    Raises:
        UserError: If its name is not UTF-8.
    """
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"the name of the folder {in_short(str(folder))} is not UTF-8, and files of weights "
            f"cannot be kept there; {fix}."
        ) from None
