"""Activation functions, applied to every element: y = φ(x), dx = φ′(x) dy.

    ReLU      y = max(0, x)                    φ′ = 1[x > 0]                  (0 at 0)
    sigmoid   y = 1 / (1 + exp(−x))            φ′ = y (1 − y)
    tanh      y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)      φ′ = 1 − y²
    GELU      y = x Φ(x)                       φ′ = Φ(x) + x φ_N(x)
    softmax   y_k = exp(x_k) / Σ_c exp(x_c)    dx = y ⊙ (dy − ⟨dy, y⟩)

Φ and φ_N are the distribution function and the density of the standard normal law. All but softmax
are their own layers on any shape; softmax couples the last axis. The first three derivatives are
written with the output, so the input need not be kept. The plain definitions are those of
`calculus.functions`; here they are tuned to work in place, and a test compares the two.

Sources: Nair & Hinton (2010) for ReLU; Rumelhart et al. (1986) for the sigmoid; LeCun et al.,
Efficient backprop (1998) for tanh; Hendrycks & Gimpel, Gaussian error linear units (2016), the
exact form with the error function; Goodfellow et al., Deep Learning (2016), 6.2.2.3 for softmax.
"""

import math

import torch
from torch import Tensor

from retroprop.byhand.layer import Gradients, Saved, WithoutParameters
from retroprop.calculus.functions import softmax
from retroprop.errors import UserError, did_you_mean


class Activation(WithoutParameters):
    """A layer that acts on each element.

    `forward_` and `backward_` do the same in place, for a network that owns x, and that needs y no
    more after the backward pass: memory that is written where it was read costs half.
    """

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = φ(x), and what `backward` needs."""
        return self.forward_(x.clone())

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """dx = φ′(x) dy, written into dy."""
        return self.backward_(dy, saved.clone()), {}

    def forward_(self, x: Tensor) -> tuple[Tensor, Saved]:
        """`forward`, with y in the memory of x."""
        raise NotImplementedError

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx, in the memory of dy; what was saved is overwritten."""
        raise NotImplementedError


class ReLU(Activation):
    """y = max(0, x); dx = 1[x > 0] dy, and 1[x > 0] is 1[y > 0], the sign of y, because y ≥ 0."""

    def forward_(self, x: Tensor) -> tuple[Tensor, Saved]:
        """y = max(0, x); keeps y."""
        y = x.clamp_(min=0)
        return y, y

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx = 1[y > 0] dy."""
        return dy.mul_(saved.sign_())


class Sigmoid(Activation):
    """y = σ(x) = 1 / (1 + exp(−x)); dx = y (1 − y) dy."""

    def forward_(self, x: Tensor) -> tuple[Tensor, Saved]:
        """y = σ(x), stable for any x; keeps y."""
        y = x.sigmoid_()
        return y, y

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx = (y − y²) dy."""
        return dy.mul_(saved.addcmul_(saved, saved, value=-1))


class Tanh(Activation):
    """y = tanh(x); dx = (1 − y²) dy."""

    def forward_(self, x: Tensor) -> tuple[Tensor, Saved]:
        """y = tanh(x); keeps y."""
        y = x.tanh_()
        return y, y

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx = dy − y² dy."""
        return dy.addcmul_(dy, saved.square_(), value=-1)


class GELU(Activation):
    """y = x Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2; dx = (Φ(x) + x φ_N(x)) dy."""

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = x Φ(x); keeps x and Φ(x)."""
        Phi = torch.erf(x * math.sqrt(0.5)).add_(1).mul_(0.5)
        return x * Phi, (x, Phi)

    def backward(self, dy: Tensor, saved: Saved) -> tuple[Tensor, Gradients]:
        """dx = (Φ(x) + x exp(−x²/2) / √(2π)) dy."""
        return self.backward_(dy, saved), {}

    def forward_(self, x: Tensor) -> tuple[Tensor, Saved]:
        """`forward`: x is needed again, so y has its own memory."""
        return self.forward(x)

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx = (Φ(x) + x exp(−x²/2) / √(2π)) dy."""
        x, Phi = saved
        density = x.square().mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))
        return dy.mul_(density.mul_(x).add_(Phi))


class Softmax(Activation):
    """Probabilities over the last axis; dx = y ⊙ (dy − Σ_k dy_k y_k).

    The Jacobian is diag(y) − y yᵀ, symmetric, so J dy needs no matrix.
    """

    def forward(self, x: Tensor, *, training: bool = True) -> tuple[Tensor, Saved]:
        """y = softmax(x); keeps y."""
        y = softmax(x)
        return y, y

    def backward_(self, dy: Tensor, saved: Saved) -> Tensor:
        """dx = y ⊙ (dy − ⟨dy, y⟩)."""
        inner = (dy * saved).sum(-1, keepdim=True)
        return dy.sub_(inner).mul_(saved)


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "gelu": GELU,
}


def make_activation(name: str) -> Activation:
    """A new layer of the activation with this name in `ACTIVATIONS`.

    Raises:
        UserError: If there is none, with a suggestion.
    """
    if name not in ACTIVATIONS:
        raise UserError(f"unknown activation {name!r}. {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()
