"""`retroprop verify` as a person meets it: the table, one row, shapes, and what is refused."""

import dataclasses
import inspect
import re

import pytest
from tests import processes

from retroprop.cli.help_texts import PROOF
from retroprop.cli.verify import MAY_BE_ZERO, verify
from retroprop.parity import table
from retroprop.parity.rows import FunctionRow


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def call(call):
    """Call `retroprop verify`."""
    return lambda *arguments: call("verify", *arguments)


def in_a_process(*arguments, python=()):
    env = {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    return processes.run(**processes.python(*python, "-m", "retroprop", *arguments, **env))


# --- help -----------------------------------------------------------------------------------------


def test_help_explains_every_parameter_and_shows_examples(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    for name in inspect.signature(verify).parameters:
        assert re.search(rf"\n +{name}\n", verify.__doc__), name
    for option in ("--kind", "--layer", "--shape", "--population", "--shared", "--stride", "--set"):
        assert option in out
    for line in PROOF["verify"].partition("```\n")[2].partition("```")[0].splitlines():
        assert line in out
    assert verify.__doc__.splitlines()[0] == PROOF["verify"].splitlines()[0]
    assert "BATCH,CHANNELS,HEIGHT,WIDTH" in out


def test_the_command_stands_in_the_list_of_commands():
    done = in_a_process("--help")
    assert re.search(r"│ verify +Prove every layer", done.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"]], ids=" ".join)
def test_help_imports_no_torch(arguments):
    done = in_a_process(*arguments, python=["-X", "importtime"])
    assert done.returncode == 0
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "retroprop" in modules
    assert modules.isdisjoint({"torch", "numpy", "retroprop.parity"})


@pytest.mark.parametrize(
    "line", re.findall(r"^retroprop verify (.+--.*)$", PROOF["verify"], re.M) or ["none"]
)
def test_every_example_of_the_help_with_options_works(call, line):
    code, out, _ = call(*line.split())
    assert code == 0, out
    assert "✓" in out


# --- the table ------------------------------------------------------------------------------------


def test_a_kind_prints_a_line_for_each_row_and_a_summary(call):
    code, out, err = call("--kind", "optimizer")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "optimizer" in lines
    shown = [line.split()[1] for line in lines if line.startswith("  ✓")]
    assert shown == [row.name for row in table.rows_of("optimizer")]
    rows = f"{len(shown)} rows"
    assert re.fullmatch(rf"✓ {rows}, \d+ shapes: all by hand equals torch \(\d+ s\)\.", lines[-1])
    assert max(map(len, lines)) <= 80


def test_the_whole_table_groups_the_rows_by_kind(call, monkeypatch):
    few = [row for row in table.TABLE if row.name in ("ReLU", "squared_error", "SGD", "constant")]
    monkeypatch.setattr(table, "TABLE", tuple(few))
    code, out, _ = call()
    assert code == 0
    order = [word for word in out.split() if word in {"layer", "loss", "optimizer", "schedule"}]
    assert order == ["layer", "loss", "optimizer", "schedule"]
    assert re.search(r"✓ ReLU +\S+ +\S+ +20\n", out)
    assert re.search(r"✓ SGD +\S+ +– +\d+\n", out)


def broken(row):
    """The row with its last gradient's sign flipped."""

    def problem(one):
        right = row.problem(one)

        def by_hand(tensors):
            y, pullback = right.by_hand(tensors)

            def wrong(dy):
                gradients = pullback(dy)
                last = list(gradients)[-1]
                return gradients | {last: -gradients[last]}

            return y, wrong

        return dataclasses.replace(right, by_hand=by_hand)

    return dataclasses.replace(row, problem=problem)


def test_a_row_that_fails_is_marked_and_explained_and_the_exit_code_is_one(call, monkeypatch):
    linear, tanh = table.find_row("Linear"), table.find_row("Tanh")
    monkeypatch.setattr(table, "TABLE", (tanh, broken(linear)))
    code, out, err = call()
    assert (code, err) == (1, "")
    assert "  ✓ Tanh" in out
    assert "  ✗ Linear" in out
    assert "Linear fails on 1×4" in out
    assert re.search(r"db +2\.0e\+00 +\d\.\de\+00", out)
    assert out.splitlines()[-1].startswith("✗ 1 of 2 rows fail")


def test_the_detail_of_a_row_that_fails_has_exit_code_one(call, monkeypatch):
    monkeypatch.setattr(table, "TABLE", (broken(table.find_row("Linear")),))
    code, out, _ = call("--layer", "linear", "--shape", "2,3")
    assert code == 1
    assert "✗ 2×3" in out
    assert "✗ 1 of 1 shape fail" in out


# --- one row --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Linear", "linear", "LINEAR"])
def test_a_row_in_detail_shows_every_shape_and_every_gradient(call, name):
    code, out, err = call("--layer", name)
    assert (code, err) == (0, "")
    assert "--shape BATCH,FEATURES --set outputs=3" in out
    assert "✓ 5×7, population 2×3, shared 1" in out
    for tensor in ("y", "dx", "dW", "db"):
        assert re.search(rf"^ +{tensor} +\S+ +\S+$", out, re.M)
    assert "✓ 40 shapes: equal (tolerance 1e-09, central differences 1e-06)." in out


@pytest.mark.parametrize(
    ("arguments", "case"),
    [
        (["--layer", "conv2d", "--shape", "2,3,7,9"], "2×3×7×9"),
        (["--layer", "conv2d", "--shape", "2x3x7×9"], "2×3×7×9"),
        (
            ["--layer", "conv2d", "--shape", "2,3,7,9", "--stride", "2", "--padding", "1"],
            "2×3×7×9, stride 2, padding 1",
        ),
        (
            ["--layer", "conv2d", "--kernel", "1", "--dilation", "3", "--set", "bias=0"],
            "1×1×3×3, kernel 1, dilation 3, bias 0",
        ),
        (
            ["--layer", "linear", "--shape", "2,3", "--population", "2,3", "--shared", "2"],
            "2×3, population 2×3, shared 2",
        ),
        (["--layer", "tanh", "--shape", "2,3,4,5,6"], "2×3×4×5×6"),
        (["--layer", "softmax-cross-entropy", "--shape", "4,3"], "4×3"),
        (["--layer", "adam", "--shape", "3,2", "--set", "beta_1=0.5"], "3×2, beta_1 0.5"),
        (["--layer", "adam", "--population", "3"], "1×1, population 3"),
        (["--layer", "warmup_cosine", "--shape", "9", "--set", "warmup_steps=0"], "9, warmup"),
        (["--layer", "mlp", "--set", "activation=gelu"], "1×4, activation gelu"),
        (["--layer", "mlp-training", "--shape", "3", "--set", "steps=4"], "3, steps 4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_shape_and_options_of_ones_own_are_checked(call, arguments, case):
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert f"✓ {case}" in out
    assert "✓ 1 shape: equal" in out


@pytest.mark.parametrize("row", table.TABLE, ids=lambda row: row.name)
def test_every_row_takes_the_shape_of_its_own_first_case(call, row):
    shape = ",".join(map(str, row.cases[0].shape))
    options = [word for name, value in row.options.items() for word in ("--set", f"{name}={value}")]
    if row.kind == "training":
        options = ["--set", "steps=2"]
    code, out, err = call("--layer", row.name, "--shape", shape, *options)
    assert (code, err) == (0, ""), out


# --- what cannot be understood --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--layer", "convd2"], "Did you mean 'conv2d'"),
        (["--layer", "liner"], "Did you mean 'linear'"),
        (["--kind", "optimiser"], "Did you mean 'optimizer'?"),
        (["--kind", "layer", "--layer", "linear"], "leave --kind out"),
        (["--shape", "2,3"], "name it: --layer conv2d"),
        (["--stride", "2"], "name it: --layer conv2d"),
        (
            ["--layer", "conv2d", "--shape", "2,3,7"],
            "Conv2d takes --shape BATCH,CHANNELS,HEIGHT,WIDTH; got 3 numbers.",
        ),
        (["--layer", "linear", "--shape", "5"], "BATCH,FEATURES; got 1 number."),
        (["--layer", "linear", "--shape", "2,x"], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--shape", "2,0"], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--shape", "2,-3"], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--shape", "2,1.5"], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--shape", "²,3"], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--shape", ""], "takes whole numbers from 1 with commas"),
        (["--layer", "linear", "--population", "a"], "--population takes whole numbers"),
        (["--layer", "linear", "--shape", "99999,99999"], "at most 1,000,000 numbers"),
        (["--layer", "linear", "--shape", "2,3", "--shared", "1"], "--shared must be from 0 to"),
        (
            ["--layer", "linear", "--population", "2", "--shared", "-1"],
            "--shared must be from 0 to the 1 axes",
        ),
        (["--layer", "relu", "--population", "2", "--shared", "1"], "has no shared input"),
        (["--layer", "constant", "--population", "2"], "has no population"),
        (["--layer", "linear", "--stride", "2"], "Linear has no option 'stride'."),
        (["--layer", "conv2d", "--set", "strid=2"], "Did you mean 'stride'?"),
        (["--layer", "conv2d", "--set", "stride"], "is not key=value"),
        (["--layer", "conv2d", "--stride", "0"], "stride must be from 1 to 1,000,000"),
        (["--layer", "conv2d", "--stride", "1.5"], "expected a whole number, and got '1.5'"),
        (["--layer", "conv2d", "--padding", "-1"], "padding must be from 0"),
        (["--layer", "adam", "--set", "beta_1=x"], "beta_1 must be a number, and got 'x'"),
        (["--layer", "adam", "--set", "beta_1=nan"], "beta_1 must be from 0"),
        (
            ["--layer", "conv2d", "--shape", "1,1,3,3", "--kernel", "5"],
            "Conv2d cannot take 1×1×3×3",
        ),
        (["--layer", "batchnorm2d", "--shape", "1,2,1,1"], "BatchNorm2d cannot take 1×2×1×1"),
        (["--layer", "mlp", "--set", "activation=rleu"], "Did you mean 'relu'?"),
        (["--layer", "mlpmixer", "--shape", "1,3,6,6", "--kernel", "4"], "does not divide"),
        (["--layer", "resnet18", "--shape", "1,2,8,8"], "ResNet18 cannot take 1×2×8×8"),
        (["--layer", "warmup_cosine", "--set", "warmup_steps=99"], "cannot take"),
        (["--layer", "adam", "--set", "beta_1=1.5"], "cannot take"),
        (["--layer", "dropout", "--set", "probability=1.5"], "cannot take"),
        (["--layer", "maxpool2d", "--padding", "2"], "cannot take"),
        (["--layer", "mlp-training", "--shape", "999999"], "take a smaller batch or fewer steps"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_answered_with_one_sentence(refused, arguments, sentence):
    assert sentence in refused(*arguments)


def test_the_options_that_may_be_zero_are_options_of_rows():
    assert {name for row in table.TABLE for name in row.options} >= MAY_BE_ZERO


def test_the_flags_are_options_of_a_row():
    flags = {"kernel", "stride", "padding", "dilation"}
    assert flags <= set(table.find_row("Conv2d").options)
    assert isinstance(table.find_row("Conv2d"), FunctionRow)
