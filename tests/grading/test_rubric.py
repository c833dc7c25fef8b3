"""A rubric changes what checks are worth, and every problem of one is a sentence."""

import pytest
from tests.grading.small_lab import GRADING

from retroprop.errors import UserError
from retroprop.grading.rubric import default_rubric, read_rubric, rubric_from
from retroprop.grading.sessions import Limits
from retroprop.grading.submissions import Submission
from retroprop.languages import translator

EN, FR = translator("en"), translator("fr")


def worth(grading):
    return [
        (question.points, one.name, one.share, one.public, one.tolerance, one.seconds)
        for question in grading.questions
        for one in question.checks
    ]


def same(one, other):
    return worth(one) == worth(other)


@pytest.mark.parametrize("text", ["", default_rubric(GRADING, lambda text: text)])
def test_the_default_rubric_changes_nothing(text):
    rubric = rubric_from(text, GRADING, "r.toml")
    assert same(rubric.grading, GRADING)
    assert (rubric.strict, rubric.limits, list(rubric.manual)) == (frozenset(), Limits(), [])


def test_points_shares_and_visibility_are_the_rubrics():
    text = """
    strict = ["tensor"]
    limits = { memory_mib = 512, load_s = 5 }
    [questions.1]
    points = 10
    [questions.1.checks]
    "a vector" = { share = 0.2, public = false, tolerance = 0.01 }
    "a matrix" = { share = 0.8, seconds = 5 }
    """
    rubric = rubric_from(text, GRADING, "r.toml")
    first, second = rubric.grading.questions
    assert (first.points, second.points) == (10, 7)
    assert [one.share for one in first.checks] == [0.2, 0.8]
    assert (first.checks[0].public, first.checks[0].tolerance) == (False, 0.01)
    assert first.checks[1].seconds == 5
    assert rubric.strict == {"tensor"}
    assert rubric.limits == Limits(memory_bytes=512 * 2**20, load_s=5)


def test_shares_of_a_third_are_scaled_to_the_whole():
    text = '[questions.1.checks]\n"a vector".share = 0.33\n"a matrix".share = 0.66'
    shares = [one.share for one in rubric_from(text, GRADING, "r.toml").grading.questions[0].checks]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert shares[1] == pytest.approx(2 * shares[0])


def test_points_by_hand_are_given_by_submission_or_student():
    text = """
    [[manual]]
    name = { en = "Report", fr = "Rapport" }
    points = 10
    given = { anna = 8, "Ada Lovelace" = { points = 9.5, comment = "clear" }, bnn = 1 }
    """
    rubric = rubric_from(text, GRADING, "r.toml")
    anna, ada = Submission(name="anna"), Submission(name="s_1", students=("Ada Lovelace",))
    ben = Submission(name="ben")
    assert [one.score for one in rubric.manual_results(anna, "en")] == [8]
    (line,) = rubric.manual_results(ada, "fr")
    assert (line.name, line.score, line.max_score, line.comment) == ("Rapport", 9.5, 10, "clear")
    assert rubric.manual_results(ben, "en")[0].score is None
    assert rubric.strangers([anna, ada, ben]) == ["bnn"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lab = 'other'", "lab is 'other', and small is graded"),
        ("labb = 'small'", "unknown key labb. Did you mean 'lab'?"),
        ("[questions.9]", "unknown question '9'"),
        ("[questions.1]\npoint = 3", r"unknown key questions.1.point. Did you mean 'points'?"),
        ("[questions.1]\npoints = -1", "questions.1.points must be greater than or equal to 0"),
        ("[questions.1]\npoints = '3'", "questions.1.points must be a number"),
        ("[questions.1]\npoints = nan", "questions.1.points must be"),
        ("[questions.1.checks.'a vectr']", "unknown check 'a vectr'. Did you mean 'a vector'?"),
        ("[questions.1.checks.'a vector']\nshare = 0.9", "add up to 1.4, and must add up to 1"),
        ("[questions.1.checks.'a vector']\nshare = 0\n[questions.1.checks.'a matrix']\nshare = 0",
         "add up to 0, and must add up to 1"),
        ("[questions.1.checks.'a vector']\npublic = 1", "must be true or false"),
        ("[questions.1.checks.'a vector']\ntolerance = 0", "must be greater than 0"),
        ("strict = ['tensr']", "unknown remark 'tensr'. Did you mean 'tensor'?"),
        ("limits = { memory_mib = 1 }", "limits.memory_mib must be greater than or equal to 64"),
        ("limits = { memory = 1 }", "unknown key limits.memory. Did you mean 'memory_mib'?"),
        ("[[manual]]\nname = 'x'", r"manual.0.points is missing"),
        ("[[manual]]\nname = 'x'\npoints = 3\ngiven = { a = 4 }", "'a' has 4 of 3 points"),
        ("[[manual]]\nname = 'x'\npoints = 3\ngiven = { a = true }", "points are expected"),
        ("questions = 3", "questions must be"),
        ("a = [", "is not valid TOML"),
        ("a" + ".a" * 50 + " = 1", "the keys of a rubric"),
    ],
)  # fmt: skip
def test_every_problem_is_a_sentence(text, sentence):
    with pytest.raises(UserError) as raised:
        rubric_from(text, GRADING, "r.toml")
    assert str(raised.value).startswith("r.toml")
    assert sentence in str(raised.value)


def test_several_problems_are_said_at_once():
    with pytest.raises(UserError, match="has 3 problems"):
        rubric_from("lab = 'x'\nstrict = ['y']\n[questions.7]", GRADING, "r.toml")


def test_files_that_are_no_rubric_give_a_sentence(tmp_path):
    for data in (b"\xff\xfea", b"\x00", b"#" * 200_000, b"\xe9"):
        (tmp_path / "r.toml").write_bytes(data)
        with pytest.raises(UserError, match=r"r\.toml"):
            read_rubric(tmp_path / "r.toml", GRADING)
    with pytest.raises(UserError, match="there is no rubric"):
        read_rubric(tmp_path / "none.toml", GRADING)


def test_the_default_rubric_is_written_in_french_too():
    def say(text):
        return FR(text) if text.startswith("How") else {"a vector": "un vecteur"}.get(text, text)

    text = default_rubric(GRADING, say)
    assert text.startswith("# Comment small est noté.")
    assert '# un vecteur\n[questions."1".checks."a vector"]\n' in text
    assert same(rubric_from(text, GRADING, "r.toml").grading, GRADING)
