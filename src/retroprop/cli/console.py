"""Where commands print: text as it is, to a terminal that may be narrow, dumb, full or closed."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.control import strip_control_codes
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from retroprop.progress import watchers

FEWEST_COLUMNS = 20
FEWEST_SHOWN = 200
"""Things of which a bar tells how many are through."""


class Terminal(Console):
    """A console that shows text as it is: a name with [brackets] or :colons: in it means nothing.

    Args:
        options: Those of rich's console.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    @property  # pyright: ignore[reportIncompatibleVariableOverride]
    def size(self) -> ConsoleDimensions:
        """Columns and lines of the terminal: below some columns, no layout comes to an end."""
        found = super().size
        width = found.width if self._width is None else self._width  # rich asks no dumb terminal
        return found._replace(width=max(width, FEWEST_COLUMNS))

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    @property
    def can_redraw(self) -> bool:
        """Whether lines can be drawn again: bars and live tables need it."""
        return self.is_terminal and not self.is_dumb_terminal

    @property
    def readable_width(self) -> int:
        """The width to lay lines out for: a terminal that is narrower breaks them."""
        return max(self.width, 40)

    def on_broken_pipe(self) -> None:
        """Leave it to `cli.entry`: a reader that left is no error, where rich would exit with 1."""
        raise

    def print_table(self, table: Table, *, whole: bool = False) -> None:
        """Print a table of which no word is cut, however narrow the terminal is.

        Args:
            table: What to print.
            whole: Whether each cell shall stand on one line, which a narrow terminal then breaks;
                otherwise that is so where the terminal is narrower than the table's longest words.
        """
        if whole:
            self._print_rows(table)
            return
        unbounded = self.options.update(width=10_000)
        for column in table.columns:  # rich would squeeze a column until its words are cut
            cells = (
                self.measure(cell, options=unbounded) for cell in (column.header, *column.cells)
            )
            column.min_width = max(cell.minimum for cell in cells)
        sizes = self.measure(table, options=unbounded)
        wanted = sizes.maximum if sizes.minimum > self.width else self.width
        options = self.options.update(width=max(wanted, self.width))
        for line in Segment.split_lines(self.render(table, options)):
            text = Text.assemble(*((part.text, part.style or "") for part in line))
            text.rstrip()
            self.print(text, soft_wrap=True)

    def _print_rows(self, table: Table) -> None:
        """Print each row of a table on a line: rich would take 2 ms for each, of thousands."""
        columns = []
        for column in table.columns:
            texts = [_one_line(str(cell)) for cell in (column.header, *column.cells)]
            widths = [cell_len(text) for text in texts]
            widest = max(widths)
            fills = [" " * (widest - width) for width in widths]
            left = column.justify == "left"
            columns.append(
                [
                    text + fill if left else fill + text
                    for text, fill in zip(texts, fills, strict=True)
                ]
            )
        header, *lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
        self.print(Text(header, style=table.header_style), soft_wrap=True)
        for start in range(0, len(lines), 100):
            block = "\n".join(lines[start : start + 100]) + "\n"
            self.print(Segments([Segment(block)]), soft_wrap=True)  # no line is looked at again


def _one_line(text: str) -> str:
    if text.isprintable():  # nearly all cells of a long table
        return text
    return strip_control_codes(" ".join(text.splitlines()))


def prepare_streams() -> None:
    """Make standard output and error safe to write to, whatever the shell made of them.

    Letters that an encoding lacks are shown as "?". A stream that the shell closed gets the null
    device in its place, lest the next file that is opened takes its number, and our output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextlib.contextmanager
def warnings_as_sentences() -> Iterator[None]:
    """Show each warning as its sentence, without the line of code that gave it."""
    shown = Terminal(stderr=True, soft_wrap=True)
    # that matplotlib cannot keep its list of fonts costs a second, and no result
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: shown.print(f"retroprop: {message}")
        yield


class _Bar:
    """Shows how far one slow thing is, on a terminal, on standard error."""

    def __init__(self) -> None:
        self._console = Terminal(stderr=True)
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Draw what is told; a short list is through before anybody has read it."""
        if total < FEWEST_SHOWN or not self._console.can_redraw:
            return
        if self._bar is None:
            from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            words = TextColumn("{task.description}", markup=False)
            columns = (words, MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(what, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)
        if done >= total:
            self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextlib.contextmanager
def progress_shown() -> Iterator[None]:
    """Show how far slow things are: thousands of pictures that are decoded."""
    bar = _Bar()
    watchers.append(bar)
    try:
        yield
    finally:
        watchers.remove(bar)
        bar.stop()


def flush_output() -> None:
    """Write what is printed and not yet written.

    Raises:
        OSError: If that is impossible.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def discard(stream: TextIO | None) -> None:
    """Let what a stream cannot write go nowhere: Python would try again, and complain, at its end.

    Args:
        stream: Standard output or error; None where the shell closed it.
    """
    if stream is None:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):  # no real file, as in a notebook
        os.dup2(null, stream.fileno())
    os.close(null)
