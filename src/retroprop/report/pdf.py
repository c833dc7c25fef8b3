"""A report as PDF, set by typst: tagged for screen readers (PDF/UA-1), mathematics typeset.

The template holds no text of the report. All of it arrives as JSON, so no character of a title or a
setting can act as markup. A formula is read in math mode with only the names of the notation, and
only after it was parsed here. Only the fonts inside typst's own package are used, so the pages look
the same on every machine. For characters that these lack, Chinese ones or an emoji in a title, the
machine's fonts are searched; what none of them can draw becomes a square, and a warning names it.
"""

import dataclasses
import json
import re
import unicodedata
import warnings
from datetime import UTC, datetime
from typing import Any

import typst

from retroprop.errors import UserError, in_short
from retroprop.mathematics.typesetting import typst_formula, typst_names
from retroprop.report.document import Block, Document, Equation, Picture, Prose, Section
from retroprop.report.frame import TEMPLATES, flat_spans, in_order, paragraphs, words_of

SQUARE = "□"
"""In place of a character that no font has."""
MOST_TRIES = 4
"""Typst names some of the characters that it cannot draw, and then others."""
MOST_NAMED = 20
"""Letters of a warning."""
MOST_HEIGHT_CM = 20.0
"""Of a picture: its caption stands on the same page."""


class UndrawnLetters(UserWarning):
    """Letters that stand in a document, and for which no font of the PDF has a shape."""


def render_pdf(document: Document, *, when: str) -> bytes:
    """Draw a document as PDF.

    Args:
        document: What to draw.
        when: The date of its records (ISO 8601), written into the file's metadata.

    Warns:
        UndrawnLetters: If a square stands for some of its letters.

    Raises:
        UserError: If typst cannot set it.
    """
    text, fonts_of_machine = json.dumps(_plain(document), ensure_ascii=False), False
    reason: Exception | None = None
    undrawn: set[str] = set()
    for _ in range(MOST_TRIES):
        try:
            data = _compile(text, when, fonts_of_machine)
        except typst.TypstError as error:
            reason, missing = error, _undrawable(error)
        else:
            if undrawn:
                warnings.warn(_undrawn_sentence(undrawn), UndrawnLetters, stacklevel=2)
            return data
        if not missing:
            break
        if fonts_of_machine:
            undrawn |= missing
            text = text.translate(dict.fromkeys(map(ord, missing), SQUARE))
        fonts_of_machine = True
    raise UserError(
        f"the PDF cannot be set ({in_short(reason, 200)}); write the report with --format html."
    )


def _compile(text: str, when: str, fonts_of_machine: bool) -> bytes:
    template = (TEMPLATES / "report.typ").read_bytes()
    return typst.compile(
        typst_names() + template,
        format="pdf",
        pdf_standards=["ua-1"],
        ignore_system_fonts=not fonts_of_machine,
        sys_inputs={"document": text},
        timestamp=_seconds(when),
    )


def _undrawable(error: typst.TypstError) -> set[str]:
    """The characters that no font has: typst's message quotes them, some by their numbers."""
    quoted = re.findall(r'the text `"(.+?)"` could not be displayed', str(error.diagnostic))
    whole = re.sub(r"\\u\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), "".join(quoted))
    return {character for character in whole if not character.isascii()}


def _undrawn_sentence(undrawn: set[str]) -> str:
    letters = [
        letter
        if letter.isprintable() and not unicodedata.combining(letter)
        else f"U+{ord(letter):04X}"
        for letter in sorted(undrawn)
    ]
    more = len(letters) - MOST_NAMED
    named = " ".join(letters[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"no font on this machine can draw {named}, so the PDF shows {SQUARE} instead; install a "
        "font that has them, or read the HTML report, which keeps them."
    )


def _plain(document: Document) -> dict[str, Any]:
    """The document as the template reads it: formulas with their words, prose as spans."""
    sections = [_section(section, document.language) for section in document.sections]
    frame = dataclasses.replace(document, sections=[])
    return dataclasses.asdict(frame) | {"sections": sections, "labels": words_of(document)}


def _section(section: Section, language: str) -> dict[str, Any]:
    frame = dataclasses.asdict(dataclasses.replace(section, blocks=[]))
    groups = [_split(group) for group in in_order(section.blocks)]
    return frame | {
        "asked": _paragraphs(section.asked, language),
        "blocks": [_block(block, language) for block in section.blocks],
        "groups": [
            [_block(block, language) for block in part] for group in groups for part in group
        ],
    }


def _split(group: list[Block]) -> list[list[Block]]:
    """Pictures that follow each other, cut where half ones and whole ones meet."""
    parts: list[list[Block]] = []
    for block in group:
        half = isinstance(block, Picture) and block.half
        before = parts[-1][-1] if parts else None
        if isinstance(before, Picture) and before.half == half:
            parts[-1].append(block)
        else:
            parts.append([block])
    return parts


def _block(block: Block, language: str) -> dict[str, Any]:
    plain = dataclasses.asdict(block)
    if isinstance(block, Prose):
        return plain | {"paragraphs": _paragraphs(block.text, language)}
    if isinstance(block, Equation):
        return plain | typst_formula(block.source, language)
    if isinstance(block, Picture):
        return plain | {"width_cm": _width_cm(block)}
    return plain


def _width_cm(picture: Picture) -> float:
    """How wide a whole picture is on paper: less than usual where it would be too high."""
    width = 11.8 if picture.wide else 10.2
    found = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', picture.svg)
    if found and (height := width * float(found[2]) / float(found[1])) > MOST_HEIGHT_CM:
        width *= MOST_HEIGHT_CM / height
    return round(width, 2)


def _paragraphs(text: str, language: str) -> list[list[dict[str, Any]]]:
    return [
        [
            {"kind": span.kind, "text": span.text, "stressed": stressed}
            | (typst_formula(span.text, language) if span.kind == "math" else {})
            for span, stressed in flat_spans(paragraph)
        ]
        for paragraph in paragraphs(text)
    ]


def _seconds(when: str) -> int:
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
