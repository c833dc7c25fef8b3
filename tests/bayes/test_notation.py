"""Questions as people write them: what they mean, and what is said of those that mean nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroprop.bayes import BayesNet, NamedTable
from retroprop.bayes.networks import load
from retroprop.bayes.notation import Question, conditions, parse_question
from retroprop.errors import UserError

NET = load("inf8225")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("P(G)", Question(("G",))),
        ("Pr( G ,R|S = s1 )", Question(("G", "R"), given={"S": 1})),
        ("P(G=g2, R | S=1, D=d0)", Question(("G", "R"), {"G": 2}, {"S": 1, "D": 0})),
        ("P(G | R=1, do(S=0))", Question(("G",), given={"R": 1}, do={"S": 0})),
        ("p(G|do(S=0, D=1),R=1)", Question(("G",), given={"R": 1}, do={"S": 0, "D": 1})),
        ("P(G | do(S=0), do(D=1))", Question(("G",), do={"S": 0, "D": 1})),
        ("P(S | L~[0.2, 1e-1])", Question(("S",), soft={"L": [0.2, 0.1]})),
        ("P(G | R, do(S))", Question(("G",), each_given=("R",), each_do=("S",))),
        ("P(\"G\" | 'R'='r1')", Question(("G",), given={"R": 1})),
        ("P(G ∣ R=1)", Question(("G",), given={"R": 1})),
    ],
)
def test_a_question_is_read(text, question):
    assert parse_question(NET, text) == question


def test_an_answer_is_that_of_the_query():
    found = NET.ask("P(R, G | L=1, do(D=d1), S~[0.3, 0.4])")
    expected = NET.query(["R", "G"], given={"L": 1}, do={"D": 1}, soft={"S": [0.3, 0.4]})
    assert isinstance(found, NamedTable)
    assert np.array_equal(found.values, expected.values)
    assert found.names == ("R", "G")
    assert found.title == "P(R, G | L=1, do(D=d1), S~[0.3, 0.4])"


def test_targets_with_states_ask_for_a_number():
    number = NET.ask("P(G=1 | L=1)")
    assert isinstance(number, float)
    assert number == pytest.approx(7720 / 55_983, rel=1e-15)
    both = NET.ask("P(R=r1, G=g2)")
    assert both == NET.query(["R", "G"])["r1", "g2"]
    part = NET.ask("P(R, G=g2)")
    assert part.names == ("R",)
    assert part.values.sum() == pytest.approx(0.5644)


def test_a_condition_without_a_state_asks_for_each():
    found = NET.ask("P(G, L=1 | S, D=d1, do(R))")
    assert found.names == ("S", "R", "G")
    for s, r in itertools.product(range(2), range(2)):
        expected = NET.query(["G", "L"], given={"S": s, "D": 1}, do={"R": r})[{"L": 1}]
        assert np.allclose(found.values[s, r], expected.values, atol=1e-15)


def test_names_go_before_positions():
    net = BayesNet({"die": ([0.5, 0.2, 0.3], [])}, {"die": ["3", "1", "2"]})
    assert net.ask("P(die=3)") == 0.5
    assert net.ask("P(die='1')") == 0.2
    assert net.ask("P(die=0)") == 0.5


def test_a_name_with_blanks_stands_between_quotes():
    net = BayesNet({"wet grass": ([0.5, 0.5], []), "do": ([0.1, 0.9], [])}, {"do": ["a b", "(c)"]})
    assert net.ask("P('wet grass'=1 | do='a b')") == 0.5
    assert net.ask('P(do="(c)")') == 0.9
    assert net.ask("P(do | do('wet grass'=0))")["a b"] == 0.1


@pytest.mark.parametrize(
    ("marked", "sentence"),
    [
        ("▸", "expected a question such as P(G | R=1, do(S=0)), and got the end"),
        ("▸Q(G)", "expected a question"),
        ("P(G▸", "expected ')', and got the end"),
        ("P(▸)", "expected the name of a variable"),
        ("P(G | ▸)", "expected the name of a variable"),
        ("P(G,▸,R)", "expected the name of a variable"),
        ("P(G | ▸RR=1)", "there is no variable 'RR'. Did you mean 'R'?"),
        ("P(G | R=▸7)", "R has the states 0 to 1 (r0, r1), got 7"),
        ("P(G | R=▸s1)", "R has no state 's1'"),
        ("P(G | R=▸)", "expected a state of R"),
        ("P(G, ▸G)", "G stands here for the second time"),
        ("P(G | R=1, do(▸R=0))", "R stands here for the second time"),
        ("P(G | do(▸))", "expected the name of a variable"),
        ("P(G | do(S=0)▸", "expected ')', and got the end"),
        ("P(G | L~▸0.5)", "expected '['"),
        ("P(G | L~▸[1, 2, 3])", "expected a number for each of the 2 states of L, and got 3"),
        ("P(G | L~▸[0, 0])", "expected a number above 0"),
        ("P(G | L~[1, ▸-1])", "expected a number from 0"),
        ("P(G | L~[1, ▸1e999])", "expected a number from 0"),
        ("P(G) ▸= 1", "expected the end of the question"),
        ("P(G | ▸'R=1)", "expected the name of a variable"),
    ],
)
def test_an_error_points_at_the_character(marked, sentence):
    with pytest.raises(UserError) as refusal:
        NET.ask(marked.replace("▸", ""))
    said = str(refusal.value)
    place = f"character {marked.index('▸') + 1}, at ▸ in {marked!r}: "
    assert said.startswith(place)
    assert said.removeprefix(place).startswith(sentence)


def test_what_has_no_answer_says_so():
    wet = load("sprinkler")
    for text, sentence in {
        "P(Cloudy | WetGrass=yes, Sprinkler=no, Rain)": "for Rain=no, which has probability 0",
        "P(Cloudy | WetGrass=yes, Sprinkler=no, Rain=no)": "probability 0",
        "P(Rain | Rain=yes)": "its state is known",
    }.items():
        with pytest.raises(UserError, match=sentence):
            wet.ask(text)
    assert wet.ask("P(Rain | WetGrass=yes, Sprinkler=no, Cloudy)").values[:, 1].tolist() == [1, 1]


def test_a_question_that_is_no_text_or_endless_is_refused():
    with pytest.raises(UserError, match="a question is a text"):
        NET.ask(3)
    with pytest.raises(UserError, match="at most 10,000 characters, and got 20,003"):
        NET.ask("P(" + "G" * 20_000 + ")")


def test_too_many_answers_are_refused_before_they_are_made():
    net = BayesNet({f"v{i}": (np.full(10, 0.1), []) for i in range(20)})
    names = ", ".join(f"v{i}" for i in range(1, 20))
    with pytest.raises(UserError, match=r"asks for 10,000,\S+ answers"):
        net.ask(f"P(v0 | {names})")


def test_conditions_are_read_one_by_one_or_together():
    assert conditions(NET, ["R=1", "S=s0, G=g2"]) == {"R": 1, "S": 0, "G": 2}
    assert conditions(NET, []) == {}
    for words, sentence in {
        ("R",): "expected '=' and a state of R",
        ("R=1", "R=0"): "R stands here for the second time",
        ("R=1;S=0",): "R has no state '1;S'",
        ("",): "expected the name of a variable",
        ("R=1 S=0",): "expected ',' or the end",
    }.items():
        with pytest.raises(UserError, match=sentence):
            conditions(NET, list(words))


PIECES = [*"P(|,)=~[] \"'∣", "do(", "Pr(", "G", "R", "s0", "1", "0.5", "1e9", "g2", "\n", "é", "\0"]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join))
def test_any_text_is_answered_or_explained(text):
    for question in (text, "P(" + text, f"P(G | {text})"):
        try:
            answer = NET.ask(question)
        except UserError as error:
            answer = str(error)
        assert isinstance(answer, NamedTable | float | str)
        if isinstance(answer, str):
            assert answer
            assert len(answer) < 700
        else:
            assert np.isfinite(np.asarray(answer)).all()


STATES = {name: NET.states[name] for name in NET.variables}


@st.composite
def questions(draw):
    names = list(draw(st.permutations(NET.variables)))
    pieces = []
    roles = draw(st.lists(st.sampled_from(["given", "do", "target"]), min_size=4, max_size=4))
    targets, given, do = [names.pop()], {}, {}
    for role in roles:
        name = names.pop()
        if role == "target":
            targets.append(name)
        else:
            state = draw(st.integers(0, len(STATES[name]) - 1))
            (given if role == "given" else do)[name] = state
            written = f"{name}={draw(st.sampled_from([str(state), STATES[name][state]]))}"
            pieces.append(f"do({written})" if role == "do" else written)
    bar = f" | {', '.join(pieces)}" if pieces else ""
    return f"P({', '.join(targets)}{bar})", targets, given, do


@settings(max_examples=100)
@given(questions())
def test_a_written_question_means_what_was_written(question):
    text, targets, given, do = question
    assert parse_question(NET, text) == Question(tuple(targets), given=given, do=do)
