"""Data for machines that do not have them: through the store, by their checksum, once a machine.

What ships with the package is everywhere. Anything else is put into the store by the machine that
starts a study; one that lacks it takes it from there into its cache, if its bytes have the
checksums that are known.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from retroprop import data
from retroprop.data import find, load
from retroprop.data.catalog import ARRAY_NAMES, Arrays, is_own
from retroprop.errors import UserError
from retroprop.studies.stores import Store


def share(dataset: str, store: Store) -> None:
    """Put a data set into a store, unless it is there or ships with the package."""
    whole = load(dataset)
    name = _name(whole.checksum)
    if whole.info.bundled or store.has(name):
        return
    from safetensors.numpy import save_file

    arrays = {one: np.ascontiguousarray(getattr(whole, one)) for one in ARRAY_NAMES}
    with store.writing(name) as path:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(arrays, path, metadata={"known": json.dumps(whole.info.known)})


def receive(dataset: str, checksum: str, store: Store) -> None:
    """Have a data set ready that this machine may lack.

    Args:
        dataset: Its name where the study was started.
        checksum: Of the data there.
        store: Where `share` put it.

    Raises:
        UserError: If it is not in the store, or what is there is damaged.
    """
    if not _is_here(dataset, checksum):
        data.receive(dataset, checksum, lambda: _read(checksum, store))


def _is_here(dataset: str, checksum: str) -> bool:
    if not is_own(dataset) and find(dataset).bundled:
        return True
    try:
        return load(dataset).checksum == checksum
    except UserError:  # its files are on another machine, or it was not fetched here
        return False


def _read(checksum: str, store: Store) -> tuple[dict[str, Any], Arrays]:
    """What is known of a data set in a store, and its arrays."""
    from safetensors import SafetensorError, safe_open

    with store.reading(_name(checksum)) as path:
        _check_there(path, checksum)
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in ARRAY_NAMES}
                return json.loads(file.metadata()["known"]), arrays
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"the data {checksum} in the store are damaged; remove {_name(checksum)} there, "
                "and start the study again."
            ) from error


def _check_there(path: Path, checksum: str) -> None:
    if not path.is_file():
        raise UserError(
            f"this machine lacks the data {checksum}, and so does the store; start the study on a "
            "machine that has them."
        )


def _name(checksum: str) -> str:
    return f"data/{checksum}.safetensors"
