"""What grows with the number of models: bytes, processor time and memory of what reads the records.

    python -m benchmarks.scale records              1, 10, 100, 1,000 and 10,000 models in SQLite
    python -m benchmarks.scale records --db URL     in another, empty database, such as PostgreSQL
    python -m benchmarks.scale engines              workers by processes, by Ray (`engines.py`)

Each database is written by the recording of a study: one study run of softmax regressions, 8 epochs
each with the untrained one, tested where they are the best; only the training itself is left out.
Then every command runs as a whole process, as a person starts it, and its processor seconds (user
and system, children too) and its peak memory are those that the system counted (wait4); medians
over the rounds, which take the commands in turns. The start of Python and of the program is in
them, and measured beside them: `retroprop --version`, and importing Matplotlib.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from benchmarks.engines import measure_engines
from benchmarks.harness import arguments_of, keep, say
from retroprop.data.catalog import CATALOG
from retroprop.studies.plan import plan_study
from retroprop.studies.records import NewRun, Records, RunUpdate
from retroprop.studies.schema import Study
from retroprop.studies.summary import best_cells, summarise_cells
from retroprop.training.epochs import EpochRecord, Progress

# Models: optimizers, learning rates, batch sizes, seeds.
GRIDS = {
    1: (1, 1, 1, 1),
    10: (2, 1, 1, 5),
    100: (2, 5, 2, 5),
    1_000: (2, 10, 10, 5),
    10_000: (2, 50, 20, 5),
}
EPOCHS = 7
COMMANDS = {
    "runs": ["runs"],
    "runs STUDY": ["runs", "scale"],
    "compare A B": ["compare", "1", "MODELS"],
    "compare STUDY --by": ["compare", "scale", "--by", "optimizer"],
    "report STUDY": ["report", "scale"],
    "report, HTML alone": ["report", "scale", "--format", "html"],
}
ASKED_S, ASKED_MODELS = 1.0, 10_000


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("part", choices=("records", "engines"))
    parser.add_argument("--models", type=int, nargs="*", default=list(GRIDS), choices=list(GRIDS))
    parser.add_argument("--db", help="an empty database instead of a file, for one --models")
    parser.add_argument("--store", help="of engines: a store to compare with the default")
    arguments = parser.parse_args()
    (measure_records if arguments.part == "records" else measure_engines)(arguments)


def measure_records(arguments: argparse.Namespace) -> None:
    rows = []
    floor = start_of_program(arguments.rounds)
    say(
        f"start of the program: {floor['start']:.2f} s; with Matplotlib {floor['matplotlib']:.2f} s"
    )
    for models in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            address = arguments.db or "retroprop.db"
            size = write_database(models, Path(folder), address)
            say(f"{models:,} models: {size / 1e6:.2f} MB, {size / models:,.0f} bytes a model")
            row = {"models": models, "bytes": size}
            row["commands"] = measure_commands(models, Path(folder), address, arguments.rounds)
            rows.append(row)
    for row in rows:
        for name, found in row["commands"].items() if row["models"] == ASKED_MODELS else ():
            reached = "reached" if found["processor_s"] <= ASKED_S else "not reached"
            say(f"{ASKED_MODELS:,} models, {name}: at most {ASKED_S:.0f} s asked: {reached}")
    load = os.getloadavg()[0]  # other work on the same cores makes processor seconds longer
    results = {"load": load, "start of the program": floor, "databases": rows}
    keep("scale", results, part="records" if arguments.db is None else "records-of-a-server")


# -- a database --------------------------------------------------------------------------------


def write_database(models: int, folder: Path, address: str) -> int:
    """Record a study of so many models, without training them; bytes of the database."""
    records = Records.open(folder / address if "://" not in address else address)
    study = study_of(models)
    plan = plan_study(study)
    records.add_study_run(
        id="scale-1",
        study=study.name,
        fingerprint=study.fingerprint,
        config=study.model_dump(mode="json", exclude_none=True),
        data_checksum=CATALOG[study.dataset].checksum,
        runs=plan.runs,
    )
    session = records.start_session(
        "scale-1", {"workers": 1, "command": "retroprop run scale.toml"}
    )
    ids = {run.position: run.id for run in records.runs("scale-1")}
    chance = random.Random(0)
    for population in plan.populations:
        members = [ids[run.position] for run in population.runs]
        records.set_parameters(members, 7840)
        curves = [curve_of(run, chance) for run in population.runs]
        for number in range(EPOCHS + 1):
            updates = [
                RunUpdate(run_id=one, epoch=curve[number], progress=progress_of(curve, number))
                for one, curve in zip(members, curves, strict=True)
            ]
            records.add_epoch(updates, state_sha256="0" * 64)
        file = f"checkpoints/scale-1/{population.name}/best.safetensors"
        records.finish_population(members, file, sha256="0" * 64)
    for cell in best_cells(summarise_cells(records.runs("scale-1")), study.selection.best_per):
        for run in cell.runs:
            counts = [[900 if a == b else 11 for b in range(10)] for a in range(10)]
            records.set_test(run.id, accuracy=0.9, loss=0.3, confusion=counts)
    records.update_session(session, float(models))
    records.set_status("scale-1", "finished")
    size = bytes_of(records)
    records.engine.dispose()  # the last to leave puts the log into the file
    return records.file.stat().st_size if records.file else size


def study_of(models: int) -> Study:
    optimizers, rates, batches, seeds = GRIDS[models]
    return Study.model_validate(
        {
            "name": "scale",
            "title": {"en": "Many models", "fr": "Beaucoup de modèles"},
            "dataset": "fashion-mnist",
            "split": {"validation": 0.1, "seed": 0},
            "epochs": EPOCHS,
            "seeds": list(range(seeds)),
            "model": {"kind": "softmax-regression"},
            "grid": {
                "optimizer": ["sgd", "adam"][:optimizers],
                "learning_rate": [round(0.1 * 0.9**i, 6) for i in range(rates)],
                "batch_size": [20 + 10 * i for i in range(batches)],
            },
            "selection": {"best_per": ["optimizer"]},
            "report": {
                "tables": [
                    {
                        "rows": "learning_rate",
                        "columns": "batch_size",
                        "split_by": "optimizer",
                        "value": "best_validation_accuracy",
                    }
                ],
                "figures": ["loss-curves", "accuracy-curves"],
            },
        }
    )


def curve_of(run: NewRun, chance: random.Random) -> list[EpochRecord]:
    """The epochs of a model that learns: a loss that falls to a level of its own."""
    level, slope = chance.uniform(0.35, 0.6), chance.uniform(0.3, 0.8)
    found = []
    for number in range(EPOCHS + 1):
        loss = level + (2.303 - level) * (1 - slope) ** number
        found.append(
            EpochRecord(
                epoch=number,
                train_loss=loss,
                train_accuracy=1 - loss / 2.56,
                validation_loss=loss + 0.02 * number / EPOCHS,
                validation_accuracy=1 - loss / 2.56 - 0.01 * number / EPOCHS,
                train_s=chance.uniform(0.1, 0.2) if number else 0.0,
                evaluate_s=chance.uniform(0.01, 0.02),
            )
        )
    return found


def progress_of(curve: list[EpochRecord], number: int) -> Progress:
    best = max(curve[: number + 1], key=lambda epoch: epoch.validation_accuracy or 0.0)
    return Progress(
        best_epoch=best.epoch,
        best_validation_accuracy=best.validation_accuracy or 0.0,
        best_validation_loss=best.validation_loss,
    )


def bytes_of(records: Records) -> int:
    """What a server keeps of the database; 0 for SQLite, whose file is looked at instead."""
    if records.file is not None:
        return 0
    with records.reading() as connection:
        size = connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar()
        return int(size or 0)


# -- commands ----------------------------------------------------------------------------------


def measure_commands(
    models: int, folder: Path, address: str, rounds: int
) -> dict[str, dict[str, float]]:
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, words in COMMANDS.items():
            words = [word.replace("MODELS", str(models)) for word in words]
            if models > 1 or not name.startswith("compare"):
                command = [sys.executable, "-m", "retroprop", *words, "--db", address]
                measured[name].append(cost_of(command, folder))
    found = {}
    for name, values in measured.items():
        if values:
            seconds = statistics.median(value for value, _ in values)
            memory = max(value for _, value in values)
            found[name] = {"processor_s": seconds, "peak_mb": memory}
            say(f"  {name:<20} {seconds:6.2f} s, {memory:5.0f} MB")
    return found


def start_of_program(rounds: int) -> dict[str, float]:
    """Processor seconds of what every command pays before it looks at the records."""
    programs = {
        "start": ["-m", "retroprop", "--version"],
        "matplotlib": ["-c", "import retroprop.cli, matplotlib.figure"],
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, words in programs.items():
            found[name].append(cost_of([sys.executable, *words], Path.cwd())[0])
    return {name: statistics.median(values) for name, values in found.items()}


# A process counts the memory of the one that started it until it is a program of its own: so a
# small one starts it.
_COUNTING = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def cost_of(command: list[str], folder: Path) -> tuple[float, float]:
    """Processor seconds and peak memory (MB) of a process and the children it waited for."""
    counting = [sys.executable, "-c", _COUNTING, *command]
    done = subprocess.run(counting, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with code {done.returncode}")
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


if __name__ == "__main__":
    main()
