"""How an answer about a network is made by the reference: from weights, forward, backward.

The weights are those that the probe was given, so that the student's network computes with ours; or
those that the student's network was made with, which the answer holds, so that ours computes with
theirs. Then everything is compared: what the network holds, its output, every gradient, and the
statistics of its normalizations.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from retroprop.grading.checks import Mistake, Values
from retroprop.grading.comparison import close
from retroprop.labs.ift6135_devoir1.grading.probes import against_fixed_numbers, drawn
from retroprop.languages import say_later

Shapes = Mapping[str, tuple[int, ...]]
"""Of the weights, by the names of the assignment."""

Reference = Callable[..., dict[str, Any]]
"""(values, answer, **switches) → an answer."""

Weights = dict[str, Tensor]
"""By name; a forward pass in training replaces the running statistics."""


FAR = 1e-2
"""Relative difference of outputs that no rounding explains."""


def answer_of(
    values: Values, answer: Any, shapes: Shapes, forward: Callable[[Tensor, Weights], Tensor]
) -> dict[str, Any]:
    """What a network answers whose output is `forward(x, weights)`.

    Args:
        values: Of the probe: "x", and "weights" if they are ours; "names" are the right shapes.
        answer: The submission's; "weights" are those of its network. Where its output is far from
            this one, gradients are not computed.
        shapes: The network's weights; with a mistake, perhaps not the right ones.
        forward: In float64.
    """
    weights = {name: _weight(name, shape, values, answer) for name, shape in shapes.items()}
    leaves = {name: weight.double() for name, weight in weights.items()}
    trained = {
        name: leaf.requires_grad_() for name, leaf in leaves.items() if "running" not in name
    }
    x = values["x"].double().requires_grad_()
    y = forward(x, leaves)
    given = answer.get("y") if isinstance(answer, Mapping) else None
    if given is not None and not close(given, y, FAR):  # a mistake that does not explain this
        return {"weights": weights, "y": y.detach()}
    found = torch.autograd.grad(against_fixed_numbers(y), [*trained.values(), x], allow_unused=True)
    gradients = dict(zip([*trained, "x"], found, strict=True))
    return {
        "weights": weights,
        "y": y.detach(),
        "gradients": {
            name: gradient
            for name, gradient in gradients.items()
            if (name in values["names"] or name == "x") and not _vanishes(gradient, gradients)
        },
        "statistics": {name: leaf for name, leaf in leaves.items() if "running" in name},
    }


def only(parts: Sequence[str], reference: Reference) -> Reference:
    """A reference of some parts of an answer; the others are not looked at."""

    def reduced(values: Values, answer: Any, **switches: Any) -> dict[str, Any]:
        whole = reference(values, answer, **switches)
        return {part: whole[part] for part in parts if part in whole}

    return reduced


OUTPUT = ("weights", "y")
"""The parts of an answer whose gradients are not looked at."""


def _vanishes(gradient: Tensor | None, gradients: Mapping[str, Tensor | None]) -> bool:
    """Whether it is 0 but for rounding, so that in single precision nothing but rounding is left.

    A normalization takes away a bias before it, for example.
    """
    if gradient is None:
        return False
    largest = max(float(one.abs().max()) for one in gradients.values() if one is not None)
    return float(gradient.abs().max()) < 1e-10 * largest


def _weight(name: str, shape: tuple[int, ...], values: Values, answer: Any) -> Tensor:
    """Ours, if the probe was given it in this shape, or the network's own."""
    sources = [values.get("weights")]
    if isinstance(answer, Mapping):
        sources.append(answer.get("weights"))
    for source in sources:
        weight = source.get(name) if isinstance(source, Mapping) else None
        if isinstance(weight, Tensor) and tuple(weight.shape) == shape:
            return weight.detach()
    return torch.zeros(shape)


def random_weights(shapes: Shapes, generator: torch.Generator) -> Weights:
    """Weights of the usual size, and normalizations that scale and shift."""
    seed = random_seed(generator)
    return {name: drawn(name, shape, seed) for name, shape in shapes.items()}


def random_seed(generator: torch.Generator) -> int:
    """For weights that are drawn on both sides."""
    return int(torch.randint(2**31, (), generator=generator))


def batch_norm(x: Tensor, weights: Weights, name: str, training: bool) -> Tensor:
    """Normalize each channel, by its own statistics in training and by the running ones else."""
    mean, variance = (weights[f"{name}.running_{which}"].clone() for which in ("mean", "var"))
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    y = functional.batch_norm(x, mean, variance, scale, shift, training)
    weights[f"{name}.running_mean"], weights[f"{name}.running_var"] = mean, variance
    return y


def output(logits: Tensor, how: str) -> Tensor:
    """What comes out of a network: the logits, or what should not be made of them."""
    match how:
        case "softmax":
            return logits.softmax(1)
        case "log-softmax":
            return logits.log_softmax(1)
        case "relu":
            return logits.relu()
    return logits


OUTPUTS = (
    Mistake(
        name="softmax on the logits",
        sentence=say_later(
            "the output went through a softmax: the loss expects logits, and takes the softmax "
            "itself"
        ),
        switches={"out": "softmax"},
    ),
    Mistake(
        name="log-softmax on the logits",
        sentence=say_later(
            "the output went through a log-softmax: the loss expects logits, and takes the "
            "softmax itself"
        ),
        switches={"out": "log-softmax"},
    ),
)
"""What no network of the assignment should do to its logits."""
