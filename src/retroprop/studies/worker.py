"""A worker trains one population after another, in a process of its own or in ours (`one_run`).

A worker is told what to do and reports what it did; in a process of its own both go through a pipe,
for one study after another, and it leaves when its parent is gone. After each epoch it writes the
population's state to a file, then the metrics to the records in one transaction; whatever kills it,
power cuts too, the records and the state of the last recorded epoch agree: each file is on the disk
before the records speak of it, and is removed only after they no longer do.
"""

import contextlib
import ctypes
import ctypes.util
import functools
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retroprop.errors import Interrupted, UserError, cannot_be_used
from retroprop.files import checksum_of
from retroprop.studies.longer import is_kept
from retroprop.studies.memory import fits_on_device
from retroprop.studies.messages import (
    DoneReport,
    EpochReport,
    FailureReport,
    NoteReport,
    StepReport,
    StudyJob,
    TestJob,
    TrainJob,
    population_folder,
    state_name,
)
from retroprop.studies.patience import Patience
from retroprop.studies.plan import PlannedPopulation
from retroprop.studies.records import Records, RunRecord, RunUpdate
from retroprop.studies.schema import Study
from retroprop.studies.stores import BEST, Store
from retroprop.studies.study_data import StudyData
from retroprop.training.checkpoints import check_file, load_tensors, why_lost
from retroprop.training.chunks import ChunkedTrajectory, cut
from retroprop.training.confusion import count_pairs
from retroprop.training.devices import choose_device, free_bytes
from retroprop.training.network_trajectories import NetworkTrajectory, trained_network
from retroprop.training.populations import Examples, Population, predictions
from retroprop.training.ranks import Ranks
from retroprop.training.settings import PopulationSettings, RunSettings, from_record
from retroprop.training.trainer import evaluate_model
from retroprop.training.trajectories import Trajectory, member_parameters

AnyTrajectory = Trajectory | ChunkedTrajectory | NetworkTrajectory


def main(pipe: Connection, parent: int) -> None:
    """Serve jobs from the pipe until it closes, or until SIGTERM asks to stop at the next step."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it sends SIGTERM
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _die_with(parent)
    prepare_thread()
    warnings.simplefilter("ignore", RuntimeWarning)  # of a cache: the parent has said it
    worker = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while (job := pipe.recv()) is not None:
            try:
                if isinstance(job, StudyJob):
                    worker = None  # its images make room
                    patience = Patience(
                        note=lambda text: pipe.send(NoteReport(text=text)),
                        must_stop=stop.is_set,
                        waits_s=job.waits_s,
                    )
                    worker = Worker(
                        job.study,
                        Records.open(job.database, checked=True, patience=patience),
                        job.store,
                        pipe.send,
                        stop.is_set,
                        choose_device(job.device),
                    )
                    worker.data.check(job.data_checksum)
                else:
                    assert worker is not None
                    worker.do(job)
                pipe.send(DoneReport())
            except Interrupted:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.raise_signal(signal.SIGTERM)  # so a parent that did not send it can tell
            except Exception as error:
                pipe.send(failure(error))


def prepare_thread() -> None:
    """One thread, no denormal numbers, and memory that is kept for the next step.

    Adam's moments of a pixel that stays black decay into denormal numbers, which some processors
    compute a hundred times slower. Blocks of some hundred kilobytes are freed and taken again at
    every step: the C library would return them to the system each time.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(ctypes.util.find_library("c"))
            trim_threshold, mmap_threshold = -1, -3
            libc.mallopt(mmap_threshold, 256 * 2**20)
            libc.mallopt(trim_threshold, 256 * 2**20)


class Worker:
    """Trains populations of one study, and evaluates its final models.

    Where several ranks train together, each has a worker, and that of the first alone has records.
    """

    def __init__(
        self,
        study: Study,
        records: Records | None,
        store: Store,
        report: Callable[[Any], None],
        must_stop: Callable[[], bool],
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        """Split the data set."""
        self.study, self.records, self.store = study, records, store
        self.report, self.must_stop = report, must_stop
        self.device, self.ranks = device, ranks or Ranks()
        self.data = StudyData(study.dataset, study.split.model_dump())

    def do(self, job: TrainJob | TestJob) -> None:
        """Do one job."""
        if isinstance(job, TrainJob):
            by_hand = job.population.settings.derivation == "by-hand"
            # tensors of inference mode save a little time, and cannot be derived automatically
            with torch.inference_mode() if by_hand else torch.no_grad():
                self._train(job)
        elif self.records is not None:
            with torch.no_grad():
                self._test(job, self.records)

    def _train(self, job: TrainJob) -> None:
        population = job.population
        about = f"{job.study_run_id} {population.name}"
        trajectory, recorded = self._resume(job, about)
        written: tuple[int, str] | None = None  # bytes and SHA-256 of the last state
        if self.records is not None:
            self.records.set_parameters(job.run_ids, trajectory.parameters)
        while not trajectory.done and (job.until is None or trajectory.epoch < job.until):
            try:
                epochs = trajectory.advance(on_step=_Steps(self, population.name))
            except torch.OutOfMemoryError as error:
                raise UserError(
                    f"the memory of {self.device} does not suffice for the population "
                    f"{population.name}; end what else uses it, make the model or batch_size "
                    "smaller, or use --device cpu."
                ) from error
            if self.must_stop():
                raise Interrupted
            if self.records is None:
                continue
            with self.store.writing(f"{job.folder}/{state_name(trajectory.epoch)}") as state:
                trajectory.save(state, about=about)
                written = state.stat().st_size, checksum_of(state)
            updates = [
                RunUpdate(run_id=run_id, epoch=epoch, progress=progress)
                for run_id, epoch, progress in zip(
                    job.run_ids, epochs, trajectory.progress, strict=True
                )
            ]
            self.records.add_epoch(updates, state_sha256=written[1])
            if recorded >= 0:  # after a power cut the next start removes it
                self.store.remove(f"{job.folder}/{state_name(recorded)}", durable=False)
            recorded = trajectory.epoch
            self.report(
                EpochReport(
                    population=population.name, updates=tuple(updates), done=trajectory.done
                )
            )
        if self.records is not None and (trajectory.done or job.until is None or job.prune):
            best = f"{job.folder}/{BEST}"
            with self.store.writing(best) as path:
                trajectory.save_best(path, about=about)
                sha256 = checksum_of(path)
            state_sha256 = self._kept_state(job, recorded, written)
            self.records.finish_population(
                job.run_ids,
                self.store.recorded(best),
                sha256=sha256,
                state_sha256=state_sha256,
                pruned=not trajectory.done,
            )
            if state_sha256 is None:
                self.store.remove(f"{job.folder}/{state_name(recorded)}")

    def _kept_state(self, job: TrainJob, epoch: int, written: tuple[int, str] | None) -> str | None:
        """The checksum of the last state, if it is kept for more epochs one day."""
        if written is None:  # that epoch was made before a kill
            with self.store.reading(f"{job.folder}/{state_name(epoch)}") as state:
                if not state.is_file():
                    return None
                written = state.stat().st_size, checksum_of(state)
        size, sha256 = written
        return sha256 if is_kept(size, self.study, job.population) else None

    def _resume(self, job: TrainJob, about: str) -> tuple[AnyTrajectory, int]:
        """The trajectory as of the last recorded epoch, or from the start where it is lost."""
        trajectory = self.untrained(job.population)
        if job.recorded_epoch < 0:
            return trajectory, -1
        with self.store.reading(f"{job.folder}/{state_name(job.recorded_epoch)}") as state:
            lost = why_lost(state, job.state_sha256)
            try:
                if lost is None:
                    trajectory.load(state, about=about)
            except UserError:  # one that an older version wrote, without a checksum
                lost = f"{state} cannot be read"
        missing = self.ranks.total(torch.tensor(float(lost is not None), device=self.device))
        if not missing:
            return trajectory, trajectory.epoch
        reason = lost or "another process cannot read the state of the last epoch"
        self.report(NoteReport(text=f"{job.population.name} starts again: {reason}."))
        if self.records is not None:
            self.records.forget_epochs(job.run_ids, after=-1)
        return self.untrained(job.population), -1

    def untrained(self, population: PlannedPopulation) -> AnyTrajectory:
        """A population before its first epoch; on a GPU, in chunks that have room."""
        if self.study.kind.engine == "population":
            return self._population(population.settings)
        images = self.data.images(population.settings.normalization)
        return NetworkTrajectory(population.settings, *images, self.device, self.ranks)

    def _population(self, settings: PopulationSettings) -> Trajectory | ChunkedTrajectory:
        def fits(seeds: int, rates: int) -> bool:
            return fits_on_device(self.study, settings, seeds, rates, free)

        free = free_bytes(self.device)
        chunks = cut(len(settings.seeds), len(settings.learning_rates), fits)
        if len(chunks) == 1:
            return Trajectory(settings, *self._examples, self.device)
        return ChunkedTrajectory(settings, *self._examples, self.device, chunks)

    @functools.cached_property
    def _examples(self) -> tuple[Examples, Examples]:
        """The training and the validation set, once on the device for all populations."""
        train, validation = self.data.examples
        return train.to(self.device), validation.to(self.device)

    def _test(self, job: TestJob, records: Records) -> None:
        """Evaluate each run's best parameters on the test set and record it."""
        for run in job.runs:
            place = f"{population_folder(job.study_run_id, run.population)}/{BEST}"
            with self.store.reading(place) as path:
                if not path.is_file():
                    raise UserError(
                        f"the test of run {run.id} needs its parameters, which are not at {path}; "
                        "put the file back, or train again with --fresh."
                    )
                check_file(path, run.checkpoint_sha256)
                members = load_tensors(path, about=f"{job.study_run_id} {run.population}")
                alone = self.study.kind.engine == "trainer"
                test = self._test_network if alone else self._test_member
                accuracy, loss, confusion = test(run, members, path)
            records.set_test(run.id, accuracy=accuracy, loss=loss, confusion=confusion.tolist())

    def _test_member(
        self, run: RunRecord, members: Mapping[str, Tensor], path: Path
    ) -> tuple[float, float, Tensor]:
        """One member of a population."""
        test = self.data.test_examples.to(self.device)
        rate = run.settings["learning_rate"]
        settings = from_record(
            PopulationSettings, run.settings, seeds=(run.seed,), learning_rates=(rate,)
        )
        parameters = member_parameters(members, run.seed, rate)
        shape = test.image_shape
        model = Population(settings, shape, test.n_classes, parameters, self.device)
        result = model.evaluate(test)
        counts = predictions(model.learner, test)[0, 0]
        return float(result.accuracy), float(result.loss), counts

    def _test_network(
        self, run: RunRecord, members: Mapping[str, Tensor], path: Path
    ) -> tuple[float, float, Tensor]:
        """One network of the trainer."""
        settings = from_record(RunSettings, run.settings, seed=run.seed)
        test = self.data.test_images(settings.normalization)
        model = trained_network(settings, test.image_shape, test.n_classes, members, path)
        scores, predicted = evaluate_model(model, test, device=self.device)
        return scores.accuracy, scores.loss, count_pairs(test.labels, predicted, test.n_classes)


class _Steps:
    """Counts examples, tells the parent now and then, and stops at the next step when asked."""

    def __init__(self, worker: Worker, population: str, every: int = 500) -> None:
        self.worker, self.population, self.every = worker, population, every
        self.pending = 0

    def __call__(self, examples: int) -> None:
        if self.worker.must_stop():
            raise Interrupted
        self.pending += examples
        if self.pending >= self.every:
            self.worker.report(StepReport(population=self.population, examples=self.pending))
            self.pending = 0


def failure(error: Exception) -> FailureReport:
    """What the runner is told of an error."""
    if isinstance(error, UserError):
        return FailureReport(text=str(error), expected=True)
    if isinstance(error, OSError) and error.filename is not None:
        return FailureReport(text=cannot_be_used(error), expected=True)
    return FailureReport(text="".join(traceback.format_exception(error)), expected=False)


def _die_with(parent: int) -> None:
    """Ask Linux to end this process when its parent ends; leave if that has happened already."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            set_death_signal = 1
            libc = ctypes.CDLL(ctypes.util.find_library("c"))
            libc.prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
