"""A chain of layers that takes a few examples at a time: the same numbers, from the cache."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.layer import Gradients, Layer, Saved, Sequential

VALUES_IN_CACHE = 2**19
"""How many numbers the widest layer of a chain may make at a time (2 MiB in float32)."""


class InPieces(Sequential):
    """A chain from examples to as many numbers each, applied to a few examples at a time.

    What lies between the layers then stays in the processor's cache, instead of going to memory and
    back for each of them. The gradients of the parameters add up over the pieces.
    """

    def __init__(self, layers: Mapping[str, Layer], *, axis: int, widening: float) -> None:
        """Chain the layers.

        Args:
            layers: By name; the output has the shape of the input.
            axis: That of the examples.
            widening: How many numbers the widest layer makes of one.
        """
        super().__init__(layers)
        self.axis, self.widening = axis, widening

    def forward(
        self, x: Float[Tensor, "*shape"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*shape"], Saved]:
        """Piece by piece, y = f_n(… f_1(x))."""
        y, saved = torch.empty_like(x), []
        for piece, of_y in zip(self._pieces(x), self._pieces(y), strict=True):
            of_piece, kept = super().forward(piece, training=training)
            of_y.copy_(of_piece)
            saved.append(kept)
        return y, saved

    def backward(
        self, dy: Float[Tensor, "*shape"], saved: Saved
    ) -> tuple[Float[Tensor, "*shape"], Gradients]:
        """Piece by piece, the chain rule."""
        dx, gradients = torch.empty_like(dy), {}
        for piece, of_dx, kept in zip(self._pieces(dy), self._pieces(dx), saved, strict=True):
            of_piece, of_parameters = super().backward(piece, kept)
            of_dx.copy_(of_piece)
            for name, gradient in of_parameters.items():
                gradients[name] = gradients[name].add_(gradient) if name in gradients else gradient
        return dx, gradients

    def _pieces(self, x: Tensor) -> tuple[Tensor, ...]:
        of_example = self.widening * x.numel() / max(1, x.shape[self.axis])
        on_cpu = x.device.type == "cpu"
        step = max(1, int(VALUES_IN_CACHE / of_example)) if on_cpu else x.shape[self.axis]
        return x.split(step, self.axis)
