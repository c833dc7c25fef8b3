"""What a report says: its order, its summary and its warnings, from the records of one study run.

Sentences follow the numbers. A cell is called best only when all its seeds finished; whether two
cells differ is a `Verdict`; what was not recorded is said to be so.
"""

from retroprop import __version__
from retroprop.errors import UserError
from retroprop.report.answers import answers_section
from retroprop.report.appendix import models_section, setting_section, time_section
from retroprop.report.confusions import confusion_section
from retroprop.report.costs import costs_section
from retroprop.report.derivations import speed_section
from retroprop.report.document import Document, Notice
from retroprop.report.influence import influence_sections
from retroprop.report.models import trained_section
from retroprop.report.network_pictures import (
    gradients_section,
    pairs_section,
    weights_section,
)
from retroprop.report.results import curves_section, tables_section, test_section
from retroprop.report.story import Story
from retroprop.report.verdict_sentence import verdict_sentence
from retroprop.studies.summary import ACCURACY, CellSummary, mean_and_deviation


def compose(story: Story) -> Document:
    """Write the report of a study run.

    Raises:
        UserError: If no model has been trained for a single epoch yet.
    """
    if not story.begun:
        raise UserError(
            f"the study run {story.record.id} has no finished epoch yet, so there is nothing to "
            f"report; train it first: {story.command}"
        )
    say = story.say
    sections = [
        trained_section(story),
        answers_section(story),
        tables_section(story),
        curves_section(story),
        *influence_sections(story),
        pairs_section(story),
        gradients_section(story),
        speed_section(story),
        costs_section(story),
        test_section(story),
        confusion_section(story),
        weights_section(story),
        time_section(story),
        setting_section(story),
        models_section(story),
    ]
    return Document(
        language=story.language,
        title=story.title(),
        subtitle=subtitle(story),
        summary=summary(story),
        notices=notices(story),
        sections=[section for section in sections if section is not None],
        footer=say("Made by retroprop {version} from the records of {id}.").format(
            version=__version__, id=story.record.id
        ),
        labels={"skip": say("Skip to the results")},
    )


def subtitle(story: Story) -> str:
    """Where the study comes from, and its data."""
    source = story.record.config.get("source")
    return f"{source} · {story.dataset}" if source else story.dataset


def summary(story: Story) -> list[str]:
    """What came out, in one sentence, then what may be said of the two best groups."""
    say = story.say
    if not story.best:
        if story.single:
            text = (
                "The only model, trained on {data}, is not finished yet."
                if story.unfinished
                else "The only model, trained on {data}, diverged: its numbers stopped being "
                "finite."
            )
            return [say(text).format(data=_data(story))]
        return [no_best_cell(story)]
    items = [_best_in_words(story, cell) for cell in story.best]
    spread = story.spread(max(cell.n for cell in story.best))
    opening = say(
        "So far, of {n} models planned on {data}, the best cell reaches a validation accuracy "
        "({spread}) of {items}."
        if story.unfinished
        else "The only model, trained on {data}, reaches a validation accuracy ({spread}) of "
        "{items}."
        if story.single
        else "{n} models trained on {data} reach validation accuracies ({spread}) of {items}."
        if story.alone
        else "Of {n} models trained on {data}, the best cell reaches a validation accuracy "
        "({spread}) of {items}."
    )
    joined = items[0]
    if len(items) > 1:
        joined = say("{first} and {last}").format(first=say("; ").join(items[:-1]), last=items[-1])
    lines = [
        opening.format(
            n=story.numbers.integer(len(story.runs)),
            data=_data(story),
            items=joined,
            spread=spread,
        )
    ]
    diverged = sum(run.status == "diverged" for run in story.runs)
    if diverged and story.by_trainer:
        text = say("{k} of {n} models diverged." if diverged > 1 else "1 of {n} models diverged.")
        lines.append(text.format(k=diverged, n=len(story.runs)))
    if len(story.best) > 1 and story.unfinished:
        lines.append(say("The best cells are compared once the study is finished."))
    elif len(story.best) > 1:
        lines += comparison(story)
    return lines


def no_best_cell(story: Story) -> str:
    """Why a study has no best cell."""
    return story.say(
        "No cell of the grid has all its seeds finished without diverging, so there is no best "
        "cell yet."
        if story.unfinished
        else "In every cell of the grid at least one seed diverged, so there is no best cell."
    )


def _data(story: Story) -> str:
    """The data set, and how many of its training images were used when not all were."""
    part = story.part_of_images()
    text = story.say("{data} (on {n} of the {all} training images)")
    return text.format(data=story.dataset, **part) if part else story.dataset


def _best_in_words(story: Story, cell: CellSummary) -> str:
    assert cell.mean is not None
    if tested := cell.test_accuracies:
        test = story.say("{accuracy} on the test set").format(
            accuracy=story.numbers.percent(*mean_and_deviation(tested))
        )
    else:
        test = story.say("not yet evaluated on the test set")
    group = story.group(cell.cell)
    settings = story.describe(cell.cell, without=story.best_per)
    if group:
        text = (
            "{accuracy} with {group} ({cell}; {test})"
            if settings
            else "{accuracy} with {group} ({test})"
        )
    else:
        text = "{accuracy} ({cell}; {test})"
    return story.say(text).format(
        accuracy=story.numbers.percent(cell.mean, cell.deviation),
        group=group,
        cell=settings or story.say("its only cell"),
        test=test,
    )


def comparison(story: Story) -> list[str]:
    """Which of the two best groups is better, on validation and on test, and whether by chance."""
    first, second = sorted(story.best, key=lambda cell: cell.mean or 0.0, reverse=True)[:2]
    names = story.name(first), story.name(second)
    verdicts = {value: story.verdict(first, second, value) for value in (ACCURACY, "test_accuracy")}
    return [
        verdict_sentence(story, found, *names, value)
        for value, found in verdicts.items()
        if found.seeds
    ]


def notices(story: Story) -> list[Notice]:
    """What a reader must know before any number: smaller than it should be, unfinished."""
    say = story.say
    found = []
    if story.size in ("smoke", "laptop"):
        found.append(Notice(title=_size_title(story), text=_size_in_words(story)))
    if story.unfinished:
        found.append(
            Notice(
                title=say("This study is not finished"),
                text=say(
                    "{done} of {n} models are finished; the numbers below are those so far. "
                    "This command continues it where it stopped:"
                ).format(done=story.n_done, n=len(story.runs)),
                command=story.command,
            )
        )
    return found


def _size_title(story: Story) -> str:
    say = story.say
    if story.size == "smoke":
        return say("This is the study at its smoke size")
    return say("This is the study at its laptop size")


def _size_in_words(story: Story) -> str:
    """What a study at a smaller size trained on, and for how long."""
    say, numbers, texts = story.say, story.numbers, []
    images, every, epochs = (
        story.train_images,
        story.all_train_images,
        story.record.config.get("epochs"),
    )
    if images is not None and every is not None and isinstance(epochs, int):
        text = say(
            "It trained on {n} of the {all} training images of {data} and validated on {others} "
            "other images; number of epochs: {epochs}."
            if images < every
            else "It trained on all {all} training images of {data} and validated on {others} "
            "other images; number of epochs: {epochs}."
        )
        texts.append(
            text.format(
                n=numbers.integer(images),
                all=numbers.integer(every),
                data=story.dataset,
                others=numbers.integer(story.validation_images or 0),
                epochs=epochs,
            )
        )
    texts.append(
        say("It shows that everything works; its numbers mean nothing.")
        if story.size == "smoke"
        else say(
            "Its numbers are those of this smaller study: the full one (--size full) trains more, "
            "and may rank its cells otherwise."
        )
    )
    return " ".join(texts)
