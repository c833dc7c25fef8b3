"""The receptive field: which pixels of the image a value inside a network depends on.

Along one axis, let the value i of a layer see r pixels from a + i j on: r is the size of its field,
j its jump and a its start. A layer whose windows have e pixels, stride s and padding p makes of it

    r′ = r + (e − 1) j,    a′ = a − p j,    j′ = s j,

from r = 1, j = 1, a = 0 at the image. Fields reach into the padding: they are what a value inside a
large image sees. Transposed convolutions with a stride and adaptive poolings have windows that
differ, and no such formula; `pixels_seen` has the exact answer for every value and every layer.

Source: Araujo, Norris & Sim, Computing receptive fields of convolutional neural networks (2019).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from retroprop.calculus.layers import Layer, Window

Span = tuple[int, int] | None
"""The first and the last pixel of the image that a value sees, or None if it sees none."""


class Field(NamedTuple):
    """Along one axis, value i of a layer sees `size` pixels from `start` + i `jump` on."""

    size: int
    jump: int
    start: int


PIXEL = Field(1, 1, 0)
"""What a pixel of the image sees: itself."""


def through(field: Field, window: Window) -> Field:
    """The field after a layer with these windows.

    >>> through(through(PIXEL, Window(8, 2, 0)), Window(5, 5, 0))
    Field(size=16, jump=10, start=0)
    """
    return Field(
        size=field.size + (window.extent - 1) * field.jump,
        jump=window.stride * field.jump,
        start=field.start - window.padding * field.jump,
    )


def pixels_seen(layers: Sequence[Layer], size: int, axis: int = 0) -> list[Span]:
    """For each value of the last layer, the first and the last pixel of the image that it sees.

    Only pixels of the image count, and what the padding inside the network cuts off is cut off
    here; None for a value that sees nothing, such as one in a hole of a transposed convolution.
    """
    spans: list[Span] = [(i, i) for i in range(size)]
    for layer in layers:
        in_order = _in_order(spans)
        spans = [
            _hull(
                [spans[seen[0]], spans[seen[-1]]] if seen and in_order else [spans[i] for i in seen]
            )
            for seen in layer.seen(axis, len(spans))
        ]
    return spans


def _in_order(spans: Sequence[Span]) -> bool:
    """Whether each begins and ends no earlier than the one before, as it nearly always is."""
    return all(
        one is not None and other is not None and one[0] <= other[0] and one[1] <= other[1]
        for one, other in pairwise(spans)
    )


def _hull(spans: Sequence[Span]) -> Span:
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(first for first, _ in known), max(last for _, last in known)
