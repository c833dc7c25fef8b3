"""IFT6135, devoir 1, `config.py`: the options of `main`, with the names of the template.

Two defaults are ours: `--model_config` is the file of the chosen model that ships with the lab, and
`--device auto` is a GPU where there is one. What the options give an original `main.py` can use:
`args.model_config` is a file, `args.device` a device of torch's. `--dataset` is new: with
`cifar10-sample`, the 2,000 images that ship with this package, everything runs without the full
CIFAR-10.
"""

import argparse
import warnings
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from retroprop.labs.ift6135_devoir1.mlp import MLP
from retroprop.labs.ift6135_devoir1.mlpmixer import MLPMixer
from retroprop.labs.ift6135_devoir1.resnet18 import ResNet18

MODELS = {"mlp": MLP, "resnet18": ResNet18, "mlpmixer": MLPMixer}


def get_config_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = _Parser(
        description="Train a network on CIFAR-10; the curves go to LOGDIR/results.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = parser.add_argument_group("data")
    data.add_argument("--batch_size", type=int, default=128, help="images per minibatch")
    data.add_argument(
        "--dataset", choices=("cifar10", "cifar10-sample"), default="cifar10", help="the images"
    )
    model = parser.add_argument_group("model")
    model.add_argument("--model", choices=tuple(MODELS), default="mlp", help="the network")
    model.add_argument(
        "--model_config", type=Path, help="a JSON file; None is the one that ships with the lab"
    )
    optimization = parser.add_argument_group("optimization")
    optimization.add_argument("--epochs", type=int, default=15, help="passes over the images")
    optimization.add_argument(
        "--optimizer",
        choices=("sgd", "momentum", "adam", "adamw"),
        default="adamw",
        help="how the parameters are updated",
    )
    optimization.add_argument("--lr", type=float, default=1e-3, help="the learning rate")
    optimization.add_argument("--momentum", type=float, default=0.9, help="of momentum alone")
    optimization.add_argument(
        "--weight_decay", type=float, default=5e-4, help="of all optimizers but adam"
    )
    experiment = parser.add_argument_group("experiment")
    experiment.add_argument(
        "--logdir", type=Path, help="the folder for results.json; None writes nothing"
    )
    experiment.add_argument("--seed", type=int, default=42, help="of weights, order, crops, split")
    other = parser.add_argument_group("miscellaneous")
    other.add_argument(
        "--device", type=_device, default="auto", help="where to train: auto, cpu or cuda"
    )
    other.add_argument(
        "--print_every", type=int, default=80, help="minibatches between two lines of progress"
    )
    other.add_argument(
        "--visualize",
        action="store_true",
        help="draw the kernels of resnet18 or the filters of mlpmixer at the end",
    )
    return parser


def shipped_config(model: str) -> Path:
    """The model_configs/MODEL.json of the lab."""
    return Path(str(resources.files(__package__ or __name__) / "model_configs" / f"{model}.json"))


class _Parser(argparse.ArgumentParser):
    """Fills in the model's file, which depends on the model."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - its overloads, in one
        parsed, rest = super().parse_known_args(args, namespace)
        parsed.model_config = parsed.model_config or shipped_config(parsed.model)
        return parsed, rest


def _device(name: str) -> str:
    """The name of a device that torch can use; a GPU that is not there becomes the CPU."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"there is no device {name!r}; use auto, cpu or cuda."
        ) from None
    if kind == "cuda" and not torch.cuda.is_available():
        warnings.warn("no CUDA GPU was found on this machine, so the CPU is used.", stacklevel=2)
        return "cpu"
    return name
