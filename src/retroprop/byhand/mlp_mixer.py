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

import torch
from jaxtyping import Float
from torch import Tensor

from retroprop.byhand.activations import ACTIVATIONS
from retroprop.byhand.convolution import Conv2d
from retroprop.byhand.dropout import Dropout
from retroprop.byhand.layer import Gradients, Layer, Saved, Sequential, below
from retroprop.byhand.linear import Linear
from retroprop.byhand.normalization import LayerNorm
from retroprop.errors import UserError, did_you_mean

EPSILON = 1e-6
"""ε of the layer normalizations of the blocks, as in the authors' code."""

LAST_EPSILON = 1e-5
"""ε of the layer normalization before the head, as in the assignment."""

VALUES_IN_CACHE = 2**19
"""How many numbers the widest layer of an MLP may make at a time (2 MiB in float32)."""


class PatchEmbedding:
    """A convolution whose stride is its kernel: each patch of the image becomes a token.

    (*groups, batch, channels, height, width) → (*population, batch, patches, dim), row by row.
    """

    def __init__(self, parameters: Mapping[str, Float[Tensor, "..."]]) -> None:
        """Take copies of the initial parameters, "proj.W" and "proj.b"."""
        size = parameters["proj.W"].shape[-2:]
        self.proj = Conv2d(**below(parameters, "proj"), stride=(size[0], size[1]))

    @property
    def parameters(self) -> dict[str, Tensor]:
        """proj.W (*population, dim, channels, patch, patch) and proj.b (*population, dim)."""
        return {f"proj.{name}": value for name, value in self.proj.parameters.items()}

    def forward(
        self, x: Float[Tensor, "*groups batch channels height width"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """The tokens of each image.

        Raises:
            UserError: If the patches do not tile the image.
        """
        check_tiling(x.shape[-2], self.proj.geometry.kernel[0])
        check_tiling(x.shape[-1], self.proj.geometry.kernel[1])
        z, saved = self.proj.forward(x, training=training)
        return z.flatten(-2).mT, (saved, z.shape)

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*groups batch channels height width"], Gradients]:
        """The gradient of a reshape is a reshape; the rest is that of the convolution."""
        of_proj, shape = saved
        dx, gradients = self.proj.backward(dy.mT.reshape(shape), of_proj)
        return dx, {f"proj.{name}": value for name, value in gradients.items()}


class ChannelMixing:
    """Y = φ(X W₁ + 1 b₁ᵀ) W₂ + 1 b₂ᵀ, with dropout after both layers."""

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
            parameters: "fc1.W" (*population, dim, hidden), "fc1.b", "fc2.W" (*population, hidden,
                dim) and "fc2.b".
            activation: A name of `ACTIVATIONS`.
            drop_rate: Probability of dropout.
            generator: Where the masks are drawn from.
        """
        inputs, hidden = parameters["fc1.W"].shape[-2:]
        self.mlp = InPieces(
            {
                "fc1": Linear(**below(parameters, "fc1")),
                "phi": _activation(activation),
                "drop1": _dropout(drop_rate, generator),
                "fc2": Linear(**below(parameters, "fc2")),
                "drop2": _dropout(drop_rate, generator),
            },
            axis=-2,
            widening=hidden / inputs,
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """fc1.W, fc1.b, fc2.W, fc2.b."""
        return self.mlp.parameters

    def forward(
        self, x: Float[Tensor, "*population batch patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """All tokens of all examples are the rows of one matrix."""
        y, saved = self.mlp.forward(x.flatten(-3, -2), training=training)
        return y.view(x.shape), saved

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Gradients]:
        """The chain rule through both layers."""
        dx, gradients = self.mlp.backward(dy.flatten(-3, -2), saved)
        return dx.view(dy.shape), gradients


class TokenMixing:
    """Y = W₂ᵀ φ(W₁ᵀ X + b₁ 1ᵀ) + b₂ 1ᵀ, with dropout after both layers."""

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
            parameters: "fc1.W" (*population, patches, hidden), "fc1.b", "fc2.W" (*population,
                hidden, patches) and "fc2.b".
            activation: A name of `ACTIVATIONS`.
            drop_rate: Probability of dropout.
            generator: Where the masks are drawn from.
        """
        inputs, hidden = parameters["fc1.W"].shape[-2:]
        self.mlp = InPieces(
            {
                "fc1": LeftLinear(**below(parameters, "fc1")),
                "phi": _activation(activation),
                "drop1": _dropout(drop_rate, generator),
                "fc2": LeftLinear(**below(parameters, "fc2")),
                "drop2": _dropout(drop_rate, generator),
            },
            axis=-3,
            widening=hidden / inputs,
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """fc1.W, fc1.b, fc2.W, fc2.b."""
        return self.mlp.parameters

    def forward(
        self, x: Float[Tensor, "*population batch patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """Both layers."""
        return self.mlp.forward(x, training=training)

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Gradients]:
        """The chain rule through both layers."""
        return self.mlp.backward(dy, saved)


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
        step = (
            max(1, int(VALUES_IN_CACHE / of_example))
            if x.device.type == "cpu"
            else x.shape[self.axis]
        )
        return x.split(step, self.axis)


class LeftLinear:
    """Z = Wᵀ X + b 1ᵀ for each example's matrix X (in, dim), W (*population, in, out)."""

    def __init__(
        self,
        W: Float[Tensor, "*population inputs outputs"],
        b: Float[Tensor, "*population outputs"],
    ) -> None:
        """Take copies of the initial parameters."""
        self.W = W.mT.clone(memory_format=torch.contiguous_format).mT
        self.b = b.clone()

    @property
    def parameters(self) -> dict[str, Tensor]:
        """W and b."""
        return {"W": self.W, "b": self.b}

    def forward(
        self, x: Float[Tensor, "*population batch inputs dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch outputs dim"], Saved]:
        """Z = Wᵀ X + b 1ᵀ."""
        z = self.W.mT.unsqueeze(-3) @ x
        return z.add_(self.b[..., None, :, None]), x

    def backward(
        self, dy: Float[Tensor, "*population batch outputs dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch inputs dim"], Gradients]:
        """dW = Σ_b X dZᵀ, db = Σ_b dZ 1, dX = W dZ."""
        gradients = {"W": (dy @ saved.mT).sum(-3).mT, "b": dy.sum((-3, -1))}
        return self.W.unsqueeze(-3) @ dy, gradients


class MixerBlock:
    """X + mlp_tokens(LN₁(X)), then X + mlp_channels(LN₂(X))."""

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
            parameters: "norm1.gamma", "norm1.beta", "mlp_tokens.fc1.W", …, "norm2.gamma",
                "norm2.beta", "mlp_channels.fc1.W", ….
            activation: A name of `ACTIVATIONS`.
            drop_rate: Probability of dropout in the MLPs.
            generator: Where the masks are drawn from.
        """
        tokens, channels = below(parameters, "mlp_tokens"), below(parameters, "mlp_channels")
        self.tokens = Sequential(
            {
                "norm1": LayerNorm(**below(parameters, "norm1"), epsilon=EPSILON),
                "mlp_tokens": TokenMixing(
                    tokens, activation=activation, drop_rate=drop_rate, generator=generator
                ),
            }
        )
        self.channels = Sequential(
            {
                "norm2": LayerNorm(**below(parameters, "norm2"), epsilon=EPSILON),
                "mlp_channels": ChannelMixing(
                    channels, activation=activation, drop_rate=drop_rate, generator=generator
                ),
            }
        )

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Those of the token mixing, then those of the channel mixing."""
        return self.tokens.parameters | self.channels.parameters

    def forward(
        self, x: Float[Tensor, "*population batch patches dim"], *, training: bool = True
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Saved]:
        """Two residual connections."""
        t, of_tokens = self.tokens.forward(x, training=training)
        x = t.add_(x)
        c, of_channels = self.channels.forward(x, training=training)
        return c.add_(x), (of_tokens, of_channels)

    def backward(
        self, dy: Float[Tensor, "*population batch patches dim"], saved: Saved
    ) -> tuple[Float[Tensor, "*population batch patches dim"], Gradients]:
        """A sum passes its gradient on to both terms: dX = dY + Jᵀ dY, twice."""
        of_tokens, of_channels = saved
        dc, of_c = self.channels.backward(dy.clone(), of_channels)
        dy = dc.add_(dy)
        dt, of_t = self.tokens.backward(dy.clone(), of_tokens)
        return dt.add_(dy), of_t | of_c


class TokenMean:
    """The mean over the tokens: (…, patches, dim) → (…, dim)."""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """None."""
        return {}

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
        blocks = sum(
            name.startswith("blocks.") and name.endswith("norm1.gamma") for name in parameters
        )
        for i in range(blocks):
            layers[f"blocks.{i}"] = MixerBlock(
                below(parameters, f"blocks.{i}"),
                activation=activation,
                drop_rate=drop_rate,
                generator=generator,
            )
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


def _activation(name: str) -> Layer:
    if name not in ACTIVATIONS:
        raise UserError(f"unknown activation {name!r}. {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def _dropout(probability: float, generator: torch.Generator | None) -> Layer:
    """Dropout, or a layer that changes nothing where the probability is 0."""
    if probability == 0:
        return Sequential({})
    if generator is None:
        raise UserError(
            f"drop_rate {probability} needs a generator to draw the masks from; give one."
        )
    return Dropout(probability, generator)
