"""How many bytes a query will take, said before any of them is allocated."""

import math
from collections.abc import Sequence

from retroprop.bayes.ordering import Tree
from retroprop.errors import UserError

DEFAULT_MEMORY = 1_000_000_000  # bytes
ENTRY = 8  # bytes of a float64
CACHED_ENTRIES = 1 << 21  # of one value for a chunk of rows: larger ones leave the cache


def tree_bytes(tree: Tree, cards: Sequence[int], sweep: bool) -> int:
    """The most bytes of values that evaluating a tree holds at one time.

    A sweep keeps every value until its adjoint has been used, and adds the adjoints.
    """
    sizes = [math.prod(cards[v] for v in scope) for scope in tree.scopes]
    leaves = len(tree.scopes) - len(tree.steps)
    if sweep:
        return ENTRY * (sum(sizes) + sum(sizes[leaves:]))
    live = peak = 0
    for k, step in enumerate(tree.steps, start=leaves):
        live += sizes[k]
        peak = max(peak, live)
        live -= sum(sizes[child] for child in step.children if child >= leaves)
    return ENTRY * max(peak, max(sizes, default=0))


def check_memory(tree: Tree, cards: Sequence[int], memory: int, sweep: bool) -> None:
    """Refuse a query that needs more memory than it may have.

    Raises:
        UserError: Naming both numbers.
    """
    needed = tree_bytes(tree, cards, sweep)
    if needed > memory:
        raise UserError(
            f"This query needs about {needed:,} bytes ({human(needed)}) and may take {memory:,}: "
            f"observe more variables, ask fewer, or allow more with memory={needed}."
        )


def rows_that_fit(peak_entries: int, largest: int, memory: int) -> int:
    """How many rows to run side by side: within the memory, and within the cache where possible."""
    fit = memory // (ENTRY * max(1, peak_entries))
    return max(1, min(fit, max(16, CACHED_ENTRIES // max(1, largest))))


def human(size: float) -> str:
    """A number of bytes with a fitting unit.

    >>> human(1234567890)
    '1.2 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.2g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2g} TB" if size < 1000 else "far more than any machine has"
