"""`retroprop verify`: the table of everything derived by hand, checked while one waits."""

import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import WholeNumber
from retroprop.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from retroprop.parity.comparisons import CaseResult, RowResult
    from retroprop.parity.rows import Case, Row

console = Terminal()

LARGEST = 1_000_000
"""Numbers in an input that somebody asks for: float64 on one core must answer in a minute."""

MAY_BE_ZERO = {"bias", "layers", "training", "warmup_steps"}
"""Options that may be 0 though their default is not."""

Option = Annotated[WholeNumber | None, Parameter(negative=())]
Word = Annotated[str | None, Parameter(negative=())]


def verify(
    *,
    kind: Word = None,
    layer: Word = None,
    shape: Word = None,
    population: Word = None,
    shared: Option = None,
    kernel: Option = None,
    stride: Option = None,
    padding: Option = None,
    dilation: Option = None,
    changes: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
) -> None:
    """Prove every layer, loss, optimizer, schedule and network: by hand against autograd.

    Parameters
    ----------
    kind
        Only the rows of one kind: layer, loss, optimizer, schedule, network or training.
    layer
        One row in detail, by its name: conv2d, Conv2d, softmax-cross-entropy, adam…
    shape
        Instead of the row's own shapes, this one: sizes with commas, such as 2,3,7,9. Images are
        BATCH,CHANNELS,HEIGHT,WIDTH; --layer NAME alone prints what the numbers of a row mean.
    population
        Population axes in front, such as 2,3: each member is compared with a twin of its own.
    shared
        How many of the last population axes share one input.
    kernel
        Height and width of a kernel or of a pooling window.
    stride
        Pixels from one window to the next.
    padding
        Zeros around the image.
    dilation
        Pixels from one element of a kernel to the next.
    changes
        Any other option that the row prints, as key=value; may be given several times.
    """
    import torch

    from retroprop.parity.table import TABLE, find_row, rows_of

    torch.set_num_threads(1)  # the tensors are small: two threads were measured to be slower
    flags = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    given = {name: str(value) for name, value in flags.items() if value is not None}
    given |= dict(map(_assignment, changes or ()))
    of_one_row = bool(given) or any(word is not None for word in (shape, population, shared))
    if layer is None:
        if of_one_row:
            raise UserError("a shape or an option belongs to one row; name it: --layer conv2d.")
        _verify_table(TABLE if kind is None else rows_of(kind))
        return
    if kind is not None:
        raise UserError("--layer names one row already; leave --kind out.")
    row = find_row(layer)
    _verify_row(row, [_case(row, shape, population, shared or 0, given)] if of_one_row else None)


# -- the whole table --------------------------------------------------------------------------


def _verify_table(rows: "Sequence[Row]") -> None:
    """One line per row as soon as it is checked; exit code 1 if one of them fails."""
    from retroprop.parity.comparisons import check_row

    started = time.monotonic()
    results: list[RowResult] = []
    console.print(Text(f"{'':<32}{'largest error against':>24}", style="bold"))
    console.print(Text(f"{'':<32}{'torch':>12}{'differences':>12}{'shapes':>8}", style="bold"))
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=sum(len(row.cases) for row in rows))
        for row in rows:
            if not results or results[-1].row.kind != row.kind:
                console.print(Text(row.kind, style="bold cyan"))
            progress.update(bar, description=row.name)
            results.append(check_row(row, on_case=lambda _: progress.advance(bar)))
            console.print(_line(results[-1]))
    shapes = sum(len(result.cases) for result in results)
    failed = [result for result in results if not result.passed]
    took = f"{time.monotonic() - started:.0f} s"
    if not failed:
        what = f"{len(rows)} rows, {shapes:,} shapes"
        console.print(Text(f"✓ {what}: all by hand equals torch ({took}).", style="green"))
        return
    for result in failed:
        _print_failure(result)
    console.print(Text(f"✗ {len(failed)} of {len(rows)} rows fail ({took}).", style="bold red"))
    sys.exit(1)


def _line(result: "RowResult") -> Text:
    mark, style = ("✓", "green") if result.passed else ("✗", "bold red")
    return Text.assemble(
        (f"  {mark} ", style),
        f"{result.row.name:<28}",
        f"{_error(result.against_twin):>12}{_error(result.against_differences):>12}",
        f"{len(result.cases):>8}",
    )


def _print_failure(result: "RowResult") -> None:
    """The first case that failed."""
    row = result.row
    failed = next(one for one in result.cases if not one.passed)
    see = f"--layer {row.name.lower()}"
    console.print(Text(f"\n{row.name} fails on {failed.case} (and see {see}):"))
    _print_comparisons(failed)


# -- one row ----------------------------------------------------------------------------------


def _verify_row(row: "Row", cases: "Sequence[Case] | None") -> None:
    """Each case with each of its tensors; exit code 1 if one of them fails."""
    from retroprop.parity.comparisons import check_row

    # a case that somebody asked for may be impossible: nothing is printed before it is known
    result = None if cases is None else check_row(row, cases)
    console.print(Text(f"{row.name} ({row.kind})", style="bold"), soft_wrap=True)
    console.print(Text(f"--shape {_axes(row)}{_options(row)}"), soft_wrap=True)
    console.print(Text(f"{'':<34}{'torch':>12}{'differences':>12}", style="bold"))
    if result is None:
        result = check_row(row, on_case=_print_case)
    else:
        for one in result.cases:
            _print_case(one)
    failed = sum(not one.passed for one in result.cases)
    tolerance = f"tolerance {row.tolerance:.0e}"
    if result.against_differences is not None:
        from retroprop.parity.comparisons import DIFFERENCES_TOLERANCE

        tolerance += f", central differences {DIFFERENCES_TOLERANCE:.0e}"
    shapes = f"{len(result.cases)} shape" + ("s" if len(result.cases) > 1 else "")
    if not failed:
        console.print(Text(f"✓ {shapes}: equal ({tolerance}).", style="green"))
        return
    console.print(Text(f"✗ {failed} of {shapes} fail ({tolerance}).", style="bold red"))
    sys.exit(1)


def _print_case(one: "CaseResult") -> None:
    mark, style = ("✓", "green") if one.passed else ("✗", "bold red")
    console.print(Text.assemble((f"{mark} ", style), str(one.case)), soft_wrap=True)
    _print_comparisons(one)


def _print_comparisons(one: "CaseResult") -> None:
    for each in one.comparisons:
        twin, differences = _error(each.against_twin), _error(each.against_differences)
        console.print(Text(f"    {each.tensor:<30}{twin:>12}{differences:>12}"), soft_wrap=True)


def _error(error: float | None) -> str:
    return "–" if error is None else "0" if error == 0 else f"{error:.1e}"


def _axes(row: "Row") -> str:
    return ",".join(axis.upper() for axis in row.axes)


def _options(row: "Row") -> str:
    """The row's options and their defaults, as one would give them."""
    return "".join(f" --set {name}={value}" for name, value in row.options.items())


# -- what the person asked for ----------------------------------------------------------------


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals and value.strip()):
        raise UserError(f"--set {text!r} is not key=value; write for example --set outputs=4.")
    return key.strip(), value.strip()


def _case(
    row: "Row", shape: str | None, population: str | None, shared: int, given: Mapping[str, str]
) -> "Case":
    """The case that the options describe.

    Raises:
        UserError: If there cannot be such a case.
    """
    from retroprop.parity.rows import Case

    sizes = row.cases[0].shape if shape is None else _sizes("--shape", shape)
    open_ended = row.axes[-1] == "..."
    if len(sizes) != len(row.axes) and not (open_ended and len(sizes) >= len(row.axes) - 1):
        count = f"{len(sizes)} number{'s' if len(sizes) > 1 else ''}"
        raise UserError(f"{row.name} takes --shape {_axes(row)}; got {count}.")
    members = () if population is None else _sizes("--population", population)
    if members and all(not one.population for one in row.cases):
        raise UserError(f"{row.name} has no population; leave --population out.")
    if shared and all(not one.shared for one in row.cases):
        raise UserError(f"{row.name} has no shared input; leave --shared out.")
    if not 0 <= shared <= len(members):
        raise UserError(
            f"--shared must be from 0 to the {len(members)} axes of --population, and got {shared}."
        )
    numbers = math.prod((*members, *sizes))
    if numbers > LARGEST:
        raise UserError(
            f"expected at most {LARGEST:,} numbers in the input, and got {numbers:,}; "
            "take a smaller --shape or --population."
        )
    options = {name: _value(row, name, text) for name, text in given.items()}
    return Case(sizes, members, shared, options)


def _sizes(option: str, text: str) -> tuple[int, ...]:
    """2,3,7,9 or 2x3x7x9."""
    words = re.split(r"\s*[,x×]\s*", text.strip())
    if not all(re.fullmatch(r"0*[1-9]\d*", word, re.ASCII) for word in words):
        raise UserError(
            f"{option} takes whole numbers from 1 with commas, such as 2,3,7,9; got {text!r}."
        )
    return tuple(map(int, words))


def _value(row: "Row", name: str, text: str) -> Any:
    """The value of an option, of the type of its default."""
    if name not in row.options:
        known = did_you_mean(name, row.options) if row.options else "It has none."
        raise UserError(f"{row.name} has no option {name!r}. {known}")
    default = row.options[name]
    if isinstance(default, str):
        return text
    try:
        number = type(default)(text)
    except ValueError:
        expected = "a whole number" if isinstance(default, int) else "a number"
        raise UserError(f"{name} must be {expected}, and got {text!r}.") from None
    least = 0 if isinstance(default, float) or not default or name in MAY_BE_ZERO else 1
    if not least <= number <= LARGEST:  # and no NaN either
        raise UserError(f"{name} must be from {least} to {LARGEST:,}, and got {text}.")
    return number
