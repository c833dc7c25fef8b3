"""The Interchange Format (BIF): read and written.

    network asia { property "source = …"; }
    variable smoke { type discrete [ 2 ] { yes, no }; }
    probability ( lung | smoke ) { (yes) 0.1, 0.9; (no) 0.01, 0.99; }

A block lists a row of the table for each configuration of the parents, or all of it after `table`,
or a row for the configurations that are not listed after `default`. After `table`, the states of
the child change slowest and those of the last parent fastest, as the format's text has it; we write
rows. Commas and bars between words carry no meaning, except that one variable stands before a bar.

Source: F. Cozman, The Interchange Format for Bayesian Networks, version 0.15 (1997).
"""

import re
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.files.description import TOLERANCE, Builder, Description
from retroprop.bayes.files.source import LIMITS, Limits, Source, number
from retroprop.errors import UserError, did_you_mean

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r'(?:[^\s{}()\[\];,|"/]+|/(?![/*]))+')
_QUOTED = re.compile(r'"([^"\n]*)"')
_VALUES = re.compile(r"[-+0-9.eE,\s]*")  # what a run of numbers is made of
_SIMPLE_BLOCK = re.compile(r'\([^()"/{}]*\)\s*\{[^"/{}]*\}')
_PLAIN = re.compile(r"[A-Za-z0-9_.+\-<>=%*:&#@!?$^~'/]+")


def parse_bif(
    source: Source, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in BIF.

    Raises:
        UserError: If it is malformed, with line and column.
    """
    return _Parser(source, Builder(source.fail, limits, tolerance)).network()


class _Parser:
    """Walks over the text; `self.at` is the place of the next token."""

    def __init__(self, source: Source, builder: Builder) -> None:
        self.source, self.text, self.builder = source, source.text, builder
        self.at = 0
        self.skip()

    # --- blocks ---------------------------------------------------------------------------------

    def network(self) -> Description:
        name, properties, blocks = "", [], []
        while self.at < len(self.text):
            start = self.at
            keyword = self.word("'network', 'variable' or 'probability'")
            match keyword:
                case "network":
                    name = "" if self.sees("{") else self.word("the name of the network")
                    properties += self.attributes()
                case "variable":
                    self.variable()
                case "probability":
                    blocks.append(self.at)  # read when all variables are known
                    self.skip_block()
                case _:
                    near = did_you_mean(keyword[:30], ("network", "variable", "probability"))
                    self.source.fail(
                        start,
                        "expected 'network', 'variable' or 'probability', and got "
                        f"{keyword[:30]!r}. {near}",
                    )
        for self.at in blocks:
            self.skip()
            self.probability()
        return self.builder.finish(name, properties)

    def attributes(self) -> list[str]:
        """Read `{ property …; property …; }`."""
        found = []
        self.take("{")
        while not self.sees("}"):
            start = self.at
            if self.word("'property' or '}'") != "property":
                self.source.expected(start, "'property' or '}'")
            found.append(self.property())
        self.take("}")
        return found

    def property(self) -> str:
        words = []
        while not self.sees(";"):
            words.append(self.word("the text of the property, or ';'", any_mark=True))
        self.take(";")
        return " ".join(words)

    def variable(self) -> None:
        start = self.at
        name = self.word("the name of a variable")
        states: list[str] | None = None
        self.take("{")
        while not self.sees("}"):
            here = self.at
            match self.word("'type', 'property' or '}'"):
                case "type":
                    states = self.type()
                case "property":
                    self.property()
                case _:
                    self.source.expected(here, "'type', 'property' or '}'")
        self.take("}")
        if states is None:
            self.source.fail(start, f"the variable {name[:30]!r} has no type")
        self.builder.add_variable(name, states, start)

    def type(self) -> list[str]:
        """Read `discrete [ 2 ] { yes, no };`."""
        start = self.at
        if self.word("'discrete'") != "discrete":
            self.source.expected(start, "'discrete' (other types of variables are not read)")
        self.take("[")
        start = self.at
        number = self.word("the number of states")
        if not re.fullmatch(r"[0-9]{1,9}", number):
            self.source.expected(start, "the number of states")
        self.take("]")
        self.take("{")
        states = self.names("}")
        self.take("}")
        if not self.sees("}"):  # some writers leave the semicolon out
            self.take(";")
        if len(states) != int(number):
            self.source.fail(start, f"expected {number} states, and got {len(states)}")
        return states

    def probability(self) -> None:
        start = self.at
        self.take("(")
        child = self.word("the name of a variable")
        parents = self.names(")", before_bar=False)
        self.take(")")
        shape = self.builder.add_family(child, parents, start)
        table = np.full(shape, np.nan)
        default: NDArray[np.float64] | None = None
        indices = [{state: i for i, state in enumerate(self.builder.states[p])} for p in parents]
        self.take("{")
        while not self.sees("}"):
            here = self.at
            if self.sees("("):
                row = self.row(indices, parents)
                if not np.isnan(table[row][0]):
                    self.source.fail(here, "this row of the table is given twice")
                table[row] = self.values(shape[-1])
                continue
            match self.word("'(', 'table', 'default', 'property' or '}'"):
                case "table":
                    whole = self.values(table.size).reshape(shape[-1], *shape[:-1])
                    table = np.ascontiguousarray(np.moveaxis(whole, 0, -1))
                case "default":
                    default = self.values(shape[-1])
                case "property":
                    self.property()
                case _:
                    self.source.expected(here, "'(', 'table', 'default', 'property' or '}'")
        self.take("}")
        missing = np.isnan(table[..., 0])
        if missing.any() and default is None:
            index = np.unravel_index(int(np.argmax(missing)), missing.shape)
            given = self.builder.configuration(child, index)
            self.source.fail(start, f"the table of {child[:30]!r} has no row{given}")
        if default is not None:
            table = np.where(missing[..., None], default, table)
        self.builder.add_table(child, table, start)

    def row(self, indices: Sequence[dict[str, int]], parents: Sequence[str]) -> tuple[int, ...]:
        """(yes, no): which row of the table follows."""
        start = self.at
        self.take("(")
        row = []
        while not self.sees(")"):
            here = self.at
            state = self.word("a state of a parent, or ')'")
            if len(row) < len(indices):
                if state not in indices[len(row)]:
                    parent = parents[len(row)]
                    near = did_you_mean(state[:30], list(indices[len(row)])[:50])
                    self.source.fail(here, f"{parent[:30]!r} has no state {state[:30]!r}. {near}")
                row.append(indices[len(row)][state])
            else:
                row.append(0)
        self.take(")")
        if len(row) != len(indices):
            self.source.fail(
                start, f"expected a state of each of the {len(indices)} parents, and got {len(row)}"
            )
        return tuple(row)

    def values(self, count: int) -> NDArray[np.float64]:
        """As many numbers, and the semicolon."""
        start = self.at
        end = _VALUES.match(self.text, start).end()  # type: ignore[union-attr]
        if end - start > 40 * count + 1000:  # no number needs that many characters
            end = start
        words = self.text[start:end].replace(",", " ").split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = []
        self.at = end
        self.skip()
        if len(numbers) != count or not self.sees(";"):
            numbers = self.slow_values(start, count)
        self.take(";")
        return np.array(numbers)

    def slow_values(self, start: int, count: int) -> list[float]:
        """The same word by word, for numbers with comments between them and for a message."""
        self.at = start
        self.skip()
        numbers: list[float] = []
        while not self.sees(";"):
            here = self.at
            if len(numbers) == count:
                self.source.expected(here, f"';' after {count} probabilities")
            value = number(self.word(f"a probability ({len(numbers)} of {count} so far)"))
            if value is None:
                self.source.expected(here, "a number")
            numbers.append(value)
        if len(numbers) != count:
            self.source.fail(self.at, f"expected {count} probabilities, and got {len(numbers)}")
        return numbers

    # --- words ----------------------------------------------------------------------------------

    def skip(self) -> None:
        """Over blanks and comments."""
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]

    def step(self) -> None:
        """Over a mark, and the blanks behind it."""
        self.at += 1
        self.skip()

    def skip_commas(self) -> None:
        """Over commas and bars, which carry no meaning here."""
        while self.at < len(self.text) and self.text[self.at] in ",|":
            self.step()

    def sees(self, mark: str) -> bool:
        """Whether the next token is this mark; commas and bars are passed over."""
        self.skip_commas()
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> None:
        """Over the mark that must stand here."""
        if not self.sees(mark):
            self.source.expected(self.at, repr(mark))
        self.step()

    def word(self, what: str, *, any_mark: bool = False) -> str:
        """The next word or quoted text."""
        self.skip_commas()
        if found := _WORD.match(self.text, self.at):
            word = found[0]
        elif found := _QUOTED.match(self.text, self.at):
            word = found[1]
        elif any_mark and self.at < len(self.text) and self.text[self.at] not in '};"/':
            word = self.text[self.at]
            self.step()
            return word
        else:
            self.source.expected(self.at, what)
        self.at = found.end()
        self.skip()
        return word

    def names(self, end: str, *, before_bar: bool = True) -> list[str]:
        """Words up to a mark."""
        found = []
        barred = before_bar
        while True:
            while self.at < len(self.text) and self.text[self.at] in ",|":
                if self.text[self.at] == "|" and not before_bar:
                    if barred or found:
                        self.source.fail(self.at, "expected one variable before one '|'")
                    barred = True
                self.step()
            if self.text.startswith(end, self.at):
                return found
            found.append(self.word(f"a name or {end!r}"))

    def skip_block(self) -> None:
        """Over ( … ) { … }, which is read later."""
        start = self.at
        if simple := _SIMPLE_BLOCK.match(self.text, self.at):
            self.at = simple.end()
            self.skip()
            return
        while not self.sees("}"):
            if self.at >= len(self.text):
                self.source.fail(
                    start, "expected '}' after this block, and got the end of the file"
                )
            if self.text[self.at] in "(){;[]":
                self.step()
                continue
            end = _VALUES.match(self.text, self.at).end()  # type: ignore[union-attr]
            if end > self.at:
                self.at = end
                self.skip()
            else:
                self.word("'}'")
        self.take("}")


# --- writing ------------------------------------------------------------------------------------


def write_bif(network: Description) -> str:
    """The network in BIF; numbers are written so that reading gives the same float64.

    Raises:
        UserError: If a name cannot be written in this format.
    """
    lines = [f"network {_written(network.name or 'unknown')} {{"]
    for line in network.properties:
        text = line.replace('"', "'").replace("\n", " ")
        lines.append(f'  property "{text}";')
    lines.append("}")
    for name, states in network.states.items():
        written = ", ".join(map(_written, states))
        lines += [
            f"variable {_written(name)} {{",
            f"  type discrete [ {len(states)} ] {{ {written} }};",
            "}",
        ]
    for name, table in network.tables.items():
        parents = network.parents[name]
        given = f" | {', '.join(map(_written, parents))}" if parents else ""
        lines.append(f"probability ( {_written(name)}{given} ) {{")
        if parents:
            configurations = product(*(map(_written, network.states[p]) for p in parents))
            rows = table.reshape(-1, table.shape[-1]).tolist()
            for states, row in zip(configurations, rows, strict=True):
                lines.append(f"  ({', '.join(states)}) {', '.join(map(repr, row))};")
        else:
            lines.append(f"  table {', '.join(map(repr, table.tolist()))};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _written(name: str) -> str:
    if _PLAIN.fullmatch(name) and "//" not in name and "/*" not in name:
        return name
    if '"' in name or "\n" in name or "\r" in name or not name:
        raise UserError(
            f"the name {name[:30]!r} cannot be written in BIF, which has no way to quote it; "
            "write the network as .json."
        )
    return f'"{name}"'
