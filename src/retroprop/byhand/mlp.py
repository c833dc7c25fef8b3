"""The multilayer perceptron by hand, of any depth and width, for one model or a population.

    h⁰ = x              a^l = h^{l−1} W^l + b^l          h^l = φ(a^l)          z = a^{L+1}

    dz = p − y  (softmax output, cross-entropy)   or   z − t  (linear output, squared error)
    dW^l = h^{l−1}ᵀ da^l        db^l = Σ_batch da^l        dh^{l−1} = da^l W^lᵀ
    da^{l−1} = φ′(a^{l−1}) ⊙ dh^{l−1}

dz is that of `losses`: the network ends at z. Studies train `FastMLP` of `fast_mlp`, the same
network with all its parameters in one block of memory; `tests/byhand` compares the two.

Sources: INF8225, TP1, part 3, which writes θ^l for our [W^l; b^l]ᵀ; Goodfellow et al., Deep
Learning (2016), algorithms 6.3 and 6.4.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import make_activation
from retroprop.byhand.layer import Gradients, Saved
from retroprop.byhand.linear import linear, linear_input_gradient, linear_weight_gradient
from retroprop.randomness import generator

InitialScale = float | Literal["auto"]
Sign = Literal["both", "positive", "negative"]


class MLP:
    """Linear layers with an activation between them: x (*groups, batch, features) → z.

    Members of the population that read the same x lack its last population axes, as in `linear`.
    """

    def __init__(
        self, parameters: Mapping[str, Float[Tensor, "..."]], *, activation: str = "relu"
    ) -> None:
        """Take copies of the initial parameters, such as those of `initial_parameters`.

        Args:
            parameters: "hidden_layers.0.W", "hidden_layers.0.b", …, "output_layer.W",
                "output_layer.b", with W (*population, in, out) and b (*population, out).
            activation: A name of `ACTIVATIONS`.

        Raises:
            UserError: If the activation is unknown.
        """
        self.parameters = {name: tensor.clone() for name, tensor in parameters.items()}
        self.layers = [name.removesuffix(".W") for name in parameters if name.endswith(".W")]
        self.phi = make_activation(activation)

    def forward(
        self, x: Float[Tensor, "*groups batch features"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch outputs"], Saved]:
        """z; keeps the input h^{l−1} of each layer, and what φ′(a^{l−1}) needs."""
        first, *others = self.layers
        a, saved = self._linear(first, x), [(x, None)]
        for layer in others:
            h, kept = self.phi.forward(a)
            a = self._linear(layer, h)
            saved.append((h, kept))
        return a, saved

    def backward(
        self, dy: Float[Tensor, "*population batch outputs"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch features"], Gradients]:
        """dL/dx and the gradient of every parameter, from dz = `dy`; the last layer comes first."""
        da, of_layers = dy, {}
        for layer, (h, kept) in zip(reversed(self.layers), reversed(saved), strict=True):
            W = self.parameters[f"{layer}.W"]
            of_layers[f"{layer}.W"] = linear_weight_gradient(h, da)
            of_layers[f"{layer}.b"] = da.sum(-2)
            dh = linear_input_gradient(da, W, shared=W.ndim - h.ndim)
            da = dh if kept is None else self.phi.backward(dh, kept)[0]
        return da, {name: of_layers[name] for name in self.parameters}

    def _linear(self, layer: str, h: Tensor) -> Tensor:
        """a^l = h^{l−1} W^l + b^l."""
        return (
            linear(h, self.parameters[f"{layer}.W"]) + self.parameters[f"{layer}.b"][..., None, :]
        )


def initial_parameters(
    features: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    seeds: Sequence[int],
    activation: str = "relu",
    scale: InitialScale = "auto",
    sign: Sign = "both",
    dtype: torch.dtype = torch.float32,
) -> dict[str, Float[Tensor, "seeds ..."]]:
    """Weights from N(0, σ²) and biases of zero, one draw per seed, for the constructor of `MLP`.

    The same numbers in float32 and float64 up to rounding: they are drawn in float64.

    Args:
        features: Numbers per input.
        hidden: Units of each hidden layer.
        outputs: Numbers per output.
        seeds: One member each.
        activation: Its kind fixes σ when `scale` is "auto".
        scale: σ, or "auto": √(2 / inputs) before ReLU and GELU (He et al., Delving deep into
            rectifiers, 2015), √(1 / inputs) otherwise (LeCun et al., Efficient backprop, 1998).
        sign: "positive" and "negative" take the absolute value of each weight, or its opposite.
        dtype: Number type of the result.
    """
    streams = [generator("weights", seed) for seed in seeds]
    gain = 2.0 if activation in ("relu", "gelu") else 1.0
    named = {}
    sizes = list(pairwise((features, *hidden, outputs)))
    for layer, (n_in, n_out) in enumerate(sizes):
        last = layer == len(sizes) - 1
        sigma = math.sqrt((1.0 if last else gain) / n_in) if scale == "auto" else float(scale)
        draws = [torch.randn(n_in, n_out, generator=g, dtype=torch.float64) for g in streams]
        W = torch.stack(draws) * sigma
        if sign != "both":
            W = W.abs() if sign == "positive" else -W.abs()
        name = "output_layer" if last else f"hidden_layers.{layer}"
        named[f"{name}.W"] = W.to(dtype)
        named[f"{name}.b"] = torch.zeros(len(seeds), n_out, dtype=dtype)
    return named
