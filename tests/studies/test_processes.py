"""Worker processes never run the program that started them, whatever kind of program that is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small import SMALL

import retroprop
from retroprop.studies import worker

PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(retroprop.__file__).parents[1])!r})  # as no environment says
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study
from retroprop.studies.schema import Study

print("begun")
study = Study.model_validate({SMALL | {"epochs": 1, "seeds": [0]}!r})
print(run_study(study, Records.open("r.db"), workers=1).status)
"""


@pytest.mark.parametrize("way", ["a script", "standard input"])
def test_a_program_without_a_guard_trains_and_is_run_once(tmp_path, way):
    script, folder = tmp_path / "program.py", tmp_path / "work"
    script.write_text(PROGRAM, encoding="utf-8")
    # what a Python finds first in its working folder, unless it is told not to look there
    (folder / "random.py").write_text("raise SystemExit", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", script if way == "a script" else "-"],
        input=None if way == "a script" else PROGRAM,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["begun", "finished"]


def test_a_file_that_a_worker_cannot_use_is_no_traceback():
    told = worker.failure(FileNotFoundError(2, "No such file or directory", "state"))
    assert told.expected
    assert told.text.startswith("'state' cannot be used (No such file or directory)")
