"""From records to reports in English or French: HTML, PDF, and for the labs Jupyter notebooks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retroprop.report.document import Document
    from retroprop.report.lab_report import Lab
    from retroprop.studies.records import Records

__all__ = [
    "FORMATS",
    "STUDY_FORMATS",
    "write_document",
    "write_lab_report",
    "write_report",
]

FORMATS = ("html", "pdf", "ipynb")
STUDY_FORMATS = ("html", "pdf")  # a study's report holds no code that a notebook could run


def __dir__() -> list[str]:
    return sorted(__all__)


def write_report(
    records: "Records",
    study: str,
    *,
    language: str = "en",
    formats: Sequence[str] = STUDY_FORMATS,
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
        folder: Where `<study>-<language>.html` and `.pdf` go; made when missing. Where the records
            hold several runs of the study, the files have the id of theirs in place of its name.

    Raises:
        UserError: If the study, a format or the language is unknown, if nothing has been trained
            yet, or if the folder cannot be written.
    """
    from retroprop.report.content import compose
    from retroprop.report.study_report import StudyReport

    _check_language(language)
    _check_formats(formats, STUDY_FORMATS)
    record = records.study_run(study)
    document = compose(StudyReport.read(records, record, language))
    when = record.finished_at or record.created_at
    alone = len(records.study_runs(record.study)) == 1
    stem = f"{record.study if alone else record.id}-{language}"
    return write_document(document, stem, formats, folder, when=when)


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
    from retroprop.report.lab_report import LabReport

    _check_language(language)
    _check_formats(formats, FORMATS)
    report = LabReport(lab, records, language, size)
    dates = [one.record.finished_at or one.record.created_at for one in report.reports]
    when = max(dates, default=datetime.now(UTC).isoformat(timespec="seconds"))
    return write_document(compose_lab(report), f"{lab.name}-{language}", formats, folder, when=when)


def write_document(
    document: "Document", stem: str, formats: Sequence[str], folder: Path | str, *, when: str
) -> list[Path]:
    """Write a document in each format, and return the files written.

    A file is replaced in one step: a reader never sees half of one. Of a table that is too long to
    be read, the document holds a part; a CSV file beside it has the whole.

    Args:
        document: What to write.
        stem: The files' name without its ending.
        formats: Some of FORMATS; "ipynb" only of a document with a `setup`.
        folder: Where they go; made when missing.
        when: The date of its records (ISO 8601), written into the PDF's metadata.

    Raises:
        UserError: If a format is unknown, or if the folder cannot be written.
    """
    from retroprop.report.long_tables import shortened
    from retroprop.report.table_csv import csv_of

    _check_formats(formats, FORMATS if document.setup else STUDY_FORMATS)
    document, whole = shortened(document, stem)
    written = [
        _write(Path(folder) / file, csv_of(table, document.language).encode())
        for file, table in whole.items()
    ]
    for name in sorted(set(formats), key=FORMATS.index):  # HTML first: a PDF may fail
        data = _render(document, name, when)
        written.append(_write(Path(folder) / f"{stem}.{name}", data))
    return written


def _write(path: Path, data: bytes) -> Path:
    from retroprop.errors import UserError, in_short
    from retroprop.files import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({in_short(error)}); name another folder with --output."
        ) from error
    return path


def _render(document: "Document", name: str, when: str) -> bytes:
    if name == "html":
        from retroprop.report.html import render_html

        return render_html(document).encode()
    if name == "pdf":
        from retroprop.report.pdf import render_pdf

        return render_pdf(document, when=when)
    from retroprop.report.notebook import render_notebook

    return render_notebook(document).encode()


def _check_language(language: str) -> None:
    from retroprop.languages import translator

    translator(language)


def _check_formats(formats: Sequence[str], possible: Sequence[str]) -> None:
    from retroprop.errors import UserError, did_you_mean

    choice = "html, pdf or both" if len(possible) == 2 else "html, pdf, ipynb or several of them"
    if not formats:
        raise UserError(f"no report format was named; use {choice}: {','.join(possible)}.")
    for name in formats:
        if name in FORMATS and name not in possible:
            raise UserError(
                f"a notebook ({name}) is made of a lab, which has code to run, and not of a single "
                f"study: use {choice}."
            )
        if name not in possible:
            raise UserError(
                f"no report in the format {name!r}: use {choice}. {did_you_mean(name, possible)}"
            )
