"""Network files as the programs of the field write them: bnlearn, pgmpy, pyAgrum, Hugin, GeNIe."""

import codecs
from pathlib import Path

import numpy as np
import pytest

from retroprop.bayes import BayesNet
from retroprop.bayes.files import Description, DoubtfulFile, parse, read_description, render
from retroprop.bayes.networks import describe
from retroprop.errors import UserError

FIELD = Path(__file__).parent / "field"
# P(c=c0 | a, b): the network that pgmpy 1.1 and pyAgrum 3.3 wrote into these files.
GIVEN_A_B = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]


def read(text, format="bif", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return parse(data, format, f"net.{format}", **options)


def refusal(text, format="bif", **options):
    with pytest.raises(UserError) as refused:
        read(text, format, **options)
    return str(refused.value)


# --- BIF ------------------------------------------------------------------------------------------

BINARY = "variable b { type discrete [ 2 ] { x, y }; }\nprobability ( b ) { table 0.5, 0.5; }\n"


@pytest.mark.parametrize(
    ("written", "states"),
    [
        ("[0_25], _25_60], _60_Inf]", ("[0_25]", "_25_60]", "_60_Inf]")),
        ("[0,25], (25,60], (60,Inf]", ("[0,25]", "(25,60]", "(60,Inf]")),
        ("(-1.5e3,0] (0,2)  (2, +Inf]", ("(-1.5e3,0]", "(0,2)", "(2, +Inf]")),
        ("Very High, Low, no  way", ("Very High", "Low", "no way")),
        ('"Very High" Low mid', ("Very High", "Low", "mid")),
    ],
)
def test_labels_of_states_are_read_as_bnlearn_and_pgmpy_write_them(written, states):
    rows = "".join(f"({state}) 0.{i}, 0.{10 - i};" for i, state in enumerate(states, start=1))
    network = read(
        f"variable a {{ type discrete [ 3 ] {{ {written} }}; }}\n"
        "probability ( a ) { table 0.2, 0.3, 0.5; }\n"
        f"variable b {{ type discrete [ 2 ] {{ x, y }}; }}\nprobability ( b | a ) {{ {rows} }}"
    )
    assert network.states["a"] == states
    assert network.tables["b"][:, 0].tolist() == [0.1, 0.2, 0.3]


def test_names_of_variables_may_have_blanks_too():
    network = read(
        "network my net { }\nvariable the cause { type discrete [ 2 ] { x, y }; }\n"
        "variable an effect { type discrete [ 1 ] { so it is }; }\n"
        "probability ( the cause ) { table 0.5, 0.5; }\n"
        "probability ( an effect | the cause ) { (x) 1; (y) 1; }"
    )
    assert network.name == "my net"
    assert dict(network.parents) == {"the cause": (), "an effect": ("the cause",)}
    assert network.states["an effect"] == ("so it is",)


def test_a_property_goes_up_to_its_semicolon_whatever_is_in_it():
    network = read(
        "network n {\n  property source http://example.org/net?a=b ;\n"
        '  property "a; // b" ;\n  property x = "1" /* y */, 2;\n}\n'
        "variable b { property see //example.org; type discrete [ 2 ] { x, y }; }\n"
        "probability ( b ) { property ftp://a.b/c; table 0.5, 0.5; } // the end"
    )
    assert network.properties == (
        "source http://example.org/net?a=b",
        "a; // b",
        "x = 1 /* y */, 2",
    )
    assert network.tables["b"].tolist() == [0.5, 0.5]


TABLE, ROW, DEFAULT = "table 0.5 0.5 0.5 0.5;", "(x) 0.1, 0.9;", "default 0.1, 0.9;"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ROW, TABLE),
        (TABLE, ROW),
        (DEFAULT, TABLE),
        (TABLE, DEFAULT),
        (TABLE, TABLE),
        (DEFAULT, DEFAULT),
    ],
)
def test_a_table_is_given_once(first, second):
    child = "variable c { type discrete [ 2 ] { u, v }; }\n"
    head = "probability ( c | b ) { "
    said = refusal(f"{BINARY}{child}{head}{first} {second} }}")
    assert said.startswith(f"net.bif, line 4, column {len(head) + len(first) + 2}: ")
    assert "given twice" in said


# --- marks and blanks in front --------------------------------------------------------------------


@pytest.mark.parametrize("format", ["bif", "xmlbif", "uai", "json", "net", "xdsl"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_passed_over(format, encoding):
    text = render(describe("asia"), format).replace('encoding="UTF-8"', "")
    again = parse(text.encode(encoding), format, "again")
    assert len(again.tables) == 8


@pytest.mark.parametrize("format", ["xmlbif", "xdsl"])
def test_blanks_may_stand_before_the_declaration_and_lines_are_counted_with_them(format):
    text = render(describe("asia"), format).encode()
    for before in (b"\n", b" \t\r\n\n", codecs.BOM_UTF8 + b"\n", b"\n" + codecs.BOM_UTF8):
        assert len(read(before + text, format).tables) == 8
    assert "line 4, column 1: expected <" in refusal(b"\n\n\n<other/>", format)


# --- UAI ------------------------------------------------------------------------------------------

NEVER = "BAYES 2 2 2 2 1 0 2 0 1 2 1.0 0.0 4 0.25 0.75 0 0"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tolerance", [0, 1e-3, 1.0])
def test_a_row_of_zeros_is_uniform_where_its_parents_never_occur(tolerance):
    network = read(NEVER, "uai", tolerance=tolerance)
    assert network.tables["v1"].tolist() == [[0.25, 0.75], [0.5, 0.5]]
    net = BayesNet(network.spec, network.states)
    assert net.query("v1").values.tolist() == [0.25, 0.75]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tolerance", [1e-3, 1.0])
def test_a_row_of_zeros_is_refused_where_its_parents_can_occur(tolerance):
    said = refusal(NEVER.replace("1.0 0.0", "0.9 0.1"), "uai", tolerance=tolerance)
    assert "'v1' given v0=1 are all 0, and these parents occur with probability 0.1; only" in said
    alone = refusal("BAYES 1 2 1 1 0 2 0 0", "uai", tolerance=tolerance)
    assert "'v0' are all 0, and a variable without parents always has a state" in alone


def test_that_parents_never_occur_together_is_found_where_each_of_them_can():
    # v1 is v0, so (0, 1) and (1, 0) never occur.
    text = "BAYES 3 2 2 2 3 1 0 2 0 1 3 0 1 2 2 0.5 0.5 4 1 0 0 1 8 0.1 0.9 0 0 0 0 0.3 0.7"
    assert read(text, "uai").tables["v2"][0, 1].tolist() == [0.5, 0.5]
    said = refusal(text.replace("4 1 0 0 1", "4 0.9 0.1 0 1"), "uai")
    assert "'v2' given v0=0, v1=1 are all 0, and these parents occur with probability 0.05" in said


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1e-3])
def test_a_tolerance_is_a_number_of_at_least_0(tolerance):
    assert "the tolerance is a number of at least 0" in refusal(NEVER, "uai", tolerance=tolerance)


def test_a_table_in_another_order_is_explained():
    text = "BAYES 2 2 2 2 1 0 2 0 1 2 0.5 0.5 4 0.1 0.2 0.9 0.8"
    said = refusal(text, "uai")
    assert "sum to 1.7" in said.replace("1.7000000000000002", "1.7")
    assert "they would if the states of 'v1' changed slowest" in said


@pytest.mark.parametrize("format", ["uai", "xdsl"])
def test_what_pyagrum_writes_in_its_own_order_is_read_with_a_doubt(format):
    path = FIELD / f"pyagrum.{format}"
    with pytest.warns(DoubtfulFile, match="lets the first parent change fastest"):
        network = read_description(path)
    *_, table = (one for one in network.tables.values() if one.ndim == 3)
    pyagrum = table[..., 0].ravel().reshape(3, 2).T  # its order: the first parent fastest
    assert np.allclose(pyagrum, GIVEN_A_B)


def test_comments_of_others_and_single_parents_raise_no_doubt():
    text = (FIELD / "pyagrum.uai").read_text()
    read(text.replace("   # c", ""), "uai")
    read("BAYES\n2\n2 2\n2\n1 0   # a\n2 0 1   # b\n2 0.5 0.5 4 1 0 0 1", "uai")


# --- Hugin's NET and GeNIe's XDSL -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["pgmpy.net", "pyagrum.net", "pgmpy.xdsl", "pgmpy.bif"])
def test_tables_of_other_programs_are_read_in_their_order(name):
    network = read_description(FIELD / name)
    assert network.parents["c"] == ("a", "b")
    assert network.states["b"] == ("lo", "mid", "hi")
    assert np.allclose(network.tables["c"][..., 0], GIVEN_A_B)
    assert np.allclose(network.tables["b"], [0.1, 0.3, 0.6])


HUGIN = """% made by hand after the manual
net { node_size = (80 40); name = "a } net; with \\"marks\\""; }
discrete node T { states = ("yes" "n\\"o"); label = "Has tuberculosis?"; position = (25 275); }
node A { states = (a1 a2 a3); subtype = interval; state_values = (0 1 2 3); }
potential (A) { data = (0.2 0.3 0.5); experience = (10); }
potential (T | A) { data = ((0.1 0.9) % a1
 (0.2 0.8)
 (0.3 0.7)); }
"""


def test_net_is_read_as_its_manual_has_it():
    network = read(HUGIN, "net")
    assert dict(network.states) == {"T": ("yes", 'n"o'), "A": ("a1", "a2", "a3")}
    assert network.tables["T"].tolist() == [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]
    flat = HUGIN.replace("((0.1 0.9) % a1\n (0.2 0.8)\n (0.3 0.7))", "(0.1 0.9 0.2 0.8 0.3 0.7)")
    assert np.array_equal(read(flat, "net").tables["T"], network.tables["T"])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("discrete node T {", "decision T {", "line 3, column 1: the node 'T' is of the kind"),
        ("discrete node T {", "utility T {", "the node 'T' is of the kind 'utility'"),
        ("discrete node T {", "continuous node T {", "the node 'T' is of the kind 'continuous'"),
        ("discrete node T {", "discrete decision T {", "the node 'T' is of the kind 'decision'"),
        ("discrete node T {", "function T {", "the node 'T' is of the kind 'function'"),
        ("discrete node T {", "instance T {", "the node 'T' is of the kind 'instance'"),
        ("net {", "nett {", "expected 'net', 'node' or 'potential', and got 'nett'"),
        ("net {", "network asia {", "this is a BIF file and no .net file; leave --format out"),
        ("net {", "class x {", "classes are not read"),
        ("discrete node", "discrete noed", "the node 'T' is of the kind 'noed'"),
        ("data = (0.2", "model_nodes = (); data = (0.2", "of 'A' is a model (model_nodes)"),
        ("data = (0.2 0.3 0.5);", "", "the table of 'A' has no data"),
        ("(0.2 0.3 0.5)", "(0.2 0.3)", "expected 3 probabilities, and got 2"),
        ("(0.2 0.3 0.5)", "(0.2 0.3 0.5 1)", "expected 3 probabilities in parentheses"),
        ("(0.2 0.3 0.5)", "normal (0, 1)", "and got 'normal'"),
        ("(0.2 0.3 0.5)", "0.2 0.3 0.5", "expected lists of 3, and got none"),
        ("((0.1 0.9) % a1\n (0.2 0.8)\n (0.3 0.7))", "((0.1 0.9 0.2) (0.8 0.3 0.7))",
         "expected lists of 3 × 2, and got 2 × 3"),
        ("(T | A)", "(T | B)", "no variable 'B' is declared"),
        ("states = (a1 a2 a3);", "", "the node 'A' has no states"),
        ("position = (25 275);", "position = (25 275)", "expected ';'"),
        ("(0.3 0.7)); }", "(0.3 0.7));", "expected '(', a node and its parents"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_is_not_read_of_net_is_named(old, new, sentence):
    assert old in HUGIN
    said = refusal(HUGIN.replace(old, new, 1), "net")
    assert said.startswith("net.net, line ")
    assert sentence in said


GENIE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<smile version="1.0" id="x" numsamples="10000">
  <nodes>
    <cpt id="A" target="true"><state id="a1"/><state id="a2" default="true"/><state id="a3"/>
      <probabilities>0.2 0.3 0.5</probabilities><property id="note">a &amp; b</property></cpt>
    <deterministic id="D"><state id="low"/><state id="high"/><parents>A</parents>
      <resultingstates>low low high</resultingstates></deterministic>
    <cpt id="T"><state id="yes"/><state id="no"/><parents>A D</parents>
      <probabilities>0.1 0.9 0.2 0.8 0.3 0.7 0.4 0.6 0.5 0.5 0.6 0.4</probabilities></cpt>
  </nodes>
  <extensions><genie version="1.0"><submodel><node id="A"><name>The \xe9</name></node></submodel>
  </genie></extensions>
</smile>
"""


def test_xdsl_is_read_as_genie_has_it():
    network = read(GENIE.encode("latin-1"), "xdsl")
    assert network.tables["D"].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert network.parents["T"] == ("A", "D")
    assert network.tables["T"][..., 0].tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('<cpt id="T">', '<decision id="T"></decision><cpt id="T">',
         "the node 'T' is of the kind <decision>; only discrete chance nodes are read"),
        ('<cpt id="T">', '<noisymax id="N"/><cpt id="T">', "'N' is of the kind <noisymax>"),
        ('<cpt id="T">', '<utility id="U"/><cpt id="T">', "the node 'U' is of the kind <utility>"),
        ('<cpt id="T">', '<equation id="E"/><cpt id="T">', "'E' is of the kind <equation>"),
        ("<nodes>", "<dynamic/><nodes>", "expected <nodes> inside <smile>, and got <dynamic>"),
        ("smile ", "smiles ", "expected <smile>, and got <smiles>"),
        ("low low high", "low low", "expected 3 states, and got 2"),
        ("low low high", "low low hihg", "'D' has no state 'hihg'. Did you mean 'high'?"),
        ("0.2 0.3 0.5<", "0.2 0.3<", "expected 3 probabilities, and got 2"),
        ("<parents>A D<", "<parents>A E<", "no variable 'E' is declared"),
        ("<parents>A<", "<parents>T<", "there is a cycle: "),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_is_not_read_of_xdsl_is_named(old, new, sentence):
    assert old in GENIE
    text = GENIE.replace(old, new, 1)
    if "cycle" in sentence:
        text = text.replace("low low high", "low high")
    said = refusal(text.encode("latin-1"), "xdsl")
    assert said.startswith("net.xdsl, line ")
    assert sentence in said


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["bif", "xmlbif", "json", "net", "xdsl"])
def test_no_sentence_quotes_more_than_a_line(format):
    names = [letter * 5000 for letter in "abcdefghij"]
    parents = names[:-1]
    tables = {name: np.array([0.5, 0.5]) for name in parents}
    tables[names[-1]] = np.full((2,) * 9 + (2,), 0.25)
    states = dict.fromkeys(names, ("x" * 5000, "y" * 5000))
    families = {**dict.fromkeys(parents, ()), names[-1]: tuple(parents)}
    text = render(Description(states, families, tables), format)
    said = refusal(text, format)
    assert "sum to 0.5 instead of 1" in said or said.endswith("…")
    assert len(said) < 500
    missing = refusal(text.replace(names[0], "a" * 4999 + "z", 1), format)
    assert len(missing) < 500
