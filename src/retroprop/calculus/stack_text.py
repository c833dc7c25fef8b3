"""A stack of layers written as text.

    3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1

First the input, channels × height × width (or a number of features), then the layers, each after a
">". Numbers that belong to an option stand right behind its letter; a pair such as k3x5 is (along
the height, along the width). `GRAMMAR` lists the layers and their options.

What cannot be read is refused with the place of the character, and what cannot be computed with the
step that fails and the reason; in both cases a line with a caret points at it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from retroprop.calculus.layers import (
    Activation,
    AdaptivePool,
    BatchNorm,
    Conv,
    Flatten,
    Layer,
    Linear,
    Pair,
    Pool,
    Shape,
    TransposedConv,
    describe,
)
from retroprop.errors import UserError, did_you_mean, in_short

LARGEST = 100_000
"""Of any number in a stack, and of the height and width between its layers."""
MOST_STEPS = 1_000
"""Of a stack."""


class StackError(UserError):
    """A sentence, then the text and a caret under the character that the sentence is about.

    Attributes:
        sentence: The first line.
        position: The index of the character.
    """

    def __init__(self, sentence: str, text: str, position: int) -> None:
        """Point at `position` in `text`."""
        self.sentence, self.position = sentence, position
        first = max(0, position - 60)  # of a long text, what is around the caret
        shown = ("…" if first else "") + text[first : position + 15]
        shown += "…" if position + 15 < len(text) else ""
        caret = " " * (position - first + bool(first)) + "^"
        super().__init__(f"{sentence}\n    {shown}\n    {caret}")


class Step(NamedTuple):
    """One layer of a stack, with its text and where that begins."""

    text: str
    position: int
    layer: Layer


class Stack(NamedTuple):
    """A text that was understood."""

    text: str
    input: Shape
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Kind:
    """How a layer is written.

    Attributes:
        usage: An example, for the help and for refusals.
        make: The layer, from its numbers.
        number: The argument that the number behind the name gives, if there is one.
        called: What that number is, in words.
        needs: Options that cannot be left out.
        pairs: Letters of options that are pairs, with the argument they give.
        numbers: Letters of options that are single numbers.
        words: Words that may follow, with the argument and the value they give.
    """

    usage: str
    make: Callable[..., Layer]
    number: str | None = None
    called: str = ""
    needs: tuple[str, ...] = ()
    pairs: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    words: dict[str, tuple[str, bool]] = field(default_factory=dict)


def _pool(kernel: Pair, stride: Pair | None = None, **options: Pair) -> Pool:
    return Pool(kernel=kernel, stride=kernel if stride is None else stride, **options)  # type: ignore[arg-type]


_WINDOW = {"k": "kernel", "s": "stride", "p": "padding"}
_BIAS = {"nobias": ("bias", False)}
_CEIL = {"ceil": ("ceil", True)}

GRAMMAR: dict[str, Kind] = {
    "conv": Kind(
        "conv 32 k3 s2 p1 d1 g1 nobias",
        Conv,
        "out",
        "the number of channels",
        ("k",),
        {**_WINDOW, "d": "dilation"},
        {"g": "groups"},
        _BIAS,
    ),
    "convT": Kind(
        "convT 32 k4 s2 p1 o0 d1 g1 nobias",
        TransposedConv,
        "out",
        "the number of channels",
        ("k",),
        {**_WINDOW, "d": "dilation", "o": "output_padding"},
        {"g": "groups"},
        _BIAS,
    ),
    "maxpool": Kind(
        "maxpool 3 s2 p1 d1 ceil",
        _pool,
        "kernel",
        "the window",
        (),
        {**_WINDOW, "d": "dilation"},
        {},
        _CEIL,
    ),
    "avgpool": Kind("avgpool 3 s2 p1 ceil", _pool, "kernel", "the window", (), _WINDOW, {}, _CEIL),
    "adaptivemaxpool": Kind("adaptivemaxpool 4x4", AdaptivePool, "size", "the size"),
    "adaptiveavgpool": Kind("adaptiveavgpool 1", AdaptivePool, "size", "the size"),
    "flatten": Kind("flatten", Flatten),
    "linear": Kind("linear 10 nobias", Linear, "out", "the number of units", words=_BIAS),
    "batchnorm": Kind("batchnorm", BatchNorm),
    **{
        name: Kind(name, Activation)
        for name in ("relu", "tanh", "sigmoid", "gelu", "softmax", "dropout")
    },
}
_PAIRED = {"kernel", "size"}  # numbers behind a name that are pairs
_NAMES = {name.lower(): name for name in GRAMMAR}
_SIZES = re.compile(r"(\d+)(?:[x×](\d+))?(?:[x×](\d+))?", re.ASCII | re.IGNORECASE)
_OPTION = re.compile(r"([a-z])(\d+)(?:[x×](\d+))?", re.ASCII | re.IGNORECASE)
_WORD = re.compile(r"\S+")
_SEPARATOR = re.compile(r"->|[>→]")


def parse(text: str) -> Stack:
    """Understand a stack.

    Raises:
        StackError: At the first character that cannot be understood.

    >>> parse("3x32x32 > conv 8 k3 p1").steps[0].layer.shape((3, 32, 32))
    (8, 32, 32)
    """
    text = re.sub(r"\s", " ", text)  # the caret stands under one line
    first, *others = _pieces(text)
    if len(others) > MOST_STEPS:
        raise StackError(
            f"a stack has at most {MOST_STEPS:,} layers, and this one {len(others):,}.", text, 0
        )
    shape = _input(text, *first)
    return Stack(text, shape, tuple(_step(text, *piece) for piece in others))


def parse_sizes(text: str) -> tuple[Shape, Shape]:
    """Two shapes, "3x32x32 > 28x4x4": channels × height × width, height × width, or one size.

    Raises:
        StackError: If this is not what the text is.

    >>> parse_sizes("32 > 4")
    ((32,), (4,))
    """
    text = re.sub(r"\s", " ", text)
    pieces = _pieces(text)
    example = "such as 3x32x32 > 28x4x4"
    if len(pieces) != 2:
        where = pieces[2][0] if len(pieces) > 2 else len(text)
        raise StackError(f"expected an input and an output, {example}.", text, where)
    shapes = []
    for position, words in pieces:
        where, word = words[0] if words else (position, "nothing")
        sizes = _SIZES.fullmatch(word)
        if sizes is None or len(words) > 1:
            where = words[1][0] if sizes else where
            raise StackError(f"expected two shapes, {example}.", text, where)
        shapes.append(tuple(_number(text, where, size, 1) for size in sizes.groups() if size))
    if len(shapes[0]) != len(shapes[1]):
        sides = f"{describe(shapes[0])} and {describe(shapes[1])}"
        raise StackError(
            f"input and output must be written alike, and got {sides}.", text, pieces[1][1][0][0]
        )
    return shapes[0], shapes[1]


Words = list[tuple[int, str]]


def _pieces(text: str) -> list[tuple[int, Words]]:
    """What stands between the separators: where it begins, and its words with their places."""
    pieces: list[tuple[int, Words]] = []
    start = 0
    for separator in [*_SEPARATOR.finditer(text), None]:
        stop = len(text) if separator is None else separator.start()
        words = [(word.start(), word.group()) for word in _WORD.finditer(text, start, stop)]
        pieces.append((start, words))
        start = stop if separator is None else separator.end()
    return pieces


def _input(text: str, position: int, words: Words) -> Shape:
    if not words:
        raise StackError("a stack begins with its input, such as 3x32x32.", text, position)
    where, word = words[0]
    sizes = _SIZES.fullmatch(word)
    if sizes is None or (sizes[2] and not sizes[3]):
        raise StackError(
            "expected the input first, channels × height × width such as 3x32x32 (or a number of "
            f"features), and got {in_short(word)}.",
            text,
            where,
        )
    if len(words) > 1:
        raise StackError(
            f"expected '>' between the input and the first layer, and got {in_short(words[1][1])}.",
            text,
            words[1][0],
        )
    return tuple(_number(text, where, size, 1) for size in sizes.groups() if size)


def _step(text: str, position: int, words: Words) -> Step:
    if not words:
        raise StackError("expected a layer after '>', such as conv 32 k3.", text, position)
    where, word = words[0]
    name = _NAMES.get(word.lower())
    if name is None:
        raise StackError(
            f"there is no layer {in_short(word)}. {did_you_mean(word, GRAMMAR)}", text, where
        )
    kind = GRAMMAR[name]
    arguments = _arguments(text, kind, words)
    end = words[-1][0] + len(words[-1][1])
    return Step(text[where:end], where, kind.make(**arguments))


def _arguments(text: str, kind: Kind, words: Words) -> dict[str, object]:
    """The arguments that the words behind the name of a layer give."""
    arguments: dict[str, object] = {}
    for where, word in words[1:]:
        argument, value = _argument(text, kind, where, word)
        if argument in arguments:
            again = kind.called if argument == kind.number else f"the {argument}"
            hint = f"; a kernel is written k{word[:20]}" if argument == kind.number == "out" else ""
            raise StackError(f"{in_short(word)} gives {again} a second time{hint}.", text, where)
        arguments[argument] = value
    end = words[-1][0] + len(words[-1][1])
    missing = [
        f"the {kind.pairs[letter]} ({letter}3)"
        for letter in kind.needs
        if kind.pairs[letter] not in arguments
    ]
    if kind.number is not None and kind.number not in arguments:
        missing.insert(0, kind.called)
    if missing:
        raise StackError(
            f"{words[0][1]} lacks {' and '.join(missing)}; write for example {kind.usage}.",
            text,
            end,
        )
    return arguments


def _argument(text: str, kind: Kind, where: int, word: str) -> tuple[str, object]:
    """The argument that one word gives."""
    if word.lower() in kind.words:
        return kind.words[word.lower()]
    sizes, option = _SIZES.fullmatch(word), _OPTION.fullmatch(word)
    if sizes and kind.number and not sizes[3]:
        paired = kind.number in _PAIRED
        if sizes[2] and not paired:
            hint = f"; a kernel is written k{word[:20]}" if kind.needs else ""
            raise StackError(f"expected one number, and got {in_short(word)}{hint}.", text, where)
        pair = tuple(_number(text, where, size, 1) for size in (sizes[1], sizes[2] or sizes[1]))
        return kind.number, pair if paired else pair[0]
    letter = option[1].lower() if option else ""
    least = 0 if letter in "po" else 1
    if option and letter in kind.pairs:
        pair = (option[2], option[3] or option[2])
        return kind.pairs[letter], tuple(_number(text, where + 1, one, least) for one in pair)
    if option and letter in kind.numbers and not option[3]:
        return kind.numbers[letter], _number(text, where + 1, option[2], 1)
    raise StackError(
        f"{in_short(word)} says nothing here; this layer is written like {kind.usage!r}.",
        text,
        where,
    )


def _number(text: str, where: int, digits: str, least: int) -> int:
    number = int(digits) if len(digits) < 20 else LARGEST + 1
    if not least <= number <= LARGEST:
        raise StackError(
            f"expected a number from {least} to {LARGEST:,}, and got {digits[:20]}.", text, where
        )
    return number
