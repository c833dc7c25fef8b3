"""`retroprop summary`: what a network is made of, and what it costs."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Database, WholeNumber, model_options, usual_dataset
from retroprop.data import find
from retroprop.errors import UserError
from retroprop.files import DEFAULT_DATABASE

if TYPE_CHECKING:
    from torch import nn

    from retroprop.models.summary import ModelSummary

SMALL = 2 * 10**10
"""Weights times pixels below which an example is computed in a moment."""
LARGEST_SIDE = 4096
"""Channels, or pixels along one side, of an input that somebody may ask about."""


def summary(
    model: str,
    /,
    *,
    input_shape: Annotated[str | None, Parameter(negative=())] = None,
    classes: WholeNumber = 10,
    batch_size: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    depth: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    changes: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Show a network layer by layer: shapes, parameters, multiply-adds and memory.

    Parameters
    ----------
    model
        mlp, cnn, resnet18 or mlp-mixer; or a trained one: a number that `retroprop runs STUDY`
        prints, or a folder that `retroprop train` wrote. Its images and options are its own.
    input_shape
        Channels, height and width of an image, with commas. Default: those that `retroprop train`
        uses for this model: 1,28,28, or 3,32,32 for resnet18 and mlp-mixer.
    classes
        How many classes the network tells apart.
    batch_size
        Images per step, for the estimate of the memory that training takes. Default: those of the
        run, or else 128.
    depth
        Add up layers whose names begin with so many equal parts: 1 shows each stage as one row.
    changes
        An option of the network, as key=value; may be given several times. Below the table stand
        all of them.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    for name, value in (("--batch-size", batch_size), ("--depth", depth)):
        if value is not None and not 1 <= value <= 10**9:
            raise UserError(f"{name} is a whole number from 1 on, and got {value}.")
    shape = _usual_shape(model) if input_shape is None else _shape(input_shape)

    from retroprop.models.catalog import MODELS, written
    from retroprop.models.summary import summarize

    if model.isdigit() or (model not in MODELS and Path(model).exists()):
        network, shape, options, of_run = _trained(model, db)
    else:
        network, options = _untrained(model, shape, classes, changes or ())
        of_run = None
    found = summarize(network, shape)
    console = Terminal(soft_wrap=True, width=_width())
    _print_layers(console, found, depth)
    _print_totals(console, found, batch_size or of_run or 128)
    chosen = "; ".join(f"{key}={written(value)}" for key, value in options.items())
    console.print(f"{'Options:':<18}{chosen}")


def _trained(
    run: str, db: str
) -> "tuple[nn.Module, tuple[int, int, int], dict[str, Any], int | None]":
    """The network of a run or a file, its images as (channels, height, width), options, batch."""
    from retroprop.studies.run_models import find_model

    model = find_model(run, db)
    height, width, channels = model.card.image_shape
    return model.network, (channels, height, width), model.card.options, model.batch_size


def _untrained(
    model: str, shape: tuple[int, int, int], classes: int, changes: Sequence[str]
) -> "tuple[nn.Module, dict[str, Any]]":
    """A network of the catalog without numbers, and all its options."""
    import torch

    from retroprop.models.catalog import build, find_model

    info = find_model(model)
    options = {**info.options, **model_options(info, changes)}
    with torch.device("meta"):  # shapes without numbers: any size answers at once
        network = build(model, shape, classes, options)
    weights = sum(one.numel() for one in network.parameters())
    if weights * math.prod(shape[1:]) < SMALL:  # torch imports for a second to compute shapes
        network = network.to_empty(device="cpu")
        for tensor in network.state_dict().values():
            tensor.zero_()
    return network, options


def _print_layers(console: Terminal, found: "ModelSummary", depth: int | None) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for name in ("output", "parameters", "multiply-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("input", "", _shape_text(found.input_shape), "", "", style="dim")
    for layer in found.layers if depth is None else found.grouped(depth):
        table.add_row(
            Text(layer.name),
            layer.kind,
            _shape_text(layer.output_shape),
            f"{layer.parameters:,}" if layer.parameters else "–",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "–",
        )
    console.print_table(table)


def _print_totals(console: Terminal, found: "ModelSummary", batch_size: int) -> None:
    training = _memory(found.training_bytes(batch_size))
    lines = (
        ("Parameters:", f"{found.parameters:,}"),
        ("Multiply-adds:", f"{found.multiply_adds:,} for one example"),
        ("Weights file:", f"{_memory(found.model_bytes)} in float32"),
        ("Training memory:", f"about {training} with Adam, {batch_size:,} images per step"),
    )
    console.print()
    for name, value in lines:
        console.print(f"{name:<18}{value}")


def _usual_shape(model: str) -> tuple[int, int, int]:
    """The images on which `retroprop train` trains this model where nobody says another."""
    height, width, channels = find(usual_dataset(model)).size
    return channels, height, width


def _shape(text: str) -> tuple[int, int, int]:
    """Channels, height and width."""
    try:
        sizes = [int(part) for part in text.replace("x", ",").replace("×", ",").split(",")]
    except ValueError:
        sizes = []
    if len(sizes) != 3 or not all(1 <= size <= LARGEST_SIDE for size in sizes):
        raise UserError(
            f"--input-shape is CHANNELS,HEIGHT,WIDTH, such as 3,32,32 with sizes from 1 to "
            f"{LARGEST_SIDE:,}, and got {text!r}."
        )
    channels, height, width = sizes
    return channels, height, width


def _shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _memory(n_bytes: int) -> str:
    """Bytes for people: 45 MB, 1.2 GB."""
    unit, name = next(
        ((size, name) for size, name in ((1e9, "GB"), (1e6, "MB")) if n_bytes >= size), (1e3, "kB")
    )
    amount = n_bytes / unit
    return f"{amount:,.0f} {name}" if amount >= 100 else f"{amount:.3g} {name}"


def _width() -> int | None:
    """The terminal's; a pipe gets whole rows."""
    return None if Terminal().is_terminal or "COLUMNS" in os.environ else 120
