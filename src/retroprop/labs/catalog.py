"""The five assignments by name. A lab's questions are read when it is asked for."""

from importlib import import_module
from pathlib import Path

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.grading.checks import LabGrading
from retroprop.grading.variants import Variants, load_variants
from retroprop.report.lab_report import Lab

PACKAGES = {
    "lyon-tp": "retroprop.labs.lyon_tp",
    "inf8225-tp1": "retroprop.labs.inf8225_tp1",
    "ift3395-theorie": "retroprop.labs.ift3395_theorie",
    "ift3395-devoir3": "retroprop.labs.ift3395_devoir3",
    "ift6135-devoir1": "retroprop.labs.ift6135_devoir1",
}
"""Where each assignment lies, from the perceptron to the MLP-Mixer: `LAB` in its `questions`, and
`GRADING` in its `grading`."""


def _package(name: str) -> str:
    if name not in PACKAGES:
        raise UserError(f"no assignment is called {in_short(name)}. {did_you_mean(name, PACKAGES)}")
    return PACKAGES[name]


def find_lab(name: str) -> Lab:
    """The assignment of that name.

    Raises:
        UserError: If there is none.
    """
    return import_module(f"{_package(name)}.questions").LAB


def find_grading(name: str) -> LabGrading:
    """How the submissions of an assignment are graded.

    Raises:
        UserError: If there is no such assignment.
    """
    return import_module(f"{_package(name)}.grading").GRADING


def find_variants(name: str) -> Variants:
    """The submissions by which the grading of an assignment proves itself.

    Raises:
        UserError: As `find_grading`.
    """
    grading = find_grading(name)
    folder = Path(str(import_module(f"{PACKAGES[name]}.grading").__file__)).parent
    return load_variants(folder / "variants.toml", grading)


def labs() -> list[Lab]:
    """All assignments."""
    return [find_lab(name) for name in PACKAGES]
