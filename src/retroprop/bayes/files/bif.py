"""The Interchange Format (BIF): read and written.

    network asia { property "source = …"; }
    variable smoke { type discrete [ 2 ] { yes, no }; }
    probability ( lung | smoke ) { (yes) 0.1, 0.9; (no) 0.01, 0.99; }

A block lists a row of the table for each configuration of the parents, or all of it after `table`,
or a row for the configurations that are not listed after `default`. After `table`, the states of
the child change slowest and those of the last parent fastest, as the format's text has it; we write
rows. Commas and bars between words carry no meaning, except that one variable stands before a bar.

Other programs write more than the format allows, and we read it where it can mean one thing only:
labels such as [0_25], _25_60] and (25,60], which bnlearn makes of intervals, and unquoted names
with blanks, which pgmpy writes: commas separate them where there are as many as there should be.
A property goes up to its semicolon, so a URL needs no quotes.

Source: F. Cozman, The Interchange Format for Bayesian Networks, version 0.15 (1997).
"""

import re
from collections.abc import Sequence
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.files.description import TOLERANCE, Builder, Description
from retroprop.bayes.files.scanner import Scanner
from retroprop.bayes.files.source import LIMITS, Limits, Source, number, shortened, suggestion
from retroprop.errors import UserError

_VALUES = re.compile(r"[-+0-9.eE,\s]*")  # what a run of numbers is made of
_NUMBER = r"\s*[-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|Inf|∞)\s*"
_LABEL = re.compile(rf'[\[(]{_NUMBER},{_NUMBER}[\])]|(?:[^\s{{}}();,|"/]+|/(?![/*]))+')
_PROPERTY = re.compile(r'((?:"[^"\n]*"|[^";}]++)*+);')
MOST_PROPERTIES = 1000  # of the network
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


class _Parser(Scanner):
    BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
    WORD = re.compile(r'(?:[^\s{}()\[\];,|"/]+|/(?![/*]))+')
    QUOTED = re.compile(r'"([^"\n]*)"')
    IGNORED = ",|"

    def __init__(self, source: Source, builder: Builder) -> None:
        super().__init__(source)
        self.builder = builder

    # --- blocks ---------------------------------------------------------------------------------

    def network(self) -> Description:
        name, properties, blocks = "", [], []
        while self.at < len(self.text):
            start = self.at
            keyword = self.word("'network', 'variable' or 'probability'")
            match keyword:
                case "network":
                    name = "" if self.sees("{") else self.name("the name of the network")
                    properties += self.attributes()
                case "variable":
                    self.variable()
                case "probability":
                    blocks.append(self.at)  # read when all variables are known
                    self.skip_block()
                case _:
                    near = suggestion(keyword, ("network", "variable", "probability"))
                    self.source.fail(
                        start,
                        "expected 'network', 'variable' or 'probability', and got "
                        f"{shortened(keyword)!r}. {near}",
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
            if len(found) > MOST_PROPERTIES:
                self.source.fail(start, f"expected at most {MOST_PROPERTIES:,} properties")
        self.take("}")
        return found

    def property(self) -> str:
        """Read up to the semicolon, in which // begins no comment."""
        found = _PROPERTY.match(self.text, self.at)
        if not found:
            self.source.expected(self.at, "the text of the property, and ';' after it")
        self.at = found.end()
        self.skip()
        text = found[1].strip()
        if quoted := self.QUOTED.fullmatch(text):
            return quoted[1]
        return " ".join(text.replace('"', "").split())

    def variable(self) -> None:
        start = self.at
        name = self.name("the name of a variable")
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
            self.source.fail(start, f"the variable {shortened(name)!r} has no type")
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
        states = self.labels("}", int(number))
        self.take("}")
        if not self.sees("}"):  # some writers leave the semicolon out
            self.take(";")
        if len(states) != int(number):
            self.source.fail(start, f"expected {number} states, and got {len(states)}")
        return states

    def probability(self) -> None:
        start = self.at
        child, parents = self.family()
        shape = self.builder.add_family(child, parents, start)
        table = np.full(shape, np.nan)
        default: NDArray[np.float64] | None = None
        whole = ""  # what filled the table at once
        indices = [{state: i for i, state in enumerate(self.builder.states[p])} for p in parents]
        self.take("{")
        while not self.sees("}"):
            here = self.at
            if self.sees("("):
                row = self.row(indices, parents)
                if not np.isnan(table[row][0]):
                    self.source.fail(here, f"this row of the table is given twice{whole}")
                table[row] = self.values(shape[-1])
                continue
            match self.word("'(', 'table', 'default', 'property' or '}'"):
                case "table":
                    if default is not None or not np.isnan(table).all():
                        self.source.fail(here, "the table is given twice, as a whole and otherwise")
                    values = self.values(table.size).reshape(shape[-1], *shape[:-1])
                    table = np.ascontiguousarray(np.moveaxis(values, 0, -1))
                    whole = ", as a row and in the whole table"
                case "default":
                    if default is not None or whole:
                        self.source.fail(here, "the rows that this is for are given twice")
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
            self.source.fail(start, f"the table of {shortened(child)!r} has no row{given}")
        if default is not None:
            table = np.where(missing[..., None], default, table)
        self.builder.add_table(child, table, start)

    def family(self) -> tuple[str, list[str]]:
        """( child | parents ): the child, which may stand without a bar, and its parents."""
        self.take("(")
        known = self.builder.states
        groups = self.groups("|)", "the name of a variable")
        if self.text.startswith("|", self.at):
            child = [" ".join(chain(*groups))]
            self.step()
            groups = self.groups("|)", "a name or ')'")
            if self.text.startswith("|", self.at):
                self.source.fail(self.at, "expected one variable before one '|'")
        else:
            child = []
        self.take(")")
        names = [" ".join(group) for group in groups]
        if not all(name in known for name in names):
            names = list(chain(*groups))
        names = child + names
        if not names:
            self.source.expected(self.at, "the name of a variable")
        return names[0], names[1:]

    def row(self, indices: Sequence[dict[str, int]], parents: Sequence[str]) -> tuple[int, ...]:
        """(yes, no): which row of the table follows."""
        start = self.at
        self.take("(")
        here = self.at
        states = self.labels(")", len(indices))
        self.take(")")
        for parent, state, known in zip(parents, states, indices, strict=False):
            if state not in known:
                near = suggestion(state, known)
                self.source.fail(
                    here, f"{shortened(parent)!r} has no state {shortened(state)!r}. {near}"
                )
        if len(states) != len(indices):
            self.source.fail(
                start,
                f"expected a state of each of the {len(indices)} parents, and got {len(states)}",
            )
        return tuple(known[state] for state, known in zip(states, indices, strict=True))

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

    def groups(self, ends: str, what: str) -> list[list[str]]:
        """Words up to one of some marks, those between two commas together; quoted ones alone."""
        found: list[list[str]] = []
        together = False
        count = 0
        while not (self.at < len(self.text) and self.text[self.at] in ends):
            if self.text.startswith(",", self.at):
                together = False
                self.step()
                continue
            quoted = self.QUOTED.match(self.text, self.at)
            label = quoted or _LABEL.match(self.text, self.at)
            count += 1
            if not label:
                self.source.expected(self.at, what)
            if count > self.builder.limits.states:
                self.source.fail(self.at, f"expected at most {count - 1:,} names in a list")
            if together and not quoted:
                found[-1].append(label[0])
            else:
                found.append([label[1] if quoted else label[0]])
            together = not quoted
            self.at = label.end()
            self.skip()
        return found

    def name(self, what: str) -> str:
        """One name, up to a brace."""
        start = self.at
        groups = self.groups("{", what)
        if len(groups) != 1:
            self.source.expected(start, what)
        return " ".join(groups[0])

    def labels(self, end: str, count: int) -> list[str]:
        """States up to a mark; where there are blanks in them, commas tell them apart."""
        groups = self.groups(end, f"a name or {end!r}")
        words = list(chain(*groups))
        joined = [" ".join(group) for group in groups]
        if len(words) == count or (len(groups) == 1 and count != 1):
            return words
        return joined

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
            elif self.word("'}'") == "property":
                self.property()
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
            f"the name {shortened(name)!r} cannot be written in BIF, which has no way to quote it; "
            "write the network as .json."
        )
    return f'"{name}"'
