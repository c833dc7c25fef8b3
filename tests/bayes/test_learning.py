"""Tables from data: counts by hand, priors, and what is said of data that cannot be used."""

import numpy as np
import pytest

from retroprop.bayes import BayesNet
from retroprop.bayes.learning import BDeu
from retroprop.bayes.networks import load
from retroprop.errors import UserError

NET = BayesNet(
    {"A": ([0.5, 0.5], []), "B": (np.full((2, 3), 1 / 3), ["A"])},
    {"A": ["no", "yes"], "B": ["low", "mid", "high"]},
)
ROWS = [("no", "low"), ("no", "low"), ("no", "mid"), ("yes", "high")]
DATA = {"A": [a for a, _ in ROWS], "B": [b for _, b in ROWS]}


class Frame:
    """What `fit` asks of a data frame, and no more."""

    def __init__(self, columns):
        self._columns = {name: np.array(column, dtype=object) for name, column in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def test_maximum_likelihood_is_relative_frequency():
    for data in (
        DATA,
        Frame({**DATA, "other": [1, 2, 3, 4]}),
        {"A": np.array([0, 0, 0, 1]), "B": np.array([0, 0, 1, 2], np.uint8)},
        np.array([[0, 0], [0, 0], [0, 1], [1, 2]]),
        np.array(ROWS),
        {"A": [False, False, False, True], "B": DATA["B"]},
    ):
        fitted = NET.fit(data)
        assert fitted.tables["A"].tolist() == [0.75, 0.25]
        assert fitted.tables["B"].tolist() == [[2 / 3, 1 / 3, 0], [0, 0, 1]]
        assert fitted.states == NET.states


def test_the_priors_are_imagined_cases():
    assert NET.fit(DATA, prior=1).tables["B"].tolist() == [[3 / 6, 2 / 6, 1 / 6], [0.25, 0.25, 0.5]]
    bdeu = NET.fit(DATA, prior=BDeu(12))
    assert bdeu.tables["A"].tolist() == [9 / 16, 7 / 16]
    assert bdeu.tables["B"].tolist() == [[4 / 9, 3 / 9, 2 / 9], [2 / 7, 2 / 7, 3 / 7]]
    own = NET.fit(DATA, prior={"A": [0, 4]})
    assert own.tables["A"].tolist() == [3 / 8, 5 / 8]
    assert own.tables["B"].tolist() == NET.fit(DATA).tables["B"].tolist()
    assert NET.fit({"A": [], "B": []}, prior=1).tables["A"].tolist() == [0.5, 0.5]


def test_a_configuration_that_never_occurs_is_not_invented():
    data = {"A": ["no"] * 3, "B": ["low", "low", "mid"]}
    with pytest.raises(UserError, match=r"no case has A=yes, .* B there \(1 of 2 rows"):
        NET.fit(data)
    assert NET.fit(data, unseen="uniform").tables["B"].tolist()[1] == [1 / 3] * 3
    other = NET.fit(DATA)
    assert other.fit(data, unseen="keep").tables["B"].tolist()[1] == [0, 0, 1]
    assert NET.fit(data, prior=1).tables["B"].tolist()[1] == [1 / 3] * 3
    with pytest.raises(UserError, match="there is no case"):
        NET.fit({"A": [], "B": []})


def test_enough_samples_give_the_network_back():
    net = load("asia")
    generator = np.random.default_rng(0)
    columns = {}
    for name in net.topological_order:
        rows = net.tables[name][tuple(columns[p] for p in net.parents[name])]
        rows = np.broadcast_to(rows, (200_000, rows.shape[-1]))
        columns[name] = (generator.random(200_000)[:, None] > rows.cumsum(-1)).sum(-1)
    fitted = net.fit(columns, unseen="keep")
    for name in net.variables:
        error = np.abs(fitted.tables[name] - net.tables[name]).max()
        assert error < 0.04
    assert fitted.tables["either"].tolist() == net.tables["either"].tolist()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"A": ["no"]}, "the data have no column 'B'"),
        ({"A": ["no"], "b": ["low"]}, "no column 'B'. Did you mean 'b'?"),
        ({"A": ["no", "yes"], "B": ["low"]}, "one length, and B has 1 cases but A has 2"),
        ({"A": ["no", "yse"], "B": ["low", "low"]}, "case 1 .* no state 'yse'. Did you mean 'yes'"),
        ({"A": ["no", "no"], "B": ["low", None]}, r"no case has A=yes, .* B there \(1 of 2 rows"),
        ({"A": ["no", float("nan")], "B": ["low", "lwo"]}, "case 1 .* no state 'lwo'"),
        (
            {"A": np.array([0.5, np.nan]), "B": ["low", "low"]},
            "case 0 .* takes the name .* got 0.5",
        ),
        ({"A": [None, None], "B": [None, None]}, "there is no case"),
        ({"A": np.array([0.0, 1.0]), "B": ["low", "low"]}, "takes the name .* got 0.0"),
        ({"A": np.array([0, 2]), "B": ["low", "low"]}, "case 1 .* positions 0 to 1, and got 2"),
        ({"A": np.array([0, -1]), "B": ["low", "low"]}, "positions 0 to 1, and got -1"),
        ({"A": [["no"], ["yes"]], "B": ["low", "low"]}, "must have one axis, and got 2"),
        ({"A": np.array([[], "no"], object), "B": ["low", "low"]}, r"has no state \[\]"),
        (np.zeros((3, 5), int), r"an array \(cases, 2\), and got an array of shape \(3, 5\)"),
        ("text", "got an array of shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_that_cannot_be_used_are_explained(data, sentence):
    with pytest.raises(UserError, match=sentence):
        NET.fit(data)


def test_a_number_that_is_also_a_name_is_explained():
    die = BayesNet({"die": (np.full(6, 1 / 6), [])}, {"die": [*"123456"]})
    with pytest.raises(UserError, match="a number is a position; for a name, make the column text"):
        die.fit({"die": np.array([1, 6])})
    assert die.fit({"die": np.array(["1", "6"])}).tables["die"].tolist() == [0.5, 0, 0, 0, 0, 0.5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prior": -1}, "imagined cases from 0"),
        ({"prior": float("nan")}, "imagined cases from 0"),
        ({"prior": BDeu(float("inf"))}, "imagined cases from 0"),
        ({"prior": "BDeu"}, "and got 'BDeu'"),
        ({"prior": True}, "and got True"),
        ({"prior": {"C": [1]}}, "no variable 'C'"),
        ({"prior": {"A": [1, 2, 3]}}, r"prior of A needs the shape \(2,\), and got \(3,\)"),
        ({"prior": {"A": [1, -2]}}, "prior of A must be numbers from 0"),
        ({"unseen": "unifrom"}, "Did you mean 'uniform'"),
    ],
)
def test_a_wrong_prior_is_explained(options, sentence):
    with pytest.raises(UserError, match=sentence):
        NET.fit(DATA, **options)
