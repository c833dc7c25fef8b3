"""Formulas in a terminal: in two dimensions as a textbook has them, or on one line in prose.

    draw("sigma'(x) = frac(e^(-x), (1 + e^(-x))^2)")        one_line("frac(partial L, partial x)")

               e⁻ˣ
    σ′(x) = ──────────                                      ∂L/∂x
            (1 + e⁻ˣ)²

Indices and powers use the raised and lowered characters of Unicode where it has them all, and a
line of their own where it does not. Bold letters are the bold ones of Unicode's mathematical
alphabet: `plain` turns them back, where a terminal has a bold face of its own.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeGuard

from retroprop.mathematics.notation import Call, Group, Lines, Node, Row, Script, Sign, parse
from retroprop.mathematics.spacing import LARGE, is_binary

_RAISED = dict(
    zip(
        "0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWᵀ′*",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵀ′*",
        strict=True,
    )
)
_LOWERED = dict(
    zip("0123456789+−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_ROUND = dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))  # those outside of Unicode's row
_ABOVE = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304"}
_FENCES = {"norm": ("‖", "‖"), "abs": ("|", "|"), "floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉")}
_TALL = {
    **{"(": "⎛⎜⎝", ")": "⎞⎟⎠", "[": "⎡⎢⎣", "]": "⎤⎥⎦", "{": "⎧⎪⎩", "}": "⎫⎪⎭"},
    **{"‖": "‖‖‖", "|": "│││", "⌊": "⎢⎢⎣", "⌋": "⎥⎥⎦", "⌈": "⎡⎢⎢", "⌉": "⎤⎥⎥"},
}


# -- on one line -------------------------------------------------------------------------------


def one_line(source: str) -> str:
    """The formula on one line.

    >>> one_line("frac(partial L, partial W_(k j)) = (p_k - t_k) h_j")
    '∂L/∂Wₖⱼ = (pₖ − tₖ) hⱼ'
    """
    return _line(parse(source))


def _line(node: Node, *, small: bool = False) -> str:
    match node:
        case Sign():
            return sign_text(node)
        case Row(items):
            return "".join(_spaced(items, [_line(item, small=small) for item in items], small))
        case Group(opening, body, closing):
            return opening + _line(body, small=small) + closing
        case Script(base, low, high):
            return _line(base, small=small) + _scripts(base, low, high)
        case Call("frac", (top, bottom)):
            return f"{_bracketed(top, small)}/{_bracketed(bottom, small, below=True)}"
        case Call("underbrace", (body, _)):
            return _line(body, small=small)
        case Call("cases", (Lines(rows),)):
            return "{ " + " ; ".join(" ".join(_line(cell) for cell in row) for row in rows)
        case Call("mat", (Lines(rows),)):
            cells = ("  ".join(_line(cell, small=small) for cell in row) for row in rows)
            return f"[{' ; '.join(cells)}]"
        case Call("sqrt", (body,)):
            return f"√{_bracketed(body, small, below=True)}"
        case Call(name, (body,)) if name in _FENCES:
            opening, closing = _FENCES[name]
            return opening + _line(body, small=small) + closing
        case Call(name, (body,)):
            return _accented(name, _line(body))
        case Lines(rows):
            return " ; ".join(" ".join(_line(cell) for cell in row) for row in rows)
    raise AssertionError(node)


def sign_text(sign: Sign) -> str:
    """The sign's characters; a bold letter is that of Unicode's mathematical alphabet."""
    if sign.kind != "bold":
        return sign.text
    text = sign.text
    if text.isdigit():
        return chr(0x1D7CE + int(text))
    return chr((0x1D400 if text.isupper() else 0x1D41A - 32) + ord(text) - ord("A"))


def round_letter(text: str) -> str:
    """The letter of `cal`, as L is ℒ; other signs as they are."""
    if len(text) != 1 or not text.isascii() or not text.isalpha():
        return text
    first = 0x1D49C if text.isupper() else 0x1D4B6 - 32
    return _ROUND.get(text, chr(first + ord(text) - ord("A")))


def plain(text: str) -> str:
    """The same text with ordinary letters for the bold ones.

    >>> plain(one_line("bW bx"))
    'W x'
    """
    return "".join(
        unicodedata.normalize("NFKD", letter) if _is_bold(letter) else letter for letter in text
    )


def _is_bold(letter: str) -> bool:
    return 0x1D400 <= ord(letter) <= 0x1D433 or 0x1D7CE <= ord(letter) <= 0x1D7D7


def bold_spans(text: str) -> list[tuple[str, bool]]:
    """Pieces of a text in ordinary letters, each with whether it is bold.

    >>> bold_spans(one_line("bx = 1"))
    [('x', True), (' = 1', False)]
    """
    spans: list[tuple[str, bool]] = []
    for letter in text:
        bold = _is_bold(letter)
        if spans and spans[-1][1] == bold:
            spans[-1] = (spans[-1][0] + plain(letter), bold)
        else:
            spans.append((plain(letter), bold))
    return spans


def _accented(name: str, text: str) -> str:
    if name == "cal":
        return round_letter(text)
    if name == "overline":
        return "".join(character + "\u0305" for character in text)
    return unicodedata.normalize("NFC", text + _ABOVE[name])


def _bracketed(node: Node, small: bool, *, below: bool = False) -> str:
    """The node, between brackets where one line needs them beside a slash."""
    text = _line(node, small=small)
    loose = isinstance(node, Row) and any(
        isinstance(item, Sign)
        and (item.kind in ("operator", "relation") or (below and item.kind == "space"))
        for item in node.items
    )
    return f"({text})" if loose else text


def _spaced(items: Sequence[Node], texts: Sequence[str], small: bool) -> list[str]:
    """The texts of a row, with spaces around relations and binary operators."""
    spaced = []
    for place, (item, text) in enumerate(zip(items, texts, strict=True)):
        if not isinstance(item, Sign):
            spaced.append(text)
        elif item.kind == "space":
            spaced.append("" if small else text)
        elif item.kind == "relation" or (item.kind == "operator" and is_binary(items, place)):
            spaced.append(text if small else f" {text} ")
        elif item.kind == "word":
            after = items[place + 1] if place + 1 < len(items) else None
            gap = isinstance(after, Sign | Call) and not (
                isinstance(after, Sign) and after.kind in ("space", "relation", "operator", "mark")
            )
            spaced.append(text + " " * gap)
        elif item.kind == "text":
            spaced.append(text)
        elif item.text in ",;:":
            spaced.append(text if small else text + " ")
        else:
            spaced.append(text)
    return spaced


def _converted(node: Node | None, table: dict[str, str]) -> str | None:
    """The text in raised or lowered characters; None if Unicode lacks one of them."""
    if node is None:
        return ""
    text = _line(node, small=True)
    return "".join(table[c] for c in text) if all(c in table for c in text) else None


def _scripts(base: Node, low: Node | None, high: Node | None) -> str:
    """Indices and powers on one line: aᵢ², or a_y and a^(xᵢ) where Unicode has no character.

    A vector's superscript is part of its name and comes first: oˢₖ.
    """
    if base == Sign("1", "bold") and low is not None and _converted(low, _LOWERED) is None:
        return f"[{_line(low.body if isinstance(low, Group) else low)}]"  # 1[x > 0]
    text = ""
    parts = [(high, _RAISED, "^"), (low, _LOWERED, "_")]
    for node, table, mark in parts if _is(base, "bold") else reversed(parts):
        converted = _converted(node, table)
        if converted is None:
            assert node is not None
            plainly = _line(node, small=True)
            bare = len(plainly) == 1 or isinstance(node, Sign)
            converted = mark + (plainly if bare else f"({plainly})")
        text += converted
    return text


# -- in two dimensions -------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A rectangle of characters and the line on which it stands beside others."""

    lines: tuple[str, ...]
    baseline: int = 0

    @property
    def width(self) -> int:
        """Columns."""
        return max(map(_width, self.lines))


def draw(source: str, width: int | None = None) -> list[str]:
    """The lines of the formula, drawn in two dimensions.

    Args:
        source: The formula.
        width: Columns of the terminal; a wider formula is broken at its gaps and relations.

    >>> print(*draw("frac(1, 1 + e^(-x))"), sep=chr(10))
       1
    ───────
    1 + e⁻ˣ
    """
    tree = parse(source)
    box = _box(tree)
    if width is not None and box.width > width and isinstance(tree, Row):
        box = _broken(tree.items, width)
    return [line.rstrip() for line in box.lines]


def _broken(items: Sequence[Node], width: int) -> Box:
    """A row on several lines: cut at its wide gaps, and before relations if that is not enough."""
    boxes: list[Box] = []
    for part in _pieces(items, lambda item: _is(item, "space") and len(item.text) > 1):
        box = _box(Row(tuple(part)))
        if box.width > width:
            first, *others = _pieces(part, lambda item: _is(item, "relation"), keep=True)
            lines = [_box(Row(tuple(first)))]
            lines += [_beside([Box(("  ",)), _box(Row(tuple(one)))]) for one in others]
            box = _above_each_other(lines)
        boxes.append(box)
    return _above_each_other(boxes)


def _is(node: Node, kind: str) -> TypeGuard[Sign]:
    return isinstance(node, Sign) and node.kind == kind


def _pieces(
    items: Sequence[Node], cuts: Callable[[Node], bool], *, keep: bool = False
) -> list[list[Node]]:
    """The items between the cuts; `keep` leaves the cut at the start of its piece."""
    pieces: list[list[Node]] = [[]]
    for item in items:
        if not cuts(item):
            pieces[-1].append(item)
        elif keep:
            pieces.append([item])
        else:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _above_each_other(boxes: Sequence[Box]) -> Box:
    """Boxes one below the other, from the left, with an empty line beside a tall one."""
    lines: list[str] = []
    tall = False
    for box in boxes:
        if lines and (tall or len(box.lines) > 1):
            lines.append("")
        lines += box.lines
        tall = len(box.lines) > 1
    return Box(tuple(lines))


def _width(text: str) -> int:
    return sum(not unicodedata.combining(letter) for letter in text)


def _box(node: Node) -> Box:
    match node:
        case Row(items):
            texts = [_line(item) for item in items]
            spaced = _spaced(items, texts, small=False)
            parts = []
            for item, text, with_spaces in zip(items, texts, spaced, strict=True):
                box = _box(item)
                if box.lines == (text,):
                    parts.append(Box((with_spaces,)))
                else:
                    gap = isinstance(item, Script) and _is_large(item.base)
                    parts.append(_beside([box, Box((" ",))]) if gap else box)
            return _beside(parts)
        case Group(opening, body, closing):
            return _fenced(opening, _box(body), closing)
        case Script(base, low, high):
            return _with_scripts(base, low, high)
        case Call("frac", (top, bottom)):
            above, below = _box(top), _box(bottom)
            rule = Box(("─" * max(above.width, below.width),))
            return _stack([above, rule, below], 1)
        case Call("underbrace", (body, label)):
            inner, under = _box(body), _box(label)
            width = max(inner.width, under.width)
            half = (width - 1) // 2
            brace = "╰" + "─" * (half - 1) + "┬" + "─" * (width - half - 2) + "╯"
            return _stack([inner, Box((brace if width > 2 else "│",)), under], 0)
        case Call("cases", (Lines(rows),)):
            body = _table([[_box(cell) for cell in row] for row in rows], first="left")
            return _fenced("{", Box(body.lines, (len(body.lines) - 1) // 2), "")
        case Call("mat", (Lines(rows),)):
            return _fenced("(", _matrix([[_box(cell) for cell in row] for row in rows]), ")")
        case Call(name, (body,)) if name in _FENCES:
            opening, closing = _FENCES[name]
            return _fenced(opening, _box(body), closing)
        case Lines(rows):
            return _table([[_box(cell) for cell in row] for row in rows])
        case _:
            return Box((_line(node),))


def _is_large(node: Node) -> bool:
    return isinstance(node, Sign) and node.text in LARGE


def _with_scripts(base: Node, low: Node | None, high: Node | None) -> Box:
    if _is_large(base):
        boxes = [Box((_line(part, small=True),)) for part in (high, base, low) if part is not None]
        return _stack(boxes, 0 if high is None else 1)
    inner = _box(base)
    if len(inner.lines) == 1:
        on_one = _scripts(base, low, high)
        if "_" not in on_one and "^" not in on_one:
            return Box((inner.lines[0] + on_one,))
    raised, lowered = _converted(high, _RAISED), _converted(low, _LOWERED)
    if len(inner.lines) == 1:  # what Unicode can raise or lower stays on the line
        both = (raised or "", lowered or "")
        inner = Box((inner.lines[0] + "".join(both if _is(base, "bold") else both[::-1]),))
        high = None if raised is not None else high
        low = None if lowered is not None else low
    above = [] if high is None else [_line(high, small=True)]
    below = [] if low is None else [_line(low, small=True)]
    column = Box((*above, *[""] * len(inner.lines), *below), len(above) + inner.baseline)
    return _beside([inner, column])


def _beside(boxes: Sequence[Box]) -> Box:
    """Boxes in a row, on one baseline."""
    top = max((box.baseline for box in boxes), default=0)
    bottom = max((len(box.lines) - box.baseline for box in boxes), default=1)
    lines = [""] * (top + bottom)
    for box in boxes:
        first, width = top - box.baseline, box.width
        for place in range(len(lines)):
            inside = 0 <= place - first < len(box.lines)
            text = box.lines[place - first] if inside else ""
            lines[place] += text + " " * (width - _width(text))
    return Box(tuple(lines), top)


def _stack(boxes: Sequence[Box], standing: int) -> Box:
    """Boxes on top of each other, centred; the row stands on the baseline of one of them."""
    width = max(box.width for box in boxes)
    lines: list[str] = []
    baseline = 0
    for place, box in enumerate(boxes):
        if place == standing:
            baseline = len(lines) + box.baseline
        indent = (width - box.width) // 2
        lines += [" " * indent + line for line in box.lines]
    return Box(tuple(lines), baseline)


def _fenced(opening: str, body: Box, closing: str) -> Box:
    n = len(body.lines)

    def fence(bracket: str) -> Box:
        if not bracket or n == 1 or (n == 2 and bracket != "{"):  # a line of indices alone
            return Box(tuple(bracket * (at == body.baseline) for at in range(n)), body.baseline)
        if n == 2 and bracket == "{":
            return Box(("⎰", "⎱"), body.baseline)
        first, middle, last = _TALL[bracket]
        middles = [middle] * (n - 2)
        if bracket in "{}" and n > 2:
            middles[(n - 2) // 2] = {"{": "⎨", "}": "⎬"}[bracket]
        return Box((first, *middles, last), body.baseline)

    gap = Box((" ",)) if opening == "{" and not closing else Box(("",))
    return _beside([fence(opening), gap, body, fence(closing)])


def _table(rows: Sequence[Sequence[Box]], first: Literal["left", "right"] = "right") -> Box:
    """Cells in columns: the first of several to its side, the others to the left."""
    columns = max(map(len, rows))
    right = first == "right" and columns > 1
    widths = [
        max((row[c].width for row in rows if c < len(row)), default=0) for c in range(columns)
    ]
    lines: list[Box] = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            pad = Box((" " * (widths[column] - cell.width),))
            cells.append(_beside([pad, cell] if right and column == 0 else [cell, pad]))
        lines.append(_beside(cells))
    return _above_each_other(lines)


def _matrix(rows: Sequence[Sequence[Box]]) -> Box:
    """Cells in the middle of columns, two columns of the terminal apart."""
    widths = [max(cell.width for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for width, cell in zip(widths, row, strict=True):
            left = (width - cell.width) // 2
            pads = Box((" " * left,)), Box((" " * (width - cell.width - left),))
            cells += [Box(("  ",)), pads[0], cell, pads[1]]
        lines.append(_beside(cells[1:]))
    body = _above_each_other(lines)
    return Box(body.lines, (len(body.lines) - 1) // 2)
