"""A population of n equals n separate runs, resumes exactly, and survives a diverging member."""

import pytest
import torch
from four_classes import SHAPE, make_examples

from retroprop.data.minibatches import epoch_order
from retroprop.errors import UserError
from retroprop.training.populations import Evaluation, Population
from retroprop.training.settings import PopulationSettings
from retroprop.training.trajectories import Trajectory

RATES, SEEDS = (0.3, 0.03, 0.003), (0, 5)


def settings(**changes):
    values = {
        "optimizer": "adam",
        "batch_size": 20,
        "learning_rates": RATES,
        "seeds": SEEDS,
        "precision": "float64",
    }
    return PopulationSettings(**(values | changes))


@pytest.mark.parametrize("gradient", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [1, 20, 64, 230])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 2e-4)])
def test_a_population_equals_separate_runs(optimizer, batch_size, gradient, precision, tolerance):
    common = {
        "optimizer": optimizer,
        "batch_size": batch_size,
        "gradient": gradient,
        "precision": precision,
    }
    together = trained(settings(**common))
    for i, seed in enumerate(SEEDS):
        for j, rate in enumerate(RATES):
            alone = trained(settings(**common, seeds=(seed,), learning_rates=(rate,)))
            W, expected = together.parameters["W"][i, j], alone.parameters["W"][0, 0]
            assert float((W - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_equals_autograd_on_the_same_minibatches(optimizer, batch_size):
    """Ten steps of torch's own loss and optimizer from the same weights."""
    examples, seed, rate = make_examples(10 * batch_size), 3, 0.05
    chosen = settings(
        optimizer=optimizer, batch_size=batch_size, seeds=(seed,), learning_rates=(rate,)
    )
    population = Population(chosen, examples.image_shape, examples.n_classes)
    W = population.parameters["W"][0, 0].clone().requires_grad_()
    torch_optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]([W], lr=rate)
    x = torch.cat((examples.images.double() / 255, torch.ones(len(examples), 1)), 1)
    for indices in epoch_order(len(examples), seed=seed, epoch=1).split(batch_size):
        torch_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x[indices] @ W, examples.labels[indices])
        loss.backward()
        torch_optimizer.step()
    population.train_epoch(examples, 1)
    difference = (population.parameters["W"][0, 0] - W.detach()).norm() / W.detach().norm()
    assert float(difference) < 1e-12


def test_a_member_that_diverges_is_marked_and_never_touches_the_others(tmp_path):
    examples = make_examples()
    calm = Trajectory(settings(learning_rates=(0.1, 0.01)), examples, examples)
    wild = Trajectory(settings(learning_rates=(0.1, 0.01)), examples, examples)
    wild.population.parameters["W"][0, 1, 3, 2] = torch.inf
    for _ in range(3):
        calm.advance()
        wild.advance()
    assert wild.diverged_epoch.tolist() == [[-1, 0], [-1, -1]]
    assert wild.best_epoch[0, 1] == -1
    others = torch.tensor([[True, False], [True, True]])
    assert torch.equal(
        wild.population.parameters["W"][others], calm.population.parameters["W"][others]
    )
    assert torch.equal(wild.best_accuracy[others], calm.best_accuracy[others])
    assert not wild.population.parameters["W"][0, 1].isfinite().all()


def test_a_huge_learning_rate_diverges_and_is_noticed_in_its_epoch():
    examples = make_examples()
    chosen = settings(optimizer="sgd", learning_rates=(1e308, 0.01), seeds=(0,), gradient="sum")
    trajectory = Trajectory(chosen, examples, examples)
    for _ in range(2):
        trajectory.advance()
    assert trajectory.diverged_epoch.tolist() == [[1, -1]]
    assert trajectory.best_epoch[0, 0] == 0  # the untrained model was fine


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resuming_matches_an_uninterrupted_run_bit_for_bit(tmp_path, optimizer):
    train, validation = make_examples(), make_examples(60, seed=1)
    chosen = settings(optimizer=optimizer, precision="float32")
    whole = Trajectory(chosen, train, validation)
    for _ in range(5):
        expected = whole.advance()
    first = Trajectory(chosen, train, validation)
    for _ in range(3):
        first.advance()
    first.save(tmp_path / "state.safetensors", about="a test")
    second = Trajectory(chosen, train, validation)
    second.load(tmp_path / "state.safetensors", about="a test")
    for _ in range(2):
        result = second.advance()
    assert {epoch.epoch for epoch in (*result, *expected)} == {4}
    assert torch.equal(second.population.parameters["W"], whole.population.parameters["W"])
    losses = [[epoch.validation_loss for epoch in epochs] for epochs in (result, expected)]
    assert losses[0] == losses[1]
    assert torch.equal(second.best["W"], whole.best["W"])
    for name in ("best_epoch", "best_accuracy", "best_loss", "diverged_epoch"):
        assert torch.equal(getattr(second, name), getattr(whole, name)), name


def test_the_best_parameters_are_a_copy_of_the_epoch_with_the_best_validation_accuracy():
    train, validation = make_examples(), make_examples(60, seed=1)
    trajectory = Trajectory(settings(optimizer="sgd", learning_rates=(5.0,)), train, validation)
    history = []
    for _ in range(6):
        result = trajectory.advance()
        accuracies = torch.tensor([e.validation_accuracy for e in result], dtype=torch.float64)
        history.append(accuracies.view(trajectory.population.shape))
    history = torch.stack(history)
    assert torch.equal(trajectory.best_accuracy, history.max(0).values)
    assert torch.equal(trajectory.best_epoch, history.max(0).indices)
    assert (trajectory.best_epoch < 5).any()  # a later epoch was worse: a reference would show it
    for i in range(len(SEEDS)):
        best = {"W": trajectory.best["W"][i : i + 1, :1]}
        alone = settings(optimizer="sgd", learning_rates=(5.0,), seeds=SEEDS[i : i + 1])
        again = Population(alone, SHAPE, 4, best).evaluate(validation)
        assert float(again.accuracy) == float(trajectory.best_accuracy[i, 0])


def test_evaluation_equals_torch_on_the_whole_set():
    examples = make_examples(1203)  # more than two chunks, the last one partial
    population = trained(settings(precision="float64"), examples)
    result = population.evaluate(examples)
    x = torch.cat((examples.images.double() / 255, torch.ones(len(examples), 1)), 1)
    for i in range(len(SEEDS)):
        for j in range(len(RATES)):
            z = x @ population.parameters["W"][i, j]
            loss = torch.nn.functional.cross_entropy(z, examples.labels)
            torch.testing.assert_close(result.loss[i, j], loss, rtol=1e-12, atol=0)
            assert result.accuracy[i, j] == (z.argmax(1) == examples.labels).double().mean()


def test_untrained_models_of_one_seed_are_the_same_at_every_learning_rate():
    W = Population(settings(), SHAPE, 4).parameters["W"]
    assert torch.equal(W[:, 0], W[:, 2])
    assert not torch.equal(W[0], W[1])


def test_the_order_of_an_epoch_depends_on_its_seed_and_number_only():
    order = epoch_order(500, seed=1, epoch=2)
    torch.manual_seed(123)
    assert torch.equal(order, epoch_order(500, seed=1, epoch=2))
    assert not torch.equal(order, epoch_order(500, seed=1, epoch=3))
    assert not torch.equal(order, epoch_order(500, seed=2, epoch=2))
    assert order.sort().values.tolist() == list(range(500))


def test_stopping_between_steps_leaves_the_examples_that_were_visited_counted():
    class StopHere(Exception):  # noqa: N818 - it is no error
        pass

    visited = []

    def on_step(examples):
        visited.append(examples)
        if len(visited) == 3:
            raise StopHere

    population = Population(settings(), SHAPE, 4)
    with pytest.raises(StopHere):
        population.train_epoch(make_examples(), 1, on_step=on_step)
    assert visited == [20, 20, 20]


def test_a_checkpoint_of_something_else_is_refused_in_a_sentence(tmp_path):
    trajectory = Trajectory(settings(), make_examples(), make_examples())
    path = tmp_path / "state.safetensors"
    trajectory.save(path, about="study a")
    with pytest.raises(UserError, match="belongs to 'study a' and not to 'study b'"):
        trajectory.load(path, about="study b")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 5000])
def test_a_damaged_checkpoint_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "state.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        Trajectory(settings(), make_examples(), make_examples()).load(path, about="x")


def test_a_truncated_checkpoint_is_refused_and_a_missing_one_named(tmp_path):
    trajectory = Trajectory(settings(), make_examples(), make_examples())
    path = tmp_path / "state.safetensors"
    with pytest.raises(UserError, match="there is no file"):
        trajectory.load(path, about="x")
    trajectory.save(path, about="x")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="is damaged"):
        trajectory.load(path, about="x")


def trained(chosen, examples=None):
    examples = examples or make_examples()
    population = Population(chosen, examples.image_shape, examples.n_classes)
    for epoch in (1, 2):
        population.train_epoch(examples, epoch)
    assert isinstance(population.evaluate(examples), Evaluation)
    return population
