"""Prose with formulas: spans of text, of formulas between dollars, and of *stressed* words."""

import re
from typing import Literal, NamedTuple

from retroprop.mathematics.drawing import one_line

Kind = Literal["text", "math", "strong"]


class Span(NamedTuple):
    """A piece of prose; of kind "math" it is the source of a formula."""

    kind: Kind
    text: str


def spans(text: str) -> list[Span]:
    """Cut a text into its spans.

    >>> spans("*Let* $x$ be real.")  # doctest: +NORMALIZE_WHITESPACE
    [Span(kind='strong', text='Let'), Span(kind='text', text=' '), Span(kind='math', text='x'),
     Span(kind='text', text=' be real.')]
    """
    found = []
    for piece in re.split(r"(\$[^$]+\$|\*[^*$]+(?:\$[^$]+\$[^*$]*)*\*)", text):
        if piece.startswith("$"):
            found.append(Span("math", piece[1:-1]))
        elif piece.startswith("*"):
            found.append(Span("strong", piece[1:-1]))
        elif piece:
            found.append(Span("text", piece))
    return found


def on_one_line(text: str) -> str:
    """The text with its formulas in Unicode.

    >>> on_one_line("Let $x_i$ be real.")
    'Let xᵢ be real.'
    """
    return "".join(
        one_line(span.text) if span.kind == "math" else span.text for span in spans(text)
    )
