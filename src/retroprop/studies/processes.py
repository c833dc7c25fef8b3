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
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Self

from retroprop.studies.messages import Job, StudyJob

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
