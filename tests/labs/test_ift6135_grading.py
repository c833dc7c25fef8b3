"""The grading of IFT6135, devoir 1: every mistake is told from every other, and named as code."""

import itertools
from collections.abc import Collection, Mapping
from functools import partial

import pytest
from tests.labs.graded import (
    checks_of,
    inputs_of,
    judged,
    lost,
    named,
    results_of,
    sheet_of,
)

from retroprop.grading.checks import Check, Values, explanations
from retroprop.grading.comparison import close
from retroprop.grading.variants import with_bodies
from retroprop.labs.catalog import find_variants
from retroprop.labs.ift6135_devoir1.grading import GRADING
from retroprop.labs.ift6135_devoir1.grading.probes import drawn

VARIANTS = find_variants("ift6135-devoir1")
CHECKS = checks_of(GRADING)
graded = partial(sheet_of, GRADING)


# --- the bank -------------------------------------------------------------------------------------


def answer_with(check: Check, values: Values, switches: Mapping, seed: int):
    """What a submission with these mistakes answers, its own weights being random."""
    student = [0.0, 18.4] if check.probe == "losses_of_rows" else None  # 10⁻⁸ was added
    answer = check.reference(values, student, **switches)
    if isinstance(answer, dict) and "weights" in answer:
        own = {n: drawn(n, tuple(w.shape), seed) for n, w in answer["weights"].items()}
        answer = check.reference(values, {"weights": own}, **switches)
    return answer


SEEDS = [
    pytest.param(
        check,
        seed,
        id=f"{question.number} {check.name} {seed}",
        marks=pytest.mark.slow if seed and "2" < question.number < "4" else (),
    )
    for question, check in CHECKS
    for seed in (0, 1)
]
ALIKE = {  # where there are as many patches as channels
    frozenset({"reshaped instead of transposed", "channels before patches"}),
}


@pytest.mark.parametrize(("check", "seed"), SEEDS)
def test_every_mistake_is_told_from_the_right_answer_and_from_the_others(check, seed):
    """Their answers are compared for equal weights, so that none explains another's."""
    values = inputs_of(check, seed)
    answers = {"right": answer_with(check, values, {}, seed)}
    for mistake in check.mistakes:
        answers[mistake.name] = answer_with(check, values, mistake.switches, seed)
    alike = {
        frozenset({one, other})
        for one, other in itertools.combinations(answers, 2)
        if are_alike(answers[one], answers[other], check.tolerance)
    }
    assert alike <= (ALIKE if "as many patches" in check.name else set())
    for switches in check.also_right:
        answer = answer_with(check, values, switches, seed)
        assert judged(check, values, answer).passed


def are_alike(one, other, tolerance: float) -> bool:
    """Whether an answer may be taken for the other; a network's output is the first to differ."""
    if isinstance(one, dict) and "y" in one and not close(one["y"], other["y"], tolerance):
        return False
    return close(one, other, tolerance) or close(other, one, tolerance)


PAIRED = [
    pytest.param(check, id=f"{question.number} {check.name}")
    for question, check in CHECKS
    if question.number in ("1.1", "1.3", "3.1", "4.1") or check.public
]


@pytest.mark.parametrize("check", PAIRED)
def test_no_two_mistakes_at_once_give_the_right_answer(check):
    values = inputs_of(check, 0)
    for mistakes in (one for one in explanations(check) if len(one) == 2):
        switches = {name: value for one in mistakes for name, value in one.switches.items()}
        answer = answer_with(check, values, switches, 0)
        assert not close(answer, check.reference(values, answer), check.tolerance), mistakes


def test_a_mistake_is_the_same_wherever_it_is_met_and_shares_add_up():
    names: dict[str, set[str]] = {}
    for question, check in CHECKS:
        assert sum(one.share for one in question.checks) == pytest.approx(1)
        for mistake in check.mistakes:
            names.setdefault(mistake.name, set()).add(repr(sorted(mistake.switches)))
    assert len(names) >= 90
    pooled = {"max pooling instead of the mean", "sum instead of the mean"}  # of two networks
    assert {name for name, switches in names.items() if len(switches) > 1} <= pooled
    assert sum(question.points for question in GRADING.questions) == 5 + 15 + 20 + 5


# --- submissions ----------------------------------------------------------------------------------


def questions_of(sources: Mapping[str, str], but: Collection[str] = ()) -> list[str]:
    """The questions about the files that differ from the right ones."""
    of_file = {
        "mlp": ("1.1", "1.2", "1.3"),
        "resnet18": ("2.1", "2.2", "4.5"),
        "mlpmixer": ("3.1", "3.2", "3.3", "4.6"),
        "utils": ("4.1",),
    }
    changed = [file for file in GRADING.files if sources[file] != VARIANTS.right[file]]
    return [number for file in changed for number in of_file[file] if number not in but]


def test_the_right_submission_has_full_points_and_the_template_none(server):
    assert lost(graded(server, VARIANTS.right)) == {}
    sheet = graded(server, GRADING.template)
    assert not any(check.finding.passed for one in sheet.questions for check in one.checks)


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda one: one.name)
def test_a_right_submission_has_full_points_however_it_is_written(server, unusual):
    assert lost(graded(server, unusual.files, questions_of(unusual.files))) == {}


FAST = {"max pooling instead of the mean", "stride of layer1", "relu on the logits"}
PLANTED = [
    pytest.param(
        one,
        but,
        id=f"{one.mistake}{', ' + marks[0].name if marks else ''}",
        marks=marks,
    )
    for one in VARIANTS.wrong
    for but, marks in {
        "2.1": [(("2.2",), ()), ((), (pytest.mark.slow,))],  # two seconds of ResNet-18
        "2.2": [((), () if one.mistake in FAST else (pytest.mark.slow,))],
    }.get(one.question, [((), ())])
]


@pytest.mark.parametrize(("wrong", "but"), PLANTED)
def test_a_planted_mistake_is_named_and_charged_once(server, wrong, but):
    others = {*but, *({"4.5", "4.6"} - {wrong.question})}
    sheet = graded(server, wrong.files, questions_of(wrong.files, others))
    assert named(sheet) == {wrong.question: {wrong.mistake}}, lost(sheet)


def test_a_mistake_beside_one_that_was_charged_is_named(server):
    wrong = {
        "MixerBlock.forward": (
            "x = x + self.mlp_tokens(self.norm1(x).mT).mT\n"
            "return x + self.mlp_channels(self.norm1(x))"
        ),
        "MLPMixer.forward": "return self.head(self.blocks(self.patchemb(images)).mean(1))",
    }
    source = with_bodies(VARIANTS.right["mlpmixer"], wrong)
    sheet = graded(server, {**VARIANTS.right, "mlpmixer": source}, ["3.2", "3.3"])
    (result,) = [
        one for one in results_of(sheet, "3.3") if one.check.name == "values and gradients"
    ]
    assert result.finding.mistakes == ("norm1 twice", "final norm missing")
    assert not result.finding.passed
