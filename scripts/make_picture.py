"""Draw the picture that filters are tried on: a house at a lake, computed, so that it is our own.

It has what filters answer to: smooth shades, straight and curved edges in several directions,
stripes of several widths, and fine texture. The file is the same whenever it is made:

    python scripts/make_picture.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 192
FINE = 4  # drawn so many times larger, then averaged: smooth edges
BUNDLED = Path(__file__).parents[1] / "src/retroprop/data/bundled/pictures/lake-house.png"


def main() -> None:
    """Draw and write the file."""
    size = SIDE * FINE
    picture = Image.fromarray(sky_and_lake(size))
    draw = ImageDraw.Draw(picture)
    mountains(draw)
    shore(draw)
    house(draw)
    tree(draw)
    fence(draw)
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    BUNDLED.parent.mkdir(parents=True, exist_ok=True)
    small.save(BUNDLED, optimize=True)
    print(f"{BUNDLED}: {BUNDLED.stat().st_size:,} bytes")


def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of a picture of 192 × 192, in the pixels that are drawn."""
    return [(x * FINE, y * FINE) for x, y in points]


def sky_and_lake(size: int) -> np.ndarray:
    """A sky that pales towards the horizon, a round sun, and waves that shorten with distance."""
    y, x = np.mgrid[0:size, 0:size] / FINE
    sky = np.stack((120 + 0.9 * y, 160 + 0.6 * y, 235 - 0.1 * y), -1)
    sun = np.hypot(x - 150, y - 34) < 15
    sky[sun] = (255, 226, 120)
    depth = np.clip((y - 104) / 60, 0.02, None)
    wave = np.sin(14 / depth + 0.25 * np.sin(x / 7)) * np.clip(depth * 3, 0.2, 1)
    lake = np.stack((70 + 34 * wave, 120 + 40 * wave, 165 + 40 * wave), -1)
    picture = np.where((y < 104)[..., None], sky, lake)
    return np.clip(picture, 0, 255).astype(np.uint8)


def mountains(draw: ImageDraw.ImageDraw) -> None:
    """Two ridges and their snow."""
    draw.polygon(at((0, 104), (34, 52), (62, 82), (98, 40), (150, 104)), fill="#5d6b83")
    draw.polygon(at((92, 104), (146, 66), (192, 96), (192, 104)), fill="#47566d")
    draw.polygon(at((98, 40), (86, 54), (95, 58), (101, 53), (110, 58), (112, 57)), fill="#f4f6fa")
    draw.polygon(at((34, 52), (27, 63), (34, 66), (43, 62)), fill="#f4f6fa")


def shore(draw: ImageDraw.ImageDraw) -> None:
    """A meadow with blades of grass of several lengths."""
    draw.polygon(at((0, 138), (70, 130), (130, 150), (192, 142), (192, 192), (0, 192)), "#5f8f45")
    random = np.random.default_rng(0)
    for x, y, length, shade in random.uniform((0, 152, 3, 0), (192, 192, 9, 1), (420, 4)):
        colour = (int(60 + 70 * shade), int(105 + 80 * shade), 52)
        draw.line(at((x, y), (x + 1.5, y - length)), fill=colour, width=FINE // 2)


def house(draw: ImageDraw.ImageDraw) -> None:
    """Brick walls, a striped roof, a dark door and two windows."""
    draw.rectangle(at((22, 100), (86, 158)), fill="#b5573c")
    for row, y in enumerate(range(100, 158, 4)):
        draw.line(at((22, y), (86, y)), fill="#e0c9b4", width=FINE // 2)
        for x in range(22 + 4 * (row % 2), 87, 8):
            draw.line(at((x, y), (x, y + 4)), fill="#e0c9b4", width=FINE // 2)
    draw.polygon(at((14, 100), (54, 66), (94, 100)), fill="#3c3f4d")
    for offset in range(-36, 40, 6):
        draw.line(at((54, 66), (54 + offset, 100)), fill="#72778c", width=FINE // 2)
    draw.rectangle(at((48, 126), (62, 158)), fill="#2d2a33")
    for left in (28, 68):
        draw.rectangle(at((left, 112), (left + 13, 126)), fill="#f2ead0")
        draw.line(at((left + 6.5, 112), (left + 6.5, 126)), fill="#2d2a33", width=FINE)
        draw.line(at((left, 119), (left + 13, 119)), fill="#2d2a33", width=FINE)


def tree(draw: ImageDraw.ImageDraw) -> None:
    """A trunk, and leaves as many small discs of changing shade."""
    draw.polygon(at((136, 164), (140, 112), (146, 112), (151, 164)), fill="#5a4230")
    random = np.random.default_rng(1)
    for angle, radius, size, shade in random.uniform((0, 0, 1.5, 0), (6.3, 1, 4, 1), (600, 4)):
        x, y = 143 + 27 * radius**0.5 * np.cos(angle), 96 + 25 * radius**0.5 * np.sin(angle)
        colour = (int(20 + 70 * shade), int(70 + 90 * shade), int(30 + 30 * shade))
        draw.ellipse(at((x - size, y - size), (x + size, y + size)), fill=colour)


def fence(draw: ImageDraw.ImageDraw) -> None:
    """White pales, the finest vertical stripes of the picture."""
    draw.line(at((92, 172), (192, 168)), fill="#e9e9e4", width=2 * FINE)
    draw.line(at((92, 181), (192, 177)), fill="#e9e9e4", width=2 * FINE)
    for x in range(96, 192, 7):
        y = 188 - 0.04 * (x - 92)
        draw.polygon(
            at((x, y), (x, y - 20), (x + 1.5, y - 23), (x + 3, y - 20), (x + 3, y)), "#fff"
        )


if __name__ == "__main__":
    main()
