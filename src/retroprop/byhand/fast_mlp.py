"""The multilayer perceptron that studies train: all its parameters are one block of memory.

The equations are those of `mlp`, and a test compares the two. All parameters lie in one vector θ,
W transposed, so the gradient of every layer is written where the optimizer reads it, and a step of
an optimizer passes once over θ. Each product computes all members of the population; in the first
layer, members that read the same inputs are the rows of one tall matrix.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import make_activation
from retroprop.byhand.block import one_block, views
from retroprop.byhand.layer import Gradients, Saved
from retroprop.byhand.linear import linear_input_gradient
from retroprop.byhand.losses import softmax_cross_entropy_gradient, squared_error_gradient
from retroprop.byhand.softmax_regression import Reduction

COLUMNS = 64
"""From this batch size on, the first layer of a population has its examples as columns.

Measured for 16 members of 100 units: 13 % faster at 128 examples, 60 % slower at 8.
"""

Output = Literal["softmax", "linear"]


class FastMLP:
    """`MLP`, with the gradient of its loss laid out as its parameters.

    Attributes:
        theta: All parameters in one block, (values,); `parameters` are views of it.
        activation: Its name in `ACTIVATIONS`.
        output: "softmax" for cross-entropy on logits, "linear" for the squared error.
    """

    def __init__(
        self,
        parameters: Mapping[str, Float[Tensor, "..."]],
        *,
        activation: str = "relu",
        output: Output = "softmax",
        products: torch.dtype | None = None,
    ) -> None:
        """Take copies of the initial parameters.

        Args:
            parameters: As of `MLP`.
            activation: A name of `ACTIVATIONS`.
            output: What the last layer means, which fixes the loss.
            products: Number type of the matrix products (torch.bfloat16), when not that of the
                parameters; sums over many steps, so the parameters themselves, keep theirs.

        Raises:
            UserError: If the activation is unknown.
        """
        self.activation, self.output = activation, output
        self._phi = make_activation(activation)
        stored = {name: t.mT if name.endswith("W") else t for name, t in parameters.items()}
        self.shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
        self.theta, named = one_block(stored)
        self.parameters = {name: t.mT if name.endswith("W") else t for name, t in named.items()}
        self.population = self.shapes["output_layer.b"][:-1]
        self._members = math.prod(self.population)
        self._gradient = torch.empty_like(self.theta)
        # copies of θ and dL/dθ in the number type of the products, where it is another one
        self._low = None if products in (None, self.theta.dtype) else self.theta.to(products)
        self._low_gradient = None if self._low is None else torch.empty_like(self._low)
        self._layers = self._pairs(self.theta if self._low is None else self._low)
        self._dlayers = self._pairs(
            self._gradient if self._low_gradient is None else self._low_gradient
        )

    # -- forward and backward -----------------------------------------------------------------

    def forward(
        self, x: Float[Tensor, "*groups batch features"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch outputs"], Saved]:
        """Logits or linear outputs z, and the inputs of every layer.

        Args:
            x: Inputs; as in `linear`, without the last population axes when members share them.
            training: Makes no difference here.
        """
        if self._low is not None:
            self._low.copy_(self.theta)
            x = x.to(self._low.dtype)
        (W, b), *others = self._layers
        h = self._first(x, W, b)
        saved = []
        for W, b in others:
            h, kept = self._phi.forward_(h)
            saved.append((h, kept))
            h = torch.addmm(b, h, W) if h.ndim == 2 else torch.baddbmm(b.unsqueeze(1), h, W)
        return h.view(*self.population, *h.shape[-2:]), (x, saved)

    def backward(
        self, dy: Float[Tensor, "*population batch outputs"], saved: Saved
    ) -> tuple[Tensor, Gradients]:
        """dL/dx and the gradient of every parameter, as copies."""
        x = saved[0]
        da = self._backward(dy, saved)  # of the first layer
        W = self._layers[0][0].view(*self.population, *self._layers[0][0].shape[-2:])
        da = da.view(*self.population, *da.shape[-2:])
        dx = linear_input_gradient(da, W, shared=W.ndim - x.ndim)
        copy = views(self._gradient.clone(), self.shapes)
        return dx, {name: t.mT if name.endswith("W") else t for name, t in copy.items()}

    def gradient(
        self,
        x: Float[Tensor, "*groups batch features"],
        targets: Float[Tensor, "*#population batch outputs"],
        *,
        reduction: Reduction = "mean",
    ) -> Float[Tensor, "values"]:
        """dL/dθ of a minibatch, laid out as θ, in memory that the next call writes again.

        Args:
            x: Inputs; as in `forward`.
            targets: One-hot labels.
            reduction: "mean" over the minibatch, or "sum".
        """
        z, saved = self.forward(x)
        self._backward(self._loss_gradient(z, targets, reduction), saved)
        return self._gradient

    def descend(
        self,
        x: Float[Tensor, "*groups batch features"],
        targets: Float[Tensor, "*#population batch outputs"],
        learning_rate: float | Float[Tensor, "*population 1 1"],
        *,
        reduction: Reduction = "mean",
    ) -> None:
        """One step of gradient descent, θ ← θ − η dL/dθ, without writing the gradient down.

        Everything behind dz is linear in it, so η multiplies dz, and each layer's product is
        subtracted from its weights as it is formed: half the memory traffic of `gradient` and
        `SGD.step`, with the same result up to rounding.

        Args:
            x: Inputs; as in `forward`.
            targets: One-hot labels.
            learning_rate: η; a number, or one for each member.
            reduction: "mean" over the minibatch, or "sum".
        """
        z, saved = self.forward(x)
        dz = self._loss_gradient(z, targets, reduction).mul_(learning_rate)
        self._backward(dz, saved, descend=self._low is None)
        if self._low is not None:
            self.theta.sub_(self._gradient)

    # -- helpers ------------------------------------------------------------------------------

    def _loss_gradient(self, z: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
        of_loss = (
            softmax_cross_entropy_gradient if self.output == "softmax" else squared_error_gradient
        )
        dz = of_loss(z, targets.to(z.dtype))
        return dz.div_(z.shape[-2]) if reduction == "mean" else dz

    def _pairs(self, block: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(W, b) of each layer in a block like θ, with one population axis, or none for one."""
        lead = () if self._members == 1 else (self._members,)
        tensors = [
            t.view(*lead, *t.shape[len(self.population) :])
            for t in views(block, self.shapes).values()
        ]
        return [(W.mT, b) for W, b in zip(tensors[::2], tensors[1::2], strict=True)]

    def _first(self, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
        """a¹ for each member, (batch, units) or (members, batch, units)."""
        if self._members == 1:
            return torch.addmm(b, x.view(x.shape[-2:]), W)
        groups, batch = math.prod(x.shape[:-2]), x.shape[-2]
        side_by_side = W.mT.reshape(groups, -1, W.shape[-2])  # (groups, members·units, features)
        x = x.reshape(groups, batch, -1)
        if batch >= COLUMNS:
            columns = x.mT.contiguous()  # (groups, features, batch)
            a = torch.baddbmm(b.view(groups, -1, 1), side_by_side, columns)
            return a.view(self._members, W.shape[-1], batch).mT
        a = torch.baddbmm(b.view(groups, 1, -1), x, side_by_side.mT)
        a = a.view(groups, batch, -1, W.shape[-1]).transpose(1, 2)
        return a.reshape(self._members, batch, -1)

    def _backward(self, dz: Tensor, saved: Saved, *, descend: bool = False) -> Tensor:
        """Write dL/dθ into the gradient's block, or subtract it from θ; returns da of layer 1."""
        x, inputs = saved
        da = dz.reshape(-1, *dz.shape[-2:]) if self._members > 1 else dz.view(dz.shape[-2:])
        product = torch.bmm if da.ndim == 3 else torch.mm
        columns = da.ndim == 3 and da.shape[1] >= COLUMNS  # how the first layer's units lie
        into = self._layers if descend else self._dlayers
        last = zip(self._layers[1:], into[1:], inputs, strict=True)
        for (W, _), (dW, db), (h, kept) in reversed(list(last)):
            dh = product(W, da.mT).mT if columns and h is inputs[0][0] else product(da, W.mT)
            _put(dW.mT, da.mT, h, descend)
            _put_sum(db, da, descend)
            da = self._phi.backward_(dh, kept)
        self._first_gradient(x, da, into[0], descend)
        if self._low_gradient is not None:
            self._gradient.copy_(self._low_gradient)
        return da

    def _first_gradient(
        self, x: Tensor, da: Tensor, into: tuple[Tensor, Tensor], descend: bool
    ) -> None:
        dW, db = into
        _put_sum(db, da, descend)
        if da.ndim == 2:
            _put(dW.mT, da.mT, x.view(x.shape[-2:]), descend)
            return
        groups, batch = math.prod(x.shape[:-2]), x.shape[-2]
        if batch >= COLUMNS:
            side_by_side = da.mT.reshape(groups, -1, batch)  # (groups, members·units, batch)
        else:
            da = da.view(groups, -1, batch, da.shape[-1]).transpose(1, 2)
            side_by_side = da.reshape(groups, batch, -1).mT
        rows = dW.mT.view(groups, -1, x.shape[-1])
        _put(rows, side_by_side, x.reshape(groups, batch, -1), descend)


def _put(into: Tensor, a: Tensor, b: Tensor, descend: bool) -> None:
    """into ← a b, or into ← into − a b."""
    accumulate = into.addmm_ if into.ndim == 2 else into.baddbmm_
    accumulate(a, b, beta=int(descend), alpha=-1 if descend else 1)


def _put_sum(into: Tensor, da: Tensor, descend: bool) -> None:
    """into ← Σ_batch da, or into ← into − Σ_batch da."""
    if descend:
        into.sub_(da.sum(-2))
    else:
        torch.sum(da, -2, out=into)
