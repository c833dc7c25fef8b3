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
from retroprop.report.lab_story import LabStory
from retroprop.report.network_pictures import best_run
from retroprop.report.results import tables_section
from retroprop.report.story import Story
from retroprop.studies.records import RunRecord


def search(lab: LabStory, story: Story, published: float) -> Iterator[Block]:
    """What a search found, with every setting of the best model."""
    run = best_run(story)
    if run is None:
        yield lab.prose("No model has finished all its epochs without diverging yet.")
        return
    varied = {key: run.cell[key] for key in story.varied if key in run.cell}
    yield lab.prose(
        "Of the models that have finished so far, the best reaches {accuracy} on validation, after "
        "epoch {epoch}{settings}."
        if story.unfinished
        else "The best model reaches {accuracy} on validation, after epoch {epoch}{settings}.",
        accuracy=lab.numbers.percent(run.best_validation_accuracy or 0.0),
        epoch=run.best_epoch,
        settings=lab.say(": {settings}").format(settings=story.describe(varied)) if varied else "",
    )
    yield from tested(lab, story)
    yield from beside_published(lab, story, published)
    yield hyperparameters(lab, story, run)
    yield from scale(lab, story)
    yield from lab.blocks(story, tables_section)
    yield from ranking(lab, story, *story.varied)
    if any(len(story.values(key)) > 2 for key in story.varied):  # two points need no picture
        for section in influence_sections(story):
            if section.name == "influence":
                yield from section.blocks


def initial_weights(story: Story, run: RunRecord, name: str) -> np.ndarray:
    """A tensor of the untrained network of a run: its seed gives the same one again."""
    from retroprop.training.factories import network_of
    from retroprop.training.settings import RunSettings, from_record

    assert story.info is not None
    height, width, channels = story.info.image_shape
    settings = from_record(RunSettings, run.settings, seed=run.seed)
    model = network_of(settings, (height, width, channels), len(story.info.classes))
    return model.state_dict()[name].double().numpy()
