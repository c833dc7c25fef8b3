"""The theory sheet as an assignment: every question, its proofs, and verdicts that can turn."""

import ast
import contextlib
import dataclasses
import io

import pytest

from retroprop.labs.ift3395_theorie import questions
from retroprop.labs.ift3395_theorie.questions import LAB, answer, examined, summary
from retroprop.labs.ift3395_theorie.sheet import SHEET, find_question
from retroprop.mathematics.notation import parse
from retroprop.mathematics.prose import spans
from retroprop.report.lab_content import compose_lab
from retroprop.report.lab_report import LabReport

PART_1 = [f"1{letter}" for letter in "abcdefghijkl"]
PART_2 = [f"2{letter}" for letter in "abcdefghijklmno"]
PART_3 = [f"3{letter}" for letter in "abcde"]


def report(language="en"):
    return LabReport(LAB, None, language)


def told(name, language="en"):
    """The sentences of an answer."""
    blocks = answer(name, report(language))
    return [f"{getattr(b, 'title', '')} {b.text}" for b in blocks if b.kind == "prose"]


def broken(name):
    """A question whose statements are its false variants, examined."""
    sheet = find_question(name)
    told = dataclasses.replace(
        sheet,
        proofs=tuple(dataclasses.replace(one, sides=one.wrong) for one in sheet.proofs),
        checks=tuple(dataclasses.replace(one, claimed=one.wrong) for one in sheet.checks),
    )
    return questions.examine(told)


def test_every_question_of_the_sheet_is_there_with_its_points():
    assert [question.name for question in LAB.questions] == [*PART_1, *PART_2, *PART_3, "2p"]
    points = [sum(one.points or 0 for one in part.questions if not one.bonus) for part in LAB.parts]
    bonus = [sum(one.points or 0 for one in part.questions if one.bonus) for part in LAB.parts]
    assert points == [15, 28, 5, 0]
    assert bonus == [0, 4, 6, 0]
    assert LAB.studies == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_document_holds_all_that_the_sheet_says(language):
    document = compose_lab(report(language))
    asked = {one.name: one for one in document.sections if one.asked}
    assert len(asked) == len(SHEET)
    for sheet in SHEET:
        blocks = asked[f"q-{sheet.name}"].blocks
        kinds = [block.kind for block in blocks]
        assert kinds.count("picture") == bool(sheet.figure)
        formulas = [block.source for block in blocks if block.kind == "equation"]
        steps = [step.formula for step in sheet.steps if step.formula]
        assert len(formulas) == len(steps) + (steps[-1:] != [sheet.answer]), sheet.name
        code = "\n".join(block.text for block in blocks if block.kind == "code")
        assert all(line.text in code for line in sheet.code)
        for text in (
            asked[f"q-{sheet.name}"].asked,
            *(b.text for b in blocks if b.kind == "prose"),
        ):
            for span in spans(text):
                if span.kind == "math":
                    parse(span.text)
    assert document.summary[0].startswith(("All 32", "Les 32"))
    assert asked["q-2p"].points in ("beyond the assignment", "hors de l’énoncé")


def test_words_inside_formulas_are_french():
    (proof,) = (text for text in told("3a", "fr") if text.startswith("Faux"))
    assert '"(sans la marge)"' in proof


def test_the_answer_stands_by_itself_once():
    blocks = list(answer("3a", report()))
    at = next(i for i, block in enumerate(blocks) if getattr(block, "text", "") == "*Answer*:")
    assert blocks[at + 1].source == find_question("3a").answer
    assert [getattr(block, "source", "") for block in blocks].count(blocks[at + 1].source) == 1


def test_a_statement_that_is_false_is_marked(monkeypatch):
    assert any(text.startswith("Proved (SymPy) ") for text in told("1c"))
    assert any(text.startswith("Checked ") for text in told("1c"))
    result = broken("1c")
    monkeypatch.setattr(questions, "examined", lambda name: result)
    sentences = told("1c")
    assert any(text.startswith("NOT PROVED (SymPy) ") for text in sentences)
    assert any(text.startswith("NOT EQUAL ") for text in sentences)
    assert not any(text.startswith(("Proved", "Checked")) for text in sentences)


def test_a_false_variant_that_passes_is_marked(monkeypatch):
    (proof,) = examined("1c").proofs
    passed = dataclasses.replace(
        examined("1c"), proofs=(dataclasses.replace(proof, false_variant="proved"),)
    )
    monkeypatch.setattr(questions, "examined", lambda name: passed)
    assert any(text.startswith("FALSE, NOT REFUTED ") for text in told("1c"))


def test_the_summary_counts_and_says_what_fails(monkeypatch):
    counted, verdict = summary(report())
    proofs = sum(len(one.proofs) for one in SHEET)
    checks = sum(len(one.checks) for one in SHEET)
    assert f"prove {proofs} statements, and {checks} were compared" in counted
    assert f"all {proofs + checks} false variants were refuted" in verdict
    result = broken("1c")
    monkeypatch.setattr(
        questions, "examined", lambda name: result if name == "1c" else examined(name)
    )
    assert list(summary(report()))[1] == "This did not succeed everywhere: see 1c."


def test_each_question_is_examined_once_for_all_documents():
    assert examined("2i") is examined("2i")


def test_the_cells_run():
    names = {}
    exec(LAB.imports, names)
    names["examine"] = lambda sheet: examined(sheet.name)  # what it says is known by now
    expected = {"3a": "15488", "3b": "65536", "3c": "kernel=8, stride=8"}
    for question in LAB.questions:
        *statements, last = ast.parse(question.code).body
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            exec(compile(ast.Module(statements, []), question.name, "exec"), names)
        assert ast.unparse(last) == f"lab.answer('{question.name}')"
        assert "proved: " in written.getvalue()
        assert expected.get(question.name, "") in written.getvalue()
