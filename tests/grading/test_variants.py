"""Submissions composed of a template and the bodies of variants.toml."""

import pytest

from retroprop.errors import UserError
from retroprop.grading.checks import Check, LabGrading, Mistake, Question
from retroprop.grading.variants import load_variants, with_bodies

TEMPLATE = '''"""What students are given."""


def double(x):
    """Twice x."""
    pass


class Model:
    def __init__(self, size):
        self.size = size

    @staticmethod
    def create(size):
        # TODO
        raise NotImplementedError

    def forward(
        self,
        x,
    ):
        pass
'''


def test_bodies_replace_those_of_functions_and_methods():
    composed = with_bodies(
        TEMPLATE,
        {
            "Model.forward": "        if x:\n            return [x]\n        return self.size\n",
            "double": "\nreturn 2 * x\n",
            "Model.create": "return Model(size)",
        },
    )
    made: dict = {}
    exec(composed, made)
    model = made["Model"].create(3)
    assert (made["double"](4), model.forward(0), model.forward(5)) == (8, 3, [5])
    assert composed.startswith('"""What students are given."""')


@pytest.mark.parametrize(
    ("bodies", "sentence"),
    [
        ({"doubel": "return 2"}, "the template has no function 'doubel'. Did you mean 'double'?"),
        ({"forward": "return 2"}, "no function 'forward'. Did you mean 'Model.forward'?"),
        ({"double": "return (\n"}, "the body of 'double' is no Python: line 1: '(' was never"),
        ({"double": "x = 2\n  return x"}, "the body of 'double' is no Python: line 2: unexpected"),
        ({"double": ""}, "the body of 'double' is no Python"),
    ],
)
def test_a_body_that_does_not_fit_is_explained(bodies, sentence):
    with pytest.raises(UserError) as refused:
        with_bodies(TEMPLATE, bodies)
    assert sentence in str(refused.value)


def grading_of(*files: str) -> LabGrading:
    check = Check(
        name="check",
        share=1,
        probe="probe",
        inputs=lambda generator: {},
        reference=lambda values, answer: 0,
        mistakes=[Mistake(name="halved", sentence="is half of it", switches={"half": True})],
    )
    return LabGrading(
        lab="lab",
        files=files,
        probes="",
        questions=[Question(number="1", name="double", points=1, checks=[check])],
        template=dict.fromkeys(files, TEMPLATE),
    )


RIGHT = "[right]\ndouble = 'return 2 * x'\n"
WRONG = "[[wrong]]\nmistake = 'halved'\nquestion = '1'\nbodies = { double = 'return x' }\n"


def load(tmp_path, text: str, *files: str):
    path = tmp_path / "variants.toml"
    path.write_text(text, encoding="utf-8")
    return load_variants(path, grading_of(*files))


def test_every_variant_is_the_right_submission_but_for_its_own_bodies(tmp_path):
    unusual = "[[unusual]]\nname = 'sum'\nbodies = { double = 'return x + x' }\n"
    text = RIGHT + '"Model.forward" = "return x"\n' + unusual + WRONG
    variants = load(tmp_path, text, "solution")
    assert "return 2 * x" in variants.right["solution"]
    assert [one.name for one in variants.unusual] == ["sum"]
    assert [(one.mistake, one.question) for one in variants.wrong] == [("halved", "1")]
    changed = [*variants.unusual, *variants.wrong]
    bodies = ["return x + x", "    return x\n"]
    for files, body in zip((one.files["solution"] for one in changed), bodies, strict=True):
        assert body in files
        assert "return 2 * x" not in files
        assert "        x,\n    ):\n        return x\n" in files  # as in the right one


def test_in_a_lab_of_several_files_a_key_starts_with_the_file(tmp_path):
    text = "[right]\n'mlp.double' = 'return 2 * x'\n'utils.Model.forward' = 'return -x'\n"
    right = load(tmp_path, text, "mlp", "utils").right
    assert "return 2 * x" in right["mlp"]
    assert "return -x" in right["utils"]
    assert "return -x" not in right["mlp"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("right = ", "variants.toml cannot be read as TOML"),
        ("", "variants.toml: the key right is missing"),
        ("right = 3", "the bodies should be a table of function and code, and are 3"),
        ("[right]\ndouble = 2", "variants.toml, right: double should be a text, and is 2"),
        (RIGHT + "[[wrnog]]", "there is no key 'wrnog'. Did you mean 'wrong'?"),
        (RIGHT + "[wrong]", "wrong should be tables, each under a line [[wrong]]"),
        (RIGHT + WRONG.replace("halved", "halfed"), "no mistake 'halfed'. Did you mean 'halved'?"),
        (RIGHT + WRONG.replace("'1'", "'2'"), "there is no question '2'"),
        (RIGHT + WRONG.replace("'1'", "1"), "variants.toml, wrong 1: question should be a text"),
        (RIGHT + WRONG.replace("double =", "twice ="), "wrong 1: the template has no function"),
        (RIGHT + "[[unusual]]\nname = 'a'", "unusual 1: the key bodies is missing"),
    ],
)
def test_a_file_of_variants_that_cannot_be_used_is_explained(tmp_path, text, sentence):
    with pytest.raises(UserError) as refused:
        load(tmp_path, text, "solution")
    assert sentence in str(refused.value)


def test_a_key_without_a_file_is_explained_in_a_lab_of_several(tmp_path):
    with pytest.raises(UserError) as refused:
        load(tmp_path, "[right]\ndouble = 'return 2 * x'\n", "mlp", "utils")
    assert "'double' should start with a file of the lab" in str(refused.value)
