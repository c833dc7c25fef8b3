"""The Python that the derivations and guides show runs, and prints what they say."""

import doctest
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "derivations"
DERIVATIONS = sorted(FOLDER.glob("*.md"))
GUIDES = [
    FOLDER.parent / name
    for name in ("bayes.md", "bayes_files.md", "causality.md", "convolution.md", "training.md")
]
PYTHON = sorted((FOLDER.parent / "python").glob("*.md"))
PAGES = [*DERIVATIONS, *GUIDES, *PYTHON, FOLDER.parent / "study_keys.md"]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")
_PATH = re.compile(
    r"`((?:src|tests|docs|byhand|calculus|cli|figures|labs|training|models)/[\w./]+\.(?:py|md))`"
)


def example_of(text: str, name: str) -> doctest.DocTest:
    """All ```python blocks of a page as one doctest, on the lines where they stand."""
    lines = [""] * (text.count("\n") + 1)
    for block in _BLOCK.finditer(text):
        start = text.count("\n", 0, block.start(1))
        for i, line in enumerate(block.group(1).splitlines()):
            lines[start + i] = line
    return doctest.DocTestParser().get_doctest("\n".join(lines), {}, name, name, 0)


def run(example: doctest.DocTest) -> tuple[int, str]:
    """How many examples failed, and what doctest says of them."""
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    return runner.run(example, out=said.append).failed, "".join(said)


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def misread_formulas(text: str) -> list[str]:
    r"""Inline formulas in which GitHub sees Markdown before it sees mathematics.

    It turns "\," and "\{" into "," and "{", takes an underscore after a bracket and any star for
    emphasis, < for HTML and | for a cell of a table, and wants no letter right outside the dollars.
    Blocks of ```math are safe from all that.
    """
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "code", text, flags=re.MULTILINE | re.DOTALL)
    formulas = re.findall(r"(\w?)\$([^$\n]+)\$(\w?)", prose)
    misread = re.compile(r"\\[^\w\s]|(?<![A-Za-z0-9])_|[*<>|]|^\s|\s$")
    wrong = [formula for a, formula, b in formulas if a or b or misread.search(formula)]
    odd = [line for line in prose.splitlines() if line.count("$") % 2]
    return wrong + odd


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_and_prints_what_it_says(page):
    failed, said = run(example_of(page.read_text(encoding="utf-8"), page.name))
    assert failed == 0, said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_python_block_of_a_page_has_prompts(page):
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        assert block.startswith(">>> "), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page):
    for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if path.startswith("http"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors_of(target.read_text(encoding="utf-8")), path + anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_names_is_there(page):
    root = FOLDER.parents[1]
    for path in _PATH.findall(page.read_text(encoding="utf-8")):
        assert (root / path).exists() or (root / "src" / "retroprop" / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_markdown_leaves_the_formulas_of_a_page_alone(page):
    wrong = misread_formulas(page.read_text(encoding="utf-8"))
    assert wrong == []


def test_the_index_names_every_page():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in DERIVATIONS if f"({page.name}" not in index] == ["README.md"]


def test_the_index_names_every_row_of_the_table_of_proofs_and_no_other():
    from retroprop.parity.table import TABLE

    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`--layer ([\w-]+)`", index))
    rows = {row.name for row in TABLE}
    assert named - rows == set()
    assert {row.name for row in TABLE if row.kind != "training"} - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_proof_that_a_page_names_is_a_row_of_the_table(page):
    from retroprop.parity.table import find_row

    text = page.read_text(encoding="utf-8").replace("--layer NAME", "")
    for name in re.findall(r"--layer ([\w-]+)", text):
        assert find_row(name)


def test_a_wrong_output_and_a_wrong_anchor_are_found():
    page = (
        "# A *Title*, and more\n```python\n>>> 1 + 1\n3\n\n```\ntext\n```python\n>>> 2\n2\n\n```\n"
    )
    failed, said = run(example_of(page, "wrong.md"))
    assert failed == 1
    assert "line 3" in said
    assert anchors_of(page) == {"a-title-and-more"}


@pytest.mark.parametrize(
    "formula", [r"$a\,b$", r"$\{a$", "$a^{(1)}_i$", "$a*b$", "$a<b$", "$a|b$", "$a$s", "$a $", "$a"]
)
def test_a_formula_that_markdown_misreads_is_found(formula):
    assert misread_formulas(f"Let $x_i$ be (and $W^2$) what {formula} is.")
    assert misread_formulas("Let $x_i$ be (and $W^2$), $a_{ij}^{(1)}$, `$a$s`.") == []
