"""`retroprop run | studies | runs | show | compare`."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.display import StudyDisplay, counted, duration, searched, setting
from retroprop.cli.parameters import Database, Flag, Size, WholeNumber
from retroprop.errors import Interrupted, UserError, did_you_mean, in_short
from retroprop.files import DEFAULT_DATABASE
from retroprop.studies.study_text import USUAL_SIZE

if TYPE_CHECKING:
    from retroprop.studies.records import Records, RunRecord, StudyRunRecord
    from retroprop.studies.search_schema import Range

console = Terminal()

SMALLER = {
    "laptop": "at laptop size: fewer images or epochs than the study itself, which is --size full.",
    "smoke": "at smoke size: it shows that everything works, and its numbers mean nothing.",
}
"""What is said of a study that is not whole."""
MOST_COMPARED = 25
"""Values of a setting of which all pairs are shown, 300 at most."""


def run(
    study: str,
    /,
    *,
    changes: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    workers: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    epochs: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    precision: Annotated[str | None, Parameter(negative=())] = None,
    size: Size = USUAL_SIZE,
    device: Annotated[str, Parameter(negative=())] = "cpu",
    on: Annotated[str | None, Parameter(negative=())] = None,
    store: Annotated[str | None, Parameter(negative=())] = None,
    fresh: Flag = False,
    dry_run: Flag = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Train every model of a study, and record it.

    Parameters
    ----------
    study
        A name that `retroprop studies` lists, or the path of a .toml file.
    changes
        Change one setting of the study, as key=value; may be given several times.
    workers
        Worker processes, each on one thread. Default: one per core. It changes no number.
    epochs
        Epochs in place of the study's own.
    precision
        float32, float64, or bf16: matrix products of networks in bfloat16, which is faster on wide
        layers where the processor has the instructions. Parameters and sums stay in float32.
    size
        laptop: fewer images or epochs where a study says so, for two cores. full: as the assignment
        asks. smoke: seconds, to see that everything works.
    device
        Where models train: cpu, cuda, or auto for a GPU where there is one.
    on
        Where the work is done. Default: worker processes of this machine. ray: a Ray cluster of
        this machine. ray://HOST:10001 or HOST:6379: one that runs. It changes no number.
    store
        Where checkpoints are kept: a folder, or a URL such as s3://BUCKET/FOLDER. Default: beside
        the records, or where a study kept them before.
    fresh
        Train all again even if it is recorded; the old records are kept.
    dry_run
        Print the plan with a rough guess of the time, and train nothing.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.schema import load_study

    changes = list(changes or ())
    if precision is not None:
        changes.append(f"training.precision={precision}")
    parsed = load_study(study, changes=changes, epochs=epochs, size=size)
    if workers is not None and workers < 1:
        raise UserError(f"--workers must be at least 1, and got {workers}.")
    if parsed.size in SMALLER:
        console.print(f"{parsed.name} {SMALLER[parsed.size]}", soft_wrap=True)
    if dry_run:
        from retroprop.studies.environment import usable_cores
        from retroprop.studies.plan import plan_study

        _print_plan(plan_study(parsed), workers or usable_cores())
        return

    from retroprop.studies.environment import typed_command
    from retroprop.studies.records import Records
    from retroprop.studies.runner import open_engine, run_study

    records = Records.open(db)
    display = StudyDisplay(console)
    try:
        with open_engine(on, workers) as engine:
            result = run_study(
                parsed,
                records,
                workers=workers,
                fresh=fresh,
                device=device,
                display=display,
                engine=engine,
                store=store,
            )
    except Interrupted:
        raise Interrupted(
            f"Stopped; every finished epoch is kept in {records.location}. Continue with: "
            f"{typed_command()}"
        ) from None
    _print_result(result, records)


def studies() -> None:
    """List the studies that ship with retroprop."""
    from retroprop.studies.schema import catalog

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="fold", style="bold")
    for name, study in catalog().items():
        verb = "searches" if study.search else "varies"
        table.add_row(name, study.title.en)
        table.add_row(
            "",
            f"{study.dataset}, {counted(study.models, 'model')}, "
            f"{counted(study.epochs, 'epoch')}; {verb} {', '.join(study.varied())}",
            style="not bold",
        )
    console.print_table(table)
    console.print(
        "\nTrain one:     retroprop run NAME\n"
        "Change one:    retroprop studies show NAME > mine.toml\n"
        "Or your own:   retroprop run mine.toml",
        markup=False,
    )


def show_study(study: str, /) -> None:
    """Print the file of a study, to read it or to begin your own.

    Parameters
    ----------
    study
        A name that `retroprop studies` lists.
    """
    from retroprop.studies.schema import read_study

    console.file.write(read_study(study)[1])


def runs(
    study: str | None = None,
    /,
    *,
    form: Annotated[Literal["table", "json", "csv"], Parameter(name="--format")] = "table",
    db: Database = DEFAULT_DATABASE,
) -> None:
    """List what is recorded: all study runs, or the models of one.

    Parameters
    ----------
    study
        The name of a study or the id of a study run.
    form
        table for people; json and csv for programs, with every number as it is recorded.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.records import Records
    from retroprop.studies.rows import model_rows

    records = Records.open(db, create=False)
    if study is None:
        rows = _study_run_rows(records)
        if form == "table":
            _print_study_runs(rows, records)
    else:
        study_run = records.study_run(study)
        members = records.runs(study_run.id, with_epochs=False)
        rows = model_rows(members)
        if form == "table":
            _print_models(members, study_run)
    if form == "json":
        json.dump(rows, console.file, indent=1)
        console.file.write("\n")
    elif form == "csv" and rows:
        writer = csv.DictWriter(console.file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def show(run: WholeNumber, /, *, db: Database = DEFAULT_DATABASE) -> None:
    """Show everything that is recorded of one model.

    Parameters
    ----------
    run
        The number that `retroprop runs STUDY` prints first.
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.records import Records

    records = Records.open(db, create=False)
    record = records.run(run)
    study_run = records.study_run(record.study_run_id)
    console.print(
        Text.assemble((f"run {record.id}", "bold"), f" of {study_run.id}: {record.status}"),
        soft_wrap=True,
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    environment = study_run.sessions[-1].environment if study_run.sessions else {}
    for key, value in {
        **record.settings,
        "seed": record.seed,
        "data": f"{study_run.config['dataset']} ({study_run.data_checksum})",
        "best validation": _best(record),
        "test": _test(record),
        "checkpoint": record.checkpoint or "–",
        **environment,
        **_imported(study_run),
    }.items():
        table.add_row(key, "–" if value is None else str(value))
    console.print_table(table)
    epochs = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("epoch", "train loss", "valid. loss", "train acc.", "valid. acc.", "train s"):
        epochs.add_column(name, justify="right")
    for epoch in record.epochs:
        best = " *" if epoch.epoch == record.best_epoch else "  "
        epochs.add_row(
            str(epoch.epoch),
            _number(epoch.train_loss, "{:.4f}"),
            _number(epoch.validation_loss, "{:.4f}"),
            _number(epoch.train_accuracy, "{:.2%}"),
            _number(epoch.validation_accuracy, "{:.2%}") + best,
            f"{epoch.train_s:.3f}",
        )
    console.print_table(epochs)
    if record.best_epoch is not None:
        console.print("* best validation accuracy: the parameters that are kept")


def _imported(study_run: "StudyRunRecord") -> dict[str, Any]:
    """When and from where it was imported, by whichever session says so."""
    from retroprop.studies.whole_runs import IMPORTED

    found = [session.environment.get(IMPORTED) for session in study_run.sessions]
    said = [text for text in found if text is not None]
    return {IMPORTED: said[-1]} if said else {}


def compare(
    *what: str,
    by: Annotated[str | None, Parameter(negative=())] = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Compare models side by side, or the values of one setting over a whole study.

    Parameters
    ----------
    what
        Numbers of runs, or the name of one study with --by.
    by
        A varied setting of the study: optimizer, learning_rate, batch_size…
    db
        The records: a SQLite file or any SQLAlchemy URL.
    """
    from retroprop.studies.records import Records

    records = Records.open(db, create=False)
    if by is not None:
        if len(what) != 1:
            raise UserError("compare --by takes one study: retroprop compare STUDY --by optimizer.")
        study_run = records.study_run(what[0])
        searches = study_run.config.get("search") is not None
        _compare_by(records.runs(study_run.id, with_epochs=False), by, searches=searches)
        return
    if len(what) < 2 or not all(word.isdigit() for word in what):
        raise UserError(
            "compare takes two or more run numbers (retroprop compare 12 48), or one study with "
            "--by (retroprop compare inf8225-logistic --by optimizer); got "
            f"{in_short(' '.join(what))}."
        )
    _compare_runs([records.run(int(word)) for word in what])


# -- printing ---------------------------------------------------------------------------------


def _print_plan(plan: Any, workers: int) -> None:
    show = _print_populations if plan.study.search is None else _print_search
    show(plan, workers)
    if warning := plan.memory_warning(workers):
        console.print(warning, markup=False, soft_wrap=True)


def _print_populations(plan: Any, workers: int) -> None:
    """The populations of a grid, and about how long they take."""
    from retroprop.studies.plan import longest_first

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("population", no_wrap=True, overflow="fold")
    for name in ("models", "learning rates", "seeds", "on one core"):
        table.add_column(name, justify="right")
    for population in longest_first(plan.populations):
        table.add_row(
            population.name,
            str(len(population.runs)),
            ", ".join(f"{rate:g}" for rate in population.settings.learning_rates),
            ", ".join(map(str, population.settings.seeds)),
            f"about {duration(population.predicted_s)}",
        )
    console.print_table(table)
    console.print(
        f"\n{counted(len(plan.runs), 'model')}, {counted(plan.study.epochs, 'epoch')}: about "
        f"{duration(plan.predicted_s(workers))} on {counted(workers, 'worker')}, a rough guess "
        "that does not know this machine. Nothing was trained.",
        soft_wrap=True,
    )


def _print_search(plan: Any, workers: int) -> None:
    """What a search draws from, and about how long its trials take."""
    from retroprop.studies.search import rungs

    study = plan.study
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting")
    table.add_column("values", overflow="fold")
    for key, one in study.ranges.items():
        table.add_row(key, interval(one))
    console.print_table(table)
    ends = rungs(study)
    epochs = f"epoch{'s' if len(ends) > 1 else ''} {', '.join(map(str, ends))}"
    judged = f"; {study.search.pruning} pruning after {epochs}" if ends else ""
    seconds = plan.predicted_s(min(workers, study.search.parallel))
    about = f"about {duration(seconds)}" + (" if none is pruned" if ends else "")
    if study.search.trials is None:
        about = f"{duration(study.search.seconds)}, and the round that is begun then"
    elif study.search.seconds is not None:
        about = f"at most {duration(study.search.seconds)}, or {about}"
    console.print(
        f"\nA search {searched(study)}; {counted(len(study.seeds), 'seed')}, "
        f"{counted(study.epochs, 'epoch')}{judged}: {about} on {counted(workers, 'worker')}, a "
        "rough guess that does not know this machine. Nothing was trained.",
        soft_wrap=True,
    )


def interval(one: "Range") -> str:
    """The values of a range for people: "64, 128", or "0.0001 to 0.1 (logarithmic)"."""
    if one.choices is not None:
        return ", ".join(setting(value) for value in one.choices)
    scale = " (logarithmic)" if one.log else ""
    step = f" in steps of {setting(one.step)}" if one.step is not None else ""
    return f"{setting(one.low)} to {setting(one.high)}{step}{scale}"


def _print_result(result: "StudyRunRecord", records: "Records") -> None:
    runs = records.runs(result.id, with_epochs=False)
    trained = f"{counted(len(runs), 'model')} trained"
    ends = {status: sum(run.status == status for run in runs) for status in ("diverged", "pruned")}
    if any(ends.values()):
        trained += f" ({', '.join(f'{n} {status}' for status, n in ends.items() if n)})"
    console.print(
        Text.assemble(
            ("\n" + result.id, "bold"), f": {trained}, in {result.wall_s:.1f} s of work."
        ),
        soft_wrap=True,
    )
    by_cell: dict[str, list[RunRecord]] = {}
    for run in runs:
        if run.test_accuracy is not None:
            by_cell.setdefault(_cell(run), []).append(run)
    for cell, members in by_cell.items():
        console.print(
            f"  best by validation: {cell}: validation "
            f"{_spread([r.best_validation_accuracy for r in members])}, test "
            f"{_spread([r.test_accuracy for r in members])} ({counted(len(members), 'seed')})",
            soft_wrap=True,
        )
    console.print(f"Models:  retroprop runs {result.study}{records.option}", soft_wrap=True)
    console.print(f"Report:  retroprop report {result.study}{records.option}", soft_wrap=True)


def _study_run_rows(records: "Records") -> list[dict[str, Any]]:
    study_runs, tallies = records.study_runs(), records.tallies()
    return [
        {
            "study_run": record.id,
            "study": record.study,
            "status": record.status,
            "models": tallies[record.id].models,
            "trained": tallies[record.id].trained,
            "seconds": record.wall_s,
            "begun": record.created_at,
            "best_validation_accuracy": tallies[record.id].best_validation_accuracy,
        }
        for record in study_runs
    ]


def _print_study_runs(rows: Sequence[Mapping[str, Any]], records: "Records") -> None:
    if not rows:
        console.print(f"{records.location} holds no study run yet: retroprop run NAME makes one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("study run", no_wrap=True, overflow="fold")
    for name in ("status", "models", "seconds", "begun (UTC)", "best validation"):
        table.add_column(name, justify="right" if name in ("models", "seconds") else "left")
    for row in rows:
        best = row["best_validation_accuracy"]
        table.add_row(
            row["study_run"],
            row["status"],
            f"{row['trained']}/{row['models']}",
            f"{row['seconds']:.1f}",
            row["begun"].replace("T", " ")[:16],
            "–" if best is None else f"{best:.2%}",
        )
    console.print_table(table, whole=True)


def _print_models(members: "Sequence[RunRecord]", study_run: "StudyRunRecord") -> None:
    console.print(Text.assemble((study_run.id, "bold"), f": {study_run.status}"), soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("run", justify="right")
    for key in (*members[0].cell, "seed"):
        table.add_column(key, justify="right")
    for name in ("status", "best validation", "test"):
        table.add_column(name)
    for run in members:
        varied = [setting(value) for value in run.cell.values()]
        table.add_row(str(run.id), *varied, str(run.seed), run.status, _best(run), _test(run))
    console.print_table(table, whole=True)


def _compare_runs(members: "list[RunRecord]") -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for run in members:
        table.add_column(f"run {run.id}", justify="right")
    keys = dict.fromkeys(key for run in members for key in run.settings)
    for key in keys:
        values = [run.settings.get(key) for run in members]
        if any(value != values[0] for value in values):
            table.add_row(key, *(setting(value) for value in values))
    table.add_row("seed", *(str(run.seed) for run in members))
    table.add_row("status", *(run.status for run in members))
    table.add_row("best validation", *(_best(run) for run in members))
    table.add_row("test", *(_test(run) for run in members))
    for name in ("train_loss", "validation_loss"):
        lasts = [run.epochs[-1] if run.epochs else None for run in members]
        shown = [_number(getattr(e, name), "{:.4f}") if e else "–" for e in lasts]
        table.add_row(f"last {name.replace('_', ' ')}", *shown)
    console.print_table(table)


def _compare_by(members: "list[RunRecord]", key: str, *, searches: bool) -> None:
    """Pair the models that differ in `key` alone, and show the differences of their pairs."""
    from retroprop.studies.summary import mean_and_deviation

    if key not in members[0].cell:
        raise UserError(f"the study does not vary {key!r}. {did_you_mean(key, members[0].cell)}")
    paired: dict[str, dict[Any, float]] = {}
    for run in members:
        rest = {name: value for name, value in run.cell.items() if name != key}
        if run.best_validation_accuracy is not None and run.status not in ("diverged", "pruned"):
            pair = paired.setdefault(repr((rest, run.seed)), {})
            pair[run.cell[key]] = run.best_validation_accuracy
    values = list(dict.fromkeys(run.cell[key] for run in members))
    if len(values) < 2:
        raise UserError(
            f"all models of the study have {key} {setting(values[0])}, so there is nothing to "
            f"compare; it varies {', '.join(members[0].cell)}."
        )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in (key, "against", "pairs", "mean difference", "deviation", "better in"):
        table.add_column(name, justify="right")
    few = len(values) <= MOST_COMPARED
    for value, other in combinations(values, 2) if few else _with_best(values, paired.values()):
        differences = [p[value] - p[other] for p in paired.values() if value in p and other in p]
        if not differences:
            continue
        mean, deviation = mean_and_deviation(differences)
        table.add_row(
            setting(value),
            setting(other),
            str(len(differences)),
            f"{100 * mean:+.2f} points",
            f"{100 * (deviation or 0.0):.2f}",
            f"{sum(d > 0 for d in differences)}/{len(differences)}",
        )
    if not table.row_count:
        raise UserError(
            f"no two trained models differ in {key} alone, as those of a search seldom do: its "
            "report shows what each setting does."
            if searches
            else f"no two trained models differ in {key} alone yet; run the study to its end first."
        )
    console.print_table(table, whole=not few)
    console.print("Best validation accuracy; each pair shares its seed and all other settings.")
    if not few:
        console.print(
            f"Of {len(values):,} values, the one with the highest mean is compared with each other "
            f"one; all pairs are shown of {MOST_COMPARED} values or fewer.",
            soft_wrap=True,
        )


def _with_best(
    values: Sequence[Any], paired: Iterable[Mapping[Any, float]]
) -> Iterator[tuple[Any, Any]]:
    """The value with the highest mean, beside each other one."""
    found: dict[Any, list[float]] = {}
    for pair in paired:
        for value, accuracy in pair.items():
            found.setdefault(value, []).append(accuracy)
    if found:
        best = max(found, key=lambda value: fmean(found[value]))
        yield from ((best, value) for value in values if value != best)


def _cell(run: "RunRecord") -> str:
    return ", ".join(f"{key} {setting(value)}" for key, value in run.cell.items())


def _number(value: float | None, form: str) -> str:
    return form.format(value) if value is not None else "not finite"


def _best(run: "RunRecord") -> str:
    if run.diverged_epoch is not None:
        return f"diverged at epoch {run.diverged_epoch}"
    if run.best_validation_accuracy is None:
        return "–"
    return f"{run.best_validation_accuracy:.2%} (epoch {run.best_epoch})"


def _test(run: "RunRecord") -> str:
    return f"{run.test_accuracy:.2%}" if run.test_accuracy is not None else "–"


def _spread(values: list[float | None]) -> str:
    from retroprop.studies.summary import mean_and_deviation

    mean, deviation = mean_and_deviation([value for value in values if value is not None])
    spread = "" if deviation is None else f" ± {100 * deviation:.2f}"
    return f"{100 * mean:.2f}{spread} %"
