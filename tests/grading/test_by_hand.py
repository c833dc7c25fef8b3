"""What should be by hand and is not is found, under whatever name."""

import pytest

from retroprop.grading.by_hand import AUTOGRAD, evidence_in
from retroprop.languages import translator


def found(code):
    evidence = evidence_in({"solution": code}, {"solution": AUTOGRAD}, translator("en"))
    return [(one.line, one.sentence.split()[1].rstrip(",")) for one in evidence]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import torch\nx = torch.nn.Linear(2, 3)", "torch.nn"),
        ("import torch.nn.functional as F\ny = F.relu(0)", "torch.nn"),
        ("from torch import nn as n\nlayer = n.Linear(2, 3)", "torch.nn"),
        ("from torch.nn.functional import relu as r\ny = r(0)", "torch.nn"),
        ("import torch as t\ng = t.autograd.grad(y, x)", "torch.autograd"),
        ("import torch\nn = getattr(torch, 'nn')", "torch.nn"),
        ("import importlib\nn = importlib.import_module('torch.nn')", "torch.nn"),
        ("\nn = __import__('torch.nn')", "torch.nn"),
        ("def f(loss):\n    loss.backward()", ".backward()"),
        ("import torch\nW = torch.zeros(3, requires_grad=True)", "requires_grad="),
        ("def f(W):\n    W.requires_grad_()", ".requires_grad_"),
        ("from torch import optim\nstep = optim.Adam", "torch.optim"),
    ],
)
def test_what_derives_automatically_is_found_in_its_line(code, name):
    assert found(code) == [(2, name)]


def test_a_name_that_was_given_another_name_is_followed():
    assert found("import torch\nlib = torch\nlayers = lib.nn\ny = layers.Linear") == [
        (3, "torch.nn"),
        (4, "torch.nn"),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ny = torch.relu(x)\nW = torch.zeros(3, requires_grad=False)",
        "import numpy as np\n\nclass nn:\n    pass\n\nlayer = nn()",
        "class Layer:\n    def backward(self, dy):\n        return self.below.backward(dy)\n",
        "# torch.nn.Linear\n'torch.autograd'",
        "def broken(:",
        "",
    ],
)
def test_what_is_by_hand_leaves_no_evidence(code):
    assert found(code) == []
