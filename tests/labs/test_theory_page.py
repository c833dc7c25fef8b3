"""docs/theory.md says what the sheet proves: its tables are made from it, its Python runs."""

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "theory.md"
SCRIPT = ROOT / "scripts" / "make_theory_page.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("make_theory_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_page_are_those_of_the_sheet(script):
    page = PAGE.read_text(encoding="utf-8")
    assert script.with_tables(page) == page, "run: python scripts/make_theory_page.py"


def test_a_table_that_differs_from_the_sheet_is_found(script):
    page = PAGE.read_text(encoding="utf-8")
    line = re.search(r"byhand/linear\.py:(\d+)\]", page)
    moved = page.replace(line[0], line[0].replace(line[1], str(int(line[1]) + 1)))
    assert moved != page
    assert script.with_tables(moved) == page


def test_the_python_of_the_page_runs_and_prints_what_it_says():
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 2
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "theory", "theory", 0)
    runner = doctest.DocTestRunner(verbose=False)
    said = []
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


def test_every_link_of_the_page_leads_somewhere():
    prose = re.sub(r"`[^`\n]*`", "", PAGE.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)#\s]+)", prose)
    assert len(links) > 30
    for link in links:
        assert (PAGE.parent / link).resolve().exists(), link
