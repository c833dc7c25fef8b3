"""Run a study: a pool trains its populations, and everything is recorded.

    plan → what the records lack → pool (longest population first) → test of the best → records

Killing it at any moment loses at most the epoch in flight; running it again resumes. The numbers
depend on the study alone: not on who does the work, nor on interruptions.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from retroprop.data import find, load
from retroprop.errors import Interrupted, UserError, in_short
from retroprop.files import check_name, make_folder, replace_file
from retroprop.studies import messages, search
from retroprop.studies.longer import add_longer, find_shorter
from retroprop.studies.patience import Patience
from retroprop.studies.plan import Plan, PlannedPopulation, longest_first, plan_study
from retroprop.studies.pools import Display, Engine, Pool, Session, Silent
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import STORE, Records, RunRecord, StudyRunRecord
from retroprop.studies.removal import checkpoints, only_one
from retroprop.studies.schema import Study
from retroprop.studies.stores import CHECKPOINTS, Store, check_writable, is_kept, open_store
from retroprop.studies.summary import best_cells, summarise_cells


def run_study(
    study: Study,
    records: Records,
    *,
    workers: int | None = None,
    fresh: bool = False,
    device: str = "cpu",
    display: Display | None = None,
    engine: Engine | None = None,
    store: str | None = None,
) -> StudyRunRecord:
    """Train what the records lack of a study, evaluate its best cells, and return its record.

    Args:
        study: A validated study.
        records: Where everything is recorded.
        workers: How many jobs are done at once; one per usable core by default, and one per GPU.
        fresh: Start a new study run even if the records hold one of this study.
        device: Where populations and networks train: "cpu", "cuda" or "auto".
        display: What to tell the person who waits.
        engine: What does the jobs, of other studies too; worker processes of its own, by default.
        store: Where checkpoints are kept: a folder, or a URL that fsspec knows. By default where
            this study kept them before, and first in the folder of the records.

    Raises:
        UserError: If something is wrong that the person can fix; what is recorded is kept.
        Interrupted: After Ctrl-C or SIGTERM, at the next step.
    """
    if workers is not None and workers < 1:
        raise UserError(f"--workers must be at least 1, and got {workers}.")
    with contextlib.nullcontext(engine) if engine else WorkerProcesses() as engine:
        place = _store(store, study, records, fresh=fresh)
        engine.check_reach(records, place)
        check_writable(place)
        setup = messages.StudyJob(
            study=study,
            database=records.url,
            store=place,
            device=engine.device(device),
            data_checksum=load(study.dataset).checksum,  # decoded here: the workers find it ready
            waits_s=(records.patience or Patience()).waits_s,
        )
        pool = engine.pool(setup, workers)
        return carry_out(study, records, place, pool, display or Silent(), fresh=fresh)


def open_engine(on: str | None, workers: int | None) -> Engine:
    """Where jobs are done, as `--on` says it: worker processes, if it says nothing.

    Raises:
        UserError: If it is no address, or Ray is not installed.
    """
    if on is None:
        return WorkerProcesses()
    from retroprop.studies.ray_engine import RayEngine

    return RayEngine(on, workers)


def carry_out(
    study: Study, records: Records, store: Store, pool: Pool, display: Display, *, fresh: bool
) -> StudyRunRecord:
    """Let a pool do what the records lack of a study, and return the study's record."""
    check_name(records.folder, "name another database with --db FOLDER/retroprop.db")
    records.patience = replace(
        records.patience or Patience(), note=display.note, must_stop=lambda: pool.must_stop
    )
    plan = plan_study(study) if study.search is None else search.first_round(study)
    warning = plan.memory_warning(pool.count)
    checksum = load(study.dataset).checksum
    study_run_id = _find_or_add(plan, records, store, checksum, display, fresh=fresh)
    with only_one(records, checkpoints(records) / study_run_id):
        runs = records.runs(study_run_id)
        at_once = plan.populations
        if study.search is not None:
            plan = search.recorded_plan(study, runs)
        remaining = _remaining_jobs(plan, runs, study_run_id)
        _say_what_is_lost(runs, records.folder, display)
        before = records.study_run(study_run_id)
        _claim(store, before)
        _remove_leftovers(store, study_run_id, runs)
        if before.status == "finished" and not remaining:
            display.note(
                f"{study_run_id} is finished already: nothing to train (--fresh trains it again)."
            )
        else:
            if warning and remaining:
                display.note(warning)
            environment = pool.prepare(before, _at_once(study, at_once, remaining))
            if address := store.address:
                environment[STORE] = address
            session = Session(records, study_run_id, environment)
            display.start(plan, records.runs(study_run_id), pool.count)

            def train(part: Plan, until: int | None = None, *, prune: bool = False) -> None:
                now = records.runs(study_run_id)
                jobs = _remaining_jobs(part, now, study_run_id, until=until, prune=prune)
                pool.work(jobs, display, session)

            try:
                with pool:
                    if study.search is None:
                        pool.work(remaining, display, session)
                    else:
                        search.carry_on(study, records, study_run_id, train, display.trials)
                    pool.work(_test_jobs(study, records.runs(study_run_id)), display, session)
                records.set_status(study_run_id, "finished")
            except (Interrupted, KeyboardInterrupt):
                records.set_status(study_run_id, "interrupted")
                raise
            finally:
                session.close()
                display.stop()
    return records.study_run(study_run_id)


def study_runs_of(study: Study, records: Records) -> list[StudyRunRecord]:
    """The recorded runs of this very study, with the same settings and data; newest last.

    Data of the catalog are the published ones, as `load` makes sure of all that are trained on.
    """
    return [
        record
        for record in records.study_runs(study.name)
        if record.fingerprint == study.fingerprint
        and record.data_checksum == find(study.dataset).checksum
    ]


def _store(address: str | None, study: Study, records: Records, *, fresh: bool) -> Store:
    """The store at an address; without one, where the newest run of the study keeps its files.

    Raises:
        UserError: If it is none, or that run keeps its files elsewhere.
    """
    same = [] if fresh else study_runs_of(study, records)
    if not same or not same[-1].sessions:
        return open_store(address, records.folder)
    place = open_store(same[-1].store, records.folder)
    if address is not None and open_store(address, records.folder) != place:
        raise UserError(
            f"{same[-1].id} keeps its files in {place.address or 'the folder of its database'}; "
            "leave --store out to go on there, or add --fresh to begin again elsewhere."
        )
    return place


def _find_or_add(
    plan: Plan,
    records: Records,
    store: Store,
    data_checksum: str,
    display: Display,
    *,
    fresh: bool,
) -> str:
    """The id of the latest study run of this very study, or of a new one.

    A new one goes on where a finished one with fewer epochs ended, as far as that can be.

    Args:
        plan: Of the study.
        records: Where to look, and to add.
        store: Where the files of a new one will be.
        data_checksum: Of the data as they were read.
        display: What to tell the person who waits.
        fresh: Add a new one in any case, from its beginning.
    """
    study = plan.study
    known = records.study_runs(study.name)
    alike = [one for one in known if one.fingerprint == study.fingerprint]
    same = [one for one in alike if one.data_checksum == data_checksum]
    if same and not fresh:
        return same[-1].id
    study_run_id = begin = f"{study.name}-{study.fingerprint[:8]}"
    number, taken = len(alike) + 1, {one.id for one in alike}  # perhaps with other data
    while number > 1 and (study_run_id := f"{begin}-{number}") in taken:
        number += 1
    shorter = None if fresh else find_shorter(study, records, known, data_checksum)
    if shorter is not None:
        display.note(shorter.said(study))
    try:
        if shorter is not None and shorter.continued:
            add_longer(plan, records, store, study_run_id, shorter)
            return study_run_id
        records.add_study_run(
            id=study_run_id,
            study=study.name,
            fingerprint=study.fingerprint,
            config=study.model_dump(mode="json", exclude_none=True),
            data_checksum=data_checksum,
            runs=plan.runs,
        )
    except UserError:  # another process, perhaps on another machine, may have been faster
        if study_run_id not in {record.id for record in study_runs_of(study, records)}:
            raise
    return study_run_id


def _remaining_jobs(
    plan: Plan,
    runs: Sequence[RunRecord],
    study_run_id: str,
    *,
    until: int | None = None,
    prune: bool = False,
) -> list[messages.TrainJob]:
    """What is left to train, longest first; `until` and `prune` are those of the jobs."""
    by_position = {run.position: run for run in runs}
    jobs = [
        messages.train_job(
            study_run_id,
            one,
            [by_position[run.position] for run in one.runs],
            until=until,
            prune=prune,
        )
        for one in longest_first(plan.populations)
    ]
    return [job for job in jobs if job is not None]


def _claim(store: Store, study_run: StudyRunRecord) -> None:
    """Refuse a store in which other records have a run of the same study: files go by its id.

    Raises:
        UserError: If they have.
    """
    if store.address is None:
        return
    name = f"{CHECKPOINTS}/{study_run.id}/begun.txt"
    with store.reading(name) as path:
        begun = path.read_text(encoding="utf-8") if path.is_file() else None
    if begun is None:
        with store.writing(name) as path:
            make_folder(path.parent)
            replace_file(path, study_run.created_at.encode(), durable=True)
    elif begun != study_run.created_at:
        raise UserError(
            f"{store.address} holds the files of a run of {study_run.id} of other records, begun "
            f"{in_short(begun)}; name another --store."
        )


def _at_once(
    study: Study, first: Sequence[PlannedPopulation], remaining: Sequence[messages.TrainJob]
) -> list[messages.TrainJob]:
    """What a pool gets ready for: a search has more jobs, about like its first, after these."""
    if study.search is None:
        return list(remaining)
    return [
        messages.TrainJob(study_run_id="", population=one, run_ids=(), recorded_epoch=-1)
        for one in first
    ]


def _remove_leftovers(store: Store, study_run_id: str, runs: Sequence[RunRecord]) -> None:
    """Remove what killed workers left: states of other epochs than the recorded, half files."""
    needed: dict[str, str | None] = {}
    for run in runs:
        last = run.epochs[-1].epoch if run.epochs else -1
        kept = run.checkpoint is None or run.state_sha256 is not None
        needed[run.population] = messages.state_name(last) if kept else None
    for population, keep in needed.items():
        store.remove_leftovers(messages.population_folder(study_run_id, population), keep=keep)


def _say_what_is_lost(runs: Sequence[RunRecord], folder: Path, display: Display) -> None:
    """Say which files of finished models are not what was recorded: their numbers are kept."""
    files = {run.checkpoint: run.checkpoint_sha256 for run in runs if run.checkpoint is not None}
    lost = [file for file, sha256 in files.items() if not is_kept(file, sha256, folder)]
    if lost:
        first = lost[0] if "://" in lost[0] else folder / lost[0]
        display.note(
            f"{len(lost)} of {len(files)} files with the models of finished runs are missing or "
            f"damaged (the first: {first}): the records keep all their numbers; put the "
            "files back to use the models, or train again with --fresh."
        )


def _test_jobs(study: Study, runs: Sequence[RunRecord]) -> list[messages.TestJob]:
    """The final models that were not evaluated on the test set yet: each is, once."""
    untested = [
        run
        for cell in best_cells(summarise_cells(runs), study.selection.best_per)
        for run in cell.runs
        if run.test_accuracy is None
    ]
    if not untested:
        return []
    return [messages.TestJob(study_run_id=untested[0].study_run_id, runs=tuple(untested))]
