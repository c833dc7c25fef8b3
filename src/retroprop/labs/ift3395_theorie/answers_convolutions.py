"""The sheet, question 3: sizes and weights of a convolutional network, and all layers that fit."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from retroprop.calculus.convolution_arithmetic import (
    Convolution,
    extent,
    output_size,
    solve_convolution,
)
from retroprop.labs.ift3395_theorie.code_lines import CodeLine
from retroprop.labs.ift3395_theorie.proved_question import Check, Proof, ProvedQuestion, Step
from retroprop.labs.ift3395_theorie.sympy_expressions import Expr, sp
from retroprop.languages import say_later

INPUT, OUTPUT = 32, 4
"""Pixels along an axis before and after the layer of 3 (c) to (e)."""

TORCH_LAYERS = say_later("torch’s layers, run")
EVERY_STRIDE = say_later("for every kernel that fits and $s <= 32$, one by one")
EVERY_LAYER = say_later("torch’s convolution with every k and s up to 40")

WINDOWS = CodeLine(
    "calculus.convolution_arithmetic",
    "_windows",
    "windows = (size + 2 * padding + beyond - extent(kernel, dilation)) // stride + 1",
)


def _nothing(g: Generator) -> tuple[()]:
    """No random input: the question has its numbers."""
    return ()


def _size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> Expr:
    """⌊(n + 2p − d (k − 1) − 1) / s⌋ + 1, by SymPy."""
    return sp.floor(sp.Rational(n + 2 * p - d * (k - 1) - 1, s)) + 1


def _stack_sizes(last_padding: int = 1) -> list[Expr]:
    """Pixels after each of the three layers of 3 (a)."""
    first = _size(128, 8, s=2)
    pooled = _size(int(first), 5, s=5)
    return [first, pooled, _size(int(pooled), 4, p=last_padding)]


def _torch_stack() -> Tensor:
    """The output of the network of 3 (a), by torch."""
    layers = nn.Sequential(
        nn.Conv2d(3, 32, 8, stride=2), nn.MaxPool2d(5), nn.Conv2d(32, 128, 4, padding=1)
    )
    with torch.no_grad():
        return layers(torch.zeros(1, 3, 128, 128))[0]


def _whole(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _our_stack(last_padding: int = 1) -> Tensor:
    """Channels, height, width and values of the same, by `output_size`."""
    side = output_size(output_size(output_size(128, 8, 2), 5, 5), 4, 1, last_padding)
    return _whole(128, side, side, 128 * side * side)


# -- all layers from 32 to 4 pixels ------------------------------------------------------------


def solutions(padding: int, dilation: int, stride: int | None = None) -> list[Convolution]:
    """All convolutions of 3 (c), (d) or (e)."""
    return solve_convolution(INPUT, OUTPUT, padding=padding, dilation=dilation, stride=stride)


def _as_table(found: list[Convolution]) -> Tensor:
    """One row (k, s) for each solution, in order."""
    return torch.tensor([one[:2] for one in found], dtype=torch.float64)


def _by_torch(padding: int, dilation: int, stride: int | None = None) -> Tensor:
    """The rows (k, s) with which torch's convolution makes 28×4×4 of 3×32×32."""
    image = torch.empty(1, 3, INPUT, INPUT, device="meta")  # shapes alone: nothing is computed
    rows = []
    for k in range(1, 41):
        if extent(k, dilation) > INPUT + 2 * padding:
            continue
        weight = torch.empty(28, 3, k, k, device="meta")
        for s in range(1, 41) if stride is None else (stride,):
            z = F.conv2d(image, weight, stride=s, padding=padding, dilation=dilation)
            if z.shape[1:] == (28, OUTPUT, OUTPUT):
                rows.append((k, s))
    return torch.tensor(rows, dtype=torch.float64)


def _equivalence(
    padding: int, dilation: int, strides: range, *, wrong: bool = False
) -> list[tuple[Expr, Expr]]:
    """Whether the output has 4 pixels, beside 3s ≤ u < 4s, for every kernel that fits.

    u = n + 2p − d (k − 1) − 1 is the room in which the window moves. The false variant has
    3s < u ≤ 4s.
    """
    pairs = []
    for k in range(1, INPUT + 2 * padding + 1):
        room = INPUT + 2 * padding - dilation * (k - 1) - 1
        for s in strides if room >= 0 else ():
            fits = _size(INPUT, k, s, padding, dilation) == OUTPUT
            within = 3 * s < room <= 4 * s if wrong else 3 * s <= room < 4 * s
            pairs.append((sp.Integer(fits), sp.Integer(within)))
    return pairs


def _check(claim: str, **fixed: int) -> Check:
    return Check(
        claim=claim,
        against=EVERY_LAYER,
        draw=_nothing,
        claimed=lambda: _as_table(solutions(**fixed)),
        oracle=lambda: _by_torch(**fixed),
        wrong=lambda: _as_table(solutions(**fixed)) - 1,
        tolerance=0.0,
        rounds=1,
    )


def _proof(
    claim: str, false: str, strides: range, *, scope: str, count: int, padding: int, dilation: int
) -> Proof:
    """The equivalence, and how many layers it lets through."""

    def sides(wrong: bool) -> list[tuple[Expr, Expr]]:
        pairs = _equivalence(padding, dilation, strides, wrong=wrong)
        return [*pairs, (sp.Add(*(within for _, within in pairs)), sp.Integer(count))]

    return Proof(
        claim=claim, scope=scope, sides=lambda: sides(False), false=false, wrong=lambda: sides(True)
    )


SIZE = ProvedQuestion(
    name="3a",
    points=3,
    title="The output of the last layer",
    task="$3 times 128 times 128$ → 32 kernels $8 times 8$, stride 2 → max-pool $5 times 5$ "
    "without overlap → 128 kernels $4 times 4$, stride 1, padding 1. How many values come out?",
    answer="128 times 11 times 11 = 15488",
    steps=(
        Step(
            "A window of $k$ pixels begins every $s$ pixels of an input of $n$ pixels with $p$ "
            "zeros on each side. Window $t = 0, 1, 2, dots$ ends inside if",
            "t s + k <= n + 2 p quad => quad n' = floor(frac(n + 2 p - k, s)) + 1",
        ),
        Step("First layer, 32 channels:", "floor(frac(128 - 8, 2)) + 1 = 61"),
        Step(
            "Pooling without overlap has a stride of 5, and the last pixel is left over:",
            "floor(frac(61 - 5, 5)) + 1 = 12",
        ),
        Step("Third layer, 128 channels:", "floor(frac(12 + 2 - 4, 1)) + 1 = 11"),
        Step("so $128 times 11 times 11$ values:", "128 times 11 times 11 = 15488"),
    ),
    proofs=(
        Proof(
            claim="n' = 61, 12, 11, quad 128 times 11 times 11 = 15488",
            scope="exact integer arithmetic",
            sides=lambda: [
                *zip(_stack_sizes(), map(sp.Integer, (61, 12, 11)), strict=True),
                (128 * _stack_sizes()[-1] ** 2, sp.Integer(15488)),
            ],
            false='n\' = 61, 12, 9 quad "(without the padding)"',
            wrong=lambda: [*zip(_stack_sizes(0), map(sp.Integer, (61, 12, 11)), strict=True)],
        ),
    ),
    checks=(
        Check(
            claim="128 × 11 × 11 = 15,488",
            against=TORCH_LAYERS,
            draw=_nothing,
            claimed=_our_stack,
            oracle=lambda: _whole(*_torch_stack().shape, _torch_stack().numel()),
            wrong=lambda: _our_stack(0),
            tolerance=0.0,
            rounds=1,
        ),
    ),
    code=(WINDOWS,),
)

WEIGHTS = ProvedQuestion(
    name="3b",
    points=2,
    title="The weights of the last layer",
    task="Without the biases, how many parameters does the last layer need?",
    answer="128 times 32 times 4 times 4 = 65536",
    steps=(
        Step(
            "Each of the 128 kernels spans all 32 channels that come in, with $4 times 4$ weights "
            "for each:",
            "128 times 32 times 4 times 4 = 2^7 2^5 2^4 = 2^16 = 65536",
        ),
    ),
    remark="Neither the size of the image nor stride and padding matter: the weights are shared by "
    "all windows.",
    proofs=(
        Proof(
            claim="128 times 32 times 4 times 4 = 2^16 = 65536",
            scope="exact integer arithmetic",
            sides=lambda: [
                (sp.Integer(128) * 32 * 4 * 4, sp.Integer(65536)),
                (sp.Integer(2) ** 16, sp.Integer(65536)),
            ],
            false='128 times 3 times 4 times 4 = 65536 quad "(the channels of the image)"',
            wrong=lambda: [(sp.Integer(128) * 3 * 4 * 4, sp.Integer(65536))],
        ),
    ),
    checks=(
        Check(
            claim="128 × 32 × 4 × 4",
            against="the weight of torch’s layer",
            draw=_nothing,
            claimed=lambda: _whole(128 * 32 * 4 * 4),
            oracle=lambda: _whole(nn.Conv2d(32, 128, 4, padding=1, bias=False).weight.numel()),
            wrong=lambda: _whole(128 * 3 * 4 * 4),
            tolerance=0.0,
            rounds=1,
        ),
    ),
)

_ROOM = Step(
    "With the room $u = n + 2 p - d (k - 1) - 1$ in which a window can move, four windows fit if "
    "and only if",
    "floor(frac(u, s)) + 1 = 4 quad iff quad 3 s <= u < 4 s",
)

NO_PADDING = ProvedQuestion(
    name="3c",
    points=2,
    bonus=True,
    title="From 32 to 4 pixels, plain",
    task="From $3 times 32 times 32$ to $(28, 4, 4)$ by one convolution, without padding or "
    "dilation: give $k, s, p, d$.",
    answer="k = 8, quad s = 8, quad p = 0, quad d = 1",
    hypotheses="$p = 0$ and $d = 1$",
    steps=(
        _ROOM,
        Step("Here $u = 32 - k$, so", "32 - 4 s < k <= 32 - 3 s"),
        Step(
            "The neatest solution tiles the image without overlap or rest: $k = s = 8$.",
            "floor(frac(32 - 8, 8)) + 1 = 4",
        ),
        Step(
            "It is one of 43: $s$ kernels for each stride $s = 1, dots, 8$ (36 in all), 5 for $s = "
            "9$ and 2 for $s = 10$. The 28 kernels give the 28 channels."
        ),
    ),
    proofs=(
        _proof(
            "floor(frac(32 - k, s)) + 1 = 4 quad iff quad 3 s <= 32 - k < 4 s",
            "floor(frac(32 - k, s)) + 1 = 4 quad iff quad 3 s < 32 - k <= 4 s",
            range(1, 33),
            scope=EVERY_STRIDE,
            count=43,
            padding=0,
            dilation=1,
        ),
    ),
    checks=(_check(say_later("the solver’s solutions: 43 pairs (k, s)"), padding=0, dilation=1),),
    code=(WINDOWS,),
)

DILATED = ProvedQuestion(
    name="3d",
    points=2,
    bonus=True,
    title="From 32 to 4 pixels, dilated",
    task="The same with $d = 2$ and $p = 2$.",
    answer="k = 5, quad s = 9, quad p = 2, quad d = 2",
    hypotheses="$p = 2$ and $d = 2$",
    steps=(
        Step(
            "A kernel of $k$ elements with dilation 2 spans $2 (k - 1) + 1 = 2 k - 1$ pixels, and "
            "the padded image has 36. So the room is $u = 37 - 2 k$, and",
            "3 s <= 37 - 2 k < 4 s",
        ),
        Step(
            "With $k = 5$ the room is 27, and a stride of 9 uses all of it:",
            "floor(frac(36 - 9, 9)) + 1 = 4",
        ),
    ),
    remark="There are 30 solutions in all; $k = 3, s = 8$ is another one.",
    proofs=(
        _proof(
            "floor(frac(37 - 2 k, s)) + 1 = 4 quad iff quad 3 s <= 37 - 2 k < 4 s",
            "floor(frac(37 - 2 k, s)) + 1 = 4 quad iff quad 3 s < 37 - 2 k <= 4 s",
            range(1, 33),
            scope=EVERY_STRIDE,
            count=30,
            padding=2,
            dilation=2,
        ),
    ),
    checks=(_check(say_later("the solver’s solutions: 30 pairs (k, s)"), padding=2, dilation=2),),
    code=(WINDOWS,),
)

STRIDED = ProvedQuestion(
    name="3e",
    points=2,
    bonus=True,
    title="From 32 to 4 pixels, stride 2",
    task="The same with $p = 1$, $d = 1$ and $s = 2$.",
    answer='k = 27 "or" k = 28',
    hypotheses="$p = 1$, $d = 1$ and $s = 2$",
    steps=(
        Step(
            "The padded image has 34 pixels, so the room is $u = 34 - k$, and",
            "6 <= 34 - k < 8 quad iff quad 26 < k <= 28",
        ),
        Step(
            "Two kernels do it, and no other: $k = 28$ uses the whole image, $k = 27$ leaves one "
            "pixel.",
            "floor(frac(34 - 27, 2)) + 1 = floor(frac(34 - 28, 2)) + 1 = 4",
        ),
    ),
    proofs=(
        _proof(
            "floor(frac(34 - k, 2)) + 1 = 4 quad iff quad k in {27, 28}",
            "floor(frac(34 - k, 2)) + 1 = 4 quad iff quad k in {26, 27}",
            range(2, 3),
            scope=say_later("for every kernel that fits and $s = 2$, one by one"),
            count=2,
            padding=1,
            dilation=1,
        ),
    ),
    checks=(
        _check(say_later("the solver’s solutions: k = 27 and 28"), padding=1, dilation=1, stride=2),
    ),
    code=(WINDOWS,),
)

QUESTIONS = (SIZE, WEIGHTS, NO_PADDING, DILATED, STRIDED)
