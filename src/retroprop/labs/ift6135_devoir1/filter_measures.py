"""What a first layer has learnt, in numbers: kernels of 3 × 3, and filters on a grid of patches.

A kernel k of 3 × 3 is a sum of nine orthonormal patterns, the products of

    u0 = (1, 1, 1) / √3,   u1 = (−1, 0, 1) / √2,   u2 = (1, −2, 1) / √6

along its rows and along its columns. ‖k‖² is the sum of the squared coefficients, so each pattern
has a share of the energy: u0 u0 is plain brightness, u0 u1 and u1 u0 are a slope (an edge, with its
direction), second derivatives (u0 u2, u2 u0, u1 u1) are lines, spots and saddles, and the other
three change sign from pixel to pixel. A kernel is of the kind that holds more than half its energy.
These are our measures, chosen because weights drawn at random have known values.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from retroprop.figures.tiles import normalized

KINDS = ("brightness", "edge", "second order", "texture", "mixed")
"""What a kernel of 3 × 3 can be."""

_PATTERNS = np.array([[1, 1, 1], [-1, 0, 1], [1, -2, 1]]) / np.sqrt([[3.0], [2.0], [6.0]])
_KIND_OF = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 3]])  # by the numbers of the two patterns
_RANDOM = 50_000
"""Kernels drawn to know the chance of a kind, to a quarter of a point."""


def coefficients(kernels: np.ndarray) -> np.ndarray:
    """The nine coefficients of kernels (n, 3, 3), by the patterns of their rows and columns."""
    return np.einsum("pi,nij,qj->npq", _PATTERNS, kernels, _PATTERNS)


def kinds(kernels: np.ndarray) -> np.ndarray:
    """The place in `KINDS` of each kernel of (n, 3, 3).

    >>> ramp = np.array([[-1.0, 0.0, 1.0]] * 3)
    >>> [KINDS[k] for k in kinds(np.stack([np.ones((3, 3)), ramp, ramp * ramp.T]))]
    ['brightness', 'edge', 'second order']
    """
    energy = coefficients(kernels) ** 2
    by_kind = np.stack([energy[:, kind == _KIND_OF].sum(1) for kind in range(4)], axis=1)
    return np.where(by_kind.max(1) > 0.5 * by_kind.sum(1), by_kind.argmax(1), len(KINDS) - 1)


def strongest(kernels: np.ndarray, kind: int) -> int | None:
    """The kernel of a kind whose energy is most of that kind; None where there is none."""
    of_kind = np.flatnonzero(kinds(kernels) == kind)
    if not len(of_kind):
        return None
    energy = coefficients(kernels[of_kind]) ** 2
    share = energy.sum((1, 2))
    if kind < len(KINDS) - 1:
        share = energy[:, kind == _KIND_OF].sum(1) / share
    return int(of_kind[share.argmax()])


def edge_directions(kernels: np.ndarray) -> list[str]:
    """Along which direction each edge among the kernels runs, to the nearest eighth of a turn.

    >>> edge_directions(np.array([[[-1.0, 0.0, 1.0]] * 3]))
    ['vertical']
    """
    found = coefficients(kernels[kinds(kernels) == KINDS.index("edge")])
    angles = np.degrees(np.arctan2(found[:, 1, 0], found[:, 0, 1])) % 180  # of the slope
    eighths = np.round(angles / 45).astype(int) % 4
    return [("vertical", "diagonal", "horizontal", "diagonal")[at] for at in eighths]


@cache
def chances() -> tuple[float, ...]:
    """The share of each kind among kernels of independent normal weights."""
    drawn = np.random.default_rng(0).normal(size=(_RANDOM, 3, 3))
    counts = np.bincount(kinds(drawn), minlength=len(KINDS))
    return tuple((counts / _RANDOM).tolist())


def chance_range(share: float, n: int) -> tuple[float, float]:
    """Where 99 % of the counts of a kind lie that n random kernels give (normal approximation).

    >>> [round(bound, 1) for bound in chance_range(0.25, 64)]
    [7.1, 24.9]
    """
    spread = 2.576 * float(np.sqrt(n * share * (1 - share)))
    return max(0.0, n * share - spread), n * share + spread


def grey_share(weights: np.ndarray) -> float:
    """The part of the energy of kernels (n, 3, h, w) that treats all three channels alike.

    Of independent weights it is a third.
    """
    whole = float((weights.astype(np.float64) ** 2).sum())
    return 3 * float((weights.astype(np.float64).mean(1) ** 2).sum()) / whole if whole else 0.0


def change(trained: np.ndarray, initial: np.ndarray) -> float:
    """How far training moved weights, as a part of their initial norm."""
    return float(np.linalg.norm(trained - initial) / np.linalg.norm(initial))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How the weights of filters lie on their grid; medians over the filters.

    Attributes:
        local: The part of the energy within one patch of the strongest weight (3 × 3).
        patches: Over how many patches the energy is spread, (Σ w²)² / Σ w⁴: from 1 to all.
        neighbours: Correlation of weights side by side or above each other, about 0 of random ones.
    """

    local: float
    patches: float
    neighbours: float


def spread(tiles: np.ndarray) -> Spread:
    """Measure filters of (n, height, width).

    >>> spot = np.zeros((1, 4, 4))
    >>> spot[0, 1, 1] = 1.0
    >>> spread(spot)
    Spread(local=1.0, patches=1.0, neighbours=0.0)
    """
    tiles = normalized(tiles, each=True)
    energy = tiles**2
    n, height, width = energy.shape
    whole = np.maximum(energy.sum((1, 2)), 1e-300)
    padded = np.pad(energy, ((0, 0), (1, 1), (1, 1)))
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2)).sum((3, 4))
    at = energy.reshape(n, -1).argmax(1)
    local = around.reshape(n, -1)[np.arange(n), at] / whole
    patches = whole**2 / np.maximum((energy**2).sum((1, 2)), 1e-300)
    products = (tiles[:, :, 1:] * tiles[:, :, :-1]).sum((1, 2))
    products += (tiles[:, 1:] * tiles[:, :-1]).sum((1, 2))
    pairs = max(1, height * (width - 1) + width * (height - 1))
    neighbours = (products / pairs) / (whole / (height * width))
    middle = (float(np.median(values)) for values in (local, patches, neighbours))
    return Spread(**dict(zip(("local", "patches", "neighbours"), middle, strict=True)))
