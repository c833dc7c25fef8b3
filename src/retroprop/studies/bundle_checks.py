"""What a file of study runs says, of which nothing is believed before it is seen.

Each study run is a line of JSON for the study and one for each model. The study goes through the
schema of study files; its fingerprint, and the settings, seed and population of each model, must be
those that this study makes. So what is left to be claimed are the measured numbers, and these must
be finite, in their bounds and in their order.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from retroprop.data import CATALOG
from retroprop.data.catalog import is_own
from retroprop.data.own import parse
from retroprop.errors import UserError, in_short
from retroprop.studies.kinds import settings_of_kind
from retroprop.studies.plan import Groups, grouped_models, grouped_trials
from retroprop.studies.records import NewRun, RunRecord, SessionRecord, StudyRunRecord
from retroprop.studies.schema import Strict, Study
from retroprop.studies.whole_runs import WholeRun, best_file
from retroprop.training.epochs import EpochRecord

MOST_SESSIONS = 10_000
MOST_EPOCHS = 10_000
MOST_CLASSES = 1_000

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e300, le=1e300)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Epoch = Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[str, Field(max_length=40), AfterValidator(lambda text: _moment(text))]
Fact = Annotated[str, Field(max_length=100_000)] | int | Number | bool | None
Word = Annotated[str, Field(max_length=60)]
EpochRow = tuple[
    Epoch, Number | None, Share | None, Number | None, Share | None, Seconds, Seconds, Number | None
]
"""An `EpochRecord`: epoch, train loss and accuracy, validation's, seconds of both, gradient."""


class Refused(Exception):  # noqa: N818 - it is the clause of a sentence
    """What makes a file none of ours; the text continues "it is refused: "."""


class SessionLine(Strict):
    """A session, as `SessionRecord`."""

    started_at: Moment
    wall_s: Seconds
    environment: Annotated[dict[Word, Fact], Field(max_length=200)]


class StudyLine(Strict):
    """The first line of a study run, as `StudyRunRecord`; how many lines of models follow."""

    id: Annotated[str, Field(max_length=120)]
    study: Annotated[str, Field(max_length=61)]
    fingerprint: Digest
    config: dict[str, Any]
    data_checksum: Hex
    status: Literal["running", "interrupted", "finished"]
    created_at: Moment
    finished_at: Moment | None = None
    sessions: Annotated[list[SessionLine], Field(max_length=MOST_SESSIONS)]
    models: Annotated[int, Field(ge=1, le=100_000)]


class RunLine(Strict):
    """The line of a model, as `RunRecord`."""

    id: Annotated[int, Field(ge=1, lt=2**63)]
    position: Annotated[int, Field(ge=0, lt=100_000)]
    population: Annotated[str, Field(max_length=200)]
    cell: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    status: Literal["planned", "running", "interrupted", "finished", "diverged", "pruned"]
    trained: bool
    best_epoch: Epoch | None = None
    best_validation_accuracy: Share | None = None
    best_validation_loss: Number | None = None
    diverged_epoch: Epoch | None = None
    test_accuracy: Share | None = None
    test_loss: Number | None = None
    test_confusion: (
        Annotated[list[list[Annotated[int, Field(ge=0, lt=2**53)]]], Field(max_length=MOST_CLASSES)]
        | None
    ) = None
    parameters: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    checkpoint_sha256: Digest | None = None
    epochs: Annotated[list[EpochRow], Field(max_length=MOST_EPOCHS + 1)]


class _Elsewhere(Study):
    """A study of data of one's own that need not be here."""

    dataset: Annotated[str, AfterValidator(lambda name: parse(name).name)]

    @model_validator(mode="after")
    def _suits_its_data(self) -> "_Elsewhere":
        return self


@dataclass(frozen=True)
class CheckedRun:
    """A study run that may be recorded, and the study that it is of."""

    study: Study
    whole: WholeRun


def lines_of(whole: WholeRun) -> Iterator[bytes]:
    """The lines of a study run; what was running is interrupted for whoever reads them."""
    record = whole.record
    values: dict[str, Any] = {
        name: getattr(record, name) for name in StudyLine.model_fields if name != "models"
    }
    values |= {"sessions": [vars(one) for one in record.sessions], "models": len(whole.runs)}
    yield _line(values)
    for run in whole.runs:
        names = [name for name in RunLine.model_fields if name not in ("epochs", "trained")]
        epochs = [tuple(vars(epoch).values()) for epoch in run.epochs]
        values = {name: getattr(run, name) for name in names}
        yield _line({**values, "trained": run.checkpoint is not None, "epochs": epochs})


def checked_run(lines: Sequence[bytes]) -> CheckedRun:
    """The study run of some lines.

    Raises:
        Refused: If a value cannot be, or is not what the study makes.
    """
    first = _read(StudyLine, lines[0] if lines else b"", "the line of a study run")
    study = _study(first)
    if len(lines) != first.models + 1:
        raise Refused(f"it has other models of {first.id} than the {first.models} that it says")
    given = [
        _read(RunLine, line, f"model {position} of {first.id}")
        for position, line in enumerate(lines[1:])
    ]
    groups = grouped_models(study) if study.search is None else _trials(study, given, first.id)
    planned = {run.position: (name, run) for name, runs in groups.items() for run, _ in runs}
    if len(planned) != first.models:
        raise Refused(f"{first.id} has {first.models} models, and its study has {len(planned)}")
    runs = [
        _run(run, first, *planned[position], f"model {position} of {first.id}", study)
        for position, run in enumerate(given)
    ]
    classes = len(CATALOG[study.dataset].classes) if study.dataset in CATALOG else None
    if classes and any(run.test_confusion and len(run.test_confusion) != classes for run in runs):
        raise Refused(f"{first.id} has other classes than {study.dataset}")
    if first.status == "finished" and not all(run.checkpoint for run in runs):
        raise Refused(f"{first.id} is finished, and not all of its models are")
    sessions = tuple(
        SessionRecord(
            started_at=one.started_at,
            wall_s=one.wall_s,
            environment={_shown(key): _shown(value) for key, value in one.environment.items()},
        )
        for one in first.sessions
    )
    record = StudyRunRecord(
        id=first.id,
        study=study.name,
        fingerprint=first.fingerprint,
        config=study.model_dump(mode="json", exclude_none=True),
        data_checksum=first.data_checksum,
        status="finished" if first.status == "finished" else "interrupted",
        created_at=first.created_at,
        finished_at=first.finished_at,
        sessions=sessions,
    )
    return CheckedRun(study, WholeRun(record=record, runs=tuple(runs)))


def _trials(study: Study, given: Sequence[RunLine], id: str) -> Groups:
    """The models that a search makes of the settings that were drawn for its trials."""
    cells = [run.cell for run in given[:: len(study.seeds)]]
    for number, cell in enumerate(cells):
        if cell.keys() != study.ranges.keys() or not all(
            one.holds(cell[key]) for key, one in study.ranges.items()
        ):
            raise Refused(f"trial {number + 1} of {id} is not of the ranges of its study")
    return grouped_trials(study, cells)


def _run(
    run: RunLine, first: StudyLine, population: str, planned: NewRun, about: str, study: Study
) -> RunRecord:
    """A model, if it is the planned one and its numbers fit together."""
    says = {**planned.settings, **run.settings}  # an older version recorded fewer settings
    if (
        run.position != planned.position
        or run.population != population
        or _plain(run.cell) != _plain(planned.cell)
        or run.seed != planned.seed
        or _plain(says) != _plain(planned.settings)
    ):
        raise Refused(f"{about} is none that its study makes")
    epochs = [row[0] for row in run.epochs]
    last = len(epochs) - 1
    marks = [one for one in (run.best_epoch, run.diverged_epoch) if one is not None]
    confusion = run.test_confusion
    if (
        epochs != list(range(len(epochs)))
        or last > study.epochs
        or any(mark > last for mark in marks)
        or (run.best_epoch is None) != (run.best_validation_accuracy is None)
        or (run.status == "diverged") != (run.diverged_epoch is not None)
        or (run.status in ("finished", "pruned") and not run.trained)
        or (run.status == "pruned" and study.search is None)
        or (run.trained and last < 0)
        or (confusion is not None and any(len(row) != len(confusion) for row in confusion))
    ):
        raise Refused(f"the numbers of {about} contradict each other")
    status = "interrupted" if run.status == "running" else run.status
    values: dict[str, Any] = {
        name: getattr(run, name) for name in RunLine.model_fields if name != "trained"
    }
    values["settings"], values["cell"] = dict(planned.settings), dict(planned.cell)
    values["epochs"] = tuple(_epoch(row) for row in run.epochs)
    values |= {"study_run_id": first.id, "status": status}
    if run.trained:
        values["checkpoint"] = best_file(first.id, population)
    return RunRecord(**values)


def _study(first: StudyLine) -> Study:
    """The study of a study run, whose id and fingerprint must be those of its settings."""
    try:
        config = _as_study_file(first.config)
        elsewhere = is_own(config["dataset"])
        study = (_Elsewhere if elsewhere else Study).model_validate(config)
        fingerprint = study.fingerprint
    except (ValidationError, UserError, KeyError, TypeError, AttributeError, ValueError):
        raise Refused(
            f"the settings of {in_short(first.id)} are not of a study that this retroprop knows"
        ) from None
    begin, rest = f"{study.name}-{fingerprint[:8]}", first.id
    number = rest.removeprefix(begin)
    named = rest.startswith(begin) and (not number or _is_suffix(number))
    if first.study != study.name or first.fingerprint != fingerprint or not named:
        raise Refused(f"{in_short(first.id)} has other settings than its name and fingerprint say")
    return study


def _is_suffix(text: str) -> bool:
    """Whether it is -2, -3 and so on."""
    return text.startswith("-") and text[1:].isascii() and text[1:].isdigit() and len(text) < 8


def _as_study_file(config: dict[str, Any]) -> dict[str, Any]:
    """A recorded study as a study file says it, without defaults that have no part in its kind."""
    model, split = dict(config["model"]), dict(config.get("split") or {})
    kind = model["kind"]
    known = {*settings_of_kind(kind), "gradient", "precision"}
    if "derivation" not in known:
        model.pop("derivation", None)
    if split.get("source") == "test":
        split.pop("validation", None)
    training = config.get("training") or {}
    kept = {key: value for key, value in training.items() if key in known}
    return {**config, "model": model, "split": split, "training": kept}


def _read(kind: Any, line: bytes, what: str) -> Any:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"][:2])
        raise Refused(
            f"{what} is not what a record holds{f' ({where[:60]})' if where else ''}"
        ) from None


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _epoch(row: Sequence[Any]) -> EpochRecord:
    names = EpochRecord.__dataclass_fields__
    return EpochRecord(**dict(zip(names, row, strict=True)))


def _plain(values: Any) -> Any:
    """Values as JSON has them: lists for tuples."""
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items()}
    return [_plain(one) for one in values] if isinstance(values, list | tuple) else values


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _shown(value: Any) -> Any:
    """A text of which every character can be shown, or the value as it is."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(character if character.isprintable() else "?" for character in value)
