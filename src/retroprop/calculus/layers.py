"""The arithmetic of one layer: the shape it makes, parameters, multiply-adds, what it sees.

A layer takes a shape and says what it makes of it. A shape is (channels, height, width), or
(features,) after `Flatten`. Layers with windows also say which pixels of their input each pixel of
their output sees, and, where the windows are all alike, the `Window` that describes them.

Counted is one example. The multiply-adds are those of convolutions and linear layers, as all
counters of FLOPs have them: each element of a kernel times each window, zeros of the padding
included, additions of biases and comparisons of poolings left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import NamedTuple

from retroprop.calculus.convolution_arithmetic import (
    check,
    extent,
    output_size,
    pooled_size,
    transposed_size,
)
from retroprop.errors import UserError

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Window(NamedTuple):
    """Windows that are all alike: `extent` pixels, every `stride`, the first at −`padding`."""

    extent: int
    stride: int
    padding: int


class Layer:
    """Keeps the shape and has no parameters, as an activation does; the base of the others."""

    def shape(self, shape: Shape) -> Shape:
        """The shape that comes out.

        Raises:
            UserError: If the layer cannot take this shape.
        """
        return shape

    def parameters(self, shape: Shape) -> Pair:
        """(weights, biases), for an input of this shape."""
        return 0, 0

    def multiply_adds(self, shape: Shape) -> int:
        """Products that are added up, for one example of this shape."""
        return 0

    def window(self, axis: int, size: int) -> Window | None:
        """The windows along an axis (0 the height) of `size` pixels; None where they differ."""
        return Window(1, 1, 0)

    def seen(self, axis: int, size: int) -> list[Sequence[int]]:
        """For each pixel of the output along an axis, the pixels of the input that it sees."""
        return [range(i, i + 1) for i in range(size)]


class Activation(Layer):
    """A function of each value: its shape stays."""


class BatchNorm(Layer):
    """y = γ x̂ + β, with one γ and one β per channel (or per feature)."""

    def parameters(self, shape: Shape) -> Pair:
        """γ counts as weights, β as biases."""
        return shape[0], shape[0]


@dataclass(frozen=True, kw_only=True)
class Windowed(Layer):
    """A layer with windows; each pair is (along the height, along the width)."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def window(self, axis: int, size: int) -> Window | None:
        """All alike."""
        kernel, stride, padding, dilation = self._numbers(axis)
        return Window(extent(kernel, dilation), stride, padding)

    def seen(self, axis: int, size: int) -> list[Sequence[int]]:
        """Pixels of the input under the elements of the kernel, those in the padding left out."""
        return _under_windows(size, self._size(axis, size), *self._numbers(axis))

    def _size(self, axis: int, size: int) -> int:
        return output_size(size, *self._numbers(axis))

    def _numbers(self, axis: int) -> tuple[int, int, int, int]:
        return self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]


@dataclass(frozen=True, kw_only=True)
class Conv(Windowed):
    """A convolution."""

    out: int
    stride: Pair = (1, 1)
    groups: int = 1
    bias: bool = True

    def shape(self, shape: Shape) -> Shape:
        """(out, height, width), where windows fit."""
        channels = _image(shape)[0]
        check(channels=self.out, groups=self.groups)
        if channels % self.groups or self.out % self.groups:
            raise UserError(
                f"the groups must divide both numbers of channels, {channels} before and "
                f"{self.out} after, and got {self.groups}."
            )
        return (self.out, *_on_both_axes(self._size, shape))

    def parameters(self, shape: Shape) -> Pair:
        """out × channels / groups × kernel height × kernel width, and out."""
        weights = self.out * shape[0] // self.groups * prod(self.kernel)
        return weights, self.out if self.bias else 0

    def multiply_adds(self, shape: Shape) -> int:
        """One for each weight and window."""
        return self.parameters(shape)[0] * prod(self.shape(shape)[1:])


@dataclass(frozen=True, kw_only=True)
class TransposedConv(Conv):
    """Its transpose: each pixel of the input is spread over a window of the output."""

    output_padding: Pair = (0, 0)

    def _size(self, axis: int, size: int) -> int:
        return transposed_size(size, *self._numbers(axis), self.output_padding[axis])

    def multiply_adds(self, shape: Shape) -> int:
        """One for each weight and pixel of the input."""
        return self.parameters(shape)[0] * prod(shape[1:])

    def window(self, axis: int, size: int) -> Window | None:
        """All alike without stride: those of a convolution with padding e − 1 − p."""
        kernel, stride, padding, dilation = self._numbers(axis)
        if stride > 1:
            return None
        reach = extent(kernel, dilation)
        return Window(reach, 1, reach - 1 - padding)

    def seen(self, axis: int, size: int) -> list[Sequence[int]]:
        """The pixels i with o = s i − p + d u for an element u of the kernel."""
        kernel, stride, padding, dilation = self._numbers(axis)
        common = gcd(stride, dilation)
        step = dilation // common  # from one such pixel to the next
        inverse = pow(stride // common, -1, step)
        seen: list[Sequence[int]] = []
        for o in range(padding, padding + self._size(axis, size)):
            first = max(0, -((dilation * (kernel - 1) - o) // stride))
            stop = min(size, o // stride + 1)
            if o % common:  # s i = o − d u has no solution
                seen.append(())
                continue
            hit = first + (o // common * inverse - first) % step
            seen.append(range(hit, stop, step))
        return seen


@dataclass(frozen=True, kw_only=True)
class Pool(Windowed):
    """A pooling, maximum or average: channels stay."""

    ceil: bool = False

    def shape(self, shape: Shape) -> Shape:
        """(channels, height, width), where windows fit."""
        return (_image(shape)[0], *_on_both_axes(self._size, shape))

    def _size(self, axis: int, size: int) -> int:
        return pooled_size(size, *self._numbers(axis), self.ceil)


@dataclass(frozen=True, kw_only=True)
class AdaptivePool(Layer):
    """A pooling onto a given size: window i is from ⌊i n / m⌋ to ⌈(i + 1) n / m⌉."""

    size: Pair

    def shape(self, shape: Shape) -> Shape:
        """(channels, *size)."""
        check(height=self.size[0], width=self.size[1])
        return (_image(shape)[0], *self.size)

    def window(self, axis: int, size: int) -> Window | None:
        """All alike where the input is a multiple of the output."""
        m = self.size[axis]
        return None if size % m else Window(size // m, size // m, 0)

    def seen(self, axis: int, size: int) -> list[Sequence[int]]:
        """Windows may overlap by a pixel, and differ by one in length."""
        m = self.size[axis]
        return [range(i * size // m, -(-(i + 1) * size // m)) for i in range(m)]


class Flatten(Layer):
    """All values in one row."""

    def shape(self, shape: Shape) -> Shape:
        """(features,)."""
        return (prod(shape),)


@dataclass(frozen=True, kw_only=True)
class Linear(Layer):
    """y = W x + b."""

    out: int
    bias: bool = True

    def shape(self, shape: Shape) -> Shape:
        """(out,), of features alone."""
        check(units=self.out)
        if len(shape) > 1:
            raise UserError(
                f"a linear layer takes features in one row, and got {describe(shape)}; put flatten "
                "before it."
            )
        return (self.out,)

    def parameters(self, shape: Shape) -> Pair:
        """out × features, and out."""
        return self.out * shape[0], self.out if self.bias else 0

    def multiply_adds(self, shape: Shape) -> int:
        """One for each weight."""
        return self.out * shape[0]


def describe(shape: Shape) -> str:
    """The shape for people.

    >>> describe((3, 32, 32))
    '3×32×32'
    """
    return "×".join(map(str, shape))


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise UserError(
            f"expected an image, channels × height × width, and got {describe(shape)} features in "
            "one row."
        )
    return shape


def _on_both_axes(size_of: Callable[[int, int], int], shape: Shape) -> Pair:
    """The sizes along height and width; a refusal names the axis."""
    made = []
    for axis, size in enumerate(shape[1:]):
        try:
            made.append(size_of(axis, size))
        except UserError as error:
            raise UserError(f"along the {('height', 'width')[axis]}, {error}") from None
    return made[0], made[1]


def _under_windows(
    size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[Sequence[int]]:
    seen: list[Sequence[int]] = []
    for i in range(windows):
        first = i * stride - padding
        start = first if first >= 0 else first % dilation  # the first element in the input
        stop = min(size, first + dilation * (kernel - 1) + 1)
        seen.append(range(start, stop, dilation))
    return seen
