"""Grades the one submission that Gradescope handed over, inside the pack that `pack` wrote.

    python -m retroprop.grading.autograder    # run by run_autograder, as root

The pack's folder has `grading.json` (lab, language, confinement), the teacher's `secret`, and
`rubric.toml` where there is one. The variable AUTOGRADER names Gradescope's folder, /autograder by
default: submission/ is read there, and results/results.json written after each question.
"""

import json
import os
import threading
from pathlib import Path

import torch

from retroprop.errors import UserError
from retroprop.grading.class_grading import Order, grade
from retroprop.grading.results_files import write_results
from retroprop.grading.rubric import read_rubric
from retroprop.grading.sessions import ForkServer
from retroprop.grading.submissions import read_submission
from retroprop.labs.catalog import find_grading
from retroprop.languages import translator


def main(pack: Path, autograder: Path) -> None:
    """Grade `autograder/submission` as the pack says."""
    torch.set_num_threads(1)
    said = json.loads((pack / "grading.json").read_text(encoding="utf-8"))
    say = translator(said["language"])
    grading = find_grading(said["lab"])
    rubric = pack / "rubric.toml"
    order = Order(
        rubric=read_rubric(rubric if rubric.exists() else None, grading),
        secret=(pack / "secret").read_bytes(),
        language=said["language"],
        confine=said["confine"],
    )
    results = autograder / "results" / "results.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    try:
        submission = read_submission([autograder / "submission"], order.grading, say)
        with ForkServer(order.confine) as server:
            grade(
                order,
                submission,
                server,
                lambda sheet: write_results(results, sheet, say),
                threading.Event(),
            )
    except UserError as error:  # of the pack or the machine: the teacher must see it
        results.write_text(json.dumps({"score": 0, "output": str(error)}), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd(), Path(os.environ.get("AUTOGRADER", "/autograder")))
