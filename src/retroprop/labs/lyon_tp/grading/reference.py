"""The document's three networks in one reference, whose switches are the mistakes of the banks.

    y^l = φ(w^l ỹ^{l−1}), ỹ = [y, 1], y⁰ = x        the hidden layers have φ = σ, the last has none
    δ^L = t − y^L        δ^l = y^l (1 − y^l) Σ_j δ_j^{l+1} w_j^{l+1}        Δw^l = η δ^l ỹ^{l−1}

A perceptron is the network without a hidden layer. Weights are (neurons, inputs + 1), activities
(examples, neurons).

Source: TP « Introduction à l'apprentissage profond » (Lyon, 2019), parts 1 to 3.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from retroprop.grading.checks import Values

PIXELS, CLASSES = 784, 10

HIDDEN: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "none": lambda sums: sums,
    "exp(+)": lambda sums: torch.sigmoid(-sums),
}
OUTPUT: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda sums: sums,
    "sigmoid": torch.sigmoid,
    "softmax": lambda sums: sums.softmax(1),
    "threshold": lambda sums: (sums > 0).to(sums),
    "largest": lambda sums: F.one_hot(sums.argmax(1), sums.shape[1]).to(sums),
}
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda y: y * (1 - y),
    "missing": torch.ones_like,
    "of the activity": lambda y: y.sigmoid() * (1 - y.sigmoid()),
    "tanh": lambda y: 1 - y.square(),
    "half": lambda y: y,
    "relu": lambda y: (y > 0).to(y),
    "exp(+)": lambda y: y * (y - 1),
}
"""The factor of a hidden error, from the activity."""


def drawn(generator: Generator, hidden: Sequence[int], examples: int) -> dict[str, Any]:
    """Weights of a network, images of which a fifth of the pixels is not 0, one-hot labels, η.

    On the first image several outputs are positive, and the largest is not the label's: else
    outputs after a threshold, the winner alone and the label could be the same.

    Args:
        generator: Of the draws.
        hidden: How many units each hidden layer has.
        examples: How many images there are, with different labels.
    """
    while True:
        values = _drawn(generator, hidden, examples)
        first = outputs(values, None)[0]
        if (first > 0).sum() > 1 and not values["t"][0, first.argmax()]:
            return values


def _drawn(generator: Generator, hidden: Sequence[int], examples: int) -> dict[str, Any]:
    sizes = [PIXELS, *hidden, CLASSES]
    weights = []
    for n_in, n_out in pairwise(sizes):
        scale = 0.15 if n_in == PIXELS else 1.5 / n_in**0.5
        w = torch.randn(n_out, n_in + 1, generator=generator) * scale
        w[:, -1] = torch.randn(n_out, generator=generator) * 0.5
        weights.append(w)
    ink = torch.rand(examples, PIXELS, generator=generator) < 0.2
    labels = torch.randperm(CLASSES, generator=generator)[:examples]
    return {
        "weights": weights,
        "x": ink * torch.rand(examples, PIXELS, generator=generator),
        "t": F.one_hot(labels, CLASSES).float(),
        "eta": 0.01 + 0.01 * float(torch.rand(1, generator=generator)),
    }


# --- forward --------------------------------------------------------------------------------------


def outputs(values: Values, answer: Any, *, columns: bool = False, **switches: Any) -> Tensor:
    """The activities of the output layer.

    Args:
        values: With weights and images.
        answer: Ignored.
        columns: Whether examples are columns.
        **switches: Of `activities_of`.
    """
    y = activities_of(values["weights"], values["x"], **switches)[-1]
    return y.mT if columns else y


def activities_of(
    weights: Sequence[Tensor],
    x: Tensor,
    *,
    hidden: str = "sigmoid",
    output: str = "linear",
    ones: str = "all",
    place: str = "last",
) -> list[Tensor]:
    """The activities of all layers, the images first.

    Args:
        weights: Of each layer.
        x: Images (examples, inputs).
        hidden: Of `HIDDEN`.
        output: Of `OUTPUT`.
        ones: The layers that have the additional input: "all", "none", "hidden", "output".
        place: Where it stands, "last" or "first".
    """
    activities = [x]
    for layer, w in enumerate(weights):
        one = has_one(layer, len(weights), ones)
        sums = with_one(activities[-1], place, one) @ w.mT
        if layer == len(weights) - 1:
            activities.append(OUTPUT[output](sums))
        else:
            activities.append(HIDDEN[hidden](sums))
    return activities


def has_one(layer: int, layers: int, ones: str) -> bool:
    """Whether a layer has the additional input."""
    last = layer == layers - 1
    return {
        "all": True,
        "none": False,
        "hidden": not last,
        "output": last,
    }[ones]


def with_one(y: Tensor, place: str = "last", one: bool = True) -> Tensor:
    """Activities with the additional input, which is 0 where a layer has none."""
    extra = torch.full((len(y), 1), float(one))
    return torch.cat([extra, y] if place == "first" else [y, extra], 1)


def without_one(w: Tensor, place: str) -> Tensor:
    """Weights without those of the additional input."""
    return w[:, 1:] if place == "first" else w[:, :-1]


# --- by hand --------------------------------------------------------------------------------------


def deltas(
    values: Values, answer: Any, *, order: str = "hidden first", per: str = "example", **all_: Any
) -> list[Tensor]:
    """The errors of each layer, that of the outputs last.

    Args:
        values: With weights, images and labels.
        answer: Ignored.
        order: "hidden first" or "outputs first".
        per: "example", or "batch" where the errors are divided by the number of examples.
        **all_: Switches of `activities_of` and of `deltas_of`.
    """
    forward, backward = parted(all_)
    activities = activities_of(values["weights"], values["x"], **forward)
    found = deltas_of(values["weights"], activities, values["t"], **backward)
    if per == "batch":
        found = [delta / len(values["x"]) for delta in found]
    return found if order == "hidden first" else found[::-1]


FORWARD = {"hidden", "output", "ones", "place"}
"""Switches of `activities_of`."""


def parted(switches: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Switches of the forward pass, and others; both passes place the additional input alike."""
    forward = {name: value for name, value in switches.items() if name in FORWARD}
    others = {name: value for name, value in switches.items() if name not in FORWARD}
    return forward, others | {name: forward[name] for name in ("place",) if name in forward}


def deltas_of(
    weights: Sequence[Tensor],
    activities: Sequence[Tensor],
    t: Tensor,
    *,
    sign: int = 1,
    loss: str = "half",
    slope: str = "sigmoid",
    slope_of_output: bool = False,
    back: str = "weights",
    place: str = "last",
) -> list[Tensor]:
    """The errors of each layer, for given activities.

    Args:
        weights: Of each layer.
        activities: Of the images and of each layer.
        t: Targets.
        sign: 1 for t − y, −1 for y − t.
        loss: Whose derivative it is: "half" of the squares, their "sum", or their "mean".
        slope: Of `SLOPES`; "at the output" if it stands there and nowhere else.
        slope_of_output: Whether the linear outputs have one too.
        back: What errors go back through: "weights", or "nothing" where they are only added.
        place: Of the additional input.
    """
    delta = sign * factor(loss, t) * (t - activities[-1])
    if slope_of_output or slope == "at the output":
        delta = delta * SLOPES["sigmoid"](activities[-1])
    slope = "missing" if slope == "at the output" else slope
    found = [delta]
    for w, y in zip(weights[:0:-1], activities[-2:0:-1], strict=True):
        through = without_one(w, place)
        through = through if back == "weights" else torch.ones_like(through)
        found.insert(0, found[0] @ through * SLOPES[slope](y))
    return found


def factor(loss: str, t: Tensor) -> float:
    """What the error of an example is multiplied by, in the derivative of a loss."""
    return {"half": 1.0, "sum": 2.0, "mean": 2.0 / t.shape[1]}[loss]


def changes_by_hand(
    weights: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    *,
    eta: float,
    updated_first: bool = False,
    sums_as_inputs: bool = False,
    **switches: Any,
) -> list[Tensor]:
    """δ^l ỹ^{l−1} of each layer, added over the examples.

    Args:
        weights: Of each layer.
        x: Images.
        t: Targets.
        eta: For weights that are modified already.
        updated_first: Whether errors go back through output weights that are modified already.
        sums_as_inputs: Whether the output layer's step takes the hidden sums for the activities.
        **switches: Of `activities_of` and of `deltas_of`.
    """
    forward, backward = parted(switches)
    activities = activities_of(weights, x, **forward)
    place, ones = forward.get("place", "last"), forward.get("ones", "all")
    inputs = list(activities[:-1])
    if sums_as_inputs:
        inputs[-1] = activities_of(weights, x, **forward | {"hidden": "none"})[-2]

    def from_weights(those: Sequence[Tensor]) -> list[Tensor]:
        return [
            delta.mT @ with_one(y, place, has_one(layer, len(weights), ones))
            for layer, (delta, y) in enumerate(
                zip(deltas_of(those, activities, t, **backward), inputs, strict=True)
            )
        ]

    changes = from_weights(weights)
    if updated_first:
        changes = from_weights([*weights[:-1], weights[-1] + eta * changes[-1]])
    return changes


# --- by autograd ----------------------------------------------------------------------------------


def changes_by_autograd(
    weights: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    *,
    eta: float,
    sign: int = 1,
    loss: str = "half",
    **forward: Any,
) -> list[Tensor]:
    """Minus the gradient of the loss, added over the examples; switches as above."""
    leaves = [w.clone().requires_grad_() for w in weights]
    error = t - activities_of(leaves, x, **forward)[-1]
    value = 0.5 * factor(loss, t) * error.square().sum()
    return [-sign * gradient for gradient in torch.autograd.grad(value, leaves)]


# --- steps ----------------------------------------------------------------------------------------


def steps_by_hand(values: Values, answer: Any, **switches: Any) -> list[Tensor]:
    """What steps by the equations change the weights by; switches of `steps`."""
    return steps(values, changes_by_hand, **switches)


def steps_by_autograd(values: Values, answer: Any, **switches: Any) -> list[Tensor]:
    """What steps by automatic differentiation change the weights by; switches of `steps`."""
    return steps(values, changes_by_autograd, **switches)


def steps(
    values: Values,
    changes_of: Callable[..., list[Tensor]],
    *,
    together: str = "one by one",
    rate: str = "all",
    modified: str = "all",
    biases: bool = True,
    emptied: bool = True,
    **switches: Any,
) -> list[Tensor]:
    """What the weights of each layer are changed by.

    Args:
        values: With weights, images, labels and η.
        changes_of: (weights, x, t, eta, **switches) → changes without η.
        together: "one by one", the "sum" or the "mean" of all in one step, or only the "first" or
            the "last" example.
        rate: The layers whose steps are multiplied by η: "all", "none" or "output".
        modified: The layers that are modified: "all", "none", "output" or "hidden".
        biases: Whether those of the additional input are.
        emptied: Whether gradients are, before those of the next example are added.
        **switches: Of `changes_of`.
    """
    eta, weights = values["eta"], list(values["weights"])
    added = [torch.zeros_like(w) for w in weights]
    for x, t in presented(values, together):
        changes = changes_of(weights, x, t, eta=eta, **switches)
        if together == "mean":
            changes = [change / len(x) for change in changes]
        added = changes if emptied else [a + b for a, b in zip(added, changes, strict=True)]
        for layer, change in enumerate(added):
            kind = "output" if layer == len(weights) - 1 else "hidden"
            if modified not in ("all", kind):
                continue
            step = change * (eta if rate in ("all", kind) else 1.0)
            if not biases:
                step = without_biases(step, switches.get("place", "last"))
            weights[layer] = weights[layer] + step
    return [after - before for after, before in zip(weights, values["weights"], strict=True)]


def presented(values: Values, together: str) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples of each step."""
    x, t = values["x"], values["t"]
    if together in ("sum", "mean"):
        return iter([(x, t)])
    pairs = list(zip(x.split(1), t.split(1), strict=True))
    chosen = {"first": pairs[:1], "last": pairs[-1:]}.get(together, pairs)
    return iter(chosen)


def without_biases(step: Tensor, place: str) -> Tensor:
    """A step that leaves the weights of the additional input."""
    step = step.clone()
    step[:, 0 if place == "first" else -1] = 0
    return step


def changed(values: Values, answer: Any) -> Any:
    """What is compared: by how much the weights of each layer have changed.

    Weights of other shapes are compared as they are, so that their shapes are said.
    """
    before = values["weights"]
    if not isinstance(answer, list) or len(answer) != len(before):
        return answer
    if any(getattr(w, "shape", None) != old.shape for w, old in zip(answer, before, strict=True)):
        return answer
    return [w.detach() - old for w, old in zip(answer, before, strict=True)]
