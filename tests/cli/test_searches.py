"""A study with [search] at the command line."""

import io
import re

import pytest

from retroprop.cli.console import Terminal
from retroprop.cli.display import StudyDisplay
from retroprop.studies.messages import EpochReport
from retroprop.studies.plan import plan_trials
from retroprop.studies.records import Records, RunUpdate
from retroprop.studies.schema import load_study
from retroprop.training.epochs import EpochRecord, Progress

STUDY = """
name = "two"
title = "Two trials"
dataset = "cifar10-sample"
split = { images = 100, validation_images = 50 }
epochs = 2
seeds = [0]
[search]
trials = 2
parallel = 1
[search.ranges]
learning_rate = { low = 0.001, high = 0.1, log = true }
batch_size = { low = 20, high = 100, step = 20 }
optimizer = { choices = ["sgd", "adam"] }
"""


@pytest.fixture
def study_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.toml").write_text(STUDY, encoding="utf-8")
    return "two.toml"


@pytest.fixture
def drawn(study_file):
    """The study of the file with two trials in the records, untrained."""
    study = load_study(study_file)
    cells = [{"learning_rate": rate, "batch_size": 20, "optimizer": "sgd"} for rate in (0.01, 0.02)]
    plan = plan_trials(study, cells)
    records = Records.open("retroprop.db")
    records.add_study_run(
        **{"id": "two-1", "study": "two", "fingerprint": study.fingerprint, "data_checksum": "c"},
        config=study.model_dump(mode="json", exclude_none=True),
        runs=plan.runs[:1],
    )
    records.add_runs("two-1", plan.runs[1:])
    return records, plan


def test_a_dry_run_says_what_a_search_draws_from_and_for_how_long(call, study_file, tmp_path):
    code, out, err = call("run", study_file, "--dry-run", "--epochs", "8", "--workers", "3")
    assert (code, err) == (0, "")
    assert re.search(r"^learning_rate +0\.001 to 0\.1 \(logarithmic\)$", out, re.M)
    assert re.search(r"^batch_size +20 to 100 in steps of 20$", out, re.M)
    assert re.search(r"^optimizer +sgd, adam$", out, re.M)
    said = " ".join(out.split())
    assert "A search of 2 trials, 1 at a time (tpe); 1 seed, 8 epochs; median pruning" in said
    assert "after epochs 1, 2, 4" in said
    assert "if none is pruned on 3 workers" in said
    assert not (tmp_path / "retroprop.db").exists()


def test_a_dry_run_of_a_search_by_time_says_its_time(call, study_file):
    changes = ("--set", "search.seconds=7200")
    _, out, _ = call("run", study_file, "--dry-run", *changes)
    assert "A search of 2 trials, for 2 h 00 min of work" in " ".join(out.split())
    assert "at most 2 h 00 min, or about" in " ".join(out.split())


def test_a_search_runs_and_is_listed_shown_and_reported(call, study_file, shared_cache):
    code, out, err = call("run", study_file, "--workers", "1", "--set", "search.trials=3")
    assert (code, err) == (0, "")
    assert "A search of 3 trials, 1 at a time (tpe)" in " ".join(out.split())
    assert "2 of 3 trials done" in " ".join(out.split())
    assert "3 models trained" in out
    assert call("runs", "two")[1].count("trial=") == 0
    assert "learning_rate" in call("show", "1")[1]
    assert call("compare", "1", "2")[0] == 0
    code, _, err = call("compare", "two", "--by", "learning_rate")
    assert code == 2
    assert "as those of a search seldom do: its report shows" in err
    assert call("report", "two", "--format", "html")[0] == 0


def test_the_list_of_studies_says_which_are_searches(call):
    _, out, _ = call("studies")
    said = " ".join(out.split())
    assert "48 models, 15 epochs; searches optimizer, batch_size, weight_decay" in said


def update(run_id, epoch, accuracy, best=0.0):
    numbers = {"train_loss": 1.0, "train_accuracy": accuracy, "validation_loss": 1.0}
    record = EpochRecord(
        epoch=epoch, **numbers, validation_accuracy=accuracy, train_s=0.1, evaluate_s=0.1
    )
    progress = Progress(
        best_epoch=epoch,
        best_validation_accuracy=max(accuracy, best),
        best_validation_loss=1.0,
        diverged_epoch=None,
    )
    return RunUpdate(run_id=run_id, epoch=record, progress=progress)


def test_the_display_counts_trials_and_keeps_the_best_so_far(drawn):
    records, plan = drawn
    first, second = records.runs("two-1")
    file = io.StringIO()
    display = StudyDisplay(Terminal(file=file, width=200))
    begin = plan_trials(plan.study, [first.cell])
    display.start(begin, [first], 1)
    for epoch, accuracy in ((0, 0.1), (1, 0.5), (2, 0.4)):
        updates = (update(first.id, epoch, accuracy, best=0.5 if epoch == 2 else 0.0),)
        records.add_epoch(updates)
        name = plan.populations[0].name
        display.epoch(EpochReport(population=name, updates=updates, done=epoch == 2))
    records.finish_population([first.id], "x")
    display.trials(plan, records.runs("two-1"))
    assert "1 of 2 trials done, best 50.0%" in display.bar.tasks[0].fields["left"]
    updates = (update(second.id, 1, 0.3),)
    records.add_epoch(updates)
    records.finish_population([second.id], "y", pruned=True)
    display.trials(plan, records.runs("two-1"))
    assert "2 of 2 trials done, best 50.0%" in display.bar.tasks[0].fields["left"]
    assert display.bar.tasks[0].percentage == 100
    display.stop()
    assert "1 of 2 trials done, 0 pruned; best validation accuracy of a model so far 50.0%" in (
        file.getvalue()
    )


def test_trials_that_are_added_to_the_records_are_read_back_in_order(drawn):
    records, plan = drawn
    runs = records.runs("two-1")
    assert [run.cell["learning_rate"] for run in runs] == [0.01, 0.02]
    assert [run.population for run in runs] == [one.name for one in plan.populations]
    assert {run.status for run in runs} == {"planned"}
