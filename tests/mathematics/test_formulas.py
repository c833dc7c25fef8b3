"""Formulas: one source, drawn in a terminal, written on one line, and said."""

import json
from importlib.resources import files

import pytest

from retroprop.calculus.theory.prose import formula_in
from retroprop.mathematics.drawing import bold_spans, draw, one_line, plain
from retroprop.mathematics.formulas import CALLS, SYMBOLS, WORDS, parse
from retroprop.mathematics.prose import on_one_line, spans
from retroprop.mathematics.speaking import spoken


def drawing(source, width=None):
    return "\n".join(plain(line) for line in draw(source, width))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x_i^2", "xᵢ²"),
        ("bW_(k j)^((2)) bh_j^s", "W⁽²⁾ₖⱼ hˢⱼ"),
        ("frac(a + b, 2)", "(a + b)/2"),
        ("frac(partial L, partial (a b))", "∂L/∂(a b)"),
        ("bo_y^s", "oˢ_y"),
        ("bone_({x > 0})(x) + bone_(i = j)", "1[x > 0](x) + 1ᵢ₌ⱼ"),
        ("-x - y", "−x − y"),
        ("f(x) = -x", "f(x) = −x"),
        ("ln sigma(x)", "ln σ(x)"),
        ("hat(R) cal(L)", "R̂ ℒ"),
        ("sqrt(a + b) floor(x) abs(x) norm(x)_2", "√(a + b) ⌊x⌋ |x| ‖x‖₂"),
        ('x "if" y', "x if y"),
        ("onehot_m (y)", "onehotₘ(y)"),
        ("e^(-x)", "e⁻ˣ"),
        ("e^(x y) e^(x_i)", "eˣʸ e^(xᵢ)"),
        ("L_MSE", "L_MSE"),
        ("sum_(k = 1)^m x_k", "Σₖ₌₁ᵐ xₖ"),
    ],
)
def test_a_formula_on_one_line(source, expected):
    assert plain(one_line(source)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("frac(1, 1 + e^(-x))", ["   1", "───────", "1 + e⁻ˣ"]),
        ("x = frac(1, 2) + y", ["    1", "x = ─ + y", "    2"]),
        ("sum_(k = 1)^m x_k", [" m", " Σ   xₖ", "k=1"]),
        ("bo_y^a = 0", ["oᵃ  = 0", "  y"]),
        ("exp(bo_c^a)", ["exp(oᵃ )", "      c"]),
        ("(frac(1, 2))^2", ["   2", "⎛1⎞", "⎜─⎟", "⎝2⎠"]),
        ("underbrace(a b, m)", ["a b", "╰┬╯", " m"]),
        ("cases(1, 2, 3)", ["⎧ 1", "⎨ 2", "⎩ 3"]),
        ("a &= b \\ &= frac(c, d)", ["a = b", "", "    c", "  = ─", "    d"]),
    ],
)
def test_a_formula_in_two_dimensions(source, expected):
    assert drawing(source).split("\n") == expected


def test_a_wide_formula_is_broken_at_its_gaps_and_then_at_its_relations():
    source = "a = b + c = d, quad e = f"
    assert drawing(source) == "a = b + c = d,    e = f"
    assert drawing(source, width=15) == "a = b + c = d,\ne = f"
    assert drawing(source, width=9) == "a\n   = b + c\n   = d,\n\ne = f"


@pytest.mark.parametrize(
    ("source", "english", "french"),
    [
        ("sigma'(x)", "sigma prime of x", "sigma prime de x"),
        ("x^2 + y_i", "x squared plus y sub i", "x au carré plus y indice i"),
        (
            "frac(partial L, partial bh_j^a)",
            "the derivative of L with respect to h sub j superscript a",
            "la dérivée de L par rapport à h indice j exposant a",
        ),
        (
            "sum_(k = 1)^m e^x",
            "the sum over k equals 1 up to m of e to the x",
            "la somme pour k égale 1 jusqu’à m de e puissance x",
        ),
        ("S(bx)_i", "S of x sub i", "S de x indice i"),
        ("frac(a + 1, b)", "the fraction a plus 1 over b, end of fraction", None),
        ("bW^top bx", "W transposed x", "W transposé x"),
        ("bone_({x > 0})", None, "l’indicatrice de x est supérieur à 0"),
    ],
)
def test_a_formula_in_words(source, english, french):
    for language, expected in (("en", english), ("fr", french)):
        if expected is not None:
            assert spoken(source, language) == expected


@pytest.mark.parametrize(
    "wrong",
    ["x $ y", "frac(1)", "unknown(x)", "(x", "x)", "x_", "frac(a, b, c)", "#eval", "é"],
)
def test_what_is_not_the_notation_is_refused(wrong):
    with pytest.raises(ValueError, match=r"formula|take"):
        parse(wrong)


def test_bold_letters_are_told_apart():
    assert bold_spans(one_line("bW x")) == [("W", True), (" x", False)]


def test_typst_knows_every_name_of_the_notation():
    import typst

    formulas = [*SYMBOLS, *WORDS]
    formulas += [f"{name}(a, b)" if n != 1 else f"{name}(a)" for name, n in CALLS.items()]
    names = files("retroprop.mathematics").joinpath("formulas.typ").read_text("utf-8")
    lines = [f'#formula((source: {json.dumps(formula)}, alt: "a"))' for formula in formulas]
    source = "\n".join([names, *lines])
    assert typst.compile(source.encode(), format="pdf", ignore_system_fonts=True)


def test_prose_is_cut_into_text_formulas_and_stress():
    kinds = [span.kind for span in spans("*One $x$ word*, then $y = 2$.")]
    assert kinds == ["strong", "text", "math", "text"]
    assert on_one_line("Let $x_i$ be.") == "Let xᵢ be."


def test_the_words_in_a_formula_are_translated_or_missed():
    assert formula_in('k = 1 "or" k = 2', "fr") == 'k = 1 "ou" k = 2'
    with pytest.raises(KeyError):
        formula_in('k "unless" j', "fr")
