"""The learning-rate range test: one short training whose rate grows at every step.

    ηₜ = low (high / low)^(t / (steps − 1)),      t = 0 … steps − 1

The loss stays where it is while the rate is too small, then falls, then grows without limit. The
rate at which the smoothed loss falls fastest, per factor of the rate, is suggested. The smoothing
lags behind by some ten steps, so the suggestion is a little above the steepest place of the losses
themselves. Nothing of the test remains: parameters, buffers, gradients, training mode and the
generators are put back.

Source: Smith, Cyclical learning rates for training neural networks (2017), section 3.3; the
smoothing, the stopping rule and the steepest descent as Gugger, How do you find a good learning
rate (2018).
"""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.errors import UserError

Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
Loss = Callable[[Tensor, Tensor], Tensor]

SMOOTHING = 0.9
"""Share of the running mean in the smoothed loss; 1 − SMOOTHING comes from the new one."""

BLOWN_UP = 4.0
"""The test ends when the smoothed loss is so many times its lowest value."""

LEAST_FALL = 0.01
"""A smoothed loss that falls by a smaller share does not fall: that may be chance or rounding."""

FEWEST, MOST = 10, 10_000
"""Steps below which a slope says nothing, and above which the test is a training."""

LARGEST = 1e30
"""The largest learning rate that a training takes; the smallest of a test is its inverse."""


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What the test measured, and what it suggests.

    Attributes:
        learning_rates: The rate of each step.
        losses: The loss of each step, before its update.
        smoothed: The running mean of the losses, corrected for its start.
        suggestion: The rate where the smoothed loss falls fastest; None when it hardly falls.
        diverged_at: The rate at which the loss blew up; None when it stayed in bounds.
    """

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    diverged_at: float | None

    @property
    def sentence(self) -> str:
        """What was found and what was applied, for people."""
        tried = f"{self.learning_rates[0]:.2g} to {self.learning_rates[-1]:.2g}"
        if self.suggestion is None:
            return (
                f"The loss hardly falls between the learning rates {tried}: no rate is suggested, "
                "and nothing was changed in the model or its optimizer."
            )
        end = (
            "" if self.diverged_at is None else f" The training diverges at {self.diverged_at:.2g}."
        )
        return (
            f"Over the learning rates {tried}, the loss falls fastest at {self.suggestion:.2g}."
            f"{end} Nothing was applied: give the rate to the training yourself."
        )


def find_learning_rate(
    model: nn.Module,
    batches: Batches,
    make_optimizer: Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer],
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    loss: Loss = F.cross_entropy,
    generator: torch.Generator | None = None,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> RangeTest:
    """Train for some steps with a growing learning rate, and put everything back.

    Args:
        model: Any module; it is trained in place during the test and restored after it, also when
            something fails.
        batches: Makes minibatches (inputs, labels) on the model's device; called again when they
            are used up.
        make_optimizer: From parameters and a learning rate to an optimizer of the test's own, for
            instance `lambda parameters, rate: torch.optim.AdamW(parameters, lr=rate)`.
        low: The first learning rate.
        high: The last one, unless the loss blows up before.
        steps: How many rates, from 10 to 10,000, in equal factors.
        loss: From outputs and labels to a mean loss.
        generator: The generator that `batches` draws from; its state is put back too. Torch's own
            generators (dropout) always are.
        precision: Makes the context in which the model computes, as `Trainer.precision` does.

    Raises:
        UserError: If the range or the number of steps makes no test, there is no minibatch, or the
            loss is not finite at the first step.
    """
    if not 0 < low < high < math.inf:
        raise UserError(
            f"expected two learning rates, 0 < low < high, and got {low:g} and {high:g}."
        )
    if low < 1 / LARGEST or high > LARGEST:
        raise UserError(
            f"a range test goes from {1 / LARGEST:g} to {LARGEST:g} at most, and got {low:g} to "
            f"{high:g}."
        )
    if steps < FEWEST:
        raise UserError(f"a range test takes at least {FEWEST} steps, and got {steps}.")
    if steps > MOST:
        raise UserError(f"a range test takes at most {MOST:,} steps, and got {steps}.")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), _Restored(model, generator):
        optimizer = make_optimizer(model.parameters(), low)
        rates, losses = _sweep(model, batches, optimizer, loss, (low, high), steps, precision)
    smoothed = smooth(losses)
    blown = len(rates) < steps or not math.isfinite(losses[-1]) or _blown_up(smoothed)
    return RangeTest(
        learning_rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
        suggestion=steepest(rates, smoothed),
        diverged_at=rates[-1] if blown else None,
    )


def smooth(losses: list[float]) -> list[float]:
    """The exponential running mean, divided by the weight it has gathered so far.

    >>> smooth([2.0, 2.0, 2.0])
    [2.0, 2.0, 2.0]
    """
    smoothed, mean, weight = [], 0.0, 0.0
    for value in losses:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        smoothed.append(mean / weight)
    return smoothed


def steepest(rates: list[float], smoothed: list[float]) -> float | None:
    """The rate where the smoothed loss falls fastest per factor of the rate.

    Only what comes before the lowest smoothed loss counts. None when the loss hardly falls there.
    """
    finite = next((at for at, v in enumerate(smoothed) if not math.isfinite(v)), len(smoothed))
    if finite == 0:
        return None
    lowest = min(range(finite), key=smoothed.__getitem__)
    slopes = {
        at: (smoothed[at + 1] - smoothed[at - 1]) / math.log(rates[at + 1] / rates[at - 1])
        for at in range(1, lowest)
    }
    if not slopes or smoothed[lowest] > (1 - LEAST_FALL) * smoothed[0]:
        return None
    return rates[min(slopes, key=slopes.__getitem__)]


def _sweep(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    limits: tuple[float, float],
    steps: int,
    precision: Callable[[], AbstractContextManager[object]],
) -> tuple[list[float], list[float]]:
    """Learning rates and losses of the steps that were made."""
    low, high = limits
    rates: list[float] = []
    losses: list[float] = []
    model.train()
    source = iter(batches())
    for step in range(steps):
        batch = next(source, None)
        if batch is None:
            source = iter(batches())
            batch = next(source, None)
            if batch is None:
                raise UserError("a range test needs at least one minibatch, and got none.")
        rate = low * (high / low) ** (step / (steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate
        inputs, labels = batch
        with torch.enable_grad():
            optimizer.zero_grad()
            with precision():
                value = loss(model(inputs), labels)
            value.backward()
        rates.append(rate)
        losses.append(value.item())
        if not math.isfinite(losses[-1]):
            if step == 0:
                raise UserError(
                    f"the loss of the untrained model is {losses[0]}; normalise the inputs or "
                    "start from smaller weights."
                )
            break
        if step >= FEWEST and _blown_up(smooth(losses)):
            break
        optimizer.step()
    return rates, losses


def _blown_up(smoothed: list[float]) -> bool:
    return smoothed[-1] > BLOWN_UP * min(smoothed)


class _Restored:
    """A context that puts a model and a generator back as they were."""

    def __init__(self, model: nn.Module, generator: torch.Generator | None) -> None:
        self.model, self.generator = model, generator

    def __enter__(self) -> None:
        self.tensors = {
            id(t): t.detach().clone() for t in (*self.model.parameters(), *self.model.buffers())
        }
        self.gradients = {
            id(p): None if p.grad is None else p.grad.clone() for p in self.model.parameters()
        }
        self.modes = {name: module.training for name, module in self.model.named_modules()}
        self.random = None if self.generator is None else self.generator.get_state()

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for tensor in (*self.model.parameters(), *self.model.buffers()):
                tensor.copy_(self.tensors[id(tensor)])
        for parameter in self.model.parameters():
            parameter.grad = self.gradients[id(parameter)]
        for name, module in self.model.named_modules():
            module.training = self.modes[name]
        if self.generator is not None and self.random is not None:
            self.generator.set_state(self.random)
