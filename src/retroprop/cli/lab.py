"""The commands `retroprop lab list | run | report`: a whole assignment, from data to document."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from retroprop.cli.console import Terminal
from retroprop.cli.display import StudyDisplay, duration
from retroprop.cli.parameters import Flag, ReadersLanguage, Size, WholeNumber
from retroprop.errors import Interrupted, UserError
from retroprop.files import DEFAULT_DATABASE
from retroprop.labs.assignments import ASSIGNMENTS, find_assignment
from retroprop.languages import reader_language, translator
from retroprop.studies.study_text import USUAL_SIZE

if TYPE_CHECKING:
    from retroprop.labs.running import StudyPlan
    from retroprop.studies.records import Records

console = Terminal(soft_wrap=True)


def list_labs(*, db: str = DEFAULT_DATABASE) -> None:
    """List the assignments, and how many of their studies are recorded.

    Args:
        db: The database of the records: a file or a URL.
    """
    say = translator(reader_language())
    records = _existing(db)
    trained = records.trained_studies() if records else set()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("assignment", no_wrap=True, style="bold")
    table.add_column("title")
    table.add_column("recorded studies", justify="right")
    for name, one in ASSIGNMENTS.items():
        recorded = f"{len(trained & {*one.studies})} of {len(one.studies)}"
        table.add_row(name, say(one.title), recorded if one.studies else "needs none")
    console.print_table(table)
    console.print(
        "\nTrain what one needs:  retroprop lab run NAME\nWrite its document:    retroprop lab "
        "report NAME",
    )


def run(
    lab: str,
    /,
    *,
    size: Size = USUAL_SIZE,
    precision: Annotated[str | None, Parameter(negative=())] = None,
    workers: Annotated[WholeNumber | None, Parameter(negative=())] = None,
    device: str = "cpu",
    on: Annotated[str | None, Parameter(negative=())] = None,
    store: Annotated[str | None, Parameter(negative=())] = None,
    dry_run: Flag = False,
    db: str = DEFAULT_DATABASE,
) -> None:
    """Train everything that an assignment needs and the records do not have.

    Args:
        lab: A name that `retroprop lab list` prints.
        size: laptop: fewer images or epochs where a study says so, for two cores. full: as the
            assignment asks. smoke: seconds, to see that everything works.
        precision: float32, float64 or bf16, in place of that of the studies whose models can have
            it.
        workers: Worker processes, each on one thread. Default: one per core. It changes no number.
        device: Where models train: cpu, cuda, or auto for a GPU where there is one.
        on: Where the work is done. Default: worker processes of this machine. ray: a Ray cluster
            of this machine. ray://HOST:10001 or HOST:6379: one that runs. It changes no number.
        store: Where checkpoints are kept: a folder, or a URL such as s3://BUCKET/FOLDER. Default:
            beside the records, or where a study kept them before.
        dry_run: Print the plan with a rough guess of the time, and train nothing.
        db: The records: a SQLite file or any SQLAlchemy URL.

    Raises:
        UserError: If the assignment is unknown, or data or a device are missing.
    """
    studies = find_assignment(lab).studies
    if workers is not None and workers < 1:
        raise UserError(f"--workers must be at least 1, and got {workers}.")
    if not studies:
        console.print(f"{lab} trains nothing; write its document: retroprop lab report {lab}")
        return

    from retroprop.labs.running import plan_lab, run_lab
    from retroprop.studies.environment import typed_command
    from retroprop.studies.records import Records
    from retroprop.studies.runner import open_engine

    records = _existing(db) if dry_run else Records.open(db)
    plans = plan_lab(studies, records, size, precision)
    _print_plan(plans, workers, with_precision=precision is not None)
    if dry_run or records is None:
        console.print("Nothing was trained.")
        return
    try:
        with open_engine(on, workers) as engine:
            run_lab(
                plans,
                records,
                engine,
                workers=workers,
                device=device,
                display=StudyDisplay(console),
                store=store,
            )
    except Interrupted:
        raise Interrupted(
            f"Stopped; every finished epoch is kept in {records.location}. Continue with: "
            f"{typed_command()}"
        ) from None
    console.print(
        f"\nAll studies of {lab} are recorded. Its document: retroprop lab report "
        f"{lab}{records.option}"
    )


def report(
    lab: str,
    /,
    *,
    lang: ReadersLanguage = None,
    format: Annotated[str, Parameter(name=["--format", "-f"])] = "html,pdf,ipynb",
    size: Size | None = None,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("reports"),
    db: str = DEFAULT_DATABASE,
) -> None:
    """Write the document of an assignment: each question, answered from the records.

    Args:
        lab: A name that `retroprop lab list` prints.
        lang: The language of the document: en or fr. Default: the reader's, which
            RETROPROP_LANGUAGE or the locale names.
        format: html, pdf, ipynb, or several: html,pdf.
        size: Which size of the studies to report; by default the largest that is recorded.
        output: The folder to write into; it is made when missing.
        db: The database of the records: a file or a URL.

    Raises:
        UserError: If the assignment or a format is unknown, or the folder cannot be written.
    """
    from retroprop.labs.catalog import find_lab
    from retroprop.report import write_lab_report

    chosen = find_lab(lab)
    formats = [name.strip().lower() for name in format.split(",") if name.strip()]
    if not formats:
        raise UserError("--format is empty; use html, pdf, ipynb, or several: html,pdf.")
    paths = write_lab_report(
        chosen,
        _existing(db),
        language=lang or reader_language(),
        formats=formats,
        folder=output,
        size=size,
    )
    for path in paths:
        console.print(Text(f"wrote {path}"))


def _existing(db: str) -> "Records | None":
    """The records, if there are any: a report without them says how to make them."""
    if db == DEFAULT_DATABASE and not Path(db).exists():
        return None

    from retroprop.studies.records import Records

    return Records.open(db, create=False)


def _print_plan(plans: "list[StudyPlan]", workers: int | None, *, with_precision: bool) -> None:
    from retroprop.labs.running import total_s
    from retroprop.studies.environment import usable_cores

    n = workers or usable_cores()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("study", no_wrap=True)
    for name in ("size", *["precision"] * with_precision, "models", "recorded", "epochs", "time"):
        table.add_column(name, justify="right")
    for one in plans:
        left = "done" if one.finished else f"about {duration(one.predicted_s(n))}"
        study = one.plan.study
        chosen = [study.size, *[study.training.precision] * with_precision]
        table.add_row(one.name, *chosen, *map(str, (one.models, one.done, study.epochs)), left)
    console.print_table(table)
    seconds = total_s(plans, workers)
    if seconds:
        cores = f"{n} worker" + ("" if n == 1 else "s")
        console.print(
            f"\nAbout {duration(seconds)} on {cores}, a rough guess that does not know this "
            "machine. Ctrl-C stops; the same command continues."
        )
