"""Among all layers that make a wanted size: which ones people use, and why there may be none."""

import heapq
from collections.abc import Iterable, Sequence
from math import inf

from retroprop.calculus.convolution_arithmetic import (
    Convolution,
    check,
    count_solutions,
    extent,
    margins,
    pairs_of_sizes,
)


def used_first(
    solutions: Sequence[Convolution], input_size: int | Sequence[int], count: int = 5
) -> list[Convolution]:
    """The solutions that people would use first: a rule of thumb, not a theorem.

    They like small kernels that see every pixel, windows that end where the image ends, no padding
    or one that keeps the size (half of an odd kernel), and no dilation.

    >>> from retroprop.calculus.convolution_arithmetic import solve_convolution
    >>> used_first(solve_convolution(32, 16), 32)[:3] # doctest: +NORMALIZE_WHITESPACE
    [Convolution(kernel=2, stride=2, padding=0, dilation=1),
     Convolution(kernel=4, stride=2, padding=1, dilation=1),
     Convolution(kernel=3, stride=2, padding=1, dilation=1)]
    """
    sizes = (input_size,) if isinstance(input_size, int) else tuple(input_size)
    # whether windows overlook pixels takes longer to find out: only of the likely ones
    likely = heapq.nsmallest(40 * count, solutions, key=lambda one: _cost(one, sizes))
    overlooked = {one: sum(skipped(one, n) for n in sizes) / len(sizes) for one in likely}
    return heapq.nsmallest(count, likely, key=lambda one: _cost(one, sizes) + 2 * overlooked[one])


def _cost(one: Convolution, sizes: Sequence[int]) -> float:
    """What makes people hesitate, in elements of a kernel."""
    k, s, p, d = one
    unusual_padding = p not in (0, (k - 1) / 2) and 2 * p != k - s
    gaps = max(0, s - extent(k, d))
    at_the_end = sum(2 * (left > 0) + 2 * max(0, left - p) for left in _left_over(one, sizes))
    return k + p / 2 + 4 * (d - 1) + 4 * unusual_padding + 4 * gaps + at_the_end / len(sizes)


def _left_over(one: Convolution, sizes: Sequence[int]) -> list[int]:
    """Pixels of the padded input after the last window."""
    k, s, p, d = one
    return [(n + 2 * p - extent(k, d)) % s for n in sizes]


def skipped(one: Convolution, size: int) -> int:
    """Pixels of the input that no window looks at: between windows, in their holes or at the end.

    >>> skipped(Convolution(3, 2, 0, 1), 8), skipped(Convolution(1, 2, 0, 1), 8)
    (1, 4)
    """
    k, s, p, d = one
    windows = (size + 2 * p - extent(k, d)) // s + 1
    seen = {i * s + u * d - p for i in range(windows) for u in range(k)}
    return size - len(seen & set(range(size)))


def why_none(
    input_size: int | Sequence[int],
    output_size: int | Sequence[int],
    *,
    kernel: int | None = None,
    stride: int | None = None,
    padding: int | None = None,
    dilation: int | None = None,
) -> str:
    """Why `solve_convolution` with the same arguments finds nothing, in one sentence.

    >>> why_none(32, 9, kernel=3, padding=0, dilation=1)
    'of 32 pixels one can so have 8 or 10, and nothing between'
    """
    check(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    axes = pairs_of_sizes(input_size, output_size)
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    alone = [count_solutions(n, m, **given) for n, m in axes]
    if all(alone):
        each = " and ".join(
            f"{n} → {m} has {found:,}" for (n, m), found in zip(axes, alone, strict=True)
        )
        return f"{each}, but no square window does both"
    n, m = axes[alone.index(0)]
    tried = margins([n], kernel, padding, dilation)
    rooms = {room for margin in tried if (room := n + margin) >= 0}
    if not rooms:
        reach = extent(kernel or 1, dilation or 1)
        return (
            f"a kernel that reaches over {reach} pixels does not fit into {n + 2 * (padding or 0)}"
        )
    below, above = _nearest(rooms, m, stride)
    if None not in (kernel, stride, padding, dilation):
        return f"this layer makes {above if below == -inf else below} of {n} pixels"
    if above == inf:
        more = "; a larger padding would only add windows of zeros" if padding is None else ""
        return f"the largest output of {n} pixels that can be had so is {below}{more}"
    if below == -inf:
        return f"the smallest output of {n} pixels that can be had so is {above}"
    return f"of {n} pixels one can so have {below} or {above}, and nothing between"


def _nearest(rooms: Iterable[int], wanted: int, stride: int | None) -> tuple[float, float]:
    """The nearest outputs below and above, the last window being at most `rooms` pixels off."""
    below, above = -inf, inf
    for room in rooms:
        if stride is not None:
            outputs = [room // stride + 1]
        else:  # the smallest stride that gives less, and the largest that gives more
            strides = [room // max(1, wanted - 1) + 1, max(1, room // wanted)]
            outputs = [room // s + 1 for s in strides]
        below = max([below, *(made for made in outputs if made < wanted)])
        above = min([above, *(made for made in outputs if made > wanted)])
    return below, above
