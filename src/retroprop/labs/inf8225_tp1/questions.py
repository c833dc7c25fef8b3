"""INF8225, TP1: every question of the assignment, with the functions that answer it."""

from collections.abc import Iterator

from retroprop.bayes.networks import load
from retroprop.labs.assignments import heading
from retroprop.labs.inf8225_tp1.answers_mlp import LOGISTIC, STUDY
from retroprop.labs.inf8225_tp1.interpretation import Interpretation
from retroprop.labs.inf8225_tp1.questions_mlp import MLP
from retroprop.labs.inf8225_tp1.questions_network import NETWORK
from retroprop.labs.inf8225_tp1.questions_regression import REGRESSION
from retroprop.report.content import summary as study_summary
from retroprop.report.lab_report import Lab, LabReport

IMPORTS = """\
import torch
from retroprop.bayes.networks import load
from retroprop.figures.bayes_network import draw_network
from retroprop.labs.inf8225_tp1 import mlp, regression

network = load("inf8225")
torch.manual_seed(0)
"""


def summary(lab: LabReport) -> Iterator[str]:
    """What came out: the sixteen answers, then the best models of parts 2 and 3."""
    yield from Interpretation(load("inf8225"), lab.say, lab.numbers, lab.language).summary()[:1]
    for study in (LOGISTIC, STUDY):
        report = lab.study(study)
        text = lab.say("{title}: {sentences}")
        yield text.format(title=report.title(), sentences=" ".join(study_summary(report)))


LAB = Lab(
    **heading("inf8225-tp1"),
    parts=(NETWORK, REGRESSION, MLP),
    summary=summary,
    imports=IMPORTS,
)
