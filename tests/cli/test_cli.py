"""The command line as a person meets it: what each command prints, and one sentence on errors."""

import csv
import inspect
import io
import json
import os
import re
import shlex
import sqlite3
from importlib import import_module

import numpy as np
import pytest
from tests import processes

import retroprop
from retroprop.cli.help_texts import DATA, STUDIES
from retroprop.cli.studies import MOST_COMPARED
from retroprop.data import CATALOG
from retroprop.studies.plan import plan_study
from retroprop.studies.records import NewRun, Records, RunUpdate
from retroprop.studies.schema import load_study
from retroprop.training.epochs import EpochRecord, Progress

COMMANDS = [*(name.split() for name in STUDIES), *(["data", name] for name in DATA)]
FUNCTIONS = {
    **{name: ("studies", name) for name in STUDIES},
    "report": ("report", "report"),
    "studies show": ("studies", "show_study"),
    "studies keys": ("study_keys", "keys"),
}

STUDY = """
name = "one"
title = { en = "One epoch", fr = "Une époque" }
dataset = "cifar10-sample"
split = { validation = 0.2, seed = 1 }
epochs = 1
seeds = [0]
[training]
batch_size = 100
[grid]
optimizer = ["sgd", "adam"]
learning_rate = [0.01, 0.001]
[selection]
best_per = ["optimizer"]
"""


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The width that a terminal has when nobody made it wider."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def study_file(tmp_path):
    file = tmp_path / "work" / "one.toml"
    file.write_text(STUDY, encoding="utf-8")
    return file.name  # the test's working folder is there


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shared_cache):
    """A finished study, run once through the command line, and what that printed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "one.toml").write_text(STUDY, encoding="utf-8")
    done = in_a_process("run", "one.toml", "--workers", "1", folder=folder, cache=shared_cache)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def records(trained, monkeypatch):
    """The records of the finished study; its folder is the working folder."""
    monkeypatch.chdir(trained[0])
    return Records.open("retroprop.db", create=False)


def in_a_process(*arguments, folder=None, cache=None, python=(), environment=()):
    """Run the program as a person does."""
    env = {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **dict(environment)}
    if cache is not None:
        env["RETROPROP_CACHE"] = str(cache)
    return processes.run(
        **processes.python(*python, "-m", "retroprop", *arguments, **env), cwd=folder
    )


# --- help -----------------------------------------------------------------------------------------


def test_the_version_is_printed(call):
    assert call("--version") == (0, f"{retroprop.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_its_summary(call, arguments):
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    for name, text in STUDIES.items():
        if " " not in name:
            assert listed(out, name) == text.splitlines()[0]
    assert listed(out, "data")


@pytest.mark.parametrize("arguments", [["data"], ["data", "--help"]])
def test_help_of_data_lists_every_command_with_its_summary(call, arguments):
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    for name, text in DATA.items():
        assert listed(out, name) == text.splitlines()[0]


def listed(out, name):
    """The text beside a name in the list of commands, put together from its lines."""
    lines = [line.strip("│ ") for line in out.splitlines() if line.startswith("│")]
    start = next(i for i, line in enumerate(lines) if re.match(rf"{name}\s{{2,}}", line))
    words = lines[start].removeprefix(name).split()
    for line in out.splitlines()[out.splitlines().index(find_line(out, name)) + 1 :]:
        if not re.match(r"│\s{8,}\S", line):
            break
        words += line.strip("│ ").split()
    return " ".join(words)


def find_line(out, name):
    return next(line for line in out.splitlines() if re.match(rf"│ {name}\s{{2,}}", line))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_parameters(call, command):
    code, out, err = call(*command, "--help")
    assert (code, err) == (0, "")
    text = help_text(command)
    assert text.splitlines()[0] in out
    for line in example_lines(text):
        assert line in out  # an example is not run together with the next one
    function = function_of(command)
    for name in inspect.signature(function).parameters:
        assert re.search(rf"\n +{name}\n|\n +{name}: ", function.__doc__), (
            f"{name} is not described"
        )


def help_text(command):
    return DATA[command[1]] if command[0] == "data" else STUDIES[" ".join(command)]


def example_lines(text):
    return text.partition("```\n")[2].partition("```")[0].splitlines()


def function_of(command):
    if command[0] == "data":
        name = {"list": "list_datasets"}.get(command[1], command[1])
        return getattr(import_module("retroprop.cli.data"), name)
    module, name = FUNCTIONS[" ".join(command)]
    return getattr(import_module(f"retroprop.cli.{module}"), name)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_summary_in_the_list_is_the_first_line_of_the_docstring(command):
    assert function_of(command).__doc__.splitlines()[0] == help_text(command).splitlines()[0]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_the_lightest_commands_import_no_command_at_all(arguments):
    done = in_a_process(*arguments, python=["-X", "importtime"])
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert modules.isdisjoint({"numpy", "sqlalchemy", "pydantic", "retroprop.cli.studies"})


# --- what cannot be understood --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["rnu"], 'Did you mean "run"?'),
        (["data", "fetsh"], 'Did you mean "fetch"?'),
        (["run", "one", "--epohcs", "3"], "Did you mean --epochs?"),
        (["data", "fetch", "cifar10", "--offlien"], "Did you mean --offline?"),
        (["run", "inf8225-logistics"], "Did you mean 'inf8225-logistic'?"),
        (["data", "show", "fashon-mnist"], "Did you mean 'fashion-mnist'?"),
        (["data", "fetch", "cifar"], "'cifar10'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_misspelt_word_is_answered_with_a_suggestion(refused, typed, meant):
    assert meant in refused(*typed)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["run"], "STUDY is missing. retroprop run --help"),
        (["show"], "RUN is missing."),
        (["data", "fetch"], "NAME is missing."),
        (["run", "one", "two"], "'two' is one argument too many. retroprop run --help"),
        (["run", "one", "--workers"], "--workers needs a value. retroprop run --help"),
        (
            ["run", "one", "--size", "full", "--size", "smoke"],
            "--size is given twice; give it once.",
        ),
        (["run", "one", "--dry-run=perhaps"], "--dry-run must be yes or no, and got 'perhaps'."),
        (["train", "mlp", "--lr", "fast"], "--lr must be a number, and got 'fast'."),
        (["show", "abc"], "expected a whole number, and got 'abc'."),
        (["show", "1.5"], "expected a whole number, and got '1.5'."),
        (
            ["data", "show", "mnist", "--per-class", "2.5"],
            "for --per-class: expected a whole number",
        ),
        (["data", "show", "mnist", "--lang", "de"], 'Choose from: "en", "fr"'),
        (
            ["data", "show", "cifar10-sample", "--per-class", "0"],
            "must be from 1 to 100, and got 0",
        ),
        (["compare"], "compare takes two or more run numbers"),
        (["report", "one", "--format", ","], "--format is empty"),
        (["runs"], "no records at retroprop.db: run a study first"),
        (["run", "absent.toml"], "there is no study file absent.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_call_that_cannot_be_understood_is_answered_with_one_sentence(refused, typed, sentence):
    if typed[0] == "compare":
        sqlite_records("retroprop.db")
    assert sentence in refused(*typed)


def sqlite_records(path):
    """A database of records without any."""
    Records.open(path).engine.dispose()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--epochs", "2.5"],
            "Invalid value for --epochs: expected a whole number, and got '2.5'.",
        ),
        (["--epochs", "many"], "Invalid value for --epochs: expected a whole number"),
        (["--epochs", "0"], "epochs must be greater than or equal to 1, and got 0"),
        (["--workers", "0"], "--workers must be at least 1, and got 0"),
        (["--workers", "1.5"], "Invalid value for --workers: expected a whole number"),
        (
            ["--set", "training.learning_rate=-1"],
            "learning_rate must be greater than 0, and got -1",
        ),
        (["--set", "grid.learning_rate=-1"], "must be greater than 0, and got -1"),
        (["--set", "training.learning_rate=nan"], "must be a finite number"),
        (["--set", "grid.optimizer=[]"], "grid.optimizer is an empty list; give at least one"),
        (
            ["--set", "grid.batch_size=[100000]"],
            "batch_size 100000 is larger than the 1600 training",
        ),
        (["--set", "training.batch_size=0"], "batch_size must be greater than or equal to 1"),
        (["--set", "training.batch_size=2.5"], "must be a whole number, and got 2.5"),
        (["--set", "seeds=[0, 0]"], "a seed is listed twice"),
        (["--set", "seeds=[]"], "seeds is an empty list"),
        (["--set", "grid.optimizer=['adma']"], "Did you mean 'adam' or 'adamw'?"),
        (["--set", "grid.optimiser=['adam']"], "Did you mean 'optimizer'?"),
        (["--set", "dataset=minst"], "Did you mean 'mnist'?"),
        (["--set", "epochs"], "is not key=value; write for example --set seeds=0"),
        (["--set", "=3"], "is not key=value"),
        (["--set", "epochs.a=3"], "'epochs' is not a table of the study file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]], ids=["", "dry"])
def test_a_setting_that_cannot_be_is_refused_before_anything_is_written(
    refused, study_file, options, sentence, dry_run, tmp_path
):
    assert sentence in refused("run", study_file, *options, *dry_run)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["one.toml"]


def test_an_empty_grid_is_refused(refused, tmp_path):
    text = STUDY.replace('optimizer = ["sgd", "adam"]\nlearning_rate = [0.01, 0.001]\n', "")
    (tmp_path / "work" / "empty.toml").write_text(text, encoding="utf-8")
    assert "the grid is empty; give at least one list" in refused("run", "empty.toml")


def test_several_problems_of_a_study_are_listed_one_a_line(call, study_file):
    options = ["--set", "epochs=0", "--set", "seeds=[]", "--set", "grid.batch_size=[0]"]
    code, out, err = call("run", study_file, *options)
    assert (code, out) == (2, "")
    assert "one.toml has 3 problems:" in err
    assert len(re.findall(r"^  - ", err, re.M)) == 3
    assert "pydantic" not in err


# --- databases that cannot be used ----------------------------------------------------------------


def a_file_for_a_folder(folder):
    (folder / "file").write_text("")
    return "file/r.db", "create it or name another database with --db"


def no_folder(folder):
    return "nowhere/r.db", "create it or name another database with --db"


def a_folder_for_a_file(folder):
    (folder / "r.db").mkdir()
    return "r.db", "r.db"


def another_version(folder):
    sqlite_records(folder / "r.db")
    with sqlite3.connect(folder / "r.db") as connection:
        connection.execute("UPDATE retroprop_meta SET value = 99 WHERE key = 'schema_version'")
    connection.close()
    return "r.db", "has records of version 99"


def another_program(folder):
    with sqlite3.connect(folder / "r.db") as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
    connection.close()
    return "r.db", "is a database of another program"


def no_database(folder):
    (folder / "r.db").write_bytes(np.random.default_rng(0).bytes(5000))
    return "r.db", "r.db"


def no_driver(folder):
    return "mongo://host/name", "needs a driver that is not installed"


@pytest.mark.parametrize(
    "make",
    [
        a_file_for_a_folder, no_folder, a_folder_for_a_file, another_version, another_program,
        no_database, no_driver,
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "runs", "report"])
def test_a_database_that_cannot_be_used_is_explained(refused, study_file, tmp_path, command, make):
    database, sentence = make(tmp_path / "work")
    if command != "run" and make in (a_file_for_a_folder, no_folder):
        sentence = "no records at"
    arguments = {"run": ["run", study_file], "runs": ["runs"], "report": ["report", "one"]}[command]
    assert sentence in refused(*arguments, "--db", database)


# --- the plan -------------------------------------------------------------------------------------


def test_a_dry_run_prints_the_plan_and_writes_nothing(call, study_file, tmp_path, monkeypatch):
    def refuse(*_args, **_keywords):
        raise AssertionError("a dry run trained")

    monkeypatch.setattr("retroprop.studies.runner.run_study", refuse)
    code, out, err = call("run", study_file, "--dry-run", "--workers", "3", "--epochs", "7")
    assert (code, err) == (0, "")
    for words in (
        "optimizer=sgd",
        "optimizer=adam",
        "0.01, 0.001",
        "4 models, 7 epochs",
        "3 workers",
    ):
        assert words in out
    assert "Nothing was trained." in out
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["one.toml"]


def test_a_study_that_is_smaller_than_its_assignment_says_so(call):
    code, out, _ = call("run", "ift6135-activations", "--dry-run")
    assert (code, out.splitlines()[0][:38]) == (0, "ift6135-activations at laptop size: fe")
    whole = call("run", "ift6135-activations", "--dry-run", "--size", "full")[1]
    assert "size" not in whole
    assert "size" not in call("run", "inf8225-mlp", "--dry-run")[1]


def test_precision_is_a_setting_that_only_some_networks_have(call, refused):
    code, out, _ = call("run", "inf8225-mlp", "--precision", "bf16", "--dry-run")
    assert code == 0
    assert "30 models" in out
    said = refused("run", "inf8225-logistic", "--precision", "bf16")
    assert "precision bfloat16 is for networks of kind mlp or shallow" in said
    assert "'float32', 'float64' or 'bfloat16', and got 'half'" in refused(
        "run", "inf8225-mlp", "--precision", "half"
    )


def test_no_name_is_cut_at_80_columns(call):
    for arguments in (["run", "inf8225-logistic", "--dry-run"], ["studies"], ["data", "list"]):
        _, out, _ = call(*arguments)
        assert "…" not in out, arguments
    _, plan, _ = call("run", "inf8225-logistic", "--dry-run")
    assert "optimizer=adam,batch_size=1000 " in plan
    _, studies, _ = call("studies")
    words = " ".join(studies.split())
    assert (
        "inf8225-logistic Logistic regression by hand fashion-mnist, 72 models, 5 epochs" in words
    )
    assert "inf8225-mlp-derivations By hand against automatic differentiation" in words
    assert "48 models, 1 epoch; varies optimizer, depth, width, derivation" in words


# --- records --------------------------------------------------------------------------------------


def percent(accuracy):
    return f"{accuracy:.2%}"


def test_run_says_which_models_are_best_and_what_to_do_next(trained, records):
    out = trained[1]
    (study_run,) = records.study_runs()
    assert f"{study_run.id}: 4 models trained" in out
    tested = [run for run in records.runs(study_run.id) if run.test_accuracy is not None]
    assert len(tested) == 2
    for run in tested:
        assert (
            f"{100 * run.best_validation_accuracy:.2f} %, test {100 * run.test_accuracy:.2f} %"
            in out
        )
    assert "Report:  retroprop report one\n" in out


def test_run_of_a_finished_study_trains_nothing_and_says_the_same(call, trained, records):
    (study_run,) = records.study_runs()
    code, out, err = call("run", "one.toml")
    assert (code, err) == (0, "")
    first, rest = out.split("\n", 1)
    assert first.startswith(f"{study_run.id} is finished already: nothing to train")
    assert rest.strip() in trained[1]
    assert records.study_runs() == [study_run]


def test_runs_lists_the_study_runs(call, records):
    (study_run,) = records.study_runs()
    best = max(run.best_validation_accuracy for run in records.runs(study_run.id))
    code, out, err = call("runs")
    assert (code, err) == (0, "")
    (row,) = out.splitlines()[1:]
    assert row.split()[:3] == [study_run.id, "finished", "4/4"]
    assert percent(best) in row


@pytest.mark.parametrize("by_id", [False, True])
def test_runs_of_a_study_lists_its_models_with_their_numbers(call, records, by_id):
    (study_run,) = records.study_runs()
    code, out, err = call("runs", study_run.id if by_id else "one")
    assert (code, err) == (0, "")
    rows = {row.split()[0]: row for row in out.splitlines()[2:]}
    runs = records.runs(study_run.id)
    assert list(rows) == [str(run.id) for run in runs]
    for run in runs:
        row = rows[str(run.id)]
        assert row.split()[1:4] == [run.cell["optimizer"], f"{run.cell['learning_rate']:g}", "0"]
        assert f"{percent(run.best_validation_accuracy)} (epoch {run.best_epoch})" in row
        assert row.split()[-1] == (percent(run.test_accuracy) if run.test_accuracy else "–")


@pytest.mark.parametrize("form", ["json", "csv"])
def test_runs_for_programs_have_every_number_as_it_is_recorded(call, records, form):
    read = json.loads if form == "json" else lambda text: list(csv.DictReader(io.StringIO(text)))
    (study_run,) = records.study_runs()
    code, out, err = call("runs", "--format", form)
    assert (code, err) == (0, "")
    (row,) = read(out)
    assert (row["study_run"], row["status"], int(row["models"])) == (study_run.id, "finished", 4)
    assert float(row["seconds"]) == study_run.wall_s
    code, out, err = call("runs", "one", "--format", form)
    assert (code, err) == (0, "")
    rows, runs = read(out), records.runs(study_run.id)
    assert [int(row["run"]) for row in rows] == [run.id for run in runs]
    for row, run in zip(rows, runs, strict=True):
        assert row["optimizer"] == run.cell["optimizer"]
        assert float(row["learning_rate"]) == run.cell["learning_rate"]
        assert float(row["best_validation_accuracy"]) == run.best_validation_accuracy
        assert row["test_accuracy"] in (run.test_accuracy, str(run.test_accuracy or ""))


@pytest.mark.parametrize(("form", "printed"), [("json", "[]\n"), ("csv", "")])
def test_a_program_reads_that_an_empty_database_has_no_runs(call, form, printed):
    sqlite_records("empty.db")
    assert call("runs", "--db", "empty.db", "--format", form) == (0, printed, "")


def test_the_file_of_a_study_is_printed_as_it_is_and_can_be_run(call, tmp_path):
    code, out, err = call("studies", "show", "inf8225-logistic")
    assert (code, err) == (0, "")
    mine = tmp_path / "mine.toml"
    mine.write_text(out)
    assert load_study(str(mine)) == load_study("inf8225-logistic")
    code, out, err = call("studies", "show", "inf8225-logistik")
    assert (code, out) == (2, "")
    assert "Did you mean 'inf8225-logistic'" in err


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["ru"], {"run", "runs"}),
        (["runs", "--fo"], {"--format"}),
        (["runs", "--format", ""], {"table", "json", "csv"}),
        (["studies", "s"], {"show"}),
    ],
)
def test_bash_completes_commands_options_and_choices(call, tmp_path, typed, completed):
    code, script, err = call("completion", "bash")
    assert (code, err) == (0, "")
    (tmp_path / "script").write_text(script)
    words = " ".join(shlex.quote(word) for word in ("retroprop", *typed))
    ask = (
        f"source ./script; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _retroprop; "
        'printf "%s\n" "${COMPREPLY[@]}"'
    )
    done = processes.run(["bash", "--norc", "-c", ask], cwd=tmp_path, check=True)
    assert set(done.stdout.split()) == completed


def test_runs_of_an_empty_database_says_so(call):
    sqlite_records("empty.db")
    code, out, err = call("runs", "--db", "empty.db")
    assert (code, err) == (0, "")
    assert out == "empty.db holds no study run yet: retroprop run NAME makes one.\n"


def test_show_prints_the_recorded_numbers_of_every_epoch(call, records):
    run = records.run(1)
    code, out, err = call("show", "1")
    assert (code, err) == (0, "")
    assert f"run 1 of {run.study_run_id}: finished" in out
    assert len(run.epochs) == 2
    for epoch in run.epochs:
        losses = f"{epoch.train_loss:.4f} +{epoch.validation_loss:.4f}"
        accuracies = f"{percent(epoch.train_accuracy)} +{percent(epoch.validation_accuracy)}"
        assert re.search(rf"^ +{epoch.epoch} +{losses} +{accuracies}", out, re.M)
    for key in ("torch", "cpu", "git_revision", "data"):
        assert re.search(rf"^{key} +\S", out, re.M)


def test_compare_puts_two_models_side_by_side(call, records):
    first, second = records.run(1), records.run(2)
    code, out, err = call("compare", "1", "2")
    assert (code, err) == (0, "")
    assert re.search(r"run 1 +run 2$", out, re.M)
    assert re.search(r"^learning_rate +0\.01 +0\.001$", out, re.M)
    assert not re.search(r"^optimizer", out, re.M)  # it does not differ
    best = " +".join(re.escape(f"{percent(r.best_validation_accuracy)} (epoch {r.best_epoch})")
                     for r in (first, second))  # fmt: skip
    assert re.search(rf"^best validation +{best}$", out, re.M)
    losses = " +".join(f"{r.epochs[-1].train_loss:.4f}" for r in (first, second))
    assert re.search(rf"^last train loss +{losses}$", out, re.M)


def test_compare_by_a_setting_pairs_the_models_that_differ_in_nothing_else(call, records):
    best = {
        (run.cell["optimizer"], run.cell["learning_rate"]): run.best_validation_accuracy
        for run in records.runs(records.study_runs()[0].id)
    }
    differences = [100 * (best["sgd", rate] - best["adam", rate]) for rate in (0.01, 0.001)]
    code, out, err = call("compare", "one", "--by", "optimizer")
    assert (code, err) == (0, "")
    (row,) = [line for line in out.splitlines() if line.strip().startswith("sgd")]
    mean, deviation = np.mean(differences), np.std(differences, ddof=1)
    better = sum(difference > 0 for difference in differences)
    assert row.split() == [
        "sgd", "adam", "2", f"{mean:+.2f}", "points", f"{deviation:.2f}", f"{better}/2",
    ]  # fmt: skip


def test_of_very_many_values_each_is_compared_with_the_best_one(call):
    records, n = Records.open("retroprop.db"), MOST_COMPARED + 5
    runs = [
        NewRun(position=k, population="p", cell={"learning_rate": rate}, settings={}, seed=seed)
        for k, (rate, seed) in enumerate((rate, seed) for rate in range(n) for seed in (0, 1))
    ]
    records.add_study_run(
        id="many", study="many", fingerprint="f", config={}, data_checksum="c", runs=runs
    )
    metrics = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    epoch = EpochRecord(epoch=0, **dict.fromkeys(metrics, 0.5), train_s=0.0, evaluate_s=0.0)
    accuracies = {
        run.id: 0.9 - abs(run.cell["learning_rate"] - 7) / 100 for run in records.runs("many")
    }
    records.add_epoch(
        [
            RunUpdate(
                run_id=id,
                epoch=epoch,
                progress=Progress(best_epoch=0, best_validation_accuracy=accuracy),
            )
            for id, accuracy in accuracies.items()
        ]
    )
    code, out, err = call("compare", "many", "--by", "learning_rate")
    assert (code, err) == (0, "")
    rows = out.splitlines()[1:n]
    assert [row.split()[:4] for row in rows] == [
        ["7", str(other), "2", f"{abs(other - 7):+.2f}"] for other in range(n) if other != 7
    ]
    assert f"Of {n} values, the one with the highest mean is compared" in out


def test_comparing_values_of_a_setting_that_is_one_is_refused(refused):
    study = load_study("inf8225-logistic", size="smoke", changes=["grid.optimizer=sgd"])
    records, plan = Records.open("retroprop.db"), plan_study(study)
    records.add_study_run(
        id="few", study="few", fingerprint="f", config={}, data_checksum="c", runs=plan.runs
    )
    said = refused("compare", "few", "--by", "optimizer")
    assert "all models of the study have optimizer sgd, so there is nothing to compare" in said
    said = refused("compare", "few", "--by", "learning_rate")
    assert "no two trained models differ in learning_rate alone yet" in said


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["show", "999"], "there is no run 999: retroprop.db holds runs 1 to 4"),
        (["compare", "1"], "compare takes two or more run numbers"),
        (["compare", "1", "999"], "there is no run 999"),
        (["compare", "1", "x"], "compare takes two or more run numbers"),
        (["compare", "one", "--by", "optimiser"], "Did you mean 'optimizer'?"),
        (["compare", "one", "--by", "nope"], "the study does not vary 'nope'"),
        (["compare", "two", "--by", "optimizer"], "'two'"),
        (["compare", "1", "2", "--by", "optimizer"], "compare --by takes one study"),
        (["runs", "onne"], "'one'"),
        (["report", "onne"], "'one'"),
        (["report", "13"], "perhaps the number of a model: retroprop show 13 shows it"),
        (["report", "train-mlp"], "holds no run of 'train-mlp': train it first. Known: one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_records_that_are_not_there_are_answered_with_what_is(refused, records, typed, sentence):
    assert sentence in refused(*typed)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes of this kind")
@pytest.mark.parametrize(
    "command", [["runs", "one"], ["--help"], ["studies"], ["bayes", "list"]], ids=" ".join
)
def test_a_reader_that_leaves_causes_no_complaint(trained, command):
    read, write = os.pipe()
    os.close(read)  # as `| head -0` does
    program = processes.python("-m", "retroprop", *command)
    done = processes.run(**program, cwd=trained[0], stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_encoding_without_the_letters_we_print_causes_no_error(tmp_path, shared_cache):
    environment = {"PYTHONIOENCODING": "ascii"}
    for arguments in (["data", "verify", "cifar10-sample"], ["data", "list"], ["--help"]):
        done = in_a_process(*arguments, cache=shared_cache, environment=environment)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_error_in_a_real_process_is_one_sentence_and_exit_code_2(tmp_path):
    folder = tmp_path / "work"
    done = in_a_process("run", "inf8225-logistic", "--epochs", "2.5", folder=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "expected a whole number, and got '2.5'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


# --- data -----------------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROPROP_CACHE", str(tmp_path / "fresh"))
    return tmp_path / "fresh" / "data"


def test_data_list_shows_every_data_set_and_where_it_is(call, own_cache):
    assert call("data", "fetch", "cifar10-sample")[0] == 0
    code, out, err = call("data", "list")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.rstrip() for line in out.splitlines()[1:5]}
    assert list(rows) == list(CATALOG)
    assert rows["mnist"].endswith("CC BY-SA 3.0  package")
    assert rows["cifar10-sample"].endswith("package, cache")
    assert rows["cifar10"].endswith("not here yet")
    assert "retroprop data fetch cifar10\n" in out
    assert f"Cache:  {own_cache}\n" in out


def test_data_fetch_works_offline_for_what_ships_and_says_where_it_came_from(call, own_cache):
    code, out, err = call("data", "fetch", "cifar10-sample", "--offline")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "cache: it is not there yet",
        "package: found",
        f"cifar10-sample is ready in {own_cache / 'cifar10-sample'}",
    ]
    assert call("data", "fetch", "cifar10-sample")[1].startswith("cache: found\n")


def test_data_fetch_without_a_source_names_each_one_and_the_fix(call, own_cache, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = call(
        "data", "fetch", "cifar10", "--offline", "--from", str(tmp_path / "empty")
    )
    assert (code, out) == (2, "")
    assert err.count("not asked, because the network is off") == 3
    assert f"- folder {tmp_path / 'empty'}: " in err
    assert "--from FOLDER" in err
    assert "Traceback" not in err


def test_data_verify_prints_one_line_for_each_place(call, own_cache):
    assert call("data", "verify", "cifar10-sample") == (
        0,
        "✓ cifar10-sample in the package: as published\n",
        "",
    )
    call("data", "fetch", "cifar10-sample")
    code, out, _ = call("data", "verify")
    assert code == 0
    assert out.splitlines() == [
        "✓ fashion-mnist in the package: as published",
        "✓ mnist in the package: as published",
        "✓ cifar10-sample in the package: as published",
        "✓ cifar10-sample in the cache: as published",
    ]


def test_data_verify_names_the_array_that_differs_and_its_advice_works(call, own_cache):
    call("data", "fetch", "cifar10-sample")
    path = own_cache / "cifar10-sample" / "train_labels.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    code, out, err = call("data", "verify", "cifar10-sample")
    assert code == 2
    assert "✗ cifar10-sample in the cache: train_labels: NOT as published\n" in out
    assert err == (
        "retroprop: 1 array differs from the published bytes; "
        "run retroprop data fetch cifar10-sample, which makes the cache anew.\n"
    )
    assert call("data", "fetch", "cifar10-sample")[0] == 0
    assert call("data", "verify", "cifar10-sample")[0] == 0


def test_data_verify_of_data_that_are_not_here_says_how_to_fetch_them(refused, own_cache):
    assert "run retroprop data fetch cifar10 first" in refused("data", "verify", "cifar10")


def test_data_show_writes_the_sheet_where_it_says(call, tmp_path):
    code, out, err = call("data", "show", "cifar10-sample", "--per-class", "1", "--lang", "fr")
    assert (code, err) == (0, "")
    assert out == "Wrote cifar10-sample-samples.png\n"
    assert (tmp_path / "work" / "cifar10-sample-samples.png").is_file()


def test_data_show_into_a_place_that_cannot_be_written_is_explained(refused, tmp_path):
    (tmp_path / "work" / "file").write_text("")
    said = refused("data", "show", "cifar10-sample", "--output", "file/s.png")
    assert "the sheet file/s.png cannot be written" in said


def test_a_study_of_data_that_are_not_here_says_how_to_fetch_them(
    refused, own_cache, study_file, tmp_path
):
    said = refused("run", study_file, "--set", "dataset=cifar10")
    assert "run retroprop data fetch cifar10 once" in said
    assert not (tmp_path / "work" / "checkpoints").exists()


def test_a_study_file_that_is_no_text_is_explained(refused, tmp_path):
    (tmp_path / "work" / "bad.toml").write_bytes(b"\xff\xfe\x00")
    assert "the study file bad.toml cannot be read" in refused("run", "bad.toml")
    (tmp_path / "work" / "bad.toml").write_text("name = ")
    assert "bad.toml is not valid TOML" in refused("run", "bad.toml")


AT_AN_IMPORT = """
import atexit, os, signal, sys

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

class CtrlC:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            ctrl_c()

sys.meta_path.insert(0, CtrlC())
atexit.register(ctrl_c)  # an impatient hand, while the program ends
from retroprop.cli import main

main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("cyclopts", "studies"),
        ("retroprop.cli.studies", "studies"),
        ("torch", "train mlp"),
        ("retroprop.report.html", "report inf8225-bayes"),
        ("retroprop.labs.running", "lab run lyon-tp"),
    ],
)
def test_ctrl_c_is_one_sentence_while_a_command_loads_and_while_it_works(module, command):
    done = processes.run(**processes.python("-c", AT_AN_IMPORT, module, *command.split()))
    assert (done.returncode, done.stderr) == (130, "retroprop: stopped.\n")


# --- Ctrl-C while Python loads --------------------------------------------------------------------


def run_python(source):
    return processes.run(**processes.python("-c", source))


def test_nothing_is_loaded_before_ctrl_c_is_answered():
    done = run_python(
        "import sys; before = set(sys.modules); import retroprop.cli; "
        "print(sorted(set(sys.modules) - before - set(sys.builtin_module_names)))"
    )
    assert done.stdout == "['retroprop', 'retroprop.cli']\n"


CALLBACK = """
import sys
sys.modules["retroprop.cli.entry"] = type(sys)("entry")

def run(arguments):
    class Lock:
        def __del__(self):
            {raise_}
    Lock()
    while {waits}:
        pass

sys.modules["retroprop.cli.entry"].run = run
from retroprop.cli import main
main([])
"""


def test_ctrl_c_in_a_callback_of_python_is_not_lost():
    done = run_python(CALLBACK.format(raise_="raise KeyboardInterrupt", waits=True))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "retroprop: stopped.\n")


def test_another_error_in_a_callback_is_told_as_python_tells_it():
    done = run_python(CALLBACK.format(raise_="1 / 0", waits=False))
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
