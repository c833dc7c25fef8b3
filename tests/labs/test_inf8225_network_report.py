"""The report of the Bayesian network: sixteen answers and what intervening means, from numbers."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pypdf
import pytest

from retroprop.bayes import BayesNet
from retroprop.bayes.networks import load
from retroprop.cli.report import report
from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1 import network_report
from retroprop.labs.inf8225_tp1.network_report import write_network_report
from retroprop.labs.inf8225_tp1.queries import QUESTIONS
from retroprop.report.html import render_html
from retroprop.report.pdf import render_pdf


def text_of(document):
    """Everything that the document says."""
    said = [*document.summary]
    for section in document.sections:
        for block in section.blocks:
            said += [
                getattr(block, name, "") for name in ("title", "text", "caption", "description")
            ]
            for row in getattr(block, "rows", ()):
                said += [row.header, *(cell.text for cell in row.cells)]
    return "\n".join(said)


class Page(HTMLParser):
    """Checks that tags close, and collects ids and links."""

    VOID = frozenset({"meta", "link", "br", "path", "rect", "hr", "img", "input", "use"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "fr"])
def test_all_sixteen_answers_equal_the_documents(language):
    document = network_report.compose(language)
    table = document.sections[0].blocks[0]
    assert [row.header[0] for row in table.rows] == [*"abcdefghijklmnop"]
    for row, asked in zip(table.rows, QUESTIONS.values(), strict=True):
        ours, printed, comparison = (cell.text for cell in row.cells)
        assert ours == printed == " ".join(asked.printed)
        assert comparison in ("✓ every digit", "✓ chaque chiffre")
    assert "16" in document.summary[0]


def test_the_interpretation_says_what_the_numbers_say():
    said = text_of(network_report.compose("en"))
    for sentence in (
        "P(R=r1) rises from 66.0% to 75.5%",
        "P(R=r1) stays at 66.0%",
        "P(G=g1) falls from 23.2% to 13.8%",
        "P(G=g1) stays at 23.2%",
        "P(G=g2) rises from 56.4% to 64.6%",
        "P(G=g2) falls from 56.4% to 40.7%",
        "R=r1 has 78.9% where the student had difficulties, and 75.3% where she had none",
        "R and G are d-separated given S",
        "The path R ← S → G ← D is open given L.",
        "S to G (cut), D to G (cut)",
    ):
        assert sentence in said, sentence


def test_other_numbers_give_other_sentences(monkeypatch):
    """If the interview depended on nothing, nothing would be said to tell of it."""
    net = load("inf8225")
    spec = {name: (net.tables[name], list(net.parents[name])) for name in net.variables}
    spec["R"] = (np.array([[0.5, 0.5], [0.5, 0.5]]), ["S"])
    monkeypatch.setattr(network_report, "load", lambda name: BayesNet(spec, net.states))
    document = network_report.compose("en")
    assert "of the 16 answers" in document.summary[0]
    assert not document.summary[0].startswith("16")
    assert "P(R=r1) rises" not in text_of(document)
    assert "✗ not equal" in text_of(document)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_is_whole_and_needs_nobody(language):
    html = render_html(network_report.compose(language))
    page = Page()
    page.feed(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(link[1:] in page.ids for link in page.links)
    assert "var(--series-1" in html  # the drawings follow the page's light and dark
    assert not re.search(r'(src|href)="https?:', html)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_is_set_and_says_the_same(language):
    document = network_report.compose(language)
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(document, when="2025-02-06")))
    text = "".join(page.extract_text() for page in reader.pages)
    assert reader.metadata.title == document.title
    assert "0.13789900505510602" in text
    assert "0.21148 0.78852" in text


def test_the_command_needs_no_records(tmp_path, capsys):
    report("inf8225-bayes", lang="fr", output=tmp_path / "out", format="html", db="none.db")
    path = tmp_path / "out" / "inf8225-bayes-fr.html"
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert "Les seize réponses" in path.read_text(encoding="utf-8")
    assert not (tmp_path / "work" / "none.db").exists()


def test_what_cannot_be_written_is_explained(tmp_path):
    for options, sentence in (
        ({"language": "de"}, "use en or fr"),
        ({"formats": ["docx"]}, "use html, pdf or both"),
        ({"formats": []}, "no report format was named"),
    ):
        with pytest.raises(UserError, match=sentence):
            write_network_report(folder=tmp_path, **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name another folder"):
        write_network_report(folder=tmp_path / "file", formats=["html"])
