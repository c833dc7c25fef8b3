"""Populations of every kind: equal to separate runs, to autograd, to themselves when resumed."""

from dataclasses import replace

import pytest
import torch
from four_classes import SHAPE, make_examples

from retroprop.byhand.optimizers import OPTIMIZERS as BY_HAND
from retroprop.byhand.schedules import warmup_cosine
from retroprop.models.catalog import MODELS
from retroprop.studies.kinds import KINDS, OPTIMIZERS, optimizers_of
from retroprop.training.checkpoints import load_tensors
from retroprop.training.factories import FACTORIES, Factory, network_of, options_of, settings_of
from retroprop.training.populations import Population
from retroprop.training.settings import PopulationSettings, RunSettings
from retroprop.training.torch_optimizers import TORCH_OPTIMIZERS, make_optimizer
from retroprop.training.trajectories import Trajectory, member_parameters
from retroprop.training.vectorized import VectorizedAutogradLearner

RATES, SEEDS = (0.02, 0.005), (0, 5)  # larger ones make a chaotic map of rounding errors
NETWORKS = {
    "softmax-regression": {},
    "perceptron": {"initial_sign": "negative", "output": "linear"},
    "shallow": {"width": 7, "depth": 1, "activation": "sigmoid", "output": "linear"},
    "mlp": {"width": 6, "depth": 3, "activation": "tanh"},
    "cnn": {"kernel_size": 1, "activation": "relu"},
}
SHAPES_OF_KINDS = [
    *NETWORKS.items(),
    ("mlp", {"width": 5, "depth": 2, "activation": "relu", "output": "linear"}),
    ("mlp", {"width": 5, "depth": 1, "activation": "gelu", "initial_scale": 0.3}),
]
each_kind = pytest.mark.parametrize(("kind", "shape"), SHAPES_OF_KINDS)


def settings(kind, shape, **changes):
    values = {
        "kind": kind,
        "optimizer": "sgd",
        "batch_size": 20,
        "learning_rates": RATES,
        "seeds": SEEDS,
        "precision": "float64",
        "initial_scale": "auto",
    }
    return PopulationSettings(**(values | shape | changes))


def trained(chosen, examples, epochs=2):
    population = Population(chosen, SHAPE, 4)
    for epoch in range(1, epochs + 1):
        with torch.no_grad():
            population.train_epoch(examples, epoch)
    return population


def some_examples(kind, batch_size):
    """Enough for a few steps, with a smaller minibatch at the end; fewer where steps are slow."""
    if batch_size == 1:
        return make_examples(4 if kind == "cnn" else 55)
    return make_examples(50 if kind == "cnn" else 70)


def test_every_kind_of_model_is_tested_here():
    assert set(KINDS) == set(FACTORIES)
    assert set(NETWORKS) == {name for name, row in FACTORIES.items() if row.learner}
    assert set(NETWORKS) == {name for name, row in KINDS.items() if row.engine == "population"}


def test_the_table_of_optimizers_names_those_that_there_are():
    assert set(optimizers_of("population")) == set(BY_HAND)
    assert set(OPTIMIZERS) == set(TORCH_OPTIMIZERS)


def test_a_network_that_is_trained_alone_is_in_no_population():
    with pytest.raises(ValueError, match="a resnet18 is trained alone"):
        Population(settings("resnet18", {}), SHAPE, 4)


def column(epochs, name):
    """One number of every member."""
    return torch.tensor([getattr(epoch, name) for epoch in epochs], dtype=torch.float64)


@each_kind
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("batch_size", [1, 20, 64])
def test_a_population_equals_separate_runs(kind, shape, optimizer, batch_size):
    examples = some_examples(kind, batch_size)
    common = {"optimizer": optimizer, "batch_size": batch_size}
    together = trained(settings(kind, shape, **common), examples)
    for i, seed in enumerate(SEEDS):
        for j, rate in enumerate(RATES):
            one = settings(kind, shape, **common, seeds=(seed,), learning_rates=(rate,))
            alone = trained(one, examples)
            for name, tensor in alone.parameters.items():
                torch.testing.assert_close(
                    together.parameters[name][i, j], tensor[0, 0], rtol=1e-9, atol=1e-11
                )


@each_kind
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize(("batch_size", "gradient"), [(1, "mean"), (20, "sum"), (64, "mean")])
def test_by_hand_and_by_autograd_have_the_same_curves(kind, shape, optimizer, batch_size, gradient):
    examples = some_examples(kind, batch_size)
    common = {"optimizer": optimizer, "batch_size": batch_size, "gradient": gradient}
    rates = (0.01, 0.002)
    by_hand = Trajectory(settings(kind, shape, **common, learning_rates=rates), examples, examples)
    by_autograd = Trajectory(
        settings(kind, shape, **common, learning_rates=rates, derivation="autograd"),
        examples,
        examples,
    )
    for _ in range(3):
        ours, theirs = by_hand.advance(), by_autograd.advance()
        ours_loss, theirs_loss = column(ours, "train_loss"), column(theirs, "train_loss")
        torch.testing.assert_close(ours_loss, theirs_loss, rtol=1e-10, atol=0)
        assert torch.equal(column(ours, "train_accuracy"), column(theirs, "train_accuracy"))
    assert (ours_loss.std() > 0).all()  # the members differ, so they were trained


@each_kind
@pytest.mark.parametrize("derivation", ["by-hand", "autograd"])
@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_resuming_matches_an_uninterrupted_run(tmp_path, kind, shape, derivation, optimizer):
    examples = some_examples(kind, 20)
    chosen = settings(kind, shape, optimizer=optimizer, derivation=derivation)
    whole, first = (Trajectory(chosen, examples, examples) for _ in range(2))
    for _ in range(4):
        expected = whole.advance()
    for _ in range(2):
        first.advance()
    first.save(tmp_path / "state.safetensors", about="a test")
    second = Trajectory(chosen, examples, examples)
    second.load(tmp_path / "state.safetensors", about="a test")
    for _ in range(2):
        result = second.advance()
    assert torch.equal(column(result, "validation_loss"), column(expected, "validation_loss"))
    for name, tensor in whole.population.parameters.items():
        assert torch.equal(second.population.parameters[name], tensor)
        assert torch.equal(second.best[name], whole.best[name])


@each_kind
def test_the_best_parameters_of_a_member_are_read_back_as_a_model(tmp_path, kind, shape):
    examples, path = make_examples(), tmp_path / "best.safetensors"
    trajectory = Trajectory(settings(kind, shape), examples, examples)
    for _ in range(3):
        trajectory.advance()
    trajectory.save_best(path, about="a test")
    tensors = load_tensors(path, about="a test")
    parameters = member_parameters(tensors, SEEDS[1], RATES[0])
    one = settings(kind, shape, seeds=SEEDS[1:], learning_rates=RATES[:1])
    result = Population(one, SHAPE, 4, parameters).evaluate(examples)
    assert float(result.accuracy) == float(trajectory.best_accuracy[1, 0])
    torch.testing.assert_close(result.loss[0, 0], trajectory.best_loss[1, 0])


def test_products_in_bfloat16_stay_near_those_in_float32():
    examples = make_examples(400)
    shape = {"width": 32, "depth": 2}
    results = {
        precision: trained(settings("mlp", shape, precision=precision), examples, 4)
        .evaluate(examples)
        .loss
        for precision in ("float32", "bfloat16")
    }
    assert not torch.equal(results["float32"], results["bfloat16"])
    torch.testing.assert_close(results["bfloat16"], results["float32"], rtol=0.03, atol=0.01)


def test_initial_weights_have_the_asked_sign_and_scale():
    for sign, low, high in (("positive", 0, 9), ("negative", -9, 0)):
        for kind in ("perceptron", "mlp"):
            chosen = settings(kind, {}, initial_sign=sign, initial_scale=0.5)
            tensors = Population(chosen, SHAPE, 4).parameters
            W = next(tensor for name, tensor in tensors.items() if name.endswith("W"))
            assert (low <= W).all()
            assert (high >= W).all()
            assert 0.3 < W.square().mean().sqrt() < 0.7


@each_kind
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [1, 20])
def test_a_schedule_is_followed_by_hand_by_autograd_and_after_resuming(
    tmp_path, kind, shape, optimizer, batch_size
):
    examples = some_examples(kind, batch_size)
    common = {"optimizer": optimizer, "batch_size": batch_size, "schedule": "warmup-cosine"}
    by_hand, by_autograd, resumed = (
        Trajectory(
            settings(kind, shape, **common, epochs=2, derivation=derivation), examples, examples
        )
        for derivation in ("by-hand", "autograd", "by-hand")
    )
    by_hand.advance()
    by_autograd.advance()
    for _ in range(2):
        ours, theirs = by_hand.advance(), by_autograd.advance()
        ours_loss, theirs_loss = column(ours, "train_loss"), column(theirs, "train_loss")
        torch.testing.assert_close(ours_loss, theirs_loss, rtol=1e-9, atol=0)
        if by_hand.epoch == 1:
            by_hand.save(tmp_path / "state.safetensors", about="a test")
    resumed.load(tmp_path / "state.safetensors", about="a test")
    assert torch.equal(column(resumed.advance(), "train_loss"), ours_loss)


@each_kind
@pytest.mark.parametrize("derivation", ["by-hand", "autograd"])
def test_a_schedule_warms_up_and_comes_down_over_all_epochs(monkeypatch, kind, shape, derivation):
    examples, factors = make_examples(50), []
    chosen = settings(
        kind, shape, schedule="warmup-cosine", epochs=8, derivation=derivation, batch_size=10
    )
    population = Population(chosen, SHAPE, 4)
    monkeypatch.setattr(population.learner, "scale_rates", factors.append)
    with torch.no_grad():
        for epoch in range(1, 9):
            population.train_epoch(examples, epoch)
    assert factors == [warmup_cosine(step, warmup_steps=2, total_steps=40) for step in range(40)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind != "cnn"])
def test_many_members_by_autograd_as_one_program_equal_one_after_another(tmp_path, kind, optimizer):
    examples, rates = make_examples(50), (0.01, 0.005, 0.002, 0.001)
    chosen = settings(
        kind, NETWORKS[kind], optimizer=optimizer, learning_rates=rates, derivation="autograd"
    )
    together = Trajectory(chosen, examples, examples)
    assert isinstance(together.population.learner, VectorizedAutogradLearner)
    few = [
        Trajectory(replace(chosen, learning_rates=(rate,)), examples, examples) for rate in rates
    ]
    assert not isinstance(few[0].population.learner, VectorizedAutogradLearner)
    for epoch in range(4):
        with torch.no_grad():  # as in a worker
            ours = together.advance()
        if epoch == 2:  # and resuming changes nothing
            together.save(tmp_path / "state.safetensors", about="a test")
            together = Trajectory(chosen, examples, examples)
            together.load(tmp_path / "state.safetensors", about="a test")
        theirs = torch.stack([column(one.advance(), "train_loss") for one in few], 1)
        together_loss = column(ours, "train_loss").view(theirs.shape)
        torch.testing.assert_close(together_loss, theirs, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mlp", {"hidden_sizes": (8, 8), "activation": "tanh"}),
        ("cnn", {"n_channels": (4, 6), "kernel_sizes": (3, 5), "dense_hiddens": (8,)}),
        ("cnn", {"n_channels": (4, 6), "strides": (1, 2), "paddings": (2, 0)}),
        ("resnet18", {"widths": (2, 3, 4, 5)}),
        ("mlp-mixer", {"patch_size": 8, "embed_dim": 6, "num_blocks": 1, "drop_rate": 0.1}),
    ],
)
def test_a_network_of_the_catalog_is_a_kind_with_settings_and_back(model, options):
    chosen = {**MODELS[model].options, **options}
    kind, settings = settings_of(model, chosen)
    name, found = options_of(RunSettings(kind=kind, **settings))
    for option in ("kernel_sizes", "strides", "paddings"):  # one value stands for all convolutions
        if len(chosen.get(option, ())) == 1:
            chosen[option] *= len(chosen["n_channels"])
    assert (name, found) == (model, chosen)


@pytest.mark.parametrize("kind", [name for name, row in KINDS.items() if row.engine == "trainer"])
def test_the_weights_of_a_network_are_those_of_its_seed_whatever_drew_before(kind):
    shape = (8, 8, 3)
    chosen = RunSettings(kind=kind, patch_size=4, embedding=8, widths=(4, 4, 4, 4), seed=3)
    torch.manual_seed(1)
    first = network_of(chosen, shape, 4).state_dict()
    torch.manual_seed(2)
    again = network_of(chosen, shape, 4).state_dict()
    other = network_of(replace(chosen, seed=4), shape, 4).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_a_kind_that_the_catalog_does_not_have_seeds_its_own_network(monkeypatch):
    own = Factory(network=lambda settings, shape, classes: torch.nn.Linear(shape[0], classes))
    monkeypatch.setitem(FACTORIES, "own", own)
    settings_of_own = RunSettings(kind="own", seed=5)
    one, two = (network_of(settings_of_own, (7, 7, 1), 4).weight for _ in range(2))
    assert torch.equal(one, two)
    assert options_of(settings_of_own) == ("own", {})


def test_an_optimizer_without_a_fused_kernel_is_made_all_the_same(monkeypatch):
    monkeypatch.setitem(TORCH_OPTIMIZERS, "rmsprop", (torch.optim.RMSprop, ("momentum",)))
    parameters = [torch.nn.Parameter(torch.ones(2))]
    made = make_optimizer("rmsprop", parameters, 0.1, momentum=0.5, weight_decay=0.2, fused=True)
    group = made.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.5, 0.2)
    assert make_optimizer("adam", parameters, 0.1, fused=True).param_groups[0]["fused"]
