"""Lab C's grading: its bank of mistakes is sound, and every variant is graded as it should be."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tests.labs.graded import (
    SAY,
    checks_of,
    findings_of,
    in_groups,
    inputs_of,
    judged,
    lost,
    named,
    sheet_of,
    with_several_sentences,
)

from retroprop.grading.by_hand import evidence_in
from retroprop.grading.checks import Check, explanations
from retroprop.grading.comparison import close
from retroprop.grading.results import Sheet
from retroprop.grading.sessions import ForkServer
from retroprop.grading.variants import Wrong, submission_of, with_bodies
from retroprop.labs.catalog import find_variants
from retroprop.labs.inf8225_tp1.grading import GRADING, HELPERS
from retroprop.labs.inf8225_tp1.grading.bayes import answered
from retroprop.labs.inf8225_tp1.grading.multilayer import outputs
from retroprop.labs.inf8225_tp1.queries import QUESTIONS as QUERIES

VARIANTS = find_variants("inf8225-tp1")
CHECKS = checks_of(GRADING)
IDS = [f"{question.number}: {check.name}" for question, check in CHECKS]


# --- the bank of mistakes -------------------------------------------------------------------------


def simulated(check: Check, values: Mapping[str, Any], switches: Mapping[str, Any]) -> Any:
    """What the probe of a check would bring from a submission with some mistakes."""
    if check.probe == "gradients_of_layers":
        answer = [{"p": p} for p in outputs(values, None)]
        found = check.reference(values, answer, **switches)
        return [one | {"gradients": given} for one, given in zip(answer, found, strict=True)]
    given = check.reference(values, None, **switches)
    if check.probe == "function":
        pair = values["function"] == "accuracy"
        return {"answer": [given, given] if pair else given, "also": torch.tensor(0.0)}
    if check.probe == "updates":
        starts = values["weights"]
        return [
            [start[: len(one)] + one for one, start in zip(step, starts, strict=True)]
            for step in given
        ]
    if check.probe == "training":
        return given if isinstance(given, dict) else {"calls": given}
    return given


NO_ACTIVATION = {"no activation in hidden layers", "a instead of h in the gradient"}
SAME_VALUES = {
    ("2.5", "zeros instead of ones"): {"bias column missing"},  # both add nothing to the scores
    ("3.5", "zeros instead of ones"): {"bias column missing"},
    ("3.6", "zeros instead of ones"): {"biases without gradient"},  # where no layer is hidden
    ("3.5", "relu does nothing"): {"no activation in hidden layers"},
    ("3.6", "relu does nothing"): NO_ACTIVATION,
    ("3.6", "no activation in hidden layers"): NO_ACTIVATION,  # where one layer is hidden
    ("3.6", "derivative of relu is 1 everywhere"): {"no gate"},
    **{
        (number, loss): {gradient}  # the gradient of a wrong loss, named so once that was charged
        for number in ("2.6", "3.3", "3.6")
        for loss, gradient in (
            ("loss averaged over the batch", "gradient averaged over the batch"),
            ("sign of the loss", "sign of the gradient"),
        )
    },
}
"""Mistakes of a question that no value tells apart, and how they are named there."""


@pytest.mark.parametrize(("question", "check"), CHECKS, ids=IDS)
def test_the_reference_is_right_and_each_mistake_is_named_as_itself(question, check):
    for seed in range(3):
        values = inputs_of(check, seed)
        assert judged(check, values, simulated(check, values, {})).passed
        for mistake in check.mistakes:
            finding = judged(check, values, simulated(check, values, mistake.switches))
            known = {mistake.name} | SAME_VALUES.get((question.number, mistake.name), set())
            assert not finding.passed, (mistake.name, seed)
            assert len(finding.mistakes) == 1, (mistake.name, seed, finding)
            assert set(finding.mistakes) <= known, (mistake.name, seed)


@pytest.mark.parametrize(
    ("question", "check"),
    [pair for pair in CHECKS if pair[1].pairs],
    ids=[name for name, pair in zip(IDS, CHECKS, strict=True) if pair[1].pairs],
)
def test_two_mistakes_give_neither_what_is_right_nor_what_a_third_gives(question, check):
    values = inputs_of(check, 1)
    alone: list[tuple[str, Any]] = [("", simulated(check, values, {}))]
    alone += [(one.name, simulated(check, values, one.switches)) for one in check.mistakes]
    measured = [(name, check.measure(values, answer)) for name, answer in alone]
    met = {}
    for pair in explanations(check):
        names = frozenset(mistake.name for mistake in pair)
        if len(pair) == 1:
            continue
        switches = {key: value for mistake in pair for key, value in mistake.switches.items()}
        given = check.measure(values, simulated(check, values, switches))
        same = [name for name, one in measured if close(given, one, check.tolerance)]
        if not names.intersection(same) and same:  # one that hides the other is in its pair
            met[names] = same
    assert met == {}


def test_the_answers_of_part_1_are_those_that_the_document_prints():
    for letter, query in QUERIES.items():
        given = answered({"letter": letter}, None).reshape(-1).tolist()
        assert given == pytest.approx([float(one) for one in query.printed], abs=5.01e-6)


def test_a_mistake_has_one_sentence_wherever_the_lab_meets_it():
    assert with_several_sentences(GRADING) == set()


def test_points_and_shares_are_those_of_the_document():
    points = dict.fromkeys("123", 0.0)
    for question in GRADING.questions:
        points[question.number[0]] += question.points
        assert sum(check.share for check in question.checks) == pytest.approx(1)
        assert any(check.public for check in question.checks)
    assert points == {"1": 16, "2": 20, "3": 20}


def test_every_mistake_is_planted_as_code_where_it_is_met_first():
    planted = {(wrong.question, wrong.mistake) for wrong in VARIANTS.wrong}
    anywhere = {mistake for _, mistake in planted}
    met: dict[str, str] = {}
    for question, check in CHECKS:
        for mistake in check.mistakes:
            met.setdefault(mistake.name, question.number)
    of_queries = {name for name, number in met.items() if number.startswith("1")}
    assert of_queries <= anywhere
    assert {(n, name) for name, n in met.items() if name not in of_queries} <= planted


# --- submissions ----------------------------------------------------------------------------------


def graded(
    server: ForkServer, files: Mapping[str, str], parts: str = "123", seed: int = 0
) -> Sheet:
    """A submission, graded in some parts."""
    numbers = [one.number for one in GRADING.questions if one.number[0] in parts]
    return sheet_of(GRADING, server, files, numbers, secret=b"secret %d" % seed)


@pytest.mark.parametrize("seed", range(3))
def test_the_right_submission_gets_every_point(server, seed):
    sheet = graded(server, VARIANTS.right, seed=seed)
    assert lost(sheet) == {}
    assert sheet.score == pytest.approx(56)
    assert sheet.evidence == []


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda unusual: unusual.name)
def test_a_right_submission_that_is_written_otherwise_gets_every_point(server, unusual):
    sheet = graded(server, unusual.files)
    assert lost(sheet) == {}
    assert sheet.score == pytest.approx(56)
    assert bool(sheet.evidence) == ("autograd" in unusual.name)


def test_the_template_gets_nothing(server):
    sheet = graded(server, GRADING.template)
    assert sheet.score == 0
    assert set(lost(sheet)) == {question.number for question in GRADING.questions}


BUILT_ON = {"2.1", "2.2", "2.3", "2.4", "2.9", "3.1", "3.2", "3.3", "3.4", "3.5"}
"""Questions whose mistakes are followed into later ones."""


def apart(one: Wrong, other: Wrong) -> bool:
    """Those that share a function, a name or a question, and those that are followed."""
    return bool(
        one.question == other.question
        or one.mistake == other.mistake
        or one.bodies.keys() & other.bodies.keys()
        or {one.question, other.question} & BUILT_ON
    )


@pytest.mark.parametrize(
    "batch", in_groups(VARIANTS.wrong, apart), ids=lambda batch: batch[0].mistake
)
def test_each_planted_mistake_is_named_and_charged_once(server, batch):
    bodies = {key: body for wrong in batch for key, body in wrong.bodies.items()}
    files = submission_of(GRADING, {**VARIANTS.right_bodies, **bodies}, "planted")
    parts = {wrong.question[0] for wrong in batch}
    sheet = graded(server, files, "1" if parts == {"1"} else "23" if "1" not in parts else "123")
    assert named(sheet) == {wrong.question: {wrong.mistake} for wrong in batch}


# --- mistakes that are not known, and evidence ----------------------------------------------------


def test_later_questions_are_right_given_ones_own_odd_functions(server):
    bodies = {
        "accuracy": "return 0.3, ((y_pred.argmax(1) == y.argmax(1)).sum() + 1, len(y))",
        "cross_entropy": "return (y * (1 - y_pred) ** 3).sum()",
        "softmax": "return torch.sigmoid(x * 2)",
        "relu_forward": "return torch.tanh(x)",
        "relu_backward": "return 1 - torch.tanh(x) ** 2",
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)}, "23")
    assert list(lost(sheet)) == ["2.1", "2.2", "2.3", "3.1", "3.2"]


@pytest.mark.parametrize("number", GRADING.substitutes)
@pytest.mark.parametrize("body", ["pass", "return torch.nonsense(1)"], ids=["left empty", "raises"])
def test_a_function_that_gives_nothing_is_charged_in_its_question_alone(server, number, body):
    name = HELPERS[number]
    sheet = graded(
        server, {"solution": with_bodies(VARIANTS.right["solution"], {name: body})}, "23"
    )
    assert list(lost(sheet)) == [number]


@pytest.mark.parametrize(
    ("loss", "factor"),
    [("-(y * y_pred.clamp(min=1e-9).log()).sum(1).mean()", "1 / len(y)"),
     ("(y * y_pred.clamp(min=1e-9).log()).sum()", "-1")],
    ids=["averaged", "of the wrong sign"],
)  # fmt: skip
def test_the_gradient_of_ones_own_loss_is_right(server, loss, factor):
    bodies = {
        "cross_entropy": f"return {loss}",
        "LinearModel.get_grads": f"return inputs_tilde(X).T @ (y_pred - y) * ({factor})",
        "softmax_cross_entropy_backward": f"return (y_pred - y) * ({factor})",
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)}, "23")
    assert list(lost(sheet)) == ["2.2"]


def test_what_needs_a_lost_function_is_judged_with_a_right_one(server):
    bodies = {"softmax": "pass", "LinearModel.forward": "return softmax(x @ self.params[:-1])"}
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)}, "2")
    assert list(lost(sheet)) == ["2.3", "2.5"]
    assert lost(sheet)["2.5"] == {"bias column missing"}


def test_autograd_is_evidence_and_costs_nothing():
    (autograd,) = [one for one in VARIANTS.unusual if one.name.startswith("autograd")]
    assert evidence_in(VARIANTS.right, GRADING, SAY) == []
    found = evidence_in(autograd.files, GRADING, SAY)
    assert {".requires_grad_", ".backward()", "torch.enable_grad", "torch.nn"} >= {
        one.sentence.split()[1].rstrip(",") for one in found
    }
    assert len(found) >= 3


HIDDEN_AUTOGRAD = """
with getattr(torch, "enable" + "_grad")():
    leaves = [p.clone() for p in self.params]
    for leaf in leaves:
        setattr(leaf, "requires" + "_grad", True)
    h = self.h[0]
    for theta in leaves:
        a = inputs_tilde(h) @ theta
        h = relu_forward(a)
    loss = -(y * torch.log_softmax(a, dim=1)).sum()
    getattr(loss, "back" + "ward")()
return [p.grad for p in leaves]
"""

FINITE_DIFFERENCES = """
kept, x, grads = self.params, self.h[0].double(), []
self.params = [p.double() for p in kept]
for p in self.params:
    grads.append(torch.zeros_like(p))
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            losses = []
            for step in (1e-6, -2e-6):
                p[i, j] += step
                losses.append(-(y * self.forward(x).log()).sum())
            p[i, j] += 1e-6
            grads[-1][i, j] = (losses[0] - losses[1]) / 2e-6
self.params = kept
return grads
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [(HIDDEN_AUTOGRAD, "calls .backward() when it runs"), (FINITE_DIFFERENCES, "derivatives")],
    ids=["autograd under other names", "finite differences"],
)
def test_what_reading_does_not_find_is_seen_when_it_runs_and_costs_nothing(server, body, said):
    source = with_bodies(VARIANTS.right["solution"], {"MLPModel.backward": body})
    assert evidence_in({"solution": source}, GRADING, SAY) == []
    sheet = graded(server, {"solution": source}, "3")
    assert lost(sheet) == {}
    assert any(said in one.sentence and one.question == "3.6" for one in sheet.evidence)


def test_what_the_assignment_leaves_open_is_remarked_and_not_charged(server):
    bodies = {
        "cross_entropy": "return -(y * y_pred.log()).sum()",
        "inputs_tilde": "return torch.cat((x, torch.ones(x.shape[0], 1)), dim=axis)",
    }
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)}, "2")
    assert lost(sheet) == {}
    assert findings_of(sheet, "2.2")[0].remarks == ("loss infinite where a probability is 0",)
    assert findings_of(sheet, "2.4")[0].remarks == ("axis of inputs_tilde ignored",)


def test_an_accuracy_without_its_counts_keeps_its_share(server):
    bodies = {"accuracy": "return float((y_pred.argmax(1) == y.argmax(1)).float().mean())"}
    sheet = graded(server, {"solution": with_bodies(VARIANTS.right["solution"], bodies)}, "2")
    fraction, counts = findings_of(sheet, "2.1")
    assert fraction.passed
    assert counts.sentence == "the answer is None: nothing was returned"
    assert lost(sheet).keys() == {"2.1"}
