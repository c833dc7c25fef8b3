"""The command `retroprop report`: records in, one HTML file and one PDF out."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from retroprop.cli.console import Terminal
from retroprop.cli.parameters import ReadersLanguage
from retroprop.errors import UserError
from retroprop.labs.inf8225_tp1 import NETWORK_REPORT
from retroprop.languages import reader_language
from retroprop.report import write_report
from retroprop.studies.records import DEFAULT_DATABASE, Records


def report(
    study: str,
    /,
    *,
    lang: ReadersLanguage = None,
    format: Annotated[str, Parameter(name=["--format", "-f"])] = "html,pdf",
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("reports"),
    db: str = DEFAULT_DATABASE,
) -> None:
    """Write the report of a study: tables, curves and the setting of every number.

    Args:
        study: A study's name, for its latest run, or the id of one study run; inf8225-bayes, the
            sixteen answers of a Bayesian network, needs no run.
        lang: The language of the report: en or fr. Default: the reader's, which
            RETROPROP_LANGUAGE or the locale names.
        format: html, pdf, or both: html,pdf.
        output: The folder to write into; it is made when missing.
        db: The database of the records: a file or a URL.

    Raises:
        UserError: If there is nothing to report, or a format is unknown.
    """
    formats = [name.strip().lower() for name in format.split(",") if name.strip()]
    if not formats:
        raise UserError("--format is empty; use html, pdf or both: html,pdf.")
    console = Terminal(soft_wrap=True)
    language = lang or reader_language()
    if study == NETWORK_REPORT:
        from retroprop.labs.inf8225_tp1.network_report import write_network_report

        paths = write_network_report(language=language, formats=formats, folder=output)
    else:
        records = Records.open(db, create=False)
        paths = write_report(records, study, language=language, formats=formats, folder=output)
    for path in paths:
        console.print(f"wrote {path}")
