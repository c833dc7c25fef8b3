"""Databases that older versions wrote are upgraded, read, reported and trained further."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from small import Listening, numbers, small_study
from written import VERSIONS, fill

from retroprop.cli import main
from retroprop.studies import database
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import Records
from retroprop.studies.runner import run_study

TABLES = ("study_runs", "sessions", "runs", "epochs")

HALF = small_study(
    name="half",
    title={"en": "A study of an older version", "fr": "Une étude d’une version antérieure"},
    seeds=[0],
    grid={"optimizer": ["sgd", "adam"], "learning_rate": [0.01]},
    report={
        "tables": [
            {"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}
        ],
        "figures": ["loss-curves", "accuracy-curves"],
    },
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path, monkeypatch):
    """The address of an empty database; what commands leave open is closed at the end."""
    monkeypatch.chdir(tmp_path)
    engines, make = [], database._engine  # pyright: ignore[reportPrivateUsage]

    def kept(url):
        engines.append(make(url))
        return engines[-1]

    monkeypatch.setattr(database, "_engine", kept)
    postgres = request.param == "postgres"
    yield request.getfixturevalue("postgres") if postgres else f"sqlite:///{tmp_path / 'r.db'}"
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=VERSIONS, ids=lambda version: f"version {version}")
def version(request, url):
    """A version that wrote the database at the address."""
    fill(url, request.param)
    return request.param


@pytest.fixture
def opened(url, version):
    return Records.open(url, create=False)


@pytest.fixture(scope="module")
def processes():
    """A worker for all studies of this module: each takes seconds to start."""
    with WorkerProcesses() as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, processes):
    """The numbers of the study that is trained further, trained at once."""
    records = Records.open(tmp_path_factory.mktemp("undisturbed") / "r.db")
    return numbers(records, run_study(HALF, records, workers=1, engine=processes).id)


def rows(url):
    """All rows of a database as they lie there, without our code."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            table: [
                dict(row._mapping)
                for row in connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1, 2"))
            ]
            for table in TABLES
        }
    engine.dispose()
    return found


def test_all_that_was_recorded_is_read(url, version):
    before = rows(url)
    records = Records.open(url, create=False)
    after = rows(url)
    for table in TABLES:
        names = set(before[table][0]) - {"row_crc"}
        assert [{name: row[name] for name in names} for row in after[table]] == [
            {name: row[name] for name in names} for row in before[table]
        ]
    read = [run for record in records.study_runs() for run in records.runs(record.id)]
    assert len(read) == len(before["runs"]) == 10
    for row in before["runs"]:
        (run,) = [run for run in read if run.id == row["id"]]
        for name in set(row) - {"row_crc"}:
            value = row[name]
            if name in ("cell", "settings", "test_confusion") and isinstance(value, str):
                value = json.loads(value)
            assert getattr(run, name) == value
        of_run = [one for one in before["epochs"] if one["run_id"] == run.id]
        assert [
            {name: getattr(epoch, name) for name in of_run[0] if name not in ("run_id", "row_crc")}
            for epoch in run.epochs
        ] == [
            {name: one[name] for name in one if name not in ("run_id", "row_crc")}
            for one in sorted(of_run, key=lambda one: one["epoch"])
        ]


def structure(url):
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {}
    for table in ("retroprop_meta", *TABLES):
        columns = {one["name"]: one for one in inspector.get_columns(table)}
        typed = engine.dialect.name != "sqlite"  # which keeps any length in any column
        found[table] = (
            {name: str(one["type"]) if typed else "" for name, one in columns.items()},
            {tuple(index["column_names"]) for index in inspector.get_indexes(table)},
        )
    engine.dispose()
    return found


def test_an_upgraded_database_has_the_structure_of_a_new_one(url, opened):
    upgraded = structure(url)
    with opened.changing_tables() as connection:
        for table in ("epochs", "runs", "sessions", "study_runs", "retroprop_meta"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
    Records.open(url)
    assert upgraded == structure(url)


def test_a_finished_study_of_an_older_version_is_reported(url, opened, capsys):
    report = "report old --output reports"
    for command in (
        "runs",
        "runs old",
        "show 5",
        "compare 1 5",
        "compare old --by optimizer",
        report,
    ):
        with pytest.raises(SystemExit) as done:
            main([*command.split(), "--db", url])
        assert done.value.code == 0, command
    assert "29.50%" in capsys.readouterr().out
    (path,) = Path("reports").rglob("*.html")
    page = path.read_text(encoding="utf-8")
    assert "28.75" in page  # the mean of the best cell
    assert "diverged" in page


def test_a_study_that_an_older_version_began_is_trained_further(
    version, opened, processes, undisturbed
):
    """One of version 1 has another fingerprint: it is trained anew, and stays as it is."""
    begun = opened.study_run("half")
    display = Listening()
    done = run_study(HALF, opened, workers=1, display=display, engine=processes)
    if version == 1:
        assert done.id != begun.id
        assert opened.study_run(begun.id) == begun
        assert display.notes == []
    else:
        assert done.id == begun.id
        assert len(done.sessions) == 2
        assert "optimizer=adam starts again" in display.notes[0]
    assert numbers(opened, done.id) == undisturbed
    assert len(opened.runs(opened.study_run("old").id)) == 8
