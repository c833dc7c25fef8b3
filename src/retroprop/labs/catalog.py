"""The five assignments with their questions and their grading, which are read when asked for."""

from importlib import import_module
from pathlib import Path

from retroprop.grading.checks import LabGrading
from retroprop.grading.variants import Variants, load_variants
from retroprop.labs.assignments import find_assignment
from retroprop.report.lab_report import Lab


def find_lab(name: str) -> Lab:
    """The assignment of that name.

    Raises:
        UserError: If there is none.
    """
    return import_module(f"{find_assignment(name).package}.questions").LAB


def find_grading(name: str) -> LabGrading:
    """How the submissions of an assignment are graded.

    Raises:
        UserError: If there is no such assignment.
    """
    return import_module(f"{find_assignment(name).package}.grading").GRADING


def find_variants(name: str) -> Variants:
    """The submissions by which the grading of an assignment proves itself.

    Raises:
        UserError: As `find_grading`.
    """
    grading = find_grading(name)
    folder = Path(str(import_module(f"{find_assignment(name).package}.grading").__file__)).parent
    return load_variants(folder / "variants.toml", grading)
