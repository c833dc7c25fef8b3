"""How the files perceptron.py, shallow.py and deep.py of the TP of Lyon are graded: 20 points.

The document has no points and no template: both are ours. `templates` fixes the three classes, by
the names of `labs.lyon_tp`: weights come in, with the biases in their last columns, `activity`
gives the outputs, and `learn` makes a step for each example. What the parts ask for beyond that,
performances and the influence of hyper-parameters, is a report, which a teacher reads.
"""

from pathlib import Path

from retroprop.grading.by_hand import AUTOGRAD
from retroprop.grading.checks import LabGrading
from retroprop.labs.lyon_tp.grading import deep, perceptron, shallow

FILES = ("perceptron", "shallow", "deep")
_FOLDER = Path(__file__).parent

GRADING = LabGrading(
    lab="lyon-tp",
    files=FILES,
    probes=(_FOLDER / "probes.py").read_text(encoding="utf-8"),
    questions=[*perceptron.QUESTIONS, *shallow.QUESTIONS, *deep.QUESTIONS],
    template={
        name: (_FOLDER / "templates" / f"{name}.txt").read_text(encoding="utf-8") for name in FILES
    },
    by_hand={"perceptron": AUTOGRAD, "shallow": AUTOGRAD},
    derivatives=("perceptron_steps", "shallow_deltas", "shallow_steps"),
)
