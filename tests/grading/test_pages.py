"""The teacher's page and the sheets: complete, in two languages, and safe to open."""

import re
from html.parser import HTMLParser

import pytest
from tests.grading.small_lab import CRASH, EVIDENCE, GRADING, LOG, RIGHT, SUM, sheet, wrong
from tests.grading.solutions import ANNA, BEN, TEMPLATE

from retroprop.grading import class_words, pages
from retroprop.grading.checks import Finding
from retroprop.grading.pages import Graded, class_page, sheet_page, write_pages
from retroprop.grading.results import ManualResult, Trouble
from retroprop.grading.similarity import similar_pairs
from retroprop.grading.submissions import Submission

NASTY = "<script>alert('x')</script>\"'&\x1b[31m\udce9\u202e"


class Outline(HTMLParser):
    """The elements of a page: whether all are closed, their ids, and what they link to."""

    EMPTY = frozenset({"meta", "br", "rect", "line"})

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.text = [], [], [], set(), ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)
            assert not name.startswith("on")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def unreadable(name="carl", reason="it is a picture"):
    made = sheet(name)
    made.submission = Submission(name=name, unreadable=reason)
    made.questions = []
    return made


def graded(*sheets, **options):
    return Graded(title="Small", grading=GRADING, sheets=sheets, **options)


@pytest.fixture(autouse=True)
def _words_of_the_lab(monkeypatch):
    """The small lab has no French: its own texts are said as they are, and only they."""
    lab = {"the norm", "the loss", "a vector", "a matrix", "one value", "a tensor of one number"}
    lab |= {SUM.sentence, LOG.sentence}
    translator = pages.translator

    def say_of(language):
        say = translator(language)
        return lambda text: text if text in lab else say(text)

    monkeypatch.setattr(pages, "translator", say_of)


def test_the_teachers_page_counts_every_submission_and_names_the_mistakes():
    class_ = graded(
        sheet("anna"),
        sheet("ben", (wrong(SUM), wrong(SUM), RIGHT)),
        sheet("dora", (RIGHT, wrong(LOG), wrong())),
        unreadable(),
    )
    text = Outline(class_page(class_)).text
    for word in ("anna", "ben", "dora", "carl", SUM.sentence, LOG.sentence, "it is a picture"):
        assert word in text
    view = pages._ClassView(class_)
    assert [(len(row.made_by), row.sentence) for row in view.mistakes] == [
        (1, SUM.sentence),
        (1, LOG.sentence),
    ]
    assert [(row.full, row.some, row.none) for row in view.questions] == [(1, 1, 1), (2, 0, 1)]
    assert sum(count for _, _, count in view.bins) == 3
    assert view.bins[-1][2] == 1  # all points are in the last bin
    assert view.mean == pytest.approx((10 + 7 + 1.5) / 3)


def test_a_mistake_that_was_counted_already_is_not_counted_again():
    again = Finding(passed=True, sentence="counted in question 1 already", mistakes=("sum",))
    class_ = graded(sheet("anna", (wrong(SUM), again, RIGHT)), sheet("ben", (again, RIGHT, RIGHT)))
    (row,) = pages._ClassView(class_).mistakes
    assert list(row.made_by) == ["anna"]


def test_what_to_look_at_is_said_once_for_each_submission():
    crashed = sheet(
        "ben",
        (RIGHT, RIGHT, Finding(passed=False)),
        raised=CRASH,
        evidence=[EVIDENCE],
        notes=[Trouble(type="ImportError", message="no pandas", file="solution", line=3)],
    )
    remarked = sheet("dora", (Finding(passed=True, remarks=("tensor",)), RIGHT, RIGHT))
    looks = pages._ClassView(graded(sheet("anna"), crashed, remarked, unreadable())).to_look_at
    assert {look.sheet.submission.name: [kind for kind, _ in look.reasons] for look in looks} == {
        "ben": ["at load", "evidence", "crash"],
        "dora": ["remark"],
        "carl": ["unreadable"],
    }
    assert looks[0].reasons[2][1] == "question 2: ZeroDivisionError: division by zero (line 7)"


def test_pages_are_written_and_every_link_leads_somewhere(tmp_path):
    class_ = graded(sheet("anna"), sheet("Anna"), sheet("../x"), unreadable("a b"), pairs=[])
    page = write_pages(tmp_path / "out", class_)
    assert page == tmp_path / "out" / "class.html"
    written = sorted(tmp_path.joinpath("out").rglob("*.html"))
    assert len(written) == 1 + 2 * 4
    for file in written:
        outline = Outline(file.read_text(encoding="utf-8"))
        assert len(set(outline.ids)) == len(outline.ids)
        for link in outline.links:
            if link.startswith("#"):
                assert link[1:] in outline.ids
            else:
                assert (file.parent / link).is_file()


def test_no_text_of_a_student_is_markup_and_nothing_is_loaded(tmp_path):
    trouble = Trouble(type=NASTY, message=NASTY, file="solution", line=1, text=NASTY)
    failed = Finding(passed=False, sentence=NASTY)
    made = sheet("x", (failed, failed, failed), raised=trouble, notes=[trouble])
    made.evidence = [type(EVIDENCE)(sentence=NASTY, text=NASTY)]
    made.manual = [ManualResult(name="Report", max_score=5, score=1, comment=NASTY)]
    made.submission = Submission(
        name=NASTY, students=(NASTY,), notes=(NASTY,), files={"solution": f"{NASTY}\n{ANNA}"}
    )
    other = sheet("y")
    other.submission = Submission(name="y", files={"solution": f"{NASTY}\n{ANNA}"})
    pairs = similar_pairs([made.submission, other.submission], {"solution": TEMPLATE})
    assert pairs
    write_pages(tmp_path, graded(made, other, unreadable("z", NASTY), pairs=pairs))
    for file in tmp_path.rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        outline = Outline(page)
        assert "script" not in outline.tags
        assert not outline.tags & {"img", "iframe", "object", "link", "form"}
        assert "\x1b" not in page
        assert "default-src 'none'" in page
        assert not re.search(r"https?:(?!//www\.w3\.org/)", page)


def test_a_student_reads_no_more_of_a_hidden_check_than_its_kind_and_line():
    secret = "asked with 0.123"
    raised = Trouble(type="ValueError", message=secret, file="solution", line=2, text=secret)
    failed = Finding(passed=False, sentence=secret)
    made = sheet("anna", (RIGHT, failed, failed), raised=raised, evidence=[EVIDENCE])
    made.submission = Submission(name="anna", files={"solution": "a = 1\n  raise my_error\n"})
    student = Outline(sheet_page(made, graded(made), for_teacher=False)).text
    assert secret not in student
    assert "0.123" not in student
    assert "ValueError (line 2)" in student
    assert "raise my_error" in student
    assert "another answer than expected" in student
    assert EVIDENCE.sentence not in student
    teacher = Outline(sheet_page(made, graded(made), for_teacher=True)).text
    assert secret in teacher
    assert EVIDENCE.sentence in teacher


def test_alike_submissions_are_shown_side_by_side():
    one, other, third = sheet("anna"), sheet("carl"), sheet("ben")
    one.submission = Submission(name="anna", files={"solution": ANNA})
    other.submission = Submission(name="carl", files={"solution": ANNA.replace("best", "top")})
    third.submission = Submission(name="ben", files={"solution": BEN})
    sheets = (one, other, third)
    pairs = similar_pairs([made.submission for made in sheets], {"solution": TEMPLATE})
    text = Outline(class_page(graded(*sheets, pairs=pairs))).text
    assert "best = copy.deepcopy(model)" in text
    assert "top = copy.deepcopy(model)" in text
    assert "champion" not in text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_both_languages_have_every_word(language):
    made = sheet("ben", (wrong(SUM), wrong(), RIGHT), evidence=[EVIDENCE], held=("Landlock",))
    made.manual = [ManualResult(name="Report", max_score=2.5)]
    class_ = graded(made, unreadable(), language=language, pairs=[])
    for page in (
        class_page(class_),
        sheet_page(made, class_, for_teacher=True),
        sheet_page(made, class_, for_teacher=False),
    ):
        assert f'<html lang="{language}">' in page
        assert ("2,5" in page) == (language == "fr")
        assert ("Remise" in page or "question" in page.lower()) or language == "en"


def test_words_are_used_by_a_template():
    templates = "".join(file.read_text() for file in pages.OWN_TEMPLATES.iterdir())
    unused = [
        name
        for name in class_words.words(lambda text: text)
        if f"words.{name}" not in templates and name not in ("right", "wrong", "noted")
    ]
    assert [name for name in unused if f'"{name}"' not in templates] == []


def test_an_empty_class_and_a_class_without_points_have_a_page():
    Outline(class_page(graded()))
    Outline(class_page(graded(unreadable(), pairs=None)))
