"""Convolution arithmetic: the size that comes out, and every layer that gives a wanted size.

A kernel of k elements with dilation d reaches over e = d (k − 1) + 1 pixels. Its windows begin
every s pixels of an input of n pixels between p zeros, and the last one must end inside:

    n′ = ⌊(n + 2p − e) / s⌋ + 1.

With `ceil`, as pooling may, the last window may end outside, but must begin inside the input or
the padding before it. The rules are those of PyTorch, refusals included; the tests compare them
exhaustively. Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from retroprop.errors import UserError

MOST_CANDIDATES = 2_000_000
"""Kernels × dilations × paddings that are tried at most: half a second of work."""
MOST_SOLUTIONS = 200_000
"""Of one task that are made at once."""


def extent(kernel: int, dilation: int = 1) -> int:
    """Pixels from the first to the last element of a kernel, both included.

    >>> extent(3), extent(3, dilation=2)
    (3, 5)
    """
    return dilation * (kernel - 1) + 1


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, ceil: bool = False
) -> int:
    """How many windows of a convolution or a pooling lie along one axis of the input.

    Args:
        size: Pixels of the input along the axis.
        kernel: Elements of the kernel or of the pooling window.
        stride: Pixels from one window to the next.
        padding: Zeros on each side.
        dilation: Pixels from one element of the kernel to the next.
        ceil: Whether the last window may end outside (PyTorch's `ceil_mode`).

    Raises:
        UserError: If a number is out of range, or no window fits.

    >>> output_size(128, 8, stride=2), output_size(61, 5, stride=5), output_size(12, 4, padding=1)
    (61, 12, 11)
    >>> output_size(6, 3, stride=2), output_size(6, 3, stride=2, ceil=True)
    (2, 3)
    """
    check(size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    windows = _windows(size, kernel, stride, padding, dilation, ceil)
    if windows < 1:
        lacking = extent(kernel, dilation) - size - (stride - 1 if ceil else 0)
        raise UserError(
            f"{_too_large('a kernel', size, kernel, padding, dilation)}; use a smaller kernel or a "
            f"padding of at least {-(-lacking // 2)}."
        )
    return windows


def pooled_size(
    size: int,
    kernel: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil: bool = False,
) -> int:
    """The same for a pooling, whose stride is its window unless given.

    Its padding is at most half of its window, as PyTorch wants it.

    Raises:
        UserError: If a number is out of range, the padding is too large, or no window fits.

    >>> pooled_size(61, 5), pooled_size(61, 5, ceil=True)
    (12, 13)
    """
    stride = kernel if stride is None else stride
    check(size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    if padding > kernel // 2:
        raise UserError(
            f"the padding of a pooling is at most half of its window, here {kernel // 2}, and got "
            f"{padding}."
        )
    windows = _windows(size, kernel, stride, padding, dilation, ceil)
    if windows < 1:
        raise UserError(
            f"{_too_large('a window', size, kernel, padding, dilation)}; use a smaller one."
        )
    return windows


def transposed_size(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> int:
    """What a transposed convolution makes of `size` pixels: s (n − 1) + e − 2p + output padding.

    It is the size of an input from which the convolution with the same numbers makes `size`;
    several inputs do when s > 1, and `output_padding` chooses among them.

    Raises:
        UserError: If a number is out of range, or nothing is left.

    >>> transposed_size(16, 4, stride=2, padding=1)
    32
    """
    check(size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    if output_padding < 0 or (output_padding >= stride and output_padding >= dilation):
        raise UserError(
            f"the output padding must be from 0 to {max(stride, dilation) - 1}, below the stride "
            f"or the dilation, and got {output_padding}."
        )
    made = stride * (size - 1) + extent(kernel, dilation) - 2 * padding + output_padding
    if made < 1:
        raise UserError(
            f"{made + 2 * padding} pixels are made and the padding takes {2 * padding} away: "
            f"nothing is left; use a padding of at most {(made + 2 * padding - 1) // 2}."
        )
    return made


def check(**numbers: int | None) -> None:
    """Refuse what is not a whole number from 1, or from 0 for a padding; None is left out.

    Raises:
        UserError: For the first number that is out of range.
    """
    for name, number in numbers.items():
        least = 0 if name == "padding" else 1
        if number is not None and (
            not isinstance(number, int) or isinstance(number, bool) or number < least
        ):
            raise UserError(
                f"{name.replace('_', ' ')} must be a whole number from {least}, and got {number!r}."
            )


def _windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows fit; less than 1 if none does."""
    beyond = stride - 1 if ceil else 0  # pixels that the last window may lack
    windows = (size + 2 * padding + beyond - extent(kernel, dilation)) // stride + 1
    if ceil and (windows - 1) * stride >= size + padding:
        windows -= 1  # it would begin in the padding after the input
    return windows


def _too_large(what: str, size: int, kernel: int, padding: int, dilation: int) -> str:
    dilated = f" with dilation {dilation}" if dilation > 1 else ""
    padded = f" and {2 * padding} of padding" if padding else ""
    reach = extent(kernel, dilation)
    return (
        f"{what} of {kernel}{dilated} reaches over {reach} pixels, but the input has {size}{padded}"
    )


# -- the inverse ------------------------------------------------------------------------------


class Convolution(NamedTuple):
    """The numbers of a layer with square windows; as `output_size` takes them."""

    kernel: int
    stride: int
    padding: int
    dilation: int


def solve_convolution(
    input_size: int | Sequence[int],
    output_size: int | Sequence[int],
    *,
    kernel: int | None = None,
    stride: int | None = None,
    padding: int | None = None,
    dilation: int | None = None,
) -> list[Convolution]:
    """All convolutions that make `output_size` of `input_size`, ordered by kernel, then stride.

    A quantity that is given is kept. The others take every value that PyTorch accepts, within
    these limits, which make "all" finite and leave out only what changes nothing or looks at zeros:

    - a free padding is smaller than the extent of the kernel: every window may touch the input;
    - when kernel or dilation is free, the extent of the kernel is at most that of the padded input
      (PyTorch's rule) if the padding is given, and of the bare input if it is free;
    - a kernel of 1 has no dilation: with a free one, it is listed as 1;
    - an output of 1 is one window, which no larger stride changes: of a free stride, the smallest
      is listed.

    Args:
        input_size: Pixels along one axis, or (height, width): windows are square.
        output_size: Likewise.
        kernel: Keep this kernel.
        stride: Keep this stride.
        padding: Keep this padding.
        dilation: Keep this dilation.

    Raises:
        UserError: If a number is out of range, or there are too many candidates or solutions.

    >>> solve_convolution(32, 4, stride=2, padding=1, dilation=1)
    [Convolution(kernel=27, stride=2, padding=1, dilation=1), \
Convolution(kernel=28, stride=2, padding=1, dilation=1)]
    """
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    count = count_solutions(input_size, output_size, **given)
    if count > MOST_SOLUTIONS:
        raise UserError(
            f"{count:,} convolutions do this; fix the kernel, the stride, the padding or the "
            "dilation to list them."
        )
    return sorted(solutions(input_size, output_size, **given))


def solutions(
    input_size: int | Sequence[int],
    output_size: int | Sequence[int],
    *,
    kernel: int | None = None,
    stride: int | None = None,
    padding: int | None = None,
    dilation: int | None = None,
) -> Iterator[Convolution]:
    """The same, one after the other as they are found: ordered by kernel, then dilation."""
    axes = pairs_of_sizes(input_size, output_size)
    check(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    sizes = [n for n, _ in axes]
    suitable = {m: _strides(axes, m, stride) for m in margins(sizes, kernel, padding, dilation)}
    for k, reaches in _extents(_limit(sizes, kernel, padding, dilation), kernel, dilation):
        for reach in reaches:
            d = dilation or (reach - 1) // max(1, k - 1) or 1
            for p in _paddings(reach, padding):
                for s in suitable[2 * p - reach]:
                    yield Convolution(k, s, p, d)


def count_solutions(
    input_size: int | Sequence[int],
    output_size: int | Sequence[int],
    *,
    kernel: int | None = None,
    stride: int | None = None,
    padding: int | None = None,
    dilation: int | None = None,
) -> int:
    """How many there are, without making them: those of one margin have the same strides.

    >>> count_solutions(232, 4)
    3188348
    """
    axes = pairs_of_sizes(input_size, output_size)
    check(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    found = margins([n for n, _ in axes], kernel, padding, dilation)
    return sum(times * len(_strides(axes, margin, stride)) for margin, times in found.items())


def pairs_of_sizes(
    input_size: int | Sequence[int], output_size: int | Sequence[int]
) -> list[tuple[int, int]]:
    """(size before, size after) along each axis; equal axes once."""
    before = tuple(input_size) if isinstance(input_size, Sequence) else (input_size,)
    after = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,)
    if len(before) != len(after) or not before:
        raise UserError(
            f"input and output must have as many axes, and got {len(before)} and {len(after)}."
        )
    for n, m in zip(before, after, strict=True):
        check(input_size=n, output_size=m)
    return list(dict.fromkeys(zip(before, after, strict=True)))


def margins(
    sizes: Sequence[int], kernel: int | None, padding: int | None, dilation: int | None
) -> Counter[int]:
    """How many kernels, paddings and dilations leave each margin, 2p − e pixels (< 0: fewer).

    The windows of an input of n pixels begin on its first n + margin + 1 ones, padding included, so
    the margin decides alone which strides make an output.

    Raises:
        UserError: If there are too many within the limits of `solve_convolution`.
    """
    total, extents = 0, Counter[int]()
    for _, reaches in _extents(_limit(sizes, kernel, padding, dilation), kernel, dilation):
        if reaches:  # their number, which len() refuses where it is huge, or the sum of them
            number = (reaches[-1] - reaches[0]) // reaches.step + 1
            total += number if padding is not None else number * (reaches[0] + reaches[-1]) // 2
        if total > MOST_CANDIDATES:
            raise UserError(
                f"more than {MOST_CANDIDATES:,} combinations of kernel, padding and dilation would "
                "have to be tried; fix one of them."
            )
        extents.update(reaches)
    found = Counter[int]()
    for reach, times in extents.items():
        for p in _paddings(reach, padding):
            found[2 * p - reach] += times
    return found


def _limit(
    sizes: Sequence[int], kernel: int | None, padding: int | None, dilation: int | None
) -> int:
    """The largest extent of a kernel; see `solve_convolution`."""
    if padding is not None:
        return min(sizes) + 2 * padding
    return max(min(sizes), extent(kernel or 1, dilation or 1))  # what is given is allowed


def _paddings(reach: int, padding: int | None) -> range:
    """The given padding, or all that are smaller than the extent of the kernel."""
    return range(reach) if padding is None else range(padding, padding + 1)


def _extents(limit: int, kernel: int | None, dilation: int | None) -> Iterator[tuple[int, range]]:
    """Every kernel, and its extents with all its dilations that are at most `limit`."""
    for k in range(1, limit + 1) if kernel is None else (kernel,):
        if k == 1 or dilation is not None:
            reach = extent(k, dilation or 1)
            yield k, range(reach, min(reach, limit) + 1)
        else:
            yield k, range(k, limit + 1, k - 1)


def _strides(axes: Sequence[tuple[int, int]], margin: int, stride: int | None) -> range:
    """The strides that suit all axes: the given one, or all; where all from one on, the first.

    ⌊room / s⌋ = m − 1 means (m − 1) s ≤ room < m s.
    """
    low, high = 1, math.inf
    for n, m in axes:
        room = n + margin
        if room < 0:
            return range(0)
        low = max(low, room // m + 1)
        high = min(high, room // (m - 1) if m > 1 else math.inf)
    if stride is not None:
        return range(stride, stride + (low <= stride <= high))
    return range(low, low + 1 if high == math.inf else int(high) + 1)
