"""What the table of proofs does not ask of the optimizers: parts of a large block, rates, state."""

import pytest
import torch

from retroprop.byhand import optimizers
from retroprop.byhand.layer import Flatten, Residual
from retroprop.byhand.optimizers import OPTIMIZERS, OnePerParameter
from retroprop.errors import UserError

each_kind = pytest.mark.parametrize("kind", OPTIMIZERS)


@each_kind
@pytest.mark.parametrize("rate", [0.01, torch.linspace(0.001, 0.1, 25, dtype=torch.float64)])
def test_a_block_in_parts_makes_the_same_steps(kind, rate, monkeypatch):
    whole = torch.linspace(-1, 1, 25, dtype=torch.float64)
    parts = whole.clone()
    one, other = OPTIMIZERS[kind](whole, rate), OPTIMIZERS[kind](parts, rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        dW = torch.randn(25, generator=generator, dtype=torch.float64)
        one.step(whole, dW)
        with monkeypatch.context() as patched:
            patched.setattr(optimizers, "PART", 7)
            other.step(parts, dW)
    assert torch.equal(whole, parts)
    assert (whole - torch.linspace(-1, 1, 25, dtype=torch.float64)).abs().min() > 0


@each_kind
def test_each_member_follows_its_own_rate(kind):
    rates = torch.tensor([0.1, 0.003], dtype=torch.float64).view(2, 1, 1)
    together = torch.ones(2, 3, 2, dtype=torch.float64)
    alone = [torch.ones(3, 2, dtype=torch.float64) for _ in range(2)]
    population = OPTIMIZERS[kind](together, rates)
    singles = [OPTIMIZERS[kind](W, float(eta)) for W, eta in zip(alone, rates, strict=True)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        dW = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)
        population.step(together, dW)
        for W, optimizer, d in zip(alone, singles, dW, strict=True):
            optimizer.step(W, d)
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-13, atol=1e-14)


@each_kind
def test_a_restored_optimizer_goes_on_as_if_nothing_had_happened(kind):
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    W = torch.ones(4, dtype=torch.float64)
    optimizer = OPTIMIZERS[kind](W, 0.1)
    for dW in steps[:3]:
        optimizer.step(W, dW)
    state, other = optimizer.state(), W.clone()
    for dW in steps[3:]:
        optimizer.step(W, dW)
    again = OPTIMIZERS[kind](other, 0.1)
    again.load_state(state)
    for dW in steps[3:]:
        again.step(other, dW)
    assert torch.equal(W, other)


def test_one_optimizer_per_parameter_updates_each_from_the_gradient_of_its_name():
    parameters = {"W": torch.ones(2, 2), "b": torch.zeros(2)}
    together = OnePerParameter("sgd", parameters, 0.5)
    together.step(parameters, {"b": torch.ones(2), "W": torch.full((2, 2), 2.0)})
    assert parameters["W"].tolist() == [[0, 0], [0, 0]]
    assert parameters["b"].tolist() == [-0.5, -0.5]


def test_a_residual_sum_of_two_shapes_is_refused():
    with pytest.raises(UserError, match=r"output has the shape \(2, 3, 4, 5\) of its input"):
        Residual(Flatten()).forward(torch.ones(2, 3, 4, 5))
