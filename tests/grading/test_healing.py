"""A file that cannot be parsed loses what is wrong, and no more."""

import ast

import pytest

from retroprop.grading.confined.healing import healed

GOOD = "def good(x):\n    return x\n"


@pytest.mark.parametrize(
    ("broken", "left_out", "line"),
    [
        ("def f(x)\n    return x\n", "f", 1),
        ("def f(x):\n    return (x\n", "f", 2),
        ("def f(x):\n    return x)\n", "f", 2),
        ("def f(x):\n    y = = x\n    return y\n", "f", 2),
        ("def f(x):\n    print x\n", "f", 2),
        ("def f(x):\n", "f", 3),  # noticed where the next function begins
        ("def f(x):\n    if x:\n", "f", 4),
        ("def f(x):\n    try:\n        y = x\n", "f", 5),
        ("def f(x):\n        y = x\n    return y\n", "f", 3),
        ("def f(x):\n\tif x:\n        return x\n", "f", 3),
        ("def f(x):\n    break\n", "f", 2),
        ("async def f(x):\n    return await\n", "f", 2),
        ("class A:\n    def f(s):\n        return [s\n    def h(s):\n        return 1\n", "f", 3),
        ("class A:\n    def f(self):\n        nonlocal y\n", "f", 3),
        ("x = (1,\n", "", 1),
        ("x = 1 +\n", "", 1),
        ("return 3\n", "", 1),
        ("<<<<<<< HEAD\n", "", 1),
        ("!pip install torch\n", "", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_left_out_and_what_follows_stays(broken, left_out, line):
    for source in (f"{broken}\n{GOOD}", f"{GOOD}\n{broken}\n{GOOD.replace('good', 'last')}"):
        before = source.index(broken)
        offset = source[:before].count("\n")
        mended, tree, cuts = healed(source, "solution.py")
        assert [(cut.name, cut.line - offset) for cut in cuts] == [(left_out, line)]
        assert mended.count("\n") == source.count("\n")  # lines keep their numbers
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert names >= {name for name in ("good", "last", "h") if f"def {name}(" in source}


@pytest.mark.parametrize(
    ("broken", "line", "said"),
    [
        ("def f(x):\n    y = 1\n    return (y\n", 3, "'(' was never closed"),
        ("def f(x)\n    return x\n", 1, "line 1: expected ':'"),
        ("def f(x):\n\n", 1, "line 4: expected an indented block after function definition"),
    ],
)
def test_a_function_that_was_left_out_raises_where_it_is_wrong(broken, line, said):
    mended, _, _ = healed(f"{broken}\n{GOOD}", "solution.py")
    names = {}
    exec(compile(mended, "solution.py", "exec"), names)
    with pytest.raises(SyntaxError) as raised:
        names["f"](1)
    assert str(raised.value).startswith(said)
    assert raised.traceback[-1].lineno + 1 == line


def test_a_right_file_is_left_as_it_is():
    source = f"{GOOD}\nclass A:\n    def f(self): return '''\n0\n'''\n"
    mended, _, cuts = healed(source, "solution.py")
    assert (mended, cuts) == (source, [])


def test_marks_of_editors_are_no_errors():
    assert healed(f"\ufeff{GOOD}\0".replace("\n", "\r\n"), "solution.py")[2] == []


def test_several_functions_are_cut_out_one_by_one():
    broken = "".join(f"def f{i}(x)\n    return x\n\n" for i in range(6))
    _, _, cuts = healed(broken + GOOD, "solution.py")
    assert [cut.name for cut in cuts] == [f"f{i}" for i in range(6)]


def test_what_is_no_python_at_all_is_refused():
    with pytest.raises(SyntaxError):
        healed("Le gradient est nul. Voilà !\n" * 50, "solution.py")
