"""A report as PDF, set by typst: tagged for screen readers (PDF/UA-1), mathematics typeset.

The template holds no text of the report. All of it arrives as JSON, so no character of a title or a
setting can act as markup. Only the fonts inside typst's own package are used, so the pages look the
same on every machine.
"""

import dataclasses
import json
from datetime import UTC, datetime
from importlib.resources import files

import typst

from retroprop.report.document import Document


def render_pdf(document: Document, *, when: str) -> bytes:
    """Draw a document as PDF.

    Args:
        document: What to draw.
        when: The date of its records (ISO 8601), written into the file's metadata.
    """
    template = files("retroprop.report").joinpath("templates", "report.typ").read_bytes()
    return typst.compile(
        template,
        format="pdf",
        pdf_standards=["ua-1"],
        ignore_system_fonts=True,
        sys_inputs={"document": json.dumps(dataclasses.asdict(document))},
        timestamp=_seconds(when),
    )


def _seconds(when: str) -> int:
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
