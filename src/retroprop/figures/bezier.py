"""Cubic Bézier curves: the arrows of a drawing, and the gap in one that is cut."""

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]


def straight(x: float, top: float, bottom: float) -> Curve:
    """A vertical line."""
    return ((x, top), (x, top), (x, bottom), (x, bottom))


def path_of(curves: Sequence[Curve]) -> str:
    """Curves that follow each other, as the path of an SVG."""
    (x, y) = curves[0][0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for _, a, b, c in curves:
        parts.append("C" + " ".join(f"{px:.1f} {py:.1f}" for px, py in (a, b, c)))
    return "".join(parts)


def with_gap(curves: Sequence[Curve]) -> tuple[list[Curve], list[Curve], Point]:
    """The curves before and after a gap in the last of them, and the middle of the gap."""
    last = curves[-1]
    half = 9 / max(length(last), 30)
    first, _ = split(last, 0.5 - half)
    _, second = split(last, 0.5 + half)
    middle = split(last, 0.5)[0][3]
    return [*curves[:-1], first], [second], middle


def split(curve: Curve, t: float) -> tuple[Curve, Curve]:
    """The two parts of a curve at a share of it, by De Casteljau's algorithm."""
    levels = [list(curve)]
    while len(levels[-1]) > 1:
        levels.append(
            [
                ((1 - t) * ax + t * bx, (1 - t) * ay + t * by)
                for (ax, ay), (bx, by) in pairwise(levels[-1])
            ]
        )
    a, b, c, d = (level[0] for level in levels)
    e, f, g, h = (level[-1] for level in reversed(levels))
    return (a, b, c, d), (e, f, g, h)


def length(curve: Curve) -> float:
    """About how long a curve is, and rather too long: along its control points."""
    return sum(math.dist(one, other) for one, other in pairwise(curve))
