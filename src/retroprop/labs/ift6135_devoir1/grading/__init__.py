"""How the files mlp.py, resnet18.py, mlpmixer.py and utils.py of this assignment are graded.

The points are those of the document: 5, 15 and 20 for the networks, 5 for the loss, each problem's
shared out over its parts. Everything else in problem 4 is a report, which a teacher reads; the
pictures of questions 4.5 and 4.6 are looked for, and cost nothing unless a rubric says so.
"""

from importlib.resources import files

from retroprop.grading.checks import LabGrading
from retroprop.labs.ift6135_devoir1.grading import loss, mixer, mlp, resnet18

FILES = ("mlp", "resnet18", "mlpmixer", "utils")
_HERE = files("retroprop.labs.ift6135_devoir1.grading")

GRADING = LabGrading(
    lab="ift6135-devoir1",
    files=FILES,
    probes=(_HERE / "probes.py").read_text(encoding="utf-8"),
    questions=(*mlp.QUESTIONS, *resnet18.QUESTIONS, *mixer.QUESTIONS, *loss.QUESTIONS),
    template={
        name: (_HERE / "templates" / f"{name}.txt").read_text(encoding="utf-8") for name in FILES
    },
    by_hand={
        "utils": ("torch.nn.CrossEntropyLoss", "torch.nn.functional.cross_entropy"),
    },
)
