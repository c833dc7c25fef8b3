r"""Formulas, written once as typst mathematics, as trees that can be drawn, said and converted.

A PDF takes the source text as it is. For everything else it is parsed here. This is the part of
typst's notation that our texts use, and nothing else is accepted:

    letters, numbers, ( ) [ ] { }, = < > <= >= != ~ + - * , ; : ! ' | -> <- => ... "words"
    slash       a division on the line; typst makes a fraction of /, which is frac(a, b) here
    names       sigma, partial, sum, times, …: those of SYMBOLS; exp, softplus, …: those of WORDS
    bold        bx, bW, bone: the letter after b; bone is a bold 1
    scripts     x_i, x_(i j)^2, W^((1)): a group in brackets loses them, as in typst
    calls       frac(a, b), sqrt(a), norm(a), abs(a), floor(a), ceil(a), cal(L), underbrace(a, b)
                hat(a), tilde(a), bar(a), overline(a b): signs above
                cases(a & x > 0, b & x < 0): alternatives, aligned; mat(a, b; c, d): a matrix
    lines       a &= b \ &= c: new lines after \, aligned at &

Source of the notation: the typst reference, "Math".
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from retroprop.errors import in_short

LONGEST = 10_000
"""Characters of a formula."""
DEEPEST = 30
"""Brackets inside one another: each is a call of the parser."""

SYMBOLS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η"},
    **{"theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ"},
    **{"phi": "φ", "omega": "ω", "Delta": "Δ", "Phi": "Φ"},
    **{"prod": "∏", "prop": "∝"},
    **{"partial": "∂", "nabla": "∇", "infinity": "∞", "ell": "ℓ", "dots": "…"},
    **{"sum": "Σ", "times": "×", "dot": "·", "circle": "⊙", "top": "ᵀ", "in": "∈", "forall": "∀"},
    **{"RR": "ℝ", "NN": "ℕ", "EE": "𝔼", "approx": "≈", "iff": "⇔", "quad": "   ", "space": " "},
    **{"subset": "⊂", "minus": "−", "slash": "/", "after": "∘"},
}
"""Names that stand for one sign."""

WORDS = {
    *("exp", "ln", "log", "max", "min", "lim", "arg", "MSE", "CE"),
    *("sign", "rect", "tanh", "softplus", "softmax", "onehot", "diag", "cos", "sin"),
    *("ReLU", "GELU", "BN", "LN", "pool", "argmax", "argmin", "Pr", "do"),
}
"""Names that are set as they are, upright."""

CALLS = {
    **dict.fromkeys(("sqrt", "norm", "abs", "floor", "ceil", "cal"), 1),
    **dict.fromkeys(("hat", "tilde", "bar", "overline"), 1),
    **dict.fromkeys(("frac", "underbrace"), 2),
    **dict.fromkeys(("cases", "mat"), None),
}
"""Names that take arguments, and how many; None for any number."""

RELATIONS = {
    **{"=": "=", "<": "<", ">": ">", "<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "=>": "⇒"},
    **{"<-": "←", "~": "∼", "∝": "∝", "∈": "∈", "⇔": "⇔", "≈": "≈", "⊂": "⊂"},
}
OPERATORS = {"+": "+", "-": "−", "×": "×", "·": "·", "⊙": "⊙", "∘": "∘"}

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"[^"\\]*")|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z]+)'
    r"|(?P<sign><=|>=|!=|<-|->|=>|\.\.\.|[-+=<>~(){}\[\],;:!'|_^&*]))"
)


@dataclass(frozen=True)
class Sign:
    """One character or word. `kind` is letter, bold, word, text, number, relation or operator."""

    text: str
    kind: str = "letter"


@dataclass(frozen=True)
class Row:
    """One after the other."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Group:
    """Between brackets."""

    opening: str
    body: "Node"
    closing: str


@dataclass(frozen=True)
class Script:
    """A base with what stands low and high at its right, or below and above a sum."""

    base: "Node"
    low: "Node | None"
    high: "Node | None"


@dataclass(frozen=True)
class Call:
    """`frac(a, b)` and the like."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Lines:
    """Lines of cells; the cells of a column are aligned."""

    rows: tuple[tuple["Node", ...], ...]


Node = Sign | Row | Group | Script | Call | Lines

STAR = Sign("*", "mark")  # θ*, X_(* c)
CONVOLVED = Sign("∗", "operator")  # a star between two things: W ∗ x
PRODUCT = Sign(" ", "space")  # two factors with a space between them


def parse(source: str) -> Node:
    r"""The tree of a formula.

    Raises:
        ValueError: If it holds anything but the notation of this module, or is longer or nested
            deeper than a formula is.

    >>> parse("x_i")
    Script(base=Sign(text='x', kind='letter'), low=Sign(text='i', kind='letter'), high=None)
    """
    brackets = list(itertools.accumulate((c in "([{") - (c in ")]}") for c in source))
    if len(source) > LONGEST or max(brackets, default=0) > DEEPEST:
        raise ValueError(
            f"the formula {in_short(source)} has more than {LONGEST:,} characters, or {DEEPEST} "
            "brackets inside one another"
        )
    rows = [
        tuple(_Parser(cell, source).whole() for cell in _split(line, "&"))
        for line in _split(source, "\\")
    ]
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else Lines(tuple(rows))


def _split(source: str, mark: str) -> list[str]:
    """Cut at a mark that stands outside of quotes and brackets."""
    parts = [""]
    depth = 0
    for piece in re.split(r'("[^"]*"|[()&\\])', source):
        depth += (piece == "(") - (piece == ")")
        if piece == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _tokens(source: str) -> Iterator[tuple[str, str, bool]]:
    """Kind and text of each token, and whether a space stands before it."""
    place = 0
    while source[place:].strip():
        found = _TOKEN.match(source, place)
        if found is None:
            raise ValueError(
                f"cannot read {in_short(source[place:])} of the formula {in_short(source)}"
            )
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup], found.start(found.lastgroup) > place
        place = found.end()


def _kind(sign: str) -> str:
    """What a sign of SYMBOLS is."""
    if sign in RELATIONS:
        return "relation"
    if sign in OPERATORS:
        return "operator"
    if sign == "/":
        return "mark"
    return "letter" if sign.strip() else "space"


def _is_word(node: Node) -> bool:
    base = node.base if isinstance(node, Script) else node
    return isinstance(base, Sign) and base.kind == "word"


def is_factor(node: Node) -> bool:
    """Whether it can stand in a product."""
    return not (
        isinstance(node, Sign)
        and (node.kind in ("relation", "operator", "mark", "space") or node.text in "∂∇")
    )


class _Parser:
    """Recursive descent over the tokens of one cell."""

    def __init__(self, cell: str, source: str) -> None:
        self.tokens = list(_tokens(cell))
        self.source = source
        self.place = 0

    def whole(self) -> Node:
        row = self.row(frozenset())
        if self.place < len(self.tokens):
            raise ValueError(
                f"unexpected {in_short(self.peek())} in the formula {in_short(self.source)}"
            )
        return row

    def peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def take(self, expected: str = "") -> tuple[str, str]:
        if self.place == len(self.tokens) or expected not in ("", self.peek()):
            raise ValueError(
                f"expected {expected or 'more'} in the formula {in_short(self.source)}"
            )
        self.place += 1
        return self.tokens[self.place - 1][:2]

    def row(self, ends: frozenset[str]) -> Node:
        items: list[Node] = []
        while self.place < len(self.tokens) and self.peek() not in ends | {")", "]", "}"}:
            spaced = self.tokens[self.place][2]
            item = self.scripted()
            if item == STAR and items and self.peek() not in ends | {")", "]", "}", ""}:
                item = CONVOLVED
            call = isinstance(item, Group) and bool(items) and _is_word(items[-1])
            if spaced and items and not call and is_factor(items[-1]) and is_factor(item):
                items.append(PRODUCT)  # σ(x) (1 − σ(x)), not a call
            items.append(item)
        return items[0] if len(items) == 1 else Row(tuple(items))

    def scripted(self) -> Node:
        base = self.atom()
        primes = 0
        while self.peek() == "'":
            self.take()
            primes += 1
        low = high = None
        while self.peek() in ("_", "^"):
            _, mark = self.take()
            operand = self.atom()
            if isinstance(operand, Group) and operand.opening == "(":
                operand = operand.body
            if mark == "_":
                low = operand
            else:
                high = operand
        if primes:
            base = Script(base, None, Sign("′" * primes, "prime"))
        return Script(base, low, high) if low or high else base

    def atom(self) -> Node:
        kind, text = self.take()
        if kind == "text":
            return Sign(text[1:-1], "text")
        if kind == "number":
            return Sign(text, "number")
        if kind == "name":
            return self.name(text)
        if text in "([{":
            closing = {"(": ")", "[": "]", "{": "}"}[text]
            body = self.row(frozenset())
            self.take(closing)
            return Group(text, body, closing)
        if text in RELATIONS:
            return Sign(RELATIONS[text], "relation")
        if text in OPERATORS:
            return Sign(OPERATORS[text], "operator")
        if text in ",;:!|*...":
            return Sign({"...": "…"}.get(text, text), "mark")
        raise ValueError(f"unexpected {text!r} in the formula {in_short(self.source)}")

    def name(self, text: str) -> Node:
        if text in CALLS and self.peek() == "(":
            return self.call(text)
        if text in SYMBOLS:
            return Sign(SYMBOLS[text], _kind(SYMBOLS[text]))
        if text in WORDS:
            return Sign(text, "word")
        if len(text) == 1:
            return Sign(text)
        if text == "bone":
            return Sign("1", "bold")
        if len(text) == 2 and text[0] == "b":
            return Sign(text[1], "bold")
        raise ValueError(f"unknown name {in_short(text)} in the formula {in_short(self.source)}")

    def call(self, name: str) -> Node:
        self.take("(")
        if name == "mat":
            return Call(name, (self.cells(",", ";"),))
        if name == "cases":
            return Call(name, (self.cells("&", ","),))
        arguments = [self.row(frozenset(","))]
        while self.peek() == ",":
            self.take()
            arguments.append(self.row(frozenset(",")))
        self.take(")")
        if CALLS[name] not in (None, len(arguments)):
            raise ValueError(f"{name} takes {CALLS[name]} arguments in {in_short(self.source)}")
        return Call(name, tuple(arguments))

    def cells(self, between: str, after: str) -> Lines:
        """Rows of as many cells each, to the closing bracket; the marks end a cell and a row."""
        ends = frozenset((between, after))
        rows: list[list[Node]] = [[self.row(ends)]]
        while (mark := self.peek()) in ends:
            self.take()
            cell = self.row(ends)
            if mark == between:
                rows[-1].append(cell)
            else:
                rows.append([cell])
        self.take(")")
        if len({len(row) for row in rows}) > 1:
            raise ValueError(f"the rows differ in length in the formula {in_short(self.source)}")
        return Lines(tuple(map(tuple, rows)))
