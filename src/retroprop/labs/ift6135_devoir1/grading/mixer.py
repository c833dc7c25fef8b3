"""Problem 3: patches, the block of the MLP-Mixer, and the network."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Values
from retroprop.labs.ift6135_devoir1.grading.networks import (
    OUTPUT,
    OUTPUTS,
    Weights,
    answer_of,
    only,
    output,
    random_weights,
)
from retroprop.languages import say_later

TOLERANCE = 3e-4  # several normalizations and residual sums in single precision

# --- 3.1: PatchEmbed ------------------------------------------------------------------------------


def patch_shapes(
    channels: int, dim: int, patch: int, prefix: str = "", *, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """The weights of a patch embedding."""
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}proj.weight": (dim, channels, patch, patch)}
    return shapes | ({f"{prefix}proj.bias": (dim,)} if bias else {})


def patches(
    images: Tensor,
    weights: Weights,
    patch: int,
    prefix: str = "",
    *,
    stride: str = "patch",
    order: str = "rows",
) -> Tensor:
    """The tokens of images.

    Args:
        images: (batch, channels, side, side).
        weights: By name.
        patch: Pixels along each side of a patch.
        prefix: Of the names of the weights.
        stride: "one" or "half" are mistakes.
        order: Of the tokens; "columns", "channels first" and "reshaped" are mistakes.
    """
    step = {"patch": patch, "one": 1, "half": max(patch // 2, 1)}[stride]
    bias = weights.get(f"{prefix}proj.bias")
    y = functional.conv2d(images, weights[f"{prefix}proj.weight"], bias, step)
    match order:
        case "columns":
            return y.mT.flatten(2).mT
        case "channels first":
            return y.flatten(2)
        case "reshaped":
            return y.reshape(y.shape[0], -1, y.shape[1])
    return y.flatten(2).mT  # (batch, patches, dim)


def patch_embed(
    values: Values, answer: Any, *, patch_bias: bool = True, stride: str = "patch", **switches: Any
) -> dict[str, Any]:
    """The reference of question 3.1."""
    patch = values["patch_size"]
    shapes = patch_shapes(values["in_chans"], values["embed_dim"], patch, bias=patch_bias)
    found = answer_of(
        values, answer, shapes, lambda x, w: patches(x, w, patch, stride=stride, **switches)
    )
    return found | {"num_patches": (values["img_size"] // patch) ** 2}


PATCH_MISTAKES = (
    Mistake(
        name="stride of one pixel",
        sentence=say_later(
            "the patches overlap: the convolution has stride 1, and should have that of a patch"
        ),
        switches={"stride": "one"},
    ),
    Mistake(
        name="stride of half a patch",
        sentence=say_later("the patches overlap by half: the stride should be a whole patch"),
        switches={"stride": "half"},
    ),
    Mistake(
        name="channels before patches",
        sentence=say_later(
            "the patches come out as (batch, embed_dim, patches): swap the last two axes"
        ),
        switches={"order": "channels first"},
    ),
    Mistake(
        name="reshaped instead of transposed",
        sentence=say_later(
            "the axes are reshaped, not swapped: each token mixes numbers of several patches "
            "(flatten(2), then transpose(1, 2))"
        ),
        switches={"order": "reshaped"},
    ),
    Mistake(
        name="patches column by column",
        sentence=say_later("the patches come column by column: row by row is wanted"),
        switches={"order": "columns"},
    ),
    Mistake(
        name="projection without bias",
        sentence=say_later("the projection of the patches has no bias"),
        switches={"patch_bias": False},
    ),
)


def _patch_values(
    generator: torch.Generator, side: int, patch: int, channels: int, dim: int
) -> Values:
    shapes = patch_shapes(channels, dim, patch)
    return {
        "img_size": side,
        "patch_size": patch,
        "in_chans": channels,
        "embed_dim": dim,
        "names": shapes,
        "weights": random_weights(shapes, generator),
        "x": torch.randn(2, channels, side, side, generator=generator),
    }


def _patch_check(
    name: str, share: float, sizes: tuple[int, int, int, int], public: bool = False
) -> Check:
    side, patch, _, _ = sizes
    impossible = {"half"} if patch % 2 else set()  # mistakes that change nothing here
    impossible |= {"one"} if patch == 1 else set()
    impossible |= {"one", "half", "columns", "reshaped"} if patch == side else set()
    return Check(
        name=name,
        share=share,
        probe="patch_embed",
        inputs=lambda generator: _patch_values(generator, *sizes),
        reference=patch_embed,
        mistakes=[one for one in PATCH_MISTAKES if not impossible & set(one.switches.values())],
        tolerance=TOLERANCE,
        public=public,
    )


PATCHES = Question(
    number="3.1",
    name=say_later("the patch embedding"),
    points=5.0,
    checks=(
        _patch_check(say_later("four patches"), 0.4, (8, 4, 3, 5), public=True),
        _patch_check(say_later("an odd patch size, two channels"), 0.3, (15, 5, 2, 7)),
        _patch_check(say_later("one patch"), 0.15, (6, 6, 3, 4)),
        _patch_check(say_later("patches of one pixel"), 0.15, (3, 1, 3, 4)),
    ),
)

# --- 3.2: Mlp and MixerBlock ----------------------------------------------------------------------


def two_layers_shapes(features: int, hidden: int, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """The weights of an Mlp."""
    return {
        f"{prefix}fc1.weight": (hidden, features),
        f"{prefix}fc1.bias": (hidden,),
        f"{prefix}fc2.weight": (features, hidden),
        f"{prefix}fc2.bias": (features,),
    }


def two_layers(
    x: Tensor,
    weights: Weights,
    prefix: str = "",
    *,
    activation: str = "gelu",
    activated: str = "between",
) -> Tensor:
    """fc2(φ(fc1(x))); `activated` may be "never", "at the end" or "twice", which are mistakes."""
    phi = {
        "gelu": functional.gelu,
        "gelu by tanh": lambda h: functional.gelu(h, approximate="tanh"),
        "relu": torch.relu,
    }[activation]
    h = functional.linear(x, weights[f"{prefix}fc1.weight"], weights[f"{prefix}fc1.bias"])
    h = phi(h) if activated in ("between", "twice") else h
    y = functional.linear(h, weights[f"{prefix}fc2.weight"], weights[f"{prefix}fc2.bias"])
    return phi(y) if activated in ("at the end", "twice") else y


def mlp(values: Values, answer: Any, *, use: str = "gelu", **switches: Any) -> dict[str, Any]:
    """The reference of the class Mlp."""
    return answer_of(
        values, answer, values["names"], lambda x, w: two_layers(x, w, activation=use, **switches)
    )


MLP_MISTAKES = (
    Mistake(
        name="ReLU instead of GELU",
        sentence=say_later("the activation is ReLU where GELU is asked for"),
        switches={"use": "relu"},
    ),
    Mistake(
        name="no activation in Mlp",
        sentence=say_later("Mlp has no activation between its two layers"),
        switches={"activated": "never"},
    ),
    Mistake(
        name="activation at the end of Mlp",
        sentence=say_later("the activation of Mlp comes after fc2: it belongs after fc1"),
        switches={"activated": "at the end"},
    ),
    Mistake(
        name="activation twice in Mlp",
        sentence=say_later("Mlp applies the activation after fc2 too"),
        switches={"activated": "twice"},
    ),
)
AS_RIGHT = ({"use": "gelu by tanh"},)
"""The approximation of GELU that the authors of the MLP-Mixer used."""


def block_shapes(
    dim: int,
    seq_len: int,
    ratio: Sequence[float],
    prefix: str = "",
    *,
    hidden: str = "right",
    mixed: str = "tokens",
) -> dict[str, tuple[int, ...]]:
    """The weights of a block; for the switches see `block`."""
    tokens_dim, channels_dim = (int(part * dim) for part in ratio)
    if hidden == "swapped":
        tokens_dim, channels_dim = channels_dim, tokens_dim
    if hidden == "of the tokens":
        tokens_dim = int(ratio[0] * seq_len)
    return {
        **_layer_norm_shapes(f"{prefix}norm1", dim),
        **two_layers_shapes(
            dim if mixed == "channels" else seq_len, tokens_dim, f"{prefix}mlp_tokens."
        ),
        **_layer_norm_shapes(f"{prefix}norm2", dim),
        **two_layers_shapes(dim, channels_dim, f"{prefix}mlp_channels."),
    }


def _layer_norm_shapes(name: str, dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def block(
    x: Tensor,
    weights: Weights,
    prefix: str = "",
    *,
    activation: str = "gelu",
    activated: str = "between",
    mixed: str = "tokens",
    residuals: str = "both",
    norms: str = "before",
    second_norm: str = "norm2",
    arranged: str = "in turn",
) -> Tensor:
    """What a block of the MLP-Mixer makes of (batch, tokens, dim).

    Args:
        x: The tokens.
        weights: By name.
        prefix: Of their names.
        activation: Of both MLPs.
        activated: See `two_layers`.
        mixed: What mlp_tokens works on: "channels", without transposing; "not back", when its
            output stays transposed.
        residuals: "no tokens", "no channels", "none", or "normalized", when what is added is the
            normalized x.
        norms: "after" the MLPs; "after the sum"; "no first", "no second", "none".
        second_norm: Which one comes before the channels.
        arranged: "channels first"; "parallel", when both MLPs see the x of the beginning.
    """

    def norm(h: Tensor, name: str) -> Tensor:
        return layer_norm(h, weights, prefix + name)

    def mlp(h: Tensor, name: str) -> Tensor:
        return two_layers(
            h, weights, f"{prefix}{name}.", activation=activation, activated=activated
        )

    def mix_tokens(h: Tensor) -> Tensor:
        match mixed:
            case "channels":
                return mlp(h, "mlp_tokens")
            case "not back":
                return mlp(h.mT, "mlp_tokens")
        return mlp(h.mT, "mlp_tokens").mT

    def mix_channels(h: Tensor) -> Tensor:
        return mlp(h, "mlp_channels")

    def half(x: Tensor, mix: Any, name: str, which: str) -> Tensor:
        skipped = norms in ("none", f"no {which}") or norms.startswith("after")
        h = x if skipped else norm(x, name)
        mixed_h = mix(h)
        mixed_h = norm(mixed_h, name) if norms == "after" else mixed_h
        kept = {"first": "tokens", "second": "channels"}[which]
        shortcut = h if residuals == "normalized" else x
        y = mixed_h if residuals in ("none", f"no {kept}") else shortcut + mixed_h
        return norm(y, name) if norms == "after the sum" else y

    if arranged == "channels first":
        return half(half(x, mix_channels, second_norm, "second"), mix_tokens, "norm1", "first")
    h = half(x, mix_tokens, "norm1", "first")
    if arranged == "parallel":
        return h + half(x, mix_channels, second_norm, "second") - x
    return half(h, mix_channels, second_norm, "second")


def layer_norm(x: Tensor, weights: Weights, name: str, epsilon: float = 1e-6) -> Tensor:
    """Normalize the last axis."""
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(x, x.shape[-1:], scale, shift, epsilon)


def mixer_block(
    values: Values,
    answer: Any,
    *,
    use: str | None = None,
    hidden: str = "right",
    mixed: str = "tokens",
    **switches: Any,
) -> dict[str, Any]:
    """The reference of question 3.2."""
    shapes = block_shapes(
        values["dim"], values["seq_len"], values["mlp_ratio"], hidden=hidden, mixed=mixed
    )
    activation = _activation(values, use)
    return answer_of(
        values,
        answer,
        shapes,
        lambda x, w: block(x, w, activation=activation, mixed=mixed, **switches),
    )


def _activation(values: Values, use: str | None) -> str:
    """The activation that is used; the approximation stands for GELU alone."""
    asked = values["activation"]
    return asked if use == "gelu by tanh" and asked != "gelu" else use or asked


GELU_ALWAYS = Mistake(
    name="always GELU",
    sentence=say_later("the activation is GELU, whatever activation is asked for"),
    switches={"use": "gelu"},
)
BLOCK_MISTAKES = (
    Mistake(
        name="residual around the token mixing missing",
        sentence=say_later("x is not added after the token mixing"),
        switches={"residuals": "no tokens"},
    ),
    Mistake(
        name="residual around the channel mixing missing",
        sentence=say_later("x is not added after the channel mixing"),
        switches={"residuals": "no channels"},
    ),
    Mistake(
        name="no residuals",
        sentence=say_later("neither MLP has a residual connection: x is added to what each gives"),
        switches={"residuals": "none"},
    ),
    Mistake(
        name="residual of the normalized tokens",
        sentence=say_later("the normalized x is added: the residual is x itself"),
        switches={"residuals": "normalized"},
    ),
    Mistake(
        name="norm after the MLP",
        sentence=say_later(
            "the normalizations come after the MLPs: each comes before, on the way into its MLP"
        ),
        switches={"norms": "after"},
    ),
    Mistake(
        name="norm after the sum",
        sentence=say_later(
            "the normalizations come after the sums: each comes before, on the way into its MLP"
        ),
        switches={"norms": "after the sum"},
    ),
    Mistake(
        name="norm1 missing",
        sentence=say_later("norm1 is not applied before the token mixing"),
        switches={"norms": "no first"},
    ),
    Mistake(
        name="norm2 missing",
        sentence=say_later("norm2 is not applied before the channel mixing"),
        switches={"norms": "no second"},
    ),
    Mistake(
        name="no norms",
        sentence=say_later("neither normalization is applied"),
        switches={"norms": "none"},
    ),
    Mistake(
        name="norm1 twice",
        sentence=say_later("norm1 is applied before the channel mixing too: that has norm2"),
        switches={"second_norm": "norm1"},
    ),
    Mistake(
        name="token mixing on channels",
        sentence=say_later(
            "mlp_tokens works on the channels: swap the last two axes before it, and back after it"
        ),
        switches={"mixed": "channels"},
    ),
    Mistake(
        name="not transposed back",
        sentence=say_later("the axes are not swapped back after the token mixing"),
        switches={"mixed": "not back"},
    ),
    Mistake(
        name="channels mixed first",
        sentence=say_later("the channels are mixed before the tokens: the tokens come first"),
        switches={"arranged": "channels first"},
    ),
    Mistake(
        name="both MLPs of the same input",
        sentence=say_later(
            "the channel mixing takes the x of the beginning: it takes what the token mixing gives"
        ),
        switches={"arranged": "parallel"},
    ),
    Mistake(
        name="hidden sizes swapped",
        sentence=say_later(
            "the hidden sizes are swapped: mlp_ratio[0] × dim is that of the tokens, "
            "mlp_ratio[1] × dim that of the channels"
        ),
        switches={"hidden": "swapped"},
    ),
    Mistake(
        name="hidden size of the tokens",
        sentence=say_later(
            "the hidden size of the token mixing is mlp_ratio[0] × seq_len: the assignment has "
            "mlp_ratio[0] × dim"
        ),
        switches={"hidden": "of the tokens"},
    ),
)


def _mlp_values(generator: torch.Generator) -> Values:
    shapes = two_layers_shapes(5, 7)
    return {
        "features": 5,
        "hidden": 7,
        "names": shapes,
        "weights": random_weights(shapes, generator),
        "x": torch.randn(2, 3, 5, generator=generator),
    }


def _block_values(
    generator: torch.Generator,
    dim: int,
    seq_len: int,
    activation: str,
    ratio: Sequence[float],
    *,
    ours: bool,
) -> Values:
    shapes = block_shapes(dim, seq_len, ratio)
    return {
        "dim": dim,
        "seq_len": seq_len,
        "mlp_ratio": list(ratio),
        "activation": activation,
        "names": shapes,
        "x": torch.randn(2, seq_len, dim, generator=generator),
        **({"weights": random_weights(shapes, generator)} if ours else {}),
    }


def _block_mistakes(activation: str, dim: int, seq_len: int) -> list[Mistake]:
    """The mistakes that can be made with these sizes."""
    impossible = {"of the tokens"} if dim == seq_len else {"not back"}
    possible = [one for one in BLOCK_MISTAKES if not impossible & set(one.switches.values())]
    of_gelu = MLP_MISTAKES if activation == "gelu" else (GELU_ALWAYS, *MLP_MISTAKES[1:])
    return [*possible, *of_gelu]


def _block_check(
    name: str,
    share: float,
    dim: int,
    seq_len: int,
    activation: str = "gelu",
    *,
    ratio: Sequence[float] = (0.5, 4.0),
    ours: bool = True,
    public: bool = False,
) -> Check:
    with_gradients = ours and activation == "gelu"  # ReLU's jump where rounding decides
    return Check(
        name=name,
        share=share,
        probe="mixer_block",
        inputs=lambda generator: _block_values(
            generator, dim, seq_len, activation, ratio, ours=ours
        ),
        reference=mixer_block if with_gradients else only(OUTPUT, mixer_block),
        mistakes=_block_mistakes(activation, dim, seq_len),
        also_right=AS_RIGHT if activation == "gelu" else (),
        tolerance=TOLERANCE,
        public=public,
    )


BLOCK = Question(
    number="3.2",
    name=say_later("the block of the MLP-Mixer"),
    points=10.0,
    checks=(
        Check(
            name=say_later("the two layers of Mlp"),
            share=0.1,
            probe="two_layers",
            inputs=_mlp_values,
            reference=mlp,
            mistakes=MLP_MISTAKES,
            also_right=AS_RIGHT,
            tolerance=TOLERANCE,
            public=True,
        ),
        _block_check(say_later("values and gradients"), 0.4, 6, 9, public=True),
        _block_check(say_later("as many tokens as channels"), 0.2, 8, 8),
        _block_check(
            say_later("with ReLU, other hidden sizes"), 0.15, 6, 4, "relu", ratio=(1.5, 2.0)
        ),
        _block_check(say_later("with the weights that it was made with"), 0.15, 6, 4, ours=False),
    ),
)

# --- 3.3: MLPMixer --------------------------------------------------------------------------------

RATIO = (0.5, 4.0)


def mixer_shapes(
    values: Values, *, patch_bias: bool = True, **of_blocks: Any
) -> dict[str, tuple[int, ...]]:
    """All weights of an MLP-Mixer."""
    dim, patch = values["embed_dim"], values["patch_size"]
    shapes = patch_shapes(3, dim, patch, "patchemb.", bias=patch_bias)
    tokens = (values["img_size"] // patch) ** 2
    for number in range(values["num_blocks"]):
        shapes |= block_shapes(dim, tokens, RATIO, f"blocks.{number}.", **of_blocks)
    shapes |= _layer_norm_shapes("norm", dim)
    return shapes | {"head.weight": (values["classes"], dim), "head.bias": (values["classes"],)}


def mixer(
    values: Values,
    answer: Any,
    *,
    use: str | None = None,
    patch_bias: bool = True,
    stride: str = "patch",
    order: str = "rows",
    hidden: str = "right",
    mixed: str = "tokens",
    blocks: str = "all",
    head: str = "mean of normalized",
    out: str = "logits",
    **switches: Any,
) -> dict[str, Any]:
    """The reference of question 3.3.

    Args:
        values: With sizes, images and perhaps weights.
        answer: With the student's weights.
        use: Another activation than the one that is asked for.
        patch_bias: See `patch_shapes`.
        stride: See `patches`.
        order: See `patches`.
        hidden: See `block_shapes`.
        mixed: See `block`.
        blocks: "one too few"; "shared", when one block is applied again and again.
        head: How the tokens become features; the others of `_features` are mistakes.
        out: See `output`.
        switches: Of `block`.
    """
    shapes = mixer_shapes(values, patch_bias=patch_bias, hidden=hidden, mixed=mixed)
    activation, count = _activation(values, use), values["num_blocks"]

    def forward(images: Tensor, weights: Weights) -> Tensor:
        x = patches(images, weights, values["patch_size"], "patchemb.", stride=stride, order=order)
        for number in range(count - 1 if blocks == "one too few" else count):
            prefix = f"blocks.{count - 1 if blocks == 'shared' else number}."
            x = block(x, weights, prefix, activation=activation, mixed=mixed, **switches)
        features = _features(x, weights, head)
        logits = functional.linear(features, weights["head.weight"], weights["head.bias"])
        return output(logits, out)

    found = answer_of(values, answer, shapes, forward)
    if blocks == "shared":  # the student's network has the same tensors under several names
        for name in shapes:
            if name.startswith("blocks."):
                last = f"blocks.{count - 1}.{name.split('.', 2)[2]}"
                found["weights"][name] = found["weights"][last]
                found.get("gradients", {}).pop(name, None)
    return found


def _features(x: Tensor, weights: Weights, head: str) -> Tensor:
    """(batch, tokens, dim) → (batch, dim)."""
    normalized = layer_norm(x, weights, "norm", 1e-5)
    match head:
        case "mean":
            return x.mean(1)
        case "normalized mean":
            return layer_norm(x.mean(1), weights, "norm", 1e-5)
        case "first token":
            return normalized[:, 0]
        case "max":
            return normalized.amax(1)
        case "sum":
            return normalized.sum(1)
        case "over channels":
            return normalized.mean(2)
    return normalized.mean(1)


MIXER_MISTAKES = (
    Mistake(
        name="final norm missing",
        sentence=say_later("the normalization after the blocks is missing"),
        switches={"head": "mean"},
    ),
    Mistake(
        name="norm after the mean",
        sentence=say_later(
            "the mean over the patches is normalized: normalize each token, then take the mean"
        ),
        switches={"head": "normalized mean"},
    ),
    Mistake(
        name="first token only",
        sentence=say_later("only the first patch is looked at: take the mean over all"),
        switches={"head": "first token"},
    ),
    Mistake(
        name="max pooling instead of the mean",
        sentence=say_later("the patches are pooled by their maximum: the mean is wanted"),
        switches={"head": "max"},
    ),
    Mistake(
        name="sum instead of the mean",
        sentence=say_later("the features are summed up: their mean is wanted"),
        switches={"head": "sum"},
    ),
    Mistake(
        name="mean over the channels",
        sentence=say_later("the mean is taken over the channels: over the patches is wanted"),
        switches={"head": "over channels"},
    ),
    Mistake(
        name="one block too few",
        sentence=say_later("the last block is not applied"),
        switches={"blocks": "one too few"},
    ),
    Mistake(
        name="one block again and again",
        sentence=say_later("all blocks are one and the same: each has weights of its own"),
        switches={"blocks": "shared"},
    ),
    *OUTPUTS,
)


def _mixer_values(
    generator: torch.Generator,
    side: int,
    patch: int,
    dim: int,
    count: int,
    activation: str,
    *,
    ours: bool,
) -> Values:
    values = {
        "classes": 4,
        "img_size": side,
        "patch_size": patch,
        "embed_dim": dim,
        "num_blocks": count,
        "activation": activation,
        "x": torch.randn(2, 3, side, side, generator=generator),
    }
    values["names"] = mixer_shapes(values)
    if ours:
        values["weights"] = random_weights(values["names"], generator)
    return values


def _with_own_blocks(values: Values, answer: Any, ask: Ask) -> Any:
    """The output that is right with the student's own patches and blocks; gradients unknown."""
    held = answer["weights"]
    x = ask(
        "patch_embed_output",
        {
            **{name: values[name] for name in ("img_size", "patch_size", "embed_dim", "x")},
            **_part_of(held, "patchemb."),
        },
    )
    for number in range(values["num_blocks"]):
        x = ask(
            "mixer_block_output",
            {
                "dim": values["embed_dim"],
                "seq_len": (values["img_size"] // values["patch_size"]) ** 2,
                "activation": values["activation"],
                "x": x,
                **_part_of(held, f"blocks.{number}."),
            },
        )
    features = _features(x, held, "mean of normalized")
    y = functional.linear(features, held["head.weight"], held["head.bias"])
    return {**answer, "y": y}


def _part_of(held: Weights, prefix: str) -> Values:
    """The weights of a part of the network, as the part names them, for a probe."""
    weights = {
        name.removeprefix(prefix): weight
        for name, weight in held.items()
        if name.startswith(prefix)
    }
    return {"names": {n: tuple(weight.shape) for n, weight in weights.items()}, "weights": weights}


def _mixer_check(
    name: str,
    share: float,
    sizes: tuple[int, int, int, int],
    activation: str = "gelu",
    *,
    ours: bool = True,
    public: bool = False,
) -> Check:
    side, patch, dim, _ = sizes
    tokens = (side // patch) ** 2
    square = tokens == dim
    impossible = {"one", "half"}  # another number of tokens than the blocks are made for
    impossible |= set() if square else {"channels first", "over channels"}
    impossible |= set() if ours else {"shared"}  # its own weights are all that it says
    of_patches = [one for one in PATCH_MISTAKES if not impossible & set(one.switches.values())]
    with_gradients = ours and activation == "gelu"
    of_network = [one for one in MIXER_MISTAKES if not impossible & set(one.switches.values())]
    return Check(
        name=name,
        share=share,
        probe="mixer",
        inputs=lambda generator: _mixer_values(generator, *sizes, activation, ours=ours),
        reference=mixer if with_gradients else only(OUTPUT, mixer),
        mistakes=[*of_network, *of_patches, *_block_mistakes(activation, dim, tokens)],
        pairs=False,  # of 30 mistakes
        also_right=AS_RIGHT if activation == "gelu" else (),
        tolerance=1e-3,
        earlier=Earlier(question="3.2", others=("3.1",), reference=_with_own_blocks),
        public=public,
    )


MIXER = Question(
    number="3.3",
    name=say_later("the MLP-Mixer"),
    points=5.0,
    checks=(
        _mixer_check(say_later("values and gradients"), 0.4, (12, 4, 6, 2), public=True),
        _mixer_check(say_later("as many patches as channels"), 0.3, (6, 2, 9, 2)),
        _mixer_check(say_later("with ReLU, three blocks"), 0.15, (10, 5, 8, 3), "relu"),
        _mixer_check(
            say_later("with the weights that it was made with"), 0.15, (8, 4, 6, 2), ours=False
        ),
    ),
)

QUESTIONS = (PATCHES, BLOCK, MIXER)
