"""Hundreds of evidence variables, impossible evidence, and memory that must not be taken."""

import math
import tracemalloc

import numpy as np
import pytest
from enumeration import assert_equal

from retroprop.bayes import BayesNet
from retroprop.errors import UserError


def naive_bayes(n, strength=0.9):
    """One cause with n symptoms, each of which says the cause with probability `strength`."""
    spec = {"cause": ([0.7, 0.3], [])}
    table = [[strength, 1 - strength], [1 - strength, strength]]
    spec |= {f"s{i}": (table, ["cause"]) for i in range(n)}
    return BayesNet(spec)


def hidden_chain(n):
    """A Markov chain of n hidden states, each with a symptom of many unlikely values."""
    spec = {}
    rng = np.random.default_rng(0)
    symptom = rng.random((3, 50)) ** 8 + 1e-9
    symptom /= symptom.sum(1, keepdims=True)
    move = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]
    for i in range(n):
        spec[f"h{i}"] = (move, [f"h{i - 1}"]) if i else ([0.5, 0.3, 0.2], [])
        spec[f"s{i}"] = (symptom, [f"h{i}"])
    return BayesNet(spec), np.array(move), symptom


def forward_backward(move, symptom, seen):
    """Posteriors of the hidden states and log P(seen), by the textbook recursion with scaling."""
    forward, logs = [], 0.0
    message = np.array([0.5, 0.3, 0.2])
    for state in seen:
        message = message * symptom[:, state]
        logs += math.log(message.sum())
        message /= message.sum()
        forward.append(message)
        message = message @ move
    backward, posteriors = np.ones(3), []
    for state, alpha in zip(seen[::-1], forward[::-1], strict=True):
        posteriors.append(alpha * backward / (alpha * backward).sum())
        backward = move @ (symptom[:, state] * backward)
        backward /= backward.sum()
    return posteriors[::-1], logs


def test_four_hundred_symptoms_do_not_underflow():
    net, move, symptom = hidden_chain(400)
    rng = np.random.default_rng(1)
    seen = rng.integers(50, size=(3, 400))
    for row in seen:
        expected, log_evidence = forward_backward(move, symptom, row.tolist())
        assert log_evidence < -1000  # far below the smallest float64
        given = {f"s{i}": int(state) for i, state in enumerate(row)}
        assert_equal(net.log_evidence(given) / log_evidence, 1.0)
        assert_equal(net.query("h200", given), expected[200])
        everything = net.posteriors(given)
        for i in range(400):
            assert_equal(everything[f"h{i}"], expected[i], 1e-11)
    batch = {f"s{i}": seen[:, i] for i in range(400)}
    answers, everything, logs = (
        net.query("h7", batch),
        net.posteriors(batch),
        net.log_evidence(batch),
    )
    for k, row in enumerate(seen):
        expected, log_evidence = forward_backward(move, symptom, row.tolist())
        assert_equal(answers.values[k], expected[7])
        assert_equal(everything["h399"].values[k], expected[399], 1e-11)
        assert_equal(logs[k] / log_evidence, 1.0)


def test_evidence_that_seems_impossible_only_by_underflow_is_worked_out_in_logarithms():
    # 1,200 symptoms speak for state 0 so strongly that state 1 is 10^-1145 times as likely; one
    # more symptom excludes state 0. What is left is certain, and no rescaling can see it.
    net = naive_bayes(1200)
    spec = {name: (net.tables[name], net.parents[name]) for name in net.variables}
    spec["proof"] = ([[1.0, 0.0], [0.5, 0.5]], ["cause"])
    net = BayesNet(spec)
    given = {f"s{i}": 0 for i in range(1200)}
    expected = math.log(0.3) + 1200 * math.log(0.1) + math.log(0.5)
    assert_equal(net.query("cause", given | {"proof": 1}), [0, 1])
    assert_equal(net.posteriors(given | {"proof": 1})["cause"], [0, 1])
    assert_equal(net.log_evidence(given | {"proof": 1}) / expected, 1.0)
    rows = {name: [0, 0] for name in given} | {"proof": [1, 0]}
    assert_equal(net.query("cause", rows).values[0], [0, 1])
    assert_equal(net.log_evidence(rows)[0] / expected, 1.0)
    assert not net.query("cause", rows).impossible.any()
    spec["apart"] = ([1.0, 0.0], [])
    with pytest.raises(UserError, match="probability 0"):
        BayesNet(spec).query("cause", given | {"proof": 1, "apart": 1})
    assert net.mpe(given | {"proof": 1}).states["cause"] == "1"
    assert_equal(net.sample(3, given)["cause"], [0, 0, 0])


def test_impossible_evidence_is_an_error_once_and_a_masked_row_in_a_batch():
    net = BayesNet(
        {
            "a": ([1.0, 0.0], []),
            "b": ([[0.5, 0.5], [0.5, 0.5]], ["a"]),
            "other": ([0.4, 0.6], []),
        }
    )
    with pytest.raises(UserError, match="evidence a=1 has probability 0"):
        net.query("b", {"a": 1})
    with pytest.raises(
        UserError, match="probability 0"
    ):  # although it is independent of the target
        net.query("other", {"a": 1})
    batch = net.query("other", {"a": [0, 1, 0]})
    assert batch.impossible.tolist() == [False, True, False]
    assert_equal(batch.values, [[0.4, 0.6], [0, 0], [0.4, 0.6]])
    assert "impossible" in repr(batch)
    with pytest.raises(UserError, match="row 1 has probability 0"):
        batch[1]
    assert net.query("b", do={"a": 1}).values.tolist() == [0.5, 0.5]  # doing is always possible


def grid(n):
    """n × n variables, each with its neighbours above and to the left: the width grows with n."""
    spec = {}
    for i in range(n):
        for j in range(n):
            parents = [f"v{a}_{b}" for a, b in ((i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
            table = np.full([2] * len(parents) + [2], 0.5)
            spec[f"v{i}_{j}"] = (table, parents)
    return BayesNet(spec)


def test_a_query_that_needs_too_much_memory_says_how_much_before_taking_it():
    net = grid(32)
    far = "v31_31"
    tracemalloc.start()
    with pytest.raises(UserError, match=r"needs about [\d,]+ bytes .* may take 1,000,000,000"):
        net.query(far)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
    with pytest.raises(UserError, match="bytes"):
        net.posteriors()
    with pytest.raises(UserError, match="bytes"):
        net.mpe()
    with pytest.raises(UserError, match="bytes"):
        net.compile(far)
    small = grid(8)
    with pytest.raises(UserError, match="may take 1,000:"):
        small.query("v7_7", memory=1000)
    assert_equal(small.query("v7_7"), [0.5, 0.5])


def test_a_batch_in_small_chunks_equals_one_in_large_ones():
    net, _, _ = hidden_chain(12)
    rng = np.random.default_rng(5)
    rows = {f"s{i}": rng.integers(50, size=500) for i in range(12)}
    small = net.query("h3", rows, memory=40_000)
    assert_equal(small.values, net.query("h3", rows).values, 1e-15)
