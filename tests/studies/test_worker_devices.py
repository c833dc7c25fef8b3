"""A worker trains populations on the device that it is given, in chunks where they have no room."""

import math

import pytest
import torch
from small import Listening, numbers, small_study

from retroprop.errors import Interrupted, UserError
from retroprop.studies import worker as worker_module
from retroprop.studies.environment import describe_environment
from retroprop.studies.memory import PROCESS, fits_on_device, population_bytes
from retroprop.studies.plan import plan_study
from retroprop.studies.records import Records
from retroprop.studies.runner import carry_out
from retroprop.studies.stores import Folder
from retroprop.studies.worker import Worker
from retroprop.training.chunks import ChunkedTrajectory
from retroprop.training.trajectories import Trajectory

CPU, META = torch.device("cpu"), torch.device("meta")


class Here:
    """One worker in this process as the pool of a study; it stops at an epoch of its own."""

    count, must_stop = 1, False

    def __init__(self, worker, stop_after=None):
        self.worker, self.stop_after = worker, stop_after

    def prepare(self, before, jobs):
        return describe_environment(1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def work(self, jobs, display, session):
        recorded = []

        def report(message):
            recorded.append(message)

        self.worker.report = report
        self.worker.must_stop = lambda: len(recorded) == self.stop_after
        for job in jobs:
            self.worker.do(job)


def worker_of(study, records, device=CPU):
    return Worker(study, records, Folder(records.folder), lambda _: None, lambda: False, device)


def free_for(study, members):
    """Bytes in which a chunk of so many seeds of the study's first population has room."""
    settings = plan_study(study).populations[0].settings
    return next(
        free
        for free in (1e6 * 1.01**n for n in range(2000))
        if fits_on_device(study, settings, members, 2, free)
    )


def run_here(folder, monkeypatch, study, free, **options):
    folder.mkdir(exist_ok=True)
    records = Records.open(folder / "r.db")
    monkeypatch.setattr(worker_module, "free_bytes", lambda device: free)
    pool = Here(worker_of(study, records), **options)
    store = pool.worker.store
    return records, carry_out(study, records, store, pool, Listening(), fresh=False)


def assert_alike(ours, expected):
    """Two lists of the numbers of runs are equal up to rounding."""
    for one, other in zip(ours, expected, strict=True):
        assert one[:4] == other[:4]
        *scores, epochs = one[4:]
        *expected_scores, expected_epochs = other[4:]
        pairs = [(scores, expected_scores), *zip(epochs, expected_epochs, strict=True)]
        for got, wanted in pairs:
            tolerant = [None if w is None else pytest.approx(w, rel=1e-4) for w in wanted]
            assert list(got) == tolerant


def test_a_study_in_chunks_gives_the_numbers_of_the_whole_and_stops_and_resumes(
    tmp_path, monkeypatch
):
    study, small = small_study(), 1e6
    whole, ended = run_here(tmp_path / "whole", monkeypatch, study, math.inf)
    with pytest.raises(Interrupted):
        run_here(tmp_path / "chunks", monkeypatch, study, small, stop_after=3)
    records, result = run_here(tmp_path / "chunks", monkeypatch, study, free_for(study, 1))
    assert result.status == "finished"
    assert_alike(numbers(records, result.id), numbers(whole, ended.id))


def test_a_population_is_cut_to_the_memory_that_is_free(tmp_path, monkeypatch):
    study = small_study()
    worker, population = worker_of(study, Records.open(tmp_path / "r.db")), plan_study(study)
    made = []
    for free in (math.inf, free_for(study, 2), free_for(study, 1), 1.0):
        monkeypatch.setattr(worker_module, "free_bytes", lambda device, free=free: free)
        made.append(worker.untrained(population.populations[0]))
    assert [type(one) for one in made] == [Trajectory, Trajectory, *[ChunkedTrajectory] * 2]
    assert [len(one.chunks) for one in made[2:]] == [2, 4]


def test_half_of_the_free_memory_is_taken_since_the_prediction_may_be_wrong_by_two():
    study = small_study()
    settings = plan_study(study).populations[0].settings
    needed = population_bytes(study, settings) - PROCESS
    assert fits_on_device(study, settings, 2, 2, 2.001 * needed)
    assert not fits_on_device(study, settings, 2, 2, 1.999 * needed)
    assert fits_on_device(study, settings, 1, 2, 1.999 * needed)


def test_the_device_of_a_worker_is_that_of_its_populations(tmp_path):
    study = small_study()
    worker = worker_of(study, Records.open(tmp_path / "r.db"), META)
    trajectory = worker.untrained(plan_study(study).populations[0])
    assert trajectory.train.images.device == META
    assert trajectory.population.parameters["W"].device == META
    assert trajectory.best["W"].device == META


def test_a_gpu_without_room_for_one_member_is_a_sentence(tmp_path, monkeypatch):
    def full(self, **options):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Trajectory, "advance", full)
    with pytest.raises(UserError, match=r"memory of cpu does not suffice .* --device cpu\.$"):
        run_here(tmp_path, monkeypatch, small_study(), math.inf)
