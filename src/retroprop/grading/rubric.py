"""A teacher's rubric in TOML: points, shares, visibility, limits, tolerance, lines of one's own.

The code holds the checks, and the rubric what they are worth. What a rubric does not say stays as
the lab has it, so an empty file is a rubric too; `default_rubric` writes the whole of it to start
from. Every problem of a file is one sentence.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from retroprop.errors import UserError, did_you_mean, in_short
from retroprop.grading.checks import Check, LabGrading, Question
from retroprop.grading.results import ManualResult
from retroprop.grading.sessions import MIB, Limits
from retroprop.grading.submissions import Submission
from retroprop.languages import Say
from retroprop.studies.problems import MOST_PROBLEMS, Location, explained, listed
from retroprop.studies.schema import Strict, Text, Title
from retroprop.studies.study_text import parse_toml, read_text

SHARES_OFF_BY = 0.015
"""How far the shares of a question may be from 1, as 0.33 three times is; they are scaled."""

Points = Annotated[float, Field(ge=0, le=1_000)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
Mebibytes = Annotated[int, Field(ge=64, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class _Check(Strict):
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    public: bool | None = None
    tolerance: Annotated[float, Field(gt=0, le=1)] | None = None
    seconds: Seconds | None = None


class _Question(Strict):
    points: Points | None = None
    checks: dict[Text, _Check] = Field(default={})


class _Limits(Strict):
    memory_mib: Mebibytes | None = None
    load_s: Seconds | None = None
    total_s: Seconds | None = None
    printed_mib: Annotated[int, Field(ge=1, le=10_000)] | None = None
    folder_mib: Annotated[int, Field(ge=1, le=100_000)] | None = None
    files: Count | None = None
    threads: Count | None = None


class _Given(Strict):
    points: Points
    comment: Annotated[str, Field(max_length=5_000)] = ""

    @model_validator(mode="before")
    @classmethod
    def _points_alone(cls, given: Any) -> Any:
        """`anna = 7.5` is short for `anna = { points = 7.5 }`."""
        if isinstance(given, int | float) and not isinstance(given, bool):
            return {"points": given}
        if not isinstance(given, Mapping):
            raise ValueError('points are expected, or { points = 7.5, comment = "…" }')
        return given


class _Manual(Strict):
    name: Title
    points: Points
    given: dict[Text, _Given] = Field(default={})


class _File(Strict):
    lab: str = ""
    strict: list[str] = Field(default=[])
    limits: _Limits = _Limits()
    questions: dict[str, _Question] = Field(default={})
    manual: Annotated[list[_Manual], Field(max_length=100)] = Field(default=[])


@dataclass(frozen=True, kw_only=True)
class ManualLine:
    """A line that a teacher grades by hand.

    Attributes:
        name: Language → what it is called.
        points: The most that it gives.
        given: Name of a submission or a student → points and comment.
    """

    name: Mapping[str, str]
    points: float
    given: Mapping[str, tuple[float, str]]


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """How a lab is graded.

    Attributes:
        grading: With the rubric's points, shares, visibility and tolerances.
        strict: Names of the remarks that cost the points of their check.
        limits: What a submission may use.
        manual: The teacher's own lines.
    """

    grading: LabGrading
    strict: frozenset[str] = frozenset()
    limits: Limits = dataclasses.field(default_factory=Limits)
    manual: Sequence[ManualLine] = ()

    def manual_results(self, submission: Submission, language: str) -> list[ManualResult]:
        """The teacher's own lines for a submission, named in a language."""
        results = []
        for line in self.manual:
            names = (submission.name, *submission.students)
            points, comment = next((line.given[n] for n in names if n in line.given), (None, ""))
            results.append(
                ManualResult(
                    name=line.name[language], max_score=line.points, score=points, comment=comment
                )
            )
        return results

    def strangers(self, submissions: Sequence[Submission]) -> list[str]:
        """The names with points by hand that are no submission's and no student's."""
        known = {name for one in submissions for name in (one.name, *one.students)}
        return sorted({name for line in self.manual for name in line.given} - known)


def read_rubric(path: Path | None, grading: LabGrading) -> Rubric:
    """Read a rubric for a lab; without one, the lab's own.

    Raises:
        UserError: One sentence per problem, each naming the key and the fix.
    """
    if path is None:
        return Rubric(grading=grading)
    try:
        text = read_text(path, "rubric")
    except FileNotFoundError:
        raise UserError(f"there is no rubric {path}; give the path of a .toml file.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"the rubric {path} cannot be read: {in_short(error)}.") from None
    return rubric_from(text, grading, str(path))


def rubric_from(text: str, grading: LabGrading, source: str) -> Rubric:
    """The rubric of a TOML text.

    Args:
        text: What the file holds.
        grading: Of the lab.
        source: Where it comes from, for the sentences.

    Raises:
        UserError: One sentence per problem, each naming the key and the fix.
    """
    document = parse_toml(text, source, "rubric")
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        raise UserError(explained(source, error, _known_keys, whole="the rubric")) from None
    if problems := list(_problems(file, grading)):
        raise UserError(listed(source, problems[:MOST_PROBLEMS], len(problems)))
    given = file.limits.model_dump(exclude_none=True)
    return Rubric(
        grading=dataclasses.replace(
            grading, questions=[_question(one, file) for one in grading.questions]
        ),
        strict=frozenset(file.strict),
        limits=Limits(
            **{
                key.replace("_mib", "_bytes"): value * MIB if key.endswith("_mib") else value
                for key, value in given.items()
            }
        ),
        manual=[_manual_line(line) for line in file.manual],
    )


# --- what the file says of the lab ----------------------------------------------------------------


def _problems(file: _File, grading: LabGrading) -> Iterator[str]:
    """Names that the lab does not know, shares that do not add up, points beyond a line's."""
    if file.lab not in ("", grading.lab):
        yield f"lab is {in_short(file.lab)}, and {grading.lab} is graded; use a rubric of that lab"
    questions = {one.number: one for one in grading.questions}
    remarks = {remark.name for _, check in _checks(grading) for remark in check.remarks}
    for name in file.strict:
        if name not in remarks:
            yield f"strict: unknown remark {in_short(name)}. {did_you_mean(name, remarks)}"
    for number, table in file.questions.items():
        if number not in questions:
            yield f"unknown question {in_short(number)}. {did_you_mean(number, questions)}"
            continue
        names = [check.name for check in questions[number].checks]
        for name in sorted(table.checks.keys() - set(names)):
            yield (
                f"questions.{number}: unknown check {in_short(name)}. {did_you_mean(name, names)}"
            )
        shares = sum(_share(check, table) for check in questions[number].checks)
        if abs(shares - 1) > SHARES_OFF_BY:
            yield (
                f"questions.{number}: the shares of its checks add up to {shares:.3g}, and must "
                "add up to 1"
            )
    for line in file.manual:
        for name, given in line.given.items():
            if given.points > line.points:
                yield (
                    f"manual {in_short(line.name.en)}: {in_short(name)} has {given.points:g} of "
                    f"{line.points:g} points; give at most {line.points:g}, or raise points"
                )


def _checks(grading: LabGrading) -> Iterator[tuple[Question, Check]]:
    for question in grading.questions:
        for check in question.checks:
            yield question, check


def _share(check: Check, table: _Question) -> float:
    said = table.checks.get(check.name, _Check()).share
    return check.share if said is None else said


def _question(question: Question, file: _File) -> Question:
    """A question with what the rubric says of it."""
    table = file.questions.get(question.number, _Question())
    shares = sum(_share(check, table) for check in question.checks)
    checks = []
    for check in question.checks:
        said = table.checks.get(check.name, _Check()).model_dump(exclude_none=True)
        checks.append(
            dataclasses.replace(check, **{**said, "share": _share(check, table) / shares})
        )
    points = question.points if table.points is None else table.points
    return dataclasses.replace(question, points=points, checks=checks)


def _manual_line(line: _Manual) -> ManualLine:
    return ManualLine(
        name={"en": line.name.en, "fr": line.name.fr},
        points=line.points,
        given={name: (one.points, one.comment) for name, one in line.given.items()},
    )


def _known_keys(location: Location) -> list[str]:
    """The keys that the table at this place of a rubric may have."""
    model: type[BaseModel] = _File
    match location:
        case ("limits", *_):
            model = _Limits
        case ("questions", _, "checks", *_):
            model = _Check
        case ("questions", *_):
            model = _Question
        case ("manual", _, "given", *_):
            model = _Given
        case ("manual", _, "name"):
            model = Title
        case ("manual", *_):
            model = _Manual
    return list(model.model_fields)


# --- the whole default ----------------------------------------------------------------------------


def default_rubric(grading: LabGrading, say: Say) -> str:
    """The rubric of a lab as it is without one: TOML with comments, to change and to give back."""
    remarks = {remark.name: remark for _, check in _checks(grading) for remark in check.remarks}
    usual = Limits()
    title = say("How {lab} is graded. Change what you like; what is left out stays as it is.")
    lines = [
        *_comment(title.format(lab=grading.lab)),
        f"lab = {_text(grading.lab)}",
        "",
        *_comment(say("Remarks that cost the points of their check; others are only said.")),
        *(f"#   {_text(name)}: {say(remark.sentence)}" for name, remark in remarks.items()),
        "strict = []",
        "",
        *_comment(say("What a submission may use; seconds are of the processor.")),
        "[limits]",
        f"# memory_mib = {usual.memory_bytes // MIB}",
        f"# load_s = {usual.load_s:g}",
        f"# total_s = {usual.total_s:g}",
    ]
    for question in grading.questions:
        lines += ["", *_comment(say(question.name))]
        lines += [f"[questions.{_text(question.number)}]", f"points = {question.points:g}"]
        for check in question.checks:
            if (name := say(check.name)) != check.name:
                lines += _comment(name)
            lines += [
                f"[questions.{_text(question.number)}.checks.{_text(check.name)}]",
                f"share = {check.share!r}",
                f"public = {str(check.public).lower()}",
                f"tolerance = {check.tolerance!r}",
                f"seconds = {check.seconds!r}",
            ]
    lines += ["", *_comment(say("Your own lines, with points that you give by hand:"))]
    lines += [
        "# [[manual]]",
        '# name = { en = "Report", fr = "Rapport" }',
        "# points = 10",
        "# [manual.given]",
        '# anna = { points = 8.5, comment = "…" }',
        '# "Ada Lovelace" = 9',
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def _text(text: str) -> str:
    """A text as TOML writes it, as a value or a key."""
    return json.dumps(text, ensure_ascii=False)
