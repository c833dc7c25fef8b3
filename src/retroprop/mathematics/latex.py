r"""Formulas as LaTeX, for notebooks: what MathJax and KaTeX set, without packages.

    latex("frac(1, x_i)")    \frac{1}{x_{i}}

The text goes through Markdown first, so `<` is written `\lt`, and `*` is `\ast`.
"""

import re
from collections.abc import Sequence

from retroprop.mathematics.notation import (
    SYMBOLS,
    Call,
    Group,
    Lines,
    Node,
    Row,
    Script,
    Sign,
    parse,
)
from retroprop.mathematics.spacing import LARGE, is_binary, is_tall, product_gap, with_prime

_KNOWN = {"exp", "ln", "log", "max", "min", "lim", "arg", "tanh", "cos", "sin", "Pr"}
"""The words that LaTeX has by the same name."""

_OTHERS = {
    **{"ε": r"\varepsilon", "φ": r"\varphi", "Σ": r"\sum", "∏": r"\prod", "∝": r"\propto"},
    **{"∞": r"\infty", "…": r"\dots", "⊙": r"\odot", "ᵀ": r"\top", "ℝ": r"\mathbb{R}"},
    **{"ℕ": r"\mathbb{N}", "𝔼": r"\mathbb{E}", "⇔": r"\Leftrightarrow", "·": r"\cdot"},
    **{"<": r"\lt", ">": r"\gt", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "→": r"\to"},
    **{"⇒": r"\Rightarrow", "←": r"\leftarrow", "∼": r"\sim", "−": "-", "∗": r"\ast"},
    **{"*": r"\ast", "|": r"\mid", "argmax": r"\mathop{\mathrm{arg\,max}}"},
    **{"argmin": r"\mathop{\mathrm{arg\,min}}", "{": r"\{", "}": r"\}", "/": "/"},
    "∘": r"\circ",
}
_SIGNS = {sign: f"\\{name}" for name, sign in SYMBOLS.items() if name.isalpha()} | _OTHERS
_FENCES = {
    **{"norm": (r"\lVert", r"\rVert"), "abs": (r"\lvert", r"\rvert")},
    **{"floor": (r"\lfloor", r"\rfloor"), "ceil": (r"\lceil", r"\rceil")},
}
_CALLS = {
    **{"sqrt": r"\sqrt", "cal": r"\mathcal", "hat": r"\hat", "tilde": r"\tilde", "bar": r"\bar"},
    "overline": r"\overline",
}
_GAPS = {"": "", "thin": "", "word": r"\;"}  # a word brings its own thin gap
_ESCAPED = {
    **{c: f"\\{c}" for c in "{}$#%&_"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
}


def latex(source: str) -> str:
    r"""The formula in LaTeX, to be set between dollars.

    >>> latex("sigma(x) < 1")
    '\\sigma (x) \\lt 1'
    """
    return _tidy(_set(parse(source)))


def _tidy(text: str) -> str:
    """Spaces only where a command ends at a letter, and around relations."""
    return re.sub(r" +", " ", text).strip()


def _set(node: Node) -> str:
    match node:
        case Sign():
            return _sign(node)
        case Row(items):
            return _row(items)
        case Group(opening, body, closing):
            return _fenced(_SIGNS.get(opening, opening), body, _SIGNS.get(closing, closing))
        case Script():
            return _script(node)
        case Lines(rows):
            return _environment("aligned", rows)
        case Call():
            return _call(node)
    raise AssertionError(node)


def _call(call: Call) -> str:
    match call:
        case Call("frac", (top, bottom)):
            return rf"\frac{{{_set(top)}}}{{{_set(bottom)}}}"
        case Call("underbrace", (body, label)):
            return rf"\underbrace{{{_set(body)}}}_{{{_set(label)}}}"
        case Call("cases", (Lines(rows),)):
            return _environment("cases", rows)
        case Call("mat", (Lines(rows),)):
            return _environment("pmatrix", rows)
        case Call(name, (body,)) if name in _FENCES:
            opening, closing = _FENCES[name]
            return _fenced(opening, body, closing)
        case Call(name, (body,)):
            return rf"{_CALLS[name]}{{{_set(body)}}}"
    raise AssertionError(call)


def _sign(sign: Sign) -> str:
    text = sign.text
    if sign.kind == "space":
        return r"\quad " if len(text) > 1 else r"\:"
    if sign.kind == "bold":
        return rf"\mathbf{{{text}}}"
    if sign.kind == "text":
        return rf"\text{{{''.join(_ESCAPED.get(c, c) for c in text)}}}"
    if sign.kind == "prime":
        return r"\prime " * len(text)
    if sign.kind == "word" and text not in _SIGNS:
        return f"\\{text} " if text in _KNOWN else rf"\operatorname{{{text}}}"
    known = _SIGNS.get(text, text)
    if sign.kind in ("relation", "operator"):
        return f" {known} "
    return f"{known} " if known.startswith("\\") and known[-1].isalpha() else known


def _row(items: Sequence[Node]) -> str:
    pieces = []
    for place, item in enumerate(items):
        if isinstance(item, Sign) and item.text == " ":
            pieces.append(_GAPS[product_gap(items, place)] + " ")
        elif isinstance(item, Sign) and item.kind == "operator" and not is_binary(items, place):
            pieces.append(_sign(item).strip() + (" " if item.text not in "−+" else ""))
        elif isinstance(item, Sign) and item.text in ",;":
            pieces.append(item.text + " ")
        else:
            pieces.append(_set(item))
    return "".join(pieces)


def _script(script: Script) -> str:
    base, low, high = (script := with_prime(script)).base, script.low, script.high
    text = _set(base).rstrip()
    simple = isinstance(base, Sign | Group) or (isinstance(base, Call) and base.name == "cal")
    if not simple:
        text = f"{{{text}}}"
    text += "" if low is None else f"_{{{_set(low).strip()}}}"
    text += "" if high is None else f"^{{{_set(high).strip()}}}"
    limits = isinstance(base, Sign) and base.text in LARGE
    return f"{text} " if limits else text


def _fenced(opening: str, body: Node, closing: str) -> str:
    inside = _set(body).strip()
    if is_tall(body):
        return rf"\left{opening} {inside} \right{closing}"
    gap = " " if opening[-1].isalpha() else ""
    return f"{opening}{gap}{inside}{gap}{closing}"


def _environment(name: str, rows: Sequence[Sequence[Node]]) -> str:
    lines = r" \\ ".join(" & ".join(_set(cell).strip() for cell in row) for row in rows)
    return rf"\begin{{{name}}} {lines} \end{{{name}}}"
