"""The document of a lab from made-up records: complete, missing, half-finished, of every size."""

import pytest

from retroprop.report.document import Notice, Paragraph, Picture, Table
from retroprop.report.lab_content import compose_lab, run_command
from retroprop.report.lab_report import Lab, LabReport, NotRecordedError, Part, Question
from retroprop.report.results import curves_section, tables_section
from retroprop.studies.schema import load_study

STUDY = "inf8225-logistic"


# Texts that the catalog has in French.
TITLES = {"1": "The hidden layer", "2": "The output layer", "3": "The Jacobian of softmax"}
ASKED = "Show that $ln sigma(x) = -softplus(-x)$."


def from_records(lab):
    report = lab.study(STUDY)
    yield Paragraph(text=f"{len(report.runs)} models")
    yield from lab.blocks(report, tables_section, curves_section)


def first_half(lab):
    yield Paragraph(text="known without records")
    lab.study("lyon-shallow")
    yield Paragraph(text="never reached")


def by_thought(lab):
    yield Paragraph(text="needs no records")


def question(name, *answers, studies=(), **more):
    return Question(
        name=name, label=name, title=TITLES[name], asked=ASKED,
        answers=answers, studies=studies, **more,
    )  # fmt: skip


LAB = Lab(
    name="made-up",
    title="Smoke size",
    source="Where this comes from",
    parts=(
        Part(
            name="part-1",
            title="3. Convolutional networks",
            questions=(
                question("1", from_records, studies=(STUDY,), points=3),
                question(
                    "2", first_half, by_thought, studies=("lyon-shallow",), bonus=True, points=1
                ),
            ),
        ),
        Part(name="part-2", title="Beyond the sheet", questions=(question("3", by_thought),)),
    ),
    summary=lambda lab: iter([f"{len(lab.study(STUDY).runs)} models"]),
)  # fmt: skip


@pytest.fixture
def report(data, tmp_path):
    """A function from the options of made-up records to the lab's report."""

    def tell(language="en", size=None, **options):
        own = load_study(STUDY).fingerprint
        options = {"fingerprint": own, **options}
        records = data.make_records(tmp_path / "records.db", **options)
        return LabReport(LAB, records, language, size)

    return tell


def section(document, name):
    return next(one for one in document.sections if one.name == f"q-{name}")


def texts(blocks):
    return [block.text for block in blocks if hasattr(block, "text")]


def test_every_question_stands_in_its_part_with_what_is_asked(report):
    document = compose_lab(report())
    assert [(one.level, one.heading) for one in document.sections[:5]] == [
        (1, "3. Convolutional networks"),
        (2, "1 · The hidden layer"),
        (2, "2 · The output layer"),
        (1, "Beyond the sheet"),
        (2, "3 · The Jacobian of softmax"),
    ]
    assert section(document, "1").asked == ASKED
    assert section(document, "1").points == "3 points of the assignment"
    assert section(document, "2").points == "1 bonus point"
    assert section(document, "3").points == ""


@pytest.mark.parametrize("language", ["en", "fr"])
def test_without_records_every_answer_says_which_command_makes_it(language):
    document = compose_lab(LabReport(LAB, None, language))
    (notice,) = section(document, "1").blocks
    assert isinstance(notice, Notice)
    assert notice.command == f"retroprop run {STUDY}"
    assert document.notices[0].command == "retroprop lab run made-up"
    assert f"{STUDY}, lyon-shallow" in document.notices[0].text
    assert len(document.summary) == 1
    assert "1" in document.summary[0]
    assert "3" in document.summary[0]
    assert texts(section(document, "3").blocks) == ["needs no records"]


def test_what_an_answer_knows_before_a_missing_study_stays_and_the_next_answer_follows(report):
    told = report()
    blocks = section(compose_lab(told), "2").blocks
    assert texts(blocks)[:2] == ["known without records", "needs no records"]
    place = told.records.location  # not the usual one, so the command names it
    assert blocks[2].command == f"retroprop run lyon-shallow --db {place}"


def test_a_half_finished_study_is_marked_at_the_top_and_at_its_question(report):
    told = report(stop_after=20)
    document = compose_lab(told)
    place = told.records.location
    top = {one.title: one.command for one in document.notices}
    assert top["Some studies are not finished"] == (
        f"retroprop lab run made-up --size full --db {place}"
    )
    assert top["This report is not complete"] == f"retroprop lab run made-up --db {place}"
    mark = section(document, "1").blocks[0]
    assert mark.title == f"The study {STUDY} is not finished"
    assert mark.command == f"retroprop run {STUDY} --db {place}"


def test_a_finished_study_is_not_marked(report):
    document = compose_lab(report())
    assert not any(isinstance(one, Notice) for one in section(document, "1").blocks)
    assert [one.title for one in document.notices] == ["This report is not complete"]
    assert document.summary[1] == "72 models"


def test_every_number_of_a_table_leads_to_a_row_of_the_same_document(report):
    document = compose_lab(report())
    tables = [b for one in document.sections for b in one.blocks if isinstance(b, Table)]
    anchors = {row.anchor for table in tables for row in table.rows if row.anchor}
    links = {c.link for table in tables for row in table.rows for c in row.cells if c.link}
    assert links
    assert links <= anchors
    assert len(anchors) >= 72


def test_no_two_tables_or_pictures_have_the_same_name(report):
    document = compose_lab(report())
    names = [
        block.name
        for one in document.sections
        for block in one.blocks
        if isinstance(block, Table | Picture)
    ]
    assert len(names) > 5
    assert len(names) == len(set(names))


def config(size):
    return load_study(STUDY, size=size).model_dump(mode="json", exclude_none=True)


def test_the_largest_finished_size_is_reported_unless_another_is_asked_for(data, tmp_path):
    file = tmp_path / "records.db"
    for size in ("full", "smoke"):
        study = load_study(STUDY, size=size)
        records = data.make_records(
            file,
            config=config(size),
            study_run_id=f"{STUDY}-{size}",
            fingerprint=study.fingerprint,
            epochs=study.epochs,
            tested=False,
        )
    chosen = [LabReport(LAB, records, "en", size).study(STUDY).size for size in (None, "smoke")]
    assert chosen == ["full", "smoke"]
    notices = [one.title for one in compose_lab(LabReport(LAB, records, "en", "smoke")).notices]
    assert "Smoke size" in notices


def test_a_study_whose_first_epoch_is_not_over_is_not_recorded(report):
    told = report(stop_after=0)
    with pytest.raises(NotRecordedError):
        told.study(STUDY)


# -- whose study it is ------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_run_with_other_settings_answers_no_question_and_is_named_with_its_command(
    report, data, language
):
    command = f"retroprop run {STUDY} --set seeds=0 --epochs 3"
    environment = {**data.ENVIRONMENT, "command": command}
    told = report(language, fingerprint="other", environment=environment)
    document = compose_lab(told)
    assert "72 models" not in str(document)
    notice = next(one for one in section(document, "1").blocks if one.command == command)
    assert data.STUDY_RUN in notice.text
    assert any(one.command == command for one in document.notices)
    assert section(document, "1").blocks[-1].command.startswith(f"retroprop run {STUDY} --db")


def test_a_run_whose_start_is_not_recorded_names_no_command(report):
    document = compose_lab(report(fingerprint="other", environment={}))
    notice = next(one for one in document.notices if one.title.startswith("Not the assignment"))
    assert notice.command == ""
    assert "was not recorded" in notice.text


def test_the_own_study_answers_beside_a_newer_run_with_other_settings(data, tmp_path):
    told = []
    for name, fingerprint in (("own", load_study(STUDY).fingerprint), ("newer", "other")):
        records = data.make_records(
            tmp_path / "r.db", study_run_id=f"{STUDY}-{name}", fingerprint=fingerprint
        )
        told.append(LabReport(LAB, records, "en").study(STUDY).record.id)
    assert told == [f"{STUDY}-own"] * 2


def test_another_precision_is_the_assignments_study_and_its_command_names_it(report):
    study = load_study(STUDY, size="smoke", changes=["training.precision=float64"])
    told = report(config=study.model_dump(), fingerprint=study.fingerprint, tested=False)
    assert told.study(STUDY).record.fingerprint == study.fingerprint
    option = f"retroprop run {STUDY} --size smoke --precision float64 "
    assert run_command(told, STUDY).startswith(option)
