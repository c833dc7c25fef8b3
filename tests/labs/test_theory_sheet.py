"""The theory sheet: every answer proved and checked, every false variant refused."""

import dataclasses
import re

import pytest
import sympy as sp
import torch

from retroprop.byhand.mlp import initial_parameters
from retroprop.errors import UserError
from retroprop.labs.ift3395_theorie import network
from retroprop.labs.ift3395_theorie.answers_convolutions import solutions
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.figure import CAPTION, DESCRIPTION
from retroprop.labs.ift3395_theorie.numerical_check import (
    ProofResult,
    by_differences,
    examine,
    relative_error,
    run_check,
)
from retroprop.labs.ift3395_theorie.proved_question import ANY_N, Proof
from retroprop.labs.ift3395_theorie.questions import CHECKED, PROVED, REFUTED
from retroprop.labs.ift3395_theorie.sheet import PARTS, SHEET, find_question
from retroprop.labs.ift3395_theorie.symbolic_proof import prove, prove_false_variant
from retroprop.languages import translator, untranslated
from retroprop.mathematics.drawing import draw, one_line
from retroprop.mathematics.prose import spans
from retroprop.mathematics.speaking import spoken
from retroprop.report.formula_words import formula_in

EVERY = pytest.mark.parametrize("question", SHEET, ids=lambda question: question.name)


def proof_of(*pairs, indices=None):
    """A proof of these pairs, for the prover's own tests."""
    return Proof(
        claim="x = x",
        scope=ANY_N,
        sides=lambda: list(pairs),
        false="x = y",
        wrong=lambda: [(sp.S(0), sp.S(1))],
        indices=indices or {},
    )


# --- the sheet ------------------------------------------------------------------------------------


def test_the_sheet_has_every_question_and_its_points():
    names = [question.name for question in SHEET if not question.beyond]
    letters = {1: "abcdefghijkl", 2: "abcdefghijklmno", 3: "abcde"}
    assert names == [f"{part}{letter}" for part in letters for letter in letters[part]]
    for part, (points, bonus) in {1: (15, 0), 2: (28, 4), 3: (5, 6)}.items():
        of_part = [question for question in SHEET if question.part == part]
        assert sum(question.points for question in of_part if not question.bonus) == points
        assert sum(question.points for question in of_part if question.bonus) == bonus
    assert [question.name for question in SHEET if question.beyond] == ["2p"]


@EVERY
def test_every_answer_is_proved_and_checked_and_its_false_variants_are_refused(question):
    assert question.proofs
    assert question.checks
    result = examine(question)
    for proof in result.proofs:
        assert proof.verdict == "proved", proof.proof.claim
        assert proof.false_variant == "refuted", proof.proof.false
    for check in result.checks:
        assert check.error <= check.check.tolerance, check.check.claim
        assert check.false_variant > 1e-3, check.check.claim
    assert result.passed


@EVERY
def test_a_question_whose_statement_is_its_false_variant_fails(question):
    for proof in question.proofs:
        told = dataclasses.replace(proof, sides=proof.wrong)
        verdict = prove(told)
        assert verdict == "refuted"
        refused = ProofResult(proof=told, verdict=verdict, false_variant="refuted")
        assert not refused.passed
    for check in question.checks:
        told = dataclasses.replace(check, claimed=check.wrong, rounds=1)
        assert not run_check(told, name=question.name).passed


@EVERY
def test_a_check_whose_false_variant_is_true_fails(question):
    for check in question.checks:
        lax = dataclasses.replace(check, wrong=check.claimed, rounds=1)
        assert not run_check(lax, name=question.name).passed


def test_a_proof_whose_false_variant_is_true_fails():
    (proof,) = find_question("1c").proofs
    lax = dataclasses.replace(proof, wrong=proof.sides)
    assert prove_false_variant(lax) == "proved"
    assert not ProofResult(proof=lax, verdict="proved", false_variant="proved").passed
    assert not ProofResult(proof=lax, verdict="proved", false_variant="open").passed


def test_the_checks_pass_on_other_random_inputs():
    for question in SHEET:
        for check in question.checks:
            assert run_check(check, name=question.name, seed=7).passed, question.name


# --- the prover -----------------------------------------------------------------------------------

n, i, j, k = (sp.Symbol(name, integer=True, positive=True) for name in "nijk")
x = sp.IndexedBase("x", real=True)
TOTAL = sp.Sum(sp.exp(x[k]), (k, 1, n))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TOTAL, n * sp.exp(x[1])),  # exponentials under a sum depend on its index
        (sp.exp(x[i]), sp.exp(x[j])),
        (sp.Sum(x[k], (k, 1, n)), sp.Sum(x[k], (k, 1, n - 1))),
        (sp.KroneckerDelta(i, j), sp.S(0)),
        (sp.Sum(x[k], (k, 1, n)) ** 2, sp.Sum(x[k] ** 2, (k, 1, n))),
        (sp.exp(sp.Symbol("t", real=True)), sp.S(1)),
    ],
)
def test_what_is_not_equal_is_refuted(left, right):
    assert prove(proof_of((left, right), indices={"i": "n", "j": "n"})) == "refuted"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sp.diff(TOTAL, x[i]), sp.exp(x[i])),
        (sp.Sum(sp.exp(x[k]) / TOTAL, (k, 1, n)), sp.S(1)),
        (sp.Sum(3 * x[k], (k, 1, n)), 3 * sp.Sum(x[j], (j, 1, n))),
        (sp.exp(x[i] + x[j]), sp.exp(x[i]) * sp.exp(x[j])),
    ],
)
def test_what_is_equal_is_proved(left, right):
    assert prove(proof_of((left, right), indices={"i": "n", "j": "n"})) == "proved"


def test_what_sympy_cannot_decide_stays_open_and_does_not_count():
    t = sp.Symbol("t", positive=True)
    unequal = proof_of((sp.exp(-t) / 10**30, sp.S(0)))  # nearly 0 for every number that is tried
    assert prove(unequal) == "open"
    assert not ProofResult(proof=unequal, verdict="open", false_variant="refuted").passed


def test_an_index_outside_its_dimension_is_not_taken_for_granted():
    assert prove(proof_of((sp.diff(TOTAL, x[i]), sp.exp(x[i])))) != "proved"


def test_a_proof_of_nothing_is_no_proof():
    with pytest.raises(AssertionError, match="nothing"):
        prove(proof_of())


def test_one_wrong_pair_among_right_ones_is_found():
    right = (sp.exp(x[i] + x[j]), sp.exp(x[i]) * sp.exp(x[j]))
    assert prove(proof_of(right, (x[i], 2 * x[i]), right)) == "refuted"


# --- the checks -----------------------------------------------------------------------------------


def test_a_wrong_shape_a_missing_tensor_and_nan_are_infinitely_wrong():
    one = torch.ones(2, 3, dtype=torch.float64)
    assert relative_error(one, one) == 0
    assert relative_error(one.mT, one) == float("inf")
    assert relative_error([one], [one, one]) == float("inf")
    assert relative_error(one * float("nan"), one) == float("inf")
    assert relative_error(one + 1e-9, one) == pytest.approx(1e-9, rel=1e-3)


def test_central_differences_are_of_fourth_order():
    t = torch.linspace(-2, 2, 9, dtype=torch.float64)
    assert (by_differences(torch.sin, t, 1e-3) - t.cos()).abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_all_gradients_of_the_network_agree_in_every_way_of_writing_them(seed):
    (net,) = network.draw_network(torch.Generator().manual_seed(seed))
    expected = network.autograd_gradients(net)
    shapes = {"W1": net.W1, "b1": net.b1, "W2": net.W2, "b2": net.b2, "x": net.x}
    for way in ("scalar", "matrix", "byhand", "mlp"):
        gradients = getattr(network, f"{way}_gradients")(net)
        assert gradients.keys() == (shapes.keys() if way == "mlp" else expected.keys())
        for name, gradient in gradients.items():
            assert gradient.shape == expected[name].shape
            assert torch.allclose(gradient, expected[name], rtol=1e-13, atol=1e-15), (way, name)
    for name, tensor in shapes.items():
        assert expected[name].shape == tensor.shape


def test_the_number_of_parameters_is_that_of_the_networks_that_studies_train():
    d, d_h, m = 784, 100, 10
    drawn = initial_parameters(d, [d_h], m, seeds=[0])
    assert sum(one.numel() for one in drawn.values()) == d_h * (d + m + 1) + m == 79510


def test_the_numbers_of_question_3_are_those_that_the_text_says():
    assert [len(solutions(0, 1)), len(solutions(2, 2))] == [43, 30]
    plain = [one.stride for one in solutions(0, 1)]
    assert [plain.count(s) for s in range(1, 12)] == [1, 2, 3, 4, 5, 6, 7, 8, 5, 2, 0]
    assert {(8, 8, 0, 1)} <= set(solutions(0, 1))
    assert {(5, 9, 2, 2), (3, 8, 2, 2)} <= set(solutions(2, 2))
    assert [one.kernel for one in solutions(1, 1, 2)] == [27, 28]


# --- the lines of code ----------------------------------------------------------------------------

LINES = sorted({line for question in SHEET for line in question.code}, key=str)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.path}:{line.function}")
def test_every_line_that_the_sheet_names_is_where_it_says(line):
    text = line.source().read_text(encoding="utf-8").splitlines()
    assert text[line.number() - 1].strip() == line.text


def test_every_gradient_of_the_network_is_tied_to_a_line_of_byhand():
    for question in SHEET:
        if question.name in ("2a", "2b", "2g", "2i", *(f"2{one}" for one in "jklmnop")):
            assert any(line.module.startswith("byhand.") for line in question.code), question.name


@pytest.mark.parametrize(
    "moved",
    [
        CodeLine("byhand.linear", "linear_weight_gradient", "return _product(dz, W.mT)"),
        CodeLine("byhand.linear", "Linear.back", "return _product(dz, W.mT)"),
        CodeLine("byhand.activations", "Sigmoid.backward_", "return dy.mul_(saved)"),
    ],
)
def test_a_line_that_was_changed_or_moved_breaks_the_link(moved):
    with pytest.raises(LookupError, match=r"byhand/\w+\.py"):
        moved.number()


# --- the words ------------------------------------------------------------------------------------


def texts(question):
    yield from (question.title, question.task)
    yield from (one for one in (question.hypotheses, question.remark) if one)
    yield from (step.why for step in question.steps)
    yield from (proof.scope for proof in question.proofs)
    for check in question.checks:
        yield from (check.claim, check.against)


def formulas(question):
    yield question.answer
    yield from (step.formula for step in question.steps if step.formula)
    for proof in question.proofs:
        yield from (proof.claim, proof.false)


@EVERY
def test_every_text_is_there_in_both_languages_with_the_same_formulas(question):
    for english in texts(question):
        french = translator("fr")(english)
        assert english
        assert french
        assert english not in untranslated
        inline = [
            sorted(re.sub(r"\W", "", one.text) for one in spans(text) if one.kind == "math")
            for text in (english, french)
        ]
        assert inline[0] == inline[1], english


@EVERY
def test_every_formula_is_drawn_within_a_terminal_and_said_in_both_languages(question):
    for language in ("en", "fr"):
        for source in formulas(question):
            source = formula_in(source, language)
            assert max(map(len, draw(source, 74))) <= 74, source
            assert one_line(source)
            said = spoken(source, language)
            assert not re.search(r"[_^{}σ∂∇ᵀΣ⊙≤≥⇔→∈]", said), said


def test_the_frame_has_both_languages():
    verdicts = (word for words in (PROVED, REFUTED, CHECKED) for word in words.values())
    for english in (*verdicts, CAPTION, DESCRIPTION, *PARTS.values()):
        assert isinstance(english, str)
        assert english
        assert translator("fr")(english) not in ("", english)


# --- finding a question ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2i", "2I", "2 (i)", "2.i", " 2i "])
def test_a_question_is_found_however_it_is_written(name):
    assert find_question(name).name == "2i"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2z", "Question 2 goes from 2a to 2p; try 2i."),
        ("3f", "Question 3 goes from 3a to 3e; try 3a."),
        ("k", "Did you mean '1k' or '2k'?"),
        ("softmax", "It has 1a to 1l, 2a to 2p, 3a to 3e."),
        ("", "It has 1a to 1l, 2a to 2p, 3a to 3e."),
    ],
)
def test_an_unknown_question_is_refused_with_a_suggestion(name, said):
    with pytest.raises(UserError) as refused:
        find_question(name)
    assert str(refused.value) == f"the sheet has no question {name!r}. {said}"
