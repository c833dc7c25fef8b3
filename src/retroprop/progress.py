"""How far something slow is, told to whoever shows it; nobody does unless a program asks for it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Watcher = Callable[[str, int, int], None]

watchers: list[Watcher] = []
"""Each is told what is done, how much of it is, and how much there is."""


def told(what: str, things: Sequence[T]) -> Iterator[T]:
    """The things one after another, while the watchers are told how many are through.

    >>> watchers.append(lambda *news: print(*news))
    >>> list(told("reading", "ab")), watchers.pop() and None
    reading 0 2
    reading 1 2
    reading 2 2
    (['a', 'b'], None)
    """
    for done, thing in enumerate(things):
        _tell(what, done, len(things))
        yield thing
    _tell(what, len(things), len(things))


def _tell(what: str, done: int, total: int) -> None:
    for watcher in watchers:
        watcher(what, done, total)
