"""A Ray cluster does the jobs of a study: one on this machine, or one of many machines.

    ray                 a cluster of this machine, which ends with the command; inside a job that
                        `ray job submit` started (RAY_ADDRESS is set), the cluster of that job
    ray://HOST:10001    a running cluster, through its client server
    HOST:6379, auto     a running cluster that this machine belongs to

Each population and each network is one Ray task with one core, or a share of a GPU. Where it is
done, and that it is done again when a worker or a machine dies, is Ray's business: a task asks the
records how far an earlier try came, and goes on from its last state in the store.
"""

import contextlib
import importlib.util
import math
import os
import re
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from retroprop import __version__
from retroprop.errors import Interrupted, UserError, in_short
from retroprop.studies.environment import describe_environment, usable_cores
from retroprop.studies.messages import (
    DoneReport,
    FailureReport,
    Job,
    NoteReport,
    Report,
    StepReport,
    StudyJob,
    TestJob,
    TrainJob,
    failed,
    train_job,
)
from retroprop.studies.patience import Patience
from retroprop.studies.pools import Display, Session, StopSignals
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.stores import Store

RETRIES = 5
"""How often Ray does a task again whose worker or machine died."""
_GPU_BYTES = 16 * 2**30
"""The memory of the GPU that shares are counted of; a larger one has room to spare."""
_MOST_SECONDS_OF_AN_EARLIER_TRY = 120
"""A machine that vanished without a word holds its population until the database notices."""
_STEPS_EVERY_S = 0.2
_MOST_REPORTS_PER_S = 500
"""Of steps, from all tasks together: one process takes them all."""
_ANSWERS_WITHIN_S = 20
_TOKEN = Path.home() / ".ray" / "auth_token"


class RayEngine:
    """A Ray cluster that serves studies as long as the block lasts.

    Args:
        on: As typed: "ray", "auto", "ray://HOST:PORT" or "HOST:PORT".
        workers: Cores of a cluster of this machine; of another one, tasks at once.
    """

    def __init__(self, on: str, workers: int | None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UserError(
                f"--on {on} needs Ray, which is not installed; run in the folder of retroprop: "
                "pip install -c constraints.txt -e '.[ray]'."
            )
        host, separator, port = on.removeprefix("ray://").partition(":")
        if on not in ("ray", "auto") and not (host and separator and port.isdigit()):
            raise UserError(
                f"--on takes ray, for a cluster of this machine, or the address of one that runs, "
                f"such as ray://HOST:10001 or HOST:6379, and got {in_short(on)}."
            )
        self.address = (os.environ.get("RAY_ADDRESS") or None) if on == "ray" else on
        self.workers = workers
        self.mailbox: Any = None
        self.started = False

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        """Start or join the cluster, once, when it is known that it can reach everything."""
        if self.started:
            return
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # these are read when Ray is imported
        if _TOKEN.is_file():  # Ray's own, by which it starts clusters that ask for it
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        if self.address is None:  # on loopback, where nobody else can give it tasks
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        import ray

        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's own habits
            if self.address is not None:
                self._connect(self.address, quiet)
            else:
                ray.init(
                    "local",  # not one that happens to run here
                    num_cpus=self.workers or usable_cores(),
                    include_dashboard=False,
                    object_store_memory=100 * 2**20,  # jobs are small, and data are not sent
                    **quiet,
                )
            self.started = True
            self.mailbox = _mailbox_here()

    def _connect(self, address: str, quiet: Mapping[str, Any]) -> None:
        """Connect to a cluster that runs; Ray would try for minutes where nothing listens."""
        import ray

        host, _, port = address.removeprefix("ray://").partition(":")
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # one attempt, of 40 s
        try:
            if port:
                socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN_S).close()
            ray.init(address, **quiet)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            raise UserError(
                f"no Ray cluster answers at {address} ({in_short(_plain(error))}); start one "
                "(ray start --head), or write --on ray for one of this machine."
            ) from error

    def __exit__(self, *error: object) -> None:
        if self.started:
            import ray

            ray.shutdown()

    def check_reach(self, records: Records, store: Store) -> None:
        """Refuse what only this machine has, where others do the work."""
        if records.in_memory:
            raise UserError("a database in memory is of one process; name a file with --db.")
        if self.address is None:
            return
        if records.url.get_backend_name() == "sqlite":
            raise UserError(
                "all machines of a Ray cluster write the records, which a SQLite file cannot "
                "bear; name a server: --db postgresql+psycopg://USER@HOST/NAME."
            )
        if store.address is None:
            raise UserError(
                "all machines of a Ray cluster read and write the checkpoints; name a place that "
                "they reach: --store s3://BUCKET/FOLDER, or a folder that they share."
            )

    def device(self, wanted: str) -> str:
        """What the cluster has."""
        self._start()
        import ray

        gpus = ray.cluster_resources().get("GPU", 0)
        if wanted == "cuda" and not gpus:
            raise UserError("the Ray cluster has no GPU; add a machine with one, or --device cpu.")
        return "cuda" if wanted != "cpu" and gpus else "cpu"

    def pool(self, setup: StudyJob, workers: int | None) -> "_RayPool":
        """All cores of the cluster, or all its GPUs, unless a number is given."""
        import ray

        resource = "GPU" if setup.device == "cuda" else "CPU"
        count = int(ray.cluster_resources().get(resource, 1)) or 1
        return _RayPool(setup, min(workers or count, count), workers, self)


@dataclass
class _RayPool:
    """Ray's tasks of one study.

    Attributes:
        setup: The study, sent to each task.
        count: How many tasks the cluster does at once, to say so.
        most: How many may be with Ray at once; None for all, among which it chooses.
        engine: Of which the pool is.
    """

    setup: StudyJob
    count: int
    most: int | None
    engine: RayEngine
    running: list[Any] = field(default_factory=list)
    signals: StopSignals = field(default_factory=StopSignals)

    @property
    def must_stop(self) -> bool:
        """Whether Ctrl-C or SIGTERM came."""
        return self.signals.arrived

    def prepare(self, before: StudyRunRecord, jobs: Sequence[TrainJob]) -> dict[str, Any]:
        """No more tasks than jobs."""
        import ray

        self.count = max(1, min(self.count, len(jobs)))
        machines = sum(node["Alive"] for node in ray.nodes())
        return describe_environment(self.count, "cpu") | {
            "device": self.setup.device,
            "engine": f"Ray {ray.__version__}",
            "machines": machines,
        }

    def __enter__(self) -> Self:
        import ray

        with self.signals.ignored_by_children():
            if self.engine.address is not None:
                from retroprop.studies.shared_data import share

                share(self.setup.study.dataset, self.setup.store)
            self.sent = ray.put(self.setup)
            self.task: Any = ray.remote(do_job)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if any(error):
                self._cancel()
        finally:
            self.signals.release()

    def work(self, jobs: Sequence[Job], display: Display, session: Session) -> None:
        """Give all jobs to Ray, in their order, and wait for them."""
        import ray

        waiting = deque(jobs)
        while waiting or self.running:
            while waiting and (self.most is None or len(self.running) < self.most):
                self.running.append(self._submitted(waiting.popleft()))
            done, self.running = ray.wait(self.running, timeout=_STEPS_EVERY_S)
            self._deliver(display, session)
            session.heartbeat()
            for result in done:
                _check(result)
            if self.signals.arrived:
                raise Interrupted

    def _submitted(self, job: Job) -> Any:
        pause_s = max(_STEPS_EVERY_S, self.count / _MOST_REPORTS_PER_S)
        needed: dict[str, Any] = {"num_cpus": 1, "max_retries": RETRIES}
        if self.setup.device == "cuda":
            bytes_ = job.population.predicted_bytes if isinstance(job, TrainJob) else 0
            needed["num_gpus"] = gpu_share(bytes_)
        return self.task.options(**needed).remote(self.sent, job, self.engine.mailbox, pause_s)

    def _deliver(self, display: Display, session: Session) -> None:
        """Show what tasks have reported; without the mailbox, nothing but that is lost."""
        import ray
        from ray.exceptions import RayActorError

        if self.engine.mailbox is None:
            return
        try:
            for letter in ray.get(self.engine.mailbox.take.remote()):
                session.show(letter, display)
        except RayActorError:
            self.engine.mailbox = None
            display.note("the machine that gathered the progress is gone; the work goes on.")

    def _cancel(self) -> None:
        """End what runs: at its next line, and what does not within ten seconds by force."""
        import ray

        for result in self.running:
            ray.cancel(result, force=False)
        if self.running:
            _, left = ray.wait(self.running, num_returns=len(self.running), timeout=10)
            for result in left:
                ray.cancel(result, force=True)


def gpu_share(needed: float) -> float:
    """The eighths of a GPU for a task that needs so many bytes of its memory.

    >>> gpu_share(2**30), gpu_share(5 * 2**30), gpu_share(2**40)
    (0.125, 0.375, 1.0)
    """
    return min(8, max(1, math.ceil(8 * needed / _GPU_BYTES))) / 8


def _check(result: Any) -> None:
    """Raise what a task ended with, if it failed.

    Raises:
        UserError: If it failed by something that the person can fix, or Ray gave it up.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        report = ray.get(result)
    except RayTaskError:  # `do_job` catches what a user can cause
        raise
    except RayError as error:
        raise UserError(
            f"Ray gave a task up after {RETRIES} more tries ({in_short(_plain(error))}); "
            "everything up to the last finished epoch is kept: run the same command again to "
            "continue."
        ) from error
    if isinstance(report, FailureReport):
        raise failed(report)


def _plain(error: Exception) -> str:
    """What Ray says, without colours and line breaks."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())


# -- on the machines of the cluster ----------------------------------------------------------------


class Mailbox:
    """What tasks report, until the runner takes it (an actor beside the runner)."""

    def __init__(self) -> None:
        self.letters: list[Report] = []

    def put(self, letter: Report) -> None:
        """Leave a report."""
        self.letters.append(letter)

    def take(self) -> list[Report]:
        """All that was left since."""
        letters, self.letters = self.letters, []
        return letters


def _mailbox_here() -> Any:
    """A mailbox on the machine of the runner, for as long as the engine."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor: Any = ray.remote(Mailbox)
    return actor.options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()


def do_job(setup: StudyJob, job: Job, mailbox: Any, pause_s: float) -> DoneReport | FailureReport:
    """Do one job, or what an earlier try left of it; report steps with so long a pause."""
    from retroprop.studies.worker import failure

    send = _Sender(mailbox.put.remote if mailbox is not None else lambda _: None, pause_s)
    try:
        worker = _worker_for(setup)
        worker.report = send
        worker.records.patience = Patience(
            note=lambda text: send(NoteReport(text=text)), waits_s=setup.waits_s
        )
        with _alone(worker.records, job):
            left = as_recorded(job, worker.records)
            if left is not None:
                worker.do(left)
        return DoneReport()
    except Exception as error:
        return failure(error)
    finally:
        send.rest()


def as_recorded(job: Job, records: Records) -> Job | None:
    """What is left of a job by the records as they are now; None if nothing is."""
    if isinstance(job, TrainJob):
        members = records.runs(job.study_run_id, ids=job.run_ids)
        by_id = {run.id: run for run in members}
        ordered = [by_id[id] for id in job.run_ids]
        return train_job(
            job.study_run_id, job.population, ordered, until=job.until, prune=job.prune
        )
    ids = [run.id for run in job.runs]
    untested = [run for run in records.runs(job.study_run_id, ids=ids) if run.test_accuracy is None]
    return TestJob(study_run_id=job.study_run_id, runs=tuple(untested)) if untested else None


@contextlib.contextmanager
def _alone(records: Records, job: Job) -> Iterator[None]:
    """Hold what a job changes: a machine that Ray lost may still be at work on it."""
    name = job.folder if isinstance(job, TrainJob) else f"test of {job.study_run_id}"
    busy = (
        f"another machine, which the Ray cluster has lost, is still at work on {name}; end it, and "
        "run the same command again."
    )
    with records.held(name, busy=busy, wait_s=_MOST_SECONDS_OF_AN_EARLIER_TRY):
        yield


class _Sender:
    """Sends reports, those of steps now and then."""

    def __init__(self, put: Callable[[Report], Any], pause_s: float) -> None:
        self.put, self.pause_s = put, pause_s
        self.examples, self.sent, self.population = 0, time.monotonic(), ""

    def __call__(self, report: Report) -> None:
        if not isinstance(report, StepReport):
            self.rest()
            self.put(report)
            return
        self.population = report.population
        self.examples += report.examples
        if time.monotonic() - self.sent > self.pause_s:
            self.rest()

    def rest(self) -> None:
        """Send the steps that were not sent yet."""
        if self.examples:
            self.put(StepReport(population=self.population, examples=self.examples))
        self.examples, self.sent = 0, time.monotonic()


_ready: tuple[StudyJob, Any] | None = None  # Ray keeps a process for the next task


def _worker_for(setup: StudyJob) -> Any:
    """The worker of a study in this process, which splits its images once."""
    global _ready
    if _ready is None or _ready[0] != setup:
        _ready = None  # its images make room
        _ready = (setup, _new_worker(setup))
    return _ready[1]


def _new_worker(setup: StudyJob) -> Any:
    from retroprop.studies.shared_data import receive
    from retroprop.studies.worker import Worker, prepare_thread
    from retroprop.training.devices import choose_device

    if setup.version != __version__:
        raise UserError(
            f"a machine of the Ray cluster has retroprop {__version__}, and the study was started "
            f"by {setup.version}; install the same one everywhere."
        )
    prepare_thread()
    warnings.simplefilter("ignore", RuntimeWarning)  # of a cache: whoever started us has said it
    receive(setup.study.dataset, setup.data_checksum, setup.store)
    worker = Worker(
        setup.study,
        Records.open(setup.database, checked=True),
        setup.store,
        lambda _: None,
        lambda: False,
        choose_device(setup.device),
    )
    worker.data.check(setup.data_checksum)
    return worker
