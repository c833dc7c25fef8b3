"""Ends a test that hangs, by what it computes and not by the clock.

A busy machine makes every test slow, and none wrong: so no test is limited in seconds. Instead, a
watchdog looks at each process that runs tests and at all that it started, and finds two faults:

- an endless loop: the test has used `--processor-limit` seconds of processor time;
- a deadlock: in nearly all of the last `LOOKS` looks no thread of them was running, runnable or
  waiting for a disk. On a busy machine one that has work is runnable nearly always, and the looks
  of the watchdog become rarer as everything does.

Then the stacks of all threads are written, what the test started is ended, and the test fails. A
test that goes on even so, in code that hears no signals, is ended with its process: pytest-xdist
reports a crash and goes on with another.

The watchdog is a process of its own (`main`), since a thread would starve beside a test that
computes without giving the interpreter away. Each line that it reads is the number of the test
that begins, or 0 at its end; before it sends the signal, it writes what it found, as JSON.
"""

import collections
import contextlib
import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

LIMIT_S = 300.0
"""Processor time of a test with all that it starts; the longest takes about a fourth of it."""

LOOK_EVERY_S = 1.0
LOOKS = 60
RUNNING_LOOKS = 3
"""At most, of a deadlock: what asks again and again for what never comes runs now and then."""

ALARM = getattr(signal, "SIGUSR1", None)  # absent on Windows: tests run unwatched there


# --- in the process that runs tests ---------------------------------------------------------------


def pytest_addoption(parser):
    group = parser.getgroup("watchdog")
    group.addoption("--processor-limit", type=float, default=LIMIT_S, metavar="SECONDS")
    group.addoption("--look-every", type=float, default=LOOK_EVERY_S, metavar="SECONDS")
    group.addoption("--processor-times", metavar="FILE", help="append seconds and name of tests")


def pytest_configure(config):
    if ALARM is not None:
        config.pluginmanager.register(Watched(config.option))


class Watched:
    """Tells the watchdog which test runs, and fails it when the watchdog says so."""

    def __init__(self, option):
        self.option = option
        self.watchdog = None
        self.count = 0
        self.phase = None  # "setup", "call" or "teardown" of the test, while it runs

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.watchdog = self.watchdog or self._start()
        before_s = sum(os.times()[:4])
        self.count += 1
        self._tell(self.count)
        try:
            return (yield)
        finally:
            self._tell(0)
            if self.option.processor_times:
                with open(self.option.processor_times, "a", encoding="utf-8") as file:
                    file.write(f"{sum(os.times()[:4]) - before_s:.2f}\t{item.nodeid}\n")

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self):
        with self._within("setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self):
        with self._within("call"):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self):
        with self._within("teardown"):
            return (yield)

    @contextlib.contextmanager
    def _within(self, phase):
        self.phase = phase
        try:
            yield
        finally:
            self.phase = None

    def pytest_unconfigure(self):
        if self.watchdog is not None:
            self.watchdog.stdin.close()
            self.watchdog.wait()
            self.watchdog.stdout.close()
            faulthandler.unregister(ALARM)

    def _start(self):
        signal.signal(ALARM, self._fail)
        # The stacks first, even where the interpreter hears no signal; then the failure.
        faulthandler.register(ALARM, file=2, all_threads=True, chain=True)
        numbers = (os.getpid(), self.option.processor_limit, self.option.look_every)
        return subprocess.Popen(
            [sys.executable, __file__, *map(str, numbers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def _tell(self, number):
        self.watchdog.stdin.write(f"{number}\n")

    def _fail(self, *_):
        found = json.loads(self.watchdog.stdout.readline())
        if found["test"] == self.count and self.phase:  # else it ended in this moment
            end(found["processes"])
            pytest.fail(f"the watchdog ended this test: {found['reason']}")


# --- the watchdog ---------------------------------------------------------------------------------


def main(pid, limit_s, look_every_s):
    """Watch the tests of a process until it ends."""
    tests = psutil.Process(pid)
    test = None
    known = {tests}  # with the processes that were there before the test
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], look_every_s)
        if ready:
            lines = os.read(0, 4096).splitlines()
            if not lines:
                return
            number = int(lines[-1])
            test = Test(number, limit_s) if number else None
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            family = family_of(tests)
            if test is None:
                known = set(family)
            elif reason := test.look(family):
                started = [process.pid for process in family if process not in known]
                if test.ended:  # it did not hear the signal
                    end([*started, pid])
                    return
                found = {"test": test.number, "reason": reason, "processes": started}
                print(json.dumps(found), flush=True)
                tests.send_signal(ALARM)
                test.ended = True


class Test:
    """What was seen of the test that runs."""

    def __init__(self, number, limit_s):
        self.number, self.limit_s = number, limit_s
        self.start_s = None
        self.active = collections.deque(maxlen=LOOKS)
        self.ended = False

    def look(self, family):
        """Look at all processes; return why the test must end, if it must."""
        used_s = sum(map(processor_s, family))
        if self.start_s is None:
            self.start_s = used_s
        self.active.append(any(map(is_active, family)))
        if used_s - self.start_s > self.limit_s:
            self.start_s = used_s
            return f"it used more than {self.limit_s:g} s of processor time"
        if len(self.active) == LOOKS and sum(self.active) <= RUNNING_LOOKS:
            self.active.clear()
            return f"a deadlock; nothing ran in {LOOKS} looks at it"
        return None


def family_of(process):
    """A process and all that it started, without this one."""
    return [one for one in (process, *process.children(recursive=True)) if one.pid != os.getpid()]


def processor_s(process):
    """Processor time of a process, and of its children that have ended."""
    try:
        return sum(process.cpu_times()[:4])
    except psutil.Error:
        return 0.0


def is_active(process):
    """Whether a thread of it runs, could run, or waits for a disk."""
    threads = Path(f"/proc/{process.pid}/task")
    try:
        if not threads.exists():
            return process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
        stats = [(thread / "stat").read_text() for thread in threads.iterdir()]
    except (psutil.Error, OSError):  # it has ended meanwhile: so something happens
        return True
    return any(stat.rpartition(")")[2].split()[0] in "RD" for stat in stats)


def end(pids):
    """End processes; those of Python write their stacks first (PYTHONFAULTHANDLER)."""
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
            processes[-1].send_signal(signal.SIGABRT)
    _, alive = psutil.wait_procs(processes, timeout=LOOK_EVERY_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
