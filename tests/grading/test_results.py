"""What grading writes: results.json for Gradescope, the CSV of a class, names of files."""

import csv
import io
import json

import pytest
from tests.grading.small_lab import CRASH, EVIDENCE, GRADING, LOG, RIGHT, SUM, sheet, wrong

from retroprop.errors import UserError
from retroprop.grading.checks import Finding
from retroprop.grading.class_results import results_folder
from retroprop.grading.results import ManualResult, Trouble, check_result
from retroprop.grading.results_files import (
    class_csv,
    file_names,
    plain_cell,
    results_json,
    write_class_csv,
    write_results,
)
from retroprop.grading.submissions import Submission


def say(text):
    return text


GRADESCOPE = {  # the fields of its specification
    "top": {
        *("score", "execution_time", "output", "output_format", "test_output_format"),
        *("test_name_format", "visibility", "stdout_visibility", "extra_data", "tests"),
        "leaderboard",
    },
    "test": {
        *("score", "max_score", "status", "name", "name_format", "number", "output"),
        *("output_format", "tags", "visibility", "extra_data"),
    },
}


def test_the_fields_are_gradescopes_and_the_scores_add_up():
    results = results_json(sheet(findings=(RIGHT, wrong(SUM), RIGHT), evidence=[EVIDENCE]), say)
    assert set(results) <= GRADESCOPE["top"]
    assert all(set(test) <= GRADESCOPE["test"] for test in results["tests"])
    assert results["score"] == 8.5 == sum(test.get("score", 0) for test in results["tests"])
    assert sum(test.get("max_score", 0) for test in results["tests"]) == 10
    assert [test.get("status") for test in results["tests"]] == ["passed", "failed", "passed", None]
    assert results["tests"][0]["visibility"] == "visible"
    assert results["tests"][1]["visibility"] == "after_published"
    assert results["tests"][1]["tags"] == ["sum"]
    assert results["stdout_visibility"] == "hidden"


def test_a_hidden_check_says_type_and_line_only():
    secret = "asked with 0.123"
    leak = Trouble(type="ValueError", message=secret, file="solution", line=7, text=secret)
    own = Trouble(type="Leak0123", message=secret, file="solution", line=7)
    for raised, said in ((leak, "ValueError (line 7)"), (own, "an exception of its own (line 7)")):
        failed = Finding(passed=False, sentence=secret)
        results = results_json(sheet(findings=(RIGHT, RIGHT, failed), raised=raised), say)
        assert results["tests"][2]["output"] == said
        assert "0.123" not in json.dumps(results)
    results = results_json(sheet(findings=(RIGHT, RIGHT, failed)), say)
    assert results["tests"][2]["output"] == "another answer than expected"


def test_a_hidden_check_names_the_mistake_and_how_the_process_ended():
    findings = (RIGHT, wrong(SUM, LOG), Finding(passed=False))
    ended = Trouble(message="it took more than 10 s")
    results = results_json(sheet(findings=findings, raised=ended), say)
    assert results["tests"][1]["output"] == f"{SUM.sentence}; and {LOG.sentence}"
    assert results["tests"][2]["output"] == "it took more than 10 s"


def test_a_public_check_says_everything():
    findings = (Finding(passed=False), RIGHT, RIGHT)
    made = sheet(findings=findings)
    question = GRADING.questions[0]
    result = check_result(question, question.checks[0], findings[0], seconds=1, raised=CRASH)
    made.questions[0] = type(made.questions[0])(
        question=question, checks=[result, *made.questions[0].checks[1:]]
    )
    output = results_json(made, say)["tests"][0]["output"]
    assert output == "ZeroDivisionError: division by zero (line 7)"


def test_a_remark_costs_nothing_unless_the_rubric_is_strict():
    question = GRADING.questions[0]
    finding = Finding(passed=True, remarks=("tensor",))
    for strict, score in (((), 1.5), (("tensor",), 0)):
        result = check_result(question, question.checks[0], finding, seconds=1, strict=strict)
        assert result.score == score


def test_evidence_is_for_the_teacher_alone():
    results = results_json(sheet(evidence=[EVIDENCE]), say)
    test = results["tests"][-1]
    assert (test["visibility"], test["output"]) == ("hidden", "[line 3] uses autograd x.backward()")
    assert "score" not in test
    assert "autograd" not in results["output"]


def test_what_was_killed_is_readable_and_says_where_it_ended(tmp_path):
    made = sheet()
    del made.questions[1]
    made.finished = False
    write_results(tmp_path / "results.json", made, say)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["score"] == 3
    assert results["output"] == "grading ended before question 2"
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_read_has_no_points_and_the_reason():
    made = sheet()
    made.submission = Submission(name="carl", unreadable="it is a picture")
    made.questions = []
    results = results_json(made, say)
    assert (results["score"], results["tests"]) == (0, [])
    assert results["output"] == "it is a picture"


def test_no_text_of_a_student_breaks_the_json(tmp_path):
    nasty = Trouble(type="E", message="\udce9 \0 \x1b[31m </script> " + "x" * 10**6)
    made = sheet(notes=[nasty], seconds=float("nan"))
    write_results(tmp_path / "results.json", made, say)
    text = (tmp_path / "results.json").read_bytes().decode("utf-8")
    assert len(text) < 10_000
    assert "NaN" not in text
    assert json.loads(text)["execution_time"] is None


# --- the class ------------------------------------------------------------------------------------


def rows(sheets):
    return list(csv.DictReader(io.StringIO(class_csv(sheets, say))))


def test_every_submission_is_a_row_with_its_points_or_the_reason():
    unread = sheet("carl")
    unread.submission = Submission(name="carl", students=("Carl",), unreadable="it is a picture")
    unread.questions = []
    table = rows([sheet("anna"), sheet("ben", (wrong(SUM), RIGHT, wrong())), unread])
    assert [row["points"] for row in table] == ["10", "1.5", "0"]
    assert [row["1"] for row in table] == ["3", "1.5", ""]
    assert [row["status"] for row in table] == ["graded", "graded", "unreadable"]
    assert table[1]["mistakes"] == "sum"
    assert (table[2]["notes"], table[2]["students"]) == ("it is a picture", "Carl")


def test_points_by_hand_have_a_column():
    lines = (
        [ManualResult(name="Report", max_score=5, score=4)],
        [ManualResult(name="Report", max_score=5)],
    )
    table = rows([sheet("anna", manual=lines[0]), sheet("ben", manual=lines[1])])
    assert [(row["Report"], row["points"], row["of"]) for row in table] == [
        ("4", "14", "15"),
        ("", "10", "15"),
    ]


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "=HYPERLINK(\"x\",\"y\")\n-"]
)  # fmt: skip
def test_no_cell_is_a_formula(name, tmp_path):
    made = sheet(name)
    made.submission = Submission(name=name, students=(name,), notes=(name,))
    (row,) = rows([made])
    assert row["submission"] == row["students"] == row["notes"] == "'" + name
    write_class_csv(tmp_path / "class.csv", [made], say)
    assert (tmp_path / "class.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_an_ordinary_name_stays():
    assert plain_cell("Zoë d'Arc-3 (a=b)") == "Zoë d'Arc-3 (a=b)"


def test_no_submission_takes_the_place_of_a_page_or_of_the_secret():
    names = file_names(["secret", "Students", "class.csv", "class.html", "teacher", "anna"])
    assert list(names.values()) == [
        "secret-2", "Students-2", "class.csv-2", "class.html-2", "teacher-2", "anna",
    ]  # fmt: skip


def test_file_names_are_safe_and_no_two_alike():
    names = ["anna", "Anna", "../../etc/passwd", "CON", "nul.txt", "", "a" * 300, "日本", "a\nb"]
    chosen = file_names(names)
    assert len({name.lower() for name in chosen.values()}) == len(names)
    assert all(name.isascii() and len(name) < 70 and "/" not in name for name in chosen.values())
    assert not any(name.startswith(".") for name in chosen.values())
    assert chosen["CON"] == "_CON"


def test_a_folder_has_one_grading_at_a_time_and_loses_what_a_killed_one_left(tmp_path):
    grades = tmp_path / "grades"
    left = grades / "ada" / ".results.json.0123abcd.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    with results_folder(grades):
        assert not left.exists()
        with pytest.raises(UserError, match="another retroprop grade"), results_folder(grades):
            pass
    assert list(grades.iterdir()) == [left.parent]
