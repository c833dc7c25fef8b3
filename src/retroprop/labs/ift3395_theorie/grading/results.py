"""A result of the sheet as a check: the right function, and wrong ones by the name of a mistake."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from retroprop.grading.checks import Check, Mistake, Values
from retroprop.languages import say_later

Draw = Callable[[Generator], Sequence[Any]]
"""The arguments of a function."""

Wrong = tuple[str, str, Callable[..., Any]]
"""A mistake: its name, its sentence, and what a submission with it answers."""


VALUE = say_later("the value")
TRANSPOSED = say_later("the gradient is transposed: it has the shape of its matrix")


def check_of(
    function: str,
    draw: Draw,
    right: Callable[..., Any],
    wrong: Sequence[Wrong] = (),
    *,
    also_right: Mapping[str, Callable[..., Any]] | None = None,
    each: bool = False,
    name: str = VALUE,
    share: float = 1.0,
    public: bool = True,
) -> Check:
    """A check of one function of the template.

    Args:
        function: Its name.
        draw: Its arguments.
        right: (*arguments) → its value.
        wrong: The mistakes.
        also_right: Other conventions, by name.
        each: Whether it takes one number, and is asked for each of the first argument.
        name: Of the check.
        share: Of the points of its question.
        public: Whether students have the check.
    """
    ways = {mistake: value for mistake, _, value in wrong} | dict(also_right or {})

    def reference(values: Values, answer: Any, *, way: str = "right") -> Any:
        given = ways.get(way, right)(*values["arguments"])
        return list(given) if each else given

    return Check(
        name=name,
        share=share,
        probe="results" if each else "result",
        inputs=lambda generator: {"function": function, "arguments": list(draw(generator))},
        reference=reference,
        mistakes=[
            Mistake(name=mistake, sentence=sentence, switches={"way": mistake})
            for mistake, sentence, _ in wrong
        ],
        pairs=False,
        also_right=[{"way": way} for way in also_right or {}],
        public=public,
    )


def vector(generator: Generator, n: int) -> Tensor:
    """Numbers of both signs, none of them near 0."""
    signs = torch.where(torch.arange(n) % 2 == 0, 1.0, -1.0)[torch.randperm(n, generator=generator)]
    return (signs * (0.2 + 1.6 * torch.rand(n, generator=generator))).double()
