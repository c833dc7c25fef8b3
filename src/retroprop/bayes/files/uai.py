"""The format of the UAI inference competitions: networks and their evidence, read and written.

    BAYES              kind (MARKOV is another kind of model)
    3                  variables
    2 2 3              their numbers of states
    3                  tables, one for each variable
    1 0                variables of each table: how many, then which; the child is the last
    2 0 1
    2 1 2
    2 0.4 0.6 …        numbers of each table: how many, then they; the last variable fastest

The format has no names: variables are v0, v1, … and states 0, 1, … when a file is read. pyAgrum
3.3 lets the first parent change fastest, against the format: its tables with two parents or more
say something else here. Their numbers cannot tell, but pyAgrum writes a comment with the name of
the variable after the list of each table, and then the network is read with a doubt.

An evidence file holds the number of observations and then pairs of variable and state; older ones
begin with the number of such samples.

Source: UAI 2014 inference competition, file formats; UAI 2008 evaluation for the older evidence.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from retroprop.bayes.files.description import TOLERANCE, Builder, Description
from retroprop.bayes.files.source import LIMITS, Limits, Source, number

FIRST_PARENT_FASTEST = (
    "its comments are those of pyAgrum, which lets the first parent change fastest, against the "
    "format; it was read as the format has it, so if pyAgrum wrote it, tables with several parents "
    "are wrong: let pyAgrum write it as BIF"
)
_WORD = re.compile(r"#[^\n]*|[^\s#]+")
_INTEGER = re.compile(r"[0-9]{1,12}")
_AGRUM = re.compile(r"^[0-9]+(?: [0-9]+)+ +# \S.*$", re.MULTILINE)


def parse_uai(
    source: Source, *, limits: Limits = LIMITS, tolerance: float = TOLERANCE
) -> Description:
    """Read a network in UAI's format.

    Raises:
        UserError: If it is malformed, with line and column.
    """
    words = _Words(source)
    builder = Builder(source.fail, limits, tolerance)
    at, kind = words.next("'BAYES'")
    if kind.upper() == "MARKOV":
        source.fail(at, "expected 'BAYES', and got a Markov network, which is not a Bayesian one")
    if kind.upper() != "BAYES":
        source.expected(at, "'BAYES'")
    count = words.integer("the number of variables", 1, limits.variables)
    builder.add_numbered(
        (words.place, words.integer("a number of states", 1, limits.states)) for _ in range(count)
    )
    at = words.place
    tables = words.integer("the number of tables", 0, limits.variables)
    if tables != count:
        source.fail(at, f"expected a table for each of the {count} variables, and got {tables}")
    families = []
    for _ in range(tables):
        at = words.place
        size = words.integer("the number of variables of a table", 1, count)
        family = [f"v{words.integer('a variable of the table', 0, count - 1)}" for _ in range(size)]
        families.append((family[-1], builder.add_family(family[-1], family[:-1], at), at))
    builder.refuse_cycles()
    if any(len(parents) > 1 for parents in builder.parents.values()):
        preamble = source.text[: words.place]
        if sum(1 for _ in _AGRUM.finditer(preamble)) == count:
            builder.doubts.append(FIRST_PARENT_FASTEST)
    for child, shape, _ in families:
        at = words.place
        entries = math.prod(shape)
        words.integer(f"{entries}, the number of entries of this table", entries, entries)
        values = [words.number() for _ in range(entries)]
        builder.add_table(child, np.array(values).reshape(shape), at)
    words.end()
    return builder.finish()


def parse_evidence(source: Source, states: Mapping[str, Sequence[str]]) -> list[dict[str, int]]:
    """Read an evidence file: one dictionary of observed states for each sample.

    Args:
        source: The text.
        states: The network's states, in the order of the variables.

    Raises:
        UserError: If it is malformed, or does not fit the network.
    """
    names = list(states)
    n_words = sum(1 for _ in _words(source.text))
    words = _Words(source)
    first = words.integer("the number of observations", 0, len(source.text))
    older = n_words != 1 + 2 * first  # the first number is that of samples, each with its own
    found = []
    for _ in range(first if older else 1):
        size = first
        if older:
            size = words.integer("the number of observations of a sample", 0, len(names))
        sample: dict[str, int] = {}
        for _ in range(size):
            at = words.place
            name = names[words.integer("the index of a variable", 0, len(names) - 1)]
            if name in sample:
                source.fail(at, f"{name!r} is observed twice")
            sample[name] = words.integer(f"a state of {name!r}", 0, len(states[name]) - 1)
        found.append(sample)
    words.end()
    return found


def _words(text: str) -> Iterator[re.Match[str]]:
    """The words of a text without comments, which some programs write after a #."""
    return (word for word in _WORD.finditer(text) if not word[0].startswith("#"))


class _Words:
    """The words of a text, one after the other; `place` is where the next one begins."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.words = _words(source.text)
        self.ahead = next(self.words, None)

    @property
    def place(self) -> int:
        return self.ahead.start() if self.ahead else len(self.source.text)

    def next(self, what: str) -> tuple[int, str]:
        found = self.ahead
        if found is None:
            self.source.expected(len(self.source.text), what)
        self.ahead = next(self.words, None)
        return found.start(), found[0]

    def integer(self, what: str, least: int, most: int) -> int:
        at, word = self.next(what)
        if not _INTEGER.fullmatch(word) or not least <= int(word) <= most:
            between = f" from {least:,} to {most:,}" if least < most else ""
            self.source.expected(at, f"{what}{between}")
        return int(word)

    def number(self) -> float:
        at, word = self.next("a probability")
        value = number(word)
        if value is None:
            self.source.expected(at, "a probability")
        return value

    def end(self) -> None:
        if self.ahead:
            self.source.expected(self.place, "the end of the file")


def write_uai(network: Description) -> str:
    """The tables in UAI's format, without names; reading gives the same float64."""
    number_of = {name: i for i, name in enumerate(network.states)}
    lines = [
        "BAYES",
        str(len(number_of)),
        " ".join(str(len(states)) for states in network.states.values()),
        str(len(number_of)),
    ]
    for name in network.states:
        family = [*network.parents[name], name]
        lines.append(" ".join(map(str, [len(family), *(number_of[one] for one in family)])))
    for table in network.tables.values():
        rows = table.reshape(-1, table.shape[-1]).tolist()
        lines += ["", str(table.size), *(" ".join(map(repr, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def write_evidence(
    samples: Sequence[Mapping[str, int]], states: Mapping[str, Sequence[str]]
) -> str:
    """One sample as UAI 2014 has it, several as UAI 2008 has them."""
    number_of = {name: i for i, name in enumerate(states)}
    lines = [] if len(samples) == 1 else [str(len(samples))]
    for sample in samples:
        pairs = [f"{number_of[name]} {state}" for name, state in sample.items()]
        lines.append(" ".join([str(len(sample)), *pairs]))
    return "\n".join(lines) + "\n"
