"""Compiled queries, explanations, samples, and laws that every answer must obey."""

import math
import sys

import numpy as np
import pytest
from enumeration import assert_equal, enumerate_posterior, joint, random_network, random_question
from tests import processes

from retroprop.bayes import BayesNet
from retroprop.errors import UserError

SEEDS = range(1000, 1150)


@pytest.fixture
def student():
    """The five-variable network of the assignment: study, difficulty, interview, grade, list."""
    return BayesNet(
        {
            "S": ([0.2, 0.8], []),
            "D": ([0.9, 0.1], []),
            "R": ([[0.9, 0.1], [0.2, 0.8]], ["S"]),
            "G": (
                [[[0.5, 0.3, 0.2], [0.9, 0.08, 0.02]], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]],
                ["S", "D"],
            ),
            "L": ([[0.9, 0.1], [0.6, 0.4], [0.01, 0.99]], ["G"]),
        },
        states={"G": ["g0", "g1", "g2"], "S": ["s0", "s1"]},
    )


def test_a_compiled_query_equals_the_same_query_asked_once():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        targets, given, do, soft = random_question(rng, net)
        plan = net.compile(targets, given=list(given), do=list(do), soft=list(soft))
        expected, _ = enumerate_posterior(net, targets, given, do, soft)
        if expected is None:
            with pytest.raises(UserError, match="probability 0"):
                plan(**given, **do, **soft)
            continue
        answer = plan(**given, **do, **soft)
        assert_equal(answer, expected)
        assert answer.title == net.query(targets, given, do, soft).title
        everything = net.compile(None, given=list(given), do=list(do), soft=list(soft))
        for name, posterior in everything(**given, **do, **soft).items():
            assert_equal(posterior, net.posteriors(given, do, soft)[name])


def test_a_compiled_query_takes_batches_names_and_mappings(student):
    plan = student.compile("G", given=["R", "S"], do=["D"])
    rows = plan(R=[0, 1, 1], S=["s0", "s1", "s0"], D=0)
    for row, (r, s) in enumerate([(0, 0), (1, 1), (1, 0)]):
        expected, _ = enumerate_posterior(student, ["G"], {"R": r, "S": s}, {"D": 0})
        assert_equal(rows.values[row], expected)
        assert_equal(plan({"R": r, "S": f"s{s}"}, D=0), expected)
    assert repr(plan) == "CompiledQuery: P(G | R, S, do(D))"
    with pytest.raises(UserError, match="compiled for D"):
        plan(R=0, S=0)
    with pytest.raises(UserError, match="not compiled for 'Q'"):
        plan(R=0, S=0, D=0, Q=1)


def test_asking_again_keeps_the_plan_and_changes_nothing(student):
    first = student.query("G", {"R": 1})
    plans = len(student.inference.plans)
    for _ in range(3):
        assert_equal(student.query("G", {"R": 1}), first.values)
        assert_equal(student.query("G", {"R": 0}), enumerate_posterior(student, ["G"], {"R": 0})[0])
    assert len(student.inference.plans) <= plans + 1


def test_the_most_probable_explanation_equals_enumeration():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        _, given, do, _ = random_question(rng, net)
        table = joint(net, do)
        index = tuple(given.get(name, slice(None)) for name in net.variables)
        best = table[index].max()
        if best == 0:
            with pytest.raises(UserError, match="probability 0"):
                net.mpe(given, do)
            continue
        found = net.mpe(given, do)
        place = tuple(net.state_index(name, found.states[name]) for name in net.variables)
        assert all(place[net.variables.index(name)] == s for name, s in (given | do).items())
        assert_equal(table[place], best)
        assert_equal(found.log_probability, math.log(best), 1e-11)


def test_samples_follow_the_posterior():
    n = 4000
    for seed in range(30):
        rng = np.random.default_rng(seed)
        net = random_network(rng, n=6, zeros=seed % 2 == 0)
        targets, given, do, soft = random_question(rng, net)
        expected, _ = enumerate_posterior(net, targets, given, do, soft)
        if expected is None:
            with pytest.raises(UserError, match="probability 0"):
                net.sample(n, given, do, soft)
            continue
        drawn = net.sample(n, given, do, soft, generator=seed)
        assert all((drawn[name] == state).all() for name, state in (given | do).items())
        counts = np.zeros(expected.shape)
        np.add.at(counts, tuple(drawn[name] for name in targets), 1)
        assert not counts[expected == 0].any()
        spread = np.sqrt(expected * (1 - expected) / n)
        assert (np.abs(counts / n - expected) <= 5 * spread + 1e-12).all()


def test_joint_samples_keep_the_dependence_between_variables(student):
    drawn = student.sample(20000, given={"L": 1}, generator=np.random.default_rng(3))
    table, total = joint(student), 0
    table = table[..., 1] / table[..., 1].sum()  # (S, D, R, G), L is the last variable
    counts = np.zeros(table.shape)
    np.add.at(counts, tuple(drawn[name] for name in "SDRG"), 1)
    expected = 20000 * table
    total = ((counts - expected) ** 2 / expected).sum()
    assert total < 60, "chi-square with 23 degrees of freedom"
    again = student.sample(20000, given={"L": 1}, generator=np.random.default_rng(3))
    assert all((drawn[name] == again[name]).all() for name in drawn)


def test_an_intervention_says_nothing_of_the_ancestors():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        for name in net.variables:
            state = int(rng.integers(len(net.states[name])))
            for ancestor in net.ancestors(name):
                assert_equal(net.query(ancestor, do={name: state}), net.query(ancestor).values)


def test_do_on_a_root_equals_conditioning():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        net = random_network(rng, n=6, zeros=False)
        root = next(name for name in net.variables if not net.parents[name])
        for target in set(net.variables) - {root}:
            assert_equal(net.query(target, do={root: 1}), net.query(target, given={root: 1}).values)


def test_do_equals_conditioning_in_the_mutilated_network():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        net = random_network(rng, n=6, zeros=False)
        targets, given, do, soft = random_question(rng, net)
        assert_equal(
            net.query(targets, given, do, soft),
            net.intervene(do).query(targets, given, soft=soft).values,
        )


def test_soft_evidence_on_one_state_equals_observing_it(student):
    hard = student.query("G", given={"L": 1})
    assert_equal(student.query("G", soft={"L": [0, 7.5]}), hard.values)
    assert_equal(student.query("G", soft={"L": [3.0, 3.0]}), student.query("G").values)


def test_answers_do_not_depend_on_the_hash_seed():
    program = """
import numpy as np, sys
from enumeration import random_network, random_question
for seed in range(12):
    rng = np.random.default_rng(seed)
    net = random_network(rng, zeros=False)
    targets, given, do, soft = random_question(rng, net)
    print(net.query(targets, given, do, soft).values.tobytes().hex())
    print([t.values.tobytes().hex() for t in net.posteriors(given, do, soft).values()])
    print(net.mpe(given, do), net.log_evidence(given, do, soft).hex())
    print({k: v.tolist() for k, v in net.sample(5, given, do, soft).items()})
"""
    outputs = set()
    for hash_seed in ("0", "1", "4242"):
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
        done = processes.run([sys.executable, "-c", program], env=environment, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop()) > 1000


def test_batches_on_a_torch_device_equal_those_of_numpy():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        targets, given, do, soft = random_question(rng, net)
        roles = {"given": list(given), "do": list(do), "soft": list(soft)}
        rows = {name: rng.integers(len(net.states[name]), size=9) for name in (*given, *do)}
        rows |= {name: rng.random((9, len(net.states[name]))) for name in soft}
        if not rows:
            continue
        for asked in (targets, None):
            expected = net.compile(asked, **roles)(rows)
            found = net.compile(asked, **roles, device="cpu")(rows)
            pairs = [(expected, found)]
            if asked is None:
                pairs = [(expected[name], found[name]) for name in net.variables]
            for one, other in pairs:
                assert (one.impossible == other.impossible).all()
                assert_equal(one, other.values)


def test_a_device_that_torch_does_not_have_is_explained(student):
    with pytest.raises(UserError, match="cannot use the device 'nonsense'"):
        student.compile("G", given=["R"], device="nonsense")
