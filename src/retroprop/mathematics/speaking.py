"""Formulas in words, for a voice: what a screen reader says of a formula in the PDF."""

import re
from typing import NamedTuple

from retroprop.mathematics.notation import (
    PRODUCT,
    Call,
    Group,
    Lines,
    Node,
    Row,
    Script,
    Sign,
    is_factor,
    parse,
)


class Words(NamedTuple):
    """What is said in English and in French."""

    en: str
    fr: str


_LETTERS = {
    **{"α": Words("alpha", "alpha"), "β": Words("beta", "bêta"), "γ": Words("gamma", "gamma")},
    **{"δ": Words("delta", "delta"), "ε": Words("epsilon", "epsilon"), "η": Words("eta", "êta")},
    **{"θ": Words("theta", "thêta"), "λ": Words("lambda", "lambda"), "μ": Words("mu", "mu")},
    **{"π": Words("pi", "pi"), "ρ": Words("rho", "rho"), "σ": Words("sigma", "sigma")},
    **{"τ": Words("tau", "tau"), "φ": Words("phi", "phi"), "ω": Words("omega", "oméga")},
    **{"Δ": Words("capital delta", "delta majuscule")},
    **{"Φ": Words("capital phi", "phi majuscule"), "∀": Words("for all", "pour tout")},
    **{"Pr": Words("the probability", "la probabilité"), "cos": Words("cosine", "cosinus")},
    **{"sin": Words("sine", "sinus"), "tanh": Words("tanh", "tangente hyperbolique")},
    **{"∂": Words("partial", "d rond"), "∇": Words("gradient", "gradient")},
    **{"∞": Words("infinity", "l’infini"), "ℝ": Words("the reals", "les réels")},
    **{"𝔼": Words("the expectation", "l’espérance"), "…": Words("and so on", "et ainsi de suite")},
    **{"ln": Words("log", "logarithme"), "log": Words("log", "logarithme")},
    **{"exp": Words("the exponential", "l’exponentielle"), "arg": Words("arg", "arg")},
    **{"sign": Words("sign", "signe"), "onehot": Words("one-hot", "one-hot")},
    **{"ᵀ": Words("transposed", "transposé"), "*": Words("star", "étoile")},
}
_RELATIONS = {
    **{"=": Words("equals", "égale"), "≠": Words("differs from", "diffère de")},
    **{"<": Words("is less than", "est inférieur à"), "≤": Words("is at most", "est au plus")},
    **{">": Words("is greater than", "est supérieur à"), "≥": Words("is at least", "est au moins")},
    **{"→": Words("tends to", "tend vers"), "←": Words("becomes", "devient")},
    **{"∼": Words("follows", "suit"), "∝": Words("is proportional to", "est proportionnel à")},
    "⇒": Words("so", "donc"),
    **{"⇔": Words("if and only if", "si et seulement si"), "∈": Words("in", "dans")},
    **{"≈": Words("is about", "vaut environ"), "⊂": Words("is part of", "est inclus dans")},
    **{"+": Words("plus", "plus"), "−": Words("minus", "moins"), "×": Words("times", "fois")},
    **{
        "·": Words("times", "fois"),
        "/": Words("over", "sur"),
        "!": Words("factorial", "factorielle"),
    },
    "∗": Words("convolved with", "convolué par"),
    "∘": Words("after", "après"),
    "⊙": Words("times, element by element,", "fois, élément par élément,"),
    "|": Words("given", "sachant"),
}
_LARGE = {
    "Σ": Words("the sum", "la somme"),
    "∏": Words("the product", "le produit"),
    "lim": Words("the limit", "la limite"),
    "max": Words("the maximum", "le maximum"),
    "min": Words("the minimum", "le minimum"),
    "argmax": Words("the argument of the maximum", "l’argument du maximum"),
    "argmin": Words("the argument of the minimum", "l’argument du minimum"),
}
_FUNCTIONS = ("exp", "ln", "log", "tanh", "cos", "sin")
"""Words that take what follows: "log of x", also where the formula has no brackets."""

_CALLS = {
    "sqrt": Words("the square root of {}", "la racine carrée de {}"),
    "norm": Words("the norm of {}", "la norme de {}"),
    "abs": Words("the absolute value of {}", "la valeur absolue de {}"),
    "floor": Words("the integer part of {}", "la partie entière de {}"),
    "ceil": Words("the integer above {}", "l’entier au-dessus de {}"),
    "hat": Words("{} hat", "{} chapeau"),
    "tilde": Words("{} tilde", "{} tilde"),
    "bar": Words("{} bar", "{} barre"),
    "overline": Words("{} overlined", "{} surligné"),
    "cal": Words("script {}", "{} rond"),
}


def spoken(source: str, language: str) -> str:
    """The formula in words.

    >>> spoken("sigma'(x) = frac(1, 2)", "en")
    'sigma prime of x equals 1 over 2'
    """
    words = " ".join(_say(parse(source), 0 if language == "en" else 1).split())
    return re.sub(r"(\s*,)+", ",", words).strip(",")


def _say(node: Node, i: int) -> str:
    """The node in the language of this index in `Words`."""
    match node:
        case Sign():
            return _sign(node, i)
        case Row(items):
            return _row(items, i)
        case Group(_, body, _):
            return _bracket(body, i)
        case Script(base, low, high):
            return _script(base, low, high, i)
        case Call("frac", (top, bottom)):
            return _fraction(top, bottom, i)
        case Call("underbrace", (body, label)):
            return f"{_say(body, i)}, {_say(label, i)},"
        case Call("cases", (Lines(rows),)):
            return ("either ", "soit ")[i] + (", or ", ", soit ")[i].join(
                (" where ", " si ")[i].join(_say(cell, i) for cell in row) for row in rows
            )
        case Call("mat", (Lines(rows),)):
            return _matrix(rows, i)
        case Call("abs", (body,)) if _is_set(body):
            return ("the size of {}", "le cardinal de {}")[i].format(_say(body, i))
        case Call(name, (body,)):
            return _CALLS[name][i].format(_say(body, i))
        case Lines(rows):
            return "; ".join(" ".join(_say(cell, i) for cell in row) for row in rows)
    raise AssertionError(node)


def _matrix(rows: tuple[tuple[Node, ...], ...], i: int) -> str:
    start, line, end = (
        ("the matrix", "row", "end of matrix"),
        ("la matrice", "ligne", "fin de matrice"),
    )[i]
    lines = [
        f"{line} {number}: " + ", ".join(_say(cell, i) for cell in row)
        for number, row in enumerate(rows, start=1)
    ]
    return f"{start}, {', '.join(lines)}, {end},"


def _sign(sign: Sign, i: int) -> str:
    if sign.text.isspace():
        return ", " if len(sign.text) > 1 else " "
    known = _LETTERS.get(sign.text) or _RELATIONS.get(sign.text) or _LARGE.get(sign.text)
    return known[i] if known else sign.text


def _bracket(body: Node, i: int) -> str:
    """A group by itself: short ones need no bracket."""
    inside = _say(body, i)
    if len(inside.split()) == 1:
        return inside
    return ("open bracket {}, close bracket", "parenthèse {}, fin de parenthèse")[i].format(inside)


def _row(items: tuple[Node, ...], i: int) -> str:
    words = []
    for place, item in enumerate(items):
        before = items[place - 1] if place else None
        if before == PRODUCT and _is_function(items[place - 2]):
            before = items[place - 2]  # log x, exp (x W)_k
        if isinstance(item, Group) and _takes_arguments(before):
            inside = _say(item.body, i)
            if isinstance(before, Sign) and before.text in ("max", "min"):
                inside = inside.replace(" ,", (" and", " et")[i])
            words.append(("of ", "de ")[i] + inside)
        elif isinstance(item, Script) and isinstance(item.base, Group) and _takes_arguments(before):
            of = Script(item.base.body, item.low, item.high)  # S(x)_i: "S of x sub i"
            words.append(("of ", "de ")[i] + _script(of.base, of.low, of.high, i))
        elif item == PRODUCT and _is_product(items[place - 1], items[place + 1]):
            words.append(_RELATIONS["×"][i])
        elif before is not None and _is_function(before) and is_factor(item):
            words.append(("of ", "de ")[i] + _say(item, i))
        else:
            words.append(_say(item, i))
    return " ".join(words)


def _is_function(node: Node) -> bool:
    return isinstance(node, Sign) and node.text in _FUNCTIONS


def _is_product(before: Node, after: Node) -> bool:
    """Whether "times" is said between two factors, for one is long: η (s + 1), η Σ x, (a + b) c."""
    before, after = (one.base if isinstance(one, Script) else one for one in (before, after))
    if isinstance(before, Sign) and (before.kind in ("word", "text") or before.text in "ΣΠ𝔼"):
        return False
    if isinstance(before, Call) and before.arguments[0] == Sign("∂"):
        return False  # ∂/∂x (f + g)
    if isinstance(after, Group):  # L_i (x, y) is a call: the space ends the index
        return isinstance(after.body, Row) and any(map(_is_sum, after.body.items))
    if isinstance(after, Sign) and after.text in _LARGE:
        return True
    return any(isinstance(one, Group) or _is_fraction(one) for one in (before, after))


def _is_sum(node: Node) -> bool:
    return isinstance(node, Sign) and node.kind == "operator"


def _is_fraction(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "frac"


def _is_set(node: Node) -> bool:
    """Whether the bars around it count: |B|, |𝒟|."""
    letter = node.arguments[0] if isinstance(node, Call) and node.name == "cal" else node
    return isinstance(letter, Sign) and letter.kind == "letter" and letter.text.isupper()


def _takes_arguments(node: Node | None) -> bool:
    """Whether brackets after it are a call: σ(x), S(x), exp(x), L(x, y)."""
    if isinstance(node, Script):
        return _takes_arguments(node.base) or isinstance(node.high, Sign)
    return isinstance(node, Call) or (
        isinstance(node, Sign) and node.kind in ("letter", "word", "bold")
    )


def _script(base: Node, low: Node | None, high: Node | None, i: int) -> str:
    if isinstance(base, Sign) and base.text in _LARGE:
        start = _LARGE[base.text][i]
        if low is not None:
            start += (" over ", " pour ")[i] + _say(low, i)
        if high is not None:
            start += (" up to ", " jusqu’à ")[i] + _say(high, i)
        return start + (" of", " de")[i]
    if isinstance(high, Sign) and high.kind == "prime":
        return f"{_say(base, i)} {'prime ' * len(high.text)}".strip()
    text = _say(base, i)
    if low is not None and base == Sign("1", "bold"):
        condition = low.body if isinstance(low, Group) else low
        return ("the indicator of ", "l’indicatrice de ")[i] + _say(condition, i)
    if low is not None:
        text += (" sub ", " indice ")[i] + _say(low, i)
    if high is None:
        return text
    if high == Sign("2", "number"):
        return text + (" squared", " au carré")[i]
    if isinstance(high, Sign) and high.text in ("ᵀ", "*"):
        return f"{text} {_say(high, i)}"
    of_layer = isinstance(high, Group) or (
        isinstance(base, Sign) and base.kind == "bold"
    )  # oˢ, W⁽²⁾
    power = (" superscript ", " exposant ") if of_layer else (" to the ", " puissance ")
    return text + power[i] + _say(high, i)


def _fraction(top: Node, bottom: Node, i: int) -> str:
    above, below = _say(top, i), _say(bottom, i)
    partial = _LETTERS["∂"][i]
    if below.startswith(partial):
        of, by = above.removeprefix(partial), below.removeprefix(partial)
        start = ("the derivative", "la dérivée")[i]
        start += (" of", " de")[i] + of if of else ""
        return start + (" with respect to", " par rapport à")[i] + by
    if len(above.split()) == len(below.split()) == 1:
        return f"{above} {('over', 'sur')[i]} {below}"
    return (
        "the fraction {} over {}, end of fraction",
        "la fraction {} sur {}, fin de fraction",
    )[i].format(above, below)
