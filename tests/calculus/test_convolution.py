"""Convolution arithmetic against PyTorch, and its inverse against trying everything."""

import pytest

from retroprop.calculus.convolution import output_size, solve_convolution
from retroprop.errors import UserError


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
