"""Five optimizers, written out, for one model or a population.

Each is made for one tensor of parameters W and updates it in place from its gradient. A learning
rate η is a number, or a tensor that broadcasts against W: `*population 1 1` gives each member its
own, and members never influence each other. It may be replaced between steps: see `schedules`.
With the same numbers, all five make the steps of `torch.optim` (`retroprop verify` proves it).
"""

import math
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

LearningRate = float | Tensor

PART = 2**19
"""Values of a block of parameters that one step visits at a time (2 MiB in each of its tensors)."""


class Optimizer:
    """What the optimizers share: a learning rate, and the tensors that they remember."""

    def __init__(self, W: Tensor, learning_rate: LearningRate) -> None:
        """Prepare to update `W` (*population features classes) with η = `learning_rate`."""
        if isinstance(learning_rate, Tensor):
            learning_rate = learning_rate.to(W.dtype)
        self.learning_rate: LearningRate = learning_rate
        self._memory: dict[str, Tensor] = {}

    def step(self, W: Tensor, dW: Tensor) -> None:
        """Update the parameters `W` in place from their gradient `dW`, of the same shape."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """Copies of what a resumed run needs, by name."""
        return {name: tensor.clone() for name, tensor in self._memory.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for name, tensor in self._memory.items():
            tensor.copy_(state[name])

    def _remember(self, name: str, W: Tensor, value: float = 0.0) -> Tensor:
        """A tensor of the shape and memory layout of W: all passes run over both in order."""
        memory = torch.full_like(W, value, memory_format=torch.preserve_format)
        self._memory[name] = memory
        return memory


class SGD(Optimizer):
    """Stochastic gradient descent: W ← W − η dW.

    Source: Robbins & Monro, A stochastic approximation method (1951).
    """

    def step(self, W: Tensor, dW: Tensor) -> None:
        """W ← W − η dW."""
        _descend(W, dW, self.learning_rate)


class Momentum(Optimizer):
    """Gradient descent with a velocity.

        u ← μ u + dW             W ← W − η u

    Source: Polyak (1964); this form, with η outside u, is that of Sutskever et al., On the
    importance of initialization and momentum (2013) up to a rescaling of u, and of torch.optim.SGD.
    """

    def __init__(self, W: Tensor, learning_rate: LearningRate, *, momentum: float = 0.9) -> None:
        """Prepare to update `W` with η = `learning_rate` and μ = `momentum` in [0, 1)."""
        super().__init__(W, learning_rate)
        self.momentum = momentum
        self.u = self._remember("u", W)

    def step(self, W: Tensor, dW: Tensor) -> None:
        """u ← μ u + dW, then W ← W − η u."""
        for part, dpart, u, eta in _parts(W, dW, self.u, self.learning_rate):
            u.mul_(self.momentum).add_(dpart)
            _descend(part, u, eta)


class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far.

        s ← s + dW²              W ← W − η dW / (√s + ε)

    Source: Duchi, Hazan & Singer, Adaptive subgradient methods (2011), the diagonal form.
    """

    def __init__(self, W: Tensor, learning_rate: LearningRate, *, epsilon: float = 1e-10) -> None:
        """Prepare to update `W` with η = `learning_rate`."""
        super().__init__(W, learning_rate)
        self.epsilon = epsilon
        self.s = self._remember("s", W, nearly_zero(W.dtype))
        self.scratch = torch.empty_like(self.s, memory_format=torch.preserve_format)

    def step(self, W: Tensor, dW: Tensor) -> None:
        """s ← s + dW², then W ← W − η dW / (√s + ε)."""
        for part, dpart, s, scratch, eta in _parts(W, dW, self.s, self.scratch, self.learning_rate):
            s.addcmul_(dpart, dpart)
            _descend_quotient(part, dpart, torch.sqrt(s, out=scratch).add_(self.epsilon), eta)


class Adam(Optimizer):
    """Adam, with first and second moments m and v of the gradient.

        m ← β₁ m + (1 − β₁) dW           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) dW²          v̂ = v / (1 − β₂ᵗ)
        W ← W − η m̂ / (√v̂ + ε)

    The two corrections are numbers, so they are applied as numbers, as section 2 of the paper
    proposes: with c = √(1 − β₂ᵗ),  m̂ / (√v̂ + ε) = c / (1 − β₁ᵗ) · m / (√v + c ε).

    The decay of v is kept as a number too: v = d V, where d ← β₂ d and V ← V + (1 − β₂) / d · dW²,
    so a step passes over V once and not twice. When d falls below ½ it is multiplied into V.

    Source: Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """

    def __init__(
        self,
        W: Tensor,
        learning_rate: LearningRate,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        """Prepare to update `W` (*population features classes) with η = `learning_rate`."""
        super().__init__(W, learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.t, self.decay = 0, 1.0
        self.m, self.V = self._remember("m", W), self._remember("V", W, nearly_zero(W.dtype))
        #: memory of the shape of W, whose content means nothing between steps
        self.scratch = torch.empty_like(self.m, memory_format=torch.preserve_format)

    @property
    def v(self) -> Tensor:
        """The second moment, a new tensor."""
        return self.V * self.decay

    def step(self, W: Tensor, dW: Tensor) -> None:
        """One step of algorithm 1."""
        self.t += 1
        self.decay *= self.beta_2
        if self.decay < 0.5:
            self.settle()
        c = math.sqrt(1 - self.beta_2**self.t)
        root = math.sqrt(self.decay)  # √v = root · √V
        scale = c / (1 - self.beta_1**self.t) / root
        for part, dpart, m, V, scratch, eta in _parts(
            W, dW, self.m, self.V, self.scratch, self.learning_rate
        ):
            m.lerp_(dpart, 1 - self.beta_1)
            V.addcmul_(dpart, dpart, value=(1 - self.beta_2) / self.decay)
            denominator = torch.sqrt(V, out=scratch).add_(c * self.epsilon / root)
            _descend_quotient(part, m, denominator, eta, scale)

    def settle(self) -> None:
        """Multiply the decay into V, so that V = v."""
        self.V.mul_(self.decay).clamp_(min=nearly_zero(self.V.dtype))
        self.decay = 1.0

    def state(self) -> dict[str, Tensor]:
        """Both moments, the decay of the second, and the number of steps made."""
        decay = torch.tensor(self.decay, dtype=torch.float64)
        return super().state() | {"t": torch.tensor(self.t), "decay": decay}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        super().load_state(state)
        self.t, self.decay = int(state["t"]), float(state["decay"])


class AdamW(Adam):
    """Adam with weight decay beside the gradient: W ← (1 − η λ) W, then a step of Adam.

    Source: Loshchilov & Hutter, Decoupled weight decay regularization (2019), algorithm 2.
    """

    def __init__(
        self,
        W: Tensor,
        learning_rate: LearningRate,
        *,
        weight_decay: float = 0.01,
        **options: Any,
    ) -> None:
        """Prepare to update `W`, with λ = `weight_decay` and the options of Adam."""
        super().__init__(W, learning_rate, **options)
        self.weight_decay = weight_decay

    def step(self, W: Tensor, dW: Tensor) -> None:
        """W ← (1 − η λ) W, then a step of Adam."""
        W.mul_(1 - self.learning_rate * self.weight_decay)
        super().step(W, dW)


class OnePerParameter:
    """One optimizer for each of a network's named parameters."""

    def __init__(
        self,
        kind: str,
        parameters: Mapping[str, Tensor],
        learning_rate: LearningRate,
        **options: Any,
    ) -> None:
        """Make an optimizer of a kind of `OPTIMIZERS` for each parameter."""
        make = OPTIMIZERS[kind]
        self.of = {name: make(W, learning_rate, **options) for name, W in parameters.items()}

    def step(self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> None:
        """Update every parameter in place from the gradient of its name."""
        for name, optimizer in self.of.items():
            optimizer.step(parameters[name], gradients[name])


def _descend(W: Tensor, direction: Tensor, eta: LearningRate) -> None:
    """W ← W − η direction."""
    if isinstance(eta, Tensor):
        W.addcmul_(direction, eta, value=-1)
    else:
        W.add_(direction, alpha=-eta)


def _descend_quotient(
    W: Tensor, numerator: Tensor, denominator: Tensor, eta: LearningRate, scale: float = 1.0
) -> None:
    """W ← W − η · scale · numerator / denominator; the denominator is overwritten."""
    if isinstance(eta, Tensor):
        quotient = torch.div(numerator, denominator, out=denominator)
        W.addcmul_(quotient, eta, value=-scale)
    else:
        W.addcdiv_(numerator, denominator, value=-scale * eta)


def _parts(*tensors: Any) -> Iterable[tuple[Any, ...]]:
    """The same parts of all tensors, small enough to stay in the cache for all passes of a step.

    Only a block of parameters, which has one axis, is cut, and only on a CPU: other tensors come
    whole. A number goes with every part.
    """
    W = tensors[0]
    if W.ndim != 1 or len(W) <= PART or W.device.type != "cpu":
        return [tensors]
    cut = (t.split(PART) if isinstance(t, Tensor) and t.ndim else repeat(t) for t in tensors)
    return zip(*cut, strict=False)


def nearly_zero(dtype: torch.dtype) -> float:
    """Where sums of squares begin: its root adds nothing to any ε, and is quickly found.

    torch.sqrt calls a vector library that is four to six times slower on zeros, and a second moment
    is 0 wherever a pixel has been black in every image so far.

    >>> nearly_zero(torch.float32) ** 0.5 < 1e-17
    True
    """
    return 100 * torch.finfo(dtype).tiny


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}
