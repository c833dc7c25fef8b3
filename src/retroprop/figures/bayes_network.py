"""A network as a picture: its graph, and in each node the probability of every state, as SVG.

What is observed and what an intervention fixes is framed and named; an intervention cuts the arrows
that lead to it, and they are drawn cut. A thin mark in a bar is the probability before anything was
observed or done, so one sees what has changed.

The picture follows the reader's light or dark setting, needs no font of its own, and says in words
what it shows. No information is in colour alone.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Literal, get_args

from retroprop.bayes.network import Network
from retroprop.bayes.queries import posteriors
from retroprop.errors import UserError, did_you_mean
from retroprop.figures.bayes_nodes import (
    BLUE,
    FONT,
    GREEN,
    HEADER,
    INK,
    PAD,
    ROW,
    SMALL,
    VERMILION,
    Box,
    Row,
    shown,
    text_width,
)
from retroprop.figures.bezier import Curve, path_of, straight, with_gap
from retroprop.figures.graph_layout import lay_out
from retroprop.languages import say_later, translator

MOST_WITH_BARS = 45
MOST_BOXES = 150
MOST_DESCRIBED = 60  # arrows and boxes, in words

_DARK = {INK: "#e8e8e6", BLUE: "#56b4e9", GREEN: "#2fc79a", VERMILION: "#f0a030"}
_LIGHT_GROUND, _DARK_GROUND = "#ffffff", "#15181b"

Theme = Literal["auto", "light", "dark", "plain"]
_ROLES = {"observed": say_later("observed"), "soft": say_later("uncertain")}
_FAMILY = "Liberation Sans, Arial, Helvetica, sans-serif"


class Drawing(str):
    """The text of an SVG, which notebooks show as a picture.

    Attributes:
        description: The same in words, for those who cannot see it.
    """

    description: str

    def __new__(cls, text: str, description: str = "") -> "Drawing":
        """Keep the description beside the text."""
        drawing = super().__new__(cls, text)
        drawing.description = description
        return drawing

    def _repr_svg_(self) -> str:
        return str(self)


def draw_network(
    net: Network,
    *,
    given: Mapping[str, Any] | None = None,
    do: Mapping[str, Any] | None = None,
    soft: Mapping[str, Sequence[float]] | None = None,
    around: str | Sequence[str] = (),
    steps: int = 1,
    title: str = "",
    language: str = "en",
    theme: Theme = "auto",
    name: str = "network",
) -> Drawing:
    """Draw a network with the probabilities of all variables after observing and intervening.

    Args:
        net: The network.
        given: Observed states.
        do: States fixed by intervention.
        soft: Likelihoods of the states of variables.
        around: Draw only these variables and those within some steps of them.
        steps: How many arrows away from `around`.
        title: What the picture shows, in a few words.
        language: "en" or "fr".
        theme: "auto" follows the reader; "light" and "dark" are fixed, with a ground; "plain" has
            the light colours without a ground, to be set into a page.
        name: A word that makes the ids of the picture unique in its page.

    Raises:
        UserError: For unknown names, impossible evidence, or more variables than can be drawn.
    """
    themes = get_args(Theme)
    if theme not in themes:
        raise UserError(f"no theme {theme!r} for drawings. {did_you_mean(str(theme), themes)}")
    chosen = _chosen(net, around, steps)
    given, do = net.state_indices(given or {}), net.state_indices(do or {})
    roles = {"observed": given, "do": do, "soft": soft or {}}
    answers = posteriors(net, given, do, soft)
    before = posteriors(net) if any(roles.values()) else None
    with_bars = len(chosen) <= MOST_WITH_BARS
    boxes = {}
    for one in chosen:
        role = next((role for role, names in roles.items() if one in names), "")
        boxes[one] = Box(
            name=one,
            states=net.states[one],
            now=[float(p) for p in answers[one].values],
            before=[float(p) for p in before[one].values] if before else None,
            role=role,
            with_bars=with_bars,
        )
    picture = _Picture(net, boxes, given, do, language, theme, name)
    return Drawing(picture.svg(title), picture.description())


def _chosen(net: Network, around: str | Sequence[str], steps: int) -> list[str]:
    """The variables to draw, in the order of the network."""
    centre = net.names_of(around)
    if not centre:
        chosen = set(net.variables)
        fix = "draw a part of it with around=… (--around)"
    else:
        if not isinstance(steps, int) or steps < 0:
            raise UserError(f"steps must be a whole number from 0, and got {steps!r}.")
        chosen = set(centre)
        for _ in range(min(steps, len(net.variables))):
            for one in tuple(chosen):
                chosen.update(net.parents[one], net.children[one])
        fix = "take fewer steps"
    if len(chosen) > MOST_BOXES:
        raise UserError(
            f"the drawing would have {len(chosen):,} variables, and more than {MOST_BOXES} cannot "
            f"be read; {fix}."
        )
    return [one for one in net.variables if one in chosen]


# --- the picture ----------------------------------------------------------------------------------


class _Picture:
    """Writes the SVG."""

    def __init__(
        self,
        net: Network,
        boxes: Mapping[str, Box],
        given: Mapping[str, Any],
        do: Mapping[str, Any],
        language: str,
        theme: str,
        name: str,
    ) -> None:
        self.net, self.boxes, self.given, self.do = net, boxes, given, do
        self.say, self.language, self.theme, self.name = translator(language), language, theme, name
        self.parents = {
            one: [parent for parent in net.parents[one] if parent in boxes] for one in boxes
        }
        sizes = {one: box.size for one, box in boxes.items()}
        self.layout = lay_out(self.parents, sizes)
        self.margin = 16.0
        self.with_bars = next(iter(boxes.values())).with_bars

    def svg(self, title: str) -> str:
        title = title or self.say("Bayesian network of {n} variables").format(
            n=len(self.net.variables)
        )
        width = max(self.layout.width, 300.0) + 2 * self.margin
        lines = _wrapped(self.notes(marks=True), width - 2 * self.margin)
        height = self.layout.height + 2 * self.margin + 14 + 16 * len(lines)
        shift = (width - self.layout.width) / 2
        parts = [self.opening(width, height, title), self.style()]
        if self.theme in ("auto", "light", "dark"):
            ground = _LIGHT_GROUND
            parts.append(
                f'<rect class="ground" width="{width:.0f}" height="{height:.0f}" fill="{ground}"/>'
            )
        parts.append(f'<g transform="translate({shift:.1f} {self.margin:.1f})">')
        parts += self.arrows()
        parts += [self.box(box) for box in self.boxes.values()]
        parts.append("</g>")
        y = self.layout.height + self.margin + 26
        for line in lines:
            parts.append(self.text(self.margin, y, line, size=SMALL, colour=INK))
            y += 16
        parts.append("</svg>")
        drawn = "\n".join(part for part in parts if part)
        if self.theme == "dark":
            drawn = drawn.replace(_LIGHT_GROUND, _DARK_GROUND)
            for light, dark in _DARK.items():
                drawn = drawn.replace(light, dark)
        return drawn + "\n"

    def opening(self, width: float, height: float, title: str) -> str:
        name = self.name
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" id="{name}" role="img" '
            f'aria-labelledby="{name}-title {name}-desc" font-family="{_FAMILY}">'
            f'<title id="{name}-title">{escape(title)}</title>'
            f'<desc id="{name}-desc">{escape(self.description())}</desc>'
        )

    def style(self) -> str:
        """The colours of a dark page; without this style the picture is light."""
        if self.theme != "auto":
            return ""
        scope = f"#{self.name}"
        rules = [f"{scope} .ground{{fill:{_DARK_GROUND}}}"]
        for light, dark in _DARK.items():
            rules.append(f'{scope} [fill="{light}"]{{fill:{dark}}}')
            rules.append(f'{scope} [stroke="{light}"]{{stroke:{dark}}}')
        return f"<style>@media (prefers-color-scheme: dark){{{' '.join(rules)}}}</style>"

    # --- boxes ------------------------------------------------------------------------------------

    def box(self, box: Box) -> str:
        x, y = self.layout.boxes[box.name]
        width, height = box.size
        left = x - width / 2
        strong = box.role in ("observed", "do")
        frame = box.colour if strong else INK
        parts = [
            f"<g><title>{escape(box.name)}</title>",
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5" '
            f'fill="{INK}" fill-opacity="0.035" stroke="{frame}" '
            f'stroke-width="{2.6 if strong else 1}" '
            f'stroke-opacity="{1 if strong else 0.55}"/>',
            self.text(left + PAD, y + 17, shown(box.name), size=FONT, weight=600),
        ]
        if box.role:
            tag = self.say(_ROLES[box.role]) if box.role in _ROLES else box.role
            parts.append(
                self.text(left + width - PAD, y + 17, tag, size=SMALL, anchor="end",
                          colour=frame, weight=600)
            )  # fmt: skip
        top = y + HEADER
        if not box.with_bars:
            label = f"{shown(box.best.label)} {self.percent(box.best.now)}"
            parts.append(self.text(left + PAD, top + 12, label, size=SMALL))
        else:
            for row in box.rows:
                parts.append(self.row(box, row, left + PAD, top))
                top += ROW
            if box.left_out:
                more = self.say("{n} more states").format(n=box.left_out)
                parts.append(self.text(left + PAD, top + 12, more, size=SMALL))
        return "".join([*parts, "</g>"])

    def row(self, box: Box, row: Row, left: float, top: float) -> str:
        """A state's label, bar, mark and number."""
        bar = left + box.label_width + 8
        right = left + box.size[0] - 2 * PAD
        length = max(right - bar - 6 - text_width("100.0", SMALL), 10)
        parts = [
            self.text(left, top + 12, shown(row.label), size=SMALL),
            f'<rect x="{bar:.1f}" y="{top + 3:.1f}" width="{length:.1f}" height="10" '
            f'fill="{INK}" fill-opacity="0.09"/>',
            f'<rect x="{bar:.1f}" y="{top + 3:.1f}" width="{length * row.now:.1f}" height="10" '
            f'fill="{box.colour}"/>',
        ]
        if row.before is not None:
            at = bar + length * row.before
            parts.append(
                f'<path d="M{at:.1f} {top + 0.5:.1f}v15" stroke="{INK}" stroke-width="1.5"/>'
            )
        number = self.percent(row.now)
        parts.append(self.text(right, top + 12, number, size=SMALL, anchor="end"))
        return "".join(parts)

    def percent(self, share: float) -> str:
        """In per cent with one digit; what is not 0 or 100 is never written as if it were."""
        text = f"{100 * share:.1f}"
        if text == "0.0" and share > 0:
            text = "<0.1"
        elif text == "100.0" and share < 1 - 1e-12:
            text = ">99.9"
        return text.replace(".", ",") if self.language == "fr" else text

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float,
        anchor: str = "start",
        colour: str = INK,
        weight: int = 400,
    ) -> str:
        more = f' text-anchor="{anchor}"' if anchor != "start" else ""
        more += f' font-weight="{weight}"' if weight != 400 else ""
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"{more}>'
            f"{escape(words)}</text>"
        )

    # --- arrows -----------------------------------------------------------------------------------

    def arrows(self) -> list[str]:
        parts = []
        leave, arrive = self.ports()
        for head, tails in self.parents.items():
            for tail in tails:
                curves = self.route(tail, head, leave[tail, head], arrive[tail, head])
                parts.append(self.arrow(curves, cut=head in self.do))
        return parts

    def ports(self) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
        """Where each arrow leaves and enters a box, so that heads do not lie on each other."""
        leave: dict[tuple[str, str], float] = {}
        arrive: dict[tuple[str, str], float] = {}
        bends = self.layout.bends
        for one in self.boxes:
            middle, width = self.layout.boxes[one][0], self.boxes[one].size[0]
            outgoing = [(one, head) for head in self.boxes if one in self.parents[head]]
            incoming = [(tail, one) for tail in self.parents[one]]
            for arrows, ends, far, place in (
                (outgoing, leave, 1, 0),
                (incoming, arrive, 0, -1),
            ):
                towards = {
                    arrow: bends[arrow][place][0]
                    if arrow in bends
                    else self.layout.boxes[arrow[far]][0]
                    for arrow in arrows
                }
                arrows.sort(key=towards.__getitem__)
                step = min(16.0, (width - 24) / max(len(arrows), 1))
                for i, arrow in enumerate(arrows):
                    ends[arrow] = middle + (i - (len(arrows) - 1) / 2) * step
        return leave, arrive

    def route(self, tail: str, head: str, start: float, end: float) -> list[Curve]:
        """The curves of an arrow, from box to box through its bends."""
        tops, bottoms = self.layout.tops, self.layout.bottoms
        layer = self.layout.layers[tail]
        bottom = self.layout.boxes[tail][1] + self.boxes[tail].size[1]
        curves: list[Curve] = []
        x, y = start, bottom
        stops = [*self.layout.bends.get((tail, head), ()), (end, self.layout.layers[head])]
        for next_x, next_layer in stops:
            if y < bottoms[layer]:
                curves.append(straight(x, y, bottoms[layer]))
                y = bottoms[layer]
            below = tops[next_layer]
            middle = (y + below) / 2
            curves.append(((x, y), (x, middle), (next_x, middle), (next_x, below)))
            x, y, layer = next_x, below, next_layer
        return curves

    def arrow(self, curves: Sequence[Curve], *, cut: bool) -> str:
        """A line with its head; a cut one is dashed, has a gap, and a cross in the gap."""
        (x, y) = curves[-1][3]
        colour = VERMILION if cut else INK
        head = (
            f'<path d="M{x:.1f} {y:.1f}l-4.5 -9l4.5 2.2l4.5 -2.2z" fill="{colour}" '
            f'fill-opacity="{0.55 if cut else 0.8}"/>'
        )
        line = f'fill="none" stroke="{colour}" stroke-opacity="0.7" stroke-width="1.4"'
        if not cut:
            return f'<path d="{path_of(curves)}" {line}/>{head}'
        first, second, middle = with_gap(curves)
        mx, my = middle
        cross = f"M{mx - 5:.1f} {my - 5:.1f}l10 10m0 -10l-10 10"
        return (
            f'<path d="{path_of(first)}" {line} stroke-dasharray="4 3"/>'
            f'<path d="{path_of(second)}" {line} stroke-dasharray="4 3"/>'
            f'<path d="{cross}" fill="none" stroke="{VERMILION}" stroke-width="2.4"/>{head}'
        )

    # --- words ------------------------------------------------------------------------------------

    def notes(self, *, marks: bool) -> list[str]:
        """What stands under the picture; without what its marks are, how its description begins."""
        say = self.say
        found = []
        if self.given:
            found.append(say("Observed: {what}.").format(what=self.net.written(self.given)))
        if self.do:
            text = say("Set by intervention: {what}; arrows to it are cut.")
            found.append(text.format(what=self.net.written(self.do)))
        found.append(
            say("Bars: probability of each state, in per cent.")
            if self.with_bars
            else say("Too many variables for bars: each box names the most probable state.")
        )
        marked = any(row.before is not None for box in self.boxes.values() for row in box.rows)
        if marks and marked and self.with_bars:
            found.append(say("Thin mark: before anything was observed or set."))
        if len(self.boxes) < len(self.net.variables):
            text = say("{n} of {all} variables; the others are left out.")
            found.append(text.format(n=len(self.boxes), all=len(self.net.variables)))
        return found

    def description(self) -> str:
        """What the picture shows, for those who cannot see it."""
        say = self.say
        arrows = [
            say("{tail} to {head} (cut)" if head in self.do else "{tail} to {head}").format(
                tail=tail, head=head
            )
            for head, tails in self.parents.items()
            for tail in tails
        ]
        if len(arrows) > MOST_DESCRIBED:
            left_out = say("{n} more").format(n=len(arrows) - MOST_DESCRIBED)
            arrows = [*arrows[:MOST_DESCRIBED], left_out]
        text = say("Arrows: {what}." if arrows else "Arrows: none.")
        found = [text.format(what=", ".join(arrows))]
        for box in list(self.boxes.values())[:MOST_DESCRIBED]:
            rows = ", ".join(
                f"{row.label} {say('{n}%').format(n=self.percent(row.now))}" for row in box.rows
            )
            found.append(f"{box.name}: {rows}.")
        return " ".join([*self.notes(marks=False), *found])


def _wrapped(notes: Sequence[str], width: float) -> list[str]:
    """Sentences in lines that fit."""
    lines: list[str] = []
    for note in notes:
        line = ""
        for word in note.split(" "):
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, SMALL) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines
