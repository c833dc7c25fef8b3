"""Part 2 beside the document's own run: its tables, its test accuracies, its three hours."""

from collections.abc import Iterator

from retroprop.labs.inf8225_tp1 import published
from retroprop.labs.inf8225_tp1.answers_search import CAPACITY_GAP
from retroprop.labs.inf8225_tp1.one_optimizer import of_optimizer, without_optimizer
from retroprop.report.document import Block, Cell, Paragraph, Row, Table
from retroprop.report.lab_report import Answer, LabReport
from retroprop.report.study_report import StudyReport
from retroprop.report.verdict_sentence import other_epochs, trained_otherwise
from retroprop.studies.summary import CellSummary, Verdict, mean_and_deviation, verdict_of_images

LOGISTIC, NETWORKS = "inf8225-logistic", "inf8225-mlp"
WELL_FITTED = 0.95  # of the training images


def _same_setting(report: StudyReport) -> bool:
    """Whether the study trained on what the document did: all images, five epochs."""
    return report.size == "full" and report.train_images == report.all_train_images


def beside(optimizer: str) -> Answer:
    """Our validation table minus the document's, and whether chance explains the differences."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = of_optimizer(lab.study(LOGISTIC), optimizer)
        pairs = _pairs(report, optimizer)
        if not pairs or report.unfinished:
            return
        title = lab.say("Beside the document’s own run")
        yield Paragraph(title=title, text=" ".join(_sentences(report, optimizer, pairs)))
        yield _differences(lab, report, pairs)

    return answer


def _pairs(report: StudyReport, optimizer: str) -> list[tuple[CellSummary, float]]:
    """Our cells that the document has too, each with the document's accuracy."""
    found = []
    for cell in report.cells:
        theirs = published.validation(
            optimizer, cell.cell.get("learning_rate", 0), cell.cell.get("batch_size", 0)
        )
        if theirs is not None and cell.mean is not None:
            found.append((cell, theirs))
    return found


def _verdict(report: StudyReport, cell: CellSummary, theirs: float) -> Verdict:
    """Our accuracy against the document's, on other images: only their number can be judged."""
    return verdict_of_images(cell.mean or 0.0, theirs, report.validation_images)


def _sentences(
    report: StudyReport, optimizer: str, pairs: list[tuple[CellSummary, float]]
) -> Iterator[str]:
    say, numbers = report.say, report.numbers
    near = [cell for cell, p in pairs if not _verdict(report, cell, p).distinguishable]
    yield say(
        "The document trained one model per cell, on another random split; how it scaled the "
        "pixels is cut off in its print. In {k} of the {n} cells our mean is as close to its "
        "number as two sets of {images} images leave to chance (95 %, binomial)."
    ).format(k=len(near), n=len(pairs), images=numbers.integer(report.validation_images or 0))
    best = report.best_cell
    assert best is not None
    rate, size = published.BEST[optimizer]
    ours_too = best.cell.get("learning_rate") == rate and best.cell.get("batch_size") == size
    text = say(
        "Its best cell is ours too: {theirs} there, {ours} here."
        if ours_too
        else "Its best cell is another one, learning rate {rate} and batch size {size}: {theirs} "
        "there, {there} here, where {cell} reaches {ours}."
    )
    same = [(cell, p) for cell, p in pairs if cell.cell == {**cell.cell, **_place(rate, size)}]
    yield text.format(
        rate=numbers.setting(rate),
        size=size,
        theirs=numbers.percent(published.validation(optimizer, rate, size) or 0.0),
        there=numbers.percent(same[0][0].mean or 0.0, same[0][0].deviation) if same else "—",
        cell=without_optimizer(report, best),
        ours=numbers.percent(best.mean or 0.0, best.deviation),
    )
    again = published.TRAINED_AGAIN[optimizer] / 100
    first = published.validation(optimizer, rate, size) or 0.0
    yield say(
        "Trained a second time in the document, with another split and other weights, that cell "
        "had {again}, {points} less: one model and one split are a noisy measure, and the best of "
        "twelve such numbers is probably a lucky one."
    ).format(again=numbers.percent(again), points=report.points(first - again))
    if elsewhere := _printed_elsewhere(report, optimizer):
        yield elsewhere
    if not _same_setting(report):
        yield say("Our study is smaller than the document’s: its numbers do not compare directly.")


def _place(rate: float, size: int) -> dict[str, float]:
    return {"learning_rate": rate, "batch_size": size}


def _printed_elsewhere(report: StudyReport, optimizer: str) -> str:
    """Cells where the document's table and its printed training disagree."""
    say, numbers = report.say, report.numbers
    items = [
        say("{cell}: {table} in the table, {log} in the output").format(
            cell=report.describe({"learning_rate": rate, "batch_size": size}),
            table=numbers.percent(published.validation(name, rate, size) or 0.0),
            log=numbers.percent(log / 100),
        )
        for (name, rate, size), log in published.PRINTED_ELSEWHERE.items()
        if name == optimizer
    ]
    if not items:
        return ""
    text = say(
        "In some cells the document’s table is not what its output above it printed ({items}); we "
        "compare with the table."
    )
    return text.format(items=say("; ").join(items))


def _differences(
    lab: LabReport, report: StudyReport, pairs: list[tuple[CellSummary, float]]
) -> Table:
    rates, sizes = report.values("learning_rate"), report.values("batch_size")
    by_place = {
        (cell.cell["learning_rate"], cell.cell["batch_size"]): (cell, p) for cell, p in pairs
    }
    rows = []
    for rate in rates:
        cells = []
        for size in sizes:
            found = by_place.get((rate, size))
            if found is None:
                cells.append(Cell(text="—", mark="absent", spoken=lab.say("not in both")))
                continue
            cell, theirs = found
            verdict = _verdict(report, cell, theirs)
            sign = "+" if verdict.difference > 0 else ""
            text = sign + lab.numbers.share(verdict.difference)
            cells.append(Cell(text=text + (" ≠" if verdict.distinguishable else "")))
        rows.append(Row(header=report.setting("learning_rate", rate), cells=cells))
    return Table(
        name="beside",
        caption=lab.say("Our mean less the document’s number, in percentage points"),
        corner=report.setting_name("learning_rate"),
        across=report.setting_name("batch_size"),
        columns=[report.setting("batch_size", size) for size in sizes],
        rows=rows,
        notes=[
            lab.say(
                "≠: farther apart than the choice of the validation images leaves to chance "
                "(95 %, binomial)."
            )
        ],
    )


def test_beside(optimizer: str) -> Answer:
    """Our test accuracy beside the document's, which tested the model of the last epoch."""

    def answer(lab: LabReport) -> Iterator[Block]:
        report = of_optimizer(lab.study(LOGISTIC), optimizer)
        best = report.best_cell
        tested = best.test_accuracies if best is not None else []
        if not tested or report.info is None:
            return
        mean, deviation = mean_and_deviation(tested)
        theirs = published.TEST[optimizer] / 100
        found = verdict_of_images(mean, theirs, report.test_images)
        text = lab.say(
            "The document’s {name} model has {theirs} on the same {n} test images; ours {ours}, "
            "{points} more, which is larger than the {margin} that these images leave to chance "
            "(95 %, binomial)."
            if found.sign > 0
            else "The document’s {name} model has {theirs} on the same {n} test images; ours "
            "{ours}, {points} less, which is larger than the {margin} that these images leave to "
            "chance (95 %, binomial)."
            if found.sign < 0
            else "The document’s {name} model has {theirs} on the same {n} test images; ours "
            "{ours}. The difference, {points}, is within the {margin} that these images leave to "
            "chance (95 %, binomial)."
        )
        reference = lab.say(
            "Its best_model is a reference to the live model, so it tested the last epoch; ours "
            "tests a copy of the best one."
        )
        yield Paragraph(
            title=lab.say("Beside the document’s own run"),
            text=" ".join(
                [
                    text.format(
                        name=lab.numbers.setting(optimizer),
                        theirs=lab.numbers.percent(theirs),
                        n=lab.numbers.integer(report.info.n_test),
                        ours=lab.numbers.percent(mean, deviation),
                        points=report.points(abs(found.difference)),
                        margin=report.points(found.margin or 0.0),
                    ),
                    reference,
                ]
            ),
        )

    return answer


def analysis(lab: LabReport) -> Iterator[Block]:
    """What the whole of part 2 shows, and what it cost."""
    report = lab.study(LOGISTIC)
    parts = {name: of_optimizer(report, name) for name in ("sgd", "adam")}
    best = {name: part.best_cell for name, part in parts.items()}
    if report.unfinished or None in best.values():
        yield Paragraph(text=lab.say("The analysis is written once the study is finished."))
        return
    yield Paragraph(text=_sensitivity(lab, parts))
    yield Paragraph(title=lab.say("Cost"), text=" ".join(_cost(lab, report)))


def _sensitivity(lab: LabReport, parts: dict[str, StudyReport]) -> str:
    """Which optimizer depends less on its settings: the spread between best and worst cell."""
    spreads = {}
    for name, part in parts.items():
        means = [cell.mean for cell in part.cells if cell.mean is not None]
        spreads[name] = max(means) - min(means)
    report = next(iter(parts.values()))
    narrow, wide = sorted(spreads, key=lambda name: spreads[name])
    lost = sum(cell.diverged > 0 for part in parts.values() for cell in part.cells)
    text = lab.say(
        "Between the best and the worst cell of the grid lie {narrow_points} with {narrow} and "
        "{wide_points} with {wide}: on this grid {narrow} depends less on its settings."
        if spreads[wide] > spreads[narrow]
        else "Between the best and the worst cell of the grid lie {narrow_points} with either "
        "optimizer."
    )
    written = text.format(
        narrow=lab.numbers.setting(narrow),
        wide=lab.numbers.setting(wide),
        narrow_points=report.points(spreads[narrow]),
        wide_points=report.points(spreads[wide]),
    )
    if lost:
        text = lab.say("Cells with a diverged seed have no mean and are not counted: {n}.")
        written += " " + text.format(n=lost)
    return written


def underfitting(lab: LabReport) -> Iterator[Block]:
    """How far the best model is from its own training images, and whether capacity is why."""
    report = lab.study(LOGISTIC)
    linear = _train_accuracy(report)
    if report.unfinished or linear is None:
        return
    best = report.best_cell
    assert best is not None
    text = lab.say(
        "On its own training images the best model of all, {cell}, has {train} at the last epoch: "
        "what is missing there is underfitting."
        if linear < WELL_FITTED
        else "On its own training images the best model of all, {cell}, has {train} at the last "
        "epoch: it does not underfit."
    ).format(cell=report.describe(best.cell), train=lab.numbers.percent(linear, digits=1))
    yield Paragraph(title=lab.say("Underfitting"), text=text)
    networks = lab.study(NETWORKS)
    deep = _train_accuracy(networks)
    if deep is None or linear >= WELL_FITTED:
        return
    if different := trained_otherwise(report, networks):
        yield Paragraph(title=lab.say("Beside the networks of part 3"), text=different)
        return
    text = lab.say(
        "The best network of part 3 has {deep} on the same images: part of what is missing is that "
        "a linear model cannot bend its borders between the classes, which hidden layers do."
        if deep - linear >= CAPACITY_GAP
        else "The best network of part 3 has {deep} on the same images, which is less: as it was "
        "trained here, it does not show what hidden layers can add."
        if linear - deep >= CAPACITY_GAP
        else "The best network of part 3 has {deep} on the same images, less than a point away: "
        "what hidden layers can add does not show here."
    ).format(deep=lab.numbers.percent(deep, digits=1))
    yield Paragraph(text=" ".join(filter(None, [text, other_epochs(report, networks)])))


def _train_accuracy(report: StudyReport) -> float | None:
    """The train accuracy of the best cell at its last epoch, a mean over the seeds."""
    best = report.best_cell
    ends = [run.epochs[-1].train_accuracy for run in best.runs] if best is not None else []
    known = [end for end in ends if end is not None]
    return sum(known) / len(known) if known and len(known) == len(ends) else None


def _cost(lab: LabReport, report: StudyReport) -> Iterator[str]:
    say, numbers = lab.say, lab.numbers
    epochs = [epoch for run in report.runs for epoch in run.epochs]
    train = sum(epoch.train_s for epoch in epochs)
    evaluate = sum(epoch.evaluate_s for epoch in epochs)
    yield say(
        "All {n} models took {wall} by the clock. Summed over the workers, training took {train} "
        "and evaluation {evaluate}. The document’s author reports about {hours} hours for its 24 "
        "models, on another machine and with a loader that converts every image again in each "
        "epoch."
    ).format(
        n=numbers.integer(len(report.runs)),
        wall=numbers.duration(report.record.wall_s),
        train=numbers.duration(train),
        evaluate=numbers.duration(evaluate),
        hours=published.HOURS,
    )
    by_size = {}
    for size in report.values("batch_size"):
        seconds = [
            run.train_s_per_epoch
            for run in report.runs
            if run.cell.get("batch_size") == size and run.train_s_per_epoch
        ]
        if seconds:
            by_size[size] = sum(seconds) / len(seconds)
    if len(by_size) > 1:
        slow, fast = max(by_size, key=by_size.__getitem__), min(by_size, key=by_size.__getitem__)
        yield say(
            "An epoch of training takes {long} s with batch size {slow} and {short} s with batch "
            "size {fast} (means; models trained as one program share its seconds)."
        ).format(
            long=numbers.significant(by_size[slow]),
            slow=slow,
            short=numbers.significant(by_size[fast]),
            fast=fast,
        )
