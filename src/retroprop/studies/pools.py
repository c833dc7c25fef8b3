"""What does the jobs of a study, whoever it is: worker processes, a Ray cluster, or this process.

    engine   serves one study after another (`processes.WorkerProcesses`, `ray_engine.RayEngine`)
    pool     what it lends to one of them (`one_run` has a pool of its own: this process)

A job is a population to train, a network to train, or an evaluation on the test set; it says
everything, so it may be done anywhere. No number depends on where, or on how many do it at once.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from retroprop.errors import UserError
from retroprop.studies import messages
from retroprop.studies.plan import Plan
from retroprop.studies.records import Records, RunRecord, StudyRunRecord
from retroprop.studies.stores import Store


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

    def trials(self, plan: Plan, runs: Sequence[RunRecord]) -> None:
        """A search has drawn or pruned trials; `plan` and `runs` have all so far."""
        ...

    def note(self, text: str) -> None:
        """Something worth a sentence."""
        ...

    def stop(self) -> None:
        """The work ends, for whatever reason."""
        ...


class Silent:
    """A display that shows nothing."""

    def start(self, plan: Plan, runs: Sequence[RunRecord], workers: int) -> None:
        """Show nothing."""

    def step(self, population: str, examples: int) -> None:
        """Show nothing."""

    def epoch(self, report: messages.EpochReport) -> None:
        """Show nothing."""

    def trials(self, plan: Plan, runs: Sequence[RunRecord]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


class Session:
    """A stretch of work: keeps its record up to date, and shows what workers report."""

    def __init__(self, records: Records, study_run_id: str, environment: Mapping[str, Any]) -> None:
        self.records = records
        self.started = time.perf_counter()
        self.saved = self.started
        self.id = records.start_session(study_run_id, environment)
        self.said = ""

    def show(self, message: messages.Report, display: Display) -> None:
        """Show a report; a note that several workers send one after the other, once."""
        match message:
            case messages.StepReport():
                display.step(message.population, message.examples)
            case messages.EpochReport():
                self.said = ""
                display.epoch(message)
            case messages.NoteReport() if message.text != self.said:
                self.said = message.text
                display.note(message.text)

    def heartbeat(self) -> None:
        """Save the seconds worked so far, every second, and see that the study run is still ours.

        Raises:
            UserError: If another process has it, which can be after a restart of the server.
        """
        if time.perf_counter() - self.saved > 1:
            self.records.hold_on()
            self.close()

    def close(self) -> None:
        """Save the seconds worked so far."""
        self.saved = time.perf_counter()
        with contextlib.suppress(UserError):  # the error that ended the work is the one to show
            self.records.update_session(self.id, self.saved - self.started)


class Pool(Protocol):
    """Who does the jobs of one study."""

    count: int
    """How many are done at once."""

    @property
    def must_stop(self) -> bool:
        """Whether somebody asked to stop."""
        ...

    def prepare(self, before: StudyRunRecord, jobs: Sequence[messages.TrainJob]) -> dict[str, Any]:
        """Get ready for some jobs of a study run; the environment in which they are done."""
        ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: object) -> None: ...

    def work(self, jobs: Sequence[messages.Job], display: Display, session: Session) -> None:
        """Do all jobs."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Where the jobs of studies are done."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def check_reach(self, records: Records, store: Store) -> None:
        """Refuse records and files that whoever does the jobs cannot reach.

        Raises:
            UserError: With what they can.
        """
        ...

    def device(self, wanted: str) -> str:
        """The device that "cpu", "cuda" or "auto" means there.

        Raises:
            UserError: If there is none.
        """
        ...

    def pool(self, setup: messages.StudyJob, workers: int | None) -> Pool:
        """Whoever does the jobs of a study; `workers` at once, or as many as pays."""
        ...


class StopSignals:
    """Ctrl-C and SIGTERM while jobs are done: they are noticed between two messages.

    Attributes:
        arrived: Whether one of them came.
    """

    def __init__(self) -> None:
        self.arrived = False
        self._handlers: dict[int, Any] = {}

    @contextlib.contextmanager
    def ignored_by_children(self) -> Iterator[None]:
        """Catch them from the end of the block on.

        Processes that are started in the block ignore Ctrl-C, which a terminal sends to them too.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: object) -> None:
            self.arrived = True

        self._handlers[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, stop)
        self._handlers[signal.SIGTERM] = signal.signal(signal.SIGTERM, stop)

    def release(self) -> None:
        """Let them mean what they meant before."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())
