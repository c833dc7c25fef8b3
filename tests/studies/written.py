"""Records to write in tests, and databases that older versions wrote.

`databases/` has what each version of the schema wrote for two small studies, as SQL: "old" is
finished, with two diverged models of each optimizer, and "half" was stopped in its first
population. They were made by the last revision before the next version.
"""

from pathlib import Path

import sqlalchemy as sa

from retroprop.studies.records import RunUpdate
from retroprop.training.epochs import EpochRecord, Progress


def epoch(number, **changes):
    values = {
        "train_loss": 0.5,
        "train_accuracy": 0.8,
        "validation_loss": 0.6,
        "validation_accuracy": 0.7,
        "train_s": 0.1,
        "evaluate_s": 0.01,
    }
    return EpochRecord(epoch=number, **(values | changes))


def update(run_id, number, **changes):
    return RunUpdate(
        run_id=run_id,
        epoch=epoch(number, **changes),
        progress=Progress(
            best_epoch=number, best_validation_accuracy=0.7, best_validation_loss=0.6
        ),
    )


VERSIONS = (1, 2, 3)


def fill(url, version):
    """Write what a version wrote into an empty database."""
    engine = sa.create_engine(url)
    file = f"v{version}.{'sqlite' if engine.dialect.name == 'sqlite' else 'postgres'}.sql"
    script = (Path(__file__).parent / "databases" / file).read_text(encoding="utf-8")
    connection = engine.raw_connection()
    cursor = connection.cursor()
    (cursor.executescript if engine.dialect.name == "sqlite" else cursor.execute)(script)
    connection.commit()
    connection.close()
    engine.dispose()


VERSION_1 = """
CREATE TABLE retroprop_meta (key VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key));
CREATE TABLE study_runs (
    id VARCHAR(120) NOT NULL, study VARCHAR(80) NOT NULL, fingerprint VARCHAR(64) NOT NULL,
    config JSON NOT NULL, data_checksum VARCHAR(64) NOT NULL, status VARCHAR(20) NOT NULL,
    created_at VARCHAR(40) NOT NULL, finished_at VARCHAR(40), PRIMARY KEY (id)
);
CREATE TABLE sessions (
    id INTEGER NOT NULL, study_run_id VARCHAR(120) NOT NULL, started_at VARCHAR(40) NOT NULL,
    wall_s FLOAT NOT NULL, environment JSON NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
CREATE TABLE runs (
    id INTEGER NOT NULL, study_run_id VARCHAR(120) NOT NULL, position INTEGER NOT NULL,
    population VARCHAR(160) NOT NULL, cell JSON NOT NULL, settings JSON NOT NULL,
    seed INTEGER NOT NULL, status VARCHAR(20) NOT NULL, best_epoch INTEGER,
    best_validation_accuracy FLOAT, best_validation_loss FLOAT, diverged_epoch INTEGER,
    test_accuracy FLOAT, test_loss FLOAT, checkpoint TEXT, PRIMARY KEY (id),
    UNIQUE (study_run_id, position), FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
CREATE TABLE epochs (
    run_id INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss FLOAT, train_accuracy FLOAT,
    validation_loss FLOAT, validation_accuracy FLOAT, train_s FLOAT NOT NULL,
    evaluate_s FLOAT NOT NULL, PRIMARY KEY (run_id, epoch),
    FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO retroprop_meta VALUES ('schema_version', '1'), ('written_by', 'retroprop 0.1.0');
INSERT INTO study_runs VALUES (
    's-1', 's', 'f', '{"epochs": 2}', 'c', 'finished', '2026-01-01T00:00:00+00:00', NULL
);
INSERT INTO sessions VALUES (1, 's-1', '2026-01-01T00:00:00+00:00', 4.5, '{"workers": 2}');
INSERT INTO runs VALUES (
    1, 's-1', 0, 'p', '{"batch_size": 20}', '{"x": 1}', 0, 'finished', 1, 0.7, 0.6, NULL, 0.65, 0.5,
    'checkpoints/x'
);
INSERT INTO epochs VALUES
    (1, 0, 2.3, 0.1, 2.4, 0.1, 0.0, 0.01), (1, 1, 0.5, 0.8, NULL, 0.7, 0.1, 0.01);
"""
