"""Short forms of kills.py, faults.py and fuzz.py: what they look for is not there, and is seen."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.fuzz_targets import TARGETS, Target

from benchmarks import fuzz, kills

PROJECT = Path(__file__).parents[2]


def test_killed_studies_end_with_the_numbers_weights_and_files_of_a_study_in_peace(tmp_path):
    (by_hand,) = (one for one in kills.subjects(epochs=3, pupils=2) if one.name == "by-hand")
    tally = kills.torment([by_hand], kills.strike_until_it_ends, strikes=3, folder=tmp_path, seed=1)
    assert not tally.faults
    assert tally.ended >= 1
    assert tally.strikes.total() >= 3


def test_a_class_whose_grading_is_killed_gets_the_results_of_one_in_peace(tmp_path):
    (grade,) = (one for one in kills.subjects(epochs=1, pupils=2) if one.name == "grade")
    tally = kills.torment([grade], kills.strike_until_it_ends, strikes=2, folder=tmp_path, seed=1)
    assert not tally.faults
    assert tally.ended >= 1


def test_another_number_weight_or_file_is_seen():
    one = {"files": ["a"], "study": ("finished", 0.5), "a": "digest"}
    assert kills.differences(one, dict(one)) == []
    assert kills.differences(one, one | {"study": ("finished", 0.6)}) == ["study"]
    assert kills.differences(one, one | {"a": "other"}) == ["a"]
    assert "files: .a.tmp" in kills.differences(one, one | {"files": ["a", ".a.tmp"]})


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
def test_a_disk_that_fails_now_and_then_changes_no_number():
    command = [sys.executable, "-m", "benchmarks.faults", "--every", "150", "--no-record"]
    done = subprocess.run(
        [*command, "--subjects", "train", "by-hand"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert ", 0 faults" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_end_in_an_answer_or_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETROPROP_CACHE", str(tmp_path))  # the target of cached arrays has its own
    target = TARGETS[name]
    known = [*fuzz.corpus_of(name), *target.seeds()]
    count = int(60 * target.share) + 5
    new = [fuzz.input_of(0, number, known, target.words) for number in range(count)]
    assert findings(target, tmp_path, [*known, *new]) == {}


def findings(target, folder, inputs):
    fuzz.guard_process()
    trial = fuzz.Trial(target, folder)
    return {what: data for data in inputs if (what := trial(data))}


def refuse():
    raise KeyError("planted")


def compute():
    while True:
        pass


def run_a_program():
    subprocess.run(["true"], check=True)


def write_elsewhere():
    Path(__file__).with_name("elsewhere").write_text("never")


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (refuse, "KeyError in "),
        (compute, "Slow: "),
        (run_a_program, "Escape: subprocess.Popen"),
        (write_elsewhere, "Escape: open"),
        (lambda: None, None),
    ],
)
def test_what_no_input_may_cause_is_a_finding(fault, seen, tmp_path):
    target = Target(lambda: [], lambda folder: lambda data: fault())
    found = findings(target, tmp_path, [b"x"])
    assert [what[: len(seen)] for what in found] == ([] if seen is None else [seen])
