import dataclasses
import math

import pytest

from retroprop.studies.records import EpochRecord, RunRecord
from retroprop.studies.summary import (
    best_cell,
    best_cells,
    gaps,
    student_quantile,
    summarise_cells,
    verdict,
    verdict_of_images,
    verdict_of_seeds,
)


def run(id, cell, seed, accuracy, status="finished"):
    return RunRecord(
        id=id,
        study_run_id="test",
        position=id,
        population="p",
        cell=cell,
        settings={},
        seed=seed,
        status=status,
        best_validation_accuracy=accuracy,
    )


def cell_of(accuracies, name="a", first=0, statuses=None):
    statuses = statuses or ["finished"] * len(accuracies)
    return [
        run(first + seed, {"optimizer": name, "rate": 0.1}, seed, accuracy, status)
        for seed, (accuracy, status) in enumerate(zip(accuracies, statuses, strict=True))
    ]


def test_a_cell_has_the_mean_and_the_sample_deviation_of_its_seeds():
    (cell,) = summarise_cells(cell_of([0.80, 0.82, 0.87]))
    assert cell.mean == pytest.approx(0.83)
    assert cell.deviation == pytest.approx(math.sqrt((0.03**2 + 0.01**2 + 0.04**2) / 2))
    assert (cell.n, cell.finished, cell.diverged, cell.complete) == (3, 3, 0, True)


def test_one_seed_has_no_deviation():
    (cell,) = summarise_cells(cell_of([0.8]))
    assert cell.mean == 0.8
    assert cell.deviation is None


@pytest.mark.parametrize("status", ["diverged", "running", "planned"])
def test_a_cell_with_a_seed_that_did_not_finish_has_no_mean_and_is_never_best(status):
    runs = cell_of([0.9, 0.9, 0.9], statuses=["finished", "finished", status])
    runs += [run(10 + seed, {"optimizer": "a", "rate": 0.2}, seed, 0.5) for seed in range(3)]
    first, second = summarise_cells(runs)
    assert first.mean is None
    assert not first.complete
    assert best_cells([first, second], ["optimizer"]) == [second]


def test_the_best_cell_is_chosen_per_group_in_the_order_of_the_grid():
    runs = cell_of([0.7], "a") + cell_of([0.9], "b", first=10)
    runs.append(run(20, {"optimizer": "a", "rate": 0.2}, 0, 0.8))
    cells = summarise_cells(runs)
    per_optimizer = best_cells(cells, ["optimizer"])
    assert [cell.runs[0].id for cell in per_optimizer] == [20, 10]
    assert [cell.runs[0].id for cell in best_cells(cells)] == [10]
    assert best_cell(cells) == best_cells(cells)[0]


def test_the_first_cell_wins_a_tie():
    runs = [*cell_of([0.7]), run(5, {"optimizer": "a", "rate": 0.2}, 0, 0.7)]
    assert best_cells(summarise_cells(runs), ["optimizer"])[0].runs[0].id == 0


def test_a_group_without_a_complete_cell_has_no_best():
    cells = summarise_cells(cell_of([None], statuses=["planned"]))
    assert best_cells(cells) == []
    assert best_cell(cells) is None


def test_differences_are_taken_seed_by_seed_and_not_in_the_order_of_the_runs():
    first, second = cell_of([0.80, 0.85, 0.90], "a"), cell_of([0.79, 0.84, 0.89], "b", first=10)
    (a,), (b,) = summarise_cells(first), summarise_cells(second[::-1])
    found = verdict(a, b)
    assert found.difference == pytest.approx(0.01)
    assert found.margin == pytest.approx(0.0, abs=1e-12)
    assert (found.seeds, found.basis, found.sign) == (3, "seeds", 1)
    assert found.distinguishable
    assert verdict(b, a).sign == -1


def test_a_difference_within_its_spread_or_of_one_seed_is_not_distinguishable():
    (a,) = summarise_cells(cell_of([0.80, 0.85], "a"))
    (b,) = summarise_cells(cell_of([0.79, 0.87], "b", first=10))
    assert not verdict(a, b, images=10**9).distinguishable
    (a,) = summarise_cells(cell_of([0.9], "a"))
    (b,) = summarise_cells(cell_of([0.1], "b", first=10))
    found = verdict(a, b)
    assert not found.distinguishable
    assert (found.basis, found.sign, found.margin) == ("nothing", 0, None)


@pytest.mark.parametrize(("low", "sign"), [(0.89, 0), (0.88, 1), (0.5, 1), (0.91, 0), (0.95, -1)])
def test_with_one_seed_the_number_of_images_decides(low, sign):
    (a,) = summarise_cells(cell_of([0.9], "a"))
    (b,) = summarise_cells(cell_of([low], "b", first=10))
    found = verdict(a, b, images=6000)
    assert found == verdict_of_images(0.9, low, 6000)
    assert found.margin == pytest.approx(1.96 * math.sqrt((0.09 + low * (1 - low)) / 6000))
    assert (found.seeds, found.images, found.basis) == (1, 6000, "images")
    assert found.sign == sign


def test_a_verdict_on_the_test_set_takes_the_test_accuracies():
    a, b = (
        summarise_cells(
            [dataclasses.replace(one, test_accuracy=test) for one in cell_of([0.9], name)]
        )[0]
        for name, test in (("a", 0.7), ("b", 0.8))
    )
    assert verdict(a, b, "test_accuracy", images=10_000).sign == -1
    assert verdict(a, b, images=10_000).difference == 0
    assert a.test_accuracies == [0.7]


def test_the_test_accuracies_of_a_cell_count_when_all_seeds_were_tested():
    first, second = cell_of([0.8, 0.9])
    (cell,) = summarise_cells([dataclasses.replace(first, test_accuracy=0.7), second])
    assert cell.test_accuracies == []


def test_the_paired_t_test_decides_and_not_the_deviation_alone():
    """Differences 0.01, 0.02, 0.03: mean 0.02 = 2 s, but t s / √3 = 2.48 s."""
    (a,) = summarise_cells(cell_of([0.81, 0.82, 0.83], "a"))
    (b,) = summarise_cells(cell_of([0.80, 0.80, 0.80], "b", first=10))
    found = verdict(a, b)
    assert found == verdict_of_seeds([0.81 - 0.80, 0.82 - 0.80, 0.83 - 0.80])
    assert found.difference > 0.01
    assert found.margin == pytest.approx(4.303 * 0.01 / math.sqrt(3))
    assert not found.distinguishable


@pytest.mark.parametrize("degrees", [1, 2, 5, 30, 31, 100])
def test_quantiles_of_student_are_those_of_scipy(degrees):
    scipy_stats = pytest.importorskip("scipy.stats", reason="comes with scikit-learn, an extra")
    assert student_quantile(degrees) == pytest.approx(scipy_stats.t.ppf(0.975, degrees), rel=2e-3)


def test_cells_without_a_common_seed_have_no_difference():
    (a,) = summarise_cells(cell_of([0.9], "a"))
    (b,) = summarise_cells([dataclasses.replace(r, seed=7) for r in cell_of([0.8], "b", first=10)])
    found = verdict(a, b, images=6000)
    assert (found.seeds, found.sign, found.basis) == (0, 0, "nothing")


def test_the_gap_is_that_of_the_last_epoch_and_known_of_all_or_of_none():
    (one,) = cell_of([0.9])
    epochs = [
        EpochRecord(epoch=epoch, train_loss=None, train_accuracy=train, validation_loss=None,
                    validation_accuracy=0.8, train_s=0.0, evaluate_s=0.0)
        for epoch, train in enumerate((0.1, 0.85))
    ]  # fmt: skip
    known = dataclasses.replace(one, epochs=tuple(epochs))
    assert gaps([known, known]) == pytest.approx([0.05, 0.05])
    assert gaps([known, one]) == []
