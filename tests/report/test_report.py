import dataclasses
import functools
import io
import json
import os
import re
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from pypdf import PdfReader
from tests import processes

from retroprop.errors import UserError
from retroprop.report import write_document, write_report
from retroprop.report.content import compose
from retroprop.report.document import Cell, Document, Paragraph, Row, Section, Table
from retroprop.report.pdf import UndrawnLetters, render_pdf
from retroprop.report.study_report import StudyReport
from retroprop.studies.schema import load_study

STUDY = "inf8225-logistic"
VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


class Page(HTMLParser):
    """A page read back: its tables as rows of cells, its ids, its links, and wrong nesting."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.errors, self.ids, self.links, self.tables = [], [], [], [], {}
        self.tags, self.loads, self.lang, self.texts = [], [], None, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.loads += [value for name, value in attrs if name in ("src", "srcset", "data")]
        if tag == "html":
            self.lang = values.get("lang")
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        if tag == "table":
            self.rows = self.tables[values["id"]] = []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(("", values.get("class") or ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.errors.append((tag, list(self.open)))
        else:
            self.open.pop()

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, text):
        if "style" not in self.open:
            self.texts.append(text)
        if "td" in self.open or "th" in self.open:
            before, mark = self.rows[-1][-1]
            self.rows[-1][-1] = (before + text, mark)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def written(finished, tmp_path_factory):
    """A function from a language to the page and the PDF of the finished study, written once."""
    folder = tmp_path_factory.mktemp("written")
    return functools.cache(
        lambda language: write_report(finished, STUDY, language=language, folder=folder)
    )


def page_of(records, tmp_path, language="en"):
    (path,) = write_report(records, STUDY, language=language, formats=["html"], folder=tmp_path)
    return page_in(path)


def page_in(path):
    return Page(path.read_text(encoding="utf-8"))


def document_of(records, language="en", study=STUDY):
    return compose(StudyReport.read(records, records.study_run(study), language))


def words_of(records, language="en"):
    """Summary and notices as one text with plain spaces."""
    document = document_of(records, language)
    texts = [*(f"{item.title}. {item.text} {item.command}" for item in document.notices)]
    return " ".join(" ".join([*texts, *document.summary]).split())


def grid_of(page, name):
    """The cells of a grid table by (row header, column header)."""
    _, columns, *rows = page.tables[name]
    return {
        (row[0][0], column): (" ".join(text.split()), mark)
        for row in rows
        for (column, _), (text, mark) in zip(columns, row[1:], strict=True)
    }


# -- numbers ----------------------------------------------------------------------------------


def test_the_tables_of_the_page_hold_the_numbers_of_the_records(written, finished):
    page = page_in(written("en")[0])
    by_cell = {}
    for run in finished.runs(finished.study_run(STUDY).id):
        by_cell.setdefault(tuple(run.cell.values()), []).append(run.best_validation_accuracy)
    seen = 0
    for name, optimizer in (("table-1-1", "sgd"), ("table-1-2", "adam")):
        for (rate, size), (text, _) in grid_of(page, name).items():
            accuracies = by_cell[(optimizer, float(rate), int(size))]
            mean = sum(accuracies) / 3
            spread = (sum((value - mean) ** 2 for value in accuracies) / 2) ** 0.5
            assert text.removeprefix("★ best ") == f"{100 * mean:.2f} ± {100 * spread:.2f}"
            seen += 1
    assert seen == 24


def test_the_best_cell_of_each_optimizer_is_marked_in_words_and_only_there(written):
    page = page_in(written("en")[0])
    for name, place in (("table-1-1", ("0.01", "1")), ("table-1-2", ("0.001", "20"))):
        best = [at for at, (_, mark) in grid_of(page, name).items() if "best" in mark]
        assert best == [place]
        assert grid_of(page, name)[place][0].startswith("★ best ")


def test_the_best_mark_moves_when_the_records_are_reversed(data, tmp_path):
    records = data.make_records(
        tmp_path / "r.db", accuracy=lambda cell, seed: 1.2 - data.top_accuracy(cell, seed)
    )
    page = page_of(records, tmp_path)
    best = [at for at, (_, mark) in grid_of(page, "table-1-1").items() if "best" in mark]
    assert best != [("0.01", "1")]
    assert len(best) == 1


def test_the_test_table_holds_every_seed_and_their_mean(written):
    _, sgd, adam = page_in(written("en")[0]).tables["test-table"]
    assert [text.strip() for text, _ in sgd[1:]] == [
        "83.70\u00a0±\u00a00.10",
        "83.60",
        "83.70",
        "83.80",
    ]
    assert sgd[0][0] == "SGD, learning rate 0.01, batch size 1"
    assert adam[0][0] == "Adam, learning rate 0.001, batch size 20"


def test_the_throughput_is_images_by_summed_training_seconds(written):
    page = page_in(written("en")[0])
    facts = {row[0][0]: row[1][0] for row in page.tables["time-table"]}
    assert facts["model-epochs"] == "360"
    assert facts["training time per model-epoch"] == "0.500 s"
    assert facts["images per second and worker"] == "108,000"  # 54,000 images in 0.5 s
    assert facts["images per second, whole study"] == "194,400"  # 54,000 × 360 / 100 s
    assert facts["wall-clock time"].replace("\u00a0", " ") == "1 min 40 s"


def test_every_number_leads_to_its_models(written):
    page = page_in(written("en")[0])
    for link in page.links:
        assert link.removeprefix("#") in page.ids, link
    rows = page.tables["models-table"][1:]
    assert [row[0][0] for row in rows] == [str(number) for number in range(1, 73)]


# -- sentences --------------------------------------------------------------------------------


def test_the_summary_names_the_best_cell_of_each_optimizer_with_its_spread_and_n(finished):
    words = words_of(finished)
    assert "85.70 ± 0.10% with SGD (learning rate 0.01, batch size 1; 83.70 ± 0.10% on" in words
    assert "85.40 ± 0.12% with Adam (learning rate 0.001, batch size 20; 83.40 ± 0.12%" in words
    assert "mean ± sample standard deviation over 3 seeds" in words


def test_the_summary_follows_when_adam_and_sgd_are_swapped(data, tmp_path, finished):
    assert "SGD is above Adam" in words_of(finished)
    swapped = data.make_records(
        tmp_path / "swapped.db",
        accuracy=lambda cell, seed: data.top_accuracy(
            cell, seed, top={"sgd": 0.854, "adam": 0.857}
        ),
    )
    assert "Adam is above SGD" in words_of(swapped)
    assert "SGD is above Adam" not in words_of(swapped)


def test_a_difference_smaller_than_the_spread_of_the_pairs_is_not_claimed(data, tmp_path):
    steps = {"sgd": (-0.004, 0.0, 0.004), "adam": (0.004, 0.0, -0.004)}
    records = data.make_records(
        tmp_path / "close.db",
        accuracy=lambda cell, seed: data.top_accuracy(cell, seed, steps=steps),
    )
    words = words_of(records)
    assert "not distinguishable with 3 seeds" in words
    assert "is above" not in words
    assert "0.30 ± 1.99 points" in words  # t = 4.303 for 3 seeds: 4.303 · 0.80 / √3
    french = words_of(records, "fr")
    assert "on ne peut pas départager SGD et Adam avec 3 graines" in french
    assert "SGD dépasse Adam" not in french


def test_one_seed_claims_no_spread_and_no_winner(data, tmp_path):
    records = data.make_records(tmp_path / "one.db", config=data.study_config(seeds=[0]))
    words = words_of(records)
    assert "one seed, so no spread" in words
    assert "SGD is 0.32 points above Adam, which may be chance: 6,000 images" in words
    assert "±" not in words
    assert "One seed per cell." in page_of(records, tmp_path).text


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
@pytest.mark.parametrize("sgd", [0.857, 0.87])
def test_the_summary_and_the_body_rest_on_one_verdict(data, tmp_path, seeds, sgd, language):
    records = data.make_records(
        tmp_path / "verdict.db",
        config=data.study_config(seeds=seeds),
        accuracy=lambda cell, seed: data.top_accuracy(cell, seed, top={"sgd": sgd, "adam": 0.854}),
    )
    document = document_of(records, language)
    (sentence,) = (one for one in document.summary if one.startswith(("On val", "En val")))
    body = next(section for section in document.sections if section.name == "answers")
    (optimizer,) = (one.text for one in body.blocks if one.title in ("Optimizer", "Optimiseur"))
    assert sentence in optimizer
    assert len(re.findall("On validation|En validation", optimizer)) == 1
    assert ("chance" in sentence or "hasard" in sentence) == (seeds == [0])


def test_a_half_finished_study_says_so_first_with_the_command_that_continues_it(data, tmp_path):
    records = data.make_records(tmp_path / "half.db", stop_after=40)
    words = words_of(records)
    assert words.startswith("This study is not finished. Models finished: 40 of 72")
    assert "retroprop run inf8225-logistic" in words
    assert "So far, of 72 models planned" in words
    assert "is above" not in words
    page = page_of(records, tmp_path)
    assert grid_of(page, "table-1-2")["0.1", "20"][0].startswith("unfinished, 1 of 3 seeds")
    assert grid_of(page, "table-1-2")["0.001", "20"][0] == "unfinished, 0 of 3 seeds —"
    assert "not all seeds of the cell are finished yet" in page.text
    assert "The test set has not been evaluated yet" in page.text


def test_a_finished_study_carries_no_warning(finished):
    assert document_of(finished).notices == []
    assert "So far" not in words_of(finished)


def test_a_diverged_cell_is_marked_and_cannot_be_the_best(data, tmp_path):
    cell = {"optimizer": "sgd", "learning_rate": 0.01, "batch_size": 1}
    diverged = [(cell, 0), (cell, 2)]
    records = data.make_records(tmp_path / "d.db", diverged=diverged, tested=False)
    page = page_of(records, tmp_path)
    text, mark = grid_of(page, "table-1-1")["0.01", "1"]
    assert (text, mark.strip()) == ("diverged 2/3", "diverged")
    assert "learning rate 0.01, batch size 1;" not in words_of(records)
    assert "diverged at epoch 2" in page.text
    assert "in k of n seeds the loss stopped being a finite number" in page.text


def test_a_study_in_which_all_diverged_says_that_there_is_no_best(data, tmp_path):
    config = data.study_config(
        grid={"optimizer": ["sgd"], "learning_rate": [0.1], "batch_size": [20]}
    )
    cell = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 20}
    records = data.make_records(
        tmp_path / "all.db", config=config, diverged=[(cell, seed) for seed in range(3)]
    )
    assert "at least one seed diverged, so there is no best cell" in words_of(records)
    assert len(write_report(records, STUDY, folder=tmp_path)) == 2


def test_models_that_were_not_tested_are_said_not_to_be(data, tmp_path):
    records = data.make_records(tmp_path / "untested.db", tested=False)
    assert "not yet evaluated on the test set" in words_of(records)
    assert "test-table" not in page_of(records, tmp_path).tables


def test_a_study_without_a_finished_epoch_names_the_command_to_run(data, tmp_path):
    records = data.make_records(tmp_path / "empty.db", stop_after=0)
    with pytest.raises(UserError, match=r"no finished epoch yet.*retroprop run inf8225-logistic"):
        write_report(records, STUDY, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_gradient_convention_is_explained_as_it_was(written, data, tmp_path):
    assert "summed over the minibatch" in page_in(written("en")[0]).text
    records = data.make_records(
        tmp_path / "mean.db", config=data.study_config(training={"gradient": "mean"})
    )
    text = page_of(records, tmp_path).text
    assert "averaged over the minibatch" in text
    assert "summed over the minibatch" not in text


def test_a_kind_of_model_without_formulas_gets_none(data, tmp_path):
    model = {"kind": "transformer", "derivation": "autograd"}
    records = data.make_records(tmp_path / "other.db", config=data.study_config(model=model))
    page = page_of(records, tmp_path)
    assert "math" not in {tag for tag, _ in page.tags}
    assert "What was trained" not in page.text


def test_resumed_sessions_are_counted(data, tmp_path):
    records = data.make_records(tmp_path / "resumed.db", sessions=3)
    page = page_of(records, tmp_path)
    assert "interrupted and resumed 2 times" in page.text
    assert len(page.tables["sessions-table"]) == 4


def test_what_the_environment_lacks_is_said_not_to_be_recorded(data, tmp_path):
    records = data.make_records(tmp_path / "bare.db", environment={})
    facts = {row[0][0]: row[1][0] for row in page_of(records, tmp_path).tables["setting-table"]}
    assert facts["processor"] == facts["git revision"] == facts["command"] == "not recorded"
    assert facts["sessions"] == "one session, not interrupted"


# -- grids of other shapes --------------------------------------------------------------------


def test_a_further_setting_makes_one_table_for_each_of_its_values(data, tmp_path):
    grid = {"optimizer": ["sgd"], "width": [25, 100], "learning_rate": [0.1], "batch_size": [1, 20]}
    records = data.make_records(tmp_path / "w.db", config=data.study_config(grid=grid))
    page = page_of(records, tmp_path)
    assert set(grid_of(page, "table-1-1")) == {("0.1", "1"), ("0.1", "20")}
    assert "Best validation accuracy (%), SGD, 25 units per hidden layer" in page.text
    assert "Best validation accuracy (%), SGD, 100 units per hidden layer" in page.text


def test_a_table_whose_setting_is_not_in_the_grid_has_a_single_column(data, tmp_path):
    config = data.study_config(
        report={"tables": [{"rows": "learning_rate", "columns": "depth", "split_by": "optimizer"}]},
        grid={"optimizer": ["sgd"], "learning_rate": [0.1, 0.01], "batch_size": [20]},
    )
    records = data.make_records(tmp_path / "n.db", config=config)
    assert set(grid_of(page_of(records, tmp_path), "table-1-1")) == {
        ("0.1", "all"),
        ("0.01", "all"),
    }


def test_a_setting_whose_values_are_lists_has_its_column(data, tmp_path):
    table = {"rows": "learning_rate", "columns": "hidden", "split_by": "batch_size"}
    config = data.study_config(
        report={"tables": [table]},
        grid={"hidden": [[100], [100, 50]], "learning_rate": [0.1], "batch_size": [20]},
    )
    records = data.make_records(tmp_path / "l.db", config=config)
    page = page_of(records, tmp_path)
    assert set(grid_of(page, "table-1-1")) == {("0.1", "100"), ("0.1", "100 × 50")}
    assert "Best validation accuracy (%), batch size 20" in page.text


def test_a_study_that_asks_for_no_table_and_no_figure_has_neither(data, tmp_path):
    records = data.make_records(tmp_path / "p.db", config=data.study_config(report={}))
    page = page_of(records, tmp_path)
    assert "svg" not in {tag for tag, _ in page.tags}
    assert "table-1-1" not in page.tables
    assert page.errors == []


def test_a_recorded_command_that_ran_no_study_is_not_offered_to_continue_it(data, tmp_path):
    records = data.make_records(
        tmp_path / "x.db", stop_after=3, environment={"command": "notebook"}
    )
    assert f"retroprop run inf8225-logistic --db {tmp_path / 'x.db'}" in words_of(records)


def test_an_unknown_value_of_a_table_is_explained(data, tmp_path):
    table = {"rows": "learning_rate", "columns": "batch_size", "value": "test_acuracy"}
    records = data.make_records(
        tmp_path / "v.db", config=data.study_config(report={"tables": [table]})
    )
    with pytest.raises(UserError, match="Did you mean 'test_accuracy'"):
        write_report(records, STUDY, folder=tmp_path)


# -- the page ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_is_well_formed_self_contained_and_says_its_language(written, language):
    path, _ = written(language)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.errors == []
    assert page.lang == language
    assert len(page.ids) == len(set(page.ids))
    assert page.loads == []
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    # The only addresses are the names of the SVG name spaces, which nothing loads.
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text
    assert all(link.startswith("#") for link in page.links)
    assert all("#" in use for use in re.findall(r"url\(([^)]*)\)", text))


def test_every_figure_has_words_that_come_from_the_records(written):
    path, _ = written("en")
    drawings = re.findall(r"<svg.*?</svg>", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        svg = ElementTree.fromstring(drawing)
        names = svg.attrib["aria-labelledby"].split()
        words = {child.attrib.get("id"): child.text for child in svg}
        assert svg.attrib["role"] == "img"
        assert all(words[name] for name in names)
    assert "SGD, validation: from 10.00% at epoch 0 to 85.70% at epoch 5." in drawings[1]


def test_every_table_has_a_caption_and_headers_with_a_scope(written):
    page = page_in(written("en")[0])
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == len(page.tables)
    assert all("scope" in values for tag, values in page.tags if tag == "th")


def test_writing_twice_gives_the_same_bytes(finished, tmp_path):
    once = [p.read_bytes() for p in write_report(finished, STUDY, folder=tmp_path / "a")]
    again = [p.read_bytes() for p in write_report(finished, STUDY, folder=tmp_path / "b")]
    assert once == again


def test_french_pages_have_french_numbers_and_no_english_left(written):
    page = page_in(written("fr")[0])
    assert grid_of(page, "table-1-1")["0,01", "1"][0] == "★ meilleure 85,70 ± 0,10"
    text = " ".join(page.texts)
    assert "83,70\u00a0±\u00a00,10\u202f%" in text
    assert "108\u202f000" in text
    for english in (" the ", "accuracy", "learning", "batch", "seed", "epoch ", "finished"):
        assert english not in text, english


@pytest.mark.parametrize(
    ("source", "language", "said"),
    [
        (load_study(STUDY).model_dump()["source"], "fr", "INF8225, TP1, partie 2 · Fashion-MNIST"),
        (load_study(STUDY).model_dump()["source"], "en", "INF8225, TP1, part 2 · Fashion-MNIST"),
        ("an older record", "fr", "an older record · Fashion-MNIST"),
        ("", "fr", "Fashion-MNIST"),
    ],
)
def test_the_source_of_a_study_is_said_in_the_language_of_the_report(
    data, tmp_path, source, language, said
):
    records = data.make_records(tmp_path / "s.db", config=data.study_config(source=source))
    assert document_of(records, language).subtitle == said


@pytest.mark.parametrize("language", ["en", "fr"])
def test_special_characters_of_a_title_stay_text_in_page_and_paper(data, tmp_path, language):
    title = "<script>alert(1)</script> #strong[é] $x$ \\ \"'&amp; *a* _b_ @c"
    config = data.study_config(title=title, source="<b>#pagebreak()")
    config["grid"] = {"optimizer": ["<i>$a#"], "learning_rate": [0.1], "batch_size": [1]}
    records = data.make_records(
        tmp_path / "s.db", config=config, tested=False, accuracy=lambda cell, seed: 0.5
    )
    html, pdf = write_report(records, STUDY, language=language, folder=tmp_path)
    text = html.read_text(encoding="utf-8")
    page = Page(text)
    assert page.errors == []
    assert {"script", "b", "i"}.isdisjoint(tag for tag, _ in page.tags)
    assert title in page.text
    paper = PdfReader(io.BytesIO(pdf.read_bytes()))
    assert paper.metadata.title == title
    first = re.sub(r"\s+", "", paper.pages[0].extract_text())
    assert re.sub(r"\s+", "", title) in first
    assert "<b>#pagebreak()" in first


# -- the PDF ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_has_the_numbers_of_the_tables_its_language_and_tags(written, finished, language):
    _, path = written(language)
    reader = PdfReader(path)
    root = reader.trailer["/Root"]
    assert root["/Lang"] == language
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert reader.metadata.title == document_of(finished, language).title
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))
    page = page_in(written(language)[0])
    for name in ("table-1-1", "table-1-2"):
        for number, _ in grid_of(page, name).values():
            assert re.sub(r"^★ \w+ ", "", number) in text
    assert f"1 / {len(reader.pages)}" in text


def alternatives(node, seen=None):
    """The alternative texts of a PDF's structure."""
    seen = set() if seen is None else seen
    node = node.get_object()
    found = [node["/Alt"]] if "/Alt" in node else []
    children = node.get("/K", [])
    for child in children if isinstance(children, list) else [children]:
        child = child.get_object() if hasattr(child, "get_object") else child
        if hasattr(child, "keys") and "/S" in child and id(child) not in seen:
            seen.add(id(child))
            found += alternatives(child, seen)
    return found


def test_every_figure_and_formula_of_the_pdf_has_words(written):
    _, path = written("en")
    found = alternatives(PdfReader(path).trailer["/Root"]["/StructTreeRoot"])
    assert sum("at epoch 5." in text for text in found) == 2
    assert any(text.startswith("W becomes W minus eta G") for text in found)


def test_a_table_on_paper_stands_below_its_heading_and_its_header_is_on_each_of_its_pages():
    sections = [
        Section(
            name=f"s{i}",
            heading=f"Heading {i}.",
            blocks=[
                Paragraph(text="Filler. " * 80 * (i % 4)),
                Paragraph(text=f"Introduction {i}.", command="retroprop show 1"),
                Table(
                    name=f"t{i}",
                    caption=f"Caption {i}.",
                    corner=f"Corner {i}.",
                    columns=["value"],
                    rows=[
                        Row(header=f"Row {i}/{row}.", cells=[Cell(text="1")]) for row in range(25)
                    ],
                ),
            ],
        )
        for i in range(8)
    ]
    document = Document(
        language="en", title="T", subtitle="S", summary=["Summary."], notices=[], footer="F",
        sections=sections,
    )  # fmt: skip
    reader = PdfReader(io.BytesIO(render_pdf(document, when="2025-01-01")))
    pages = [page.extract_text() for page in reader.pages]

    def pages_of(text):
        return [number for number, page in enumerate(pages) if text in page]

    for i in range(8):
        introduced = pages_of(f"Introduction {i}.")
        rows = sorted({page for row in range(25) for page in pages_of(f"Row {i}/{row}.")})
        assert introduced == pages_of(f"Caption {i}.") == rows[:1]
        assert pages_of(f"Corner {i}.") == rows
    assert len(pages) < 8  # a page is filled before the next one is begun


def test_a_half_finished_study_has_a_pdf_too(data, tmp_path):
    records = data.make_records(tmp_path / "half.db", stop_after=2, sessions=2)
    (path,) = write_report(records, STUDY, formats=["pdf"], folder=tmp_path)
    assert "This study is not finished" in PdfReader(path).pages[0].extract_text()


# -- the edge ---------------------------------------------------------------------------------


def test_files_are_named_after_study_and_language_and_nothing_else_is_left(finished, tmp_path):
    folder = tmp_path / "new" / "folder"
    paths = write_report(finished, STUDY, language="fr", folder=folder)
    assert [path.name for path in paths] == [f"{STUDY}-fr.html", f"{STUDY}-fr.pdf"]
    assert sorted(folder.iterdir()) == sorted(paths)


def test_a_failed_write_leaves_the_old_report_as_it_was(finished, tmp_path, monkeypatch):
    (path,) = write_report(finished, STUDY, formats=["html"], folder=tmp_path)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match=r"cannot write .* \(No space left on device\).*--output"):
        write_report(finished, STUDY, formats=["html"], folder=tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.glob(".*html*")) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"formats": ["hmtl"]}, "Did you mean 'html'"),
        ({"formats": []}, "use html, pdf or both"),
        ({"formats": ["ipynb"]}, "a notebook .* and not of a single study: use html, pdf or both"),
        ({"language": "de"}, "use en or fr"),
        ({"study": "inf8225-logistik"}, "Did you mean 'inf8225-logistic"),
    ],
)
def test_a_wrong_word_is_explained_with_a_suggestion(finished, tmp_path, changes, sentence):
    arguments = {"study": STUDY, "folder": tmp_path / "none", **changes}
    with pytest.raises(UserError, match=sentence):
        write_report(finished, **arguments)
    assert not (tmp_path / "none").exists()


def test_a_study_run_is_found_by_its_id_too(finished, data, tmp_path):
    (path,) = write_report(finished, data.STUDY_RUN, formats=["html"], folder=tmp_path)
    assert path.name == f"{STUDY}-en.html"


def test_a_report_imports_neither_torch_nor_an_engine(data, tmp_path):
    data.make_records(tmp_path / "light.db", stop_after=3)
    program = (
        "import json, sys\n"
        "import retroprop.report\n"
        "light = 'matplotlib' in sys.modules or 'sqlalchemy' in sys.modules\n"
        "from retroprop.studies.records import Records\n"
        "records = Records.open(sys.argv[1])\n"
        "retroprop.report.write_report(records, 'inf8225-logistic', folder=sys.argv[2])\n"
        "heavy = [m for m in sys.modules if m.split('.')[0] == 'torch' or 'pyplot' in m\n"
        "         or m.startswith('retroprop.training.')]\n"
        "print(json.dumps([light, heavy]))\n"
    )
    command = processes.python("-c", program, tmp_path / "light.db", tmp_path)
    result = processes.run(**command, check=True)
    vocabulary = ["retroprop.training.epochs", "retroprop.training.settings"]  # of all rooms
    light, heavy = json.loads(result.stdout)
    assert (light, sorted(heavy)) == (False, vocabulary)


# -- what typst cannot set --------------------------------------------------------------------


def test_a_title_that_no_font_of_ours_can_draw_has_a_pdf(finished, tmp_path):
    title = "Deep 深度学习 👩‍🔬 #let x = *a* \\"
    document = dataclasses.replace(document_of(finished, "en"), title=title)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndrawnLetters)  # as many as this machine's fonts leave
        (path,) = write_document(document, "a", ["pdf"], tmp_path, when="2025-01-01")
    shown = PdfReader(path).pages[0].extract_text()
    assert shown.startswith("Deep ")
    assert "#let x = *a* \\" in shown
    assert PdfReader(path).trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_letters_that_no_font_can_draw_are_named_in_one_sentence(finished, tmp_path):
    document = dataclasses.replace(
        document_of(finished, "en"), title="a \u0378 é", subtitle="\u0379 \u0378"
    )  # U+0378 and U+0379 are no characters: no font has them
    with pytest.warns(UndrawnLetters) as told:
        write_document(document, "a", ["pdf", "html"], tmp_path, when="2025-01-01")
    assert [str(warning.message) for warning in told] == [
        "no font on this machine can draw U+0378 U+0379, so the PDF shows □ instead; install a "
        "font that has them, or read the HTML report, which keeps them."
    ]
    assert "a □ é" in PdfReader(tmp_path / "a.pdf").pages[0].extract_text()


def test_a_sentence_about_many_letters_stays_short(finished, tmp_path):
    title = "".join(map(chr, range(0x50000, 0x50000 + 60)))
    document = dataclasses.replace(document_of(finished, "en"), title=f"a {title}")
    with pytest.warns(UndrawnLetters, match=r"(U\+500\w\w ){20}and 40 more, so the PDF"):
        write_document(document, "a", ["pdf"], tmp_path, when="2025-01-01")


def test_an_error_of_typst_is_a_sentence_and_the_page_is_written_before_it(finished, tmp_path):
    document = dataclasses.replace(document_of(finished, "en"), title="a\x01b")
    with pytest.raises(UserError, match=r"the PDF cannot be set \(PDF/UA-1 error: .*--format html"):
        write_document(document, "a", ["pdf", "html"], tmp_path / "out", when="2025-01-01")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.html"]
