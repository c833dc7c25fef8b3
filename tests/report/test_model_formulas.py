"""The formulas of what was trained: one notation each, every form made of it, all of them shown."""

import io
import json
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter
from typing import get_args

import pytest
import typst
from pypdf import PdfReader

from retroprop.languages import LANGUAGES
from retroprop.mathematics.latex import latex
from retroprop.mathematics.mathml import mathml
from retroprop.mathematics.speaking import spoken
from retroprop.mathematics.typesetting import typst_formula, typst_names
from retroprop.models.activations import ACTIVATIONS
from retroprop.report.document import Document, Equation, Section
from retroprop.report.html import render_html
from retroprop.report.markdown import block_markdown
from retroprop.report.model_formulas import FORMULAS, OF_SETTING, formula_of
from retroprop.report.models import PARAGRAPHS, trained_section
from retroprop.report.pdf import render_pdf
from retroprop.studies.kinds import KINDS, OPTIMIZERS
from retroprop.training.settings import Hyperparameters, types_of

WITH_SLASH = {"adam": 2, "adamw": 2, "warmup-cosine": 1}
SIGNS = re.compile(r"[^\W_]|[=←+−/∗⊙<>≥,]")


def choices(setting):
    """The words of a setting."""
    return get_args(types_of(Hyperparameters)[setting])[1].known


CHOICES = {
    "optimizer": OPTIMIZERS,
    "activation": ACTIVATIONS,
    **{name: choices(name) for name in ("output", "loss", "schedule", "gradient")},
}


def notation(name):
    return FORMULAS[name].notation


def on_paper(source):
    """The characters that typst sets."""
    template = b"#for one in json(bytes(sys.inputs.all)) { formula(one, block: true) }"
    formulas = json.dumps([typst_formula(source, "en")])
    data = typst.compile(
        typst_names() + template,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"all": formulas},
    )
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def characters(text):
    """Letters, digits and signs of a form; not its brackets and roots, which may be drawn."""
    return Counter(SIGNS.findall(unicodedata.normalize("NFKD", text)))


@pytest.mark.parametrize("name", FORMULAS)
def test_every_form_of_a_formula_is_made_of_its_notation(name):
    source = notation(name)
    page = "".join(ElementTree.fromstring(mathml(source)).itertext())
    assert characters(page) == characters(on_paper(source))
    block = block_markdown(Equation(source=source, name=name))
    assert block == f"$$\n{latex(source)}\n$$"
    assert re.search(r"=|\\leftarrow", block)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_said_in_both_languages_without_a_sign(name):
    english, french = (spoken(notation(name), language) for language in LANGUAGES)
    assert re.search("equals|becomes", english)
    assert re.search("égale|devient", french)
    assert not set("()[]{}^_&/=+−<>∗ΣφηεΔ") & set(english + french)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_slash_stays_a_slash_in_every_form(name):
    source = notation(name)
    count = WITH_SLASH.get(name, 0)
    assert source.count("slash") == count
    assert mathml(source).count(">/</mo>") == count
    assert latex(source).count("/") == count
    assert on_paper(source).count("/") == count


def test_a_formula_is_on_the_page_and_on_paper_with_its_words():
    blocks = [Equation(source=notation(name), name=name) for name in FORMULAS]
    for language in LANGUAGES:
        document = Document(
            language=language,
            title="t",
            subtitle="s",
            summary=["one"],
            notices=[],
            sections=[Section(name="a", heading="A", blocks=blocks)],
            footer="f",
            labels={"skip": "s", "contents": "c"},
        )
        words = [spoken(notation(name), language) for name in FORMULAS]
        page = render_html(document)
        assert re.findall(r'alttext="([^"]+)"', page) == words
        assert re.findall(r'role="group" aria-label="([^"]+)"', page) == words
        paper = render_pdf(document, when="")
        assert alternatives(PdfReader(io.BytesIO(paper))) == words


def alternatives(reader):
    """The alternative texts of a PDF, in its order."""

    def of(node):
        node = node.get_object()
        if not hasattr(node, "keys"):
            return []
        children = node.get("/K", [])
        children = children if isinstance(children, list) else [children]
        own = [node["/Alt"]] if "/Alt" in node else []
        return own + [one for child in children for one in of(child)]

    return of(reader.trailer["/Root"]["/StructTreeRoot"])


# -- which formulas a study shows -------------------------------------------------------------


def test_a_kind_shows_formulas_settings_and_paragraphs_that_there_are():
    shown = {part for kind in KINDS.values() for part in kind.report}
    assert shown <= {*FORMULAS, *CHOICES, *PARAGRAPHS, "architecture"}
    assert not set(FORMULAS) & {*CHOICES, *PARAGRAPHS}
    assert set(PARAGRAPHS) <= shown
    assert set(OF_SETTING) <= shown


def test_every_formula_is_shown_by_some_kind():
    parts = {part for kind in KINDS.values() for part in kind.report}
    of_settings = {formula_of(key, value) for key in CHOICES for value in CHOICES[key]}
    of_settings = (of_settings - {"constant"}) | set(OF_SETTING["architecture"].values())
    where_it_is_set = {"weight-decay", "label-smoothing"}  # see the next test
    assert (parts & set(FORMULAS)) | of_settings | where_it_is_set == set(FORMULAS)


def test_label_smoothing_is_shown_where_it_is_used(networks):
    changes = ["training.label_smoothing=0.1", "search.ranges.optimizer.choices=adamw"]
    used = networks("ift6135-mixer-best", size="laptop", changes=changes)
    names = [block.name for block in trained_section(used).blocks if block.kind == "equation"]
    assert names == [
        *("mixer-block", "gelu", "cross-entropy", "label-smoothing", "adamw", "warmup-cosine"),
    ]
    none = trained_section(networks("ift6135-mixer-best", size="laptop"))
    assert "label-smoothing" not in [getattr(block, "name", "") for block in none.blocks]


@pytest.mark.parametrize("setting", CHOICES)
def test_every_value_that_a_study_may_name_has_its_formula(setting):
    named = {formula_of(setting, value) for value in CHOICES[setting]}
    assert named - set(FORMULAS) <= {"constant"}  # the learning rate that stays needs none


def test_an_introduction_stands_before_its_formula_in_the_language(networks):
    blocks = trained_section(networks("ift6135-resnet18-rates", language="fr")).blocks
    place = [getattr(block, "name", "") for block in blocks].index("weight-decay")
    assert blocks[place - 1].text == (
        "La décroissance des poids λ s’ajoute au gradient avant le pas de Adam\u00a0:"
    )
    assert blocks[place] == Equation(source="G <- G + lambda W", name="weight-decay")
