"""What the answers of part 1 are made of: the code as it stands, a small Trainer, tables of checks.

Every check is computed while the document is written, in milliseconds: what our function gives,
what another way to the same number gives, and how far they are apart.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from retroprop.data import load
from retroprop.errors import UserError
from retroprop.labs.ift3395_devoir3.solution import SEED, Examples, Trainer
from retroprop.report.document import Code, Table, row
from retroprop.report.lab_story import LabStory


class Check(NamedTuple):
    """Two numbers that should be equal; `difference` may be measured over more than these two."""

    what: str
    ours: str
    expected: str
    difference: float


def checks_table(lab: LabStory, checks: Sequence[Check]) -> Table:
    """The checks of one question."""
    say = lab.say
    return Table(
        name="checks",
        caption=say("Checks, computed while this document was written"),
        corner=say("Check"),
        columns=[say("ours"), say("expected"), say("difference")],
        rows=[
            row(check.what, check.ours, check.expected, scientific(lab, check.difference))
            for check in checks
        ],
    )


def compared(lab: LabStory, what: str, ours: float, expected: float) -> Check:
    """A check of one number."""

    def write(value: float) -> str:
        return lab.numbers.decimal(value, 6)

    return Check(what, write(ours), write(expected), float(abs(ours - expected)))


def counted(lab: LabStory, what: str, ours: int, expected: int) -> Check:
    """A check of a count."""
    write = lab.numbers.integer
    return Check(what, write(ours), write(expected), float(abs(ours - expected)))


def scientific(lab: LabStory, value: float) -> str:
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


def examples(pixels: Any, labels: Any) -> Examples:
    """Arrays of bytes as the Trainer has them: images (n, 1, 28, 28) and labels (n,)."""
    return torch.tensor(pixels).unsqueeze(1).float(), torch.tensor(labels).long()


@contextmanager
def seeded() -> Iterator[None]:
    """Random numbers from the template's seed; those of the process go on as if nothing was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def largest(difference: Tensor) -> float:
    """The largest absolute value."""
    return float(difference.detach().abs().max())


def refusal(call: Callable[[], object]) -> Code:
    """What a call that cannot be answered says."""
    try:
        call()
    except UserError as error:
        return Code(text=f"UserError: {error}", language="text")
    raise AssertionError("the call was answered")
