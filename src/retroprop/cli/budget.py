"""`retroprop budget`: the size of a network that has a wanted number of parameters."""

import re
import sys
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import WholeNumber
from retroprop.errors import UserError, in_short
from retroprop.models.budget import (
    LARGEST,
    Answer,
    Budget,
    CNNBudget,
    MLPBudget,
    Quantity,
    Unknown,
    solve,
)

console = Terminal()

MOST_ROWS = 21
"""Of the table; of more values, those nearest to the target are shown."""

Option = Annotated[WholeNumber | None, Parameter(negative=())]
Word = Annotated[str | None, Parameter(negative=())]


def budget(
    network: Literal["mlp", "cnn"],
    /,
    *,
    target: Option = None,
    tolerance: Annotated[WholeNumber, Parameter(negative=())] = 10_000,
    hidden: Word = None,
    width: Word = None,
    depth: Word = None,
    channels: Word = None,
    kernel: Word = None,
    stride: Word = None,
    padding: Word = None,
    dense: Word = None,
    inputs: Option = None,
    image: Word = None,
    classes: Annotated[WholeNumber, Parameter(negative=())] = 10,
) -> None:
    """Find the size of a network that has a wanted number of parameters.

    Parameters
    ----------
    network
        mlp or cnn.
    target
        The wanted number of parameters: weights and biases.
    tolerance
        How far the number may be off.
    hidden
        mlp: units of each hidden layer, such as 256,256 or 256,x; or none.
    width
        Units of every hidden layer (mlp), channels of every convolution (cnn); goes with --depth.
    depth
        How many hidden layers, or convolutions; goes with --width.
    channels
        cnn: channels of each convolution, such as 16,32,45.
    kernel
        cnn: height and width of the kernels, one for all or one for each; 3 by default.
    stride
        cnn: likewise; 1 by default.
    padding
        cnn: likewise; 0 by default.
    dense
        cnn: units of the hidden dense layers, or none; 256,256 by default.
    inputs
        mlp: numbers per example; 784 by default.
    image
        cnn: channels, height and width of the images; 1x28x28 by default.
    classes
        How many classes.
    """
    of_the_other = {
        "mlp": {
            "channels": channels, "kernel": kernel, "stride": stride, "padding": padding,
            "dense": dense, "image": image,
        },
        "cnn": {"hidden": hidden, "inputs": inputs},
    }[network]  # fmt: skip
    for name, value in of_the_other.items():
        if value is not None:
            raise UserError(f"--{name} says nothing of {network}; leave it out.")
    numbers = (classes, 784 if inputs is None else inputs)
    if min(numbers) < 1 or max(numbers) > LARGEST:
        raise UserError(f"--classes and --inputs must be at least 1, and at most {LARGEST:,}.")
    layers = {"width": _one("--width", width), "depth": _one("--depth", depth)}
    if network == "mlp":
        asked: Budget = MLPBudget(
            input_size=inputs or 784,
            num_classes=classes,
            hidden_sizes=_list("--hidden", hidden),
            **layers,
        )
    else:
        asked = CNNBudget(
            image=_image(image or "1x28x28"),
            num_classes=classes,
            channels=_list("--channels", channels),
            kernel_sizes=_list("--kernel", kernel) or (3,),
            strides=_numbers("--stride", stride or "1"),
            paddings=_numbers("--padding", padding or "0", least=0),
            dense_hiddens=_list("--dense", dense or "256,256") or (),
            **layers,
        )
    if not any(isinstance(one, Unknown) for one in asked.quantities()):
        _print_count(asked, target, tolerance)
    elif target is None:
        raise UserError("x is found for a number of parameters; give it: --target 269322.")
    else:
        _print_answer(solve(asked, target, tolerance), target, tolerance)


def _print_count(asked: Budget, target: int | None, tolerance: int) -> None:
    """The parameters of a network of which all is known."""
    if not asked.possible(1):
        raise UserError("a kernel does not fit into what comes to it; take a smaller one.")
    count = asked.parameters(1)
    line = f"{count:,} parameters"
    if target is not None:
        off = count - target
        verdict = "within" if abs(off) <= tolerance else "outside"
        line += f": {_signed(off)} from {target:,}, {verdict} ± {tolerance:,}"
    console.print(line + ".", soft_wrap=True)


def _print_answer(answer: Answer, target: int, tolerance: int) -> None:
    within, nearest = answer.within, answer.nearest(target)
    wanted = f"{target:,} ± {tolerance:,} parameters"
    if within:
        values = f"x = {within[0].x}" + (f" to {within[-1].x}" if len(within) > 1 else "")
        count = "1 value" if len(within) == 1 else f"{len(within):,} values"
        console.print(Text(f"{wanted}: {count}, {values}", style="bold"), soft_wrap=True)
    else:
        console.print(Text(f"{wanted}: no value of x", style="bold"), soft_wrap=True)
    around = [answer.below, *within, answer.above]
    rows = [one for one in around if one is not None]
    rows = sorted(sorted(rows, key=lambda one: abs(one.parameters - target))[:MOST_ROWS])
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("x", "parameters", "difference"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in rows:
        off = one.parameters - target
        notes = ["nearest"] * (one == nearest) + ["outside"] * (abs(off) > tolerance)
        table.add_row(f"{one.x:,}", f"{one.parameters:,}", _signed(off), ", ".join(notes))
    console.print_table(table)
    if answer.above is None and answer.highest is not None:
        console.print(
            f"From x = {answer.highest + 1} on a kernel does not fit into what comes to it.",
            soft_wrap=True,
        )
    if not within:
        sys.exit(1)


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "0"


# -- what the person wrote --------------------------------------------------------------------


def _list(option: str, text: str | None) -> list[Quantity] | None:
    """16,32,x; or "none" for no layer."""
    if text is None:
        return None
    if text.strip() == "none" and option in ("--hidden", "--dense"):
        return []
    return [_quantity(option, word) for word in text.split(",")]


def _quantity(option: str, text: str) -> Quantity:
    """A number from 1, x, or a multiple such as 2x."""
    found = re.fullmatch(r"(0*[1-9]\d{0,6})?(x?)", text.strip(), re.ASCII | re.IGNORECASE)
    if not found or not found[0]:
        raise UserError(
            f"{option} takes whole numbers from 1, or x for the one to be found, such as 32 or x; "
            f"got {in_short(text)}."
        )
    number = int(found[1] or 1)
    return Unknown(number) if found[2] else number


def _one(option: str, text: str | None) -> Quantity | None:
    return None if text is None else _quantity(option, text)


def _numbers(option: str, text: str, least: int = 1) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"\d{1,6}", word, re.ASCII) and int(word) >= least for word in words):
        raise UserError(
            f"{option} takes whole numbers from {least}, such as 1,2; got {in_short(text)}."
        )
    return [int(word) for word in words]


def _image(text: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"(\d{1,6})[x×,](\d{1,6})[x×,](\d{1,6})", text.strip(), re.ASCII)
    if not found or not all(int(size) for size in found.groups()):
        raise UserError(
            f"--image takes channels, height and width, such as 1x28x28; got {in_short(text)}."
        )
    return int(found[1]), int(found[2]), int(found[3])
