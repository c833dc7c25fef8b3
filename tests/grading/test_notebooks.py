"""Notebooks as Python: cells, magics and the files that they write."""

import ast
import json

import pytest

from retroprop.errors import UserError
from retroprop.grading.notebooks import MOST_CELLS, read_notebook, without_magics
from retroprop.languages import translator

SAY = translator("en")


def notebook(*cells):
    code = [{"cell_type": "code", "source": cell} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# x"}, *code]}).encode()


def code_of(*cells):
    return read_notebook(notebook(*cells), "a.ipynb", SAY).code


def test_cells_follow_one_another_and_markdown_is_left_out():
    code = code_of("x = 1", ["y = 2\n", "z = 3"])
    assert code == "# --- cell 1\nx = 1\n# --- cell 2\ny = 2\nz = 3\n"


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\nx = 1",
        "for i in range(2):\n    !echo hi\n    %time i",
        "files = !ls *.py\nx = %pwd",
        "x = 3\nx?\n?x\nx??\nprint.foo?",
        "pip install torch\ncd ..\n!pip install \\\n   torch \\\n   numpy\nx = 1",
        "%time x = (1 +\n   2)",
        "!echo \"it's (open\nx = 1",
        "%%time\nx = 1",
        "%%capture out\n%cd ..\nx = 1",
        "%%bash\nls -l | grep x",
        "%%html\n<b>x</b>",
    ],
)
def test_a_cell_with_magics_is_python_afterwards(cell):
    ast.parse(code_of(cell))


@pytest.mark.parametrize(
    "cell",
    [
        "x = (a\n     % b)",
        's = """\n%magic\n!shell\n"""',
        "s = '''it's\n%x\n'''  # %y",
        "x = a \\\n  % b",
        "s = '\\\n%no'",
        "f(\n    '(',  # (\n    !x\n)",
        "x = a != b\ny = {1:\n%2}",
    ],
)
def test_what_only_looks_like_a_magic_stays(cell):
    assert without_magics(cell) == cell


def test_lines_keep_their_numbers():
    cell = "%cd x\n!a \\\n b\nx = 1\nraise ValueError"
    assert without_magics(cell).split("\n")[3:] == ["x = 1", "raise ValueError"]


def test_written_files_are_files_and_their_cells_comments():
    found = read_notebook(
        notebook(
            "%%writefile mlp.py\nimport torch\n%x\n",
            "%%writefile -a mlp.py\ny = 2",
            "%%file 'my utils.txt'\nz",
        ),
        "a.ipynb",
        SAY,
    )
    assert found.files["mlp.py"] == "import torch\n%x\ny = 2\n"
    assert all(line.startswith("#") for line in found.code.splitlines())


def test_a_notebook_of_format_3_is_read():
    sheets = [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}]
    found = read_notebook(json.dumps({"worksheets": sheets}).encode(), "a.ipynb", SAY)
    assert "x = 1\n" in found.code


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b'{"cells": null}', b'{"cells": [1]}', b"\xff\xfe", b"[" * 10**6,
     b'{"cells": [{"cell_type": "code", "source": [1]}]}', b"1" * 5000, b'{"worksheets": [[]]}'],
)  # fmt: skip
def test_what_is_no_notebook_is_said(data):
    with pytest.raises(UserError, match=r"a\.ipynb is no Jupyter notebook"):
        read_notebook(data, "a.ipynb", SAY)


def test_a_notebook_of_very_many_cells_is_refused():
    with pytest.raises(UserError, match="more than 5,000 cells"):
        read_notebook(notebook(*["x"] * (MOST_CELLS + 1)), "a.ipynb", SAY)
