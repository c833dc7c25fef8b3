"""How many bytes a question will take, said before any of them is allocated.

Every engine asks here, for its answer and for the values on the way to it, and nothing else
refuses a question because of its size.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from retroprop.bayes.ordering import Tree
from retroprop.errors import UserError

DEFAULT_MEMORY = 1_000_000_000  # bytes
ENTRY = 8  # bytes of a float64
CACHED_ENTRIES = 1 << 21  # of one value for a chunk of rows: larger ones leave the cache
MOST_AXES = 31  # of a value: dot takes 32, of which a batch needs one for its rows
TABLE_AXES = 64  # of an array of NumPy
WRITTEN_OUT = 10**30  # of more only the power of ten is said


def memory_of(memory: Any) -> int:
    """The bytes that a question may take, 1 GB where nothing is said.

    Raises:
        UserError: For anything but a whole number above 0.
    """
    if memory is None:
        return DEFAULT_MEMORY
    if isinstance(memory, bool) or not isinstance(memory, int | np.integer) or memory <= 0:
        raise UserError(f"memory is a whole number of bytes above 0, and got {memory!r:.80}.")
    return int(memory)


def check_bytes(
    needed: int,
    memory: int,
    what: str = "This query",
    fix: str = "observe more variables, ask fewer",
) -> None:
    """Refuse what needs more bytes than it may take.

    Raises:
        UserError: Naming both numbers.
    """
    if needed <= memory:
        return
    more = f", or allow more with memory={needed}" if needed < WRITTEN_OUT else ""
    raise UserError(
        f"{what} needs about {written_out(needed)} bytes ({human(needed)}) and may take "
        f"{memory:,}: {fix}{more}."
    )


def check_answer(lengths: Sequence[int], rows: int | None, memory: int) -> None:
    """Refuse a question whose answer alone is too large.

    Args:
        lengths: How many states each variable asked has.
        rows: How many answers are asked; None for one.
        memory: Bytes that the question may take.

    Raises:
        UserError: Naming what is needed.
    """
    entries = math.prod(lengths) * (1 if rows is None else rows)
    if rows is None:
        what, fix = "The answer", 'ask fewer variables, or for one entry, as in "P(A=…, B=…)"'
    else:
        what, fix = f"The answer to {rows:,} rows", "ask fewer variables, or fewer rows at a time"
    check_bytes(ENTRY * entries, memory, what, fix)
    if len(lengths) + (rows is not None) > TABLE_AXES:
        raise UserError(
            f"A table has at most {TABLE_AXES} axes, rows included, and {len(lengths)} variables "
            "are asked: ask fewer."
        )


def tree_bytes(
    tree: Tree, cards: Sequence[int], *, keeps: bool = False, whole: bool = False
) -> int:
    """The most bytes of values that evaluating a tree holds at one time.

    Args:
        tree: The tree; its leaves are the network's own tables.
        cards: How many states each variable has.
        keeps: Whether every value is kept to the end.
        whole: Whether the product of a step is formed before anything is summed out. Otherwise it
            is a product of matrices, for which both operands may be copied.
    """

    def size(scope: frozenset[int]) -> int:
        return math.prod(cards[v] for v in scope)

    sizes = [size(scope) for scope in tree.scopes]
    leaves = len(tree.scopes) - len(tree.steps)
    live, peak = 0, max(sizes, default=0)
    for k, step in enumerate(tree.steps, start=leaves):
        if whole:
            work = size(step.scope | step.summed) + sizes[k]
        else:
            work = sum(sizes[child] for child in step.children) if step.summed else 0
        peak = max(peak, live + work + sizes[k])
        live += sizes[k]
        if not keeps:
            live -= sum(sizes[child] for child in step.children if child >= leaves)
    return ENTRY * peak


def sweep_bytes(tree: Tree, cards: Sequence[int]) -> int:
    """The bytes of all posteriors: every value, every adjoint, and the answers side by side."""
    adjoints = sum(math.prod(cards[v] for v in scope) for scope in tree.scopes)
    answers = sum(cards[v] for v in frozenset().union(*tree.scopes))
    return tree_bytes(tree, cards, keeps=True) + ENTRY * (adjoints + 3 * answers)


def check_tree(tree: Tree, needed: int, memory: int) -> None:
    """Refuse to evaluate a tree that needs more bytes than it may take, or arrays of many axes.

    Raises:
        UserError: Naming what is needed.
    """
    check_bytes(needed, memory)
    axes = axes_of(tree)
    if axes > MOST_AXES:  # that it fits into memory all the same is due to variables of one state
        raise UserError(
            f"This query needs a table of {axes} variables at once, and at most {MOST_AXES} can "
            "be: observe those that have one state only."
        )


def axes_of(tree: Tree) -> int:
    """The most axes that a product of a tree has."""
    products = [len(step.scope | step.summed) for step in tree.steps]
    return max([*products, *map(len, tree.scopes)], default=0)


def rows_that_fit(entries: int, largest: int, memory: int) -> int:
    """How many rows to run side by side: within the memory, and within the cache where possible.

    Args:
        entries: Of all that a row needs at one time.
        largest: Entries of its largest value.
        memory: Bytes that are left for the rows.
    """
    fit = memory // (ENTRY * max(1, entries))
    return max(1, min(fit, max(16, CACHED_ENTRIES // max(1, largest))))


def written_out(number: int) -> str:
    """A whole number as people read it, however large it is.

    >>> written_out(1234567), written_out(5**400)
    ('1,234,567', '10^279')
    """
    return f"{number:,}" if number < WRITTEN_OUT else f"10^{int(math.log10(number))}"


def human(size: float) -> str:
    """A number of bytes with a fitting unit.

    >>> human(1234567890)
    '1.2 GB'
    """
    if size >= 10**15:
        return "far more than any machine has"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.2g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2g} TB"
