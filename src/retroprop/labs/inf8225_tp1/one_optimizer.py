"""The models of one optimizer of a study: the assignment asks for SGD and Adam one by one."""

import dataclasses

from retroprop.report.study_report import StudyReport
from retroprop.studies.summary import CellSummary


def of_optimizer(report: StudyReport, optimizer: str) -> StudyReport:
    """The study with the models of one optimizer only."""
    runs = tuple(run for run in report.runs if run.cell.get("optimizer") == optimizer)
    return dataclasses.replace(report, runs=runs)


def without_optimizer(report: StudyReport, cell: CellSummary) -> str:
    """A cell in words where the optimizer is clear: "learning rate 0.01, batch size 1"."""
    return report.describe(cell.cell, without=["optimizer"])
