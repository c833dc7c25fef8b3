"""The exceptions that people meet, and the suggestion that goes with a misspelt word.

Bad input never ends in a traceback: a `UserError` carries one sentence that says what was expected,
what arrived and how to fix it. The command line prints it and exits with code 2; in Python it is a
`ValueError`, so notebooks and tests treat it as such.
"""

import difflib
from collections.abc import Iterable
from datetime import date, time

LONGEST_SENTENCE = 4_000
"""Characters of an error, several problems of one file included; each quotes less than a line."""
MOST_NAMES = 50
"""Of what is known, in a sentence."""


class UserError(ValueError):
    """Input that we cannot use, explained in one sentence with its fix.

    A sentence that is too long all the same loses its middle: its end says the fix.
    """

    def __init__(self, sentence: str) -> None:
        if len(sentence) > LONGEST_SENTENCE:
            sentence = f"{sentence[: LONGEST_SENTENCE - 500]} … {sentence[-400:]}"
        super().__init__(sentence)


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The person asked to stop (Ctrl-C, SIGTERM); what is recorded is kept."""


def in_short(value: object, most: int = 80) -> str:
    """A value as a sentence quotes it: its repr, or the text of an error, on a piece of a line.

    >>> in_short("a" * 10_000, 20)
    "'aaaaaaaaaaaaaaaaaa…"
    >>> in_short(10 ** 10_000)
    'a number of thousands of digits'
    >>> in_short(IsADirectoryError(21, "Is a directory", "a"))
    'Is a directory'
    >>> in_short(date(2020, 1, 1))
    '2020-01-01'
    >>> in_short("postgresql://me:secret@host/name")  # typed at a wrong place
    "'***'"
    """
    try:
        if isinstance(value, OSError) and value.strerror:
            text = value.strerror  # without its number, and the path that the sentence names
        elif isinstance(value, date | time):  # as TOML writes them
            text = str(value)
        else:
            text = " ".join(str(value).split()) if isinstance(value, Exception) else repr(value)
    except ValueError:  # Python's limit of digits
        text = "a number of thousands of digits"
    return _piece(text, most)


def unquoted(name: object, most: int = 80) -> str:
    """A name or a path as a command holds it, on a piece of a line.

    >>> unquoted("postgresql://me:secret@host/name")
    '***'
    """
    return _piece(" ".join(str(name).split()), most)


def _piece(text: str, most: int) -> str:
    text = _without_address(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _without_address(text: str) -> str:
    """The text with *** for what may be the address of a database, typed at a wrong place.

    It goes from a word before :/ or // to the end of the one with the last @. The steps are plain:
    a pattern for it would take quadratic time, and texts may be long.
    """
    at, slashes = text.rfind("@"), [text.find(sign) for sign in (":/", "//")]
    begin = min((place for place in slashes if place >= 0), default=at)
    if begin >= at:
        return text
    while begin > 0 and (text[begin - 1].isalnum() or text[begin - 1] in "_+"):
        begin -= 1
    while at < len(text) and not (text[at].isspace() or text[at] in "'\""):
        at += 1
    return f"{text[:begin]}***{text[at:]}"


def cannot_be_used(error: OSError) -> str:
    """The sentence about a file that the system refused: most often, for a full disk.

    >>> cannot_be_used(FileNotFoundError(2, "No such file or directory", "a"))
    "'a' cannot be used (No such file or directory); name another place."
    """
    return f"{in_short(error.filename)} cannot be used ({in_short(error)}); name another place."


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.lower().replace("-", "_").split("_"))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known words, or their list when none is near.

    >>> did_you_mean("adma", ["sgd", "adam"])
    "Did you mean 'adam'?"
    >>> did_you_mean("zzz", ["sgd", "adam"])
    'Known: adam, sgd.'
    >>> did_you_mean("lr", ["learning_rate", "momentum"])
    "Did you mean 'learning_rate'?"
    >>> did_you_mean("rian", ["Rain", "Cloudy"])
    "Did you mean 'Rain'?"
    """
    candidates = sorted(known)
    word = word.lower()[:100]  # comparing takes quadratic time
    likeness = {
        name: difflib.SequenceMatcher(a=name.lower(), b=word).ratio()
        for name in candidates
        if word in difflib.get_close_matches(name.lower(), [word], cutoff=0.6)
    }
    best = sorted(likeness, key=lambda name: -likeness[name])[:3]
    near = [name for name in best if likeness[name] > likeness[best[0]] - 0.15]
    near = near or [name for name in candidates if len(word) > 2 and word in name.lower()]
    near = near or [name for name in candidates if len(word) > 1 and word == _initials(name)]
    if near:
        return "Did you mean " + " or ".join(repr(name) for name in near) + "?"
    more = len(candidates) - MOST_NAMES
    rest = f" and {more:,} more" if more > 0 else ""
    return f"Known: {', '.join(candidates[:MOST_NAMES])}{rest}."
