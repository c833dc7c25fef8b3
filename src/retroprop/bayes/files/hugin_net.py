"""NET, the language of Hugin: its discrete chance nodes, read and written.

    net { node_size = (80 40); }
    node smoke { states = ("yes" "no"); }
    potential ( lung | smoke ) { data = ((0.1 0.9) (0.01 0.99)); }      % a comment

A table goes through the states of the parents in their order, the last fastest, and those of the
node fastest of all. Parentheses show its axes, or stand around all of it. What is written of the
look of a network, and other attributes, are not read. Decisions, utilities, continuous nodes,
functions and instances of classes are refused by name, as is a table that is a model
(`model_nodes`), which only Hugin can work out.

Source: Hugin Expert, Hugin API reference manual, The NET language.
"""

import itertools
import re
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retroprop.bayes.files.description import MAX_AXES, TOLERANCE, Builder, Description
from retroprop.bayes.files.scanner import Scanner
from retroprop.bayes.files.source import LIMITS, Limits, Source, number, shortened
from retroprop.errors import UserError

MOST_ATTRIBUTES = 1000
_BODY = re.compile(r'\{(?:[^"}%]++|"(?:[^"\\]|\\.)*+"|%[^\n]*+)*+\}', re.DOTALL)
_VALUE = re.compile(r'(?:[^";}%]++|"(?:[^"\\]|\\.)*+"|%[^\n]*+)*+', re.DOTALL)
_ITEM = re.compile(r"(?:[\s,]|%[^\n]*)*+([();]|[^\s(),;%]+)")


def parse_net(
    source: Source, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in Hugin's NET.

    Raises:
        UserError: If it is malformed, with line and column, or has nodes of other kinds.
    """
    return _Parser(source, Builder(source.fail, limits, tolerance)).network()


class _Parser(Scanner):
    BLANK = re.compile(r"(?:\s+|%[^\n]*)*")
    WORD = re.compile(r'[^\s{}()=;|",%]+')
    QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)

    def __init__(self, source: Source, builder: Builder) -> None:
        super().__init__(source)
        self.builder = builder

    def network(self) -> Description:
        potentials: list[int] = []
        while self.at < len(self.text):
            self.statement(potentials)
        for place in potentials:  # read when all nodes are known
            self.at = place
            self.skip()
            self.potential()
        return self.builder.finish()

    def statement(self, potentials: list[int]) -> None:
        """Read one block; of a potential, only where it is."""
        start = self.at
        keyword = self.word("'net', 'node' or 'potential'")
        if keyword == "discrete":
            keyword = self.word("'node'")
        match keyword:
            case "net":
                self.attributes({})
            case "node":
                self.node()
            case "potential":
                potentials.append(self.at)
                self.skip_potential()
            case "class":
                self.source.fail(start, "classes are not read: let Hugin write a flat network")
            case "network":
                self.source.fail(
                    start, "this is a BIF file and no .net file; leave --format out, or name bif"
                )
            case _ if self.sees("{") or self.sees("("):
                self.source.expected(start, "'net', 'node' or 'potential'")
            case _:
                if keyword == "continuous":
                    self.word("'node'")
                name = self.word("the name of a node")
                self.source.fail(
                    start,
                    f"the node {shortened(name)!r} is of the kind {shortened(keyword)!r}; only "
                    "discrete chance nodes are read, no decisions, utilities, continuous nodes, "
                    "functions or instances",
                )

    def node(self) -> None:
        start = self.at
        name = self.word("the name of a node")
        found: dict[str, list[str]] = {}
        self.attributes({"states": lambda: found.update(states=self.states())})
        if "states" not in found:
            self.source.fail(start, f"the node {shortened(name)!r} has no states")
        self.builder.add_variable(name, found["states"], start)

    def states(self) -> list[str]:
        found = []
        self.take("(")
        while not self.sees(")"):
            found.append(re.sub(r"\\(.)", r"\1", self.word("a state or ')'")))
            if len(found) > self.builder.limits.states:
                self.source.fail(self.at, f"expected at most {len(found) - 1:,} states")
        self.take(")")
        return found

    def potential(self) -> None:
        start = self.at
        self.take("(")
        child = self.word("the name of a node")
        parents: list[str] = []
        if self.sees("|"):
            self.take("|")
            while not self.sees(")"):
                parents.append(self.word("the name of a parent or ')'"))
                if len(parents) == MAX_AXES:
                    self.source.fail(start, f"expected at most {MAX_AXES - 1} parents")
        self.take(")")
        shape = self.builder.add_family(child, parents, start)
        found: dict[str, NDArray[np.float64]] = {}

        def model() -> None:
            self.source.fail(
                start,
                f"the table of {shortened(child)!r} is a model (model_nodes), which is not read: "
                "let Hugin write its data",
            )

        self.attributes(
            {
                "data": lambda: found.update(data=self.data(shape)),
                "model_nodes": model,
                "model_data": model,
            }
        )
        if "data" not in found:
            self.source.fail(start, f"the table of {shortened(child)!r} has no data")
        self.builder.add_table(child, found["data"], start)

    def data(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The numbers of a table, up to the semicolon."""
        start = self.at
        count = int(np.prod(shape))
        values, open_lists, lengths = array("d"), [0], [0] * (MAX_AXES + 1)
        while (item := _ITEM.match(self.text, self.at)) and item[1] != ";":
            here = item.start(1)
            if item[1] == "(" and len(open_lists) <= MAX_AXES:
                open_lists.append(0)
            elif item[1] == ")" and len(open_lists) > 1:
                length = open_lists.pop()
                open_lists[-1] += 1
                depth = len(open_lists) - 1
                lengths[depth] = lengths[depth] or length
                if length != lengths[depth]:
                    self.source.fail(here, f"expected {lengths[depth]} items, and got {length}")
            else:
                value = number(item[1])
                if value is None or len(values) == count:
                    self.source.expected(here, f"{count} probabilities in parentheses, and ';'")
                values.append(value)
                open_lists[-1] += 1
            self.at = item.end()
        self.skip()
        if len(values) != count or len(open_lists) > 1:
            self.source.fail(start, f"expected {count} probabilities, and got {len(values)}")
        axes = tuple(length for length in lengths if length)
        if axes not in (shape, (count,)):
            self.source.fail(
                start, f"expected lists of {_product(shape)}, and got {_product(axes) or 'none'}"
            )
        return np.array(values).reshape(shape)

    def attributes(self, known: dict[str, Callable[[], Any]]) -> None:
        """Read `{ name = value; … }`: the values that somebody reads, and over the others."""
        self.take("{")
        for count in itertools.count():
            if self.sees("}"):
                break
            if count == MOST_ATTRIBUTES:
                self.source.fail(self.at, f"expected at most {count:,} attributes of one thing")
            name = self.word("the name of an attribute or '}'")
            self.take("=")
            if name in known:
                known[name]()
            else:
                self.at = _VALUE.match(self.text, self.at).end()  # type: ignore[union-attr]
            self.take(";")
        self.take("}")

    def skip_potential(self) -> None:
        """Over ( … ) { … }, which is read later."""
        body = self.text.find("{", self.at)
        found = _BODY.match(self.text, body) if body >= 0 else None
        if not found:
            self.source.expected(self.at, "'(', a node and its parents, ')' and '{ data = …; }'")
        self.at = found.end()
        self.skip()


def _product(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def write_net(network: Description) -> str:
    """The network in NET; numbers are written so that reading gives the same float64.

    Hugin itself takes only names of nodes of letters, digits and underscores; states are quoted.

    Raises:
        UserError: If a name cannot be written in this format.
    """
    lines = ["net", "{", "}"]
    for name, states in network.states.items():
        lines += [
            f"node {_name(name)}",
            "{",
            f"  states = ({' '.join(map(_quoted, states))});",
            "}",
        ]
    for name, table in network.tables.items():
        given = "".join(f" {_name(parent)}" for parent in network.parents[name])
        lines.append(f"potential ({_name(name)}{' |' * bool(given)}{given})")
        lines += ["{", f"  data = {_nested(table.tolist())};", "}"]
    return "\n".join(lines) + "\n"


def _nested(table: Any) -> str:
    if not isinstance(table, list):
        return repr(table)
    between = " " if isinstance(table[0], float) else "\n    "
    return f"({between.join(map(_nested, table))})"


def _name(name: str) -> str:
    if not _Parser.WORD.fullmatch(name):
        raise UserError(
            f"the name {shortened(name)!r} cannot be written in Hugin's NET, which quotes no names "
            "of nodes; write the network as .json."
        )
    return name


def _quoted(state: str) -> str:
    escaped = state.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
