"""What should be by hand and is not is found, under whatever name."""

import pytest
import torch

from retroprop.grading.answers import Seen, seen_by
from retroprop.grading.by_hand import AUTOGRAD, evidence_in
from retroprop.grading.checks import LabGrading
from retroprop.grading.sessions import Session
from retroprop.languages import translator


def found(code, template=""):
    grading = LabGrading(
        lab="one", files=("solution",), probes="", questions=(),
        by_hand={"solution": AUTOGRAD}, template={"solution": template},
    )  # fmt: skip
    evidence = evidence_in({"solution": code}, grading, translator("en"))
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
        "import torch.nn.functional as F\ny = F.pad(F.one_hot(x), (1, 1))",
        "from torch.nn.functional import unfold\ny = unfold(x, 3)",
        "def broken(:",
        "",
    ],
)
def test_what_is_by_hand_leaves_no_evidence(code):
    assert found(code) == []


def test_a_students_own_tests_leave_no_evidence_and_what_an_answer_uses_does():
    code = (
        "def gradient(x):\n    return helper(x)\n"
        "def helper(loss):\n    loss.backward()\n"
        "def test_gradient(loss):\n    loss.backward()\n"
        "if __name__ == '__main__':\n    test_gradient(1).backward()\n"
    )
    assert found(code, "def gradient(x):\n    pass\n") == [(4, ".backward()")]
    reversed_ = code.replace("test_gradient(1).backward()", "pass")
    reversed_ += "else:\n    gradient(1).backward()\n"
    assert found(reversed_, "def gradient(x):\n    pass\n") == [
        (4, ".backward()"),
        (10, ".backward()"),
    ]
    shared = {"solution": code, "other": "from solution import test_gradient\n"}
    grading = LabGrading(
        lab="one", files=("solution", "other"), probes="", questions=(),
        by_hand={"solution": AUTOGRAD}, template={"solution": "def gradient(x):\n    pass\n"},
    )  # fmt: skip
    assert [one.line for one in evidence_in(shared, grading, translator("en"))] == [4, 6]
    assert len(found(code, "def other(x):\n    pass\n")) == 3  # nothing that was asked for


# --- what is seen when it runs --------------------------------------------------------------------


def seen(fork_server, body, *, observed=True):
    source = f"import torch\nfrom torch.nn.functional import *\ndef f(x):\n    {body}\n"
    probes = "def p(submission, values):\n    return submission.solution.f(values['x'])"
    with Session(fork_server, {"solution": source}, probes, observed=observed) as session:
        session.ask("p", {"x": torch.ones(2, 3)})
        return session.seen


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return relu(x)", ["torch.nn.functional.relu"]),
        ("return linear(x, x)", ["torch.nn.functional.linear"]),
        ("return torch.ones(2, **{'requires_' 'grad': True}).detach()", ["requires_grad="]),
        ("x.requires_grad = True; return 0", [".requires_grad"]),
        ("return getattr(x, 'requires_' 'grad_')().detach()", [".requires_grad_"]),
        (
            "y = torch.autograd.functional.jacobian(lambda x: x * x, x); return y",
            [".requires_grad_", "torch.autograd.grad"],
        ),
        ("return torch.relu(x) @ x.T + torch.eye(2)", []),
        ("return torch.nn", []),
    ],
)
def test_what_derives_or_stands_in_a_layer_is_seen_in_its_line(fork_server, body, names):
    found = seen(fork_server, body)
    assert {(file, line) for _, file, line in found.places} <= {("solution.py", 4)}
    assert sorted(name for name, *_ in found.places if "init" not in name) == names


def test_operations_are_counted_where_somebody_asks(fork_server):
    body = "return sum((x * i for i in range(10)), x)"
    assert seen(fork_server, body).operations == 20
    assert seen(fork_server, body, observed=False) == Seen()


@pytest.mark.parametrize(
    "forged",
    [None, [], "x", {}, {"operations": "9", "places": {}}, {"operations": True, "places": [1]},
     {"places": [["a", "b"], ["a", "b", "c"], ["a", "b", True], [1, "b", 2], None]}],
)  # fmt: skip
def test_what_a_process_forges_is_nothing_that_was_seen(forged):
    assert seen_by(forged) == Seen()


def test_what_a_process_says_is_cut_and_cleaned():
    told = seen_by({"operations": 3, "places": [["a\x1b", "b\n c" * 900, 4]] * 900})
    assert told.operations == 3
    assert len(told.places) == 50
    assert told.places[0][0] == "a"
    assert len(told.places[0][1]) <= 200
