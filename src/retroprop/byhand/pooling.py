"""Pooling: a window of pixels becomes one, by its maximum or its mean, channel by channel.

    max       y_i = max_{j ∈ window i} x_j        dx_j = Σ_i 1[j = argmax of window i] dy_i
    average   y_i = 1/n Σ_{j ∈ window i} x_j      dx_j = 1/n Σ_{i: j ∈ window i} dy_i

Windows may overlap: a pixel then gathers the gradients of all its windows. Of equal maxima the
first of the window gets the gradient. Sources: Goodfellow et al., Deep Learning (2016), 9.3; Lin et
al., Network in network (2014), 3.2, for global average pooling.

No layer here has parameters, and all leading axes are treated alike, so inputs that a population
shares stay shared.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.convolution import Geometry
from retroprop.byhand.layer import Gradients, Saved, WithoutParameters
from retroprop.errors import UserError


class MaxPool2d(WithoutParameters):
    """The largest value of each window."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        """Choose the windows.

        Args:
            kernel_size: Height and width of a window.
            stride: Pixels between windows; by default they touch and do not overlap.
            padding: Pixels on each side of the image that never win; at most half a window.

        Raises:
            UserError: If a window could lie in the padding altogether.
        """
        self.windows = _windows(kernel_size, stride, padding)
        if any(2 * p > k for p, k in zip(self.windows.padding, self.windows.kernel, strict=True)):
            raise UserError(
                f"expected a padding of at most half the kernel {self.windows.kernel}, and got "
                f"{self.windows.padding}: a window would hold no pixel."
            )

    def forward(
        self, x: Float[Tensor, "*lead channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*lead channels out_height out_width"], Saved]:
        """y = max over the window; keeps the values and their maxima."""
        padded = x
        if self.windows.padding != (0, 0):
            p1, p2 = self.windows.padding
            padded = x.new_full(
                (*x.shape[:-2], x.shape[-2] + 2 * p1, x.shape[-1] + 2 * p2), -torch.inf
            )
            padded[..., p1 : p1 + x.shape[-2], p2 : p2 + x.shape[-1]] = x
        (rows, columns), *others = _slices(self.windows, x.shape)
        y = padded[..., rows, columns].clone()
        for rows, columns in others:
            torch.maximum(y, padded[..., rows, columns], out=y)
        return y, (padded, y, x.shape)

    def backward(
        self, dy: Float[Tensor, "*lead channels out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead channels height width"], Gradients]:
        """Each dy goes to the pixel that was the first largest.

        Place by place of the windows: sign(y − x) is 0 at a largest value and 1 elsewhere, so it
        multiplies what is left of dy for the places behind. (Numbers, not Booleans: torch's
        arithmetic is several times faster on them.)
        """
        padded, y, shape = saved
        p1, p2 = self.windows.padding
        dx = _zeros_like_images(dy, shape[-2] + 2 * p1, shape[-1] + 2 * p2)
        left = dy
        for rows, columns in _slices(self.windows, shape):
            behind = (y - padded[..., rows, columns]).sign_().mul_(left)
            dx[..., rows, columns] += left - behind
            left = behind
        return dx[..., p1 : p1 + shape[-2], p2 : p2 + shape[-1]], {}


class AdaptiveMaxPool2d(WithoutParameters):
    """The largest value of each of height × width windows that cover the image.

    Window i of n along an axis of size H goes from ⌊i H / n⌋ to ⌈(i + 1) H / n⌉; they overlap where
    n does not divide H, and repeat pixels where H < n.
    """

    def __init__(self, output_size: tuple[int, int]) -> None:
        """Choose the size of the output."""
        self.output_size = output_size

    def forward(
        self, x: Float[Tensor, "*lead channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*lead channels out_height out_width"], Saved]:
        """y = max over the window; keeps where in the image the first largest was."""
        height, width = x.shape[-2:]
        y = x.new_empty((*x.shape[:-2], *self.output_size))
        place = torch.empty_like(y, dtype=torch.int64)  # row · width + column
        for i, (top, bottom) in enumerate(_adaptive(height, self.output_size[0])):
            for j, (left, right) in enumerate(_adaptive(width, self.output_size[1])):
                window = x[..., top:bottom, left:right].flatten(-2)
                y[..., i, j], within = window.max(-1)
                row, column = top + within // (right - left), left + within % (right - left)
                place[..., i, j] = row * width + column
        return y, (place, x.shape)

    def backward(
        self, dy: Float[Tensor, "*lead channels out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead channels height width"], Gradients]:
        """Each dy is added at the pixel that was the first largest."""
        place, shape = saved
        dx = dy.new_zeros(shape).flatten(-2)
        return dx.scatter_add_(-1, place.flatten(-2), dy.flatten(-2)).view(shape), {}


class AveragePool2d(WithoutParameters):
    """The mean of each window; rows and columns that fill no window are ignored."""

    def __init__(
        self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None
    ) -> None:
        """Choose the windows; by default they touch and do not overlap."""
        self.windows = _windows(kernel_size, stride, 0)
        self.values = self.windows.kernel[0] * self.windows.kernel[1]

    def forward(
        self, x: Float[Tensor, "*lead channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*lead channels out_height out_width"], Saved]:
        """y = mean over the window."""
        (rows, columns), *others = _slices(self.windows, x.shape)
        y = x[..., rows, columns].clone()
        for rows, columns in others:
            y += x[..., rows, columns]
        return y.div_(self.values), x.shape

    def backward(
        self, dy: Float[Tensor, "*lead channels out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead channels height width"], Gradients]:
        """Each pixel of a window gets dy / n."""
        share = dy / self.values
        dx = _zeros_like_images(dy, *saved[-2:])
        for rows, columns in _slices(self.windows, saved):
            dx[..., rows, columns] += share
        return dx, {}


class GlobalAveragePool2d(WithoutParameters):
    """The mean of each channel: (*lead, channels, height, width) → (*lead, channels)."""

    def forward(
        self, x: Float[Tensor, "*lead channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*lead channels"], Saved]:
        """y = mean over the pixels."""
        return x.mean((-2, -1)), x.shape

    def backward(
        self, dy: Float[Tensor, "*lead channels"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead channels height width"], Gradients]:
        """Each pixel gets dy / (height · width)."""
        height, width = saved[-2:]
        share = (dy / (height * width))[..., None, None, :]
        dx = share.expand(*dy.shape[:-1], height, width, dy.shape[-1]).contiguous()
        return dx.movedim(-1, -3), {}  # channels-last in memory, as convolutions like it


class TokenMean(WithoutParameters):
    """The mean over the tokens: (…, patches, dim) → (…, dim)."""

    def forward(
        self, x: Float[Tensor, "*lead patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*lead dim"], Saved]:
        """y = 1/n Σ_t x_t."""
        return x.mean(-2), x.shape

    def backward(
        self, dy: Float[Tensor, "*lead dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*lead patches dim"], Gradients]:
        """dx_t = dy / n for every token."""
        return (dy / saved[-2]).unsqueeze(-2).expand(saved).contiguous(), {}


def _windows(
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] | None,
    padding: int | tuple[int, int],
) -> Geometry:
    """The windows' geometry, from integers or pairs."""
    pairs = [
        (value, value) if isinstance(value, int) else value
        for value in (kernel, kernel if stride is None else stride, padding)
    ]
    (kernel_pair, stride_pair, padding_pair) = pairs
    if min(*kernel_pair, *stride_pair) < 1 or min(padding_pair) < 0:
        raise UserError(
            "expected a window and a stride of at least 1 and a padding of at least 0, and got "
            f"kernel_size {kernel}, stride {stride}, padding {padding}."
        )
    return Geometry(kernel_pair, stride_pair, padding_pair)


def _slices(windows: Geometry, shape: torch.Size) -> Iterator[tuple[slice, slice]]:
    """For each place in a window, in reading order: the (padded) pixels that windows have there."""
    size, stride = windows.output_size(shape[-2], shape[-1]), windows.stride
    for u in range(windows.kernel[0]):
        for v in range(windows.kernel[1]):
            yield (
                slice(u, u + stride[0] * (size[0] - 1) + 1, stride[0]),
                slice(v, v + stride[1] * (size[1] - 1) + 1, stride[1]),
            )


def _adaptive(size: int, windows: int) -> list[tuple[int, int]]:
    """The first pixel of each window and the one after its last.

    >>> _adaptive(6, 4)
    [(0, 2), (1, 3), (3, 5), (4, 6)]
    """
    return [(i * size // windows, -(-(i + 1) * size // windows)) for i in range(windows)]


def _zeros_like_images(dy: Tensor, height: int, width: int) -> Tensor:
    """Zeros (*lead, channels, height, width), channels-last in memory."""
    return dy.new_zeros((*dy.shape[:-3], height, width, dy.shape[-3])).movedim(-1, -3)
