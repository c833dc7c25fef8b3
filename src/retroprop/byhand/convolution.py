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

Ours differs in three things, for speed. Images are channels-last in memory, whatever the shape
says: a row of a patch is then one run of memory, and no product needs a transposed copy. A few
images are treated at a time, so that their patches, up to kernel_height · kernel_width times the
images, never leave the processor's cache. And the common 3 × 3 convolution of stride 1 takes
Winograd's way, with 16 multiplications for 36: see `winograd`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand import winograd
from retroprop.byhand.layer import Gradients, Saved
from retroprop.errors import UserError

PATCHES_IN_CACHE = 2**17
"""How many values the patches treated at a time may have (0.5 MiB of a 1 MiB cache in float32)."""

TILES_TOGETHER = 256
"""How many tiles of 2 × 2 pixels the products of Winograd's way have at least, if there are."""

FEWEST_CHANNELS = 32
"""Of the input and of the output, from which on Winograd's way is faster (1.1 to 1.3 times)."""


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
    (p1, p2), (s1, s2), (d1, d2) = geometry.padding, geometry.stride, geometry.dilation
    padded = _pad_to(x, (p1, p2), height + 2 * p1, width + 2 * p2)
    of_image, of_row, of_column, of_channel = padded.stride()
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
        images = self._groups(x)
        groups, batch, height, width, _ = images.shape
        kernels = _as_images(self.W).reshape(groups, -1, *self.W.shape[-2:], self.W.shape[-3])
        size = self.geometry.output_size(height, width)
        z = x.new_empty(
            (groups, kernels.shape[1] // self.W.shape[-4], batch, *size, self.W.shape[-4])
        )
        convolve = _convolve_tiles if self._by_tiles else _convolve_patches
        for of_images, of_kernels, of_z in zip(images, kernels, z, strict=True):
            convolve(of_images, of_kernels, of_z, self.geometry)
        if self.b is not None:
            z += self.b.view(*z.shape[:2], 1, 1, 1, -1)
        return z.view(*self.W.shape[:-4], *z.shape[2:]).movedim(-1, -3), x

    def backward(
        self, dy: Float[Tensor, "*population batch out out_height out_width"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch channels height width"], Gradients]:
        """dW = P(x)ᵀ dz, db = Σ dz, dx = Pᵀ(dz Wᵀ); members that share x add up in dx."""
        dimages = torch.empty_like(self._groups(saved))
        gradients = self._gradients(dy, saved, dimages)
        return dimages.view(saved.movedim(-3, -1).shape).movedim(-1, -3), gradients

    def parameter_gradients(
        self, dy: Float[Tensor, "*population batch out out_height out_width"], saved: Saved
    ) -> Gradients:
        """dW and db, without dx."""
        return self._gradients(dy, saved, None)

    def _gradients(self, dy: Tensor, saved: Saved, dimages: Tensor | None) -> Gradients:
        """dW and db; writes dx into `dimages` (groups, batch, height, width, channels)."""
        images = self._groups(saved)
        groups, batch = images.shape[:2]
        kernels = _as_images(self.W).reshape(groups, -1, *self.W.shape[-2:], self.W.shape[-3])
        dz = _as_images(dy).reshape(groups, -1, batch, *dy.shape[-2:], dy.shape[-3])
        dkernels = torch.empty_like(kernels)
        gradients_of = _tiles_gradients if self._by_tiles else _patches_gradients
        dinputs = repeat(None, groups) if dimages is None else dimages
        for tensors in zip(images, kernels, dz, dinputs, dkernels, strict=True):
            gradients_of(*tensors, self.geometry)
        gradients = {"W": dkernels.view(self.W.movedim(-3, -1).shape).movedim(-1, -3)}
        if self.b is not None:
            gradients["b"] = dz.sum((2, 3, 4)).view(self.b.shape)
        return gradients

    def _groups(self, x: Tensor) -> Tensor:
        """(groups, batch, height, width, channels); a group is what reads the same images."""
        images = _as_images(x)
        return images.reshape(math.prod(x.shape[:-4]), *images.shape[-4:])

    @property
    def _by_tiles(self) -> bool:
        """Whether Winograd's way applies, and the products are wide enough to gain from it."""
        fits = self.geometry.kernel == (3, 3) and self.geometry.stride == (1, 1)
        wide = min(self.W.shape[-4], self.W.shape[-3]) >= FEWEST_CHANNELS
        return fits and wide and self.geometry.dilation == (1, 1)


def _convolve_patches(images: Tensor, kernels: Tensor, z: Tensor, geometry: Geometry) -> None:
    """Write z (members, batch, …, out) = P(x) W for images (batch, height, width, channels)."""
    matrix = kernels.flatten(1)  # (members · out, kernel_height · kernel_width · channels)
    for some in _pieces(images, kernels, geometry):
        patches = _as_matrix(extract_patches(images[some], geometry))
        _write_members(patches @ matrix.mT, z[:, some])


def _patches_gradients(
    images: Tensor,
    kernels: Tensor,
    dz: Tensor,
    dimages: Tensor | None,
    dkernels: Tensor,
    geometry: Geometry,
) -> None:
    """Write dW = P(x)ᵀ dz, and dx = Pᵀ(dz Wᵀ) unless `dimages` is None."""
    matrix, dmatrix = kernels.flatten(1), dkernels.flatten(1).zero_()
    for some in _pieces(images, kernels, geometry):
        rows = _side_by_side(dz[:, some])  # (images, out_height, out_width, members · out)
        patches = extract_patches(images[some], geometry)
        of_patches, rows = patches.shape, rows.flatten(0, 2)
        dmatrix.addmm_(rows.mT, _as_matrix(patches))
        if dimages is None:
            continue
        dpatches = (rows @ matrix).view(of_patches)
        dimages[some] = fold_patches(dpatches, images.shape[1], images.shape[2], geometry)


def _as_matrix(patches: Tensor) -> Tensor:
    """(pixels, kernel_height · kernel_width · channels), copied in long runs of memory.

    A patch of one channel has runs of kernel_width values only, and neighbouring patches overlap:
    there each place of the kernel is copied for all pixels, which makes the transposed matrix.
    """
    if patches.shape[-1] == 1:
        return patches.permute(3, 4, 5, 0, 1, 2).reshape(patches.shape[3:].numel(), -1).mT
    return patches.reshape(patches.shape[:3].numel(), -1)


def _convolve_tiles(images: Tensor, kernels: Tensor, z: Tensor, geometry: Geometry) -> None:
    """Write z (members, batch, …, out) by Winograd's way."""
    U = winograd.transform_kernels(kernels)  # (16, members · out, channels)
    height, width = z.shape[2:4]
    even = (height + height % 2, width + width % 2)
    for some in _tile_pieces(images, even):
        V = winograd.transform_images(_even_images(images[some], even, geometry))
        M = torch.bmm(V, U.mT)  # (16, tiles, members · out)
        y = M.new_empty((z[0, some].shape[0], *even, M.shape[-1]))
        winograd.transform_output(M, y)
        _write_members(y[:, :height, :width], z[:, some])


def _tiles_gradients(
    images: Tensor,
    kernels: Tensor,
    dz: Tensor,
    dimages: Tensor | None,
    dkernels: Tensor,
    geometry: Geometry,
) -> None:
    """Write dW, and dx unless `dimages` is None, by the transposes of Winograd's way."""
    U = winograd.transform_kernels(kernels)
    dU = torch.zeros_like(U)
    (p1, p2), (height, width) = geometry.padding, dz.shape[2:4]
    even = (height + height % 2, width + width % 2)
    for some in _tile_pieces(images, even):
        rows = _side_by_side(dz[:, some])
        padded = _even_images(images[some], even, geometry)
        if even != (height, width):
            rows = _pad_to(rows, (0, 0), *even)
        dM = winograd.output_gradient(rows)
        dU.baddbmm_(dM.mT, winograd.transform_images(padded))
        if dimages is None:
            continue
        dpadded = winograd.image_gradient(torch.bmm(dM, U), padded.shape)
        dimages[some] = dpadded[:, p1 : p1 + images.shape[1], p2 : p2 + images.shape[2]]
    dkernels.copy_(winograd.kernel_gradient(dU))


def _pieces(images: Tensor, kernels: Tensor, geometry: Geometry) -> Iterator[slice]:
    """Which images to treat together, so that their patches stay in the cache."""
    pixels = math.prod(geometry.output_size(*images.shape[1:3]))
    return _steps(images, PATCHES_IN_CACHE // (pixels * kernels[0].numel()))


def _tile_pieces(images: Tensor, even: tuple[int, int]) -> Iterator[slice]:
    """Which images to treat together, so that a product has enough rows and little else."""
    return _steps(images, -(-TILES_TOGETHER // (even[0] * even[1] // 4)))


def _steps(images: Tensor, step: int) -> Iterator[slice]:
    step = max(1, step if images.device.type == "cpu" else len(images))
    return (slice(first, first + step) for first in range(0, len(images), step))


def _write_members(product: Tensor, z: Tensor) -> None:
    """Write (pixels…, members · out) into (members, images, height, width, out)."""
    members, images, height, width, out = z.shape
    z.copy_(product.reshape(images, height, width, members, out).movedim(3, 0))


def _side_by_side(z: Tensor) -> Tensor:
    """(members, images, height, width, out) → (images, height, width, members · out)."""
    return z.movedim(0, 3).flatten(3)


def _even_images(images: Tensor, even: tuple[int, int], geometry: Geometry) -> Tensor:
    """The images between zeros: `padding` before, and behind as many as whole tiles need."""
    return _pad_to(images, geometry.padding, even[0] + 2, even[1] + 2)


def _as_images(x: Tensor) -> Tensor:
    """(…, channels, height, width) → (…, height, width, channels), contiguous."""
    return x.movedim(-3, -1).contiguous()


def _pad_to(x: Tensor, before: tuple[int, int], height: int, width: int) -> Tensor:
    """Zeros around (images, height, width, channels), up to a height and a width."""
    if x.shape[1:3] == (height, width):
        return x
    padded = x.new_zeros((x.shape[0], height, width, x.shape[3]))
    top, left = before
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
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
