"""Run a study: one-thread worker processes train its populations, and everything is recorded.

    plan → what the records lack → workers (longest population first) → test of the best → records

Killing it at any moment loses at most the epoch in flight; running it again resumes. The numbers
depend on the study alone: not on the number of workers, nor on interruptions.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from retroprop.data import find, load
from retroprop.errors import Interrupted, UserError, in_short
from retroprop.files import check_name, held, is_as_written, remove_leftovers, unfinished
from retroprop.studies import messages
from retroprop.studies.environment import describe_environment, usable_cores
from retroprop.studies.longer import add_longer, find_shorter
from retroprop.studies.plan import Plan, longest_first, plan_study
from retroprop.studies.processes import WorkerProcess, WorkerProcesses
from retroprop.studies.records import Records, RunRecord, StudyRunRecord
from retroprop.studies.schema import Study
from retroprop.studies.summary import best_cells, summarise_cells


@runtime_checkable
class Display(Protocol):
    """What the runner tells the person who waits."""

    def start(self, plan: Plan, runs: Sequence[RunRecord], workers: int) -> None:
        """The work begins; `runs` has what is recorded already."""
        ...

    def step(self, population: str, examples: int) -> None:
        """So many more examples were visited."""
        ...

    def epoch(self, report: messages.EpochReport) -> None:
        """An epoch is recorded."""
        ...

    def note(self, text: str) -> None:
        """Something worth a sentence."""
        ...

    def stop(self) -> None:
        """The work ends, for whatever reason."""
        ...


class Pool(Protocol):
    """Who does the jobs of a study: processes of their own, or this one (`studies.one_run`)."""

    count: int
    """How many work at once."""

    def prepare(self, before: StudyRunRecord, jobs: Sequence[messages.TrainJob]) -> dict[str, Any]:
        """Get ready for some jobs of a study run; the environment in which they are done."""
        ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: object) -> None: ...

    def work(self, jobs: Sequence[messages.Job], display: Display, session: "_Session") -> None:
        """Do all jobs."""
        ...


class Silent:
    """A display that shows nothing."""

    def start(self, plan: Plan, runs: Sequence[RunRecord], workers: int) -> None:
        """Show nothing."""

    def step(self, population: str, examples: int) -> None:
        """Show nothing."""

    def epoch(self, report: messages.EpochReport) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


def run_study(
    study: Study,
    records: Records,
    *,
    workers: int | None = None,
    fresh: bool = False,
    device: str = "cpu",
    display: Display | None = None,
    processes: WorkerProcesses | None = None,
) -> StudyRunRecord:
    """Train what the records lack of a study, evaluate its best cells, and return its record.

    Args:
        study: A validated study.
        records: Where everything is recorded.
        workers: Number of worker processes; one per usable core by default, and one for a GPU.
        fresh: Start a new study run even if the records hold one of this study.
        device: Where networks of the trainer train: "cpu", "cuda" or "auto"; populations always
            train on the CPU.
        display: What to tell the person who waits.
        processes: Those that train other studies too; its own, by default.

    Raises:
        UserError: If something is wrong that the person can fix; what is recorded is kept.
        Interrupted: After Ctrl-C or SIGTERM, at the next step.
    """
    display = display or Silent()
    if device != "cpu":
        from retroprop.training.devices import choose_device

        device = choose_device(device).type
    n_workers = workers if workers is not None else 1 if device == "cuda" else usable_cores()
    if n_workers < 1:
        raise UserError(f"--workers must be at least 1, and got {workers}.")
    if records.in_memory:
        raise UserError(
            "a database in memory cannot be shared with worker processes; name a file with --db."
        )
    with contextlib.nullcontext(processes) if processes else WorkerProcesses() as processes:
        pool = _Workers(study, records, n_workers, device, processes)
        return carry_out(study, records, pool, display, fresh=fresh)


def carry_out(
    study: Study, records: Records, pool: Pool, display: Display, *, fresh: bool
) -> StudyRunRecord:
    """Let a pool do what the records lack of a study, and return the study's record."""
    check_name(records.folder, "name another database with --db FOLDER/retroprop.db")
    dataset = load(study.dataset)  # decoded once here, so that the workers find it ready
    plan = plan_study(study)
    warning = plan.memory_warning(pool.count)
    study_run_id = _find_or_add(plan, records, dataset.checksum, display, fresh=fresh)
    folder = records.folder / "checkpoints" / study_run_id
    with _only_one(records, folder):
        runs = records.runs(study_run_id)
        remaining = _remaining_jobs(plan, runs, study_run_id)
        _remove_leftovers(folder, runs)
        _say_what_is_lost(runs, records.folder, display)
        before = records.study_run(study_run_id)
        if before.status == "finished" and not remaining:
            display.note(
                f"{study_run_id} is finished already: nothing to train (--fresh trains it again)."
            )
        else:
            if warning and remaining:
                display.note(warning)
            session = _Session(records, study_run_id, pool.prepare(before, remaining))
            display.start(plan, records.runs(study_run_id), pool.count)
            try:
                with pool:
                    pool.work(remaining, display, session)
                    pool.work(_test_jobs(study, records.runs(study_run_id)), display, session)
                records.set_status(study_run_id, "finished")
            except (Interrupted, KeyboardInterrupt):
                records.set_status(study_run_id, "interrupted")
                raise
            finally:
                session.close()
                display.stop()
    return records.study_run(study_run_id)


def show(message: messages.Report, display: Display) -> None:
    """Show what a worker reports on its way."""
    match message:
        case messages.StepReport():
            display.step(message.population, message.examples)
        case messages.EpochReport():
            display.epoch(message)
        case messages.NoteReport():
            display.note(message.text)


def study_runs_of(study: Study, records: Records) -> list[StudyRunRecord]:
    """The recorded runs of this very study, with the same settings and data; newest last.

    Data of the catalog are the published ones, as `load` makes sure of all that are trained on.
    """
    return [
        record
        for record in records.study_runs(study.name)
        if record.fingerprint == study.fingerprint
        and record.data_checksum == find(study.dataset).checksum
    ]


def _find_or_add(
    plan: Plan, records: Records, data_checksum: str, display: Display, *, fresh: bool
) -> str:
    """The id of the latest study run of this very study, or of a new one.

    A new one goes on where a finished one with fewer epochs ended, as far as that can be.

    Args:
        plan: Of the study.
        records: Where to look, and to add.
        data_checksum: Of the data as they were read.
        display: What to tell the person who waits.
        fresh: Add a new one in any case, from its beginning.
    """
    study = plan.study
    known = records.study_runs(study.name)
    alike = [one for one in known if one.fingerprint == study.fingerprint]
    same = [one for one in alike if one.data_checksum == data_checksum]
    if same and not fresh:
        return same[-1].id
    study_run_id = begin = f"{study.name}-{study.fingerprint[:8]}"
    number, taken = len(alike) + 1, {one.id for one in alike}  # perhaps with other data
    while number > 1 and (study_run_id := f"{begin}-{number}") in taken:
        number += 1
    shorter = None if fresh else find_shorter(study, records, known, data_checksum)
    if shorter is not None:
        display.note(shorter.said(study))
    try:
        if shorter is not None and shorter.continued:
            add_longer(plan, records, study_run_id, data_checksum, shorter)
            return study_run_id
        records.add_study_run(
            id=study_run_id,
            study=study.name,
            fingerprint=study.fingerprint,
            config=study.model_dump(mode="json", exclude_none=True),
            data_checksum=data_checksum,
            runs=plan.runs,
        )
    except UserError:  # another process, perhaps on another machine, may have been faster
        if study_run_id not in {record.id for record in study_runs_of(study, records)}:
            raise
    return study_run_id


def _remaining_jobs(
    plan: Plan, runs: Sequence[RunRecord], study_run_id: str
) -> list[messages.TrainJob]:
    """What is left to train. A population that is finished never is, wherever its file may be."""
    by_position = {run.position: run for run in runs}
    jobs = []
    for population in longest_first(plan.populations):
        members = [by_position[run.position] for run in population.runs]
        if all(run.checkpoint for run in members):
            continue
        recorded = min(run.epochs[-1].epoch if run.epochs else -1 for run in members)
        jobs.append(
            messages.TrainJob(
                study_run_id=study_run_id,
                population=population,
                run_ids=tuple(run.id for run in members),
                recorded_epoch=recorded,
                state_sha256=members[0].state_sha256,
            )
        )
    return jobs


def _remove_leftovers(folder: Path, runs: Sequence[RunRecord]) -> None:
    """Remove what killed workers left: states of other epochs than the recorded, half files."""
    needed: dict[str, str | None] = {}
    for run in runs:
        last = run.epochs[-1].epoch if run.epochs else -1
        kept = run.checkpoint is None or run.state_sha256 is not None
        needed[run.population] = messages.state_name(last) if kept else None
    state, best = "state-*.safetensors", "best.safetensors"
    for population, keep in needed.items():
        remove_leftovers(folder / population, state, unfinished(state), unfinished(best), keep=keep)


def _say_what_is_lost(runs: Sequence[RunRecord], folder: Path, display: Display) -> None:
    """Say which files of finished models are not what was recorded: their numbers are kept."""
    files = {run.checkpoint: run.checkpoint_sha256 for run in runs if run.checkpoint is not None}
    lost = [file for file, sha256 in files.items() if not is_as_written(folder / file, sha256)]
    if lost:
        display.note(
            f"{len(lost)} of {len(files)} files with the models of finished runs are missing or "
            f"damaged (the first: {folder / lost[0]}): the records keep all their numbers; put the "
            "files back to use the models, or train again with --fresh."
        )


def _test_jobs(study: Study, runs: Sequence[RunRecord]) -> list[messages.TestJob]:
    """The final models that were not evaluated on the test set yet: each is, once."""
    untested = [
        run
        for cell in best_cells(summarise_cells(runs), study.selection.best_per)
        for run in cell.runs
        if run.test_accuracy is None
    ]
    if not untested:
        return []
    return [messages.TestJob(study_run_id=untested[0].study_run_id, runs=tuple(untested))]


@contextlib.contextmanager
def _only_one(records: Records, folder: Path) -> Iterator[None]:
    """Hold the study run and its folder: two processes must not train the same run at once."""
    busy = (
        f"another retroprop process is training {folder.name}; wait for it to end, or name "
        "another database with --db."
    )
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder, busy=busy))
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({in_short(error)}); choose a folder that you "
                "may write to, with --db FOLDER/retroprop.db."
            ) from error
        stack.enter_context(records.held(folder.name, busy=busy))
        yield


class _Session:
    """Keeps the record of this stretch of work up to date."""

    def __init__(self, records: Records, study_run_id: str, environment: Mapping[str, Any]) -> None:
        self.records = records
        self.started = time.perf_counter()
        self.saved = self.started
        self.id = records.start_session(study_run_id, environment)

    def heartbeat(self) -> None:
        """Save the seconds worked so far, every second."""
        if time.perf_counter() - self.saved > 1:
            self.close()

    def close(self) -> None:
        """Save the seconds worked so far."""
        self.saved = time.perf_counter()
        with contextlib.suppress(UserError):  # the error that ended the work is the one to show
            self.records.update_session(self.id, self.saved - self.started)


@dataclass
class _Workers:
    """The pool of one study: some of the worker processes, as long as it needs them."""

    study: Study
    records: Records
    count: int
    device: str
    processes: WorkerProcesses
    mine: list[WorkerProcess] = field(default_factory=list)
    stopping: bool = False

    def prepare(self, before: StudyRunRecord, jobs: Sequence[messages.TrainJob]) -> dict[str, Any]:
        """No more processes than jobs."""
        self.count = max(1, min(self.count, len(jobs)))
        return describe_environment(self.count, self.device)

    def __enter__(self) -> "_Workers":
        with self._catching_signals():
            self.mine = self.processes.take(self.count)
        for worker in self.mine:
            worker.give(
                messages.StudyJob(
                    study=self.study,
                    database=self.records.url,
                    checkpoints=self.records.folder / "checkpoints",
                    device=self.device,
                    data_checksum=find(self.study.dataset).checksum,
                )
            )
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            self.processes.end()  # they are in the middle of jobs
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def work(self, jobs: Sequence[messages.Job], display: Display, session: _Session) -> None:
        """Do all jobs, in their order, on whichever worker is free."""
        waiting = list(jobs)
        for worker in self.mine:
            if worker.job is None:  # else it gets ready for the study
                worker.give(waiting.pop(0) if waiting else None)
        while busy := [worker for worker in self.mine if worker.job is not None]:
            ready = connection.wait([worker.pipe for worker in busy], timeout=0.2)
            if self.stopping:
                raise Interrupted
            session.heartbeat()
            for worker in busy:
                if worker.pipe in ready:
                    self._hear(worker, waiting, display)

    def _hear(self, worker: WorkerProcess, waiting: list[Any], display: Display) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._death(worker) from None
        match message:
            case messages.DoneReport():
                worker.give(waiting.pop(0) if waiting else None)
            case messages.FailureReport(text=text, expected=True):
                raise UserError(text)
            case messages.FailureReport(text=text):
                raise RuntimeError(f"a worker process failed:\n{text}")
            case _:
                show(message, display)

    def _death(self, worker: WorkerProcess) -> UserError:
        code = worker.process.wait()  # its end of the pipe is closed: it is leaving
        reason = f"by signal {-code}" if code < 0 else f"with code {code}"
        hint = " (signal 9 is often a lack of memory: try --workers 1)" if code == -9 else ""
        return UserError(
            f"a worker process was ended {reason}{hint}; everything up to the last finished epoch "
            "is kept: run the same command again to continue."
        )

    @contextlib.contextmanager
    def _catching_signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM stop all workers at their next step, from the end of the block on.

        Processes that are started in the block ignore Ctrl-C, which a terminal sends to them too.
        """
        self._handlers: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: object) -> None:
            self.stopping = True

        self._handlers[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, stop)
        self._handlers[signal.SIGTERM] = signal.signal(signal.SIGTERM, stop)
