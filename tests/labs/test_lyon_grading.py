"""Lab B's grading: its bank of mistakes is sound, and every variant is graded as it should be."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from tests.labs.graded import (
    checks_of,
    findings_of,
    in_groups,
    inputs_of,
    judged,
    lost,
    remembering,
    sheet_of,
    with_several_sentences,
)

from retroprop.grading.checks import Check, explanations
from retroprop.grading.comparison import close
from retroprop.grading.variants import Wrong, submission_of
from retroprop.labs.catalog import find_variants
from retroprop.labs.lyon_tp.grading import GRADING
from retroprop.labs.lyon_tp.grading.reference import (
    changed,
    drawn,
    steps_by_autograd,
    steps_by_hand,
)
from retroprop.labs.lyon_tp.shallow import ShallowNetwork

VARIANTS = find_variants("lyon-tp")
CHECKS = checks_of(GRADING)
graded = partial(sheet_of, GRADING)


# --- the bank of mistakes -------------------------------------------------------------------------


def simulated(check: Check, values: Mapping[str, Any], switches: Mapping[str, Any]) -> Any:
    """What the probe of a check would bring from a submission with some mistakes."""
    given = check.reference(values, None, **switches)
    if check.measure is not changed:
        return given
    return [w + change for w, change in zip(values["weights"], given, strict=True)]


@pytest.mark.parametrize(("question", "check"), CHECKS)
def test_the_reference_is_right_and_each_mistake_is_named_as_itself(question, check):
    for seed in range(2):
        values, known = inputs_of(check, seed), remembering(check)
        assert judged(known, values, simulated(known, values, {})).passed
        for mistake in check.mistakes:
            finding = judged(known, values, simulated(known, values, mistake.switches))
            assert (finding.passed, finding.mistakes) == (False, (mistake.name,)), seed


_NOTHING = "y (1 − y) is 0 where y is 0 or 1: no step changes anything"
TOGETHER = {
    ("threshold before the error", "σ′ at the linear outputs"): _NOTHING,
    ("winner before the error", "σ′ at the linear outputs"): _NOTHING,
    ("threshold before the error", "σ′ at the wrong layer"): _NOTHING,
    ("winner before the error", "σ′ at the wrong layer"): _NOTHING,
    ("σ′ at the linear outputs", "σ′ missing"): "it stands at the outputs, and only there",
}
"""Two mistakes that together give what is right, or what another mistake gives, and why."""


@pytest.mark.parametrize(("question", "check"), [pair for pair in CHECKS if not pair[1].public])
def test_two_mistakes_give_neither_what_is_right_nor_what_a_third_gives(question, check):
    values = inputs_of(check, 1)
    alone = [((), check.reference(values, None))]
    alone += [((one,), check.reference(values, None, **one.switches)) for one in check.mistakes]
    for pair in explanations(check):
        if len(pair) == 1 or names(pair) in TOGETHER:
            continue
        given = check.reference(values, None, **pair[0].switches, **pair[1].switches)
        same = [names(mistakes) for mistakes, one in alone if close(given, one, check.tolerance)]
        hidden = any(set(one) & set(names(pair)) for one in same)
        assert hidden or not same, (names(pair), same)


def names(mistakes: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(mistake.name for mistake in mistakes)


def test_a_mistake_has_one_sentence_wherever_the_lab_meets_it():
    assert with_several_sentences(GRADING) == set()


def test_shares_add_up_and_every_question_has_a_public_check():
    assert sum(question.points for question in GRADING.questions) == 20
    for question in GRADING.questions:
        assert sum(check.share for check in question.checks) == pytest.approx(1)
        assert any(check.public for check in question.checks)


def test_every_mistake_is_planted_as_code():
    known = {mistake.name for _, check in CHECKS for mistake in check.mistakes}
    assert known == {wrong.mistake for wrong in VARIANTS.wrong}


def test_the_steps_of_the_references_are_those_of_the_lab_and_of_each_other():
    values = drawn(torch.Generator().manual_seed(3), [12], 4)
    network = ShallowNetwork(*values["weights"])
    for x, t in zip(values["x"].split(1), values["t"].split(1), strict=True):
        network.modify(x, t, values["eta"])
    by_lab = changed(values, [network.w1, network.w2])
    assert close(by_lab, steps_by_hand(values, None), 2e-3)
    assert close(steps_by_autograd(values, None), steps_by_hand(values, None), 2e-3)


# --- submissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [b"one", b"another"])
def test_the_right_submission_gets_every_point(server, secret):
    sheet = graded(server, VARIANTS.right, secret=secret)
    assert lost(sheet) == {}
    assert sheet.score == pytest.approx(20)
    assert sheet.evidence == []


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda unusual: unusual.name)
def test_a_right_submission_that_is_written_otherwise_gets_every_point(server, unusual):
    assert lost(graded(server, unusual.files)) == {}


def test_there_are_ten_unusual_submissions():
    assert len(VARIANTS.unusual) >= 10


def test_the_template_gets_nothing(server):
    sheet = graded(server, GRADING.template)
    assert sheet.score == 0
    assert set(lost(sheet)) == {question.number for question in GRADING.questions}


def apart(one: Wrong, other: Wrong) -> bool:
    """One mistake of each network, and of each name, at once."""
    return one.mistake == other.mistake or one.question[0] == other.question[0]


@pytest.mark.parametrize(
    "group",
    in_groups(VARIANTS.wrong, apart),
    ids=lambda group: ", ".join(one.mistake for one in group),
)
def test_planted_mistakes_are_named_and_charged_in_their_questions_alone(server, group):
    bodies = {key: body for wrong in group for key, body in wrong.bodies.items()}
    sheet = graded(server, submission_of(GRADING, {**VARIANTS.right_bodies, **bodies}, "planted"))
    assert lost(sheet) == {wrong.question: {wrong.mistake} for wrong in group}


# --- what builds on an earlier answer -------------------------------------------------------------


def built_on(bodies: Mapping[str, str]) -> dict[str, str]:
    return submission_of(GRADING, {**VARIANTS.right_bodies, **bodies}, "the test")


def test_errors_and_steps_are_right_given_ones_own_odd_outputs(server):
    own = {
        "perceptron.Perceptron.activity": "return (x @ self.w[:, :-1].T + self.w[:, -1]) ** 2",
        "perceptron.Perceptron.learn": """
            for k in range(len(x)):
                error = t[k] - self.activity(x[k : k + 1])[0]
                self.w += eta * torch.outer(error, torch.cat([x[k], torch.ones(1)]))
            """,
        "shallow.ShallowNetwork.activity": "return (x @ self.w1[:, 1:].T).cos() @ self.w2[:, 1:].T",
        "shallow.ShallowNetwork.deltas": """
            hidden = torch.sigmoid(x @ self.w1[:, :-1].T + self.w1[:, -1])
            delta2 = t - self.activity(x)
            return hidden * (1 - hidden) * (delta2 @ self.w2[:, :-1]), delta2
            """,
    }
    assert set(lost(graded(server, built_on(own)))) == {"1.1", "2.1"}


def test_a_sign_charged_with_the_errors_is_not_charged_with_the_steps(server):
    own = {
        "shallow.ShallowNetwork.deltas": """
            hidden = torch.sigmoid(x @ self.w1[:, :-1].T + self.w1[:, -1])
            delta2 = hidden @ self.w2[:, :-1].T + self.w2[:, -1] - t
            return hidden * (1 - hidden) * (delta2 @ self.w2[:, :-1]), delta2
            """,
    }
    sheet = graded(server, built_on(own))
    assert lost(sheet) == {"2.2": {"sign of the error"}}
    steps = findings_of(sheet, "2.3")
    assert steps[0].sentence.startswith("counted in question 2.2 already")


def test_automatic_differentiation_in_what_is_by_hand_is_evidence_and_costs_nothing(server):
    own = {
        "shallow.ShallowNetwork.learn": """
            for k in range(len(x)):
                leaves = [w.detach().requires_grad_() for w in (self.w1, self.w2)]
                y = torch.sigmoid(x[k] @ leaves[0][:, :-1].T + leaves[0][:, -1])
                y = y @ leaves[1][:, :-1].T + leaves[1][:, -1]
                (0.5 * (t[k] - y).square().sum()).backward()
                self.w1, self.w2 = [(w - eta * w.grad).detach() for w in leaves]
            """,
    }
    sheet = graded(server, built_on(own))
    assert lost(sheet) == {}
    assert {one.file for one in sheet.evidence} == {"shallow"}
