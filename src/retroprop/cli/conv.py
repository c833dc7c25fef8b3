"""`retroprop conv`: the table of a stack, or all layers that make one shape of another."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from math import prod
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from retroprop.calculus.convolution_arithmetic import (
    Convolution,
    count_solutions,
    solutions,
)
from retroprop.calculus.layers import describe
from retroprop.calculus.receptive_field import Field
from retroprop.calculus.solutions import skipped, used_first, why_none
from retroprop.calculus.stack import Row, measure
from retroprop.calculus.stack_text import parse, parse_sizes
from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Flag, WholeNumber
from retroprop.errors import UserError, in_short
from retroprop.files import replace_file

console = Terminal()

MOST_LISTED = 10_000
"""Solutions that are all printed."""
FEW = 100
"""Of more, so many are."""

Option = Annotated[WholeNumber | None, Parameter(negative=())]


def conv(
    stack: str | None = None,
    /,
    *,
    solve: Annotated[str | None, Parameter(negative=())] = None,
    kernel: Option = None,
    stride: Option = None,
    padding: Option = None,
    dilation: Option = None,
    picture: Annotated[Path | None, Parameter(negative=())] = None,
    step: Option = None,
    still: Flag = False,
) -> None:
    """Calculate a stack of convolutions, or find all layers that make a wanted shape.

    Parameters
    ----------
    stack
        The input and the layers, such as "3x32x32 > conv 8 k3 p1 > maxpool 2".
    solve
        Instead of a stack, an input and an output, such as "3x32x32 > 28x4x4": prints every
        convolution with square windows between them.
    kernel
        With --solve: only this kernel.
    stride
        With --solve: only this stride.
    padding
        With --solve: only this padding.
    dilation
        With --solve: only this dilation.
    picture
        Draw a layer of the stack to this file: .svg (animated) or .png.
    step
        Which layer --picture draws, counted from 1; the first one with windows by default.
    still
        With --picture: an .svg that does not move.
    """
    if (stack is None) == (solve is None):
        raise UserError(
            'give a stack such as "3x32x32 > conv 8 k3", or --solve "3x32x32 > 28x4x4"; quote it.'
        )
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    given = {name: value for name, value in given.items() if value is not None}
    if solve is not None:
        if picture or step or still:
            raise UserError("--picture draws a layer of a stack; leave --solve out.")
        _solve(solve, given)
        return
    if given:
        raise UserError(f"--{next(iter(given))} goes with --solve; in a stack it is a letter.")
    if picture is None and (step is not None or still):
        raise UserError(f"--{'still' if still else 'step'} goes with --picture FILE.svg.")
    assert stack is not None
    rows = measure(stack)
    drawn = _draw(stack, rows, picture, step, still) if picture else None
    _print_table(rows)
    if drawn:
        console.print(drawn, soft_wrap=True)


# -- the table of a stack ---------------------------------------------------------------------


def _print_table(rows: Sequence[Row]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    widest = max(len(word) for row in rows for word in row.text.split())
    table.add_column("layer", min_width=widest, vertical="bottom")
    for name in ("shape", "values", "weights", "biases", "multiply-\nadds", "sees", "jump", "from"):
        table.add_column(name, justify="right", vertical="bottom", no_wrap=True)
    for row in rows:
        counts = (row.values, row.weights, row.biases, row.multiply_adds)
        table.add_row(
            "input" if row is rows[0] else Text(row.text),
            describe(row.shape),
            *(f"{count:,}" if count else "–" for count in counts),
            *_sight(row, rows[0]),
        )
    console.print_table(table)
    weights, biases = sum(row.weights for row in rows), sum(row.biases for row in rows)
    additions = sum(row.multiply_adds for row in rows)
    last = rows[-1]
    size = describe(last.shape) + (f" = {last.values:,}" if len(last.shape) > 1 else "")
    console.print(f"\nOutput: {size} values.", soft_wrap=True)
    console.print(
        f"Parameters: {weights + biases:,} ({weights:,} weights, {biases:,} biases). "
        f"Multiply-adds: {additions:,} for one example.",
        soft_wrap=True,
    )
    if last.fields is not None:
        console.print(
            f"A value of the output sees {describe(last.sees or ())} pixels; its neighbour sees "
            f"those {_both(last.fields, 'jump')} further on. The first begins at pixel "
            f"{_both(last.fields, 'start')} (below 0: padding).",
            soft_wrap=True,
        )


def _sight(row: Row, image: Row) -> tuple[str, str, str]:
    """What a value sees: pixels, jump, and where the first value begins."""
    if row.fields is not None:
        return (
            _both(row.fields, "size"),
            _both(row.fields, "jump"),
            _both(row.fields, "start"),
        )
    if row.sees is None:
        return "–", "–", "–"
    if row.sees == image.shape[1:]:
        return "all", "–", "–"
    height, width = row.sees
    return f"≤ {height}" if height == width else f"≤ {height}×{width}", "–", "–"


def _both(fields: tuple[Field, Field], name: str) -> str:
    """One number where height and width agree."""
    height, width = (str(getattr(field, name)) for field in fields)
    return height if height == width else f"{height}×{width}"


# -- the inverse ------------------------------------------------------------------------------


def _solve(text: str, given: dict[str, int]) -> None:
    before, after = parse_sizes(text)
    sizes = before[-2:], after[-2:]
    found = count_solutions(*sizes, **given)
    task = ", ".join(
        [
            f"{describe(before)} → {describe(after)}",
            *(f"{name} {value}" for name, value in given.items()),
        ]
    )
    if not found:
        console.print(f"{task}: no solution, because {why_none(*sizes, **given)}.", soft_wrap=True)
        sys.exit(1)
    count = f"{found:,} solution{'s' if found > 1 else ''}"
    console.print(Text(f"{task}: {count}", style="bold"), soft_wrap=True)
    free = [name for name in Convolution._fields if name not in given]
    if found > MOST_LISTED:
        few = islice(solutions(*sizes, **given), FEW)
        _print_solutions(list(few), free)
        console.print(
            f"\nThese are the first {FEW:,} of {found:,}, those with the smallest kernels. Fix one "
            f"quantity or several to see them all: --{' or --'.join(free)}.",
            soft_wrap=True,
        )
        return
    listed = sorted(solutions(*sizes, **given))
    _print_solutions(listed, free)
    if found > 1:
        _print_used_first(listed, before, after)
    if len(free) > 1 or "padding" in free or "dilation" in free:
        limits = _limits(given, sizes[1])
        console.print(f"\nThe free quantities were searched with {limits}.", soft_wrap=True)


def _print_solutions(listed: Sequence[Convolution], free: Sequence[str]) -> None:
    """Every solution: those that differ in one quantity alone share a line."""
    last = "stride" if "stride" in free else free[-1] if free else "kernel"
    columns = [name for name in Convolution._fields if name in free and name != last]
    order = [name for name in ("dilation", "padding", "kernel", "stride") if name in columns]

    def shared(one: Convolution) -> tuple[int, ...]:
        return tuple(getattr(one, name) for name in order)

    lines = []  # of text, since a table of thousands of rows takes rich seconds to lay out
    for _, group in groupby(sorted(listed, key=lambda one: (shared(one), one)), key=shared):
        together = list(group)
        values = ", ".join(_ranges([getattr(one, last) for one in together]))
        cells = [f"{getattr(together[0], name):>{len(name)}}" for name in columns]
        lines.append("  ".join([*cells, values]))
    console.print(Text("  ".join([*columns, last]), style="bold"), soft_wrap=True)
    console.print("\n".join(lines), soft_wrap=True)


def _ranges(values: Sequence[int]) -> Iterator[str]:
    """8–10 for 8, 9, 10.

    >>> list(_ranges([1, 3, 4, 6, 7, 8]))
    ['1', '3, 4', '6–8']
    """
    for _, run in groupby(enumerate(values), key=lambda pair: pair[1] - pair[0]):
        together = [str(value) for _, value in run]
        yield f"{together[0]}–{together[-1]}" if len(together) > 2 else ", ".join(together)


def _print_used_first(
    listed: Sequence[Convolution], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    console.print(Text("\nWhat people would use first", style="bold"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    with_channels = len(before) == 3
    for name in (*Convolution._fields, *(["weights"] if with_channels else [])):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in used_first(listed, before[-2:]):
        numbers = [*one, *([before[0] * after[0] * one.kernel**2] if with_channels else [])]
        missed = max(skipped(one, size) for size in before[-2:])
        table.add_row(
            *(f"{number:,}" for number in numbers),
            "sees every pixel" if not missed else f"overlooks {missed} of {max(before[-2:])} rows",
        )
    console.print_table(table)


def _limits(given: dict[str, int], after: Sequence[int]) -> str:
    """What "all" means, for these quantities."""
    limits = []
    if "padding" not in given:
        limits.append("a padding smaller than the extent of the kernel")
    if not {"kernel", "dilation"} <= set(given):
        padded = "padded input" if "padding" in given else "input"
        limits.append(f"a kernel whose extent is at most that of the {padded}")
    if "dilation" not in given:
        limits.append("no dilation of a kernel of 1")
    if "stride" not in given and prod(after) == 1:
        limits.append("the smallest stride alone, as there is one window")
    return " and ".join(limits)


# -- the picture ------------------------------------------------------------------------------


def _draw(stack: str, rows: Sequence[Row], file: Path, step: int | None, still: bool) -> str:
    """Write the picture of one layer; the sentence that says where it is.

    Raises:
        UserError: If there is no such layer, it cannot be drawn, or the file cannot be written.
    """
    from retroprop.figures.convolution_diagram import draw, drawable, scene
    from retroprop.figures.moving_convolution import to_moving_svg
    from retroprop.figures.style import to_bytes

    steps = parse(stack).steps
    if file.suffix not in (".svg", ".png"):
        raise UserError(f"--picture writes .svg or .png, and got {str(file)!r}.")
    if step is None:
        step = next((i for i, one in enumerate(steps, start=1) if drawable(one.layer)), 1)
    if not 1 <= step <= len(steps):
        raise UserError(f"the stack has {len(steps)} steps, and no step {step}.")
    one, shape = steps[step - 1], rows[step - 1].shape
    picture = scene(one.layer, shape)
    try:
        if file.suffix == ".png":
            figure = draw(picture)
            figure.patch.set(alpha=1, facecolor="white")
            picture = to_bytes(figure, file.suffix, dpi=200)
        else:
            title = f"{describe(shape)} > {one.text}"
            svg = to_moving_svg(picture, name=f"step{step}", title=title, moving=not still)
            picture = svg.encode()
        replace_file(file, picture)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {in_short(error)}.") from None
    return f"Wrote {file}: step {step}, {one.text}."
