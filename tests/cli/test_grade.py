"""`retroprop grade` and `check` as a teacher and a student meet them."""

import csv
import json
import re
from types import SimpleNamespace

import pytest

from retroprop.cli import check, grade
from retroprop.cli.help_texts import GRADE
from retroprop.labs.catalog import find_variants

LAB = "ift3395-devoir3"

LINEAR = """
class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(0)
        return dy @ self.W.T
"""


@pytest.fixture(scope="module")
def variants():
    return find_variants(LAB)


@pytest.fixture
def handed_in(tmp_path, variants):
    """A folder with a right submission, one with a mistake, and a picture."""
    folder = tmp_path / "class"
    folder.mkdir()
    wrong = next(one for one in variants.wrong if one.question == "1")
    (folder / "ada.py").write_text(variants.right["solution"])
    (folder / "blaise.py").write_text(wrong.files["solution"])
    (folder / "carl.py").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return folder


def test_a_class_gets_its_results(call, handed_in, tmp_path):
    out = tmp_path / "grades"
    code, printed, err = call("grade", LAB, str(handed_in), "--out", str(out), "--similarity",
                              "--confine", "best", "--workers", "1")  # fmt: skip
    assert (code, err) == (0, "")
    assert re.search(r"1 / 3 +35\.00 / 35 +ada", printed)
    assert "carl.py is a PNG picture" in printed
    results = {name: json.loads((out / name / "results.json").read_text()) for name in
               ("ada", "blaise", "carl")}  # fmt: skip
    assert results["ada"]["score"] == 35
    lost = {test["number"] for test in results["blaise"]["tests"] if test["status"] == "failed"}
    assert lost == {"1"}
    rows = list(csv.reader((out / "class.csv").read_text("utf-8-sig").splitlines()))
    assert [row[0] for row in rows[1:]] == ["ada", "blaise", "carl"]
    assert "blaise" in (out / "class.html").read_text()
    assert (out / "students" / "ada.html").is_file()
    assert (out / "secret").stat().st_mode & 0o077 == 0
    secret = (out / "secret").read_bytes()
    assert call("grade", LAB, str(handed_in / "carl.py"), "--out", str(out))[0] == 0
    assert (out / "secret").read_bytes() == secret  # used again


def test_the_rubric_is_printed_changed_and_given_back(call, handed_in, tmp_path):
    code, printed, _ = call("grade", "rubric", LAB)
    assert code == 0
    mine = tmp_path / "mine.toml"
    mine.write_text(printed.replace("points = 2\n", "points = 20\n", 1))
    code, printed, _ = call("grade", LAB, str(handed_in / "ada.py"), "--rubric", str(mine),
                            "--out", str(tmp_path / "out"), "--confine", "best")  # fmt: skip
    assert code == 0
    assert "53.00 / 53" in printed


def test_a_student_checks_a_file(call, handed_in):
    code, printed, err = call("check", LAB, str(handed_in / "ada.py"))
    assert (code, err) == (0, "")
    assert "✗" not in printed
    assert "All public checks are right" in printed
    code, printed, err = call("check", LAB, str(handed_in / "blaise.py"))
    assert code == 2
    assert re.search(r"✗ 1\. .*\n +\w+", printed)
    assert "not right yet" in err


def test_a_student_without_linux_checks_a_file_in_a_plain_process(call, handed_in, monkeypatch):
    monkeypatch.setattr(check, "sys", SimpleNamespace(platform="darwin"))
    code, printed, err = call("check", LAB, str(handed_in / "ada.py"))
    assert (code, err) == (0, "")
    assert "All public checks are right" in printed


def test_a_layer_is_proved_or_refuted(call, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(LINEAR)
    code, printed, _ = call("check", "--layer", f"{file}:Linear", "--like", "linear")
    assert code == 0
    assert printed.count("✓") == 4
    file.write_text(LINEAR.replace("self.x.T @ dy", "dy.T @ self.x"))
    code, printed, err = call("check", "--layer", f"{file}:Linear", "--like", "linear")
    assert code == 2
    assert "dW is transposed" in printed
    assert err == "retroprop: Linear is not linear.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["grade", "no-lab", "."], "no assignment is called 'no-lab'"),
        (["grade", LAB, "nowhere"], "nowhere"),
        (["grade", LAB, ".", "--workers", "0"], "--workers must be at least 1"),
        (["grade", LAB, ".", "--rubric", "no.toml"], "there is no rubric no.toml"),
        (["grade", LAB, ".", "--secret", "no"], "the secret no cannot be read"),
        (["grade", LAB, ".", "--secret", "short"], "has 5 bytes, and 16 are the least"),
        (["grade", LAB, ".", "--out", "short/x"], "short/x"),
        (["grade", LAB, ".", "--out", "../class"], "../class holds the submissions"),
        (["grade", "rubric", "no-lab"], "no assignment is called"),
        (["grade", "pack", LAB, "--out", "no/pack.zip"], "no/pack.zip cannot be written"),
        (["check"], "write: retroprop check LAB FILE"),
        (["check", LAB], "write: retroprop check LAB FILE"),
        (["check", "--layer", "a.py:B"], "--like"),
        (["check", "--like", "linear"], "--layer"),
        (["check", "--layer", "a.py", "--like", "linear"], "FILE.py:NAME"),
        (["check", "--layer", "no.py:A", "--like", "linear"], "no.py cannot be read"),
        (["check", "--layer", "mine.py:No", "--like", "linear"], "has no attribute 'No'"),
        (["check", "--layer", "mine.py:Linear", "--like", "linaer"], "Did you mean 'linear'"),
        (["check", LAB, "nowhere.py"], "nowhere.py"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(refused, monkeypatch, tmp_path, arguments, sentence):
    folder = tmp_path / "class"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "short").write_bytes(b"12345")
    (folder / "mine.py").write_text(LINEAR)
    assert sentence in refused(*arguments)


@pytest.mark.parametrize("name", GRADE)
def test_the_help_begins_as_the_docstring(call, name):
    function = check.check if name == "check" else getattr(grade, name)
    assert function.__doc__.splitlines()[0] == GRADE[name].splitlines()[0]
    commands = {"grade": ["grade"], "check": ["check"]}.get(name, ["grade", name])
    code, printed, _ = call(*commands, "--help")
    assert code == 0
    assert GRADE[name].splitlines()[0] in printed
