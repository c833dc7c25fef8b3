"""Lab E's grading: its bank of mistakes is sound, and every variant is graded as it should be."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from tests.labs.graded import (
    checks_of,
    findings_of,
    in_groups,
    inputs_of,
    judged,
    lost,
    sheet_of,
    with_several_sentences,
)

from retroprop.grading.checks import Check
from retroprop.grading.sessions import ForkServer
from retroprop.grading.variants import Wrong, submission_of
from retroprop.labs.catalog import find_variants
from retroprop.labs.ift3395_theorie.grading import GRADING
from retroprop.labs.ift3395_theorie.grading.convolutions import SIZES, all_layers, right_outcome

VARIANTS = find_variants("ift3395-theorie")
CHECKS = checks_of(GRADING)
graded = partial(sheet_of, GRADING)


# --- the bank of mistakes -------------------------------------------------------------------------


def simulated(check: Check, values: Mapping[str, Any], switches: Mapping[str, Any]) -> Any:
    """What the probe of a check would bring from a submission with a mistake."""
    if check.reference is not right_outcome:
        return check.reference(values, None, **switches)
    if not switches:
        return sorted(all_layers(values["fixed"]))
    fixed, size = values["fixed"], SIZES[switches["formula"]]
    strides = [fixed["s"]] if "s" in fixed else range(1, 12)
    layers = [(k, s, fixed["p"], fixed["d"]) for k in range(1, 33) for s in strides]
    return [layer for layer in layers if size(*layer) == 4]


SAME_VALUES = {
    ("2n-o", "tanh in the hidden layer"): "1 − hs²",
    ("2n-o", "ReLU in the hidden layer"): "σ′ missing in the hidden layer",
}
"""What whoever took another function derives rightly: named so once it was charged."""


@pytest.mark.parametrize(("question", "check"), CHECKS)
def test_the_reference_is_right_and_each_mistake_is_named_as_itself(question, check):
    for seed in range(3):
        values = inputs_of(check, seed)
        assert judged(check, values, simulated(check, values, {})).passed
        for mistake in check.mistakes:
            finding = judged(check, values, simulated(check, values, mistake.switches))
            name = SAME_VALUES.get((question.number, mistake.name), mistake.name)
            assert (finding.passed, finding.mistakes) == (False, (name,)), seed


def test_a_mistake_has_one_sentence_wherever_the_lab_meets_it():
    assert with_several_sentences(GRADING) == set()


def test_points_are_those_of_the_document_and_shares_add_up():
    points = {question.number: question.points for question in GRADING.questions}
    assert sum(points[number] for number in points if number[0] == "1") == 9  # 6 are for proofs
    assert [points[number] for number in ("3a", "3b", "3c", "3d", "3e")] == [3, 2, 2, 2, 2]
    for question in GRADING.questions:
        assert sum(check.share for check in question.checks) == pytest.approx(1)


def test_every_mistake_is_planted_as_code():
    known = {(question.number, one.name) for question, check in CHECKS for one in check.mistakes}
    assert known - SAME_VALUES.keys() == {(one.question, one.mistake) for one in VARIANTS.wrong}


# --- submissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [b"one", b"another"])
def test_the_right_submission_gets_every_point(server, secret):
    sheet = graded(server, VARIANTS.right, secret=secret)
    assert lost(sheet) == {}
    assert sheet.score == sum(question.points for question in GRADING.questions)
    assert sheet.evidence == []


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda unusual: unusual.name)
def test_a_right_submission_that_is_written_otherwise_gets_every_point(server, unusual):
    assert lost(graded(server, unusual.files)) == {}


def test_there_are_ten_unusual_submissions():
    assert len(VARIANTS.unusual) >= 10


def test_the_template_gets_nothing(server):
    assert graded(server, GRADING.template).score == 0


def apart(one: Wrong, other: Wrong) -> bool:
    """One mistake of each function, and of each name, at once."""
    return bool(
        one.mistake == other.mistake
        or one.question == other.question
        or one.bodies.keys() & other.bodies.keys()
    )


@pytest.mark.parametrize(
    "group", in_groups(VARIANTS.wrong, apart), ids=lambda group: f"{len(group)} mistakes"
)
def test_planted_mistakes_are_named_in_their_questions_alone(server, group):
    bodies = {key: body for wrong in group for key, body in wrong.bodies.items()}
    sheet = graded(server, submission_of(GRADING, {**VARIANTS.right_bodies, **bodies}, "planted"))
    assert lost(sheet) == {wrong.question: {wrong.mistake} for wrong in group}


# --- layers ---------------------------------------------------------------------------------------


def layers_found(server: ForkServer, answer: str) -> Any:
    bodies = {**VARIANTS.right_bodies, "layers_without_padding": f"return {answer}"}
    sheet = graded(server, submission_of(GRADING, bodies, "the test"))
    (finding,) = findings_of(sheet, "3c")
    return finding


def test_one_layer_is_enough_and_that_there_are_others_is_remarked(server):
    finding = layers_found(server, "[(8, 8, 0, 1)]")
    assert (finding.passed, finding.remarks) == (True, ("not all layers",))
    assert layers_found(server, VARIANTS.right_bodies["layers_without_padding"][7:]).remarks == ()


@pytest.mark.parametrize(
    "answer", ["[]", "[(8, 8)]", "[(8, 8, 0, 1), (9, 8, 0, 1)]", "'(8, 8, 0, 1)'", "[(8, 0, 0, 1)]"]
)
def test_what_is_no_layer_or_does_not_fit_is_not_right(server, answer):
    assert not layers_found(server, answer).passed
