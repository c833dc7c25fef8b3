"""Batch and layer normalization, forward and backward, for one model or a population.

    x̂ = (x − μ) / √(σ² + ε)        y = γ x̂ + β

    dβ = Σ dy        dγ = Σ dy x̂        dx = γ / √(σ² + ε) (dy − mean(dy) − x̂ mean(dy x̂))

For batch normalization μ, σ² and the means are those of a channel over the batch and all pixels;
for layer normalization those of an example over its features, and γ stands inside the means. σ² is
the mean squared deviation. The two means in dx come from μ and σ², which depend on every x.

In evaluation batch normalization uses running estimates r ← (1 − m) r + m s, with the unbiased
variance (divided by n − 1); they are constants, so dx = γ / √(σ² + ε) dy.

Sources: Ioffe & Szegedy, Batch normalization (2015), section 3; Ba et al., Layer normalization
(2016), section 3.
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.layer import Gradients, Saved
from retroprop.errors import UserError

VALUES_IN_CACHE = 2**16
"""How many numbers of one tensor are treated at a time (0.25 MiB in float32).

Each step then finds what the step before it left in the processor's cache.
"""


def pieces(axis: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors, of one length along `axis`, into pieces that fit into the cache together."""
    length = tensors[0].shape[axis]
    largest = max(tensor.numel() for tensor in tensors)
    step = max(1, VALUES_IN_CACHE * length // max(1, largest))
    if tensors[0].device.type != "cpu":
        step = max(1, length)
    return zip(*(tensor.split(step, axis) for tensor in tensors), strict=True)


class _ScaleAndShift:
    """γ and β, and the ε of the division."""

    def __init__(
        self,
        gamma: Float[Tensor, "*population length"],
        beta: Float[Tensor, "*population length"],
        *,
        epsilon: float = 1e-5,
    ) -> None:
        """Take copies of the initial parameters.

        Args:
            gamma: Scale.
            beta: Shift.
            epsilon: Keeps the division finite.
        """
        self.gamma, self.beta, self.epsilon = gamma.clone(), beta.clone(), epsilon

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Gamma and beta."""
        return {"gamma": self.gamma, "beta": self.beta}


class BatchNorm2d(_ScaleAndShift):
    """y = γ x̂ + β for each channel, with γ and β (*population, channels).

    Attributes:
        running_mean: Estimate of μ for evaluation, (*population, channels).
        running_variance: Estimate of σ² for evaluation, (*population, channels).

    Source: Ioffe & Szegedy (2015), algorithms 1 and 2.
    """

    def __init__(
        self,
        gamma: Float[Tensor, "*population channels"],
        beta: Float[Tensor, "*population channels"],
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        rectified: bool = False,
    ) -> None:
        """Take copies of the initial parameters; the running estimates start at 0 and 1.

        Args:
            gamma: Scale.
            beta: Shift.
            epsilon: Keeps the division finite.
            momentum: Weight m of the newest batch in the running estimates, in (0, 1].
            rectified: Compute y = max(0, γ x̂ + β), the ReLU that often follows, in the same pass
                over the memory; then backward first sets dy to 0 where y is.
        """
        super().__init__(gamma, beta, epsilon=epsilon)
        self.momentum, self.rectified = momentum, rectified
        self.running_mean, self.running_variance = torch.zeros_like(gamma), torch.ones_like(gamma)

    @property
    def buffers(self) -> dict[str, Tensor]:
        """The running estimates: state that no gradient reaches."""
        return {"running_mean": self.running_mean, "running_variance": self.running_variance}

    def forward(
        self, x: Float[Tensor, "*groups batch channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch channels height width"], Saved]:
        """y = γ x̂ + β; training updates the running estimates.

        Raises:
            UserError: If training sees one value per channel: it has no spread.
        """
        rows = self._rows(x)  # (groups, 1, values, channels)
        if training:
            n = rows.shape[-2]
            if n < 2:
                raise UserError(
                    "batch normalization needs more than one value per channel in training, and "
                    f"got shape {tuple(x.shape)}; use a larger batch or larger images."
                )
            mean, variance = _mean_and_variance(rows)
            self._track(mean, variance * (n / (n - 1)))
        else:
            mean, variance = self._of_members(rows, self.running_mean, self.running_variance)
        scale = (variance + self.epsilon).rsqrt_()  # 1 / √(σ² + ε)
        gamma, beta = self._of_members(rows, self.gamma, self.beta)
        slope = gamma * scale
        y = rows.new_empty((rows.shape[0], gamma.shape[1], *rows.shape[2:]))
        for of_rows, of_y in pieces(-2, rows, y):  # (groups, members, values, channels)
            torch.mul(of_rows - mean, slope, out=of_y).add_(beta)
            if self.rectified:
                of_y.clamp_(min=0)
        saved = (x, y if self.rectified else None, mean, scale, training)
        return self._images(y, x.shape, self.gamma.shape[:-1]), saved

    def backward(
        self, dy: Float[Tensor, "*population batch channels height width"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch channels height width"], Gradients]:
        """dβ = Σ dy, dγ = Σ dy x̂, dx as above; members that share x add up in dx."""
        x, y, mean, scale, training = saved
        rows = self._rows(x)
        drows = self._rows(dy).view(rows.shape[0], -1, *rows.shape[-2:])
        (gamma,) = self._of_members(rows, self.gamma)
        dgamma, dbeta = torch.zeros_like(gamma), torch.zeros_like(gamma)
        for of_rows, of_dy, of_y in pieces(-2, rows, drows, drows if y is None else y):
            if y is not None:
                of_dy.masked_fill_(of_y <= 0, 0)
            dbeta += of_dy.sum(-2, keepdim=True)  # (groups, members, 1, channels)
            dgamma += (of_rows - mean).mul(of_dy).sum(-2, keepdim=True)
        dgamma *= scale
        gradients = {
            "gamma": dgamma.view(self.gamma.shape),
            "beta": dbeta.view(self.beta.shape),
        }
        dx = torch.empty_like(rows)
        n = rows.shape[-2] if training else math.inf  # running estimates depend on no x
        of_x_hat, slope = scale * dgamma / n, gamma * scale
        for of_rows, of_dy, of_dx in pieces(-2, rows, drows, dx):
            of_members = (of_dy - dbeta / n).sub_((of_rows - mean).mul(of_x_hat)).mul_(slope)
            torch.sum(of_members, 1, keepdim=True, out=of_dx)
        return self._images(dx, x.shape, x.shape[:-4]), gradients

    def _rows(self, x: Tensor) -> Tensor:
        """(groups, 1, batch · height · width, channels)."""
        rows = x.movedim(-3, -1)
        return rows.reshape(math.prod(x.shape[:-4]), 1, -1, x.shape[-3])

    def _images(self, rows: Tensor, shape: torch.Size, lead: torch.Size) -> Tensor:
        """Rows as images like those of `shape`, behind the axes `lead`; channels-last in memory."""
        batch, channels, height, width = shape[-4:]
        return rows.view(*lead, batch, height, width, channels).movedim(-1, -3)

    def _of_members(self, rows: Tensor, *tensors: Tensor) -> list[Tensor]:
        """(*population, channels) → (groups, members, 1, channels)."""
        return [t.view(rows.shape[0], -1, 1, t.shape[-1]) for t in tensors]

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """R ← (1 − m) r + m s; `lerp_` broadcasts to the members that share x."""
        for running, new in ((self.running_mean, mean), (self.running_variance, variance)):
            (of_members,) = self._of_members(mean, running)
            of_members.lerp_(new.expand_as(of_members), self.momentum)


def _mean_and_variance(
    rows: Float[Tensor, "groups 1 values channels"],
) -> tuple[Float[Tensor, "groups 1 1 channels"], Float[Tensor, "groups 1 1 channels"]]:
    """Mean and mean squared deviation over the values, in one pass over the memory.

    Pieces are joined by M = M_a + M_b + (μ_b − μ_a)² n_a n_b / n, with M the sum of the squared
    deviations: deviations from the piece's own mean, so nothing cancels.
    Source: Chan, Golub & LeVeque, Updating formulae and a pairwise algorithm for computing sample
    variances (1979).
    """
    n, mean = 0, rows.new_zeros((rows.shape[0], 1, 1, rows.shape[-1]))
    squares = torch.zeros_like(mean)
    for (piece,) in pieces(-2, rows):
        own_mean = piece.mean(-2, keepdim=True)
        own_squares = (piece - own_mean).square_().sum(-2, keepdim=True)
        own_n = piece.shape[-2]
        difference = own_mean.sub_(mean)
        squares += own_squares.addcmul_(difference, difference, value=n * own_n / (n + own_n))
        n += own_n
        mean.add_(difference, alpha=own_n / n)
    return mean, squares / n


class LayerNorm(_ScaleAndShift):
    """y = γ x̂ + β over the last axis, with γ and β (*population, features).

    Source: Ba et al. (2016), equations 3 and 4.
    """

    def forward(
        self, x: Float[Tensor, "*lead features"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*out features"], Saved]:
        """y = γ x̂ + β.

        Args:
            x: (*groups, batch, features), as `Linear` takes it, or (*population, batch, tokens,
                features): every axis after the population's is one of the batch.
            training: Makes no difference here.
        """
        rows = self._rows(x)  # (groups, 1, examples, features)
        gamma, beta = self._of_members(rows, self.gamma), self._of_members(rows, self.beta)
        x_hat, scale = torch.empty_like(rows), rows.new_empty((*rows.shape[:-1], 1))
        y = rows.new_empty((rows.shape[0], gamma.shape[1], *rows.shape[2:]))
        for of_rows, of_x_hat, of_scale, of_y in pieces(-2, rows, x_hat, scale, y):
            torch.sub(of_rows, of_rows.mean(-1, keepdim=True), out=of_x_hat)
            variance = of_x_hat.square().mean(-1, keepdim=True)
            torch.rsqrt(variance.add_(self.epsilon), out=of_scale)  # 1 / √(σ² + ε)
            of_x_hat.mul_(of_scale)
            torch.addcmul(beta, of_x_hat, gamma, out=of_y)
        shape = (*self.gamma.shape[:-1], *self._batch(x), x.shape[-1])
        return y.view(shape), (x_hat, scale, x.shape)

    def backward(
        self, dy: Float[Tensor, "*out features"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead features"], Gradients]:
        """dβ = Σ dy, dγ = Σ dy x̂, dx as above with dx̂ = γ dy."""
        x_hat, scale, shape = saved
        drows = dy.reshape(x_hat.shape[0], -1, *x_hat.shape[-2:])
        gamma = self._of_members(x_hat, self.gamma)
        dgamma, dbeta = torch.zeros_like(gamma), torch.zeros_like(gamma)
        dx = torch.empty_like(x_hat)
        for of_dy, of_x_hat, of_scale, of_dx in pieces(-2, drows, x_hat, scale, dx):
            dbeta += of_dy.sum(-2, keepdim=True)
            dgamma += (of_dy * of_x_hat).sum(-2, keepdim=True)
            dx_hat = (of_dy * gamma).sum(1, keepdim=True) if gamma.shape[1] > 1 else of_dy * gamma
            inner = (dx_hat * of_x_hat).mean(-1, keepdim=True)
            dx_hat.sub_(dx_hat.mean(-1, keepdim=True)).addcmul_(of_x_hat, inner, value=-1)
            torch.mul(dx_hat, of_scale, out=of_dx)
        gradients = {
            "gamma": dgamma.view(self.gamma.shape),
            "beta": dbeta.view(self.beta.shape),
        }
        return dx.view(shape), gradients

    def _rows(self, x: Tensor) -> Tensor:
        """(groups, 1, examples, features), where a group is what reads the same x."""
        groups = x.shape[: x.ndim - 1 - len(self._batch(x))]
        return x.reshape(math.prod(groups), 1, -1, x.shape[-1])

    def _batch(self, x: Tensor) -> torch.Size:
        """The axes of x between the population and the features; one when x is shared."""
        population = self.gamma.ndim - 1
        return x.shape[min(population, x.ndim - 2) : -1]

    def _of_members(self, rows: Tensor, tensor: Tensor) -> Tensor:
        """(*population, features) → (groups, members, 1, features)."""
        return tensor.view(rows.shape[0], -1, 1, tensor.shape[-1])
