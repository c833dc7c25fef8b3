"""A table of comparisons: `retroprop.labs.inf8225_tp1.checks` computes what it holds."""

from retroprop.report.document import Table, row
from retroprop.report.lab_report import LabReport


def check_table(lab: LabReport, caption: str, *rows: tuple[str, float]) -> Table:
    """Comparisons computed while the document is written, each with its largest difference."""
    return Table(
        name="checks",
        caption=caption,
        corner=lab.say("compared with"),
        columns=[lab.say("largest difference")],
        rows=[row(header, lab.numbers.power_of_ten(value)) for header, value in rows],
    )
