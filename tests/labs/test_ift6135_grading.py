"""The grading of IFT6135, devoir 1: every mistake is told from every other, and named as code."""

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from retroprop.grading.checks import Check, Finding, Values, explanations, judge
from retroprop.grading.comparison import close
from retroprop.grading.sessions import ForkServer, NoAnswer, Session
from retroprop.grading.variants import load_variants, with_bodies
from retroprop.labs.ift6135_devoir1.grading import GRADING
from retroprop.labs.ift6135_devoir1.grading.probes import drawn

VARIANTS = load_variants(
    Path(str(files("retroprop.labs.ift6135_devoir1.grading") / "variants.toml")), GRADING
)
CHECKS = [(question, check) for question in GRADING.questions for check in question.checks]


def say(text: str) -> str:
    return text


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
    values = check.inputs(torch.Generator().manual_seed(seed))
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
        assert judge(
            replace(check, earlier=None), values, answer, say=say, ask=no_question, charged={}
        ).passed


def are_alike(one, other, tolerance: float) -> bool:
    """Whether an answer may be taken for the other; a network's output is the first to differ."""
    if isinstance(one, dict) and "y" in one and not close(one["y"], other["y"], tolerance):
        return False
    return close(one, other, tolerance) or close(other, one, tolerance)


def no_question(probe: str, values: Values):
    raise AssertionError("nothing is asked again")


PAIRED = [
    pytest.param(check, id=f"{question.number} {check.name}")
    for question, check in CHECKS
    if question.number in ("1.1", "1.3", "3.1", "4.1") or check.public
]


@pytest.mark.parametrize("check", PAIRED)
def test_no_two_mistakes_at_once_give_the_right_answer(check):
    values = check.inputs(torch.Generator().manual_seed(0))
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


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer("best") as one:
        yield one


def graded(
    server: ForkServer, sources: Mapping[str, str], numbers: Collection[str] = ()
) -> dict[str, dict[str, Finding | str]]:
    """What is found in each question (all of them, or those with these numbers), check by check."""
    found: dict[str, dict[str, Finding | str]] = {}
    charged: dict[str, str] = {}
    lost: set[str] = set()
    with Session(server, sources, GRADING.probes) as session:
        for question, check in CHECKS:
            if numbers and question.number not in numbers:
                continue
            values = check.inputs(torch.Generator().manual_seed(3))
            try:
                answer = session.ask(check.probe, values, check.seconds)
            except NoAnswer as error:
                finding: Finding | str = error.said(say)
            else:
                finding = judge(
                    check, values, answer, say=say, ask=session.ask, charged=charged, lost=lost
                )
            found.setdefault(question.number, {})[check.name] = finding
            if question.checks[-1] is check:
                wrong = [one for one in found[question.number].values() if not passed(one)]
                lost |= {question.number} if wrong else set()
                for one in wrong:
                    names = one.mistakes if isinstance(one, Finding) else ()
                    charged |= {name: question.number for name in names if name not in charged}
    return found


def passed(finding: Finding | str) -> bool:
    return isinstance(finding, Finding) and finding.passed


def not_right(found: Mapping[str, Mapping[str, Finding | str]]) -> dict[str, list]:
    """The questions where something is not right, and what."""
    wrong = {n: [(name, f) for name, f in of.items() if not passed(f)] for n, of in found.items()}
    return {number: findings for number, findings in wrong.items() if findings}


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
    assert not_right(graded(server, VARIANTS.right)) == {}
    found = graded(server, GRADING.template)
    assert not any(passed(finding) for of in found.values() for finding in of.values())


@pytest.mark.parametrize("unusual", VARIANTS.unusual, ids=lambda one: one.name)
def test_a_right_submission_has_full_points_however_it_is_written(server, unusual):
    assert not_right(graded(server, unusual.files, questions_of(unusual.files))) == {}


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
    found = graded(server, wrong.files, questions_of(wrong.files, others))
    wrongs = not_right(found)
    assert list(wrongs) == [wrong.question], wrongs
    names = [
        finding.mistakes for _, finding in wrongs[wrong.question] if not isinstance(finding, str)
    ]
    assert (wrong.mistake,) in names, wrongs
    assert all(name in ((), (wrong.mistake,)) for name in names), wrongs  # no other is named


def test_a_mistake_beside_one_that_was_charged_is_named(server):
    wrong = {
        "MixerBlock.forward": (
            "x = x + self.mlp_tokens(self.norm1(x).mT).mT\n"
            "return x + self.mlp_channels(self.norm1(x))"
        ),
        "MLPMixer.forward": "return self.head(self.blocks(self.patchemb(images)).mean(1))",
    }
    source = with_bodies(VARIANTS.right["mlpmixer"], wrong)
    found = graded(server, {**VARIANTS.right, "mlpmixer": source}, ["3.2", "3.3"])
    finding = found["3.3"]["values and gradients"]
    assert isinstance(finding, Finding)
    assert finding.mistakes == ("norm1 twice", "final norm missing")
    assert not finding.passed
