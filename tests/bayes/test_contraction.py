"""Every way of multiplying labelled arrays equals einsum."""

import numpy as np
import pytest
from enumeration import assert_equal

from retroprop.bayes import contraction
from retroprop.bayes.contraction import BATCH, contract, reduce_to

ROWS = 5


def plain(left, right, out, a, b):
    letter = {v: chr(ord("a") + i) for i, v in enumerate(dict.fromkeys((*left, *right)))}
    texts = ["".join(letter[v] for v in axes) for axes in (left, right, out)]
    return np.einsum(f"{texts[0]},{texts[1]}->{texts[2]}", a, b)


@pytest.mark.parametrize("stacked", [0, 64, 10**9])
@pytest.mark.parametrize("streamed", [0, 10**9])
def test_a_prepared_product_equals_einsum(monkeypatch, stacked, streamed):
    monkeypatch.setattr(contraction, "STACKED", stacked)
    monkeypatch.setattr(contraction, "STREAMED", streamed)
    rng = np.random.default_rng(0)
    for _ in range(300):
        cards = rng.integers(1, 5, size=7).tolist()
        left, right = (tuple(rng.permutation(7)[: rng.integers(0, 6)].tolist()) for _ in range(2))
        keep = set(rng.permutation(7)[: rng.integers(0, 8)].tolist())
        left, right = (axes + (BATCH,) * int(rng.integers(2)) for axes in (left, right))
        a, b = (
            rng.random([ROWS if v == BATCH else cards[v] for v in axes]) for axes in (left, right)
        )
        out, product = contract(left, right, keep, cards)
        assert set(out) == {v for v in (*left, *right) if v in keep or v == BATCH}
        assert BATCH not in out[:-1]
        assert_equal(product(a, b), plain(left, right, out, a, b))


def test_more_axes_than_there_are_letters():
    left, right = tuple(range(30)), tuple(range(29, 45))
    out, product = contract(left, right, set(range(1, 45, 2)), [1] * 45)
    assert_equal(
        product(np.full([1] * 30, 2.0), np.full([1] * 16, 3.0)), np.full([1] * len(out), 6.0)
    )


def test_reducing_sums_and_orders():
    array = np.random.default_rng(1).random((2, 3, 4))
    assert_equal(reduce_to((7, 8, 9), (9, 7))(array), array.sum(1).T)
    assert reduce_to((7, 8, 9), (7, 8, 9))(array) is array
