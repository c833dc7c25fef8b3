"""What a report says: every sentence and number, computed from the records of one study run.

Sentences follow the numbers. A cell is called best only when all its seeds finished; two cells are
called different only when their difference exceeds its own spread over the seeds; what was not
recorded is said to be so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retroprop.errors import UserError
from retroprop.report.document import (
    Block,
    Cell,
    Document,
    Formula,
    Notice,
    Paragraph,
    Picture,
    Row,
    Section,
    Table,
)
from retroprop.report.numbers import Numbers
from retroprop.report.summary import (
    ACCURACY,
    CellSummary,
    best_cells,
    mean_and_deviation,
    paired_difference,
    summarise_cells,
)
from retroprop.report.translations import Say, say_later, translator
from retroprop.studies.records import DEFAULT_DATABASE, RunRecord, StudyRunRecord

SETTING_NAMES = {
    "optimizer": say_later("optimizer"),
    "learning_rate": say_later("learning rate"),
    "batch_size": say_later("batch size"),
    "width": say_later("width"),
    "depth": say_later("depth"),
    "seed": say_later("seed"),
}
VALUE_NAMES = {
    "best_validation_accuracy": say_later("Best validation accuracy (%)"),
    "best_validation_loss": say_later("Validation loss at the best epoch (nats)"),
    "best_epoch": say_later("Best epoch"),
    "test_accuracy": say_later("Test accuracy (%)"),
    "test_loss": say_later("Test loss (nats)"),
}


@dataclass(frozen=True)
class Story:
    """The records of one study run, and how to speak of them in one language."""

    record: StudyRunRecord
    runs: tuple[RunRecord, ...]
    location: str
    language: str

    @cached_property
    def say(self) -> Say:
        """Turns an English text into the reader's language."""
        return translator(self.language)

    @cached_property
    def numbers(self) -> Numbers:
        """Writes numbers in the reader's language."""
        return Numbers(self.language)

    @cached_property
    def cells(self) -> list[CellSummary]:
        """The cells of the grid with their best validation accuracy."""
        return summarise_cells(self.runs)

    @cached_property
    def best_per(self) -> list[str]:
        """The settings for each combination of which one cell is selected."""
        return list((self.record.config.get("selection") or {}).get("best_per") or [])

    @cached_property
    def best(self) -> list[CellSummary]:
        """The best cell for each combination of `best_per`."""
        return best_cells(self.cells, self.best_per)

    @property
    def grid(self) -> dict[str, list[Any]]:
        """The varied settings and their values."""
        return dict(self.record.config.get("grid") or {})

    @property
    def n_done(self) -> int:
        """How many models need no more training."""
        return sum(run.status in ("finished", "diverged") for run in self.runs)

    @property
    def unfinished(self) -> bool:
        """Whether some models of the study are still to be trained."""
        return self.n_done < len(self.runs)

    @property
    def dataset(self) -> str:
        """The data set's name for people."""
        return self.numbers.setting(self.record.config.get("dataset", "?"))

    @property
    def command(self) -> str:
        """The command that ran the study, which also continues it."""
        for session in reversed(self.record.sessions):
            recorded = session.environment.get("command")
            if recorded:
                return str(recorded)
        database = "" if self.location == DEFAULT_DATABASE else f" --db {self.location}"
        return f"retroprop run {self.record.study}{database}"

    def setting_name(self, key: str) -> str:
        """The name of a setting for people; an unknown one is shown as the study file has it."""
        name = SETTING_NAMES.get(key)
        return self.say(name) if name else key.replace("_", " ")

    def describe(self, cell: dict[str, Any], without: Sequence[str] = ()) -> str:
        """A cell in words: "learning rate 0.01, batch size 1"."""
        return ", ".join(
            f"{self.setting_name(key)} {self.numbers.setting(value)}"
            for key, value in cell.items()
            if key not in without
        )

    def group(self, cell: dict[str, Any]) -> str:
        """The name of what a best cell is the best of: "SGD", or "width 25, SGD"."""
        return ", ".join(
            self.numbers.setting(cell[key])
            if isinstance(cell[key], str)
            else f"{self.setting_name(key)} {self.numbers.setting(cell[key])}"
            for key in self.best_per
            if key in cell
        )

    def name(self, cell: CellSummary) -> str:
        """The label of a selected cell: its group, or all its settings when there is one group."""
        return self.group(cell.cell) or self.describe(cell.cell) or self.say("the model")

    def anchor(self, cell: CellSummary) -> str:
        """Where the appendix lists the models of a cell."""
        return f"run-{cell.runs[0].id}"

    def seeds(self, n: int) -> str:
        """ "3 seeds", "1 seed"."""
        return self.say("{n} seed" if n == 1 else "{n} seeds").format(n=n)

    def title(self) -> str:
        """The study's title in the reader's language, in any language it has, or its name."""
        title = self.record.config.get("title") or self.record.study
        if isinstance(title, dict):
            title = title.get(self.language) or next(iter(title.values()), self.record.study)
        return str(title)


def compose(
    record: StudyRunRecord, runs: Sequence[RunRecord], *, location: str, language: str
) -> Document:
    """Write the report of a study run.

    Raises:
        UserError: If no model has been trained for a single epoch yet.
    """
    from retroprop import __version__
    from retroprop.report.appendix import models_section, setting_section, time_section

    story = Story(record, tuple(runs), location, language)
    if not any(epoch.epoch > 0 for run in runs for epoch in run.epochs):
        raise UserError(
            f"the study run {record.id} has no finished epoch yet, so there is nothing to report; "
            f"train it first: {story.command}"
        )
    say = story.say
    sections = [
        trained_section(story),
        tables_section(story),
        curves_section(story),
        test_section(story),
        time_section(story),
        setting_section(story),
        models_section(story),
    ]
    return Document(
        language=language,
        title=story.title(),
        subtitle=subtitle(story),
        summary=summary(story),
        notices=notices(story),
        sections=[section for section in sections if section is not None],
        footer=say("Made by retroprop {version} from the records of {id}.").format(
            version=__version__, id=record.id
        ),
        labels={
            "skip": say("Skip to the results"),
            "contents": say("Contents"),
            "description": say("Description of the figure"),
        },
    )


def subtitle(story: Story) -> str:
    """Where the study comes from, and its data."""
    source = story.record.config.get("source")
    return f"{source} · {story.dataset}" if source else story.dataset


def summary(story: Story) -> list[str]:
    """What came out, in one sentence, then what may be said of the two best groups."""
    say = story.say
    if not story.best:
        return [
            say(
                "No cell of the grid has all its seeds finished without diverging, so there is no "
                "best cell yet."
                if story.unfinished
                else "In every cell of the grid at least one seed diverged, so there is no best cell."
            )
        ]
    items = [_best_in_words(story, cell) for cell in story.best]
    counts = {cell.n for cell in story.best}
    if counts == {1}:
        spread = say("one seed, so without a spread")
    else:
        n = story.seeds(max(counts)) if len(counts) == 1 else say("the seeds")
        spread = say("mean ± sample standard deviation over {seeds}").format(seeds=n)
    opening = say(
        "So far, of {n} models planned on {data}, the best cell on validation reaches {items} ({spread})."
        if story.unfinished
        else "Of {n} models trained on {data}, the best cell on validation reaches {items} ({spread})."
    )
    joined = items[0]
    if len(items) > 1:
        joined = say("{first} and {last}").format(first="; ".join(items[:-1]), last=items[-1])
    lines = [
        opening.format(
            n=story.numbers.integer(len(story.runs)),
            data=story.dataset,
            items=joined,
            spread=spread,
        )
    ]
    if len(story.best) > 1:
        lines += comparison(story)
    return lines


def _best_in_words(story: Story, cell: CellSummary) -> str:
    assert cell.mean is not None
    tested = [run.test_accuracy for run in cell.runs if run.test_accuracy is not None]
    if len(tested) == cell.n:
        test = story.say("{accuracy} on the test set").format(
            accuracy=story.numbers.percent(*mean_and_deviation(tested))
        )
    else:
        test = story.say("not yet evaluated on the test set")
    group = story.group(cell.cell)
    text = "{accuracy} with {group} ({cell}; {test})" if group else "{accuracy} ({cell}; {test})"
    return story.say(text).format(
        accuracy=story.numbers.percent(cell.mean, cell.deviation),
        group=group,
        cell=story.describe(cell.cell, without=story.best_per) or story.say("its only cell"),
        test=test,
    )


def comparison(story: Story) -> list[str]:
    """Whether the two best groups differ by more than the seeds do, on validation and on test."""
    say = story.say
    first, second = sorted(story.best, key=lambda cell: cell.mean or 0.0, reverse=True)[:2]
    lines = []
    for value, where in (
        (ACCURACY, say("On validation")),
        ("test_accuracy", say("On the test set")),
    ):
        difference = paired_difference(first, second, value)
        if difference is None:
            continue
        better, worse = (first, second) if difference.mean >= 0 else (second, first)
        if difference.n == 1:
            text = say(
                "{where}, {better} is {points} above {worse}, but one seed has no spread: "
                "which is better cannot be said."
            )
        elif difference.distinguishable:
            text = say(
                "{where}, {better} is above {worse}: over {seeds}, the paired difference is {points} "
                "(mean ± sample standard deviation), larger than its spread."
            )
        else:
            text = say(
                "{where}, {better} and {worse} are not distinguishable with {seeds}: the paired "
                "difference is {points} (mean ± sample standard deviation), no larger than its spread."
            )
        lines.append(
            text.format(
                where=where,
                better=story.name(better),
                worse=story.name(worse),
                seeds=story.seeds(difference.n),
                points=_points(story, abs(difference.mean), difference.deviation),
            )
        )
    return lines


def _points(story: Story, difference: float, deviation: float | None) -> str:
    number = story.numbers.share(difference, deviation)
    singular = story.language == "fr" and 100 * difference < 2
    return story.say("{n} point" if singular else "{n} points").format(n=number)


def notices(story: Story) -> list[Notice]:
    """What a reader must know before any number: unfinished, diverged."""
    say = story.say
    found = []
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


def trained_section(story: Story) -> Section | None:
    """The model and its update as formulas; only for softmax regression."""
    say = story.say
    config = story.record.config
    if (config.get("model") or {}).get("kind") != "softmax-regression":
        return None
    summed = (config.get("training") or {}).get("gradient", "mean") == "sum"
    optimizers = {run.cell.get("optimizer", run.settings.get("optimizer")) for run in story.runs}
    blocks: list[Block] = [
        Formula(
            name="model",
            text=say(
                "Softmax regression. An image with a 1 appended is the row x̃, W holds one column "
                "for each class, and the model's probability of class k is"
            ),
            spoken=say(
                "p of y equals k given x tilde equals the softmax of x tilde W, component k: the "
                "exponential of x tilde W component k divided by the sum over j of the exponentials "
                "of x tilde W component j"
            ),
        ),
        Formula(
            name="gradient-sum" if summed else "gradient-mean",
            text=gradient_sentence(story)
            + " "
            + say("With the one-hot label y of each image b of the minibatch B,"),
            spoken=say(
                "G equals the sum over the images b in B of x tilde b transposed times p b minus y b"
                if summed
                else "G equals one over the size of B times the sum over the images b in B of x tilde "
                "b transposed times p b minus y b"
            ),
        ),
    ]
    if "sgd" in optimizers:
        blocks.append(
            Formula(
                name="sgd",
                text=say("SGD, with learning rate η, updates"),
                spoken=say("W becomes W minus eta G"),
            )
        )
    if "adam" in optimizers:
        blocks.append(
            Formula(
                name="adam",
                text=say("Adam (Kingma and Ba, 2015), at step t, updates"),
                spoken=say(
                    "m becomes beta 1 m plus 1 minus beta 1 times G; v becomes beta 2 v plus 1 minus "
                    "beta 2 times G squared; W becomes W minus eta times m over 1 minus beta 1 to the "
                    "t, divided by the square root of v over 1 minus beta 2 to the t, plus epsilon"
                ),
            )
        )
    return Section(name="trained", heading=say("What was trained"), blocks=blocks)


def gradient_sentence(story: Story) -> str:
    """The gradient convention of the study in one sentence."""
    convention = (story.record.config.get("training") or {}).get("gradient")
    if convention == "sum":
        return story.say(
            "The gradient is summed over the minibatch, so a larger batch takes larger SGD steps at "
            "the same learning rate."
        )
    if convention == "mean":
        return story.say(
            "The gradient is averaged over the minibatch, so the batch size does not change the "
            "scale of an SGD step."
        )
    return story.say("The gradient convention was not recorded.")


def tables_section(story: Story) -> Section:
    """The tables of the study's [report], one for each combination of what they do not span."""
    blocks: list[Block] = []
    report = story.record.config.get("report") or {}
    for number, spec in enumerate(report.get("tables") or [], start=1):
        blocks += _tables(story, spec, number)
    return Section(name="tables", heading=story.say("Results of the grid"), blocks=blocks)


def _setting(run: RunRecord, key: str) -> Any:
    return run.cell.get(key, run.settings.get(key))


def _tables(story: Story, spec: dict[str, Any], number: int) -> list[Table]:
    value = spec.get("value") or ACCURACY
    if value not in VALUE_NAMES:
        raise UserError(
            f"the report's table {number} asks for {value!r}; use one of {', '.join(VALUE_NAMES)}."
        )
    rows_key, columns_key = spec["rows"], spec["columns"]
    cells = summarise_cells(story.runs, value)
    apart = [spec["split_by"]] if spec.get("split_by") else []
    keys = {key for cell in cells for key in cell.cell}
    apart += [key for key in story.grid if key in keys]
    apart += sorted(keys - set(apart))
    apart = [key for key in dict.fromkeys(apart) if key not in (rows_key, columns_key)]
    groups: dict[str, list[CellSummary]] = {}
    for cell in cells:
        title = _table_title(story, cell, apart)
        groups.setdefault(title, []).append(cell)
    tables = []
    for index, (title, group) in enumerate(groups.items(), start=1):
        caption = story.say(VALUE_NAMES[value])
        tables.append(
            _table(
                story,
                group,
                value,
                rows_key,
                columns_key,
                name=f"table-{number}-{index}",
                caption=f"{caption}, {title}" if title else caption,
            )
        )
    return tables


def _table_title(story: Story, cell: CellSummary, apart: Sequence[str]) -> str:
    parts = []
    for key in apart:
        value = _setting(cell.runs[0], key)
        text = story.numbers.setting(value)
        parts.append(text if isinstance(value, str) else f"{story.setting_name(key)} {text}")
    return ", ".join(parts)


def _table(
    story: Story,
    cells: Sequence[CellSummary],
    value: str,
    rows_key: str,
    columns_key: str,
    *,
    name: str,
    caption: str,
) -> Table:
    rows = _ordered(story, rows_key, cells)
    columns = _ordered(story, columns_key, cells)
    by_place = {
        (_setting(cell.runs[0], rows_key), _setting(cell.runs[0], columns_key)): cell
        for cell in cells
    }
    best = {cell.key for cell in story.best}
    body = [
        Row(
            header=_shown(story, row),
            cells=[
                _grid_cell(story, by_place.get((row, column)), value, best) for column in columns
            ],
        )
        for row in rows
    ]
    return Table(
        name=name,
        caption=caption,
        corner=story.setting_name(rows_key),
        across=story.setting_name(columns_key),
        columns=[_shown(story, column) for column in columns],
        rows=body,
        notes=_table_notes(story, cells, body),
    )


def _ordered(story: Story, key: str, cells: Sequence[CellSummary]) -> list[Any]:
    """The values of a setting that occur, in the order of the grid."""
    present = list(dict.fromkeys(_setting(cell.runs[0], key) for cell in cells))
    planned = story.grid.get(key) or []
    planned = planned if isinstance(planned, list) else [planned]
    first = [value for value in planned if value in present]
    return first + [value for value in present if value not in first]


def _shown(story: Story, value: Any) -> str:
    return story.say("all") if value is None else story.numbers.setting(value)


def _grid_cell(story: Story, cell: CellSummary | None, value: str, best: set[str]) -> Cell:
    if cell is None:
        return Cell(text="", mark="absent", spoken=story.say("not in the grid"))
    link = story.anchor(cell)
    if cell.diverged:
        text = story.say("diverged {k}/{n}").format(k=cell.diverged, n=cell.n)
        return Cell(text=text, mark="diverged", link=link)
    if not cell.complete:
        spoken = story.say("unfinished, {k} of {n} seeds").format(k=cell.finished, n=cell.n)
        return Cell(text="—", mark="unfinished", spoken=spoken, link=link)
    if cell.mean is None:
        return Cell(text="—", mark="absent", spoken=story.say("not evaluated"), link=link)
    text = write_value(story, value, cell.mean, cell.deviation)
    if cell.key in best:
        return Cell(text=text, mark="best", spoken=story.say("best"), link=link)
    return Cell(text=text, link=link)


def write_value(story: Story, value: str, mean: float, deviation: float | None = None) -> str:
    """A value of a model or of a cell as the tables write it: per cent, nats, or epochs."""
    if value.endswith("accuracy"):
        return story.numbers.share(mean, deviation)
    if value == "best_epoch":
        return story.numbers.decimal(mean, 1, deviation)
    return story.numbers.decimal(mean, 3, deviation)


def _table_notes(story: Story, cells: Sequence[CellSummary], rows: Sequence[Row]) -> list[str]:
    say = story.say
    n = max(cell.n for cell in cells)
    marks = {cell.mark for row in rows for cell in row.cells}
    notes = [
        say("One seed per cell.")
        if n == 1
        else say("Mean ± sample standard deviation over {seeds}.").format(seeds=story.seeds(n))
    ]
    if "best" in marks:
        best = (
            "★ marks the best cell so far: the highest mean of the best validation accuracy among "
            "the cells whose seeds all finished."
            if story.unfinished
            else "★ marks the best cell: the highest mean of the best validation accuracy among the "
            "cells whose seeds all finished."
        )
        notes.append(say(best))
    if "diverged" in marks:
        notes.append(
            say(
                "“diverged k/n”: in k of n seeds the loss stopped being a finite number; such a cell "
                "has no mean and cannot be the best."
            )
        )
    if "unfinished" in marks:
        notes.append(say("“—”: not all seeds of the cell are finished yet."))
    notes.append(say("Each number leads to its models in the last table of this report."))
    return notes


def curves_section(story: Story) -> Section:
    """The curves of the best cells that the study's [report] asks for."""
    say = story.say
    heading = say("Curves of the best models")
    if not story.best:
        text = say("There are no curves yet, because there is no best cell yet.")
        return Section(name="curves", heading=heading, blocks=[Paragraph(text=text)])
    figures = (story.record.config.get("report") or {}).get("figures") or []
    blocks: list[Block] = [
        Paragraph(
            text=say(
                "Losses and accuracies are measured on the whole train and validation sets after "
                "each epoch; epoch 0 is the untrained model. Lines are means over the seeds, bands "
                "reach from the lowest to the highest seed; solid is validation, dashed is train."
            )
        )
    ]
    blocks += [_picture(story, metric) for metric in ("loss", "accuracy") if f"{metric}-curves" in figures]
    return Section(name="curves", heading=heading, blocks=blocks)


def _picture(story: Story, metric: Any) -> Picture:
    from retroprop.figures.curves import describe_curves, loss_and_accuracy_curves
    from retroprop.figures.style import for_page, to_svg

    say, numbers = story.say, story.numbers
    models = {story.name(cell): cell.runs for cell in story.best}
    figure = loss_and_accuracy_curves(
        models, metrics=[metric], translate=say, decimal_comma=story.language == "fr"
    )
    write = numbers.percent if metric == "accuracy" else lambda value: numbers.decimal(value, 3)
    description = describe_curves(models, metric, translate=say, number=write)
    caption = say(
        "Accuracy of the best cell over the epochs"
        if metric == "accuracy"
        else "Loss of the best cell over the epochs"
    )
    details = "; ".join(f"{story.name(cell)}: {story.describe(cell.cell, story.best_per)}" for cell in story.best)
    if story.best_per:
        caption = f"{caption} ({details})"
    svg = to_svg(figure, name=f"{metric}-curves", title=caption, description=description)
    return Picture(
        name=f"{metric}-curves",
        caption=caption,
        description=description,
        svg=svg,
        page_svg=for_page(svg),
    )


def test_section(story: Story) -> Section:
    """The accuracy on the test set of the selected cells, and of any other that was evaluated."""
    say = story.say
    heading = say("Accuracy on the test set")
    chosen = {cell.key: cell for cell in story.best}
    for cell in story.cells:
        if any(run.test_accuracy is not None for run in cell.runs):
            chosen.setdefault(cell.key, cell)
    tested = any(run.test_accuracy is not None for run in story.runs)
    if not tested:
        text = say("The test set has not been evaluated yet: it is used once, when the study ends.")
        return Section(name="test", heading=heading, blocks=[Paragraph(text=text)])
    best = {cell.key for cell in story.best}
    seeds = sorted({run.seed for cell in chosen.values() for run in cell.runs})
    rows = []
    for cell in chosen.values():
        by_seed = {run.seed: run.test_accuracy for run in cell.runs}
        known = [accuracy for accuracy in by_seed.values() if accuracy is not None]
        missing = Cell(text="—", mark="unfinished", spoken=say("not evaluated"))
        mean = missing
        if len(known) == cell.n:
            mean = Cell(
                text=story.numbers.share(*mean_and_deviation(known)), link=story.anchor(cell)
            )
        per_seed = [by_seed.get(seed) for seed in seeds]
        header = story.describe(cell.cell) or say("the model")
        if cell.key not in best:
            header += " " + say("(selected earlier; no longer the best on validation)")
        rows.append(
            Row(
                header=header,
                cells=[
                    mean,
                    *(
                        missing if accuracy is None else Cell(text=story.numbers.share(accuracy))
                        for accuracy in per_seed
                    ),
                ],
            )
        )
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
    return Section(name="test", heading=heading, blocks=[Paragraph(text=text), table])
