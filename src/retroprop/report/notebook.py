"""A document as a Jupyter notebook (nbformat 4.5): its texts, and the code that makes its answers.

No output is stored: the cells make the answers again. The same document gives the same bytes.
Pictures are PNG attachments of their cells, which JupyterLab, Visual Studio Code and nbconvert all
show; JupyterLab refuses attachments that are SVG.

The JSON is written here: the library `nbformat`, with what it needs, would add ten packages and
0.6 s of import to what one `json.dumps` does. The tests validate with it.

Source: the Jupyter notebook format, version 4.5, nbformat.readthedocs.io.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

import typst

from retroprop.report.document import Block, Document, Picture, Section
from retroprop.report.frame import paragraphs, words_of
from retroprop.report.markdown import block_markdown, escape, prose, quoted

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
_PAGE = """#set page(width: auto, height: auto, margin: 4pt, fill: white)
#image(bytes(sys.inputs.svg), format: "svg", width: eval(sys.inputs.width))
"""
_PIXELS_PER_INCH = 160


def render_notebook(document: Document) -> str:
    """Draw a document as the text of a notebook file."""
    cells = [_text_cell("title", _title(document))]
    if document.setup:
        cells.append(_code_cell("setup", document.setup))
    for section in document.sections:
        cells += _section(section, words_of(document)["asked"])
    if document.footer:
        cells.append(_text_cell("footer", f"---\n\n{escape(document.footer)}"))
    for number, cell in enumerate(cells):
        cell["id"] = f"{number:03}-{cell['id']}"
    notebook = {
        "cells": cells,
        "metadata": _METADATA | {"retroprop": {"language": document.language}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _title(document: Document) -> str:
    parts = [f"# {escape(document.title)}", escape(document.subtitle)]
    parts += [escape(sentence) for sentence in (document.author, *document.summary) if sentence]
    parts += [block_markdown(notice) for notice in document.notices]
    return "\n\n".join(parts)


def _section(section: Section, asked: str) -> list[dict[str, Any]]:
    """The cells of a section: what is asked, the answer in words, the code that makes it."""
    heading = f"{'#' * (section.level + 1)} {escape(section.heading)}"
    points = f" · {escape(section.points)}" if section.points else ""
    start = heading + points
    if section.asked:
        question = [f"**{escape(asked)}**{points}", *map(prose, paragraphs(section.asked))]
        start = heading + "\n\n" + quoted("\n\n".join(question))
    cells = [_text_cell(section.name, start)]
    if section.blocks:
        cells.append(_answer(section))
    if section.code:
        cells.append(_code_cell(f"{section.name}-code", section.code))
    return cells


def _answer(section: Section) -> dict[str, Any]:
    text = "\n\n".join(block_markdown(block) for block in section.blocks)
    cell = _text_cell(f"{section.name}-answer", text)
    attachments = _attachments(section.blocks)
    return cell | ({"attachments": attachments} if attachments else {})


def _attachments(blocks: Iterable[Block]) -> dict[str, dict[str, str]]:
    return {
        f"{block.name}.png": {"image/png": base64.b64encode(_png(block)).decode()}
        for block in blocks
        if isinstance(block, Picture)
    }


def _png(picture: Picture) -> bytes:
    """The picture in pixels, on white: its ink is dark whatever the theme."""
    width = "14cm" if picture.wide else "11cm"
    return typst.compile(
        _PAGE.encode(),
        format="png",
        ppi=_PIXELS_PER_INCH,
        ignore_system_fonts=True,
        sys_inputs={"svg": picture.svg, "width": width},
    )


def _text_cell(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": _slug(name), "metadata": {}, "source": _lines(text)}


def _code_cell(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": _slug(name),
        "metadata": {},
        "outputs": [],
        "source": _lines(text.strip("\n")),
    }


def _slug(name: str) -> str:
    """A name of the characters and the length that a cell's id may have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:55]


def _lines(text: str) -> list[str]:
    """The lines as Jupyter stores them, each with its end."""
    return text.splitlines(keepends=True)
