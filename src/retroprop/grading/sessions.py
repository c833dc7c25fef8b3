"""Sessions with confined submissions: probes are asked, and values come back.

What a submission answers is a value and nothing else: no verdict, no code, no pickle. It may end
its process, fill it, or never answer: its session says so, and begins another process for the next
question.
"""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from retroprop.errors import UserError
from retroprop.grading.answers import (
    Ended,
    NoAnswer,
    Note,
    Raised,
    Seen,
    note_of,
    plain,
    raised_by,
    seen_by,
)
from retroprop.grading.confined.confinement import ResourceLimits
from retroprop.grading.fork_servers import (
    OUTPUT_KEPT,
    Confine,
    ForkServer,
    Process,
    how_it_ended,
    remove_tree,
)
from retroprop.grading.plain_server import PlainProcess, PlainServer
from retroprop.languages import say_later

__all__ = [
    "Confine",
    "Ended",
    "ForkServer",
    "Limits",
    "NoAnswer",
    "Note",
    "PlainServer",
    "Raised",
    "Server",
    "Session",
]

Server = ForkServer | PlainServer
AnyProcess = Process | PlainProcess

MIB = 1 << 20
MOST_SOURCE = 1 << 20
"""Bytes of all files."""
MOST_MESSAGES = 20_000
"""That tell how far loading is; one a statement."""
MOST_NOTES = 50

CONFINED = {"held": list, "failed": str}
LOADED = {"failures": list, "raised": dict, "at": list}
ANSWERED = {"value": object, "raised": dict, "too_large": bool}
"""What a reply may hold: that a process was confined, that it ran the files, that it answered."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a submission may use.

    Attributes:
        memory_bytes: Its own, without what it shares with the fork server.
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


class Session:
    """A submission in confinement, of which probes are asked.

    Its process is begun with the first question, and begun again after it ended. A statement that
    ended it while the files were loaded is left out the next time; then all but definitions.

    Attributes:
        notes: What went wrong while it was loaded.
        held: The layers of confinement that held.
        processor_s: What its processes used; complete once the session is closed.
        peak_bytes: The most memory that it was seen to have.
        printed: The beginning of what it printed; complete once the session is closed.
        starts: How often a process was begun.
        seen: What torch was asked for during the last answer.
    """

    def __init__(
        self,
        server: Server,
        files: Mapping[str, str],
        probes: str,
        limits: Limits | None = None,
        *,
        observed: bool = False,
    ) -> None:
        """Begin no process yet.

        Args:
            server: Which begins its processes.
            files: Names of modules and their Python source.
            probes: The source of functions (submission, values) → answer.
            limits: What it may use.
            observed: Whether to see what torch is asked for.
        """
        self.observed, self.seen = observed, Seen()
        self.server, self.files, self.probes = server, dict(files), probes
        self.limits = limits or Limits()
        self.notes: list[Note] = []
        self.held: list[str] = []
        self.processor_s, self.peak_bytes, self.printed, self.starts = 0.0, 0, "", 0
        self._skip: list[tuple[str, int]] = []
        self._definitions_only = False
        self._lost: Ended | None = None
        self._process: AnyProcess | None = None
        if sum(len(source.encode(errors="replace")) for source in files.values()) > MOST_SOURCE:
            self._lost = Ended(say_later("its files are larger than {size} MiB"), size=1)
        self._folder = tempfile.mkdtemp(prefix="submission-", dir=server.folder)
        if server.user is not None:
            with contextlib.suppress(PermissionError):  # then it does not become that user either
                os.chown(self._folder, server.user, server.user)

    # --- asking -----------------------------------------------------------------------------------

    def ask(
        self,
        probe: str,
        values: Mapping[str, Any],
        seconds: float = 10.0,
        *,
        substitutes: Mapping[str, str] | None = None,
    ) -> Any:
        """What the submission answers to a probe.

        Args:
            probe: The name of a function of the probes.
            values: Numbers, texts, tensors and containers of them.
            seconds: Of processor time that it may take.
            substitutes: File → source of functions that take the place of its own meanwhile.

        Raises:
            Raised: If its code raised.
            Ended: If it was ended, or ended itself.
        """
        process = self._loaded()
        order = {"do": "probe", "probe": probe, "values": dict(values)}
        order["substitutes"] = dict(substitutes or {})
        self.seen = Seen()
        reply = self._reply(process, order, ANSWERED, seconds)
        if "too_large" in reply:
            raise Ended(say_later("it answered with more than 64 MiB"))
        if "raised" in reply:
            raise raised_by(reply["raised"])
        self.seen = seen_by(reply.get("seen"))
        return reply["value"]

    def load(self) -> None:
        """Run the submission's files, unless they have been run.

        Raises:
            Ended: If not even its definitions can be run.
        """
        self._loaded()

    def _loaded(self) -> AnyProcess:
        while self._process is None:
            if self._lost is None and self.starts >= self.limits.starts:
                self._lost = Ended(
                    say_later("it was ended {times} times, and is not begun again"),
                    times=self.starts,
                )
            if self._lost is None and self.processor_s > self.limits.total_s:
                self._lost = self._took(self.limits.total_s)
            if self._lost is not None:
                raise self._lost
            self._begin()
        return self._process

    def _begin(self) -> None:
        """Begin a process and run the files; note what ended it, and do without the next time."""
        self.starts += 1
        self._at: tuple[str, int] | None = None
        self._process = self.server.begin(self._order(), self.limits.printed_bytes)
        load = {
            "do": "load",
            "files": self.files,
            "probes": self.probes,
            "observed": self.observed,
            "definitions_only": self._definitions_only,
            "skip": [list(place) for place in self._skip],
        }
        notes = []
        try:
            self.held = self._confined(self._process)
            reply = self._reply(self._process, load, LOADED, self.limits.load_s)
            failures = reply["failures"] if "failures" in reply else [reply["raised"]]
            notes = [note_of(failure) for failure in failures[:MOST_NOTES]]
        except Ended as ended:
            file, line = self._at or (None, None)
            notes = [Note(type="Ended", message=str(ended), file=file, line=line, ended=ended)]
            self._do_without(ended)
        self.notes += [note for note in notes if note not in self.notes]

    def _confined(self, process: AnyProcess) -> list[str]:
        """The layers of confinement that hold; nothing of the submission has run yet."""
        first = self._reply(process, None, CONFINED, self.limits.load_s)
        if "failed" in first:
            self._end()
            raise UserError(f"a submission could not be confined: {plain(first['failed'])}")
        return first["held"]

    def _do_without(self, ended: Ended) -> None:
        """What is left out the next time: a statement; then a second, and all that calls."""
        if self._definitions_only:
            self._lost = ended
        self._definitions_only = self._at is None or bool(self._skip)
        if self._at is not None:
            self._skip.append(self._at)

    def _order(self) -> dict[str, Any]:
        limits = self.limits
        system = ResourceLimits(
            memory_bytes=2 * limits.memory_bytes,  # address space, of which much is never used
            processor_s=max(1, round(limits.total_s - self.processor_s) + 1),
            threads=limits.threads,
            file_bytes=limits.file_bytes,
        )
        return {
            "folder": self._folder,
            "folder_bytes": limits.folder_bytes,
            "most_files": limits.files,
            "limits": asdict(system),
        }

    # --- one question and its answer --------------------------------------------------------------

    def _reply(
        self,
        process: AnyProcess,
        order: dict[str, Any] | None,
        kinds: Mapping[str, type],
        seconds: float,
    ) -> dict[str, Any]:
        """The reply to an order; the first message of a process answers none.

        Raises:
            Ended: If it does not come.
        """
        number = secrets.randbits(48) if order is not None else 0
        watch = Watch(process, self.limits, seconds, self._folder)
        try:
            messages = process.exchange(order and order | {"id": number}, watch.look)
            for message in islice(messages, MOST_MESSAGES):
                reply = checked(message, number, kinds)
                if "at" not in reply:
                    return reply
                self._at = place_of(reply["at"])
            raise ValueError("too many messages")
        except EOFError:
            raise self._why(process) from None
        except ValueError:
            self._end()
            raise Ended(say_later("it sent what is no answer")) from None
        except Ended:
            self._end()
            raise
        finally:
            self.peak_bytes = max(self.peak_bytes, watch.peak_bytes)

    def _took(self, seconds: float) -> Ended:
        return Ended(
            say_later("it took more than {seconds:g} s of processor time"), seconds=seconds
        )

    # --- the end ----------------------------------------------------------------------------------

    def _end(self) -> dict[str, Any] | None:
        """End the process, if there is one; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        end = process.end()
        self.processor_s += end["processor_s"]
        self.printed = (self.printed + printable(process.printed))[:OUTPUT_KEPT]
        self._empty_folder()
        return end

    def _why(self, process: AnyProcess) -> Ended:
        """Why a process closed its connection: its keeper tells."""
        end = self._end()
        assert end is not None
        if process.printed_too_much:
            size = self.limits.printed_bytes // MIB
            return Ended(say_later("it printed more than {size} MiB"), size=size)
        if self.processor_s > self.limits.total_s:
            return self._took(self.limits.total_s)
        return how_it_ended(end)

    def _empty_folder(self) -> None:
        """What one process wrote, the next does not find; it may be deeper than Python goes."""
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(self._folder)):
                remove_tree(entry.path)

    def close(self) -> None:
        """End the process and remove its folder."""
        if self._process is not None:
            self.peak_bytes = max(self.peak_bytes, self._process.memory_bytes())
        self._end()
        remove_tree(self._folder)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Watch:
    """Looks at a process while a question is open, and gives up when it used too much for it."""

    def __init__(self, process: AnyProcess, limits: Limits, seconds: float, folder: str) -> None:
        """From now on.

        Args:
            process: Which was asked.
            limits: All in all.
            seconds: Of processor time, for this question.
            folder: Where it writes.
        """
        self.process, self.limits, self.seconds, self.folder = process, limits, seconds, folder
        self.before_s, self.began = process.processor_s(), time.monotonic()
        self.idle_looks = self.peak_bytes = 0

    def look(self) -> None:
        """Raises: Ended: If it used too much."""
        limits = self.limits
        if self.process.processor_s() - self.before_s > self.seconds:
            raise Ended(
                say_later("it took more than {seconds:g} s of processor time"), seconds=self.seconds
            )
        memory = self.process.memory_bytes()
        self.peak_bytes = max(self.peak_bytes, memory)
        if memory > limits.memory_bytes:
            size = limits.memory_bytes // MIB
            raise Ended(say_later("it used more than {size} MiB of memory"), size=size)
        if not self.process.mounted:
            self._look_at_folder()
        self.idle_looks += not self.process.computes()
        if self.idle_looks > limits.idle_looks:
            raise Ended(say_later("it waited for something that never comes"))
        if time.monotonic() - self.began > limits.wall_s:
            raise Ended(say_later("it did not answer within {seconds:g} s"), seconds=limits.wall_s)

    def _look_at_folder(self) -> None:
        """Where the system does not bound what is written, we do."""
        count = size = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(place, name)).st_blocks * 512
            count += 1 + len(names)
            if count > self.limits.files or size > self.limits.folder_bytes:
                raise Ended(say_later("it wrote too much into files"))


def place_of(at: list) -> tuple[str, int]:
    """File and line of a statement, as the process says; ValueError if it says something else."""
    match at:
        case [str() as file, int() as line]:
            return plain(file, 200), line
    raise ValueError("no place in a file")


def checked(message: Any, number: int, kinds: Mapping[str, type]) -> dict:
    """A message of the process, which may have sent anything.

    Args:
        message: What came.
        number: Of the order that it must reply to.
        kinds: What the reply to it may hold.

    Raises:
        ValueError: If it is no reply to it.

    Returns:
        The one thing that it holds, and `seen`, where it says what torch was asked for.
    """
    if not isinstance(message, dict) or type(message.get("id")) is not int:
        raise ValueError("no reply")
    held = [
        name for name, kind in kinds.items() if name in message and isinstance(message[name], kind)
    ]
    if message["id"] != number or len(held) != 1:
        raise ValueError("not the reply to this order")
    return {name: message[name] for name in (*held, "seen") if name in message}


def printable(printed: bytes) -> str:
    """What was printed, as text that any file and any terminal takes."""
    text = printed.decode("utf-8", errors="replace")
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
