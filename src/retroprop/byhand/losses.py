"""Losses and their gradients, from elementary tensor operations.

    softmax and cross-entropy   p_k = exp(z_k) / Σ_c exp(z_c)    L = −log p_y    dz = p − onehot(y)
    squared error               L = ½ Σ_k (z_k − t_k)²                           dz = z − t
    clamped cross-entropy       L = −Σ_k t_k log q_k,  q = min(max(p, ε), 1 − ε)
                                dp_k = −t_k / p_k where ε ≤ p_k ≤ 1 − ε, and 0 elsewhere

Each example has its own loss: a gradient's row is that of its example, and a value is the sum over
the batch. Whoever wants the mean divides by the size of the batch.

All functions take any number of leading population axes. `softmax` and its logarithm are those of
`calculus.functions`, so logits of 1e5 are fine. Sources: Goodfellow et al., Deep Learning (2016),
4.1 and 6.2.2.3; the Lyon TP (2019), parts 1 to 3, whose δ = t − y is our −dz; IFT3395, devoir 3,
question 8, for the clamp.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from retroprop.calculus.functions import log_softmax, softmax


def one_hot(
    labels: Int[Tensor, "*lead"], classes: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*lead classes"]:
    """1 at the label's place and 0 elsewhere.

    Args:
        labels: Class indices in [0, classes).
        classes: How many classes there are.
        dtype: Type of the result.

    Raises:
        RuntimeError: If a label is outside [0, classes).

    >>> one_hot(torch.tensor([2, 0]), 3)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    zeros = torch.zeros((*labels.shape, classes), dtype=dtype, device=labels.device)
    return zeros.scatter_(-1, labels.long().unsqueeze(-1), 1)


def softmax_cross_entropy_gradient(
    z: Float[Tensor, "*population batch classes"],
    targets: Float[Tensor, "*#population batch classes"],
) -> Float[Tensor, "*population batch classes"]:
    """dz = p − y: the gradient of each example's cross-entropy with respect to its logits.

    No mean is taken: each row belongs to the loss of its own example.

    Args:
        z: Logits.
        targets: One-hot labels.
    """
    return softmax(z).sub_(targets)


def cross_entropy_and_hits(
    z: Float[Tensor, "*population batch classes"], labels: Int[Tensor, "batch"]
) -> tuple[Float[Tensor, "*population"], Int[Tensor, "*population"]]:
    """Summed cross-entropy (nats) and the number of examples whose largest logit is the label's.

    L = Σ_b (log Σ_c exp(z_bc) − z_b,y): computed from the logits, so it stays exact where the
    probability of the label underflows. Of equal largest logits the first class is the prediction.

    Args:
        z: Logits.
        labels: Class indices in [0, classes).
    """
    largest, predicted = z.max(-1)
    log_sum = (z - largest.unsqueeze(-1)).exp_().sum(-1).log_().add_(largest)
    of_label = z.gather(-1, labels.unsqueeze(-1).expand(*z.shape[:-1], 1)).squeeze(-1)
    return (log_sum - of_label).sum(-1, dtype=torch.float64), (predicted == labels).sum(-1)


def softmax_cross_entropy(
    z: Float[Tensor, "*population batch classes"],
    targets: Float[Tensor, "*#population batch classes"],
) -> Float[Tensor, "*population"]:
    """L = Σ_b Σ_k t_bk (log Σ_c exp(z_bc) − z_bk), in nats, summed over the batch.

    Args:
        z: Logits.
        targets: One-hot labels, or any probabilities that sum to 1.
    """
    return -(targets * log_softmax(z)).sum((-2, -1))


def squared_error(
    z: Float[Tensor, "*population batch outputs"],
    targets: Float[Tensor, "*#population batch outputs"],
) -> Float[Tensor, "*population"]:
    """L = ½ Σ_b Σ_k (z_bk − t_bk)², summed over the batch.

    The half makes −dL/dz the document's error t − y.

    >>> squared_error(torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(4.5000)
    """
    return (z - targets).square().sum((-2, -1)).mul(0.5)


def squared_error_gradient(
    z: Float[Tensor, "*population batch outputs"],
    targets: Float[Tensor, "*#population batch outputs"],
) -> Float[Tensor, "*population batch outputs"]:
    """dz = z − t: the gradient of each example's squared error with respect to its outputs."""
    return z - targets


def clamped_cross_entropy(
    p: Float[Tensor, "*population batch classes"],
    targets: Float[Tensor, "*#population batch classes"],
    epsilon: float = 1e-9,
) -> Float[Tensor, "*population"]:
    """L = −Σ_b Σ_k t_bk log q_bk with q = p clamped to [ε, 1 − ε], summed over the batch.

    In float32, 1 − 1e-9 is 1: only the lower end clamps there.

    Args:
        p: Probabilities.
        targets: One-hot labels.
        epsilon: The ε of the clamp.
    """
    return -(targets * p.clamp(epsilon, 1 - epsilon).log()).sum((-2, -1))


def clamped_cross_entropy_gradient(
    p: Float[Tensor, "*population batch classes"],
    targets: Float[Tensor, "*#population batch classes"],
    epsilon: float = 1e-9,
) -> Float[Tensor, "*population batch classes"]:
    """dp = −t / p where the clamp does nothing, and 0 where it holds p fixed."""
    inside = (p >= epsilon) & (p <= 1 - epsilon)
    return torch.where(inside, -targets / p, torch.zeros_like(p))


def squared_error_and_hits(
    z: Float[Tensor, "*population batch classes"], labels: Int[Tensor, "batch"]
) -> tuple[Float[Tensor, "*population"], Int[Tensor, "*population"]]:
    """Summed squared error against one-hot labels, and the number of hits.

    L = Σ_b ½ Σ_k (z_bk − t_bk)², and with one-hot t that is ½ Σ_k z_bk² − z_b,y + ½. A hit is an
    example whose largest output is the label's.

    Args:
        z: Linear outputs.
        labels: Class indices in [0, classes).
    """
    of_label = z.gather(-1, labels.unsqueeze(-1).expand(*z.shape[:-1], 1)).squeeze(-1)
    loss = z.square().sum(-1).mul_(0.5).sub_(of_label).add_(0.5)
    return loss.sum(-1, dtype=torch.float64), (z.argmax(-1) == labels).sum(-1)
