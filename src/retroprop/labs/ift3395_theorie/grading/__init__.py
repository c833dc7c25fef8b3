"""How the results of the theory sheet of IFT3395 are graded, where they can be evaluated.

The sheet has no code: `template.txt` is ours, with a function for each result. The points are the
document's; the gradients of the first layer, which it leaves out, have two. Proofs are read by a
teacher.
"""

from pathlib import Path

from retroprop.grading.checks import LabGrading
from retroprop.labs.ift3395_theorie.grading import convolutions, functions, network

_FOLDER = Path(__file__).parent

GRADING = LabGrading(
    lab="ift3395-theorie",
    files=("solution",),
    probes=(_FOLDER / "probes.py").read_text(encoding="utf-8"),
    questions=[*functions.QUESTIONS, *network.QUESTIONS, *convolutions.QUESTIONS],
    template={"solution": (_FOLDER / "template.txt").read_text(encoding="utf-8")},
    by_hand={
        "solution": ("torch.autograd", "torch.func", ".backward()", ".requires_grad_"),
    },
)
