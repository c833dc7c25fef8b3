"""What is no network is refused with its place and its fix; what is one never changes."""

import pickle

import numpy as np
import pytest
from enumeration import random_network

from retroprop.bayes import BayesNet, NamedTable
from retroprop.errors import UserError

FAIR = [0.5, 0.5]
FLIP = [FAIR, FAIR]


@pytest.mark.parametrize(
    ("spec", "states", "sentence"),
    [
        ({}, None, "at least one variable"),
        ([1], None, "at least one variable"),
        ({"a": FAIR}, None, r"a needs a pair"),
        ({"a": (FAIR, "b"), "b": (FAIR, [])}, None, "a needs a pair"),
        ({1: (FAIR, [])}, None, "non-empty string, got 1"),
        ({"a": (FLIP, ["bb"]), "bc": (FAIR, [])}, None, "unknown parent 'bb'. Known: a, bc"),
        ({"a": ([FLIP, FLIP], ["b", "b"]), "b": (FAIR, [])}, None, "parent b twice"),
        (
            {"a": (FLIP, ["c"]), "b": (FLIP, ["a"]), "c": (FLIP, ["b"])},
            None,
            "cycle: (a → b → c → a|b → c → a → b|c → a → b → c)",
        ),
        ({"a": (FLIP, ["a"])}, None, "cycle: a → a"),
        ({"a": ([0.5, 0.6], [])}, None, "a sum to 1.1, not to 1"),
        (
            {"a": (FAIR, []), "b": ([FAIR, [0.5, 0.4]], ["a"])},
            {"a": ["no", "yes"]},
            "b given a=yes sum to 0.9",
        ),
        ({"a": ([1.5, -0.5], [])}, None, "negative at a=1: -0.5"),
        ({"a": ([np.nan, 1], [])}, None, "not finite at a=0: nan"),
        ({"a": ([np.inf, 1], [])}, None, "not finite"),
        (
            {"a": ([0.2, 0.3, 0.5], []), "b": ([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]], ["a"])},
            {"b": ["x", "y"]},
            r"needs the shape \(3, 2\) \[a, b\], got \(2, 3\) \(transposed\?\)",
        ),
        (
            {"a": (FAIR, []), "b": ([0.1, 0.9, 0.2, 0.8], ["a"])},
            {"b": ["x", "y"]},
            r"got \(4,\) \(flattened\?\)",
        ),
        ({"a": ([0.2, 0.3, 0.5], [])}, {"a": ["x", "y"]}, r"shape \(2,\) \[a\], got \(3,\)"),
        ({"a": (["x", "y"], [])}, None, "no array of numbers"),
        ({"a": (0.5, [])}, None, "at least one state"),
        ({"a": (FAIR, [])}, {"b": ["x", "y"]}, "unknown variable 'b'"),
        ({"a": (FAIR, [])}, {"a": ["x", "x"]}, "state 'x' twice"),
        ({"a": (FAIR, [])}, {"a": "xy"}, "list of names"),
        ({"a": (FAIR, [])}, {"a": ["", "y"]}, "non-empty string"),
    ],
)
def test_what_is_no_network_is_refused(spec, states, sentence):
    with pytest.raises(UserError, match=sentence):
        BayesNet(spec, states)


def test_rounded_tables_are_normalised_and_exact_ones_kept_bit_by_bit():
    rounded = BayesNet({"a": ([0.333, 0.333, 0.333], [])})
    assert rounded.tables["a"].sum() == pytest.approx(1, abs=1e-15)
    exact = np.array([0.1, 0.2, 0.7])
    assert (BayesNet({"a": (exact, [])}).tables["a"] == exact).all()
    again = BayesNet({"a": (rounded.tables["a"], [])})
    assert (again.tables["a"] == rounded.tables["a"]).all()


def test_a_network_never_changes():
    table = np.array(FAIR)
    net = BayesNet({"a": (table, [])})
    table[0] = 9
    assert net.tables["a"].tolist() == FAIR
    with pytest.raises(ValueError, match="read-only"):
        net.tables["a"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        net.query("a").values[0] = 1
    for mapping in (net.tables, net.parents, net.states, net.children):
        with pytest.raises(TypeError):
            mapping["b"] = ()
    surgery = net.intervene({"a": 1})
    assert surgery.tables["a"].tolist() == [0, 1]
    assert net.tables["a"].tolist() == FAIR


def test_equal_networks_are_equal_and_survive_pickling():
    for seed in range(20):
        net = random_network(np.random.default_rng(seed))
        net.posteriors()
        copy = pickle.loads(pickle.dumps(net))
        assert copy == net
        assert hash(copy) == hash(net)
        other = random_network(np.random.default_rng(seed + 100))
        assert other != net
        assert net != "a network"


def test_the_graph_is_known():
    net = BayesNet({"c": ([FLIP, FLIP], ["a", "b"]), "a": (FAIR, []), "b": (FLIP, ["a"])})
    assert net.variables == ("c", "a", "b")
    assert net.topological_order == ("a", "b", "c")
    assert net.children["a"] == ("c", "b")
    assert net.ancestors("c") == {"a", "b"}
    assert net.descendants(["a"]) == {"b", "c"}
    assert net.descendants("c") == frozenset()
    assert "P(c | a, b)  0, 1" in repr(net)
    assert "<td>a, b</td>" in net._repr_html_()


@pytest.mark.parametrize(
    ("state", "position"),
    [("no", 1), ("yes", 0), (0, 0), (np.int64(1), 1), (True, 0), (False, 1), (np.True_, 0)],
)
def test_a_state_is_a_name_or_a_position_and_true_is_the_one_called_yes(state, position):
    net = BayesNet({"a": (FAIR, [])}, states={"a": ["yes", "no"]})
    assert net.state_index("a", state) == position
    assert net.query("a").values.shape == (2,)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("yse", "no state 'yse'. Did you mean 'yes'"),
        (2, r"states 0 to 1 \(yes, no\), got 2"),
        (-1, "got -1"),
        (1.0, "name of a state or its position, got 1.0"),
        (None, "got None"),
    ],
)
def test_a_bad_state_is_explained(state, sentence):
    net = BayesNet({"a": (FAIR, []), "b": (FLIP, ["a"])}, states={"a": ["yes", "no"]})
    with pytest.raises(UserError, match=sentence):
        net.state_index("a", state)
    with pytest.raises(UserError, match=sentence):
        net.query("b", {"a": state})


def test_true_needs_a_state_that_it_can_mean():
    net = BayesNet({"a": (FAIR, [])}, states={"a": ["red", "blue"]})
    with pytest.raises(UserError, match="no state that True could mean: give one of red, blue"):
        net.state_index("a", True)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"targets": "G"}, "no variable 'G'. Did you mean 'g'"),
        ({"targets": []}, "at least one variable"),
        ({"targets": ["g", "g"]}, "named twice"),
        ({"targets": "g", "given": {"g": 0}}, "asked and also given"),
        ({"targets": "g", "do": {"g": 0}}, "asked and also fixed by do"),
        ({"targets": "g", "given": {"r": 0}, "do": {"r": 0}}, "r is both given and done"),
        ({"targets": "g", "given": {"r": 0}, "soft": {"r": FAIR}}, "r is both given and soft"),
        ({"targets": "g", "do": {"r": 0}, "soft": {"r": FAIR}}, "r is both soft and done"),
        ({"targets": "g", "given": {"x": 0}}, "no variable 'x'"),
        ({"targets": "g", "given": "r"}, "mapping from variables to states, got 'r'"),
        ({"targets": "g", "given": {"r": [0, 1], "s": [0, 1, 1]}}, "s has 3, r has 2 rows"),
        ({"targets": "g", "given": {"r": [0, 7]}}, "states 0 to 1"),
        ({"targets": "g", "given": {"r": ["0", "7"]}}, "no state '7'"),
        ({"targets": "g", "given": {"r": [[0], [1]]}}, r"column, got the shape \(2, 1\)"),
        ({"targets": "g", "do": {"r": [0.0, np.nan]}}, "missing values"),
        ({"targets": "g", "given": {"r": [0.5, np.nan]}}, "row 0: .* position, got 0.5"),
        ({"targets": "g", "given": {"r": [0.5, 1.0]}}, "name of a state or its position, got 0.5"),
        ({"targets": "g", "soft": {"r": [0.5, 0.2, 0.3]}}, r"shape \(2,\), or \(rows, 2\)"),
        ({"targets": "g", "soft": {"r": [-1, 2]}}, "finite and not negative"),
        ({"targets": "g", "soft": {"r": [0, 0]}}, "0 for every state"),
        ({"targets": "g", "soft": {"r": ["a", "b"]}}, "no array of numbers"),
    ],
)
def test_a_question_without_meaning_is_explained(question, sentence):
    net = BayesNet({"s": (FAIR, []), "r": (FLIP, ["s"]), "g": (FLIP, ["s"])})
    with pytest.raises(UserError, match=sentence):
        net.query(**question)


@pytest.mark.parametrize("n", [-1, 1.5, True, "3"])
def test_the_number_of_samples_is_checked(n):
    with pytest.raises(UserError, match="number of samples"):
        BayesNet({"a": (FAIR, [])}).sample(n)


def test_an_empty_batch_has_no_answers_and_no_error():
    net = BayesNet({"s": (FAIR, []), "r": (FLIP, ["s"])})
    empty = np.zeros(0, dtype=int)
    assert net.query("s", {"r": empty}).values.shape == (0, 2)
    assert net.posteriors({"r": empty})["r"].values.shape == (0, 2)
    assert net.log_evidence({"r": empty}).shape == (0,)
    assert all(len(column) == 0 for column in net.sample(0).values())


# --- tables ---------------------------------------------------------------------------------------


def test_a_table_is_read_by_names_positions_and_mappings():
    states = {"A": ["a0", "a1"], "B": ["b0", "b1", "b2"]}
    table = NamedTable([[0.1, 0.2, 0.3], [0.1, 0.1, 0.2]], ["A", "B"], states)
    assert table["a0", "b2"] == table[0, 2] == table[{"B": 2, "A": "a0"}] == 0.3
    assert table["a1"].values.tolist() == [0.1, 0.1, 0.2]
    assert table[{"B": "b1"}].title == "P(A, B=b1)"
    assert table.to_dict()[("a1", "b2")] == 0.2
    assert np.asarray(table).sum() == pytest.approx(1)
    assert "<td" in table._repr_html_()
    for key, sentence in (
        ("a2", "no state 'a2'"),
        ({"C": 0}, "no variable 'C'"),
        ((0, 0, 0), "2 axes"),
    ):
        with pytest.raises(UserError, match=sentence):
            table[key]
    with pytest.raises(UserError, match="needs the shape"):
        NamedTable([0.1, 0.9], ["A", "B"], states)


def test_a_batch_is_read_by_rows_and_by_states():
    net = BayesNet({"s": (FAIR, []), "r": ([[0.2, 0.8], [1, 0]], ["s"])})
    batch = net.query("s", {"r": [0, 1, 1]})
    assert len(batch) == 3
    assert batch[1].values.tolist() == [1, 0]
    assert batch["0"].tolist() == batch.values[:, 0].tolist()
    assert repr(batch).splitlines()[1].split() == ["row", "0", "1"]
    with pytest.raises(UserError, match="many answers"):
        batch.to_dict()
