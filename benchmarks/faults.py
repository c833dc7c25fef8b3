"""Let every single operation of a training on its files and database fail, and resume it.

    python -m benchmarks.faults
    python -m benchmarks.faults --subjects train --every 5

A small library in C (failing_disk.c, loaded before Python; needs Linux and a C compiler) lets the
n-th operation fail as disks do: no space from then on, an error of the device, a refusal, a write
that takes half, a rename that is lost. For every n: whoever reads the terminal sees one sentence
and no traceback; and the same command, given again on a healthy disk, ends with every number,
weight and file of a training that nothing disturbed.

Each case is a fork of one process that has everything imported, and a study's workers are forks of
that: so thousands of cases are affordable.
Ctrl-C ends it early; what was seen until then is recorded, beside what is of other subjects.
"""

import ctypes
import dataclasses
import errno
import importlib
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, arguments_of, end_on_interrupt, keep, say
from benchmarks.kills import (
    Attempt,
    Hang,
    Peace,
    Subject,
    Tally,
    check_attempt,
    differences,
    outcome,
    remove,
    subjects,
    temporary,
)
from retroprop.studies import processes, worker
from retroprop.studies.environment import describe_environment

OPEN, WRITE, SYNC, RENAME, REMOVE, MAKE, RESIZE = (2**i for i in range(7))
ERROR, SHORT, LOST = 1, 2, 3


class Order(ctypes.Structure):
    """What failing_disk.c reads: `struct order` there."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("counted", "fails_at", "lasts")),
        *((name, ctypes.c_long) for name in ("operations", "how", "error")),
        ("folder", ctypes.c_char * 4096),
    )


@dataclasses.dataclass(frozen=True)
class Fault:
    """How a disk fails: which operations, how, and whether it goes on."""

    operations: int
    how: int
    error: int = 0
    lasts: bool = False


FAULTS = {
    "no space": Fault(OPEN | WRITE | MAKE | RESIZE, ERROR, errno.ENOSPC, lasts=True),
    "device error": Fault(WRITE | SYNC | RENAME | RESIZE, ERROR, errno.EIO),
    "refusal": Fault(OPEN | RENAME | REMOVE | MAKE, ERROR, errno.EACCES),
    "short write": Fault(WRITE, SHORT),
    "lost rename": Fault(RENAME, LOST),
}


class Disk:
    """The disk that fails as it is told to; this process has the library loaded."""

    def __init__(self, file: Path) -> None:
        """Share the order with the library."""
        with file.open("r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), ctypes.sizeof(Order))
        self.order = Order.from_buffer(self.memory)

    @contextmanager
    def failing(self, folder: Path, fault: Fault, at: int) -> Iterator[None]:
        """Let the operation of this number fail under a folder; 0 lets none fail, but counts."""
        self.order.counted, self.order.fails_at, self.order.lasts = 0, at, fault.lasts
        self.order.how, self.order.error = fault.how, fault.error
        self.order.folder = str(folder.resolve()).encode() + b"/"
        self.order.operations = fault.operations
        try:
            yield
        finally:
            self.order.operations = 0


class _Child:
    """A fork of this process, looked at like a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid, self.returncode = pid, None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:  # nobody waits for long here
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


class Forked(Attempt):
    """An attempt that need not import anything."""

    def __enter__(self) -> "Forked":
        """Fork, and do there what the command does."""
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._be_the_command()
        self.process: Any = _Child(pid)
        return self

    def _be_the_command(self) -> None:
        from retroprop.cli import main

        status = 70
        try:
            os.setsid()
            os.chdir(self.folder)
            os.environ["TMPDIR"] = str(temporary(self.folder))
            tempfile.tempdir = None  # of the parent, which has looked for it already
            said = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.argv = ["retroprop", *self.subject.command]
            setattr(processes.WorkerProcess, "start", classmethod(_fork_worker))  # noqa: B010
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _fork_worker(cls: type[processes.WorkerProcess]) -> processes.WorkerProcess:
    """A worker process of a study that need not import anything either."""
    ours, theirs = Pipe()
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        ours.close()
        try:
            worker.main(theirs, parent)  # pyright: ignore[reportArgumentType] - as in processes.py
        finally:
            os._exit(0)
    theirs.close()
    return cls(_Child(pid), ours)  # pyright: ignore[reportArgumentType]


# --- every operation of a subject -----------------------------------------------------------------


def disturb(subject: Subject, disk: Disk, folder: Path, every: int, tally: Tally) -> None:
    """Let each operation of a subject fail in each way."""
    peace_folder = folder / subject.name
    subject.prepare(peace_folder)
    _run(subject, peace_folder, None, tally)
    peace = Peace(outcome(peace_folder), 0.0)
    for name, fault in FAULTS.items():
        with disk.failing(counting := folder / "counting", fault, 0):
            subject.prepare(counting)
            _run(subject, counting, None, tally)
            operations = disk.order.counted
        remove(counting)
        for n in range(1, operations + 1, every):
            _one_case(subject, disk, folder / "case", name, n, peace, tally)
            if n % 100 == 0:
                say(f"{subject.name}: {name} at operation {n} of {operations}")
        say(f"{subject.name}: {name} at {operations} operations, {len(tally.faults)} faults so far")
    remove(peace_folder)


def _one_case(
    subject: Subject, disk: Disk, folder: Path, name: str, n: int, peace: Peace, tally: Tally
) -> None:
    what = f"{name} at operation {n}"
    tally.strikes[f"{subject.name}: {name}"] += 1
    subject.prepare(folder)
    with disk.failing(folder, FAULTS[name], n):
        status, said = _run(subject, folder, what, tally)
    if status not in (0, 1, 2):
        tally.fault(subject, f"exit status {status} after {what}: …{said[-300:]}")
    if status != 0 and len(_sentences(said)) != 1:
        tally.fault(subject, f"no sentence, or several, after {what}: …{said[-300:]}")
    again, said = _run(subject, folder, None, tally)
    if again == 0:
        tally.ended += 1
        for different in differences(peace.outcome, outcome(folder)):
            tally.fault(subject, f"another {different} after {what}")
    remove(folder)


def _run(subject: Subject, folder: Path, struck: str | None, tally: Tally) -> tuple[int, str]:
    try:
        with Forked(subject, folder, folder.with_suffix(".txt")) as attempt:
            status = attempt.wait()
            check_attempt(attempt, status, struck, tally)
            return status, attempt.said()
    except Hang as hang:
        tally.fault(subject, f"{hang} after {struck}")
        return -1, ""


def _sentences(said: str) -> list[str]:
    """The errors that a command printed."""
    return [line for line in said.splitlines() if line.startswith("retroprop: ")]


# --- a process with the library -------------------------------------------------------------------


def build_library(folder: Path) -> Path:
    """Compile failing_disk.c.

    Raises:
        FileNotFoundError: Without a C compiler.
    """
    library = folder / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


def import_all(subject: Subject, folder: Path) -> None:
    """Import here what a subject imports in the end, so that no fork need do it."""
    subject.prepare(folder)
    names = folder.with_suffix(".modules")
    program = (
        "import sys, atexit; from retroprop.cli import main; "
        f"atexit.register(lambda: open({str(names)!r}, 'w').write('\\n'.join(sys.modules))); "
        f"sys.argv[1:] = {list(subject.command)!r}; main()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True, capture_output=True)
    for name in ("torch._dynamo", *names.read_text(encoding="utf-8").split()):  # of the workers
        if name.partition(".")[0] in ("retroprop", "torch", "numpy", "sqlalchemy", "matplotlib"):
            importlib.import_module(name)


def disturb_one(subject: Subject, every: int) -> None:
    """In a process with the library: disturb a subject, and print what happened as JSON."""
    end_on_interrupt()
    disk, tally = Disk(Path(os.environ["FAILING_DISK"])), Tally()
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        import_all(subject, Path(folder) / "imports")
        disturb(subject, disk, Path(folder), every, tally)
    print(json.dumps(vars(tally)))


def in_own_process(subject: Subject, every: int, folder: Path, library: Path) -> Tally:
    """Disturb a subject in a process that has the library; what it says is passed on."""
    orders = folder / f"order of {subject.name}"
    orders.write_bytes(bytes(ctypes.sizeof(Order)))
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "FAILING_DISK": str(orders),
        "OMP_NUM_THREADS": "1",
        "RETROPROP_LANGUAGE": "en",
    }
    command = [sys.executable, "-m", "benchmarks.faults", "--subjects", subject.name]
    command += ["--every", str(every)]
    told = ""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if told:
                say(told.rstrip())
            told = line
    if process.returncode:
        raise SystemExit(f"{subject.name} was not disturbed to the end:\n{told}")
    return Tally(**json.loads(told))


def main() -> None:
    """Disturb every subject, and write the record; exit status 1 if something was wrong."""
    parser = arguments_of(__doc__)
    known = {subject.name: subject for subject in subjects(epochs=2, pupils=1)}
    parser.add_argument("--subjects", nargs="+", choices=known, default=list(known))
    parser.add_argument("--every", type=int, default=1, help="of how many operations one fails")
    parser.add_argument("--at-once", type=int, default=2, help="subjects")
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    chosen = [known[name] for name in options.subjects]
    if "FAILING_DISK" in os.environ:
        disturb_one(chosen[0], options.every)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for the processes below
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.at_once) as threads:
        library = build_library(Path(folder))
        alone = [(one, options.every, Path(folder), library) for one in chosen]
        tallies = list(threads.map(lambda order: in_own_process(*order), alone))
    revision = describe_environment(workers=0)["git_revision"]
    results = {
        one.name: {"every": options.every, "git_revision": revision} | vars(tally)
        for one, tally in zip(chosen, tallies, strict=True)
    }
    failed = sum(sum(tally.strikes.values()) for tally in tallies)
    ended, faults = sum(one.ended for one in tallies), sum(len(one.faults) for one in tallies)
    say(f"{failed} operations failed, {ended} resumed to the end, {faults} faults")
    if not options.no_record:
        keep("faults", _recorded() | results)
    if faults:
        raise SystemExit(1)


def _recorded() -> dict[str, Any]:
    """What is recorded of other subjects, each with the revision of its code."""
    file = RESULTS / "faults.json"
    return json.loads(file.read_text(encoding="utf-8"))["results"] if file.exists() else {}


if __name__ == "__main__":
    main()
