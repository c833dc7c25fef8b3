"""What `retroprop train` shows: one line per epoch, then the test; and what its folder gets."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import Tensor

from retroprop.cli.console import Terminal
from retroprop.cli.training_figures import draw_run
from retroprop.data import find
from retroprop.data.catalog import DatasetInfo
from retroprop.errors import UserError
from retroprop.studies.messages import EpochReport
from retroprop.studies.one_run import holds, write_model, write_record
from retroprop.studies.plan import Plan
from retroprop.studies.records import Records, RunRecord, StudyRunRecord
from retroprop.training.confusion import class_accuracies
from retroprop.training.epochs import EpochRecord
from retroprop.training.factories import network_of


class TrainingDisplay:
    """One line per recorded epoch, and on a terminal a bar below them."""

    def __init__(self, console: Terminal, title: str, device: torch.device) -> None:
        """Show on this console what is trained there."""
        self.console, self.title, self.device = console, title, device

    def start(self, plan: Plan, runs: Sequence[RunRecord], workers: int) -> None:
        """Say what is trained, and what is recorded of it already."""
        study, (run,) = plan.study, runs
        done = run.epochs[-1].epoch if run.epochs else -1
        if 0 <= done < study.epochs:
            self.note(f"Continuing {run.study_run_id} after epoch {done}.")
        info = find(study.dataset)
        self.images = study.split.training_images(info.n_train)
        self.note(
            f"{self.title}: {_parameters(plan, info):,} parameters, {self.images:,} training and "
            f"{study.split.evaluated_images(info.n_train, info.n_test):,} validation images, "
            f"{_where(self.device, workers)}; Ctrl-C stops and keeps what is done."
        )
        self.note(
            f"{'epoch':>5}  {'train loss':>10}  {'acc.':>6}  {'valid. loss':>11}  "
            f"{'acc.':>6}  {'|grad|':>8}  {'images/s':>8}"
        )
        for epoch in run.epochs:
            self.note(_row(epoch, self.images))
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.can_redraw,
        )
        self.progress.start()
        total, completed = self.images * study.epochs, self.images * max(0, done)
        self.bar = self.progress.add_task("training", total=total, completed=completed)

    def trials(self, plan: Plan, runs: Sequence[RunRecord]) -> None:
        """A training of one network has none."""

    def step(self, population: str, examples: int) -> None:
        """Advance the bar."""
        self.progress.advance(self.bar, examples)

    def epoch(self, report: EpochReport) -> None:
        """Print the epoch's line."""
        for update in report.updates:
            self.note(_row(update.epoch, self.images))

    def note(self, text: str) -> None:
        """Print a sentence."""
        _say(self.console, text)

    def stop(self) -> None:
        """Remove the bar."""
        self.progress.stop()


def finish(console: Terminal, study_run: StudyRunRecord, folder: Path, database: str) -> None:
    """Write the result of a training into its folder, once, and say what it is.

    Raises:
        UserError: If no epoch gave finite numbers, or a file cannot be written.
    """
    if holds(folder, study_run):
        return
    records = Records.open(database, create=False, checked=True)
    (run,) = records.runs(study_run.id)
    info, last = find(study_run.config["dataset"]), run.epochs[-1].epoch
    if run.diverged_epoch is not None:
        _say(
            console,
            f"The training diverged in epoch {run.diverged_epoch}: its numbers are no longer "
            "finite. Use a smaller --lr, --clip-norm 1 or --normalization per-channel.",
        )
    elif last < study_run.config["epochs"]:
        patience = run.settings["patience"]
        _say(console, f"No better validation accuracy for {patience} epochs: stopped early.")
    if run.best_epoch is None:
        raise UserError("no epoch gave finite numbers, so there is no model to keep.")
    model = write_model(folder, records, run.id)
    _say(console, f"best epoch by validation: {run.best_epoch}")
    counts = None if run.test_confusion is None else torch.tensor(run.test_confusion)
    if counts is not None:
        print_test(console, run.test_accuracy or 0.0, run.test_loss or math.nan, counts, info)
    figures = draw_run(folder, model.card.kind, run.epochs, counts, info.classes)
    write_record(folder, records, study_run, figures)  # last: it says that all is there
    _say(console, f"Recorded as run {run.id} of {study_run.id}.")
    _say(console, f"Model, record and figures:  {folder}")


def print_test(
    console: Terminal,
    accuracy: float,
    loss: float,
    counts: Int[Tensor, "classes classes"],
    info: DatasetInfo,
) -> None:
    """Accuracy and loss over a test set, then each class and what it is taken for."""
    _say(console, f"test of {info.slug}: accuracy {accuracy:.2%}, loss {loss:.4f}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("class")
    table.add_column("accuracy", justify="right")
    table.add_column("taken most often for")
    right = class_accuracies(counts)
    for k, label in enumerate(info.classes):
        wrong = counts[k].clone()
        wrong[k] = 0
        often = int(wrong.argmax())
        share = float(wrong[often]) / max(1, int(counts[k].sum()))
        taken = f"{info.classes[often]} ({share:.1%})" if share else "–"
        accurate = f"{float(right[k]):.1%}" if counts[k].any() else "–"  # no image of it
        table.add_row(label, accurate, taken)
    console.print_table(table)


def _parameters(plan: Plan, info: DatasetInfo) -> int:
    with torch.device("meta"):
        network = network_of(plan.populations[0].settings, info.size, len(info.classes))
    return sum(p.numel() for p in network.parameters())


def _where(device: torch.device, processes: int) -> str:
    if processes > 1:
        return f"{processes} processes"
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _row(epoch: EpochRecord, images: int) -> str:
    losses = [
        f"{math.nan if loss is None else loss:>{width}.4f}  {accuracy or 0:>6.1%}"
        for loss, accuracy, width in (
            (epoch.train_loss, epoch.train_accuracy, 10),
            (epoch.validation_loss, epoch.validation_accuracy, 11),
        )
    ]
    norm = "–" if epoch.gradient_norm is None else f"{epoch.gradient_norm:.3g}"
    speed = f"{images / epoch.train_s:,.0f}" if epoch.train_s else "–"
    return f"{epoch.epoch:>5}  {losses[0]}  {losses[1]}  {norm:>8}  {speed:>8}"


def _say(console: Terminal, text: str) -> None:
    console.print(text, soft_wrap=True)
