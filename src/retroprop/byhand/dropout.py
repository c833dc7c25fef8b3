"""Dropout: in training, each value is set to 0 with probability p, and the others are scaled up.

    y = m ⊙ x,    m = 1[u ≥ p] / (1 − p),  u ~ Uniform[0, 1)        dx = m ⊙ dy

The division keeps the mean of y at x ("inverted" dropout), so evaluation is the identity.
Source: Srivastava et al., Dropout (2014); Goodfellow et al., Deep Learning (2016), 7.12.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.layer import Gradients, Saved, WithoutParameters
from retroprop.errors import UserError


class Dropout(WithoutParameters):
    """y = m ⊙ x; every member of a population has masks of its own when its x has."""

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        """Drop with this probability.

        Args:
            probability: p in [0, 1).
            generator: Where the masks are drawn from, one draw per forward pass in training.

        Raises:
            UserError: If the probability is outside [0, 1).
        """
        if not 0 <= probability < 1:
            raise UserError(
                f"expected a dropout probability in [0, 1), and got {probability}; at 1 nothing "
                "would be left."
            )
        self.probability, self.generator = probability, generator

    def forward(
        self, x: Float[Tensor, "*shape"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*shape"], Saved]:
        """y = m ⊙ x in training, y = x in evaluation; keeps the mask m, or None."""
        if not training or self.probability == 0:
            return x, None
        u = torch.rand(
            x.shape, generator=self.generator, dtype=x.dtype, device=self.generator.device
        )
        mask = (u >= self.probability).to(device=x.device, dtype=x.dtype)
        mask /= 1 - self.probability
        return x * mask, mask

    def backward(
        self, dy: Float[Tensor, "*shape"], saved: Saved
    ) -> tuple[Float[Tensor, "*shape"], Gradients]:
        """dx = m ⊙ dy."""
        return (dy if saved is None else dy.mul_(saved)), {}
