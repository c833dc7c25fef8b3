"""The comparisons: by hand against the twin, element by element, in float64.

For a function y = f(tensors) and a random dy, the gradient of ⟨y, dy⟩ with respect to every tensor

- by hand is what the pullback returns for dy,
- by autograd is `torch.autograd.grad` of the twin: every element must agree;
- by central differences is ⟨f(θ + h e) − f(θ − h e), dy⟩ / 2h of the *by-hand* forward, for single
  elements e (a random subset of large tensors) and for one random direction per tensor; in the
  large networks, for random directions through all their tensors at once.

So a wrong backward differs from both others, and a wrong forward from its twin. The error of a
tensor is max |a − b| / max |b|. Where the exact gradient is 0 (the bias of a token-mixing layer,
which the next layer normalization takes away) only rounding is left to compare, so max |b| is not
taken below 1e-6 of the largest gradient of the problem: 1e-9 of that is close to rounding itself.
For central differences, whose rounding is divided by h, it is not taken below 1e-3 of it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retroprop.errors import UserError
from retroprop.parity.rows import (
    Case,
    FunctionRow,
    OptimizerRow,
    Problem,
    Row,
    ScheduleRow,
    Tensors,
    TrainingRow,
    drawing,
)

DIFFERENCES_TOLERANCE = 1e-6
"""Central differences with h = 1e-6 are exact up to h² = 1e-12 and to rounding over h, 1e-10 times
the ratio of the output to the gradient: 1e-6 leaves room for outputs a thousand times larger."""

STEPS = (1e-6, 1e-7, 1e-8)
"""h, relative to the tensor. Where a maximum changes hands between θ − h and θ + h the quotient is
wrong, and among a million ReLUs one does; a shorter step then decides. A wrong gradient is wrong at
every h."""


@dataclass(frozen=True)
class Comparison:
    """The errors of one tensor in one case.

    Attributes:
        tensor: "y", "dx", "dW", …
        against_twin: Relative error against the twin; None where it is not compared with it.
        against_differences: Relative error against central differences; None where there are none.
    """

    tensor: str
    against_twin: float | None
    against_differences: float | None = None


class _Compared:
    """The worst of some comparisons."""

    comparisons: tuple[Comparison, ...]

    @property
    def against_twin(self) -> float:
        """The worst relative error against the twin."""
        return worst([e for c in self.comparisons if (e := c.against_twin) is not None])

    @property
    def against_differences(self) -> float | None:
        """The worst relative error against central differences; None where there are none."""
        errors = [e for c in self.comparisons if (e := c.against_differences) is not None]
        return worst(errors) if errors else None


@dataclass(frozen=True)
class CaseResult(_Compared):
    """What was compared in one case."""

    row: Row
    case: Case
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """Whether every error is within its tolerance; NaN never is."""
        differences = self.against_differences
        return self.against_twin <= self.row.tolerance and (
            differences is None or differences <= DIFFERENCES_TOLERANCE
        )


@dataclass(frozen=True)
class RowResult(_Compared):
    """What was compared for one row of the table."""

    row: Row
    cases: tuple[CaseResult, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:  # pyright: ignore[reportIncompatibleVariableOverride] - of all cases
        """Those of all cases."""
        return tuple(each for one in self.cases for each in one.comparisons)

    @property
    def passed(self) -> bool:
        """Whether every case passed."""
        return bool(self.cases) and all(result.passed for result in self.cases)


def check_row(
    row: Row,
    cases: Sequence[Case] | None = None,
    *,
    on_case: Callable[[CaseResult], None] | None = None,
) -> RowResult:
    """Compare a row in all its cases, or in those given; `on_case` hears of each."""
    results = []
    for one in row.cases if cases is None else cases:
        results.append(check_case(row, one))
        if on_case is not None:
            on_case(results[-1])
    return RowResult(row, tuple(results))


def check_case(row: Row, one: Case) -> CaseResult:
    """Compare a row in one case."""
    match row:
        case FunctionRow():
            comparisons = compare_function(row, one)
        case OptimizerRow():
            comparisons = (compare_optimizer(row, one),)
        case ScheduleRow():
            comparisons = (compare_schedule(row, one),)
        case TrainingRow():
            by_hand, by_autograd = row.losses(one)
            ratios = by_hand / by_autograd  # each loss is judged by its own size
            comparisons = (Comparison("losses", relative_error(ratios, torch.ones_like(ratios))),)
    return CaseResult(row, one, comparisons)


def relative_error(a: Tensor, b: Tensor, scale: float = 0.0) -> float:
    """max |a − b| / max |b|; infinite if the shapes differ, NaN if an element is.

    Args:
        a: What is judged.
        b: What it should be.
        scale: max |b| is not taken below this.

    >>> round(relative_error(torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0])), 3)
    0.25
    """
    if a.shape != b.shape:
        return math.inf
    if not b.numel():
        return 0.0
    return float((a - b).abs().max() / max(1e-30, scale, float(b.abs().max())))


def worst(errors: Iterable[float]) -> float:
    """The largest error, where NaN is larger than any number.

    >>> worst([1.0, math.nan, 2.0])
    nan
    """
    return max(errors, key=lambda error: math.inf if math.isnan(error) else error)


# --- functions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """One function at one point, both ways.

    Attributes:
        problem: The function.
        dy: The random gradient of its output.
        y, gradients: By hand.
        expected, exact: The output and the gradients by the twin.
        changed: Inputs that the by-hand forward overwrote.
    """

    problem: Problem
    dy: Tensor
    y: Tensor
    gradients: Tensors
    expected: Tensor
    exact: Tensors
    changed: tuple[str, ...]


def compare_function(row: FunctionRow, one: Case) -> tuple[Comparison, ...]:
    """The output, then every gradient."""
    found = evaluate(row, one)
    against_twin = errors_against_twin(found)
    against_differences = errors_against_differences(row, one, found)
    return tuple(
        Comparison(name, against_twin.get(name), against_differences.get(name))
        for name in against_twin | against_differences
    )


def evaluate(row: FunctionRow, one: Case) -> Evaluation:
    """Run both derivations.

    Raises:
        UserError: If the twin refuses the case, such as a kernel larger than the image.
    """
    problem = row.problem(one)
    leaves = {name: t.clone().requires_grad_() for name, t in problem.tensors.items()}
    try:
        expected = problem.twin(leaves)
    except (RuntimeError, ValueError) as error:  # a shape that nothing of this kind can take
        raise _refusal(row, one, error) from error
    dy = drawing("dy", row.name, str(one))(*expected.shape)
    exact = torch.autograd.grad(expected, list(leaves.values()), dy)
    given = {name: t.clone() for name, t in problem.tensors.items()}
    y, pullback = problem.by_hand(given)
    y = y.clone()  # a network may hand out memory that its backward uses again
    gradients = pullback(dy.clone())
    return Evaluation(
        problem=problem,
        dy=dy,
        y=y,
        gradients=gradients,
        expected=expected.detach(),
        exact=dict(zip(leaves, exact, strict=True)),
        changed=tuple(n for n, t in problem.tensors.items() if not torch.equal(given[n], t)),
    )


def errors_against_twin(found: Evaluation) -> dict[str, float]:
    """The relative error of the output and of every gradient, element by element."""
    errors = {"y": relative_error(found.y, found.expected)}
    errors |= {f"{name}, which must not change": math.inf for name in found.changed}
    floor = _floor(found)
    for name in found.exact | found.gradients:
        if name in found.exact and name in found.gradients:
            errors[f"d{name}"] = relative_error(found.gradients[name], found.exact[name], floor)
        else:
            missing = "is missing" if name in found.exact else "is of nothing"
            errors[f"d{name}, which {missing}"] = math.inf
    return errors


def errors_against_differences(row: FunctionRow, one: Case, found: Evaluation) -> dict[str, float]:
    """The relative error of every gradient, over some elements and one direction of its tensor.

    Where the row says so, only some directions through all tensors at once are tried.
    """
    if not row.elements:
        return {}
    floor = 1e3 * _floor(found)  # the quotient's rounding is 1e-10 of the largest gradient
    draw = drawing("directions", row.name, str(one))
    gradients = {
        name: gradient
        for name, gradient in found.gradients.items()
        if name in found.exact and gradient.shape == found.exact[name].shape
    }
    sizes = {
        name: float(found.problem.tensors[name].square().mean().sqrt()) or 1.0 for name in gradients
    }
    if row.joint:
        errors = []
        for _ in range(row.elements):
            along = {name: sizes[name] * draw(*g.shape) for name, g in gradients.items()}
            errors.append(_along(found, gradients, along, floor * max(sizes.values())))
        return {f"{row.elements} directions through all": worst(errors)}
    errors_of = {}
    for name, gradient in gradients.items():
        order = draw(gradient.numel()).argsort() if gradient.numel() > row.elements else None
        chosen = range(gradient.numel()) if order is None else order[: row.elements].tolist()
        # single elements are judged by the tensor's largest, as against the twin
        largest = max(1e-30, floor, float(gradient.abs().max()))
        along = {name: sizes[name] * draw(*gradient.shape)}
        errors = [_along(found, gradients, along, floor * sizes[name])]
        for element in chosen:
            direction = torch.zeros_like(gradient, memory_format=torch.contiguous_format)
            direction.view(-1)[element] = sizes[name]
            errors.append(_along(found, gradients, {name: direction}, largest * sizes[name]))
        errors_of[f"d{name}"] = worst(errors)
    return errors_of


def _floor(found: Evaluation) -> float:
    """What max |b| is never taken below."""
    return 1e-6 * max(float(t.abs().max()) for t in (*found.exact.values(), found.dy))


def _along(found: Evaluation, gradients: Tensors, along: Tensors, scale: float) -> float:
    """|⟨f(θ + h e) − f(θ − h e), dy⟩ / 2h − ⟨gradient, e⟩| relative to how large the latter may be.

    A sum over a random direction e = `along` is about as large as the root of the sum of squares,
    and a single element is compared with `scale`. Of the steps in `STEPS` the best one counts.
    """
    tensors = found.problem.tensors
    terms = [gradients[name] * e for name, e in along.items()]
    slope = sum(float(term.sum()) for term in terms)
    size = max(1e-30, scale, math.sqrt(sum(float(term.square().sum()) for term in terms)))
    errors = []
    for h in STEPS:
        up, _ = found.problem.by_hand(tensors | {n: tensors[n] + h * e for n, e in along.items()})
        up = up.clone()  # the next forward may use its memory again
        down, _ = found.problem.by_hand(tensors | {n: tensors[n] - h * e for n, e in along.items()})
        quotient = float(((up - down) * found.dy).sum()) / (2 * h)
        errors.append(abs(quotient - slope) / size)
        if errors[-1] <= 0.1 * DIFFERENCES_TOLERANCE:
            break
    return min(errors)


# --- optimizers and schedules ---------------------------------------------------------------------


def compare_optimizer(row: OptimizerRow, one: Case) -> Comparison:
    """Many steps on the same gradients; the learning rate halves on the way.

    A tenth of the gradients is 0, as for pixels that are black in every image so far, and the error
    is that of the way made, W − W₀, so that short steps are judged as strictly as long ones.
    """
    chosen = {**row.options, **one.options}
    rate, steps = chosen.pop("learning_rate"), chosen.pop("steps")
    draw = drawing(row.name, str(one))
    start = draw(*one.population, *one.shape)
    dormant = draw(*one.population, *one.shape).abs() < 0.125
    alike = (1,) * len(one.shape)  # a learning rate for each member
    rates = rate * draw(*one.population, *alike).exp() if one.population else rate
    W = start.clone()
    by_hand = row.by_hand(W, rates, chosen)
    members = start.view(-1, *one.shape).clone().unbind(0)
    member_rates = rates.flatten().tolist() if isinstance(rates, Tensor) else [rates]
    try:
        twins = [row.twin([w], r, chosen) for w, r in zip(members, member_rates, strict=True)]
    except ValueError as error:  # a hyperparameter that torch refuses
        raise _refusal(row, one, error) from error
    errors = []
    for step in range(steps):
        if step == steps // 2:
            by_hand.learning_rate = by_hand.learning_rate / 2
            for twin in twins:
                twin.param_groups[0]["lr"] /= 2
        dW = draw(*one.population, *one.shape).masked_fill(dormant, 0)
        by_hand.step(W, dW.clone())
        for w, gradient, twin in zip(members, dW.view(-1, *one.shape), twins, strict=True):
            w.grad = gradient.clone()
            twin.step()
        expected = torch.stack(members).view(start.shape)
        # W itself is rounded, so a way shorter than a thousandth of it is not judged by its length
        floor = 1e-3 * float(expected.abs().max())
        errors.append(relative_error(W - start, expected - start, floor))
    return Comparison(f"W over {steps} steps", worst(errors))


def _refusal(row: Row, one: Case, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return UserError(f"{row.name} cannot take {one}: {reason}.")


def compare_schedule(row: ScheduleRow, one: Case) -> Comparison:
    """The multiplier of every step."""
    chosen = {**row.options, **one.options}
    (steps,) = one.shape
    weight = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    try:
        scheduler = row.twin(optimizer, steps, chosen)
    except ValueError as error:
        raise _refusal(row, one, error) from error
    expected = []
    for _ in range(steps + 1):
        expected.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    ours = [row.by_hand(step, steps, chosen) for step in range(steps + 1)]
    error = relative_error(
        torch.tensor(ours, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    )
    return Comparison(f"multipliers of {steps + 1} steps", error)
