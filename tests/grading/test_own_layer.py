"""A layer of one's own: proved where it is right, and its mistake named where it is not."""

import re
import types

import pytest

from retroprop.cli.check import check
from retroprop.errors import UserError
from retroprop.grading.confined.own_layer import answer_of
from retroprop.grading.own_layer import check_layer
from retroprop.languages import translator

LINEAR = """
import torch

class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum(0)
        return dy @ self.W.T
"""

CONV = """
import torch
from torch.nn import functional as F

def forward(x, W, b=None, stride=1, padding=0):
    return F.conv2d(x, W, b, stride, padding), (x, W, b, stride, padding)

def backward(dy, saved):
    x, W, b, stride, padding = saved
    dx = torch.nn.grad.conv2d_input(x.shape, W, dy, stride, padding)
    dW = torch.nn.grad.conv2d_weight(x, W.shape, dy, stride, padding)
    return dx, dW, None if b is None else dy.sum((0, 2, 3))
"""

NUMPY = """
import numpy as np

class LayerNorm:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta

    def forward(self, x):
        self.sigma = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        self.h = (x - x.mean(-1, keepdims=True)) / self.sigma
        return self.h * self.gamma + self.beta

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        dh = dy * self.gamma
        dx = dh - dh.mean(-1, keepdims=True) - self.h * (dh * self.h).mean(-1, keepdims=True)
        return dx / self.sigma, {"gamma": (dy * self.h).sum(axes), "beta": dy.sum(axes)}
"""

LOSS = """
def forward(z, targets):
    p = z.softmax(-1)
    return -(targets * p.log()).sum(-1).mean(), (p, targets)

def backward(saved):
    p, targets = saved
    return (p - targets) / len(p)
"""

ACTIVATION = """
class Layer:
    def forward(self, x):
        self.x, self.y = x, x.{name}()
        return self.y

    def backward(self, dy):
        return {gradient}
"""

RELU = "dy * (self.x > 0)"
SIGMOID = "dy * self.y * (1 - self.y)"
TANH = "dy * (1 - self.y**2)"


def checked(source, names, like, language="en"):
    """What is found of a layer that these lines of ours define."""
    module = types.ModuleType("layer")
    exec(source, module.__dict__)
    parts = [getattr(module, name) for name in names.split(",")]
    return check_layer(lambda case: answer_of(parts, module, **case), like, translator(language))


def activation(name, gradient):
    return ACTIVATION.format(name=name, gradient=gradient)


@pytest.mark.parametrize(
    ("source", "names", "like"),
    [
        (LINEAR, "Linear", "linear"),
        (CONV, "forward,backward", "conv2d"),
        (NUMPY, "LayerNorm", "layer-norm"),
        (LOSS, "forward,backward", "softmax-cross-entropy"),
        (LOSS.replace("mean()", "sum()").replace(" / len(p)", ""), "forward,backward",
         "softmax-cross-entropy"),
        (activation("relu", RELU), "Layer", "relu"),
        (activation("sigmoid", SIGMOID), "Layer", "sigmoid"),
        (activation("tanh", TANH), "Layer", "tanh"),
    ],
)  # fmt: skip
def test_a_right_layer_is_proved_however_it_is_written(source, names, like):
    found = checked(source, names, like)
    assert found.passed
    assert min(one.cases for one in found.tensors) >= 2


@pytest.mark.parametrize(
    ("source", "names", "like", "tensor", "mistake"),
    [
        (LINEAR.replace("self.x.T @ dy", "dy.T @ self.x"), "Linear", "linear", "dW", "transposed"),
        (LINEAR.replace("dy.sum(0)", "dy"), "Linear", "linear", "db", "not summed over the batch"),
        (LINEAR.replace("dy.sum(0)", "dy[0]"), "Linear", "linear", "db", "first example only"),
        (LINEAR.replace("dy.sum(0)", "dy[-1]"), "Linear", "linear", "db", "last example only"),
        (LINEAR.replace("dy.sum(0)", "dy.mean(0)"), "Linear", "linear", "db", "extra factor 1/n"),
        (LINEAR.replace("+ self.b", ""), "Linear", "linear", "y", "bias missing"),
        (LINEAR.replace("dy @ self.W.T", "-dy @ self.W.T"), "Linear", "linear", "dx", "sign"),
        (LINEAR.replace("dy @ self.W.T", "2 * dy @ self.W.T"), "Linear", "linear", "dx",
         "factor 2"),
        (LOSS.replace(" / len(p)", ""), "forward,backward", "softmax-cross-entropy", "dz",
         "missing factor 1/n"),
        (LOSS.replace("(p - targets)", "p"), "forward,backward", "softmax-cross-entropy", "dz",
         "targets not subtracted"),
        (CONV.replace("x, W.shape, dy, stride, padding)",
                      "x, W.shape, dy, stride, padding).flip(-1, -2)"),
         "forward,backward", "conv2d", "dW", "kernel turned"),
        (CONV.replace("F.conv2d(x, W,", "F.conv2d(x, W.flip(-1, -2),"), "forward,backward",
         "conv2d", "y", "kernel turned"),
        (NUMPY.replace("dh - dh.mean(-1, keepdims=True) - "
                       "self.h * (dh * self.h).mean(-1, keepdims=True)", "dh"),
         "LayerNorm", "layer-norm", "dx", "statistics taken for constants"),
        (activation("relu", "dy * (dy > 0)"), "Layer", "relu", "dx",
         "gate of the output's gradient"),
        (activation("relu", "dy"), "Layer", "relu", "dx", "gate open everywhere"),
        (activation("relu", "dy * (self.x < 0)"), "Layer", "relu", "dx", "gate reversed"),
        (activation("sigmoid", "dy * self.x * (1 - self.x)"), "Layer", "sigmoid", "dx",
         "y (1 − y) at x"),
        (activation("sigmoid", "dy * self.y"), "Layer", "sigmoid", "dx",
         "factor 1 − y missing"),
        (activation("sigmoid", "self.y * (1 - self.y)"), "Layer", "sigmoid", "dx",
         "dL/dy left out"),
        (activation("tanh", "dy * (1 - self.x**2)"), "Layer", "tanh", "dx", "1 − y² at x"),
        (activation("tanh", "dy"), "Layer", "tanh", "dx", "dL/dy handed on"),
        (activation("softmax(-1)", "dy * self.y * (1 - self.y)").replace(")()", ")"), "Layer",
         "softmax", "dx", "diagonal of the Jacobian"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_the_tensor_where_it_is(source, names, like, tensor, mistake):
    found = checked(source, names, like)
    assert {one.tensor: one.mistake for one in found.tensors if not one.passed} == {tensor: mistake}
    assert checked(source, names, like, "fr").tensors != found.tensors  # its sentence is French


@pytest.mark.parametrize(
    ("source", "like", "tensor", "sentence"),
    [
        (LINEAR.replace("self.db = dy.sum(0)", "pass"), "linear", "db", "is missing"),
        (LINEAR.replace("self.x.T @ dy", "3.5 * self.x.T @ dy"), "linear", "dW", "is 3.5 times"),
        (LINEAR.replace("self.x.T @ dy", "(self.x.T @ dy)[:1, :1]"), "linear", "dW",
         "tensor of shape"),
        (LINEAR.replace("self.x.T @ dy", "self.x.T @ dy * float('nan')"), "linear", "dW", "NaN"),
        (LINEAR.replace("self.x.T @ dy", "(self.x.T @ dy).exp()"), "linear", "dW",
         "numbers, most at ["),
    ],
)  # fmt: skip
def test_what_no_known_mistake_explains_is_described(source, like, tensor, sentence):
    (wrong,) = [one for one in checked(source, "Linear", like).tensors if not one.passed]
    assert (wrong.tensor, wrong.mistake) == (tensor, "")
    assert sentence in wrong.sentence


def test_cases_whose_options_the_layer_lacks_are_left_out_and_named():
    found = checked(CONV, "forward,backward", "conv2d")
    assert found.left_out
    assert {name for names in found.left_out.values() for name in names} == {"dilation"}


def test_a_case_in_which_the_layer_raises_is_named_and_the_others_are_judged(tmp_path, capsys):
    path = tmp_path / "mine.py"
    refusing = CONV.replace(
        "    return F.conv2d", "    assert stride == 1, 'stride'\n    return F.conv2d"
    )
    path.write_text(refusing.replace("dy.sum((0, 2, 3))", "2 * dy.sum((0, 2, 3))"))
    with pytest.raises(UserError, match="forward,backward is not conv2d"):
        check(layer=f"{path}:forward,backward", like="conv2d", lang="en")
    said = capsys.readouterr().out
    assert re.search(r"no answer in \d+ cases, first in .*: line 6 of mine.py raised Asser", said)
    assert "✓ dW" in said
    assert "db is twice the right one" in said


@pytest.mark.parametrize(
    ("like", "sentence"),
    [
        ("adam", "is of the kind optimizer"),
        ("conv3d", "no layer or loss 'conv3d' in the table. Did you mean 'conv2d'"),
        ("dropout", "draws its mask"),
    ],
)  # fmt: skip
def test_what_a_layer_cannot_be_like_is_said(like, sentence):
    with pytest.raises(UserError, match=sentence):
        checked(LINEAR, "Linear", like)
