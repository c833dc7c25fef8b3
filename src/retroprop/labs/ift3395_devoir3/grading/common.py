"""What the checks of several questions of lab A share.

The remarks are about what the assignment leaves open: said, and charged only if a rubric says so.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from torch import Generator, Tensor

from retroprop.grading.checks import Mistake, Remark, Values
from retroprop.grading.comparison import close
from retroprop.languages import say_later


def tensor_instead_of_float(part: Callable[[Any], Any]) -> Remark:
    """For a function that should return a float.

    Args:
        part: Where its number stands in the answer.
    """
    return Remark(
        name="tensor instead of float",
        sentence=say_later("a tensor is returned where a float is expected: float(…) makes one"),
        applies=lambda values, answer: isinstance(part(answer), Tensor),
    )


def _counts_calls(values: Values, answer: Any) -> bool:
    return not close(answer["again"], answer["norm"])


ACCUMULATES = Remark(
    name="gradients stay in the inputs",
    sentence=say_later(
        "a second call with the same tensors gives another number: backward() adds to their .grad, "
        "which torch.autograd.grad leaves alone"
    ),
    applies=_counts_calls,
)


def _needs_leaves(values: Values, answer: Any) -> bool:
    return not close(answer["plain"], answer["norm"])


NEEDS_REQUIRES_GRAD = Remark(
    name="inputs must require gradients",
    sentence=say_later(
        "it fails for tensors that do not require gradients: detach().clone().requires_grad_() "
        "makes some that do"
    ),
    applies=_needs_leaves,
)


def all_but(mistakes: Sequence[Mistake], *names: str) -> list[Mistake]:
    """The mistakes without some: those that a check's inputs cannot tell from what is right."""
    unknown = set(names) - {mistake.name for mistake in mistakes}
    assert not unknown, f"no mistakes of these names: {unknown}"
    return [mistake for mistake in mistakes if mistake.name not in names]


def drawn_to_tell(
    generator: Generator,
    draw: Callable[[Generator], Values],
    reference: Callable[..., Any],
    ways: Sequence[Mapping[str, Any]],
) -> Values:
    """Values on which the right answer and those with mistakes are all different.

    Args:
        generator: Of the draws.
        draw: Draws values.
        reference: Of the check; it ignores the submission's answer.
        ways: Switches of the reference.
    """
    for _ in range(1_000):
        values = draw(generator)
        answers = [reference(values, None, **switches) for switches in ({}, *ways)]
        if not any(close(one, other, 1e-3) for one, other in combinations(answers, 2)):
            return values
    raise AssertionError("no values tell these mistakes apart")
