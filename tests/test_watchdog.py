"""What hangs is found by processor time and by progress; what is only slow is left alone."""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests import watchdog
from tests.processes import python, run

PLANTED = """
import itertools, subprocess, sys, threading, time

def test_endless():
    while True:
        pass

def test_endless_in_a_program():
    subprocess.run([sys.executable, "-c", "while True: pass"])

def test_deadlock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def test_deadlock_of_a_program():
    job = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    job.wait()

def test_slow_but_progressing():
    for _ in range(300):
        time.sleep(0.002)
        sum(range(100_000))

def test_good():
    pass

def test_that_hears_no_signal():
    sum(itertools.repeat(0))

def test_good_too():
    pass
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a run of the planted tests prints, with a small limit and quick looks."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "test_planted.py").write_text(PLANTED)
    options = ["-p", "tests.watchdog", "--processor-limit", 1, "--look-every", 0.02]
    command = python("-m", "pytest", "-n1", "-v", "-p", "no:cacheprovider", *options, ".")
    command["env"]["PYTHONPATH"] += f":{Path(watchdog.__file__).parents[1]}"
    return run(**command, cwd=folder).stdout


def outcome(said, name):
    return re.search(rf"(PASSED|FAILED) test_planted\.py::{name}\b", said)[1]


@pytest.mark.parametrize("name", ["endless", "endless_in_a_program"])
def test_an_endless_loop_is_found_and_its_stack_written(said, name):
    assert outcome(said, f"test_{name}") == "FAILED"
    report = said.partition(f"_ test_{name} _")[2].partition("\n____")[0]
    assert "the watchdog ended this test: it used more than 1 s of processor time" in report
    assert re.search(rf'File ".*test_planted\.py", line \d+ in test_{name}', report)


@pytest.mark.parametrize("name", ["deadlock", "deadlock_of_a_program"])
def test_a_deadlock_is_found_and_its_stack_written(said, name):
    assert outcome(said, f"test_{name}") == "FAILED"
    report = said.partition(f"_ test_{name} _")[2].partition("\n____")[0]
    assert "the watchdog ended this test: a deadlock" in report
    assert re.search(rf'File ".*test_planted\.py", line \d+ in test_{name}', report)


def test_a_program_that_is_ended_writes_its_stack_too(said):
    assert re.search(
        r'Fatal Python error: Aborted.*File "<string>", line 1 in <module>', said, re.S
    )


def test_what_hears_no_signal_is_ended_with_its_process_and_the_rest_goes_on(said):
    assert "crashed while running 'test_planted.py::test_that_hears_no_signal'" in said
    assert outcome(said, "test_good_too") == "PASSED"


def test_what_is_slow_but_goes_on_passes(said):
    assert outcome(said, "test_slow_but_progressing") == "PASSED"
    assert outcome(said, "test_good") == "PASSED"


def test_a_starved_process_is_no_deadlock(monkeypatch):
    """One that is runnable and never gets a processor, as on a machine with far too much work."""
    starved = SimpleNamespace(cpu_times=lambda: (1.0, 0.0, 0.0, 0.0))
    test = watchdog.Test(1, limit_s=10)
    monkeypatch.setattr(watchdog, "is_active", lambda process: True)
    assert {test.look([starved]) for _ in range(10 * watchdog.LOOKS)} == {None}


def test_a_rare_poll_is_no_progress(monkeypatch):
    states = itertools.cycle([True] + 39 * [False])
    monkeypatch.setattr(watchdog, "is_active", lambda process: next(states))
    waiting = SimpleNamespace(cpu_times=lambda: (1.0, 0.0, 0.0, 0.0))
    test = watchdog.Test(1, limit_s=10)
    looks = [test.look([waiting]) for _ in range(watchdog.LOOKS)]
    assert looks[:-1] == [None] * (watchdog.LOOKS - 1)
    assert looks[-1].startswith("a deadlock")
