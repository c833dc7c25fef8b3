"""The solutions that people use first, what a layer overlooks, and why there may be none."""

import itertools
import re

import pytest
import torch

from retroprop.calculus import convolution_arithmetic
from retroprop.calculus.convolution_arithmetic import (
    Convolution,
    count_solutions,
    output_size,
    solutions,
    solve_convolution,
)
from retroprop.calculus.solutions import skipped, used_first, why_none
from retroprop.errors import UserError


@pytest.mark.parametrize(
    ("sizes", "first"),
    [
        ((32, 4), (8, 8, 0, 1)),  # patches
        ((32, 28), (5, 1, 0, 1)),
        ((224, 56), (4, 4, 0, 1)),
        ((64, 1), (64, 1, 0, 1)),
        ((31, 15), (3, 2, 0, 1)),
    ],
)
def test_people_take_small_kernels_that_see_everything(sizes, first):
    assert used_first(solve_convolution(*sizes), sizes[0])[0] == first


def test_halving_and_keeping_the_size_are_done_as_everybody_does():
    halving = used_first(solve_convolution(32, 16), 32)
    assert halving[:3] == [(2, 2, 0, 1), (4, 2, 1, 1), (3, 2, 1, 1)]
    keeping = used_first(solve_convolution((32, 48), (32, 48)), (32, 48))
    assert keeping[:4] == [(1, 1, 0, 1), (3, 1, 1, 1), (5, 1, 2, 1), (7, 1, 3, 1)]


@pytest.mark.parametrize("size", [8, 11])
@pytest.mark.parametrize("layer", [(3, 2, 0, 1), (2, 3, 1, 1), (1, 2, 0, 1), (3, 2, 2, 2)])
def test_a_pixel_is_overlooked_when_it_has_no_gradient(size, layer):
    k, s, p, d = layer
    image = torch.zeros(1, 1, size, requires_grad=True)
    torch.conv1d(image, torch.ones(1, 1, k), None, s, p, d).sum().backward()
    assert skipped(Convolution(*layer), size) == (image.grad == 0).sum()


@pytest.mark.parametrize("given", [{}, {"kernel": 3}, {"stride": 3}])
def test_strides_are_sought_once_for_each_margin_and_not_for_each_kernel(monkeypatch, given):
    size, strides, sought = 232, convolution_arithmetic._strides, []

    def noted(axes, *others):
        sought.append(others)
        return strides(axes, *others)

    monkeypatch.setattr(convolution_arithmetic, "_strides", noted)
    found = count_solutions(size, 4, **given)
    if "stride" in given:
        assert len(solve_convolution(size, 4, **given)) == found
    assert len(sought) < 3 * 2 * size  # of 185,000 kernels, paddings and dilations


@pytest.mark.parametrize(
    ("sizes", "given", "reason"),
    [
        ((32, 64), {}, "the largest output of 32 pixels that can be had so is 63; a larger"),
        ((32, 40), {"padding": 0}, "the largest output of 32 pixels that can be had so is 32"),
        (
            (32, 5),
            {"kernel": 3, "stride": 2, "dilation": 1},
            "the smallest output of 32 pixels that can be had so is 15",
        ),
        ((32, 9), {"kernel": 3, "padding": 0, "dilation": 1}, "have 8 or 10, and nothing between"),
        (
            (32, 9),
            {"kernel": 3, "padding": 0, "dilation": 1, "stride": 2},
            "this layer makes 15 of 32 pixels",
        ),
        ((32, 2), {"kernel": 40, "padding": 1}, "reaches over 40 pixels does not fit into 34"),
        (((32, 30), (16, 4)), {}, "30 → 4 has 4,516, but no square window does both"),
    ],
)
def test_where_there_is_no_solution_the_reason_is_said(sizes, given, reason):
    assert solve_convolution(*sizes, **given) == []
    assert reason in why_none(*sizes, **given)


@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("given", [{"padding": 0}, {"stride": 2}, {"kernel": 2, "dilation": 3}])
def test_the_outputs_that_are_offered_instead_can_be_had_and_none_is_nearer(n, given):
    made = [m for m in range(1, 40) if solve_convolution(n, m, **given)]
    assert made
    for m in set(range(1, 40)) - set(made):
        offered = set(map(int, re.findall(r"\d+", why_none(n, m, **given)))) - {n}
        below, above = [o for o in made if o < m], [o for o in made if o > m]
        assert {*below[-1:], *above[:1]} - {n} == offered, m


def test_both_axes_are_satisfied():
    found = solve_convolution((32, 30), (16, 15))
    assert Convolution(2, 2, 0, 1) in found
    assert all((output_size(32, *one), output_size(30, *one)) == (16, 15) for one in found)
    alone = set(solve_convolution(32, 16)) & set(solve_convolution(30, 15))
    assert set(found) == alone


@pytest.mark.parametrize("given", [{}, {"padding": 2}, {"dilation": 1, "stride": 3}])
@pytest.mark.parametrize("sizes", [(9, 4), (12, 1), ((8, 9), (4, 3))])
def test_solutions_are_counted_without_making_them(sizes, given):
    assert count_solutions(*sizes, **given) == len(solve_convolution(*sizes, **given))
    assert sorted(solutions(*sizes, **given)) == solve_convolution(*sizes, **given)


def test_millions_of_solutions_are_counted_and_not_listed():
    with pytest.raises(UserError, match=r"3,188,348 convolutions do this; fix the kernel"):
        solve_convolution(232, 4)
    first = list(itertools.islice(solutions(232, 4), 3))
    assert first == [Convolution(1, s, 0, 1) for s in (58, 59, 60)]


def test_sizes_beyond_all_search_are_refused_before_they_are_tried():
    for padding in (None, 10**9, 10**30):
        with pytest.raises(UserError, match="combinations of kernel, padding and dilation"):
            solve_convolution(10**9, 10, padding=padding)


def test_a_search_among_millions_is_refused():
    with pytest.raises(UserError, match="fix one of them"):
        solve_convolution(4000, 10)
    assert len(solve_convolution(4000, 10, padding=0, dilation=1)) > 100


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        ((0, 4), {}, "input size must be a whole number from 1, and got 0"),
        ((32, 2.5), {}, "output size must be a whole number from 1, and got 2.5"),
        ((32, 4), {"kernel": 0}, "kernel must be a whole number from 1, and got 0"),
        ((32, 4), {"padding": -1}, "padding must be a whole number from 0, and got -1"),
        ((32, 4), {"stride": True}, "stride must be a whole number from 1, and got True"),
        (((32, 32), 4), {}, "as many axes, and got 2 and 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments, given, sentence):
    with pytest.raises(UserError, match=sentence):
        solve_convolution(*arguments, **given)
