"""`retroprop train | evaluate | predict | lr-find | export`: one network at a time."""

import contextlib
import inspect
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from retroprop.cli.parameters import Flag, WholeNumber, model_options
from retroprop.cli.training_run import Chosen, TrainingRun, console, print_test, scores_and_counts
from retroprop.errors import Interrupted, UserError, did_you_mean

if TYPE_CHECKING:
    from retroprop.models.catalog import Option
    from retroprop.training.settings import RunSettings

Word = Annotated[str, Parameter(negative=())]
Number = Annotated[float, Parameter(negative=())]
Whole = Annotated[WholeNumber, Parameter(negative=())]
Options = Annotated[list[str] | None, Parameter(name="--set", negative=())]
Device = Annotated[str, Parameter(negative=())]


def train(
    model: str,
    /,
    *,
    dataset: Word = "fashion-mnist",
    options: Options = None,
    epochs: Whole = 15,
    batch_size: Whole = 128,
    optimizer: Word = "adam",
    lr: Number = 1e-3,
    momentum: Number = 0.9,
    weight_decay: Number = 0.0,
    schedule: Word = "constant",
    warmup: Number = 0.05,
    clip_norm: Annotated[float | None, Parameter(negative=())] = None,
    label_smoothing: Number = 0.0,
    augment: Flag = False,
    normalization: Word = "per-channel",
    validation: Number = 0.1,
    images: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    patience: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    precision: Word = "float32",
    channels_last: Flag = False,
    compile: Flag = False,
    device: Device = "auto",
    threads: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    seed: Whole = 0,
    folder: Annotated[Path | None, Parameter(negative=())] = None,
    fresh: Flag = False,
) -> None:
    """Train one network on a CPU or a GPU, and keep its best parameters.

    Parameters
    ----------
    model
        mlp, cnn, resnet18 or mlp-mixer.
    dataset
        A data set that `retroprop data list` names.
    options
        An option of the model as key=value, such as hidden_sizes=256,256; may be given
        several times. `retroprop summary MODEL` shows what comes out.
    epochs
        Passes over the training images.
    batch_size
        Images per step, of all processes together.
    optimizer
        sgd, momentum, nesterov, adam or adamw.
    lr
        Learning rate; the highest one of a schedule.
    momentum
        Of momentum and nesterov.
    weight_decay
        Of all optimizers; apart from the gradient with adamw.
    schedule
        constant, or warmup-cosine.
    warmup
        Part of all steps during which the learning rate grows.
    clip_norm
        Shorten longer gradients to this norm.
    label_smoothing
        Part of the target that is spread over all classes.
    augment
        Mirror and crop training images at random.
    normalization
        raw, unit, per-pixel or per-channel.
    validation
        Part of the training set that validates.
    images
        Train on so many images, drawn at random.
    patience
        Stop after so many epochs without a better validation accuracy.
    precision
        float32 or bfloat16.
    channels_last
        Keep channels last in memory: faster convolutions on most machines.
    compile
        Let torch compile the model; it needs a compiler.
    device
        cpu, cuda or auto.
    threads
        Threads on a CPU. Default: one, or all cores if a step is measured to be faster with them.
    seed
        Of the initial weights, the orders and the augmentation.
    folder
        Where record, checkpoints and figures go. Default: runs/MODEL-DATASET.
    fresh
        Start again even if the folder holds a training.
    """
    from retroprop.models.catalog import model_name
    from retroprop.training.devices import choose_device
    from retroprop.training.ranks import joined_ranks

    model = model_name(model)
    settings = _settings(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        clip_norm=clip_norm,
        label_smoothing=label_smoothing,
        augment=augment,
        precision=precision,
        channels_last=channels_last,
        compile=compile,
        patience=patience,
        seed=seed,
    )
    chosen = Chosen(
        model=model,
        options=_model_options(model, options),
        dataset=dataset,
        normalization=normalization,
        validation=validation,
        images=images,
        seed=seed,
    )
    where = folder or Path("runs") / f"{model}-{dataset}"
    kind = choose_device(device).type
    try:
        with _stopped_by_sigterm(), joined_ranks(kind) as ranks:
            _one_thread()
            on = choose_device(device, local_rank=ranks.local_rank)
            TrainingRun(chosen, settings, where, on, ranks, threads).work(fresh=fresh)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped; every finished epoch is kept in {where}. The same command continues."
        ) from None


def evaluate(
    file: Path,
    /,
    *,
    dataset: Annotated[str | None, Parameter(negative=())] = None,
    device: Device = "auto",
) -> None:
    """Evaluate a trained model on a whole test set, class by class.

    Parameters
    ----------
    file
        A model.safetensors that `retroprop train` wrote, or its folder.
    dataset
        Another data set with images of the same shape and the same classes. Default: the model's
        own.
    device
        cpu, cuda or auto.
    """
    from retroprop.data import find, load
    from retroprop.data.parts import parts_of
    from retroprop.training.devices import choose_device
    from retroprop.training.image_sets import image_set
    from retroprop.training.model_files import load_model

    on = choose_device(device)
    _one_thread()
    model, card, normalization = load_model(_model_file(file))
    info = find(dataset or card.dataset)
    if _shape(info.image_shape) != card.image_shape:
        raise UserError(
            f"{file} reads images of {_times(card.image_shape)}, and {info.name} has images of "
            f"{_times(_shape(info.image_shape))}; name {card.dataset}."
        )
    if info.classes != card.classes:
        raise UserError(
            f"{file} tells {_classes(card.classes)} apart, and {info.name} has "
            f"{_classes(info.classes)}; name {card.dataset}."
        )
    part = parts_of(load(info.name)).test
    test = image_set(part.images, part.labels, normalization, n_classes=len(info.classes))
    print_test(*scores_and_counts(model, test, on), classes=info.classes, name=info.name)


def predict(
    file: Path,
    images: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    top: Whole = 3,
) -> None:
    """Say what pictures show: the most probable classes of each PNG or JPEG.

    Parameters
    ----------
    file
        A model.safetensors that `retroprop train` wrote, or its folder.
    images
        PNG or JPEG files of any size; they are scaled to the size that the model reads.
    top
        How many classes to print for each.
    """
    import torch

    from retroprop.data.pictures import read_picture
    from retroprop.training.model_files import load_model

    _one_thread()
    model, card, normalization = load_model(_model_file(file))
    if not 1 <= top <= len(card.classes):
        raise UserError(f"--top must be from 1 to {len(card.classes)}, and got {top}.")
    side, width, channels = card.image_shape
    if side != width or channels not in (1, 3):
        raise UserError(
            f"{file} reads images of {_times(card.image_shape)}, and pictures are made square, in "
            "grey or three colours; name another model."
        )
    pictures = torch.stack([torch.from_numpy(read_picture(path, side=side)) for path in images])
    if channels == 1:  # luminance, as ITU-R BT.601 weighs the colours
        grey = pictures.float() @ torch.tensor([0.299, 0.587, 0.114])
        pictures = grey.round().to(torch.uint8)
    with torch.inference_mode():
        p = model(normalization(pictures)).softmax(1)
    for path, row in zip(images, p, strict=True):
        best = row.topk(top)
        answers = ", ".join(
            f"{card.classes[int(k)]} {float(value):.1%}"
            for value, k in zip(best.values, best.indices, strict=True)
        )
        console.print(f"{path}: {answers}", markup=False, soft_wrap=True)


def lr_find(
    model: str,
    /,
    *,
    dataset: Word = "fashion-mnist",
    options: Options = None,
    batch_size: Whole = 128,
    optimizer: Word = "adam",
    momentum: Number = 0.9,
    weight_decay: Number = 0.0,
    augment: Flag = False,
    normalization: Word = "per-channel",
    low: Number = 1e-6,
    high: Number = 1.0,
    steps: Whole = 100,
    device: Device = "auto",
    seed: Whole = 0,
    figure: Annotated[Path | None, Parameter(negative=())] = None,
) -> None:
    """Try growing learning rates for one short training, and suggest one.

    Parameters
    ----------
    model
        mlp, cnn, resnet18 or mlp-mixer.
    dataset
        A data set that `retroprop data list` names.
    options
        An option of the model as key=value; may be given several times.
    batch_size
        Images per step.
    optimizer
        sgd, momentum, nesterov, adam or adamw.
    momentum
        Of momentum and nesterov.
    weight_decay
        Of all optimizers.
    augment
        Mirror and crop training images at random.
    normalization
        raw, unit, per-pixel or per-channel.
    low
        The first learning rate.
    high
        The last one.
    steps
        How many rates are tried.
    device
        cpu, cuda or auto.
    seed
        Of the initial weights and the order of the images.
    figure
        Draw the losses into this file (.svg, .png or .pdf).
    """
    from retroprop.cli.training_figures import check_name
    from retroprop.models.catalog import model_name
    from retroprop.training.devices import choose_device
    from retroprop.training.lr_finder import find_learning_rate
    from retroprop.training.torch_optimizers import make_optimizer
    from retroprop.training.trainer import Trainer

    if figure is not None:
        check_name(figure)
    model = model_name(model)
    settings = _settings(
        batch_size=batch_size,
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=weight_decay,
        augment=augment,
        seed=seed,
    )
    chosen = Chosen(
        model=model,
        options=_model_options(model, options),
        dataset=dataset,
        normalization=normalization,
        seed=seed,
    )
    on = choose_device(device)
    _one_thread()
    train, validation, _, _ = chosen.sets()
    built = chosen.untrained(train)
    trainer = Trainer(built, train, validation, settings, device=on)
    result = find_learning_rate(
        trainer.model,
        lambda: ((x, y) for x, y, _ in trainer.minibatches(1)),
        lambda parameters, rate: make_optimizer(
            optimizer,
            parameters,
            rate,
            momentum=momentum,
            weight_decay=weight_decay,
            fused=True,
        ),
        low=low,
        high=high,
        steps=steps,
    )
    console.print(result.sentence, markup=False, soft_wrap=True)
    if result.suggestion is not None:
        given = {
            "--set": options,
            "--batch-size": batch_size,
            "--optimizer": optimizer,
            "--momentum": momentum,
            "--weight-decay": weight_decay,
            "--augment": augment,
            "--normalization": normalization,
            "--device": device,
            "--seed": seed,
            "--lr": float(f"{result.suggestion:.2g}"),
        }
        again = shlex.join(["retroprop", "train", model, "--dataset", dataset, *_as_typed(given)])
        console.print(f"Train with it:  {again}", markup=False, soft_wrap=True)
    if figure is not None:
        from retroprop.cli.training_figures import draw_range_test

        draw_range_test(result, figure)
        console.print(f"Figure:  {figure}", markup=False, soft_wrap=True)


def export(file: Path, /, *, to: Word = "onnx", output: Path | None = None) -> None:
    """Write a trained model as ONNX, and check it with onnxruntime.

    Parameters
    ----------
    file
        A model.safetensors that `retroprop train` wrote, or its folder.
    to
        The format; onnx.
    output
        The file to write. Default: beside the model.
    """
    from retroprop.training.model_files import load_model
    from retroprop.training.onnx_export import export_onnx

    if to != "onnx":
        raise UserError(f"there is no format {to!r}. {did_you_mean(to, ('onnx',))}")
    source = _model_file(file)
    model, card, normalization = load_model(source)
    target = output or source.with_suffix(".onnx")
    worst = export_onnx(model, card, normalization, target)
    console.print(
        f"{target}: reads bytes (n, {card.image_shape[0]}, {card.image_shape[1]}, "
        f"{card.image_shape[2]}), gives probabilities of {len(card.classes)} classes; its outputs "
        f"differ from torch's by at most {worst:.1e}.",
        markup=False,
        soft_wrap=True,
    )


def _settings(*, augment: bool, **values: Any) -> "RunSettings":
    from retroprop.training.settings import RunSettings

    return RunSettings(augmentation="flip-crop" if augment else "none", **values)


def _model_options(model: str, given: Sequence[str] | None) -> "dict[str, Option]":
    from retroprop.models.catalog import find_model

    return model_options(find_model(model), given or ())


def _as_typed(options: Mapping[str, Any]) -> list[str]:
    """Options with their values, without those that `retroprop train` has anyway."""
    usual = {
        "--" + name.replace("_", "-"): parameter.default
        for name, parameter in inspect.signature(train).parameters.items()
    }
    words: list[str] = []
    for option, value in options.items():
        if option == "--set":
            words += [word for one in value or () for word in (option, one)]
        elif value is True:
            words.append(option)
        elif value != usual[option]:
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


def _model_file(path: Path) -> Path:
    return path / "model.safetensors" if path.is_dir() else path


def _shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    height, width, *channels = image_shape
    return height, width, channels[0] if channels else 1


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _classes(names: Sequence[str]) -> str:
    """The first classes, for a sentence."""
    return f"{len(names)} classes ({', '.join(names[:3])}, …)"


def _one_thread() -> None:
    """One thread and no denormal numbers; more threads only where they were measured to pay."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
