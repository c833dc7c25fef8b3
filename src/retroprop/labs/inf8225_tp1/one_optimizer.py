"""The models of one optimizer of a study: the assignment asks for SGD and Adam one by one."""

import dataclasses

from retroprop.report.story import Story
from retroprop.studies.summary import CellSummary


def of_optimizer(story: Story, optimizer: str) -> Story:
    """The study with the models of one optimizer only."""
    runs = tuple(run for run in story.runs if run.cell.get("optimizer") == optimizer)
    return dataclasses.replace(story, runs=runs)


def without_optimizer(story: Story, cell: CellSummary) -> str:
    """A cell in words where the optimizer is clear: "learning rate 0.01, batch size 1"."""
    return story.describe(cell.cell, without=["optimizer"])
