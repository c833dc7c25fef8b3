"""The plan: every cell and seed once, in populations that differ in learning rate and seed only."""

from types import SimpleNamespace

import pytest
from small import small_study

from retroprop.errors import UserError
from retroprop.studies import memory as memory_of_study
from retroprop.studies.kinds import recorded
from retroprop.studies.plan import LONGEST_NAME, longest_first, plan_study
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


def test_a_long_name_of_a_population_ends_in_a_digest_of_the_whole():
    layers = [f"mlp {'-'.join(str(n + 10 * i) for n in range(1, 101))}" for i in (1, 2)]
    study = small_study(
        model={"kind": "network"}, grid={"architecture": layers}, selection={}, seeds=[0]
    )
    names = [population.name for population in plan_study(study).populations]
    assert [len(name) for name in names] == [LONGEST_NAME, LONGEST_NAME] == [160, 160]
    assert len(set(names)) == 2
    again = plan_study(
        small_study(
            model={"kind": "network"}, grid={"architecture": layers[1:]}, selection={}, seeds=[0]
        )
    )
    assert again.populations[0].name == names[1]


def test_two_thousand_networks_are_known_to_take_seven_gigabytes(monkeypatch):
    """Measured: 7.1 GB, by the most resident memory of a worker."""
    study = small_study(
        dataset="mnist",
        model={"kind": "mlp"},
        seeds=list(range(200)),
        training={"optimizer": "adam"},
        grid={"learning_rate": [0.001 * n for n in range(1, 11)]},
        selection={},
    )
    plan = plan_study(study)
    assert 7.1e9 / 1.5 < plan.populations[0].predicted_bytes < 7.1e9 * 1.5

    def machine(total, available):
        memory = SimpleNamespace(total=total, available=available)
        monkeypatch.setattr(memory_of_study.psutil, "virtual_memory", lambda: memory)
        monkeypatch.setattr(memory_of_study.psutil, "swap_memory", lambda: SimpleNamespace(total=0))
        return plan.memory_warning(2)

    assert machine(32e9, 30e9) is None
    assert "GB of memory with 1 worker, and 3.0 GB are free" in machine(8e9, 3e9)
    with pytest.raises(UserError, match=r"the population all needs about .* has 2\.0 GB"):
        machine(2e9, 1e9)


def test_what_trains_side_by_side_needs_its_memory_together(monkeypatch):
    plan = plan_study(small_study())
    needed = sum(population.predicted_bytes for population in plan.populations)
    memory = SimpleNamespace(total=1e12, available=0.9 * needed)
    monkeypatch.setattr(memory_of_study.psutil, "virtual_memory", lambda: memory)
    assert plan.memory_warning(1) is None
    assert "with 2 workers" in plan.memory_warning(8)
    assert "--workers 1 or less" in plan.memory_warning(8)
