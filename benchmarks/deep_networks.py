"""One training step of ResNet-18 and of the MLP-Mixer: by hand against torch.nn with autograd.

One thread on each side, float32, random images of 3 × 32 × 32, the same initial weights. A step is
forward, softmax cross-entropy and all gradients; no optimizer.

- ResNet-18: 11,173,962 parameters, batch 64;
- MLP-Mixer: patches of 4, embedding 256, 4 blocks, batch 128;
- autograd: `retroprop.models`, torch.nn.functional.cross_entropy, backward; also with the model and
  the images in torch's channels-last memory format, where there are convolutions.

The sides take turns step by step; a ratio compares neighbouring steps, and is above 1 where ours is
faster. Both must give the same loss, and the same gradients up to rounding.
"""

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.harness import arguments_of, keep, say, spread
from retroprop.byhand.layer import Layer
from retroprop.byhand.losses import (
    one_hot,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
)
from retroprop.byhand.mlp_mixer import MLPMixer
from retroprop.byhand.resnet18 import ResNet18
from retroprop.models import mlpmixer, resnet18
from retroprop.studies.worker import prepare_thread

Step = Callable[[], tuple[float, dict[str, torch.Tensor]]]
"""One training step; returns the mean loss and the gradients."""

LARGEST_DIFFERENCE = 1e-2
"""‖our gradient − theirs‖ / ‖theirs‖ of any parameter, in float32.

ReLU passes a gradient or not, and rounding decides where x is nearly 0: over 17 of them torch's own
two memory formats differ by 5e-3.
"""


def by_hand(network: Layer, images: torch.Tensor, labels: torch.Tensor) -> Step:
    targets = one_hot(labels, 10)

    def step() -> tuple[float, dict[str, torch.Tensor]]:
        with torch.inference_mode():
            z, saved = network.forward(images)
            loss = softmax_cross_entropy(z, targets) / len(labels)
            _, gradients = network.backward(
                softmax_cross_entropy_gradient(z, targets).div_(len(labels)), saved
            )
            return loss.item(), gradients

    return step


def with_autograd(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Step:
    def step() -> tuple[float, dict[str, torch.Tensor]]:
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        named = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        return loss.item(), byhand_tensors(model, named)

    return step


def byhand_tensors(
    model: torch.nn.Module, named: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Parameters or gradients of a module, by our names and in our shapes."""
    renamed = {}
    for name, tensor in named.items():
        owner, _, kind = name.rpartition(".")
        layer = model.get_submodule(owner)
        if isinstance(layer, torch.nn.BatchNorm2d | torch.nn.LayerNorm):
            renamed[f"{owner}.{'gamma' if kind == 'weight' else 'beta'}"] = tensor
        elif kind == "bias":
            renamed[f"{owner}.b"] = tensor
        else:
            renamed[f"{owner}.W"] = tensor.mT if isinstance(layer, torch.nn.Linear) else tensor
    return renamed


def check_equal(ours: Step, theirs: Step) -> float:
    """The largest difference of any gradient, as vectors; stops when there is a real one."""
    (loss, gradients), (their_loss, their_gradients) = ours(), theirs()
    if abs(loss - their_loss) > 1e-4 * abs(their_loss):
        raise SystemExit(f"our loss {loss} is not theirs, {their_loss}: a wrong benchmark")
    largest = max(float(g.norm()) for g in their_gradients.values())
    worst = 0.0
    for name, expected in their_gradients.items():
        scale = max(float(expected.norm()), 1e-4 * largest)  # some are 0 but for rounding
        worst = max(worst, float((gradients[name] - expected).norm()) / scale)
        if worst > LARGEST_DIFFERENCE:
            raise SystemExit(f"the gradients of {name} differ by {worst:.1e}: a wrong benchmark")
    return worst


def seconds(step: Step) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def compare(name: str, sides: dict[str, Step], rounds: int) -> dict[str, list[float] | float]:
    """Seconds per step of each side, taking turns, and the ratios to ours."""
    difference = check_equal(sides["ours"], sides["autograd"])
    say(f"{name}: gradients differ by at most {difference:.1e} of their norm")
    times = {side: [] for side in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for side in order:
            times[side].append(seconds(sides[side]))
    record: dict[str, list[float] | float] = {"gradient_difference": difference}
    for side, of_side in times.items():
        record[f"{side}_s"] = of_side
        say(f"{name}: {side} {statistics.median(of_side):.3f} s a step")
        if side != "ours":
            ratio = [theirs / own for theirs, own in zip(of_side, times["ours"], strict=True)]
            record[f"{side}_ratio"] = ratio
            say(f"{name}: {side} / ours {spread(ratio)} (asked: 0.9 of autograd)")
    return record


def resnet_sides(batch: int) -> dict[str, Step]:
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    model, last = resnet18.ResNet18(), resnet18.ResNet18()
    last.load_state_dict(model.state_dict())
    last = last.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    with torch.no_grad():
        network = ResNet18(byhand_tensors(model, dict(model.named_parameters())))
    return {
        "ours": by_hand(network, images, labels),
        "autograd": with_autograd(model, images, labels),
        "autograd_channels_last": with_autograd(
            last, images.contiguous(memory_format=torch.channels_last), labels
        ),
    }


def mixer_sides(batch: int) -> dict[str, Step]:
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    model = mlpmixer.MLPMixer(10, 32, 4, 256, 4)
    with torch.no_grad():
        network = MLPMixer(byhand_tensors(model, dict(model.named_parameters())))
    return {
        "ours": by_hand(network, images, labels),
        "autograd": with_autograd(model, images, labels),
    }


def main() -> None:
    parser = arguments_of(__doc__)
    parser.set_defaults(rounds=9)
    parser.add_argument("--only", choices=["resnet18", "mlp_mixer"], help="one network, no record")
    arguments = parser.parse_args()
    prepare_thread()
    torch.manual_seed(0)
    results = {}
    if arguments.only != "mlp_mixer":
        results["resnet18"] = compare("ResNet-18", resnet_sides(64), arguments.rounds)
    if arguments.only != "resnet18":
        results["mlp_mixer"] = compare("MLP-Mixer", mixer_sides(128), arguments.rounds)
    if arguments.only is None:
        keep("deep_networks", results)


if __name__ == "__main__":
    main()
