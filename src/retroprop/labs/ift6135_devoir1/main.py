"""IFT6135, devoir 1, `main.py`: train a network on CIFAR-10 from the original command line.

    python -m retroprop.labs.ift6135_devoir1.main --model resnet18 --lr 1e-3 --logdir exps/resnet18

`train` and `evaluate` are the template's: a notebook imports them and gives them torch's loaders
and optimizers. `main` calls the same two, epoch after epoch.

As in the template: 45,000 images train, flipped and cropped at random, 5,000 validate; the losses
and accuracies of training are those of the minibatches while the network was learning; Adam takes
no weight decay; the network of the last epoch is tested once. Unlike it, the two sets of the split
have no image in common, and the means are over images: the last minibatch of an epoch, which may be
smaller, counts for as many as it has.
"""

import inspect
import json
import math
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from retroprop.data import load
from retroprop.data.catalog import CIFAR10_MEAN, CIFAR10_STD
from retroprop.data.splits import train_validation_split
from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.files import replace_file
from retroprop.labs.ift6135_devoir1.config import MODELS, get_config_parser, shipped_config
from retroprop.labs.ift6135_devoir1.utils import (
    compute_accuracy,
    cross_entropy_loss,
    seed_experiment,
    to_device,
)
from retroprop.training.devices import choose_device, explain_memory, is_out_of_memory
from retroprop.training.image_sets import ImageSet, fit_normalization, image_set
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer

VALIDATION = 0.1
"""Part of the training images that validates: 5,000 of 50,000."""

Results = dict[str, Any]
"""train_losses, valid_losses, train_accs, valid_accs (one per epoch), test_loss and test_acc."""

Loader = Iterable[Sequence[Tensor]]
"""Minibatches of images and labels, again at each pass; `dataset`, where it has one, is the set."""

Outcome = tuple[float, float, float]
"""Mean loss (nats) and accuracy over the images of an epoch, and the seconds that it took."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train, test and write results.json; returns the exit code."""
    parser = get_config_parser()
    parser.prog = "python -m retroprop.labs.ift6135_devoir1.main"
    args = parser.parse_args(argv)
    try:
        run(args)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        return 130
    return 0


def train(
    epoch: int, model: nn.Module, dataloader: Loader, optimizer: Optimizer, args: Namespace
) -> Outcome:
    """Learn from every minibatch of a loader once.

    The library's own loop (`Trainer.train_epoch`) owns images and optimizer; in the template
    they are the caller's, so this one is written out. A test holds the two together.

    Args:
        epoch: Its number, for the lines of progress.
        model: A network on `args.device`.
        dataloader: Gives images (batch, channels, height, width) and labels (batch,), such as
            torch's DataLoader.
        optimizer: Over the parameters of the model.
        args: The options of `get_config_parser`, of which `device` and `print_every` are read.

    Raises:
        UserError: If the loader gives nothing, or a label that the model has no logit for.
    """
    model.train()
    progress = Progress("train", epoch, dataloader, args)
    for batch in dataloader:
        images, labels = to_device(batch, args.device)
        logits = model(images)  # (batch, classes)
        loss = cross_entropy_loss(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress.add(logits, labels, loss)
    return progress.outcome()


@torch.no_grad()
def evaluate(
    epoch: int, model: nn.Module, dataloader: Loader, args: Namespace, mode: str = "val"
) -> Outcome:
    """Measure the model on every minibatch of a loader.

    The arguments are those of `train`; `mode`, "val" or "test", is for the lines of progress.

    Raises:
        UserError: As `train`.
    """
    model.eval()
    progress = Progress(mode, epoch, dataloader, args)
    for batch in dataloader:
        images, labels = to_device(batch, args.device)
        logits = model(images)
        progress.add(logits, labels, cross_entropy_loss(logits, labels))
    return progress.outcome()


class Progress:
    """Adds up what the minibatches of an epoch give, and prints a line now and then."""

    def __init__(self, part: str, epoch: int, dataloader: Loader, args: Namespace) -> None:
        dataset = getattr(dataloader, "dataset", None)
        self.of_images = "" if dataset is None else f" of {len(dataset):,}"
        self.name, self.every = f"[{part.upper()}] Epoch: {epoch}", args.print_every
        self.images = self.minibatches = 0
        self.sums = torch.zeros(2, dtype=torch.float64, device=args.device)  # of losses and hits
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the epoch began."""
        return time.perf_counter() - self.started

    def add(self, logits: Tensor, labels: Tensor, loss: Tensor) -> None:
        """After each minibatch; nothing here waits for the device."""
        means = torch.stack((loss.detach(), compute_accuracy(logits, labels)))
        self.sums += len(labels) * means
        self.images += len(labels)
        self.minibatches += 1
        if self.minibatches % self.every == 0:
            print(
                f"{self.name}, Iter: {self.minibatches}, {self.images:,}{self.of_images} images, "
                f"{self.images / self.seconds:,.0f} images/s",
                flush=True,
            )

    def outcome(self) -> Outcome:
        """The means over all images, and the seconds since the epoch began."""
        if not self.images:
            raise UserError(
                "the loader gave no minibatch; with drop_last, its batch_size must not be larger "
                "than its set."
            )
        loss, accuracy = (self.sums / self.images).tolist()
        return loss, accuracy, self.seconds


def run(args: Namespace) -> Results:
    """Do what the options of `get_config_parser` say.

    Raises:
        UserError: If an option, the model's file or the data cannot be used.
    """
    wanted = torch.device(args.device)
    device = choose_device(wanted.type, local_rank=wanted.index or 0)
    settings = settings_of(args)
    if args.print_every < 1:
        raise UserError(f"--print_every must be at least 1, and got {args.print_every}.")
    seed_experiment(args.seed)
    model = build(args.model, args.model_config)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{args.model}: {count:,} parameters; {args.optimizer} at {args.lr:g} on {device}")
    train, validation, test = image_sets(args.dataset, args.seed)
    check_shapes(model, train)
    trainer = Trainer(model, train, validation, settings, device=device)
    try:
        results = fit(trainer, test, args)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(explain_memory(model, train, args.batch_size, device)) from error
    if args.logdir is not None:
        write_results(results, args.logdir)
    if args.visualize:
        show(model, args.logdir or Path())
    return results


def settings_of(args: Namespace) -> RunSettings:
    """The options as the engine takes them.

    Raises:
        UserError: If a value is out of its range.
    """
    return RunSettings(
        epochs=args.epochs,
        batch_size=args.batch_size,
        optimizer=args.optimizer,
        learning_rate=args.lr,
        momentum=args.momentum,
        weight_decay=0.0 if args.optimizer == "adam" else args.weight_decay,
        augmentation="flip-crop",
        channels_last=args.model == "resnet18",
        train_metrics="running",
        seed=args.seed,
    )


def build(name: str, config: Path | None) -> nn.Module:
    """A network from a JSON file of its arguments.

    Args:
        name: "mlp", "resnet18" or "mlpmixer".
        config: The file; None, or a path model_configs/… that is not there, is the lab's own.

    Raises:
        UserError: If the file cannot be read or does not suit the model.
    """
    path = config or shipped_config(name)
    if not path.exists() and path.parent.name == "model_configs":
        path = shipped_config(path.stem)
    try:
        arguments = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"there is no file {config}; leave --model_config out to use the lab's own."
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} as JSON: {error}.") from error
    if not isinstance(arguments, dict):
        raise UserError(f"{path} should hold an object of arguments, and holds {arguments!r}.")
    parameters = inspect.signature(MODELS[name]).parameters
    for argument, value in arguments.items():
        if argument not in parameters:
            raise UserError(
                f"{path}: {name} has no argument {argument!r}. {did_you_mean(argument, parameters)}"
            )
        _check_argument(f"{path}: {argument}", value, parameters[argument].annotation)
    for argument, parameter in parameters.items():
        if parameter.default is parameter.empty and argument not in arguments:
            raise UserError(f"{path}: {name} needs the argument {argument!r}; add it.")
    return MODELS[name](**arguments)


def image_sets(name: str, seed: int) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Training, validation and test images, normalised by the published means.

    Raises:
        UserError: If the data set is not on this machine.
    """
    try:
        data = load(name)
    except UserError as error:
        raise UserError(
            f"{error} Or try --dataset cifar10-sample, a few images that do."
        ) from error
    pixels, labels = torch.tensor(data.train_images), torch.tensor(data.train_labels)
    kept, held_out = train_validation_split(len(labels), validation=VALIDATION, seed=seed)
    normalization = fit_normalization("per-channel", pixels, mean=CIFAR10_MEAN, std=CIFAR10_STD)
    parts = (
        (pixels[kept], labels[kept]),
        (pixels[held_out], labels[held_out]),
        (torch.tensor(data.test_images), torch.tensor(data.test_labels)),
    )
    n_classes = len(data.info.classes)
    train, validation, test = (
        image_set(*part, normalization, n_classes=n_classes) for part in parts
    )
    return train, validation, test


def check_shapes(model: nn.Module, images: ImageSet) -> None:
    """Refuse a network that cannot read these images, or has fewer outputs than they have classes.

    Raises:
        UserError: If so.
    """
    with torch.inference_mode():
        outputs = model.eval()(images.images[:1]).shape[1]
    if outputs < images.n_classes:
        raise UserError(
            f"the network has {outputs} outputs and the images have {images.n_classes} classes; "
            f"set num_classes to {images.n_classes} in the model's file."
        )


def fit(trainer: Trainer, test: ImageSet, args: Namespace) -> Results:
    """Train for all epochs, then test once; a run whose numbers are not finite stops there.

    Args:
        trainer: An untrained network with its images, on the device, and its optimizer.
        test: Looked at once, after the last epoch.
        args: The options.
    """
    results: Results = {
        f"{part}_{quantity}": [] for quantity in ("losses", "accs") for part in ("train", "valid")
    }
    model, diverged = trainer.model, False
    validation = Minibatches(trainer.validation, args.batch_size)
    for epoch in range(1, args.epochs + 1):
        print(f"====== Epoch {epoch} ======>", flush=True)
        minibatches = Drawn(trainer, epoch)
        loss, accuracy, seconds = train(epoch, model, minibatches, trainer.optimizer, args)
        valid_loss, valid_accuracy, _ = evaluate(epoch, model, validation, args)
        results["train_losses"].append(_finite(loss))
        results["train_accs"].append(_finite(accuracy))
        results["valid_losses"].append(_finite(valid_loss))
        results["valid_accs"].append(_finite(valid_accuracy))
        print(
            f"train loss {loss:.4f}, accuracy {accuracy:.2%}; validation loss {valid_loss:.4f}, "
            f"accuracy {valid_accuracy:.2%}; {seconds:.1f} s",
            flush=True,
        )
        diverged = not (math.isfinite(loss) and math.isfinite(valid_loss))
        if diverged:
            print(f"the training diverged in epoch {epoch}; try a smaller --lr.")
            break
    test_loss, test_accuracy = math.nan, math.nan
    if not diverged:
        loader = Minibatches(test, args.batch_size)
        test_loss, test_accuracy, _ = evaluate(args.epochs, model, loader, args, mode="test")
    print(f"test loss {test_loss:.4f}, accuracy {test_accuracy:.2%}")
    return {**results, "test_loss": _finite(test_loss), "test_acc": _finite(test_accuracy)}


class Minibatches:
    """A set that is in memory, in its order, as torch's DataLoader gives it."""

    def __init__(self, dataset: ImageSet, batch_size: int) -> None:
        self.dataset, self.batch_size = dataset, batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.dataset.images, self.dataset.labels
        yield from zip(images.split(self.batch_size), labels.split(self.batch_size), strict=True)


class Drawn:
    """The training images of an epoch, in its order, flipped and cropped on the device."""

    def __init__(self, trainer: Trainer, epoch: int) -> None:
        self.trainer, self.dataset, self.epoch = trainer, trainer.train, epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels, _ in self.trainer.minibatches(self.epoch):
            yield images, labels


def write_results(results: Results, logdir: Path) -> Path:
    """Write results.json, with null where a number was not finite.

    Raises:
        UserError: If it cannot be written.
    """
    path = logdir / "results.json"
    try:
        logdir.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=4, allow_nan=False) + "\n"
        replace_file(path, text.encode(), durable=True)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {in_short(error)}; name a folder of yours with --logdir."
        ) from error
    print(f"results: {path}")
    return path


def show(model: nn.Module, folder: Path) -> None:
    """Draw the first layer of a network that has something to see."""
    visualize = getattr(model, "visualize", None)
    if visualize is None:
        print("an MLP has no kernels to draw; --visualize is for resnet18 and mlpmixer.")
        return
    files = visualize(folder)
    print("drawn:", *(files if isinstance(files, list) else [files]))


def _check_argument(where: str, value: Any, wanted: Any) -> None:
    """Refuse a value of another type than the network's constructor takes."""
    if wanted is int:
        right, kind = type(value) is int, "a whole number"
    elif wanted is float:
        right, kind = type(value) in (int, float), "a number"
    elif wanted is str:
        right, kind = isinstance(value, str), "a word"
    else:
        right = isinstance(value, list) and all(type(one) is int for one in value)
        kind = "a list of whole numbers"
    if not right:
        raise UserError(f"{where} should be {kind}, and is {value!r}.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
