"""Passages that two submissions share, found by winnowing.

    tokens → every k of them hashed → of every w hashes the smallest one = fingerprints

A name that a student may choose is a token of a kind, so renaming changes nothing; names of the
template, of Python and of libraries stay themselves. Comments, docstrings and layout are no tokens.
A run of w + k − 1 equal tokens always shares a fingerprint, and one shorter than k never does. What
the template gives, and what most of a class has, is nobody's own and does not count.

Source: Schleimer, Wilkerson and Aiken, Winnowing: Local Algorithms for Document Fingerprinting
(SIGMOD 2003). Ours differs from MOSS in what ranks a pair: as in copydetect, it is the part of a
submission's own tokens that the other one has too.
"""

import builtins
import keyword
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations, groupby
from zlib import crc32

from retroprop.grading.submissions import Submission

GRAM = 25
"""Tokens of a fingerprint (k): shorter equal runs are chance."""
WINDOW = 12
"""Fingerprints of which one is kept (w): every run of 36 equal tokens is found."""
LEAST = 0.25
"""Of the own tokens of a submission that the other has too, for a pair to be shown."""
LEAST_OWN = 100
"""Tokens beyond the template, of a submission that is compared."""
COMMON = 0.5
"""What a larger part of a class has is nobody's own…"""
SMALLEST_CLASS = 10
"""…if the class has so many submissions."""
ALIKE = 0.8
"""Of the fingerprints of the shorter one of two that are alike whatever the class has in common."""
MOST_OWNERS = 50
"""Of a fingerprint that says something."""
MOST_TOKENS = 50_000
"""Of a submission; a solution has some thousands."""
MOST_PAIRS = 100
MOST_PASSAGES = 20

_TOKEN = re.compile(
    r"""
    (?P<text>(?i:[rbuf]{0,2})(?:\"{3}(?:[^\\"]|\\.|"(?!""))*+(?:\"{3}|\Z)
                       |'{3}(?:[^\\']|\\.|'(?!''))*+(?:'{3}|\Z)
                       |"(?:[^\\"\n]|\\.)*+"?|'(?:[^\\'\n]|\\.)*+'?))
    |(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<none>\#[^\n]*|[ \t\f\\]+)|(?P<line>\n)
    |(?P<sign>\*\*|//|->|[<>=!:]=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PYTHON = {*keyword.kwlist, *dir(builtins), "self", "cls"}
_PRIME = 2**61 - 1
_BASE = 1_000_003


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Lines of one submission that are like lines of another; from 1, both ends included."""

    left_file: str
    left_lines: tuple[int, int]
    right_file: str
    right_lines: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two submissions that share more than chance gives.

    Attributes:
        left: One of them.
        right: The other.
        shared: Of the own tokens of the one that shares more, the part that the other has.
        passages: The longest first.
    """

    left: Submission
    right: Submission
    shared: float
    passages: Sequence[Passage]


@dataclass(frozen=True)
class _Read:
    """A submission as tokens.

    Attributes:
        hashes: Of the k tokens that begin at each place.
        places: File and line of each token.
        own: The tokens that the template does not give.
        prints: Fingerprint → where it begins, of those that are its own.
    """

    hashes: Sequence[int]
    places: Sequence[tuple[str, int]]
    own: AbstractSet[int]
    prints: Mapping[int, Sequence[int]]


def similar_pairs(
    submissions: Sequence[Submission], template: Mapping[str, str], least: float = LEAST
) -> list[Pair]:
    """The pairs of a class that share at least so much of what is their own, most alike first.

    Args:
        submissions: Of the class.
        template: File → what all of them were given.
        least: Part of the own tokens of one of the two.
    """
    known = _PYTHON | {
        found[0]
        for text in template.values()
        for found in _TOKEN.finditer(text)
        if found.lastgroup == "name"
    }
    given = _Given(template, known)
    read = [_read(one.files, known, given) for one in submissions]
    found = []
    for (i, j), prints in _shared_prints(read).items():
        part = max(_part(read[x], prints) for x in (i, j))
        if part >= least:
            found.append((-part, i, j, prints))
    found.sort(key=lambda one: one[:3])
    return [
        Pair(
            left=submissions[i],
            right=submissions[j],
            shared=-part,
            passages=_passages(read[i], read[j], prints),
        )
        for part, i, j, prints in found[:MOST_PAIRS]
    ]


def _shared_prints(read: Sequence[_Read]) -> dict[tuple[int, int], list[int]]:
    """For each pair that shares any, its fingerprints, but those that too many have.

    Copies keep all of theirs: a copy that half of a class has is still one.
    """
    owners: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(read):
        if len(one.own) >= LEAST_OWN:
            for fingerprint in one.prints:
                owners[fingerprint].append(index)
    most = len(read) if len(read) < SMALLEST_CLASS else int(COMMON * len(read))
    shared: dict[tuple[int, int], list[int]] = defaultdict(list)
    for fingerprint, indices in owners.items():
        if len(indices) <= min(most, MOST_OWNERS):
            for pair in combinations(indices, 2):
                shared[pair].append(fingerprint)
    compared = [index for index, one in enumerate(read) if len(one.own) >= LEAST_OWN and one.prints]
    for i, j in combinations(compared, 2):
        both = read[i].prints.keys() & read[j].prints.keys()
        if len(both) >= ALIKE * min(len(read[i].prints), len(read[j].prints)):
            shared[i, j] = sorted(both)
    return shared


def _part(one: _Read, prints: Iterable[int]) -> float:
    """The part of a submission's own tokens that lie in these fingerprints."""
    covered = _covered(place for fingerprint in prints for place in one.prints[fingerprint])
    return len(covered & one.own) / len(one.own)


# --- one submission -------------------------------------------------------------------------------


class _Given:
    """What all submissions were given: lines, and runs of tokens across lines."""

    def __init__(self, template: Mapping[str, str], known: AbstractSet[str]) -> None:
        kinds, places = _tokens(template, known)
        self.hashes = frozenset(_hashes(kinds))
        self.lines = frozenset(line for line, _ in _lines(kinds, places))


def _read(files: Mapping[str, str], known: AbstractSet[str], given: _Given) -> _Read:
    kinds, places = _tokens(files, known)
    hashes = _hashes(kinds)
    own = set(range(len(kinds)))
    own -= _covered(place for place, one in enumerate(hashes) if one in given.hashes)
    for line, tokens in _lines(kinds, places):
        if line in given.lines:
            own -= set(tokens)
    prints: dict[int, list[int]] = defaultdict(list)
    for place in _winnowed(hashes):
        in_one_file = places[place][0] == places[place + GRAM - 1][0]
        if in_one_file and len(own.intersection(range(place, place + GRAM))) > GRAM // 2:
            prints[hashes[place]].append(place)
    return _Read(hashes, places, own, prints)


def _lines(
    kinds: Sequence[str], places: Sequence[tuple[str, int]]
) -> Iterator[tuple[tuple[str, ...], range]]:
    """The tokens of each line, and which they are."""
    start = 0
    for _, group in groupby(places):
        end = start + sum(1 for _ in group)
        yield tuple(kinds[start:end]), range(start, end)
        start = end


def _tokens(
    files: Mapping[str, str], known: AbstractSet[str]
) -> tuple[list[str], list[tuple[str, int]]]:
    """What each token is, and its file and line. A file may be broken: nothing is parsed."""
    kinds: list[str] = []
    places: list[tuple[str, int]] = []
    seen: set[str] = set()
    for file, text in files.items():
        if text in seen:  # one notebook may stand for several files
            continue
        seen.add(text)
        for kind, line in _tokens_of(text, known):
            kinds.append(kind)
            places.append((file, line))
            if len(kinds) == MOST_TOKENS:
                return kinds, places
    return kinds, places


def _tokens_of(text: str, known: AbstractSet[str]) -> Iterator[tuple[str, int]]:
    line, before, before_that = 1, "\n", ""
    for found in _TOKEN.finditer(text):
        kind, token = found.lastgroup, found[0]
        if kind == "line":
            line, before = line + 1, "\n"
            continue
        if kind == "none":
            continue
        if kind == "name" and token not in known:
            of_library = before == "." and before_that != "self"
            written = token if of_library else "name"
        else:
            written = kind if kind in ("text", "number") else token
        docstring = kind == "text" and before == "\n"
        if not docstring:
            yield written, line
        line += token.count("\n") if kind == "text" else 0
        before_that, before = before, token


def _hashes(kinds: Sequence[str]) -> list[int]:
    """The hash of the k tokens that begin at each place: the same on every machine (Rabin-Karp)."""
    codes = {kind: crc32(kind.encode("utf-8", "replace")) for kind in set(kinds)}
    values = [codes[kind] for kind in kinds]
    if len(values) < GRAM:
        return []
    oldest = pow(_BASE, GRAM - 1, _PRIME)
    rolling = 0
    for value in values[:GRAM]:
        rolling = (rolling * _BASE + value) % _PRIME
    hashes = [rolling]
    for out, value in zip(values, values[GRAM:], strict=False):
        rolling = ((rolling - out * oldest) * _BASE + value) % _PRIME
        hashes.append(rolling)
    return hashes


def _winnowed(hashes: Sequence[int]) -> list[int]:
    """Where the smallest hash of each window is, the last one of equals."""
    chosen: list[int] = []
    for start in range(max(1, len(hashes) - WINDOW + 1)):
        if chosen and chosen[-1] >= start:
            newest = start + WINDOW - 1
            if hashes[newest] <= hashes[chosen[-1]]:
                chosen.append(newest)
        elif window := range(start, min(start + WINDOW, len(hashes))):
            chosen.append(min(window, key=lambda place: (hashes[place], -place)))
    return chosen


def _covered(starts: Iterable[int]) -> set[int]:
    """The tokens of the fingerprints that begin at these places."""
    return {place for start in set(starts) for place in range(start, start + GRAM)}


# --- passages -------------------------------------------------------------------------------------


def _passages(left: _Read, right: _Read, prints: Iterable[int]) -> list[Passage]:
    """The shared fingerprints, each as far as both go on alike; the longest first."""
    matches = [
        match
        for fingerprint in prints
        for match in zip(left.prints[fingerprint], right.prints[fingerprint], strict=False)
    ]
    matches.sort(key=lambda match: (match[1] - match[0], match[0]))
    runs: list[tuple[int, int, int]] = []  # first and last token of the left one, how far right
    for i, j in matches:
        if not runs or runs[-1][2] != j - i or i > runs[-1][1]:
            runs.append((*_run(left, right, i, j - i), j - i))
    runs.sort(key=lambda run: (run[0] - run[1], run[0]))
    return [
        Passage(
            left_file=left.places[first][0],
            left_lines=(left.places[first][1], left.places[last][1]),
            right_file=right.places[first + apart][0],
            right_lines=(right.places[first + apart][1], right.places[last + apart][1]),
        )
        for first, last, apart in runs[:MOST_PASSAGES]
    ]


def _run(left: _Read, right: _Read, place: int, apart: int) -> tuple[int, int]:
    """The first and the last token of the longest run of equal tokens around a fingerprint.

    It ends where a file does, and where the template begins.
    """

    def goes_on(to: int, token: int) -> bool:
        """Whether the k tokens from `to` are alike, and `token` is one of the same files."""
        return (
            0 <= to < len(left.hashes)
            and 0 <= to + apart < len(right.hashes)
            and left.hashes[to] == right.hashes[to + apart]
            and token in left.own
            and left.places[token][0] == left.places[place][0]
            and right.places[token + apart][0] == right.places[place + apart][0]
        )

    first = last = place
    while goes_on(first - 1, first - 1):
        first -= 1
    while goes_on(last + 1, last + GRAM):
        last += 1
    return first, last + GRAM - 1
