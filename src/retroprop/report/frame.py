"""What the three formats share: the words of their frame, the parts of a document, its prose."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retroprop.languages import translator
from retroprop.mathematics.prose import Span, spans
from retroprop.report.document import Block, Document, Picture, Section

TEMPLATES = Path(__file__).parent / "templates"


def words_of(document: Document) -> dict[str, str]:
    """The words of a document's frame; its own labels go before these."""
    say = translator(document.language)
    return {
        "asked": say("Question"),
        "questions": say("Questions"),
        "csv": "CSV",
        "top": say("Back to the contents"),
        "contents": say("Contents"),
        "description": say("Description of the figure"),
    } | document.labels


@dataclass(frozen=True)
class Part:
    """A section of level 1, and those of level 2 under it."""

    section: Section
    questions: list[Section] = field(default_factory=list)


def parts_of(document: Document) -> list[Part]:
    """The sections of a document as parts.

    Raises:
        ValueError: If the first section is a question, which has no part to stand in.
    """
    parts: list[Part] = []
    for section in document.sections:
        if section.level == 1:
            parts.append(Part(section))
        elif parts:
            parts[-1].questions.append(section)
        else:
            raise ValueError(f"the section {section.name!r} of level 2 stands in no part")
    return parts


def in_order(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks one by one, but pictures that follow each other together."""
    groups: list[list[Block]] = []
    for block in blocks:
        if isinstance(block, Picture) and groups and isinstance(groups[-1][-1], Picture):
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a prose text: an empty line ends one."""
    return [piece.strip() for piece in text.split("\n\n") if piece.strip()]


def flat_spans(text: str) -> list[tuple[Span, bool]]:
    """The spans of a prose text, each with whether it is stressed; no span holds another."""
    found: list[tuple[Span, bool]] = []
    for span in spans(text):
        if span.kind == "strong":
            found += [(inner, True) for inner in spans(span.text)]
        else:
            found.append((span, False))
    return found
