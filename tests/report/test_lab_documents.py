"""Long documents, with questions and every kind of block, as pages, on paper and as notebooks."""

import base64
import csv
import io
import json
import re
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from pypdf import PdfReader
from tests import processes

from retroprop.errors import UserError
from retroprop.report import write_document
from retroprop.report.document import (
    Cell,
    Code,
    Document,
    Equation,
    Picture,
    Prose,
    Row,
    Section,
    Table,
)
from retroprop.report.frame import in_order, parts_of
from retroprop.report.html import fragment_html, own_ids, render_html
from retroprop.report.markdown import block_markdown, escape
from retroprop.report.notebook import render_notebook
from retroprop.report.pdf import render_pdf
from retroprop.report.table_csv import csv_of, plain_number

VOID = {"meta", "br", "hr", "img", "input"}
LANGUAGES = ["en", "fr"]


class Page(HTMLParser):
    """A page read back: its tags, the tags that are nested wrongly, its ids, links and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.tags, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append(tag)
        else:
            self.open.pop()

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, text):
        if "style" not in self.open:
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, name):
        return [values for tag, values in self.tags if tag == name]


@pytest.fixture(scope="module")
def pages(lab):
    """The HTML of the made-up lab, by language."""
    return {language: render_html(lab.lab_document(language)) for language in LANGUAGES}


@pytest.fixture(scope="module")
def hostile(lab):
    """The made-up lab with markup of every kind in its texts."""
    return lab.lab_document(hostile=True)


def one_question(*blocks, **frame):
    """A document of a part and one question with these blocks."""
    sections = [
        Section(name="part", heading="Part", blocks=[]),
        Section(name="question", heading="Question", blocks=blocks, level=2, **frame),
    ]
    return Document(
        language="en", title="T", subtitle="S", summary=["Summary."], notices=[], footer="F",
        labels={"skip": "Skip"}, sections=sections, long=True, setup="SIZE = 1",
    )  # fmt: skip


# -- as a page --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_lab_is_well_formed_and_self_contained(pages, language):
    page = Page(pages[language])
    assert page.wrong == []
    ids = [values["id"] for _, values in page.tags if "id" in values]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        address = link["href"]
        assert address.startswith("data:text/csv") or address.removeprefix("#") in ids, address
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    assert [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)] == [
        *("h1", "h2"),
        *("h2", "h3", "h3"),
        *("h2", "h3"),
    ]


def test_the_contents_nest_the_questions_in_their_parts(pages):
    nav = pages["en"].split("<nav")[1].split("</nav>")[0]
    parts = nav.split('<a href="#part-')[1:]
    assert [re.findall(r'href="#(q\w+)"', part) for part in parts] == [["q1a", "q1b"], ["q2a"]]


def test_a_question_says_its_points_and_what_is_asked_before_the_answer(pages):
    text = Page(pages["fr"]).text.split("Toute la partie 1.")[1]
    words = ("1 (a) Les scores et leur softmax 2 points", "Question", "Écrivez", "Le modèle.")
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    asked = pages["fr"].split('class="asked"')[1].split("</div>")[0]
    assert asked.count("<math") == 2
    assert "<strong>son</strong>" in asked


def test_blocks_keep_the_order_of_the_author_and_pictures_in_a_row_share_a_grid(pages):
    page = pages["en"]
    grids = [grid.split("</div>")[0] for grid in page.split('<div class="pictures">')[1:]]
    assert [re.findall(r'<figure id="(\w+)"', grid) for grid in grids] == [
        ["first", "second"],
        ["wide"],
    ]
    words = ["The model", "first-title", "Between pictures", "wide-title", 'id="rates"', "Not fin"]
    places = [page.index(word) for word in words]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "equals the fraction the exponential"), ("fr", "égale la fraction l’exponentielle")],
)
def test_an_equation_is_mathml_with_its_words_in_the_language(pages, language, words):
    page = Page(pages[language])
    (frame,) = [one for one in page.all("div") if one.get("class") == "formula"]
    assert words in frame["aria-label"]
    assert frame["tabindex"] == "0"
    assert frame["role"] == "group"
    displayed = [one for one in page.all("math") if one.get("display") == "block"]
    assert [one["alttext"] for one in displayed] == [frame["aria-label"]]
    assert all(one["alttext"] for one in page.all("math"))


def test_a_wide_formula_in_a_sentence_can_scroll_on_a_telephone():
    page = render_html(one_question(Prose(text="$x$ and $a + b + c + d + e + f + g + h + i + j$")))
    assert page.count('class="wide-formula"') == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_table_of_a_lab_can_be_saved_as_csv(pages, language):
    links = [one for one in Page(pages[language]).all("a") if "download" in one]
    assert [one["download"] for one in links] == ["rates.csv", "settings.csv"]
    data = urllib.parse.unquote(links[0]["href"].removeprefix("data:text/csv;charset=utf-8,"))
    header, *rows = csv.reader(io.StringIO(data))
    assert header[1:] == ["SGD", "AdamW"]
    assert rows[0] == ["0.000", "80.123", "85.50"]  # the value where there is one, else the text


@pytest.mark.parametrize(
    ("text", "language", "plain"),
    [
        ("83,70\u00a0±\u00a00,10\u202f%", "fr", "83.70 ± 0.10 %"),
        ("108\u202f000", "fr", "108000"),
        ("1,234,567.5", "en", "1234567.5"),
        ("−0,5", "fr", "-0.5"),
        ("0.204 0.2316", "en", "0.204 0.2316"),
        ("diverged 2/3", "en", "diverged 2/3"),
        ("Adam, 0,1", "fr", "Adam, 0,1"),
        ("—", "en", "—"),
    ],
)
def test_numbers_of_a_csv_file_have_a_decimal_point(text, language, plain):
    assert plain_number(text, language) == plain


def test_a_csv_file_keeps_commas_quotes_and_lines_in_their_cells():
    table = Table(
        name="t", caption="", corner='a "b", c', columns=["x", "y"],
        rows=[Row(header="d\ne", cells=[Cell(text="f, g"), Cell(text="1", value=0.1 + 0.2)])],
    )  # fmt: skip
    assert list(csv.reader(io.StringIO(csv_of(table, "en")))) == [
        ['a "b", c', "x", "y"],
        ["d\ne", "f, g", "0.30000000000000004"],
    ]


def test_two_pictures_from_one_drawing_have_ids_of_their_own(lab):
    first = lab.curve("first")
    second = replace(first, name="second")
    page = render_html(one_question(first, second))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        own = set(re.findall(r'\bid="([^"]+)"', drawing))
        used = re.findall(r'(?:href="|url\()#([^")]+)', drawing)
        used += re.findall(r'aria-labelledby="([^"]+)"', drawing)[0].split()
        assert used
        assert set(used) <= own


def test_rules_of_style_follow_the_ids_of_a_drawing():
    svg = '<svg id="net" aria-labelledby="net-t net-d"><style>#net .a { } #network{}</style></svg>'
    assert own_ids(svg, "p", {"net"}) == (
        '<svg id="p-net" aria-labelledby="p-net-t p-net-d">'
        "<style>#p-net .a { } #network{}</style></svg>"
    )
    assert own_ids(svg, "p", {"other"}) == svg


def test_two_parts_of_one_name_are_refused(lab):
    with pytest.raises(ValueError, match="two parts of the document have the name 'first'"):
        render_html(one_question(lab.curve("first"), lab.curve("first")))


def test_a_question_outside_of_a_part_is_refused():
    with pytest.raises(ValueError, match="'question' of level 2 stands in no part"):
        parts_of(replace(one_question(), sections=one_question().sections[1:]))


def test_a_section_alone_brings_its_style_and_touches_no_other(lab):
    document = lab.lab_document()
    text = fragment_html(document.sections[1], document)
    page = Page(text)
    assert page.wrong == []
    assert page.tags[0][1]["class"] == "retroprop-section"
    assert len(re.findall(r"<svg", text)) == 3
    style = text.split("<style>")[1].split("</style>")[0]
    depth, outside = 0, ""
    for character in style:
        depth += {"{": 1, "}": -1}.get(character, 0)
        outside += character if depth == 0 and character != "}" else ""
    assert depth == 0
    selectors = outside.split("\n")
    assert all(".retroprop-section" in one for one in selectors if one.strip())
    assert '[data-jp-theme-light="false"]' in outside


# -- on paper ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lab_on_paper_has_contents_questions_and_numbered_pages(lab, language):
    document = lab.lab_document(language, rows=90)
    reader = PdfReader(io.BytesIO(render_pdf(document, when="2026-01-01")))
    texts = [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]
    total = len(texts)
    assert reader.trailer["/Root"]["/Lang"] == language
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert all(f"{number} / {total}" in text for number, text in enumerate(texts, start=1))
    assert document.summary[0] in texts[0]
    for section in document.sections:
        assert re.search(re.escape(section.heading) + r"[ .]*\d", texts[0]), section.heading
    first = " ".join(texts[1:3])
    assert first.index("2 points") < first.index(document.sections[1].blocks[0].title)
    assert sum(document.sections[1].blocks[-2].corner in text for text in texts) >= 2  # repeated


def test_formulas_on_paper_have_words(lab):
    data = render_pdf(lab.lab_document("fr"), when="2026-01-01")
    found = alternatives(PdfReader(io.BytesIO(data)).trailer["/Root"]["/StructTreeRoot"])
    assert any("égale la fraction l’exponentielle" in text for text in found)
    assert "sigma de 0 égale 1 sur 2" in found
    assert sum("Two lines that rise." in text for text in found) == 3


def alternatives(node):
    """The alternative texts of a PDF's structure."""
    node = node.get_object()
    if not hasattr(node, "keys"):
        return []
    found = [node["/Alt"]] if "/Alt" in node else []
    children = node.get("/K", [])
    for child in children if isinstance(children, list) else [children]:
        if hasattr(child, "get_object") and hasattr(child.get_object(), "keys"):
            found += alternatives(child)
    return found


def test_a_picture_higher_than_a_page_is_made_smaller(lab):
    tall = replace(
        lab.curve("tall", half=False),
        svg='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 900">'
        '<rect width="100" height="900" fill="#0067a5"/></svg>',
    )
    data = render_pdf(one_question(tall, Prose(text="After it.")), when="2026-01-01")
    heights = []

    def note(text, matrix, text_matrix, *_):
        if "Curves of tall" in text:
            heights.append(matrix[5] + matrix[3] * text_matrix[5])

    for page in PdfReader(io.BytesIO(data)).pages:
        page.extract_text(visitor_text=note)
    assert len(heights) == 1
    assert 60 < heights[0] < 842  # its caption is above the foot of the page, in points


def test_what_introduces_code_stands_on_its_page():
    blocks = []
    for number in range(40):  # an introduction at forty heights of a page
        blocks += [Prose(text="Fill it.\n\n" * 7), Prose(text=f"Answer{number}:")]
        blocks.append(Code(text=f"first{number} = 1\nsecond = 2\nthird = 3"))
    data = render_pdf(one_question(*blocks), when="2026-01-01")
    texts = [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]
    for number in range(40):
        (page,) = (text for text in texts if f"Answer{number}:" in text)
        assert f"first{number} " in page


def test_a_formula_that_is_none_is_refused_in_every_format():
    document = one_question(Equation(source="#panic()"))
    for render in (render_html, lambda d: render_pdf(d, when=""), render_notebook):
        with pytest.raises(ValueError, match="formula '#panic"):
            render(document)


# -- as a notebook ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def notebooks(lab, hostile):
    """The notebooks of the made-up lab, read back."""
    documents = {language: lab.lab_document(language) for language in LANGUAGES}
    documents["hostile"] = hostile
    return {name: json.loads(render_notebook(document)) for name, document in documents.items()}


def text_of(notebook, name):
    (cell,) = [cell for cell in notebook["cells"] if cell["id"].split("-", 1)[1] == name]
    return "".join(cell["source"])


def test_notebooks_are_valid(notebooks):
    program = (
        "import json, sys, nbformat\n"
        "for one in json.load(sys.stdin): nbformat.validate(nbformat.from_dict(one))\n"
    )  # in a process of its own: nbformat warns while it is imported
    pytest.importorskip("nbformat", reason="the tests of the development extra validate with it")
    text = json.dumps(list(notebooks.values()))
    processes.run(**processes.python("-c", program), text=text, check=True)
    for notebook in notebooks.values():
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one) for one in ids)


def test_a_notebook_holds_setup_questions_answers_and_code_in_order(notebooks):
    cells = notebooks["fr"]["cells"]
    assert [(cell["cell_type"], cell["id"]) for cell in cells[:7]] == [
        ("markdown", "000-title"),
        ("code", "001-setup"),
        ("markdown", "002-part-1"),
        ("markdown", "003-part-1-answer"),
        ("markdown", "004-q1a"),
        ("markdown", "005-q1a-answer"),
        ("code", "006-q1a-code"),
    ]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    assert text_of(notebooks["fr"], "q1a") == (
        "### 1 (a) Les scores et leur softmax\n\n> **Question** · 2 points\n>\n> Écrivez "
        "$\\mathbf{o}^{s}$ en fonction de $\\mathbf{o}^{a}$, et **son** gradient."
    )


def test_the_cells_of_a_notebook_run(notebooks):
    namespace = {}
    for cell in notebooks["en"]["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
    assert namespace["SIZE"] == "laptop"


def test_the_same_document_gives_the_same_notebook(lab):
    assert render_notebook(lab.lab_document()) == render_notebook(lab.lab_document())


def test_pictures_of_a_notebook_are_attachments_with_words(notebooks):
    (cell,) = [cell for cell in notebooks["en"]["cells"] if "attachments" in cell]
    source = "".join(cell["source"])
    named = re.findall(r"!\[(.*?)\]\(attachment:(.*?)\)", source)
    assert [name for _, name in named] == ["first.png", "second.png", "wide.png"]
    assert set(cell["attachments"]) == {name for _, name in named}
    assert named[0][0] == "Curves of first Two lines that rise."
    for bundle in cell["attachments"].values():
        assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_a_best_number_is_bold_in_a_notebook(notebooks):
    assert "| 0,000 | 80,12 | **★ 85,50** |" in text_of(notebooks["fr"], "q1a-answer")


def test_hostile_texts_stay_texts_in_a_notebook(notebooks, lab):
    markdown = pytest.importorskip("markdown_it", reason="reads the Markdown back")
    reader = markdown.MarkdownIt("commonmark").enable("table")
    for name in ("title", "q1a-answer", "q1b", "q1b-answer"):
        source = text_of(notebooks["hostile"], name)
        page = Page(reader.render(source))
        allowed = {"p", "span", "strong", "em", "h1", "h3", "blockquote", "code", "pre", "img"}
        allowed |= {"table", "thead", "tbody", "tr", "th", "td"}
        assert {tag for tag, _ in page.tags} <= allowed
        outside = re.sub(r"(?s)```.*?```|\$\$.*?\$\$|\$[^$]*\$", "", source)
        assert "$" not in outside
        assert "\\(" not in outside
    cells = Page(reader.render(text_of(notebooks["hostile"], "q1b-answer")))
    rows = "".join(cells.texts).split("Setting")[1]
    for text in lab.HOSTILE:
        assert rows.count(text.strip()) == 2


def test_pipes_do_not_break_the_columns_of_a_notebook(notebooks):
    source = text_of(notebooks["hostile"], "q1a-answer")
    lines = [line for line in source.splitlines() if line.startswith("|")]
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {4}


def test_code_with_fences_in_it_stays_one_block():
    text = block_markdown(Code(text="```\nx\n````", language="text"))
    assert text == "`````text\n```\nx\n````\n`````"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. one", "1\\. one"),
        ("1.5 and -1", "1.5 and -1"),
        ("-0.5", "-0.5"),
        ("- item", "\\- item"),
        ("---", "\\---"),
        ("a\nb", "a b"),
    ],
)
def test_only_what_markdown_reads_is_escaped(text, expected):
    assert escape(text) == expected


# -- all formats ------------------------------------------------------------------------------


def test_hostile_texts_stay_texts_on_pages_and_on_paper(hostile, lab):
    page = Page(render_html(hostile))
    assert page.wrong == []
    assert {"script", "b", "i"}.isdisjoint(tag for tag, _ in page.tags)
    reader = PdfReader(io.BytesIO(render_pdf(hostile, when="2026-01-01")))
    assert reader.metadata.title == hostile.title
    paper = re.sub(r"[\s\u200b]+", "", "".join(one.extract_text() for one in reader.pages))
    for text in lab.HOSTILE:
        assert " ".join(text.split()) in page.text
        assert re.sub(r"\s+", "", text) in paper


def test_pictures_that_follow_each_other_are_together(lab):
    one, two = lab.curve("one"), lab.curve("two")
    text = Prose(text="x")
    assert in_order([one, two, text, one]) == [[one, two], [text], [one]]
    assert isinstance(one, Picture)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_document_is_written_in_all_formats(lab, tmp_path, language):
    document = lab.lab_document(language)
    folder = tmp_path / "out"
    paths = write_document(document, "lab", ["html", "pdf", "ipynb"], folder, when="2026-01-01")
    assert [path.name for path in paths] == ["lab.html", "lab.pdf", "lab.ipynb"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert json.loads(paths[2].read_text(encoding="utf-8"))["nbformat_minor"] == 5


def test_a_document_without_code_is_no_notebook(lab, tmp_path):
    document = replace(lab.lab_document(), setup="")
    with pytest.raises(UserError, match=r"a notebook \(ipynb\) is made of a lab.*use html, pdf"):
        write_document(document, "x", ["ipynb"], tmp_path / "none", when="")
    assert not (tmp_path / "none").exists()
