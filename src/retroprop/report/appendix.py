"""The sections that let a reader check the others: time, the setting of every number, models."""

import math
from collections.abc import Iterable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from retroprop.languages import say_later
from retroprop.report.document import Block, Cell, Paragraph, Row, Section, Table, row
from retroprop.report.searched import range_in_words
from retroprop.report.study_report import StudyReport, hashable
from retroprop.studies.kinds import settings_of_kind
from retroprop.studies.records import EpochRecord, RunRecord
from retroprop.studies.whole_runs import CONTINUES, IMPORTED

MODEL_NAMES = {
    "softmax-regression": say_later("softmax regression"),
    "perceptron": say_later("perceptron"),
    "shallow": say_later("network with one hidden layer"),
    "mlp": say_later("multilayer perceptron"),
    "cnn": say_later("convolutional network"),
    "network": say_later("multilayer perceptrons and convolutional networks"),
    "resnet18": say_later("ResNet-18"),
    "mlp-mixer": say_later("MLP-Mixer"),
}


def trained_epochs(runs: Iterable[RunRecord]) -> list[EpochRecord]:
    """All recorded epochs in which a model was trained: epoch 0 only evaluates."""
    return [epoch for run in runs for epoch in run.epochs if epoch.epoch > 0]


def time_section(report: StudyReport) -> Section:
    """What the study cost, and what each figure means."""
    say, numbers = report.say, report.numbers
    epochs = trained_epochs(report.runs)
    train_s = sum(epoch.train_s for epoch in epochs)
    wall_s = report.record.wall_s
    images = report.train_images
    rows = [
        row(
            say("wall-clock time"),
            numbers.duration(wall_s),
            say("all sessions together, evaluation and waiting included"),
        ),
        row(
            say("workers"),
            _environment(report, "workers"),
            say("processes that trained at the same time"),
        ),
        row(
            say("model-epochs"),
            numbers.integer(len(epochs)),
            say("one model trained for one epoch, summed over the recorded models"),
        ),
        row(
            say("training time per model-epoch"),
            f"{numbers.significant(train_s / len(epochs))} s",
            say("mean; evaluation not included")
            if report.by_trainer
            else say(
                "mean; models trained as one program share its seconds evenly, evaluation not "
                "included"
            ),
        ),
        row(
            say("evaluation time per model-epoch"),
            f"{numbers.significant(sum(e.evaluate_s for e in epochs) / len(epochs))} s",
            say("mean; loss and accuracy on the whole validation set")
            if report.running
            else say("mean; loss and accuracy on the whole train and validation sets"),
        ),
    ]
    if images is not None and train_s > 0:
        passed = images * len(epochs)
        rows.append(
            row(
                say("images per second and worker"),
                numbers.integer(passed / train_s),
                say(
                    "{images} train images × model-epochs, divided by the sum of the training times"
                ).format(images=numbers.integer(images)),
            )
        )
        if wall_s > 0:
            rows.append(
                row(
                    say("images per second, whole study"),
                    numbers.integer(passed / wall_s),
                    say("the same images, divided by the wall-clock time"),
                )
            )
    blocks: list[Block] = [
        Table(
            name="time-table",
            caption=say("What the study cost"),
            corner=say("quantity"),
            columns=[say("value"), say("what it means")],
            rows=rows,
            numeric=False,
        )
    ]
    by_batch = _time_by_batch(report, images)
    if by_batch is not None:
        blocks.append(by_batch)
    return Section(name="time", heading=say("Time and throughput"), blocks=blocks)


def _time_by_batch(report: StudyReport, images: int | None) -> Table | None:
    """The same times for each batch size, which changes them most."""
    say, numbers = report.say, report.numbers
    sizes: dict[Any, list[RunRecord]] = {}
    for run in report.runs:
        if "batch_size" in run.cell:
            sizes.setdefault(run.cell["batch_size"], []).append(run)
    if len(sizes) < 2:
        return None
    rows = []
    in_order = sizes.items() if report.search is None else sorted(sizes.items())
    for size, runs in in_order:
        epochs = trained_epochs(runs)
        train_s = sum(epoch.train_s for epoch in epochs)
        if train_s <= 0:
            continue
        cells = [numbers.integer(len(epochs)), numbers.significant(train_s / len(epochs))]
        if images is not None:
            cells.append(numbers.integer(images * len(epochs) / train_s))
        rows.append(row(report.setting("batch_size", size), *cells))
    columns = [say("model-epochs"), say("training time per model-epoch (s)")]
    if images is not None:
        columns.append(say("images per second and worker"))
    return Table(
        name="batch-table",
        caption=say("Training time by batch size"),
        corner=report.setting_name("batch_size"),
        columns=columns,
        rows=rows,
    )


def setting_section(report: StudyReport) -> Section:
    """Everything that fixes the numbers of the report."""
    say, numbers, record = report.say, report.numbers, report.record
    config = record.config
    split = config.get("split") or {}
    missing = say("not recorded")

    def setting(value: Any) -> str:
        return missing if value is None else numbers.setting(value)

    seeds = config.get("seeds") or sorted({run.seed for run in report.runs})
    rows = [
        row(say("study run"), record.id),
        row(say("database"), report.location),
        row(say("command"), _environment(report, "command")),
        row(say("data set"), report.dataset),
        row(say("data checksum"), record.data_checksum or missing),
        row(say("split"), _split(report, split)),
        *_counts(report),
        row(say("model"), _model(report)),
        row(say("gradient"), report.gradient_sentence()),
        row(say("epochs"), setting(config.get("epochs"))),
        row(say("seeds"), report.joined([str(seed) for seed in seeds])),
        *(
            row(
                report.setting_name(key),
                range_in_words(report, key)
                if key in report.ranges
                else report.joined(
                    [report.setting(key, value) for value in _list(values)], say(", ")
                ),
            )
            for key, values in (report.grid | _fixed(report)).items()
        ),
        row(say("study fingerprint"), record.fingerprint),
        row(say("git revision"), _environment(report, "git_revision")),
        row(
            say("versions"),
            ", ".join(
                f"{name} {_environment(report, name)}"
                for name in ("retroprop", "python", "torch", "numpy")
            ),
        ),
        row(say("system"), _environment(report, "platform")),
        row(say("processor"), _environment(report, "cpu")),
        row(say("cores"), _environment(report, "cores")),
        row(say("memory (GB)"), _environment(report, "memory_gb")),
        row(say("threads per worker"), _environment(report, "threads_per_worker")),
        row(say("sessions"), _sessions_in_words(report)),
        *_origin(report),
    ]
    facts = Table(
        name="setting-table",
        caption=say("What fixes the numbers"),
        corner=say("item"),
        columns=[say("value")],
        rows=rows,
        numeric=False,
    )
    blocks: list[Block] = [facts]
    if len(record.sessions) > 1:
        blocks.append(_sessions_table(report))
    return Section(name="setting", heading=say("The setting of every number"), blocks=blocks)


def _origin(report: StudyReport) -> list[Row]:
    """Which study run this one goes on from, and from where it was imported, where that is so."""
    say, sessions = report.say, report.record.sessions
    names = {CONTINUES: say("continues"), IMPORTED: say("imported")}
    return [
        row(name, _environment(report, key))
        for key, name in names.items()
        if any(key in session.environment for session in sessions)
    ]


def _split(report: StudyReport, split: dict[str, Any]) -> str:
    """Which images train, which validate and which test."""
    say, numbers, missing = report.say, report.numbers, report.say("not recorded")
    seed = split.get("seed")
    held_out = report.test_images_in_words()
    if held_out:
        texts = [held_out]
    else:
        share, few = split.get("validation"), split.get("validation_images")
        whole = say("{n} images of the train set for validation, split seed {seed}")
        if few is None or report.validation_images is None:
            whole = say("{share} of the train set for validation, split seed {seed}")
        text = whole.format(
            n=numbers.integer(report.validation_images or 0),
            share=missing if share is None else numbers.percent(share, digits=_digits(share)),
            seed=missing if seed is None else seed,
        )
        texts = [text + "."] if report.train_images != report.all_train_images else [text]
    if part := report.part_of_images():
        text = say("{n} of the {all} training images train, drawn at random (split seed {seed}).")
        texts.append(text.format(**part, seed=seed))
    return " ".join(texts)


def _counts(report: StudyReport) -> list[Row]:
    """How many images validate, and how many numbers a model learns, where that is known."""
    say, numbers, rows = report.say, report.numbers, []
    if report.by_trainer and report.validation_images is not None:
        rows.append(row(say("validation images"), numbers.integer(report.validation_images)))
    known = [run.parameters for run in report.runs if run.parameters is not None]
    if known:
        low, high = min(known), max(known)
        text = numbers.integer(low)
        if low < high:
            text = say("{low} to {high}").format(low=text, high=numbers.integer(high))
        rows.append(row(say("parameters of a model"), text))
    return rows


def _model(report: StudyReport) -> str:
    """The kind of model and how its gradient is obtained."""
    kind = MODEL_NAMES.get(report.kind)
    names = [report.say(kind) if kind else report.kind or report.say("not recorded")]
    derivation = (report.record.config.get("model") or {}).get("derivation")
    if report.by_trainer:
        derivation = "autograd"
    if "derivation" not in report.grid:
        names.append(
            report.setting("derivation", derivation) if derivation else report.say("not recorded")
        )
    return ", ".join(names)


def _fixed(report: StudyReport) -> dict[str, list[Any]]:
    """The settings that the study does not vary and that its kind of model has."""
    training = report.record.config.get("training") or {}
    found: dict[str, list[Any]] = {}
    known = settings_of_kind(report.kind) if report.of_kind else ("optimizer", "learning_rate")
    for key in known:
        if key in report.grid or key in ("derivation", "gradient"):  # said elsewhere
            continue
        # What a study file leaves out is known to the models.
        if _says_nothing(report, key, training.get(key)):
            continue
        values = [training[key]] if training.get(key) is not None else report.values(key)
        if values and None not in values:
            found[key] = values
    return found


def _says_nothing(report: StudyReport, key: str, value: Any) -> bool:
    """Whether a setting had no part in the training."""
    if key == "momentum":
        return not {"momentum", "nesterov"} & set(report.values("optimizer"))
    return key in ("weight_decay", "label_smoothing", "drop_rate") and value == 0


def _sessions_in_words(report: StudyReport) -> str:
    own = [one for one in report.record.sessions if CONTINUES not in one.environment]
    say, times = report.say, len(own) - 1
    if times < 0:
        return say("not recorded")
    if times == 0:
        return say("one session, not interrupted")
    text = "interrupted and resumed once" if times == 1 else "interrupted and resumed {n} times"
    return say(text).format(n=times)


def _sessions_table(report: StudyReport) -> Table:
    say, missing = report.say, report.say("not recorded")
    rows = []
    for number, session in enumerate(report.record.sessions, start=1):
        recorded = (session.environment.get(key) for key in ("workers", "git_revision"))
        rows.append(
            row(
                str(number),
                _moment(session.started_at),
                report.numbers.duration(session.wall_s),
                *(_written(report, one) or missing for one in recorded),
            )
        )
    return Table(
        name="sessions-table",
        caption=say("Sessions that worked on this study run"),
        corner=say("session"),
        columns=[say("started (UTC)"), say("lasted"), say("workers"), say("git revision")],
        rows=rows,
        numeric=False,
    )


def models_section(report: StudyReport) -> Section:
    """Every model of the study, so that each number of the report can be traced."""
    say = report.say
    present = {key for cell in report.cells for key in cell.cell}
    keys = [key for key in report.grid if key in present]
    keys += sorted(present - set(keys))
    missing = Cell(text="—", mark="absent", spoken=say("none"))

    def value(run: RunRecord, name: str) -> Cell | str:
        number = getattr(run, name)
        return missing if number is None else report.write(name, number)

    @lru_cache(maxsize=None, typed=True)  # thousands of models have few words
    def setting(key: str, value: Any) -> Cell:
        return Cell(text=report.setting(key, value, short=True))

    def settings(cell: dict[str, Any]) -> list[Cell]:
        return [setting(key, hashable(cell[key])) if key in cell else missing for key in keys]

    @cache
    def status(word: str, diverged_epoch: int | None) -> Cell:
        text = _status(report, word, diverged_epoch)
        return Cell(text=text, mark="diverged" if word == "diverged" else "")

    rows = [
        row(
            str(run.id),
            *shared,
            str(run.seed),
            status(run.status, run.diverged_epoch),
            missing if run.best_epoch is None else str(run.best_epoch),
            value(run, "best_validation_accuracy"),
            value(run, "test_accuracy"),
            anchor=f"run-{run.id}",
        )
        for cell in report.cells
        for shared in [settings(cell.cell)]
        for run in cell.runs
    ]
    table = Table(
        name="models-table",
        caption=say("All models; accuracies in %"),
        corner=say("run"),
        columns=[
            *(report.setting_name(key) for key in keys),
            say("seed"),
            say("status"),
            say("best epoch"),
            say("validation"),
            say("test"),
        ],
        rows=rows,
        words=[
            *(at for at, key in enumerate(keys) if isinstance(report.runs[0].cell.get(key), str)),
            len(keys) + 1,
        ],
    )
    text = say(
        "One row for each model. This command shows the full record of a run, here of run {id}:"
    ).format(id=report.runs[0].id)
    command = f"retroprop show {report.runs[0].id}{report.database_option}"
    return Section(
        name="models",
        heading=say("Every model"),
        blocks=[Paragraph(text=text, command=command), table],
    )


def _status(report: StudyReport, status: str, diverged_epoch: int | None) -> str:
    say = report.say
    if status == "diverged" and diverged_epoch is not None:
        return say("diverged at epoch {n}").format(n=diverged_epoch)
    return {
        "planned": say("planned"),
        "running": say("running"),
        "interrupted": say("interrupted"),
        "finished": say("finished"),
        "diverged": say("diverged"),
        "pruned": say("pruned"),
    }.get(status, status)


def _environment(report: StudyReport, key: str) -> str:
    """What the sessions recorded under a key: one value, or all that differ."""
    found = [_written(report, session.environment.get(key)) for session in report.record.sessions]
    return "; ".join(dict.fromkeys(filter(None, found))) or report.say("not recorded")


def _written(report: StudyReport, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, float) and math.isfinite(value):
        return report.numbers.decimal(value, 0 if value == int(value) else 1)
    return str(value)


def _moment(iso: str) -> str:
    try:
        return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso


def _digits(fraction: float) -> int:
    return 0 if abs(100 * fraction - round(100 * fraction)) < 1e-9 else 1


def _list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
