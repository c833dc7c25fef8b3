"""Chunks of a population give the numbers of the whole, and their files go on anywhere."""

from dataclasses import replace

import pytest
import torch
from four_classes import make_examples
from test_devices import SMALL_STEPS, examples, settings

from retroprop.training.chunks import ChunkedTrajectory, cut
from retroprop.training.trajectories import Trajectory

CPU = torch.device("cpu")
SEEDS, RATES = 3, 4


def chosen(kind, **changes):
    return settings(kind, seeds=(0, 5, 7), learning_rates=(0.03, 0.01, 0.003, 0.001), **changes)


def chunks_of(members):
    return cut(SEEDS, RATES, lambda seeds, rates: seeds * rates <= members)


def chunked(settings, train, validation, members):
    return ChunkedTrajectory(settings, train, validation, CPU, chunks_of(members))


def assert_alike(ours, whole, tolerance):
    """Every tensor that continuing needs, up to rounding."""
    expected = whole.tensors()
    assert ours.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(
            ours.tensors[name], tensor, rtol=tolerance, atol=tolerance, msg=name
        )


def test_a_population_is_cut_into_the_fewest_chunks_with_room():
    everything = slice(0, RATES)
    assert chunks_of(12) == [(slice(0, 3), everything)]
    assert chunks_of(8) == [(slice(0, 2), everything), (slice(2, 3), everything)]
    assert chunks_of(3) == [
        (slice(seed, seed + 1), slice(rate, rate + 2)) for seed in range(3) for rate in (0, 2)
    ]
    assert len(chunks_of(0)) == 12  # one member is tried in any case


@pytest.mark.parametrize("members", [8, 2])
@pytest.mark.parametrize("derivation", ["by-hand", "autograd"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", SMALL_STEPS)
def test_chunks_give_the_numbers_of_the_whole(kind, optimizer, derivation, members):
    run = chosen(kind, optimizer=optimizer, derivation=derivation, batch_size=30)
    train, validation = make_examples(100), make_examples(60, seed=1)
    with torch.no_grad():
        whole = Trajectory(run, train, validation)
        ours = chunked(run, train, validation, members)
        assert ours.parameters == whole.parameters
        while not whole.done:
            expected, got = whole.advance(), ours.advance()
            for name in ("epoch", "train_loss", "validation_loss", "validation_accuracy"):
                values = [[getattr(one, name) for one in epochs] for epochs in (got, expected)]
                assert values[0] == pytest.approx(values[1], rel=1e-9), name
    assert ours.done
    assert_alike(ours, whole, 1e-9)
    assert [one.best_epoch for one in ours.progress] == [one.best_epoch for one in whole.progress]


def test_convolutions_in_chunks_give_the_numbers_of_the_whole():
    run = chosen("cnn", epochs=1)
    train, validation = examples("cnn", n=20), examples("cnn", n=10, seed=1)
    with torch.no_grad():
        whole, ours = Trajectory(run, train, validation), chunked(run, train, validation, 4)
        for _ in range(2):
            whole.advance()
            ours.advance()
    assert_alike(ours, whole, 1e-9)


@pytest.mark.parametrize("members", [8, 2])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", SMALL_STEPS)
def test_a_chunk_is_a_population_of_its_own_bit_for_bit(kind, optimizer, members):
    run = chosen(kind, optimizer=optimizer, precision="float32")
    train, validation = make_examples(70), make_examples(30, seed=1)
    ours = chunked(run, train, validation, members)
    for _ in range(3):
        ours.advance()
    for seeds, rates in ours.chunks:
        some = replace(run, seeds=run.seeds[seeds], learning_rates=run.learning_rates[rates])
        alone = Trajectory(some, train, validation)
        for _ in range(3):
            alone.advance()
        for name, tensor in alone.population.parameters.items():
            assert torch.equal(ours.tensors[f"parameter.{name}"][seeds, rates], tensor)
            assert torch.equal(ours.tensors[f"best.{name}"][seeds, rates], alone.best[name])
        assert torch.equal(ours.tensors["best_loss"][seeds, rates], alone.best_loss)


@pytest.mark.parametrize("derivation", ["by-hand", "autograd"])
@pytest.mark.parametrize("kind", ["softmax-regression", "mlp", "cnn"])
def test_a_file_of_chunks_goes_on_as_a_whole_and_in_other_chunks(tmp_path, kind, derivation):
    run = chosen(kind, optimizer="adam", derivation=derivation)
    train, validation = examples(kind, n=20), examples(kind, n=10, seed=1)
    state = tmp_path / "state.safetensors"
    with torch.no_grad():
        first = chunked(run, train, validation, 8)
        for _ in range(2):
            first.advance()
        first.save(state, about="a test")
        first.advance()
        whole, others = Trajectory(run, train, validation), chunked(run, train, validation, 3)
        for one in (whole, others):
            one.load(state, about="a test")
            assert one.epoch == 1
            one.advance()
        assert_alike(first, whole, 1e-9)
        assert_alike(others, whole, 1e-9)
        whole.save_best(tmp_path / "whole", about="a test")
        others.save_best(tmp_path / "others", about="a test")
    assert (tmp_path / "whole").stat().st_size == (tmp_path / "others").stat().st_size


def test_the_chunks_together_tell_of_each_example_once():
    told = []
    ours = chunked(chosen("softmax-regression"), make_examples(90), make_examples(10), 4)
    ours.advance()
    ours.advance(on_step=told.append)
    assert sum(told) == 90
    assert min(told) >= 0


def test_what_stops_a_step_stops_the_chunk_that_makes_it():
    def stop(examples):
        raise InterruptedError

    ours = chunked(chosen("softmax-regression"), make_examples(90), make_examples(10), 4)
    ours.advance()
    with pytest.raises(InterruptedError):
        ours.advance(on_step=stop)
    assert ours.epoch == 0
