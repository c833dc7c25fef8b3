"""Every elementary function and derivative, against 100 digits, over the whole float range."""

import inspect
import math
from pathlib import Path

import mpmath as mp
import pytest
import torch
from many_digits import ulps, worst_ulps

from retroprop.byhand import activations, losses
from retroprop.calculus import functions as f


@pytest.fixture(autouse=True)
def _many_digits():
    with mp.workdps(100):
        yield


BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log1p(mp.exp(x))


OF_A_NUMBER = {  # name -> (exact function, ulps allowed)
    "indicator": (lambda x: mp.mpf(x > 0), 0),
    "sign": (mp.sign, 0),
    "sign_derivative": (lambda x: mp.mpf(0), 0),
    "heaviside": (lambda x: (mp.sign(x) + 1) / 2, 0),
    "heaviside_derivative": (lambda x: mp.mpf(0), 0),
    "rectifier": (lambda x: max(x, mp.mpf(0)), 0),
    "rectifier_derivative": (lambda x: mp.mpf(x > 0), 0),
    "sigmoid": (sigmoid, 2),
    "sigmoid_derivative": (lambda x: sigmoid(x) * sigmoid(-x), 4),
    "tanh": (mp.tanh, 1),
    "tanh_derivative": (lambda x: mp.sech(x) ** 2, 4),
    "softplus": (softplus, 2),
    "softplus_derivative": (sigmoid, 2),
    "log_sigmoid": (lambda x: -softplus(-x), 2),
    "log_sigmoid_derivative": (lambda x: sigmoid(-x), 2),
}


def exact_softmax(x):
    largest = max(x)
    exponentials = [mp.exp(one - largest) for one in x]
    return [one / mp.fsum(exponentials) for one in exponentials]


def exact_jacobian(x, *, log=False):
    S, n = exact_softmax(x), range(len(x))
    return [[((i == j) - S[j]) * (1 if log else S[i]) for j in n] for i in n]


def exact_unit(x):
    norm = mp.sqrt(mp.fsum(one**2 for one in x))
    return [one / norm if norm else mp.mpf(0) for one in x]


OF_A_VECTOR = {
    "diag": (lambda x: [[x[i] * (i == j) for j in range(len(x))] for i in range(len(x))], 0),
    "diag_jacobian": (
        lambda x: [
            [[mp.mpf(i == j == k) for k in range(len(x))] for j in range(len(x))]
            for i in range(len(x))
        ],
        0,
    ),
    "softmax": (exact_softmax, 5),
    "softmax_jacobian": (exact_jacobian, 10),
    "log_softmax": (lambda x: [mp.log(p) for p in exact_softmax(x)], 5),
    "log_softmax_jacobian": (lambda x: exact_jacobian(x, log=True), 8),
    "l1_norm": (lambda x: [mp.fsum(abs(one) for one in x)], 3),
    "l1_norm_gradient": (lambda x: [mp.sign(one) for one in x], 0),
    "squared_l2_norm": (lambda x: [mp.fsum(one**2 for one in x)], 4),
    "squared_l2_norm_gradient": (lambda x: [2 * one for one in x], 0),
    "l2_norm": (lambda x: [mp.sqrt(mp.fsum(one**2 for one in x))], 3),
    "l2_norm_gradient": (exact_unit, 3),
}


def grid(dtype):
    """Both signs of every magnitude, and every place where an exponential turns."""
    info = torch.finfo(dtype)
    least = info.smallest_normal * info.eps  # the smallest subnormal number
    low, high = math.log10(least), math.log10(info.max)
    magnitudes = torch.logspace(low, high, 241, dtype=torch.float64).clamp(least, info.max)
    near = torch.linspace(0, -math.log(least) + 2, 601, dtype=torch.float64)
    x = torch.cat((magnitudes, near)).to(dtype)
    return torch.cat((x, -x, torch.tensor([info.max, -info.max], dtype=dtype)))


def vectors(dtype):
    """Vectors of every scale and length, ties, and numbers far apart."""
    g = torch.Generator().manual_seed(6)
    drawn = [
        torch.randn(n, generator=g, dtype=torch.float64) * scale
        for n in (1, 2, 3, 10)
        for scale in (1e-30, 1e-3, 1.0, 10.0, 100.0, 1e5, 1e30)
    ]
    chosen = [[1e5, 1e4], [0.0, 0.0, 0.0], [20.0, 0.0], [700.0, 700.0, -700.0], [0.0, -90.0, 1.0]]
    return [x.to(dtype) for x in (*drawn, *(torch.tensor(v, dtype=torch.float64) for v in chosen))]


def exact_input(x):
    return [mp.mpf(value) for value in x.tolist()]


def test_every_public_function_is_compared_with_many_digits():
    public = {
        name
        for name, one in inspect.getmembers(f, inspect.isfunction)
        if one.__module__ == f.__name__ and not name.startswith("_")
    }
    assert public == OF_A_NUMBER.keys() | OF_A_VECTOR.keys()


@BOTH
@pytest.mark.parametrize("name", OF_A_NUMBER)
def test_a_function_of_a_number_is_right_to_the_last_digits(name, dtype):
    exact, allowed = OF_A_NUMBER[name]
    x = grid(dtype)
    y = f.indicator(x > 0, dtype) if name == "indicator" else getattr(f, name)(x)
    assert y.dtype == dtype
    assert worst_ulps(y, [exact(one) for one in exact_input(x)]) <= allowed


@BOTH
@pytest.mark.parametrize("name", OF_A_VECTOR)
def test_a_function_of_a_vector_is_right_up_to_the_rounding_of_its_shift(name, dtype):
    exact, allowed = OF_A_VECTOR[name]
    mp.mp.dps = 700  # 1 − S_i is e⁻⁷⁰⁰ there
    for x in vectors(dtype):
        y = getattr(f, name)(x)
        assert y.dtype == dtype
        # an exponential e^(−d) carries the rounding of d, which is at most d/2 ulps: d of the
        # smallest probability that is not 0 is at most 104 in float32 and 746 in float64
        spread = float(x.max() - x.min()) if "softmax" in name else 0.0
        share = min(spread, 110.0 if dtype == torch.float32 else 750.0)
        factor = 1 if "jacobian" not in name else 2
        error = worst_ulps(y, exact(exact_input(x)))
        assert error <= allowed + factor * share / 2, (name, x)


@BOTH
def test_the_examples_of_the_sheet_are_exact_to_rounding(dtype):
    def one(function, value):
        return function(torch.tensor(value, dtype=dtype)).tolist()

    assert one(f.softplus, 1000.0) == 1000.0
    assert one(f.log_sigmoid, -1000.0) == -1000.0
    assert one(f.softmax, [1e5, 1e4]) == [1.0, 0.0]
    assert one(f.log_softmax, [1e5, 1e4]) == [0.0, -90000.0]


@pytest.mark.parametrize("name", sorted(OF_A_NUMBER.keys() - {"indicator"}))
def test_nan_stays_nan_and_infinities_give_the_limits(name):
    function = getattr(f, name)
    assert function(torch.tensor(math.nan)).isnan()
    exact, _ = OF_A_NUMBER[name]
    for infinite in (math.inf, -math.inf):
        limit = exact(mp.mpf(math.copysign(1e5, infinite)))
        y = function(torch.tensor(infinite)).item()
        assert math.isinf(y) == (abs(limit) > 9e4)
        assert math.isinf(y) or abs(y - limit) < 1e-30


@pytest.mark.parametrize("name", OF_A_VECTOR)
def test_leading_axes_are_members_that_do_not_influence_each_other(name):
    function = getattr(f, name)
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = function(x)
    alone = torch.stack([torch.stack([function(one) for one in row]) for row in x])
    assert together.shape == alone.shape
    assert torch.allclose(together, alone, rtol=1e-15, atol=0)


DERIVATIVES = [
    ("sigmoid", "sigmoid_derivative"),
    ("tanh", "tanh_derivative"),
    ("softplus", "softplus_derivative"),
    ("log_sigmoid", "log_sigmoid_derivative"),
    ("rectifier", "rectifier_derivative"),
    ("sign", "sign_derivative"),
    ("heaviside", "heaviside_derivative"),
]


@pytest.mark.parametrize(("name", "derivative"), DERIVATIVES)
def test_autograd_through_a_function_gives_its_derivative_at_every_scale(name, derivative):
    x = torch.tensor([-1e5, -50.0, -41.0, -39.0, -1.0, -1e-9, 1e-9, 2.0, 50.0, 1e5]).double()
    x.requires_grad_()
    (by_autograd,) = torch.autograd.grad(getattr(f, name)(x).sum(), x, allow_unused=True)
    expected = getattr(f, derivative)(x.detach())
    assert torch.allclose(torch.zeros_like(x) if by_autograd is None else by_autograd, expected)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "l2_norm", "squared_l2_norm", "diag"])
def test_autograd_through_a_function_of_a_vector_gives_its_jacobian(name):
    x = torch.tensor([0.3, -1.0, 2.0, 0.3], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(getattr(f, name), x)
    suffix = "_gradient" if "norm" in name else "_jacobian"
    expected = getattr(f, name + suffix)(x)
    assert torch.allclose(jacobian, expected, rtol=1e-14, atol=1e-15)


def test_where_there_is_no_derivative_the_documented_number_stands():
    zero = torch.zeros(2)
    assert f.rectifier_derivative(zero).tolist() == [0.0, 0.0]
    assert f.sign_derivative(zero).tolist() == [0.0, 0.0]
    assert f.l1_norm_gradient(zero).tolist() == [0.0, 0.0]
    assert f.l2_norm_gradient(zero).tolist() == [0.0, 0.0]
    assert f.heaviside(zero).tolist() == [0.5, 0.5]


# --- one definition in the project ----------------------------------------------------------------


def test_byhand_uses_the_definitions_of_this_room():
    assert losses.softmax is f.softmax
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(2))
    plain = {"relu": f.rectifier, "sigmoid": f.sigmoid, "tanh": f.tanh}
    for name, function in plain.items():
        tuned, _ = activations.ACTIVATIONS[name]().forward_(x.clone())
        assert torch.equal(tuned, function(x)), name


def test_no_other_module_defines_one_of_these_functions():
    source = Path(inspect.getfile(f)).parents[1]
    names = OF_A_NUMBER.keys() | OF_A_VECTOR.keys()
    again = [
        f"{path.relative_to(source)}: {name}"
        for path in source.rglob("*.py")
        if path.parent.name not in ("inf8225_tp1", "grading") and path.name != "functions.py"
        for name in names
        if f"\ndef {name}(" in path.read_text(encoding="utf-8")
    ]
    assert again == []


# --- the judge ------------------------------------------------------------------------------------


def test_ulps_are_counted_in_the_type_of_the_number():
    one = mp.mpf(1)
    assert ulps(1 + 2**-52, one, torch.float64) == 1
    assert ulps(1 + 2**-23, one, torch.float32) == 1
    assert ulps(2.0**-1074, mp.mpf(0), torch.float64) == 1
    assert ulps(math.inf, mp.mpf(10) ** 400, torch.float64) == 0
    assert ulps(math.inf, mp.mpf(10), torch.float64) == math.inf
    assert worst_ulps(torch.tensor([math.nan]), [one]) == math.inf
