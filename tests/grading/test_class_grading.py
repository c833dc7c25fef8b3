"""A class is graded alike by any number of workers, in any order, with any secret."""

import json
import threading
import zipfile

import pytest
import torch
from tests.processes import python, run

from retroprop.errors import Interrupted
from retroprop.grading.checks import Check, LabGrading, Mistake, Question
from retroprop.grading.class_grading import Order, generator_of, grade_class
from retroprop.grading.pack import write_pack
from retroprop.grading.rubric import Rubric
from retroprop.grading.submissions import Submission

PROBES = """
def total(submission, values):
    return submission.solution.total(values["x"])

def mean(submission, values):
    return submission.solution.mean(values["x"])
"""

SQUARES = Mistake(name="squares", sentence="", switches={"squares": True})


def numbers(generator):
    return {"x": torch.randn(5, generator=generator)}


def _powers(x, squares):
    return x**2 if squares else x


TOTAL = Check(
    name="total",
    share=1.0,
    probe="total",
    inputs=numbers,
    reference=lambda v, a, squares=False: _powers(v["x"], squares).sum(),
    mistakes=[SQUARES],
)
MEAN = Check(
    name="mean",
    share=1.0,
    probe="mean",
    inputs=numbers,
    reference=lambda v, a, squares=False: _powers(v["x"], squares).mean(),
    mistakes=[SQUARES],
    public=True,
)
GRADING = LabGrading(
    lab="sums",
    files=("solution",),
    probes=PROBES,
    questions=[
        Question(number="1", name="total", points=3, checks=[TOTAL]),
        Question(number="2", name="mean", points=2, checks=[MEAN]),
    ],
)


def code(total="x.sum()", mean="x.mean()", end=""):
    return f"def total(x):\n    return {total}\n\n\ndef mean(x):\n    return {mean}\n\n{end}\n"


def handed_in(name, *parts, **named):
    return Submission(name=name, files={"solution": code(*parts, **named)})


CLASS = [
    (handed_in("right"), 5),
    (handed_in("squares", "(x ** 2).sum()"), 2),
    (handed_in("squares twice", "(x ** 2).sum()", "(x ** 2).mean()"), 2),  # charged once
    (handed_in("raises", "1 / 0"), 2),
    (handed_in("leaves", end="import os\nos._exit(0)"), 5),
    (handed_in("text", "'five'", "None"), 0),
    (Submission(name="picture", unreadable="a PNG picture"), 0),
    (Submission(name="empty", files={"solution": ""}), 0),
]


def order(**changes):
    settings = {"rubric": Rubric(grading=GRADING), "secret": b"0" * 16, "language": "en"}
    return Order(**settings | {"confine": "best"} | changes)


def scores(submissions, workers, **changes):
    sheets = grade_class(
        order(**changes), submissions, workers=workers, on_question=lambda sheet: None
    )
    return {sheet.submission.name: sheet.score for sheet in sheets}


def test_scores_depend_neither_on_workers_nor_order_nor_secret():
    submissions, expected = [one for one, _ in CLASS], {one.name: points for one, points in CLASS}
    assert scores(submissions, 1) == expected
    assert scores(submissions[::-1], 2, secret=b"1" * 16) == expected


def test_a_mistake_is_charged_in_the_first_question_that_it_costs():
    (sheet,) = grade_class(order(), [CLASS[2][0]], workers=1, on_question=lambda sheet: None)
    first, second = (question.checks[0].finding for question in sheet.questions)
    assert (first.passed, first.mistakes) == (False, ("squares",))
    assert (second.passed, second.mistakes) == (True, ("squares",))


def test_students_are_asked_the_public_checks_alone():
    (sheet,) = grade_class(
        order(public_only=True), [CLASS[0][0]], workers=1, on_question=lambda sheet: None
    )
    assert [len(question.checks) for question in sheet.questions] == [0, 1]


def test_a_sheet_grows_by_a_question_at_a_time_and_a_stop_ends_after_one():
    stop, grown = threading.Event(), []

    def on_question(sheet):
        grown.append(len(sheet.questions))
        stop.set()

    with pytest.raises(Interrupted):
        grade_class(order(), [CLASS[0][0]], workers=1, on_question=on_question, stop=stop)
    assert grown == [1]


def test_hidden_inputs_change_with_the_secret_the_file_and_the_check_alone():
    def drawn(secret=b"s", check="a", source="x"):
        random = generator_of(secret, "lab", "1", check, {"solution": source})
        return torch.randn(3, generator=random).tolist()

    assert drawn() == drawn()
    assert (
        len({str(one) for one in (drawn(), drawn(b"t"), drawn(check="b"), drawn(source="y"))}) == 4
    )


def test_the_pack_grades_as_gradescope_runs_it_and_is_readable_by_its_owner_alone(tmp_path):
    pack = tmp_path / "autograder.zip"
    lab = "ift3395-devoir3"
    write_pack(pack, lab=lab, secret=b"s" * 16, language="fr", confine="best", rubric=None)
    source, autograder = tmp_path / "source", tmp_path / "autograder"
    with zipfile.ZipFile(pack) as zipped:
        assert {entry.external_attr >> 16 & 0o077 for entry in zipped.infolist()} == {0}
        zipped.extractall(source)
    (autograder / "submission").mkdir(parents=True)
    (autograder / "submission" / "devoir.py").write_text(
        "def gradient_norm(f, *x):\n    return 0\n"
    )
    program = python("-c", "", AUTOGRADER=str(autograder))
    done = run(["sh", str(source / "run_autograder")],
               env=program["env"] | {"PYTHON": program["args"][0]})  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((autograder / "results" / "results.json").read_text())
    assert results["score"] == 0
    assert len({test["number"] for test in results["tests"]}) == 11
    assert "réponse" in json.dumps(results, ensure_ascii=False)
