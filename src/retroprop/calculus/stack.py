"""What is known of a stack of layers: shapes, values, parameters, multiply-adds, receptive fields.

    3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1

How a stack is written: `stack_text`. What each layer makes of a shape: `layers`.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from retroprop.calculus.layers import Flatten, Layer, Linear, Pair, Shape, Window, describe
from retroprop.calculus.receptive_field import PIXEL, Field, pixels_seen, through
from retroprop.calculus.stack_text import LARGEST, Stack, StackError, parse
from retroprop.errors import UserError

MOST_PIXELS = 50_000
"""Along an axis, of all steps together, that are followed one by one where no formula holds."""


class Row(NamedTuple):
    """What is known of a stack after one of its steps, the input being the first.

    Attributes:
        text: The step as it was written.
        shape: What comes out.
        weights: Parameters of this step without the biases.
        biases: Its biases.
        multiply_adds: Of this step, for one example.
        fields: (along the height, along the width); None where the windows differ, and where each
            value sees everything.
        sees: The largest number of pixels (height, width) that a value sees: of the image alone
            where `fields` is None; None where they are too many to be followed.
    """

    text: str
    shape: Shape
    weights: int
    biases: int
    multiply_adds: int
    fields: tuple[Field, Field] | None
    sees: Pair | None

    @property
    def values(self) -> int:
        """Numbers that come out."""
        return prod(self.shape)


def measure(stack: Stack | str) -> list[Row]:
    """The input and each step: shapes, parameters, multiply-adds, receptive fields.

    Raises:
        StackError: If the text cannot be understood, or a step cannot take what comes to it.

    >>> rows = measure("3x128x128 > conv 32 k8 s2 > maxpool 5 > conv 128 k4 p1")
    >>> [row.shape for row in rows]
    [(3, 128, 128), (32, 61, 61), (32, 12, 12), (128, 11, 11)]
    >>> rows[-1].values, rows[-1].weights, rows[-1].sees
    (15488, 65536, (46, 46))
    """
    stack = parse(stack) if isinstance(stack, str) else stack
    shape = stack.input
    image = len(shape) == 3
    fields = (PIXEL, PIXEL) if image else None
    rows = [Row(describe(shape), shape, 0, 0, 0, fields, (1, 1) if image else None)]
    for number, step in enumerate(stack.steps, start=1):
        try:
            after = step.layer.shape(shape)
            if len(after) == 3 and max(after[1:]) > LARGEST:
                raise UserError(f"it makes {describe(after)}, and a side has {LARGEST:,} at most.")
        except UserError as error:
            raise StackError(
                f"step {number}, {step.text}: {error}", stack.text, step.position
            ) from None
        fields, sees = _sight(stack, number, rows)
        weights, biases = step.layer.parameters(shape)
        additions = step.layer.multiply_adds(shape)
        rows.append(Row(step.text, after, weights, biases, additions, fields, sees))
        shape = after
    return rows


def _sight(
    stack: Stack, number: int, rows: Sequence[Row]
) -> tuple[tuple[Field, Field] | None, Pair | None]:
    """The fields after this step, or None, and how many pixels a value sees at most."""
    layer, before = stack.steps[number - 1].layer, rows[-1]
    if len(stack.input) == 1:
        return None, None
    if isinstance(layer, Linear):
        return None, (stack.input[1], stack.input[2])
    if len(before.shape) == 1 or isinstance(layer, Flatten):
        return before.fields, before.sees
    windows = [layer.window(axis, before.shape[axis + 1]) for axis in (0, 1)]
    if before.fields is not None and all(windows):
        one, two = (
            through(field, window)
            for field, window in zip(before.fields, windows, strict=True)
            if isinstance(window, Window)
        )
        return (one, two), (one.size, two.size)
    if number * max(max(row.shape[1:], default=0) for row in rows) > MOST_PIXELS:
        return None, None
    layers = [step.layer for step in stack.steps[:number]]
    return None, (_largest(layers, stack.input[1], 0), _largest(layers, stack.input[2], 1))


def _largest(layers: Sequence[Layer], size: int, axis: int) -> int:
    spans = pixels_seen(layers, size, axis)
    return max((last - first + 1 for first, last in filter(None, spans)), default=0)
