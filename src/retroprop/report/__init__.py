"""From the records of a study to a report: one HTML file and one PDF, in English or French."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retroprop.report.assignment import Lab
    from retroprop.report.document import Document
    from retroprop.studies.records import Records

__all__ = ["BAYES", "FORMATS", "write_bayes_report", "write_lab_report", "write_report"]

FORMATS = ("html", "pdf")
BAYES = "inf8225-bayes"  # a report that needs no records


def write_report(
    records: "Records",
    study: str,
    *,
    language: str = "en",
    formats: Sequence[str] = FORMATS,
    folder: Path | str = "reports",
) -> list[Path]:
    """Write the report of a study run from its records, and return the files written.

    The same records always give the same HTML. A file is replaced in one step: a reader never sees
    half of one.

    Args:
        records: The open database.
        study: A study's name (its latest run) or the id of a study run.
        language: "en" or "fr".
        formats: Some of "html" and "pdf".
        folder: Where `<study>-<language>.html` and `.pdf` go; made when missing.

    Raises:
        UserError: If the study, a format or the language is unknown, if nothing has been trained
            yet, or if the folder cannot be written.
    """
    from retroprop.report.content import compose

    _check(language, formats)
    record = records.study_run(study)
    document = compose(
        record,
        records.runs(record.id),
        location=records.location,
        language=language,
        folder=records.folder,
    )
    stem = f"{record.study}-{language}"
    return _write(document, stem, formats, folder, when=record.finished_at or record.created_at)


def write_bayes_report(
    *, language: str = "en", formats: Sequence[str] = FORMATS, folder: Path | str = "reports"
) -> list[Path]:
    """Write the report of the Bayesian network of INF8225, TP1, which needs no record.

    Raises:
        UserError: If a format or the language is unknown, or if the folder cannot be written.
    """
    from datetime import UTC, datetime

    from retroprop.report.bayes import compose

    _check(language, formats)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return _write(compose(language), f"{BAYES}-{language}", formats, folder, when=when)


def write_lab_report(
    lab: "Lab",
    records: "Records | None",
    *,
    language: str = "en",
    formats: Sequence[str] = FORMATS,
    folder: Path | str = "reports",
    size: str | None = None,
) -> list[Path]:
    """Write the document of an assignment from the records, complete or not.

    Args:
        lab: The assignment.
        records: The open database; None when there is none, which the document then says.
        language: "en" or "fr".
        formats: Some of `FORMATS`.
        folder: Where `<lab>-<language>.html` and the others go; made when missing.
        size: Which size of the studies to report; None for the largest that is recorded.

    Raises:
        UserError: If a format or the language is unknown, or if the folder cannot be written.
    """
    from datetime import UTC, datetime

    from retroprop.report.lab_content import compose_lab
    from retroprop.report.lab_story import LabStory

    _check(language, formats)
    story = LabStory(lab, records, language, size)
    dates = [one.record.finished_at or one.record.created_at for one in story.stories]
    when = max(dates, default=datetime.now(UTC).isoformat(timespec="seconds"))
    return _write(compose_lab(story), f"{lab.name}-{language}", formats, folder, when=when)


def _check(language: str, formats: Sequence[str]) -> None:
    from retroprop.errors import UserError, did_you_mean
    from retroprop.languages import translator

    translator(language)
    if not formats:
        raise UserError("no report format was named; use html, pdf or both: html,pdf.")
    for name in formats:
        if name not in FORMATS:
            raise UserError(
                f"no report in the format {name!r}: use html, pdf or both. "
                f"{did_you_mean(name, FORMATS)}"
            )


def _write(
    document: "Document", stem: str, formats: Sequence[str], folder: Path | str, *, when: str
) -> list[Path]:
    """Write a document in each format."""
    from retroprop.errors import UserError
    from retroprop.files import replace_file

    written: list[Path] = []
    for name in dict.fromkeys(formats):
        if name == "html":
            from retroprop.report.html import render_html

            data = render_html(document).encode()
        else:
            from retroprop.report.pdf import render_pdf

            data = render_pdf(document, when=when)
        path = Path(folder) / f"{stem}.{name}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)
        except OSError as error:
            raise UserError(
                f"cannot write {path} ({error.strerror or error}); name another folder with "
                "--output."
            ) from error
        written.append(path)
    return written
