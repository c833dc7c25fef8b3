"""Problem 2: the block of ResNet-18, and the network."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from retroprop.grading.checks import Ask, Check, Earlier, Mistake, Question, Remark, Values
from retroprop.grading.comparison import close
from retroprop.labs.ift6135_devoir1.grading.networks import (
    FAR,
    OUTPUT,
    OUTPUTS,
    Weights,
    answer_of,
    batch_norm,
    only,
    output,
    random_seed,
    random_weights,
)
from retroprop.labs.ift6135_devoir1.grading.probes import against_fixed_numbers, drawn
from retroprop.languages import say_later

Relu = Callable[[Tensor], Tensor]

# --- 2.1: BasicBlock ------------------------------------------------------------------------------


def block_shapes(
    in_planes: int,
    planes: int,
    stride: int,
    prefix: str = "",
    *,
    bias: bool = False,
    shortcut: str = "projected",
) -> dict[str, tuple[int, ...]]:
    """The weights of a block; for the switches see `block`."""
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}conv1.weight": (planes, in_planes, 3, 3)}
    shapes |= norm_shapes(f"{prefix}bn1", planes)
    shapes[f"{prefix}conv2.weight"] = (planes, planes, 3, 3)
    shapes |= norm_shapes(f"{prefix}bn2", planes)
    if bias:
        shapes |= {f"{prefix}{conv}.bias": (planes,) for conv in ("conv1", "conv2")}
    if (stride != 1 or in_planes != planes) and shortcut != "padded":
        shapes[f"{prefix}shortcut.0.weight"] = (planes, in_planes, 1, 1)
        if shortcut != "without norm":
            shapes |= norm_shapes(f"{prefix}shortcut.1", planes)
    return shapes


def norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    """The weights and statistics of a batch normalization."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts}


def block(
    x: Tensor,
    weights: Weights,
    stride: int,
    prefix: str = "",
    *,
    training: bool = False,
    relu: Relu = torch.relu,
    inner: str = "after norm",
    outer: str = "after sum",
    strided: str = "conv1",
    shortcut: str = "projected",
    first_norm: bool = True,
    second_norm: str = "bn2",
) -> Tensor:
    """What a block makes of x.

    Args:
        x: (batch, in_planes, height, width).
        weights: By name.
        stride: Of the first convolution.
        prefix: Of the names of its weights.
        training: Whether the normalizations take the statistics of the batch.
        relu: The activation function.
        inner: Where the first relu is: "missing" or "before norm" are mistakes.
        outer: Where the last relu is: "missing", "before sum" or "before and after" are mistakes.
        strided: Which convolution has the stride.
        shortcut: "missing"; "padded", without a convolution; "without norm".
        first_norm: Whether there is a normalization after the first convolution.
        second_norm: The one after the second; None for none.
    """

    def convolution(h: Tensor, name: str) -> Tensor:
        step = stride if name == strided else 1
        bias = weights.get(f"{prefix}{name}.bias")
        return functional.conv2d(h, weights[f"{prefix}{name}.weight"], bias, step, padding=1)

    def norm(h: Tensor, name: str) -> Tensor:
        return batch_norm(h, weights, prefix + name, training)

    h = convolution(x, "conv1")
    h = relu(h) if inner == "before norm" else h
    h = norm(h, "bn1") if first_norm else h
    h = relu(h) if inner == "after norm" else h
    h = convolution(h, "conv2")
    h = norm(h, second_norm) if second_norm else h
    h = relu(h) if outer in ("before sum", "before and after") else h
    if shortcut != "missing":
        s = x
        if f"{prefix}shortcut.0.weight" in weights:
            s = functional.conv2d(x, weights[f"{prefix}shortcut.0.weight"], stride=stride)
            s = norm(s, "shortcut.1") if shortcut != "without norm" else s
        elif stride != 1 or x.shape[1] != h.shape[1]:
            s = x[:, :, ::stride, ::stride]
            s = functional.pad(s, (0, 0, 0, 0, 0, h.shape[1] - x.shape[1]))
        h = h + s
    return relu(h) if outer in ("after sum", "before and after") else h


def basic_block(
    values: Values, answer: Any, *, bias: bool = False, shortcut: str = "projected", **switches: Any
) -> dict[str, Any]:
    """The reference of question 2.1."""
    sizes = (values["in_planes"], values["planes"], values["stride"])
    shapes = block_shapes(*sizes, bias=bias, shortcut=shortcut)

    def forward(x: Tensor, weights: Weights) -> Tensor:
        return block(
            x, weights, values["stride"], training=values["training"], shortcut=shortcut, **switches
        )

    return answer_of(values, answer, shapes, forward)


BLOCK_MISTAKES = (
    Mistake(
        name="shortcut missing",
        sentence=say_later("the shortcut is not added"),
        switches={"shortcut": "missing"},
    ),
    Mistake(
        name="shortcut not projected",
        sentence=say_later(
            "where the shape changes, the shortcut takes x itself, cut and filled with zeros: a "
            "1 × 1 convolution and a normalization belong there"
        ),
        switches={"shortcut": "padded"},
    ),
    Mistake(
        name="shortcut not normalized",
        sentence=say_later("the convolution of the shortcut has no batch normalization"),
        switches={"shortcut": "without norm"},
    ),
    Mistake(
        name="addition after the last relu",
        sentence=say_later(
            "the last relu comes before the shortcut is added: add first, then relu"
        ),
        switches={"outer": "before sum"},
    ),
    Mistake(
        name="last relu missing",
        sentence=say_later("the relu after the sum is missing"),
        switches={"outer": "missing"},
    ),
    Mistake(
        name="relu before the addition too",
        sentence=say_later("there is a relu too many: none before the shortcut is added"),
        switches={"outer": "before and after"},
    ),
    Mistake(
        name="first relu missing",
        sentence=say_later("the relu between the two convolutions is missing"),
        switches={"inner": "missing"},
    ),
    Mistake(
        name="relu before the normalization",
        sentence=say_later("the first relu comes before the normalization: bn1 first, then relu"),
        switches={"inner": "before norm"},
    ),
    Mistake(
        name="stride on the second convolution",
        sentence=say_later("the second convolution has the stride: the first should"),
        switches={"strided": "conv2"},
    ),
    Mistake(
        name="first normalization missing",
        sentence=say_later("bn1 is not applied"),
        switches={"first_norm": False},
    ),
    Mistake(
        name="second normalization missing",
        sentence=say_later("bn2 is not applied"),
        switches={"second_norm": ""},
    ),
    Mistake(
        name="one normalization twice",
        sentence=say_later("bn1 is applied after both convolutions: the second has bn2"),
        switches={"second_norm": "bn1"},
    ),
    Mistake(
        name="convolutions with bias",
        sentence=say_later(
            "the convolutions of the block have a bias: the normalization takes it away again "
            "(bias=False)"
        ),
        switches={"bias": True},
    ),
)
RESHAPING = {"padded", "without norm"}  # shortcuts that differ where the shape changes


def _block_values(
    generator: torch.Generator,
    planes: tuple[int, int],
    stride: int,
    size: tuple[int, int],
    *,
    training: bool,
    ours: bool,
) -> Values:
    """Values whose gradient is certain: no input of a relu is so near 0 that rounding decides."""
    shapes = block_shapes(*planes, stride)
    while True:
        weights = random_weights(shapes, generator)
        x = torch.randn(2, planes[0], *size, generator=generator)
        smallest = []

        def relu(h: Tensor, smallest: list[float] = smallest) -> Tensor:
            smallest.append(float(h.abs().min()))
            return h.relu()

        block(x, dict(weights), stride, training=training, relu=relu)
        if min(smallest) > 2e-5:
            break
    return {
        "in_planes": planes[0],
        "planes": planes[1],
        "stride": stride,
        "training": training,
        "names": shapes,
        "x": x,
        **({"weights": weights} if ours else {}),
    }


def _block_check(
    name: str,
    share: float,
    planes: tuple[int, int],
    stride: int,
    size: tuple[int, int],
    *,
    training: bool = False,
    ours: bool = True,
    public: bool = False,
) -> Check:
    changes = stride != 1 or planes[0] != planes[1]
    mistakes = [
        one
        for one in BLOCK_MISTAKES
        if (changes or one.switches.get("shortcut") not in RESHAPING)
        and (stride != 1 or "strided" not in one.switches)
    ]
    return Check(
        name=name,
        share=share,
        probe="basic_block",
        inputs=lambda generator: _block_values(
            generator, planes, stride, size, training=training, ours=ours
        ),
        reference=basic_block if ours else only(OUTPUT, basic_block),
        mistakes=mistakes,
        public=public,
    )


BLOCK = Question(
    number="2.1",
    name=say_later("the block of ResNet-18"),
    points=8.0,
    checks=(
        _block_check(say_later("the shape stays"), 0.2, (4, 4), 1, (5, 4), public=True),
        _block_check(say_later("half the size, more channels"), 0.2, (3, 5), 2, (8, 6)),
        _block_check(say_later("the same size, more channels"), 0.1, (3, 4), 1, (5, 5)),
        _block_check(say_later("an odd stride, an odd size"), 0.15, (4, 4), 3, (7, 11)),
        _block_check(say_later("in training"), 0.25, (3, 5), 2, (6, 7), training=True),
        _block_check(
            say_later("with the weights that it was made with"), 0.1, (3, 5), 2, (6, 6), ours=False
        ),
    ),
)

# --- 2.2: ResNet18 --------------------------------------------------------------------------------

PLANES = (64, 64, 128, 256, 512)
STRIDES = (1, 2, 2, 2)


def stages(strides: tuple[int, ...]) -> list[tuple[str, int, int, int]]:
    """The eight blocks: prefix, channels before and after, stride."""
    found = []
    for number, stride in enumerate(strides, start=1):
        before, after = PLANES[number - 1 : number + 1]
        found.append((f"layer{number}.0.", before, after, stride))
        found.append((f"layer{number}.1.", after, after, 1))
    return found


def resnet_shapes(
    classes: int,
    strides: tuple[int, ...] = STRIDES,
    *,
    stem_bias: bool = False,
    **of_blocks: Any,
) -> dict[str, tuple[int, ...]]:
    """All weights of ResNet-18."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (PLANES[0], 3, 3, 3)}
    if stem_bias:
        shapes["conv1.bias"] = PLANES[:1]
    shapes |= norm_shapes("bn1", PLANES[0])
    for prefix, before, after, stride in stages(strides):
        shapes |= block_shapes(before, after, stride, prefix, **of_blocks)
    return shapes | {"linear.weight": (classes, PLANES[-1]), "linear.bias": (classes,)}


Block = Callable[[Tensor, Weights, int, str], Tensor]


def resnet(
    images: Tensor,
    weights: Weights,
    one_block: Block,
    *,
    training: bool = False,
    strides: tuple[int, ...] = STRIDES,
    stem: str = "whole",
    stem_stride: int = 1,
    pooling: str = "mean",
    out: str = "logits",
) -> Tensor:
    """The logits of ResNet-18.

    Args:
        images: (batch, 3, height, width).
        weights: By name.
        one_block: (x, weights, stride, prefix) → what a block gives.
        training: Whether the normalizations take the statistics of the batch.
        strides: Of the four layers.
        stem: "no relu" or "no norm" are mistakes.
        stem_stride: Of the first convolution.
        pooling: "max", "sum" or "corner" are mistakes.
        out: See `output`.
    """
    bias = weights.get("conv1.bias")
    h = functional.conv2d(images, weights["conv1.weight"], bias, stem_stride, padding=1)
    h = h if stem == "no norm" else batch_norm(h, weights, "bn1", training)
    h = h if stem == "no relu" else h.relu()
    for prefix, _, _, stride in stages(strides):
        h = one_block(h, weights, stride, prefix)
    pooled = {
        "mean": lambda: h.mean((2, 3)),
        "max": lambda: h.amax((2, 3)),
        "sum": lambda: h.sum((2, 3)),
        "corner": lambda: h[:, :, 0, 0],
    }[pooling]()
    return output(pooled @ weights["linear.weight"].T + weights["linear.bias"], out)


NETWORK_TOLERANCE = 1e-3  # twenty layers in single precision
NETWORK_SWITCHES = {"stem", "stem_stride", "pooling", "out"}


@functools.lru_cache(maxsize=160)  # one network
def _drawn(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """The probe's random numbers; a graded answer is compared with many mistakes' answers."""
    return drawn(name, shape, seed)


def resnet18(
    values: Values,
    answer: Any,
    *,
    strides: tuple[int, ...] = STRIDES,
    stem_bias: bool = False,
    bias: bool = False,
    shortcut: str = "projected",
    **switches: Any,
) -> dict[str, Any]:
    """The reference of question 2.2, in single precision as the submission.

    Args:
        values: With images, and the seed of the weights.
        answer: With the student's output; where it is another, gradients are not computed.
        strides: Of the four layers.
        stem_bias: Whether the first convolution has a bias.
        bias: Whether those of the blocks have.
        shortcut: See `block`.
        switches: Of `resnet` and `block`.
    """
    of_network = {key: switches.pop(key) for key in NETWORK_SWITCHES & switches.keys()}
    training = values["training"]
    shapes = resnet_shapes(
        values["classes"], strides, stem_bias=stem_bias, bias=bias, shortcut=shortcut
    )
    weights = {name: _drawn(name, shape, values["seed"]) for name, shape in shapes.items()}

    def one_block(x: Tensor, weights: Weights, stride: int, prefix: str) -> Tensor:
        return block(x, weights, stride, prefix, training=training, shortcut=shortcut, **switches)

    def forward(images: Tensor, weights: Weights) -> Tensor:
        return resnet(images, weights, one_block, training=training, strides=strides, **of_network)

    if not training:
        with torch.no_grad():
            return {"y": forward(values["x"], weights)}
    return _trained_once(values, answer, weights, forward)


def _trained_once(
    values: Values, answer: Any, weights: Weights, forward: Callable[[Tensor, Weights], Tensor]
) -> dict[str, Any]:
    """Output, norms of the gradients, norms of the statistics after a pass in training."""
    leaves = {name: weight.clone() for name, weight in weights.items()}
    trained = {n: leaf.requires_grad_() for n, leaf in leaves.items() if "running" not in n}
    y = forward(values["x"], leaves)
    if answer is not None and not close(answer["y"], y, FAR):
        return {"y": y.detach()}
    found = torch.autograd.grad(against_fixed_numbers(y), list(trained.values()), allow_unused=True)
    return {
        "y": y.detach(),
        "gradients": {
            name: None if gradient is None else float(gradient.norm())
            for name, gradient in zip(trained, found, strict=True)
            if name in values["names"]
        },
        "statistics": {
            name: float(leaf.norm())
            for name, leaf in leaves.items()
            if "running" in name and name in values["names"]
        },
    }


RESNET_MISTAKES = (
    Mistake(
        name="max pooling instead of the mean",
        sentence=say_later("the pixels are pooled by their maximum: the mean is wanted"),
        switches={"pooling": "max"},
    ),
    Mistake(
        name="sum instead of the mean",
        sentence=say_later("the features are summed up: their mean is wanted"),
        switches={"pooling": "sum"},
    ),
    Mistake(
        name="first pixel only",
        sentence=say_later("only the first pixel is looked at: the mean over all is wanted"),
        switches={"pooling": "corner"},
    ),
    *OUTPUTS,
    Mistake(
        name="relu on the logits",
        sentence=say_later("the logits went through a relu: nothing follows the last layer"),
        switches={"out": "relu"},
    ),
    Mistake(
        name="relu after the first convolution missing",
        sentence=say_later(
            "the relu after the first convolution, bn1 and before layer1 is missing"
        ),
        switches={"stem": "no relu"},
    ),
    Mistake(
        name="normalization after the first convolution missing",
        sentence=say_later("the bn1 of the network is not applied"),
        switches={"stem": "no norm"},
    ),
    Mistake(
        name="stride of layer1",
        sentence=say_later("layer1 has stride 2: only layer2, layer3 and layer4 halve the size"),
        switches={"strides": (2, 2, 2, 2)},
    ),
    Mistake(
        name="stride of the first convolution",
        sentence=say_later("the first convolution has stride 2: it keeps the size"),
        switches={"stem_stride": 2},
    ),
    Mistake(
        name="first convolution with bias",
        sentence=say_later("the first convolution has a bias (bias=False)"),
        switches={"stem_bias": True},
    ),
)


def _with_own_blocks(values: Values, answer: Any, ask: Ask) -> Any:
    """What is right with the student's own blocks; gradients and statistics are not known."""
    shapes = resnet_shapes(values["classes"])
    weights = {
        name: drawn(name, shape, values["seed"])
        for name, shape in shapes.items()
        if not name.startswith("layer")
    }

    def one_block(x: Tensor, weights: Weights, stride: int, prefix: str) -> Tensor:
        before, after = shapes[f"{prefix}conv1.weight"][1::-1]
        given = {
            "in_planes": before,
            "planes": after,
            "stride": stride,
            "names": block_shapes(before, after, stride),
            "prefix": prefix,
            "seed": values["seed"],
            "training": values["training"],
            "x": x,
        }
        return ask("basic_block_output", given)

    with torch.no_grad():
        y = resnet(values["x"], weights, one_block, training=values["training"])
    return {**answer, "y": y}


def _images(generator: torch.Generator, *, training: bool, classes: int) -> Values:
    return {
        "classes": classes,
        "seed": random_seed(generator),
        "training": training,
        "names": resnet_shapes(classes),
        "x": torch.randn(2, 3, 32, 32, generator=generator),
        "other": torch.randn(1, 3, 40, 40, generator=generator),
    }


def _only_32(values: Values, answer: Any) -> bool:
    """Whether the network is right for images of 32 × 32 alone."""
    if not close(answer, resnet18(values, answer), NETWORK_TOLERANCE):
        return False
    other = resnet18({**values, "x": values["other"]}, answer)
    return not close(answer["other_size"], other["y"], NETWORK_TOLERANCE)


def size(values: Values, answer: Any, **switches: Any) -> int:
    """How many parameters the network has."""
    shapes = resnet_shapes(values["classes"], **switches)
    return sum(torch.Size(s).numel() for name, s in shapes.items() if "running" not in name)


RESNET = Question(
    number="2.2",
    name=say_later("ResNet-18"),
    points=7.0,
    checks=(
        Check(
            name=say_later("the number of parameters"),
            share=0.15,
            probe="resnet18_size",
            inputs=lambda generator: {"classes": 10},
            reference=size,
            mistakes=[
                one
                for one in (*RESNET_MISTAKES, *BLOCK_MISTAKES)
                if one.switches.keys() & {"strides", "stem_bias", "bias"}
                or one.switches.get("shortcut") in RESHAPING
            ],
            tolerance=1e-9,
            public=True,
        ),
        Check(
            name=say_later("logits in evaluation"),
            share=0.45,
            probe="resnet18",
            inputs=lambda generator: _images(generator, training=False, classes=10),
            reference=resnet18,
            mistakes=(*RESNET_MISTAKES, *BLOCK_MISTAKES),
            pairs=False,
            remarks=(
                Remark(
                    name="32 × 32 only",
                    sentence=say_later(
                        "the pooling is right for images of 32 × 32 pixels alone; the mean over "
                        "all pixels fits every size"
                    ),
                    applies=_only_32,
                ),
            ),
            tolerance=NETWORK_TOLERANCE,
            earlier=Earlier(question="2.1", reference=_with_own_blocks),
        ),
        Check(
            name=say_later("logits, gradients and statistics in training"),
            share=0.4,
            probe="resnet18",
            inputs=lambda generator: _images(generator, training=True, classes=7),
            reference=resnet18,
            mistakes=(*RESNET_MISTAKES, *BLOCK_MISTAKES),
            pairs=False,
            tolerance=NETWORK_TOLERANCE,
            earlier=Earlier(question="2.1", reference=_with_own_blocks),
        ),
    ),
)

QUESTIONS = (BLOCK, RESNET)
