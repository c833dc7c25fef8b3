"""How the submissions of INF8225, TP1, are graded: 16 queries, the regression, the MLP; 56 points.

The points of the three parts are the document's: 16, 20 and 20; part 3's report and its pseudocode
are a teacher's to read. `probes` is what runs beside a submission; `template.txt` stands for the
assignment's notebook; `variants.toml` has the submissions by which the grading proves itself.
"""

from pathlib import Path

from retroprop.grading.by_hand import AUTOGRAD
from retroprop.grading.checks import LabGrading
from retroprop.labs.inf8225_tp1.grading import bayes, linear_model, multilayer, pieces, training

_FOLDER = Path(__file__).parent

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
    template={"solution": (_FOLDER / "template.txt").read_text(encoding="utf-8")},
    by_hand={"solution": AUTOGRAD},
    derivatives=("gradients_of_linear", "gradients_of_layers"),
)
