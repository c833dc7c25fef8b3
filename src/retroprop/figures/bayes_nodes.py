"""The boxes of a drawing: what each shows, how large it is, and about how wide a text is."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_STATES = 10
LONGEST_NAME = 22
FONT = 13.0
SMALL = 11.0
ROW = 17.0
BAR = 64.0
PAD = 9.0
HEADER = 25.0
INK, BLUE, GREEN, VERMILION = "#1b1b1b", "#0067a5", "#00734f", "#b34700"


@dataclass(frozen=True)
class Row:
    """A state: its label and its probabilities now and before."""

    label: str
    now: float
    before: float | None


class Box:
    """A node: what it shows and how large it is."""

    def __init__(
        self,
        *,
        name: str,
        states: Sequence[str],
        now: Sequence[float],
        before: Sequence[float] | None,
        role: str,
        with_bars: bool,
    ) -> None:
        self.name, self.role, self.with_bars = name, role, with_bars
        order = range(len(states))
        if len(states) > MOST_STATES:  # the most probable ones, still in their order
            order = sorted(sorted(order, key=lambda i: -now[i])[: MOST_STATES - 1])
        self.left_out = len(states) - len(order)
        self.rows = [Row(states[i], now[i], before[i] if before else None) for i in order]
        top = max(range(len(states)), key=lambda i: now[i])
        self.best = Row(states[top], now[top], None)
        self.label_width = max(text_width(shown(row.label), SMALL) for row in self.rows)
        tag = text_width("uncertain", SMALL) + 10 if role else 0
        header = text_width(shown(name), FONT) + tag
        if with_bars:
            inner = max(header, self.label_width + 8 + BAR + 6 + text_width("100.0", SMALL))
            n_rows = len(self.rows) + (self.left_out > 0)
            self.size = (inner + 2 * PAD, HEADER + n_rows * ROW + 7)
        else:
            best = text_width(f"{shown(self.best.label)} 100.0", SMALL)
            self.size = (max(header, best) + 2 * PAD, HEADER + ROW + 2)

    @property
    def colour(self) -> str:
        """Of the bars, and of the frame when there is a role."""
        return {"observed": GREEN, "do": VERMILION}.get(self.role, BLUE)


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif font, rather too wide than too narrow."""
    narrow, wide = "iljtfrI.,:;'|!()[] ", "mwMW%@—…→"
    em = sum(
        0.36 if c in narrow else 0.92 if c in wide else 0.74 if c.isupper() else 0.6 for c in text
    )
    return em * size


def shown(text: str) -> str:
    """A name, cut when it is long."""
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
