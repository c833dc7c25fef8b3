"""Norms of gradients and Jacobians: any shapes, ignored inputs, and what is refused."""

import math

import pytest
import torch

from retroprop.calculus.functions import softmax, softmax_jacobian
from retroprop.calculus.norms import gradient_norm, jacobian_norm
from retroprop.errors import UserError


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_gradient_norm_runs_over_all_inputs_of_all_shapes():
    W, x, b = random(3, 4), random(4, seed=1), random(seed=2)
    norm = gradient_norm(lambda W, x, b: (W @ x).sum() * b, W, x, b)
    dW = b * torch.ones(3, 1, dtype=torch.float64) * x
    dx = b * W.sum(0)
    db = (W @ x).sum()
    expected = torch.sqrt(dW.square().sum() + dx.square().sum() + db.square())
    assert norm == pytest.approx(expected.item(), rel=1e-14)
    assert isinstance(norm, float)


def test_an_ignored_input_counts_as_zero():
    x, unused = random(3), random(2, 5, seed=1)
    assert gradient_norm(lambda x, y: x.sum(), x, unused) == pytest.approx(math.sqrt(3))
    assert gradient_norm(lambda x, y: torch.tensor(2.0), x, unused) == 0.0
    assert gradient_norm(lambda: torch.tensor(2.0)) == 0.0
    assert gradient_norm(lambda x, y: x.sum(), x, torch.empty(0)) == pytest.approx(math.sqrt(3))


def test_a_value_of_one_number_may_have_axes():
    assert gradient_norm(lambda x: x.sum().view(1, 1), random(4)) == 2.0


def test_the_jacobian_norm_is_the_frobenius_norm():
    x = random(5)
    expected = softmax_jacobian(x).square().sum().sqrt().item()
    assert jacobian_norm(softmax, x) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x.square().sum(), (2, 3)),  # to a number
        (lambda x: x.unsqueeze(0) * x.sum(), (2, 3)),
        (lambda x: x[0, 0] * torch.ones(2, 2), (1, 2)),
        (lambda x: x.expand(3, 4), ()),  # from a number
    ],
)
def test_the_jacobian_norm_takes_any_shapes(function, shape):
    x = random(*shape)
    jacobian = torch.autograd.functional.jacobian(function, x)
    assert jacobian_norm(function, x) == pytest.approx(jacobian.square().sum().sqrt().item())


def test_a_function_that_ignores_its_input_has_a_jacobian_of_zero():
    assert jacobian_norm(lambda x: torch.ones(3), random(2)) == 0.0
    assert jacobian_norm(lambda x: x.sum() + torch.empty(0), random(2)) == 0.0  # no value at all


def test_no_square_overflows_or_vanishes():
    x = torch.ones(4)
    assert gradient_norm(lambda x: 1e30 * x.sum(), x) == pytest.approx(2e30)
    assert jacobian_norm(lambda x: 1e-30 * x, x) == pytest.approx(2e-30)
    large = torch.ones(4, dtype=torch.float64)
    assert gradient_norm(lambda x: 1e300 * x.sum(), large) == pytest.approx(2e300)


def test_the_tensors_are_left_as_they_are():
    x = random(3).requires_grad_()
    constant = random(3, seed=1)
    gradient_norm(lambda x, c: (x * c).sum(), x, constant)
    jacobian_norm(lambda x: x * constant, x)
    assert x.grad is None
    assert x.requires_grad
    assert not constant.requires_grad


def test_it_works_where_gradients_are_turned_off():
    with torch.no_grad():
        assert gradient_norm(lambda x: x.sum(), torch.ones(9)) == 3.0
        assert jacobian_norm(lambda x: x, torch.ones(9)) == 3.0


def test_a_function_of_several_values_is_a_clear_error():
    with pytest.raises(UserError, match=r"one number.*shape \(3,\).*jacobian_norm"):
        gradient_norm(lambda x: 2 * x, random(3))


def test_whole_numbers_and_functions_that_leave_torch_are_clear_errors():
    with pytest.raises(UserError, match=r"floating-point numbers, and got torch.int64"):
        gradient_norm(lambda x: x.sum(), torch.arange(3))
    with pytest.raises(UserError, match="returns a tensor, and got float"):
        jacobian_norm(lambda x: x.sum().item(), random(3))
