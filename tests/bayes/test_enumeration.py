"""Every kind of answer against brute-force enumeration on random networks."""

import math

import numpy as np
import pytest
from enumeration import (
    assert_equal,
    enumerate_posterior,
    enumerate_posteriors,
    joint,
    random_network,
    random_question,
)

from retroprop.bayes import BayesNet, direct
from retroprop.bayes.direct import answer_directly
from retroprop.bayes.evidence import read_evidence
from retroprop.bayes.plan import Plan
from retroprop.bayes.queries import signature_of, target_numbers
from retroprop.bayes.universal_tree import build_universal_tree
from retroprop.errors import UserError

QUICK = range(300)
THOROUGH = range(300, 4300)


def check_one_question(seed):
    """A query, all posteriors and the evidence's probability, of one random network."""
    rng = np.random.default_rng(seed)
    net = random_network(rng)
    targets, given, do, soft = random_question(rng, net)
    alone = [[name] for name in net.variables]
    posteriors, evidence = enumerate_posteriors(net, [targets, *alone], given, do, soft)
    log_evidence = net.log_evidence(given, do, soft)
    if not posteriors:
        assert log_evidence == -math.inf
        for ask in (net.query, lambda _, *evidence: net.posteriors(*evidence)):
            with pytest.raises(UserError, match="probability 0"):
                ask(targets, given, do, soft)
        return
    assert_equal(net.query(targets, given, do, soft), posteriors[0])
    assert_equal(log_evidence, math.log(evidence), 1e-11)
    expected = dict(zip(net.variables, posteriors[1:], strict=True))
    for name, posterior in net.posteriors(given, do, soft).items():
        assert_equal(posterior, expected[name])


def test_answers_equal_enumeration():
    for seed in QUICK:
        check_one_question(seed)


@pytest.mark.slow
def test_answers_equal_enumeration_on_thousands_of_networks():
    for seed in THOROUGH:
        check_one_question(seed)


def check_one_batch(seed):
    """A batch equals its rows asked one by one, impossible rows masked."""
    rng = np.random.default_rng(seed)
    net = random_network(rng)
    targets, given, do, soft = random_question(rng, net)
    rows = int(rng.integers(1, 12))

    def column(name):
        return rng.integers(len(net.states[name]), size=rows)

    given, do = ({name: column(name) for name in role} for role in (given, do))
    soft = {name: np.stack([w, *rng.random((rows - 1, len(w)))]) for name, w in soft.items()}
    if not (given or do or soft):
        return
    answers = net.query(targets, given, do, soft)
    everything = net.posteriors(given, do, soft)
    logs = net.log_evidence(given, do, soft)
    questions = [targets, *([name] for name in everything)]
    for row in range(rows):
        one = [{name: v[row] for name, v in role.items()} for role in (given, do, soft)]
        posteriors, evidence = enumerate_posteriors(net, questions, *one)
        assert answers.impossible[row] == (not posteriors)
        if not posteriors:
            assert not answers.values[row].any()
            assert logs[row] == -math.inf
            assert all(t.impossible[row] and not t.values[row].any() for t in everything.values())
            continue
        expected, *alone = posteriors
        assert_equal(answers.values[row], expected)
        assert_equal(logs[row], math.log(evidence), 1e-11)
        for posterior, expected in zip(everything.values(), alone, strict=True):
            assert_equal(posterior.values[row], expected)


def test_batches_equal_enumeration():
    for seed in QUICK:
        check_one_batch(seed)


@pytest.mark.slow
def test_batches_equal_enumeration_on_thousands_of_networks():
    for seed in THOROUGH:
        check_one_batch(seed)


def check_each_way(seed):
    """The universal tree, direct elimination and a plan agree with enumeration, one by one."""
    rng = np.random.default_rng(seed)
    net = random_network(rng)
    targets, given, do, soft = random_question(rng, net)
    expected, _ = enumerate_posterior(net, targets[:1], given, do, soft)
    evidence = read_evidence(net.inference.coded, given, do, soft)
    signature = signature_of(target_numbers(net, targets[:1], evidence), evidence)
    coded, roles = net.inference.coded, evidence[:3]
    tree = build_universal_tree(coded)
    plan = Plan(coded, signature, 10**9, limit=rng.integers(0, 40))
    answers = [
        tree.answer(*signature.targets, *roles),
        answer_directly(coded, signature, *roles),
        plan.answer_row(evidence.row(), list(evidence.soft.values())),
    ]
    for answer in answers:
        if expected is None:
            assert answer is None
        else:
            assert_equal(answer, expected)


def test_each_way_of_answering_equals_enumeration():
    for seed in QUICK:
        check_each_way(seed)


def test_direct_elimination_by_matrix_products_equals_enumeration(monkeypatch):
    monkeypatch.setattr(direct, "MATRICES", 0)  # from the first product on, not from 4,096 entries
    for seed in QUICK:
        check_each_way(seed)


@pytest.mark.slow
def test_each_way_of_answering_equals_enumeration_on_thousands_of_networks():
    for seed in THOROUGH:
        check_each_way(seed)


def test_the_oracle_knows_a_case_worked_out_by_hand():
    net = BayesNet({"a": ([0.25, 0.75], []), "b": ([[0.5, 0.5], [0.1, 0.9]], ["a"])})
    assert_equal(joint(net), [[0.125, 0.125], [0.075, 0.675]])
    posterior, evidence = enumerate_posterior(net, ["a"], {"b": 1})
    assert_equal(posterior, [0.125 / 0.8, 0.675 / 0.8])
    assert_equal(evidence, 0.8)
    assert_equal(enumerate_posterior(net, ["a"], do={"b": 1})[0], [0.25, 0.75])
    assert_equal(enumerate_posterior(net, ["a"], soft={"b": [0, 2.0]})[1], 1.6)


def test_the_oracle_fails_on_a_wrong_answer():
    with pytest.raises(AssertionError, match="off by"):
        assert_equal([0.5, 0.5], [0.5, 0.5 + 1e-9])
