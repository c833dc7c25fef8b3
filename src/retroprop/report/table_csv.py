"""A table of a report as CSV (RFC 4180): UTF-8, a row of headers, numbers with a decimal point."""

import csv
import io
import re
from functools import lru_cache

from retroprop.report.document import Cell, Table

_FRENCH = re.compile(r"[-−+]?\d{1,3}(?:[\u202f\u00a0 ]\d{3})+(?!\d)(?:,\d+)?|[-−+]?\d+(?:,\d+)?")
_SPREAD = re.compile(r"^-?[\d.]+ ± [\d.]+$")
_ENGLISH = re.compile(r"[-−+]?\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|[-−+]?\d+(?:\.\d+)?")


def csv_of(table: Table, language: str) -> str:
    """The table as the text of a CSV file.

    A cell gives its `value` if it has one, and otherwise its text, whose numbers are written as a
    program reads them. A column with means and deviations becomes two, the second headed by ±.
    """
    columns = [
        [_field(row.cells[i], language) for row in table.rows] for i in range(len(table.columns))
    ]
    names = [plain_number(name, language) for name in table.columns]
    header = [table.corner]
    body = [[plain_number(row.header, language)] for row in table.rows]
    for name, column in zip(names, columns, strict=True):
        spread = any(" ± " in field and _SPREAD.search(field) for field in column)
        header += [name, f"{name} ±"] if spread else [name]
        for line, field in zip(body, column, strict=True):
            mean, _, deviation = field.partition(" ± ")
            line += [mean, deviation] if spread else [field]
    stream = io.StringIO()
    csv.writer(stream).writerows([header, *body])
    return stream.getvalue()


def _field(cell: Cell, language: str) -> str:
    if cell.value is None:
        return plain_number(cell.text, language)
    return cell.value if isinstance(cell.value, str) else repr(cell.value)


@lru_cache(maxsize=10_000)  # a table of many rows writes few numbers, often
def plain_number(text: str, language: str) -> str:
    """A text of numbers alone with decimal points and no spaces in them; others as they are.

    >>> plain_number("83,70 ± 0,10", "fr"), plain_number("108,000", "en")
    ('83.70 ± 0.10', '108000')
    >>> plain_number("Adam, 0,1", "fr")
    'Adam, 0,1'
    """
    if text.isalpha() or (text.isdigit() and text.isascii()):
        return text
    pattern = _FRENCH if language == "fr" else _ENGLISH
    if re.sub(r"[±%×–\s]", "", pattern.sub("", text)) or not any(map(str.isdigit, text)):
        return text

    def number(found: re.Match[str]) -> str:
        digits = re.sub(r"\s", "", found[0]).replace("−", "-")
        return digits.replace(",", "." if language == "fr" else "")

    return re.sub(r"[\u00a0\u202f]", " ", pattern.sub(number, text))
