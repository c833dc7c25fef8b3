"""Worker processes that never run the program which started them, and do study after study.

The "spawn" of multiprocessing imports the parent's main module again in each child: a script that
trains without a `__main__` guard would start its study once more there. So a worker is a Python of
its own, which is told through a pipe where modules are found, and then what to do. It has the
environment, the working folder and the error output of its parent.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe, connection
from multiprocessing.connection import Connection
from typing import Any, Self

from retroprop.errors import Interrupted, UserError
from retroprop.studies.environment import describe_environment, usable_cores
from retroprop.studies.messages import DoneReport, FailureReport, Job, StudyJob, TrainJob, failed
from retroprop.studies.pools import Display, Session, StopSignals
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.stores import Store

_PROGRAM = """
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv()
from retroprop.studies.worker import main
main(pipe, parent=int(sys.argv[2]))
"""


@dataclass
class WorkerProcess:
    """A process that runs `studies.worker.main`, our end of its pipe, and the job it has."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    job: StudyJob | Job | None = None

    @classmethod
    def start(cls) -> Self:
        """Start one that has no job yet."""
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                # -P: a module of ours must not be hidden by a file of the working folder
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,  # the parent may read its program from its own
                pass_fds=[theirs.fileno()],
            )
        with contextlib.suppress(ConnectionError):  # it is dead: whoever listens finds out why
            ours.send(sys.path)
        return cls(process, ours)  # pyright: ignore[reportArgumentType] - that of Windows differs

    def give(self, job: StudyJob | Job | None) -> None:
        """Give it a job, or none for now."""
        self.job = job
        if job is not None:
            with contextlib.suppress(ConnectionError):  # it is dead: whoever listens finds out why
                self.pipe.send(job)

    def stop(self) -> None:
        """Ask it to leave at its next step."""
        self.process.terminate()
        with contextlib.suppress(OSError):
            self.pipe.send(None)

    def end(self) -> None:
        """Wait until it has ended, and end one that does not: it loses the epoch in flight."""
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.pipe.close()


class WorkerProcesses:
    """Worker processes that serve several studies, since each takes seconds to import torch.

    They are started as a study needs them, and end with the block.
    """

    def __init__(self) -> None:
        self._started: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def take(self, count: int) -> list[WorkerProcess]:
        """So many of them; those that are missing are started."""
        while len(self._started) < count:
            self._started.append(WorkerProcess.start())
        return self._started[:count]

    def end(self) -> None:
        """End all of them, at their next step."""
        for worker in self._started:
            worker.stop()
        while self._started:
            self._started.pop().end()

    # -- as an engine of studies --------------------------------------------------------------

    def check_reach(self, records: Records, store: Store) -> None:
        """Refuse records in memory: no other process sees them."""
        if records.in_memory:
            raise UserError(
                "a database in memory cannot be shared with worker processes; name a file with "
                "--db."
            )

    def device(self, wanted: str) -> str:
        """What this machine has."""
        if wanted == "cpu":
            return wanted
        from retroprop.training.devices import choose_device

        return choose_device(wanted).type

    def pool(self, setup: StudyJob, workers: int | None) -> "_ProcessPool":
        """One process per usable core, or one for a GPU, unless a number is given."""
        usual = 1 if setup.device == "cuda" else usable_cores()
        return _ProcessPool(setup, workers or usual, self)


@dataclass
class _ProcessPool:
    """Some of the worker processes, as long as a study needs them."""

    setup: StudyJob
    count: int
    processes: WorkerProcesses
    mine: list[WorkerProcess] = field(default_factory=list)
    signals: StopSignals = field(default_factory=StopSignals)

    @property
    def must_stop(self) -> bool:
        """Whether Ctrl-C or SIGTERM came."""
        return self.signals.arrived

    def prepare(self, before: StudyRunRecord, jobs: Sequence[TrainJob]) -> dict[str, Any]:
        """No more processes than jobs."""
        self.count = max(1, min(self.count, len(jobs)))
        return describe_environment(self.count, self.setup.device)

    def __enter__(self) -> Self:
        with self.signals.ignored_by_children():
            self.mine = self.processes.take(self.count)
        for worker in self.mine:
            worker.give(self.setup)
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            self.processes.end()  # they are in the middle of jobs
        self.signals.release()

    def work(self, jobs: Sequence[Job], display: Display, session: Session) -> None:
        """Do all jobs, in their order, on whichever worker is free."""
        waiting = list(jobs)
        for worker in self.mine:
            if worker.job is None:  # else it gets ready for the study
                worker.give(waiting.pop(0) if waiting else None)
        while busy := [worker for worker in self.mine if worker.job is not None]:
            ready = connection.wait([worker.pipe for worker in busy], timeout=0.2)
            if self.signals.arrived:
                raise Interrupted
            session.heartbeat()
            for worker in busy:
                if worker.pipe in ready:
                    self._hear(worker, waiting, display, session)

    def _hear(
        self, worker: WorkerProcess, waiting: list[Any], display: Display, session: Session
    ) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._death(worker) from None
        match message:
            case DoneReport():
                worker.give(waiting.pop(0) if waiting else None)
            case FailureReport():
                raise failed(message)
            case _:
                session.show(message, display)

    def _death(self, worker: WorkerProcess) -> UserError:
        code = worker.process.wait()  # its end of the pipe is closed: it is leaving
        reason = f"by signal {-code}" if code < 0 else f"with code {code}"
        hint = " (signal 9 is often a lack of memory: try --workers 1)" if code == -9 else ""
        return UserError(
            f"a worker process was ended {reason}{hint}; everything up to the last finished epoch "
            "is kept: run the same command again to continue."
        )
