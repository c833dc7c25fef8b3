"""Parameter budgets: counts against real networks, and every size that meets a budget."""

import dataclasses
import time

import pytest
import torch

from retroprop.errors import UserError
from retroprop.models.budget import (
    CNNBudget,
    Found,
    MLPBudget,
    Unknown,
    cnn_parameters,
    mlp_parameters,
    sizes_inside,
    solve,
)
from retroprop.models.cnn import CNN
from retroprop.models.mlp import MLP

X = Unknown()
TARGET = 269_322  # the document's MLP


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("hidden", [(), (1,), (256, 256), (64,) * 54, (5, 3, 7)])
@pytest.mark.parametrize(("inputs", "classes"), [(784, 10), (3, 1)])
def test_the_parameters_of_an_mlp_are_those_of_the_network(hidden, inputs, classes):
    network = MLP(inputs, hidden, classes)
    assert mlp_parameters(inputs, hidden, classes) == count(network)
    budget = MLPBudget(input_size=inputs, num_classes=classes, hidden_sizes=hidden)
    assert budget.parameters(1) == count(network)


@pytest.mark.parametrize(
    ("channels", "kernels", "dense"),
    [
        ((16, 32, 45), (3, 3, 3), (256, 256)),
        ((8, 16, 32, 64), (1, 1, 1, 1), (256, 256)),
        ((41,), (28,), (256, 256)),
        ((3, 2), (5, 2), ()),
    ],
)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_the_parameters_of_a_cnn_are_those_of_the_network(channels, kernels, dense, in_channels):
    n = len(channels)
    network = CNN(
        in_channels, 7, n_channels=channels, kernel_sizes=kernels, strides=(1,) * n,
        paddings=(0,) * n, dense_hiddens=dense,
    )  # fmt: skip
    formula = cnn_parameters(
        in_channels, 7, n_channels=channels, kernel_sizes=kernels, dense_hiddens=dense
    )
    assert formula == count(network)


@pytest.mark.parametrize("kernel", range(1, 7))
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_network_is_possible_exactly_when_it_computes(kernel, stride, padding):
    network = CNN(
        1, 2, n_channels=(1, 1, 1), kernel_sizes=(kernel,) * 3, strides=(stride,) * 3,
        paddings=(padding,) * 3, dense_hiddens=(),
    )  # fmt: skip
    budget = CNNBudget(
        image=(1, 28, 19), channels=(1, 1, 1), kernel_sizes=(kernel,), strides=(stride,),
        paddings=(padding,),
    )  # fmt: skip
    try:
        network(torch.zeros(1, 1, 28, 19))
        computes = True
    except (RuntimeError, UserError):
        computes = False
    assert budget.possible(1) == computes


def test_the_sizes_inside_are_those_of_the_network():
    options = {"kernel_sizes": (3, 5, 2), "strides": (1, 2, 1), "paddings": (0, 1, 2)}
    network = CNN(1, 2, n_channels=(1, 1, 1), dense_hiddens=(), **options)
    found = []
    x = torch.zeros(1, 1, 33, 33)
    for name, layer in network.named_children():
        x = layer(x)
        if name.startswith("conv") and name[4:].isdigit():
            found.append(x.shape[-1])
    assert sizes_inside(33, **options) == found


# --- the questions of the document ----------------------------------------------------------------


def test_52_to_55_layers_of_64_units_have_the_parameters_of_the_mlp():
    answer = solve(MLPBudget(width=64, depth=X), TARGET)
    assert [one.x for one in answer.within] == [52, 53, 54, 55]
    assert (answer.below, answer.above) == (Found(51, 258_890), Found(56, 279_690))
    assert answer.nearest(TARGET) == Found(54, 271_370)


def test_kernels_of_3_are_nearest_for_the_cnn():
    answer = solve(CNNBudget(channels=(16, 32, 45), kernel_sizes=(X,)), TARGET)
    assert answer.within == [Found(2, 260_903), Found(3, 270_743)]
    assert answer.nearest(TARGET) == Found(3, 270_743)


def test_the_wide_cnn_has_40_to_43_channels():
    answer = solve(CNNBudget(channels=(X,), kernel_sizes=(28,)), TARGET)
    assert [one.x for one in answer.within] == [40, 41, 42, 43]


def test_the_deep_cnn_has_a_number_of_its_own():
    assert CNNBudget(channels=(8, 16, 32, 64), kernel_sizes=(1,)).parameters(1) == 333_578


# --- solving --------------------------------------------------------------------------------------

NETWORKS = [
    MLPBudget(input_size=5, width=3, depth=X),
    MLPBudget(input_size=5, width=X, depth=3),
    MLPBudget(input_size=5, hidden_sizes=(Unknown(2), 4, X)),
    CNNBudget(image=(1, 20, 20), channels=(2, X), dense_hiddens=()),
    CNNBudget(image=(1, 20, 20), channels=(2, 3), kernel_sizes=(X,), dense_hiddens=(4,)),
    CNNBudget(image=(1, 20, 20), width=2, depth=X, dense_hiddens=(4,)),
    CNNBudget(image=(1, 20, 20), channels=(2,), dense_hiddens=(X, Unknown(3))),
]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("target", [1, 60, 150, 400, 900])
@pytest.mark.parametrize("tolerance", [0, 25, 2000])
def test_the_solver_finds_what_trying_everything_finds(network, target, tolerance):
    tried = [Found(x, network.parameters(x)) for x in range(1, 1200) if network.possible(x)]
    answer = solve(network, target, tolerance)
    low, high = target - tolerance, target + tolerance
    assert answer.within == [one for one in tried if low <= one.parameters <= high]
    assert answer.below == max((one for one in tried if one.parameters < low), default=None)
    assert answer.above == min((one for one in tried if one.parameters > high), default=None)
    best = min(abs(one.parameters - target) for one in tried)
    assert abs(answer.nearest(target).parameters - target) == best
    assert answer.highest == (tried[-1].x if len(tried) < 1199 else None)


@pytest.mark.parametrize(
    ("network", "arguments", "sentence"),
    [
        (MLPBudget(hidden_sizes=(3,)), (5,), "nothing is unknown"),
        (MLPBudget(width=X), (5,), "by hidden, or by width and depth together"),
        (MLPBudget(width=X, depth=2, hidden_sizes=(1,)), (5,), "by width and depth together"),
        (CNNBudget(), (5,), "by channels, or by width"),
        (MLPBudget(hidden_sizes=(X,)), (0,), "the target must be from 1"),
        (MLPBudget(hidden_sizes=(X,)), (5, -1), "the tolerance must be from 0"),
        (MLPBudget(hidden_sizes=(X, 0)), (5,), "a size must be from 1 to 1,000,000, and got 0"),
        (MLPBudget(hidden_sizes=(X,)), (10**12,), "even x = 1,000,000 has only 795,000,010"),
        (MLPBudget(hidden_sizes=(X,)), (10**9 // 4, 10**9 // 4), "values lie within"),
        (CNNBudget(channels=(X,), kernel_sizes=(29,)), (5,), "even with x = 1 a kernel"),
        (CNNBudget(channels=(X, 2), kernel_sizes=(1, 2, 3)), (5,), "one kernel for all 2"),
    ],
)
def test_a_budget_that_cannot_be_met_or_read_is_explained(network, arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        solve(network, *arguments)


@pytest.mark.parametrize(
    "network",
    [
        MLPBudget(input_size=5, width=4, depth=X),
        CNNBudget(image=(2, 9, 9), width=3, depth=X, kernel_sizes=(1,), paddings=(1,)),
    ],
    ids=str,
)
def test_layers_that_are_alike_are_counted_as_one_by_one(network):
    for depth in range(1, 9):
        if isinstance(network, MLPBudget):
            listed = MLPBudget(input_size=5, hidden_sizes=(4,) * depth)
        else:
            listed = dataclasses.replace(network, width=None, depth=None, channels=(3,) * depth)
        assert network.parameters(depth) == listed.parameters(depth)
        assert network.possible(depth) == listed.possible(depth)


def test_a_very_deep_network_is_counted_without_its_layers():
    """It took 93 s of processor time layer by layer."""
    before = time.process_time()
    answer = solve(MLPBudget(width=1, depth=X), 269_322)
    assert mlp_parameters(784, [1] * answer.within[0].x, 10) == answer.within[0].parameters
    assert time.process_time() - before < 10


def test_more_layers_than_a_network_has_are_not_tried():
    with pytest.raises(UserError, match="at most 1,000 layers are listed, and got 1,001"):
        solve(MLPBudget(hidden_sizes=(X,) * 1001), 1000)
