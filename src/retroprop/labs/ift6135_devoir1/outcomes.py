"""What each value of a setting came to: its ranking, its course over the epochs, its settings."""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any, Literal

from retroprop.labs.ift6135_devoir1.tables import facts
from retroprop.report.answers import influence
from retroprop.report.document import Block, Cell, Paragraph, Table
from retroprop.report.lab_report import LabReport
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import variations
from retroprop.studies.records import RunRecord
from retroprop.studies.schema import load_study
from retroprop.studies.summary import CellSummary, curve

Course = Literal["diverged", "unfinished", "guessing", "unsteady", "overfits", "improving", "level"]

JUMP = 1.05
"""A validation loss that is so many times that of the epochs before and after has jumped."""

TURNED = 1.02
"""A validation loss that ends above its lowest by this factor has turned."""

DOCUMENT_EPOCHS, DOCUMENT_IMAGES = 15, 45_000
"""Of the answers that the document shows."""


def scale(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """How much the study trained, beside what the document's answers trained."""
    numbers, full = lab.numbers, load_study(report.record.study)
    images, every = report.train_images, report.all_train_images
    epochs = report.record.config.get("epochs")
    if images is None or every is None or not isinstance(epochs, int):
        return
    yield lab.prose(
        "{images} of the {all} training images, {epochs} ({full} in the full study), "
        "{seeds}, {validation} validation images. Such a study shows large effects: values "
        "that learn nothing, and costs. It does not show the accuracies of a full training, "
        "and small differences may go the other way there."
        if images < every
        else "All {all} training images, {epochs} ({full} in the full study), {seeds}, "
        "{validation} validation images.",
        title="How much was trained",
        images=numbers.integer(images),
        all=numbers.integer(every),
        epochs=_epochs(lab, epochs),
        full=numbers.integer(full.epochs),
        seeds=report.seeds(len({run.seed for run in report.runs})),
        validation=numbers.integer(report.validation_images or 0),
    )


def _epochs(lab: LabReport, n: int) -> str:
    return lab.say("{n} epoch" if n == 1 else "{n} epochs").format(n=lab.numbers.integer(n))


def ranking(lab: LabReport, report: StudyReport, *keys: str) -> Iterator[Block]:
    """Which value of each setting is best, by how much, and whether that is more than noise."""
    found = False
    for key in keys:
        for variation in variations(report, key):
            text = influence(report, variation)
            if text:
                found = True
                name = report.setting_name(key)
                title = lab.say("So far, {name}") if report.unfinished else "{name}"
                title = title.format(name=name)
                yield Paragraph(title=title[:1].upper() + title[1:], text=text)
    if not found and report.best_cell is None:
        yield lab.prose(
            "No model has finished all its epochs without diverging, so nothing can be ranked yet."
        )


def complete_cells(report: StudyReport, key: str) -> dict[Any, CellSummary]:
    """The complete cells by their value, of a study that varies one setting."""
    return {cell.cell[key]: cell for cell in report.cells if cell.mean is not None}


def course(report: StudyReport, runs: Sequence[RunRecord]) -> Course:
    """What the epochs of a cell show."""
    guess = 1 / len(report.info.classes) if report.info is not None else None
    return course_of(runs, guess=guess, images=report.validation_images)


def course_of(runs: Sequence[RunRecord], *, guess: float | None, images: int | None) -> Course:
    """What the epochs of some models show; the first that applies.

    Args:
        runs: The seeds of one cell.
        guess: The accuracy of guessing, where it is known.
        images: How many images validate, where that is known.
    """
    if any(run.status == "diverged" for run in runs):
        return "diverged"
    if any(run.status != "finished" for run in runs):
        return "unfinished"
    accuracy = curve(runs, "validation_accuracy").without_epoch_0().mean
    loss = curve(runs, "validation_loss").without_epoch_0().mean
    train = curve(runs, "train_loss").without_epoch_0().mean
    # the best of several epochs is above chance by luck: three deviations, not two
    if accuracy and guess and images:
        deviation = sqrt(guess * (1 - guess) / images)
        if max(accuracy) <= guess + 3 * deviation:
            return "guessing"
    if _jumps(loss) > 1:
        return "unsteady"
    if loss and len(train) == len(loss):
        lowest = loss.index(min(loss))
        if loss[-1] > TURNED * loss[lowest] and train[-1] < train[lowest]:
            return "overfits"
        if lowest == len(loss) - 1:
            return "improving"
    return "level"


def _jumps(loss: Sequence[float]) -> int:
    """How often a loss leaves its course for one epoch and comes back.

    >>> _jumps([2.0, 1.8, 2.5, 1.7, 1.8, 1.9])
    1
    """
    triples = zip(loss, loss[1:], loss[2:], strict=False)
    return sum(one > JUMP * before and one > JUMP * after for before, one, after in triples)


def course_in_words(lab: LabReport, found: Course) -> str:
    """A course for a cell of a table."""
    say = lab.say
    return {
        "diverged": say("diverged"),
        "unfinished": say("not finished"),
        "guessing": say("no better than guessing"),
        "unsteady": say("unsteady"),
        "overfits": say("overfits"),
        "improving": say("still improving"),
        "level": say("levelled off"),
    }[found]


def outcome_table(lab: LabReport, report: StudyReport, key: str) -> Table:
    """For each value of the one varied setting what it reached, and what its epochs show."""
    say, best = lab.say, report.best_cell
    rows = []
    for cell in report.cells:
        runs = cell.runs
        marked = best is not None and cell.key == best.key
        missing = Cell(text="—", mark="absent", spoken=say("none"))
        accuracy = missing
        if cell.mean is not None:
            accuracy = Cell(
                text=lab.numbers.share(cell.mean, cell.deviation),
                mark="best" if marked else "",
                spoken=say("best") if marked else "",
                link=report.anchor(cell),
            )
        rows.append(
            (
                report.setting(key, cell.cell.get(key)),
                [
                    accuracy,
                    *(
                        _last(lab, runs, metric)
                        for metric in ("train_accuracy", "validation_loss", "train_loss")
                    ),
                    course_in_words(lab, course(report, runs)),
                ],
            )
        )
    notes = [
        say(
            "The last column applies the same rules to every value: no better than guessing means "
            "within three standard deviations of it; jumps are two epochs or more whose "
            "validation loss is 5 % above those of both neighbours; overfitting is a validation "
            "loss that ends 2 % or more above its lowest while the train loss has fallen on."
        )
    ]
    if best is not None:
        notes.append(say("★ marks the best value so far.") if report.unfinished else "")
    return facts(
        f"outcome-{key.replace('_', '-')}",
        say("What each value reached"),
        report.setting_name(key),
        [
            say("best validation accuracy (%)"),
            say("train accuracy, last epoch (%)"),
            say("validation loss, last epoch"),
            say("train loss, last epoch"),
            say("what the curves show"),
        ],
        rows,
        words=(4,),
        notes=[note for note in notes if note],
    )


def _last(lab: LabReport, runs: Sequence[RunRecord], metric: str) -> str:
    line = curve(runs, metric).without_epoch_0()
    if not line.mean:
        return "—"
    last = line.mean[-1]
    return lab.numbers.share(last) if metric.endswith("accuracy") else lab.numbers.decimal(last, 3)


def tested(lab: LabReport, report: StudyReport) -> Iterator[Block]:
    """The accuracy on the test images of the best cell, where it was measured."""
    best = report.best_cell
    accuracies = [run.test_accuracy for run in best.runs] if best is not None else []
    known = [one for one in accuracies if one is not None]
    if best is None or not known or len(known) < best.n or report.info is None:
        return
    yield lab.prose(
        "Chosen on validation, {cell} was tested once: {accuracy} of the {n} test images are "
        "right.",
        cell=report.describe({key: best.cell[key] for key in report.varied if key in best.cell})
        or lab.say("the model"),
        accuracy=lab.numbers.percent(sum(known) / len(known)),
        n=lab.numbers.integer(report.info.n_test),
    )


def hyperparameters(lab: LabReport, report: StudyReport, run: RunRecord) -> Table:
    """Everything that was chosen for one run, searched or not."""
    say = lab.say
    searched, fixed = say("searched"), say("fixed")
    rows = []
    for key, value in run.settings.items():
        if key in ("kind", "derivation") or value is None or _idle(key, value, run.settings):
            continue
        varied = key in report.varied or key in report.ranges
        rows.append(
            (
                report.setting_name(key),
                [report.setting(key, value), searched if varied else fixed],
            )
        )
    rows += [
        (say("epochs"), [str(report.record.config.get("epochs", "—")), fixed]),
        (say("seed"), [str(run.seed), fixed]),
        (
            say("training images"),
            [lab.numbers.integer(report.train_images) if report.train_images else "—", fixed],
        ),
        (
            say("parameters of a model"),
            [lab.numbers.integer(run.parameters) if run.parameters else "—", ""],
        ),
    ]
    return facts(
        "hyperparameters",
        say("All hyperparameters of the best model, run {id}").format(id=run.id),
        say("setting"),
        [say("value"), say("how it was chosen")],
        rows,
        words=(0, 1),
    )


def _idle(key: str, value: Any, settings: dict[str, Any]) -> bool:
    """Whether a setting had no part in the training."""
    if key == "momentum":
        return settings.get("optimizer") not in ("momentum", "nesterov")
    return key in ("label_smoothing", "drop_rate") and value == 0


def beside_published(lab: LabReport, report: StudyReport, published: float) -> Iterator[Block]:
    """The best accuracy beside that of the document, and what differs in the conditions."""
    best = report.best_cell
    if best is None or best.mean is None or report.train_images is None:
        return
    epochs = report.record.config.get("epochs") or 0
    small = report.train_images < (report.all_train_images or 0) or epochs < DOCUMENT_EPOCHS
    difference = best.mean - published
    if small:
        text = (
            "The document reports {published} on validation after {document} epochs on all {all} "
            "training images; ours is {ours}, with {images} images and {epochs}. That is "
            "{share} of the images that passed in its training, so the two numbers do not compare "
            "the networks."
        )
    elif difference >= 0:
        text = (
            "The document reports {published} on validation after {document} epochs; ours is "
            "{ours}, {difference} above it, with {images} images and {epochs}."
        )
    else:
        text = (
            "The document reports {published} on validation after {document} epochs; ours is "
            "{ours}, {difference} below it, with {images} images and {epochs}."
        )
    seen = report.train_images * epochs
    yield lab.prose(
        text,
        published=lab.numbers.percent(published, digits=1),
        document=DOCUMENT_EPOCHS,
        all=lab.numbers.integer(DOCUMENT_IMAGES),
        ours=lab.numbers.percent(best.mean),
        images=lab.numbers.integer(report.train_images),
        epochs=_epochs(lab, epochs),
        share=lab.numbers.percent(seen / (DOCUMENT_IMAGES * DOCUMENT_EPOCHS), digits=1),
        difference=report.points(abs(difference)),
    )
