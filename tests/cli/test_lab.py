"""The commands `retroprop lab`, with an assignment of two questions."""

import sys
from types import ModuleType

import pytest
from tests import processes

from retroprop.cli import lab as cli_lab
from retroprop.labs import assignments, open_lab
from retroprop.labs.assignments import Assignment
from retroprop.report.document import Paragraph
from retroprop.report.lab_report import Lab, Part, Question
from retroprop.report.results import tables_section

STUDY = "inf8225-logistic"


TITLES = {"1": "The hidden layer", "2": "The output layer"}  # texts that the catalog has in French


def by_thought(lab):
    yield Paragraph(text="a thought")


def from_records(lab):
    yield from lab.blocks(lab.study(STUDY), tables_section)


def question(name, answer, *studies):
    return Question(
        name=name,
        label=name,
        title=TITLES[name],
        asked="Show that $ln sigma(x) = -softplus(-x)$.",
        answers=(answer,),
        studies=studies,
    )


def lab_of(name, *questions):
    part = Part(name="part", title="Smoke size", questions=questions)
    return Lab(name=name, title="Laptop size", source="Where this comes from", parts=(part,))


@pytest.fixture(autouse=True)
def made_up(monkeypatch, tmp_path):
    """Two assignments in the place of the five: one trains, one only thinks."""
    made_up = {}
    for name, questions in {
        "made-up": (question("1", by_thought), question("2", from_records, STUDY)),
        "thinking": (question("1", by_thought),),
    }.items():
        lab = lab_of(name, *questions)
        package = name.replace("-", "_")
        made_up[name] = Assignment(
            package=package, title=lab.title, source=lab.source, studies=tuple(lab.studies)
        )
        module = ModuleType(f"{package}.questions")
        module.LAB = lab
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for module in (assignments, cli_lab):
        monkeypatch.setattr(module, "ASSIGNMENTS", made_up)
    monkeypatch.chdir(tmp_path)


def test_the_list_says_what_each_assignment_has_and_what_is_recorded(call):
    code, out, _ = call("lab", "list")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert rows["made-up"] == ["Laptop", "size", "0", "of", "1"]
    assert rows["thinking"] == ["Laptop", "size", "needs", "none"]


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_misspelt_assignment_is_answered_with_a_suggestion(refused, command):
    sentence = refused("lab", command, "mad-up")
    assert "no assignment is called 'mad-up'" in sentence
    assert "Did you mean 'made-up'?" in sentence


def test_a_dry_run_prints_the_plan_and_writes_nothing(call, tmp_path):
    code, out, _ = call("lab", "run", "made-up", "--size", "smoke", "--dry-run")
    assert code == 0
    assert STUDY in out
    assert "about" in out
    assert "Nothing was trained." in out
    assert not (tmp_path / "retroprop.db").exists()


@pytest.mark.parametrize(("precision", "recorded"), [("fp64", "float64"), ("bf16", "float32")])
def test_a_precision_is_that_of_the_studies_whose_models_can_have_it(call, precision, recorded):
    code, out, err = call("lab", "run", "made-up", "--dry-run", "--precision", precision)
    assert (code, err) == (0, "")
    assert next(line.split()[2] for line in out.splitlines() if line.startswith(STUDY)) == recorded


def test_a_precision_that_there_is_not_is_refused(refused):
    said = refused("lab", "run", "made-up", "--dry-run", "--precision", "half")
    assert "the precision must be 'float32', 'float64' or 'bfloat16', and got 'half'." in said


def test_an_assignment_without_studies_says_what_to_do(call):
    code, out, _ = call("lab", "run", "thinking")
    assert code == 0
    assert "retroprop lab report thinking" in out


def test_a_report_before_its_runs_names_the_command_and_reports_what_there_is(call, tmp_path):
    code, out, _ = call("lab", "report", "made-up", "--format", "html")
    assert code == 0
    assert "wrote reports/made-up-en.html" in out
    page = (tmp_path / "reports" / "made-up-en.html").read_text(encoding="utf-8")
    assert "retroprop lab run made-up" in page
    assert "a thought" in page
    assert not (tmp_path / "retroprop.db").exists()


def test_a_database_that_is_named_must_exist(refused):
    assert "no records at other.db" in refused("lab", "report", "made-up", "--db", "other.db")


def test_workers_must_be_positive(refused):
    assert "--workers must be at least 1" in refused("lab", "run", "made-up", "--workers", "0")


@pytest.fixture
def trained(call):
    """The assignment with its study trained at smoke size: what the command printed."""
    code, out, err = call("lab", "run", "made-up", "--size", "smoke", "--workers", "1")
    assert code == 0, err
    return out


def test_run_trains_what_is_missing_once_and_the_report_shows_it(trained, call, tmp_path):
    assert "All studies of made-up are recorded" in trained
    code, again, _ = call("lab", "run", "made-up", "--size", "smoke")
    assert code == 0
    assert "done" in again
    assert "epoch 1" not in again
    assert call("lab", "report", "made-up", "-f", "html,pdf", "--lang", "fr")[0] == 0
    page = (tmp_path / "reports" / "made-up-fr.html").read_text(encoding="utf-8")
    assert f"retroprop run {STUDY} --size smoke" in page
    assert "2 · La couche de sortie" in page
    assert "1 of 1" in call("lab", "list")[1]


def test_an_open_lab_trains_and_answers(capsys):
    lab = open_lab("made-up", language="fr")
    lab.run(size="smoke", workers=1)
    assert capsys.readouterr().out.startswith(f"Training {STUDY}: about")
    lab.run(size="smoke", workers=1)
    assert capsys.readouterr().out == ""
    assert "a thought" in repr(lab.answer("1"))
    assert "2 · La couche de sortie" in lab.answer("2")._repr_html_()
    with pytest.raises(ValueError, match="has no question '3'; it has 1, 2"):
        lab.answer("3")


def test_the_list_needs_none_of_the_libraries_that_take_seconds():
    without = "for name in ('torch', 'sympy', 'matplotlib'): sys.modules[name] = None"
    program = f"import sys\n{without}\nfrom retroprop import cli; cli.main()"
    done = processes.run(**processes.python("-c", program, "lab", "list"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "ift6135-devoir1" in done.stdout
