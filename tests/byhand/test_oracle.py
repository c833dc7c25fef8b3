"""The comparison with autograd notices every kind of wrong answer."""

import pytest
from oracle import check, draw

from retroprop.byhand.linear import Linear


class Wrong(Linear):
    """A linear layer with one thing wrong."""

    def __init__(self, what):
        super().__init__(draw(4, 3), draw(3))
        self.what = what

    def forward(self, x, *, training=True):
        y, saved = super().forward(x)
        return (y * (1 + 1e-6) if self.what == "y" else y), saved

    def backward(self, dy, saved):
        dx, gradients = super().backward(dy, saved)
        if self.what == "dx":
            dx[0, 0] += 1e-6
        if self.what == "shape":
            dx = dx[None]
        if self.what in gradients:
            gradients[self.what][..., -1] += 1e-6
        if self.what == "missing":
            del gradients["b"]
        if self.what == "the input was changed":
            saved += 1
        return dx, gradients


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("y", "^y: error"),
        ("dx", "^dx: error"),
        ("W", "^dW: error"),
        ("b", "^db: error"),
        ("shape", "^dx: shape"),
        ("missing", None),
        ("the input was changed", "the input was changed"),
    ],
)
def test_a_wrong_answer_is_noticed(what, words):
    with pytest.raises(AssertionError, match=words):
        check(Wrong(what), lambda x, p: x @ p["W"] + p["b"], draw(5, 4))


def test_a_right_answer_passes():
    check(Wrong("nothing"), lambda x, p: x @ p["W"] + p["b"], draw(5, 4))
