"""`retroprop train | lr-find`: one network, a study of one run."""

import contextlib
import dataclasses
import os
import re
import shlex
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import (
    Database,
    Flag,
    WholeNumber,
    model_options,
    usual_dataset,
)
from retroprop.data import find
from retroprop.errors import Interrupted, UserError
from retroprop.studies.database import DEFAULT_DATABASE, check_address
from retroprop.studies.schema import Study, study_from
from retroprop.training.settings import Hyperparameters, types_of

Word = Annotated[str, Parameter(negative=())]
Number = Annotated[float, Parameter(negative=())]
Whole = Annotated[WholeNumber, Parameter(negative=())]
MaybeWhole = Annotated[WholeNumber | None, Parameter(negative=())]

MOST_THREADS = 1024
"""More are a typing error, and the system would refuse them in its own way."""

console = Terminal()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """What `train` and `lr-find` are both told."""

    dataset: Annotated[str, Parameter(negative=(), show_default=False)] = ""
    """A data set that `retroprop data list` names; or your own: folder:PATH, with a folder of
    pictures per class, or npz:PATH. Default: fashion-mnist, or cifar10-sample for resnet18 and
    mlp-mixer."""
    options: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None
    """An option of the model as key=value, such as hidden_sizes=256,256; may be given several
    times. `retroprop summary MODEL` shows what comes out."""
    batch_size: Whole = 128
    """Images per step, of all processes together."""
    optimizer: Word = "adam"
    """sgd, momentum, nesterov, adam or adamw."""
    momentum: Number = 0.9
    """Of momentum and nesterov."""
    weight_decay: Number = 0.0
    """Of all optimizers; apart from the gradient with adamw."""
    augment: Flag = False
    """Mirror and crop training images at random."""
    precision: Word = "float32"
    """float32, or bf16: matrix products in bfloat16."""
    normalization: Word = "per-channel"
    """raw, unit, per-pixel or per-channel."""
    device: Word = "auto"
    """cpu, cuda or auto."""
    seed: Whole = 0
    """Of the initial weights, the orders and the augmentation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What `train` is told beside."""

    epochs: Whole = 15
    """Passes over the training images."""
    lr: Number = 1e-3
    """Learning rate; the highest one of a schedule."""
    schedule: Word = "constant"
    """constant, or warmup-cosine."""
    warmup: Number = 0.05
    """Part of all steps during which the learning rate grows."""
    clip_norm: Annotated[float | None, Parameter(negative=())] = None
    """Shorten longer gradients to this norm."""
    label_smoothing: Number = 0.0
    """Part of the target that is spread over all classes."""
    validation: Number = 0.1
    """Part of the training set that validates."""
    images: MaybeWhole = None
    """Train on so many images, drawn at random."""
    patience: MaybeWhole = None
    """Stop after so many epochs without a better validation accuracy."""
    channels_last: Flag = False
    """Keep channels last in memory: faster convolutions on most machines."""
    compile: Flag = False
    """Let torch compile the model; it needs a compiler."""
    threads: MaybeWhole = None
    """Threads on a CPU. Default: one, or all cores if a step is measured to be faster with them."""


_NETWORK, _TRAINING = NetworkOptions(), TrainingOptions()
_Flattened = Parameter(name="*")


def train(
    model: str,
    /,
    *,
    network: Annotated[NetworkOptions, _Flattened] = _NETWORK,
    training: Annotated[TrainingOptions, _Flattened] = _TRAINING,
    folder: Annotated[Path | None, Parameter(negative=())] = None,
    fresh: Flag = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Train one network on a CPU or a GPU, and keep its best parameters.

    Parameters
    ----------
    model
        mlp, cnn, resnet18 or mlp-mixer.
    folder
        Where model, record and figures go. Default: runs/MODEL-DATASET.
    fresh
        Train all again even if it is recorded; the old records are kept.
    """
    network = _with_dataset(model, network)
    _check_options(model, network, training)
    if training.threads is not None and not 1 <= training.threads <= MOST_THREADS:
        raise UserError(f"--threads must be from 1 to {MOST_THREADS}, and got {training.threads}.")
    check_address(db)

    from retroprop.cli.training_display import TrainingDisplay, finish
    from retroprop.models.catalog import model_name
    from retroprop.studies.environment import typed_command
    from retroprop.studies.one_run import train_one
    from retroprop.studies.worker import prepare_thread
    from retroprop.training.devices import choose_device
    from retroprop.training.ranks import joined_ranks

    model = model_name(model)
    kind = choose_device(network.device).type
    study = _study(model, network, training)
    where = folder or Path("runs") / f"{model}-{find(network.dataset).slug}"
    try:
        with _stopped_by_sigterm(), joined_ranks(kind) as ranks:
            prepare_thread()
            on = choose_device(network.device, local_rank=ranks.local_rank)
            train_one(
                study,
                db,
                where,
                device=on,
                ranks=ranks,
                threads=training.threads,
                fresh=fresh,
                display=TrainingDisplay(console, f"{model} on {find(network.dataset).slug}", on),
                finish=lambda trained: finish(console, trained, where, db),
            )
    except KeyboardInterrupt:
        alone = os.environ.get("WORLD_SIZE", "1") == "1"
        typed = typed_command() if alone else "the same torchrun command"
        raise Interrupted(
            f"Stopped; every finished epoch is kept. Continue with: {typed}"
        ) from None


def lr_find(
    model: str,
    /,
    *,
    network: Annotated[NetworkOptions, _Flattened] = _NETWORK,
    low: Number = 1e-6,
    high: Number = 1.0,
    steps: Whole = 100,
    figure: Annotated[Path | None, Parameter(negative=())] = None,
) -> None:
    """Try growing learning rates for one short training, and suggest one.

    Parameters
    ----------
    model
        mlp, cnn, resnet18 or mlp-mixer.
    low
        The first learning rate.
    high
        The last one.
    steps
        How many rates are tried.
    figure
        Draw the losses into this file (.svg, .png or .pdf).
    """
    network = _with_dataset(model, network)
    _check_options(model, network, _TRAINING)

    from retroprop.cli.training_figures import check_name, draw_range_test
    from retroprop.models.catalog import model_name
    from retroprop.studies.plan import plan_study
    from retroprop.studies.study_data import StudyData
    from retroprop.studies.worker import prepare_thread
    from retroprop.training.devices import choose_device
    from retroprop.training.lr_finder import find_learning_rate
    from retroprop.training.network_trajectories import NetworkTrajectory
    from retroprop.training.torch_optimizers import make_optimizer

    if figure is not None:
        check_name(figure)
    model, on = model_name(model), choose_device(network.device)
    study = _study(model, network, _TRAINING)
    if warning := plan_study(study).memory_warning(1):
        console.print(warning, markup=False, soft_wrap=True)
    prepare_thread()
    images = StudyData(study.dataset, study.split.model_dump()).images(network.normalization)
    settings = study.settings({"learning_rate": _TRAINING.lr}, network.seed)
    trainer = NetworkTrajectory(settings, *images, on).trainer
    result = find_learning_rate(
        trainer.model,
        lambda: ((x, y) for x, y, _ in trainer.minibatches(1)),
        lambda parameters, rate: make_optimizer(
            network.optimizer,
            parameters,
            rate,
            momentum=network.momentum,
            weight_decay=network.weight_decay,
            fused=True,
        ),
        low=low,
        high=high,
        steps=steps,
        precision=trainer.precision,
    )
    console.print(result.sentence, soft_wrap=True)
    if result.suggestion is not None:
        rate = str(float(f"{result.suggestion:.2g}"))
        again = shlex.join(["retroprop", "train", model, *_as_typed(network), "--lr", rate])
        console.print(f"Train with it:  {again}", soft_wrap=True)
    if figure is not None:
        draw_range_test(result, figure)
        console.print(f"Figure:  {figure}", soft_wrap=True)


def _with_dataset(model: str, network: NetworkOptions) -> NetworkOptions:
    return dataclasses.replace(network, dataset=network.dataset or usual_dataset(model))


def _check_options(model: str, network: NetworkOptions, training: TrainingOptions) -> None:
    """Refuse what cannot be before torch is imported, which takes seconds.

    What depends on the network, --set above all, is left to `_study`.

    Raises:
        UserError: One sentence for each option that cannot be.
    """
    given = _given(network, training)
    document = {
        "name": "train",
        "title": "train",
        "dataset": network.dataset,
        "split": given["split"],
        "epochs": training.epochs,
        "seeds": [network.seed],
        "model": {"kind": "network"},
        "training": given["training"],
        "grid": {"learning_rate": [training.lr]},
    }
    with _named_by_option():
        find(network.dataset)
        study = study_from(document, f"train {model}")
    whole = study.split.model_copy(update={"images": None})
    most = whole.training_images(find(network.dataset).n_train)
    if training.images is not None and training.images > most:
        raise UserError(
            f"--images must be at most {most}: so many images of {network.dataset} are left to "
            f"train on with --validation {training.validation:g}, and got {training.images}."
        )


def _given(network: NetworkOptions, training: TrainingOptions) -> dict[str, dict[str, Any]]:
    """The options as a study file has them, under [split] and [training]."""
    given = {**dataclasses.asdict(network), **dataclasses.asdict(training)}
    settings = {name: given[name] for name in types_of(Hyperparameters) if name in given}
    return {
        "split": {"validation": training.validation, "images": training.images},
        "training": settings | {"augmentation": "flip-crop" if network.augment else "none"},
    }


@contextlib.contextmanager
def _named_by_option() -> Iterator[None]:
    """Let an error of a study name the options that somebody typed, not the keys of a file."""
    try:
        yield
    except UserError as error:
        raise UserError(_KEY.sub(_option_of_key, str(error))) from None


def _study(model: str, network: NetworkOptions, training: TrainingOptions) -> Study:
    """The study of one run that the options describe.

    Raises:
        UserError: One sentence for each option that cannot be.
    """
    import torch

    from retroprop.models.catalog import build, find_model
    from retroprop.studies.one_run import one_run_study

    info, built = find(network.dataset), find_model(model)
    options = {**built.options, **model_options(built, network.options or ())}
    height, width, channels = info.size
    with torch.device("meta"):  # what the network refuses, before anything is made
        build(model, (channels, height, width), len(info.classes), options)
    with _named_by_option():
        return one_run_study(
            model,
            options,
            network.dataset,
            epochs=training.epochs,
            seed=network.seed,
            learning_rate=training.lr,
            **_given(network, training),
        )


_KEY = re.compile(
    r"(?<=[:-] )(?:grid\.|training\.|split\.)?([a-z_]+)(?:\.\d+)?(?= must|:| \S+ (?:is|leaves) )"
)
"""The key of a study that a sentence is about."""


def _option_of_key(key: re.Match[str]) -> str:
    """What somebody typed for it: --lr for grid.learning_rate.0, --set depth for training.depth."""
    if key[1] in ("folder", "npz"):  # the name of a data set
        return key[0]
    name = {"learning_rate": "lr", "seeds": "seed"}.get(key[1], key[1])
    if hasattr(_NETWORK, name) or hasattr(_TRAINING, name):
        return "--" + name.replace("_", "-")
    return f"--set {name}"


def _as_typed(network: NetworkOptions) -> list[str]:
    """The options as they are typed, without those that have their default."""
    words = ["--dataset", network.dataset]
    for field in dataclasses.fields(network)[1:]:
        value, option = getattr(network, field.name), "--" + field.name.replace("_", "-")
        if field.name == "options":
            words += [word for one in value or () for word in ("--set", one)]
        elif value is True:
            words.append(option)
        elif value != field.default:
            words += [option, str(value)]
    return words


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM stop a training as Ctrl-C does.

    So torchrun ends the processes that are left when one was lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is signal.default_int_handler:
            signal.signal(signal.SIGTERM, before)
