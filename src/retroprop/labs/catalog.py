"""The five assignments by name. A lab's questions are read when it is asked for."""

from importlib import import_module
from pathlib import Path

from retroprop.errors import UserError, did_you_mean
from retroprop.grading.checks import LabGrading
from retroprop.grading.variants import Variants, load_variants
from retroprop.report.lab_report import Lab

MODULES = {
    "lyon-tp": "retroprop.labs.lyon_tp.questions",
    "inf8225-tp1": "retroprop.labs.inf8225_tp1.questions",
    "ift3395-theorie": "retroprop.labs.ift3395_theorie.questions",
    "ift3395-devoir3": "retroprop.labs.ift3395_devoir3.questions",
    "ift6135-devoir1": "retroprop.labs.ift6135_devoir1.questions",
}
"""Where the `LAB` of each assignment lies, from the perceptron to the MLP-Mixer."""

GRADED = {
    "lyon-tp": "retroprop.labs.lyon_tp.grading",
    "inf8225-tp1": "retroprop.labs.inf8225_tp1.grading",
    "ift3395-theorie": "retroprop.labs.ift3395_theorie.grading",
    "ift3395-devoir3": "retroprop.labs.ift3395_devoir3.grading",
    "ift6135-devoir1": "retroprop.labs.ift6135_devoir1.grading",
}
"""Where the `GRADING` of each assignment lies that is graded by its files."""


def find_lab(name: str) -> Lab:
    """The assignment of that name.

    Raises:
        UserError: If there is none.
    """
    if name not in MODULES:
        raise UserError(
            f"no assignment is called {name!r}; use one of {', '.join(MODULES)}. "
            f"{did_you_mean(name, MODULES)}"
        )
    return import_module(MODULES[name]).LAB


def find_grading(name: str) -> LabGrading:
    """How the submissions of an assignment are graded.

    Raises:
        UserError: If there is no such assignment, or it is not graded here.
    """
    find_lab(name)
    if name not in GRADED:
        raise UserError(f"{name} is not graded here; use one of {', '.join(GRADED)}.")
    return import_module(GRADED[name]).GRADING


def find_variants(name: str) -> Variants:
    """The submissions by which the grading of an assignment proves itself.

    Raises:
        UserError: As `find_grading`.
    """
    grading = find_grading(name)
    folder = Path(str(import_module(GRADED[name]).__file__)).parent
    return load_variants(folder / "variants.toml", grading)


def labs() -> list[Lab]:
    """All assignments."""
    return [find_lab(name) for name in MODULES]
