"""Backpropagation for one example in pseudocode: what a line does, its factors' shapes, its own.

`docs/derivations/backpropagation.md` has the same lines, and derives each of them.
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from retroprop.languages import Say, say_later


class Line(NamedTuple):
    """A numbered line: an assignment, the shapes that it multiplies, and the result's shape.

    `words` says which of the three hold words of a language.
    """

    text: str
    factors: str = ""
    result: str = ""
    words: tuple[str, ...] = ()


EACH = say_later("element by element")

FORWARD = (
    Line("h⁽⁰⁾ ← x", "", "(D)"),
    Line(say_later("for l = 1, 2, …, L:"), words=("text",)),
    Line("    h̃⁽ˡ⁻¹⁾ ← [h⁽ˡ⁻¹⁾; 1]", "", "(mₗ)"),
    Line("    a⁽ˡ⁾ ← θ⁽ˡ⁾ h̃⁽ˡ⁻¹⁾", "(nₗ, mₗ) (mₗ)", "(nₗ)"),
    Line("    h⁽ˡ⁾ ← max(0, a⁽ˡ⁾)", EACH, "(nₗ)", ("factors",)),
    Line("h̃⁽ᴸ⁾ ← [h⁽ᴸ⁾; 1]", "", "(m_{L+1})"),
    Line("a⁽ᴸ⁺¹⁾ ← θ⁽ᴸ⁺¹⁾ h̃⁽ᴸ⁾", "(K, m_{L+1}) (m_{L+1})", "(K)"),
    Line("e ← exp(a⁽ᴸ⁺¹⁾ − max a⁽ᴸ⁺¹⁾)", EACH, "(K)", ("factors",)),
    Line("f ← e / (1ᵀ e)", "", "(K)"),
    Line(say_later("loss ← −yᵀ log f"), "(K)ᵀ (K)", say_later("a number"), ("text", "result")),
)
BACKWARD = (
    Line("δ⁽ᴸ⁺¹⁾ ← f − y", "", "(K)"),
    Line(say_later("for l = L + 1, L, …, 1:"), words=("text",)),
    Line(
        say_later("    ∂loss/∂θ⁽ˡ⁾ ← δ⁽ˡ⁾ h̃⁽ˡ⁻¹⁾ᵀ"),
        "(nₗ) (mₗ)ᵀ",
        "(nₗ, mₗ)",
        ("text",),
    ),
    Line(say_later("    if l > 1:"), words=("text",)),
    Line("        g̃ ← θ⁽ˡ⁾ᵀ δ⁽ˡ⁾", "(mₗ, nₗ) (nₗ)", "(mₗ)"),
    Line(say_later("        g ← g̃ without its last entry"), "", "(nₗ₋₁)", ("text",)),
    Line("        δ⁽ˡ⁻¹⁾ ← g ⊙ 1[a⁽ˡ⁻¹⁾ > 0]", EACH, "(nₗ₋₁)", ("factors",)),
)


def pseudocode(say: Say) -> str:
    """The algorithm with its columns aligned."""
    titles = {say("FORWARD"): FORWARD, say("BACKWARD"): BACKWARD}
    rows = [line for lines in titles.values() for line in _translated(lines, say)]
    left = max(map(_width, (line.text for line in rows)))
    middle = max(map(_width, (line.factors for line in rows)))
    written, number = [], 0
    for title, lines in titles.items():
        written += ["", title] if written else [title]
        for line in _translated(lines, say):
            number += 1
            text = f"{number:2}.  {_padded(line.text, left)}   {_padded(line.factors, middle)}"
            written.append(f"{text}   {line.result}".rstrip())
    return "\n".join(written)


def _translated(lines: Sequence[Line], say: Say) -> list[Line]:
    return [line._replace(**{key: say(getattr(line, key)) for key in line.words}) for line in lines]


def _width(text: str) -> int:
    """The places that a text takes: a sign above a letter takes none."""
    return sum(not unicodedata.combining(character) for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
