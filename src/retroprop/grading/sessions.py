"""The grader's side: fork servers, and sessions with confined submissions.

    ForkServer (torch imported once) ── forks ──▶ keeper ── confines ──▶ submission
         ▲                                          │ how it ended            │
         └── Session ◀──────────────────────────────┴──── values in and out ──┘

What a submission answers is a value and nothing else: no verdict, no code, no pickle. Every wait is
bounded: by the processor time that the submission uses, by how often it was seen waiting for
nothing, and at last by the clock.
"""

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from retroprop.errors import UserError
from retroprop.grading.comparison import Unknown
from retroprop.grading.confined import confinement, messages
from retroprop.languages import Say, say_later

Confine = Literal["require", "best", "none"]

PROGRAM = Path(__file__).parent / "confined" / "fork_server.py"
MIB = 1 << 20
LOOK_S = 0.1
"""Between two looks at a submission that computes."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
OUTPUT_KEPT = 20_000
"""Characters of what a submission prints."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a submission may use.

    Attributes:
        memory_bytes: Its own; what it shares with the fork server is not counted.
        load_s: Of processor time, for running its files.
        total_s: Of processor time, all in all.
        printed_bytes: On both outputs.
        folder_bytes: Of all files that it writes.
        file_bytes: Of one of them.
        files: Their number.
        threads: At a time.
        starts: How often a process is begun for it.
        idle_looks: How often it may be seen waiting for nothing, ten times a second, before it
            must have answered.
        wall_s: The last resort, where none of these notices.
    """

    memory_bytes: int = 2 << 30
    load_s: float = 10.0
    total_s: float = 120.0
    printed_bytes: int = 64 * MIB
    folder_bytes: int = 64 * MIB
    file_bytes: int = 50 * MIB
    files: int = 1_000
    threads: int = 64
    starts: int = 12
    idle_looks: int = 100
    wall_s: float = 600.0


# --- no answer ------------------------------------------------------------------------------------


class NoAnswer(Exception):  # noqa: N818 - of a submission; nothing is wrong here
    """A submission did not answer."""

    def said(self, say: Say) -> str:
        """Why, in the reader's language."""
        raise NotImplementedError


class Raised(NoAnswer):
    """The submission's code raised an exception.

    Attributes:
        type: The exception's.
        message: Its text, as the submission has it.
        file: Of the last line of the submission that it went through, or None.
        line: The number of that line, or None.
        text: That line.
    """

    def __init__(
        self, type: str, message: str, line: int | None, text: str, file: str | None
    ) -> None:
        super().__init__(f"{type}: {message}")
        self.type, self.message, self.line, self.text, self.file = type, message, line, text, file

    def said(self, say: Say) -> str:
        """Type, message and line."""
        what = f"{self.type}: {self.message}" if self.message else self.type
        if self.line is None:
            return say("raised {what}").format(what=what)
        return say("line {line} of {file} raised {what}").format(
            line=self.line, file=self.file, what=what
        )


class Ended(NoAnswer):
    """The submission's process was ended, or ended itself.

    Attributes:
        sentence: Why, in English; `say_later` marks it.
        values: Of the fields of the sentence.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values))
        self.sentence, self.values = sentence, values

    def said(self, say: Say) -> str:
        """Why."""
        return say(self.sentence).format(**self.values)


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that went wrong while a submission was loaded.

    Attributes:
        type: Of the exception; "Ended" where the process was ended.
        message: What it says.
        file: Of the submission, or None.
        line: Of the file, or None.
    """

    type: str
    message: str
    file: str | None = None
    line: int | None = None


# --- the fork server ------------------------------------------------------------------------------


class ForkServer:
    """A Python process that has imported torch, and forks a confined process for each session.

    One belongs to one thread that grades; `close` ends it, and so does the block.
    """

    def __init__(
        self,
        confine: Confine = "require",
        *,
        landlock_at_most: int = 99,
        namespaces: Sequence[str] = tuple(confinement.NAMESPACES),
        seccomp: bool = True,
    ) -> None:
        """Start it.

        Args:
            confine: "require" refuses where neither Landlock nor namespaces confine; "best" takes
                what there is; "none" runs a submission as any program, with limits alone.
            landlock_at_most: The version of Landlock to use at most; for tests.
            namespaces: Those that are made; for tests.
            seccomp: Whether system calls are filtered; for tests.

        Raises:
            UserError: If this machine cannot confine as required.
        """
        confined = confine != "none"
        self.landlock_at_most = landlock_at_most if confined else 0
        self.namespaces = tuple(namespaces) if confined else ()
        self.seccomp = seccomp and confined
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keep = ("PATH", "HOME", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "MPLCONFIGDIR")
        environment = {name: os.environ[name] for name in keep if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM), str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        its.close()
        self.control = ours
        self.lock = threading.Lock()
        ready = self.control.recv(1 << 16)
        if not ready:
            raise UserError("the fork server did not start: its own error stands above")
        self.missing: list[str] = json.loads(ready)["missing"]

    def start(self, order: Mapping[str, Any], files: Sequence[int]) -> None:
        """Fork a keeper for a session."""
        with self.lock:
            socket.send_fds(self.control, [json.dumps(order).encode()], files)

    def close(self) -> None:
        """End it; keepers end with their sessions."""
        self.control.close()
        self.process.wait()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


# --- one process of a submission ------------------------------------------------------------------


class Process:
    """A confined process, and the three connections to it and its keeper."""

    def __init__(self, server: ForkServer, order: Mapping[str, Any], printed_limit: int) -> None:
        """Ask a fork server for it."""
        self.connection, its_connection = socket.socketpair()
        output, its_output = os.pipe()
        self.status, its_status = socket.socketpair()
        theirs = [its_connection.fileno(), its_output, its_status.fileno()]
        server.start(order, theirs)
        its_connection.close()
        os.close(its_output)
        its_status.close()
        self.connection.setblocking(False)
        self.news = self.status.makefile("r", encoding="ascii")
        self.pid: int | None = None
        self.mounted = False
        self.incoming = messages.Incoming(Unknown)
        self.printed = b""
        self.printed_bytes = 0
        self.printed_limit = printed_limit
        self.reader = threading.Thread(target=self._read_output, args=(output,), daemon=True)
        self.reader.start()
        if line := self.news.readline():
            begun = json.loads(line)
            self.pid, self.mounted = begun["pid"], begun["mounted"]

    def _read_output(self, output: int) -> None:
        with open(output, "rb", buffering=0) as file:
            while part := file.read(1 << 16):
                self.printed_bytes += len(part)
                self.printed += part[: OUTPUT_KEPT - len(self.printed)]
                if self.printed_bytes > self.printed_limit:
                    with contextlib.suppress(OSError):
                        self.status.shutdown(socket.SHUT_WR)
                    return

    def state(self) -> tuple[float, bool]:
        """Seconds of processor time, and whether it computes now; it may have ended already."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return sum(map(int, fields[11:15])) / TICKS_PER_S, fields[0] in "RD"
        return 0.0, True

    def memory_bytes(self) -> int:
        """What it has in memory: pages shared with n processes count 1/n each."""
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        return 0

    def end(self) -> dict:
        """End it, with all that it started; how it ended: code and processor_s."""
        with contextlib.suppress(OSError):
            self.status.shutdown(socket.SHUT_WR)
        self.connection.close()
        lines = self.news.read().splitlines()
        self.news.close()
        self.status.close()
        self.reader.join()
        return json.loads(lines[-1]) if lines else {"code": None, "processor_s": 0.0}


# --- sessions -------------------------------------------------------------------------------------


class Session:
    """A submission in confinement, of which probes are asked.

    Its process is begun with the first question, and begun again after it ended. A statement that
    ended it while the files were loaded is left out the next time, then all but definitions.

    Attributes:
        notes: What went wrong while it was loaded.
        held: The layers of confinement that held.
        processor_s: Of processor time that its processes used; complete once it is closed.
        peak_bytes: Of memory, of what was seen.
        printed: The beginning of what it printed.
        starts: How often a process was begun.
    """

    def __init__(
        self,
        server: ForkServer,
        files: Mapping[str, str],
        probes: str,
        limits: Limits | None = None,
    ) -> None:
        """Args: as the class says.

        Args:
            server: Which forks its processes.
            files: Names of modules and their Python source.
            probes: The source of functions (submission, values) → answer.
            limits: What it may use.
        """
        self.server, self.files, self.probes = server, dict(files), probes
        self.limits = limits or Limits()
        self.notes: list[Note] = []
        self.held: list[str] = []
        self.processor_s, self.peak_bytes, self.printed, self.starts = 0.0, 0, "", 0
        self._skip: list[tuple[str, int]] = []
        self._definitions_only = False
        self._lost: Ended | None = None
        self._process: Process | None = None
        self._folder = tempfile.mkdtemp(prefix="submission-")

    # --- asking -----------------------------------------------------------------------------------

    def ask(self, probe: str, values: Mapping[str, Any], seconds: float = 10.0) -> Any:
        """What the submission answers to a probe.

        Args:
            probe: The name of a function of the probes.
            values: Numbers, texts, tensors and containers of them.
            seconds: Of processor time that it may take.

        Raises:
            NoAnswer: If it raised, or was ended.
        """
        self.load()
        order = {"do": "probe", "probe": probe, "values": dict(values)}
        reply = self._exchange(order, seconds)
        if "too_large" in reply:
            raise Ended(say_later("answered with more than 64 MiB"))
        if "raised" in reply:
            raise raised_by(reply["raised"])
        if "value" not in reply:
            self._end()
            raise Ended(say_later("sent what is no answer"))
        return reply["value"]

    def load(self) -> None:
        """Run the submission's files, unless they have been run.

        Raises:
            Ended: If not even its definitions can be run.
        """
        while self._process is None:
            if self._lost is not None:
                raise self._lost
            if self.starts >= self.limits.starts:
                self._lost = Ended(
                    say_later("was ended {starts} times: it is not begun again"), starts=self.starts
                )
                raise self._lost
            self._begin()

    def _begin(self) -> None:
        """Begin a process and run the files; notes what went wrong, and how to do without."""
        self.starts += 1
        self._at: tuple[str, int] | None = None
        try:
            self._process = Process(self.server, self._order(), self.limits.printed_bytes)
            self._asked = 0
            held = self._answer(self.limits.load_s)["held"]
            self.held = [str(name) for name in held]
            reply = self._exchange(
                {
                    "do": "load",
                    "files": self.files,
                    "probes": self.probes,
                    "definitions_only": self._definitions_only,
                    "skip": [list(place) for place in self._skip],
                },
                self.limits.load_s,
            )
            self.notes += [note_of(failure) for failure in reply.get("failures", [])]
            if "raised" in reply:
                self.notes.append(note_of(reply["raised"]))
        except Ended as ended:
            file, line = self._at or (None, None)
            self.notes.append(Note(type="Ended", message=str(ended), file=file, line=line))
            if self._definitions_only:
                self._lost = ended
            elif self._at is None or self._skip:
                self._definitions_only = True
            else:
                self._skip.append(self._at)

    def _order(self) -> dict[str, Any]:
        limits = self.limits
        system = confinement.ResourceLimits(
            memory_bytes=2 * limits.memory_bytes,
            processor_s=int(limits.total_s) + 1,
            threads=limits.threads,
            file_bytes=limits.file_bytes,
        )
        user = 60_706 + self.server.process.pid % 400 if os.getuid() == 0 else None
        if user is not None:
            os.chown(self._folder, user, user)
        return {
            "folder": self._folder,
            "user": user,
            "namespaces": self.server.namespaces,
            "landlock_at_most": self.server.landlock_at_most,
            "seccomp": self.server.seccomp,
            "folder_bytes": limits.folder_bytes,
            "most_files": limits.files,
            "limits": asdict(system),
        }

    # --- one question and its answer --------------------------------------------------------------

    def _exchange(self, order: dict[str, Any], seconds: float) -> dict:
        self._asked = secrets.randbits(48)
        self._outgoing = memoryview(messages.packed(order | {"id": self._asked}))
        return self._answer(seconds)

    def _answer(self, seconds: float) -> dict:
        """The reply to the order that is on its way.

        Raises:
            Ended: If it does not come.
        """
        process = self._process
        assert process is not None
        outgoing = getattr(self, "_outgoing", memoryview(b""))
        began, before_s = time.monotonic(), None
        next_look, idle = began + LOOK_S / 5, 0
        while True:
            wait = max(0.0, next_look - time.monotonic())
            sending = [process.connection] if outgoing else []
            ready, free, _ = select.select([process.connection], sending, [], wait)
            try:
                if free:
                    outgoing = outgoing[process.connection.send(outgoing) :]
                    self._outgoing = outgoing
                if ready:
                    data = process.connection.recv(MIB)
                    if not data:
                        raise self._why()
                    process.incoming.add(data)
                    while (found := process.incoming.message()) is not None:
                        reply = self._reply(found[0])
                        if reply is not None:
                            return reply
            except OSError:
                raise self._why() from None
            except ValueError:
                self._end()
                raise Ended(say_later("sent what is no answer")) from None
            if time.monotonic() < next_look:
                continue
            next_look = time.monotonic() + LOOK_S
            used_s, computes = process.state()
            idle += not computes
            before_s = used_s if before_s is None else before_s
            self._refuse_memory(process)
            if used_s - before_s > seconds:
                self._end()
                raise Ended(
                    say_later("took more than {seconds:g} s of processor time"), seconds=seconds
                )
            if idle > self.limits.idle_looks:
                self._end()
                raise Ended(say_later("waited for something that never comes"))
            if time.monotonic() - began > self.limits.wall_s:
                self._end()
                raise Ended(
                    say_later("did not answer within {seconds:g} s"), seconds=self.limits.wall_s
                )

    def _reply(self, message: Any) -> dict | None:
        """A message, if it answers the question; None if it tells how far loading is."""
        if not isinstance(message, dict) or message.get("id") != self._asked:
            raise ValueError("not the answer to this question")
        if "at" not in message:
            return message
        file, line = message["at"]
        self._at = (str(file)[:200], int(line))
        return None

    def _refuse_memory(self, process: Process) -> None:
        memory = process.memory_bytes()
        self.peak_bytes = max(self.peak_bytes, memory)
        if memory > self.limits.memory_bytes:
            self._end()
            raise Ended(
                say_later("used more than {mebibytes} MiB of memory"),
                mebibytes=self.limits.memory_bytes // MIB,
            )

    # --- the end ----------------------------------------------------------------------------------

    def _end(self) -> dict:
        """End the process; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return {"code": None}
        end = process.end()
        self.processor_s += end["processor_s"]
        self.printed = (self.printed + process.printed.decode(errors="replace"))[:OUTPUT_KEPT]
        return end

    def _why(self) -> Ended:
        """Why a process closed its connection: its keeper tells."""
        process = self._process
        assert process is not None
        end = self._end()
        if process.printed_bytes > self.limits.printed_bytes:
            return Ended(
                say_later("printed more than {mebibytes} MiB"),
                mebibytes=self.limits.printed_bytes // MIB,
            )
        code = end["code"]
        if code is None:
            return Ended(say_later("ended"))
        if code >= 0:
            return Ended(say_later("ended its process itself, with code {code}"), code=code)
        return Ended(
            say_later("its process was ended by {signal}"), signal=signal.Signals(-code).name
        )

    def close(self) -> None:
        """End the process and remove its folder."""
        if self._process is not None:
            self.peak_bytes = max(self.peak_bytes, self._process.memory_bytes())
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def raised_by(described: Any) -> Raised:
    """What a confined process says that was raised; it may say anything."""
    if not isinstance(described, dict):
        described = {}
    line = described.get("line")
    return Raised(
        str(described.get("type"))[:100],
        str(described.get("message"))[:500],
        line if isinstance(line, int) else None,
        str(described.get("text"))[:200],
        str(described["file"])[:200] if described.get("file") else None,
    )


def note_of(described: Any) -> Note:
    """The same, as a note."""
    raised = raised_by(described)
    return Note(type=raised.type, message=raised.message, file=raised.file, line=raised.line)
