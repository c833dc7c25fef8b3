"""The MLP-Mixer: patches become tokens, and two MLPs in turn mix the tokens and the channels.

    X ← X + mlp_tokens(LN(X)ᵀ)ᵀ          the same MLP for every channel
    X ← X + mlp_channels(LN(X))          the same MLP for every token

Then a layer normalization, the mean over the tokens, and a linear head.
Source: Tolstikhin et al., MLP-Mixer: an all-MLP architecture for vision (2021), equation 1. As in
the assignment, the hidden token dimension is half the embedding (the paper ties it to the patches).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from retroprop.errors import UserError
from retroprop.models.activations import activation_class

EPSILON = 1e-6
"""ε of the layer normalizations of the blocks, as in the authors' code; that of the last one is
torch's default, 1e-5, as in the assignment."""


class PatchEmbed(nn.Module):
    """Cut the image into squares and map each to a token: a convolution whose stride is its size.

    Attributes:
        grid_size: Patches along each side of the image.
        num_patches: Its square.
    """

    def __init__(
        self, img_size: int, patch_size: int, in_chans: int = 3, embed_dim: int = 768
    ) -> None:
        """Prepare for square images of `img_size` pixels a side.

        Raises:
            UserError: If the patches do not tile the image.
        """
        super().__init__()
        if patch_size < 1 or img_size % patch_size:
            sizes = [str(size) for size in range(1, img_size + 1) if img_size % size == 0]
            raise UserError(
                f"patch_size {patch_size} does not divide image size {img_size}; use "
                f"{', '.join(sizes[:-1])} or {sizes[-1]}."
            )
        self.img_size, self.patch_size = img_size, patch_size
        self.grid_size = img_size // patch_size
        self.num_patches = self.grid_size**2
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, patches, dim), the patches row by row.

        Raises:
            UserError: If the images are not of the size that was announced.
        """
        in_chans = self.proj.in_channels
        if x.ndim != 4 or x.shape[1] != in_chans:
            raise UserError(
                f"expected images of shape (batch, {in_chans}, {self.img_size}, {self.img_size}), "
                f"and got {tuple(x.shape)}; make the model for their number of channels."
            )
        if x.shape[-2:] != (self.img_size, self.img_size):
            raise UserError(
                f"expected images of {self.img_size} × {self.img_size} pixels, and got "
                f"{x.shape[-2]} × {x.shape[-1]}; give the model their img_size."
            )
        return self.proj(x).flatten(2).mT


class Mlp(nn.Module):
    """fc2(φ(fc1(x))) on the last axis, with dropout after each layer."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        act_layer: Callable[[], nn.Module] = nn.GELU,
        drop: float = 0.0,
    ) -> None:
        """Go from `in_features` through `hidden_features` back to `in_features` numbers."""
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden_features)
        self.act = act_layer()
        self.drop1 = nn.Dropout(drop)
        self.fc2 = nn.Linear(hidden_features, in_features)
        self.drop2 = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) → (…, in_features)."""
        return self.drop2(self.fc2(self.drop1(self.act(self.fc1(x)))))


class DropPath(nn.Module):
    """Stochastic depth: in training, a whole branch of an example is left out.

    The branches that stay are divided by 1 − p, so the mean is that of evaluation.
    Source: Huang et al., Deep networks with stochastic depth (2016).
    """

    def __init__(self, probability: float) -> None:
        """Leave a branch out with this probability, in [0, 1)."""
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """(batch, …) → (batch, …), with rows of zeros."""
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        kept = torch.full((branch.shape[0], *(1,) * (branch.ndim - 1)), keep, device=branch.device)
        return branch * (kept.bernoulli() / keep).to(branch.dtype)


class MixerBlock(nn.Module):
    """Mix the tokens, then the channels, each around a residual connection."""

    def __init__(
        self,
        dim: int,
        seq_len: int,
        mlp_ratio: tuple[float, float] = (0.5, 4.0),
        activation: str = "gelu",
        drop: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        """Make both MLPs.

        Args:
            dim: Channels of a token.
            seq_len: How many tokens there are.
            mlp_ratio: Hidden units of the token MLP and of the channel MLP, as multiples of `dim`.
            activation: gelu, relu, tanh or sigmoid.
            drop: Probability of dropout in the MLPs.
            drop_path: Probability of leaving a whole branch out.

        Raises:
            UserError: If the activation is unknown.
        """
        super().__init__()
        tokens_dim, channels_dim = (int(ratio * dim) for ratio in mlp_ratio)
        phi = activation_class(activation)
        self.norm1 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp_tokens = Mlp(seq_len, tokens_dim, act_layer=phi, drop=drop)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp_channels = Mlp(dim, channels_dim, act_layer=phi, drop=drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, dim) → (batch, patches, dim)."""
        x = x + self.drop_path(self.mlp_tokens(self.norm1(x).mT).mT)
        return x + self.drop_path(self.mlp_channels(self.norm2(x)))


class MLPMixer(nn.Module):
    """(batch, 3, img_size, img_size) → (batch, num_classes)."""

    def __init__(
        self,
        num_classes: int,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        num_blocks: int,
        drop_rate: float = 0.0,
        activation: str = "gelu",
    ) -> None:
        """Make the network, with the initial weights of `init_weights`.

        Args:
            num_classes: How many logits come out.
            img_size: Pixels along each side of the image.
            patch_size: Pixels along each side of a patch; it divides `img_size`.
            embed_dim: Channels of a token.
            num_blocks: How many blocks follow each other.
            drop_rate: Probability of dropout in the MLPs.
            activation: gelu, relu, tanh or sigmoid.

        Raises:
            UserError: If the patches do not tile the image, or the activation is unknown.
        """
        super().__init__()
        self.num_classes = num_classes
        self.patchemb = PatchEmbed(img_size, patch_size, embed_dim=embed_dim)
        self.blocks = nn.Sequential(
            *(
                MixerBlock(
                    embed_dim, self.patchemb.num_patches, activation=activation, drop=drop_rate
                )
                for _ in range(num_blocks)
            )
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)
        self.apply(self.init_weights)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, from the mean of the normalized tokens."""
        tokens = self.norm(self.blocks(self.patchemb(images)))  # (batch, patches, dim)
        return self.head(tokens.mean(1))

    def init_weights(self, module: nn.Module) -> None:
        """Draw the weights of one layer anew; a normalization becomes γ = 1, β = 0.

            linear           U(−a, a),  a = √(6 / (in + out))
            convolution      N(0, 2 / in)

        All biases are 0.

        Source: Glorot & Bengio (2010) for Xavier's uniform weights; He et al., Delving deep into
        rectifiers (2015), for Kaiming's normal ones; which layer has which: the assignment.
        """
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
        else:
            return
        if module.bias is not None:
            nn.init.zeros_(module.bias)
