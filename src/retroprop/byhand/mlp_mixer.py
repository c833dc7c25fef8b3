"""The MLP-Mixer by hand: patches become tokens; two MLPs in turn mix the tokens and the channels.

    X ← X + mlp_tokens(LN(X)ᵀ)ᵀ          the same MLP for every channel
    X ← X + mlp_channels(LN(X))          the same MLP for every token

An example is a matrix X (patches, dim). The channel MLP multiplies it from the right, the token MLP
from the left, so no transposed copy is needed:

    channels   A = X W₁ + 1 b₁ᵀ     H = φ(A)     Y = H W₂ + 1 b₂ᵀ
    tokens     A = W₁ᵀ X + b₁ 1ᵀ    H = φ(A)     Y = W₂ᵀ H + b₂ 1ᵀ
               dW₂ = Σ_b H dYᵀ      db₂ = Σ_b dY 1      dH = W₂ dY      dA = φ′(A) ⊙ dH
               dW₁ = Σ_b X dAᵀ      db₁ = Σ_b dA 1      dX = W₁ dA

After the last block: a layer normalization, the mean over the tokens, and a linear head.

Source: Tolstikhin et al., MLP-Mixer: an all-MLP architecture for vision (2021), equation 1. As in
the assignment, the hidden token dimension is half the embedding (the paper ties it to the patches).
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import make_activation
from retroprop.byhand.convolution import Conv2d
from retroprop.byhand.dropout import Dropout
from retroprop.byhand.in_pieces import InPieces
from retroprop.byhand.layer import Gradients, Layer, Residual, Saved, Sequential, below
from retroprop.byhand.linear import LeftLinear, Linear
from retroprop.byhand.normalization import LayerNorm
from retroprop.byhand.pooling import TokenMean
from retroprop.errors import UserError

EPSILON = 1e-6
"""ε of the layer normalizations of the blocks, as in the authors' code."""

LAST_EPSILON = 1e-5
"""ε of the layer normalization before the head, as in the assignment."""


class PatchEmbedding(Sequential):
    """A convolution whose stride is its kernel: each patch of the image becomes a token.

    (*groups, batch, channels, height, width) → (*population, batch, patches, dim), row by row.
    """

    def __init__(self, parameters: Mapping[str, Float[Tensor, "..."]]) -> None:
        """Take copies of the initial parameters.

        Args:
            parameters: "proj.W" (*population, dim, channels, patch, patch) and "proj.b"
                (*population, dim).
        """
        height, width = self.size = tuple(parameters["proj.W"].shape[-2:])
        super().__init__({"proj": Conv2d(**below(parameters, "proj"), stride=(height, width))})

    def forward(
        self, x: Float[Tensor, "*groups batch channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """The tokens of each image.

        Raises:
            UserError: If the patches do not tile the image.
        """
        for pixels, patch in zip(x.shape[-2:], self.size, strict=True):
            check_tiling(pixels, patch)
        z, saved = super().forward(x, training=training)
        return z.flatten(-2).mT, (saved, z.shape)

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch channels height width"], Gradients]:
        """The gradient of a reshape is a reshape; the rest is that of the convolution."""
        of_proj, shape = saved
        return super().backward(dy.mT.reshape(shape), of_proj)


class _Mixing(InPieces):
    """Two linear maps `linear`, with an activation between them and dropout after both."""

    linear: type[Linear] | type[LeftLinear]
    examples: int  # the axis along which pieces are cut

    def __init__(
        self,
        parameters: Mapping[str, Float[Tensor, "..."]],
        *,
        activation: str = "gelu",
        drop_rate: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take copies of the initial parameters.

        Args:
            parameters: "fc1.W" (*population, in, hidden), "fc1.b", "fc2.W" (*population, hidden,
                in) and "fc2.b", where `in` is what is mixed: patches or dim.
            activation: A name of `ACTIVATIONS`.
            drop_rate: Probability of dropout.
            generator: Where the masks are drawn from; needed with dropout only.
        """
        if drop_rate and generator is None:
            raise UserError(
                f"drop_rate {drop_rate} needs a generator to draw the masks from; give one."
            )
        dropout = Dropout(drop_rate, generator) if generator else Sequential({})
        layers = {
            "fc1": self.linear(**below(parameters, "fc1")),
            "phi": make_activation(activation),
            "drop1": dropout,
            "fc2": self.linear(**below(parameters, "fc2")),
            "drop2": dropout,
        }
        inputs, hidden = parameters["fc1.W"].shape[-2:]
        super().__init__(layers, axis=self.examples, widening=hidden / inputs)


class TokenMixing(_Mixing):
    """Y = W₂ᵀ φ(W₁ᵀ X + b₁ 1ᵀ) + b₂ 1ᵀ, with dropout after both layers."""

    linear, examples = LeftLinear, -3


class ChannelMixing(_Mixing):
    """Y = φ(X W₁ + 1 b₁ᵀ) W₂ + 1 b₂ᵀ, with dropout after both layers."""

    linear, examples = Linear, -2

    def forward(
        self, x: Float[Tensor, "*population batch patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """All tokens of all examples are the rows of one matrix."""
        y, saved = super().forward(x.flatten(-3, -2), training=training)
        return y.view(x.shape), saved

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Gradients]:
        """The chain rule through both layers."""
        dx, gradients = super().backward(dy.flatten(-3, -2), saved)
        return dx.view(dy.shape), gradients


class MixerBlock:
    """X + mlp_tokens(LN₁(X)), then X + mlp_channels(LN₂(X)): two residual sums."""

    def __init__(self, parameters: Mapping[str, Float[Tensor, "..."]], **options: Any) -> None:
        """Take copies of the initial parameters.

        Args:
            parameters: "norm1.gamma", "norm1.beta", "mlp_tokens.fc1.W", …, "norm2.gamma",
                "norm2.beta", "mlp_channels.fc1.W", ….
            options: `activation`, `drop_rate` and `generator`, as of `MLPMixer`.
        """

        def normalized(norm: str, mixing: str, kind: type[TokenMixing | ChannelMixing]) -> Residual:
            layer_norm = LayerNorm(**below(parameters, norm), epsilon=EPSILON)
            mlp = kind(below(parameters, mixing), **options)
            return Residual(Sequential({norm: layer_norm, mixing: mlp}))

        self.tokens = normalized("norm1", "mlp_tokens", TokenMixing)
        self.channels = normalized("norm2", "mlp_channels", ChannelMixing)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Those of the token mixing, then those of the channel mixing."""
        return self.tokens.parameters | self.channels.parameters

    def forward(
        self, x: Float[Tensor, "*population batch patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """Mix the tokens, then the channels."""
        x, of_tokens = self.tokens.forward(x, training=training)
        y, of_channels = self.channels.forward(x, training=training)
        return y, (of_tokens, of_channels)

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Gradients]:
        """The chain rule through both sums."""
        of_tokens, of_channels = saved
        dy, of_c = self.channels.backward(dy, of_channels)
        dx, of_t = self.tokens.backward(dy, of_tokens)
        return dx, of_t | of_c


class MLPMixer(Sequential):
    """(*groups, batch, channels, height, width) → logits (*population, batch, classes).

    The layers are patchemb, blocks.0, blocks.1, …, norm, mean and head.
    """

    def __init__(
        self,
        parameters: Mapping[str, Float[Tensor, "..."]],
        *,
        activation: str = "gelu",
        drop_rate: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take copies of the initial parameters, such as those of `mlp_mixer_parameters`.

        Args:
            parameters: "patchemb.proj.W", "patchemb.proj.b", "blocks.0.norm1.gamma", …,
                "norm.gamma", "norm.beta", "head.W", "head.b".
            activation: A name of `ACTIVATIONS`.
            drop_rate: Probability of dropout in the MLPs.
            generator: Where the masks are drawn from; needed with dropout only.

        Raises:
            UserError: If the activation is unknown, or there is dropout without a generator.
        """
        layers: dict[str, Layer] = {"patchemb": PatchEmbedding(below(parameters, "patchemb"))}
        options = {"activation": activation, "drop_rate": drop_rate, "generator": generator}
        blocks = sum(name.endswith("norm1.gamma") for name in parameters)
        for i in range(blocks):
            layers[f"blocks.{i}"] = MixerBlock(below(parameters, f"blocks.{i}"), **options)
        layers["norm"] = LayerNorm(**below(parameters, "norm"), epsilon=LAST_EPSILON)
        layers["mean"] = TokenMean()
        layers["head"] = Linear(**below(parameters, "head"))
        super().__init__(layers)


def mlp_mixer_parameters(
    num_classes: int,
    img_size: int,
    patch_size: int,
    embed_dim: int,
    num_blocks: int,
    *,
    in_channels: int = 3,
    mlp_ratio: tuple[float, float] = (0.5, 4.0),
    generator: torch.Generator,
    population: tuple[int, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> dict[str, Float[Tensor, "..."]]:
    """Initial parameters for the constructor of `MLPMixer`, distributed as those of its twin.

        patches        N(0, 2 / inputs)                 all biases 0, γ = 1, β = 0
        linear         U(−a, a),  a = √(6 / (inputs + outputs))

    Source: He et al. (2015) for the patches, Glorot & Bengio (2010) for the linear layers; the
    assignment chooses both.

    Args:
        num_classes: How many logits come out.
        img_size: Pixels along each side of the image.
        patch_size: Pixels along each side of a patch; it divides `img_size`.
        embed_dim: Channels of a token.
        num_blocks: How many blocks follow each other.
        in_channels: Channels of the images.
        mlp_ratio: Hidden units of the token MLP and of the channel MLP, as multiples of
            `embed_dim`.
        generator: Where the weights are drawn from.
        population: Axes of the population; each member draws its own weights.
        dtype: Number type of the result; the draws are the same in each.

    Raises:
        UserError: If the patches do not tile the image.
    """
    check_tiling(img_size, patch_size)
    patches = (img_size // patch_size) ** 2
    named: dict[str, Tensor] = {}

    def keep(name: str, W: Tensor, outputs: int) -> None:
        named[f"{name}.W"] = W.to(dtype)
        named[f"{name}.b"] = torch.zeros(*population, outputs, dtype=dtype)

    def linear(name: str, inputs: int, outputs: int) -> None:
        W = torch.rand(*population, inputs, outputs, generator=generator, dtype=torch.float64)
        keep(name, (2 * W - 1) * math.sqrt(6 / (inputs + outputs)), outputs)

    def norm(name: str) -> None:
        named[f"{name}.gamma"] = torch.ones(*population, embed_dim, dtype=dtype)
        named[f"{name}.beta"] = torch.zeros(*population, embed_dim, dtype=dtype)

    kernel = (embed_dim, in_channels, patch_size, patch_size)
    W = torch.randn(*population, *kernel, generator=generator, dtype=torch.float64)
    keep("patchemb.proj", W * math.sqrt(2 / math.prod(kernel[1:])), embed_dim)
    for i in range(num_blocks):
        for which, mixing, width, ratio in (
            (1, "mlp_tokens", patches, mlp_ratio[0]),
            (2, "mlp_channels", embed_dim, mlp_ratio[1]),
        ):
            hidden = int(ratio * embed_dim)
            norm(f"blocks.{i}.norm{which}")
            linear(f"blocks.{i}.{mixing}.fc1", width, hidden)
            linear(f"blocks.{i}.{mixing}.fc2", hidden, width)
    norm("norm")
    linear("head", embed_dim, num_classes)
    return named


def check_tiling(img_size: int, patch_size: int) -> None:
    """Refuse patches that do not tile the image.

    Raises:
        UserError: Naming the sizes that do.

    >>> check_tiling(10, 3)
    Traceback (most recent call last):
        ...
    retroprop.errors.UserError: patch_size 3 does not divide image size 10; use 1, 2, 5 or 10.
    """
    if patch_size < 1 or img_size % patch_size:
        sizes = [str(size) for size in range(1, img_size + 1) if img_size % size == 0]
        choices = f"{', '.join(sizes[:-1])} or {sizes[-1]}" if len(sizes) > 1 else sizes[0]
        raise UserError(
            f"patch_size {patch_size} does not divide image size {img_size}; use {choices}."
        )
