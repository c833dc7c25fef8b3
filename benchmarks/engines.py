"""Workers by processes and by Ray: what a second one brings, and what a job costs beside its work.

    python -m benchmarks.scale engines
    python -m benchmarks.scale engines --db postgresql+psycopg://… --store s3://…

Efficiency: eight equal populations of MLPs, by 1, 2 and 4 workers, each engine in turns in the same
run; seconds of `run_study` from its call to its end, the workers being there already (they served a
small study before). Its value is the time of one worker process over n times that of n workers.

Cost of a job: 64 populations that have almost nothing to do, on one worker, by both engines.

With --db and --store, the 72 models of the logistic regression are trained once by default and once
on Ray with these records and this store, and compared: every number of every epoch, every file.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import keep, say, spread
from retroprop.studies.records import Records
from retroprop.studies.runner import open_engine, run_study
from retroprop.studies.schema import Study, load_study

ENGINES = {"processes": None, "ray": "ray"}
WORKERS = (1, 2, 4)
ASKED = 0.85
JOBS = 64


def measure_engines(arguments: argparse.Namespace) -> None:
    results: dict[str, Any] = {"load": os.getloadavg()[0]}
    say("eight equal populations, on 1, 2 and 4 workers")
    results["seconds"] = scaling(arguments.rounds)
    one = statistics.median(results["seconds"]["processes"]["1"])
    results["efficiency"] = {
        engine: {n: one / (int(n) * statistics.median(found)) for n, found in by_workers.items()}
        for engine, by_workers in results["seconds"].items()
    }
    for engine, by_workers in results["efficiency"].items():
        for n, value in by_workers.items():
            seconds = spread(results["seconds"][engine][n])
            note = ""
            if n == "2":
                note = f"; {ASKED:.0%} asked: " + ("reached" if value >= ASKED else "not reached")
            say(f"{engine}, {n} at once: {seconds} s, efficiency {value:.0%}{note}")
    results["job_ms"] = cost_of_a_job(arguments.rounds)
    say(f"a job on Ray costs {results['job_ms']:.0f} ms more than on a worker process")
    if arguments.db and arguments.store:
        results["equal"] = equal_models(arguments.db, arguments.store)
        say(f"models of Ray, database server and store that equal the default: {results['equal']}")
    keep("scale", results, part="engines")


def scaling(rounds: int) -> dict[str, dict[str, list[float]]]:
    seconds = {name: {str(n): [] for n in WORKERS} for name in ENGINES}
    for _ in range(rounds):
        for n in WORKERS:
            for name, on in ENGINES.items():
                seconds[name][str(n)].append(seconds_of(populations(8, 3, 6_000), on, n))
    return seconds


def cost_of_a_job(rounds: int) -> float:
    """Milliseconds that a job takes longer on Ray than on a worker process."""
    found = []
    for _ in range(rounds):
        ray, processes = (seconds_of(populations(JOBS, 1, 100), on, 1) for on in ("ray", None))
        found.append(1000 * (ray - processes) / JOBS)
    return statistics.median(found)


def seconds_of(study: Study, on: str | None, workers: int) -> float:
    """Of one run of a study, by workers that are there already."""
    with tempfile.TemporaryDirectory() as folder, open_engine(on, workers) as engine:
        records = Records.open(Path(folder) / "records.db")
        run_study(populations(workers, 1, 100), records, workers=workers, engine=engine)
        started = time.perf_counter()
        run_study(study, records, workers=workers, engine=engine)
        seconds = time.perf_counter() - started
        records.engine.dispose()
        return seconds


def populations(count: int, epochs: int, images: int) -> Study:
    """A study of so many populations that cost the same: MLPs with other initial weights."""
    scales = [round(1 + 0.001 * i, 3) for i in range(count)]
    return Study.model_validate(
        {
            "name": f"populations-{count}-{epochs}",
            "title": {"en": "Equal work", "fr": "Travail égal"},
            "dataset": "mnist",
            "split": {"images": images, "validation_images": 500},
            "epochs": epochs,
            "seeds": [0, 1, 2],
            "model": {"kind": "mlp", "derivation": "by-hand"},
            "training": {"batch_size": 100},
            "grid": {"learning_rate": [0.01, 0.001], "initial_scale": scales},
        }
    )


def equal_models(database: str, store: str) -> str:
    """How many of the 72 models are equal in all numbers and in their files: "72 of 72"."""
    study = load_study("inf8225-logistic")
    with tempfile.TemporaryDirectory() as folder:
        usual = Records.open(Path(folder) / "records.db")
        expected = models_of(usual, run_study(study, usual).id)
        shared = Records.open(database)
        with open_engine("ray", None) as engine:
            result = run_study(study, shared, engine=engine, store=store, fresh=True)
        found = models_of(shared, result.id)
        usual.engine.dispose()
        shared.engine.dispose()
    same = sum(one == other for one, other in zip(found, expected, strict=True))
    return f"{same} of {len(expected)}"


def models_of(records: Records, study_run_id: str) -> list[tuple[Any, ...]]:
    """All that must be equal: every number but times and ids, and the checksum of the file."""
    return [
        (
            *(run.cell, run.seed, run.status, run.best_epoch, run.test_accuracy, run.test_loss),
            run.test_confusion,
            run.checkpoint_sha256,
            [
                (e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy)
                for e in run.epochs
            ],
        )
        for run in records.runs(study_run_id)
    ]
