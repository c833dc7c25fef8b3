"""A report as one HTML file: no script, no network, light and dark, telephone to paper."""

import re
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from retroprop.figures.style import page_colours
from retroprop.mathematics.drawing import one_line
from retroprop.mathematics.mathml import mathml
from retroprop.mathematics.speaking import spoken
from retroprop.report.document import Document, Picture, Section, Table
from retroprop.report.frame import TEMPLATES, flat_spans, in_order, paragraphs, parts_of, words_of
from retroprop.report.table_csv import csv_of

WIDE_FORMULA = 28
"""Characters of a formula in a sentence that may not fit a telephone."""


def render_html(document: Document) -> str:
    """Draw a document as a self-contained page.

    Raises:
        ValueError: If two parts of a long document have the same name, which links would confuse.
    """
    if document.long:
        document = _with_own_ids(document)
        _check_anchors(document)
    template = _environment(document).get_template("report.html.j2")
    return template.render(parts=parts_of(document) if document.long else [])


def fragment_html(section: Section, document: Document) -> str:
    """One section of a document as HTML that can stand in another page, as in a notebook.

    Its rules of style hold inside of it only, and follow the light or dark theme of JupyterLab and
    of Visual Studio Code.
    """
    alone = _with_own_ids(replace(document, sections=[section]))
    template = _environment(alone).get_template("fragment.html.j2")
    return template.render(section=alone.sections[0])


def _environment(document: Document) -> Environment:
    """The templates, with what they call and the document that they draw."""
    language = document.language
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {
        "document": document,
        "svg": Markup,  # our own figures, whose texts are escaped where they are made
        "light": page_colours(),
        "dark": page_colours(dark=True),
        "words_of": words_of(document),
        "colon": "\u00a0:" if language == "fr" else ":",
        "in_order": in_order,
        "paragraphs": paragraphs,
        "prose": lambda text: _prose(text, language),
        "equation": lambda source: Markup(
            mathml(source, display=True, spoken=spoken(source, language))
        ),
        "spoken": lambda source: spoken(source, language),
        "csv_address": lambda table: _csv_address(table, language),
    }
    return environment


def _prose(text: str, language: str) -> Markup:
    """A paragraph of prose: its words escaped, its formulas as MathML."""
    pieces = []
    for span, stressed in flat_spans(text):
        if span.kind == "math":
            piece = mathml(span.text, spoken=spoken(span.text, language))
            if len(one_line(span.text)) > WIDE_FORMULA:  # scrolls by itself on a telephone
                piece = f'<span class="wide-formula" tabindex="0">{piece}</span>'
        else:
            piece = escape(span.text)
        pieces.append(f"<strong>{piece}</strong>" if stressed else piece)
    return Markup("".join(pieces))


def _csv_address(table: Table, language: str) -> str:
    """Where the whole table is: the file beside the page, or an address that holds its data."""
    if table.file:
        return quote(table.file)
    return f"data:text/csv;charset=utf-8,{quote(csv_of(table, language))}"


# -- names within the page ---------------------------------------------------------------------


def _with_own_ids(document: Document) -> Document:
    """The document with the ids of every picture its own: two may come from one drawing."""
    taken: set[str] = set()
    sections = []
    for section in document.sections:
        blocks = []
        for block in section.blocks:
            if isinstance(block, Picture):
                taken.add(block.name)
                drawing = own_ids(block.page_svg, block.name, taken)
                taken |= set(_ids(drawing))
                block = replace(block, page_svg=drawing)
            blocks.append(block)
        sections.append(replace(section, blocks=blocks))
    return replace(document, sections=sections)


def own_ids(svg: str, name: str, taken: Iterable[str]) -> str:
    """The drawing as it is, or with the name before all of its ids if one of them is taken.

    >>> own_ids('<svg><g id="a"/><use href="#a"/></svg>', "second", {"a"})
    '<svg><g id="second-a"/><use href="#second-a"/></svg>'
    """
    ids = _ids(svg)
    if not set(ids) & set(taken):
        return svg
    one = "|".join(map(re.escape, sorted(ids, key=len, reverse=True)))
    svg = re.sub(rf'(\bid="|#)({one})(?=["\s),.:{{>])', rf"\g<1>{name}-\g<2>", svg)

    def renamed(found: re.Match[str]) -> str:
        return found[1] + " ".join(f"{name}-{word}" for word in found[2].split()) + '"'

    return re.sub(r'(\baria-(?:labelledby|describedby)=")([^"]*)"', renamed, svg)


def _ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', svg)


def _check_anchors(document: Document) -> None:
    """Every anchor of a page leads to one place."""
    names = ["contents"]
    for section in document.sections:
        names.append(section.name)
        for block in section.blocks:
            if isinstance(block, Table):
                names += [block.name, *(row.anchor for row in block.rows if row.anchor)]
            elif isinstance(block, Picture):
                names += [block.name, *_ids(block.page_svg)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two parts of the document have the name {twice[0]!r}")
