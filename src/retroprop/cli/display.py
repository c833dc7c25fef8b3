"""What `retroprop run` shows while it works: one line per cell and the remaining time of it all."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.progress import TaskID

    from retroprop.studies.messages import EpochReport
    from retroprop.studies.plan import Plan
    from retroprop.studies.records import EpochRecord, RunRecord

NARROWEST_TABLE = 60
"""Columns of a terminal; on a narrower one, each epoch has its line as where nothing is redrawn."""


@dataclass
class _Cell:
    """One cell of the grid: its newest epoch by run, over the seeds."""

    values: list[str]
    populations: set[str] = field(default_factory=set)
    newest: "dict[int, EpochRecord]" = field(default_factory=dict)
    diverged: set[int] = field(default_factory=set)


@dataclass
class _Progress:
    """How far a population is, in examples visited per seed, and how fast it goes."""

    total: int
    done: int = 0
    predicted_s: float = 0.0
    since: float | None = None
    done_before: int = 0
    finished: bool = False

    def begin(self) -> None:
        """Start the clock, at the first news of this session."""
        if self.since is None:
            self.since = time.monotonic()

    def remaining_s(self) -> float | None:
        """Seconds to go at the measured speed; None before there is a measure."""
        if self.since is None or self.done <= self.done_before:
            return None
        speed = (self.done - self.done_before) / (time.monotonic() - self.since)
        return (self.total - self.done) / speed


class StudyDisplay:
    """A live table on a terminal; one line per recorded epoch elsewhere."""

    def __init__(self, console: Terminal) -> None:
        """Show on this console."""
        self.console = console
        self.redraws = console.can_redraw and console.width >= NARROWEST_TABLE
        self.live: "Live | None" = None
        self.rate: float | None = None  # measured over predicted seconds, the last known

    def start(self, plan: "Plan", runs: "Sequence[RunRecord]", workers: int) -> None:
        """Lay out one line per cell, with what is recorded already."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from retroprop.data import find

        study = plan.study
        info = find(study.dataset)
        self.epochs, self.workers = study.epochs, workers
        per_population = study.split.training_images(info.n_train) * study.epochs
        self.populations = {
            p.name: _Progress(total=per_population, predicted_s=p.predicted_s)
            for p in plan.populations
        }
        self.cells: dict[str, _Cell] = {}
        self.cell_of_run: dict[int, _Cell] = {}
        for run in runs:
            values = [setting(value) for value in run.cell.values()]
            cell = self.cells.setdefault(" ".join(values), _Cell(values=values))
            cell.populations.add(run.population)
            self.cell_of_run[run.id] = cell
            if run.epochs:
                cell.newest[run.id] = run.epochs[-1]
                self._count(run.population, run.epochs[-1].epoch, done=run.checkpoint is not None)
            if run.diverged_epoch is not None:
                cell.diverged.add(run.id)
        for progress in self.populations.values():
            progress.done_before = progress.done
        self.keys = [key.replace("_", "\n") for key in study.grid.varied()]
        self.console.print(
            f"{counted(len(runs), 'model')} in {counted(len(plan.populations), 'population')}, "
            f"{workers} at once; Ctrl-C stops and keeps what is done.",
            soft_wrap=True,
        )
        self.bar = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
        )
        total = sum(p.predicted_s for p in self.populations.values())
        self.task: "TaskID" = self.bar.add_task(study.name, total=total, left="")
        if self.redraws:
            from rich.live import Live

            self.live = Live(
                get_renderable=self._render, console=self.console, refresh_per_second=4
            )
            self.live.start()

    def step(self, population: str, examples: int) -> None:
        """Advance the bar."""
        progress = self.populations[population]
        progress.begin()
        progress.done = min(progress.total, progress.done + examples)
        self._advance()

    def epoch(self, report: "EpochReport") -> None:
        """Show the newest numbers of the population's cells."""
        for update in report.updates:
            cell = self.cell_of_run[update.run_id]
            cell.newest[update.run_id] = update.epoch
            if update.progress.diverged_epoch is not None:
                cell.diverged.add(update.run_id)
        epoch = report.updates[0].epoch.epoch
        self.populations[report.population].begin()
        self._count(report.population, epoch, done=report.done)
        self._advance()
        if not self.redraws:
            best = max((u.progress.best_validation_accuracy or 0.0) for u in report.updates)
            left = f", {text}" if (text := self._left()) else ""
            self.console.print(
                f"{report.population}: epoch {epoch}/{self.epochs}, best validation accuracy so "
                f"far {best:.1%}{left}",
                soft_wrap=True,
            )

    def note(self, text: str) -> None:
        """Print a sentence above the table."""
        self.console.print(text, soft_wrap=True)

    def stop(self) -> None:
        """Leave the final table on the screen."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _count(self, population: str, epoch: int, *, done: bool) -> None:
        """An epoch is complete: make the count of its examples exact.

        A network that diverged or lost its patience is done before its last epoch.
        """
        progress = self.populations[population]
        progress.finished = done or epoch >= self.epochs
        exact = progress.total if progress.finished else progress.total * epoch // self.epochs
        progress.done = max(progress.done, exact)

    def _advance(self) -> None:
        done = sum(p.predicted_s * p.done / p.total for p in self.populations.values())
        self.bar.update(self.task, completed=done, left=self._left())

    def _left(self) -> str:
        """The remaining time of the whole study, from the speeds measured so far."""
        rates = [
            remaining / (p.predicted_s * (p.total - p.done) / p.total)
            for p in self.populations.values()
            if p.done < p.total and (remaining := p.remaining_s()) is not None
        ]
        if rates:
            self.rate = statistics.fmean(rates)
        elif self.rate is None:
            return ""
        left = [p.predicted_s * (p.total - p.done) / p.total for p in self.populations.values()]
        seconds = self.rate * max(max(left), sum(left) / self.workers)
        return f"{duration(seconds)} left" if seconds >= 1 else ""

    def _render(self) -> "Group":
        from rich.console import Group

        table = Table(box=None, header_style="bold", pad_edge=False)
        for key in self.keys:
            table.add_column(key, justify="right", vertical="bottom")
        for name in ("epoch", "train\nloss", "valid.\nloss", "train\nacc.", "valid.\nacc.", "left"):
            table.add_column(name, justify="right", vertical="bottom")
        cells = list(self.cells.values())
        room = max(3, self.console.height - 6)
        if len(cells) > room:  # show what is being trained, and count the rest
            active = [cell for cell in cells if cell.newest]
            active.sort(key=self._is_done)
            cells = (active or cells)[:room]
        for cell in cells:
            table.add_row(*self._row(cell))
        hidden = len(self.cells) - len(cells)
        more = [Text(f"… and {hidden} more cells", style="dim")] if hidden else []
        return Group(table, *more, self.bar)

    def _is_done(self, cell: _Cell) -> bool:
        return all(self.populations[name].finished for name in cell.populations)

    def _epoch_of(self, cell: _Cell) -> int:
        return max((record.epoch for record in cell.newest.values()), default=-1)

    def _row(self, cell: _Cell) -> list[Text]:
        epoch = self._epoch_of(cell)
        if epoch < 0:
            return [Text(value, style="dim") for value in (*cell.values, "waits")]
        of_cell = [self.populations[name] for name in cell.populations]
        remaining = max((progress.remaining_s() or 0.0) for progress in of_cell)
        left = "done" if self._is_done(cell) else duration(remaining) if remaining else ""
        if cell.diverged:
            left = f"diverged {len(cell.diverged)}/{len(cell.newest)}"
        records = list(cell.newest.values())
        values = [
            *cell.values,
            f"{epoch}/{self.epochs}",
            _mean([r.train_loss for r in records], "{:.3f}"),
            _mean([r.validation_loss for r in records], "{:.3f}"),
            _mean([r.train_accuracy for r in records], "{:.1%}"),
            _mean([r.validation_accuracy for r in records], "{:.1%}"),
            left,
        ]
        return [Text(value) for value in values]


def _mean(values: Sequence[float | None], form: str) -> str:
    """The mean over the seeds that did not diverge."""
    known = [value for value in values if value is not None]
    return form.format(statistics.fmean(known)) if known else "–"


def setting(value: object) -> str:
    """The value of a setting for people: 0.001 and not 1e-03, adam; – for one that is not set."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def counted(number: int, thing: str) -> str:
    """A number of things, such as 1 model or 1,200 models."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Seconds for people: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
