"""Missing values: expected counts by enumeration, a likelihood that never falls, closed forms."""

import math

import numpy as np
import pytest
from enumeration import assert_equal, enumerate_posteriors, random_network, random_question

from retroprop.bayes import BayesNet
from retroprop.bayes.columns import GAP
from retroprop.bayes.expectation import ExpectedCounts
from retroprop.bayes.learning import BDeu
from retroprop.errors import UserError

XY = BayesNet({"X": ([0.4, 0.6], []), "Y": ([[0.7, 0.3], [0.2, 0.8]], ["X"])})


def with_gaps(rng, columns, share=0.3):
    """The columns as whole numbers, some of them GAP; one column stays whole now and then."""
    found = {}
    for name, column in columns.items():
        gone = rng.random(len(column)) < share * (rng.random() < 0.8)
        found[name] = np.where(gone, GAP, column)
    return found


def as_floats(columns):
    """As a data frame keeps whole numbers with gaps."""
    return {
        name: np.where(one == GAP, np.nan, one) if (one == GAP).any() else one
        for name, one in columns.items()
    }


def enumerated_counts(net, columns):
    """Expected counts and log-likelihood, case by case, from the joint table."""
    counts = {name: np.zeros(net.tables[name].shape) for name in net.variables}
    total = 0.0
    for case in zip(*columns.values(), strict=True):
        seen = {name: s for name, s in zip(columns, case, strict=True) if s != GAP}
        if not seen:  # it tells nothing, and is left out
            continue
        families = [[*net.parents[name], name] for name in net.variables]
        posteriors, evidence = enumerate_posteriors(net, families, seen)
        total += math.log(evidence)
        for name, posterior in zip(net.variables, posteriors, strict=True):
            counts[name] += posterior
    return counts, total


def test_expected_counts_equal_enumeration():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = random_network(rng, n=int(rng.integers(1, 7)))
        columns = with_gaps(rng, net.sample(int(rng.integers(1, 30)), generator=seed))
        expected, total = enumerated_counts(net, columns)
        counts, log_likelihood = ExpectedCounts(net, columns, 10**9).under(net.tables)
        assert_equal(log_likelihood, total, 1e-9)
        for name in net.variables:
            assert_equal(counts[name], expected[name], 1e-10)


@pytest.mark.parametrize("prior", [None, 0.5, BDeu(10)])
def test_no_step_lowers_the_objective(prior):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        net = random_network(rng, n=int(rng.integers(2, 6)))
        columns = with_gaps(rng, net.sample(80, generator=seed), share=0.5)
        hidden = net.variables[0]
        if seed % 3 == 0:
            columns[hidden] = np.full(80, GAP)
        fitted = net.em(
            as_floats(columns), prior=prior, unseen="uniform", most_steps=25, tolerance=0
        )
        steps = np.diff(fitted.objectives)
        assert len(steps)
        assert (steps[0 if prior is None else 1 :] >= -1e-9).all()
        assert fitted.never_seen == tuple(v for v in columns if (columns[v] == GAP).all())
        # The last value is that of the network returned, not of one before or after it.
        _, total = enumerated_counts(fitted.network, columns)
        assert_equal(fitted.log_likelihoods[-1], total, 1e-8)
        if prior is None:
            assert fitted.objectives == fitted.log_likelihoods


def test_missing_at_random_effects_have_a_closed_form():
    # Y is missing depending on X alone: P(X) is that of all cases, P(Y | X) of the complete ones.
    rng = np.random.default_rng(0)
    x = XY.sample(3000, generator=1)["X"]
    y = np.where(rng.random(3000) < np.where(x == 0, 0.6, 0.1), GAP, XY.sample(3000)["Y"])
    fitted = XY.fit(as_floats({"X": x, "Y": y}))
    assert_equal(fitted.tables["X"], np.bincount(x) / 3000, 1e-6)
    for state in (0, 1):
        seen = y[(x == state) & (y != GAP)]
        assert_equal(fitted.tables["Y"][state], np.bincount(seen) / len(seen), 1e-4)


def test_missing_at_random_causes_have_a_closed_form():
    # X is missing depending on Y alone: P(Y) is that of all cases, P(X | Y) of the complete ones;
    # the graph allows every joint distribution, so their product is the likeliest.
    rng = np.random.default_rng(3)
    drawn = XY.sample(3000, generator=1)
    y = drawn["Y"]
    x = np.where(rng.random(3000) < np.where(y == 0, 0.7, 0.2), GAP, drawn["X"])
    joint = np.zeros((2, 2))
    np.add.at(joint, (x[x != GAP], y[x != GAP]), 1)
    joint = joint / joint.sum(0) * np.bincount(y) / 3000
    fitted = XY.em(as_floats({"X": x, "Y": y}), tolerance=1e-14)
    assert fitted.converged
    assert_equal(fitted.network.tables["X"], joint.sum(1), 1e-5)
    assert_equal(fitted.network.tables["Y"], joint / joint.sum(1, keepdims=True), 1e-5)
    # With a prior there is one step that changes nothing: the complete fit's own formula.
    penalised = XY.em(as_floats({"X": x, "Y": y}), prior=2, tolerance=1e-14).network
    counts, _ = ExpectedCounts(XY, {"X": x, "Y": y}, 10**9).under(penalised.tables)
    again = (counts["Y"] + 2) / (counts["Y"] + 2).sum(1, keepdims=True)
    assert_equal(penalised.tables["Y"], again, 1e-5)


def test_complete_data_are_fitted_in_one_step_as_before():
    data = XY.sample(200, generator=4)
    fitted = XY.em(data, prior=1)
    assert fitted.network.tables["Y"].tolist() == XY.fit(data, prior=1).tables["Y"].tolist()
    assert fitted.converged
    assert len(fitted.objectives) == 3


def test_a_variable_that_is_never_seen_is_found_up_to_the_names_of_its_states():
    symptom = [[0.9, 0.1], [0.2, 0.8]]
    net = BayesNet({"H": ([0.3, 0.7], [])} | {f"s{i}": (symptom, ["H"]) for i in range(4)})
    data = net.sample(20_000, generator=0)
    data["H"] = [None] * 20_000
    fitted = net.em(data)
    assert fitted.never_seen == ("H",)
    order = np.argsort(fitted.network.tables["H"])
    assert_equal(fitted.network.tables["H"][order], [0.3, 0.7], 0.03)
    assert_equal(fitted.network.tables["s2"][order], symptom, 0.03)
    # Exchanged, its states explain the data as well.
    assert net.em(data, starts=1, seed=5).log_likelihoods[-1] <= fitted.log_likelihoods[-1] + 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # pgmpy's own
def test_pgmpy_finds_the_same_tables():
    pytest.importorskip("pgmpy", reason="pgmpy is not installed")
    from benchmarks.bayes import measure_em

    found = measure_em(1)
    assert abs(found["ours_log_likelihood"] - found["peer_log_likelihood"]) < 1e-4


@pytest.mark.parametrize("gap", [None, float("nan"), "", "?"])
def test_every_spelling_of_a_gap_is_one(gap):
    net = BayesNet(
        {name: (XY.tables[name], XY.parents[name]) for name in XY.variables},
        {"X": ["no", "yes"], "Y": ["low", "high"]},
    )
    x, y = ["no", "yes", "yes", "no"], ["low", gap, "high", "high"]
    masked = np.ma.array([0, 1, 1, 1], mask=[False, True, False, False])
    expected = net.fit({"X": [0, 1, 1, 0], "Y": masked})
    assert net.fit({"X": x, "Y": y}) == expected
    assert net.fit({"X": np.array(x), "Y": np.array(y, dtype=object)}) == expected
    rows = net.query("X", given={"Y": y})
    assert_equal(rows.values[1], net.query("X").values)
    assert_equal(rows.values[2], net.query("X", given={"Y": "high"}).values)


def test_a_question_mark_that_is_a_state_is_no_gap():
    net = BayesNet({"a": ([0.5, 0.5], [])}, {"a": ["?", "known"]})
    assert net.fit({"a": ["?", "?", "?", "known"]}).tables["a"].tolist() == [0.75, 0.25]


def test_gaps_in_evidence_rows_equal_questions_without_them():
    for seed in range(80):
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        targets, given, do, soft = random_question(rng, net)
        if not given:
            continue
        columns = {v: rng.integers(-1, len(net.states[v]), size=7) for v in given}
        rows = as_floats(columns)
        answers, everything = net.query(targets, rows, do, soft), net.posteriors(rows, do, soft)
        logs = net.log_evidence(rows, do, soft)
        questions = [targets, *([name] for name in net.variables)]
        for row in range(7):
            seen = {v: column[row] for v, column in columns.items() if column[row] != GAP}
            posteriors, evidence = enumerate_posteriors(net, questions, seen, do, soft)
            if answers.is_batch and answers.impossible[row]:
                assert not posteriors
                continue
            expected, *alone = posteriors
            assert_equal(answers.values[row], expected)
            assert_equal(logs[row], math.log(evidence), 1e-11)
            for name, expected in zip(net.variables, alone, strict=True):
                assert_equal(everything[name].values[row], expected)


def test_what_a_gap_cannot_mean_is_explained():
    with pytest.raises(UserError, match="intervention sets a state in every row"):
        XY.query("Y", do={"X": [0, None]})
    with pytest.raises(UserError, match="column of X has gaps, and this query was compiled"):
        XY.compile("Y", given=["X"])(X=[0, None])
    with pytest.raises(UserError, match="X takes the name of a state or its position, got None"):
        XY.query("Y", given={"X": None})
    for options, sentence in (
        ({"starts": 0}, "starts is a whole number from 1, and got 0"),
        ({"most_steps": 2.5}, "most_steps is a whole number from 1"),
        ({"tolerance": -1}, "tolerance is a number of nats from 0"),
        ({"unseen": "drop"}, "unseen is refuse, uniform or keep"),
        ({"memory": 100}, "needs about [0-9,]+ bytes"),
    ):
        with pytest.raises(UserError, match=sentence):
            XY.em({"X": [0, 1, 1], "Y": [1, None, 0]}, **options)
