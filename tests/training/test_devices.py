"""A population makes the same steps on any device, and makes nothing anywhere else.

There may be no GPU here. Torch's "fake" tensors compute shapes and devices alone, and refuse to
bring two devices together: "meta" stands for the GPU.
"""

import itertools

import pytest
import torch
from four_classes import SHAPE, make_examples
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from retroprop.byhand import optimizers
from retroprop.training import autograd, factories, learners
from retroprop.training.devices import free_bytes, now
from retroprop.training.populations import Examples, Population
from retroprop.training.settings import PopulationSettings
from retroprop.training.trajectories import Trajectory

CPU, META = torch.device("cpu"), torch.device("meta")
KINDS = {
    "softmax-regression": {},
    "perceptron": {"output": "linear"},
    "shallow": {"depth": 1, "activation": "sigmoid", "output": "linear", "width": 5},
    "mlp": {"depth": 2, "width": 5, "activation": "gelu"},
    "cnn": {"kernel_size": 3},
}
SMALL_STEPS = {name: kind for name, kind in KINDS.items() if name != "cnn"}


def settings(kind, **changes):
    values = {
        "kind": kind,
        "learning_rates": (0.03, 0.01, 0.003, 0.001),
        "seeds": (0, 5),
        "batch_size": 20,
        "precision": "float64",
        "epochs": 2,
        **KINDS[kind],
    }
    return PopulationSettings(**(values | changes))


def examples(kind, n=60, seed=0):
    """Those of `four_classes`; images for a convolution."""
    if kind != "cnn":
        return make_examples(n, seed)
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 255, (n, 28 * 28), generator=drawn).to(torch.uint8)
    labels = torch.randint(0, 4, (n,), generator=drawn)
    return Examples(images=images, labels=labels, n_classes=4, image_shape=(28, 28, 1))


@pytest.mark.parametrize(
    ("kind", "optimizer", "batch_size"),
    [*itertools.product(SMALL_STEPS, ("sgd", "adamw"), (1, 64)), ("cnn", "adamw", 2)],
)
def test_a_population_on_a_device_makes_every_tensor_there(kind, optimizer, batch_size):
    values = {"optimizer": optimizer, "batch_size": batch_size, "schedule": "warmup-cosine"}
    chosen = settings(kind, **values, precision="float32")
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        there = examples(kind, n=batch_size + 1).to(META)  # two steps
        population = Population(chosen, there.image_shape, there.n_classes, device=META)
        population.train_epoch(there, 1)
        result = population.evaluate(there)
        untrained = population.evaluate_untrained(there)
        made = [*population.parameters.values(), result.loss, untrained.accuracy]
        assert all(isinstance(one, FakeTensor) and one.device == META for one in made)
        state = population.learner.state().values()
        assert all(one.device == META for one in state if one.ndim)


class Still(torch.optim.Optimizer):
    """Makes no step: those of torch refuse "meta", which their fused form does not know."""

    def __init__(self, name, parameters, rate):
        super().__init__(list(parameters), {"lr": rate})

    def step(self, closure=None):
        assert all(p.grad.device == META for group in self.param_groups for p in group["params"])


@pytest.mark.parametrize("fewest_members", [8, 100])
@pytest.mark.parametrize("kind", SMALL_STEPS)
def test_autograd_on_a_device_makes_every_tensor_there(monkeypatch, kind, fewest_members):
    """As one program, and one network after another."""
    monkeypatch.setattr(autograd, "make_optimizer", Still)
    monkeypatch.setattr(factories, "FEWEST_MEMBERS", fewest_members)
    there = make_examples(3).to(META)
    chosen = settings(kind, batch_size=2, derivation="autograd")
    population = Population(chosen, SHAPE, 4, device=META)
    population.train_epoch(there, 1)
    result = population.evaluate(there)
    assert all(one.device == META for one in (*population.parameters.values(), result.loss))


def test_the_fakes_notice_a_tensor_on_another_device(monkeypatch):
    monkeypatch.setattr(
        learners,
        "learning_rates",
        lambda settings, like: torch.tensor(settings.learning_rates, dtype=torch.float64),
    )
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        there = make_examples().to(META)
        population = Population(settings("softmax-regression"), SHAPE, 4, device=META)
        with pytest.raises(RuntimeError, match="meta and cpu"):
            population.train_epoch(there, 1)


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", SMALL_STEPS)
def test_the_steps_that_a_gpu_makes_equal_those_of_the_cpu(
    monkeypatch, kind, optimizer, batch_size
):
    """A GPU takes no blocks of steps: on the CPU they can be left out too."""
    chosen = settings(kind, optimizer=optimizer, batch_size=batch_size)
    data = make_examples()
    as_ever = Population(chosen, SHAPE, 4)
    monkeypatch.setattr(learners, "takes_blocks", lambda parameters: False)
    plain = Population(chosen, SHAPE, 4, device=CPU)
    assert plain.learner.examples_per_call == batch_size
    for population in (as_ever, plain):
        population.train_epoch(data, 1)
    for name, expected in as_ever.parameters.items():
        torch.testing.assert_close(plain.parameters[name], expected, rtol=1e-9, atol=1e-12)


def test_a_step_in_parts_equals_the_whole_one_that_a_gpu_makes_bit_for_bit(monkeypatch):
    chosen = settings("mlp", optimizer="adam")
    thetas = []
    for part in (10, 2**30):
        monkeypatch.setattr(optimizers, "PART", part)
        population = Population(chosen, SHAPE, 4)
        population.train_epoch(make_examples(), 1)
        thetas.append(population.parameters)
    assert all(torch.equal(thetas[0][name], thetas[1][name]) for name in thetas[0])


def test_a_cpu_has_no_memory_of_its_own_to_cut_a_population_to():
    assert free_bytes(CPU) == float("inf")
    assert now(CPU) <= now(CPU)


@pytest.mark.gpu
@pytest.mark.parametrize("derivation", ["by-hand", "autograd"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_numbers_of_the_cpu_up_to_rounding(kind, optimizer, derivation, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU on this machine")
    chosen = settings(kind, optimizer=optimizer, derivation=derivation)
    train, validation = examples(kind), examples(kind, seed=1)
    with torch.no_grad():
        here = Trajectory(chosen, train, validation)
        there = Trajectory(chosen, train, validation, torch.device("cuda", 0))
        for _ in range(2):
            expected = here.advance()
            result = there.advance()
        assert [e.train_loss for e in result] == pytest.approx([e.train_loss for e in expected])
        there.save(tmp_path / "state.safetensors", about="a GPU")
        here.load(tmp_path / "state.safetensors", about="a GPU")
    for name, tensor in there.population.parameters.items():
        assert torch.equal(here.population.parameters[name], tensor.cpu())
