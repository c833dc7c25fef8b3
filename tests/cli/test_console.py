"""Output that is full, closed or narrow, and text that rich would take for its own."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.table import Table

import retroprop
from retroprop.cli.console import Terminal
from retroprop.cli.display import counted
from retroprop.errors import UserError, did_you_mean
from retroprop.studies.records import Records

COMMANDS = [["bayes", "list"], ["run", "--help"], ["data", "list"], ["--version"]]


def through_a_shell(command, redirection, **environment):
    """Run the program as a shell does that redirects its output."""
    source = str(Path(retroprop.__file__).parents[1])
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "retroprop", *command],
        env={**os.environ, "PYTHONPATH": source, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS[:2], ids=" ".join)
def test_a_full_disk_is_one_sentence_and_exit_code_1(command, unbuffered):
    done = through_a_shell(command, "> /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "retroprop: the output cannot be written (No space left on device); send it to a place "
        "that has room.\n"
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_closed_output_is_no_error(command):
    assert through_a_shell(command, ">&- 2>&-").returncode == 0


def test_an_error_is_said_where_output_is_closed():
    done = through_a_shell(["show", "x"], ">&-")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    "command", [["verify", "--help"], ["theory", "1a"], ["data", "list"]], ids=" ".join
)
def test_a_terminal_of_one_column_gets_its_text(command):
    done = through_a_shell(command, "", COLUMNS="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_dumb_terminal_has_the_columns_that_the_variable_says(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "33")
    assert Terminal(force_terminal=True, file=io.StringIO()).width == 33


def test_a_narrow_terminal_gets_sentences_broken_between_words(call, monkeypatch):
    sentence = call("bayes", "do", "inf8225", "G=g2", "R")[1].splitlines()[-1]
    shown = Terminal(force_terminal=True, width=20, height=20, file=io.StringIO())
    monkeypatch.setattr("retroprop.cli.bayes.console", shown)
    call("bayes", "do", "inf8225", "G=g2", "R")
    lines = shown.file.getvalue().split("\n\n")[-1].splitlines()
    assert " ".join(line.strip() for line in lines) == sentence
    assert max(map(len, lines)) <= 20 < len(sentence)


def test_a_name_is_no_markup_and_no_emoji(call, refused, tmp_path):
    (tmp_path / "work" / "a[").mkdir()
    database = "a[/b]:smile:.db"
    Records.open(database).engine.dispose()
    code, out, err = call("runs", "--db", database)
    assert (code, err) == (0, "")
    assert f"{database} holds no study run yet" in out.replace("\n", "")
    assert "there is no run 1: a[/b]:smile:.db" in refused("show", "1", "--db", database)


@pytest.mark.parametrize("width", [20, 30, 45])
def test_a_table_keeps_its_words_on_a_narrow_terminal(capsys, width):
    table = Table("class", "accuracy", "taken most often for", box=None)
    table.add_row("automobile", "16.0%", "truck (28.0%)")
    table.add_row("a/long/path/without/blanks", "10.0%", "ship (36.0%)")
    Terminal(width=width).print_table(table)
    out = capsys.readouterr().out
    for word in ("automobile", "accuracy", "a/long/path/without/blanks", "16.0%", "(28.0%)"):
        assert word in out
    assert not any(line.endswith(" ") for line in out.splitlines())


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [["x" * 600_000], ["runs", "--nope-" + "x" * 600_000]])
def test_an_argument_is_quoted_in_part(refused, typed):
    assert len(refused(*typed)) < 500


def test_a_sentence_that_is_too_long_keeps_its_begin_and_its_fix():
    error = UserError(f"the file 'x' holds {'y' * 600_000}; leave them out.")
    assert len(str(error)) < 4_000
    assert str(error).startswith("the file 'x' holds y")
    assert str(error).endswith("; leave them out.")


def test_of_many_known_names_the_first_are_said():
    said = did_you_mean("q", [f"name{i:05}" for i in range(20_000)])
    assert said.startswith("Known: name00000, name00001, ")
    assert said.endswith(", name00049 and 19,950 more.")


# --- folders --------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    (tmp_path / "home").write_text("no folder")
    home = {"HOME": str(tmp_path / "home"), "MPLCONFIGDIR": str(tmp_path / "home" / "matplotlib")}
    home |= {"RETROPROP_CACHE": str(tmp_path / "home" / "cache")}
    done = through_a_shell(["data", "show", "cifar10-sample"], "", **home)
    assert (done.returncode, done.stdout) == (0, "Wrote cifar10-sample-samples.png\n")
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"retroprop: the cache folder {tmp_path / 'home' / 'cache'}")


@pytest.mark.parametrize("option", ["--folder", "--db"])
def test_a_folder_that_is_no_text_is_refused_before_anything_is_trained(refused, tmp_path, option):
    name = os.fsdecode(b"caf\xe9")  # as an old system wrote café
    (tmp_path / "work" / name).mkdir()
    place = name if option == "--folder" else f"{name}/r.db"
    said = refused("train", "mlp", "--dataset", "cifar10-sample", "--epochs", "1", option, place)
    assert "'caf\\udce9" in said or "/caf\\udce9'" in said
    assert "is not UTF-8" in said


def test_a_table_of_many_rows_is_printed_in_few_pieces_and_in_straight_columns():
    class Counted(Terminal):
        pieces = 0

        def print(self, *objects, **options):
            Counted.pieces += 1
            super().print(*objects, **options)

    table = Table("name", box=None, pad_edge=False)
    table.add_column("number", justify="right")
    for number in range(1000):
        table.add_row("漢字" if number % 2 else "[b]\n:smile:", str(number))
    stream = io.StringIO()
    Counted(file=stream, width=12).print_table(table, whole=True)
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["name         number", "[b] :smile:       0", "漢字              1"]
    assert len(lines) == 1001
    assert {cell_len(line) for line in lines} == {19}
    assert Counted.pieces < 20


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 models"), (1, "1 model"), (1200, "1,200 models")]
)
def test_one_thing_is_counted_without_an_s(number, said):
    assert counted(number, "model") == said
