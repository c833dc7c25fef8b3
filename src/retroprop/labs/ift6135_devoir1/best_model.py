"""What the two searches for a best model share: their answer, and the untrained network."""

from collections.abc import Iterator

import numpy as np

from retroprop.labs.ift6135_devoir1.outcomes import (
    beside_published,
    hyperparameters,
    ranking,
    scale,
    tested,
)
from retroprop.report.document import Block
from retroprop.report.influence import influence_sections
from retroprop.report.lab_report import LabReport
from retroprop.report.network_pictures import best_run
from retroprop.report.results import tables_section
from retroprop.report.searched import search_section
from retroprop.report.study_report import StudyReport
from retroprop.studies.records import RunRecord


def search(lab: LabReport, report: StudyReport, published: float) -> Iterator[Block]:
    """What a search found, with every setting of the best model."""
    run = best_run(report)
    if run is None:
        yield lab.prose("No model has finished all its epochs without diverging yet.")
        return
    varied = {key: run.cell[key] for key in report.varied if key in run.cell}
    yield lab.prose(
        "Of the models that have finished so far, the best reaches {accuracy} on validation, after "
        "epoch {epoch}{settings}."
        if report.unfinished
        else "The best model reaches {accuracy} on validation, after epoch {epoch}{settings}.",
        accuracy=lab.numbers.percent(run.best_validation_accuracy or 0.0),
        epoch=run.best_epoch,
        settings=lab.say(": {settings}").format(settings=report.describe(varied)) if varied else "",
    )
    yield from tested(lab, report)
    yield from beside_published(lab, report, published)
    yield hyperparameters(lab, report, run)
    yield from scale(lab, report)
    if report.search is not None:
        yield from lab.blocks(report, search_section)
        return
    yield from lab.blocks(report, tables_section)
    yield from ranking(lab, report, *report.varied)
    if any(len(report.values(key)) > 2 for key in report.varied):  # two points need no picture
        for section in influence_sections(report):
            if section.name == "influence":
                yield from section.blocks


def initial_weights(report: StudyReport, run: RunRecord, name: str) -> np.ndarray:
    """A tensor of the untrained network of a run: its seed gives the same one again."""
    from retroprop.training.factories import network_of
    from retroprop.training.settings import RunSettings, from_record

    assert report.info is not None
    height, width, channels = report.info.image_shape
    settings = from_record(RunSettings, run.settings, seed=run.seed)
    model = network_of(settings, (height, width, channels), len(report.info.classes))
    return model.state_dict()[name].double().numpy()
