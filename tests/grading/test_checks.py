"""The judge: right answers, named mistakes, and nobody charged twice."""

import pytest
import torch

from retroprop.grading.checks import Check, Earlier, Mistake, Remark, judge
from retroprop.grading.comparison import Unknown, close, first_difference
from retroprop.languages import say_later, translator

SAY = translator("en")


def loss(values, answer, *, log=True, mean=True, sign=-1.0):
    """Cross-entropy of probabilities, and what some mistakes make of it."""
    p = values["p"]
    each = sign * (p.log() if log else p)
    return each.mean() if mean else each.sum()


NO_LOG = Mistake(
    name="no logarithm", sentence=say_later("has the wrong sign"), switches={"log": False}
)
SUM = Mistake(name="sum", sentence=say_later("is transposed"), switches={"mean": False})


def check(**changes):
    """A check of the loss."""
    settings = {
        "name": "the loss",
        "share": 1.0,
        "probe": "loss",
        "inputs": lambda g: {"p": torch.rand(4, generator=g) * 0.8 + 0.1},
        "reference": loss,
        "mistakes": [NO_LOG, SUM],
    }
    return Check(**settings | changes)


VALUES = check().inputs(torch.Generator().manual_seed(0))


def judged(answer, one=None, *, charged=None, lost=(), ask=None):
    return judge(one or check(), VALUES, answer, say=SAY, ask=ask, charged=charged or {}, lost=lost)


def test_a_right_answer_passes_as_tensor_and_as_number():
    right = loss(VALUES, None)
    for answer in (right, float(right), right.double().reshape(1), right.numpy()):
        assert judged(answer).passed


def test_a_mistake_is_named_where_it_explains_the_whole_answer():
    found = judged(loss(VALUES, None, log=False))
    assert (found.passed, found.mistakes) == (False, ("no logarithm",))
    assert found.sentence == "has the wrong sign"


def test_two_mistakes_at_once_are_both_named():
    found = judged(loss(VALUES, None, log=False, mean=False))
    assert found.mistakes == ("no logarithm", "sum")
    assert found.sentence == "has the wrong sign; and is transposed"


def test_what_none_explains_is_described_without_the_right_number():
    found = judged(0.123)
    assert (found.mistakes, found.sentence) == ((), "the answer is another number than expected")


def test_a_mistake_that_was_charged_is_not_charged_again():
    found = judged(loss(VALUES, None, log=False), charged={"no logarithm": "8"})
    assert found.passed
    assert found.sentence == "counted in question 8 already: has the wrong sign"


def test_a_pair_with_one_new_mistake_is_charged():
    found = judged(loss(VALUES, None, log=False, mean=False), charged={"sum": "8"})
    assert not found.passed


def test_what_follows_from_an_own_wrong_answer_counts_as_right():
    own = Earlier(question="8", reference=lambda values, answer, ask: ask("own", values) / 2)
    one = check(earlier=own)
    assert not judged(5.0, one, ask=lambda probe, values: 10.0).passed  # question 8 lost nothing
    found = judged(5.0, one, ask=lambda probe, values: 10.0, lost=("8",))
    assert found.passed
    assert found.sentence == "right, given the student's own answer to question 8"
    assert not judged(5.1, one, ask=lambda probe, values: 10.0, lost=("8",)).passed


def test_other_right_answers_pass_and_their_mistakes_are_named():
    one = check(also_right=[{"sign": 1.0}])
    assert judged(loss(VALUES, None, sign=1.0), one).passed
    assert judged(loss(VALUES, None, sign=1.0, mean=False), one).mistakes == ("sum",)


def test_a_remark_is_said_and_costs_nothing():
    remark = Remark(
        name="tensor", sentence="", applies=lambda values, answer: isinstance(answer, torch.Tensor)
    )
    found = judged(loss(VALUES, None), check(remarks=[remark]))
    assert (found.passed, found.remarks) == (True, ("tensor",))


def test_what_is_measured_is_compared():
    one = check(
        measure=lambda values, answer: {"deviation": answer.std()},
        reference=lambda values, answer, scale=1.0: {"deviation": scale},
        mistakes=[Mistake(name="twice", sentence="", switches={"scale": 2.0})],
        tolerance=0.1,
    )
    weights = torch.randn(5_000, generator=torch.Generator().manual_seed(1))
    assert judged(weights, one).passed
    assert judged(2 * weights, one).mistakes == ("twice",)


@pytest.mark.parametrize(
    "answer",
    [None, "text", [], {}, {"y": None}, Unknown("solution.Thing"), 10**400, complex(1, 2),
     torch.zeros(0), torch.zeros(2, 2), torch.full((), float("nan")), [1.0] * 100_000],
)  # fmt: skip
def test_no_answer_breaks_the_judge(answer):
    found = judged(answer)
    assert not found.passed
    assert found.sentence


def test_a_measure_that_cannot_read_the_answer_is_said():
    found = judged(None, check(measure=lambda values, answer: answer.std()))
    assert found.sentence == "the answer cannot be read (AttributeError)"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (1, 1.0),
        (True, True),
        ([1.0, 2.0], (1.0, 2.0)),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}),
        (torch.tensor([1.0, float("inf")]), torch.tensor([1.0, float("inf")])),
        (torch.tensor(float("nan")), float("nan")),
        (torch.tensor([1e-9, 1.0]), torch.tensor([0.0, 1.0])),
        ("a", "a"),
        (None, None),
    ],
)
def test_what_is_the_same_is_close(answer, right):
    assert close(answer, right)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (1.001, 1.0),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
        (torch.tensor([1.0, float("-inf")]), torch.tensor([1.0, float("inf")])),
        (torch.tensor([float("nan"), 1.0]), torch.tensor([1.0, 1.0])),
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        ("a", "b"),
        (0, None),
        (None, 0),
    ],
)
def test_what_differs_is_not_close_and_is_described(answer, right):
    assert not close(answer, right)
    assert first_difference(answer, right, 1e-4, SAY)


def test_the_first_part_that_differs_is_named():
    given, right = {"y": 1.0, "weights": [1.0, 2.0]}, {"y": 1.0, "weights": [1.0, 3.0]}
    found = first_difference(given, right, 1e-4, SAY)
    assert found == "the answer (weights, 2) is another number than expected"
