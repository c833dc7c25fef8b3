"""`retroprop train | evaluate | predict | lr-find | export`: one network at a time."""

import contextlib
import dataclasses
import inspect
import json
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from retroprop.cli.parameters import Flag, WholeNumber, model_options
from retroprop.errors import Interrupted, UserError, did_you_mean

if TYPE_CHECKING:
    from retroprop.data.parts import Parts
    from retroprop.models.catalog import Option
    from retroprop.training.deep import DeepEpoch, DeepSettings
    from retroprop.training.image_sets import ImageSet, Normalization
    from retroprop.training.model_files import ModelCard
    from retroprop.training.ranks import Ranks

console = Console(highlight=False)

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
    """Train one network, and keep its best parameters.

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
    chosen = _Chosen(
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
            _Run(chosen, settings, where, on, ranks, threads).work(fresh=fresh)
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
    _print_test(*_test_scores(model, test, on), classes=info.classes, name=info.name)


def predict(
    file: Path,
    images: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    top: Whole = 3,
) -> None:
    """Say what pictures show: the most probable classes of each.

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
    """Try growing learning rates for one short training, and suggest one. Nothing is applied.

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
    from retroprop.training.deep import OPTIMIZERS, DeepTrainer
    from retroprop.training.devices import choose_device
    from retroprop.training.lr_finder import find_learning_rate

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
    chosen = _Chosen(
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
    trainer = DeepTrainer(built, train, validation, settings, device=on)
    result = find_learning_rate(
        trainer.model,
        lambda: ((x, y) for x, y, _ in trainer.minibatches(1)),
        lambda _, rate: OPTIMIZERS[optimizer](
            trainer.model, dataclasses.replace(settings, learning_rate=rate)
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
    """Write a trained model for other programs, and check that it gives the same outputs.

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


# -- what is trained -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The model and the data that somebody asked for; `model` is a name of the catalog."""

    model: str
    options: Mapping[str, Any]
    dataset: str
    normalization: str = "per-channel"
    validation: float = 0.1
    images: int | None = None
    seed: int = 0

    def untrained(self, images: "ImageSet") -> Any:
        """The network with the initial weights of its seed, for images of this shape."""
        from retroprop.models.catalog import build

        height, width, channels = images.image_shape
        shape = (channels, height, width)
        return build(self.model, shape, images.n_classes, self.options, seed=self.seed)

    def sets(self) -> "tuple[ImageSet, ImageSet, Parts, Normalization]":
        """Training and validation images as the network reads them, all parts, and how."""
        from retroprop.data import find, load
        from retroprop.data.parts import parts_of
        from retroprop.training.image_sets import image_set, normalization_of

        if not 0 < self.validation < 1:
            raise UserError(
                f"--validation must be between 0 and 1, such as 0.1, and got {self.validation}."
            )
        if self.images is not None and self.images < 1:
            raise UserError(f"--images must be at least 1, and got {self.images}.")
        info = find(self.dataset)
        parts = parts_of(load(self.dataset), validation=self.validation, images=self.images)
        fitted = normalization_of(self.normalization, info, parts.train.images)
        train, validation = (
            image_set(part.images, part.labels, fitted, n_classes=len(info.classes))
            for part in (parts.train, parts.validation)
        )
        return train, validation, parts, fitted


class _Run:
    """A training and its folder: last.safetensors, model.safetensors, record.json, figures."""

    def __init__(
        self,
        chosen: _Chosen,
        settings: "DeepSettings",
        folder: Path,
        device: Any,
        ranks: "Ranks",
        threads: int | None,
    ) -> None:
        self.chosen, self.settings, self.folder = chosen, settings, folder
        self.device, self.ranks, self.threads = device, ranks, threads
        self.last, self.record = folder / "last.safetensors", folder / "record.json"

    def work(self, *, fresh: bool) -> None:
        """Train, keep the best parameters, and evaluate them once on the test set."""
        from retroprop.training.deep import DeepTrainer

        if self.threads is not None and self.threads < 1:
            raise UserError(f"--threads must be at least 1, and got {self.threads}.")
        train, validation, parts, self.normalization = self.chosen.sets()
        model = self.chosen.untrained(train)
        self.trainer = DeepTrainer(
            model, train, validation, self.settings, device=self.device, ranks=self.ranks
        )
        self._make_folder()
        continued = not fresh and self._resume()
        if continued and self.trainer.done and self.record.is_file():
            self._say(
                f"{self.folder} is finished already: nothing to train (--fresh trains it again)."
            )
            return
        if not continued:
            self._forget()
        self._set_threads()
        self._say(
            f"{self.chosen.model} on {self.chosen.dataset}: "
            f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(train):,} training "
            f"and {len(validation):,} validation images, {self._where()}; Ctrl-C stops and keeps "
            "what is done."
        )
        self._say(
            f"{'epoch':>5}  {'train loss':>10}  {'acc.':>6}  {'valid. loss':>11}  "
            f"{'acc.':>6}  {'|grad|':>8}  {'images/s':>8}"
        )
        for epoch in self.trainer.history:
            self._say(_row(epoch))
        self._epochs(len(train))
        if self.ranks.first:
            self._finish(parts)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the folder {self.folder} cannot be made ({error.strerror or error}); name "
                "another --folder."
            ) from error

    def _forget(self) -> None:
        """What an earlier training left, lest it be taken for this one's."""
        if self.ranks.first:
            for file in (self.record, self.folder / "model.safetensors", self.last):
                file.unlink(missing_ok=True)

    def _resume(self) -> bool:
        """Load the last epoch of the same training, with the number of threads that it had."""
        from retroprop.training.checkpoints import read_about

        if not self.last.is_file():
            return False
        about = read_about(self.last)
        self._check_same(about)
        self.trainer.load(self.last, about=about or "")
        threads = json.loads(about or "{}").get("threads")
        if self.threads is None and isinstance(threads, int) and threads > 0:
            self.threads = threads
        if not self.trainer.done:
            self._say(f"Continuing {self.folder} after epoch {self.trainer.epoch}.")
        return True

    def _check_same(self, about: str | None) -> None:
        """Refuse to go on with a training that was begun with other settings."""
        now = json.loads(self._about())
        try:
            before = json.loads(about or "")
            values = {**before["chosen"], **before["settings"]}
        except (ValueError, TypeError, KeyError):
            raise UserError(
                f"{self.last} is not of a training by retroprop train; name another --folder."
            ) from None
        for key, value in {**now["chosen"], **now["settings"]}.items():
            if values.get(key) != value:
                raise UserError(
                    f"{self.folder} holds a training with other settings ({key} "
                    f"{_typed(values.get(key))} and not {_typed(value)}); name another --folder, "
                    "or --fresh to start it again."
                )

    def _about(self) -> str:
        """What the checkpoint belongs to; sums differ in their last digits with the threads."""
        import torch

        about = {
            "chosen": dataclasses.asdict(self.chosen),
            "settings": dataclasses.asdict(self.settings),
            "threads": torch.get_num_threads(),
        }
        return json.dumps(about, sort_keys=True)

    def _set_threads(self) -> None:
        """What was asked for, or before, or what is faster now; several ranks have one each."""
        import torch

        from retroprop.studies.environment import usable_cores
        from retroprop.training.devices import faster_threads

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        elif self.ranks.size == 1 and self.device.type == "cpu":
            torch.set_num_threads(faster_threads(self.trainer, usable_cores()))

    def _epochs(self, images: int) -> None:
        trainer = self.trainer
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (console.is_terminal and self.ranks.first),
        ) as progress:
            done = max(0, trainer.epoch)
            bar = progress.add_task(
                "training", total=images * self.settings.epochs, completed=images * done
            )
            while not trainer.done:
                epoch = trainer.advance(on_step=lambda n: progress.advance(bar, n))
                trainer.save(self.last, about=self._about())
                self._say(_row(epoch))
        if trainer.diverged_epoch is not None:
            self._say(
                f"The training diverged in epoch {trainer.diverged_epoch}: its numbers are no "
                "longer finite. Use a smaller --lr, --clip-norm 1 or --normalization per-channel."
            )
        elif trainer.epoch < self.settings.epochs:
            self._say(
                f"No better validation accuracy for {self.settings.patience} epochs: stopped early."
            )

    def _finish(self, parts: "Parts") -> None:
        """The best parameters, their one evaluation on the test set, the record, the figures."""
        from retroprop.data import find
        from retroprop.models.catalog import find_model
        from retroprop.training.image_sets import image_set
        from retroprop.training.model_files import ModelCard, save_model

        trainer, info = self.trainer, find(self.chosen.dataset)
        if not trainer.best:
            raise UserError("no epoch gave finite numbers, so there is no model to keep.")
        card = ModelCard(
            kind=self.chosen.model,
            options={**find_model(self.chosen.model).options, **self.chosen.options},
            image_shape=trainer.train.image_shape,
            classes=info.classes,
            dataset=info.name,
        )
        save_model(self.folder / "model.safetensors", trainer.best, card, self.normalization)
        trainer.model.load_state_dict(trainer.best)
        test = image_set(
            parts.test.images,
            parts.test.labels,
            self.normalization,
            n_classes=len(info.classes),
        )
        scores, counts = _test_scores(trainer.model, test, self.device)
        self._say(f"best epoch by validation: {trainer.best_epoch}")
        _print_test(scores, counts, classes=info.classes, name=info.name)
        self._draw(counts, card)
        self._write_record(card, scores, counts)  # last: it says that all is done
        self._say(f"Model, record and figures:  {self.folder}")

    def _write_record(self, card: "ModelCard", scores: Any, counts: Any) -> None:
        import torch

        from retroprop.data import find
        from retroprop.studies.environment import describe_environment

        record = {
            "model": dataclasses.asdict(card),
            "data_checksum": find(card.dataset).checksum,
            "settings": dataclasses.asdict(self.settings),
            "data": {k: getattr(self.chosen, k) for k in ("normalization", "validation", "images")},
            "environment": describe_environment(self.ranks.size, self.device.type)
            | {"threads_per_worker": torch.get_num_threads()},
            "wall_s": round(sum(e.train_s + e.evaluate_s for e in self.trainer.history), 2),
            "best_epoch": self.trainer.best_epoch,
            "diverged_epoch": self.trainer.diverged_epoch,
            "test": dataclasses.asdict(scores),
            "test_confusion": counts.tolist(),
            "epochs": [dataclasses.asdict(epoch) for epoch in self.trainer.history],
        }
        _write(self.record, json.dumps(_finite(record), indent=1))

    def _draw(self, counts: Any, card: "ModelCard") -> None:
        from retroprop.cli.training_figures import draw_run

        draw_run(self.folder, self.trainer.history, counts, card.classes)

    def _where(self) -> str:
        import torch

        if self.ranks.size > 1:
            return f"{self.ranks.size} processes"
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        threads = torch.get_num_threads()
        return f"{threads} thread{'s' if threads > 1 else ''}"

    def _say(self, text: str) -> None:
        if self.ranks.first:
            console.print(text, markup=False, soft_wrap=True)


def _settings(*, augment: bool, **values: Any) -> "DeepSettings":
    from retroprop.training.augmentation import Augmentation
    from retroprop.training.deep import DeepSettings

    return DeepSettings(augmentation=Augmentation() if augment else None, **values)


def _model_options(model: str, given: Sequence[str] | None) -> "dict[str, Option]":
    from retroprop.models.catalog import find_model

    return model_options(find_model(model), given or ())


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


# -- what is printed and written -------------------------------------------------------------------


def _row(epoch: "DeepEpoch") -> str:
    norm = "–" if epoch.gradient_norm is None else f"{epoch.gradient_norm:.3g}"
    speed = "–" if epoch.images_per_s is None else f"{epoch.images_per_s:,.0f}"
    return (
        f"{epoch.epoch:>5}  {epoch.train.loss:>10.4f}  {epoch.train.accuracy:>6.1%}  "
        f"{epoch.validation.loss:>11.4f}  {epoch.validation.accuracy:>6.1%}  {norm:>8}  {speed:>8}"
    )


def _test_scores(model: Any, test: "ImageSet", device: Any) -> tuple[Any, Any]:
    """Loss and accuracy over a test set, and its confusion matrix."""
    from retroprop.training.confusion import count_pairs
    from retroprop.training.deep import evaluate_model

    scores, predicted = evaluate_model(model, test, device=device)
    return scores, count_pairs(test.labels, predicted, test.n_classes)


def _print_test(scores: Any, counts: Any, *, classes: Sequence[str], name: str) -> None:
    from retroprop.training.confusion import class_accuracies

    console.print(
        f"test of {name}: accuracy {scores.accuracy:.2%}, loss {scores.loss:.4f}", markup=False
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("class")
    table.add_column("accuracy", justify="right")
    table.add_column("taken most often for")
    for k, (label, right) in enumerate(zip(classes, class_accuracies(counts), strict=True)):
        wrong = counts[k].clone()
        wrong[k] = 0
        often = int(wrong.argmax())
        share = float(wrong[often]) / max(1, int(counts[k].sum()))
        table.add_row(
            label, f"{float(right):.1%}", f"{classes[often]} ({share:.1%})" if share else "–"
        )
    console.print(table)


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


def _typed(value: Any) -> str:
    """The value of a setting, about as somebody types it."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_typed(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


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


def _finite(value: Any) -> Any:
    """NaN and infinity have no JSON: None stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return None
    return value


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}); name another --folder."
        ) from error


def _one_thread() -> None:
    """One thread and no denormal numbers; more threads only where they were measured to pay."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
