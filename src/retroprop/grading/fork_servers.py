"""The grader's side of a fork server, and of one confined process that it starts.

    ForkServer (torch imported once) ── forks ──▶ keeper ── confines ──▶ submission
         ▲                                          │ how it ended            │
         └── Process ◀──────────────────────────────┴──── values in and out ──┘

Every wait is bounded: by the processor time that the submission uses, by how often it was seen
waiting for nothing, and at last by the clock.
"""

import contextlib
import errno
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from retroprop.errors import UserError
from retroprop.grading.answers import Ended
from retroprop.grading.comparison import Unknown
from retroprop.grading.confined import fork_server, messages
from retroprop.grading.confined.namespaces import NAMESPACES
from retroprop.languages import say_later

Confine = Literal["require", "best", "none"]

PROGRAM = Path(fork_server.__file__)
INHERITED = ("PATH", "HOME", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "MPLCONFIGDIR", "SYSTEMROOT")
"""What a fork server gets of ours; what it never has cannot be read."""
SCRATCH = "retroprop-grading-"
"""How the names of the folders begin in which submissions write."""
USERS = range(60_706, 61_184)
"""Numbers that no system gives to anybody (systemd.io/UIDS-GIDS)."""
NEWEST = 99
LOOK_S = 0.1
"""Between two looks at a submission that computes."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
OUTPUT_KEPT = 20_000
"""Bytes of what a submission prints."""


# --- the fork server ------------------------------------------------------------------------------


def claimed_user() -> tuple[int, socket.socket]:
    """A user that no other fork server of this machine has, and what holds the claim while open.

    Two servers of one user could reach each other's submissions. The claim is a name among the
    kernel's abstract sockets: it is taken at once or not at all, and given back with the process.

    Raises:
        UserError: If all of them are taken.
    """
    for user in random.sample(USERS, len(USERS)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0retroprop-grading-{user}")
        except OSError:
            claim.close()
        else:
            return user, claim
    raise UserError(f"{len(USERS)} submissions are graded at once on this machine: wait for some.")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what submissions write; what a killed grader left of its own is removed.

    It is held (flock) as long as its grader lives, and one that nobody holds is left over. So a
    new one may be removed by another grader before it is held: then a second one is made.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError):  # somebody has it, or just removed it
            if left.lstat().st_uid == os.getuid():
                with _holding(left):
                    remove_tree(left)
    with contextlib.ExitStack() as ours:
        folder = None
        while folder is None:
            new = Path(tempfile.mkdtemp(prefix=SCRATCH))
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                ours.enter_context(_holding(new))
                folder = new
        folder.chmod(0o711)  # a submission of another user goes through it to its own
        ours.callback(remove_tree, folder)
        yield folder


@contextlib.contextmanager
def _holding(folder: Path) -> Iterator[None]:
    """Hold a folder.

    Raises:
        BlockingIOError: If another process has it.
        FileNotFoundError: If another process has removed it.
    """
    import fcntl  # Windows has none, and no fork server

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.stat(folder)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        yield
    finally:
        os.close(descriptor)


def remove_tree(path: str | Path) -> None:
    """Remove a file or a folder, which may be deeper than Python goes."""
    if sys.platform == "win32":  # nothing hostile runs there
        shutil.rmtree(path, ignore_errors=True)
    else:
        subprocess.run(["rm", "-rf", "--", path], check=False)


class ForkServer:
    """A Python process that has imported torch, and forks a confined process for each session.

    Attributes:
        layers: What this machine has: landlock (its version), root (whether a submission can have
            one of its own), seccomp.
        missing: The libraries that have stand-ins.
        user: Whom its submissions become, where we are root; else None.
        folder: Where its submissions have theirs.
    """

    def __init__(
        self,
        confine: Confine = "require",
        *,
        landlock_at_most: int = NEWEST,
        namespaces: Sequence[str] = tuple(NAMESPACES),
        seccomp: bool = True,
    ) -> None:
        """Start it.

        Args:
            confine: "require" refuses where neither Landlock nor namespaces confine; "best" takes
                what there is; "none" runs a submission as any program, with limits alone.
            landlock_at_most: The version of Landlock that is used at most; for tests.
            namespaces: Those that are made; for tests.
            seccomp: Whether system calls are filtered; for tests.

        Raises:
            UserError: If this machine cannot confine as required.
        """
        if sys.platform != "linux":
            raise UserError(
                "submissions are confined by Linux: on this system, run retroprop in Docker."
            )
        confined = confine != "none"
        self._ours = contextlib.ExitStack()
        user = None
        if confined and os.getuid() == 0:
            user, claim = claimed_user()
            self._ours.callback(claim.close)
        self.settings = fork_server.Settings(
            required=confine == "require",
            user=user,
            landlock_at_most=landlock_at_most if confined else 0,
            namespaces=tuple(namespaces) if confined else (),
            seccomp=seccomp and confined,
        )
        self._lock = threading.Lock()
        self.folder = self._ours.enter_context(scratch())
        self._launch()

    def _launch(self) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # Ctrl-C is for the grader: what it starts has it blocked until it ignores it
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with its:
                self._process = subprocess.Popen(
                    [sys.executable, "-s", "-P", str(PROGRAM), str(its.fileno()),
                     json.dumps(asdict(self.settings))],
                    pass_fds=[its.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=environment | fork_server.ENVIRONMENT,
                )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._control = ours
        self.layers: dict[str, Any] = self._told()
        self.user: int | None = self.layers["user"]
        if self.settings.required and not (self.layers["landlock"] or self.layers["root"]):
            self.close()
            raise UserError(
                "submissions cannot be confined here: this system has neither Landlock (Linux 5.13 "
                "or newer) nor namespaces for us. Run retroprop in Docker on a machine that has, "
                "or grade what you trust with --confine best."
            )
        self.missing: list[str] = self._told()["missing"]

    def _told(self) -> dict[str, Any]:
        news = self._control.recv(1 << 16)
        if not news:
            self.close()
            raise UserError("the fork server did not start: what it says stands above.")
        return json.loads(news)

    def begin(self, order: Mapping[str, Any], most_printed: int) -> "Process":
        """A confined process; see `Process`."""
        return Process(self, order, most_printed)

    def start(self, order: Mapping[str, Any], files: Sequence[int]) -> None:
        """Fork a keeper, with three files of its own; a server that was ended begins again."""
        message = [json.dumps(order).encode()]
        with self._lock:
            try:
                socket.send_fds(self._control, message, files)
            except OSError:
                self._end()
                self._launch()
                socket.send_fds(self._control, message, files)

    def close(self) -> None:
        """End it and give its user back; processes of submissions end with their sessions."""
        self._end()
        self._ours.close()

    def _end(self) -> None:
        self._control.close()
        self._process.wait()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


# --- one process of a submission ------------------------------------------------------------------


class Process:
    """A confined process, and our three connections: to it, to what it prints, to its keeper.

    Attributes:
        pid: Its number.
        mounted: Whether its folder is in memory, and bounded by the system.
        printed: The beginning of what it printed.
        printed_too_much: Whether it was ended for that.
    """

    def __init__(self, server: ForkServer, order: Mapping[str, Any], most_printed: int) -> None:
        """Have it started.

        Args:
            server: Which forks it.
            order: As its keeper reads it.
            most_printed: Bytes.

        Raises:
            UserError: If no process can be started.
        """
        self.connection, its_connection = socket.socketpair()
        output, its_output = os.pipe()
        self._status, its_status = socket.socketpair()
        with its_connection, its_status, os.fdopen(its_output, "wb"):
            server.start(order, [its_connection.fileno(), its_output, its_status.fileno()])
        self.connection.setblocking(False)
        self._news = self._status.makefile("r", encoding="ascii")
        self._incoming = messages.Incoming(Unknown)
        self.printed, self.printed_too_much = b"", False
        self._reader = threading.Thread(
            target=self._read_output, args=(output, most_printed), daemon=True
        )
        self._reader.start()
        line = self._news.readline()
        if not line:
            self.end()
            raise UserError("no process can be started for a submission: is the memory used up?")
        begun = json.loads(line)
        self.pid, self.mounted = int(begun["pid"]), bool(begun["mounted"])
        self._shared_bytes = self._resident_bytes()

    def _read_output(self, output: int, most: int) -> None:
        printed = 0
        with open(output, "rb", buffering=0) as file:
            while part := file.read(1 << 16):
                printed += len(part)
                self.printed += part[: OUTPUT_KEPT - len(self.printed)]
                if printed > most and not self.printed_too_much:
                    self.printed_too_much = True
                    self._ask_for_its_end()

    def exchange(self, order: Mapping[str, Any] | None, look: Callable[[], None]) -> Iterator[Any]:
        """Send an order, if there is one, and yield the messages that come back, without end.

        Args:
            order: Numbers, texts, tensors and containers of them.
            look: Called ten times a second while nothing has come; raises to give up.

        Raises:
            EOFError: If the process closed its connection.
            ValueError: If it sent what is no message.
        """
        outgoing = memoryview(messages.packed(order) if order is not None else b"")
        next_look = time.monotonic() + LOOK_S / 5
        while True:
            if (found := self._incoming.message()) is not None:
                yield found[0]
                continue
            poll = select.poll()
            poll.register(self.connection, select.POLLIN | (select.POLLOUT if outgoing else 0))
            for _, events in poll.poll(max(0.0, next_look - time.monotonic()) * 1_000):
                try:
                    if outgoing and events & select.POLLOUT:
                        outgoing = outgoing[self.connection.send(outgoing) :]
                    if events & ~select.POLLOUT:
                        self._incoming.add(self.connection.recv(1 << 20) or self._closed())
                except OSError:
                    self._closed()
            if time.monotonic() >= next_look:
                look()
                next_look = time.monotonic() + LOOK_S

    @staticmethod
    def _closed() -> bytes:
        raise EOFError

    # --- what it uses ---

    def processor_s(self) -> float:
        """Of all its threads."""
        return sum(map(int, self._stat()[11:15])) / TICKS_PER_S

    def computes(self) -> bool:
        """Whether it runs, could run, or waits for a disk: any of its threads."""
        threads = Path(f"/proc/{self.pid}/task")
        with contextlib.suppress(OSError):
            return any(_stat(thread / "stat")[0] in "RD" for thread in threads.iterdir())
        return True  # it has just ended

    def _stat(self) -> list[str]:
        with contextlib.suppress(OSError):
            return _stat(Path(f"/proc/{self.pid}/stat"))
        return ["R", *["0"] * 20]  # it has just ended

    def memory_bytes(self) -> int:
        """Of its own: what it has more than at its fork, in which it shares all with the server.

        Its proportional set size, where a page that n processes share counts 1/n, would depend on
        how many submissions run beside it, takes a hundred times as long to read, and cannot be
        read by root in a container.
        """
        return max(0, self._resident_bytes() - self._shared_bytes)

    def _resident_bytes(self) -> int:
        """In memory, without what is mapped from files."""
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{self.pid}/status").read_text(errors="replace").splitlines()
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
            kinds = (fields.get(name, "0 kB") for name in ("RssAnon", "RssShmem"))
            return sum(int(kind.split()[0]) for kind in kinds) * 1024
        return 0

    # --- its end ---

    def _ask_for_its_end(self) -> None:
        with contextlib.suppress(OSError):
            self._status.shutdown(socket.SHUT_WR)

    def end(self) -> dict[str, Any]:
        """End it, with all that it started; code, None if unknown, and processor_s."""
        self._ask_for_its_end()
        self.connection.close()
        news = [json.loads(line) for line in self._news.read().splitlines()]
        self._news.close()
        self._status.close()
        self._reader.join()
        return next((one for one in news if "code" in one), {"code": None, "processor_s": 0.0})


def _stat(path: Path) -> list[str]:
    """The fields of /proc/…/stat after the name, which may hold anything: state, parent, ….

    The processor time of a process is in four of them.
    """
    return path.read_bytes().rpartition(b")")[2].decode("ascii").split()


def how_it_ended(end: Mapping[str, Any]) -> Ended:
    """The sentence for the end of a process that closed its connection.

    It may have gone on without it, and been ended by its keeper: by SIGKILL, as by the system.
    """
    code = end["code"]
    if code in (None, -signal.SIGKILL):
        return Ended(say_later("its process was ended"))
    if code >= 0:
        return Ended(say_later("it ended its process itself, with code {code}"), code=code)
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return Ended(say_later("its process was ended by {signal}"), signal=name)
    return Ended(say_later("its process was ended by {signal}"), signal=-code)
