"""The picture of a layer with windows as an SVG that moves: window by window, value by value.

Only style sheets move it, no script: it runs where images may not run code, keeps still for people
who asked their system for less motion, and pauses under the pointer or the keyboard's focus. It has
its own ground and follows the page's light and dark. Where there are many windows, the first and
the last and some between them are shown.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from retroprop.figures.convolution_diagram import (
    KERNEL,
    MADE,
    PIXEL,
    Along,
    Scene,
    captions,
)
from retroprop.languages import Say

MOST_FRAMES = 144
"""Windows that are shown; more make the file large and the visit long."""

WIDTH = 640
"""Of the picture, in its own units."""

_MARGIN = 20
_TITLE = 34
_CAPTION = 30


class Frame(NamedTuple):
    """One moment: the window of one value of the output."""

    row: int
    column: int


def frames(picture: Scene) -> list[Frame]:
    """The moments, row by row: all windows, or evenly chosen rows and columns of them."""
    rows, columns = picture.output
    if rows * columns > MOST_FRAMES:
        side = int(MOST_FRAMES**0.5)
        return [Frame(i, j) for i in _spread(rows, side) for j in _spread(columns, side)]
    return [Frame(i, j) for i in range(rows) for j in range(columns)]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, the first and the last among them.

    >>> _spread(9, 3), _spread(2, 3)
    ([0, 4, 8], [0, 1])
    """
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def to_moving_svg(
    picture: Scene,
    *,
    name: str,
    title: str,
    moving: bool = True,
    say: Say = str,
) -> str:
    """The picture as an SVG element.

    Args:
        picture: What to draw.
        name: A word that makes ids and classes unique in a page ("conv1").
        title: What stands above it, and is read to people who cannot see it.
        moving: Whether it moves.
        say: Turns the English words into the reader's language.
    """
    return _Drawing(picture, name, title, moving, say).svg()


class _Drawing:
    """Where everything stands, in units of the picture."""

    def __init__(self, picture: Scene, name: str, title: str, moving: bool, say: Say) -> None:
        self.picture, self.name, self.title, self.moving = picture, name, title, moving
        self.say = say
        height, width = picture.axes
        rows, columns = picture.output
        gap = 64.0
        room = WIDTH - 2 * _MARGIN - gap
        self.cell = min(34.0, room / (width.cells + columns), 420 / max(height.cells, rows))
        high = max(height.cells, rows) * self.cell
        broad = (width.cells + columns) * self.cell + gap
        self.x = (WIDTH - broad) / 2
        self.y = _TITLE + _MARGIN + (high - height.cells * self.cell) / 2
        self.x_out = self.x + width.cells * self.cell + gap
        self.y_out = _TITLE + _MARGIN + (high - rows * self.cell) / 2
        self.bottom = _TITLE + _MARGIN + high
        self.frames = frames(picture)
        self.complete = len(self.frames) == rows * columns
        self.height = self.bottom + _CAPTION * (1 if self.complete else 2) + 12
        self.still = self.frames[len(self.frames) // 2]

    def svg(self) -> str:
        description = self.say(
            "A window moves over the input, row by row; each of its places fills one value of the "
            "output."
        )
        text = " ".join(captions(self.picture, self.say))
        n = self.name
        return "".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" id="{n}" viewBox="0 0 {WIDTH} '
                f'{_n(self.height)}" role="img" aria-labelledby="{n}-title {n}-desc"'
                f"{' tabindex=' + chr(34) + '0' + chr(34) if self.moving else ''}>",
                f'<title id="{n}-title">{escape(self.title)}</title>',
                f'<desc id="{n}-desc">{escape(text)}. {escape(description)}</desc>',
                f"<style>{self._style()}</style>",
                f"<defs>{self._patterns()}</defs>",
                f'<rect class="{n}-ground" width="{WIDTH}" height="{_n(self.height)}" rx="8"/>',
                self._words(),
                self._input(),
                self._output(),
                self._window(),
                "</svg>\n",
            ]
        )

    # -- what stands still --------------------------------------------------------------------

    def _style(self) -> str:
        n = self.name
        light = {"ground": "#ffffff", "ink": "#1b1b1b"}
        light |= {"pixel": PIXEL.light, "kernel": KERNEL.light, "made": MADE.light}
        dark = {"ground": "#16181d", "ink": "#e8e8e8"}
        dark |= {"pixel": PIXEL.dark, "kernel": KERNEL.dark, "made": MADE.dark}
        rules = [
            f"#{n}{{{_variables(light)};max-width:100%}}",
            f"@media (prefers-color-scheme:dark){{#{n}{{{_variables(dark)}}}}}",
            f".{n}-ground{{fill:var(--ground)}}",
            f".{n}-text{{fill:var(--ink);font:14px system-ui,sans-serif}}",
            f".{n}-title{{font-weight:600;font-size:16px}}",
            f".{n}-faint{{fill:none;stroke:var(--ink);stroke-opacity:.3}}",
            f".{n}-pixel{{fill:var(--pixel);fill-opacity:.24;stroke:var(--pixel)}}",
            f".{n}-tap{{fill:var(--kernel);fill-opacity:.72}}",
            f".{n}-frame{{fill:none;stroke:var(--kernel);stroke-width:2.5;"
            "vector-effect:non-scaling-stroke}",
            f".{n}-place{{fill:var(--made);fill-opacity:.1;stroke:var(--made)}}",
            f".{n}-done{{fill:var(--made);fill-opacity:.4}}",
            f".{n}-now{{fill:var(--made);stroke:var(--kernel);stroke-width:2.5}}",
        ]
        return "".join(rules) + (self._motion() if self.moving else "")

    def _patterns(self) -> str:
        """One cell of each kind, repeated where it is used: a large picture stays a small file."""
        height, width = self.picture.axes
        thin = min(1.0, self.cell / 8) if self.cell > 5 else 0.0  # no lines between tiny cells
        cells = [
            ("padding", "faint", (self.x, self.y), (1, 1)),
            ("pixels", "pixel", self._pixel_corner(), (_step(width), _step(height))),
            ("places", "place", (self.x_out, self.y_out), (1, 1)),
        ]
        if width.taps is not None and height.taps is not None:
            cells.append(("taps", "tap", (0, 0), (_gap(width.taps), _gap(height.taps))))
        made = []
        for name, style, (x, y), (across, down) in cells:
            dash = (
                f' stroke-dasharray="{_n(self.cell / 8)}"'
                if name == "padding" and self.cell > 8
                else ""
            )
            made.append(
                f'<pattern id="{self.name}-{name}" patternUnits="userSpaceOnUse" x="{_n(x)}" '
                f'y="{_n(y)}" width="{_n(across * self.cell)}" height="{_n(down * self.cell)}">'
                f'<rect class="{self.name}-{style}" x="{_n(thin / 2)}" y="{_n(thin / 2)}" '
                f'width="{_n(self.cell - thin)}" height="{_n(self.cell - thin)}" '
                f'stroke-width="{_n(thin)}"{dash}/></pattern>'
            )
        return "".join(made)

    def _pixel_corner(self) -> tuple[float, float]:
        height, width = self.picture.axes
        return self.x + width.pixels[0] * self.cell, self.y + height.pixels[0] * self.cell

    def _words(self) -> str:
        n, (below, made) = self.name, captions(self.picture, self.say)
        height, width = self.picture.axes
        rows, columns = self.picture.output
        under = self.y + height.cells * self.cell + 22
        under_out = self.y_out + rows * self.cell + 22
        centre = self.x + width.cells * self.cell / 2
        centre_out = self.x_out + columns * self.cell / 2
        half = 4.0 * len(made)  # of the caption, about: it must not leave the picture
        centre_out = min(centre_out, WIDTH - _MARGIN / 2 - half)
        words = [
            f'<text class="{n}-text {n}-title" x="{WIDTH / 2}" y="{_TITLE}" text-anchor="middle">'
            f"{escape(self.title)}</text>",
            *(
                f'<text class="{n}-text" x="{_n(x)}" y="{_n(y)}" text-anchor="middle">'
                f"{escape(text)}</text>"
                for x, y, text in ((centre, under, below), (centre_out, under_out, made))
            ),
        ]
        if not self.complete and self.moving:
            some = self.say("{some} of {all} windows are shown").format(
                some=len(self.frames), all=rows * columns
            )
            words.append(
                f'<text class="{n}-text" x="{WIDTH / 2}" y="{_n(self.bottom + 50)}" '
                f'text-anchor="middle">{escape(some)}</text>'
            )
        return "".join(words)

    def _input(self) -> str:
        height, width = self.picture.axes
        x, y = self._pixel_corner()
        parts = []
        if self.picture.surrounded:
            size = width.cells * self.cell, height.cells * self.cell
            parts.append(self._fill("padding", self.x, self.y, *size))
            if not self.picture.inserted:  # no line of the padding shows through the pixels
                parts.append(self._rect("ground", x, y, *self._pixel_size()))
        parts.append(self._fill("pixels", x, y, *self._pixel_size()))
        return "".join(parts)

    def _pixel_size(self) -> tuple[float, float]:
        height, width = self.picture.axes
        return (
            (width.pixels[-1] - width.pixels[0] + 1) * self.cell,
            (height.pixels[-1] - height.pixels[0] + 1) * self.cell,
        )

    def _output(self) -> str:
        rows, columns = self.picture.output
        size = columns * self.cell, rows * self.cell
        parts = [self._fill("places", self.x_out, self.y_out, *size)]
        if self.complete:  # the rows that are done, and the part of the row that is being done
            for name in ("rows", "part"):
                width = columns if name == "rows" else 1
                parts.append(
                    f'<rect class="{self.name}-done {self.name}-{name}" '
                    f'width="{_n(width * self.cell)}" height="{_n(self.cell)}" '
                    f'transform="{self._of(name, self.still, css=False)}"/>'
                )
        parts.append(
            f'<rect class="{self.name}-now {self.name}-value" width="{_n(self.cell)}" '
            f'height="{_n(self.cell)}" transform="{self._of("value", self.still, css=False)}"/>'
        )
        return "".join(parts)

    def _window(self) -> str:
        height, width = self.picture.axes
        if width.taps is None or height.taps is None:  # windows that differ: one cell, stretched
            size, fill = (self.cell, self.cell), f'class="{self.name}-tap"'
        else:
            size = (width.taps[-1] + 1) * self.cell, (height.taps[-1] + 1) * self.cell
            fill = f'fill="url(#{self.name}-taps)"'
        body = f'width="{_n(size[0])}" height="{_n(size[1])}"'
        place = self._of("window", self.still, css=False)
        return (
            f'<g class="{self.name}-window" transform="{place}">'
            f'<rect {fill} {body}/><rect class="{self.name}-frame" {body}/></g>'
        )

    def _fill(self, pattern: str, x: float, y: float, width: float, height: float) -> str:
        return (
            f'<rect fill="url(#{self.name}-{pattern})" x="{_n(x)}" y="{_n(y)}" '
            f'width="{_n(width)}" height="{_n(height)}"/>'
        )

    def _rect(self, style: str, x: float, y: float, width: float, height: float) -> str:
        return (
            f'<rect class="{self.name}-{style}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" '
            f'height="{_n(height)}"/>'
        )

    # -- what moves ---------------------------------------------------------------------------

    def _motion(self) -> str:
        """Keyframes that jump from window to window."""
        count = len(self.frames)
        seconds = max(0.16, min(0.6, 24 / count)) * count
        names = ["window", "value", *(["rows", "part"] if self.complete else [])]
        rules = []
        for name in names:
            steps = []
            before = ""
            for number, frame in enumerate(self.frames):
                place = self._of(name, frame, css=True)
                if place != before:
                    steps.append(f"{_n(100 * number / count, 3)}%{{transform:{place}}}")
                before = place
            last = f"100%{{transform:{before}}}"
            rules.append(f"@keyframes {self.name}-{name}{{{''.join(steps)}{last}}}")
            rules.append(
                f".{self.name}-{name}{{animation:{self.name}-{name} {_n(seconds)}s step-end "
                "infinite}"
            )
        moving = ",".join(f".{self.name}-{name}" for name in names)
        paused = ",".join(
            f"#{self.name}:{state} .{self.name}-{name}"
            for state in ("hover", "focus")
            for name in names
        )
        rules.append(f"{paused}{{animation-play-state:paused}}")
        rules.append(f"@media (prefers-reduced-motion:reduce){{{moving}{{animation:none}}}}")
        return "".join(rules)

    def _of(self, name: str, frame: Frame, *, css: bool) -> str:
        """Where a moving part is in a frame, as a transform of CSS or of an attribute."""
        c, across, down = self.cell, 1, 1
        if name == "window":
            first_row, tall = self.picture.height.windows[frame.row]
            first_column, broad = self.picture.width.windows[frame.column]
            x, y = self.x + first_column * c, self.y + first_row * c
            if self.picture.width.taps is None:
                across, down = broad, tall
        elif name == "value":
            x, y = self.x_out + frame.column * c, self.y_out + frame.row * c
        elif name == "rows":
            x, y, down = self.x_out, self.y_out, frame.row
        else:
            x, y, across = self.x_out, self.y_out + frame.row * c, frame.column
        unit = "px" if css else ""
        moved = f"translate({_n(x)}{unit},{_n(y)}{unit})"
        return moved if (across, down) == (1, 1) else f"{moved} scale({across},{down})"


def _step(along: Along) -> int:
    """Cells from one pixel to the next."""
    return along.pixels[1] - along.pixels[0] if len(along.pixels) > 1 else 1


def _gap(taps: Sequence[int]) -> int:
    """Cells from one element of the kernel to the next."""
    return taps[1] - taps[0] if len(taps) > 1 else 1


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


def _n(value: float, digits: int = 2) -> str:
    """A number without needless digits."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
