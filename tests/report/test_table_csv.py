"""Tables as CSV: what a spreadsheet reads from them."""

import csv
import io

from retroprop.report.document import Cell, Row, Table
from retroprop.report.table_csv import csv_of


def read(table, language):
    return list(csv.reader(io.StringIO(csv_of(table, language))))


def table(*rows, columns):
    return Table(
        name="t",
        caption="c",
        corner="rate",
        columns=columns,
        rows=[Row(header=name, cells=[Cell(text=text) for text in texts]) for name, *texts in rows],
    )


def test_means_and_deviations_become_two_columns_of_numbers():
    made = table(
        ("0,1", "83,70\u00a0±\u00a00,10", "diverge, 1/3"),
        ("0,01", "85,00\u00a0±\u00a00,20", "7"),
        columns=["SGD", "Adam"],
    )
    assert read(made, "fr") == [
        ["rate", "SGD", "SGD ±", "Adam"],
        ["0.1", "83.70", "0.10", "diverge, 1/3"],
        ["0.01", "85.00", "0.20", "7"],
    ]


def test_a_cell_without_a_mean_stays_in_the_first_of_the_two_columns():
    made = table(("1", "1.5\u00a0±\u00a00.1"), ("2", "diverged 3/3"), columns=["loss"])
    assert read(made, "en") == [
        ["rate", "loss", "loss ±"],
        ["1", "1.5", "0.1"],
        ["2", "diverged 3/3", ""],
    ]


def test_a_value_for_programs_goes_before_the_text():
    made = Table(
        name="t",
        caption="c",
        corner="",
        columns=["time"],
        rows=[Row(header="a", cells=[Cell(text="2 min", value=120.5)])],
    )
    assert read(made, "en")[1] == ["a", "120.5"]
