import importlib.util
from pathlib import Path

import pytest

from retroprop.grading.sessions import ForkServer
from retroprop.labs.catalog import find_lab
from retroprop.report.lab_report import LabReport
from retroprop.studies import kinds
from retroprop.studies.schema import load_study
from retroprop.studies.summary import best_cells, summarise_cells


def _load(name):
    file = Path(__file__).parents[1] / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures without their drawing: their words are what is tested."""
    monkeypatch.setattr("retroprop.report.pictures.to_svg", lambda figure, **words: "<svg></svg>")


@pytest.fixture
def recorded(tmp_path):
    """A function from a lab's studies, each with its options, to the lab's report.

    Options: "changes", "size" and "epochs" as for load_study, "tested" whether the best cells were,
    and those of `make_records`. Whatever changes, the fingerprint is that of the assignment's
    study. By default the first values of the grid are the best.
    """
    make_records = _load("make_records").make_records

    def tell(lab, studies, language="en"):
        records = None
        for name, options in studies.items():
            records = _record(make_records, tmp_path / "test.db", name, **options)
        return LabReport(find_lab(lab), records, language)

    return tell


def _record(make_records, path, name, *, changes=(), size="smoke", tested=True, **options):
    study = load_study(name, size=size, changes=list(changes), epochs=options.pop("epochs", 3))
    grid = study.grid.varied()

    def falling(cell, seed):
        away = sum(grid[key].index(value) for key, value in cell.items())
        return 0.9 - 0.01 * away + 0.001 * seed

    accuracy = options.pop("accuracy", falling)
    records = make_records(
        path,
        config=study.model_dump(),
        epochs=study.epochs,
        accuracy=accuracy,
        seconds=lambda cell: 1.0,
        settings=lambda cell: kinds.recorded(study.settings(cell)),
        study_run_id=name,
        tested=False,
        **{"fingerprint": load_study(name, size=size).fingerprint, **options},
    )
    runs = records.runs(name)
    records.set_parameters([run.id for run in runs], 100)
    for best in best_cells(summarise_cells(runs), study.selection.best_per) if tested else []:
        for run in best.runs:
            records.set_test(run.id, accuracy=accuracy(run.cell, run.seed), loss=0.5)
    return records


@pytest.fixture(scope="session")
def server():
    """A fork server for all tests of grading: to import torch takes seconds."""
    with ForkServer("best") as server:
        yield server
