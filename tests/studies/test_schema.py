"""Study files: what is wrong with them is said with the key and the fix, all at once."""

import math

import pytest
from small import SMALL, small_study

from retroprop.errors import UserError
from retroprop.studies.kinds import recorded
from retroprop.studies.schema import (
    MOST_MODELS,
    Study,
    catalog,
    catalog_names,
    load_study,
    read_study,
)
from retroprop.training.settings import Hyperparameters, types_of


def test_the_logistic_study_is_the_grid_of_the_assignment():
    study = load_study("inf8225-logistic")
    assert study.grid.varied() == {
        "optimizer": ["sgd", "adam"],
        "learning_rate": [0.1, 0.01, 0.001],
        "batch_size": [1, 20, 200, 1000],
    }
    assert (study.epochs, study.seeds, study.training.gradient) == (5, [0, 1, 2], "sum")


def test_every_study_of_the_catalog_is_valid_and_named_as_its_file():
    assert [study.name for study in catalog().values()] == catalog_names()


def test_the_source_of_a_study_is_in_french_too_and_no_part_of_what_its_numbers_depend_on():
    for study in catalog().values():
        assert " part " not in study.source.fr
    changed = load_study("inf8225-logistic", changes=['source="a book"'])
    assert (changed.source.en, changed.source.fr) == ("a book", "a book")
    assert changed.fingerprint == load_study("inf8225-logistic").fingerprint
    with pytest.raises(UserError, match=r"unknown key source\.fe\. Known: en, fr"):
        load_study("inf8225-logistic", changes=['source={ en = "a", fe = "b" }'])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("grid.learning_rate=[-1]", "grid.learning_rate.0 must be greater than 0, and got -1"),
        ("grid.learning_rate=[]", "grid.learning_rate is an empty list; give at least one value"),
        ("grid.batch_size=[60000]", "batch_size 60000 is larger than the 54000 training examples"),
        ("grid.batch_size=[0]", "grid.batch_size.0 must be greater than or equal to 1, and got 0"),
        ("grid.batch_size=[2.5]", "grid.batch_size.0 must be a whole number, and got 2.5"),
        ("grid.learning_rate=-1", "grid.learning_rate must be greater than 0, and got -1"),
        ("grid.learning_rate=1,-1", "grid.learning_rate.1 must be greater than 0, and got -1"),
        ("grid.optimizer=adma", "grid.optimizer: unknown optimizer 'adma'. Did you mean"),
        ("seeds=x", "seeds must be a whole number, and got 'x'"),
        ('grid.optimizer=["adma"]', "unknown optimizer 'adma'. Did you mean 'adam' or 'adamw'?"),
        ("grid.learning_rate=[0.1, 0.1]", "grid.learning_rate lists a value twice"),
        ("grid.learning_rate=[inf]", "grid.learning_rate.0 must be a finite number, and got inf"),
        ("grid.learning_rate=[nan]", "grid.learning_rate.0 must be"),
        ("grid.momentum=[0.9]", "grid.momentum does not apply to a softmax-regression; it has"),
        ("grid.colour=[1]", "unknown key grid.colour. Known: activation, architecture"),
        ("grid.learning_rat=[0.1]", "unknown key grid.learning_rat. Did you mean 'learning_rate'?"),
        ("dataset=fashion-mnits", "unknown dataset 'fashion-mnits'. Did you mean 'fashion-mnist'"),
        ("model.kind=softmax", "unknown model kind 'softmax'. Did you mean 'softmax-regression'?"),
        ("epoch=3", "unknown key epoch. Did you mean 'epochs'?"),
        ("epochs=0", "epochs must be greater than or equal to 1, and got 0"),
        ("epochs=2.5", "epochs must be a whole number, and got 2.5"),
        ("epochs=many", "epochs must be a whole number, and got 'many'"),
        ("seeds=[]", "seeds is an empty list"),
        ("seeds=[1, 1]", "a seed is listed twice"),
        ("split.validation=1.5", "split.validation must be less than 1, and got 1.5"),
        ("training.gradient=total", "training.gradient must be 'mean' or 'sum', and got 'total'"),
        ('selection.best_per=["optimiser"]', "unknown grid key in selection.best_per"),
        ('report.figures=["loss-curve"]', "unknown figure 'loss-curve'. Did you mean 'loss-cur"),
        ("title.en=", "--set"),
        ("name=Bad Name", "name must be"),
        ("grid={}", "the grid is empty"),
    ],
)
def test_a_wrong_setting_is_named_with_its_fix(change, sentence):
    with pytest.raises(UserError) as raised:
        load_study("inf8225-logistic", changes=[change])
    if sentence != "--set":
        assert sentence in str(raised.value)
    assert "pydantic" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_all_problems_are_reported_at_once(tmp_path):
    with pytest.raises(UserError) as raised:
        load_study("inf8225-logistic", changes=["epochs=0", "seeds=[]", "colour=red"])
    message = str(raised.value)
    assert "has 3 problems" in message
    for word in ("epochs", "seeds", "colour"):
        assert word in message


def test_an_empty_grid_is_refused():
    with pytest.raises(ValueError, match="the grid is empty"):
        Study.model_validate(SMALL | {"grid": {}, "selection": {}})


@pytest.mark.parametrize(
    ("study", "change", "sentence"),
    [
        ("lyon-perceptron", "grid.depth=1,2", "grid.depth does not apply to a perceptron; it has"),
        (
            "lyon-perceptron",
            "training.precision=bf16",
            "precision bfloat16 is for networks of kind",
        ),
        ("lyon-perceptron", "grid.initial_sign=plus", "'both', 'positive' or 'negative'"),
        (
            "lyon-shallow",
            "grid.initial_scale=-1",
            'must be a number from 0 to 1000, or "auto", and got -1',
        ),
        ("lyon-shallow", "training.activation=relu", "training.activation does not apply"),
        (
            "lyon-activations",
            "grid.activation=rely",
            "unknown activation 'rely'. Did you mean 'relu'",
        ),
        ("lyon-convolution", "grid.kernel_size=3,9", "kernel_size 9 leaves nothing of a 28 × 28"),
        ("lyon-convolution", "grid.width=10", "grid.width does not apply to a cnn"),
        ("inf8225-mlp", "training.learning_rate={ sgd = 0.1 }", "no value for adam; add one"),
        (
            "inf8225-mlp",
            "training.learning_rate={ sgd = 0.1, adm = 1.0 }",
            "optimizer 'adm'. Did you",
        ),
        (
            "inf8225-mlp",
            "training.learning_rate=0",
            "training.learning_rate must be greater than 0, and got 0",
        ),
        ("inf8225-mlp-derivations", "training.precision=bf16", "derived by hand; use float32"),
        ("inf8225-mlp", "grid.width=0", "greater than or equal to 1, and got 0"),
    ],
)
def test_a_setting_that_a_kind_of_model_cannot_have_is_refused(study, change, sentence):
    with pytest.raises(UserError) as raised:
        load_study(study, changes=[change])
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_learning_rate_for_each_optimizer_reaches_the_runs():
    study = load_study("inf8225-mlp")
    assert study.settings({"optimizer": "sgd", "depth": 1, "width": 25}).learning_rate == 0.2
    adam = study.settings({"optimizer": "adam", "depth": 1, "width": 25})
    assert adam.learning_rate == 0.001


def test_a_run_records_the_settings_of_its_kind_only():
    perceptron = recorded(load_study("lyon-perceptron").settings({"initial_scale": 0.1}))
    assert perceptron["output"] == "linear"
    assert "depth" not in perceptron
    shallow = recorded(load_study("lyon-shallow").settings({"width": 10}))
    assert (shallow["depth"], shallow["activation"], shallow["width"]) == (1, "sigmoid", 10)
    assert load_study("inf8225-logistic").settings({}).initial_scale == 0.01
    assert load_study("inf8225-mlp").settings({"optimizer": "sgd"}).initial_scale == "auto"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("inf8225-logistik", "Did you mean 'inf8225-logistic'?"),
        ("nothing.toml", "there is no study file nothing.toml"),
        ("folder/", "cannot be read"),
    ],
)
def test_an_unknown_study_is_named_with_the_nearest(name, sentence, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence.replace("?", r"\?")):
        load_study(name)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"name = 1\nname = 2"])
def test_a_file_that_is_not_toml_is_refused_in_a_sentence(tmp_path, content):
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"is not valid TOML|cannot be read"):
        load_study(str(file))


@pytest.mark.parametrize("change", ["epochs", "=3", "a..b=1", "epochs.x=1"])
def test_a_change_that_is_not_key_value_is_refused_in_a_sentence(change):
    with pytest.raises(UserError, match="--set"):
        load_study("inf8225-logistic", changes=[change])


def test_a_single_value_of_the_grid_needs_no_brackets():
    study = load_study("inf8225-logistic", changes=["grid.batch_size=20", "grid.optimizer=sgd"])
    assert study.grid.batch_size == [20]
    assert study.grid.optimizer == ["sgd"]


def test_a_list_needs_no_brackets_which_some_shells_expand():
    changes = ["seeds=3,4", "grid.learning_rate=0.1, 0.01", "grid.optimizer=adam,sgd"]
    study = load_study("inf8225-logistic", changes=changes)
    assert study.seeds == [3, 4]
    assert study.grid.learning_rate == [0.1, 0.01]
    assert study.grid.optimizer == ["adam", "sgd"]


def test_the_fingerprint_follows_what_the_numbers_depend_on_and_nothing_else():
    study = small_study()
    assert study.fingerprint == small_study().fingerprint
    assert study.fingerprint == small_study(title={"en": "Other", "fr": "Autre"}).fingerprint
    assert study.fingerprint != small_study(epochs=4).fingerprint
    assert study.fingerprint != small_study(split={"validation": 0.2, "seed": 2}).fingerprint
    assert study.fingerprint != small_study(training={"batch_size": 50}).fingerprint


# -- what people write by hand, and what nobody should -----------------------------------------


TINY = """
name = "tiny"
title = "My study"
dataset = "mnist"
epochs = 1
seeds = [0]
grid = { learning_rate = [0.1] }
"""


@pytest.fixture
def refused(tmp_path):
    """The sentence with which the study file of these bytes or of this text is refused."""

    def read(content):
        file = tmp_path / "mine.toml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UserError) as raised:
            load_study(str(file))
        return str(raised.value)

    return read


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + TINY.encode())
    assert load_study(str(file)).name == "tiny"


@pytest.mark.parametrize(
    ("title", "en", "fr"),
    [
        ("My study", "My study", "My study"),
        ({"en": "My study"}, "My study", "My study"),
        ({"fr": "Mon étude 🙂"}, "Mon étude 🙂", "Mon étude 🙂"),
        ({"en": "My study", "fr": "Mon étude"}, "My study", "Mon étude"),
    ],
)
def test_one_title_stands_for_the_language_that_has_none(title, en, fr):
    study = small_study(title=title)
    assert (study.title.en, study.title.fr) == (en, fr)
    assert study.fingerprint == small_study().fingerprint


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (TINY.encode("utf-16"), "it is written in UTF-16; save it as UTF-8"),
        (TINY.encode() + b"# \xe9", "line 8 is not written in UTF-8"),
        (TINY + "#" * 100_000, "it has more than 100,000 bytes"),
        (TINY + "a" + ".a" * 20_000 + " = 1", "a key of 20,001 parts"),
        (TINY + 'a."".b' + '."="' * 20_000 + " = 1", "a key of 20,003 parts"),
        (TINY + "a = " + "[" * 2000 + "]" * 2000, "2,000 brackets inside one another"),
        (TINY + 'a = ["""b"""", ' + "[" * 2000 + '"c"', "2,001 brackets inside one another"),
        (TINY.replace("[0]", "[" + "9" * 5000 + "]"), "a number of thousands of digits"),
        (TINY.replace("[0]", "[0x" + "f" * 9000 + "]"), "got a number of thousands of digits"),
        (TINY.replace("My", "M" * 90_000), "title.en must be at most 500 characters"),
        (TINY.replace("My", "\\u0000"), "without '\\x00'"),
        (TINY + "\n".join(f"a{n} = 1" for n in range(9000)), "9,000 problems"),
        (TINY + f'"{"a" * 90_000}" = 1', "unknown key 'aaaa"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_no_study_holds_is_refused_within_a_few_lines(refused, content, sentence):
    answer = refused(content)
    assert sentence in answer
    assert max(map(len, answer.splitlines())) < 400
    assert len(answer.splitlines()) < 30


def test_a_grid_is_counted_before_it_is_made(refused):
    lists = {
        "learning_rate": [1 / n for n in range(1, 101)],
        "batch_size": list(range(1, 101)),
        "weight_decay": [n / 1000 for n in range(100)],
        "momentum": [n / 1000 for n in range(100)],
    }
    grid = "\n".join(f"{key} = {values}" for key, values in lists.items())
    text = TINY.replace(
        "grid = { learning_rate = [0.1] }", f'[model]\nkind = "network"\n[grid]\n{grid}'
    )
    assert "100,000,000 cells of the grid × 1 seeds are 100,000,000 models" in refused(text)
    most = f"at most {MOST_MODELS:,}"
    assert most in refused(
        TINY.replace("[0]", str(list(range(10_001)))).replace(
            "[0.1]", str(lists["learning_rate"][:10])
        )
    )
    assert "lists 1,001 values; give at most 1,000" in refused(
        TINY.replace("[0.1]", str([1.5] * 1001))
    )


@pytest.mark.parametrize(
    "change", ["grid" + ".a" * 20_000 + "=1", "epochs=" + "[" * 5000, "x" * 99_999]
)
def test_a_change_is_bounded_as_a_file_is(change):
    with pytest.raises(UserError) as raised:
        load_study("inf8225-logistic", changes=[change])
    assert len(str(raised.value)) < 400


EXTREMES = (0, -1, 10**400, 10**30, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan, 1e39)


@pytest.mark.parametrize("kind", ["mlp", "network", "mlp-mixer"])
@pytest.mark.parametrize("name", types_of(Hyperparameters))
def test_every_setting_is_read_or_refused_at_its_extremes(name, kind):
    """float32 ends at 3.4e38: what is read must be a number that it has."""
    dataset = {"mlp-mixer": "cifar10-sample"}.get(kind, "mnist")
    for value in EXTREMES:
        for given in (value, [value] * 4):
            try:
                study = small_study(
                    dataset=dataset, model={"kind": kind}, training={name: given},
                    grid={"derivation": ["by-hand"]} if kind == "mlp" else {"batch_size": [10]},
                    selection={}, split={},
                )  # fmt: skip
            except (UserError, ValueError):
                continue
            read = getattr(study.settings({}), name)
            assert name == "clip_norm" or abs(float(read)) < 1e38


@pytest.mark.parametrize("name", ["study.yaml", "noext"])
def test_a_file_that_does_not_end_in_toml_is_said_to_be_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("name: x")
    with pytest.raises(UserError, match=f"the file '{name}' is no study file .* ends in .toml"):
        load_study(name)


def test_a_date_is_quoted_as_toml_writes_it():
    with pytest.raises(UserError, match="and got 2020-01-01"):
        load_study("inf8225-logistic", changes=["epochs=2020-01-01"])


# -- the names of the shipped studies ---------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [('"adam"', '"momentum"'), ("epochs = 5", "epochs = 6")])
def test_a_file_that_takes_the_name_of_a_shipped_study_is_refused(tmp_path, old, new):
    text = read_study("inf8225-logistic")[1]
    assert old in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match="inf8225-logistic is the name of a study of retroprop"):
        load_study(str(file))
    file.write_text(file.read_text().replace("inf8225-logistic", "mine"), encoding="utf-8")
    assert load_study(str(file)).name == "mine"


def test_a_copy_of_a_shipped_study_changes_as_the_shipped_one_does(tmp_path):
    file = tmp_path / "copy.toml"
    file.write_text(read_study("inf8225-logistic")[1], encoding="utf-8")
    for options in ({"size": "laptop"}, {"changes": ["seeds=0"], "epochs": 3}):
        copied, shipped = (load_study(name, **options) for name in (str(file), "inf8225-logistic"))
        assert copied.fingerprint == shipped.fingerprint


def test_a_change_of_the_name_does_not_make_another_shipped_study():
    with pytest.raises(UserError, match="inf8225-mlp is the name of a study of retroprop"):
        load_study("inf8225-logistic", changes=["name=inf8225-mlp"])
