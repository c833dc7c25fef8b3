"""`retroprop bayes` as a person meets it."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
from tests import processes

from retroprop.bayes import BayesNet
from retroprop.bayes.files import FORMATS, Format
from retroprop.bayes.networks import NETWORKS, load
from retroprop.cli.bayes import FormatName
from retroprop.cli.help_texts import BAYES
from retroprop.figures.bayes_network import draw_network


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def function_of(name):
    module = import_module("retroprop.cli.bayes")
    return getattr(module, "list_networks" if name == "list" else name)


@pytest.mark.parametrize("name", BAYES)
def test_the_summary_in_the_list_is_the_first_line_of_the_docstring(name):
    assert function_of(name).__doc__.splitlines()[0] == BAYES[name].splitlines()[0]


@pytest.mark.parametrize("name", BAYES)
def test_every_parameter_is_described(call, name):
    code, out, _ = call("bayes", name, "--help")
    assert code == 0
    words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", out).split())
    for parameter in inspect.signature(function_of(name)).parameters:
        assert parameter.upper() in words or f"--{parameter}" in words


@pytest.mark.parametrize(
    "arguments", [["bayes", "--help"], ["bayes", "list"], ["bayes", "query", "asia", "dysp"]]
)
def test_the_commands_import_neither_torch_nor_matplotlib(arguments):
    command = ("-X", "importtime", "-m", "retroprop", *arguments)
    done = processes.run(**processes.python(*command), check=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "retroprop" in modules
    assert modules.isdisjoint({"torch", "matplotlib", "typst", "sqlalchemy"})


def test_list_names_every_shipped_network_and_its_source(call):
    code, out, err = call("bayes", "list")
    assert (code, err) == (0, "")
    for name in NETWORKS:
        assert re.search(rf"^{name} +\d variables\. ", out, re.MULTILINE)
    words = " ".join(out.split())
    assert "Lauritzen and Spiegelhalter" in words
    assert all(len(line) <= 80 for line in out.splitlines())


def test_show_prints_the_tables(call):
    code, out, err = call("bayes", "show", "inf8225")
    assert (code, err) == (0, "")
    assert "source: INF8225, TP1" in out
    assert "5 variables, 4 arrows, 26 probabilities" in out
    assert "P(G | S, D)\n  S   D    g0    g1    g2\n  s0  d0  0.5   0.3   0.2\n" in out


def test_query_answers_in_both_ways(call):
    expected = (
        "G   P(G | R=r1, S=s0)\n"
        "g0               0.54\n"
        "g1              0.278\n"
        "g2              0.182\n"
    )
    assert call("bayes", "query", "inf8225", "G", "--given", "R=1", "S=s0") == (0, expected, "")
    assert call("bayes", "query", "inf8225", "G", "--given", "R=1,S=s0") == (0, expected, "")
    twice = ("--given", "R=1", "--given", "S=s0")
    assert call("bayes", "query", "inf8225", "G", *twice) == (0, expected, "")
    code, out, _ = call("bayes", "query", "inf8225", "--ask", "P(G | R=1, S=s0)")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["0.54", "0.278", "0.182"]
    code, out, err = call("bayes", "query", "inf8225", "--ask", "P(G=1 | L=1)")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"0\.137899005055106\d+\n", out)  # the last digit is the processor's
    _, out, _ = call("bayes", "query", "inf8225", "R", "G", "--do", "G=0", "--given", "D=1")
    assert out == ""  # G is fixed, so it cannot be asked


def test_do_compares_observing_with_setting(call):
    code, out, err = call("bayes", "do", "inf8225", "G=g2", "R")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "R   P(R)  P(R | G=g2)  P(R | do(G=g2))",
        "r0  0.34     0.245145             0.34",
        "r1  0.66     0.754855             0.66",
    ]
    assert "Observing G moves R by up to 0.0949. Setting it changes nothing" in out
    _, out, _ = call("bayes", "do", "kidney-stones", "Treatment=surgery", "Success")
    assert "P(Success | do(Treatment)) = Σ_Size P(Success | Treatment, Size) P(Size)" in out
    assert "Setting it moves Success by up to 0.0297: the rest is not its effect" in out
    _, out, _ = call("bayes", "do", "inf8225", "S=s0", "R")
    assert "Setting it does the same" in out
    _, out, _ = call("bayes", "do", "inf8225", "D=d1", "R")
    assert "Observing D tells nothing about R." in out


def test_posteriors_print_every_variable_and_its_role(call):
    code, out, err = call("bayes", "posteriors", "inf8225", "--given", "R=1", "--do", "G=g2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["S", "D", "R", "G", "L"]
    assert lines[2] == "R  r0 0  r1 1  observed"
    assert lines[3] == "G  g0 0  g1 0  g2 1  do"
    assert lines[4] == "L  l0 0.01  l1 0.99"


def test_mpe_prints_the_most_probable_state(call):
    code, out, err = call("bayes", "mpe", "inf8225", "--given", "S=s0")
    assert (code, err) == (0, "")
    states = dict(line.split() for line in out.splitlines()[1:])
    assert states == {"S": "s0", "D": "d0", "R": "r0", "G": "g0", "L": "l0"}
    assert out.startswith("P = 0.0729\n")


def test_draw_writes_the_picture_where_it_says(call, tmp_path):
    code, out, err = call("bayes", "draw", "asia", "--given", "dysp=yes", "--do", "smoke=no")
    assert (code, out, err) == (0, "Wrote asia.svg\n", "")
    expected = draw_network(load("asia"), given={"dysp": "yes"}, do={"smoke": "no"})
    assert (tmp_path / "work" / "asia.svg").read_text(encoding="utf-8") == expected
    arguments = ["--around", "lung", "--steps", "1", "--lang", "fr", "-o", "near.svg"]
    assert call("bayes", "draw", "asia", *arguments)[0] == 0
    assert "3 variables sur 8" in (tmp_path / "work" / "near.svg").read_text(encoding="utf-8")


def test_convert_writes_the_format_of_the_suffix(call, tmp_path):
    for name in ("asia.bif", "asia.xmlbif", "asia.json.gz"):
        assert call("bayes", "convert", "asia", name) == (0, f"Wrote {name}\n", "")
        assert BayesNet.read(name) == load("asia")
    code, out, _ = call("bayes", "query", "asia.json.gz", "tub")
    assert code == 0
    assert "0.0104" in out
    assert call("bayes", "convert", "asia.bif", "again.uai")[0] == 0


READERS = {
    "show": [],
    "query": ["tub"],
    "do": ["smoke=yes", "lung"],
    "posteriors": [],
    "mpe": [],
    "draw": ["-o", "drawn.svg"],
    "convert": ["again.bif"],
}


def test_every_command_that_reads_a_file_takes_its_format(call, refused):
    assert set(BAYES) - {"list"} == set(READERS)
    Path("asia").write_bytes(load("asia").write("asia.net").read_bytes())  # hides no shipped one
    Path("network.dat").write_bytes(Path("asia.net").read_bytes())
    for name, words in READERS.items():
        expected = call("bayes", name, "asia.net", *words)
        assert expected[0] == 0
        for file in ("network.dat", "asia"):
            assert call("bayes", name, file, *words, "--format", "net") == expected
        assert "or name the format" in refused("bayes", name, "network.dat", *words)
        assert "Did you mean" in refused("bayes", name, "network.dat", *words, "--format", "nett")


def test_a_shipped_network_with_a_format_is_said_to_be_no_file(call):
    _, _, err = call("bayes", "show", "asia", "--format", "net")
    assert "--format makes asia the name of a file" in " ".join(err.split())


def test_the_formats_of_the_option_are_those_that_are_read():
    assert set(get_args(Format)) == set(FORMATS)
    choices, _ = get_args(get_args(FormatName)[0])
    assert get_args(choices) == get_args(Format)


def test_what_a_file_may_not_have_meant_is_said_beside_the_answer(call):
    text = "BAYES\n3\n2 2 2\n3\n1 0   # a\n1 1   # b\n3 0 1 2   # c\n2 0.5 0.5 2 0.5 0.5 8"
    Path("net.uai").write_text(text + " 0.1 0.9" * 4)
    code, out, err = call("bayes", "query", "net.uai", "v2")
    assert (code, out.split()[-1]) == (0, "0.9")
    assert err.startswith("retroprop: net.uai: its comments are those of pyAgrum, ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["show", "azia"], "Did you mean 'asia'"),
        (["show", "asia.bif"], "the network file asia.bif cannot be read: No such file"),
        (["show", "asia.txt"], "expected .bif, .xmlbif"),
        (["query", "inf8225"], "name the variables to ask about"),
        (["query", "inf8225", "GG"], "Did you mean 'G'"),
        (["query", "inf8225", "G", "--given", "R"], "at ▸ in 'R▸': expected '=' and a state of R"),
        (["query", "inf8225", "G", "--given", "R=r9"], "at ▸ in 'R=▸r9': R has no state 'r9'"),
        (["query", "inf8225", "G", "--given", "R=0", "R=1"], "R stands here for the second time"),
        (["query", "inf8225", "G", "--given", "R=0", "--do", "R=1"], "both given and done"),
        (["query", "inf8225", "--ask", "P(G | RR=1)"], "at ▸ in 'P(G | ▸RR=1)'"),
        (["query", "inf8225", "G", "--ask", "P(G)"], "--ask is a whole question"),
        (["query", "sprinkler", "Rain", "--given", "WetGrass=yes", "Rain=no", "Sprinkler=no"],
         "Rain"),
        (["do", "inf8225", "G", "R"], "expected '=' and a state of G"),
        (["do", "inf8225", "G=g2", "G"], "G is asked and also"),
        (["posteriors", "sprinkler", "--given", "WetGrass=yes", "Rain=no", "Sprinkler=no"],
         "probability 0"),
        (["draw", "asia", "--output", "no/such/folder.svg"], "name another place with --output"),
        (["draw", "asia", "--steps", "1.5", "--around", "tub"], "expected a whole number"),
        (["draw", "asia", "--theme", "drak"], "drak"),
        (["convert", "asia", "asia.png"], "a suffix of no network format"),
        (["convert", "asia", "no/such/asia.bif"], "cannot be written"),
        (["quary"], "quary"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_cannot_be_done_is_explained(refused, typed, sentence):
    assert sentence in refused("bayes", *typed)


def test_a_malformed_file_is_explained_with_its_place(refused, tmp_path):
    (tmp_path / "work" / "bad.bif").write_text("variable a { type discrete [ 2 ] { x }; }")
    assert "bad.bif, line 1, column 30: expected 2 states" in refused("bayes", "show", "bad.bif")
