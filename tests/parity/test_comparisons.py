"""The tools of the proof: what they call an error, and that kinks and rounding are none."""

import math

import pytest
import torch
from torch import nn

from retroprop.errors import UserError
from retroprop.parity.comparisons import (
    CaseResult,
    Comparison,
    RowResult,
    check_case,
    check_row,
    relative_error,
    worst,
)
from retroprop.parity.names import from_state_dict, to_state_dict
from retroprop.parity.rows import Case, case, distinct, drawing, each_member, off_zero
from retroprop.parity.table import find_row


def test_the_error_is_the_largest_difference_over_the_largest_value():
    exact = torch.tensor([1.0, -4.0, 0.0], dtype=torch.float64)
    assert relative_error(exact, exact) == 0
    assert relative_error(exact + torch.tensor([0, 0, 0.5]), exact) == pytest.approx(0.125)
    assert relative_error(exact, exact, scale=8.0) == 0
    assert relative_error(exact + torch.tensor([0, 0, 0.5]), exact, scale=8.0) == 0.0625


def test_a_wrong_shape_is_an_infinite_error_even_where_it_would_broadcast():
    assert relative_error(torch.zeros(1, 3), torch.zeros(2, 3)) == math.inf


def test_a_value_that_is_not_a_number_is_an_error():
    assert math.isnan(relative_error(torch.tensor([1.0, math.nan]), torch.ones(2)))
    assert math.isnan(worst([0.0, math.nan, 1.0]))
    row = find_row("Linear")
    nothing = (Comparison("y", math.nan, None),)
    assert not CaseResult(row, row.cases[0], nothing).passed
    assert not CaseResult(row, row.cases[0], (Comparison("y", 0.0, math.nan),)).passed


def test_a_row_without_a_case_does_not_pass():
    assert not RowResult(find_row("Linear"), ()).passed


def test_inputs_keep_away_from_the_points_without_a_derivative():
    assert off_zero(drawing("a"), (500,)).abs().min() >= 0.1
    x = distinct(drawing("b"), (4, 5, 6))
    assert x.flatten().sort().values.diff().min() > 0.0099
    assert x.shape == (4, 5, 6)


def test_draws_depend_on_the_name_alone():
    assert torch.equal(drawing("a", 1)(3, 2), drawing("a", 1)(3, 2))
    assert not torch.equal(drawing("a", 1)(3, 2), drawing("a", 2)(3, 2))


def test_a_population_is_its_members_one_by_one():
    x, w = drawing("x")(2, 4), drawing("w")(2, 3, 4)
    got = each_member(lambda own: own["x"] * own["w"], {"x": x, "w": w}, (2, 3), shared=1)
    assert torch.equal(got, x[:, None] * w)
    assert torch.equal(each_member(lambda own: own["x"], {"x": x}, ()), x)


def test_a_case_says_what_it_is():
    assert str(case(2, 3, stride=2, population=(2, 3), shared=1)) == (
        "2×3, stride 2, population 2×3, shared 1"
    )
    assert str(Case((5,), options={"learning_rate": 1e-3})) == "5, learning_rate 0.001"


def test_a_case_that_the_twin_refuses_is_explained():
    with pytest.raises(UserError, match="MLP cannot take 2×3, activation rleu"):
        check_case(find_row("MLP"), case(2, 3, activation="rleu"))


def test_each_case_is_reported_as_soon_as_it_is_known():
    seen = []
    result = check_row(find_row("constant"), on_case=seen.append)
    assert tuple(seen) == result.cases


def test_names_and_shapes_survive_the_way_to_the_twin_and_back():
    twin = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 5))
    state = {name: t for name, t in twin.state_dict().items() if "running" not in name}
    by_hand = from_state_dict(twin.state_dict())
    assert by_hand.keys() == {"0.W", "0.b", "1.gamma", "1.beta", "3.W", "3.b"}
    assert by_hand["3.W"].shape == (3, 5)
    back = to_state_dict(by_hand)
    for name, tensor in state.items():
        if name != "1.num_batches_tracked":
            assert torch.equal(back[name], tensor)
