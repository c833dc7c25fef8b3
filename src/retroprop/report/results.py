"""The sections with the results: the grid's tables, the best models' curves, the test set."""

from collections.abc import Sequence
from typing import Any

from retroprop.errors import UserError, did_you_mean
from retroprop.figures.curves import (
    Metric,
    Part,
    curves_by_part,
    describe_curves,
    loss_and_accuracy_curves,
)
from retroprop.figures.style import SERIES
from retroprop.report.document import Block, Cell, Paragraph, Picture, Row, Section, Table, row
from retroprop.report.long_tables import MOST_ROWS
from retroprop.report.pictures import picture
from retroprop.report.study_report import FIELDS, StudyReport, setting_of
from retroprop.report.variations import no_mean, of_all, some_best
from retroprop.report.words import LOSS_AXES, VALUE_NAMES
from retroprop.studies.records import RunRecord
from retroprop.studies.summary import (
    ACCURACY,
    CellSummary,
    best_cells,
    mean_and_deviation,
)

MOST_TABLES = 40
"""Of one value; a study of many settings has one for each combination of the others."""


def tables_section(report: StudyReport) -> Section | None:
    """The tables of the study's [report], one for each combination of what they do not span."""
    blocks: list[Block] = []
    asked = (report.record.config.get("report") or {}).get("tables") or []
    for number, spec in enumerate(asked, start=1):
        blocks += _tables(report, spec, number)
    if not blocks:
        return None
    return Section(name="tables", heading=report.say("Results of the grid"), blocks=blocks)


def _tables(report: StudyReport, spec: dict[str, Any], number: int) -> list[Block]:
    value = spec.get("value") or ACCURACY
    if value not in VALUE_NAMES:
        raise UserError(
            f"the report's table {number} asks for {value!r}. {did_you_mean(value, VALUE_NAMES)}"
        )
    rows_key, columns_key = spec["rows"], spec.get("columns")
    cells = report.cells_of(FIELDS.get(value, value))
    apart = [spec["split_by"]] if spec.get("split_by") else []
    keys = {key for cell in cells for key in cell.cell}
    apart += [key for key in report.grid if key in keys]
    apart += sorted(keys - set(apart))
    apart = [key for key in dict.fromkeys(apart) if key not in (rows_key, columns_key)]
    best = {cell.key for cell in some_best(report)}
    alike: dict[tuple[Any, ...], list[CellSummary]] = {}
    for cell in cells:
        alike.setdefault(tuple(setting_of(cell.runs[0], key) for key in apart), []).append(cell)
    groups: dict[str, list[CellSummary]] = {}
    for values, members in alike.items():
        title = report.describe(dict(zip(apart, values, strict=True)))
        groups.setdefault(title, []).extend(members)
    tables: list[Block] = [
        _table(report, group, value, rows_key, columns_key, f"table-{number}-{index}", title)
        for index, (title, group) in enumerate(groups.items(), start=1)
        if index <= MOST_TABLES or any(cell.key in best for cell in group)
    ]
    if len(tables) == len(groups):
        return tables
    text = report.say(
        "{n} of {all} tables are shown: the first ones, and those of the best cells. The table of "
        "all models has the others."
    ).format(n=len(tables), all=report.numbers.integer(len(groups)))
    return [Paragraph(text=text), *tables]


def _table(
    report: StudyReport,
    cells: Sequence[CellSummary],
    value: str,
    rows_key: str,
    columns_key: str | None,
    name: str,
    title: str,
) -> Table:
    """The table of the cells that share the settings which its title names."""

    def place(cell: CellSummary) -> tuple[Any, Any]:
        first = cell.runs[0]
        return setting_of(first, rows_key), columns_key and setting_of(first, columns_key)

    by_place = {place(cell): cell for cell in cells}
    present = {one for one, _ in by_place}
    rows = [one for one in report.values(rows_key) if one in present]
    columns: list[Any] = [None]
    if columns_key is not None:
        present = {column for _, column in by_place}
        columns = [column for column in report.values(columns_key) if column in present]
    # No star among costs: the fastest cell is merely the smallest network.
    # Where every cell is the best of its group, the star is for the best of all.
    starred = best_cells(report.best) if report.alone else report.best
    if value in ("train_s", "parameters"):
        starred = []
    best = {cell.key for cell in starred}
    body = [
        row(
            _shown(report, rows_key, one),
            *(_grid_cell(report, by_place.get((one, column)), value, best) for column in columns),
        )
        for one in rows
    ]
    caption = report.value_name(value, [run for cell in cells for run in cell.runs])
    return Table(
        name=name,
        caption=f"{caption}, {title}" if title else caption,
        corner=report.setting_name(rows_key),
        across=report.setting_name(columns_key) if columns_key is not None else "",
        columns=[_shown(report, columns_key, column) for column in columns]
        if columns_key is not None
        else [report.say("mean") if max(cell.n for cell in cells) > 1 else report.say("value")],
        rows=body,
        notes=_table_notes(report, cells, body, value),
    )


def _shown(report: StudyReport, key: str, value: Any) -> str:
    return report.say("all") if value is None else report.setting(key, value)


def _grid_cell(report: StudyReport, cell: CellSummary | None, value: str, best: set[str]) -> Cell:
    if cell is None:
        return Cell(text="", mark="absent", spoken=report.say("not in the grid"))
    link = report.anchor(cell)
    if value == "parameters":
        return _count_cell(report, cell, link)
    if cell.diverged:
        text = report.say("diverged {k}/{n}").format(k=cell.diverged, n=cell.n)
        return Cell(text=text, mark="diverged", link=link)
    if cell.pruned:
        return Cell(text=report.say("pruned"), mark="absent", link=link)
    if not cell.complete:
        spoken = report.say("unfinished, {k} of {n} seeds").format(k=cell.finished, n=cell.n)
        return Cell(text="—", mark="unfinished", spoken=spoken, link=link)
    if cell.mean is None:
        return Cell(text="—", mark="absent", spoken=report.say("not evaluated"), link=link)
    text = report.write(value, cell.mean, cell.deviation)
    if cell.key in best:
        return Cell(text=text, mark="best", spoken=report.say("best"), link=link)
    return Cell(text=text, link=link)


def _count_cell(report: StudyReport, cell: CellSummary, link: str) -> Cell:
    """The parameters of a cell's models, which are the same for all seeds, trained or not."""
    count = cell.runs[0].parameters
    if count is None:
        return Cell(text="—", mark="absent", spoken=report.say("none"), link=link)
    return Cell(text=report.numbers.integer(count), link=link)


def _table_notes(
    report: StudyReport, cells: Sequence[CellSummary], rows: Sequence[Row], value: str
) -> list[str]:
    say = report.say
    n = max(cell.n for cell in cells)
    marks = {cell.mark for one in rows for cell in one.cells}
    listed = [say("Each number leads to its models, which are listed at the end.")]
    if len(report.cells) > MOST_ROWS:  # the table of all models has no row for some of them
        listed = []
    if value == "parameters":
        return listed
    notes = [
        say("One seed per cell.")
        if n == 1
        else say("Mean ± sample standard deviation over {seeds}.").format(seeds=report.seeds(n))
    ]
    if value == "train_s":
        notes.append(
            say("Lower is better. Evaluation is not included.")
            if report.by_trainer
            else say(
                "Lower is better. Models trained as one program share its seconds evenly; "
                "evaluation is not included."
            )
        )
    if "best" in marks:
        best = (
            "★ marks the best cell so far: the highest mean of the best validation accuracy among "
            "the cells whose seeds all finished."
            if report.unfinished
            else "★ marks the best cell: the highest mean of the best validation accuracy among "
            "the cells whose seeds all finished."
        )
        notes.append(say(best))
    if "diverged" in marks:
        notes.append(
            say(
                "“diverged k/n”: in k of n seeds the loss stopped being a finite number; such a "
                "cell has no mean and cannot be the best."
            )
        )
    if "unfinished" in marks:
        notes.append(say("“—”: not all seeds of the cell are finished yet."))
    return [*notes, *listed]


def curves_section(report: StudyReport) -> Section | None:
    """The curves that the study's [report] asks for.

    Of networks of the trainer all cells are drawn, as the assignments ask, when there are not
    more than styles; otherwise the best cells.
    """
    say = report.say
    offered: tuple[Metric, ...] = ("loss", "accuracy")
    metrics: list[Metric] = [metric for metric in offered if f"{metric}-curves" in report.figures]
    if not metrics:
        return None
    of_all = every_cell(report)
    heading = say("Curves of all cells") if of_all else say("Curves of the best models")
    if report.single:
        heading = say("Curves of the model")
    if not of_all and not report.best:
        if report.single:
            return None
        text = say("There are no curves yet, because there is no best cell yet.")
        return Section(name="curves", heading=heading, blocks=[Paragraph(text=text)])
    lines = (
        "Each line has the name of its cell; where there are several seeds, lines are means, "
        "and bands reach from the lowest to the highest."
        if of_all
        else "Solid is validation, dashed is train."
        if report.single
        else "Lines are means over the seeds, bands reach from the lowest to the highest seed; "
        "solid is validation, dashed is train."
    )
    texts = [_measured(report), say(lines)]
    blocks: list[Block] = [Paragraph(text=" ".join(texts))]
    blocks += [
        _of_all(report, metric) if of_all else _picture(report, metric) for metric in metrics
    ]
    return Section(name="curves", heading=heading, blocks=blocks)


def _measured(report: StudyReport) -> str:
    """On which images the metrics were measured, and when."""
    if report.running:
        return report.say(
            "Losses and accuracies on validation are measured on the whole set after each epoch; "
            "those on train are means over the epoch, on the images as they came and while the "
            "model was learning from them. Epoch 0 is the untrained model."
        )
    return report.say(
        "Losses and accuracies are measured on the whole train and validation sets after each "
        "epoch; epoch 0 is the untrained model."
    )


def every_cell(report: StudyReport) -> dict[str, list[RunRecord]]:
    """All cells of a study by their short names, in the order of the grid; {} if they are many."""
    if not report.by_trainer or not 1 < len(report.cells) <= len(SERIES):
        return {}
    return {cell_label(report, cell): list(cell.runs) for cell in report.cells}


def cell_label(report: StudyReport, cell: CellSummary) -> str:
    """The values of the varied settings, short enough for a label beside a line."""
    values = [report.setting(key, cell.cell[key], short=True) for key in report.varied]
    return report.say(", ").join(values) or report.say("the model")


def _of_all(report: StudyReport, metric: Metric) -> Picture:
    """One metric of every cell: validation above, train below; a diverged cell has no line."""
    say, numbers = report.say, report.numbers
    models = every_cell(report)
    notes = []
    for cell in report.cells:
        if reason := no_mean(report, cell):
            models[cell_label(report, cell)] = []  # its colour stays free
            notes.append(report.named(cell_label(report, cell), reason))
    figure = curves_by_part(
        models,
        metric,
        loss_label=LOSS_AXES[report.loss()],
        steps_per_epoch=report.steps_per_epoch(report.runs),
        notes=notes,
        language=report.language,
    )
    write = numbers.percent if metric == "accuracy" else lambda value: numbers.decimal(value, 3)
    drawn = {name: runs for name, runs in models.items() if runs}
    description = describe_curves(drawn, metric, say=say, number=write)
    caption = say(
        "Accuracy over the epochs, on validation (above) and on train (below), by {settings}."
        if metric == "accuracy"
        else "Loss over the epochs, on validation (above) and on train (below), by {settings}."
    ).format(settings=report.listed([report.setting_name(key) for key in report.varied]))
    if notes:
        without = say("Without a line: {notes}.").format(notes=say("; ").join(notes))
        caption, description = f"{caption} {without}", f"{description} {without}"
    return picture(f"{metric}-curves", caption, description, figure, half=True)


def _picture(report: StudyReport, metric: Metric) -> Picture:
    say, numbers = report.say, report.numbers
    only = say("the model") if report.single else say("best cell")
    best = some_best(report)
    models = {report.group(cell.cell) or only: cell.runs for cell in best}
    runs = [run for cell in best for run in cell.runs]
    # more names than that do not fit beside twice as many lines
    parts: tuple[Part, ...] = ("validation", "train") if len(models) <= 4 else ("validation",)
    figure = loss_and_accuracy_curves(
        models,
        metrics=[metric],
        parts=parts,
        name_parts=len(parts) > 1,
        loss_label=LOSS_AXES[report.loss(runs)],
        steps_per_epoch=report.steps_per_epoch(runs),
        language=report.language,
    )
    write = numbers.percent if metric == "accuracy" else lambda value: numbers.decimal(value, 3)
    description = describe_curves(models, metric, parts=parts, say=say, number=write)
    caption = say(
        "Accuracy of the best cell over the epochs"
        if metric == "accuracy"
        else "Loss of the best cell over the epochs"
    )
    if report.single:
        caption = say(
            "Accuracy over the epochs" if metric == "accuracy" else "Loss over the epochs"
        )
    details = say("; ").join(
        report.named(report.name(cell), report.describe(cell.cell, without=report.best_per))
        for cell in best
    )
    if report.best_per and not report.single:
        caption = f"{caption} ({details})"
    elif report.best[0].cell:
        caption = f"{caption} ({report.describe(report.best[0].cell)})"
    if len(parts) == 1:
        caption = f"{caption}. {say('Validation only.')}"
    if part := of_all(report, len(best), len(report.best)):
        caption = f"{caption} {part}"
    return picture(f"{metric}-curves", caption, description, figure)


def test_section(report: StudyReport) -> Section | None:
    """The accuracy on the test set of the selected cells, and of any other that was evaluated."""
    say = report.say
    heading = say("Accuracy on the test set")
    if report.single and not report.unfinished:
        return _only_test(report, heading)
    chosen = {cell.key: cell for cell in report.best}
    for cell in report.cells:
        if any(run.test_accuracy is not None for run in cell.runs):
            chosen.setdefault(cell.key, cell)
    if not any(run.test_accuracy is not None for run in report.runs):
        text = say("The test set has not been evaluated yet: it is used once, when the study ends.")
        return Section(name="test", heading=heading, blocks=[Paragraph(text=text)])
    best = {cell.key for cell in report.best}
    seeds = sorted({run.seed for cell in chosen.values() for run in cell.runs})
    rows = []
    for cell in chosen.values():
        by_seed = {run.seed: run.test_accuracy for run in cell.runs}
        known = [accuracy for accuracy in by_seed.values() if accuracy is not None]
        missing = Cell(text="—", mark="unfinished", spoken=say("not evaluated"))
        mean = missing
        if len(known) == cell.n:
            mean = Cell(
                text=report.numbers.share(*mean_and_deviation(known)), link=report.anchor(cell)
            )
        per_seed = [by_seed.get(seed) for seed in seeds]
        parts = [report.group(cell.cell), report.describe(cell.cell, without=report.best_per)]
        header = ", ".join(part for part in parts if part) or say("the model")
        if cell.key not in best:
            header += " " + say("(selected earlier; no longer the best on validation)")
        accuracies = [missing if one is None else report.numbers.share(one) for one in per_seed]
        rows.append(row(header, mean, *accuracies))
    table = Table(
        name="test-table",
        caption=say("Test accuracy (%)"),
        corner=say("cell"),
        columns=[
            say("mean ± deviation"),
            *(say("seed {seed}").format(seed=seed) for seed in seeds),
        ],
        rows=rows,
    )
    text = say(
        "Only the cells selected on validation are evaluated on the test set, once, with the "
        "weights of each seed's best epoch on validation."
    )
    held_out = report.test_images_in_words()
    if held_out:
        text = f"{text} {held_out}"
    return Section(name="test", heading=heading, blocks=[Paragraph(text=text), table])


def _only_test(report: StudyReport, heading: str) -> Section | None:
    """The test of the only model, which is in the summary too; a diverged one has none."""
    (run,) = report.runs
    if run.test_accuracy is None:
        return None
    text = report.say(
        "The model was evaluated on the test set once, with the weights of its best epoch on "
        "validation: {accuracy} of the images are classified rightly."
    ).format(accuracy=report.numbers.percent(run.test_accuracy))
    held_out = report.test_images_in_words()
    text = f"{text} {held_out}" if held_out else text
    return Section(name="test", heading=heading, blocks=[Paragraph(text=text)])
