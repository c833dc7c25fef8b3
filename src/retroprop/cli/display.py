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
    from retroprop.studies.schema import Study

NARROWEST_TABLE = 60
"""Columns of a terminal; on a narrower one, each epoch has its line as where nothing is redrawn."""


@dataclass
class _Cell:
    """One cell of the grid: its newest epoch by run, over the seeds."""

    values: list[str]
    populations: set[str] = field(default_factory=set)
    newest: "dict[int, EpochRecord]" = field(default_factory=dict)
    diverged: set[int] = field(default_factory=set)
    pruned: bool = False
    best: float = 0.0


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

        study, self.workers = plan.study, workers
        self.epochs, self.search = study.epochs, study.search
        self.cells: dict[str, _Cell] = {}
        self.cell_of_run: dict[int, _Cell] = {}
        self.populations: dict[str, _Progress] = {}
        self.began: float | None = None
        self._lay_out(plan, runs)
        self.keys = [key.replace("_", "\n") for key in study.varied()]
        what = f"{counted(len(runs), 'model')} in {counted(len(plan.populations), 'population')}"
        if study.search is not None:
            what = "A search " + searched(study)
        self.console.print(
            f"{what}, {workers} at once; Ctrl-C stops and keeps what is done.",
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
        self.task: "TaskID" = self.bar.add_task(study.name, total=None, left="")
        self._advance()
        if self.redraws:
            from rich.live import Live

            self.live = Live(
                get_renderable=self._render, console=self.console, refresh_per_second=4
            )
            self.live.start()

    def trials(self, plan: "Plan", runs: "Sequence[RunRecord]") -> None:
        """A search has drawn or pruned trials: lay them out, and say how far it is."""
        fresh = [run.population for run in runs if run.population not in self.populations]
        self._lay_out(plan, runs)
        self._advance()
        if not self.redraws and fresh:
            best = max((run.best_validation_accuracy or 0.0 for run in runs), default=0.0)
            pruned = sum(cell.pruned for cell in self.cells.values())
            self.console.print(
                f"{self._trials_done()}, {pruned} pruned; best validation accuracy of a model "
                f"so far {best:.1%}",
                soft_wrap=True,
            )

    def _lay_out(self, plan: "Plan", runs: "Sequence[RunRecord]") -> None:
        """A line for each cell, and how far each population is."""
        from retroprop.data import find
        from retroprop.studies.summary import cell_key

        info, split = find(plan.study.dataset), plan.study.split
        total = split.training_images(info.n_train) * self.epochs
        for one in plan.populations:
            new = _Progress(total=total, predicted_s=one.predicted_s)
            self.populations.setdefault(one.name, new)
        begun = {name for name, one in self.populations.items() if one.done}
        for run in runs:
            values = [setting(value) for value in run.cell.values()]
            cell = self.cells.setdefault(cell_key(run.cell), _Cell(values=values))
            cell.populations.add(run.population)
            cell.pruned = run.status == "pruned"
            cell.best = max(cell.best, run.best_validation_accuracy or 0.0)
            self.cell_of_run[run.id] = cell
            if run.epochs:
                cell.newest[run.id] = run.epochs[-1]
                self._count(run.population, run.epochs[-1].epoch, done=run.checkpoint is not None)
            if run.diverged_epoch is not None:
                cell.diverged.add(run.id)
        for name, progress in self.populations.items():
            if name not in begun:
                progress.done_before = progress.done

    def step(self, population: str, examples: int) -> None:
        """Advance the bar."""
        progress = self.populations[population]
        self._begin(progress)
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
        self._begin(self.populations[report.population])
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
        known = sum(p.predicted_s for p in self.populations.values())
        left = self._left()
        if self.search is not None:
            best = max(map(self._best_of, self.cells.values()), default=0.0)
            left = f"{self._trials_done()}, best {best:.1%}{f', {left}' if left else ''}"
        self.bar.update(self.task, total=known + self._undrawn_s(), completed=done, left=left)

    def _undrawn_s(self) -> float:
        """Predicted seconds of the trials that a search has not drawn yet, like those it has."""
        if self.search is None or self.search.trials is None or not self.cells:
            return 0.0
        known = sum(p.predicted_s for p in self.populations.values())
        return known * (self.search.trials / len(self.cells) - 1)

    def _trials_done(self) -> str:
        assert self.search is not None
        done = sum(map(self._is_done, self.cells.values()))
        every = f" of {self.search.trials}" if self.search.trials is not None else ""
        return f"{done}{every} trials done"

    def _best_of(self, cell: _Cell) -> float:
        """The best validation accuracy of a model of a cell, of the epochs that were shown."""
        cell.best = max([cell.best, *(r.validation_accuracy or 0.0 for r in cell.newest.values())])
        return cell.best

    def _left(self) -> str:
        """The remaining time of the whole study, from the speeds measured so far."""
        rates = self._rates()
        if rates:
            self.rate = statistics.fmean(rates)
        elif self.rate is None:
            return ""
        left = [p.predicted_s * (p.total - p.done) / p.total for p in self.populations.values()]
        seconds = self.rate * max(max(left), (sum(left) + self._undrawn_s()) / self.workers)
        return f"{duration(seconds)} left" if seconds >= 1 else ""

    def _rates(self) -> list[float]:
        """Measured over predicted seconds, of each population that trains.

        Those of a search wait for one another at its rungs: for them, of all work together.
        """
        if self.search is None:
            return [
                remaining / (p.predicted_s * (p.total - p.done) / p.total)
                for p in self.populations.values()
                if p.done < p.total and (remaining := p.remaining_s()) is not None
            ]
        every = self.populations.values()
        done_s = sum(p.predicted_s * (p.done - p.done_before) / p.total for p in every)
        if self.began is None or done_s <= 0:
            return []
        return [self.workers * (time.monotonic() - self.began) / done_s]

    def _begin(self, progress: _Progress) -> None:
        """Start the clocks, at the first news of this session."""
        progress.begin()
        self.began = self.began or progress.since

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
        remaining = 0.0  # of a search, whose populations wait, nobody knows
        if self.search is None:
            remaining = max((progress.remaining_s() or 0.0) for progress in of_cell)
        left = "done" if self._is_done(cell) else duration(remaining) if remaining else ""
        if cell.pruned:
            left = "pruned"
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


def searched(study: "Study") -> str:
    """How a search draws its trials: "of 12 trials, 4 at a time (tpe)"."""
    search = study.search
    assert search is not None
    ends = []
    if search.trials is not None:
        ends.append(f"of {counted(search.trials, 'trial')}")
    if search.seconds is not None:
        ends.append(f"for {duration(search.seconds)} of work")
    return f"{', '.join(ends)}, {search.parallel} at a time ({search.sampler})"


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
