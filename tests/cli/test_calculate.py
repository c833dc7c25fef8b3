"""`retroprop conv` and `retroprop budget` as a person meets them."""

import inspect
import re
from importlib import import_module

import pytest
from PIL import Image
from tests import processes

from retroprop.cli.help_texts import CALCULATE

SHEET = "3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1"
SOLVE = ("conv", "--solve", "3x32x32 > 28x4x4")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The width that a terminal has when nobody made it wider."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def printed(call):
    """What a command prints."""

    def run(*arguments, code=0):
        exit_code, out, err = call(*arguments)
        assert (exit_code, err) == (code, ""), err
        return out

    return run


def rows_of(out):
    """The words of each line."""
    return [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("command", CALCULATE)
def test_the_command_and_each_of_its_parameters_are_explained(printed, command):
    function = getattr(import_module(f"retroprop.cli.{command}"), command)
    text = CALCULATE[command]
    assert function.__doc__.splitlines()[0] == text.splitlines()[0]
    help_text = printed(command, "--help")
    for example in text.partition("```\n")[2].partition("```")[0].splitlines():
        assert example in help_text
    for name in inspect.signature(function).parameters:
        assert re.search(rf"\n +{name}\n", function.__doc__), name


@pytest.mark.parametrize(
    "arguments", [["conv", SHEET], [*SOLVE, "--padding", "0"], ["budget", "mlp", "--hidden", "3"]]
)
def test_the_calculators_import_neither_torch_nor_matplotlib(arguments):
    command = ("-X", "importtime", "-m", "retroprop", *arguments)
    done = processes.run(**processes.python(*command), check=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "retroprop.errors" in modules
    assert modules.isdisjoint({"torch", "matplotlib", "numpy"})


# --- conv -----------------------------------------------------------------------------------------


def test_the_table_of_the_sheet(printed):
    out = printed("conv", SHEET)
    rows = rows_of(out)
    assert ["input", "3×128×128", "49,152", *["–"] * 3, "1", "1", "0"] in rows
    (last,) = [row for row in rows if row[:2] == ["conv", "128"]]
    assert " ".join(last[4:]) == "128×11×11 15,488 65,536 128 7,929,856 46 10 -10"
    assert "Output: 128×11×11 = 15,488 values." in out
    assert "Parameters: 71,840 (71,680 weights, 160 biases). Multiply-adds: 30,791,680" in out
    assert "sees 46×46 pixels; its neighbour sees those 10 further on" in out
    table = out.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_windows_that_differ_and_layers_that_see_everything_are_told_apart(printed):
    rows = rows_of(printed("conv", "1x10x10 > adaptivemaxpool 3x5 > flatten > linear 10"))
    assert ["≤", "4×2", "–", "–"] in [row[-4:] for row in rows]
    assert ["all", "–", "–"] in [row[-3:] for row in rows]
    assert ["–", "–", "–"] in [row[-3:] for row in rows_of(printed("conv", "9 > linear 2"))]


def test_all_solutions_of_the_sheet_are_printed_with_their_count(printed):
    rows = rows_of(printed(*SOLVE, "--padding", "1", "--dilation", "1", "--stride", "2"))
    assert rows[0][-2:] == ["2", "solutions"]
    assert rows[1:3] == [["kernel"], ["27,", "28"]]
    out = printed(*SOLVE, "--padding", "0", "--dilation", "1")
    assert out.splitlines()[0] == "3×32×32 → 28×4×4, padding 0, dilation 1: 43 solutions"
    listed = dict(line.split(None, 1) for line in out.partition("\n\n")[0].splitlines()[2:])
    assert {k: v.strip() for k, v in listed.items() if k in ("1", "4", "5", "29")} == {
        "1": "8–10", "4": "8, 9", "5": "7–9", "29": "1",
    }  # fmt: skip
    assert ["8", "8", "0", "1", "5,376", "sees", "every", "pixel"] in rows_of(out)


def test_the_solutions_of_the_sheet_with_holes_are_thirty(printed):
    out = printed(*SOLVE, "--dilation", "2", "--padding", "2")
    assert "30 solutions" in out
    assert "overlooks" in out


def test_limits_of_the_search_are_said_where_there_are_some(printed):
    assert "with a padding smaller than the extent of the kernel and a kernel" in printed(*SOLVE)
    assert "searched" not in printed(*SOLVE, "--padding", "1", "--dilation", "1", "--kernel", "28")
    assert "the smallest stride alone" in printed("conv", "--solve", "9 > 1", "--padding", "0")


def test_no_solution_comes_with_its_reason(printed):
    out = printed("conv", "--solve", "3x32x32 > 8x9x9", "--kernel", "3", "--padding", "0",
                  "--dilation", "1", code=1)  # fmt: skip
    assert out == (
        "3×32×32 → 8×9×9, kernel 3, padding 0, dilation 1: no solution, because of 32 pixels one "
        "can so have 8 or 10, and nothing between.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence", "under"),
    [
        (["3x32x32 > con 8 k3"], "there is no layer 'con'. Did you mean", "con 8"),
        (["3x32x32 > conv 8 k33"], "step 1, conv 8 k33: along the height, a kernel of 33", "conv"),
        (["--solve", "3x32x32 > 28x4"], "must be written alike", "28x4"),
        (["--solve", "3x32x32"], "expected an input and an output", ""),
        (["--solve", "3x32x32 > 4x4x4 > 2x2x2"], "expected an input and an output", " 2x2"),
        (["--solve", "3x32x32 > conv"], "expected two shapes", "conv"),
        (["--solve", "3x32x32 > 8x4x4 k3"], "expected two shapes", "k3"),
        (["--solve", "3x0x32 > 8x4x4"], "from 1 to 100,000, and got 0", "3x0"),
    ],
)
def test_a_caret_points_at_what_is_wrong(call, arguments, sentence, under):
    code, out, err = call("conv", *arguments)
    assert (code, out) == (2, "")
    said, shown, caret = err.splitlines()
    assert said.startswith("retroprop: ")
    assert sentence in said
    assert shown[caret.index("^") :].startswith(under)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], 'give a stack such as "3x32x32 > conv 8 k3"'),
        ([SHEET, "--solve", "3x32x32 > 28x4x4"], "give a stack such as"),
        ([SHEET, "--kernel", "3"], "--kernel goes with --solve"),
        ([SHEET, "--step", "1"], "--step goes with --picture"),
        ([SHEET, "--still"], "--still goes with --picture"),
        ([SHEET, "--picture", "a.gif"], "writes .svg or .png, and got 'a.gif'"),
        ([SHEET, "--picture", "a.svg", "--step", "4"], "has 3 steps, and no step 4"),
        ([SHEET, "--picture", "no/a.svg"], "no/a.svg cannot be written"),
        (["4x4x4 > relu", "--picture", "a.svg"], "only convolutions and poolings"),
        (["--solve", "9 > 3", "--picture", "a.svg"], "leave --solve out"),
        (["--solve", "9 > 3", "--kernel", "0"], "kernel must be a whole number from 1, and got 0"),
        (["--solve", "9 > 3", "--kernel", "2.5"], "expected a whole number, and got '2.5'"),
        (["--solve", "9000 > 3"], "fix one of them"),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_one_sentence(refused, arguments, sentence, tmp_path):
    assert sentence in refused("conv", *arguments)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_picture_is_drawn_of_the_step_that_is_asked_for(printed, tmp_path):
    folder = tmp_path / "work"
    assert "Wrote a.svg: step 3, conv 128 k4 p1." in printed(
        "conv", SHEET, "--picture", "a.svg", "--step", "3"
    )
    moving = (folder / "a.svg").read_text(encoding="utf-8")
    assert "32×12×12 &gt; conv 128 k4 p1" in moving
    assert "@keyframes" in moving
    printed("conv", SHEET, "--picture", "a.svg", "--step", "3", "--still")
    assert "@keyframes" not in (folder / "a.svg").read_text(encoding="utf-8")
    assert "step 2, maxpool 2" in printed(
        "conv", "1x8x8 > relu > maxpool 2", "--picture", "b.png"
    )  # the first step that has windows
    with Image.open(folder / "b.png") as image:
        assert image.width > 800
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_of_very_many_solutions_the_first_are_listed_and_all_are_counted(printed):
    out = printed("conv", "--solve", "232 > 4")
    assert "232 → 4: 3,188,348 solutions" in out
    assert "the first 100 of 3,188,348, those with the smallest kernels" in out
    assert len(out.splitlines()) < 40


# --- budget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "values", "nearest"),
    [
        (["mlp", "--width", "64", "--depth", "x"], "4 values, x = 52 to 55", "54 271,370 +2,048"),
        (["cnn", "--channels", "16,32,45", "--kernel", "x"], "x = 2 to 3", "3 270,743 +1,421"),
        (["cnn", "--channels", "x", "--kernel", "28"], "x = 40 to 43", "41 268,739 −583"),
        (["mlp", "--hidden", "X, x"], "15 values, x = 249 to 263", "256 269,322 0"),
        (["mlp", "--hidden", "2x,x", "--tolerance", "600"], "1 value, x = 144", "144 269,146 −176"),
        (["cnn", "--width", "32", "--depth", "x"], "no value of x", "3 218,506 −50,816"),
    ],
)
def test_the_sizes_within_a_budget_and_their_neighbours(printed, arguments, values, nearest):
    none = values.startswith("no value")
    out = printed("budget", *arguments, "--target", "269322", code=1 if none else 0)
    assert values in out.splitlines()[0]
    (row,) = [row for row in rows_of(out) if "nearest" in " ".join(row)]
    assert row[: len(nearest.split())] == nearest.split()
    assert any(row[-1] == "outside" for row in rows_of(out))


def test_the_end_of_what_is_possible_is_said(printed):
    out = printed("budget", "cnn", "--width", "32", "--depth", "x", "--target", "269322", code=1)
    assert "From x = 4 on a kernel does not fit" in out


def test_of_many_values_the_nearest_are_shown(printed):
    out = printed("budget", "mlp", "--hidden", "256,x", "--target", "269322")
    assert "75 values, x = 219 to 293" in out
    assert len(out.splitlines()) == 23


def test_without_an_unknown_the_parameters_are_counted(printed):
    deep = ("budget", "cnn", "--channels", "8,16,32,64", "--kernel", "1")
    assert printed(*deep) == "333,578 parameters.\n"
    assert printed(*deep, "--target", "269322") == (
        "333,578 parameters: +64,256 from 269,322, outside ± 10,000.\n"
    )
    assert printed("budget", "mlp", "--hidden", "none") == "7,850 parameters.\n"
    assert printed(
        "budget", "cnn", "--image", "3x32x32", "--channels", "4", "--dense", "none",
        "--stride", "2", "--padding", "1", "--classes", "5",
    ) == f"{3 * 4 * 9 + 4 + 64 * 5 + 5} parameters.\n"  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["mlp"], "describe the layers by hidden, or by width and depth together"),
        (["mlp", "--hidden", "x"], "give it: --target 269322"),
        (["mlp", "--hidden", "3,a"], "--hidden takes whole numbers from 1, or x"),
        (["mlp", "--hidden", "3,,4"], "got ''"),
        (["mlp", "--hidden", "0"], "got '0'"),
        (["mlp", "--kernel", "3", "--hidden", "3"], "--kernel says nothing of mlp"),
        (["cnn", "--hidden", "3"], "--hidden says nothing of cnn"),
        (["cnn", "--channels", "none"], "got 'none'"),
        (["cnn", "--channels", "8,8", "--kernel", "1,2,3"], "one for each, and got 3"),
        (["cnn", "--channels", "3", "--kernel", "30"], "a kernel does not fit"),
        (["cnn", "--channels", "3", "--stride", "0"], "--stride takes whole numbers from 1"),
        (["cnn", "--channels", "3", "--image", "28x28"], "--image takes channels, height and"),
        (["mlp", "--hidden", "x", "--target", "0"], "the target must be from 1"),
        (["mlp", "--hidden", "3", "--classes", "0"], "must be at least 1"),
        (["mpl"], 'Did you mean "mlp"?'),
    ],
)
def test_a_budget_that_cannot_be_read_is_refused_with_one_sentence(refused, arguments, sentence):
    assert sentence in refused("budget", *arguments)
