"""For somebody's own files, on systems that confine nothing: a plain process for each session.

    session → PlainServer → PlainProcess ── pipes ── submission.serve

`retroprop check` uses it where there is no Linux. A class is never graded so.
"""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import psutil

from retroprop.grading.comparison import Unknown
from retroprop.grading.confined import fork_server, messages
from retroprop.grading.fork_servers import LOOK_S, OUTPUT_KEPT, PROGRAM, remove_tree


class PlainServer:
    """Starts a Python process for each session; each imports torch anew.

    Attributes:
        user: None: its processes stay who we are.
        folder: Where they write.
    """

    user = None

    def __init__(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="retroprop-check-"))

    def begin(self, order: Mapping[str, Any], most_printed: int) -> "PlainProcess":
        """A process, in the folder of an order."""
        return PlainProcess(order["folder"], most_printed)

    def close(self) -> None:
        """Remove the folder."""
        remove_tree(self.folder)

    def __enter__(self) -> "PlainServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PlainProcess:
    """A process that answers probes, as `fork_servers.Process` is one.

    Attributes:
        pid: Its number.
        mounted: False: its folder is one of the disk.
        printed: The beginning of what it printed.
        printed_too_much: Whether it was ended for that.
    """

    mounted = False

    def __init__(self, folder: str, most_printed: int) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", str(PROGRAM), "--alone"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
            env=os.environ | fork_server.ENVIRONMENT,
        )  # fmt: skip
        self.pid = self._process.pid
        self._watched = psutil.Process(self.pid)
        self._used_s = self._looked_s = 0.0
        self._incoming = messages.Incoming(Unknown)
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.printed, self.printed_too_much = b"", False
        self._readers = [
            threading.Thread(target=self._read_messages, daemon=True),
            threading.Thread(target=self._read_output, args=(most_printed,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_messages(self) -> None:
        for part in parts_of(self._process.stdout):
            self._arrived.put(part)
        self._arrived.put(b"")

    def _read_output(self, most: int) -> None:
        printed = 0
        for part in parts_of(self._process.stderr):
            printed += len(part)
            self.printed += part[: OUTPUT_KEPT - len(self.printed)]
            if printed > most and not self.printed_too_much:
                self.printed_too_much = True
                self._process.kill()

    def exchange(self, order: Mapping[str, Any] | None, look: Callable[[], None]) -> Iterator[Any]:
        """As `fork_servers.Process.exchange`."""
        assert self._process.stdin is not None
        if order is not None:
            try:
                self._process.stdin.write(messages.packed(order))
                self._process.stdin.flush()
            except OSError:
                raise EOFError from None
        while True:
            if (found := self._incoming.message()) is not None:
                yield found[0]
                continue
            try:
                part = self._arrived.get(timeout=LOOK_S)
            except queue.Empty:
                look()
                continue
            if not part:
                raise EOFError
            self._incoming.add(part)

    def processor_s(self) -> float:
        """Of all its threads."""
        with contextlib.suppress(psutil.Error):
            times = self._watched.cpu_times()
            self._used_s = times.user + times.system
        return self._used_s

    def computes(self) -> bool:
        """Whether it used processor time since this was asked last."""
        before, self._looked_s = self._looked_s, self.processor_s()
        return self._looked_s > before

    def memory_bytes(self) -> int:
        """What it has in memory, with torch."""
        with contextlib.suppress(psutil.Error):
            return self._watched.memory_info().rss
        return 0

    def end(self) -> dict[str, Any]:
        """End it; code and processor_s."""
        self.processor_s()
        with contextlib.suppress(OSError):
            self._process.kill()
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # pyright: ignore[reportOptionalMemberAccess] - all are pipes
        return {"code": code, "processor_s": self._used_s}


def parts_of(pipe: IO[bytes] | None) -> Iterator[bytes]:
    """What arrives in a pipe, until its end."""
    assert pipe is not None
    while part := os.read(pipe.fileno(), 1 << 16):
        yield part
