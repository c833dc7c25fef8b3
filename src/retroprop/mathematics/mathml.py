"""Formulas as MathML Core, for web pages: what Chromium, Firefox and Safari draw by themselves.

    mathml("frac(1, 2)")    <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>

Bold and round letters are those of Unicode's mathematical alphabet, as MathML Core asks. Brackets
grow only around what is taller than a line.

Source: W3C, MathML Core, section 3.
"""

from collections.abc import Sequence
from html import escape

from retroprop.mathematics.drawing import round_letter, sign_text
from retroprop.mathematics.notation import Call, Group, Lines, Node, Row, Script, Sign, parse
from retroprop.mathematics.spacing import LARGE, is_binary, is_tall, product_gap, with_prime

_SIGNS = {"Σ": "∑", "ᵀ": "⊤", "*": "∗", "argmax": "arg max", "argmin": "arg min"}
"""Signs that a page writes otherwise than a terminal."""

_ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯", "overline": "‾"}
_FENCES = {"norm": "‖‖", "abs": "||", "floor": "⌊⌋", "ceil": "⌈⌉"}
_GAPS = {"": "", "thin": '<mspace width="0.17em"/>', "word": '<mspace width="0.3em"/>'}


def mathml(source: str, *, display: bool = False, spoken: str = "") -> str:
    """The formula as a `math` element.

    Args:
        source: The formula.
        display: Whether it stands on lines of its own.
        spoken: The formula in words, for a voice.

    >>> mathml("x_i")
    '<math><msub><mi>x</mi><mi>i</mi></msub></math>'
    """
    start = ' display="block"' if display else ""
    start += f' alttext="{escape(spoken)}"' if spoken else ""
    return f"<math{start}>{_element(parse(source))}</math>"


def _element(node: Node) -> str:
    """The node as exactly one element."""
    match node:
        case Sign():
            return _sign(node)
        case Row(items):
            return f"<mrow>{_row(items)}</mrow>"
        case Group(opening, body, closing):
            return _fenced(opening, _element(body), closing, tall=is_tall(body))
        case Script():
            return _script(node)
        case Lines(rows):
            sides = ("right", "left") if max(map(len, rows)) > 1 else ("left",)
            return _table(rows, sides, more=' displaystyle="true"')
        case Call():
            return _call(node)
    raise AssertionError(node)


def _call(call: Call) -> str:
    match call:
        case Call("frac", (top, bottom)):
            return f"<mfrac>{_element(top)}{_element(bottom)}</mfrac>"
        case Call("sqrt", (body,)):
            return f"<msqrt>{_element(body)}</msqrt>"
        case Call("underbrace", (body, label)):
            braced = f'{_element(body)}<mo stretchy="true">⏟</mo>'
            return f'<munder><munder accentunder="true">{braced}</munder>{_element(label)}</munder>'
        case Call("cases", (Lines(rows),)):
            return _fenced("{", _table(rows, ("left",), start="0.3em"), "", tall=True)
        case Call("mat", (Lines(rows),)):
            return _fenced("(", _table(rows, ("center",), gap="0.9em"), ")", tall=True)
        case Call("cal", (Sign(text),)):
            return f"<mi>{round_letter(text)}</mi>"
        case Call("cal", (body,)):
            return _element(body)
        case Call(name, (body,)) if name in _FENCES:
            opening, closing = _FENCES[name]
            return _fenced(opening, _element(body), closing, tall=is_tall(body))
        case Call(name, (body,)):
            stretchy = "true" if name == "overline" else "false"
            sign = f'<mo stretchy="{stretchy}">{_ACCENTS[name]}</mo>'
            return f'<mover accent="true">{_element(body)}{sign}</mover>'
    raise AssertionError(call)


def _sign(sign: Sign) -> str:
    text = escape(_SIGNS.get(sign.text, sign.text))
    if sign.kind == "space":
        return '<mspace width="1em"/>' if len(sign.text) > 1 else _GAPS["thin"]
    if sign.kind == "number":
        return f"<mn>{text}</mn>"
    if sign.kind == "text":
        return f"<mtext>{text}</mtext>"
    if sign.kind == "bold":
        tag = "mn" if sign.text.isdigit() else "mi"
        return f"<{tag}>{sign_text(sign)}</{tag}>"
    if sign.text == "|":
        return '<mo stretchy="false" lspace="0.2em" rspace="0.2em">|</mo>'
    if sign.text == "/":
        return '<mo lspace="0" rspace="0">/</mo>'
    if sign.kind == "word" and sign.text in LARGE:
        return f'<mo movablelimits="true" lspace="0" rspace="0">{text}</mo>'
    if sign.kind in ("relation", "operator"):
        return f'<mo stretchy="false">{text}</mo>' if sign.text in "→←⇒⇔" else f"<mo>{text}</mo>"
    if sign.kind in ("mark", "prime") or sign.text in ("Σ", "∏", "∀", "ᵀ"):
        return f"<mo>{text}</mo>"
    return f'<mi mathvariant="normal">{text}</mi>' if sign.text in "∇∞ΦΔ" else f"<mi>{text}</mi>"


def _row(items: Sequence[Node]) -> str:
    pieces = []
    for place, item in enumerate(items):
        if isinstance(item, Sign) and item.text == " ":
            pieces.append(_GAPS[product_gap(items, place)])
        elif isinstance(item, Sign) and item.kind == "operator" and not is_binary(items, place):
            pieces.append(f'<mo form="prefix">{escape(item.text)}</mo>')
        else:
            pieces.append(_element(item))
    return "".join(pieces)


def _script(script: Script) -> str:
    base, low, high = (script := with_prime(script)).base, script.low, script.high
    limits = isinstance(base, Sign) and base.text in LARGE
    names = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
    name = names[2] if low and high else names[0] if low else names[1]
    parts = "".join(_element(part) for part in (base, low, high) if part is not None)
    return f"<{name}>{parts}</{name}>"


def _fenced(opening: str, body: str, closing: str, *, tall: bool) -> str:
    start = "<mo>" if tall else '<mo stretchy="false">'
    fences = [f"{start}{sign}</mo>" if sign else "" for sign in (opening, closing)]
    return f"<mrow>{fences[0]}{body}{fences[1]}</mrow>"


def _table(
    rows: Sequence[Sequence[Node]],
    sides: Sequence[str],
    *,
    start: str = "0",
    gap: str = "0",
    more: str = "",
) -> str:
    """Cells in rows; the columns stand on the sides in turn, `gap` apart, `start` from the left."""
    lines = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            before = gap if column else start
            side = sides[column % len(sides)]
            # Chromium places what is in a cell by justify-items, others by text-align.
            style = f"text-align: {side}; justify-items: {side}; padding: 0.2em 0 0.2em {before}"
            cells.append(f'<mtd style="{style}">{_element(cell)}</mtd>')
        lines.append(f"<mtr>{''.join(cells)}</mtr>")
    return f"<mtable{more}>{''.join(lines)}</mtable>"
