import re
import xml.etree.ElementTree as ElementTree
from importlib.resources import files

import pytest
from jinja2 import Environment, PackageLoader

from retroprop.mathematics.latex import latex
from retroprop.mathematics.mathml import mathml
from retroprop.report.named_formulas import NAMED_FORMULAS

TEMPLATES = files("retroprop.report").joinpath("templates")


def characters(math):
    """The characters of MathML without spaces, in its order."""
    text = "".join(ElementTree.fromstring(math).itertext())
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", NAMED_FORMULAS)
def test_a_named_formula_has_the_characters_of_the_one_on_the_page(name):
    page = Environment(loader=PackageLoader("retroprop.report"), autoescape=True)
    macros = page.get_template("formulas.html.j2").module
    assert characters(mathml(NAMED_FORMULAS[name])) == characters(
        f"<math>{macros.mathematics(name)}</math>"
    )
    assert latex(NAMED_FORMULAS[name])


def test_the_page_the_paper_and_the_notebook_name_the_same_formulas():
    page = TEMPLATES.joinpath("formulas.html.j2").read_text("utf-8")
    paper = TEMPLATES.joinpath("report.typ").read_text("utf-8")
    block = paper.split("#let formulas = (")[1].split("\n)")[0]
    assert set(re.findall(r'name == "([\w-]+)"', page)) == set(NAMED_FORMULAS)
    assert set(re.findall(r'^  "([\w-]+)": ', block, flags=re.MULTILINE)) == set(NAMED_FORMULAS)
