"""`retroprop data list | fetch | verify | show`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from retroprop import data
from retroprop.cli.console import Terminal
from retroprop.cli.parameters import Flag, ReadersLanguage, WholeNumber
from retroprop.data.cache import cache_folder
from retroprop.data.own import kept_sets
from retroprop.errors import UserError
from retroprop.languages import reader_language

console = Terminal()


def list_datasets() -> None:
    """List the data sets: shape, size, licence, and where each one is."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("name", "images", "train", "test", "decoded", "licence", "where"):
        right = name in ("train", "test", "decoded")
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="fold")
    absent = []
    own = [(one.info, ["cache"]) for one in kept_sets()]
    for info, places in [(info, _places(info)) for info in data.CATALOG.values()] + own:
        table.add_row(
            info.name,
            "×".join(map(str, info.image_shape)),
            f"{info.n_train:,}",
            f"{info.n_test:,}",
            f"{info.decoded_bytes / 1e6:.0f} MB",
            info.licence,
            ", ".join(places) or "not here yet",
        )
        if not places:
            absent.append(info)
    console.print_table(table)
    console.print()
    for info in absent:
        console.print(
            f"To have {info.name} ({info.download_bytes / 1e6:.0f} MB to download):  "
            f"retroprop data fetch {info.name}",
            soft_wrap=True,
        )
    console.print("Your own pictures, a folder per class:  retroprop data show folder:PATH")
    console.print(f"Cache:  {cache_folder()}", soft_wrap=True)


def _places(info: data.DatasetInfo) -> list[str]:
    """Where a set of the catalog is."""
    cached = (cache_folder() / info.name).is_dir()
    return ["package"] * info.bundled + ["cache"] * cached


def fetch(
    name: str,
    /,
    *,
    folder: Annotated[Path | None, Parameter(name="--from", negative=())] = None,
    offline: Flag = False,
) -> None:
    """Have a data set ready in the cache; the only command that opens a connection.

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
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        attempts = data.fetch(
            name, folder=folder and folder.expanduser(), network=not offline, progress=progress
        )
    for attempt in attempts:
        outcome = "found" if attempt.error is None else attempt.error
        console.print(f"{attempt.source}: {outcome}", soft_wrap=True)
    console.print(f"{name} is ready in {cache_folder() / name}", soft_wrap=True)


def verify(name: str | None = None, /) -> None:
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
        checks = data.verify(dataset)
        for where in dict.fromkeys(check.where for check in checks):
            wrong = [check for check in checks if check.where == where and not check.ok]
            failed += wrong
            outcome = "as published"
            if wrong:
                outcome = f"{', '.join(check.array for check in wrong)}: NOT as published"
            mark = "✗" if wrong else "✓"
            console.print(f"{mark} {dataset} in the {where}: {outcome}", soft_wrap=True)
    if failed:
        raise UserError(_what_to_do(failed))


def show(
    name: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(negative=())] = None,
    per_class: WholeNumber = 10,
    lang: ReadersLanguage = None,
) -> None:
    """Draw a labelled sheet of samples, a row per class.

    Parameters
    ----------
    name
        The data set, for instance fashion-mnist; or your own: folder:PATH, with a folder of
        pictures per class, or npz:PATH.
    output
        The PNG file to write; NAME-samples.png by default.
    per_class
        Images per class.
    lang
        The language of the class names: en or fr. Default: the reader's.
    """
    from retroprop.data.sheet import draw_sample_sheet

    dataset = data.load(name)
    path = output or Path(f"{dataset.info.slug}-samples.png")
    language = lang or reader_language()
    written = draw_sample_sheet(dataset, path, per_class=per_class, lang=language)
    console.print(f"Wrote {written}", soft_wrap=True)


def _what_to_do(failed: list[data.Check]) -> str:
    """Say how to get the published bytes back, by where the wrong ones are."""
    fixes = []
    for check in {check.dataset: check for check in failed if check.where == "cache"}.values():
        fixes.append(f"run retroprop data fetch {check.dataset}, which makes the cache anew")
    if any(check.where == "package" for check in failed):
        fixes.append("install the package again")
    arrays = f"{len(failed)} array{'s differ' if len(failed) > 1 else ' differs'}"
    return f"{arrays} from the published bytes; {', and '.join(fixes)}."
