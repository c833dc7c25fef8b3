"""Study runs from one place to another: out to a file, in from a file or another database.

    records → export_records → FILE → import_records → other records

Whoever imports them reads, compares, reports, evaluates and predicts as if they had trained them.
A model that is still trained goes with the epochs that it has; whoever continues it begins it
again, for the state in which its training stands stays where it is. Another database is imported
through such a file too, so everything that is imported was checked the same way.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import torch
from torch import Tensor

from retroprop.data.catalog import find, is_own
from retroprop.errors import UserError, in_short, unquoted
from retroprop.files import checksum_of, is_as_written, make_folder, replace_file
from retroprop.studies.bundle_checks import CheckedRun
from retroprop.studies.bundles import Bundle, open_bundle, write_bundle
from retroprop.studies.kinds import KINDS
from retroprop.studies.records import STORE, Records, RunRecord, StudyRunRecord
from retroprop.studies.removal import (
    checkpoints,
    mark,
    only_one,
    remove_folder,
    remove_unrecorded,
    unmark,
)
from retroprop.studies.stores import BEST, recorded_file
from retroprop.studies.whole_runs import IMPORTED, WholeRun, insert_whole, read_whole
from retroprop.training.autograd import get_parameters
from retroprop.training.checkpoints import read_tensors, save_tensors
from retroprop.training.factories import network_of
from retroprop.training.learners import parameter_type
from retroprop.training.settings import RunSettings, from_record
from retroprop.training.trajectories import member_name

_PASSING = ".retroprop-import-"


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written: the study runs, and the populations whose parameters could not be."""

    study_runs: tuple[StudyRunRecord, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Import:
    """A study run of a file.

    Attributes:
        old: Its id in the file.
        id: Its id in the records.
        numbers: The number of each model in the records, by the one where it was trained; {} where
            the records have had all of it already.
        lost: How many populations came without their parameters.
    """

    old: str
    id: str
    numbers: dict[int, int]
    lost: int = 0


def export_records(records: Records, path: Path, names: Sequence[str] = ()) -> Export:
    """Write study runs with their best parameters into one file.

    Args:
        records: Where they are.
        path: The file; one that is there is replaced.
        names: Ids of study runs, or studies, of which the latest is taken; all by default.

    Raises:
        UserError: If there is no such study run, or the file cannot be written.
    """
    found = chosen(records, names)
    whole, weights, lost = [], [], []
    try:
        with contextlib.ExitStack() as copies:  # of files in a store that many machines reach
            for one in found:
                whole.append(read_whole(records, one.id))
                weights.append({})
                for run in whole[-1].runs:
                    if run.checkpoint is None or run.population in weights[-1]:
                        continue
                    file = copies.enter_context(recorded_file(run.checkpoint, records.folder))
                    if is_as_written(file, run.checkpoint_sha256):
                        weights[-1][run.population] = file
                    elif f"{one.id} {run.population}" not in lost:
                        lost.append(f"{one.id} {run.population}")
            write_bundle(path, whole, weights)
    except OSError as error:
        raise UserError(
            f"{unquoted(path)} cannot be written ({in_short(error)}); name a file in a folder that "
            "has room and that you may write to."
        ) from error
    return Export(study_runs=tuple(found), lost=tuple(lost))


def chosen(records: Records, names: Sequence[str]) -> list[StudyRunRecord]:
    """The study runs of these names, each once; all by default.

    Raises:
        UserError: If there is none.
    """
    found = [records.study_run(name) for name in names] if names else records.study_runs()
    if not found:
        raise UserError(f"{records.location} holds no study run yet: start with retroprop run.")
    return list({one.id: one for one in found}.values())


def import_records(records: Records, source: str) -> list[Import]:
    """Add the study runs of a file, or of another database, to the records: all, or none.

    Args:
        records: Where to.
        source: A file that `export_records` wrote, or the file or URL of a database.

    Raises:
        UserError: If it cannot be read, or something in it cannot be; nothing is added then.
    """
    if not _is_database(source):
        return _import_file(records, Path(source), unquoted(Path(source).name))
    other = Records.open(source, create=False)
    if other.url == records.url or (other.file and records.file and _same(other, records)):
        raise UserError(f"{other.location} is the database to import into; name another one.")
    for left in records.folder.glob(f"{_PASSING}*"):  # by imports that were killed
        process = left.name.removeprefix(_PASSING)
        if process.isdigit() and not psutil.pid_exists(int(process)):
            left.unlink(missing_ok=True)
    passing = records.folder / f"{_PASSING}{os.getpid()}"
    try:
        export_records(other, passing)
        return _import_file(records, passing, unquoted(other.location))
    finally:
        other.engine.dispose()
        with contextlib.suppress(OSError):
            passing.unlink(missing_ok=True)


def _same(one: Records, other: Records) -> bool:
    return one.file is not None and other.file is not None and one.file.samefile(other.file)


def _is_database(source: str) -> bool:
    """Whether a source is a database, and no file of study runs.

    Raises:
        UserError: If it is neither.
    """
    if "://" in source:
        return True
    try:
        with open(source, "rb") as file:
            begin = file.read(16)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{unquoted(source)} cannot be read ({in_short(error)}); name a file that retroprop "
            "records export wrote, or a database."
        ) from error
    if begin.startswith(b"PK") or begin.startswith(b"SQLite format 3\0"):
        return begin.startswith(b"SQLite")
    raise UserError(
        f"{unquoted(source)} is neither a file that retroprop records export wrote nor a database "
        "of SQLite; name one of them."
    )


def _import_file(records: Records, path: Path, shown: str) -> list[Import]:
    bundle = open_bundle(path)
    with contextlib.closing(bundle.archive):
        remove_unrecorded(records)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        origin = f"{now} from {shown}, SHA-256 {bundle.sha256}"
        return _add(records, bundle, origin)


def _add(records: Records, bundle: Bundle, origin: str) -> list[Import]:
    """Write the parameters of what is new, then the rows, in one transaction."""
    known = _contents(records, {one.whole.record.fingerprint for one in bundle.runs})
    done: list[Import] = []
    new: list[tuple[CheckedRun, WholeRun, dict[str, str]]] = []
    taken = {one.id for one in records.study_runs()}
    for checked, weights in zip(bundle.runs, bundle.weights, strict=True):
        old = checked.whole.record.id
        if (id := known.get(checked.whole.content)) is not None:
            done.append(Import(old=old, id=id, numbers={}))
            continue
        id = _free(checked.whole.record, taken, checkpoints(records))
        taken.add(id)
        new.append((checked, _with_origin(checked.whole.named(id), origin), weights))
    if not new:
        return done
    with contextlib.ExitStack() as stack:
        folders = [checkpoints(records) / one.record.id for _, one, _ in new]
        for folder in folders:
            stack.enter_context(only_one(records, folder))
        _check_still_free(records, folders)
        try:
            whole = []
            for folder, (checked, one, weights) in zip(folders, new, strict=True):
                mark(records, folder)
                whole.append(_write_weights(folder, checked, one, weights, bundle))
            numbers = insert_whole(records, whole)
        except BaseException as error:
            _take_back(folders)
            if isinstance(error, OSError):
                raise UserError(
                    f"{checkpoints(records)} cannot be written ({in_short(error)}); nothing was "
                    "imported. Free some space, or name another database with --db."
                ) from error
            raise
        for folder in folders:
            unmark(folder)
    for (checked, one, weights), of_one in zip(new, numbers, strict=True):
        lost = len({run.population for run in one.runs if run.checkpoint} - weights.keys())
        old = checked.whole.record.id
        done.append(Import(old=old, id=one.record.id, numbers=of_one, lost=lost))
    return done


def _contents(records: Records, fingerprints: set[str]) -> dict[str, str]:
    """The ids of the recorded study runs of these fingerprints, by what they hold."""
    return {
        read_whole(records, one.id).content: one.id
        for one in records.study_runs()
        if one.fingerprint in fingerprints
    }


def _free(record: StudyRunRecord, taken: set[str], folder: Path) -> str:
    """Its id, or one with another number: one that neither the records nor their folder have."""
    free, number = record.id, 1
    while free in taken or any((folder / free).glob("*")):  # a killed import leaves files
        number += 1
        free = f"{record.study}-{record.fingerprint[:8]}-{number}"
    return free


def _check_still_free(records: Records, folders: Sequence[Path]) -> None:
    """Refuse folders that another import has filled since they were chosen."""
    taken = {one.id for one in records.study_runs()}
    for folder in folders:
        if folder.name in taken or any(one.name != ".lock" for one in folder.iterdir()):
            raise UserError(
                f"another process imports {folder.name} at the same time; run the same command "
                "again when it is through."
            )


def _with_origin(whole: WholeRun, origin: str) -> WholeRun:
    """The study run, whose sessions say when and from where it was imported.

    Its files are beside these records now, and never again where a stranger says.
    """
    sessions = []
    for session in whole.record.sessions:
        before = session.environment.get(IMPORTED)
        text = f"{before}; then {origin}" if before else origin
        here = {key: value for key, value in session.environment.items() if key != STORE}
        sessions.append(replace(session, environment={**here, IMPORTED: text[-4000:]}))
    return replace(whole, record=replace(whole.record, sessions=tuple(sessions)))


def _write_weights(
    folder: Path, checked: CheckedRun, whole: WholeRun, weights: dict[str, str], bundle: Bundle
) -> WholeRun:
    """Write the parameters of a study run; the study run with the checksums of these files."""
    old, new = checked.whole.record.id, whole.record.id
    sha256: dict[str, str] = {}
    for population, name in weights.items():
        file = folder / population / BEST
        make_folder(file.parent)
        replace_file(file, bundle.read(name), durable=True)
        members = [run for run in whole.runs if run.population == population]
        tensors = _checked_tensors(file, f"{old} {population}", members, checked)
        if new != old:
            save_tensors(file, tensors, about=f"{new} {population}")
        sha256[population] = checksum_of(file)
    runs = tuple(
        replace(run, checkpoint_sha256=sha256.get(run.population, run.checkpoint_sha256))
        for run in whole.runs
    )
    return replace(whole, runs=runs)


def _checked_tensors(
    file: Path, about: str, members: Sequence[RunRecord], checked: CheckedRun
) -> dict[str, Tensor]:
    """The parameters of a population, if they are finite and those of its models.

    Those of data that are not here are compared with their network when they are used.
    """
    try:
        tensors, written_for = read_tensors(file)
    except UserError:
        raise UserError(
            f"the parameters of {about} are damaged; nothing was imported. Ask for a new file."
        ) from None
    sound = written_for == about and all(t.isfinite().all() for t in tensors.values())
    if sound and not is_own(checked.study.dataset):
        expected = {}
        for run in members:
            expected |= _shapes(run, checked.study.dataset)
        sound = {name: (t.shape, t.dtype) for name, t in tensors.items()} == expected
    if not sound:
        raise UserError(
            f"the parameters of {about} are not those of its models; nothing was imported. Ask "
            "for a new file."
        )
    return tensors


def _shapes(run: RunRecord, dataset: str) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Name, shape and type of each tensor of a model, of which nothing is allocated."""
    settings = from_record(RunSettings, run.settings, seed=run.seed)
    info = find(dataset)
    with torch.device("meta"):
        network = network_of(settings, info.size, len(info.classes))
    if KINDS[settings.kind].engine == "trainer":
        tensors = network.state_dict()
    else:
        tensors = get_parameters(network.to(parameter_type(settings)))
    prefix = member_name(settings.seed, settings.learning_rate)
    return {f"{prefix}/{name}": (t.shape, t.dtype) for name, t in tensors.items()}


def _take_back(folders: Sequence[Path]) -> None:
    """Remove what was written for study runs that could not be recorded."""
    for folder in folders:
        with contextlib.suppress(OSError):
            remove_folder(folder)
