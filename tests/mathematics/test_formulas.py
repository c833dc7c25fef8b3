"""Formulas: one source, drawn in a terminal, written on one line, and said."""

import io
import json

import pytest
import typst
from pypdf import PdfReader

from retroprop.mathematics.drawing import bold_spans, draw, one_line, plain
from retroprop.mathematics.notation import CALLS, SYMBOLS, WORDS, parse
from retroprop.mathematics.prose import on_one_line, spans
from retroprop.mathematics.speaking import spoken
from retroprop.mathematics.typesetting import typst_formula, typst_names
from retroprop.report.formula_words import formula_in


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
        ("W <- W - eta hat(m)", "W ← W − η m̂"),
        ("w ~ cal(N)(0, 1)", "w ∼ 𝒩(0, 1)"),
        ("W * H + X_(* c)", "W ∗ H + X_(*c)"),
        ("theta^*", "θ*"),
        ("tilde(x) bar(y) overline(a b)", "x̃ ȳ a̅ ̅b̅"),
        ("ceil(x) cal(B) cal(L)", "⌈x⌉ ℬ ℒ"),
        ("mat(a, b; c, d)", "[a  b ; c  d]"),
        ("1 slash (n + 1)", "1/(n + 1)"),
        ("cases(x quad & x > 0, 0 quad & x <= 0)", "{ x    x > 0 ; 0    x ≤ 0"),
        ("argmax_theta Pr(G)", "argmax_θ Pr(G)"),
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
        ("cases(1 & x > 0, 10 & y, 3 & z)", ["⎧ 1 x > 0", "⎨ 10y", "⎩ 3 z"]),
        ("cases(1 & x, frac(1, 2) & y)", ["⎧ 1x", "⎪", "⎨ 1", "⎪ ─y", "⎩ 2"]),
        ("A = mat(1, 10; 100, 2; 3, 4)", ["    ⎛ 1   10⎞", "A = ⎜100  2 ⎟", "    ⎝ 3   4 ⎠"]),
        ("prod_i p_i", ["∏  pᵢ", "i"]),
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
        ("W <- W - eta G", "W becomes W minus eta G", "W devient W moins êta G"),
        ("W * H^((l))", "W convolved with H superscript l", "W convolué par H exposant l"),
        (
            "tilde(x) bar(y) Phi(a)",
            "x tilde y bar capital phi of a",
            "x tilde y barre phi majuscule de a",
        ),
        (
            "mat(a, b; c, d)",
            "the matrix, row 1: a, b, row 2: c, d, end of matrix",
            "la matrice, ligne 1: a, b, ligne 2: c, d, fin de matrice",
        ),
        ("Pr(G | do(L = 1))", "the probability of G given do of L equals 1", None),
        ("bone_({x > 0})", None, "l’indicatrice de x est supérieur à 0"),
        ("y log x", "y log of x", "y logarithme de x"),
        ("exp (x W)_k", "the exponential of x W sub k", "l’exponentielle de x W indice k"),
        ("max(0, min(a, b))", "the maximum of 0 and the minimum of a and b", None),
        ("abs(B) abs(cal(D))", "the size of B the size of script D", None),
        ("abs(x) norm(bx)", "the absolute value of x the norm of x", None),
        (
            "eta (s + 1) slash w",
            "eta times open bracket s plus 1, close bracket over w",
            "êta fois parenthèse s plus 1, fin de parenthèse sur w",
        ),
        ("a sum_k x", "a times the sum over k of x", "a fois la somme pour k de x"),
        ("frac(1, n) x", "1 over n times x", "1 sur n fois x"),
        (
            "L_i (x, y) + sum_k (a + b)",
            "L sub i open bracket x, y, close bracket plus "
            "the sum over k of open bracket a plus b, close bracket",
            None,
        ),
        (
            "cases(x quad & x > 0, 0 quad & x <= 0)",
            "either x, where x is greater than 0, or 0, where x is at most 0",
            "soit x, si x est supérieur à 0, soit 0, si x est au plus 0",
        ),
    ],
)
def test_a_formula_in_words(source, english, french):
    for language, expected in (("en", english), ("fr", french)):
        if expected is not None:
            assert spoken(source, language) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        "x $ y",
        "frac(1)",
        "unknown(x)",
        "(x",
        "x)",
        "x_",
        "frac(a, b, c)",
        "#eval",
        "é",
        "mat(a; b, c)",
        "cases(a & b, c)",
        "a / b",
        "(" * 2000 + "x" + ")" * 2000,
        "x_" * 60_000,
    ],
)
def test_what_is_not_the_notation_is_refused(wrong):
    with pytest.raises(ValueError, match=r"formula|take"):
        parse(wrong)


def test_bold_letters_are_told_apart():
    assert bold_spans(one_line("bW x")) == [("W", True), (" x", False)]


def test_typst_sets_every_name_of_the_notation():
    formulas = [*SYMBOLS, *WORDS, "bone", "bx", "bW"]
    formulas += [f"{name}(a, b)" if n != 1 else f"{name}(a)" for name, n in CALLS.items()]
    formulas += ["mat(a, b; c, d)", "cases(a quad & b, c quad & d)", "a &= b \\ &= c"]
    formulas += ["W <- W - eta G", "x ~ cal(N)(0, 1)", "W * H", "X_(* c)"]
    assert set_by_typst([typst_formula(formula, "en") for formula in formulas])


def test_a_slash_stays_on_the_line_in_typst():
    (page,) = PdfReader(io.BytesIO(set_by_typst([typst_formula("a slash b", "en")]))).pages
    assert "/" in page.extract_text()


def test_typst_does_not_know_other_names():
    with pytest.raises(typst.TypstError, match="unknown variable: unknown"):
        set_by_typst([{"source": "unknown", "alt": "?"}])


@pytest.mark.parametrize(
    "hostile",
    ['"\\" #panic() "x"', "#panic()", "#sys.version", '"a\\"', "x $ #panic() $", "sys.inputs"],
)
def test_what_typst_would_run_never_reaches_it(hostile):
    with pytest.raises(ValueError, match="formula"):
        typst_formula(hostile, "en")


def set_by_typst(formulas):
    template = b"#for one in json(bytes(sys.inputs.all)) { formula(one, block: true) }"
    return typst.compile(
        typst_names() + template,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"all": json.dumps(formulas)},
    )


def test_prose_is_cut_into_text_formulas_and_stress():
    kinds = [span.kind for span in spans("*One $x$ word*, then $y = 2$.")]
    assert kinds == ["strong", "text", "math", "text"]
    assert on_one_line("Let $x_i$ be.") == "Let xᵢ be."


def test_the_words_in_a_formula_are_translated_or_missed():
    assert formula_in('k = 1 "or" k = 2', "fr") == 'k = 1 "ou" k = 2'
    with pytest.raises(KeyError):
        formula_in('k "unless" j', "fr")
