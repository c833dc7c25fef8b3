"""`retroprop theory` as a person meets it: the list, one derivation, the PDF, refusals."""

import dataclasses
import inspect
import io
import re

import pypdf
import pytest
from tests import processes

from retroprop.cli.help_texts import PROOF
from retroprop.cli.theory import theory
from retroprop.labs.ift3395_theorie import sheet


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def few(monkeypatch):
    """A sheet of four questions."""
    names = ("1c", "2f", "2k", "3e")
    chosen = tuple(question for question in sheet.SHEET if question.name in names)
    monkeypatch.setattr(sheet, "SHEET", chosen)
    return names


@pytest.fixture
def broken(monkeypatch):
    """A sheet whose only question states its false variants."""
    (question,) = (one for one in sheet.SHEET if one.name == "1c")
    (proof,), (check,) = question.proofs, question.checks
    told = dataclasses.replace(
        question,
        proofs=(dataclasses.replace(proof, sides=proof.wrong),),
        checks=(dataclasses.replace(check, claimed=check.wrong),),
    )
    monkeypatch.setattr(sheet, "SHEET", (told,))


# --- help -----------------------------------------------------------------------------------------


def test_help_explains_every_parameter_and_shows_examples(call):
    code, out, err = call("theory", "--help")
    assert (code, err) == (0, "")
    for name in inspect.signature(theory).parameters:
        assert re.search(rf"\n +{name}\n", theory.__doc__), name
    for option in ("--pdf", "--lang", "--author"):
        assert option in out
    for line in PROOF["theory"].partition("```\n")[2].partition("```")[0].splitlines():
        assert line in out
    assert theory.__doc__.splitlines()[0] == PROOF["theory"].splitlines()[0]


# --- the list -------------------------------------------------------------------------------------


def test_the_list_has_a_green_mark_and_an_error_for_each_question(call, few):
    code, out, err = call("theory")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    shown = [line.split()[1] for line in lines if line.startswith("  ✓")]
    assert shown == list(few)
    assert re.search(r"✓ 1c  The derivative of the sigmoid +\d\.\de-1\d\n", out)
    assert re.search(r"✓ 3e  From 32 to 4 pixels, stride 2 +0\n", out)
    assert "✓ 4 questions: 6 statements proved by SymPy, 4 comparisons" in out
    assert "10 false variants refuted" in " ".join(out.split())
    assert max(map(len, lines)) <= 80


def test_the_list_in_french(call, few):
    code, out, _ = call("theory", "--lang", "fr")
    assert code == 0
    assert "2. Calcul de gradients" in out
    assert re.search(r"✓ 1c  La dérivée de la sigmoïde +\d,\de-1\d\n", out)
    assert "variantes fausses" in " ".join(out.split())


def test_a_question_that_fails_has_a_red_mark_and_exit_code_1(call, broken):
    code, out, _ = call("theory")
    assert code == 1
    assert "  ✗ 1c" in out
    assert re.search(r"✗ 1c fail \(\d+ s\)\.", out)
    assert "✓" not in out


# --- one question ---------------------------------------------------------------------------------


def test_one_derivation_is_printed_step_by_step(call):
    code, out, err = call("theory", "2 (i)")
    assert (code, err) == (0, "")
    assert out.startswith("2 (i)  The gradient at the output activations  [3\u00a0points]\n")
    assert [int(one) for one in re.findall(r"^(\d)\. ", out, re.MULTILINE)] == [1, 2, 3, 4]
    assert "     ∂L     exp(oᵃₖ)\n    ──── = ─────────── = oˢₖ\n    ∂oᵃₖ" in out
    assert "╰─┬─╯   m × 1     m × 1" in out
    assert "✓ Proved (SymPy), for every number m of classes: ∂L/∂oᵃₖ = oˢₖ − 1[k = y]" in out
    assert "✓ False, refuted: ∂L/∂oᵃₖ = 1[k = y] − oˢₖ" in out
    assert re.search(r"byhand/losses\.py:\d+, softmax_cross_entropy_gradient", out)
    assert "    return softmax(z).sub_(targets)" in out
    assert max(map(len, out.splitlines())) <= 80


def test_one_derivation_in_french_with_the_words_in_its_formulas(call):
    code, out, _ = call("theory", "1b", "--lang", "fr")
    assert code == 0
    assert "⎰ x si x > 0" in out
    assert "Prouvé (SymPy), pour tout x > 0 et tout x < 0\u00a0:" in out


def test_a_derivation_that_fails_says_so(call, broken):
    code, out, _ = call("theory", "1c")
    assert code == 1
    assert "✗ NOT PROVED" in out
    assert "✗ NOT EQUAL" in out


# --- the PDF --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_sheet_as_pdf_has_contents_pages_and_both_kinds_of_evidence(
    call, few, tmp_path, language
):
    file = tmp_path / "sheet.pdf"
    options = ("--lang", language, "--author", "Ada Lovelace")
    code, out, err = call("theory", "--pdf", str(file), *options)
    assert (code, err) == (0, "")
    assert out == f"wrote {file}\n"
    pdf = pypdf.PdfReader(io.BytesIO(file.read_bytes()))
    pages = [page.extract_text() for page in pdf.pages]
    first, text = pages[0], " ".join(pages)
    assert len(pages) >= 4
    assert "Ada Lovelace" in first
    assert ("Contents" if language == "en" else "Sommaire") in first
    assert f"1 / {len(pages)}" in first
    for name in few:
        assert f"{name[0]} ({name[1]})" in first
        assert f"{name[0]} ({name[1]})" in " ".join(pages[1:])
    for word in {"en": ("Proved", "Checked"), "fr": ("Prouvé", "Vérifié")}[language]:
        assert text.count(word) >= 4
    assert "byhand/linear.py:" in text
    assert ("erreur quadratique" in text) == (language == "fr")
    assert pdf.metadata.author == "Ada Lovelace"
    assert pdf.trailer["/Root"]["/Lang"] == language


def test_the_same_sheet_is_the_same_file(call, few, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        call("theory", "--pdf", str(tmp_path / name))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_the_pdf_has_a_name_when_none_is_given_and_may_hold_one_question(call, few):
    assert call("theory", "--pdf")[1] == "wrote theory-en.pdf\n"
    assert call("theory", "2k", "--pdf", "--lang", "fr")[1] == "wrote theory-2k-fr.pdf\n"
    text = " ".join(page.extract_text() for page in pypdf.PdfReader("theory-2k-fr.pdf").pages)
    assert "2 (k)" in text
    assert "1 (c)" not in text


def test_a_pdf_of_what_fails_is_written_and_ends_with_exit_code_1(call, broken):
    code, out, _ = call("theory", "--pdf")
    assert code == 1
    assert out.startswith("wrote theory-en.pdf\n")
    text = " ".join(page.extract_text() for page in pypdf.PdfReader("theory-en.pdf").pages)
    assert "NOT PROVED" in text


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2z"], "the sheet has no question '2z'. Question 2 goes from 2a to 2p; try 2i."),
        (["softmax"], "the sheet has no question 'softmax'. It has 1a to 1l, 2a to 2p, 3a to 3e."),
        (["2z", "--pdf"], "the sheet has no question '2z'. Question 2 goes from 2a to 2p; try 2i."),
        (["2i", "--author", "Ada"], "--author goes on the PDF; add --pdf."),
        (["sheet.doc", "--pdf"], "--pdf writes a file whose name ends in .pdf, and got"),
        (
            ["no/folder/sheet.pdf", "--pdf"],
            "there is no folder no/folder; make it, or name another",
        ),
        (["2i", "--lang", "de"], "Invalid value"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(refused, arguments, said):
    assert said in refused("theory", *arguments)


def test_a_file_that_cannot_be_written_is_said(call, few, tmp_path):
    folder = tmp_path / "sheet.pdf"
    folder.mkdir()
    code, _, err = call("theory", "--pdf", str(folder))
    assert code == 2
    assert err.strip() == f"retroprop: cannot write {folder}: Is a directory; name another file."


# --- light commands stay light --------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["theory", "--help"], ["studies"]], ids=" ".join)
def test_nothing_else_imports_sympy(arguments):
    command = ("-X", "importtime", "-m", "retroprop", *arguments)
    done = processes.run(**processes.python(*command, PYTHONIOENCODING="utf-8"), check=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "retroprop" in modules
    assert modules.isdisjoint({"sympy", "mpmath", "retroprop.labs.ift3395_theorie"})
