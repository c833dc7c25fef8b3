"""What the answers of part 1 are made of: the code as it stands, a small Trainer, tables of checks.

Every check is computed while the document is written, in milliseconds: what our function gives,
what another way to the same number gives, and how far they are apart.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.labs.ift3395_devoir3.solution import SEED, Examples, Trainer, examples
from retroprop.report.document import Code, Table, row
from retroprop.report.lab_report import LabReport


class Check(NamedTuple):
    """Two numbers that should be equal: counts, or numbers shown with some decimals.

    `difference` is theirs by default; it may be measured over more than these two.
    """

    what: str
    ours: int | float
    expected: int | float
    difference: float | None = None
    decimals: int = 6


def same_tensors(what: str, ours: Tensor, expected: Tensor, decimals: int = 6) -> Check:
    """A check of two tensors: their norms, and the largest difference of their numbers."""
    norm, norm_expected = (float(one.detach().norm()) for one in (ours, expected))
    return Check(what, norm, norm_expected, largest(ours - expected), decimals)


def checks_table(lab: LabReport, *checks: Check) -> Table:
    """The checks of one question."""
    say = lab.say

    def write(value: int | float, decimals: int) -> str:
        if isinstance(value, int):
            return lab.numbers.integer(value)
        return lab.numbers.decimal(value, decimals)

    rows = []
    for what, ours, expected, difference, decimals in checks:
        apart = float(abs(ours - expected)) if difference is None else difference
        numbers = (write(one, decimals) for one in (ours, expected))
        rows.append(row(what, *numbers, scientific(lab, apart)))
    return Table(
        name="checks",
        caption=say("Checks, computed while this document was written"),
        corner=say("Check"),
        columns=[say("ours"), say("expected"), say("difference")],
        rows=rows,
    )


def scientific(lab: LabReport, value: float) -> str:
    """A small number as a power of ten: 3.1 × 10⁻¹⁶; an exact 0 stays 0.

    Args:
        lab: For the language.
        value: From 0.
    """
    if value == 0 or value >= 0.001:
        return lab.numbers.integer(value) if value == int(value) else lab.numbers.decimal(value, 4)
    return lab.numbers.power_of_ten(value)


class SmallTrainer(Trainer):
    """The Trainer on a few images, ready in milliseconds."""

    @staticmethod
    def load_dataset(datapath: str) -> tuple[Examples, Examples, Examples]:
        """200 training images, then 100 to validate and 100 to test, as raw grey levels."""
        found = load("fashion-mnist")
        train = examples(found.train_images[:200], found.train_labels[:200])
        valid = examples(found.test_images[:100], found.test_labels[:100])
        return train, valid, examples(found.test_images[100:200], found.test_labels[100:200])


@contextmanager
def seeded() -> Iterator[None]:
    """Random numbers from the template's seed; those of the process go on as if nothing was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def largest(difference: Tensor) -> float:
    """The largest absolute value."""
    return float(difference.detach().abs().max())


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of some tensors in one vector."""
    return torch.cat([one.flatten() for one in tensors])


def refusal(call: Callable[[], object]) -> Code:
    """What a call that cannot be answered says."""
    try:
        call()
    except UserError as error:
        return Code(text=f"UserError: {error}", language="text")
    raise AssertionError("the call was answered")
