"""Searches: what a study file may say of one, and that its trials depend on the file alone."""

import os
import sys
from dataclasses import replace

import pytest
import torch
from small import SMALL, Listening, numbers

from retroprop.errors import UserError
from retroprop.studies.environment import describe_environment
from retroprop.studies.plan import plan_study
from retroprop.studies.pools import Silent
from retroprop.studies.processes import WorkerProcesses
from retroprop.studies.records import Records, StudyRunRecord
from retroprop.studies.run_models import model_of_run
from retroprop.studies.runner import carry_out, run_study
from retroprop.studies.schema import Study, catalog, load_study, study_from
from retroprop.studies.search import FEWEST_FOR_IMPORTANCE, importances, rungs, trials_of
from retroprop.studies.search_schema import Range
from retroprop.studies.stores import Folder
from retroprop.studies.worker import Worker

RATE = {"low": 1e-4, "high": 0.3, "log": True}
OPTIMIZERS = {"choices": ["sgd", "adam"]}
SEARCH = {
    **{"trials": 7, "parallel": 3},
    "ranges": {
        "learning_rate": RATE,
        "batch_size": {"choices": [50, 100]},
        "optimizer": OPTIMIZERS,
    },
}


def document(search=None, **changes):
    plain = {key: value for key, value in SMALL.items() if key not in ("grid", "selection")}
    few = {"images": 300, "validation_images": 100}
    changes = {"epochs": 4, "training": {}, "split": few} | changes
    search = {key: value for key, value in (SEARCH | (search or {})).items() if value is not None}
    return plain | {"search": search} | changes


def search_study(search=None, **changes):
    return study_from(document(search, **changes), "study.toml")


@pytest.fixture(scope="module")
def processes(shared_cache):
    os.environ["RETROPROP_CACHE"] = str(shared_cache)
    with WorkerProcesses() as shared:
        yield shared


class Here:
    """This process as the pool of a study: quick to stop and to start again."""

    count, must_stop = 1, False

    def __init__(self, study, records):
        self.store = Folder(records.folder)
        self.worker = Worker(study, records, self.store, None, lambda: False, torch.device("cpu"))

    def prepare(self, before, jobs):
        return describe_environment(1, "cpu")

    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass

    def work(self, jobs, display, session):
        self.worker.report = lambda message: session.show(message, display)
        for job in jobs:
            self.worker.do(job)


def search_here(study, records, display=None):
    here = Here(study, records)
    return carry_out(study, records, here.store, here, display or Silent(), fresh=False)


@pytest.fixture(scope="module")
def expected_here(tmp_path_factory):
    """The same in this process, for the searches that are stopped."""
    records = Records.open(tmp_path_factory.mktemp("whole") / "r.db")
    return numbers(records, search_here(search_study(), records).id)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, processes):
    """The numbers of an uninterrupted search on one worker."""
    records = Records.open(tmp_path_factory.mktemp("whole") / "r.db")
    result = run_study(search_study(), records, workers=1, engine=processes)
    return numbers(records, result.id)


# -- the study file ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        ({"trials": None}, "search: a search must end; give trials = 12, or seconds = 3600"),
        ({"trials": 0}, "search.trials must be greater than or equal to 1, and got 0"),
        ({"trails": 9}, "unknown key search.trails. Did you mean 'trials'?"),
        ({"sampler": "tpee"}, "unknown sampler 'tpee'. Did you mean 'tpe'?"),
        ({"pruning": "medium"}, "unknown pruning 'medium'. Did you mean 'median'?"),
        ({"ranges": {}}, "search.ranges is empty; give at least one range"),
        ({"ranges": 3}, "search.ranges: ranges is a table, as"),
        ({"ranges": {"lr": RATE}}, "unknown key search.ranges.lr. Did you mean 'learning_rate'?"),
        ({"ranges": {"momentum": RATE}}, "search.ranges.momentum does not apply to a softmax"),
        ({"sampler": "grid"}, "search.ranges.learning_rate is an interval; give it a step"),
        (
            {"ranges": {"batch_size": {"choices": [50, 100]}}},
            "search.trials 7 is more than the 2 combinations",
        ),
        (
            {"ranges": {"batch_size": {"low": 1, "high": 10**6}}},
            "batch_size 1000000 is larger than the 300 training examples",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_its_key_and_the_fix(search, sentence):
    with pytest.raises(UserError) as raised:
        search_study(search)
    assert sentence in str(raised.value)
    assert "Input should" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "given", "sentence"),
    [
        ("learning_rate", 0.1, "a range is a table, as { low = 0.001"),
        ("learning_rate", {"low": 0.1}, "give low and high, or choices"),
        ("learning_rate", {"low": 0.1, "high": 0.01}, "low 0.1 must be less than high 0.01"),
        ("learning_rate", {"low": 0, "high": 1, "log": True}, "log = true needs a low above 0"),
        (
            "learning_rate",
            {"low": 0.1, "high": "x"},
            "is expected, and got 'x'",
        ),
        ("learning_rate", {"low": 0.1, "high": 10**400}, "a number of at most 1e+100"),
        ("learning_rate", {"low": 0.1, "high": float("nan")}, "a number of at most 1e+100"),
        ("learning_rate", {"low": -1, "high": 1}, "low must be greater than 0, and got -1"),
        ("learning_rate", {"low": 1, "hihg": 2}, "learning_rate.hihg. Did you mean 'high'?"),
        ("batch_size", {"low": 1, "high": 9.5}, "high must be a whole number, and got 9.5"),
        ("batch_size", {"low": 1, "high": 9, "step": 0}, "step must be above 0, and got 0"),
        ("batch_size", {"low": 1, "choices": [3]}, "give choices, or low and high"),
        ("batch_size", {"choices": []}, "choices is an empty list"),
        ("batch_size", {"choices": [50, 50]}, "choices has 50 twice"),
        ("optimizer", {"choices": ["adma"]}, "unknown optimizer 'adma'. Did you mean 'adam'"),
        ("optimizer", {"low": 1, "high": 2}, "its values are no numbers; list them"),
    ],
)
def test_a_range_that_cannot_be_is_refused_with_its_key_and_the_fix(key, given, sentence):
    with pytest.raises(UserError) as raised:
        search_study({"ranges": {key: given}, "trials": 1})
    assert f"search.ranges.{key}" in str(raised.value)
    assert sentence in str(raised.value)


def test_the_lists_of_a_grid_beside_a_search_are_choices_of_it():
    study = search_study(
        {"ranges": {"learning_rate": RATE}}, grid={"optimizer": ["sgd", "adam"]}, seeds=[0]
    )
    assert study.varied() == {"optimizer": ["sgd", "adam"], "learning_rate": [1e-4, 0.3]}
    with pytest.raises(UserError, match=r"optimizer is in grid and in search.ranges"):
        search_study(grid={"optimizer": ["sgd", "adam"]})


def test_a_study_without_a_search_says_nothing_of_it():
    study = Study.model_validate(SMALL)
    assert "search" not in study.model_dump()
    assert search_study({"seed": 1}).fingerprint != search_study().fingerprint


def test_whole_numbers_stay_whole_and_steps_are_counted_from_the_low_end():
    assert Range(low=16, high=50, step=16).values == [16, 32, 48]
    assert Range(low=0.1, high=0.5, step=0.1).values == [0.1, 0.2, 0.3, 0.4, 0.5]
    whole = search_study({"ranges": {"batch_size": {"low": 10, "high": 20}}}).ranges["batch_size"]
    assert (whole.count, whole.middle) == (11, 15)


def test_a_plan_predicts_all_trials_of_a_search_before_they_are_drawn():
    plan = plan_study(search_study())
    assert [one.name for one in plan.populations] == [f"trial={n:03d}" for n in range(1, 8)]
    assert {run.cell["batch_size"] for run in plan.runs} == {50, 100}
    assert plan.predicted_s(1) > plan.predicted_s(2) > 0


def test_a_smoke_size_that_a_file_does_not_give_has_two_trials(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\ntitle = "x"\ndataset = "fashion-mnist"\nepochs = 9\nseeds = [0, 1]\n'
        "[search]\ntrials = 12\n[search.ranges]\nlearning_rate = { low = 0.1, high = 1.0 }\n"
    )
    assert load_study(str(file), size="smoke").models == 2
    assert load_study(str(file), changes=["search.trials=3"]).models == 6


# -- its trials -------------------------------------------------------------------------------


def test_each_trial_is_a_population_of_all_seeds_drawn_from_its_ranges(expected):
    assert len(expected) == 14
    assert {status for _, _, _, status, *_ in expected} == {"finished", "pruned"}
    for position, cell, seed, status, *_, epochs in expected:
        assert seed == position % 2
        assert set(cell) == {"learning_rate", "batch_size", "optimizer"}
        assert 1e-4 <= cell["learning_rate"] <= 0.3
        assert type(cell["batch_size"]) is int
        assert len(epochs) == 5 or status == "pruned"
    cells = [cell for _, cell, seed, *_ in expected if seed == 0]
    assert len({tuple(cell.values()) for cell in cells}) == 7


def test_only_the_best_finished_trial_is_tested(expected):
    means = {}
    for _, cell, _, status, _, best, _, test, _, _ in expected:
        means.setdefault(tuple(cell.values()), []).append((status, best, test))
    tested = [runs for runs in means.values() if any(test is not None for *_, test in runs)]
    done = [runs for runs in means.values() if {status for status, *_ in runs} == {"finished"}]
    assert tested == [max(done, key=lambda runs: sum(best for _, best, _ in runs))]


def test_a_search_draws_the_same_trials_on_two_workers(tmp_path, processes, expected):
    records = Records.open(tmp_path / "r.db")
    result = run_study(search_study(), records, workers=2, engine=processes)
    assert result.sessions[0].environment["workers"] == 2
    assert numbers(records, result.id) == expected


@pytest.mark.parametrize("stop", [2, 8, 13, 17, 22])
def test_a_search_that_was_stopped_anywhere_ends_as_one_that_was_not(tmp_path, expected_here, stop):
    seen = []

    def at_epoch(report):
        seen.append(report)
        if len(seen) == stop:
            raise InterruptedError

    records = Records.open(tmp_path / "r.db")
    with pytest.raises(InterruptedError):
        search_here(search_study(), records, Listening(at_epoch))
    result = search_here(search_study(), records)
    assert len(result.sessions) == 2
    assert numbers(records, result.id) == expected_here


def test_a_search_whose_worker_was_killed_ends_as_one_whose_was_not(tmp_path, processes, expected):
    seen = []

    def kill_a_worker(report):
        seen.append(report)
        if len(seen) == 11:
            (worker,) = processes.take(1)
            worker.process.kill()

    records = Records.open(tmp_path / "r.db")
    with pytest.raises(UserError, match=r"ended by signal 9.*run the same command again"):
        run_study(
            search_study(),
            records,
            workers=1,
            display=Listening(kill_a_worker),
            engine=processes,
        )
    result = run_study(search_study(), records, workers=2, engine=processes)
    assert numbers(records, result.id) == expected


def test_a_search_that_was_stopped_between_judging_and_training_on_ends_the_same(
    tmp_path, expected_here
):
    class Stopping(Listening):
        def trials(self, plan, runs):
            raise InterruptedError

    records = Records.open(tmp_path / "r.db")
    for _ in range(3):
        with pytest.raises(InterruptedError):
            search_here(search_study(), records, Stopping())
    assert numbers(records, search_here(search_study(), records).id) == expected_here


def test_a_pruned_trial_keeps_its_epochs_and_the_parameters_of_its_best_one(tmp_path):
    study = search_study({"pruning": "halving", "trials": 4, "parallel": 4}, seeds=[0])
    records = Records.open(tmp_path / "r.db")
    result = search_here(study, records)
    runs = records.runs(result.id)
    pruned = [run for run in runs if run.status == "pruned"]
    assert rungs(study) == [1, 2]
    assert max(run.epochs[-1].epoch for run in runs if run.status == "finished") == 4
    assert {run.epochs[-1].epoch for run in pruned} == {1, 2}
    first = {run.id: run.epochs[1].validation_accuracy for run in runs}
    longer = [first[run.id] for run in runs if len(run.epochs) > 2]
    assert min(longer) >= max(first[run.id] for run in pruned if len(run.epochs) == 2)
    for run in pruned:
        assert (
            run.best_epoch
            == max(run.epochs, key=lambda one: (one.validation_accuracy, -one.epoch)).epoch
        )
        assert run.test_accuracy is None
        assert model_of_run(records, run.id) is not None
    assert not list((tmp_path / "checkpoints").rglob("state-*"))


def test_a_grid_of_trials_tries_each_cell_once(tmp_path):
    study = search_study(
        {
            **{"sampler": "grid", "trials": 6, "pruning": "none"},
            "ranges": {"learning_rate": {"choices": [0.1, 0.01, 0.001]}, "optimizer": OPTIMIZERS},
        },
        epochs=1,
        seeds=[0],
    )
    records = Records.open(tmp_path / "r.db")
    runs = records.runs(search_here(study, records).id)
    tried = {(run.cell["optimizer"], run.cell["learning_rate"]) for run in runs}
    assert len(tried) == len(runs) == 6


def test_a_diverged_trial_is_the_worst_and_ends_at_the_next_rung(tmp_path):
    ranges = {"learning_rate": {"choices": [0.01, 1e38, 0.001, 1e37]}}
    study = search_study({"ranges": ranges, "trials": 4, "parallel": 2}, seeds=[0])
    records = Records.open(tmp_path / "r.db")
    runs = records.runs(search_here(study, records).id)
    wild = [run for run in runs if run.cell["learning_rate"] > 1]
    assert [run.status for run in wild] == ["diverged", "diverged"]
    assert all(run.epochs[-1].epoch == 1 for run in wild)
    best = max(runs, key=lambda run: run.test_accuracy or 0)
    assert best.cell["learning_rate"] == 0.01


def test_a_search_by_seconds_begins_no_round_after_them(tmp_path, monkeypatch):
    monkeypatch.setattr(StudyRunRecord, "wall_s", property(lambda self: 100.0))
    study = search_study({"trials": None, "seconds": 60}, epochs=1, seeds=[0])
    records = Records.open(tmp_path / "r.db")
    result = search_here(study, records)
    assert len(records.runs(result.id)) == 3
    assert search_here(study, records).status == "finished"
    assert len(records.runs(result.id)) == 3


def test_without_optuna_a_search_says_what_to_install_and_records_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    records = Records.open(tmp_path / "r.db")
    with pytest.raises(UserError, match=r"pip install -c constraints.txt -e '.\[search\]'"):
        run_study(search_study(), records, workers=1)
    assert records.study_runs() == []
    plan_study(search_study())  # the rest of such a study can be read without it


def test_importance_needs_several_trials_and_finds_the_setting_that_decides(tmp_path):
    study = search_study({"trials": 40})
    records = Records.open(tmp_path / "r.db")
    plan = plan_study(study)
    records.add_study_run(
        **{"id": "s", "study": "small", "fingerprint": "f", "config": {}},
        data_checksum="c",
        runs=plan.runs,
    )
    assert importances(study.ranges, trials_of(records.runs("s"))) == {}
    runs = [
        replace(
            run,
            status="finished",
            cell=run.cell | {"learning_rate": 1e-4 * 1.2 ** (run.position // 2 % 40)},
            best_validation_accuracy=0.9 - 0.3 * abs(0.5 - (run.position // 2 % 40) / 40),
        )
        for run in records.runs("s")
    ]
    found = importances(study.ranges, trials_of(runs))
    assert next(iter(found)) == "learning_rate"
    assert sum(found.values()) == pytest.approx(1)
    assert importances(study.ranges, trials_of(runs[: 2 * FEWEST_FOR_IMPORTANCE - 2])) == {}


def test_a_search_of_the_trainer_trains_each_seed_alone(tmp_path):
    study = search_study(
        {"ranges": {"learning_rate": RATE}, "trials": 2, "parallel": 2},
        **{"model": {"kind": "network"}, "training": {"architecture": "mlp 16"}},
    )
    records = Records.open(tmp_path / "r.db")
    result = search_here(study, records)
    assert [run.population for run in records.runs(result.id)] == [
        f"trial={trial:03d},seed={seed}" for trial in (1, 2) for seed in (0, 1)
    ]
    assert [trial.number for trial in trials_of(records.runs(result.id))] == [1, 2]


def test_the_searches_of_the_catalog_have_a_dozen_trials_and_more_at_laptop_size():
    searches = [name for name, study in catalog().items() if study.search is not None]
    assert searches == ["ift6135-mixer-best", "ift6135-resnet18-best"]
    for name in searches:
        assert load_study(name, size="laptop").trials >= 12
        assert load_study(name, size="full").trials >= 12
