"""The trained weights of a run, from the file that its record names.

Only tensors are read, as NumPy arrays; nothing of the file is run.
"""

import re
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from retroprop.errors import UserError
from retroprop.files import is_as_written
from retroprop.languages import Say
from retroprop.report.study_report import StudyReport
from retroprop.studies.records import RunRecord
from retroprop.studies.stores import recorded_file

_MEMBER = re.compile(r"seed=(\d+),learning_rate=([^/]+)/(.+)")


class NoWeightsError(Exception):
    """The weights of a run are not there; the text is in the reader's language."""


def trained_weights(report: StudyReport, run: RunRecord, name: str) -> np.ndarray:
    """One tensor of a run's best epoch, such as "conv1.weight".

    Args:
        report: With the folder of the records, and the reader's language.
        run: The run, whose record names its file.
        name: The tensor's name in the network.

    Raises:
        NoWeightsError: If there is no such file, it is damaged, or it lacks the tensor.
    """
    say = report.say
    if run.checkpoint is None or report.folder is None:
        raise NoWeightsError(say("The record of run {id} names no file.").format(id=run.id))
    try:
        with recorded_file(run.checkpoint, report.folder) as path:
            return _weights(path, run, name, say)
    except UserError as error:  # its store is out of reach
        text = say("The file {file} cannot be fetched.").format(file=run.checkpoint)
        raise NoWeightsError(text) from error


def _weights(path: Path, run: RunRecord, name: str, say: Say) -> np.ndarray:
    words = {"file": run.checkpoint}
    if not path.is_file():
        raise NoWeightsError(say("There is no file {file} beside the database.").format(**words))
    if not is_as_written(path, run.checkpoint_sha256):
        raise NoWeightsError(say("The file {file} is damaged.").format(**words))
    try:
        with safe_open(path, framework="numpy") as file:
            for key in file.keys():  # noqa: SIM118 - not a dictionary
                if _is_of(run, key, name):
                    weights: np.ndarray = file.get_tensor(key)
                    if np.isfinite(weights).all():
                        return weights
    except (OSError, SafetensorError) as error:
        raise NoWeightsError(say("The file {file} is damaged.").format(**words)) from error
    raise NoWeightsError(say("The file {file} does not hold these weights.").format(**words))


def _is_of(run: RunRecord, key: str, name: str) -> bool:
    found = _MEMBER.fullmatch(key)
    if found is None or found[3] != name or int(found[1]) != run.seed:
        return False
    try:
        return float(found[2]) == run.settings.get("learning_rate")
    except ValueError:
        return False
