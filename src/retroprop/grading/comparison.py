"""Whether an answer is the right one, and where it differs first, without saying what is right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retroprop.languages import Say

LONGEST = 1_000
"""Parts of a container that are compared; a submission may send any number."""


class Unknown:
    """Something a submission answered that is no number, text, tensor or container of them."""

    def __init__(self, name: str) -> None:
        """Args: name: Of its type."""
        self.name = name


def close(answer: Any, right: Any, tolerance: float = 1e-4) -> bool:
    """Same structure, same shapes, same numbers up to rounding.

    A tensor or array of one number and a number are alike, and so are lists and tuples. The
    difference of two numbers may be `tolerance` times the right number, and a tenth of that times
    the largest right number of its tensor: what cancels is known no better.

    Args:
        answer: Anything at all.
        right: Numbers, tensors, booleans, texts, None, and lists and dictionaries of them.
        tolerance: Relative.
    """
    if answer is right:  # a part of the answer with which the reference computed
        return True
    if isinstance(right, Mapping):
        return isinstance(answer, Mapping) and all(
            key in answer and close(answer[key], value, tolerance) for key, value in right.items()
        )
    if isinstance(right, list | tuple):
        return (
            isinstance(answer, list | tuple)
            and len(answer) == len(right) <= LONGEST
            and all(close(a, r, tolerance) for a, r in zip(answer, right, strict=True))
        )
    if right is None or isinstance(right, str):
        return type(answer) is type(right) and answer == right
    return _close_numbers(numbers_of(answer), numbers_of(right), tolerance)


def numbers_of(value: Any) -> Tensor | None:
    """A value as a tensor of float64, or None if it is no number and no tensor of real numbers."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, bool | int | float):
        try:
            value = torch.tensor(float(value), dtype=torch.float64)
        except OverflowError:  # an int beyond every float
            return None
    if not isinstance(value, Tensor) or value.is_complex():
        return None
    value = value.detach().to(torch.float64)
    return value.reshape(()) if value.numel() == 1 else value


def _close_numbers(answer: Tensor | None, right: Tensor | None, tolerance: float) -> bool:
    if answer is None or right is None or answer.shape != right.shape:
        return False
    finite = right.isfinite()
    if not torch.equal(
        answer.nan_to_num(1.5, 2.5, 3.5)[~finite], right.nan_to_num(1.5, 2.5, 3.5)[~finite]
    ):
        return False
    answer, right = answer[finite], right[finite]
    if not right.numel():
        return True
    return bool(((answer - right).abs() <= allowed_difference(right, tolerance)).all())  # no NaN


def allowed_difference(right: Tensor, tolerance: float) -> Tensor:
    """How far each number may be from the right one; see `close`."""
    return tolerance * (right.abs() + 0.1 * right.abs().max() + 1e-8)


def first_difference(answer: Any, right: Any, tolerance: float, say: Say, where: str = "") -> str:
    """The first thing that is wrong with an answer, in words, without the expected numbers.

    Args:
        answer: What is not close to `right`.
        right: What is expected.
        tolerance: Relative.
        say: The language.
        where: The part of the answer, as "weights, 3"; empty for all of it.
    """
    what = say("the answer ({part})").format(part=where) if where else say("the answer")
    if answer is None and right is not None:
        return say("{what} is None: nothing was returned").format(what=what)
    parts = _parts(answer, right)
    if parts is None:
        return say("{what} is {kind}, and {expected} was expected").format(
            what=what, kind=kind_of(answer, say), expected=kind_of(right, say)
        )
    for name, part, expected in parts:
        if not close(part, expected, tolerance):
            path = f"{where}, {name}" if where else name
            return first_difference(part, expected, tolerance, say, path)
    given, wanted = numbers_of(answer), numbers_of(right)
    if given is None or wanted is None or given.shape != wanted.shape:
        return say("{what} is {kind}, and {expected} was expected").format(
            what=what, kind=kind_of(answer, say), expected=kind_of(right, say)
        )
    return _different_numbers(given, wanted, tolerance, say, what)


def _parts(answer: Any, right: Any) -> Sequence[tuple[str, Any, Any]] | None:
    """Pairs to compare one by one, by name; none for numbers, None where the structures differ."""
    if isinstance(right, Mapping):
        if not isinstance(answer, Mapping):
            return None
        return [(str(key), answer.get(key), value) for key, value in right.items()]
    if isinstance(right, list | tuple):
        if not isinstance(answer, list | tuple) or len(answer) != len(right):
            return None
        return [(str(i + 1), a, r) for i, (a, r) in enumerate(zip(answer, right, strict=True))]
    return []


def _different_numbers(given: Tensor, wanted: Tensor, tolerance: float, say: Say, what: str) -> str:
    if given.isnan().any() and not wanted.isnan().any():
        return say("{what} holds NaN").format(what=what)
    if given.isinf().any() and not wanted.isinf().any():
        return say("{what} is infinite").format(what=what)
    if wanted.numel() == 1:
        return say("{what} is another number than expected").format(what=what)
    wrong = int(((given - wanted).abs() > allowed_difference(wanted, tolerance)).sum())
    return say("{what} differs in {wrong} of {all} numbers").format(
        what=what, wrong=wrong, all=wanted.numel()
    )


def kind_of(value: Any, say: Say) -> str:
    """What a value is, in words: "a tensor of shape (3, 4)"."""
    if isinstance(value, Unknown):
        return value.name
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return say("a tensor of shape {shape}").format(shape=tuple(value.shape))
    if isinstance(value, Tensor | bool | int | float):
        return say("a number")
    if isinstance(value, list | tuple):
        return say("a list of {n} values").format(n=len(value))
    if isinstance(value, Mapping):
        return say("a dictionary")
    return type(value).__name__
