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
from retroprop.report.searched import search_section
from retroprop.report.study_report import StudyReport
from retroprop.report.verdict_sentence import verdict_sentence
from retroprop.report.words import MOST_LISTED
from retroprop.studies.summary import ACCURACY, CellSummary, mean_and_deviation


def compose(report: StudyReport) -> Document:
    """Write the report of a study run.

    Raises:
        UserError: If no model has been trained for a single epoch yet.
    """
    if not report.begun:
        raise UserError(
            f"the study run {report.record.id} has no finished epoch yet, so there is nothing to "
            f"report; train it first: {report.command}"
        )
    say = report.say
    sections = [
        trained_section(report),
        answers_section(report),
        search_section(report),
        tables_section(report),
        curves_section(report),
        *influence_sections(report),
        pairs_section(report),
        gradients_section(report),
        speed_section(report),
        costs_section(report),
        test_section(report),
        confusion_section(report),
        weights_section(report),
        time_section(report),
        setting_section(report),
        models_section(report),
    ]
    return Document(
        language=report.language,
        title=report.title(),
        subtitle=subtitle(report),
        summary=summary(report),
        notices=notices(report),
        sections=[section for section in sections if section is not None],
        footer=say("Made by retroprop {version} from the records of {id}.").format(
            version=__version__, id=report.record.id
        ),
        labels={"skip": say("Skip to the results")},
    )


def subtitle(report: StudyReport) -> str:
    """Where the study comes from, and its data."""
    source = report.configured("source")
    return f"{source} · {report.dataset}" if source else report.dataset


def summary(report: StudyReport) -> list[str]:
    """What came out, in one sentence, then what may be said of the two best groups."""
    say = report.say
    if not report.best:
        if report.single:
            text = (
                "The only model, trained on {data}, is not finished yet."
                if report.unfinished
                else "The only model, trained on {data}, diverged: its numbers stopped being "
                "finite."
            )
            return [say(text).format(data=_data(report))]
        return [no_best_cell(report)]
    items = [_best_in_words(report, cell) for cell in report.best]
    spread = report.spread(max(cell.n for cell in report.best))
    opening = say(
        "So far, of {n} models planned on {data}, the best cell reaches a validation accuracy "
        "({spread}) of {items}."
        if report.unfinished
        else "The only model, trained on {data}, reaches a validation accuracy ({spread}) of "
        "{items}."
        if report.single
        else "{n} models trained on {data} reach validation accuracies ({spread}) of {items}."
        if report.alone
        else "Of {n} models trained on {data}, the best cell reaches a validation accuracy "
        "({spread}) of {items}."
    )
    if report.search is not None:
        opening = say(
            "So far, of {n} trials on {data}, the best reaches a validation accuracy ({spread}) of "
            "{items}."
            if report.unfinished
            else "Of {n} trials on {data}, the best reaches a validation accuracy ({spread}) of "
            "{items}."
        )
    joined = items[0]
    if len(items) > MOST_LISTED:
        joined = report.joined(items, say("; "))
    elif len(items) > 1:
        joined = say("{first} and {last}").format(first=say("; ").join(items[:-1]), last=items[-1])
    lines = [
        opening.format(
            n=report.numbers.integer(len(report.trials) or len(report.runs)),
            data=_data(report),
            items=joined,
            spread=spread,
        )
    ]
    diverged = sum(run.status == "diverged" for run in report.runs)
    if diverged and report.by_trainer:
        text = say("{k} of {n} models diverged." if diverged > 1 else "1 of {n} models diverged.")
        lines.append(text.format(k=diverged, n=len(report.runs)))
    if len(report.best) > 1 and report.unfinished:
        lines.append(say("The best cells are compared once the study is finished."))
    elif len(report.best) > 1:
        lines += comparison(report)
    return lines


def no_best_cell(report: StudyReport) -> str:
    """Why a study has no best cell."""
    if report.search is not None:
        return report.say(
            "No trial has finished all its epochs without diverging, so there is no best one yet."
            if report.unfinished
            else "No trial finished all its epochs without diverging, so there is no best one."
        )
    return report.say(
        "No cell of the grid has all its seeds finished without diverging, so there is no best "
        "cell yet."
        if report.unfinished
        else "In every cell of the grid at least one seed diverged, so there is no best cell."
    )


def _data(report: StudyReport) -> str:
    """The data set, and how many of its training images were used when not all were."""
    part = report.part_of_images()
    text = report.say("{data} (on {n} of the {all} training images)")
    return text.format(data=report.dataset, **part) if part else report.dataset


def _best_in_words(report: StudyReport, cell: CellSummary) -> str:
    assert cell.mean is not None
    if tested := cell.test_accuracies:
        test = report.say("{accuracy} on the test set").format(
            accuracy=report.numbers.percent(*mean_and_deviation(tested))
        )
    else:
        test = report.say("not yet evaluated on the test set")
    group = report.group(cell.cell)
    settings = report.describe(cell.cell, without=report.best_per)
    if group:
        text = (
            "{accuracy} with {group} ({cell}; {test})"
            if settings
            else "{accuracy} with {group} ({test})"
        )
    else:
        text = "{accuracy} ({cell}; {test})"
    return report.say(text).format(
        accuracy=report.numbers.percent(cell.mean, cell.deviation),
        group=group,
        cell=settings or report.say("its only cell"),
        test=test,
    )


def comparison(report: StudyReport) -> list[str]:
    """Which of the two best groups is better, on validation and on test, and whether by chance."""
    first, second = sorted(report.best, key=lambda cell: cell.mean or 0.0, reverse=True)[:2]
    names = report.name(first), report.name(second)
    verdicts = {
        value: report.verdict(first, second, value) for value in (ACCURACY, "test_accuracy")
    }
    return [
        verdict_sentence(report, found, *names, value)
        for value, found in verdicts.items()
        if found.seeds
    ]


def notices(report: StudyReport) -> list[Notice]:
    """What a reader must know before any number: smaller than it should be, unfinished."""
    say = report.say
    found = []
    if report.size in ("smoke", "laptop"):
        found.append(Notice(title=_size_title(report), text=_size_in_words(report)))
    if report.unfinished:
        found.append(
            Notice(
                title=say("This study is not finished"),
                text=say(
                    "Models finished: {done} of {n}; the numbers below are those so far. "
                    "This command continues it where it stopped:"
                ).format(done=report.n_done, n=report.n_planned),
                command=report.command,
            )
        )
    return found


def _size_title(report: StudyReport) -> str:
    say = report.say
    if report.size == "smoke":
        return say("This is the study at its smoke size")
    return say("This is the study at its laptop size")


def _size_in_words(report: StudyReport) -> str:
    """What a study at a smaller size trained on, and for how long."""
    say, numbers, texts = report.say, report.numbers, []
    images, every, epochs = (
        report.train_images,
        report.all_train_images,
        report.record.config.get("epochs"),
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
                data=report.dataset,
                others=numbers.integer(report.validation_images or 0),
                epochs=epochs,
            )
        )
    texts.append(
        say("It shows that everything works; its numbers mean nothing.")
        if report.size == "smoke"
        else say(
            "Its numbers are those of this smaller study: the full one (--size full) trains more, "
            "and may rank its cells otherwise."
        )
    )
    return " ".join(texts)
