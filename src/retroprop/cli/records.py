"""`retroprop records export | import | delete`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.display import counted
from retroprop.cli.parameters import Database, Flag
from retroprop.errors import UserError
from retroprop.studies.records import DEFAULT_DATABASE, Records

if TYPE_CHECKING:
    from retroprop.studies.removal import Deletion
    from retroprop.studies.transfer import Import

console = Terminal()

MOST_PAIRS = 20
"""Numbers of models that are listed one by one, where they have not moved together."""


def export(
    file: str,
    /,
    *studies: str,
    to: Annotated[Literal["file", "tensorboard"], Parameter(negative=())] = "file",
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Write study runs with their best weights into one file.

    Parameters
    ----------
    file
        The file to write, or with --to tensorboard a folder; what retroprop wrote there before is
        replaced.
    studies
        Ids of study runs, or studies, of which the latest is taken. Default: all that is recorded.
    to
        file: one that retroprop records import reads. tensorboard: a folder for TensorBoard.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    records = Records.open(db, create=False)
    path = Path(file)
    if to == "tensorboard":
        from retroprop.studies.tensorboard_export import export_tensorboard

        models = export_tensorboard(records, path, studies)
        console.print(
            f"{path}: {counted(models, 'model')}. Look at them: tensorboard --logdir {path}",
            soft_wrap=True,
        )
        return
    from retroprop.studies.transfer import export_records

    done = export_records(records, path, studies)
    size = path.stat().st_size / 1e6
    console.print(f"{path}: {counted(len(done.study_runs), 'study run')}, {size:,.1f} MB.")
    for one in done.study_runs:
        unfinished = "" if one.status == "finished" else ", which is not finished"
        console.print(f"  {one.id}{unfinished}", soft_wrap=True)
    if done.lost:
        console.print(
            f"Without the weights of {counted(len(done.lost), 'population')}, which are missing or "
            f"damaged (the first: {done.lost[0]}): their numbers are in the file.",
            soft_wrap=True,
        )
    console.print(f"Read it elsewhere:  retroprop records import {path.name}", soft_wrap=True)


def import_(file: str, /, *, db: Database = DEFAULT_DATABASE) -> None:
    """Add the study runs of a file, or of another database, to the records.

    Parameters
    ----------
    file
        A file that `retroprop records export` wrote, or the file or URL of another database.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.transfer import import_records

    records = Records.open(db)
    for one in import_records(records, file):
        console.print(Text.assemble((one.id, "bold"), f": {_imported(one)}"), soft_wrap=True)
    console.print(f"Look at them:  retroprop runs{records.option}", soft_wrap=True)


def delete(
    *what: str,
    yes: Flag = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Delete study runs, with all their models and files.

    Parameters
    ----------
    what
        Ids of study runs, as `retroprop runs` lists them. A name is enough for a study that has one
        study run, and a number for a model that is alone in its study run.
    yes
        Do not ask.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.removal import delete_study_runs, plan_deletion

    if not what:
        raise UserError("records delete takes the ids of study runs, as retroprop runs lists them.")
    records = Records.open(db, create=False)
    deletion = plan_deletion(records, what)
    if not yes and not _confirmed(deletion):
        console.print("Nothing was deleted.")
        return
    delete_study_runs(records, deletion)
    console.print(
        f"Deleted {counted(len(deletion.study_runs), 'study run')}: "
        f"{deletion.bytes / 1e6:,.1f} MB of files are free.",
        soft_wrap=True,
    )


def _confirmed(deletion: "Deletion") -> bool:
    """Whether the person at the terminal agrees.

    Raises:
        UserError: If there is nobody to ask.
    """
    asked = (
        f"{counted(len(deletion.study_runs), 'study run')} with "
        f"{counted(deletion.models, 'model')} and {deletion.bytes / 1e6:,.1f} MB of files"
    )
    if sys.stdin is None or not sys.stdin.isatty():
        raise UserError(
            f"records delete would delete {asked}, and there is no terminal to ask at; add --yes "
            "to delete them."
        )
    for one in deletion.study_runs:
        console.print(f"{one.id}: {one.status}, begun {one.created_at}", soft_wrap=True)
    console.print(f"Delete {asked}? Nothing brings them back. [y/N] ", end="", soft_wrap=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "o", "oui")


def _imported(one: "Import") -> str:
    """What became of a study run of a file."""
    if not one.numbers:
        return "is recorded already; nothing was added."
    renamed = "" if one.old == one.id else f" (there it is {one.old}, a name that is taken here)"
    lost = f" {counted(one.lost, 'population')} came without weights." if one.lost else ""
    return f"{counted(len(one.numbers), 'model')}{renamed}; {_moved(one.numbers)}.{lost}"


def _moved(numbers: Mapping[int, int]) -> str:
    """How the numbers of models were changed.

    >>> _moved({1: 10, 2: 11, 3: 12}), _moved({4: 4}), _moved({2: 1, 9: 2})
    ('runs 1 to 3 are 10 to 12 here', 'run 4 is 4 here', 'run 2 is 1 here, run 9 is 2 here')
    """
    old, new = list(numbers), list(numbers.values())
    together = len({after - before for before, after in numbers.items()}) == 1
    if together and len(old) > 1 and old == list(range(old[0], old[0] + len(old))):
        return f"runs {old[0]} to {old[-1]} are {new[0]} to {new[-1]} here"
    pairs = [f"run {before} is {after} here" for before, after in numbers.items()]
    more = len(pairs) - MOST_PAIRS
    return ", ".join(pairs[:MOST_PAIRS]) + (f", and {more} more in this order" if more > 0 else "")
