"""How the submissions of INF8225, TP1, are graded: 16 queries, the regression, the MLP; 56 points.

The points of the three parts are the document's: 16, 20 and 20; part 3's report and its pseudocode
are a teacher's to read. `probes` is what runs beside a submission; `template.txt` stands for the
assignment's notebook; `variants.toml` has the submissions by which the grading proves itself.
"""

import ast
import tomllib
from pathlib import Path

from retroprop.grading.by_hand import AUTOGRAD
from retroprop.grading.checks import LabGrading
from retroprop.grading.variants import with_bodies
from retroprop.labs.inf8225_tp1.grading import bayes, linear_model, multilayer, pieces, training

_FOLDER = Path(__file__).parent

HELPERS = {
    "2.1": "accuracy",
    "2.2": "cross_entropy",
    "2.3": "softmax",
    "2.4": "inputs_tilde",
    "3.1": "relu_forward",
    "3.2": "relu_backward",
    "3.3": "softmax_cross_entropy_backward",
}
"""Question → its function, which later ones call."""


_TEMPLATE = (_FOLDER / "template.txt").read_text(encoding="utf-8")


def right_functions() -> dict[str, str]:
    """The source of each of them: the template's, with the body of the right submission."""
    right = tomllib.loads((_FOLDER / "variants.toml").read_text(encoding="utf-8"))["right"]
    source = with_bodies(_TEMPLATE, {name: right[name] for name in HELPERS.values()})
    return {
        node.name: f"import numpy as np\nimport torch\n{ast.unparse(node)}"
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }


_RIGHT = right_functions()

GRADING = LabGrading(
    lab="inf8225-tp1",
    files=("solution",),
    probes=(_FOLDER / "probes.py").read_text(encoding="utf-8"),
    questions=[
        *bayes.QUESTIONS,
        *pieces.OF_THE_REGRESSION,
        *linear_model.QUESTIONS,
        *training.QUESTIONS,
        *pieces.OF_THE_MLP,
        *multilayer.QUESTIONS,
    ],
    template={"solution": _TEMPLATE},
    by_hand={"solution": AUTOGRAD},
    derivatives=("gradients_of_linear", "gradients_of_layers"),
    substitutes={number: {"solution": _RIGHT[name]} for number, name in HELPERS.items()},
)
