"""No question takes more memory than it may: refused before it is taken, or answered in less."""

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from enumeration import assert_equal, enumerate_posterior, random_network, random_question

from retroprop.bayes import BayesNet, NamedTable, queries
from retroprop.errors import UserError


def chain(n, states=5):
    """q0 → q1 → … of random tables."""
    rng = np.random.default_rng(0)
    spec = {}
    for i in range(n):
        table = rng.random((states,) * (2 if i else 1)) + 0.1
        spec[f"q{i}"] = (table / table.sum(-1, keepdims=True), [f"q{i - 1}"] if i else [])
    return BayesNet(spec)


HUGE = """
import resource
import numpy as np
from test_memory import chain
from retroprop.bayes import BayesNet
from retroprop.errors import UserError

net = chain(40)
names = list(net.variables)
wide = BayesNet({"a": (np.full(2**16, 2.0**-16), []), "b": (np.full(2**14, 2.0**-14), [])})
copies = BayesNet({"x": ([0.5, 0.5], [])} | {f"c{i}": (np.eye(2), ["x"]) for i in range(40)})
rows = np.zeros(10**6, dtype=int)
questions = [
    lambda: net.query(names[5:22]),
    lambda: net.query(names[5:22]),
    lambda: net.query(names[5:17]),
    lambda: net.query(names[5:17]),
    lambda: net.query(names, given=None, do=None),
    lambda: net.query(names[3:15], given={"q0": 1}, do={"q1": 2}, soft={"q2": [1, 2, 3, 4, 5]}),
    lambda: net.query(names[5:15], given={"q0": [0, 1, 2, 3, 4] * 9}),
    lambda: net.compile(names[5:22]),
    lambda: net.compile(names[5:12], given=["q0"])(q0=rows),
    lambda: net.posteriors({"q0": rows}),
    lambda: net.posteriors({"q0": rows.astype(object) * np.nan}),
    lambda: net.log_evidence({"q0": rows}, memory=10**6),
    lambda: net.sample(10**9),
    lambda: net.sample(10**12, given={"q3": 1}),
    lambda: net.ask(f"P({', '.join(names)})"),
    lambda: net.ask("P(q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16=2 | q0)"),
    lambda: wide.ask("P(b | a)"),
    lambda: wide.query("b", given={"a": np.arange(2**16)}),
    lambda: copies.counterfactual([f"c{i}" for i in range(30)], given={"c39": 1}, do={"x": 1}),
    lambda: copies.counterfactual([f"c{i}" for i in range(30)], given={}, do={"c0": 1}),
]
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 400_000_000, -1))
for i, question in enumerate(questions):
    try:
        print(i, "answered", type(question()).__name__)
    except UserError as error:
        print(i, "refused:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on address space is Linux's")
def test_what_is_too_large_is_refused_in_every_way_of_asking():
    # 400 MB of address space beside what Python takes: an array of any of these does not fit.
    done = subprocess.run(
        [sys.executable, "-c", HUGE],
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 20
    assert [line for line in lines if "refused" not in line] == []
    assert all(" bytes (" in line and len(line) < 300 for line in lines), lines
    assert "The answer needs about 6,103,515,625,000 bytes (6.1 TB)" in lines[0]
    assert "The answer to 65,536 rows needs about 8,589,934,592 bytes (8.6 GB)" in lines[17]


def answer_or_refusal(question):
    """What a question gives and None, or None and why it is refused."""
    try:
        return question(), None
    except UserError as error:
        return None, str(error)


def questions(net, names, rng):
    """One of each kind about a network, with a few variables asked and a few observed."""
    asked, observed = names[: int(rng.integers(1, 9))], names[10 : 10 + int(rng.integers(1, 4))]
    row = {name: int(rng.integers(len(net.states[name]))) for name in observed}
    rows = {name: rng.integers(len(net.states[name]), size=20_000) for name in observed}
    yield lambda memory: net.query(asked, row, memory=memory)
    yield lambda memory: net.query(asked, row, memory=memory)  # a plan, where the first was none
    yield lambda memory: net.query(asked, rows, memory=memory)
    yield lambda memory: net.posteriors(rows, memory=memory)
    yield lambda memory: net.log_evidence(rows, memory=memory)
    yield lambda memory: net.sample(50_000, row, memory=memory)
    yield lambda memory: net.mpe(row, memory=memory)
    yield lambda memory: net.counterfactual(
        asked, given=row, do={observed[0]: 0}, mechanism="monotone", memory=memory
    )


def test_what_is_answered_takes_no_more_than_it_may():
    answered = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        net = chain(14, states=int(rng.integers(3, 7)))
        names = [str(name) for name in rng.permutation(net.variables)]
        for question in questions(net, names, rng):
            memory = int(10 ** rng.uniform(6.5, 7.5))
            tracemalloc.start()
            answer, refusal = answer_or_refusal(lambda q=question, m=memory: q(m))
            answered += answer is not None
            assert refusal is None or "bytes" in refusal
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 1.1 * memory + 1_000_000  # the plan itself is a few objects
    assert 10 <= answered < 32


def test_plans_of_large_values_are_not_all_kept():
    net = chain(12, states=8)
    for i in range(4):
        plan = net.inference.plan
        signature = queries.Signature(tuple(range(i, i + 8)))
        assert plan(signature, 10**10, 1).kept_bytes >= 8**8 * 8
    assert len(net.inference.plans) <= 2


def table_entry(net, states):
    """log P of a joint state of all variables: the sum of the logs of its entries."""
    index = {name: net.state_index(name, state) for name, state in states.items()}
    return sum(
        math.log(net.tables[name][tuple(index[v] for v in (*net.parents[name], name))])
        for name in net.variables
    )


@pytest.mark.parametrize("n", [20, 76, 400])
def test_the_probability_of_one_joint_state_is_a_number_however_many_variables(n):
    net = chain(n)
    states = {name: i % 5 for i, name in enumerate(net.variables)}
    written = ", ".join(f"{name}={state}" for name, state in states.items())
    assert_equal(net.ask(f"P({written})") / math.exp(table_entry(net, states)), 1.0, 1e-9)
    # Of some of them as a distribution, of the others one state.
    some = net.ask(f"P(q19, {written.replace('q19=4', 'q18=3', 1).split(', q18=3')[0]})")
    assert some.names == ("q19",)
    head = {name: states[name] for name in net.variables[:18]}
    expected = math.exp(net.log_evidence(head)) * net.query("q19", head).values
    assert_equal(some.values / expected, np.ones(5), 1e-9)


def test_a_joint_state_equals_the_entry_of_the_joint_table(monkeypatch):
    monkeypatch.setattr(queries, "READ_OFF", 0)  # from the first entry on, not from 4,096
    for seed in range(150):
        rng = np.random.default_rng(seed)
        net = random_network(rng)
        targets, given, do, soft = random_question(rng, net)
        if rng.random() < 0.3:  # what is asked may have soft evidence of its own
            soft[targets[0]] = rng.random(len(net.states[targets[0]]))
        at = {v: int(rng.integers(len(net.states[v]))) for v in targets if rng.random() < 0.6}
        expected, _ = enumerate_posterior(net, targets, given, do, soft)
        if expected is None:
            with pytest.raises(UserError, match="probability 0"):
                queries.query_at(net, targets, at, given, do, soft)
            continue
        wanted = expected[tuple(at.get(v, slice(None)) for v in targets)]
        found, mask = queries.query_at(net, targets, at, given, do, soft)
        assert mask is None
        assert_equal(found, wanted, 1e-10)
        rows = {v: np.array([state, state]) for v, state in given.items()}
        if rows:
            found, mask = queries.query_at(net, targets, at, rows, do, soft)
            assert not mask.any()
            assert_equal(found, np.stack([wanted, wanted]), 1e-10)


def test_a_large_table_is_printed_without_making_all_its_lines():
    names = [f"v{i}" for i in range(18)]
    states = dict.fromkeys(names, ("0", "1"))
    one = NamedTable.unchecked(np.zeros((2,) * 18), tuple(names), states, None, lambda: "P")
    no_row = np.zeros(3, dtype=bool)
    rows = NamedTable.unchecked(np.zeros((3, *(2,) * 18)), tuple(names), states, no_row, str)
    tracemalloc.start()
    assert repr(one).endswith("… 262,084 lines more")
    assert repr(rows).endswith("… 261,144 columns more")
    assert len(one._repr_html_()) < 100_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_more_axes_than_an_array_can_have_are_explained():
    spec = {f"o{i}": ([1.0], []) for i in range(80)}
    net = BayesNet(spec | {"x": ([0.5, 0.5], ["o0"][:0])})
    with pytest.raises(UserError, match="at most 64 axes"):
        net.query([f"o{i}" for i in range(70)])
    joined = {
        f"c{j}": (np.ones((1,) * 41), [f"o{i}" for i in range(40 * j, 40 * j + 40)]) for j in (0, 1)
    }
    joined["d"] = (np.full((1, 1, 2), 0.5), ["c0", "c1"])
    net = BayesNet(spec | joined)
    for question in (lambda: net.query("d"), net.posteriors, net.mpe, lambda: net.sample(2)):
        _, refusal = answer_or_refusal(question)
        assert refusal is None or "variables at once" in refusal
    assert_equal(net.ask("P(d=1, " + ", ".join(f"o{i}=0" for i in range(80)) + ")"), 0.5)


@pytest.mark.parametrize("memory", [0, -5, 1.5, "1 GB", True])
def test_memory_that_is_no_number_of_bytes_is_explained(memory):
    for question in (chain(3).query, chain(3).compile):
        with pytest.raises(UserError, match="memory is a whole number of bytes above 0"):
            question("q0", memory=memory)
