"""Winograd's 3 × 3 convolution of stride 1: 16 products where the definition has 36.

The output is cut into tiles of 2 × 2 pixels, which see 4 × 4 pixels d of the padded image. With the
kernel g of one pair of channels, and ⊙ the product of elements,

    y = Aᵀ [U ⊙ V] A        U = G g Gᵀ        V = Bᵀ d B

and the sum over the input channels may be taken before Aᵀ … A: at each of the 16 places it is a
matrix product, V (tiles, channels) times U (channels, out). Everything is linear, so the gradients
are the transposes, in the reverse order:

    dM = A dy Aᵀ        dU = Vᵀ dM        dV = dM Uᵀ        dg = Gᵀ dU G        dd = B dV Bᵀ

A, B and G hold 0, ±1 and ±½, so the transforms are additions, and rounding is no worse than that of
the plain sum (measured in float32: at most 4e-7 of the largest output, by patches 5e-7).

Source: Lavin & Gray, Fast algorithms for convolutional neural networks (2016), section 4.1,
F(2 × 2, 3 × 3); after Winograd, Arithmetic complexity of computations (1980).

`Conv2d` uses it where it is faster than patches; the tests prove that both give the same.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Rows = Sequence[Sequence[int | float]]
"""A small matrix."""

B_T: Rows = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
G: Rows = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
A_T: Rows = ((1, 1, 1, 0), (0, 1, -1, -1))


def transform_kernels(
    g: Float[Tensor, "*lead out 3 3 channels"],
) -> Float[Tensor, "*lead 16 out channels"]:
    """U = G g Gᵀ for each pair of channels."""
    rows = _empty(g, 4, *g.shape[:-3], 3, g.shape[-1])  # (4, *lead, out, 3, channels)
    _combine(G, g.unbind(-3), rows)
    U = _empty(g, *g.shape[:-4], 4, 4, g.shape[-4], g.shape[-1])
    for u, row in enumerate(rows):
        _combine(G, row.unbind(-2), U[..., u, :, :, :].unbind(-3))
    return U.flatten(-4, -3)


def kernel_gradient(
    dU: Float[Tensor, "*lead 16 out channels"],
) -> Float[Tensor, "*lead out 3 3 channels"]:
    """Dg = Gᵀ dU G, the transpose of `transform_kernels`."""
    dU = dU.unflatten(-3, (4, 4))
    rows = _empty(dU, 3, *dU.shape[:-4], *dU.shape[-3:])  # (3, *lead, 4, out, channels)
    _combine(_transpose(G), dU.unbind(-4), rows)
    dg = _empty(dU, *dU.shape[:-4], dU.shape[-2], 3, 3, dU.shape[-1])
    for u, row in enumerate(rows):
        _combine(_transpose(G), row.unbind(-3), dg[..., u, :, :].unbind(-2))
    return dg


def transform_images(
    x: Float[Tensor, "images padded_height padded_width channels"],
) -> Float[Tensor, "16 tiles channels"]:
    """V = Bᵀ d B for each tile: d is what the tile sees of images padded to an even size."""
    images, height, width, channels = x.shape
    vertical, horizontal = height // 2 - 1, width // 2 - 1
    rows = _empty(x, 4, images, vertical, width, channels)
    _combine(B_T, [x[:, u : u + 2 * vertical : 2] for u in range(4)], rows)
    V = _empty(x, 4, 4, images, vertical, horizontal, channels)
    columns = [rows[:, :, :, v : v + 2 * horizontal : 2] for v in range(4)]
    _combine(B_T, columns, V.unbind(1))
    return V.view(16, -1, channels)


def image_gradient(
    dV: Float[Tensor, "16 tiles channels"], shape: Sequence[int]
) -> Float[Tensor, "images padded_height padded_width channels"]:
    """Dx: the sum of dd = B dV Bᵀ over the tiles that see a pixel.

    Args:
        dV: Gradient with respect to the output of `transform_images`.
        shape: That of its input.
    """
    images, height, width, channels = shape
    vertical, horizontal = height // 2 - 1, width // 2 - 1
    dV = dV.view(4, 4, images, vertical, horizontal, channels)
    rows = _empty(dV, 4, images, vertical, width, channels)
    _add_up(dV.unbind(1), rows, axis=3)
    dx = _empty(dV, *shape)
    _add_up(rows.unbind(0), dx, axis=1)
    return dx


def transform_output(
    M: Float[Tensor, "16 tiles out"], y: Float[Tensor, "images even_height even_width out"]
) -> None:
    """Write y = Aᵀ M A, tile by tile."""
    images, height, width, out = y.shape
    M = M.view(4, 4, images, height // 2, width // 2, out)
    rows = _empty(M, 2, *M.shape[1:])
    _combine(A_T, M, rows)
    for u, row in enumerate(rows):
        _combine(A_T, row, [y[:, u::2, v::2] for v in range(2)])


def output_gradient(
    dy: Float[Tensor, "images even_height even_width out"],
) -> Float[Tensor, "16 tiles out"]:
    """dM = A dy Aᵀ, the transpose of `transform_output`."""
    images, height, width, out = dy.shape
    rows = _empty(dy, 4, images, height // 2, width, out)
    _combine(_transpose(A_T), [dy[:, 0::2], dy[:, 1::2]], rows)
    dM = _empty(dy, 4, 4, images, height // 2, width // 2, out)
    _combine(_transpose(A_T), [rows[:, :, :, 0::2], rows[:, :, :, 1::2]], dM.unbind(1))
    return dM.view(16, -1, out)


def _combine(matrix: Rows, parts: Iterable[Tensor], outs: Iterable[Tensor]) -> None:
    """outs[i] = Σ_j matrix[i][j] parts[j]: one pass for two terms, and one for each other."""
    parts = list(parts)
    for row, out in zip(matrix, outs, strict=True):
        terms = [(c, part) for c, part in zip(row, parts, strict=True) if c]
        terms.sort(key=lambda term: -term[0])  # a positive one first, which needs no negation
        (scale, first), *others = terms
        if not others:
            torch.mul(first, scale, out=out)
            continue
        (c, second), *others = others
        torch.add(first, second, alpha=c / scale, out=out)
        for c, part in others:
            out.add_(part, alpha=c / scale)
        if scale != 1:
            out.mul_(scale)


def _add_up(parts: Sequence[Tensor], out: Tensor, *, axis: int) -> None:
    """B times the parts; place k of tile i is place 2i + k of `out`, so neighbours overlap."""
    tiles = parts[0].shape[axis]
    places = [out.narrow(axis, k, 2 * tiles - 1)[_every_second(axis)] for k in range(4)]
    B = _transpose(B_T)
    _combine(B[:2], parts, places[:2])
    out.narrow(axis, 2 * tiles, 2).zero_()  # only places 2 and 3 of the last tile are there
    for row, place in zip(B[2:], places[2:], strict=True):
        for c, part in zip(row, parts, strict=True):
            if c:
                place.add_(part, alpha=c)


def _every_second(axis: int) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, slice(None, None, 2))


def _transpose(matrix: Rows) -> Rows:
    return tuple(zip(*matrix, strict=True))


def _empty(like: Tensor, *shape: int) -> Tensor:
    return like.new_empty(shape)
