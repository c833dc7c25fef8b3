"""The section of a search: its trials from the best on, what decided, and where the best lie."""

from retroprop.errors import UserError
from retroprop.figures.search import (
    MOST_IN_PARALLEL,
    Dimension,
    DrawnTrial,
    best_of,
    best_so_far,
    describe_best_so_far,
    describe_values,
    importance_bars,
    parallel_coordinates,
    slices,
)
from retroprop.languages import say_later
from retroprop.report.document import Block, Cell, Notice, Paragraph, Picture, Section, Table, row
from retroprop.report.pictures import picture
from retroprop.report.study_report import StudyReport, hashable
from retroprop.studies.search import FEWEST_FOR_IMPORTANCE, Trial, importances

FEWEST_IN_PICTURES = 3
"""Ended trials; a picture of two says less than the table."""

_DRAWN = {
    "tpe": say_later(
        "The values of each trial were drawn by TPE (a tree-structured Parzen estimator): at "
        "random at first, then more often where earlier trials did well."
    ),
    "random": say_later("The values of each trial were drawn at random."),
    "grid": say_later(
        "The trials are combinations of the listed values, in an order drawn at random."
    ),
}


def search_section(report: StudyReport) -> Section | None:
    """All of it; None for a study that is no search."""
    if report.search is None:
        return None
    blocks: list[Block] = [Paragraph(text=_how(report)), _table(report)]
    trials = drawn_trials(report)
    if len(trials) >= FEWEST_IN_PICTURES and any(one.accuracy is not None for one in trials):
        blocks.append(_best_so_far(report, trials))
        blocks += _importance(report)
        blocks += _of_values(report, trials)
    return Section(name="search", heading=report.say("The search"), blocks=blocks)


def drawn_trials(report: StudyReport) -> list[DrawnTrial]:
    """The ended trials, as the pictures show them."""
    return [
        DrawnTrial(
            number=trial.number,
            accuracy=None if trial.status == "diverged" else trial.value,
            status=trial.status,
            values={key: hashable(value) for key, value in trial.cell.items()},
        )
        for trial in report.trials
        if all(run.ended for run in trial.runs)
    ]


def range_in_words(report: StudyReport, key: str) -> str:
    """What a setting was drawn from: "64, 128", or "1e-4 to 0.1 (logarithmic)"."""
    say, one = report.say, report.ranges[key]
    if one.choices is not None:
        return report.joined([report.setting(key, value) for value in one.choices], say(", "))
    text = say("{low} to {high}").format(
        low=report.setting(key, one.low), high=report.setting(key, one.high)
    )
    if one.step is not None:
        step = report.numbers.setting(one.step)
        return say("{range} in steps of {step}").format(range=text, step=step)
    return say("{range} (logarithmic)").format(range=text) if one.log else text


def _how(report: StudyReport) -> str:
    """How trials are drawn and ended, and what their best accuracy is not."""
    say, search = report.say, report.search
    assert search is not None
    sentences = [say(_DRAWN[search.sampler]), say("The seed of the search is {seed}.")]
    sentences[1] = sentences[1].format(seed=search.seed)
    if search.seconds is not None:
        text = say(
            "No round of {n} trials began after {s} seconds of work: a faster machine makes more "
            "trials."
        )
        sentences.append(text.format(n=search.parallel, s=report.numbers.integer(search.seconds)))
    elif len(report.trials) > 1:
        text = say(
            "Rounds of {n} trials were drawn together, so the trials do not depend on how many "
            "processes trained them."
        )
        sentences.append(text.format(n=search.parallel))
    pruned = sum(trial.status == "pruned" for trial in report.trials)
    if search.pruning == "median":
        text = say(
            "A trial was pruned when its best accuracy so far was below the median of the finished "
            "trials of earlier rounds at the same epoch: {n} of {all} were."
        )
        sentences.append(text.format(n=pruned, all=len(report.trials)))
    elif search.pruning == "halving":
        text = say(
            "By successive halving a trial was pruned when, at an epoch where trials are compared, "
            "it was not in the better half of all that had come so far: {n} of {all} were."
        )
        sentences.append(text.format(n=pruned, all=len(report.trials)))
    if len(report.trials) > 1:
        sentences.append(
            say(
                "The best of many validation accuracies is a little too high by selection alone; "
                "the test set, used once, does not have this flaw."
            )
        )
    return " ".join(sentences)


def _table(report: StudyReport) -> Table:
    """All trials: the finished ones from the best on, then the others."""
    say = report.say
    order = {"finished": 0, "pruned": 1, "diverged": 2}
    ranked = sorted(
        report.trials,
        key=lambda one: (order.get(one.status, 3), -(one.value or 0.0), one.number),
    )
    best = report.best_cell
    marked = None if best is None else best.runs[0].id
    keys = list(report.ranges)
    rows = [
        row(
            str(trial.number),
            *(report.setting(key, hashable(trial.cell.get(key)), short=True) for key in keys),
            str(max((run.epochs[-1].epoch for run in trial.runs if run.epochs), default=0)),
            _accuracy(report, trial, best=trial.runs[0].id == marked),
            _status(report, trial),
        )
        for trial in ranked
    ]
    notes = [say("Each number leads to its models, which are listed at the end.")]
    if any(trial.status == "pruned" for trial in report.trials):
        notes.insert(
            0,
            say("The accuracy of a pruned trial is its best one so far, after fewer epochs."),
        )
    words = [at for at, key in enumerate(keys) if isinstance(report.runs[0].cell.get(key), str)]
    return Table(
        name="trials-table",
        caption=say("All trials, from the best on; best validation accuracy in %"),
        corner=say("trial"),
        columns=[
            *(report.setting_name(key) for key in keys),
            say("epochs"),
            say("validation"),
            say("status"),
        ],
        rows=rows,
        notes=notes,
        words=[*words, len(keys) + 2],
    )


def _accuracy(report: StudyReport, trial: Trial, *, best: bool) -> Cell:
    link = f"run-{trial.runs[0].id}"
    if trial.status == "diverged" or trial.value is None:
        return Cell(text="—", mark="absent", spoken=report.say("none"), link=link)
    text = report.numbers.share(trial.value)
    if best:
        return Cell(text=text, mark="best", spoken=report.say("best"), link=link)
    return Cell(text=text, link=link)


def _status(report: StudyReport, trial: Trial) -> str:
    return {
        "finished": report.say("finished"),
        "pruned": report.say("pruned"),
        "diverged": report.say("diverged"),
    }.get(trial.status, report.say("not finished"))


def _best_so_far(report: StudyReport, trials: list[DrawnTrial]) -> Picture:
    description = describe_best_so_far(trials, say=report.say, number=report.numbers.percent)
    caption = report.say("Accuracy of each trial, and the best so far (line).")
    figure = best_so_far(trials, language=report.language)
    return picture("search-best", caption, description, figure, half=True)


def _importance(report: StudyReport) -> list[Block]:
    """How much each setting decided, where there are trials enough to say so."""
    say = report.say
    if len(report.ranges) < 2:
        return []
    try:
        shares = importances(report.ranges, report.trials)
    except UserError as error:
        return [Notice(title=say("The importance of the settings is not shown"), text=str(error))]
    if not shares:
        text = say("The importance of the settings is estimated from {n} trials on.")
        return [Paragraph(text=text.format(n=FEWEST_FOR_IMPORTANCE))]
    named = {report.setting_name(key): share for key, share in shares.items()}
    items = [
        say("{name}: {cell}").format(name=name, cell=report.numbers.percent(share, digits=0))
        for name, share in named.items()
    ]
    caption = say("Importance of each setting for being among the best quarter of the trials.")
    text = say(
        "Importance is estimated by PED-ANOVA: how differently the best quarter of the trials and "
        "all trials are distributed over the values of a setting, as shares of their sum. Pruned "
        "trials count by the best that they reached. With {n} trials it is a hint, not a "
        "measurement: it says nothing of combinations, and another seed may order it otherwise."
    ).format(n=len(report.trials))
    figure = importance_bars(named, language=report.language)
    description = say("; ").join(items) + "."
    drawn = picture("search-importance", caption, description, figure, half=True)
    return [drawn, Paragraph(text=text)]


def _of_values(report: StudyReport, trials: list[DrawnTrial]) -> list[Block]:
    """The settings of all trials side by side, and one by one."""
    say, dimensions = report.say, _dimensions(report)
    described = describe_values(
        dimensions,
        trials,
        say=say,
        name=lambda key, value: report.setting(key, value, short=True),
    )
    blocks: list[Block] = []
    if len(dimensions) > 1:
        caption = say(
            "Parallel coordinates: each line is a trial, from its settings to its accuracy. The "
            "best trial is thick with stars, the best quarter dark, pruned trials are dashed."
        )
        if len(dimensions) > MOST_IN_PARALLEL:
            part = say("{n} of {all} settings are drawn.")
            caption += " " + part.format(n=MOST_IN_PARALLEL, all=len(dimensions))
        figure = parallel_coordinates(dimensions, trials, language=report.language)
        blocks.append(picture("search-parallel", caption, described, figure))
    best = best_of(trials)
    if best is not None:
        settings = report.describe({key: best.values[key] for key in report.ranges})
        text = say("The best trial, {n}, has {settings}.").format(n=best.number, settings=settings)
        described = f"{described} {text}"
    caption = say(
        "Slices: the accuracy of each trial against the value of each setting; the other settings "
        "differ from dot to dot."
    )
    figure = slices(dimensions, trials, language=report.language)
    blocks.append(picture("search-slices", caption, described, figure))
    return blocks


def _dimensions(report: StudyReport) -> list[Dimension]:
    found = []
    for key, one in report.ranges.items():
        name = report.setting_name(key)
        if one.choices is None:
            dimension = Dimension(key=key, name=name, low=one.low, high=one.high, log=one.log)
        else:
            choices = [hashable(list(v) if isinstance(v, tuple) else v) for v in one.choices]
            labels = [report.setting(key, value, short=True) for value in choices]
            dimension = Dimension(key=key, name=name, choices=choices, labels=labels)
        found.append(dimension)
    return found
