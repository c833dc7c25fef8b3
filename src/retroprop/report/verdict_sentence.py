"""The sentence about which of two accuracies is better: the same in every report and lab.

It says by how much, and what the verdict rests on: the paired t-test over the seeds, or with one
seed what the choice of the images leaves to chance.
"""

from retroprop.report.study_report import StudyReport
from retroprop.studies.summary import ACCURACY, Verdict


def verdict_sentence(
    report: StudyReport, found: Verdict, first: str, second: str, value: str = ACCURACY
) -> str:
    """Which of two cells is better, and whether that is more than chance.

    Args:
        report: For the words.
        found: The verdict on the first against the second.
        first: The name of the first.
        second: The name of the second.
        value: The accuracy that was compared, as in RunRecord.
    """
    say = report.say
    if found.basis == "seeds":
        text = (
            "{where}, {better} is above {worse}: over {seeds}, the paired difference is {points} "
            "(95 % confidence interval of the paired t-test), which excludes 0."
            if found.distinguishable
            else "{where}, {better} and {worse} are not distinguishable with {seeds}: the paired "
            "difference is {points} (95 % confidence interval of the paired t-test), which "
            "includes 0."
        )
    elif report.points(abs(found.difference)) == report.points(0.0):
        text = "{where}, {better} and {worse} reach the same accuracy."
    elif found.basis == "images":
        text = (
            "{where}, {better} is {points} above {worse}: more than the {margin} that {n} images "
            "leave to chance (95 %, binomial), but one seed has no spread."
            if found.distinguishable
            else "{where}, {better} is {points} above {worse}, which may be chance: {n} images "
            "alone leave {margin} to it (95 %, binomial), and one seed has no spread."
        )
    else:
        text = (
            "{where}, {better} is {points} above {worse}, but one seed has no spread: which is "
            "better cannot be said."
        )
    better, worse = (first, second) if found.difference >= 0 else (second, first)
    interval = found.margin if found.basis == "seeds" else None
    return say(text).format(
        where=say("On the test set" if value == "test_accuracy" else "On validation"),
        better=better,
        worse=worse,
        seeds=report.seeds(found.seeds),
        points=report.points(abs(found.difference), interval),
        margin=report.points(found.margin or 0.0),
        n=report.numbers.integer(found.images or 0),
    )


def trained_otherwise(first: StudyReport, second: StudyReport) -> str:
    """Why two studies are not compared: they trained on other data; "" where on the same."""
    if first.data == second.data:
        return ""
    return first.say(
        "They are not compared: the study {first} trained on {n} images of {data}, and the study "
        "{second} on {m} of {other}."
    ).format(
        first=first.record.study,
        n=_images(first),
        data=first.dataset,
        second=second.record.study,
        m=_images(second),
        other=second.dataset,
    )


def _images(report: StudyReport) -> str:
    """How many images an epoch goes through, in digits."""
    return "?" if report.train_images is None else report.numbers.integer(report.train_images)


def other_epochs(first: StudyReport, second: StudyReport) -> str:
    """That two studies trained for other numbers of epochs; "" where for as many."""
    if first.epochs == second.epochs:
        return ""
    return first.say(
        "The study {first} trained for {n} epochs and the study {second} for {m}, which may be "
        "part of the difference."
    ).format(first=first.record.study, n=first.epochs, second=second.record.study, m=second.epochs)
