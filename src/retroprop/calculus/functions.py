"""The elementary functions of deep learning and their derivatives: one definition of each.

    sign(x) = 1[x > 0] − 1[x < 0]      sign′ = 0           H(x) = 1[x > 0] + ½ 1[x = 0]    H′ = 0
    rect(x) = max(0, x)                rect′ = 1[x > 0]
    σ(x) = 1 / (1 + e⁻ˣ)               σ′ = σ(x) σ(−x)     tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
    softplus(x) = ln(1 + eˣ)           softplus′ = σ       tanh′ = 1 / cosh² x
    S(x)_i = eˣⁱ / Σ_j eˣʲ             ∂S/∂x = diag(S) − S Sᵀ
    ln S(x)_i = x_i − ln Σ_j eˣʲ       ∂(ln S)/∂x = I − 1 Sᵀ
    ‖x‖₁ = Σ_i |x_i|                   ∇ = sign(x)         ‖x‖₂² = Σ_i x_i²       ∇ = 2 x

Functions of a number act on every element. Functions of a vector read the last axis, so any number
of population and batch axes may stand in front. A Jacobian has one axis more: J[…, i, j] is
∂f_i/∂x_j. Where a function has a kink or a jump, the docstring says which value stands for the
derivative that does not exist. NaN stays NaN.

Each form is the one that stays right over the whole range of the number type: no exponential of a
positive number, no difference of nearly equal numbers. `tests/calculus` compares every function
with 100-digit arithmetic: elements of functions of a number are within 4 units in the last place,
from the smallest subnormal number to the largest.

Source: the theory sheet of IFT3395, question 1; Goodfellow et al., Deep Learning (2016), 3.10 and
4.1; Higham, Accuracy and Stability of Numerical Algorithms (2002), 27.5, for the scaled norm.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Numbers = Float[Tensor, "*shape"]
Vectors = Float[Tensor, "*lead n"]
Matrices = Float[Tensor, "*lead n n"]
Norms = Float[Tensor, "*lead"]

# -- functions of one number -------------------------------------------------------------------


def indicator(
    condition: Bool[Tensor, "*shape"], dtype: torch.dtype | None = None
) -> Float[Tensor, "*shape"]:
    """1 where the condition holds and 0 elsewhere.

    Its derivative is 0 inside the set and outside; on the border there is none.

    Args:
        condition: Such as `x > 0`.
        dtype: Type of the result; the default one if None.

    >>> indicator(torch.tensor([-2.0, 0.0, 3.0]) > 0)
    tensor([0., 0., 1.])
    """
    return condition.to(dtype or torch.get_default_dtype())


def sign(x: Numbers) -> Numbers:
    """+1 for positive numbers, −1 for negative ones and 0 for 0."""
    return torch.where(x.isnan(), x, x.sign())


def sign_derivative(x: Numbers) -> Numbers:
    """0; there is no derivative at 0, where 0 stands for it."""
    return torch.where(x.isnan(), x, torch.zeros_like(x))


def heaviside(x: Numbers) -> Numbers:
    """1 for positive numbers, 0 for negative ones and ½ for 0.

    >>> heaviside(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return (sign(x) + 1) / 2


def heaviside_derivative(x: Numbers) -> Numbers:
    """0; there is no derivative at 0, where 0 stands for it."""
    return sign_derivative(x)


def rectifier(x: Numbers) -> Numbers:
    """The positive part: max(0, x), also called ReLU."""
    return x.clamp(min=0)


def rectifier_derivative(x: Numbers) -> Numbers:
    """1 for positive numbers and 0 for negative ones; at 0, where there is none, 0."""
    return torch.where(x.isnan(), x, indicator(x > 0, x.dtype))


def sigmoid(x: Numbers) -> Numbers:
    """σ(x) = 1 / (1 + e⁻ˣ).

    Left of −40 it is eˣ to the last digit, and e⁻ˣ may be too large for the number type. The
    clamp keeps the branch that is not taken finite, or it would spoil an automatic derivative.

    >>> sigmoid(torch.tensor([-100.0, 0.0, 100.0]))
    tensor([3.7835e-44, 5.0000e-01, 1.0000e+00])
    """
    return torch.where(x < -40, x.clamp(max=0).exp(), x.sigmoid())


def sigmoid_derivative(x: Numbers) -> Numbers:
    """σ′(x) = σ(x) (1 − σ(x)), with 1 − σ(x) written σ(−x): nothing cancels for large x."""
    return sigmoid(x) * sigmoid(-x)


def tanh(x: Numbers) -> Numbers:
    """The hyperbolic tangent (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return x.tanh()


def tanh_derivative(x: Numbers) -> Numbers:
    """1 − tanh² x, written 1 / cosh² x: nothing cancels for large x."""
    return x.cosh().reciprocal().square()


def softplus(x: Numbers) -> Numbers:
    """ln(1 + eˣ) = ln(e⁰ + eˣ), without an exponential of a positive number.

    >>> softplus(torch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    return torch.logaddexp(torch.zeros_like(x), x)


def softplus_derivative(x: Numbers) -> Numbers:
    """σ(x)."""
    return sigmoid(x)


def log_sigmoid(x: Numbers) -> Numbers:
    """ln σ(x) = −softplus(−x).

    >>> log_sigmoid(torch.tensor(-1000.0))
    tensor(-1000.)
    """
    return -softplus(-x)


def log_sigmoid_derivative(x: Numbers) -> Numbers:
    """1 − σ(x), written σ(−x)."""
    return sigmoid(-x)


# -- functions of a vector ---------------------------------------------------------------------


def diag(x: Vectors) -> Matrices:
    """The matrix with x on its diagonal and 0 elsewhere.

    >>> diag(torch.ones(5, 3)).shape
    torch.Size([5, 3, 3])
    """
    return torch.diag_embed(x)


def diag_jacobian(x: Vectors) -> Float[Tensor, "*lead n n n"]:
    """∂diag(x)_ij / ∂x_k = 1[i = j = k], at […, i, j, k]."""
    n = x.shape[-1]
    ones = torch.zeros(n, n, n, dtype=x.dtype, device=x.device)
    ones[(torch.arange(n),) * 3] = 1
    return ones.expand(*x.shape[:-1], n, n, n)


def softmax(z: Float[Tensor, "*shape"], axis: int = -1) -> Float[Tensor, "*shape"]:
    """Probabilities proportional to exp(z) along `axis`.

    Subtracting the largest number changes nothing (softmax is translation-invariant) and keeps
    every exponential in (0, 1]. What the subtraction rounds is what is left of error: a
    probability e⁻ᵈ of the largest is right to about 5 + d/2 units in the last place.

    >>> softmax(torch.tensor([1000.0, 10000.0, 100000.0]))
    tensor([0., 0., 1.])
    """
    exponentials = (z - z.amax(axis, keepdim=True)).exp_()
    total = exponentials.sum(axis, keepdim=True)
    if exponentials.requires_grad:  # autograd needs the exponentials again
        return exponentials / total
    return exponentials.div_(total)


def softmax_jacobian(z: Vectors) -> Matrices:
    """∂S_i/∂z_j = S_i (1[i = j] − S_j), that is diag(S) − S Sᵀ.

    1 − S_i is summed over the other probabilities, so that it stays right where S_i is almost 1.
    """
    S = softmax(z)
    others = S.unsqueeze(-2).expand(*S.shape, S.shape[-1]).clone()
    others.diagonal(dim1=-2, dim2=-1).zero_()
    return diag(S * others.sum(-1)) - S.unsqueeze(-1) * others


def log_softmax(z: Vectors) -> Vectors:
    """ln S(z)_i = z_i − max − ln(1 + Σ exp(z_j − max)), the sum over all but the largest.

    The largest number's own 1 is left to log1p: where one probability is almost 1, its logarithm
    is a tiny number, and keeps its digits.

    >>> log_softmax(torch.tensor([20.0, 0.0]))
    tensor([-2.0612e-09, -2.0000e+01])
    """
    largest, place = z.max(-1, keepdim=True)
    shifted = z - largest
    others = shifted.exp().scatter(-1, place, 0)
    return shifted - others.sum(-1, keepdim=True).log1p()


def log_softmax_jacobian(z: Vectors) -> Matrices:
    """∂(ln S_i)/∂z_j = 1[i = j] − S_j."""
    S = softmax(z)
    others = S.unsqueeze(-2).expand(*S.shape, S.shape[-1]).clone()
    others.diagonal(dim1=-2, dim2=-1).zero_()
    return diag(others.sum(-1)) - others


def l1_norm(x: Vectors) -> Norms:
    """‖x‖₁ = Σ_i |x_i|."""
    return x.abs().sum(-1)


def l1_norm_gradient(x: Vectors) -> Vectors:
    """sign(x); where x_i = 0 there is no partial derivative, and 0, a subgradient, stands."""
    return sign(x)


def squared_l2_norm(x: Vectors) -> Norms:
    """‖x‖₂² = Σ_i x_i²."""
    return x.square().sum(-1)


def squared_l2_norm_gradient(x: Vectors) -> Vectors:
    """2 x."""
    return 2 * x


def l2_norm(x: Vectors) -> Norms:
    """‖x‖₂ = √(Σ_i x_i²), scaled so that no square overflows or vanishes.

    >>> l2_norm(torch.tensor([3e30, 4e30]))
    tensor(5.0000e+30)
    """
    a, b = _scale(x)
    norm = squared_l2_norm(x / a / b).sqrt()
    return norm * a.squeeze(-1) * b.squeeze(-1)


def l2_norm_gradient(x: Vectors) -> Vectors:
    """x / ‖x‖₂; at 0, where there is no gradient, 0, a subgradient, stands for it."""
    a, b = _scale(x)
    scaled = x / a / b
    norm = squared_l2_norm(scaled).sqrt().unsqueeze(-1)
    return torch.where(norm == 0, scaled, scaled / norm)


def _scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """Two powers of 2 whose product is the size of the largest |x_i|: dividing by them is exact.

    Two, because a single one may be too large or too small for the number type.
    """
    exponent = torch.frexp(x.detach().abs().amax(-1, keepdim=True)).exponent
    one = torch.ones_like(exponent, dtype=x.dtype)
    return torch.ldexp(one, exponent // 2), torch.ldexp(one, exponent - exponent // 2)
