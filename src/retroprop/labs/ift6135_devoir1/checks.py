"""The numbers that a report of this assignment computes while it is written: nothing is trained.

Each function makes a network, uses it once or twice and says by how much two ways of computing the
same thing differ. They take milliseconds to a second, and the same inputs every time.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retroprop.data import load
from retroprop.data.catalog import CIFAR10_MEAN, CIFAR10_STD
from retroprop.labs.ift6135_devoir1.utils import cross_entropy_loss
from retroprop.models.activations import ACTIVATIONS
from retroprop.models.mlp import MLP, Linear
from retroprop.models.mlpmixer import MixerBlock, MLPMixer, PatchEmbed
from retroprop.models.resnet18 import BasicBlock, ResNet18
from retroprop.models.summary import LayerSummary, ModelSummary, summarize
from retroprop.parity.comparisons import check_row
from retroprop.parity.table import find_row
from retroprop.randomness import generator

HIDDEN = (1024, 512, 64, 64)
IMAGE = (3, 32, 32)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The largest relative errors of an output and of every gradient, in float64.

    Attributes:
        with_autograd: Of the derivation by hand against automatic differentiation.
        with_differences: Of the derivation by hand against central differences.
        cases: How many shapes were tried.
    """

    with_autograd: float
    with_differences: float | None
    cases: int


@cache
def agreement(row: str) -> Agreement:
    """Compare both derivations of a row of `retroprop verify`, one network at a time."""
    found = find_row(row)
    cases = [case for case in found.cases if not case.population][:3]
    result = check_row(found, cases)
    return Agreement(
        with_autograd=result.against_twin,
        with_differences=result.against_differences,
        cases=len(cases),
    )


# --- problem 1 ------------------------------------------------------------------------------------


def linear_errors() -> dict[str, float]:
    """How far our linear layer is from x Wᵀ + b written as sums, and its gradients from theirs."""
    random = generator("ift6135", "linear")
    with same_start():
        layer = Linear(7, 5).double()
    x = torch.randn(11, 7, generator=random, dtype=torch.float64, requires_grad=True)
    dy = torch.randn(11, 5, generator=random, dtype=torch.float64)
    y = layer(x)
    W = layer.weight
    dx, dW, db = torch.autograd.grad(y, [x, W, layer.bias], dy)
    return {
        "y": gap(y, torch.einsum("bi,oi->bo", x, W) + layer.bias),
        "dW": gap(dW, torch.einsum("bo,bi->oi", dy, x)),
        "db": gap(db, dy.sum(0)),
        "dx": gap(dx, torch.einsum("bo,oi->bi", dy, W)),
    }


@dataclass(frozen=True, kw_only=True)
class LayerStart:
    """A linear layer before training."""

    inputs: int
    outputs: int
    wanted: float
    deviation: float
    largest_bias: float


@cache
def layer_starts() -> tuple[LayerStart, ...]:
    """Each layer of the document's MLP: the standard deviation wanted, and that of its weights."""
    with same_start():
        model = MLP(3072, HIDDEN, 10)
    return tuple(
        LayerStart(
            inputs=layer.weight.shape[1],
            outputs=layer.weight.shape[0],
            wanted=(2 / sum(layer.weight.shape)) ** 0.5,
            deviation=float(layer.weight.detach().std()),
            largest_bias=float(layer.bias.detach().abs().max()),
        )
        for layer in layers_of(model)
    )


def layers_of(model: MLP) -> list[Linear]:
    """All linear layers of an MLP, the output layer last."""
    layers = [*model.hidden_layers, model.output_layer]
    return [layer for layer in layers if isinstance(layer, Linear)]


@cache
def forward_error() -> float:
    """How far the MLP is from the same layers in torch's own `nn.Sequential`."""
    with same_start():
        model = MLP(3072, HIDDEN, 10).double()
    twins: list[nn.Module] = [nn.Flatten()]
    for layer in layers_of(model):
        twin = nn.Linear(layer.in_features, layer.out_features).double()
        twin.load_state_dict(layer.state_dict())
        twins += [twin, nn.ReLU()]
    images = torch.randn(4, *IMAGE, generator=generator("ift6135", "images"), dtype=torch.float64)
    with torch.no_grad():
        return gap(model(images), nn.Sequential(*twins[:-1])(images))


@cache
def first_gradients() -> dict[str, tuple[float, ...]]:
    """The norm of the loss's gradient with respect to the weights of each layer, before training.

    For each activation function the same initial weights, and the 500 test images of the small
    sample of CIFAR-10.
    """
    images, labels = sample_images()
    norms: dict[str, tuple[float, ...]] = {}
    for name in ("relu", "tanh", "sigmoid"):
        with same_start():
            model = MLP(3072, HIDDEN, 10, activation=name)
        weights = [layer.weight for layer in layers_of(model)]
        gradients = torch.autograd.grad(cross_entropy_loss(model(images), labels), weights)
        norms[name] = tuple(float(gradient.norm()) for gradient in gradients)
    return norms


@cache
def sample_images() -> tuple[Tensor, Tensor]:
    """The test images of the bundled sample, normalised as for training, and their labels."""
    data = load("cifar10-sample")
    mean, std = torch.tensor(CIFAR10_MEAN), torch.tensor(CIFAR10_STD)
    pixels = (torch.tensor(data.test_images) / 255 - mean) / std  # (n, 32, 32, 3)
    return pixels.permute(0, 3, 1, 2).contiguous(), torch.tensor(data.test_labels).long()


def flat_shares(layers: Sequence[tuple[Tensor, Tensor]], activation: str) -> tuple[float, ...]:
    """In each hidden layer, the part of the pre-activations where the slope is nearly 0.

    Nearly 0 is less than a tenth of the function's greatest slope, on the images of the sample.

    Args:
        layers: Weight (out, in) and bias (out,) of every linear layer, the output layer last.
        activation: relu, tanh or sigmoid.
    """
    phi = ACTIVATIONS[activation]()
    h = sample_images()[0].flatten(1)
    shares = []
    for weight, bias in layers[:-1]:
        a = (h @ weight.T + bias).requires_grad_()
        y = phi(a)
        (slope,) = torch.autograd.grad(y.sum(), a)
        greatest = {"sigmoid": 0.25}.get(activation, 1.0)
        shares.append(float((slope < 0.1 * greatest).double().mean()))
        h = y.detach()
    return tuple(shares)


# --- problem 2 ------------------------------------------------------------------------------------


@cache
def block_summary(in_planes: int, planes: int, stride: int, side: int) -> ModelSummary:
    """The parts of a basic block and what they give."""
    return summarize(BasicBlock(in_planes, planes, stride), (in_planes, side, side))


def shortcut_error() -> float:
    """How far a block is from the identity on x ≥ 0 when its second normalization scales by 0."""
    with same_start():
        block = BasicBlock(8, 8).double()
    nn.init.zeros_(block.bn2.weight)
    random = generator("ift6135", "block")
    x = torch.rand(2, 8, 6, 6, generator=random, dtype=torch.float64)
    with torch.no_grad():
        return gap(block(x), x)


@cache
def resnet_stages() -> tuple[LayerSummary, ...]:
    """The stem, the four stages and the head of ResNet-18, on a CIFAR-10 image."""
    return summarize(ResNet18(), IMAGE).grouped(1)


# --- problem 3 ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """The convolution of a patch embedding beside one linear layer on every patch."""

    side: int
    patch: int
    dim: int
    patches: int
    error: float


@cache
def embedding(side: int, patch: int, dim: int) -> Embedding:
    """Embed an image both ways, with the same numbers for weights."""
    with same_start():
        layer = PatchEmbed(side, patch, embed_dim=dim).double()
    image = torch.randn(
        1, 3, side, side, generator=generator("ift6135", "patch"), dtype=torch.float64
    )
    grid = side // patch
    cut = image.reshape(1, 3, grid, patch, grid, patch)  # (b, channel, row, y, column, x)
    patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(1, grid**2, 3 * patch**2)
    W = layer.proj.weight.reshape(dim, -1)  # (dim, 3 × patch × patch)
    assert layer.proj.bias is not None
    with torch.no_grad():
        error = gap(layer(image), patches @ W.T + layer.proj.bias)
    return Embedding(side=side, patch=patch, dim=dim, patches=layer.num_patches, error=error)


@cache
def mixer_summary(patch: int = 4, dim: int = 256, blocks: int = 4) -> ModelSummary:
    """The layers of the MLP-Mixer, on a CIFAR-10 image."""
    return summarize(MLPMixer(10, 32, patch, dim, blocks), IMAGE)


@cache
def resnet_summary() -> ModelSummary:
    """The layers of ResNet-18, on a CIFAR-10 image."""
    return summarize(ResNet18(), IMAGE)


@cache
def mlp_summary() -> ModelSummary:
    """The layers of the document's MLP, on a CIFAR-10 image."""
    return summarize(MLP(3072, HIDDEN, 10), IMAGE)


@cache
def reached() -> dict[str, int]:
    """How many of 64 places one output of a layer depends on: the gradient there is not 0.

    The places are an 8 × 8 grid: tokens of a Mixer block, or pixels of a convolution of 3 × 3. The
    output is in the middle.
    """
    random = generator("ift6135", "reach")
    with same_start():
        block = MixerBlock(16, 64).double()
        convolution = nn.Conv2d(16, 16, 3, padding=1).double()
    tokens = torch.randn(1, 64, 16, generator=random, dtype=torch.float64, requires_grad=True)
    middle = 8 * 4 + 4
    mixed = block.mlp_tokens(block.norm1(tokens).mT).mT
    alone = block.mlp_channels(block.norm2(tokens))
    image = tokens.mT.reshape(1, 16, 8, 8)
    seen = convolution(image).flatten(2).mT
    return {
        name: int((torch.autograd.grad(y[0, middle].sum(), tokens)[0][0].abs() > 0).any(1).sum())
        for name, y in (("tokens", mixed), ("channels", alone), ("convolution", seen))
    }


def token_mixing_by_channel() -> float:
    """How far token mixing is from the same MLP applied to one channel after the other."""
    random = generator("ift6135", "sharing")
    with same_start():
        block = MixerBlock(8, 9).double()
    tokens = torch.randn(2, 9, 8, generator=random, dtype=torch.float64)
    with torch.no_grad():
        one_by_one = [block.mlp_tokens(tokens[:, :, channel]) for channel in range(8)]
        return gap(block.mlp_tokens(tokens.mT).mT, torch.stack(one_by_one, dim=-1))


# --- problem 4 ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LossChecks:
    """Our cross-entropy beside torch's, and where it has a known value."""

    loss: float
    gradient: float
    formula: float
    uniform: float
    huge: float


@cache
def loss_checks() -> LossChecks:
    """Compare on random logits in float64, on equal ones, and on logits of ± 10⁵ in float32."""
    random = generator("ift6135", "loss")
    logits = 5 * torch.randn(128, 10, generator=random, dtype=torch.float64)
    labels = torch.randint(10, (128,), generator=random)
    values, slopes = [], []
    for loss in (cross_entropy_loss, F.cross_entropy):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, labels)
        values.append(value.detach())
        slopes.append(torch.autograd.grad(value, leaf)[0])
    by_formula = (logits.softmax(1) - F.one_hot(labels, 10)) / 128
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    return LossChecks(
        loss=gap(values[0], values[1]),
        gradient=gap(slopes[0], slopes[1]),
        formula=gap(slopes[0], by_formula),
        uniform=float(cross_entropy_loss(torch.zeros(3, 10), torch.tensor([0, 4, 9]))),
        huge=float(cross_entropy_loss(1e5 * signs, torch.tensor([0, 0]))),
    )


@cache
def largest_layer_deviation() -> float:
    """The standard deviation of ResNet-18's initial weights in its largest convolution."""
    with same_start():
        model = ResNet18()
    largest = max(
        (m for m in model.modules() if isinstance(m, nn.Conv2d)), key=lambda m: m.weight.numel()
    )
    return float(largest.weight.detach().std())


@contextlib.contextmanager
def same_start() -> Iterator[None]:
    """Initial weights that are the same every time; the caller's generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def gap(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference."""
    return float((a - b).detach().abs().max())
