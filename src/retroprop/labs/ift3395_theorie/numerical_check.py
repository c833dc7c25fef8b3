"""Numerical checks, and the whole verdict on a question: proofs, checks, false variants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retroprop.labs.ift3395_theorie.proved_question import Check, Proof, ProvedQuestion
from retroprop.labs.ift3395_theorie.symbolic_proof import Verdict, prove, prove_false_variant
from retroprop.languages import say_later
from retroprop.randomness import generator

PROVED = {True: say_later("Proved"), False: say_later("NOT PROVED")}
REFUTED = {True: say_later("False, refuted"), False: say_later("FALSE, NOT REFUTED")}
CHECKED = {True: say_later("Checked"), False: say_later("NOT EQUAL")}

FAR = 1e3
"""A false variant must be off by this many tolerances at least."""


@dataclass(frozen=True, kw_only=True)
class ProofResult:
    """What SymPy said of a statement and of its false variant."""

    proof: Proof
    verdict: Verdict
    false_variant: Verdict

    @property
    def proved(self) -> bool:
        """Whether the statement is."""
        return self.verdict == "proved"

    @property
    def refuted(self) -> bool:
        """Whether the false variant is."""
        return self.false_variant == "refuted"

    @property
    def passed(self) -> bool:
        """Proved, and the false variant refuted."""
        return self.proved and self.refuted


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The worst error of a statement, and of its false variant, over all rounds."""

    check: Check
    error: float
    false_variant: float

    @property
    def passed(self) -> bool:
        """The error is within the tolerance, and that of the false variant far outside."""
        return self.error <= self.check.tolerance and self.false_variant > max(
            FAR * self.check.tolerance, 1e-6
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """The verdict on a question."""

    question: ProvedQuestion
    proofs: tuple[ProofResult, ...]
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether all proofs and checks hold, and all false variants fail."""
        return all(one.passed for one in (*self.proofs, *self.checks))

    @property
    def error(self) -> float:
        """The worst error of its checks."""
        return max((one.error for one in self.checks), default=0.0)


def examine(question: ProvedQuestion, *, seed: int = 0) -> Result:
    """Prove and check a question, with its false variants.

    Args:
        question: Of the sheet.
        seed: Of the random inputs.
    """
    proofs = tuple(
        ProofResult(proof=one, verdict=prove(one), false_variant=prove_false_variant(one))
        for one in question.proofs
    )
    checks = tuple(run_check(one, name=question.name, seed=seed) for one in question.checks)
    return Result(question=question, proofs=proofs, checks=checks)


def run_check(check: Check, *, name: str, seed: int = 0) -> CheckResult:
    """The worst error over all rounds; the false variant's too."""
    g = generator("theory", name, seed)
    error = false_variant = 0.0
    for _ in range(check.rounds):
        inputs = check.draw(g)
        expected = check.oracle(*inputs)
        error = max(error, relative_error(check.claimed(*inputs), expected))
        false_variant = max(false_variant, relative_error(check.wrong(*inputs), expected))
    return CheckResult(check=check, error=error, false_variant=false_variant)


def relative_error(values: Tensor | Sequence[Tensor], expected: Tensor | Sequence[Tensor]) -> float:
    """The largest |difference|, relative to the largest expected number or to 1.

    Different shapes are infinitely wrong, and so is anything that is not a number.

    >>> relative_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    0.5
    """
    ours, theirs = _tensors(values), _tensors(expected)
    if len(ours) != len(theirs):
        return float("inf")
    worst = 0.0
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != other.shape:
            return float("inf")
        if not one.numel():
            continue
        scale = max(1.0, float(other.abs().max()))
        error = float((one.double() - other.double()).abs().max()) / scale
        worst = max(worst, float("inf") if error != error else error)
    return worst


def _tensors(values: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else list(values)


def by_autograd(function: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    """The gradient of a scalar function with respect to each input, by autograd."""
    leaves = [one.detach().clone().requires_grad_() for one in inputs]
    with torch.enable_grad():
        return list(torch.autograd.grad(function(*leaves), leaves))


def by_differences(function: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-5) -> Tensor:
    """The derivative of an elementwise function by central differences of fourth order."""
    h = step
    one = function(x + h) - function(x - h)
    two = function(x + 2 * h) - function(x - 2 * h)
    return (8 * one - two) / (12 * h)
