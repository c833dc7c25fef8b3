"""Network files: what is written is read back bit by bit, and what is malformed is explained."""

import gzip
import json
import pickle
import string
import subprocess
import sys
import time
import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroprop.bayes import BayesNet
from retroprop.bayes.files import (
    FORMATS,
    Limits,
    parse,
    read_description,
    read_evidence,
    render,
    write_evidence,
    write_network,
)
from retroprop.bayes.files.description import Description
from retroprop.bayes.networks import NETWORKS, describe, load
from retroprop.errors import UserError

NAMED = ("bif", "xmlbif", "json")  # UAI's format has no names


# --- round trips ----------------------------------------------------------------------------------

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"))
    | st.sampled_from(string.ascii_letters),
    min_size=1,
    max_size=6,
).filter(lambda name: '"' not in name and name.strip() == name)


WORDS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=6)


@st.composite
def descriptions(draw, variables=NAMES):
    """Random networks with any names of states and with rows of awkward numbers."""
    names = draw(st.lists(variables, min_size=1, max_size=5, unique=True))
    states = {
        name: tuple(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))) for name in names
    }
    parents, tables = {}, {}
    for i, name in enumerate(names):
        chosen = draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=3)) if i else []
        parents[name] = tuple(chosen)
        shape = tuple(len(states[one]) for one in (*chosen, name))
        weights = draw(
            st.lists(
                st.floats(1e-300, 1) | st.just(0.0),
                min_size=int(np.prod(shape)),
                max_size=int(np.prod(shape)),
            )
        )
        table = np.array(weights).reshape(shape)
        table[..., 0] = np.where(table.sum(-1) < 1e-3, 1.0, table[..., 0])
        tables[name] = table / table.sum(-1, keepdims=True)
    order = draw(st.permutations(names))  # a child may be declared before its parents
    return Description(
        {name: states[name] for name in order},
        {name: parents[name] for name in order},
        {name: tables[name] for name in order},
    )


@settings(max_examples=60)
@given(descriptions(), st.sampled_from(NAMED))
def test_a_written_network_is_read_back_bit_by_bit(network, format):
    again = parse(render(network, format).encode(), format, "again")
    assert list(again.states) == list(network.states)
    assert dict(again.states) == dict(network.states)
    assert dict(again.parents) == dict(network.parents)
    for name, table in network.tables.items():
        assert np.array_equal(again.tables[name], table)


@settings(max_examples=40)
@given(descriptions(WORDS), st.sampled_from(["net", "xdsl"]))
def test_what_hugin_and_genie_would_read_is_read_back_bit_by_bit(network, format):
    again = parse(render(network, format).encode(), format, "again")
    assert dict(again.states) == dict(network.states)
    assert dict(again.parents) == dict(network.parents)
    for name, table in network.tables.items():
        assert np.array_equal(again.tables[name], table)


@settings(max_examples=30)
@given(descriptions())
def test_uai_keeps_the_structure_and_every_number(network):
    again = parse(render(network, "uai").encode(), "uai", "again")
    number = {name: f"v{i}" for i, name in enumerate(network.states)}
    for name, table in network.tables.items():
        assert again.parents[number[name]] == tuple(number[p] for p in network.parents[name])
        assert np.array_equal(again.tables[number[name]], table)


@pytest.mark.parametrize(
    "suffix", ["bif", "bif.gz", "xmlbif", "xml.gz", "bifxml", "json", "net", "xdsl", "xdsl.gz"]
)
def test_the_suffix_names_the_format_of_a_file(suffix):
    for name in NETWORKS:
        path = write_network(load(name), f"{name}.{suffix}")
        assert BayesNet.read(path) == load(name)
        assert (path.read_bytes()[:2] == b"\x1f\x8b") == suffix.endswith("gz")


def test_the_format_can_be_named_and_gzip_is_seen_without_its_suffix(tmp_path):
    path = tmp_path / "network.txt"
    path.write_bytes(gzip.compress(render(describe("asia"), "bif").encode()))
    assert BayesNet.read(path, format="bif") == load("asia")
    with pytest.raises(UserError, match=r"a suffix of no network format; expected \.bif, "):
        BayesNet.read(path)


def test_the_name_and_the_properties_of_a_network_survive():
    for format in NAMED:
        again = parse(render(describe("asia"), format).encode(), format, "again")
        assert again.name == "asia"
        assert again.properties == describe("asia").properties


def test_a_name_that_a_format_cannot_hold_is_refused_with_the_one_that_can():
    net = BayesNet({'a"b c': ([1.0], [])}, {'a"b c': [" padded "]})
    for format in ("bif", "xmlbif", "net", "xdsl"):
        with pytest.raises(UserError, match=r"write the network as \.json"):
            write_network(net, f"net.{format}")
    assert BayesNet.read(write_network(net, "net.json")) == net


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path):
    path = write_network(load("asia"), tmp_path / "net.bif")
    with pytest.raises(UserError):
        write_network(BayesNet({'"': ([1.0], [])}), path)
    assert BayesNet.read(path) == load("asia")
    assert [one.name for one in tmp_path.iterdir() if one.name != "work"] == ["net.bif"]
    with pytest.raises(UserError, match=r"no-such-folder/net.bif cannot be written"):
        write_network(load("asia"), tmp_path / "no-such-folder" / "net.bif")


# --- what the formats say -------------------------------------------------------------------------

DOG = """
// the dog problem of the format's own text, shortened
network "Dog-Problem" { property "credal-set constant-density-bounded 1.1" ; }
variable "family-out" { //2 values
    type discrete[2] {  "true"  "false" };
    property "position = (112, 69)" ;
}
variable light-on { type discrete [ 2 ] { true, false }; }
variable hears { type discrete [2] { true false } }
/* tables: the child's states change slowest */
probability ( "light-on" "family-out" ) { table 0.6 0.05 0.4 0.95 ; }
probability ( "family-out" ) { table 0.15 0.85 ; property position = (1, 2); }
probability ( hears | "family-out", light-on ) {
    default 0.5, 0.5;
    (true, false) 1 , 0 ; ("false" "true") 25e-2 .75;
}
"""


def test_bif_is_read_as_its_text_has_it():
    dog = parse(DOG.encode(), "bif", "dog.bif")
    assert dog.name == "Dog-Problem"
    assert dog.states["family-out"] == ("true", "false")
    assert dog.parents["light-on"] == ("family-out",)
    assert dog.tables["light-on"].tolist() == [[0.6, 0.4], [0.05, 0.95]]
    assert dog.tables["hears"].tolist() == [[[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0.5, 0.5]]]


DOCUMENT_TYPE = """<!DOCTYPE BIF [
  <!ELEMENT BIF (NETWORK)*>
    <!ATTLIST BIF VERSION CDATA #REQUIRED>
  <!ELEMENT NETWORK (NAME, (PROPERTY | VARIABLE | DEFINITION)*)>
  <!ELEMENT NAME (#PCDATA)>
  <!ELEMENT VARIABLE (NAME, (OUTCOME | PROPERTY)*)>
    <!ATTLIST VARIABLE TYPE (nature | decision | utility) "nature">
  <!ELEMENT OUTCOME (#PCDATA)>
  <!ELEMENT DEFINITION (FOR | GIVEN | TABLE | PROPERTY)*>
  <!ELEMENT FOR (#PCDATA)>
  <!ELEMENT GIVEN (#PCDATA)>
  <!ELEMENT TABLE (#PCDATA)>
  <!ELEMENT PROPERTY (#PCDATA)>
]>"""


def with_document_type(text):
    return text.replace("<BIF ", DOCUMENT_TYPE + "\n<BIF ", 1)


def test_xmlbif_counts_the_child_fastest_and_reads_its_own_document_type():
    text = render(describe("sprinkler"), "xmlbif")
    again = parse(with_document_type(text).encode(), "xmlbif", "again")
    assert np.array_equal(again.tables["Rain"], load("sprinkler").tables["Rain"])
    assert "0.8 0.2\n    0.2 0.8" in text
    small = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><bif><network><name>x</name>'
        "<variable type='nature'><name>\xe9t\xe9</name><outcome>a&amp;b</outcome>"
        "<outcome>&lt;c</outcome></variable><!-- a comment --><definition><for>\xe9t\xe9</for>"
        "<table>0.25 <!-- a --> 0.75</table></definition></network></bif>"
    )
    network = parse(small.encode("latin-1"), "xmlbif", "small.xml")
    assert dict(network.states) == {"été": ("a&b", "<c")}
    assert network.tables["été"].tolist() == [0.25, 0.75]


def test_uai_is_read_as_its_text_has_it():
    text = "BAYES\n2\n2 3 # states\n2\n1 0#A\n2 0 1\n\n2\n0.25 0.75\n\n6\n0.2 0.3 0.5 1 0 0\n#"
    network = parse(text.encode(), "uai", "small.uai")
    assert dict(network.parents) == {"v0": (), "v1": ("v0",)}
    assert network.tables["v1"].tolist() == [[0.2, 0.3, 0.5], [1, 0, 0]]


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("2 0 1 4 0", [{"S": 1, "L": 0}]),
        ("0", [{}]),
        ("1\n2 0 1 4 0\n", [{"S": 1, "L": 0}]),
        ("2\n1 0 1\n1 3 2", [{"S": 1}, {"G": 2}]),
    ],
)
def test_both_forms_of_evidence_are_read(tmp_path, text, samples):
    net = load("inf8225")
    (tmp_path / "x.evid").write_text(text)
    assert read_evidence(tmp_path / "x.evid", net) == samples
    write_evidence(samples, tmp_path / "y.evid", net)
    assert read_evidence(tmp_path / "y.evid", net) == samples


def test_evidence_may_be_written_by_name_and_is_checked(tmp_path):
    net = load("inf8225")
    path = write_evidence({"G": "g2"}, tmp_path / "x.evid", net)
    assert path.read_text() == "1 3 2\n"
    for text, sentence in {
        "1 9 0": "line 1, column 3: expected the index of a variable from 0 to 4, and got '9'",
        "1 3 3": "expected a state of 'G' from 0 to 2, and got '3'",
        "2 3 0 3 1": "'G' is observed twice",
        "1 3": "expected the index of a variable, and got the end of the file",
        "": "expected the number of observations",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=sentence):
            read_evidence(path, net)


def test_rounded_tables_are_normalised_and_wrong_ones_refused():
    rounded = A.replace("2 ] { x", "3 ] { z, x") + "probability (a) { table .333 .333 .333; }"
    table = parse(rounded.encode(), "bif", "a.bif").tables["a"]
    assert table.sum() == pytest.approx(1, abs=1e-15)
    assert table[0] == pytest.approx(1 / 3)
    wrong = rounded.replace(".333;", ".3;")
    with pytest.raises(UserError, match=r"'a' sum to 0.966\S* instead of 1"):
        parse(wrong.encode(), "bif", "a.bif")
    assert parse(wrong.encode(), "bif", "a.bif", tolerance=0.05).tables["a"].sum() == 1


# --- malformed ------------------------------------------------------------------------------------

A = "variable a { type discrete [ 2 ] { x, y }; }\n"
B = "variable b { type discrete [ 2 ] { x, y }; }\n"


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("", "line 1, column 1", "expected a network, and got no variable"),
        ("variabel a {}", "line 1, column 1", "Did you mean 'variable'?"),
        ("variable a {\n type discrete [ 2 ] { x, y, z };\n}", "line 2, column 18",
         "expected 2 states, and got 3"),
        ("variable a { type continuous; }", "column 19", "expected 'discrete'"),
        ("variable a { type discrete [ two ] { x }; }", "column 30", "the number of states"),
        (A + A, "line 2, column 10", "'a' is declared twice"),
        ("variable a { type discrete [2] { x, x }; }", "column 10", "the state 'x' twice"),
        ("variable a { }", "column 10", "'a' has no type"),
        (A, "line 1, column 10", "'a' has no table"),
        (A + "probability ( c ) { table 1, 0; }", "line 2, column 13", "no variable 'c'"),
        (A + "probability ( a | a ) { }", "line 2", "names 'a' twice"),
        (A + "probability ( a | b | c ) { }", "line 2, column 21", "before one '|'"),
        (A + "probability ( a ) { table 1, 0; }\n" * 2, "line 3", "'a' has two tables"),
        (A + "probability ( a ) { table 1, zero; }", "line 2, column 30",
         "expected a number, and got 'zero'"),
        (A + "probability ( a ) { table 1, 0_0; }", "line 2, column 30", "expected a number"),
        (A + "probability ( a ) { table 1, nan; }", "line 2, column 30", "expected a number"),
        (A + "probability ( a ) { table 1; }", "line 2", "expected 2 probabilities, and got 1"),
        (A + "probability ( a ) { table 1, 0, 0; }", "line 2, column 33", "expected ';' after 2"),
        (A + "probability ( a ) { table 2, -1; }", "line 2", "and got -1.0 in the table of 'a'"),
        (A + "probability ( a ) { table 1e999, 0; }", "line 2", "and got inf in the table of 'a'"),
        (A + "probability ( a ) { table 1, 0; ", "line 2", "and got the end of the file"),
        (A + "probability ( a ) { }", "line 2", "the table of 'a' has no row"),
        (A + B + "probability ( a ) { table 1 0; } probability (b|a) { (x) 1 0; }", "line 3",
         "the table of 'b' has no row given a=y"),
        (A + B + "probability ( a ) { table 1 0; } probability (b|a) { (z) 1 0; }", "line 3",
         "'a' has no state 'z'"),
        (A + B + "probability ( a ) { table 1 0; } probability (b|a) { (x) 1 0; (x) 1 0; }",
         "line 3, column 63", "given twice"),
        (A + B + "probability ( a ) { table 1 0; } probability (b|a) { (x, x) 1 0; }", "line 3",
         "a state of each of the 1 parents, and got 2"),
        (A + B + "probability ( a | b ) { default 1 0; }\nprobability ( b | a ) { default 1 0; }",
         "line ", "there is a cycle: "),
        ("/* never closed", "line 1, column 1", "got '/*'"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
def test_a_malformed_bif_is_explained_with_its_place(text, place, sentence):
    with pytest.raises(UserError) as refusal:
        parse(text.encode(), "bif", "net.bif")
    said = str(refusal.value)
    assert said.startswith("net.bif, line ")
    assert place in said
    assert sentence in said


SMALL_XML = with_document_type(render(describe("kidney-stones"), "xmlbif"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("</NETWORK>", "", "this is not XML: mismatched tag"),
        ("<OUTCOME>small</OUTCOME>", "<STATE>small</STATE>", "expected <NAME> or <OUTCOME>"),
        ('TYPE="nature"', 'TYPE="decision"', "decisions and utilities are not read"),
        ("<TABLE>0.51 0.49", "<TABLE>0.51", "expected 2 probabilities, and got 1"),
        ("<TABLE>0.51 0.49", "<TABLE>0.51 x", "expected a probability, and got 'x'"),
        ("<FOR>Size</FOR>", "", "expected one <FOR> in this <DEFINITION>, and got 0"),
        ("<GIVEN>Size</GIVEN>", "<GIVEN>Sise</GIVEN>", "Did you mean 'Size'?"),
        ("<NETWORK>", "<NETWORK>words", "and got the text 'words'"),
        ("<BIF ", "<BIF2 ", "expected <BIF>, and got <BIF2>"),
        ('encoding="UTF-8"', 'encoding="klingon"', "unknown encoding"),
        ("]>", '<!ENTITY a "aaaa">]>', "entities are not read"),
        ("]>", '<!ENTITY a SYSTEM "file:///etc/passwd">]>', "entities are not read"),
        ("]>", '<!ENTITY % a "aaaa">]>', "entities are not read"),
    ],
)
def test_a_malformed_xmlbif_is_explained_with_its_place(old, new, sentence):
    assert old in SMALL_XML
    with pytest.raises(UserError) as refusal:
        parse(SMALL_XML.replace(old, new, 1).encode(), "xmlbif", "net.xml")
    assert str(refusal.value).startswith("net.xml, line ")
    assert ", column " in str(refusal.value)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("", "column 1", "expected 'BAYES', and got the end of the file"),
        ("MARKOV 1", "column 1", "a Markov network"),
        ("BAYES x", "column 7", "expected the number of variables"),
        ("BAYES 1 0", "column 9", "expected a number of states from 1"),
        ("BAYES 1 2 2", "column 11", "a table for each of the 1 variables, and got 2"),
        ("BAYES\n1\n2\n1\n1 1", "line 5, column 3", "a variable of the table, and got '1'"),
        ("BAYES 1 2 1 1 0 3", "column 17", "expected 2, the number of entries of this table"),
        ("BAYES 1 2 1 1 0 2 1 b", "column 21", "expected a probability, and got 'b'"),
        ("BAYES 1 2 1 1 0 2 1 0 7", "column 23", "expected the end of the file, and got '7'"),
        ("BAYES 1 2 1 1 0 2 1", "column 20", "and got the end of the file"),
    ],
)
def test_a_malformed_uai_is_explained_with_its_place(text, place, sentence):
    with pytest.raises(UserError) as refusal:
        parse(text.encode(), "uai", "net.uai")
    assert place in str(refusal.value)
    assert sentence in str(refusal.value)


SMALL_JSON = render(describe("kidney-stones"), "json")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{", "", "line 1, column 1: expected an object, and got "),
        ('"version": 1,', '"version": 1', "line 4, column 3: this is not JSON: Expecting ','"),
        ('"retroprop-bayes"', '"other"', 'line 2, column 13: expected "format": "retroprop-bayes"'),
        ('"version": 1', '"version": 2', 'line 3, column 14: expected "version": 1'),
        ('"variables"', '"nodes"', "unknown key 'nodes'"),
        ('"states": ["small", "large"]', '"states": "small"',
         "line 8, column 16: expected a list of texts, and got the text"),
        ('"small", "large"', '"small", 3', "column 26: expected a text, and got the number"),
        ("[0.51, 0.49]", "[0.51, null]", "column 22: expected a probability, and got null"),
        ("[0.51, 0.49]", "[0.51, true]", "expected a probability, and got true"),
        ("[0.51, 0.49]", "[0.51, NaN]", "column 22: expected a number, and got NaN"),
        ("[0.51, 0.49]", "[0.51]", "a list of 2 items in a table of shape 2, and got 1 items"),
        ("[0.51, 0.49]", "[0.51, 0.5]", "'Size' sum to 1.01 instead of 1"),
        ("[0.51, 0.49]", "[0.51, " + "1" * 6000 + "]", "and got inf in the table of 'Size'"),
        ('"parents": ["Size"]', '"parents": ["Sise"]', "Did you mean 'Size'?"),
        ('"format"', '"version": 1, "version": 1, "format"', "the key 'version' twice"),
        ('"small"', r'"\ud800"', "has a control character"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_malformed_json_is_explained_with_its_place(old, new, sentence):
    assert old in SMALL_JSON
    text = "[1]" if old == "{" else SMALL_JSON.replace(old, new, 1)
    with pytest.raises(UserError) as refusal:
        parse(text.encode(), "json", "net.json")
    assert str(refusal.value).startswith("net.json, line ")
    assert sentence in str(refusal.value)


# --- hostile --------------------------------------------------------------------------------------


def deep_xml():
    return b"<BIF>" * 10**6


def laughs():
    lines = ['<!ENTITY a "ha">']
    lines += [
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    ]
    return ("<!DOCTYPE BIF [" + "".join(lines) + "]><BIF><NETWORK><NAME>&j;</NAME>").encode()


HOSTILE = {
    "bif: a table of 10^30 entries in few words": (
        "bif",
        "".join(f"variable v{i} {{ type discrete [ 2 ] {{ a, b }}; }}\n" for i in range(60))
        + f"probability ( v0 | {', '.join(f'v{i}' for i in range(1, 60))} ) {{ default 1, 0; }}",
        "at most 16,777,216 are read",
    ),
    "bif: more parents than NumPy has axes": (
        "bif",
        "".join(f"variable v{i} {{ type discrete [ 1 ] {{ a }}; }}\n" for i in range(80))
        + f"probability ( v0 | {', '.join(f'v{i}' for i in range(1, 80))} ) {{ default 1; }}",
        "at most 63 are read",
    ),
    "uai: 10^12 states": ("uai", "BAYES 1 999999999999 1 1 0 1 1", "from 1 to 10,000"),
    "uai: 10^12 variables": ("uai", "BAYES 999999999999", "from 1 to 100,000"),
    "uai: a cycle of 20,000": (
        "uai",
        f"BAYES 20000 {'1 ' * 20000} 20000 "
        + " ".join(f"2 {(i + 1) % 20000} {i}" for i in range(20000))
        + " 1 1" * 20000,
        "there is a cycle: ",
    ),
    "json: nested deeply": ("json", "[" * 10**6, "nested too deeply"),
    "json: nested deeply, closed": ("json", "[" * 10**5 + "]" * 10**5, "nested too deeply"),
    "json: one key many times": ("json", '{"a":1' + ',"b":1' * 10**5 + "}", "the key 'b' twice"),
    "xmlbif: nested deeply": ("xmlbif", deep_xml(), "expected <NETWORK> inside <BIF>"),
    "xmlbif: entities that grow": ("xmlbif", laughs(), "entities are not read"),
    "bif: an unclosed comment, often": ("bif", "/* " * 10**5, "and got '/*'"),
    "bif: bytes that are no text": ("bif", b"network \xff", "expected text in UTF-8"),
    "bif: nulls": ("bif", "\0" * 10**6, "line 1, column 1"),
    "bif: one state many times": (
        "bif",
        f"variable a {{ type discrete [ 9000 ] {{ {' '.join(map(str, range(8999)))} 8998 }}; }}",
        "the state '8998' twice",
    ),
    "bif: names of a megabyte": (
        "bif",
        f"variable {'a' * 10**6} {{ type discrete [ 2 ] {{ {'b' * 10**6}, {'c' * 10**6} }}; }}\n"
        f"probability ( {'d' * 10**6} ) {{ table 1, 0; }}",
        "no variable 'dddd",
    ),
    "net: a cycle of lists": (
        "net",
        "node a { states = (x); } potential (a) { data = " + "(" * 10**5 + "; }",
        "expected 1 probabilities in parentheses",
    ),
    "net: an unclosed text, often": ("net", 'net { a = "' * 10**4, "expected ';'"),
    "xdsl: entities that grow": (
        "xdsl",
        b'<!DOCTYPE smile [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><smile><nodes><cpt id="&b;"/>',
        "entities are not read",
    ),
    # Some kilobytes of gzip, which are megabytes of text.
    "uai: 10^9 states, zipped": (
        "uai",
        gzip.compress(b"BAYES 100000 " + b"10000 " * 100_000),
        "more states together than the 16,777,216 entries",
    ),
    "bif: many names, zipped": (
        "bif",
        gzip.compress(b"variable a { type discrete [ 2 ] {" + b" aa" * 3_000_000),
        "expected at most 10,000 names in a list",
    ),
    "bif: many properties, zipped": (
        "bif", gzip.compress(b"network n {" + b"property a;" * 10**6), "at most 1,000 properties",
    ),
    "xmlbif: many outcomes, zipped": (
        "xmlbif",
        gzip.compress(b"<BIF><NETWORK><VARIABLE>" + b"<OUTCOME>a</OUTCOME>" * 500_000),
        "expected at most 10,000 <OUTCOME> here",
    ),
    "xdsl: nested deeply where nothing is read, zipped": (
        "xdsl", gzip.compress(b"<smile><extensions>" + b"<a>" * 3_000_000), "nested too deeply",
    ),
    "xdsl: many states, zipped": (
        "xdsl",
        gzip.compress(b'<smile><nodes><cpt id="a">' + b'<state id="a"/>' * 600_000),
        "expected at most 10,000 <state> here",
    ),
    "json: many lists, zipped": (
        "json", gzip.compress(b"[" + b"[]," * 5_000_000), "at most 4,194,304 lists and objects",
    ),
    "net: many attributes, zipped": (
        "net", gzip.compress(b"net { " + b"a=1;" * 10**6), "expected at most 1,000 attributes",
    ),
    "net: many states, zipped": (
        "net", gzip.compress(b"node a { states = (" + b"a " * 10**6), "expected at most 10,000",
    ),
    "net: many parents, zipped": (
        "net",
        gzip.compress(b"node a { states = (x); } potential (a |" + b" b" * 10**6 + b") { a = 1; }"),
        "expected at most 63 parents",
    ),
}  # fmt: skip

MOST_CPU_S = 10  # of one file; none takes two
MOST_BYTES = 10**9  # of the process
HOSTILE_CHILD = f"""
import json, pickle, resource, sys, tracemalloc
from retroprop.bayes.files import parse
from retroprop.errors import UserError

resource.setrlimit(resource.RLIMIT_DATA, ({MOST_BYTES}, {MOST_BYTES}))
for name, format, data in pickle.load(sys.stdin.buffer):
    print(json.dumps(name), end=" ", flush=True)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(spent.ru_utime + spent.ru_stime) + {MOST_CPU_S}
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    tracemalloc.start()
    try:
        parse(data, format, "net")
        said = ""
    except UserError as error:
        said = str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(json.dumps([said, peak]), flush=True)
"""


@pytest.fixture(scope="module")
def refusals():
    """What one child says of all hostile files; a case that it did not survive is missing."""
    cases = [
        (name, format, data if isinstance(data, bytes) else data.encode())
        for name, (format, data, _) in HOSTILE.items()
    ]
    child = subprocess.run(
        [sys.executable, "-c", HOSTILE_CHILD], input=pickle.dumps(cases), stdout=subprocess.PIPE
    )
    decoder = json.JSONDecoder()
    found = {}
    for line in child.stdout.decode().splitlines():
        name, end = decoder.raw_decode(line)
        if line[end:].strip():
            found[name] = json.loads(line[end:])
    return found


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_quickly_and_in_little_memory(refusals, case):
    assert case in refusals, f"this or an earlier case took {MOST_CPU_S} s or {MOST_BYTES} bytes"
    said, peak = refusals[case]
    assert HOSTILE[case][2] in said
    assert len(said) < 500
    assert peak < 100e6


def test_a_gzip_file_is_unpacked_only_up_to_the_limit(tmp_path):
    bomb = tmp_path / "bomb.bif.gz"
    bomb.write_bytes(gzip.compress(bytes(200 * 2**20)))
    assert bomb.stat().st_size < 300_000
    tracemalloc.start()
    with pytest.raises(UserError, match="holds more than 33,554,432 bytes"):
        BayesNet.read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 150e6
    tracemalloc.stop()
    (tmp_path / "cut.bif.gz").write_bytes(gzip.compress(b"network x { }")[:-4])
    with pytest.raises(UserError, match="should be a gzip file, but it is damaged"):
        BayesNet.read(tmp_path / "cut.bif.gz")


def test_an_xml_file_cannot_have_more_tables_than_variables_are_read():
    blocks = b"<BIF><NETWORK>" + b"<DEFINITION/>" * 21
    with pytest.raises(UserError, match="column 275: expected at most 20 blocks"):
        parse(blocks, "xmlbif", "net.xml", limits=Limits(variables=10))


def test_limits_can_be_raised_and_lowered(tmp_path):
    path = write_network(load("asia"), tmp_path / "asia.bif", name="asia")
    for limits in (Limits(bytes=100), Limits(variables=7), Limits(states=1), Limits(entries=35)):
        with pytest.raises(UserError):
            read_description(path, limits=limits)
    assert read_description(path, limits=Limits(entries=36)).name == "asia"


def test_a_file_that_is_not_there_is_explained(tmp_path):
    with pytest.raises(UserError, match=r"asia.bif cannot be read: No such file"):
        BayesNet.read(tmp_path / "asia.bif")
    with pytest.raises(UserError, match="cannot be read"):
        BayesNet.read(tmp_path, format="bif")
    with pytest.raises(UserError, match="Did you mean 'bif'"):
        BayesNet.read("asia.bif", format="bfi")


# --- any bytes ------------------------------------------------------------------------------------

TEXTS = {format: render(describe("inf8225"), format).encode() for format in FORMATS}


@st.composite
def damaged(draw, text):
    """A good file with some of its bytes cut, repeated, moved or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        match draw(st.integers(0, 3)):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:end] + text[at:end] + text[end:]
            case 2:
                text = text[:at] + draw(st.binary(max_size=5)) + text[end:]
            case 3:
                marks = st.sampled_from([b"{", b"}", b'"', b"(", b")", b";", b"<", b"]", b"1e9"])
                text = text[:at] + draw(marks) + text[at:]
    return text


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=80)
@given(st.data())
def test_a_damaged_file_is_read_or_explained(format, data):
    text = data.draw(damaged(TEXTS[format]))
    try:
        network = parse(text, format, "net")
    except UserError as error:
        said = str(error)
    else:
        said = "net"
        BayesNet(network.spec, network.states)
    assert said.startswith("net")
    assert len(said) < 600


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_any_bytes_are_explained(format, data):
    with pytest.raises(UserError):
        parse(data, format, "net")


# --- published networks ---------------------------------------------------------------------------

PUBLISHED = {
    "asia": (8, 36), "alarm": (37, 752), "hailfinder": (56, 3741), "win95pts": (76, 1148),
    "andes": (223, 2314), "pigs": (441, 8427), "munin1": (186, 19226), "link": (724, 20502),
    "munin": (1041, 98423),
}  # fmt: skip
PGMPY = find_spec("pgmpy")


@pytest.mark.skipif(PGMPY is None, reason="pgmpy is not installed, whose wheel has these files")
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_networks_are_read_within_seconds(name, tmp_path):
    folder = Path(PGMPY.origin).parent / "utils" / "example_models"
    started = time.process_time()
    net = BayesNet.read(folder / f"{name}.bif.gz")
    assert time.process_time() - started < 5
    entries = sum(table.size for table in net.tables.values())
    assert (len(net.variables), entries) == PUBLISHED[name]
    for format in NAMED:
        assert BayesNet.read(write_network(net, tmp_path / f"net.{format}")) == net


# --- the shipped networks -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_a_shipped_network_names_its_source(name):
    described = describe(name)
    assert described.name == name
    assert any(line.startswith("source = ") for line in described.properties)
    assert any(line.startswith("title = ") for line in described.properties)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'asia'"):
        load("azia")


def test_the_kidney_stones_are_the_published_counts():
    net = load("kidney-stones")
    size, treatment, success = (net.tables[name] for name in ("Size", "Treatment", "Success"))
    counts = 700 * size[:, None, None] * treatment[..., None] * success.transpose(1, 0, 2)
    expected = [[[6, 81], [36, 234]], [[71, 192], [25, 55]]]  # [size, treatment, success]
    assert np.allclose(counts, expected, atol=1e-9)
