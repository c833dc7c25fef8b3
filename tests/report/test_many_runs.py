"""A study of very many runs: what a document leaves out, says so, and is in a file beside it."""

import csv
import re

import pytest

from retroprop.report import write_report
from retroprop.report.content import compose
from retroprop.report.document import Picture, Table
from retroprop.report.long_tables import MOST_COLUMNS, MOST_ROWS, shortened
from retroprop.report.results import curves_section
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import variations

RATES = [0.1, 0.01, 0.001]


class Counted(tuple):
    """Runs or cells that count how often all of them are gone through."""

    passes = 0

    def __iter__(self):
        Counted.passes += 1
        return super().__iter__()


@pytest.fixture(scope="module")
def many(data, tmp_path_factory):
    """720 runs: 360 cells of 120 batch sizes, the best at their end, and 3 rates, with 2 seeds."""
    config = data.study_config(name="many", seeds=[0, 1])
    config["grid"] = {
        "optimizer": ["sgd"],
        "learning_rate": RATES,
        "batch_size": list(range(120, 0, -1)),
    }
    folder = tmp_path_factory.mktemp("many")
    return data.make_records(folder / "test.db", config=config, epochs=1, study_run_id="many")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_long_table_is_shown_in_part_and_is_whole_in_the_file_that_its_caption_names(
    many, tmp_path, language
):
    paths = write_report(many, "many", language=language, folder=tmp_path / "out")
    page = (tmp_path / "out" / f"many-{language}.html").read_text(encoding="utf-8")
    assert page.count('<tr id="run-') == MOST_ROWS
    name = f"many-{language}-models-table.csv"
    captions = re.findall(r"<caption[^>]*>(.*?)</caption>", page, re.DOTALL)
    assert any(name in caption and f"{MOST_ROWS}" in caption for caption in captions)
    header, *rows = rows_of(tmp_path / "out" / name)
    assert [row[0] for row in rows] == [str(run.id) for run in many.runs("many")]
    assert {len(row) for row in rows} == {len(header)}
    # 120 batch sizes in columns
    header, *rows = rows_of(tmp_path / "out" / f"many-{language}-table-1-1.csv")
    assert (len(header), len(rows)) == (1 + 2 * 120, len(RATES))
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()}


def test_what_is_shown_holds_the_best_cell_and_each_link_leads_somewhere(many):
    report = StudyReport.read(many, many.study_run("many"), "en")
    document, whole = shortened(compose(report), "many-en")
    tables = [b for s in document.sections for b in s.blocks if isinstance(b, Table)]
    assert {table.file for table in tables if table.file} == whole.keys()
    assert all(len(table.rows) <= MOST_ROWS for table in tables)
    assert all(len(table.columns) <= MOST_COLUMNS for table in tables)
    grid = next(table for table in tables if table.name == "table-1-1")
    assert [cell.mark for row in grid.rows for cell in row.cells].count("best") == 1
    anchors = {row.anchor for table in tables for row in table.rows}
    links = {cell.link for table in tables for row in table.rows for cell in row.cells}
    assert report.anchor(report.best[0]) in links
    assert links - {""} <= anchors


def test_a_report_goes_through_its_runs_once_for_each_setting_and_not_for_each_use(many):
    record, runs = many.study_run("many"), Counted(many.runs("many"))
    report = StudyReport(record, runs, many.location, "en")
    Counted.passes = 0
    for _ in range(100):
        report.values("learning_rate")
    assert Counted.passes == 1
    compose(report)
    assert Counted.passes < 40


def test_the_best_of_each_value_is_found_in_one_pass_over_the_cells(many):
    record = many.study_run("many")
    record.config["selection"] = {"best_per": ["batch_size"]}
    report = StudyReport(record, tuple(many.runs("many")), many.location, "en")
    assert report.best_cell is not None
    report.__dict__["cells"] = Counted(report.cells)
    Counted.passes = 0
    (found,) = variations(report, "batch_size")
    assert len(found.cells) == 120
    assert Counted.passes == 2  # for the values, and for their cells


def test_a_figure_has_no_more_curves_than_styles_and_its_caption_says_so(data, tmp_path):
    config = data.study_config(name="groups", seeds=[0], selection={"best_per": ["batch_size"]})
    config["grid"] = {"learning_rate": RATES, "batch_size": [*range(1, 13)]}
    records = data.make_records(tmp_path / "test.db", config=config, epochs=1, study_run_id="g")
    report = StudyReport.read(records, records.study_run("g"), "en")
    pictures = [b for b in curves_section(report).blocks if isinstance(b, Picture)]
    for picture in pictures:
        assert picture.description.count("validation:") == 8
        assert "The 8 highest of 12 best cells are drawn." in picture.caption
