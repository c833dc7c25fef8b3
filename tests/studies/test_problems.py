"""What is wrong with a study file is said in our words, never in those of a library."""

import pytest
from pydantic_core import InitErrorDetails, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from retroprop.errors import UserError
from retroprop.studies.problems import explained
from retroprop.studies.schema import load_study, study_from
from retroprop.studies.study_text import parse_toml

STUDY = {
    "name": "wrong",
    "title": "Wrong",
    "dataset": "cifar10-sample",
    "epochs": 1,
    "seeds": [0],
    "grid": {"learning_rate": [0.1]},
}
THEIRS = ("Input", "should", "valid", "dictionary", "instance", "pydantic", "None", "(at line")


def refused(change):
    with pytest.raises(UserError) as raised:
        study_from({**STUDY, **change})
    return str(raised.value)


@pytest.mark.parametrize("table", ["split", "model", "training", "grid", "selection", "report"])
@pytest.mark.parametrize("value", [3, "mlp", [1], [{"seed": 1}], True, 2.5], ids=repr)
def test_what_is_no_table_is_answered_with_one_sentence(table, value):
    assert refused({table: value}) == f"the study: {table} must be a table, and got {value!r}."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, "name must be text, and got 3"),
        ({"title": ""}, "title.en is an empty text; write a word at least"),
        ({"title": "a" * 501}, "title.en must be at most 500 characters long, and got 'aaa"),
        ({"epochs": 10**30}, "epochs must be less than or equal to 10000, and got 1000"),
        ({"epochs": "1"}, "epochs must be a whole number, and got '1'"),
        ({"epochs": True}, "epochs must be a whole number, and got True"),
        ({"seeds": 0}, "seeds must be a list, and got 0"),
        ({"seeds": []}, "seeds is an empty list; give at least one value"),
        ({"seeds": list(range(100_001))}, "seeds lists 100,001 values; give at most 100,000"),
        ({"split": {"validation": 1}}, "split.validation must be less than 1, and got 1"),
        ({"split": {"source": "val"}}, "split.source must be 'train' or 'test', and got 'val'"),
        ({"training": {"momentum": "a"}}, "training.momentum must be a number, and got 'a'"),
        ({"training": {"shuffle": 1}}, "training.shuffle must be true or false, and got 1"),
        ({"grid": {"batch_size": [1, 1]}}, "the study: grid.batch_size lists a value twice"),
        ({"report": {"tables": [3]}}, "report.tables.0 must be a table, and got 3"),
        ({"report": {"figures": "loss"}}, "report.figures must be a list, and got 'loss'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_value_that_cannot_be_is_answered_in_our_words(change, sentence):
    assert sentence in refused(change)
    assert not [word for word in THEIRS if word in refused(change).split()]


@pytest.mark.parametrize("kind", [one["type"] for one in list_all_errors()])
def test_no_kind_of_error_of_the_library_comes_through_in_its_words(kind):
    (example,) = [one for one in list_all_errors() if one["type"] == kind]
    details = InitErrorDetails(
        type=kind, loc=("key",), input=3, ctx=example.get("example_context") or {}
    )
    error = ValidationError.from_exception_data("study", [details])
    said = explained("a.toml", error, lambda _: ["name"], whole="the study")
    assert error.errors()[0]["msg"] not in said or kind in ("value_error", "assertion_error")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = ", "a value is no number, no true or false, and text without its quotes (line 1"),
        ("a = tru", "text without its quotes (line 1: 'a = tru')"),
        ('a = 1\nname = "x\n', "text is not closed by its quotes, or holds a control character"),
        ("a = 1\na = 2", "a key is given twice (line 2: 'a = 2')"),
        ("a = {b = 1, b = 2}", "a key is given twice"),
        ("[a]\n[a]", "a table is begun twice (line 2: '[a]')"),
        ("[[a]]\n[a]", "a table is begun twice"),
        ("a = 1 b = 2", "something stands behind a value that is no part of it"),
        ("name: x", "a key is followed by =, and then by its value (line 1: 'name: x')"),
        ("[a", "the name of a table stands between [ and ]"),
        ('{"a": 1}', "a line is key = value, or [table]"),
        ("a = [1,\n2", "a list is not closed by ] (line 2: '2')"),
        ("a = {b = 1", "a table is not closed by }"),
        ('a = "\\q"', "a backslash stands alone in text; write two, or text in 'single quotes'"),
        ('a = """x\n', "text is not closed by its quotes"),
        ("a = '''x", "text is not closed by its quotes"),
        ("a = 2020-02-31", "there is no such day or hour"),
        ("+ = 3", "a line is key = value, or [table]"),
        ("a.+ = 3", "a key begins with a letter, a digit or a quote"),
    ],
)
def test_what_is_no_toml_is_said_in_our_words_with_its_line(text, sentence):
    with pytest.raises(UserError) as raised:
        parse_toml(text, "a.toml")
    assert str(raised.value).startswith("a.toml is not valid TOML: ")
    assert sentence in str(raised.value)


def test_a_file_of_the_disk_is_read_alike(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("a = 1\n[b\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"between \[ and \] \(line 2: '\[b'\)\."):
        load_study(str(file))
