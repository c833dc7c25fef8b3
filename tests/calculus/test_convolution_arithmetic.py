"""Convolution arithmetic against PyTorch, and its inverse against trying everything."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from retroprop.calculus.convolution_arithmetic import (
    output_size,
    pooled_size,
    solve_convolution,
    transposed_size,
)
from retroprop.errors import UserError

# --- sizes, exhaustively against PyTorch ----------------------------------------------------------

SIZES = range(1, 41)
LAYERS = list(product(range(1, 10), range(1, 5), range(5), range(1, 4)))  # k, s, p, d


def of_torch(function, size, *arguments, **options):
    """The size that comes out, or None where PyTorch refuses."""
    try:
        return function(torch.empty(1, 1, size, 1), *arguments, **options).shape[2]
    except RuntimeError:
        return None


def ours(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except UserError:
        return None


def convolutions():
    """(a case, PyTorch's size, our size) of every convolution."""
    for size, (k, s, p, d) in product(SIZES, LAYERS):
        kernel = torch.empty(1, 1, k, 1)
        theirs = of_torch(F.conv2d, size, kernel, None, (s, 1), (p, 0), (d, 1))
        yield ("conv", size, k, s, p, d), theirs, ours(output_size, size, k, s, p, d)


def transposed():
    for size, (k, s, p, d) in product(SIZES, LAYERS):
        kernel = torch.empty(1, 1, k, 1)
        for o in range(max(s, d) + 1):  # the last one is refused
            theirs = of_torch(
                F.conv_transpose2d, size, kernel, None, (s, 1), (p, 0), (o, 0), 1, (d, 1)
            )
            yield ("convT", size, k, s, p, d, o), theirs, ours(transposed_size, size, k, s, p, d, o)


def poolings():
    for size, (k, s, p, d), ceil in product(SIZES, LAYERS, (False, True)):
        theirs = of_torch(F.max_pool2d, size, (k, 1), (s, 1), (p, 0), (d, 1), ceil_mode=ceil)
        yield ("maxpool", size, k, s, p, d, ceil), theirs, ours(pooled_size, size, k, s, p, d, ceil)
        if d == 1:
            theirs = of_torch(F.avg_pool2d, size, (k, 1), (s, 1), (p, 0), ceil_mode=ceil)
            yield (
                ("avgpool", size, k, s, p, ceil), theirs, ours(pooled_size, size, k, s, p, 1, ceil)
            )  # fmt: skip


@pytest.mark.parametrize(
    ("compare", "cases", "refused"),
    [(convolutions, 21_600, 2_724), (transposed, 82_800, 22_242), (poolings, 57_600, 25_628)],
)
def test_every_size_is_pytorchs_and_what_it_refuses_is_refused(compare, cases, refused):
    compared = list(compare())
    assert [one for one in compared if one[1] != one[2]][:5] == []
    assert len(compared) == cases
    assert sum(theirs is None for _, theirs, _ in compared) == refused


# --- the inverse ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ({"padding": 1, "dilation": 1, "stride": 2}, [(27, 2), (28, 2)]),
        (
            {"padding": 0, "dilation": 1},
            [
                *((k, s) for k in (1, 2) for s in (8, 9, 10)), (3, 8), (3, 9), (4, 8), (4, 9),
                (5, 7), (5, 8), (5, 9), *((k, s) for k in (6, 7, 8) for s in (7, 8)),
                *((k, s) for k in (9, 10, 11) for s in (6, 7)), (12, 6), (13, 5), (13, 6), (14, 5),
                (14, 6), (15, 5), (16, 5), (17, 4), (17, 5), (18, 4), (19, 4), (20, 4), (21, 3),
                (22, 3), (23, 3), (25, 2), (26, 2), (29, 1),
            ],
        ),
    ],
)  # fmt: skip
def test_the_layers_of_the_sheet_are_all_found(given, pairs):
    assert [layer[:2] for layer in solve_convolution(32, 4, **given)] == pairs


def by_trying(n, m):
    """All layers within the stated limits, each asked what it makes."""
    found = []
    for k in range(1, n + 1):
        for d in range(1, n + 1 if k > 1 else 2):
            for p in range(d * (k - 1) + 1 if d * (k - 1) < n else 0):
                strides = [s for s in range(1, 40) if makes(m, n, k, s, p, d)]
                found += [(k, s, p, d) for s in strides[: None if m > 1 else 1]]
    return sorted(found)


def makes(m, *layer):
    try:
        return output_size(*layer) == m
    except UserError:
        return False


@pytest.mark.parametrize("n", range(1, 9))
def test_the_solver_finds_what_trying_everything_finds(n):
    for m in range(1, 12):
        assert solve_convolution(n, m) == by_trying(n, m)
