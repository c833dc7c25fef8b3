"""Programs that tests start: limited by processor time, so that a busy machine turns nothing red.

A program that computes too long is ended by the system (RLIMIT_CPU); one that waits for ever is
found by `tests/watchdog.py`, as a test is. No test limits seconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import retroprop

try:
    import resource
except ImportError:  # Windows: there the watchdog alone limits
    resource = None

PROCESSOR_S = 120
"""What any program of the tests may compute; each takes less than a fourth of it."""


def python(*arguments, **environment):
    """The command and the environment of a Python that imports this retroprop."""
    source = str(Path(retroprop.__file__).parents[1])
    return {
        "args": [sys.executable, *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": source, **environment},
    }


@contextlib.contextmanager
def started(args, *, processor_s=PROCESSOR_S, **options):
    """A program in a process group of its own, which ends with the block, children and all."""
    process = subprocess.Popen(args, start_new_session=True, **options)
    limit_processor_time(process.pid, processor_s)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def run(args, *, processor_s=PROCESSOR_S, check=False, text="", **options):
    """Run a program to its end, as subprocess.run does, and return what it printed, as text.

    Args:
        args: The command.
        processor_s: Seconds of processor time that it may use.
        check: Whether it must succeed.
        text: What it reads on standard input.
        options: Of subprocess.Popen.
    """
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    options = pipes | {"encoding": "utf-8"} | options
    with started(args, processor_s=processor_s, **options) as process:
        out, err = process.communicate(text)
    done = subprocess.CompletedProcess(args, process.returncode, out, err)
    refuse_endless(done, processor_s)
    assert not check or done.returncode == 0, err
    return done


def limit_processor_time(pid, seconds):
    """Let the system end a process, and each that it starts, after so much processor time."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds + 5))


def refuse_endless(done, processor_s):
    """Fail where a program was ended by its limit, and say which."""
    if os.name != "nt" and done.returncode == -signal.SIGXCPU:
        command = " ".join(map(str, done.args))[:500]
        raise AssertionError(f"{command}\nused more than {processor_s} s of processor time")


def wait_until(happened, process):
    """Ask until the answer is true, and return it; a process that ends without is an error.

    How long it takes is the machine's affair: the process is bounded by its processor time, and
    one that waits for ever is found by the watchdog.
    """
    while not (answer := happened()):
        ended = process.poll() is not None
        if ended and not (answer := happened()):
            raise AssertionError(f"it ended with code {process.returncode} before")
        if ended:
            return answer
        time.sleep(0.05)
    return answer
