"""What `retroprop train` does with its folder: last.safetensors, model.safetensors, record.json.

`last.safetensors` holds all that going on needs, and is written after each epoch. When the training
is over, the best parameters by validation go to `model.safetensors`, they are evaluated once on the
test set, the figures are drawn, and `record.json` says that all is done.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from retroprop.errors import UserError
from retroprop.files import without_nan

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from retroprop.data.parts import Parts
    from retroprop.training.epochs import EpochRecord
    from retroprop.training.image_sets import ImageSet, Normalization
    from retroprop.training.model_files import ModelCard
    from retroprop.training.ranks import Ranks
    from retroprop.training.settings import RunSettings
    from retroprop.training.trainer import Scores

console = Console(highlight=False)

MOST_THREADS = 1024
"""More are a typing error, and the system would refuse them in its own way."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """The model and the data that somebody asked for; `model` is a name of the catalog."""

    model: str
    options: Mapping[str, Any]
    dataset: str
    normalization: str = "per-channel"
    validation: float = 0.1
    images: int | None = None
    seed: int = 0

    def untrained(self, images: "ImageSet") -> "nn.Module":
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


class TrainingRun:
    """A training and its folder: last.safetensors, model.safetensors, record.json, figures."""

    def __init__(
        self,
        chosen: Chosen,
        settings: "RunSettings",
        folder: Path,
        device: "torch.device",
        ranks: "Ranks",
        threads: int | None,
    ) -> None:
        self.chosen, self.settings, self.folder = chosen, settings, folder
        self.device, self.ranks, self.threads = device, ranks, threads
        self.last, self.record = folder / "last.safetensors", folder / "record.json"

    def work(self, *, fresh: bool) -> None:
        """Train, keep the best parameters, and evaluate them once on the test set."""
        from retroprop.training.trainer import Trainer

        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise UserError(f"--threads must be from 1 to {MOST_THREADS}, and got {self.threads}.")
        train, validation, parts, self.normalization = self.chosen.sets()
        model = self.chosen.untrained(train)
        self.trainer = Trainer(
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
            self._say(_row(epoch, len(self.trainer.train)))
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
        if self.threads is None and isinstance(threads, int) and 1 <= threads <= MOST_THREADS:
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
            "settings": self.settings.model_dump(),
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
                self._say(_row(epoch, len(self.trainer.train)))
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
        scores, counts = scores_and_counts(trainer.model, test, self.device)
        self._say(f"best epoch by validation: {trainer.best_epoch}")
        print_test(scores, counts, classes=info.classes, name=info.name)
        self._draw(counts, card)
        self._write_record(card, scores, counts)  # last: it says that all is done
        self._say(f"Model, record and figures:  {self.folder}")

    def _write_record(self, card: "ModelCard", scores: "Scores", counts: "Tensor") -> None:
        import torch

        from retroprop.data import find
        from retroprop.studies.environment import describe_environment

        record = {
            "model": dataclasses.asdict(card),
            "data_checksum": find(card.dataset).checksum,
            "settings": self.settings.model_dump(),
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
        _write(self.record, json.dumps(without_nan(record), indent=1))

    def _draw(self, counts: "Tensor", card: "ModelCard") -> None:
        from retroprop.cli.training_figures import draw_run

        draw_run(self.folder, card.kind, self.trainer.history, counts, card.classes)

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


def scores_and_counts(
    model: "nn.Module", test: "ImageSet", device: "torch.device"
) -> "tuple[Scores, Tensor]":
    """Loss and accuracy over a test set, and its confusion matrix."""
    from retroprop.training.confusion import count_pairs
    from retroprop.training.trainer import evaluate_model

    scores, predicted = evaluate_model(model, test, device=device)
    return scores, count_pairs(test.labels, predicted, test.n_classes)


def print_test(scores: "Scores", counts: "Tensor", *, classes: Sequence[str], name: str) -> None:
    """Accuracy and loss over a test set, then each class and what it is taken for."""
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


def _row(epoch: "EpochRecord", images: int) -> str:
    norm = "–" if epoch.gradient_norm is None else f"{epoch.gradient_norm:.3g}"
    speed = f"{images / epoch.train_s:,.0f}" if epoch.train_s else "–"
    return (
        f"{epoch.epoch:>5}  {epoch.train_loss:>10.4f}  {epoch.train_accuracy:>6.1%}  "
        f"{epoch.validation_loss:>11.4f}  {epoch.validation_accuracy:>6.1%}  {norm:>8}  {speed:>8}"
    )


def _typed(value: Any) -> str:
    """The value of a setting, about as somebody types it."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_typed(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}); name another --folder."
        ) from error
