"""Lab A's grading: its bank of mistakes is sound, and every variant is graded as it should be."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from tests.labs.graded import (
    checks_of,
    findings_of,
    inputs_of,
    judged,
    lost,
    named,
    sheet_of,
    with_several_sentences,
)
from torch import Tensor

from retroprop.grading.checks import Check, explanations
from retroprop.grading.comparison import close
from retroprop.grading.variants import submission_of, with_bodies
from retroprop.labs.catalog import find_variants
from retroprop.labs.ift3395_devoir3.grading import GRADING
from retroprop.labs.ift3395_devoir3.grading.architectures import Network
from retroprop.labs.ift3395_devoir3.grading.sets import normalized

VARIANTS = find_variants("ift3395-devoir3")
CHECKS = checks_of(GRADING)
graded = partial(sheet_of, GRADING)


# --- the bank of mistakes -------------------------------------------------------------------------


def simulated(check: Check, values: Mapping[str, Any], switches: Mapping[str, Any]) -> Any:
    """What the probe of a check would bring from a submission with some mistakes."""
    if check.probe == "network":
        weights = weights_for(values, switches)
        return check.reference(values, {"weights": weights}, **switches)
    if check.probe == "normalized":
        return whole_sets(values, switches)
    given = check.reference(values, None, **switches)
    return {
        "norm_of_derivatives": {"norm": given},
        "norm_of_gradients": {"norm": given},
        "loss_and_accuracy": {"loss": given, "accuracy": given},
        "evaluation": {"loss": given, "accuracy": given},
        "training_steps": {"norms": [given], "weights": given},
    }.get(check.probe, given)


def weights_for(values: Mapping[str, Any], switches: Mapping[str, Any]) -> list[Tensor | None]:
    """Weights of the shapes that a network with these mistakes has."""
    generator = torch.Generator().manual_seed(values["seed"])
    on_a_grid_of_two = torch.zeros(1, 4 * (values["n_channels"] or [1])[-1])
    kernels, matrices = Network(**switches)._weight_shapes(values, [on_a_grid_of_two] * 20)
    weights: list[Tensor | None] = []
    for shape in (*kernels, *matrices):
        inputs = torch.zeros(shape)[0].numel()
        weights.append(torch.randn(shape, generator=generator) * 1.5 / inputs**0.5)
        has_bias = switches.get("biases", True)
        weights.append(torch.randn(shape[0], generator=generator) * 0.75 if has_bias else None)
    return weights


def whole_sets(values: Mapping[str, Any], switches: Mapping[str, Any]) -> list[Any]:
    """Sets with their constant pixel, as a submission returns them."""
    found = normalized(values, None, **switches)
    for place, name in enumerate(("train", "valid", "test")):
        one = found[place]
        flat = one[0] if isinstance(one, list) else one  # (n, 11): the constant pixel is missing
        images = torch.cat([flat[:, :6], torch.zeros(len(flat), 1), flat[:, 6:]], 1)
        images = images.view_as(values[name])
        if switches.get("centre") == "zero" and switches.get("scale") == "one":
            images = values[name]
        found[place] = [images, one[1]] if isinstance(one, list) else images
    return found


def switches_of(mistakes: Any) -> dict[str, Any]:
    return {key: value for mistake in mistakes for key, value in mistake.switches.items()}


SAME_VALUES = {
    ("10", "sign of the loss"): "ascent",  # Adam climbs where the sign of the loss is wrong
}
"""Mistakes of a question that no value tells apart, and how they are named there."""


@pytest.mark.parametrize(("question", "check"), CHECKS)
def test_the_reference_is_right_and_each_mistake_is_named_as_itself(question, check):
    for seed in range(3):
        values = inputs_of(check, seed)
        right = simulated(check, values, {})
        assert judged(check, values, right).passed
        for mistake in check.mistakes:
            if mistake.switches.get("epsilon") == "other":
                continue  # it takes what the answer has
            finding = judged(check, values, simulated(check, values, mistake.switches))
            name = SAME_VALUES.get((question.number, mistake.name), mistake.name)
            assert (finding.passed, finding.mistakes) == (False, (name,)), (mistake.name, seed)


TOGETHER = {
    ("mean of norms over inputs", "gradient accumulated twice"): "half of two inputs' norms, twice",
    ("last output only", "rows accumulate"): "the last row then holds the sum of all rows",
    ("activation after the last layer", "no softmax"): "the activation is the sigmoid",
    (
        "no activation after convolutions",
        "activation after Flatten",
    ): "max-pooling commutes with it",
    ("not divided", "not centred"): "nothing is left of the normalization",
    ("sign of the loss", "ascent"): "the loss goes down all the same",
    ("loss summed over the batch", "batch means added"): "the sum over all examples",
    ("loss summed over the batch", "batch means over examples"): "the mean over all examples",
}
"""Two mistakes that together give what is right, or what another mistake gives, and why."""


@pytest.mark.parametrize(("question", "check"), CHECKS)
def test_two_mistakes_give_neither_what_is_right_nor_what_a_third_gives(question, check):
    values = inputs_of(check, 1)
    alone = [((), simulated(check, values, {}))]
    alone += [((one,), simulated(check, values, one.switches)) for one in nameable(check)]
    numbers = [(mistakes, all_numbers(check.measure(values, one))) for mistakes, one in alone]
    for pair in explanations(check):
        if len(pair) == 1 or is_known(pair):
            continue
        try:
            answer = simulated(check, values, switches_of(pair))
        except RuntimeError:  # such a network cannot be
            continue
        given = all_numbers(check.measure(values, answer))
        same = [mistakes for mistakes, one in numbers if close(given, one, check.tolerance)]
        hidden = any(mistakes and mistakes[0].name in names(pair) for mistakes in same)
        assert hidden or not same, (names(pair), [names(mistakes) for mistakes in same])


def nameable(check: Check) -> Iterator[Any]:
    """The mistakes of a check whose answers do not depend on what was answered."""
    return (one for one in check.mistakes if one.switches.get("epsilon") != "other")


def is_known(pair: tuple[Any, Any]) -> bool:
    return names(pair) in TOGETHER or names(pair[::-1]) in TOGETHER


def names(mistakes: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(mistake.name for mistake in mistakes)


def all_numbers(answer: Any) -> Any:
    """The shapes and the numbers of an answer, one after the other; other values as they are."""
    if isinstance(answer, Mapping) and "outputs" in answer:
        answer = list(answer.values())
    if not isinstance(answer, list):
        return answer
    tensors = [one for part in answer for one in (part if isinstance(part, list) else [part])]
    tensors = [one for one in tensors if isinstance(one, Tensor)]
    shapes = str([tuple(one.shape) for one in tensors])
    return [shapes, torch.cat([one.flatten().double() for one in tensors])]


def test_a_mistake_has_one_sentence_wherever_the_lab_meets_it():
    assert with_several_sentences(GRADING) == set()


def test_points_and_shares_are_those_of_the_document():
    assert [question.points for question in GRADING.questions] == [3, 2, 1, 5, 5, 2, 2, 4, 2, 6, 3]
    for question in GRADING.questions:
        assert sum(check.share for check in question.checks) == pytest.approx(1)
        assert any(check.public for check in question.checks)


def test_every_mistake_is_planted_as_code():
    planted = {(wrong.question, wrong.mistake) for wrong in VARIANTS.wrong}
    followed = {"10", "11"}  # their banks hold those of questions 8 and 9, too
    known = {
        (question.number, mistake.name)
        for question, check in CHECKS
        for mistake in check.mistakes
        if question.number not in followed or not earlier(question.number, mistake.name)
    }
    dense = {(number, name) for number, name in known if number == "5" and ("4", name) in planted}
    assert known - dense == planted  # in a CNN, a mistake of the dense layers is that of the MLP


def earlier(number: str, name: str) -> bool:
    """Whether an earlier question knows this mistake."""
    return any(
        mistake.name == name and int(question.number) < int(number)
        for question, check in CHECKS
        for mistake in check.mistakes
    )


# --- submissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_right_submission_gets_every_point(server, seed):
    sheet = graded(server, VARIANTS.right, secret=b"secret %d" % seed)
    assert lost(sheet) == {}
    assert sheet.score == pytest.approx(35)


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda unusual: unusual.name)
def test_a_right_submission_that_is_written_otherwise_gets_every_point(server, unusual):
    sheet = graded(server, unusual.files)
    assert lost(sheet) == {}
    assert sheet.score == pytest.approx(35)


def test_the_template_gets_nothing(server):
    sheet = graded(server, GRADING.template)
    assert sheet.score == 0
    assert set(lost(sheet)) == {question.number for question in GRADING.questions}


BEFORE_THE_LOSS = [
    [wrong for wrong in VARIANTS.wrong if wrong.question == number] for number in "1234567"
]
MOST = max(len(wrong) for wrong in BEFORE_THE_LOSS)


@pytest.mark.parametrize("place", range(MOST))
def test_mistakes_in_questions_that_stand_alone_are_named_and_charged_there(server, place):
    planted = [wrong[place % len(wrong)] for wrong in BEFORE_THE_LOSS]  # one of each question
    bodies = {key: body for wrong in planted for key, body in wrong.bodies.items()}
    files = submission_of(GRADING, {**VARIANTS.right_bodies, **bodies}, "planted")
    assert named(graded(server, files)) == {wrong.question: {wrong.mistake} for wrong in planted}


@pytest.mark.parametrize(
    "wrong",
    [wrong for wrong in VARIANTS.wrong if wrong.question in {"8", "9", "10", "11"}],
    ids=lambda wrong: f"{wrong.question}: {wrong.mistake}",
)
def test_a_mistake_in_what_later_questions_use_is_charged_once(server, wrong):
    sheet = graded(server, wrong.files, ["8", "9", "10", "11"])
    assert named(sheet) == {wrong.question: {wrong.mistake}}


# --- mistakes that are not known ------------------------------------------------------------------

ODD_LOSS = """
p = self.network(X)
loss = (y * (1 - p).pow(3)).sum() + p.pow(4).sum()
return loss, float((p.argmin(1) == y.argmax(1)).float().mean())
"""
ODD_NORM = "return 3 + sum(float(p.grad.abs().sqrt().sum()) for p in network.parameters())"


def test_later_questions_are_right_given_ones_own_odd_loss_and_norm(server):
    bodies = {
        "Trainer.compute_loss_and_accuracy": ODD_LOSS,
        "Trainer.compute_gradient_norm": ODD_NORM,
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)})
    assert list(lost(sheet)) == ["8", "9"]
    said = [one.sentence for number in ("10", "11") for one in findings_of(sheet, number)]
    assert said == [
        "right, given the student's own answer to question 8",
        "right, given the student's own answer to question 8, 9",
        "right, given the student's own answer to question 8",
        "right, given the student's own answer to question 8",
    ]


@pytest.mark.parametrize("body", ["pass", "raise NotImplementedError", "return 0.0, 0.0"])
def test_steps_and_evaluation_are_graded_without_a_loss_and_a_norm(server, body):
    bodies = dict.fromkeys(
        ("Trainer.compute_loss_and_accuracy", "Trainer.compute_gradient_norm"), body
    )
    files = {"solution": with_bodies(VARIANTS.right["solution"], bodies)}
    sheet = graded(server, files, ["8", "9", "10", "11"])
    assert list(lost(sheet)) == ["8", "9"]
    assert sheet.score == 9


def test_a_step_that_does_nothing_is_not_right_given_functions_that_do_nothing(server):
    bodies = {
        "Trainer.compute_loss_and_accuracy": "return 0 * self.network(X).sum(), 0.5",
        "Trainer.compute_gradient_norm": "return None",
        "Trainer.training_step": "return None",
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)})
    assert list(lost(sheet)) == ["8", "9", "10"]
    assert not any(finding.passed for finding in findings_of(sheet, "10"))


def test_what_the_assignment_leaves_open_is_remarked_and_not_charged(server):
    bodies = {
        "gradient_norm": """
            function(*tensor_list).backward()
            return sum((x.grad**2).sum() for x in tensor_list if x.grad is not None) ** 0.5
            """,
        "Trainer.normalize": """
            mean, std = train[0].mean(dim=0), train[0].std(dim=0)
            return tuple(((x - mean) / std, y) for x, y in (train, valid, test))
            """,
        "Trainer.compute_gradient_norm": """
            return sum(p.grad.norm() ** 2 for p in network.parameters()) ** 0.5
            """,
        "Trainer.evaluate": "return self.compute_loss_and_accuracy(X, y)",
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)})
    assert lost(sheet) == {}
    remarks = {
        one.question.number: {name for check in one.checks for name in check.finding.remarks}
        for one in sheet.questions
    }
    assert remarks["1"] == {
        "tensor instead of float",
        "gradients stay in the inputs",
        "inputs must require gradients",
    }
    assert remarks["6"] == {"NaN on constant pixels"}
    assert remarks["9"] == {"tensor instead of float", "a parameter without gradient"}
    assert remarks["10"] == {"tensor instead of float"}
    assert remarks["11"] == {"evaluate takes one-hot rows"}
