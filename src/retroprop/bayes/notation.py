"""Questions in the notation that people write: P(G | R=1, do(S=0)).

    question   =  "P" "(" targets [ "|" conditions ] ")"          P or Pr
    targets    =  name [ "=" state ] , …
    conditions =  name [ "=" state ] | name "~" "[" number , … "]" | "do" "(" name [ "=" state ] , … ")" , …

A state is its name or, when no state has that name, its position from 0. A name with blanks or marks
in it stands between quotes. A target with a state asks for a number: P(G=1 | L=1). A condition
without a state asks for every state of it: P(G | R) is one distribution of G for each state of R.
`L~[0.2, 0.8]` is soft evidence: how likely what was seen is in each state of L.

Errors point at the character.
"""  # noqa: E501 - the grammar

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from retroprop.bayes.memory import DEFAULT_MEMORY, check_answer, written_out
from retroprop.bayes.network import Network
from retroprop.bayes.queries import query_at
from retroprop.bayes.table import NamedTable
from retroprop.errors import UserError, did_you_mean

_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"""[^\s=|∣,()\[\]~"']+""")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_PROBABILITY = re.compile(r"\s*(P|Pr|p|pr|ℙ)\s*\(")
LONGEST = 10_000  # characters of a question
MOST_ROWS = 100_000  # configurations of conditions without a state


@dataclass(frozen=True)
class Question:
    """What a question asks, with states as positions.

    Attributes:
        targets: The variables left of the bar.
        fixed: Those of them that have a state.
        given: Observed states.
        do: States by intervention.
        soft: The likelihood of what was seen in each state.
        each_given: Conditions without a state: one answer for each state.
        each_do: Interventions without a state.
    """

    targets: tuple[str, ...]
    fixed: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, int] = field(default_factory=dict)
    do: Mapping[str, int] = field(default_factory=dict)
    soft: Mapping[str, Sequence[float]] = field(default_factory=dict)
    each_given: tuple[str, ...] = ()
    each_do: tuple[str, ...] = ()

    @property
    def free(self) -> tuple[str, ...]:
        """The targets without a state."""
        return tuple(name for name in self.targets if name not in self.fixed)


def ask(net: Network, text: str) -> NamedTable | float:
    """Answer a question: a table, or a number when every target has a state.

    Raises:
        UserError: If the question cannot be read, with the place, or has no answer.
    """
    question = parse_question(net, text)
    if question.each_given or question.each_do:
        return _for_each_state(net, question, text)
    values, _ = query_at(
        net, question.targets, question.fixed, question.given, question.do, question.soft
    )
    return _named(net, question, values, text) if question.free else float(values)


def parse_question(net: Network, text: str) -> Question:
    """Read a question about a network.

    Raises:
        UserError: If it cannot be read, with the place.
    """
    if not isinstance(text, str):
        raise UserError(f"a question is a text such as 'P(G | R=1)', and got {text!r}.")
    if len(text) > LONGEST:
        raise UserError(f"a question has at most {LONGEST:,} characters, and got {len(text):,}.")
    return _Reader(net, text).question()


def _for_each_state(net: Network, question: Question, text: str) -> NamedTable:
    """P(A | B): the answers of all configurations of B, as one batch."""
    free = [*question.each_given, *question.each_do]
    sizes = [len(net.states[name]) for name in free]
    if math.prod(sizes) > MOST_ROWS:
        raise UserError(
            f"{_quoted(text)} asks for {written_out(math.prod(sizes))} answers; give some of "
            f"{', '.join(free[:5])}{', …' * (len(free) > 5)} a state (at most {MOST_ROWS:,} "
            "answers)."
        )
    lengths = [*sizes, *(len(net.states[name]) for name in question.free)]
    check_answer(lengths, None, DEFAULT_MEMORY)
    places = np.unravel_index(np.arange(math.prod(sizes)), sizes)
    rows = dict(zip(free, places, strict=True))
    values, impossible = query_at(
        net,
        question.targets,
        question.fixed,
        given={**question.given, **{name: rows[name] for name in question.each_given}},
        do={**question.do, **{name: rows[name] for name in question.each_do}},
        soft=question.soft,
    )
    if impossible is not None and impossible.any():
        row = int(np.argmax(impossible))
        where = net.written({name: rows[name][row] for name in free})
        raise UserError(
            f"{_quoted(text)} has no answer for {where}, which has probability 0; name the "
            "states that you ask about."
        )
    return _named(net, question, values.reshape(*sizes, *values.shape[1:]), text)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:99] + "…")


def _named(net: Network, question: Question, values: np.ndarray, text: str) -> NamedTable:
    """An answer with its axes: conditions without a state, then targets without one."""
    names = (*question.each_given, *question.each_do, *question.free)
    states = {name: net.states[name] for name in names}
    return NamedTable.unchecked(values, names, states, None, lambda: " ".join(text.split()))


class _Reader:
    """Walks over a question; `at` is the place of the next token."""

    def __init__(self, net: Network, text: str) -> None:
        self.net, self.text, self.at = net, text, 0

    def question(self) -> Question:
        opening = _PROBABILITY.match(self.text)
        if not opening:
            self.fail(self.skip(0), "expected a question such as P(G | R=1, do(S=0))")
        self.at = opening.end()
        targets: dict[str, int | None] = {}
        given: dict[str, int | None] = {}
        do: dict[str, int | None] = {}
        soft: dict[str, list[float]] = {}
        self.assignments(targets, [targets])
        if self.sees("|") or self.sees("∣"):
            self.at += 1
            while True:
                if opening := re.compile(r"\s*do\s*\(").match(self.text, self.at):
                    self.at = opening.end()
                    self.assignments(do, [given, do, soft])
                    self.take(")")
                else:
                    self.condition(given, do, soft)
                if not self.sees(","):
                    break
                self.at += 1
        self.take(")")
        if self.skip(self.at) < len(self.text):
            self.fail(self.skip(self.at), "expected the end of the question")
        return Question(
            targets=tuple(targets),
            fixed=_with_state(targets),
            given=_with_state(given),
            do=_with_state(do),
            soft=soft,
            each_given=tuple(name for name, state in given.items() if state is None),
            each_do=tuple(name for name, state in do.items() if state is None),
        )

    def condition(
        self,
        given: dict[str, int | None],
        do: dict[str, int | None],
        soft: dict[str, list[float]],
    ) -> None:
        """One observation, hard or soft."""
        name = self.variable([given, do, soft])
        if self.sees("~"):
            self.at += 1
            soft[name] = self.likelihood(name)
        else:
            given[name] = self.state(name) if self.sees("=") else None

    def assignments(
        self, found: dict[str, int | None], known: Sequence[Mapping[str, object]]
    ) -> None:
        """Names with or without a state, one or more."""
        while True:
            name = self.variable(known)
            found[name] = self.state(name) if self.sees("=") else None
            if not self.sees(","):
                return
            self.at += 1

    def variable(self, known: Sequence[Mapping[str, object]]) -> str:
        """The name of a variable that is in none of these."""
        start = self.skip(self.at)
        name, _ = self.name("the name of a variable")
        if name not in self.net.tables:
            near = did_you_mean(name[:100], self.net.variables)
            near = near if len(near) < 300 else ""
            self.fail(start, f"there is no variable {name[:100]!r}. {near}".rstrip())
        if any(name in names for names in known):
            self.fail(start, f"{name} stands here for the second time")
        return name

    def state(self, variable: str) -> int:
        """= and a state of a variable, by name or by position."""
        self.take("=")
        start = self.skip(self.at)
        word, quoted = self.name(f"a state of {variable}")
        position = not quoted and word not in self.net.states[variable]
        position = position and re.fullmatch(r"[0-9]{1,9}", word)
        try:
            return self.net.state_index(variable, int(word) if position else word)
        except UserError as error:
            said = str(error)
            if len(said) > 400:
                said = f"{variable} has no state {word[:100]!r}"
            self.fail(start, said)

    def likelihood(self, variable: str) -> list[float]:
        """[0.2, 0.8]: a number for each state."""
        start = self.skip(self.at)
        self.take("[")
        numbers = []
        while not self.sees("]"):
            if numbers:
                self.take(",")
            here = self.skip(self.at)
            found = _NUMBER.match(self.text, here)
            if not found or not np.isfinite(float(found[0])):
                self.fail(here, "expected a number from 0")
            self.at = found.end()
            numbers.append(float(found[0]))
        self.take("]")
        states = self.net.states[variable]
        if len(numbers) != len(states):
            self.fail(
                start,
                f"expected a number for each of the {len(states)} states of {variable}, and got "
                f"{len(numbers)}",
            )
        if not any(numbers):
            self.fail(start, "expected a number above 0 among them")
        return numbers

    # --- tokens -----------------------------------------------------------------------------------

    def skip(self, at: int) -> int:
        return _BLANK.match(self.text, at).end()  # type: ignore[union-attr]

    def sees(self, mark: str) -> bool:
        self.at = self.skip(self.at)
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> None:
        if not self.sees(mark):
            self.fail(self.at, f"expected {mark!r}")
        self.at += 1

    def name(self, what: str) -> tuple[str, bool]:
        """A name, and whether it was quoted."""
        self.at = self.skip(self.at)
        if found := _QUOTED.match(self.text, self.at):
            self.at = found.end()
            return found[1] if found[1] is not None else found[2], True
        found = _NAME.match(self.text, self.at)
        if not found:
            self.fail(self.at, f"expected {what}")
        self.at = found.end()
        return found[0], False

    def fail(self, at: int, sentence: str) -> NoReturn:
        """Raise a sentence that shows the place: P(G | ▸RR=1)."""
        before, after = self.text[:at], self.text[at:]
        before = before if len(before) < 60 else "…" + before[-50:]
        after = after if len(after) < 40 else after[:30] + "…"
        if not after.strip() and not sentence.endswith((".", "?")):
            sentence += ", and got the end"
        end = "" if sentence.endswith((".", "?")) else "."
        shown = " ".join(f"{before}▸{after}".split())
        raise UserError(f"character {at + 1}, at ▸ in {shown!r}: {sentence}{end}")


def _with_state(found: Mapping[str, int | None]) -> dict[str, int]:
    return {name: state for name, state in found.items() if state is not None}


def conditions(net: Network, words: Sequence[str]) -> dict[str, int]:
    """Assignments such as "R=1" and "S=s0" as a person gives them one by one, or "R=1,S=s0".

    Raises:
        UserError: If one cannot be read, with the place.
    """
    found: dict[str, int | None] = {}
    for word in words:
        reader = _Reader(net, word)
        reader.assignments(found, [found])
        if reader.skip(reader.at) < len(word):
            reader.fail(reader.skip(reader.at), "expected ',' or the end")
        for name, state in found.items():
            if state is None:
                reader.fail(len(word), f"expected '=' and a state of {name}")
    return _with_state(found)
