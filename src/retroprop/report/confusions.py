"""Which classes the final models take for which others, on the test images."""

from collections.abc import Sequence

import numpy as np

from retroprop.figures.confusion import (
    class_accuracies,
    confusion_matrix,
    describe_confusion,
    row_shares,
)
from retroprop.report.document import Block, Paragraph, Picture, Section, Table, row
from retroprop.report.pictures import picture
from retroprop.report.results import cell_label
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import of_all, some_best
from retroprop.studies.summary import CellSummary

MOST_WITH_BARS = 3
"""Models whose bars stand side by side; more are a table."""


def confusion_section(report: StudyReport) -> Section | None:
    """The confusion matrix and the accuracy by class of each final model ("confusion")."""
    if "confusion" not in report.figures:
        return None
    say = report.say
    found = [(cell, counts) for cell in some_best(report) if (counts := _counts(cell)) is not None]
    if not found or report.info is None:
        return None
    classes = report.info.class_names(report.language)
    if any(len(counts) != len(classes) for _, counts in found):
        return None
    text = say(
        "A row holds the test images of one class, a column those that were given to it; on the "
        "diagonal they are right."
    )
    if not report.single:
        text += " " + say("Where a cell has several seeds, their counts are added.")
    if part := of_all(report, len(some_best(report)), len(report.best)):
        text += " " + part
    blocks: list[Block] = [Paragraph(text=text)]
    blocks += [
        _matrix(report, number, cell, counts, classes)
        for number, (cell, counts) in enumerate(found, start=1)
    ]
    blocks.append(_by_class(report, found, classes))
    return Section(name="confusion", heading=say("Which classes are confused"), blocks=blocks)


def _counts(cell: CellSummary) -> np.ndarray | None:
    """The counts of a cell's seeds together; None unless all of them were evaluated."""
    counts = [run.test_confusion for run in cell.runs if run.test_confusion is not None]
    return np.array(counts).sum(0) if len(counts) == cell.n else None


def _matrix(
    report: StudyReport, number: int, cell: CellSummary, counts: np.ndarray, classes: Sequence[str]
) -> Picture:
    say = report.say
    figure = confusion_matrix(counts, classes, language=report.language)
    description = describe_confusion(
        counts, classes, say=say, number=lambda share: report.numbers.percent(share, digits=1)
    )
    caption = say("Confusion matrix of {name}, {n} test images.").format(
        name=report.varied_settings(cell.cell) or say("the model"),
        n=report.numbers.integer(int(counts.sum()) // cell.n),
    )
    return picture(f"confusion-{number}", caption, description, figure, wide=True)


def _by_class(
    report: StudyReport, found: Sequence[tuple[CellSummary, np.ndarray]], classes: Sequence[str]
) -> Picture | Table:
    """Bars for a few models, a table for many."""
    say = report.say
    shares = {cell_label(report, cell): row_shares(counts).diagonal() for cell, counts in found}
    caption = say("Accuracy on the test set by class (%)")
    if len(shares) > MOST_WITH_BARS:
        rows = [
            row(name, *(report.numbers.share(float(of[at]), digits=1) for of in shares.values()))
            for at, name in enumerate(classes)
        ]
        return Table(
            name="class-table",
            caption=caption,
            corner=say("class"),
            columns=list(shares),
            rows=rows,
        )
    figure = class_accuracies(
        {name: of.tolist() for name, of in shares.items()},
        classes,
        language=report.language,
    )
    described = [
        report.named(
            name,
            say("; ").join(
                report.named(one, report.numbers.percent(float(share), digits=1))
                for one, share in zip(classes, of, strict=True)
            ),
        )
        for name, of in shares.items()
    ]
    return picture("class-accuracies", caption, ". ".join(described) + ".", figure)
