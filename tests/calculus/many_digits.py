"""Arbitrary precision as the judge: how many units in the last place a number is off."""

import math

import mpmath
import torch

DTYPES = {torch.float32: (24, -126), torch.float64: (53, -1022)}  # bits, smallest normal exponent


def ulps(computed, exact, dtype):
    """|computed − exact| in units in the last place of the exact number in this type."""
    bits, least = DTYPES[dtype]
    if math.isinf(computed):  # right if the exact number rounds to infinity
        limit = mpmath.mpf(torch.finfo(dtype).max)
        return 0.0 if exact * math.copysign(1, computed) > limit else math.inf
    exponent = least if exact == 0 else max(least, int(mpmath.floor(mpmath.log(abs(exact), 2))))
    return float(abs(mpmath.mpf(computed) - exact) / mpmath.mpf(2) ** (exponent - bits + 1))


def worst_ulps(computed, exact):
    """The largest error of a tensor against a nested list of exact numbers, in ulps."""
    flat = list(_flatten(exact))
    assert len(flat) == computed.numel()
    values = computed.flatten().tolist()
    errors = [ulps(c, e, computed.dtype) for c, e in zip(values, flat, strict=True)]
    return max(math.inf if math.isnan(error) else error for error in errors)


def _flatten(nested):
    if isinstance(nested, list | tuple):
        for one in nested:
            yield from _flatten(one)
    else:
        yield nested
