"""What every form of a formula must know of the space around and inside of its parts."""

from collections.abc import Sequence
from typing import Literal

from retroprop.mathematics.notation import Call, Group, Lines, Node, Row, Script, Sign

LARGE = {"Σ", "∏", "lim", "max", "min", "arg", "argmax", "argmin"}
"""Signs whose scripts stand below and above them."""


def is_binary(items: Sequence[Node], place: int) -> bool:
    """Whether the operator at this place of a row stands between two things: a − b, but f = −x."""
    if place == 0:
        return False
    before = items[place - 1]
    return not (isinstance(before, Sign) and before.kind in ("relation", "operator", "mark"))


def product_gap(items: Sequence[Node], place: int) -> Literal["", "thin", "word"]:
    """How the space at this place of a row is seen: not in x y, thin in y ln x, wide in x if y."""

    def kind(at: int) -> str:
        node = items[at] if 0 <= at < len(items) else None
        base = node.base if isinstance(node, Script) else node
        return base.kind if isinstance(base, Sign) else ""

    kinds = (kind(place - 1), kind(place + 1))
    return "word" if "text" in kinds else "thin" if "word" in kinds else ""


def is_tall(node: Node) -> bool:
    """Whether brackets around it must grow: a fraction, a sum, a matrix."""
    match node:
        case Sign(text):
            return text in ("Σ", "∏")
        case Row(items):
            return any(map(is_tall, items))
        case Group(_, body, _):
            return is_tall(body)
        case Script(base, low, high):
            return is_tall(base) or isinstance(low, Call) or isinstance(high, Call)
        case Call(name, arguments):
            return name in ("frac", "underbrace", "cases", "mat") or any(map(is_tall, arguments))
        case Lines():
            return True


def with_prime(script: Script) -> Script:
    """The same script with the prime of its base moved into its height: f′ᵢ as one script."""
    inner = script.base
    if not (isinstance(inner, Script) and inner.low is None and isinstance(inner.high, Sign)):
        return script
    if inner.high.kind != "prime":
        return script
    high = inner.high if script.high is None else Row((inner.high, script.high))
    return Script(inner.base, script.low, high)
