"""The tutorials run from top to bottom, offline and without a warning, and lead where they say.

A page is executed as a notebook, with the code of its hidden solutions at the end. What its text
claims of a run stands in its own `assert`s, so a tutorial that lies fails here.
"""

import importlib.util
import re
import shlex
from pathlib import Path

import jupytext
import nbformat
import pytest
from cyclopts import CycloptsError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tests.test_docs import anchors_of, misread_formulas

from retroprop.cli.entry import app
from retroprop.errors import UserError
from retroprop.studies.schema import load_study

FOLDER = Path(__file__).parents[1] / "docs" / "tutorials"
PAGES = {
    name: FOLDER / f"{name}.md"
    for name in (
        "lyon-tp",
        "inf8225-tp1",
        "ift3395-theorie",
        "ift3395-devoir3",
        "ift6135-devoir1",
    )
}
_DETAILS = re.compile(r"<details>\n(.*?)</details>", re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:retroprop|python -m retroprop[\w.]*) [^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")

PATIENT = {"timeout": None, "startup_timeout": 24 * 3600}  # the watchdog finds a kernel that hangs

OFFLINE = """
import socket

def _guarded(self, address, connect=socket.socket.connect):
    local = self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost")
    assert local, f"a tutorial tried to reach {address}: the project works offline"
    return connect(self, address)

socket.socket.connect = _guarded
"""


def notebook_of(text: str) -> nbformat.NotebookNode:
    """A page as a notebook: no network first, then its cells, then the code of its solutions."""
    notebook = jupytext.reads(text, fmt="md:myst")
    notebook.cells.insert(0, nbformat.v4.new_code_cell(OFFLINE))
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in solutions_of(text)]
    return notebook


def solutions_of(text: str) -> list[str]:
    """The Python inside a page's <details>."""
    return [code for part in _DETAILS.findall(text) for code in _PYTHON.findall(part)]


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run all cells in a new kernel, in the working folder of the test.

    Raises:
        CellExecutionError: At the first cell that fails.
    """
    here = {"metadata": {"path": str(Path.cwd())}}
    NotebookClient(notebook, kernel_name="python3", resources=here, **PATIENT).execute()


def said_on_stderr(notebook: nbformat.NotebookNode) -> str:
    """Warnings, above all."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "".join(out.text for out in outputs if out.get("name") == "stderr")


def commands_of(text: str) -> list[str]:
    """What a page tells people to type: the lines of its sh blocks, and commands in its text."""
    lines = [line for block in _SHELL.findall(text) for line in block.splitlines() if line]
    return lines + _INLINE.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def check_command(line: str) -> None:
    """Refuse a command that would not be understood, or names a study or module there is not."""
    program, *words = shlex.split(line)
    if program == "python":
        assert words[0] == "-m"
        assert importlib.util.find_spec(words[1]), line
        return
    assert program == "retroprop", line
    _, bound, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
    if words[0] in ("run", "report"):
        load_study(bound.args[0], size=bound.kwargs.get("size") or "full")


@pytest.fixture
def _own_kernel(tmp_path, monkeypatch):
    """One thread, and none of the user's own kernels or settings."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(params=PAGES)
def text(request):
    return PAGES[request.param].read_text(encoding="utf-8")


@pytest.mark.usefixtures("_own_kernel")
def test_a_tutorial_runs_without_a_warning_and_its_pictures_have_alternative_texts(text):
    notebook = notebook_of(text)
    execute(notebook)
    assert said_on_stderr(notebook) == ""
    with_picture = [
        cell
        for cell in notebook.cells
        if any("image/svg+xml" in out.get("data", {}) for out in cell.get("outputs", []))
        and cell.source not in solutions_of(text)
    ]
    assert len(with_picture) >= 3
    for cell in with_picture:
        alternative = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alternative) > 20, cell.source


@pytest.mark.usefixtures("_own_kernel")
@pytest.mark.parametrize(
    ("code", "sign"),
    [
        ("assert 0.79 > 0.8", "AssertionError"),
        ("import urllib.request as r\nr.urlopen('http://192.0.2.1/')", "works offline"),
    ],
)
def test_a_page_that_claims_what_is_not_so_or_needs_the_network_is_refused(code, sign):
    page = f"```{{code-cell}} ipython3\n{code}\n```\n"
    with pytest.raises(CellExecutionError, match=sign):
        execute(notebook_of(page))


def test_the_code_of_a_solution_is_a_cell_at_the_end():
    page = "<details>\n<summary>Solution 1</summary>\n\n```python\n1 / 0\n```\n\n</details>\n"
    assert notebook_of(page).cells[-1].source == "1 / 0\n"


def test_a_tutorial_has_the_parts_that_readers_look_for(text):
    title, *_ = re.findall(r"^# (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    assert title
    learn = text.partition("You will learn\n\n")[2].partition("\n\n")[0]
    assert len(re.findall(r"^- ", learn, re.M)) == 3
    exercises = text.partition("\n## Try it\n")[2].partition("<details>")[0]
    numbers = re.findall(r"^(\d)\. ", exercises, re.M)
    assert 3 <= len(numbers) <= 5
    assert numbers == re.findall(r"^<summary>Solution (\d)</summary>$", text, re.M)
    assert "\n## Where to go next\n" in text


def test_every_link_of_a_tutorial_leads_somewhere(request, text):
    page = PAGES[request.node.callspec.params["text"]]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    links = _LINK.findall(prose)
    assert any("../derivations/" in path for path, _ in links)
    for path, anchor in links:
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            assert anchor[1:] in anchors_of(target.read_text(encoding="utf-8")), path + anchor


def test_every_command_of_a_tutorial_is_understood(text):
    commands = commands_of(text)
    assert len(commands) >= 3
    for line in commands:
        check_command(line)


@pytest.mark.parametrize(
    "line",
    [
        "retroprop rum inf8225-logistic",
        "retroprop run no-such-study",
        "retroprop run inf8225-logistic --no-such-option 3",
        "python -m retroprop.labs.no_such_lab",
    ],
)
def test_a_wrong_command_is_found(line):
    assert commands_of(f"Type `{line} now`.") == [f"{line} now"]
    with pytest.raises((CycloptsError, UserError, AssertionError)):
        check_command(line)


def test_markdown_leaves_the_formulas_of_a_tutorial_alone(text):
    assert misread_formulas(text.partition("\n---\n")[2]) == []


def test_every_page_of_the_folder_is_tested():
    there = {page.stem for page in FOLDER.glob("*.md")}
    assert there - {"index"} == set(PAGES)
