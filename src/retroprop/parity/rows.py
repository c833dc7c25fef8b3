"""What a row of the table is: something by hand, its twin, and the cases to compare them on.

A layer, a loss and a network are all the same to the checks: a function of named tensors with a
scalar or tensor output, and its pullback, which takes dL/dy to dL/d(each tensor). `Problem` holds
the two derivations of one function; a `FunctionRow` makes the problem of a case.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from retroprop.byhand.layer import Layer
from retroprop.byhand.optimizers import Optimizer
from retroprop.randomness import generator

Kind = Literal["layer", "loss", "optimizer", "schedule", "network", "training"]
KINDS: tuple[Kind, ...] = ("layer", "loss", "optimizer", "schedule", "network", "training")

Tensors = dict[str, Tensor]
Options = Mapping[str, Any]
Pullback = Callable[[Tensor], Tensors]

ANY = ("batch", "...")
FEATURES = ("batch", "features")
TOKENS = ("batch", "patches", "dim")
IMAGES = ("batch", "channels", "height", "width")


@dataclass(frozen=True)
class Case:
    """One situation in which both derivations are compared.

    Attributes:
        shape: What the row's `axes` say, without population axes.
        population: The population axes in front.
        shared: How many of the last population axes the input lacks: their members share it.
        options: Those of the row's options that differ from its defaults.
    """

    shape: tuple[int, ...]
    population: tuple[int, ...] = ()
    shared: int = 0
    options: Options = field(default_factory=dict)

    def __str__(self) -> str:
        """For example "2×3×7×9, stride 2, population 2×3, shared 1"."""
        parts = ["×".join(map(str, self.shape))]
        parts += [f"{name} {_short(value)}" for name, value in self.options.items()]
        if self.population:
            parts.append("population " + "×".join(map(str, self.population)))
        if self.shared:
            parts.append(f"shared {self.shared}")
        return ", ".join(parts)


def case(*shape: int, population: tuple[int, ...] = (), shared: int = 0, **options: Any) -> Case:
    """A case in one short line."""
    return Case(shape, population, shared, options)


POPULATIONS = ((), (1,), (2,), (7,), (2, 3))
"""The populations that every row meets: none, one, two, an odd number, two axes."""


def over_populations(*shapes: Case, sharing: bool = True) -> tuple[Case, ...]:
    """Each case with every population, and with inputs shared by each number of its last axes."""
    return tuple(
        Case(one.shape, population, shared, one.options)
        for one in shapes
        for population in POPULATIONS
        for shared in range(len(population) + 1 if sharing else 1)
    )


# --- functions: layers, losses, networks ----------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A function of named tensors, derived twice.

    Attributes:
        tensors: Where to compare: every tensor by which both differentiate, in float64.
        by_hand: From the tensors to the output and its pullback. It makes everything anew, so it
            may be called any number of times.
        twin: The same output, by operations that autograd differentiates.
        constants: What both take besides: the targets of a loss.
    """

    tensors: Tensors
    by_hand: Callable[[Tensors], tuple[Tensor, Pullback]]
    twin: Callable[[Tensors], Tensor]
    constants: Tensors = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What all rows have.

    Attributes:
        kind, name: Where it stands in the table.
        covers: The public classes and functions of `byhand` that this row proves.
        axes: The meaning of the numbers of a case's shape.
        options: Names and default values of what else a case may set.
        cases: The situations to compare in.
        tolerance: Largest relative error against the twin that passes.
    """

    name: str
    covers: tuple[Any, ...]
    options: Options
    cases: tuple[Case, ...]


@dataclass(frozen=True, kw_only=True)
class FunctionRow(_Row):
    """A layer, a loss or a network.

    Attributes:
        problem: From a case, completed with the default options, to the two derivations.
        elements: Elements of each tensor that central differences visit (all, if it has fewer);
            with 0 there are no central differences.
        joint: Whether central differences go through all tensors at once, in that many directions:
            in networks of sixty tensors, one by one takes minutes.
    """

    kind: Kind
    axes: tuple[str, ...]
    problem: Callable[[Case], Problem]
    tolerance: float = 1e-9
    elements: int = 24
    joint: bool = False


Draw = Callable[..., Tensor]
"""From any sizes to a new tensor of this shape: independent normal numbers in float64."""


def drawing(*path: int | str) -> Draw:
    """The stream of normal numbers of this name."""
    stream = generator("parity", *path)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=stream, dtype=torch.float64)

    return draw


DrawInput = Callable[[Draw, tuple[int, ...]], Tensor]


def off_zero(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    """At least 0.1 away from 0, where max(0, x) has no derivative."""
    x = draw(*shape)
    return x + 0.1 * x.sign()


def distinct(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    """At least 0.01 apart from each other, because a maximum has no derivative where two tie."""
    ranks = draw(*shape).flatten().argsort().argsort().to(torch.float64)
    return (0.01 * (ranks - len(ranks) / 2)).view(shape)


def layer_row(
    layer: type,
    *,
    also: tuple[Any, ...] = (),
    name: str | None = None,
    axes: Sequence[str],
    by_hand: Callable[[Tensors, Options], Layer],
    twin: Callable[[Tensor, Tensors, Options], Tensor],
    cases: Sequence[Case],
    parameters: Callable[[tuple[int, ...], Options], Mapping[str, tuple[int, ...]]] | None = None,
    options: Options | None = None,
    draw_input: DrawInput = lambda draw, shape: draw(*shape),
    kind: Kind = "layer",
    **others: Any,
) -> FunctionRow:
    """The row of something that keeps the contract of `byhand.layer.Layer`.

    Args:
        layer: Its class, which the row proves.
        also: Other public names that it proves.
        name: Of the row, where it is not that of the class.
        axes: The meaning of the input's axes.
        by_hand: From the parameters (population axes in front) and the options to the layer.
        twin: From input, parameters and options to the output, for one member of a population.
        cases: The situations to compare in.
        parameters: From the input's shape and the options to the shape of each parameter of one
            member.
        options: Names and defaults of the options; "training" 0 asks for evaluation.
        draw_input: How the input is drawn.
        kind: "layer" or "network".
        others: Further attributes of the row.
    """
    name, options = name or layer.__name__, options or {}

    def problem(one: Case) -> Problem:
        chosen = {**options, **one.options}
        training = bool(chosen.get("training", 1))
        draw = drawing(name, str(one))
        groups = one.population[: len(one.population) - one.shared]
        tensors = {"x": draw_input(draw, (*groups, *one.shape))}
        for parameter, shape in (parameters(one.shape, chosen) if parameters else {}).items():
            # divided by √inputs, so that the numbers neither fade nor explode in deep networks
            tensors[parameter] = draw(*one.population, *shape) / math.sqrt(_inputs(shape))

        def forward(tensors: Tensors) -> tuple[Tensor, Pullback]:
            made = by_hand({n: t for n, t in tensors.items() if n != "x"}, chosen)
            y, saved = made.forward(tensors["x"], training=training)

            def pullback(dy: Tensor) -> Tensors:
                dx, gradients = made.backward(dy, saved)
                return {"x": dx, **gradients}

            return y, pullback

        def of_member(own: Tensors) -> Tensor:
            return twin(own["x"], {n: t for n, t in own.items() if n != "x"}, chosen)

        return Problem(
            tensors=tensors,
            by_hand=forward,
            twin=lambda tensors: each_member(of_member, tensors, one.population, one.shared),
        )

    return FunctionRow(
        kind=kind,
        name=name,
        covers=(layer, *also),
        axes=tuple(axes),
        options=options,
        cases=tuple(cases),
        problem=problem,
        **others,
    )


def loss_row(
    value: Callable[..., Any],
    gradient: Callable[..., Tensor],
    *,
    with_hits: bool = False,
    twin: Callable[[Tensor, Tensor, Options], Tensor],
    cases: Sequence[Case],
    draw_scores: DrawInput = lambda draw, shape: draw(*shape),
    draw_targets: DrawInput,
    options: Options | None = None,
) -> FunctionRow:
    """The row of a loss, the sum over a batch of which is `value` and whose gradient is given.

    Args:
        value: From scores, targets and options to L, one number per member.
        gradient: The gradient of that with respect to the scores.
        with_hits: Whether `value` takes labels, and returns L and the number of right answers.
        twin: L of one member.
        cases: The situations to compare in; `shared` counts the axes on which targets are shared.
        draw_scores: How the scores are drawn.
        draw_targets: How the targets are drawn.
        options: Names and defaults of the options.
    """
    name, options = value.__name__, options or {}

    def problem(one: Case) -> Problem:
        chosen = {**options, **one.options}
        draw = drawing(name, str(one))
        own_axes = one.population[: len(one.population) - one.shared]
        targets = draw_targets(draw, (*own_axes, *(1,) * one.shared, *one.shape))
        scores = draw_scores(draw, (*one.population, *one.shape))
        wide = targets.expand_as(scores)

        def forward(tensors: Tensors) -> tuple[Tensor, Pullback]:
            def pullback(dL: Tensor) -> Tensors:
                return {"z": dL[..., None, None] * gradient(tensors["z"], targets, **chosen)}

            if with_hits:  # all members share the labels
                return value(tensors["z"], targets.argmax(-1).view(one.shape[:1]))[0], pullback
            return value(tensors["z"], targets, **chosen), pullback

        return Problem(
            tensors={"z": scores},
            by_hand=forward,
            twin=lambda tensors: each_member(
                lambda own: twin(own["z"], own["targets"], chosen),
                {**tensors, "targets": wide},
                one.population,
            ),
            constants={"targets": targets},
        )

    return FunctionRow(
        kind="loss",
        name=name,
        covers=(value, gradient),
        axes=("batch", "classes"),
        options=options,
        cases=tuple(cases),
        problem=problem,
    )


def each_member(
    of_member: Callable[[Tensors], Tensor],
    tensors: Tensors,
    population: tuple[int, ...],
    shared: int = 0,
) -> Tensor:
    """What a population must equal: its members one by one, side by side.

    Args:
        of_member: From one member's tensors to its output.
        tensors: Those of all members; "x" lacks the last `shared` population axes.
        population: The population axes.
        shared: How many of them "x" lacks.
    """
    outputs = []
    for index in itertools.product(*map(range, population)):
        of_input = index[: len(index) - shared]
        own = {name: t[of_input if name == "x" else index] for name, t in tensors.items()}
        outputs.append(of_member(own))
    return torch.stack(outputs).view((*population, *outputs[0].shape))


# --- optimizers, schedules, trainings -------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OptimizerRow(_Row):
    """An optimizer; a case's shape is that of the weights.

    With a population every member has its own learning rate, and is compared with a run of its own.

    Attributes:
        by_hand: From weights, learning rate and options to the optimizer by hand.
        twin: From a list with the weights, learning rate and options to that of `torch.optim`.
    """

    by_hand: Callable[[Tensor, Any, Options], Optimizer]
    twin: Callable[[list[Tensor], float, Options], torch.optim.Optimizer]
    kind: Kind = "optimizer"
    axes: tuple[str, ...] = ("rows", "...")
    tolerance: float = 1e-12


@dataclass(frozen=True, kw_only=True)
class ScheduleRow(_Row):
    """A schedule; a case's shape is the number of steps.

    Attributes:
        by_hand: From step, number of steps and options to the multiplier.
        twin: From an optimizer, number of steps and options to that of `torch.optim.lr_scheduler`.
    """

    by_hand: Callable[[int, int, Options], float]
    twin: Callable[[torch.optim.Optimizer, int, Options], torch.optim.lr_scheduler.LRScheduler]
    kind: Kind = "schedule"
    axes: tuple[str, ...] = ("steps",)
    tolerance: float = 1e-12


@dataclass(frozen=True, kw_only=True)
class TrainingRow(_Row):
    """Two trainings on the same real images; a case's shape is the size of the minibatches.

    Attributes:
        losses: From a case to the losses of every step, by hand and by autograd.
    """

    losses: Callable[[Case], tuple[Tensor, Tensor]]
    kind: Kind = "training"
    axes: tuple[str, ...] = ("batch",)
    tolerance: float = 1e-10


Row = FunctionRow | OptimizerRow | ScheduleRow | TrainingRow


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inputs(shape: tuple[int, ...]) -> int:
    """Numbers that one output sums: W is (in, out), or (out, in, height, width); others have 1."""
    if len(shape) == 2:
        return shape[0]
    return math.prod(shape[1:]) if len(shape) == 4 else 1
