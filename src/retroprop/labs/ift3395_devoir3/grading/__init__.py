"""How the submissions of IFT3395, devoir 3, are graded: eleven questions, 35 points.

The points are the document's. `probes` is what runs beside a submission; `template.txt` stands for
the assignment's template; `variants.toml` has the submissions by which the grading proves itself.
"""

from pathlib import Path

from retroprop.grading.checks import LabGrading
from retroprop.labs.ift3395_devoir3.grading.losses import LOSS
from retroprop.labs.ift3395_devoir3.grading.networks import ACTIVATION, CNN, MLP
from retroprop.labs.ift3395_devoir3.grading.norms import (
    GRADIENT_NORM,
    JACOBIAN_NORM,
    PARAMETERS_NORM,
)
from retroprop.labs.ift3395_devoir3.grading.sets import NORMALIZATION, ONE_HOT
from retroprop.labs.ift3395_devoir3.grading.training import EVALUATION, TRAINING_STEP

_FOLDER = Path(__file__).parent

GRADING = LabGrading(
    lab="ift3395-devoir3",
    files=("solution",),
    probes=(_FOLDER / "probes.py").read_text(encoding="utf-8"),
    questions=[
        GRADIENT_NORM,
        JACOBIAN_NORM,
        ACTIVATION,
        MLP,
        CNN,
        NORMALIZATION,
        ONE_HOT,
        LOSS,
        PARAMETERS_NORM,
        TRAINING_STEP,
        EVALUATION,
    ],
    template={"solution": (_FOLDER / "template.txt").read_text(encoding="utf-8")},
)
