"""Delete study runs, and what killed imports and deletions left of them.

The rows go first, in one transaction, and the files after it: the records never name a file that is
gone. A folder of parameters that no row names yet, or no longer, holds a mark with the name of its
database; where a process was killed, the next import or deletion removes the folder with it.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.files import held, remove_file, replace_file
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.stores import CHECKPOINTS, Store, open_store
from retroprop.studies.whole_runs import delete_whole

_MARK = ".unrecorded"


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What deleting some study runs takes away.

    Attributes:
        study_runs: Those to delete.
        models: How many they have.
        bytes: Of their files.
    """

    study_runs: tuple[StudyRunRecord, ...]
    models: int
    bytes: int


def plan_deletion(records: Records, names: Sequence[str]) -> Deletion:
    """What deleting study runs would take away; nothing is deleted.

    Args:
        records: That hold them.
        names: Ids of study runs, names of studies that have one, or the number of the only model
            of a study run.

    Raises:
        UserError: If there is none of this name, or it is one of several models: without it its
            study would say less than it set out to measure.
    """
    found = {one.id: one for one in (_named(records, name) for name in names)}
    models = sum(len(records.runs(id, with_epochs=False)) for id in found)
    taken = sum(_bytes(checkpoints(records) / id) for id in found if not _shared(records, id))
    for store, folder in _elsewhere(records, found.values()):
        with contextlib.suppress(UserError):  # a store that is gone is no reason to keep the rows
            taken += store.size(folder)
    return Deletion(study_runs=tuple(found.values()), models=models, bytes=taken)


def delete_study_runs(records: Records, deletion: Deletion) -> None:
    """Delete study runs and their files.

    Raises:
        UserError: If another process trains one of them, or the database refuses; nothing is
            deleted then.
    """
    remove_unrecorded(records)
    folders = [checkpoints(records) / one.id for one in deletion.study_runs]
    kept = [folder for folder in folders if _shared(records, folder.name)]
    with contextlib.ExitStack() as stack:
        for folder in folders:
            stack.enter_context(only_one(records, folder))
        for folder in folders:
            if folder not in kept:
                mark(records, folder)
        delete_whole(records, [folder.name for folder in folders])
        for folder in folders:
            if folder not in kept:
                remove_folder(folder)
        for store, folder in _elsewhere(records, deletion.study_runs):
            store.remove_all(folder)


def _elsewhere(records: Records, study_runs: Iterable[StudyRunRecord]) -> list[tuple[Store, str]]:
    """The stores that hold files of study runs, and the folder in each; not that of the records."""
    return [
        (open_store(one.store, records.folder), f"{CHECKPOINTS}/{one.id}")
        for one in study_runs
        if one.store is not None
    ]


def remove_unrecorded(records: Records) -> None:
    """Remove the folders that killed imports and deletions of this database left."""
    known = {one.id for one in records.study_runs()}
    for found in checkpoints(records).glob(f"*/{_MARK}"):
        folder = found.parent
        with contextlib.suppress(UserError, OSError), only_one(records, folder):
            if found.read_text(encoding="utf-8") != _owner(records):
                continue
            if folder.name in known:
                remove_file(found)
            else:
                remove_folder(folder)


def checkpoints(records: Records) -> Path:
    """Where the parameters of all study runs lie."""
    return records.folder / CHECKPOINTS


def mark(records: Records, folder: Path) -> None:
    """Say that no row names this folder yet, or will soon name it no longer."""
    replace_file(folder / _MARK, _owner(records).encode(), durable=True)


def unmark(folder: Path) -> None:
    """Say that rows name this folder."""
    remove_file(folder / _MARK)


@contextlib.contextmanager
def only_one(records: Records, folder: Path) -> Iterator[None]:
    """Hold a study run and its folder: two processes must not train or change it at once.

    Raises:
        UserError: If another process has it, or the folder cannot be written.
    """
    busy = (
        f"another retroprop process is training or changing {folder.name}; wait for it to end, or "
        "name another database with --db."
    )
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder, busy=busy))
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({in_short(error)}); choose a folder that you may "
                "write to, with --db FOLDER/retroprop.db."
            ) from error
        stack.enter_context(records.held(folder.name, busy=busy))
        yield


def _named(records: Records, name: str) -> StudyRunRecord:
    known = records.study_runs()
    if name.isascii() and name.isdigit() and len(name) < 19:
        run = records.run(int(name))
        siblings = len(records.runs(run.study_run_id, with_epochs=False))
        if siblings > 1:
            raise UserError(
                f"run {run.id} is one of the {siblings} models of {run.study_run_id}, and without "
                "it the study would be incomplete; delete the whole study run: retroprop records "
                f"delete {run.study_run_id}{records.option}."
            )
        name = run.study_run_id
    of_study = [one for one in known if one.study == name]
    exact = [one for one in known if one.id == name]
    if exact or len(of_study) == 1:
        return (exact or of_study)[0]
    if of_study:
        ids = ", ".join(one.id for one in of_study[:20])
        raise UserError(f"{in_short(name)} has {len(of_study)} study runs; name one of {ids}.")
    names = {one.id for one in known} | {one.study for one in known}
    hint = did_you_mean(name, names) if names else "Nothing is recorded there."
    raise UserError(f"{records.location} holds no study run {in_short(name)}. {hint}")


def _shared(records: Records, id: str) -> bool:
    """Whether another SQLite database of the same folder has a study run of this id too.

    Both have the same files then, and the other one still needs them.
    """
    mine = records.file
    if mine is None:
        return False
    for file in sorted(mine.parent.glob("*.db")):
        if file.name == mine.name:
            continue
        address = f"{file.absolute().as_uri()}?mode=ro"
        with (
            contextlib.suppress(sqlite3.Error, OSError),
            contextlib.closing(sqlite3.connect(address, uri=True)) as other,
        ):
            if other.execute("SELECT 1 FROM study_runs WHERE id = ?", (id,)).fetchone():
                return True
    return False


def _owner(records: Records) -> str:
    return records.file.name if records.file is not None else records.location


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove_folder(folder: Path) -> None:
    """Remove a folder of ours: its mark last, so that a killed removal is continued."""
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)
        elif one.name not in (_MARK, ".lock"):
            with contextlib.suppress(OSError):
                one.unlink()
    if {one.name for one in folder.iterdir()} <= {_MARK, ".lock"}:
        shutil.rmtree(folder, ignore_errors=True)
