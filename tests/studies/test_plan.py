"""The plan: every cell and seed once, in populations that differ in learning rate and seed only."""

import pytest
from small import small_study

from retroprop.studies.kinds import recorded
from retroprop.studies.plan import longest_first, plan_study
from retroprop.studies.schema import load_study


def test_the_logistic_study_is_72_models_in_8_populations():
    plan = plan_study(load_study("inf8225-logistic"))
    assert len(plan.runs) == 72
    assert len(plan.populations) == 8
    assert [run.position for run in plan.runs] == list(range(72))
    assert len({(str(run.cell), run.seed) for run in plan.runs}) == 72


def test_members_of_a_population_differ_in_learning_rate_and_seed_only():
    for population in plan_study(load_study("inf8225-logistic")).populations:
        shared = population.settings
        members = [(run.seed, run.settings["learning_rate"]) for run in population.runs]
        expected = [(s, r) for s in shared.seeds for r in shared.learning_rates]
        assert members == expected
        for run in population.runs:
            rest = {k: v for k, v in run.settings.items() if k != "learning_rate"}
            assert rest == {k: v for k, v in recorded(shared).items() if k != "learning_rate"}


def test_the_slowest_population_is_begun_first():
    plan = plan_study(load_study("inf8225-logistic"))
    assert longest_first(plan.populations)[0].name == "optimizer=adam,batch_size=1"


def test_more_workers_are_never_predicted_to_be_slower():
    plan = plan_study(load_study("inf8225-logistic"))
    times = [plan.predicted_s(workers) for workers in (1, 2, 4, 8, 100)]
    assert times == sorted(times, reverse=True)
    assert times[0] == pytest.approx(sum(p.predicted_s for p in plan.populations))


def test_a_grid_without_other_keys_is_one_population():
    study = small_study(grid={"learning_rate": [0.1, 0.01]}, selection={})
    assert [p.name for p in plan_study(study).populations] == ["all"]


def test_deep_networks_in_bfloat16_are_predicted_to_train_faster():
    name = "ift6135-resnet18-best"
    half, single = (
        plan_study(load_study(name, size="laptop", changes=[f"training.precision={precision}"]))
        for precision in ("bf16", "float32")
    )
    assert 2 < single.predicted_s(2) / half.predicted_s(2) < 2.7
