"""The folded products equal the plain x̃ @ W, whatever the members share."""

import pytest
import torch

from retroprop.byhand.linear import augment, linear, linear_weight_gradient

SHAPES = [
    # inputs' population axes, weights' population axes
    ((), ()),
    ((), (4,)),
    ((), (2, 3)),
    ((2,), (2, 3)),
    ((2, 3), (2, 3)),
    ((2,), (2, 3, 5)),
]


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize(("of_inputs", "of_weights"), SHAPES)
@pytest.mark.parametrize("transposed", [True, False])
def test_folded_products_equal_plain_ones(batch, of_inputs, of_weights, transposed):
    x, W, dz = random_tensors(batch, of_inputs, of_weights)
    if transposed:
        W = W.mT.contiguous().mT
    wide = x[(..., *(None,) * (len(of_weights) - len(of_inputs)), slice(None), slice(None))]
    torch.testing.assert_close(linear(x, W), wide @ W, rtol=1e-13, atol=1e-13)
    expected = (wide.mT @ dz).expand(*of_weights, 6, 3)
    torch.testing.assert_close(linear_weight_gradient(x, dz), expected, rtol=1e-13, atol=1e-13)


def test_a_member_that_is_not_finite_does_not_touch_the_others():
    x, W, _ = random_tensors(5, (2,), (2, 3))
    expected = linear(x, W)
    W[1, 1, 2, 0] = torch.nan
    got = linear(x, W)
    assert got[1, 1, :, 0].isnan().all()
    got[1, 1] = expected[1, 1]
    assert torch.equal(got, expected)


def test_augmented_inputs_end_with_one():
    x = torch.rand(2, 3, 4)
    assert torch.equal(augment(x)[..., :-1], x)
    assert (augment(x)[..., -1] == 1).all()


def random_tensors(batch, of_inputs, of_weights):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(*of_inputs, batch, 6), draw(*of_weights, 6, 3), draw(*of_weights, batch, 3)
