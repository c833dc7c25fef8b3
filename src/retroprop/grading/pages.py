"""The teacher's page of a class, and a sheet for each submission: one HTML file each.

    class.html            how the class did, the mistakes by how many made them, what to look at
    teacher/NAME.html     a submission with everything that is known of it
    students/NAME.html    the same as far as its student may know it, to hand back

No script, no network, and the style of every other page of ours. What a student wrote is text and
nothing else: the templates escape it, and the pages' own policy forbids whatever would load.
"""

import re
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from retroprop.figures.style import page_colours
from retroprop.files import make_folder, replace_file
from retroprop.grading.checks import LabGrading, Question
from retroprop.grading.class_words import layers_in_words, words
from retroprop.grading.results import CheckResult, QuestionResult, Sheet, explained, said_of, where
from retroprop.grading.results_files import file_names, notes_of
from retroprop.grading.similarity import Pair, Passage
from retroprop.grading.submissions import Submission
from retroprop.languages import Say, translator
from retroprop.report.frame import TEMPLATES
from retroprop.report.numbers import Numbers

OWN_TEMPLATES = Path(__file__).parent / "templates"
BINS = 10
"""Of the distribution of points."""
MOST_PASSAGES = 6
"""Of a pair, on the page."""
MOST_LINES = 80
"""Of a passage, on the page."""
LONGEST_LINE = 200
"""Of code in a sentence, in characters."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A class that was graded.

    Attributes:
        title: Of the assignment, in the reader's language.
        grading: Of the lab, with the rubric applied.
        sheets: One a submission.
        pairs: Submissions that are alike; None where nobody compared them.
        language: Of the pages.
    """

    title: str
    grading: LabGrading
    sheets: Sequence[Sheet]
    pairs: Sequence[Pair] | None = None
    language: str = "en"


def write_pages(folder: Path, graded: Graded) -> Path:
    """Write all pages of a class below a folder; the path of the teacher's.

    Raises:
        OSError: If one cannot be written.
    """
    files = file_names(sheet.submission.name for sheet in graded.sheets)
    for audience in ("teacher", "students"):
        make_folder(folder / audience)
        for sheet in graded.sheets:
            page = sheet_page(sheet, graded, for_teacher=audience == "teacher")
            _write(folder / audience / f"{files[sheet.submission.name]}.html", page)
    _write(folder / "class.html", class_page(graded))
    return folder / "class.html"


def class_page(graded: Graded) -> str:
    """The teacher's page, which links to `teacher/NAME.html` beside it."""
    return _page("class", _ClassView(graded), graded)


def sheet_page(sheet: Sheet, graded: Graded, *, for_teacher: bool) -> str:
    """The page of one submission; a student's says no more of hidden checks than it may."""
    return _page("sheet", _SheetView(sheet, graded, for_teacher=for_teacher), graded)


def _page(name: str, view: "_ClassView | _SheetView", graded: Graded) -> str:
    template = _environment(graded.language).get_template(f"{name}.html.j2")
    return template.render(view=view, graded=graded)


def _write(path: Path, page: str) -> None:
    replace_file(path, page.encode("utf-8", "replace"), durable=True)


@cache
def _environment(language: str) -> Environment:
    """The templates with what they call; compiling them takes longer than drawing a page."""
    environment = Environment(
        loader=FileSystemLoader([OWN_TEMPLATES, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,  # and not markup
    )
    environment.globals |= {
        "language": language,
        "words": words(translator(language)),
        "points": lambda value: points_text(value, language),
        "people": people,
        "colon": colon(language),
        "light": page_colours(),
        "dark": page_colours(dark=True),
    }
    return environment


def plain(text: str) -> str:
    r"""A student's text for a page: no control characters, which HTML has no place for.

    >>> plain("a\x1b[31mb\n")
    'a�[31mb\n'
    """
    return _CONTROL.sub("\ufffd", text)


def people(submission: Submission) -> str:
    """Whose submission it is, as far as that is known; else its name."""
    return ", ".join(submission.students) or submission.name


def colon(language: str) -> str:
    """With the space that French has before it."""
    return "\u00a0:" if language == "fr" else ":"


def points_text(value: float, language: str) -> str:
    """Points with as many decimals as they need, two at most.

    >>> points_text(2.5, "fr"), points_text(3.0, "en"), points_text(1 / 3, "en")
    ('2,5', '3', '0.33')
    """
    digits = next((n for n in (0, 1) if abs(round(value, n) - value) < 5e-4), 2)
    return Numbers(language).decimal(value, digits)


# --- the class ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _QuestionRow:
    """How a class did in one question: how many have all its points, some, none."""

    question: Question
    name: str
    mean: float
    full: int
    some: int
    none: int


@dataclass(frozen=True, kw_only=True)
class _MistakeRow:
    """A mistake, in which questions it was made, and by whom: name → submission."""

    sentence: str
    questions: set[str] = field(default_factory=set)
    made_by: dict[str, Submission] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a teacher should look at in one submission: a word for the kind, and a sentence."""

    sheet: Sheet
    reasons: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The lines of a passage in one submission, with their numbers."""

    file: str
    lines: Sequence[tuple[int, str]]
    more: int


class _ClassView:
    """What the template of the teacher's page draws."""

    def __init__(self, graded: Graded) -> None:
        self.graded = graded
        self.say: Say = translator(graded.language)
        self.colon = colon(graded.language)
        self.files = file_names(sheet.submission.name for sheet in graded.sheets)
        self.read = [one for one in graded.sheets if one.submission.unreadable is None]
        self.scores = [sheet.score for sheet in self.read]
        self.most = max((sheet.max_score for sheet in graded.sheets), default=0.0)

    @property
    def manual_lines(self) -> list[str]:
        """The names of the teacher's own lines: the same for all submissions."""
        return [line.name for sheet in self.graded.sheets[:1] for line in sheet.manual]

    @property
    def mean(self) -> float:
        """Points of those that could be read."""
        return statistics.fmean(self.scores) if self.scores else 0.0

    @property
    def median(self) -> float:
        """Likewise."""
        return statistics.median(self.scores) if self.scores else 0.0

    @property
    def bins(self) -> list[tuple[float, float, int]]:
        """From how many points to how many, and how many submissions have so many."""
        width = self.most / BINS or 1.0
        counts = [0] * BINS
        for score in self.scores:
            counts[min(BINS - 1, max(0, int(score / width + 1e-9)))] += 1
        return [(i * width, (i + 1) * width, count) for i, count in enumerate(counts)]

    @property
    def layers(self) -> str:
        """Of confinement: those that held in all submissions that ran."""
        held = [set(sheet.held) for sheet in self.graded.sheets if sheet.held]
        return layers_in_words(sorted(set.intersection(*held)), self.say) if held else ""

    @cached_property
    def questions(self) -> list[_QuestionRow]:
        """In the order of the assignment."""
        rows = []
        for question in self.graded.grading.questions:
            results = [one for sheet in self.read if (one := _result(sheet, question))]
            parts = [_part_earned(one) for one in results]
            full, none = sum(part > 1 - 1e-9 for part in parts), sum(part < 1e-9 for part in parts)
            rows.append(
                _QuestionRow(
                    question=question,
                    name=self.say(question.name),
                    mean=statistics.fmean(one.score for one in results) if results else 0.0,
                    full=full,
                    some=len(results) - full - none,
                    none=none,
                )
            )
        return rows

    @cached_property
    def mistakes(self) -> list[_MistakeRow]:
        """Those that cost points, the most frequent first; each counts once a submission."""
        made: dict[str, _MistakeRow] = {}
        for sheet in self.read:
            for question, result in _results(sheet):
                for mistake in result.check.mistakes:
                    if mistake.name in result.finding.mistakes and not result.finding.passed:
                        row = made.setdefault(
                            mistake.name, _MistakeRow(sentence=self.say(mistake.sentence))
                        )
                        row.questions.add(question.question.number)
                        row.made_by[sheet.submission.name] = sheet.submission
        return sorted(made.values(), key=lambda row: -len(row.made_by))

    @cached_property
    def to_look_at(self) -> list[_Look]:
        """The submissions that a teacher should open, with the reasons; mere remarks at the end."""
        looks = [_Look(sheet=one, reasons=list(self._reasons(one))) for one in self.graded.sheets]
        remark = self.say("remark")
        return sorted(
            (look for look in looks if look.reasons),
            key=lambda look: all(kind == remark for kind, _ in look.reasons),
        )

    def _reasons(self, sheet: Sheet) -> Iterator[tuple[str, str]]:
        say, grading = self.say, self.graded.grading
        if sheet.submission.unreadable is not None:
            yield say("unreadable"), sheet.submission.unreadable
            return
        for note in sheet.submission.notes:
            yield say("files"), note
        for note in sheet.notes:
            yield say("at load"), said_of(note, grading, say)
        if not sheet.finished:
            yield say("unfinished"), notes_of(sheet, say)[-1]
        for one in sheet.evidence:
            place = where(one, grading, say)
            yield say("evidence"), f"{one.sentence} ({place})" if place else one.sentence
        found: dict[tuple[str, str], set[str]] = {}  # reason → numbers of questions
        for question, result in _results(sheet):
            reasons = [
                (say("remark"), say(remark.sentence))
                for remark in result.check.remarks
                if remark.name in result.finding.remarks
            ]
            if result.raised is not None:
                reasons.append((say("crash"), said_of(result.raised, grading, say)))
            for reason in reasons:
                found.setdefault(reason, set()).add(question.question.number)
        for (kind, sentence), numbers in found.items():
            yield kind, f"{self.questions_in_words(numbers)}{self.colon} {sentence}"

    def questions_in_words(self, numbers: Collection[str]) -> str:
        """Numbers of questions with the word, in the order of the assignment."""
        order = [one.number for one in self.graded.grading.questions if one.number in numbers]
        form = self.say("question {number}") if len(order) == 1 else self.say("questions {number}")
        return form.format(number=", ".join(order))

    def link(self, submission: Submission) -> str:
        """The address of a submission's sheet, beside this page."""
        return f"teacher/{self.files[submission.name]}.html"

    def question_score(self, sheet: Sheet, question: Question) -> QuestionResult | None:
        """What a submission has in a question, if it was graded."""
        return _result(sheet, question)

    def percent(self, part: float) -> str:
        """A part in per cent."""
        return Numbers(self.graded.language).percent(part, digits=0)

    def passages(self, pair: Pair) -> list[tuple[_Side, _Side]]:
        """The longest passages of a pair, side by side."""
        return [(_left(pair, one), _right(pair, one)) for one in pair.passages[:MOST_PASSAGES]]


def _left(pair: Pair, passage: Passage) -> _Side:
    return _side(pair.left.files, passage.left_file, passage.left_lines)


def _right(pair: Pair, passage: Passage) -> _Side:
    return _side(pair.right.files, passage.right_file, passage.right_lines)


def _side(files: Mapping[str, str], file: str, lines: tuple[int, int]) -> _Side:
    first, last = lines
    text = files[file].split("\n")[first - 1 : last]
    numbered = list(enumerate(text[:MOST_LINES], start=first))
    return _Side(file=f"{file}.py", lines=numbered, more=max(0, len(text) - MOST_LINES))


def _result(sheet: Sheet, question: Question) -> QuestionResult | None:
    numbers = {one.question.number: one for one in sheet.questions}
    return numbers.get(question.number)


def _part_earned(result: QuestionResult) -> float:
    """Of its points; of a question that is worth none, the part of its checks that passed."""
    if result.max_score:
        return result.score / result.max_score
    return statistics.fmean([one.finding.passed for one in result.checks] or [True])


def _results(sheet: Sheet) -> Iterator[tuple[QuestionResult, CheckResult]]:
    for question in sheet.questions:
        for result in question.checks:
            yield question, result


# --- one submission -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _CheckRow:
    """A check on a sheet: "right", "wrong", or "noted" where points came with a sentence."""

    name: str
    state: str
    score: float
    max_score: float
    sentence: str
    hidden: bool
    code: str


class _SheetView:
    """What the template of a sheet draws."""

    def __init__(self, sheet: Sheet, graded: Graded, *, for_teacher: bool) -> None:
        self.sheet, self.graded, self.for_teacher = sheet, graded, for_teacher
        self.say: Say = translator(graded.language)

    @property
    def notes(self) -> list[str]:
        """What there is to say of the whole submission."""
        return notes_of(self.sheet, self.say)

    @property
    def evidence(self) -> list[tuple[str, str, str]]:
        """Place, sentence and line of code of what a teacher should look at."""
        if not self.for_teacher:
            return []
        return [
            (where(one, self.graded.grading, self.say), one.sentence, one.text)
            for one in self.sheet.evidence
        ]

    @property
    def layers(self) -> str:
        """Of confinement, that held."""
        return layers_in_words(self.sheet.held, self.say)

    @property
    def processor(self) -> str:
        """Its processor time, in words."""
        return Numbers(self.graded.language).duration(self.sheet.processor_s)

    @property
    def memory(self) -> str:
        """The most memory that it used, in words."""
        mebibytes = Numbers(self.graded.language).integer(self.sheet.peak_bytes / 2**20)
        return self.say("{n} MiB").format(n=mebibytes)

    def name(self, question: QuestionResult) -> str:
        """Of a question."""
        return self.say(question.question.name)

    def checks(self, question: QuestionResult) -> list[_CheckRow]:
        """Of a question."""
        return [self._row(result) for result in question.checks]

    def _row(self, result: CheckResult) -> _CheckRow:
        hidden = not result.check.public and not self.for_teacher
        sentence = explained(result, self.graded.grading, self.say, hidden=hidden)
        right = result.finding.passed and result.score >= result.max_score
        return _CheckRow(
            name=self.say(result.check.name),
            state="wrong" if not right else "noted" if sentence else "right",
            score=result.score,
            max_score=result.max_score,
            sentence=sentence,
            hidden=not result.check.public,
            code=self._line_of(result),
        )

    def _line_of(self, result: CheckResult) -> str:
        """The line of an exception, from the file: what the process says of it may be forged."""
        if result.raised is None or result.raised.line is None:
            return ""
        lines = self.sheet.submission.files.get(result.raised.file, "").split("\n")
        number = result.raised.line
        return lines[number - 1].strip()[:LONGEST_LINE] if 0 < number <= len(lines) else ""
