"""The two-dimensional convolution, forward and backward, for one model or a population.

    z[b, o, i, j] = Σ_{c,u,v} W[o, c, u, v] x̂[b, c, i s + u d, j s + v d] + b[o]

x̂ is x between `padding` zeros, s the stride, d the dilation. (It is a cross-correlation; the field
calls it a convolution.) Gather what each output pixel sees into a row of a matrix, its *patch*:
the convolution is then the linear map, and so are its gradients,

    z = P(x) W + b        dW = P(x)ᵀ dz        db = Σ_{b,i,j} dz        dx = Pᵀ(dz Wᵀ)

with W as a matrix (kernel_height · kernel_width · channels, out). P copies values, so its transpose
Pᵀ adds each value of a patch to the pixel it came from: `extract_patches`, `fold_patches`.

Sources: Goodfellow et al., Deep Learning (2016), 9.1 and 9.5; Chellapilla et al., High performance
convolutional neural networks for document processing (2006), for the patches; Dumoulin & Visin, A
guide to convolution arithmetic for deep learning (2016), for the sizes.

Ours differs in two things, for speed. Images are channels-last in memory, whatever the shape says:
a row of a patch is then one run of memory, and no product needs a transposed copy. And a few images
are treated at a time, so that their patches, up to kernel_height · kernel_width times the images,
never leave the processor's cache.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.layer import Gradients, Saved
from retroprop.errors import UserError

PATCHES_IN_CACHE = 2**17
"""How many values the patches treated at a time may have (0.5 MiB of a 1 MiB cache in float32)."""


@dataclass(frozen=True)
class Geometry:
    """Where the patches of an image lie; each field is (along the height, along the width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """⌊(size + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1 along both axes.

        Raises:
            UserError: If the kernel does not fit into the padded image.

        >>> Geometry((3, 3), stride=(2, 2), padding=(1, 1)).output_size(32, 32)
        (16, 16)
        """
        sizes = []
        for axis, size in enumerate((height, width)):
            reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            padded = size + 2 * self.padding[axis]
            if reach > padded:
                name = ("height", "width")[axis]
                raise UserError(
                    f"a kernel of {name} {self.kernel[axis]} with dilation {self.dilation[axis]} "
                    f"reaches over {reach} pixels, but the image has {name} {size} and padding "
                    f"{self.padding[axis]}: {padded} pixels; use a smaller kernel or a padding of "
                    f"at least {math.ceil((reach - size) / 2)}."
                )
            sizes.append((padded - reach) // self.stride[axis] + 1)
        return sizes[0], sizes[1]


def extract_patches(
    x: Float[Tensor, "images height width channels"], geometry: Geometry
) -> Float[Tensor, "images out_height out_width kernel_height kernel_width channels"]:
    """P(x): what each output pixel sees, as a view of the (padded) images.

    >>> image = torch.arange(9.0).view(1, 3, 3, 1)
    >>> extract_patches(image, Geometry((2, 2)))[0, 0, 1, :, :, 0]
    tensor([[1., 2.],
            [4., 5.]])
    """
    images, height, width, channels = x.shape
    size = geometry.output_size(height, width)
    padded = _pad(x, geometry.padding)
    of_image, of_row, of_column, of_channel = padded.stride()
    (s1, s2), (d1, d2) = geometry.stride, geometry.dilation
    return padded.as_strided(
        (images, *size, *geometry.kernel, channels),
        (of_image, s1 * of_row, s2 * of_column, d1 * of_row, d2 * of_column, of_channel),
    )


def fold_patches(
    patches: Float[Tensor, "images out_height out_width kernel_height kernel_width channels"],
    height: int,
    width: int,
    geometry: Geometry,
) -> Float[Tensor, "images height width channels"]:
    """Pᵀ: the sum of all values that patches hold of a pixel, for every pixel.

    >>> patches = extract_patches(torch.ones(1, 3, 3, 1), Geometry((2, 2)))
    >>> fold_patches(patches, 3, 3, Geometry((2, 2)))[0, :, :, 0]  # how many patches see a pixel
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    images, out_height, out_width, kernel_height, kernel_width, channels = patches.shape
    (p1, p2), (s1, s2), (d1, d2) = geometry.padding, geometry.stride, geometry.dilation
    padded = patches.new_zeros((images, height + 2 * p1, width + 2 * p2, channels))
    for u in range(kernel_height):
        rows = slice(u * d1, u * d1 + s1 * (out_height - 1) + 1, s1)
        for v in range(kernel_width):
            columns = slice(v * d2, v * d2 + s2 * (out_width - 1) + 1, s2)
            padded[:, rows, columns] += patches[:, :, :, u, v]
    return padded[:, p1 : p1 + height, p2 : p2 + width]


class Conv2d:
    """z = W ∗ x + b: W (*population, out, in, kernel_height, kernel_width), b (*population, out).

    W is stored channels-last, so that its matrix is a view.
    Source: Goodfellow et al., Deep Learning (2016), 9.5.
    """

    def __init__(
        self,
        W: Float[Tensor, "*population out channels kernel_height kernel_width"],
        b: Float[Tensor, "*population out"] | None = None,
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
    ) -> None:
        """Take copies of the initial parameters.

        Args:
            W: The kernels.
            b: The bias of each output channel; None for no bias.
            stride: Pixels between neighbouring patches.
            padding: Zeros on each side of the image.
            dilation: Pixels between neighbouring values of a kernel.

        Raises:
            UserError: If a stride or dilation is below 1, or a padding below 0.
        """
        self.W = _as_images(W).clone(memory_format=torch.contiguous_format).movedim(-1, -3)
        self.b = None if b is None else b.clone()
        self.geometry = Geometry(
            (W.shape[-2], W.shape[-1]),
            _pair("stride", stride, at_least=1),
            _pair("padding", padding, at_least=0),
            _pair("dilation", dilation, at_least=1),
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """W, and b if there is one."""
        return {"W": self.W} if self.b is None else {"W": self.W, "b": self.b}

    def forward(
        self, x: Float[Tensor, "*groups batch channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch out out_height out_width"], Saved]:
        """z = P(x) W + b.

        Raises:
            UserError: If x has other channels than the kernels, or the kernel does not fit.
        """
        if x.shape[-3] != self.W.shape[-3]:
            raise UserError(
                f"expected images of {self.W.shape[-3]} channels, as the kernels have, and got "
                f"shape {tuple(x.shape)}; the axes are (…, channels, height, width)."
            )
        images, matrix = self._folded(x)
        groups, batch, height, width, _ = images.shape
        members, outputs = matrix.shape[1] // self.W.shape[-4], self.W.shape[-4]
        size = self.geometry.output_size(height, width)
        z = x.new_empty((groups, members, batch, size[0] * size[1], outputs))
        for group, some in self._pieces(images):
            patches = self._patch_matrix(images[group, some])
            product = patches @ matrix[group].mT  # (pixels, members · out)
            of_members = product.view(-1, size[0] * size[1], members, outputs)
            z[group, :, some] = of_members.movedim(2, 0)
        if self.b is not None:
            z += self.b.view(groups, members, 1, 1, outputs)
        population = self.W.shape[:-4]
        return z.view(*population, batch, *size, outputs).movedim(-1, -3), x

    def backward(
        self, dy: Float[Tensor, "*population batch out out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch channels height width"], Gradients]:
        """dW = P(x)ᵀ dz, db = Σ dz, dx = Pᵀ(dz Wᵀ); members that share x add up in dx."""
        x = saved
        images, matrix = self._folded(x)
        groups, batch, height, width, channels = images.shape
        outputs = self.W.shape[-4]
        dz = _as_images(dy).reshape(groups, -1, batch, *dy.shape[-2:], outputs)
        dimages, dmatrix = torch.empty_like(images), torch.zeros_like(matrix)
        for group, some in self._pieces(images):
            patches = self._patch_matrix(images[group, some])
            rows = dz[group, :, some].movedim(0, -2).reshape(patches.shape[0], -1)
            dmatrix[group].addmm_(rows.mT, patches)
            dpatches = (rows @ matrix[group]).view(
                -1, *dy.shape[-2:], *self.geometry.kernel, channels
            )
            dimages[group, some] = fold_patches(dpatches, height, width, self.geometry)
        gradients = {"W": dmatrix.view(self.W.movedim(-3, -1).shape).movedim(-1, -3)}
        if self.b is not None:
            gradients["b"] = dz.sum((2, 3, 4)).view(self.b.shape)
        dx = dimages.view(*x.shape[:-3], height, width, channels).movedim(-1, -3)
        return dx, gradients

    def _folded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (groups, batch, height, width, channels) and kernels (groups, members·out, …).

        A group is what reads the same images.
        """
        groups = math.prod(x.shape[:-4])
        images = _as_images(x)
        images = images.reshape(groups, *images.shape[-4:])
        kernel = self.W.shape[-3] * self.W.shape[-2] * self.W.shape[-1]
        return images, _as_images(self.W).reshape(groups, -1, kernel)

    def _patch_matrix(self, images: Tensor) -> Tensor:
        """(pixels, kernel_height · kernel_width · channels)."""
        patches = extract_patches(images, self.geometry)
        return patches.reshape(patches.shape[:3].numel(), -1)

    def _pieces(self, images: Tensor) -> Iterator[tuple[int, slice]]:
        """Which images to treat together: (group, images of the batch)."""
        groups, batch, height, width, channels = images.shape
        pixels = math.prod(self.geometry.output_size(height, width))
        of_image = pixels * math.prod(self.geometry.kernel) * channels
        step = max(1, PATCHES_IN_CACHE // of_image) if images.device.type == "cpu" else batch
        for group in range(groups):
            for first in range(0, batch, step):
                yield group, slice(first, first + step)


def _as_images(x: Tensor) -> Tensor:
    """(…, channels, height, width) → (…, height, width, channels), contiguous."""
    return x.movedim(-3, -1).contiguous()


def _pad(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """Zeros around (images, height, width, channels)."""
    if padding == (0, 0):
        return x
    (p1, p2), (images, height, width, channels) = padding, x.shape
    padded = x.new_zeros((images, height + 2 * p1, width + 2 * p2, channels))
    padded[:, p1 : p1 + height, p2 : p2 + width] = x
    return padded


def _pair(name: str, value: int | tuple[int, int], *, at_least: int) -> tuple[int, int]:
    """An integer for both axes, or one for each."""
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or min(pair) < at_least:
        raise UserError(
            f"expected a {name} of at least {at_least}, or a pair of them for height and width, "
            f"and got {value!r}."
        )
    return pair[0], pair[1]
