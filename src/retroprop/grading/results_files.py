"""What grading writes for programs: Gradescope's `results.json` and the CSV of a class.

The fields of `results.json` are those of Gradescope's specification of autograders; it is written
again after each question, so that a kill loses no more than the question in flight. A cell of the
CSV that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from retroprop.files import replace_file, without_nan
from retroprop.grading.results import (
    CheckResult,
    ManualResult,
    QuestionResult,
    Sheet,
    explained,
    said_of,
    where,
)
from retroprop.languages import Say

LONGEST_NAME = 60
"""Characters of a file that is named after a submission."""
POINTS_DIGITS = 10
"""After the point: thirds of a point add up to whole points."""

_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
OF_THE_CLASS = ("class.csv", "class.html", "secret", "students", "teacher")
"""Files and folders beside those of the submissions."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)  # on Windows


def write_results(path: Path, sheet: Sheet, say: Say) -> None:
    """Write `results.json` of a submission, whole or not at all, and on the disk when it returns.

    Raises:
        OSError: If it cannot be written.
    """
    text = json.dumps(results_json(sheet, say), ensure_ascii=False, indent=1)
    replace_file(path, text.encode(), durable=True)


def results_json(sheet: Sheet, say: Say) -> dict[str, Any]:
    """What Gradescope reads of a submission: only what its student may know, and hidden tests."""
    tests = [
        _test(question, result, sheet, say)
        for question in sheet.questions
        for result in question.checks
    ]
    tests += [_manual_test(line) for line in sheet.manual if line.score is not None]
    if sheet.evidence:
        tests.append(_evidence_test(sheet, say))
    results = {
        "score": round(sheet.score, POINTS_DIGITS),
        "execution_time": round(sheet.seconds, 3),
        "output": "\n".join(notes_of(sheet, say)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "lab": sheet.grading.lab,
            "max_score": round(sheet.max_score, POINTS_DIGITS),
            "finished": sheet.finished,
            "held": list(sheet.held),
            "processor_s": round(sheet.processor_s, 3),
            "peak_bytes": sheet.peak_bytes,
        },
    }
    return _clean(without_nan(results))


def notes_of(sheet: Sheet, say: Say) -> list[str]:
    """What is said of a whole submission: why it was not graded, what it lacks or raised."""
    lines = [sheet.submission.unreadable] if sheet.submission.unreadable else []
    lines += [note for note in sheet.submission.notes if note not in lines]
    lines += [said_of(note, sheet.grading, say) for note in sheet.notes]
    missing = sheet.grading.questions[len(sheet.questions) :]
    if missing and not sheet.submission.unreadable:
        ended = say("grading ended before question {number}")
        lines.append(ended.format(number=missing[0].number))
    return lines


def _test(question: QuestionResult, result: CheckResult, sheet: Sheet, say: Say) -> dict[str, Any]:
    check = result.check
    earned = result.score >= result.max_score and result.finding.passed
    return {
        "score": round(result.score, POINTS_DIGITS),
        "max_score": round(result.max_score, POINTS_DIGITS),
        "status": "passed" if earned else "failed",
        "name": say("{label}: {text}").format(
            label=say(question.question.name), text=say(check.name)
        ),
        "name_format": "text",
        "number": question.question.number,
        "output": explained(result, sheet.grading, say, hidden=not check.public),
        "output_format": "text",
        "tags": list(result.finding.mistakes),
        "visibility": "visible" if check.public else "after_published",
        "extra_data": {
            "check": check.name,
            "remarks": list(result.finding.remarks),
            "seconds": round(result.seconds, 4),
        },
    }


def _manual_test(line: ManualResult) -> dict[str, Any]:
    return {
        "score": round(line.score or 0.0, POINTS_DIGITS),
        "max_score": round(line.max_score, POINTS_DIGITS),
        "name": line.name,
        "name_format": "text",
        "output": line.comment,
        "output_format": "text",
        "visibility": "after_published",
    }


def _evidence_test(sheet: Sheet, say: Say) -> dict[str, Any]:
    """What a teacher alone sees: nothing is deducted for it."""
    lines = []
    for one in sheet.evidence:
        place = where(one, sheet.grading, say)
        lines.append(" ".join(filter(None, (place and f"[{place}]", one.sentence, one.text))))
    return {
        "name": say("To look at by hand"),
        "name_format": "text",
        "output": "\n".join(lines),
        "output_format": "text",
        "visibility": "hidden",
    }


def _clean(value: Any) -> Any:
    """The same for every reader of JSON: no half of a surrogate pair, no NUL."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return value


# --- the class ------------------------------------------------------------------------------------


def write_class_csv(path: Path, sheets: Sequence[Sheet], say: Say) -> None:
    """Write the CSV of a class; its byte-order mark tells Excel that names are in UTF-8.

    Raises:
        OSError: If it cannot be written.
    """
    replace_file(path, class_csv(sheets, say).encode("utf-8-sig", "replace"), durable=True)


def class_csv(sheets: Sequence[Sheet], say: Say) -> str:
    """A row for each submission: points by question and in all, and why where there are none."""
    numbers = [one.number for one in sheets[0].grading.questions] if sheets else []
    manual = [one.name for one in sheets[0].manual] if sheets else []
    header = [say("submission"), say("students"), say("points"), say("of"), *numbers, *manual]
    header += [say("status"), say("notes"), say("mistakes"), say("evidence")]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(map(plain_cell, header))
    for sheet in sheets:
        writer.writerow(_row(sheet, numbers, say))
    return stream.getvalue()


def _row(sheet: Sheet, numbers: Sequence[str], say: Say) -> list[str]:
    unreadable = sheet.submission.unreadable is not None
    status = "unreadable" if unreadable else "graded" if sheet.finished else "unfinished"
    points = {one.question.number: _number(one.score) for one in sheet.questions}
    texts = [
        sheet.submission.name,
        "; ".join(sheet.submission.students),
    ]
    numbers_of = [_number(sheet.score), _number(sheet.max_score)]
    numbers_of += [points.get(number, "") for number in numbers]
    numbers_of += ["" if one.score is None else _number(one.score) for one in sheet.manual]
    ends = [
        status,
        "; ".join(notes_of(sheet, say)),
        "; ".join(mistakes_of(sheet)),
        str(len(sheet.evidence)),
    ]
    return [*map(plain_cell, texts), *numbers_of, *map(plain_cell, ends)]


def mistakes_of(sheet: Sheet) -> list[str]:
    """The names of the mistakes that cost a submission points, each once."""
    names = (
        name
        for question in sheet.questions
        for result in question.checks
        if not result.finding.passed
        for name in result.finding.mistakes
    )
    return list(dict.fromkeys(names))


def plain_cell(text: str) -> str:
    """A text of somebody else for a spreadsheet, which shall not calculate it.

    >>> plain_cell("=HYPERLINK(1)"), plain_cell("anna"), plain_cell("-x")
    ("'=HYPERLINK(1)", 'anna', "'-x")
    """
    text = text.replace("\0", "\ufffd")
    return f"'{text}" if _FORMULA.match(text) else text


def _number(value: float) -> str:
    return f"{round(value, 4):g}"


# --- files that are named after submissions -------------------------------------------------------


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each submission: letters of ASCII, and no two alike on any system.

    >>> file_names(["Zoë", "zoe", "a/b", ".."])
    {'Zoë': 'Zoe', 'zoe': 'zoe-2', 'a/b': 'a_b', '..': '_'}
    >>> file_names(["secret"])
    {'secret': 'secret-2'}
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set(OF_THE_CLASS)
    for name in names:
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", letters)[:LONGEST_NAME].strip(".- ") or "_"
        plain = f"_{plain}" if _RESERVED.match(plain) else plain
        number, unused = 2, plain
        while unused.lower() in taken:
            number, unused = number + 1, f"{plain}-{number}"
        taken.add(unused.lower())
        chosen[name] = unused
    return chosen
