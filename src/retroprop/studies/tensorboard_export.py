"""Study runs as a folder of event files that TensorBoard shows.

    FOLDER/STUDY_RUN/run-NUMBER/events.out.tfevents.…

Each model has its metrics by epoch, its settings beside its best and test accuracy (HPARAMS), and
as a text the setting of its numbers. Only files are written; nothing is sent anywhere.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retroprop.errors import UserError, in_short, unquoted
from retroprop.files import make_folder
from retroprop.studies.records import Records, RunRecord, StudyRunRecord
from retroprop.studies.transfer import chosen

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "gradient_norm": "gradient_norm",
    "seconds/train": "train_s",
}
RESULTS = ("best_validation_accuracy", "best_validation_loss", "test_accuracy", "test_loss")


def export_tensorboard(records: Records, folder: Path, names: Sequence[str] = ()) -> int:
    """Write study runs for TensorBoard; how many models were written.

    Args:
        records: Where they are.
        folder: Where to; what was written there for the same models is replaced.
        names: As in `export_records`.

    Raises:
        UserError: If TensorBoard is not installed, there is no such study run, or the folder cannot
            be written.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            "TensorBoard's files need its library; in the folder of retroprop: "
            "pip install -c constraints.txt -e '.[trackers]'."
        ) from error
    models = 0
    try:
        for study_run in chosen(records, names):
            for run in records.runs(study_run.id):
                place = folder / study_run.id / f"run-{run.id}"
                make_folder(place)
                for before in place.glob("events.out.tfevents.*"):
                    before.unlink()
                with contextlib.closing(SummaryWriter(str(place))) as writer:
                    _write(writer, study_run, run)
                models += 1
    except OSError as error:
        raise UserError(
            f"{unquoted(folder)} cannot be written ({in_short(error)}); name another folder."
        ) from error
    return models


def _write(writer: "SummaryWriter", study_run: StudyRunRecord, run: RunRecord) -> None:
    """Write a model; times are those of its training, where epochs follow one another."""
    now = datetime.fromisoformat(study_run.created_at).timestamp()
    for epoch in run.epochs:
        now += epoch.train_s + epoch.evaluate_s
        for tag, name in TAGS.items():
            if (value := getattr(epoch, name)) is not None:
                writer.add_scalar(tag, value, epoch.epoch, walltime=now)
    settings = {**run.settings, "seed": run.seed, "status": run.status}
    results = {f"result/{name}": getattr(run, name) for name in RESULTS}
    writer.add_hparams(
        {name: _plain(value) for name, value in settings.items()},
        {name: value for name, value in results.items() if value is not None},
        run_name=".",
    )
    writer.add_text("setting of the numbers", _provenance(study_run), walltime=now)


def _provenance(study_run: StudyRunRecord) -> str:
    """Where the numbers come from, as a table of Markdown."""
    environment = study_run.sessions[-1].environment if study_run.sessions else {}
    facts = {
        "study run": study_run.id,
        "fingerprint": study_run.fingerprint,
        "data": f"{study_run.config.get('dataset')} ({study_run.data_checksum})",
        **environment,
    }
    cells = (f"| {name} | {str(value).replace('|', ' ')} |" for name, value in facts.items())
    return "\n".join(("| item | value |", "|---|---|", *cells))


def _plain(value: Any) -> Any:
    """A setting as TensorBoard has them: a number, a truth value or a text."""
    return value if isinstance(value, bool | int | float | str) else str(value)
