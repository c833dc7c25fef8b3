"""Softmax and cross-entropy, forward and backward, from elementary tensor operations.

    p_k = exp(z_k) / Σ_c exp(z_c)          L = −log p_y          dL/dz = p − onehot(y)

All functions take any number of leading population axes. Shifting the logits by their maximum
changes nothing (softmax is translation-invariant) and keeps every exponential in (0, 1], so logits
of 1e5 are fine. Source: Goodfellow et al., Deep Learning (2016), 4.1 and 6.2.2.3.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def softmax(z: Float[Tensor, "*lead classes"], axis: int = -1) -> Float[Tensor, "*lead classes"]:
    """Probabilities proportional to exp(z) along `axis`.

    >>> softmax(torch.tensor([1000.0, 10000.0, 100000.0]))
    tensor([0., 0., 1.])
    """
    exponentials = (z - z.amax(axis, keepdim=True)).exp_()
    return exponentials.div_(exponentials.sum(axis, keepdim=True))


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
    """Dz = p − y: the gradient of each example's cross-entropy with respect to its logits.

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
