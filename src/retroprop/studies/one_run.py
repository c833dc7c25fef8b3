"""A study of one run that is trained in this process: what `retroprop train` makes.

A network of `models.catalog` becomes a `Study` of one cell and one seed, and the `Worker` of all
studies trains it: its records, its state files and its one test are those of a study. Processes
that torchrun started train it together: the first has the records, and tells the others what to do.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from retroprop.data import find
from retroprop.errors import UserError, in_short
from retroprop.files import (
    check_name,
    checksum_of,
    held,
    is_as_written,
    remove_file,
    remove_leftovers,
    replace_file,
    unfinished,
    without_nan,
)
from retroprop.models.catalog import MODELS
from retroprop.studies.environment import describe_environment, usable_cores
from retroprop.studies.messages import Job, TrainJob
from retroprop.studies.pools import Display
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.run_models import (
    MODEL,
    RECORD,
    TrainedModel,
    model_of_run,
    read_record,
)
from retroprop.studies.runner import carry_out, study_runs_of
from retroprop.studies.schema import Study, study_from
from retroprop.studies.stores import Folder
from retroprop.studies.worker import Worker
from retroprop.training.devices import faster_threads
from retroprop.training.factories import settings_of
from retroprop.training.model_files import load_model, save_model
from retroprop.training.network_trajectories import NetworkTrajectory
from retroprop.training.ranks import Ranks

FIGURES = ("accuracy.svg", "gradient-norm.svg", "confusion.svg")


def one_run_study(
    model: str,
    options: Mapping[str, Any],
    dataset: str,
    *,
    epochs: int = 1,
    seed: int = 0,
    learning_rate: float = 1e-3,
    split: Mapping[str, Any],
    training: Mapping[str, Any],
) -> Study:
    """The study that trains one network of the catalog.

    Args:
        model: A name of `MODELS`.
        options: All options of the network.
        dataset: A name of the catalog of data, or one's own.
        epochs: Passes over the training images.
        seed: Of the initial weights, the orders and the augmentation.
        learning_rate: The only value of its grid.
        split: What a study file says under [split].
        training: What a study file says under [training].

    Raises:
        UserError: One sentence for each value that cannot be.
    """
    kind, of_kind = settings_of(model, options)
    title, data = MODELS[model].title, find(dataset).slug
    document = {
        "name": f"train-{model}-{data}",
        "title": {"en": f"{title} on {data}", "fr": f"{title} sur {data}"},
        "dataset": dataset,
        "split": split,
        "epochs": epochs,
        "seeds": [seed],
        "model": {"kind": kind},
        "training": {**of_kind, **training},
        "grid": {"learning_rate": [learning_rate]},
        "report": {"figures": ["loss-curves", "accuracy-curves", "gradient-norms", "confusion"]},
    }
    return study_from(document, f"train {model}")


def train_one(
    study: Study,
    database: str,
    folder: Path,
    *,
    device: torch.device,
    ranks: Ranks,
    threads: int | None,
    fresh: bool,
    display: Display,
    finish: Callable[[StudyRunRecord], None] | None = None,
) -> StudyRunRecord | None:
    """Train a study of one run in this process, up to its test; None on all ranks but the first.

    Args:
        study: Of one run.
        database: Where it is recorded: a file or a URL.
        folder: Where its result will go; one training has it at a time.
        device: Where it is trained.
        ranks: The processes that train it together.
        threads: On a CPU. None takes those that the run had, or else one, or all cores if they are
            faster.
        fresh: Whether to start again even if the records hold the run.
        display: What to tell the person who waits.
        finish: Writes the result of the recorded training into the folder; None writes none.

    Raises:
        UserError: If something is wrong that the person can fix; what is recorded is kept.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    worker = Worker(study, None, Folder(Path()), lambda _: None, lambda: False, device, ranks)
    if not ranks.first:
        while (order := ranks.told()) is not None:
            worker.store, job = order
            worker.do(job)
        return None
    here = _Here(worker, measure=threads is None and device.type == "cpu" and ranks.size == 1)
    try:
        with _held_folder(folder, study, fresh=fresh):
            records = Records.open(database)
            if records.in_memory:
                raise UserError("a database in memory is gone when the training ends; name a file.")
            worker.records, worker.store = records, Folder(records.folder)
            if finish is not None and not fresh:
                _check_finished(study, records, folder)
            trained = carry_out(study, records, worker.store, here, display, fresh=fresh)
            if finish is not None:
                finish(trained)
            return trained
    finally:
        here.dismiss()


@dataclass
class _Here:
    """This process as the pool of a study, with the other ranks at its side."""

    worker: Worker
    measure: bool
    count: int = 1
    busy: bool = field(default=False, init=False)
    dismissed: bool = field(default=False, init=False)
    must_stop: bool = field(default=False, init=False)  # an exception does it here

    def prepare(self, before: StudyRunRecord, jobs: Sequence[TrainJob]) -> dict[str, Any]:
        """Choose the threads: sums of another order differ in their last digits."""
        if self.measure and before.sessions:
            torch.set_num_threads(before.sessions[-1].environment.get("threads_per_worker", 1))
        elif self.measure and jobs:
            torch.set_num_threads(self._faster_threads(jobs[0]))
        self.count = self.worker.ranks.size
        return describe_environment(self.count, self.worker.device.type) | {
            "threads_per_worker": torch.get_num_threads()
        }

    def _faster_threads(self, job: TrainJob) -> int:
        untrained = self.worker.untrained(job.population)
        assert isinstance(untrained, NetworkTrajectory)
        trainer = untrained.trainer
        minibatch = trainer.train.first(trainer.settings.batch_size)
        return faster_threads(trainer.model, minibatch, trainer.precision(), usable_cores())

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def work(self, jobs: Sequence[Job], display: Display, session: Any) -> None:
        """Do all jobs; the first rank alone makes the test."""

        def report(message: Any) -> None:
            session.heartbeat()
            session.show(message, display)

        self.worker.report = report
        for job in jobs:
            if isinstance(job, TrainJob):
                self.worker.ranks.told((self.worker.store, job))
            else:
                self.dismiss()
            self.busy = True  # a job that breaks leaves the ranks at different places
            self.worker.do(job)
            self.busy = False

    def dismiss(self) -> None:
        """Tell the other ranks that nothing is left for them, if they listen."""
        if not (self.busy or self.dismissed):
            self.worker.ranks.told(None)
            self.dismissed = True


# -- the folder of a training ----------------------------------------------------------------------


@contextlib.contextmanager
def _held_folder(folder: Path, study: Study, *, fresh: bool) -> Iterator[None]:
    """Hold the folder of a training, which may have the result of this very study only.

    Args:
        folder: Where the result will go; made when it is missing.
        study: Of one run.
        fresh: Whether to delete what another training left, lest it be taken for this one's.

    Raises:
        UserError: If another process trains into it, it cannot be made, or it holds the result of
            another training.
    """
    check_name(folder, "name another --folder")
    with contextlib.ExitStack() as stack:
        try:
            busy = (
                f"another retroprop process is training into {folder}; wait for it to end, or name "
                "another --folder."
            )
            stack.enter_context(held(folder, busy=busy))
            remove_leftovers(folder, *map(unfinished, (RECORD, MODEL, *FIGURES)))
            for name in (RECORD, MODEL, *FIGURES) if fresh else ():
                remove_file(folder / name)
        except OSError as error:
            raise UserError(
                f"the folder {folder} cannot be made or written ({in_short(error)}); name "
                "another --folder."
            ) from error
        if (folder / RECORD).exists():
            _check_same(folder, study)
        yield


def _check_same(folder: Path, study: Study) -> None:
    try:
        before = _essential(read_record(folder)["study"])
    except (TypeError, KeyError, ValueError):
        raise UserError(
            f"{folder / RECORD} is not of a training by retroprop train, or damaged: delete it to "
            "have it written again from the database, or name another --folder."
        ) from None
    now = _essential(study.model_dump(mode="json", exclude_none=True))
    for key in {**now, **before}:
        longer = key == "epochs" and _is_fewer(before.get(key), now[key])
        if before.get(key) != now.get(key) and not longer:
            raise UserError(
                f"{folder} holds a training with other settings ({key} "
                f"{_typed(before.get(key))} and not {_typed(now.get(key))}); name another "
                "--folder, or --fresh to start it again."
            )


def _is_fewer(epochs: Any, than: int) -> bool:
    """Whether a folder holds the same training with fewer epochs, which goes on from there."""
    return type(epochs) is int and epochs < than


def _essential(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the numbers of a training depend on, by the names of the settings."""
    found = {name: config[name] for name in ("dataset", "epochs", "seeds")}
    for table in ("split", "model", "training", "grid"):
        found |= config[table]
    return found


def _typed(value: Any) -> str:
    """The value of a setting, about as somebody types it, or its beginning."""
    if isinstance(value, list | tuple):
        return _typed(",".join(map(str, value[:20])))
    return "none" if value is None else str(value)[:80]


def _check_finished(study: Study, records: Records, folder: Path) -> None:
    """Read the model of a finished training back before anything says that it is finished.

    Raises:
        UserError: If neither the folder nor the records have it whole.
    """
    for study_run in study_runs_of(study, records)[-1:]:
        if study_run.status == "finished" and not holds(folder, study_run):
            (run,) = records.runs(study_run.id, with_epochs=False)
            if run.best_epoch is not None:
                model_of_run(records, run.id)


def holds(folder: Path, study_run: StudyRunRecord) -> bool:
    """Whether a folder has the result of this study run: its record, and what the record names.

    Record and model are read, so that a damaged one is written again.
    """
    record = read_record(folder)
    if (record.get("study_run_id"), record.get("begun")) != (study_run.id, study_run.created_at):
        return False
    drawn = record.get("figures")  # none in a record of an earlier version
    if isinstance(drawn, list) and any(
        name in drawn and not (folder / name).is_file() for name in FIGURES
    ):
        return False
    try:
        load_model(folder / MODEL)
    except UserError:
        return False
    return is_as_written(folder / MODEL, record.get("model_sha256"))


def write_model(folder: Path, records: Records, number: int) -> TrainedModel:
    """Write model.safetensors, the network of a run with its card."""
    model = model_of_run(records, number)
    state = model.network.state_dict()
    save_model(folder / MODEL, state, model.card, model.normalization)
    return model


def write_record(
    folder: Path, records: Records, study_run: StudyRunRecord, figures: Sequence[str] = ()
) -> None:
    """Write record.json, what the database has of the study run and of its only run.

    Args:
        folder: That of the training, which has the model.
        records: The open database.
        study_run: Of the training.
        figures: The names of those that were drawn.
    """
    (run,) = records.runs(study_run.id)
    record = asdict(run) | {
        "study": study_run.config,
        "fingerprint": study_run.fingerprint,
        "data_checksum": study_run.data_checksum,
        "begun": study_run.created_at,
        "environment": study_run.sessions[-1].environment,
        "wall_s": study_run.wall_s,
        "figures": list(figures),
    }
    path = folder / RECORD
    try:
        record["model_sha256"] = checksum_of(folder / MODEL)
        text = json.dumps(without_nan(record), indent=1) + "\n"
        replace_file(path, text.encode(), durable=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({in_short(error)}); name another --folder."
        ) from error
